#include <stdio.h>

enum { ROUNDS = 24 };
enum { WIDTH = 4, HEIGHT = 5, STRIDE = 8 };

static const int MOVES[] = { -17, -15, -10, -6, 6, 10, 15, 17 };
static int board[STRIDE * (HEIGHT + 4)];

static int tours(int square, int left) {
    if (left == 0) return 1;
    int found = 0;
    board[square] = 1;
    for (int i = 0; i < 8; i++) {
        if (board[square + MOVES[i]] == 0) found += tours(square + MOVES[i], left - 1);
    }
    board[square] = 0;
    return found;
}

int main(void) {
    for (int i = 0; i < STRIDE * (HEIGHT + 4); i++) {
        int x = i % STRIDE - 2, y = i / STRIDE - 2;
        board[i] = x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT ? 0 : 1;
    }
    int found = 0;
    for (int r = 0; r < ROUNDS; r++) {
        int start = (r / WIDTH % HEIGHT + 2) * STRIDE + r % WIDTH + 2;
        found += tours(start, WIDTH * HEIGHT - 1);
    }
    printf("checksum %d\n", found);
}
