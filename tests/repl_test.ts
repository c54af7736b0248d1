// Conversations: what is answered to which input, in this process over lists of lines, the line editor on a terminal of
// paper, and once each over a real pipe and a real terminal.

import { assert, assertEquals } from "@std/assert";
import { createRuntime, ProgramExit, type RuntimeOptions } from "../mod.ts";
import {
  charactersOf,
  complete,
  createLineEditor,
  drawLine,
  newLine,
  press,
  splitKeys,
  widthOf,
} from "../core/line_editor.ts";
import { x64 } from "../backends/x64/mod.ts";
import { SMALL_HEAP } from "./support.ts";

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Says the lines of `text`, one after the other. */
async function talk(text: string, options: RuntimeOptions = {}, before?: string): Promise<Said> {
  const lines = text.split("\n").values();
  let stdout = "", stderr = "";
  const runtime = createRuntime({
    heap: SMALL_HEAP,
    stdin: () => lines.next().value ?? null,
    stdout: (bytes) => stdout += new TextDecoder().decode(bytes),
    stderr: (bytes) => stderr += new TextDecoder().decode(bytes),
    ...options,
  });
  if (before !== undefined) await runtime.runSource("before.unna", before);
  const code = await runtime.converse();
  runtime.dispose();
  return { code, stdout, stderr };
}

/** What is answered when nothing goes wrong. */
async function answers(text: string, options: RuntimeOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await talk(text, options);
  assertEquals({ code, stderr }, { code: 0, stderr: "" }, stdout);
  return stdout;
}

Deno.test("repl shows what expressions come to, as print does, and nil not at all", async () => {
  assertEquals(
    await answers('1 + 2\n"a" + 1;\n[1, "x", nil]\nnil\nvar x = 5\nx\nx += 2\ntrue\n'),
    "3\na1\n[1, x, nil]\n5\n7\ntrue\n",
  );
  assertEquals(await answers("print 1\n2; 3\nif (true) 4"), "1\n3\n");
});

Deno.test("repl keeps the last value as _", async () => {
  assertEquals(await answers("20\n_ * 2\nvar y = _ + 1\ny\nnil\n_\nstr(_)"), "20\n40\n41\nnil\n");
});

Deno.test("repl keeps everything that was defined, and defines it anew", async () => {
  const said = await answers(`
var rate = 2;
function price(n) { return n * rate + fee(); }
function fee() { return 1; }
price(10)
rate = 3
price(10)
function fee() { return 100; }
price(10)
struct Point { x; y; }
var p = Point(1, 2)
p.x = 5
p
import ucoreMath as m;
m.sqrt(81)
var counter = function () { rate += 1; return rate; };
counter()
`);
  assertEquals(said, "21\n3\n31\n130\n5\nPoint {x: 5, y: 2}\n9\n4\n");
});

Deno.test("repl lets builtins be redefined, for what comes after", async () => {
  assertEquals(
    await answers("length([1, 2])\nfunction length(x) { return 42; }\nlength([1])\nlength = 7\nlength"),
    "2\n42\n7\n7\n",
  );
});

Deno.test("repl reads on while an input is not complete", async () => {
  assertEquals(await answers("function f(n) {\n\n  return n\n    + 1;\n}\nf(\n1\n)\n"), "2\n");
  assertEquals(await answers("print 1 +\n2\n[1,\n2]\n"), "3\n[1, 2]\n");
  assertEquals(await answers('"one\ntwo"\n/* a\ncomment */ 3\n4 // a remark\n'), "one\ntwo\n3\n4\n");
  assertEquals(await answers(":time (1 +\n1)").then((text) => text.split("\n")[0]), "2");
});

