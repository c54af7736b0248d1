/**
 * The gate between TypeScript and machine code: how one gets into generated code, how it gets out, and what happens
 * when it faults. This file decides on which stack native code runs and which registers it is promised; what it
 * computes, and what it asks for by leaving, is not known here.
 *
 * ```text
 *  TypeScript ──call──► libc ──call──► entry stub ──jmp──► generated code          rsp: host's │ machine stack
 *             ◄──ret───      ◄──ret───  exit stub ◄──jmp──
 * ```
 *
 * :native-promise: Generated code is jumped to, at the beginning and after each exit, with
 * - rbx = address of the linear memory, to be kept as long as it runs;
 * - rsp = the machine stack as the exit before left it, a multiple of 16 at the beginning;
 * - the direction flag clear, everything else undefined: the other callee-saved registers are its own to use.
 *
 * It leaves with `lea rax, [where to go on]; jmp exit`, having stored what it wants in control words. Both ways are
 * jumps on purpose. The processor predicts a `ret` from the calls it has seen; the only `call` and `ret` here are the
 * host's, in pairs, so it is never wrong about them: 8 ns for an exit and the way back instead of 25.
 *
 * Two gates lead to the entry stub. `Deno.UnsafeFnPointer` is the plain one. A `Deno.dlopen` symbol is called eighty
 * times as fast (7 ns against 600), from within V8's compiled code, but can only be a function that exists in a library: so the other gate has
 * C's `bsearch` search an array of one item, which calls the comparison function it is given just once.
 */

import { Control, views } from "../../core/memory.ts";
import { createAssembler, type X64Assembler } from "./assembler.ts";
import {
  cl,
  dword,
  eax,
  ecx,
  edi,
  type Label,
  mem,
  qword,
  r12,
  r13,
  r14,
  r15,
  r8,
  r9,
  rax,
  rbp,
  rbx,
  rdi,
  rdx,
  rip,
  rsi,
  rsp,
} from "./operands.ts";
import {
  type ExecutableMemory,
  isRefusal,
  type Libc,
  MAP_FAILED,
  MapFlags,
  Protection,
  type Refusal,
  refuse,
} from "./memory.ts";

const { I32 } = views;
const { MACHINE_PC, MACHINE_SP } = Control;

/** What System V lets a function use only if it puts them back. */
const CALLEE_SAVED = [rbx, rbp, r12, r13, r14, r15] as const;

/** A control word, in code that has the linear memory in rbx. */
const control = (word: number) => mem(rbx, word * 4);

function storeAddress(word: number, address: bigint): void {
  I32[word] = Number(BigInt.asIntN(32, address));
  I32[word + 1] = Number(BigInt.asIntN(32, address >> 32n));
}

function loadAddress(word: number): bigint {
  return BigInt.asUintN(32, BigInt(I32[word])) | BigInt.asUintN(32, BigInt(I32[word + 1])) << 32n;
}

/** The code with the distances filled in, and where its labels are. Its jumps stay within it. */
export function finish(asm: X64Assembler): { bytes: Uint8Array; offsetOf(label: Label): number } {
  const { bytes, labels, fixups } = asm.finish();
  const offsetOf = ({ id }: Label) => {
    const offset = labels[id];
    if (offset === undefined) throw new Error("A stub jumps to a place that it does not have: this is a bug");
    return offset;
  };
  const view = new DataView(bytes.buffer);
  for (const { offset, label, end } of fixups) view.setInt32(offset, labels[label]! - end, true);
  return { bytes, offsetOf };
}

// ---- the machine stack -------------------------------------------------------------------------------------------

/** A stack for native code. */
export interface MachineStack {
  /** Its lowest address, that of the guard page. */
  readonly low: bigint;
  readonly bytes: number;
  dispose(): void;
}

/** Left below the limit for what needs stack without asking: signal handlers, C functions. */
const STACK_RESERVE = 64 * 1024;

/**
 * Maps the stack on which native code runs, and stores its ends in the control words. It needs one of its own: the
 * host's is small, V8 checks its pointer against a limit, and suspended code must stay where it is while TypeScript
 * goes on below.
 *
 * ```text
 *  low       ┌───────────────┐
 *            │ guard page    │  touching it is a fault, reported like any other
 *            ├───────────────┤
 *            │ reserve       │  64 KiB
 *            ├───────────────┤ ◄ MACHINE_LIMIT, checked by prologues
 *            │       ▲       │
 *            │ return addresses
 *  low+bytes └───────────────┘ ◄ MACHINE_TOP
 * ```
 */
