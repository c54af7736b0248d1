/**
 * Later patches: changes to machine code that runs already. A template leaves a call or the cache of a field open where
 * it cannot know what will come by; when the first exit has shown it, the answer is written into the instructions
 * themselves, and the exit is never taken again.
 *
 * ```text
 *                    open                                   linked to fib
 *   cmp eax,0            no proto word is 0       cmp eax,0x40c2        the proto word of fib
 *   jne exit             always                   jne others            another callee
 *   lea rsi,[rdx+0]                               lea rsi,[rdx+96]      where the window of fib ends
 *   …                                             …
 *   jmp exit                                      jmp fib               its first instruction
 * ```
 *
 * Code comes and goes. Whoever is linked to code that moves is told where it is now, and is open again when it is gone;
 * what is gone needs no news. All this happens while no machine code runs, between two instructions of the program.
 */

import { views } from "../../core/memory.ts";
import { Proto } from "../../core/program.ts";
import { stringText } from "../../core/strings.ts";
import { functionAt } from "../../core/machine.ts";
import type { Code, JitEvent, Patch, PatchPoint } from "../../core/backend.ts";
import type { Place } from "./cache.ts";
import type { ExecutableMemory } from "./memory.ts";

const { I32 } = views;

/** A piece of code with points in it. */
export interface Linkable {
  readonly code: Code;
  readonly place: Place;
}

/** The links between pieces of code. */
export interface Links {
  /** Links a call to a function, by its proto word, which has machine code and takes what the call gives. */
  link(from: Linkable, point: PatchPoint, callee: number): void;
  /** Has a call go the way of callees that it is not linked to, as one came by that it cannot be linked to. */
  open(from: Linkable, point: PatchPoint, callee: number): void;
  /**
   * Fills the cache of a field: the ref of the type, and the words from an instance to the field. False if it has them
   * already.
   */
  fill(from: Linkable, point: PatchPoint, type: number, words: number): boolean;
  /** The code of a function is elsewhere now, or gone. */
  moved(callee: number): void;
  /** A piece of code is gone. */
  forget(piece: Linkable): void;
}

/** A call, and the function that it is linked to, by its proto word. */
interface Link {
  readonly from: Linkable;
  readonly point: PatchPoint;
  readonly callee: number;
}

/** Makes the links of one runner; `observe` is told of each patch. */
export function createLinks(memory: ExecutableMemory, observe?: (event: JitEvent) => void): Links {
  const links = new Map<PatchPoint, Link>();
  /** The links to each function. */
  const callers = new Map<number, Set<Link>>();

  /** Fills holes with numbers; those that are not mentioned get back what they had at first. */
  function patch(
    { code, place }: Linkable,
    point: PatchPoint,
    numbers: Readonly<Record<string, number>>,
    because: string,
  ): boolean {
    const patches: Patch[] = [];
    for (const [name, offset] of Object.entries(point.holes)) {
      const before = memory.read(place.offset + offset, 4), after = code.bytes.slice(offset, offset + 4);
      if (name in numbers) new DataView(after.buffer).setInt32(0, numbers[name], true);
      if (after.every((byte, i) => byte === before[i])) continue;
      memory.write(place.offset + offset, after);
      patches.push({ offset, before, after, reason: `${name}: ${because}` });
    }
    if (patches.length > 0) observe?.({ kind: "patched", code, point, because, patches });
    return patches.length > 0;
  }

  /** The displacement that leads to an offset in the code cache; a jump counts from the end of its hole. */
  function displacement({ place }: Linkable, hole: number, to: number): number {
    return to - (place.offset + hole + 4);
  }

  function toOthers(from: Linkable, { holes, places }: PatchPoint): number {
    return displacement(from, holes.others, from.place.offset + places.others);
  }

  /** Writes into a call what it is linked to. */
  function patchCall({ from, point, callee }: Link, because: string): void {
    patch(from, point, {
      callee,
      others: toOthers(from, point),
      frame: 4 * I32[callee + Proto.FRAME],
      entry: displacement(from, point.holes.entry, I32[callee + Proto.NATIVE]),
    }, because);
  }

  return {
    link(from, point, callee) {
      const link: Link = { from, point, callee }, others = callers.get(callee);
      links.set(point, link);
      if (others === undefined) callers.set(callee, new Set([link]));
      else others.add(link);
      patchCall(link, `linked to ${nameOf(callee)}`);
    },
    open(from, point, callee) {
      patch(from, point, { others: toOthers(from, point) }, `${nameOf(callee)} cannot be linked to`);
    },
    fill(from, point, type, words) {
      const name = stringText(I32[(type << 1) + 2]);
      return patch(from, point, { type, place: 4 * words }, `instances of ${name} come by`);
    },
    moved(callee) {
      const isGone = I32[callee + Proto.NATIVE] === 0;
      for (const link of callers.get(callee) ?? []) {
        if (!isGone) patchCall(link, `${nameOf(callee)} has moved`);
        else {
          links.delete(link.point);
          patch(link.from, link.point, {}, `${nameOf(callee)} is gone`);
        }
      }
      if (isGone) callers.delete(callee);
    },
    forget({ code }) {
      for (const point of code.draft.points) {
        const link = links.get(point);
        if (link === undefined) continue;
        links.delete(point);
        callers.get(link.callee)?.delete(link);
      }
    },
  };
}

function nameOf(callee: number): string {
  return functionAt(callee).proto.name;
}
