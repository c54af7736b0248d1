ROUNDS = 2400
WIDTH = 160


def stay(x, y, cx, cy):
    for n in range(80):
        xx = x * x
        yy = y * y
        if xx + yy > 4.0:
            return n
        y = 2.0 * x * y + cy
        x = xx - yy + cx
    return 80


def run(rounds):
    total = 0
    for row in range(rounds):
        y = (row % 120) * 0.015625 - 0.9375
        cx = (row % 8) * 0.03125 - 0.875
        for column in range(WIDTH):
            total += stay(column * 0.01953125 - 1.5625, y, cx, 0.15625)
    return total


print("checksum", run(ROUNDS))