Deno.test("repl tells what is wrong with an input, and goes on", async () => {
  const { code, stdout, stderr } = await talk(
    "var a = 1\nvar = 2\nfunction f() { return missing; }\nf()\na\n",
  );
  assertEquals({ code, stdout }, { code: 0, stdout: "1\n" });
  assert(/error\[U01\d\d\].*\n --> <input 2>:1:5\n/.test(stderr), stderr);
  assert(stderr.includes("Runtime Error: Undefined variable 'missing'\n --> <input 3>:1:23\n"), stderr);
  assert(stderr.includes("at f (<input 3>:1:23)\n  at main (<input 4>:1:1)"), stderr);
});

Deno.test("repl ends with 1 if the last input failed, with the program's code if it ends itself", async () => {
  assertEquals((await talk("1\n1 / 0\n")).code, 1);
  assertEquals((await talk("1 / 0\n1\n")).code, 0);
  const unfinished = await talk("print (1 +\n");
  assertEquals(unfinished.code, 1);
  assert(unfinished.stderr.includes("Expect expression"), unfinished.stderr);
  assertEquals(await talk("1\n:quit\n2\n"), { code: 0, stdout: "1\n", stderr: "" });
  const functions = {
    leave() {
      throw new ProgramExit(7);
    },
  };
  assertEquals(await talk("1\nleave()\n2\n", { functions }), { code: 7, stdout: "1\n", stderr: "" });
});

Deno.test("repl awaits, and an input takes all that it starts to the end", async () => {
  const said = await answers(`
async function later(x) { ucoreTimer.sleep(1); print "ready"; return x * 2; }
var f = later(4)
await f
later(5); print "started"
await 3
`);
  assertEquals(said, "ready\n8\nstarted\nready\n3\n");
});

Deno.test("repl drops what a failed input has left behind", async () => {
  const host = {
    functions: {
      never: () => new Promise<null>(() => {}),
      soon: () => new Promise<number>((resolve) => setTimeout(resolve, 5, 1)),
    },
  };
  const { stdout, stderr } = await talk(
    'async function slow() { soon(); print "never seen"; }\nslow(); 1 / 0\nucoreTimer.sleep(20)\n"fine"\n',
    host,
  );
  assertEquals(stdout, "0\nfine\n");
  assert(stderr.startsWith("Runtime Error: Division by zero."), stderr);
});

Deno.test("repl tells once of a task that failed and was not awaited", async () => {
  const { code, stderr } = await talk("async function bad() { return 1 / 0; }\nvar f = bad()\n1\n2");
  assertEquals({ code, times: stderr.split("Division by zero.").length - 1 }, { code: 0, times: 1 });
});

Deno.test("repl goes on where a program has ended", async () => {
  const said = await talk(
    "square(4)\nbase",
    {},
    "var base = 10; function square(n) { return n * n; } print base;",
  );
  assertEquals(said, { code: 0, stdout: "10\n16\n10\n", stderr: "" });
  const failed = await talk(
    "base",
    {},
    "var base = 10; async function t() { ucoreTimer.sleep(1000000); } t(); print 1 / 0;",
  );
  assertEquals(failed.stdout, "10\n");
});

Deno.test("repl shares its lines with the program that it runs", async () => {
  const lines = ["ask() + 1", "41", "ask()"].values();
  const stdin = () => lines.next().value ?? null;
  const { stdout } = await talk("", { stdin, functions: { ask: () => Number(stdin() ?? -1) } });
  assertEquals(stdout, "42\n-1\n");
});

Deno.test(":ast shows trees of code and of functions", async () => {
  const said = await answers(
    ":ast 1 + x\nfunction f(a) { return a; }\n:ast f\nvar g = function () { return 1; };\n:ast g",
  );
  assert(said.startsWith("Program 1:1\n  body: ExprStmt 1:1\n    expr: Binary 1:1 op=+\n"), said);
  assertEquals(said.match(/^FunctionExpr .*$/gm)?.length, 2);
});

Deno.test(":bytecode shows code before it runs, and functions as they have become", async () => {
  const said = await answers(
    "function add(a, b) { return a + b; }\n:bytecode add\nadd(1, 2); add(1, 2)\n:bytecode add\n:bytecode add(1, 2)",
    { backend: "interp" },
  );
  assert(/ADD {2,}r2, r0, r1[^]*\n3\n[^]*ADD_II {2,}r2, r0, r1[^]*CALL /.test(said), said);
});

