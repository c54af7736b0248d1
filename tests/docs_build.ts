/**
 * Keeps the machine code on the pages in `docs/` real: `deno task docs` rewrites every block below with what the
 * backend makes today of the program that stands above it, and a test fails when a page is behind.
 *
 * ````text
 * ```unna                     a program; it runs on x64, and its `output` block is what it prints there
 * ```text hot F               the bytecode of function F as it was when F became hot
 * ```text draft F PC          the draft of one instruction, with holes
 * ```text code F PC           its finished code
 * ```text code F exit N       an exit behind the instructions; `poll` and `callee` show the others that stand there
 * ```text map F               where each instruction begins
 * ```text holes F             what is to be filled in, and with what
 * ```text jump F forward      how one hole is filled, step by step: the first jump forward, or backward
 * ```text patches F           the log of all patches
 * ```ts ignore FILE NAME      a function of our own source
 * ````
 *
 * Addresses of a run are no use on a page: they are shown as `<pc 5>` or `<total>`, and their bytes as dots.
 */

import type { Assembler, Backend, Code, CompileHot, Draft, Plugin, Target } from "../mod.ts";
import { createRuntime } from "../mod.ts";
import { Request } from "../core/backend.ts";
import { printProgram } from "../core/listing.ts";
import { Control } from "../core/memory.ts";
import { OPCODES } from "../core/opcodes.ts";
import { opOf, type Program, Proto } from "../core/program.ts";
import { compileTemplates } from "../passes/template_jit.ts";
import type { Assembled } from "../backends/x64/assembler.ts";
import { type Line, listBytes } from "../backends/x64/disassembler.ts";
import { x64 } from "../backends/x64/mod.ts";
import { SMALL_HEAP } from "./support.ts";

/** The pages that show machine code. */
export const PAGES: readonly URL[] = ["template-jit", "jump-patch", "why-it-hung"].map((name) =>
  new URL(`../docs/${name}.md`, import.meta.url)
);

/** What was made of a hot function. */
interface Made {
  readonly draft: Draft;
  readonly code: Code;
  /** What each label is called. */
  readonly labelNames: readonly string[];
  readonly outside: readonly Piece[];
}

/** A stretch of code behind the instructions. */
interface Piece {
  readonly offset: number;
  readonly title: string;
}

/** What a program has done on x64. */
interface Shown {
  readonly program: Program;
  readonly output: string;
  readonly made: ReadonlyMap<string, Made>;
}

// ---- running -----------------------------------------------------------------------------------------------------

/** A backend that is x64 but for keeping what is made of each hot function, under its name. */
function observed(made: Map<string, Made>): Backend {
  return {
    ...x64,
    name: "observed",
    open(context) {
      const compileHot: CompileHot = (hot, target) => {
        const code = context.compileHot(hot, target);
        made.set(hot.loaded.proto.name, { code, ...makeDraft(hot, target) });
        return code;
      };
      return x64.open({ ...context, compileHot });
    },
  };
}

function makeDraft<A extends Assembler<L>, L>(hot: Code["hot"], target: Target<A, L>): Omit<Made, "code"> {
  const outside: Piece[] = [];
  let labelNames: readonly string[] = [];
  const draft = compileTemplates<A, L>(hot, {
    ...target,
    assembler() {
      const asm = target.assembler(), finish = asm.finish.bind(asm);
      asm.finish = () => {
        const assembled = finish();
        ({ labelNames } = assembled as Assembled);
        return assembled;
      };
      return asm;
    },
    exit(asm, request, index, pc, proto) {
      const at = pc - proto - Proto.CODE;
      const title = request === Request.POLL
        ? `poll, on the way to pc ${at}`
        : `exit ${index}, at pc ${at}: `;
      outside.push({ offset: asm.offset, title });
      target.exit(asm, request, index, pc, proto);
    },
    interpret(asm) {
      outside.push({ offset: asm.offset, title: "callee without native code" });
      target.interpret(asm);
    },
  });
  let exits = 0;
  const titled = outside.map(({ offset, title }) => ({
    offset,
    title: title.endsWith(": ") ? title + draft.exits[exits++].reason : title,
  }));
  return { draft, labelNames, outside: titled };
}

/** Runs a program on x64. */
export async function runShown(text: string): Promise<Shown> {
  let output = "";
  const made = new Map<string, Made>();
  const plugin: Plugin = { name: "docs", doc: "Watches the compiler.", backends: [observed(made)] };
  const runtime = createRuntime({
    backend: "observed",
    plugins: [plugin],
    heap: SMALL_HEAP,
    stdout: (bytes) => output += new TextDecoder().decode(bytes),
  });
  try {
    const program = runtime.compile("main.unna", text);
    await runtime.run(program);
    return { program, output, made };
  } finally {
    runtime.dispose();
  }
}

// ---- printing ----------------------------------------------------------------------------------------------------

const hex = (n: number) => `${n < 0 ? "-" : ""}0x${Math.abs(n).toString(16)}`;
const hexBytes = (bytes: Iterable<number>) =>
  Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ");

