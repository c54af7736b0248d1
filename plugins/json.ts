/**
 * `ucoreJson`: values from JSON and back, in text and in files. Text becomes objects of the heap, and they become text,
 * with nothing in between; so integers keep their 64 bits, and a document costs little more than its objects.
 *
 * :one-stack: The reader has no recursion and knows no grammar stack but this one. Values that are complete, but whose
 * container is not, wait on it; a closing bracket takes all since the opening one, and puts the container in their place.
 *
 * ```text
 *  [1, {"a": [2, 3          │outer│ 1 │outer│ "a" │outer│ 2 │ 3 │
 *  [1, {"a": [2, 3]         │outer│ 1 │outer│ "a" │ [2, 3] │
 *  [1, {"a": [2, 3]}        │outer│ 1 │ {a: [2, 3]} │
 *                               └─ where the values of the container around this one begin, and which kind it is
 * ```
 *
 * It lies outside the heap, where the collector does not see it: reading reaches no safepoint. A text bounds the objects
 * that it can describe ({@linkcode parseUnits}), so room for them is asked for once, before.
 */

import type { NativeCall, NativeDef, Param } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { views } from "../core/memory.ts";
import {
  fitsImmediate,
  HI_ARRAY,
  HI_BOOL,
  HI_INT64,
  HI_MAP,
  HI_NIL,
  HI_OBJECT,
  HI_STRING,
  HI_UINT,
  immediate,
  isDouble,
  isImmediate,
  Kind,
  setBool,
  setObject,
} from "../core/value.ts";
import { allocate, HeapExhausted, heapLimit, newInt64, safepoint } from "../core/heap.ts";
import { intHigh, intLow, numberAt } from "../core/arithmetic.ts";
import {
  byteString,
  newString,
  newStringBytes,
  newStringCopy,
  stringLength,
  stringStart,
  stringText,
  stringUnits,
} from "../core/strings.ts";
import { entryAfter, mapPutString, newMapFor } from "../core/maps.ts";
import { formatDouble, formatInt64 } from "../core/number_text.ts";
import { allocateBytes, intLength, VISITING, writeInt } from "../core/text.ts";
import { placeOf } from "../core/files.ts";

const { I32, F64, U8 } = views;

const TAB = 0x09, LINE_FEED = 0x0A, RETURN = 0x0D, SPACE = 0x20, QUOTE = 0x22, BACKSLASH = 0x5C;
const PLUS = 0x2B, MINUS = 0x2D, POINT = 0x2E, ZERO = 0x30, COMMA = 0x2C, COLON = 0x3A;
const OPEN_BRACKET = 0x5B, CLOSE_BRACKET = 0x5D, OPEN_BRACE = 0x7B, CLOSE_BRACE = 0x7D;
const LOWER_E = 0x65, LOWER_F = 0x66, LOWER_N = 0x6E, LOWER_T = 0x74, LOWER_U = 0x75;
const BYTE_ORDER_MARK = [0xEF, 0xBB, 0xBF];

// ---- reading -----------------------------------------------------------------------------------------------------

/** A text that is not JSON: why, and the byte address at which that shows. */
export class Malformed extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/**
 * Units that the objects of a text of `length` bytes take at most. The dearest text for its length is `{"":{"":…}}`:
 * twelve units for each five bytes.
 */
function parseUnits(length: number): number {
  return 16 + Math.ceil(length * 2.5);
}

/** Words of the stack to begin with, and the most that are kept from one text to the next. */
const STACK_WORDS = 1024, STACK_KEPT = 1 << 16;

/** Values whose container is not complete (:one-stack:), two words each, and the same memory as doubles. */
let stack = new Int32Array(STACK_WORDS);
let stackDoubles = new Float64Array(stack.buffer);

/** Refs of the keys read so far, each at a place that its bytes choose: records repeat them over and over. */
const keys = new Int32Array(1024);

/** Where {@linkcode readString} and its like have stopped: behind the closing quote. */
let stopped = 0;

function growStack(): void {
  stack = grown(stack);
  stackDoubles = new Float64Array(stack.buffer);
}

/** A copy with as much room again. */
function grown(words: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(words.length * 2);
  larger.set(words);
  return larger;
}

/**
 * Reads the JSON between two byte addresses and stores its value at `out`. Takes {@linkcode parseUnits}.
 * @throws {Malformed} if it is not JSON
 */
