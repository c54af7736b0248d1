/**
 * Ways of running programs, and what comes of it: whoever wants to know whether two ways are the same runs a program in
 * both and compares. A way is a backend, plugins, and what is turned on or off.
 *
 * ```text
 *  program ──┬── reference ──► outcome ─┐
 *            └── way ────────► outcome ─┴─ same output, same end?  if not: the lines in which they differ
 * ```
 *
 * What a program prints and how it ends is what counts; what plugins write beside that, to where errors go, is their own
 * affair. Programs that do not end are ended: each backend is given a clock, which it meets whenever it comes back to be
 * asked what to do next. Who is held against whom, and what a difference means, this file does not know.
 */

import type { Diagnostic } from "./diagnostics.ts";
import { NativeFault, ProgramExit, RuntimeFault, type TraceFrame } from "./machine.ts";
import type { Program } from "./program.ts";
import type { Backend, Code, ExitCount, Runner } from "./backend.ts";
import { CompileFailure, type Dump } from "./pass.ts";
import { type Plugin, PluginFailure, textOf } from "./plugin.ts";

/** A way of running programs. */
export interface Way {
  /** What reports call it. */
  readonly name: string;
  /** What runs them; one that works here. */
  readonly backend: Backend;
  readonly plugins: readonly Plugin[];
  /** Rounds and calls after which something counts as hot. */
  readonly threshold?: number;
  /** Passes that are left out. */
  readonly off?: readonly string[];
  /** Collects garbage at every opportunity. */
  readonly gcStress?: boolean;
  /** What is to be printed of it, see {@linkcode Opened.dumps}. */
  readonly dump?: readonly string[];
  /** Prints functions of this name only. */
  readonly functionName?: string;
}

/** A program: its text, and what messages call it. */
export interface Subject {
  readonly path: string;
  readonly text: string;
}

/** What a way asks of a runtime. */
export interface WayRuntime {
  compile(path: string, text: string): Program;
  run(program: Program): Promise<void>;
  call(name: string, ...args: number[]): Promise<unknown>;
  check(path: string, text: string): Promise<readonly Diagnostic[]>;
  dumps(): readonly Dump[];
  dispose(): void;
}

/** Makes a runtime. */
export type MakeWayRuntime = (
  options: Omit<Way, "name" | "backend"> & {
    readonly backend: string;
    readonly check: boolean;
    readonly heap: number;
    readonly stdin: () => null;
    readonly stdout: (bytes: Uint8Array) => void;
    readonly stderr: (bytes: Uint8Array) => void;
  },
) => WayRuntime;

/** How a program ended. */
export type Ending =
  | "finished"
  /** By an error of its own. */
  | "failed"
  /** By `exit`. */
  | "exited"
  /** It did not compile. */
  | "refused"
  /** It would not have ended in time. */
  | "late"
  /** The runtime or a plugin failed, as no program should be able to bring about. */
  | "broken";

/** What came of a program. */
export interface Outcome {
  readonly stdout: string;
  readonly ending: Ending;
  /** How it ended in words; empty if it came to its end. */
  readonly because: string;
  /** The code of the message that it ended with, if it was one. */
  readonly code?: string;
  /** What a call gave. */
  readonly result?: unknown;
}

/** A runtime that runs programs in a way. */
export interface Opened {
  /** Compiles and runs a program, for so many milliseconds at most. */
  run(subject: Subject, milliseconds: number): Promise<Outcome>;
  /** Calls a function of the program that ran last. */
  call(name: string, args: readonly number[], milliseconds: number): Promise<Outcome>;
  /** Compiles a program, and no more. */
  compile(subject: Subject): Outcome;
  /** The messages about a program, errors and warnings. */
  check(subject: Subject): Promise<readonly Diagnostic[]>;
  /** All machine code that was made. */
  readonly made: readonly Code[];
  /** The exits from it that were taken. */
  exits(): readonly ExitCount[];
  /** What was to be printed. */
  dumps(): readonly Dump[];
  dispose(): void;
}

/** Enough for every program here, and little enough for hundreds of runtimes one after the other. */
const HEAP = 64 << 20;
/** Of what a program prints, the bytes that are kept: one without an end may print for ever. */
const OUTPUT_MAX = 1 << 20;
/** The calls that an error is told with. */
const FRAMES_MAX = 4;
/** What ends a program that is late. */
const LATE = 124;

/** When a program has to be done, and what is known of its machine code. */
interface Clock {
  end: number;
  isLate: boolean;
  readonly made: Code[];
  runner: Runner | null;
}

/** Makes ready to run programs in a way. */
export function openWay(make: MakeWayRuntime, way: Way): Opened {
  const { name: _, backend, plugins, ...options } = way;
  const clock: Clock = { end: Infinity, isLate: false, made: [], runner: null };
  const limited = limit(backend, clock);
  const decoder = new TextDecoder();
  let stdout = "";
  const runtime = make({
    ...options,
    backend: limited.name,
    plugins: [...plugins, { name: "clock", doc: "Ends what does not end.", backends: [limited] }],
    check: true,
    heap: HEAP,
    stdin: () => null,
    stdout: (bytes) =>
      void (stdout.length < OUTPUT_MAX && (stdout += decoder.decode(bytes, { stream: true }))),
    stderr: () => {},
  });

  async function observed(milliseconds: number, work: () => unknown): Promise<Outcome> {
    stdout = "";
    clock.isLate = false;
    clock.end = performance.now() + milliseconds;
    const ending = await endOf(work);
    if (!clock.isLate) return { stdout, ...ending };
    return { stdout, ending: "late", because: `It does not end within ${milliseconds / 1000} seconds` };
  }

  return {
    run: ({ path, text }, milliseconds) =>
      observed(milliseconds, () => runtime.run(runtime.compile(path, text))),
    call: (name, args, milliseconds) => observed(milliseconds, () => runtime.call(name, ...args)),
    compile({ path, text }) {
      try {
        runtime.compile(path, text);
        return { stdout: "", ending: "finished", because: "" };
      } catch (error) {
        return { stdout: "", ...endingOf(error) };
      }
    },
    check: ({ path, text }) => runtime.check(path, text),
    made: clock.made,
    exits: () => clock.runner?.exits?.() ?? [],
    dumps: () => runtime.dumps(),
    dispose: () => runtime.dispose(),
  };
}

