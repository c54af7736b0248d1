ROUNDS = 30000


class Ball:
    __slots__ = ("x", "y", "dx", "dy", "bounces")

    def __init__(self, x, y, dx, dy):
        self.x, self.y, self.dx, self.dy, self.bounces = x, y, dx, dy, 0


def move(ball):
    ball.x += ball.dx
    ball.y += ball.dy
    if ball.x < 0 or ball.x > 1000:
        ball.dx = -ball.dx
        ball.bounces += 1
    if ball.y < 0 or ball.y > 700:
        ball.dy = -ball.dy
        ball.bounces += 1


def run(rounds):
    balls = [Ball(i * 10, i * 7, i % 13 - 6, i % 11 - 5) for i in range(100)]
    for _ in range(rounds):
        for ball in balls:
            move(ball)
    total = 0
    for ball in balls:
        total = (total * 3 + ball.x + ball.y + ball.bounces) % 1000003
    return total


print("checksum", run(ROUNDS))
