/**
 * Runtimes: the only file that wires the parts together, which are the built-in plugins, the driver of the passes, the
 * backends, and what runs programs.
 *
 * Deno takes longer to load this project than the runtime to run a short program, so what a plain run can do without is
 * loaded by those who need it. A runtime, however, is made without waiting: {@linkcode prepare} loads beforehand what it
 * may then need. `mod.ts` does so for all who embed the runtime; the command line does, unless a program is all it got.
 */

import { HEAP, MEMORY_BYTES } from "./memory.ts";
import { DIAGNOSTICS, makeDiagnostic } from "./diagnostics.ts";
import { makeSource } from "./source.ts";
import { decodeFile, readFile, realPath } from "./files.ts";
import { createOutput, writeAll } from "./output.ts";
import type { LazyLibrary, LibraryDef } from "./machine.ts";
import { definePart, PartFailure } from "./part.ts";
import type { Backend, BackendContext, Code, NativeOptions, Runner } from "./backend.ts";
import type { SyntaxRule } from "./syntax.ts";
import { type DriverLog, type DriverOptions, runHotPasses } from "./pass.ts";
import {
  hooksOf,
  mergePlugins,
  OptionError,
  type Plugin,
  PluginFailure,
  type Registry,
  unknownName,
  VERSION,
} from "./plugin.ts";
import type { Runtime, RuntimeOptions } from "./embedder.ts";
import {
  activate,
  compileFile,
  notify,
  profile,
  runReported,
  type RuntimeState,
  say,
  start,
  tell,
} from "./running.ts";
import { checkRule, core, hotStage, THRESHOLD_MAX, views as printing } from "../passes/mod.ts";
import { interp, openLazily } from "../backends/interp.ts";
import { x64 } from "../backends/x64/mod.ts";
import { std } from "../plugins/std.ts";

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
  dialogue: definePart<typeof import("./dialogue.ts")>(import.meta, "./dialogue.ts"),
  findings: definePart<typeof import("./findings.ts")>(import.meta, "./findings.ts"),
  jitLog: definePart<typeof import("./jit_log.ts")>(import.meta, "./jit_log.ts"),
  order: definePart<typeof import("./order.ts")>(import.meta, "./order.ts"),
};

/**
 * Loads what a runtime with these options needs at once, or what any may need. Without it a runtime takes no plugins and
 * no functions, leaves out no pass, prints and checks no artifacts, and its programs can only be run.
 */
