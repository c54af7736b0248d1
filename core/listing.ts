/**
 * Programs in print and as JSON. Everything follows the opcode rows: what an operand is, the row says, and what an
 * instruction does, its formula. There is no case per opcode here, only one per kind of operand.
 *
 * @module
 */

import type { Capture, Constant, FunctionProto, Program } from "./program.ts";
import { type OpcodeDef, OPCODES, type OperandKind, type WordKind } from "./opcodes.ts";
import { decode, type Instruction } from "./verify.ts";

// ---- Printing -------------------------------------------------------------------------------------------------------

/** How an operand is written: with a letter for what its number counts. */
const LETTERS: { readonly [Kind in OperandKind | WordKind]: string } = {
  dst: "r",
  src: "r",
  window: "r",
  iterator: "r",
  far: "r",
  constant: "k",
  global: "g",
  capture: "c",
  int: "",
  flag: "",
  count: "",
  jump: "@",
  cache: "",
};

const COMMENT_COLUMN = 20;

/** Where operands begin: behind the longest name that there is. */
function operandColumn(opcodes: readonly OpcodeDef[]): number {
  return Math.max(...opcodes.map((row) => row.name.length)) + 1;
}

/**
 * The program as text: for each function its tables, then an instruction a line, below the source lines that they come
 * from, each with its formula filled in.
 *
 *     function 1 twice, 1 parameter, 2 registers
 *       constants
 *         k0  2
 *
 *       1 | function twice(x) { return x * 2; }
 *          0  MUL_K             r1, r0, k0          ; r1 = r0 * 2
 *          1  RETURN            r1                  ; return r1
 */
export function printProgram(program: Program, opcodes: readonly OpcodeDef[] = OPCODES): string {
  const lines: string[] = [];
  if (program.globals.length > 0) {
    lines.push("globals", ...program.globals.map((name, i) => `  g${i}  ${name}`), "");
  }
  for (const proto of program.protos) printFunction(lines, program, proto, opcodes);
  return lines.join("\n");
}

function printFunction(
  lines: string[],
  program: Program,
  proto: FunctionProto,
  opcodes: readonly OpcodeDef[],
): void {
  const { id, name, arity, registers, constants, captures } = proto;
  const kind = proto.isAsync ? "async function" : "function";
  lines.push(`${kind} ${id} ${name}, ${count(arity, "parameter")}, ${count(registers, "register")}`);
  if (constants.length > 0) {
    lines.push("  constants", ...constants.map((constant, i) => `    k${i}  ${constantText(constant)}`));
  }
  if (captures.length > 0) {
    lines.push("  captures", ...captures.map((capture, i) => `    c${i}  ${captureText(capture)}`));
  }
  let line = 0;
  for (const listed of listInstructions(program, proto, opcodes)) {
    if (listed.line !== line) {
      line = listed.line;
      lines.push("", sourceLine(program, line));
    }
    lines.push(listed.text);
  }
  lines.push("");
}

/** An instruction in print. */
export interface ListedInstruction {
  readonly pc: number;
  /** The line of the source that it comes from. */
  readonly line: number;
  readonly name: string;
  /** Its operands: `r1, r0, k0`. */
  readonly operands: string;
  /** All of it, with its formula filled in. */
  readonly text: string;
}

/** What listings of a function want to know about the program that it is in. */
export type Surroundings = Pick<Program, "source" | "globals">;

/** The instructions of a function one by one; ends at a word that is none. */
export function listInstructions(
  program: Surroundings,
  proto: FunctionProto,
  opcodes: readonly OpcodeDef[] = OPCODES,
): ListedInstruction[] {
  const column = operandColumn(opcodes), listed: ListedInstruction[] = [];
  let line = 0;
  for (let pc = 0; pc < proto.code.length;) {
    line = lineAt(program.source.lineStarts, proto.spans[2 * pc], line);
    const instruction = decode(proto.code, pc, opcodes);
    if (instruction === null) {
      const text = `${proto.code[pc]}: no instruction`;
      listed.push({ pc, line, name: "", operands: text, text: `${String(pc).padStart(6)}  ${text}` });
      break;
    }
    const operands = operandsText(instruction), { name } = instruction.row;
    const head = `${String(pc).padStart(6)}  ${name.padEnd(column)}${operands.padEnd(COMMENT_COLUMN)}`;
    listed.push({
      pc,
      line,
      name,
      operands,
      text: `${head}; ${fillFormula(program, proto, instruction)}`,
    });
    pc = instruction.next;
  }
  return listed;
}

/** A line of the source as listings show it. */
export function sourceLine({ source }: Pick<Surroundings, "source">, line: number): string {
  return `${String(line).padStart(4)} | ${clip(source.lineText(line).trim(), 100)}`;
}

/** The line (from 1) of an offset: most often that of the instruction before. Columns, which cost more, are not needed. */
function lineAt(starts: Int32Array, offset: number, before: number): number {
  const contains = (line: number) => starts[line - 1] <= offset && !(starts[line] <= offset);
  if (contains(before)) return before;
  let low = 0, high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle] <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

