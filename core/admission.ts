/**
 * How plugins of users join: what is wrong with one on its own, and with all of them together. A plugin is data from
 * outside, perhaps from a file that no compiler has checked, so its shape is checked here: keys that mean nothing are
 * errors with a suggestion. Its functions are wrapped, so that what they throw names the plugin. A runtime without
 * plugins of users does not load this file.
 */

import { type Diagnostic, type DiagnosticDef, DIAGNOSTICS, makeDiagnostic, suggest } from "./diagnostics.ts";
import { NODES, type Operation } from "./ast.ts";
import { WriteFailure } from "./output.ts";
import { HeapExhausted } from "./heap.ts";
import {
  fail,
  type LazyLibrary,
  type LibraryDef,
  type Machine,
  type NativeDef,
  NativeFault,
  ProgramExit,
  RuntimeFault,
  Stop,
} from "./machine.ts";
import {
  type Effect,
  type OpcodeDef,
  OPCODES,
  type OperandKind,
  type Operands,
  type WordKind,
} from "./opcodes.ts";
import { findOperationFlaw } from "./syntax.ts";
import type { AnyTarget, AnyTemplates, Backend, Runner } from "./backend.ts";
import { CompileFailure, type OwnedPass, PluginFault } from "./pass.ts";
import { OrderFault, orderPasses } from "./order.ts";
import { mergePlugins, type Observer, type Plugin, PluginFailure, type Registry, textOf } from "./plugin.ts";

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
  requires: "text?",
  syntax: "list?",
  opcodes: "list?",
  templates: "record?",
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
  hot: "function?",
  compiled: "function?",
  recompiled: "function?",
  patched: "function?",
  exited: "function?",
  noTemplate: "function?",
  gaveUp: "function?",
  evicted: "function?",
};

const NATIVE: ShapeOf<NativeDef> = {
  name: "text",
  params: "list",
  doc: "text",
  example: "record",
  call: "function?",
  code: "text?",
  uses: "list?",
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
      example: "text?",
    },
  },
  natives: { what: "native", key: "name", shape: NATIVE },
  libraries: {
    what: "library",
    key: "name",
    shape: { name: "text", doc: "text", natives: "list?", constants: "record?", load: "function?" },
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
      obstacle: "function?",
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

type RowOf<List extends keyof Plugin> = NonNullable<Plugin[List]> extends readonly (infer Row)[] ? Whole<Row>
  : never;
/** All keys of a row that has several forms. */
type Whole<Row> = { [Key in Row extends unknown ? keyof Row : never]: unknown };

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
  for (const native of (plugin as Plugin).natives ?? []) {
    const bodyFlaw = findBodyFlaw(native);
    if (bodyFlaw !== null) return bodyFlaw;
  }
  for (const library of libraries) {
    const libraryFlaw = findLibraryFlaw(library);
    if (libraryFlaw !== null) return libraryFlaw;
  }
  for (const row of (plugin as Plugin).opcodes ?? []) {
    const opcodeFlaw = findOpcodeFlaw(row);
    if (opcodeFlaw !== null) return opcodeFlaw;
  }
  for (const [target, templates] of Object.entries((plugin as Plugin).templates ?? {})) {
    if (!isRecord(templates)) return `'${target}' of 'templates' is not an object`;
    const odd = Object.keys(templates).find((name) =>
      typeof templates[name] !== "function" && templates[name] !== "exit"
    );
    if (odd !== undefined) return `the ${target} template of '${odd}' is neither a function nor "exit"`;
  }
  for (const [code, def] of Object.entries(diagnostics)) {
    const messageFlaw = findFlaw(`message '${code}'`, def, MESSAGE);
    if (messageFlaw !== null) return messageFlaw;
  }
  return observe === undefined ? null : findFlaw("'observe'", observe, OBSERVER);
}

