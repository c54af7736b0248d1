ROUNDS = 48
SIZE = 10000


def sift(heap, start, size):
    value = heap[start]
    at = start
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value


def sort(items):
    size = len(items)
    for i in range(size // 2 - 1, -1, -1):
        sift(items, i, size)
    for end in range(size - 1, 0, -1):
        items[0], items[end] = items[end], items[0]
        sift(items, 0, end)


def run(rounds):
    seed = 12345
    total = 0
    for _ in range(rounds):
        items = []
        for _ in range(SIZE):
            seed = seed * 16807 % 2147483647
            items.append(seed % 100000)
        sort(items)
        for i in range(0, SIZE, 100):
            total = (total * 7 + items[i]) % 1000003
    return total


print("checksum", run(ROUNDS))
