/**
 * `ucoreMath`: the mathematical functions, and random numbers that can be made to repeat. It decides which results are
 * ints: `floor`, `ceil` and `round` give one wherever 64 bits hold it, `abs`, `min` and `max` keep the type of what
 * they are given, and everything else gives a float.
 *
 * :random: Each machine has a generator of its own, so that programs in one process do not disturb each other's
 * repeatable sequences. It is xoshiro128** (Blackman and Vigna), whose state is four 32-bit words: JavaScript's
 * bitwise operators are all it takes.
 */

import type { Machine, NativeCall, NativeDef, Param } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { views } from "../core/memory.ts";
import { copyValue, isDouble, setDouble } from "../core/value.ts";
import { intHigh, intLow, negate, numberAt, setSafeInt } from "../core/arithmetic.ts";
import { compareNumbers } from "../core/compare.ts";

const { I32, F64 } = views;

const TWO_63 = 2 ** 63;
const X: Param = { name: "x", type: "number" };
const Y: Param = { name: "y", type: "number" };
const MORE: Param = { name: "more", type: "number", mode: "rest" };

// ---- functions of one float or two -------------------------------------------------------------------------------
// Each `call` names its function itself: a shared body that is handed one costs an indirect call each time.

const FLOATS: readonly NativeDef[] = [
  {
    name: "ucoreMath.sqrt",
    intrinsic: "sqrt",
    params: [X],
    doc: "Square root; nan below zero.",
    example: { code: "print ucoreMath.sqrt(2);", output: "1.4142135623731\n" },
    call: (call) => setDouble(call.result, Math.sqrt(numberAt(call.word(0)))),
  },
  {
    name: "ucoreMath.pow",
    params: [X, Y],
    doc: "x to the power of y.",
    example: { code: "print ucoreMath.pow(2, 10);\nprint ucoreMath.pow(2, -1);", output: "1024\n0.5\n" },
    call: (call) => setDouble(call.result, Math.pow(numberAt(call.word(0)), numberAt(call.word(1)))),
  },
  {
    name: "ucoreMath.exp",
    params: [X],
    doc: "e to the power of x.",
    example: { code: "print ucoreMath.exp(1);", output: "2.718281828459\n" },
    call: (call) => setDouble(call.result, Math.exp(numberAt(call.word(0)))),
  },
  {
    name: "ucoreMath.log",
    params: [X],
    doc: "Natural logarithm; -inf of zero, nan below.",
    example: { code: "print ucoreMath.log(ucoreMath.exp(2));", output: "2\n" },
    call: (call) => setDouble(call.result, Math.log(numberAt(call.word(0)))),
  },
  {
    name: "ucoreMath.sin",
    params: [X],
    doc: "Sine of an angle in radians.",
    example: { code: "print ucoreMath.sin(ucoreMath.pi / 2);", output: "1\n" },
    call: (call) => setDouble(call.result, Math.sin(numberAt(call.word(0)))),
  },
  {
    name: "ucoreMath.cos",
    params: [X],
    doc: "Cosine of an angle in radians.",
    example: { code: "print ucoreMath.cos(ucoreMath.pi);", output: "-1\n" },
    call: (call) => setDouble(call.result, Math.cos(numberAt(call.word(0)))),
  },
  {
    name: "ucoreMath.tan",
    params: [X],
    doc: "Tangent of an angle in radians.",
    example: { code: "print ucoreMath.tan(0);", output: "0\n" },
    call: (call) => setDouble(call.result, Math.tan(numberAt(call.word(0)))),
  },
  {
    name: "ucoreMath.atan2",
    params: [Y, X],
    doc: "Angle of the point (x, y) in radians, between -pi and pi.",
    example: { code: "print ucoreMath.atan2(1, 1) * 4 == ucoreMath.pi;", output: "true\n" },
    call: (call) => setDouble(call.result, Math.atan2(numberAt(call.word(0)), numberAt(call.word(1)))),
  },
];

// ---- rounding ----------------------------------------------------------------------------------------------------

const ROUNDING: readonly NativeDef[] = [
  {
    name: "ucoreMath.floor",
    intrinsic: "floor",
    params: [X],
    doc: "The greatest int that is not above x; a float where it does not fit an int.",
    example: {
      code: "print ucoreMath.floor(2.7);\nprint ucoreMath.floor(-2.1);\nprint ucoreMath.floor(1e300);",
      output: "2\n-3\n1e+300\n",
    },
    call(call) {
      const word = call.word(0);
      if (isDouble(I32[word + 1])) setIntegral(call, Math.floor(F64[word >> 1]));
      else copyValue(call.result, word);
    },
  },
  {
    name: "ucoreMath.ceil",
    params: [X],
    doc: "The least int that is not below x; a float where it does not fit an int.",
    example: { code: "print ucoreMath.ceil(2.1);\nprint ucoreMath.ceil(-2.7);", output: "3\n-2\n" },
    call(call) {
      const word = call.word(0);
      if (isDouble(I32[word + 1])) setIntegral(call, Math.ceil(F64[word >> 1]));
      else copyValue(call.result, word);
    },
  },
  {
    name: "ucoreMath.round",
    params: [X],
    doc: "The nearest int, ties away from zero; a float where it does not fit an int.",
    example: {
      code: "print ucoreMath.round(2.5);\nprint ucoreMath.round(-2.5);\nprint ucoreMath.round(2.4);",
      output: "3\n-3\n2\n",
    },
    call(call) {
      const word = call.word(0);
      if (isDouble(I32[word + 1])) setIntegral(call, roundAway(F64[word >> 1]));
      else copyValue(call.result, word);
    },
  },
];

