ROUNDS = 12000


def mapped(items, f):
    out = []
    for x in items:
        out.append(f(x))
    return out


def filtered(items, keep):
    out = []
    for x in items:
        if keep(x):
            out.append(x)
    return out


def folded(items, start, combine):
    result = start
    for x in items:
        result = combine(result, x)
    return result


def run(rounds):
    numbers = [i * 37 % 1009 for i in range(200)]
    total = 0
    for r in range(rounds):
        odd = filtered(numbers, lambda x: (x + r) % 2 == 1)
        squares = mapped(odd, lambda x: x * x % 1009)
        total = folded(squares, total, lambda so_far, x: (so_far + x) % 1000003)
    return total


print("checksum", run(ROUNDS))
