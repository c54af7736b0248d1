/**
 * Runtimes: the only file that wires the parts together, which are the built-in plugins, the driver of the passes, an
 * engine for the program that runs, and the world outside.
 *
 * Deno takes longer to load this project than the runtime to run a short program, so what a plain run can do without is
 * loaded by those who need it. A runtime, however, is made without waiting: {@linkcode prepare} loads beforehand what it
 * may then need. `mod.ts` does so for all who embed the runtime; the command line does, unless a program is all it got.
 */

import { Control, HEAP, MEMORY_BYTES, views } from "./memory.ts";
import { heapStats, setHeapLimit, setStress } from "./heap.ts";
import {
  createDiagnostics,
  type Diagnostic,
  DIAGNOSTICS,
  type Diagnostics,
  makeDiagnostic,
  renderDiagnostic,
  renderRuntimeError,
  suggest,
} from "./diagnostics.ts";
import { makeSource, type SourceFile } from "./source.ts";
import { decodeFile, type FoundFile, isDiagnostic, readFile, realPath, resolveImport } from "./files.ts";
import { createOutput, type Sink, writeAll } from "./output.ts";
import type { Program } from "./program.ts";
import {
  type FunctionProfile,
  type LazyLibrary,
  type LibraryDef,
  type Machine,
  NativeFault,
  ProgramExit,
  RuntimeFault,
  type TerminalInfo,
  trace,
  type TraceFrame,
} from "./machine.ts";
import type { RuntimeStats } from "./reports.ts";
import type { Recording } from "./page.ts";
import { definePart, PartFailure } from "./part.ts";
import { createWatchdog, type Interruption, type Watchdog } from "./watchdog.ts";
import { copyValue, HI_EMPTY } from "./value.ts";
import type { Handle, HostValue } from "./convert.ts";
import type { AnyTarget, Backend, BackendContext, Code, NativeOptions, Runner } from "./backend.ts";
import type { SyntaxRule } from "./syntax.ts";
import {
  type Artifacts,
  type Compilation,
  CompileFailure,
  type DriverLog,
  type DriverOptions,
  type Dump,
  type PassTiming,
  runHotPasses,
  runPasses,
} from "./pass.ts";
import {
  type EventOf,
  hooksOf,
  mergePlugins,
  type Observer,
  type Plugin,
  PluginFailure,
  type Registry,
  type RunEndEvent,
} from "./plugin.ts";
import { createEngine, type Engine } from "./engine.ts";
import type { JitLog } from "./jit_log.ts";
import { checkRule, core, prepareHotStage, THRESHOLD_MAX, views as printing } from "../passes/mod.ts";
import { openLazily } from "../backends/auto.ts";
import { interp } from "../backends/interp.ts";
import { x64 } from "../backends/x64/mod.ts";
import { std } from "../plugins/std.ts";

export { definePart, PartFailure, PluginFailure, suggest, writeAll };
export { WriteFailure } from "./output.ts";

/** The version of the runtime. */
export const VERSION = "0.1.0";

/** What every runtime consists of, in the form in which users add to it. */
export const BUILT_IN: readonly Plugin[] = [
  core,
  { name: "interpreter", doc: "The backend that runs everywhere.", backends: [interp] },
  { name: "native", doc: "The backend that compiles to machine code.", backends: [x64] },
  std,
  {
    name: "libraries",
    doc: "The core libraries, each loaded when a program names it.",
    libraries: [
      lazyLibrary("ucoreMath", "Numbers.", "math"),
      lazyLibrary("ucoreString", "Text.", "string"),
      lazyLibrary("ucoreArray", "Arrays: sorting, searching, and what takes functions.", "array"),
      lazyLibrary("ucoreJson", "JSON, in text and in files.", "json"),
      lazyLibrary("ucoreTimer", "Time, and waiting for it to pass.", "timer"),
      lazyLibrary("ucoreSystem", "Files, input, other programs.", "system"),
      lazyLibrary("ucoreHttp", "Web clients and servers.", "http"),
      lazyLibrary("ucoreScraper", "HTML pages, searched by CSS selectors.", "scraper"),
      lazyLibrary("ucoreTui", "Colours, boxes, tables and dialogues in a terminal.", "tui"),
      lazyLibrary("ucoreUon", "Tables in text files.", "uon"),
    ],
  },
];

