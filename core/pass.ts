/**
 * Passes, and the driver that runs them. A pass turns one artifact into the next and returns it; everything that is
 * the same for all of them happens here: order, time, dumps, checks, and blame when one of them throws. The driver
 * collects what it measures and prints nothing. What the passes do it does not know, nor who brings them.
 *
 * ```text
 *  load   source --parse--> ast --(ast passes)--> ast --bytecode--> program --profile--> program
 *                  |              |                                  |
 *                  +- after each: verified (check), printed (dump), timed, shown to observers
 *                  |
 *  hot    hot --template-jit--> draft --(draft passes)--> draft --jump-patch--> code
 * ```
 *
 * The load stage runs once for each file, the hot stage once for each function that is worth machine code.
 */

import type { SourceFile, Span } from "./source.ts";
import {
  createDiagnostics,
  type Diagnostic,
  type Diagnostics,
  makeDiagnostic,
  type MessageDef,
} from "./diagnostics.ts";
import type * as ast from "./ast.ts";
import type { Program } from "./program.ts";
import type { OpcodeDef } from "./opcodes.ts";
import type { SyntaxRule } from "./syntax.ts";
import type { AnyTarget, Code, Draft, HotFunction } from "./backend.ts";

/** What passes take and make, by kind. Plugins add kinds by declaration merging. */
export interface Artifacts {
  /** The text of a file. */
  source: SourceFile;
  /** Its tree. */
  ast: ast.Program;
  /** Its bytecode. */
  program: Program;
  /** A function that is worth machine code. */
  hot: HotFunction;
  /** Its machine code with holes. */
  draft: Draft;
  /** Its machine code, ready to be placed. */
  code: Code;
}

/** The name of a kind of artifact. */
export type Kind = keyof Artifacts;

/** What printing and checking may ask for. */
export interface ArtifactContext {
  /** The file. */
  readonly source: SourceFile;
  /** All opcodes by number. */
  readonly opcodes: readonly OpcodeDef[];
  /** Rows that plugins add to the grammar. */
  readonly rules: readonly SyntaxRule[];
  /** Show the functions of this name only. */
  readonly functionName?: string;
  /** The kind of processor; in the hot stage only. */
  readonly target?: AnyTarget;
}

/** How artifacts of a kind are shown and verified. */
export interface ArtifactDef<K extends Kind = Kind> {
  /** Its kind. */
  readonly kind: K;
  /** What `--dump` calls it. */
  readonly dump: string;
  /** One sentence. */
  readonly doc: string;
  /** The one printed form. */
  print(artifact: Artifacts[K], cx: ArtifactContext): string;
  /** The same as JSON text. */
  json(artifact: Artifacts[K], cx: ArtifactContext): string;
  /**
   * Verifies one.
   * @throws {Error} if no pass may make such a thing
   */
  check(artifact: Artifacts[K], cx: ArtifactContext): void;
}

/** What a pass may ask for. */
export interface PassContext extends ArtifactContext {
  /** Where errors are reported. */
  readonly diagnostics: Diagnostics;
  /** Names that are globals of every module. */
  readonly builtins: ReadonlySet<string>;
  /** Rounds and calls after which loops and functions count as hot. */
  readonly threshold: number;
  /**
   * Reports a message of a plugin's table (or of the built-in one, which `diagnostics.report` checks more closely).
   * @throws {Error} if no table has the code
   */
  report(code: string, span: Span | null, details?: unknown): Diagnostic;
}

/** A pass that another one has to come after or before, and why. */
export interface PassPair {
  /** The other one's name. */
  readonly pass: string;
  /** The rest of a sentence that says why the order matters: "it needs a tree". */
  readonly because: string;
}

/** The two times at which passes run. */
export type Stage = "load" | "hot";

