ROUNDS = 40


def distance(a, b):
    row = list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        diagonal = row[0]
        row[0] = i
        for j in range(1, len(b) + 1):
            best = diagonal
            if a[i - 1] != b[j - 1]:
                best += 1
            if row[j] + 1 < best:
                best = row[j] + 1
            if row[j - 1] + 1 < best:
                best = row[j - 1] + 1
            diagonal = row[j]
            row[j] = best
    return row[len(b)]


def sample(size, seed):
    text = ""
    for _ in range(size):
        seed = seed * 16807 % 2147483647
        text += "acgt"[seed % 4]
    return text


def run(rounds):
    fixed = sample(250, 1)
    total = 0
    for r in range(rounds):
        total += distance(fixed, sample(200, r + 2))
    return total


print("checksum", run(ROUNDS))
