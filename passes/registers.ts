/**
 * The code of one function while it grows: instruction words and their places in the source, constants, labels, and
 * the registers of its window.
 *
 * Registers are a stack. Variables lie at the bottom, each from its declaration to the end of its scope; on top of them
 * come the temporaries of the expression at work. Calls rely on that: the callee's window begins inside the caller's, at
 * the arguments, and overwrites all that lies above.
 *
 * An operand has 8 bits, a window up to 65,535 registers. Those beyond reach are *far*: an instruction that names one
 * works on a scratch register instead, which is loaded before or stored after it. Nobody but `emit` has to know.
 *
 * ```text
 *   0                               252     256                                            65,534
 *  | near registers                  |scratch| far registers, by FAR_GET, FAR_SET, CALL_FAR |
 *  | variables > temporaries > ...........  skipped  ................................>        |
 *              + base         + top
 * ```
 *
 * This file decides how operands are encoded, following the opcode rows; it knows nothing of the language.
 *
 * @module
 */

import { type Constant, opOf, wordABx } from "../core/program.ts";
import { byteText } from "../core/source.ts";
import {
  OP,
  type OpcodeDef,
  OPCODES,
  type OperandKind,
  type OpName,
  type WordKind,
} from "../core/opcodes.ts";

/** A stretch of source text that an instruction comes from; every node of the tree is one. */
export interface Site {
  readonly start: number;
  readonly end: number;
}

/** A place in the code that jumps may name before it is known. */
export interface Label {
  /** Index of the instruction, -1 until it is bound. */
  at: number;
  /** Operand words that wait for it. */
  readonly holes: number[];
}

/** The code of a function under construction. */
export interface Code {
  readonly words: number[];
  /** Two offsets for each word. */
  readonly spans: number[];
  readonly constants: Constant[];
  readonly constantNumbers: Map<string, number>;
  /** The lowest free register. */
  top: number;
  /** Registers from here on are temporaries: nothing but the expression at work reads them. */
  base: number;
  /** Size of the window so far. */
  registers: number;
  /** Whether anything leads to the next instruction; what would never run is not emitted. */
  reachable: boolean;
  /** The last place that jumps lead to. */
  bound: number;
}

/** First of the scratch registers; no instruction needs more than three. */
export const SCRATCH = 252;
/** First far register. */
const FAR = 256;
/** Registers that a window can have. */
export const REGISTERS_MAX = 65535;
/** Constants that an operand of 8 bits can name. */
const NEAR_CONSTANTS = 256;

/** Begins a function whose parameters are the registers 0 to `parameters - 1`. */
export function beginCode(parameters: number): Code {
  const code: Code = {
    words: [],
    spans: [],
    constants: [],
    constantNumbers: new Map(),
    top: parameters,
    base: parameters,
    registers: parameters + 1,
    reachable: true,
    bound: 0,
  };
  if (parameters > SCRATCH) code.top = code.base = Math.max(parameters, FAR);
  return code;
}

// ---- Registers ------------------------------------------------------------------------------------------------------

/** Takes the next register. It is given back by setting `top` to what it was before. */
export function allocate(code: Code): number {
  if (code.top === SCRATCH) code.top = FAR;
  const register = code.top++;
  if (code.top > code.registers) code.registers = code.top;
  return register;
}

/** Sees to it that the next `count` registers taken will be consecutive. */
export function alignWindow(code: Code, count: number): void {
  if (code.top < SCRATCH && code.top + count > SCRATCH) code.top = FAR;
}

/** Whether `register` is the topmost one in use, a temporary, and `count` more would follow it without a gap. */
export function beginsWindow(code: Code, register: number, count: number): boolean {
  return register === code.top - 1 && isTemporary(code, register) &&
    (register >= FAR || register + count < SCRATCH);
}

/** Whether nothing but the expression at work reads the register, so that it may hold intermediate results. */
export function isTemporary(code: Code, register: number): boolean {
  return register >= code.base;
}

/** Makes all registers taken so far those of variables. */
export function keepRegisters(code: Code): void {
  code.base = code.top;
}

/** Gives back all registers from `top` on, temporaries and variables. */
export function leaveScope(code: Code, top: number): void {
  code.top = code.base = top;
}

/** A parameter that came in a scratch register moves to a far one; the result is where the parameter is from now on. */
export function settleParameter(code: Code, at: Site, parameter: number): number {
  if (parameter < SCRATCH || parameter >= FAR) return parameter;
  const home = allocate(code);
  emit(code, at, "FAR_SET", parameter, home);
  keepRegisters(code);
  return home;
}

