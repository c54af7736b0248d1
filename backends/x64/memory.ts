/**
 * Memory that the processor may execute, and the C library it is asked for with: the only `Deno.dlopen` of the
 * project. This file decides how bytes get into executable pages; what the bytes mean, and who jumps to them, it
 * does not know.
 *
 * No mapping is ever writable and executable at once. There are two ways to keep that and still write code:
 *
 * ```text
 *  mprotect     one mapping, its pages writable while they are written, executable otherwise
 *
 *               RX RX RX RX   ──write──►   RX RW RW RX   ──►   RX RX RX RX      two system calls a write
 *
 *  dual         one memory (memfd), mapped twice
 *
 *               RW RW RW RW   written here
 *               ║  ║  ║  ║    the same pages
 *               RX RX RX RX   executed here                                     no system call at all
 * ```
 *
 * Addresses are bigints here, not for their range (47 bits) but for speed: a bigint constant goes to C within a fast
 * call of V8 (10 ns), a number given for a 64-bit parameter takes a slow one (300 ns).
 *
 * :least-permission: Everything here, and the `bsearch` gate, runs under `--allow-ffi=PATH-OF-LIBC`. `Deno.UnsafePointer`
 * would need all of `--allow-ffi`, so the address of a buffer comes from `memcpy`: it returns its first argument.
 */

/** Why something cannot be had; a clause without a full stop. */
export interface Refusal {
  readonly because: string;
}

/** Whether an attempt ended in a refusal. */
export function isRefusal(result: object): result is Refusal {
  return "because" in result;
}

/** Protection of pages, as `mmap` and `mprotect` take it. */
export const Protection = { NONE: 0, READ: 1, WRITE: 2, EXECUTE: 4 } as const;

/** Flags of `mmap`, the same on all systems but for two. */
export const MapFlags = {
  SHARED: 1,
  PRIVATE: 2,
  ANONYMOUS: Deno.build.os === "darwin" ? 0x1000 : 0x20,
  NO_RESERVE: Deno.build.os === "darwin" ? 0x40 : 0x4000,
} as const;

/** What `mmap` gives when it fails. */
export const MAP_FAILED = 0xFFFF_FFFF_FFFF_FFFFn;

/**
 * The functions of the C library that native code is set up with: a plain record, so that a test can put a failing
 * function in place of each. Those that return a number give -1 on failure.
 */
export interface Libc {
  /** The library as it was opened. */
  readonly path: string;
  readonly pageSize: number;
  /** Maps fresh pages, or those of a file unless it is -1, anywhere; gives the address or `MAP_FAILED`. */
  mmap(bytes: number, protection: number, flags: number, file: number): bigint;
  mprotect(address: bigint, bytes: bigint, protection: number): number;
  munmap(address: bigint, bytes: number): number;
  /** An unnamed file in memory: its descriptor. Not on macOS. */
  memfdCreate(name: string): number;
  ftruncate(file: number, bytes: number): number;
  close(file: number): number;
  /** Copies `bytes` to an address. */
  copyTo(address: bigint, bytes: Uint8Array): void;
  /** Fills `bytes` from an address. */
  copyFrom(address: bigint, bytes: Uint8Array): void;
  /** Where a buffer lies. It stays there only if it is never moved by the collector: the linear memory is not. */
  addressOf(buffer: Uint8Array): bigint;
  /** C's binary search, good for calling its last argument: see `gate.ts`. */
  readonly bsearch: (key: bigint, base: bigint, count: bigint, size: bigint, compare: bigint) => void;
  /** Reads and writes `struct sigaction`. */
  sigaction(signal: number, action: Uint8Array | null, old: Uint8Array | null): number;
  /** Reads and writes `stack_t`. */
  sigaltstack(stack: Uint8Array | null, old: Uint8Array | null): number;
  /** The system's words for the failure of the last call. */
  lastError(): string;
  /** Unloads the library: nothing above may be called any more. */
  dispose(): void;
}

