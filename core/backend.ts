/**
 * What a backend is: a way of running code. The engine hands it a machine and is told why it came back; everything
 * else (modules, tasks, counters) is the engine's. One backend needs nothing of the system and is always there, the
 * interpreter; others may exist only on some machines, which their `probe` answers. This file knows none of them.
 */

import type { LoadedFunction, Machine } from "./machine.ts";
import type { OpcodeDef } from "./opcodes.ts";

/** Whether a backend can work here, and if not, why. */
export type Probe = { readonly ok: true } | { readonly ok: false; readonly because: string };

// ---- native code -------------------------------------------------------------------------------------------------

/** Why native code leaves an instruction to the interpreter. */
export const EXIT_REASONS = {
  "no-template": "the backend has no template for this opcode, or for what its operands are known to be",
  "not-int": "an operand is no integer of 48 bits",
  "not-double": "an operand is no float",
  "not-numbers": "an operand is no number",
  "not-simple": "the operands are objects, floats or large integers",
  "overflow": "the result does not fit 48 bits",
  "division": "the divisor is 0",
  "unset": "the global has no value",
  "allocation": "the free memory at hand is used up",
  "growth": "the array has no room left, or it is none",
  "not-array-item": "it is no array, or has no such item",
  "not-container": "it is neither array nor string nor map",
  "not-key": "the value cannot be a key, or the map has to make more room than there is",
  "not-cached": "the object is of another type than the one before",
  "waiting": "the future has no result yet",
  "not-function": "what is called is no function with that many parameters, or the stack has to grow",
} as const;

/** A word for why native code leaves. */
export type ExitReason = keyof typeof EXIT_REASONS;

/** An instruction as its template sees it. `L` is the target's type of a label. */
export interface Site<L = unknown> {
  /** Operands as the row's kinds have them: numbers of registers and constants, or plain numbers. */
  readonly a: number;
  /** The second operand. */
  readonly b: number;
  /** The third one. */
  readonly c: number;
  /** Operand word `index` behind the instruction word. */
  word(index: number): number;
  /** The two words of constant `n`. */
  constant(n: number): { readonly low: number; readonly high: number };
  /** The function's proto word. */
  readonly proto: number;
  /** The word of the next instruction. */
  readonly nextPc: number;
  /** The next instruction. */
  readonly next: L;
  /** Where the instruction jumps to. */
  readonly target: L;
  /** Whether that is backward. */
  readonly backward: boolean;
  /** A place that leaves this instruction to the interpreter. */
  exit(reason: ExitReason): L;
  /** A place that leaves for a look at the outside, at the instruction's target; at itself, if it does not jump. */
  poll(): L;
  /** Lets `write` write code that stands behind all instructions, where what is rare is not in the way. */
  outside(write: () => void): void;
  /**
   * Announces that code of this instruction will be patched when it has run: a call to be linked, or a cache that is
   * filled after an exit for this reason.
   */
  patchPoint(kind: "call"): PatchPointWriter<L>;
  /** The same for a cache. */
  patchPoint(kind: "field", reason: ExitReason): PatchPointWriter<L>;
}

/** What a template says of code that will be patched. */
export interface PatchPointWriter<L> {
  /** The place by which it leaves to be patched. */
  readonly exit: L;
  /** The last four bytes that were written are a hole for this. */
  hole(name: string): void;
  /** What is written next is the code for this. */
  place(name: string): void;
}

/** Writes the code of one instruction. */
export type Template<A, L> = (asm: A, site: Site<L>) => void;

/** A template for each opcode, or the word that the interpreter does it. */
export type Templates<A, L, N extends string = string> = { readonly [K in N]: Template<A, L> | "exit" };

/** Templates of any target, as plugins bring them; the target's own kit gives them their types. */
// deno-lint-ignore no-explicit-any
export type AnyTemplates = { readonly [opcode: string]: Template<any, any> | "exit" };

// ---- loops whose values live in machine registers ----------------------------------------------------------------

/**
 * The types of values that machine registers hold unboxed: numbers, and by their addresses arrays and structs of one type.
 * A number stands for the structs that name this object as their type.
 */
export type HomeType = "int" | "double" | "array" | number;

/** The kinds of machine registers: those for doubles, and those for all else. */
export type RegisterClass = "general" | "float";

/** An operand of an instruction, or a register beside one. */
export type Place = "a" | "a+1" | "a+2" | "b" | "c";

