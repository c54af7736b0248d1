/**
 * What an x86-64 instruction works on: machine registers, memory, immediates and labels, as plain records that
 * templates pass to the assembler.
 *
 *     asm.add(eax, ecx);                              registers carry their width
 *     asm.mov(rax, mem(rbx, 8));                      memory takes its width from the register beside it …
 *     asm.cmp(dword(mem(rbx, rcx, 8, 4)), 5);         … or is told one: [rbx+rcx*8+4], four bytes
 *     asm.movsd(xmm0, rip(pool));                     a constant near the code
 *     asm.jne(short(done));                           a jump that promises to stay within 127 bytes
 *
 * The kind of each operand is a small number; the kinds of its operands select an instruction's encoding. This file
 * knows nothing of encodings.
 */

/** What an operand is, as far as the choice of an encoding goes. Four bits each. */
export const Kind = {
  NONE: 0,
  R8: 1,
  R32: 2,
  R64: 3,
  XMM: 4,
  /** Memory whose width is left to the other operand. */
  MEMORY: 5,
  M8: 6,
  M16: 7,
  M32: 8,
  M64: 9,
  M128: 10,
  IMMEDIATE: 11,
  /** A label, reached by a displacement of four bytes / of one byte. */
  LABEL: 12,
  SHORT: 13,
} as const;

/** A machine register. The name is part of the type, because some instructions take one certain register only. */
export interface Register<K extends number = number, Name extends string = string> {
  readonly kind: K;
  readonly name: Name;
  /** 0 to 15: the order of the processor, not of the alphabet. */
  readonly code: number;
  /** 0x40 where only a REX prefix tells the register from another one (spl, not ah), otherwise 0. */
  readonly rex: number;
}

export type R8 = Register<typeof Kind.R8>;
export type R32 = Register<typeof Kind.R32>;
export type R64 = Register<typeof Kind.R64>;
export type Xmm = Register<typeof Kind.XMM>;

/** A place in memory: base + index · scale + displacement, or a label. Its kind tells the width. */
export interface Memory<K extends number = number> {
  readonly kind: K;
  /** Code of the base register, or `RIP`. */
  readonly base: number;
  /** Code of the index register, or -1. */
  readonly index: number;
  /** 0 to 3: the index is shifted left by it. */
  readonly shift: number;
  readonly displacement: number;
  /** Whether the displacement takes four bytes though fewer would do. */
  readonly wide: boolean;
  /** What a base of `RIP` is relative to. */
  readonly label: Label | null;
}

/** Memory of unsaid width. */
export type Unsized = Memory<typeof Kind.MEMORY>;

/** A place in the code, to be bound once and wanted any number of times, in any order. */
export interface Label {
  readonly kind: typeof Kind.LABEL;
  /** Its index among the labels of the assembler that made it. */
  readonly id: number;
  readonly name: string | undefined;
}

/** A label that lies within one byte's reach. */
export interface Short {
  readonly kind: typeof Kind.SHORT;
  readonly label: Label;
}

/** An immediate that takes its full width, because it will be patched. Two 32-bit words. */
export interface ExactImmediate {
  readonly kind: typeof Kind.IMMEDIATE;
  readonly low: number;
  readonly high: number;
  /** 32 or 64. */
  readonly bits: number;
}

/** A constant in an instruction. A plain number or bigint takes the shortest form that holds it. */
export type Immediate = number | bigint | ExactImmediate;

export type Operand = Register | Memory | Immediate | Label | Short;

/** The base of memory that a label names. */
export const RIP = -1;

/** The index that the encoding has no room for: its code means "no index". */
export const NO_INDEX = 4;

type RegisterFile<K extends number, Names extends readonly string[]> = {
  readonly [I in keyof Names]: Register<K, Names[I]>;
};

/** Sixteen registers. ORDER: the place in the list is the register's code. */
function registerFile<const K extends number, const Names extends readonly string[]>(kind: K, names: Names) {
  return names.map((name, code) => {
    const rex = kind === Kind.R8 && code >= 4 && code < 8 ? 0x40 : 0;
    return { kind, name, code, rex };
  }) as unknown as RegisterFile<K, Names>;
}

// deno-fmt-ignore
const FILE64 = registerFile(Kind.R64, [
  "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
]);
// deno-fmt-ignore
const FILE32 = registerFile(Kind.R32, [
  "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi",
  "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d",
]);
// deno-fmt-ignore
const FILE8 = registerFile(Kind.R8, [
  "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b",
]);
// deno-fmt-ignore
const FILE_XMM = registerFile(Kind.XMM, [
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
  "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
]);

export const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15] = FILE64;
export const [eax, ecx, edx, ebx, esp, ebp, esi, edi, r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d] = FILE32;
export const [al, cl, dl, bl, spl, bpl, sil, dil, r8b, r9b, r10b, r11b, r12b, r13b, r14b, r15b] = FILE8;
export const [xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7] = FILE_XMM;
export const [, , , , , , , , xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15] = FILE_XMM;

