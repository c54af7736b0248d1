/**
 * Unnarize: a runtime for the scripting language of that name. This is the only file that wires the parts together:
 * the built-in plugins, the driver of the passes, an engine for the program that runs, and the world outside.
 *
 * ```ts
 * import { createRuntime } from "./mod.ts";
 *
 * const runtime = createRuntime();
 * await runtime.runSource("greet.unna", 'function greet(name) { return "Hello, " + name; }');
 * console.log(await runtime.call("greet", "Deno"));
 * runtime.dispose();
 * ```
 *
 * A runtime runs one program at a time. All runtimes of a process share one linear memory, each with objects of its
 * own, so the heap limit is one for all of them: that of the runtime that was last set to work.
 *
 * @module
 */

import { Control, HEAP, MEMORY_BYTES, views } from "./core/memory.ts";
import { heapStats, setHeapLimit, setStress } from "./core/heap.ts";
import {
  createDiagnostics,
  type Diagnostic,
  DIAGNOSTICS,
  type Diagnostics,
  makeDiagnostic,
  renderDiagnostic,
  renderRuntimeError,
  suggest,
} from "./core/diagnostics.ts";
import { makeSource, type SourceFile } from "./core/source.ts";
import { decodeFile, type FoundFile, isDiagnostic, readFile, realPath, resolveImport } from "./core/files.ts";
import { createOutput, type Sink, writeAll } from "./core/output.ts";
import type { Program } from "./core/program.ts";
import {
  type Machine,
  type Module,
  type NativeDef,
  ProgramExit,
  RuntimeFault,
  trace,
  type TraceFrame,
} from "./core/machine.ts";
import type { RuntimeStats } from "./core/reports.ts";
import { createWatchdog, type Interruption, type Watchdog } from "./core/watchdog.ts";
import { copyValue, HI_EMPTY, HI_STRUCT_TYPE } from "./core/value.ts";
import { type Converter, createConverter, type Handle, type HostValue } from "./core/convert.ts";
import {
  type Backend,
  type BackendContext,
  NativeFault,
  type NativeOptions,
  type Runner,
} from "./core/backend.ts";
import type { SyntaxRule } from "./core/syntax.ts";
import {
  type Artifacts,
  type Compilation,
  CompileFailure,
  type DriverLog,
  type DriverOptions,
  type Dump,
  orderPasses,
  type PassTiming,
  runHotPasses,
  runPasses,
} from "./core/pass.ts";
import {
  createRegistry,
  type EventOf,
  type Plugin,
  PluginFailure,
  type Registry,
  type RunEndEvent,
} from "./core/plugin.ts";
import { createEngine, type Engine, type FunctionProfile } from "./core/engine.ts";
import type { JitLog } from "./core/jit_log.ts";
import { checkRule, core, prepareHotStage, THRESHOLD_MAX } from "./passes/mod.ts";
import { openLazily } from "./backends/auto.ts";
import { interp } from "./backends/interp.ts";
import { x64 } from "./backends/x64/mod.ts";
import { std } from "./plugins/std.ts";
import { math } from "./plugins/math.ts";
import { timer } from "./plugins/timer.ts";

