/**
 * The opcode table: one row is everything there is to know about an opcode, short of machine code. Encoder, listing,
 * verifier, documentation and the dispatch loop are derived from the rows.
 *
 * A row's `exec` is the opcode's meaning, and the only one: other backends are held to it. It is an ordinary function
 * of the machine and its operands, which the row's operand kinds say how to decode: a register or a constant arrives
 * as the *word* where its value lies, anything else as a plain number. pc is behind the instruction word, at the
 * first operand word if there are any.
 *
 * :exec: `dispatch.ts` pastes the bodies into one `switch`, so they keep to a few rules. They use only names that
 * {@linkcode SCOPE} lists. `m.pc`, `m.base` and `m.proto` are local variables of the loop there; a body writes
 * `m.save()` before it calls anything that may fail, collect or look at the frames, and `m.load()` after what may have
 * changed them. `return;` means the next instruction, `return stop` leaves the loop.
 *
 * :families: An opcode that can do better when it knows the types has specialised forms in the rows right behind it.
 * It starts general, and the first execution writes the form that fits into the code; a form whose guard fails
 * rewrites itself to the `_ANY` form, which learns no more. The forms are the type feedback that compilers read.
 * ORDER families: general, the specialised ones, `_ANY`.
 */

import { Control, FRAME_WORDS, FRAMES_END, views } from "./memory.ts";
import * as value from "./value.ts";
import { copyValue, isTruthy, kindName, setBool, setInt32, setNil, setObject } from "./value.ts";
import * as arithmetic from "./arithmetic.ts";
import { intHigh, numberAt } from "./arithmetic.ts";
import { Proto } from "./program.ts";
import {
  appendItem,
  arrayLength,
  growthUnits,
  itemWord,
  newArray,
  newCell,
  newFunction,
  resizeArray,
  safepoint,
} from "./heap.ts";
import { BYTE_STRING_UNITS, byteString, equalStrings, stringLength, stringText } from "./strings.ts";
import { isKey, mapCount, mapGet, mapGetString, mapNext, mapSet, mapSetUnits, newMap } from "./maps.ts";
import { equalValues, isComparable, lessEqual, lessThan } from "./compare.ts";
import { concatText, concatTextUnits, valueToDisplay } from "./text.ts";
import {
  awaitValue,
  call,
  endTask,
  fail,
  failBuiltin,
  failKey,
  failOperands,
  functionAt,
  type Machine,
  moduleAt,
  printValue,
  Stop,
} from "./machine.ts";

const { I32, F64, U8 } = views;
const {
  HI_UINT,
  HI_BOOL,
  HI_NIL,
  HI_EMPTY,
  HI_ARRAY,
  HI_MAP,
  HI_STRING,
  HI_STRUCT,
  HI_STRUCT_TYPE,
  HI_FUNCTION,
  HI_MODULE,
  HI_DOUBLE_END,
  Kind,
} = value;
const { FRAME_TOP, STACK_LIMIT, ALLOC_CURSOR, ALLOC_END } = Control;
const P_ARITY = Proto.ARITY, P_FRAME = Proto.FRAME, P_COUNTER = Proto.COUNTER, P_CODE = Proto.CODE;
const HOT_CALL = Stop.HOT_CALL, FINISHED = Stop.FINISHED, RETURNED = Stop.RETURNED;
const KIND_STRUCT = Kind.STRUCT;
const INT_LIMIT = 140737488355328; // 2^47
const TWO_32 = 4294967296;

/** How an operand byte (or 16 bits) is decoded, and what the verifier checks of it. */
export type OperandKind =
  /** A register that is written / read: the word of its value. */
  | "dst"
  | "src"
  /** A constant: the word of its value. */
  | "constant"
  /** Plain numbers: a literal, 0 or 1, a number of arguments, an index of a capture. */
  | "int"
  | "flag"
  | "count"
  | "capture"
  /** A register by 16 bits, for windows beyond what a byte reaches. */
  | "far"
  /** The first of a call's registers: callee, then the arguments. */
  | "window"
  /** The first of a loop's three registers: collection, state, element. */
  | "iterator";

/** What a whole operand word holds. */
export type WordKind = "jump" | "constant" | "global" | "window" | "cache";

/** The operands of an opcode: bytes A, B, C, or a byte and 16 bits (sBx: signed), then whole words. */
export interface Operands {
  /** Bits 8 to 15. */
  readonly A?: OperandKind;
  /** Bits 16 to 23. */
  readonly B?: OperandKind;
  /** Bits 24 to 31. */
  readonly C?: OperandKind;
  /** Bits 16 to 31. */
  readonly Bx?: OperandKind;
  /** Bits 16 to 31, with a sign. */
  readonly sBx?: OperandKind;
  /** The words behind the instruction word. */
  readonly words?: readonly WordKind[];
}

/** What executing an opcode may do: `pure` (compute, or fail), `memory` (touch objects), `call`, `control` (jump). */
export type Effect = "pure" | "memory" | "call" | "control";

/** The meaning of an opcode; operands as the row's kinds say. Gives a {@linkcode Stop}, or nothing to go on. */
export type Exec = (m: Machine, a: number, b: number, c: number) => number | void;

/** One row of the table. */
export interface OpcodeDef<Name extends string = string> {
  /** Upper case with underscores: `JUMP_LT`. */
  readonly name: Name;
  /** What its bytes and words mean. */
  readonly operands: Operands;
  /** What executing it may do. */
  readonly effect: Effect;
  /** What it does in one line: `R[A] = R[B] + R[C]`. An ellipsis, `\u2026`, stands for the registers between two. */
  readonly formula: string;
  /** A paragraph for readers. */
  readonly doc: string;
  /** The meaning, and the only place that states it. */
  readonly exec: Exec;
  /** The general form, if this is a specialised one. */
  readonly general?: string;
  /** `exec` gets B as its first operand and A as its second. */
  readonly swapped?: boolean;
  /** A program whose code contains it, for `explain`; those of the built-in ones are in explain_examples.ts. */
  readonly example?: string;
}

// ---- arithmetic --------------------------------------------------------------------------------------------------

// Numbers of the forms of a family, as distances from its general row. ORDER families
const GENERAL = 0, INTS = 1, DOUBLES = 2, ANY = 3;

function execArithmetic(m: Machine, a: number, b: number, c: number): void {
  m.save();
  compute(m, a, b, c);
}

const addDoubles: Exec = (m, a, b, c) => {
  if ((I32[b + 1] >>> 0) < HI_DOUBLE_END && (I32[c + 1] >>> 0) < HI_DOUBLE_END) {
    F64[a >> 1] = F64[b >> 1] + F64[c >> 1];
    return;
  }
  m.save();
  compute(m, a, b, c);
};

const subtractDoubles: Exec = (m, a, b, c) => {
  if ((I32[b + 1] >>> 0) < HI_DOUBLE_END && (I32[c + 1] >>> 0) < HI_DOUBLE_END) {
    F64[a >> 1] = F64[b >> 1] - F64[c >> 1];
    return;
  }
  m.save();
  compute(m, a, b, c);
};

const multiplyDoubles: Exec = (m, a, b, c) => {
  if ((I32[b + 1] >>> 0) < HI_DOUBLE_END && (I32[c + 1] >>> 0) < HI_DOUBLE_END) {
    F64[a >> 1] = F64[b >> 1] * F64[c >> 1];
    return;
  }
  m.save();
  compute(m, a, b, c);
};

const divideDoubles: Exec = (m, a, b, c) => {
  if ((I32[b + 1] >>> 0) < HI_DOUBLE_END && (I32[c + 1] >>> 0) < HI_DOUBLE_END) {
    F64[a >> 1] = F64[b >> 1] / F64[c >> 1];
    return;
  }
  m.save();
  compute(m, a, b, c);
};

