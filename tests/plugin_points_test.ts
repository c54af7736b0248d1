// The extension points at work: what a plugin brings takes its place among what is there already, in machine code as
// in the interpreter. How plugins fail is told in plugin_failure_test.ts, and the worked examples have tests of their own.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { definePass, type OpcodeDef, type Plugin, type RuntimeOptions, type TokenRow } from "../mod.ts";
import { numberAt } from "../core/arithmetic.ts";
import { makeLoop, makeStepper } from "../core/dispatch.ts";
import { OP, OPCODES } from "../core/opcodes.ts";
import { rewriteProgram } from "../core/rewrite.ts";
import { setInt32 } from "../core/value.ts";
import { R, r14, rax, type X64Templates } from "../backends/x64/kit.ts";
import { x64 } from "../backends/x64/mod.ts";
import { core } from "../passes/mod.ts";
import { createRegistry } from "../core/admission.ts";
import { runUnna } from "./support.ts";

await x64.prepare?.();
const probe = x64.probe();
if (!probe.ok) console.log(`Extension points of machine code are not tested: ${probe.because}`);
const native = (name: string, fn: () => Promise<void>) => Deno.test({ name, fn, ignore: !probe.ok });

const EMPTY: Plugin = { name: "mine", doc: "A test." };
const DOC = { summary: "", why: "", example: "" };
const HOT: RuntimeOptions = { backend: "x64", threshold: 1 };
const BACKENDS: readonly RuntimeOptions[] = [{ backend: "interp" }, HOT, {
  backend: "x64",
  threshold: 1,
  stats: true,
}];

// ---- opcodes and templates ---------------------------------------------------------------------------------------

/** `seven`: an opcode without operands but its result. */
const SEVEN: OpcodeDef = {
  name: "SEVEN",
  operands: { A: "dst" },
  effect: "pure",
  formula: "R[A] = 7",
  doc: "A test.",
  exec: (_m, a) => setInt32(a, 7),
};
const seven: TokenRow = {
  token: "seven",
  prefix: (p, start) => ({ kind: "Operation", start, end: p.previous.end, opcode: "SEVEN", operands: [] }),
};
const SEVENS: Plugin = { ...EMPTY, syntax: [seven], opcodes: [SEVEN] };
const TEXT = "function f() { return seven; }\nfor (var i = 0; i < 40; i += 1) f();\nprint f();";

/** A template that gives a number of its own, so that one sees whose it was. */
const gives = (number: number): X64Templates => ({
  SEVEN(asm, { a }) {
    asm.mov(rax, number);
    asm.or(rax, r14);
    asm.mov(R(a), rax);
  },
});

native("an opcode without a template works, and the log says once what that costs", async () => {
  const { stdout, stderr, code } = await runUnna(TEXT, { ...HOT, jitLog: true, plugins: [SEVENS] });
  assertEquals({ stdout, code }, { stdout: "7\n", code: 0 });
  const told = stderr.split("\n").filter((line) => line.includes(" has no "));
  assertEquals(told.length, 1);
  assertMatch(
    told[0],
    /^slow {6}f, test\.unna:1, SEVEN has no x64 template: each execution leaves machine code, \d+ ns$/,
  );
  const json = await runUnna(TEXT, { ...HOT, jitLog: true, json: true, plugins: [SEVENS] });
  assertStringIncludes(json.stderr, '"opcode":"SEVEN","target":"x64","nanoseconds":');
});

native("an opcode with a template stays in machine code", async () => {
  const plugin = { ...SEVENS, templates: { x64: gives(7) } };
  const { stdout, stderr } = await runUnna(TEXT, { ...HOT, jitLog: true, plugins: [plugin] });
  assertEquals(stdout, "7\n");
  assert(!stderr.includes(" has no ") && !/ f, .*no-template/.test(stderr), stderr);
});

