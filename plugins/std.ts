/**
 * The builtins: what every program can do with containers, types and conversions without naming a library. They are
 * ordinary globals, so a program may redefine them, store them and pass them on. This file decides what they do when
 * they are called as values; for a direct call of an untouched `push`, `pop`, `length`, `has`, `array` or `map` the
 * bytecode pass emits an opcode of the same meaning, of which nothing is known here.
 *
 * A native reads its arguments from words of the linear memory and writes its result to one. The machine has checked
 * the declared parameter types before, so the bodies go straight to the matter. One that allocates passes a
 * `safepoint` first, and takes refs from its arguments only afterwards or not across it (:safepoints: in heap.ts).
 */

import { fail, failKey, type NativeCall, type NativeDef, type Param } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { views } from "../core/memory.ts";
import {
  copyValue,
  HI_ARRAY,
  HI_STRING,
  isDouble,
  isInt,
  isTruthy,
  Kind,
  setBool,
  setDouble,
  setInt32,
  setObject,
  typeNumber,
} from "../core/value.ts";
import {
  appendItem,
  arrayLength,
  growthUnits,
  itemWord,
  newArray,
  resizeArray,
  safepoint,
} from "../core/heap.ts";
import {
  sliceString,
  stringLength,
  stringStart,
  stringText,
  stringUnits,
  TYPE_STRING_UNITS,
  typeString,
} from "../core/strings.ts";
import { isKey, mapCount, mapHas, mapRemove, newMap, nextEntry, stateAfter } from "../core/maps.ts";
import { intHigh, intLow, isNumber, numberAt, setBigInt, setSafeInt } from "../core/arithmetic.ts";
import { parseFloatText, parseIntText } from "../core/number_text.ts";
import { textString, textUnits, valueToDisplay } from "../core/text.ts";

const { I32, F64, U8 } = views;

const TWO_63 = 2 ** 63;
/** Digits of the largest integer. */
const INT_DIGITS = 19;
/** As many digits as every double holds exactly. */
const EXACT_DIGITS = 15;
const PLUS = 0x2B, MINUS = 0x2D, ZERO = 0x30;
/** No number is written with more characters than this; what is longer is not looked at. */
const LITERAL_MAX = 1 << 20;

const ANY: Param = { name: "x", type: "any" };
const ARRAY: Param = { name: "array", type: "array" };
const MAP: Param = { name: "map", type: "map" };
const KEY: Param = { name: "key", type: "any" };

// ---- arrays ------------------------------------------------------------------------------------------------------

const ARRAYS: readonly NativeDef[] = [
  {
    name: "array",
    params: [],
    doc: "Makes a new empty array.",
    example: { code: "var a = array();\npush(a, 1);\nprint a;", output: "[1]\n" },
    call(call) {
      safepoint(2);
      setObject(call.result, Kind.ARRAY, newArray(0));
    },
  },
  {
    name: "push",
    params: [ARRAY, { name: "value", type: "any" }],
    doc: "Appends a value to an array; gives nil.",
    example: { code: 'var a = [1];\npush(a, "two");\nprint a;', output: "[1, two]\n" },
    call(call) {
      const array = I32[call.word(0)];
      safepoint(growthUnits(array, arrayLength(array) + 1));
      appendItem(array, call.word(1));
    },
  },
  {
    name: "pop",
    params: [ARRAY],
    doc: "Removes the last element of an array and gives it; nil if there is none.",
    example: { code: "var a = [1, 2];\nprint pop(a);\nprint a;", output: "2\n[1]\n" },
    call(call) {
      const array = I32[call.word(0)], last = arrayLength(array) - 1;
      if (last < 0) return;
      copyValue(call.result, itemWord(array, last));
      resizeArray(array, last);
    },
  },
];

// ---- maps --------------------------------------------------------------------------------------------------------

