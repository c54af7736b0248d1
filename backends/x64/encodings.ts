/**
 * The x86-64 instructions that templates may use: one row per encoding, written as in the processor manual. Methods,
 * their types, encoder, disassembler and tests are all derived from the rows.
 *
 *     ["add r/m64, simm8",  "REX.W 83 /0 ib"]
 *       │   │      │         │     │  │  └ an immediate: ib one byte, id four, io eight; cb, cd: a displacement
 *       │   │      │         │     │  └ ModRM.reg holds this digit; /r: it holds the register operand
 *       │   │      │         │     └ the opcode, after 0F, 0F 38 or 0F 3A if need be; B8+r: plus the register;
 *       │   │      │         │       a second byte that stands in the place of ModRM, as in D9 F8
 *       │   │      │         └ 64-bit operands; before it a mandatory prefix 66, F2 or F3
 *       │   │      └ a byte that the processor sign-extends to the width of the operation
 *       │   └ a register or memory, in ModRM.rm; plain r64 and xmm go to ModRM.reg
 *       └ the method
 *
 *     ┌────────┬─────┬──────────┬────────┬───────┬─────┬──────────────┬───────────┐
 *     │ prefix │ REX │ 0F 38/3A │ opcode │ ModRM │ SIB │ displacement │ immediate │   all but the opcode optional
 *     └────────┴─────┴──────────┴────────┴───────┴─────┴──────────────┴───────────┘
 *
 * ORDER: among rows that fit a call, the first is taken: shorter forms stand before longer ones. Among rows of the
 * same bytes, the first is what a listing shows.
 *
 * There are no 16-bit registers and no ah, bh, ch, dh: nothing here needs them, and they cost prefixes and stalls.
 */

import {
  al,
  cl,
  eax,
  type Immediate,
  Kind,
  type Label,
  type Memory,
  type R32,
  type R64,
  type R8,
  rax,
  type Register,
  type Short,
  type Unsized,
  type Xmm,
} from "./operands.ts";

type Row<S extends string = string> = readonly [signature: S, encoding: string];

/** Instructions that differ by a number in their encoding: the rows of each name, with its number. */
function family<const N extends string, const S extends string>(
  names: Readonly<Record<N, number>>,
  rows: (name: N, n: number) => readonly Row<S>[],
): Row<S>[] {
  return Object.entries<number>(names).flatMap(([name, n]) => rows(name as N, n));
}

function hex(opcode: number): string {
  return opcode.toString(16).padStart(2, "0").toUpperCase();
}

// Two names for a condition where each reads better in its place: `jc` after bt, `jb` after cmp.
const CONDITIONS = {
  ...{ o: 0, no: 1, b: 2, c: 2, ae: 3, nc: 3, e: 4, z: 4, ne: 5, nz: 5, be: 6, a: 7 },
  ...{ s: 8, ns: 9, p: 10, np: 11, l: 12, ge: 13, le: 14, g: 15 },
};

