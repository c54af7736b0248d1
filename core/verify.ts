/**
 * Programs under examination. The verifier is what lets all later stages trust a program blindly. Interpreter and native
 * code check no operand; an instruction that named a register outside of its window would read whatever lies there. It
 * checks each instruction on its own first, then follows the flow of control to prove that no register is read before it
 * was written. What an operand is, the opcode's row says; there is no case per opcode here, only one per kind of operand.
 *
 * @module
 */

import type { Constant, FunctionProto, Program } from "./program.ts";
import { opOf } from "./program.ts";
import { type OpcodeDef, OPCODES, type OperandKind, type OpName, type WordKind } from "./opcodes.ts";

// ---- Decoding -------------------------------------------------------------------------------------------------------

/** A field of an instruction: one of its first word, or `word` for what follows. */
export type Field = "A" | "B" | "C" | "Bx" | "sBx" | "word";

/** An operand of an instruction, decoded. */
export interface Operand {
  readonly field: Field;
  readonly kind: OperandKind | WordKind;
  /** The number as it stands; for a jump, the index of the instruction that it leads to. */
  readonly value: number;
}

/** An instruction, decoded. */
export interface Instruction {
  readonly pc: number;
  readonly row: OpcodeDef;
  readonly operands: readonly Operand[];
  /** Index of the instruction behind it. */
  readonly next: number;
  /** Index of the instruction that it may jump to, if it may jump. */
  readonly target: number | null;
}

/** Decodes the instruction at `pc`; null if there is none of that number, or it is cut off. */
export function decode(code: Int32Array, pc: number, opcodes: readonly OpcodeDef[]): Instruction | null {
  const word = code[pc];
  const row: OpcodeDef | undefined = opcodes[opOf(word)];
  if (row === undefined) return null;
  const { A, B, C, Bx, sBx, words = [] } = row.operands;
  const first = pc + 1, next = first + words.length;
  if (next > code.length) return null;
  const operands: Operand[] = [];
  let target: number | null = null;
  if (A !== undefined) operands.push({ field: "A", kind: A, value: word >>> 8 & 0xFF });
  if (B !== undefined) operands.push({ field: "B", kind: B, value: word >>> 16 & 0xFF });
  if (C !== undefined) operands.push({ field: "C", kind: C, value: word >>> 24 });
  if (Bx !== undefined) operands.push({ field: "Bx", kind: Bx, value: word >>> 16 });
  if (sBx !== undefined) operands.push({ field: "sBx", kind: sBx, value: word >> 16 });
  for (let at = first; at < next; at++) {
    const kind = words[at - first];
    let value = code[at];
    if (kind === "jump") target = value += at;
    operands.push({ field: "word", kind, value });
  }
  return { pc, row, operands, next, target };
}

/** Its operand of a kind. */
function operandOf(instruction: Instruction, kind: Operand["kind"]): Operand | undefined {
  for (const operand of instruction.operands) if (operand.kind === kind) return operand;
  return undefined;
}

// ---- Verifying ------------------------------------------------------------------------------------------------------

/** Something that a program must not contain: a bug of whoever made it. */
export interface Fault {
  /** Number and name of the function. */
  readonly function: string;
  /** Index of the instruction, -1 for the function as a whole. */
  readonly pc: number;
  readonly message: string;
}

/**
 * Verifies a program whose maker is supposed to be right.
 * @throws {Error} if it is not fit to be run; the message lists the faults
 */
export function checkProgram(program: Program, opcodes: readonly OpcodeDef[] = OPCODES): void {
  const faults = verifyProgram(program, opcodes);
  if (faults.length === 0) return;
  const lines = faults.slice(0, 20).map(({ function: name, pc, message }) =>
    `  ${name}, pc ${pc}: ${message}`
  );
  throw new Error(`Bytecode is not valid, which is a bug in the compiler:\n${lines.join("\n")}`);
}

/** Finds what is wrong with a program, in time proportional to its size; nothing, if the compiler works. */
export function verifyProgram(program: Program, opcodes: readonly OpcodeDef[] = OPCODES): Fault[] {
  const faults: Fault[] = [];
  if (program.protos[0] !== program.main) {
    faults.push({ function: "program", pc: -1, message: "the body of the file is not the first function" });
  }
  program.protos.forEach((proto, i) => {
    const name = `function ${proto.id} ${proto.name}`;
    const report = (pc: number, message: string) => faults.push({ function: name, pc, message });
    if (proto.id !== i) report(-1, `stands at place ${i}`);
    const instructions = verifyInstructions(program, proto, opcodes, report);
    if (instructions !== null) verifyFlow(proto, instructions, report);
  });
  return faults;
}