function operandsText({ operands }: Instruction): string {
  return operands.filter(({ kind }) => kind !== "cache").map(({ kind, value }) => LETTERS[kind] + value)
    .join(", ");
}

/** What a formula consists of, as far as an instruction has something to put in its place. */
const FORMULA_PARTS =
  /\(R\[(\w+)\+1\] … R\[\1\+(\w+)\]\)|\.K\[(\w+)\]|(R|K|G|captures)\[(\w+)(?:\+(\d))?\]|pc \+= jump|B != 0|sBx|Bx/g;

/** The formula of an instruction with the names and values that its operands stand for. */
function fillFormula(program: Surroundings, proto: FunctionProto, instruction: Instruction): string {
  const number = (field: string) => valueOf(instruction, field);
  return instruction.row.formula.replace(
    FORMULA_PARTS,
    (
      part: string,
      window?: string,
      size?: string,
      member?: string,
      table?: string,
      field = "",
      more = "0",
    ) => {
      if (window !== undefined && size !== undefined) {
        return argumentsText(number(window) + 1, number(size));
      }
      if (member !== undefined) return "." + memberText(proto.constants[number(member)]);
      const index = number(field) + Number(more);
      switch (table) {
        case "R":
          return `r${index}`;
        case "K":
          return constantText(proto.constants[index]);
        case "G":
          return program.globals[index] ?? "?";
        case "captures":
          return proto.captures[index]?.name ?? "?";
      }
      if (part === "pc += jump") return `goto ${instruction.target}`;
      if (part === "B != 0") return String(number("B") !== 0);
      return String(number(part));
    },
  );
}

function argumentsText(first: number, count: number): string {
  if (count <= 2) return `(${["r" + first, "r" + (first + 1)].slice(0, count).join(", ")})`;
  return `(r${first} … r${first + count - 1})`;
}

function captureText({ name, from, index }: Capture): string {
  return `${name}: ${from} ${from === "register" ? "r" : "c"}${index} of the maker`;
}

function memberText(constant: Constant | undefined): string {
  return constant?.kind === "string" ? bytesText(constant.bytes).slice(1, -1) : constantText(constant);
}

function constantText(constant: Constant | undefined): string {
  switch (constant?.kind) {
    case undefined:
      return "?";
    case "nil":
      return "nil";
    case "bool":
    case "int":
      return String(constant.value);
    case "float":
      return floatText(constant.value);
    case "string":
      return bytesText(constant.bytes);
    case "function":
      return `${constant.proto.name} #${constant.proto.id}`;
    case "struct":
      return clip(`struct ${constant.name} {${constant.fields.join(", ")}}`, 60);
  }
}

/** The number as a float: 1.0, not 1. */
function floatText(value: number): string {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** Text in quotes; bytes that are no UTF-8 in hexadecimal. */
function bytesText(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return JSON.stringify(clip(text, 60));
  } catch {
    const digits = Array.from(bytes.subarray(0, 20), (byte) => byte.toString(16).padStart(2, "0"));
    return `bytes ${digits.join(" ")}${bytes.length > 20 ? " …" : ""}`;
  }
}

function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}…`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/**
 * The program as JSON text, for tools: functions with their tables, each instruction with its operands by field and its
 * stretch of the source. Integers are strings, since JSON readers would round them.
 */
export function programToJson(program: Program, opcodes: readonly OpcodeDef[] = OPCODES): string {
  const functions = program.protos.map((proto) => {
    const { id, name, arity, isAsync, registers, captures, start } = proto;
    const code = [];
    for (let pc = 0; pc < proto.code.length;) {
      const instruction = decode(proto.code, pc, opcodes);
      if (instruction === null) break;
      const operands = instruction.operands.map(({ field, kind, value }) => ({ field, kind, value }));
      const span = [proto.spans[2 * pc], proto.spans[2 * pc + 1]];
      code.push({ pc, opcode: instruction.row.name, operands, span });
      pc = instruction.next;
    }
    const constants = proto.constants.map(constantToJson);
    return { id, name, arity, isAsync, registers, start, constants, captures, code };
  });
  return JSON.stringify({ path: program.source.path, globals: program.globals, functions });
}

function constantToJson(constant: Constant): unknown {
  switch (constant.kind) {
    case "int":
      return { kind: "int", value: String(constant.value) };
    case "float": {
      const { value } = constant;
      return {
        kind: "float",
        value: Number.isFinite(value) && !Object.is(value, -0) ? value : floatText(value),
      };
    }
    case "string":
      return { kind: "string", value: bytesText(constant.bytes), bytes: [...constant.bytes] };
    case "function":
      return { kind: "function", id: constant.proto.id };
    default:
      return constant;
  }
}

/** The number that a letter of a formula stands for. */
function valueOf({ operands }: Instruction, field: string): number {
  return operands.find((operand) => operand.field === field)?.value ?? 0;
}
