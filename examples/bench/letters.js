const ROUNDS = 1000;

function run(rounds) {
  let text = "";
  for (let i = 0; i < 100; i++) text += "the quick brown fox " + i + " jumps over the lazy dog; ";
  const counts = new Map();
  for (let r = 0; r < rounds; r++) {
    for (const letter of text) {
      if (counts.has(letter)) {
        counts.set(letter, counts.get(letter) + 1);
      } else {
        counts.set(letter, 1);
      }
    }
  }
  return counts.get("e") * 100 + counts.get("9") * 10 + counts.get("z") + counts.size;
}

console.log("checksum " + run(ROUNDS));
