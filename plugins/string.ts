/**
 * `ucoreString`: searching, cutting, changing and formatting text. Strings are bytes; positions and lengths count bytes,
 * as everywhere in the language. Where a *character* matters (`chars`, `reverse`, widths of padding, regular
 * expressions) it is a character of UTF-8, and a byte that belongs to none counts as one.
 *
 * :search: No loop written here comes near the engine's own search, which knows vector instructions and the tables of
 * Boyer and Moore; copying bytes to a string of the engine, one character each, takes next to no time. So long texts are
 * searched piece by piece in such copies.
 */

import { Buffer } from "node:buffer";
import type { Machine, NativeCall, NativeDef, Param } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { views } from "../core/memory.ts";
import { HI_STRING, HI_UINT, isInt, Kind, setBool, setDouble, setInt32, setObject } from "../core/value.ts";
import { arrayLength, HeapExhausted, itemWord, newArray, safepoint } from "../core/heap.ts";
import { bigIntAt, isNumber, numberAt, setBigInt } from "../core/arithmetic.ts";
import {
  BYTE_STRING_UNITS,
  byteString,
  copyBytes,
  newString,
  newStringBytes,
  newStringLatin1,
  newStringText,
  sliceString,
  stringLength,
  stringStart,
  stringText,
  stringUnits,
  stringView,
} from "../core/strings.ts";
import { parseFloatText } from "../core/number_text.ts";
import { newSink, textOf, writeText } from "../core/text.ts";

const { I32, U8 } = views;

const TEXT: Param = { name: "text", type: "string" };
const PART: Param = { name: "part", type: "string" };
const SEPARATOR: Param = { name: "separator", type: "string" };
const PATTERN: Param = { name: "pattern", type: "string" };

/** Ref of the string in argument `index`. */
function stringArgument(call: NativeCall, index: number): number {
  return I32[call.word(index)];
}

function giveString(call: NativeCall, ref: number): void {
  setObject(call.result, Kind.STRING, ref);
}

/** Passes a safepoint for a new string of `length` bytes; longer ones than strings can be are as good as no memory. */
function reserveString(length: number): void {
  if (length > LENGTH_MAX) throw new HeapExhausted();
  safepoint(stringUnits(length));
}

const LENGTH_MAX = 0x7FFFFFFF;

/** The integer argument at `index` as a position in a text of `length` bytes: what lies outside is brought to its ends. */
function positionArgument(call: NativeCall, index: number, length: number): number {
  return Math.min(Math.max(numberAt(call.word(index)), 0), length);
}

// ---- searching ---------------------------------------------------------------------------------------------------

/** The memory, for copies with one character for each byte. */
const MEMORY = Buffer.from(U8.buffer);

/** Texts up to this length are searched faster by a loop, byte by byte. */
const SHORT_TEXT = 128;
/** Bytes of the first piece of a long text, and of later ones: short enough for the engine's nursery. */
const FIRST_PIECE = 4096, LATER_PIECE = 1 << 16;

/** The most characters that strings of the engine can have. */
const HOST_LENGTH_MAX = 0x1FFFFFE8;

/** The bytes in [from, to), one character each. A view does this for all addresses; offsets end at 2^31. */
function latin1(from: number, to: number): string {
  if (to - from > HOST_LENGTH_MAX) throw new HeapExhausted();
  return MEMORY.subarray(from, to).toString("latin1");
}

/** Offset of the first occurrence of a string in another at or after the offset `from`; -1 if there is none. */
function find(text: number, part: number, from: number): number {
  const start = stringStart(text), end = start + stringLength(text), length = stringLength(part);
  if (length === 0) return from;
  if (end - start - from <= SHORT_TEXT) return findByLoop(start, start + from, end, part);
  const needle = latin1(stringStart(part), stringStart(part) + length);
  let piece = Math.max(FIRST_PIECE, length);
  for (let at = start + from; at + length <= end; at += piece, piece = Math.max(LATER_PIECE, length)) {
    // Each piece goes on for as long as an occurrence that begins in it may.
    const found = latin1(at, Math.min(at + piece + length - 1, end)).indexOf(needle);
    if (found >= 0) return at + found - start;
  }
  return -1;
}

function findByLoop(start: number, from: number, end: number, part: number): number {
  const length = stringLength(part), first = stringStart(part), byte = U8[first], last = end - length + 1;
  for (let at = findByte(from, last, byte); at < last; at = findByte(at + 1, last, byte)) {
    if (isSame(at, first, length)) return at - start;
  }
  return -1;
}

