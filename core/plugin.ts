/**
 * Plugins, and the registry that merges them. Whatever the runtime consists of comes in through the one type here:
 * the built-in passes, natives and backends as well as those of users. How contributions combine is decided once:
 *
 * - opcodes, natives, libraries, tokens, artifacts, backends and messages are *unique by name*: a clash names both
 *   plugins;
 * - passes are *ordered* by what they take and make and by their pairs (pass.ts);
 * - observers *all run*, in the order of the plugins; they may look, not answer.
 *
 * A plugin is data from outside, perhaps from a file that no compiler has checked, so its shape is checked here: keys
 * that mean nothing are errors with a suggestion. What a plugin's functions throw is caught where they are called.
 */

import {
  type Diagnostic,
  type DiagnosticDef,
  DIAGNOSTICS,
  type Diagnostics,
  makeDiagnostic,
  suggest,
} from "./diagnostics.ts";
import { WriteFailure } from "./output.ts";
import { HeapExhausted } from "./heap.ts";
import { type LibraryDef, type NativeDef, ProgramExit, RuntimeFault } from "./machine.ts";
import { type OpcodeDef, OPCODES } from "./opcodes.ts";
import type { SyntaxRow, SyntaxRule } from "./syntax.ts";
import type { Backend } from "./backend.ts";
import {
  type AnyArtifactDef,
  type AnyPass,
  type Kind,
  OrderFault,
  orderPasses,
  type OwnedPass,
  type PassEndEvent,
  type PassEvent,
  PluginFault,
} from "./pass.ts";

/** A program at its start or end. */
export interface RunEvent {
  /** The program's file, as messages show it. */
  readonly path: string;
}

/** A program at its end. */
export interface RunEndEvent extends RunEvent {
  /** Whether it came to its end, failed, or called `exit`. */
  readonly outcome: "finished" | "failed" | "exited";
}

/** Functions that are told what happens. What they return means nothing. */
export interface Observer {
  /** A pass begins to work on a file. */
  passStart?(event: PassEvent): void;
  /** A pass is done with a file. */
  passEnd?(event: PassEndEvent): void;
  /** A program begins. */
  runStart?(event: RunEvent): void;
  /** A program has ended. */
  runEnd?(event: RunEndEvent): void;
}

/** A row for the grammar: a token, and what it means. */
export interface TokenRow extends SyntaxRow {
  /** The new keyword (letters) or operator (anything else but quotes, digits and blanks). */
  readonly token: string;
}

/** Something that a runtime is made of. */
export interface Plugin {
  /** Lower case with hyphens. */
  readonly name: string;
  /** One sentence. */
  readonly doc: string;
  /** Its version, for whoever asks. */
  readonly version?: string;
  /** New tokens. Their rules turn what they read into the nodes that exist. */
  readonly syntax?: readonly TokenRow[];
  /** New opcodes, for passes that write them into programs. */
  readonly opcodes?: readonly OpcodeDef[];
  /** Globals of every module. */
  readonly natives?: readonly NativeDef[];
  /** Predefined modules. */
  readonly libraries?: readonly LibraryDef[];
  /** New kinds of artifact. */
  readonly artifacts?: readonly AnyArtifactDef[];
  /** New passes. */
  readonly passes?: readonly AnyPass[];
  /** New ways of running code. */
  readonly backends?: readonly Backend[];
  /** Messages, by code. */
  readonly diagnostics?: Readonly<Record<string, DiagnosticDef>>;
  /** Functions that are told what happens. */
  readonly observe?: Observer;
}

/** Gives a plugin its type. */
export function definePlugin(plugin: Plugin): Plugin {
  return plugin;
}

/** Thrown when plugins are malformed or do not go together. */
export class PluginFailure extends Error {
  /** What stack traces call it. */
  override readonly name = "PluginFailure";
  /** What was found, all errors. */
  readonly diagnostics: readonly Diagnostic[];
  /** Takes the messages of all. */
  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map((d) => d.message).join("\n"));
    this.diagnostics = diagnostics;
  }
}

/** All that the plugins of a runtime bring, merged and frozen. */
export interface Registry {
  /** In the order in which they were given. */
  readonly plugins: readonly Plugin[];
  /** By number: the built-in ones first. */
  readonly opcodes: readonly OpcodeDef[];
  /** Globals of every module. */
  readonly natives: readonly NativeDef[];
  /** Predefined modules. */
  readonly libraries: readonly LibraryDef[];
  /** Rows for the grammar. */
  readonly rules: readonly SyntaxRule[];
  /** How artifacts are printed and verified. */
  readonly artifacts: ReadonlyMap<Kind, AnyArtifactDef>;
  /** In the order in which they run. */
  readonly passes: readonly OwnedPass[];
  /** By name. */
  readonly backends: ReadonlyMap<string, Backend>;
  /** The built-in messages and those of plugins. */
  readonly messages: Readonly<Record<string, DiagnosticDef>>;
  /** Tells all observers; what one throws becomes a diagnostic that names its plugin and the hook. */
  notify<Hook extends keyof Observer>(hook: Hook, event: EventOf<Hook>, diagnostics: Diagnostics): void;
}

