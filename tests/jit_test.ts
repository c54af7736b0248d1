/**
 * The native backend at the places where it could go wrong. The first part has a test for each cause why the historic
 * JIT hung or gave wrong results; then follow the limits of jumps and code, guards and effects, calls and stacks,
 * suspension, recompilation and the code cache. Whatever a program does, the interpreter has to do the same to the
 * byte; and so that not everything passes because nothing was compiled, tests look at what happened to hot code.
 *
 * They watch it through a backend of their own around the real one, which any plugin could bring along. What lies
 * below (stack alignment at calls, callee-saved registers, faults) is tested in x64_gate_test.ts, labels and
 * displacements of the assembler in asm_test.ts, the code cache for itself in x64_memory_test.ts.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Control, FRAMES, views } from "../core/memory.ts";
import { OPCODES } from "../core/opcodes.ts";
import { Proto } from "../core/program.ts";
import type { Backend, Code, Draft, JitEvent, NativeOptions } from "../core/backend.ts";
import { PatchFault, patchJumps } from "../passes/jump_patch.ts";
import { x64 } from "../backends/x64/mod.ts";
import { type NativeWorld, nativeWorld, type Piece } from "../backends/x64/world.ts";
import { createRuntime, type NativeDef, type Param, type ParamType, type Plugin } from "../mod.ts";
import { copyValue, setInt32 } from "../core/value.ts";
import { type Outcome, type RunOptions, runUnna, SMALL_HEAP } from "./support.ts";

await x64.prepare?.();
const here = x64.probe();
if (!here.ok) console.log(`Tests of native code are skipped: ${here.because}`);

function test(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name, ignore: !here.ok, fn });
}

/** What became of a program, and of its hot code. */
interface Watched extends Outcome {
  readonly events: readonly JitEvent[];
  /** Compiled code, in the order of compilation. */
  readonly compiled: readonly Code[];
}

interface WatchOptions extends RunOptions {
  readonly native?: NativeOptions;
  /** Changes code before it is placed. */
  readonly change?: (code: Code) => Code;
  /** Is given what compiles a function again, each time that one is compiled. */
  readonly onCompile?: (compile: () => Code) => void;
}

/** A plugin with a backend around the real one that tells what happens to hot code, and options that choose it. */
function watching(events: JitEvent[], options: WatchOptions): Pick<RunOptions, "backend" | "plugins"> {
  const { native, change = (code) => code, onCompile } = options;
  const backend: Backend = {
    ...x64,
    name: "watched",
    open: (context) =>
      x64.open({
        ...context,
        ...(native === undefined ? {} : { native }),
        compileHot(hot, target) {
          onCompile?.(() => context.compileHot(hot, target));
          return change(context.compileHot(hot, target));
        },
        observe: (event) => void events.push(event),
      }),
  };
  return {
    backend: "watched",
    plugins: [{ name: "watch", doc: "Watches native code.", backends: [backend] }],
  };
}

/** Runs a program in native code and watches. */
async function watch(text: string, options: WatchOptions = {}): Promise<Watched> {
  const { native: _, change: __, onCompile: ___, ...rest } = options;
  const events: JitEvent[] = [];
  const outcome = await runUnna(text, { ...watching(events, options), ...rest });
  const compiled = events.flatMap((event) => event.kind === "compiled" ? [event.code] : []);
  return { ...outcome, events, compiled };
}

/** Requires that native code does the same as the interpreter, hot at once and later; gives what was watched last. */
async function expectSame(text: string, options: WatchOptions = {}): Promise<Watched> {
  const { native: _, change: __, ...rest } = options;
  const expected = await runUnna(text, { ...rest, backend: "interp" });
  for (const threshold of [1, 10, 100]) {
    const watched = await watch(text, { ...options, threshold });
    const { code, stdout, stderr } = watched;
    assertEquals({ code, stdout, stderr }, expected, `threshold ${threshold}`);
    if (threshold === 100) return watched;
  }
  throw new Error("unreachable");
}

/** The same for a program that is known to print this. */
async function expectOutput(text: string, stdout: string, options: WatchOptions = {}): Promise<Watched> {
  const watched = await expectSame(text, options);
  assertEquals([watched.stdout, watched.stderr], [stdout, ""]);
  return watched;
}

const nameOf = (code: Code) => code.hot.loaded.proto.name;
const codeOf = (watched: Watched, name: string) => watched.compiled.filter((code) => nameOf(code) === name);

