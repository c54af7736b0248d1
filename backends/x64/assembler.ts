/**
 * The x86-64 assembler: each method call appends the bytes of one instruction, in the shortest form that its row in
 * `encodings.ts` allows. It decides nothing about where things lie: whatever depends on the position of a label is
 * left as a hole of zeros and a fixup that says who wants what. Resolving them is the patcher's work.
 *
 *     const done = asm.label("done");
 *     asm.cmp(dword(mem(rbx, 12)), 0xffff0000);       81 7B 0C 00 00 FF FF
 *     asm.jne(done);                                  0F 85 00 00 00 00
 *                                                           └ hole ───┘└ end: the displacement counts from here
 *     asm.mov(eax, mem(rbx, 8));                      8B 43 08
 *     asm.bind(done);
 *
 * Compiling is frequent and listings are rare, so nothing here builds text: a listing reads the bytes back.
 */

import type { Assembled as GeneralAssembled, Fixup as GeneralFixup } from "../../core/backend.ts";
import {
  ABSENT,
  type Form,
  formsOf,
  type Instructions,
  MNEMONICS,
  shapeOf,
  type Shapes,
  shapesOf,
} from "./encodings.ts";
import {
  type Immediate,
  Kind,
  kindOf,
  type Label,
  labelName,
  type Memory,
  NO_INDEX,
  type Operand,
  type Register,
  RIP,
  type Short,
  showOperand,
} from "./operands.ts";
import { type Line, listBytes } from "./disassembler.ts";

/** A hole in the code. */
export interface Fixup extends GeneralFixup {
  /** A jump, a call, or memory at a label. */
  readonly kind: "jump" | "call" | "rip";
}

/** What an assembler has made; names and texts are made when they are asked for. */
export interface Assembled extends GeneralAssembled {
  readonly fixups: readonly Fixup[];
  /** The text of each instruction. */
  list(): readonly Line[];
}

/** The parts of an assembler that are not instructions. */
interface Surroundings {
  /** Where the next instruction will begin. */
  readonly offset: number;
  /** A new label, to be bound to a place. The name is for listings. */
  label(name?: string): Label;
  /** The label is here. @throws if it already is somewhere */
  bind(label: Label): void;
  /** Says what the next instruction is for, in listings and in the log of patches. */
  comment(text: string): void;
  /** Fills up with nops to a multiple of `boundary` bytes, a power of two. */
  align(boundary: number): void;
  /** Eight bytes of data, as two 32-bit words. */
  dq(low: number, high: number): void;
  /** Ends the assembly: what it has made. */
  finish(): Assembled;
}

/**
 * An assembler for one piece of code: a method per mnemonic, and the labels.
 * A combination of operands that no row allows throws an `AssemblerFault`.
 */
export type X64Assembler = Instructions & Surroundings;

/** A template asked for an instruction that does not exist: a bug in the template, never in the program it compiles. */
export class AssemblerFault extends Error {
  override readonly name = "AssemblerFault";
}

/** The processor takes no longer instruction. */
const LONGEST = 15;

/** What a finished assembly has left. */
const NO_BYTES = new Uint8Array(0);