/** What is known of an instruction's operands. */
export interface LoopFacts {
  /** The type of the value in a register, if it is known. */
  known(place: Place): HomeType | null;
  /** Operand B as it stands in the instruction. */
  readonly b: number;
  /** The operand word of this index. */
  word(index: number): number;
  /** What a register most likely holds, if it has been read from memory shortly before: what stands there now. */
  guess(place: Place): { readonly low: number; readonly high: number } | null;
  /** The two words of the constant that an operand names. */
  constant(place: Place): { readonly low: number; readonly high: number };
}

/** How an instruction is written in such a loop, and what it does to what is known. */
// deno-lint-ignore no-explicit-any
export interface LoopTemplate<A = any, L = any> {
  /** The registers that have to hold values of a type; where that is not known, it is checked. */
  readonly takes?: { readonly [P in Place]?: HomeType };
  /** The registers that are read from their slots. */
  readonly slots?: readonly Place[];
  /**
   * The registers that are written, and with what: a value of a type, a copy of B, something else, or, if it is what the
   * following code wants, a value of that type.
   */
  readonly gives?: { readonly [P in Place]?: HomeType | "copy" | "wanted" | "other" };
  /** The index of the operand word that says which word of memory A is read from. */
  readonly reads?: number;
  /** Whether it writes only if it jumps. */
  readonly givesOnJump?: boolean;
  /** Writes the code. Until its last check has passed, it changes nothing, or the exit takes it back. */
  write(asm: A, site: LoopSite<L>): void;
}

/** For some opcodes how they are written, or how that follows from what is known; null if it cannot be. */
// deno-lint-ignore no-explicit-any
export type LoopTemplates<A = any, L = any> = Readonly<
  Record<string, LoopTemplate<A, L> | ((facts: LoopFacts) => LoopTemplate<A, L> | null)>
>;

/** An instruction of such a loop, as its template sees it. */
export interface LoopSite<L = unknown>
  extends Pick<Site<L>, "a" | "b" | "c" | "word" | "constant" | "outside"> {
  /** The word of the next instruction. */
  readonly nextPc: number;
  /** Where the instruction jumps to. */
  readonly target: L;
  /** Whether that is the head of the loop. */
  readonly backward: boolean;
  /** The home that holds the value of a register, or -1 if only its slot does. */
  home(register: number): number;
  /** Whether the slot of a register has its value, too. */
  isInSlot(register: number): boolean;
  /** The type of the value in a register, if it is known. */
  known(register: number): HomeType | null;
  /** What the instruction gives to a register: its type, and the home that it goes to, or -1 for its slot. */
  gives(place: Place): { readonly type: HomeType | null; readonly home: number };
  /** A place that goes on with this instruction in the other version of the loop, after `undo`. */
  exit(undo?: () => void): L;
  /** A place that leaves at the head, for a look at the outside. */
  poll(): L;
}

/** What a target can do for loops whose values live in machine registers. */
export interface LoopTarget<A, L> {
  /** The homes of each class: the names of these machine registers. */
  readonly homes: Readonly<Record<RegisterClass, readonly string[]>>;
  /** How instructions are written. */
  readonly templates: LoopTemplates<A, L>;
  /** Writes the check that slot `register` has a value of the type; else goes to `other`. */
  check(asm: A, register: number, type: HomeType, other: L): void;
  /** Writes code that loads a home from the slot of a register, which has a value of the type. */
  load(asm: A, register: number, type: HomeType, home: number): void;
  /** Writes code that stores a home to the slot of a register. */
  store(asm: A, register: number, type: HomeType, home: number): void;
}

/** A loop that is to have a second version; see loops.ts of the passes. */
export interface LoopPlan {
  /** Place of its first instruction, the one behind LOOP. */
  readonly head: number;
  /** Index of that instruction, and of the last one that jumps back. */
  readonly first: number;
  /** Index of the last instruction that jumps back. */
  readonly last: number;
  /** The function's instructions. */
  readonly instructions: readonly Decoded[];
  /** The home that each register has of each class, -1 for none. */
  readonly homes: Readonly<Record<RegisterClass, Int8Array>>;
  /** The type in the state of a register, if there is one. */
  typeOf(state: number): HomeType | null;
  /** The home of a register for the type in this state, or -1. */
  homeOf(register: number, state: number): number;
  /** What is known before the instruction of this index; null if nothing leads there. */
  before(index: number): readonly number[] | null;
  /** What is known while it is written: its operands are where the template takes them. */
  during(index: number, template: LoopTemplate, before: readonly number[]): readonly number[];
  /** What is known behind it, on the way that jumps or the other one. */
  after(
    index: number,
    template: LoopTemplate | null,
    before: readonly number[],
    jumps: boolean,
  ): readonly number[];
  /** How the instruction is written if this is known; null for the way it is written elsewhere. */
  templateAt(index: number, state: readonly number[]): LoopTemplate | null;
  /** Whether the value that a register has before the instruction of this index may still be read. */
  isLive(index: number, register: number): boolean;
}

