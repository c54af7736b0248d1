// `why FILE:LINE`: programs whose lines are known to be machine code, or known not to be, and the reason that is given.

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { runCaptured } from "../core/command_line.ts";
import { OptionError, type RuntimeOptions, why } from "../mod.ts";
import type { LineTold } from "../core/why.ts";
import { x64 } from "../backends/x64/mod.ts";
import { SMALL_HEAP } from "./support.ts";

await x64.prepare?.();
const native = x64.probe();

function testNative(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !native.ok, fn });
}

async function withProgram<Result>(text: string, use: (file: string) => Promise<Result>): Promise<Result> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/main.unna`, text);
    return await use(`${folder}/main.unna`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What is told of a line of a program, as data. */
async function tell(text: string, line: number, options: RuntimeOptions = {}): Promise<LineTold> {
  return await withProgram(text, async (file) => {
    const { text, code } = await why(`${file}:${line}`, { heap: SMALL_HEAP, ...options, json: true });
    assertEquals(code, 0, text);
    const { schema, ...told } = JSON.parse(text);
    assertEquals(schema, "unnarize/why@1");
    return told;
  });
}

async function print(text: string, line: number, options: RuntimeOptions = {}): Promise<string> {
  return await withProgram(
    text,
    async (file) => (await why(`${file}:${line}`, { heap: SMALL_HEAP, ...options })).text,
  );
}

const MIXED = `function scale(x) {
  return x * 2;
}
for (var i = 0; i < 150; i += 1) scale(i);
for (var k = 0; k < 5; k += 1) scale(0.5);
print scale(1);
`;

testNative("why tells which guard failed, how often, and with which kinds of values", async () => {
  const { functions: [scale, ...others], advice, without } = await tell(MIXED, 2);
  assertEquals({ others, without }, { others: [], without: null });
  assertEquals({ name: scale.name, compilations: scale.compilations, refused: scale.refused }, {
    name: "scale",
    compilations: 1,
    refused: null,
  });
  assert(scale.bytes > 0);
  const [multiply, end] = scale.instructions;
  assertEquals({ opcode: multiply.opcode, compiledAs: multiply.compiledAs, fate: multiply.fate }, {
    opcode: "MUL_K_ANY",
    compiledAs: "MUL_K_II",
    fate: "exits",
  });
  assertEquals(multiply.exits, [{ reason: "not-int", count: 5, isNew: false, kinds: ["float and int"] }]);
  assertEquals({ opcode: end.opcode, fate: end.fate, exits: end.exits }, {
    opcode: "RETURN",
    fate: "native",
    exits: [],
  });
  assertEquals(advice.length, 1);
  assertMatch(advice[0], /^not-int: Keep operands of one type/);
  const text = await print(MIXED, 2);
  for (
    const line of [
      "left 5 times on this line",
      "machine code with an exit, compiled as MUL_K_II",
      "left 5 times: not-int, an operand is no integer of 48 bits (operands: float and int)",
      "What to change\n  not-int: ",
      "(The program wrote 1 line, not shown, and ended with exit code 0.)",
    ]
  ) assertStringIncludes(text, line);
});

testNative("why says that a line is machine code when all is well", async () => {
  const told = await tell(MIXED, 4);
  assertEquals(told.functions.map(({ isBody }) => isBody), [true]);
  assert(told.functions[0].instructions.every(({ fate }) => fate === "native"));
  assertEquals(told.advice, []);
  assertStringIncludes(await print(MIXED, 4), "never left on this line");
});

testNative("why says what was never hot, and how far it was from it", async () => {
  const text = "function rare(x) {\n  while (x < 7) x = x + 1;\n  return x;\n}\nprint rare(1);\n";
  const { functions: [rare], advice } = await tell(text, 2);
  assertEquals({ calls: rare.calls, rounds: rare.rounds, bytes: rare.bytes }, {
    calls: 1,
    rounds: 5,
    bytes: 0,
  });
  assert(rare.instructions.every(({ fate }) => fate === "interpreted"));
  assertMatch(advice[0], /^Nothing, if it is fast enough/);
  assertStringIncludes(
    await print(text, 2),
    "in rare, line 1: 1 call, 5 rounds of the loop around\n  never hot: ",
  );
  assertStringIncludes(await print(text, 2, { threshold: 50 }), "that takes 50 calls, or rounds of a loop");
});

testNative("why counts the rounds of the innermost loop around a line", async () => {
  const text =
    "for (var i = 0; i < 3; i += 1) {\n  var x = i;\n  for (var k = 0; k < 4; k += 1)\n    x = x + k;\n}\n";
  const rounds = async (line: number) => (await tell(text, line)).functions[0].rounds;
  assertEquals([await rounds(2), await rounds(4)], [2, 9]); // the first round is not counted
});

testNative("why names opcodes without a template, and what had not run before", async () => {
  const text = "for (var i = 0; i < 200; i += 1) {\n  if (i > 197) print i;\n}\nvar y = [1][0];\n";
  const looped = await tell(text, 2);
  const print = looped.functions[0].instructions.find(({ opcode }) => opcode === "PRINT")!;
  assertEquals(print.fate, "always exits");
  assertEquals(print.exits, [{ reason: "no-template", count: 2, isNew: false, kinds: ["int"] }]);
  const once = await tell(text, 4);
  const index = once.functions[0].instructions.find(({ opcode }) => opcode.startsWith("GET_INDEX"))!;
  assertEquals(index.exits.map(({ isNew, count }) => ({ isNew, count })), [{ isNew: true, count: 1 }]);
  assertEquals(once.advice, ["Nothing: outside of loops, the body of a file runs once."]);
});

testNative("why says how often a function was compiled, and what it became", async () => {
  const text = `function f(x) { return x / 2; }