/** Offsets that {@linkcode findAll} found. */
let found = new Int32Array(256);
/** More of them are not kept for the next search: to bring new pages into memory takes about as long as to search. */
const FOUND_KEPT = 1 << 22;

function addFound(count: number, offset: number): void {
  if (count === found.length) {
    const larger = new Int32Array(count * 2);
    larger.set(found);
    found = larger;
  }
  found[count] = offset;
}

/** Parts up to this length are looked for by their first byte. */
const SHORT_PART = 8;

/** Finds all occurrences of a string, which is not empty, that do not overlap; gives their number. */
function findAll(text: number, part: number): number {
  if (found.length > FOUND_KEPT) found = new Int32Array(256);
  return stringLength(part) <= SHORT_PART ? findAllShort(text, part) : findAllLong(text, part);
}

/** Goes from one occurrence of the first byte of a part to the next. */
function findAllShort(text: number, part: number): number {
  const start = stringStart(text), first = stringStart(part), length = stringLength(part), byte = U8[first];
  const end = start + stringLength(text) - length + 1;
  let count = 0;
  for (let at = findByte(start, end, byte); at < end;) {
    const isFound = length === 1 || isSame(at, first, length);
    if (isFound) addFound(count++, at - start);
    at = findByte(at + (isFound ? length : 1), end, byte);
  }
  return count;
}

/** The first address in [from, end) with this byte, or one from `end` on; looks at four bytes at a time. */
function findByte(from: number, end: number, byte: number): number {
  let at = from;
  for (; (at & 3) !== 0; at++) if (U8[at] === byte) return at;
  for (const pattern = byte * 0x01010101 | 0; at < end; at += 4) {
    const different = I32[at >>> 2] ^ pattern, marks = different - 0x01010101 & ~different & 0x80808080;
    // The lowest mark is right; above it there may be wrong ones.
    if (marks !== 0) return at + (31 - Math.clz32(marks & -marks) >> 3);
  }
  return end;
}

/** Whether the bytes at two addresses are the same. */
function isSame(a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (U8[a + i] !== U8[b + i]) return false;
  return true;
}

function findAllLong(text: number, part: number): number {
  const start = stringStart(text), end = start + stringLength(text), length = stringLength(part);
  const needle = latin1(stringStart(part), stringStart(part) + length), size = Math.max(LATER_PIECE, length);
  let count = 0;
  for (let at = start; at + length <= end;) {
    const piece = latin1(at, Math.min(at + size + length - 1, end));
    let next = 0;
    for (let i = piece.indexOf(needle); i >= 0; i = piece.indexOf(needle, next)) {
      addFound(count++, at + i - start);
      next = i + length;
    }
    at += Math.max(next, size);
  }
  return count;
}

const SEARCHING: readonly NativeDef[] = [
  {
    name: "ucoreString.contains",
    params: [TEXT, PART],
    doc: "Whether a text has another one in it; an empty one is in every text.",
    example: {
      code: 'print ucoreString.contains("concatenate", "cat");\nprint ucoreString.contains("dog", "cat");',
      output: "true\nfalse\n",
    },
    call(call) {
      setBool(call.result, find(stringArgument(call, 0), stringArgument(call, 1), 0) >= 0);
    },
  },
  {
    name: "ucoreString.indexOf",
    params: [TEXT, PART, { name: "from", type: "int", mode: "optional" }],
    doc:
      "The offset in bytes at which a text first occurs in another, at or after an offset; -1 if it does not.",
    example: {
      code:
        'print ucoreString.indexOf("banana", "an");\nprint ucoreString.indexOf("banana", "an", 2);\nprint ucoreString.indexOf("banana", "x");',
      output: "1\n3\n-1\n",
    },
    call(call) {
      const text = stringArgument(call, 0);
      const from = call.count === 3 ? positionArgument(call, 2, stringLength(text)) : 0;
      setInt32(call.result, find(text, stringArgument(call, 1), from));
    },
  },
  {
    name: "ucoreString.startsWith",
    params: [TEXT, PART],
    doc: "Whether a text begins with another one.",
    example: {
      code: 'print ucoreString.startsWith("unnarize", "un");\nprint ucoreString.startsWith("un", "unna");',
      output: "true\nfalse\n",
    },
    call(call) {
      setBool(call.result, hasAt(stringArgument(call, 0), stringArgument(call, 1), 0));
    },
  },
  {
    name: "ucoreString.endsWith",
    params: [TEXT, PART],
    doc: "Whether a text ends with another one.",
    example: {
      code: 'print ucoreString.endsWith("data.json", ".json");\nprint ucoreString.endsWith("n", "json");',
      output: "true\nfalse\n",
    },
    call(call) {
      const text = stringArgument(call, 0), part = stringArgument(call, 1);
      setBool(call.result, hasAt(text, part, stringLength(text) - stringLength(part)));
    },
  },
];