/** What a hook of {@linkcode Observer} is told. */
export type EventOf<Hook extends keyof Observer> = Parameters<NonNullable<Observer[Hook]>>[0];

// ---- shapes ------------------------------------------------------------------------------------------------------

/** What a key has to hold; with a question mark it may be left out. */
type Holds = "text" | "function" | "list" | "record" | "flag" | "anything";
type Need = Holds | `${Holds}?`;
type Shape = Readonly<Record<string, Need>>;
type ShapeOf<Row> = Readonly<Record<keyof Row, Need>>;

const PLUGIN: ShapeOf<Plugin> = {
  name: "text",
  doc: "text",
  version: "text?",
  syntax: "list?",
  opcodes: "list?",
  natives: "list?",
  libraries: "list?",
  artifacts: "list?",
  passes: "list?",
  backends: "list?",
  diagnostics: "record?",
  observe: "record?",
};

const OBSERVER: ShapeOf<Observer> = {
  passStart: "function?",
  passEnd: "function?",
  runStart: "function?",
  runEnd: "function?",
};

const NATIVE: ShapeOf<NativeDef> = {
  name: "text",
  params: "list",
  doc: "text",
  example: "record",
  call: "function",
  intrinsic: "text?",
};

const MESSAGE: ShapeOf<DiagnosticDef> = {
  severity: "text",
  title: "text",
  text: "function",
  explain: "record",
};

/** The lists of a plugin whose elements are records: what stands in them, and what an element is called by. */
const LISTS = {
  syntax: {
    what: "token",
    key: "token",
    shape: {
      token: "text",
      prefix: "function?",
      infix: "function?",
      precedence: "anything?",
      statement: "function?",
    },
  },
  opcodes: {
    what: "opcode",
    key: "name",
    shape: {
      name: "text",
      operands: "record",
      effect: "text",
      formula: "text",
      doc: "text",
      exec: "function",
      general: "text?",
      swapped: "flag?",
    },
  },
  natives: { what: "native", key: "name", shape: NATIVE },
  libraries: {
    what: "library",
    key: "name",
    shape: { name: "text", doc: "text", natives: "list", constants: "record?" },
  },
  artifacts: {
    what: "artifact",
    key: "kind",
    shape: {
      kind: "text",
      dump: "text",
      doc: "text",
      print: "function",
      json: "function",
      check: "function",
    },
  },
  passes: {
    what: "pass",
    key: "name",
    shape: {
      name: "text",
      stage: "text",
      from: "text",
      to: "text",
      required: "flag?",
      after: "list?",
      before: "list?",
      doc: "record",
      run: "function",
    },
  },
  backends: {
    what: "backend",
    key: "name",
    shape: {
      name: "text",
      doc: "text",
      prepare: "function?",
      isLikely: "function?",
      choices: "record?",
      examine: "function?",
      probe: "function",
      open: "function",
    },
  },
} as const satisfies {
  readonly [List in keyof Plugin]?: {
    readonly what: string;
    readonly key: string;
    readonly shape: ShapeOf<RowOf<List>>;
  };
};

type RowOf<List extends keyof Plugin> = NonNullable<Plugin[List]> extends readonly (infer Row)[] ? Row
  : never;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** How a message names what a key holds, and how to tell. */
const HOLDS: { readonly [What in Holds]: readonly [name: string, test: (value: unknown) => boolean] } = {
  text: ["a string", (value) => typeof value === "string"],
  function: ["a function", (value) => typeof value === "function"],
  list: ["an array", Array.isArray],
  record: ["an object", isRecord],
  flag: ["true or false", (value) => typeof value === "boolean"],
  anything: ["anything", () => true],
};

/** What is wrong with the keys of `value`, which should be `what`; null if nothing is. */
function findFlaw(what: string, value: unknown, shape: Shape): string | null {
  if (!isRecord(value)) return `${what} is not an object`;
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(shape, key)) continue;
    const meant = suggest(key, Object.keys(shape));
    return `${what} has an unknown key '${key}'${meant === null ? "" : `; did you mean '${meant}'?`}`;
  }
  for (const [key, need] of Object.entries(shape)) {
    const held = value[key], mayLack = need.endsWith("?");
    if (held === undefined) {
      if (mayLack) continue;
      return `${what} has no '${key}'`;
    }
    const [name, test] = HOLDS[(mayLack ? need.slice(0, -1) : need) as Holds];
    if (!test(held)) return `${what === "it" ? `its '${key}'` : `'${key}' of ${what}`} is not ${name}`;
  }
  return null;
}

