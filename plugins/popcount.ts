/**
 * `popcount(n)`: how many bits of an integer are 1, of the 64 that it has. The processor has an instruction for it that
 * nothing else here uses, `popcnt`; it is a row in `backends/x64/encodings.ts` like any other, so that encoder, listing
 * and the tests against another disassembler know it.
 *
 *     popcount(255)   8          popcount(-1)   64          popcount("x")   a run-time error
 */

import { intHigh, intLow } from "../core/arithmetic.ts";
import { fail } from "../core/machine.ts";
import { views } from "../core/memory.ts";
import type { OpcodeDef } from "../core/opcodes.ts";
import { definePlugin, type Plugin, type TokenRow } from "../core/plugin.ts";
import { isInt, kindName, setInt32 } from "../core/value.ts";
import { loadInt, R, r14, rax, type X64Templates } from "../backends/x64/kit.ts";

const { I32 } = views;

/** Reads like the call of a function, and is none: it cannot be redefined or passed on. */
const TOKEN: TokenRow = {
  token: "popcount",
  prefix(p, start) {
    p.expect("(", "after 'popcount'");
    const operand = p.parseExpression();
    p.expect(")", "after argument");
    return { kind: "Operation", start, end: p.previous.end, opcode: "POPCOUNT", operands: [operand] };
  },
};

/** Adds neighbours: bits to pairs, pairs to fours, and so on. */
function countBits(word: number): number {
  word -= word >>> 1 & 0x55555555;
  word = (word & 0x33333333) + (word >>> 2 & 0x33333333);
  word = word + (word >>> 4) & 0x0F0F0F0F;
  return Math.imul(word, 0x01010101) >>> 24;
}

const POPCOUNT: OpcodeDef = {
  name: "POPCOUNT",
  operands: { A: "dst", B: "src" },
  effect: "pure",
  formula: "R[A] = the number of ones in R[B]",
  doc: "Counts the bits that are 1 in an integer of 64 bits.",
  example: "print popcount(255);",
  exec(m, a, b) {
    if (!isInt(I32[b + 1])) fail(m, "U0924", { message: `Cannot count the bits of ${kindName(b)}.` });
    setInt32(a, countBits(intLow(b)) + countBits(intHigh(b)));
  },
};

const X64: X64Templates = {
  POPCOUNT(asm, { a, b, exit }) {
    loadInt(asm, rax, b, exit("not-int"));
    asm.popcnt(rax, rax);
    asm.or(rax, r14); // 64 at most, so the tag is all that is missing
    asm.mov(R(a), rax);
  },
};

const popcount: Plugin = definePlugin({
  name: "popcount",
  doc: "popcount(n): how many bits of an integer are 1.",
  requires: "^0.1",
  syntax: [TOKEN],
  opcodes: [POPCOUNT],
  templates: { x64: X64 },
});
export default popcount;