export async function prepare(options?: RuntimeOptions): Promise<void> {
  const { admission, dialogue, findings, order } = PARTS;
  const { plugins = [], functions, off = [], dump = [], check, page } = options ?? {};
  await Promise.all([
    ...(options === undefined ? [findings.load()] : []),
    ...(options === undefined || functions ? [dialogue.load()] : []),
    ...(options === undefined || plugins.length > 0 || functions ? [admission.load()] : []),
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
  const embedder = Object.keys(functions).length === 0 ? [] : [PARTS.dialogue.get().hostPlugin(functions)];
  const registry = registryOf([...embedder, ...plugins]);
  registry.rules.forEach(checkGrammar);
  const shown = options.dump?.length || options.page ? namesToDump(registry, options) : [];
  const driver = makeDriver(registry, { ...options, dump: options.page ? [] : shown });
  const showsNative = shown.some((name) => isRunView(registry, name));
  // Whoever wants to see machine code has asked for the backend that makes it.
  const asked = options.backend ?? (showsNative || options.jitLog || options.perfMap ? PREFERRED : null);
  const state: RuntimeState = {
    options,
    registry,
    driver,
    stdout: options.stdout === undefined
      ? createOutput((bytes) => writeAll(Deno.stdout, bytes), () => Deno.stdout.isTerminal())
      : createOutput(options.stdout),
    stderr: options.stderr ?? ((bytes) => writeAll(Deno.stderr, bytes)),
    heap: options.heap ?? DEFAULT_HEAP,
    shown,
    showsNative,
    backend: asked === null ? null : findBackend(registry, asked),
    native: nativeOptions(registry, options),
    perfMap: options.perfMap ? openPerfMap() : null,
    functionNames: new Set(),
    open: async () => state.runner ??= await open(state),
    async loadNative() {
      const native = state.backend ?? findBackend(registry, PREFERRED);
      if (!native.obstacle?.()) await loadNative(native);
    },
    recording: options.page ? { modules: [], events: [], messages: [], started: 0 } : null,
    runner: null,
    target: null,
    jitLog: null,
    session: null,
    isConversing: false,
    disposed: false,
  };
  activate(state);

  return {
    runFile: (path) => runReported(state, readFile(path, path), realPath(path)),
    runSource: (path, text) =>
      runReported(state, typeof text === "string" ? makeSource(path, text) : decodeFile(path, text), null),
    compile: (path, text) => compileFile(state, makeSource(path, text)).program,
    async run(program) {
      try {
        await start(state, program, null);
      } finally {
        state.stdout.flush();
      }
    },
    evaluate: (path, text) => PARTS.dialogue.get().evaluate(state, path, text),
    converse: (history) => PARTS.dialogue.get().converse(state, history),
    get: (name) => PARTS.dialogue.get().getGlobal(state, name),
    call: (target, ...args) => PARTS.dialogue.get().call(state, target, args),
    check: (path, text) => PARTS.findings.get().check(state, path, text),
    print: async (diagnostics) => (await PARTS.findings.load()).print(state, diagnostics),
    report: async (what) => (await PARTS.findings.load()).report(state, what),
    outcome: () => state.session?.outcome ?? null,
    stats: () => PARTS.findings.get().stats(state),
    profile: () => profile(state),
    timings: () => driver.log.timings,
    dumps: () => driver.log.dumps,
    dispose() {
      state.stdout.flush();
      state.session?.engine.dispose();
      state.session = null;
      state.disposed = true;
    },
  };
}

// ---- backends ----------------------------------------------------------------------------------------------------

/** The backend of a name. */
export function findBackend(registry: Registry, name = FALLBACK): Backend {
  const backend = registry.backends.get(name);
  if (backend === undefined) throw unknownName("backend", name, registry.backends.keys());
  return backend;
}

/** Opens what runs the programs of a runtime. */
async function open(state: RuntimeState): Promise<Runner> {
  const { registry, driver, backend, native } = state;
  const context: BackendContext = {
    opcodes: registry.opcodes,
    count: state.options.stats ?? false,
    threshold: driver.threshold,
    compileHot(hot, to) {
      state.target = to;
      return runHotPasses(driver, hot, registry.extend(to), (diagnostic) => tell(state, diagnostic));
    },
    native,
    observe(event) {
      const { jitLog, recording, session } = state;
      jitLog?.observe(event);
      recording?.events.push({ milliseconds: performance.now() - recording.started, event });
      for (const hook of hooksOf(event)) notify(state, session!, hook, event as never);
    },
  };
  const interpreter = findBackend(registry, FALLBACK);
  if (backend !== null) {
    const { jitLog = false, perfMap = false, json = false } = state.options;
    if (backend === interpreter && (jitLog || perfMap) && !json) {
      say(state, "The interpreter runs everything, so there is no compilation to tell of\n");
    }
    const missing = backend === interpreter ? null : await prepareNative(state, backend);
    const probe = missing === null ? backend.probe(native) : { ok: false, because: missing } as const;
    if (probe.ok) return backend.open(context);
    state.jitLog = null;
    stay(state, backend, probe.because);
    return interpreter.open(context);
  }
  const preferred = findBackend(registry, PREFERRED);
  // Instructions are to be counted from the first one on, and who talks to a program wants to see what it is: so the
  // choice is made now.
  if (context.count || state.isConversing) {
    if (preferred.obstacle?.()) return interpreter.open(context);
    if (await prepareNative(state, preferred) === null && preferred.probe(native).ok) {
      return preferred.open(context);
    }
    state.jitLog = null;
    return interpreter.open(context);
  }
  return openLazily(
    preferred,
    interpreter,
    context,
    () => prepareNative(state, preferred),
    (because) => stay(state, preferred, because),
  );
}

/** Tells why programs stay in the interpreter. */
function stay(state: RuntimeState, { name: backend }: Backend, because: string): void {
  tell(state, makeDiagnostic("U0301", DIAGNOSTICS.U0301, null, [{ backend, because }]));
}

function loadNative(backend: Backend) {
  return Promise.all([hotStage.load(), PARTS.jitLog.load(), backend.prepare?.()]);
}

/** Loads what machine code needs; gives what is in the way, or null. */
async function prepareNative(state: RuntimeState, backend: Backend): Promise<string | null> {
  const parts = await loadNative(backend).catch((error: unknown) => {
    if (error instanceof PartFailure) return error;
    throw error;
  });
  if (parts instanceof PartFailure) return parts.message;
  const [{ views }, { createJitLog }] = parts;
  const { options: { json = false, jitLog, functionName: wanted }, driver: { dump, log } } = state;
  const showPatches = ({ hot: { loaded: { source, proto } } }: Code, text: string) => {
    const functionName = proto.name;
    if ((wanted ?? functionName) !== functionName) return;
    log.dumps.push({ name: "patches", kind: "patches", path: source.path, stage: "hot", functionName, text });
  };
  state.jitLog ??= createJitLog({
    json,
    ...(jitLog ? { log: (text) => say(state, text) } : {}),
    ...(state.perfMap === null ? {} : { perf: state.perfMap }),
    ...(!dump.includes("patches") ? {} : {
      code: (code) => showPatches(code, json ? views.patchesToJson(code) : views.printPatches(code)),
      patched: (event) =>
        showPatches(event.code, json ? views.laterPatchesToJson(event) : views.printLaterPatches(event)),
    }),
  });
  return null;
}

// ---- options -----------------------------------------------------------------------------------------------------

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

function makeDriver(registry: Registry, options: RuntimeOptions): DriverOptions {
  const { threshold = DEFAULT_THRESHOLD, off = [], dump = [], json = false, functionName } = options;
  if (!(Number.isInteger(threshold) && threshold >= 0 && threshold <= THRESHOLD_MAX)) {
    throw new OptionError(`A threshold of ${threshold} is not possible; give 0 to ${THRESHOLD_MAX}`);
  }
  const log: DriverLog = { timings: [], dumps: [] };
  for (const name of off) {
    const pass = registry.passes.find(({ pass }) => pass.name === name)?.pass;
    if (pass === undefined) throw unknownName("pass", name, registry.passes.map(({ pass }) => pass.name));
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
  if (dump.length === 0) return PAGE_PARTS;
  const artifacts = [...registry.artifacts.values()].map((def) => def.dump);
  const names = new Set([...artifacts, ...registry.passes.map(({ pass }) => pass.name), ...RUN_VIEWS, ALL]);
  for (const name of dump) {
    if (!names.has(name)) throw unknownName("dump", name, names);
    if (page && name !== ALL && !PAGE_PARTS.includes(name)) {
      throw new OptionError(`A page has no place for '${name}'; it shows ${PAGE_PARTS.join(", ")}`);
    }
  }
  if (page) return dump.includes(ALL) ? PAGE_PARTS : dump;
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
  const check = (what: string, word: string | undefined, place: keyof NonNullable<Backend["choices"]>) => {
    if (word === undefined) return;
    const known = [...registry.backends.values()].flatMap(({ choices }) => choices?.[place] ?? []);
    if (!known.includes(word)) throw unknownName(what, word, known);
  };
  check("kind of executable memory", execMemory, "memory");
  check("gate", gate, "gate");
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