function readDocument(start: number, end: number, out: number): void {
  keys.fill(0);
  try {
    const at = skipSpace(readValue(skipMark(start, end), end), end);
    if (at !== end) throw new Malformed("Extra data at end of JSON", at);
    I32[out] = stack[0];
    I32[out + 1] = stack[1];
  } finally {
    if (stack.length > STACK_KEPT) {
      stack = new Int32Array(STACK_WORDS);
      stackDoubles = new Float64Array(stack.buffer);
    }
  }
}

function skipMark(at: number, end: number): number {
  return end - at >= 3 && BYTE_ORDER_MARK.every((byte, i) => U8[at + i] === byte) ? at + 3 : at;
}

function skipSpace(from: number, end: number): number {
  let at = from;
  for (; at < end; at++) {
    const byte = U8[at];
    if (byte > SPACE || (byte !== SPACE && byte !== LINE_FEED && byte !== RETURN && byte !== TAB)) break;
  }
  return at;
}

/** Reads one value to the bottom of the stack; gives the address behind it. */
function readValue(from: number, end: number): number {
  let at = from;
  // The next free word of the stack, and where the values of the innermost container begin: 0 outside of all.
  let top = 0, base = 0, isMap = false;
  for (;;) {
    if (top + 6 > stack.length) growStack();
    at = skipSpace(at, end);
    switch (at < end ? U8[at] : 0) {
      case QUOTE:
        stack[top] = readString(at + 1, end);
        stack[top + 1] = HI_STRING;
        at = stopped;
        break;
      case OPEN_BRACE:
        at = skipSpace(at + 1, end);
        if (at < end && U8[at] === CLOSE_BRACE) {
          stack[top] = newMapFor(0);
          stack[top + 1] = HI_MAP;
          at++;
          break;
        }
        stack[top] = base;
        stack[top + 1] = isMap ? 1 : 0;
        base = top += 2;
        isMap = true;
        at = readKey(at, end, top);
        top += 2;
        continue;
      case OPEN_BRACKET:
        at = skipSpace(at + 1, end);
        if (at < end && U8[at] === CLOSE_BRACKET) {
          stack[top] = makeArray(top, top);
          stack[top + 1] = HI_ARRAY;
          at++;
          break;
        }
        stack[top] = base;
        stack[top + 1] = isMap ? 1 : 0;
        base = top += 2;
        isMap = false;
        continue;
      case LOWER_T:
        at = readWord(at, end, "true");
        stack[top] = 1;
        stack[top + 1] = HI_BOOL;
        break;
      case LOWER_F:
        at = readWord(at, end, "false");
        stack[top] = 0;
        stack[top + 1] = HI_BOOL;
        break;
      case LOWER_N:
        at = readWord(at, end, "null");
        stack[top] = 0;
        stack[top + 1] = HI_NIL;
        break;
      default:
        at = readNumber(at, end, top);
    }
    // The value at `top` is complete, and so may be the containers around it.
    for (;;) {
      if (base === 0) return at;
      top += 2;
      at = skipSpace(at, end);
      const byte = at < end ? U8[at] : 0;
      if (byte === COMMA) {
        at++;
        if (isMap) {
          if (top + 2 > stack.length) growStack();
          at = readKey(skipSpace(at, end), end, top);
          top += 2;
        }
        break;
      }
      if (byte !== (isMap ? CLOSE_BRACE : CLOSE_BRACKET)) {
        throw new Malformed(`Expected ',' in ${isMap ? "object" : "array"}`, at);
      }
      at++;
      const ref = isMap ? makeMap(base, top) : makeArray(base, top), high = isMap ? HI_MAP : HI_ARRAY;
      top = base - 2;
      base = stack[top];
      isMap = stack[top + 1] !== 0;
      stack[top] = ref;
      stack[top + 1] = high;
    }
  }
}

/** Makes an array of the values on the stack in [from, to). */
function makeArray(from: number, to: number): number {
  const count = (to - from) >> 1;
  const items = count === 0 ? 0 : allocate(Kind.ITEMS, 1 + count) + 1;
  const ref = allocate(Kind.ARRAY, 2), word = ref << 1;
  I32[word + 1] = count;
  I32[word + 2] = items;
  I32[word + 3] = count;
  for (let at = from, item = items << 1; at < to; at++, item++) I32[item] = stack[at];
  return ref;
}

/** Makes a map of the keys and values on the stack in [from, to); of equal keys the last value holds. */
function makeMap(from: number, to: number): number {
  const ref = newMapFor((to - from) >> 2);
  for (let at = from; at < to; at += 4) {
    const word = mapPutString(ref, stack[at]);
    I32[word] = stack[at + 2];
    I32[word + 1] = stack[at + 3];
  }
  return ref;
}

