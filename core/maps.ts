/**
 * Maps: hash tables that remember the order of insertion. This file decides how entries are found, kept in order and
 * walked while they change; the collector knows the layout, nobody else does.
 *
 * ```text
 *  MAP  |hdr|count|index ref|mask|entries ref|used|capacity|next number|
 *                     |              |
 *      +--------------+              +----+
 *      v  one word for each slot          v  three units for each entry, in the order of insertion
 *   0 | 0 | free                       1 | key | value |hash|number|
 *   1 | 3 | --> entry 3               2 |EMPTY|  nil  |skip|number|    removed
 *   2 | 1 | --> entry 1               3 | key | value |hash|number|
 *  ...  mask                             ...  used ... capacity
 * ```
 *
 * The index holds positions counted from 1 (ordinals), is probed linearly and at most half full. Removal
 * closes the gap in it (later slots of the run move back), so it never fills with the dead. In the entries removal
 * leaves a hole; holes go when the entries are full.
 *
 * :entry-numbers: Each entry has a number, greater than that of any entry before it and kept for life. A walk over
 * the map remembers nothing but the number to go on from, so it may be interrupted by anything: what is removed ahead
 * is not seen, what is inserted is, and entries may move. Numbers end at 2^31 - 1; then all are dealt anew, and
 * walks that are under way may see an entry twice or miss one.
 *
 * A removed entry tells in `skip` where the next live entry may be, and walks shorten these paths as they go. So
 * taking the first key again and again is as cheap as it looks.
 *
 * Keys are strings, integers, booleans and floats but NaN; a float that equals an integer of the language is stored
 * as that integer. Thus, but for strings and boxed integers, equal keys have equal words.
 */

import { views } from "./memory.ts";
import { HI_BOOL, HI_EMPTY, HI_INT64, HI_NIL, HI_STRING, HI_UINT, isDouble, Kind } from "./value.ts";
import { allocate, newInt64 } from "./heap.ts";
import { equalStrings, hashString } from "./strings.ts";

const { I32, F64 } = views;

// Words of a map, and of an entry (its key is at 0, its value at 2).
const COUNT = 1, INDEX = 2, MASK = 3, ENTRIES = 4, USED = 5, CAPACITY = 6, NEXT = 7;
const VALUE = 2, HASH = 4, SKIP = 4, NUMBER = 5, ENTRY_WORDS = 6;

const MAP_UNITS = 4;
const LEAST_CAPACITY = 8;
/** An index of up to this many slots is cleared faster by a loop than by the engine's own routine. */
const SHORT_INDEX = 64;
const LAST_NUMBER = 0x7FFFFFFF;
const TWO_32 = 4294967296;

/** Makes an empty map: four units. */
export function newMap(): number {
  const ref = allocate(Kind.MAP, MAP_UNITS), word = ref << 1;
  for (let at = word + 1; at < word + 2 * MAP_UNITS; at++) I32[at] = 0;
  return ref;
}

/** Units that {@linkcode newMapFor} takes: at most six, and eight for each key. */
export function mapForUnits(count: number): number {
  return count === 0 ? MAP_UNITS : MAP_UNITS + 2 + 4 * capacityFor(count);
}

/** Makes an empty map with room for `count` keys. */
export function newMapFor(count: number): number {
  const ref = newMap();
  if (count !== 0) giveRoom(ref << 1, capacityFor(count));
  return ref;
}

/** The least power of two that is not below `count`, which is above 0. */
function capacityFor(count: number): number {
  return 1 << (32 - Math.clz32(count - 1));
}

/** Number of keys. */
export function mapCount(ref: number): number {
  return I32[(ref << 1) + COUNT];
}

/** Number of entries that the map stores, removed ones included. */
export function mapEntryCount(ref: number): number {
  return I32[(ref << 1) + USED];
}

// ---- keys --------------------------------------------------------------------------------------------------------

/** Whether the value at `word` can be a key. */
export function isKey(word: number): boolean {
  const hi = I32[word + 1];
  if (hi >> 16 === -1 || hi === HI_STRING || hi === HI_BOOL || hi === HI_INT64) return true;
  return isDouble(hi) && F64[word >> 1] === F64[word >> 1];
}

/** Hash of two words in which each bit counts. */
function hashWords(low: number, high: number): number {
  let hash = Math.imul(low ^ Math.imul(high, 0x85EBCA6B), 0x9E3779B1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2C1B3C6D);
  return hash ^ (hash >>> 13);
}

/** Hash of a key in its stored form. */
function hashKey(low: number, high: number): number {
  if (high === HI_STRING) return hashString(low);
  if (high === HI_INT64) return hashWords(I32[(low << 1) + 2], I32[(low << 1) + 3]);
  return hashWords(low, high);
}

