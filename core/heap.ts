/**
 * The heap: blocks, allocation, and the layout of every kind of object. It decides where an object lies and what its
 * words mean; which objects are alive is `gc.ts`'s question, what strings and maps do is that of `strings.ts` and
 * `maps.ts`.
 *
 * :blocks: The heap is an array of blocks of 32 KiB. A block holds small objects, or is part of a run of blocks that
 * holds one large object. Small objects are allocated by moving a cursor through a *hole*: a free block, or what lies
 * between two survivors of the last collection. Nothing ever moves.
 *
 * :safepoints: Allocation never collects. Code that is about to allocate says so with {@linkcode safepoint}, at a
 * moment when each live value is in a register or another root, and may then hold plain refs until it is done.
 * Hence no handles, no write barriers, and exactly one place per instruction where objects may vanish.
 *
 * Each object begins with a header word; the second word belongs to the kind:
 *
 * ```text
 *   31           16 15     8 7      0
 *  | size in units | flags  | kind   |   size 0: a large object, its size is in the block table
 *
 *  BYTES       |hdr|used| bytes ...                             shared by strings that grow (strings.ts)
 *  STRING      |hdr|length|hash|bytes ref| bytes ...            bytes inline when bytes ref = own ref + 2
 *  INT64       |hdr| - |low|high|
 *  ARRAY       |hdr|length|items ref|capacity|                  items ref: first element, 0 when capacity is 0
 *  ITEMS       |hdr| - | value | value | ...
 *  MAP         |hdr|...|                                        (maps.ts)
 *  STRUCT      |hdr|type ref| value | value | ...
 *  STRUCT_TYPE |hdr|fields|name ref| - | name ref of each field ...
 *  FUNCTION    |hdr|proto word|cells| - | ref of each cell ...
 *  NATIVE      |hdr|index|least, most|sets| set of types ...     what it takes: numbers of arguments, then their types
 *  MODULE      |hdr|index|
 *  FUTURE      |hdr|state| value |id| - |
 *  RESOURCE    |hdr|index|
 *  CELL        |hdr| - | value |
 *  PROTO       |hdr|constants| constant n-1 ... constant 0 | proto words | code |   (program.ts)
 * ```
 */

import { Control, GLOBALS, HEAP, LARGE_UNITS, MARKS, MEMORY_BYTES, views } from "./memory.ts";
import { HI_NIL, HI_OBJECT, Kind } from "./value.ts";

const { I32 } = views;
const CURSOR = Control.ALLOC_CURSOR;
const END = Control.ALLOC_END;

/** Thrown when the heap limit leaves no room; the machine turns it into the program's `Out of memory.`. */
export class HeapExhausted extends Error {
  override readonly name = "HeapExhausted";
}

const BLOCK_BYTES = 32768;
const BLOCK_UNITS = BLOCK_BYTES / 8;
const FIRST_REF = HEAP / 8;
const BLOCKS = Math.floor((MEMORY_BYTES - HEAP) / BLOCK_BYTES);

/** Objects above this many units that do not fit the current hole go to a hole of their own, so that it is not lost. */
const MEDIUM_UNITS = 32;
/** A smaller gap between survivors is not worth a visit. */
const HOLE_UNITS = 8;

const FREE = 0, SMALL = 1, LARGE = 2, REST = 3;
const states = new Uint8Array(BLOCKS);
/** Units of the large object that begins in a block; 0 elsewhere. */
const largeUnits = I32.subarray(LARGE_UNITS, LARGE_UNITS + BLOCKS);

/** What the heap has done and holds; read by `--stats`. Sizes in bytes, times in milliseconds. */
export interface HeapStats {
  /** The most that objects may take. */
  readonly limit: number;
  /** Handed out so far. */
  readonly allocated: number;
  /** Number of collections. */
  readonly collections: number;
  /** What the last collection found alive. */
  readonly live: number;
  /** The most that was in use at any time. */
  readonly peak: number;
  /** Time of all collections. */
  readonly pauseTotal: number;
  /** Time of the longest one. */
  readonly pauseLongest: number;
}

const MINIMUM_BUDGET = 16 * 1024 * 1024;
const DEFAULT_LIMIT = 1024 * 1024 * 1024;