function readWord(from: number, end: number, word: string): number {
  for (let i = 0; i < word.length; i++) {
    if (from + i >= end || U8[from + i] !== word.charCodeAt(i)) {
      throw new Malformed("Unexpected character", from);
    }
  }
  return from + word.length;
}

// ---- reading strings

/** The memory at addresses of any alignment: texts are read four bytes at a time. */
const MEMORY = new DataView(U8.buffer);

/**
 * Marks the bytes of a word that are no plain part of a string: quotes, backslashes, and what is below a blank. The lowest
 * mark is right; above it there may be wrong ones, since a subtraction borrows from the next byte.
 */
function markStops(word: number): number {
  const quote = word ^ 0x22222222, backslash = word ^ 0x5C5C5C5C;
  return (quote - 0x01010101 & ~quote | backslash - 0x01010101 & ~backslash | word - 0x20202020 & ~word) &
    0x80808080;
}

/** Number of bytes below the lowest mark. */
function bytesBelow(marks: number): number {
  return 31 - Math.clz32(marks & -marks) >> 3;
}

/** Whether a byte ends the plain part of a string. */
function isStop(byte: number): boolean {
  return byte === QUOTE || byte === BACKSLASH || byte < SPACE;
}

/** Reads a string, `from` being behind its opening quote, and gives its ref. */
function readString(from: number, end: number): number {
  let at = from;
  for (const last = end - 4;; at += 4) {
    if (at > last) {
      while (at < end && !isStop(U8[at])) at++;
      break;
    }
    const stops = markStops(MEMORY.getInt32(at, true));
    if (stops !== 0) {
      at += bytesBelow(stops);
      break;
    }
  }
  if (at >= end || U8[at] !== QUOTE) return readEscapes(from, end);
  stopped = at + 1;
  return makeString(from, at - from);
}

function makeString(from: number, length: number): number {
  return length === 1 ? byteString(U8[from]) : newStringCopy(from, length);
}

/** Reads a key and the colon behind it, and stores it on the stack; gives the address behind the colon. */
function readKey(from: number, end: number, to: number): number {
  if (from >= end || U8[from] !== QUOTE) throw new Malformed("Expected string key", from);
  let at = from + 1, hash = 0;
  for (const last = end - 4;; at += 4) {
    if (at > last) {
      while (at < end && !isStop(U8[at])) at++;
      break;
    }
    const word = MEMORY.getInt32(at, true), stops = markStops(word);
    if (stops !== 0) {
      // What is below the mark counts.
      hash = Math.imul(hash ^ word & (stops & -stops) - 1, 0x9E3779B1);
      at += bytesBelow(stops);
      break;
    }
    hash = Math.imul(hash ^ word, 0x9E3779B1);
  }
  let ref: number;
  if (at < end && U8[at] === QUOTE) {
    stopped = at + 1;
    ref = knownKey(from + 1, at - from - 1, hash >>> 22);
  } else ref = readEscapes(from + 1, end);
  stack[to] = ref;
  stack[to + 1] = HI_STRING;
  at = skipSpace(stopped, end);
  if (at >= end || U8[at] !== COLON) throw new Malformed("Expected ':' after key", at);
  return at + 1;
}

/** The string of these bytes: the one from an earlier record if it is still at its place. */
function knownKey(from: number, length: number, place: number): number {
  const known = keys[place];
  if (known !== 0 && stringLength(known) === length) {
    const start = stringStart(known);
    let i = 0;
    while (i + 4 <= length && I32[start + i >>> 2] === MEMORY.getInt32(from + i, true)) i += 4;
    while (i < length && U8[start + i] === U8[from + i]) i++;
    if (i === length) return known;
  }
  return keys[place] = makeString(from, length);
}

/** What stands for a byte behind a backslash; 0 for what may not. */
const ESCAPES = new Uint8Array(128);
for (const [letter, meaning] of ['""', "\\\\", "//", "b\b", "f\f", "n\n", "r\r", "t\t"]) {
  ESCAPES[letter.charCodeAt(0)] = meaning.charCodeAt(0);
}

