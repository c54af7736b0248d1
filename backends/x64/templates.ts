/**
 * The templates: for each opcode the machine code that does what its row means, or the word `"exit"`. Operands are
 * read from the frame's window and results written back to it at once, so between two instructions everything is
 * where the interpreter has it, and native code can be entered and left at each of them.
 *
 * :guards-first: A template loads and checks, then stores. Until its last check has passed it has changed nothing, so
 * a failed check may jump to the instruction's exit, which has the interpreter do this same instruction.
 *
 * What machine registers hold, in all generated code:
 *
 * ```text
 *  rbx   address of the linear memory      [rbx+4*word], [rbx+8*ref]
 *  r12   address of the current window     [r12+8*n] is register n, [r12-8] the running function
 *  r13d  rounds left until a loop lets the outside have a look
 *  r14   0xFFFF000000000000, the tag of integers and the greatest: `cmp value, r14; jb` leaves for what is none
 *  r15   address of the code cache         places in code are kept as offsets from it
 *  rax rcx rdx rsi rdi, xmm0, xmm1         free inside a template
 * ```
 *
 * Arithmetic on integers shifts the 48-bit payloads to the top, where the processor's overflow flag tells what does
 * not fit. Values are always stored as whole words of 64 bits: a load of 64 bits right after two stores of 32 stalls.
 */

import { Control, FRAME_WORDS, FRAMES, FRAMES_MAX } from "../../core/memory.ts";
import * as value from "../../core/value.ts";
import { isStressed } from "../../core/heap.ts";
import { Proto } from "../../core/program.ts";
import type { OpName } from "../../core/opcodes.ts";
import type { ExitReason, Site, Template, Templates } from "../../core/backend.ts";
import type { X64Assembler } from "./assembler.ts";
import {
  dword,
  eax,
  ecx,
  edi,
  edx,
  esi,
  imm64,
  type Label,
  mem,
  qword,
  r12,
  r12d,
  r13d,
  r14,
  r15,
  type R64,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsi,
  type Unsized,
  type Xmm,
  xmm0,
  xmm1,
} from "./operands.ts";

const {
  HI_ARRAY,
  HI_BOOL,
  HI_EMPTY,
  HI_FUNCTION,
  HI_MODULE,
  HI_NIL,
  HI_OBJECT,
  HI_STRUCT,
  HI_STRUCT_TYPE,
  HI_UINT,
  Kind,
} = value;
/** High words from here on, without sign, belong to no double. */
const DOUBLE_END = value.HI_DOUBLE_END | 0;
const FRAMES_END = FRAMES + FRAMES_MAX * FRAME_WORDS;

type Asm = X64Assembler;
type X64Site = Site<Label>;
type X64Template = Template<X64Assembler, Label>;

// ---- operands ----------------------------------------------------------------------------------------------------

/** Register `n` of the window, and its two halves. */
const R = (n: number): Unsized => mem(r12, 8 * n);
const low = (n: number) => dword(mem(r12, 8 * n));
const high = (n: number) => dword(mem(r12, 8 * n + 4));

/** A control word. */
const control = (word: number) => dword(mem(rbx, 4 * word));

/** Whether the second operand of an instruction is a constant. */
type Second = "register" | "constant";

function loadConstant(asm: Asm, site: X64Site, to: R64, n: number): void {
  const { low, high } = site.constant(n);
  asm.mov(to, imm64(low, high));
}

