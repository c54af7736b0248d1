/**
 * What machine instructions are for, said in a few words: `mov rax,[r12+8]` is `rax = R[1]`. Nothing is told to this
 * file; it reads the instructions, and knows what machine registers and words of linear memory hold in all generated
 * code (templates.ts). So the words cannot differ from the bytes, and templates need not carry them.
 *
 *     cmp rax,r14          is rax tagged as an integer?        a comparison is kept in mind …
 *     jb exit: not-int     if it is none: exit: not-int        … until a jump tells what it was for
 */

import { Control, HEAP } from "../../core/memory.ts";
import * as value from "../../core/value.ts";
import type { ListingContext } from "../../core/backend.ts";
import { routineAt } from "./routines.ts";

/** A value's high word, in the words of the language. */
const TAG_NAMES: ReadonlyMap<number, string> = new Map([
  [value.HI_NIL, "nil"],
  [value.HI_BOOL, "a bool"],
  [value.HI_EMPTY, "unset"],
  [value.HI_UINT, "a small int"],
  [value.HI_STRING, "a string"],
  [value.HI_INT64, "a large int"],
  [value.HI_ARRAY, "an array"],
  [value.HI_MAP, "a map"],
  [value.HI_STRUCT, "a struct"],
  [value.HI_STRUCT_TYPE, "a struct type"],
  [value.HI_FUNCTION, "a function"],
  [value.HI_NATIVE, "a native"],
  [value.HI_MODULE, "a module"],
  [value.HI_FUTURE, "a future"],
  [value.HI_DOUBLE_END | 0, "no float"],
]);

/** How operands in words begin that are the tag of a value, and those that are a tag. */
const TAG_OF = "the tag of ", TAG = "tag: ";

/** Names of control words by number, both of those that are two words long. */
const CONTROL_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Control).map(([name, word]) => [word, name]),
);

/** Machine registers that hold the same everywhere. */
const KEEPERS: Readonly<Record<string, string>> = {
  r12: "window",
  r13d: "rounds",
  r14: "the int tag",
  r15: "frames",
  rbx: "the memory",
};

/** Where the code begins, as listings have it. */
const ORIGIN = "[rbx+CODE_ORIGIN]";

/** The words of a frame record. */
const RECORD: readonly string[] = ["pc", "window", "function", "place in the code"];

/** Reads the instructions of a piece of code one after the other; gives the text with names in it, and the purpose. */
export type Reader = (text: string) => { readonly text: string; readonly purpose: string };

interface Operands {
  /** The operand in words. */
  readonly a: string;
  readonly b: string;
  readonly c: string;
  /** The operand as the listing has it. */
  readonly raw: readonly string[];
}

const assign = (operator: string) => ({ a, b }: Operands) => `${a} ${operator} ${b}`;

