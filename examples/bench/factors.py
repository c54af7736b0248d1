ROUNDS = 60
SIZE = 60000


def smallest_factors(size):
    factor = []
    for _ in range(size):
        factor.append(0)
    for p in range(2, size):
        if factor[p] == 0:
            for k in range(p, size, p):
                if factor[k] == 0:
                    factor[k] = p
    return factor


def run(rounds):
    total = 0
    for r in range(rounds):
        for f in smallest_factors(SIZE - r):
            total = (total + f) % 1000003
    return total


print("checksum", run(ROUNDS))
