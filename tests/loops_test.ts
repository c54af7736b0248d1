/**
 * Loops whose numbers live in machine registers (passes/loops.ts, passes/loop_code.ts, backends/x64/loops.ts). A program
 * must not be able to tell that there is a second version of a loop, so it runs in the interpreter, in native code with
 * that version, and in native code without it; and so that not everything passes because nothing was planned, tests look
 * at the plans, and have single instructions of the second version counted.
 *
 * Function bodies are short and their edges many: tables give every template its case and every edge its value, and
 * random bodies look for what no table has thought of. `UNNA_LOOP_BODIES=10000` makes it look longer.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { Control, views } from "../core/memory.ts";
import type {
  AnyTarget,
  Backend,
  Code,
  HotFunction,
  JitEvent,
  LoopFacts,
  LoopPlan,
  LoopTemplate,
  LoopTemplates,
  NativeOptions,
  Place,
  Site,
} from "../core/backend.ts";
import { LOOPS } from "../backends/x64/loops.ts";
import { x64 } from "../backends/x64/mod.ts";
import { createRuntime, type RuntimeOptions } from "../mod.ts";
import { type Outcome, type RunOptions, runUnna, SMALL_HEAP } from "./support.ts";

await x64.prepare?.();
const here = x64.probe();
if (!here.ok) console.log(`Tests of loops in registers are skipped: ${here.because}`);

function test(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name, ignore: !here.ok, fn });
}

/** What became of a program, and of its hot code. */
interface Watched extends Outcome {
  readonly events: readonly JitEvent[];
  /** All loops that got a second version, in the order of compilation. */
  readonly plans: readonly LoopPlan[];
}

interface WatchOptions extends RunOptions {
  readonly native?: NativeOptions;
  /** Changes the target that functions are compiled for. */
  readonly change?: (target: AnyTarget) => AnyTarget;
}

/** Runs a program in native code and watches. */
async function watch(text: string, options: WatchOptions = {}): Promise<Watched> {
  const { native, change = (target) => target, ...rest } = options;
  const events: JitEvent[] = [];
  const backend: Backend = {
    ...x64,
    name: "watched",
    open: (context) =>
      x64.open({
        ...context,
        ...(native === undefined ? {} : { native }),
        compileHot: (hot: HotFunction, target: AnyTarget) => context.compileHot(hot, change(target)),
        observe: (event) => void events.push(event),
      }),
  };
  const plugin = { name: "watch", doc: "Watches native code.", backends: [backend] };
  const outcome = await runUnna(text, { threshold: 1, backend: "watched", plugins: [plugin], ...rest });
  const plans = compiledIn(events).flatMap(({ hot }) => hot.loops ?? []);
  return { ...outcome, events, plans };
}

const compiledIn = (events: readonly JitEvent[]): Code[] =>
  events.flatMap((event) => event.kind === "compiled" ? [event.code] : []);

const outcomeOf = ({ code, stdout, stderr }: Outcome): Outcome => ({ code, stdout, stderr });

/** Requires that a program does the same in the interpreter, and in native code with and without second versions. */
async function expectSame(text: string, options: WatchOptions = {}): Promise<Watched> {
  const { native: _, change: __, ...rest } = options;
  const expected = await runUnna(text, { ...rest, backend: "interp" });
  const without = await watch(text, { ...options, off: ["loops"] });
  assertEquals(outcomeOf(without), expected, "without second versions of loops");
  assertEquals(without.plans.length, 0);
  const watched = await watch(text, options);
  assertEquals(outcomeOf(watched), expected, `with second versions of loops, of\n${text}`);
  return watched;
}

/** The same for a program of which loops get a second version. */
async function expectPlanned(text: string, options: WatchOptions = {}): Promise<Watched> {
  const watched = await expectSame(text, options);
  assert(watched.plans.length > 0, `no loop got a second version, of\n${text}`);
  return watched;
}

/** The same for a program that is known to print this. */
async function expectOutput(text: string, stdout: string, options: WatchOptions = {}): Promise<Watched> {
  const watched = await expectPlanned(text, options);
  assertEquals([watched.stdout, watched.stderr], [stdout, ""]);
  return watched;
}

const times = (count: number, piece: (i: number) => string, separator = "") =>
  Array.from({ length: count }, (_, i) => piece(i)).join(separator);

// ---- every template ----------------------------------------------------------------------------------------------

/**
 * A function with a loop of this body, called with the arguments of each call. Integers are x, y, s, k and i, doubles
 * are u, v, w; the first lines of the body say so to the planner.
 */
function loopProgram(body: string, calls: readonly string[], says = SAYS): string {
  return `
struct Pair { n; r; }
var g = 3;
function next(n) { return n + 1; }
function note(n) { if (n > 5) g = n; }
function make() {
  var k = 1;
  function f(n, x, u, flag) {
    var s = 0; var y = 5; var v = 0.25; var w = 0.75; var c = 2;
    function bump() { c = c + 1; k = k + 1; }
    var a = [1, 2, 3, 4, 5, 6, 7, 8]; var o = Pair(4, 0.5);
    for (var i = 0; i < n; i += 1) {
      ${says}
      ${body}
    }
    bump();
    return [s, x, y, u, v, w, c, k, a, o];
  }
  return f;
}
var f = make();
${calls.map((call) => `print f(${call});`).join("\n")}
print g;
`;
}

const SAYS = "if (x > 9000) break; if (u > 9000.5) break;";
const ROUNDS = 1000;
const CALLS = [`${ROUNDS}, 7, 1.5, true`, `${ROUNDS}, 7, 1.5, true`];

type Row = keyof typeof LOOPS.templates & string;

