/**
 * The templates: for each opcode the machine code that does what its row means, or the word `"exit"`. Operands are
 * read from the frame's window and results written back to it at once, so between two instructions everything is
 * where the interpreter has it, and native code can be entered and left at each of them.
 *
 * :guards-first: A template loads and checks, then stores. Until its last check has passed it has changed nothing, so
 * a failed check may jump to the instruction's exit, which has the interpreter do this same instruction. What is less
 * frequent stands outside, behind all instructions; what takes long is a call of one of `routines.ts`, which does all
 * or nothing, and so counts as a check. What is left for exits is rare: errors, collections, kinds that change.
 *
 * What machine registers hold, in all generated code:
 *
 * ```text
 *  rbx   address of the linear memory      [rbx+4*word], [rbx+8*ref]
 *  r12   address of the current window     [r12+8*n] is register n, [r12-8] the running function
 *  r13d  rounds and calls left until the outside may have a look
 *  r14   0xFFFF000000000000, the tag of integers and the greatest: `cmp value, r14; jb` leaves for what is none
 *  rbp   0xFFF9000000000000, where doubles end: `cmp value, rbp; jae` leaves for what is none
 *  r15   address of the next frame record  [r15+4*word], or [r15-16+4*word] of the caller's
 *  rax rcx rdx rsi rdi r8 … r11, xmm0, xmm1    free inside a template, and what a routine may overwrite
 * ```
 *
 * Values are always stored as whole words of 64 bits, since a load of 64 bits right after two stores of 32 stalls; and
 * what may have just been stored is loaded as a whole, since a part is handed on more slowly.
 */

import { Control, FRAME_WORDS, FRAMES_END, views } from "../../core/memory.ts";
import * as value from "../../core/value.ts";
import { FutureState, isStressed } from "../../core/heap.ts";
import { Proto } from "../../core/program.ts";
import type { OpName } from "../../core/opcodes.ts";
import {
  type ExitReason,
  type PatchPointWriter,
  Request,
  type Site,
  type Template,
  type Templates,
} from "../../core/backend.ts";
import type { X64Assembler } from "./assembler.ts";
import { callRoutine, jumpToRoutine, pushFrame, type RoutineName, toDouble } from "./routines.ts";
import { high, low, once, R } from "./kit.ts";
import {
  al,
  byte,
  disp32,
  dword,
  eax,
  ecx,
  edx,
  esi,
  imm32,
  imm64,
  type Label,
  mem,
  type Memory,
  qword,
  r11,
  r12,
  r13d,
  r14,
  r15,
  type R64,
  r8d,
  r9d,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsi,
  type Xmm,
  xmm0,
  xmm1,
} from "./operands.ts";

const {
  HI_ARRAY,
  HI_BOOL,
  HI_EMPTY,
  HI_FUNCTION,
  HI_FUTURE,
  HI_INT64,
  HI_MAP,
  HI_MODULE,
  HI_NATIVE,
  HI_NIL,
  HI_OBJECT,
  HI_STRING,
  HI_STRUCT,
  HI_STRUCT_TYPE,
  HI_UINT,
  Kind,
} = value;
/** High words from here on, without sign, belong to no double. */
const DOUBLE_END = value.HI_DOUBLE_END | 0;

const { I32, U8 } = views;

type Asm = X64Assembler;
type X64Site = Site<Label>;
type X64Template = Template<X64Assembler, Label>;

// ---- operands ----------------------------------------------------------------------------------------------------

/** A control word. */
const control = once((word) => dword(mem(rbx, 4 * word)));

/** The operands that {@linkcode field} has made, by register. */
const FIELDS = Array.from({ length: 16 }, () => [] as Memory<8>[]);

/** Word `n` of the object whose ref is in a register. */
function field(ref: R64, n: number): Memory<8> {
  return FIELDS[ref.code][n] ??= dword(mem(rbx, ref, 8, 4 * n));
}

/** Whether the second operand of an instruction is a constant. */
type Second = "register" | "constant";

function loadConstant(asm: Asm, site: X64Site, to: R64, n: number): void {
  const { low, high } = site.constant(n);
  asm.mov(to, imm64(low, high));
}

/** A register = the second operand of an instruction, whatever it is. */
function loadSecond(asm: Asm, site: X64Site, to: R64, n: number, second: Second): void {
  if (second === "constant") loadConstant(asm, site, to, n);
  else asm.mov(to, R(n));
}

/** The constant `n` if it is an integer of 32 bits with a sign. */
function smallConstant(site: X64Site, n: number): number | null {
  const { low, high } = site.constant(n);
  return high === (low >> 31 | HI_UINT) ? low : null;
}

/** Whether the constant `n` is an immediate integer / a double: what is known needs no check. */
const constantIsInt = (site: X64Site, n: number) => site.constant(n).high >> 16 === -1;
const constantIsDouble = (site: X64Site, n: number) => value.isDouble(site.constant(n).high);

/** rax and rcx = the operands, both immediate integers or `exit`, shifted to the top. */
function loadInts(asm: Asm, site: X64Site, b: number, c: number, second: Second, exit: Label): void {
  asm.mov(rax, R(b));
  if (second === "constant") {
    asm.cmp(rax, r14);
    asm.jb(exit);
    asm.shl(rax, 16);
    loadShifted(asm, site, c);
    return;
  }
  asm.mov(rcx, R(c));
  asm.mov(rdx, rax);
  asm.and(rdx, rcx);
  asm.cmp(rdx, r14);
  asm.jb(exit);
  asm.shl(rax, 16);
  asm.shl(rcx, 16);
}

/** rcx = the payload of an integer constant, at the top. */
function loadShifted(asm: Asm, site: X64Site, n: number): void {
  const { low, high } = site.constant(n);
  asm.mov(rcx, imm64(low << 16, high << 16 | low >>> 16));
}

/** Register `a` = the integer whose payload is at the top of rax. */
function storeShifted(asm: Asm, a: number): void {
  asm.shr(rax, 16);
  asm.or(rax, r14);
  asm.mov(R(a), rax);
}

/**
 * Gives a label outside for what the fast path of integers does not do: operands or a result of more than 48 bits. What
 * is no integer at all exits.
 */
function widely(asm: Asm, site: X64Site, routine: RoutineName, second: Second, done: Label): Label {
  const wide = asm.label("wide");
  site.outside(() => {
    asm.bind(wide);
    computeWide(asm, site, routine, second, done);
  });
  return wide;
}

/** An operation with a constant that the fast paths have nothing for. */
function computeWith(asm: Asm, site: X64Site, routine: RoutineName): void {
  if (!value.isInt(site.constant(site.c).high)) return leave(asm, site, "not-int");
  const done = asm.label("done");
  computeWide(asm, site, routine, "constant", done);
  asm.bind(done);
}

function computeWide(asm: Asm, site: X64Site, routine: RoutineName, second: Second, done: Label): void {
  const exit = site.exit("not-int");
  if (isStressed()) return asm.jmp(exit);
  asm.mov(rax, R(site.b));
  loadSecond(asm, site, rcx, site.c, second);
  callRoutine(asm, routine);
  asm.test(rax, rax);
  asm.je(exit);
  asm.mov(R(site.a), rax);
  asm.jmp(done);
}

/**
 * rax = the value in register `n`, an integer from 0 to 2^`bits` - 1, and rcx = the payload of such a one in register
 * `second`; else goes to `other`. Loads are of 64 bits, as the stores were: part of a word that has just been stored
 * takes longer. What is tested is a copy, so that rax is there as soon as it is loaded.
 */
function loadSmall(asm: Asm, n: number, second: number | null, bits: number, other: Label): void {
  asm.mov(rax, R(n));
  asm.mov(rdx, rax);
  asm.xor(rdx, r14);
  if (second !== null) {
    asm.mov(rcx, R(second));
    asm.xor(rcx, r14);
    asm.or(rdx, rcx);
  }
  asm.shr(rdx, bits);
  asm.jne(other);
}

/**
 * An addition or subtraction of integers. :small: Most have no sign and fewer than 47 bits; what their payloads make has
 * no more than 47. A negative difference has borrowed from the tag before it, and takes the long way outside, where the
 * processor's overflow flag tells what 48 bits do not hold.
 */
