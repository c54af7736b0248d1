/**
 * Routines: what takes more machine code than a template should repeat. Each is assembled when the first code that calls
 * it is installed; they stand in the code cache behind the stubs, and are called through their addresses in the control
 * words. They are the machine-code form of functions in `core/` (maps, strings, arithmetic on 64 bits), and are held to
 * what those do.
 *
 * Each takes its operands in machine registers, given above it, and answers in one; it may overwrite all of `rax rcx
 * rdx rsi rdi r8 … r11 xmm0 xmm1`, and keeps what templates rely on (`templates.ts`). A routine either does all of its work
 * or none: what it cannot do (the hole has no room, a value of a rare kind) it answers with 0, and the template leaves
 * the instruction to the interpreter. So a call may stand among a template's guards (:guards-first:).
 *
 * :bytes-in-units: Strings begin on a unit and own whole ones, so they are read eight bytes at a time, and what the
 * last unit has beyond the end is shifted out.
 */

import { Control, FRAME_WORDS, FRAMES_END, HEAP, LARGE_UNITS, views } from "../../core/memory.ts";
import {
  HI_BOOL,
  HI_EMPTY,
  HI_INT64,
  HI_MAP,
  HI_NIL,
  HI_STRING,
  Kind,
  TypeNumber,
} from "../../core/value.ts";
import { Proto } from "../../core/program.ts";
import { Intrinsic } from "../../core/machine.ts";
import { Request } from "../../core/backend.ts";
import { createAssembler, type X64Assembler } from "./assembler.ts";
import { finish } from "./gate.ts";
import type { ExecutableMemory } from "./memory.ts";
import {
  al,
  byte,
  cl,
  dl,
  dword,
  eax,
  ecx,
  edi,
  edx,
  esi,
  type ExactImmediate,
  imm64,
  type Label,
  mem,
  qword,
  r10,
  r10d,
  r11,
  r11b,
  r11d,
  r12,
  r12d,
  r14,
  r15,
  type R32,
  type R64,
  r8,
  r8d,
  r9,
  r9b,
  r9d,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rdx,
  rip,
  rsi,
  rsp,
  word,
  type Xmm,
  xmm0,
  xmm1,
} from "./operands.ts";

const { I32 } = views;

type Asm = X64Assembler;

const control = (at: number) => dword(mem(rbx, 4 * at));

/** Word `at` of the object whose ref is in a register. */
const field = (ref: R64, at: number) => dword(mem(rbx, ref, 8, 4 * at));

/** The address that a ref means: `[rbx+8*ref]`, or so many bytes behind it. */
const at = (ref: R64, bytes = 0) => mem(rbx, ref, 8, bytes);

// Words of strings, arrays and maps as their files in core/ draw them.
const StringWord = { LENGTH: 1, HASH: 2, FROM: 3 } as const;
const ArrayWord = { ITEMS: 2, CAPACITY: 3 } as const;
const NativeWord = { LIMITS: 2, COUNT: 3, SETS: 4 } as const;
const MapWord = { COUNT: 1, INDEX: 2, MASK: 3, ENTRIES: 4, USED: 5, CAPACITY: 6, NEXT: 7 } as const;
/** An entry of a map, in bytes. */
const Entry = { KEY: 0, KEY_HIGH: 4, VALUE: 8, HASH: 16, SKIP: 16, NUMBER: 20, SIZE: 24 } as const;
const FIRST_CAPACITY = 8;
const LAST_NUMBER = 0x7FFFFFFF;
/** Strings shorter than this get no buffer. */
const SHARED_LENGTH = 64;
const BLOCK_UNITS = 4096;

/**
 * `to` = ref of the next free unit, `end` = the one behind `units` more; goes to `full` when the hole has not that
 * many. `units` is a number, or the register that holds it. Nothing has been taken yet: {@linkcode take} does.
 */
function reserve(asm: Asm, to: R64, to32: R32, end: R64, end32: R32, units: number | R64, full: Label): void {
  asm.mov(to32, control(Control.ALLOC_CURSOR));
  asm.lea(end, typeof units === "number" ? mem(to, units) : mem(to, units, 1));
  asm.cmp(end32, control(Control.ALLOC_END));
  asm.ja(full);
}

function take(asm: Asm, end32: R32): void {
  asm.mov(control(Control.ALLOC_CURSOR), end32);
}

/** Leaves the routine with 0 in `result`. */
function fail(asm: Asm, label: Label, result: R32 = eax): void {
  asm.bind(label);
  asm.xor(result, result);
  asm.ret();
}

// ---- strings -----------------------------------------------------------------------------------------------------

/** `value` loses all but its lowest ecx bytes, 1 to 7, in that they move to its top. Overwrites ecx. */
function shiftToTop(asm: Asm, ...values: (R64 | R32)[]): void {
  asm.shl(ecx, 3);
  asm.neg(ecx); // counts of shifts are taken modulo the width
  for (const each of values) (asm.shl as (a: R64 | R32, b: typeof cl) => void)(each, cl);
}

/** edx = the hash of the string rax, computed if nobody has yet. Keeps rax, r9, r10. See `hashString`. */
function hash(asm: Asm): void {
  const words = asm.label(),
    tail = asm.label(),
    mix = asm.label(),
    store = asm.label(),
    compute = asm.label();
  const multiply = (factor: number) => asm.imul(edx, edx, factor | 0);
  const shiftIn = (bits: number) => {
    asm.mov(r8d, edx);
    asm.shr(r8d, bits);
    asm.xor(edx, r8d);
  };
  asm.mov(edx, field(rax, StringWord.HASH));
  asm.test(edx, edx);
  asm.je(compute);
  asm.ret();
  asm.bind(compute);
  asm.mov(ecx, field(rax, StringWord.LENGTH));
  asm.mov(esi, field(rax, StringWord.FROM));
  asm.lea(rsi, at(rsi));
  asm.mov(edx, ecx);
  asm.xor(edx, 0x2545F491);
  asm.bind(words);
  asm.sub(ecx, 4);
  asm.jb(tail);
  asm.xor(edx, dword(mem(rsi)));
  multiply(0x9E3779B1);
  shiftIn(15);
  asm.add(rsi, 4);
  asm.jmp(words);
  asm.bind(tail);
  asm.add(ecx, 4);
  asm.je(mix);
  asm.mov(r8d, dword(mem(rsi)));
  shiftToTop(asm, r8d);
  asm.shr(r8d, cl);
  asm.xor(edx, r8d);
  multiply(0x9E3779B1);
  asm.bind(mix);
  shiftIn(16);
  multiply(0x85EBCA6B);
  shiftIn(13);
  asm.test(edx, edx);
  asm.jne(store);
  asm.mov(edx, 1);
  asm.bind(store);
  asm.mov(field(rax, StringWord.HASH), edx);
  asm.ret();
}

/** Flag zero = whether the strings rax and rcx have the same bytes. Keeps r9, r10, r11. */
function equalStrings(asm: Asm): void {
  const done = asm.label(), compare = asm.label(), units = asm.label(), tail = asm.label();
  asm.cmp(eax, ecx);
  asm.je(done);
  asm.mov(edx, field(rax, StringWord.LENGTH));
  asm.cmp(edx, field(rcx, StringWord.LENGTH));
  asm.jne(done);
  asm.mov(esi, field(rax, StringWord.HASH));
  asm.mov(edi, field(rcx, StringWord.HASH));
  asm.test(esi, esi);
  asm.je(compare);
  asm.test(edi, edi);
  asm.je(compare);
  asm.cmp(esi, edi);
  asm.jne(done);
  asm.bind(compare);
  asm.mov(esi, field(rax, StringWord.FROM));
  asm.mov(edi, field(rcx, StringWord.FROM));
  asm.lea(rsi, at(rsi));
  asm.lea(rdi, at(rdi));
  asm.mov(ecx, edx);
  asm.bind(units);
  asm.sub(ecx, 8);
  asm.jb(tail);
  asm.mov(r8, mem(rsi));
  asm.cmp(r8, mem(rdi));
  asm.jne(done);
  asm.add(rsi, 8);
  asm.add(rdi, 8);
  asm.jmp(units);
  asm.bind(tail);
  asm.add(ecx, 8);
  asm.je(done);
  asm.mov(r8, mem(rsi));
  asm.xor(r8, mem(rdi));
  shiftToTop(asm, r8); // sets the flag
  asm.bind(done);
  asm.ret();
}