export { suggest, writeAll };
export { WriteFailure } from "./core/output.ts";
export { float, struct } from "./core/convert.ts";
export { CompileFailure, NativeFault, PluginFailure, ProgramExit, RuntimeFault };
export { definePass } from "./core/pass.ts";
export { definePlugin } from "./core/plugin.ts";
export type * from "./core/convert.ts";
export type * from "./core/pass.ts";
export type * from "./core/plugin.ts";
export type {
  ArrayLit,
  Assign,
  AssignOp,
  At,
  Await,
  Binary,
  BinaryOp,
  Block,
  Bool,
  Break,
  Call,
  Continue,
  Expr,
  ExprStmt,
  Float,
  For,
  ForEach,
  FunctionDecl,
  FunctionExpr,
  Ident,
  If,
  ImportDecl,
  Index,
  Int,
  Logical,
  LogicalOp,
  MapEntry,
  MapLit,
  Member,
  Name,
  Nil,
  Node,
  NodeKind,
  NodeOf,
  Print,
  Program as Tree,
  Return,
  Stmt,
  Str,
  StructDecl,
  Unary,
  UnaryOp,
  VarDecl,
  While,
} from "./core/ast.ts";
export type * from "./core/source.ts";
export type * from "./core/program.ts";
export type * from "./core/syntax.ts";
export type * from "./core/backend.ts";
export type {
  Blame,
  DetailsOf,
  Diagnostic,
  DiagnosticCode,
  DiagnosticDef,
  DIAGNOSTICS,
  Diagnostics,
  Note,
  Severity,
} from "./core/diagnostics.ts";
export type { HeapStats } from "./core/heap.ts";
export type { JitSums } from "./core/jit_log.ts";
export type { NativeStats, RuntimeStats } from "./core/reports.ts";
export { Intrinsic } from "./core/machine.ts";
export type {
  FutureInfo,
  Host,
  LibraryDef,
  LoadedFunction,
  Machine,
  Module,
  NativeCall,
  NativeDef,
  Param,
  ParamType,
  Task,
  TraceFrame,
  Waiting,
} from "./core/machine.ts";
export type { Effect, Exec, OpcodeDef, OperandKind, Operands, WordKind } from "./core/opcodes.ts";
export type { FunctionProfile } from "./core/engine.ts";

/** The version of the runtime. */
export const VERSION = "0.1.0";

/** What every runtime consists of, in the form in which users add to it. */
const BUILT_IN: readonly Plugin[] = [
  core,
  { name: "interpreter", doc: "The backend that runs everywhere.", backends: [interp] },
  { name: "native", doc: "The backend that compiles to machine code.", backends: [x64] },
  std,
  math,
  timer,
];

/** The built-in backends; the first is there everywhere. */
export const BACKENDS: readonly Backend[] = BUILT_IN.flatMap(({ backends = [] }) => backends);

/** Runs what no other backend was asked for, and what the others cannot run here. */
const FALLBACK = interp.name;
/** Runs what is hot if no backend was asked for, where it works. */
const PREFERRED = x64.name;
/** What a small system grants may be less than what is meant. */
const DEFAULT_HEAP = Math.min(1024 * 1024 * 1024, MEMORY_BYTES - HEAP);
const DEFAULT_THRESHOLD = 100;
/** What a process ended by SIGPIPE is reported with. */
const PIPE_CLOSED = 141;
/** Native code did what the processor forbids: a bug in the runtime. */
const INTERNAL_FAULT = 70;
/** The least and the most that a code cache may be, in bytes. */
const CACHE_MIN = 64 * 1024, CACHE_MAX = 1024 * 1024 * 1024;
/** What can be printed after a run beside artifacts and passes of the hot stage. */
const RUN_VIEWS: readonly string[] = ["patches", "exits"];

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
   * and `patches`), passes to print after, and `exits`.
   */
  readonly dump?: readonly string[];
  /** Makes dumps and reports JSON. */
  readonly json?: boolean;
  /** Restricts dumps and the profile to functions of this name. */
  readonly functionName?: string;
}

/** What {@linkcode Runtime.report} tells about. */
export type Report = "dumps" | "native" | "time" | "stats" | "profile";

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
  /** What has been measured or dumped, as text or as JSON. */
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

/** Thrown for options that name things which do not exist, or are out of range. */
export class OptionError extends Error {
  /** What stack traces call it. */
  override readonly name = "OptionError";
}

