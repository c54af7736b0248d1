/**
 * `ucoreArray`: sorting and searching arrays, making new ones of them, and the functions that take functions. It decides
 * which of them change their array and what callbacks may do to it; how functions are called is none of its business,
 * for whatever takes a function is written in the language.
 *
 * - `sort`, `reverse` and `fill` change the array and give it; all others leave it as it is.
 * - `map`, `filter`, `reduce` and `find` see what a loop `for (var item : array)` would see: elements that the callback
 *   appends have their turn as well, those that it removes before their turn have none.
 * - `sort` works on a copy: the comparator sees the array as it was, and so does everybody if the comparator fails. In the
 *   end the elements of the beginning are stored in order from the first index on, whatever stands there by then.
 */

import { fail, failOperands, type NativeCall, type NativeDef, type Param } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { views } from "../core/memory.ts";
import {
  copyValue,
  HI_INT64,
  HI_STRING,
  immediate,
  isDouble,
  isImmediate,
  Kind,
  setBool,
  setImmediate48,
  setInt32,
  setObject,
} from "../core/value.ts";
import {
  arrayLength,
  growthUnits,
  HeapExhausted,
  itemWord,
  newArray,
  resizeArray,
  safepoint,
} from "../core/heap.ts";
import { bigIntAt, isNumber, numberAt, storeInt } from "../core/arithmetic.ts";
import { compareStrings, newStringBytes, stringLength, stringStart, stringUnits } from "../core/strings.ts";
import { equalValues, isComparable } from "../core/compare.ts";
import { newSink, valueToDisplay, writeText } from "../core/text.ts";
import { GAP_LIMIT } from "../core/opcodes.ts";

const { I32, F64, U8 } = views;
const TWO_24 = 2 ** 24, TWO_32 = 2 ** 32;

const ARRAY: Param = { name: "array", type: "array" };
const VALUE: Param = { name: "value", type: "any" };
const FUNCTION: Param = { name: "f", type: "function" };

/** Ref of the array in argument `index`. */
function arrayArgument(call: NativeCall, index: number): number {
  return I32[call.word(index)];
}

// ---- functions that take functions -------------------------------------------------------------------------------

const HIGHER: readonly NativeDef[] = [
  {
    name: "ucoreArray.map",
    params: [ARRAY, FUNCTION],
    doc: "Makes an array of what a function gives for each element.",
    example: {
      code: "print ucoreArray.map([1, 2, 3], function (n) { return n * n; });",
      output: "[1, 4, 9]\n",
    },
    code: `function (array, f) {
      var result = [];
      for (var item : array) push(result, f(item));
      return result;
    }`,
  },
  {
    name: "ucoreArray.filter",
    params: [ARRAY, FUNCTION],
    doc: "Makes an array of the elements for which a function gives something that counts as true.",
    example: {
      code: "print ucoreArray.filter([1, 2, 3, 4], function (n) { return n % 2 == 0; });",
      output: "[2, 4]\n",
    },
    code: `function (array, f) {
      var result = [];
      for (var item : array) if (f(item)) push(result, item);
      return result;
    }`,
  },
  {
    name: "ucoreArray.reduce",
    params: [ARRAY, FUNCTION, { name: "initial", type: "any" }],
    doc:
      "Makes one value of all elements: a function gets the value so far, at first the initial one, and an element, and gives the next.",
    example: {
      code: "print ucoreArray.reduce([1, 2, 3], function (sum, n) { return sum + n; }, 0);",
      output: "6\n",
    },
    code: `function (array, f, initial) {
      var result = initial;
      for (var item : array) result = f(result, item);
      return result;
    }`,
  },
  {
    name: "ucoreArray.find",
    params: [ARRAY, FUNCTION],
    doc: "The first element for which a function gives something that counts as true; nil if there is none.",
    example: {
      code: "print ucoreArray.find([3, 8, 12], function (n) { return n > 5; });",
      output: "8\n",
    },
    code: `function (array, f) {
      for (var item : array) if (f(item)) return item;
      return nil;
    }`,
  },
];

