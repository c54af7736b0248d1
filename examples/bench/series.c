#include <stdio.h>

enum { ROUNDS = 20000000 };

int main(void) {
    double sum = 0.0, sign = 4.0, odd = 1.0;
    for (int i = 0; i < ROUNDS; i++) {
        sum += sign / odd;
        sign = -sign;
        odd += 2.0;
    }
    printf("checksum %lld\n", (long long)(sum * 100000000.0));
}
