/**
 * How instructions are written in the second version of a loop, where values live in machine registers. What is known
 * of the operands has been seen to by the time a template writes: an operand that has to be of some type is.
 *
 * ```text
 *  rsi rdi r8 … r11    homes of integers: the 48 bits at the top, zeros below, so that the processor's overflow flag and
 *                      its comparisons are those of the language; and of arrays and structs: their addresses
 *  xmm2 … xmm15        homes of doubles
 *  rax rcx rdx xmm0 xmm1     free
 * ```
 *
 * The other registers are as `templates.ts` has them.
 */

import { views } from "../../core/memory.ts";
import * as value from "../../core/value.ts";
import { Intrinsic } from "../../core/machine.ts";
import type { HomeType, LoopFacts, LoopSite, LoopTarget, LoopTemplate, Place } from "../../core/backend.ts";
import type { OpName } from "../../core/opcodes.ts";
import type { X64Assembler } from "./assembler.ts";
import { high, low, R } from "./kit.ts";
import { type Condition, jumpIf, jumpIfEqual, returnToCaller, takeJump } from "./templates.ts";
import {
  byte,
  dword,
  eax,
  ecx,
  edx,
  imm64,
  type Label,
  mem,
  qword,
  r10,
  r11,
  r14,
  type R64,
  r8,
  r9,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  REGISTERS,
  rsi,
  type Unsized,
  type Xmm,
  xmm0,
  xmm1,
} from "./operands.ts";

const { I32 } = views;
const { HI_ARRAY, HI_BOOL, HI_MODULE, HI_NATIVE, HI_STRUCT, HI_UINT } = value;

type Asm = X64Assembler;
type Site = LoopSite<Label>;
type Template = LoopTemplate<Asm, Label>;
type Row = Template | ((facts: LoopFacts) => Template | null);

const HOMES: readonly R64[] = [rdi, r8, r9, r10, r11, rsi];
const DOUBLE_HOMES = REGISTERS[xmm0.kind].slice(2) as readonly Xmm[];

// ---- operands ----------------------------------------------------------------------------------------------------

/** The register that holds the integer of register `n`: its home, or `spare`, loaded. */
function intIn(asm: Asm, site: Site, n: number, spare: R64): R64 {
  const home = site.home(n);
  if (home >= 0) return HOMES[home];
  asm.mov(spare, R(n));
  asm.shl(spare, 16);
  return spare;
}

/** Where the double of register `n` is. */
function doubleAt(site: Site, n: number): Xmm | Unsized {
  const home = site.home(n);
  return home >= 0 ? DOUBLE_HOMES[home] : R(n);
}

const isRegister = (operand: Xmm | Unsized): operand is Xmm => "code" in operand;

/** An xmm register = a double. */
function loadDouble(asm: Asm, to: Xmm, from: Xmm | Unsized): void {
  if (from === to) return;
  if (isRegister(from)) asm.movapd(to, from);
  else asm.movsd(to, from);
}

function loadDoubleConstant(asm: Asm, site: Site, to: Xmm, n: number): void {
  const { low, high } = site.constant(n);
  if (low === 0 && high === 0) return asm.xorpd(to, to);
  asm.mov(rax, imm64(low, high));
  asm.movq(to, rax);
}

/** An xmm register = the number of register `n`, of either type. */
function loadAsDouble(asm: Asm, site: Site, to: Xmm, n: number): void {
  if (site.known(n) === "double") return loadDouble(asm, to, doubleAt(site, n));
  const from = intIn(asm, site, n, rax);
  if (from !== rax) asm.mov(rax, from);
  asm.sar(rax, 16);
  asm.xorpd(to, to);
  asm.cvtsi2sd(to, rax);
}

function loadConstantAsDouble(asm: Asm, site: Site, to: Xmm, n: number): void {
  const { low, high } = site.constant(n);
  if (value.isDouble(high)) return loadDoubleConstant(asm, site, to, n);
  asm.mov(rax, imm64(low, high << 16 >> 16));
  asm.xorpd(to, to);
  asm.cvtsi2sd(to, rax);
}

/** The constant `n`, an integer, at the top of a register, if it fits the immediate of an instruction. */
function topConstant(site: Site, n: number): number | null {
  const { low, high } = site.constant(n);
  return high === (low >> 31 | HI_UINT) && low << 16 >> 16 === low ? low << 16 : null;
}

/** A register = the constant `n`, an integer, at the top. */
function loadTop(asm: Asm, site: Site, to: R64, n: number): void {
  const { low, high } = site.constant(n);
  asm.mov(to, imm64(low << 16, high << 16 | low >>> 16));
}

/** The result of an instruction = the integer at the top of a register. */
function giveInt(asm: Asm, site: Site, place: Place, n: number, from: R64): void {
  const { home } = site.gives(place);
  if (home >= 0) {
    if (HOMES[home] !== from) asm.mov(HOMES[home], from);
    return;
  }
  storeInt(asm, n, from);
}

/** Slot `n` = the integer at the top of a register; uses rax. */
function storeInt(asm: Asm, n: number, from: R64): void {
  if (from !== rax) asm.mov(rax, from);
  asm.shr(rax, 16);
  asm.or(rax, r14);
  asm.mov(R(n), rax);
}

/** The result of an instruction = the double in an xmm register. */
function giveDouble(asm: Asm, site: Site, place: Place, n: number, from: Xmm): void {
  const { home } = site.gives(place);
  if (home < 0) asm.movsd(R(n), from);
  else loadDouble(asm, DOUBLE_HOMES[home], from);
}

const isObject = (type: HomeType | null): type is "array" | number =>
  type === "array" || typeof type === "number";

/** The high word of values of a type that is an object's. */
const highOf = (type: "array" | number) => type === "array" ? HI_ARRAY : HI_STRUCT;