// The sum of two 48-bit integers: the low halves with their carry, then the payloads' upper 16 bits, sign-extended.
// Whether the sum fits 48 bits shows in the upper half being its own sign extension.
const addInts: Exec = (m, a, b, c) => {
  const bh = I32[b + 1], ch = I32[c + 1];
  if ((bh & ch) >> 16 === -1) {
    const bl = I32[b], low = (bl + I32[c]) | 0;
    const high = ((bh << 16 >> 16) + (ch << 16 >> 16) + ((low >>> 0) < (bl >>> 0) ? 1 : 0)) | 0;
    if (high === high << 16 >> 16) {
      I32[a] = low;
      I32[a + 1] = high | HI_UINT;
      return;
    }
  }
  m.save();
  compute(m, a, b, c);
};

const subtractInts: Exec = (m, a, b, c) => {
  const bh = I32[b + 1], ch = I32[c + 1];
  if ((bh & ch) >> 16 === -1) {
    const bl = I32[b], cl = I32[c];
    const high = ((bh << 16 >> 16) - (ch << 16 >> 16) - ((bl >>> 0) < (cl >>> 0) ? 1 : 0)) | 0;
    if (high === high << 16 >> 16) {
      I32[a] = (bl - cl) | 0;
      I32[a + 1] = high | HI_UINT;
      return;
    }
  }
  m.save();
  compute(m, a, b, c);
};

// Doubles multiply 48-bit integers exactly as long as the product stays below 2^53, let alone 2^47.
const multiplyInts: Exec = (m, a, b, c) => {
  const bh = I32[b + 1], ch = I32[c + 1];
  if ((bh & ch) >> 16 === -1) {
    const product = ((bh << 16 >> 16) * TWO_32 + (I32[b] >>> 0)) *
      ((ch << 16 >> 16) * TWO_32 + (I32[c] >>> 0));
    if (product >= -INT_LIMIT && product < INT_LIMIT) {
      I32[a] = product;
      I32[a + 1] = Math.floor(product / TWO_32) | HI_UINT;
      return;
    }
  }
  m.save();
  compute(m, a, b, c);
};

// Inlined for what fits 32 bits without a sign: indices, counters, hashes.
const divideInts: Exec = (m, a, b, c) => {
  if (I32[b + 1] === HI_UINT && I32[c + 1] === HI_UINT && I32[c] !== 0) {
    I32[a] = ((I32[b] >>> 0) / (I32[c] >>> 0)) >>> 0;
    I32[a + 1] = HI_UINT;
    return;
  }
  m.save();
  compute(m, a, b, c);
};

const moduloInts: Exec = (m, a, b, c) => {
  if (I32[b + 1] === HI_UINT && I32[c + 1] === HI_UINT && I32[c] !== 0) {
    I32[a] = ((I32[b] >>> 0) % (I32[c] >>> 0)) >>> 0;
    I32[a + 1] = HI_UINT;
    return;
  }
  m.save();
  compute(m, a, b, c);
};

/**
 * A specialised form of an opcode: a row like that of the general one, but for the suffix, the meaning and a sentence more.
 * Its fields are listed, since copying them by `...` takes V8 several times as long, and there are a hundred such rows.
 */
function form<N extends string, S extends string>(
  { name, operands, effect, formula, doc, swapped = false }: OpcodeDef<N>,
  suffix: S,
  exec: Exec,
  more: string,
): OpcodeDef<`${N}_${S}`> {
  return {
    name: `${name}_${suffix}`,
    operands,
    effect,
    formula,
    doc: `${doc} ${more}`,
    exec,
    general: name,
    swapped,
  };
}

type Forms<N extends string> = N | `${N}_II` | `${N}_FF` | `${N}_ANY`;

/** The four rows of an opcode that is specialised for numbers. ORDER families */
function family<N extends string>(
  general: OpcodeDef<N>,
  ints: Exec,
  doubles: Exec,
): OpcodeDef<Forms<N>>[] {
  return [
    general,
    form(general, "II", ints, "Specialised for two integers."),
    form(general, "FF", doubles, "Specialised for two doubles."),
    form(general, "ANY", general.exec, "For operands whose types change."),
  ];
}

function arithmeticRows<N extends string>(
  name: N,
  operator: string,
  ints: Exec,
  doubles: Exec,
  doc: string,
): OpcodeDef<Forms<N | `${N}_K`>>[] {
  const row = <M extends string>(name: M, operands: Operands, right: string): OpcodeDef<M> => ({
    name,
    operands,
    effect: "pure",
    formula: `R[A] = R[B] ${operator} ${right}`,
    doc,
    exec: execArithmetic,
  });
  return [
    ...family(row(name, { A: "dst", B: "src", C: "src" }, "R[C]"), ints, doubles),
    ...family(row(`${name}_K`, { A: "dst", B: "src", C: "constant" }, "K[C]"), ints, doubles),
  ];
}

/** Arithmetic without shortcuts, and the specialisation of the instruction; the state is saved. */
function compute(m: Machine, a: number, b: number, c: number): void {
  const op = I32[m.pc - 1] & 0xFF;
  specialise(m, op, b, c);
  const operator = generalOf[op] - FIRST_ARITHMETIC >> 3; // ORDER operators: eight rows each
  const outcome = arithmetic.arithmetic(operator, a, b, c);
  if (outcome === arithmetic.Outcome.DONE) return;
  if (outcome === arithmetic.Outcome.DIVISION_BY_ZERO) fail(m, "U0902");
  if (operator === 0 && (I32[b + 1] === HI_STRING || I32[c + 1] === HI_STRING)) {
    safepoint(concatTextUnits(b, c));
    setObject(a, Kind.STRING, concatText(b, c));
    return;
  }
  failOperands(m, arithmetic.OPERATORS[operator], b, c);
}

/** :families: Writes the form that fits the operands over the instruction, unless it has settled. */
function specialise(m: Machine, op: number, b: number, c: number): void {
  const general = generalOf[op], form = op - general;
  if (form === ANY) return;
  const bh = I32[b + 1], ch = I32[c + 1];
  let wanted = ANY;
  if ((bh >>> 0) < HI_DOUBLE_END && (ch >>> 0) < HI_DOUBLE_END) wanted = DOUBLES;
  else if (isInteger(bh) && isInteger(ch)) wanted = INTS;
  if (form === wanted) return;
  become(m, general + (form === GENERAL ? wanted : ANY));
}

function isInteger(hi: number): boolean {
  return hi >> 16 === -1 || hi === HI_INT64;
}
const HI_INT64 = value.HI_INT64;

/** Rewrites the opcode of the instruction that is being executed. */
function become(m: Machine, op: number): void {
  I32[m.pc - 1] = I32[m.pc - 1] & ~0xFF | op;
}

// ---- comparisons -------------------------------------------------------------------------------------------------

interface Comparison {
  readonly orEqual: boolean;
  readonly negated: boolean;
  readonly ints: Exec;
  readonly doubles: Exec;
}

