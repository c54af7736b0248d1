#include <stdio.h>

enum { ROUNDS = 200 };

static int tak(int x, int y, int z) {
    if (y >= x) return z;
    return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

int main(void) {
    long long sum = 0;
    for (int i = 0; i < ROUNDS; i++) sum += tak(12, 7, i % 4);
    printf("checksum %lld\n", sum);
}