const heap = {
  limitBlocks: Math.min(BLOCKS, DEFAULT_LIMIT / BLOCK_BYTES),
  usedBlocks: 0,
  peakBlocks: 0,
  /** No block below this one is free. */
  freeHint: 0,
  /** One past the highest block ever used: the collector need not look further. */
  highBlock: 0,
  /** Bytes handed out since the last collection, and how many may be. */
  since: 0,
  budget: MINIMUM_BUDGET,
  allocated: 0,
  collections: 0,
  live: 0,
  pauseTotal: 0,
  pauseLongest: 0,
  stress: false,
  /** Where the search for holes among survivors goes on. */
  sweepBlock: 0,
  sweepRef: 0,
  sweepEnd: 0,
  /** The hole for medium objects. */
  mediumCursor: 0,
  mediumEnd: 0,
  collect: (): void => {
    throw new Error("A collection was asked for before a machine was there to name its roots");
  },
};

/** Installs the collector; called once by the machine. */
export function setCollector(collect: () => void): void {
  heap.collect = collect;
}

/**
 * Bounds the heap to `bytes` (rounded to whole blocks, at most what is reserved).
 * @throws {RangeError} if there is less than one MiB, or more than is reserved
 */
export function setHeapLimit(bytes: number): void {
  if (!(bytes >= 1024 * 1024) || bytes > BLOCKS * BLOCK_BYTES) {
    throw new RangeError(
      `A heap of ${bytes} bytes is not possible; give 1 MiB to ${
        Math.floor(BLOCKS * BLOCK_BYTES / 1048576)
      } MiB`,
    );
  }
  heap.limitBlocks = Math.floor(bytes / BLOCK_BYTES);
}

/** Switches stress mode: a collection at every safepoint. */
export function setStress(on: boolean): void {
  heap.stress = on;
}

/** Whether every safepoint collects; allocation in generated code then has to take the slow way. */
export function isStressed(): boolean {
  return heap.stress;
}

/** The most bytes that the heap may take. */
export function heapLimit(): number {
  return heap.limitBlocks * BLOCK_BYTES;
}

/** A snapshot of the heap's figures. */
export function heapStats(): HeapStats {
  return {
    limit: heap.limitBlocks * BLOCK_BYTES,
    allocated: heap.allocated - (I32[END] - I32[CURSOR]) * 8,
    collections: heap.collections,
    live: heap.live,
    peak: heap.peakBlocks * BLOCK_BYTES,
    pauseTotal: heap.pauseTotal,
    pauseLongest: heap.pauseLongest,
  };
}

/** A heap that a collection leaves fuller than this is exhausted: the program would spend its time collecting. */
const FULL = 31 / 32;

/**
 * The one moment at which objects may vanish. Collects when the budget is spent, when `units` more would not fit, or
 * always in stress mode. All live values must be in roots; afterwards `units` can be allocated without fail, unless
 * the program truly needs more than the limit.
 * @throws {HeapExhausted} if next to nothing was freed though nothing was left
 */
export function safepoint(units: number): void {
  if (I32[CURSOR] + units <= I32[END] && !heap.stress) return;
  if (heap.stress || heap.since + units * 8 > heap.budget) heap.collect();
  else if (lacks(units)) {
    heap.collect();
    if (heap.live > heap.limitBlocks * BLOCK_BYTES * FULL) throw new HeapExhausted();
  }
}

/** Whether neither free blocks nor the gaps among survivors have `units`; may move the cursor to such a gap. */
function lacks(units: number): boolean {
  if ((heap.limitBlocks - heap.usedBlocks) * BLOCK_UNITS >= units + BLOCK_UNITS) return false;
  return units > BLOCK_UNITS || !nextHole(units);
}

/**
 * Takes `units` of 8 bytes and writes the header; all other words are whatever they were. Never collects.
 * @throws {HeapExhausted} if the limit is reached
 */
export function allocate(kind: number, units: number): number {
  const ref = I32[CURSOR], end = ref + units;
  if (end <= I32[END]) {
    I32[CURSOR] = end;
    I32[ref << 1] = kind | units << 16;
    return ref;
  }
  return allocateSlow(kind, units);
}

