/**
 * Strings: immutable bytes on the heap. This file decides how their bytes are stored and shared, hashed and compared;
 * what a value's text is, is up to `text.ts`.
 *
 * A string is a header of two units, and its bytes begin on a unit: right behind the header, or in a BYTES object
 * that several strings share.
 *
 * ```text
 *  inline   |hdr|length|hash|own ref + 2| h e l l o ...        hash 0: not computed yet
 *
 *  shared   |hdr|length 70|hash| * |   |hdr|length 71|hash| * |
 *                                +-----------+               |
 *           |BYTES hdr|used 71| byte 0 ... byte 69, byte 70, room ...  the unit after its header is what refs name
 * ```
 *
 * :append-in-place: All strings of a buffer begin at its first byte, and the one that is as long as `used` is its
 * newest owner. Appending to that one writes behind it, where no other string looks, and costs a header. Appending
 * to an older one, or beyond the room, copies; each such copy of an owner doubles the room, so building a string in
 * a loop is linear.
 *
 * Functions that make strings allocate, so their callers pass a `safepoint` first; the functions named `...Units` say
 * how much to ask for.
 */

import { Control, views } from "./memory.ts";
import { Kind, TYPE_NAMES } from "./value.ts";
import { allocate, HeapExhausted, unitsOf } from "./heap.ts";
import type { Marker } from "./gc.ts";

const { I32, U8 } = views;

const MAX_LENGTH = 0x7FFFFFFF;
/** Results shorter than this are not worth a buffer. */
const SHARED_LENGTH = 64;
/** From here on the engine's own copy routines beat a loop over bytes, and over words. */
const BULK = 48, COPY_BULK = 256;
/** The memory by words at any byte address. */
const MEMORY = new DataView(U8.buffer);

// ---- making strings ----------------------------------------------------------------------------------------------

/** Units of a new string of `length` bytes. */
export function stringUnits(length: number): number {
  return 2 + ((length + 7) >>> 3);
}

/**
 * Makes a string whose `length` bytes, from {@linkcode stringStart} on, the caller fills in before anything reads it.
 * @throws {HeapExhausted} if the heap is full, or for more than 2^31 - 1 bytes
 */
export function newString(length: number): number {
  if (length > MAX_LENGTH) throw new HeapExhausted();
  const ref = allocate(Kind.STRING, stringUnits(length)), word = ref << 1;
  I32[word + 1] = length;
  I32[word + 2] = 0;
  I32[word + 3] = ref + 2;
  return ref;
}

/** Makes a string of these bytes. */
export function newStringBytes(bytes: Uint8Array): number {
  const ref = newString(bytes.length);
  fill((ref + 2) * 8, bytes, bytes.length);
  return ref;
}

/** Makes a string of the `length` bytes at byte address `from`. */
export function newStringCopy(from: number, length: number): number {
  const ref = newString(length), to = (ref + 2) << 1;
  if (length >= COPY_BULK) U8.copyWithin(to * 4, from, from + length);
  // Its last word may take along what stands behind the bytes: it is the string's own.
  else for (let i = 0; i < length; i += 4) I32[to + (i >> 2)] = MEMORY.getInt32(from + i, true);
  return ref;
}

/** Makes a string with one byte for each character: ASCII, or bytes that are kept as Latin-1. */
export function newStringLatin1(text: string): number {
  const ref = newString(text.length), start = (ref + 2) * 8;
  for (let i = 0; i < text.length; i++) U8[start + i] = text.charCodeAt(i);
  return ref;
}