function unknownName(what: string, name: string, known: Iterable<string>): OptionError {
  const names = [...known], meant = suggest(name, names);
  const advice = meant === null ? `; there is ${names.join(", ")}` : `; did you mean '${meant}'?`;
  return new OptionError(`Unknown ${what} '${name}'${advice}`);
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

function stopWhenTold(machine: Machine, watchdog: Watchdog): void {
  const reason = watchdog.look();
  if (reason !== null) throw new Interrupted(reason, machine.running.length === 0 ? [] : trace(machine));
}

/** A program under way or at its end. */
interface Session {
  readonly engine: Engine;
  readonly converter: Converter;
  milliseconds: number;
  outcome: RunEndEvent["outcome"] | null;
  /** Whether an observer failed while it ran. */
  disturbed: boolean;
}

/**
 * Makes a runtime.
 * @throws {OptionError} if an option names what does not exist, or is out of range
 * @throws {PluginFailure} if a plugin is malformed, or two do not go together
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const { functions = {}, plugins = [] } = options;
  const embedder = Object.keys(functions).length === 0 ? [] : [hostPlugin(functions)];
  const registry = createRegistry(BUILT_IN, [...embedder, ...plugins]);
  registry.rules.forEach(checkGrammar);
  const log: DriverLog = { timings: [], dumps: [] };
  const driver = makeDriver(registry, options, log);
  const stdout = options.stdout === undefined
    ? createOutput((bytes) => writeAll(Deno.stdout, bytes), () => Deno.stdout.isTerminal())
    : createOutput(options.stdout);
  const stderr: Sink = options.stderr ?? ((bytes) => writeAll(Deno.stderr, bytes));
  const { color = false, json = false } = options;
  const heap = options.heap ?? DEFAULT_HEAP;
  const showsNative = driver.dump.some((name) => isRunView(registry, name));
  // Whoever wants to see machine code has asked for the backend that makes it.
  const asked = options.backend ?? (showsNative || options.jitLog || options.perfMap ? PREFERRED : null);
  const backend = asked === null ? null : findBackend(registry, asked);
  const native = nativeOptions(registry, options);
  const perfMap = options.perfMap ? openPerfMap() : null;
  let runner: Runner | null = null;
  let jitLog: JitLog | null = null;
  let session: Session | null = null;
  let disposed = false;
  activate();

  return {
    runFile: (path) => runReported(readFile(path, path), realPath(path)),
    runSource: (path, text) =>
      runReported(typeof text === "string" ? makeSource(path, text) : decodeFile(path, text), null),
    compile: (path, text) => runPasses(driver, makeSource(path, text)).program,
    async run(program) {
      try {
        await start(program, null);
      } finally {
        stdout.flush();
      }
    },
    get(name) {
      const { engine, converter } = running();
      const word = engine.main()?.globals.get(name);
      return word === undefined || views.I32[word + 1] === HI_EMPTY ? undefined : converter.toHost(word);
    },
    call,
    check,
    async print(diagnostics) {
      const { printDiagnostics } = await import("./core/reports.ts");
      return printDiagnostics(diagnostics, json, color);
    },
    report,
    outcome: () => session?.outcome ?? null,
    stats,
    profile,
    timings: () => log.timings,
    dumps: () => log.dumps,
    dispose() {
      stdout.flush();
      session?.engine.dispose();
      session = null;
      disposed = true;
    },
  };

  /** Heap limit and stress mode belong to the process: each runtime sets them before it works. */
  function activate(): void {
    try {
      setHeapLimit(heap);
    } catch (error) {
      throw error instanceof RangeError ? new OptionError(error.message) : error;
    }
    setStress(options.gcStress ?? false);
  }

  function running(): Session {
    if (session === null) {
      throw new Error(disposed ? "The runtime has been disposed" : "No program has been run");
    }
    return session;
  }

  async function call(target: string | Handle, ...args: HostValue[]): Promise<HostValue> {
    const { engine, converter } = running();
    const held: number[] = [];
    activate();
    try {
      let callee: number | undefined;
      if (typeof target === "string") {
        callee = engine.main()?.globals.get(target);
        if (callee === undefined || views.I32[callee + 1] === HI_EMPTY) {
          throw new TypeError(`The program has no global '${target}'`);
        }
      } else held.push(converter.hold(target));
      const first = held.length;
      for (const arg of args) held.push(converter.hold(arg));
      const word = await engine.callFunction(callee ?? converter.wordOf(held[0]), args.length, (to) => {
        args.forEach((_, i) => copyValue(to + 2 * i, converter.wordOf(held[first + i])));
      });
      return converter.toHost(word);
    } finally {
      held.forEach(converter.release);
      stdout.flush();
    }
  }

  /** The functions of the embedder as a plugin of its own. */
  function hostPlugin(functions: NonNullable<RuntimeOptions["functions"]>): Plugin {
    const natives = Object.entries(functions).map(([name, run]): NativeDef => ({
      name,
      params: [{ name: "args", type: "any", mode: "rest" }],
      doc: "A function of the embedder.",
      example: { code: "", output: "" },
      call(call) {
        const { converter } = running();
        const args = Array.from({ length: call.count }, (_, i) => converter.toHost(call.word(i)));
        const store = (to: number, value: HostValue | void) => {
          const held = converter.hold(value ?? null);
          copyValue(to, converter.wordOf(held));
          converter.release(held);
        };
        let value: ReturnType<HostFunction>;
        try {
          value = run(...args);
        } catch (error) {
          return call.fail(error instanceof Error ? error.message : String(error));
        }
        if (value instanceof Promise) call.wait(value, store);
        else store(call.result, value);
      },
    }));
    return { name: "embedder", doc: "Functions that the embedder gives to programs.", natives };
  }

  /** The open backend; opens it for the first program. */
  async function open(): Promise<Runner> {
    if (runner !== null) return runner;
    const context: BackendContext = {
      opcodes: registry.opcodes,
      count: options.stats ?? false,
      threshold: driver.threshold,
      compileHot: (hot, target) => runHotPasses(driver, hot, target),
      native,
      observe: (event) => jitLog?.observe(event),
    };
    const interpreter = findBackend(registry, FALLBACK);
    if (backend !== null) {
      if (backend !== interpreter) await prepareNative(backend);
      const probe = backend.probe(native);
      if (probe.ok) return runner = backend.open(context);
      jitLog = null;
      const details = { backend: backend.name, because: probe.because };
      tell(makeDiagnostic("U0301", DIAGNOSTICS.U0301, null, [details]));
      return runner = interpreter.open(context);
    }
    const preferred = findBackend(registry, PREFERRED);
    if (!(preferred.isLikely?.() ?? true)) return runner = interpreter.open(context);
    // Instructions are to be counted from the first one on, so the choice is made now.
    if (context.count) {
      await prepareNative(preferred);
      if (preferred.probe(native).ok) return runner = preferred.open(context);
      jitLog = null;
      return runner = interpreter.open(context);
    }
    return runner = openLazily(preferred, interpreter, context, () => prepareNative(preferred));
  }

  /** Loads what machine code needs. */
  async function prepareNative(backend: Backend): Promise<void> {
    const [{ createJitLog }, { patchesToJson, printPatches }] = await Promise.all([
      import("./core/jit_log.ts"),
      import("./core/native_views.ts"),
      prepareHotStage(),
      backend.prepare?.(),
    ]);
    jitLog ??= createJitLog({
      json,
      ...(options.jitLog ? { log: say } : {}),
      ...(perfMap === null ? {} : { perf: perfMap }),
      ...(!driver.dump.includes("patches") ? {} : {
        code(code) {
          const { source, proto } = code.hot.loaded, functionName = proto.name;
          if ((options.functionName ?? functionName) !== functionName) return;
          const text = json ? patchesToJson(code) : printPatches(code);
          log.dumps.push({ name: "patches", path: source.path, stage: "hot", text });
        },
      }),
    });
  }

  /** Runs a program as one does from a command line: everything that goes wrong is told. */
  async function runReported(source: SourceFile | Diagnostic, path: string | null): Promise<number> {
    try {
      if (isDiagnostic(source)) {
        tell(source);
        return 1;
      }
      return await runToEnd(source, path);
    } catch (error) {
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      return PIPE_CLOSED;
    }
  }

  async function runToEnd(source: SourceFile, path: string | null): Promise<number> {
    let code = 0;
    try {
      const { program, diagnostics } = compileFile(source);
      diagnostics.forEach(tell);
      if (options.compileOnly && !showsNative) return 0;
      const { engine, disturbed } = await start(program, path);
      const unseen = engine.unseen();
      unseen.forEach(tellFault);
      if (disturbed || unseen.length > 0) code = 1;
    } catch (error) {
      code = 1;
      if (error instanceof CompileFailure) error.diagnostics.forEach(tell);
      else if (error instanceof RuntimeFault) tellFault(error);
      else if (error instanceof ProgramExit) code = error.code;
      else if (error instanceof NativeFault) {
        say(`${error.message}\n`);
        code = INTERNAL_FAULT;
      } else if (error instanceof Interrupted) {
        code = error.code;
        tellFault(error);
      } else throw error;
    }
    stdout.flush();
    return code;
  }

  function compileFile(source: SourceFile): Compilation {
    return runPasses(driver, source);
  }

  async function check(path: string, text?: string | Uint8Array): Promise<readonly Diagnostic[]> {
    const source = text === undefined
      ? readFile(path, path)
      : typeof text === "string"
      ? makeSource(path, text)
      : decodeFile(path, text);
    if (isDiagnostic(source)) return [source];
    const { checkProgram } = await import("./passes/check.ts");
    const diagnostics = createDiagnostics();
    let tree: Artifacts["ast"] | null = null;
    try {
      const { diagnostics: reported } = runPasses({
        ...driver,
        notify<Hook extends "passStart" | "passEnd">(hook: Hook, event: EventOf<Hook>, to: Diagnostics) {
          if ("kind" in event && event.kind === "ast") tree = event.artifact as Artifacts["ast"];
          registry.notify(hook, event, to);
        },
      }, source);
      reported.forEach(diagnostics.add, diagnostics);
    } catch (error) {
      if (!(error instanceof CompileFailure)) throw error;
      return error.diagnostics;
    }
    const natives = new Map(registry.natives.map((native) => [native.name, native]));
    const arity = (name: string) => {
      const params = natives.get(name)?.params;
      return params === undefined || params.some(({ mode }) => mode !== undefined) ? null : params.length;
    };
    if (tree !== null) checkProgram(tree, source, { globals: driver.builtins, arity }, diagnostics);
    return diagnostics.items;
  }

  async function report(what: Report): Promise<string> {
    const reports = await import("./core/reports.ts");
    switch (what) {
      case "dumps":
        return reports.printDumps(log.dumps.filter(({ stage }) => stage === "load"), json);
      case "native":
        return showsNative ? nativeReport(reports) : "";
      case "time":
        return reports.printTimings(log.timings, json);
      case "stats":
        return reports.printStats(stats(), json);
      case "profile":
        return reports.printProfile(profile(), registry.opcodes, json, options.functionName);
    }
  }

  /** What the program that ran last has become. */
  async function nativeReport(reports: typeof import("./core/reports.ts")): Promise<string> {
    if (jitLog === null) return json ? "" : "The interpreter ran everything; there is no machine code\n";
    const dumps = log.dumps.filter(({ stage }) => stage === "hot");
    if (driver.dump.includes("exits")) {
      const { exitsToJson, printExits } = await import("./core/native_views.ts");
      const exits = (runner?.exits?.() ?? []).filter(({ loaded }) =>
        (options.functionName ?? loaded.proto.name) === loaded.proto.name
      );
      const path = session?.engine.main()?.name ?? "";
      dumps.push({
        name: "exits",
        path,
        stage: "hot",
        text: json ? exitsToJson(exits) : printExits(exits),
      });
    }
    return reports.printDumps(dumps, json);
  }

  function stats(): RuntimeStats {
    const exits = (runner?.exits?.() ?? []).reduce((sum, { count }) => sum + count, 0);
    const native = jitLog === null ? null : { ...jitLog.sums(), exits };
    // An instruction that exits counts where it began, and again where it was done.
    const nativeInstructions = views.I32[Control.EXECUTED_NATIVE + 1] * 2 ** 32 +
      (views.I32[Control.EXECUTED_NATIVE] >>> 0) - exits;
    return {
      instructions: options.stats ? views.F64[Control.EXECUTED / 2] + nativeInstructions : null,
      nativeInstructions: options.stats ? nativeInstructions : null,
      native,
      milliseconds: session?.milliseconds ?? 0,
      heap: heapStats(),
    };
  }

  function profile(): readonly FunctionProfile[] {
    return session?.engine.profile() ?? [];
  }

  /** Runs a program in an engine of its own; `path` is the file that it was read from, if it was. */
  async function start(program: Program, path: string | null): Promise<Session> {
    if (disposed) throw new Error("The runtime has been disposed");
    const display = program.source.path;
    const main: FoundFile = { path: path ?? absolutePath(display), display };
    session?.engine.dispose();
    activate();
    views.F64[Control.EXECUTED / 2] = 0;
    views.I32.fill(0, Control.EXECUTED_NATIVE, Control.EXECUTED_NATIVE + 2);
    jitLog?.clear();
    const watchdog = options.interruptible || options.timeout !== undefined
      ? createWatchdog(
        options.timeout === undefined ? null : options.timeout * 1000,
        () => session?.engine.machine.onWake?.(),
      )
      : null;
    const engine = createEngine({
      opcodes: registry.opcodes,
      runner: await open(),
      natives: registry.natives,
      libraries: registry.libraries,
      write: stdout.write,
      flush: stdout.flush,
      resolve(path, importer) {
        const found = resolveImport(path, importer, main);
        if (found === null || !isDiagnostic(found)) return found;
        tell(found);
        return null;
      },
      compile(path, display) {
        const source = readFile(path, display);
        if (isDiagnostic(source)) throw new CompileFailure([source]);
        return compileFile(source).program;
      },
      report: (failure) => failure.diagnostics.forEach(tell),
      now: () => performance.now(),
      ...(watchdog === null ? {} : { tick: (machine) => stopWhenTold(machine, watchdog) }),
    });
    const converter = createConverter(engine.machine, (name) => structType(engine.main(), name));
    const own: Session = session = { engine, converter, milliseconds: 0, outcome: null, disturbed: false };
    const started = performance.now();
    notify(own, "runStart", { path: display });
    try {
      await engine.runMain(program, main.path);
      own.outcome = "finished";
    } catch (error) {
      own.outcome = error instanceof ProgramExit ? "exited" : "failed";
      throw error;
    } finally {
      watchdog?.dispose();
      own.milliseconds = performance.now() - started;
      notify(own, "runEnd", { path: display, outcome: own.outcome ?? "failed" });
    }
    return own;
  }

  function notify<Hook extends "runStart" | "runEnd">(
    session: Session,
    hook: Hook,
    event: EventOf<Hook>,
  ): void {
    const diagnostics = createDiagnostics();
    registry.notify(hook, event, diagnostics);
    diagnostics.items.forEach(tell);
    if (diagnostics.errorCount > 0) session.disturbed = true;
  }

  function tell(diagnostic: Diagnostic): void {
    say(renderDiagnostic(diagnostic, { color }));
  }

  function tellFault({ message, frames }: Pick<RuntimeFault, "message" | "frames">): void {
    const calls = frames.map(({ functionName, source, start, end }) => ({
      functionName,
      source,
      offset: start,
      end,
    }));
    say(renderRuntimeError({ message, frames: calls }, { color }));
  }

  /** Errors come after the output that led to them. */
  function say(text: string): void {
    stdout.flush();
    stderr(new TextEncoder().encode(text));
  }
}