Deno.test(":hot tells what was called and went round; without anything hot, it says so", async () => {
  assert((await answers("1\n:hot")).includes("Nothing is hot"));
  const said = await answers("function f(n) { return n; }\nfor (var i = 0; i < 500; i += 1) f(i);\n:hot", {
    backend: "interp",
  });
  assertEquals(said.split("\n").slice(0, 3), [
    "function  where        calls  rounds  runs as",
    "f         <input 1>:1    500       0  interpreted",
    "main      <input 2>:1      0     499  interpreted",
  ]);
});

Deno.test(":asm says why there is no machine code", async () => {
  const cold = "function f(n) { return n; }\nf(1)\n:asm f";
  assert((await answers(cold, { backend: "interp" })).includes("the interpreter runs this session"));
  const { code, stderr } = await talk(":asm nothing");
  assertEquals({ code, stderr }, { code: 1, stderr: "There is no function 'nothing' in this session\n" });
});

await x64.prepare?.();
const probe = x64.probe();

Deno.test({
  name: `:asm shows machine code${probe.ok ? "" : `, skipped: ${probe.because}`}`,
  ignore: !probe.ok,
  async fn() {
    const said = await answers(
      "function f(n) { return n + 1; }\nf(1)\n:asm f\nfor (var i = 0; i < 500; i += 1) f(i);\n:asm f\n:hot",
    );
    assert(
      said.includes(
        "'f' has no machine code, because it is not hot: 1 call and 0 rounds of loops, where 100",
      ),
      said,
    );
    assert(/code of f, <input 1>:1: [^]*mov rax,\[r12\]/.test(said), said);
    assert(/^f +<input 1>:1 +\d+\+ +0 +native, /m.test(said), said);
  },
});

Deno.test(":time shows value and time", async () => {
  assert(/^3\ncompiled in \d+\.\d{3} ms, ran in \d+\.\d{3} ms\n$/.test(await answers(":time 1 + 2")));
});

Deno.test("commands may be shortened, and mistakes in them are told", async () => {
  assertEquals(await answers(":t 1").then((text) => text.split("\n")[0]), "1");
  const { stderr } = await talk(":a x\n:ast\n:quit now\n:bitecode f\n:help\n");
  assertEquals(stderr.split("\n"), [
    "There is no command :a; try :help",
    ":ast needs something: :ast NAME or CODE",
    ":quit stands alone",
    "There is no command :bitecode; did you mean :bytecode?",
    "",
  ]);
});

// ---- the line editor ---------------------------------------------------------------------------------------------

/** The text after the keys of `typed`, with the cursor as a bar. */
function type(typed: string, history: readonly string[] = []): string {
  let line = newLine(history);
  for (const key of splitKeys(typed)) ({ line } = press(line, key, history));
  return [...line.characters.slice(0, line.cursor), "|", ...line.characters.slice(line.cursor)].join("");
}

const LEFT = "\x1b[D", RIGHT = "\x1b[C", UP = "\x1b[A", DOWN = "\x1b[B";

Deno.test("keys move the cursor and change the line", () => {
  const rows: [string, string][] = [
    ["abc", "abc|"],
    [`abc${LEFT}${LEFT}x`, "ax|bc"],
    [`abc\x01x\x05y`, "xabcy|"],
    [`ab${LEFT}${RIGHT}${RIGHT}c`, "abc|"],
    ["abc\x7f", "ab|"],
    [`abc${LEFT}\x1b[3~`, "ab|"],
    [`abc${LEFT}\x04`, "ab|"],
    [`one two${LEFT}\x0b`, "one tw|"],
    ["one two\x15", "|"],
    ["one two  \x17", "one |"],
    ["one two\x17\x01\x19", "two|one "],
    ["one.two\x1bb\x1bb", "|one.two"],
    ["one.two\x1b[1;5D", "one.|two"],
    ["one.two\x01\x1bd", "|.two"],
    ["a\x1b[5~\x1b[15~b", "ab|"],
    [`é日本🎉${LEFT}${LEFT}`, "é日|本🎉"],
    ["👩‍👩‍👧e\u0301\x7f", "👩‍👩‍👧|"],
  ];
  for (const [keys, expected] of rows) assertEquals(type(keys), expected);
});

