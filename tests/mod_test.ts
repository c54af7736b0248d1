// The library as embedders use it: values across the border, calls both ways, errors, output, several runtimes.

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  CompileFailure,
  createRuntime,
  float,
  type Handle,
  type HostValue,
  OptionError,
  type Runtime,
  RuntimeFault,
  type RuntimeOptions,
  struct,
} from "../mod.ts";

const HEAP = 64 << 20;
const LIBRARY = `
struct Point { x; y; }
struct Box { inside; }
var origin = Point(0, 0.5);
var text = "h\\u{e9}llo";
var raw = "\\xff\\xfe";
var nothing = nil;
function same(x) { return x; }
function kind(x) { return type(x); }
function show(x) { return str(x); }
function add(a, b) { return a + b; }
function makeCounter() { var n = 0; return function () { n += 1; return n; }; }
function apply(f, x) { return f(x); }
`;

interface Session {
  readonly runtime: Runtime;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

function open(options: RuntimeOptions = {}): Session {
  const out = new TextDecoder(), err = new TextDecoder();
  let stdout = "", stderr = "";
  const runtime = createRuntime({
    heap: HEAP,
    stdout: (bytes) => stdout += out.decode(bytes, { stream: true }),
    stderr: (bytes) => stderr += err.decode(bytes, { stream: true }),
    ...options,
  });
  return { runtime, stdout: () => stdout, stderr: () => stderr };
}

async function load(text = LIBRARY, options: RuntimeOptions = {}): Promise<Session> {
  const session = open(options);
  assertEquals(await session.runtime.runSource("library.unna", text), 0, session.stderr());
  return session;
}

Deno.test("get() copies what TypeScript can hold, and gives handles for the rest", async () => {
  const { runtime } = await load();
  assertEquals(runtime.get("origin"), struct("Point", { x: 0, y: 0.5 }));
  assertEquals(runtime.get("text"), "h\u00e9llo");
  assertEquals(runtime.get("raw"), new Uint8Array([0xff, 0xfe]));
  assertEquals(runtime.get("nothing"), null);
  assertEquals(runtime.get("missing"), undefined);
  const add = runtime.get("add") as Handle;
  assertEquals({ kind: add.kind, text: add.text }, { kind: "function", text: "<fn add>" });
  assertEquals((runtime.get("Point") as Handle).kind, "type");
  runtime.dispose();
});

Deno.test("call() passes whole numbers as ints, others as floats, and float() decides otherwise", async () => {
  const { runtime } = await load();
  const kinds: [HostValue, string, string][] = [
    [1, "int", "1"],
    [-0, "float", "-0"],
    [1.5, "float", "1.5"],
    [float(2), "float", "2"],
    [2 ** 53 - 1, "int", "9007199254740991"],
    [2 ** 60, "float", "1.1529215046068e+18"],
    [2n ** 63n - 1n, "int", "9223372036854775807"],
    [NaN, "float", "nan"],
    [true, "bool", "true"],
    [null, "nil", "nil"],
    ["\u00fc", "string", "\u00fc"],
    [new Uint8Array([65]), "string", "A"],
    [[1, [2]], "array", "[1, [2]]"],
    [new Map<HostValue, HostValue>([["a", 1], [2, null]]), "map", "{a: 1, 2: nil}"],
    [struct("Point", { y: 2, x: 1 }), "struct", "Point {x: 1, y: 2}"],
  ];
  for (const [value, kind, text] of kinds) {
    assertEquals(await runtime.call("kind", value), kind);
    assertEquals(await runtime.call("show", value), text);
  }
  runtime.dispose();
});

Deno.test("evaluate() runs texts in one module and gives what they come to", async () => {
  const { runtime } = await load();
  assertEquals(await runtime.evaluate("1", "add(1, 2)"), 3);
  assertEquals(
    await runtime.evaluate("2", "var p = Point(_, [true, nil]); p"),
    struct("Point", { x: 3, y: [true, null] }),
  );
  assertEquals(await runtime.evaluate("3", "var q = 1;"), undefined);
  assertEquals(await runtime.evaluate("4", "nil"), null);
  const apply = await runtime.evaluate("5", "function add(a, b) { return a * b; } apply") as Handle;
  assertEquals(apply.text, "<fn apply>");
  assertEquals(await runtime.call("add", 3, 4), 12);
  assertEquals(runtime.get("q"), 1);
  assertEquals(runtime.outcome(), "finished");
  runtime.dispose();
});

Deno.test("evaluate() needs no program, and what fails leaves alone what was there", async () => {
  const { runtime, stderr } = open();
  assertEquals(await runtime.evaluate("1", "var x = 41;"), undefined);
  const compile = await assertRejects(() => runtime.evaluate("2", "x +"), CompileFailure);
  assertEquals(compile.diagnostics[0].source?.path, "2");
  const fault = await assertRejects(() => runtime.evaluate("3", "x = 42; missing()"), RuntimeFault);
  assertEquals(fault.frames[0].source.path, "3");
  assertEquals(runtime.outcome(), "failed");
  assertEquals(await runtime.evaluate("4", "x"), 42);
  assertEquals(stderr(), "");
  runtime.dispose();
});

Deno.test("evaluate() survives collections at every opportunity", async () => {
  const { runtime } = open({ gcStress: true });
  await runtime.evaluate("1", 'var names = []; function add(n) { push(names, "name " + n); return names; }');
  for (let i = 0; i < 5; i++) await runtime.evaluate("2", `add(${i}); length(_)`).catch(() => {});
  assertEquals(await runtime.evaluate("3", "names"), [0, 1, 2, 3, 4].map((n) => `name ${n}`));
  runtime.dispose();
});

Deno.test("call() waits for async functions and gives their results", async () => {
  const { runtime } = await load(`
async function later(x) { ucoreTimer.sleep(1); return x + 1; }
async function broken() { ucoreTimer.sleep(1); return 1 / 0; }
`);
  assertEquals(await runtime.call("later", 1), 2);
  await assertRejects(() => runtime.call("broken"), RuntimeFault, "Division by zero.");
  await assertRejects(() => runtime.call("later"), RuntimeFault);
  runtime.dispose();
});

Deno.test("call() refuses what no program can have", async () => {
  const { runtime } = await load();
  const refused: [unknown, string][] = [
    [undefined, "undefined"],
    [() => 1, "function"],
    [2n ** 63n, "64 bits"],
    [{ x: 1 }, "Neither"],
    [new Map([[[1], 1]]), "Keys"],
    [struct("Nowhere", {}), "no global struct 'Nowhere'"],
    [struct("Point", { x: 1 }), "needs a field 'y'"],
    [struct("Point", { x: 1, y: 2, z: 3 }), "no field 'z'"],
  ];
  for (const [value, message] of refused) {
    await assertRejects(() => runtime.call("same", value as HostValue), TypeError, message);
    await assertRejects(() => runtime.call("same", [value as HostValue]), TypeError, message);
  }
  await assertRejects(() => runtime.call("missing"), TypeError, "no global 'missing'");
  runtime.dispose();
});

Deno.test("values survive a round trip through a program that collects at every opportunity", async () => {
  const { runtime } = await load(LIBRARY, { gcStress: true });
  const scalar = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
    fc.string({ unit: "grapheme" }),
  );
  const { value } = fc.letrec<{ value: HostValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      scalar,
      fc.array(tie("value"), { maxLength: 5 }),
      fc.array(fc.tuple(fc.oneof(fc.string(), fc.integer()), tie("value")), { maxLength: 5 })
        .map((entries) => new Map<HostValue, HostValue>(entries)),
      tie("value").map((inside) => struct("Box", { inside })),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(value, async (value) => assertEquals(await runtime.call("same", value), value)),
    { numRuns: 60 },
  );
  runtime.dispose();
});

