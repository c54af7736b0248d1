import { bigIntAt, isNumber, numberAt, setBigInt } from "../../core/arithmetic.ts";
import { failOperands } from "../../core/machine.ts";
import { views } from "../../core/memory.ts";
import { definePlugin, type Plugin } from "../../core/plugin.ts";
import { isInt, setDouble } from "../../core/value.ts";
import { loadInt, rax, rcx, storeInt, type X64Templates } from "../../backends/x64/kit.ts";

const { I32 } = views;

const X64: X64Templates = {
  DISTANCE(asm, { a, b, c, exit }) {
    const positive = asm.label("positive");
    loadInt(asm, rax, b, exit("not-int"));
    loadInt(asm, rcx, c, exit("not-int"));
    asm.sub(rax, rcx);
    asm.jns(positive);
    asm.neg(rax);
    asm.bind(positive);
    storeInt(asm, a, rax, exit("overflow"));
  },
};

const plugin: Plugin = definePlugin({
  name: "distance",
  doc: "The operator <>: how far two numbers lie apart.",
  syntax: [{
    token: "<>",
    precedence: 55,
    infix(p, left, start) {
      const right = p.parseExpression(56);
      return { kind: "Operation", start, end: p.previous.end, opcode: "DISTANCE", operands: [left, right] };
    },
  }],
  opcodes: [{
    name: "DISTANCE",
    operands: { A: "dst", B: "src", C: "src" },
    effect: "pure",
    formula: "R[A] = |R[B] - R[C]|",
    doc: "How far two numbers lie apart.",
    exec(m, a, b, c) {
      if (!isNumber(b) || !isNumber(c)) failOperands(m, "<>", b, c);
      if (isInt(I32[b + 1]) && isInt(I32[c + 1])) {
        const difference = bigIntAt(b) - bigIntAt(c);
        setBigInt(a, BigInt.asIntN(64, difference < 0n ? -difference : difference));
      } else setDouble(a, Math.abs(numberAt(b) - numberAt(c)));
    },
  }],
  templates: { x64: X64 },
});
export default plugin;