type Report = (pc: number, message: string) => void;

/** Ends of a path, which the operands of a row do not tell. */
const ENDS: ReadonlySet<string> = new Set<OpName>(["RETURN", "RETURN_NIL"]);
/** What only the machine itself executes. */
const FOREIGN: ReadonlySet<string> = new Set<OpName>(["FINISH", "TASK_END"]);

/** The kinds of constant that an opcode works with; for those not listed, values. */
const CONSTANT_KINDS: { readonly [name: string]: readonly Constant["kind"][] } = {
  CLOSURE: ["function"],
  GET_FIELD: ["string"],
  SET_FIELD: ["string"],
  IMPORT: ["string"],
};
const VALUE_KINDS: readonly Constant["kind"][] = ["nil", "bool", "int", "float", "string", "struct"];

/** What an operand is a number of, by its kind. */
const SPACES: { readonly [Kind in OperandKind | WordKind]?: "register" | "global" | "capture" | "constant" } =
  {
    dst: "register",
    src: "register",
    far: "register",
    window: "register",
    iterator: "register",
    global: "global",
    capture: "capture",
    constant: "constant",
  };

/** Checks each instruction on its own; gives them by pc, or null if there is no sense in going on. */
function verifyInstructions(
  program: Program,
  proto: FunctionProto,
  opcodes: readonly OpcodeDef[],
  report: Report,
): (Instruction | undefined)[] | null {
  const { code, constants, captures, registers, arity } = proto;
  const sizes = {
    register: registers,
    global: program.globals.length,
    capture: captures.length,
    constant: constants.length,
  };
  const instructions: (Instruction | undefined)[] = new Array(code.length);
  let sound = true;
  function fault(pc: number, message: string): void {
    sound = false;
    report(pc, message);
  }

  if (registers <= arity) fault(-1, `${registers} registers do not hold ${arity} parameters and a value`);
  if (proto.spans.length !== 2 * code.length) fault(-1, "the number of spans is not that of words");
  for (let pc = 0; pc < code.length;) {
    const instruction = decode(code, pc, opcodes);
    if (instruction === null) {
      report(pc, `${code[pc]} is no instruction`);
      return null;
    }
    instructions[pc] = instruction;
    pc = instruction.next;
  }

  for (const instruction of instructions) {
    if (instruction === undefined) continue; // an operand word
    const { pc, row, operands } = instruction;
    if (FOREIGN.has(row.name)) fault(pc, `${row.name} in a program`);
    for (const { kind, value } of operands) {
      const space = SPACES[kind];
      if (space !== undefined) {
        let last = value;
        if (kind === "window") last += operandOf(instruction, "count")!.value;
        else if (kind === "iterator") last += 2;
        if (value < 0 || last >= sizes[space]) {
          fault(pc, `${row.name} names ${space} ${last} of ${sizes[space]}`);
        }
      }
      if (kind === "constant" && constants[value] !== undefined) {
        const constant = constants[value], kinds = CONSTANT_KINDS[row.name] ?? VALUE_KINDS;
        if (!kinds.includes(constant.kind)) {
          fault(pc, `${row.name} names a constant of kind ${constant.kind}`);
        }
        if (constant.kind === "function") verifyCaptures(proto, constant.proto, pc, fault);
      } else if (kind === "jump") {
        const target = instructions[value];
        if (target === undefined) fault(pc, `${row.name} leads to ${value}, no instruction`);
        if (value <= pc && target?.row.name !== "LOOP") {
          fault(pc, `${row.name} leads back to ${value}, which is no LOOP`);
        }
      }
    }
  }
  return sound ? instructions : null;
}

function verifyCaptures(
  maker: FunctionProto,
  proto: FunctionProto,
  pc: number,
  fault: Report,
): void {
  for (const { from, index, name } of proto.captures) {
    const size = from === "register" ? maker.registers : maker.captures.length;
    if (index < 0 || index >= size) fault(pc, `the capture ${name} is ${from} ${index} of ${size}`);
  }
}