// ---- Instructions ---------------------------------------------------------------------------------------------------

/** How the operands of an opcode are packed: those in its first word with their number of bits, then whole words. */
interface Shape {
  readonly op: number;
  readonly packed: readonly Packed[];
  readonly words: readonly WordKind[];
}

/** An operand in the first word: 8 bits, or 16 if it is wide. */
interface Packed {
  readonly kind: OperandKind;
  readonly wide: boolean;
  readonly shift: number;
}

// Made on first use: most programs need a few of the opcodes only, and all of them would take a tenth of the start-up.
const shapes = new Map<OpName, Shape>();

function shapeOf(name: OpName): Shape {
  let shape = shapes.get(name);
  if (shape === undefined) {
    shape = makeShape(OP[name], OPCODES[OP[name]]);
    shapes.set(name, shape);
  }
  return shape;
}

function makeShape(op: number, { operands: { A, B, C, Bx, sBx, words = [] } }: OpcodeDef): Shape {
  const packed: Packed[] = [];
  if (A !== undefined) packed.push({ kind: A, wide: false, shift: 8 });
  if (B !== undefined) packed.push({ kind: B, wide: false, shift: 16 });
  if (C !== undefined) packed.push({ kind: C, wide: false, shift: 24 });
  const wide = Bx ?? sBx;
  if (wide !== undefined) packed.push({ kind: wide, wide: true, shift: 16 });
  return { op, packed, words };
}

/**
 * Appends an instruction. Operands stand in the order of its row: A, B, C or Bx, then whole words; those left out at
 * the end are 0.
 */
export function emit(code: Code, at: Site, name: OpName, ...operands: readonly number[]): void {
  emitShape(code, at, shapeOf(name), operands);
}

/** The same for an opcode of a plugin. */
export function emitRow(code: Code, at: Site, op: number, row: OpcodeDef, operands: readonly number[]): void {
  emitShape(code, at, makeShape(op, row), operands);
}

function emitShape(
  code: Code,
  at: Site,
  { op, packed, words }: Shape,
  operands: readonly number[],
): void {
  if (!code.reachable) return;
  let word = op, scratch = SCRATCH;
  let result = -1, home = -1;
  for (let i = 0; i < packed.length; i++) {
    const { kind, wide, shift } = packed[i];
    let value = operands[i] ?? 0;
    if (value >= FAR && !wide) {
      if (kind === "dst") {
        result = scratch;
        home = value;
      } else push(code, at, wordABx(OP.FAR_GET, scratch, value));
      value = scratch++;
    }
    word |= (wide ? value & 0xFFFF : value) << shift;
  }
  push(code, at, word);
  for (let i = 0; i < words.length; i++) push(code, at, operands[packed.length + i] ?? 0);
  if (home >= 0) push(code, at, wordABx(OP.FAR_SET, result, home));
}

function push(code: Code, at: Site, word: number): void {
  code.words.push(word);
  code.spans.push(at.start, at.end);
}

/** Copies a register. */
export function move(code: Code, at: Site, to: number, from: number): void {
  if (to === from) return;
  if (from >= FAR) emit(code, at, "FAR_GET", to, from);
  else if (to >= FAR) emit(code, at, "FAR_SET", from, to);
  else emit(code, at, "MOVE", to, from);
}

/** Calls the function in `window` with the `count` arguments that follow it. */
export function call(code: Code, at: Site, window: number, count: number): void {
  if (window < FAR) emit(code, at, "CALL", window, count);
  else emit(code, at, "CALL_FAR", count, window);
}

/** Ends a path: nothing leads to what follows, unless a label is bound there. */
export function leave(
  code: Code,
  at: Site,
  name: "RETURN" | "RETURN_NIL",
  ...operands: readonly number[]
): void {
  emit(code, at, name, ...operands);
  code.reachable = false;
}

// ---- Jumps ----------------------------------------------------------------------------------------------------------

/** Makes a label that is not bound yet. */
export function makeLabel(): Label {
  return { at: -1, holes: [] };
}

/** Appends a jump, conditional or not, with the operands that come before the distance. */
export function jump(code: Code, at: Site, name: OpName, label: Label, ...operands: readonly number[]): void {
  if (!code.reachable) return;
  emit(code, at, name, ...operands);
  const hole = code.words.length - 1;
  if (label.at >= 0) code.words[hole] = label.at - hole;
  else label.holes.push(hole);
  if (name === "JUMP") code.reachable = false;
}

