/**
 * What hot functions turn into, in print, as JSON, and under examination: the function that is compiled, the draft with
 * its holes, the code beside the bytecode and the source, what was patched, and why native code was left. Nothing is
 * known here about a processor; the target reads machine code back.
 *
 * Places in code are offsets from its beginning, and words of linear memory have the names of what lies there, so a
 * view of a program is the same in each run.
 */

import { views } from "./memory.ts";
import type { SourceFile } from "./source.ts";
import { HI_NIL, HI_OBJECT } from "./value.ts";
import { type FunctionProto, Proto } from "./program.ts";
import { functionsOf, type LoadedFunction } from "./machine.ts";
import type { OpcodeDef } from "./opcodes.ts";
import { type ListedInstruction, listInstructions, sourceLine, type Surroundings } from "./listing.ts";
import {
  type AnyTarget,
  type Code,
  type Draft,
  EXIT_REASONS,
  type ExitCount,
  type HotFunction,
  type JitEventOf,
  type ListingContext,
  type MachineLine,
  type Outside,
} from "./backend.ts";

const { I32 } = views;

/** What views need beside the thing itself. */
export interface ViewContext {
  readonly opcodes: readonly OpcodeDef[];
  /** Reads machine code back; there is one as soon as there is some. */
  readonly target?: AnyTarget;
}

// ---- names -------------------------------------------------------------------------------------------------------

/** A function as a program has it: its forms those of memory, its globals by the numbers of its file again. */
export function asCompiled({ loaded, code }: HotFunction, opcodes: readonly OpcodeDef[]): {
  proto: FunctionProto;
  surroundings: Surroundings;
} {
  const { proto, source } = loaded, shown = code.slice(), globals: string[] = [];
  const names = globalNames(loaded);
  for (let pc = 0; pc < code.length;) {
    const words = opcodes[code[pc] & 0xFF].operands.words ?? [];
    words.forEach((kind, i) => {
      const at = pc + 1 + i;
      if (kind !== "global") return;
      shown[at] = proto.code[at];
      globals[shown[at]] = names.get(code[at]) ?? "?";
    });
    pc += 1 + words.length;
  }
  return { proto: { ...proto, code: shown }, surroundings: { source, globals } };
}

function globalNames({ module }: LoadedFunction): Map<number, string> {
  return new Map([...module.globals].map(([name, word]) => [word, name]));
}

/** What lies at words of linear memory, as far as a function's code has to do with it: functions and globals. */
function wordNames({ loaded }: HotFunction): (word: number) => string | undefined {
  const globals = globalNames(loaded), functions = functionsOf(loaded.machine);
  return (word) => {
    const owner = functions.find(({ word: start, proto }) =>
      word >= start && word <= start + Proto.CODE + proto.code.length
    );
    if (owner === undefined) return globals.get(word);
    const pc = word - owner.word - Proto.CODE;
    return pc < 0 ? owner.proto.name : `${owner.proto.name}:${pc}`;
  };
}

/** What constants are called that are objects: by their numbers. */
function valueNames({ loaded: { word, proto } }: HotFunction): (bits: bigint) => string | undefined {
  const names = new Map(proto.constants.map((_, n) => {
    const low = BigInt(I32[word - 2 - 2 * n] >>> 0), high = BigInt(I32[word - 1 - 2 * n] >>> 0);
    return [high << 32n | low, `k${n}`];
  }));
  const first = BigInt(HI_OBJECT >>> 0), last = BigInt(HI_NIL >>> 0);
  return (bits) => bits >> 32n >= first && bits >> 32n < last ? names.get(bits) : undefined;
}

/** What a piece behind the instructions is called. */
function outsideName({ kind, exit, pc }: Outside, draft: Draft): string {
  switch (kind) {
    case "exit":
      return `exit: ${draft.exits[exit].reason}`;
    case "loop":
      return "the second version";
    case "instruction":
      return `pc ${pc} in registers`;
    default:
      return kind;
  }
}

