const ROUNDS = 48;
const SIZE = 10000;

function sift(heap, from, size) {
  const value = heap[from];
  let at = from;
  while (true) {
    let child = 2 * at + 1;
    if (child >= size) break;
    if (child + 1 < size && heap[child + 1] > heap[child]) child++;
    if (heap[child] <= value) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = value;
}

function sort(list) {
  const size = list.length;
  for (let i = Math.trunc(size / 2) - 1; i >= 0; i--) sift(list, i, size);
  for (let end = size - 1; end > 0; end--) {
    const largest = list[0];
    list[0] = list[end];
    list[end] = largest;
    sift(list, 0, end);
  }
}

function run(rounds) {
  let seed = 12345;
  let sum = 0;
  for (let r = 0; r < rounds; r++) {
    const list = [];
    for (let i = 0; i < SIZE; i++) {
      seed = seed * 16807 % 2147483647;
      list.push(seed % 100000);
    }
    sort(list);
    for (let i = 0; i < SIZE; i += 100) sum = (sum * 7 + list[i]) % 1000003;
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
