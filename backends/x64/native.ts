/**
 * Puts together what the other files of this folder know: encodings, templates, executable memory, the gate, and the
 * runner between the two worlds. Whether it can work here is for {@linkcode probe} to say. All of them are named first, in
 * the order of what needs what, for the reason that cli.ts gives.
 */

import "../../core/backend.ts";
import "../../core/listing.ts";
import "../../core/native_views.ts";
import "./operands.ts";
import "./encodings.ts";
import "./disassembler.ts";
import "./assembler.ts";
import "./memory.ts";
import "./gate.ts";
import "./kit.ts";
import "./routines.ts";
import "./templates.ts";
import "./loops.ts";
import "./purpose.ts";
import "./report.ts";
import "./cache.ts";
import "./links.ts";
import "./stubs.ts";
import "./world.ts";
import "./runner.ts";
import { Control } from "../../core/memory.ts";
import type { BackendContext, Finding, NativeOptions, Probe, Runner, Target } from "../../core/backend.ts";
import { createAssembler, type X64Assembler } from "./assembler.ts";
import { ecx, edx, type Label, mem, qword, r13d, rbx } from "./operands.ts";
import { type Gate, GATE_KINDS } from "./gate.ts";
import { isRefusal, MEMORY_MODES, openLibc } from "./memory.ts";
import { LOOPS } from "./loops.ts";
import { listCode } from "./report.ts";
import { createRunner } from "./runner.ts";
import { TEMPLATES } from "./templates.ts";
import { nativeWorld } from "./world.ts";

const target: Target<X64Assembler, Label> = {
  name: "x64",
  templates: TEMPLATES,
  assembler: createAssembler,
  jump: (asm, label) => asm.jmp(label),
  count: (asm, by = 1) => asm.add(qword(mem(rbx, 4 * Control.EXECUTED_NATIVE)), by),
  loops: LOOPS,
  exit(asm, index, pc) {
    asm.mov(ecx, pc);
    asm.mov(edx, index);
    asm.jmp(qword(mem(rbx, 4 * Control.STUB_EXIT)));
  },
  link(asm, index, pc) {
    asm.mov(ecx, pc);
    asm.mov(edx, index);
    asm.jmp(qword(mem(rbx, 4 * Control.STUB_LINK)));
  },
  round(asm, poll) {
    asm.sub(r13d, 1);
    asm.js(poll);
  },
  poll(asm, pc) {
    asm.mov(ecx, pc);
    asm.jmp(qword(mem(rbx, 4 * Control.STUB_POLL)));
  },
  list: listCode,
};

/** Whether native code works in this process. */
export function probe(options?: NativeOptions): Probe {
  const world = nativeWorld(options);
  return isRefusal(world) ? { ok: false, because: world.because } : { ok: true };
}

/** Tries both ways of making executable memory, both gates, and whether faults are caught. */
export function examine(): Finding[] {
  const libc = openLibc();
  if (isRefusal(libc)) return [{ what: "C library", ok: false, details: libc.because }];
  const findings: Finding[] = [{ what: "C library", ok: true, details: libc.path }];
  libc.dispose();
  for (const memory of MEMORY_MODES) {
    const world = nativeWorld({ memory });
    const details = isRefusal(world) ? world.because : MEMORY_DETAILS[memory];
    findings.push({ what: `executable memory '${memory}'`, ok: !isRefusal(world), details });
  }
  for (const gate of GATE_KINDS) {
    const world = nativeWorld({ gate });
    const details = isRefusal(world) ? world.because : `${costOf(world.gate).toFixed(0)} ns for a call`;
    findings.push({ what: `gate '${gate}'`, ok: !isRefusal(world), details });
  }
  const world = nativeWorld();
  const isCaught = !isRefusal(world) && world.faults !== null;
  findings.push({
    what: "fault handler",
    ok: isCaught,
    details: isCaught ? "faults in native code are reported" : "a fault in native code would end the process",
  });
  return findings;
}

/** Nanoseconds of a call, once V8 has seen enough of them to make them fast. */
function costOf(gate: Gate): number {
  return Math.min(...Array.from({ length: 10 }, () => gate.nsPerCall()));
}

/** How each way keeps code from being written and executed through one mapping. */
const MEMORY_DETAILS = {
  dual: "written through one mapping, executed through another",
  mprotect: "one mapping, written and executed by turns",
} as const;

/** A runner that compiles what is hot. */
export function open(context: BackendContext): Runner {
  const world = nativeWorld(context.native);
  if (isRefusal(world)) throw new Error(`The x64 backend was opened though ${world.because}`);
  return createRunner(world, context, target);
}