/** The only library of the plugin that a file in `plugins/` exports under its own name. */
function lazyLibrary(name: string, doc: string, file: string): LazyLibrary {
  const part = definePart<Readonly<Record<string, Plugin>>>(import.meta, `../plugins/${file}.ts`);
  return { name, doc, load: async () => (await part.load())[file].libraries![0] as LibraryDef };
}

/** What a plain run of a program does without. */
const PARTS = {
  admission: definePart<typeof import("./admission.ts")>(import.meta, "./admission.ts"),
  check: definePart<typeof import("../passes/check.ts")>(import.meta, "../passes/check.ts"),
  conversion: definePart<typeof import("./convert.ts")>(import.meta, "./convert.ts"),
  input: definePart<typeof import("./input.ts")>(import.meta, "./input.ts"),
  jitLog: definePart<typeof import("./jit_log.ts")>(import.meta, "./jit_log.ts"),
  nativeViews: definePart<typeof import("./native_views.ts")>(import.meta, "./native_views.ts"),
  order: definePart<typeof import("./order.ts")>(import.meta, "./order.ts"),
  page: definePart<typeof import("./page.ts")>(import.meta, "./page.ts"),
  repl: definePart<typeof import("./repl.ts")>(import.meta, "./repl.ts"),
  reports: definePart<typeof import("./reports.ts")>(import.meta, "./reports.ts"),
  sessions: definePart<typeof import("./session.ts")>(import.meta, "./session.ts"),
  sessionPasses: definePart<typeof import("../passes/session.ts")>(import.meta, "../passes/session.ts"),
};

/**
 * Loads what a runtime with these options needs at once, or what any may need. Without it a runtime takes no plugins and
 * no functions, leaves out no pass, prints and checks no artifacts, and converts no values.
 */
export async function prepare(options?: RuntimeOptions): Promise<void> {
  const { admission, conversion, order } = PARTS;
  const { plugins = [], functions, off = [], dump = [], check, page } = options ?? {};
  await Promise.all([
    ...(options === undefined || plugins.length > 0 || functions
      ? [admission.load(), conversion.load()]
      : []),
    ...(options === undefined || off.length > 0 ? [order.load()] : []),
    ...(options === undefined || plugins.length > 0 || dump.length > 0 || check || page
      ? [printing.load()]
      : []),
  ]);
}

/**
 * The built-in plugins together with those of users.
 * @throws {PluginFailure} if one is malformed, or two do not go together
 */
export function registryOf(users: readonly Plugin[]): Registry {
  return users.length === 0
    ? mergePlugins(BUILT_IN)
    : PARTS.admission.get().createRegistry(BUILT_IN, users, VERSION);
}

/** The built-in backends; the first is there everywhere. */
export const BACKENDS: readonly Backend[] = BUILT_IN.flatMap(({ backends = [] }) => backends);

/** Runs what no other backend was asked for, and what the others cannot run here. */
export const FALLBACK = interp.name;
/** Runs what is hot if no backend was asked for, where it works. */
export const PREFERRED = x64.name;
/** What a small system grants may be less than what is meant. */
const DEFAULT_HEAP = Math.min(1024 * 1024 * 1024, MEMORY_BYTES - HEAP);
export const DEFAULT_THRESHOLD = 100;
/** What a process ended by SIGPIPE is reported with. */
const PIPE_CLOSED = 141;
/** Native code did what the processor forbids: a bug in the runtime. */
const INTERNAL_FAULT = 70;
/** The least and the most that a code cache may be, in bytes. */
const CACHE_MIN = 64 * 1024, CACHE_MAX = 1024 * 1024 * 1024;
/** What can be printed after a run beside artifacts and passes of the hot stage. */
const RUN_VIEWS: readonly string[] = ["patches", "exits"];
/** Everything that can be dumped. */
const ALL = "all";
/** What a page can show beside the source. */
const PAGE_PARTS: readonly string[] = [
  ...["tokens", "ast", "bytecode", "profile", "hot", "draft", "code", "patches", "exits"],
];

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

