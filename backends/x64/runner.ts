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
 *                                     NATIVE, VALUE: a call, then back    │
 *                                     LEAVE, CALL: go on there            ▼
 * ```
 *
 * A function is compiled when a counter of its own first runs out, and once more, with a second version of its loops, when
 * one of them has run for long (loops.ts of the passes). An exit makes the interpreter do one instruction,
 * which also specialises it; a function that keeps exiting is compiled again with what was learnt. A call of a native is
 * no exit: code says itself where it goes on behind it.
 *
 * :return-places: Frames keep where native callers go on (machine.ts). When code moves or goes, the frames that return
 * into it are told: into the new code at the same pc, or to the interpreter. So any code can go at any time, also when
 * it is on the stack, as long as the processor is not in it; and here it never is.
 */

import { Control, FRAME_WORDS, FRAMES, views } from "../../core/memory.ts";
import { Proto } from "../../core/program.ts";
import { call, callAccepted, functionAt, type Machine, NativeFault, Stop } from "../../core/machine.ts";
import { OP } from "../../core/opcodes.ts";
import { makeInterpreter, makeStep } from "../../core/dispatch.ts";
import {
  type BackendContext,
  type Code,
  type ExitCount,
  type JitEvent,
  type PatchPoint,
  Request,
  type Runner,
  type Target,
} from "../../core/backend.ts";
import type { X64Assembler } from "./assembler.ts";
import type { Label } from "./operands.ts";
import type { Fault } from "./gate.ts";
import { createLinks } from "./links.ts";
import { describeFault } from "./report.ts";
import { POLL_ROUNDS } from "./stubs.ts";
import type { NativeWorld, Piece } from "./world.ts";

const { I32, F64 } = views;
// What each exit reads and writes, as constants of this file (:views:).
const {
  ARGUMENTS,
  CALLEE,
  EXIT,
  FAULT_SIGNAL,
  NATIVE_BASE,
  NATIVE_PC,
  NATIVE_PROTO,
  REQUEST,
  ROUNDS,
  TARGET,
} = Control;
const { NATIVE: P_NATIVE, CODE: P_CODE } = Proto;
const { STEP, CALL, POLL, LINK, NATIVE, VALUE } = Request;

/** A function's code in its place. */
interface Installed extends Piece {
  readonly code: Code;
  /** Offset in the code cache for each pc of the function; -1 for operand words. */
  readonly entries: Int32Array;
  /** How often each exit has been taken. */
  readonly exits: Int32Array;
  /** By the number of the exit, the caches that are filled after it. */
  readonly caches: ReadonlyMap<number, PatchPoint>;
  /** Exits since the last look. */
  recent: number;
  /** Whether what was to take its place had no room. */
  isLast: boolean;
  /** How often the function has been compiled. */
  readonly compilation: number;
}

/** Exits after which a function is compiled anew if its code has been specialised since; doubled each time. */
const PATIENCE = 64;
const COMPILATIONS_MAX = 8;

/**
 * Looks after which a function whose code was evicted is compiled again: the engine grants rounds or calls before each, and
 * counts them.
 */
const COOLING_LOOKS = 5;

/** A LOOP word whose rounds have run out. */
const RUN_OUT = OP.LOOP | -1 << 8;

const isHot = (stop: number) => stop === Stop.HOT_LOOP || stop === Stop.HOT_CALL;

/** Makes a runner over a native world. */
export function createRunner(
  world: NativeWorld,
  context: BackendContext,
  target: Target<X64Assembler, Label>,
): Runner {
  const { opcodes, count, compileHot, threshold } = context;
  const { gate, memory, resume } = world;
  I32[Control.ROUNDS] = POLL_ROUNDS;
  const installed = new Map<number, Installed>();
  const refused = new Set<number>();
  /** Looks left, of functions whose code was evicted. */
  const cooling = new Map<number, number>();
  /** How often exits of code that is gone were taken. */
  const left = new Map<string, ExitCount>();
  /** Opcodes without a template that have been told of. */
  const bare = new Set<string>();
  /** Nanoseconds of a way out of machine code and back. */
  let exitCost: number | undefined;
  const links = createLinks(memory, context.observe);
  /** How often code has been put in a place or taken from one. */
  let moves = 0;
  /** The function whose code was asked for last, and that code: exits ask twice, and one after the other for the same. */
  let asked = 0, known: Installed | undefined;
  const step = makeStep(opcodes);
  const interpret = makeInterpreter(opcodes, { count });

  return {
    run,
    compiled: () => [...installed.values()].map(({ code, exits }) => ({ code, exits })),
    exits() {
      const all = new Map(left);
      for (const piece of installed.values()) addExits(all, piece);
      return [...all.values()];
    },
    dispose() {
      for (const piece of installed.values()) {
        world.remove(piece);
        links.forget(piece);
      }
      installed.clear();
      asked = 0;
      refused.clear();
      cooling.clear();
      left.clear();
    },
  };

  /** Adds what the exits of a piece of code have counted. */
  function addExits(to: Map<string, ExitCount>, { code, exits }: Installed): void {
    const { loaded } = code.hot;
    code.exits.forEach((exit, number) => {
      if (exits[number] === 0) return;
      const key = `${loaded.word} ${exit.pc} ${exit.reason}`;
      to.set(key, { ...exit, loaded, count: exits[number] + (to.get(key)?.count ?? 0) });
    });
  }

  function tell(event: JitEvent): void {
    context.observe?.(event);
  }

  function run(machine: Machine): number {
    world.activate();
    for (;;) {
      const stop = runNative(machine);
      if (stop !== Stop.NONE) return stop;
      const reason = interpret(machine);
      if (reason === Stop.RETURNED) continue;
      if (!isHot(reason) || !becomesNative(machine, reason)) return reason;
    }
  }

  /** Whether the function that is hot has native code, or gets some now; the machine is where its counter ran out. */
  function becomesNative(machine: Machine, reason: number): boolean {
    const { proto, pc } = machine;
    if (!installed.has(proto)) {
      if (refused.has(proto)) return false;
      const looks = cooling.get(proto) ?? 0;
      if (looks > 0) {
        cooling.set(proto, looks - 1);
        return false;
      }
      const because = reason === Stop.HOT_LOOP ? "loop" : "calls";
      tell({ kind: "hot", loaded: functionAt(proto), because, pc: pc - proto - Proto.CODE });
      // Whoever wants everything hot at once wants to see all there is.
      if (!compile(proto, 1, threshold <= 1)) {
        refused.add(proto);
        return false;
      }
    }
    // The counters of native functions stay run out, so that the interpreter comes here at each call and round.
    if (reason === Stop.HOT_LOOP) I32[pc - 1] = RUN_OUT;
    else I32[proto + Proto.COUNTER] = -1;
    return true;
  }

  function compile(proto: number, compilation: number, plansLoops: boolean): boolean {
    const begin = performance.now();
    const loaded = functionAt(proto), start = proto + Proto.CODE;
    const hot = { loaded, count, plansLoops, code: I32.slice(start, start + loaded.proto.code.length) };
    const code = compileHot(hot, target);
    const place = world.place(code.bytes);
    if (place === null) {
      tell({ kind: "refused", loaded, because: `its ${code.bytes.length} bytes do not fit the code cache` });
      return false;
    }
    const { offset } = place;
    const entries = code.entries.map((entry) => entry < 0 ? -1 : offset + entry);
    const exits = new Int32Array(code.exits.length);
    const piece: Installed = {
      code,
      place,
      entries,
      exits,
      caches: new Map(code.draft.points.map((point) => [point.exit, point])),
      recent: 0,
      isLast: false,
      compilation,
      unlink: () => unlink(proto, piece),
    };
    const old = installed.get(proto);
    installed.set(proto, piece);
    asked = 0;
    moves++;
    world.add(piece);
    I32[proto + Proto.NATIVE] = entries[0];
    if (old !== undefined) {
      addExits(left, old);
      moveReturns(proto, entries);
      world.remove(old);
      links.forget(old);
    }
    links.moved(proto);
    const microseconds = (performance.now() - begin) * 1000;
    tellBare(code);
    tell({ kind: "compiled", code, offset, address: memory.address(offset), microseconds, compilation });
    return true;
  }

  /** Tells of opcodes that have no template, each once. */
  function tellBare({ hot, exits, draft }: Code): void {
    for (const { pc, reason } of exits) {
      const opcode = opcodes[hot.code[pc] & 0xFF].name;
      if (reason !== "no-template" || bare.has(opcode) || !draft.bare.has(opcode)) continue;
      bare.add(opcode);
      tell({
        kind: "no-template",
        loaded: hot.loaded,
        pc,
        opcode,
        target: target.name,
        // Measuring takes a while, so it is left to whoever wants to know.
        get nanoseconds() {
          return exitCost ??= gate.nsPerCall();
        },
      });
    }
  }

  /** Gives up a function's code, because others need the room. It has to earn its place anew. */
  function unlink(proto: number, piece: Installed): void {
    if (installed.get(proto) !== piece) return; // it has been replaced, and its successor stays
    installed.delete(proto);
    asked = 0;
    moves++;
    addExits(left, piece);
    I32[proto + Proto.NATIVE] = 0;
    cooling.set(proto, COOLING_LOOKS);
    moveReturns(proto, null);
    links.forget(piece);
    links.moved(proto);
    tell({ kind: "evicted", code: piece.code });
  }

  /** :return-places: Frames that return into the code of a function return to these entries, or to the interpreter. */
  function moveReturns(proto: number, entries: Int32Array | null): void {
    for (let record = FRAMES; record < I32[Control.FRAME_TOP]; record += FRAME_WORDS) {
      if (I32[record + 2] === proto && I32[record + 3] !== 0) {
        I32[record + 3] = entries === null ? 0 : entries[I32[record] - proto - Proto.CODE];
      }
    }
  }

  /** The code of a function, if it has some. */
  function pieceOf(proto: number): Installed | undefined {
    if (proto !== asked) {
      known = installed.get(proto);
      asked = proto;
    }
    return known;
  }

  /** Where native code for the machine's pc begins, or -1. */
  function entryOf({ pc, proto }: Machine): number {
    if (I32[proto + P_NATIVE] === 0) return -1;
    return pieceOf(proto)?.entries[pc - proto - P_CODE] ?? -1;
  }

  /** Runs native code as long as there is some for where the machine is; gives a stop, or none to interpret. */
  function runNative(machine: Machine): number {
    let entry = entryOf(machine);
    while (entry >= 0) entry = visit(machine, entry);
    return ~entry;
  }

  /**
   * Enters native code, and does what it leaves for. Gives the next entry, or the complement of a stop, which is -1 for none.
   * It is apart from the loop so that V8 makes the version of it that counts at its beginning, not in the middle of the loop;
   * and short, so that all of a native's call fits into that.
   */
  function visit(machine: Machine, entry: number): number {
    I32[TARGET] = entry;
    I32[NATIVE_BASE] = machine.base;
    gate.enter(resume);
    if (I32[FAULT_SIGNAL] !== 0) failFault();
    const pc = I32[NATIVE_PC], proto = I32[NATIVE_PROTO];
    machine.pc = pc;
    machine.base = I32[NATIVE_BASE];
    machine.proto = proto;
    const request = I32[REQUEST];
    if (request === LINK) return passCall(machine, I32[EXIT]);
    if (request !== NATIVE) return goOn(machine, serve(machine));
    // Code says where it goes on, which holds unless the native has the machine do something else first.
    const behind = I32[TARGET], before = moves;
    const stop = callAccepted(machine, I32[CALLEE], I32[ARGUMENTS]);
    if (stop !== Stop.NONE || machine.pc !== pc || machine.proto !== proto || moves !== before) {
      return goOn(machine, stop);
    }
    return --I32[ROUNDS] < 0 ? ~poll(machine) : behind;
  }

  /** Does what native code has left for, but for links and calls of natives; gives a stop. */
  function serve(machine: Machine): number {
    switch (I32[REQUEST]) {
      case STEP: {
        const { proto } = machine, piece = pieceOf(proto)!, number = I32[EXIT];
        countExit(piece, number);
        const stop = step(machine);
        // What has run in between may have brought the function other code.
        if (pieceOf(proto) === piece) learn(proto, piece, number);
        return stop;
      }
      case VALUE:
        return call(machine, I32[CALLEE], I32[ARGUMENTS]);
      case CALL:
        return --I32[machine.proto + Proto.COUNTER] < 0 ? Stop.HOT_CALL : Stop.NONE;
      case POLL:
        return poll(machine);
      default:
        return Stop.NONE;
    }
  }

  /** Where native code goes on after a stop, if it can: the entry, or the complement of the stop. */
  function goOn(machine: Machine, stop: number): number {
    if (stop !== Stop.NONE && !(isHot(stop) && becomesNative(machine, stop))) return ~stop;
    // A loop may leave in every round, and never come to where it would have a look at the outside by itself.
    if (--I32[ROUNDS] < 0) return ~poll(machine);
    return entryOf(machine);
  }

  /** Links the call that the machine is at, if its callee has machine code; gives the entry of what does it unlinked. */
  function passCall({ pc, base, proto }: Machine, number: number): number {
    const piece = pieceOf(proto)!, point = piece.code.draft.points[number];
    const word = I32[pc], isFar = (word & 0xFF) === OP.CALL_FAR;
    const window = isFar ? I32[pc + 1] : word >>> 8 & 0xFF, count = isFar ? word >>> 16 : word >>> 16 & 0xFF;
    const callee = I32[(I32[base + 2 * window] << 1) + 1];
    if (refused.has(callee) || I32[callee + Proto.ARITY] !== count) links.open(piece, point, callee);
    // Others may get machine code yet: their calls are counted.
    else if (I32[callee + Proto.NATIVE] !== 0) links.link(piece, point, callee);
    return piece.place.offset + point.places.others;
  }

  /** A loop wants a look at the outside. That is a sample of where time goes, too. */
  function poll(machine: Machine): number {
    const { pc, proto } = machine;
    // The first instruction of a function counts, and will once more when it is entered again.
    I32[ROUNDS] = pc === proto + P_CODE ? POLL_ROUNDS + 1 : POLL_ROUNDS;
    refine(proto);
    return Stop.POLL;
  }

  /** Takes note of an exit. */
  function countExit(piece: Installed, number: number): void {
    if (count) F64[Control.EXECUTED / 2]++;
    const times = ++piece.exits[number];
    if (context.observe !== undefined && (times & (times - 1)) === 0) {
      tell({ kind: "exit", code: piece.code, exit: piece.code.exits[number], count: times });
    }
  }

  /** After an exit: fills the cache that was empty, or compiles anew what has exited often, if it is known why. */
  function learn(proto: number, piece: Installed, number: number): void {
    const cache = piece.caches.get(number);
    if (cache !== undefined && fillCache(piece, cache)) return;
    if (++piece.recent < PATIENCE << piece.compilation) return;
    piece.recent = 0;
    if (piece.isLast || piece.compilation >= COMPILATIONS_MAX || !hasLearnt(proto, piece.code)) return;
    compileAgain(proto, piece, isPlanned(piece));
  }

  /** Fills the cache of a field access with what the interpreter has found, if it has; gives whether it did. */
  function fillCache(piece: Installed, point: PatchPoint): boolean {
    const { loaded, code } = piece.code.hot, { pc } = point, at = loaded.word + Proto.CODE + pc;
    const op = I32[at] & 0xFF;
    if (code[pc + 2] !== 0 || (op !== OP.GET_FIELD_STRUCT && op !== OP.SET_FIELD_STRUCT)) return false;
    return links.fill(piece, point, I32[at + 2], I32[at + 3]);
  }

  /** Code that does not fit the cache will not fit it next time either: the function stays with what it has. */
  function compileAgain(proto: number, piece: Installed, plansLoops: boolean): void {
    if (!compile(proto, piece.compilation + 1, plansLoops)) piece.isLast = true;
  }

  /** Gives the loops of a function in which time is spent a second version. */
  function refine(proto: number): void {
    const piece = installed.get(proto);
    if (piece === undefined || piece.isLast || isPlanned(piece) || !hasRounds(piece.code)) return;
    compileAgain(proto, piece, true);
  }

  /**
   * Whether it has loops, or calls no function, so that its calls are like rounds of one: others get no second version. What
   * calls natives may be in for one, if the backend knows them.
   */
  function hasRounds({ hot: { code } }: Code): boolean {
    let calls = false;
    for (let pc = 0; pc < code.length; pc += 1 + (opcodes[code[pc] & 0xFF].operands.words?.length ?? 0)) {
      if ((code[pc] & 0xFF) === OP.LOOP) return true;
      calls ||= opcodes[code[pc] & 0xFF].operands.A === "window" && (code[pc] & 0xFF) !== OP.CALL_ANY;
    }
    return !calls;
  }

  function isPlanned({ code }: Installed): boolean {
    return code.hot.plansLoops ?? false;
  }

  /** Whether instructions have been specialised since the function was compiled. */
  function hasLearnt(proto: number, { hot }: Code): boolean {
    const start = proto + Proto.CODE;
    return hot.code.some((word, pc) =>
      (I32[start + pc] & 0xFF) !== (word & 0xFF) && (word & 0xFF) !== OP.LOOP
    );
  }

  function failFault(): never {
    const fault: Fault | null = world.faults?.takeFault() ?? null;
    if (fault === null) throw new NativeFault("Native code ended by a signal that nothing is known of");
    const hit = [...installed.values()].find(({ place }) =>
      fault.offset !== null && fault.offset >= place.offset && fault.offset < place.offset + place.size
    );
    throw new NativeFault(describeFault(fault, hit?.code ?? null, hit?.place.offset ?? 0));
  }
}
