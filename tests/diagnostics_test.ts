import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  createDiagnostics,
  type Diagnostic,
  type DiagnosticCode,
  DIAGNOSTICS,
  makeDiagnostic,
  messageOf,
  renderDiagnostic,
  renderRuntimeError,
  suggest,
} from "../core/diagnostics.ts";
import { EXPLANATIONS } from "../core/explanations.ts";
import { makeSource } from "../core/source.ts";
import { emitProgram } from "../passes/bytecode.ts";
import { checkProgram } from "../passes/check.ts";
import { parseProgram } from "../passes/parse.ts";
import { createRuntime, RuntimeFault } from "../mod.ts";
import { SMALL_HEAP } from "./support.ts";

const PLAIN = { color: false };

function render(diagnostic: Diagnostic): string {
  return renderDiagnostic(diagnostic, PLAIN);
}

function unexpected(text: string, start: number, end: number): Diagnostic {
  return createDiagnostics().report("U0111", { source: makeSource("main.unna", text), start, end });
}

for (const [code, { explain }] of Object.entries(EXPLANATIONS)) {
  const testable = /^U0[12]/.test(code) && !code.startsWith("U015");
  if (!testable) continue;
  Deno.test(`EXPLANATIONS.${code} has an example that produces it`, () => {
    const diagnostics = createDiagnostics();
    const source = makeSource("example.unna", explain.example);
    const program = parseProgram(source, diagnostics);
    const known = { globals: new Set(["length", "ucoreMath"]) };
    if (diagnostics.errorCount === 0) checkProgram(program, source, known, diagnostics);
    if (diagnostics.errorCount === 0) emitProgram(program, source, diagnostics, { builtins: known.globals });
    const found = diagnostics.items.map((item) => item.code);
    assert(found.includes(code), `got ${found}`);
    assertEquals(DIAGNOSTICS[code as DiagnosticCode].severity === "error", diagnostics.errorCount > 0);
  });
}

for (const [code, { explain }] of Object.entries(EXPLANATIONS)) {
  if (!code.startsWith("U09")) continue;
  Deno.test(`EXPLANATIONS.${code} has an example that raises it`, async () => {
    const runtime = createRuntime({ heap: SMALL_HEAP, stdout: () => {}, stderr: () => {} });
    try {
      const program = runtime.compile("example.unna", explain.example);
      const fault = await assertRejects(() => runtime.run(program), RuntimeFault);
      assertEquals(fault.code, code);
      assert(fault.frames.length > 0);
    } finally {
      runtime.dispose();
    }
  });
}

Deno.test("EXPLANATIONS are sentences", () => {
  for (const [code, { title, explain }] of Object.entries(EXPLANATIONS)) {
    assert(/^U0[1-9]\d\d$/.test(code));
    assert(/^[a-zN][^.]*$/.test(title), `${code}: ${title}`);
    for (const sentence of [explain.why, explain.repair]) assert(/^\S.*[.)]$/s.test(sentence), sentence);
    assert(explain.example.length > 0);
  }
});

Deno.test("messageOf() gives the text alone", () => {
  assertEquals(messageOf("U0902"), "Division by zero.");
  assertEquals(
    messageOf("U0903", { op: "-", left: "string", right: "int" }),
    "Cannot apply '-' to string and int.",
  );
  assertEquals(messageOf("U0903", { op: "-", left: "nil" }), "Cannot apply '-' to nil.");
  assertEquals(messageOf("U0921", { message: null }), "Assertion failed.");
});

Deno.test("messageOf() clips names of any length", () => {
  assert(messageOf("U0901", { name: "x".repeat(1e6) }).length < 100);
});

Deno.test("createDiagnostics() keeps a bounded number, and errors apart from warnings", () => {
  const diagnostics = createDiagnostics(2);
  const place = { source: makeSource("t.unna", "x"), start: 0, end: 1 };
  for (let i = 0; i < 5; i++) diagnostics.report("U0202", place, { name: "x" });
  assertEquals(diagnostics.items.length, 2);
  for (let i = 0; i < 5; i++) {
    assertEquals(diagnostics.full, i > 2);
    diagnostics.report("U0111", place);
  }
  assertEquals(diagnostics.items.map((item) => item.code), ["U0202", "U0202", "U0111", "U0111", "U0100"]);
  assertEquals(diagnostics.errorCount, 5);
});

Deno.test("createDiagnostics() stamps who is at work", () => {
  const diagnostics = createDiagnostics();
  diagnostics.blame = { pass: "parse" };
  const first = diagnostics.report("U0111", null);
  diagnostics.blame = { plugin: "power" };
  const second = diagnostics.report("U0111", null);
  assertEquals([first.pass, first.plugin, second.pass, second.plugin], [
    "parse",
    undefined,
    undefined,
    "power",
  ]);
});

Deno.test("makeDiagnostic() serves tables of plugins", () => {
  const row = {
    severity: "warning",
    title: "odd",
    text: (d: { n: number }) => `Odd number ${d.n}`,
    explain: { why: "It is odd.", repair: "Double it.", example: "1;" },
  } as const;
  const diagnostic = makeDiagnostic("P0001", row, null, [{ n: 3 }], { plugin: "even" });
  assertEquals(render(diagnostic), "warning[P0001]: Odd number 3\n = note: raised by plugin 'even'\n");
});