// Equal high words mean that the low ones decide, without sign; otherwise the payload's upper 16 bits do, with sign.
// The negated forms are not the opposite relations: with NaN both `a < b` and `a >= b` are false.
const COMPARISONS = {
  LT: {
    orEqual: false,
    negated: false,
    ints: (m, a, b) => {
      const ah = I32[a + 1], bh = I32[b + 1];
      if ((ah & bh) >> 16 === -1) {
        if (ah === bh ? (I32[a] >>> 0) < (I32[b] >>> 0) : ah << 16 < bh << 16) return m.jump();
        return m.skip();
      }
      m.save();
      if (relate(m, a, b)) return m.jump();
      return m.skip();
    },
    doubles: (m, a, b) => {
      if ((I32[a + 1] >>> 0) < HI_DOUBLE_END && (I32[b + 1] >>> 0) < HI_DOUBLE_END) {
        if (F64[a >> 1] < F64[b >> 1]) return m.jump();
        return m.skip();
      }
      m.save();
      if (relate(m, a, b)) return m.jump();
      return m.skip();
    },
  },
  NOT_LT: {
    orEqual: false,
    negated: true,
    ints: (m, a, b) => {
      const ah = I32[a + 1], bh = I32[b + 1];
      if ((ah & bh) >> 16 === -1) {
        if (ah === bh ? (I32[a] >>> 0) < (I32[b] >>> 0) : ah << 16 < bh << 16) return m.skip();
        return m.jump();
      }
      m.save();
      if (relate(m, a, b)) return m.jump();
      return m.skip();
    },
    doubles: (m, a, b) => {
      if ((I32[a + 1] >>> 0) < HI_DOUBLE_END && (I32[b + 1] >>> 0) < HI_DOUBLE_END) {
        if (F64[a >> 1] < F64[b >> 1]) return m.skip();
        return m.jump();
      }
      m.save();
      if (relate(m, a, b)) return m.jump();
      return m.skip();
    },
  },
  LE: {
    orEqual: true,
    negated: false,
    ints: (m, a, b) => {
      const ah = I32[a + 1], bh = I32[b + 1];
      if ((ah & bh) >> 16 === -1) {
        if (ah === bh ? (I32[a] >>> 0) <= (I32[b] >>> 0) : ah << 16 < bh << 16) return m.jump();
        return m.skip();
      }
      m.save();
      if (relate(m, a, b)) return m.jump();
      return m.skip();
    },
    doubles: (m, a, b) => {
      if ((I32[a + 1] >>> 0) < HI_DOUBLE_END && (I32[b + 1] >>> 0) < HI_DOUBLE_END) {
        if (F64[a >> 1] <= F64[b >> 1]) return m.jump();
        return m.skip();
      }
      m.save();
      if (relate(m, a, b)) return m.jump();
      return m.skip();
    },
  },
  NOT_LE: {
    orEqual: true,
    negated: true,
    ints: (m, a, b) => {
      const ah = I32[a + 1], bh = I32[b + 1];
      if ((ah & bh) >> 16 === -1) {
        if (ah === bh ? (I32[a] >>> 0) <= (I32[b] >>> 0) : ah << 16 < bh << 16) return m.skip();
        return m.jump();
      }
      m.save();
      if (relate(m, a, b)) return m.jump();
      return m.skip();
    },
    doubles: (m, a, b) => {
      if ((I32[a + 1] >>> 0) < HI_DOUBLE_END && (I32[b + 1] >>> 0) < HI_DOUBLE_END) {
        if (F64[a >> 1] <= F64[b >> 1]) return m.skip();
        return m.jump();
      }
      m.save();
      if (relate(m, a, b)) return m.jump();
      return m.skip();
    },
  },
} satisfies Record<string, Comparison>;

const equalInts: Exec = (m, a, b) => {
  if ((I32[a + 1] & I32[b + 1]) >> 16 === -1) {
    if (I32[a] === I32[b] && I32[a + 1] === I32[b + 1]) return m.jump();
    return m.skip();
  }
  m.save();
  if (areEqual(m, a, b)) return m.jump();
  return m.skip();
};

const differentInts: Exec = (m, a, b) => {
  if ((I32[a + 1] & I32[b + 1]) >> 16 === -1) {
    if (I32[a] === I32[b] && I32[a + 1] === I32[b + 1]) return m.skip();
    return m.jump();
  }
  m.save();
  if (areEqual(m, a, b)) return m.skip();
  return m.jump();
};

const equalDoubles: Exec = (m, a, b) => {
  if ((I32[a + 1] >>> 0) < HI_DOUBLE_END && (I32[b + 1] >>> 0) < HI_DOUBLE_END) {
    if (F64[a >> 1] === F64[b >> 1]) return m.jump();
    return m.skip();
  }
  m.save();
  if (areEqual(m, a, b)) return m.jump();
  return m.skip();
};

const differentDoubles: Exec = (m, a, b) => {
  if ((I32[a + 1] >>> 0) < HI_DOUBLE_END && (I32[b + 1] >>> 0) < HI_DOUBLE_END) {
    if (F64[a >> 1] === F64[b >> 1]) return m.skip();
    return m.jump();
  }
  m.save();
  if (areEqual(m, a, b)) return m.skip();
  return m.jump();
};

const execRelation: Exec = (m, a, b) => {
  m.save();
  if (relate(m, a, b)) return m.jump();
  return m.skip();
};

const execEqual: Exec = (m, a, b) => {
  m.save();
  if (areEqual(m, a, b)) return m.jump();
  return m.skip();
};

const execDifferent: Exec = (m, a, b) => {
  m.save();
  if (areEqual(m, a, b)) return m.skip();
  return m.jump();
};

function areEqual(m: Machine, a: number, b: number): boolean {
  specialise(m, I32[m.pc - 1] & 0xFF, a, b);
  return equalValues(a, b);
}

/** Whether a relational instruction jumps, for operands of all types; the state is saved. */
function relate(m: Machine, a: number, b: number): boolean {
  const word = I32[m.pc - 1], op = word & 0xFF;
  specialise(m, op, a, b);
  const relation = RELATIONS[generalOf[op] - FIRST_RELATION >> 2]; // ORDER relations: four rows each
  if (!isComparable(a, b)) {
    // The operands are in the order of `<`; the message has them as they were written.
    if (relation.swapped || word >>> 24 !== 0) failOperands(m, relation.orEqual ? ">=" : ">", b, a);
    failOperands(m, relation.orEqual ? "<=" : "<", a, b);
  }
  return (relation.orEqual ? lessEqual(a, b) : lessThan(a, b)) !== relation.negated;
}

interface Relation<N extends string> extends Comparison {
  readonly name: N;
  readonly condition: string;
  /** The operands are decoded the other way round: `a > k` is `k < a`. */
  readonly swapped: boolean;
  readonly constant: boolean;
}

function relation<N extends string>(
  name: N,
  condition: string,
  of: keyof typeof COMPARISONS,
  constant: boolean,
  swapped = false,
): Relation<N> {
  const { orEqual, negated, ints, doubles } = COMPARISONS[of];
  return { name, condition, orEqual, negated, swapped, constant, ints, doubles };
}

// ORDER relations: `relate` finds a row's relation by its place.
const RELATIONS = [
  relation("JUMP_LT", "R[A] < R[B]", "LT", false),
  relation("JUMP_NOT_LT", "!(R[A] < R[B])", "NOT_LT", false),
  relation("JUMP_LE", "R[A] <= R[B]", "LE", false),
  relation("JUMP_NOT_LE", "!(R[A] <= R[B])", "NOT_LE", false),
  relation("JUMP_LT_K", "R[A] < K[B]", "LT", true),
  relation("JUMP_NOT_LT_K", "!(R[A] < K[B])", "NOT_LT", true),
  relation("JUMP_LE_K", "R[A] <= K[B]", "LE", true),
  relation("JUMP_NOT_LE_K", "!(R[A] <= K[B])", "NOT_LE", true),
  relation("JUMP_GT_K", "R[A] > K[B]", "LT", true, true),
  relation("JUMP_NOT_GT_K", "!(R[A] > K[B])", "NOT_LT", true, true),
  relation("JUMP_GE_K", "R[A] >= K[B]", "LE", true, true),
  relation("JUMP_NOT_GE_K", "!(R[A] >= K[B])", "NOT_LE", true, true),
];

function relationRows<N extends string>(of: Relation<N>): OpcodeDef<Forms<N>>[] {
  return family(
    {
      name: of.name,
      operands: of.constant
        ? { A: "src", B: "constant", words: ["jump"] }
        : { A: "src", B: "src", C: "flag", words: ["jump"] },
      effect: "control",
      formula: `if ${of.condition}: pc += jump`,
      doc: of.constant
        ? `Jumps when ${of.condition}.`
        : `Jumps when ${of.condition}. C = 1 tells that the source has the operands the other way round.`,
      exec: execRelation,
      swapped: of.swapped,
    },
    of.ints,
    of.doubles,
  );
}

function equalityRows<N extends string>(
  name: N,
  condition: string,
  constant: boolean,
  any: Exec,
  ints: Exec,
  doubles: Exec,
): OpcodeDef<Forms<N>>[] {
  return family(
    {
      name,
      operands: { A: "src", B: constant ? "constant" : "src", words: ["jump"] },
      effect: "control",
      formula: `if ${condition}: pc += jump`,
      doc: `Jumps when ${condition}.`,
      exec: any,
    },
    ints,
    doubles,
  );
}

// ---- containers and fields ---------------------------------------------------------------------------------------

