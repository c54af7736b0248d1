const ROUNDS = 100;
const KEYS = 3000;

class Node {
  constructor(key, count) {
    this.key = key;
    this.left = null;
    this.right = null;
    this.count = count;
  }
}

function insert(root, key) {
  let at = root;
  while (at.key !== key) {
    if (key < at.key) {
      if (at.left === null) at.left = new Node(key, 0);
      at = at.left;
    } else {
      if (at.right === null) at.right = new Node(key, 0);
      at = at.right;
    }
  }
  at.count++;
}

function depths(node, depth) {
  if (node === null) return 0;
  return node.count * depth + depths(node.left, depth + 1) + depths(node.right, depth + 1);
}

function run(rounds) {
  let seed = 2024;
  let sum = 0;
  for (let r = 0; r < rounds; r++) {
    const root = new Node(5000, 1);
    for (let i = 0; i < KEYS; i++) {
      seed = seed * 16807 % 2147483647;
      insert(root, seed % 10000);
    }
    sum += depths(root, 1);
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