/** A program under way or at its end. */
interface Session {
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

/**
 * Makes a runtime.
 *
 * ```ts
 * import { createRuntime } from "./mod.ts";
 *
 * const runtime = createRuntime({ heap: 64 << 20, functions: { half: (n) => Number(n) / 2 } });
 * const code = await runtime.runSource("main.unna", "print half(7);");
 * runtime.dispose();
 * Deno.exitCode = code;
 * ```
 *
 * @throws {OptionError} if an option names what does not exist, or is out of range
 * @throws {PluginFailure} if a plugin is malformed, or two do not go together
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const { functions = {}, plugins = [] } = options;
  const embedder = Object.keys(functions).length === 0 ? [] : [hostPlugin(functions)];
  const registry = registryOf([...embedder, ...plugins]);
  registry.rules.forEach(checkGrammar);
  const log: DriverLog = { timings: [], dumps: [] };
  /** What `functionName` can be. */
  const functionNames = new Set<string>();
  const shown = namesToDump(registry, options);
  const driver = makeDriver(registry, { ...options, dump: options.page ? [] : shown }, log);
  const stdout = options.stdout === undefined
    ? createOutput((bytes) => writeAll(Deno.stdout, bytes), () => Deno.stdout.isTerminal())
    : createOutput(options.stdout);
  const stderr: Sink = options.stderr ?? ((bytes) => writeAll(Deno.stderr, bytes));
  const { color = false, json = false } = options;
  const heap = options.heap ?? DEFAULT_HEAP;
  const isWatched = options.interruptible || options.timeout !== undefined;
  const showsNative = shown.some((name) => isRunView(registry, name));
  let recording: Recording | null = options.page
    ? { modules: [], events: [], messages: [], started: 0 }
    : null;
  // Whoever wants to see machine code has asked for the backend that makes it.
  const asked = options.backend ?? (showsNative || options.jitLog || options.perfMap ? PREFERRED : null);
  const backend = asked === null ? null : findBackend(registry, asked);
  const native = nativeOptions(registry, options);
  const perfMap = options.perfMap ? openPerfMap() : null;
  let runner: Runner | null = null;
  /** What machine code was made for last. */
  let target: AnyTarget | null = null;
  let jitLog: JitLog | null = null;
  let session: Session | null = null;
  let isConversing = false;
  let disposed = false;
  activate();