/** A body for each row; where there is no second string, x and u are of one type in all calls. */
const BODIES: Record<Row, string> = {
  MOVE: "var z = x; x = y; y = z;",
  LOAD_NIL: "var z; if (z == x) s = s + 1;",
  LOAD_BOOL: "var z = true; if (z) s = s + 1;",
  LOAD_INT: "y = -32768;",
  LOAD_CONST: "y = 100000000000; v = 1.5;",
  NEG: "y = -x; v = -u;",
  JUMP: "if (i > x) s = s + 1; else s = s + 2;",
  JUMP_IF: "if (flag) continue;",
  JUMP_UNLESS: "if (flag) s = s + 1;",
  GET_GLOBAL: "s = s + g;",
  SET_GLOBAL: "g = i;",
  GET_CELL: "s = s + c;",
  SET_CELL: "c = i;",
  GET_CAPTURE: "s = s + k;",
  SET_CAPTURE: "k = i;",
  GET_INDEX_ARRAY: "s = s + a[i % 8];",
  GET_INDEX_K_ARRAY: "s = s + a[3];",
  SET_INDEX_ARRAY: "a[i % 8] = u;",
  SET_INDEX_K_ARRAY: "a[3] = i;",
  GET_FIELD_STRUCT: "s = s + o.n; v = v + o.r;",
  SET_FIELD_STRUCT: "o.n = i; o.r = u;",
  GET_FIELD_MODULE: "v = v + ucoreMath.floor(u);",
  CALL_ANY: "v = v + ucoreMath.sqrt(u);",
  PUSH: "push(a, i); y = pop(a);",
  POP: "push(a, i); y = pop(a);",
  LENGTH: "s = s + length(a);",
  RETURN: "s = s + next(x);",
  RETURN_NIL: "note(i);",
  FOR_NEXT: "for (var e : a) s = s + e;",
};
for (const [name, op] of Object.entries({ ADD: "+", SUB: "-", MUL: "*", DIV: "/" })) {
  BODIES[`${name}_II`] = `y = i ${op} x;`;
  BODIES[`${name}_FF`] = `v = u ${op} w;`;
  BODIES[`${name}_ANY`] = `v = u ${op} x;`;
  BODIES[`${name}_K_II`] = `y = i ${op} 3;`;
  BODIES[`${name}_K_FF`] = `v = u ${op} 0.75;`;
  BODIES[`${name}_K_ANY`] = `v = x ${op} 0.75;`;
}
BODIES.MOD_II = "y = i % x;";
BODIES.MOD_K_II = "y = i % 3;";
for (const [name, op] of Object.entries({ LT: "<", LE: "<=", GT: ">", GE: ">=" })) {
  for (const [row, then] of [[`JUMP_${name}`, "continue;"], [`JUMP_NOT_${name}`, "y = i;"]]) {
    if (op < "=" || op === "<=") {
      BODIES[`${row}_II`] = `if (i ${op} x) ${then}`;
      BODIES[`${row}_FF`] = `if (u ${op} w) ${then}`;
      BODIES[`${row}_ANY`] = `if (x ${op} u) ${then}`;
    }
    BODIES[`${row}_K_II`] = `if (i ${op} 500) ${then}`;
    BODIES[`${row}_K_FF`] = `if (u ${op} 1.5) ${then}`;
    BODIES[`${row}_K_ANY`] = `if (x ${op} 6.5) ${then}`;
  }
}
/** What x and y are is known from what only the second call does, while these rows have met floats in the first. */
const SAYS_LATE = "if (flag) { s = s + x; s = s + y; }";
for (const [row, op] of [["JUMP_EQ", "=="], ["JUMP_NE", "!="]]) {
  BODIES[`${row}_II`] = `if (i ${op} x) continue;`;
  BODIES[`${row}_FF`] = `if (u ${op} w) continue;`;
  BODIES[`${row}_ANY`] = `if (x ${op} y) continue; s = s + 1;`;
  BODIES[`${row}_K_II`] = `if (i ${op} 7) continue;`;
  BODIES[`${row}_K_FF`] = `if (u ${op} 1.5) continue;`;
  BODIES[`${row}_K_ANY`] = `if (x ${op} 7) continue; s = s + 1;`;
}
const LATE = /^JUMP_(EQ|NE)(_K)?_ANY$/;

function programFor(row: Row): string {
  if (!LATE.test(row)) return loopProgram(BODIES[row], CALLS);
  return loopProgram(BODIES[row], [`${ROUNDS}, 7.5, 1.5, false`, ...CALLS], SAYS_LATE);
}

/** A target that counts how often the second version executes instructions of a row. */
function countingTarget(target: AnyTarget, row: Row): AnyTarget {
  const counting = (template: LoopTemplate | null): LoopTemplate | null =>
    template && {
      ...template,
      write(asm, site) {
        target.count(asm);
        template.write(asm, site);
      },
    };
  const { loops } = target, original = (loops!.templates as LoopTemplates)[row];
  const changed = typeof original === "function"
    ? (facts: Parameters<typeof original>[0]) => counting(original(facts))
    : counting(original);
  return { ...target, loops: { ...loops!, templates: { ...loops!.templates, [row]: changed! } } };
}

test("each template of the second version has a case, which executes it", async () => {
  assertEquals(Object.keys(BODIES).sort(), Object.keys(LOOPS.templates).sort());
  for (const row of Object.keys(LOOPS.templates)) {
    const text = programFor(row);
    const expected = await runUnna(text, { backend: "interp" });
    assertEquals(expected.stderr, "", row);
    const watched = await watch(text, { change: (target) => countingTarget(target, row) });
    assertEquals(outcomeOf(watched), expected, row);
    const executed = views.I32[Control.EXECUTED_NATIVE];
    assert(executed >= ROUNDS / 2, `${row} was executed ${executed} times of ${ROUNDS}`);
  }
});

test("templates of the second version are made once: what is known of them is kept by the template", () => {
  const kinds = [null, "int", "double", "array", 7] as const;
  const constants = [{ low: 3, high: -1 << 16 }, { low: 0, high: 0x3FF80000 }, { low: 0, high: -1 }];
  let found = 0;
  for (const [name, row] of Object.entries(LOOPS.templates)) {
    if (typeof row !== "function") continue;
    for (const x of kinds) {
      for (const y of kinds) {
        for (const constant of constants) {
          const known = (place: Place) => place === "a" || place === "b" ? x : y;
          const facts: LoopFacts = {
            known,
            constant: () => constant,
            word: () => 7,
            b: 1,
            guess: () => null,
          };
          const template = row(facts);
          assert(row(facts) === template, `${name} makes a template each time it is asked`);
          if (template !== null) found++;
        }
      }
    }
  }
  assert(found > 0);
});

/** The target with templates that hand on the sites they are given. */
function tellingTarget(target: AnyTarget, tell: (site: object) => void): AnyTarget {
  const templates = Object.entries(target.templates).map(([name, template]) =>
    [
      name,
      template === "exit" ? template : (asm: unknown, site: Site) => {
        tell(site);
        template(asm, site);
      },
    ] as const
  );
  const telling = (template: LoopTemplate): LoopTemplate => ({
    ...template,
    write(asm, site) {
      tell(site);
      template.write(asm, site);
    },
  });
  const rows = Object.entries(target.loops!.templates).flatMap(([name, row]) =>
    typeof row === "function" ? [] : [[name, telling(row)] as const]
  );
  const loops = { ...target.loops!, templates: Object.fromEntries(rows) };
  return { ...target, templates: Object.fromEntries(templates), loops };
}

test("sites keep no functions, which would keep young garbage alive; exit can be taken out all the same", async () => {
  const sites = new Set<object>(), classes = new Set<unknown>();
  let exits = 0;
  const watched = await watch(loopProgram("s = s + x; a[i % 8] = u;", CALLS), {
    change: (target) =>
      tellingTarget(target, (site) => {
        sites.add(site);
        classes.add(site.constructor);
        if (!("patchPoint" in site)) return;
        const { exit } = site as Site;
        assert(exit("overflow") === (site as Site).exit("overflow"));
        exits++;
      }),
  });
  assertEquals([watched.stderr, classes.size, exits > 0], ["", 2, true]);
  for (const site of sites) {
    const kept = Object.entries(site).filter(([, value]) => typeof value === "function");
    assertEquals(kept, [], "fields with functions");
  }
});

test("the truth of a number is no reason to leave the second version", async () => {
  for (
    const [condition, plain] of [["x", "7, 1.5"], ["!x", "7, 1.5"], ["u", "7, 1.5"], ["x", "0, 1.5"], [
      "u",
      "7, 0.0",
    ]]
  ) {
    const text = loopProgram(`if (${condition}) s = s + 1; v = u - w;`, [`${ROUNDS}, ${plain}, true`]);
    const expected = await runUnna(text, { backend: "interp" });
    const watched = await watch(text, { change: (target) => countingTarget(target, "SUB_FF") });
    assertEquals(outcomeOf(watched), expected);
    const executed = views.I32[Control.EXECUTED_NATIVE];
    assert(executed >= ROUNDS / 2, `behind '${condition}' it went on ${executed} times of ${ROUNDS}`);
  }
});

// ---- edges of numbers --------------------------------------------------------------------------------------------

