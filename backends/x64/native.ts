/**
 * Puts together what the other files of this folder know: encodings, templates, executable memory, the gate, and the
 * runner between the two worlds. Whether it can work here is for {@linkcode probe} to say.
 */

import { Control } from "../../core/memory.ts";
import type { BackendContext, NativeOptions, Probe, Runner, Target } from "../../core/backend.ts";
import { createAssembler, type X64Assembler } from "./assembler.ts";
import { dword, eax, ecx, type Label, mem, qword, rbx } from "./operands.ts";
import { isRefusal } from "./memory.ts";
import { createRunner } from "./runner.ts";
import { TEMPLATES } from "./templates.ts";
import { nativeWorld } from "./world.ts";

const target: Target<X64Assembler, Label> = {
  templates: TEMPLATES,
  assembler: createAssembler,
  jump: (asm, label) => asm.jmp(label),
  count: (asm) => asm.add(qword(mem(rbx, 4 * Control.EXECUTED_NATIVE)), 1),
  exit(asm, request, index, pc, proto) {
    asm.mov(ecx, pc);
    asm.mov(dword(mem(rbx, 4 * Control.NATIVE_PROTO)), proto);
    asm.mov(dword(mem(rbx, 4 * Control.EXIT)), index);
    asm.mov(eax, request);
    asm.jmp(qword(mem(rbx, 4 * Control.STUB_EXIT)));
  },
  interpret: (asm) => asm.jmp(qword(mem(rbx, 4 * Control.STUB_ENTER))),
};

/** Whether native code works in this process. */
export function probe(options?: NativeOptions): Probe {
  const world = nativeWorld(options);
  return isRefusal(world) ? { ok: false, because: world.because } : { ok: true };
}

/** A runner that compiles what is hot. */
export function open(context: BackendContext): Runner {
  const world = nativeWorld(context.native);
  if (isRefusal(world)) throw new Error(`The x64 backend was opened though ${world.because}`);
  return createRunner(world, context, target);
}
