// The plugins that are worked examples: each does what it says, on every backend, and the language stays what it is
// while they are loaded. What a plugin adds to the language is held to programs in tests/plugins, written like those in
// tests/lang; what changes how programs are compiled or run is held to tests/lang itself.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { createRuntime, type Plugin } from "../mod.ts";
import { type Config, judge, type Program, readPrograms, runUnna, SMALL_HEAP } from "./support.ts";
import { x64 } from "../backends/x64/mod.ts";
import { createCallGraph } from "../plugins/call_graph.ts";
import constantFold from "../plugins/constant_fold.ts";
import control from "../plugins/control.ts";
import count from "../plugins/count.ts";
import deadCode from "../plugins/dead_code.ts";
import interpolate from "../plugins/interpolate.ts";
import jsBackend from "../plugins/js_backend.ts";
import peephole from "../plugins/peephole.ts";
import popcount from "../plugins/popcount.ts";
import power from "../plugins/power.ts";
import trace from "../plugins/trace.ts";
import xor from "../plugins/xor.ts";

const FOLDER = decodeURIComponent(new URL(".", import.meta.url).pathname);
const HOT = { threshold: 1 };

function programsOf(path: string): Program[] {
  return readPrograms(FOLDER + path, Deno.readTextFileSync(FOLDER + path));
}

/** All programs of the language suite that are not slow in some configuration. */
function languageSuite(): Program[] {
  const folders = [...Deno.readDirSync(`${FOLDER}lang`)].filter(({ isDirectory }) => isDirectory);
  return folders.map(({ name }) => name).sort().flatMap((folder) =>
    [...Deno.readDirSync(`${FOLDER}lang/${folder}`)]
      .filter(({ isFile, name }) => isFile && name.endsWith(".unna"))
      .flatMap(({ name }) => programsOf(`lang/${folder}/${name}`))
  ).filter(({ slow }) => slow.length === 0);
}

async function judgeAll(programs: readonly Program[], config: Config): Promise<void> {
  const faults: string[] = [];
  for (const program of programs) {
    const fault = await judge(program, config);
    if (fault !== null) faults.push(fault);
  }
  // Thrown without a stack: the place is in the program, not in this file.
  if (faults.length > 0) throw Object.assign(new Error(`\n${faults.join("\n")}`), { stack: "" });
}

/** The bytecode of a program, source lines left out. */
async function bytecodeOf(text: string, plugins: readonly Plugin[]): Promise<string> {
  const runtime = createRuntime({ heap: SMALL_HEAP, plugins, dump: ["bytecode"], compileOnly: true });
  await runtime.runSource("test.unna", text);
  const listing = await runtime.report("dumps");
  runtime.dispose();
  return listing.split("\n").filter((line) => /^ +\d+ {2}[A-Z]/.test(line)).map((line) =>
    line.split(";")[0].trim().replace(/ +/g, " ")
  ).join("\n");
}

Deno.test("every example is one short file", async () => {
  const files = ["call_graph", "constant_fold", "control", "count", "dead_code", "interpolate", "js_backend"];
  for (const file of [...files, "peephole", "popcount", "power", "trace", "xor"]) {
    const url = new URL(`../plugins/${file}.ts`, import.meta.url);
    assert(Deno.readTextFileSync(url).split("\n").length < 150, file);
    const { default: plugin } = await import(url.href);
    createRuntime({ heap: SMALL_HEAP, plugins: [plugin] }).dispose();
  }
});

// ---- what adds to the language -----------------------------------------------------------------------------------

const SYNTAX = { control, interpolate, popcount, power, xor };
const BACKENDS: readonly Config[] = [
  { name: "interp", options: { backend: "interp" } },
  { name: "interp with gc stress", options: { backend: "interp", gcStress: true } },
  { name: "x64", options: { backend: "x64" } },
  { name: "x64, everything hot", options: { backend: "x64", ...HOT } },
  { name: "x64, everything hot, with gc stress", options: { backend: "x64", ...HOT, gcStress: true } },
  { name: "js, everything hot", options: { backend: "js", ...HOT } },
];

