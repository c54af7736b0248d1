/**
 * What is told of what happens to hot code: a line for each event as it happens, for people or as JSON for tools, sums
 * of them all, and the lines that the Linux profiler wants. It decides how events are told and nothing else.
 *
 *     hot       fib, fib.unna:1, by its calls
 *     compiled  fib, fib.unna:1, 1014 bytes in 231 µs
 *     patched   fib, fib.unna:1, 45 holes
 *     exit      fib, fib.unna:2, pc 7, overflow, once
 *     patched   fib, fib.unna:2, pc 12, 4 holes, linked to fib
 *     compiled  fib, fib.unna:1, 1390 bytes in 310 µs, for the second time, with 1 loop in registers
 */

import type { LoadedFunction } from "./machine.ts";
import { type Code, EXIT_REASONS, type JitEvent, type JitEventOf } from "./backend.ts";
import { listLaterPatches } from "./native_views.ts";
import { dumpLine } from "./schema.ts";

/** A thing that is told: a compilation is two of them, code and what filled its holes. */
export interface Told {
  /** A word or two. */
  readonly what: string;
  readonly loaded: LoadedFunction;
  /** Place of the instruction that it is about; null for the function as a whole. */
  readonly pc: number | null;
  readonly details: string;
}

/** An event in words. */
export function tellEvent(event: JitEvent): Told[] {
  switch (event.kind) {
    case "hot": {
      const details = event.because === "loop" ? "by a loop" : "by its calls";
      return [{ what: "hot", loaded: event.loaded, pc: event.pc, details }];
    }
    case "compiled": {
      const { code, microseconds, compilation } = event, { loaded } = code.hot;
      const again = compilation === 1 ? "" : `, for the ${ordinal(compilation)} time`;
      const cost = `${code.bytes.length} bytes in ${microseconds.toFixed(0)} µs${again}${tellPlans(code)}`;
      const holes = code.draft.fixups.length;
      return [
        { what: "compiled", loaded, pc: null, details: cost },
        { what: "patched", loaded, pc: null, details: `${holes} ${holes === 1 ? "hole" : "holes"}` },
      ];
    }
    case "patched": {
      const { code, point: { pc }, because, patches: { length } } = event;
      const details = `pc ${pc}, ${length} ${length === 1 ? "hole" : "holes"}, ${because}`;
      return [{ what: "patched", loaded: code.hot.loaded, pc, details }];
    }
    case "exit": {
      const { code, exit: { pc, reason }, count } = event;
      const details = `pc ${pc}, ${reason}, ${count === 1 ? "once" : `${count} times`}`;
      return [{ what: "exit", loaded: code.hot.loaded, pc, details }];
    }
    case "no-template": {
      const { loaded, pc, opcode, target, nanoseconds } = event;
      const cost = `each execution leaves machine code, ${nanoseconds.toFixed(0)} ns`;
      return [{ what: "slow", loaded, pc, details: `${opcode} has no ${target} template: ${cost}` }];
    }
    case "refused":
      return [{ what: "gave up", loaded: event.loaded, pc: null, details: event.because }];
    case "evicted": {
      const { hot, bytes } = event.code;
      return [{ what: "evicted", loaded: hot.loaded, pc: null, details: `${bytes.length} bytes` }];
    }
  }
}

/** An event as lines of text, each with its end. */
function printEvent(event: JitEvent): string {
  return tellEvent(event).map(({ what, loaded, pc, details }) => {
    const { function: name, path, line } = place(loaded, pc);
    return `${what.padEnd(10)}${name}, ${path}:${line}, ${details}\n`;
  }).join("");
}

