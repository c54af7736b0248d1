/**
 * The text of a value, one and the same for `print`, for `+` with a string, for `str` and for `join`. Text is bytes:
 * strings go in as they are, whatever their bytes. How numbers look is `number_text.ts`'s matter, except that
 * integers, which programs turn into text by the million, are written digit by digit without a JavaScript string.
 *
 * :visiting: Containers are walked with an explicit stack, since they may be nested deeper than the machine's. A
 * container on that stack has a bit set in its header; meeting it again is a cycle, and prints `...`. The bits are
 * cleared on the way out, also when the text grows beyond all bounds.
 */

import { views } from "./memory.ts";
import {
  HI_BOOL,
  HI_INT64,
  HI_NIL,
  HI_OBJECT,
  HI_STRING,
  immediate,
  isDouble,
  isImmediate,
  Kind,
} from "./value.ts";
import { HeapExhausted } from "./heap.ts";
import { formatDouble, formatInt64 } from "./number_text.ts";
import {
  appendBytes,
  concat,
  concatUnits,
  decodeBytes,
  extendString,
  extendUnits,
  newString,
  newStringBytes,
  prependBytes,
  stringLength,
  stringStart,
  stringUnits,
} from "./strings.ts";
import { nextEntry, stateAfter } from "./maps.ts";

const { I32, F64, U8 } = views;

/** Names of what the heap knows by number only. */
export interface Names {
  /** Name of the function whose proto begins at this word. */
  functionName(proto: number): string;
  /** Name of the native of this index. */
  nativeName(index: number): string;
  /** Name of the module of this index. */
  moduleName(index: number): string;
}

let names: Names = {
  functionName: () => "anonymous",
  nativeName: (index) => `native ${index}`,
  moduleName: (index) => String(index),
};

/** Says where names come from; called once by the machine. */
export function setNames(source: Names): void {
  names = source;
}

/** Bytes that grow: the first `length` of `bytes` are written. */
export interface Sink {
  /** The bytes, and room for more; replaced when it grows. */
  bytes: Uint8Array;
  /** Number of bytes written. */
  length: number;
}

/** Makes an empty sink with room for `capacity` bytes. */
export function newSink(capacity: number): Sink {
  return { bytes: new Uint8Array(capacity), length: 0 };
}

const MAX_BYTES = 0x7FFFFFFF;

/**
 * Makes room for `count` more bytes.
 * @throws {HeapExhausted} if that is beyond all bounds: the text of shared objects may be far larger than they are
 */
function reserve(sink: Sink, count: number): void {
  const needed = sink.length + count;
  if (needed <= sink.bytes.length) return;
  if (needed > MAX_BYTES) throw new HeapExhausted();
  const larger = allocateBytes(Math.min(Math.max(needed, sink.bytes.length * 2), MAX_BYTES));
  larger.set(sink.bytes.subarray(0, sink.length));
  sink.bytes = larger;
}

/**
 * Bytes outside the heap, all 0.
 * @throws {HeapExhausted} if the system does not have that many
 */
export function allocateBytes(count: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(count);
  } catch (error) {
    if (error instanceof RangeError) throw new HeapExhausted();
    throw error;
  }
}

function writeAscii(sink: Sink, text: string): void {
  reserve(sink, text.length);
  const { bytes, length } = sink;
  for (let i = 0; i < text.length; i++) bytes[length + i] = text.charCodeAt(i);
  sink.length = length + text.length;
}

function writeName(sink: Sink, before: string, name: string): void {
  writeAscii(sink, before);
  const bytes = new TextEncoder().encode(name);
  reserve(sink, bytes.length);
  sink.bytes.set(bytes, sink.length);
  sink.length += bytes.length;
  writeAscii(sink, ">");
}

function writeString(sink: Sink, ref: number): void {
  const start = stringStart(ref), length = stringLength(ref);
  reserve(sink, length);
  const { bytes, length: at } = sink;
  if (length < 48) { for (let i = 0; i < length; i++) bytes[at + i] = U8[start + i]; }
  else bytes.set(U8.subarray(start, start + length), at);
  sink.length = at + length;
}

// ---- integers ----------------------------------------------------------------------------------------------------

/** Bytes that the text of any number may take. */
const NUMBER_BYTES = 24;
const BILLION = 1_000_000_000;

/** Number of characters of the decimal text of an integer of 48 bits. */
export function intLength(n: number): number {
  const sign = n < 0 ? 1 : 0;
  const size = n < 0 ? -n : n;
  return sign + (size < BILLION ? digitCount(size) : 9 + digitCount(Math.floor(size / BILLION)));
}