// ---- searching ---------------------------------------------------------------------------------------------------

const SEARCHING: readonly NativeDef[] = [
  {
    name: "ucoreArray.indexOf",
    params: [ARRAY, VALUE, { name: "from", type: "int", mode: "optional" }],
    doc: "The first index, from a given one on, whose element equals a value; -1 if there is none.",
    example: {
      code:
        'print ucoreArray.indexOf(["a", "b", "a"], "a", 1);\nprint ucoreArray.indexOf([1, 2], 3);\nprint ucoreArray.indexOf([1, 2], 2.0);',
      output: "2\n-1\n1\n",
    },
    call(call) {
      const from = call.count === 3 ? Math.max(0, numberAt(call.word(2))) : 0;
      setInt32(call.result, findValue(arrayArgument(call, 0), call.word(1), from));
    },
  },
  {
    name: "ucoreArray.contains",
    params: [ARRAY, VALUE],
    doc: "Whether an element equals a value.",
    example: {
      code: 'print ucoreArray.contains(["a", "b"], "b");\nprint ucoreArray.contains([[1]], [1]);',
      output: "true\nfalse\n",
    },
    call(call) {
      setBool(call.result, findValue(arrayArgument(call, 0), call.word(1), 0) >= 0);
    },
  },
];

/** Index of the first element from `from` on that equals the value at `word`; -1 if there is none. */
function findValue(array: number, word: number, from: number): number {
  const count = arrayLength(array);
  for (let i = from; i < count; i++) if (equalValues(itemWord(array, i), word)) return i;
  return -1;
}

// ---- making and changing -----------------------------------------------------------------------------------------

const MAKING: readonly NativeDef[] = [
  {
    name: "ucoreArray.concat",
    params: [ARRAY, { name: "more", type: "array", mode: "rest" }],
    doc: "Makes an array of the elements of all the arrays, one after the other.",
    example: { code: "print ucoreArray.concat([1, 2], [3], [], [4, 5]);", output: "[1, 2, 3, 4, 5]\n" },
    call(call) {
      let count = 0;
      for (let i = 0; i < call.count; i++) count += arrayLength(arrayArgument(call, i));
      safepoint(3 + count);
      const result = newArray(count);
      resizeArray(result, count);
      let to = itemWord(result, 0);
      for (let i = 0; i < call.count; i++) {
        const from = itemWord(arrayArgument(call, i), 0), words = arrayLength(arrayArgument(call, i)) << 1;
        I32.copyWithin(to, from, from + words);
        to += words;
      }
      setObject(call.result, Kind.ARRAY, result);
    },
  },
  {
    name: "ucoreArray.join",
    params: [ARRAY, { name: "separator", type: "string", mode: "optional" }],
    doc:
      "The texts of the elements in one string, with a separator between them, which is a comma if none is given.",
    example: {
      code: 'print ucoreArray.join([1, "two", [3]]);\nprint ucoreArray.join(["usr", "bin"], "/");',
      output: "1,two,[3]\nusr/bin\n",
    },
    call(call) {
      const array = arrayArgument(call, 0), count = arrayLength(array), sink = newSink(1024);
      for (let i = 0; i < count; i++) {
        if (i !== 0) {
          if (call.count === 2) writeText(call.word(1), sink);
          else sink.bytes[sink.length++] = COMMA;
        }
        writeText(itemWord(array, i), sink);
      }
      safepoint(stringUnits(sink.length));
      setObject(call.result, Kind.STRING, newStringBytes(sink.bytes.subarray(0, sink.length)));
    },
  },
  {
    name: "ucoreArray.range",
    params: [{ name: "from", type: "int" }, { name: "to", type: "int", mode: "optional" }, {
      name: "step",
      type: "int",
      mode: "optional",
    }],
    doc:
      "Makes an array of the ints from one up to and without another, by steps of 1 or of a given size, which may be negative; with one argument it begins at 0.",
    example: {
      code:
        "print ucoreArray.range(4);\nprint ucoreArray.range(2, 5);\nprint ucoreArray.range(10, 0, -5);\nprint ucoreArray.range(3, 1);",
      output: "[0, 1, 2, 3]\n[2, 3, 4]\n[10, 5]\n[]\n",
    },
    call: makeRange,
  },
  {
    name: "ucoreArray.reverse",
    params: [ARRAY],
    doc: "Turns the order of an array around, and gives the array.",
    example: { code: "var a = [1, 2, 3];\nucoreArray.reverse(a);\nprint a;", output: "[3, 2, 1]\n" },
    call(call) {
      const array = arrayArgument(call, 0);
      let low = itemWord(array, 0), high = low + (arrayLength(array) << 1) - 2;
      for (; low < high; low += 2, high -= 2) {
        const first = I32[low], second = I32[low + 1];
        copyValue(low, high);
        I32[high] = first;
        I32[high + 1] = second;
      }
      copyValue(call.result, call.word(0));
    },
  },
  {
    name: "ucoreArray.fill",
    params: [ARRAY, VALUE, { name: "from", type: "int", mode: "optional" }, {
      name: "to",
      type: "int",
      mode: "optional",
    }],
    doc:
      "Writes a value to the indices from one up to and without another, or to the end, and gives the array; writing past the end makes it longer.",
    example: {
      code: "print ucoreArray.fill([1, 2, 3, 4], 0, 1, 3);\nprint ucoreArray.fill([], nil, 0, 2);",
      output: "[1, 0, 0, 4]\n[nil, nil]\n",
    },
    call(call) {
      const array = arrayArgument(call, 0), length = arrayLength(array);
      const from = call.count > 2 ? indexArgument(call, 2, length) : 0;
      const to = call.count > 3 ? indexArgument(call, 3, length) : length;
      if (to > length && to > from) {
        safepoint(growthUnits(array, to));
        resizeArray(array, to);
      }
      for (let i = from; i < to; i++) copyValue(itemWord(array, i), call.word(1));
      copyValue(call.result, call.word(0));
    },
  },
];