/** How often code of a function was left for the interpreter, at least. */
function exitsOf(watched: Watched, name: string): number {
  const counts = new Map<object, number>();
  for (const event of watched.events) {
    if (event.kind === "exit" && nameOf(event.code) === name) counts.set(event.exit, event.count);
  }
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

/** Requires that a function was compiled, and that its code was left at most so often. */
function assertNative(watched: Watched, name: string, exits = 300): void {
  assert(codeOf(watched, name).length > 0, `${name} was not compiled`);
  const left = exitsOf(watched, name);
  assert(left <= exits, `${name} was left ${left} times`);
}

/** Places of the instructions of this name. */
function placesOf({ hot: { code } }: Code, name: string): number[] {
  const places: number[] = [];
  for (let pc = 0; pc < code.length; pc += 1 + (OPCODES[code[pc] & 0xFF].operands.words?.length ?? 0)) {
    if (OPCODES[code[pc] & 0xFF].name === name) places.push(pc);
  }
  return places;
}

const times = (count: number, piece: (i: number) => string, separator = "") =>
  Array.from({ length: count }, (_, i) => piece(i)).join(separator);

// ---- why the historic JIT hung -----------------------------------------------------------------------------------

test("historic: constants were compiled to 0", async () => {
  const watched = await expectOutput(
    `function f(n) {
       var i = 0; var sum = 0; var real = 0.25; var text; var flag; var none = 1;
       while (i < 1000) {
         i = i + 1; sum = sum + 70000; sum = sum - 3; real = real + 0.5;
         text = "constant"; flag = true; none = nil;
         if (i == 999) sum = sum + 140737488355327;
       }
       return [i, sum, real, text, flag, none];
     }
     print f(0);`,
    `[1000, 140737558352327, 500.25, constant, true, nil]\n`,
  );
  assertNative(watched, "f");
});

test("historic: the second operand was never loaded", async () => {
  const watched = await expectOutput(
    `function f(n, step, real) {
       var rounds = 0; var x = 0.0;
       for (var i = 0; i < n; i += step) { rounds = rounds + step; x = x + real; }
       return [rounds, x, n - step, n * step, n / step, n % step];
     }
     print f(3000, 3, 0.5);
     print f(7000, 7, 2.0);`,
    "[3000, 500, 2997, 9000, 1000, 0]\n[7000, 2000, 6993, 49000, 1000, 0]\n",
  );
  assertNative(watched, "f");
});

test("historic: forward jumps were never patched and went to the prologue", async () => {
  const watched = await expectOutput(
    `function f(n) {
       var a = 0; var b = 0; var c = 0;
       for (var i = 0; i < n; i += 1) {
         if (i % 3 == 0) { a += 1; continue; }
         if (i % 5 == 0 && i > 10 || i == 7) b += 1; else c += 1;
         if (i == 901) break;
       }
       return [a, b, c];
     }
     print f(1000);`,
    "[301, 119, 482]\n",
  );
  assertNative(watched, "f");
  let forward = 0, backward = 0;
  for (const code of watched.compiled) {
    const { bytes } = code, patches = code.patches();
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    assert(patches.length > 0);
    for (const { offset, before, after, reason } of patches) {
      assert(before.every((byte) => byte === 0), "a hole is not filled twice");
      assertEquals(bytes.slice(offset, offset + after.length), after);
      const end = offset + after.length, to = Number(/ to (\d+)/.exec(reason)?.[1]);
      assertEquals(after.length === 1 ? view.getInt8(offset) : view.getInt32(offset, true), to - end, reason);
      if (to > end) forward++;
      else backward++;
    }
  }
  assert(forward > 10 && backward > 0, `${forward} forward, ${backward} backward`);
});

/** `ud2` in place of all code from the entry of one instruction up to that of another. */
function trap(code: Code, from: number, to: number): Code {
  const bytes = code.bytes.slice();
  for (let at = code.entries[from]; at + 1 < code.entries[to]; at += 2) bytes.set([0x0F, 0x0B], at);
  return { ...code, bytes };
}

test("historic: native code began at the first instruction, with locals unset", async () => {
  const text = `function f() {
      var a = [1, 2]; var sum = 5;
      for (var i = 0; i < 1000; i += 1) { sum += a[1]; }
      return [sum, a];
    }
    print f();`;
  const beforeLoop = (code: Code) => {
    const [loop] = placesOf(code, "LOOP");
    return loop > 0 && nameOf(code) === "f" ? trap(code, 0, loop) : code;
  };
  // A trap in front of the loop is not run into: native code is entered in the loop, with the locals that there are.
  const watched = await watch(text, { threshold: 100, change: beforeLoop });
  assertEquals([watched.stdout, watched.stderr], ["[2005, [1, 2]]\n", ""]);
  assertNative(watched, "f");
});

test("a fault in native code is reported, and names the function", async () => {
  const text =
    "function f() { var sum = 0; for (var i = 0; i < 1000; i += 1) sum += i; return sum; }\nprint f();";
  const inLoop = (code: Code) => trap(code, placesOf(code, "LOOP")[0], code.entries.length - 1);
  const { code, stderr } = await watch(text, { threshold: 100, change: inLoop });
  assertEquals(code, 70);
  assertMatch(stderr, /SIGILL/);
  assertMatch(stderr, /\bf\b/);
  // The process is as good as new.
  await expectOutput(text, "499500\n");
});

test("historic: a result of 16 bytes came back in one register", async () => {
  const watched = await expectOutput(
    `struct P { x; }
     function same(v) { return v; }
     function nothing(v) { var w = v; }
     var p = P(1); var last = []; var all = [42, -1, 4294967296, 140737488355328, -9223372036854775808, 0.5, -0.0,
       0.0 / 0.0, true, false, nil, "text", [1], {"k": 2}, p, P, same];
     for (var i = 0; i < 400; i += 1) {
       last = [];
       for (var v : all) push(last, [same(v), type(same(v)), same(same(v)) == v, nothing(v)]);
     }
     for (var v : last) print v;`,
    `[42, int, true, nil]
[-1, int, true, nil]
[4294967296, int, true, nil]
[140737488355328, int, true, nil]
[-9223372036854775808, int, true, nil]
[0.5, float, true, nil]
[-0, float, true, nil]
[nan, float, false, nil]
[true, bool, true, nil]
[false, bool, true, nil]
[nil, nil, true, nil]
[text, string, true, nil]
[[1], array, true, nil]
[{k: 2}, map, true, nil]
[P {x: 1}, struct, true, nil]
[<struct P>, type, true, nil]
[<fn same>, function, true, nil]
`,
  );
  assertNative(watched, "same", 0);
  assertNative(watched, "nothing", 0);
});

test("historic: returning from native code ended the program", async () => {
  await expectOutput(
    `function loop(n) { for (var i = 0; true; i += 1) if (i == n) return i; }
     print loop(500);
     print loop(1) + loop(600);
     for (var i = 0; i < 300; i += 1) {}
     print "after the loop";
     async function task(n) { return loop(n); }
     print await task(700);
     print "the end";`,
    "500\n601\nafter the loop\n700\nthe end\n",
  );
});

test("historic: a refused function was compiled again at every iteration", async () => {
  const text = `function huge(n) {
      var x = 0;
      for (var i = 0; i < n; i += 1) { ${times(600, (i) => `if (i == ${i}) x += ${i};`)} }
      return x;
    }
    print huge(1000) + huge(1000);
    for (var i = 0; i < 1000; i += 1) huge(1);`;
  const { stdout, events } = await watch(text, { threshold: 10, native: { cache: 65536 } });
  assertEquals(stdout, "359400\n");
  const of = (kind: string) =>
    events.filter((event) => event.kind === kind && "loaded" in event && event.loaded.proto.name === "huge")
      .length;
  assertEquals([of("refused"), of("hot")], [1, 1]);
});

test("a function whose types never settle is compiled a few times only", async () => {
  const watched = await expectSame(
    `function add(a, b) { return a + b; }
     var kinds = [1, 0.5, "x", 140737488355327, -1.5, "y", 3];
     var text = "";
     for (var i = 0; i < 20000; i += 1) text = add(kinds[i % 7], kinds[i % 2]);
     print text;`,
  );
  assert(codeOf(watched, "add").length <= 8, `${codeOf(watched, "add").length} times`);
});

test("historic: idiv without sign extension", async () => {
  const watched = await expectOutput(
    `function f(a, b) { return [a / b, a % b]; }
     for (var i = 1; i < 500; i += 1) f(i, 3);
     print [f(-7, 2), f(7, -2), f(-7, -2), f(-1, 5), f(-140737488355328, 10), f(-1, 140737488355327)];
     function k(a) { return [a / 3, a % 3, a / -3, a % -3, a / 4294967296, a % -4294967296]; }
     for (var i = -500; i < 500; i += 1) k(i);
     print [k(-8), k(8), k(-4294967297)];`,
    "[[-3, -1], [-3, 1], [3, -1], [0, -1], [-14073748835532, -8], [0, -1]]\n" +
      "[[-2, -2, 2, -2, 0, -8], [2, 2, -2, 2, 0, 8], [-1431655765, -2, 1431655765, -2, -1, -1]]\n",
  );
  assertNative(watched, "k", 3000);
});

// ---- jumps and the size of code ----------------------------------------------------------------------------------

test("a displacement that does not fit its hole is a PatchFault, and so is a label that was never bound", () => {
  const draft = (to: number | undefined, size: 1 | 4, end: number): Draft => ({
    ...{ hot: { loaded: null as never, code: new Int32Array(0), count: false }, exits: [], outside: [] },
    ...{ entries: new Int32Array(0), labelName: () => "there", remarkAt: () => undefined, data: new Set() },
    bytes: new Uint8Array(300),
    labels: [to],
    fixups: [{ offset: end - size, size, label: 0, end, kind: "jump", reason: "jmp" }],
    bare: new Set(),
    points: [],
  });
  const { bytes } = patchJumps(draft(2 + 127, 1, 2));
  assertEquals(bytes[1], 127);
  assertEquals(patchJumps(draft(200 - 128, 1, 200)).bytes[199], 128);
  assertEquals(patchJumps(draft(0, 4, 5)).bytes.slice(1, 5), Uint8Array.of(0xFB, 0xFF, 0xFF, 0xFF));
  assertThrows(() => patchJumps(draft(2 + 128, 1, 2)), PatchFault, "cannot reach 130 with one byte");
  assertThrows(() => patchJumps(draft(200 - 129, 1, 200)), PatchFault, "cannot reach 71 with one byte");
  assertThrows(() => patchJumps(draft(5 + 2 ** 31, 4, 5)), PatchFault, "with four bytes");
  assertThrows(() => patchJumps(draft(undefined, 4, 5)), PatchFault, "never bound");
});

test("a jump to bytecode 0 goes there", async () => {
  const watched = await expectOutput(
    `function f(n, a) { while (true) { n -= 1; push(a, n); if (n == 0) return length(a); } }
     print f(2000, []);
     print f(500, [1, 2, 3]);`,
    "2000\n503\n",
  );
  const [code] = codeOf(watched, "f");
  assertEquals(placesOf(code, "LOOP"), [0]);
  assertNative(watched, "f", 500);
});

test("a function of 70,000 labels runs natively", async () => {
  const text = `function f(x) {
      var y = 0;
      ${times(23_500, (i) => `if (x == ${i}) y = y + ${i};`)}
      return y;
    }
    var sum = 0;
    for (var i = 0; i < 30; i += 1) sum += f(i * 800);
    print sum;`;
  const watched = await watch(text, { threshold: 10 });
  assertEquals([watched.stdout, watched.stderr], ["348000\n", ""]);
  const code = codeOf(watched, "f").at(-1)!;
  assert(code.draft.labels.length > 70_000, `${code.draft.labels.length} labels`);
});

test("a function with more than 256 registers runs natively", async () => {
  const watched = await expectOutput(
    `function f(n) {
       ${times(300, (i) => `var v${i} = ${i};`)}
       for (var i = 0; i < n; i += 1) { v299 += v298 - v297; v0 = v299 + i; if (v299 > v1) v298 = v298 + 0; }
       return [v0, v1, v298, v299, v256, v255];
     }
     print f(1000);`,
    "[2298, 1, 298, 1299, 256, 255]\n",
  );
  assertNative(watched, "f", 600);
});

// ---- guards and effects ------------------------------------------------------------------------------------------

test("an exit never repeats a side effect", async () => {
  const programs: Record<string, string> = {
    "push that has to grow the array": `
      var a = []; var calls = 0;
      function next() { calls += 1; return calls; }
      for (var i = 0; i < 3000; i += 1) push(a, next());
      print [length(a), calls, a[2999], a[17]];`,
    "writing past the end": `
      var a = [0]; var calls = 0;
      function next() { calls += 1; return calls; }
      for (var i = 0; i < 2000; i += 1) a[length(a)] = next();
      for (var i = 0; i < 300; i += 1) a[next()] = next();
      a[5000] = next();
      print [length(a), calls, a[2000], a[2001], a[2301], a[5000]];`,
    "pop of an empty array": `
      var a = []; var nothing = 0; var calls = 0;
      function which() { calls += 1; return a; }
      for (var i = 0; i < 500; i += 1) { if (i % 3 == 0) push(which(), i); if (pop(which()) == nil) nothing += 1; }
      print [nothing, length(a), calls];`,
    "division by zero after effects": `
      var log = [];
      function note(x) { push(log, x); print x; return x; }
      function f(a, b) { return note(a) + note(a + 1) / note(b) + note(9); }
      for (var i = 1; i < 200; i += 1) f(i, 2);
      print length(log);
      f(5, 0);`,
    "a sum that does not fit 48 bits": `
      var a = [140737488355000]; var o = {"n": 140737488355000}; var calls = 0;
      function at() { calls += 1; return 0; }
      for (var i = 0; i < 1000; i += 1) { a[at()] += 1; o["n"] += a[at()] - a[at()] + 1; }
      print [a, o, calls];`,
    "fields of another type": `
      struct P { x; y; } struct Q { y; z; x; }
      var calls = 0;
      function of(o) { calls += 1; return o; }
      function bump(o) { of(o).x += 1; of(o).y = of(o).x * 2; return of(o).y; }
      var p = P(0, 0); var q = Q(0, 0, 0);
      for (var i = 0; i < 400; i += 1) { bump(p); if (i > 200) bump(q); }
      print [p, q, calls];`,
    "an argument too many, after all were evaluated": `
      var calls = 0; var f = function (a) { return a; }; var g = function (a, b) { return b; };
      function next() { calls += 1; print calls; return calls; }
      var h = f;
      for (var i = 0; i < 150; i += 1) { if (i == 140) h = g; h(next()); }`,
    "structs when the block of memory is full": `
      struct P { x; y; z; }
      var calls = 0; var last;
      function next() { calls += 1; return calls; }
      for (var i = 0; i < 50000; i += 1) last = P(next(), last == nil, next());
      print [last, calls];`,
    "assignments inside of what fails": `
      function f(x) { var r = 0; r = (r = 7) + (x = x * 2) % (x - x); return r; }
      for (var i = 0; i < 200; i += 1) { if (i > 150) print f(i); }`,
  };
  for (const [what, text] of Object.entries(programs)) {
    const watched = await expectSame(text);
    assert(watched.compiled.length > 0, what);
  }
});

test("divisors of 0 and -1", async () => {
  await expectOutput(
    `var min = -9223372036854775808;
     function quotient(a, b) { return a / b; }
     function rest(a, b) { return a % b; }
     for (var i = 1; i < 300; i += 1) { quotient(i, i); rest(i, i); }
     print [quotient(min, -1), rest(min, -1), quotient(-140737488355328, -1), rest(-140737488355328, -1)];
     print [quotient(7, -1), rest(7, -1), quotient(0, -1), quotient(4294967296, 4294967296), rest(5, 4294967296)];
     print [quotient(1.5, 0), quotient(-1, 0.0), rest(5.5, 2), quotient(0.0, 0)];`,
    "[-9223372036854775808, 0, 140737488355328, 0]\n[-7, 0, 0, 1, 5]\n[inf, -inf, 1.5, nan]\n",
  );
  for (const operator of ["/", "%"]) {
    const text = `function f(a, b) { print a; return a ${operator} b; }
      for (var i = 5; i >= 0; i -= 1) for (var j = 0; j < 60; j += 1) f(j, i);`;
    const watched = await expectSame(text);
    assertMatch(watched.stderr, /^Runtime Error: Division by zero\./);
    // By a constant, which is known when the code is made.
    await expectSame(
      `function f(a) { return a ${operator} 0; } for (var i = 0; i < 300; i += 1) if (i > 200) f(i);`,
    );
  }
});

test("all comparisons, of ints, floats and both, with nan and with what is equal", async () => {
  const compares = (constant: string) =>
    ["<", "<=", ">", ">=", "==", "!="].flatMap((operator) =>
      ["b", constant].flatMap((second) => [
        `if (a ${operator} ${second}) push(r, "${operator}${second}");`,
        `if (!(a ${operator} ${second})) push(r, "not ${operator}${second}");`,
      ])
    ).join("\n");
  const watched = await expectSame(
    `function reals(a, b) { var r = []; ${compares("0.5")} return r; }
     function ints(a, b) { var r = []; ${compares("3")} return r; }
     function large(a, b) { var r = []; ${compares("4294967296")} return r; }
     function both(a, b) { var r = []; ${compares("0.5")} return r; }
     var nan = 0.0 / 0.0; var inf = 1.0 / 0.0;
     for (var i = 0; i < 200; i += 1) {
       reals(i * 0.25, 20.5); ints(i, 30); large(i * 100000000, 5000000000); both(i, 20.5); both(i * 0.5, i);
     }
     var some = [nan, inf, -inf, 0.5, -0.0, 0.0, 0, 1, 3, 3.0, -3, 4294967296, 4294967295, 140737488355328, -140737488355329,
       140737488355328.0, 9007199254740993, 9007199254740992.0];
     for (var f : [reals, ints, large, both]) for (var a : some) for (var b : some) print [a, b, f(a, b)];`,
  );
  for (const name of ["reals", "ints", "large", "both"]) assert(codeOf(watched, name).length > 0);
});

// ---- calls, stacks and errors ------------------------------------------------------------------------------------

test("100,000 nested calls in native code, and the error beyond", async () => {
  const watched = await expectOutput(
    `function sum(n) { if (n == 0) return 0; return n + sum(n - 1); }
     for (var i = 0; i < 300; i += 1) sum(10);
     print sum(100000);
     print sum(100000);`,
    "5000050000\n5000050000\n",
  );
  assertNative(watched, "sum", 600);
  const overflow = await expectSame(
    `function warm(n) { if (n == 0) return 0; return 1 + warm(n - 1); }
     for (var i = 0; i < 300; i += 1) warm(10);
     print "before";
     function f(n) { var a = n; var b = [n]; return a + f(n + 1) + b[0]; }
     f(0);`,
  );
  assertMatch(overflow.stderr, /^Runtime Error: Stack overflow\./);
  assertEquals([overflow.code, overflow.stdout], [1, "before\n"]);
});

test("registers that run out in native code are a stack overflow, long before there are too many calls", async () => {
  const text = `function f(n) { ${
    times(240, (i) => `var v${i};`)
  } v239 = n; depth = n; return f(n + 1) + v239; }
    var depth = 0;
    async function task() { return f(0); }
    var t = task();
    print depth;
    await t;`;
  const expected = await runUnna(text, { backend: "interp" });
  assertMatch(expected.stderr, /^Runtime Error: Stack overflow\./);
  const { code, stdout, stderr, compiled } = await watch(text, { threshold: 10 });
  assertEquals({ code, stdout, stderr }, expected);
  assertEquals(compiled.map(nameOf), ["f"]);
});

test("memory that runs out in native code is an error of the program", async () => {
  for (
    const text of [
      "struct Node { v; next; } var list; var n = 0;\nwhile (true) { n += 1;\n  list = Node(n, list); }",
      "var a = []; while (true) push(a, length(a));",
      'var s = "x"; while (true) s = s + s;',
    ]
  ) {
    const watched = await expectSame(`print "before";\n${text}`, { heap: 16 << 20 });
    assertMatch(watched.stderr, /^Runtime Error: Out of memory\./);
    assertEquals([watched.code, watched.stdout], [1, "before\n"]);
  }
  // Which of two instructions meets the end depends on what else lies in the heap.
  const text =
    "function keep(f) { var x = f; return function () { return x; }; }\nvar f; while (true) f = keep(f);";
  for (const threshold of [1, 10, 100]) {
    const watched = await watch(text, { heap: 16 << 20, threshold });
    assertMatch(watched.stderr, /^Runtime Error: Out of memory\.\n --> test\.unna:1:(24|38)\n/);
    assertNative(watched, "keep", Infinity);
  }
});

test("errors in native code have the same places and traces", async () => {
  const { stderr } = await expectSame(`
function inner(a, i) {
  var b = a[i];
  return b.field
    + 1;
}
function middle(a, i) { if (i > 5) return inner(a, i); return 0; }
function outer(a) {
  var sum = 0;
  for (var i = 0; i < 400; i += 1)
    sum += middle(a, i);
  return sum;
}
struct S { field; }
var items = [];
for (var i = 0; i < 390; i += 1) push(items, S(i));
push(items, "no struct");
print "before"; print outer(items);`);
  for (const place of ["test.unna:4:", "test.unna:7:", "test.unna:11:", "inner", "middle", "outer"]) {
    assert(stderr.includes(place), `${place} is not in:\n${stderr}`);
  }
  // Each kind of failure, in the middle of hot code.
  for (
    const failing of [
      ...["x - nil", "x < nil", "-[x]", "x.y", "x[0]", "x()", "f()", "f(1, 2)", "undefined", "undefined(x)"],
      ...[
        'a["k"]',
        "a[0.5]",
        "a[-1] = x",
        "a[99999999] = x",
        "m[nil]",
        "m[nil] = x",
        "S(1, 2)",
        "s.z",
        "s.z = 1",
      ],
      ...[
        "push(x, 1)",
        "length(x)",
        'assert(x < 50, "no")',
        "x % (x - x)",
        "import_(x)",
        "await_(x)",
        "p(x)",
      ],
    ]
  ) {
    await expectSame(
      `var a = [1]; var m = {}; struct S { y; } var s = S(1); function f(x) { return x; }
       function p(x) { var r = 1 + q(x); return r; } function q(x) { return x + [x]; }
       function hot(x) { if (x < 190) return x;\n ${failing}; }
       for (var i = 0; i < 200; i += 1) { hot(i);\n if (i == 188) print "soon"; }`,
    );
  }
});

test("natives, structs and functions of another number of parameters come to the same call", async () => {
  await expectSame(
    `struct P { x; }
     function one(a) { return [a]; }
     var callees = [one, one, one, P, str, type, function (a) { return a; }, length];
     for (var i = 0; i < 2000; i += 1) { var f = callees[i / 300]; var r = f("v"); if (i % 100 == 7) print r; }
     function two(a, b) { return a; }
     for (var i = 0; i < 300; i += 1) { var f = one; if (i == 250) f = two; f(i); }`,
  );
});

test("a member of another module than before", async () => {
  const { stderr } = await expectSame(
    `function pi(m) { return m.pi; }
     for (var i = 0; i < 300; i += 1) pi(ucoreMath);
     print pi(ucoreMath);
     print pi(ucoreTimer);`,
  );
  assert(stderr !== "");
});

test("compiled and uncompiled functions call each other", async () => {
  // `large` is too large for the code cache.
  const watched = await expectOutput(
    `function small(n) { if (n <= 0) return 0; return 1 + large(n - 1); }
     function large(n) {
       if (n <= 0) return 0;
       if (n < -1) { ${times(800, (i) => `n += small(${i}) - ${i};`)} }
       return 2 + small(n - 1);
     }
     var sum = 0;
     for (var i = 0; i < 300; i += 1) sum += small(i % 20) + large(3);
     print sum;
     print small(20000);`,
    "5700\n30000\n",
    { native: { cache: 65536 } },
  );
  assert(codeOf(watched, "small").length > 0);
  assertEquals(codeOf(watched, "large").length, 0);
});

test("functions and globals are redefined while they are hot", async () => {
  await expectOutput(
    `function f(x) { return x + 1; }
     var g = 1; var sum = 0;
     for (var i = 0; i < 600; i += 1) {
       if (i == 200) f = function (x) { return x * 2; };
       if (i == 300) g = 0.5;
       if (i == 400) f = function (x) { f = function (x) { return 3; }; return -x; };
       if (i == 500) g = 140737488355327;
       sum = sum + f(i) * g;
     }
     print sum;
     function h(x) { if (x == 150) { h = function (x) { return "new " + x; }; } return x; }
     for (var i = 0; i < 300; i += 1) { var r = h(i); if (i % 149 == 0 || i == 150) print r; }`,
    "4.2221246506703e+16\n0\n149\n150\nnew 298\n",
  );
});

test("a loop in the middle of loops is entered where it is, at top level", async () => {
  const watched = await expectOutput(
    `var total = 0;
     for (var i = 0; i < 12; i += 1) {
       var row = [i];
       for (var j = 0; j < 12; j += 1) {
         var k = 0;
         while (k < 12) { k += 1; total += row[0] * k + j; if (k == 7 && j == 3) break; }
         for (var c : "abc") total += length(c);
       }
       { var hidden = i; total += hidden; }
     }
     print total;`,
    "68298\n",
  );
  assert(codeOf(watched, "main").length > 0);
});

test("closures in native code capture each round's variable", async () => {
  await expectOutput(
    `var all = []; var shared = 0;
     for (var i = 0; i < 300; i += 1) {
       var own = i; var other = 0;
       push(all, function (d) { own += d; shared += 1; other = other + own; return own + other - other; });
     }
     var sum = 0;
     for (var r = 0; r < 3; r += 1) for (var f : all) sum += f(1);
     print [sum, shared, all[7](0), all[299](0)];`,
    "[136350, 900, 10, 302]\n",
  );
});

// ---- natives -----------------------------------------------------------------------------------------------------

/** A value of each type, as programs write it, and functions that take one of a type, or some. */
const VALUES = [
  "1",
  "-140737488355329",
  "0.5",
  "true",
  "nil",
  '"s"',
  "[1]",
  "{}",
  "print_it",
  "str",
  "S",
  "S(1)",
];
const TAKES = {
  any: ["any"],
  number: ["number"],
  int: ["int"],
  float: ["float"],
  bool: ["bool"],
  string: ["string"],
  array: ["array"],
  map: ["map"],
  function: ["function"],
  future: ["future"],
  text: ["string", "int?"],
  either: [["string", "array"], "number?", "int..."],
  none: [],
} as const;

const takers: Plugin = {
  name: "takers",
  doc: "A library of natives for each type of parameter.",
  libraries: [{
    name: "take",
    doc: "Natives that give the number of their arguments.",
    natives: Object.entries(TAKES).map(([name, types]): NativeDef => ({
      name: `take.${name}`,
      params: types.map((type, i): Param => {
        const mode = String(type).endsWith("?")
          ? "optional"
          : String(type).endsWith("...")
          ? "rest"
          : undefined;
        const plain = typeof type === "string" ? type.replace(/\W+$/, "") as ParamType : type;
        return { name: `p${i}`, type: plain, ...(mode === undefined ? {} : { mode }) };
      }),
      doc: "A test.",
      example: { code: "", output: "" },
      call: (call) => setInt32(call.result, call.count),
    })),
  }],
};

test("machine code and the interpreter agree on which arguments a native takes", async () => {
  // A function for each native, and one call for each list of arguments, which may end the task.
  const lists = ["", ...VALUES, ...VALUES.map((v) => `"s", ${v}`), ...VALUES.map((v) => `"s", 1, ${v}`)];
  const calls = ["[1], 0.5, 1, 2, 3", "[1], 0.5, 1, 2, 0.5", '"s", 0.5, 1', "f, 1", "f"];
  for (const name of Object.keys(TAKES)) {
    const text = `struct S { a; }
      function print_it(x) { print x; }
      async function f() {}
      ${
      [...lists, ...calls].map((list, i) =>
        `async function t${i}(f) { print "${i} " + take.${name}(${list}); }`
      )
        .join("\n")
    }
      for (var round = 0; round < 8; round += 1) {
        ${[...lists, ...calls].map((_, i) => `t${i}(f());`).join("\n")}
      }`;
    const expected = await runUnna(text, { backend: "interp", plugins: [takers] });
    const options = watching([], {});
    const { code, stdout, stderr } = await runUnna(text, {
      ...options,
      plugins: [...options.plugins!, takers],
      threshold: 4,
    });
    assertEquals({ code, stdout, stderr }, expected, name);
  }
});

test("a native of the host is called by machine code, which goes on behind the call", async () => {
  const watched = await expectSame(
    `function f(n) {
       var m = {"a": 1}; var s = "";
       for (var i = 0; i < n; i += 1) {
         var k = keys(m); m[i % 7] = length(k);
         s = ucoreString.padStart(str(length(k)), 3) + ucoreString.indexOf("hello", "l");
       }
       return s;
     }
     print f(1000);`,
  );
  assertNative(watched, "f", 10);
});

test("natives in hot code that fail, wait, or call functions of the program", async () => {
  await expectSame(
    `function twice(x) { return 2 * x; }
     function sum(items) { return ucoreArray.reduce(ucoreArray.map(items, twice), function (a, b) { return a + b; }, 0); }
     function nap(i) { ucoreTimer.sleep(0); return i; }
     async function work(n) {
       var all = 0;
       for (var i = 0; i < n; i += 1) { all += sum([i, 1]); if (i % 60 == 0) { ucoreTimer.sleep(0); all += nap(i); } }
       return all;
     }
     var tasks = [work(200), work(250)];
     for (var t : tasks) print await t;
     function cut(s, from) { return slice(s, from); }
     function outer(n) { var s = ""; for (var i = 0; i < n; i += 1) s = cut("text", 3 - i / 100); return s; }
     print outer(390);
     print outer(410);`,
  );
});

test("machine code that gives way while its native is under way goes on where it is by then", async () => {
  const native = { cache: 32768 };
  const inner = createRuntime(watching([], { native }));
  const many = times(
    40,
    (i) => `function f${i}(x) { for (var j = 0; j < 3; j += 1) x += j * ${i}; return x; }\n`,
  );
  await inner.runSource(
    "inner.unna",
    `${many} function churn(x) { ${times(40, (i) => `x += f${i}(x) % 7;`)} return x; }`,
  );
  const events: JitEvent[] = [];
  const options = watching(events, { native });
  const calls: Promise<unknown>[] = [];
  const poke: NativeDef = {
    name: "poke",
    params: [{ name: "x", type: "int" }],
    doc: "Has the other program run on top of this one.",
    example: { code: "", output: "" },
    call(call) {
      if (views.I32[call.word(0)] % 40 === 39) calls.push(inner.call("churn", 1));
      copyValue(call.result, call.word(0));
    },
  };
  try {
    const { stdout } = await runUnna(
      `function hot(n) { var sum = 0; for (var i = 0; i < n; i += 1) sum += poke(i); return sum; }
       print hot(4000);`,
      {
        ...options,
        plugins: [...options.plugins!, { name: "poke", doc: "A test.", natives: [poke] }],
        threshold: 10,
      },
    );
    await Promise.all(calls);
    assertEquals(stdout, "7998000\n");
    assert(
      events.some((event) => event.kind === "evicted" && nameOf(event.code) === "hot"),
      "it stayed in its place",
    );
  } finally {
    inner.dispose();
  }
});

/** Requires that a program succeeds, and does the same in native code as in the interpreter. */
async function expectRight(text: string, options: WatchOptions = {}): Promise<void> {
  const { code, stderr } = await expectSame(text, options);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
}

test("builtins that machine code does itself, at their edges", async () => {
  const ints = ["0", "1", "-1", "9", "10", "-10", "99", "100", "4294967295", "4294967296", "99999999999999"];
  const wide = ["140737488355327", "140737488355328", "-140737488355328", "-140737488355329"];
  const widest = ["9223372036854775807", "-9223372036854775807 - 1"];
  const others = [
    "0.5",
    "-0.0",
    "1e300",
    "12345678.125",
    "true",
    "false",
    "nil",
    '""',
    '"a"',
    '"longer than that"',
  ];
  const objects = ["[1, [2]]", "{1: 2}", "S(1)", "S", "text", "str", "ucoreMath"];
  await expectRight(
    `struct S { a; }
     function text(x) { var s = str(x); return s + s + type(x) + length(s) + (str(x) == s); }
     var values = [${[...ints, ...wide, ...widest, ...others, ...objects].join(", ")}];
     for (var round = 0; round < 30; round += 1) { for (var v : values) { var t = text(v); if (round > 27) print t; } }`,
  );
  const bounds = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "8",
    "9",
    "17",
    "18",
    "19",
    "1000",
    "4294967296",
    "9223372036854775807",
  ];
  await expectRight(
    `function cut(s, from, to) { return "[" + slice(s, from, to) + "]" + length(slice(s, from)); }
     var texts = ["", "x", "seventeen bytes ..", ucoreString.repeat("0123456789", 500)];
     var grown = ""; for (var i = 0; i < 200; i += 1) grown += i;
     push(texts, grown);
     for (var round = 0; round < 3; round += 1) {
       for (var s : texts) for (var from : [${bounds}]) for (var to : [${bounds}]) {
         var t = cut(s, from, to); var u = slice(s, from, to) + "+";
         if (round == 2) print t + u;
       }
     }
     print slice([1, 2, 3], 1);`,
  );
  await expectRight(
    `function step(m, k, log) {
       var r = remove(m, k); if (r != nil) push(log, str(k) + "=" + r);
       if (length(m) % 3 == 0) m[k] = length(log);
       return r;
     }
     var seed = 7;
     function random(n) { seed = (seed * 1103515245 + 12345) % 2147483648; return (seed / 65536) % n; }
     var keysOf = function (i) {
       if (i % 5 == 0) return "k" + i; if (i % 5 == 1) return i * 0.5; if (i % 5 == 2) return i % 4 == 0;
       if (i % 5 == 3) return i * 1000000000000000; return i;
     };
     var log = []; var m = {};
     for (var round = 0; round < 4000; round += 1) {
       if (random(5) < 3) m[keysOf(random(60))] = round; else step(m, keysOf(random(60)), log);
       if (round % 500 == 499) { print m; print length(m); for (var k : m) if (random(2) == 0) remove(m, k); }
     }
     print log; print remove(m, "never"); print remove({}, 1); print remove({1: "one"}, 1.0);`,
  );
  const { stderr } = await expectSame(
    `function drop(m, k) { return remove(m, k); }
     for (var i = 0; i < 300; i += 1) drop({}, i); drop({}, nil);`,
  );
  assertMatch(stderr, /^Runtime Error: Cannot use nil as a map key/);
});