/** An instruction, taken apart. */
export interface Decoded {
  /** Its place in the function's code. */
  readonly pc: number;
  /** The place of the next one. */
  readonly next: number;
  /** Its opcode. */
  readonly row: OpcodeDef;
  /** Operands as in {@linkcode Site}. */
  readonly a: number;
  /** The second operand. */
  readonly b: number;
  /** The third one. */
  readonly c: number;
  /** Where it jumps to, or -1. */
  readonly to: number;
}

/** A function that is to be compiled. */
export interface HotFunction {
  /** The function as it lies in memory. */
  readonly loaded: LoadedFunction;
  /** Whether executed instructions are to be counted, in the control word `EXECUTED_NATIVE`. */
  readonly count: boolean;
  /** Its code as it is now, with specialised forms and filled caches. */
  readonly code: Int32Array;
  /** Whether its loops have run long enough to be worth planning. */
  readonly plansLoops?: boolean;
  /** Loops that are to have a second version. */
  readonly loops?: readonly LoopPlan[];
}

/** A hole in a draft: `size` bytes at `offset` that want the distance from `end` to a label. */
export interface Fixup {
  /** Where the hole begins. */
  readonly offset: number;
  /** Its bytes. */
  readonly size: 1 | 4;
  /** Index of the label that is wanted. */
  readonly label: number;
  /** The offset from which the processor counts. */
  readonly end: number;
  /** What wants it: a jump, a call, memory beside the code. */
  readonly kind: string;
  /** What the instruction is for. */
  readonly reason: string;
}

/** An exit of a piece of code. */
export interface Exit {
  /** Place of the instruction in the function's code. */
  readonly pc: number;
  /** Why it leaves. */
  readonly reason: ExitReason;
}

/**
 * A place in machine code that is patched while the program runs, when it has been seen what comes by there: a call that
 * is linked to its callee, an inline cache that gets its type.
 */
export interface PatchPoint {
  /** What is waited for: the callee of a call, or the type of an instance whose field is wanted. */
  readonly kind: "call" | "field";
  /** Place of the instruction in the function's code. */
  readonly pc: number;
  /** Of a cache, the number of the exit that is taken until it is filled; otherwise -1. */
  readonly exit: number;
  /** Offsets of its holes, of four bytes each, by what they are for. */
  readonly holes: Readonly<Record<string, number>>;
  /** Offsets of code that holes can be made to lead to, by what it does. */
  readonly places: Readonly<Record<string, number>>;
}

/** What an assembler has made. */
export interface Assembled {
  /** The code, holes filled with zeros. */
  readonly bytes: Uint8Array;
  /** Offset of each label; undefined where nothing has bound it. */
  readonly labels: readonly (number | undefined)[];
  /** What a label is called. */
  labelName(label: number): string;
  /** The holes, in the order of their offsets. */
  readonly fixups: readonly Fixup[];
  /** What a template has said about the instruction at an offset. */
  remarkAt(offset: number): string | undefined;
  /** Offsets of data, eight bytes each, which a listing would take for instructions. */
  readonly data: ReadonlySet<number>;
}

/**
 * A piece of code behind the instructions: an exit, a look at the outside, a request to be linked, a detour; of the
 * second version of a loop the way in, an instruction, and the way back to the first version.
 */
export interface Outside {
  /** What it is there for. */
  readonly kind: "exit" | "poll" | "link" | "detour" | "loop" | "instruction" | "back";
  /** Where it begins. */
  readonly offset: number;
  /** Place of the instruction that it belongs to. */
  readonly pc: number;
  /** Of an exit, its number; otherwise -1. */
  readonly exit: number;
}

/** Machine code with holes, as template-JIT leaves it. */
export interface Draft extends Assembled {
  /** What was compiled. */
  readonly hot: HotFunction;
  /** All exits by number. */
  readonly exits: readonly Exit[];
  /** Names of opcodes that it contains and the target does not mention: not even as an exit. */
  readonly bare: ReadonlySet<string>;
  /** What will be patched while it runs. */
  readonly points: readonly PatchPoint[];
  /** In the order of their offsets, behind all instructions. */
  readonly outside: readonly Outside[];
  /** For each word of the function's code the offset at which its instruction begins; -1 for operand words. */
  readonly entries: Int32Array;
}

