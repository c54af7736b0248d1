/**
 * Program to program: plants the counters that tell what is hot. A loop counts down in the upper 24 bits of its LOOP
 * word, a function in a word of its own; when one runs out, the dispatch loop is left and the engine decides. This
 * pass says what they start with and knows nothing of what happens then. Without it, everything runs at leisure.
 *
 * ```text
 *   31                         8 7      0
 *  |  rounds before the hot one |  LOOP  |     negative once it has run out, so 23 bits hold a number
 * ```
 *
 * With a threshold of N, the N-th round or call is the hot one: it makes the count, which began at N - 1, negative. A
 * threshold of 0 is that of 1, for nothing is hot before it has run.
 */

import { type FunctionProto, opOf } from "../core/program.ts";
import { OP, type OpcodeDef } from "../core/opcodes.ts";
import { definePass, type Pass } from "../core/pass.ts";

/** The greatest threshold that a LOOP word can hold. */
export const THRESHOLD_MAX = 8388607; // 2^23 - 1

/** Plants the counters of loops and functions. */
export const profile: Pass<"program", "program"> = definePass({
  name: "profile",
  stage: "load",
  from: "program",
  to: "program",
  doc: {
    summary: "Gives each loop and each function a counter that runs out after `--threshold` rounds or calls.",
    why:
      "Making a piece of a program fast costs time, which only pays where much time is spent; counting finds out.",
    example: "var sum = 0;\nfor (var i = 0; i < 1000; i += 1) sum += i;\nprint sum;",
  },
  run(program, { opcodes, threshold }) {
    const budget = Math.max(1, threshold);
    const planted = new Map(program.protos.map((proto) => [proto, plant(proto, opcodes, budget)]));
    const inner = (proto: FunctionProto) => planted.get(proto) ?? proto;
    for (const proto of planted.values()) {
      // The functions inside it are among its constants, and have been made anew as well.
      proto.constants = proto.constants.map((constant) =>
        constant.kind === "function" ? { kind: "function", proto: inner(constant.proto) } : constant
      );
    }
    return { ...program, main: inner(program.main), protos: [...planted.values()] };
  },
});

type PlantedProto = { -readonly [Field in keyof FunctionProto]: FunctionProto[Field] };

function plant(proto: FunctionProto, opcodes: readonly OpcodeDef[], budget: number): PlantedProto {
  const code = proto.code.slice();
  for (let pc = 0; pc < code.length; pc += 1 + (opcodes[opOf(code[pc])].operands.words?.length ?? 0)) {
    if (opOf(code[pc]) === OP.LOOP) code[pc] = OP.LOOP | budget - 1 << 8;
  }
  return { ...proto, code, budget };
}