/** All encodings. */
export const ENCODINGS = [
  // ---- moving -----------------------------------------------------------------------------------------------------

  ["mov r/m8, r8", "88 /r"],
  ["mov r/m32, r32", "89 /r"],
  ["mov r/m64, r64", "REX.W 89 /r"],
  ["mov r8, r/m8", "8A /r"],
  ["mov r32, r/m32", "8B /r"],
  ["mov r64, r/m64", "REX.W 8B /r"],
  ["mov r8, imm8", "B0+r ib"],
  ["mov r/m8, imm8", "C6 /0 ib"],
  ["mov r32, imm32", "B8+r id"],
  ["mov r/m32, imm32", "C7 /0 id"],
  // A write to 32 bits clears the upper half, so this is `mov eax` with another name.
  ["mov r64, uimm32", "B8+r id"],
  ["mov r/m64, simm32", "REX.W C7 /0 id"],
  ["mov r64, imm64", "REX.W B8+r io"],
  ["movzx r32, r/m8", "0F B6 /r"],
  ["movzx r32, m16", "0F B7 /r"],
  ["movsx r32, r/m8", "0F BE /r"],
  ["movsx r64, r/m8", "REX.W 0F BE /r"],
  ["movsx r32, m16", "0F BF /r"],
  ["movsx r64, m16", "REX.W 0F BF /r"],
  ["movsxd r64, r/m32", "REX.W 63 /r"],
  ["lea r32, m", "8D /r"],
  ["lea r64, m", "REX.W 8D /r"],
  ["xchg r/m8, r8", "86 /r"],
  ["xchg r/m32, r32", "87 /r"],
  ["xchg r/m64, r64", "REX.W 87 /r"],
  ["push r64", "50+r"],
  ["push m64", "FF /6"],
  ["push simm8", "6A ib"],
  ["push simm32", "68 id"],
  ["pop r64", "58+r"],
  ["pop m64", "8F /0"],
  ...family(CONDITIONS, (cc, n) => [
    [`cmov${cc} r32, r/m32`, `0F ${hex(0x40 + n)} /r`],
    [`cmov${cc} r64, r/m64`, `REX.W 0F ${hex(0x40 + n)} /r`],
    [`set${cc} r/m8`, `0F ${hex(0x90 + n)} /0`],
  ]),

  // ---- integers ---------------------------------------------------------------------------------------------------

  ...family({ add: 0, or: 1, adc: 2, sbb: 3, and: 4, sub: 5, xor: 6, cmp: 7 }, (op, n) => [
    [`${op} r/m8, r8`, `${hex(8 * n)} /r`],
    [`${op} r/m32, r32`, `${hex(8 * n + 1)} /r`],
    [`${op} r/m64, r64`, `REX.W ${hex(8 * n + 1)} /r`],
    [`${op} r8, r/m8`, `${hex(8 * n + 2)} /r`],
    [`${op} r32, r/m32`, `${hex(8 * n + 3)} /r`],
    [`${op} r64, r/m64`, `REX.W ${hex(8 * n + 3)} /r`],
    [`${op} al, imm8`, `${hex(8 * n + 4)} ib`],
    [`${op} r/m8, imm8`, `80 /${n} ib`],
    [`${op} r/m32, simm8`, `83 /${n} ib`],
    [`${op} eax, imm32`, `${hex(8 * n + 5)} id`],
    [`${op} r/m32, imm32`, `81 /${n} id`],
    [`${op} r/m64, simm8`, `REX.W 83 /${n} ib`],
    [`${op} rax, simm32`, `REX.W ${hex(8 * n + 5)} id`],
    [`${op} r/m64, simm32`, `REX.W 81 /${n} id`],
  ]),
  ["test r/m8, r8", "84 /r"],
  ["test r/m32, r32", "85 /r"],
  ["test r/m64, r64", "REX.W 85 /r"],
  ["test al, imm8", "A8 ib"],
  ["test r/m8, imm8", "F6 /0 ib"],
  ["test eax, imm32", "A9 id"],
  ["test r/m32, imm32", "F7 /0 id"],
  ["test rax, simm32", "REX.W A9 id"],
  ["test r/m64, simm32", "REX.W F7 /0 id"],
  ...family({ inc: 0, dec: 1 }, (op, n) => [
    [`${op} r/m8`, `FE /${n}`],
    [`${op} r/m32`, `FF /${n}`],
    [`${op} r/m64`, `REX.W FF /${n}`],
  ]),
  ...family({ not: 2, neg: 3, mul: 4, imul: 5, div: 6, idiv: 7 }, (op, n) => [
    [`${op} r/m8`, `F6 /${n}`],
    [`${op} r/m32`, `F7 /${n}`],
    [`${op} r/m64`, `REX.W F7 /${n}`],
  ]),
  ["imul r32, r/m32", "0F AF /r"],
  ["imul r64, r/m64", "REX.W 0F AF /r"],
  ["imul r32, r/m32, simm8", "6B /r ib"],
  ["imul r32, r/m32, imm32", "69 /r id"],
  ["imul r64, r/m64, simm8", "REX.W 6B /r ib"],
  ["imul r64, r/m64, simm32", "REX.W 69 /r id"],
  ["cdq", "99"],
  ["cqo", "REX.W 99"],
  ...family({ rol: 0, ror: 1, shl: 4, shr: 5, sar: 7 }, (op, n) => [
    [`${op} r/m8, 1`, `D0 /${n}`],
    [`${op} r/m32, 1`, `D1 /${n}`],
    [`${op} r/m64, 1`, `REX.W D1 /${n}`],
    [`${op} r/m8, imm8`, `C0 /${n} ib`],
    [`${op} r/m32, imm8`, `C1 /${n} ib`],
    [`${op} r/m64, imm8`, `REX.W C1 /${n} ib`],
    [`${op} r/m8, cl`, `D2 /${n}`],
    [`${op} r/m32, cl`, `D3 /${n}`],
    [`${op} r/m64, cl`, `REX.W D3 /${n}`],
  ]),
  ...family({ shld: 0xA4, shrd: 0xAC }, (op, opcode) => [
    [`${op} r/m32, r32, imm8`, `0F ${hex(opcode)} /r ib`],
    [`${op} r/m64, r64, imm8`, `REX.W 0F ${hex(opcode)} /r ib`],
    [`${op} r/m32, r32, cl`, `0F ${hex(opcode + 1)} /r`],
    [`${op} r/m64, r64, cl`, `REX.W 0F ${hex(opcode + 1)} /r`],
  ]),
  ["bt r/m32, r32", "0F A3 /r"],
  ["bt r/m64, r64", "REX.W 0F A3 /r"],
  ["bt r/m32, imm8", "0F BA /4 ib"],
  ["bt r/m64, imm8", "REX.W 0F BA /4 ib"],
  ["bsf r32, r/m32", "0F BC /r"],
  ["bsf r64, r/m64", "REX.W 0F BC /r"],
  ["bsr r32, r/m32", "0F BD /r"],
  ["bsr r64, r/m64", "REX.W 0F BD /r"],
  ...family({ popcnt: 0xB8, tzcnt: 0xBC, lzcnt: 0xBD }, (op, opcode) => [
    [`${op} r32, r/m32`, `F3 0F ${hex(opcode)} /r`],
    [`${op} r64, r/m64`, `F3 REX.W 0F ${hex(opcode)} /r`],
  ]),

  // ---- control ----------------------------------------------------------------------------------------------------

  ...family(CONDITIONS, (cc, n) => [
    [`j${cc} rel8`, `${hex(0x70 + n)} cb`],
    [`j${cc} rel32`, `0F ${hex(0x80 + n)} cd`],
  ]),
  ["jmp rel8", "EB cb"],
  ["jmp rel32", "E9 cd"],
  ["jmp r/m64", "FF /4"],
  ["call rel32", "E8 cd"],
  ["call r/m64", "FF /2"],
  ["ret", "C3"],
  ["int3", "CC"],
  ["ud2", "0F 0B"],
  ["nop", "90"],
  ["nop m16", "66 0F 1F /0"],
  ["nop m32", "0F 1F /0"],
  ["cld", "FC"],
  ["rep_movsb", "F3 A4"],
  ["rep_movsq", "F3 REX.W A5"],
  ["rep_stosb", "F3 AA"],
  ["rep_stosq", "F3 REX.W AB"],

  // ---- doubles ----------------------------------------------------------------------------------------------------

  ["movsd xmm, xmm/m64", "F2 0F 10 /r"],
  ["movsd m64, xmm", "F2 0F 11 /r"],
  ["movups xmm, xmm/m128", "0F 10 /r"],
  ["movups m128, xmm", "0F 11 /r"],
  ["movaps xmm, xmm/m128", "0F 28 /r"],
  ["movaps m128, xmm", "0F 29 /r"],
  ["movapd xmm, xmm/m128", "66 0F 28 /r"],
  ["movapd m128, xmm", "66 0F 29 /r"],
  ["movd xmm, r/m32", "66 0F 6E /r"],
  ["movd r/m32, xmm", "66 0F 7E /r"],
  ["movq xmm, xmm/m64", "F3 0F 7E /r"],
  ["movq m64, xmm", "66 0F D6 /r"],
  ["movq xmm, r/m64", "66 REX.W 0F 6E /r"],
  ["movq r/m64, xmm", "66 REX.W 0F 7E /r"],
  ...family({ sqrtsd: 0x51, addsd: 0x58, mulsd: 0x59, subsd: 0x5C, divsd: 0x5E }, (op, opcode) => [
    [`${op} xmm, xmm/m64`, `F2 0F ${hex(opcode)} /r`],
  ]),
  ["ucomisd xmm, xmm/m64", "66 0F 2E /r"],
  ["comisd xmm, xmm/m64", "66 0F 2F /r"],
  ["cvtsi2sd xmm, r/m32", "F2 0F 2A /r"],
  ["cvtsi2sd xmm, r/m64", "F2 REX.W 0F 2A /r"],
  ["cvttsd2si r32, xmm/m64", "F2 0F 2C /r"],
  ["cvttsd2si r64, xmm/m64", "F2 REX.W 0F 2C /r"],
  ["andpd xmm, xmm/m128", "66 0F 54 /r"],
  ["xorpd xmm, xmm/m128", "66 0F 57 /r"],
  ["pxor xmm, xmm/m128", "66 0F EF /r"],
  ["roundsd xmm, xmm/m64, imm8", "66 0F 3A 0B /r ib"],
  // The one thing that the old unit for doubles does better: the exact remainder.
  ["fld m64", "DD /0"],
  ["fstp m64", "DD /3"],
  ["fprem", "D9 F8"],
  ["fnstsw_ax", "DF E0"],
] as const satisfies readonly Row[];

