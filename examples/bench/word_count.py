ROUNDS = 1800000


def run(rounds):
    counts = {}
    seed = 99
    for _ in range(rounds):
        seed = seed * 16807 % 2147483647
        word = "word" + str(seed % 700)
        if word in counts:
            counts[word] += 1
        else:
            counts[word] = 1
    total = len(counts)
    for i in range(700):
        word = "word" + str(i)
        if word in counts:
            total = (total + counts[word] * i) % 1000003
    return total


print("checksum", run(ROUNDS))