const INTS = [
  ...["0", "1", "-1", "2", "-2", "3", "7", "-7", "8", "10", "65535", "-32768", "32768", "2147483647"],
  ...["-2147483648", "2147483648", "4294967295", "4294967296", "-4294967296", "70368744177664"],
  ...["140737488355327", "-140737488355328", "140737488355328", "-140737488355329"],
  ...["4611686018427387904", "9223372036854775807", "-9223372036854775808"],
];
const DOUBLES = [
  ...["0.0", "-0.0", "1.0", "-1.0", "0.5", "-2.5", "3.0", "1e300", "-1e300", "5e-324", "4294967296.0"],
  ...[
    "140737488355328.0",
    "9007199254740993.0",
    "(1e300 * 1e300)",
    "(-1e300 * 1e300)",
    "(1e300 * 1e300 * 0.0)",
  ],
];
const OPERATORS = ["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!="];
const isRelation = (op: string) => /[<>=]/.test(op);

/** Statements that put what `x op y` gives, or whether it holds, into the array `out`. */
const use = (x: string, op: string, y: string) =>
  isRelation(op)
    ? `var r = 0; if (${x} ${op} ${y}) r = 1; push(out, r); if (!(${x} ${op} ${y})) r = r + 2; push(out, r);`
    : `push(out, ${x} ${op} ${y});`;

/** Of integers, / and % by zero fail; that is another test. */
const divides = (op: string, y: string) => op !== "/" && op !== "%" || y !== "0";

/** Runs `op` on pairs in registers, each side an array; 300 rounds with plain numbers let the loop get its forms. */
function pairsProgram(op: string, xs: readonly string[], ys: readonly string[]): string {
  const pairs = xs.flatMap((x) => ys.filter((y) => divides(op, y)).map((y) => [x, y]));
  const plainX = xs.includes("7") ? "i" : "i + 0.25", plainY = ys.includes("7") ? "3" : "1.5";
  return `
var xs = [${pairs.map(([x]) => x).join(", ")}]; var ys = [${pairs.map(([, y]) => y).join(", ")}];
var plainXs = []; var plainYs = [];
for (var i = 0; i < 300; i += 1) { push(plainXs, ${plainX}); push(plainYs, ${plainY}); }
function f(xs, ys) {
  var out = [];
  for (var i = 0; i < length(xs); i += 1) { var x = xs[i]; var y = ys[i]; ${use("x", op, "y")} }
  return out;
}
f(plainXs, plainYs); f(plainXs, plainYs);
print f(xs, ys);
for (var i = 0; i < length(xs); i += 1) { push(plainXs, xs[i]); push(plainYs, ys[i]); }
print f(plainXs, plainYs);
`;
}

for (const op of OPERATORS) {
  test(`edges of numbers in registers: ${op}`, async () => {
    for (const [xs, ys] of [[INTS, INTS], [DOUBLES, DOUBLES], [INTS, DOUBLES], [DOUBLES, INTS]]) {
      await expectPlanned(pairsProgram(op, xs, ys));
    }
  });

  test(`edges of numbers as constants: ${op}`, async () => {
    for (const [xs, plain] of [[INTS, "i"], [DOUBLES, "i + 0.25"]] as const) {
      const constants = [...INTS, ...DOUBLES].filter((y) => /^[\d.e]+$/.test(y) && divides(op, y));
      await expectPlanned(`
var xs = [${xs.join(", ")}]; var plain = [];
for (var i = 0; i < 300; i += 1) push(plain, ${plain});
${
        constants.map((y, n) => `
function f${n}(xs) {
  var out = [];
  for (var i = 0; i < length(xs); i += 1) { var x = xs[i]; ${use("x", op, y)} }
  return out;
}
f${n}(plain); f${n}(plain);
print f${n}(xs);`).join("\n")
      }
`);
    }
  });
}

test("a sum in place that overflows is taken back before anybody looks", async () => {
  // In the 148th round, and in each one after that, the sum no longer fits 48 bits.
  for (const step of ["1000000000000", "-1000000000000", "x"]) {
    for (const op of ["+", "-"]) {
      await expectOutput(
        `function f(n, x) {
           var s = 0; var before = 0;
           for (var i = 0; i < n; i += 1) { before = s; s = s ${op} ${step}; if (s - before != 0 ${op} ${step}) return "lost"; }
           return [s - before, before - before];
         }
         print f(140, 1000000000000);
         print f(300, 1000000000000);`,
        `[${op === "-" === step.startsWith("-") ? "" : "-"}1000000000000, 0]\n`.repeat(2),
      );
    }
  }
});

test("a sum with itself, a difference from itself, and results in place of either operand", async () => {
  await expectPlanned(
    `function f(n) {
       var a = 1; var b = 3; var c = 0.5; var d = 0.25; var log = [];
       for (var i = 0; i < n; i += 1) {
         a = a + a; if (a > 100000000000000) a = 1;
         b = i - b; b = b - i; b = b * b % 1000;
         c = c + c; if (c > 1e9) c = 0.5;
         d = 2.0 - d; d = d / c; d = c - d;
         if (i % 50 == 7) { push(log, a); push(log, b); push(log, c); push(log, d); }
       }
       return log;
     }
     print f(500); print f(500);`,
  );
});

// ---- what flows through a loop -----------------------------------------------------------------------------------