// ---- The rows as types ----------------------------------------------------------------------------------------------

/** What a caller may pass for each operand of a row. */
interface OperandTypes {
  al: Register<typeof Kind.R8, "al">;
  cl: Register<typeof Kind.R8, "cl">;
  eax: Register<typeof Kind.R32, "eax">;
  rax: Register<typeof Kind.R64, "rax">;
  r8: R8;
  r32: R32;
  r64: R64;
  xmm: Xmm;
  m: Unsized;
  m16: Unsized | Memory<typeof Kind.M16>;
  m32: Unsized | Memory<typeof Kind.M32>;
  m64: Unsized | Memory<typeof Kind.M64>;
  m128: Unsized;
  "r/m8": R8 | Unsized | Memory<typeof Kind.M8>;
  "r/m32": R32 | Unsized | Memory<typeof Kind.M32>;
  "r/m64": R64 | Unsized | Memory<typeof Kind.M64>;
  "xmm/m64": Xmm | Unsized | Memory<typeof Kind.M64>;
  "xmm/m128": Xmm | Unsized;
  "1": Immediate;
  imm8: Immediate;
  simm8: Immediate;
  imm32: Immediate;
  uimm32: Immediate;
  simm32: Immediate;
  imm64: Immediate;
  rel8: Short;
  rel32: Label;
}
type OperandName = keyof OperandTypes;