const COMMA = 0x2C;

/** Argument `index` as an index to write to in an array of `length`; the errors are those of an assignment. */
function indexArgument(call: NativeCall, index: number, length: number): number {
  const word = call.word(index), n = numberAt(word);
  if (n < 0) fail(call.machine, "U0909", { index: valueToDisplay(word) });
  if (n > length + GAP_LIMIT) fail(call.machine, "U0910", { index: valueToDisplay(word), length });
  return n;
}

function makeRange(call: NativeCall): void {
  const first = call.count > 1 ? bigIntAt(call.word(0)) : 0n;
  const end = bigIntAt(call.word(call.count > 1 ? 1 : 0));
  const step = call.count > 2 ? bigIntAt(call.word(2)) : 1n;
  if (step === 0n) call.fail("ucoreArray.range cannot go on by steps of 0.");
  const distance = step > 0n ? end - first : first - end, size = step > 0n ? step : -step;
  const steps = distance > 0n ? (distance + size - 1n) / size : 0n;
  if (steps > 0x7FFFFFFFn) throw new HeapExhausted();
  const count = Number(steps), last = first + step * (steps - 1n);
  const mayBox = BigInt.asIntN(48, first) !== first || BigInt.asIntN(48, last) !== last;
  safepoint(3 + count + (mayBox ? 2 * count : 0));
  const array = newArray(count);
  resizeArray(array, count);
  // Ints of 64 bits, in halves: no number of TypeScript holds all of them, and a BigInt for each would take its time.
  const stepLow = Number(step & 0xFFFFFFFFn), stepHigh = Number(step >> 32n);
  let low = Number(first & 0xFFFFFFFFn), high = Number(first >> 32n);
  for (let i = 0; i < count; i++) {
    storeInt(itemWord(array, i), low | 0, high | 0);
    low += stepLow;
    high += stepHigh;
    if (low >= TWO_32) {
      low -= TWO_32;
      high++;
    }
  }
  setObject(call.result, Kind.ARRAY, array);
}

