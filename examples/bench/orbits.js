const ROUNDS = 300000;

class Planet {
  constructor(x, y, vx, vy) {
    this.x = x;
    this.y = y;
    this.vx = vx;
    this.vy = vy;
  }
}

function move(p, dt) {
  const d2 = p.x * p.x + p.y * p.y;
  const pull = dt / (d2 * Math.sqrt(d2));
  p.vx -= p.x * pull;
  p.vy -= p.y * pull;
  p.x += p.vx * dt;
  p.y += p.vy * dt;
}

function run(rounds) {
  const planets = [];
  for (let i = 1; i <= 6; i++) planets.push(new Planet(i, 0, 0, 1 / Math.sqrt(i)));
  for (let r = 0; r < rounds; r++) {
    for (const p of planets) move(p, 0.001);
  }
  let sum = 0;
  for (const p of planets) sum += p.x * p.x + p.y * p.y;
  return Math.trunc(sum * 100000);
}

console.log("checksum " + run(ROUNDS));
