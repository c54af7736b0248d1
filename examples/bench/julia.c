#include <stdio.h>

enum { ROUNDS = 2400 };
enum { WIDTH = 160 };

static int stay(double x, double y, double cx, double cy) {
    for (int n = 0; n < 80; n++) {
        double xx = x * x, yy = y * y;
        if (xx + yy > 4.0) return n;
        y = 2.0 * x * y + cy;
        x = xx - yy + cx;
    }
    return 80;
}

int main(void) {
    long long sum = 0;
    for (int row = 0; row < ROUNDS; row++) {
        double y = (row % 120) * 0.015625 - 0.9375;
        double cx = (row % 8) * 0.03125 - 0.875;
        for (int column = 0; column < WIDTH; column++) {
            sum += stay(column * 0.01953125 - 1.5625, y, cx, 0.15625);
        }
    }
    printf("checksum %lld\n", sum);
}