Deno.test("history is looked through, and what was typed is not lost", () => {
  const history = ["first", "second"];
  assertEquals(type(`new${UP}`, history), "second|");
  assertEquals(type(`new${UP}${UP}${UP}`, history), "first|");
  assertEquals(type(`new${UP}${UP}${DOWN}${DOWN}`, history), "new|");
  assertEquals(type(`${UP}!${DOWN}`, history), "|");
});

Deno.test("completion puts in what is certain, and shows the rest", () => {
  const before = { ...newLine([]), characters: charactersOf("x = uc"), cursor: 6 };
  const whole = complete(before, { start: 4, words: ["ucoreMath", "ucoreTimer"] });
  assertEquals([whole.line.characters.join(""), whole.choices], ["x = ucore", []]);
  const again = complete(whole.line, { start: 4, words: ["ucoreMath", "ucoreTimer"] });
  assertEquals([again.line, again.choices], [whole.line, ["ucoreMath", "ucoreTimer"]]);
  assertEquals(complete(before, { start: 4, words: [] }), { line: before, choices: [] });
});

Deno.test("a line is drawn as far as it fits, wide characters included", () => {
  assertEquals(["a", "日", "🎉", "e\u0301", "ﾊ"].map(widthOf), [1, 2, 2, 1, 1]);
  const line = { ...newLine([]), characters: charactersOf("日本"), cursor: 1 };
  assertEquals(drawLine("> ", line, 80), "\r> 日本\x1b[K\r\x1b[4C");
  const long = { ...newLine([]), characters: charactersOf("a".repeat(30) + "b".repeat(30)), cursor: 60 };
  assertEquals(drawLine("> ", long, 23), `\r> ${"b".repeat(20)}\x1b[K\r\x1b[22C`);
});

Deno.test("the editor reads lines, completes, and hands back what was typed too early", async () => {
  const chunks = ["va", "\tx\r", "first\rsecond\r", "gone\x03", "\x04"].map((text) =>
    new TextEncoder().encode(text)
  );
  let shown = "", raw = false;
  const editor = createLineEditor(
    {
      read(bytes) {
        assert(raw, "keys are read in raw mode only");
        const chunk = chunks.shift();
        if (chunk !== undefined) bytes.set(chunk);
        return Promise.resolve(chunk?.length ?? null);
      },
      write: (text) => void (shown += text),
      setRaw: (isRaw) => void (raw = isRaw),
      columns: () => 80,
    },
    [],
    (text) => Promise.resolve({ start: 0, words: ["var ", "value"].filter((word) => word.startsWith(text)) }),
  );
  const lines: unknown[] = [];
  for (let i = 0; i < 5; i++) {
    lines.push(await editor.readLine("> "));
    assertEquals(raw, false);
  }
  assertEquals(lines, ["vax", "first", "second", undefined, null]);
  assert(shown.includes("var    value\r\n") && shown.includes("^C"), JSON.stringify(shown));
});

// ---- real streams ------------------------------------------------------------------------------------------------

