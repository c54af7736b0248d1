ROUNDS = 10000


def cycle(c):
    seen = {}
    x = c
    step = 0
    while x not in seen:
        seen[x] = step
        step += 1
        x = (x * x + c) % 40009
    return step - seen[x]


def run(rounds):
    total = 0
    for c in range(1, rounds + 1):
        total += cycle(c)
    return total


print("checksum", run(ROUNDS))