/** The result of an instruction = the value in memory, if it is of the type that the result has to have; else exits. */
function giveFrom(asm: Asm, site: Site, place: Place, n: number, from: Unsized): void {
  const { type, home } = site.gives(place);
  if (type === "double" && home >= 0) {
    asm.cmp(qword(from), rbp);
    asm.jae(site.exit());
    asm.movsd(DOUBLE_HOMES[home], from);
    return;
  }
  asm.mov(rax, from);
  checkWanted(asm, site, place);
  giveValue(asm, site, place, n);
}

/** Checks that rax is of the type that the result has to have, if any. Changes nothing but rdx. */
function checkWanted(asm: Asm, site: Site, place: Place): void {
  const { type } = site.gives(place);
  if (type === null) return;
  if (isObject(type)) {
    asm.mov(rdx, rax);
    asm.shr(rdx, 32);
    asm.cmp(edx, highOf(type));
    asm.jne(site.exit());
    if (type === "array") return;
    asm.mov(edx, eax);
    asm.comment("is it of the cached type?");
    asm.cmp(dword(mem(rbx, rdx, 8, 4)), type);
    asm.jne(site.exit());
    return;
  }
  asm.cmp(rax, type === "int" ? r14 : rbp);
  if (type === "int") asm.jb(site.exit());
  else asm.jae(site.exit());
}

/** The result of an instruction = the value in rax, whose type has been checked. */
function giveValue(asm: Asm, site: Site, place: Place, n: number): void {
  const { type, home } = site.gives(place);
  if (home < 0) asm.mov(R(n), rax);
  else if (type === "int") {
    asm.shl(rax, 16);
    asm.mov(HOMES[home], rax);
  } else if (isObject(type)) loadAddress(asm, HOMES[home]);
  else asm.movq(DOUBLE_HOMES[home], rax);
}

/** A register = the address of the object whose ref is in eax. */
function loadAddress(asm: Asm, to: R64): void {
  asm.mov(eax, eax);
  asm.lea(to, mem(rbx, rax, 8));
}

/** A general register = the value of register `n`, boxed. */
function loadValue(asm: Asm, site: Site, to: R64, n: number): void {
  const home = site.home(n), type = site.known(n);
  if (home < 0 || isObject(type) && site.isInSlot(n)) asm.mov(to, R(n));
  else if (isObject(type)) box(asm, to, HOMES[home], type);
  else if (type === "double") asm.movq(to, DOUBLE_HOMES[home]);
  else {
    asm.mov(to, HOMES[home]);
    asm.shr(to, 16);
    asm.or(to, r14);
  }
}

/**
 * A register = the object at an address, as a value: its ref, and above that the high word, which is negative. So as an
 * immediate it brings ones in front of itself, which turn the ref around that stands there, turned around.
 */
function box(asm: Asm, to: R64, from: R64, type: "array" | number): void {
  asm.mov(to, from);
  asm.sub(to, rbx);
  asm.shr(to, 3);
  asm.not(to);
  asm.shl(to, 32);
  asm.xor(to, highOf(type));
  asm.ror(to, 32);
}

/** Memory = the value of register `n`; uses `spare`. */
function storeValue(asm: Asm, site: Site, to: Unsized, n: number, spare: R64): void {
  const home = site.home(n);
  if (home >= 0 && site.known(n) === "double") return asm.movsd(to, DOUBLE_HOMES[home]);
  loadValue(asm, site, spare, n);
  asm.mov(to, spare);
}

// ---- numbers -----------------------------------------------------------------------------------------------------

type Second = "register" | "constant";

const isNumber = (type: HomeType | null): boolean => type === "int" || type === "double";

const isIntConstant: (facts: LoopFacts, place: Place) => boolean = (facts, place) =>
  facts.constant(place).high >> 16 === -1;
const isDoubleConstant: (facts: LoopFacts, place: Place) => boolean = (facts, place) =>
  value.isDouble(facts.constant(place).high);

const INVERSE = { add: "sub", sub: "add" } as const;

/** Sum or difference of integers. */
function addInts(operation: "add" | "sub", second: Second): Template {
  return {
    takes: second === "register" ? { b: "int", c: "int" } : { b: "int" },
    gives: { a: "int" },
    write(asm, site) {
      const { a, b, c } = site, { home } = site.gives("a"), to = home < 0 ? rax : HOMES[home];
      const x = intIn(asm, site, b, rax);
      const constant = second === "constant" ? topConstant(site, c) : null;
      let y: R64 = rcx;
      if (second === "register") y = intIn(asm, site, c, rcx);
      else if (constant === null) loadTop(asm, site, rcx, c);
      const apply = (name: "add" | "sub", register: R64) =>
        constant === null ? asm[name](register, y) : asm[name](register, constant);
      if (to === x && y !== x) {
        // In place: an exit takes it back.
        apply(operation, x);
        asm.jo(to === rax ? site.exit() : site.exit(() => apply(INVERSE[operation], x)));
        if (home < 0) storeInt(asm, a, rax);
        return;
      }
      const at = y === to || x === to ? rax : to;
      if (at !== x) asm.mov(at, x);
      apply(operation, at);
      asm.jo(site.exit());
      giveInt(asm, site, "a", a, at);
    },
  };
}

/** Product of integers. */
function multiplyInts(second: Second): Template {
  return {
    takes: second === "register" ? { b: "int", c: "int" } : { b: "int" },
    gives: { a: "int" },
    write(asm, site) {
      const { a, b, c } = site, x = intIn(asm, site, b, rax);
      const { low, high } = site.constant(c);
      if (second === "constant" && high === (low >> 31 | HI_UINT)) asm.imul(rax, x, low);
      else {
        if (second === "constant") loadTop(asm, site, rcx, c);
        else {
          const y = intIn(asm, site, c, rcx);
          if (y !== rcx) asm.mov(rcx, y);
        }
        asm.sar(rcx, 16);
        if (x !== rax) asm.mov(rax, x);
        asm.imul(rax, rcx);
      }
      asm.jo(site.exit());
      giveInt(asm, site, "a", a, rax);
    },
  };
}