/** Whether a text has another one at an offset, which may be below 0. */
function hasAt(text: number, part: number, offset: number): boolean {
  const length = stringLength(part);
  if (offset < 0 || offset + length > stringLength(text)) return false;
  return isSame(stringStart(text) + offset, stringStart(part), length);
}

// ---- cutting and joining -----------------------------------------------------------------------------------------

const CUTTING: readonly NativeDef[] = [
  {
    name: "ucoreString.split",
    params: [TEXT, SEPARATOR],
    doc:
      "Makes an array of what lies between the occurrences of a separator; of the single bytes if that is empty.",
    example: {
      code: 'print ucoreString.split("red, green, blue", ", ");\nprint ucoreString.split("abc", "");',
      output: "[red, green, blue]\n[a, b, c]\n",
    },
    call(call) {
      const text = stringArgument(call, 0), separator = stringArgument(call, 1);
      if (stringLength(separator) === 0) splitBytes(call, text);
      else splitText(call, text, separator);
    },
  },
  {
    name: "ucoreString.chars",
    params: [TEXT],
    doc: "Makes an array of the characters of a text.",
    example: {
      code: 'print ucoreString.chars("naïve");\nprint length("naïve");',
      output: "[n, a, ï, v, e]\n6\n",
    },
    call(call) {
      const text = stringArgument(call, 0), start = stringStart(text), length = stringLength(text);
      // An element each, and for each character of several bytes, hence for each two bytes, a string of up to 8.
      safepoint(3 + length + 3 * (length >> 1) + BYTE_STRINGS_UNITS);
      const chars = newArray(countChars(start, start + length));
      for (let from = 0; from < length;) {
        const to = charEnd(start + from, start + length) - start;
        addString(chars, sliceString(text, from, to));
        from = to;
      }
      setObject(call.result, Kind.ARRAY, chars);
    },
  },
  {
    name: "ucoreString.bytes",
    params: [TEXT],
    doc: "Makes an array of the bytes of a text, ints from 0 to 255.",
    example: { code: 'print ucoreString.bytes("Aé");', output: "[65, 195, 169]\n" },
    call(call) {
      const text = stringArgument(call, 0), start = stringStart(text), length = stringLength(text);
      safepoint(3 + length);
      const bytes = newArray(length);
      for (let i = 0; i < length; i++) addItem(bytes, U8[start + i], HI_UINT);
      setObject(call.result, Kind.ARRAY, bytes);
    },
  },
  {
    name: "ucoreString.substring",
    params: [TEXT, { name: "from", type: "int" }, { name: "to", type: "int", mode: "optional" }],
    doc:
      "The bytes of a text from one offset up to and without another, or to the end; offsets outside stand for its ends.",
    example: {
      code: 'print ucoreString.substring("unnarize", 2, 5);\nprint ucoreString.substring("unnarize", -3);',
      output: "nar\nunnarize\n",
    },
    call(call) {
      const text = stringArgument(call, 0),
        length = stringLength(text),
        from = positionArgument(call, 1, length);
      const to = call.count === 3 ? Math.max(from, positionArgument(call, 2, length)) : length;
      safepoint(stringUnits(to - from));
      giveString(call, sliceString(text, from, to));
    },
  },
  {
    name: "ucoreString.trim",
    params: [TEXT],
    doc: "A text without the white space at its ends: blanks, tabs, line ends, form feeds.",
    example: { code: 'print "<" + ucoreString.trim("  a b\\n") + ">";', output: "<a b>\n" },
    call(call) {
      const text = stringArgument(call, 0), start = stringStart(text);
      let from = 0, to = stringLength(text);
      while (from < to && isSpace(U8[start + from])) from++;
      while (from < to && isSpace(U8[start + to - 1])) to--;
      safepoint(stringUnits(to - from));
      giveString(call, sliceString(text, from, to));
    },
  },
  {
    name: "ucoreString.join",
    params: [{ name: "items", type: "array" }, SEPARATOR],
    doc: "The texts of the elements of an array, with a separator between them.",
    example: { code: 'print ucoreString.join(["a", 1, [2.5, nil]], "-");', output: "a-1-[2.5, nil]\n" },
    call(call) {
      const items = I32[call.word(0)], count = arrayLength(items), sink = newSink(1024);
      for (let i = 0; i < count; i++) {
        if (i !== 0) writeText(call.word(1), sink);
        writeText(itemWord(items, i), sink);
      }
      reserveString(sink.length);
      giveString(call, newStringBytes(sink.bytes.subarray(0, sink.length)));
    },
  },
];

