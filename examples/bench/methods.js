const ROUNDS = 500000;

function addTo(self, amount) {
  self.total = (self.total + amount) % 10007;
  return self.total;
}

function scaleBy(self, amount) {
  self.total = (self.total * self.factor + amount) % 10007;
  return self.total;
}

function adder() {
  return { total: 0, apply: addTo };
}

function scaler(factor) {
  return { total: 1, factor, apply: scaleBy };
}

function run(rounds) {
  const objects = [adder(), scaler(3), adder(), scaler(7), scaler(11), adder()];
  let sum = 0;
  for (let r = 0; r < rounds; r++) {
    for (const object of objects) sum = (sum + object.apply(object, r)) % 1000003;
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
