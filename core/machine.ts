/**
 * The machine: register windows, frames, tasks, calls, and errors with their traces. Opcodes and natives act on it;
 * which opcodes there are, and how a program gets here, it does not know.
 *
 * A frame is a window on the value stack plus a record on the frame stack. Windows overlap, so that arguments are
 * passed without copying; the callee's own function value stays below its first register:
 *
 * ```text
 *  caller  | r0 | r1 | ... | rA = callee, later the result | rA+1 | ... | rA+n |
 *  callee                                                  | r0   | ... | rn-1 | locals ... |
 *                                                          +- base
 *  record  | return pc | base of the caller | proto word of the caller | native |   pushed by a call
 * ```
 *
 * The record's last word is the place in the code cache where a native caller goes on, 0 for the interpreter.
 *
 * :tasks: The file's body and each running call of an async function is a *task*: a contiguous slice of both stacks,
 * from the callee's slot and the record below it to the top. Whatever has to wait suspends the innermost task: its
 * slice is copied out, the caller goes on with the future as the call's result. A task that wakes is copied back on
 * top of the (by then empty) stacks, its bases shifted. Native code keeps nothing but return addresses elsewhere, so
 * this is all there is to suspending.
 */

import type { SourceFile } from "./source.ts";
import { type DetailsOf, type DiagnosticCode, type DIAGNOSTICS, messageOf } from "./diagnostics.ts";
import type { FunctionProto } from "./program.ts";
import { Proto } from "./program.ts";
import {
  Control,
  FRAME_WORDS,
  FRAMES,
  FRAMES_END,
  GLOBALS,
  GLOBALS_MAX,
  STACK,
  STACK_END,
  views,
} from "./memory.ts";
import * as value from "./value.ts";
import { copyValue, kindName, setDouble, setNil, setObject } from "./value.ts";
import {
  allocate,
  FutureState,
  HeapExhausted,
  heapLimit,
  newFuture,
  newHandle,
  newNative,
  newStruct,
  safepoint,
  setCollector,
} from "./heap.ts";
import { stringText, visitStringRoots } from "./strings.ts";
import { setNames, textOf } from "./text.ts";
import { collect, type Marker } from "./gc.ts";

const { I32 } = views;
const { HI_FUNCTION, HI_NATIVE, HI_STRUCT_TYPE, HI_EMPTY, Kind } = value;
/** Words by which the soft limit of the value stack is beyond what is in use when it is set. */
const LIMIT_STEP = 16384;

/** Why the dispatch loop was left. */
export const Stop = {
  /** Not at all: go on. */
  NONE: 0,
  /** The frame record that the run began with was popped. */
  FINISHED: 1,
  /** A loop's counter ran out; pc is behind its LOOP. */
  HOT_LOOP: 2,
  /** A function's counter ran out; pc is at its first instruction. */
  HOT_CALL: 3,
  /** The innermost task waits, and no task is below it in this run. */
  WAITING: 4,
  /** Native code has run for a while; nothing else happened. */
  POLL: 5,
  /** A function has returned to a caller that has native code. */
  RETURNED: 6,
} as const;

/** A program's module: the names of a file's globals and where they lie. */
export interface Module {
  /** Index in the process's table of modules, never used again. */
  readonly index: number;
  /** The machine that it belongs to. */
  readonly machine: Machine;
  /** The path as written in the import. */
  readonly name: string;
  /** The resolved path; relative imports are relative to its folder. */
  readonly path: string;
  /** Ref of the MODULE object. */
  readonly ref: number;
  /** Global slots by name. */
  readonly globals: Map<string, number>;
}

/** A function as loaded into linear memory. */
export interface LoadedFunction {
  /** As it was compiled. */
  readonly proto: FunctionProto;
  /** The file that it stands in. */
  readonly source: SourceFile;
  /** The module whose globals it sees. */
  readonly module: Module;
  /** Word of its PROTO in linear memory (see `Proto`). */
  readonly word: number;
  /** Calls that its counter has run through; those since its last grant come on top. */
  counted: number;
  /** The machine that runs it. */
  machine: Machine;
}

/** How often a function and its loops ran, and what its code has become. */
export interface FunctionProfile {
  /** The function. */
  readonly loaded: LoadedFunction;
  /** How often it was called. */
  readonly calls: number;
  /** By place of the LOOP word in the code. */
  readonly loops: readonly { readonly pc: number; readonly rounds: number }[];
  /** The code with specialised forms. */
  readonly code: Int32Array;
  /** Whether it is machine code now, which counts neither calls nor rounds. */
  readonly isNative: boolean;
}

/** One call in a stack trace. */
export interface TraceFrame {
  /** Name of the function that was running. */
  readonly functionName: string;
  /** Its file. */
  readonly source: SourceFile;
  /** Where in the file it was: an offset into the text, */
  readonly start: number;
  /** and the end of that construct. */
  readonly end: number;
}

/** An error of the running program. */
export class RuntimeFault extends Error {
  /** What stack traces call it. */
  override readonly name = "RuntimeFault";
  /** Its row in the table of messages. */
  readonly code: DiagnosticCode;
  /** Calls, the innermost first. */
  readonly frames: readonly TraceFrame[];
  /** `message` is the whole text, details filled in. */
  constructor(code: DiagnosticCode, message: string, frames: readonly TraceFrame[]) {
    super(message);
    this.code = code;
    this.frames = frames;
  }
}

/** Native code did what the processor forbids. The message is a report for people: where, and the code around. */
export class NativeFault extends Error {
  /** What stack traces call it. */
  override readonly name = "NativeFault";
}