/** What instructions do, but for comparisons and what depends on them. */
const MEANINGS: Readonly<Record<string, string | ((operands: Operands) => string)>> = {
  ...Object.fromEntries(
    ["mov", "movzx", "movsx", "movsxd", "movsd", "movups", "movaps", "movapd", "movd", "movq"].map((
      name,
    ) => [name, assign("=")]),
  ),
  lea: ({ a, b }) => `${a} = where ${b} is`,
  xchg: ({ a, b }) => `swap ${a} and ${b}`,
  push: ({ a }) => `put ${a} on the machine stack`,
  pop: ({ a }) => `take ${a} from the machine stack`,
  add: ({ a, b, raw }) =>
    raw[1] === ORIGIN ? `${a}: from a place in the code to its address` : `${a} += ${b}`,
  or: ({ a, b, raw }) => raw[1] === "r14" ? `tag ${a} as an integer` : `${a} |= ${b}`,
  adc: ({ a, b }) => `${a} += ${b} and the carry`,
  sbb: ({ a, b }) => `${a} -= ${b} and the borrow`,
  and: assign("&="),
  sub: ({ a, b, raw }) =>
    raw[1] === "rbx"
      ? `${a}: from an address to a byte of the memory`
      : raw[1] === ORIGIN
      ? `${a}: from an address to a place in the code`
      : `${a} -= ${b}`,
  xor({ a, b, raw }) {
    if (raw[1] === "r14") return `take the int tag off ${a}`;
    return raw[0] === raw[1] ? `${a} = 0` : `${a} ^= ${b}`;
  },
  inc: ({ a }) => `${a} += 1`,
  dec: ({ a }) => `${a} -= 1`,
  not: ({ a }) => `${a} = ~${a}`,
  neg: ({ a }) => `${a} = -${a}`,
  mul: ({ a }) => `rdx:rax = rax * ${a}`,
  imul: ({ a, b, c }) => b === "" ? `rdx:rax = rax * ${a}` : c === "" ? `${a} *= ${b}` : `${a} = ${b} * ${c}`,
  div: ({ a }) => `divide by ${a}: eax the quotient, edx the rest`,
  idiv: ({ a }) => `divide by ${a}: rax the quotient, rdx the rest`,
  cdq: "edx = the sign of eax",
  cqo: "rdx = the sign of rax",
  rol: ({ a, b }) => `turn ${a} left by ${b}`,
  ror: ({ a, b }) => `turn ${a} right by ${b}`,
  shl: ({ a, b, raw }) => raw[1] === "16" ? `the payload of ${a} to the top` : `${a} <<= ${b}`,
  shr: ({ a, b, raw }) => raw[1] === "16" ? `the payload of ${a} back below the tag` : `${a} >>>= ${b}`,
  sar: ({ a, b, raw }) => raw[1] === "16" ? `${a} = its payload as a number` : `${a} >>= ${b}`,
  shld: ({ a, b, c }) => `${a} <<= ${c}, filled from ${b}`,
  shrd: ({ a, b, c }) => `${a} >>>= ${c}, filled from ${b}`,
  bsf: ({ a, b }) => `${a} = the lowest bit set in ${b}`,
  bsr: ({ a, b }) => `${a} = the highest bit set in ${b}`,
  popcnt: ({ a, b }) => `${a} = the number of bits set in ${b}`,
  tzcnt: ({ a, b }) => `${a} = the number of zeros at the end of ${b}`,
  lzcnt: ({ a, b }) => `${a} = the number of zeros at the top of ${b}`,
  jmp: ({ a, raw }) => {
    if (raw[0].startsWith("[")) return `leave by ${a}`;
    if (raw[0].startsWith("exit: ")) return "leave it to the interpreter";
    return raw[0] === "poll" ? "time for a look outside" : `go on at ${a}`;
  },
  call: ({ a }) => `call ${a}`,
  ret: "back to the caller",
  int3: "stop for a debugger",
  ud2: "never gets here",
  nop: "fills up",
  cld: "strings go upward",
  "rep movsb": "copy rcx bytes from rsi to rdi",
  "rep movsq": "copy rcx times eight bytes from rsi to rdi",
  "rep stosb": "fill rcx bytes at rdi with al",
  "rep stosq": "fill rcx times eight bytes at rdi with rax",
  sqrtsd: ({ a, b }) => `${a} = the root of ${b}`,
  addsd: assign("+="),
  subsd: assign("-="),
  mulsd: assign("*="),
  divsd: assign("/="),
  cvtsi2sd: ({ a, b }) => `${a} = ${b} as a float`,
  cvttsd2si: ({ a, b }) => `${a} = ${b} cut to an integer`,
  andpd: assign("&="),
  xorpd: ({ a, b, raw }) => raw[0] === raw[1] ? `${a} = 0` : `${a} ^= ${b}`,
  pxor: ({ a, b, raw }) => raw[0] === raw[1] ? `${a} = 0` : `${a} ^= ${b}`,
  roundsd: ({ a, b }) => `${a} = ${b} rounded`,
  fld: ({ a }) => `put the float ${a} on the stack of floats`,
  fstp: ({ a }) => `take ${a} from the stack of floats`,
  fprem: "the first float = its remainder by the second, or a step on the way there",
  fnstsw: "ax = how that went; bit 10: there is more to do",
  db: "no instruction",
  dq: "a constant",
};

/** Conditions after a comparison of `a` with `b`; in words, where the operands do not matter. */
const CONDITIONS: Readonly<Record<string, string | ((a: string, b: string) => string)>> = {
  o: "it overflows",
  no: "it does not overflow",
  b: (a, b) => `${a} < ${b} without sign`,
  c: "the bit is set",
  ae: (a, b) => `${a} >= ${b} without sign`,
  nc: "the bit is not set",
  e: (a, b) => `${a} == ${b}`,
  z: "it is 0",
  ne: (a, b) => `${a} != ${b}`,
  nz: "it is not 0",
  be: (a, b) => `${a} <= ${b} without sign`,
  a: (a, b) => `${a} > ${b} without sign`,
  s: "it is negative",
  ns: "it is not negative",
  p: "one is no number",
  np: "both are numbers",
  l: (a, b) => `${a} < ${b}`,
  ge: (a, b) => `${a} >= ${b}`,
  le: (a, b) => `${a} <= ${b}`,
  g: (a, b) => `${a} > ${b}`,
};

