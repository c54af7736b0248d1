const ROUNDS = 120;
const SIZE = 50;

function fill(size, salt) {
  const m = [];
  for (let i = 0; i < size * size; i++) m.push((i * salt % 17) * 0.125);
  return m;
}

function multiply(a, b, out, size) {
  for (let row = 0; row < size; row++) {
    const start = row * size;
    for (let column = 0; column < size; column++) {
      let sum = 0;
      let at = column;
      for (let k = 0; k < size; k++) {
        sum += a[start + k] * b[at];
        at += size;
      }
      out[start + column] = sum;
    }
  }
}

function run(rounds) {
  const a = fill(SIZE, 5), b = fill(SIZE, 11), product = fill(SIZE, 0);
  let trace = 0;
  for (let r = 0; r < rounds; r++) {
    multiply(a, b, product, SIZE);
    trace += product[r % SIZE * (SIZE + 1)];
    a[r % SIZE] = trace * 0.0001;
  }
  return Math.trunc(trace * 1000);
}

console.log("checksum " + run(ROUNDS));