/** Whether the double equals an integer of 64 bits, in which case it is stored as one. */
function equalsInt(x: number): boolean {
  return x >= -9223372036854775808 && x < 9223372036854775808 && Math.floor(x) === x;
}

/** High word of an integral double, as a part of a 64-bit integer; the low one is `x | 0`. */
function highOf(x: number): number {
  return Math.floor(x / TWO_32) | 0;
}

/** Whether the high word of a 64-bit integer leaves the rest to 48 bits. */
function isNarrow(high: number): boolean {
  return high << 16 >> 16 === high;
}

// ---- finding -----------------------------------------------------------------------------------------------------
// Each of these gives the entry's first word, its key, or 0.

/** Finds a key that equals only what has the same words: an immediate integer, a bool, a float. */
function findWords(ref: number, low: number, high: number): number {
  const word = ref << 1;
  if (I32[word + COUNT] === 0) return 0;
  const index = I32[word + INDEX] << 1, mask = I32[word + MASK];
  const base = (I32[word + ENTRIES] << 1) - ENTRY_WORDS;
  for (let slot = hashWords(low, high) & mask;; slot = (slot + 1) & mask) {
    const ordinal = I32[index + slot];
    if (ordinal === 0) return 0;
    const entry = base + ordinal * ENTRY_WORDS;
    if (I32[entry] === low && I32[entry + 1] === high) return entry;
  }
}

function findString(ref: number, string: number): number {
  const word = ref << 1;
  if (I32[word + COUNT] === 0) return 0;
  const index = I32[word + INDEX] << 1, mask = I32[word + MASK];
  const base = (I32[word + ENTRIES] << 1) - ENTRY_WORDS;
  const hash = hashString(string);
  for (let slot = hash & mask;; slot = (slot + 1) & mask) {
    const ordinal = I32[index + slot];
    if (ordinal === 0) return 0;
    const entry = base + ordinal * ENTRY_WORDS;
    if (I32[entry + HASH] === hash && I32[entry + 1] === HI_STRING) {
      const key = I32[entry];
      if (key === string || equalStrings(key, string)) return entry;
    }
  }
}

/** Finds an integer that is too wide for an immediate. */
function findWide(ref: number, low: number, high: number): number {
  const word = ref << 1;
  if (I32[word + COUNT] === 0) return 0;
  const index = I32[word + INDEX] << 1, mask = I32[word + MASK];
  const base = (I32[word + ENTRIES] << 1) - ENTRY_WORDS;
  for (let slot = hashWords(low, high) & mask;; slot = (slot + 1) & mask) {
    const ordinal = I32[index + slot];
    if (ordinal === 0) return 0;
    const entry = base + ordinal * ENTRY_WORDS;
    if (I32[entry + 1] === HI_INT64) {
      const box = I32[entry] << 1;
      if (I32[box + 2] === low && I32[box + 3] === high) return entry;
    }
  }
}

/** Finds the value at `key`, whatever its form; 0 as well for what cannot be a key. */
function find(ref: number, key: number): number {
  const low = I32[key], high = I32[key + 1];
  if (high === HI_STRING) return findString(ref, low);
  if (high === HI_INT64) return findWide(ref, I32[(low << 1) + 2], I32[(low << 1) + 3]);
  if (isDouble(high)) {
    const x = F64[key >> 1];
    if (equalsInt(x)) {
      const wide = highOf(x);
      return isNarrow(wide) ? findWords(ref, x | 0, wide | HI_UINT) : findWide(ref, x | 0, wide);
    }
  }
  return findWords(ref, low, high);
}

/** Word of the value that belongs to the key at `key`; 0 if there is none, or if that value cannot be a key. */
export function mapGet(ref: number, key: number): number {
  const entry = find(ref, key);
  return entry === 0 ? 0 : entry + VALUE;
}

/** Like {@linkcode mapGet}, for the string at ref `string`. */
export function mapGetString(ref: number, string: number): number {
  const entry = findString(ref, string);
  return entry === 0 ? 0 : entry + VALUE;
}

/** Whether there is a key equal to the value at `key`. */
export function mapHas(ref: number, key: number): boolean {
  return find(ref, key) !== 0;
}

// ---- changing ----------------------------------------------------------------------------------------------------

/** Units that setting one key takes at most. */
export function mapSetUnits(ref: number): number {
  const word = ref << 1;
  if (I32[word + USED] < I32[word + CAPACITY] || hasHoles(word)) return 2;
  return 2 + 2 + 4 * grownCapacity(word);
}

/** Whether a quarter of the entries are holes, so that closing them makes room for long enough. */
function hasHoles(word: number): boolean {
  const capacity = I32[word + CAPACITY];
  return I32[word + COUNT] < capacity - (capacity >> 2);
}

function grownCapacity(word: number): number {
  return Math.max(LEAST_CAPACITY, I32[word + CAPACITY] * 2);
}

