const ROUNDS = 24000;

function line(start) {
  let text = "";
  for (let i = 0; i < 60; i++) {
    if (i > 0) text += ",";
    text += (start + i) * 7;
  }
  return text + ";";
}

function run(rounds) {
  let sum = 0;
  let last = "";
  for (let r = 0; r < rounds; r++) {
    const text = line(r % 500);
    if (text === last) return -1;
    sum = (sum + text.length) % 1000003;
    last = text;
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