/** A change to a piece of code. */
export interface Patch {
  /** Where it begins. */
  readonly offset: number;
  /** The bytes before. */
  readonly before: Uint8Array;
  /** The bytes after. */
  readonly after: Uint8Array;
  /** Why they were changed. */
  readonly reason: string;
}

/** Machine code that is ready to be placed anywhere. */
export interface Code {
  /** What was compiled. */
  readonly hot: HotFunction;
  /** What it was made of. */
  readonly draft: Draft;
  /** The code itself. */
  readonly bytes: Uint8Array;
  /** For each word of the function's code the offset of its instruction; -1 for operand words. */
  readonly entries: Int32Array;
  /** All exits by number. */
  readonly exits: readonly Exit[];
  /** What the holes were filled with. */
  patches(): readonly Patch[];
}

/** What a listing may know of machine code beyond the bytes; all by offset into them. */
export interface ListingContext {
  /** What to call the target of a displacement; `hole` is where the displacement lies. */
  placeName?(target: number, hole: number): string | undefined;
  /** Whether eight bytes of data begin here. */
  isData?(offset: number): boolean;
  /** What was said about the instruction that begins here. */
  commentAt?(offset: number): string | undefined;
  /** What lies at a word of linear memory. */
  wordName?(word: number): string | undefined;
  /** What a value is called that is an object; the bits are those of the value. */
  valueName?(bits: bigint): string | undefined;
}

/** An instruction of machine code, in words. */
export interface MachineLine {
  /** Where it begins. */
  readonly offset: number;
  /** Its bytes. */
  readonly length: number;
  /** As an assembler would have it, with names for what has one. */
  readonly text: string;
  /** What it is there for. */
  readonly purpose: string;
}

/** What an assembler has to offer for template-JIT. */
export interface Assembler<L> {
  /** Where the next instruction will begin. */
  readonly offset: number;
  /** A new label, to be bound to a place. */
  label(name?: string): L;
  /** The label is here. */
  bind(label: L): void;
  /** Says what the next instruction is for. */
  comment(text: string): void;
  /** Ends the work: what has been made. */
  finish(): Assembled;
}

/** A kind of processor: how instructions are turned into its code. */
export interface Target<A extends Assembler<L>, L> {
  /** What plugins call it that bring templates: the name of its backend. */
  readonly name: string;
  /** How each opcode is written; what is not mentioned is left to the interpreter, and told of. */
  readonly templates: Templates<A, L>;
  /** An assembler for one piece of code. */
  assembler(): A;
  /** Writes a jump to a label. */
  jump(asm: A, label: L): void;
  /** Writes code that counts one instruction, or takes it back. */
  count(asm: A, by?: 1 | -1): void;
  /** What it can do for loops whose values live in machine registers. */
  readonly loops?: LoopTarget<A, L>;
  /** Writes the code of exit number `index`: the interpreter does the instruction at `pc`, a word. */
  exit(asm: A, index: number, pc: number): void;
  /** Writes code that counts a round, and goes to `poll` when it is time for a look at the outside. */
  round(asm: A, poll: L): void;
  /** Writes the code by which the call at `pc` asks to be linked; it is the patch point of this index. */
  link(asm: A, index: number, pc: number): void;
  /** Writes the code by which a loop leaves for a look at the outside, to go on at `pc`. */
  poll(asm: A, pc: number): void;
  /** Reads machine code back. */
  list(bytes: Uint8Array, context: ListingContext): readonly MachineLine[];
}

/** A target of any kind, as contexts keep it. */
// deno-lint-ignore no-explicit-any
export type AnyTarget = Target<any, any>;

/** Why native code was left. */
export const Request = {
  /** The interpreter does one instruction. */
  STEP: 1,
  /** The interpreter goes on. */
  LEAVE: 2,
  /** A callee has no native code. */
  CALL: 3,
  /** A loop has run for a while. */
  POLL: 4,
  /** A call is to be linked to its callee. */
  LINK: 5,
  /** A native is called with arguments that it takes; the code goes on behind the call. */
  NATIVE: 6,
  /** Something else is called, whatever it is; the code goes on behind the call, too. */
  VALUE: 7,
} as const;
/** One of {@linkcode Request}. */
export type Request = (typeof Request)[keyof typeof Request];

