const ROUNDS = 5000;

function gcd(a, b) {
  while (b !== 0) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

function run(rounds) {
  let sum = 0;
  for (let i = 1; i <= rounds; i++) {
    for (let j = 1; j <= 500; j++) sum += gcd(i, j);
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