/** Programs with something in or around their loops; each has loops that get a second version. */
const FLOWS: Record<string, string> = {
  "swaps and chains of copies": `
function f(n) {
  var a = 0; var b = 1; var c = 2; var u = 0.5; var v = 1.5; var x = 0;
  for (var i = 0; i < n; i += 1) {
    var t = a; a = b; b = c; c = t + 1;
    var w = u; u = v; v = w + 0.25;
    x = a; var y = x; var z = y; a = z + b - b;
  }
  return [a, b, c, u, v, x];
}
print f(1000); print f(7);`,

  "registers that change their type": `
function f(n, x) {
  var log = [];
  for (var i = 0; i < n; i += 1) {
    if (i % 7 == 3) x = x + 0.5;
    if (i % 7 == 5) x = 3;
    x = x + 1;
    if (i % 100 == 50) push(log, x);
  }
  return [x, log];
}
print f(1000, 1); print f(1000, 0.25); print f(13, 1);`,

  "a register that is an int on one way and a double on the other": `
function f(n) {
  var s = 0; var t = 0.5; var out = [];
  for (var i = 0; i < n; i += 1) {
    var x = i;
    if (i % 3 == 0) x = t;
    if (i % 5 == 0) push(out, x);
    s = s + 1; t = t + 0.5;
    if (i % 2 == 0) { var y = x; x = s; } else x = x + 1;
    if (i % 11 == 0) push(out, x);
  }
  return [s, t, out];
}
print f(300); print f(300);`,

  "more numbers than homes": `
function f(n) {
  ${times(20, (i) => `var a${i} = ${i};`)} ${times(30, (i) => `var d${i} = ${i}.5;`)}
  for (var i = 0; i < n; i += 1) {
    ${times(20, (i) => `a${i} = a${(i + 1) % 20} + a${i} % ${i + 2};`)}
    ${times(30, (i) => `d${i} = d${(i + 7) % 30} * 0.5 + d${i};`)}
    if (a3 > 1000000) a3 = 0;
    if (d5 > 1e100) { ${times(30, (i) => `d${i} = ${i}.25;`)} }
  }
  return [${times(20, (i) => `a${i}`, ", ")}, ${times(30, (i) => `d${i}`, ", ")}];
}
print f(600); print f(600);`,

  "more arrays and structs than homes": `
struct Box { v; w; }
function f(n) {
  ${times(10, (i) => `var a${i} = [${i}, ${i}.5, 2]; var b${i} = Box(${i}, ${i}.5);`)} var s = 0; var t = 0.0;
  for (var i = 0; i < n; i += 1) {
    ${
    times(10, (i) =>
      `s = s + a${i}[0]; a${i}[0] = i % 7 + ${i}; t = t + a${i}[1] + b${i}.w; b${i}.v = s % 5; s = s + b${i}.v;`)
  }
    ${times(10, (i) => `push(a${i}, i); s = s + pop(a${i}) + length(a${i});`)}
    if (i % 50 == 49) { ${times(10, (i) => `a${i}[length(a${i})] = i;`)} }
  }
  return [s, t, ${times(10, (i) => `a${i}, b${i}.v`, ", ")}];
}
function g(n) {
  ${times(8, (i) => `var a${i} = [${i}, ${i}, 2];`)} var s = 0; var k = 0; var lists = [[1, 2, 3], [4], []];
  while (k < n) {
    ${times(8, (i) => `s = s + a${i}[k % 3]; a${i}[k % 3] = s % 9;`)}
    k = k + 1;
  }
  for (var e : lists[k % 2]) { ${times(8, (i) => `s = s + a${i}[0] * e;`)} }
  return s;
}
print f(300); print f(300); for (var i = 0; i < 30; i += 1) print g(100 + i);`,

  "break, continue and return in the middle": `
function f(n, stop) {
  var s = 0; var t = 0.0;
  for (var i = 0; i < n; i += 1) {
    s = s + i;
    if (i % 3 == 1) continue;
    t = t + 0.5;
    if (s > stop) break;
    if (t > 190.0) return [s, t, i];
    s = s - 1;
  }
  return [t, s];
}
for (var stop : [100, 10000, 1000000, -1]) { print f(1000, stop); print f(300, stop); }`,

  "joins where one way has written": `
function f(n) {
  var a = 0; var b = 0; var u = 0.0; var c = 9; var log = [];
  for (var i = 0; i < n; i += 1) {
    if (i % 4 == 0) { a = a + 1; u = u + 0.5; } else if (i % 4 == 1) b = b + a; else if (i % 4 == 2) { c = b; }
    if (i % 3 == 0) { if (u > 10.0) u = u - 9.5; } else c = c - 1;
    if (c < -100) c = a;
    if (i % 64 == 63) push(log, [a, b, c, u]);
  }
  return [a, b, c, u, log];
}
print f(1000); print f(3);`,

  "a test at the bottom that is too large to stand twice": `
function f(n) {
  var i = 0; var s = 0;
  while (i * 3 + s % 7 - s % 7 + i - i + 1 - 1 < n * 3 + s - s && s + 1 - 1 + i * 0 < 100000 + i * 0) { i += 1; s += i % 5; }
  return [i, s];
}
print f(800); print f(0); print f(800);`,

  "effects before a guard that fails": `
function f(n, odd) {
  var log = []; var s = 0; var o = [0];
  for (var i = 0; i < n; i += 1) {
    push(log, i);
    o[0] = o[0] + 1;
    var x = odd[i];
    s = s + x;
    push(log, s);
  }
  return [length(log), o, s, log[length(log) - 1]];
}
var odd = []; for (var i = 0; i < 400; i += 1) push(odd, i);
print f(400, odd); print f(400, odd);
odd[0] = 0.5; print f(400, odd);
odd[0] = 1; odd[100] = 140737488355327; print f(400, odd);
odd[399] = "end"; print f(400, odd);
odd[399] = nil; print f(400, odd);`,

  "a number that is known to be of another type than it is taken for": `
function f(a, c, n) {
  var s = 0; var t = 0.0;
  for (var i = 0; i < n; i += 1) {
    var x = a[i];
    if (c[i] == 1) s = s + x; else t = t + x;
  }
  return [s, t];
}
var a = []; var b = []; var c = [];
for (var i = 0; i < 500; i += 1) { push(c, i % 2); push(b, i); if (i % 2 == 1) push(a, i); else push(a, 0.5); }
for (var r = 0; r < 5; r += 1) print f(a, c, 500);
print f(b, c, 500);`,

  "arrays of mixed items, read and written": `
function f(a, n) {
  var s = 0; var t = 0.0; var others = 0;
  for (var i = 0; i < n; i += 1) {
    var x = a[i % length(a)];
    if (x == nil) others = others + 1;
    else if (type(x) == "int") { s = s + x; a[i % length(a)] = s % 100; }
    else if (type(x) == "float") { t = t + x; a[i % length(a)] = t; if (t > 1e6) t = 0.5; }
    else a[i % length(a)] = i;
  }
  return [s, t, others, a];
}
print f([1, 0.5, "x", nil, true, 3, -2.5, [1], 140737488355328], 1000);
print f([1, 2, 3], 1000); print f([0.5, 1.5], 1000);`,

  "items of mixed types, popped": `
function f(a, n) { var s = 0; for (var i = 0; i < n; i += 1) { var x = pop(a); s = s + x; if (i % 3 == 0) push(a, s % 10); } return [s, a]; }
function items(n, odd) { var a = []; for (var i = 0; i < n; i += 1) { if (i % 50 == 7) push(a, odd); else push(a, i); } return a; }
for (var odd : [1, 1, 0.5, 140737488355328, "x"]) print f(items(400, odd), 300);`,

  "writing past the end, and reading there": `
function f(n) {
  var a = []; var b = [0.5]; var misses = 0;
  for (var i = 0; i < n; i += 1) {
    a[length(a)] = i; a[i] = i + 1;
    if (i % 10 == 0) b[i + 3] = i * 0.5;
    if (a[i + 1] == nil) misses = misses + 1;
    if (b[i] == nil) misses = misses + 1;
    if (a[-1] == nil) misses = misses + 1;
  }
  return [a, b, misses];
}
print f(300); print f(40);
function fill(n) { var a = []; var b = []; for (var i = 0; i < n; i += 1) { a[i] = i; b[length(b)] = 0.5; } return [a, b]; }
print fill(300); print fill(300);`,

  "foreach over an array that grows and shrinks": `
function f(n) {
  var a = [1, 2, 3]; var s = 0; var t = 0.0;
  for (var e : a) {
    s = s + e; t = t + 0.5;
    if (length(a) < n) { push(a, e + 1); push(a, s % 10); }
    if (s % 13 == 0) pop(a);
  }
  return [s, t, length(a)];
}
print f(600); print f(600);`,

  "foreach over strings, maps and arrays by turns": `
function f(c) { var s = 0; var n = 0; for (var e : c) { n = n + 1; if (type(e) == "int") s = s + e; } return [s, n]; }
var m = map(); for (var i = 0; i < 300; i += 1) m[i] = "v";
var a = []; for (var i = 0; i < 300; i += 1) push(a, i * 2);
var text = "abc"; for (var i = 0; i < 7; i += 1) text = text + text;
for (var r = 0; r < 3; r += 1) { print f(a); print f(m); print f(text); print f([]); print f([0.5, 1]); }`,

  "strings and maps between the numbers": `
function f(n) {
  var s = 0; var t = 0.5; var m = {}; var text = "";
  for (var i = 0; i < n; i += 1) {
    s = s + i;
    m["k" + i % 10] = s;
    t = t + 0.25;
    if (i % 50 == 0) text = text + t + ";";
    s = s - length(text) + m["k" + i % 10] % 3;
    if (has(m, "k3")) t = t + 1.0;
  }
  return [s, t, m, text];
}
print f(400); print f(5);`,

  "calls, of itself too, and what callees do to globals": `
var g = 1; var h = 0.5;
function step(x) { g = g + x; h = h + 0.5; return x * 2; }
function deep(n) { var s = 0; for (var i = 0; i < n; i += 1) { s = s + i; if (i == n - 1 && n > 1) s = s + deep(n - 1); } return s; }
function f(n) {
  var s = 0; var t = 0.0;
  for (var i = 0; i < n; i += 1) {
    s = s + g; t = t + h;
    if (i % 3 == 0) s = s + step(i);
    g = g - 1; h = h - 0.25;
    s = s + deep(i % 5);
  }
  return [s, t, g, h];
}
print f(500); g = 0.5; h = 1; print f(500); print deep(60);`,

  "captured variables, changed by those that captured them": `
function f(n) {
  var c = 0; var d = 0.5; var s = 0; var all = [];
  function change(x) { c = c + x; d = d + 0.5; if (c > 500) c = 0.25; return c; }
  for (var i = 0; i < n; i += 1) {
    var own = i;
    c = c + 1; s = s + i; d = d - 0.25;
    if (i % 5 == 0) s = s + i % 7;
    if (i % 9 == 0) change(i);
    if (i % 50 == 0) push(all, function () { own = own + 1; return own * 1000 + i; });
    own = own + s % 3;
  }
  var seen = []; for (var k : all) { push(seen, k()); push(seen, k()); }
  return [c, d, s, seen];
}
print f(400); print f(400);
function counter() { var k = 0; return function (n) { for (var i = 0; i < n; i += 1) k = k + i; return k; }; }
var count = counter(); print [count(300), count(300), count(3)];`,

  "truth of numbers": `
function gcd(a, b) { while (b) { var t = a % b; a = b; b = t; } return a; }
function down(x, by) { var n = 0; while (x) { x = x - by; n = n + 1; if (n > 400) break; } return [n, x]; }
function not(n) { var s = 0; for (var i = 0; i < n; i += 1) { var r = i % 3; if (!r) s = s + 1; if (r) s = s + 10; } return s; }
for (var i = 0; i < 300; i += 1) gcd(i * 6, 90 + i);
print [gcd(1071, 462), gcd(140737488355327, 7), gcd(0, 5), gcd(5, 0)];
print [down(300, 1), down(300, 7), down(100.0, 0.5), down(1.0, 0.0), down("", 1 - 1)];
print not(900);`,

  "top level, where variables are globals": `
var s = 0; var t = 0.5; var a = [];
for (var i = 0; i < 400; i += 1) {
  s = s + i; t = t * 1.01; if (i % 40 == 0) push(a, s);
  if (i == 200) s = 0.5;
  if (i == 300) { t = 7; s = 140737488355300; }
}
print [s, t, a];
{ var n = 0; while (n < 500) { n = n + 1; s = n; } print [n, s]; }`,

  "tasks that wait in the middle": `
async function later(x) { ucoreTimer.sleep(0); return x; }
async function work(n, x) {
  var s = 0; var t = 0.5;
  for (var i = 0; i < n; i += 1) {
    s = s + i * x; t = t + 0.5;
    if (i % 90 == 40) s = s + await later(i);
    s = s - 1;
  }
  return [s, t];
}
var all = [work(300, 1), work(300, 2), work(300, 0.5)];
for (var w : all) print await w;
async function fails(n) { var s = 0; for (var i = 0; i < n; i += 1) { s = s + i; if (i == n - 1) s = s + await later(nil); } return s; }
var f = fails(400); print "goes on"; await f;`,

  "structs whose types and fields change": `
struct A { n; } struct B { m; n; }
function f(o, k) { var s = 0; for (var i = 0; i < k; i += 1) { s = s + o.n; o.n = o.n + 1; if (i % 100 == 99) o.n = 0; } return s; }
print f(A(1), 400); print f(A(2), 400); print f(B(0.5, 3), 400); print f(A(0.5), 400); print f(B(1, 0.25), 400);`,

  "arrays and structs in registers, copied, swapped and linked": `
struct Link { v; next; }
function sum(list) { var s = 0; while (list != nil) { s = s + list.v; list = list.next; } return s; }
function last(list) { while (list.next != nil) list = list.next; return list; }
function f(n, rows) {
  var a = rows[0]; var b = rows[1]; var s = 0; var kept = nil; var none = [];
  for (var i = 0; i < n; i += 1) {
    var row = rows[i % 3];
    if (i % 50 == 49) kept = row;
    var t = a; a = b; b = row;
    row[i % 2] = t;
    s = s + length(row) + length(b);
    rows[i % 3] = a;
    if (i == n - 2) push(none, row);
    if (i == n - 1) s = s + row[2];
  }
  return [s, length(kept), length(a), length(none), a == b, kept == a];
}
var list = nil;
for (var i = 0; i < 400; i += 1) list = Link(i, list);
print sum(list); print sum(list); print last(list).v;
print f(300, [[1, 2], [3, 4, 5], [6, 7]]);
print f(301, [[1, 2], [3, 4, 5], [6, 7, 8, 9]]);`,

  "what a register holds while it is known to be an array, over calls": `
struct Pair { x; y; }
function touch(a, i) { a[i % 4] = i; if (i % 100 == 7) push(a, i); return a; }
function f(n, a, p) {
  var s = 0;
  for (var i = 0; i < n; i += 1) {
    s = s + a[i % 4] + p.x;
    touch(a, i);
    p.x = p.x + a[(i + 1) % 4] % 3;
    if (i == 250) a = [1, 2, 3, 4];
    if (i == 270) p = Pair(0.5, 1);
  }
  return [s, a, p.x, p.y];
}
print f(300, [1, 2, 3, 4], Pair(1, 2)); print f(300, [1, 2, 3, 4], Pair(1, 2));`,

  "natives of numbers, of all kinds of arguments": `
function each(n, x, y) {
  var s = 0; var t = 0.0; var seen = [];
  for (var i = 0; i < n; i += 1) {
    t = ucoreMath.sqrt(x);
    t = t + float(i) + float(x);
    t = ucoreMath.max(t, 1.5); t = ucoreMath.min(t, 1e9);
    s = ucoreMath.max(s, i); s = ucoreMath.min(s, 200);
    var whole = int(x); if (whole != nil) s = s + whole;
    s = s + ucoreMath.floor(x) + int(i) + ucoreMath.floor(i);
    s = s + ucoreMath.abs(i - 100); t = t + ucoreMath.abs(x);
    var u = ucoreMath.abs(x); var v = ucoreMath.min(x, y); var w = ucoreMath.max(x, y);
    if (i % 97 == 0) push(seen, [s, t, u, v, w]);
    if (i % 50 == 49) s = 0;
    x = x + 0.25;
  }
  return [s, t, seen, x];
}
function folded(n, x) {
  var t = 0.0; var k = 0;
  for (var i = 0; i < n; i += 1) { k = ucoreMath.abs(x); t = ucoreMath.min(x, t); k = ucoreMath.floor(t) + k; }
  return [t, k];
}
print each(300, 2.5, 0.5); print each(300, -3.75, -0.0); print each(300, -0.0, 0.0); print each(300, 1e14, 2.0);
print each(300, 0.0 / 0.0, 1.0); print each(300, 1.5, 0.0 / 0.0); print each(300, 1e300, -1e300); print each(300, 7, 0.5); print each(300, -140737488355328, 3);
print folded(300, -140737488355328); print folded(300, -140737488355327); print folded(300, 1.5);`,

  "natives that others stand for, or that get other arguments": `
function apply(f, x, n) { var s = 0.0; for (var i = 0; i < n; i += 1) s = s + f(x); return s; }
var pick = ucoreMath.sqrt;
function picked(x, n) { var s = 0.0; for (var i = 0; i < n; i += 1) { s = s + pick(x); x = x + 0.5; } return s; }
print picked(2.0, 300); pick = ucoreMath.floor; print picked(2.0, 300); pick = ucoreMath.abs; print picked(-2.5, 300);
pick = function (x) { return x * 2.0; }; print picked(2.0, 300); pick = str; print picked("", 0);
print apply(ucoreMath.sqrt, 4.0, 300); print apply(ucoreMath.abs, -4, 300); print apply(float, 4, 300);
function most(list, n) {
  var m = -1.0;
  for (var i = 0; i < n; i += 1) { m = ucoreMath.max(m, list[i % 4]); if (i % 30 == 29) m = ucoreMath.max(m, i, 7.5); }
  return m;
}
print most([1.5, 2.5, 0.5, -1.0], 300); print most([1, 2.5, 3, 4], 300); print most([0.5, 1.5, 0.25, 1e300], 300);`,

  "leaf functions that call natives": `
struct Point { x; y; }
function length2(p) { return ucoreMath.sqrt(p.x * p.x + p.y * p.y); }
function cell(x, size) { return ucoreMath.floor(x / size); }
function grow(p) { p.x = ucoreMath.min(p.x + 0.5, 100.0); p.y = ucoreMath.abs(p.y) + 0.25; return p; }
function told(x) { return str(ucoreMath.floor(x)); }
var p = Point(0.0, -3.0); var s = 0.0; var k = 0; var text = "";
for (var i = 0; i < 500; i += 1) {
  s = s + length2(grow(p)); k = k + cell(i * 1.5, 4.0) + cell(i, 4);
  if (i % 100 == 99) text = text + told(i * 0.5);
}
print [s, k, text, p.x, p.y]; print cell(7, 2); print length2(Point(3, 4));`,

  "leaf functions that give arrays and structs": `
struct Node { left; right; v; }
function leftOf(t) { return t.left; }
function pick(rows, i) { var row = rows[i % 2]; row[0] = i; return row; }
function swap(t) { var l = t.left; t.left = t.right; t.right = l; return t; }
var t = Node(Node(nil, nil, 1), Node(nil, nil, 2), 3);
var rows = [[1], [2, 3]]; var s = 0;
for (var i = 0; i < 400; i += 1) { s = s + leftOf(swap(t)).v + length(pick(rows, i)); }
print [s, rows, leftOf(t).v];`,

  "booleans, nil and equality of them": `
function f(n) {
  var was = false; var none; var flips = 0; var x = 1;
  for (var i = 0; i < n; i += 1) {
    var is = i % 3 == 0;
    if (is != was) flips = flips + 1;
    was = is;
    if (none == nil) x = x + 1; else x = x - 1;
    if (i % 10 == 9) none = i; else if (i % 10 == 4) none = nil;
    if (was && x > 5 || !is && flips > 100) x = x - 2;
  }
  return [was, none, flips, x];
}
print f(600); print f(600);`,
};