function allocateSlow(kind: number, units: number): number {
  if (units > BLOCK_UNITS) return allocateLarge(kind, units);
  let ref: number;
  const hasMediumHole = heap.mediumEnd - heap.mediumCursor >= units;
  if (units > MEDIUM_UNITS && (hasMediumHole || heap.usedBlocks < heap.limitBlocks)) {
    if (!hasMediumHole) {
      heap.mediumCursor = takeBlocks(1, SMALL);
      heap.mediumEnd = heap.mediumCursor + BLOCK_UNITS;
    }
    ref = heap.mediumCursor;
    heap.mediumCursor += units;
  } else {
    if (!nextHole(units)) {
      I32[CURSOR] = takeBlocks(1, SMALL);
      I32[END] = I32[CURSOR] + BLOCK_UNITS;
    }
    ref = I32[CURSOR];
    I32[CURSOR] = ref + units;
  }
  // A full block of 4096 units fits the 16 bits of the size as well.
  I32[ref << 1] = kind | units << 16;
  return ref;
}

function allocateLarge(kind: number, units: number): number {
  const blocks = Math.ceil(units / BLOCK_UNITS);
  const ref = takeBlocks(blocks, LARGE);
  const first = (ref - FIRST_REF) / BLOCK_UNITS;
  states.fill(REST, first + 1, first + blocks);
  largeUnits[first] = units;
  I32[ref << 1] = kind;
  return ref;
}

function takeBlocks(count: number, state: number): number {
  if (heap.usedBlocks + count > heap.limitBlocks) throw new HeapExhausted();
  while (heap.freeHint < BLOCKS && states[heap.freeHint] !== FREE) heap.freeHint++;
  let first = heap.freeHint, found = 0;
  for (let block = first; found < count; block++) {
    if (block >= BLOCKS) throw new HeapExhausted();
    if (states[block] === FREE) {
      if (found++ === 0) first = block;
    } else found = 0;
  }
  states[first] = state;
  heap.usedBlocks += count;
  heap.peakBlocks = Math.max(heap.peakBlocks, heap.usedBlocks);
  heap.highBlock = Math.max(heap.highBlock, first + count);
  heap.since += count * BLOCK_BYTES;
  heap.allocated += count * BLOCK_BYTES;
  return FIRST_REF + first * BLOCK_UNITS;
}

/** Moves the cursor to the next gap of at least `units` between the survivors of the last collection. */
function nextHole(units: number): boolean {
  const least = Math.max(units, HOLE_UNITS);
  for (;;) {
    while (heap.sweepRef < heap.sweepEnd) {
      const from = heap.sweepRef;
      const to = nextMarked(from, heap.sweepEnd);
      heap.sweepRef = to < heap.sweepEnd ? to + (I32[to << 1] >>> 16) : to;
      if (to - from >= least) {
        heap.since += (to - from) * 8;
        heap.allocated += (to - from) * 8;
        I32[CURSOR] = from;
        I32[END] = to;
        return true;
      }
    }
    // Blocks that were taken after the collection have no marks, and are not looked at: `sweepLimit`.
    while (heap.sweepBlock < sweepList.length && states[sweepList[heap.sweepBlock]] !== SMALL) {
      heap.sweepBlock++;
    }
    if (heap.sweepBlock >= sweepList.length) return false;
    heap.sweepRef = FIRST_REF + sweepList[heap.sweepBlock++] * BLOCK_UNITS;
    heap.sweepEnd = heap.sweepRef + BLOCK_UNITS;
  }
}

/** The blocks of small objects that survived the last collection in part. */
let sweepList: number[] = [];

/** The first marked ref in [from, end), or `end`. */
function nextMarked(from: number, end: number): number {
  let word = MARKS + (from >>> 5);
  let bits = I32[word] & (-1 << (from & 31));
  const last = MARKS + ((end - 1) >>> 5);
  while (bits === 0) {
    if (word === last) return end;
    bits = I32[++word];
  }
  const ref = (word - MARKS) * 32 + 31 - Math.clz32(bits & -bits);
  return ref < end ? ref : end;
}

