ROUNDS = 300000


def counter(step):
    count = 0

    def advance():
        nonlocal count
        count = (count + step) % 10007
        return count

    return advance


def compose(f, g):
    return lambda x: f(g(x))


def run(rounds):
    counters = [counter(i) for i in range(1, 9)]
    twice = lambda x: x * 2
    offset = 17
    both = compose(twice, lambda x: x + offset)
    total = 0
    for r in range(rounds):
        for advance in counters:
            total = (total + both(advance())) % 1000003
        fresh = counter(r)
        fresh()
        total += fresh()
    return total % 1000003


print("checksum", run(ROUNDS))
