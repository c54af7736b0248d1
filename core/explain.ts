/**
 * `explain WORD`: whatever has a name in this system in words, and at work. There is a word for each row of each table:
 * passes, artifacts, opcodes, exit reasons, backends, messages, natives, libraries, plugins, the options and commands
 * of the command line, and the ideas of the glossary. What is said comes from the rows, and what is shown is made by
 * running an example there and then, so neither can be out of date.
 *
 * ```text
 *  registry, command line, glossary ──► words: kind, name, a line each ──► facts and sections ──► text or JSON
 *                                                                             └ a trial runs the example
 * ```
 *
 * This file decides what is worth telling about each kind of thing. It does not know which backend compiles, nor how
 * runtimes are made; both are handed to it.
 */

import { type DiagnosticCode, type DiagnosticDef, DIAGNOSTICS } from "./diagnostics.ts";
import { EXPLANATIONS } from "./explanations.ts";
import { type FunctionProfile, type LibraryDef, type NativeDef, printSignature } from "./machine.ts";
import { type Effect, type OpcodeDef, OPCODES, type OperandKind, type WordKind } from "./opcodes.ts";
import type { Program } from "./program.ts";
import { listInstructions } from "./listing.ts";
import { type Backend, EXIT_REASONS, type ExitReason, type Probe } from "./backend.ts";
import { asCompiled, printExits, sectionsOf } from "./native_views.ts";
import { type AnyArtifactDef, CORE, type OwnedPass } from "./pass.ts";
import type { Plugin, Registry } from "./plugin.ts";
import { PluginFailure } from "./plugin.ts";
import { DIAGNOSTIC_CASES, type DiagnosticCase, EXIT_EXAMPLES, OPCODE_EXAMPLES } from "./explain_examples.ts";
import {
  type Made,
  type MakeRuntime,
  probeBackend,
  runTrial,
  type Trial,
  type TrialOptions,
} from "./trial.ts";

// ---- words -------------------------------------------------------------------------------------------------------

/** The kinds of words, in the order of the list, each with its heading there. */
export const WORD_KINDS = {
  command: "commands",
  option: "options of the command line",
  pass: "passes",
  artifact: "artifacts",
  opcode: "opcodes",
  exit: "reasons to leave machine code",
  backend: "backends",
  message: "messages",
  native: "natives",
  library: "libraries",
  plugin: "plugins",
  idea: "ideas",
} as const;

/** A kind of word. */
export type WordKindName = keyof typeof WORD_KINDS;

/** A part of an explanation: a program, what it prints, a listing. */
export interface ExplainedPart {
  readonly title: string;
  /** Lines, as they are to be shown; the last one with its end. */
  readonly text: string;
}

/** What there is to tell about a word. */
export interface Explanation {
  readonly kind: WordKindName;
  readonly word: string;
  /** The plugin that brings it, if it is not built in. */
  readonly plugin?: string;
  /** What it is. */
  readonly text: string;
  /** Its properties by name. */
  readonly facts: Readonly<Record<string, string>>;
  /** What it looks like at work. */
  readonly parts: readonly ExplainedPart[];
}

/** A word that can be explained. */
export interface Word {
  readonly kind: WordKindName;
  readonly name: string;
  /** What else it is looked up by. */
  readonly also?: readonly string[];
  /** The plugin that brings it, if it is not built in. */
  readonly plugin?: string;
  /** What it is. */
  readonly text: string;
  /** A line for lists; without it, the beginning of the text has to do. */
  readonly brief?: string;
  /** The rest, which takes running something. */
  readonly tell: () => Promise<Pick<Explanation, "facts" | "parts">>;
}

/** A row of the command line, command or option. */
export interface CommandLineRow {
  /** The word, without hyphens. */
  readonly name: string;
  /** What it does. */
  readonly text: string;
  /** When one wants it. */
  readonly why: string;
  /** A command that shows it, with what it reads, or why it is not run. */
  readonly example: {
    readonly args: readonly string[];
    readonly stdin?: string;
    readonly unshown?: string;
  };
}

/** The command line, for whoever has one. */
export interface CommandLine {
  /** What can stand in the place of a file. */
  readonly commands: readonly (CommandLineRow & { readonly operands: string })[];
  /** What can stand before it. */
  readonly options: readonly (CommandLineRow & { readonly value?: string; readonly letter?: string })[];
  /** Runs a command, and gives what it writes. */
  run(args: readonly string[], stdin: string): Promise<{ stdout: string; stderr: string; code: number }>;
}

/** What explanations are made of. */
export interface ExplainContext {
  readonly registry: Registry;
  /** Those of its plugins that are not built in, as they were given: in the registry, they are wrapped. */
  readonly plugins: readonly Plugin[];
  readonly make: MakeRuntime;
  /** The backend that compiles. */
  readonly native: Backend;
  readonly commandLine?: CommandLine;
  /** The glossary, if it can be read. */
  readonly glossary: string | null;
}

