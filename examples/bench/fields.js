const ROUNDS = 30000;

class Ball {
  constructor(x, y, dx, dy) {
    this.x = x;
    this.y = y;
    this.dx = dx;
    this.dy = dy;
    this.bounces = 0;
  }
}

function move(ball) {
  ball.x += ball.dx;
  ball.y += ball.dy;
  if (ball.x < 0 || ball.x > 1000) {
    ball.dx = -ball.dx;
    ball.bounces++;
  }
  if (ball.y < 0 || ball.y > 700) {
    ball.dy = -ball.dy;
    ball.bounces++;
  }
}

function run(rounds) {
  const balls = [];
  for (let i = 0; i < 100; i++) balls.push(new Ball(i * 10, i * 7, i % 13 - 6, i % 11 - 5));
  for (let r = 0; r < rounds; r++) {
    for (const ball of balls) move(ball);
  }
  let sum = 0;
  for (const ball of balls) sum = (sum * 3 + ball.x + ball.y + ball.bounces) % 1000003;
  return sum;
}

console.log("checksum " + run(ROUNDS));