// ---- sorting -----------------------------------------------------------------------------------------------------

/** What `sort` does without a comparator. */
const SORT_BY_VALUE: NativeDef = {
  name: "ucoreArray.sortByValue",
  params: [ARRAY],
  doc: "Sorts numbers, or strings, by their own order.",
  example: { code: "", output: "" },
  call: sortByValue,
};

/**
 * Ends a sort whose comparator gives anything but a number the first time. Later on the operators refuse it just as well,
 * in their own words; a call each time would take longer than all the rest.
 */
const CHECK_ORDER: NativeDef = {
  name: "ucoreArray.checkOrder",
  params: [{ name: "order", type: "any" }],
  doc: "Refuses everything but numbers.",
  example: { code: "", output: "" },
  call(call) {
    const order = call.word(0);
    if (isNumber(order)) return;
    call.fail(
      `The comparator of ucoreArray.sort has to give a number, but it gave ${valueToDisplay(order)}.`,
    );
  },
};

const SORTING: readonly NativeDef[] = [
  {
    name: "ucoreArray.sort",
    params: [ARRAY, { name: "compare", type: "function", mode: "optional" }],
    doc:
      "Sorts an array and gives it: numbers, nan last, or strings by their bytes. With a comparator, which gets two elements, by what that gives: below 0 if the first one comes first, above 0 if the second one does; what is equal keeps its order.",
    example: {
      code:
        'print ucoreArray.sort([10, 9, 2.5]);\nprint ucoreArray.sort(["pear", "Fig", "apple"]);\nprint ucoreArray.sort(["pear", "fig", "kiwi"], function (a, b) { return length(a) - length(b); });',
      output: "[2.5, 9, 10]\n[Fig, apple, pear]\n[fig, pear, kiwi]\n",
    },
    uses: [SORT_BY_VALUE, CHECK_ORDER],
    // Merges runs of ever greater width; those that it begins with are sorted by insertion.
    code: `function (array, compare) {
      if (compare == nil) return sortByValue(array);
      var items = slice(array, 0);
      var count = length(items);
      if (count > 1) checkOrder(compare(items[0], items[1]));
      var width = 4;
      for (var start = 0; start < count; start += width) {
        for (var i = start + 1; i < start + width && i < count; i += 1) {
          var item = items[i];
          var hole = i;
          while (hole > start && compare(items[hole - 1], item) > 0) {
            items[hole] = items[hole - 1];
            hole -= 1;
          }
          items[hole] = item;
        }
      }
      var spare = [];
      for (; width < count; width *= 2) {
        for (var start = 0; start + width < count; start += 2 * width) {
          var right = start + width;
          if (compare(items[right - 1], items[right]) <= 0) continue;
          var end = right + width;
          if (end > count) end = count;
          // The left run moves out of the way, and comes back where it belongs.
          for (var i = 0; i < width; i += 1) spare[i] = items[start + i];
          var next = start;
          var left = 0;
          while (left < width) {
            if (right < end && compare(spare[left], items[right]) > 0) {
              items[next] = items[right];
              right += 1;
            } else {
              items[next] = spare[left];
              left += 1;
            }
            next += 1;
          }
        }
      }
      for (var i = 0; i < count; i += 1) array[i] = items[i];
      return array;
    }`,
  },
];

// Nothing below allocates on the heap, so the words of the array stay where they are.

function sortByValue(call: NativeCall): void {
  const array = arrayArgument(call, 0), count = arrayLength(array), first = itemWord(array, 0);
  for (let i = 1; i < count; i++) {
    if (!isComparable(first, first + 2 * i)) failOperands(call.machine, "<", first, first + 2 * i);
  }
  if (count > 1) {
    if (I32[first + 1] === HI_STRING) sortStrings(first, count);
    else sortNumbers(first, count);
  }
  copyValue(call.result, call.word(0));
}