Deno.test("cycles and shared parts stay what they are, and depth is no limit", async () => {
  const { runtime } = await load();
  const loop: HostValue[] = [1];
  loop.push(loop);
  const back = await runtime.call("same", loop) as HostValue[];
  assertStrictEquals(back[1], back);
  const part: HostValue = ["shared"];
  const pair = await runtime.call("same", [part, part]) as HostValue[];
  assertStrictEquals(pair[0], pair[1]);
  let deep: HostValue = [];
  for (let i = 0; i < 100_000; i++) deep = [deep];
  let copy = await runtime.call("same", deep) as HostValue[], depth = 0;
  for (; copy.length > 0; depth++) copy = copy[0] as HostValue[];
  assertEquals(depth, 100_000);
  runtime.dispose();
});

Deno.test("handles call, go back in, keep alive what they stand for, and can be released", async () => {
  const { runtime } = await load(LIBRARY, { gcStress: true });
  const counter = await runtime.call("makeCounter") as Handle;
  assertEquals(await runtime.call(counter), 1);
  assertEquals(await runtime.call(counter), 2);
  assertEquals(await runtime.call("apply", runtime.get("kind") as Handle, counter), "function");
  counter.release();
  counter.release();
  await assertRejects(() => runtime.call(counter), TypeError, "handle");
  const other = await load();
  await assertRejects(() => other.runtime.call(runtime.get("add") as Handle, 1, 2), TypeError, "handle");
  other.runtime.dispose();
  runtime.dispose();
});

Deno.test("functions of the embedder are globals, also those that give promises", async () => {
  const functions = {
    twice: (x: HostValue) => (x as number) * 2,
    later: async (x: HostValue) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return [x];
    },
    nothing: () => {},
    fails: () => {
      throw new Error("no luck");
    },
    rejects: () => Promise.reject(new Error("no luck later")),
  };
  const { runtime, stdout, stderr } = await load(
    `async function task(x) { print "starts " + x; var y = later(x); print y; return y; }
var a = task(1); var b = task(2);
print twice(21); print nothing(); print await a; print later("main");`,
    { functions, gcStress: true },
  );
  assertEquals(stdout(), "starts 1\nstarts 2\n42\nnil\n[1]\n[1]\n[2]\n[main]\n");
  assertEquals(stderr(), "");
  assertEquals(await runtime.runSource("a.unna", "fails();"), 1);
  assertEquals(await runtime.runSource("b.unna", "rejects();"), 1);
  assert(stderr().includes("Runtime Error: no luck\n --> a.unna:1:1"), stderr());
  assert(stderr().includes("Runtime Error: no luck later\n --> b.unna:1:1"), stderr());
  runtime.dispose();
});