/**
 * Quotient or remainder of integers. Small ones without a sign have a quick way: by a constant d it is a multiplication by
 * 2^64 / d, rounded up (see templates.ts).
 */
function divideInts(result: "quotient" | "remainder", second: Second): Template {
  return {
    takes: second === "register" ? { b: "int", c: "int" } : { b: "int" },
    gives: { a: "int" },
    write(asm, site) {
      const { a, b, c } = site, slow = asm.label("not small"), done = asm.label("done");
      const divisor = second === "constant" ? site.constant(c).low >>> 0 : 0;
      const x = intIn(asm, site, b, rax);
      if (second === "register") {
        const y = intIn(asm, site, c, rcx);
        if (y !== rcx) asm.mov(rcx, y);
        asm.sar(rcx, 16);
        asm.je(site.exit());
      }
      if (x !== rax) asm.mov(rax, x);
      asm.sar(rax, 16);
      asm.mov(rdx, rax);
      if (second === "register") asm.or(rdx, rcx);
      asm.shr(rdx, 32);
      asm.jne(slow);
      if (second === "register") {
        asm.div(ecx); // edx is 0
        if (result === "remainder") asm.mov(eax, edx);
      } else {
        const reciprocal = (1n << 64n) / BigInt(divisor) + 1n;
        asm.mov(
          rcx,
          imm64(Number(BigInt.asIntN(32, reciprocal)), Number(BigInt.asIntN(32, reciprocal >> 32n))),
        );
        asm.mul(rcx);
        if (result === "quotient") asm.mov(eax, edx);
        else {
          asm.imul(edx, edx, divisor | 0);
          const again = intIn(asm, site, b, rax);
          if (again !== rax) asm.mov(rax, again);
          asm.sar(rax, 16);
          asm.sub(eax, edx);
        }
      }
      asm.bind(done);
      asm.shl(rax, 16);
      giveInt(asm, site, "a", a, rax);
      site.outside(() => {
        asm.bind(slow);
        if (second === "constant") asm.mov(ecx, divisor | 0);
        asm.cqo();
        asm.idiv(rcx);
        if (result === "remainder") asm.mov(rax, rdx);
        else if (second === "register") {
          // The least integer by -1 does not fit.
          asm.mov(rdx, rax);
          asm.shl(rdx, 16);
          asm.sar(rdx, 16);
          asm.cmp(rdx, rax);
          asm.jne(site.exit());
        }
        asm.jmp(done);
      });
    },
  };
}

/** A constant that {@linkcode divideInts} can divide by. */
const isDivisor = (facts: LoopFacts): boolean => {
  const { low, high } = facts.constant("c");
  return high === HI_UINT && low >>> 0 >= 2;
};

type DoubleOperation = "addsd" | "subsd" | "mulsd" | "divsd";

function doubles(operation: DoubleOperation, second: Second): Template {
  return {
    takes: second === "register" ? { b: "double", c: "double" } : { b: "double" },
    gives: { a: "double" },
    write(asm, site) {
      const { a, b, c } = site, { home } = site.gives("a");
      const to = home < 0 ? xmm0 : DOUBLE_HOMES[home];
      const x = doubleAt(site, b);
      let y: Xmm | Unsized = xmm1;
      if (second === "register") y = doubleAt(site, c);
      else loadDoubleConstant(asm, site, xmm1, c);
      const commutes = operation === "addsd" || operation === "mulsd";
      if (y === to && x !== to && commutes) asm[operation](to, x);
      else if (y === to && x !== to) {
        loadDouble(asm, xmm0, x);
        asm[operation](xmm0, y);
        loadDouble(asm, to, xmm0);
      } else {
        loadDouble(asm, to, x);
        asm[operation](to, y);
      }
      if (home < 0) asm.movsd(R(a), xmm0);
    },
  };
}

/** Arithmetic of an integer and a double, or of two numbers one of which is a constant. */
function mixedDoubles(operation: DoubleOperation, second: Second): Template {
  return {
    gives: { a: "double" },
    write(asm, site) {
      const { a, b, c } = site;
      loadAsDouble(asm, site, xmm0, b);
      if (second === "register") loadAsDouble(asm, site, xmm1, c);
      else loadConstantAsDouble(asm, site, xmm1, c);
      asm[operation](xmm0, xmm1);
      giveDouble(asm, site, "a", a, xmm0);
    },
  };
}

/** The forms for types that change: what is known of them here decides. */
function anyArithmetic(operation: DoubleOperation, ints: Row, second: Second): Row {
  const asDoubles = doubles(operation, second), mixed = mixedDoubles(operation, second);
  return (facts) => {
    const x = facts.known("b");
    const isInt = second === "constant" ? isIntConstant(facts, "c") : facts.known("c") === "int";
    const isDouble = second === "constant" ? isDoubleConstant(facts, "c") : facts.known("c") === "double";
    if (!isNumber(x) || !isInt && !isDouble) return null;
    if (x === "int" && isInt) return typeof ints === "function" ? ints(facts) : ints;
    return x === "double" && isDouble ? asDoubles : mixed;
  };
}

// ---- comparisons -------------------------------------------------------------------------------------------------

function compareInts(condition: Condition, second: Second): Template {
  return {
    takes: second === "register" ? { a: "int", b: "int" } : { a: "int" },
    write(asm, site) {
      const { a, b } = site, x = intIn(asm, site, a, rax);
      const constant = second === "constant" ? topConstant(site, b) : null;
      if (second === "register") asm.cmp(x, intIn(asm, site, b, rcx));
      else if (constant !== null) asm.cmp(x, constant);
      else {
        loadTop(asm, site, rcx, b);
        asm.cmp(x, rcx);
      }
      jumpIf(asm, site, condition);
    },
  };
}