const COMPARISONS: Readonly<Record<string, (operands: Operands) => string>> = {
  cmp: ({ a, b, raw }) => {
    if (raw[1] === "r14") return `is ${a} tagged as an integer?`;
    return b.startsWith(TAG) ? `is ${subject(a)} ${b.slice(TAG.length)}?` : `compare ${a} with ${b}`;
  },
  test: ({ a, b, raw }) => raw[0] === raw[1] ? `compare ${a} with 0` : `which bits of ${b} are set in ${a}?`,
  bt: ({ a, b }) => `look at bit ${b} of ${a}`,
  ucomisd: ({ a, b }) => `compare ${a} with ${b}`,
  comisd: ({ a, b }) => `compare ${a} with ${b}`,
};

/** What a tag belongs to, or the machine register that holds it. */
const subject = (a: string) => a.startsWith(TAG_OF) ? a.slice(TAG_OF.length) : a;

/** Whether there are words for a mnemonic. */
export function hasMeaning(mnemonic: string): boolean {
  const name = mnemonic.replace(/^rep_/, "rep ").replace(/_.*/, "");
  const [, , condition] = /^(j|set|cmov)(\w+)$/.exec(name) ?? [];
  return name in MEANINGS || name in COMPARISONS || condition in CONDITIONS;
}

/** Makes a reader; the names of words of linear memory come on top of those of control words. */
export function createReader(names: Pick<ListingContext, "wordName" | "valueName">): Reader {
  const nameOf: WordName = (word) => routineAt(word) ?? CONTROL_NAMES.get(word) ?? names.wordName?.(word);
  const valueOf = (bits: bigint) => names.valueName?.(bits);
  /** The last comparison: its operands in words, and what an integer is compared for. */
  let left = "", right = "", isTagTest = false;

  return (listed) => {
    const text = withNames(listed, nameOf, valueOf);
    const space = text.indexOf(" "), isRepeated = text.startsWith("rep ");
    const mnemonic = space < 0 || isRepeated ? text : text.slice(0, space);
    const raw = space < 0 || isRepeated ? [] : text.slice(space + 1).split(",");
    const isNarrow = raw.some((operand) => /^(dword|e[a-ds][xip]|r\d+d)\b/.test(operand));
    const [a = "", b = "", c = ""] = raw.map((operand) => inWords(operand, isNarrow));
    return { text, purpose: purposeOf(mnemonic, { a, b, c, raw }) };
  };

  function purposeOf(mnemonic: string, operands: Operands): string {
    const { a, b, raw } = operands;
    if (mnemonic in COMPARISONS) {
      [left, right] = [a, raw[0] === raw[1] ? "0" : b];
      isTagTest = raw[1] === "r14";
      return COMPARISONS[mnemonic](operands);
    }
    const [, verb, condition] = /^(j|set|cmov)(\w+)$/.exec(mnemonic) ?? [];
    if (condition in CONDITIONS) {
      const met = conditionText(condition);
      return verb === "j" ? `if ${met}` : verb === "set" ? `${a} = whether ${met}` : `${a} = ${b} if ${met}`;
    }
    const meaning = MEANINGS[mnemonic];
    // Jumps after arithmetic ask about its result.
    if (/^(add|sub|and|or|imul|inc|dec|neg|shl|shr|sar)$/.test(mnemonic)) {
      [left, right] = [a, "0"];
      isTagTest = false;
    }
    return typeof meaning === "function" ? meaning(operands) : meaning ?? "";
  }

  function conditionText(condition: string): string {
    if (isTagTest && condition === "b") return `${left} is no integer`;
    if (isTagTest && condition === "ae") return `${left} is an integer`;
    if (right.startsWith(TAG) && condition === "e") return `${subject(left)} is ${right.slice(TAG.length)}`;
    if (right === TAG + "no float") return `${subject(left)} is ${condition === "b" ? "a" : "no"} float`;
    if (right.startsWith(TAG) && condition === "ne") {
      return `${subject(left)} is not ${right.slice(TAG.length)}`;
    }
    if (left === "rounds" && condition === "ns") return "rounds are left";
    if (left === "rounds" && condition === "s") return "no rounds are left";
    const meaning = CONDITIONS[condition];
    return typeof meaning === "function" ? meaning(left, right) : meaning;
  }
}

