/**
 * `why FILE:LINE`: runs a program and tells what became of one line. Is it machine code, and if not, why not: was it
 * never hot, was its function given up, does an opcode have no template, which guard failed how often, and with what
 * kinds of values? And what would one change about it?
 *
 * ```text
 *   the line ──► instructions that come from it ──► for each: its template, its exits, what it met there
 *      └──► functions that they are in ──► calls, rounds of the loop around, compilations, reasons to give up
 * ```
 *
 * The kinds of values are seen in the moment of an exit: the interpreter is about to do the instruction, and its
 * operands still lie in their registers. Exits are told of the first, second, fourth … time, so these are samples.
 */

import { kindName } from "./value.ts";
import type { FunctionProfile, LoadedFunction, Machine } from "./machine.ts";
import type { OpcodeDef, OperandKind } from "./opcodes.ts";
import { type ListedInstruction, listInstructions } from "./listing.ts";
import { type Backend, EXIT_REASONS, type ExitReason, type JitEvent } from "./backend.ts";
import { asCompiled } from "./native_views.ts";
import { EXIT_EXAMPLES } from "./explain_examples.ts";
import { type MakeRuntime, probeBackend, runTrial, type Subject, type Trial } from "./trial.ts";

/** What the question needs beside the line. */
export interface WhyContext {
  readonly make: MakeRuntime;
  /** The backend that compiles; null if the interpreter was asked for. */
  readonly native: Backend | null;
  readonly opcodes: readonly OpcodeDef[];
  /** Rounds and calls after which something is hot. */
  readonly threshold: number;
}

/** Why an instruction was left, and how often. */
export interface ExitTold {
  readonly reason: ExitReason;
  readonly count: number;
  /** Whether the instruction had not run before it was compiled, so that nothing was known of its operands. */
  readonly isNew: boolean;
  /** Kinds of its operands at some of these times: `string and int`. */
  readonly kinds: readonly string[];
}

/** What became of an instruction. */
export interface Fate {
  readonly pc: number;
  readonly opcode: string;
  /** The opcode that was compiled, if the instruction has changed since. */
  readonly compiledAs?: string;
  /** As in listings. */
  readonly text: string;
  readonly fate: "interpreted" | "native" | "always exits" | "exits";
  readonly exits: readonly ExitTold[];
}

/** What became of a function that has code on the line. */
export interface FunctionTold {
  readonly name: string;
  /** Whether it is the body of the file, which runs once. */
  readonly isBody: boolean;
  /** Where it begins. */
  readonly line: number;
  /** Calls; if it is native, those before. */
  readonly calls: number;
  /** Rounds of the innermost loop around the line; if it is native, those before. Null outside of loops. */
  readonly rounds: number | null;
  /** How often it was compiled. */
  readonly compilations: number;
  /** Bytes of its machine code now; 0 if it has none. */
  readonly bytes: number;
  readonly evicted: boolean;
  /** Why it was given up, if it was. */
  readonly refused: string | null;
  readonly instructions: readonly Fate[];
}

/** All that there is to tell about a line. */
export interface LineTold {
  readonly path: string;
  readonly line: number;
  readonly source: string;
  /** Why nothing at all can be machine code, if so. */
  readonly without: string | null;
  readonly threshold: number;
  readonly functions: readonly FunctionTold[];
  /** What to change; nothing, if all is well. */
  readonly advice: readonly string[];
  readonly outcome: { readonly code: number; readonly outputLines: number; readonly error: string };
}

/** The answer, or why there is none: the program does not compile, or there is nothing on the line. */
export type Answer =
  | { readonly kind: "told"; readonly told: LineTold }
  | { readonly kind: "not compiled"; readonly messages: string }
  | { readonly kind: "no code"; readonly because: string };