function getIndex(m: Machine, a: number, b: number, c: number): void {
  switch (I32[b + 1]) {
    case HI_ARRAY: {
      learnContainer(m, 1);
      const index = indexAt(m, b, c), array = I32[b];
      if (index >= 0 && index < arrayLength(array)) copyValue(a, itemWord(array, index));
      else setNil(a);
      return;
    }
    case HI_MAP: {
      learnContainer(m, 2);
      if (!isKey(c)) failKey(m, c);
      const found = mapGet(I32[b], c);
      if (found === 0) setNil(a);
      else copyValue(a, found);
      return;
    }
    case HI_STRING: {
      learnContainer(m, 3);
      const index = indexAt(m, b, c), string = I32[b];
      if (index < 0 || index >= stringLength(string)) return setNil(a);
      safepoint(BYTE_STRING_UNITS);
      return setObject(a, Kind.STRING, byteString(U8[(I32[(string << 1) + 3] << 3 >>> 0) + index]));
    }
    default:
      fail(m, "U0907", { kind: kindName(b) });
  }
}

/** The integer in the register `key` as an index of `container`; anything beyond what one holds becomes -1. */
function indexAt(m: Machine, container: number, key: number): number {
  const hi = I32[key + 1];
  if (hi === HI_UINT) return I32[key] >>> 0;
  if (!isInteger(hi)) fail(m, "U0908", { of: kindName(container), kind: kindName(key) });
  return -1;
}

/** :families: of the index opcodes: 1 array, 2 map, 3 whatever comes. */
function learnContainer(m: Machine, form: number): void {
  const op = I32[m.pc - 1] & 0xFF, at = op - generalOf[op];
  if (at === 3 || at === form) return;
  become(m, generalOf[op] + (at === 0 ? form : 3));
}

/** Elements that a write may leave between the end of an array and its index. */
export const GAP_LIMIT = 16_000_000;

function setIndex(m: Machine, a: number, b: number, c: number): void {
  switch (I32[a + 1]) {
    case HI_ARRAY: {
      learnContainer(m, 1);
      const hi = I32[b + 1], array = I32[a], length = arrayLength(array);
      if (!isInteger(hi)) fail(m, "U0908", { of: "array", kind: kindName(b) });
      if (intHigh(b) < 0) fail(m, "U0909", { index: valueToDisplay(b) });
      const index = numberAt(b);
      if (index > length + GAP_LIMIT) fail(m, "U0910", { index: valueToDisplay(b), length });
      if (index >= length) {
        safepoint(growthUnits(array, index + 1));
        resizeArray(array, index + 1);
      }
      copyValue(itemWord(array, index), c);
      return;
    }
    case HI_MAP:
      learnContainer(m, 2);
      if (!isKey(b)) failKey(m, b);
      safepoint(mapSetUnits(I32[a]));
      mapSet(I32[a], b, c);
      return;
    case HI_STRING:
      fail(m, "U0911");
      break;
    default:
      fail(m, "U0907", { kind: kindName(a) });
  }
}

function pushValue(m: Machine, a: number, b: number): void {
  if (I32[a + 1] !== HI_ARRAY) failBuiltin(m, "push", a, b);
  const array = I32[a];
  safepoint(growthUnits(array, arrayLength(array) + 1));
  appendItem(array, b);
}

function lengthOf(m: Machine, a: number, b: number): void {
  switch (I32[b + 1]) {
    case HI_ARRAY:
      return setInt32(a, arrayLength(I32[b]));
    case HI_MAP:
      return setInt32(a, mapCount(I32[b]));
    case HI_STRING:
      return setInt32(a, stringLength(I32[b]));
    default:
      failBuiltin(m, "length", b);
  }
}

function hasKey(m: Machine, a: number, b: number, c: number): void {
  if (I32[b + 1] !== HI_MAP) failBuiltin(m, "has", b, c);
  if (!isKey(c)) failKey(m, c);
  setBool(a, mapGet(I32[b], c) !== 0);
}

// Forms of the field opcodes. ORDER families
const FIELD_STRUCT = 1, FIELD_MODULE = 2, FIELD_ANY = 3;

/**
 * :inline-cache: Words behind a field opcode: the name, then what the last object was (the ref of its struct type or the
 * index of its module), and where its field lies.
 *
 *      GET_FIELD --> _STRUCT --> _ANY      Whatever the cache does not answer comes here and takes a step to the right.
 *              +---> _MODULE -->
 *
 * `_ANY` tells compilers that objects of several types come by. It is no slower for that: it goes on as `_STRUCT` does,
 * with the type that came last.
 */
function cacheField(m: Machine, form: number, key: number, place: number): void {
  const op = I32[m.pc - 1] & 0xFF, general = generalOf[op], isFirst = op === general;
  become(m, general + (isFirst ? form : FIELD_ANY));
  // Of `_ANY` the key is a type, and no type has ref 0.
  I32[m.pc + 1] = isFirst || form === FIELD_STRUCT ? key : 0;
  I32[m.pc + 2] = place;
}

/** Ref of the name that the field instruction at pc has as its first operand word. */
function fieldName(m: Machine): number {
  return I32[m.proto - 2 - (I32[m.pc] << 1)];
}

/** The words from an instance to its field of this name, or 0. */
function findField(type: number, name: number): number {
  const word = type << 1;
  for (let i = 0; i < I32[word + 1]; i++) {
    if (equalStrings(I32[word + 4 + i], name)) return 2 + i * 2;
  }
  return 0;
}

function getField(m: Machine, a: number, b: number): void {
  const name = fieldName(m), object = I32[b] << 1;
  switch (I32[b + 1]) {
    case HI_STRUCT: {
      const type = I32[object + 1], place = findField(type, name);
      if (place === 0) failField(m, type, name);
      cacheField(m, FIELD_STRUCT, type, place);
      copyValue(a, object + place);
      return;
    }
    case HI_MODULE: {
      const module = moduleAt(I32[b]), word = module.globals.get(stringText(name));
      if (word === undefined || I32[word + 1] === HI_EMPTY) {
        fail(m, "U0916", { module: module.name, name: stringText(name) });
      }
      cacheField(m, FIELD_MODULE, module.index, word);
      copyValue(a, word);
      return;
    }
    case HI_STRING:
      if (stringText(name) !== "length") break;
      cacheField(m, FIELD_ANY, 0, 0);
      return setInt32(a, stringLength(I32[b]));
  }
  fail(m, "U0913", { name: stringText(name) });
}

function failField(m: Machine, type: number, name: number): never {
  fail(m, "U0915", { struct: stringText(I32[(type << 1) + 2]), name: stringText(name) });
}

function setField(m: Machine, a: number, b: number): void {
  if (I32[a + 1] !== HI_STRUCT) fail(m, "U0914");
  const name = fieldName(m), object = I32[a] << 1, type = I32[object + 1], place = findField(type, name);
  if (place === 0) failField(m, type, name);
  cacheField(m, FIELD_STRUCT, type, place);
  copyValue(object + place, b);
}

type IndexForms<N extends string> = N | `${N}_ARRAY` | `${N}_MAP` | `${N}_ANY`;

const execGetIndex: Exec = (m, a, b, c) => {
  m.save();
  getIndex(m, a, b, c);
};

const getArrayItem: Exec = (m, a, b, c) => {
  if (I32[b + 1] === HI_ARRAY && I32[c + 1] === HI_UINT) {
    const array = I32[b] << 1, index = I32[c];
    if ((index >>> 0) < I32[array + 1]) {
      const item = (I32[array + 2] + index) << 1, hi = I32[item + 1];
      // :doubles: One store of 64 bits: arithmetic that loads a double right after two stores of its halves stalls.
      if ((hi >>> 0) < HI_DOUBLE_END) {
        F64[a >> 1] = F64[item >> 1];
        return;
      }
      I32[a] = I32[item];
      I32[a + 1] = hi;
      return;
    }
  }
  m.save();
  getIndex(m, a, b, c);
};

const getMapEntry: Exec = (m, a, b, c) => {
  if (I32[b + 1] === HI_MAP && I32[c + 1] === HI_STRING) {
    const found = mapGetString(I32[b], I32[c]);
    if (found !== 0) {
      I32[a] = I32[found];
      I32[a + 1] = I32[found + 1];
      return;
    }
  }
  m.save();
  getIndex(m, a, b, c);
};