native("of templates for an opcode the first wins, and all go before those of the backend", async () => {
  const first = { ...SEVENS, templates: { x64: gives(8) } };
  const second: Plugin = { name: "other", doc: "A test.", templates: { x64: gives(9) } };
  assertEquals((await runUnna(TEXT, { ...HOT, plugins: [first, second] })).stdout, "8\n");
  assertEquals((await runUnna(TEXT, { ...HOT, plugins: [second, first] })).stdout, "9\n");

  const load: X64Templates = {
    LOAD_INT(asm, { a }) {
      asm.mov(rax, 5);
      asm.or(rax, r14);
      asm.mov(R(a), rax);
    },
  };
  const text = "function f() { var x = 1; return x; }\nprint f();";
  const plugin = { ...EMPTY, templates: { x64: load } };
  assertEquals((await runUnna(text, { ...HOT, plugins: [plugin] })).stdout, "5\n");
  const sum = "function f() { var s = 0; for (var i = 0; i < 900; i += 1) s = s + i; return s; }\nprint f();";
  const add = { ...EMPTY, templates: { x64: { ADD_II: load.LOAD_INT } } };
  assertEquals((await runUnna(sum, { backend: "x64", threshold: 50, plugins: [add] })).stdout, "5\n");
  const exits = { ...EMPTY, templates: { x64: { LOAD_INT: "exit" } as const } };
  const log = await runUnna(text, { ...HOT, jitLog: true, plugins: [exits] });
  assertEquals(log.stdout, "1\n");
  assertStringIncludes(log.stderr, "no-template, once");
  assert(!log.stderr.includes("LOAD_INT"), "whoever writes exit knows what that costs");
});

Deno.test("the registry leaves a target alone that no plugin has templates for", () => {
  const target = { name: "arm64", templates: { ADD: "exit" } } as never;
  assertEquals(createRegistry([core], [EMPTY]).extend(target), target);
});

/** A row for each way of decoding operands: its `exec` hands all of them to the test. */
function rowsOf(seen: (name: string, operands: readonly number[]) => void): OpcodeDef[] {
  const row = (name: string, operands: OpcodeDef["operands"]): OpcodeDef => ({
    name,
    operands,
    effect: "memory",
    formula: "",
    doc: "A test.",
    exec(m, a, b, c) {
      const { words = [] } = operands;
      seen(name, [a, b, c]);
      m.pc += words.length;
    },
  });
  return [
    row("PLAIN_ABC", { A: "int", B: "flag", C: "count" }),
    row("REGISTERS", { A: "src", B: "src" }),
    row("CONSTANT_C", { C: "constant" }),
    row("WIDE", { A: "int", Bx: "int" }),
    row("SIGNED", { A: "int", sBx: "int" }),
    row("WIDE_CONSTANT", { Bx: "constant" }),
    row("WORDS", { A: "int", words: ["cache", "cache"] }),
  ];
}

for (const options of BACKENDS) {
  const where = JSON.stringify(options);
  Deno.test({
    name: `operands of all kinds reach the opcodes of plugins on ${where}`,
    ignore: options.backend === "x64" && !probe.ok,
    async fn() {
      const seen: (readonly [string, readonly number[]])[] = [];
      const numbers = (name: string, [a, b, c]: readonly number[]) => {
        if (name === "REGISTERS") return [numberAt(a), numberAt(b)];
        if (name === "CONSTANT_C") return [numberAt(c)];
        return name === "WIDE_CONSTANT" ? [numberAt(b)] : [a, b, c];
      };
      const opcodes = rowsOf((name, operands) => seen.push([name, numbers(name, operands)]));
      const planted: readonly (readonly [name: string, operands: readonly number[]])[] = [
        ["PLAIN_ABC", [1, 0, 255]],
        ["REGISTERS", [0, 1]],
        ["CONSTANT_C", [0]],
        ["WIDE", [2, 65535]],
        ["SIGNED", [3, -32768]],
        ["WIDE_CONSTANT", [0]],
        ["WORDS", [4, 10, 20]],
      ];
      const pass = definePass({
        name: "plant",
        stage: "load",
        from: "program",
        to: "program",
        before: [{ pass: "profile", because: "it plants more" }],
        doc: DOC,
        run: (program, cx) =>
          rewriteProgram(program, cx.opcodes, (f) => {
            if (f.proto.name !== "f") return f.code;
            const [{ start, end }] = f.code, number = f.addConstant({ kind: "int", value: 99n });
            assertEquals(number, 0);
            const code = planted.map(([name, operands]) => ({ name, operands, at: null, start, end }));
            return [...code, ...f.code];
          }),
      });
      const text = "function f(a, b) { return a; }\nprint f(5, 6);";
      const { stdout, stderr } = await runUnna(text, {
        ...options,
        check: true,
        plugins: [{ ...EMPTY, opcodes, passes: [pass] }],
      });
      assertEquals({ stdout, stderr }, { stdout: "5\n", stderr: "" });
      assertEquals(seen, [
        ["PLAIN_ABC", [1, 0, 255]],
        ["REGISTERS", [5, 6]],
        ["CONSTANT_C", [99]],
        ["WIDE", [2, 65535, 0]],
        ["SIGNED", [3, -32768, 0]],
        ["WIDE_CONSTANT", [99]],
        ["WORDS", [4, 0, 0]],
      ]);
    },
  });
}