/** Compares two xmm registers, or one and memory: see `compareDoubles` of templates.ts for the conditions. */
function compareAsDoubles(
  asm: Asm,
  site: Site,
  condition: Condition,
  swapped: boolean,
  x: Xmm,
  y: Xmm,
): void {
  if (swapped) asm.ucomisd(x, y);
  else asm.ucomisd(y, x);
  jumpIf(asm, site, condition);
}

function compareDoubles(condition: Condition, second: Second, swapped = false): Template {
  return {
    takes: second === "register" ? { a: "double", b: "double" } : { a: "double" },
    write(asm, site) {
      const { a, b } = site, x = doubleAt(site, a);
      let y: Xmm | Unsized = xmm1;
      if (second === "register") y = doubleAt(site, b);
      else loadDoubleConstant(asm, site, xmm1, b);
      if (!isRegister(x)) loadDouble(asm, xmm0, x);
      if (!isRegister(y)) loadDouble(asm, xmm1, y);
      compareAsDoubles(asm, site, condition, swapped, isRegister(x) ? x : xmm0, isRegister(y) ? y : xmm1);
    },
  };
}

/** The forms for types that change. Immediate integers have 48 bits, so turning them into doubles loses nothing. */
function compareAny(ints: Condition, asDoubles: Condition, second: Second, swapped = false): Row {
  const bothInts = compareInts(ints, second), bothDoubles = compareDoubles(asDoubles, second, swapped);
  const mixed: Template = {
    write(asm, site) {
      loadAsDouble(asm, site, xmm0, site.a);
      if (second === "register") loadAsDouble(asm, site, xmm1, site.b);
      else loadConstantAsDouble(asm, site, xmm1, site.b);
      compareAsDoubles(asm, site, asDoubles, swapped, xmm0, xmm1);
    },
  };
  return (facts) => {
    const x = facts.known("a");
    const isInt = second === "constant" ? isIntConstant(facts, "b") : facts.known("b") === "int";
    const isDouble = second === "constant" ? isDoubleConstant(facts, "b") : facts.known("b") === "double";
    if (!isNumber(x) || !isInt && !isDouble) return null;
    if (x === "int" && isInt) return bothInts;
    return x === "double" && isDouble ? bothDoubles : mixed;
  };
}

function equalDoubles(condition: "e" | "ne", second: Second): Template {
  return {
    takes: second === "register" ? { a: "double", b: "double" } : { a: "double" },
    write(asm, site) {
      const { a, b } = site;
      loadDouble(asm, xmm0, doubleAt(site, a));
      if (second === "register") asm.ucomisd(xmm0, doubleAt(site, b));
      else {
        loadDoubleConstant(asm, site, xmm1, b);
        asm.ucomisd(xmm0, xmm1);
      }
      jumpIfEqual(asm, site, condition);
    },
  };
}

function equalAny(condition: "e" | "ne", second: Second): Row {
  const ints = compareInts(condition, second), asDoubles = equalDoubles(condition, second);
  return (facts) => {
    const isInt = second === "constant" ? isIntConstant(facts, "b") : facts.known("b") === "int";
    const isDouble = second === "constant" ? isDoubleConstant(facts, "b") : facts.known("b") === "double";
    if (facts.known("a") === "int" && isInt) return ints;
    return facts.known("a") === "double" && isDouble ? asDoubles : null;
  };
}

/** Only if that is true of what is known. */
const when = (accepts: (facts: LoopFacts) => boolean, template: Template): Row => (facts) =>
  accepts(facts) ? template : null;

/** Only with a constant of the type that the template is for. */
const withInt = (place: Place, template: Template) => when((facts) => isIntConstant(facts, place), template);
const withDouble = (place: Place, template: Template) =>
  when((facts) => isDoubleConstant(facts, place), template);

/** Jumps on a boolean, or on an integer, of which 0 alone is false. */
function jumpOnTruth(condition: "e" | "ne"): Row {
  const ofBool: Template = {
    slots: ["a"],
    write(asm, site) {
      asm.cmp(high(site.a), HI_BOOL);
      asm.jne(site.exit());
      asm.cmp(low(site.a), 0);
      jumpIf(asm, site, condition);
    },
  };
  const ofInt: Template = {
    write(asm, site) {
      asm.cmp(intIn(asm, site, site.a, rax), 0);
      jumpIf(asm, site, condition);
    },
  };
  return (facts) => {
    const known = facts.known("a");
    return known === null ? ofBool : known === "int" ? ofInt : null;
  };
}

// ---- objects -----------------------------------------------------------------------------------------------------

/** The address of the array or struct in register `n`: its home, or `spare`, loaded; uses eax. */
function addressOf(asm: Asm, site: Site, n: number, spare: R64): R64 {
  const home = site.home(n);
  if (home >= 0) return HOMES[home];
  asm.mov(eax, low(n));
  asm.lea(spare, mem(rbx, rax, 8));
  return spare;
}

/** rcx = the index in register `n` or the constant `n`, rdx = the length of the array at an address. */
function loadIndex(asm: Asm, site: Site, array: R64, n: number, second: Second): void {
  if (second === "constant") asm.mov(ecx, site.constant(n).low);
  else {
    const home = site.home(n);
    if (home < 0) {
      asm.mov(rcx, R(n));
      asm.shl(rcx, 16);
    } else asm.mov(rcx, HOMES[home]);
    asm.shr(rcx, 16);
  }
  asm.mov(edx, dword(mem(array, 4)));
}

function getItem(second: Second): Template {
  return {
    takes: second === "register" ? { b: "array", c: "int" } : { b: "array" },
    gives: { a: "wanted" },
    write(asm, site) {
      const { a, b, c } = site, array = addressOf(asm, site, b, rax);
      loadIndex(asm, site, array, c, second);
      asm.cmp(rcx, rdx);
      asm.jae(site.exit());
      asm.mov(eax, dword(mem(array, 8)));
      asm.add(rax, rcx);
      giveFrom(asm, site, "a", a, mem(rbx, rax, 8));
    },
  };
}