/** One step of compilation. */
export interface Pass<From extends Kind = Kind, To extends Kind = Kind> {
  /** Lower case with hyphens: `constant-fold`. */
  readonly name: string;
  /** When it runs: once for each module, as it is loaded, or once for each function that is hot. */
  readonly stage: Stage;
  /** The kind of artifact that it takes. */
  readonly from: From;
  /** The kind that it makes. */
  readonly to: To;
  /** Whether nothing works without it; the others can be turned off. */
  readonly required?: boolean;
  /** Passes that it has to come after. */
  readonly after?: readonly PassPair[];
  /** Passes that it has to come before. */
  readonly before?: readonly PassPair[];
  /** What readers want to know. */
  readonly doc: {
    /** What it does, in a sentence. */
    readonly summary: string;
    /** What would be worse without it. */
    readonly why: string;
    /** A small program on which it has something to do. */
    readonly example: string;
  };
  /** Makes the next artifact; the input stays as it is. Errors are reported, not thrown. */
  run(input: Artifacts[From], cx: PassContext): Artifacts[To];
}

/** A pass of any kind, as lists keep it. */
// deno-lint-ignore no-explicit-any
export type AnyPass = Pass<any, any>;

/** An artifact definition of any kind, as lists keep it. */
// deno-lint-ignore no-explicit-any
export type AnyArtifactDef = ArtifactDef<any>;

/** Gives a pass its type: the kinds follow from `from` and `to`. */
export function definePass<From extends Kind, To extends Kind>(pass: Pass<From, To>): Pass<From, To> {
  return pass;
}

/** Gives an artifact definition its type. */
export function defineArtifact<K extends Kind>(def: ArtifactDef<K>): ArtifactDef<K> {
  return def;
}

/** Thrown when a file does not compile. */
export class CompileFailure extends Error {
  /** What stack traces call it. */
  override readonly name = "CompileFailure";
  /** All that was reported, warnings included; at least one is an error. */
  readonly diagnostics: readonly Diagnostic[];
  /** Takes the message of the first error. */
  constructor(diagnostics: readonly Diagnostic[], options?: ErrorOptions) {
    super(diagnostics.find((d) => d.severity === "error")?.message ?? "The file does not compile", options);
    this.diagnostics = diagnostics;
  }
}

/** Thrown in place of what a function of a plugin threw: it tells whose it was. */
export class PluginFault extends Error {
  /** What stack traces call it. */
  override readonly name = "PluginFault";
  /** The plugin's name. */
  readonly plugin: string;
  /** Which of its functions failed, in words. */
  readonly hook: string;
  /** The offset in the source that it was at work on; null if nobody knows. */
  readonly at: number | null;
  /** Keeps the message of `cause`. */
  constructor(plugin: string, hook: string, cause: Error, at: number | null = null) {
    super(cause.message, { cause });
    this.plugin = plugin;
    this.hook = hook;
    this.at = at;
  }
}

/** The plugin of the built-in passes; messages do not mention it, since there is nobody to tell. */
export const CORE = "core";

/** A pass, and the plugin that brings it. */
export interface OwnedPass {
  /** The pass. */
  readonly pass: AnyPass;
  /** The plugin's name. */
  readonly plugin: string;
}

// ---- driving -----------------------------------------------------------------------------------------------------

/** A pass at work on a file. */
export interface PassEvent {
  /** The name of the pass. */
  readonly pass: string;
  /** The name of the plugin that brings it. */
  readonly plugin: string;
  /** The file, as messages show it. */
  readonly path: string;
}

/** A pass that is done, and what it made. */
export interface PassEndEvent extends PassEvent {
  /** How long it took. */
  readonly milliseconds: number;
  /** What kind of thing it made. */
  readonly kind: Kind;
  /** What it made; not to be changed. */
  readonly artifact: Artifacts[Kind];
}

/** The time that a pass took for a file; in the hot stage for all its functions together. */
export interface PassTiming extends PassEvent {
  /** How long it took. */
  readonly milliseconds: number;
}

