const ROUNDS = 10000000;

function run(rounds) {
  let state = 1n;
  let negative = 0;
  for (let i = 0; i < rounds; i++) {
    state = BigInt.asIntN(64, state * 6364136223846793005n + 1442695040888963407n);
    if (state < 0n) negative++;
  }
  return negative + Number(state / 1099511627776n);
}

console.log("checksum " + run(ROUNDS));