/** What places in code are called: exits by their reason, instructions by their pc, others by their label. */
function placeNames(draft: Draft): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  draft.labels.forEach((offset, label) => {
    if (offset !== undefined) names.set(offset, draft.labelName(label));
  });
  // From behind: of several instructions without code of their own, the first one gives the name.
  for (let pc = draft.entries.length - 1; pc >= 0; pc--) {
    if (draft.entries[pc] >= 0) names.set(draft.entries[pc], `pc ${pc}`);
  }
  for (const piece of draft.outside) names.set(piece.offset, outsideName(piece, draft));
  return names;
}

/** What a listing of a function's machine code may know beyond the bytes. */
export function listingContextOf(draft: Draft): ListingContext {
  const names = placeNames(draft), instructions = new Set(draft.entries);
  for (const { kind, offset } of draft.outside) if (kind === "instruction") instructions.add(offset);
  const wanted = new Map(draft.fixups.map(({ offset, label }) => [offset, draft.labels[label]]));
  return {
    placeName: (to, hole) => names.get(wanted.get(hole) ?? to),
    isData: (offset) => draft.data.has(offset),
    // The first remark of an instruction is its name, which stands beside it anyway.
    commentAt: (offset) => instructions.has(offset) ? undefined : draft.remarkAt(offset),
    wordName: wordNames(draft.hot),
    valueName: valueNames(draft.hot),
  };
}

function listMachineCode(bytes: Uint8Array, draft: Draft, { target }: ViewContext): readonly MachineLine[] {
  if (target === undefined) {
    throw new Error("Machine code is to be listed, and nobody says for which processor");
  }
  return target.list(bytes, listingContextOf(draft));
}

/** Place of the instruction that the byte at `offset` belongs to; -1 for what belongs to all. */
export function pcAt({ entries, outside }: Draft, offset: number): number {
  const piece = outside.findLast((piece) => piece.offset <= offset);
  if (piece !== undefined) return piece.pc;
  // Of several that begin there, the last one is the one with code.
  return entries.findLastIndex((entry) => entry >= 0 && entry <= offset);
}

// ---- listings ----------------------------------------------------------------------------------------------------

/** A bytecode instruction, or a piece behind them all, with its machine code. */
export interface Section {
  /** Whether it is an instruction, belongs to a second version, or stands behind them all. */
  readonly part: "instructions" | "again" | "outside";
  /** What stands above it and those that follow, if they are of another part or loop than the one before. */
  readonly heading: string | null;
  /** Null for pieces. */
  readonly instruction: ListedInstruction | null;
  /** Place of the instruction that it belongs to; -1 for what belongs to all. */
  readonly pc: number;
  readonly title: string;
  readonly lines: readonly MachineLine[];
}

/** The machine code of a function, or its draft, by the instructions that it stands for. */
export function sectionsOf(bytes: Uint8Array, draft: Draft, cx: ViewContext): Section[] {
  const { proto, surroundings } = asCompiled(draft.hot, cx.opcodes);
  const instructions = listInstructions(surroundings, proto, cx.opcodes);
  const nameOf = ({ pc, name, operands }: ListedInstruction) => `${pc} ${name} ${operands}`.trimEnd();
  let part: Section["part"] = "instructions";
  const heads = [
    ...instructions.map((instruction) => ({
      part,
      heading: null,
      instruction,
      pc: instruction.pc,
      offset: draft.entries[instruction.pc],
      title: nameOf(instruction),
    })),
    ...draft.outside.map((piece) => {
      const { kind, pc, offset } = piece, before = part;
      part = kind === "loop" || kind === "instruction" ? "again" : "outside";
      const place = pc < 0 ? "" : `, pc ${pc}`;
      const heading = kind === "loop"
        ? describeAgain(pc, draft, cx)
        : part === "outside" && before !== part
        ? "behind the instructions"
        : null;
      const instruction = kind === "instruction" ? instructions.find((listed) => listed.pc === pc)! : null;
      const title = instruction !== null
        ? `${nameOf(instruction)} in registers`
        : kind === "loop"
        ? "the way in"
        : `${outsideName(piece, draft)}${place}`;
      return { part, heading, instruction, pc, offset, title };
    }),
  ];
  const lines = listMachineCode(bytes, draft, cx);
  let at = 0;
  return heads.map(({ offset: _, ...head }, i) => {
    const begin = at, end = heads[i + 1]?.offset ?? bytes.length;
    while (at < lines.length && lines[at].offset < end) at++;
    return { ...head, lines: lines.slice(begin, at) };
  });
}

