ROUNDS = 5000


def gcd(a, b):
    while b != 0:
        a, b = b, a % b
    return a


def run(rounds):
    total = 0
    for i in range(1, rounds + 1):
        for j in range(1, 501):
            total += gcd(i, j)
    return total


print("checksum", run(ROUNDS))
