/**
 * Seeing machine code: the passes that make it, the views of what they make, the log, the figures, the choices, and what
 * is said where it cannot run or goes wrong. What needs other permissions, or ends a process, runs in one of its own.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type BackendContext,
  createRuntime,
  definePass,
  OptionError,
  type Plugin,
  type Runner,
  type Runtime,
  type RuntimeOptions,
} from "../mod.ts";
import { interp } from "../backends/interp.ts";
import { x64 } from "../backends/x64/mod.ts";
import { MNEMONICS } from "../backends/x64/encodings.ts";
import { createReader, hasMeaning } from "../backends/x64/purpose.ts";

await x64.prepare!();
const probe = x64.probe();
if (!probe.ok) console.log(`Tests of views of machine code are skipped: ${probe.because}`);
const test = (name: string, run: () => Promise<void> | void) =>
  Deno.test({ name, fn: async () => await run(), ignore: !probe.ok });

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);
const PROGRAM = `function twice(n) { return n * 2; }
var sum = 0;
for (var i = 0; i < 500; i += 1) {
  sum = sum + twice(i);
}
print sum;
`;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly runtime: Runtime;
}

async function run(options: RuntimeOptions, text = PROGRAM): Promise<Outcome> {
  let stdout = "", stderr = "";
  const runtime = createRuntime({
    backend: "x64",
    heap: 64 << 20,
    ...options,
    stdout: (bytes) => stdout += new TextDecoder().decode(bytes),
    stderr: (bytes) => stderr += new TextDecoder().decode(bytes),
  });
  const code = await runtime.runSource("main.unna", text);
  return { code, stdout, stderr, runtime };
}

/** What a view shows of the program. */
async function view(options: RuntimeOptions, text = PROGRAM): Promise<string> {
  const { runtime } = await run(options, text);
  const shown = await runtime.report("native");
  runtime.dispose();
  return shown;
}