/** What the second version is called whose first instruction is at `head`, and where its values are. */
function describeAgain(head: number, { hot }: Draft, { target }: ViewContext): string {
  const { instructions, first, homes } = hot.loops!.find((plan) => plan.head === head)!;
  const names = target!.loops!.homes, where: string[] = [];
  for (let register = 0; register < homes.general.length; register++) {
    const own = (["general", "float"] as const).flatMap((kind) => names[kind][homes[kind][register]] ?? []);
    if (own.length > 0) where.push(`r${register} in ${own.join(" or ")}`);
  }
  const what = first === 0 ? "the function" : `the loop of pc ${instructions[first - 1].pc}`;
  return `${what} again, with values in registers: ${where.join(", ")}`;
}

/** Sections as two columns, below the source lines that they come from. */
function printSections(
  sections: readonly Section[],
  source: SourceFile,
  lineText: (line: MachineLine) => string,
): string[] {
  // Below a heading, or a line, the name of an instruction says enough.
  const titles = sections.map(({ instruction, title }) =>
    instruction === null
      ? `     ${title}`
      : `${String(instruction.pc).padStart(4)} ${instruction.name} ${instruction.operands}`
  );
  const width = Math.min(34, Math.max(...titles.map((title) => title.length)));
  const out: string[] = [];
  let line = 0;
  for (const [i, { heading, instruction, lines }] of sections.entries()) {
    const title = titles[i];
    if (heading !== null) {
      line = 0;
      out.push("", `     | ${heading}`);
    }
    if (instruction !== null && instruction.line !== line) {
      line = instruction.line;
      out.push("", sourceLine({ source }, line));
    }
    const texts = lines.map(lineText), fits = title.length <= width;
    if (!fits || texts.length === 0) out.push(title.trimEnd());
    texts.forEach((text, i) =>
      out.push(`${(i === 0 && fits ? title : "").padEnd(width)}  ${text}`.trimEnd())
    );
  }
  return out;
}

function titleOf({ hot, bytes, exits, fixups }: Draft, what: string): string {
  const { loaded } = hot, { source, proto } = loaded;
  const counts = `${count(bytes.length, "byte")}, ${count(fixups.length, "hole")}, ${
    count(exits.length, "exit")
  }`;
  return `${what} of ${proto.name}, ${source.path}:${source.position(proto.start).line}: ${counts}`;
}

const hex = (n: number) => n.toString(16);
const hexBytes = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ");

/** The bytecode of a function as it is when it is compiled, with specialised forms. */
export function printHot(hot: HotFunction, { opcodes }: ViewContext): string {
  const { proto, surroundings } = asCompiled(hot, opcodes), { source } = surroundings;
  const out = [`hot ${proto.name}, ${source.path}:${source.position(proto.start).line}`];
  let line = 0;
  for (const listed of listInstructions(surroundings, proto, opcodes)) {
    if (listed.line !== line) {
      line = listed.line;
      out.push("", sourceLine(surroundings, line));
    }
    out.push(listed.text);
  }
  return out.join("\n") + "\n";
}