  return {
    runFile: (path) => runReported(readFile(path, path), realPath(path)),
    runSource: (path, text) =>
      runReported(typeof text === "string" ? makeSource(path, text) : decodeFile(path, text), null),
    compile: (path, text) => compileFile(makeSource(path, text)).program,
    async run(program) {
      try {
        await start(program, null);
      } finally {
        stdout.flush();
      }
    },
    async evaluate(path, text) {
      const { engine } = await begun();
      const { runInput } = await PARTS.sessions.load();
      const { program } = await compileInput(makeSource(path, text));
      try {
        const word = await runInput(engine, program, (work) => watch(running(), path, work));
        return word === null ? undefined : PARTS.conversion.get().converterOf(engine.machine).toHost(word);
      } finally {
        stdout.flush();
      }
    },
    converse,
    get(name) {
      const { engine } = running();
      const word = engine.main()?.globals.get(name);
      if (word === undefined || views.I32[word + 1] === HI_EMPTY) return undefined;
      return PARTS.conversion.get().converterOf(engine.machine).toHost(word);
    },
    call,
    check,
    async print(diagnostics) {
      const { printDiagnostics } = await PARTS.reports.load();
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
    const { engine } = running();
    const held: number[] = [];
    activate();
    const converter = PARTS.conversion.get().converterOf(engine.machine);
    try {
      let callee: number | undefined;
      if (typeof target === "string") {
        callee = engine.main()?.globals.get(target);
        if (callee === undefined || views.I32[callee + 1] === HI_EMPTY) {
          throw new TypeError(`The program has no global '${target}'`);
        }
      } else held.push(converter.hold(target));
      for (const arg of args) held.push(converter.hold(arg));
      const store = (slot: number) => {
        const words = held.map(converter.wordOf);
        if (callee !== undefined) words.unshift(callee);
        words.forEach((word, i) => copyValue(slot + 2 * i, word));
      };
      const result = await engine.callFunction(args.length, store, converter.toHost);
      await engine.finish();
      return result;
    } finally {
      held.forEach(converter.release);
      stdout.flush();
    }
  }

  /** The functions of the embedder as a plugin of its own. */
  function hostPlugin(functions: NonNullable<RuntimeOptions["functions"]>): Plugin {
    const natives = Object.entries(functions).map(([name, run]) =>
      PARTS.conversion.get().defineHostNative({
        name,
        params: [{ name: "args", type: "any", mode: "rest" }],
        doc: "A function of the embedder.",
        example: { code: "", output: "" },
        run: (args) => run(...args),
      })
    );
    return { name: "embedder", doc: "Functions that the embedder gives to programs.", natives };
  }

  /** The open backend; opens it for the first program. */
  async function open(): Promise<Runner> {
    if (runner !== null) return runner;
    const context: BackendContext = {
      opcodes: registry.opcodes,
      count: options.stats ?? false,
      threshold: driver.threshold,
      compileHot(hot, to) {
        target = to;
        return runHotPasses(driver, hot, registry.extend(to), tell);
      },
      native,
      observe(event) {
        jitLog?.observe(event);
        recording?.events.push({ milliseconds: performance.now() - recording.started, event });
        for (const hook of hooksOf(event)) notify(running(), hook, event as never);
      },
    };
    const interpreter = findBackend(registry, FALLBACK);
    if (backend !== null) {
      const missing = backend === interpreter ? null : await prepareNative(backend);
      const probe = missing === null ? backend.probe(native) : { ok: false, because: missing } as const;
      if (probe.ok) return runner = backend.open(context);
      jitLog = null;
      stay(backend, probe.because);
      return runner = interpreter.open(context);
    }
    const preferred = findBackend(registry, PREFERRED);
    // Instructions are to be counted from the first one on, and who talks to a program wants to see what it is: so the
    // choice is made now.
    if (context.count || isConversing) {
      if (preferred.obstacle?.()) return runner = interpreter.open(context);
      if (await prepareNative(preferred) === null && preferred.probe(native).ok) {
        return runner = preferred.open(context);
      }
      jitLog = null;
      return runner = interpreter.open(context);
    }
    const prepare = () => prepareNative(preferred);
    return runner = openLazily(
      preferred,
      interpreter,
      context,
      prepare,
      (because) => stay(preferred, because),
    );
  }

  /** Tells why programs stay in the interpreter. */
  function stay({ name: backend }: Backend, because: string): void {
    tell(makeDiagnostic("U0301", DIAGNOSTICS.U0301, null, [{ backend, because }]));
  }

  function loadNative(backend: Backend) {
    return Promise.all([
      PARTS.jitLog.load(),
      PARTS.nativeViews.load(),
      prepareHotStage(),
      backend.prepare?.(),
    ]);
  }

  /** Loads what a program may come to need while it runs. */
  async function settle(own: Session): Promise<void> {
    const native = backend ?? findBackend(registry, PREFERRED);
    await Promise.all([own.watchdog?.listen(), native.obstacle?.() ? null : loadNative(native)]);
  }

  /** Loads what machine code needs; gives what is in the way, or null. */
  async function prepareNative(backend: Backend): Promise<string | null> {
    const parts = await loadNative(backend).catch((error: unknown) => {
      if (error instanceof PartFailure) return error;
      throw error;
    });
    if (parts instanceof PartFailure) return parts.message;
    const [{ createJitLog }, views] = parts;
    const showPatches = ({ hot: { loaded: { source, proto } } }: Code, text: string) => {
      const functionName = proto.name;
      if ((options.functionName ?? functionName) !== functionName) return;
      log.dumps.push({
        name: "patches",
        kind: "patches",
        path: source.path,
        stage: "hot",
        functionName,
        text,
      });
    };
    jitLog ??= createJitLog({
      json,
      ...(options.jitLog ? { log: say } : {}),
      ...(perfMap === null ? {} : { perf: perfMap }),
      ...(!driver.dump.includes("patches") ? {} : {
        code: (code) => showPatches(code, json ? views.patchesToJson(code) : views.printPatches(code)),
        patched: (event) =>
          showPatches(event.code, json ? views.laterPatchesToJson(event) : views.printLaterPatches(event)),
      }),
    });
    return null;
  }

  /** Runs a program as one does from a command line: everything that goes wrong is told. */
  async function runReported(source: SourceFile | Diagnostic, path: string | null): Promise<number> {
    if (recording !== null) recording = { modules: [], events: [], messages: [], started: 0 };
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
      if (!options.compileOnly || showsNative) {
        const { engine, disturbed } = await start(program, path);
        const unseen = engine.unseen();
        unseen.forEach(tellFault);
        if (disturbed || unseen.length > 0) code = 1;
      }
    } catch (error) {
      code = tellFailure(error);
    }
    stdout.flush();
    // Only now: a function may stand in a file that was imported on the way.
    const { functionName } = options;
    if (code === 0 && functionName !== undefined && !functionNames.has(functionName)) {
      throw unknownName("function", functionName, functionNames);
    }
    return code;
  }

