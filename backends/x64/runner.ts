/**
 * Runs a program in native code where there is some, and in the interpreter where there is none. Both work on the same
 * registers and frames, so going from one to the other is a matter of pc, base and proto.
 *
 * ```text
 *                    hot                      entry for this pc
 *  interpreter ─────────────► compile ─────────────────────────────► native code
 *       ▲                                                                 │
 *       │ no entry                    STEP: one instruction, then back    │
 *       └─────────────────────────────────────────────────────────────────┤
 *                                     LEAVE, CALL: go on there            ▼
 * ```
 *
 * A function is compiled when a counter of its own first runs out. An exit makes the interpreter do one instruction,
 * which also specialises it; a function that keeps exiting is compiled again with what was learnt.
 */

import { Control, FRAME_WORDS, FRAMES, views } from "../../core/memory.ts";
import { Proto } from "../../core/program.ts";
import { functionAt, type Machine, Stop } from "../../core/machine.ts";
import { OP } from "../../core/opcodes.ts";
import { makeLoop, makeStep, makeStepper } from "../../core/dispatch.ts";
import { type BackendContext, type Code, Request, type Runner, type Target } from "../../core/backend.ts";
import type { X64Assembler } from "./assembler.ts";
import type { Label } from "./operands.ts";
import type { NativeWorld } from "./world.ts";

const { I32 } = views;

/** A piece of code in its place. */
interface Installed {
  readonly code: Code;
  readonly place: { readonly offset: number; readonly size: number };
  /** Offset in the code cache for each pc of the function; -1 for operand words. */
  readonly entries: Int32Array;
  /** Exits taken since it was installed. */
  exits: number;
  /** How often the function has been compiled. */
  readonly compilations: number;
}

/** Exits after which a function is compiled anew if its code has been specialised since; doubled each time. */
const PATIENCE = 64;
const COMPILATIONS_MAX = 8;

/** Makes a runner over the process's native world. */
export function createRunner(
  world: NativeWorld,
  context: BackendContext,
  target: Target<X64Assembler, Label>,
): Runner {
  const { opcodes, count, compileHot } = context;
  const { gate, memory, cache, resume } = world;
  const installed = new Map<number, Installed>();
  const refused = new Set<number>();
  const step = makeStep(opcodes);
  const stepper = makeStepper(opcodes);
  let loop = (machine: Machine): number => {
    const stop = stepper(machine);
    if (stop === Stop.HOT_CALL || stop === Stop.HOT_LOOP) loop = makeLoop(opcodes, { count });
    return stop;
  };

  return { run };

  function run(machine: Machine): number {
    for (;;) {
      const stop = runNative(machine);
      if (stop !== Stop.NONE) return stop;
      const reason = loop(machine);
      if (reason !== Stop.HOT_LOOP && reason !== Stop.HOT_CALL) return reason;
      if (!becomesNative(machine.proto)) return reason;
      // Counters of native functions stay at zero, so that the interpreter comes here at each call and round.
      if (reason === Stop.HOT_CALL) I32[machine.proto + Proto.COUNTER] = 0;
      else I32[machine.pc - 1] = OP.LOOP;
    }
  }

  /** Whether the function at `proto` has native code, or gets some now. */
  function becomesNative(proto: number): boolean {
    if (installed.has(proto)) return true;
    if (refused.has(proto)) return false;
    if (compile(proto, 0)) return true;
    refused.add(proto);
    return false;
  }

  function compile(proto: number, before: number): boolean {
    const loaded = functionAt(proto), start = proto + Proto.CODE;
    const code = compileHot({ loaded, code: I32.slice(start, start + loaded.proto.code.length) }, target);
    const place = cache.allocate(code.bytes.length);
    if (place === null) return false;
    memory.write(place.offset, code.bytes);
    const entries = code.entries.map((entry) => entry < 0 ? -1 : place.offset + entry);
    const old = installed.get(proto);
    installed.set(proto, { code, place, entries, exits: 0, compilations: before + 1 });
    I32[proto + Proto.NATIVE] = entries[0];
    if (old !== undefined) {
      moveReturns(proto, entries);
      cache.free(old.place);
    }
    return true;
  }

  /** Frames that return into the old code of a function return into the new one, at the same pc. */
  function moveReturns(proto: number, entries: Int32Array): void {
    for (let record = FRAMES; record < I32[Control.FRAME_TOP]; record += FRAME_WORDS) {
      if (I32[record + 2] === proto && I32[record + 3] !== 0) {
        I32[record + 3] = entries[I32[record] - proto - Proto.CODE];
      }
    }
  }

  /** Where native code for the machine's pc begins, or -1. */
  function entryOf(machine: Machine): number {
    const { proto } = machine;
    if (I32[proto + Proto.NATIVE] === 0) return -1;
    return installed.get(proto)?.entries[machine.pc - proto - Proto.CODE] ?? -1;
  }

  /** Runs native code as long as there is some for where the machine is; gives a stop, or none to interpret. */
  function runNative(machine: Machine): number {
    for (let entry = entryOf(machine); entry >= 0; entry = entryOf(machine)) {
      I32[Control.TARGET] = entry;
      I32[Control.NATIVE_BASE] = machine.base;
      gate.enter(resume);
      const fault = world.faults?.takeFault() ?? null;
      if (fault !== null) throw new Error(`Native code faulted: ${fault.signal} at ${fault.offset}`);
      machine.pc = I32[Control.NATIVE_PC];
      machine.base = I32[Control.NATIVE_BASE];
      machine.proto = I32[Control.NATIVE_PROTO];
      if (I32[Control.REQUEST] === Request.STEP) {
        const { proto } = machine;
        countExit(proto);
        const stop = step(machine);
        if (stop === Stop.HOT_CALL) {
          if (!becomesNative(machine.proto)) return stop;
          I32[machine.proto + Proto.COUNTER] = 0;
        } else if (stop === Stop.HOT_LOOP) I32[machine.pc - 1] = OP.LOOP;
        else if (stop !== Stop.NONE) return stop;
      } else if (I32[Control.REQUEST] === Request.CALL) {
        const { proto } = machine;
        if (--I32[proto + Proto.COUNTER] < 0) {
          if (!becomesNative(proto)) return Stop.HOT_CALL;
          I32[proto + Proto.COUNTER] = 0;
        }
      }
    }
    return Stop.NONE;
  }

  function countExit(proto: number): void {
    const own = installed.get(proto);
    if (own === undefined || ++own.exits < PATIENCE << own.compilations) return;
    own.exits = 0;
    if (own.compilations < COMPILATIONS_MAX && hasLearnt(proto, own.code)) compile(proto, own.compilations);
  }

  /** Whether instructions have been specialised since the function was compiled. */
  function hasLearnt(proto: number, { hot }: Code): boolean {
    const start = proto + Proto.CODE;
    return hot.code.some((word, pc) =>
      (I32[start + pc] & 0xFF) !== (word & 0xFF) && (word & 0xFF) !== OP.LOOP
    );
  }
}
