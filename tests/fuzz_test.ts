/**
 * Differential fuzzing of the native backend, as much of it as fits a test run; `tests/fuzz.ts` does it at length. Each
 * run takes other seeds, and says which: a failure is repeated by `UNNA_FUZZ_SEED=N deno test -A tests/fuzz_test.ts`.
 * The generator and the shrinker have tests of their own here, because a fuzzer that finds nothing looks like success.
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { compareOutcomes, findDifference, REFERENCE, runIn, waysFor } from "./fuzz/differ.ts";
import { generateProgram } from "../core/generate.ts";
import { countNodes, list, printTree, shrinkTree, statement } from "../core/shrink.ts";
import type { Backend } from "../core/backend.ts";
import { OPCODES } from "../core/opcodes.ts";
import { x64 } from "../backends/x64/mod.ts";

/** Programs of a test run. */
const PROGRAMS = 48;
const ATTEMPTS = 1500;

await x64.prepare?.();
const here = x64.probe();
const seed = Number(Deno.env.get("UNNA_FUZZ_SEED") ?? Math.floor(Math.random() * 1e9));

Deno.test({
  name: `${PROGRAMS} generated programs from seed ${seed} do the same in native code`,
  ignore: !here.ok,
  async fn() {
    for (let i = 0; i < PROGRAMS; i++) {
      const tree = generateProgram(seed + i);
      const found = await findDifference(printTree(tree), waysFor(seed + i));
      if (found === null) continue;
      const fails = async (smaller: typeof tree) =>
        await findDifference(printTree(smaller), [found.way]) !== null;
      const text = printTree(await shrinkTree(tree, fails, ATTEMPTS));
      throw Object.assign(
        new Error(`seed ${seed + i} on ${found.way.name}:\n${found.difference}\nMade small:\n${text}`),
        { stack: "" },
      );
    }
  },
});

Deno.test("a seed gives one program, and most programs get to their end", async () => {
  let finished = 0;
  for (let seed = 0; seed < 20; seed++) {
    const text = printTree(generateProgram(seed));
    assertEquals(printTree(generateProgram(seed)), text);
    assertNotEquals(printTree(generateProgram(seed + 1)), text);
    const outcome = await runIn(text, REFERENCE);
    assert(outcome.code === 0 || outcome.stderr.startsWith("Runtime Error: "), outcome.stderr);
    assert(outcome.stdout.length > 100);
    if (outcome.code === 0) finished++;
  }
  assert(finished >= 10, `only ${finished} of 20`);
});

Deno.test({
  name: "a few programs bring most opcodes into native code",
  ignore: !here.ok,
  async fn() {
    const seen = new Set<string>();
    const backend: Backend = {
      ...x64,
      name: "watched",
      open: (context) =>
        x64.open({
          ...context,
          observe(event) {
            if (event.kind !== "compiled") return;
            const { code } = event.code.hot;
            for (let pc = 0; pc < code.length; pc++) {
              const { name, operands } = OPCODES[code[pc] & 0xFF];
              seen.add(name);
              pc += operands.words?.length ?? 0;
            }
          },
        }),
    };
    const plugins = [{ name: "watch", doc: "Watches native code.", backends: [backend] }];
    for (let seed = 1; seed <= 16; seed++) {
      await runIn(printTree(generateProgram(seed)), { backend: "watched", threshold: 16, plugins });
    }
    assert(seen.size > 0.65 * OPCODES.length, `${seen.size} of ${OPCODES.length} opcodes`);
  },
});

Deno.test("differences in output, errors and exit codes are seen", () => {
  const outcome = { code: 0, stdout: "1\n2\n", stderr: "" };
  assertEquals(compareOutcomes(outcome, { ...outcome }), null);
  assertEquals(
    compareOutcomes(outcome, { ...outcome, stdout: "1\n3\n" }),
    "stdout, line 2:\n  - 2\n  - \n  + 3\n  + ",
  );
  assert(compareOutcomes(outcome, { ...outcome, stdout: "1\n2\n3\n" }) !== null);
  assert(compareOutcomes(outcome, { ...outcome, stdout: "" }) !== null);
  assert(compareOutcomes(outcome, { ...outcome, stderr: "Runtime Error" }) !== null);
  assert(compareOutcomes(outcome, { ...outcome, code: 1 }) !== null);
});

Deno.test("programs print a statement a line, lists indented", () => {
  const inner = list([statement`a();`, list([statement`b();`])]);
  assertEquals(
    printTree(list([statement`if (x) {${inner}} else {${list([])}}`])),
    "if (x) {\n  a();\n  b();\n} else {\n}\n",
  );
});

Deno.test("a failing program is made small", async () => {
  // As if native code could not divide by 7 in a loop.
  for (const seed of [1, 2, 3]) {
    const tree = generateProgram(seed);
    const guilty = statement`for (var i = 0; i < 9; i += 1) {${
      list([statement`print i;`, statement`x = y / 7;`])
    }}`;
    const all = list([
      ...tree.parts.filter((part) => typeof part !== "string"),
      list([guilty]),
      ...generateProgram(seed + 9).parts.filter((part) => typeof part !== "string"),
    ]);
    const fails = (smaller: typeof tree) =>
      Promise.resolve(/for .*\n\s*x = y \/ 7;/.test(printTree(smaller)));
    const small = await shrinkTree(all, fails, 5000);
    assertEquals(printTree(small).replace(/^ +/gm, ""), "for (var i = 0; i < 9; i += 1) {\nx = y / 7;\n}\n");
    assert(countNodes(small) <= 6);
  }
});