const execSetIndex: Exec = (m, a, b, c) => {
  m.save();
  setIndex(m, a, b, c);
};

const setArrayItem: Exec = (m, a, b, c) => {
  if (I32[a + 1] === HI_ARRAY && I32[b + 1] === HI_UINT) {
    const array = I32[a] << 1, index = I32[b];
    if ((index >>> 0) < I32[array + 1]) {
      const item = (I32[array + 2] + index) << 1;
      I32[item] = I32[c];
      I32[item + 1] = I32[c + 1];
      return;
    }
  }
  m.save();
  setIndex(m, a, b, c);
};

/** The four rows of an index opcode. ORDER families */
function indexRows<N extends string>(
  name: N,
  operands: Operands,
  formula: string,
  access: "get" | "set",
): OpcodeDef<IndexForms<N>>[] {
  const get = access === "get", any = get ? execGetIndex : execSetIndex;
  const general: OpcodeDef<N> = {
    name,
    operands,
    effect: "memory",
    formula,
    doc: get
      ? "Reads an element of an array or an entry of a map, or a byte of a string."
      : "Writes an element of an array or an entry of a map.",
    exec: any,
  };
  return [
    general,
    form(general, "ARRAY", get ? getArrayItem : setArrayItem, "Specialised for arrays."),
    form(general, "MAP", get ? getMapEntry : execSetIndex, "Specialised for maps."),
    form(general, "ANY", any, "For containers whose kinds change."),
  ];
}

type FieldForms<N extends string> = N | `${N}_STRUCT` | `${N}_MODULE` | `${N}_ANY`;

const execGetField: Exec = (m, a, b) => {
  m.save();
  getField(m, a, b);
  m.pc = m.pc + 3 | 0;
};

const getStructField: Exec = (m, a, b) => {
  if (I32[b + 1] === HI_STRUCT) {
    const object = I32[b] << 1;
    if (I32[object + 1] === I32[m.pc + 1]) {
      const field = object + I32[m.pc + 2] | 0, hi = I32[field + 1];
      m.pc = m.pc + 3 | 0;
      if ((hi >>> 0) < HI_DOUBLE_END) { // :doubles:
        F64[a >> 1] = F64[field >> 1];
        return;
      }
      I32[a] = I32[field];
      I32[a + 1] = hi;
      return;
    }
  }
  m.save();
  getField(m, a, b);
  m.pc = m.pc + 3 | 0;
};

const getModuleField: Exec = (m, a, b) => {
  if (I32[b + 1] === HI_MODULE && I32[(I32[b] << 1) + 1] === I32[m.pc + 1]) {
    const global = I32[m.pc + 2];
    I32[a] = I32[global];
    I32[a + 1] = I32[global + 1];
    m.pc = m.pc + 3 | 0;
    return;
  }
  m.save();
  getField(m, a, b);
  m.pc = m.pc + 3 | 0;
};

const execSetField: Exec = (m, a, b) => {
  m.save();
  setField(m, a, b);
  m.pc = m.pc + 3 | 0;
};

const setStructField: Exec = (m, a, b) => {
  if (I32[a + 1] === HI_STRUCT) {
    const object = I32[a] << 1;
    if (I32[object + 1] === I32[m.pc + 1]) {
      const field = object + I32[m.pc + 2] | 0;
      I32[field] = I32[b];
      I32[field + 1] = I32[b + 1];
      m.pc = m.pc + 3 | 0;
      return;
    }
  }
  m.save();
  setField(m, a, b);
  m.pc = m.pc + 3 | 0;
};

/** The four rows of a field opcode. ORDER families */
function fieldRows<N extends string>(
  name: N,
  operands: Operands,
  formula: string,
  access: "get" | "set",
): OpcodeDef<FieldForms<N>>[] {
  const get = access === "get", any = get ? execGetField : execSetField;
  const general: OpcodeDef<N> = {
    name,
    operands,
    effect: "memory",
    formula,
    doc: get
      ? "Reads a field of an instance, a member of a module, or the length of a string."
      : "Writes a field of an instance.",
    exec: any,
  };
  return [
    general,
    form(
      general,
      "STRUCT",
      get ? getStructField : setStructField,
      "Specialised for one struct type, by an inline cache.",
    ),
    form(
      general,
      "MODULE",
      get ? getModuleField : execSetField,
      "Specialised for one module, by an inline cache.",
    ),
    form(
      general,
      "ANY",
      get ? getStructField : setStructField,
      "For objects whose types change; the cache has the struct type that came last.",
    ),
  ];
}

// ---- other helpers of the rows -----------------------------------------------------------------------------------

function negate(m: Machine, a: number, b: number): void {
  if (!arithmetic.negate(a, b)) fail(m, "U0903", { op: "-", left: kindName(b) });
}

function keepNumber(m: Machine, a: number, b: number): void {
  if (!arithmetic.isNumber(b)) fail(m, "U0903", { op: "+", left: kindName(b) });
  copyValue(a, b);
}

/** Name of the global whose word is the operand word at pc. */
function failGlobal(m: Machine): never {
  for (const [name, word] of functionAt(m.proto).module.globals) {
    if (word === I32[m.pc]) fail(m, "U0901", { name });
  }
  throw new Error(`No global has word ${I32[m.pc]}: this is a bug`);
}

/** Makes the function of a PROTO constant; its captures come from the current window and function. */
function makeClosure(m: Machine, a: number, constant: number): void {
  const object = I32[constant], proto = (object + 1 + I32[(object << 1) + 1]) << 1;
  const count = I32[proto + Proto.CAPTURES], captures = proto + P_CODE + I32[proto + Proto.LENGTH];
  safepoint(2 + (count + 1 >> 1));
  const ref = newFunction(proto, count), own = (I32[m.base - 2] << 1) + 4;
  for (let i = 0; i < count; i++) {
    // A capture is the number of a register, or the complement of the number of an own capture.
    const from = I32[captures + i];
    I32[(ref << 1) + 4 + i] = from >= 0 ? I32[m.base + from * 2] : I32[own + ~from];
  }
  setObject(a, Kind.FUNCTION, ref);
}

function makeCell(a: number, b: number): void {
  safepoint(2);
  setObject(a, Kind.CELL, newCell(b));
}

function makeArray(a: number, capacity: number): void {
  safepoint(3 + capacity);
  setObject(a, Kind.ARRAY, newArray(capacity));
}

function makeMap(a: number): void {
  safepoint(16);
  setObject(a, Kind.MAP, newMap());
}

/** Calls whatever it is, and writes the form of CALL that fits. */
function callAny(m: Machine, callee: number, count: number): number {
  const op = I32[m.pc - 1] & 0xFF, form = op - generalOf[op];
  if (form !== 3) {
    const hi = I32[callee + 1];
    const wanted = hi === HI_FUNCTION ? 1 : hi === HI_STRUCT_TYPE ? 2 : 3;
    if (form !== wanted) become(m, generalOf[op] + (form === 0 ? wanted : 3));
  }
  return call(m, callee, count);
}

/** Stores the next element of the loop whose registers begin at `a`; false at the end. */
function nextElement(a: number): boolean {
  const object = I32[a], state = I32[a + 2];
  switch (I32[a + 1]) {
    case HI_ARRAY:
      if (state >= arrayLength(object)) return false;
      copyValue(a + 4, itemWord(object, state));
      break;
    case HI_STRING:
      if (state >= stringLength(object)) return false;
      safepoint(BYTE_STRING_UNITS);
      setObject(a + 4, Kind.STRING, byteString(U8[(I32[(object << 1) + 3] << 3 >>> 0) + state]));
      break;
    default: {
      const next = mapNext(object, state, a + 4);
      if (next < 0) return false;
      I32[a + 2] = next;
      return true;
    }
  }
  I32[a + 2] = state + 1;
  return true;
}

// ---- the table ---------------------------------------------------------------------------------------------------

