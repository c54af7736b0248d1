/**
 * What is said about native code: for people who want to know what the processor was doing. This file only formats.
 */

import { OPCODES } from "../../core/opcodes.ts";
import { listingContextOf, pcAt } from "../../core/native_views.ts";
import type { Code, ListingContext, MachineLine } from "../../core/backend.ts";
import { listBytes } from "./disassembler.ts";
import { createReader } from "./purpose.ts";
import type { Fault } from "./gate.ts";

/** Lines of machine code shown before and behind a faulting instruction. */
const CONTEXT = 6;

/** Reads machine code back, with names for what it works on and a few words for what each instruction is for. */
export function listCode(bytes: Uint8Array, context: ListingContext): MachineLine[] {
  const read = createReader(context);
  return listBytes(bytes, context).map(({ offset, length, text, comment }) => {
    const { text: named, purpose } = read(text);
    return { offset, length, text: named, purpose: comment ?? purpose };
  });
}

/** The report of a fault: signal, function, opcode, source line, and the machine code around. */
export function describeFault(fault: Fault, code: Code | null, start: number): string {
  const lines = [`Fault in native code: ${fault.signal} at address 0x${fault.address.toString(16)}`];
  if (code === null || fault.offset === null) {
    lines.push("  outside of all compiled functions");
  } else {
    const { loaded, code: words } = code.hot, at = fault.offset - start, pc = pcAt(code.draft, at);
    const { source, proto } = loaded;
    const position = source.position(proto.spans[2 * pc] ?? proto.start);
    lines.push(
      `  in ${proto.name}, ${OPCODES[words[pc] & 0xFF]?.name ?? "between instructions"} at pc ${pc}`,
      `  ${source.path}:${position.line}:${position.column}`,
      `  ${source.lineText(position.line).trim()}`,
      "",
    );
    const listing = listCode(code.bytes, listingContextOf(code.draft));
    const index = listing.findIndex(({ offset, length }) => at >= offset && at < offset + length);
    for (
      const { offset, text, purpose } of listing.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1)
    ) {
      const mark = offset === listing[index]?.offset ? "=>" : "  ";
      lines.push(`  ${mark} ${offset.toString(16).padStart(5)}  ${text.padEnd(36)}; ${purpose}`);
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
