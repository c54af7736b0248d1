ROUNDS = 200


def tak(x, y, z):
    if y >= x:
        return z
    return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))


def run(rounds):
    total = 0
    for i in range(rounds):
        total += tak(12, 7, i % 4)
    return total


print("checksum", run(ROUNDS))