const MAPS: readonly NativeDef[] = [
  {
    name: "map",
    params: [],
    doc: "Makes a new empty map.",
    example: { code: 'var m = map();\nm["a"] = 1;\nprint m;', output: "{a: 1}\n" },
    call(call) {
      safepoint(4);
      setObject(call.result, Kind.MAP, newMap());
    },
  },
  {
    name: "has",
    params: [MAP, KEY],
    doc: "Whether a map has a key.",
    example: { code: 'print has({"a": nil}, "a");\nprint has({1: "one"}, 2);', output: "true\nfalse\n" },
    call(call) {
      const key = keyArgument(call, 1);
      setBool(call.result, mapHas(I32[call.word(0)], key));
    },
  },
  {
    name: "keys",
    params: [MAP],
    doc: "Makes an array of the keys of a map, in the order of insertion.",
    example: { code: 'print keys({"b": 1, "a": 2, 3: "three"});', output: "[b, a, 3]\n" },
    call(call) {
      const map = I32[call.word(0)], count = mapCount(map);
      safepoint(3 + count);
      const array = newArray(count);
      for (let entry = nextEntry(map, 0); entry !== 0; entry = nextEntry(map, stateAfter(entry))) {
        appendItem(array, entry);
      }
      setObject(call.result, Kind.ARRAY, array);
    },
  },
  {
    name: "remove",
    intrinsic: "remove",
    params: [MAP, KEY],
    doc: "Removes a key from a map and gives its value; nil if it was not there.",
    example: {
      code: 'var m = {"a": 1, "b": 2};\nprint remove(m, "a");\nprint remove(m, "a");\nprint m;',
      output: "1\nnil\n{b: 2}\n",
    },
    call(call) {
      const key = keyArgument(call, 1);
      mapRemove(I32[call.word(0)], key, call.result);
    },
  },
];

/** Word of an argument that can be a key; the error is that of an index expression. */
function keyArgument(call: NativeCall, index: number): number {
  const word = call.word(index);
  if (!isKey(word)) failKey(call.machine, word);
  return word;
}

// ---- sequences ---------------------------------------------------------------------------------------------------

const SEQUENCES: readonly NativeDef[] = [
  {
    name: "length",
    params: [{ name: "x", type: ["string", "array", "map"] }],
    doc: "Number of bytes of a string, of elements of an array, of keys of a map.",
    example: { code: 'print length("four");\nprint length([1, 2]);\nprint length({});', output: "4\n2\n0\n" },
    call(call) {
      const word = call.word(0), ref = I32[word];
      switch (I32[word + 1]) {
        case HI_STRING:
          return setInt32(call.result, stringLength(ref));
        case HI_ARRAY:
          return setInt32(call.result, arrayLength(ref));
        default:
          return setInt32(call.result, mapCount(ref));
      }
    },
  },
  {
    name: "slice",
    intrinsic: "slice",
    params: [
      { name: "x", type: ["string", "array"] },
      { name: "from", type: "int" },
      { name: "to", type: "int", mode: "optional" },
    ],
    doc:
      "The bytes of a string, or the elements of an array, from one index up to and without another, or to the end.",
    example: {
      code: 'print slice("hello", 1, 3);\nprint slice([1, 2, 3], 1);\nprint slice([1, 2, 3], 2, 100);',
      output: "el\n[2, 3]\n[3]\n",
    },
    call(call) {
      const word = call.word(0), ref = I32[word], isString = I32[word + 1] === HI_STRING;
      const length = isString ? stringLength(ref) : arrayLength(ref);
      const from = boundArgument(call, 1, length);
      const to = call.count === 3 ? Math.max(from, boundArgument(call, 2, length)) : length;
      if (isString) {
        safepoint(stringUnits(to - from));
        setObject(call.result, Kind.STRING, sliceString(ref, from, to));
      } else {
        safepoint(3 + to - from);
        const array = newArray(to - from);
        for (let i = from; i < to; i++) appendItem(array, itemWord(ref, i));
        setObject(call.result, Kind.ARRAY, array);
      }
    },
  },
];

/** The integer argument at `index` as a bound of a sequence of `length`, cut off at its end. */
function boundArgument(call: NativeCall, index: number, length: number): number {
  const word = call.word(index), high = intHigh(word), low = intLow(word) >>> 0;
  if (high < 0) call.fail(`slice expects bounds from 0 on, but got ${valueToDisplay(word)}.`);
  return high > 0 || low > length ? length : low;
}

// ---- types and conversions ---------------------------------------------------------------------------------------