/** `sum3(a, b, c)`, which has no room for a result: the test gets it. */
function sum3(sums: number[]): Plugin {
  const row: OpcodeDef = {
    ...SEVEN,
    name: "SUM3",
    operands: { A: "src", B: "src", C: "src" },
    effect: "memory",
    exec: (_m, a, b, c) => void sums.push(numberAt(a) + numberAt(b) + numberAt(c)),
  };
  const token: TokenRow = {
    token: "sum3",
    prefix(p, start) {
      p.expect("(", "after 'sum3'");
      const operands = p.parseList(")", "after arguments", p.parseExpression);
      return { kind: "Operation", start, end: p.previous.end, opcode: "SUM3", operands };
    },
  };
  return { ...EMPTY, opcodes: [row], syntax: [token] };
}

Deno.test("an operation without a result gives nil, and evaluates its values in order", async () => {
  const sums: number[] = [];
  const text = 'function f(n) { print "f" + n; return n; }\nprint sum3(f(1), f(2), f(3));\nsum3(4, 5, 6);';
  const { stdout, stderr } = await runUnna(text, { plugins: [sum3(sums)], check: true });
  assertEquals({ stdout, stderr, sums }, { stdout: "f1\nf2\nf3\nnil\n", stderr: "", sums: [6, 15] });
});

Deno.test("operations reach registers that a byte does not", async () => {
  const sums: number[] = [];
  const variables = Array.from({ length: 300 }, (_, i) => `var v${i} = ${i};`).join(" ");
  const text = `function f() { ${variables} var r = sum3(v297, v298, v299); return seven; }\nprint f();`;
  const plugins = [{ ...sum3(sums), name: "other" }, SEVENS];
  for (const options of [{ backend: "interp" }, HOT]) {
    const { stdout, stderr } = await runUnna(text, { ...options, plugins, check: true });
    assertEquals({ stdout, stderr }, { stdout: "7\n", stderr: "" });
  }
  assertEquals(sums, [894, 894]);
});

Deno.test("the generated loop and the stepper know rows of plugins", () => {
  const rows = [...OPCODES, SEVEN];
  assert(makeLoop(rows).toString().includes(`case ${OPCODES.length}: { // SEVEN`));
  assertEquals(typeof makeStepper(rows), "function");
});

Deno.test("opcodes of plugins are listed like others, and verified", async () => {
  const shown = await runUnna("print seven;", { plugins: [SEVENS], check: true });
  assertEquals(shown.stdout, "7\n");
  const pass = definePass({
    name: "spoil",
    stage: "load",
    from: "program",
    to: "program",
    doc: DOC,
    run: (program, { opcodes }) =>
      rewriteProgram(
        program,
        opcodes,
        ({ code }) => code.map((each) => each.name === "SEVEN" ? { ...each, operands: [200] } : each),
      ),
  });
  const { stderr } = await runUnna("print seven;", { plugins: [{ ...SEVENS, passes: [pass] }] });
  assertStringIncludes(stderr, "pc 0: SEVEN names register 200 of 1");
});

// ---- passes ------------------------------------------------------------------------------------------------------

native("passes of plugins take their place in the hot stage", async () => {
  const order: string[] = [];
  const forms: string[][] = [];
  const general = definePass({
    name: "generalise",
    stage: "hot",
    from: "hot",
    to: "hot",
    before: [{ pass: "loops", because: "plans are made for the code as it is going to be" }],
    doc: DOC,
    run: (hot) => ({
      ...hot,
      code: hot.code.map((word) => (word & 0xFF) === OP.ADD_II ? word & ~0xFF | OP.ADD_ANY : word),
    }),
  });
  const look = definePass({
    name: "look",
    stage: "hot",
    from: "draft",
    to: "draft",
    after: [{ pass: "template-jit", because: "there is no draft before" }],
    doc: DOC,
    run(draft) {
      forms.push([...draft.hot.code].map((word) => OPCODES[word & 0xFF]?.name ?? ""));
      return draft;
    },
  });
  const plugin: Plugin = {
    ...EMPTY,
    passes: [look, general],
    observe: { passStart: ({ pass }) => order.push(pass) },
  };
  const text =
    "function add(a, b) { return a + b; }\nvar s = 0;\nfor (var i = 0; i < 9; i += 1) s = add(s, i);\nprint s;";
  const { stdout, stderr } = await runUnna(text, { backend: "x64", threshold: 3, plugins: [plugin] });
  assertEquals({ stdout, stderr }, { stdout: "36\n", stderr: "" });
  assertEquals(order.slice(3, 8), ["generalise", "loops", "template-jit", "look", "jump-patch"]);
  assert(forms.some((names) => names.includes("ADD_ANY")));
  assert(!forms.some((names) => names.includes("ADD_II")));
});