/** Runs a program, and tells about a line of it. */
export async function tellLine(cx: WhyContext, file: string, line: number): Promise<Answer> {
  const probe = cx.native === null ? null : await probeBackend(cx.native);
  const watched = probe?.ok ? { watched: cx.native! } : { backend: "interp" };
  const without = probe === null
    ? "the interpreter was asked for"
    : probe.ok
    ? null
    : `backend '${cx.native!.name}' does not work here: ${probe.because}`;
  const events = listen(cx.opcodes);
  const subject: Subject = { file };
  return await runTrial(cx.make, subject, { ...watched, hear: events.hear }, (trial): Answer => {
    if (trial.functions.length === 0) return { kind: "not compiled", messages: trial.stderr };
    // The functions of the main file: its body was loaded first.
    const { source } = trial.functions[0].loaded;
    const own = trial.functions.filter(({ loaded }) => loaded.source === source);
    if (line < 1 || line > source.lineStarts.length) {
      return { kind: "no code", because: `${source.path} has ${source.lineStarts.length} lines` };
    }
    const functions = own.flatMap((profile) => tellFunction(cx, trial, profile, line, events) ?? []);
    if (functions.length === 0) {
      const lines = [...new Set(own.flatMap(({ loaded }) => linesOf(cx.opcodes, loaded)))];
      return { kind: "no code", because: `nothing on it is executed; ${nearest(lines, line)}` };
    }
    const { code, stdout, stderr } = trial;
    const told: Omit<LineTold, "advice"> = {
      path: source.path,
      line,
      source: source.lineText(line).trim(),
      without,
      threshold: cx.threshold,
      functions,
      outcome: { code, outputLines: stdout.split("\n").length - 1, error: stderr.split("\n")[0] },
    };
    return { kind: "told", told: { ...told, advice: adviceFor(told) } };
  });
}

// ---- listening ---------------------------------------------------------------------------------------------------

/** What was heard while the program ran. */
interface Heard {
  hear(event: JitEvent): void;
  readonly compilations: Map<LoadedFunction, number>;
  readonly refused: Map<LoadedFunction, string>;
  readonly evicted: Set<LoadedFunction>;
  /** Kinds of operands by function, place and reason. */
  readonly kinds: Map<string, Set<string>>;
}

const exitKey = ({ word }: LoadedFunction, pc: number, reason: ExitReason) => `${word} ${pc} ${reason}`;

function listen(opcodes: readonly OpcodeDef[]): Heard {
  const heard: Heard = {
    compilations: new Map(),
    refused: new Map(),
    evicted: new Set(),
    kinds: new Map(),
    hear(event) {
      switch (event.kind) {
        case "compiled": {
          const { loaded } = event.code.hot;
          heard.compilations.set(loaded, event.compilation);
          heard.evicted.delete(loaded);
          break;
        }
        case "refused":
          heard.refused.set(event.loaded, event.because);
          break;
        case "evicted":
          heard.evicted.add(event.code.hot.loaded);
          break;
        case "exit": {
          const { loaded, code } = event.code.hot, { pc, reason } = event.exit;
          const key = exitKey(loaded, pc, reason), met = heard.kinds.get(key) ?? new Set();
          met.add(kindsOfOperands(loaded.machine, opcodes[code[pc] & 0xFF], code[pc]));
          heard.kinds.set(key, met);
          break;
        }
      }
    },
  };
  return heard;
}

/** What the operands of an instruction are that the machine is about to execute. */
function kindsOfOperands(machine: Machine, { operands }: OpcodeDef, word: number): string {
  const { A, B, C, Bx } = operands;
  const read = (kind: OperandKind | undefined, bits: number): string[] => {
    switch (kind) {
      case "src":
      case "far":
      case "window":
      case "iterator":
        return [kindName(machine.base + 2 * bits)];
      case "constant":
        return [kindName(machine.proto - 2 - 2 * bits)];
      default:
        return [];
    }
  };
  return [
    ...read(A, word >>> 8 & 0xFF),
    ...read(B, word >>> 16 & 0xFF),
    ...read(C, word >>> 24),
    ...read(Bx, word >>> 16),
  ].join(" and ");
}

// ---- telling -----------------------------------------------------------------------------------------------------

