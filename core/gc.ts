/**
 * The collector: mark and sweep, precise, non-moving. It knows which words of each kind of object hold values, and
 * asks the machine for the roots; where objects lie and how gaps are reused is `heap.ts`'s business.
 *
 * :stale-registers: Registers above the top of the stack may hold anything: a call does not clear its window. That
 * is sound because a collection wipes everything above the top. A stale register that a later window uncovers was
 * therefore written after the last collection, so what it refers to has not been freed since; at worst it lives a
 * cycle too long.
 */

import { MARKS, views } from "./memory.ts";
import { Kind } from "./value.ts";
import { clearMarks, sweep, unitsOf } from "./heap.ts";

const { I32 } = views;

/** What the machine hands to the collector: calls `visitValues`, `visitRef` for each root. */
export interface Marker {
  /** Marks what the values in the words [from, to) refer to. */
  visitValues(from: number, to: number): void;
  /** Marks the object at `ref`; 0 is no object. */
  visitRef(ref: number): void;
}

let work = new Int32Array(4096);
let depth = 0;
let liveUnits = 0;

function visitRef(ref: number): void {
  if (ref === 0) return;
  const word = MARKS + (ref >>> 5), bit = 1 << (ref & 31), bits = I32[word];
  if ((bits & bit) !== 0) return;
  I32[word] = bits | bit;
  if (depth === work.length) {
    const larger = new Int32Array(work.length * 2);
    larger.set(work);
    work = larger;
  }
  work[depth++] = ref;
}

function visitValues(from: number, to: number): void {
  for (let word = from; word < to; word += 2) {
    if (I32[word + 1] >> 16 === -4) visitRef(I32[word]);
  }
}

/** Marks the object without looking into it: it has no values, or its owner has looked already. */
function markOnly(ref: number): void {
  if (ref === 0) return;
  const word = MARKS + (ref >>> 5), bit = 1 << (ref & 31);
  if ((I32[word] & bit) !== 0) return;
  I32[word] |= bit;
  liveUnits += unitsOf(ref);
}

/** Marks what the object at `ref` holds. ORDER kinds */
function trace(ref: number): void {
  const word = ref << 1;
  liveUnits += unitsOf(ref);
  switch (I32[word] & 0xFF) {
    case Kind.STRING:
      if (I32[word + 3] !== ref + 2) markOnly(I32[word + 3] - 1);
      break;
    case Kind.ARRAY: {
      const items = I32[word + 2];
      if (items !== 0) {
        markOnly(items - 1);
        visitValues(items << 1, (items + I32[word + 1]) << 1);
      }
      break;
    }
    case Kind.MAP: {
      // Entries are key, value, and a unit of hash and number (maps.ts).
      const entries = I32[word + 4];
      if (entries !== 0) {
        markOnly(entries - 1);
        markOnly(I32[word + 2] - 1);
        for (let at = entries << 1, end = at + I32[word + 5] * 6; at < end; at += 6) visitValues(at, at + 4);
      }
      break;
    }
    case Kind.STRUCT: {
      const type = I32[word + 1];
      visitRef(type);
      visitValues(word + 2, word + 2 + (I32[(type << 1) + 1] << 1));
      break;
    }
    case Kind.STRUCT_TYPE:
      visitRef(I32[word + 2]);
      for (let i = 0; i < I32[word + 1]; i++) visitRef(I32[word + 4 + i]);
      break;
    case Kind.FUNCTION:
      visitRef(I32[I32[word + 1]]); // a proto's first word is its own ref
      for (let i = 0; i < I32[word + 2]; i++) visitRef(I32[word + 4 + i]);
      break;
    case Kind.PROTO:
      visitValues(word + 2, word + 2 + (I32[word + 1] << 1));
      break;
    case Kind.FUTURE:
    case Kind.CELL:
      visitValues(word + 2, word + 4);
      break;
    default: // BYTES, INT64, NATIVE, MODULE, RESOURCE: no values; ITEMS: visited by its owner
      break;
  }
}

/** Collects: `visitRoots` names the roots, and wipes the registers above the top. */
export function collect(visitRoots: (marker: Marker) => void): void {
  const started = performance.now();
  clearMarks();
  depth = 0;
  liveUnits = 0;
  visitRoots({ visitValues, visitRef });
  while (depth > 0) trace(work[--depth]);
  if (work.length > 1 << 20) work = new Int32Array(4096);
  sweep(liveUnits * 8, started);
}
