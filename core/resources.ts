/**
 * Things of the host that programs hold, such as a place in a file: to a program a value of type `resource`, which it
 * keeps, passes on and hands back. What the thing is, only the library knows that made it.
 *
 * The object in the heap carries a number, and a table outside the heap says what the number stands for:
 *
 * ```text
 *  RESOURCE  │hdr│number│ ───► table of the machine ───► anything
 * ```
 *
 * The collector does not know the table, so nobody tells it when a program has let go of a resource. The table finds
 * out by itself: when a collection has taken place since it was last looked through, whatever was there before that
 * and is not marked is gone.
 */

import { MARKS, views } from "./memory.ts";
import { HI_OBJECT, Kind } from "./value.ts";
import { heapStats, newHandle, safepoint } from "./heap.ts";
import type { Machine } from "./machine.ts";

const { I32 } = views;

interface Entry {
  readonly thing: object;
  readonly ref: number;
  /** How many collections had taken place when it was made. */
  readonly born: number;
}

interface Table {
  readonly entries: Map<number, Entry>;
  next: number;
  /** How many collections had taken place when it was last looked through. */
  seen: number;
}

const tables = new WeakMap<Machine, Table>();

/** Makes a value that stands for `thing`, and gives its ref. May collect. */
export function newResource(machine: Machine, thing: object): number {
  safepoint(1);
  const { collections } = heapStats();
  let table = tables.get(machine);
  if (table === undefined) tables.set(machine, table = { entries: new Map(), next: 0, seen: collections });
  if (table.seen !== collections) {
    table.seen = collections;
    forgetLost(table.entries, collections);
  }
  const number = table.next++, ref = newHandle(Kind.RESOURCE, number);
  table.entries.set(number, { thing, ref, born: collections });
  return ref;
}

function forgetLost(entries: Map<number, Entry>, collections: number): void {
  for (const [number, { ref, born }] of entries) {
    const isMarked = (I32[MARKS + (ref >>> 5)] >>> (ref & 31) & 1) === 1;
    if (born < collections && !isMarked) entries.delete(number);
  }
}

/** What the value at `word` stands for; null if it is no resource. */
export function resourceAt(machine: Machine, word: number): object | null {
  if (I32[word + 1] !== HI_OBJECT + Kind.RESOURCE) return null;
  return tables.get(machine)?.entries.get(I32[(I32[word] << 1) + 1])?.thing ?? null;
}

/** How many things the table of a machine holds, those that are lost and not yet found out among them. */
export function resourceCount(machine: Machine): number {
  return tables.get(machine)?.entries.size ?? 0;
}
