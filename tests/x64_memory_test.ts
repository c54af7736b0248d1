/** Executable memory and the code cache: what is written runs, what fails says why, nothing is lost. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Control, views } from "../core/memory.ts";
import {
  createExecutableMemory,
  type ExecutableMemory,
  isRefusal,
  type Libc,
  MAP_FAILED,
  MEMORY_MODES,
  type MemoryMode,
  openLibc,
  Protection,
  type Refusal,
  WriteFailure,
} from "../backends/x64/memory.ts";
import { createCodeCache, type Place } from "../backends/x64/cache.ts";
import { createAssembler } from "../backends/x64/assembler.ts";
import {
  callRoutine,
  createRoutines,
  ROUTINE_BYTES,
  routineAt,
  type RoutineName,
} from "../backends/x64/routines.ts";
import { dword, mem, rax } from "../backends/x64/operands.ts";

const { I32, U8 } = views;
const opened = openLibc();
if (isRefusal(opened)) console.log(`Tests of executable memory are skipped: ${opened.because}`);

/** A test of each mode that works here. */
function testModes(name: string, run: (libc: Libc, mode: MemoryMode) => void): void {
  for (const mode of MEMORY_MODES) {
    Deno.test({ name: `${name} (${mode})`, ignore: isRefusal(opened), fn: () => run(opened as Libc, mode) });
  }
}

function create(libc: Libc, mode: MemoryMode, bytes: number): ExecutableMemory {
  const memory = createExecutableMemory(libc, mode, bytes);
  if (isRefusal(memory)) throw new Error(memory.because);
  return memory;
}

/** A C function that stores `value` in a control word. */
function storing(libc: Libc, value: number): Uint8Array {
  const asm = createAssembler();
  asm.mov(rax, libc.addressOf(U8.subarray(0, 8)));
  asm.mov(dword(mem(rax, Control.GATE_TEST * 4)), value);
  asm.ret();
  return asm.finish().bytes;
}

function callAt(libc: Libc, memory: ExecutableMemory, offset: number): number {
  I32[Control.GATE_TEST] = 0;
  libc.bsearch(0n, 0n, 1n, 0n, memory.address(offset));
  return I32[Control.GATE_TEST];
}

testModes("write() makes code that runs, and can change it", (libc, mode) => {
  const memory = create(libc, mode, 3 * libc.pageSize - 5);
  assertEquals(memory.mode, mode);
  assertEquals(memory.bytes, 3 * libc.pageSize);
  assertEquals(memory.address(0) % BigInt(libc.pageSize), 0n);
  // The second piece lies across two pages.
  for (const offset of [0, libc.pageSize - 7, 3 * libc.pageSize - 64]) {
    for (const value of [1234567, -1]) {
      const code = storing(libc, value);
      memory.write(offset, code);
      assertEquals(memory.read(offset, code.length), code);
      assertEquals(callAt(libc, memory, offset), value);
    }
  }
  memory.dispose();
});

testModes("pages are never writable and executable", (libc, mode) => {
  const asked: number[] = [];
  const watched: Libc = {
    ...libc,
    mmap(bytes, protection, flags, file) {
      asked.push(protection);
      return libc.mmap(bytes, protection, flags, file);
    },
    mprotect(address, bytes, protection) {
      asked.push(protection);
      return libc.mprotect(address, bytes, protection);
    },
  };
  const memory = create(watched, mode, libc.pageSize);
  memory.write(0, storing(libc, 1));
  const { READ, WRITE, EXECUTE } = Protection;
  const RX = READ | EXECUTE, RW = READ | WRITE;
  assertEquals(asked, mode === "dual" ? [RW, RX] : [RX, RW, RX]);
  if (Deno.build.os === "linux") assertEquals(accessTo(memory.address(0)).slice(0, 3), "r-x");
  memory.dispose();
});

/** What the system says may be done with the page at an address. */
function accessTo(address: bigint): string {
  for (
    const [, low, high, access] of Deno.readTextFileSync("/proc/self/maps").matchAll(/^(\w+)-(\w+) (\S+)/gm)
  ) {
    if (address >= BigInt(`0x${low}`) && address < BigInt(`0x${high}`)) return access;
  }
  return "none";
}

testModes("dispose() gives everything back", (libc, mode) => {
  const { counted, balance } = count(libc);
  create(counted, mode, 100_000).dispose();
  assertEquals(balance(), { bytes: 0, files: 0 });
});

testModes("code outside of the memory is a bug", (libc, mode) => {
  const memory = create(libc, mode, libc.pageSize);
  assertThrows(() => memory.write(libc.pageSize - 1, new Uint8Array(2)), Error, "this is a bug");
  assertThrows(() => memory.write(-1, new Uint8Array(1)), Error, "this is a bug");
  assertThrows(() => memory.read(NaN, 1), Error, "this is a bug");
  memory.dispose();
});