function addInts(operation: "add" | "sub", second: Second): X64Template {
  return (asm, site) => {
    const { a, b, c } = site, routine = operation === "add" ? "wideAdd" : "wideSubtract";
    if (second === "constant" && !constantIsInt(site, c)) return computeWith(asm, site, routine);
    const done = asm.label("done"), long = asm.label("not small");
    const wide = widely(asm, site, routine, second, done);
    const constant = second === "constant" ? smallConstant(site, c) : null;
    if (second === "constant" && constant === null) asm.jmp(long);
    else {
      loadSmall(asm, b, second === "constant" ? null : c, 46, long);
      if (constant === null) asm[operation](rax, rcx);
      else asm[operation](rax, constant);
      if (constant === null ? operation === "sub" : operation === "add" ? constant < 0 : constant > 0) {
        asm.cmp(rax, r14);
        asm.jb(long);
      }
      asm.mov(R(a), rax);
    }
    asm.bind(done);

    site.outside(() => {
      asm.bind(long);
      loadInts(asm, site, b, c, second, wide);
      asm[operation](rax, rcx);
      asm.jo(wide);
      storeShifted(asm, a);
      asm.jmp(done);
    });
  };
}

/** A product of integers: that of small ones, if it has 47 bits. */
function multiplyInts(second: Second): X64Template {
  return (asm, site) => {
    const { a, b, c } = site;
    if (second === "constant" && !constantIsInt(site, c)) return computeWith(asm, site, "wideMultiply");
    const done = asm.label("done"), wide = widely(asm, site, "wideMultiply", second, done);
    const constant = second === "constant" ? smallConstant(site, c) : null;
    if (second === "constant" && (constant === null || constant < 0)) asm.jmp(wide);
    else {
      loadSmall(asm, b, constant === null ? c : null, 47, wide);
      asm.xor(rax, r14);
      if (constant === null) asm.imul(rax, rcx);
      else asm.imul(rax, rax, constant);
      asm.jo(wide);
      asm.mov(rcx, rax);
      asm.shr(rcx, 47);
      asm.jne(wide);
      asm.or(rax, r14);
      asm.mov(R(a), rax);
    }
    asm.bind(done);
  };
}

/**
 * Quotient or remainder of small integers; others go the wide way. By a constant d it is a multiplication by 2^64 / d,
 * rounded up: what that is too great by, less than d / 2^64 for each of at most 2^32, does not reach the next quotient.
 */
function divideInts(result: "quotient" | "remainder", second: Second): X64Template {
  return (asm, site) => {
    const { a, b, c } = site, routine = result === "quotient" ? "wideDivide" : "wideRemainder";
    const divisor = second === "constant" ? site.constant(c) : null;
    if (divisor !== null && (divisor.high !== HI_UINT || divisor.low >>> 0 < 2)) {
      return computeWith(asm, site, routine);
    }
    const done = asm.label("done"), wide = widely(asm, site, routine, second, done);
    loadSmall(asm, b, divisor === null ? c : null, 32, wide);
    asm.mov(eax, eax);
    if (divisor === null) {
      asm.test(ecx, ecx);
      asm.je(site.exit("division"));
      asm.xor(edx, edx);
      asm.div(ecx);
      if (result === "remainder") asm.mov(eax, edx);
    } else {
      const reciprocal = (1n << 64n) / BigInt(divisor.low >>> 0) + 1n;
      asm.mov(eax, low(b));
      asm.mov(
        rcx,
        imm64(Number(BigInt.asIntN(32, reciprocal)), Number(BigInt.asIntN(32, reciprocal >> 32n))),
      );
      asm.mov(esi, eax);
      asm.mul(rcx);
      if (result === "quotient") asm.mov(eax, edx);
      else {
        asm.imul(edx, edx, divisor.low);
        asm.mov(eax, esi);
        asm.sub(eax, edx);
      }
    }
    asm.or(rax, r14);
    asm.mov(R(a), rax);
    asm.bind(done);
  };
}

/** Exits if register `n` holds no double. */
function guardDouble(asm: Asm, n: number, exit: Label): void {
  asm.cmp(R(n), rbp);
  asm.jae(exit);
}

/** An xmm register = a constant of numeric type. */
function loadDoubleConstant(asm: Asm, site: X64Site, to: Xmm, n: number): void {
  const { low, high } = site.constant(n);
  asm.mov(rax, imm64(low, high));
  asm.movq(to, rax);
}

/** Operations on doubles: an instruction each, but for the remainder. */
type DoubleOperation = "addsd" | "subsd" | "mulsd" | "divsd" | "remainder";

/** xmm0 = the result of an operation on xmm0 and xmm1. */
function operate(asm: Asm, operation: DoubleOperation): void {
  if (operation === "remainder") callRoutine(asm, operation);
  else asm[operation](xmm0, xmm1);
}

function doubles(operation: DoubleOperation, second: Second): X64Template {
  return (asm, site) => {
    const { a, b, c } = site, exit = site.exit("not-double");
    if (second === "constant" && !constantIsDouble(site, c)) return leave(asm, site, "not-double");
    guardDouble(asm, b, exit);
    if (second === "register") guardDouble(asm, c, exit);
    if (second === "register") asm.movsd(xmm1, R(c));
    else loadDoubleConstant(asm, site, xmm1, c);
    asm.movsd(xmm0, R(b));
    operate(asm, operation);
    asm.movsd(R(a), xmm0);
  };
}

/** An xmm register = the number in register `n`, immediate integer or double; else `exit`. Uses rax. */
function loadNumber(asm: Asm, to: Xmm, n: number, exit: Label): void {
  asm.mov(rax, R(n));
  toDouble(asm, to, rax, exit);
}

function loadNumberConstant(asm: Asm, site: X64Site, to: Xmm, n: number): void {
  const { low, high } = site.constant(n);
  if (value.isDouble(high)) return loadDoubleConstant(asm, site, to, n);
  asm.mov(rax, imm64(low, high << 16 >> 16));
  asm.cvtsi2sd(to, rax);
}

/** Arithmetic on operands whose types change: two integers as integers, other numbers as doubles, `+` joins strings. */
function mixed(
  operation: DoubleOperation,
  ints: X64Template,
  routine: RoutineName,
  second: Second,
): X64Template {
  return (asm, site) => {
    const { a, b, c } = site;
    const notInts = asm.label("not ints"), objects = asm.label("objects"), done = asm.label("done");
    const constant = second === "constant" ? site.constant(c) : null;
    if (constant === null || constant.high >> 16 === -1) {
      asm.mov(rax, R(b));
      if (constant === null) asm.and(rax, R(c));
      asm.cmp(rax, r14);
      asm.jb(notInts);
      ints(asm, site);
      asm.jmp(done);
      asm.bind(notInts);
    }
    if (constant === null || value.isInt(constant.high) || value.isDouble(constant.high)) {
      loadNumber(asm, xmm0, b, objects);
      if (constant === null) loadNumber(asm, xmm1, c, objects);
      else if (constant.high === HI_INT64) asm.jmp(objects);
      else loadNumberConstant(asm, site, xmm1, c);
      operate(asm, operation);
      asm.movsd(R(a), xmm0);
    } else asm.jmp(objects);
    asm.bind(done);
    site.outside(() => {
      asm.bind(objects);
      if (operation === "addsd") join(asm, site, second, done);
      computeWide(asm, site, routine, second, done);
    });
  };
}

/** Joins a string with a string, or with the text of what is simple; goes on behind this if neither operand is a string. */
function join(asm: Asm, site: X64Site, second: Second, done: Label): void {
  const { a, b, c } = site, exit = site.exit("allocation");
  const notString = asm.label("no string first"), other = asm.label("something else second");
  const store = asm.label("store"), none = asm.label("no strings");
  if (isStressed()) return;
  loadSecond(asm, site, rcx, c, second);
  asm.mov(rdx, rcx);
  asm.shr(rdx, 32);
  asm.mov(eax, low(b));
  asm.cmp(high(b), HI_STRING);
  asm.jne(notString);
  asm.cmp(edx, HI_STRING);
  asm.jne(other);
  asm.mov(ecx, ecx);
  callRoutine(asm, "concat");
  asm.bind(store);
  asm.test(eax, eax);
  asm.je(exit);
  storeObject(asm, a, Kind.STRING);
  asm.jmp(done);
  asm.bind(other);
  callRoutine(asm, "appendText");
  asm.jmp(store);
  asm.bind(notString);
  asm.cmp(edx, HI_STRING);
  asm.jne(none);
  asm.mov(rax, R(b));
  asm.mov(ecx, ecx);
  callRoutine(asm, "prependText");
  asm.jmp(store);
  asm.bind(none);
}

// ---- jumps -------------------------------------------------------------------------------------------------------

