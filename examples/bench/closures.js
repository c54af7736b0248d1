const ROUNDS = 300000;

function counter(step) {
  let count = 0;
  return () => {
    count = (count + step) % 10007;
    return count;
  };
}

function compose(f, g) {
  return (x) => f(g(x));
}

function run(rounds) {
  const counters = [];
  for (let i = 1; i <= 8; i++) counters.push(counter(i));
  const twice = (x) => x * 2;
  const offset = 17;
  const both = compose(twice, (x) => x + offset);
  let sum = 0;
  for (let r = 0; r < rounds; r++) {
    for (const next of counters) sum = (sum + both(next())) % 1000003;
    const fresh = counter(r);
    fresh();
    sum += fresh();
  }
  return sum % 1000003;
}

console.log("checksum " + run(ROUNDS));
