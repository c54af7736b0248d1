/**
 * The linear memory. Everything that running code touches lives in it: registers, frames, bytecode, constants,
 * globals and objects, so that the interpreter and machine code work on the very same words and hand over to each
 * other without converting anything. This file decides which region lies where; it knows nothing of what the words
 * mean.
 *
 * ```text
 *  byte address
 *  0         +------------------------------+
 *            | control words (Control)      |  frame pointer, stack limit, allocation cursor, ...
 *  64 KiB    +------------------------------+
 *            | globals, 8 bytes each        |  slot numbers are handed out by the loader, never reused
 *  8 MiB     +------------------------------+
 *            | frames, 16 bytes each        |  call-info stack: return pc, base, function
 *  16 MiB    +------------------------------+
 *            | registers, 8 bytes each      |  the value stack; a frame is a window on it
 *  272 MiB   +------------------------------+
 *            | mark bits, 1 per 8 bytes     |
 *  336 MiB   +------------------------------+
 *            | blocks of 32 KiB             |  objects, bytecode, constants (gc.ts, heap.ts)
 *  at most   +------------------------------+
 *  4 GiB
 * ```
 *
 * Addresses come in three units, and names tell which one is meant:
 * - a *word* is an index into `I32` (4 bytes): what code reads and writes;
 * - a *ref* is an index into `F64` (8 bytes): how values and objects point at objects;
 * - a *byte* address indexes `U8`: string contents.
 *
 * Reserving 4 GiB takes no time and no resident memory: pages are committed when they are first written.
 *
 * :views: Files that use the views bind them to constants of their own (`const I32 = views.I32`). V8 folds a
 * constant of the same file into the machine code, but loads an imported one anew at each use; measured, functions
 * that only read a few words take 2.4 times as long with the import.
 */

/** The three views on the linear memory; bind them to file-level constants, see `:views:`. */
export interface Views {
  /** By words. */
  readonly I32: Int32Array<SharedArrayBuffer>;
  /** By refs. */
  readonly F64: Float64Array<SharedArrayBuffer>;
  /** By bytes. */
  readonly U8: Uint8Array<SharedArrayBuffer>;
}

const PAGE = 65536;

/**
 * Takes the largest address space that the system grants, since its size is fixed for good. The buffer is a shared
 * one although no thread shares it: V8 does not count those against its own heap. For any other buffer of this size it
 * would start a full collection at once, which costs more than all the rest of a small program.
 */
function reserve(): Views {
  for (let gibibytes = 4; gibibytes >= 1; gibibytes /= 2) {
    try {
      const buffer = new SharedArrayBuffer(gibibytes * 1024 ** 3);
      return { I32: new Int32Array(buffer), F64: new Float64Array(buffer), U8: new Uint8Array(buffer) };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw new Error("Reserving 1 GiB of address space for the heap failed; raise the limit (`ulimit -v`)");
}

/** The process's linear memory. All runtimes of one process share it, each with objects of its own. */
export const views: Views = reserve();

/** Bytes of the whole linear memory. */
export const MEMORY_BYTES: number = views.U8.byteLength;

/** Word index of each control word. */
export const Control = {
  /** Word of the next free frame record; native code has its address in a register. */
  FRAME_TOP: 16,
  /** Word that no register window may pass without asking; raised in steps up to `STACK_END` (:soft-limit:). */
  STACK_LIMIT: 18,
  /** Ref of the next free unit in the hole that is being filled. */
  ALLOC_CURSOR: 19,
  /** Ref of the end of that hole. */
  ALLOC_END: 20,
  /** Instructions executed; only the counting loop of `--stats` writes it (a double, so 8-byte aligned). */
  EXECUTED: 22,
  /** The same for native code, as an integer of 64 bits. */
  EXECUTED_NATIVE: 24,

  // For native code. Addresses take two words, the lower half first.

  /** Address at which the machine stack goes on: its top while no native code is suspended. */
  MACHINE_SP: 32,
  /** Address at which native code goes on. */
  MACHINE_PC: 34,
  /** Address of the upper end of the machine stack. */
  MACHINE_TOP: 36,
  /** Lowest address that a prologue may leave in rsp; below it there is room for signal handlers and C functions. */
  MACHINE_LIMIT: 38,
  /** The stack pointer of the C code that entered native code; 0 while none runs. */
  HOST_SP: 40,
  /** Two words that the gate tests itself with. */
  GATE_TEST: 42,
  /** The signal that ended native code, 0 for none. */
  FAULT_SIGNAL: 44,
  /** The address that the faulting instruction wanted, or its own; the signal's `si_addr`. */
  FAULT_ADDRESS: 46,
  /** The machine registers at a fault, 18 of two words, in the order of the system's signal frame. */
  FAULT_REGISTERS: 48,
  /** Address of the stub by which loops leave for a look at the outside. */
  STUB_POLL: 86,
  /** Rounds that native loops have left until they want a look at the outside. */
  ROUNDS: 88,
  /** Address of the stub by which calls leave to be linked. */
  STUB_LINK: 90,
  /** Address of the stub by which code leaves to have a value called, */
  STUB_CALL: 92,
  /** the word of the register that holds that value, and the number of arguments after it. */
  CALLEE: 94,
  ARGUMENTS: 95,
  /** Address of the code cache: places in code are kept as offsets from it. */
  CODE_ORIGIN: 96,
  /** Why native code was left, and the state it was left in: the machine's pc, base and proto. */
  REQUEST: 100,
  NATIVE_PC: 101,
  NATIVE_BASE: 102,
  NATIVE_PROTO: 103,
  /** Number of the exit within its code. */
  EXIT: 104,
  /** Offset in the code cache at which native code is to be entered. */
  TARGET: 105,
  /** Addresses of the stubs that code leaves by, see `backends/x64/stubs.ts`. */
  STUB_EXIT: 106,
  STUB_ENTER: 108,
  /** The address that `STACK_LIMIT` means, while native code runs. */
  WINDOW_LIMIT: 110,
  /** Addresses of the routines that all native code shares, see `backends/x64/routines.ts`. */
  ROUTINES: 112,
  /** Refs of the 256 strings of one byte, 0 for those that nothing has wanted yet (strings.ts). */
  BYTE_STRINGS: 1024,
  /** Refs of the names of the types, by the numbers of these, in the same way. */
  TYPE_STRINGS: 1280,
} as const;

/** Word of the first global; a global takes two words. */
export const GLOBALS: number = PAGE / 4;
/** Number of global slots. */
export const GLOBALS_MAX: number = (8 * 1024 * 1024 - PAGE) / 8;

/** Words of a frame record. */
export const FRAME_WORDS = 4;
/** Word of the first frame record. */
export const FRAMES: number = 8 * 1024 * 1024 / 4;
/** Calls that may be nested. */
export const FRAMES_MAX = 200_000;
/** Word behind the last frame record. */
export const FRAMES_END: number = FRAMES + FRAMES_MAX * FRAME_WORDS;

/** Word of the first register. */
export const STACK: number = 16 * 1024 * 1024 / 4;
/** Word at which registers end. */
export const STACK_END: number = 272 * 1024 * 1024 / 4;

/** Word of the mark bits. Bit `ref & 31` of word `MARKS + (ref >>> 5)` belongs to the object at `ref`. */
export const MARKS: number = STACK_END;
/** Word of the sizes of large objects, one for each block: no object lies where the first mark bits would belong to. */
export const LARGE_UNITS: number = MARKS;
/** Byte address of the first block. */
export const HEAP: number = 336 * 1024 * 1024;
