/**
 * The gate: getting into machine code, out of it, back in, and out of its faults. What could end the process runs in
 * one of its own.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { Control, MEMORY_BYTES, views } from "../core/memory.ts";
import {
  createExecutableMemory,
  type ExecutableMemory,
  isRefusal,
  type Libc,
  MAP_FAILED,
  MEMORY_MODES,
  openLibc,
  type Refusal,
} from "../backends/x64/memory.ts";
import {
  createMachineStack,
  type Gate,
  GATE_BYTES,
  GATE_KINDS,
  type GateKind,
  type MachineStack,
  onMachineStack,
  openGate,
} from "../backends/x64/gate.ts";
import { createAssembler, type X64Assembler } from "../backends/x64/assembler.ts";
import { dword, type Label, mem, r15, rax, rbx, rip, rsp } from "../backends/x64/operands.ts";

const { I32 } = views;
const opened = openLibc();
if (isRefusal(opened)) console.log(`Tests of the gate are skipped: ${opened.because}`);

function must<T extends object>(result: T | Refusal): T {
  if (isRefusal(result)) throw new Error(result.because);
  return result;
}

interface Setup {
  readonly libc: Libc;
  readonly memory: ExecutableMemory;
  readonly stack: MachineStack;
  readonly gate: Gate;
  /** Writes code at an offset; `emit` leaves by `jmp exit`. */
  place(offset: number, emit: (asm: X64Assembler, exit: Label) => void): void;
}

const STACK_BYTES = 256 * 1024;
const CODE = 4096;

function withGate(kind: GateKind, run: (setup: Setup) => void): void {
  const libc = opened as Libc;
  const memory = must(createExecutableMemory(libc, "dual", 65536));
  const stack = must(createMachineStack(libc, STACK_BYTES));
  const gate = must(openGate(kind, libc, memory));
  run({
    libc,
    memory,
    stack,
    gate,
    place(offset, emit) {
      const asm = createAssembler(), exit = asm.label("exit");
      emit(asm, exit);
      const { bytes, labels, fixups } = asm.finish();
      const view = new DataView(bytes.buffer);
      for (const { offset: hole, label, end } of fixups) {
        view.setInt32(hole, (labels[label] ?? gate.exit - offset) - end, true);
      }
      memory.write(offset, bytes);
    },
  });
  stack.dispose();
  memory.dispose();
}

/** A test through each gate. */
function testGates(name: string, run: (setup: Setup) => void): void {
  for (const kind of GATE_KINDS) {
    Deno.test({ name: `${name} (${kind})`, ignore: isRefusal(opened), fn: () => withGate(kind, run) });
  }
}

/** Leaves, to go on behind this. */
function emitExit(asm: X64Assembler, exit: Label): void {
  const next = asm.label();
  asm.lea(rax, rip(next));
  asm.jmp(exit);
  asm.bind(next);
}

const GATE_TEST = dword(mem(rbx, Control.GATE_TEST * 4));
const readAddress = (word: number) => (I32[word] >>> 0) + I32[word + 1] * 2 ** 32;

testGates("enter() runs code with rbx and rsp as promised, resume() goes on after its exit", (setup) => {
  const { gate, place, stack } = setup;
  place(CODE, (asm, exit) => {
    asm.mov(GATE_TEST, 1);
    asm.push(rsp);
    emitExit(asm, exit);
    asm.pop(r15);
    asm.mov(mem(rbx, Control.GATE_TEST * 4), r15);
    emitExit(asm, exit);
  });
  const top = Number(stack.low) + stack.bytes;
  for (let i = 0; i < 100_000; i++) {
    gate.enter(CODE);
    if (I32[Control.GATE_TEST] !== 1 || readAddress(Control.MACHINE_SP) !== top - 8) break;
    gate.resume();
    if (readAddress(Control.GATE_TEST) !== top || readAddress(Control.MACHINE_SP) !== top) break;
  }
  assertEquals(I32[Control.GATE_TEST], top | 0);
  assertEquals(readAddress(Control.MACHINE_SP), top);
  assertEquals(top % 16, 0);
  assertEquals(readAddress(Control.HOST_SP), 0);
});

