ROUNDS = 1000


def run(rounds):
    text = ""
    for i in range(100):
        text += "the quick brown fox " + str(i) + " jumps over the lazy dog; "
    counts = {}
    for _ in range(rounds):
        for letter in text:
            if letter in counts:
                counts[letter] += 1
            else:
                counts[letter] = 1
    return counts["e"] * 100 + counts["9"] * 10 + counts["z"] + len(counts)


print("checksum", run(ROUNDS))
