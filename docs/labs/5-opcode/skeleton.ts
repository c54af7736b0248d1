/**
 * Lab 5: the opcode DISTANCE, which programs write as `a <> b`.
 *
 * The token is there. What is missing is what the opcode means, and what it is on x64.
 */

import { bigIntAt, isNumber, numberAt, setBigInt } from "../../../core/arithmetic.ts";
import { fail, failOperands } from "../../../core/machine.ts";
import { views } from "../../../core/memory.ts";
import type { OpcodeDef } from "../../../core/opcodes.ts";
import { definePlugin, type Plugin, type TokenRow } from "../../../core/plugin.ts";
import { isInt, setDouble } from "../../../core/value.ts";
import { loadInt, rax, rcx, storeInt, type X64Templates } from "../../../backends/x64/kit.ts";

const { I32 } = views;

/** Tighter than `<`, looser than `+`. */
const PRECEDENCE_OF_DISTANCE = 55;

const TOKEN: TokenRow = {
  token: "<>",
  precedence: PRECEDENCE_OF_DISTANCE,
  infix(p, left, start) {
    const right = p.parseExpression(PRECEDENCE_OF_DISTANCE + 1);
    return { kind: "Operation", start, end: p.previous.end, opcode: "DISTANCE", operands: [left, right] };
  },
};

const DISTANCE: OpcodeDef = {
  name: "DISTANCE",
  operands: { A: "dst", B: "src", C: "src" },
  effect: "pure",
  formula: "R[A] = |R[B] - R[C]|",
  doc: "How far two numbers lie apart.",
  // The words a, b and c are where the result and the operands lie; the high word of the value at b is I32[b + 1].
  exec(m, _a, _b, _c) {
    // TODO: isNumber(word) and failOperands(m, "<>", b, c) for what is no number; isInt(I32[word + 1]), bigIntAt(word)
    // and setBigInt(word, n) for integers (BigInt.asIntN(64, n) wraps); numberAt(word) and setDouble(word, x) else.
    fail(m, "U0924", { message: "TODO: DISTANCE has no meaning yet." });
  },
};

const X64: X64Templates = {
  // TODO: (asm, { a, b, c, exit }) { … }
  //
  // loadInt(asm, rax, b, exit("not-int")) brings an integer into a machine register, storeInt(asm, a, rax,
  // exit("overflow")) stores it, which needs rdx. In between: asm.sub, asm.neg, and asm.jns(label) to jump where the
  // last result was not negative, with const label = asm.label("name") and asm.bind(label).
  DISTANCE: "exit",
};

void [
  bigIntAt,
  isNumber,
  numberAt,
  setBigInt,
  failOperands,
  I32,
  isInt,
  setDouble,
  loadInt,
  rax,
  rcx,
  storeInt,
];

const plugin: Plugin = definePlugin({
  name: "distance",
  doc: "The operator <>: how far two numbers lie apart.",
  syntax: [TOKEN],
  opcodes: [DISTANCE],
  templates: { x64: X64 },
});
export default plugin;