type WordName = (word: number) => string | undefined;

/** Words of linear memory by name: `[rbx+64]` is `[rbx+FRAME_TOP]`; and numbers that are words or values. */
function withNames(text: string, nameOf: WordName, valueOf: (bits: bigint) => string | undefined): string {
  return text.replace(/\[rbx\+(\d+)\]/, (whole, byte) => {
    const word = Number(byte) / 4, name = nameOf(word);
    if (name !== undefined) return `[rbx+${name}]`;
    const before = nameOf(word - 1);
    return before === undefined ? whole : `[rbx+${before}+4]`;
  }).replace(/^(mov (?:dword \[.*\]|\w+),)(0x[0-9a-f]+)$/, (whole, start, number) => {
    const bits = BigInt(number), word = Number(bits);
    const name = bits >> 48n > 0n ? valueOf(bits) : word < HEAP / 4 ? undefined : nameOf(word);
    return name === undefined ? whole : start + name;
  });
}

/** An operand in words. */
function inWords(operand: string, isNarrow: boolean): string {
  const memory = /^(?:\w+ )?\[(.*)\]$/.exec(operand)?.[1];
  if (memory === undefined) return KEEPERS[operand] ?? valueText(operand, isNarrow);
  const window = /^r12([+-]\d+)?$/.exec(memory);
  if (window !== null) {
    const offset = Number(window[1] ?? 0), n = offset >> 3;
    const register = n < 0 ? "the callee's slot" : `R[${n}]`;
    if (!isNarrow) return register;
    return offset & 4 ? TAG_OF + register : `the payload of ${register}`;
  }
  const named = /^rbx\+([A-Za-z_]\w*)(\+4)?$/.exec(memory);
  if (named !== null && !/^r\w+$/.test(named[1])) {
    return named[2] === undefined || named[1] in Control ? named[1] : TAG_OF + named[1];
  }
  const indexed = /^rbx\+(r\w+)(?:\*([48]))?(?:\+(\d+))?$/.exec(memory);
  if (indexed !== null) {
    const [, index, scale = "1", bytes = "0"] = indexed;
    if (scale === "8" && isNarrow) return `word ${Number(bytes) / 4} of object ${index}`;
    if (scale === "8") return `the value at ${index}${bytes === "0" ? "" : `+${Number(bytes) / 8}`}`;
    if (scale === "4") return `word ${index}${bytes === "0" ? "" : `+${Number(bytes) / 4}`}`;
  }
  const record = /^r15(?:\+(\d+))?$/.exec(memory);
  if (record !== null) return `the record's ${RECORD[Number(record[1] ?? 0) / 4]}`;
  // What lives in these by its address is an array or a struct; see loops.ts.
  const home = /^(rsi|rdi|r8|r9|r10|r11)\+(\d+)$/.exec(memory);
  if (home !== null) {
    const [, base, bytes] = home;
    return isNarrow
      ? `word ${Number(bytes) / 4} of the object at ${base}`
      : `value ${Number(bytes) / 8} of the object at ${base}`;
  }
  return `[${memory}]`;
}

/** A number, or the value that its bits are if it is one of the language's. */
function valueText(operand: string, isNarrow: boolean): string {
  if (!/^(0x[0-9a-f]+|-?\d+)$/.test(operand)) return operand;
  const bits = BigInt(operand);
  if (bits >= 1n << 48n) {
    const high = Number(BigInt.asIntN(32, bits >> 32n)), low = Number(BigInt.asUintN(32, bits));
    if (high >> 16 === -1) return `int ${BigInt.asIntN(48, bits)}`;
    const name = TAG_NAMES.get(high);
    if (high === value.HI_BOOL) return low === 0 ? "false" : "true";
    if (name !== undefined) return name;
    return value.isDouble(high) ? `float ${new Float64Array(new BigUint64Array([bits]).buffer)[0]}` : operand;
  }
  const name = TAG_NAMES.get(Number(BigInt.asIntN(32, bits)));
  if (name !== undefined && bits >= 0x8000_0000n) return TAG + name;
  const signed = BigInt.asIntN(64, bits);
  return !isNarrow && signed !== 0n && signed % 65536n === 0n ? `${signed / 65536n} at the top` : operand;
}
