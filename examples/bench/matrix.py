ROUNDS = 120
SIZE = 50


def fill(size, salt):
    return [(i * salt % 17) * 0.125 for i in range(size * size)]


def multiply(a, b, out, size):
    for row in range(size):
        start = row * size
        for column in range(size):
            total = 0.0
            at = column
            for k in range(size):
                total += a[start + k] * b[at]
                at += size
            out[start + column] = total


def run(rounds):
    a, b, product = fill(SIZE, 5), fill(SIZE, 11), fill(SIZE, 0)
    trace = 0.0
    for r in range(rounds):
        multiply(a, b, product, SIZE)
        trace += product[r % SIZE * (SIZE + 1)]
        a[r % SIZE] = trace * 0.0001
    return int(trace * 1000.0)


print("checksum", run(ROUNDS))
