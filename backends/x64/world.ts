/**
 * What native code needs once in a process, whatever runs in it: executable memory with its cache, a machine stack, the
 * gate, the stubs, the fault handler. A world is made when a backend first asks for one of its kind and kept, as the
 * linear memory is. It also decides which code has to go when the cache is full: what was made or moved longest ago.
 */

import type { NativeOptions } from "../../core/backend.ts";
import {
  createExecutableMemory,
  type ExecutableMemory,
  isRefusal,
  type Libc,
  MEMORY_MODES,
  type MemoryMode,
  openLibc,
  type Refusal,
} from "./memory.ts";
import { type CacheStats, createCodeCache, type Place } from "./cache.ts";
import {
  createMachineStack,
  type FaultHandler,
  type Gate,
  GATE_BYTES,
  GATE_KINDS,
  type GateKind,
  installFaultHandler,
  type MachineStack,
  openGate,
} from "./gate.ts";
import { createRoutines, ROUTINE_BYTES } from "./routines.ts";
import { STUB_BYTES, writeStubs } from "./stubs.ts";

/** A piece of code in the cache. */
export interface Piece {
  readonly place: Place;
  /** Makes its owner forget it: the place is about to be reused. */
  unlink(): void;
}

/** The parts, ready to run code. */
export interface NativeWorld {
  readonly memory: ExecutableMemory;
  readonly gate: Gate;
  /** Offset by which the gate enters code; it goes on at the offset in the control word TARGET. */
  readonly resume: number;
  /** Null where faults cannot be caught. */
  readonly faults: FaultHandler | null;
  /** Makes this world the one whose stubs code leaves by. */
  activate(): void;
  /** Puts bytes in the cache, in place of older code if need be; null if they are too many for it. */
  place(bytes: Uint8Array): Place | null;
  /** Takes note of who owns a place, so that it can be taken back. */
  add(piece: Piece): void;
  /** Gives a place back. */
  remove(piece: Piece): void;
  /** What the cache holds. */
  stats(): CacheStats;
}

/** Bytes of machine code that are kept unless it is said otherwise. */
export const CACHE_BYTES = 32 * 1024 * 1024;
const MACHINE_STACK_BYTES = 1024 * 1024;

let libc: Libc | Refusal | undefined;
let stack: MachineStack | Refusal | undefined;
const worlds = new Map<string, NativeWorld | Refusal>();
let active: NativeWorld | null = null;

/** The process's native world of this kind, or why there is none. */
export function nativeWorld(options: NativeOptions = {}): NativeWorld | Refusal {
  const { memory = "", gate = "", cache = CACHE_BYTES } = options;
  const key = `${memory} ${gate} ${cache}`;
  let world = worlds.get(key);
  if (world === undefined) {
    world = makeWorld(options);
    worlds.set(key, world);
  }
  return world;
}

function makeWorld(options: NativeOptions): NativeWorld | Refusal {
  const modes = chosen(MEMORY_MODES, options.memory, "executable memory");
  if ("because" in modes) return modes;
  const gates = chosen(GATE_KINDS, options.gate, "gate");
  if ("because" in gates) return gates;
  libc ??= openLibc();
  if (isRefusal(libc)) return libc;
  const system = libc, cacheBytes = options.cache ?? CACHE_BYTES;
  const memory = firstOf<MemoryMode, ExecutableMemory>(
    modes,
    (mode) => createExecutableMemory(system, mode, cacheBytes),
  );
  if (isRefusal(memory)) return memory;
  stack ??= createMachineStack(libc, MACHINE_STACK_BYTES);
  if (isRefusal(stack)) return stack;
  const gate = firstOf<GateKind, Gate>(gates, (kind) => openGate(kind, system, memory, STUB_BYTES));
  if (isRefusal(gate)) return gate;
  const stubs = writeStubs(memory, gate);
  const routines = createRoutines(memory, STUB_BYTES + GATE_BYTES);
  const faults = installFaultHandler(libc, memory, stack, gate);

  // The order of insertion is the age.
  const pieces = new Set<Piece>();
  const cache = createCodeCache(memory.bytes, () => {
    const [oldest] = pieces;
    if (oldest === undefined) return null;
    pieces.delete(oldest);
    oldest.unlink();
    return oldest.place;
  });
  cache.allocate(STUB_BYTES + GATE_BYTES + ROUTINE_BYTES); // the first place: offset 0
  const world: NativeWorld = {
    memory,
    gate,
    resume: stubs.resume,
    faults: isRefusal(faults) ? null : faults,
    activate() {
      if (active === world) return;
      active = world;
      stubs.activate();
      routines.activate();
    },
    place(bytes) {
      if (routines.complete() && active === world) routines.activate();
      const place = cache.allocate(bytes.length);
      if (place !== null) memory.write(place.offset, bytes);
      return place;
    },
    add: (piece) => {
      pieces.add(piece);
    },
    remove(piece) {
      if (pieces.delete(piece)) cache.free(piece.place);
    },
    stats: cache.stats,
  };
  return world;
}

/** The ways to try: the one that was asked for, or all. */
function chosen<K extends string>(
  all: readonly K[],
  wanted: string | undefined,
  what: string,
): readonly K[] | Refusal {
  if (wanted === undefined) return all;
  const found = all.find((kind) => kind === wanted);
  return found === undefined ? { because: `there is no ${what} '${wanted}' (${all.join(", ")})` } : [found];
}

/** The first of the ways that works, or why the last one does not. */
function firstOf<K, T extends object>(kinds: readonly K[], open: (kind: K) => T | Refusal): T | Refusal {
  let result: T | Refusal = { because: "there is no way" };
  for (const kind of kinds) {
    result = open(kind);
    if (!isRefusal(result)) return result;
  }
  return result;
}