for (const [name, text] of Object.entries(FLOWS)) {
  test(`the second version of loops: ${name}`, async () => {
    await expectPlanned(text);
  });
}

test("the second version of loops keeps what a collection must see", async () => {
  for (const [name, text] of Object.entries(FLOWS)) {
    if (!/strings|mixed|grows|captured|structs|swaps|callees/.test(name)) continue;
    await expectPlanned(text, { gcStress: true });
  }
});

test("the second version of loops counts the same instructions", async () => {
  const count = async (text: string, off: readonly string[]) => {
    const options = { backend: "x64", threshold: 1, stats: true, heap: SMALL_HEAP, off };
    const runtime = createRuntime({ ...options, stdout: () => {}, stderr: () => {} });
    await runtime.runSource("test.unna", text);
    const { instructions } = runtime.stats();
    runtime.dispose();
    return instructions;
  };
  for (const [name, text] of Object.entries({ ...FLOWS, all: programFor("FOR_NEXT") })) {
    const without = await count(text, ["loops"]);
    assert(without !== null && without > 1000, name);
    assertEquals(await count(text, []), without, name);
  }
});

// ---- ends --------------------------------------------------------------------------------------------------------

test("errors in the second version show the same place, trace and output", async () => {
  const failing = [
    "s / (x - x)",
    "s % z",
    "s + nil",
    "a[nil]",
    "a.x",
    "u - flag",
    "f(1)",
    "s < a",
    "-a",
    "a[u]",
  ];
  for (const expression of failing) {
    const { stderr } = await expectPlanned(
      `function f(n, x, u, z, flag) {
         var s = 0; var a = [1]; var r = 0;
         for (var i = 0; i < n; i += 1) {
           s = s + i; u = u + 0.5;
           if (s == 40755) print [s, u, i];
           if (i == 290)
             r = ${expression};
         }
         return s;
       }
       function outer(n) { return 1 + f(n, 3, 0.5, 0, true); }
       print outer(280); print outer(280); print outer(400);`,
    );
    assertStringIncludes(stderr, "  at outer (test.unna:11:");
  }
});