/** Something that happened to hot code; what `--jit-log` and the views show. */
export type JitEvent =
  | {
    readonly kind: "hot";
    readonly loaded: LoadedFunction;
    readonly because: "loop" | "calls";
    readonly pc: number;
  }
  | {
    readonly kind: "compiled";
    readonly code: Code;
    /** Where it lies in the code cache. */
    readonly offset: number;
    /** Address of that place in the process. */
    readonly address: bigint;
    readonly microseconds: number;
    /** 1 for the first time. */
    readonly compilation: number;
  }
  | {
    /** Code that runs was changed. */
    readonly kind: "patched";
    readonly code: Code;
    readonly point: PatchPoint;
    /** In a few words, what has become of the point. */
    readonly because: string;
    readonly patches: readonly Patch[];
  }
  | { readonly kind: "exit"; readonly code: Code; readonly exit: Exit; readonly count: number }
  | {
    readonly kind: "no-template";
    readonly loaded: LoadedFunction;
    /** Where it was first met. */
    readonly pc: number;
    /** The opcode; each is told of once. */
    readonly opcode: string;
    /** The target that has no template for it. */
    readonly target: string;
    /** What each execution costs by leaving machine code, the interpreter's work aside. */
    readonly nanoseconds: number;
  }
  | { readonly kind: "refused"; readonly loaded: LoadedFunction; readonly because: string }
  | { readonly kind: "evicted"; readonly code: Code };

/** An event of one kind. */
export type JitEventOf<Kind extends JitEvent["kind"]> = Extract<JitEvent, { readonly kind: Kind }>;

/** How native code is to be run; what is left out is chosen. */
export interface NativeOptions {
  /** How executable memory is made: `dual` or `mprotect`. */
  readonly memory?: string;
  /** How it is entered: `bsearch` or `fnptr`. */
  readonly gate?: string;
  /** Bytes of machine code that are kept. */
  readonly cache?: number;
}

/** Compiles a hot function for a target: the hot stage of the pipeline. */
export type CompileHot = <A extends Assembler<L>, L>(hot: HotFunction, target: Target<A, L>) => Code;

// ---- backends ----------------------------------------------------------------------------------------------------

/** What a backend is told when it is opened. */
export interface BackendContext {
  /** All opcodes by number: the built-in ones, then those of plugins. */
  readonly opcodes: readonly OpcodeDef[];
  /** Whether executed instructions are to be counted, in the control word `EXECUTED`. */
  readonly count: boolean;
  /** Rounds and calls after which loops and functions count as hot. */
  readonly threshold: number;
  /** Whether another backend is to take over soon, so that nothing should be spent on getting up to full speed. */
  readonly interim?: boolean;
  /** The hot stage: template-jit and jump-patch. */
  readonly compileHot: CompileHot;
  /** How native code is to be run. */
  readonly native?: NativeOptions;
  /** Is told what happens to hot code. */
  observe?(event: JitEvent): void;
}

/** How often an exit was taken, in all compilations of its function. */
export interface ExitCount extends Exit {
  /** The function that it leaves. */
  readonly loaded: LoadedFunction;
  /** How often it was taken. */
  readonly count: number;
}

/** An open backend. */
export interface Runner {
  /** Runs from the machine's state until it cannot go on by itself; gives the `Stop` that tells why. */
  run(machine: Machine): number;
  /** What has to be awaited before it runs again, if anything; asked where a loop or a call is hot. */
  wait?(): Promise<void> | null;
  /** The code of all functions that have some now, and how often each exit was taken. */
  compiled?(): readonly { readonly code: Code; readonly exits: Int32Array }[];
  /** All exits that were taken since it was opened. */
  exits?(): readonly ExitCount[];
  /** Lets go of what belongs to a machine that is gone. */
  dispose?(): void;
}

/** Something that a backend needs or offers, and how it is on this machine. */
export interface Finding {
  /** What was tried. */
  readonly what: string;
  /** Whether it works. */
  readonly ok: boolean;
  /** A few words: which, how fast, or why not. */
  readonly details: string;
}

/** A way of running code. */
export interface Backend {
  /** What `--backend` calls it. */
  readonly name: string;
  /** One sentence. */
  readonly doc: string;
  /** Loads what it consists of, if that is more than what is here already; called once, before the others. */
  prepare?(): Promise<void>;
  /** What is in the way of it, as far as that can be told in no time and without loading anything; null if nothing is. */
  obstacle?(): string | null;
  /** The words that {@linkcode NativeOptions} may hold, the ones that are tried first in front. */
  readonly choices?: { readonly memory: readonly string[]; readonly gate: readonly string[] };
  /** Tries everything that it needs or offers, each on its own; takes some hundred milliseconds. */
  examine?(): readonly Finding[];
  /** Whether it can work on this machine, with these permissions. */
  probe(options?: NativeOptions): Probe;
  /** Makes it ready to run; called only after a `probe` that was ok. */
  open(context: BackendContext): Runner;
}