// ---- suspension --------------------------------------------------------------------------------------------------

test("native callers are suspended and go on, also through functions that are not async", async () => {
  await expectSame(
    `var order = [];
     function nap(x) { if (x % 50 == 0) ucoreTimer.sleep(0); return x; }
     function between(a, x) { var local = [a, x]; var r = nap(x) + 1; push(order, local[0] + r); return r + local[1]; }
     async function task(a, n) {
       var sum = 0;
       for (var i = 0; i < n; i += 1) { sum += between(a, i); if (i % 70 == 0) sum += await later(i); }
       return a + sum;
     }
     async function later(x) { ucoreTimer.sleep(0); return x * 2; }
     var tasks = [];
     for (var i = 0; i < 6; i += 1) push(tasks, task("t" + i + " ", 120 + i * 10));
     for (var t : tasks) print await t;
     print length(order);
     print order;
     async function failing(n) { for (var i = 0; i < n; i += 1) between("f", i); return nil - 1; }
     var f = failing(300);
     print "caller goes on";
     await f;`,
  );
});

test("a task that sleeps while its code is compiled anew goes on in the new code", async () => {
  const watched = await expectSame(
    `function add(a, b) { return a + b; }
     function work(x, n) { var sum = x; for (var i = 0; i < n; i += 1) sum = add(sum, x); return sum; }
     function nap(x, deep) { if (deep > 0) return add(nap(x, deep - 1), 1); ucoreTimer.sleep(0); return x; }
     async function sleeper(x) { var before = work(x, 150); var r = nap(x, 40); return [before, r, work(x, 10)]; }
     var tasks = [sleeper(1), sleeper(2)];
     for (var v : [0.5, 1, 140737488355327, 0.25]) { work(v, 400); nap(v, 20); }
     push(tasks, sleeper(0.125));
     for (var t : tasks) print await t;`,
  );
  assert(codeOf(watched, "add").length > 1, "it was compiled once only");
});

