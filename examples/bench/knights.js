const ROUNDS = 24;
const WIDTH = 4;
const HEIGHT = 5;
const STRIDE = 8;
const MOVES = [-17, -15, -10, -6, 6, 10, 15, 17];

function tours(board, square, left) {
  if (left === 0) return 1;
  let found = 0;
  board[square] = 1;
  for (const move of MOVES) {
    if (board[square + move] === 0) found += tours(board, square + move, left - 1);
  }
  board[square] = 0;
  return found;
}

function run(rounds) {
  const board = [];
  for (let i = 0; i < STRIDE * (HEIGHT + 4); i++) {
    const x = i % STRIDE - 2;
    const y = Math.trunc(i / STRIDE) - 2;
    board.push(x >= 0 && x < WIDTH && y >= 0 && y < HEIGHT ? 0 : 1);
  }
  let found = 0;
  for (let r = 0; r < rounds; r++) {
    const start = (Math.trunc(r / WIDTH) % HEIGHT + 2) * STRIDE + r % WIDTH + 2;
    found += tours(board, start, WIDTH * HEIGHT - 1);
  }
  return found;
}

console.log("checksum " + run(ROUNDS));
