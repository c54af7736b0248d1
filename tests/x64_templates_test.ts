// Templates against the interpreter, one family of opcodes at a time. Each program is generated: a function with the one
// operation in question, run hot on operands of one kind, so that it is specialised and compiled for them, and then on
// every value that may trouble it. What it prints has to be what the interpreter prints, byte for byte.
//
// The programs are kept free of run-time errors, except in the last test, where each error is a program of its own.

import { assert, assertEquals } from "@std/assert";
import { views } from "../core/memory.ts";
import { OPCODES } from "../core/opcodes.ts";
import { Proto } from "../core/program.ts";
import type { Backend, Runner } from "../core/backend.ts";
import { type RunOptions, runUnna } from "./support.ts";
import { x64 } from "../backends/x64/mod.ts";

await x64.prepare?.();
const ignore = !x64.probe().ok;

const WAYS: readonly { readonly name: string; readonly options: RunOptions }[] = [
  { name: "everything hot", options: { backend: "x64", threshold: 1 } },
  { name: "hot after 100", options: { backend: "x64", threshold: 100 } },
  { name: "everything hot, gc stress", options: { backend: "x64", threshold: 1, gcStress: true } },
];

/** Runs a program in the interpreter, where it has to end with `code`, and in native code, and compares. */
async function compare(source: string, code = 0): Promise<void> {
  const expected = await runUnna(source, { backend: "interp" });
  assertEquals(expected.code, code, expected.stderr);
  for (const { name, options } of WAYS) {
    assertEquals(await runUnna(source, options), expected, name);
  }
}

/**
 * The same, for a program that is hot for a while: and none of the opcodes, in whatever form, is left to the interpreter
 * more than `most` times by functions.
 */
async function compareNative(source: string, opcodes: readonly string[], most = 0): Promise<void> {
  await compare(source);
  const left = await countExits(source);
  for (const opcode of opcodes) {
    const count = left.get(opcode) ?? 0;
    assert(count <= most, `${opcode} was left ${count} times`);
  }
}

/** How often functions of a program left an opcode to the interpreter, by the name of its general form. */
async function countExits(source: string): Promise<Map<string, number>> {
  const left = new Map<string, number>();
  const record = (runner: Runner) => {
    for (const { loaded, pc, count } of runner.exits!()) {
      if (loaded.proto.name === "main") continue;
      const { name, general = name } = OPCODES[views.I32[loaded.word + Proto.CODE + pc] & 0xFF];
      left.set(general, count + (left.get(general) ?? 0));
    }
  };
  const backend: Backend = {
    ...x64,
    name: "recorded",
    open(context) {
      const runner = x64.open(context);
      const dispose = () => {
        record(runner);
        runner.dispose?.();
      };
      return { ...runner, dispose };
    },
  };
  const plugins = [{ name: "record", doc: "Counts exits.", backends: [backend] }];
  await runUnna(source, { backend: "recorded", threshold: 100, plugins });
  return left;
}

// ---- operands ----------------------------------------------------------------------------------------------------

const INTS = [
  "0",
  "1",
  "-1",
  "7",
  "-10",
  "2147483648",
  "4294967295",
  "4294967296",
  "-4294967297",
  "140737488355327", // the greatest of 48 bits
  "-140737488355328",
  "140737488355328",
  "-140737488355329",
  "9007199254740993", // no double has it
  "9223372036854775807",
  "(-9223372036854775807 - 1)",
];
const DOUBLES = [
  "0.0",
  "(-0.0)",
  "1.0",
  "-2.5",
  "4294967296.0",
  "140737488355328.0",
  "9007199254740992.0",
  "9.3e18",
  "1.0e308",
  "(1.0e308 * 10.0)",
  "(1.0e308 * 10.0 - 1.0e308 * 10.0)",
];
const STRINGS = [
  `""`,
  `"a"`,
  `"b"`,
  `"abc"`,
  `"abcd"`,
  `"abcdefg"`,
  `"abcdefgh"`,
  `"abcdefgi"`,
  `"abcdefghi"`,
  `"1"`,
  `("abc" + "defgh")`,
  `"${"long ".repeat(20)}"`,
  `("${"long ".repeat(19)}" + "long " + "")`,
];
const OTHERS = ["nil", "true", "false", "LIST", "TABLE", "identity"];
const NUMBERS = [...INTS, ...DOUBLES];
const ALL = [...NUMBERS, ...STRINGS, ...OTHERS];