/** All words that can be explained, by kinds in their order. */
export async function listWords(cx: ExplainContext): Promise<readonly Word[]> {
  const { registry } = cx, owners = ownersOf(cx);
  const owned = <Row extends Word>(what: string, word: Row): Word => {
    const plugin = owners.get(`${what} ${word.name}`);
    return plugin === undefined ? word : { ...word, plugin };
  };
  const libraries = await Promise.all(
    registry.libraries.map((library) => "load" in library ? library.load() : library),
  );
  return [
    ...(cx.commandLine?.commands ?? []).map((row) => wordOfCommand(cx, row)),
    ...(cx.commandLine?.options ?? []).map((row) => wordOfOption(cx, row)),
    ...registry.passes.map((pass) => owned("pass", wordOfPass(cx, pass))),
    ...[...registry.artifacts.values()].map((def) => owned("artifact", wordOfArtifact(cx, def))),
    ...registry.opcodes.map((row, number) => owned("opcode", wordOfOpcode(cx, row, number))),
    ...Object.keys(EXIT_REASONS).map((reason) => wordOfExit(cx, reason as ExitReason)),
    ...[...registry.backends.values()].map((backend) => owned("backend", wordOfBackend(cx, backend))),
    ...messagesOf(registry).map(([code, def]) => owned("message", wordOfMessage(cx, code, def))),
    ...registry.natives.map((def) => owned("native", wordOfNative(cx, def))),
    ...libraries.flatMap(({ natives }) => natives.map((def) => wordOfNative(cx, def))),
    ...libraries.map((library) => owned("library", wordOfLibrary(library))),
    ...registry.plugins.map((plugin) => wordOfPlugin(plugin)),
    ...(cx.glossary === null ? [] : wordsOfGlossary(cx.glossary)),
  ];
}

/** The words that `query` means: exactly, or but for case, hyphens in front, and the name of a library. */
export function findWords(words: readonly Word[], query: string): readonly Word[] {
  const plain = (name: string) => name.toLowerCase().replace(/^-+/, "").replace(/=.*/s, "");
  const names = ({ name, also = [] }: Word) => [name, ...also];
  const exact = words.filter((word) => names(word).includes(query));
  if (exact.length === 0) {
    return words.filter((word) => names(word).some((name) => plain(name) === plain(query)));
  }
  // `parse` is a pass; the functions of that name are meant only where nothing else is.
  const isFunction = ({ kind, name }: Word) => kind === "native" && name !== query;
  return exact.every(isFunction) ? exact : exact.filter((word) => !isFunction(word));
}

/** Everything about a word. */
export async function explainWord(word: Word): Promise<Explanation> {
  const { kind, name, text, plugin } = word;
  return { kind, word: name, ...(plugin === undefined ? {} : { plugin }), text, ...await word.tell() };
}

/** Who brings what is not built in. */
function ownersOf({ plugins }: ExplainContext): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  for (const plugin of plugins) {
    const claim = (what: string, names: readonly string[]) =>
      names.forEach((name) => owners.set(`${what} ${name}`, plugin.name));
    claim("pass", (plugin.passes ?? []).map(({ name }) => name));
    claim("artifact", (plugin.artifacts ?? []).map(({ kind }) => kind));
    claim("opcode", (plugin.opcodes ?? []).map(({ name }) => name));
    claim("backend", (plugin.backends ?? []).map(({ name }) => name));
    claim("message", Object.keys(plugin.diagnostics ?? {}));
    claim("native", (plugin.natives ?? []).map(({ name }) => name));
    claim("library", (plugin.libraries ?? []).map(({ name }) => name));
  }
  return owners;
}

// ---- running -----------------------------------------------------------------------------------------------------

/** What programs of examples are called, in messages and listings. */
const PATH = "example.unna";
/** Enough for every example; each trial begins with an empty heap. */
const HEAP = 64 << 20;

/** Runs an example with the plugins that words are explained with. */
function tryProgram<Result>(
  cx: ExplainContext,
  text: string | Uint8Array,
  options: TrialOptions & { readonly watched?: Backend },
  look: (trial: Trial) => Result | Promise<Result>,
): Promise<Result> {
  const plugins = [...cx.plugins, ...options.plugins ?? []];
  const stdin = () => null; // an example is not to wait for anybody
  return runTrial(cx.make, { path: PATH, text }, { heap: HEAP, stdin, ...options, plugins }, look);
}

