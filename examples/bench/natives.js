const ROUNDS = 150000;

function line(i) {
  let level = "info";
  if (i % 7 === 0) level = "warning";
  return String(i).padStart(6, "0") + " " + level + ": took " + String(i * 37 % 1000) + " ms";
}

function run(rounds) {
  const counts = new Map();
  let total = 0;
  for (let i = 0; i < rounds; i++) {
    const text = line(i);
    const colon = text.indexOf(":");
    const level = text.slice(7, colon);
    if (counts.has(level)) {
      counts.set(level, counts.get(level) + 1);
    } else {
      counts.set(level, 1);
    }
    if (level.startsWith("warn")) total += Number(text.slice(0, 6)) % 10;
    const parts = text.slice(colon + 2).split(" ");
    total += Number(parts[1]);
    if (i % 1000 === 999) {
      total += counts.get("info");
      counts.delete("info");
    }
  }
  return total + counts.get("warning");
}

console.log("checksum " + run(ROUNDS));
