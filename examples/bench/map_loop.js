const ROUNDS = 12000;

function run(rounds) {
  const stock = new Map();
  for (let i = 0; i < 500; i++) stock.set("item" + i, i);
  let sum = 0;
  for (let r = 0; r < rounds; r++) {
    for (const item of stock.keys()) {
      const amount = stock.get(item);
      sum += amount;
      stock.set(item, (amount * 5 + 3) % 1009);
    }
    sum = sum % 1000003;
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