// ---- recompilation and the code cache ----------------------------------------------------------------------------

test("a function is compiled anew while it is on the stack", async () => {
  // Between two returns into `f`, others become hot: their code takes the place of what `f` has left.
  const watched = await expectSame(
    `function f(n, x) {
       if (n == 0) return x;
       var before = x + n;
       var r = f(n - 1, x);
       if (n % 4 == 0) fill();
       return r + before * 1 - n;
     }
     var others = [${times(120, (i) => `function (x) { return x ${"+ x ".repeat(1 + i % 3)}; }`, ",\n")}];
     var next = 0;
     function fill() {
       if (next == length(others)) return;
       var other = others[next];
       next += 1;
       for (var i = 0; i < 110; i += 1) other(i);
     }
     for (var i = 0; i < 200; i += 1) f(3, 1);
     print f(500, 0.5);
     print f(500, 140737488355000);
     print f(500, "x" == "y");`,
  );
  assert(codeOf(watched, "f").length > 1, "it was compiled once only");
});

test("code that has no room is evicted, also while it is on the stack", async () => {
  const count = 40;
  const text = `
    ${
    times(count, (i) =>
      `function f${i}(n, x) {
      var a = x + ${i}; var b = a * 2 - x;
      for (var j = 0; j < 3; j += 1) { a += b % 7; if (a > 1000) a -= 1000; b -= j; }
      if (n > 0) a += f${(i + 1) % count}(n - 1, a) % 100;
      return a + b;
    }`)
  }
    var sum = 0;
    for (var r = 0; r < 30; r += 1) sum += f0(${count * 3}, r);
    print sum;
    print f7(5000, 1);`;
  const watched = await expectSame(text, { native: { cache: 32768 } });
  assert(watched.events.some(({ kind }) => kind === "evicted"), "nothing was evicted");
  assert(watched.compiled.length > count / 2);
});

