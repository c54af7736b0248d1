import { PRECEDENCE } from "../../core/ast.ts";
import { definePlugin, type Plugin } from "../../core/plugin.ts";

const plugin: Plugin = definePlugin({
  name: "length-sign",
  doc: "The operator #, which gives a length.",
  syntax: [{
    token: "#",
    prefix(p, start) {
      const operand = p.parseExpression(PRECEDENCE.unary), { end } = p.previous;
      const callee = { kind: "Name", start, end: start + 1, name: "length" } as const;
      return { kind: "Call", start, end, callee, args: [operand] };
    },
  }],
});
export default plugin;