testGates(
  "onMachineStack() runs below what is suspended, aligned, and lets that go on",
  ({ gate, place }) => {
    const suspended = CODE, inner = CODE + 256;
    place(suspended, (asm, exit) => {
      asm.mov(rax, 77);
      asm.push(rax);
      emitExit(asm, exit);
      asm.pop(rax);
      asm.mov(mem(rbx, Control.GATE_TEST * 4), rax);
      emitExit(asm, exit);
    });
    place(inner, (asm, exit) => {
      asm.mov(mem(rbx, Control.GATE_TEST * 4), rsp);
      for (let i = 0; i < 3; i++) asm.push(rax);
      emitExit(asm, exit);
    });
    gate.enter(suspended);
    const sp = readAddress(Control.MACHINE_SP);
    assertThrows(
      () =>
        onMachineStack(() => {
          gate.enter(inner);
          assertEquals(readAddress(Control.GATE_TEST), sp - 8);
          throw new Error("never resumed");
        }),
      Error,
      "never resumed",
    );
    assertEquals(readAddress(Control.MACHINE_SP), sp);
    gate.resume();
    assertEquals(I32[Control.GATE_TEST], 77);
  },
);

testGates("nsPerCall() measures, and leaves the machine stack alone", ({ gate }) => {
  const sp = readAddress(Control.MACHINE_SP), ns = gate.nsPerCall();
  console.log(`${gate.kind}: ${ns.toFixed(1)} ns an entry`);
  assert(ns > 1 && ns < 1e6);
  assertEquals(readAddress(Control.MACHINE_SP), sp);
});

testGates("code reaches all of the linear memory", ({ gate, place }) => {
  place(CODE, (asm, exit) => {
    asm.mov(rax, MEMORY_BYTES - 4);
    asm.add(rax, rbx);
    asm.mov(dword(mem(rax)), 4321);
    emitExit(asm, exit);
  });
  gate.enter(CODE);
  assertEquals(I32[MEMORY_BYTES / 4 - 1], 4321);
  I32[MEMORY_BYTES / 4 - 1] = 0;
});

Deno.test({
  name: "openGate() works in each mode of memory, at any offset",
  ignore: isRefusal(opened),
  fn() {
    const libc = opened as Libc, stack = must(createMachineStack(libc, STACK_BYTES));
    for (const mode of MEMORY_MODES) {
      const memory = must(createExecutableMemory(libc, mode, 16384));
      for (const kind of GATE_KINDS) {
        for (const offset of [0, 64, 16384 - GATE_BYTES]) must(openGate(kind, libc, memory, offset));
      }
      memory.dispose();
    }
    stack.dispose();
  },
});

/** A bsearch that is not one, and what the self-test says about it. */
const BROKEN: readonly { what: string; bsearch: (libc: Libc) => Libc["bsearch"]; because: string }[] = [
  { what: "never calls", bsearch: () => () => {}, because: "native code did not run" },
  {
    what: "comes back with registers changed",
    bsearch: (libc) => (...args) => {
      libc.bsearch(...args);
      I32[Control.GATE_TEST + 1] = 0b101;
    },
    because: "it changes rbx, r12",
  },
  {
    what: "moves the machine stack",
    bsearch: (libc) => (...args) => {
      libc.bsearch(...args);
      I32[Control.MACHINE_SP] -= 8;
    },
    because: "it does not enter on the machine stack",
  },
];

for (const { what, bsearch, because } of BROKEN) {
  Deno.test({
    name: `openGate() refuses a gate that ${what}`,
    ignore: isRefusal(opened),
    fn() {
      const libc = opened as Libc, stack = must(createMachineStack(libc, STACK_BYTES));
      const memory = must(createExecutableMemory(libc, "dual", 4096));
      const refusal = openGate("bsearch", { ...libc, bsearch: bsearch(libc) }, memory) as Refusal;
      assertEquals(refusal.because, `the bsearch gate fails its test: ${because}`);
      assertEquals(BigInt(readAddress(Control.MACHINE_SP)), stack.low + BigInt(stack.bytes));
      memory.dispose();
      stack.dispose();
    },
  });
}

Deno.test({
  name: "createMachineStack() refuses when a call fails",
  ignore: isRefusal(opened),
  fn() {
    const libc: Libc = { ...opened as Libc, lastError: () => "Cannot allocate memory" };
    assertEquals(createMachineStack({ ...libc, mmap: () => MAP_FAILED }, 65536), {
      because: "mmap of the machine stack failed: Cannot allocate memory",
    });
    assertEquals(createMachineStack({ ...libc, mprotect: () => -1 }, 65536), {
      because: "mprotect of the guard page failed: Cannot allocate memory",
    });
  },
});

// ---- in a process of its own -------------------------------------------------------------------------------------