/** The registers of a kind, by code. */
export const REGISTERS: Readonly<Record<number, readonly Register[]>> = {
  [Kind.R8]: FILE8,
  [Kind.R32]: FILE32,
  [Kind.R64]: FILE64,
  [Kind.XMM]: FILE_XMM,
};

/** What each width of memory is called. */
export const WIDTH_NAMES: Readonly<Record<number, string>> = {
  [Kind.M8]: "byte",
  [Kind.M16]: "word",
  [Kind.M32]: "dword",
  [Kind.M64]: "qword",
  [Kind.M128]: "xmmword",
};

/** `[base+displacement]`. */
export function mem(base: R64, displacement?: number): Unsized;
/** `[base+index*scale+displacement]`. Any register but rsp can be the index. */
export function mem(base: R64, index: R64, scale: 1 | 2 | 4 | 8, displacement?: number): Unsized;
export function mem(base: R64, second?: number | R64, scale = 1, displacement = 0): Unsized {
  const kind = Kind.MEMORY;
  if (second === undefined || typeof second === "number") {
    return {
      kind,
      base: base.code,
      index: -1,
      shift: 0,
      displacement: second ?? 0,
      wide: false,
      label: null,
    };
  }
  const shift = 31 - Math.clz32(scale);
  return { kind, base: base.code, index: second.code, shift, displacement, wide: false, label: null };
}

/** The memory at a label, counted from the end of the instruction that asks for it. */
export function rip(label: Label): Unsized {
  return { kind: Kind.MEMORY, base: RIP, index: -1, shift: 0, displacement: 0, wide: true, label };
}

function withKind<K extends number>(kind: K, m: Memory): Memory<K> {
  const { base, index, shift, displacement, wide, label } = m;
  return { kind, base, index, shift, displacement, wide, label };
}

/** One byte / two / four / eight bytes of memory. */
export const byte = (m: Unsized): Memory<typeof Kind.M8> => withKind(Kind.M8, m);
export const word = (m: Unsized): Memory<typeof Kind.M16> => withKind(Kind.M16, m);
export const dword = (m: Unsized): Memory<typeof Kind.M32> => withKind(Kind.M32, m);
export const qword = (m: Unsized): Memory<typeof Kind.M64> => withKind(Kind.M64, m);

/** The same memory with a displacement of four bytes whatever it is now: one that will be patched. */
export function disp32(m: Unsized): Unsized {
  const { kind, base, index, shift, displacement, label } = m;
  return { kind, base, index, shift, displacement, wide: true, label };
}

/** An immediate of exactly four bytes: one that will be patched. */
export function imm32(value: number): ExactImmediate {
  return { kind: Kind.IMMEDIATE, low: value | 0, high: value < 0 ? -1 : 0, bits: 32 };
}

/** An immediate of exactly eight bytes, from the two words that the heap keeps a value in. */
export function imm64(low: number, high: number): ExactImmediate {
  return { kind: Kind.IMMEDIATE, low: low | 0, high: high | 0, bits: 64 };
}

/** Lets a jump use its two-byte form. Who binds the label answers for the distance; the patcher checks it. */
export function short(label: Label): Short {
  return { kind: Kind.SHORT, label };
}

/** The kind of what stands in an operand's place, if anything does. */
export function kindOf(operand: Operand | undefined): number {
  if (operand === undefined) return Kind.NONE;
  return typeof operand === "object" ? operand.kind : Kind.IMMEDIATE;
}

/** What a label is called in a listing. */
export function labelName(label: Label): string {
  return label.name ?? `L${label.id}`;
}

/** `[rbx+rcx*8-16]`; `place` is what to call the target of `RIP`. */
export function showMemory(m: Memory, place: string): string {
  if (m.base === RIP) return `[${place}]`;
  const index = m.index < 0 ? "" : `+${FILE64[m.index].name}${m.shift === 0 ? "" : `*${1 << m.shift}`}`;
  const displacement = m.displacement === 0 ? "" : `${m.displacement < 0 ? "" : "+"}${m.displacement}`;
  return `[${FILE64[m.base].name}${index}${displacement}]`;
}

/** Small immediates in decimal, longer ones as the bits they are: `-1`, `9999`, `0xffff0000`. */
export function showImmediate(value: bigint, bits: number): string {
  const signed = bits === 8 ? BigInt.asUintN(8, value) : BigInt.asIntN(bits, value);
  return signed > -10000n && signed < 10000n ? `${signed}` : `0x${BigInt.asUintN(bits, value).toString(16)}`;
}

/** An operand as a template gave it, for messages. */
export function showOperand(operand: Operand): string {
  if (typeof operand !== "object") return `${operand}`;
  if ("code" in operand) return operand.name;
  if ("base" in operand) {
    const width = WIDTH_NAMES[operand.kind];
    const text = showMemory(operand, operand.label === null ? "" : labelName(operand.label));
    return width === undefined ? text : `${width} ${text}`;
  }
  if ("low" in operand) return `imm${operand.bits}(${operand.low}, ${operand.high})`;
  return operand.kind === Kind.SHORT ? `short ${labelName(operand.label)}` : labelName(operand);
}