interface Spoken {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  command: string,
  args: readonly string[],
  stdin: ReadableStream<Uint8Array>,
  env = {},
): Promise<Spoken> {
  const child = new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const fed = stdin.pipeTo(child.stdin).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await fed;
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("cli repl answers through a pipe without prompts and colours, and runs a file first", async () => {
  const folder = await Deno.makeTempDir();
  const args = ["run", "--quiet", "--no-check", "-A", `${ROOT}cli.ts`, "repl"];
  try {
    await Deno.writeTextFile(`${folder}/lib.unna`, "function twice(n) { return 2 * n; }");
    const input = () => ReadableStream.from([new TextEncoder().encode("twice(21)\n1 / 0\n")]);
    const { code, stdout, stderr } = await run(Deno.execPath(), [...args, `${folder}/lib.unna`], input());
    assertEquals({ code, stdout }, { code: 1, stdout: "42\n" });
    assert(stderr.startsWith("Runtime Error: Division by zero.\n --> <input 2>:1:3\n"), stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const hasScript = await new Deno.Command("script", { args: ["--version"] }).output().then(
  () => true,
  () => false,
);

Deno.test({
  name: `cli repl on a terminal${hasScript ? "" : ", skipped: there is no command 'script'"}`,
  ignore: !hasScript || Deno.build.os !== "linux",
  async fn() {
    const folder = await Deno.makeTempDir(), history = `${folder}/history`;
    // The shell must not stay in between: Ctrl-C is for the process alone.
    const command = `exec "${Deno.execPath()}" run --quiet --no-check -A "${ROOT}cli.ts" repl`;
    const encoder = new TextEncoder();
    let shown = "";
    const child = new Deno.Command("script", {
      args: ["--quiet", "--flush", "--return", "--command", command, "/dev/null"],
      cwd: ROOT,
      env: { UNNARIZE_HISTORY: history, NO_COLOR: "1", TERM: "xterm", SHELL: "/bin/sh" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    // A session that does not answer must not keep the tests for ever.
    const patience = setTimeout(() => child.kill("SIGKILL"), 60_000);
    const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader(),
      keys = child.stdin.getWriter();
    /** Waits until a text is shown that was not there before. */
    const waitFor = async (text: string) => {
      for (;;) {
        const at = shown.indexOf(text);
        if (at >= 0) return void (shown = shown.slice(at + text.length));
        const { value, done } = await output.read();
        assert(!done, `it ended without '${text}': ${JSON.stringify(shown)}`);
        shown += value;
      }
    };
    const say = (text: string) => keys.write(encoder.encode(text));
    try {
      await waitFor("> \x1b[K");
      await say("20 + 1\x1b[D\x7f2\r"); // 20 +21, typed crookedly
      await waitFor("\r\n41\r\n");
      await waitFor("> \x1b[K");
      await say("\x1b[A * 2\r");
      await waitFor("\r\n62\r\n");
      await waitFor("> \x1b[K");
      await say("print 1; while (true) {}\r");
      await waitFor("\r\n1\r\n");
      await say("\x03");
      await waitFor("Interrupted");
      await waitFor("> \x1b[K");
      await say("print 2; ucoreTimer.sleep(1000000)\r");
      await waitFor("\r\n2\r\n");
      await say("\x03");
      await waitFor("Interrupted");
      await waitFor("> \x1b[K");
      // Completed are libraries that are not loaded yet, their members, globals, fields, and commands.
      await say("ucoreM\t.sq\t(81)\r");
      await waitFor("\r\n9\r\n");
      await waitFor("> \x1b[K");
      await say("struct Place { north; south; } var place = Place(71, 72)\r");
      await waitFor("> \x1b[K");
      await say("plac\t.no\t\r");
      await waitFor("\r\n71\r\n");
      await waitFor("> \x1b[K");
      await say(":by\tpl\t.s\t\r");
      await waitFor('"south"');
      await waitFor("> \x1b[K");
      await say("\x04");
      for (let at = await output.read(); !at.done;) at = await output.read();
      await keys.close().catch(() => {});
      assertEquals((await child.status).code, 0);
      const kept = (await Deno.readTextFile(history)).split("\n");
      assertEquals(kept.slice(0, 2), ["20 +21", "20 +21 * 2"]);
    } finally {
      clearTimeout(patience);
      await Deno.remove(folder, { recursive: true });
    }
  },
});