/** A row whose name is kept as a literal type. */
function op<N extends string>(row: OpcodeDef<N>): OpcodeDef<N> {
  return row;
}

/** The table. The index of a row is its opcode number; ORDER families, operators, relations. */
export const OPCODES = [
  op({
    name: "FINISH",
    operands: {},
    effect: "control",
    formula: "leave the dispatch loop",
    doc: "What the frame record below a run returns to. No program contains it.",
    exec: (m) => {
      m.save();
      return FINISHED;
    },
  }),
  op({
    name: "TASK_END",
    operands: {},
    effect: "control",
    formula: "end the task; its caller goes on with the future",
    doc: "What the first frame of a task returns to. No program contains it.",
    exec: (m) => {
      m.save();
      endTask(m);
      m.load();
    },
  }),
  op({
    name: "MOVE",
    operands: { A: "dst", B: "src" },
    effect: "pure",
    formula: "R[A] = R[B]",
    doc: "Copies a register, as two words: a value that is no double must not pass through a double.",
    exec: (_m, a, b) => {
      I32[a] = I32[b];
      I32[a + 1] = I32[b + 1];
    },
  }),
  op({
    name: "LOAD_NIL",
    operands: { A: "dst" },
    effect: "pure",
    formula: "R[A] = nil",
    doc: "Loads nil.",
    exec: (_m, a) => {
      I32[a] = 0;
      I32[a + 1] = HI_NIL;
    },
  }),
  op({
    name: "LOAD_BOOL",
    operands: { A: "dst", B: "flag" },
    effect: "pure",
    formula: "R[A] = B != 0",
    doc: "Loads true or false.",
    exec: (_m, a, b) => {
      I32[a] = b;
      I32[a + 1] = HI_BOOL;
    },
  }),
  op({
    name: "LOAD_INT",
    operands: { A: "dst", sBx: "int" },
    effect: "pure",
    formula: "R[A] = sBx",
    doc: "Loads an integer of 16 bits.",
    exec: (_m, a, b) => {
      I32[a] = b;
      I32[a + 1] = b >> 31 | HI_UINT;
    },
  }),
  op({
    name: "LOAD_CONST",
    operands: { A: "dst", Bx: "constant" },
    effect: "pure",
    formula: "R[A] = K[Bx]",
    doc: "Loads one of the first 65,536 constants.",
    exec: (_m, a, b) => {
      I32[a] = I32[b];
      I32[a + 1] = I32[b + 1];
    },
  }),
  op({
    name: "LOAD_CONST_WIDE",
    operands: { A: "dst", words: ["constant"] },
    effect: "pure",
    formula: "R[A] = K[word]",
    doc: "Loads a constant by a number of any size.",
    exec: (m, a) => {
      const constant = m.proto - 2 - (I32[m.pc] << 1) | 0;
      I32[a] = I32[constant];
      I32[a + 1] = I32[constant + 1];
      m.pc = m.pc + 1 | 0;
    },
  }),
  op({
    name: "FAR_GET",
    operands: { A: "dst", Bx: "far" },
    effect: "pure",
    formula: "R[A] = R[Bx]",
    doc: "Brings in a register that a byte does not reach.",
    exec: (_m, a, b) => {
      I32[a] = I32[b];
      I32[a + 1] = I32[b + 1];
    },
  }),
  op({
    name: "FAR_SET",
    operands: { A: "src", Bx: "far" },
    effect: "pure",
    formula: "R[Bx] = R[A]",
    doc: "Stores to a register that a byte does not reach.",
    exec: (_m, a, b) => {
      I32[b] = I32[a];
      I32[b + 1] = I32[a + 1];
    },
  }),
  op({
    name: "GET_GLOBAL",
    operands: { A: "dst", words: ["global"] },
    effect: "memory",
    formula: "R[A] = G[word]",
    doc:
      "Reads a global. The loader has replaced its number by the address, so there is nothing to look up or cache.",
    exec: (m, a) => {
      const global = I32[m.pc], hi = I32[global + 1];
      if (hi === HI_EMPTY) {
        m.save();
        failGlobal(m);
      }
      I32[a] = I32[global];
      I32[a + 1] = hi;
      m.pc = m.pc + 1 | 0;
    },
  }),
  op({
    name: "SET_GLOBAL",
    operands: { A: "src", words: ["global"] },
    effect: "memory",
    formula: "G[word] = R[A]",
    doc: "Writes a global.",
    exec: (m, a) => {
      const global = I32[m.pc];
      I32[global] = I32[a];
      I32[global + 1] = I32[a + 1];
      m.pc = m.pc + 1 | 0;
    },
  }),
  op({
    name: "NEW_CELL",
    operands: { A: "dst", B: "src" },
    effect: "memory",
    formula: "R[A] = cell(R[B])",
    doc: "Makes the heap cell that a captured variable lives in from its declaration on.",
    exec: (m, a, b) => {
      m.save();
      makeCell(a, b);
    },
  }),
  op({
    name: "GET_CELL",
    operands: { A: "dst", B: "src" },
    effect: "memory",
    formula: "R[A] = *R[B]",
    doc: "Reads a captured variable in the function that declares it.",
    exec: (_m, a, b) => {
      const cell = I32[b] << 1;
      I32[a] = I32[cell + 2];
      I32[a + 1] = I32[cell + 3];
    },
  }),
  op({
    name: "SET_CELL",
    operands: { A: "src", B: "src" },
    effect: "memory",
    formula: "*R[A] = R[B]",
    doc: "Writes a captured variable in the function that declares it.",
    exec: (_m, a, b) => {
      const cell = I32[a] << 1;
      I32[cell + 2] = I32[b];
      I32[cell + 3] = I32[b + 1];
    },
  }),
  op({
    name: "GET_CAPTURE",
    operands: { A: "dst", Bx: "capture" },
    effect: "memory",
    formula: "R[A] = *captures[Bx]",
    doc: "Reads a variable that the current function captured; its function value lies below its window.",
    exec: (m, a, b) => {
      const cell = I32[(I32[m.base - 2] << 1) + 4 + b] << 1;
      I32[a] = I32[cell + 2];
      I32[a + 1] = I32[cell + 3];
    },
  }),
  op({
    name: "SET_CAPTURE",
    operands: { A: "src", Bx: "capture" },
    effect: "memory",
    formula: "*captures[Bx] = R[A]",
    doc: "Writes a variable that the current function captured.",
    exec: (m, a, b) => {
      const cell = I32[(I32[m.base - 2] << 1) + 4 + b] << 1;
      I32[cell + 2] = I32[a];
      I32[cell + 3] = I32[a + 1];
    },
  }),
  op({
    name: "CLOSURE",
    operands: { A: "dst", words: ["constant"] },
    effect: "memory",
    formula: "R[A] = function(K[word])",
    doc: "Makes a function value: code and the cells that it captures.",
    exec: (m, a) => {
      m.save();
      makeClosure(m, a, m.proto - 2 - (I32[m.pc] << 1));
      m.pc = m.pc + 1 | 0;
    },
  }),

  ...arithmeticRows(
    "ADD",
    "+",
    addInts,
    addDoubles,
    "Adds numbers; with a string on either side, joins texts.",
  ),
  ...arithmeticRows("SUB", "-", subtractInts, subtractDoubles, "Subtracts numbers."),
  ...arithmeticRows("MUL", "*", multiplyInts, multiplyDoubles, "Multiplies numbers."),
  ...arithmeticRows(
    "DIV",
    "/",
    divideInts,
    divideDoubles,
    "Divides numbers; integers are cut off towards zero.",
  ),
  ...arithmeticRows("MOD", "%", moduloInts, execArithmetic, "The remainder, with the sign of the dividend."),
  op({
    name: "NEG",
    operands: { A: "dst", B: "src" },
    effect: "pure",
    formula: "R[A] = -R[B]",
    doc: "Negates a number.",
    exec: (m, a, b) => {
      if ((I32[b + 1] >>> 0) < HI_DOUBLE_END) F64[a >> 1] = -F64[b >> 1];
      else {
        m.save();
        negate(m, a, b);
      }
    },
  }),
  op({
    name: "PLUS",
    operands: { A: "dst", B: "src" },
    effect: "pure",
    formula: "R[A] = +R[B]",
    doc: "Gives a number as it is, and fails for anything else.",
    exec: (m, a, b) => {
      m.save();
      keepNumber(m, a, b);
    },
  }),
  op({
    name: "NOT",
    operands: { A: "dst", B: "src" },
    effect: "pure",
    formula: "R[A] = !R[B]",
    doc: "The negated truth of a value.",
    exec: (_m, a, b) => {
      setBool(a, !isTruthy(b));
    },
  }),

  op({
    name: "JUMP",
    operands: { words: ["jump"] },
    effect: "control",
    formula: "pc += jump",
    doc: "Jumps always.",
    exec: (m) => {
      return m.jump();
    },
  }),
  op({
    name: "JUMP_IF",
    operands: { A: "src", words: ["jump"] },
    effect: "control",
    formula: "if R[A]: pc += jump",
    doc: "Jumps when the value counts as true.",
    exec: (m, a) => {
      if (I32[a + 1] === HI_BOOL ? I32[a] !== 0 : isTruthy(a)) return m.jump();
      return m.skip();
    },
  }),
  op({
    name: "JUMP_UNLESS",
    operands: { A: "src", words: ["jump"] },
    effect: "control",
    formula: "if !R[A]: pc += jump",
    doc: "Jumps when the value counts as false.",
    exec: (m, a) => {
      if (I32[a + 1] === HI_BOOL ? I32[a] !== 0 : isTruthy(a)) return m.skip();
      return m.jump();
    },
  }),
  ...RELATIONS.flatMap((of) => relationRows(of)),
  ...equalityRows("JUMP_EQ", "R[A] == R[B]", false, execEqual, equalInts, equalDoubles),
  ...equalityRows("JUMP_NE", "R[A] != R[B]", false, execDifferent, differentInts, differentDoubles),
  ...equalityRows("JUMP_EQ_K", "R[A] == K[B]", true, execEqual, equalInts, equalDoubles),
  ...equalityRows("JUMP_NE_K", "R[A] != K[B]", true, execDifferent, differentInts, differentDoubles),
  op({
    name: "LOOP",
    operands: {},
    effect: "control",
    formula: "a loop begins here",
    doc:
      "The only place that a jump backward may lead to. Its upper 24 bits count down with each round (`jump` in " +
      "dispatch.ts); entered from above it does nothing.",
    exec: () => {},
  }),

  op({
    name: "CALL",
    operands: { A: "window", B: "count" },
    effect: "call",
    formula: "R[A] = R[A](R[A+1] \u2026 R[A+B])",
    doc:
      "Calls a function, a native or a struct type. The arguments become the first registers of the callee's window.",
    exec: (m, a, b) => {
      m.save();
      const stop = callAny(m, a, b);
      m.load();
      if (stop !== 0) return stop;
    },
  }),
  op({
    name: "CALL_FUNCTION",
    general: "CALL",
    operands: { A: "window", B: "count" },
    effect: "call",
    formula: "R[A] = R[A](R[A+1] \u2026 R[A+B])",
    doc:
      "CALL, specialised for functions of the program. An async function has a negative arity, and so goes the long way.",
    exec: (m, a, b) => {
      if (I32[a + 1] === HI_FUNCTION) {
        const proto = I32[(I32[a] << 1) + 1], record = I32[FRAME_TOP], window = a + 2 | 0;
        if (
          I32[proto + P_ARITY] === b && record < FRAMES_END &&
          window + I32[proto + P_FRAME] <= I32[STACK_LIMIT]
        ) {
          I32[record] = m.pc;
          I32[record + 1] = m.base;
          I32[record + 2] = m.proto;
          I32[record + 3] = 0;
          I32[FRAME_TOP] = record + FRAME_WORDS;
          m.base = window;
          m.proto = proto;
          m.pc = proto + P_CODE | 0;
          const left = I32[proto + P_COUNTER] - 1 | 0;
          I32[proto + P_COUNTER] = left;
          if (left >= 0) return;
          m.save();
          return HOT_CALL;
        }
      }
      m.save();
      const stop = callAny(m, a, b);
      m.load();
      if (stop !== 0) return stop;
    },
  }),
  op({
    name: "CALL_STRUCT",
    general: "CALL",
    operands: { A: "window", B: "count" },
    effect: "call",
    formula: "R[A] = R[A](R[A+1] \u2026 R[A+B])",
    doc: "CALL, specialised for struct types: makes an instance.",
    exec: (m, a, b) => {
      if (I32[a + 1] === HI_STRUCT_TYPE && I32[(I32[a] << 1) + 1] === b) {
        const ref = I32[ALLOC_CURSOR];
        if (ref + 1 + b <= I32[ALLOC_END] && b < 32) {
          I32[ALLOC_CURSOR] = ref + 1 + b;
          const object = ref << 1;
          I32[object] = KIND_STRUCT | 1 + b << 16;
          I32[object + 1] = I32[a];
          for (let i = 2; i < b * 2 + 2; i += 2) {
            I32[object + i] = I32[a + i];
            I32[object + i + 1] = I32[a + i + 1];
          }
          I32[a] = ref;
          I32[a + 1] = HI_STRUCT;
          return;
        }
      }
      m.save();
      const stop = callAny(m, a, b);
      m.load();
      if (stop !== 0) return stop;
    },
  }),
  op({
    name: "CALL_ANY",
    general: "CALL",
    operands: { A: "window", B: "count" },
    effect: "call",
    formula: "R[A] = R[A](R[A+1] \u2026 R[A+B])",
    doc: "CALL of natives, and of what changes.",
    exec: (m, a, b) => {
      m.save();
      const stop = call(m, a, b);
      m.load();
      if (stop !== 0) return stop;
    },
  }),
  op({
    name: "CALL_FAR",
    operands: { Bx: "count", words: ["window"] },
    effect: "call",
    formula: "R[word] = R[word](R[word+1] \u2026 R[word+Bx])",
    doc: "CALL whose window a byte does not reach, or with more than 255 arguments.",
    exec: (m, _a, b) => {
      const window = m.base + (I32[m.pc] << 1) | 0;
      m.pc = m.pc + 1 | 0;
      m.save();
      const stop = call(m, window, b);
      m.load();
      if (stop !== 0) return stop;
    },
  }),
  op({
    name: "RETURN",
    operands: { A: "src" },
    effect: "call",
    formula: "return R[A]",
    doc: "Ends the function with a value, which goes where the caller had the function.",
    exec: (m, a) => {
      const result = m.base - 2 | 0, record = I32[FRAME_TOP] - FRAME_WORDS | 0;
      I32[result] = I32[a];
      I32[result + 1] = I32[a + 1];
      I32[FRAME_TOP] = record;
      m.pc = I32[record];
      m.base = I32[record + 1];
      m.proto = I32[record + 2];
      if (I32[record + 3] === 0) return;
      m.save();
      return RETURNED;
    },
  }),
  op({
    name: "RETURN_NIL",
    operands: {},
    effect: "call",
    formula: "return nil",
    doc: "Ends the function without a value.",
    exec: (m) => {
      const result = m.base - 2 | 0, record = I32[FRAME_TOP] - FRAME_WORDS | 0;
      I32[result] = 0;
      I32[result + 1] = HI_NIL;
      I32[FRAME_TOP] = record;
      m.pc = I32[record];
      m.base = I32[record + 1];
      m.proto = I32[record + 2];
      if (I32[record + 3] === 0) return;
      m.save();
      return RETURNED;
    },
  }),
  op({
    name: "AWAIT",
    operands: { A: "dst", B: "src" },
    effect: "call",
    formula: "R[A] = await R[B]",
    doc:
      "Gives the result of a future, at once when it has one; otherwise suspends the innermost task. Any other " +
      "value is its own result.",
    exec: (m, a, b) => {
      m.save();
      const stop = awaitValue(m, a, b);
      m.load();
      if (stop !== 0) return stop;
    },
  }),

  op({
    name: "NEW_ARRAY",
    operands: { A: "dst", Bx: "int" },
    effect: "memory",
    formula: "R[A] = [], with room for Bx elements",
    doc: "Makes an empty array.",
    exec: (m, a, b) => {
      m.save();
      makeArray(a, b);
    },
  }),
  op({
    name: "NEW_MAP",
    operands: { A: "dst" },
    effect: "memory",
    formula: "R[A] = {}",
    doc: "Makes an empty map.",
    exec: (m, a) => {
      m.save();
      makeMap(a);
    },
  }),
  op({
    name: "PUSH",
    operands: { A: "src", B: "src" },
    effect: "memory",
    formula: "push(R[A], R[B])",
    doc: "Appends to an array; stands for calls of the builtin where the file leaves it alone.",
    exec: (m, a, b) => {
      if (I32[a + 1] === HI_ARRAY) {
        const array = I32[a] << 1, length = I32[array + 1];
        if (length < I32[array + 3]) {
          const item = (I32[array + 2] + length) << 1;
          I32[item] = I32[b];
          I32[item + 1] = I32[b + 1];
          I32[array + 1] = length + 1;
          return;
        }
      }
      m.save();
      pushValue(m, a, b);
    },
  }),
  op({
    name: "POP",
    operands: { A: "dst", B: "src" },
    effect: "memory",
    formula: "R[A] = pop(R[B])",
    doc: "Removes the last element of an array; nil when it has none.",
    exec: (m, a, b) => {
      if (I32[b + 1] === HI_ARRAY) {
        const array = I32[b] << 1, length = I32[array + 1] - 1 | 0;
        if (length >= 0) {
          const item = (I32[array + 2] + length) << 1;
          I32[array + 1] = length;
          I32[a] = I32[item];
          I32[a + 1] = I32[item + 1];
          return;
        }
        I32[a] = 0;
        I32[a + 1] = HI_NIL;
        return;
      }
      m.save();
      failBuiltin(m, "pop", b);
    },
  }),
  op({
    name: "LENGTH",
    operands: { A: "dst", B: "src" },
    effect: "memory",
    formula: "R[A] = length(R[B])",
    doc: "Elements of an array, bytes of a string, entries of a map.",
    exec: (m, a, b) => {
      if (I32[b + 1] === HI_ARRAY) {
        I32[a] = I32[(I32[b] << 1) + 1];
        I32[a + 1] = HI_UINT;
        return;
      }
      m.save();
      lengthOf(m, a, b);
    },
  }),
  op({
    name: "HAS",
    operands: { A: "dst", B: "src", C: "src" },
    effect: "memory",
    formula: "R[A] = has(R[B], R[C])",
    doc: "Whether a map has a key.",
    exec: (m, a, b, c) => {
      m.save();
      hasKey(m, a, b, c);
    },
  }),
  ...indexRows("GET_INDEX", { A: "dst", B: "src", C: "src" }, "R[A] = R[B][R[C]]", "get"),
  ...indexRows("GET_INDEX_K", { A: "dst", B: "src", C: "constant" }, "R[A] = R[B][K[C]]", "get"),
  ...indexRows("SET_INDEX", { A: "src", B: "src", C: "src" }, "R[A][R[B]] = R[C]", "set"),
  ...indexRows("SET_INDEX_K", { A: "src", B: "constant", C: "src" }, "R[A][K[B]] = R[C]", "set"),
  ...fieldRows(
    "GET_FIELD",
    { A: "dst", B: "src", words: ["constant", "cache", "cache"] },
    "R[A] = R[B].K[word]",
    "get",
  ),
  ...fieldRows(
    "SET_FIELD",
    { A: "src", B: "src", words: ["constant", "cache", "cache"] },
    "R[A].K[word] = R[B]",
    "set",
  ),

  op({
    name: "FOR_PREPARE",
    operands: { A: "iterator" },
    effect: "memory",
    formula: "R[A+1] = 0, the state of a loop over R[A]",
    doc:
      "Begins a foreach loop, and fails for what cannot be iterated. The state is the next index; for a map, the " +
      "number of the next entry.",
    exec: (m, a) => {
      if (I32[a + 1] !== HI_ARRAY && I32[a + 1] !== HI_MAP && I32[a + 1] !== HI_STRING) {
        m.save();
        fail(m, "U0917", { kind: kindName(a) });
      }
      I32[a + 2] = 0;
      I32[a + 3] = HI_UINT;
    },
  }),
  op({
    name: "FOR_NEXT",
    operands: { A: "iterator", words: ["jump"] },
    effect: "control",
    formula: "if R[A] has a next element: R[A+2] = it, advance R[A+1], pc += jump",
    doc: "Goes on with a foreach loop: elements of an array, keys of a map, one-byte strings of a string.",
    exec: (m, a) => {
      if (I32[a + 1] === HI_ARRAY) {
        const array = I32[a] << 1, index = I32[a + 2];
        if (index < I32[array + 1]) {
          const item = (I32[array + 2] + index) << 1;
          I32[a + 4] = I32[item];
          I32[a + 5] = I32[item + 1];
          I32[a + 2] = index + 1;
          return m.jump();
        }
        return m.skip();
      }
      m.save();
      if (nextElement(a)) return m.jump();
      return m.skip();
    },
  }),
  op({
    name: "PRINT",
    operands: { A: "src" },
    effect: "call",
    formula: "print R[A]",
    doc: "Prints the text of a value and a line feed.",
    exec: (m, a) => {
      m.save();
      printValue(m, a);
    },
  }),
  op({
    name: "IMPORT",
    operands: { A: "dst", B: "flag", words: ["constant"] },
    effect: "call",
    formula: "R[A] = import K[word]",
    doc:
      "Gives the module of a file, or a library; B = 1 for a bare name. A file runs when it is first imported, as " +
      "part of the current task.",
    exec: (m, a, b) => {
      const path = I32[m.proto - 2 - (I32[m.pc] << 1)];
      m.pc = m.pc + 1 | 0;
      m.save();
      const stop = m.host.importModule(m, stringText(path), b !== 0, a);
      m.load();
      if (stop !== 0) return stop;
    },
  }),
];