/** Refuses a row that cannot join the grammar before a program meets it. */
function checkGrammar(rule: SyntaxRule): void {
  try {
    checkRule(rule);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const details = { plugin: rule.by, problem };
    throw new PluginFailure([makeDiagnostic("U0503", DIAGNOSTICS.U0503, null, [details])]);
  }
}

function makeDriver(registry: Registry, options: RuntimeOptions, log: DriverLog): DriverOptions {
  const { threshold = DEFAULT_THRESHOLD, off = [], dump = [], json = false, functionName } = options;
  if (!(Number.isInteger(threshold) && threshold >= 0 && threshold <= THRESHOLD_MAX)) {
    throw new OptionError(`A threshold of ${threshold} is not possible; give 0 to ${THRESHOLD_MAX}`);
  }
  const known = new Map(registry.passes.map(({ pass }) => [pass.name, pass]));
  for (const name of off) {
    const pass = known.get(name);
    if (pass === undefined) throw unknownName("pass", name, known.keys());
    if (pass.required) throw new OptionError(`Pass '${name}' cannot be turned off: nothing works without it`);
  }
  const printed = [...registry.artifacts.values()].map((def) => def.dump);
  for (const name of dump) {
    const names = new Set([...printed, ...known.keys(), ...RUN_VIEWS]);
    if (!names.has(name)) throw unknownName("dump", name, names);
  }
  return {
    passes: off.length === 0 ? registry.passes : orderPasses(registry.passes, new Set(off)),
    artifacts: registry.artifacts,
    opcodes: registry.opcodes,
    rules: registry.rules,
    builtins: new Set([...registry.natives, ...registry.libraries].map(({ name }) => name)),
    threshold,
    messages: registry.messages,
    check: options.check ?? false,
    dump,
    json,
    ...(functionName === undefined ? {} : { functionName }),
    log,
    notify: registry.notify,
  };
}