/** What a jump may depend on. */
export type Condition = "b" | "ae" | "be" | "a" | "l" | "ge" | "le" | "g" | "e" | "ne";
/** The jump that is taken on a condition, and the one that is taken if it is not met. */
const JUMPS = {
  b: ["jb", "jae"],
  ae: ["jae", "jb"],
  be: ["jbe", "ja"],
  a: ["ja", "jbe"],
  l: ["jl", "jge"],
  ge: ["jge", "jl"],
  le: ["jle", "jg"],
  g: ["jg", "jle"],
  e: ["je", "jne"],
  ne: ["jne", "je"],
} as const satisfies Readonly<Record<Condition, readonly [string, string]>>;

/** What jumps need to know of their instruction. */
type JumpSite = Pick<X64Site, "backward" | "target" | "poll">;

/** Jumps to the instruction's target. A jump backward counts down, and lets the outside have a look at zero. */
export function takeJump(asm: Asm, site: JumpSite): void {
  if (!site.backward) {
    asm.jmp(site.target);
    return;
  }
  asm.sub(r13d, 1);
  asm.jns(site.target);
  asm.jmp(site.poll());
}

export function jumpIf(asm: Asm, site: JumpSite, condition: Condition): void {
  if (!site.backward) {
    asm[JUMPS[condition][0]](site.target);
    return;
  }
  const skip = asm.label("leave the loop");
  asm[JUMPS[condition][1]](skip);
  takeJump(asm, site);
  asm.bind(skip);
}

function compareInts(condition: Condition, second: Second): X64Template {
  return (asm, site) => {
    const { a, b } = site, done = asm.label("done"), long = asm.label("not small"), wide = asm.label("wide");
    if (second === "constant" && !value.isInt(site.constant(b).high)) return leave(asm, site, "not-int");
    const constant = second === "constant" ? smallConstant(site, b) : null;
    if (second === "constant" && (constant === null || constant < 0)) asm.jmp(long);
    else {
      loadSmall(asm, a, constant === null ? b : null, 47, long);
      asm.xor(rax, r14);
      if (constant === null) asm.cmp(rax, rcx);
      else asm.cmp(rax, constant);
      jumpIf(asm, site, condition);
    }
    asm.bind(done);
    site.outside(() => {
      asm.bind(long);
      if (second === "register" || constantIsInt(site, b)) {
        loadInts(asm, site, a, b, second, wide);
        asm.cmp(rax, rcx);
        jumpIf(asm, site, condition);
        asm.jmp(done);
      }
      asm.bind(wide);
      compareWide(asm, site, condition, second, done);
    });
  };
}

/** Compares integers of which one at least is boxed; what is no integer exits. */
function compareWide(asm: Asm, site: X64Site, condition: Condition, second: Second, done: Label): void {
  asm.mov(rax, R(site.a));
  loadSecond(asm, site, rcx, site.b, second);
  callRoutine(asm, "widen");
  asm.test(edx, edx);
  asm.je(site.exit("not-int"));
  asm.cmp(rax, rcx);
  jumpIf(asm, site, condition);
  asm.jmp(done);
}

/** rax and rcx = refs of the operands if both are strings; else goes to `other`. */
function loadStrings(asm: Asm, site: X64Site, second: Second, other: Label): void {
  const { a, b } = site;
  asm.cmp(high(a), HI_STRING);
  asm.jne(other);
  if (second === "constant") {
    if (site.constant(b).high !== HI_STRING) return asm.jmp(other);
    asm.mov(ecx, site.constant(b).low);
  } else {
    asm.cmp(high(b), HI_STRING);
    asm.jne(other);
    asm.mov(ecx, low(b));
  }
  asm.mov(eax, low(a));
}

/**
 * Compares doubles. `ucomisd` sets carry and zero when one is NaN, so `a < b` is asked as `b above a`, which NaN makes
 * false; the negated forms are the opposite conditions, which NaN makes true.
 */
function compareDoubles(condition: Condition, second: Second, swapped = false): X64Template {
  return (asm, site) => {
    const { a, b } = site, exit = site.exit("not-double");
    if (second === "constant" && !constantIsDouble(site, b)) return leave(asm, site, "not-double");
    guardDouble(asm, a, exit);
    if (second === "register") guardDouble(asm, b, exit);
    if (second === "constant") loadDoubleConstant(asm, site, xmm1, b);
    else asm.movsd(xmm1, R(b));
    asm.movsd(xmm0, R(a));
    if (swapped) asm.ucomisd(xmm0, xmm1);
    else asm.ucomisd(xmm1, xmm0);
    jumpIf(asm, site, condition);
  };
}

/**
 * The forms for changing types: any two numbers are compared, as integers if both are, else as doubles if exact; and
 * strings.
 */
function compareAny(ints: Condition, asDoubles: Condition, second: Second, swapped = false): X64Template {
  return (asm, site) => {
    const { a, b } = site, notInts = asm.label("not ints"), done = asm.label("done");
    const objects = asm.label("objects"), noStrings = asm.label("no strings");
    const constant = second === "constant" ? site.constant(b) : null;
    if (constant === null || constant.high >> 16 === -1) {
      asm.mov(rax, R(a));
      if (constant === null) asm.and(rax, R(b));
      asm.cmp(rax, r14);
      asm.jb(notInts);
      compareInts(ints, second)(asm, site);
      asm.jmp(done);
      asm.bind(notInts);
    }
    if (constant === null || constant.high >> 16 === -1 || value.isDouble(constant.high)) {
      // Immediate integers have 48 bits, so turning them into doubles loses nothing.
      loadNumber(asm, xmm0, a, objects);
      if (constant === null) loadNumber(asm, xmm1, b, objects);
      else loadNumberConstant(asm, site, xmm1, b);
      if (swapped) asm.ucomisd(xmm0, xmm1);
      else asm.ucomisd(xmm1, xmm0);
      jumpIf(asm, site, asDoubles);
    } else asm.jmp(objects);
    asm.bind(done);
    site.outside(() => {
      asm.bind(objects);
      loadStrings(asm, site, second, noStrings);
      callRoutine(asm, "compareStrings");
      asm.cmp(eax, 0);
      jumpIf(asm, site, ints);
      asm.jmp(done);
      asm.bind(noStrings);
      compareWide(asm, site, ints, second, done);
    });
  };
}

/** Jumps if two doubles that `ucomisd` has compared are equal, or if they are not: with NaN, which sets parity, they are not. */
export function jumpIfEqual(asm: Asm, site: JumpSite, condition: "e" | "ne"): void {
  if (condition === "e") {
    const unordered = asm.label("unordered");
    asm.jp(unordered);
    jumpIf(asm, site, "e");
    asm.bind(unordered);
    return;
  }
  const jump = asm.label("different"), done = asm.label("same");
  asm.jp(jump);
  asm.je(done);
  asm.bind(jump);
  takeJump(asm, site);
  asm.bind(done);
}

function equalDoubles(condition: "e" | "ne", second: Second): X64Template {
  return (asm, site) => {
    const { a, b } = site, exit = site.exit("not-double");
    if (second === "constant" && !constantIsDouble(site, b)) return leave(asm, site, "not-double");
    guardDouble(asm, a, exit);
    if (second === "register") guardDouble(asm, b, exit);
    if (second === "constant") loadDoubleConstant(asm, site, xmm1, b);
    else asm.movsd(xmm1, R(b));
    asm.ucomisd(xmm1, R(a));
    jumpIfEqual(asm, site, condition);
  };
}

/**
 * Equality of anything. The same 64 bits are equal unless they are a double's (NaN). Different bits are different if
 * neither is a double, and not both are strings or boxed integers: all else has one form each, or is an object.
 */
