const ROUNDS = 140;
const SIDE = 100;

function cave() {
  const grid = [];
  let seed = 4711;
  for (let i = 0; i < SIDE * SIDE; i++) {
    seed = seed * 16807 % 2147483647;
    const x = i % SIDE;
    const inside = x > 0 && x < SIDE - 1 && i > SIDE && i < SIDE * (SIDE - 1);
    grid.push(inside && seed % 4 > 0 ? 1 : 0);
  }
  return grid;
}

function fill(grid, start, round) {
  const stack = [start];
  let filled = 0;
  while (stack.length > 0) {
    const at = stack.pop();
    if (grid[at] !== 0 && grid[at] !== round) {
      grid[at] = round;
      filled++;
      stack.push(at - SIDE);
      stack.push(at - 1);
      stack.push(at + 1);
      stack.push(at + SIDE);
    }
  }
  return filled;
}

function run(rounds) {
  const grid = cave();
  let sum = 0;
  for (let r = 0; r < rounds; r++) sum += fill(grid, SIDE * SIDE / 2 + r % 20, r + 2);
  return sum;
}

console.log("checksum " + run(ROUNDS));