/** Reads a string that is not all plain. Decoded it is shorter, so it is decoded in place of the raw one. */
function readEscapes(from: number, end: number): number {
  const close = findClose(from, end), ref = newString(close - from), start = stringStart(ref);
  let to = start;
  for (let at = from; at < close;) {
    const byte = U8[at++];
    if (byte !== BACKSLASH) {
      U8[to++] = byte;
      continue;
    }
    const escape = U8[at++];
    if (escape !== LOWER_U) {
      const meaning = escape < 128 ? ESCAPES[escape] : 0;
      if (meaning === 0) throw new Malformed("Unknown escape in string", at - 2);
      U8[to++] = meaning;
      continue;
    }
    let code = readHex(at, close);
    at += 4;
    if ((code & 0xFC00) === 0xD800 && close - at >= 6 && U8[at] === BACKSLASH && U8[at + 1] === LOWER_U) {
      const low = readHex(at + 2, close);
      if ((low & 0xFC00) === 0xDC00) {
        code = 0x10000 + ((code & 0x3FF) << 10 | low & 0x3FF);
        at += 6;
      }
    }
    to = writeCharacter(to, code);
  }
  I32[(ref << 1) + 1] = to - start;
  stopped = close + 1;
  return ref;
}

/** The address of the quote that ends the string. */
function findClose(from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = U8[at];
    if (byte === QUOTE) return at;
    if (byte < SPACE) throw new Malformed("Control character in string", at);
    if (byte === BACKSLASH) at++;
  }
  throw new Malformed("Unterminated string", from - 1);
}

function readHex(from: number, close: number): number {
  let code = 0;
  for (let at = from; at < from + 4; at++) {
    const digit = at < close ? hexDigit(U8[at]) : -1;
    if (digit < 0) throw new Malformed("Expected four hexadecimal digits after \\u", from);
    code = code << 4 | digit;
  }
  return code;
}

function hexDigit(byte: number): number {
  if (byte >= ZERO && byte <= 0x39) return byte - ZERO;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

/** Writes a character in UTF-8, half a surrogate pair as U+FFFD; gives the address behind it. */
function writeCharacter(to: number, code: number): number {
  if (code < 0x80) {
    U8[to] = code;
    return to + 1;
  }
  if (code < 0x800) {
    U8[to] = 0xC0 | code >> 6;
    U8[to + 1] = 0x80 | code & 0x3F;
    return to + 2;
  }
  if (code < 0x10000) {
    const known = (code & 0xF800) === 0xD800 ? 0xFFFD : code;
    U8[to] = 0xE0 | known >> 12;
    U8[to + 1] = 0x80 | known >> 6 & 0x3F;
    U8[to + 2] = 0x80 | known & 0x3F;
    return to + 3;
  }
  U8[to] = 0xF0 | code >> 18;
  U8[to + 1] = 0x80 | code >> 12 & 0x3F;
  U8[to + 2] = 0x80 | code >> 6 & 0x3F;
  U8[to + 3] = 0x80 | code & 0x3F;
  return to + 4;
}

// ---- reading numbers

/** As many digits as every double holds exactly. */
const EXACT_DIGITS = 15;
/** Powers of ten that doubles hold exactly: one multiplication or division by them rounds correctly. */
const TENS = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const TWO_32 = 4294967296;

/** Reads a number and stores it on the stack; gives the address behind it. */
function readNumber(from: number, end: number, to: number): number {
  let at = from, n = 0;
  const isNegative = at < end && U8[at] === MINUS;
  if (isNegative) at++;
  const first = at;
  for (let digit; at < end && (digit = U8[at] - ZERO) >= 0 && digit <= 9; at++) n = n * 10 + digit;
  let digits = at - first;
  if (digits === 0) throw new Malformed(at < end ? "Unexpected character" : "Unexpected end", at);
  if (digits > 1 && U8[first] === ZERO) throw new Malformed("A number begins with a needless 0", first);
  let byte = at < end ? U8[at] : 0;
  if (byte !== POINT && (byte | 0x20) !== LOWER_E) {
    if (digits <= EXACT_DIGITS) storeInt(to, isNegative ? -n : n);
    else storeWideInt(to, numberText(from, at));
    return at;
  }
  let exponent = 0;
  if (byte === POINT) {
    const point = ++at;
    for (let digit; at < end && (digit = U8[at] - ZERO) >= 0 && digit <= 9; at++) n = n * 10 + digit;
    exponent = point - at;
    if (exponent === 0) throw new Malformed("Expected a digit after the point", at);
    digits -= exponent;
    byte = at < end ? U8[at] : 0;
  }
  if ((byte | 0x20) === LOWER_E) {
    at++;
    byte = at < end ? U8[at] : 0;
    if (byte === PLUS || byte === MINUS) at++;
    const isSmall = byte === MINUS, start = at;
    let size = 0;
    for (let digit; at < end && (digit = U8[at] - ZERO) >= 0 && digit <= 9; at++) size = size * 10 + digit;
    if (at === start) throw new Malformed("Expected a digit in the exponent", at);
    exponent += isSmall ? -size : size;
  }
  if (digits <= EXACT_DIGITS && exponent >= -22 && exponent <= 22) {
    const x = exponent < 0 ? n / TENS[-exponent] : n * TENS[exponent];
    stackDoubles[to >> 1] = isNegative ? -x : x;
  } else stackDoubles[to >> 1] = Number(numberText(from, at));
  return at;
}

/** The characters of a number, for the engine's own conversions. */
function numberText(from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++) text += String.fromCharCode(U8[at]);
  return text;
}

