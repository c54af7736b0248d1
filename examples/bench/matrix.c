#include <stdio.h>

enum { ROUNDS = 120 };
enum { SIZE = 50 };

static double a[SIZE * SIZE], b[SIZE * SIZE], product[SIZE * SIZE];

static void fill(double *m, int salt) {
    for (int i = 0; i < SIZE * SIZE; i++) m[i] = (i * salt % 17) * 0.125;
}

static void multiply(void) {
    for (int row = 0; row < SIZE; row++) {
        int start = row * SIZE;
        for (int column = 0; column < SIZE; column++) {
            double sum = 0.0;
            int at = column;
            for (int k = 0; k < SIZE; k++) {
                sum += a[start + k] * b[at];
                at += SIZE;
            }
            product[start + column] = sum;
        }
    }
}

int main(void) {
    fill(a, 5);
    fill(b, 11);
    double trace = 0.0;
    for (int r = 0; r < ROUNDS; r++) {
        multiply();
        trace += product[r % SIZE * (SIZE + 1)];
        a[r % SIZE] = trace * 0.0001;
    }
    printf("checksum %lld\n", (long long)(trace * 1000.0));
}