/** Units of all strings of one byte. */
const BYTE_STRINGS_UNITS = 256 * BYTE_STRING_UNITS;

function splitText(call: NativeCall, text: number, separator: number): void {
  const length = stringLength(text), width = stringLength(separator), count = findAll(text, separator);
  // Each part takes an element, a header, and its bytes rounded up.
  safepoint(3 + (count + 1) * 4 + (length >> 3) + BYTE_STRINGS_UNITS);
  const parts = newArray(count + 1);
  let from = 0;
  for (let i = 0; i < count; i++) {
    addString(parts, sliceString(text, from, found[i]));
    from = found[i] + width;
  }
  addString(parts, sliceString(text, from, length));
  setObject(call.result, Kind.ARRAY, parts);
}

function splitBytes(call: NativeCall, text: number): void {
  const start = stringStart(text), length = stringLength(text);
  safepoint(3 + length + BYTE_STRINGS_UNITS);
  const parts = newArray(length);
  for (let i = 0; i < length; i++) addString(parts, byteString(U8[start + i]));
  setObject(call.result, Kind.ARRAY, parts);
}

function addString(array: number, ref: number): void {
  addItem(array, ref, HI_STRING);
}

/** Appends a value to an array that has room. */
function addItem(array: number, low: number, high: number): void {
  const at = itemWord(array, I32[(array << 1) + 1]++);
  I32[at] = low;
  I32[at + 1] = high;
}

/** Blanks, and tabs, line feeds, vertical tabs, form feeds and carriage returns. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0D);
}

/** The address behind the character that begins at `at`: behind one byte if that begins no character of UTF-8. */
function charEnd(at: number, end: number): number {
  const lead = U8[at];
  if (lead < 0xC2 || lead > 0xF4) return at + 1;
  const next = at + (lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4);
  if (next > end) return at + 1;
  for (let i = at + 1; i < next; i++) if ((U8[i] & 0xC0) !== 0x80) return at + 1;
  return next;
}

/** Number of characters between two addresses. */
function countChars(from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at = charEnd(at, to)) count++;
  return count;
}

// ---- changing ----------------------------------------------------------------------------------------------------