/** Makes a label mean the next instruction. */
export function bind(code: Code, label: Label): void {
  const { words, spans } = code, { holes } = label;
  const last = words.length - 1;
  if (holes.at(-1) === last && opOf(words[last - 1]) === OP.JUMP && code.bound < words.length) {
    // A jump to the very next instruction is none; nor does another label stand behind it, which would have to move.
    holes.pop();
    words.length -= 2;
    spans.length -= 4;
    code.reachable = true;
  }
  label.at = words.length;
  for (const hole of holes) {
    words[hole] = label.at - hole;
    code.bound = label.at;
    code.reachable = true;
  }
}

/** Begins a loop: `head` is where jumps backward will go. It is reachable if they are, though nothing may lead to it yet. */
export function bindLoop(code: Code, at: Site, head: Label, reachable: boolean): void {
  code.reachable = reachable;
  bind(code, head);
  emit(code, at, "LOOP");
}

// ---- Iterators: three consecutive registers for collection, state and element ---------------------------------------

/** Checks the collection in the first register and sets the state. */
export function prepareIterator(code: Code, at: Site, iterator: number): void {
  if (iterator < FAR) return emit(code, at, "FOR_PREPARE", iterator);
  emit(code, at, "FAR_GET", SCRATCH, iterator);
  emit(code, at, "FOR_PREPARE", SCRATCH);
  emit(code, at, "FAR_SET", SCRATCH + 1, iterator + 1);
}

/** Goes back to `head` with the next element, if there is one. */
export function advanceIterator(code: Code, at: Site, iterator: number, head: Label): void {
  if (iterator < FAR) return jump(code, at, "FOR_NEXT", head, iterator);
  emit(code, at, "FAR_GET", SCRATCH, iterator);
  emit(code, at, "FAR_GET", SCRATCH + 1, iterator + 1);
  jump(code, at, "FOR_NEXT", head, SCRATCH);
}

/** Stands behind the loop's head: puts away what a step in scratch registers has left there. */
export function settleIterator(code: Code, at: Site, iterator: number): void {
  if (iterator < FAR) return;
  emit(code, at, "FAR_SET", SCRATCH + 1, iterator + 1);
  emit(code, at, "FAR_SET", SCRATCH + 2, iterator + 2);
}

// ---- Constants ------------------------------------------------------------------------------------------------------

/** The number of a constant; equal ones share it. Functions and struct types are never equal. */
export function constantNumber(code: Code, constant: Constant): number {
  const key = keyOf(constant);
  const known = key === null ? undefined : code.constantNumbers.get(key);
  if (known !== undefined) return known;
  const number = code.constants.push(constant) - 1;
  if (key !== null) code.constantNumbers.set(key, number);
  return number;
}

/** The number of a constant if it fits an operand of 8 bits, else null. */
export function nearConstant(code: Code, constant: Constant): number | null {
  if (code.constants.length >= NEAR_CONSTANTS) {
    const known = code.constantNumbers.get(keyOf(constant) ?? "");
    return known !== undefined && known < NEAR_CONSTANTS ? known : null;
  }
  return constantNumber(code, constant);
}

/** Loads a constant by the shortest instruction that can. */
export function loadConstant(code: Code, at: Site, to: number, constant: Constant): void {
  if (constant.kind === "nil") return emit(code, at, "LOAD_NIL", to);
  if (constant.kind === "bool") return emit(code, at, "LOAD_BOOL", to, Number(constant.value));
  if (constant.kind === "int" && BigInt.asIntN(16, constant.value) === constant.value) {
    return emit(code, at, "LOAD_INT", to, Number(constant.value));
  }
  const number = constantNumber(code, constant);
  emit(code, at, number <= 0xFFFF ? "LOAD_CONST" : "LOAD_CONST_WIDE", to, number);
}

/** Text that two constants share if and only if no program can tell them apart. */
function keyOf(constant: Constant): string | null {
  switch (constant.kind) {
    case "nil":
      return "nil";
    case "bool":
    case "int":
      return `${constant.kind} ${constant.value}`;
    case "float":
      return `float ${Object.is(constant.value, -0) ? "-0" : constant.value}`;
    case "string":
      return `string ${byteText(constant.bytes)}`;
    case "function":
    case "struct":
      return null;
  }
}