/** The same as JSON text. */
export function hotToJson(hot: HotFunction, { opcodes }: ViewContext): string {
  const { proto, surroundings } = asCompiled(hot, opcodes);
  const instructions = listInstructions(surroundings, proto, opcodes);
  return JSON.stringify({
    ...placeOf(hot),
    instructions: instructions.map(({ pc, name, operands, line }) => ({ pc, opcode: name, operands, line })),
  });
}

/** Bytes and holes of a draft, and what each hole wants. */
export function printDraft(draft: Draft, cx: ViewContext): string {
  const { bytes, fixups, labels } = draft, names = placeNames(draft);
  const isHole = new Set(
    fixups.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i)),
  );
  const lineText = ({ offset, length, text }: MachineLine) => {
    const shown = Array.from(
      bytes.subarray(offset, offset + length),
      (byte, i) => isHole.has(offset + i) ? "__" : byte.toString(16).toUpperCase().padStart(2, "0"),
    );
    return `${hex(offset).padStart(5)}  ${shown.join(" ").padEnd(32)}${text}`;
  };
  const out = [
    titleOf(draft, "draft"),
    ...printSections(sectionsOf(bytes, draft, cx), draft.hot.loaded.source, lineText),
    "",
    "     | holes",
    ...fixups.map(({ offset, size, end, label, kind }) => {
      const to = labels[label], place = to === undefined ? "nowhere" : `${hex(to)} (${names.get(to)})`;
      return `${hex(offset).padStart(9)}  ${count(size, "byte")} for a ${kind} from ${hex(end)} to ${place}`;
    }),
  ];
  return out.join("\n") + "\n";
}

/** The same as JSON text. */
export function draftToJson(draft: Draft, cx: ViewContext): string {
  const { hot, bytes, labels, fixups } = draft, names = placeNames(draft);
  return JSON.stringify({
    ...placeOf(hot),
    bytes: hexBytes(bytes),
    ...sectionsToJson(sectionsOf(bytes, draft, cx)),
    fixups: fixups.map(({ offset, size, end, label, kind }) => {
      const to = labels[label] ?? null;
      return { offset, size, end, kind, to, place: to === null ? null : names.get(to) };
    }),
    exits: draft.exits,
  });
}

/** Source, bytecode and machine code side by side, each machine instruction with its purpose. */
export function printCode(code: Code, cx: ViewContext): string {
  const { draft, bytes } = code;
  const lineText = ({ offset, text, purpose }: MachineLine) =>
    `${hex(offset).padStart(5)}  ${purpose === "" ? text : `${text.padEnd(36)}; ${purpose}`}`;
  const out = [
    titleOf(draft, "code"),
    ...printSections(sectionsOf(bytes, draft, cx), draft.hot.loaded.source, lineText),
  ];
  return out.join("\n") + "\n";
}

/** The same as JSON text. */
export function codeToJson(code: Code, cx: ViewContext): string {
  const { draft, bytes, exits } = code;
  return JSON.stringify({
    ...placeOf(code.hot),
    bytes: hexBytes(bytes),
    ...sectionsToJson(sectionsOf(bytes, draft, cx)),
    exits,
  });
}

/** What is said of a function beside its file and name, which every dump has in front. */
function placeOf({ loaded: { source, proto } }: HotFunction) {
  return { line: source.position(proto.start).line };
}

function sectionsToJson(sections: readonly Section[]) {
  const instructions = sections.flatMap(({ part, instruction, lines }) =>
    part !== "instructions" || instruction === null ? [] : [{
      pc: instruction.pc,
      opcode: instruction.name,
      operands: instruction.operands,
      line: instruction.line,
      machine: lines,
    }]
  );
  const outside = sections.flatMap(({ part, title, lines }) =>
    part === "instructions" ? [] : [{ title, machine: lines }]
  );
  return { instructions, outside };
}

/** What jump-patch has changed, hole by hole. */
export function printPatches(code: Code): string {
  return printHoles(titleOf(code.draft, "patches"), listPatches(code));
}

