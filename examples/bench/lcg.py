ROUNDS = 10000000


def run(rounds):
    state = 1
    low = 0
    for _ in range(rounds):
        state = state * 950706 % 2147483647
        if state < 1073741824:
            low += 1
    return low + state % 1000003


print("checksum", run(ROUNDS))