/** Runs a program in a way. */
export async function runWay(
  make: MakeWayRuntime,
  way: Way,
  subject: Subject,
  milliseconds: number,
): Promise<Outcome> {
  const opened = openWay(make, way);
  try {
    return await opened.run(subject, milliseconds);
  } finally {
    opened.dispose();
  }
}

/** A backend that does what another one does until its time is over. */
function limit(backend: Backend, clock: Clock): Backend {
  return {
    ...backend,
    name: `limited-${backend.name}`,
    open(context) {
      const runner = clock.runner = backend.open({
        ...context,
        observe(event) {
          if (event.kind === "compiled") clock.made.push(event.code);
          context.observe?.(event);
        },
      });
      return {
        run(machine) {
          if (performance.now() <= clock.end) return runner.run(machine);
          clock.isLate = true;
          throw new ProgramExit(LATE);
        },
        wait: () => runner.wait?.() ?? null,
        compiled: () => runner.compiled?.() ?? [],
        exits: () => runner.exits?.() ?? [],
        dispose: () => runner.dispose?.(),
      };
    },
  };
}

async function endOf(work: () => unknown): Promise<Omit<Outcome, "stdout">> {
  try {
    const result = await work();
    return { ending: "finished", because: "", ...(result === undefined ? {} : { result }) };
  } catch (error) {
    return endingOf(error);
  }
}

function endingOf(error: unknown): Omit<Outcome, "stdout"> {
  if (error instanceof RuntimeFault) {
    const { code, message, frames } = error;
    return {
      ending: "failed",
      because: [message, ...frames.slice(0, FRAMES_MAX).map(placeOf)].join("\n"),
      code,
    };
  }
  if (error instanceof ProgramExit) return { ending: "exited", because: `exit ${error.code}` };
  if (error instanceof CompileFailure) {
    const errors = error.diagnostics.filter(({ severity }) => severity === "error");
    return {
      ending: "refused",
      because: errors.map(({ message }) => message).join("\n"),
      code: errors[0]?.code,
    };
  }
  const isTold = error instanceof NativeFault || error instanceof PluginFailure;
  return { ending: "broken", because: isTold ? error.message : stackOf(error) };
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : textOf(error);
}

function placeOf({ functionName, source, start }: TraceFrame): string {
  return `  in ${functionName}, line ${source.position(start).line}`;
}

// ---- comparing ---------------------------------------------------------------------------------------------------

/** Whether a program did the same twice. */
export function isSame(one: Outcome, other: Outcome): boolean {
  return one.stdout === other.stdout && one.ending === other.ending && one.because === other.because;
}

/** An outcome as lines: what was printed, and how it ended. */
export function outcomeText({ stdout, ending, because }: Outcome): string {
  const words: Record<Ending, string> = {
    finished: "",
    failed: "Runtime Error: ",
    exited: "",
    refused: "it does not compile: ",
    late: "",
    broken: "the runtime fails: ",
  };
  const lead = stdout === "" || stdout.endsWith("\n") ? stdout : `${stdout}\n`;
  return because === "" ? lead : `${lead}${words[ending]}${because}\n`;
}

/** Lines around a difference that are shown with it. */
const CONTEXT = 2;
/** Texts with more lines than this are compared from their first difference on. */
const LINES_MAX = 400;
/** Lines of a difference that are shown. */
const SHOWN_MAX = 40;

/** What is different between two texts, by lines: `-` in the first one only, `+` in the second one only. */
export function diffLines(before: string, after: string): string {
  const one = linesOf(before), two = linesOf(after);
  let from = 0;
  while (from < one.length && from < two.length && one[from] === two[from]) from++;
  from = Math.max(0, from - CONTEXT);
  const a = one.slice(from, from + LINES_MAX), b = two.slice(from, from + LINES_MAX);
  // Lengths of the longest common rest of `a` from i on and `b` from j on, row by row.
  const width = b.length + 1, common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j]
        ? common[(i + 1) * width + j + 1] + 1
        : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const lines: string[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) lines.push(`  ${a[i++]}`), j++;
    else if (j < b.length && (i === a.length || common[i * width + j + 1] > common[(i + 1) * width + j])) {
      lines.push(`+ ${b[j++]}`);
    } else lines.push(`- ${a[i++]}`);
  }
  const near = (at: number) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some((line) => !line.startsWith(" "));
  const shown = lines.flatMap((line, at) => near(at) ? [line] : near(at - 1) ? ["  …"] : []);
  return [...shown.slice(0, SHOWN_MAX), ...(shown.length > SHOWN_MAX ? ["  …"] : [])].join("\n");
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
