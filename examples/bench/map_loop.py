ROUNDS = 12000


def run(rounds):
    stock = {}
    for i in range(500):
        stock["item" + str(i)] = i
    total = 0
    for _ in range(rounds):
        for item in stock:
            amount = stock[item]
            total += amount
            stock[item] = (amount * 5 + 3) % 1009
        total = total % 1000003
    return total


print("checksum", run(ROUNDS))