// Forms of numbers, as a set.
const NARROW = 1, WIDE = 2, FLOAT = 4, MINUS_ZERO = 8;

function sortNumbers(first: number, count: number): void {
  let forms = 0;
  for (let at = first, end = first + 2 * count; at < end; at += 2) {
    const high = I32[at + 1];
    if (isImmediate(high)) forms |= NARROW;
    else if (!isDouble(high)) forms |= WIDE;
    else forms |= high === MINUS_ZERO_HIGH && I32[at] === 0 ? MINUS_ZERO : FLOAT;
  }
  // Equal numbers of one form are the same, so that nobody sees in which order they come; the zeros of floats are not.
  if (forms === FLOAT) F64.subarray(first >> 1, (first >> 1) + count).sort();
  else if (forms === NARROW) {
    const numbers = new Float64Array(count);
    for (let i = 0; i < count; i++) numbers[i] = immediate(first + 2 * i);
    numbers.sort();
    for (let i = 0; i < count; i++) setImmediate48(first + 2 * i, numbers[i]);
  } else sortMixed(first, count, (forms & WIDE) !== 0);
}

const MINUS_ZERO_HIGH = 1 << 31;

/**
 * Sorts numbers by the nearest double. Those that have the same one, as ints beyond 2^53 may, are sorted once more, by
 * what is missing to it.
 */
function sortMixed(first: number, count: number, hasWide: boolean): void {
  const words = I32.slice(first, first + 2 * count), sorter = newSorter(count), { keys, items } = sorter;
  let known = 0;
  for (let i = 0; i < count; i++) {
    const key = numberAt(first + 2 * i);
    if (key !== key) continue;
    keys[known] = key;
    items[known++] = i;
  }
  sortByKeys(sorter, 0, known);
  if (hasWide) {
    forEachGroup(keys, 0, known, (from, to) => {
      for (let i = from; i < to; i++) {
        const word = first + 2 * items[i];
        keys[i] = I32[word + 1] === HI_INT64 ? Number(bigIntAt(word) - BigInt(keys[i])) : 0;
      }
      sortByKeys(sorter, from, to);
    });
  }
  // What is no number has no place among the others.
  for (let i = 0, at = known; i < count; i++) if (Number.isNaN(numberAt(first + 2 * i))) items[at++] = i;
  for (let i = 0; i < count; i++) {
    I32[first + 2 * i] = words[2 * items[i]];
    I32[first + 2 * i + 1] = words[2 * items[i] + 1];
  }
}

/** Bytes of a string that make one key. */
const KEY_BYTES = 6;
/** So few strings are compared as they are. */
const FEW = 8;

/** Sorts strings by their first bytes, those that have the same ones by the bytes after them, and so on. */
function sortStrings(first: number, count: number): void {
  const sorter = newSorter(count), { keys, items: refs } = sorter;
  for (let i = 0; i < count; i++) refs[i] = I32[first + 2 * i];
  const unsorted = [{ from: 0, to: count, offset: 0 }];
  for (let next = unsorted.pop(); next !== undefined; next = unsorted.pop()) {
    const { from, to, offset } = next;
    if (to - from <= FEW) {
      insertStrings(refs, from, to);
      continue;
    }
    for (let i = from; i < to; i++) keys[i] = stringKey(refs[i], offset);
    sortByKeys(sorter, from, to);
    forEachGroup(keys, from, to, (from, to) => {
      const isOver = stringLength(refs[from]) <= offset + KEY_BYTES;
      if (!isOver) unsorted.push({ from, to, offset: offset + KEY_BYTES });
    });
  }
  for (let i = 0; i < count; i++) I32[first + 2 * i] = refs[i];
}

function insertStrings(refs: Int32Array, from: number, to: number): void {
  for (let i = from + 1; i < to; i++) {
    const ref = refs[i];
    let hole = i;
    for (; hole > from && compareStrings(refs[hole - 1], ref) > 0; hole--) refs[hole] = refs[hole - 1];
    refs[hole] = ref;
  }
}

