/**
 * What the runtime has measured and printed, as text for people and as JSON for tools: one object a line, with a key
 * that says what it is. Loaded only when somebody asks.
 */

import { type Diagnostic, renderDiagnostic } from "./diagnostics.ts";
import { opOf } from "./program.ts";
import { dumpLine } from "./schema.ts";
import type { OpcodeDef } from "./opcodes.ts";
import type { Dump, PassTiming } from "./pass.ts";
import type { FunctionProfile } from "./machine.ts";
import type { JitSums } from "./jit_log.ts";
import type { HeapStats } from "./heap.ts";

/** RuntimeStats of machine code. */
export interface NativeStats extends JitSums {
  /** How often native code left an instruction to the interpreter. */
  readonly exits: number;
}

/** RuntimeStats of a program's run. */
export interface RuntimeStats {
  /** Executed instructions; null unless they were counted. */
  readonly instructions: number | null;
  /** Those among them that ran as machine code; null unless they were counted. */
  readonly nativeInstructions: number | null;
  /** What became machine code; null where there is none, because the interpreter runs everything. */
  readonly native: NativeStats | null;
  /** From the start of the program to its end, waiting included. */
  readonly milliseconds: number;
  /** Of all runtimes of the process since its start. */
  readonly heap: HeapStats;
}

/** Diagnostics, each with its place. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], json: boolean, color: boolean): string {
  if (!json) return diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, { color })).join("");
  return diagnostics.map((diagnostic) => {
    const { code, severity, message, source, start, end, notes } = diagnostic;
    return line({
      diagnostic: {
        code,
        severity,
        message,
        ...place(source, start, end),
        notes: notes.map((note) => note.message),
      },
    });
  }).join("");
}

function place(source: Diagnostic["source"], start: number, end: number) {
  return source === null
    ? {}
    : { path: source.path, start: source.position(start), end: source.position(end) };
}

/** Dumps; a heading tells them apart if there are several. */
export function printDumps(dumps: readonly Dump[], json: boolean): string {
  if (json) {
    return dumps.map(({ name, kind, text, ...label }) =>
      dumpLine({ ...label, kind, ...(name === kind ? {} : { after: name }) }, text)
    ).join("");
  }
  // Views of functions have a heading of their own.
  const heading = ({ name, path, stage }: Dump) =>
    dumps.length > 1 && stage === "load" ? `---- ${name} of ${path}\n` : "";
  return dumps.map((dump) => heading(dump) + dump.text.replace(/\n*$/, "\n")).join("\n");
}

/** The time of each pass, over all files. */
export function printTimings(timings: readonly PassTiming[], json: boolean): string {
  if (json) return timings.map((timing) => line({ time: timing })).join("");
  const files = new Set(timings.map(({ path }) => path)).size;
  const byPass = Map.groupBy(timings, ({ pass }) => pass);
  const rows = [...byPass].map(([pass, of]) => ({ pass, sum: sum(of.map((t) => t.milliseconds)) }));
  const total = sum(rows.map((row) => row.sum));
  const lines = [...rows, { pass: "all passes", sum: total }].map(({ pass, sum }) =>
    `${pass.padEnd(20)}${sum.toFixed(3).padStart(10)} ms${
      (total === 0 ? 0 : 100 * sum / total).toFixed(0).padStart(5)
    }%`
  );
  return `compiling ${count(files, "file")}\n${lines.join("\n")}\n`;
}

