/**
 * A compiled program as data: what the bytecode pass makes, the verifier checks and the machine loads. Also the
 * instruction word, and the words of a function as they lie in linear memory. What the opcodes are is not known here.
 *
 * An instruction is one 32-bit word and as many whole operand words as its row in `opcodes.ts` names:
 *
 * ```text
 *   31        24 23        16 15         8 7          0
 *  |     C      |     B      |     A      |  opcode   |     three bytes
 *  |           Bx            |     A      |  opcode   |     one byte and 16 bits (sBx: signed)
 *  |              operand word                        |     jump distance, constant, global, cache ...
 * ```
 *
 * A jump distance counts from the operand word that holds it. Jumps backward go to LOOP instructions only.
 *
 * In linear memory a function is one object; its constants stand before its words, so that one address serves both:
 *
 * ```text
 *  |hdr|n| constant n-1 | ... | constant 0 | PROTO words | code ... | captures ... |
 *                                          +- the "proto word" that frames and functions hold
 * ```
 */

import type { SourceFile } from "./source.ts";

/** A constant of a function. */
export type Constant =
  | { readonly kind: "nil" }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly bytes: Uint8Array }
  | { readonly kind: "function"; readonly proto: FunctionProto }
  | { readonly kind: "struct"; readonly name: string; readonly fields: readonly string[] };

/** Where a function that is being made finds a variable that it captures: in a register of its maker, which holds a
 * cell, or among the maker's own captures. */
export interface Capture {
  /** Where to look. */
  readonly from: "register" | "capture";
  /** Number of the register or capture. */
  readonly index: number;
  /** The variable's name, for listings. */
  readonly name: string;
}

/** One compiled function; the body of a file is one, too. */
export interface FunctionProto {
  /** Index in {@linkcode Program.protos}. */
  readonly id: number;
  /** Name as programs see it; `anonymous` when it has none. */
  readonly name: string;
  /** Number of parameters. */
  readonly arity: number;
  /** Whether a call starts a task. */
  readonly isAsync: boolean;
  /** Registers of its window, at least `arity` + 1. */
  readonly registers: number;
  /** Instruction words. Words of kind "global" are indices into {@linkcode Program.globals}. */
  readonly code: Int32Array;
  /** What operands of kind `constant` mean, by number. */
  readonly constants: readonly Constant[];
  /** What closures of it capture, by number. */
  readonly captures: readonly Capture[];
  /** For each word of code two offsets into the source: the construct that it comes from. */
  readonly spans: Int32Array;
  /** The call by which it counts as hot. Planted by the profile pass, and with it the counts in the words of its loops. */
  readonly budget?: number;
  /** The offset of its declaration in the source. */
  readonly start: number;
}

/** A compiled file. */
export interface Program {
  /** The file that it was made from. */
  readonly source: SourceFile;
  /** The body of the file. */
  readonly main: FunctionProto;
  /** All functions, the body first. */
  readonly protos: readonly FunctionProto[];
  /** Names of the global variables that its code uses. */
  readonly globals: readonly string[];
}

/** Words of a function in linear memory, from the proto word on. */
export const Proto = {
  /** Ref of the PROTO object. */
  SELF: 0,
  /** Number of parameters; an async function has `-1 - arity`, which no call's count equals. */
  ARITY: 1,
  /** Words of its register window. */
  FRAME: 2,
  /** Calls left until the function is looked at, because it is hot or to count them. */
  COUNTER: 3,
  /** Words of code. */
  LENGTH: 4,
  /** Index in the machine's table of loaded functions. */
  ID: 5,
  /** Number of captures. */
  CAPTURES: 6,
  /** Ref of native code's entry, 0 without. */
  NATIVE: 7,
  /** What its counter was last set to, plus one. */
  GRANTED: 8,
  /** First word of code; even, so that every unit before it is whole. */
  CODE: 10,
} as const;

/** Builds an instruction word from an opcode and three bytes. */
export function wordABC(op: number, a: number, b: number, c: number): number {
  return op | a << 8 | b << 16 | c << 24;
}

/** Builds an instruction word from an opcode, a byte and 16 bits (signed or not). */
export function wordABx(op: number, a: number, bx: number): number {
  return op | a << 8 | bx << 16;
}

/** The opcode number of an instruction word. */
export function opOf(word: number): number {
  return word & 0xFF;
}