/** An event as lines of JSON, each with its end. */
function eventToJson(event: JitEvent): string {
  const json = (what: string, loaded: LoadedFunction, pc: number | null, details: object) => {
    const { function: functionName, path, line } = place(loaded, pc);
    return dumpLine(
      { kind: "event", path, functionName },
      JSON.stringify({ event: what, line, pc, ...details }),
    );
  };
  switch (event.kind) {
    case "hot":
      return json("hot", event.loaded, event.pc, { because: event.because });
    case "compiled": {
      const { code, microseconds, compilation } = event, { loaded } = code.hot;
      return json("compiled", loaded, null, {
        bytes: code.bytes.length,
        microseconds: Math.round(microseconds),
        compilation,
        loops: code.hot.loops?.length ?? 0,
      }) +
        json("patched", loaded, null, { holes: code.draft.fixups.length });
    }
    case "patched": {
      const { code, point, because, patches: { length } } = event;
      return json("patched", code.hot.loaded, point.pc, {
        holes: length,
        because,
        patches: listLaterPatches(event),
      });
    }
    case "exit": {
      const { code, exit, count } = event, meaning = EXIT_REASONS[exit.reason];
      return json("exit", code.hot.loaded, exit.pc, { reason: exit.reason, meaning, count });
    }
    case "no-template": {
      const { loaded, pc, opcode, target, nanoseconds } = event;
      return json("slow", loaded, pc, { opcode, target, nanoseconds: Math.round(nanoseconds) });
    }
    case "refused":
      return json("gave up", event.loaded, null, { because: event.because });
    case "evicted":
      return json("evicted", event.code.hot.loaded, null, { bytes: event.code.bytes.length });
  }
}

/** What has a second version: loops, or a function without any. */
function tellPlans({ hot: { loops = [] } }: Code): string {
  if (loops.length === 0) return "";
  if (loops[0].first === 0) return ", with its values in registers";
  return `, with ${loops.length} ${loops.length === 1 ? "loop" : "loops"} in registers`;
}

/** The function, and the line of an instruction or of its beginning. */
function place({ proto, source }: LoadedFunction, pc: number | null) {
  const offset = pc === null ? proto.start : proto.spans[2 * pc] ?? proto.start;
  return { function: proto.name, path: source.path, line: source.position(offset).line };
}

function ordinal(n: number): string {
  return n === 2 ? "second" : n === 3 ? "third" : `${n}th`;
}

/** Sums of all events of a run. */
export interface JitSums {
  /** Functions that got hot. */
  readonly hot: number;
  /** How often one was compiled. */
  readonly compilations: number;
  /** Bytes of machine code of all compilations. */
  readonly codeBytes: number;
  /** Milliseconds that compiling took. */
  readonly compileTime: number;
  /** Functions that were given up. */
  readonly refused: number;
  /** How often code had to go because others needed the room. */
  readonly evicted: number;
}

/** Where events go, beside the sums; what is left out is not made. */
export interface JitListener {
  readonly json: boolean;
  /** Takes the log. */
  log?(text: string): void;
  /** Takes lines for `perf`. */
  perf?(line: string): void;
  /** Takes each piece of code. */
  code?(code: Code): void;
  /** Takes what is changed in it later. */
  patched?(event: JitEventOf<"patched">): void;
}

/** A listener's ear, and what it has heard. */
export interface JitLog {
  observe(event: JitEvent): void;
  /** Sums since the last `clear`. */
  sums(): JitSums;
  clear(): void;
}

/** Makes a log without events. */
export function createJitLog(listener: JitListener): JitLog {
  let sums: JitSums = NO_EVENTS;
  return {
    observe(event) {
      sums = addEvent(sums, event);
      listener.log?.(listener.json ? eventToJson(event) : printEvent(event));
      if (event.kind === "patched") listener.patched?.(event);
      if (event.kind !== "compiled") return;
      listener.perf?.(printPerfLine(event.code, event.address));
      listener.code?.(event.code);
    },
    sums: () => sums,
    clear() {
      sums = NO_EVENTS;
    },
  };
}

const NO_EVENTS: JitSums = { hot: 0, compilations: 0, codeBytes: 0, compileTime: 0, refused: 0, evicted: 0 };

function addEvent(sums: JitSums, event: JitEvent): JitSums {
  switch (event.kind) {
    case "hot":
      return { ...sums, hot: sums.hot + 1 };
    case "compiled":
      return {
        ...sums,
        compilations: sums.compilations + 1,
        codeBytes: sums.codeBytes + event.code.bytes.length,
        compileTime: sums.compileTime + event.microseconds / 1000,
      };
    case "patched":
    case "exit":
    case "no-template":
      return sums;
    case "refused":
      return { ...sums, refused: sums.refused + 1 };
    case "evicted":
      return { ...sums, evicted: sums.evicted + 1 };
  }
}

/** A line of the map file of Linux `perf`: `START SIZE name`, both in hexadecimal. */
function printPerfLine({ bytes, hot }: Code, address: bigint): string {
  const { function: name, path, line } = place(hot.loaded, null);
  return `${address.toString(16)} ${bytes.length.toString(16)} ${name} ${path}:${line}\n`;
}