/** Makes a string of the text in UTF-8: at most three bytes for each of its UTF-16 units. */
export function newStringText(text: string): number {
  return isAscii(text) ? newStringLatin1(text) : newStringBytes(new TextEncoder().encode(text));
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** Writes the first `length` of `bytes` to byte address `to`. */
function fill(to: number, bytes: Uint8Array, length: number): void {
  if (length < BULK) {
    for (let i = 0; i < length; i++) U8[to + i] = bytes[i];
  } else U8.set(length === bytes.length ? bytes : bytes.subarray(0, length), to);
}

/** Units of the one string that {@linkcode byteString} may make. */
export const BYTE_STRING_UNITS = 3;

/** Ref of the string of each byte, 0 until it is wanted; roots, see {@linkcode visitStringRoots}. */
const byteStrings: Int32Array = I32.subarray(Control.BYTE_STRINGS, Control.BYTE_STRINGS + 256);

/** The string that consists of this byte. */
export function byteString(byte: number): number {
  const known = byteStrings[byte];
  if (known !== 0) return known;
  const ref = newString(1);
  U8[(ref + 2) * 8] = byte;
  return byteStrings[byte] = ref;
}

/** Units of the one string that {@linkcode typeString} may make: no name has more than eight letters. */
export const TYPE_STRING_UNITS = 3;

/** Ref of the name of each type as a string, likewise. */
const typeStrings: Int32Array = I32.subarray(Control.TYPE_STRINGS, Control.TYPE_STRINGS + TYPE_NAMES.length);

/** The name of the type with this number as a string. */
export function typeString(type: number): number {
  const known = typeStrings[type];
  if (known !== 0) return known;
  return typeStrings[type] = newStringLatin1(TYPE_NAMES[type]);
}

/** Marks the strings that live as long as the process. */
export function visitStringRoots(marker: Marker): void {
  for (let type = 0; type < TYPE_NAMES.length; type++) marker.visitRef(typeStrings[type]);
  for (let byte = 0; byte < 256; byte++) marker.visitRef(byteStrings[byte]);
}

// ---- reading strings ---------------------------------------------------------------------------------------------

/** Number of bytes. */
export function stringLength(ref: number): number {
  return I32[(ref << 1) + 1];
}

/** Byte address of the first byte. */
export function stringStart(ref: number): number {
  return I32[(ref << 1) + 3] * 8;
}

/** A copy of the bytes. */
export function stringBytes(ref: number): Uint8Array {
  const start = stringStart(ref);
  return U8.slice(start, start + stringLength(ref));
}

/** The bytes in place: to be read only, and only until the next safepoint. */
export function stringView(ref: number): Uint8Array {
  const start = stringStart(ref);
  return U8.subarray(start, start + stringLength(ref));
}

/** The bytes read as UTF-8; what is not valid becomes U+FFFD. */
export function stringText(ref: number): string {
  const start = stringStart(ref), length = stringLength(ref);
  if (length < BULK) {
    let text = "", i = 0;
    for (; i < length && U8[start + i] < 128; i++) text += String.fromCharCode(U8[start + i]);
    if (i === length) return text;
  }
  return decodeBytes(U8.subarray(start, start + length));
}

/** Made when it is first wanted, which in most programs is never: its beginning takes half a millisecond. */
let decoder: TextDecoder | null = null;

/** Bytes read as UTF-8; what is not valid becomes U+FFFD. */
export function decodeBytes(bytes: Uint8Array): string {
  decoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
  return decoder.decode(bytes);
}

// ---- appending ---------------------------------------------------------------------------------------------------

/** Units that {@linkcode extendString} takes; never less for a greater `extra` below 32. */
export function extendUnits(ref: number, extra: number): number {
  if (hasRoom(ref, extra)) return 2;
  const length = stringLength(ref) + extra;
  return wantsBuffer(ref, extra) ? 3 + ((grownCapacity(ref, length) + 7) >>> 3) : stringUnits(length);
}

/**
 * Makes a string of the bytes of `ref` and `extra` more, which the caller fills in at once: they end where the
 * string ends. In place where that is possible (:append-in-place:).
 * @throws {HeapExhausted} if the heap is full, or for more than 2^31 - 1 bytes
 */
export function extendString(ref: number, extra: number): number {
  const word = ref << 1, from = I32[word + 3], length = I32[word + 1] + extra;
  if (hasRoom(ref, extra)) {
    I32[(from << 1) - 1] = length;
    return newHeader(from, length);
  }
  if (!wantsBuffer(ref, extra)) {
    const copy = newString(length);
    copyUnits(copy + 2, from, I32[word + 1]);
    return copy;
  }
  if (length > MAX_LENGTH) throw new HeapExhausted();
  const buffer = allocate(Kind.BYTES, 1 + ((grownCapacity(ref, length) + 7) >>> 3));
  I32[(buffer << 1) + 1] = length;
  copyUnits(buffer + 1, from, I32[word + 1]);
  return newHeader(buffer + 1, length);
}

/** Whether `ref` is the newest owner of a buffer with room for `extra` bytes behind it. */
function hasRoom(ref: number, extra: number): boolean {
  const word = ref << 1, from = I32[word + 3], length = I32[word + 1];
  if (from === ref + 2 || I32[(from << 1) - 1] !== length) return false;
  return length + extra <= (unitsOf(from - 1) - 1) * 8;
}

/** A string that grew by less than it had is likely to grow on; what is put before a longer one is not. */
function wantsBuffer(ref: number, extra: number): boolean {
  const length = I32[(ref << 1) + 1];
  return length + extra >= SHARED_LENGTH && length >= extra;
}

/** Bytes of a buffer for `length` bytes that begin with `ref`: modest at first, twice as much for what grows on. */
function grownCapacity(ref: number, length: number): number {
  const grew = I32[(ref << 1) + 3] !== ref + 2;
  return Math.min(grew ? length * 2 : length + (length >> 2), MAX_LENGTH);
}

function newHeader(from: number, length: number): number {
  const ref = allocate(Kind.STRING, 2), word = ref << 1;
  I32[word + 1] = length;
  I32[word + 2] = 0;
  I32[word + 3] = from;
  return ref;
}

/** Copies `length` bytes from one unit to another, in whole words: what lies behind them is the caller's to write. */
function copyUnits(to: number, from: number, length: number): void {
  const words = (length + 3) >>> 2, target = to << 1, source = from << 1;
  if (words < BULK) { for (let i = 0; i < words; i++) I32[target + i] = I32[source + i]; }
  else I32.copyWithin(target, source, source + words);
}

/** Copies bytes between byte addresses. */
export function copyBytes(to: number, from: number, length: number): void {
  if (length >= COPY_BULK) {
    U8.copyWithin(to, from, from + length);
    return;
  }
  let i = 0;
  for (; i + 4 <= length; i += 4) MEMORY.setInt32(to + i, MEMORY.getInt32(from + i, true), true);
  for (; i < length; i++) U8[to + i] = U8[from + i];
}

/** Units that {@linkcode concat} takes. */
export function concatUnits(a: number, b: number): number {
  return extendUnits(a, stringLength(b));
}

/**
 * The bytes of `a`, then those of `b`; amortised, appending costs what `b` is long.
 * @throws {HeapExhausted} if the heap is full, or for more than 2^31 - 1 bytes
 */
export function concat(a: number, b: number): number {
  const extra = stringLength(b);
  if (extra === 0) return a;
  if (stringLength(a) === 0) return b;
  const ref = extendString(a, extra);
  copyBytes(stringStart(ref) + stringLength(ref) - extra, stringStart(b), extra);
  return ref;
}

/** Like {@linkcode concat} with the first `length` of `bytes`; takes `extendUnits(ref, length)`. */
export function appendBytes(ref: number, bytes: Uint8Array, length: number): number {
  const result = extendString(ref, length);
  fill(stringStart(result) + stringLength(result) - length, bytes, length);
  return result;
}

/** The first `length` of `bytes`, then the string; takes `stringUnits` of the sum. */
export function prependBytes(bytes: Uint8Array, length: number, ref: number): number {
  const result = newString(length + stringLength(ref)), start = stringStart(result);
  fill(start, bytes, length);
  copyBytes(start + length, stringStart(ref), stringLength(ref));
  return result;
}

/** The bytes in [from, to), which must be in range; takes `stringUnits(to - from)`. */
export function sliceString(ref: number, from: number, to: number): number {
  const length = to - from;
  if (length === stringLength(ref)) return ref;
  if (length === 1) return byteString(U8[stringStart(ref) + from]);
  return newStringCopy(stringStart(ref) + from, length);
}

// ---- content -----------------------------------------------------------------------------------------------------
// Bytes begin on a unit, so they are read as words. The last word may hold what is not the string's: it is masked.

/** Bits that belong to `length` bytes of the word after their last whole one: none if `length` fills its words. */
function tailMask(length: number): number {
  return (1 << ((length & 3) << 3)) - 1;
}

/** The hash of the content, computed once; never 0. */
export function hashString(ref: number): number {
  const known = I32[(ref << 1) + 2];
  return known !== 0 ? known : computeHash(ref);
}

/** A multiplication carries each word upwards, a shift carries it down again; each step loses nothing. */
function computeHash(ref: number): number {
  const length = I32[(ref << 1) + 1];
  let at = I32[(ref << 1) + 3] << 1;
  let hash = length ^ 0x2545F491;
  for (const end = at + (length >>> 2); at < end; at++) {
    hash = Math.imul(hash ^ I32[at], 0x9E3779B1);
    hash ^= hash >>> 15;
  }
  if ((length & 3) !== 0) hash = Math.imul(hash ^ (I32[at] & tailMask(length)), 0x9E3779B1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85EBCA6B);
  hash ^= hash >>> 13;
  if (hash === 0) hash = 1;
  return I32[(ref << 1) + 2] = hash;
}

/** Whether both have the same bytes. */
export function equalStrings(a: number, b: number): boolean {
  if (a === b) return true;
  const wordA = a << 1, wordB = b << 1, length = I32[wordA + 1];
  if (length !== I32[wordB + 1]) return false;
  const hashA = I32[wordA + 2], hashB = I32[wordB + 2];
  if (hashA !== hashB && hashA !== 0 && hashB !== 0) return false;
  const atA = I32[wordA + 3] << 1, atB = I32[wordB + 3] << 1, words = length >>> 2;
  for (let i = 0; i < words; i++) if (I32[atA + i] !== I32[atB + i]) return false;
  return (length & 3) === 0 || ((I32[atA + words] ^ I32[atB + words]) & tailMask(length)) === 0;
}

/** Compares bytewise, a prefix before what it begins: negative, 0 or positive. */
export function compareStrings(a: number, b: number): number {
  const lengthA = stringLength(a), lengthB = stringLength(b);
  const atA = I32[(a << 1) + 3] << 1, atB = I32[(b << 1) + 3] << 1;
  const length = Math.min(lengthA, lengthB), words = length >>> 2;
  let i = 0;
  while (i < words && I32[atA + i] === I32[atB + i]) i++;
  let different = I32[atA + i] ^ I32[atB + i];
  if (i === words) different &= tailMask(length);
  if (different === 0) return lengthA - lengthB;
  // Little endian: the lowest byte that differs is the first one.
  const shift = (31 - Math.clz32(different & -different)) & 24;
  return (I32[atA + i] >>> shift & 255) - (I32[atB + i] >>> shift & 255);
}
