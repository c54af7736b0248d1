const ROUNDS = 1800000;

function run(rounds) {
  const counts = new Map();
  let seed = 99;
  for (let i = 0; i < rounds; i++) {
    seed = seed * 16807 % 2147483647;
    const word = "word" + seed % 700;
    if (counts.has(word)) {
      counts.set(word, counts.get(word) + 1);
    } else {
      counts.set(word, 1);
    }
  }
  let sum = counts.size;
  for (let i = 0; i < 700; i++) {
    const word = "word" + i;
    if (counts.has(word)) sum = (sum + counts.get(word) * i) % 1000003;
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