/** The text of a block, by its kind. */
const KINDS: Readonly<Record<string, (shown: Shown, made: Made, name: string, detail: string) => string>> = {
  hot: ({ program }, { draft }, name) =>
    listing(program, draft, name).map(({ before, text }) => before + text + "\n").join(""),
  draft: (shown, made, name, pc) => instruction(shown, made, name, Number(pc), "draft"),
  code: (shown, made, name, detail) =>
    /^\d+$/.test(detail)
      ? instruction(shown, made, name, Number(detail), "code")
      : outsidePiece(made, detail),
  map: ({ program }, { draft }, name) =>
    table(
      ["pc", "instruction", "begins at"],
      listing(program, draft, name).map(({ pc, op }) => [String(pc), op, hex(draft.entries[pc])]),
    ),
  holes: (_, made) =>
    table(
      ["hole", "counts from", "wants", "which is at"],
      made.draft.fixups.map((
        { offset, end, label },
      ) => [hex(offset), hex(end), labelName(made, label), hex(made.draft.labels[label]!)]),
    ),
  jump: (_, made, _name, direction) => explainJump(made, direction),
  patches: (_, { code }) =>
    table(
      ["offset", "before", "after", "why"],
      code.patches.map((
        { offset, before, after, reason },
      ) => [hex(offset), hexBytes(before), hexBytes(after), reason]),
    ),
};

interface ListedInstruction {
  readonly pc: number;
  readonly op: string;
  /** The source line above it, where a new one begins. */
  readonly before: string;
  readonly text: string;
}

/** The bytecode of a function as it is when it is compiled, an instruction a line. */
function listing(program: Program, { hot }: Draft, name: string): ListedInstruction[] {
  const proto = program.protos.find((proto) => proto.name === name)!;
  // The forms are those of memory, the operand words those of the file: in memory, globals are addresses.
  const code = proto.code.slice();
  for (let pc = 0; pc < code.length; pc += 1 + (OPCODES[opOf(code[pc])].operands.words?.length ?? 0)) {
    code[pc] = hot.code[pc];
  }
  const found: ListedInstruction[] = [];
  let before = "";
  for (const line of printProgram({ ...program, protos: [{ ...proto, code }] }).split("\n")) {
    const [, pc, op, operands, formula] = /^ +(\d+) +([A-Z_]+) +([^;]*)(;.*)$/.exec(line) ?? [];
    if (pc !== undefined) {
      const text = `${pc.padStart(3)}  ${op.padEnd(16)}${operands.trim().padEnd(16)}${formula}`;
      found.push({ pc: Number(pc), op, before, text });
      before = "";
    } else if (/^ +\d+ \| /.test(line)) before = `${line.trimStart()}\n`;
  }
  return found;
}

/** An instruction: its bytecode, and below it the machine code. */
function instruction(shown: Shown, made: Made, name: string, pc: number, of: "draft" | "code"): string {
  const list = listing(shown.program, made.draft, name), at = list.findIndex((each) => each.pc === pc);
  const { entries } = made.draft;
  const end = at + 1 < list.length ? entries[list[at + 1].pc] : made.outside[0].offset;
  return `${list[at].text.trimStart()}\n\n${machineCode(made, entries[pc], end, of)}`;
}

/** A piece behind the instructions, by the beginning of its title. */
function outsidePiece(made: Made, title: string): string {
  const { outside, code } = made;
  const at = outside.findIndex((piece) => piece.title.startsWith(title));
  if (at < 0) throw new Error(`Nothing behind the instructions is called '${title}'`);
  const end = outside[at + 1]?.offset ?? code.bytes.length;
  return `${outside[at].title}\n\n${machineCode(made, outside[at].offset, end, "code")}`;
}

/** A stretch of machine code, an instruction a line: offset, bytes, text. */
function machineCode(made: Made, start: number, end: number, of: "draft" | "code"): string {
  const { draft } = made, bytes = made[of].bytes;
  const wanted = new Map(draft.fixups.map(({ offset, label }) => [offset, labelName(made, label)]));
  const placeName = (_: number, hole: number) => of === "draft" ? wanted.get(hole) : undefined;
  const lines = listBytes(bytes, { placeName }).filter(({ offset }) => offset >= start && offset < end);
  const names = addressNames(draft);
  return lines.map((line) => {
    const { text, shownBytes } = withoutAddresses(line, bytes, names);
    return `${line.offset.toString(16).padStart(4)}  ${shownBytes.padEnd(31)}${text}\n`;
  }).join("");
}

/** What the numbers are called that tell where the function lies in this run. */
function addressNames({ hot }: Draft): ReadonlyMap<number, string> {
  const { word, proto } = hot.loaded, start = word + Proto.CODE;
  const names = new Map([[word, `<${proto.name}>`]]);
  for (let pc = 0; pc <= hot.code.length; pc++) names.set(start + pc, `<pc ${pc}>`);
  return names;
}

/** The names of control words, by their byte address. */
const CONTROL_NAMES = new Map(Object.entries(Control).map(([name, word]) => [4 * word, name]));