/** eax = negative, 0 or positive: the order of the strings rax and rcx. */
function compareStrings(asm: Asm): void {
  const units = asm.label(), tail = asm.label(), differ = asm.label(), lengths = asm.label();
  asm.mov(r8d, field(rax, StringWord.LENGTH));
  asm.mov(r9d, field(rcx, StringWord.LENGTH));
  asm.mov(esi, field(rax, StringWord.FROM));
  asm.mov(edi, field(rcx, StringWord.FROM));
  asm.lea(rsi, at(rsi));
  asm.lea(rdi, at(rdi));
  asm.mov(ecx, r8d);
  asm.cmp(r9d, ecx);
  asm.cmovb(ecx, r9d);
  asm.bind(units);
  asm.sub(ecx, 8);
  asm.jb(tail);
  asm.mov(rax, mem(rsi));
  asm.mov(rdx, mem(rdi));
  asm.cmp(rax, rdx);
  asm.jne(differ);
  asm.add(rsi, 8);
  asm.add(rdi, 8);
  asm.jmp(units);
  asm.bind(tail);
  asm.add(ecx, 8);
  asm.je(lengths);
  asm.mov(rax, mem(rsi));
  asm.mov(rdx, mem(rdi));
  shiftToTop(asm, rax, rdx);
  asm.cmp(rax, rdx);
  asm.je(lengths);
  // Little endian: the lowest byte that differs is the first one.
  asm.bind(differ);
  asm.mov(rsi, rax);
  asm.xor(rsi, rdx);
  asm.bsf(rcx, rsi);
  asm.and(ecx, 0x38);
  asm.shr(rax, cl);
  asm.shr(rdx, cl);
  asm.movzx(eax, al);
  asm.movzx(edx, dl);
  asm.sub(eax, edx);
  asm.ret();
  asm.bind(lengths);
  asm.mov(eax, r8d);
  asm.sub(eax, r9d);
  asm.ret();
}

/** rax = ref of the string that consists of the byte edx, or 0. */
function byteString(asm: Asm): void {
  const make = asm.label(), full = asm.label();
  const place = dword(mem(rbx, rdx, 4, 4 * Control.BYTE_STRINGS));
  asm.mov(eax, place);
  asm.test(eax, eax);
  asm.je(make);
  asm.ret();
  asm.bind(make);
  reserve(asm, rax, eax, rcx, ecx, 3, full);
  take(asm, ecx);
  asm.mov(place, eax);
  asm.mov(qword(at(rax, 16)), rdx);
  newString(asm, rax, 3, 1);
  asm.ret();
  fail(asm, full);
}

/** Writes the header of a string of `length` and of `units` at `ref`, bytes behind it. Overwrites ecx. */
function newString(asm: Asm, ref: R64, units: number, length: number): void {
  asm.mov(field(ref, 0), Kind.STRING | units << 16);
  asm.mov(field(ref, StringWord.LENGTH), length);
  asm.mov(field(ref, StringWord.HASH), 0);
  asm.lea(ecx, mem(ref, 2));
  asm.mov(field(ref, StringWord.FROM), ecx);
}

/**
 * rax = ref of a string of the bytes of the string rax and those of the string rcx, or 0. Where neither is empty, it
 * ends in `append`.
 */
function concat(asm: Asm): void {
  const both = asm.label(), second = asm.label();
  asm.mov(edx, field(rcx, StringWord.LENGTH));
  asm.test(edx, edx);
  asm.jne(second);
  asm.ret();
  asm.bind(second);
  asm.cmp(field(rax, StringWord.LENGTH), 0);
  asm.jne(both);
  asm.mov(eax, ecx);
  asm.ret();
  asm.bind(both);
  asm.mov(esi, field(rcx, StringWord.FROM));
  asm.lea(rsi, at(rsi));
  asm.mov(ecx, edx);
  jumpToRoutine(asm, "append");
}

/**
 * rax = ref of a string of the bytes of the string rax and ecx more from address rsi, or 0. :append-in-place: where the
 * string is the newest owner of a buffer with room; otherwise a copy, in a buffer if it is likely to grow on.
 *
 *     r8d = old length   r9d = where its bytes begin   r10d = new length
 */
function append(asm: Asm): void {
  const full = asm.label(),
    copy = asm.label(),
    hasRoom = asm.label(),
    isLarge = asm.label(),
    grow = asm.label();
  const plain = asm.label(),
    doubled = asm.label(),
    copyOld = asm.label(),
    old = asm.label(),
    oldDone = asm.label();
  asm.mov(r8d, field(rax, StringWord.LENGTH));
  asm.mov(r9d, field(rax, StringWord.FROM));
  asm.lea(r10d, mem(r8, rcx, 1));
  asm.test(r10d, r10d);
  asm.js(full);
  asm.lea(edx, mem(rax, 2));
  asm.cmp(edx, r9d);
  asm.je(grow);
  asm.cmp(dword(at(r9, -4)), r8d);
  asm.jne(grow);
  asm.movzx(edx, word(at(r9, -6))); // units of the buffer
  asm.test(edx, edx);
  asm.je(isLarge);
  asm.bind(hasRoom);
  asm.sub(edx, 1);
  asm.shl(rdx, 3);
  asm.cmp(r10, rdx);
  asm.ja(grow);
  reserve(asm, rax, eax, rdx, edx, 2, full);
  take(asm, edx);
  asm.mov(dword(at(r9, -4)), r10d);
  asm.mov(field(rax, 0), Kind.STRING | 2 << 16);

  // The header at rax gets its fields, the bytes are copied.
  asm.bind(copy);
  asm.mov(field(rax, StringWord.LENGTH), r10d);
  asm.mov(field(rax, StringWord.HASH), 0);
  asm.mov(field(rax, StringWord.FROM), r9d);
  asm.lea(rdi, at(r9));
  asm.add(rdi, r8);
  copyBytes(asm);
  asm.ret();

  // The size of a large buffer is found by its block: r9 is one unit behind its beginning.
  asm.bind(isLarge);
  asm.mov(edx, r9d);
  asm.sub(edx, HEAP / 8);
  asm.shr(edx, 31 - Math.clz32(BLOCK_UNITS));
  asm.mov(edx, dword(mem(rbx, rdx, 4, 4 * LARGE_UNITS)));
  asm.jmp(hasRoom);

  asm.bind(grow);
  asm.cmp(r10d, SHARED_LENGTH);
  asm.jb(plain);
  asm.cmp(r8d, ecx);
  asm.jb(plain);
  // A buffer for twice the length if the string has grown before, else for a quarter more; edx = its units.
  asm.lea(edx, mem(rax, 2));
  asm.cmp(edx, r9d);
  asm.lea(rdx, mem(r10, r10, 1));
  asm.jne(doubled);
  asm.mov(edx, r10d);
  asm.shr(edx, 2);
  asm.add(rdx, r10);
  asm.bind(doubled);
  asm.add(rdx, 15);
  asm.shr(rdx, 3);
  asm.lea(rax, mem(rdx, 2));
  reserve(asm, rdi, edi, r11, r11d, rax, full);
  take(asm, r11d);
  asm.mov(r11d, edx);
  asm.shl(r11d, 16); // BYTES is kind 0
  asm.mov(field(rdi, 0), r11d);
  asm.mov(field(rdi, 1), r10d);
  asm.lea(rax, mem(rdi, rdx, 1));
  asm.mov(field(rax, 0), Kind.STRING | 2 << 16);
  asm.add(edi, 1);
  asm.jmp(copyOld);

  asm.bind(plain);
  asm.lea(edx, mem(r10, 23));
  asm.shr(edx, 3);
  reserve(asm, rax, eax, r11, r11d, rdx, full);
  take(asm, r11d);
  asm.shl(edx, 16);
  asm.or(edx, Kind.STRING);
  asm.mov(field(rax, 0), edx);
  asm.lea(edi, mem(rax, 2));

  // The old bytes, in whole units from the last one on, go to unit rdi, which becomes where the bytes begin.
  asm.bind(copyOld);
  asm.lea(rdx, at(r9));
  asm.mov(r9d, edi);
  asm.lea(rdi, at(rdi));
  asm.lea(r11d, mem(r8, 7));
  asm.shr(r11d, 3);
  asm.bind(old);
  asm.sub(r11, 1);
  asm.jb(oldDone);
  asm.movq(xmm0, mem(rdx, r11, 8));
  asm.movq(mem(rdi, r11, 8), xmm0);
  asm.jmp(old);
  asm.bind(oldDone);
  asm.jmp(copy);
  fail(asm, full);
}

/**
 * Copies ecx bytes, at least one, from rsi to rdi, which do not overlap. The last piece of each size is copied from the
 * end, so that it may overlap the one before it, and nothing beyond the end is written.
 */
