/**
 * Runs a program in all ways and compares: what it prints, what it fails with and its exit code have to be the same
 * everywhere, to the byte. The interpreter is the reference.
 */

import type { Plugin, RuntimeOptions } from "../../mod.ts";
import { x64 } from "../../backends/x64/mod.ts";
import { type Outcome, runUnna } from "../support.ts";

/** A way of running programs. */
export interface Way {
  readonly name: string;
  readonly options: RuntimeOptions;
}

/** What all others are compared with. */
export const REFERENCE: RuntimeOptions = { backend: "interp" };

/** A threshold for each way of meeting a program: compiled before it has run, when little is known of it, and hot. */
const THRESHOLDS = [1, 2, 16, 100];

/** Native code by the other kinds of memory and gate, and with so little room for it that code is evicted all the time. */
const NARROW: Plugin = {
  name: "narrow",
  doc: "Native code with little room.",
  backends: [{
    ...x64,
    name: "narrow",
    open: (context) => x64.open({ ...context, native: { memory: "mprotect", gate: "fnptr", cache: 65536 } }),
  }],
};

/**
 * The ways in which the program of a seed runs. GC stress takes ten times as long as everything else together, so
 * only every eighth program gets it.
 */
export function waysFor(seed: number): Way[] {
  const ways = THRESHOLDS.filter((threshold) => threshold !== (seed % 2 === 0 ? 2 : 16)).map((
    threshold,
  ): Way => ({
    name: `x64, threshold ${threshold}`,
    options: { backend: "x64", threshold },
  }));
  if (seed % 8 === 0) {
    const threshold = THRESHOLDS[seed / 8 % THRESHOLDS.length];
    ways.push({
      name: `x64, threshold ${threshold}, gc stress`,
      options: { backend: "x64", threshold, gcStress: true },
    });
  }
  if (seed % 8 === 4) {
    ways.push({
      name: "x64, threshold 1, little room for code",
      options: { backend: "narrow", threshold: 1, plugins: [NARROW] },
    });
  }
  return ways;
}

/** Runs a program; a bug of the runtime itself, which no program may see, counts as an outcome. */
export async function runIn(text: string, options: RuntimeOptions): Promise<Outcome> {
  try {
    return await runUnna(text, options);
  } catch (error) {
    return {
      code: -1,
      stdout: "",
      stderr: error instanceof Error ? error.stack ?? error.message : String(error),
    };
  }
}

/** How an outcome differs from what is expected, or null. */
export function compareOutcomes(expected: Outcome, actual: Outcome): string | null {
  const faults: string[] = [];
  for (const part of ["stdout", "stderr"] as const) {
    if (expected[part] === actual[part]) continue;
    const want = expected[part].split("\n"), got = actual[part].split("\n");
    const at = want.findIndex((line, i) => line !== got[i]), from = at < 0 ? want.length : at;
    faults.push(
      `${part}, line ${from + 1}:`,
      ...want.slice(from, from + 3).map((line) => `  - ${line}`),
      ...got.slice(from, from + 3).map((line) => `  + ${line}`),
    );
  }
  if (expected.code !== actual.code) faults.push(`exit code ${expected.code} expected, got ${actual.code}`);
  return faults.length === 0 ? null : faults.join("\n");
}

/** The first way in which a program does not do what it does in the interpreter, and the difference. */
export async function findDifference(
  text: string,
  ways: readonly Way[],
): Promise<{ way: Way; difference: string } | null> {
  const expected = await runIn(text, REFERENCE);
  for (const way of ways) {
    const difference = compareOutcomes(expected, await runIn(text, way.options));
    if (difference !== null) return { way, difference };
  }
  return null;
}