/** Stores to an item, or appends the next one if there is room. */
function setItem(second: Second): Template {
  return {
    takes: second === "register" ? { a: "array", b: "int" } : { a: "array" },
    write(asm, site) {
      const { a, b, c } = site, beyond = asm.label("beyond the end"), done = asm.label("done");
      const array = addressOf(asm, site, a, rax);
      loadIndex(asm, site, array, b, second);
      asm.cmp(rcx, rdx);
      asm.jae(beyond);
      asm.mov(eax, dword(mem(array, 8)));
      asm.add(rcx, rax);
      storeValue(asm, site, mem(rbx, rcx, 8), c, rax);
      asm.bind(done);
      site.outside(() => {
        asm.bind(beyond);
        asm.jne(site.exit());
        append(asm, site, array, c);
        asm.jmp(done);
      });
    },
  };
}

/** Appends register `n` to the array at an address, whose length is in ecx, if there is room. */
function append(asm: Asm, site: Site, array: R64, n: number): void {
  asm.cmp(ecx, dword(mem(array, 12)));
  asm.jae(site.exit());
  asm.mov(edx, dword(mem(array, 8)));
  asm.add(rdx, rcx);
  asm.add(ecx, 1);
  asm.mov(dword(mem(array, 4)), ecx);
  storeValue(asm, site, mem(rbx, rdx, 8), n, rax);
}

const isIndex = (facts: LoopFacts, place: Place) => {
  const { low, high } = facts.constant(place);
  return high === HI_UINT && low >= 0;
};

/** Templates for structs, by the type that the instruction has met; there is none before it has met one. */
function ofStruct(make: (type: number) => Template): Row {
  const made = new Map<number, Template>();
  return ({ word }) => {
    const type = word(1);
    if (type === 0) return null;
    let template = made.get(type);
    if (template === undefined) made.set(type, template = make(type));
    return template;
  };
}

// ---- natives -----------------------------------------------------------------------------------------------------

/** The number of the native that is to be called there, to judge by what stands where it has been read from; 0 for none. */
function intrinsicOf({ guess }: LoopFacts): number {
  const callee = guess("a");
  return callee?.high === HI_NATIVE ? I32[callee.low << 1] >> 8 & 0xFF : 0;
}

/** A template that exits unless R[a] is the native of this number. */
function native(number: number, { write, ...rest }: Template): Template {
  return {
    ...rest,
    slots: ["a"],
    write(asm, site) {
      asm.cmp(high(site.a), HI_NATIVE);
      asm.jne(site.exit());
      asm.mov(eax, low(site.a));
      asm.cmp(byte(mem(rbx, rax, 8, 1)), number); // the flags of the header
      asm.jne(site.exit());
      write(asm, site);
    },
  };
}

/** A native for arguments that are known to be integers, and for such as have to be doubles. */
interface Forms {
  readonly ints: Template;
  readonly doubles: Template;
}

const sameInt: Template = {
  gives: { a: "int" },
  write: (asm, site) => giveInt(asm, site, "a", site.a, intIn(asm, site, site.a + 1, rax)),
};

/** The square root, or nothing, of a number of either type as a double. */
function ofDouble(operation: "sqrtsd" | null, takes: Template["takes"]): Template {
  return {
    ...(takes === undefined ? {} : { takes }),
    gives: { a: "double" },
    write(asm, site) {
      loadAsDouble(asm, site, xmm0, site.a + 1);
      if (operation !== null) asm.sqrtsd(xmm0, xmm0);
      giveDouble(asm, site, "a", site.a, xmm0);
    },
  };
}

/** A double without its fraction, or the greatest integer that is not above it, if 48 bits hold that. */
function rounded(isFloor: boolean): Template {
  return {
    takes: { "a+1": "double" },
    gives: { a: "int" },
    write(asm, site) {
      const done = asm.label("rounded");
      loadDouble(asm, xmm0, doubleAt(site, site.a + 1));
      asm.cvttsd2si(rax, xmm0);
      if (isFloor) {
        asm.cvtsi2sd(xmm1, rax);
        asm.ucomisd(xmm1, xmm0);
        asm.jbe(done);
        asm.sub(rax, 1);
        asm.bind(done);
      }
      asm.mov(rcx, rax);
      asm.shl(rax, 16);
      asm.mov(rdx, rax);
      asm.sar(rdx, 16);
      asm.cmp(rdx, rcx);
      asm.jne(site.exit());
      giveInt(asm, site, "a", site.a, rax);
    },
  };
}

const absolute: Forms = {
  ints: {
    gives: { a: "int" },
    write(asm, site) {
      const done = asm.label("not negative"), from = intIn(asm, site, site.a + 1, rax);
      if (from !== rax) asm.mov(rax, from);
      asm.cmp(rax, 0);
      asm.jge(done);
      asm.neg(rax);
      asm.jo(site.exit());
      asm.bind(done);
      giveInt(asm, site, "a", site.a, rax);
    },
  },
  doubles: {
    takes: { "a+1": "double" },
    gives: { a: "double" },
    write(asm, site) {
      loadDouble(asm, xmm0, doubleAt(site, site.a + 1));
      asm.movq(rax, xmm0);
      asm.add(rax, rax); // it loses its sign
      asm.shr(rax, 1);
      asm.movq(xmm0, rax);
      giveDouble(asm, site, "a", site.a, xmm0);
    },
  },
};

