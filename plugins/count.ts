/**
 * A counting profiler: how often each line ran, printed beside the source when the program has ended.
 *
 * A pass plants a COUNT wherever a line begins, and at the head of each loop. The counter lies in the instruction
 * itself, in two operand words behind it, so counting is one addition, in the interpreter as in machine code:
 *
 * ```text
 *   pc      COUNT
 *   pc + 1  low half ─┐ of the counter; words of kind "cache" are the running program's to change
 *   pc + 2  high half ┘
 * ```
 */

import { views } from "../core/memory.ts";
import type { FunctionProfile } from "../core/machine.ts";
import type { OpcodeDef } from "../core/opcodes.ts";
import { definePass } from "../core/pass.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";
import { type Instruction, readInstructions, rewriteProgram, type Rewriting } from "../core/rewrite.ts";
import type { SourceFile } from "../core/source.ts";
import { mem, qword, rax, rbx, type X64Templates } from "../backends/x64/kit.ts";

const { I32 } = views;

const COUNT: OpcodeDef = {
  name: "COUNT",
  operands: { words: ["cache", "cache"] },
  effect: "memory",
  formula: "count",
  doc: "Adds 1 to the counter in its operand words.",
  exec(m) {
    I32[m.pc] = I32[m.pc] + 1 | 0;
    if (I32[m.pc] === 0) I32[m.pc + 1] += 1;
    m.pc += 2; // whoever has operand words steps over them
  },
};

const X64: X64Templates = {
  COUNT(asm, { nextPc }) {
    asm.mov(rax, 4 * (nextPc - 2));
    asm.add(qword(mem(rbx, rax, 1)), 1);
  },
};

/** The instructions of a function with a COUNT at the beginning of each line, and of each round of a loop. */
function plant(f: Rewriting, source: SourceFile): readonly Instruction[] {
  const lineOf = ({ start }: Instruction) => source.position(start).line;
  let line = 0;
  return f.code.flatMap((instruction) => {
    const { name, at, start, end } = instruction;
    const begins = lineOf(instruction) !== line;
    line = lineOf(instruction);
    const count: Instruction = { name: "COUNT", operands: [0, 0], at, start, end };
    // Jumps backward lead to LOOP and nowhere else, and go on behind it.
    if (name === "LOOP") return [instruction, { ...count, at: null }];
    return begins ? [count, instruction] : [instruction];
  });
}

/** How often the lines of each file ran. A line that begins in several places ran as often as the most frequent one. */
function countLines(functions: readonly FunctionProfile[], opcodes: readonly OpcodeDef[]) {
  const files = new Map<SourceFile, Map<number, number>>();
  for (const { loaded: { proto, source, module }, code } of functions) {
    if (module.path === "") continue; // a builtin that is written in the language
    const lines = files.get(source) ?? new Map<number, number>();
    files.set(source, lines);
    for (const { name, operands: [low, high], start } of readInstructions({ ...proto, code }, opcodes)) {
      if (name !== "COUNT") continue;
      const { line } = source.position(start);
      lines.set(line, Math.max(lines.get(line) ?? 0, high * 2 ** 32 + (low >>> 0)));
    }
  }
  return files;
}

const plugin: Plugin = definePlugin({
  name: "count",
  doc: "Prints how often each line ran.",
  requires: "^0.1",
  opcodes: [COUNT],
  templates: { x64: X64 },
  passes: [definePass({
    name: "count",
    stage: "load",
    from: "program",
    to: "program",
    before: [{ pass: "profile", because: "loops keep their own counters beside these" }],
    doc: {
      summary: "Plants a counter at the beginning of each line.",
      why: "Where a program spends its time, a guess is mostly wrong.",
      example: "for (var i = 0; i < 3; i += 1)\n  print i;",
    },
    run: (program, { opcodes }) => rewriteProgram(program, opcodes, (f) => plant(f, program.source)),
  })],
  observe: {
    runEnd({ profile, opcodes, write }) {
      for (const [source, lines] of countLines(profile(), opcodes)) {
        write(`\n${source.path}\n`);
        for (let line = 1; line <= source.lineStarts.length; line++) {
          const times = String(lines.get(line) ?? "").padStart(10);
          write(`${times} | ${source.lineText(line)}`.trimEnd() + "\n");
        }
      }
    },
  },
});
export default plugin;
