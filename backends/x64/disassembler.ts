/**
 * Machine code as text: the rows of `encodings.ts` read backwards. A listing therefore shows what the bytes say, before
 * patching and after it, and not what somebody meant to emit.
 *
 *     mov rax,[rbx+rcx*8-16]        Intel order; displacements in decimal
 *     cmp dword [rbx+12],0xffff0000   the width of memory where the other operands leave it open
 *     jne done                      labels by name, or the offset where nothing is known: jne 0x2f
 *     db 0xf4                       a byte at which no instruction of the table begins
 *
 * It knows only what the assembler can produce: bytes from elsewhere may come out as `db`.
 */

import type { ListingContext } from "../../core/backend.ts";
import { ABSENT, addTo, type Form, formsOf, MNEMONICS } from "./encodings.ts";
import {
  Kind,
  type Memory,
  NO_INDEX,
  REGISTERS,
  RIP,
  showImmediate,
  showMemory,
  WIDTH_NAMES,
} from "./operands.ts";

/** One instruction (or datum) of a listing. */
export interface Line {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
  readonly comment?: string;
}

/** An instruction read from bytes. */
export interface Decoded {
  readonly form: Form;
  readonly length: number;
  readonly text: string;
}

/** Forms by prefix, escape and opcode; those that add a register to the opcode stand under all eight. */
function sortByOpcode(): ReadonlyMap<number, readonly Form[]> {
  const sorted = new Map<number, Form[]>();
  for (const form of MNEMONICS.flatMap(formsOf)) {
    const last = form.plus === ABSENT ? 0 : 7;
    for (let i = 0; i <= last; i++) addTo(sorted, keyOf(form.prefix, form.escape, form.opcode + i), form);
  }
  return sorted;
}

// Made when something is first listed, for the reason that rows are read late.
let byOpcode: ReadonlyMap<number, readonly Form[]> | undefined;

function keyOf(prefix: number, escape: number, opcode: number): number {
  return prefix << 16 | escape << 8 | opcode;
}

/** Lists code from beginning to end. */
export function listBytes(bytes: Uint8Array, context: ListingContext = {}): Line[] {
  const lines: Line[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const { length, text } = readLine(offset);
    const comment = context.commentAt?.(offset);
    lines.push(comment === undefined ? { offset, length, text } : { offset, length, text, comment });
    offset += length;
  }
  return lines;

  function readLine(offset: number): { length: number; text: string } {
    if (context.isData?.(offset)) {
      const datum = BigInt.asUintN(64, readSigned(bytes, offset, 8));
      return { length: 8, text: `dq 0x${datum.toString(16).padStart(16, "0")}` };
    }
    return decode(bytes, offset, context) ??
      { length: 1, text: `db 0x${bytes[offset].toString(16).padStart(2, "0")}` };
  }
}

/** Reads the instruction at an offset, or gives null where none of the table begins. */
export function decode(bytes: Uint8Array, offset: number, context: ListingContext = {}): Decoded | null {
  byOpcode ??= sortByOpcode();
  let at = offset;
  const prefix = bytes[at] === 0x66 || bytes[at] === 0xF2 || bytes[at] === 0xF3 ? bytes[at++] : 0;
  const rex = (bytes[at] & 0xF0) === 0x40 ? bytes[at++] : 0;
  let escape = 0;
  if (bytes[at] === 0x0F) {
    escape = bytes[at++];
    if (bytes[at] === 0x38 || bytes[at] === 0x3A) escape = bytes[at++];
  }
  const opcode = bytes[at++], modrm = bytes[at];
  const inMemory = modrm < 0xC0;
  const form = byOpcode.get(keyOf(prefix, escape, opcode))?.find((form) =>
    (form.rex & 8) === (rex & 8) &&
    (!form.modrm || form.reg !== ABSENT || form.digit === (modrm >> 3 & 7)) &&
    (!form.modrm || (form.rm === ABSENT
      ? (modrm & 0xC7) === 0xC0
      : (inMemory ? form.operands[form.rm].memory : form.operands[form.rm].register) !== 0))
  );
  if (form === undefined) return null;

  let memory: Memory | null = null, hole = 0;
  if (form.modrm) {
    at++;
    if (inMemory) {
      [memory, at] = readAddress(bytes, at, modrm, rex);
      hole = at - 4;
    }
  }
  const immediateAt = at;
  at += form.immediateSize;
  const targetAt = at;
  at += form.targetSize;
  if (at > bytes.length) return null;

  const operands: string[] = [];
  for (let i = 0; i < form.operands.length; i++) {
    const text = showOperandAt(i);
    if (text === null) return null;
    operands.push(text);
  }
  const mnemonic = form.mnemonic.replace("_", " ");
  return {
    form,
    length: at - offset,
    text: [mnemonic, ...operands.length > 0 ? [operands.join(",")] : []].join(" "),
  };

  function showOperandAt(i: number): string | null {
    const def = form!.operands[i];
    if (i === form!.immediate) {
      const size = form!.immediateSize;
      return size === 0 ? "1" : showImmediate(readSigned(bytes, immediateAt, size), form!.immediateBits);
    }
    if (i === form!.target) return place(Number(readSigned(bytes, targetAt, form!.targetSize)), targetAt);
    if (i === form!.only) return def.only!.name;
    if (i === form!.reg) return registerName(def.register, modrm >> 3 & 7 | (rex & 4) << 1);
    if (i === form!.plus) return registerName(def.register, opcode & 7 | (rex & 1) << 3);
    if (memory === null) return registerName(def.register, modrm & 7 | (rex & 1) << 3);
    const text = showMemory(memory, memory.base === RIP ? place(memory.displacement, hole) : "");
    return form!.unsized ? text : `${WIDTH_NAMES[def.memory]} ${text}`;
  }

  function place(distance: number, from: number): string {
    const target = at + distance;
    return context.placeName?.(target, from) ?? `0x${target.toString(16)}`;
  }

  /** Null for ah, ch, dh and bh, which no row has. */
  function registerName(kind: number, code: number): string | null {
    const register = REGISTERS[kind][code];
    return register.rex !== 0 && rex === 0 ? null : register.name;
  }
}

/** Reads SIB and displacement as ModRM tells; gives the memory and the offset behind them. */
function readAddress(bytes: Uint8Array, at: number, modrm: number, rex: number): [Memory, number] {
  const mode = modrm >> 6;
  let base = modrm & 7, index = -1, shift = 0, size = mode === 0 ? 0 : mode === 1 ? 1 : 4;
  if (base === 4) {
    const sib = bytes[at++];
    base = sib & 7;
    index = sib >> 3 & 7 | (rex & 2) << 2;
    shift = sib >> 6;
    if (index === NO_INDEX) index = -1;
  } else if (mode === 0 && base === 5) {
    base = RIP;
    size = 4;
  }
  if (base !== RIP) base |= (rex & 1) << 3;
  const displacement = size === 0 ? 0 : Number(readSigned(bytes, at, size));
  return [{ kind: Kind.MEMORY, base, index, shift, displacement, wide: false, label: null }, at + size];
}

/** A little-endian number; bytes beyond the end count as zeros. */
function readSigned(bytes: Uint8Array, at: number, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = value << 8n | BigInt(bytes[at + i] ?? 0);
  return BigInt.asIntN(8 * size, value);
}