/** An artifact in print. */
export interface Dump {
  /** What was asked for: an artifact, or a pass after which it is to be shown. */
  readonly name: string;
  /** What `--dump` calls artifacts of its kind. */
  readonly kind: string;
  /** The file, as messages show it. */
  readonly path: string;
  /** When it was made. */
  readonly stage: Stage;
  /** The function; dumps of the hot stage are of single ones. */
  readonly functionName?: string;
  /** The printed form, or JSON. */
  readonly text: string;
}

/** What the driver collects. */
export interface DriverLog {
  /** One for each pass and file, in the order in which passes first ran. */
  readonly timings: PassTiming[];
  /** What was asked for. */
  readonly dumps: Dump[];
}

/** How a driver works; the same for all files of a runtime. */
export interface DriverOptions {
  /** In their order, see `orderPasses`. */
  readonly passes: readonly OwnedPass[];
  /** How artifacts are printed and verified. */
  readonly artifacts: ReadonlyMap<Kind, AnyArtifactDef>;
  /** All opcodes by number. */
  readonly opcodes: readonly OpcodeDef[];
  /** Rows that plugins add to the grammar. */
  readonly rules: readonly SyntaxRule[];
  /** Names that are globals of every module. */
  readonly builtins: ReadonlySet<string>;
  /** Rounds and calls after which loops and functions count as hot. */
  readonly threshold: number;
  /** Messages of all plugins by code, the built-in ones included. */
  readonly messages: Readonly<Record<string, MessageDef>>;
  /** Verify after each pass; what comes out of passes of plugins, and at the end, is always verified. */
  readonly check: boolean;
  /** Names of artifacts or passes to print. */
  readonly dump: readonly string[];
  /** Print as JSON. */
  readonly json: boolean;
  /** Print functions of this name only. */
  readonly functionName?: string;
  /** Where timings and dumps go. */
  readonly log: DriverLog;
  /** Tells observers; what they throw becomes a diagnostic. */
  notify(hook: "passStart", event: PassEvent, diagnostics: Diagnostics): void;
  /** The same after a pass. */
  notify(hook: "passEnd", event: PassEndEvent, diagnostics: Diagnostics): void;
}

