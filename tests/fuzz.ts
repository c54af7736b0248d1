/**
 * Differential fuzzing of the native backend, for as long as one likes:
 *
 *     deno run -A tests/fuzz.ts --programs=20000 --seed=1
 *     deno run -A tests/fuzz.ts --seed=4711 --programs=1 --show
 *
 * Each program runs in the interpreter and in native code in several ways; where the two differ, the program is made
 * small and printed. Programs run in processes of their own, a few hundred in each, so that one that crashes or hangs
 * ends its process only: the seed at which it happened is known, and the next process goes on behind it.
 */

import { parseArgs } from "@std/cli/parse-args";
import { findDifference, waysFor } from "./fuzz/differ.ts";
import { generateProgram } from "../core/generate.ts";
import { printTree, shrinkTree } from "../core/shrink.ts";

/** Programs of one process. */
const BATCH = 250;
/** Milliseconds in which a program has to be done in all ways. */
const PATIENCE = 60_000;
/** Programs that shrinking may try. */
const ATTEMPTS = 3000;

/** What a process says about each seed, a line of JSON each. */
type Word = { readonly begins: number } | { readonly fails: number; readonly report: string };

/** Runs the programs of a few seeds here. */
async function runBatch(from: number, count: number): Promise<void> {
  const say = (word: Word) => console.log(JSON.stringify(word));
  for (let seed = from; seed < from + count; seed++) {
    say({ begins: seed });
    const tree = generateProgram(seed);
    const found = await findDifference(printTree(tree), waysFor(seed));
    if (found === null) continue;
    const fails = async (smaller: typeof tree) =>
      await findDifference(printTree(smaller), [found.way]) !== null;
    const text = printTree(await shrinkTree(tree, fails, ATTEMPTS));
    const difference = (await findDifference(text, [found.way]))?.difference ??
      `(not again)\n${found.difference}`;
    say({ fails: seed, report: `${found.way.name}:\n${difference}\n\n${text}` });
  }
}

/** Has a process run a batch; gives the seed at which it stopped answering, or null. */
async function superviseBatch(
  from: number,
  count: number,
  listen: (word: Word) => void,
): Promise<{ readonly seed: number; readonly why: string } | null> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, `--batch=${from}`, `--programs=${count}`],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(process.stderr).text();
  let last = from, hangs = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      hangs = true;
      process.kill("SIGKILL");
    }, PATIENCE);
  };
  wait();
  let rest = "";
  for await (const piece of process.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const word: Word = JSON.parse(line);
      if ("begins" in word) last = word.begins;
      listen(word);
      wait();
    }
  }
  clearTimeout(timer);
  const { success, code, signal } = await process.status;
  const words = await stderr;
  if (success) return null;
  const why = hangs
    ? "it does not end"
    : `it ended the process (${signal ?? `exit code ${code}`})\n${words.trim()}`;
  return { seed: last, why };
}

/** Runs programs in processes until all are done; gives the number of failures. */
async function runAll(from: number, count: number): Promise<number> {
  const end = from + count, started = performance.now(), terminal = Deno.stderr.isTerminal();
  const encoder = new TextEncoder();
  let done = 0, failures = 0;
  const report = (seed: number, text: string) => {
    failures++;
    console.log(`\nseed ${seed}, ${text}`);
  };
  for (let seed = from; seed < end;) {
    const size = Math.min(BATCH, end - seed);
    const stopped = await superviseBatch(seed, size, (word) => {
      if ("fails" in word) report(word.fails, word.report);
      else {
        done++;
        if (terminal) {
          Deno.stderr.writeSync(
            encoder.encode(`\rseed ${word.begins}, ${done} of ${count}, ${failures} failed `),
          );
        }
      }
    });
    if (stopped !== null) report(stopped.seed, stopped.why);
    seed = stopped === null ? seed + size : stopped.seed + 1;
  }
  const seconds = (performance.now() - started) / 1000;
  if (terminal) Deno.stderr.writeSync(encoder.encode("\n"));
  console.log(
    `${count} programs from seed ${from}, each in several ways, in ${seconds.toFixed(0)} s ` +
      `(${(count / seconds).toFixed(1)} programs/s): ${
        failures === 0 ? "no difference" : `${failures} failed`
      }`,
  );
  return failures;
}

if (import.meta.main) {
  const refuse = (what: string): never => {
    console.error(`${what}\nUsage: deno run -A tests/fuzz.ts [--programs=N] [--seed=N] [--show]`);
    Deno.exit(2);
  };
  const options = parseArgs(Deno.args, {
    string: ["programs", "seed", "batch"],
    boolean: ["show"],
    unknown: (option: string) => refuse(`Unknown option ${option}`),
  });
  const number = (text: string | undefined, otherwise: number) =>
    text === undefined
      ? otherwise
      : /^\d+$/.test(text)
      ? Number(text)
      : refuse(`'${text}' is no whole number`);
  const count = number(options.programs, 1000);
  if (options.batch !== undefined) await runBatch(Number(options.batch), count);
  else {
    const seed = number(options.seed, Math.floor(Math.random() * 1e9));
    if (options.show) { for (let i = 0; i < count; i++) console.log(printTree(generateProgram(seed + i))); }
    else if (await runAll(seed, count) > 0) Deno.exit(1);
  }
}
