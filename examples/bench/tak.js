const ROUNDS = 200;

function tak(x, y, z) {
  if (y >= x) return z;
  return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

function run(rounds) {
  let sum = 0;
  for (let i = 0; i < rounds; i++) sum += tak(12, 7, i % 4);
  return sum;
}

console.log("checksum " + run(ROUNDS));