// ---- later patches -----------------------------------------------------------------------------------------------

/** What code was patched with while it ran, in words. */
const patchesOf = (watched: Watched, name: string) =>
  watched.events.flatMap((event) => event.kind === "patched" && nameOf(event.code) === name ? [event] : []);
const reasonsOf = (watched: Watched, name: string) => patchesOf(watched, name).map(({ because }) => because);

const SUM_OF_HALVES = `
  function half(n) { return n / 2; }
  function sum(n) { var s = 0; for (var i = 0; i < n; i += 1) s += half(i); return s; }
`;

test("a call is linked to its callee: what it needs of it stands in the instructions", async () => {
  for (const native of [{ memory: "dual" }, { memory: "mprotect" }]) {
    const watched = await expectOutput(`${SUM_OF_HALVES} print sum(1000);`, "249500\n", { native });
    const [{ code, point, patches, because }, ...others] = patchesOf(watched, "sum");
    assertEquals([because, others], ["linked to half", []]);
    const placeOf = (wanted: Code) => {
      for (const event of watched.events) {
        if (event.kind === "compiled" && event.code === wanted) return event.offset;
      }
      throw new Error("unreachable");
    };
    const filled = (name: string) => {
      const { after } = patches.find(({ offset }) => offset === point.holes[name])!;
      return new DataView(after.buffer).getInt32(0, true);
    };
    const to = (name: string) => placeOf(code) + point.holes[name] + 4 + filled(name);
    const [half] = codeOf(watched, "half"), { word } = half.hot.loaded;
    assertEquals(filled("callee"), word);
    assertEquals(filled("frame"), 4 * views.I32[word + Proto.FRAME]);
    assertEquals(to("entry"), placeOf(half) + half.entries[0]);
    assertEquals(to("others"), placeOf(code) + point.places.others);
    for (const { offset, before } of patches) assertEquals(before, code.bytes.slice(offset, offset + 4));
    assertEquals(exitsOf(watched, "sum"), 0);
  }
});