/** Stores an integer of up to 15 digits on the stack. */
function storeInt(to: number, n: number): void {
  const low = n | 0;
  if (low === n) {
    stack[to] = low;
    stack[to + 1] = low >> 31 | HI_UINT;
  } else storeHalves(to, low, Math.floor(n / TWO_32) | 0, fitsImmediate(n));
}

/** Characters of the longest integer of 64 bits. */
const INT_LENGTH = 20;

/** Stores an integer of any length on the stack: past 64 bits, as a float. */
function storeWideInt(to: number, text: string): void {
  const n = text.length <= INT_LENGTH ? BigInt(text) : null;
  if (n !== null && BigInt.asIntN(64, n) === n) {
    const high = Number(n >> 32n);
    storeHalves(to, Number(BigInt.asIntN(32, n)), high, high << 16 >> 16 === high);
  } else stackDoubles[to >> 1] = Number(text);
}

function storeHalves(to: number, low: number, high: number, isNarrow: boolean): void {
  stack[to] = isNarrow ? low : newInt64(low, high);
  stack[to + 1] = isNarrow ? high | HI_UINT : HI_INT64;
}

// ---- reading for programs

/** Where in the text from `start` on the byte at `at` stands, in words. */
function placeIn(start: number, at: number): string {
  let line = 1, column = 1;
  for (let i = start; i < at; i++) {
    if (U8[i] === LINE_FEED) {
      line++;
      column = 1;
    } else if ((U8[i] & 0xC0) !== 0x80) column++;
  }
  return `line ${line}, column ${column}`;
}

/**
 * Stores the value of a JSON text, the string at the word `text`, at the word `out`; both are roots.
 * @throws {Malformed} if it is not JSON
 */
export function parseJson(text: number, out: number): void {
  safepoint(parseUnits(stringLength(I32[text])));
  const start = stringStart(I32[text]);
  readDocument(start, start + stringLength(I32[text]), out);
}

/** Stores the value of the JSON text at the word `text` as the result of a call, or says why it has none. */
function giveParsed(call: NativeCall, text: number, what: string, where = ""): void {
  try {
    parseJson(text, call.result);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const place = placeIn(stringStart(I32[text]), error.at);
    call.machine.host.world.warn(`JSON ${what} Error: ${error.message} (at ${place})${where}\n`);
  }
}

// ---- writing -----------------------------------------------------------------------------------------------------
// Text is written to bytes outside the heap, and becomes a string once its length is known. Functions that write take
// the position to write at, and give the one behind; they leave room for SMALL bytes more.

/** Thrown for a value that contains itself. */
export class Cycle extends Error {
  override readonly message = "A value that contains itself has no JSON";
}

/**
 * Bytes of the output to begin with, and the most that are kept from one text to the next: to bring the pages of a new
 * one into memory takes as long as to write it.
 */
const OUTPUT_BYTES = 4096, OUTPUT_KEPT = 1 << 24;
/** More than a number and all punctuation around a value. */
const SMALL = 64;

/** The text so far, and the same memory at any alignment. */
let output = new Uint8Array(OUTPUT_BYTES);
let outputWords = new DataView(output.buffer);

/** Makes room for `count` bytes at `at`, and for SMALL more. */
function makeRoom(at: number, count: number): void {
  const needed = at + count + SMALL;
  if (needed > output.length) growOutput(needed, at);
}

/**
 * Moves the first `used` bytes of the output to one that is at least twice as large.
 * @throws {HeapExhausted} if the text will not fit the heap: that of shared objects may be far larger than they are
 */
function growOutput(needed: number, used: number): void {
  if (needed > heapLimit()) throw new HeapExhausted();
  const larger = allocateBytes(Math.max(needed, output.length * 2));
  larger.set(output.subarray(0, used));
  output = larger;
  outputWords = new DataView(larger.buffer);
}

/** Lets go of an output that is too large to be kept; views of it stay valid. */
function dropLargeOutput(): void {
  if (output.length <= OUTPUT_KEPT) return;
  output = new Uint8Array(OUTPUT_BYTES);
  outputWords = new DataView(output.buffer);
}

/** Containers being written, innermost last, two words each: its ref, and where to go on. */
let path = new Int32Array(64);