  /** Tells why a program or its compilation has ended, and gives the exit code that says so. */
  function tellFailure(error: unknown): number {
    if (error instanceof ProgramExit) return error.code;
    if (error instanceof CompileFailure) error.diagnostics.forEach(tell);
    else if (error instanceof RuntimeFault) tellFault(error);
    else if (error instanceof NativeFault) {
      sayProblem(() => `${error.message}\n`);
      return INTERNAL_FAULT;
    } else if (error instanceof Interrupted) {
      tellFault(error);
      return error.code;
    } else throw error;
    return 1;
  }

  /** The session; begins one with an empty program if there is none. */
  async function begun(): Promise<Session> {
    activate();
    return session ?? await start(compileFile(makeSource("session", "")).program, null);
  }

  async function compileInput(source: SourceFile): Promise<Compilation> {
    const [{ forInputs }, { redefinedBuiltins }] = await Promise.all([
      PARTS.sessionPasses.load(),
      PARTS.sessions.load(),
    ]);
    const builtins = driver.builtins.difference(redefinedBuiltins(running().engine));
    return runPasses({ ...driver, passes: forInputs(driver.passes), builtins }, source);
  }

  async function converse(history?: string): Promise<number> {
    isConversing = true;
    const isTerminal = options.stdin === undefined && Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
    const own = await begun(), { engine } = own;
    const [{ converse }, { isUnfinished, keywordsOf, parseInput }] = await Promise.all([
      PARTS.repl.load(),
      PARTS.sessionPasses.load(),
    ]);
    // Whoever sits there may press Ctrl-C at any time, so somebody listens from the beginning.
    const watchdog = isTerminal && isWatched ? own.watchdog = watchdogOf(own, undefined) : null;
    // Told by both, one Ctrl-C would also end what is typed next.
    const isHeard = await watchdog?.listen() ?? false;
    try {
      return await converse({
        engine,
        opcodes: registry.opcodes,
        libraries: registry.libraries,
        keywords: keywordsOf(driver.rules),
        threshold: driver.threshold,
        color: color && isTerminal,
        isTerminal,
        ...(history === undefined ? {} : { history }),
        parse: (source) => parseInput(source, driver.rules),
        async compile(source) {
          const { program, diagnostics } = await compileInput(source);
          diagnostics.forEach(tell);
          return program;
        },
        isUnfinished: (failure) => isUnfinished(failure, driver.rules),
        run: (path, work) => watch(own, path, work),
        tellFailure,
        native: () => ({ compiled: runner?.compiled?.() ?? null, ...(target === null ? {} : { target }) }),
        write: (text) => stdout.write(new TextEncoder().encode(text)),
        say,
        ...(isHeard ? {} : { interrupt: () => own.watchdog?.interrupt() }),
      });
    } finally {
      own.watchdog = null;
      watchdog?.dispose();
    }
  }