const PRELUDE = `
var LIST = [1, 2];
var TABLE = map();
function identity(x) { return x; }
`;

/** Kinds of operands that a function is run hot on, two of each. */
const WARM: Readonly<Record<string, readonly [string, string]>> = {
  ints: ["5", "3"],
  doubles: ["5.5", "2.25"],
  strings: [`"s"`, `"t"`],
};

/**
 * A program that runs `body`, a function's statements on `a` and `b`, hot on each kind of `kinds`, and then on all pairs
 * of the two lists; and with each of `seconds` as a constant in the place of `b`.
 */
function program(
  body: string,
  kinds: readonly string[],
  firsts: readonly string[],
  seconds: readonly string[],
): string {
  const parts = [PRELUDE, `var FIRSTS = [${firsts}];`, `var SECONDS = [${seconds}];`];
  const ready = kinds.filter((kind) => WARM[kind] !== undefined);
  for (const kind of ready) {
    const [a, b] = WARM[kind];
    parts.push(`
function ${kind}(a, b) { ${body} }
for (var i = 0; i < 150; i += 1) ${kind}(${a}, ${b});
for (var first : FIRSTS) {
  for (var second : SECONDS) print ${kind}(first, second);
}`);
  }
  const constants = seconds.filter((second) => !second.startsWith("(") && !/^[A-Zi-]/.test(second));
  for (const [number, constant] of constants.entries()) {
    const kind = ready[number % ready.length];
    parts.push(`
function with${number}(a) { ${body.replace(/\bb\b/g, constant)} }
with${number}(${firsts[0]}); with${number}(${WARM[kind][0]}); with${number}(${WARM[kind][1]});
for (var first : FIRSTS) print with${number}(first);`);
  }
  return parts.join("\n");
}

// ---- operators ---------------------------------------------------------------------------------------------------