/** The smaller or the greater of two; of equal ones the first; what is not-a-number is not decided here. */
function choice(isLeast: boolean): Forms {
  return {
    ints: {
      gives: { a: "int" },
      write(asm, site) {
        const x = intIn(asm, site, site.a + 1, rax), y = intIn(asm, site, site.a + 2, rcx);
        if (x !== rax) asm.mov(rax, x);
        asm.cmp(rax, y);
        if (isLeast) asm.cmovg(rax, y);
        else asm.cmovl(rax, y);
        giveInt(asm, site, "a", site.a, rax);
      },
    },
    doubles: {
      takes: { "a+1": "double", "a+2": "double" },
      gives: { a: "double" },
      write(asm, site) {
        const first = asm.label("the first");
        loadDouble(asm, xmm0, doubleAt(site, site.a + 1));
        loadDouble(asm, xmm1, doubleAt(site, site.a + 2));
        if (isLeast) asm.ucomisd(xmm0, xmm1);
        else asm.ucomisd(xmm1, xmm0);
        asm.jp(site.exit());
        asm.jbe(first);
        asm.movapd(xmm0, xmm1);
        asm.bind(first);
        giveDouble(asm, site, "a", site.a, xmm0);
      },
    },
  };
}

const forms = (number: number, { ints, doubles }: Forms): Forms => ({
  ints: native(number, ints),
  doubles: native(number, doubles),
});

/** Natives of one argument, and of two, by their numbers. */
const OF_ONE: ReadonlyMap<number, Forms> = new Map([
  [Intrinsic.sqrt, { ints: ofDouble("sqrtsd", undefined), doubles: ofDouble("sqrtsd", { "a+1": "double" }) }],
  [Intrinsic.float, { ints: ofDouble(null, undefined), doubles: ofDouble(null, { "a+1": "double" }) }],
  [Intrinsic.floor, { ints: sameInt, doubles: rounded(true) }],
  [Intrinsic.int, { ints: sameInt, doubles: rounded(false) }],
  [Intrinsic.abs, absolute],
].map(([number, both]) => [number as number, forms(number as number, both as Forms)]));
const OF_TWO: ReadonlyMap<number, Forms> = new Map(
  [Intrinsic.min, Intrinsic.max].map((number) => [number, forms(number, choice(number === Intrinsic.min))]),
);

/** Calls of natives that take and give numbers; all others are calls like those of functions. */
function callIntrinsic(facts: LoopFacts): Template | null {
  const found = (facts.b === 1 ? OF_ONE : facts.b === 2 ? OF_TWO : null)?.get(intrinsicOf(facts));
  if (found === undefined) return null;
  const known = (["a+1", "a+2"] as const).slice(0, facts.b).map(facts.known);
  if (known.every((type) => type === "int")) return found.ints;
  return known.every((type) => type === null || type === "double") ? found.doubles : null;
}

// ---- the table ---------------------------------------------------------------------------------------------------

const arithmetic = <N extends string>(
  name: N,
  operation: DoubleOperation,
  ints: (second: Second) => Template,
  accepts: (facts: LoopFacts) => boolean = (facts) => isIntConstant(facts, "c"),
): Record<string, Row> => ({
  [`${name}_II`]: ints("register"),
  [`${name}_FF`]: doubles(operation, "register"),
  [`${name}_ANY`]: anyArithmetic(operation, ints("register"), "register"),
  [`${name}_K_II`]: when(accepts, ints("constant")),
  [`${name}_K_FF`]: withDouble("c", doubles(operation, "constant")),
  [`${name}_K_ANY`]: anyArithmetic(operation, when(accepts, ints("constant")), "constant"),
});

const comparison = (
  name: string,
  ints: Condition,
  asDoubles: Condition,
  swapped = false,
  registers = true,
): Record<string, Row> => ({
  ...(registers
    ? {
      [`${name}_II`]: compareInts(ints, "register"),
      [`${name}_FF`]: compareDoubles(asDoubles, "register"),
      [`${name}_ANY`]: compareAny(ints, asDoubles, "register"),
    }
    : {}),
  [`${name}_K_II`]: withInt("b", compareInts(ints, "constant")),
  [`${name}_K_FF`]: withDouble("b", compareDoubles(asDoubles, "constant", swapped)),
  [`${name}_K_ANY`]: compareAny(ints, asDoubles, "constant", swapped),
});

const equality = (name: string, condition: "e" | "ne"): Record<string, Row> => ({
  [`${name}_II`]: compareInts(condition, "register"),
  [`${name}_FF`]: equalDoubles(condition, "register"),
  [`${name}_ANY`]: equalAny(condition, "register"),
  [`${name}_K_II`]: withInt("b", compareInts(condition, "constant")),
  [`${name}_K_FF`]: withDouble("b", equalDoubles(condition, "constant")),
  [`${name}_K_ANY`]: equalAny(condition, "constant"),
});

/** A copy of a number, or of whatever is in a slot. */
const copy: Template = {
  gives: { a: "copy" },
  write(asm, site) {
    const { a, b } = site, type = site.known(b);
    if (type === "int") giveInt(asm, site, "a", a, intIn(asm, site, b, rax));
    else if (type === "double") {
      const from = doubleAt(site, b), { home } = site.gives("a");
      const to = home >= 0 ? DOUBLE_HOMES[home] : isRegister(from) ? from : xmm0;
      loadDouble(asm, to, from);
      if (home < 0) asm.movsd(R(a), to);
    } else if (isObject(type)) {
      const { home } = site.gives("a");
      if (home >= 0) asm.mov(HOMES[home], addressOf(asm, site, b, rax));
      else storeValue(asm, site, R(a), b, rax);
    } else {
      asm.mov(rax, R(b));
      asm.mov(R(a), rax);
    }
  },
};

/** A constant, by its type. */
const loadConst: Row = (facts) => {
  const type: keyof typeof CONSTANTS = isIntConstant(facts, "b")
    ? "int"
    : isDoubleConstant(facts, "b")
    ? "double"
    : "other";
  return CONSTANTS[type];
};