/** RuntimeStats of a run. */
export function printStats(figures: RuntimeStats, json: boolean): string {
  if (json) return line({ stats: figures });
  const { instructions, nativeInstructions, native, milliseconds, heap } = figures;
  const rows: [string, string][] = [];
  if (instructions !== null && nativeInstructions !== null) {
    const share = instructions === 0 ? 0 : 100 * nativeInstructions / instructions;
    rows.push(["native", `${share.toFixed(1)}% of the instructions`]);
  }
  rows.push(["time", `${milliseconds.toFixed(1)} ms`]);
  if (instructions !== null) {
    const rate = milliseconds === 0 ? 0 : instructions / milliseconds / 1000;
    rows.push(["instructions", `${grouped(instructions)} (${rate.toFixed(1)} million a second)`]);
  }
  if (native !== null) {
    const { hot, refused, compilations, codeBytes, compileTime, evicted, exits } = native;
    rows.push(
      ["hot functions", `${grouped(hot)}${refused === 0 ? "" : `, ${grouped(refused)} given up`}`],
      [
        "compilations",
        `${grouped(compilations)} in ${compileTime.toFixed(1)} ms, ${size(codeBytes)} of machine code` +
        (evicted === 0 ? "" : `, ${grouped(evicted)} evicted`),
      ],
      ["exits", grouped(exits)],
    );
  }
  const mean = heap.collections === 0 ? 0 : heap.pauseTotal / heap.collections;
  rows.push(
    ["allocated", size(heap.allocated)],
    ["collections", grouped(heap.collections)],
    [
      "pauses",
      `${heap.pauseTotal.toFixed(1)} ms in all, ${mean.toFixed(1)} on average, ${
        heap.pauseLongest.toFixed(1)
      } at most`,
    ],
    ["live after the last", size(heap.live)],
    ["heap at most", `${size(heap.peak)} of ${size(heap.limit)}`],
  );
  return rows.map(([name, text]) => `${name.padEnd(20)}${text}\n`).join("");
}

/**
 * What ran how often, and what the code has become: below each source line the instructions that stand for it now,
 * specialised ones marked with a star.
 *
 *     fib.unna:1 fib, 21891 calls
 *         2 | if (n < 2) return n;
 *             JUMP_LT_INTS*  RETURN
 */
export function printProfile(
  profile: readonly FunctionProfile[],
  opcodes: readonly OpcodeDef[],
  json: boolean,
  functionName?: string,
): string {
  const chosen = profile.filter(({ loaded }) =>
    functionName === undefined || loaded.proto.name === functionName
  );
  if (json) {
    return chosen.map((entry) => {
      const { path, name, ...data } = plainProfile(entry, opcodes);
      return dumpLine({ kind: "profile", path, functionName: name }, JSON.stringify(data));
    }).join("");
  }
  return chosen.map((entry) => {
    const { path, line, name, calls, lines, isNative } = plainProfile(entry, opcodes);
    const out = [
      `${path}:${line} ${name}, ${count(calls, "call")}${isNative ? " before it was compiled" : ""}`,
    ];
    for (const { line, text, rounds, instructions } of lines) {
      out.push(
        `${String(line).padStart(5)} | ${text}${rounds === null ? "" : `   // ${count(rounds, "round")}`}`,
      );
      const names = instructions.map(({ name, specialised }) => name + (specialised ? "*" : ""));
      out.push(`        ${names.join("  ")}`);
    }
    return out.join("\n") + "\n";
  }).join("\n");
}

interface ProfileLine {
  readonly line: number;
  readonly text: string;
  /** Of the loops that begin on the line. */
  rounds: number | null;
  readonly instructions: { readonly name: string; readonly specialised: boolean }[];
}

function plainProfile(
  { loaded, calls, loops, code, isNative }: FunctionProfile,
  opcodes: readonly OpcodeDef[],
) {
  const { proto, source } = loaded;
  const rounds = new Map(loops.map((loop) => [loop.pc, loop.rounds]));
  const lines = new Map<number, ProfileLine>();
  for (let pc = 0; pc < code.length;) {
    const row = opcodes[opOf(code[pc])];
    const number = source.position(proto.spans[2 * pc]).line;
    let line = lines.get(number);
    if (line === undefined) {
      line = { line: number, text: source.lineText(number).trim(), rounds: null, instructions: [] };
      lines.set(number, line);
    }
    line.instructions.push({ name: row.name, specialised: row.general !== undefined });
    const own = rounds.get(pc);
    if (own !== undefined) line.rounds = (line.rounds ?? 0) + own;
    pc += 1 + (row.operands.words?.length ?? 0);
  }
  return {
    path: source.path,
    line: source.position(proto.start).line,
    name: proto.name,
    calls,
    isNative,
    lines: [...lines.values()].sort((a, b) => a.line - b.line),
  };
}

function line(value: unknown): string {
  return JSON.stringify(value) + "\n";
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function count(n: number, noun: string): string {
  return `${grouped(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** `1 234 567` */
function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, " ");
}

function size(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}