function equalAny(condition: "e" | "ne", second: Second): X64Template {
  return (asm, site) => {
    const { a, b } = site, done = asm.label("done");
    const different = asm.label("different"), doubles = asm.label("doubles"), objects = asm.label("objects");
    const jump = asm.label("jump"), noStrings = asm.label("no strings");
    const same = condition === "e" ? jump : done, other = condition === "e" ? done : jump;
    asm.mov(rax, R(a));
    loadSecond(asm, site, rcx, b, second);
    asm.cmp(rax, rcx);
    asm.jne(different);
    asm.shr(rax, 32);
    asm.cmp(eax, DOUBLE_END);
    asm.jb(doubles);
    asm.jmp(same);
    asm.bind(different);
    // The tag of objects is the least that is not a double's, but for that of no value.
    asm.mov(rdx, imm64(0, HI_BOOL));
    asm.cmp(rax, rdx);
    asm.jb(objects);
    asm.cmp(rcx, rdx);
    asm.jb(objects);
    asm.jmp(other);
    asm.bind(jump);
    takeJump(asm, site);
    asm.bind(done);

    site.outside(() => {
      const unordered = asm.label("unordered");
      asm.bind(objects);
      loadStrings(asm, site, second, noStrings);
      callRoutine(asm, "equalStrings");
      asm.je(same);
      asm.jmp(other);
      asm.bind(noStrings);
      asm.shr(rcx, 32);
      asm.mov(rdx, R(a));
      asm.shr(rdx, 32);
      for (const each of [edx, ecx]) {
        asm.cmp(each, DOUBLE_END);
        asm.jb(doubles);
        asm.cmp(each, HI_INT64);
        asm.je(site.exit("not-simple"));
      }
      asm.jmp(other);
      // A double equals the numbers of its value. What is no number is different, and left to the interpreter.
      asm.bind(doubles);
      loadNumber(asm, xmm0, a, site.exit("not-simple"));
      if (second === "register") loadNumber(asm, xmm1, b, site.exit("not-simple"));
      else if (constantIsInt(site, b) || constantIsDouble(site, b)) loadNumberConstant(asm, site, xmm1, b);
      else return leave(asm, site, "not-simple");
      asm.ucomisd(xmm0, xmm1);
      asm.jp(unordered);
      asm.je(same);
      asm.bind(unordered);
      asm.jmp(other);
    });
  };
}

/** Goes to `truthy` or `falsy` with the value in register `n`, which is no boolean. */
function decideTruth(asm: Asm, n: number, truthy: Label, falsy: Label): void {
  const byLow = asm.label("by its low word");
  asm.mov(rax, R(n));
  asm.mov(rcx, rax);
  asm.shr(rcx, 32);
  asm.cmp(ecx, HI_UINT);
  asm.je(byLow);
  asm.cmp(ecx, HI_NIL);
  asm.je(falsy);
  asm.cmp(ecx, DOUBLE_END);
  asm.jae(truthy);
  asm.add(rax, rax); // without its sign, only a zero is 0
  asm.je(falsy);
  asm.jmp(truthy);
  asm.bind(byLow);
  asm.test(eax, eax);
  asm.je(falsy);
  asm.jmp(truthy);
}

/** Jumps on the truth of a value. */
function jumpOnTruth(wanted: boolean): X64Template {
  return (asm, site) => {
    const { a } = site, other = asm.label("no boolean"), jump = asm.label("jump"), done = asm.label("done");
    asm.cmp(high(a), HI_BOOL);
    asm.jne(other);
    asm.cmp(low(a), 0);
    jumpIf(asm, site, wanted ? "ne" : "e");
    asm.bind(done);
    site.outside(() => {
      asm.bind(other);
      if (wanted) decideTruth(asm, a, jump, done);
      else decideTruth(asm, a, done, jump);
      asm.bind(jump);
      takeJump(asm, site);
    });
  };
}

// ---- objects -----------------------------------------------------------------------------------------------------

/** rax = ref of the object in register `n` if it is of the kind with this high word; else exits. */
function loadObject(asm: Asm, n: number, hi: number, exit: Label): void {
  asm.cmp(high(n), hi);
  asm.jne(exit);
  asm.mov(eax, low(n));
}

/**
 * rcx = the index in register `n` or the constant `n`, rdx = length of the array or string rax; goes to `beyond` unless
 * the index is less. There rcx has more than 32 bits unless it is an index at all: the tag of another value is in it.
 */
function checkIndex(asm: Asm, site: X64Site, n: number, second: Second, beyond: Label): void {
  loadSecond(asm, site, rcx, n, second);
  asm.mov(edx, field(rax, 1));
  asm.xor(rcx, r14);
  asm.cmp(rcx, rdx);
  asm.jae(beyond);
}

/** Behind `beyond` of {@linkcode checkIndex}: an index past the end reads nil. */
function readNil(asm: Asm, site: X64Site, beyond: Label, store: Label): void {
  site.outside(() => {
    asm.bind(beyond);
    asm.shr(rcx, 32);
    asm.jne(site.exit("not-array-item"));
    asm.mov(rax, imm64(0, HI_NIL));
    asm.jmp(store);
  });
}

const copyOut = (asm: Asm, a: number): void => asm.mov(R(a), rax);

/** What GET_INDEX is for arrays: an item, or nil beyond the end. */
function getItem(asm: Asm, site: X64Site, second: Second, other: Label): void {
  const { a, b, c } = site, beyond = asm.label("beyond the end"), store = asm.label("store");
  loadObject(asm, b, HI_ARRAY, other);
  checkIndex(asm, site, c, second, beyond);
  asm.mov(eax, field(rax, 2));
  asm.add(rax, rcx);
  asm.mov(rax, mem(rbx, rax, 8));
  asm.bind(store);
  copyOut(asm, a);
  readNil(asm, site, beyond, store);
}

/** What GET_INDEX is for maps: the value of a key, or nil. */
function getEntry(asm: Asm, site: X64Site, second: Second, other: Label): void {
  const { a, b, c } = site, absent = asm.label("no such key"), store = asm.label("store");
  loadObject(asm, b, HI_MAP, other);
  loadSecond(asm, site, rcx, c, second);
  callRoutine(asm, "find");
  asm.cmp(rdx, 1);
  asm.je(site.exit("not-key"));
  asm.jb(absent);
  asm.mov(rax, mem(rdx, 8));
  asm.bind(store);
  copyOut(asm, a);
  site.outside(() => {
    asm.bind(absent);
    asm.mov(rax, imm64(0, HI_NIL));
    asm.jmp(store);
  });
}

/** What GET_INDEX is for strings: one byte as a string, or nil beyond the end. */
function getByte(asm: Asm, site: X64Site, second: Second, other: Label): void {
  const { a, b, c } = site, beyond = asm.label("beyond the end"), store = asm.label("store");
  if (isStressed()) return asm.jmp(other);
  loadObject(asm, b, HI_STRING, other);
  checkIndex(asm, site, c, second, beyond);
  makeByteString(asm, site);
  asm.bind(store);
  copyOut(asm, a);
  readNil(asm, site, beyond, store);
}

/** rax = the byte at index rcx of the string rax, as a value. */
function makeByteString(asm: Asm, site: X64Site): void {
  asm.mov(eax, field(rax, 3));
  asm.lea(rax, mem(rbx, rax, 8));
  asm.movzx(edx, byte(mem(rax, rcx, 1)));
  callRoutine(asm, "byteString");
  asm.test(eax, eax);
  asm.je(site.exit("allocation"));
  asm.mov(rcx, imm64(0, HI_STRING));
  asm.or(rax, rcx);
}

/** GET_INDEX for containers of one kind, or of all of them. */
function getIndex(form: "array" | "map" | "any", second: Second): X64Template {
  return (asm, site) => {
    if (form === "map") return getEntry(asm, site, second, site.exit("not-container"));
    if (form === "array") return getItem(asm, site, second, site.exit("not-array-item"));
    const noArray = asm.label("no array"), noMap = asm.label("no map"), done = asm.label("done");
    getItem(asm, site, second, noArray);
    asm.bind(done);
    site.outside(() => {
      asm.bind(noArray);
      getEntry(asm, site, second, noMap);
      asm.jmp(done);
      asm.bind(noMap);
      getByte(asm, site, second, site.exit("not-container"));
      asm.jmp(done);
    });
  };
}

/** Makes room in the array rax, which is full, and comes back to where rcx = its length is known again. */
function grow(asm: Asm, site: X64Site, back: Label): void {
  if (isStressed()) return asm.jmp(site.exit("growth"));
  callRoutine(asm, "growArray");
  asm.je(site.exit("growth"));
  asm.mov(ecx, field(rax, 1));
  asm.jmp(back);
}

/** Appends register `n` to the array rax, whose length is in rcx. */
function appendItem(asm: Asm, site: X64Site, n: number): void {
  const full = asm.label("full"), room = asm.label("room");
  asm.cmp(ecx, field(rax, 3));
  asm.jae(full);
  asm.bind(room);
  asm.mov(edx, field(rax, 2));
  asm.add(rdx, rcx);
  asm.mov(rsi, R(n));
  asm.mov(mem(rbx, rdx, 8), rsi);
  asm.add(ecx, 1);
  asm.mov(field(rax, 1), ecx);
  site.outside(() => {
    asm.bind(full);
    grow(asm, site, room);
  });
}

