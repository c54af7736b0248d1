/**
 * What those see of a runtime who embed it: how it is set up, and what it can do. What it does is in running.ts,
 * dialogue.ts and findings.ts; runtime.ts puts it together.
 */

import type { FunctionProfile } from "./machine.ts";
import type { Handle, HostValue } from "./convert.ts";
import type { Diagnostic } from "./diagnostics.ts";
import type { Dump, PassTiming } from "./pass.ts";
import type { Plugin, RunEndEvent } from "./plugin.ts";
import type { Program } from "./program.ts";
import type { RuntimeStats } from "./reports.ts";

/** A function of TypeScript that programs can call. What it throws is a run-time error of the program. */
export type HostFunction = (...args: HostValue[]) => HostValue | void | Promise<HostValue | void>;

/** How a runtime is set up. */
export interface RuntimeOptions {
  /**
   * The backend's name: `interp` or `x64`; one that does not work here gives way to the interpreter. Without it, programs
   * begin in the interpreter, and go over to `x64` if they are hot for long and it works here.
   */
  readonly backend?: string;
  /** How executable memory is made: `dual`, the default where it works, or `mprotect`. */
  readonly execMemory?: string;
  /** How machine code is entered: `bsearch`, the fast one, or `fnptr`. */
  readonly gate?: string;
  /** Bytes of machine code that are kept; 32 MiB by default. */
  readonly codeCache?: number;
  /** The most memory that programs may use, in bytes; 1 GiB by default. */
  readonly heap?: number;
  /** Collects garbage at every opportunity, to find what is not rooted. Very slow. */
  readonly gcStress?: boolean;
  /** Rounds of a loop, or calls of a function, after which it counts as hot. */
  readonly threshold?: number;
  /** Seconds after which a program is ended; no limit by default. */
  readonly timeout?: number;
  /** Whether SIGINT and SIGTERM end the program with a message, wherever it is. */
  readonly interruptible?: boolean;
  /** Plugins beside the built-in ones. */
  readonly plugins?: readonly Plugin[];
  /** Functions that are globals of every module. One that gives a promise makes the task that calls it wait. */
  readonly functions?: Readonly<Record<string, HostFunction>>;
  /** Verifies what comes out of every pass, not of the last one only. */
  readonly check?: boolean;
  /** Passes to leave out. */
  readonly off?: readonly string[];
  /** The program's arguments. */
  readonly args?: readonly string[];
  /** Gives the next line of the program's input without its end, or null at the end; standard input by default. */
  readonly stdin?: () => string | null | Promise<string | null>;
  /** Takes output, in pieces that need not be lines; the bytes are valid during the call only. */
  readonly stdout?: (bytes: Uint8Array) => void;
  /** Takes diagnostics and run-time errors. */
  readonly stderr?: (bytes: Uint8Array) => void;
  /** Whether errors are coloured with ANSI codes. */
  readonly color?: boolean;
  /** Counts executed instructions, for {@linkcode Runtime.stats}; makes programs slower. */
  readonly stats?: boolean;
  /** Writes a line to standard error for whatever happens to hot code, as it happens. */
  readonly jitLog?: boolean;
  /** Writes `/tmp/perf-PID.map`, from which the Linux profiler `perf` learns the names of machine code. */
  readonly perfMap?: boolean;
  /** Compiles programs and does not run them, unless something is to be dumped that only a run makes. */
  readonly compileOnly?: boolean;
  /**
   * What to print: artifacts of the load stage (`tokens`, `ast`, `bytecode`), of the hot stage (`hot`, `draft`, `code`,
   * and `patches`), passes to print after, and `exits`; `all` is every artifact.
   */
  readonly dump?: readonly string[];
  /** Notes what `report("page")` shows: what `dump` names, or everything. It is not printed then. */
  readonly page?: boolean;
  /** Makes dumps and reports JSON. */
  readonly json?: boolean;
  /** Restricts dumps and the profile to functions of this name. */
  readonly functionName?: string;
}

/** What {@linkcode Runtime.report} tells about. */
export type Report = "dumps" | "native" | "time" | "stats" | "profile" | "page";

/** A runtime: compiles and runs programs. Running another program ends the one before. */
export interface Runtime {
  /** Runs a file; what is wrong with it is written to standard error. Gives the exit code. */
  runFile(path: string): Promise<number>;
  /** Runs a text. Messages show `path`, and imports are relative to it. Gives the exit code. */
  runSource(path: string, text: string | Uint8Array): Promise<number>;
  /**
   * Compiles a text.
   * @throws {CompileFailure} if it has errors
   */
  compile(path: string, text: string): Program;
  /**
   * Runs a compiled program to the end of everything it starts.
   * @throws {RuntimeFault} if it fails
   * @throws {ProgramExit} if it calls `exit`
   */
  run(program: Program): Promise<void>;
  /**
   * Runs a text in the module of the program that ran last, or in a new one: it sees what was defined there before, and
   * may define it anew. Gives the value of the expression that the text ends in, if it does; the next text finds it in
   * the global `_`. The last `;` may be missing.
   * @throws {CompileFailure} if it has errors
   * @throws {RuntimeFault} if it fails; what was defined stays
   * @throws {ProgramExit} if it calls `exit`
   */
  evaluate(path: string, text: string): Promise<HostValue | undefined>;
  /**
   * Talks to whoever is at standard input: runs what is typed as `evaluate` does, in the module of the program that ran
   * last or in a new one, and shows values and errors. Gives the exit code. `history` is a file that keeps what was typed.
   */
  converse(history?: string): Promise<number>;
  /** The value of a global of the main file; undefined if there is none of that name. */
  get(name: string): HostValue | undefined;
  /**
   * Calls a function of the program, by its name or by a handle, and waits for all that it starts.
   * @throws {RuntimeFault} if it fails
   * @throws {TypeError} if there is no such function, or an argument is no value that a program can have
   */
  call(target: string | Handle, ...args: HostValue[]): Promise<HostValue>;
  /**
   * Finds what can be known without running: errors, and what is most likely a mistake. Reads the file at `path`
   * unless a text is given.
   */
  check(path: string, text?: string | Uint8Array): Promise<readonly Diagnostic[]>;
  /** Diagnostics as text, or as JSON. */
  print(diagnostics: readonly Diagnostic[]): Promise<string>;
  /** What has been measured or dumped, as text or as JSON; the page, for which `page` has to be set, is HTML. */
  report(what: Report): Promise<string>;
  /** How the program that ran last came to its end; null before. */
  outcome(): RunEndEvent["outcome"] | null;
  /** Figures of the program that ran last. */
  stats(): RuntimeStats;
  /** How often the functions of the program that ran last were called, and what their code has become. */
  profile(): readonly FunctionProfile[];
  /** How long each pass took for each file, in the order in which they ran. */
  timings(): readonly PassTiming[];
  /** What was asked to be dumped. */
  dumps(): readonly Dump[];
  /** Lets go of the program and all its objects. The runtime cannot be used any more. */
  dispose(): void;
}