/** What became of a function, if it has code on the line. */
function tellFunction(
  { opcodes }: WhyContext,
  { made, exits }: Trial,
  profile: FunctionProfile,
  line: number,
  heard: Heard,
): FunctionTold | null {
  const { loaded, code, calls, isNative } = profile, { source, proto } = loaded;
  const { proto: shown, surroundings } = asCompiled({ loaded, code, count: false }, opcodes);
  const listed = listInstructions(surroundings, shown, opcodes).filter((each) => each.line === line);
  if (listed.length === 0) return null;
  const own = made.get(loaded), taken = exits.filter((exit) => exit.loaded === loaded);
  const fateOf = ({ pc, name, text }: ListedInstruction): Fate => {
    const compiled = own === undefined ? null : opcodes[own.code.hot.code[pc] & 0xFF];
    const isNew = compiled !== null && opcodes.some(({ general }) => general === compiled.name);
    const left = taken.filter((exit) => exit.pc === pc).map(({ reason, count }): ExitTold => ({
      reason,
      count,
      isNew: isNew && reason === "no-template",
      kinds: [...heard.kinds.get(exitKey(loaded, pc, reason)) ?? []].filter((kinds) => kinds !== ""),
    }));
    if (own === undefined || compiled === null) {
      return { pc, opcode: name, text, fate: "interpreted", exits: left };
    }
    const hasTemplate = typeof own.target.templates[compiled.name] === "function";
    return {
      pc,
      opcode: name,
      ...(compiled.name === name ? {} : { compiledAs: compiled.name }),
      text,
      fate: !hasTemplate ? "always exits" : left.length > 0 ? "exits" : "native",
      exits: left,
    };
  };
  return {
    name: proto.name,
    isBody: proto.id === 0,
    line: source.position(proto.start).line,
    calls,
    rounds: roundsAround(opcodes, profile, listed),
    compilations: heard.compilations.get(loaded) ?? 0,
    bytes: isNative && own !== undefined ? own.code.bytes.length : 0,
    evicted: heard.evicted.has(loaded),
    refused: heard.refused.get(loaded) ?? null,
    instructions: listed.map(fateOf),
  };
}

/** Rounds of the innermost loop around any of these instructions: it begins at a LOOP and ends with a jump there. */
function roundsAround(
  opcodes: readonly OpcodeDef[],
  { loaded, loops }: FunctionProfile,
  listed: readonly ListedInstruction[],
): number | null {
  const { code } = loaded.proto;
  let innermost: { size: number; rounds: number } | null = null;
  for (let at = 0; at < code.length;) {
    const { operands: { words = [] } } = opcodes[code[at] & 0xFF], hole = words.indexOf("jump");
    const to = hole < 0 ? at + 1 : at + 1 + hole + code[at + 1 + hole];
    const loop = to <= at ? loops.find(({ pc }) => pc === to) : undefined;
    const isAround = listed.some(({ pc }) => to <= pc && pc <= at);
    if (loop !== undefined && isAround && (innermost === null || at - to < innermost.size)) {
      innermost = { size: at - to, rounds: loop.rounds };
    }
    at += 1 + words.length;
  }
  return innermost?.rounds ?? null;
}

/** The lines of a function that something is executed on. */
function linesOf(opcodes: readonly OpcodeDef[], { proto, source }: LoadedFunction): number[] {
  const lines = new Set<number>();
  for (let pc = 0; pc < proto.code.length;) {
    lines.add(source.position(proto.spans[2 * pc]).line);
    pc += 1 + (opcodes[proto.code[pc] & 0xFF].operands.words?.length ?? 0);
  }
  return [...lines];
}

/** `the nearest lines with code are 3 and 7` */
function nearest(lines: readonly number[], line: number): string {
  const before = Math.max(...lines.filter((each) => each < line));
  const after = Math.min(...lines.filter((each) => each > line));
  const near = [before, after].filter((each) => Number.isFinite(each));
  return near.length === 1
    ? `the nearest line with code is ${near[0]}`
    : `the nearest lines with code are ${near.join(" and ")}`;
}

/** What to change, most important first. */
function adviceFor({ without, threshold, functions }: Omit<LineTold, "advice">): string[] {
  if (without !== null) return [`Run it where machine code works; 'doctor' says what is missing.`];
  if (functions.every(({ isBody, rounds }) => isBody && rounds === null)) {
    return ["Nothing: outside of loops, the body of a file runs once."];
  }
  const advice: string[] = [];
  const exits = functions.flatMap(({ instructions }) => instructions.flatMap((each) => each.exits))
    .toSorted((a, b) => b.count - a.count);
  for (const { reason, isNew } of exits) {
    const line = isNew
      ? "Nothing, if it is rare: what had not run is learnt by running, and compiled anew when it leaves often."
      : `${reason}: ${EXIT_EXAMPLES[reason].advice}`;
    if (!advice.includes(line)) advice.push(line);
  }
  for (const { name, refused, compilations } of functions) {
    if (refused !== null) {
      advice.push(`Make ${name} smaller, or give it more room with --code-cache=SIZE.`);
    } else if (compilations === 0 && functions.every((each) => each.compilations === 0)) {
      advice.push(
        `Nothing, if it is fast enough: it ran too rarely to matter. --threshold=N (now ${threshold}) says what is hot.`,
      );
      break;
    }
  }
  return advice;
}

