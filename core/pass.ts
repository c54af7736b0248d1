/**
 * Passes, and the driver that runs them. A pass turns one artifact into the next and returns it; everything that is
 * the same for all of them happens here: order, time, dumps, checks, and blame when one of them throws. The driver
 * collects what it measures and prints nothing. What the passes do it does not know, nor who brings them.
 *
 * ```text
 *  load   source ──parse──► ast ──(ast passes)──► ast ──bytecode──► program ──profile──► program
 *                  │              │                                  │
 *                  └ after each: verified (check), printed (dump), timed, shown to observers
 *                  │
 *  hot    hot ──template-jit──► draft ──(draft passes)──► draft ──jump-patch──► code
 * ```
 *
 * The load stage runs once for each file, the hot stage once for each function that is worth machine code.
 *
 * Where a pass stands follows from what it takes and makes, and from the pairs in `after` and `before`, which carry
 * their reasons: a pair that cannot hold is refused with those very words.
 */

import type { SourceFile, Span } from "./source.ts";
import {
  createDiagnostics,
  type Diagnostic,
  type DiagnosticDef,
  type Diagnostics,
  makeDiagnostic,
  suggest,
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
  /** Keeps the message of `cause`. */
  constructor(plugin: string, hook: string, cause: Error) {
    super(cause.message, { cause });
    this.plugin = plugin;
    this.hook = hook;
  }
}

/** The plugin of the built-in passes; messages do not mention it, since there is nobody to tell. */
export const CORE = "core";

// ---- order -------------------------------------------------------------------------------------------------------

/** A pass, and the plugin that brings it. */
export interface OwnedPass {
  /** The pass. */
  readonly pass: AnyPass;
  /** The plugin's name. */
  readonly plugin: string;
}

/** Thrown when passes cannot be put in an order; `plugin` is the one to blame. */
export class OrderFault extends Error {
  /** What stack traces call it. */
  override readonly name = "OrderFault";
  /** The name of the plugin whose pass cannot keep its place. */
  readonly plugin: string;
  /** Blames `plugin`. */
  constructor(plugin: string, message: string) {
    super(message);
    this.plugin = plugin;
  }
}

/** `first` has to come before `second`. */
interface Edge {
  readonly first: OwnedPass;
  readonly second: OwnedPass;
  readonly because: string;
}

/**
 * Puts passes in an order that leads from source to program, and from hot function to code, and keeps all pairs; what
 * nothing decides stays in the order of registration.
 * @throws {OrderFault} if there is no such order, or a pair names a pass that does not exist
 */
export function orderPasses(passes: readonly OwnedPass[], off: ReadonlySet<string> = new Set()): OwnedPass[] {
  const byName = new Map(passes.map((owned) => [owned.pass.name, owned]));
  const edges = [...pairEdges(passes, byName), ...flowEdges(passes)]
    .filter(({ first, second }) => !off.has(first.pass.name) && !off.has(second.pass.name));
  const rest = passes.filter(({ pass }) => !off.has(pass.name));
  const order: OwnedPass[] = [];
  while (rest.length > 0) {
    const blocked = (owned: OwnedPass) => edges.some((e) => e.second === owned && rest.includes(e.first));
    const next = rest.findIndex((owned) => !blocked(owned));
    if (next < 0) throw cycleFault(rest, edges);
    order.push(...rest.splice(next, 1));
  }
  checkChain(order, "load", "source", "program");
  if (order.some(({ pass }) => pass.stage === "hot")) checkChain(order, "hot", "hot", "code");
  return order;
}

function pairEdges(passes: readonly OwnedPass[], byName: ReadonlyMap<string, OwnedPass>): Edge[] {
  const edges: Edge[] = [];
  for (const owned of passes) {
    const { pass, plugin } = owned;
    for (const key of ["after", "before"] as const) {
      for (const pair of pass[key] ?? []) {
        const other = byName.get(pair.pass);
        if (other === undefined) {
          const meant = suggest(pair.pass, byName.keys());
          const advice = meant === null ? "" : `; did you mean '${meant}'?`;
          throw new OrderFault(
            plugin,
            `pass '${pass.name}' has to come ${key} '${pair.pass}', which does not exist${advice}`,
          );
        }
        const because = `'${pass.name}' comes ${key} '${pair.pass}': ${pair.because}`;
        edges.push(
          key === "after"
            ? { first: other, second: owned, because }
            : { first: owned, second: other, because },
        );
      }
    }
  }
  return edges;
}

