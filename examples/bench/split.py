ROUNDS = 160


def split(text, separator):
    parts = []
    start = 0
    for i in range(len(text)):
        if text[i] == separator:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return parts


def run(rounds):
    text = "first"
    seed = 7
    for _ in range(4000):
        seed = seed * 16807 % 2147483647
        text += " w" + str(seed % 100000)
    total = 0
    for _ in range(rounds):
        at = 1
        for part in split(text, " "):
            total = (total + len(part) * at) % 1000003
            at += 1
    return total


print("checksum", run(ROUNDS))
