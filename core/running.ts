/**
 * Running programs: the state of a runtime, and a program's way from its text to the end of all that it starts. What
 * goes wrong on that way is told to standard error, and the exit code says so. Where the backend comes from that runs
 * the code, runtime.ts knows.
 */

import { Control, views } from "./memory.ts";
import { setHeapLimit, setStress } from "./heap.ts";
import {
  createDiagnostics,
  type Diagnostic,
  type Diagnostics,
  renderDiagnostic,
  renderRuntimeError,
} from "./diagnostics.ts";
import { makeSource, type SourceFile } from "./source.ts";
import { type FoundFile, isDiagnostic, readFile, resolveImport } from "./files.ts";
import type { Output, Sink } from "./output.ts";
import type { Program } from "./program.ts";
import {
  type FunctionProfile,
  type Machine,
  NativeFault,
  ProgramExit,
  RuntimeFault,
  type TerminalInfo,
  trace,
  type TraceFrame,
} from "./machine.ts";
import { definePart } from "./part.ts";
import type { AnyTarget, Backend, NativeOptions, Runner } from "./backend.ts";
import type { JitLog } from "./jit_log.ts";
import type { SyntaxRule } from "./syntax.ts";
import { type Artifacts, type Compilation, CompileFailure, type DriverOptions, runPasses } from "./pass.ts";
import {
  type EventOf,
  type Observer,
  OptionError,
  type Registry,
  type RunEndEvent,
  unknownName,
} from "./plugin.ts";
import { createEngine, type Engine } from "./engine.ts";
import type { Recording } from "./page.ts";
import { createWatchdog, type Interruption, type Watchdog } from "./watchdog.ts";
import type { RuntimeOptions } from "./embedder.ts";

const input = definePart<typeof import("./input.ts")>(import.meta, "./input.ts");

/** What a process ended by SIGPIPE is reported with. */
const PIPE_CLOSED = 141;
/** Native code did what the processor forbids: a bug in the runtime. */
const INTERNAL_FAULT = 70;

/** A runtime from within. */
export interface RuntimeState {
  readonly options: RuntimeOptions;
  readonly registry: Registry;
  readonly driver: DriverOptions;
  readonly stdout: Output;
  readonly stderr: Sink;
  /** The most memory that programs may use, in bytes. */
  readonly heap: number;
  /** What is to be dumped, or to be on the page. */
  readonly shown: readonly string[];
  /** Whether something of that is made by a run only. */
  readonly showsNative: boolean;
  /** The backend that was asked for; without one, programs begin in the interpreter. */
  readonly backend: Backend | null;
  /** How machine code is to be run. */
  readonly native: NativeOptions;
  /** Writes a line to the file in which `perf` looks for names. */
  readonly perfMap: ((line: string) => void) | null;
  /** What `functionName` can be. */
  readonly functionNames: Set<string>;
  /** Gives what runs programs; opens it for the first one. */
  open(): Promise<Runner>;
  /** Loads what machine code needs, unless none can be made here. */
  loadNative(): Promise<void>;
  /** What the page will show, if there is to be one. */
  recording: Recording | null;
  /** What {@linkcode RuntimeState.open} gave. */
  runner: Runner | null;
  /** What machine code was made for last. */
  target: AnyTarget | null;
  /** What became of hot code; null until some may be made. */
  jitLog: JitLog | null;
  /** The program that ran last. */
  session: Session | null;
  isConversing: boolean;
  disposed: boolean;
}

/** A program under way or at its end. */
export interface Session {
  readonly engine: Engine;
  /** Watches what runs now, if it is to be watched. */
  watchdog: Watchdog | null;
  /** What has to be done when it is over. */
  readonly restores: Set<() => void>;
  milliseconds: number;
  outcome: RunEndEvent["outcome"] | null;
  /** Whether an observer failed while it ran. */
  disturbed: boolean;
}

/** A program was ended from outside: by a signal, or because its time was over. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly code: number;
  /** What it was doing. */
  readonly frames: readonly TraceFrame[];
  constructor({ because, code }: Interruption, frames: readonly TraceFrame[]) {
    super(because);
    this.code = code;
    this.frames = frames;
  }
}

/** Heap limit and stress mode belong to the process: each runtime sets them before it works. */
export function activate({ heap, options }: RuntimeState): void {
  try {
    setHeapLimit(heap);
  } catch (error) {
    throw error instanceof RangeError ? new OptionError(error.message) : error;
  }
  setStress(options.gcStress ?? false);
}

// ---- compiling ---------------------------------------------------------------------------------------------------

/** Compiles a file; `rules` are those of its grammar beside the language's own. */
export function compileFile(
  { driver, recording, registry, functionNames }: RuntimeState,
  source: SourceFile,
  rules: readonly SyntaxRule[] = driver.rules,
): Compilation {
  const own = { ...driver, rules };
  const compilation = recording === null
    ? runPasses(own, source)
    : compileNoted(own, registry, source, recording);
  for (const { name } of compilation.program.protos) functionNames.add(name);
  return compilation;
}