const CHANGING: readonly NativeDef[] = [
  {
    name: "ucoreString.replace",
    params: [TEXT, { name: "part", type: "string" }, { name: "by", type: "string" }],
    doc: "A text with all occurrences of a part replaced by another text.",
    example: { code: 'print ucoreString.replace("banana", "an", "oo");', output: "booooa\n" },
    call(call) {
      const [text, part, by] = [0, 1, 2].map((index) => stringArgument(call, index));
      const count = stringLength(part) === 0 ? 0 : findAll(text, part);
      if (count === 0) return giveString(call, text);
      const width = stringLength(part), extra = stringLength(by), length = stringLength(text);
      const total = length + count * (extra - width);
      reserveString(total);
      const ref = newString(total), start = stringStart(text), insert = stringStart(by);
      let from = 0, to = stringStart(ref);
      for (let i = 0; i < count; i++) {
        copyBytes(to, start + from, found[i] - from);
        to += found[i] - from;
        copyBytes(to, insert, extra);
        to += extra;
        from = found[i] + width;
      }
      copyBytes(to, start + from, length - from);
      giveString(call, ref);
    },
  },
  {
    name: "ucoreString.toLower",
    params: [TEXT],
    doc: "A text with the letters A to Z as small ones.",
    example: { code: 'print ucoreString.toLower("Hello, WORLD");', output: "hello, world\n" },
    call: (call) => changeCase(call, 0x41),
  },
  {
    name: "ucoreString.toUpper",
    params: [TEXT],
    doc: "A text with the letters a to z as capitals.",
    example: { code: 'print ucoreString.toUpper("Hello, world");', output: "HELLO, WORLD\n" },
    call: (call) => changeCase(call, 0x61),
  },
  {
    name: "ucoreString.reverse",
    params: [TEXT],
    doc: "The characters of a text from the last to the first.",
    example: { code: 'print ucoreString.reverse("stressed");', output: "desserts\n" },
    call(call) {
      const text = stringArgument(call, 0), start = stringStart(text), length = stringLength(text);
      safepoint(stringUnits(length));
      const ref = newString(length);
      let to = stringStart(ref) + length;
      for (let at = start, next = at; at < start + length; at = next) {
        next = charEnd(at, start + length);
        to -= next - at;
        for (let i = at; i < next; i++) U8[to + i - at] = U8[i];
      }
      giveString(call, ref);
    },
  },
  {
    name: "ucoreString.repeat",
    params: [TEXT, { name: "count", type: "int" }],
    doc: "A text, one copy behind another.",
    example: { code: 'print ucoreString.repeat("ab", 3);', output: "ababab\n" },
    call(call) {
      const count = numberAt(call.word(1)), length = stringLength(stringArgument(call, 0));
      if (count < 0) call.fail(`ucoreString.repeat expects a count from 0 on, but got ${count}.`);
      const total = length === 0 ? 0 : length * count;
      reserveString(total);
      const ref = newString(total), start = stringStart(ref);
      fillBytes(start, start + total, stringStart(stringArgument(call, 0)), length);
      giveString(call, ref);
    },
  },
  {
    name: "ucoreString.padStart",
    params: [TEXT, { name: "width", type: "int" }, { name: "by", type: "string", mode: "optional" }],
    doc: "A text made as many characters wide by blanks, or by another text over and over, before it.",
    example: {
      code: 'print ucoreString.padStart("7", 3, "0");\nprint ucoreString.padStart("é", 3) + "|";',
      output: "007\n  é|\n",
    },
    call: (call) => pad(call, true),
  },
  {
    name: "ucoreString.padEnd",
    params: [TEXT, { name: "width", type: "int" }, { name: "by", type: "string", mode: "optional" }],
    doc: "A text made as many characters wide by blanks, or by another text over and over, behind it.",
    example: {
      code: 'print ucoreString.padEnd("tea", 6, ".") + "|";\nprint ucoreString.padEnd("coffee", 3) + "|";',
      output: "tea...|\ncoffee|\n",
    },
    call: (call) => pad(call, false),
  },
];

/** Flips the case of all letters from `first` (A or a) to the 25th behind it, four bytes at a time. */
function changeCase(call: NativeCall, first: number): void {
  const length = stringLength(stringArgument(call, 0));
  safepoint(stringUnits(length));
  const ref = newString(length),
    to = stringStart(ref) >>> 2,
    from = stringStart(stringArgument(call, 0)) >>> 2;
  // To a byte below 128, adding 128 - n carries into the top bit if the byte is at least n.
  const least = (0x80 - first) * 0x01010101, above = (0x80 - first - 26) * 0x01010101;
  for (let i = 0, count = (length + 3) >> 2; i < count; i++) {
    const word = I32[from + i], low = word & 0x7F7F7F7F;
    const letters = (low + least ^ low + above) & ~word & 0x80808080;
    I32[to + i] = word ^ letters >>> 2;
  }
  giveString(call, ref);
}

/** Fills [to, end) with copies of `length` bytes, the last one cut off: with one, two, four … of them at a time. */
function fillBytes(to: number, end: number, from: number, length: number): void {
  if (to === end) return;
  copyBytes(to, from, Math.min(length, end - to));
  for (let done = length; to + done < end; done *= 2) {
    copyBytes(to + done, to, Math.min(done, end - to - done));
  }
}

function pad(call: NativeCall, isBefore: boolean): void {
  const text = stringArgument(call, 0), start = stringStart(text), length = stringLength(text);
  const missing = numberAt(call.word(1)) - countChars(start, start + length);
  if (missing <= 0 || (call.count === 3 && stringLength(stringArgument(call, 2)) === 0)) {
    return giveString(call, text);
  }
  let extra = missing;
  if (call.count === 3) {
    const by = stringArgument(call, 2), first = stringStart(by), end = first + stringLength(by);
    const chars = countChars(first, end);
    let rest = first;
    for (let i = missing % chars; i > 0; i--) rest = charEnd(rest, end);
    extra = Math.floor(missing / chars) * (end - first) + rest - first;
  }
  reserveString(length + extra);
  const ref = newString(length + extra), to = stringStart(ref);
  copyBytes(isBefore ? to + extra : to, start, length);
  const gap = isBefore ? to : to + length;
  if (call.count === 3) {
    const by = stringArgument(call, 2);
    fillBytes(gap, gap + extra, stringStart(by), stringLength(by));
  } else U8.fill(0x20, gap, gap + extra);
  giveString(call, ref);
}

