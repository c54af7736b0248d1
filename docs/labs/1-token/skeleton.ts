/**
 * Lab 1: the operator `#`, which gives the length of what follows.
 *
 * The token is known already. What is missing is the rule that says what it means where a value begins.
 */

import { PRECEDENCE } from "../../../core/ast.ts";
import { definePlugin, type Plugin, type TokenRow } from "../../../core/plugin.ts";

const LENGTH_SIGN: TokenRow = {
  token: "#",
  // TODO: prefix(p, start) { … }
  //
  // `start` is where the # stands; it has been read already. `p` is the parser: p.parseExpression(precedence) reads an
  // operand, with all operators that bind at least as tightly, and p.previous.end is where the text read so far ends.
  // How tightly signs such as - and ! bind says PRECEDENCE.unary.
  //
  // The result is a node of core/ast.ts, a Call:
  //   { kind: "Call", start, end, callee, args }, where callee is { kind: "Name", start, end, name: "length" }
};

void PRECEDENCE;

const plugin: Plugin = definePlugin({
  name: "length-sign",
  doc: "The operator #, which gives a length.",
  syntax: [LENGTH_SIGN],
});
export default plugin;
