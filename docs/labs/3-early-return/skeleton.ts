/**
 * Lab 3: a pass on bytecode that returns at once where the code jumps to a return.
 *
 * The pass is there, and leaves everything as it is.
 */

import { definePass } from "../../../core/pass.ts";
import { definePlugin, type Plugin } from "../../../core/plugin.ts";
import { type Instruction, rewriteProgram, type Rewriting } from "../../../core/rewrite.ts";

/** The instructions that are to stand in place of those of `f.code`. */
function improve(f: Rewriting): readonly Instruction[] {
  // TODO: an instruction is { name, operands, at, start, end }. A JUMP has one operand, the `at` of the instruction that
  // it leads to. Returns are RETURN, whose operand is the register with the value, and RETURN_NIL, which has none.
  return f.code;
}

const plugin: Plugin = definePlugin({
  name: "early-return",
  doc: "Returns where the code jumps to a return.",
  passes: [definePass({
    name: "early-return",
    stage: "load",
    from: "program",
    to: "program",
    before: [{ pass: "profile", because: "counters belong to the code that runs" }],
    doc: {
      summary: "Puts a copy of a return in place of each jump to it.",
      why: "A jump that is not there takes no time.",
      example: "function sign(n) {\n  if (n < 0) print -1; else print 1;\n}\nsign(5);",
    },
    run: (program, { opcodes }) => rewriteProgram(program, opcodes, improve),
  })],
});
export default plugin;