// The processor manual's nops of one to nine bytes, but for that of two, which a listing would call an xchg. They are
// spelled out because they are long on purpose, and the encoder would shorten them.
const NOPS: readonly (readonly number[])[] = [
  [0x90],
  [0x90, 0x90],
  [0x0F, 0x1F, 0x00],
  [0x0F, 0x1F, 0x40, 0x00],
  [0x0F, 0x1F, 0x44, 0x00, 0x00],
  [0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00],
  [0x0F, 0x1F, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/** Makes an empty assembler. */
export function createAssembler(): X64Assembler {
  return new Assembly() as unknown as X64Assembler;
}

/** The buffer of the last assembly that is finished, all zeros, for the next one: most code is small and soon done. */
let spare: Uint8Array | null = null;

// A class, so that its methods exist once: making one closure per mnemonic for each piece of code would take longer
// than assembling a small one. The instructions join the prototype below.
class Assembly implements Surroundings {
  /** Behind `offset` it is zeros: a hole is made by stepping over it. */
  bytes = spare ?? new Uint8Array(16384);
  offset = 0;
  /** The immediate of the call at hand, as two words. */
  low = 0;
  high = 0;
  /** What has been said about the next instruction. */
  remark = "";
  readonly labels: Label[] = [];
  readonly places: (number | undefined)[] = [];
  readonly fixups: Fixup[] = [];
  /** Offsets and texts by turns. */
  readonly remarks: (number | string)[] = [];
  /** Offsets of data, which a listing would take for instructions. */
  readonly data: number[] = [];

  constructor() {
    spare = null;
  }

  label(name?: string): Label {
    const { labels, places } = this, id = labels.length;
    const label: Label = { kind: Kind.LABEL, id, name };
    // Where arrays are new each time, a store at their end takes half as long as `push`.
    labels[id] = label;
    places[id] = undefined;
    return label;
  }

  bind(label: Label): void {
    if (this.labels[label.id] !== label || this.places[label.id] !== undefined) {
      throw new AssemblerFault(
        `Label '${labelName(label)}' is already bound, or belongs to another assembler`,
      );
    }
    this.places[label.id] = this.offset;
  }

  comment(text: string): void {
    this.remark = this.remark === "" ? text : `${this.remark}; ${text}`;
    this.remarks.push(this.offset, this.remark);
  }

  align(boundary: number): void {
    for (let gap = -this.offset & boundary - 1; gap > 0;) {
      const nop = NOPS[Math.min(gap, NOPS.length) - 1];
      reserve(this);
      this.bytes.set(nop, this.offset);
      this.offset += nop.length;
      gap -= nop.length;
    }
  }

  dq(low: number, high: number): void {
    reserve(this);
    this.data.push(this.offset);
    writeWord(this.bytes, this.offset, low);
    writeWord(this.bytes, this.offset + 4, high);
    this.offset += 8;
    this.remark = "";
  }

  finish(): Assembled {
    const { fixups, remarks, places, labels } = this, data = new Set(this.data);
    const bytes = this.bytes.slice(0, this.offset);
    this.bytes.fill(0, 0, this.offset);
    spare = this.bytes;
    this.bytes = NO_BYTES;
    let texts: Map<number, string> | undefined;
    const nameOf = (label: number) => labelName(labels[label]);
    const remarkAt = (offset: number) => {
      if (texts !== undefined) return texts.get(offset);
      texts = new Map();
      for (let i = 0; i < remarks.length; i += 2) texts.set(remarks[i] as number, remarks[i + 1] as string);
      return texts.get(offset);
    };
    const list = () => {
      const holes = new Map(fixups.map((fixup) => [fixup.offset, nameOf(fixup.label)]));
      return listBytes(bytes, {
        placeName: (_, hole) => holes.get(hole),
        isData: (offset) => data.has(offset),
        commentAt: remarkAt,
      });
    };
    return { bytes, labels: places, labelName: nameOf, fixups, remarkAt, data, list };
  }
}

for (const mnemonic of MNEMONICS) {
  let shapes: Shapes | undefined;
  Object.defineProperty(Assembly.prototype, mnemonic, {
    value(this: Assembly, a?: Operand, b?: Operand, c?: Operand): void {
      shapes ??= shapesOf(mnemonic);
      const forms = shapes[shapeOf(kindOf(a), kindOf(b), kindOf(c))];
      if (forms !== undefined) {
        for (let i = 0; i < forms.length; i++) {
          const form = forms[i];
          if (form.isPlain || fits(this, form, a, b, c)) return emit(this, form, a, b, c);
        }
      }
      throw refuse(mnemonic, forms, a, b, c);
    },
  });
}

/** Whether operands of the right kinds are right in themselves, which plain ones are; leaves the immediate in `low` and `high`. */
function fits(asm: Assembly, form: Form, a?: Operand, b?: Operand, c?: Operand): boolean {
  if (form.only !== ABSENT && (pick(form.only, a, b, c) as Register).code !== form.onlyCode) return false;
  if (form.immediate === ABSENT) return true;
  const value = pick(form.immediate, a, b, c) as Immediate;
  if (typeof value === "number") {
    asm.low = value | 0;
    if (asm.low === value) asm.high = asm.low >> 31;
    else if (Number.isSafeInteger(value)) asm.high = Math.floor(value / 4294967296) | 0;
    else return false;
  } else if (typeof value === "bigint") {
    if (value < -(1n << 63n) || value >= 1n << 64n) return false;
    asm.low = Number(BigInt.asIntN(32, value));
    asm.high = Number(BigInt.asIntN(32, value >> 32n));
  } else {
    if (value.bits !== 8 * form.immediateSize) return false;
    asm.low = value.low;
    asm.high = value.high;
  }
  return holds(form, asm.low, asm.high);
}

/**
 * Whether a form's immediate can stand for a value. Where the whole operand is meant, a value may be written signed or
 * unsigned: -1 and 0xffffffff are the same 32 bits, and `simm8` holds both.
 */
function holds(form: Form, low: number, high: number): boolean {
  const signed = high === low >> 31;
  switch (form.immediateRule) {
    case "1":
      return low === 1 && high === 0;
    case "imm8":
      return signed && low >= -128 && low <= 255;
    case "simm8":
      return low >= -128 && low <= 127 && (signed || (form.immediateBits === 32 && high === 0));
    case "imm32":
      return signed || high === 0;
    case "uimm32":
      return high === 0;
    case "simm32":
      return signed;
    case "imm64":
      return true;
  }
}

/** Appends one instruction. */
function emit(asm: Assembly, form: Form, a?: Operand, b?: Operand, c?: Operand): void {
  let rex = form.rex, opcode = form.opcode, reg = form.digit, rm = 0;
  let memory: Memory | null = null;
  if (form.reg !== ABSENT) {
    const register = pick(form.reg, a, b, c) as Register;
    reg = register.code & 7;
    rex |= register.rex | (register.code > 7 ? 0x44 : 0);
  }
  if (form.plus !== ABSENT) {
    const register = pick(form.plus, a, b, c) as Register;
    opcode |= register.code & 7;
    rex |= register.rex | (register.code > 7 ? 0x41 : 0);
  } else if (form.rm !== ABSENT) {
    const operand = pick(form.rm, a, b, c) as Register | Memory;
    if (operand.kind >= Kind.MEMORY) {
      memory = operand as Memory;
      if (!isAddress(memory)) {
        throw new AssemblerFault(`No address like that: ${show(form.mnemonic, a, b, c)}`);
      }
      rex |= (memory.base > 7 ? 0x41 : 0) | (memory.index > 7 ? 0x42 : 0);
    } else {
      const { code, rex: own } = operand as Register;
      rm = code & 7;
      rex |= own | (code > 7 ? 0x41 : 0);
    }
  }

  reserve(asm);
  const bytes = asm.bytes;
  let at = asm.offset;
  if (form.prefix !== 0) bytes[at++] = form.prefix;
  if (rex !== 0) bytes[at++] = rex;
  if (form.escape !== 0) bytes[at++] = 0x0F;
  if (form.escape > 0x0F) bytes[at++] = form.escape;
  bytes[at++] = opcode;
  if (memory !== null) at = writeAddress(bytes, at, reg, memory);
  else if (form.modrm) bytes[at++] = 0xC0 | reg << 3 | rm;
  const behindAddress = at;
  if (form.immediateSize === 1) bytes[at++] = asm.low;
  else if (form.immediateSize >= 4) {
    writeWord(bytes, at, asm.low);
    if (form.immediateSize === 8) writeWord(bytes, at + 4, asm.high);
    at += form.immediateSize;
  }
  if (memory !== null && memory.label !== null) {
    want(asm, form, "rip", behindAddress - 4, 4, memory.label, at);
  } else if (form.targetSize !== 0) {
    const target = pick(form.target, a, b, c) as Label | Short;
    const label = target.kind === Kind.SHORT ? target.label : target;
    const hole = at;
    at += form.targetSize;
    want(asm, form, form.mnemonic === "call" ? "call" : "jump", hole, form.targetSize, label, at);
  }
  asm.remark = "";
  asm.offset = at;
}

/** Notes a hole. */
function want(
  asm: Assembly,
  form: Form,
  kind: Fixup["kind"],
  offset: number,
  size: 1 | 4,
  label: Label,
  end: number,
): void {
  if (asm.labels[label.id] !== label) {
    throw new AssemblerFault(`Label '${labelName(label)}' belongs to another assembler: ${form.mnemonic}`);
  }
  const reason = asm.remark === "" ? form.mnemonic : asm.remark;
  const { fixups } = asm;
  fixups[fixups.length] = { offset, size, label: label.id, end, kind, reason };
}

/**
 * ModRM, SIB and displacement of memory; gives the offset behind them. The encoding has three corners: a base whose
 * low bits are those of rsp (rsp, r12) means "see SIB", no displacement with those of rbp (rbp, r13) means `RIP`, and
 * the index of rsp means none.
 */
function writeAddress(bytes: Uint8Array, at: number, reg: number, memory: Memory): number {
  const { base, index, displacement } = memory, field = reg << 3;
  if (base === RIP) {
    bytes[at] = field | 5;
    return at + 5;
  }
  const low = base & 7;
  const isByte = displacement === displacement << 24 >> 24 && !memory.wide;
  const mode = isByte ? (displacement === 0 && low !== 5 ? 0x00 : 0x40) : 0x80;
  if (index >= 0) {
    bytes[at++] = mode | field | 4;
    bytes[at++] = memory.shift << 6 | (index & 7) << 3 | low;
  } else {
    bytes[at++] = mode | field | low;
    if (low === 4) bytes[at++] = 0x24;
  }
  if (mode === 0x40) bytes[at++] = displacement;
  else if (mode === 0x80) {
    writeWord(bytes, at, displacement);
    at += 4;
  }
  return at;
}

/** Whether the processor can address it: not every number is a displacement or a scale, nor every register an index. */
function isAddress(memory: Memory): boolean {
  return (memory.displacement | 0) === memory.displacement && memory.index !== NO_INDEX && memory.shift <= 3;
}

/** The operand at an index. */
function pick(index: number, a?: Operand, b?: Operand, c?: Operand): Operand | undefined {
  return index === 0 ? a : index === 1 ? b : c;
}

/** Makes room for one more instruction. */
function reserve(asm: Assembly): void {
  if (asm.bytes.length - asm.offset >= LONGEST) return;
  const larger = new Uint8Array(Math.max(LONGEST, asm.bytes.length) * 2);
  larger.set(asm.bytes);
  asm.bytes = larger;
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word;
  bytes[at + 1] = word >> 8;
  bytes[at + 2] = word >> 16;
  bytes[at + 3] = word >> 24;
}

/** The fault that names an instruction without a row, and says what is wrong with it. */
function refuse(
  mnemonic: string,
  forms: readonly Form[] | undefined,
  ...operands: (Operand | undefined)[]
): Error {
  const call = show(mnemonic, ...operands), rows = formsOf(mnemonic);
  if (forms !== undefined) return new AssemblerFault(`Operands out of range: ${call}`);
  const isOpen = rows.some((form) =>
    form.rm !== ABSENT && kindOf(operands[form.rm]) === Kind.MEMORY &&
    form.operands[form.rm].memory !== Kind.MEMORY
  );
  return new AssemblerFault(
    `No encoding takes these operands: ${call}${isOpen ? " (the memory may need a width)" : ""}; there is ` +
      rows.map((form) => form.signature).join("; "),
  );
}

function show(mnemonic: string, ...operands: (Operand | undefined)[]): string {
  return `${mnemonic} ${operands.filter((operand) => operand !== undefined).map(showOperand).join(",")}`;
}