/** Word of the container that {@linkcode writeItems} has come upon, 0 at the end of its own. */
let inner = 0;

/**
 * The JSON of the value at `word`, in lines indented by `indent` unless that is empty; valid until the next one is made.
 * @throws {Cycle} if it contains itself
 */
export function stringifyJson(word: number, indent = ""): Uint8Array<ArrayBuffer> {
  let at = 0, depth = 0;
  try {
    if (!isContainer(I32[word + 1])) {
      at = writePlain(0, word); // before output is read: it may be another one by then
      return output.subarray(0, at);
    }
    inner = word;
    do {
      if (inner !== 0) {
        const ref = I32[inner], header = I32[ref << 1];
        if ((header & VISITING) !== 0) throw new Cycle();
        I32[ref << 1] = header | VISITING;
        output[at++] = (header & 0xFF) === Kind.ARRAY ? OPEN_BRACKET : OPEN_BRACE;
        if (depth === path.length) path = grown(path);
        path[depth] = ref;
        path[depth + 1] = 0;
        depth += 2;
      } else I32[path[depth -= 2] << 1] &= ~VISITING;
      if (depth !== 0) at = writeItems(at, depth - 2, indent);
    } while (depth !== 0);
    return output.subarray(0, at);
  } finally {
    while (depth > 0) I32[path[depth -= 2] << 1] &= ~VISITING;
    if (path.length > STACK_KEPT) path = new Int32Array(64);
    dropLargeOutput();
  }
}

/** Whether values of this high word hold others: ARRAY, MAP and STRUCT. ORDER kinds */
function isContainer(high: number): boolean {
  return high >= HI_OBJECT + Kind.ARRAY && high <= HI_OBJECT + Kind.STRUCT;
}

/**
 * Goes on with the container at `path[top]`: writes its values up to the next container among them, or to its end. Where
 * to go on is the number of values written, for maps the entry written last.
 */
function writeItems(from: number, top: number, indent: string): number {
  const ref = path[top], word = ref << 1, depth = (top >> 1) + 1;
  let at = from, state = path[top + 1], item: number;
  for (;;) {
    makeRoom(at, 0);
    switch (I32[word] & 0xFF) {
      case Kind.ARRAY:
        if (state === I32[word + 1]) return writeEnd(at, CLOSE_BRACKET, state, indent, depth);
        at = writeSeparator(at, state, indent, depth);
        item = (I32[word + 2] + state++) << 1;
        break;
      case Kind.STRUCT: {
        const type = I32[word + 1] << 1;
        if (state === I32[type + 1]) return writeEnd(at, CLOSE_BRACE, state, indent, depth);
        at = writeString(writeSeparator(at, state, indent, depth), I32[type + 4 + state]);
        at = writeColon(at, indent);
        item = word + 2 + (state++ << 1);
        break;
      }
      default: {
        const entry = entryAfter(ref, state);
        if (entry === 0) return writeEnd(at, CLOSE_BRACE, state, indent, depth);
        at = writeMapKey(writeSeparator(at, state, indent, depth), entry);
        at = writeColon(at, indent);
        state = entry;
        item = entry + 2;
      }
    }
    if (isContainer(I32[item + 1])) {
      path[top + 1] = state;
      inner = item;
      return at;
    }
    at = writePlain(at, item);
  }
}

function writeColon(at: number, indent: string): number {
  output[at++] = COLON;
  if (indent !== "") output[at++] = SPACE;
  return at;
}

function writeSeparator(at: number, state: number, indent: string, depth: number): number {
  if (state !== 0) output[at++] = COMMA;
  return indent === "" ? at : writeLine(at, indent, depth);
}

function writeEnd(at: number, bracket: number, state: number, indent: string, depth: number): number {
  if (state !== 0 && indent !== "") at = writeLine(at, indent, depth - 1);
  output[at] = bracket;
  inner = 0;
  return at + 1;
}

function writeLine(at: number, indent: string, depth: number): number {
  makeRoom(at, 1 + indent.length * depth);
  output[at++] = LINE_FEED;
  for (let i = 0; i < depth; i++) at = writeAscii(at, indent);
  return at;
}

/** Keys that are no strings become the text that they have. */
function writeMapKey(at: number, word: number): number {
  if (I32[word + 1] === HI_STRING) return writeString(at, I32[word]);
  output[at++] = QUOTE;
  at = isDouble(I32[word + 1]) ? writeAscii(at, formatDouble(F64[word >> 1])) : writePlain(at, word);
  output[at++] = QUOTE;
  return at;
}

