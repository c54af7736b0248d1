const ROUNDS = 120;
const SIZE = 2000;
const GAPS = [701, 301, 132, 57, 23, 10, 4, 1];

function sort(list) {
  for (const gap of GAPS) {
    for (let i = gap; i < list.length; i++) {
      const value = list[i];
      let at = i;
      while (at >= gap && list[at - gap] > value) {
        list[at] = list[at - gap];
        at -= gap;
      }
      list[at] = value;
    }
  }
}

function run(rounds) {
  let seed = 31;
  let sum = 0;
  for (let r = 0; r < rounds; r++) {
    const names = [];
    for (let i = 0; i < SIZE; i++) {
      seed = seed * 16807 % 2147483647;
      names.push("name-" + seed % 50000);
    }
    sort(names);
    for (let i = 1; i < SIZE; i++) {
      if (names[i] < names[i - 1]) return -1;
      sum = (sum + names[i].length * i) % 1000003;
    }
  }
  return sum;
}

console.log("checksum " + run(ROUNDS));