export function createMachineStack(libc: Libc, bytes: number): MachineStack | Refusal {
  const size = Math.ceil(bytes / libc.pageSize) * libc.pageSize;
  const flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.NO_RESERVE;
  const low = libc.mmap(size, Protection.READ | Protection.WRITE, flags, -1);
  if (low === MAP_FAILED) return refuse(libc, "mmap of the machine stack");
  if (libc.mprotect(low, BigInt(libc.pageSize), Protection.NONE) !== 0) {
    const refusal = refuse(libc, "mprotect of the guard page");
    libc.munmap(low, size);
    return refusal;
  }
  const top = low + BigInt(size);
  storeAddress(Control.MACHINE_SP, top);
  storeAddress(Control.MACHINE_TOP, top);
  storeAddress(Control.MACHINE_LIMIT, low + BigInt(libc.pageSize + STACK_RESERVE));
  return {
    low,
    bytes: size,
    dispose: () => {
      libc.munmap(low, size);
    },
  };
}

/**
 * Does some work that enters native code, below what suspended code has on the machine stack, and leaves that as it
 * was, also when the work ends by an exception or without resuming its last exit.
 */
export function onMachineStack<T>(work: () => T): T {
  const sp = I32[Control.MACHINE_SP], spHigh = I32[Control.MACHINE_SP + 1];
  const pc = I32[Control.MACHINE_PC], pcHigh = I32[Control.MACHINE_PC + 1];
  try {
    return work();
  } finally {
    I32[Control.MACHINE_SP] = sp;
    I32[Control.MACHINE_SP + 1] = spHigh;
    I32[Control.MACHINE_PC] = pc;
    I32[Control.MACHINE_PC + 1] = pcHigh;
  }
}

// ---- the gate ----------------------------------------------------------------------------------------------------

/** The ways in, see the top of this file. */
export type GateKind = "bsearch" | "fnptr";

/** The gates, the faster one first. */
export const GATE_KINDS: readonly GateKind[] = ["bsearch", "fnptr"];

/** An open way into native code. */
export interface Gate {
  readonly kind: GateKind;
  /** Offset of the exit stub in the executable memory: generated code jumps to it, with rax = where to go on. */
  readonly exit: number;
  /** Offset at which native code is given up, with rbx = the linear memory: for {@linkcode installFaultHandler}. */
  readonly abandon: number;
  /** Runs the code at an offset of the executable memory until it exits. */
  enter(offset: number): void;
  /** Goes on where the last exit said. */
  resume(): void;
  /** Nanoseconds of a `resume` whose code exits at once, measured for about 10 ms. */
  nsPerCall(): number;
}

/** Room that a gate takes in the executable memory. */
export const GATE_BYTES = 512;

/**
 * Opens a gate to an executable memory, whose first {@linkcode GATE_BYTES} from `offset` on are for its stubs, and
 * tries it out. There must be a machine stack.
 */
export function openGate(
  kind: GateKind,
  libc: Libc,
  memory: ExecutableMemory,
  offset = 0,
): Gate | Refusal {
  const stubs = assembleStubs(libc.addressOf(views.U8.subarray(0, 8)));
  const call = openTrampoline(kind, libc, memory.address(offset));
  if (typeof call !== "function") return call;
  const canaries = openTrampoline(kind, libc, memory.address(offset + stubs.canaries));
  if (typeof canaries !== "function") return canaries;
  memory.write(offset, stubs.code);

  // Exact: addresses of a process have 47 bits.
  const origin = Number(memory.address(0));
  // Almost always it is the same place, so its address is taken apart once.
  let last = NaN, low = 0, high = 0;
  function goTo(offset: number): void {
    if (offset !== last) {
      last = offset;
      low = (origin + offset) | 0;
      high = (origin + offset) / 0x1_0000_0000 | 0;
    }
    // The exit has most likely left just that, as 64 bits; stored anew as two halves, it would keep the entry waiting.
    if (I32[MACHINE_PC] !== low || I32[MACHINE_PC + 1] !== high) {
      I32[MACHINE_PC] = low;
      I32[MACHINE_PC + 1] = high;
    }
    // Code that was suspended within a call may have left it at an odd multiple of 8.
    if ((I32[MACHINE_SP] & 15) !== 0) I32[MACHINE_SP] &= -16;
  }
  const failure = onMachineStack(() => {
    goTo(offset + stubs.trial);
    return tryOut(canaries);
  });
  if (failure !== null) return { because: `the ${kind} gate fails its test: ${failure}` };
  return {
    kind,
    exit: offset + stubs.exit,
    abandon: offset + stubs.abandon,
    enter(offset) {
      goTo(offset);
      call();
    },
    resume: call,
    nsPerCall: () =>
      onMachineStack(() => {
        goTo(offset + stubs.idle);
        return measure(call);
      }),
  };
}

