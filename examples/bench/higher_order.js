const ROUNDS = 12000;

function mapped(list, f) {
  const out = [];
  for (const x of list) out.push(f(x));
  return out;
}

function filtered(list, keep) {
  const out = [];
  for (const x of list) {
    if (keep(x)) out.push(x);
  }
  return out;
}

function folded(list, start, combine) {
  let result = start;
  for (const x of list) result = combine(result, x);
  return result;
}

function run(rounds) {
  const numbers = [];
  for (let i = 0; i < 200; i++) numbers.push(i * 37 % 1009);
  let sum = 0;
  for (let r = 0; r < rounds; r++) {
    const odd = filtered(numbers, (x) => (x + r) % 2 === 1);
    const squares = mapped(odd, (x) => x * x % 1009);
    sum = folded(squares, sum, (total, x) => (total + x) % 1000003);
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