type Signature = (typeof ENCODINGS)[number][0];
type MnemonicOf<S> = S extends `${infer M} ${string}` ? M : S;
type TypesOf<S> = S extends `${infer First}, ${infer Rest}` ? [...TypesOf<First>, ...TypesOf<Rest>]
  : S extends OperandName ? [OperandTypes[S]]
  : never;
type Calls = {
  [S in Signature as MnemonicOf<S>]: S extends `${string} ${infer Operands}` ? TypesOf<Operands> : [];
};

/** The name of an instruction, as a method. */
export type Mnemonic = keyof Calls;

/** One method per mnemonic, with the operands that its rows allow. */
export type Instructions = { readonly [M in Mnemonic]: (...operands: Calls[M]) => void };

// ---- The rows, read -------------------------------------------------------------------------------------------------

/** What an immediate may be; the rules are checked on its two words, see `holds` in the assembler. */
export type ImmediateRule = "1" | "imm8" | "simm8" | "imm32" | "uimm32" | "simm32" | "imm64";

interface OperandDef {
  /** The kind of register it takes, or 0. */
  readonly register: number;
  /** The kind of memory it takes, or 0. */
  readonly memory: number;
  /** The one register it takes. */
  readonly only?: Register;
  readonly immediate?: ImmediateRule;
  readonly bits: number;
}

const register = (kind: number, bits: number): OperandDef => ({ register: kind, memory: 0, bits });
const only = (r: Register, bits: number): OperandDef => ({ register: r.kind, memory: 0, only: r, bits });
const memory = (kind: number, bits: number): OperandDef => ({ register: 0, memory: kind, bits });
const either = (r: number, m: number, bits: number): OperandDef => ({ register: r, memory: m, bits });
const immediate = (rule: ImmediateRule): OperandDef => ({ register: 0, memory: 0, immediate: rule, bits: 0 });
const place: OperandDef = { register: 0, memory: 0, bits: 0 };