/** A function that calls the C function without arguments and results at an address. */
function openTrampoline(kind: GateKind, libc: Libc, address: bigint): (() => void) | Refusal {
  if (kind === "bsearch") {
    const { bsearch } = libc;
    // A search in one item of no size, all else being zero: nothing is read, the comparison is called once.
    return () => bsearch(0n, 0n, 1n, 0n, address);
  }
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    return { because: "Deno.UnsafeFnPointer is not permitted (--allow-ffi, without a path)" };
  }
  const signature = { parameters: [], result: "void" } as const;
  const pointer = Deno.UnsafePointer.create<typeof signature>(address);
  if (pointer === null) return { because: "there is no code at address 0" };
  const stub = new Deno.UnsafeFnPointer(pointer, signature);
  return () => stub.call();
}

/** What the two rounds of the trial store. */
const TRIAL_BEGUN = 0x5EED_0001, TRIAL_RESUMED = 0x5EED_0002;

/** What a callee-saved register holds while it is watched: all 64 bits of it matter. */
const canary = (index: number) => 0x7A5E_5AFE_0DDB_A110n + BigInt(index);

/** Code that C can call, and code that generated code jumps to. All that is fixed about it is baked into it. */
function assembleStubs(memory: bigint) {
  const asm = createAssembler();
  const entry = asm.label("entry"), exit = asm.label("exit"), abandon = asm.label("abandon");
  const trial = asm.label("trial"), resumed = asm.label("resumed"), idle = asm.label("idle");
  const canaries = asm.label("canaries");

  asm.bind(entry);
  for (const register of CALLEE_SAVED) asm.push(register);
  asm.mov(rbx, memory);
  asm.mov(control(Control.HOST_SP), rsp);
  asm.mov(rsp, control(Control.MACHINE_SP));
  asm.jmp(qword(control(Control.MACHINE_PC)));

  asm.bind(exit);
  asm.mov(control(Control.MACHINE_PC), rax);
  asm.mov(control(Control.MACHINE_SP), rsp);
  asm.bind(abandon);
  asm.mov(rsp, control(Control.HOST_SP));
  asm.mov(qword(control(Control.HOST_SP)), 0);
  for (const register of CALLEE_SAVED.toReversed()) asm.pop(register);
  asm.comment("the comparison says: found");
  asm.xor(eax, eax);
  asm.ret();

  // The trial: writes a word, ruins what it may, leaves; is resumed, writes another word, leaves.
  asm.bind(trial);
  asm.mov(dword(control(Control.GATE_TEST)), TRIAL_BEGUN);
  for (const register of CALLEE_SAVED) if (register !== rbx) asm.mov(register, rsp);
  asm.lea(rax, rip(resumed));
  asm.jmp(exit);
  asm.bind(resumed);
  asm.mov(dword(control(Control.GATE_TEST)), TRIAL_RESUMED);
  asm.bind(idle);
  asm.lea(rax, rip(idle));
  asm.jmp(exit);

  // Goes through the gate as a C caller with something to lose, and tells which registers came back changed, as bits.
  asm.bind(canaries);
  for (const register of CALLEE_SAVED) asm.push(register);
  asm.comment("align: 7 words and the return address");
  asm.push(rax);
  CALLEE_SAVED.forEach((register, i) => asm.mov(register, canary(i)));
  asm.call(entry);
  asm.xor(eax, eax);
  asm.xor(ecx, ecx);
  for (let i = CALLEE_SAVED.length - 1; i >= 0; i--) {
    asm.mov(rdx, canary(i));
    asm.cmp(CALLEE_SAVED[i], rdx);
    asm.setne(cl);
    asm.add(eax, eax);
    asm.or(eax, ecx);
  }
  asm.mov(rdx, memory);
  asm.mov(mem(rdx, (Control.GATE_TEST + 1) * 4), eax);
  asm.pop(rax);
  for (const register of CALLEE_SAVED.toReversed()) asm.pop(register);
  asm.ret();

  const { bytes, offsetOf } = finish(asm);
  if (bytes.length > GATE_BYTES) throw new Error(`The gate takes ${bytes.length} bytes: this is a bug`);
  return {
    code: bytes,
    exit: offsetOf(exit),
    abandon: offsetOf(abandon),
    trial: offsetOf(trial),
    idle: offsetOf(idle),
    canaries: offsetOf(canaries),
  };
}