/** Number of digits of an integer in [0, 10^9). */
function digitCount(n: number): number {
  if (n < 10000) return n < 100 ? (n < 10 ? 1 : 2) : n < 1000 ? 3 : 4;
  if (n < 1000000) return n < 100000 ? 5 : 6;
  return n < 100000000 ? (n < 10000000 ? 7 : 8) : 9;
}

/** Writes the `length` characters of an integer of 48 bits at `at`. */
export function writeInt(bytes: Uint8Array, at: number, n: number, length: number): void {
  let size = n, end = at + length;
  if (n < 0) {
    size = -n;
    bytes[at++] = 45;
  }
  if (size >= BILLION) {
    const upper = Math.floor(size / BILLION);
    end -= 9;
    writeDigits(bytes, end, size - upper * BILLION, end + 9);
    size = upper;
  }
  writeDigits(bytes, at, size, end);
}

/** Fills [at, end) with the last digits of an integer in [0, 10^9), leading zeros included. */
function writeDigits(bytes: Uint8Array, at: number, n: number, end: number): void {
  let rest = n | 0;
  while (end > at) {
    const tenth = (rest / 10) | 0;
    bytes[--end] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}

// ---- values ------------------------------------------------------------------------------------------------------

/** Writes the text of what holds no other values. ORDER kinds */
function writePlain(sink: Sink, low: number, high: number, word: number): void {
  if (high === HI_STRING) return writeString(sink, low);
  if (isImmediate(high)) {
    const n = immediate(word), length = intLength(n);
    reserve(sink, length);
    writeInt(sink.bytes, sink.length, n, length);
    sink.length += length;
    return;
  }
  if (isDouble(high)) return writeAscii(sink, formatDouble(F64[word >> 1]));
  const object = low << 1;
  switch (high) {
    case HI_NIL:
      return writeAscii(sink, "nil");
    case HI_BOOL:
      return writeAscii(sink, low === 0 ? "false" : "true");
    case HI_INT64:
      return writeAscii(sink, formatInt64(I32[object + 2], I32[object + 3]));
    case HI_OBJECT + Kind.STRUCT_TYPE:
      writeAscii(sink, "<struct ");
      writeString(sink, I32[object + 2]);
      return writeAscii(sink, ">");
    case HI_OBJECT + Kind.FUNCTION:
      return writeName(sink, "<fn ", names.functionName(I32[object + 1]));
    case HI_OBJECT + Kind.NATIVE:
      return writeName(sink, "<fn ", names.nativeName(I32[object + 1]));
    case HI_OBJECT + Kind.MODULE:
      return writeName(sink, "<module ", names.moduleName(I32[object + 1]));
    case HI_OBJECT + Kind.FUTURE:
      return writeAscii(sink, "<future>");
    case HI_OBJECT + Kind.RESOURCE:
      return writeAscii(sink, "<resource>");
    default:
      throw new Error(`writeText met a word that is no value: ${(high >>> 0).toString(16)}`);
  }
}

/** Set in the header of a container whose text is being written (:visiting:): the lowest of the flags. */
export const VISITING: number = 1 << 8;

/** Containers being written, innermost last, two words each: its ref, and where to go on (as in {@linkcode step}). */
let path = new Int32Array(64);

/** Writes the text of the value at `word`. */
export function writeText(word: number, sink: Sink): void {
  if (!isContainer(I32[word + 1])) return writePlain(sink, I32[word], I32[word + 1], word);
  let depth = 0;
  try {
    depth = enter(sink, I32[word], depth);
    while (depth > 0) {
      const item = step(sink, depth - 2);
      if (item === 0) {
        depth -= 2;
        I32[path[depth] << 1] &= ~VISITING;
      } else if (!isContainer(I32[item + 1])) {
        writePlain(sink, I32[item], I32[item + 1], item);
      } else if ((I32[I32[item] << 1] & VISITING) !== 0) {
        writeAscii(sink, "...");
      } else depth = enter(sink, I32[item], depth);
    }
  } finally {
    while (depth > 0) I32[path[depth -= 2] << 1] &= ~VISITING;
    if (path.length > 1 << 16) path = new Int32Array(64);
  }
}

/** Whether values of this high word hold others: ARRAY, MAP and STRUCT. ORDER kinds */
function isContainer(high: number): boolean {
  return high >= HI_OBJECT + Kind.ARRAY && high <= HI_OBJECT + Kind.STRUCT;
}

/** Begins the text of a container and puts it on the path. */
function enter(sink: Sink, ref: number, depth: number): number {
  const header = I32[ref << 1];
  if ((header & 0xFF) === Kind.STRUCT) {
    writeString(sink, I32[(I32[(ref << 1) + 1] << 1) + 2]);
    writeAscii(sink, " {");
  } else writeAscii(sink, (header & 0xFF) === Kind.MAP ? "{" : "[");
  if (depth === path.length) {
    const longer = new Int32Array(path.length * 2);
    longer.set(path);
    path = longer;
  }
  path[depth] = ref;
  path[depth + 1] = 0;
  I32[ref << 1] = header | VISITING;
  return depth + 2;
}

/**
 * Writes what stands before the next value of the container at `path[at]` and gives that value's word; or ends the
 * container and gives 0. Where to go on is an index, for maps the state of a walk.
 */
function step(sink: Sink, at: number): number {
  const ref = path[at], word = ref << 1, state = path[at + 1];
  switch (I32[word] & 0xFF) {
    case Kind.ARRAY: {
      if (state === I32[word + 1]) return close(sink, "]");
      if (state !== 0) writeAscii(sink, ", ");
      path[at + 1] = state + 1;
      return (I32[word + 2] + state) << 1;
    }
    case Kind.STRUCT: {
      const type = I32[word + 1] << 1;
      if (state === I32[type + 1]) return close(sink, "}");
      if (state !== 0) writeAscii(sink, ", ");
      writeString(sink, I32[type + 4 + state]);
      writeAscii(sink, ": ");
      path[at + 1] = state + 1;
      return word + 2 + (state << 1);
    }
    default: {
      const entry = nextEntry(ref, state);
      if (entry === 0) return close(sink, "}");
      // Entry numbers may begin above 0, a walk's state is 0 only at its start.
      if (state !== 0) writeAscii(sink, ", ");
      writePlain(sink, I32[entry], I32[entry + 1], entry);
      writeAscii(sink, ": ");
      path[at + 1] = stateAfter(entry);
      return entry + 2;
    }
  }
}

function close(sink: Sink, bracket: string): number {
  writeAscii(sink, bracket);
  return 0;
}

// ---- text for others ---------------------------------------------------------------------------------------------

const SCRATCH_BYTES = 4096;
const LARGEST_SCRATCH = 1 << 20;
const scratch = newSink(SCRATCH_BYTES);

/** Writes the text of the value at `word` to the scratch sink. */
function render(word: number): Sink {
  if (scratch.bytes.length > LARGEST_SCRATCH) scratch.bytes = new Uint8Array(SCRATCH_BYTES);
  scratch.length = 0;
  writeText(word, scratch);
  return scratch;
}

/** The text of the value at `word`; the bytes are valid until the next call of a function of this file. */
export function textOf(word: number): Uint8Array {
  const { bytes, length } = render(word);
  return bytes.subarray(0, length);
}

/** The text of the value at `word` for TypeScript: read as UTF-8, invalid bytes as U+FFFD. */
export function valueToDisplay(word: number): string {
  return decodeBytes(textOf(word));
}

/** A bound on the bytes of the text of the value at `word`; exact for what is not a number. */
function textLength(word: number): number {
  const high = I32[word + 1];
  if (high === HI_STRING) return stringLength(I32[word]);
  if (isImmediate(high) || isDouble(high) || high === HI_INT64) return NUMBER_BYTES;
  return render(word).length;
}

/** Units that {@linkcode textString} takes. */
export function textUnits(word: number): number {
  return I32[word + 1] === HI_STRING ? 0 : stringUnits(textLength(word));
}

/** The text of the value at `word` as a string of the heap; strings are their own text. */
export function textString(word: number): number {
  const high = I32[word + 1];
  if (high === HI_STRING) return I32[word];
  if (isImmediate(high)) {
    const n = immediate(word), length = intLength(n), ref = newString(length);
    writeInt(U8, stringStart(ref), n, length);
    return ref;
  }
  return newStringBytes(textOf(word));
}

/** Units that {@linkcode concatText} takes. */
export function concatTextUnits(a: number, b: number): number {
  if (I32[a + 1] !== HI_STRING) return stringUnits(textLength(a) + stringLength(I32[b]));
  return I32[b + 1] === HI_STRING ? concatUnits(I32[a], I32[b]) : extendUnits(I32[a], textLength(b));
}

/** The text of the value at `a`, then that of the value at `b`; at least one of them is a string. */
export function concatText(a: number, b: number): number {
  const highA = I32[a + 1], highB = I32[b + 1];
  if (highA === HI_STRING) {
    if (highB === HI_STRING) return concat(I32[a], I32[b]);
    if (isImmediate(highB)) {
      const n = immediate(b), length = intLength(n), ref = extendString(I32[a], length);
      writeInt(U8, stringStart(ref) + stringLength(ref) - length, n, length);
      return ref;
    }
    const { bytes, length } = render(b);
    return appendBytes(I32[a], bytes, length);
  }
  const { bytes, length } = render(a);
  return prependBytes(bytes, length, I32[b]);
}