/** What SET_INDEX is for arrays: one in range, or the next one. */
function setItem(asm: Asm, site: X64Site, second: Second, other: Label): void {
  const { a, b, c } = site, exit = site.exit("not-array-item");
  const beyond = asm.label("beyond the end"), done = asm.label("done");
  loadObject(asm, a, HI_ARRAY, other);
  checkIndex(asm, site, b, second, beyond);
  asm.mov(eax, field(rax, 2));
  asm.add(rcx, rax);
  asm.mov(rax, R(c));
  asm.mov(mem(rbx, rcx, 8), rax);
  asm.bind(done);
  site.outside(() => {
    asm.bind(beyond);
    asm.jne(exit); // it is not even the next one
    appendItem(asm, site, c);
    asm.jmp(done);
  });
}

/** What SET_INDEX is for maps. */
function setEntry(asm: Asm, site: X64Site, second: Second, other: Label): void {
  const { a, b, c } = site;
  loadObject(asm, a, HI_MAP, other);
  loadSecond(asm, site, rcx, b, second);
  // A new key may take memory, so in stress mode it is the interpreter's.
  callRoutine(asm, isStressed() ? "find" : "locate");
  asm.cmp(rdx, 1);
  asm.jbe(site.exit("not-key"));
  asm.mov(rax, R(c));
  asm.mov(mem(rdx, 8), rax);
}

/** SET_INDEX for containers of one kind, or of all of them. */
function setIndex(form: "array" | "map" | "any", second: Second): X64Template {
  return (asm, site) => {
    if (form === "map") return setEntry(asm, site, second, site.exit("not-container"));
    if (form === "array") return setItem(asm, site, second, site.exit("not-array-item"));
    const noArray = asm.label("no array"), done = asm.label("done");
    setItem(asm, site, second, noArray);
    asm.bind(done);
    site.outside(() => {
      asm.bind(noArray);
      setEntry(asm, site, second, site.exit("not-container"));
      asm.jmp(done);
    });
  };
}

/** rax = ref of a new object of `units`; exits when the hole is full. Changes nothing before that. */
function allocateUnits(asm: Asm, site: X64Site, units: number): void {
  // In stress mode every allocation has to collect, which only the interpreter does.
  if (isStressed()) asm.jmp(site.exit("allocation"));
  asm.mov(eax, control(Control.ALLOC_CURSOR));
  asm.lea(rcx, mem(rax, units));
  asm.cmp(ecx, control(Control.ALLOC_END));
  asm.ja(site.exit("allocation"));
  asm.mov(control(Control.ALLOC_CURSOR), ecx);
}

/** Register `a` = the object of this kind whose ref is in rax. */
function storeObject(asm: Asm, a: number, kind: number): void {
  asm.mov(rcx, imm64(0, HI_OBJECT + kind));
  asm.or(rax, rcx);
  asm.mov(R(a), rax);
}

/** Ends the code of an instruction whose operands rule the fast path out. */
function leave(asm: Asm, site: X64Site, reason: ExitReason): void {
  asm.jmp(site.exit(reason));
}

const copy: X64Template = (asm, { a, b }) => {
  asm.mov(rax, R(b));
  asm.mov(R(a), rax);
};

const loadConst: X64Template = (asm, site) => {
  loadConstant(asm, site, rax, site.b);
  asm.mov(R(site.a), rax);
};

const moduleMember: X64Template = (asm, site) => {
  const { a, b } = site, exit = site.exit("not-cached");
  loadObject(asm, b, HI_MODULE, exit);
  asm.cmp(field(rax, 1), site.word(1));
  asm.jne(exit);
  asm.mov(rax, mem(rbx, 4 * site.word(2)));
  asm.mov(R(a), rax);
};

/**
 * :inline-cache: The type and the place of the field stand in the instructions. Where none was seen before this was
 * compiled they are 0, which is no type, and are patched after the first exit.
 */
const getField: X64Template = (asm, site) => {
  const point = site.patchPoint("field", "not-cached");
  loadObject(asm, site.b, HI_STRUCT, point.exit);
  checkType(asm, site, point);
  asm.mov(rax, disp32(mem(rbx, rax, 8, 4 * site.word(2))));
  point.hole("place");
  asm.mov(R(site.a), rax);
};

const setField: X64Template = (asm, site) => {
  const point = site.patchPoint("field", "not-cached");
  loadObject(asm, site.a, HI_STRUCT, point.exit);
  checkType(asm, site, point);
  asm.mov(rcx, R(site.b));
  asm.mov(disp32(mem(rbx, rax, 8, 4 * site.word(2))), rcx);
  point.hole("place");
};

/** Leaves unless the instance rax is of the cached type. */
function checkType(asm: Asm, site: X64Site, point: PatchPointWriter<Label>): void {
  asm.comment("is it of the cached type?");
  asm.cmp(field(rax, 1), imm32(site.word(1)));
  point.hole("type");
  asm.jne(point.exit);
}

/** A struct's field by the cache as it is when this runs: it has the type that came last. */
function getFieldOfAny(asm: Asm, site: X64Site): void {
  const { a, b } = site, other = asm.label("no instance"), store = asm.label("store");
  loadObject(asm, b, HI_STRUCT, other);
  findCached(asm, site, b);
  asm.mov(rax, mem(rdx, rcx, 4));
  asm.bind(store);
  copyOut(asm, a);
  site.outside(() => {
    asm.bind(other);
    if (!isLength(site)) return leave(asm, site, "not-cached");
    loadObject(asm, b, HI_STRING, site.exit("not-cached"));
    asm.mov(eax, field(rax, 1));
    asm.or(rax, r14);
    asm.jmp(store);
  });
}

function setFieldOfAny(asm: Asm, site: X64Site): void {
  const { a, b } = site;
  loadObject(asm, a, HI_STRUCT, site.exit("not-cached"));
  findCached(asm, site, a);
  asm.mov(rax, R(b));
  asm.mov(mem(rdx, rcx, 4), rax);
}

/** Whether the field has the one name that strings know. */
function isLength(site: X64Site): boolean {
  const { low } = site.constant(site.word(0)), from = I32[(low << 1) + 3] * 8;
  return I32[(low << 1) + 1] === 6 &&
    [..."length"].every((letter, i) => U8[from + i] === letter.charCodeAt(0));
}

/** rdx = address of the instance rax of register `n`, rcx = words to its field, which the cache then has. */
function findCached(asm: Asm, site: X64Site, n: number): void {
  const missed = asm.label("not cached"), hit = asm.label("cached");
  const key = control(site.nextPc - 2), place = control(site.nextPc - 1); // :inline-cache:
  asm.mov(edx, field(rax, 1));
  asm.cmp(edx, key);
  asm.jne(missed);
  asm.mov(ecx, place);
  asm.bind(hit);
  asm.lea(rdx, mem(rbx, rax, 8));
  site.outside(() => {
    asm.bind(missed);
    asm.mov(eax, edx);
    asm.mov(ecx, site.constant(site.word(0)).low);
    callRoutine(asm, "findField");
    asm.test(eax, eax);
    asm.je(site.exit("not-cached"));
    asm.mov(ecx, eax);
    asm.mov(eax, low(n));
    asm.mov(edx, field(rax, 1));
    asm.mov(key, edx);
    asm.mov(place, ecx);
    asm.jmp(hit);
  });
}

/** A function of a PROTO constant, with its captures. What it consists of is known when this is compiled. */
const makeClosure: X64Template = (asm, site) => {
  const object = site.constant(site.word(0)).low, proto = (object + 1 + I32[(object << 1) + 1]) << 1;
  const count = I32[proto + Proto.CAPTURES], captures = proto + Proto.CODE + I32[proto + Proto.LENGTH];
  const units = 2 + (count + 1 >> 1);
  if (count > 64) return leave(asm, site, "allocation");
  allocateUnits(asm, site, units);
  asm.mov(field(rax, 0), Kind.FUNCTION | units << 16);
  asm.mov(field(rax, 1), proto);
  asm.mov(field(rax, 2), count);
  asm.mov(field(rax, 3), 0);
  for (let i = 0; i < count; i++) {
    // The number of a register, or the complement of the number of an own capture.
    const from = I32[captures + i];
    if (from >= 0) asm.mov(ecx, low(from));
    else {
      asm.mov(ecx, low(-1));
      asm.mov(ecx, dword(mem(rbx, rcx, 8, 16 + 4 * ~from)));
    }
    asm.mov(dword(mem(rbx, rax, 8, 16 + 4 * i)), ecx);
  }
  storeObject(asm, site.a, Kind.FUNCTION);
};

// ---- loops over containers ---------------------------------------------------------------------------------------