/** Enters the trial twice; gives what is wrong, or null. */
function tryOut(enter: () => void): string | null {
  for (const expected of [TRIAL_BEGUN, TRIAL_RESUMED]) {
    I32[Control.GATE_TEST] = 0;
    I32[Control.GATE_TEST + 1] = -1;
    const sp = loadAddress(Control.MACHINE_SP);
    enter();
    if (I32[Control.GATE_TEST] !== expected) return "native code did not run";
    if (I32[Control.GATE_TEST + 1] !== 0) {
      const lost = CALLEE_SAVED.filter((_, i) => I32[Control.GATE_TEST + 1] >> i & 1);
      return `it changes ${lost.map(({ name }) => name).join(", ")}`;
    }
    if (loadAddress(Control.MACHINE_SP) !== sp) return "it does not enter on the machine stack";
    if (sp % 16n !== 0n) return "the machine stack is not aligned";
    if (loadAddress(Control.HOST_SP) !== 0n) return "it does not leave";
  }
  return null;
}

/** Nanoseconds of a call, the least of five batches: others use the processor too. */
function measure(call: () => void): number {
  const MILLISECONDS = 2;
  let best = Infinity;
  for (let batch = 0; batch < 5; batch++) {
    const begin = performance.now();
    let calls = 0, elapsed = 0;
    do {
      for (let i = 0; i < 500; i++) call();
      calls += 500;
      elapsed = performance.now() - begin;
    } while (elapsed < MILLISECONDS);
    best = Math.min(best, elapsed * 1e6 / calls);
  }
  return best;
}

// ---- faults ------------------------------------------------------------------------------------------------------

/** The signals by which the processor objects to an instruction, with their numbers on Linux. */
const FAULT_SIGNALS = { SIGILL: 4, SIGTRAP: 5, SIGBUS: 7, SIGFPE: 8, SIGSEGV: 11 } as const;

/** What such a signal is called. */
export type FaultSignal = keyof typeof FAULT_SIGNALS;

/** ORDER signal frame: as the kernel stores them, from `gregs` on. */
const FRAME_REGISTERS = [
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbp", "rbx", "rdx", "rax", "rcx"],
  ...["rsp", "rip", "eflags"],
];

/** An instruction of native code that the processor refused to carry out. */
export interface Fault {
  readonly signal: FaultSignal;
  /** Offset of the instruction in the executable memory; null for a jump out of it. */
  readonly offset: number | null;
  /** The memory address that the instruction wanted, if it wanted one; otherwise its own. */
  readonly address: bigint;
  /** The machine registers before it, `rip` and `eflags` included. */
  readonly registers: Readonly<Record<string, bigint>>;
}

/** Turns faults of native code into exits. */
export interface FaultHandler {
  /**
   * To be asked after each return from the gate: the fault that ended native code, once, or null. What it had on the
   * machine stack is not to be resumed.
   */
  takeFault(): Fault | null;
  /** Puts the handlers before it back. */
  dispose(): void;
}

/** What the handler needs to know, in a page of its own: code and data are never in one. Offsets in bytes. */
const HandlerData = {
  MEMORY: 0,
  STACK_LOW: 8,
  STACK_BYTES: 16,
  CODE_LOW: 24,
  CODE_BYTES: 32,
  ABANDON: 40,
  /** The handler before this one, for each signal number. */
  PREVIOUS: 48,
  END: 48 + 32 * 8,
} as const;

/** Offsets in what the kernel hands to a handler: `siginfo_t`, and `ucontext_t` of x86-64 Linux. */
const SI_ADDR = 16;
const UC_REGISTERS = 40, UC_SIGNAL_MASK = 296;
const inFrame = (name: string) => UC_REGISTERS + 8 * FRAME_REGISTERS.indexOf(name);

/** Offsets in `struct sigaction` as glibc has it. */
const SA_HANDLER = 0, SA_FLAGS = 136, SIGACTION_BYTES = 152;
const SA_SIGINFO = 4, SA_ONSTACK = 0x0800_0000, SA_RESETHAND = -0x8000_0000;

