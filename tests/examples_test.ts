/**
 * Runs the programs that people read first. Each `.unna` file directly in `examples/`, and each
 * `examples/NAME/main.unna`, has its exact standard output beside it in a `.out` file; a program without one, or an
 * output without a program, is a failure as well. Benchmarks have a runner of their own.
 */
import { assertEquals } from "@std/assert";
import { createRuntime } from "../mod.ts";

const FOLDER = new URL("../examples/", import.meta.url);
const EXCLUDED = new Set(["bench"]);
const HEAP_BYTES = 64 << 20;

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

const { programs, outputs } = listExamples();

Deno.test("every example has its expected output beside it, and nothing else does", () => {
  assertEquals(outputs, programs);
});

for (const program of programs) {
  Deno.test(`examples/${program}.unna prints what ${program}.out holds`, async () => {
    const out = new TextDecoder(), err = new TextDecoder();
    let stdout = "", stderr = "";
    const runtime = createRuntime({
      stdout: (bytes) => stdout += out.decode(bytes, { stream: true }),
      stderr: (bytes) => stderr += err.decode(bytes, { stream: true }),
      heap: HEAP_BYTES,
    });
    const code = await runtime.runFile(new URL(`${program}.unna`, FOLDER).pathname);
    const expected = await Deno.readTextFile(new URL(`${program}.out`, FOLDER));
    assertEquals({ stdout, stderr, code }, { stdout: expected, stderr: "", code: 0 });
  });
}
