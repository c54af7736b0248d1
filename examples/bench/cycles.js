const ROUNDS = 10000;

function cycle(c) {
  const seen = new Map();
  let x = c;
  let step = 0;
  while (!seen.has(x)) {
    seen.set(x, step);
    step++;
    x = (x * x + c) % 40009;
  }
  return step - seen.get(x);
}

function run(rounds) {
  let sum = 0;
  for (let c = 1; c <= rounds; c++) sum += cycle(c);
  return sum;
}

console.log("checksum " + run(ROUNDS));