function copyBytes(asm: Asm): void {
  const few = asm.label(), fewest = asm.label(), units = asm.label(), done = asm.label();
  asm.cmp(ecx, 8);
  asm.jb(few);
  asm.mov(r11, mem(rsi, rcx, 1, -8));
  asm.lea(r8, mem(rdi, rcx, 1, -8));
  asm.bind(units);
  asm.mov(rdx, mem(rsi));
  asm.mov(mem(rdi), rdx);
  asm.add(rsi, 8);
  asm.add(rdi, 8);
  asm.cmp(rdi, r8);
  asm.jb(units);
  asm.mov(mem(r8), r11);
  asm.jmp(done);
  asm.bind(few);
  asm.cmp(ecx, 4);
  asm.jb(fewest);
  asm.mov(edx, dword(mem(rsi)));
  asm.mov(r11d, dword(mem(rsi, rcx, 1, -4)));
  asm.mov(dword(mem(rdi)), edx);
  asm.mov(dword(mem(rdi, rcx, 1, -4)), r11d);
  asm.jmp(done);
  // One to three: the first, the middle and the last byte are all there are.
  asm.bind(fewest);
  asm.mov(r8d, ecx);
  asm.shr(r8d, 1);
  asm.movzx(edx, byte(mem(rsi)));
  asm.movzx(r9d, byte(mem(rsi, r8, 1)));
  asm.movzx(r11d, byte(mem(rsi, rcx, 1, -1)));
  asm.mov(byte(mem(rdi)), dl);
  asm.mov(byte(mem(rdi, r8, 1)), r9b);
  asm.mov(byte(mem(rdi, rcx, 1, -1)), r11b);
  asm.bind(done);
}

/** Room for the text of any value that {@linkcode writeText} knows. */
const TEXT_BYTES = 32;

/** 2^67 / 10, rounded up: the upper half of a product with it, shifted by 3, is a tenth of any 64 bits, cut off. */
const TENTH = imm64(0xCCCCCCCD, 0xCCCCCCCC);

/** The two words of a number of 64 bits. */
const wordsOf = (n: bigint) => ({
  low: Number(BigInt.asIntN(32, n)),
  high: Number(BigInt.asIntN(32, n >> 32n)),
});

const TEN_14 = wordsOf(10n ** 14n);

/** Eight bytes that end with an ASCII text. */
function endingIn(text: string): ExactImmediate {
  const bytes = new TextEncoder().encode(text.padStart(8, "\0"));
  const view = new DataView(bytes.buffer);
  return imm64(view.getInt32(0, true), view.getInt32(4, true));
}

/**
 * rsi = address at which the text of the value rax begins, which ends at rdi; 0 for objects other than boxed integers,
 * and for floats below 1/2048 or from 1e14 on. Keeps rdi and r9.
 *
 * :fourteen-digits: A float is m * 2^-s, with 53 bits of m and an s from 6 to 63. Times 10^p it has fourteen digits before
 * the point. That product has less than 128 bits, so the digits and what is cut off are exact, and so is the rounding,
 * half to even. A first guess of p by the exponent may be one too great: then there are fifteen digits.
 */
function writeText(asm: Asm): void {
  const integer = asm.label(), double = asm.label(), boxed = asm.label(), none = asm.label();
  const scale = asm.label(), up = asm.label(), rounded = asm.label(), scaled = asm.label();
  const fraction = asm.label(), put = asm.label(), whole = asm.label(), digits = asm.label();
  const positive = asm.label(), powers = asm.label();
  /** ecx = the last decimal digit of rax, which loses it. r10 = TENTH. */
  const takeDigit = () => {
    asm.mov(rcx, rax);
    asm.mul(r10);
    asm.shr(rdx, 3);
    asm.lea(rax, mem(rdx, rdx, 4));
    asm.add(rax, rax);
    asm.sub(ecx, eax);
    asm.mov(rax, rdx);
  };
  const putDigit = () => {
    asm.add(ecx, 48);
    asm.sub(rsi, 1);
    asm.mov(byte(mem(rsi)), cl);
  };
  asm.cmp(rax, rbp);
  asm.jb(double);
  for (
    const [text, value] of [["nil", imm64(0, HI_NIL)], ["true", imm64(1, HI_BOOL)], [
      "false",
      imm64(0, HI_BOOL),
    ]] as const
  ) {
    const other = asm.label();
    asm.mov(rcx, value);
    asm.cmp(rax, rcx);
    asm.jne(other);
    asm.mov(rcx, endingIn(text));
    asm.mov(mem(rdi, -8), rcx);
    asm.lea(rsi, mem(rdi, -text.length));
    asm.ret();
    asm.bind(other);
  }
  asm.cmp(rax, r14);
  asm.jb(boxed);
  asm.shl(rax, 16);
  asm.sar(rax, 16);

  asm.bind(integer);
  asm.mov(r8, rax);
  asm.neg(rax);
  asm.cmovs(rax, r8); // of the least one, the 64 bits without their sign
  asm.mov(rsi, rdi);
  asm.mov(r10, TENTH);
  asm.jmp(digits);

  asm.bind(boxed);
  asm.mov(rdx, rax);
  asm.shr(rdx, 32);
  asm.cmp(edx, HI_INT64);
  asm.jne(none);
  asm.mov(eax, eax);
  asm.mov(rax, at(rax, 8));
  asm.jmp(integer);

  // Integral ones, but for -0, are written as integers.
  asm.bind(double);
  asm.movq(xmm0, rax);
  asm.cvttsd2si(rcx, xmm0);
  asm.cvtsi2sd(xmm1, rcx);
  asm.movq(rdx, xmm1);
  asm.mov(r8, rax);
  asm.cmp(rdx, rax);
  asm.jne(scale);
  asm.mov(rax, rcx);
  asm.neg(rcx);
  asm.cmovs(rcx, rax);
  asm.mov(rdx, imm64(TEN_14.low, TEN_14.high));
  asm.cmp(rcx, rdx);
  asm.jb(integer);
  asm.jmp(none);

  // :fourteen-digits: r10 = m, ecx = s, r11d = p
  asm.bind(scale);
  asm.mov(rdx, rax);
  asm.shr(rdx, 52);
  asm.and(edx, 0x7FF);
  asm.sub(edx, 1023);
  asm.lea(ecx, mem(rdx, 11));
  asm.cmp(ecx, 57);
  asm.ja(none);
  asm.imul(ecx, edx, 1233); // log10(2) is 1233 / 4096
  asm.sar(ecx, 12);
  asm.mov(r11d, 13);
  asm.sub(r11d, ecx);
  asm.mov(ecx, 52);
  asm.sub(ecx, edx);
  asm.mov(r10, imm64(0, 1 << 20));
  asm.shl(rax, 12);
  asm.shr(rax, 12);
  asm.or(r10, rax);
  asm.bind(scaled);
  asm.lea(rsi, rip(powers));
  asm.mov(rax, mem(rsi, r11, 8));
  asm.mul(r10);
  asm.mov(rsi, rax);
  asm.shrd(rax, rdx, cl);
  asm.neg(ecx);
  asm.shl(rsi, cl); // what is cut off
  asm.neg(ecx);
  asm.add(rsi, rsi);
  asm.jae(rounded);
  asm.jne(up);
  asm.test(al, 1);
  asm.je(rounded);
  asm.bind(up);
  asm.add(rax, 1);
  asm.bind(rounded);
  asm.lea(rsi, rip(powers));
  asm.cmp(rax, mem(rsi, 8 * 14));
  asm.jb(fraction);
  asm.sub(r11d, 1);
  asm.jns(scaled);
  asm.bind(none);
  asm.xor(esi, esi);
  asm.ret();

  // From the last digit on: those behind the point without zeros at the end, the point if there are any, the others.
  asm.bind(fraction);
  asm.mov(rsi, rdi);
  asm.mov(r10, TENTH);
  const next = asm.label();
  asm.bind(next);
  asm.sub(r11d, 1);
  asm.js(whole);
  takeDigit();
  asm.cmp(rsi, rdi);
  asm.jne(put);
  asm.test(ecx, ecx);
  asm.je(next);
  asm.bind(put);
  putDigit();
  asm.jmp(next);
  asm.bind(whole);
  asm.cmp(rsi, rdi);
  asm.je(digits);
  asm.sub(rsi, 1);
  asm.mov(byte(mem(rsi)), 46);
  asm.bind(digits);
  takeDigit();
  putDigit();
  asm.test(rax, rax);
  asm.jne(digits);
  asm.test(r8, r8);
  asm.jns(positive);
  asm.sub(rsi, 1);
  asm.mov(byte(mem(rsi)), 45);
  asm.bind(positive);
  asm.ret();

  asm.bind(powers);
  for (let p = 0n; p <= 17n; p++) {
    const { low, high } = wordsOf(10n ** p);
    asm.dq(low, high);
  }
}

/** rax = ref of a string of the bytes of the string rax and the text of the value rcx, or 0. */
function appendText(asm: Asm): void {
  const none = asm.label();
  asm.mov(r9d, eax);
  asm.mov(rax, rcx);
  asm.lea(rdi, mem(rsp, 0));
  asm.sub(rsp, TEXT_BYTES);
  callRoutine(asm, "writeText");
  asm.test(rsi, rsi);
  asm.je(none);
  asm.mov(rcx, rdi);
  asm.sub(rcx, rsi);
  asm.mov(eax, r9d);
  callRoutine(asm, "append");
  asm.add(rsp, TEXT_BYTES);
  asm.ret();
  asm.bind(none);
  asm.xor(eax, eax);
  asm.add(rsp, TEXT_BYTES);
  asm.ret();
}