/** Thrown by `exit`: the program ends at once, with this code. */
export class ProgramExit extends Error {
  /** What stack traces call it. */
  override readonly name = "ProgramExit";
  /** The exit code. */
  readonly code: number;
  /** Ends with `code`. */
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** A value type that a native can ask for in a parameter. */
export type ParamType =
  | "any"
  | "number"
  | "int"
  | "float"
  | "bool"
  | "string"
  | "array"
  | "map"
  | "function"
  | "future";

/** A parameter of a native: name and the types that it takes. */
export interface Param {
  /** What messages call it. */
  readonly name: string;
  /** The types that it takes. */
  readonly type: ParamType | readonly ParamType[];
  /** `optional`: may be left out, as all after it; `rest`: any number of further ones. */
  readonly mode?: "optional" | "rest";
}

/**
 * Natives that a backend may know, and do without calling them. The number stands in the flags of the header of their
 * NATIVE objects, so that machine code sees it.
 */
export const Intrinsic = {
  sqrt: 1,
  floor: 2,
  abs: 3,
  min: 4,
  max: 5,
  int: 6,
  float: 7,
  type: 8,
  str: 9,
  remove: 10,
  slice: 11,
} as const;

/** A native function: what programs see, and what it does: `call` in TypeScript, or `code` in the language itself. */
export interface NativeDef {
  /** The global's name; of a native of a library, `library.name`. */
  readonly name: string;
  /** What it takes, in order. */
  readonly params: readonly Param[];
  /** One sentence. */
  readonly doc: string;
  /** A program that shows it, and what that prints; run as a test. */
  readonly example: { readonly code: string; readonly output: string };
  /** Reads its arguments and gives its result through `call`; nil unless it says otherwise. */
  readonly call?: (call: NativeCall) => void;
  /**
   * In place of `call`: a function expression with a parameter for each of `params`, which is nil where the caller left it
   * out. It runs like any other function, so what it calls may wait, and both may become machine code.
   */
  readonly code?: string;
  /** Natives that `code` calls by their names, and no program sees. */
  readonly uses?: readonly NativeDef[];
  /** The {@linkcode Intrinsic} that it is, if it does exactly that. */
  readonly intrinsic?: keyof typeof Intrinsic;
}

/** A library: natives under one name, and constants. */
export interface LibraryDef {
  /** The global's name. */
  readonly name: string;
  /** One sentence. */
  readonly doc: string;
  /** Its functions. */
  readonly natives: readonly NativeDef[];
  /** Its numbers by name. */
  readonly constants?: Readonly<Record<string, number>>;
}

/** A library whose code is loaded when the first program names it. */
export interface LazyLibrary {
  /** The global's name. */
  readonly name: string;
  /** One sentence. */
  readonly doc: string;
  /** Loads it; the result has the same name. */
  load(): Promise<LibraryDef>;
}

/** What a native sees of the call it serves. Arguments are words of values; they stay rooted during the call. */
export interface NativeCall {
  /** The machine that calls. */
  readonly machine: Machine;
  /** Number of arguments. */
  readonly count: number;
  /** Word of argument `index`. */
  word(index: number): number;
  /** Word to store the result in: it holds nil before. */
  readonly result: number;
  /** Ends the call with a run-time error in the native's own words. */
  fail(message: string): never;
  /**
   * Makes the innermost task wait until `promise` settles; then `done` stores the result at the word it is given.
   * A rejection is a run-time error with the reason's message. Has to be the last thing that the native does.
   */
  wait<T>(promise: Promise<T>, done: (result: number, outcome: T) => void): void;
  /** Makes the innermost task sleep for `milliseconds`. Has to be the last thing that the native does. */
  sleep(milliseconds: number): void;
}

/** What a terminal can be used for. */
export interface TerminalInfo {
  /** Whether keys can be read one by one, and not lines only. */
  readonly hasKeys: boolean;
  /** Whether output goes to a screen, which understands control sequences. */
  readonly hasScreen: boolean;
  /** Whether output may have colours. */
  readonly hasColor: boolean;
}

/** What natives may ask of whoever runs the program. */
export interface World {
  /** Takes output of the program; the bytes are valid during the call only. */
  write(bytes: Uint8Array): void;
  /** Brings all output to where it belongs: before the program waits, or somebody else writes. */
  flush(): void;
  /** Writes a message to where errors go, behind all output so far. */
  warn(text: string): void;
  /** Shows an error with its stack trace that does not end the program. */
  report(fault: RuntimeFault): void;
  /** The next line of the program's input without its end, or null at the end. */
  readLine(): string | null | Promise<string | Uint8Array | null>;
  /**
   * Calls `stop` when somebody asks the program to end (Ctrl-C, SIGTERM), where that would end it abruptly; the next time
   * it does. Gives what takes that back.
   */
  onInterrupt(stop: () => void): () => void;
  /** Calls `restore` when the program is over, however it ends, before anything is said about it. */
  atEnd(restore: () => void): void;
  /** Whether somebody sits at a terminal. */
  readonly terminal: TerminalInfo;
  /**
   * Settles when nothing more will be loaded while the program runs, and signals are listened for. Deno clears the line of
   * the cursor and all below it whenever it loads a module, which nobody minds but who draws on the screen.
   */
  settle(): Promise<void>;
  /** The path of the main file, as it was given. */
  readonly script: string;
  /** The program's arguments. */
  readonly args: readonly string[];
  /** The absolute folder of the main file: relative paths of programs are relative to it. */
  readonly directory: string;
}

/** What the machine needs from outside. */
export interface Host {
  /** Whoever runs the program. */
  readonly world: World;
  /** Loads a module and calls its body when it is new; stores the module at `result`. */
  importModule(machine: Machine, path: string, named: boolean, result: number): number;
  /** Gives the ref of the function that the `code` of a native is. */
  compileNative(machine: Machine, def: NativeDef): number;
  /** Runs a function as a task of its own, see `Engine.callFunction`. */
  callFunction<T>(count: number, store: (slot: number) => void, take: (result: number) => T): Promise<T>;
  /** The word of a global of the main file; 0 if it has none of this name. */
  findGlobal(name: string): number;
  /** Milliseconds of a monotonic clock. */
  now(): number;
}

/** A suspended or running task. */
export interface Task {
  /** Counts up from 1 in each machine. */
  readonly id: number;
  /** Ref of the future that its end resolves; 0 for the body of a file. */
  readonly future: number;
  /** While running: word of its first frame record, and of its callee's slot. */
  frame: number;
  /** Word of the register that holds the called function. */
  slot: number;
  /** While suspended: its registers (ITEMS, 0 when running), frame records, and state. */
  registers: number;
  /** How many words of registers are kept. */
  words: number;
  /** The frame records, `FRAME_WORDS` words each. */
  records: Int32Array;
  /** Word of the instruction to go on with. */
  pc: number;
  /** Word of the window, relative to the slot. */
  base: number;
  /** The function at work. */
  proto: number;
  /** Where the awaited value goes, relative to the slot. */
  result: number;
  /** What it waits for. */
  waitingFor: Waiting;
  /** Set by the one that wakes it: stores the outcome, or throws. */
  resume: ((result: number) => void) | null;
}

/** What a task waits for; `due` is a time of the machine's clock, in milliseconds. */
export type Waiting =
  | { readonly kind: "nothing" }
  | { readonly kind: "future"; readonly ref: number }
  | { readonly kind: "host" }
  | { readonly kind: "time"; readonly due: number };

/** What is known of a future beyond its heap object: who waits for it, and why it failed. */
export interface FutureInfo {
  /** Tasks that go on when it is settled. */
  waiters: Task[];
  /** Refs of futures that take over its outcome. */
  followers: number[];
  /** Why it failed, if it did. */
  failure: RuntimeFault | null;
  /** Whether anybody has looked at the failure. */
  seen: boolean;
  /** Outside the program: called when it is settled. */
  listeners: (() => void)[];
  /** Its ref. */
  ref: number;
}

/** The state of one running program. */
export interface Machine {
  /** Word of the next instruction, the current window, and the current function; valid outside the dispatch loop,
   * and inside after `save`. */
  pc: number;
  /** Word of the current window. */
  base: number;
  /** Word of the current function. */
  proto: number;
  /** Marks where opcode bodies need `pc`, `base` and `proto` in the record; see dispatch.ts. */
  save(): void;
  /** Marks where they may have changed in the record. */
  load(): void;
  /** Takes the jump whose distance is at pc; gives a {@linkcode Stop}. */
  jump(): number;
  /** Passes over the jump distance at pc. */
  skip(): number;
  /** What the machine asks of its surroundings. */
  readonly host: Host;
  /** Values that every module starts with: words of globals, by name. */
  readonly builtins: Map<string, number>;
  /** Running tasks, the innermost last. */
  readonly running: Task[];
  /** Tasks that may go on, first come first served. */
  readonly ready: Task[];
  /** Suspended tasks, ready or not. */
  readonly suspended: Set<Task>;
  /** Futures that somebody waits for, or that failed. */
  readonly futures: Map<number, FutureInfo>;
  /** Refs that live as long as the machine. */
  readonly pinned: number[];
  /** Each closes something that the program has opened outside: called when the program is over, however it ends. */
  readonly closers: Set<() => void>;
  /** Refs of the functions that natives with `code` are, by the native's number. */
  readonly bodies: Map<number, number>;
  /** Wakes the event loop; set while it waits for the outside. */
  onWake: (() => void) | null;
  /** The number of the next task. */
  nextTask: number;
  /** The number of the next future. */
  nextFuture: number;
  /** Where `clock()` counts from. */
  readonly started: number;
}

// ---- the process's machines --------------------------------------------------------------------------------------

const functions: (LoadedFunction | undefined)[] = [];
const modules: (Module | undefined)[] = [];
const natives: NativeDef[] = [];
const nativeNumbers = new Map<NativeDef, number>();
const machines = new Set<Machine>();
let current: Machine | null = null;
let globalsUsed = 0;

I32[Control.FRAME_TOP] = FRAMES;
I32[Control.STACK_LIMIT] = STACK + LIMIT_STEP;
setCollector(() => collect(visitRoots));
setNames({
  functionName: (protoWord) => functionAt(protoWord).proto.name,
  nativeName: (index) => natives[index].name.slice(natives[index].name.lastIndexOf(".") + 1),
  moduleName: (index) => modules[index]?.name ?? "",
});

/** Loaded functions, by their id in linear memory. */
export function functionAt(protoWord: number): LoadedFunction {
  const found = functions[I32[protoWord + Proto.ID]];
  if (found === undefined) throw new Error(`No function is loaded at word ${protoWord}: this is a bug`);
  return found;
}

/** Enters a function in the table of loaded ones. */
export function registerFunction(loaded: LoadedFunction): void {
  I32[loaded.word + Proto.ID] = functions.length;
  functions.push(loaded);
}

/** All functions that a machine has loaded. */
export function functionsOf(machine: Machine): LoadedFunction[] {
  return functions.filter((f): f is LoadedFunction => f?.machine === machine);
}

/** Hands out a global slot and gives its word. */
export function newGlobal(): number {
  if (globalsUsed === GLOBALS_MAX) throw new Error("More than a million global variables in one process");
  const word = GLOBALS + globalsUsed++ * 2;
  I32[word] = 0;
  I32[word + 1] = HI_EMPTY;
  return word;
}

/** Makes a machine without modules. */
export function createMachine(host: Host): Machine {
  const machine: Machine = {
    pc: 0,
    base: STACK,
    proto: 0,
    save() {},
    load() {},
    jump: () => takeJump(machine),
    skip() {
      machine.pc++;
      return Stop.NONE;
    },
    host,
    builtins: new Map(),
    running: [],
    ready: [],
    suspended: new Set(),
    futures: new Map(),
    pinned: [],
    closers: new Set(),
    bodies: new Map(),
    onWake: null,
    nextTask: 1,
    nextFuture: 1,
    started: host.now(),
  };
  machines.add(machine);
  return machine;
}

/**
 * A jump. Backward ones count down in the LOOP word that they lead to, and land behind it; the count stands in the
 * word's upper 24 bits, so it has run out when the word is negative.
 */
function takeJump(machine: Machine): number {
  const distance = I32[machine.pc];
  machine.pc += distance;
  if (distance >= 0) return Stop.NONE;
  const left = I32[machine.pc] - 256 | 0;
  I32[machine.pc++] = left;
  return left < 0 ? Stop.HOT_LOOP : Stop.NONE;
}

/** Drops all that a machine holds, so that the next collection frees it. The machine cannot be used any more. */
export function disposeMachine(machine: Machine): void {
  closeAll(machine);
  for (const [index, module] of modules.entries()) {
    if (module?.machine !== machine) continue;
    for (const word of module.globals.values()) setNil(word);
    modules[index] = undefined;
  }
  for (const word of machine.builtins.values()) setNil(word);
  for (let id = 0; id < functions.length; id++) {
    if (functions[id]?.machine === machine) functions[id] = undefined;
  }
  machines.delete(machine);
}

/** Whether {@linkcode disposeMachine} has been at work: no object of the machine may be touched any more. */
export function isDisposed(machine: Machine): boolean {
  return !machines.has(machine);
}

/** Closes what the program has left open outside. */
export function closeAll({ closers }: Machine): void {
  for (const close of closers) close();
  closers.clear();
}

/** Makes a module with no globals yet. */
export function newModule(machine: Machine, name: string, path: string): Module {
  const index = modules.length;
  const module: Module = {
    index,
    machine,
    name,
    path,
    ref: newHandle(Kind.MODULE, index),
    globals: new Map(),
  };
  machine.pinned.push(module.ref);
  modules.push(module);
  return module;
}

/** The module that a MODULE object stands for. */
export function moduleAt(ref: number): Module {
  const module = modules[I32[(ref << 1) + 1]];
  if (module === undefined) throw new Error(`No module is at ${ref}: this is a bug`);
  return module;
}

/** The word of a module's global, made on first use with the builtin of that name as its value. */
export function globalOf(machine: Machine, module: Module, name: string): number {
  let word = module.globals.get(name);
  if (word === undefined) {
    word = newGlobal();
    module.globals.set(name, word);
    const builtin = machine.builtins.get(name);
    if (builtin !== undefined) copyValue(word, builtin);
  }
  return word;
}

/** Gives every module of the machine the native as a global, or as a member of the library `module`. */
export function defineNative(machine: Machine, def: NativeDef, module?: Module): void {
  let number = nativeNumbers.get(def);
  if (number === undefined) {
    number = natives.length;
    natives.push(def);
    nativeNumbers.set(def, number);
  }
  const word = newGlobal();
  const ref = newNativeOf(def, number);
  if (def.intrinsic !== undefined) I32[ref << 1] |= Intrinsic[def.intrinsic] << 8;
  setObject(word, Kind.NATIVE, ref);
  if (module === undefined) machine.builtins.set(def.name, word);
  else module.globals.set(def.name.slice(def.name.lastIndexOf(".") + 1), word);
}

/** Makes a library a predefined global of every module. */
export function defineLibrary(machine: Machine, library: LibraryDef): Module {
  const module = newModule(machine, library.name, "");
  for (const native of library.natives) defineNative(machine, native, module);
  for (const [name, constant] of Object.entries(library.constants ?? {})) {
    const word = newGlobal();
    setDouble(word, constant);
    module.globals.set(name, word);
  }
  const word = newGlobal();
  setObject(word, Kind.MODULE, module.ref);
  machine.builtins.set(library.name, word);
  return module;
}

// ---- roots -------------------------------------------------------------------------------------------------------

/** Word above the registers in use. */
function stackTop(): number {
  return current === null ? STACK : current.base + I32[current.proto + Proto.FRAME];
}

function visitRoots(marker: Marker): void {
  const top = stackTop();
  marker.visitValues(STACK, top);
  // :stale-registers: Registers of calls to come are visited before they are written, and must not hold what was freed.
  I32.fill(0, top, Math.max(top, I32[Control.STACK_LIMIT]));
  I32[Control.STACK_LIMIT] = Math.min(STACK_END, top + LIMIT_STEP);
  marker.visitValues(GLOBALS, GLOBALS + globalsUsed * 2);
  visitStringRoots(marker);
  for (const machine of machines) {
    for (const ref of machine.pinned) marker.visitRef(ref);
    for (const task of machine.running) marker.visitRef(task.future);
    for (const task of machine.suspended) {
      marker.visitRef(task.future);
      if (task.waitingFor.kind === "future") marker.visitRef(task.waitingFor.ref);
      if (task.registers !== 0) {
        marker.visitRef(task.registers - 1);
        marker.visitValues(task.registers << 1, (task.registers << 1) + task.words);
      }
    }
    for (const info of machine.futures.values()) {
      marker.visitRef(info.ref);
      for (const ref of info.followers) marker.visitRef(ref);
    }
  }
  if (stubs.proto !== 0) marker.visitRef(I32[stubs.proto]);
  for (const loaded of functions) {
    if (loaded !== undefined) marker.visitRef(I32[loaded.word]);
  }
}

// ---- errors ------------------------------------------------------------------------------------------------------

/** The code of a message that running programs can bring about. */
type FaultCode = Extract<DiagnosticCode, `U09${string}`>;

/** What the text of a run-time error takes. */
type FaultDetails<Code extends FaultCode> = DetailsOf<(typeof DIAGNOSTICS)[Code]>;

/** Ends the current instruction with a run-time error. The machine's state must have been saved. */
export function fail<Code extends FaultCode>(
  machine: Machine,
  code: Code,
  ...details: FaultDetails<Code>
): never {
  throw makeFault(machine, code, ...details);
}

/** The run-time error that {@linkcode fail} throws, for those who come after the instruction has ended. */
export function makeFault<Code extends FaultCode>(
  machine: Machine,
  code: Code,
  ...details: FaultDetails<Code>
): RuntimeFault {
  return new RuntimeFault(code, messageOf(code, ...details), trace(machine));
}

/** The calls in progress, the innermost first. */
export function trace(machine: Machine): TraceFrame[] {
  const frames: TraceFrame[] = [];
  let pc = machine.pc, proto = machine.proto;
  for (let record = I32[Control.FRAME_TOP];;) {
    const loaded = functions[I32[proto + Proto.ID]];
    if (loaded !== undefined) frames.push(traceFrame(loaded, pc));
    record -= FRAME_WORDS;
    if (record < FRAMES) return frames;
    pc = I32[record];
    proto = I32[record + 2];
    if (proto === 0) return frames;
  }
}

function traceFrame(loaded: LoadedFunction, pc: number): TraceFrame {
  // pc is past the instruction's first word, so the word before it belongs to the instruction.
  const index = Math.max(0, pc - 1 - (loaded.word + Proto.CODE));
  const { spans, name, start } = loaded.proto;
  return {
    functionName: name,
    source: loaded.source,
    start: spans[2 * index] ?? start,
    end: spans[2 * index + 1] ?? start,
  };
}

/** `Cannot apply '-' to string and int.` */
export function failOperands(machine: Machine, op: string, a: number, b: number): never {
  fail(machine, "U0903", { op, left: kindName(a), right: kindName(b) });
}

/** `Cannot use nil as a map key.`; the only number that is none is nan. */
export function failKey(machine: Machine, word: number): never {
  fail(machine, "U0912", { kind: value.isDouble(I32[word + 1]) ? "nan" : kindName(word) });
}

// ---- calls -------------------------------------------------------------------------------------------------------

/**
 * Calls the value in the register at word `callee` with the `count` values after it; what is called goes on in the
 * dispatch loop, or is done at once when it needs none. The state must have been saved with pc behind the call.
 * Gives a {@linkcode Stop}.
 */
export function call(machine: Machine, callee: number, count: number): number {
  switch (I32[callee + 1]) {
    case HI_FUNCTION: {
      const proto = I32[(I32[callee] << 1) + 1], arity = I32[proto + Proto.ARITY];
      if (arity < 0) return callAsync(machine, callee, proto, -1 - arity, count);
      if (arity !== count) fail(machine, "U0904", { expected: arity, got: count });
      enter(machine, callee, proto, machine.pc, machine.base, machine.proto);
      return --I32[proto + Proto.COUNTER] < 0 ? Stop.HOT_CALL : Stop.NONE;
    }
    case HI_NATIVE:
      return callNative(machine, callee, count);
    case HI_STRUCT_TYPE: {
      const type = I32[callee], fields = I32[(type << 1) + 1];
      if (fields !== count) {
        const name = stringText(I32[(type << 1) + 2]);
        fail(machine, "U0905", { name, expected: fields, got: count });
      }
      safepoint(1 + fields);
      setObject(callee, Kind.STRUCT, newStruct(type, callee + 2));
      return Stop.NONE;
    }
    default: {
      const hi = I32[callee + 1];
      return fail(machine, "U0906", { object: hi >> 16 === -4 && hi !== value.HI_INT64 });
    }
  }
}

/** Pushes a frame record and makes the function at `proto`, its value at `callee`, the current one. */
function enter(
  machine: Machine,
  callee: number,
  proto: number,
  pc: number,
  base: number,
  caller: number,
): void {
  const top = I32[Control.FRAME_TOP], window = callee + 2;
  if (top >= FRAMES_END || window + I32[proto + Proto.FRAME] > STACK_END) fail(machine, "U0918");
  reserveRegisters(window + I32[proto + Proto.FRAME]);
  I32[top] = pc;
  I32[top + 1] = base;
  I32[top + 2] = caller;
  I32[top + 3] = 0;
  I32[Control.FRAME_TOP] = top + FRAME_WORDS;
  machine.base = window;
  machine.proto = proto;
  machine.pc = proto + Proto.CODE;
}

/**
 * :soft-limit: The limit that calls check is raised in steps, and lowered by the collector: whatever lies above it has
 * not been written since the collector last wiped it.
 */
function reserveRegisters(end: number): void {
  if (end > I32[Control.STACK_LIMIT]) I32[Control.STACK_LIMIT] = Math.min(STACK_END, end + LIMIT_STEP);
}

/** A {@linkcode NativeCall} as the machine holds it. */
interface CallContext extends NativeCall {
  machine: Machine;
  count: number;
  result: number;
  /** What the call gives: a {@linkcode Stop}. */
  stop: number;
  /** Whether a promise will come back to it. */
  waits: boolean;
}

/** The context of the last call, for the next one: most natives are over before another one begins. */
let spare: CallContext | null = null;

function makeContext(machine: Machine): CallContext {
  const context: CallContext = {
    machine,
    count: 0,
    result: 0,
    stop: Stop.NONE,
    waits: false,
    word: (index) => context.result + 2 + index * 2,
    fail: (message) => fail(context.machine, "U0924", { message }),
    wait: (promise, done) => {
      context.waits = true;
      context.stop = waitFor(context.machine, context.result, promise, done);
    },
    sleep: (milliseconds) => {
      const { machine, result } = context;
      context.stop = suspend(machine, result, { kind: "time", due: machine.host.now() + milliseconds });
    },
  };
  return context;
}

function callNative(machine: Machine, callee: number, count: number): number {
  checkArguments(machine, callee, count);
  return callAccepted(machine, callee, count);
}

/** Calls the native in the register at word `callee`, which is known to take the `count` values after it; see {@linkcode call}. */
export function callAccepted(machine: Machine, callee: number, count: number): number {
  const number = I32[(I32[callee] << 1) + 1], def = natives[number];
  if (def.call === undefined) return call(machine, callee, unfold(machine, number, callee, count));
  // A native that calls back leaves none to the natives below it; one that fails, none to the next.
  const context = spare ?? makeContext(machine);
  spare = null;
  context.machine = machine;
  context.count = count;
  context.result = callee;
  context.stop = Stop.NONE;
  setNil(callee);
  def.call(context);
  if (!context.waits) spare = context;
  return context.stop;
}

/** The window of the caller covers the arguments, so they are rooted. */
function checkArguments(machine: Machine, callee: number, count: number): void {
  const native = I32[callee] << 1;
  if (acceptsArguments(native, callee + 2, count)) return;
  failArguments(
    machine,
    natives[I32[native + 1]],
    Array.from({ length: count }, (_, i) => callee + 2 + i * 2),
  );
}

/**
 * Puts the function that a native of the language is in its place, and nil for the arguments that were left out. Gives the
 * number of arguments then.
 */
function unfold(machine: Machine, number: number, callee: number, count: number): number {
  const def = natives[number], first = callee + 2, { length } = def.params;
  let ref = machine.bodies.get(number);
  if (ref === undefined) {
    ref = machine.host.compileNative(machine, def);
    machine.pinned.push(ref);
    machine.bodies.set(number, ref);
  }
  reserveRegisters(first + length * 2);
  for (let i = count; i < length; i++) setNil(first + i * 2);
  setObject(callee, Kind.FUNCTION, ref);
  return length;
}

/** More arguments than the widest call instruction can count. */
const ARGUMENTS_MAX = 0xFFFF;

// Sets of types: a bit for each type's number.
const INT_SET = 1 << Kind.INT64, FLOAT_SET = 1 << value.TypeNumber.FLOAT;
const TYPE_SETS: Readonly<Record<ParamType, number>> = {
  any: -1,
  number: INT_SET | FLOAT_SET,
  int: INT_SET,
  float: FLOAT_SET,
  bool: 1 << value.TypeNumber.BOOL,
  string: 1 << Kind.STRING,
  array: 1 << Kind.ARRAY,
  map: 1 << Kind.MAP,
  function: 1 << Kind.FUNCTION | 1 << Kind.NATIVE,
  future: 1 << Kind.FUTURE,
};

/** The object of a native: what it takes stands in it, for the check at each call. */
function newNativeOf({ params }: NativeDef, number: number): number {
  const sets: number[] = [];
  let least = 0, most = params.length;
  for (const { type, mode } of params) {
    let set = 0;
    for (const each of typeof type === "string" ? [type] : type) set |= TYPE_SETS[each];
    sets.push(set);
    if (mode === undefined) least++;
    else if (mode === "rest") most = ARGUMENTS_MAX;
  }
  return newNative(number, least, most, sets);
}

/** Whether the native whose object is at word `native` takes the `count` values from word `first` on. */
function acceptsArguments(native: number, first: number, count: number): boolean {
  const limits = I32[native + 2];
  if (count < (limits & 0xFFFF) || count > limits >>> 16) return false;
  const last = native + 3 + I32[native + 3];
  for (let i = 0, set = native + 4; i < count; i++, set = Math.min(set + 1, last)) {
    if ((I32[set] >>> value.typeNumber(I32[first + i * 2 + 1]) & 1) === 0) return false;
  }
  return true;
}

/** How a native's signature reads in messages and docs: `slice(x: string | array, from: int, to?: int)`. */
export function printSignature(def: NativeDef): string {
  const params = def.params.map((p) => {
    const mark = p.mode === "optional" ? "?" : "";
    return `${p.mode === "rest" ? "..." : ""}${p.name}${mark}: ${
      typeof p.type === "string" ? p.type : p.type.join(" | ")
    }`;
  });
  return `${def.name}(${params.join(", ")})`;
}

/** Ends the call of a native with values that it does not take, which are at these words. */
function failArguments(machine: Machine, def: NativeDef, words: readonly number[]): never {
  const { name } = def, expects = printSignature(def).slice(name.length);
  fail(machine, "U0922", { name, expects, got: `(${words.map(kindName).join(", ")})` });
}

/** Ends an opcode that stands for a call of the builtin `name` as that call would have ended. */
export function failBuiltin(machine: Machine, name: string, ...words: readonly number[]): never {
  const word = machine.builtins.get(name);
  if (word === undefined) throw new Error(`There is no builtin ${name} to stand for: this is a bug`);
  failArguments(machine, natives[I32[(I32[word] << 1) + 1]], words);
}

// ---- tasks -------------------------------------------------------------------------------------------------------

/** Words of the code that ends runs and tasks; set once by the engine, see `stubs` there. */
export const stubs: { finish: number; taskEnd: number; proto: number } = { finish: 0, taskEnd: 0, proto: 0 };

/** What a running task has instead of copied frame records. */
const NO_RECORDS = new Int32Array(0);

/** About what a suspended task takes outside the heap. */
const TASK_BYTES = 1024;

/** Begins a task: two records, one for the caller of the task, one that leads to the code at its end. */
function beginTask(machine: Machine, callee: number, proto: number, future: number): void {
  const frame = I32[Control.FRAME_TOP];
  if (frame + FRAME_WORDS >= FRAMES_END) fail(machine, "U0918");
  I32[frame] = machine.pc;
  I32[frame + 1] = machine.base;
  I32[frame + 2] = machine.proto;
  I32[frame + 3] = 0;
  I32[Control.FRAME_TOP] = frame + FRAME_WORDS;
  enter(machine, callee, proto, stubs.taskEnd, callee + 2, stubs.proto);
  machine.running.push({
    id: machine.nextTask++,
    future,
    frame,
    slot: callee,
    registers: 0,
    words: 0,
    records: NO_RECORDS,
    pc: 0,
    base: 0,
    proto: 0,
    result: 0,
    waitingFor: { kind: "nothing" },
    resume: null,
  });
}

function callAsync(machine: Machine, callee: number, proto: number, arity: number, count: number): number {
  if (arity !== count) fail(machine, "U0904", { expected: arity, got: count });
  safepoint(3);
  beginTask(machine, callee, proto, newFuture(machine.nextFuture++));
  return --I32[proto + Proto.COUNTER] < 0 ? Stop.HOT_CALL : Stop.NONE;
}

/**
 * Ends the innermost task with the value in its callee's slot, and goes back to the task's caller, who finds the
 * future there. Run by the TASK_END instruction.
 */
export function endTask(machine: Machine): void {
  const task = machine.running.pop();
  if (task === undefined) throw new Error("A task ended that had not begun: this is a bug");
  if (task.future !== 0) {
    resolve(machine, task.future, task.slot);
    setObject(task.slot, Kind.FUTURE, task.future);
  }
  popTask(machine, task);
}

function popTask(machine: Machine, task: Task): void {
  I32[Control.FRAME_TOP] = task.frame;
  machine.pc = I32[task.frame];
  machine.base = I32[task.frame + 1];
  machine.proto = I32[task.frame + 2];
}

function infoOf(machine: Machine, ref: number): FutureInfo {
  const id = I32[(ref << 1) + 4];
  let info = machine.futures.get(id);
  if (info === undefined) {
    info = { waiters: [], followers: [], failure: null, seen: false, listeners: [], ref };
    machine.futures.set(id, info);
  }
  return info;
}

/** Gives a pending future the value at `word`; a future as value hands on its own outcome. */
function resolve(machine: Machine, ref: number, word: number): void {
  if (I32[word + 1] === value.HI_FUTURE) {
    const inner = I32[word];
    switch (I32[(inner << 1) + 1]) {
      case FutureState.PENDING:
        infoOf(machine, inner).followers.push(ref);
        return;
      case FutureState.FAILED:
        rejectFuture(machine, ref, failureOf(machine, inner));
        return;
      default:
        word = (inner << 1) + 2;
    }
  }
  I32[(ref << 1) + 1] = FutureState.DONE;
  copyValue((ref << 1) + 2, word);
  settle(machine, ref);
}

function rejectFuture(machine: Machine, ref: number, failure: RuntimeFault): void {
  I32[(ref << 1) + 1] = FutureState.FAILED;
  const info = infoOf(machine, ref);
  info.failure = failure;
  settle(machine, ref);
}

/** Wakes those who wait for a future that has its outcome now. */
function settle(machine: Machine, ref: number): void {
  const id = I32[(ref << 1) + 4], info = machine.futures.get(id);
  if (info === undefined) return;
  const { waiters, followers, listeners } = info;
  info.waiters = [];
  info.followers = [];
  info.listeners = [];
  for (const listener of listeners) listener();
  for (const task of waiters) wake(machine, task, (word) => takeOutcome(machine, word, ref));
  for (const follower of followers) {
    if (info.failure !== null) {
      info.seen = true;
      rejectFuture(machine, follower, info.failure);
    } else resolve(machine, follower, (ref << 1) + 2);
  }
  if (info.failure === null) machine.futures.delete(id);
}

/** Waits, outside the program, for a pending future to be settled. */
export function whenSettled(machine: Machine, ref: number): Promise<void> {
  return new Promise((resolve) => infoOf(machine, ref).listeners.push(resolve));
}

function failureOf(machine: Machine, ref: number): RuntimeFault {
  const info = infoOf(machine, ref);
  info.seen = true;
  if (info.failure === null) throw new Error("A failed future has no failure: this is a bug");
  return info.failure;
}

/** Stores the value of a future that is done; throws the failure of one that failed. */
function takeOutcome(machine: Machine, word: number, ref: number): void {
  if (I32[(ref << 1) + 1] === FutureState.FAILED) throw failureOf(machine, ref);
  copyValue(word, (ref << 1) + 2);
}

/** `R[to] = await R[from]`; gives a {@linkcode Stop}. */
export function awaitValue(machine: Machine, to: number, from: number): number {
  if (I32[from + 1] !== value.HI_FUTURE) {
    copyValue(to, from);
    return Stop.NONE;
  }
  const ref = I32[from];
  if (I32[(ref << 1) + 1] !== FutureState.PENDING) {
    takeOutcome(machine, to, ref);
    return Stop.NONE;
  }
  const task = machine.running.at(-1);
  const stop = suspend(machine, to, { kind: "future", ref });
  infoOf(machine, ref).waiters.push(task!);
  return stop;
}

/**
 * Takes the innermost task off the stacks, to be woken later: its result is then stored at `result`. Its caller goes
 * on with the future; when it was the first task of this run, there is none, and the run stops.
 */
function suspend(machine: Machine, result: number, waitingFor: Waiting): number {
  // What a task takes outside the heap counts as well: programs that start tasks for ever have to end.
  if (machine.suspended.size * TASK_BYTES > heapLimit()) throw new HeapExhausted();
  const task = machine.running.at(-1);
  if (task === undefined) {
    fail(machine, "U0924", {
      message: "Cannot wait here: the function was called by a native that needs its result at once.",
    });
  }
  const top = stackTop(), words = top - task.slot;
  safepoint(1 + words / 2);
  task.registers = allocate(Kind.ITEMS, 1 + words / 2) + 1;
  task.words = words;
  I32.copyWithin(task.registers << 1, task.slot, top);
  task.records = I32.slice(task.frame + FRAME_WORDS, I32[Control.FRAME_TOP]);
  task.pc = machine.pc;
  task.base = machine.base - task.slot;
  task.proto = machine.proto;
  task.result = result - task.slot;
  task.waitingFor = waitingFor;
  for (let at = 0; at < task.records.length; at += FRAME_WORDS) {
    task.records[at + 1] -= task.slot;
    task.records[at + 3] = 0; // native code may be gone by the time it wakes
  }
  machine.running.pop();
  machine.suspended.add(task);
  popTask(machine, task);
  if (task.future === 0) return Stop.WAITING;
  setObject(task.slot, Kind.FUTURE, task.future);
  return machine.pc === stubs.finish ? Stop.WAITING : Stop.NONE;
}

/**
 * Suspends the innermost task until `promise` settles; then `done` stores the result at the word it is given, or calls
 * something. A rejection is a run-time error with the reason's message. Gives a {@linkcode Stop}.
 */
export function waitFor<T>(
  machine: Machine,
  result: number,
  promise: Promise<T>,
  done: (result: number, outcome: T) => void,
): number {
  const task = machine.running.at(-1)!;
  const stop = suspend(machine, result, { kind: "host" });
  promise.then(
    (outcome) => wake(machine, task, (word) => done(word, outcome)),
    (error: unknown) =>
      wake(machine, task, () => {
        fail(machine, "U0924", { message: error instanceof Error ? error.message : String(error) });
      }),
  );
  return stop;
}

/** Lets a suspended task go on in its turn; `resume` stores the outcome at the word it is given, or throws. */
export function wake(machine: Machine, task: Task, resume: (result: number) => void): void {
  if (!machine.suspended.has(task)) return; // it was dropped while the host was at work
  task.resume = resume;
  task.waitingFor = { kind: "nothing" };
  machine.ready.push(task);
  machine.onWake?.();
}

/** Lets a task that waits for what can never happen go on with an error. */
export function failWaiting(machine: Machine, task: Task): void {
  if (task.waitingFor.kind === "future") {
    // Its own failure may settle this very future, which must not wake it again.
    const info = infoOf(machine, task.waitingFor.ref);
    info.waiters = info.waiters.filter((waiter) => waiter !== task);
  }
  wake(machine, task, () => fail(machine, "U0920"));
}

/** Puts a task that was woken back on the stacks, and stores its outcome; throws what the outcome throws. */
export function restoreTask(machine: Machine, task: Task): void {
  machine.suspended.delete(task);
  const slot = stackTop(), frame = I32[Control.FRAME_TOP];
  if (slot + task.words > STACK_END || frame + task.records.length + FRAME_WORDS > FRAMES_END) {
    throw new Error("A task that was suspended no longer fits the stack: this is a bug");
  }
  reserveRegisters(slot + task.words);
  I32.copyWithin(slot, task.registers << 1, (task.registers << 1) + task.words);
  I32[frame] = stubs.finish;
  I32[frame + 1] = machine.base;
  I32[frame + 2] = machine.proto;
  I32[frame + 3] = 0;
  I32.set(task.records, frame + FRAME_WORDS);
  for (
    let at = frame + FRAME_WORDS + 1, end = frame + FRAME_WORDS + task.records.length;
    at < end;
    at += FRAME_WORDS
  ) {
    I32[at] += slot;
  }
  I32[Control.FRAME_TOP] = frame + FRAME_WORDS + task.records.length;
  task.frame = frame;
  task.slot = slot;
  task.registers = 0;
  task.records = NO_RECORDS;
  machine.pc = task.pc;
  machine.base = slot + task.base;
  machine.proto = task.proto;
  machine.running.push(task);
  const resume = task.resume;
  task.resume = null;
  resume?.(slot + task.result);
}

/**
 * Ends the innermost task with a failure: its future has failed, its caller goes on. Gives false when it was the body
 * of a file, whose failure is the program's.
 */
export function failTask(machine: Machine, fault: RuntimeFault): boolean {
  const task = machine.running.pop();
  if (task === undefined) return false;
  popTask(machine, task);
  if (task.future === 0) return false;
  rejectFuture(machine, task.future, fault);
  setObject(task.slot, Kind.FUTURE, task.future);
  return true;
}

/** Failures that nobody has awaited, in the order of the calls. */
export function unseenFailures(machine: Machine): RuntimeFault[] {
  return [...machine.futures.values()].filter((info) => info.failure !== null && !info.seen).map((info) =>
    info.failure!
  );
}

/** Makes a machine run on top of what runs already; gives what puts everything back, to be called in the end. */
export function enterMachine(machine: Machine): () => void {
  const outer = current;
  const { pc, base, proto } = machine;
  const top = stackTop(), frames = I32[Control.FRAME_TOP];
  machine.base = top;
  machine.proto = stubs.proto;
  machine.pc = stubs.finish;
  current = machine;
  return () => {
    current = outer;
    I32[Control.FRAME_TOP] = frames;
    machine.pc = pc;
    machine.base = base;
    machine.proto = proto;
  };
}

/** Begins the task of a file's body: a function of no parameters, its value at `callee`, one slot above the top. */
export function beginBody(machine: Machine, functionRef: number): void {
  const callee = stackTop();
  reserveRegisters(callee + 2);
  setObject(callee, Kind.FUNCTION, functionRef);
  beginTask(machine, callee, I32[(functionRef << 1) + 1], 0);
}

/**
 * Calls a function from outside a program: its future will have the result. `store` writes the function at the word that
 * it is given, and `count` arguments after it. Gives a {@linkcode Stop}.
 */
export function beginCall(
  machine: Machine,
  count: number,
  store: (slot: number) => void,
  future: number,
): number {
  const slot = stackTop();
  reserveRegisters(slot + 2 + count * 2);
  // The window of the run covers callee and arguments while they are stored, and if a native is called.
  const base = machine.base;
  machine.base = slot + 2 + count * 2;
  store(slot);
  try {
    const native = I32[slot + 1] === HI_NATIVE ? I32[(I32[slot] << 1) + 1] : -1;
    if (native >= 0 && natives[native].call === undefined) {
      checkArguments(machine, slot, count);
      count = unfold(machine, native, slot, count);
    }
    machine.base = base;
    const proto = I32[slot + 1] === HI_FUNCTION ? I32[(I32[slot] << 1) + 1] : 0;
    const arity = proto === 0 ? NaN : I32[proto + Proto.ARITY];
    // A function runs as the task that settles the future, an async one (-1 - arity) just as well.
    if (arity === count || arity === -1 - count) {
      beginTask(machine, slot, proto, future);
      return Stop.NONE;
    }
    const stop = call(machine, slot, count);
    resolve(machine, future, slot);
    return stop;
  } catch (error) {
    if (!(error instanceof RuntimeFault)) throw error;
    rejectFuture(machine, future, error);
    return Stop.WAITING;
  }
}

/** Calls the body of a module as part of the current task; the state must have been saved with pc behind the import. */
export function callBody(machine: Machine, functionRef: number): void {
  const callee = stackTop();
  reserveRegisters(callee + 2);
  setObject(callee, Kind.FUNCTION, functionRef);
  enter(machine, callee, I32[(functionRef << 1) + 1], machine.pc, machine.base, machine.proto);
}

// ---- output ------------------------------------------------------------------------------------------------------

/** Prints the text of the value at `word`, and a line feed. */
export function printValue(machine: Machine, word: number): void {
  const { world } = machine.host;
  world.write(textOf(word));
  world.write(LINE_FEED);
}

const LINE_FEED = new Uint8Array([10]);