/** Stores a float without a fraction as an int, if 64 bits hold it. */
function setIntegral(call: NativeCall, x: number): void {
  // Past 2^53 not every int is a double, but every such double is an int, and its two halves are taken exactly.
  if (x >= -TWO_63 && x < TWO_63) setSafeInt(call.result, x);
  else setDouble(call.result, x);
}

/** `Math.round` takes ties upwards, and `x + 0.5` may itself be rounded; what is cut off is exact. */
function roundAway(x: number): number {
  const whole = Math.trunc(x);
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole;
}

// ---- choosing ----------------------------------------------------------------------------------------------------

const CHOICES: readonly NativeDef[] = [
  {
    name: "ucoreMath.abs",
    intrinsic: "abs",
    params: [X],
    doc: "The number without its sign, of the same type.",
    example: { code: "print ucoreMath.abs(-5);\nprint ucoreMath.abs(-2.5);", output: "5\n2.5\n" },
    call(call) {
      const word = call.word(0);
      if (isDouble(I32[word + 1])) setDouble(call.result, Math.abs(F64[word >> 1]));
      else if (intHigh(word) < 0) negate(call.result, word);
      else copyValue(call.result, word);
    },
  },
  {
    name: "ucoreMath.min",
    intrinsic: "min",
    params: [X, Y, MORE],
    doc: "The smallest of two or more numbers, unchanged; nan if one of them is.",
    example: { code: "print ucoreMath.min(3, 1, 2);\nprint ucoreMath.min(1, 0.5);", output: "1\n0.5\n" },
    call: (call) => choose(call, -1),
  },
  {
    name: "ucoreMath.max",
    intrinsic: "max",
    params: [X, Y, MORE],
    doc: "The largest of two or more numbers, unchanged; nan if one of them is.",
    example: { code: "print ucoreMath.max(3, 1, 2);\nprint ucoreMath.max(1, 2.5);", output: "3\n2.5\n" },
    call: (call) => choose(call, 1),
  },
];

/** Gives the argument that comes last in the order `sign`, the first of those that are equal. */
function choose(call: NativeCall, sign: number): void {
  let best = call.word(0);
  for (let i = 1; i < call.count; i++) {
    const word = call.word(i), order = compareNumbers(word, best);
    if (order !== order) return setDouble(call.result, NaN);
    if (order === sign) best = word;
  }
  copyValue(call.result, best);
}

// ---- random numbers ----------------------------------------------------------------------------------------------

const RANDOM: readonly NativeDef[] = [
  {
    name: "ucoreMath.random",
    params: [],
    doc: "A random float from 0 up to and without 1.",
    example: { code: "var r = ucoreMath.random();\nprint r >= 0 && r < 1;", output: "true\n" },
    call(call) {
      const state = generatorOf(call.machine);
      // 53 bits, as many as a double has: the upper 27 of one step and the upper 26 of the next.
      const upper = nextRandom(state) >>> 5, lower = nextRandom(state) >>> 6;
      setDouble(call.result, (upper * 67108864 + lower) / 9007199254740992);
    },
  },
  {
    name: "ucoreMath.seed",
    params: [{ name: "seed", type: "int" }],
    doc: "Makes the random numbers that follow repeat: the same seed gives the same numbers.",
    example: {
      code:
        "ucoreMath.seed(42);\nvar first = ucoreMath.random();\nucoreMath.seed(42);\nprint ucoreMath.random() == first;",
      output: "true\n",
    },
    call(call) {
      const word = call.word(0);
      seedGenerator(generatorOf(call.machine), intLow(word), intHigh(word));
    },
  },
];

const generators = new WeakMap<Machine, Int32Array>();

/** The state of a machine's generator; until the program seeds it, no two are the same. */
function generatorOf(machine: Machine): Int32Array {
  let state = generators.get(machine);
  if (state === undefined) {
    state = new Int32Array(4);
    const [low, high] = crypto.getRandomValues(new Int32Array(2));
    seedGenerator(state, low, high);
    generators.set(machine, state);
  }
  return state;
}

/**
 * Fills the state from the halves of a seed, each the start of a sequence of well mixed words (splitmix32). Such a
 * sequence does not repeat a word, so the state is never all zeros, which the generator would not leave.
 */
function seedGenerator(state: Int32Array, low: number, high: number): void {
  state[0] = mixWord(low + 0x9E3779B9);
  state[1] = mixWord(low + 0x3C6EF372);
  state[2] = mixWord(high ^ state[0]);
  state[3] = mixWord(high ^ state[1]);
}

/** The finaliser of MurmurHash3: each bit of the result depends on each bit of the word. */
function mixWord(word: number): number {
  word = Math.imul(word ^ word >>> 16, 0x85EBCA6B);
  word = Math.imul(word ^ word >>> 13, 0xC2B2AE35);
  return word ^ word >>> 16;
}

/** One step of xoshiro128**: 32 random bits, as a signed word. */
function nextRandom(state: Int32Array): number {
  const result = Math.imul(rotate(Math.imul(state[1], 5), 7), 9), shifted = state[1] << 9;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = rotate(state[3], 11);
  return result;
}

function rotate(word: number, bits: number): number {
  return word << bits | word >>> 32 - bits;
}

/** The plugin of `ucoreMath`. */
export const math = {
  name: "math",
  doc: "The mathematical functions, and random numbers.",
  libraries: [{
    name: "ucoreMath",
    doc: "Mathematical functions of ints and floats; angles are in radians.",
    natives: [...FLOATS, ...ROUNDING, ...CHOICES, ...RANDOM],
    constants: { pi: Math.PI },
  }],
} satisfies Plugin;
