ROUNDS = 140
SIDE = 100


def cave():
    grid = []
    seed = 4711
    for i in range(SIDE * SIDE):
        seed = seed * 16807 % 2147483647
        x = i % SIDE
        inside = 0 < x < SIDE - 1 and SIDE < i < SIDE * (SIDE - 1)
        grid.append(1 if inside and seed % 4 > 0 else 0)
    return grid


def fill(grid, start, number):
    stack = [start]
    filled = 0
    while len(stack) > 0:
        at = stack.pop()
        if grid[at] != 0 and grid[at] != number:
            grid[at] = number
            filled += 1
            stack.append(at - SIDE)
            stack.append(at - 1)
            stack.append(at + 1)
            stack.append(at + SIDE)
    return filled


def run(rounds):
    grid = cave()
    total = 0
    for r in range(rounds):
        total += fill(grid, SIDE * SIDE // 2 + r % 20, r + 2)
    return total


print("checksum", run(ROUNDS))