/**
 * Installs a signal handler, in machine code: when the fault was native code's, it stores what happened in control
 * words and lets the interrupted thread go on at the exit, so that TypeScript finds itself behind the gate with a fault
 * to report. All other faults are left to the handler before, as if there were none here: V8 and Rust have theirs.
 *
 * Handlers are the process's, not a thread's. Workers that each install one make a chain, which holds when they are
 * disposed of in any order.
 */
export function installFaultHandler(
  libc: Libc,
  memory: ExecutableMemory,
  stack: MachineStack,
  gate: Gate,
): FaultHandler | Refusal {
  if (Deno.build.os !== "linux") return { because: "reports of faults know the signal frames of Linux only" };
  const alternate = provideSignalStack(libc);
  if (isRefusal(alternate)) return alternate;
  const page = libc.pageSize;
  const base = libc.mmap(
    2 * page,
    Protection.READ | Protection.WRITE,
    MapFlags.PRIVATE | MapFlags.ANONYMOUS,
    -1,
  );
  if (base === MAP_FAILED) return refuse(libc, "mmap of the fault handler");
  const dataAt = base + BigInt(page);
  libc.copyTo(base, assembleHandler(dataAt));
  if (libc.mprotect(base, BigInt(page), Protection.READ | Protection.EXECUTE) !== 0) {
    const refusal = refuse(libc, "mprotect of the fault handler");
    libc.munmap(base, 2 * page);
    return refusal;
  }

  const data = new Uint8Array(HandlerData.END), fields = new DataView(data.buffer);
  const set = (field: number, value: bigint) => fields.setBigUint64(field, value, true);
  const codeLow = memory.address(0);
  set(HandlerData.MEMORY, libc.addressOf(views.U8.subarray(0, 8)));
  set(HandlerData.STACK_LOW, stack.low);
  set(HandlerData.STACK_BYTES, BigInt(stack.bytes) + 1n);
  set(HandlerData.CODE_LOW, codeLow);
  set(HandlerData.CODE_BYTES, BigInt(memory.bytes));
  set(HandlerData.ABANDON, memory.address(gate.abandon));

  const signals = Object.entries(FAULT_SIGNALS) as [FaultSignal, number][];
  const previous = new Map<number, Uint8Array>();
  for (const [, signal] of signals) {
    const action = new Uint8Array(SIGACTION_BYTES);
    if (libc.sigaction(signal, null, action) !== 0) {
      const refusal = refuse(libc, "sigaction");
      libc.munmap(base, 2 * page);
      return refusal;
    }
    previous.set(signal, action);
    set(HandlerData.PREVIOUS + 8 * signal, handlerOf(action));
  }
  libc.copyTo(dataAt, data);
  I32[Control.FAULT_SIGNAL] = 0;

  /** Puts back what was there, unless somebody else has come in between. */
  function restore(): boolean {
    let all = true;
    for (const [signal, action] of previous) {
      const now = new Uint8Array(SIGACTION_BYTES);
      libc.sigaction(signal, null, now);
      if (handlerOf(now) === base) libc.sigaction(signal, action, null);
      else all = false;
    }
    return all;
  }

  for (const [signal, old] of previous) {
    // The mask and the flags that the handler before counts on, should it be called.
    const action = old.slice(), words = new DataView(action.buffer);
    words.setBigUint64(SA_HANDLER, base, true);
    words.setInt32(
      SA_FLAGS,
      (words.getInt32(SA_FLAGS, true) | SA_SIGINFO | SA_ONSTACK) & ~SA_RESETHAND,
      true,
    );
    if (libc.sigaction(signal, action, null) !== 0) {
      const refusal = refuse(libc, "sigaction");
      restore();
      libc.munmap(base, 2 * page);
      return refusal;
    }
  }

  return {
    takeFault() {
      const number = I32[Control.FAULT_SIGNAL];
      if (number === 0) return null;
      I32[Control.FAULT_SIGNAL] = 0;
      const registers = Object.fromEntries(
        FRAME_REGISTERS.map((name, i) => [name, loadAddress(Control.FAULT_REGISTERS + 2 * i)]),
      );
      const offset = Number(registers.rip - codeLow);
      return {
        signal: signals.find(([, each]) => each === number)![0],
        offset: offset >= 0 && offset < memory.bytes ? offset : null,
        address: loadAddress(Control.FAULT_ADDRESS),
        registers,
      };
    },
    dispose() {
      if (restore()) libc.munmap(base, 2 * page);
      else {
        // A later handler still chains to this one, which from now on only passes on.
        set(HandlerData.STACK_BYTES, 0n);
        set(HandlerData.CODE_BYTES, 0n);
        libc.copyTo(dataAt, data);
      }
      alternate.dispose();
    },
  };
}

