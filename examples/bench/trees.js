const ROUNDS = 1100;

class Node {
  constructor(a, b, c, weight) {
    this.a = a;
    this.b = b;
    this.c = c;
    this.weight = weight;
  }
}

function grow(depth, weight) {
  if (depth === 0) return new Node(null, null, null, weight);
  return new Node(
    grow(depth - 1, weight + 1),
    grow(depth - 1, weight + 2),
    grow(depth - 1, weight + 3),
    weight,
  );
}

function weigh(node) {
  if (node.a === null) return node.weight;
  return node.weight + weigh(node.a) + weigh(node.b) + weigh(node.c);
}

function run(rounds) {
  const kept = grow(9, 0);
  let sum = 0;
  for (let r = 0; r < rounds; r++) sum = (sum + weigh(grow(6, r))) % 1000003;
  return sum + weigh(kept);
}

console.log("checksum " + run(ROUNDS));
