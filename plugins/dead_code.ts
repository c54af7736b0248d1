/**
 * Dead code: instructions whose result nobody reads, and those that nothing leads to, are left out. The model of an
 * analysis of bytecode: it goes through a function from its end to its beginning with the set of *live* registers,
 * those that somebody further on will read before anything else is written to them.
 *
 *     LOAD_INT r1, 5       r1 is not live behind it: left out          var unused = 5;
 *     LOAD_INT r1, 6       r1 is live: stays                           unused = 6;
 *     PRINT    r1          reads r1, so it is live before this         print unused;
 *
 * Where a jump leads, what is live was found out before, if the jump goes forward. A loop jumps back to where the walk
 * has not been yet, so the walk is repeated until nothing new turns up.
 */

import { definePass } from "../core/pass.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";
import {
  type Instruction,
  operandKinds,
  registersOf,
  rewriteProgram,
  type Rewriting,
} from "../core/rewrite.ts";

/** What only gives its register a value: it cannot fail, and nobody else can tell whether it was done. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...["MOVE", "FAR_GET", "FAR_SET", "NOT", "GET_CELL", "GET_CAPTURE", "CLOSURE", "NEW_ARRAY", "NEW_MAP"],
  ...["LOAD_NIL", "LOAD_BOOL", "LOAD_INT", "LOAD_CONST", "LOAD_CONST_WIDE"],
]);
/** Where a path ends. */
const ENDS: ReadonlySet<string> = new Set(["RETURN", "RETURN_NIL", "JUMP"]);

/** Where an instruction may go on, besides the next one. */
function targetOf(f: Rewriting, instruction: Instruction): number | undefined {
  return instruction.operands[operandKinds(f.rowOf(instruction).operands).indexOf("jump")];
}

/** Those that something leads to. */
function findReachable(f: Rewriting): ReadonlySet<Instruction> {
  const places = new Map(f.code.map((instruction, i) => [instruction.at, i]));
  const reached = new Set<Instruction>(), todo = [0];
  for (let i = todo.pop(); i !== undefined; i = todo.pop()) {
    const instruction = f.code[i];
    if (reached.has(instruction)) continue;
    reached.add(instruction);
    const target = targetOf(f, instruction);
    if (target !== undefined) todo.push(places.get(target)!);
    if (!ENDS.has(instruction.name)) todo.push(i + 1);
  }
  return reached;
}

/** Those among `code` that are of no use: the result of each is dead. */
function findDead(f: Rewriting, code: readonly Instruction[]): ReadonlySet<Instruction> {
  /** The live registers at each place that a jump leads to, as far as they are known. */
  const liveAt = new Map<number, ReadonlySet<number>>();
  for (const instruction of code) {
    const target = targetOf(f, instruction);
    if (target !== undefined) liveAt.set(target, new Set());
  }
  const dead = new Set<Instruction>();
  for (let isNew = true; isNew;) {
    isNew = false;
    dead.clear();
    let live = new Set<number>();
    for (const instruction of code.toReversed()) {
      const { name, at } = instruction, { reads, writes } = registersOf(f, instruction);
      if (ENDS.has(name)) live = new Set();
      const target = targetOf(f, instruction);
      if (target !== undefined) live = live.union(liveAt.get(target)!);
      if (HARMLESS.has(name) && !writes.some((register) => live.has(register))) dead.add(instruction);
      else {
        writes.forEach((register) => live.delete(register));
        reads.forEach((register) => live.add(register));
      }
      const known = liveAt.get(at!);
      if (known !== undefined && live.size > known.size) {
        liveAt.set(at!, new Set(live));
        isNew = true;
      }
    }
  }
  return dead;
}

function removeDead(f: Rewriting): readonly Instruction[] {
  const reached = findReachable(f), code = f.code.filter((instruction) => reached.has(instruction));
  const dead = findDead(f, code);
  return code.filter((instruction) => !dead.has(instruction));
}

const plugin: Plugin = definePlugin({
  name: "dead-code",
  doc: "Leaves out instructions that make no difference.",
  requires: "^0.1",
  passes: [definePass({
    name: "dead-code",
    stage: "load",
    from: "program",
    to: "program",
    before: [{ pass: "profile", because: "instructions that are left out need no counters" }],
    doc: {
      summary: "Leaves out instructions whose result nobody reads, and those that nothing leads to.",
      why: "What makes no difference still takes its time at each run.",
      example: "function f(x) {\n  var unused = x;\n  var y = 1;\n  y = 2;\n  return x + y;\n}\nprint f(1);",
    },
    run: (program, { opcodes }) => rewriteProgram(program, opcodes, removeDead),
  })],
});
export default plugin;