/** The library with calls counted that take and give back something. */
function count(libc: Libc) {
  let bytes = 0, files = 0;
  const counted: Libc = {
    ...libc,
    lastError: () => "Cannot allocate memory",
    mmap(size, ...rest) {
      const address = libc.mmap(size, ...rest);
      if (address !== MAP_FAILED) bytes += size;
      return address;
    },
    munmap(address, size) {
      bytes -= size;
      return libc.munmap(address, size);
    },
    memfdCreate(name) {
      files++;
      return libc.memfdCreate(name);
    },
    close(file) {
      files--;
      return libc.close(file);
    },
  };
  return { counted, balance: () => ({ bytes, files }) };
}

/** Each call that can fail while memory is reserved, as a library in which it does. */
const FAILURES: readonly { mode: MemoryMode; call: string; fail(libc: Libc): Partial<Libc> }[] = [
  { mode: "mprotect", call: "mmap", fail: () => ({ mmap: () => MAP_FAILED }) },
  { mode: "dual", call: "memfd_create", fail: () => ({ memfdCreate: () => -1 }) },
  { mode: "dual", call: "ftruncate", fail: () => ({ ftruncate: () => -1 }) },
  { mode: "dual", call: "mmap of the writable alias", fail: () => ({ mmap: () => MAP_FAILED }) },
  {
    mode: "dual",
    call: "mmap of the executable alias",
    fail: ({ mmap }) => ({
      mmap: (bytes, protection, ...rest) =>
        (protection & 4) !== 0 ? MAP_FAILED : mmap(bytes, protection, ...rest),
    }),
  },
];

for (const { mode, call, fail } of FAILURES) {
  Deno.test({
    name: `createExecutableMemory() refuses when ${call} fails (${mode})`,
    ignore: isRefusal(opened),
    fn() {
      const { counted, balance } = count(opened as Libc);
      const refusal = createExecutableMemory({ ...counted, ...fail(counted) }, mode, 4096) as Refusal;
      assertEquals(refusal, { because: `${call} failed: Cannot allocate memory` });
      assertEquals(balance(), { bytes: 0, files: 0 });
    },
  });
}

Deno.test({
  name: "a refusal tells the system's reason",
  ignore: isRefusal(opened),
  fn() {
    const refusal = createExecutableMemory(opened as Libc, "mprotect", 0) as Refusal;
    assertEquals(refusal.because, "mmap failed: Invalid argument");
  },
});

for (const failing of [1, 2]) {
  Deno.test({
    name: `write() throws when mprotect fails for the ${failing === 1 ? "first" : "second"} time`,
    ignore: isRefusal(opened),
    fn() {
      let calls = 0;
      const libc: Libc = {
        ...opened as Libc,
        mprotect: (...args) => ++calls === failing ? -1 : (opened as Libc).mprotect(...args),
        lastError: () => "Permission denied",
      };
      const memory = create(libc, "mprotect", 4096);
      assertThrows(
        () => memory.write(0, new Uint8Array(1)),
        WriteFailure,
        "mprotect failed: Permission denied",
      );
      memory.dispose();
    },
  });
}

Deno.test("openLibc() without permission refuses, and does not ask", { permissions: { read: true } }, () => {
  const libc = openLibc();
  assertMatch((libc as Refusal).because, /--allow-ffi|processor|system/);
});

// ---- the cache ---------------------------------------------------------------------------------------------------

const never = () => null;

Deno.test("allocate() gives places of cache lines, side by side", () => {
  const cache = createCodeCache(1024 + 63, never);
  assertEquals([1, 64, 65, 0].map((size) => cache.allocate(size)), [
    { offset: 0, size: 1 },
    { offset: 64, size: 64 },
    { offset: 128, size: 65 },
    { offset: 256, size: 0 },
  ]);
  assertEquals(cache.stats(), {
    bytes: 1024,
    taken: 320,
    pieces: 4,
    holes: 1,
    largestHole: 704,
    evicted: 0,
  });
});

Deno.test("allocate() takes the smallest hole that fits", () => {
  const cache = createCodeCache(1024, never);
  const [a, , b, ,] = [256, 64, 128, 64].map((size) => cache.allocate(size)!);
  cache.free(a);
  cache.free(b);
  assertEquals(cache.allocate(100)!.offset, b.offset);
  assertEquals(cache.allocate(200)!.offset, a.offset);
});

Deno.test("allocate() evicts what the owner names until the code fits", () => {
  const pieces: Place[] = [];
  const cache = createCodeCache(640, () => pieces.shift() ?? null);
  for (let i = 0; i < 10; i++) pieces.push(cache.allocate(64)!);
  assertEquals(cache.allocate(180), { offset: 0, size: 180 });
  assertEquals(pieces.map(({ offset }) => offset), [192, 256, 320, 384, 448, 512, 576]);
  assertEquals(cache.stats().evicted, 3);
});