function findLibraryFlaw(library: LibraryDef | LazyLibrary): string | null {
  if ("load" in library) {
    return "natives" in library ? `library '${library.name}' is both lazy and loaded` : null;
  }
  const { name, natives } = library;
  if (natives === undefined) return `library '${name}' has no 'natives'`;
  return findRowFlaw(`native of library '${name}'`, "name", natives, NATIVE) ??
    natives.reduce((flaw: string | null, native) => flaw ?? findBodyFlaw(native), null);
}

/** A native is written either in TypeScript or in the language. */
function findBodyFlaw({ name, call, code, params }: NativeDef): string | null {
  if ((call === undefined) === (code === undefined)) return `native '${name}' needs either 'call' or 'code'`;
  const hasRest = code !== undefined && params.some(({ mode }) => mode === "rest");
  return hasRest ? `native '${name}' has 'code', which cannot take a rest of arguments` : null;
}

const EFFECTS: Readonly<Record<Effect, true>> = { pure: true, memory: true, call: true, control: true };
const OPERANDS: ShapeOf<Operands> = {
  A: "text?",
  B: "text?",
  C: "text?",
  Bx: "text?",
  sBx: "text?",
  words: "list?",
};
const OPERAND_KINDS: Readonly<Record<OperandKind, true>> = {
  ...{ dst: true, src: true, constant: true, int: true, flag: true, count: true, capture: true },
  ...{ far: true, window: true, iterator: true },
};
const WORD_KINDS: Readonly<Record<WordKind, true>> = {
  ...{ jump: true, constant: true, global: true, window: true, cache: true },
};

/** What is wrong with a row beyond its keys: everything that decoders and the verifier rely on. */
function findOpcodeFlaw({ name, operands, effect }: OpcodeDef): string | null {
  const what = `opcode '${name}'`;
  if (!/^[A-Z][A-Z0-9_]*$/.test(name)) return `${what} is not written in capitals, digits and underscores`;
  const unknown = (part: string, word: unknown, known: object) => {
    const meant = typeof word === "string" ? suggest(word, Object.keys(known)) : null;
    const advice = meant === null
      ? `; there is ${Object.keys(known).join(", ")}`
      : `; did you mean '${meant}'?`;
    return `${part} of ${what} is '${word}'${advice}`;
  };
  if (!Object.hasOwn(EFFECTS, effect)) return unknown("the effect", effect, EFFECTS);
  const flaw = findFlaw(`'operands' of ${what}`, operands, OPERANDS);
  if (flaw !== null) return flaw;
  const { words = [], ...fields } = operands;
  for (const [field, kind] of Object.entries(fields)) {
    if (!Object.hasOwn(OPERAND_KINDS, kind)) return unknown(`operand ${field}`, kind, OPERAND_KINDS);
  }
  const odd = words.find((kind) => !Object.hasOwn(WORD_KINDS, kind));
  if (odd !== undefined) return unknown("an operand word", odd, WORD_KINDS);
  const { A, B, C, Bx, sBx } = operands;
  if ([Bx, sBx, B ?? C].filter((kind) => kind !== undefined).length > 1) {
    return `${what} uses bits 16 to 31 twice: for B and C, or Bx, or sBx`;
  }
  if (A === "window" && B !== "count") return `${what} has a window in A, and no count in B`;
  return null;
}

// ---- versions ----------------------------------------------------------------------------------------------------

/** A version as three numbers; what is left out is 0. */
function parseVersion(text: string): readonly number[] | null {
  const match = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(text);
  return match === null ? null : [match[1], match[2], match[3]].map((part) => Number(part ?? 0));
}

function compareVersions(a: readonly number[], b: readonly number[]): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/**
 * Whether a version is among those that `range` names: conditions with blanks between them, all of which have to hold.
 * `^` allows what leaves the first number that is not 0 as it is. Null if it names none.
 */