/** The outcome of compiling a file. */
export interface Compilation {
  /** The bytecode. */
  readonly program: Program;
  /** Warnings and the like. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Compiles a file: runs the passes of the load stage one after the other.
 * @throws {CompileFailure} if any of them reports an error, or fails itself
 */
export function runPasses(options: DriverOptions, source: SourceFile): Compilation {
  const diagnostics = createDiagnostics();
  const cx = makeContext(options, source, diagnostics);
  const program = drive(options, { stage: "load", kind: "source", artifact: source, at: 0 }, cx);
  return { program: program as Program, diagnostics: diagnostics.items };
}

/**
 * Compiles a function to machine code: runs the passes of the hot stage. `tell` is told of warnings and the like.
 * @throws {CompileFailure} if any of them reports an error, or fails itself
 */
export function runHotPasses(
  options: DriverOptions,
  hot: HotFunction,
  target: AnyTarget,
  tell: (diagnostic: Diagnostic) => void,
): Code {
  const { source, proto } = hot.loaded, diagnostics = createDiagnostics();
  const cx = { ...makeContext(options, source, diagnostics), target };
  const code = drive(options, { stage: "hot", kind: "hot", artifact: hot, at: proto.start }, cx);
  diagnostics.items.forEach(tell);
  return code as Code;
}

/** What a stage begins with. */
interface Beginning {
  readonly stage: Stage;
  readonly kind: Kind;
  readonly artifact: Artifacts[Kind];
  /** The offset in the source that is to blame for what passes throw. */
  readonly at: number;
}

function drive(options: DriverOptions, beginning: Beginning, cx: PassContext): Artifacts[Kind] {
  const { log } = options, { source, diagnostics } = cx, { stage } = beginning;
  const passes = options.passes.filter(({ pass }) => pass.stage === stage);
  const isDumping = options.dump.length > 0;
  let { kind, artifact } = beginning;
  if (isDumping) dumpAt(undefined);

  passes.forEach(({ pass, plugin }, index) => {
    const event: PassEvent = { pass: pass.name, plugin, path: source.path };
    options.notify("passStart", event, diagnostics);
    diagnostics.blame = plugin === CORE ? { pass: pass.name } : { pass: pass.name, plugin };
    const started = performance.now();
    guard(pass.name, plugin, () => {
      artifact = pass.run(artifact, cx);
      if (artifact === undefined || artifact === null) throw new Error(`it gave no ${pass.to}`);
      kind = pass.to;
    });
    const milliseconds = performance.now() - started;
    const timing = { ...event, milliseconds };
    if (stage === "load") log.timings.push(timing);
    else addTiming(log.timings, timing);
    // Half an artifact is nothing to verify or to print.
    if (diagnostics.errorCount === 0) {
      if (options.check || plugin !== CORE || index === passes.length - 1) {
        guard(pass.name, plugin, () => options.artifacts.get(kind)?.check(artifact, cx));
      }
      if (isDumping) guard(pass.name, plugin, () => dumpAt(index));
    }
    diagnostics.blame = {};
    options.notify("passEnd", { ...event, milliseconds, kind, artifact }, diagnostics);
    if (diagnostics.errorCount > 0) throw new CompileFailure(diagnostics.items);
  });
  return artifact;

  /** Runs a step of a pass; what it throws is the fault of the pass, and ends the compilation. */
  function guard(pass: string, plugin: string, step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof CompileFailure) throw error;
      const message = error instanceof Error ? error.message : String(error);
      const whose = error instanceof PluginFault ? error : { plugin, hook: `pass '${pass}'`, at: null };
      const start = whose.at ?? beginning.at, span = { source, start, end: start };
      diagnostics.report("U0501", span, { plugin: whose.plugin, hook: whose.hook, message });
      throw new CompileFailure(diagnostics.items, { cause: error });
    }
  }

  /** Prints what was asked for at this place: after the pass of that name, or after the last one of a kind. */
  function dumpAt(index: number | undefined): void {
    const def = options.artifacts.get(kind);
    if (def === undefined) return;
    const next = passes[index === undefined ? 0 : index + 1];
    const isLast = next === undefined || next.pass.to !== kind;
    const pass = index === undefined ? undefined : passes[index].pass.name;
    const hot = stage === "hot" ? beginning.artifact as HotFunction : null;
    if (hot !== null && (options.functionName ?? hot.loaded.proto.name) !== hot.loaded.proto.name) return;
    for (const name of options.dump) {
      if (name === def.dump ? isLast : name === pass) {
        const text = options.json ? def.json(artifact, cx) : def.print(artifact, cx);
        const about = hot === null ? {} : { functionName: hot.loaded.proto.name };
        log.dumps.push({ name, kind: def.dump, path: source.path, stage, ...about, text });
      }
    }
  }
}

/** Adds a time to what the pass has taken for the file so far: functions may be compiled any number of times. */
function addTiming(timings: PassTiming[], timing: PassTiming): void {
  const at = timings.findIndex(({ pass, path }) => pass === timing.pass && path === timing.path);
  if (at < 0) timings.push(timing);
  else timings[at] = { ...timing, milliseconds: timings[at].milliseconds + timing.milliseconds };
}

function makeContext(options: DriverOptions, source: SourceFile, diagnostics: Diagnostics): PassContext {
  const { opcodes, rules, builtins, threshold, messages, functionName } = options;
  return {
    source,
    opcodes,
    rules,
    builtins,
    threshold,
    diagnostics,
    ...(functionName === undefined ? {} : { functionName }),
    report(code, span, details) {
      const def = Object.hasOwn(messages, code) ? messages[code] : undefined;
      if (def === undefined) throw new Error(`No table of messages has the code '${code}'`);
      const diagnostic = makeDiagnostic(code, def, span, [details as never], diagnostics.blame);
      diagnostics.add(diagnostic);
      return diagnostic;
    },
  };
}
