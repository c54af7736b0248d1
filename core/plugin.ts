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
import type { LibraryDef, NativeDef } from "./machine.ts";
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

type Need = "required" | "optional";
type Shape = Readonly<Record<string, Need>>;
type ShapeOf<Row> = Readonly<Record<keyof Row, Need>>;

const PLUGIN: ShapeOf<Plugin> = {
  name: "required",
  doc: "required",
  version: "optional",
  syntax: "optional",
  opcodes: "optional",
  natives: "optional",
  libraries: "optional",
  artifacts: "optional",
  passes: "optional",
  backends: "optional",
  diagnostics: "optional",
  observe: "optional",
};

const OBSERVER: ShapeOf<Observer> = {
  passStart: "optional",
  passEnd: "optional",
  runStart: "optional",
  runEnd: "optional",
};

const NATIVE: ShapeOf<NativeDef> = {
  name: "required",
  params: "required",
  doc: "required",
  example: "required",
  call: "required",
};

/** The lists of a plugin whose elements are records: what stands in them, and what an element is called by. */
const LISTS = {
  syntax: {
    what: "token",
    key: "token",
    shape: {
      token: "required",
      prefix: "optional",
      infix: "optional",
      precedence: "optional",
      statement: "optional",
    },
  },
  opcodes: {
    what: "opcode",
    key: "name",
    shape: {
      name: "required",
      operands: "required",
      effect: "required",
      formula: "required",
      doc: "required",
      exec: "required",
      general: "optional",
      swapped: "optional",
    },
  },
  natives: { what: "native", key: "name", shape: NATIVE },
  libraries: {
    what: "library",
    key: "name",
    shape: { name: "required", doc: "required", natives: "required", constants: "optional" },
  },
  artifacts: {
    what: "artifact",
    key: "kind",
    shape: {
      kind: "required",
      dump: "required",
      doc: "required",
      print: "required",
      json: "required",
      check: "required",
    },
  },
  passes: {
    what: "pass",
    key: "name",
    shape: {
      name: "required",
      stage: "required",
      from: "required",
      to: "required",
      required: "optional",
      after: "optional",
      before: "optional",
      doc: "required",
      run: "required",
    },
  },
  backends: {
    what: "backend",
    key: "name",
    shape: { name: "required", doc: "required", prepare: "optional", probe: "required", open: "required" },
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

/** What is wrong with the keys of `value`, which should be `what`; null if nothing is. */
function findFlaw(what: string, value: unknown, shape: Shape): string | null {
  if (!isRecord(value)) return `${what} is not an object`;
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(shape, key)) continue;
    const meant = suggest(key, Object.keys(shape));
    return `${what} has an unknown key '${key}'${meant === null ? "" : `; did you mean '${meant}'?`}`;
  }
  const missing = Object.keys(shape).find((key) => shape[key] === "required" && value[key] === undefined);
  return missing === undefined ? null : `${what} has no '${missing}'`;
}

/** What is wrong with a plugin on its own; null if nothing is. */
function findPluginFlaw(plugin: unknown): string | null {
  const flaw = findFlaw("it", plugin, PLUGIN);
  if (flaw !== null) return flaw;
  const record = plugin as Record<string, unknown>;
  if (typeof record.name !== "string") return "its name is not a string";
  for (const [list, { what, key, shape }] of Object.entries(LISTS)) {
    const rows = record[list];
    if (rows === undefined) continue;
    if (!Array.isArray(rows)) return `'${list}' is not an array`;
    for (const [index, row] of rows.entries()) {
      const name = isRecord(row) && typeof row[key] === "string" ? `'${row[key]}'` : `number ${index + 1}`;
      const rowFlaw = findFlaw(`${what} ${name}`, row, shape);
      if (rowFlaw !== null) return rowFlaw;
    }
  }
  if (record.observe !== undefined) {
    const observerFlaw = findFlaw("'observe'", record.observe, OBSERVER);
    if (observerFlaw !== null) return observerFlaw;
  }
  if (record.diagnostics !== undefined && !isRecord(record.diagnostics)) {
    return "'diagnostics' is not an object";
  }
  for (const library of (plugin as Plugin).libraries ?? []) {
    for (const native of library.natives) {
      const nativeFlaw = findFlaw(`a native of library '${library.name}'`, native, NATIVE);
      if (nativeFlaw !== null) return nativeFlaw;
    }
  }
  return null;
}

// ---- merging -----------------------------------------------------------------------------------------------------

/** Opcode numbers are bytes. */
const OPCODES_MAX = 256;

/**
 * Merges plugins: the built-in ones, whose shape the compiler has checked already, then those of users, in their order.
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

  const plugins = [...builtIn, ...users];
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
        claim(what, nameOf(row), plugin.name);
        return { row, plugin: plugin.name };
      })
    );

  for (const plugin of plugins) claim("plugin", plugin.name, plugin.name);
  for (const row of OPCODES) claim("opcode", row.name, "core");
  for (const code of Object.keys(DIAGNOSTICS)) claim("message", code, "core");
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
          const message = error instanceof Error ? error.message : String(error);
          diagnostics.report("U0501", null, { plugin: name, hook: `observer '${hook}'`, message });
        }
      }
    },
  });
}