const constantOf = (type: "int" | "double" | "other"): Template => ({
  gives: { a: type },
  write(asm, site) {
    const { a, b } = site, { home } = site.gives("a");
    if (home >= 0 && type === "int") return loadTop(asm, site, HOMES[home], b);
    if (home >= 0) return loadDoubleConstant(asm, site, DOUBLE_HOMES[home], b);
    const { low, high } = site.constant(b);
    asm.mov(rax, imm64(low, high));
    asm.mov(R(a), rax);
  },
});

const CONSTANTS = {
  int: constantOf("int"),
  double: constantOf("double"),
  other: constantOf("other"),
} as const;

const plain = (high: (site: Site) => number, low: (site: Site) => number): Template => ({
  gives: { a: "other" },
  write(asm, site) {
    asm.mov(rax, imm64(low(site), high(site)));
    asm.mov(R(site.a), rax);
  },
});

const negation: Row = (facts) =>
  facts.known("b") === "int" ? NEGATE_INT : facts.known("b") === "double" ? NEGATE_DOUBLE : null;

const NEGATE_INT: Template = {
  gives: { a: "int" },
  write(asm, site) {
    const from = intIn(asm, site, site.b, rax);
    if (from !== rax) asm.mov(rax, from);
    asm.neg(rax);
    asm.jo(site.exit());
    giveInt(asm, site, "a", site.a, rax);
  },
};

const NEGATE_DOUBLE: Template = {
  gives: { a: "double" },
  write(asm, site) {
    asm.mov(rax, imm64(0, 0x80000000 | 0));
    asm.movq(xmm1, rax);
    loadDouble(asm, xmm0, doubleAt(site, site.b));
    asm.xorpd(xmm0, xmm1);
    giveDouble(asm, site, "a", site.a, xmm0);
  },
};

const LENGTH_OF_ARRAY: Template = {
  takes: { b: "array" },
  gives: { a: "int" },
  write(asm, site) {
    asm.mov(eax, dword(mem(addressOf(asm, site, site.b, rax), 4)));
    asm.shl(rax, 16);
    giveInt(asm, site, "a", site.a, rax);
  },
};

const LENGTH_OF_ANY: Template = {
  slots: ["b"],
  gives: { a: "int" },
  write(asm, site) {
    const { a, b } = site, count = asm.label("count");
    asm.mov(ecx, high(b));
    asm.cmp(ecx, HI_ARRAY);
    asm.je(count);
    asm.cmp(ecx, value.HI_STRING);
    asm.je(count);
    asm.cmp(ecx, value.HI_MAP);
    asm.jne(site.exit());
    asm.bind(count);
    asm.mov(eax, low(b));
    asm.mov(eax, dword(mem(rbx, rax, 8, 4)));
    asm.shl(rax, 16);
    giveInt(asm, site, "a", a, rax);
  },
};

