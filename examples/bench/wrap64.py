ROUNDS = 10000000


def run(rounds):
    state = 1
    negative = 0
    for _ in range(rounds):
        state = (state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        if state >= 0x8000000000000000:
            negative += 1
    if state >= 0x8000000000000000:
        return negative - (0x10000000000000000 - state) // 1099511627776
    return negative + state // 1099511627776


print("checksum", run(ROUNDS))
