ROUNDS = 20000000


def run(rounds):
    total, sign, odd = 0.0, 4.0, 1.0
    for _ in range(rounds):
        total += sign / odd
        sign = -sign
        odd += 2.0
    return int(total * 100000000.0)


print("checksum", run(ROUNDS))
