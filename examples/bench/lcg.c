#include <stdio.h>

enum { ROUNDS = 10000000 };

int main(void) {
    long long state = 1, low = 0;
    for (int i = 0; i < ROUNDS; i++) {
        state = state * 950706 % 2147483647;
        if (state < 1073741824) low++;
    }
    printf("checksum %lld\n", low + state % 1000003);
}