native("what passes of the hot stage report is told, with a message of the plugin's own table", async () => {
  const pass = definePass({
    name: "gossip",
    stage: "hot",
    from: "hot",
    to: "hot",
    doc: DOC,
    run(hot, cx) {
      const { source, proto: { name, start } } = hot.loaded;
      if (name === "f") cx.report("MINE1", { source, start, end: start + 8 }, { name });
      return hot;
    },
  });
  const diagnostics = {
    MINE1: {
      severity: "warning",
      title: "gossip",
      text: ({ name }: { name: string }) => `I hear that ${name} is hot`,
      explain: { why: "", repair: "", example: "" },
    },
  } as const;
  const text = "function f() { return 1; }\nprint f();";
  const { stdout, stderr, code } = await runUnna(text, {
    ...HOT,
    plugins: [{ ...EMPTY, diagnostics, passes: [pass] }],
  });
  assertEquals({ stdout, code }, { stdout: "1\n", code: 0 });
  assertStringIncludes(stderr, "warning[MINE1]: I hear that f is hot\n --> test.unna:1:1");
  assertStringIncludes(stderr, "raised by plugin 'mine'");
});

// ---- observers ---------------------------------------------------------------------------------------------------

native("observers are told what happens to hot code", async () => {
  const seen: string[] = [];
  const watch = <Event>(hook: string, detail: (event: Event) => string) => (event: Event) => {
    seen.push(`${hook} ${detail(event)}`);
  };
  const plugin: Plugin = {
    ...SEVENS,
    observe: {
      runStart: watch("runStart", ({ path }) => path),
      hot: watch("hot", ({ loaded, because }) => `${loaded.proto.name} by ${because}`),
      compiled: watch("compiled", ({ code }) => code.hot.loaded.proto.name),
      recompiled: watch(
        "recompiled",
        ({ code, compilation }) => `${code.hot.loaded.proto.name} ${compilation}`,
      ),
      patched: watch("patched", ({ code }) => code.hot.loaded.proto.name),
      noTemplate: watch("noTemplate", ({ opcode }) => opcode),
      exited: watch("exited", ({ exit, count }) => `${exit.reason} ${count}`),
      runEnd: watch(
        "runEnd",
        ({ outcome, profile }) => `${outcome} ${profile().map(({ loaded }) => loaded.proto.name).sort()}`,
      ),
    },
  };
  const text = `function f(x) { return x * 2 + seven; }
for (var i = 0; i < 20; i += 1) f(i);
for (var i = 0; i < 400; i += 1) f(i + 0.5);
print f(1);`;
  const { stdout } = await runUnna(text, { backend: "x64", threshold: 10, plugins: [plugin] });
  assertEquals(stdout, "9\n");
  assertEquals(seen.slice(0, 5), [
    "runStart test.unna",
    "hot f by calls",
    "noTemplate SEVEN",
    "compiled f",
    "patched f",
  ]);
  assert(seen.includes("exited not-int 1"), "the guard of MUL_K fails for floats");
  assert(seen.includes("recompiled f 2") && seen[seen.indexOf("recompiled f 2") + 1] === "patched f");
  assertEquals(seen.at(-1), "runEnd finished f,main");
});

native("observers are told of code that has to go, and of functions that are given up", async () => {
  const kinds = new Set<string>();
  const plugin: Plugin = {
    ...EMPTY,
    observe: { evicted: () => void kinds.add("evicted"), gaveUp: ({ because }) => void kinds.add(because) },
  };
  const functions = Array.from(
    { length: 90 },
    (_, i) =>
      `function f${i}(n) { var a = [n, n + ${i}]; return a[0] + a[1] + n * ${i} + n / 3 + n % 7; }
for (var i = 0; i < 3; i += 1) f${i}(i);`,
  );
  const options = { ...HOT, codeCache: 64 << 10, plugins: [plugin] };
  assertEquals((await runUnna(functions.join("\n"), options)).code, 0);
  assert(kinds.has("evicted"));
  const long = `var s = 1;\nfor (var i = 0; i < 9; i += 1) {\n${"s = s * 3 % 1000 + i;\n".repeat(600)}}`;
  assertEquals((await runUnna(long, options)).code, 0);
  assert([...kinds].some((because) => /do not fit the code cache/.test(because)), [...kinds].join());
});