/** Text that may be long, as it is shown: its beginning and its end. What a terminal would obey is spelt out. */
function shorten(text: string, most = 60): string {
  const plain = text.replace(
    /[^\P{Cc}\t\n]/gu,
    (control) => control === "\0" ? "\\0" : `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  const lines = plain.replace(/\n*$/, "").split("\n").map((line) =>
    line.length <= 160 ? line : `${line.slice(0, 150)} …`
  );
  if (lines.length > most) {
    const omitted = lines.length - most + 1, half = (most - 1) >> 1;
    lines.splice(half, omitted, `… ${omitted} more lines …`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** An example, at most so many lines of it. */
const PROGRAM_LINES = 14;

function program(title: string, text: string): ExplainedPart {
  return { title, text: shorten(text, PROGRAM_LINES) };
}

/** What a program wrote; nothing at all is said to be nothing. */
function outcome(title: string, { stdout, stderr }: { stdout: string; stderr: string }): ExplainedPart {
  const text = stdout + stderr;
  return { title, text: text === "" ? "(nothing)\n" : shorten(text) };
}

/** Why there is no machine code to be seen. */
function absent(native: Backend, probe: Extract<Probe, { ok: false }>): ExplainedPart {
  return {
    title: "machine code",
    text: `Backend '${native.name}' does not work here: ${probe.because}.\n`,
  };
}

// ---- the command line --------------------------------------------------------------------------------------------

function wordOfCommand(cx: ExplainContext, row: CommandLine["commands"][number]): Word {
  return {
    kind: "command",
    name: row.name,
    text: sentence(row.text),
    tell: async () => ({
      facts: { usage: `cli.ts [OPTIONS] ${row.name} ${row.operands}`.trimEnd(), why: row.why },
      parts: await partsOfCommand(cx, row),
    }),
  };
}

function wordOfOption(cx: ExplainContext, row: CommandLine["options"][number]): Word {
  const dashed = row.name.length === 1 ? `-${row.name}` : `--${row.name}`;
  return {
    kind: "option",
    name: dashed,
    also: [row.name, ...(row.letter === undefined ? [] : [`-${row.letter}`])],
    text: sentence(row.text),
    tell: async () => ({
      facts: {
        ...(row.value === undefined ? {} : { value: row.value }),
        ...(row.letter === undefined ? {} : { short: `-${row.letter}` }),
        why: row.why,
      },
      parts: await partsOfCommand(cx, row),
    }),
  };
}

async function partsOfCommand(cx: ExplainContext, { example }: CommandLineRow): Promise<ExplainedPart[]> {
  const { args, stdin = "", unshown } = example;
  const command = {
    title: "a command",
    text: `${stdin === "" ? "" : `${echo(stdin)} | `}cli.ts ${spell(args)}\n`,
  };
  if (unshown !== undefined) return [command, { title: "its output", text: `Not shown: ${unshown}.\n` }];
  const made = await cx.commandLine!.run(args, stdin);
  const exit = made.code === 0 ? "" : `(exit code ${made.code})\n`;
  return [command, { title: "its output", text: shorten(made.stdout + made.stderr + exit) }];
}

const echo = (text: string) => `printf ${quote(text.replaceAll("\n", "\\n"))}`;
const spell = (args: readonly string[]) => args.map((arg) => quote(arg.replace("@/", ""))).join(" ");

/** An argument as a shell takes it. */
function quote(arg: string): string {
  return /^[\w./:=@,-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`;
}

/** Words of help as a sentence. */
function sentence(text: string): string {
  return `${text[0].toUpperCase()}${text.slice(1)}${/[.)]$/.test(text) && !text.endsWith(")") ? "" : "."}`;
}

// ---- passes and artifacts ----------------------------------------------------------------------------------------

function wordOfPass(cx: ExplainContext, { pass }: OwnedPass): Word {
  const { name, stage, from, to, required, doc } = pass;
  const pairs = [
    ...(pass.after ?? []).map((pair) => `after '${pair.pass}': ${pair.because}`),
    ...(pass.before ?? []).map((pair) => `before '${pair.pass}': ${pair.because}`),
  ];
  return {
    kind: "pass",
    name,
    text: doc.summary,
    tell: async () => ({
      facts: {
        why: doc.why,
        runs: stage === "load"
          ? "once for each file, when it is loaded"
          : "once for each function that is hot",
        "turns": `${from} into ${to}`,
        "turned off": required ? "cannot be: nothing works without it" : `by --off=${name}`,
        ...(pairs.length === 0 ? {} : { comes: pairs.join("; ") }),
      },
      parts: [program("example", doc.example), ...await partsOfPass(cx, pass)],
    }),
  };
}

/** The artifact before and after a pass. What comes later and keeps the kind is left out, so that it cannot blur it. */
async function partsOfPass(cx: ExplainContext, pass: OwnedPass["pass"]): Promise<ExplainedPart[]> {
  const { passes, artifacts } = cx.registry, { from, to, stage, name } = pass;
  const place = passes.findIndex((owned) => owned.pass === pass);
  const later = passes.slice(place + 1)
    .filter(({ pass: other }) => other.from === to && other.to === to && !other.required)
    .map(({ pass: other }) => other.name);
  const own = from === to && !pass.required ? [name] : [];
  const probe = stage === "hot" ? await probeBackend(cx.native) : null;
  if (probe?.ok === false) return [absent(cx.native, probe)];
  const show = (title: string, kind: typeof from, off: readonly string[], options: TrialOptions = {}) => {
    const { dump } = artifacts.get(kind)!;
    return tryProgram(cx, pass.doc.example, {
      off,
      dump: [dump],
      ...(stage === "load" ? { compileOnly: true } : { watched: cx.native }),
      ...options,
    }, ({ dumps }): ExplainedPart => ({
      title: `${title}: ${dump}`,
      text: shorten(dumps.findLast((each) => each.kind === dump)?.text ?? "(nothing)", 200),
    }));
  };
  const before = await show("before", from, [...own, ...later]), after = await show("after", to, later);
  if (before.text !== after.text) return [before, after];
  // What a pass adds may not be in print: numbers in instruction words, plans for what comes later.
  if (to === "program") {
    const text = await changedWords(cx, pass);
    return [before, { title: "after, in print the same; words that have changed", text }];
  }
  if (to !== "hot") return [before, after];
  // Everything hot at once: what is done for loops that have run for long is done, too.
  const atOnce = { threshold: 1 };
  return [
    before,
    await show("after, in print the same; without it", "code", [...own, ...later], atOnce),
    await show("with it", "code", later, atOnce),
  ];
}

/** The instruction words that a pass from program to program changes. */
async function changedWords(cx: ExplainContext, pass: OwnedPass["pass"]): Promise<string> {
  let last: Program | null = null, lines: string[] = [];
  const observer: Plugin = {
    name: "comparison",
    doc: "Compares programs before and after a pass.",
    observe: {
      passEnd({ kind, artifact, pass: name }) {
        if (kind !== "program") return;
        const made = artifact as Program;
        if (name === pass.name && last !== null) lines = compareWords(last, made, cx.registry.opcodes);
        last = made;
      },
    },
  };
  await tryProgram(cx, pass.doc.example, { compileOnly: true, plugins: [observer] }, () => {});
  return lines.length === 0 ? "(none)\n" : lines.join("");
}

function compareWords(before: Program, after: Program, opcodes: readonly OpcodeDef[]): string[] {
  const hex = (word: number) => (word >>> 0).toString(16).toUpperCase().padStart(8, "0");
  return after.protos.flatMap(({ name, code }, number) =>
    [...code].flatMap((word, pc) => {
      const old = before.protos[number]?.code[pc] ?? 0;
      if (old === word) return [];
      return [`${name}, pc ${pc}, ${opcodes[word & 0xFF].name}: ${hex(old)} becomes ${hex(word)}\n`];
    })
  );
}

function wordOfArtifact(cx: ExplainContext, { kind, dump, doc }: AnyArtifactDef): Word {
  const passes = cx.registry.passes.map(({ pass }) => pass);
  const names = (some: typeof passes) => some.map(({ name }) => name).join(", ");
  return {
    kind: "artifact",
    name: kind,
    also: [dump],
    text: doc,
    async tell() {
      const makers = passes.filter(({ to }) => to === kind),
        takers = passes.filter(({ from }) => from === kind);
      const example = makers.at(0) ?? takers.at(0);
      const facts = {
        ...(makers.length === 0 ? {} : { "made by": names(makers) }),
        ...(takers.length === 0 ? {} : { "taken by": names(takers) }),
        "shown by": `--dump=${dump}`,
      };
      if (example === undefined) return { facts, parts: [] };
      const parts = await partsOfPass(cx, example);
      const shown = parts.findLast(({ title }) => title.endsWith(`: ${dump}`)) ?? parts[0];
      return { facts, parts: [program("example", example.doc.example), shown] };
    },
  };
}

// ---- opcodes -----------------------------------------------------------------------------------------------------

const OPERAND_TEXTS: Readonly<Record<OperandKind | WordKind, string>> = {
  dst: "a register, written",
  src: "a register, read",
  constant: "the number of a constant",
  int: "an integer",
  flag: "0 or 1",
  count: "a number of arguments or elements",
  capture: "the number of a captured variable",
  far: "a register by 16 bits",
  window: "the register of the callee; arguments follow it",
  iterator: "the first of three registers: collection, state, element",
  jump: "how far to jump, in words from here",
  global: "a global: its number, and once it is loaded its address",
  cache: "an inline cache",
};

const EFFECT_TEXTS: Readonly<Record<Effect, string>> = {
  pure: "computes, or fails",
  memory: "touches objects",
  call: "calls",
  control: "jumps",
};

const FIELD_BITS = {
  A: "8 to 15",
  B: "16 to 23",
  C: "24 to 31",
  Bx: "16 to 31",
  sBx: "16 to 31, signed",
} as const;

function wordOfOpcode(cx: ExplainContext, row: OpcodeDef, number: number): Word {
  return {
    kind: "opcode",
    name: row.name,
    text: row.doc,
    // Forms of a family differ in the last sentence.
    ...(row.general === undefined ? {} : { brief: `${row.general}. ${row.doc.split(/(?<=\.) /).at(-1)}` }),
    async tell() {
      const { operands, formula, effect } = row, general = row.general ?? row.name;
      const forms = cx.registry.opcodes.filter((other) => (other.general ?? other.name) === general);
      const fields = (Object.keys(FIELD_BITS) as (keyof typeof FIELD_BITS)[]).flatMap((field) => {
        const kind = operands[field];
        return kind === undefined ? [] : [[`${field}, bits ${FIELD_BITS[field]}`, OPERAND_TEXTS[kind]]];
      });
      const words = (operands.words ?? []).map((kind, i) => [`word ${i + 1} behind`, OPERAND_TEXTS[kind]]);
      return {
        facts: {
          number: String(number),
          formula,
          effect: `${effect}: ${EFFECT_TEXTS[effect]}`,
          ...Object.fromEntries([...fields, ...words]),
          ...(forms.length === 1 ? {} : { family: forms.map(({ name }) => name).join(", ") }),
        },
        parts: await partsOfOpcode(cx, row),
      };
    },
  };
}

/** Where an opcode stands in a program that has run. */
interface Found {
  readonly profile: FunctionProfile;
  readonly pc: number;
}

async function partsOfOpcode(cx: ExplainContext, row: OpcodeDef): Promise<ExplainedPart[]> {
  const given = cx.plugins.flatMap(({ opcodes = [] }) => opcodes).find(({ name }) => name === row.name) ??
    row;
  const meaning = { title: "meaning, as it is executed", text: tidyCode(given.exec) };
  const probe = await probeBackend(cx.native);
  for (const text of programsWith(cx, row)) {
    const parts = await tryProgram(
      cx,
      text,
      probe.ok ? { watched: cx.native } : { backend: "interp" },
      (trial) => {
        const found = findOpcode(cx, trial, row);
        if (found === null) return null;
        const made = trial.made.get(found.profile.loaded);
        return [
          program("a program with it", text),
          { title: "bytecode, after it has run", text: listAround(cx, found) },
          meaning,
          ...(probe.ok ? nativeParts(cx, row, found, made) : [absent(cx.native, probe)]),
        ];
      },
    );
    if (parts !== null) return parts;
  }
  return [{ title: "in programs", text: "It stands in no program.\n" }, meaning];
}

/** Programs that may contain an opcode: its own example, or those of the plugin that brings it. */
function programsWith({ plugins }: ExplainContext, row: OpcodeDef): readonly string[] {
  if (OPCODES.some((own) => own === row)) {
    const example = OPCODE_EXAMPLES[row.name as keyof typeof OPCODE_EXAMPLES];
    return example === null ? [] : [example];
  }
  const owner = plugins.find(({ opcodes = [] }) => opcodes.some(({ name }) => name === row.name));
  const programs = [
    ...(row.example === undefined ? [] : [row.example]),
    ...(owner?.passes ?? []).map(({ doc }) => doc.example),
    ...(owner?.natives ?? []).map(({ example }) => example.code),
  ];
  // A loop makes the file hot.
  return programs.map((text) => `${text}\nfor (var i = 0; i < 150; i += 1) {}\n`);
}

/** The first place of an opcode, if possible in a function with machine code for it. */
function findOpcode({ registry }: ExplainContext, trial: Trial, row: OpcodeDef): Found | null {
  const { opcodes } = registry, number = opcodes.indexOf(row);
  const places = trial.functions.flatMap((profile) => {
    const found: Found[] = [];
    for (let pc = 0; pc < profile.code.length;) {
      const op = profile.code[pc] & 0xFF;
      if (op === number) found.push({ profile, pc });
      pc += 1 + (opcodes[op].operands.words?.length ?? 0);
    }
    return found;
  });
  const isNative = ({ profile, pc }: Found) => {
    const made = trial.made.get(profile.loaded);
    return made !== undefined && (made.code.hot.code[pc] & 0xFF) === number;
  };
  return places.find(isNative) ?? places.at(0) ?? null;
}

/** The bytecode of the source line of an instruction, as it is now. */
function listAround(
  { registry: { opcodes } }: ExplainContext,
  { profile: { loaded, code }, pc }: Found,
): string {
  const { proto, surroundings } = asCompiled({ loaded, code, count: false }, opcodes);
  const listed = listInstructions(surroundings, proto, opcodes);
  const at = listed.findIndex((each) => each.pc === pc), { line } = listed[at];
  const shown = listed.filter((each, i) => each.line === line && Math.abs(i - at) <= 6);
  return shown.map((each) => `${each.pc === pc ? ">" : " "}${each.text}\n`).join("");
}

/** The template of an opcode, and what it has become. */
function nativeParts(
  { registry: { opcodes }, plugins, native }: ExplainContext,
  row: OpcodeDef,
  { profile, pc }: Found,
  made: Made | undefined,
): ExplainedPart[] {
  const title = `machine code of ${native.name}`;
  if (made === undefined) {
    return [{ title, text: `None: ${profile.loaded.proto.name} did not get hot.\n` }];
  }
  const { code, target } = made;
  const given = plugins.map(({ templates }) => templates?.[target.name]?.[row.name]);
  const template = given.find((each) => each !== undefined) ?? target.templates[row.name];
  const sections = sectionsOf(code.bytes, code.draft, { opcodes, target }).filter((each) => each.pc === pc);
  const lines = sections.flatMap(({ part, title, lines }) => [
    ...(part === "instructions" ? [] : ["", title]),
    ...lines.map(({ offset, text, purpose }) =>
      `${offset.toString(16).padStart(5)}  ${purpose === "" ? text : `${text.padEnd(36)}; ${purpose}`}`
    ),
  ]);
  return [
    {
      title: `template for ${native.name}`,
      text: typeof template === "function"
        ? tidyCode(template)
        : "None: it leaves machine code, and the interpreter does it.\n",
    },
    {
      title,
      text: lines.length === 0 ? "None: there is nothing to do.\n" : shorten(`${lines.join("\n")}\n`, 80),
    },
  ];
}

/** The text of a function, moved to the left. */
function tidyCode(code: unknown): string {
  const [first, ...rest] = String(code).replace(/^(\w+) \(/, "$1(").split("\n");
  const indentation = Math.min(
    ...rest.filter((line) => line.trim() !== "").map((line) => line.search(/\S/)),
    100,
  );
  return [first, ...rest.map((line) => line.slice(indentation))]
    .map((line) => `${line.replaceAll(")=>", ") => ").trimEnd()}\n`).join("");
}

// ---- exits and backends ------------------------------------------------------------------------------------------

function wordOfExit(cx: ExplainContext, reason: ExitReason): Word {
  const { advice, code } = EXIT_EXAMPLES[reason];
  return {
    kind: "exit",
    name: reason,
    text: sentence(EXIT_REASONS[reason]),
    async tell() {
      const probe = await probeBackend(cx.native);
      const parts = [program("a program that leaves", code)];
      if (!probe.ok) return { facts: { advice }, parts: [...parts, absent(cx.native, probe)] };
      const exits = await tryProgram(
        cx,
        code,
        { watched: cx.native },
        ({ exits }) => printExits(exits.filter((exit) => exit.reason === reason)),
      );
      return { facts: { advice }, parts: [...parts, { title: "--dump=exits", text: exits }] };
    },
  };
}

const COUNTING = "var sum = 0;\nfor (var i = 0; i < 1000; i += 1) sum += i;\nprint sum;\n";

function wordOfBackend(cx: ExplainContext, backend: Backend): Word {
  const { name, doc, choices } = backend;
  return {
    kind: "backend",
    name,
    text: doc,
    async tell() {
      const probe = await probeBackend(backend);
      const facts = {
        "works here": probe.ok ? "yes" : `no: ${probe.because}`,
        "asked for by": `--backend=${name}`,
        ...(choices === undefined ? {} : {
          "--exec-memory": choices.memory.join(", "),
          "--gate": choices.gate.join(", "),
        }),
      };
      const findings = (backend.examine?.() ?? []).map(({ what, ok, details }) =>
        `${ok ? "yes" : "no "}  ${what.padEnd(32)}${details}\n`
      );
      const found = findings.length === 0 ? [] : [{ title: "what it tried", text: findings.join("") }];
      const ran = await tryProgram(cx, COUNTING, { backend: name }, (trial) => outcome("its output", trial));
      return { facts, parts: [...found, program("a program", COUNTING), ran] };
    },
  };
}

// ---- messages ----------------------------------------------------------------------------------------------------

/** All messages by code; those of plugins come with their explanations. */
function messagesOf({ plugins }: Registry): readonly (readonly [code: string, def: DiagnosticDef])[] {
  return [
    ...Object.entries(DIAGNOSTICS).map(([code, def]) =>
      [code, { ...def, ...EXPLANATIONS[code as DiagnosticCode] }] as const
    ),
    ...plugins.flatMap(({ diagnostics }) => Object.entries(diagnostics ?? {})),
  ];
}

function wordOfMessage(cx: ExplainContext, code: string, def: DiagnosticDef): Word {
  const { title, severity, explain } = def;
  return {
    kind: "message",
    name: code,
    text: sentence(title),
    async tell() {
      const own = Object.hasOwn(DIAGNOSTICS, code)
        ? DIAGNOSTIC_CASES[code as keyof typeof DIAGNOSTICS]
        : undefined;
      return {
        facts: { severity, why: explain.why, repair: explain.repair },
        parts: [
          own?.file === undefined
            ? program("a program with the mistake", explain.example)
            : { title: "a command with the mistake", text: `cli.ts ${own.file}\n` },
          { title: "what is said", text: shorten(await provoke(cx, code, explain.example, own), 20) },
          ...(own === undefined ? [] : [
            program("mended", own.mended),
            await tryProgram(
              cx,
              own.mended,
              own.mendedOptions ?? own.options ?? {},
              (trial) => outcome("its output", trial),
            ),
          ]),
        ],
      };
    },
  };
}

/** What is said about a program: before it runs if it is wrong already, otherwise as it runs. */
async function provoke(
  cx: ExplainContext,
  code: string,
  example: string,
  own: DiagnosticCase | undefined,
): Promise<string> {
  const text = own?.bytes === undefined ? example : replaceBytes(example, own.bytes);
  const plugins = [...cx.plugins, ...own?.options?.plugins ?? []];
  const ignore = () => {};
  try {
    const runtime = cx.make({ ...own?.options, plugins, stdout: ignore, stderr: ignore });
    try {
      const found = own?.file === undefined ? await runtime.check(PATH, text) : await runtime.check(own.file);
      if (found.some((each) => each.code === code)) return await runtime.print(found);
    } finally {
      runtime.dispose();
    }
    return await tryProgram(cx, text, own?.options ?? {}, ({ stdout, stderr }) => stdout + stderr);
  } catch (error) {
    if (!(error instanceof PluginFailure)) throw error;
    const runtime = cx.make({ stdout: ignore, stderr: ignore });
    return await runtime.print(error.diagnostics);
  }
}

function replaceBytes(text: string, bytes: NonNullable<DiagnosticCase["bytes"]>): Uint8Array {
  const encoder = new TextEncoder();
  return Uint8Array.from([...text].flatMap((character) => {
    const found = bytes.find(([each]) => each === character);
    return found === undefined ? [...encoder.encode(character)] : [found[1]];
  }));
}

// ---- natives, libraries, plugins ---------------------------------------------------------------------------------

/**
 * What examples name that would act on the world outside: write files, run commands, serve. Nobody who asks what a word
 * means wants that done, so these are tested, and only told of here.
 */
const OUTSIDE = /\bucore(?:System|Http)\./;

function wordOfNative(cx: ExplainContext, def: NativeDef): Word {
  const { name, doc, example } = def, dot = name.lastIndexOf(".");
  return {
    kind: "native",
    name,
    ...(dot < 0 ? {} : { also: [name.slice(dot + 1)] }),
    text: doc,
    async tell() {
      const facts = {
        signature: printSignature(def),
        ...(dot < 0 ? {} : { library: name.slice(0, dot) }),
        ...(def.intrinsic === undefined ? {} : { "machine code": "does it itself, but for rare arguments" }),
      };
      if (example.code === "") return { facts, parts: [] };
      const shown = program("example", example.code);
      const wanted = shorten(example.output === "" ? "(nothing)" : example.output);
      if (OUTSIDE.test(example.code)) {
        return { facts, parts: [shown, { title: "its output, as a test finds it", text: wanted }] };
      }
      const parts = [shown, { title: "its output", text: wanted }];
      // Some want a permission, or a person to answer.
      const here = await tryProgram(cx, example.code, {}, ({ stdout, stderr }) => ({ stdout, stderr }));
      if (here.stdout !== example.output || here.stderr !== "") parts.push(outcome("its output here", here));
      return { facts, parts };
    },
  };
}

function wordOfLibrary({ name, doc, natives, constants = {} }: LibraryDef): Word {
  const names = Object.entries(constants).map(([name, value]) => `${name} = ${value}\n`);
  return {
    kind: "library",
    name,
    text: doc,
    tell: () =>
      Promise.resolve({
        facts: {},
        parts: [
          { title: "functions", text: natives.map((def) => `${printSignature(def)}\n`).join("") },
          ...(names.length === 0 ? [] : [{ title: "constants", text: names.join("") }]),
        ],
      }),
  };
}

function wordOfPlugin(plugin: Plugin): Word {
  const { name, doc, version, requires } = plugin;
  const names: Readonly<Record<string, readonly string[]>> = {
    syntax: (plugin.syntax ?? []).map(({ token }) => token),
    opcodes: (plugin.opcodes ?? []).map(({ name }) => name),
    templates: Object.entries(plugin.templates ?? {}).flatMap(([target, rows]) =>
      Object.keys(rows).map((opcode) => `${opcode} for ${target}`)
    ),
    natives: (plugin.natives ?? []).map(({ name }) => name),
    libraries: (plugin.libraries ?? []).map(({ name }) => name),
    artifacts: (plugin.artifacts ?? []).map(({ kind }) => kind),
    passes: (plugin.passes ?? []).map(({ name }) => name),
    backends: (plugin.backends ?? []).map(({ name }) => name),
    messages: Object.keys(plugin.diagnostics ?? {}),
    observes: Object.keys(plugin.observe ?? {}),
  };
  const brings = Object.entries(names).filter(([, list]) => list.length > 0).map((
    [what, list],
  ) => [what, list.join(", ")]);
  return {
    kind: "plugin",
    name,
    text: doc,
    tell: () =>
      Promise.resolve({
        facts: {
          ...(version === undefined ? {} : { version }),
          ...(requires === undefined ? {} : { requires }),
          ...(name === CORE ? { opcodes: `${OPCODES.length}, all that are not of a plugin` } : {}),
          ...Object.fromEntries(brings),
        },
        parts: [],
      }),
  };
}

// ---- ideas -------------------------------------------------------------------------------------------------------

/** `- **source** · the text of a file (`core/source.ts`).`; several words may share an entry. */
function wordsOfGlossary(page: string): Word[] {
  const entries = page.replaceAll("\n  ", " ").matchAll(/^- ((?:\*\*[^*]+\*\*(?:, )?)+) · (.*)$/gm);
  return [...entries].flatMap(([, titles, rest]) => {
    const homes = [...rest.matchAll(/`([\w/.]+\.ts)`/g)].map(([, file]) => file);
    const text = rest.replace(/ \((?:`[\w/.]+\.ts`(?:, )?)+\)/g, "").replace(/[_`]/g, "");
    return [...titles.matchAll(/\*\*([^*]+)\*\*/g)].map(([, name]): Word => ({
      kind: "idea",
      name,
      text: sentence(text),
      tell: () =>
        Promise.resolve({
          facts: Object.fromEntries(homes.length === 0 ? [] : [["at home in", homes.join(", ")]]),
          parts: [],
        }),
    }));
  });
}

// ---- printing ----------------------------------------------------------------------------------------------------

const WIDTH = 110;

/** All words by kinds, a line each. */
export function printWords(words: readonly Word[]): string {
  const groups = Map.groupBy(words, ({ kind }) => kind);
  return [...groups].map(([kind, own]) => {
    const column = Math.min(26, Math.max(...own.map(({ name }) => name.length))) + 2;
    const lines = own.map(({ name, text, brief = text.replace(/([.;]) .*/s, "$1") }) => {
      const line = brief.replace(/[.;]$/, "").replaceAll("`", "");
      return `  ${name.padEnd(column)}${clip(line, WIDTH - 2 - column)}\n`;
    });
    return `${WORD_KINDS[kind]}\n${lines.join("")}`;
  }).join("\n");
}

function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 2)} …`;
}

/** The same as JSON, a word a line. */
export function wordsToJson(words: readonly Word[]): string {
  return words.map(({ kind, name, plugin, text }) =>
    JSON.stringify({
      schema: "unnarize/word@1",
      kind,
      word: name,
      ...(plugin === undefined ? {} : { plugin }),
      text,
    }) +
    "\n"
  ).join("");
}

/** An explanation as text. */
export function printExplanation({ kind, word, plugin, text, facts, parts }: Explanation): string {
  const by = plugin === undefined ? "" : `, by plugin '${plugin}'`;
  const column = Math.max(0, ...Object.keys(facts).map((name) => name.length)) + 2;
  const lines = Object.entries(facts).map(([name, fact]) =>
    wrap(`  ${name.padEnd(column)}`, fact, " ".repeat(2 + column))
  );
  return [
    `${word} (${kind}${by})\n${wrap("  ", text, "  ")}`,
    ...(lines.length === 0 ? [] : [lines.join("")]),
    ...parts.map(({ title, text }) => `${title}\n${indent(text)}`),
  ].join("\n");
}

/** Words in lines of {@linkcode WIDTH}, the first one behind `first`, the others behind `rest`. */
function wrap(first: string, text: string, rest: string): string {
  let line = first, isEmpty = true, out = "";
  for (const word of text.split(" ")) {
    if (!isEmpty && line.length + 1 + word.length > WIDTH) {
      out += `${line}\n`;
      line = rest;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return `${out}${line}\n`;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}

/** The same as a line of JSON. */
export function explanationToJson(explanation: Explanation): string {
  return JSON.stringify({ schema: "unnarize/explanation@1", ...explanation }) + "\n";
}
