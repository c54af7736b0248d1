const ROUNDS = 40;

function distance(a, b) {
  const row = [];
  for (let j = 0; j <= b.length; j++) row.push(j);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0];
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      let best = diagonal;
      if (a[i - 1] !== b[j - 1]) best++;
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[b.length];
}

function sample(size, seed) {
  let text = "";
  for (let i = 0; i < size; i++) {
    seed = seed * 16807 % 2147483647;
    text += "acgt"[seed % 4];
  }
  return text;
}

function run(rounds) {
  const fixed = sample(250, 1);
  let sum = 0;
  for (let r = 0; r < rounds; r++) sum += distance(fixed, sample(200, r + 2));
  return sum;
}

console.log("checksum " + run(ROUNDS));