/**
 * Makes the value at `value` that of the key at `key`, for which {@linkcode isKey} holds. A new key comes last, one
 * that is there keeps its place. Takes {@linkcode mapSetUnits}.
 */
export function mapSet(ref: number, key: number, value: number): void {
  let entry = find(ref, key);
  if (entry === 0) {
    let low = I32[key], high = I32[key + 1];
    if (isDouble(high)) {
      const x = F64[key >> 1];
      if (equalsInt(x)) {
        const wide = highOf(x);
        low = isNarrow(wide) ? x | 0 : newInt64(x | 0, wide);
        high = isNarrow(wide) ? wide | HI_UINT : HI_INT64;
      }
    }
    entry = insert(ref, low, high);
  }
  I32[entry + VALUE] = I32[value];
  I32[entry + VALUE + 1] = I32[value + 1];
}

/**
 * Word of the value that belongs to the string at ref `string`, which becomes a key if it is none yet: the value is the
 * caller's to write at once. Takes {@linkcode mapSetUnits}, and nothing while there is room ({@linkcode newMapFor}).
 */
export function mapPutString(ref: number, string: number): number {
  const entry = findString(ref, string);
  return (entry === 0 ? insert(ref, string, HI_STRING) : entry) + VALUE;
}

/** Appends an entry for a key that is not there, in its stored form; its value is the caller's to write. */
function insert(ref: number, low: number, high: number): number {
  const word = ref << 1;
  if (I32[word + USED] === I32[word + CAPACITY] || I32[word + NEXT] === LAST_NUMBER) makeRoom(word);
  const hash = hashKey(low, high);
  const position = I32[word + USED];
  const entry = (I32[word + ENTRIES] << 1) + position * ENTRY_WORDS;
  I32[entry] = low;
  I32[entry + 1] = high;
  I32[entry + HASH] = hash;
  I32[entry + NUMBER] = I32[word + NEXT];
  enterIndex(I32[word + INDEX] << 1, I32[word + MASK], hash, position + 1);
  I32[word + USED] = position + 1;
  I32[word + NEXT]++;
  I32[word + COUNT]++;
  return entry;
}

function enterIndex(index: number, mask: number, hash: number, ordinal: number): void {
  let slot = hash & mask;
  while (I32[index + slot] !== 0) slot = (slot + 1) & mask;
  I32[index + slot] = ordinal;
}

/** Gives the map new entries and a new index, both empty; `capacity` is a power of two. */
function giveRoom(word: number, capacity: number): void {
  const slots = capacity * 2;
  const entries = allocate(Kind.ITEMS, 1 + capacity * ENTRY_WORDS / 2) + 1;
  const index = allocate(Kind.BYTES, 1 + slots / 2) + 1, first = index << 1;
  I32[first - 1] = slots * 4;
  if (slots <= SHORT_INDEX) { for (let slot = 0; slot < slots; slot++) I32[first + slot] = 0; }
  else I32.fill(0, first, first + slots);
  I32[word + ENTRIES] = entries;
  I32[word + INDEX] = index;
  I32[word + CAPACITY] = capacity;
  I32[word + MASK] = slots - 1;
}

/** Closes the holes; moves to entries and an index of twice the size unless that was room enough. */
function makeRoom(word: number): void {
  const full = I32[word + USED] === I32[word + CAPACITY];
  const from = I32[word + ENTRIES] << 1, end = from + I32[word + USED] * ENTRY_WORDS;
  let to = from;
  if (full && !hasHoles(word)) {
    giveRoom(word, grownCapacity(word));
    to = I32[word + ENTRIES] << 1;
  } else {
    const index = I32[word + INDEX] << 1;
    I32.fill(0, index, index + I32[word + MASK] + 1);
  }
  const renumber = I32[word + NEXT] === LAST_NUMBER;
  const index = I32[word + INDEX] << 1, mask = I32[word + MASK];
  let used = 0;
  for (let at = from; at < end; at += ENTRY_WORDS) {
    if (I32[at + 1] === HI_EMPTY) continue;
    for (let i = 0; i < ENTRY_WORDS; i++) I32[to + i] = I32[at + i];
    if (renumber) I32[to + NUMBER] = used;
    enterIndex(index, mask, I32[to + HASH], ++used);
    to += ENTRY_WORDS;
  }
  I32[word + USED] = used;
  if (renumber) I32[word + NEXT] = used;
}