for (const [name, plugin] of Object.entries(SYNTAX)) {
  for (const config of BACKENDS) {
    Deno.test(`${name} on ${config.name}`, async () => {
      const options = { ...config.options, check: true, plugins: [plugin, jsBackend] };
      await judgeAll(programsOf(`plugins/${name}.unna`), { ...config, options });
    });
  }
}

Deno.test("programs mean the same while the plugins that add to the language are loaded", async () => {
  const programs = languageSuite().filter(({ source }) =>
    !/\b(unless|repeat|until|popcount)\b|[$^]/.test(source)
  );
  const options = { backend: "interp", plugins: Object.values(SYNTAX) };
  await judgeAll(programs, { name: "interp", options });
});

// ---- what changes how programs run -------------------------------------------------------------------------------

const SUITES: readonly (readonly [what: string, config: Config])[] = [
  ["js_backend runs the language suite", {
    name: "js, everything hot",
    options: { backend: "js", ...HOT, plugins: [jsBackend] },
  }],
  ["js_backend runs the language suite once it is hot", {
    name: "js",
    options: { backend: "js", plugins: [jsBackend] },
  }],
  ["constant_fold, peephole and dead_code keep the language suite as it is", {
    name: "interp",
    options: { backend: "interp", plugins: [constantFold, peephole, deadCode] },
  }],
  ["so they do in machine code", {
    name: "x64, everything hot",
    options: { backend: "x64", ...HOT, plugins: [constantFold, peephole, deadCode] },
  }],
  ["count keeps the language suite as it is in machine code", {
    name: "x64, everything hot",
    options: { backend: "x64", ...HOT, plugins: [{ ...count, observe: {} }] },
  }],
];

for (const [what, config] of SUITES) {
  Deno.test(what, () => judgeAll(languageSuite(), config));
}

Deno.test("constant_fold computes what is known, and leaves what would fail", async () => {
  const cases: readonly (readonly [from: string, to: string])[] = [
    ["print 60 * 60 * 24 - 1;", "print 86399;"],
    ['print "a" + "b" + 1;', 'print "ab" + 1;'],
    ["print -(3 - 5) % 4;", "print 2;"],
    ["print 1 + 0.5;", "print 1.5;"],
    ["print 9223372036854775807 + 1;", "print -9223372036854775807 - 1;"],
    ["print !(1 < 2.5);", "print false;"],
    ["print 9007199254740993 == 9007199254740992.0;", "print false;"],
    ["if (2 > 3) print 1; else print 2;", "print 2;"],
    ["print 1 / 0;", "print 1 / 0;"],
    ["print 1.0 / 0;", "print 1.0 / 0;"],
    ["print nil + 1;", "print nil + 1;"],
  ];
  for (const [from, to] of cases) {
    assertEquals(await bytecodeOf(from, [constantFold]), await bytecodeOf(to, [constantFold]), from);
  }
  assertEquals(
    await bytecodeOf("print 60 * 60 * 24 - 1;", [constantFold]),
    "0 LOAD_CONST r0, k0\n1 PRINT r0\n2 RETURN_NIL",
  );
  assertMatch(await bytecodeOf("print 1 / 0;", [constantFold]), /DIV/);
});

Deno.test("peephole makes jumps lead to where they end", async () => {
  const text = "var x = 3;\nif (x > 2) { if (x > 5) print 1; else print 2; } else print 3;\nprint 4;";
  const jumps = (listing: string) => [...listing.matchAll(/ JUMP @(\d+)/g)].map(([, to]) => to);
  const [first, second] = jumps(await bytecodeOf(text, []));
  assert(first !== second, "the compiler makes a jump to a jump");
  const [threaded, last] = jumps(await bytecodeOf(text, [peephole]));
  assertEquals(threaded, last);
});