  function compileFile(source: SourceFile, rules: readonly SyntaxRule[] = driver.rules): Compilation {
    const own = { ...driver, rules };
    const compilation = recording === null ? runPasses(own, source) : compileNoted(own, source, recording);
    for (const { name } of compilation.program.protos) functionNames.add(name);
    return compilation;
  }

  function compileNoted(own: DriverOptions, source: SourceFile, { modules }: Recording): Compilation {
    const noted: Recording["modules"][number] = { source, tree: null, program: null };
    modules.push(noted);
    const compilation = compileSeen(own, source, (tree) => noted.tree = tree);
    noted.program = compilation.program;
    return compilation;
  }

  /** Compiles a file; `see` is given its tree on the way, the last one if passes make several. */
  function compileSeen(
    own: DriverOptions,
    source: SourceFile,
    see: (tree: Artifacts["ast"]) => void,
  ): Compilation {
    return runPasses({
      ...own,
      notify<Hook extends "passStart" | "passEnd">(hook: Hook, event: EventOf<Hook>, to: Diagnostics) {
        if ("kind" in event && event.kind === "ast") see(event.artifact as Artifacts["ast"]);
        registry.notify(hook, event, to);
      },
    }, source);
  }

  async function check(path: string, text?: string | Uint8Array): Promise<readonly Diagnostic[]> {
    const source = text === undefined
      ? readFile(path, path)
      : typeof text === "string"
      ? makeSource(path, text)
      : decodeFile(path, text);
    if (isDiagnostic(source)) return [source];
    const { checkProgram } = await PARTS.check.load();
    const diagnostics = createDiagnostics();
    let tree: Artifacts["ast"] | null = null;
    try {
      const { diagnostics: reported } = compileSeen(driver, source, (made) => tree = made);
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
    const reports = await PARTS.reports.load();
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
      case "page":
        return await pageReport();
    }
  }

  /** The page of the program that ran last. */
  async function pageReport(): Promise<string> {
    if (recording === null) throw new Error("Nothing was noted for a page; the option 'page' was not set");
    const { collectPage, renderPage } = await PARTS.page.load();
    const { opcodes, rules, artifacts } = registry;
    return renderPage(collectPage(recording, {
      opcodes,
      target,
      parts: new Set(shown),
      profile: profile(),
      exits: runner?.exits?.() ?? [],
      ...(options.functionName === undefined ? {} : { functionName: options.functionName }),
      tokens: (source) => JSON.parse(artifacts.get("source")!.json(source, { source, opcodes, rules })),
      version: VERSION,
    }));
  }

