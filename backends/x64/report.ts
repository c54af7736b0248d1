/**
 * What is said about native code: for people who want to know what the processor was doing. This file only formats.
 */

import { OPCODES } from "../../core/opcodes.ts";
import type { Code } from "../../core/backend.ts";
import { listBytes } from "./disassembler.ts";
import type { Fault } from "./gate.ts";

/** Lines of machine code shown before and behind a faulting instruction. */
const CONTEXT = 6;

/** Place in the function's code of the instruction whose machine code is at `offset`; -1 for what is behind them all. */
export function pcAt(code: Code, offset: number): number {
  let found = -1, best = -1;
  code.entries.forEach((entry, pc) => {
    if (entry >= 0 && entry <= offset && entry > best) {
      best = entry;
      found = pc;
    }
  });
  return found;
}

/** The report of a fault: signal, function, opcode, source line, and the machine code around. */
export function describeFault(fault: Fault, code: Code | null, start: number): string {
  const lines = [`Fault in native code: ${fault.signal} at address 0x${fault.address.toString(16)}`];
  if (code === null || fault.offset === null) {
    lines.push("  outside of all compiled functions");
  } else {
    const { loaded, code: words } = code.hot, at = fault.offset - start, pc = pcAt(code, at);
    const { source, proto } = loaded;
    const position = source.position(proto.spans[2 * pc] ?? proto.start);
    lines.push(
      `  in ${proto.name}, ${OPCODES[words[pc] & 0xFF]?.name ?? "?"} at pc ${pc}`,
      `  ${source.path}:${position.line}:${position.column}`,
      `  ${source.lineText(position.line).trim()}`,
      "",
    );
    const listing = listBytes(code.bytes), index = listing.findIndex((line) => line.offset === at);
    for (const line of listing.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1)) {
      lines.push(
        `  ${line.offset === at ? "=>" : "  "} ${line.offset.toString(16).padStart(5)}  ${line.text}`,
      );
    }
  }
  const registers = Object.entries(fault.registers).map(([name, value]) => `${name} 0x${value.toString(16)}`);
  lines.push("");
  for (let i = 0; i < registers.length; i += 4) lines.push(`  ${registers.slice(i, i + 4).join("  ")}`);
  lines.push(
    "",
    "This is a bug in the runtime, not in the program; --backend=interp runs it without native code.",
  );
  return lines.join("\n");
}
