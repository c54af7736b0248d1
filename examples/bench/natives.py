ROUNDS = 150000


def line(i):
    level = "info"
    if i % 7 == 0:
        level = "warning"
    return str(i).rjust(6, "0") + " " + level + ": took " + str(i * 37 % 1000) + " ms"


def run(rounds):
    counts = {}
    total = 0
    for i in range(rounds):
        text = line(i)
        colon = text.find(":")
        level = text[7:colon]
        if level in counts:
            counts[level] += 1
        else:
            counts[level] = 1
        if level.startswith("warn"):
            total += int(text[0:6]) % 10
        parts = text[colon + 2:].split(" ")
        total += int(parts[1])
        if i % 1000 == 999:
            total += counts.pop("info")
    return total + counts["warning"]


print("checksum", run(ROUNDS))