/** rax = ref of a string of the text of the value rax and the bytes of the string rcx, or 0. */
function prependText(asm: Asm): void {
  const full = asm.label(), done = asm.label();
  asm.mov(r9d, ecx);
  asm.lea(rdi, mem(rsp, 0));
  asm.sub(rsp, TEXT_BYTES);
  callRoutine(asm, "writeText");
  asm.test(rsi, rsi);
  asm.je(full);
  asm.mov(rcx, rdi);
  asm.sub(rcx, rsi); // bytes of the text
  asm.mov(edx, field(r9, StringWord.LENGTH));
  asm.lea(r10d, mem(rcx, rdx, 1));
  asm.lea(edx, mem(r10, 23));
  asm.test(r10d, r10d);
  asm.js(full);
  asm.shr(edx, 3);
  reserve(asm, rax, eax, r11, r11d, rdx, full);
  take(asm, r11d);
  asm.shl(edx, 16);
  asm.or(edx, Kind.STRING);
  asm.mov(field(rax, 0), edx);
  asm.mov(field(rax, StringWord.LENGTH), r10d);
  asm.mov(field(rax, StringWord.HASH), 0);
  asm.lea(edx, mem(rax, 2));
  asm.mov(field(rax, StringWord.FROM), edx);
  asm.lea(rdi, at(rdx));
  asm.sub(r10d, ecx); // bytes of the string
  asm.push(r9);
  asm.push(rdi);
  asm.push(rcx);
  copyBytes(asm);
  asm.pop(rcx);
  asm.pop(rdi);
  asm.pop(r9);
  asm.add(rdi, rcx);
  asm.mov(ecx, r10d);
  asm.test(ecx, ecx);
  asm.je(done);
  asm.mov(esi, field(r9, StringWord.FROM));
  asm.lea(rsi, at(rsi));
  copyBytes(asm);
  asm.bind(done);
  asm.add(rsp, TEXT_BYTES);
  asm.ret();
  asm.bind(full);
  asm.xor(eax, eax);
  asm.add(rsp, TEXT_BYTES);
  asm.ret();
}

// ---- maps --------------------------------------------------------------------------------------------------------

/**
 * rdx = address of the entry of the map rax whose key equals the value rcx: 0 if there is none, 1 if the value cannot be a
 * key. Keeps rax; rcx = the key in its stored form, but for a float that equals an integer of more than 48 bits. r11d = hash
 * of the key.
 *
 *     rsi = index   r8d = mask   rdi = where an entry of ordinal 0 would be   edx = slot   r9 = entry
 *     r10 = string, or integer of 64 bits
 */
function find(asm: Asm): void {
  const words = asm.label(), strings = asm.label(), hashed = asm.label(), absent = asm.label();
  const probe = asm.label(), found = asm.label(), probeString = asm.label(), next = asm.label();
  const double = asm.label(), boxed = asm.label(), wide = asm.label(), probeWide = asm.label();
  const nextWide = asm.label(), none = asm.label();
  /** edx = hash of the words edx and `low`, as `hashWords` has it. */
  const mix = (low: R32) => {
    asm.imul(edx, edx, 0x85EBCA6B | 0);
    asm.xor(edx, low);
    asm.imul(edx, edx, 0x9E3779B1 | 0);
    asm.mov(esi, edx);
    asm.shr(esi, 15);
    asm.xor(edx, esi);
    asm.imul(edx, edx, 0x2C1B3C6D);
    asm.mov(esi, edx);
    asm.shr(esi, 13);
    asm.xor(edx, esi);
  };
  const enter = () => {
    asm.mov(r11d, edx);
    asm.cmp(field(rax, MapWord.COUNT), 0);
    asm.je(absent);
    asm.mov(esi, field(rax, MapWord.INDEX));
    asm.lea(rsi, at(rsi));
    asm.mov(edi, field(rax, MapWord.ENTRIES));
    asm.lea(rdi, at(rdi, -Entry.SIZE));
    asm.mov(r8d, field(rax, MapWord.MASK));
  };
  const look = () => {
    asm.and(edx, r8d);
    asm.mov(r9d, dword(mem(rsi, rdx, 4)));
    asm.test(r9d, r9d);
    asm.je(absent);
    asm.lea(r9, mem(r9, r9, 2));
    asm.lea(r9, mem(rdi, r9, 8));
  };
  asm.mov(rdx, rcx);
  asm.shr(rdx, 32);
  asm.cmp(edx, HI_STRING);
  asm.je(strings);
  asm.cmp(rcx, r14);
  asm.jae(words);
  asm.cmp(rcx, rbp);
  asm.jb(double);
  asm.cmp(edx, HI_BOOL);
  asm.je(words);
  asm.cmp(edx, HI_INT64);
  asm.je(boxed);
  asm.bind(none);
  asm.mov(edx, 1);
  asm.ret();

  // A float that equals an integer is that integer.
  asm.bind(double);
  asm.movq(xmm0, rcx);
  asm.cvttsd2si(r10, xmm0);
  asm.cvtsi2sd(xmm1, r10);
  asm.ucomisd(xmm0, xmm1);
  asm.jp(none);
  asm.jne(words);
  asm.mov(rdx, r10);
  asm.shl(rdx, 16);
  asm.sar(rdx, 16);
  asm.cmp(rdx, r10);
  asm.jne(wide);
  asm.shl(rdx, 16);
  asm.shr(rdx, 16);
  asm.or(rdx, r14);
  asm.mov(rcx, rdx);
  asm.shr(rdx, 32);

  // What has one form each, immediate integers, booleans, other floats: equal keys have equal words.
  asm.bind(words);
  mix(ecx);
  enter();
  asm.bind(probe);
  look();
  asm.cmp(mem(r9, Entry.KEY), rcx);
  asm.je(found);
  asm.add(edx, 1);
  asm.jmp(probe);

  asm.bind(boxed);
  asm.mov(r10d, ecx);
  asm.mov(r10, at(r10, 8));
  asm.bind(wide);
  asm.mov(rdx, r10);
  asm.shr(rdx, 32);
  mix(r10d);
  enter();
  asm.bind(probeWide);
  look();
  asm.cmp(dword(mem(r9, Entry.KEY_HIGH)), HI_INT64);
  asm.jne(nextWide);
  asm.push(rdx);
  asm.mov(edx, dword(mem(r9, Entry.KEY)));
  asm.cmp(r10, at(rdx, 8));
  asm.pop(rdx); // leaves the flags alone
  asm.je(found);
  asm.bind(nextWide);
  asm.add(edx, 1);
  asm.jmp(probeWide);

  asm.bind(strings);
  asm.mov(r10d, ecx);
  asm.mov(edx, field(r10, StringWord.HASH));
  asm.test(edx, edx);
  asm.jne(hashed);
  asm.push(rax);
  asm.push(rcx);
  asm.mov(eax, r10d);
  callRoutine(asm, "hash");
  asm.pop(rcx);
  asm.pop(rax);
  asm.bind(hashed);
  enter();
  asm.bind(probeString);
  look();
  asm.cmp(dword(mem(r9, Entry.HASH)), r11d);
  asm.jne(next);
  asm.cmp(mem(r9, Entry.KEY), rcx);
  asm.je(found);
  asm.cmp(dword(mem(r9, Entry.KEY_HIGH)), HI_STRING);
  asm.jne(next);
  for (const each of [rax, rcx, rdx, rsi, rdi, r8]) asm.push(each);
  asm.mov(eax, dword(mem(r9, Entry.KEY)));
  asm.mov(ecx, r10d);
  callRoutine(asm, "equalStrings");
  for (const each of [r8, rdi, rsi, rdx, rcx, rax]) asm.pop(each); // leaves the flags alone
  asm.je(found);
  asm.bind(next);
  asm.add(edx, 1);
  asm.jmp(probeString);

  asm.bind(found);
  asm.mov(rdx, r9);
  asm.ret();
  fail(asm, absent, edx);
}