test("links lead to the code of a function that has been compiled anew", async () => {
  const watched = await expectSame(`
    function of(x) { return x + 1; }
    function sum(n, x) { var s = x; for (var i = 0; i < n; i += 1) s = of(s); return s; }
    print [sum(500, 0), sum(500, 0.5), sum(500, 0)];`);
  assert(codeOf(watched, "of").length > 1, "it was compiled once only");
  assert(reasonsOf(watched, "sum").includes("of has moved"), reasonsOf(watched, "sum").join());
});

test("links to code that was evicted are taken back", async () => {
  const text = `
    ${
    times(30, (i) =>
      `function f${i}(n) { var s = 0; for (var j = 0; j < n; j += 1) s += one(j) * ${i}; return s; }`)
  }
    function one(n) { return n % 2; }
    for (var r = 0; r < 40; r += 1) { ${times(30, (i) => `f${i}(30);`)} }
    print f29(30);`;
  const watched = await expectSame(text, { native: { cache: 20480 } });
  const taken = watched.events.flatMap((event) =>
    event.kind === "patched" && event.because === "one is gone" ? [event] : []
  );
  assert(taken.length > 0, "nothing was taken back");
  for (const { code, patches } of taken) {
    for (const { offset, after } of patches) assertEquals(after, code.bytes.slice(offset, offset + 4));
  }
});

