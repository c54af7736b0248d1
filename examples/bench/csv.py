ROUNDS = 24000


def line(start):
    text = ""
    for i in range(60):
        if i > 0:
            text += ","
        text += str((start + i) * 7)
    return text + ";"


def run(rounds):
    total = 0
    last = ""
    for r in range(rounds):
        text = line(r % 500)
        if text == last:
            return -1
        total = (total + len(text)) % 1000003
        last = text
    return total


print("checksum", run(ROUNDS))
