/**
 * `base ** exponent`, in all its parts: a right-associative operator, an opcode for numbers of every kind, and machine
 * code for the common case.
 *
 *     2 ** 10              1024         an integer to the power of one that is not negative: an integer, which wraps
 *     2 ** -1, 2 ** 0.5    0.5, 1.41…   all else is a float
 *     -2 ** 2              -4           tighter than a sign before it,
 *     2 ** 3 ** 2          512          and from the right
 */

import { bigIntAt, isNumber, numberAt, setBigInt } from "../core/arithmetic.ts";
import { PRECEDENCE } from "../core/ast.ts";
import { failOperands } from "../core/machine.ts";
import { views } from "../core/memory.ts";
import type { OpcodeDef } from "../core/opcodes.ts";
import { definePlugin, type Plugin, type TokenRow } from "../core/plugin.ts";
import { isInt, setDouble } from "../core/value.ts";
import { loadInt, rax, rcx, rdx, rsi, storeInt, type X64Templates } from "../backends/x64/kit.ts";

const { I32 } = views;

const TIGHT = (PRECEDENCE.unary + PRECEDENCE.postfix) / 2;

const TOKEN: TokenRow = {
  token: "**",
  precedence: TIGHT,
  infix(p, left, start) {
    // The same precedence again, not the next one: what follows takes the operators to its right.
    const right = p.parseExpression(TIGHT);
    return { kind: "Operation", start, end: p.previous.end, opcode: "POW", operands: [left, right] };
  },
};

/** `base ** exponent` modulo 2^64, by squaring: the exponent's bits tell which squares are factors. */
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = BigInt.asIntN(64, result * base);
    base = BigInt.asIntN(64, base * base);
  }
  return result;
}

const POW: OpcodeDef = {
  name: "POW",
  operands: { A: "dst", B: "src", C: "src" },
  effect: "pure",
  formula: "R[A] = R[B] ** R[C]",
  doc:
    "Raises a number to a power. Of integers, with an exponent that is not negative, the result is an integer.",
  example: "print 2 ** 10;",
  exec(m, a, b, c) {
    if (!isNumber(b) || !isNumber(c)) failOperands(m, "**", b, c);
    const areInts = isInt(I32[b + 1]) && isInt(I32[c + 1]);
    if (areInts && bigIntAt(c) >= 0n) setBigInt(a, power(bigIntAt(b), bigIntAt(c)));
    else setDouble(a, numberAt(b) ** numberAt(c));
  },
};

/** The loop of `power`, as long as all fits; floats, negative exponents and large results are the interpreter's. */
const X64: X64Templates = {
  POW(asm, { a, b, c, exit }) {
    const again = asm.label("again"), square = asm.label("square"), done = asm.label("done");
    loadInt(asm, rcx, b, exit("not-int"));
    loadInt(asm, rsi, c, exit("not-int"));
    asm.test(rsi, rsi);
    asm.js(exit("not-simple"));
    asm.mov(rax, 1);
    asm.bind(again);
    asm.mov(rdx, rsi);
    asm.and(rdx, 1);
    asm.je(square);
    asm.imul(rax, rcx);
    asm.jo(exit("overflow"));
    asm.bind(square);
    asm.shr(rsi, 1);
    asm.je(done); // the last square would be of no use, and might not fit
    asm.imul(rcx, rcx);
    asm.jo(exit("overflow"));
    asm.jmp(again);
    asm.bind(done);
    storeInt(asm, a, rax, exit("overflow"));
  },
};

const plugin: Plugin = definePlugin({
  name: "power",
  doc: "The operator **, which raises a number to a power.",
  requires: "^0.1",
  syntax: [TOKEN],
  opcodes: [POW],
  templates: { x64: X64 },
});
export default plugin;