/** The first flaw of the rows of a list. */
function findRowFlaw(what: string, key: string, rows: readonly unknown[], shape: Shape): string | null {
  for (const [index, row] of rows.entries()) {
    const name = isRecord(row) && typeof row[key] === "string" ? `'${row[key]}'` : `number ${index + 1}`;
    const flaw = findFlaw(`${what} ${name}`, row, shape);
    if (flaw !== null) return flaw;
  }
  return null;
}

/** What is wrong with a plugin on its own; null if nothing is. */
function findPluginFlaw(plugin: unknown): string | null {
  const flaw = findFlaw("it", plugin, PLUGIN);
  if (flaw !== null) return flaw;
  const { observe, diagnostics = {}, libraries = [] } = plugin as Plugin;
  for (const [list, { what, key, shape }] of Object.entries(LISTS)) {
    const rows = (plugin as Readonly<Record<string, readonly unknown[] | undefined>>)[list] ?? [];
    const rowFlaw = findRowFlaw(what, key, rows, shape);
    if (rowFlaw !== null) return rowFlaw;
  }
  for (const { name, natives } of libraries) {
    const nativeFlaw = findRowFlaw(`native of library '${name}'`, "name", natives, NATIVE);
    if (nativeFlaw !== null) return nativeFlaw;
  }
  for (const [code, def] of Object.entries(diagnostics)) {
    const messageFlaw = findFlaw(`message '${code}'`, def, MESSAGE);
    if (messageFlaw !== null) return messageFlaw;
  }
  return observe === undefined ? null : findFlaw("'observe'", observe, OBSERVER);
}

// ---- blame -------------------------------------------------------------------------------------------------------

const textOf = (error: unknown) => error instanceof Error ? error.message : String(error);

/** What a function of the machine throws on purpose; it passes through a native as through any other code. */
function isMeant(error: unknown): boolean {
  return [RuntimeFault, ProgramExit, HeapExhausted, WriteFailure, Deno.errors.BrokenPipe]
    .some((type) => error instanceof type);
}

/**
 * A plugin whose functions say whose they are when they throw: natives fail in the program, rules of the grammar in
 * the pass that called them, backends before anything runs.
 */
function withBlame(plugin: Plugin): Plugin {
  const { name, syntax, natives, libraries, backends } = plugin;
  const native = (def: NativeDef): NativeDef => ({
    ...def,
    call(call) {
      try {
        def.call(call);
      } catch (error) {
        if (isMeant(error)) throw error;
        call.fail(`Plugin '${name}' failed in native '${def.name}': ${textOf(error)}`);
      }
    },
  });
  const rule =
    <Args extends unknown[], Result>(token: string, run: (...args: Args) => Result) =>
    (...args: Args): Result => {
      try {
        return run(...args);
      } catch (error) {
        // What else is thrown is how the parser gives up.
        if (!(error instanceof Error) || error instanceof PluginFault) throw error;
        throw new PluginFault(name, `rule of token '${token}'`, error);
      }
    };
  const backend = (def: Backend): Backend => {
    const fail = (error: unknown): never => {
      const details = { plugin: name, hook: `backend '${def.name}'`, message: textOf(error) };
      throw new PluginFailure([makeDiagnostic("U0501", DIAGNOSTICS.U0501, null, [details])]);
    };
    const guard = <Result>(step: () => Result): Result => {
      try {
        return step();
      } catch (error) {
        return fail(error);
      }
    };
    return {
      ...def,
      prepare: async () => await guard(() => def.prepare?.())?.catch(fail),
      probe: (options) => guard(() => def.probe(options)),
      open: (context) => guard(() => def.open(context)),
    };
  };
  return {
    ...plugin,
    ...(syntax && {
      syntax: syntax.map((row) => ({
        ...row,
        ...(row.prefix && { prefix: rule(row.token, row.prefix) }),
        ...(row.infix && { infix: rule(row.token, row.infix) }),
        ...(row.statement && { statement: rule(row.token, row.statement) }),
      })),
    }),
    ...(natives && { natives: natives.map(native) }),
    ...(libraries && {
      libraries: libraries.map((library) => ({ ...library, natives: library.natives.map(native) })),
    }),
    ...(backends && { backends: backends.map(backend) }),
  };
}

// ---- merging -----------------------------------------------------------------------------------------------------

/** Opcode numbers are bytes. */
const OPCODES_MAX = 256;