test("a loop that runs for long gets a second version, and goes on in it", async () => {
  // Two looks at the outside, which each store all that is in registers.
  const text = `function f(n) {
      var s = 0; var u = 0.5; var x = 1; var y = 2;
      for (var i = 0; i < n; i += 1) { s = s + i; u = u + 0.25; var t = x; x = y; y = t; }
      return [s, u, x, y, i];
    }
    print f(700001);`.replace(", i]", "]");
  const watched = await expectSame(text, { threshold: 100 });
  assertEquals(watched.stdout, "[245000350000, 175000.75, 2, 1]\n");
  assertEquals(compiledIn(watched.events).map(({ hot }) => [hot.plansLoops, hot.loops?.length ?? 0]), [
    [false, 0],
    [true, 1],
  ]);
  await expectOutput(text, watched.stdout);
});

test("a second version that does not fit the code cache is asked for once", async () => {
  const text = `function grows(n) {
      var x = 0;
      for (var i = 0; i < n; i += 1) { ${times(150, (i) => `x = x + ${i % 3};`)} if (x > 1000) x = 0; }
      return x;
    }
    print grows(1200000);`;
  const compiled = compiledIn((await watch(text, { threshold: 100 })).events);
  const [first, second] = compiled.map(({ bytes }) => bytes.length), page = 4096;
  const cache = Math.ceil((first + second) / 2 / page) * page;
  assert(second > cache, `${first} bytes at first, ${second} then`);
  const watched = await watch(text, { threshold: 100, native: { cache } });
  assertEquals(watched.stdout, (await runUnna(text, { backend: "interp" })).stdout);
  assertEquals(watched.plans.length, 0);
  assertEquals(watched.events.filter(({ kind }) => kind === "refused").length, 1);
});

test("loops in the second version are evicted, and come back", async () => {
  const count = 12;
  const text = `
    ${
    times(count, (f) =>
      `function f${f}(n, x) {
      var s = x; var u = 0.5;
      for (var i = 0; i < n; i += 1) { s = s + i % 7; u = u + 0.5; if (s > 100000) s = s - 100000; }
      if (n > 200) s = s + f${(f + 1) % count}(n - 100, s);
      for (var i = 0; i < 50; i += 1) { s = s - i; u = u * 0.5; }
      return s + u;
    }`, "\n")
  }
    for (var r = 0; r < 40; r += 1) print f0(${100 * count}, r);`;
  const watched = await expectPlanned(text, { native: { cache: 32768 } });
  assert(watched.events.some(({ kind }) => kind === "evicted"), "nothing was evicted");
});