/** What was changed while the code ran. */
export function printLaterPatches(event: JitEventOf<"patched">): string {
  return printHoles(titleOf(event.code.draft, "patches while it runs"), listLaterPatches(event));
}

function printHoles(title: string, patches: readonly ListedPatch[]): string {
  const out = [title, "", "   offset  before       after        why"];
  for (const { offset, before, after, reason } of patches) {
    out.push(`${hex(offset).padStart(9)}  ${before.padEnd(13)}${after.padEnd(13)}${reason}`);
  }
  return out.join("\n") + "\n";
}

/** A filled hole, its bytes in hexadecimal. */
export interface ListedPatch {
  readonly offset: number;
  readonly before: string;
  readonly after: string;
  readonly reason: string;
}

/** What jump-patch has changed, in the order of the offsets. */
export function listPatches(code: Code): ListedPatch[] {
  const { draft } = code, names = placeNames(draft), places = makePlaces(draft);
  return code.patches().map(({ offset, before, after }, i) => {
    const { label, kind } = draft.fixups[i], to = draft.labels[label]!;
    // From which instruction the way leads where.
    const reason = `${kind} from ${places(offset)} to ${names.get(to) ?? hex(to)}, at ${hex(to)}`;
    return { offset, before: hexBytes(before), after: hexBytes(after), reason };
  });
}

/** What was changed while the code ran, in the order of the offsets. */
export function listLaterPatches({ point: { pc }, patches }: JitEventOf<"patched">): ListedPatch[] {
  return patches.map(({ offset, before, after, reason }) => ({
    offset,
    before: hexBytes(before),
    after: hexBytes(after),
    reason: `pc ${pc}, ${reason}`,
  }));
}

/** The same as JSON text. */
export function patchesToJson(code: Code): string {
  return JSON.stringify({ ...placeOf(code.hot), patches: listPatches(code) });
}

/** The same as JSON text. */
export function laterPatchesToJson(event: JitEventOf<"patched">): string {
  const { code, point: { pc }, because } = event;
  return JSON.stringify({ ...placeOf(code.hot), pc, because, patches: listLaterPatches(event) });
}

/** Names for places in code, asked for in the order of their offsets: the instruction, or the piece behind them all. */
function makePlaces(draft: Draft): (offset: number) => string {
  const { entries, outside } = draft;
  let pc = -1, piece = -1;
  return (offset) => {
    // Of several instructions that begin at one place, the last one is the one with code.
    for (let next = pc + 1; next < entries.length && entries[next] <= offset; next++) {
      if (entries[next] >= 0) pc = next;
    }
    while (piece + 1 < outside.length && outside[piece + 1].offset <= offset) piece++;
    return piece < 0 ? `pc ${pc}` : outsideName(outside[piece], draft);
  };
}

/** Why native code was left, by function and line, and how often. */
export function printExits(exits: readonly ExitCount[]): string {
  if (exits.length === 0) return "native code was never left early\n";
  const out: string[] = [];
  for (const [loaded, own] of byFunction(exits)) {
    const { source, proto } = loaded, total = own.reduce((sum, { count }) => sum + count, 0);
    if (out.length > 0) out.push("");
    out.push(
      `exits of ${proto.name}, ${source.path}:${source.position(proto.start).line}: ${grouped(total)} in all`,
    );
    let line = 0;
    for (const exit of own) {
      if (exit.line !== line) {
        line = exit.line;
        out.push("", sourceLine(loaded, line));
      }
      const times = count(exit.count, "time").padEnd(16);
      out.push(
        `         ${times} pc ${String(exit.pc).padEnd(4)} ${exit.reason}: ${EXIT_REASONS[exit.reason]}`,
      );
    }
  }
  return out.join("\n") + "\n";
}