// ---- numbers and formats -----------------------------------------------------------------------------------------

const FORMATTING: readonly NativeDef[] = [
  {
    name: "ucoreString.toNumber",
    params: [TEXT],
    doc:
      "The number that a text shows, as a literal of the language with white space around it: an int if it fits 64 bits " +
      "and has neither point nor exponent, else a float; nil if it is none.",
    example: {
      code:
        'print ucoreString.toNumber(" 42 ") + 1;\nprint ucoreString.toNumber("-2.5e3");\nprint ucoreString.toNumber("0xff");\nprint ucoreString.toNumber("4 2");',
      output: "43\n-2500\n255\nnil\n",
    },
    call(call) {
      if (stringLength(stringArgument(call, 0)) > LITERAL_MAX) return;
      const text = stringText(stringArgument(call, 0)).replace(/^[ \t-\r]+|[ \t-\r]+$/g, "");
      const x = parseFloatText(text);
      if (x === null) return;
      const n = parseWhole(text);
      if (n === null) setDouble(call.result, x);
      else setBigInt(call.result, n);
    },
  },
  {
    name: "ucoreString.format",
    params: [{ name: "template", type: "string" }, { name: "values", type: "any", mode: "rest" }],
    doc:
      "A template with its places filled in: {} takes the next value, {2} the one of that number, counted from 0; {{ and }} " +
      "stand for braces. After a colon come a fill character and < ^ or > for the alignment, 0 for leading zeros, a width " +
      "in characters, and a point with the number of decimals, or of the first characters of what is no number.",
    example: {
      code:
        'print ucoreString.format("{} + {} = {}", 1, 2.5, 3.5);\nprint ucoreString.format("|{:8}|{:>8}|{:.^9}|{:07.2}|", "left", "right", "mid", 3.14159);\nprint ucoreString.format("{1}{0} {{}}", "a", "b");',
      output: "1 + 2.5 = 3.5\n|left    |   right|...mid...|0003.14|\nba {}\n",
    },
    call(call) {
      const text = formatTemplate(call, bytesText(stringArgument(call, 0)));
      reserveString(text.length);
      giveString(call, newStringLatin1(text));
    },
  },
];

/** No number is written with more characters than this; what is longer is not looked at. */
const LITERAL_MAX = 1 << 20;

/** A number literal without point and exponent as an int; null for any other, and beyond 64 bits. */
function parseWhole(literal: string): bigint | null {
  const match = /^([+-]?)(0[xX][0-9a-fA-F_]+|[0-9_]+)$/.exec(literal);
  if (match === null) return null;
  const size = BigInt(match[2].replaceAll("_", "")), n = match[1] === "-" ? -size : size;
  return BigInt.asIntN(64, n) === n ? n : null;
}

/** The bytes of a string, one character each: formats put texts together without looking at more than braces. */
function bytesText(ref: number): string {
  const start = stringStart(ref);
  return latin1(start, start + stringLength(ref));
}

const PLACE =
  /\{\{|\}\}|\{(\d*)(?::(?:([^{}\x80-\xFF]|[\xC2-\xF4][\x80-\xBF]+)?([<^>]))?(0)?(\d{1,4})?(?:\.(\d{1,2}))?)?\}|[{}]/g;

function formatTemplate(call: NativeCall, template: string): string {
  let next = 0;
  return template.replace(PLACE, (place, number, fill = " ", align, zero, width = "0", places, offset) => {
    if (place === "{{" || place === "}}") return place[0];
    if (place.length === 1) {
      return call.fail(
        `ucoreString.format does not understand the '${place}' at offset ${offset} of the template.`,
      );
    }
    const index = number === "" ? next++ : Number(number);
    if (index + 1 >= call.count) {
      return call.fail(`ucoreString.format has no value for place ${index}: it got ${call.count - 1}.`);
    }
    const word = call.word(index + 1), isNumeric = isNumber(word);
    const text = valueText(word, places === undefined ? null : Number(places));
    const missing = Number(width) - text.replace(/[\x80-\xBF]/g, "").length;
    if (missing <= 0) return text;
    if (zero !== undefined && isNumeric && align === undefined) {
      return text.replace(/^-?/, (sign) => sign + "0".repeat(missing));
    }
    if ((align ?? (isNumeric ? ">" : "<")) === "<") return text + fill.repeat(missing);
    const before = align === "^" ? missing >> 1 : missing;
    return fill.repeat(before) + text + fill.repeat(missing - before);
  });
}