/** The constant `n` as a signed payload shifted to the top, if an instruction can have it as an immediate. */
function shiftedConstant(site: X64Site, n: number): number | null {
  const { low, high } = site.constant(n);
  const small = low << 16 >> 16;
  return small === low && high === (low >> 31 | HI_UINT) ? low * 65536 : null;
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

/** An addition or subtraction of integers; what passes 48 bits exits. */
function addInts(operation: "add" | "sub", second: Second): X64Template {
  return (asm, site) => {
    const { a, b, c } = site, exit = site.exit("not-int");
    const immediate = second === "constant" && constantIsInt(site, c) ? shiftedConstant(site, c) : null;
    if (second === "constant" && !constantIsInt(site, c)) return leave(asm, site, "not-int");
    if (immediate !== null) {
      asm.mov(rax, R(b));
      asm.cmp(rax, r14);
      asm.jb(exit);
      asm.shl(rax, 16);
      asm[operation](rax, immediate);
    } else {
      loadInts(asm, site, b, c, second, exit);
      asm[operation](rax, rcx);
    }
    asm.jo(site.exit("overflow"));
    storeShifted(asm, a);
  };
}

/** A product of integers: one factor at the top, the other as it is, so that the product comes out at the top. */
function multiplyInts(second: Second): X64Template {
  return (asm, site) => {
    if (second === "constant" && !constantIsInt(site, site.c)) return leave(asm, site, "not-int");
    loadInts(asm, site, site.b, site.c, second, site.exit("not-int"));
    asm.sar(rax, 16);
    asm.imul(rax, rcx);
    asm.jo(site.exit("overflow"));
    storeShifted(asm, site.a);
  };
}

/**
 * Quotient or remainder of integers. Those from 0 to 2^32 take the 32-bit division, which is twice as fast; others
 * the 64-bit one. A divisor of 0 exits; -1 needs no care, since -2^47 / -1 fits 64 bits, only not 48.
 */
function divideInts(result: "quotient" | "remainder", second: Second): X64Template {
  return (asm, site) => {
    if (second === "constant" && !constantIsInt(site, site.c)) return leave(asm, site, "not-int");
    const exit = site.exit("not-int"), wide = asm.label("wide"), done = asm.label("done");
    const { a, b, c } = site;
    const divisor = second === "constant" ? site.constant(c) : null;
    asm.mov(rax, R(b));
    if (divisor === null) asm.mov(rcx, R(c));
    else asm.mov(rcx, imm64(divisor.low, divisor.high));
    asm.mov(rdx, rax);
    asm.and(rdx, rcx);
    asm.cmp(rdx, r14);
    asm.jb(exit);
    if (divisor === null) {
      asm.test(ecx, ecx);
      asm.je(site.exit("division"));
    } else if (divisor.low === 0) return leave(asm, site, "division");
    // Both high words are that of a small integer exactly if the or of both values has nothing above its 32 bits.
    asm.mov(rdx, rax);
    asm.or(rdx, rcx);
    asm.shl(rdx, 16);
    asm.shr(rdx, 48);
    asm.jne(wide);
    asm.xor(edx, edx);
    asm.div(ecx);
    if (result === "remainder") asm.mov(eax, edx);
    asm.or(rax, r14);
    asm.jmp(done);
    asm.bind(wide);
    asm.shl(rax, 16);
    asm.sar(rax, 16);
    asm.shl(rcx, 16);
    asm.sar(rcx, 16);
    asm.cqo();
    asm.idiv(rcx);
    if (result === "remainder") asm.mov(rax, rdx);
    // The one quotient that 48 bits do not hold, 2^47, is not what its payload's sign extension says.
    asm.mov(rcx, rax);
    asm.shl(rcx, 16);
    asm.sar(rcx, 16);
    asm.cmp(rcx, rax);
    asm.jne(site.exit("overflow"));
    asm.shl(rax, 16);
    asm.shr(rax, 16);
    asm.or(rax, r14);
    asm.bind(done);
    asm.mov(R(a), rax);
  };
}

/** Exits if register `n` holds no double. */
function guardDouble(asm: Asm, n: number, exit: Label): void {
  asm.cmp(high(n), DOUBLE_END);
  asm.jae(exit);
}

/** An xmm register = a constant of numeric type. */
function loadDoubleConstant(asm: Asm, site: X64Site, to: Xmm, n: number): void {
  const { low, high } = site.constant(n);
  asm.mov(rax, imm64(low, high));
  asm.movq(to, rax);
}

function doubles(operation: "addsd" | "subsd" | "mulsd" | "divsd", second: Second): X64Template {
  return (asm, site) => {
    const { a, b, c } = site, exit = site.exit("not-double");
    if (second === "constant" && !constantIsDouble(site, c)) return leave(asm, site, "not-double");
    guardDouble(asm, b, exit);
    if (second === "register") {
      guardDouble(asm, c, exit);
      asm.movsd(xmm0, R(b));
      asm[operation](xmm0, R(c));
    } else {
      loadDoubleConstant(asm, site, xmm1, c);
      asm.movsd(xmm0, R(b));
      asm[operation](xmm0, xmm1);
    }
    asm.movsd(R(a), xmm0);
  };
}

/** An xmm register = the number in register `n`, immediate integer or double; else `exit`. Uses rax. */
function loadNumber(asm: Asm, to: Xmm, n: number, exit: Label): void {
  const double = asm.label("double"), done = asm.label("number");
  asm.mov(rax, R(n));
  asm.cmp(high(n), DOUBLE_END);
  asm.jb(double);
  asm.cmp(rax, r14);
  asm.jb(exit);
  asm.shl(rax, 16);
  asm.sar(rax, 16);
  asm.cvtsi2sd(to, rax);
  asm.jmp(done);
  asm.bind(double);
  asm.movq(to, rax);
  asm.bind(done);
}

function loadNumberConstant(asm: Asm, site: X64Site, to: Xmm, n: number): void {
  const { low, high } = site.constant(n);
  if (value.isDouble(high)) return loadDoubleConstant(asm, site, to, n);
  asm.mov(rax, imm64(low, high << 16 >> 16));
  asm.cvtsi2sd(to, rax);
}

/** Arithmetic on operands whose types change: two integers as integers, other numbers as doubles. */
function mixed(
  operation: "addsd" | "subsd" | "mulsd" | "divsd",
  ints: X64Template,
  second: Second,
): X64Template {
  return (asm, site) => {
    const { a, b, c } = site,
      exit = site.exit("not-numbers"),
      notInts = asm.label("not ints"),
      done = asm.label("done");
    const constant = second === "constant" ? site.constant(c) : null;
    if (constant !== null && constant.high >> 16 !== -1 && !value.isDouble(constant.high)) {
      return leave(asm, site, "not-numbers");
    }
    if (constant === null || constant.high >> 16 === -1) {
      asm.mov(rax, R(b));
      if (constant === null) asm.and(rax, R(c));
      asm.cmp(rax, r14);
      asm.jb(notInts);
      ints(asm, site);
      asm.jmp(done);
      asm.bind(notInts);
    }
    loadNumber(asm, xmm0, b, exit);
    if (constant === null) loadNumber(asm, xmm1, c, exit);
    else loadNumberConstant(asm, site, xmm1, c);
    asm[operation](xmm0, xmm1);
    asm.movsd(R(a), xmm0);
    asm.bind(done);
  };
}

// ---- jumps -------------------------------------------------------------------------------------------------------

type Condition = "b" | "ae" | "be" | "a" | "l" | "ge" | "le" | "g" | "e" | "ne";
const OPPOSITE: Readonly<Record<Condition, Condition>> = {
  ...{ b: "ae", ae: "b", be: "a", a: "be", l: "ge", ge: "l", le: "g", g: "le", e: "ne", ne: "e" },
};

/** Jumps to the instruction's target. A jump backward counts down, and lets the outside have a look at zero. */
function takeJump(asm: Asm, site: X64Site): void {
  if (!site.backward) {
    asm.jmp(site.target);
    return;
  }
  asm.sub(r13d, 1);
  asm.jns(site.target);
  asm.jmp(site.poll());
}

function jumpIf(asm: Asm, site: X64Site, condition: Condition): void {
  if (!site.backward) {
    asm[`j${condition}`](site.target);
    return;
  }
  const skip = asm.label("leave the loop");
  asm[`j${OPPOSITE[condition]}`](skip);
  takeJump(asm, site);
  asm.bind(skip);
}

function compareInts(condition: Condition, second: Second): X64Template {
  return (asm, site) => {
    const { a, b } = site, exit = site.exit("not-int");
    if (second === "constant") {
      if (!constantIsInt(site, b)) return leave(asm, site, "not-int");
      const immediate = shiftedConstant(site, b);
      asm.mov(rax, R(a));
      asm.cmp(rax, r14);
      asm.jb(exit);
      asm.shl(rax, 16);
      if (immediate !== null) asm.cmp(rax, immediate);
      else {
        loadShifted(asm, site, b);
        asm.cmp(rax, rcx);
      }
    } else {
      loadInts(asm, site, a, b, second, exit);
      asm.cmp(rax, rcx);
    }
    jumpIf(asm, site, condition);
  };
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

/** The forms for changing types: any two numbers are compared, as integers if both are, else as doubles if exact. */
function compareAny(ints: Condition, asDoubles: Condition, second: Second, swapped = false): X64Template {
  return (asm, site) => {
    const { a, b } = site, notInts = asm.label("not ints"), done = asm.label("done");
    const constant = second === "constant" ? site.constant(b) : null;
    const exit = site.exit("not-numbers");
    if (constant !== null && constant.high >> 16 !== -1 && !value.isDouble(constant.high)) {
      return leave(asm, site, "not-numbers");
    }
    if (constant === null || constant.high >> 16 === -1) {
      asm.mov(rax, R(a));
      if (constant === null) asm.and(rax, R(b));
      asm.cmp(rax, r14);
      asm.jb(notInts);
      compareInts(ints, second)(asm, site);
      asm.jmp(done);
      asm.bind(notInts);
    }
    // Immediate integers have 48 bits, so turning them into doubles loses nothing.
    loadNumber(asm, xmm0, a, exit);
    if (constant === null) loadNumber(asm, xmm1, b, exit);
    else loadNumberConstant(asm, site, xmm1, b);
    if (swapped) asm.ucomisd(xmm0, xmm1);
    else asm.ucomisd(xmm1, xmm0);
    jumpIf(asm, site, asDoubles);
    asm.bind(done);
  };
}

function equalDoubles(condition: "e" | "ne", second: Second): X64Template {
  return (asm, site) => {
    const { a, b } = site, exit = site.exit("not-double"), unordered = asm.label("unordered");
    if (second === "constant" && !constantIsDouble(site, b)) return leave(asm, site, "not-double");
    guardDouble(asm, a, exit);
    if (second === "register") guardDouble(asm, b, exit);
    if (second === "constant") loadDoubleConstant(asm, site, xmm1, b);
    else asm.movsd(xmm1, R(b));
    asm.ucomisd(xmm1, R(a));
    if (condition === "e") {
      asm.jp(unordered);
      jumpIf(asm, site, "e");
      asm.bind(unordered);
    } else {
      const jump = asm.label("different"), done = asm.label("same");
      asm.jp(jump);
      asm.je(done);
      asm.bind(jump);
      takeJump(asm, site);
      asm.bind(done);
    }
  };
}

/**
 * Equality of anything. The same 64 bits are equal unless they are a double's (NaN); different bits are different if
 * neither is a double nor an object: immediate integers, booleans and nil have one form each. The rest exits.
 */
function equalAny(condition: "e" | "ne", second: Second): X64Template {
  return (asm, site) => {
    const { a, b } = site,
      different = asm.label("different"),
      done = asm.label("done"),
      exit = site.exit("not-simple");
    asm.mov(rax, R(a));
    if (second === "constant") loadConstant(asm, site, rcx, b);
    else asm.mov(rcx, R(b));
    asm.cmp(rax, rcx);
    asm.jne(different);
    asm.shr(rax, 32);
    asm.cmp(eax, DOUBLE_END);
    asm.jb(exit);
    if (condition === "e") takeJump(asm, site);
    else asm.jmp(done);
    asm.bind(different);
    asm.mov(rdx, imm64(0, HI_BOOL));
    asm.cmp(rax, rdx);
    asm.jb(exit);
    asm.cmp(rcx, rdx);
    asm.jb(exit);
    if (condition === "ne") takeJump(asm, site);
    asm.bind(done);
  };
}

/** Jumps on the truth of a value: all but doubles and boxed integers, which exit. */
function jumpOnTruth(wanted: boolean): X64Template {
  return (asm, site) => {
    const { a } = site,
      byLow = asm.label("by its low word"),
      truthy = asm.label("true"),
      done = asm.label("done");
    const falsy = asm.label("false");
    asm.mov(rax, R(a));
    asm.mov(rcx, rax);
    asm.shr(rcx, 32);
    asm.cmp(ecx, HI_BOOL);
    asm.je(byLow);
    asm.cmp(ecx, HI_NIL);
    asm.je(falsy);
    asm.cmp(ecx, HI_OBJECT);
    asm.jb(site.exit("not-simple"));
    asm.cmp(ecx, HI_UINT);
    asm.jne(truthy);
    asm.bind(byLow);
    asm.test(eax, eax);
    asm.jne(truthy);
    asm.bind(falsy);
    if (wanted) asm.jmp(done);
    else takeJump(asm, site);
    asm.bind(truthy);
    if (wanted) takeJump(asm, site);
    asm.bind(done);
  };
}

// ---- objects -----------------------------------------------------------------------------------------------------

/** rax = ref of the object in register `n` if it is of the kind with this high word; else exits. */
function loadObject(asm: Asm, n: number, hi: number, exit: Label): void {
  asm.cmp(high(n), hi);
  asm.jne(exit);
  asm.mov(eax, low(n));
}

/** rcx = the small non-negative integer in register `n` or the constant `n`; else exits. */
function loadIndex(asm: Asm, site: X64Site, n: number, second: Second, exit: Label): boolean {
  if (second === "constant") {
    const { low, high } = site.constant(n);
    if (high !== HI_UINT) return false;
    asm.mov(ecx, low);
    return true;
  }
  asm.cmp(high(n), HI_UINT);
  asm.jne(exit);
  asm.mov(ecx, low(n));
  return true;
}

/** rcx = ref of the item of the array in rax at the index in rcx; exits when there is none. */
function findItem(asm: Asm, exit: Label): void {
  asm.cmp(ecx, dword(mem(rbx, rax, 8, 4)));
  asm.jae(exit);
  asm.mov(eax, dword(mem(rbx, rax, 8, 8)));
  asm.add(rcx, rax);
}

function getItem(second: Second): X64Template {
  return (asm, site) => {
    const { a, b, c } = site, exit = site.exit("not-array-item");
    loadObject(asm, b, HI_ARRAY, exit);
    if (!loadIndex(asm, site, c, second, exit)) return leave(asm, site, "not-array-item");
    findItem(asm, exit);
    asm.mov(rax, mem(rbx, rcx, 8));
    asm.mov(R(a), rax);
  };
}

function setItem(second: Second): X64Template {
  return (asm, site) => {
    const { a, b, c } = site, exit = site.exit("not-array-item");
    loadObject(asm, a, HI_ARRAY, exit);
    if (!loadIndex(asm, site, b, second, exit)) return leave(asm, site, "not-array-item");
    findItem(asm, exit);
    asm.mov(rax, R(c));
    asm.mov(mem(rbx, rcx, 8), rax);
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
  asm.cmp(dword(mem(rbx, rax, 8, 4)), site.word(1));
  asm.jne(exit);
  asm.mov(rax, mem(rbx, 4 * site.word(2)));
  asm.mov(R(a), rax);
};

const getField: X64Template = (asm, site) => {
  const { a, b } = site, exit = site.exit("not-cached");
  loadObject(asm, b, HI_STRUCT, exit);
  asm.cmp(dword(mem(rbx, rax, 8, 4)), site.word(1));
  asm.jne(exit);
  asm.mov(rax, mem(rbx, rax, 8, 4 * site.word(2)));
  asm.mov(R(a), rax);
};

const setField: X64Template = (asm, site) => {
  const { a, b } = site, exit = site.exit("not-cached");
  loadObject(asm, a, HI_STRUCT, exit);
  asm.cmp(dword(mem(rbx, rax, 8, 4)), site.word(1));
  asm.jne(exit);
  asm.mov(rcx, R(b));
  asm.mov(mem(rbx, rax, 8, 4 * site.word(2)), rcx);
};

// ---- calls -------------------------------------------------------------------------------------------------------

/**
 * Calls a function of the program. There is no machine stack to it: the frame record keeps where native code goes on,
 * as an offset in the code cache, so that any call chain can be suspended, and left or entered at any of its frames.
 */
const callFunction: X64Template = (asm, site) => {
  const { a, b } = site, exit = site.exit("not-function");
  loadObject(asm, a, HI_FUNCTION, exit);
  asm.mov(eax, dword(mem(rbx, rax, 8, 4))); // its proto word
  asm.cmp(dword(mem(rbx, rax, 4, 4 * Proto.ARITY)), b);
  asm.jne(exit);
  asm.mov(ecx, control(Control.FRAME_TOP));
  asm.cmp(ecx, FRAMES_END);
  asm.jae(exit);
  asm.lea(rdx, mem(r12, 8 * (a + 1))); // the callee's window
  asm.mov(esi, dword(mem(rbx, rax, 4, 4 * Proto.FRAME)));
  asm.lea(rsi, mem(rdx, rsi, 4));
  asm.mov(edi, control(Control.STACK_LIMIT));
  asm.lea(rdi, mem(rbx, rdi, 4));
  asm.cmp(rsi, rdi);
  asm.ja(exit);
  asm.mov(dword(mem(rbx, rcx, 4)), site.nextPc);
  asm.sub(r12, rbx);
  asm.shr(r12, 2);
  asm.mov(dword(mem(rbx, rcx, 4, 4)), r12d);
  asm.mov(dword(mem(rbx, rcx, 4, 8)), site.proto);
  asm.lea(rsi, rip(site.next));
  asm.sub(rsi, r15);
  asm.mov(dword(mem(rbx, rcx, 4, 12)), esi);
  asm.add(ecx, FRAME_WORDS);
  asm.mov(control(Control.FRAME_TOP), ecx);
  asm.mov(r12, rdx);
  asm.mov(ecx, dword(mem(rbx, rax, 4, 4 * Proto.NATIVE)));
  asm.test(ecx, ecx);
  asm.je(site.interpret);
  asm.add(rcx, r15);
  asm.jmp(rcx);
};

/** Pops the frame record; goes on in the caller's native code, or in the interpreter if it has none. */
function returnToCaller(asm: Asm): void {
  const interpreted = asm.label("caller is interpreted");
  asm.mov(ecx, control(Control.FRAME_TOP));
  asm.sub(ecx, FRAME_WORDS);
  asm.mov(control(Control.FRAME_TOP), ecx);
  asm.mov(eax, dword(mem(rbx, rcx, 4, 4)));
  asm.lea(r12, mem(rbx, rax, 4));
  asm.mov(eax, dword(mem(rbx, rcx, 4, 12)));
  asm.test(eax, eax);
  asm.je(interpreted);
  asm.add(rax, r15);
  asm.jmp(rax);
  asm.bind(interpreted);
  asm.jmp(qword(mem(rbx, 4 * Control.STUB_RETURN)));
}

/** An instance of the struct type that is called, made from the arguments. */
const callStruct: X64Template = (asm, site) => {
  const { a, b } = site, exit = site.exit("not-function");
  if (b > 24) return leave(asm, site, "allocation");
  loadObject(asm, a, HI_STRUCT_TYPE, exit);
  asm.cmp(dword(mem(rbx, rax, 8, 4)), b);
  asm.jne(exit);
  asm.mov(edx, eax);
  allocateUnits(asm, site, 1 + b);
  asm.mov(dword(mem(rbx, rax, 8)), Kind.STRUCT | (1 + b) << 16);
  asm.mov(dword(mem(rbx, rax, 8, 4)), edx);
  for (let i = 1; i <= b; i++) {
    asm.mov(rcx, R(a + i));
    asm.mov(mem(rbx, rax, 8, 8 * i), rcx);
  }
  storeObject(asm, a, Kind.STRUCT);
};

// ---- the table ---------------------------------------------------------------------------------------------------

const addAny = (second: Second) => mixed("addsd", addInts("add", second), second);
const subAny = (second: Second) => mixed("subsd", addInts("sub", second), second);
const mulAny = (second: Second) => mixed("mulsd", multiplyInts(second), second);
const divAny = (second: Second) => mixed("divsd", divideInts("quotient", second), second);

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
    asm.mov(dword(mem(rbx, rax, 8)), Kind.CELL | 2 << 16);
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
  CLOSURE: "exit",

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
  // The remainder of doubles takes hundreds of instructions however it is done.
  MOD_FF: "exit",
  MOD_ANY: "exit",
  MOD_K: "exit",
  MOD_K_II: divideInts("remainder", "constant"),
  MOD_K_FF: "exit",
  MOD_K_ANY: "exit",

  NEG(asm, site) {
    const { a, b } = site, double = asm.label("double"), done = asm.label("done");
    asm.mov(rax, R(b));
    asm.cmp(high(b), DOUBLE_END);
    asm.jb(double);
    asm.cmp(rax, r14);
    asm.jb(site.exit("not-numbers"));
    asm.shl(rax, 16);
    asm.neg(rax);
    asm.jo(site.exit("overflow"));
    asm.shr(rax, 16);
    asm.or(rax, r14);
    asm.jmp(done);
    asm.bind(double);
    asm.mov(rcx, imm64(0, 0x80000000 | 0));
    asm.xor(rax, rcx);
    asm.bind(done);
    asm.mov(R(a), rax);
  },
  PLUS: "exit",
  NOT(asm, site) {
    const { a, b } = site;
    asm.mov(rax, R(b));
    asm.cmp(high(b), HI_BOOL);
    asm.jne(site.exit("not-simple"));
    asm.xor(rax, 1);
    asm.mov(R(a), rax);
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

  CALL: "exit",
  CALL_FUNCTION: callFunction,
  CALL_STRUCT: callStruct,
  CALL_ANY: "exit",
  CALL_FAR: "exit",
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
  AWAIT: "exit",

  NEW_ARRAY: "exit",
  NEW_MAP: "exit",
  PUSH(asm, site) {
    const { a, b } = site, exit = site.exit("growth");
    loadObject(asm, a, HI_ARRAY, exit);
    asm.mov(ecx, dword(mem(rbx, rax, 8, 4)));
    asm.cmp(ecx, dword(mem(rbx, rax, 8, 12)));
    asm.jae(exit);
    asm.mov(edx, dword(mem(rbx, rax, 8, 8)));
    asm.add(rdx, rcx);
    asm.mov(rsi, R(b));
    asm.mov(mem(rbx, rdx, 8), rsi);
    asm.add(ecx, 1);
    asm.mov(dword(mem(rbx, rax, 8, 4)), ecx);
  },
  POP(asm, site) {
    const { a, b } = site, exit = site.exit("not-array-item");
    loadObject(asm, b, HI_ARRAY, exit);
    asm.mov(ecx, dword(mem(rbx, rax, 8, 4)));
    asm.sub(ecx, 1);
    asm.jb(exit);
    asm.mov(dword(mem(rbx, rax, 8, 4)), ecx);
    asm.mov(edx, dword(mem(rbx, rax, 8, 8)));
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
    asm.cmp(ecx, value.HI_STRING);
    asm.je(count);
    asm.cmp(ecx, value.HI_MAP);
    asm.jne(site.exit("not-container"));
    asm.bind(count);
    asm.mov(eax, low(b));
    asm.mov(eax, dword(mem(rbx, rax, 8, 4)));
    asm.or(rax, r14);
    asm.mov(R(a), rax);
  },
  HAS: "exit",

  GET_INDEX: "exit",
  GET_INDEX_ARRAY: getItem("register"),
  GET_INDEX_MAP: "exit",
  GET_INDEX_ANY: getItem("register"),
  GET_INDEX_K: "exit",
  GET_INDEX_K_ARRAY: getItem("constant"),
  GET_INDEX_K_MAP: "exit",
  GET_INDEX_K_ANY: getItem("constant"),
  SET_INDEX: "exit",
  SET_INDEX_ARRAY: setItem("register"),
  SET_INDEX_MAP: "exit",
  SET_INDEX_ANY: setItem("register"),
  SET_INDEX_K: "exit",
  SET_INDEX_K_ARRAY: setItem("constant"),
  SET_INDEX_K_MAP: "exit",
  SET_INDEX_K_ANY: setItem("constant"),
  GET_FIELD: "exit",
  GET_FIELD_STRUCT: getField,
  GET_FIELD_MODULE: moduleMember,
  GET_FIELD_ANY: "exit",
  SET_FIELD: "exit",
  SET_FIELD_STRUCT: setField,
  SET_FIELD_MODULE: "exit",
  SET_FIELD_ANY: "exit",

  FOR_PREPARE(asm, site) {
    const { a } = site, begin = asm.label("begin");
    asm.mov(ecx, high(a));
    asm.cmp(ecx, HI_ARRAY);
    asm.je(begin);
    asm.cmp(ecx, value.HI_STRING);
    asm.je(begin);
    asm.cmp(ecx, value.HI_MAP);
    asm.jne(site.exit("not-container"));
    asm.bind(begin);
    asm.mov(R(a + 1), r14);
  },
  FOR_NEXT(asm, site) {
    const { a } = site, end = asm.label("at the end");
    loadObject(asm, a, HI_ARRAY, site.exit("not-array-item"));
    asm.mov(ecx, low(a + 1));
    asm.cmp(ecx, dword(mem(rbx, rax, 8, 4)));
    asm.jae(end);
    asm.mov(eax, dword(mem(rbx, rax, 8, 8)));
    asm.add(rax, rcx);
    asm.mov(rax, mem(rbx, rax, 8));
    asm.mov(R(a + 2), rax);
    asm.add(ecx, 1);
    asm.mov(rdx, rcx);
    asm.or(rdx, r14);
    asm.mov(R(a + 1), rdx);
    takeJump(asm, site);
    asm.bind(end);
  },
  PRINT: "exit",
  IMPORT: "exit",
} satisfies Templates<X64Assembler, Label, OpName>;