test("calls that meet other functions, or such that cannot be linked, go on as before", async () => {
  const watched = await expectSame(`
    function add(a, b) { return a + b; }
    function mul(a, b) { return a * b; }
    async function late(a, b) { return a - b; }
    function apply(f, n) { var s = 0; for (var i = 0; i < n; i += 1) s = f(s, i); return s; }
    print [apply(add, 200), apply(mul, 200), apply(add, 200)];
    function all(n) { var s = 0; for (var i = 0; i < n; i += 1) s += await late(i, 1); return s; }
    print all(300);
    function nest(g) { return fun() { return g; }; }
    function calls(n) { var s = 0; for (var i = 0; i < n; i += 1) s += nest(i)(); return s; }
    print calls(300);`.replace("fun()", "function()"));
  assertEquals(reasonsOf(watched, "apply"), ["linked to add"]);
  assertEquals(reasonsOf(watched, "all"), ["late cannot be linked to"]);
  assert(exitsOf(watched, "apply") < 5, `${exitsOf(watched, "apply")} exits`);
});

test("the cache of a field that was met late is filled by a patch, and the function is not compiled again", async () => {
  const watched = await expectOutput(
    `struct Point { x; y; }
     function f(p, n) {
       var s = 0;
       for (var i = 0; i < n; i += 1) { if (i >= 900) { s = p.y; p.y = i; } }
       return s;
     }
     print f(Point(1, 2), 1000);`,
    "998\n",
    { off: ["loops"] },
  );
  assertEquals(codeOf(watched, "f").length, 1);
  assertEquals(reasonsOf(watched, "f"), ["instances of Point come by", "instances of Point come by"]);
  const { code: { hot: { code } }, point } = patchesOf(watched, "f")[0];
  assertEquals([OPCODES[code[point.pc] & 0xFF].name, code[point.pc + 2]], ["GET_FIELD", 0]);
  assertEquals(exitsOf(watched, "f"), 2);
});

test("a function that does not fit the code cache is interpreted, and the program is right", async () => {
  const watched = await expectOutput(
    `function huge(n) { var x = 0; for (var i = 0; i < n; i += 1) { ${
      times(2500, (i) => `x += ${i % 3};`)
    } } return x; }
     function small(n) { var x = 0; for (var i = 0; i < n; i += 1) x += i; return x; }
     print [huge(300), small(300), huge(2)];`,
    "[749700, 44850, 4998]\n",
    { native: { cache: 32768 } },
  );
  assertEquals(codeOf(watched, "huge").length, 0);
  assertNative(watched, "small");
  assert(watched.events.some(({ kind }) => kind === "refused"));
});

test("historic: a refused function was compiled again, also if it is its later code that does not fit", async () => {
  // At threshold 1 nothing is known when it is first compiled; what is known later makes the code larger.
  const text = `function grows(n) {
      var x = 0;
      for (var i = 0; i < n; i += 1) { ${times(1500, (i) => `x += ${i % 3};`)} }
      return x;
    }
    print grows(100);`;
  const sizes = (await watch(text, { threshold: 1 })).compiled.map(({ bytes }) => bytes.length);
  const first = sizes[0], last = sizes.at(-1)!, page = 4096;
  assert(last > first + 8 * page, `${first} bytes at first, ${last} at last`);
  const cache = Math.ceil((first + last) / 2 / page) * page;
  const watched = await watch(text, { threshold: 1, native: { cache } });
  assertEquals(watched.stdout, "150000\n");
  assert(watched.compiled.length > 0);
  const refused = watched.events.filter(({ kind }) => kind === "refused").length;
  assert(refused > 0 && refused <= 8, `refused ${refused} times`);
});