/** The C library by system: first as the loader finds it, then the paths that a narrow permission may name. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  linux: [
    "libc.so.6",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/lib64/libc.so.6",
    "/usr/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
  ],
  darwin: ["libSystem.B.dylib", "/usr/lib/libSystem.B.dylib"],
};

/** Opens the C library, without ever asking the user for a permission: what is not granted is a refusal. */
export function openLibc(): Libc | Refusal {
  const { os, arch } = Deno.build;
  const paths = LIBRARIES[os];
  if (arch !== "x86_64") return { because: `the processor is ${arch}, not x86_64` };
  if (paths === undefined) return { because: `the system is ${os}, neither Linux nor macOS` };
  const granted = paths.filter((path) =>
    Deno.permissions.querySync({ name: "ffi", path }).state === "granted"
  );
  if (granted.length === 0) return { because: "calling the C library is not permitted (--allow-ffi)" };
  let because = "";
  for (const path of granted) {
    try {
      return load(path);
    } catch (error) {
      because = error instanceof Error ? error.message : String(error);
    }
  }
  return { because };
}

function load(path: string): Libc {
  const onLinux = Deno.build.os === "linux";
  const library = Deno.dlopen(path, {
    mmap: { parameters: ["u64", "usize", "i32", "i32", "i32", "i64"], result: "u64" },
    mprotect: { parameters: ["u64", "usize", "i32"], result: "i32" },
    munmap: { parameters: ["u64", "usize"], result: "i32" },
    memfd_create: { parameters: ["buffer", "u32"], result: "i32", optional: true },
    ftruncate: { parameters: ["i32", "i64"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
    getpagesize: { parameters: [], result: "i32" },
    copyTo: { name: "memcpy", parameters: ["u64", "buffer", "usize"], result: "void" },
    copyFrom: { name: "memcpy", parameters: ["buffer", "u64", "usize"], result: "void" },
    addressOf: { name: "memcpy", parameters: ["buffer", "buffer", "usize"], result: "u64" },
    bsearch: { parameters: ["u64", "u64", "usize", "usize", "u64"], result: "void" },
    sigaction: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    sigaltstack: { parameters: ["buffer", "buffer"], result: "i32" },
    errno: { name: onLinux ? "__errno_location" : "__error", parameters: [], result: "u64" },
    strerror: { parameters: ["i32"], result: "u64" },
    strlen: { parameters: ["u64"], result: "usize" },
  });
  const c = library.symbols;
  const CLOSE_ON_EXEC = 1;
  return {
    path,
    pageSize: c.getpagesize(),
    mmap: (bytes, protection, flags, file) => c.mmap(0n, BigInt(bytes), protection, flags, file, 0n),
    mprotect: c.mprotect,
    munmap: (address, bytes) => c.munmap(address, BigInt(bytes)),
    memfdCreate: (name) => c.memfd_create?.(new TextEncoder().encode(`${name}\0`), CLOSE_ON_EXEC) ?? -1,
    ftruncate: (file, bytes) => c.ftruncate(file, BigInt(bytes)),
    close: c.close,
    copyTo: (address, bytes) => c.copyTo(address, unshared(bytes), BigInt(bytes.length)),
    copyFrom: (address, bytes) => c.copyFrom(unshared(bytes), address, BigInt(bytes.length)),
    addressOf: (buffer) => c.addressOf(unshared(buffer), unshared(buffer), 0n),
    bsearch: c.bsearch,
    sigaction: (signal, action, old) => c.sigaction(signal, action && unshared(action), old && unshared(old)),
    sigaltstack: (stack, old) => c.sigaltstack(stack && unshared(stack), old && unshared(old)),
    lastError() {
      const number = new Int32Array(1);
      c.copyFrom(new Uint8Array(number.buffer), c.errno(), 4n);
      const text = c.strerror(number[0]), length = c.strlen(text);
      const bytes = new Uint8Array(Number(length));
      c.copyFrom(bytes, text, length);
      return new TextDecoder().decode(bytes);
    },
    dispose: () => library.close(),
  };
}

/** The types of FFI want to hear that a buffer is not shared between threads; ours never are. */
const unshared = (bytes: Uint8Array) => bytes as Uint8Array<ArrayBuffer>;

// ---- executable memory -------------------------------------------------------------------------------------------

/** How executable memory is written, see the top of this file. */
export type MemoryMode = "dual" | "mprotect";

/** The modes, the better one first: writing 16 bytes takes 50 to 80 ns in `dual`, 3 to 8 µs in `mprotect`. */
export const MEMORY_MODES: readonly MemoryMode[] = ["dual", "mprotect"];

/** A range of pages to hold machine code. Places in it are offsets in bytes from its beginning. */
export interface ExecutableMemory {
  readonly mode: MemoryMode;
  readonly bytes: number;
  /** Where the byte at `offset` is executed. */
  address(offset: number): bigint;
  /**
   * Puts code at `offset`: new code, or a patch of old code, as long as no thread is executing just there.
   * Throws {@linkcode WriteFailure}; then nothing in this memory may be entered any more.
   */
  write(offset: number, code: Uint8Array): void;
  /** A copy of the code at `offset`. */
  read(offset: number, length: number): Uint8Array;
  /** Gives the pages back. */
  dispose(): void;
}

/** The system would not let code be written, or be executed after that. */
export class WriteFailure extends Error {}

/** Reserves executable memory of at least `bytes` bytes; it takes up room only as it is written. */
export function createExecutableMemory(
  libc: Libc,
  mode: MemoryMode,
  bytes: number,
): ExecutableMemory | Refusal {
  const rounded = Math.ceil(bytes / libc.pageSize) * libc.pageSize;
  return mode === "dual" ? createDual(libc, rounded) : createToggled(libc, rounded);
}

/** The refusal for a call that failed just now. */
export function refuse(libc: Libc, call: string): Refusal {
  return { because: `${call} failed: ${libc.lastError()}` };
}

function createDual(libc: Libc, bytes: number): ExecutableMemory | Refusal {
  if (Deno.build.os === "darwin") return { because: "macOS has no unnamed files in memory (memfd_create)" };
  const file = libc.memfdCreate("unnarize-code");
  if (file < 0) return refuse(libc, "memfd_create");
  try {
    if (libc.ftruncate(file, bytes) !== 0) return refuse(libc, "ftruncate");
    const writable = libc.mmap(bytes, Protection.READ | Protection.WRITE, MapFlags.SHARED, file);
    if (writable === MAP_FAILED) return refuse(libc, "mmap of the writable alias");
    const executable = libc.mmap(bytes, Protection.READ | Protection.EXECUTE, MapFlags.SHARED, file);
    if (executable === MAP_FAILED) {
      const refusal = refuse(libc, "mmap of the executable alias");
      libc.munmap(writable, bytes);
      return refusal;
    }
    return {
      mode: "dual",
      bytes,
      address: (offset) => executable + BigInt(offset),
      write(offset, code) {
        checkRange(bytes, offset, code.length);
        libc.copyTo(writable + BigInt(offset), code);
      },
      read: (offset, length) => readCode(libc, executable, bytes, offset, length),
      dispose() {
        libc.munmap(writable, bytes);
        libc.munmap(executable, bytes);
      },
    };
  } finally {
    // The mappings keep the file alive.
    libc.close(file);
  }
}

function createToggled(libc: Libc, bytes: number): ExecutableMemory | Refusal {
  const RX = Protection.READ | Protection.EXECUTE, RW = Protection.READ | Protection.WRITE;
  const base = libc.mmap(bytes, RX, MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.NO_RESERVE, -1);
  if (base === MAP_FAILED) return refuse(libc, "mmap");
  return {
    mode: "mprotect",
    bytes,
    address: (offset) => base + BigInt(offset),
    write(offset, code) {
      checkRange(bytes, offset, code.length);
      // Only the pages that are touched: toggling 16 MiB takes 200 times as long as one page.
      const first = offset - offset % libc.pageSize;
      const last = Math.ceil((offset + code.length) / libc.pageSize) * libc.pageSize;
      const pages = base + BigInt(first), size = BigInt(last - first);
      if (libc.mprotect(pages, size, RW) !== 0) throw new WriteFailure(refuse(libc, "mprotect").because);
      libc.copyTo(base + BigInt(offset), code);
      if (libc.mprotect(pages, size, RX) !== 0) throw new WriteFailure(refuse(libc, "mprotect").because);
    },
    read: (offset, length) => readCode(libc, base, bytes, offset, length),
    dispose() {
      libc.munmap(base, bytes);
    },
  };
}

function readCode(libc: Libc, base: bigint, bytes: number, offset: number, length: number): Uint8Array {
  checkRange(bytes, offset, length);
  const code = new Uint8Array(length);
  libc.copyFrom(base + BigInt(offset), code);
  return code;
}

/** A stray write would not fail but ruin whatever lies there. */
function checkRange(bytes: number, offset: number, length: number): void {
  if (!(offset >= 0 && offset + length <= bytes)) {
    throw new Error(
      `Code at ${offset}, ${length} bytes long, is outside the ${bytes} bytes there are: this is a bug`,
    );
  }
}
