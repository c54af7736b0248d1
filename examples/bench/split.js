const ROUNDS = 160;

function split(text, separator) {
  const parts = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === separator) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

function run(rounds) {
  let text = "first";
  let seed = 7;
  for (let i = 0; i < 4000; i++) {
    seed = seed * 16807 % 2147483647;
    text += " w" + seed % 100000;
  }
  let sum = 0;
  for (let r = 0; r < rounds; r++) {
    let at = 1;
    for (const part of split(text, " ")) {
      sum = (sum + part.length * at) % 1000003;
      at++;
    }
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