/**
 * Follows the flow of control with the set of registers that are written on every path so far, a bit for each. Where paths
 * meet, the intersection counts; a place whose set shrinks is visited again. Sets only ever shrink, and in code that
 * comes from loops and ifs hardly any does so twice.
 *
 * A call loses what lies above its window, since that is where the callee has its own.
 */
function verifyFlow(
  proto: FunctionProto,
  instructions: readonly (Instruction | undefined)[],
  report: Report,
): void {
  const words = proto.registers + 31 >>> 5;
  const states: (Uint32Array | undefined)[] = [];
  const stale = new Set<number>();
  const reported = new Set<number>();

  const isStart = new Set([0]);
  for (const instruction of instructions) {
    if (instruction !== undefined && instruction.target !== null) isStart.add(instruction.target);
  }
  const order = [...isStart].sort((a, b) => a - b);

  const entry = new Uint32Array(words);
  for (let i = 0; i < proto.arity; i++) write(entry, i);
  states[0] = entry;
  stale.add(0);
  while (stale.size > 0) {
    for (const start of order) {
      if (stale.delete(start)) follow(start);
    }
  }

  function follow(start: number): void {
    const state = states[start]!.slice();
    for (let pc = start;;) {
      const instruction = instructions[pc];
      if (instruction === undefined) return report(pc, "the code goes on behind its end");
      const { row, operands, next, target } = instruction;
      verifyReads(instruction, state);
      applyWrites(instruction, state);
      if (target !== null) {
        meet(target, state, operandOf(instruction, "iterator"));
        if (operands.length === 1) return; // a jump without a condition
      }
      if (ENDS.has(row.name)) return;
      pc = next;
      if (isStart.has(pc)) return meet(pc, state);
    }
  }

  function meet(start: number, state: Uint32Array, iterator?: Operand): void {
    const arriving = state.slice();
    if (iterator !== undefined) write(arriving, iterator.value + 2); // there is an element only where the loop goes on
    const known = states[start];
    if (known === undefined) {
      states[start] = arriving;
      stale.add(start);
      return;
    }
    for (let i = 0; i < words; i++) {
      const both = known[i] & arriving[i];
      if (both !== (known[i] | 0)) {
        known[i] = both;
        stale.add(start);
      }
    }
  }

  function verifyReads(instruction: Instruction, state: Uint32Array): void {
    const { row, operands } = instruction;
    for (const { kind, value } of operands) {
      switch (kind) {
        case "src":
          verifyRead(instruction, state, value);
          break;
        case "far": // a far register is loaded from or stored to, whichever the near one is not
          if (row.operands.A === "dst") verifyRead(instruction, state, value);
          break;
        case "window": {
          const last = value + operandOf(instruction, "count")!.value;
          for (let register = value; register <= last; register++) verifyRead(instruction, state, register);
          break;
        }
        case "iterator": // FOR_PREPARE makes the state, FOR_NEXT has one
          verifyRead(instruction, state, value);
          if (row.operands.words !== undefined) verifyRead(instruction, state, value + 1);
          break;
        case "constant": {
          const constant = proto.constants[value];
          if (constant.kind !== "function") break;
          for (const { from, index, name } of constant.proto.captures) {
            if (from === "register") verifyRead(instruction, state, index, `the capture ${name}`);
          }
          break;
        }
      }
    }
  }

  function verifyRead(
    { pc, row }: Instruction,
    state: Uint32Array,
    register: number,
    reader: string = row.name,
  ): void {
    if ((state[register >>> 5] >>> (register & 31) & 1) !== 0 || reported.has(pc)) return;
    reported.add(pc);
    report(pc, `${reader} reads register ${register}, which may not be written yet`);
  }

  function applyWrites({ row, operands }: Instruction, state: Uint32Array): void {
    for (const { kind, value } of operands) {
      switch (kind) {
        case "dst":
          write(state, value);
          break;
        case "far":
          if (row.operands.A !== "dst") write(state, value);
          break;
        case "window":
          loseFrom(state, value + 1);
          break;
        case "iterator":
          write(state, value + 1);
          break;
      }
    }
  }
}

function write(state: Uint32Array, register: number): void {
  state[register >>> 5] |= 1 << (register & 31);
}

function loseFrom(state: Uint32Array, register: number): void {
  const word = register >>> 5;
  if (word >= state.length) return;
  state[word] &= (1 << (register & 31)) - 1;
  state.fill(0, word + 1);
}