/** Removes the key at `key` and stores its value at `out`; false, and nil at `out`, if it is not there. */
export function mapRemove(ref: number, key: number, out: number): boolean {
  const entry = find(ref, key), word = ref << 1;
  if (entry === 0) {
    I32[out] = 0;
    I32[out + 1] = HI_NIL;
    return false;
  }
  I32[out] = I32[entry + VALUE];
  I32[out + 1] = I32[entry + VALUE + 1];
  const next = (entry - (I32[word + ENTRIES] << 1)) / ENTRY_WORDS + 1;
  leaveIndex(word, I32[entry + HASH], next);
  I32[entry] = 0;
  I32[entry + 1] = HI_EMPTY;
  I32[entry + VALUE] = 0;
  I32[entry + VALUE + 1] = HI_NIL;
  I32[entry + SKIP] = next;
  // Of an emptied map nothing is left but its room: the index is all zeros by now.
  if (--I32[word + COUNT] === 0) I32[word + USED] = 0;
  return true;
}

/** Frees the slot of the entry of this ordinal, and moves back what had to make way for it. */
function leaveIndex(word: number, hash: number, ordinal: number): void {
  const index = I32[word + INDEX] << 1, mask = I32[word + MASK];
  const base = (I32[word + ENTRIES] << 1) - ENTRY_WORDS;
  let hole = hash & mask;
  while (I32[index + hole] !== ordinal) hole = (hole + 1) & mask;
  for (let slot = (hole + 1) & mask; I32[index + slot] !== 0; slot = (slot + 1) & mask) {
    const home = I32[base + I32[index + slot] * ENTRY_WORDS + HASH] & mask;
    // An entry may move back to the hole unless its probe begins after it.
    if (((slot - home) & mask) >= ((slot - hole) & mask)) {
      I32[index + hole] = I32[index + slot];
      hole = slot;
    }
  }
  I32[index + hole] = 0;
}

// ---- walking -----------------------------------------------------------------------------------------------------

/**
 * Goes on with a walk over the keys: stores the next one at `out` and gives the state to go on with, or gives -1 at
 * the end. A walk begins with state 0. Keys come in the order of insertion, and the map may change between any two
 * steps (:entry-numbers:).
 */
export function mapNext(ref: number, state: number, out: number): number {
  const entry = nextEntry(ref, state);
  if (entry === 0) return -1;
  I32[out] = I32[entry];
  I32[out + 1] = I32[entry + 1];
  return I32[entry + NUMBER] + 1;
}

/** Word of the key with which a walk goes on, its value two words behind; 0 at the end. */
export function nextEntry(ref: number, state: number): number {
  const word = ref << 1, used = I32[word + USED], entries = I32[word + ENTRIES] << 1;
  let position = positionOf(entries, used, state);
  if (position < used && I32[entries + position * ENTRY_WORDS + 1] === HI_EMPTY) {
    position = skipHoles(entries, used, position);
  }
  return position < used ? entries + position * ENTRY_WORDS : 0;
}

/**
 * Word of the key behind the one at `entry`, of the first one for 0; 0 at the end. For walks during which the map stays as
 * it is: there it is cheaper than a state.
 */
export function entryAfter(ref: number, entry: number): number {
  const word = ref << 1, entries = I32[word + ENTRIES] << 1, end = entries + I32[word + USED] * ENTRY_WORDS;
  for (let at = entry === 0 ? entries : entry + ENTRY_WORDS; at < end; at += ENTRY_WORDS) {
    if (I32[at + 1] !== HI_EMPTY) return at;
  }
  return 0;
}

/** The state in which a walk goes on after the entry at `entry`. */
export function stateAfter(entry: number): number {
  return I32[entry + NUMBER] + 1;
}

/**
 * Position of the first entry numbered `number` or higher. How far a number is ahead of its position can only grow
 * from entry to entry, so the first and the last one bound the search. They leave one candidate as long as holes
 * were closed nowhere but before the first entry.
 */
function positionOf(entries: number, used: number, number: number): number {
  if (used === 0) return 0;
  const last = used - 1;
  let low = Math.max(0, number - (I32[entries + last * ENTRY_WORDS + NUMBER] - last));
  let high = Math.min(used, number - I32[entries + NUMBER]);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (I32[entries + middle * ENTRY_WORDS + NUMBER] < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first position from `from` on that is no hole, or where the entries end; shortens the path to it. */
function skipHoles(entries: number, used: number, from: number): number {
  let live = from;
  while (live < used && I32[entries + live * ENTRY_WORDS + 1] === HI_EMPTY) {
    live = I32[entries + live * ENTRY_WORDS + SKIP];
  }
  for (let at = from; at < live;) {
    const word = entries + at * ENTRY_WORDS + SKIP;
    at = I32[word];
    I32[word] = live;
  }
  return live;
}

/** Calls `visit` with the words of key and value of each entry, in the order of insertion. */
export function forEachEntry(ref: number, visit: (key: number, value: number) => void): void {
  for (let entry = nextEntry(ref, 0); entry !== 0;) {
    const state = stateAfter(entry);
    visit(entry, entry + VALUE);
    entry = nextEntry(ref, state);
  }
}