/** Units of the object at `ref`. */
export function unitsOf(ref: number): number {
  const units = I32[ref << 1] >>> 16;
  return units !== 0 ? units : largeUnits[(ref - FIRST_REF) / BLOCK_UNITS];
}

/** Forgets all marks; the collector's first step. */
export function clearMarks(): void {
  I32.fill(0, MARKS + (FIRST_REF >>> 5), MARKS + ((FIRST_REF + heap.highBlock * BLOCK_UNITS) >>> 5));
}

/**
 * Frees what is not marked; the collector's last step. Blocks without a mark become free at once, the gaps in the
 * others are found when they are needed. `live` is the bytes marked, `pause` the milliseconds that it took so far.
 */
export function sweep(live: number, started: number): void {
  sweepList = [];
  heap.freeHint = 0;
  for (let block = 0; block < heap.highBlock; block++) {
    const state = states[block];
    if (state === SMALL) {
      const word = MARKS + ((FIRST_REF + block * BLOCK_UNITS) >>> 5);
      let used = false;
      for (let i = 0; i < BLOCK_UNITS / 32 && !used; i++) used = I32[word + i] !== 0;
      if (used) sweepList.push(block);
      else freeBlocks(block, 1);
    } else if (state === LARGE) {
      const ref = FIRST_REF + block * BLOCK_UNITS;
      if ((I32[MARKS + (ref >>> 5)] >>> (ref & 31) & 1) === 0) {
        freeBlocks(block, Math.ceil(largeUnits[block] / BLOCK_UNITS));
        largeUnits[block] = 0;
      }
    }
  }
  heap.allocated -= (I32[END] - I32[CURSOR]) * 8 + (heap.mediumEnd - heap.mediumCursor) * 8;
  heap.sweepBlock = heap.sweepRef = heap.sweepEnd = 0;
  heap.mediumCursor = heap.mediumEnd = 0;
  I32[CURSOR] = I32[END] = 0;
  heap.since = 0;
  heap.live = live;
  heap.budget = Math.max(MINIMUM_BUDGET, live);
  heap.collections++;
  const pause = performance.now() - started;
  heap.pauseTotal += pause;
  heap.pauseLongest = Math.max(heap.pauseLongest, pause);
}

function freeBlocks(first: number, count: number): void {
  states.fill(FREE, first, first + count);
  heap.usedBlocks -= count;
}

// ---- objects of fixed layout -------------------------------------------------------------------------------------

/** Makes a boxed integer from its two words; callers make sure that it does not fit an immediate. */
export function newInt64(low: number, high: number): number {
  const ref = allocate(Kind.INT64, 2), word = ref << 1;
  I32[word + 2] = low;
  I32[word + 3] = high;
  return ref;
}

/** Makes a cell that holds the value at `from`. */
export function newCell(from: number): number {
  const ref = allocate(Kind.CELL, 2), word = ref << 1;
  I32[word + 2] = I32[from];
  I32[word + 3] = I32[from + 1];
  return ref;
}

/** Makes an empty array with room for `capacity` elements. */
export function newArray(capacity: number): number {
  const items = capacity === 0 ? 0 : allocate(Kind.ITEMS, 1 + capacity) + 1;
  const ref = allocate(Kind.ARRAY, 2), word = ref << 1;
  I32[word + 1] = 0;
  I32[word + 2] = items;
  I32[word + 3] = capacity;
  return ref;
}

/** Units that growing the array at `ref` to hold `length` elements will take; 0 when it has room. */
export function growthUnits(ref: number, length: number): number {
  return length <= I32[(ref << 1) + 3] ? 0 : 1 + grownCapacity(I32[(ref << 1) + 3], length);
}

function grownCapacity(capacity: number, length: number): number {
  return Math.max(length, 4, capacity + (capacity >> 1) + 4);
}

/** Makes room for `length` elements; {@linkcode growthUnits} says beforehand what it takes. */
export function ensureCapacity(ref: number, length: number): void {
  const word = ref << 1, capacity = I32[word + 3];
  if (length <= capacity) return;
  const grown = grownCapacity(capacity, length);
  const items = allocate(Kind.ITEMS, 1 + grown) + 1;
  const from = I32[word + 2] << 1;
  I32.copyWithin(items << 1, from, from + (I32[word + 1] << 1));
  I32[word + 2] = items;
  I32[word + 3] = grown;
}