/**
 * The bytes from `offset` on as a number of the same order: six bytes, zeros for those that are missing, then how many
 * there are, up to 7, so that a string comes before those that it begins.
 */
function stringKey(ref: number, offset: number): number {
  const at = stringStart(ref) + offset, rest = stringLength(ref) - offset;
  let upper = 0, lower = 0;
  if (rest >= KEY_BYTES) {
    upper = U8[at] << 16 | U8[at + 1] << 8 | U8[at + 2];
    lower = U8[at + 3] << 16 | U8[at + 4] << 8 | U8[at + 5];
  } else {
    for (let i = 0; i < 3; i++) {
      upper = upper << 8 | (i < rest ? U8[at + i] : 0);
      lower = lower << 8 | (i + 3 < rest ? U8[at + i + 3] : 0);
    }
  }
  return (upper * TWO_24 + lower) * 8 + Math.min(rest, 7);
}

/** Calls `visit` for each two or more neighbours in [from, to) whose keys are equal. */
function forEachGroup(
  keys: Float64Array,
  from: number,
  to: number,
  visit: (from: number, to: number) => void,
): void {
  for (let start = from, end; start < to; start = end) {
    const key = keys[start];
    for (end = start + 1; end < to && keys[end] === key;) end++;
    if (end - start > 1) visit(start, end);
  }
}

/** Items and the numbers that they are sorted by, and as much room again. */
interface Sorter {
  readonly keys: Float64Array;
  readonly items: Int32Array;
  readonly spareKeys: Float64Array;
  readonly spareItems: Int32Array;
}

function newSorter(count: number): Sorter {
  return {
    keys: new Float64Array(count),
    items: new Int32Array(count),
    spareKeys: new Float64Array(count),
    spareItems: new Int32Array(count),
  };
}

/** Runs of this length are sorted by insertion. */
const RUN = 8;

/** Sorts the items in [from, to) by their keys, which are not nan; what has equal keys keeps its order. */
function sortByKeys({ keys, items, spareKeys, spareItems }: Sorter, from: number, to: number): void {
  for (let start = from; start < to; start += RUN) {
    insertByKeys(keys, items, start, Math.min(start + RUN, to));
  }
  for (let width = RUN; width < to - from; width *= 2) {
    for (let start = from; start + width < to; start += 2 * width) {
      const middle = start + width;
      if (keys[middle - 1] <= keys[middle]) continue;
      // The left run moves out of the way, and comes back where it belongs.
      spareKeys.set(keys.subarray(start, middle));
      spareItems.set(items.subarray(start, middle));
      const end = Math.min(middle + width, to);
      let left = 0, right = middle, next = start;
      while (left < width && right < end) {
        if (spareKeys[left] <= keys[right]) {
          keys[next] = spareKeys[left];
          items[next++] = spareItems[left++];
        } else {
          keys[next] = keys[right];
          items[next++] = items[right++];
        }
      }
      keys.set(spareKeys.subarray(left, width), next);
      items.set(spareItems.subarray(left, width), next);
    }
  }
}

function insertByKeys(keys: Float64Array, items: Int32Array, from: number, to: number): void {
  for (let i = from + 1; i < to; i++) {
    const key = keys[i], item = items[i];
    let hole = i;
    for (; hole > from && keys[hole - 1] > key; hole--) {
      keys[hole] = keys[hole - 1];
      items[hole] = items[hole - 1];
    }
    keys[hole] = key;
    items[hole] = item;
  }
}

/** The plugin of `ucoreArray`. */
export const array = {
  name: "array",
  doc: "Arrays: sorting, searching, and what takes functions.",
  libraries: [{
    name: "ucoreArray",
    doc: "Sorting and searching arrays, making new ones of them, and functions that take functions.",
    natives: [...SORTING, ...HIGHER, ...SEARCHING, ...MAKING],
  }],
} satisfies Plugin;
