const ROUNDS = 2400;
const WIDTH = 160;

function stay(x, y, cx, cy) {
  for (let n = 0; n < 80; n++) {
    const xx = x * x;
    const yy = y * y;
    if (xx + yy > 4) return n;
    y = 2 * x * y + cy;
    x = xx - yy + cx;
  }
  return 80;
}

function run(rounds) {
  let sum = 0;
  for (let row = 0; row < rounds; row++) {
    const y = (row % 120) * 0.015625 - 0.9375;
    const cx = (row % 8) * 0.03125 - 0.875;
    for (let column = 0; column < WIDTH; column++) {
      sum += stay(column * 0.01953125 - 1.5625, y, cx, 0.15625);
    }
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
