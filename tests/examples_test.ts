/**
 * Runs the programs that people read first, on every backend. Each `.unna` file directly in `examples/`, and each
 * `examples/NAME/main.unna`, has its exact standard output beside it in a `.out` file; a program without one, or an
 * output without a program, is a failure as well. What differs from run to run, such as a time, is a `…` in there,
 * which stands for any text within its line. What is typed into a program that asks is in a `.in` file, if it needs any.
 * Benchmarks have a runner of their own.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createRuntime } from "../mod.ts";
import { x64 } from "../backends/x64/mod.ts";
import { SMALL_HEAP } from "./support.ts";

const FOLDER = new URL("../examples/", import.meta.url);
const EXCLUDED = new Set(["bench"]);

/** What the folder holds: paths relative to it, without extension. */
function listExamples(): { programs: string[]; outputs: string[] } {
  const programs: string[] = [], outputs: string[] = [];
  const sort = (folder: string, name: string, isProgram: boolean) => {
    if (isProgram) programs.push(folder + name.slice(0, -".unna".length));
    else if (name.endsWith(".out")) outputs.push(folder + name.slice(0, -".out".length));
  };
  for (const { name, isDirectory } of Deno.readDirSync(FOLDER)) {
    if (!isDirectory) sort("", name, name.endsWith(".unna"));
    else if (!EXCLUDED.has(name)) {
      for (const inner of Deno.readDirSync(new URL(`${name}/`, FOLDER))) {
        sort(`${name}/`, inner.name, inner.name === "main.unna");
      }
    }
  }
  return { programs: programs.sort(), outputs: outputs.sort() };
}

/** The lines that are typed into a program. */
function readInput(program: string): string[] {
  try {
    return Deno.readTextFileSync(new URL(`${program}.in`, FOLDER)).split("\n").slice(0, -1);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return [];
  }
}

/** The outputs that a `.out` file allows. */
function outputPattern(expected: string): RegExp {
  const parts = expected.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}

const { programs, outputs } = listExamples();
await x64.prepare?.();
const native = x64.probe();

Deno.test("every example has its expected output beside it, and nothing else does", () => {
  assertEquals(outputs, programs);
});

Deno.test("outputPattern() lets … stand for anything within a line", () => {
  const pattern = outputPattern("took … ms\nsum: 1.5\n");
  assert(pattern.test("took 12.5 ms\nsum: 1.5\n"));
  for (const other of ["took 1\n2 ms\nsum: 1.5\n", "took 1 ms\nsum: 115\n", "took 1 ms\nsum: 1.5\n\n"]) {
    assert(!pattern.test(other), other);
  }
});

for (const backend of ["interp", "x64"]) {
  for (const program of programs) {
    Deno.test({
      name: `examples/${program}.unna on ${backend} prints what ${program}.out holds`,
      ignore: backend === "x64" && !native.ok,
      async fn() {
        const out = new TextDecoder(), err = new TextDecoder();
        let stdout = "", stderr = "";
        const lines = readInput(program).values();
        const runtime = createRuntime({
          backend,
          heap: SMALL_HEAP,
          stdin: () => lines.next().value ?? null,
          stdout: (bytes) => stdout += out.decode(bytes, { stream: true }),
          stderr: (bytes) => stderr += err.decode(bytes, { stream: true }),
        });
        const code = await runtime.runFile(new URL(`${program}.unna`, FOLDER).pathname);
        runtime.dispose();
        const expected = await Deno.readTextFile(new URL(`${program}.out`, FOLDER));
        assertEquals({ stderr, code }, { stderr: "", code: 0 });
        if (expected.includes("…")) assertMatch(stdout, outputPattern(expected));
        else assertEquals(stdout, expected);
      },
    });
  }
}