/** Whether something that can be dumped is made by a run only. */
function isRunView(registry: Registry, name: string): boolean {
  const passes = registry.passes.map(({ pass }) => pass).filter(({ stage }) => stage === "hot");
  const kinds = new Set(passes.flatMap(({ from, to }) => [from, to]));
  return RUN_VIEWS.includes(name) || passes.some((pass) => pass.name === name) ||
    [...registry.artifacts.values()].some(({ kind, dump }) => dump === name && kinds.has(kind));
}

/** How machine code is to be run; words that no backend knows are refused. */
function nativeOptions(registry: Registry, { execMemory, gate, codeCache }: RuntimeOptions): NativeOptions {
  const choices = [...registry.backends.values()].flatMap(({ choices }) => choices ?? []);
  const check = (what: string, word: string | undefined, known: readonly string[]) => {
    if (word !== undefined && !known.includes(word)) throw unknownName(what, word, known);
  };
  check("kind of executable memory", execMemory, choices.flatMap(({ memory }) => memory));
  check("gate", gate, choices.flatMap(({ gate }) => gate));
  if (codeCache !== undefined && !(codeCache >= CACHE_MIN && codeCache <= CACHE_MAX)) {
    throw new OptionError(`A code cache of ${codeCache} bytes is not possible; give 64K to 1G`);
  }
  return {
    ...(execMemory === undefined ? {} : { memory: execMemory }),
    ...(gate === undefined ? {} : { gate }),
    ...(codeCache === undefined ? {} : { cache: codeCache }),
  };
}

