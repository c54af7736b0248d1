const ROUNDS = 60;
const SIZE = 60000;

function smallestFactors(size) {
  const factor = [];
  for (let i = 0; i < size; i++) factor.push(0);
  for (let p = 2; p < size; p++) {
    if (factor[p] === 0) {
      for (let k = p; k < size; k += p) {
        if (factor[k] === 0) factor[k] = p;
      }
    }
  }
  return factor;
}

function run(rounds) {
  let sum = 0;
  for (let r = 0; r < rounds; r++) {
    for (const f of smallestFactors(SIZE - r)) sum = (sum + f) % 1000003;
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
