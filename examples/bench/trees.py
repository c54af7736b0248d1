ROUNDS = 1100


class Node:
    __slots__ = ("a", "b", "c", "weight")

    def __init__(self, a, b, c, weight):
        self.a, self.b, self.c, self.weight = a, b, c, weight


def grow(depth, weight):
    if depth == 0:
        return Node(None, None, None, weight)
    return Node(grow(depth - 1, weight + 1), grow(depth - 1, weight + 2), grow(depth - 1, weight + 3), weight)


def weigh(node):
    if node.a is None:
        return node.weight
    return node.weight + weigh(node.a) + weigh(node.b) + weigh(node.c)


def run(rounds):
    kept = grow(9, 0)
    total = 0
    for r in range(rounds):
        total = (total + weigh(grow(6, r))) % 1000003
    return total + weigh(kept)


print("checksum", run(ROUNDS))