/** The next byte of a string, or key of a map; see {@linkcode TEMPLATES} for arrays. */
function nextOfOthers(asm: Asm, site: X64Site, end: Label): void {
  const { a } = site, map = asm.label("map"), exit = site.exit("not-array-item");
  asm.cmp(high(a), HI_MAP);
  asm.je(map);
  if (isStressed()) return asm.jmp(exit), bindMap();
  loadObject(asm, a, HI_STRING, exit);
  asm.mov(ecx, low(a + 1));
  asm.cmp(ecx, field(rax, 1));
  asm.jae(end);
  makeByteString(asm, site);
  asm.mov(R(a + 2), rax);
  asm.mov(ecx, low(a + 1));
  asm.add(ecx, 1);
  asm.or(rcx, r14);
  asm.mov(R(a + 1), rcx);
  takeJump(asm, site);
  bindMap();

  function bindMap(): void {
    asm.bind(map);
    asm.mov(eax, low(a));
    asm.mov(ecx, low(a + 1));
    callRoutine(asm, "walk");
    asm.cmp(rdx, 1);
    asm.jb(end);
    asm.je(exit);
    asm.mov(rax, mem(rdx));
    asm.mov(R(a + 2), rax);
    asm.mov(ecx, dword(mem(rdx, 20)));
    asm.add(ecx, 1);
    asm.or(rcx, r14);
    asm.mov(R(a + 1), rcx);
    takeJump(asm, site);
  }
}

// ---- calls -------------------------------------------------------------------------------------------------------

/**
 * Calls a function of the program. There is no machine stack to it: the frame record keeps where native code goes on,
 * as an offset in the code cache, so that any call chain can be suspended, and left or entered at any of its frames.
 *
 * :call-link: A call is linked to the first callee with machine code that comes by (links.ts): what is known of it then
 * stands in the instructions, and the last one jumps to it. Before that no callee is the linked one, since 0 is no proto
 * word, and the call leaves. Callees that come later go the way that asks them for everything.
 */
function callFunction(asm: Asm, site: X64Site, a = site.a): void {
  const point = site.patchPoint("call"), exit = site.exit("not-function");
  loadObject(asm, a, HI_FUNCTION, exit);
  asm.mov(eax, field(rax, 1)); // its proto word
  asm.comment("is it the linked callee?");
  asm.cmp(eax, imm32(0));
  point.hole("callee");
  asm.jne(point.exit);
  point.hole("others");
  asm.lea(rcx, mem(rbx, 4 * FRAMES_END));
  asm.cmp(r15, rcx);
  asm.jae(exit);
  asm.lea(rdx, mem(r12, 8 * (a + 1))); // the callee's window
  asm.comment("rsi = where the window of the linked callee ends");
  asm.lea(rsi, disp32(mem(rdx)));
  point.hole("frame");
  asm.cmp(rsi, mem(rbx, 4 * Control.WINDOW_LIMIT));
  asm.ja(exit);
  asm.lea(rdi, rip(site.next));
  pushFrame(asm, site.nextPc, site.proto);
  asm.comment("go on in the linked callee");
  asm.jmp(point.exit);
  point.hole("entry");
  site.outside(() => {
    point.place("others");
    asm.mov(eax, low(a));
    asm.mov(eax, field(rax, 1));
    asm.lea(rdx, mem(r12, 8 * (a + 1)));
    asm.mov(r8d, site.b);
    asm.mov(r9d, site.nextPc);
    asm.lea(rdi, rip(site.next));
    asm.lea(r11, rip(exit));
    jumpToRoutine(asm, "callOther");
  });
}

/**
 * Pops the frame record; goes on in the caller's native code. A caller that has none has left 0 in the record, and at
 * offset 0 of the code there is the stub that goes on in the interpreter.
 */
export function returnToCaller(asm: Asm): void {
  asm.sub(r15, 4 * FRAME_WORDS);
  asm.mov(eax, dword(mem(r15, 4)));
  asm.lea(r12, mem(rbx, rax, 4));
  asm.mov(eax, dword(mem(r15, 12)));
  asm.add(rax, mem(rbx, 4 * Control.CODE_ORIGIN));
  asm.jmp(rax);
}

/**
 * Natives that backends know are done here. To have something else called, code leaves, and goes on behind the call; the
 * arguments of a native it has checked before.
 */
const callValue: X64Template = (asm, site) => {
  const { a, b } = site, other = asm.label("no native");
  const host = asm.label("native of the host"), rare = asm.label("rare arguments");
  loadObject(asm, a, HI_NATIVE, other);
  if (isStressed()) asm.jmp(host);
  else {
    asm.cmp(byte(mem(rbx, rax, 8, 1)), 0); // the flags of the header
    asm.je(host);
    asm.lea(rcx, R(a + 1));
    asm.mov(edx, b);
    callRoutine(asm, "callIntrinsic");
    asm.test(edx, edx);
    asm.je(rare);
    copyOut(asm, a);
  }
  site.outside(() => {
    const leave = asm.label("leave");
    asm.bind(rare);
    asm.mov(eax, low(a));
    asm.bind(host);
    asm.lea(rcx, R(a + 1));
    asm.mov(edx, b);
    callRoutine(asm, "acceptsArguments");
    asm.bind(leave);
    asm.lea(rdi, R(a));
    asm.mov(edx, b);
    asm.mov(ecx, site.nextPc);
    asm.lea(rsi, rip(site.next));
    asm.jmp(qword(mem(rbx, 4 * Control.STUB_CALL)));
    asm.bind(other);
    asm.mov(eax, Request.VALUE);
    asm.jmp(leave);
  });
};

/** An instance of the struct type that is called, made from the arguments. */
const callStruct: X64Template = (asm, site) => {
  const { a, b } = site, exit = site.exit("not-function");
  if (b > 24) return leave(asm, site, "allocation");
  loadObject(asm, a, HI_STRUCT_TYPE, exit);
  asm.cmp(field(rax, 1), b);
  asm.jne(exit);
  asm.mov(edx, eax);
  allocateUnits(asm, site, 1 + b);
  asm.mov(field(rax, 0), Kind.STRUCT | (1 + b) << 16);
  asm.mov(field(rax, 1), edx);
  for (let i = 1; i <= b; i++) {
    asm.mov(rcx, R(a + i));
    asm.mov(mem(rbx, rax, 8, 8 * i), rcx);
  }
  storeObject(asm, a, Kind.STRUCT);
};

// ---- the table ---------------------------------------------------------------------------------------------------

const addAny = (second: Second) => mixed("addsd", addInts("add", second), "wideAdd", second);
const subAny = (second: Second) => mixed("subsd", addInts("sub", second), "wideSubtract", second);
const mulAny = (second: Second) => mixed("mulsd", multiplyInts(second), "wideMultiply", second);
const divAny = (second: Second) => mixed("divsd", divideInts("quotient", second), "wideDivide", second);
const modAny = (second: Second) =>
  mixed("remainder", divideInts("remainder", second), "wideRemainder", second);