const handlerOf = (action: Uint8Array): bigint => new DataView(action.buffer).getBigUint64(SA_HANDLER, true);

/** `handler(rdi = signal, rsi = siginfo, rdx = ucontext)`; uses what a C function may, and hardly any stack. */
function assembleHandler(data: bigint): Uint8Array {
  const asm = createAssembler();
  const field = (offset: number) => mem(r9, offset);
  const ours = asm.label("ours"), pass = asm.label("pass"), byDefault = asm.label("default");
  asm.mov(r9, data);
  asm.mov(r8, field(HandlerData.MEMORY));

  // On the machine stack, in its guard page, or just above: native code, or what it called or jumped to by mistake.
  asm.mov(rax, mem(rdx, inFrame("rsp")));
  asm.sub(rax, field(HandlerData.STACK_LOW));
  asm.cmp(rax, field(HandlerData.STACK_BYTES));
  asm.jb(ours);

  // With its stack pointer lost, code is known by where it is, and by having been entered.
  asm.mov(rax, mem(rdx, inFrame("rip")));
  asm.sub(rax, field(HandlerData.CODE_LOW));
  asm.cmp(rax, field(HandlerData.CODE_BYTES));
  asm.jae(pass);
  asm.cmp(qword(mem(r8, Control.HOST_SP * 4)), 0);
  asm.je(pass);

  asm.bind(ours);
  asm.mov(mem(r8, Control.FAULT_SIGNAL * 4), edi);
  asm.mov(rax, mem(rsi, SI_ADDR));
  asm.mov(mem(r8, Control.FAULT_ADDRESS * 4), rax);
  asm.lea(rsi, mem(rdx, UC_REGISTERS));
  asm.lea(rdi, mem(r8, Control.FAULT_REGISTERS * 4));
  asm.mov(ecx, FRAME_REGISTERS.length);
  asm.rep_movsq();
  // The thread goes on with these registers when the handler returns.
  const DIRECTION_AND_TRAP = 0x500;
  asm.mov(mem(rdx, inFrame("rbx")), r8);
  asm.mov(rax, field(HandlerData.ABANDON));
  asm.mov(mem(rdx, inFrame("rip")), rax);
  asm.and(dword(mem(rdx, inFrame("eflags"))), ~DIRECTION_AND_TRAP);
  asm.ret();

  asm.bind(pass);
  asm.mov(eax, edi);
  asm.mov(rax, mem(r9, rax, 8, HandlerData.PREVIOUS));
  asm.comment("SIG_DFL is 0, SIG_IGN is 1");
  asm.cmp(rax, 1);
  asm.jbe(byDefault);
  asm.jmp(rax);

  // The instruction is carried out again, with the signal blocked: then the kernel ends the process by it, and the
  // core dump shows the very place.
  asm.bind(byDefault);
  asm.lea(ecx, mem(rdi, -1));
  asm.mov(eax, 1);
  asm.shl(rax, cl);
  asm.or(mem(rdx, UC_SIGNAL_MASK), rax);
  asm.ret();
  return finish(asm).bytes;
}

/**
 * Sees to it that this thread's handlers have a stack of their own: a machine stack that has run out cannot take them.
 * Rust gives one to each thread that it starts, so mostly there is one.
 */
function provideSignalStack(libc: Libc): { dispose(): void } | Refusal {
  const SS_DISABLE = 2, FLAGS = 8, SIZE = 16;
  const bytes = 64 * 1024;
  const current = new Uint8Array(24);
  if (libc.sigaltstack(null, current) !== 0) return refuse(libc, "sigaltstack");
  if ((new DataView(current.buffer).getInt32(FLAGS, true) & SS_DISABLE) === 0) return { dispose: () => {} };
  const low = libc.mmap(bytes, Protection.READ | Protection.WRITE, MapFlags.PRIVATE | MapFlags.ANONYMOUS, -1);
  if (low === MAP_FAILED) return refuse(libc, "mmap of the signal stack");
  const stack = new Uint8Array(24), view = new DataView(stack.buffer);
  view.setBigUint64(0, low, true);
  view.setBigUint64(SIZE, BigInt(bytes), true);
  if (libc.sigaltstack(stack, null) !== 0) {
    const refusal = refuse(libc, "sigaltstack");
    libc.munmap(low, bytes);
    return refusal;
  }
  return {
    dispose() {
      libc.sigaltstack(current, null);
      libc.munmap(low, bytes);
    },
  };
}
