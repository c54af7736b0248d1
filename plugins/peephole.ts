/**
 * A peephole pass: looks at a few instructions at a time and puts better ones in their place. The model of a pass on
 * bytecode: `rewriteProgram` brings each function as a list of records and sees to jumps and spans, so all that is
 * written here is what to look for.
 *
 *     JUMP to a JUMP            →  to where that one leads              if … else inside if … else
 *     JUMP to the next          →  nothing                              what is left of the above
 *     MOVE a, b  MOVE b, a      →  MOVE a, b
 */

import { definePass } from "../core/pass.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";
import { type Instruction, operandKinds, rewriteProgram, type Rewriting } from "../core/rewrite.ts";

type Code = readonly Instruction[];

/** The place of the jump among an instruction's operands; -1 if it is none. */
function jumpOf(f: Rewriting, instruction: Instruction): number {
  return operandKinds(f.rowOf(instruction).operands).indexOf("jump");
}

/** Jumps that lead to jumps lead on at once. */
function thread(f: Rewriting, code: Code): Code {
  const byPlace = new Map(code.map((instruction) => [instruction.at, instruction]));
  return code.map((instruction) => {
    const index = jumpOf(f, instruction);
    if (index < 0) return instruction;
    const seen = new Set<number>();
    let to = instruction.operands[index];
    for (let next = byPlace.get(to); next?.name === "JUMP" && !seen.has(to); next = byPlace.get(to)) {
      seen.add(to); // jumps in a circle are a program that does nothing for ever, and stay one
      to = next.operands[0];
    }
    return { ...instruction, operands: instruction.operands.with(index, to) };
  });
}

/** Leaves out what does nothing: jumps to the next instruction, and copies of what is there already. */
function drop(f: Rewriting, code: Code): Code {
  const targets = new Set(code.map((instruction) => instruction.operands[jumpOf(f, instruction)]));
  return code.filter((instruction, i) => {
    const { name, operands: [a, b] } = instruction, before = code[i - 1];
    if (name === "JUMP") return a !== code[i + 1]?.at;
    if (name !== "MOVE") return true;
    const isUndone = before?.name === "MOVE" && before.operands[0] === b && before.operands[1] === a;
    return a !== b && !(isUndone && !targets.has(instruction.at!));
  });
}

function improve(f: Rewriting): Code {
  let code = f.code;
  for (let size = Infinity; code.length < size;) {
    size = code.length;
    code = drop(f, thread(f, code));
  }
  return code;
}

const plugin: Plugin = definePlugin({
  name: "peephole",
  doc: "Jumps that lead to jumps, and copies that copy nothing.",
  requires: "^0.1",
  passes: [definePass({
    name: "peephole",
    stage: "load",
    from: "program",
    to: "program",
    before: [{ pass: "profile", because: "instructions that are left out need no counters" }],
    doc: {
      summary: "Replaces short stretches of bytecode by shorter ones.",
      why:
        "The compiler writes each statement on its own, and where two of them meet, it may say a thing twice.",
      example: "var x = 3;\nif (x > 2) {\n  if (x > 5) print 1; else print 2;\n} else print 3;",
    },
    run: (program, { opcodes }) => rewriteProgram(program, opcodes, improve),
  })],
});
export default plugin;