/** What makes a kind comes before what takes it; what keeps a kind comes before what turns it into another. */
function flowEdges(passes: readonly OwnedPass[]): Edge[] {
  const edges: Edge[] = [];
  for (const first of passes) {
    for (const second of passes) {
      const a = first.pass, b = second.pass;
      if (a.stage === "load" && b.stage === "hot") {
        edges.push({ first, second, because: `'${b.name}' runs when a function is hot, '${a.name}' before` });
      }
      if (first === second || a.to !== b.from) continue;
      if (a.from !== a.to) {
        edges.push({ first, second, because: `'${b.name}' takes the ${a.to} that '${a.name}' makes` });
      } else if (b.from !== b.to) {
        edges.push({
          first,
          second,
          because: `'${b.name}' turns the ${a.to} of '${a.name}' into something else`,
        });
      }
    }
  }
  return edges;
}

/** Every pass in `rest` waits for another one in it; going from one to what it waits for leads into a circle. */
function cycleFault(rest: readonly OwnedPass[], edges: readonly Edge[]): OrderFault {
  const path: Edge[] = [];
  for (let at = rest[0];;) {
    const edge = edges.find((e) => e.second === at && rest.includes(e.first))!;
    path.unshift(edge);
    at = edge.first;
    const end = path.findIndex((e) => e.second === at);
    if (end < 0) continue;
    const cycle = path.slice(0, end + 1);
    const owners = cycle.map((e) => e.second.plugin);
    const plugin = owners.find((name) => name !== CORE) ?? CORE;
    return new OrderFault(
      plugin,
      `its passes contradict each other: ${cycle.map((e) => e.because).join("; ")}`,
    );
  }
}

function checkChain(order: readonly OwnedPass[], stage: Stage, from: Kind, to: Kind): void {
  const passes = order.filter(({ pass }) => pass.stage === stage);
  let at = from, maker = "nothing";
  for (const { pass, plugin } of passes) {
    if (pass.from !== at) {
      throw new OrderFault(
        plugin,
        `pass '${pass.name}' takes the ${pass.from}, but at its place there is the ${at} of '${maker}'`,
      );
    }
    at = pass.to;
    maker = pass.name;
  }
  const last = passes.at(-1);
  if (at !== to) {
    throw new OrderFault(last?.plugin ?? CORE, `the last pass, '${maker}', makes the ${at}, not the ${to}`);
  }
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
  /** The file, as messages show it. */
  readonly path: string;
  /** When it was made; dumps of the hot stage are of single functions. */
  readonly stage: Stage;
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
  /** In their order, see {@linkcode orderPasses}. */
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
  readonly messages: Readonly<Record<string, DiagnosticDef>>;
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
 * Compiles a function to machine code: runs the passes of the hot stage.
 * @throws {CompileFailure} if any of them reports an error, or fails itself
 */
export function runHotPasses(options: DriverOptions, hot: HotFunction, target: AnyTarget): Code {
  const { source, proto } = hot.loaded;
  const cx = { ...makeContext(options, source, createDiagnostics()), target };
  return drive(options, { stage: "hot", kind: "hot", artifact: hot, at: proto.start }, cx) as Code;
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
  let { kind, artifact } = beginning;
  dumpAt(undefined);

  passes.forEach(({ pass, plugin }, index) => {
    const event: PassEvent = { pass: pass.name, plugin, path: source.path };
    options.notify("passStart", event, diagnostics);
    diagnostics.blame.pass = pass.name;
    if (plugin !== CORE) diagnostics.blame.plugin = plugin;
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
      dumpAt(index);
    }
    delete diagnostics.blame.pass;
    delete diagnostics.blame.plugin;
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
      const whose = error instanceof PluginFault ? error : { plugin, hook: `pass '${pass}'` };
      const span = { source, start: beginning.at, end: beginning.at };
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
        log.dumps.push({ name, path: source.path, stage, text });
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