Deno.test("allocate() gives null when nothing can be spared, and evicts nothing for what never fits", () => {
  let asked = 0;
  const cache = createCodeCache(640, () => {
    asked++;
    return null;
  });
  cache.allocate(640);
  assertEquals(cache.allocate(1), null);
  assertEquals(asked, 1);
  assertEquals(cache.allocate(641), null);
  assertEquals(asked, 1);
  assertEquals(createCodeCache(0, never).allocate(0), null);
});

Deno.test("free() of what is not taken is a bug", () => {
  const cache = createCodeCache(640, never);
  const place = cache.allocate(64)!;
  cache.free(place);
  assertThrows(() => cache.free(place), Error, "this is a bug");
});

Deno.test("places never overlap, and an empty cache is one hole, whatever happened", () => {
  const step = fc.record({ size: fc.integer({ min: 0, max: 700 }), free: fc.option(fc.nat()) });
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const pieces: Place[] = [];
    const cache = createCodeCache(4096, () => pieces.shift() ?? null);
    for (const { size, free } of steps) {
      if (free !== null && pieces.length > 0) cache.free(pieces.splice(free % pieces.length, 1)[0]);
      const place = cache.allocate(size)!;
      assert(place.offset % 64 === 0 && place.offset + size <= 4096);
      for (const { offset, size: other } of pieces) {
        assert(place.offset >= offset + Math.max(1, other) || offset >= place.offset + Math.max(1, size));
      }
      pieces.push(place);
      assert(cache.stats().holes <= pieces.length + 1);
    }
    pieces.forEach(cache.free);
    assertEquals(cache.stats().largestHole, 4096);
    assertEquals(cache.stats().taken, 0);
  }));
});

Deno.test("100,000 pieces of code leave nothing behind, and the cache stays well used", () => {
  const BYTES = 1 << 20;
  const pieces = new Map<number, Place>();
  let random = 1, oldest = 0, used = 0;
  const cache = createCodeCache(BYTES, () => {
    while (!pieces.has(oldest)) oldest++;
    const place = pieces.get(oldest)!;
    pieces.delete(oldest);
    return place;
  });
  for (let i = 0; i < 100_000; i++) {
    random = Math.imul(random, 1103515245) + 12345 & 0x7FFF_FFFF;
    // Many small pieces, some large ones: what a program's functions look like.
    const size = 100 + (random >> 8) % 900 + (random % 50 === 0 ? 20_000 : 0);
    const place = cache.allocate(size)!;
    pieces.set(i, place);
    // Some are given back out of turn, by recompilation.
    const other = i - random % 500;
    if (random % 3 === 0 && pieces.has(other)) {
      cache.free(pieces.get(other)!);
      pieces.delete(other);
    }
    if (i >= 10_000) used += cache.stats().taken / 90_000;
  }
  assert(used > BYTES * 0.7, `only ${used} bytes are used on average`);
  for (const place of pieces.values()) cache.free(place);
  const { taken, holes, largestHole, pieces: left } = cache.stats();
  assertEquals({ taken, holes, largestHole, left }, { taken: 0, holes: 1, largestHole: BYTES, left: 0 });
});

// ---- routines ----------------------------------------------------------------------------------------------------

/** A memory that only takes note of what is written to it. */
function paper(): { readonly memory: ExecutableMemory; readonly written: [from: number, to: number][] } {
  const written: [number, number][] = [];
  const memory: ExecutableMemory = {
    mode: "dual",
    bytes: 65536,
    address: (offset) => BigInt(offset),
    write: (offset, code) => void written.push([offset, offset + code.length]),
    read: (_, length) => new Uint8Array(length),
    dispose: () => {},
  };
  return { memory, written };
}

/** A routine's address in the control words. */
const addressOf = (index: number) => I32[Control.ROUTINES + 2 * index];

Deno.test("routines are written once they are called, each once, and those that they call", () => {
  const before = I32.slice(Control.ROUTINES, Control.ROUTINES + 64);
  try {
    const names: RoutineName[] = [];
    for (let word: number = Control.ROUTINES; routineAt(word) !== undefined; word += 2) {
      names.push(routineAt(word)!);
    }
    const { memory, written } = paper(), routines = createRoutines(memory, 1024);
    callRoutine(createAssembler(), "wideAdd");
    assert(routines.complete());
    assert(!routines.complete());
    routines.activate();
    for (const name of ["wideAdd", "widen", "narrow"] as const) {
      assert(addressOf(names.indexOf(name)) >= 1024, name);
    }
    // All of them, which no program may call, still have room, side by side.
    for (const name of names) callRoutine(createAssembler(), name);
    routines.complete();
    routines.activate();
    assertEquals(written.length, names.length);
    assertEquals(
      names.map((_, index) => addressOf(index)).sort((x, y) => x - y),
      written.map(([from]) => from),
    );
    written.forEach(([from], index) => assertEquals(from, index === 0 ? 1024 : written[index - 1][1]));
    assert(written.at(-1)![1] <= 1024 + ROUTINE_BYTES);
  } finally {
    I32.set(before, Control.ROUTINES);
  }
});
