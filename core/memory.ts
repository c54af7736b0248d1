/**
 * The linear memory. Everything that running code touches lives in it: registers, frames, bytecode, constants,
 * globals and objects, so that the interpreter, machine code and WebAssembly work on the very same words and hand
 * over to each other without converting anything. This file decides which region lies where; it knows nothing of
 * what the words mean.
 *
 * ```text
 *  byte address
 *  0         ┌──────────────────────────────┐
 *            │ control words (Control)      │  frame pointer, stack limit, allocation cursor, …
 *  64 KiB    ├──────────────────────────────┤
 *            │ globals, 8 bytes each        │  slot numbers are handed out by the loader, never reused
 *  8 MiB     ├──────────────────────────────┤
 *            │ frames, 16 bytes each        │  call-info stack: return pc, base, function
 *  16 MiB    ├──────────────────────────────┤
 *            │ registers, 8 bytes each      │  the value stack; a frame is a window on it
 *  272 MiB   ├──────────────────────────────┤
 *            │ mark bits, 1 per 8 bytes     │
 *  336 MiB   ├──────────────────────────────┤
 *            │ blocks of 32 KiB             │  objects, bytecode, constants (gc.ts, heap.ts)
 *  at most   └──────────────────────────────┘
 *  4 GiB
 * ```
 *
 * Addresses come in three units, and names tell which one is meant:
 * - a *word* is an index into `I32` (4 bytes): what code reads and writes;
 * - a *ref* is an index into `F64` (8 bytes): how values and objects point at objects;
 * - a *byte* address indexes `U8`: string contents.
 *
 * Reserving 4 GiB takes 0.6 ms and no resident memory: pages are committed when they are first written.
 *
 * :views: Files that use the views bind them to constants of their own (`const I32 = views.I32`). V8 folds a
 * constant of the same file into the machine code, but loads an imported one anew at each use; measured, functions
 * that only read a few words take 2.4 times as long with the import.
 */

/** The three views on the linear memory; bind them to file-level constants, see `:views:`. */
export interface Views {
  readonly I32: Int32Array;
  readonly F64: Float64Array;
  readonly U8: Uint8Array;
  readonly memory: WebAssembly.Memory;
}

const PAGE = 65536;

/** Takes the largest address space that the system grants, since its size is fixed for good. */
function reserve(): Views {
  for (let pages = 65536; pages >= 16384; pages /= 2) {
    try {
      const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
      const buffer = memory.buffer;
      return {
        memory,
        I32: new Int32Array(buffer),
        F64: new Float64Array(buffer),
        U8: new Uint8Array(buffer),
      };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw new Error("Reserving 1 GiB of address space for the heap failed; raise the limit (`ulimit -v`)");
}

/** The process's linear memory. All runtimes of one process share it, each with objects of its own. */
export const views: Views = reserve();

/** Bytes of the whole linear memory. */
export const MEMORY_BYTES: number = views.memory.buffer.byteLength;

/** Word index of each control word. */
export const Control = {
  /** Word of the next free frame record. */
  FRAME_TOP: 16,
  /** Word at which frame records end. */
  FRAME_LIMIT: 17,
  /** Word that no register window may pass without asking; raised in steps up to `STACK_END` (:soft-limit:). */
  STACK_LIMIT: 18,
  /** Ref of the next free unit in the hole that is being filled. */
  ALLOC_CURSOR: 19,
  /** Ref of the end of that hole. */
  ALLOC_END: 20,
  /** Instructions executed; only the counting loop of `--stats` writes it (a double, so 8-byte aligned). */
  EXECUTED: 22,
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

/** Word of the first register. */
export const STACK: number = 16 * 1024 * 1024 / 4;
/** Word at which registers end. */
export const STACK_END: number = 272 * 1024 * 1024 / 4;

/** Word of the mark bits. Bit `ref & 31` of word `MARKS + (ref >>> 5)` belongs to the object at `ref`. */
export const MARKS: number = STACK_END;
/** Byte address of the first block. */
export const HEAP: number = 336 * 1024 * 1024;
