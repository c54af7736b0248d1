// The page of a run: what goes into it, how its parts hang together, and the option that writes it. What it does in a
// browser is in browser_test.ts.

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { createRuntime, OptionError, type RuntimeOptions } from "../mod.ts";
import type { PageData, PageFunction } from "../core/page.ts";
import { x64 } from "../backends/x64/mod.ts";
import { SMALL_HEAP } from "./support.ts";

await x64.prepare!();
const probe = x64.probe();
if (!probe.ok) console.log(`Tests of machine code on pages are skipped: ${probe.because}`);
const test = (name: string, fn: () => Promise<void>) => Deno.test({ name, fn, ignore: !probe.ok });

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);

const PROGRAM = `function twice(n) { return n * 2; }
var sum = 0; // counts
for (var i = 0; i < 500; i += 1) {
  sum = sum + twice(i);
  if (i > 497) print "</script><!-- \\u{2028}";
}
print sum;
`;

interface Shown {
  readonly html: string;
  readonly data: PageData;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a text, or a file if it ends in `.unna`, for its page. */
async function show(program: string, options: RuntimeOptions = {}): Promise<Shown> {
  let stdout = "", stderr = "";
  const runtime = createRuntime({
    page: true,
    heap: SMALL_HEAP,
    ...options,
    stdout: (bytes) => stdout += new TextDecoder().decode(bytes),
    stderr: (bytes) => stderr += new TextDecoder().decode(bytes),
  });
  try {
    const code = program.endsWith(".unna")
      ? await runtime.runFile(program)
      : await runtime.runSource("main.unna", program);
    const html = await runtime.report("page");
    assertEquals(
      [await runtime.report("dumps"), await runtime.report("native")].join("").includes("{"),
      false,
    );
    const [, json] = /<script type="application\/json" id="data">([^]*?)<\/script>/.exec(html)!;
    return { html, data: JSON.parse(json), code, stdout, stderr };
  } finally {
    runtime.dispose();
  }
}

function functionOf({ functions }: PageData, name: string): PageFunction {
  const found = functions.find((fn) => fn.name === name);
  if (found === undefined) throw new Error(`There is no function '${name}'`);
  return found;
}

// ---- how it hangs together ---------------------------------------------------------------------------------------

test("bytecode leads to the source and to the tree by its stretch of the text", async () => {
  const { data } = await show(PROGRAM), { strings, files: [file] } = data;
  const fn = functionOf(data, "twice");
  const texts = fn.instructions.map(({ name, start, end }) => [strings[name], file.text.slice(start, end)]);
  assertEquals(texts[0], ["MUL_K", "*"]);
  assertEquals(texts[1], ["RETURN", "return n * 2;"]);
  for (const { start, end } of fn.instructions) {
    assert(fn.nodes.some((node) => node[2] <= start && end <= node[3]), `no node around ${start} to ${end}`);
  }
  const returned = fn.nodes.find(([, text]) => strings[text] === "body: Return")!;
  assertEquals(file.text.slice(returned[2], returned[3]), "return n * 2;");
});

test("each function has the nodes of its own text, and its declaration stands in the one around it", async () => {
  const { data } = await show(PROGRAM);
  const main = functionOf(data, "main"), twice = functionOf(data, "twice");
  const kinds = ({ nodes }: PageFunction) => nodes.map(([depth, text]) => `${depth} ${data.strings[text]}`);
  assertEquals(kinds(main).slice(0, 3), ["0 Program", "1 body: FunctionDecl", "1 body: VarDecl"]);
  assertEquals(kinds(twice).slice(0, 3), [
    "0 body: FunctionDecl",
    "1 name: Ident name=twice",
    "1 fn: FunctionExpr isAsync=false",
  ]);
  assertEquals(data.files[0].text.slice(twice.start, twice.end), "function twice(n) { return n * 2; }");
});

test("machine code lies without gaps, and each piece of it belongs to an instruction", async () => {
  const { data } = await show(PROGRAM);
  for (const fn of data.functions) {
    const pcs = new Set(fn.instructions.map(({ pc }) => pc));
    for (const { bytes, sections } of fn.compilations) {
      let at = 0;
      for (const { pc, isOutside, lines } of sections) {
        assert(pcs.has(pc) || isOutside && pc === -1, `${fn.name} has no pc ${pc}`);
        for (const [offset, length] of lines) {
          assertEquals(offset, at);
          at += length;
        }
      }
      assertEquals(2 * at, bytes.length);
    }
  }
  assertEquals(functionOf(data, "twice").compilations.length, 1);
});

test("holes are those of --dump=patches, and the bytes are those of --dump=code", async () => {
  const { data } = await show(PROGRAM), made = functionOf(data, "twice").compilations[0];
  const runtime = createRuntime({
    backend: "x64",
    heap: SMALL_HEAP,
    dump: ["code", "patches"],
    functionName: "twice",
    json: true,
    stdout: () => {},
  });
  await runtime.runSource("main.unna", PROGRAM);
  const lines = (await runtime.report("native")).trim().split("\n").map((line) => JSON.parse(line));
  runtime.dispose();
  const { patches } = lines.find(({ kind }) => kind === "patches").data;
  assertEquals(patchesOf(data, made), patches);
  assertEquals(made.holes, patches.length);
  for (const { offset, after } of patches) {
    const filled = made.bytes.slice(2 * offset, 2 * offset + 8);
    assertEquals(filled, after.replaceAll(" ", "").toLowerCase());
  }
  const { bytes } = lines.find(({ kind }) => kind === "code").data;
  assertEquals(bytes.split(" ").length, made.bytes.length / 2);
});

test("patches of code that runs come behind the holes", async () => {
  const { data } = await show(`function half(n) { return n / 2; }
function sum(n) {
    var s = 0;
    for (var i = 0; i < n; i += 1) s += half(i);
    return s;
}
for (var i = 0; i < 300; i += 1) sum(20);
`);
  const made = functionOf(data, "sum").compilations[0];
  const later = patchesOf(data, made).slice(made.holes);
  assertEquals(later.map(({ reason }) => reason.replace(/^pc \d+, /, "")), [
    "callee: linked to half",
    "others: linked to half",
    "frame: linked to half",
    "entry: linked to half",
  ]);
  assertEquals(later[0].before, "00 00 00 00");
  assert(later.every(({ before, after }) => before !== after));
});

/** The patches of a compilation as --dump=patches has them. */
function patchesOf({ strings }: PageData, { patches }: PageFunction["compilations"][number]) {
  const spaced = (digits: string) => digits.match(/../g)!.join(" ");
  return patches.map(([offset, before, after, reason]) => (
    { offset, before: spaced(before), after: spaced(after), reason: strings[reason] }
  ));
}

test("the time line has the events of --jit-log, in their order", async () => {
  const { data, stderr } = await show(PROGRAM, { jitLog: true });
  const told = data.events.map(({ what, details, line, function: index }) =>
    `${what.padEnd(10)}${data.functions[index].name}, main.unna:${line}, ${details}`
  );
  assertEquals(told, stderr.trim().split("\n"));
  const times = data.events.map(({ milliseconds }) => milliseconds);
  assertEquals(times, times.toSorted((a, b) => a - b));
  const exit = data.events.find(({ what }) => what === "exit")!;
  assertEquals(functionOf(data, "main"), data.functions[exit.function]);
  assert(functionOf(data, "main").instructions.some(({ pc }) => pc === exit.pc));
});

test("code that is compiled again is there each time, and its event says so", async () => {
  const text = `function first(a) { return a[0] + 1; }
var ints = [1];
var floats = [1.5];
var s = 0;
for (var i = 0; i < 200; i += 1) s = s + first(ints);
for (var i = 0; i < 2000; i += 1) s = s + first(floats);
print s;
`;
  const { data } = await show(text), fn = functionOf(data, "first");
  assert(fn.compilations.length > 1, `compiled ${fn.compilations.length} times`);
  const index = data.functions.indexOf(fn);
  const made = data.events.filter((event) => event.function === index && /compiled$/.test(event.what));
  assertEquals(made.map(({ what }) => what), [
    "compiled",
    ...fn.compilations.slice(1).map(() => "recompiled"),
  ]);
  assertEquals(made.map(({ compilation }) => compilation), fn.compilations.map((_, i) => i));
  assertMatch(fn.state, /^Machine code, \d+ bytes, compiled \d+ times$/);
});

test("counts, learnt forms and exits stand beside the bytecode", async () => {
  const { data } = await show(PROGRAM), { strings } = data, main = functionOf(data, "main");
  const loop = main.instructions.find(({ name }) => strings[name] === "LOOP")!;
  assert(loop.rounds! > 0);
  const exits = main.instructions.flatMap(({ name, exits = [] }) =>
    exits.map(([reason, , count]) => [strings[name], strings[reason], count])
  );
  assertEquals(exits, [["PRINT", "no-template", 2], ["PRINT", "no-template", 1]]);
  assert(functionOf(data, "twice").learnt.some(([pc, name]) => pc === 0 && strings[name] === "MUL_K_II"));
});

Deno.test("the source is coloured by its tokens, comments included", async () => {
  const text = 'var a = 12; // why\nprint "x" /* y */ + a;\n';
  const { data } = await show(text, { backend: "interp" });
  const { colors } = data.files[0], found: [string, number][] = [];
  for (let i = 0; i < colors.length; i += 3) {
    found.push([text.slice(colors[i], colors[i + 1]), colors[i + 2]]);
  }
  assertEquals(found, [["var", 1], ["12", 2], ["// why", 4], ["print", 1], ['"x"', 3], ["/* y */", 4]]);
});

// ---- whatever the program is -------------------------------------------------------------------------------------

Deno.test("no program and no path can end the script that holds the data, or begin a comment in it", async () => {
  const text = 'print "</script><!--<script>";\nprint "]]>\\u{2028}";\n';
  let html = "";
  const runtime = createRuntime({ page: true, backend: "interp", stdout: () => {}, heap: SMALL_HEAP });
  await runtime.runSource('<b>"&</title>.unna', text);
  html = await runtime.report("page");
  runtime.dispose();
  assertEquals(html.split("</script").length, 3);
  assertEquals(html.split("<script").length, 3);
  assert(!html.includes("<!--") && !html.includes("<b>"));
  assertStringIncludes(html, "<title>&#60;b&#62;&#34;&#38;&#60;/title&#62;.unna · Unnarize</title>");
  const [, json] = /id="data">([^]*?)<\/script>/.exec(html)!;
  assertEquals(JSON.parse(json).files[0].text, text);
});

Deno.test("the page wants nothing from elsewhere", async () => {
  const { html } = await show("print 1;", { backend: "interp" });
  for (const way of [/\b(src|href)=/, /url\(/, /@import/, /\bfetch\(/, /https?:/]) {
    assertEquals(html.match(way), null);
  }
});

test("modules are files of the page, each function in its own", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/lib.unna`, "function area(w, h) { return w * h; }\n");
    await Deno.writeTextFile(
      `${folder}/main.unna`,
      'import "./lib.unna" as lib;\nvar s = 0;\nfor (var i = 0; i < 300; i += 1) s = s + lib.area(i, 2);\nprint s;\n',
    );
    const { data, stdout } = await show(`${folder}/main.unna`);
    assertEquals(stdout, "89700\n");
    assertEquals(data.files.map(({ path }) => path.split("/").pop()), ["main.unna", "lib.unna"]);
    assertEquals(data.functions.map(({ name, file }) => [name, file]), [["main", 0], ["main", 1], [
      "area",
      1,
    ]]);
    assertEquals(functionOf(data, "area").compilations.length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("where nothing ran as machine code, each function says why", async () => {
  const { data } = await show("function unused() {}\nprint 1;", { backend: "interp" });
  assertEquals(data.columns, ["source", "ast", "bytecode", "draft", "code"]);
  assertEquals(data.events, []);
  for (const fn of data.functions) {
    assertEquals(fn.compilations, []);
    assertEquals(fn.state, "The interpreter ran everything; there is no machine code");
  }
});

test("a function that was never hot says so beside one that was", async () => {
  const { data } = await show(`function cold() { return 1; }\n${PROGRAM}print cold();\n`);
  assertEquals(
    functionOf(data, "cold").state,
    "Never hot, so the interpreter ran it; there is no machine code",
  );
  assertMatch(functionOf(data, "twice").state, /^Machine code, \d+ bytes$/);
});

Deno.test("programs that do not compile, fail or do not exist have a page with what is wrong", async () => {
  const broken = await show("print 1 +;", { backend: "interp" });
  assertEquals(broken.code, 1);
  assertStringIncludes(broken.data.messages.join(), "U0111");
  assertEquals(broken.data.files[0].text, "print 1 +;");
  const unknown = await show("print missing();\nfunction f() { return g; }", { backend: "interp" });
  assertStringIncludes(unknown.data.messages.join(), "Undefined variable 'missing'");
  assert(functionOf(unknown.data, "main").instructions.length > 0);
  const absent = await show("nowhere.unna", { backend: "interp" });
  assertEquals(absent.data.files, []);
  assertStringIncludes(absent.data.messages.join(), "nowhere.unna");
});

Deno.test("a second program has a page of its own", async () => {
  const runtime = createRuntime({ page: true, backend: "interp", stdout: () => {}, heap: SMALL_HEAP });
  await runtime.runSource("one.unna", "print 1;");
  await runtime.runSource("two.unna", "print 2;");
  const html = await runtime.report("page");
  runtime.dispose();
  assert(!html.includes("one.unna"));
  assertStringIncludes(html, "<title>two.unna");
});

// ---- what is asked for -------------------------------------------------------------------------------------------

test("--dump says what the page shows, and --function of which functions", async () => {
  const few = await show(PROGRAM, { dump: ["ast", "code"], functionName: "twice" });
  assertEquals(few.data.columns, ["source", "ast", "code"]);
  assertEquals(few.data.hasPatches, false);
  assertEquals(few.data.files[0].colors, []);
  assertEquals(few.data.functions.map(({ name }) => name), ["twice"]);
  assert(few.data.events.some((event) => event.function === -1), "events of functions that are not shown");
  const all = await show(PROGRAM, { dump: ["all"] });
  assertEquals(all.data.columns, ["source", "ast", "bytecode", "draft", "code"]);
});

Deno.test("what only the compiler makes is shown without a run", async () => {
  const { data, stdout } = await show("print 1;", { dump: ["ast", "bytecode"], compileOnly: true });
  assertEquals(stdout, "");
  assertEquals(data.columns, ["source", "ast", "bytecode"]);
  assertEquals([data.hasEvents, data.functions[0].state], [false, "It was not run"]);
});

Deno.test("a page refuses what it has no place for, and is not there unless it was asked for", async () => {
  assertThrows(
    () => createRuntime({ page: true, dump: ["parse"] }),
    OptionError,
    "A page has no place for 'parse'",
  );
  assertThrows(() => createRuntime({ page: true, dump: ["asd"] }), OptionError, "did you mean 'ast'?");
  const runtime = createRuntime({ backend: "interp", heap: SMALL_HEAP });
  const failure = await runtime.report("page").catch((error) => error);
  assertStringIncludes(String(failure), "the option 'page' was not set");
  runtime.dispose();
});

async function cli(args: readonly string[], permissions: readonly string[] = ["-A"]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--no-prompt", ...permissions, `${ROOT}cli.ts`, ...args],
    cwd: ROOT,
    stdin: "null",
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("cli --page writes the page in place of dumps, whatever was in the file before", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/run.html`;
    await Deno.writeTextFile(file, "x".repeat(1_000_000));
    const run = await cli([
      "--dump=all",
      `--page=${file}`,
      "--backend=interp",
      "-e",
      "print 1; print nil + 1;",
    ]);
    assertEquals({ code: run.code, stdout: run.stdout }, { code: 1, stdout: "1\n" });
    assertMatch(run.stderr, /^Runtime Error: [^]*\n$/);
    assert(!run.stderr.includes("{"), run.stderr);
    const html = await Deno.readTextFile(file);
    assert(html.startsWith("<!doctype html>\n") && html.endsWith("</html>\n"));
    const compiled = await cli([`--page=${file}`, "--dump=ast,bytecode", "-e", "print 1;"]);
    assertEquals(compiled, { code: 0, stdout: "", stderr: "" });
    const profiled = await cli([`--page=${file}`, "--dump=profile", "--backend=interp", "-e", "print 1;"]);
    assertEquals(profiled, { code: 0, stdout: "1\n", stderr: "" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("cli --page says before the run why the page cannot be written", async () => {
  const program = ["-e", 'print "ran";'];
  const cases: [string[], string[], RegExp][] = [
    [["--page"], ["-A"], /^--page needs a value\n/],
    [["--page="], ["-A"], /^--page needs a value\n/],
    [
      ["--page=/nowhere/at/all.html"],
      ["-A"],
      /^The page cannot be written to '\/nowhere\/at\/all.html': No such file/,
    ],
    [[`--page=${ROOT}docs`], ["-A"], /^The page cannot be written to '.*docs': /],
    [["--page=run.html"], ["--allow-read"], /^The page cannot be written to 'run.html': .*--allow-write/],
    [["--page=/tmp/unnarize-page.html", "--dump=parse"], ["-A"], /^A page has no place for 'parse'/],
    [["--page=/tmp/unnarize-page.html", "doctor"], ["-A"], /^--page shows the run of a program/],
  ];
  for (const [args, permissions, message] of cases) {
    const { code, stdout, stderr } = await cli(
      [...args, ...args[1] === "doctor" ? [] : program],
      permissions,
    );
    assertEquals({ code, stdout }, { code: 2, stdout: "" }, stderr);
    assertMatch(stderr, message);
  }
});

Deno.test("cli --dump=all prints artifacts, and the profile after the run", async () => {
  const { code, stdout, stderr } = await cli(["--dump=all", "--backend=interp", "-e", "print 1;"]);
  assertEquals(code, 0);
  for (const heading of ["---- tokens of", "---- ast of", "---- bytecode of"]) {
    assertStringIncludes(stdout, heading);
  }
  assertStringIncludes(stderr, "The interpreter ran everything");
  assertMatch(stderr, /main, \d+ calls?\n/);
});