/** Opens the file in which `perf` looks for names; gives what writes a line to it. */
function openPerfMap(): (line: string) => void {
  const path = `/tmp/perf-${Deno.pid}.map`;
  try {
    const file = Deno.openSync(path, { create: true, truncate: true, write: true });
    return (line) => writeAll(file, new TextEncoder().encode(line));
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    throw new OptionError(`Writing ${path} failed: ${because}`);
  }
}

/** What works on this machine, as text or as JSON. */
export async function doctor(json = false): Promise<string> {
  const { examine, printExamination } = await import("./core/doctor.ts");
  return printExamination(await examine(VERSION, BACKENDS), json);
}

function findBackend(registry: Registry, name = FALLBACK): Backend {
  const backend = registry.backends.get(name);
  if (backend === undefined) throw unknownName("backend", name, registry.backends.keys());
  return backend;
}

/** The ref of the struct type that a global of the module holds; 0 if it holds none. */
function structType(module: Module | null, name: string): number {
  const word = module?.globals.get(name);
  return word !== undefined && views.I32[word + 1] === HI_STRUCT_TYPE ? views.I32[word] : 0;
}

/** The absolute form of a path that need not exist; as it is, where Deno may not tell the working directory. */
function absolutePath(path: string): string {
  if (path.startsWith("/")) return path;
  try {
    return `${Deno.cwd()}/${path}`;
  } catch {
    return path;
  }
}