/** rdx = address of the entry of the map rax for the key rcx, a new one if need be; 0 if the interpreter has to. */
function locate(asm: Asm): void {
  const insert = asm.label(), probe = asm.label(), free = asm.label(), full = asm.label();
  const there = asm.label(), isStored = asm.label(), isFull = asm.label();
  callRoutine(asm, "find");
  asm.cmp(rdx, 1);
  asm.ja(there);
  asm.je(full);
  // A float that equals an integer of more than 48 bits is stored as that, in a box.
  asm.cmp(rcx, rbp);
  asm.jae(isStored);
  asm.movq(xmm0, rcx);
  asm.cvttsd2si(rdx, xmm0);
  asm.cvtsi2sd(xmm1, rdx);
  asm.ucomisd(xmm0, xmm1);
  asm.jne(isStored);
  asm.push(rax);
  asm.mov(rax, rdx);
  callRoutine(asm, "narrow");
  asm.mov(rcx, rax);
  asm.pop(rax);
  asm.test(rcx, rcx);
  asm.je(full);
  asm.bind(isStored);
  asm.cmp(field(rax, MapWord.NEXT), LAST_NUMBER);
  asm.je(full);
  asm.mov(r8d, field(rax, MapWord.USED));
  asm.cmp(r8d, field(rax, MapWord.CAPACITY));
  asm.je(isFull);
  asm.bind(insert);
  asm.mov(esi, field(rax, MapWord.ENTRIES));
  asm.lea(rsi, at(rsi));
  asm.lea(r9, mem(r8, r8, 2));
  asm.lea(r9, mem(rsi, r9, 8));
  asm.mov(mem(r9, Entry.KEY), rcx);
  asm.mov(dword(mem(r9, Entry.HASH)), r11d);
  asm.mov(edx, field(rax, MapWord.NEXT));
  asm.mov(dword(mem(r9, Entry.NUMBER)), edx);
  asm.add(edx, 1);
  asm.mov(field(rax, MapWord.NEXT), edx);
  asm.mov(esi, field(rax, MapWord.INDEX));
  asm.lea(rsi, at(rsi));
  asm.mov(edi, field(rax, MapWord.MASK));
  asm.mov(edx, r11d);
  asm.bind(probe);
  asm.and(edx, edi);
  asm.cmp(dword(mem(rsi, rdx, 4)), 0);
  asm.je(free);
  asm.add(edx, 1);
  asm.jmp(probe);
  asm.bind(free);
  asm.add(r8d, 1);
  asm.mov(dword(mem(rsi, rdx, 4)), r8d);
  asm.mov(field(rax, MapWord.USED), r8d);
  asm.add(field(rax, MapWord.COUNT), 1);
  asm.mov(rdx, r9);
  asm.bind(there);
  asm.ret();
  asm.bind(isFull);
  makeRoom(asm, full);
  asm.jmp(insert);
  fail(asm, full, edx);
}

/**
 * Makes room in the map rax, all of whose entries r8d are used, and makes r8d those that are used now: closes the holes that
 * removed entries have left, if that is room enough, else moves all to a place of twice the size (`makeRoom` of
 * maps.ts). Goes to `full`, nothing changed, if the hole is too small for that place. Keeps rax, rcx and r11.
 *
 *     r9 = entry   r10 = end of the entries   rsi = where the entry goes   rdi = index   r8d = mask   r11d = used
 */
function makeRoom(asm: Asm, full: Label): void {
  const large = asm.label(),
    index = asm.label(),
    clear = asm.label(),
    entry = asm.label(),
    probe = asm.label();
  const free = asm.label(), next = asm.label(), done = asm.label(), small = asm.label();
  asm.push(rcx);
  asm.push(r11);
  asm.mov(r9d, field(rax, MapWord.ENTRIES));
  asm.lea(r9, at(r9));
  asm.lea(r10, mem(r8, r8, 2));
  asm.lea(r10, mem(r9, r10, 8));
  asm.mov(edx, r8d);
  asm.shr(edx, 2);
  asm.mov(ecx, r8d);
  asm.sub(ecx, edx);
  asm.cmp(field(rax, MapWord.COUNT), ecx);
  asm.jb(index);

  // Entries and index of the new capacity edx, one behind the other.
  asm.lea(edx, mem(r8, r8, 1));
  asm.cmp(edx, FIRST_CAPACITY);
  asm.jae(large);
  asm.mov(edx, FIRST_CAPACITY);
  asm.bind(large);
  asm.mov(ecx, edx);
  asm.shl(ecx, 2);
  asm.add(ecx, 2);
  reserve(asm, rsi, esi, rdi, edi, rcx, small);
  take(asm, edi);
  asm.lea(ecx, mem(rdx, rdx, 2, 1));
  asm.lea(edi, mem(rsi, rcx, 1));
  asm.shl(ecx, 16);
  asm.or(ecx, Kind.ITEMS);
  asm.mov(field(rsi, 0), ecx);
  asm.add(esi, 1);
  asm.mov(field(rax, MapWord.ENTRIES), esi);
  asm.lea(ecx, mem(rdx, 1));
  asm.shl(ecx, 16); // BYTES is kind 0
  asm.mov(field(rdi, 0), ecx);
  asm.mov(ecx, edx);
  asm.shl(ecx, 3);
  asm.mov(field(rdi, 1), ecx);
  asm.add(edi, 1);
  asm.mov(field(rax, MapWord.INDEX), edi);
  asm.mov(field(rax, MapWord.CAPACITY), edx);
  asm.lea(ecx, mem(rdx, rdx, 1, -1));
  asm.mov(field(rax, MapWord.MASK), ecx);

  asm.bind(index);
  asm.mov(esi, field(rax, MapWord.ENTRIES));
  asm.lea(rsi, at(rsi));
  asm.mov(edi, field(rax, MapWord.INDEX));
  asm.lea(rdi, at(rdi));
  asm.mov(r8d, field(rax, MapWord.MASK));
  asm.lea(ecx, mem(r8, 1));
  asm.shr(ecx, 1); // two slots at a time
  asm.bind(clear);
  asm.sub(rcx, 1);
  asm.mov(qword(mem(rdi, rcx, 8)), 0);
  asm.jne(clear);
  asm.xor(r11d, r11d);
  asm.bind(entry);
  asm.cmp(r9, r10);
  asm.jae(done);
  asm.cmp(dword(mem(r9, Entry.KEY_HIGH)), HI_EMPTY);
  asm.je(next);
  asm.movups(xmm0, mem(r9));
  asm.movq(xmm1, mem(r9, Entry.HASH));
  asm.mov(edx, dword(mem(r9, Entry.HASH)));
  asm.movups(mem(rsi), xmm0);
  asm.movq(mem(rsi, Entry.HASH), xmm1);
  asm.add(rsi, Entry.SIZE);
  asm.add(r11d, 1);
  asm.bind(probe);
  asm.and(edx, r8d);
  asm.cmp(dword(mem(rdi, rdx, 4)), 0);
  asm.je(free);
  asm.add(edx, 1);
  asm.jmp(probe);
  asm.bind(free);
  asm.mov(dword(mem(rdi, rdx, 4)), r11d);
  asm.bind(next);
  asm.add(r9, Entry.SIZE);
  asm.jmp(entry);

  asm.bind(small);
  asm.pop(r11);
  asm.pop(rcx);
  asm.jmp(full);
  asm.bind(done);
  asm.mov(r8d, r11d);
  asm.mov(field(rax, MapWord.USED), r8d);
  asm.pop(r11);
  asm.pop(rcx);
}

/**
 * rdx = address of the entry with which a walk over the map rax goes on in state ecx: 0 at the end, 1 if the interpreter
 * has to look (a removed entry, or several candidates). See `nextEntry`.
 */
function walk(asm: Asm): void {
  const end = asm.label(), search = asm.label(), least = asm.label(), most = asm.label();
  asm.mov(edx, field(rax, MapWord.USED));
  asm.sub(edx, 1);
  asm.jb(end);
  asm.mov(edi, field(rax, MapWord.ENTRIES));
  asm.lea(rdi, at(rdi));
  asm.lea(r8, mem(rdx, rdx, 2));
  asm.lea(r8, mem(rdi, r8, 8)); // the last entry
  // r9d = the lowest position that it may be, max(0, state - (last number - last position))
  asm.mov(r9d, ecx);
  asm.sub(r9d, dword(mem(r8, Entry.NUMBER)));
  asm.add(r9d, edx);
  asm.jns(least);
  asm.xor(r9d, r9d);
  asm.bind(least);
  // ecx = the highest one, min(used, state - first number)
  asm.sub(ecx, dword(mem(rdi, Entry.NUMBER)));
  asm.add(edx, 1);
  asm.cmp(ecx, edx);
  asm.jle(most);
  asm.mov(ecx, edx);
  asm.bind(most);
  asm.cmp(r9d, ecx);
  asm.jl(search);
  asm.cmp(r9d, edx);
  asm.jae(end);
  asm.lea(r9, mem(r9, r9, 2));
  asm.lea(rdx, mem(rdi, r9, 8));
  asm.cmp(dword(mem(rdx, Entry.KEY_HIGH)), HI_EMPTY);
  asm.je(search);
  asm.ret();
  asm.bind(search);
  asm.mov(edx, 1);
  asm.ret();
  fail(asm, end, edx);
}

// ---- arrays and fields -------------------------------------------------------------------------------------------

