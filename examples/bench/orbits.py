from math import sqrt

ROUNDS = 300000


class Planet:
    __slots__ = ("x", "y", "vx", "vy")

    def __init__(self, x, y, vx, vy):
        self.x, self.y, self.vx, self.vy = x, y, vx, vy


def move(p, dt):
    d2 = p.x * p.x + p.y * p.y
    pull = dt / (d2 * sqrt(d2))
    p.vx -= p.x * pull
    p.vy -= p.y * pull
    p.x += p.vx * dt
    p.y += p.vy * dt


def run(rounds):
    planets = [Planet(i * 1.0, 0.0, 0.0, 1.0 / sqrt(i * 1.0)) for i in range(1, 7)]
    for _ in range(rounds):
        for p in planets:
            move(p, 0.001)
    total = 0.0
    for p in planets:
        total += p.x * p.x + p.y * p.y
    return int(total * 100000.0)


print("checksum", run(ROUNDS))
