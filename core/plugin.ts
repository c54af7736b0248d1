/**
 * Plugins, and the registry that merges them. Whatever the runtime consists of comes in through the one type here:
 * the built-in passes, natives and backends as well as those of users. How contributions combine is decided once:
 *
 * - opcodes, natives, libraries, tokens, artifacts, backends and messages are *unique by name*: a clash names both
 *   plugins;
 * - passes are *ordered* by what they take and make and by their pairs (order.ts);
 * - of templates for the same opcode, the *first wins*, and all go before those of the backend itself;
 * - observers *all run*, in the order of the plugins; they may look, not answer.
 *
 * This file says what a plugin is and what comes of several. Whether one that a user brings is sound, and whether it
 * goes together with the others, is found out in admission.ts.
 */

import {
  type Diagnostic,
  type DiagnosticDef,
  DIAGNOSTICS,
  type Diagnostics,
  type MessageDef,
  suggest,
} from "./diagnostics.ts";
import type { FunctionProfile, LazyLibrary, LibraryDef, NativeDef } from "./machine.ts";
import { type OpcodeDef, OPCODES } from "./opcodes.ts";
import type { SyntaxRow, SyntaxRule } from "./syntax.ts";
import type { AnyTarget, AnyTemplates, Backend, JitEvent, JitEventOf } from "./backend.ts";
import type { AnyArtifactDef, AnyPass, Kind, OwnedPass, PassEndEvent, PassEvent } from "./pass.ts";

/** The version of the runtime, which plugins may require. */
export const VERSION = "0.1.0";

/** A program at its start or end. */
export interface RunEvent {
  /** The program's file, as messages show it. */
  readonly path: string;
}

/** A program at its end. */
export interface RunEndEvent extends RunEvent {
  /** Whether it came to its end, failed, or called `exit`. */
  readonly outcome: "finished" | "failed" | "exited";
  /** Its functions as they are now: how often they ran, and their code. */
  profile(): readonly FunctionProfile[];
  /** All opcodes by number: what that code consists of. */
  readonly opcodes: readonly OpcodeDef[];
  /** Writes to where errors go, behind all that the program has printed. */
  write(text: string): void;
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
  /** A loop or a function is worth machine code. */
  hot?(event: JitEventOf<"hot">): void;
  /** A function has got machine code, for the first time. */
  compiled?(event: JitEventOf<"compiled">): void;
  /** A function has got new machine code in place of what it had. */
  recompiled?(event: JitEventOf<"compiled">): void;
  /** The holes in its code have been filled; follows the two above. */
  patched?(event: JitEventOf<"compiled">): void;
  /** Machine code was left through an exit: told of the first, second, fourth, eighth time and so on. */
  exited?(event: JitEventOf<"exit">): void;
  /** An opcode without a template was met, for the first time. */
  noTemplate?(event: JitEventOf<"no-template">): void;
  /** A function stays in the interpreter for good. */
  gaveUp?(event: JitEventOf<"refused">): void;
  /** A function's machine code had to go, since others need the room. */
  evicted?(event: JitEventOf<"evicted">): void;
}