/** Gives the array rax, which is full, room for more, as `ensureCapacity` does; flag zero if the hole has not enough. */
function growArray(asm: Asm): void {
  const full = asm.label(), copy = asm.label(), copied = asm.label();
  asm.mov(ecx, field(rax, ArrayWord.CAPACITY));
  asm.mov(edx, ecx);
  asm.shr(edx, 1);
  asm.lea(edx, mem(rdx, rcx, 1, 4)); // the new capacity
  asm.lea(r8d, mem(rdx, 1));
  reserve(asm, rsi, esi, rdi, edi, r8, full);
  take(asm, edi);
  asm.shl(r8d, 16);
  asm.or(r8d, Kind.ITEMS);
  asm.mov(field(rsi, 0), r8d);
  asm.add(esi, 1);
  asm.mov(edi, field(rax, ArrayWord.ITEMS));
  asm.lea(rdi, at(rdi));
  asm.lea(r8, at(rsi));
  asm.mov(field(rax, ArrayWord.ITEMS), esi);
  asm.mov(field(rax, ArrayWord.CAPACITY), edx);
  asm.bind(copy);
  asm.sub(rcx, 1);
  asm.jb(copied);
  asm.movq(xmm0, mem(rdi, rcx, 8));
  asm.movq(mem(r8, rcx, 8), xmm0);
  asm.jmp(copy);
  asm.bind(copied);
  asm.test(esi, esi);
  asm.ret();
  fail(asm, full);
}

/** eax = the words from an instance to its field, for the struct type rax and the name rcx, or 0. */
function findField(asm: Asm): void {
  const next = asm.label(), found = asm.label(), none = asm.label();
  asm.mov(r9d, eax);
  asm.mov(r10d, ecx);
  asm.xor(r11d, r11d);
  asm.bind(next);
  asm.cmp(r11d, field(r9, 1));
  asm.jae(none);
  asm.lea(rax, at(r9));
  asm.mov(eax, dword(mem(rax, r11, 4, 16)));
  asm.mov(ecx, r10d);
  asm.add(r11d, 1);
  callRoutine(asm, "equalStrings");
  asm.jne(next);
  asm.bind(found);
  asm.lea(eax, mem(r11, r11, 1));
  asm.ret();
  fail(asm, none);
}

// ---- integers of 64 bits -----------------------------------------------------------------------------------------

/** rax and rcx = the two integers, immediate or boxed, that the values rax and rcx are; edx = 0 if they are not both. */
function widen(asm: Asm): void {
  const none = asm.label();
  for (const each of [rax, rcx]) {
    const boxed = asm.label(), done = asm.label();
    const each32 = each === rax ? eax : ecx;
    asm.cmp(each, r14);
    asm.jb(boxed);
    asm.shl(each, 16);
    asm.sar(each, 16);
    asm.jmp(done);
    asm.bind(boxed);
    asm.mov(rdx, each);
    asm.shr(rdx, 32);
    asm.cmp(edx, HI_INT64);
    asm.jne(none);
    asm.mov(each32, each32);
    asm.mov(each, at(each, 8));
    asm.bind(done);
  }
  asm.mov(edx, 1);
  asm.ret();
  fail(asm, none, edx);
}

/** rax = the integer rax as a value, boxed if 48 bits do not hold it; 0 if there is no room for the box. */
function narrow(asm: Asm): void {
  const box = asm.label(), full = asm.label();
  asm.mov(rdx, rax);
  asm.shl(rdx, 16);
  asm.sar(rdx, 16);
  asm.cmp(rdx, rax);
  asm.jne(box);
  asm.shl(rax, 16);
  asm.shr(rax, 16);
  asm.or(rax, r14);
  asm.ret();
  asm.bind(box);
  reserve(asm, rcx, ecx, rdx, edx, 2, full);
  take(asm, edx);
  asm.mov(field(rcx, 0), Kind.INT64 | 2 << 16);
  asm.mov(at(rcx, 8), rax);
  asm.mov(rax, imm64(0, HI_INT64));
  asm.or(rax, rcx);
  asm.ret();
  fail(asm, full);
}

/** rax = what `operation` makes of the integers rax and rcx, modulo 2^64; 0 if they are none, or no box fits. */
function wide(operation: (asm: Asm, fail: Label) => void) {
  return (asm: Asm): void => {
    const none = asm.label();
    callRoutine(asm, "widen");
    asm.test(edx, edx);
    asm.je(none);
    operation(asm, none);
    jumpToRoutine(asm, "narrow");
    fail(asm, none);
  };
}

/** A divisor of 0 is the interpreter's error; of -1 is no matter of division, since the processor cannot do MIN / -1. */
function divide(result: "quotient" | "remainder") {
  return (asm: Asm, none: Label): void => {
    const done = asm.label(), negate = asm.label();
    asm.test(rcx, rcx);
    asm.je(none);
    asm.cmp(rcx, -1);
    asm.je(negate);
    asm.cqo();
    asm.idiv(rcx);
    if (result === "remainder") asm.mov(rax, rdx);
    asm.jmp(done);
    asm.bind(negate);
    if (result === "remainder") asm.xor(eax, eax);
    else asm.neg(rax);
    asm.bind(done);
  };
}

// ---- doubles -----------------------------------------------------------------------------------------------------

/**
 * xmm0 = the remainder of xmm0 by xmm1, exact. One step takes up to 63 bits of the quotient; bit 10 of the state (C2) says
 * that more are to come. Also for infinities and not-a-number this is what `%` means.
 */
function remainder(asm: Asm): void {
  const step = asm.label();
  asm.sub(rsp, 16);
  asm.movsd(mem(rsp), xmm0);
  asm.movsd(mem(rsp, 8), xmm1);
  asm.fld(mem(rsp, 8));
  asm.fld(mem(rsp));
  asm.bind(step);
  asm.fprem();
  asm.fnstsw_ax();
  asm.test(eax, 0x400);
  asm.jne(step);
  asm.fstp(mem(rsp));
  asm.fstp(mem(rsp, 8));
  asm.movsd(xmm0, mem(rsp));
  asm.add(rsp, 16);
  asm.ret();
}

// ---- natives -----------------------------------------------------------------------------------------------------

/** An xmm register = the number that a value in `from` is, immediate integer or double; else goes to `other`. */
export function toDouble(asm: Asm, to: Xmm, from: R64, other: Label): void {
  const double = asm.label("double"), done = asm.label("number");
  asm.cmp(from, rbp);
  asm.jb(double);
  asm.cmp(from, r14);
  asm.jb(other);
  asm.shl(from, 16);
  asm.sar(from, 16);
  asm.cvtsi2sd(to, from);
  asm.jmp(done);
  asm.bind(double);
  asm.movq(to, from);
  asm.bind(done);
}

/** edx = the number of the type of the value rax, which is lost: `typeNumber`. */
function loadTypeNumber(asm: Asm): void {
  const object = asm.label("object"), done = asm.label("type");
  asm.mov(edx, TypeNumber.FLOAT);
  asm.cmp(rax, rbp);
  asm.jb(done);
  asm.mov(edx, Kind.INT64);
  asm.cmp(rax, r14);
  asm.jae(done);
  asm.shr(rax, 32);
  asm.cmp(eax, HI_BOOL);
  asm.jb(object);
  asm.mov(edx, TypeNumber.BOOL);
  asm.je(done);
  asm.mov(edx, TypeNumber.NIL);
  asm.jmp(done);
  asm.bind(object);
  asm.movzx(edx, al);
  asm.bind(done);
}

/**
 * eax = the request by which the native rax is called with the edx arguments from address rcx on: NATIVE if it takes them,
 * else VALUE. See `acceptsArguments` of machine.ts, which reads the same words.
 */
function acceptsArguments(asm: Asm): void {
  const next = asm.label(), last = asm.label(), none = asm.label(), all = asm.label();
  asm.lea(rdi, at(rax));
  asm.movzx(esi, word(mem(rdi, 4 * NativeWord.LIMITS)));
  asm.cmp(edx, esi);
  asm.jb(none);
  asm.movzx(esi, word(mem(rdi, 4 * NativeWord.LIMITS + 2)));
  asm.cmp(edx, esi);
  asm.ja(none);
  asm.mov(r9d, dword(mem(rdi, 4 * NativeWord.COUNT)));
  asm.add(rdi, 4 * NativeWord.SETS);
  asm.mov(r8d, edx);
  asm.bind(next);
  asm.sub(r8d, 1);
  asm.js(all);
  asm.mov(rax, mem(rcx));
  loadTypeNumber(asm);
  asm.mov(esi, dword(mem(rdi)));
  asm.bt(esi, edx);
  asm.jnc(none);
  asm.add(rcx, 8);
  asm.sub(r9d, 1);
  asm.je(last);
  asm.add(rdi, 4);
  asm.jmp(next);
  // The last set is that of all further arguments.
  asm.bind(last);
  asm.mov(r9d, 1);
  asm.jmp(next);
  asm.bind(all);
  asm.mov(eax, Request.NATIVE);
  asm.ret();
  asm.bind(none);
  asm.mov(eax, Request.VALUE);
  asm.ret();
}

