/**
 * What a template of a plugin is written with: registers and memory of the processor, the registers of the frame, and
 * the checks with which most templates begin. The assembler and the site come as arguments, so nothing else of this
 * folder is needed, and nothing here is loaded but by plugins that bring templates.
 *
 * ```ts
 * const templates: X64Templates = {
 *   XOR(asm, { a, b, c, exit }) {
 *     loadInt(asm, rax, b, exit("not-int"));      // checks first: an exit does the whole instruction again
 *     loadInt(asm, rcx, c, exit("not-int"));
 *     asm.xor(rax, rcx);
 *     storeInt(asm, a, rax, exit("overflow"));    // the one effect last
 *   },
 * };
 * ```
 *
 * Between two instructions, `templates.ts` promises what these hold; a template leaves them as they are:
 *
 * ```text
 *  rbx   address of the linear memory      [rbx+4*word]
 *  r12   address of the current window     [r12+8*n] is register n: R(n)
 *  r13d  rounds and calls left until the outside may have a look
 *  r14   the tag of integers, rbp   the least tag of what is no double, r15   address of the next frame record
 *  rax rcx rdx rsi rdi r8 … r11, xmm0, xmm1    free
 * ```
 *
 * @module
 */

import type { Site, Template } from "../../core/backend.ts";
import type { X64Assembler } from "./assembler.ts";
import {
  dword,
  type Label,
  mem,
  type Memory,
  qword,
  r12,
  r14,
  type R64,
  rbp,
  rdx,
  type Unsized,
  type Xmm,
} from "./operands.ts";

export * from "./operands.ts";
export type { X64Assembler } from "./assembler.ts";

/** An instruction as its template sees it. */
export type X64Site = Site<Label>;
/** Writes the code of one instruction. */
export type X64Template = Template<X64Assembler, Label>;
/** Templates by opcode, as `templates.x64` of a plugin has them. */
export type X64Templates = { readonly [opcode: string]: X64Template | "exit" };

/** Makes the operand for a number once, and then gives the same one: templates ask for few again and again. */
export function once<T>(make: (n: number) => T): (n: number) => T {
  const made: T[] = [];
  return (n) => n >= 0 && n < 256 ? made[n] ??= make(n) : make(n);
}

/** Register `n` of the frame. */
export const R: (n: number) => Unsized = once((n) => mem(r12, 8 * n));
/** Its low half: the payload of a small integer, or the ref of an object. */
export const low: (n: number) => Memory<8> = once((n) => dword(mem(r12, 8 * n)));
/** Its high half: the tag, and of an object the kind. */
export const high: (n: number) => Memory<8> = once((n) => dword(mem(r12, 8 * n + 4)));

/** `to` = the integer in register `n` of the frame, extended to 64 bits; exits if there is none, or one of more than 48 bits. */
export function loadInt(asm: X64Assembler, to: R64, n: number, exit: Label): void {
  asm.mov(to, R(n));
  asm.cmp(to, r14);
  asm.jb(exit);
  asm.shl(to, 16);
  asm.sar(to, 16);
}

/** Register `n` of the frame = the integer in `from`; exits if it does not fit 48 bits. Overwrites `from` and rdx. */
export function storeInt(asm: X64Assembler, n: number, from: R64, exit: Label): void {
  asm.mov(rdx, from);
  asm.shl(rdx, 16);
  asm.sar(rdx, 16);
  asm.cmp(rdx, from);
  asm.jne(exit);
  asm.shl(from, 16);
  asm.shr(from, 16);
  asm.or(from, r14);
  asm.mov(R(n), from);
}

/** `to` = the double in register `n` of the frame; exits if there is none. */
export function loadDouble(asm: X64Assembler, to: Xmm, n: number, exit: Label): void {
  asm.cmp(qword(R(n)), rbp);
  asm.jae(exit);
  asm.movsd(to, R(n));
}

/** Register `n` of the frame = the double in `from`. */
export function storeDouble(asm: X64Assembler, n: number, from: Xmm): void {
  asm.movsd(R(n), from);
}