const TEMPLATES: Readonly<Partial<Record<OpName, Row>>> = {
  MOVE: copy,
  LOAD_NIL: plain(() => value.HI_NIL, () => 0),
  LOAD_BOOL: plain(() => HI_BOOL, ({ b }) => b),
  LOAD_INT: {
    gives: { a: "int" },
    write(asm, site) {
      const { a, b } = site, { home } = site.gives("a");
      if (home >= 0) return asm.mov(HOMES[home], b * 65536);
      asm.mov(rax, imm64(b, b >> 31 | HI_UINT));
      asm.mov(R(a), rax);
    },
  },
  LOAD_CONST: loadConst,

  ...arithmetic("ADD", "addsd", (second) => addInts("add", second)),
  ...arithmetic("SUB", "subsd", (second) => addInts("sub", second)),
  ...arithmetic("MUL", "mulsd", multiplyInts),
  ...arithmetic("DIV", "divsd", (second) => divideInts("quotient", second), isDivisor),
  MOD_II: divideInts("remainder", "register"),
  MOD_K_II: when(isDivisor, divideInts("remainder", "constant")),
  NEG: negation,

  JUMP: { write: takeJump },
  JUMP_IF: jumpOnTruth("ne"),
  JUMP_UNLESS: jumpOnTruth("e"),
  ...comparison("JUMP_LT", "l", "a"),
  ...comparison("JUMP_NOT_LT", "ge", "be"),
  ...comparison("JUMP_LE", "le", "ae"),
  ...comparison("JUMP_NOT_LE", "g", "b"),
  ...comparison("JUMP_GT", "g", "a", true, false),
  ...comparison("JUMP_NOT_GT", "le", "be", true, false),
  ...comparison("JUMP_GE", "ge", "ae", true, false),
  ...comparison("JUMP_NOT_GE", "l", "b", true, false),
  ...equality("JUMP_EQ", "e"),
  ...equality("JUMP_NE", "ne"),

  GET_GLOBAL: {
    reads: 0,
    gives: { a: "wanted" },
    write(asm, site) {
      const global = 4 * site.word(0), { type } = site.gives("a");
      if (type === null) {
        asm.cmp(dword(mem(rbx, global + 4)), value.HI_EMPTY);
        asm.je(site.exit());
      }
      giveFrom(asm, site, "a", site.a, mem(rbx, global));
    },
  },
  SET_GLOBAL: {
    write(asm, site) {
      loadValue(asm, site, rax, site.a);
      asm.mov(mem(rbx, 4 * site.word(0)), rax);
    },
  },
  GET_CELL: {
    slots: ["b"],
    gives: { a: "wanted" },
    write(asm, site) {
      asm.mov(eax, low(site.b));
      giveFrom(asm, site, "a", site.a, mem(rbx, rax, 8, 8));
    },
  },
  SET_CELL: {
    slots: ["a"],
    write(asm, site) {
      loadValue(asm, site, rcx, site.b);
      asm.mov(eax, low(site.a));
      asm.mov(mem(rbx, rax, 8, 8), rcx);
    },
  },
  GET_CAPTURE: {
    gives: { a: "wanted" },
    write(asm, site) {
      asm.mov(eax, low(-1));
      asm.mov(eax, dword(mem(rbx, rax, 8, 16 + 4 * site.b)));
      giveFrom(asm, site, "a", site.a, mem(rbx, rax, 8, 8));
    },
  },
  SET_CAPTURE: {
    write(asm, site) {
      loadValue(asm, site, rcx, site.a);
      asm.mov(eax, low(-1));
      asm.mov(eax, dword(mem(rbx, rax, 8, 16 + 4 * site.b)));
      asm.mov(mem(rbx, rax, 8, 8), rcx);
    },
  },

  GET_INDEX_ARRAY: getItem("register"),
  GET_INDEX_K_ARRAY: when((facts) => isIndex(facts, "c"), getItem("constant")),
  SET_INDEX_ARRAY: setItem("register"),
  SET_INDEX_K_ARRAY: when((facts) => isIndex(facts, "b"), setItem("constant")),
  GET_FIELD_STRUCT: ofStruct((type) => ({
    takes: { b: type },
    gives: { a: "wanted" },
    write(asm, site) {
      const struct = addressOf(asm, site, site.b, rcx);
      giveFrom(asm, site, "a", site.a, mem(struct, 4 * site.word(2)));
    },
  })),
  SET_FIELD_STRUCT: ofStruct((type) => ({
    takes: { a: type },
    write(asm, site) {
      const struct = addressOf(asm, site, site.a, rcx);
      storeValue(asm, site, mem(struct, 4 * site.word(2)), site.b, rax);
    },
  })),
  GET_FIELD_MODULE: {
    slots: ["b"],
    reads: 2,
    gives: { a: "wanted" },
    write(asm, site) {
      asm.cmp(high(site.b), HI_MODULE);
      asm.jne(site.exit());
      asm.mov(eax, low(site.b));
      asm.cmp(dword(mem(rbx, rax, 8, 4)), site.word(1));
      asm.jne(site.exit());
      giveFrom(asm, site, "a", site.a, mem(rbx, 4 * site.word(2)));
    },
  },
  CALL_ANY: callIntrinsic,
  PUSH: {
    takes: { a: "array" },
    write(asm, site) {
      const array = addressOf(asm, site, site.a, rax);
      asm.mov(ecx, dword(mem(array, 4)));
      append(asm, site, array, site.b);
    },
  },
  POP: {
    takes: { b: "array" },
    gives: { a: "wanted" },
    write(asm, site) {
      const { b } = site, array = addressOf(asm, site, b, rax);
      asm.mov(ecx, dword(mem(array, 4)));
      asm.sub(ecx, 1);
      asm.jb(site.exit());
      asm.mov(edx, dword(mem(array, 8)));
      asm.add(rdx, rcx);
      asm.mov(rax, mem(rbx, rdx, 8));
      checkWanted(asm, site, "a");
      if (array === rax) asm.mov(edx, low(b));
      asm.mov(dword(array === rax ? mem(rbx, rdx, 8, 4) : mem(array, 4)), ecx);
      giveValue(asm, site, "a", site.a);
    },
  },
  LENGTH: (facts) => facts.known("b") === "array" ? LENGTH_OF_ARRAY : LENGTH_OF_ANY,
  RETURN: {
    write(asm, site) {
      loadValue(asm, site, rax, site.a);
      asm.mov(R(-1), rax);
      returnToCaller(asm);
    },
  },
  RETURN_NIL: {
    write(asm) {
      asm.mov(rax, imm64(0, value.HI_NIL));
      asm.mov(R(-1), rax);
      returnToCaller(asm);
    },
  },
  FOR_NEXT: {
    takes: { a: "array", "a+1": "int" },
    gives: { "a+1": "int", "a+2": "wanted" },
    givesOnJump: true,
    write(asm, site) {
      const { a } = site, end = asm.label("at the end"), array = addressOf(asm, site, a, rax);
      const state = intIn(asm, site, a + 1, rcx);
      if (state !== rcx) asm.mov(rcx, state);
      asm.shr(rcx, 16);
      asm.cmp(ecx, dword(mem(array, 4)));
      asm.jae(end);
      asm.mov(eax, dword(mem(array, 8)));
      asm.add(rax, rcx);
      giveFrom(asm, site, "a+2", a + 2, mem(rbx, rax, 8));
      asm.add(ecx, 1);
      asm.shl(rcx, 16);
      giveInt(asm, site, "a+1", a + 1, rcx);
      takeJump(asm, site);
      asm.bind(end);
    },
  },
};

/** Homes and templates for loops whose values live in machine registers. */
export const LOOPS: LoopTarget<Asm, Label> = {
  homes: { general: HOMES.map(({ name }) => name), float: DOUBLE_HOMES.map(({ name }) => name) },
  templates: TEMPLATES as LoopTarget<Asm, Label>["templates"],
  check(asm, register, type, other) {
    if (isObject(type)) {
      asm.cmp(high(register), highOf(type));
      asm.jne(other);
      if (type === "array") return;
      asm.mov(eax, low(register));
      asm.comment("is it of the cached type?");
      asm.cmp(dword(mem(rbx, rax, 8, 4)), type);
      asm.jne(other);
      return;
    }
    asm.cmp(qword(R(register)), type === "int" ? r14 : rbp);
    if (type === "int") asm.jb(other);
    else asm.jae(other);
  },
  load(asm, register, type, home) {
    if (type === "double") return asm.movsd(DOUBLE_HOMES[home], R(register));
    if (isObject(type)) {
      asm.mov(eax, low(register));
      asm.lea(HOMES[home], mem(rbx, rax, 8));
      return;
    }
    asm.mov(HOMES[home], R(register));
    asm.shl(HOMES[home], 16);
  },
  store(asm, register, type, home) {
    if (type === "double") return asm.movsd(R(register), DOUBLE_HOMES[home]);
    if (!isObject(type)) return storeInt(asm, register, HOMES[home]);
    box(asm, rax, HOMES[home], type);
    asm.mov(R(register), rax);
  },
};