/** The text of a value, one character for each byte, with so many decimals or first characters. */
function valueText(word: number, places: number | null): string {
  if (places !== null && isNumber(word)) {
    if (isInt(I32[word + 1])) return `${bigIntAt(word)}${places === 0 ? "" : `.${"0".repeat(places)}`}`;
    const x = numberAt(word);
    if (Math.abs(x) < 1e21) return x.toFixed(places);
  }
  const bytes = textOf(word),
    text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  return places === null || isNumber(word)
    ? text
    : (text.match(/[^\x80-\xBF][\x80-\xBF]*/g) ?? []).slice(0, places).join("");
}

// ---- regular expressions -----------------------------------------------------------------------------------------
// The engine's own, in a dialect that takes POSIX classes as well. Text and pattern are read as UTF-8; if one of the two is
// not, both are taken byte by byte.

const MATCHING: readonly NativeDef[] = [
  {
    name: "ucoreString.match",
    params: [TEXT, PATTERN],
    doc:
      "Whether a regular expression matches anywhere in a text. Of a malformed one it says why, on standard error, and gives nil.",
    example: {
      code:
        'print ucoreString.match("order 66", "[[:digit:]]+$");\nprint ucoreString.match("order", "^[0-9]");',
      output: "true\nfalse\n",
    },
    call(call) {
      const search = prepareSearch(call);
      if (search === null) return;
      search.pattern.lastIndex = 0;
      setBool(call.result, search.pattern.test(search.text));
    },
  },
  {
    name: "ucoreString.extract",
    params: [TEXT, PATTERN],
    doc:
      "Makes an array of all parts of a text that a regular expression matches, from left to right; nil if that is malformed.",
    example: {
      code: 'print ucoreString.extract("a=1, bc=22", "[a-z]+=\\\\d+");',
      output: "[a=1, bc=22]\n",
    },
    call(call) {
      const search = prepareSearch(call);
      if (search === null) return;
      const matches: string[] = [];
      let units = 0;
      for (const { 0: match, index } of search.text.matchAll(search.pattern)) {
        // A pattern that can match nothing would match once more behind the text.
        if (index === search.text.length) break;
        matches.push(match);
        units += 1 + stringUnits(match.length * 3);
      }
      safepoint(3 + units);
      const array = newArray(matches.length);
      for (const match of matches) {
        addString(array, search.isText ? newStringText(match) : newStringLatin1(match));
      }
      setObject(call.result, Kind.ARRAY, array);
    },
  },
];

/** A pattern, and what to look for it in. */
interface Search {
  readonly pattern: RegExp;
  readonly text: string;
  /** Whether the text was read as UTF-8; else it has one character for each byte. */
  readonly isText: boolean;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Patterns of each machine that were made before. */
const patterns = new WeakMap<Machine, Map<string, RegExp>>();
const PATTERNS_KEPT = 64;

function prepareSearch(call: NativeCall): Search | null {
  const refs = [stringArgument(call, 0), stringArgument(call, 1)];
  if (refs.some((ref) => stringLength(ref) > HOST_LENGTH_MAX)) throw new HeapExhausted();
  let texts: string[], isText = true;
  try {
    texts = refs.map((ref) => strict.decode(stringView(ref)));
  } catch {
    isText = false;
    texts = refs.map(bytesText);
  }
  try {
    return { pattern: findPattern(call.machine, texts[1]), text: texts[0], isText };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The engine's message repeats the pattern, translated.
    const reason = error.message.slice(error.message.lastIndexOf(": ") + 1).trim();
    call.machine.host.world.warn(`Regex Error: ${reason} in '${texts[1]}'\n`);
    return null;
  }
}

/** @throws {SyntaxError} if it is malformed */
function findPattern(machine: Machine, text: string): RegExp {
  let known = patterns.get(machine);
  if (known === undefined) patterns.set(machine, known = new Map());
  let pattern = known.get(text);
  if (pattern === undefined) {
    // As in POSIX a point matches all characters, also line feeds.
    pattern = new RegExp(translatePattern(text), "gsu");
    if (known.size === PATTERNS_KEPT) known.clear();
    known.set(text, pattern);
  }
  return pattern;
}

const CLASSES: Readonly<Record<string, string>> = {
  alnum: "a-zA-Z0-9",
  alpha: "a-zA-Z",
  blank: " \\t",
  cntrl: "\\x00-\\x1F\\x7F",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t-\\r ",
  upper: "A-Z",
  xdigit: "0-9A-Fa-f",
};

/** Escapes that mean something to the engine; in others the backslash protects the character, and goes. */
const ESCAPE =
  /\\(?:[dDwWsSbBtnvfr0^$\\.*+?()[\]{}|\/]|[1-9]\d*|x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|u\{[\dA-Fa-f]+\}|c[A-Za-z]|[pP]\{[^}]*\}|k<[^>]*>)/y;