test("of what takes turns, everything gets its second version", async () => {
  // A round, a call, a round, a call: by twos, fours or eights, only one of both would ever be looked at.
  const text = `
    function half(x) { return x * 0.5 + 1.0; }
    function run(n) { var s = 1.0; for (var i = 0; i < n; i += 1) s = half(s); return s; }
    print run(1500000);`;
  const watched = await watch(text, { threshold: 100 });
  const again = compiledIn(watched.events).filter(({ hot }) => hot.plansLoops);
  assertEquals(again.map(({ hot }) => hot.loaded.proto.name).sort(), ["half", "run"]);
});

test("a time limit ends a loop in the second version and says where", async () => {
  const watched = await watch(
    "print 'begun';\nfunction spin(i, u) { while (true) { i = i + 1; u = u + 0.5;\n if (i > 1000000) i = 0; } }\nspin(0, 0.5);",
    { timeout: 0.5 },
  );
  assertEquals([watched.code, watched.stdout], [124, "begun\n"]);
  assert(watched.plans.length > 0);
  assertStringIncludes(watched.stderr, "Runtime Error: The time limit is over.");
  assertMatch(watched.stderr, /at spin \(test\.unna:[23]:/);
});

// ---- views -------------------------------------------------------------------------------------------------------

const SHOWN = `function run(n) {
  var s = 0; var u = 0.5;
  for (var i = 0; i < n; i += 1) { s += i; u = u * 0.5; }
  return [s, u];
}
print run(300000);
`;

/** What a view shows of a program whose loop gets a second version when it has run for long. */
async function view(options: RuntimeOptions): Promise<{ readonly shown: string; readonly told: string }> {
  let told = "";
  const runtime = createRuntime({
    ...{ backend: "x64", heap: SMALL_HEAP, functionName: "run", ...options },
    stdout: () => {},
    stderr: (bytes) => told += new TextDecoder().decode(bytes),
  });
  try {
    assertEquals(await runtime.runSource("main.unna", SHOWN), 0);
    return { shown: await runtime.report("native"), told };
  } finally {
    runtime.dispose();
  }
}

test("listings show a second version below a heading, instruction by instruction", async () => {
  const { shown } = await view({ dump: ["code"] });
  const [, again] = shown.split("     | the loop of pc 5 again, with values in registers: ");
  const [registers, ...lines] = again.split("\n");
  assertEquals(registers, "r0 in r9, r1 in r8, r2 in xmm2, r3 in rdi");
  assertMatch(lines[0], /^ {5}the way in +[0-9a-f]+ {2}cmp \[r12\],r14 +; is R\[0\] tagged as an integer\?$/);
  const loop = lines.slice(0, lines.indexOf("     | behind the instructions"));
  assert(loop.includes("   3 | for (var i = 0; i < n; i += 1) { s += i; u = u * 0.5; }"));
  const names = loop.flatMap((line) => /^ {1,4}\d+ ([A-Z_]+) r/.exec(line)?.[1] ?? []);
  assertEquals(names, ["ADD_II", "MUL_K_FF", "ADD_K_II", "JUMP_LT_II"]);
  assert(
    loop.some((line) => /^ +6 ADD_II r1, r1, r3 +[0-9a-f]+ {2}add r8,rdi +; r8 \+= rdi$/.test(line)),
    again,
  );
  assertMatch(again, /^ +[0-9a-f]+ {2}jns pc 6 in registers +; if rounds are left$/m);
  assertMatch(again, /^ {5}back, pc 6 +[0-9a-f]+ {2}sub r8,rdi /m);
  assertMatch(again, /^ +[0-9a-f]+ {2}jmp the first version +; go on at the first version$/m);
  assertMatch(
    shown,
    /^ +6 ADD_II r1, r1, r3 +[0-9a-f]+ {2}jmp the second version +; go on at the second version\n +[0-9a-f]+ {2}mov rax,/m,
  );
  assertMatch(
    (await view({ dump: ["draft"] })).shown,
    /\| the loop of pc 5 again.*\n.*\n[^]* jns pc 6 in registers\n/,
  );
});

test("views as JSON have second versions outside of the instructions, by their names", async () => {
  const { shown, told } = await view({ dump: ["code"], jitLog: true, json: true });
  const values = shown.trim().split("\n").map((line) => JSON.parse(line).data);
  const { instructions, outside } = values.at(-1);
  const pcs = instructions.map(({ pc }: { pc: number }) => pc);
  assertEquals(new Set(pcs).size, pcs.length);
  const titles = outside.map(({ title }: { title: string }) => title);
  assertEquals(titles.slice(0, 3), [
    "the way in",
    "6 ADD_II r1, r1, r3 in registers",
    "7 MUL_K_FF r2, r2, k0 in registers",
  ]);
  const loops = told.trim().split("\n").map((line) => JSON.parse(line).data)
    .filter(({ event }) => event === "compiled").map(({ loops }) => loops);
  assertEquals(loops, [0, 1]);
});

test("--jit-log says when a function is compiled with loops in registers", async () => {
  const { told } = await view({ jitLog: true });
  const compiled = told.split("\n").filter((line) => line.startsWith("compiled"));
  assertMatch(compiled[0], /^compiled {2}run, main\.unna:1, \d+ bytes in \d+ µs$/);
  assertMatch(compiled[1], /^compiled {2}run, .* µs, for the second time, with 1 loop in registers$/);
  assertEquals(compiled.length, 2);
});

// ---- random bodies -----------------------------------------------------------------------------------------------

const RANDOM_BODIES = Number(Deno.env.get("UNNA_LOOP_BODIES") ?? 100);

/** What bodies do with arrays and structs as such. */
const OBJECTS = [
  "b = rows[i % 3];",
  "{ var z = b; b = rows[1]; rows[1] = z; }",
  "rows[i % 3] = b;",
  "d = d.next;",
  "e = d; d = d.next;",
  "{ var z = d; d = e; e = z; }",
  "if (d == e) p = p + 1;",
  "if (i % 64 == 63) d = Other(i, d.x, d.next);",
  "if (i % 16 == 5) push(log, b[0]);",
  "push(b, d.x); pop(b);",
  "{ var z = id(d); e = z; }",
  "{ var z = [b]; b = z[0]; }",
  "if (i % 32 == 31) b = [d.y, 1.5, i, 4];",
];

/**
 * Bodies over integers p, q, r, s, doubles t, u, v, w, the array a of eight items, b which is one of the three arrays in
 * rows, and the structs d and e, which are of two types, linked to each other in a ring.
 */
const body: fc.Arbitrary<string> = (() => {
  const ints = fc.constantFrom("p", "q", "r", "s"), doubles = fc.constantFrom("t", "u", "v", "w");
  const item = fc.oneof(
    { arbitrary: fc.constantFrom("a[i % 8]", "a[3]", "a[length(a) - 1]", "g"), weight: 2 },
    fc.constantFrom("b[i % 4]", "rows[i % 3][1]", "b[length(b) - 1]", "d.x", "d.y", "e.x", "d.next.x"),
  );
  const constant = fc.constantFrom("0", "1", "-1", "3", "100", "65536", "140737488355327", "2147483648");
  const real = fc.constantFrom("0.0", "0.5", "-1.5", "1e18", "3.0");
  const intTerm = fc.oneof(
    { arbitrary: ints, weight: 6 },
    { arbitrary: constant, weight: 2 },
    fc.constant("i"),
  );
  const realTerm = fc.oneof({ arbitrary: doubles, weight: 5 }, { arbitrary: real, weight: 2 });
  const term = fc.oneof(intTerm, realTerm, item);
  const binary = (x: fc.Arbitrary<string>, y: fc.Arbitrary<string>, ...ops: string[]) =>
    fc.tuple(x, fc.constantFrom(...ops), y).map((parts) => parts.join(" "));
  const divided = fc.tuple(
    intTerm,
    fc.constantFrom("/", "%"),
    fc.constantFrom("2", "3", "7", "100", "(i + 1)", "-3"),
  )
    .map((parts) => parts.join(" "));
  const intExpr = fc.oneof(
    { arbitrary: binary(intTerm, intTerm, "+", "-", "*"), weight: 5 },
    { arbitrary: divided, weight: 3 },
    ints.map((x) => `-${x}`),
    intTerm,
    item,
    fc.tuple(fc.constantFrom("ucoreMath.floor", "int", "ucoreMath.abs"), term).map(([f, x]) => `${f}(${x})`),
    fc.tuple(fc.constantFrom("min", "max"), intTerm, term).map(([f, x, y]) => `ucoreMath.${f}(${x}, ${y})`),
  );
  const realExpr = fc.oneof(
    { arbitrary: binary(realTerm, realTerm, "+", "-", "*", "/"), weight: 5 },
    { arbitrary: binary(realTerm, intTerm, "+", "-", "*"), weight: 2 },
    doubles.map((x) => `-${x}`),
    realTerm,
    fc.tuple(fc.constantFrom("ucoreMath.sqrt", "float", "ucoreMath.abs"), term).map(([f, x]) => `${f}(${x})`),
    fc.tuple(fc.constantFrom("min", "max"), realTerm, term).map(([f, x, y]) => `ucoreMath.${f}(${x}, ${y})`),
  );
  const condition = fc.oneof(
    binary(intTerm, intTerm, "<", "<=", ">", ">=", "==", "!="),
    binary(realTerm, realTerm, "<", "<=", ">", ">=", "==", "!="),
    binary(term, term, "<", ">=", "==", "!="),
    fc.constantFrom("i % 2 == 0", "i % 5 == 3", "i > 250", "flag", "!flag", "p", "i % 3"),
  );
  const assign = fc.oneof(
    { arbitrary: fc.tuple(ints, intExpr).map(([x, e]) => `${x} = ${e};`), weight: 8 },
    { arbitrary: fc.tuple(doubles, realExpr).map(([x, e]) => `${x} = ${e};`), weight: 8 },
    { arbitrary: fc.tuple(fc.oneof(ints, doubles), term).map(([x, e]) => `${x} = ${e};`), weight: 1 },
    { arbitrary: fc.tuple(item, term).map(([x, e]) => `${x} = ${e};`), weight: 3 },
    {
      arbitrary: fc.tuple(ints, ints).map(([x, y]) => `{ var z = ${x}; ${x} = ${y}; ${y} = z; }`),
      weight: 2,
    },
    { arbitrary: term.map((x) => `push(a, ${x}); p = pop(a);`), weight: 1 },
    { arbitrary: fc.tuple(ints, term).map(([x, e]) => `${x} = id(${e});`), weight: 1 },
    { arbitrary: term.map((x) => `if (i % 16 == 5) push(log, ${x});`), weight: 2 },
    { arbitrary: fc.constantFrom("c = c + 1;", "s = c;", "flag = !flag;", "bump();"), weight: 1 },
    { arbitrary: fc.constantFrom(...OBJECTS), weight: 3 },
  );
  const block = (depth: number): fc.Arbitrary<string> =>
    fc.array(
      depth === 0 ? assign : fc.oneof(
        { arbitrary: assign, weight: 5 },
        fc.tuple(condition, block(depth - 1), block(depth - 1)).map(([test, yes, no]) =>
          `if (${test}) { ${yes} } else { ${no} }`
        ),
        fc.tuple(condition, block(depth - 1)).map(([test, yes]) => `if (${test}) { ${yes} }`),
        fc.tuple(condition, fc.constantFrom("continue;", "break;")).map(([test, leave]) =>
          `if (i > 200 && ${test}) ${leave}`
        ),
      ),
      { minLength: 1, maxLength: depth === 2 ? 9 : 3 },
    ).map((statements) => statements.join(" "));
  return block(2);
})();

test(`${RANDOM_BODIES} random bodies of loops, and of functions, do the same in registers`, async () => {
  let planned = 0;
  await fc.assert(
    fc.asyncProperty(body, async (body) => {
      // A function that calls nobody and has no loop has a second version as a whole.
      const straight = body.replace(/continue;|break;/g, "return [p, t, b];").replaceAll("id(", "(")
        .replaceAll("bump();", "c = c + 3;");
      const text = `
struct Link { x; y; next; } struct Other { y; x; next; }
function ring(x) {
  var last = Link(x, 0.5, nil);
  last.next = Link(x + 1, 1.5, Link(x + 2, x, last));
  return last;
}
var g = 5;
function id(x) { if (type(x) != "struct") g = x; return x; }
function f(n, p, q, r, s, t, u, v, w, flag) {
  var a = [1, 2, 3, 4, 0.5, 1.5, 2.5, 3.5]; var log = []; var c = 0;
  var rows = [[1, 2, 3, 4], [5, 6.5, 7, 8], [0.5, 1.5, 2.5, 3.5]]; var b = rows[0]; var d = ring(10); var e = d;
  function bump() { c = c + 3; }
  for (var i = 0; i < n; i += 1) {
    ${body}
  }
  return [p, q, r, s, t, u, v, w, a, c, log, rows, b, d.x, d.y, e.x, e.y];
}
var rows = [[1, 2, 3, 4], [5, 6.5, 7, 8], [0.5, 1.5, 2.5, 3.5]]; var b = rows[0]; var d = ring(10); var e = d;
var a = [1, 2, 3, 4, 0.5, 1.5, 2.5, 3.5]; var log = []; var c = 0;
function h(i, p, q, r, s, t, u, v, w, flag) {
  ${straight}
  return [p, q, r, s, t, u, v, w];
}
print f(300, 1, 2, 3, 4, 0.5, 1.5, 2.5, 3.5, true); print g;
print f(300, 9, -8, 7, 100, 0.25, -1.5, 1e9, -0.0, false); print g;
print f(300, 140737488355300, -140737488355300, 0.5, 0, 0.25, 3, 1e308, -0.0, false); print g;
for (var i = 0; i < 400; i += 1) {
  var seen = h(i, i, 2, -i, 4, 0.5, i * 0.5, 2.5, 1e300, i % 3 == 0);
  if (i % 20 == 19) print seen;
}
print h(300, 140737488355300, -140737488355300, 0.5, 0, 0.25, 3, 1e308, -0.0, false);
print [a, log, c, g, rows, b, d.x, d.y, e.x, e.y];
`;
      const expected = await runUnna(text, { backend: "interp" });
      const watched = await watch(text);
      assertEquals(outcomeOf(watched), expected);
      if (watched.plans.some(({ first }) => first > 0) && watched.plans.some(({ first }) => first === 0)) {
        planned++;
      }
    }),
    { numRuns: RANDOM_BODIES },
  );
  assert(
    planned >= RANDOM_BODIES / 2,
    `only ${planned} of ${RANDOM_BODIES} bodies were planned in both ways`,
  );
});