for (var i = 0; i < 150; i += 1) f(i);
for (var i = 0; i < 400; i += 1) f(0.5);
`;
  const { functions: [f] } = await tell(text, 1);
  assertEquals({ name: f.name, compilations: f.compilations }, { name: "f", compilations: 2 });
  assertEquals(f.instructions[0].compiledAs, undefined);
  assertStringIncludes(await print(text, 1), "compiled 2 times, ");
});

testNative("why finds a line in each function that has code on it", async () => {
  const text =
    "function a() { return 1; } function b() { return a(); }\nfor (var i = 0; i < 150; i += 1) b();\n";
  const { functions } = await tell(text, 1);
  assertEquals(functions.map(({ name }) => name).toSorted(), ["a", "b", "main"]);
});

testNative("why tells of programs that fail, and passes their arguments on", async () => {
  const text = 'for (var i = 0; i < 150; i += 1) {}\nassert(false, "on purpose");\n';
  const { outcome } = await tell(text, 1);
  assertEquals(outcome, { code: 1, outputLines: 0, error: "Runtime Error: Assertion failed: on purpose" });
  assertStringIncludes(await print(text, 1), "exit code 1: Runtime Error: Assertion failed: on purpose.)");
});

Deno.test("why on the interpreter says that it was asked for", async () => {
  const told = await tell(MIXED, 2, { backend: "interp" });
  assertEquals(told.without, "the interpreter was asked for");
  assertEquals({ calls: told.functions[0].calls, bytes: told.functions[0].bytes }, { calls: 156, bytes: 0 });
  assertStringIncludes(
    await print(MIXED, 2, { backend: "interp" }),
    "Nothing runs as machine code: the interpreter",
  );
});

Deno.test("why refuses places that are none, and names the nearest lines with code", async () => {
  const text = "print 1;\n\n// nothing\nprint 2;\n";
  const refusal = async (line: number) => (await assertRejects(() => tell(text, line), OptionError)).message;
  assertMatch(
    await refusal(3),
    /line 3: nothing on it is executed; the nearest lines with code are 1 and 4$/,
  );
  assertMatch(await refusal(99), /line 99: .*main\.unna has 5 lines$/);
  const { message } = await assertRejects(() => why("main.unna"), OptionError);
  assertStringIncludes(message, "give a file and a line, such as fib.unna:3");
  await assertRejects(() => tell(text, 1, { backend: "nowhere" }), OptionError);
});

Deno.test("why shows why a file does not compile, or cannot be read", async () => {
  await withProgram("print 1", async (file) => {
    const { code, text } = await why(`${file}:1`);
    assertEquals(code, 1);
    assertStringIncludes(text, "error[U0107]");
  });
  const missing = await why("missing.unna:1");
  assertEquals(missing.code, 1);
  assertStringIncludes(missing.text, "error[U0151]");
});

Deno.test("cli why: streams and exit codes", async () => {
  await withProgram(MIXED, async (file) => {
    const { code, stdout, stderr } = await runCaptured(["why", `${file}:2`], "");
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertStringIncludes(stdout, "in scale, line 1");
    assertMatch(
      (await runCaptured(["--json", "why", `${file}:2`], "")).stdout,
      /^\{"schema":"unnarize\/why@1"/,
    );
    assertEquals((await runCaptured(["why", `${file}:3`], "")).code, 2);
  });
  await withProgram("print 1", async (file) => {
    const { code, stdout, stderr } = await runCaptured(["why", `${file}:1`], "");
    assertEquals({ code, stdout }, { code: 1, stdout: "" });
    assertStringIncludes(stderr, "error[U0107]");
  });
  const bare = await runCaptured(["why"], "");
  assertEquals(bare.code, 2);
  assertStringIncludes(bare.stderr, "'why' needs a place");
});