function allowsVersion(range: string, version: string): boolean | null {
  const is = parseVersion(version)!;
  let allowed = true;
  for (const condition of range.trim().split(/\s+/)) {
    const [, relation, text] = /^(\^|>=|<=|>|<|=|)(.*)$/.exec(condition)!;
    const bound = parseVersion(text);
    if (bound === null) return null;
    const order = compareVersions(is, bound);
    const fixed = Math.max(0, bound.findIndex((part) => part > 0));
    const holds = {
      "^": order >= 0 && is.slice(0, fixed + 1).every((part, i) => part === bound[i]),
      ">=": order >= 0,
      "<=": order <= 0,
      ">": order > 0,
      "<": order < 0,
      "=": order === 0,
      "": order === 0,
    }[relation];
    allowed &&= holds === true;
  }
  return allowed;
}

// ---- blame -------------------------------------------------------------------------------------------------------

/** What a function of the machine throws on purpose; it passes through a native as through any other code. */
function isMeant(error: unknown): boolean {
  return [RuntimeFault, ProgramExit, HeapExhausted, WriteFailure, Deno.errors.BrokenPipe]
    .some((type) => error instanceof type);
}

const STOPS: ReadonlySet<unknown> = new Set(Object.values(Stop));

/** What is wrong with what a rule gave; null if nothing is. */
function findNodeFlaw(node: unknown, opcodes: readonly OpcodeDef[]): string | null {
  if (!isRecord(node) || typeof node.kind !== "string" || !Object.hasOwn(NODES, node.kind)) {
    return `it gave ${isRecord(node) ? `a node of kind '${node.kind}', which does not exist` : "no node"}`;
  }
  return node.kind === "Operation" ? findOperationFlaw(node as unknown as Operation, opcodes) : null;
}

/**
 * A plugin whose functions say whose they are when they throw: natives and opcodes fail in the program, rules of the
 * grammar and templates in the pass that called them, backends before anything runs, or where it runs.
 */