/**
 * Merges plugins: the built-in ones, whose shape the compiler has checked already, then others, in their order.
 * @throws {PluginFailure} if one is malformed, or two do not go together; it lists all that was found
 */
export function createRegistry(builtIn: readonly Plugin[], users: readonly Plugin[] = []): Registry {
  const found: Diagnostic[] = [];
  const malformed = (plugin: string, problem: string) =>
    found.push(makeDiagnostic("U0503", DIAGNOSTICS.U0503, null, [{ plugin, problem }]));
  users.forEach((plugin, index) => {
    const flaw = findPluginFlaw(plugin);
    if (flaw !== null) malformed(isRecord(plugin) ? String(plugin.name) : `number ${index + 1}`, flaw);
  });
  // Rows of a malformed plugin are not to be read.
  if (found.length > 0) throw new PluginFailure(found);

  const plugins = [...builtIn, ...users.map(withBlame)];
  const owners = new Map<string, string>();
  /** Takes note of who brings a thing; a second one is a clash. */
  const claim = (what: string, name: string, plugin: string) => {
    const key = `${what} ${name}`, first = owners.get(key);
    if (first === undefined) owners.set(key, plugin);
    else {
      found.push(
        makeDiagnostic("U0502", DIAGNOSTICS.U0502, null, [{ what, name, first, second: plugin }]),
      );
    }
  };
  /** The rows of all plugins in one list, each claimed by its name. */
  const merge = <Row>(
    rowsOf: (plugin: Plugin) => readonly Row[] | undefined,
    what: string,
    nameOf: (row: Row) => string,
  ) =>
    plugins.flatMap((plugin) =>
      (rowsOf(plugin) ?? []).map((row) => {
        if (isChecked) claim(what, nameOf(row), plugin.name);
        return { row, plugin: plugin.name };
      })
    );

  // The built-in plugins go together, which a test sees to; asking again would take a while at each start.
  const isChecked = users.length > 0;
  if (isChecked) {
    for (const plugin of plugins) claim("plugin", plugin.name, plugin.name);
    for (const row of OPCODES) claim("opcode", row.name, "core");
    for (const code of Object.keys(DIAGNOSTICS)) claim("message", code, "core");
  }
  const opcodes = merge((p) => p.opcodes, "opcode", (row) => row.name);
  // Natives and libraries are both globals, so they share their names.
  const natives = merge((p) => p.natives, "global", (row) => row.name);
  const libraries = merge((p) => p.libraries, "global", (row) => row.name);
  const rules = merge((p) => p.syntax, "token", (row) => row.token);
  const artifacts = merge((p) => p.artifacts, "artifact", (row) => row.kind);
  const passes = merge((p) => p.passes, "pass", (row) => row.name);
  const backends = merge((p) => p.backends, "backend", (row) => row.name);
  const messages = merge((p) => Object.entries(p.diagnostics ?? {}), "message", ([code]) => code);

  const beyond = opcodes[OPCODES_MAX - OPCODES.length];
  if (beyond !== undefined) {
    malformed(
      beyond.plugin,
      `opcode '${beyond.row.name}' is one too many: there is room for ${OPCODES_MAX} in all`,
    );
  }
  let ordered: readonly OwnedPass[] = [];
  try {
    ordered = orderPasses(passes.map(({ row, plugin }) => ({ pass: row, plugin })));
  } catch (error) {
    if (!(error instanceof OrderFault)) throw error;
    malformed(error.plugin, error.message);
  }
  if (found.length > 0) throw new PluginFailure(found);

  const rowOf = <Row>({ row }: { readonly row: Row }) => row;
  return Object.freeze<Registry>({
    plugins: Object.freeze(plugins),
    opcodes: Object.freeze([...OPCODES, ...opcodes.map(rowOf)]),
    natives: Object.freeze(natives.map(rowOf)),
    libraries: Object.freeze(libraries.map(rowOf)),
    rules: Object.freeze(rules.map(({ row, plugin }) => Object.freeze({ ...row, by: plugin }))),
    artifacts: new Map(artifacts.map(({ row }) => [row.kind, row])),
    passes: Object.freeze(ordered),
    backends: new Map(backends.map(({ row }) => [row.name, row])),
    messages: Object.freeze({ ...DIAGNOSTICS, ...Object.fromEntries(messages.map(rowOf)) }),
    notify(hook, event, diagnostics) {
      for (const { name, observe } of plugins) {
        const tell = observe?.[hook] as ((event: unknown) => void) | undefined;
        if (tell === undefined) continue;
        try {
          tell.call(observe, event);
        } catch (error) {
          const message = textOf(error);
          diagnostics.report("U0501", null, { plugin: name, hook: `observer '${hook}'`, message });
        }
      }
    },
  });
}
