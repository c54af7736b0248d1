/**
 * `a ^ b`: the bits in which two integers differ. The smallest complete plugin, which docs/plugins.md builds step by
 * step: a token that turns into an operation, the opcode that does it, and a template for x64.
 */

import { intHigh, intLow, setInt } from "../core/arithmetic.ts";
import { failOperands } from "../core/machine.ts";
import { views } from "../core/memory.ts";
import type { OpcodeDef } from "../core/opcodes.ts";
import { definePlugin, type Plugin, type TokenRow } from "../core/plugin.ts";
import { isInt } from "../core/value.ts";
import { loadInt, rax, rcx, storeInt, type X64Templates } from "../backends/x64/kit.ts";

const { I32 } = views;

/** Tighter than `<`, looser than `+`. */
const PRECEDENCE_OF_XOR = 55;

const TOKEN: TokenRow = {
  token: "^",
  precedence: PRECEDENCE_OF_XOR,
  infix(p, left, start) {
    const right = p.parseExpression(PRECEDENCE_OF_XOR + 1);
    return { kind: "Operation", start, end: p.previous.end, opcode: "XOR", operands: [left, right] };
  },
};

const XOR: OpcodeDef = {
  name: "XOR",
  operands: { A: "dst", B: "src", C: "src" },
  effect: "pure",
  formula: "R[A] = R[B] ^ R[C]",
  doc: "The bits in which two integers differ.",
  exec(m, a, b, c) {
    if (!isInt(I32[b + 1]) || !isInt(I32[c + 1])) failOperands(m, "^", b, c);
    setInt(a, intLow(b) ^ intLow(c), intHigh(b) ^ intHigh(c));
  },
};

const X64: X64Templates = {
  XOR(asm, { a, b, c, exit }) {
    loadInt(asm, rax, b, exit("not-int"));
    loadInt(asm, rcx, c, exit("not-int"));
    asm.xor(rax, rcx);
    storeInt(asm, a, rax, exit("overflow"));
  },
};

const xor: Plugin = definePlugin({
  name: "xor",
  doc: "The operator ^: the bits in which two integers differ.",
  requires: "^0.1",
  syntax: [TOKEN],
  opcodes: [XOR],
  templates: { x64: X64 },
});
export default xor;