/** rax = ref of the text of the value rax; goes to `done` with a string, which is its own text, and to `none` if it cannot. */
function writeString(asm: Asm, none: Label, done: Label): void {
  const units = asm.label(), full = asm.label(), end = asm.label();
  asm.mov(rdx, rax);
  asm.shr(rdx, 32);
  asm.cmp(edx, HI_STRING);
  asm.je(done);
  asm.lea(rdi, mem(rsp, 0));
  asm.sub(rsp, TEXT_BYTES);
  callRoutine(asm, "writeText");
  asm.test(rsi, rsi);
  asm.je(full);
  asm.mov(rdx, rdi);
  asm.sub(rdx, rsi);
  asm.lea(r8d, mem(rdx, 23));
  asm.shr(r8d, 3);
  reserve(asm, rax, eax, r11, r11d, r8, full);
  take(asm, r11d);
  beginString(asm, rax, r8d, edx);
  // Whole units: what the last one takes along is beyond the end.
  asm.bind(units);
  asm.mov(r8, mem(rsi));
  asm.mov(mem(rdi), r8);
  asm.add(rsi, 8);
  asm.add(rdi, 8);
  asm.sub(rdx, 8);
  asm.ja(units);
  asm.add(rsp, TEXT_BYTES);
  asm.jmp(end);
  asm.bind(full);
  asm.add(rsp, TEXT_BYTES);
  asm.jmp(none);
  asm.bind(end);
}

/** Writes the header of a string at `ref`, whose numbers of units and of bytes are in registers; rdi = address of its bytes. */
function beginString(asm: Asm, ref: R64, units: R32, length: R32): void {
  asm.shl(units, 16);
  asm.or(units, Kind.STRING);
  asm.mov(field(ref, 0), units);
  asm.mov(field(ref, StringWord.LENGTH), length);
  asm.mov(field(ref, StringWord.HASH), 0);
  asm.lea(edi, mem(ref, 2));
  asm.mov(field(ref, StringWord.FROM), edi);
  asm.lea(rdi, at(rdi));
}

/**
 * rax = ref of the bytes of the string rax between two bounds, which are values behind it, at address rcx; edx arguments in
 * all, so the second bound may be missing. Goes to `done` with the whole string, and to `none` if it cannot.
 *
 *     r8 = length   r9 = from   r10 = to, then the length of the result
 */
function sliceString(asm: Asm, none: Label, done: Label): void {
  const bounded = asm.label(), part = asm.label(), copy = asm.label(), end = asm.label();
  /** A bound, cut off at the length. */
  const loadBound = (to: R64, from: number) => {
    asm.mov(to, mem(rcx, from));
    asm.cmp(to, r14);
    asm.jb(none);
    asm.shl(to, 16);
    asm.sar(to, 16);
    asm.js(none);
    asm.cmp(to, r8);
    asm.cmova(to, r8);
  };
  asm.mov(eax, eax);
  asm.mov(r8d, field(rax, StringWord.LENGTH));
  loadBound(r9, 8);
  asm.mov(r10, r8);
  asm.cmp(edx, 3);
  asm.jne(bounded);
  loadBound(r10, 16);
  asm.cmp(r10, r9);
  asm.cmovb(r10, r9);
  asm.bind(bounded);
  asm.sub(r10, r9);
  asm.cmp(r10, r8);
  asm.jne(part);
  asm.mov(rax, mem(rcx));
  asm.jmp(done);
  asm.bind(part);
  asm.mov(esi, field(rax, StringWord.FROM));
  asm.lea(rsi, at(rsi));
  asm.add(rsi, r9);
  asm.cmp(r10d, 1);
  asm.jne(copy);
  asm.movzx(edx, byte(mem(rsi)));
  callRoutine(asm, "byteString");
  asm.test(eax, eax);
  asm.je(none);
  asm.jmp(end);
  asm.bind(copy);
  asm.lea(edx, mem(r10, 23));
  asm.shr(edx, 3);
  reserve(asm, rax, eax, r11, r11d, rdx, none);
  take(asm, r11d);
  beginString(asm, rax, edx, r10d);
  asm.mov(ecx, r10d);
  asm.test(ecx, ecx);
  asm.je(end);
  copyBytes(asm);
  asm.bind(end);
}

/**
 * Removes the entry at address rdx from the map rax: `mapRemove`. rax = its value.
 *
 *     rdi = entries   rsi = index   r8d = mask   ecx = ordinal   r9d = the slot that becomes free   r10 = value
 */
function removeEntry(asm: Asm): void {
  const hasOthers = asm.label(),
    seek = asm.label(),
    next = asm.label(),
    free = asm.label(),
    end = asm.label();
  const THIRD = 0xAAAAAAAB | 0; // times 3 it is 1, modulo 2^32
  asm.mov(r8d, field(rax, MapWord.MASK));
  asm.mov(esi, field(rax, MapWord.INDEX));
  asm.lea(rsi, at(rsi));
  asm.mov(edi, field(rax, MapWord.ENTRIES));
  asm.lea(rdi, at(rdi));
  asm.sub(field(rax, MapWord.COUNT), 1);
  asm.jne(hasOthers);
  asm.mov(field(rax, MapWord.USED), 0);
  asm.bind(hasOthers);
  asm.mov(rcx, rdx);
  asm.sub(rcx, rdi);
  asm.shr(ecx, 3);
  asm.imul(ecx, ecx, THIRD);
  asm.add(ecx, 1);
  asm.mov(r9d, dword(mem(rdx, Entry.HASH)));
  asm.mov(r10, mem(rdx, Entry.VALUE));
  asm.mov(rax, imm64(0, HI_EMPTY));
  asm.mov(mem(rdx, Entry.KEY), rax);
  asm.mov(rax, imm64(0, HI_NIL));
  asm.mov(mem(rdx, Entry.VALUE), rax);
  asm.mov(dword(mem(rdx, Entry.SKIP)), ecx);
  asm.bind(seek);
  asm.and(r9d, r8d);
  asm.cmp(dword(mem(rsi, r9, 4)), ecx);
  asm.je(free);
  asm.add(r9d, 1);
  asm.jmp(seek);

  // What had to make way for it moves back: `leaveIndex`.
  asm.bind(free);
  asm.mov(edx, r9d);
  asm.bind(next);
  asm.add(edx, 1);
  asm.and(edx, r8d);
  asm.mov(ecx, dword(mem(rsi, rdx, 4)));
  asm.test(ecx, ecx);
  asm.je(end);
  asm.lea(r11, mem(rcx, rcx, 2));
  asm.mov(r11d, dword(mem(rdi, r11, 8, Entry.HASH - Entry.SIZE)));
  asm.neg(r11d);
  asm.add(r11d, edx);
  asm.and(r11d, r8d); // how far it is from where its probe begins
  asm.mov(eax, edx);
  asm.sub(eax, r9d);
  asm.and(eax, r8d);
  asm.cmp(r11d, eax);
  asm.jb(next);
  asm.mov(dword(mem(rsi, r9, 4)), ecx);
  asm.mov(r9d, edx);
  asm.jmp(next);
  asm.bind(end);
  asm.mov(dword(mem(rsi, r9, 4)), 0);
  asm.mov(rax, r10);
}

/**
 * rax = what the native function rax gives for edx arguments from address rcx on; edx = 0 if it is none that backends
 * know (`Intrinsic`), or if it is called with what is rare.
 */