// ---- printing ----------------------------------------------------------------------------------------------------

/** An answer about a line as text. */
export function printLine(told: LineTold): string {
  const { path, line, source, without, functions, advice, outcome } = told;
  const parts = [`${path}:${line} | ${source}\n`];
  if (without !== null) parts.push(`Nothing runs as machine code: ${without}.\n`);
  for (const each of functions) parts.push(printFunction(each, told));
  if (advice.length > 0) parts.push(`What to change\n${advice.map((each) => `  ${each}\n`).join("")}`);
  const failed = outcome.error === "" ? "" : `: ${outcome.error}`;
  parts.push(
    `(The program wrote ${
      count(outcome.outputLines, "line")
    }, not shown, and ended with exit code ${outcome.code}${failed}.)\n`,
  );
  return parts.join("\n");
}

function printFunction(told: FunctionTold, { without, threshold }: LineTold): string {
  const { name, isBody, line, calls, rounds, instructions } = told;
  const before = told.compilations > 0 ? " before it was compiled" : "";
  const ran = [
    ...(isBody ? [] : [count(calls, "call")]),
    ...(rounds === null ? [] : [`${count(rounds, "round")} of the loop around`]),
  ];
  const left = instructions.reduce(
    (sum, { exits }) => sum + exits.reduce((own, exit) => own + exit.count, 0),
    0,
  );
  const title = isBody ? "in the body of the file" : `in ${name}, line ${line}`;
  const counts = ran.length === 0 ? "it runs once" : `${ran.join(", ")}${before}`;
  const lines = [`${title}: ${counts}`, `  ${verdict(told, left, without === null, threshold)}`, ""];
  const width = Math.max(...instructions.map(({ text }) => text.length)) + 2;
  for (const { text, fate, compiledAs, exits } of instructions) {
    const as = compiledAs === undefined ? "" : `, compiled as ${compiledAs}`;
    lines.push(`${text.padEnd(width)}${FATES[fate]}${as}`);
    for (const { reason, count: times, isNew, kinds } of exits) {
      const because = isNew ? "it had not run when it was compiled" : `${reason}, ${EXIT_REASONS[reason]}`;
      const met = kinds.length === 0 ? "" : ` (operands: ${kinds.join("; ")})`;
      lines.push(`          left ${count(times, "time")}: ${because}${met}`);
    }
  }
  return lines.map((each) => `${each.trimEnd()}\n`).join("");
}

const FATES: Readonly<Record<Fate["fate"], string>> = {
  interpreted: "interpreted",
  native: "machine code",
  "always exits": "leaves machine code each time",
  exits: "machine code with an exit",
};

/** One sentence on the function. */
function verdict(
  { rounds, compilations, bytes, evicted, refused }: FunctionTold,
  left: number,
  isPossible: boolean,
  threshold: number,
): string {
  const times = compilations === 1 ? "once" : `${compilations} times`;
  if (refused !== null) return `given up: ${refused}`;
  if (evicted) return `compiled ${times}, then evicted: other code needed the room`;
  if (compilations > 0) {
    const trips = left === 0 ? "never left on this line" : `left ${count(left, "time")} on this line`;
    return `compiled ${times}, ${bytes} bytes of machine code, ${trips}`;
  }
  if (!isPossible) return "interpreted";
  return `never hot: that takes ${threshold} calls${rounds === null ? "" : ", or rounds of a loop"}`;
}

/** An answer as a line of JSON. */
export function lineToJson(told: LineTold): string {
  return JSON.stringify({ schema: "unnarize/why@1", ...told }) + "\n";
}

function count(n: number, noun: string): string {
  return `${String(n).replace(/\B(?=(\d{3})+$)/g, " ")} ${noun}${n === 1 ? "" : "s"}`;
}