async function cli(args: readonly string[], permissions: readonly string[] = ["-A"]) {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--no-prompt", ...permissions, `${ROOT}cli.ts`, ...args],
    cwd: ROOT,
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

// ---- the hot stage -----------------------------------------------------------------------------------------------

test("the hot stage is timed, and observers are told of its passes", async () => {
  const seen: string[] = [];
  const plugin: Plugin = {
    name: "watch",
    doc: "A test.",
    observe: { passEnd: ({ pass, kind }) => void seen.push(`${pass} ${kind}`) },
  };
  const { runtime, code } = await run({ plugins: [plugin] });
  assertEquals(code, 0);
  assertEquals(seen.slice(3, 6), ["loops hot", "template-jit draft", "jump-patch code"]);
  const passes = runtime.timings().map(({ pass }) => pass);
  assertEquals(passes, ["parse", "bytecode", "profile", "loops", "template-jit", "jump-patch"]);
  runtime.dispose();
});

test("plugins add passes between template-jit and jump-patch", async () => {
  let drafts = 0;
  const pass = definePass({
    name: "count-drafts",
    stage: "hot",
    from: "draft",
    to: "draft",
    doc: { summary: "", why: "", example: "" },
    run(draft) {
      drafts++;
      return draft;
    },
  });
  const { stdout, runtime } = await run({ plugins: [{ name: "mine", doc: "A test.", passes: [pass] }] });
  assertEquals(stdout, "249500\n");
  assert(drafts >= 2, `${drafts} drafts`);
  assert(runtime.timings().some(({ pass, plugin }) => pass === "count-drafts" && plugin === "mine"));
  runtime.dispose();
});

test("what a pass of the hot stage throws, or makes wrong, is blamed on it", async () => {
  const base = { stage: "hot", doc: { summary: "", why: "", example: "" } } as const;
  const throws = definePass({
    ...base,
    name: "throws",
    from: "draft",
    to: "draft",
    run: () => {
      throw new Error("out of ideas");
    },
  });
  const spoils = definePass({
    ...base,
    name: "spoils",
    from: "code",
    to: "code",
    run: (code) => ({ ...code, bytes: code.bytes.map((byte, at) => at === 0 ? byte ^ 0xFF : byte) }),
  });
  const cases = [
    [throws, "Plugin 'mine' failed in pass 'throws': out of ideas"],
    [spoils, "Plugin 'mine' failed in pass 'spoils': The byte at 0, which is in no hole, has changed"],
  ] as const;
  for (const [pass, message] of cases) {
    const { code, stderr, runtime } = await run({
      plugins: [{ name: "mine", doc: "A test.", passes: [pass] }],
    });
    assertEquals(code, 1);
    assertStringIncludes(stderr, message);
    runtime.dispose();
  }
});

// ---- views -------------------------------------------------------------------------------------------------------

test("--dump=code shows source, bytecode and machine code side by side, and what each instruction is for", async () => {
  const code = await view({ dump: ["code"], functionName: "twice" });
  assertMatch(code, /^code of twice, main\.unna:1: \d+ bytes, \d+ holes?, \d+ exits?\n/);
  assertStringIncludes(code, "   1 | function twice(n) { return n * 2; }\n");
  assertMatch(code, /^ +0 MUL_K_II r1, r0, k0 +0 {2}sub r13d,1 +; rounds -= 1$/m);
  assertMatch(code, /^ +[0-9a-f]+ {2}mov rax,\[r12\] +; rax = R\[0\]$/m);
  assertMatch(code, /^ +exit: [\w-]+, pc 0 +[0-9a-f]+ {2}mov ecx,twice:0 /m);
  assertMatch(code, /; leave by STUB_EXIT$/m);
  assert(!code.includes("of main"), "only the function that was asked for");
  for (const line of code.split("\n")) {
    if (/ {2}[a-z]+ [^;|]*\[/.test(line) && !line.includes("|")) assertMatch(line, /; ./, line);
  }
});

test("views are the same wherever a program happens to lie", async () => {
  const first = await view({ dump: ["code", "patches"], functionName: "twice" });
  const second = await view({ dump: ["code", "patches"], functionName: "twice" });
  assertEquals(first, second);
});

test("--dump=draft shows holes where jumps will go, and --dump=patches what fills them", async () => {
  const draft = await view({ dump: ["draft"], functionName: "twice" });
  assertMatch(draft, /0F 8[0-9A-F] __ __ __ __ +j[a-z]+ /);
  assertMatch(draft, /^ +[0-9a-f]+ {2}4 bytes for a jump from [0-9a-f]+ to [0-9a-f]+ \(.+\)$/m);
  const patches = await view({ dump: ["patches"], functionName: "twice" });
  assertMatch(
    patches,
    /^ +[0-9a-f]+ {2}00 00 00 00 {2}([0-9A-F]{2} ){4} +jump from pc \d+ to .+, at [0-9a-f]+$/m,
  );
  assertStringIncludes(await view({ dump: ["hot"] }), "MUL_K_II");
});

test("--dump=exits tells why machine code was left, where, and how often", async () => {
  const text = 'var s = 0;\nfor (var i = 0; i < 300; i += 1) {\n  s = s + 1;\n  if (i > 297) print "x";\n}\n';
  const exits = await view({ dump: ["exits"] }, text);
  assertMatch(
    exits,
    /^exits of main, main\.unna:1: \d+ in all\n\n {3}4 \| if \(i > 297\) print "x";\n +2 times/,
  );
  assertStringIncludes(exits, "no-template: the backend has no template");
});

test("views as JSON have a version", async () => {
  const lines = (await view({ dump: ["hot", "draft", "code", "patches", "exits"], json: true })).trim().split(
    "\n",
  );
  const values = lines.map((line) => JSON.parse(line));
  assertEquals(
    new Set(values.map(({ schema }) => schema)),
    new Set(["hot", "draft", "patches", "code", "exits"].map((kind) => `unnarize/${kind}@1`)),
  );
  const code = values.find((value) => value.kind === "code" && value.function === "twice").data;
  assertEquals(code.instructions[0].opcode, "MUL_K_II");
  assertEquals(code.instructions[0].machine[0].purpose, "rounds -= 1");
});

test("views of what only the interpreter ran say so", async () => {
  assertMatch(await view({ dump: ["code"], backend: "interp" }), /interpreter ran everything/);
});

test("views of what never became hot say so", async () => {
  const lonely = async (...options: string[]) => {
    const program = "function f() { return 1; }\nprint f();";
    const args = ["--backend=x64", "--dump=code", ...options, "-e", program];
    return await cli(args, ["--allow-read", "--allow-ffi"]);
  };
  const nothing = "Nothing became hot; there is no machine code\n";
  assertEquals(await lonely(), { code: 0, stdout: "1\n", stderr: nothing });
  const { stderr } = await lonely("--function=f");
  assertEquals(stderr, "'f' never became hot; there is no machine code\n");
});

Deno.test("there are words for each machine instruction", () => {
  assertEquals(MNEMONICS.filter((mnemonic) => !hasMeaning(mnemonic)), []);
});

Deno.test("createReader() says what instructions are for", () => {
  const cases: [instructions: string[], text: string, purpose: string][] = [
    [["mov rax,[r12+8]"], "mov rax,[r12+8]", "rax = R[1]"],
    [["cmp rax,r14", "jb 0x20"], "jb 0x20", "if rax is no integer"],
    [["cmp dword [rbx+4004],0xfffb0000", "je 0x20"], "je 0x20", "if total is unset"],
    [["mov rax,0xffff000000000014"], "mov rax,0xffff000000000014", "rax = int 20"],
    [["mov rax,0x3ff8000000000000"], "mov rax,0x3ff8000000000000", "rax = float 1.5"],
    [["mov ecx,[rbx+64]"], "mov ecx,[rbx+FRAME_TOP]", "ecx = FRAME_TOP"],
    [["sub r13d,1", "jns 0x20"], "jns 0x20", "if rounds are left"],
    [["mov eax,[rbx+rcx*8+12]"], "mov eax,[rbx+rcx*8+12]", "eax = word 3 of object rcx"],
    [["mov edx,[r10+4]"], "mov edx,[r10+4]", "edx = word 1 of the object at r10"],
    [["movsd [rdi+16],xmm2"], "movsd [rdi+16],xmm2", "value 2 of the object at rdi = xmm2"],
    [["xor eax,eax"], "xor eax,eax", "eax = 0"],
  ];
  for (const [instructions, text, purpose] of cases) {
    const read = createReader({ wordName: (word) => word === 1000 ? "total" : undefined });
    assertEquals(instructions.map(read).at(-1), { text, purpose });
  }
});

// ---- the log and the figures -------------------------------------------------------------------------------------

test("--jit-log tells each event as it happens", async () => {
  const { stderr, runtime } = await run({ jitLog: true });
  runtime.dispose();
  assertMatch(stderr, /^hot {7}twice, main\.unna:1, by its calls$/m);
  assertMatch(stderr, /^compiled {2}twice, main\.unna:1, \d+ bytes in \d+ µs$/m);
  assertMatch(stderr, /^patched {3}twice, main\.unna:1, \d+ holes?$/m);
  assertMatch(stderr, /^exit {6}main, main\.unna:\d+, pc \d+, [\w-]+, (once|\d+ times)$/m);
});

test("--jit-log --json writes an object a line", async () => {
  const { stderr, runtime } = await run({ jitLog: true, json: true });
  runtime.dispose();
  const events = stderr.trim().split("\n").map((line) => JSON.parse(line));
  assert(events.every(({ schema }) => schema === "unnarize/event@1"));
  const twice = events.filter((event) => event.function === "twice").map(({ data }) => data.event);
  assertEquals(twice.slice(0, 3), ["hot", "compiled", "patched"]);
});

Deno.test("--jit-log and --perf-map say that the interpreter has nothing to tell of", async () => {
  const args = ["--backend=interp", "-e", "print 1;"];
  for (const option of ["--jit-log", "--perf-map"]) {
    const { code, stdout, stderr } = await cli([option, ...args]);
    assertEquals({ code, stdout }, { code: 0, stdout: "1\n" });
    assertEquals(stderr, "The interpreter runs everything, so there is no compilation to tell of\n");
  }
  assertEquals((await cli(["--jit-log", "--json", ...args])).stderr, "");
  assertEquals((await cli(args)).stderr, "");
});

test("--jit-log tells of code that has to go, and of functions that do not fit", async () => {
  const functions = Array.from(
    { length: 120 },
    (_, i) => `function f${i}(n) { var a = [n, n + ${i}]; return a[0] + a[1] + n * ${i} + n / 3 + n % 7; }`,
  ).join("\n");
  const calls = Array.from({ length: 120 }, (_, i) => `for (var i = 0; i < 3; i += 1) s += f${i}(i);`).join(
    "\n",
  );
  const text = `${functions}\nvar s = 0;\n${calls}\nprint s;\n`;
  const small = await run({ jitLog: true, threshold: 1, codeCache: 64 << 10 }, text);
  small.runtime.dispose();
  assertMatch(small.stderr, /^evicted {3}f\d+, main\.unna:\d+, \d+ bytes$/m);
  const large = await run({ backend: "interp" }, text);
  large.runtime.dispose();
  assertEquals(small.stdout, large.stdout);

  const long = `var s = 1;\nfor (var i = 0; i < 9; i += 1) {\n${
    "s = s * 3 % 1000 + i;\n".repeat(600)
  }}\nprint s;\n`;
  const refused = await run({ jitLog: true, threshold: 1, codeCache: 64 << 10 }, long);
  refused.runtime.dispose();
  assertMatch(refused.stderr, /^gave up {3}main, main\.unna:1, its \d+ bytes do not fit the code cache$/m);
  assertEquals(refused.code, 0);
});

test("--stats leads with the share of instructions that ran as machine code", async () => {
  const text = "var s = 0; for (var i = 0; i < 100000; i += 1) s = s + i; print s;";
  const { runtime } = await run({ stats: true }, text);
  const { instructions, nativeInstructions, native } = runtime.stats();
  assert(instructions! > 300_000 && nativeInstructions! / instructions! > 0.95, `${nativeInstructions}`);
  assert(native!.compilations >= 1 && native!.codeBytes > 0 && native!.compileTime > 0);
  const report = await runtime.report("stats");
  assertMatch(report, /^native +\d\d\.\d% of the instructions\n/);
  for (const word of ["compilations", "exits", "hot functions"]) assertStringIncludes(report, word);
  runtime.dispose();

  const interpreted = await run({ stats: true, backend: "interp" }, text);
  const figures = interpreted.runtime.stats();
  assertEquals({ share: figures.nativeInstructions, native: figures.native }, { share: 0, native: null });
  interpreted.runtime.dispose();
  assert(Math.abs(figures.instructions! - instructions!) < 50, `${figures.instructions} ${instructions}`);
});

// ---- choices -----------------------------------------------------------------------------------------------------

test("programs run alike on both kinds of executable memory and both gates", async () => {
  for (const execMemory of ["dual", "mprotect"]) {
    for (const gate of ["bsearch", "fnptr"]) {
      const { stdout, stderr, runtime } = await run({ execMemory, gate, codeCache: 1 << 20 });
      runtime.dispose();
      assertEquals({ stdout, stderr }, { stdout: "249500\n", stderr: "" });
    }
  }
});

Deno.test("createRuntime() refuses unknown words with a suggestion", () => {
  const cases: [RuntimeOptions, string][] = [
    [{ backend: "x46" }, "did you mean 'x64'?"],
    [{ execMemory: "daul" }, "did you mean 'dual'?"],
    [{ gate: "bserach" }, "did you mean 'bsearch'?"],
    [{ gate: "door" }, "there is bsearch, fnptr"],
    [{ codeCache: 1024 }, "64K to 1G"],
    [{ dump: ["patchs"] }, "did you mean 'patches'?"],
    [{ off: ["jump-patch"] }, "cannot be turned off"],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => createRuntime(options), OptionError, message);
  }
});

test("without a backend asked for, what is hot for long becomes machine code", async () => {
  const text = "var s = 0;\nfor (var i = 0; i < 20000000; i += 1) s = s + i;\nprint s;\n";
  const { stdout, runtime } = await run({ backend: undefined as unknown as string }, text);
  assertEquals(stdout, "199999990000000\n");
  // Once more for the second version of the loop.
  assertEquals(runtime.stats().native?.compilations, 2);
  runtime.dispose();
  const short = await run({ backend: undefined as unknown as string });
  assertEquals(short.stdout, "249500\n");
  assertEquals(short.runtime.stats().native, null);
  short.runtime.dispose();
});

test("a program goes over to machine code in the middle of a task, too", async () => {
  const text = `async function work(n) {
  await ucoreTimer.sleep(1);
  var s = 0;
  for (var i = 0; i < n; i += 1) s = s + i;
  return s;
}
var long = work(10000000);
var short = work(20);
print await long;
print await short;
`;
  const { stdout, runtime } = await run({ backend: undefined as unknown as string }, text);
  assertEquals(stdout, "49999995000000\n190\n");
  assert(runtime.stats().native!.compilations >= 1);
  runtime.dispose();
});

/** A backend that interprets, and once has something to wait for. */
function slowBackend(name: string, until: Promise<void>): Plugin {
  const open = (context: BackendContext): Runner => {
    let isAsked = false;
    const wait = () => {
      if (isAsked) return null;
      isAsked = true;
      return until;
    };
    return { ...interp.open(context), wait };
  };
  return { name, doc: "A test.", backends: [{ name, doc: "A test.", probe: () => ({ ok: true }), open }] };
}

Deno.test("while a program waits for its backend, others run, and it may be called or disposed of", async () => {
  const text =
    "function inc(n) { return n + 1; }\nfunction deep(n) { if (n == 0) return 0; return inc(deep(n - 1)); }\n" +
    "print deep(1000);\n";
  for (const isDisposed of [false, true]) {
    const { promise, resolve } = Promise.withResolvers<void>();
    let stdout = "";
    const first = createRuntime({
      backend: "slow",
      plugins: [slowBackend("slow", promise)],
      heap: 64 << 20,
      stdout: (bytes) => stdout += new TextDecoder().decode(bytes),
    });
    const running = first.runSource("first.unna", text);
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(stdout, "", "it waits");
    const called = isDisposed ? null : first.call("deep", 500);
    // One that would wait as well does not, since the stacks are the first one's.
    const second = await run({ backend: "slow", plugins: [slowBackend("slow", promise)] }, text);
    assertEquals(second.stdout, "1000\n");
    assertEquals(await second.runtime.call("deep", 2000), 2000);
    if (isDisposed) first.dispose();
    resolve();
    assertEquals(await running, 0);
    assertEquals(stdout, isDisposed ? "" : "1000\n");
    if (called !== null) assertEquals(await called, 500);
    assertEquals(await second.runtime.call("deep", 300), 300);
    second.runtime.dispose();
    if (!isDisposed) first.dispose();
  }
});

test("runtimes go over to machine code one at a time, and can be called while they do", async () => {
  const text = "function inc(n) { return n + 1; }\nvar s = 0;\n" +
    "for (var i = 0; i < 3000000; i += 1) s = inc(s);\nprint s;\n";
  const outcomes = await Promise.all(Array.from({ length: 3 }, async () => {
    const running = run({ backend: undefined as unknown as string }, text);
    const other = await run({ backend: "interp" }, PROGRAM);
    other.runtime.dispose();
    return [await running, other] as const;
  }));
  for (const [own, other] of outcomes) {
    assertEquals([own.stdout, other.stdout, own.code], ["3000000\n", "249500\n", 0]);
    assertEquals(await own.runtime.call("inc", 6), 7);
    own.runtime.dispose();
  }
});

Deno.test("without permission the interpreter runs; one line says why if machine code was asked for", async () => {
  const program = "for (var i = 0; i < 300; i += 1) {} print 1;", permissions = ["--allow-read"];
  assertEquals(await cli(["-e", program], permissions), { code: 0, stdout: "1\n", stderr: "" });
  const failing = await cli(["--backend=x64", "-e", `${program} print nil + 1;`], permissions);
  assertEquals({ code: failing.code, stdout: failing.stdout }, { code: 1, stdout: "1\n" });
  for (const option of ["--backend=x64", "--dump=code", "--jit-log"]) {
    const { code, stdout, stderr } = await cli([option, "-e", program], permissions);
    assertEquals({ code, stdout }, { code: 0, stdout: "1\n" });
    assertMatch(stderr, /^warning\[U0301\]: Backend 'x64' is not available: .*--allow-ffi.*\n/);
    if (option === "--dump=code") assertStringIncludes(stderr, "The interpreter ran everything");
  }
});

Deno.test("where the runtime's own files cannot be read, programs run in the interpreter, however long", async () => {
  // Long enough for machine code to be wanted, and for the watchdog to begin.
  const program = "var i = 0; var sum = 0; while (i < 4_000_000) { sum += i % 7; i += 1; } print sum;";
  const args = ["-e", program], stdout = "11999994\n";
  for (const options of [[], ["--backend=x64"]]) {
    const { code, stderr, ...rest } = await cli([...options, ...args], ["--allow-ffi"]);
    assertEquals({ code, stdout: rest.stdout }, { code: 0, stdout });
    assertMatch(stderr, /^warning\[U0301\]: Backend 'x64' is not available: .*--allow-read.*\n$/);
  }
  // Nobody has asked for machine code, but this program would have got some.
  const denied = await cli(args, ["--allow-read"]);
  assertEquals({ code: denied.code, stdout: denied.stdout }, { code: 0, stdout });
  assertMatch(denied.stderr, /^warning\[U0301\]: Backend 'x64' is not available: .*--allow-ffi.*\n$/);
  assertEquals((await cli(["--backend=interp", ...args], ["--allow-read"])).stderr, "");
  const limited = await cli(["--timeout=60", ...args], ["--allow-ffi"]);
  assertEquals({ code: limited.code, stdout: limited.stdout }, { code: 1, stdout: "" });
  assertMatch(limited.stderr, /^A time limit needs a thread: .*--allow-read.*\n$/);
});

// ---- the command line --------------------------------------------------------------------------------------------

test("cli prints views and reports on standard error, after the run", async () => {
  const { code, stdout, stderr } = await cli([
    "--dump=code,exits",
    "--function=main",
    "--stats",
    "-e",
    PROGRAM,
  ], [
    "--allow-read",
    "--allow-ffi",
  ]);
  assertEquals({ code, stdout }, { code: 0, stdout: "249500\n" });
  for (
    const text of ["code of main, <command line>:1", "exits of main", "native ", "% of the instructions"]
  ) {
    assertStringIncludes(stderr, text);
  }
});

test("cli --perf-map writes what perf reads", async () => {
  assertEquals((await cli(["--perf-map", "-e", "print 1;"], ["--allow-read"])).code, 2);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", `${ROOT}cli.ts`, "--perf-map", "-e", PROGRAM],
    cwd: ROOT,
    stdout: "null",
  }).spawn();
  assertEquals((await child.status).code, 0);
  const path = `/tmp/perf-${child.pid}.map`, map = await Deno.readTextFile(path);
  await Deno.remove(path);
  assertMatch(map, /^[0-9a-f]+ [0-9a-f]+ twice <command line>:1$/m);
});

