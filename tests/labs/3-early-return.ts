import { definePass } from "../../core/pass.ts";
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { type Instruction, rewriteProgram, type Rewriting } from "../../core/rewrite.ts";

function improve(f: Rewriting): readonly Instruction[] {
  const byPlace = new Map(f.code.map((instruction) => [instruction.at, instruction]));
  // From the end, so that what a jump leads to has been here before it.
  return f.code.toReversed().map((instruction) => {
    const target = instruction.name === "JUMP" ? byPlace.get(instruction.operands[0]) : undefined;
    if (target?.name !== "RETURN" && target?.name !== "RETURN_NIL") return instruction;
    const copy = { ...target, at: instruction.at };
    byPlace.set(copy.at, copy);
    return copy;
  }).toReversed();
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
    doc: { summary: "Copies returns.", why: "No jump takes no time.", example: "print 1;" },
    run: (program, { opcodes }) => rewriteProgram(program, opcodes, improve),
  })],
});
export default plugin;
