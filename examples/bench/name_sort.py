ROUNDS = 120
SIZE = 2000
GAPS = [701, 301, 132, 57, 23, 10, 4, 1]


def sort(items):
    for gap in GAPS:
        for i in range(gap, len(items)):
            value = items[i]
            at = i
            while at >= gap and items[at - gap] > value:
                items[at] = items[at - gap]
                at -= gap
            items[at] = value


def run(rounds):
    seed = 31
    total = 0
    for _ in range(rounds):
        names = []
        for _ in range(SIZE):
            seed = seed * 16807 % 2147483647
            names.append("name-" + str(seed % 50000))
        sort(names)
        for i in range(1, SIZE):
            if names[i] < names[i - 1]:
                return -1
            total = (total + len(names[i]) * i) % 1000003
    return total


print("checksum", run(ROUNDS))