/** Writes what holds no other values; what JSON cannot say becomes null. */
function writePlain(at: number, word: number): number {
  const high = I32[word + 1];
  if (high === HI_STRING) return writeString(at, I32[word]);
  if (isImmediate(high)) {
    const n = immediate(word), length = intLength(n);
    writeInt(output, at, n, length);
    return at + length;
  }
  if (isDouble(high)) return writeDouble(at, F64[word >> 1]);
  if (high === HI_BOOL) return writeAscii(at, I32[word] === 0 ? "false" : "true");
  if (high !== HI_INT64) return writeAscii(at, "null");
  return writeAscii(at, formatInt64(intLow(word), intHigh(word)));
}

/** Digits behind the point that {@linkcode writeDouble} writes by itself. */
const PLACES = 4, PLACES_TEN = 10 ** PLACES;

/**
 * Writes a float; what is not finite becomes null. Most have few digits: one that is the quotient nearest to n / 10⁴ for
 * an n of up to 14 digits has just the digits of that n.
 */
function writeDouble(at: number, x: number): number {
  const size = Math.abs(x);
  if (!(size < Infinity)) return writeAscii(at, "null");
  const n = Math.round(size * PLACES_TEN);
  if (n === 0 || n >= 1e14 || n / PLACES_TEN !== size) return writeAscii(at, formatDouble(x));
  const whole = Math.floor(n / PLACES_TEN), length = intLength(whole);
  if (x < 0) output[at++] = MINUS;
  writeInt(output, at, whole, length);
  at += length;
  let rest = n - whole * PLACES_TEN;
  if (rest !== 0) output[at++] = POINT;
  for (let ten = PLACES_TEN / 10; rest !== 0; ten /= 10) {
    const digit = Math.floor(rest / ten);
    output[at++] = ZERO + digit;
    rest -= digit * ten;
  }
  return at;
}

/** Writes a text of ASCII characters. */
function writeAscii(at: number, text: string): number {
  for (let i = 0; i < text.length; i++) output[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** Writes a string in quotes: plain parts by words, which begin where the string does. */
function writeString(from: number, ref: number): number {
  const length = stringLength(ref), start = stringStart(ref);
  makeRoom(from, length);
  output[from] = QUOTE;
  let at = from + 1, word = start >>> 2;
  for (const last = word + (length >> 2); word < last; word++, at += 4) {
    if (markStops(I32[word]) !== 0) return writeEscapes(at, word * 4, start + length);
    outputWords.setInt32(at, I32[word], true);
  }
  const rest = length & 3;
  if (rest !== 0) {
    // Blanks take the place of what does not belong to the string.
    const mask = (1 << (rest << 3)) - 1, bytes = I32[word] & mask | 0x20202020 & ~mask;
    if (markStops(bytes) !== 0) return writeEscapes(at, word * 4, start + length);
    outputWords.setInt32(at, bytes, true);
    at += rest;
  }
  output[at] = QUOTE;
  return at + 1;
}

/** The short escapes of bytes that have one. */
const SHORT_ESCAPES = new Uint8Array(128);
for (const [byte, letter] of ['""', "\\\\", "\nn", "\rr", "\tt"]) {
  SHORT_ESCAPES[byte.charCodeAt(0)] = letter.charCodeAt(0);
}

/** Writes the bytes in [from, end), some of which need escapes, and the closing quote. */
function writeEscapes(at: number, from: number, end: number): number {
  for (let i = from; i < end; i++) {
    const byte = U8[i];
    if (!isStop(byte)) {
      output[at++] = byte;
      continue;
    }
    makeRoom(at, end - i);
    output[at++] = BACKSLASH;
    const letter = SHORT_ESCAPES[byte];
    if (letter !== 0) output[at++] = letter;
    else at = writeAscii(at, `u00${byte.toString(16).padStart(2, "0")}`);
  }
  output[at] = QUOTE;
  return at + 1;
}

/** The JSON of argument `index`, indented as the argument after it says; valid until the next one is made. */
function jsonOf(call: NativeCall, index: number, name: string): Uint8Array<ArrayBuffer> {
  const indent = indentArgument(call, index + 1, name);
  try {
    return stringifyJson(call.word(index), indent);
  } catch (error) {
    if (error instanceof Cycle) call.fail(`${name} cannot write a value that contains itself.`);
    throw error;
  }
}

/** The most blanks by which a line is indented against the one around it. */
const INDENT_MAX = 16;

function indentArgument(call: NativeCall, index: number, name: string): string {
  if (index >= call.count) return "";
  const word = call.word(index);
  if (I32[word + 1] === HI_STRING) {
    const indent = stringText(I32[word]);
    if (/^[ \t]*$/.test(indent)) return indent;
    call.fail(`${name} expects an indent of blanks and tabs.`);
  }
  const size = numberAt(word);
  if (size >= 0 && size <= INDENT_MAX) return " ".repeat(size);
  return call.fail(`${name} expects an indent from 0 to ${INDENT_MAX}, but got ${size}.`);
}

// ---- the library -------------------------------------------------------------------------------------------------

const PATH: Param = { name: "path", type: "string" };
const VALUE: Param = { name: "value", type: "any" };
const INDENT: Param = { name: "indent", type: ["int", "string"], mode: "optional" };

/** Where the path in the first argument leads to. */
function pathArgument(call: NativeCall): string {
  return placeOf(stringText(I32[call.word(0)]), call.machine.host.world.directory);
}

/** What `work` on a file gives, or `failure` where the world refuses; what Deno does not allow is an error. */
function attempt<T>(call: NativeCall, work: () => T, failure: T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) call.fail(error.message);
    return failure;
  }
}