const CONVERSIONS: readonly NativeDef[] = [
  {
    name: "type",
    intrinsic: "type",
    params: [ANY],
    doc: "Name of a value's type.",
    example: {
      code: 'print type(1) + ", " + type(1.0) + ", " + type([]) + ", " + type(nil);',
      output: "int, float, array, nil\n",
    },
    call(call) {
      safepoint(TYPE_STRING_UNITS);
      setObject(call.result, Kind.STRING, typeString(typeNumber(I32[call.word(0) + 1])));
    },
  },
  {
    name: "str",
    intrinsic: "str",
    params: [ANY],
    doc: "The text of a value, as print shows it.",
    example: { code: 'print str(12) + str([1, "x"]);', output: "12[1, x]\n" },
    call(call) {
      const word = call.word(0);
      safepoint(textUnits(word));
      setObject(call.result, Kind.STRING, textString(word));
    },
  },
  {
    name: "int",
    intrinsic: "int",
    params: [ANY],
    doc:
      "An int from a float, whose fraction it drops, or from a string of decimal digits; nil from anything else.",
    example: { code: 'print int(2.9);\nprint int("-42");\nprint int("4x");', output: "2\n-42\nnil\n" },
    call(call) {
      const word = call.word(0), high = I32[word + 1];
      if (isInt(high)) copyValue(call.result, word);
      else if (isDouble(high)) {
        const x = Math.trunc(F64[word >> 1]);
        if (x >= -TWO_63 && x < TWO_63) setSafeInt(call.result, x);
      } else if (high === HI_STRING) setIntText(call.result, I32[word]);
    },
  },
  {
    name: "float",
    intrinsic: "float",
    params: [ANY],
    doc: "A float from an int, or from a string that reads like a number literal; nil from anything else.",
    example: {
      code: 'print float("2.5e3");\nprint type(float(2));\nprint float("x");',
      output: "2500\nfloat\nnil\n",
    },
    call(call) {
      const word = call.word(0);
      if (isNumber(word)) setDouble(call.result, numberAt(word));
      else if (I32[word + 1] === HI_STRING && stringLength(I32[word]) <= LITERAL_MAX) {
        const x = parseFloatText(stringText(I32[word]));
        if (x !== null) setDouble(call.result, x);
      }
    },
  },
];

/**
 * Stores what a text of an optional sign and decimal digits says; nothing if it is another text, or past 64 bits.
 * Leading zeros aside, few characters decide that, however long the text is.
 */
function setIntText(result: number, ref: number): void {
  let at = stringStart(ref);
  const end = at + stringLength(ref), sign = at < end ? U8[at] : 0, isNegative = sign === MINUS;
  if (isNegative || sign === PLUS) at++;
  while (at + 1 < end && U8[at] === ZERO) at++;
  if (at === end || end - at > INT_DIGITS) return;
  if (end - at <= EXACT_DIGITS) {
    let n = 0;
    for (; at < end; at++) {
      const digit = U8[at] - ZERO;
      if (digit < 0 || digit > 9) return;
      n = n * 10 + digit;
    }
    return setSafeInt(result, isNegative ? -n : n);
  }
  let text = isNegative ? "-" : "";
  for (; at < end; at++) text += String.fromCharCode(U8[at]);
  const n = parseIntText(text);
  if (n !== null) setBigInt(result, n);
}

// ---- the program itself ------------------------------------------------------------------------------------------

const PROGRAM: readonly NativeDef[] = [
  {
    name: "clock",
    params: [],
    doc: "Seconds since the program started, as a float.",
    example: { code: "var start = clock();\nprint clock() >= start;", output: "true\n" },
    call(call) {
      const { host, started } = call.machine;
      setDouble(call.result, (host.now() - started) / 1000);
    },
  },
  {
    name: "assert",
    params: [{ name: "condition", type: "any" }, { name: "message", type: "any", mode: "optional" }],
    doc: "Ends the program with an error unless the condition holds.",
    example: { code: 'assert(1 + 1 == 2, "arithmetic works");\nprint "passed";', output: "passed\n" },
    call(call) {
      if (isTruthy(call.word(0))) return;
      fail(call.machine, "U0921", { message: call.count === 2 ? valueToDisplay(call.word(1)) : null });
    },
  },
];

/** The plugin of the builtins. */
export const std: Plugin = {
  name: "std",
  doc: "The builtin functions of the language.",
  natives: [...ARRAYS, ...MAPS, ...SEQUENCES, ...CONVERSIONS, ...PROGRAM],
};
