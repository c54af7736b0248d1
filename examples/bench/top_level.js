const ROUNDS = 4000000;

let a = 0;
let b = 1;
let odd = 0;
for (let i = 0; i < ROUNDS; i++) {
  const next = (a + b) % 1000003;
  a = b;
  b = next;
  if (b % 2 === 1) odd++;
}

console.log("checksum " + (odd + b));
