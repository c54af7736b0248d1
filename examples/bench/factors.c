#include <stdio.h>
#include <string.h>

enum { ROUNDS = 60 };
enum { SIZE = 60000 };

static int factor[SIZE];

int main(void) {
    long long sum = 0;
    for (int r = 0; r < ROUNDS; r++) {
        int size = SIZE - r;
        memset(factor, 0, sizeof factor);
        for (int p = 2; p < size; p++) {
            if (factor[p] == 0) {
                for (int k = p; k < size; k += p) {
                    if (factor[k] == 0) factor[k] = p;
                }
            }
        }
        for (int i = 0; i < size; i++) sum = (sum + factor[i]) % 1000003;
    }
    printf("checksum %lld\n", sum);
}