/** Gives whether `work` on a file succeeds. */
function tellWhether(call: NativeCall, work: () => void): void {
  const isDone = attempt(call, () => {
    work();
    return true;
  }, false);
  setBool(call.result, isDone);
}

const NATIVES: readonly NativeDef[] = [
  {
    name: "ucoreJson.parse",
    params: [{ name: "text", type: "string" }],
    doc:
      "The value of a JSON text: objects become maps, integers ints up to 64 bits. Of malformed text it says where " +
      "the error is, on standard error, and gives nil.",
    example: {
      code:
        'var user = ucoreJson.parse("{\\"name\\": \\"Ada\\", \\"tags\\": [1, 2.5, null]}");\nprint user["name"];\nprint user;',
      output: "Ada\n{name: Ada, tags: [1, 2.5, nil]}\n",
    },
    call(call) {
      giveParsed(call, call.word(0), "Parse");
    },
  },
  {
    name: "ucoreJson.stringify",
    params: [VALUE, INDENT],
    doc:
      "The JSON text of a value, in one line, or in lines indented by a number of blanks or by a string of blanks " +
      "and tabs. Instances of structs are written as objects, and null for nan, infinities and what JSON cannot say.",
    example: {
      code:
        'struct Point { x; y; }\nprint ucoreJson.stringify({"at": Point(1, 2.5), "seen": [true, nil]});\nprint ucoreJson.stringify([1, {}], 2);',
      output: '{"at":{"x":1,"y":2.5},"seen":[true,null]}\n[\n  1,\n  {}\n]\n',
    },
    call(call) {
      const bytes = jsonOf(call, 0, "ucoreJson.stringify");
      safepoint(stringUnits(bytes.length));
      setObject(call.result, Kind.STRING, newStringBytes(bytes));
    },
  },
  {
    name: "ucoreJson.read",
    params: [PATH],
    doc: "The value of a JSON file; nil if there is no such file, or if it is malformed.",
    example: { code: 'print ucoreJson.read("missing.json");', output: "nil\n" },
    call(call) {
      const path = pathArgument(call), bytes = attempt(call, () => Deno.readFileSync(path), null);
      if (bytes === null) return;
      const name = stringText(I32[call.word(0)]);
      safepoint(stringUnits(bytes.length));
      setObject(call.word(0), Kind.STRING, newStringBytes(bytes));
      giveParsed(call, call.word(0), "Read", ` in ${name}`);
    },
  },
  {
    name: "ucoreJson.write",
    params: [PATH, VALUE, INDENT],
    doc: "Writes a value to a file as stringify does, and tells whether that worked.",
    example: { code: 'print ucoreJson.write("no/such/folder/a.json", [1, 2]);', output: "false\n" },
    call(call) {
      const path = pathArgument(call), bytes = jsonOf(call, 1, "ucoreJson.write");
      tellWhether(call, () => Deno.writeFileSync(path, bytes));
    },
  },
  {
    name: "ucoreJson.remove",
    params: [PATH],
    doc: "Deletes a file and tells whether it was there.",
    example: { code: 'print ucoreJson.remove("missing.json");', output: "false\n" },
    call(call) {
      const path = pathArgument(call);
      tellWhether(call, () => Deno.removeSync(path));
    },
  },
];

/** The plugin of `ucoreJson`. */
export const json = {
  name: "json",
  doc: "JSON, in text and in files.",
  libraries: [{
    name: "ucoreJson",
    doc: "Values from JSON and back, in text and in files.",
    natives: NATIVES,
  }],
} satisfies Plugin;
