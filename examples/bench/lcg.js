const ROUNDS = 10000000;

function run(rounds) {
  let state = 1;
  let low = 0;
  for (let i = 0; i < rounds; i++) {
    state = state * 950706 % 2147483647;
    if (state < 1073741824) low++;
  }
  return low + state % 1000003;
}

console.log("checksum " + run(ROUNDS));
