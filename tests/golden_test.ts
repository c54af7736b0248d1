/**
 * Pins what every stage makes of a handful of small programs, in the one printed form that each artifact has: tokens,
 * tree, bytecode, and the profile of a run, which tells what the code has learnt and counted. A change in here is
 * a change of the compiler, and is read in review like one.
 *
 * After a change that is meant: `deno test -A tests/golden_test.ts -- --update`, then read the difference. There is a
 * `.snap` for each program, beside it in `tests/golden/`. No address, time or machine path gets into one.
 */
import { assert, assertEquals } from "@std/assert";
import { assertSnapshot } from "@std/testing/snapshot";
import { createRuntime, type Runtime, type RuntimeOptions } from "../mod.ts";
import { writeLoop } from "../core/dispatch.ts";
import { RuntimeFault } from "../core/machine.ts";
import { OPCODES, type OpName } from "../core/opcodes.ts";
import type { Plugin } from "../core/plugin.ts";

const FOLDER = new URL("golden/", import.meta.url).pathname;
const HEAP_BYTES = 64 << 20;

/** Programs that run, and what of them is pinned. */
const PROGRAMS = ["expressions", "control", "loops", "closures", "structs", "maps", "async", "modules"];
/** Programs that do not, for the sake of what they are told. */
const FAILURES = ["syntax_errors", "failure"];

/** The case of each of these is pinned: arithmetic with a guard, a fused jump, a call. */
const CASES: readonly OpName[] = ["ADD_II", "JUMP_LT_K_FF", "CALL_FUNCTION"];

/** What a runtime has written, machine paths cut to names. */
interface Written {
  readonly runtime: Runtime;
  stdout(): string;
  stderr(): string;
}

function openRuntime(dump: readonly string[] = [], more: RuntimeOptions = {}): Written {
  let stdout = "", stderr = "";
  const runtime = createRuntime({
    heap: HEAP_BYTES,
    check: true,
    dump,
    ...more,
    stdout: (bytes) => stdout += new TextDecoder().decode(bytes),
    stderr: (bytes) => stderr += new TextDecoder().decode(bytes),
  });
  return { runtime, stdout: () => stdout, stderr: () => stderr.replaceAll(FOLDER, "") };
}

for (const program of PROGRAMS) {
  Deno.test(`${program}.unna is compiled and run as before`, async (t) => {
    const path = `${FOLDER}${program}.unna`;
    const { runtime, stdout, stderr } = openRuntime(["tokens", "ast", "bytecode"]);
    const compiled = runtime.compile(path, await Deno.readTextFile(path));
    const artifacts = runtime.dumps().map(({ name, text }) => [name, text]);
    await runtime.run(compiled);
    artifacts.push(["profile", await runtime.report("profile")], ["output", stdout() + stderr()]);
    runtime.dispose();
    for (const [name, text] of artifacts) await pin(t, program, name, text.replaceAll(FOLDER, ""));
  });
}

for (const program of FAILURES) {
  Deno.test(`${program}.unna is told what is wrong with it as before`, async (t) => {
    const { runtime, stdout, stderr } = openRuntime();
    const code = await runtime.runFile(`${FOLDER}${program}.unna`);
    runtime.dispose();
    await pin(t, program, "output", stdout());
    await pin(t, program, "errors", stderr());
    await pin(t, program, "exit code", String(code));
  });
}

Deno.test("writeLoop() turns rows into cases as before", async (t) => {
  const cases = writeLoop(OPCODES).split(/(?=^ {6}case )/m);
  for (const name of CASES) {
    await pin(t, "loop_cases", name, cases.find((text) => text.includes(`// ${name}\n`)) ?? "missing");
  }
});

// ---- docs/architecture.md ----------------------------------------------------------------------------------------

/**
 * The page shows what tools print, in blocks ```` ```text KIND ```` that follow the program they are about: a dump, the
 * profile after a run, or the case of an opcode. Each must be a part of what the tool says now; a line that is nothing
 * but `…` stands for anything. Blocks ```` ```ts ```` that begin with `// file: NAME` are plugins, which take part in
 * the next program.
 */
const PAGE = new URL("../docs/architecture.md", import.meta.url);

interface Shown {
  readonly line: number;
  readonly info: string;
  readonly text: string;
}

function readBlocks(page: string): Shown[] {
  return Array.from(page.matchAll(/^```(\S.*)\n([^]*?)^```$/gm), ({ index, 1: info, 2: text }) => ({
    line: page.slice(0, index).split("\n").length,
    info,
    text,
  }));
}

/** The plugins that a block of TypeScript exports. */
async function loadPlugins(text: string): Promise<Plugin[]> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, text.replaceAll('from "../', `from "${new URL("../", import.meta.url)}`));
    return Object.values(await import(new URL(file, import.meta.url).href)) as Plugin[];
  } finally {
    await Deno.remove(file);
  }
}

/** What the tools say of a program, by kind, and what it prints. */
async function runShown(text: string, plugins: readonly Plugin[]): Promise<Map<string, string>> {
  const backend = plugins.flatMap((plugin) => plugin.backends ?? [])[0]?.name ?? "interp";
  const { runtime, stdout } = openRuntime(["tokens", "ast", "bytecode"], { plugins, backend });
  const compiled = runtime.compile("main.unna", text);
  // Some of the programs are there to fail; what they say then is checked with all other pages.
  await runtime.run(compiled).catch((error) => assert(error instanceof RuntimeFault, String(error)));
  const said = new Map(runtime.dumps().map((dump) => [dump.name, dump.text]));
  said.set("profile", await runtime.report("profile")).set("output", stdout());
  runtime.dispose();
  return said;
}

/** Holds an excerpt to the text that it is from, but for the indentation, which the formatter of pages changes. */
function assertShown(excerpt: string, text: string): void {
  const trim = (lines: string) => lines.replace(/^ +| +$/gm, "");
  const whole = trim(text);
  let at = 0;
  for (const part of trim(excerpt).split(/^…\n/m)) {
    const found = whole.indexOf(part, at);
    assert(found >= 0, `${part}is not in\n${text.slice(0, 4000)}`);
    at = found + part.length;
  }
}

Deno.test("docs/architecture.md shows what the tools print", async (t) => {
  const cases = writeLoop(OPCODES);
  let plugins: Plugin[] = [], said = new Map<string, string>();
  for (const { line, info, text } of readBlocks(await Deno.readTextFile(PAGE))) {
    await t.step(`line ${line}: ${info}`, async () => {
      if (info === "ts" && text.startsWith("// file: ")) plugins = await loadPlugins(text);
      else if (info.startsWith("unna")) {
        said = await runShown(text, plugins);
        plugins = [];
      } else if (info === "output") assertEquals(said.get("output"), text);
      else if (info.startsWith("text ")) {
        const kind = info.slice("text ".length);
        assertShown(text, (kind.startsWith("case ") ? cases : said.get(kind)) ?? `nothing is called ${kind}`);
      }
    });
  }
});

/** Compares with what `FILE.snap` has under this name; texts are kept as they are. */
async function pin(t: Deno.TestContext, file: string, name: string, text: string): Promise<void> {
  await assertSnapshot(t, text, {
    path: `golden/${file}.snap`,
    name,
    serializer: (actual: string) => actual,
  });
}
