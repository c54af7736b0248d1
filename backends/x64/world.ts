/**
 * What native code needs once in a process, whatever runs in it: executable memory with its cache, a machine stack, the
 * gate, the stubs, the fault handler. It is made when the first backend opens and kept, as the linear memory is.
 */

import {
  createExecutableMemory,
  type ExecutableMemory,
  isRefusal,
  MEMORY_MODES,
  openLibc,
  type Refusal,
} from "./memory.ts";
import { type CodeCache, createCodeCache } from "./cache.ts";
import {
  createMachineStack,
  type FaultHandler,
  type Gate,
  GATE_BYTES,
  GATE_KINDS,
  installFaultHandler,
  openGate,
} from "./gate.ts";
import { STUB_BYTES, writeStubs } from "./stubs.ts";

/** The parts, ready to run code. */
export interface NativeWorld {
  readonly memory: ExecutableMemory;
  readonly cache: CodeCache;
  readonly gate: Gate;
  /** Offset by which the gate enters code; it goes on at the offset in the control word TARGET. */
  readonly resume: number;
  /** Null where faults cannot be caught. */
  readonly faults: FaultHandler | null;
}

const CACHE_BYTES = 32 * 1024 * 1024;
const MACHINE_STACK_BYTES = 1024 * 1024;

let world: NativeWorld | Refusal | undefined;

/** The process's native world, or why there is none. */
export function nativeWorld(): NativeWorld | Refusal {
  return world ??= makeWorld();
}

function makeWorld(): NativeWorld | Refusal {
  const libc = openLibc();
  if (isRefusal(libc)) return libc;
  const reserved = GATE_BYTES + STUB_BYTES;
  const memory = firstOf(MEMORY_MODES, (mode) => createExecutableMemory(libc, mode, CACHE_BYTES));
  if (isRefusal(memory)) return memory;
  const stack = createMachineStack(libc, MACHINE_STACK_BYTES);
  if (isRefusal(stack)) return stack;
  const gate = firstOf(GATE_KINDS, (kind) => openGate(kind, libc, memory));
  if (isRefusal(gate)) return gate;
  const resume = writeStubs(memory, GATE_BYTES, gate);
  const cache = createCodeCache(CACHE_BYTES, () => null);
  cache.allocate(reserved); // the first piece: offset 0
  const faults = installFaultHandler(libc, memory, stack, gate);
  return { memory, cache, gate, resume, faults: isRefusal(faults) ? null : faults };
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