/** A template for each opcode, or the word `"exit"`: the interpreter does it, one instruction at a time. */
export const TEMPLATES = {
  // What runs and tasks return to is the interpreter's.
  FINISH: "exit",
  TASK_END: "exit",

  MOVE: copy,
  LOAD_NIL(asm, { a }) {
    asm.mov(rax, imm64(0, HI_NIL));
    asm.mov(R(a), rax);
  },
  LOAD_BOOL(asm, { a, b }) {
    asm.mov(rax, imm64(b, HI_BOOL));
    asm.mov(R(a), rax);
  },
  LOAD_INT(asm, { a, b }) {
    asm.mov(rax, imm64(b, b >> 31 | HI_UINT));
    asm.mov(R(a), rax);
  },
  LOAD_CONST: loadConst,
  LOAD_CONST_WIDE(asm, site) {
    loadConstant(asm, site, rax, site.word(0));
    asm.mov(R(site.a), rax);
  },
  FAR_GET: copy,
  FAR_SET(asm, { a, b }) {
    asm.mov(rax, R(a));
    asm.mov(R(b), rax);
  },
  GET_GLOBAL(asm, site) {
    const global = 4 * site.word(0);
    asm.cmp(dword(mem(rbx, global + 4)), HI_EMPTY);
    asm.je(site.exit("unset"));
    asm.mov(rax, mem(rbx, global));
    asm.mov(R(site.a), rax);
  },
  SET_GLOBAL(asm, site) {
    asm.mov(rax, R(site.a));
    asm.mov(mem(rbx, 4 * site.word(0)), rax);
  },

  NEW_CELL(asm, site) {
    allocateUnits(asm, site, 2);
    asm.mov(field(rax, 0), Kind.CELL | 2 << 16);
    asm.mov(rcx, R(site.b));
    asm.mov(mem(rbx, rax, 8, 8), rcx);
    storeObject(asm, site.a, Kind.CELL);
  },
  GET_CELL(asm, { a, b }) {
    asm.mov(eax, low(b));
    asm.mov(rax, mem(rbx, rax, 8, 8));
    asm.mov(R(a), rax);
  },
  SET_CELL(asm, { a, b }) {
    asm.mov(eax, low(a));
    asm.mov(rcx, R(b));
    asm.mov(mem(rbx, rax, 8, 8), rcx);
  },
  GET_CAPTURE(asm, { a, b }) {
    asm.mov(eax, low(-1));
    asm.mov(eax, dword(mem(rbx, rax, 8, 16 + 4 * b)));
    asm.mov(rax, mem(rbx, rax, 8, 8));
    asm.mov(R(a), rax);
  },
  SET_CAPTURE(asm, { a, b }) {
    asm.mov(eax, low(-1));
    asm.mov(eax, dword(mem(rbx, rax, 8, 16 + 4 * b)));
    asm.mov(rcx, R(a));
    asm.mov(mem(rbx, rax, 8, 8), rcx);
  },
  CLOSURE: makeClosure,

  // The general forms have not run yet, so nothing is known of their operands: the interpreter finds out.
  ADD: "exit",
  ADD_II: addInts("add", "register"),
  ADD_FF: doubles("addsd", "register"),
  ADD_ANY: addAny("register"),
  ADD_K: "exit",
  ADD_K_II: addInts("add", "constant"),
  ADD_K_FF: doubles("addsd", "constant"),
  ADD_K_ANY: addAny("constant"),
  SUB: "exit",
  SUB_II: addInts("sub", "register"),
  SUB_FF: doubles("subsd", "register"),
  SUB_ANY: subAny("register"),
  SUB_K: "exit",
  SUB_K_II: addInts("sub", "constant"),
  SUB_K_FF: doubles("subsd", "constant"),
  SUB_K_ANY: subAny("constant"),
  MUL: "exit",
  MUL_II: multiplyInts("register"),
  MUL_FF: doubles("mulsd", "register"),
  MUL_ANY: mulAny("register"),
  MUL_K: "exit",
  MUL_K_II: multiplyInts("constant"),
  MUL_K_FF: doubles("mulsd", "constant"),
  MUL_K_ANY: mulAny("constant"),
  DIV: "exit",
  DIV_II: divideInts("quotient", "register"),
  DIV_FF: doubles("divsd", "register"),
  DIV_ANY: divAny("register"),
  DIV_K: "exit",
  DIV_K_II: divideInts("quotient", "constant"),
  DIV_K_FF: doubles("divsd", "constant"),
  DIV_K_ANY: divAny("constant"),
  MOD: "exit",
  MOD_II: divideInts("remainder", "register"),
  MOD_FF: doubles("remainder", "register"),
  MOD_ANY: modAny("register"),
  MOD_K: "exit",
  MOD_K_II: divideInts("remainder", "constant"),
  MOD_K_FF: doubles("remainder", "constant"),
  MOD_K_ANY: modAny("constant"),

  NEG(asm, site) {
    const { a, b } = site, double = asm.label("double"), store = asm.label("store"), wide = asm.label("wide");
    asm.mov(rax, R(b));
    asm.cmp(rax, rbp);
    asm.jb(double);
    asm.cmp(rax, r14);
    asm.jb(wide);
    asm.shl(rax, 16);
    asm.neg(rax);
    asm.jo(site.exit("overflow"));
    asm.shr(rax, 16);
    asm.or(rax, r14);
    asm.bind(store);
    copyOut(asm, a);
    site.outside(() => {
      asm.bind(double);
      asm.mov(rcx, imm64(0, 0x80000000 | 0));
      asm.xor(rax, rcx);
      asm.jmp(store);
      asm.bind(wide);
      if (isStressed()) return leave(asm, site, "not-numbers");
      asm.mov(rax, r14); // the integer 0
      asm.mov(rcx, R(b));
      callRoutine(asm, "wideSubtract");
      asm.test(rax, rax);
      asm.jne(store);
      leave(asm, site, "not-numbers");
    });
  },
  PLUS(asm, site) {
    const { a, b } = site, number = asm.label("number"), object = asm.label("object");
    asm.mov(rax, R(b));
    asm.cmp(rax, rbp);
    asm.jb(number);
    asm.cmp(rax, r14);
    asm.jb(object);
    asm.bind(number);
    copyOut(asm, a);
    site.outside(() => {
      asm.bind(object);
      asm.cmp(high(b), HI_INT64);
      asm.je(number);
      leave(asm, site, "not-numbers");
    });
  },
  NOT(asm, site) {
    const { a, b } = site, other = asm.label("no boolean"), store = asm.label("store");
    asm.cmp(high(b), HI_BOOL);
    asm.jne(other);
    asm.mov(rax, R(b));
    asm.xor(rax, 1);
    asm.bind(store);
    copyOut(asm, a);
    site.outside(() => {
      const truthy = asm.label("true"), falsy = asm.label("false");
      asm.bind(other);
      decideTruth(asm, b, truthy, falsy);
      asm.bind(truthy);
      asm.mov(rax, imm64(0, HI_BOOL));
      asm.jmp(store);
      asm.bind(falsy);
      asm.mov(rax, imm64(1, HI_BOOL));
      asm.jmp(store);
    });
  },

  JUMP: takeJump,
  JUMP_IF: jumpOnTruth(true),
  JUMP_UNLESS: jumpOnTruth(false),

  JUMP_LT: "exit",
  JUMP_LT_II: compareInts("l", "register"),
  JUMP_LT_FF: compareDoubles("a", "register"),
  JUMP_LT_ANY: compareAny("l", "a", "register"),
  JUMP_NOT_LT: "exit",
  JUMP_NOT_LT_II: compareInts("ge", "register"),
  JUMP_NOT_LT_FF: compareDoubles("be", "register"),
  JUMP_NOT_LT_ANY: compareAny("ge", "be", "register"),
  JUMP_LE: "exit",
  JUMP_LE_II: compareInts("le", "register"),
  JUMP_LE_FF: compareDoubles("ae", "register"),
  JUMP_LE_ANY: compareAny("le", "ae", "register"),
  JUMP_NOT_LE: "exit",
  JUMP_NOT_LE_II: compareInts("g", "register"),
  JUMP_NOT_LE_FF: compareDoubles("b", "register"),
  JUMP_NOT_LE_ANY: compareAny("g", "b", "register"),
  JUMP_LT_K: "exit",
  JUMP_LT_K_II: compareInts("l", "constant"),
  JUMP_LT_K_FF: compareDoubles("a", "constant"),
  JUMP_LT_K_ANY: compareAny("l", "a", "constant"),
  JUMP_NOT_LT_K: "exit",
  JUMP_NOT_LT_K_II: compareInts("ge", "constant"),
  JUMP_NOT_LT_K_FF: compareDoubles("be", "constant"),
  JUMP_NOT_LT_K_ANY: compareAny("ge", "be", "constant"),
  JUMP_LE_K: "exit",
  JUMP_LE_K_II: compareInts("le", "constant"),
  JUMP_LE_K_FF: compareDoubles("ae", "constant"),
  JUMP_LE_K_ANY: compareAny("le", "ae", "constant"),
  JUMP_NOT_LE_K: "exit",
  JUMP_NOT_LE_K_II: compareInts("g", "constant"),
  JUMP_NOT_LE_K_FF: compareDoubles("b", "constant"),
  JUMP_NOT_LE_K_ANY: compareAny("g", "b", "constant"),
  JUMP_GT_K: "exit",
  JUMP_GT_K_II: compareInts("g", "constant"),
  JUMP_GT_K_FF: compareDoubles("a", "constant", true),
  JUMP_GT_K_ANY: compareAny("g", "a", "constant", true),
  JUMP_NOT_GT_K: "exit",
  JUMP_NOT_GT_K_II: compareInts("le", "constant"),
  JUMP_NOT_GT_K_FF: compareDoubles("be", "constant", true),
  JUMP_NOT_GT_K_ANY: compareAny("le", "be", "constant", true),
  JUMP_GE_K: "exit",
  JUMP_GE_K_II: compareInts("ge", "constant"),
  JUMP_GE_K_FF: compareDoubles("ae", "constant", true),
  JUMP_GE_K_ANY: compareAny("ge", "ae", "constant", true),
  JUMP_NOT_GE_K: "exit",
  JUMP_NOT_GE_K_II: compareInts("l", "constant"),
  JUMP_NOT_GE_K_FF: compareDoubles("b", "constant", true),
  JUMP_NOT_GE_K_ANY: compareAny("l", "b", "constant", true),
  JUMP_EQ: "exit",
  JUMP_EQ_II: compareInts("e", "register"),
  JUMP_EQ_FF: equalDoubles("e", "register"),
  JUMP_EQ_ANY: equalAny("e", "register"),
  JUMP_NE: "exit",
  JUMP_NE_II: compareInts("ne", "register"),
  JUMP_NE_FF: equalDoubles("ne", "register"),
  JUMP_NE_ANY: equalAny("ne", "register"),
  JUMP_EQ_K: "exit",
  JUMP_EQ_K_II: compareInts("e", "constant"),
  JUMP_EQ_K_FF: equalDoubles("e", "constant"),
  JUMP_EQ_K_ANY: equalAny("e", "constant"),
  JUMP_NE_K: "exit",
  JUMP_NE_K_II: compareInts("ne", "constant"),
  JUMP_NE_K_FF: equalDoubles("ne", "constant"),
  JUMP_NE_K_ANY: equalAny("ne", "constant"),
  // Jumps backward count for it.
  LOOP() {},

  CALL: (asm, site) => callFunction(asm, site),
  CALL_FUNCTION: (asm, site) => callFunction(asm, site),
  CALL_STRUCT: callStruct,
  CALL_ANY: callValue,
  CALL_FAR: (asm, site) => callFunction(asm, site, site.word(0)),
  RETURN(asm, { a }) {
    asm.mov(rax, R(a));
    asm.mov(R(-1), rax);
    returnToCaller(asm);
  },
  RETURN_NIL(asm) {
    asm.mov(rax, imm64(0, HI_NIL));
    asm.mov(R(-1), rax);
    returnToCaller(asm);
  },
  // A future that has no result yet, or has failed, is the interpreter's.
  AWAIT(asm, site) {
    const { a, b } = site, future = asm.label("future"), store = asm.label("store");
    asm.mov(rax, R(b));
    asm.mov(rcx, rax);
    asm.shr(rcx, 32);
    asm.cmp(ecx, HI_FUTURE);
    asm.je(future);
    asm.bind(store);
    copyOut(asm, a);
    site.outside(() => {
      asm.bind(future);
      asm.mov(eax, eax);
      asm.cmp(field(rax, 1), FutureState.DONE);
      asm.jne(site.exit("waiting"));
      asm.mov(rax, mem(rbx, rax, 8, 8));
      asm.jmp(store);
    });
  },

  NEW_ARRAY(asm, site) {
    const { a, b } = site, items = b === 0 ? 0 : 1 + b;
    if (items > 4000) return leave(asm, site, "allocation"); // no hole is larger than 4096 units
    allocateUnits(asm, site, 2 + items);
    asm.mov(field(rax, 0), Kind.ARRAY | 2 << 16);
    asm.mov(field(rax, 1), 0);
    if (b === 0) asm.mov(qword(mem(rbx, rax, 8, 8)), 0);
    else {
      asm.lea(ecx, mem(rax, 3));
      asm.mov(field(rax, 2), ecx);
      asm.mov(field(rax, 3), b);
      asm.mov(field(rax, 4), Kind.ITEMS | items << 16);
    }
    storeObject(asm, a, Kind.ARRAY);
  },
  NEW_MAP(asm, site) {
    allocateUnits(asm, site, 4);
    asm.mov(qword(mem(rbx, rax, 8)), Kind.MAP | 4 << 16);
    for (let unit = 1; unit < 4; unit++) asm.mov(qword(mem(rbx, rax, 8, 8 * unit)), 0);
    storeObject(asm, site.a, Kind.MAP);
  },
  PUSH(asm, site) {
    const { a, b } = site;
    loadObject(asm, a, HI_ARRAY, site.exit("growth"));
    asm.mov(ecx, field(rax, 1));
    appendItem(asm, site, b);
  },
  POP(asm, site) {
    const { a, b } = site, exit = site.exit("not-array-item");
    loadObject(asm, b, HI_ARRAY, exit);
    asm.mov(ecx, field(rax, 1));
    asm.sub(ecx, 1);
    asm.jb(exit);
    asm.mov(field(rax, 1), ecx);
    asm.mov(edx, field(rax, 2));
    asm.add(rdx, rcx);
    asm.mov(rax, mem(rbx, rdx, 8));
    asm.mov(R(a), rax);
  },
  LENGTH(asm, site) {
    const { a, b } = site, count = asm.label("count");
    // Arrays, strings and maps all keep it in their second word.
    asm.mov(ecx, high(b));
    asm.cmp(ecx, HI_ARRAY);
    asm.je(count);
    asm.cmp(ecx, HI_STRING);
    asm.je(count);
    asm.cmp(ecx, HI_MAP);
    asm.jne(site.exit("not-container"));
    asm.bind(count);
    asm.mov(eax, low(b));
    asm.mov(eax, field(rax, 1));
    asm.or(rax, r14);
    asm.mov(R(a), rax);
  },
  HAS(asm, site) {
    const { a, b, c } = site;
    loadObject(asm, b, HI_MAP, site.exit("not-container"));
    asm.mov(rcx, R(c));
    callRoutine(asm, "find");
    asm.mov(eax, 0);
    asm.cmp(rdx, 1);
    asm.je(site.exit("not-key"));
    asm.seta(al);
    asm.mov(rcx, imm64(0, HI_BOOL));
    asm.or(rax, rcx);
    copyOut(asm, a);
  },

  GET_INDEX: "exit",
  GET_INDEX_ARRAY: getIndex("array", "register"),
  GET_INDEX_MAP: getIndex("map", "register"),
  GET_INDEX_ANY: getIndex("any", "register"),
  GET_INDEX_K: "exit",
  GET_INDEX_K_ARRAY: getIndex("array", "constant"),
  GET_INDEX_K_MAP: getIndex("map", "constant"),
  GET_INDEX_K_ANY: getIndex("any", "constant"),
  SET_INDEX: "exit",
  SET_INDEX_ARRAY: setIndex("array", "register"),
  SET_INDEX_MAP: setIndex("map", "register"),
  SET_INDEX_ANY: setIndex("any", "register"),
  SET_INDEX_K: "exit",
  SET_INDEX_K_ARRAY: setIndex("array", "constant"),
  SET_INDEX_K_MAP: setIndex("map", "constant"),
  SET_INDEX_K_ANY: setIndex("any", "constant"),
  GET_FIELD: getField,
  GET_FIELD_STRUCT: getField,
  GET_FIELD_MODULE: moduleMember,
  GET_FIELD_ANY: getFieldOfAny,
  SET_FIELD: setField,
  SET_FIELD_STRUCT: setField,
  // Members of modules are read only, so no program gets this form.
  SET_FIELD_MODULE: "exit",
  SET_FIELD_ANY: setFieldOfAny,

  FOR_PREPARE(asm, site) {
    const { a } = site, begin = asm.label("begin");
    asm.mov(ecx, high(a));
    asm.cmp(ecx, HI_ARRAY);
    asm.je(begin);
    asm.cmp(ecx, HI_STRING);
    asm.je(begin);
    asm.cmp(ecx, HI_MAP);
    asm.jne(site.exit("not-container"));
    asm.bind(begin);
    asm.mov(R(a + 1), r14);
  },
  FOR_NEXT(asm, site) {
    const { a } = site, end = asm.label("at the end"), other = asm.label("no array");
    loadObject(asm, a, HI_ARRAY, other);
    asm.mov(ecx, low(a + 1));
    asm.cmp(ecx, field(rax, 1));
    asm.jae(end);
    asm.mov(eax, field(rax, 2));
    asm.add(rax, rcx);
    asm.mov(rax, mem(rbx, rax, 8));
    asm.mov(R(a + 2), rax);
    asm.add(ecx, 1);
    asm.mov(rdx, rcx);
    asm.or(rdx, r14);
    asm.mov(R(a + 1), rdx);
    takeJump(asm, site);
    asm.bind(end);
    site.outside(() => {
      asm.bind(other);
      nextOfOthers(asm, site, end);
    });
  },
  // Both are the host's work, and take so long that leaving does not matter.
  PRINT: "exit",
  IMPORT: "exit",
} satisfies Templates<X64Assembler, Label, OpName>;
