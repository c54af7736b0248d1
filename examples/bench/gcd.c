#include <stdio.h>

enum { ROUNDS = 5000 };

static int gcd(int a, int b) {
    while (b != 0) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int main(void) {
    long long sum = 0;
    for (int i = 1; i <= ROUNDS; i++) {
        for (int j = 1; j <= 500; j++) sum += gcd(i, j);
    }
    printf("checksum %lld\n", sum);
}