/** What child processes have at hand. */
const PRELUDE = `
import { Control, views } from "${import.meta.resolve("../core/memory.ts")}";
import * as memories from "${import.meta.resolve("../backends/x64/memory.ts")}";
import * as gates from "${import.meta.resolve("../backends/x64/gate.ts")}";
const { I32 } = views;
const must = (result) => {
  if (memories.isRefusal(result)) throw new Error(result.because);
  return result;
};
const libc = must(memories.openLibc());
function setUp() {
  const memory = must(memories.createExecutableMemory(libc, "dual", 65536));
  const stack = must(gates.createMachineStack(libc, ${STACK_BYTES}));
  const gate = must(gates.openGate("bsearch", libc, memory));
  return { memory, stack, gate };
}
const CODE = ${CODE};
`;

interface Ending {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
  readonly signal: string | null;
}

async function runChild(source: string, ...permissions: string[]): Promise<Ending> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", ...permissions, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(PRELUDE + source));
  await writer.close();
  const { stdout, stderr, code, signal } = await child.output();
  const decoder = new TextDecoder();
  return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr), code, signal };
}

const onLinux = Deno.build.os === "linux" && !isRefusal(opened);

Deno.test({ name: "a fault in native code comes back as a report", ignore: !onLinux }, async () => {
  const { stdout, stderr, code } = await runChild(
    `
    const { memory, stack, gate } = setUp();
    const handler = must(gates.installFaultHandler(libc, memory, stack, gate));
    const top = stack.low + BigInt(stack.bytes);
    const cases = {
      ud2: [0x90, 0x0F, 0x0B],                                          // nop; ud2
      divide: [0x31, 0xC9, 0xF7, 0xF1],                                 // xor ecx, ecx; div ecx
      load: [0xB8, 0x40, 0x10, 0x00, 0x00, 0x8B, 0x00],                 // mov eax, 0x1040; mov eax, [rax]
      int3: [0xCC],
      jump: [0xBA, 0x78, 0x56, 0x34, 0x12, 0xFF, 0xE2],                 // mov edx, 0x12345678; jmp rdx
      recursion: [0xE8, 0xFB, 0xFF, 0xFF, 0xFF],                        // call itself
      lost: [0x31, 0xE4, 0xFD, 0x50],                                   // xor esp, esp; std; push rax
    };
    for (let round = 0; round < 3; round++) {
      for (const [name, bytes] of Object.entries(cases)) {
        memory.write(CODE, new Uint8Array(bytes));
        gates.onMachineStack(() => gate.enter(CODE));
        const fault = handler.takeFault();
        if (round < 2) continue;
        const { signal, offset, address, registers } = fault;
        const code = address - memory.address(CODE), guard = address - stack.low;
        const at = code >= 0n && code < 64n ? \`code+\${code}\`
          : guard >= 0n && guard < 4096n ? "guard"
          : BigInt.asIntN(64, address).toString(16);
        console.log(name, signal, offset === null ? offset : offset - CODE, at, registers.rsp - top === 0n);
        if (name === "load" && registers.rax !== 0x1040n) console.log("registers are wrong", registers);
        if (handler.takeFault() !== null) console.log("told twice");
      }
    }
    console.log("still runs", gate.nsPerCall() > 0);
    handler.dispose();
  `,
    "-A",
  );
  assertEquals(stderr, "");
  assertEquals(
    stdout,
    [
      "ud2 SIGILL 1 code+1 true",
      "divide SIGFPE 2 code+2 true",
      "load SIGSEGV 5 1040 true",
      "int3 SIGTRAP 1 0 true",
      "jump SIGSEGV null 12345678 true",
      "recursion SIGSEGV 0 guard false",
      "lost SIGSEGV 3 -8 false",
      "still runs true",
      "",
    ].join("\n"),
  );
  assertEquals(code, 0);
});

Deno.test({ name: "traps of WebAssembly still work with a fault handler", ignore: !onLinux }, async () => {
  const { stdout, stderr } = await runChild(
    `
    const { memory, stack, gate } = setUp();
    must(gates.installFaultHandler(libc, memory, stack, gate));
    // (memory 1) (func (export "f") (param i32) (result i32) (i32.load (local.get 0)))
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1,
      7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2, 0, 11,
    ]))).exports;
    let trapped = 0;
    for (let i = 0; i < 20000; i++) {
      try {
        f(0x7FFFFF00);
      } catch {
        trapped++;
      }
    }
    // And V8's own stack check.
    const deep = () => deep() + 1;
    try {
      deep();
    } catch (error) {
      console.log(error.name, trapped, f(0));
    }
  `,
    "-A",
  );
  assertEquals({ stdout, stderr }, { stdout: "RangeError 20000 0\n", stderr: "" });
});