/** The hooks that an event of hot code is for, in order. */
export function hooksOf(event: JitEvent): (keyof Observer)[] {
  switch (event.kind) {
    case "compiled":
      return [event.compilation === 1 ? "compiled" : "recompiled", "patched"];
    case "exit":
      return ["exited"];
    case "refused":
      return ["gaveUp"];
    case "no-template":
      return ["noTemplate"];
    default:
      return [event.kind];
  }
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
  /** The versions of the runtime that it works with: `0.1.0`, `^0.1` or `>=0.1 <0.3`; any, if it does not say. */
  readonly requires?: string;
  /** New tokens. Their rules turn what they read into the nodes that exist. */
  readonly syntax?: readonly TokenRow[];
  /** New opcodes, for passes that write them into programs. */
  readonly opcodes?: readonly OpcodeDef[];
  /** How backends that compile write opcodes, its own or others, by the backend's name: `x64`. */
  readonly templates?: { readonly [target: string]: AnyTemplates };
  /** Globals of every module. */
  readonly natives?: readonly NativeDef[];
  /** Predefined modules; a lazy one is loaded when a program names it. */
  readonly libraries?: readonly (LibraryDef | LazyLibrary)[];
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

/**
 * Gives a plugin its type.
 *
 * ```ts
 * import { createRuntime, defineHostNative, definePlugin } from "./mod.ts";
 *
 * const shout = definePlugin({
 *   name: "shout",
 *   doc: "Louder texts.",
 *   natives: [defineHostNative({
 *     name: "shout",
 *     params: [{ name: "text", type: "string" }],
 *     doc: "The text in capitals.",
 *     example: { code: 'print shout("hey");', output: "HEY\n" },
 *     run: ([text]) => String(text).toUpperCase(),
 *   })],
 * });
 * await createRuntime({ plugins: [shout] }).runSource("main.unna", 'print shout("hey");');
 * ```
 */
export function definePlugin(plugin: Plugin): Plugin {
  return plugin;
}

/** Thrown for options that name things which do not exist, or are out of range. */
export class OptionError extends Error {
  /** What stack traces call it. */
  override readonly name = "OptionError";
}

/** What is wrong with an option that names what does not exist. */
export function unknownName(what: string, name: string, known: Iterable<string>): OptionError {
  const names = [...known], meant = suggest(name, names);
  const advice = meant === null ? `; there is ${names.join(", ")}` : `; did you mean '${meant}'?`;
  return new OptionError(`Unknown ${what} '${name}'${advice}`);
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
  readonly libraries: readonly (LibraryDef | LazyLibrary)[];
  /** Rows for the grammar. */
  readonly rules: readonly SyntaxRule[];
  /** How artifacts are printed and verified. */
  readonly artifacts: ReadonlyMap<Kind, AnyArtifactDef>;
  /** In the order in which they run. */
  readonly passes: readonly OwnedPass[];
  /** By name. */
  readonly backends: ReadonlyMap<string, Backend>;
  /** The built-in messages and those of plugins. */
  readonly messages: Readonly<Record<string, MessageDef>>;
  /** A target, with the templates that plugins bring for it before its own. */
  extend(target: AnyTarget): AnyTarget;
  /** Tells all observers; what one throws becomes a diagnostic that names its plugin and the hook. */
  notify<Hook extends keyof Observer>(hook: Hook, event: EventOf<Hook>, diagnostics: Diagnostics): void;
}

/** What a hook of {@linkcode Observer} is told. */
export type EventOf<Hook extends keyof Observer> = Parameters<NonNullable<Observer[Hook]>>[0];

// ---- merging -----------------------------------------------------------------------------------------------------

/** What somebody threw, as text. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The passes of all plugins, with their owners, as they were given. */
function passesOf(plugins: readonly Plugin[]): OwnedPass[] {
  const owned: OwnedPass[] = [];
  for (const { name, passes = [] } of plugins) {
    for (const pass of passes) owned.push({ pass, plugin: name });
  }
  return owned;
}

/**
 * Merges plugins that go together, as the built-in ones do, which a test sees to: looking at them again would take a
 * while at each start. Those of others join by `createRegistry` in admission.ts, which knows the order of the passes and
 * how templates combine.
 */
export function mergePlugins(
  plugins: readonly Plugin[],
  passes: readonly OwnedPass[] = passesOf(plugins),
  extend: Registry["extend"] = (target) => target,
): Registry {
  const rules: SyntaxRule[] = [], opcodes: OpcodeDef[] = [...OPCODES], natives: NativeDef[] = [];
  const libraries: (LibraryDef | LazyLibrary)[] = [];
  const artifacts = new Map<Kind, AnyArtifactDef>(), backends = new Map<string, Backend>();
  let messages: Registry["messages"] = DIAGNOSTICS;
  for (const plugin of plugins) {
    for (const row of plugin.syntax ?? []) rules.push(Object.freeze({ ...row, by: plugin.name }));
    for (const row of plugin.artifacts ?? []) artifacts.set(row.kind, row);
    for (const row of plugin.backends ?? []) backends.set(row.name, row);
    if (plugin.opcodes) opcodes.push(...plugin.opcodes);
    if (plugin.natives) natives.push(...plugin.natives);
    if (plugin.libraries) libraries.push(...plugin.libraries);
    if (plugin.diagnostics) messages = Object.freeze({ ...messages, ...plugin.diagnostics });
  }
  return Object.freeze<Registry>({
    plugins: Object.freeze(plugins),
    opcodes: Object.freeze(opcodes),
    natives: Object.freeze(natives),
    libraries: Object.freeze(libraries),
    rules: Object.freeze(rules),
    artifacts,
    passes: Object.freeze(passes),
    backends,
    messages,
    extend,
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
