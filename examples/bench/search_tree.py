ROUNDS = 100
KEYS = 3000


class Node:
    __slots__ = ("key", "left", "right", "count")

    def __init__(self, key, count):
        self.key, self.left, self.right, self.count = key, None, None, count


def insert(root, key):
    at = root
    while at.key != key:
        if key < at.key:
            if at.left is None:
                at.left = Node(key, 0)
            at = at.left
        else:
            if at.right is None:
                at.right = Node(key, 0)
            at = at.right
    at.count += 1


def depths(node, depth):
    if node is None:
        return 0
    return node.count * depth + depths(node.left, depth + 1) + depths(node.right, depth + 1)


def run(rounds):
    seed = 2024
    total = 0
    for _ in range(rounds):
        root = Node(5000, 1)
        for _ in range(KEYS):
            seed = seed * 16807 % 2147483647
            insert(root, seed % 10000)
        total += depths(root, 1)
    return total


print("checksum", run(ROUNDS))