test("a fault in machine code ends in a report and exit code 70", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const plugin = `import { x64 } from "${new URL("../backends/x64/mod.ts", import.meta.url)}";
      const broken = (compileHot) => (hot, target) =>
        compileHot(hot, { ...target, templates: { ...target.templates, MUL_K_II: (asm) => asm.ud2() } });
      const open = (context) => x64.open({ ...context, compileHot: broken(context.compileHot) });
      export default { name: "broken", doc: "A test.", backends: [{ ...x64, name: "broken", open }] };`;
    await Deno.writeTextFile(`${folder}/broken.ts`, plugin);
    const { code, stdout, stderr } = await cli([
      `--plugin=${folder}/broken.ts`,
      "--backend=broken",
      "-e",
      PROGRAM,
    ]);
    assertEquals({ code, stdout }, { code: 70, stdout: "" });
    for (
      const text of [
        "Fault in native code: SIGILL",
        "in twice, MUL_K_II at pc 0",
        "<command line>:1:",
        "function twice(n) { return n * 2; }",
        "=>     a  ud2",
        "bug in the runtime, not in the program",
      ]
    ) assertStringIncludes(stderr, text);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("cli doctor tells what works here", async () => {
  const { code, stdout, stderr } = await cli(["doctor"], ["--allow-read"]);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  for (
    const text of ["permissions     read\n", "backend 'interp': works", "--allow-ffi", "run on 'interp'"]
  ) {
    assertStringIncludes(stdout, text);
  }
});

test("cli doctor measures gates, as JSON too", async () => {
  const { code, stdout } = await cli(["--json", "doctor"]);
  assertEquals(code, 0);
  const { doctor } = JSON.parse(stdout);
  const found = doctor.backends.find(({ name }: { name: string }) => name === "x64").findings;
  const names = found.map(({ what }: { what: string }) => what);
  assertEquals(names.slice(1), [
    "executable memory 'dual'",
    "executable memory 'mprotect'",
    "gate 'bsearch'",
    "gate 'fnptr'",
    "fault handler",
  ]);
  assertMatch(found[3].details, /^\d+ ns for a call$/);
  assertEquals(doctor.used, "x64");
});