const OPERANDS: Readonly<Record<OperandName, OperandDef>> = {
  al: only(al, 8),
  cl: only(cl, 8),
  eax: only(eax, 32),
  rax: only(rax, 64),
  r8: register(Kind.R8, 8),
  r32: register(Kind.R32, 32),
  r64: register(Kind.R64, 64),
  xmm: register(Kind.XMM, 128),
  m: memory(Kind.MEMORY, 0),
  m16: memory(Kind.M16, 16),
  m32: memory(Kind.M32, 32),
  m64: memory(Kind.M64, 64),
  m128: memory(Kind.M128, 128),
  "r/m8": either(Kind.R8, Kind.M8, 8),
  "r/m32": either(Kind.R32, Kind.M32, 32),
  "r/m64": either(Kind.R64, Kind.M64, 64),
  "xmm/m64": either(Kind.XMM, Kind.M64, 64),
  "xmm/m128": either(Kind.XMM, Kind.M128, 128),
  "1": immediate("1"),
  imm8: immediate("imm8"),
  simm8: immediate("simm8"),
  imm32: immediate("imm32"),
  uimm32: immediate("uimm32"),
  simm32: immediate("simm32"),
  imm64: immediate("imm64"),
  rel8: place,
  rel32: place,
};

/** Nowhere: the row has no such operand. */
export const ABSENT = -1;

/** A row, ready for use. `reg`, `rm` and so on are indices into the operands, or `ABSENT`. */
export interface Form {
  readonly signature: string;
  readonly mnemonic: string;
  readonly operands: readonly OperandDef[];
  /** 0x66, 0xF2, 0xF3 or 0. */
  readonly prefix: number;
  /** 0x48 with REX.W, otherwise 0. */
  readonly rex: number;
  /** 0, 0x0F, or 0x38 and 0x3A, which stand behind 0F. */
  readonly escape: number;
  readonly opcode: number;
  /** Whether a ModRM byte follows. */
  readonly modrm: boolean;
  /** What ModRM.reg holds when no operand does. */
  readonly digit: number;
  /** The register in ModRM.reg / the register or memory in ModRM.rm / the register added to the opcode. */
  readonly reg: number;
  readonly rm: number;
  readonly plus: number;
  /** An operand that must be a certain register, and that register's code. */
  readonly only: number;
  readonly onlyCode: number;
  readonly immediate: number;
  readonly immediateRule: ImmediateRule;
  /** Bytes of the immediate: 0, 1, 4, 8. */
  readonly immediateSize: number;
  /** Bits that the immediate stands for once the processor has extended it. */
  readonly immediateBits: number;
  /** The label, and the bytes of its displacement: 0, 1, 4. */
  readonly target: number;
  readonly targetSize: 0 | 1 | 4;
  /** Whether it takes all operands of the right kinds: no immediate, no certain register. */
  readonly isPlain: boolean;
  /** Whether memory may leave its width unsaid: no other row would take it. */
  unsized: boolean;
}

/** The forms that fit some kinds of operands, best first, by {@linkcode shapeOf}. An array, since it is asked so often. */
export type Shapes = readonly (readonly Form[] | undefined)[];

/** The kinds of up to three operands as one number. */
export function shapeOf(a: number, b: number, c: number): number {
  return a | b << 4 | c << 8;
}

/** A row as a form. */
function readRow([signature, encoding]: Row): Form {
  const end = signature.indexOf(" "), mnemonic = end < 0 ? signature : signature.slice(0, end);
  const operands: OperandDef[] = [];
  let inRegister = ABSENT, inMemory = ABSENT, onlyAt = ABSENT, immediateAt = ABSENT, target = ABSENT;
  const names = end < 0 ? [] : signature.slice(end + 1).split(", ");
  for (let i = 0; i < names.length; i++) {
    const def = OPERANDS[names[i] as OperandName];
    operands.push(def);
    if (def === place) target = i;
    else if (def.only !== undefined) onlyAt = i;
    else if (def.immediate !== undefined) immediateAt = i;
    else if (def.memory !== 0) inMemory = i;
    else if (inRegister === ABSENT) inRegister = i;
  }

  const bytes: number[] = [];
  let prefix = 0, rex = 0, digit = 0, modrm = false, hasRegister = false, plus = false, immediateSize = 0;
  let targetSize: 0 | 1 | 4 = 0;
  for (const token of encoding.split(" ")) {
    switch (token) {
      case "REX.W":
        rex = 0x48;
        break;
      case "cb":
        targetSize = 1;
        break;
      case "cd":
        targetSize = 4;
        break;
      case "ib":
        immediateSize = 1;
        break;
      case "id":
        immediateSize = 4;
        break;
      case "io":
        immediateSize = 8;
        break;
      case "/r":
        modrm = hasRegister = true;
        break;
      default:
        if (token.startsWith("/")) {
          modrm = true;
          digit = Number(token.slice(1));
          break;
        }
        plus = token.endsWith("+r");
        bytes.push(parseInt(token, 16));
        if (bytes.length === 1 && (bytes[0] === 0x66 || bytes[0] === 0xF2 || bytes[0] === 0xF3)) {
          prefix = bytes.pop()!;
        }
    }
  }

  const isFixed = bytes.length === 2 && bytes[0] !== 0x0F;
  if (isFixed) {
    const place = bytes.pop()!;
    if ((place & 0xC7) !== 0xC0) throw new Error(`${signature}: ModRM ${hex(place)} names operands`);
    modrm = true;
    digit = place >> 3 & 7;
  }

  const rule = operands[immediateAt]?.immediate ?? "imm8";
  const extended = rule === "simm8" || rule === "simm32";
  return {
    signature,
    mnemonic,
    operands,
    prefix,
    rex,
    escape: bytes.length === 1 ? 0 : bytes.length === 2 ? 0x0F : bytes[1],
    opcode: bytes[bytes.length - 1],
    modrm,
    digit,
    reg: hasRegister ? inRegister : ABSENT,
    rm: modrm ? inMemory : ABSENT,
    plus: plus ? inRegister : ABSENT,
    only: onlyAt,
    onlyCode: operands[onlyAt]?.only?.code ?? 0,
    immediate: immediateAt,
    immediateRule: rule,
    immediateSize,
    // push extends to the width of the stack.
    immediateBits: extended ? (mnemonic === "push" ? 64 : operands[0].bits) : immediateSize * 8 || 8,
    target,
    targetSize,
    isPlain: onlyAt === ABSENT && immediateAt === ABSENT,
    unsized: false,
  };
}