function withBlame(plugin: Plugin, allOpcodes: readonly OpcodeDef[]): Plugin {
  const { name, syntax, opcodes, templates, artifacts, natives, libraries, backends } = plugin;
  const opcode = (row: OpcodeDef): OpcodeDef => {
    const size = row.operands.words?.length ?? 0, goesOn = row.effect === "pure" || row.effect === "memory";
    const failAt = (machine: Machine, problem: string): never =>
      fail(machine, "U0924", { message: `Plugin '${name}' failed in opcode '${row.name}': ${problem}` });
    return {
      ...row,
      exec(m, a, b, c) {
        const next = m.pc + size;
        let stop: number | void;
        try {
          stop = row.exec(m, a, b, c);
        } catch (error) {
          if (isMeant(error)) throw error;
          return failAt(m, textOf(error));
        }
        // Whoever reads operand words moves pc behind them; what would come next otherwise is no instruction.
        if (goesOn && m.pc !== next) {
          failAt(m, `it leaves pc ${m.pc - next} words from the next instruction`);
        }
        // Mostly an arrow function that gives by accident what it called last.
        if (goesOn && stop) {
          failAt(m, `it gives ${String(stop)}, and with the effect '${row.effect}' nothing`);
        }
        if (stop !== undefined && !STOPS.has(stop)) failAt(m, `it gives ${String(stop)}, which is no Stop`);
        return stop;
      },
    };
  };
  const blamed =
    <Args extends unknown[], Result>(hook: string, run: (...args: Args) => Result) =>
    (...args: Args): Result => {
      try {
        return run(...args);
      } catch (error) {
        throw new PluginFault(name, hook, error instanceof Error ? error : new Error(String(error)));
      }
    };
  const templatesFor = (target: string, rows: AnyTemplates): AnyTemplates =>
    Object.fromEntries(
      Object.entries(rows).map(([row, template]) => [
        row,
        template === "exit" ? template : blamed(`${target} template of '${row}'`, template),
      ]),
    );
  const native = (def: NativeDef): NativeDef => {
    const run = def.call;
    if (run === undefined) return def;
    return {
      ...def,
      call(call) {
        try {
          run(call);
        } catch (error) {
          if (isMeant(error)) throw error;
          call.fail(`Plugin '${name}' failed in native '${def.name}': ${textOf(error)}`);
        }
      },
    };
  };
  const library = (def: LibraryDef | LazyLibrary): LibraryDef | LazyLibrary => {
    if (!("load" in def)) return { ...def, natives: def.natives.map(native) };
    return {
      ...def,
      async load() {
        const fail = (problem: string): never => {
          throw new PluginFailure([
            makeDiagnostic("U0503", DIAGNOSTICS.U0503, null, [{ plugin: name, problem }]),
          ]);
        };
        const loaded = await def.load().catch((error) =>
          fail(`loading library '${def.name}': ${textOf(error)}`)
        );
        const { what, shape } = LISTS.libraries;
        const flaw = findFlaw(`${what} '${def.name}'`, loaded, shape) ?? findLibraryFlaw(loaded);
        if (flaw !== null) fail(flaw);
        if (loaded.name !== def.name) {
          fail(`library '${def.name}' calls itself '${loaded.name}' once it is loaded`);
        }
        return { ...loaded, natives: loaded.natives.map(native) };
      },
    };
  };
  const rule =
    <Args extends unknown[], Result>(token: string, run: (...args: Args) => Result) =>
    (...args: Args): Result => {
      const at = args.at(-1) as number; // each kind of rule gets the token's offset last
      const fault = (error: Error) => new PluginFault(name, `rule of token '${token}'`, error, at);
      let node: Result;
      try {
        node = run(...args);
      } catch (error) {
        // What else is thrown is how the parser gives up.
        if (!(error instanceof Error) || error instanceof PluginFault) throw error;
        throw fault(error);
      }
      const flaw = findNodeFlaw(node, allOpcodes);
      if (flaw !== null) throw fault(new Error(flaw));
      return node;
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
        if (isMeant(error) || error instanceof CompileFailure || error instanceof NativeFault) throw error;
        return fail(error);
      }
    };
    const guardRunner = (runner: Runner): Runner => ({
      run: (machine) => guard(() => runner.run(machine)),
      wait: () => guard(() => runner.wait?.() ?? null),
      compiled: () => guard(() => runner.compiled?.() ?? []),
      exits: () => guard(() => runner.exits?.() ?? []),
      dispose: () => guard(() => runner.dispose?.()),
    });
    return {
      ...def,
      prepare: async () => await guard(() => def.prepare?.())?.catch(fail),
      probe: (options) => guard(() => def.probe(options)),
      open: (context) => guardRunner(guard(() => def.open(context))),
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
    ...(opcodes && { opcodes: opcodes.map(opcode) }),
    ...(templates && {
      templates: Object.fromEntries(
        Object.entries(templates).map(([target, rows]) => [target, templatesFor(target, rows)]),
      ),
    }),
    ...(artifacts && {
      artifacts: artifacts.map((def) => ({
        ...def,
        print: blamed(`artifact '${def.kind}'`, def.print),
        json: blamed(`artifact '${def.kind}'`, def.json),
      })),
    }),
    ...(natives && { natives: natives.map(native) }),
    ...(libraries && { libraries: libraries.map(library) }),
    ...(backends && { backends: backends.map(backend) }),
  };
}

// ---- merging -----------------------------------------------------------------------------------------------------

/** A target with other templates for some opcodes; what it has of its own for those in loops gives way as well. */
function extendTarget(target: AnyTarget, rows: AnyTemplates): AnyTarget {
  const { loops } = target, templates = { ...target.templates, ...rows };
  if (loops === undefined) return { ...target, templates };
  const own = Object.entries(loops.templates).filter(([opcode]) => !Object.hasOwn(rows, opcode));
  return { ...target, templates, loops: { ...loops, templates: Object.fromEntries(own) } };
}