Deno.test({ name: "a fault elsewhere ends the process as without a handler", ignore: !onLinux }, async () => {
  const begin = `
    const { memory, stack, gate } = setUp();
    const handler = must(gates.installFaultHandler(libc, memory, stack, gate));
    memory.write(CODE, new Uint8Array([0x0F, 0x0B]));
  `;
  const [load, illegal, disposed] = await Promise.all([
    // In a C function, called by V8; there is a handler before ours, Rust's.
    runChild(`${begin} libc.copyTo(64n, new Uint8Array(8));`, "-A"),
    // In our code, but not entered by the gate; there is no handler before ours.
    runChild(`${begin} libc.bsearch(0n, 0n, 1n, 0n, memory.address(CODE));`, "-A"),
    runChild(`${begin} handler.dispose(); gate.enter(CODE);`, "-A"),
  ]);
  assertEquals([load.signal, illegal.signal, disposed.signal], ["SIGSEGV", "SIGILL", "SIGILL"]);
});

Deno.test({ name: "fault handlers form a chain, disposed of in any order", ignore: !onLinux }, async () => {
  const { stdout, stderr, signal } = await runChild(
    `
    const other = setUp(), own = setUp();
    const first = must(gates.installFaultHandler(libc, own.memory, own.stack, own.gate));
    const second = must(gates.installFaultHandler(libc, other.memory, other.stack, other.gate));
    own.memory.write(CODE, new Uint8Array([0x0F, 0x0B]));
    own.gate.enter(CODE);
    console.log(first.takeFault().signal);
    first.dispose();
    second.dispose();
    own.gate.enter(CODE);
  `,
    "-A",
  );
  assertEquals({ stdout, stderr, signal }, { stdout: "SIGILL\n", stderr: "", signal: "SIGILL" });
});

Deno.test({ name: "workers have gates and fault handlers of their own", ignore: !onLinux }, async () => {
  const worker = `${PRELUDE}
    const { memory, stack, gate } = setUp();
    const handler = must(gates.installFaultHandler(libc, memory, stack, gate));
    memory.write(CODE, new Uint8Array([0x0F, 0x0B]));
    let faults = 0;
    for (let i = 0; i < 1000; i++) {
      gates.onMachineStack(() => gate.enter(CODE));
      if (handler.takeFault()?.offset === CODE) faults++;
    }
    self.postMessage(faults);
  `;
  const { stdout, stderr, code } = await runChild(
    `
    const url = "data:text/javascript," + encodeURIComponent(${JSON.stringify(worker)});
    const workers = [1, 2, 3].map(() => new Worker(url, { type: "module" }));
    const faults = await Promise.all(workers.map((worker) =>
      new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data))
    ));
    workers.forEach((worker) => worker.terminate());
    console.log(faults.join());
  `,
    "-A",
  );
  assertEquals({ stdout, stderr, code }, { stdout: "1000,1000,1000\n", stderr: "", code: 0 });
});

// ---- permissions -------------------------------------------------------------------------------------------------

const PROBE = `
  const memory = must(memories.createExecutableMemory(libc, "dual", 65536));
  must(gates.createMachineStack(libc, ${STACK_BYTES}));
  for (const kind of gates.GATE_KINDS) {
    const gate = gates.openGate(kind, libc, memory);
    console.log(kind, gate.because ?? gate.nsPerCall() > 0);
  }
`;

Deno.test(
  { name: "the bsearch gate needs libc's path only, fnptr needs all of FFI", ignore: !onLinux },
  async () => {
    const [, path] = /\s(\/\S+\/libc\.so\.6)\n/.exec(Deno.readTextFileSync("/proc/self/maps")) ?? [];
    if (path === undefined) return console.log("Where libc lies could not be found: skipped");
    const aliases = [path, path.replace(/^\/usr/, "")];
    const { stdout, stderr } = await runChild(PROBE, `--allow-ffi=${aliases}`, "--allow-read");
    assertEquals(stderr, "");
    assertMatch(stdout, /^bsearch true\nfnptr Deno.UnsafeFnPointer is not permitted/);
  },
);

Deno.test("without permission everything is refused, and nobody is asked", async () => {
  const { stdout, stderr, code } = await runChild(PROBE, "--allow-read");
  assertEquals({ stdout, code }, { stdout: "", code: 1 });
  assertStringIncludes(stderr, Deno.build.arch === "x86_64" ? "--allow-ffi" : "processor");
});