/** Appends the value at `from` to the array at `ref`; room must have been made if it is to be free of allocation. */
export function appendItem(ref: number, from: number): void {
  const word = ref << 1, length = I32[word + 1];
  if (length === I32[word + 3]) ensureCapacity(ref, length + 1);
  const to = (I32[word + 2] + length) << 1;
  I32[to] = I32[from];
  I32[to + 1] = I32[from + 1];
  I32[word + 1] = length + 1;
}

/** Sets the length of the array at `ref`, filling what is new with nil. */
export function resizeArray(ref: number, length: number): void {
  ensureCapacity(ref, length);
  const word = ref << 1;
  for (let i = I32[word + 1], to = (I32[word + 2] + i) << 1; i < length; i++, to += 2) {
    I32[to] = 0;
    I32[to + 1] = HI_NIL;
  }
  I32[word + 1] = length;
}

/** Word of element `index` of the array at `ref`; the index must be in range. */
export function itemWord(ref: number, index: number): number {
  return (I32[(ref << 1) + 2] + index) << 1;
}

/** Number of elements of the array at `ref`. */
export function arrayLength(ref: number): number {
  return I32[(ref << 1) + 1];
}

/** Makes a struct type; `fields` are refs of the strings that name them. */
export function newStructType(name: number, fields: readonly number[]): number {
  const ref = allocate(Kind.STRUCT_TYPE, 2 + (fields.length + 1 >> 1)), word = ref << 1;
  I32[word + 1] = fields.length;
  I32[word + 2] = name;
  I32[word + 3] = 0;
  fields.forEach((field, i) => I32[word + 4 + i] = field);
  return ref;
}

/** Makes an instance of the struct type at `type`, its fields copied from the values at `from` on. */
export function newStruct(type: number, from: number): number {
  const count = I32[(type << 1) + 1];
  const ref = allocate(Kind.STRUCT, 1 + count), word = ref << 1;
  I32[word + 1] = type;
  I32.copyWithin(word + 2, from, from + (count << 1));
  return ref;
}

/** Makes a function over the proto whose words begin at `proto`, with room for `cells` cells (to be filled in). */
export function newFunction(proto: number, cells: number): number {
  const ref = allocate(Kind.FUNCTION, 2 + (cells + 1 >> 1)), word = ref << 1;
  I32[word + 1] = proto;
  I32[word + 2] = cells;
  I32[word + 3] = 0;
  return ref;
}

/**
 * Makes a native, entry `index` of a table outside the heap, that takes `least` to `most` arguments: the types that each may
 * have are the bits of a set, of which the last one is also that of all further arguments.
 */
export function newNative(index: number, least: number, most: number, sets: readonly number[]): number {
  const ref = allocate(Kind.NATIVE, 2 + (sets.length + 1 >> 1)), word = ref << 1;
  I32[word + 1] = index;
  I32[word + 2] = least | most << 16;
  I32[word + 3] = sets.length;
  I32.set(sets, word + 4);
  return ref;
}

/** Makes an object that stands for entry `index` of a table outside the heap: MODULE or RESOURCE. */
export function newHandle(kind: number, index: number): number {
  const ref = allocate(kind, 1);
  I32[(ref << 1) + 1] = index;
  return ref;
}

/** States of a future. */
export const FutureState = { PENDING: 0, DONE: 1, FAILED: 2 } as const;

/** Makes a pending future, known outside the heap as `id`. */
export function newFuture(id: number): number {
  const ref = allocate(Kind.FUTURE, 3), word = ref << 1;
  I32[word + 1] = FutureState.PENDING;
  I32[word + 2] = 0;
  I32[word + 3] = HI_NIL;
  I32[word + 4] = id;
  I32[word + 5] = 0;
  return ref;
}

/** High word of the value that refers to the object at `ref`. */
export function highWordOf(ref: number): number {
  return HI_OBJECT + (I32[ref << 1] & 0xFF);
}

/** Global slots handed out so far; `globalWord(n)` is valid below it. */
export function globalWord(slot: number): number {
  return GLOBALS + slot * 2;
}