function compileNoted(
  driver: DriverOptions,
  registry: Registry,
  source: SourceFile,
  { modules }: Recording,
): Compilation {
  const noted: Recording["modules"][number] = { source, tree: null, program: null };
  modules.push(noted);
  const compilation = compileSeen(driver, registry, source, (tree) => noted.tree = tree);
  noted.program = compilation.program;
  return compilation;
}

/** Compiles a file; `see` is given its tree on the way, the last one if passes make several. */
export function compileSeen(
  driver: DriverOptions,
  registry: Registry,
  source: SourceFile,
  see: (tree: Artifacts["ast"]) => void,
): Compilation {
  return runPasses({
    ...driver,
    notify<Hook extends "passStart" | "passEnd">(hook: Hook, event: EventOf<Hook>, to: Diagnostics) {
      if ("kind" in event && event.kind === "ast") see(event.artifact as Artifacts["ast"]);
      registry.notify(hook, event, to);
    },
  }, source);
}

// ---- running -----------------------------------------------------------------------------------------------------

/** Runs a program as one does from a command line: everything that goes wrong is told. */
export async function runReported(
  state: RuntimeState,
  source: SourceFile | Diagnostic,
  path: string | null,
): Promise<number> {
  if (state.recording !== null) state.recording = { modules: [], events: [], messages: [], started: 0 };
  try {
    if (isDiagnostic(source)) {
      tell(state, source);
      return 1;
    }
    return await runToEnd(state, source, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    return PIPE_CLOSED;
  }
}

async function runToEnd(state: RuntimeState, source: SourceFile, path: string | null): Promise<number> {
  const { compileOnly, functionName } = state.options;
  let code = 0;
  try {
    const { program, diagnostics } = compileFile(state, source);
    tellAll(state, diagnostics);
    if (!compileOnly || state.showsNative) {
      const { engine, disturbed } = await start(state, program, path);
      const unseen = engine.unseen();
      for (const fault of unseen) tellFault(state, fault);
      if (disturbed || unseen.length > 0) code = 1;
    }
  } catch (error) {
    code = tellFailure(state, error);
  }
  state.stdout.flush();
  // Only now: a function may stand in a file that was imported on the way.
  if (code === 0 && functionName !== undefined && !state.functionNames.has(functionName)) {
    throw unknownName("function", functionName, state.functionNames);
  }
  return code;
}

/** Runs a program in an engine of its own; `path` is the file that it was read from, if it was. */
export async function start(state: RuntimeState, program: Program, path: string | null): Promise<Session> {
  if (state.disposed) throw new Error("The runtime has been disposed");
  const { options, registry, stdout } = state;
  const display = program.source.path;
  const main: FoundFile = { path: path ?? absolutePath(display), display };
  state.session?.engine.dispose();
  activate(state);
  views.F64[Control.EXECUTED / 2] = 0;
  views.I32.fill(0, Control.EXECUTED_NATIVE, Control.EXECUTED_NATIVE + 2);
  state.jitLog?.clear();
  const engine = createEngine({
    opcodes: registry.opcodes,
    runner: await state.open(),
    natives: registry.natives,
    libraries: registry.libraries,
    world: {
      write: stdout.write,
      flush: stdout.flush,
      warn: (text) => say(state, text),
      report: (fault) => tellFault(state, fault),
      readLine: options.stdin ?? readLine,
      onInterrupt: (stop) => watchdogOver(state, own)?.onInterrupt(stop) ?? (() => {}),
      atEnd: (restore) => void own.restores.add(restore),
      settle: async () => void await Promise.all([watchdogOver(state, own)?.listen(), state.loadNative()]),
      get terminal() {
        return findTerminal(options);
      },
      script: display,
      args: options.args ?? [],
      directory: main.path.slice(0, main.path.lastIndexOf("/")) || "/",
    },
    resolve(path, importer) {
      const found = resolveImport(path, importer, main);
      if (found === null || !isDiagnostic(found)) return found;
      tell(state, found);
      return null;
    },
    compile(path, display) {
      const source = readFile(path, display);
      if (isDiagnostic(source)) throw new CompileFailure([source]);
      return compileFile(state, source).program;
    },
    // What is built in is written in the language as it is: a word that a plugin adds may be a name there.
    compileText: (path, text) => compileFile(state, makeSource(path, text), []).program,
    report: (failure) => tellAll(state, failure.diagnostics),
    now: () => performance.now(),
    ...(isWatched(state) ? { tick: (machine) => stopWhenTold(machine, watchdogOver(state, own)) } : {}),
  });
  const own: Session = state.session = {
    engine,
    watchdog: null,
    restores: new Set(),
    milliseconds: 0,
    outcome: null,
    disturbed: false,
  };
  await watch(state, own, display, () => engine.runMain(program, main.path));
  return own;
}

/** Does what a session is to run: observers are told, its time is taken, and it can be ended from outside. */
export async function watch(
  state: RuntimeState,
  own: Session,
  path: string,
  work: () => Promise<void>,
): Promise<void> {
  const { options: { timeout }, recording, registry } = state;
  const kept = own.watchdog; // that of a conversation, if there is one
  kept?.forget();
  // A limit counts from now on; otherwise there is one as soon as the program has run for a moment.
  if (timeout !== undefined) own.watchdog = watchdogOf(own, timeout);
  const started = performance.now();
  if (recording !== null) recording.started = started;
  own.outcome = null;
  notify(state, own, "runStart", { path });
  try {
    await work();
    own.outcome = "finished";
  } catch (error) {
    own.outcome = error instanceof ProgramExit ? "exited" : "failed";
    throw error;
  } finally {
    own.restores.forEach((restore) => restore());
    own.restores.clear();
    if (own.watchdog !== kept) own.watchdog?.dispose();
    own.watchdog = kept;
    own.milliseconds = performance.now() - started;
    notify(state, own, "runEnd", {
      path,
      outcome: own.outcome ?? "failed",
      profile: () => profile(state),
      opcodes: registry.opcodes,
      write: (text) => say(state, text),
    });
  }
}

/** Tells observers what happened; one that fails is told about. */
export function notify<Hook extends keyof Observer>(
  state: RuntimeState,
  session: Session,
  hook: Hook,
  event: EventOf<Hook>,
): void {
  const diagnostics = createDiagnostics();
  state.registry.notify(hook, event, diagnostics);
  tellAll(state, diagnostics.items);
  if (diagnostics.errorCount > 0) session.disturbed = true;
}

/** How often the functions of the program that ran last were called, and what their code has become. */
export function profile({ session }: RuntimeState): readonly FunctionProfile[] {
  return session?.engine.profile() ?? [];
}

/** Whether programs can be ended from outside. */
export function isWatched({ options }: RuntimeState): boolean {
  return options.interruptible || options.timeout !== undefined;
}

/** What watches over a session while it can be ended from outside; made when somebody first asks. */
function watchdogOver(state: RuntimeState, own: Session): Watchdog | null {
  return own.watchdog ??= isWatched(state) && own.outcome === null ? watchdogOf(own, undefined) : null;
}

/** What watches over a session, for so many seconds if there is a limit. */
export function watchdogOf({ engine }: Session, timeout: number | undefined): Watchdog {
  return createWatchdog(timeout === undefined ? null : timeout * 1000, () => engine.machine.onWake?.());
}

function stopWhenTold(machine: Machine, watchdog: Watchdog | null): void {
  const reason = watchdog?.look() ?? null;
  if (reason !== null) throw new Interrupted(reason, machine.running.length === 0 ? [] : trace(machine));
}

/** What a program may use of the terminal, where its input and output are those of the process. */
function findTerminal({ color, stdin, stdout }: RuntimeOptions): TerminalInfo {
  const isOurs = stdin === undefined && stdout === undefined;
  const hasScreen = stdout === undefined ? Deno.stdout.isTerminal() : color === true;
  return {
    hasKeys: isOurs && hasScreen && Deno.stdin.isTerminal(),
    hasScreen,
    hasColor: hasScreen && !(isOurs && Deno.noColor),
  };
}

async function readLine(): Promise<Uint8Array | null> {
  const { readLine } = await input.load();
  return readLine();
}

/** The absolute form of a path that need not exist; as it is, where Deno may not tell the working directory. */
export function absolutePath(path: string): string {
  if (path.startsWith("/")) return path;
  try {
    return `${Deno.cwd()}/${path}`;
  } catch {
    return path;
  }
}

// ---- telling -----------------------------------------------------------------------------------------------------

/** Tells why a program or its compilation has ended, and gives the exit code that says so. */
export function tellFailure(state: RuntimeState, error: unknown): number {
  if (error instanceof ProgramExit) return error.code;
  if (error instanceof CompileFailure) tellAll(state, error.diagnostics);
  else if (error instanceof RuntimeFault) tellFault(state, error);
  else if (error instanceof NativeFault) {
    sayProblem(state, () => `${error.message}\n`);
    return INTERNAL_FAULT;
  } else if (error instanceof Interrupted) {
    tellFault(state, error);
    return error.code;
  } else throw error;
  return 1;
}

/** Shows a diagnostic. */
export function tell(state: RuntimeState, diagnostic: Diagnostic): void {
  sayProblem(state, (style) => renderDiagnostic(diagnostic, style));
}

/** Shows diagnostics in their order. */
export function tellAll(state: RuntimeState, diagnostics: readonly Diagnostic[]): void {
  for (const diagnostic of diagnostics) tell(state, diagnostic);
}

function tellFault(state: RuntimeState, { message, frames }: Pick<RuntimeFault, "message" | "frames">): void {
  const calls = frames.map(({ functionName, source, start, end }) => ({
    functionName,
    source,
    offset: start,
    end,
  }));
  sayProblem(state, (style) => renderRuntimeError({ message, frames: calls }, style));
}

function sayProblem(state: RuntimeState, render: (style: { readonly color: boolean }) => string): void {
  state.recording?.messages.push(render({ color: false }));
  say(state, render({ color: state.options.color ?? false }));
}

/** Writes to standard error. Errors come after the output that led to them. */
export function say({ stdout, stderr }: RuntimeState, text: string): void {
  stdout.flush();
  stderr(new TextEncoder().encode(text));
}