for (const operator of ["+", "-", "*", "/", "%"]) {
  Deno.test({ name: `numbers: ${operator}`, ignore }, async () => {
    // A divisor of 0 or of 0.0 is for the test of errors; so the lists do without.
    const seconds = NUMBERS.filter((n) => !/^\(?-?0/.test(n) || operator !== "/" && operator !== "%");
    await compare(program(`return a ${operator} b;`, ["ints", "doubles"], NUMBERS, seconds));
  });
}

for (const operator of ["<", "<=", ">", ">="]) {
  const body = `var n = 0; if (a ${operator} b) n += 1; if (!(a ${operator} b)) n += 2; return n;`;
  Deno.test(
    { name: `numbers: ${operator}`, ignore },
    () => compare(program(body, ["ints", "doubles"], NUMBERS, NUMBERS)),
  );
  Deno.test(
    { name: `strings: ${operator}`, ignore },
    () => compare(program(body, ["strings"], STRINGS, STRINGS)),
  );
}

for (const operator of ["==", "!="]) {
  const body = `var n = 0; if (a ${operator} b) n += 1; if (!(a ${operator} b)) n += 2; return n;`;
  Deno.test(
    { name: `everything: ${operator}`, ignore },
    () => compare(program(body, Object.keys(WARM), ALL, ALL)),
  );
}

Deno.test({ name: "joining strings", ignore }, async () => {
  const others = [...NUMBERS, "nil", "true", "LIST"];
  await compare(program("return a + b;", ["strings"], STRINGS, [...STRINGS, ...others]));
  await compare(program("return b + a;", ["strings"], STRINGS, [...STRINGS, ...others]));
});

Deno.test({ name: "truth, not, minus", ignore }, async () => {
  const truth = "var n = 0; if (a) n += 1; if (!a) n += 2; while (!a) { n += 4; a = 1; } return n;";
  await compare(program(truth, Object.keys(WARM), ALL, ["1"]));
  await compare(program("return !a;", Object.keys(WARM), ALL, ["1"]));
  await compare(program("return -a;", ["ints", "doubles"], NUMBERS, ["1"]));
  await compare(program("return +a;", ["ints", "doubles"], NUMBERS, ["1"]));
});

/** Numbers that look random and are the same each time, in [0, 1). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2C1B3C6D) + 0x9E3779B9 | 0;
    return ((state ^ state >>> 12) >>> 0) / 2 ** 32;
  };
}

/** A double as a literal of the language. */
function literal(x: number): string {
  const text = String(Math.abs(x)), sign = x < 0 || Object.is(x, -0) ? "-" : "";
  return `(${sign}${/[.e]/.test(text) ? text : `${text}.0`})`;
}

Deno.test({ name: "remainders of doubles, to the bit", ignore }, async () => {
  const random = randomNumbers(7);
  const any = (range: number) =>
    (random() < 0.5 ? -1 : 1) * (0.5 + random()) * 2 ** Math.floor((random() - 0.5) * range);
  const pairs = Array.from(
    { length: 600 },
    (_, i) => i % 2 === 0 ? [any(2040), any(2040)] : [any(60), any(8)],
  );
  const tiny = 5e-324;
  pairs.push([tiny, 1], [1, tiny], [1.7e308, tiny], [-6, 3], [6, -3], [-0, 5], [0.1, 0.1], [5, 1e308], [
    -5,
    1e308,
  ]);
  // A remainder is what the literal says, and a zero has the sign of the dividend.
  await compareNative(
    `function f(a, b) { return a % b; }
     function any(a, b) { return a % b; }
     function same(x, y) { return x == y && 1.0 / x == 1.0 / y; }
     var inf = 1.0e308 * 10.0;
     for (var i = 0; i < 150; i += 1) { f(i + 0.5, 0.75); any(i, 7); any(i + 0.5, 2); any(i, 0.75); }
     var rows = [${pairs.map(([a, b]) => `[${[a, b, a % b].map(literal)}]`)}];
     for (var row : rows) {
       if (!same(f(row[0], row[1]), row[2])) print row;
       if (!same(any(row[0], row[1]), row[2])) print row;
     }
     for (var x : [inf, -inf, inf - inf, 0.0, -0.0, 2.5, 7]) {
       for (var y : [inf, -inf, inf - inf, 0.0, -0.0, 2.5]) print [x, y, f(x, y), any(x, y)];
     }
     print [any(9007199254740993, 4.0), any(4.5, 140737488355329), any(140737488355328, 10)];`,
    ["MOD"],
    10, // integers of more than 48 bits beside doubles
  );
});

Deno.test({ name: "text of numbers, booleans and nil in joined strings", ignore }, async () => {
  const random = randomNumbers(11);
  const numbers = [
    0,
    -0,
    1e14,
    99999999999999,
    99999999999999.5,
    99999999999999.9,
    9.99999999999999999,
    0.1,
    0.3,
  ];
  // What lies between two decimals of 14 digits, and beside that.
  for (
    const x of [
      1234567890123.25,
      1234567890123.75,
      12345678901234.5,
      0.5,
      2.5,
      1 / 1024,
      3 / 2048,
      33 / 65536,
    ]
  ) {
    numbers.push(x, x * (1 + 2 ** -52), x * (1 - 2 ** -53));
  }
  for (let p = -6; p <= 16; p++) {
    numbers.push(10 ** p, 10 ** p * (1 - 2 ** -53), 10 ** p * (1 + 2 ** -52), 10 ** p - 0.5);
  }
  for (let i = 0; i < 900; i++) {
    numbers.push((random() < 0.5 ? -1 : 1) * (0.5 + random()) * 2 ** Math.floor(random() * 60 - 12));
  }
  for (let i = 0; i < 300; i++) numbers.push(Math.floor(random() * 2 ** 46) / 2 ** Math.floor(random() * 40));
  await compare(`
function after(s, x) { return s + x; }
function before(x, s) { return x + s; }
for (var i = 0; i < 150; i += 1) { after("s", "t"); after("s", i); before(i, "s"); }
for (var x : [${[
    ...numbers.map(literal),
    ...INTS,
    "true",
    "false",
    "nil",
  ]}]) { print after("", x); print before(x, "|"); }`);
  const texts = ["0.5", "-12.25", "1.0 / 3.0", "100.0", "true", "false", "nil", ...INTS];
  await compareNative(
    `function after(s, x) { return s + x; }
     function before(x, s) { return x + s; }
     for (var i = 0; i < 150; i += 1) { after("s", "t"); before("s", "t"); }
     for (var i = 0; i < 200; i += 1) for (var x : [${texts}]) { after("text ", x); before(x, " text"); }
     print after("", [1]) + before({}, "");`,
    ["ADD"],
    20, // portions of memory
  );
});

Deno.test({ name: "minus and plus of integers of 64 bits", ignore }, () =>
  compareNative(
    `function minus(x) { return -x; }
     function plus(x) { return +x; }
     for (var i = 0; i < 300; i += 1) { minus(i); plus(i); minus(i + 0.5); }
     for (var i = 0; i < 20; i += 1) for (var x : [${INTS}]) { print minus(x); print plus(x); }`,
    ["NEG", "PLUS"],
    20, // -2^47, whose negative has 49 bits
  ));

Deno.test({ name: "appending in place keeps older strings as they are", ignore }, () =>
  compare(`
function build(piece, rounds) {
  var s = "";
  var kept = [];
  for (var i = 0; i < rounds; i += 1) {
    s = s + piece;
    if (i % 97 == 0) push(kept, s);
    if (i % 193 == 0) { var other = s + "!"; push(kept, other + i); push(kept, i + other); }
    if (i % 389 == 0) s = s + s;
  }
  for (var k : kept) print length(k) + ":" + slice(k, length(k) - 1, length(k));
  return s;
}
for (var piece : ["a", "ab", "abc", "abcdefgh", "abcdefghijklm"]) {
  var first = build(piece, 900);
  print first == build(piece, 900);
  print length(first);
}
function count(n) { var s = ""; for (var i = -n; i < n; i += 1) s = s + i + ","; return s; }
print count(300);
`));

// ---- containers --------------------------------------------------------------------------------------------------

const KEYS = [...INTS, ...DOUBLES.filter((d) => !d.includes("- 1.0e308")), ...STRINGS, "true", "false"];

Deno.test({ name: "maps: get, set, has, count, keys of every kind", ignore }, () =>
  compare(`
var KEYS = [${KEYS}];
function set(m, k, v) { m[k] = v; }
function get(m, k) { return m[k]; }
function has_(m, k) { return has(m, k); }
function walk(m) { var keys = []; for (var k : m) push(keys, k); return keys; }
for (var round = 0; round < 4; round += 1) {
  var m = map();
  print get(m, "none"); print has_(m, 1);
  for (var i = 0; i < length(KEYS); i += 1) {
    set(m, KEYS[i], i);
    print get(m, KEYS[i]); print has_(m, KEYS[i]); print length(m);
  }
  for (var key : KEYS) print get(m, key);
  print walk(m); print m;
  for (var i = 0; i < 300; i += 1) { set(m, i, i); set(m, "k" + i, i); }
  for (var i = 0; i < 310; i += 1) { print get(m, i); print get(m, "k" + i); }
  for (var i = 0; i < 300; i += 3) remove(m, i);
  print walk(m);
  for (var i = 0; i < 40; i += 1) set(m, "new" + i, i);
  print walk(m);
  m["constant"] = 1; m["constant"] += 1; print m["constant"]; m[7] = 8; print m[7]; print m["nope"];
}
`));

Deno.test({ name: "maps: floats and large integers as keys, natively", ignore }, () =>
  compareNative(
    `function set(m, k, v) { m[k] = v; }
     function get(m, k) { return m[k]; }
     function has_(m, k) { return has(m, k); }
     var WIDE = 140737488355328;
     for (var round = 0; round < 3; round += 1) {
       var m = map();
       for (var i = 0; i < 200; i += 1) {
         set(m, i * 1.0, i); set(m, i + 0.5, -i); set(m, WIDE + i, i + 7); set(m, (WIDE + 1000 + i) * 1.0, i + 8);
         set(m, -WIDE - 1 - i, "n"); set(m, i * 1.0e300, "huge");
       }
       print length(m);
       var sum = 0;
       for (var i = 0; i < 200; i += 1) {
         if (get(m, i) != i || get(m, i * 1.0) != i || get(m, i + 0.5) != -i) print ["small", i];
         if (get(m, WIDE + i) != i + 7 || get(m, (WIDE + i) * 1.0) != i + 7) print ["large", i];
         if (get(m, WIDE + 1000 + i) != i + 8 || get(m, -WIDE - 1.0 - i) != "n") print ["larger", i];
         if (has_(m, -i - 0.5) || has_(m, WIDE + 500 + i) || has_(m, (WIDE + 500 + i) * 1.0)) print ["absent", i];
         if (has_(m, i) && has_(m, i * 1.0e300) && has_(m, WIDE + i * 1.0)) sum += 1;
       }
       print [sum, get(m, -0.0), get(m, 9.3e18), get(m, ${INTS.at(-1)})];
       print m;
       for (var k : keys(m)) if (type(k) != "int" && k < 1.0e300) remove(m, k);
       for (var i = 0; i < 900; i += 1) set(m, WIDE * 2.0 + i, i);
       print m;
     }`,
    ["GET_INDEX", "SET_INDEX", "HAS"],
    40, // portions of memory, and maps that do not fit one
  ));

Deno.test({ name: "maps: a million entries leave native code only for memory", ignore }, async () => {
  const fill = (entries: number) => `
    function fill(n) { var m = map(); for (var i = 0; i < n; i += 1) m[i * 7] = i; return m; }
    for (var i = 0; i < 120; i += 1) fill(i);
    var m = fill(${entries});
    print length(m); print m[21]; print m[${entries} * 7 - 7]; print m[1];
    for (var i = 0; i < ${entries}; i += 10) remove(m, i * 7);
    for (var i = 0; i < ${entries}; i += 10) m[-i - 1] = i;
    var sum = 0;
    for (var k : m) sum += m[k];
    print sum;`;
  await compare(fill(300));
  const source = fill(1_000_000), heap = 256 << 20;
  assertEquals(
    await runUnna(source, { backend: "x64", heap }),
    await runUnna(source, { backend: "interp", heap }),
  );
  const left = await countExits(
    `function fill(n) { var m = map(); for (var i = 0; i < n; i += 1) m["k" + i] = i; return m; }
     for (var i = 0; i < 3000; i += 1) fill(1 + i % 200);
     print length(fill(400000));`,
  );
  const exits = left.get("SET_INDEX") ?? 0;
  assert(exits > 0 && exits < 1500, `${exits} for 3000 maps`);
});

Deno.test({ name: "arrays: get, set, push, pop, append by index, beyond the end", ignore }, () =>
  compare(`
function get(a, i) { return a[i]; }
function set(a, i, v) { a[i] = v; }
function add(a, v) { push(a, v); }
function take(a) { return pop(a); }
function sum(a) { var s = 0; for (var x : a) s += x; return s; }
for (var round = 0; round < 4; round += 1) {
  var a = [];
  print take(a); print get(a, 0); print get(a, -1); print get(a, 4294967296); print get(a, ${INTS.at(-1)});
  for (var i = 0; i < 500; i += 1) { add(a, i); if (i % 7 == 0) take(a); }
  print a; print sum(a); print length(a); print get(a, length(a)); print get(a, length(a) - 1);
  for (var i = 0; i < 500; i += 1) set(a, length(a), i);
  set(a, length(a) + 5, 1);
  print a; print a[0]; print a[999999];
  var b = [1, 2, 3]; set(b, 3, 4); b[0] = "x"; print b; print [] ; print [[], [b]];
}
`));

Deno.test({ name: "containers whose kinds change: index and length", ignore }, () =>
  compare(`
var BOXES = [[1, 2, 3], "abc", {"a": 1}, [], "", map(), "\\x00\\xFF"];
function at(box, key) { return box[key]; }
function second(box) { return box[1]; }
function put(box, key, v) { box[key] = v; return box; }
function size(box) { return length(box); }
function all(box) { var out = []; for (var x : box) push(out, x); return out; }
for (var round = 0; round < 5; round += 1) {
  for (var box : BOXES) {
    print at(box, 0); print at(box, 1); print at(box, 2); print at(box, 100); print at(box, -1);
    print second(box); print size(box); print all(box);
  }
  print put([1], 0, 2); print put(map(), 0, 2); print put([1], 1, 2); print put(map(), "k", [1]);
}
`));

Deno.test({ name: "a map that changes while it is walked", ignore }, () =>
  compare(`
function walk(m, n) {
  var seen = [];
  for (var k : m) {
    push(seen, k);
    if (length(seen) % 3 == 0) remove(m, k);
    if (length(seen) % 5 == 0) remove(m, "k" + (length(seen) + 2));
    if (length(seen) < n) m["x" + length(seen)] = 1;
  }
  return seen;
}
for (var round = 1; round < 30; round += 1) {
  var m = map();
  for (var i = 0; i < round * 3; i += 1) m["k" + i] = i;
  print walk(m, round); print m; print walk(m, 0);
}
`));

// ---- structs, closures, calls ------------------------------------------------------------------------------------

Deno.test({ name: "fields of several types, and the length of strings", ignore }, () =>
  compare(`
struct A { x; y; }
struct B { y; x; }
struct C { length; x; }
function x(o) { return o.x; }
function setX(o, v) { o.x = v; }
function len(o) { return o.length; }
for (var round = 0; round < 60; round += 1) {
  var os = [A(1, 2), B(3, 4), C(5, 6), A(7, 8)];
  for (var o : os) { setX(o, x(o) + round); print x(o); print o; }
  print len("abc"); print len(C(9, 1)); print len("");
}
`));

Deno.test({ name: "closures with captures of their own and of others", ignore }, () =>
  compare(`
function outer(a, b) {
  var c = a + b;
  return function (d) {
    c += d;
    return function () { a += 1; return [a, c, d]; };
  };
}
function none() { return function () { return 1; }; }
for (var i = 0; i < 60; i += 1) {
  var f = outer(i, 2);
  var g = f(10);
  var h = f(20);
  print g(); print h(); print g(); print none()();
}
`));

Deno.test(
  { name: "calls with a window that a byte does not reach, and with many arguments", ignore },
  async () => {
    const names = (count: number, name: string) => Array.from({ length: count }, (_, i) => name + i);
    await compareNative(
      `struct P { x; y; }
     function add(a, b) { return a + b; }
     function many(${names(300, "p")}) { return p0 + p299; }
     function far(n) {
       ${names(270, "v").map((v) => `var ${v} = n;`).join(" ")}
       return add(v269, n) + many(${names(300, "").map((_, i) => i === 299 ? "n" : `${i}`)});
     }
     function deep(n) { ${
        names(260, "v").map((v) => `var ${v};`).join(" ")
      } v259 = n; if (n == 0) return 0; return v259 + deep(n - 1); }
     for (var i = 0; i < 400; i += 1) far(i);
     print far(1); print far(0.5); print far("s");
     print deep(200);
     function other(f) { ${names(270, "v").map((v) => `var ${v} = 1;`).join(" ")} return f(v269, 2); }
     for (var i = 0; i < 300; i += 1) other(add);
     print other(P); print other(ucoreMath.max);`,
      ["CALL_FAR"],
      10, // before callees are compiled, and where they are something else
    );
  },
);

Deno.test({ name: "awaiting what is there already", ignore }, () =>
  compareNative(
    `async function now(x) { return x; }
     async function later(x) { ucoreTimer.sleep(0); return x; }
     async function pass(x) { return await x; }
     function plain(x) { return await x; }
     var done = now("done");
     for (var i = 0; i < 300; i += 1) { plain(i); plain(done); plain([i]); pass(done); }
     print [plain(1), plain(0.5), plain("s"), plain(nil), plain(done), plain(now(now(5))), await pass(later(7))];
     var slow = later("slow");
     print plain(slow); print plain(slow);
     async function failing() { return nil - 1; }
     async function caught() { var f = failing(); ucoreTimer.sleep(0); return 1; }
     print await later(await pass(later(later(3))));`,
    ["AWAIT"],
    8, // those that wait
  ));

Deno.test({ name: "natives that are known, and others in their place", ignore }, async () => {
  for (const call of ["ucoreMath.sqrt(a)", "ucoreMath.floor(a)", "ucoreMath.abs(a)", "int(a)", "float(a)"]) {
    await compare(program(`return ${call};`, ["ints", "doubles"], NUMBERS, ["1"]));
  }
  for (
    const call of [
      "ucoreMath.min(a, b)",
      "ucoreMath.max(a, b)",
      "ucoreMath.max(a, b, 7)",
      "ucoreMath.pow(a, 2)",
    ]
  ) {
    await compare(program(`return ${call};`, ["ints", "doubles"], NUMBERS, NUMBERS));
  }
  await compare(program("return int(a);", ["strings"], [...STRINGS, ...OTHERS], ["1"]));
  await compare(`
function twice(f, x) { return f(f(x)); }
var fs = [ucoreMath.sqrt, ucoreMath.floor, int, float, ucoreMath.exp, function (x) { return x + 1; }];
for (var f : fs) {
  for (var i = 0; i < 200; i += 1) { print twice(f, i * 1.5); print twice(fs[i % 6], i); }
}
`);
});

// ---- errors ------------------------------------------------------------------------------------------------------

Deno.test({ name: "errors are the interpreter's, after everything before them", ignore }, async () => {
  const faults = [
    ["return a + b;", "1", "2", "nil", "1"],
    ["return a + b;", `"s"`, `"t"`, "nil", "nil"],
    ["return a / b;", "4", "2", "4", "0"],
    ["return a % b;", "4", "2", "9223372036854775807", "0"],
    ["return a / b;", "4.5", "2.5", "4", "0"],
    ["return a < b;", "1", "2", `"a"`, "1"],
    ["return a < b;", `"a"`, `"b"`, "nil", `"b"`],
    ["return -a;", "1", "1", `"a"`, "1"],
    ["return a[b];", "[1]", "0", "nil", "0"],
    ["return a[b];", "[1]", "0", "[1]", `"k"`],
    ["return a[b];", "map()", "1", "map()", "nil"],
    ["a[b] = 1; return a;", "[1]", "0", "[1]", "-1"],
    ["a[b] = 1; return a;", "map()", "0", "map()", "[1]"],
    ["a[b] = 1; return a;", "[1]", "0", `"s"`, "0"],
    ["push(a, b); return a;", "[]", "1", "1", "1"],
    ["return pop(a);", "[1]", "1", "nil", "1"],
    ["return length(a);", "[1]", "1", "7", "1"],
    ["return has(a, b);", "map()", "1", "[1]", "1"],
    ["return has(a, b);", "map()", "1", "map()", "nil"],
    ["for (var x : a) print x; return b;", "[1]", "1", "5", "1"],
    ["return a(b);", "identity", "1", "5", "1"],
    ["return a.x;", "P(1)", "1", "Q(1)", "1"],
    ["return ucoreMath.sqrt(a);", "4", "1", `"s"`, "1"],
    ["a.x = b; return a;", "P(1)", "1", "nil", "1"],
  ];
  for (const [body, a, b, badA, badB] of faults) {
    await compare(
      `${PRELUDE}
struct P { x; }
struct Q { y; }
function f(a, b) { ${body} }
for (var i = 0; i < 150; i += 1) f(${a}, ${b});
print "ready";
print f(${a}, ${b});
print f(${badA}, ${badB});
print "not reached";`,
      1,
    );
  }
});
