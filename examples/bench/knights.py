ROUNDS = 24
WIDTH = 4
HEIGHT = 5
STRIDE = 8
MOVES = [-17, -15, -10, -6, 6, 10, 15, 17]


def tours(board, square, left):
    if left == 0:
        return 1
    found = 0
    board[square] = 1
    for move in MOVES:
        if board[square + move] == 0:
            found += tours(board, square + move, left - 1)
    board[square] = 0
    return found


def run(rounds):
    board = []
    for i in range(STRIDE * (HEIGHT + 4)):
        x = i % STRIDE - 2
        y = i // STRIDE - 2
        board.append(0 if 0 <= x < WIDTH and 0 <= y < HEIGHT else 1)
    found = 0
    for r in range(rounds):
        start = (r // WIDTH % HEIGHT + 2) * STRIDE + r % WIDTH + 2
        found += tours(board, start, WIDTH * HEIGHT - 1)
    return found


print("checksum", run(ROUNDS))
