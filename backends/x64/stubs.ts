/**
 * The few pieces of machine code that all compiled functions share: how they are entered, and how they are left with
 * the machine's state in the control words. Where code goes when it is left for good or comes back is `runner.ts`'s.
 *
 * ```text
 *             resume                        exit · call · link · poll · return · interpret
 *  gate ────► load r12 r13 r14 r15, jump to TARGET ───► store base, pc, request ────► gate
 * ```
 */

import { Control, views } from "../../core/memory.ts";
import { HI_DOUBLE_END, HI_UINT } from "../../core/value.ts";
import { Proto } from "../../core/program.ts";
import { Request } from "../../core/backend.ts";
import { createAssembler } from "./assembler.ts";
import { finish, type Gate } from "./gate.ts";
import type { ExecutableMemory } from "./memory.ts";
import {
  dword,
  eax,
  ecx,
  edi,
  edx,
  esi,
  imm64,
  mem,
  r12,
  r12d,
  r13d,
  r14,
  r15,
  r15d,
  rax,
  rbp,
  rbx,
  rcx,
  rdi,
  rip,
  rsi,
} from "./operands.ts";

const { I32 } = views;

/**
 * Rounds that native loops have left after a look at the outside; the one behind them looks again. They go on counting
 * where code is left in between. From look to look it is a prime number of rounds, so that the looks, which are samples
 * too, do not meet the same place of a repeating sequence each time.
 */
export const POLL_ROUNDS = 262_147 - 1;

/** Room for the stubs. */
export const STUB_BYTES = 320;

const control = (word: number) => dword(mem(rbx, 4 * word));

/** The stubs in their place. */
export interface Stubs {
  /** Offset by which the gate enters code; it goes on at the offset in the control word TARGET. */
  readonly resume: number;
  /** Stores the addresses of the others, by which code leaves, in the control words. */
  activate(): void;
}

/** Writes the stubs: they come first, so that returning to the offset 0 is returning to the interpreter. */
export function writeStubs(memory: ExecutableMemory, gate: Gate): Stubs {
  const asm = createAssembler();
  const resume = asm.label("resume"), leave = asm.label("leave");
  const exit = asm.label("exit"), poll = asm.label("poll"), running = asm.label("of the running function");
  const call = asm.label("call"),
    link = asm.label("link"),
    interpret = asm.label("interpret");

  // A caller without native code, which has 0 for an offset: its record has been popped, its base is in r12.
  asm.mov(esi, dword(mem(r15, 8)));
  asm.mov(control(Control.NATIVE_PROTO), esi);
  asm.mov(ecx, dword(mem(r15)));
  asm.mov(eax, Request.LEAVE);
  asm.jmp(leave);

  // What :native-promise: of templates.ts says. The gate has set rbx.
  asm.bind(resume);
  asm.mov(eax, control(Control.STACK_LIMIT));
  asm.lea(rax, mem(rbx, rax, 4));
  asm.mov(mem(rbx, 4 * Control.WINDOW_LIMIT), rax);
  asm.mov(r15d, control(Control.FRAME_TOP));
  asm.lea(r15, mem(rbx, r15, 4));
  asm.mov(r12d, control(Control.NATIVE_BASE));
  asm.lea(r12, mem(rbx, r12, 4));
  asm.mov(r14, imm64(0, HI_UINT));
  asm.mov(rbp, imm64(0, HI_DOUBLE_END | 0));
  asm.mov(r13d, control(Control.ROUNDS));
  asm.mov(eax, control(Control.TARGET));
  asm.add(rax, mem(rbx, 4 * Control.CODE_ORIGIN));
  asm.jmp(rax);

  // A callee without native code: its proto word is in eax, its window in r12.
  asm.bind(interpret);
  asm.mov(control(Control.NATIVE_PROTO), eax);
  asm.lea(ecx, mem(rax, Proto.CODE));
  asm.mov(eax, Request.CALL);
  asm.jmp(leave);

  // ecx = pc, edx = number of the exit. The function that runs lies below its window, so no exit has to name it.
  asm.bind(exit);
  asm.mov(control(Control.EXIT), edx);
  asm.mov(eax, Request.STEP);
  asm.jmp(running);
  // The same for a call, and the number of its patch point.
  asm.bind(link);
  asm.mov(control(Control.EXIT), edx);
  asm.mov(eax, Request.LINK);
  asm.jmp(running);

  // eax = request: the value at rdi is called with edx arguments; the code goes on at rsi, where pc is ecx.
  asm.bind(call);
  asm.sub(rsi, mem(rbx, 4 * Control.CODE_ORIGIN));
  asm.mov(control(Control.TARGET), esi);
  asm.sub(rdi, rbx);
  asm.shr(rdi, 2);
  asm.mov(control(Control.CALLEE), edi);
  asm.mov(control(Control.ARGUMENTS), edx);
  asm.jmp(running);

  asm.bind(poll);
  asm.mov(eax, Request.POLL);
  asm.bind(running);
  asm.mov(esi, dword(mem(r12, -8)));
  asm.mov(esi, dword(mem(rbx, rsi, 8, 4)));
  asm.mov(control(Control.NATIVE_PROTO), esi);

  // eax = request, ecx = pc, r12 = window; the proto word has been stored.
  asm.bind(leave);
  asm.mov(control(Control.ROUNDS), r13d);
  asm.mov(control(Control.REQUEST), eax);
  asm.mov(control(Control.NATIVE_PC), ecx);
  asm.sub(r12, rbx);
  asm.shr(r12, 2);
  asm.mov(control(Control.NATIVE_BASE), r12d);
  asm.sub(r15, rbx);
  asm.shr(r15, 2);
  asm.mov(control(Control.FRAME_TOP), r15d);
  asm.mov(rcx, mem(rbx, 4 * Control.CODE_ORIGIN));
  asm.add(rcx, gate.exit);
  asm.lea(rax, rip(resume));
  asm.jmp(rcx);

  const { bytes, offsetOf } = finish(asm);
  if (bytes.length > STUB_BYTES) throw new Error(`The stubs take ${bytes.length} bytes: this is a bug`);
  memory.write(0, bytes);
  const addresses = ([
    [Control.CODE_ORIGIN, null],
    [Control.STUB_EXIT, exit],
    [Control.STUB_POLL, poll],
    [Control.STUB_CALL, call],
    [Control.STUB_ENTER, interpret],
    [Control.STUB_LINK, link],
  ] as const).map(([word, label]) => {
    const address = memory.address(label === null ? 0 : offsetOf(label));
    return { word, low: Number(BigInt.asIntN(32, address)), high: Number(BigInt.asIntN(32, address >> 32n)) };
  });
  return {
    resume: offsetOf(resume),
    activate() {
      for (const { word, low, high } of addresses) {
        I32[word] = low;
        I32[word + 1] = high;
      }
    },
  };
}
