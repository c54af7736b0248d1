ROUNDS = 500000


def add_to(self, amount):
    self["total"] = (self["total"] + amount) % 10007
    return self["total"]


def scale_by(self, amount):
    self["total"] = (self["total"] * self["factor"] + amount) % 10007
    return self["total"]


def adder():
    return {"total": 0, "apply": add_to}


def scaler(factor):
    return {"total": 1, "factor": factor, "apply": scale_by}


def run(rounds):
    objects = [adder(), scaler(3), adder(), scaler(7), scaler(11), adder()]
    total = 0
    for r in range(rounds):
        for item in objects:
            total = (total + item["apply"](item, r)) % 1000003
    return total


print("checksum", run(ROUNDS))
