// Templates against the interpreter, one family of opcodes at a time. Each program is generated: a function with the one
// operation in question, run hot on operands of one kind, so that it is specialised and compiled for them, and then on
// every value that may trouble it. What it prints has to be what the interpreter prints, byte for byte.
//
// The programs are kept free of run-time errors, except in the last test, where each error is a program of its own.

import { assertEquals } from "@std/assert";
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