/** The name of a built-in opcode. */
export type OpName = (typeof OPCODES)[number]["name"];

/** Opcode numbers by name. Without a prototype V8 takes it for a dictionary, and makes no shape for each name it gets. */
export const OP: Readonly<Record<OpName, number>> = Object.create(null);
OPCODES.forEach(({ name }, number) => (OP as Record<OpName, number>)[name] = number);

/** For each opcode number that of its family's general form; itself outside families. */
const generalOf = new Uint8Array(256).map((_, number) => number);
OPCODES.forEach((row, number) => {
  if (row.general !== undefined) generalOf[number] = OP[row.general as OpName];
});
const FIRST_ARITHMETIC = OP.ADD, FIRST_RELATION = OP.JUMP_LT;

/** What bodies may name: views and functions are handed to the dispatch loop, numbers are written into its text. */
export const SCOPE = {
  __proto__: null, // as for OP
  I32,
  F64,
  HI_UINT,
  HI_BOOL,
  HI_NIL,
  HI_EMPTY,
  HI_ARRAY,
  HI_MAP,
  HI_STRING,
  HI_STRUCT,
  HI_STRUCT_TYPE,
  HI_FUNCTION,
  HI_MODULE,
  HI_DOUBLE_END,
  KIND_STRUCT,
  FRAME_TOP,
  FRAME_WORDS,
  FRAMES_END,
  STACK_LIMIT,
  ALLOC_CURSOR,
  ALLOC_END,
  P_ARITY,
  P_FRAME,
  P_COUNTER,
  P_CODE,
  INT_LIMIT,
  TWO_32,
  FINISHED,
  RETURNED,
  HOT_CALL,
  areEqual,
  awaitValue,
  call,
  callAny,
  compute,
  endTask,
  fail,
  failBuiltin,
  failGlobal,
  getField,
  getIndex,
  hasKey,
  isTruthy,
  kindName,
  lengthOf,
  makeArray,
  makeCell,
  makeClosure,
  makeMap,
  mapGetString,
  negate,
  keepNumber,
  nextElement,
  printValue,
  pushValue,
  relate,
  setBool,
  setField,
  setIndex,
  stringText,
} as const;