Deno.test("dead_code leaves out what nobody reads", async () => {
  const text = "function f(x) {\n  var unused = x;\n  var y = 1;\n  y = 2;\n  return x + y;\n}";
  const listing = await bytecodeOf(text, [deadCode]);
  assertEquals(listing.split("RETURN_NIL\n")[1], "0 LOAD_INT r2, 2\n1 ADD r3, r0, r2\n2 RETURN r3");
  // What is read in the next round of a loop is alive at the end of this one.
  const loop =
    "function g(n) { var a = 0; var b = 1; while (n > 0) { n -= 1; a = b; b = n; } return a; }\nprint g(5);";
  const { stdout } = await runUnna(loop, { plugins: [deadCode] });
  assertEquals(stdout, "1\n");
});

const FIB = `function fib(n) {
  if (n < 2) return n;
  return fib(n - 1) + fib(n - 2);
}
for (var i = 0; i < 3; i += 1)
  print fib(i);
`;

for (const config of BACKENDS) {
  Deno.test(`count counts lines on ${config.name}`, async () => {
    const plugins = [count, jsBackend];
    const { stdout, stderr: text } = await runUnna(FIB, { ...config.options, plugins });
    assertEquals(stdout, "0\n1\n1\n");
    assertEquals(
      text,
      `
test.unna
         1 | function fib(n) {
         5 |   if (n < 2) return n;
         1 |   return fib(n - 1) + fib(n - 2);
           | }
         3 | for (var i = 0; i < 3; i += 1)
         3 |   print fib(i);
           |
`,
    );
  });

  Deno.test(`trace shows calls and results on ${config.name}`, async () => {
    const text =
      'function f(n) { if (n > 1) return [n, f(n - 1)]; }\nprint f(2);\nfunction g(a, b) {}\ng("x", nil);';
    const { stdout, stderr } = await runUnna(text, { ...config.options, plugins: [trace, jsBackend] });
    assertEquals(stdout, "[2, nil]\n");
    assertEquals(stderr, "f(2)\n  f(1)\n  = nil\n= [2, nil]\ng(x, nil)\n= nil\n");
  });
}

Deno.test("call_graph prints who calls whom by name", async () => {
  let text = "";
  const program = `
    function even(n) { return n == 0 || odd(n - 1); }
    function odd(n) { return n != 0 && even(n - 1); }
    var f = function () { return even(2); };
    print odd(3); print length("");`;
  await runUnna(program, { plugins: [createCallGraph((piece) => text += piece)] });
  assertEquals(
    text,
    'digraph "test.unna" {\n  "even" -> "odd";\n  "odd" -> "even";\n  "main" -> "even";\n  "main" -> "odd";\n}\n',
  );
});

await x64.prepare?.();

Deno.test({
  name: "templates of plugins stay in machine code, with the instructions that they are about",
  ignore: !x64.probe().ok,
  fn: checkTemplates,
});

async function checkTemplates(): Promise<void> {
  const cases: readonly (readonly [plugin: Plugin, body: string, instruction: RegExp])[] = [
    [power, "return n ** 3;", /imul/],
    [popcount, "return popcount(n);", /popcnt rax,rax/],
    [xor, "return n ^ 5;", /xor rax,rcx/],
  ];
  for (const [plugin, body, instruction] of cases) {
    const text = `function f(n) { ${body} }\nfor (var i = 0; i < 50; i += 1) f(i);`;
    const runtime = createRuntime({
      heap: SMALL_HEAP,
      backend: "x64",
      threshold: 2,
      plugins: [plugin],
      dump: ["code", "exits"],
      functionName: "f",
      stdout: () => {},
    });
    await runtime.runSource("test.unna", text);
    const views = await runtime.report("native");
    runtime.dispose();
    assertMatch(views, instruction);
    assertMatch(views, /native code was never left early/);
  }
}