const GNU_BOUNDARY = /\\[<>]/y;
/** A count, the least being 0 if it is left out. */
const COUNT = /\{(?:(\d+)(,\d*)?|,(\d+))\}/y;
const GROUP = /\(\?(?:[:=!]|<[=!]|<[A-Za-z_]\w*>)/y;
const NAMED = /\[([:.=])(.+?)\1\]/y;
const SET = /\\[dDwWsSpP]|\[:/y;

/** Brings a POSIX extended regular expression, or one of the engine, to the engine's strict form. */
function translatePattern(text: string): string {
  let result = "", at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (at < text.length) {
    const char = String.fromCodePoint(text.codePointAt(at)!);
    let match: RegExpExecArray | null;
    if (char === "\\") {
      if (take(GNU_BOUNDARY) !== null) result += "\\b";
      else if ((match = take(ESCAPE)) !== null) result += match[0];
      else result += takePlain();
    } else if (char === "{") {
      match = take(COUNT);
      if (match === null) result += takeLiteral(char);
      else result += match[3] === undefined ? match[0] : `{0,${match[3]}}`;
    } else if (char === "}" || char === "]") result += takeLiteral(char);
    else if (char === "[") result += takeBrackets();
    else if ((match = take(GROUP)) !== null) result += match[0];
    else {
      result += char;
      at += char.length;
    }
  }
  return result;

  function takeLiteral(char: string): string {
    at += char.length;
    return `\\${char}`;
  }

  /** The character behind a backslash that means nothing by itself. */
  function takePlain(): string {
    if (++at === text.length) throw new SyntaxError("\\ at end of pattern");
    const char = String.fromCodePoint(text.codePointAt(at)!);
    at += char.length;
    return char;
  }

  /** A set in brackets: a closing one in the first place is a member, and so is a minus beside a class. */
  function takeBrackets(): string {
    let set = "[", isClass = false, match: RegExpExecArray | null;
    at++;
    if (text[at] === "^") set += text[at++];
    for (let isFirst = true; isFirst || text[at] !== "]"; isFirst = false) {
      if (at >= text.length) throw new SyntaxError("Unterminated brackets");
      const wasClass = isClass;
      isClass = false;
      if ((match = take(NAMED)) !== null) {
        const [, kind, name] = match;
        if (kind !== ":") set += name.replace(/[\\\]^-]/g, "\\$&");
        else if (!Object.hasOwn(CLASSES, name)) throw new SyntaxError(`Unknown class [:${name}:]`);
        else {
          set += CLASSES[name];
          isClass = true;
        }
      } else if (text[at] === "\\") {
        isClass = matchesSet();
        if ((match = take(ESCAPE)) !== null) set += match[0];
        else {
          const plain = takePlain();
          set += plain === "-" ? "\\-" : plain;
        }
      } else if (text[at] === "]" || text[at] === "[") set += takeLiteral(text[at]);
      else if (text[at] === "-") {
        at++;
        set += wasClass || matchesSet() ? "\\-" : "-";
      } else {
        const char = String.fromCodePoint(text.codePointAt(at)!);
        set += char;
        at += char.length;
      }
    }
    at++;
    return `${set}]`;
  }

  /** Whether a class comes next, which can be no end of a range. */
  function matchesSet(): boolean {
    SET.lastIndex = at;
    return SET.test(text);
  }
}

// ---- the library -------------------------------------------------------------------------------------------------

/** The plugin of `ucoreString`. */
export const string = {
  name: "string",
  doc: "Searching, cutting, changing and formatting text.",
  libraries: [{
    name: "ucoreString",
    doc: "Searching, cutting, changing and formatting text.",
    natives: [...SEARCHING, ...CUTTING, ...CHANGING, ...FORMATTING, ...MATCHING],
  }],
} satisfies Plugin;