Deno.test("compile() and run() throw, runSource() tells and gives an exit code", async () => {
  const { runtime, stdout, stderr } = open();
  const failure: CompileFailure = assertThrows(() => runtime.compile("x.unna", "print 1 +;"), CompileFailure);
  assertEquals(failure.diagnostics.map(({ severity }) => severity), ["error"]);
  await runtime.run(runtime.compile("x.unna", "var x = 1; print x;"));
  assertEquals(runtime.get("x"), 1);
  await assertRejects(
    () => runtime.run(runtime.compile("x.unna", "print 1 / 0;")),
    RuntimeFault,
    "Division by zero.",
  );
  assertEquals(stderr(), "");
  assertEquals(await runtime.runSource("x.unna", "print 2; print 1 / 0;"), 1);
  assertEquals(stdout(), "1\n2\n");
  assert(stderr().startsWith("Runtime Error: Division by zero.\n --> x.unna:1:18"), stderr());
  runtime.dispose();
  assertThrows(() => runtime.get("x"), Error, "disposed");
});

Deno.test("each run has globals of its own", async () => {
  const { runtime } = await load("var first = 1;");
  await runtime.runSource("second.unna", "var second = 2;");
  assertEquals(runtime.get("first"), undefined);
  assertEquals(runtime.get("second"), 2);
  runtime.dispose();
});

Deno.test("two runtimes run at the same time without noticing each other", async () => {
  const program = (name: string) =>
    `for (var i = 0; i < 3; i += 1) { print "${name}" + i; ucoreTimer.sleep(2); } var done = "${name}";`;
  const sessions = [open(), open()];
  await Promise.all(sessions.map(({ runtime }, i) => runtime.runSource(`${i}.unna`, program("ab"[i]))));
  assertEquals(sessions.map(({ stdout }) => stdout()), ["a0\na1\na2\n", "b0\nb1\nb2\n"]);
  assertEquals(sessions.map(({ runtime }) => runtime.get("done")), ["a", "b"]);
  for (const { runtime } of sessions) runtime.dispose();
});

Deno.test("output is handed on while the program waits", async () => {
  const { runtime, stdout } = open();
  const running = runtime.runSource("x.unna", `print "before"; ucoreTimer.sleep(60); print "after";`);
  await new Promise((resolve) => setTimeout(resolve, 25));
  assertEquals(stdout(), "before\n");
  await running;
  assertEquals(stdout(), "before\nafter\n");
  runtime.dispose();
});

Deno.test("check() finds what can be known without running", async () => {
  const { runtime } = open();
  const codes = async (text: string) => (await runtime.check("x.unna", text)).map(({ code }) => code);
  assertEquals(await codes("print 1;"), []);
  assertEquals(await codes("print missing;"), ["U0201"]);
  assertEquals(await codes("print length(1, 2);"), ["U0203"]);
  assertEquals(await codes("print ;"), ["U0111"]);
  assertEquals((await runtime.check("no/such/file.unna")).map(({ code }) => code), ["U0151"]);
  runtime.dispose();
});

Deno.test("stats(), timings() and profile() tell about the last run", async () => {
  const { runtime } = open({ stats: true, backend: "interp" });
  await runtime.runSource("x.unna", "function f(x) { return x; }\nfor (var i = 0; i < 500; i += 1) f(i);");
  const { instructions, milliseconds } = runtime.stats();
  assert(instructions !== null && instructions > 2000 && milliseconds > 0);
  assertEquals(runtime.timings().map(({ pass }) => pass), ["parse", "bytecode", "profile"]);
  assertEquals(runtime.profile().find(({ loaded }) => loaded.proto.name === "f")?.calls, 500);
  for (const what of ["stats", "time", "profile"] as const) assert((await runtime.report(what)).length > 0);
  runtime.dispose();
});

Deno.test("options that name what does not exist are refused with a suggestion", () => {
  const refused: [RuntimeOptions, string][] = [
    [{ backend: "interpp" }, "did you mean 'interp'?"],
    [{ off: ["profil"] }, "did you mean 'profile'?"],
    [{ off: ["parse"] }, "cannot be turned off"],
    [{ dump: ["byte-code"] }, "did you mean 'bytecode'?"],
    [{ threshold: -1 }, "threshold of -1"],
    [{ heap: 5 }, "heap of 5 bytes"],
  ];
  for (const [options, message] of refused) assertThrows(() => createRuntime(options), OptionError, message);
});