Deno.test("renderDiagnostic() shows place, line, caret and notes", () => {
  const diagnostics = createDiagnostics();
  const source = makeSource("main.unna", "print 1;\n\nvar x = 1\nprint x;");
  const error = diagnostics.report("U0107", { source, start: 19, end: 19 }, {
    token: ";",
    where: "after variable declaration",
  });
  error.notes.push({ message: "as here", source, start: 7, end: 8 }, { message: "and so on" });
  assertEquals(
    render(error),
    `error[U0107]: Expect ';' after variable declaration.
 --> main.unna:3:10
  |
3 | var x = 1
  |          ^
note: as here
 --> main.unna:1:8
  |
1 | print 1;
  |        ^
  = note: and so on
`,
  );
});

Deno.test("renderDiagnostic() marks the whole span, but only on its first line", () => {
  assertStringIncludes(render(unexpected("a + bcd + e", 4, 7)), "\n1 | a + bcd + e\n  |     ^^^\n");
  assertStringIncludes(render(unexpected("f(1,\n2)", 0, 7)), "\n1 | f(1,\n  | ^^^^\n");
});

Deno.test("renderDiagnostic() aligns line numbers, tabs and characters beyond UTF-16 units", () => {
  assertStringIncludes(
    render(unexpected("\n".repeat(99) + "\tx;", 100, 101)),
    "\n100 |     x;\n    |     ^\n",
  );
  assertStringIncludes(render(unexpected("'😀😀' @", 7, 8)), ":1:6\n  |\n1 | '😀😀' @\n  |      ^\n");
});

Deno.test("renderDiagnostic() shows a window of a long line", () => {
  const text = "a".repeat(3_000_000) + "@" + "b".repeat(2_000_000);
  const lines = render(unexpected(text, 3_000_000, 3_000_001)).split("\n");
  assertEquals(lines[3], `1 | ...${"a".repeat(60)}@${"b".repeat(59)}...`);
  assertEquals(lines[4], `  | ${" ".repeat(63)}^`);
  assert(render(unexpected("x".repeat(1000), 0, 1000)).length < 400);
});

Deno.test("renderDiagnostic() lets no source text command the terminal", () => {
  const text = render(unexpected('print "\x1b[2J\u202e";', 0, 5));
  assertStringIncludes(text, 'print "␛[2J\uFFFD";');
});

Deno.test("renderDiagnostic() colours on request", () => {
  const error = unexpected("@", 0, 1);
  const colored = renderDiagnostic(error, { color: true });
  assertStringIncludes(colored, "\x1b[1;31merror[U0111]\x1b[0m");
  // deno-lint-ignore no-control-regex
  assertEquals(colored.replace(/\x1b\[[\d;]*m/g, ""), render(error));
});

Deno.test("renderRuntimeError() shows text, place and calls", () => {
  const source = makeSource("main.unna", "function f(x) {\n  return 1 / x;\n}\nf(0);\n");
  const frames = [
    { functionName: "f", source, offset: 27, end: 28 },
    { functionName: "main", source, offset: 34, end: 38 },
  ];
  assertEquals(
    renderRuntimeError({ message: "Division by zero.", frames }, PLAIN),
    `Runtime Error: Division by zero.
 --> main.unna:2:12
  |
2 |   return 1 / x;
  |            ^
  at f (main.unna:2:12)
  at main (main.unna:4:1)
`,
  );
});

Deno.test("renderRuntimeError() names a function even if nobody waits for it, but no body of a file", () => {
  const source = makeSource("main.unna", "async function f() { return 1 / 0; }\nf();");
  const render = (functionName: string) =>
    renderRuntimeError({ message: "m", frames: [{ functionName, source, offset: 30, end: 31 }] }, PLAIN);
  assert(render("f").endsWith("^\n  at f (main.unna:1:31)\n"));
  assert(render("main").endsWith("^\n"));
});

Deno.test("renderRuntimeError() leaves the middle of a long trace out", () => {
  const source = makeSource("m.unna", "f();");
  const frame = (name: string) => ({ functionName: name, source, offset: 0, end: 3 });
  const render = (count: number) => {
    const frames = Array.from({ length: count }, (_, i) => frame(`f${i}`));
    return renderRuntimeError({ message: "Stack overflow.", frames }, PLAIN).split("\n").filter((line) =>
      / at |\.\.\./.test(line)
    );
  };
  assertEquals(render(20).length, 20);
  const long = render(100_001);
  assertEquals(long.length, 21);
  assertEquals(long[9], "  at f9 (m.unna:1:1)");
  assertEquals(long[10], "  ... 99981 more calls ...");
  assertEquals(long[11], "  at f99991 (m.unna:1:1)");
});

Deno.test("suggest() finds the likeliest misspelling", () => {
  const words = ["function", "for", "return", "print", "length"];
  const ask = (name: string) => suggest(name, words);
  assertEquals(["fucntion", "retrun", "fro", "prnt", "lenght", "Return"].map(ask), [
    "function",
    "return",
    "for",
    "print",
    "length",
    "return",
  ]);
  assertEquals(["x", "banana", "print", "f".repeat(1e6)].map(ask), [null, null, null, null]);
});

Deno.test("report() is checked down to the details", () => {
  const code: DiagnosticCode = "U0902";
  assertEquals(messageOf(code), "Division by zero.");
  // @ts-expect-error: the name is missing
  const message = () => messageOf("U0901", {});
  assertEquals(typeof message, "function");
});