  /** What the program that ran last has become. */
  async function nativeReport(reports: typeof import("./reports.ts")): Promise<string> {
    if (session === null) return ""; // what did not compile did not run
    if (jitLog === null) return json ? "" : "The interpreter ran everything; there is no machine code\n";
    const dumps = log.dumps.filter(({ stage }) => stage === "hot");
    if (driver.dump.includes("exits")) {
      const { exitsToJson, printExits } = await PARTS.nativeViews.load();
      const exits = (runner?.exits?.() ?? []).filter(({ loaded }) =>
        (options.functionName ?? loaded.proto.name) === loaded.proto.name
      );
      const about = { name: "exits", kind: "exits", stage: "hot" } as const;
      if (!json) dumps.push({ ...about, path: session?.engine.main()?.name ?? "", text: printExits(exits) });
      else {
        for (const { loaded: { source, proto }, text } of exitsToJson(exits)) {
          dumps.push({ ...about, path: source.path, functionName: proto.name, text });
        }
      }
    }
    if (dumps.length === 0 && !json) {
      const { functionName } = options,
        what = functionName === undefined ? "Nothing" : `'${functionName}' never`;
      return `${what} became hot; there is no machine code\n`;
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
    const engine = createEngine({
      opcodes: registry.opcodes,
      runner: await open(),
      natives: registry.natives,
      libraries: registry.libraries,
      world: {
        write: stdout.write,
        flush: stdout.flush,
        warn: say,
        report: tellFault,
        readLine: options.stdin ?? readLine,
        onInterrupt: (stop) => own.watchdog?.onInterrupt(stop) ?? (() => {}),
        atEnd: (restore) => void own.restores.add(restore),
        settle: () => settle(own),
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
        tell(found);
        return null;
      },
      compile(path, display) {
        const source = readFile(path, display);
        if (isDiagnostic(source)) throw new CompileFailure([source]);
        return compileFile(source).program;
      },
      // What is built in is written in the language as it is: a word that a plugin adds may be a name there.
      compileText: (path, text) => compileFile(makeSource(path, text), []).program,
      report: (failure) => failure.diagnostics.forEach(tell),
      now: () => performance.now(),
      ...(isWatched ? { tick: (machine) => stopWhenTold(machine, own.watchdog) } : {}),
    });
    const own: Session = session = {
      engine,
      watchdog: null,
      restores: new Set(),
      milliseconds: 0,
      outcome: null,
      disturbed: false,
    };
    await watch(own, display, () => engine.runMain(program, main.path));
    return own;
  }

  function watchdogOf({ engine }: Session, timeout: number | undefined): Watchdog {
    return createWatchdog(timeout === undefined ? null : timeout * 1000, () => engine.machine.onWake?.());
  }

  /** Does what a session is to run: observers are told, its time is taken, and it can be ended from outside. */
  async function watch(own: Session, path: string, work: () => Promise<void>): Promise<void> {
    const { timeout } = options;
    const kept = own.watchdog; // that of a conversation, if there is one
    kept?.forget();
    if (isWatched && (kept === null || timeout !== undefined)) own.watchdog = watchdogOf(own, timeout);
    const started = performance.now();
    if (recording !== null) recording.started = started;
    own.outcome = null;
    notify(own, "runStart", { path });
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
      notify(own, "runEnd", {
        path,
        outcome: own.outcome ?? "failed",
        profile,
        opcodes: registry.opcodes,
        write: say,
      });
    }
  }

  function notify<Hook extends keyof Observer>(session: Session, hook: Hook, event: EventOf<Hook>): void {
    const diagnostics = createDiagnostics();
    registry.notify(hook, event, diagnostics);
    diagnostics.items.forEach(tell);
    if (diagnostics.errorCount > 0) session.disturbed = true;
  }

  function tell(diagnostic: Diagnostic): void {
    sayProblem((style) => renderDiagnostic(diagnostic, style));
  }

  function tellFault({ message, frames }: Pick<RuntimeFault, "message" | "frames">): void {
    const calls = frames.map(({ functionName, source, start, end }) => ({
      functionName,
      source,
      offset: start,
      end,
    }));
    sayProblem((style) => renderRuntimeError({ message, frames: calls }, style));
  }

  function sayProblem(render: (style: { readonly color: boolean }) => string): void {
    recording?.messages.push(render({ color: false }));
    say(render({ color }));
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
  return {
    passes: off.length === 0 ? registry.passes : PARTS.order.get().orderPasses(registry.passes, new Set(off)),
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

/** What is to be dumped, or to be on the page, by its names; those that nothing has are refused. */
function namesToDump(registry: Registry, { dump = [], page = false }: RuntimeOptions): readonly string[] {
  const artifacts = [...registry.artifacts.values()].map((def) => def.dump);
  const names = new Set([...artifacts, ...registry.passes.map(({ pass }) => pass.name), ...RUN_VIEWS, ALL]);
  for (const name of dump) {
    if (!names.has(name)) throw unknownName("dump", name, names);
    if (page && name !== ALL && !PAGE_PARTS.includes(name)) {
      throw new OptionError(`A page has no place for '${name}'; it shows ${PAGE_PARTS.join(", ")}`);
    }
  }
  if (page) return dump.length === 0 || dump.includes(ALL) ? PAGE_PARTS : dump;
  const printed = dump.filter((name) => name !== ALL);
  return dump.includes(ALL) ? [...new Set([...artifacts, ...RUN_VIEWS, ...printed])] : printed;
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

/** The backend of a name. */
export function findBackend(registry: Registry, name = FALLBACK): Backend {
  const backend = registry.backends.get(name);
  if (backend === undefined) throw unknownName("backend", name, registry.backends.keys());
  return backend;
}

async function readLine(): Promise<Uint8Array | null> {
  const input = await PARTS.input.load();
  return input.readLine();
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