/** The process's native world with a cache of so many bytes. */
function worldWith(cache: number): NativeWorld {
  const world = nativeWorld({ cache });
  if ("because" in world) throw new Error(world.because);
  return world;
}

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Bytes of the JavaScript objects that are in use. */
function heapUsed(): number {
  collectGarbage();
  return Deno.memoryUsage().heapUsed;
}

const MIB = 2 ** 20;

test("100,000 compilations leave nothing behind", async () => {
  // Functions as they are when they are hot, and what compiles them.
  const jobs: (() => Code)[] = [];
  const text = `${
    times(20, (i) => `function f${i}(x, s) { ${times(i % 5, () => `x = x * 3 + ${i};`)} return x; }`, "\n")
  }
    for (var i = 0; i < 150; i += 1) { ${times(20, (i) => `f${i}(i, "s");`)} }`;
  await watch(text, { threshold: 100, onCompile: (compile) => jobs.push(compile) });
  jobs.length = 20; // without the body of the file, which is hot when they are

  const world = worldWith(65536), before = world.stats();
  const pieces = new Set<Piece>();
  let evicted = 0;
  const compileAll = (count: number) => {
    for (let i = 0; i < count; i++) {
      const place = world.place(jobs[i % jobs.length]().bytes);
      if (place === null) throw new Error("no place, though all others can be spared");
      const piece: Piece = {
        place,
        unlink() {
          evicted++;
          pieces.delete(piece);
        },
      };
      pieces.add(piece);
      world.add(piece);
      // Code that is replaced goes before its time.
      if (i % 7 === 0) {
        const [victim] = [...pieces].slice(pieces.size >> 1);
        pieces.delete(victim);
        world.remove(victim);
      }
    }
  };
  compileAll(20_000);
  const warm = heapUsed(), full = world.stats();
  compileAll(80_000);
  const after = world.stats();
  assert(evicted > 50_000, `${evicted} evicted`);
  assert(after.pieces <= full.pieces * 2 && after.holes <= after.pieces + 1, JSON.stringify(after));
  assertEquals([after.bytes, after.evicted - before.evicted], [before.bytes, evicted]);
  const grown = heapUsed() - warm;
  // If only the bytes of each were kept, these were 20 MiB, and what belongs to them many times as much.
  assert(grown < 4 * MIB, `${grown} bytes of objects more`);
  for (const piece of pieces) world.remove(piece);
  assertEquals(world.stats(), { ...before, evicted: after.evicted });
});

test("1,000 programs leave nothing behind, though code of theirs is evicted", async () => {
  const native = { cache: 8192 };
  const text = `${
    times(4, (i) => `function f${i}(x) { ${times(12, () => "x = x % 7 + 3;")} return x; }`, "\n")
  }
    print f0(1) + f1(2) + f2(3) + f3(4);`;
  const { stdout } = await runUnna(text, { backend: "interp" });
  let compilations = 0, evictions = 0, warm = 0;
  await watch(text, { threshold: 1, native });
  const empty = worldWith(native.cache).stats();
  for (let run = 0; run < 1000; run++) {
    const watched = await watch(text, { threshold: 1, native });
    assertEquals([watched.stdout, watched.stderr], [stdout, ""]);
    compilations += watched.compiled.length;
    evictions += watched.events.filter(({ kind }) => kind === "evicted").length;
    const { evicted: _, ...stats } = worldWith(native.cache).stats();
    const { evicted: __, ...before } = empty;
    assertEquals(stats, before, "the cache is empty again");
    if (run === 200) warm = heapUsed();
  }
  assert(compilations >= 4000 && evictions >= 1000, `${compilations} compilations, ${evictions} evictions`);
  const grown = heapUsed() - warm;
  assert(grown < 4 * MIB, `${grown} bytes of objects more`);
});

test("the profile counts on when code has been evicted", async () => {
  const text = `${
    times(12, (i) => `function f${i}(x) { var y = x; ${times(40, () => "y = y % 7 + x;")} return y; }`, "\n")
  }
    function loop(n) { var s = 0; for (var i = 0; i < n; i += 1) s += i; return s; }
    function called(x) { return x; }
    for (var i = 0; i < 110; i += 1) called(i);
    loop(110);
    for (var i = 0; i < 110; i += 1) { ${times(12, (i) => `f${i}(i);`)} }
    for (var i = 0; i < 50; i += 1) called(i);
    loop(60);`;
  const events: JitEvent[] = [];
  const runtime = createRuntime({
    ...watching(events, { native: { cache: 36864 } }),
    ...{ heap: SMALL_HEAP, threshold: 100 },
  });
  try {
    assertEquals(await runtime.runSource("test.unna", text), 0);
    const evicted = events.flatMap((event) => event.kind === "evicted" ? [nameOf(event.code)] : []);
    assert(evicted.includes("called") && evicted.includes("loop"), `${evicted}`);
    const profiles = new Map(runtime.profile().map((each) => [each.loaded.proto.name, each]));
    // A hundred until it was hot; ten natively, which nobody counts; and all those since its code is gone. The first
    // round of a loop comes from above, and is not counted either.
    const called = profiles.get("called")!, loop = profiles.get("loop")!;
    assertEquals([called.calls, called.isNative], [150, false]);
    assertEquals([loop.calls, loop.loops.map(({ rounds }) => rounds), loop.isNative], [2, [159], false]);
  } finally {
    runtime.dispose();
  }
});

test("all kinds of executable memory and gates run the same program", async () => {
  const text = `function fib(n) { if (n < 2) return n; return fib(n - 1) + fib(n - 2); }
    var a = []; for (var i = 0; i < 500; i += 1) push(a, fib(i % 12)); print a;
    async function t(x) { ucoreTimer.sleep(0); return fib(x); } print await t(15);
    print a[0] / (a[0] - a[0]);`;
  for (const memory of ["dual", "mprotect"]) {
    for (const gate of ["bsearch", "fnptr"]) {
      const watched = await expectSame(text, { native: { memory, gate, cache: 1 << 20 } });
      assertNative(watched, "fib", 600);
    }
  }
});

test("runtimes take turns in one process, with native code of their own", async () => {
  const text = (k: number) =>
    `function f(x) { return x * ${k}; }
    var sum = 0;
    for (var r = 0; r < 5; r += 1) { for (var i = 0; i < 300; i += 1) sum += f(i); ucoreTimer.sleep(1); }
    print sum;`;
  const runs = await Promise.all([1, 2, 3, 4].map((k) => watch(text(k), { threshold: 10 })));
  assertEquals(runs.map(({ stdout }) => stdout), [1, 2, 3, 4].map((k) => `${k * 224250}\n`));
  assertEquals(views.I32[Control.FRAME_TOP], FRAMES, "no frame is left");
});
