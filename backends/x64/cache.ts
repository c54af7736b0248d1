/**
 * The code cache: which parts of the executable memory are taken, and by what. It hands out places and takes them
 * back, and when nothing fits it asks the owner for a piece that can be spared, until something does. Which one that
 * is (the coldest, never one on the stack) and what its end means to others that jump to it, is the owner's business;
 * what the places hold, this file does not know.
 *
 * ```text
 *  │ taken │ hole │  taken  │ taken │        hole         │     holes in order of offset, no two side by side
 *  0      ▲ every edge is a multiple of 64, a cache line
 * ```
 *
 * A piece goes to the smallest hole that holds it, and a piece given back melts together with the holes beside it. So
 * holes never outnumber pieces by more than one, and an empty cache is one hole again, whatever happened before.
 */

/** A range of the executable memory, in bytes. */
export interface Place {
  readonly offset: number;
  /** What was asked for; the place is good for at least as much. */
  readonly size: number;
}

/** What a cache holds at the moment, in bytes. */
export interface CacheStats {
  readonly bytes: number;
  readonly taken: number;
  readonly pieces: number;
  readonly holes: number;
  /** The largest piece that would fit without evicting. */
  readonly largestHole: number;
  /** Pieces given up for others so far. */
  readonly evicted: number;
}

/** A bounded store of code. */
export interface CodeCache {
  /**
   * A place for `size` bytes. Evicts as many pieces as it must; null when the owner spares no more, or when no cache of
   * this size could hold it: then nothing is evicted.
   */
  allocate(size: number): Place | null;
  /** Takes a place back; one that is not taken is a fault of the caller. */
  free(place: Place): void;
  stats(): CacheStats;
}

/** Pieces begin at cache lines, so that no two of them share one. */
const GRAIN = 64;
const roundUp = (bytes: number) => Math.ceil(bytes / GRAIN) * GRAIN;

/** A hole, from `offset` up to `end`. */
interface Hole {
  offset: number;
  end: number;
}

/**
 * Makes an empty cache over `bytes` bytes of executable memory. `spare` names the piece to give up next, after
 * unlinking it from all that refers to it, or null when none can go now; the cache frees it.
 */
export function createCodeCache(bytes: number, spare: () => Place | null): CodeCache {
  const capacity = bytes - bytes % GRAIN;
  const holes: Hole[] = capacity > 0 ? [{ offset: 0, end: capacity }] : [];
  /** Where each piece ends, by its offset. */
  const ends = new Map<number, number>();
  let taken = 0, evicted = 0;

  /** Best fit. There are few hundred holes at most times, and a compilation takes longer than looking at them. */
  function take(size: number): Place | null {
    const need = Math.max(GRAIN, roundUp(size));
    let best = -1, bestRoom = Infinity;
    for (let i = 0; i < holes.length; i++) {
      const room = holes[i].end - holes[i].offset;
      if (room >= need && room < bestRoom) {
        best = i;
        bestRoom = room;
      }
    }
    if (best < 0) return null;
    const hole = holes[best], offset = hole.offset;
    if (bestRoom === need) holes.splice(best, 1);
    else hole.offset += need;
    ends.set(offset, offset + need);
    taken += need;
    return { offset, size };
  }

  /** Index of the first hole that begins after `offset`. */
  function holeAfter(offset: number): number {
    let low = 0, high = holes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holes[middle].offset > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  function free({ offset }: Place): void {
    const end = ends.get(offset);
    if (end === undefined) throw new Error(`No code was placed at ${offset}: this is a bug`);
    ends.delete(offset);
    taken -= end - offset;
    const at = holeAfter(offset), left = holes[at - 1], right = holes[at];
    const joinsLeft = left?.end === offset, joinsRight = right?.offset === end;
    if (joinsLeft && joinsRight) {
      left.end = right.end;
      holes.splice(at, 1);
    } else if (joinsLeft) left.end = end;
    else if (joinsRight) right.offset = offset;
    else holes.splice(at, 0, { offset, end });
  }

  return {
    allocate(size) {
      if (size > capacity) return null;
      for (;;) {
        const place = take(size);
        if (place !== null) return place;
        const victim = spare();
        if (victim === null) return null;
        free(victim);
        evicted++;
      }
    },
    free,
    stats: () => ({
      bytes: capacity,
      taken,
      pieces: ends.size,
      holes: holes.length,
      largestHole: holes.reduce((most, { offset, end }) => Math.max(most, end - offset), 0),
      evicted,
    }),
  };
}
