const ROUNDS = 20000000;

function run(rounds) {
  let sum = 0, sign = 4, odd = 1;
  for (let i = 0; i < rounds; i++) {
    sum += sign / odd;
    sign = -sign;
    odd += 2;
  }
  return Math.trunc(sum * 100000000);
}

console.log("checksum " + run(ROUNDS));