function callIntrinsic(asm: Asm): void {
  const none = asm.label(), two = asm.label(), integer = asm.label(), done = asm.label();
  const labels = new Map<number, Label>(Object.values(Intrinsic).map((number) => [number, asm.label()]));
  const dispatch = (...numbers: number[]) => {
    for (const number of numbers) {
      asm.cmp(esi, number);
      asm.je(labels.get(number)!);
    }
    asm.jmp(none);
  };
  const begin = (number: number) => asm.bind(labels.get(number)!);
  const giveDouble = () => {
    asm.movq(rax, xmm0);
    asm.jmp(done);
  };
  const giveString = () => {
    asm.mov(rcx, imm64(0, HI_STRING));
    asm.or(rax, rcx);
    asm.jmp(done);
  };
  /** Goes on if the high word of a value, whose copy is lost, is this one. */
  const require = (copy: R64, copy32: R32, from: R64, high: number) => {
    asm.mov(copy, from);
    asm.shr(copy, 32);
    asm.cmp(copy32, high);
    asm.jne(none);
  };
  asm.movzx(esi, byte(at(rax, 1))); // the flags of the header
  asm.mov(rax, mem(rcx));
  asm.cmp(edx, 1);
  asm.jne(two);
  dispatch(
    Intrinsic.sqrt,
    Intrinsic.floor,
    Intrinsic.abs,
    Intrinsic.int,
    Intrinsic.float,
    Intrinsic.type,
    Intrinsic.str,
  );
  asm.bind(two);
  asm.cmp(esi, Intrinsic.slice);
  asm.je(labels.get(Intrinsic.slice)!);
  asm.cmp(edx, 2);
  asm.jne(none);
  asm.mov(rdx, mem(rcx, 8));
  asm.mov(r8, rax);
  asm.mov(r9, rdx);
  dispatch(Intrinsic.min, Intrinsic.max, Intrinsic.remove);

  begin(Intrinsic.sqrt);
  toDouble(asm, xmm0, rax, none);
  asm.sqrtsd(xmm0, xmm0);
  giveDouble();

  begin(Intrinsic.float);
  toDouble(asm, xmm0, rax, none);
  giveDouble();

  // Cut off; the floor of what is negative and has a fraction is one less.
  for (const number of [Intrinsic.floor, Intrinsic.int]) {
    begin(number);
    asm.cmp(rax, r14);
    asm.jae(done);
    asm.cmp(rax, rbp);
    asm.jae(none);
    asm.movq(xmm0, rax);
    asm.cvttsd2si(rax, xmm0);
    if (number === Intrinsic.floor) {
      asm.cvtsi2sd(xmm1, rax);
      asm.ucomisd(xmm1, xmm0);
      asm.jbe(integer);
      asm.sub(rax, 1);
    }
    asm.jmp(integer);
  }

  begin(Intrinsic.abs);
  const isInt = asm.label();
  asm.cmp(rax, r14);
  asm.jae(isInt);
  asm.cmp(rax, rbp);
  asm.jae(none);
  asm.add(rax, rax); // a double loses its sign
  asm.shr(rax, 1);
  asm.jmp(done);
  asm.bind(isInt);
  asm.shl(rax, 16);
  asm.sar(rax, 16);
  asm.jns(integer);
  asm.neg(rax);
  asm.jmp(integer);

  // Of equal ones the first; with not-a-number, the interpreter.
  for (const number of [Intrinsic.min, Intrinsic.max]) {
    begin(number);
    toDouble(asm, xmm0, rax, none);
    toDouble(asm, xmm1, rdx, none);
    if (number === Intrinsic.min) asm.ucomisd(xmm0, xmm1);
    else asm.ucomisd(xmm1, xmm0);
    asm.jp(none);
    asm.mov(rax, r8);
    asm.cmova(rax, r9);
    asm.jmp(done);
  }

  begin(Intrinsic.type);
  loadTypeNumber(asm);
  asm.mov(eax, dword(mem(rbx, rdx, 4, 4 * Control.TYPE_STRINGS)));
  asm.test(eax, eax);
  asm.je(none);
  giveString();

  begin(Intrinsic.str);
  writeString(asm, none, done);
  giveString();

  begin(Intrinsic.remove);
  require(rsi, esi, rax, HI_MAP);
  asm.mov(eax, eax);
  asm.mov(rcx, rdx);
  callRoutine(asm, "find");
  asm.cmp(rdx, 1);
  asm.je(none);
  const isThere = asm.label();
  asm.ja(isThere);
  asm.mov(rax, imm64(0, HI_NIL));
  asm.jmp(done);
  asm.bind(isThere);
  removeEntry(asm);
  asm.jmp(done);

  begin(Intrinsic.slice);
  require(rsi, esi, rax, HI_STRING);
  sliceString(asm, none, done);
  giveString();

  // An integer of 64 bits in rax that has to fit 48: the processor's answer to what does not fit 64 does not either.
  asm.bind(integer);
  asm.mov(rdx, rax);
  asm.shl(rdx, 16);
  asm.sar(rdx, 16);
  asm.cmp(rdx, rax);
  asm.jne(none);
  asm.shl(rax, 16);
  asm.shr(rax, 16);
  asm.or(rax, r14);
  asm.bind(done);
  asm.mov(edx, 1);
  asm.ret();
  fail(asm, none, edx);
}

// ---- calls -------------------------------------------------------------------------------------------------------

/**
 * Writes code that pushes the frame record of a caller, and enters the callee's window: rdx = window, rdi = address where
 * the caller goes on. The caller's pc and proto word are numbers or in registers. Keeps rax.
 */
export function pushFrame(asm: Asm, pc: number | R32, proto: number | R32): void {
  asm.mov(dword(mem(r15)), pc as number);
  asm.sub(r12, rbx);
  asm.shr(r12, 2);
  asm.mov(dword(mem(r15, 4)), r12d);
  asm.mov(dword(mem(r15, 8)), proto as number);
  asm.sub(rdi, mem(rbx, 4 * Control.CODE_ORIGIN));
  asm.mov(dword(mem(r15, 12)), edi);
  asm.add(r15, 4 * FRAME_WORDS);
  asm.mov(r12, rdx);
}

/**
 * Goes on in a callee that the call is not linked to (:call-link:). eax = its proto word, rdx = its window, r8d = how many
 * arguments it gets, r9d = the caller's pc, rdi = address where the caller goes on. What it cannot call it leaves to the
 * exit at r11.
 */
function callOther(asm: Asm): void {
  const refused = asm.label("refused"), interpreted = asm.label("callee is interpreted");
  asm.cmp(r8d, dword(mem(rbx, rax, 4, 4 * Proto.ARITY)));
  asm.jne(refused);
  asm.lea(rcx, mem(rbx, 4 * FRAMES_END));
  asm.cmp(r15, rcx);
  asm.jae(refused);
  asm.mov(esi, dword(mem(rbx, rax, 4, 4 * Proto.FRAME)));
  asm.lea(rsi, mem(rdx, rsi, 4));
  asm.cmp(rsi, mem(rbx, 4 * Control.WINDOW_LIMIT));
  asm.ja(refused);
  asm.mov(r8d, dword(mem(r12, -8))); // the caller, and its proto word
  asm.mov(r8d, field(r8, 1));
  pushFrame(asm, r9d, r8d);
  asm.mov(ecx, dword(mem(rbx, rax, 4, 4 * Proto.NATIVE)));
  asm.test(ecx, ecx);
  asm.je(interpreted);
  asm.add(rcx, mem(rbx, 4 * Control.CODE_ORIGIN));
  asm.jmp(rcx);
  asm.bind(interpreted);
  asm.jmp(qword(mem(rbx, 4 * Control.STUB_ENTER)));
  asm.bind(refused);
  asm.jmp(r11);
}

// ---- the table ---------------------------------------------------------------------------------------------------

const ROUTINES = {
  hash,
  equalStrings,
  compareStrings,
  byteString,
  concat,
  append,
  writeText,
  appendText,
  prependText,
  find,
  locate,
  walk,
  growArray,
  findField,
  widen,
  narrow,
  wideAdd: wide((asm) => asm.add(rax, rcx)),
  wideSubtract: wide((asm) => asm.sub(rax, rcx)),
  wideMultiply: wide((asm) => asm.imul(rax, rcx)),
  wideDivide: wide(divide("quotient")),
  wideRemainder: wide(divide("remainder")),
  remainder,
  callIntrinsic,
  callOther,
  acceptsArguments,
} as const;

/** A routine's name. */
export type RoutineName = keyof typeof ROUTINES;

const NAMES = Object.keys(ROUTINES) as RoutineName[];

/** Name of the routine whose address is in a control word, if it is one of them. */
export function routineAt(word: number): RoutineName | undefined {
  return NAMES[(word - Control.ROUTINES) / 2];
}

/** Room for the routines. */
export const ROUTINE_BYTES = 6144;

/** The routines that code calls which has been written in this process. */
const called = new Set<RoutineName>();

function addressOf(name: RoutineName) {
  called.add(name);
  return qword(mem(rbx, 4 * (Control.ROUTINES + 2 * NAMES.indexOf(name))));
}

/** Goes on in a routine that does not come back. */
export function jumpToRoutine(asm: X64Assembler, name: RoutineName): void {
  asm.jmp(addressOf(name));
}

/** Calls a routine. */
export function callRoutine(asm: X64Assembler, name: RoutineName): void {
  asm.call(addressOf(name));
}

/** The routines of a code cache. */
export interface Routines {
  /** Puts in its place whatever routine is called by now and is not there yet; gives whether there was any. */
  complete(): boolean;
  /** Stores their addresses in the control words. */
  activate(): void;
}

/** Makes room for routines at `offset`: {@linkcode ROUTINE_BYTES}. */
export function createRoutines(memory: ExecutableMemory, offset: number): Routines {
  const addresses = new Int32Array(2 * NAMES.length);
  const placed = new Set<RoutineName>();
  const end = offset + ROUTINE_BYTES;
  let next = offset;
  return {
    complete() {
      const before = placed.size;
      // A routine that is written may be the first to call another one, which comes next then.
      for (const name of called) {
        if (placed.has(name)) continue;
        place(name);
        placed.add(name);
      }
      return placed.size > before;
    },
    activate: () => I32.set(addresses, Control.ROUTINES),
  };

  function place(name: RoutineName): void {
    const asm = createAssembler();
    ROUTINES[name](asm);
    const { bytes } = finish(asm);
    if (next + bytes.length > end) {
      throw new Error(`There is no room left for the routine ${name}: this is a bug`);
    }
    memory.write(next, bytes);
    const address = memory.address(next), at = 2 * NAMES.indexOf(name);
    addresses[at] = Number(BigInt.asIntN(32, address));
    addresses[at + 1] = Number(BigInt.asIntN(32, address >> 32n));
    next += bytes.length;
  }
}