/** The kinds that an operand of a row takes, memory of unsaid width last. */
function kindsOf(def: OperandDef | undefined, form: Form): number[] {
  if (def === undefined) return [Kind.NONE];
  if (def.immediate !== undefined) return [Kind.IMMEDIATE];
  if (def === place) return [form.targetSize === 1 ? Kind.SHORT : Kind.LABEL];
  const kinds = [def.register, def.memory].filter((kind) => kind !== 0);
  if (def.memory !== 0 && def.memory !== Kind.MEMORY) kinds.push(Kind.MEMORY);
  return kinds;
}

/** Sorts the forms of one mnemonic by the operands they take. */
function sortForms(forms: readonly Form[]): Shapes {
  const shapes = new Map<number, Form[]>();
  for (const form of forms) {
    const [a, b, c] = [0, 1, 2].map((i) => kindsOf(form.operands[i], form));
    for (const i of a) for (const j of b) for (const k of c) addTo(shapes, shapeOf(i, j, k), form);
  }

  // `mov [rbx], 5` could mean three things: memory of unsaid width is allowed where all forms agree on the width.
  for (const [shape, takers] of shapes) {
    if (![0, 4, 8].some((at) => (shape >> at & 15) === Kind.MEMORY)) continue;
    const widths = new Set(takers.map((form) => form.operands[form.rm].memory));
    if (widths.size > 1) shapes.delete(shape);
    else for (const form of takers) form.unsized = true;
  }
  const list: (readonly Form[] | undefined)[] = new Array(Math.max(...shapes.keys()) + 1).fill(undefined);
  for (const [shape, takers] of shapes) list[shape] = takers;
  return list;
}

/** Adds to the list under a key. */
export function addTo<T>(lists: Map<number, T[]>, key: number, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

// Reading all rows takes some milliseconds, which a program that never gets hot should not pay: a row is read when
// its mnemonic is first used.
const BOOKS = new Map(
  [...Map.groupBy<string, Row>(ENCODINGS, ([signature]) => signature.split(" ", 1)[0])].map(
    ([mnemonic, rows]) => {
      let book: { readonly forms: readonly Form[]; readonly shapes: Shapes } | undefined;
      const open = () => {
        if (book !== undefined) return book;
        const forms = rows.map(readRow);
        return book = { forms, shapes: sortForms(forms) };
      };
      return [mnemonic, open];
    },
  ),
);

/** All mnemonics, in the order of their first rows. */
export const MNEMONICS: readonly string[] = [...BOOKS.keys()];

/** The forms of a mnemonic, in the order of their rows. */
export function formsOf(mnemonic: string): readonly Form[] {
  return BOOKS.get(mnemonic)!().forms;
}

/** The same forms by the operands they take. */
export function shapesOf(mnemonic: string): Shapes {
  return BOOKS.get(mnemonic)!().shapes;
}