function withoutAddresses(
  { offset, length, text }: Line,
  bytes: Uint8Array,
  names: ReadonlyMap<number, string>,
): { text: string; shownBytes: string } {
  let shownBytes = hexBytes(bytes.subarray(offset, offset + length));
  const named = text
    .replace(/\[rbx\+(\d+)\]/, (whole, at) => {
      const name = CONTROL_NAMES.get(Number(at));
      return name === undefined ? whole : `[${name}]`;
    })
    .replace(/0x[0-9a-f]+/, (number) => {
      const name = names.get(Number(number));
      if (name === undefined) return number;
      const own = hexBytes(new Uint8Array(new Uint32Array([Number(number)]).buffer));
      shownBytes = shownBytes.replace(own, ".. .. .. ..");
      return name;
    });
  return { text: named, shownBytes };
}

/** What a label is called: those of instructions have no name of their own. */
function labelName({ draft, labelNames }: Made, label: number): string {
  const name = labelNames[label];
  if (!/^L\d+$/.test(name)) return name;
  const pc = draft.entries.indexOf(draft.labels[label]!);
  return pc < 0 ? name : `pc ${pc}`;
}

/** How the first hole of a direction is filled. */
function explainJump(made: Made, direction: string): string {
  const { draft, code } = made;
  const fixup = draft.fixups.find(({ label, end }) =>
    (draft.labels[label]! >= end) === (direction === "forward")
  );
  if (fixup === undefined) throw new Error(`There is no jump ${direction}`);
  const { offset, end, size, label } = fixup, to = draft.labels[label]!, distance = to - end;
  const line = listBytes(code.bytes).find((line) => line.offset + line.length === end)!;
  const mnemonic = line.text.split(" ")[0];
  const bits = BigInt.asUintN(8 * size, BigInt(distance)).toString(16).toUpperCase().padStart(2 * size, "0");
  const steps = [
    [
      "in the draft",
      `${hexBytes(draft.bytes.subarray(line.offset, end))}   ${mnemonic} to '${labelName(made, label)}'`,
    ],
    ["the instruction", `${hex(line.offset)} to ${hex(end - 1)}`],
    ["the hole in it", `${hex(offset)} to ${hex(offset + size - 1)}`],
    ["counts from", `${hex(end)}, where the next instruction begins`],
    ["the label", hex(to)],
    ["displacement", `${hex(to)} - ${hex(end)} = ${hex(distance)} = ${distance}`],
    [`in ${8 * size} bits`, bits],
    ["lowest byte first", hexBytes(code.bytes.subarray(offset, offset + size))],
    ["in the code", `${hexBytes(code.bytes.subarray(line.offset, end))}   ${line.text}`],
  ];
  return steps.map(([what, is]) => `${what.padEnd(20)}${is}\n`).join("");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  return all.map((row) => row.map((cell, i) => cell.padEnd(widths[i])).join("   ").trimEnd() + "\n").join("");
}

// ---- pages -------------------------------------------------------------------------------------------------------

/** The page with every block of machine code, and every output, as it is today. */
export async function rewritePage(page: string): Promise<string> {
  const blocks = [...page.matchAll(/^```(\S.*)\n([^]*?)^```$/gm)];
  let shown: Shown | null = null;
  let rewritten = "", at = 0;
  for (const { index, 0: whole, 1: info, 2: text } of blocks) {
    const words = info.split(" ");
    if (words[0] === "unna") shown = words.includes("norun") ? null : await runShown(text);
    const fresh = await renderBlock(shown, words) ?? text;
    rewritten += `${page.slice(at, index)}\`\`\`${info}\n${fresh}\`\`\``;
    at = index + whole.length;
  }
  return rewritten + page.slice(at);
}

/** What a block has to say about the program above it; null for a block that is not ours. */
async function renderBlock(
  shown: Shown | null,
  [format, kind, name, ...details]: string[],
): Promise<string | null> {
  if (format === "ts" && details.length === 1) return await readFunction(name, details[0]);
  if (shown === null) return null;
  if (format === "output") return shown.output;
  if (format !== "text" || kind === undefined) return null;
  const print = KINDS[kind], made = shown.made.get(name);
  if (print === undefined) throw new Error(`There is no block '${kind}'`);
  if (made === undefined) throw new Error(`Function '${name}' did not become hot`);
  return print(shown, made, name, details.join(" "));
}

/** The text of a function, its comment included. */
async function readFunction(file: string, name: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(`../${file}`, import.meta.url));
  const found = new RegExp(`^(?:/\\*\\*.*\\*/\\n)?(?:export )?function ${name}\\b[^]*?^}\\n`, "m").exec(text);
  if (found === null) throw new Error(`${file} has no function '${name}'`);
  return found[0];
}

if (import.meta.main) {
  await x64.prepare?.();
  const probe = x64.probe();
  if (!probe.ok) throw new Error(`Machine code cannot be shown: ${probe.because}`);
  for (const page of PAGES) {
    const text = await Deno.readTextFile(page), fresh = await rewritePage(text);
    if (fresh !== text) await Deno.writeTextFile(page, fresh);
    console.log(`${fresh === text ? "unchanged" : "rewritten"}  ${page.pathname.split("/").pop()}`);
  }
}