/** The same as JSON text, function by function. */
export function exitsToJson(exits: readonly ExitCount[]): { loaded: LoadedFunction; text: string }[] {
  return [...byFunction(exits)].map(([loaded, own]) => {
    const { source, proto } = loaded;
    const text = JSON.stringify({
      line: source.position(proto.start).line,
      exits: own.map(({ pc, line, reason, count }) => ({
        pc,
        line,
        reason,
        meaning: EXIT_REASONS[reason],
        count,
      })),
    });
    return { loaded, text };
  });
}

/** Functions that were left most often first, and the exits of each in the order of its lines. */
function byFunction(exits: readonly ExitCount[]): Map<LoadedFunction, (ExitCount & { line: number })[]> {
  const placed = exits.map((exit) => {
    const { source, proto } = exit.loaded;
    return { ...exit, line: source.position(proto.spans[2 * exit.pc]).line };
  });
  const total = (own: readonly ExitCount[]) => own.reduce((sum, { count }) => sum + count, 0);
  const groups = [...Map.groupBy(placed, ({ loaded }) => loaded)].map(([loaded, own]) =>
    [loaded, own.sort((a, b) => a.line - b.line || a.pc - b.pc)] as const
  );
  return new Map(groups.sort(([, a], [, b]) => total(b) - total(a)));
}

// ---- examining ---------------------------------------------------------------------------------------------------

/**
 * Verifies a draft: each instruction has its place, in their order, and each hole lies within the bytes.
 * @throws {Error} if a pass has made something else
 */
export function checkDraft(draft: Draft): void {
  const { hot, bytes, entries, fixups, labels, exits } = draft, size = bytes.length;
  if (entries.length !== hot.code.length) {
    throw new Error(`${entries.length} places for ${hot.code.length} words`);
  }
  let before = 0;
  entries.forEach((entry, pc) => {
    if (entry < 0) return;
    if (entry < before || entry > size) throw new Error(`pc ${pc} begins at ${entry}, behind ${before}`);
    before = entry;
  });
  for (const { offset, size: length, end, label } of fixups) {
    if (!(offset >= 0 && offset + length <= end && end <= size)) {
      throw new Error(`A hole at ${offset} does not lie in the ${size} bytes`);
    }
    if (!(label >= 0 && label < labels.length)) throw new Error(`The hole at ${offset} wants no label`);
  }
  for (const { pc, reason } of exits) {
    if (!(reason in EXIT_REASONS)) throw new Error(`'${reason}' is no reason to leave`);
    if (!(entries[pc] >= 0)) throw new Error(`An exit leaves at word ${pc}, where no instruction begins`);
  }
}

/**
 * Verifies code: it is its draft, but for the holes, and these lead where they should.
 * @throws {Error} if a pass has made something else
 */
export function checkCode(code: Code): void {
  const { draft, bytes } = code, before = draft.bytes;
  const view = viewOf(bytes), old = viewOf(before);
  if (bytes.length !== before.length) throw new Error(`${bytes.length} bytes were made of ${before.length}`);
  // Holes are in the order of their offsets; between them, nothing has changed.
  let at = 0;
  for (const { offset, size, end, label } of draft.fixups) {
    const distance = size === 1 ? view.getInt8(offset) : view.getInt32(offset, true);
    if (end + distance !== draft.labels[label]) {
      throw new Error(`The hole at ${offset} leads to ${end + distance}, not to ${draft.labels[label]}`);
    }
    checkSame(at, offset);
    at = offset + size;
  }
  checkSame(at, bytes.length);

  /** All code is looked at, so this takes four bytes at a time while they are the same. */
  function checkSame(from: number, to: number): void {
    let at = from;
    while (at + 4 <= to && view.getInt32(at) === old.getInt32(at)) at += 4;
    for (; at < to; at++) {
      if (bytes[at] !== before[at]) throw new Error(`The byte at ${at}, which is in no hole, has changed`);
    }
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function count(n: number, noun: string): string {
  return `${grouped(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** `1 234 567` */
function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, " ");
}