/** What is wrong with a plugin's templates for a target; null if nothing is. */
function findTemplatesFlaw(
  target: string,
  rows: AnyTemplates,
  backends: readonly string[],
  opcodes: readonly OpcodeDef[],
): string | null {
  const adviceFor = (name: string, known: readonly string[]) => {
    const meant = suggest(name, known);
    return meant === null ? "" : `; did you mean '${meant}'?`;
  };
  if (!backends.includes(target)) {
    return `it has templates for '${target}', which is no backend${adviceFor(target, backends)}`;
  }
  const names = opcodes.map(({ name }) => name);
  const unknown = Object.keys(rows).find((name) => !names.includes(name));
  if (unknown === undefined) return null;
  return `it has a ${target} template for '${unknown}', which is no opcode${adviceFor(unknown, names)}`;
}

/** Opcode numbers are bytes. */
const OPCODES_MAX = 256;

/**
 * Merges plugins: the built-in ones, whose shape the compiler has checked already, then others, in their order.
 * @throws {PluginFailure} if one is malformed, or two do not go together; it lists all that was found
 */
export function createRegistry(
  builtIn: readonly Plugin[],
  users: readonly Plugin[] = [],
  version = "0.0.0",
): Registry {
  const found: Diagnostic[] = [];
  const malformed = (plugin: string, problem: string) =>
    found.push(makeDiagnostic("U0503", DIAGNOSTICS.U0503, null, [{ plugin, problem }]));
  users.forEach((plugin, index) => {
    const flaw = findPluginFlaw(plugin);
    if (flaw !== null) malformed(isRecord(plugin) ? String(plugin.name) : `number ${index + 1}`, flaw);
  });
  // Rows of a malformed plugin are not to be read.
  if (found.length > 0) throw new PluginFailure(found);
  for (const { name: plugin, requires } of users) {
    if (requires === undefined) continue;
    const allowed = allowsVersion(requires, version);
    if (allowed === null) {
      malformed(plugin, `its 'requires' is '${requires}': write 0.1.0, ^0.1 or >=0.1 <0.3`);
    } else if (!allowed) {
      const details = { plugin, requires, version };
      found.push(makeDiagnostic("U0504", DIAGNOSTICS.U0504, null, [details]));
    }
  }

  const allOpcodes = [...OPCODES, ...users.flatMap(({ opcodes = [] }) => opcodes)];
  const plugins = [...builtIn, ...users.map((plugin) => withBlame(plugin, allOpcodes))];
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
  merge((p) => p.natives, "global", (row) => row.name);
  merge((p) => p.libraries, "global", (row) => row.name);
  merge((p) => p.syntax, "token", (row) => row.token);
  merge((p) => p.artifacts, "artifact", (row) => row.kind);
  const passes = merge((p) => p.passes, "pass", (row) => row.name);
  const backends = merge((p) => p.backends, "backend", (row) => row.name);
  merge((p) => Object.entries(p.diagnostics ?? {}), "message", ([code]) => code);
  const templates = new Map<string, AnyTemplates>();
  for (const plugin of plugins) {
    for (const [target, rows] of Object.entries(plugin.templates ?? {})) {
      const flaw = findTemplatesFlaw(target, rows, backends.map(({ row }) => row.name), allOpcodes);
      if (flaw !== null) malformed(plugin.name, flaw);
      // The first one wins.
      templates.set(target, { ...rows, ...templates.get(target) });
    }
  }
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

  const extended = new WeakMap<AnyTarget, AnyTarget>();
  return mergePlugins(plugins, ordered, (target) => {
    const rows = templates.get(target.name);
    if (rows === undefined) return target;
    let result = extended.get(target);
    if (result === undefined) {
      result = extendTarget(target, rows);
      extended.set(target, result);
    }
    return result;
  });
}
