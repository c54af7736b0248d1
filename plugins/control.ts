/**
 * Two statements that the language lacks, made of those that it has: a rule reads the new words and gives nodes that
 * exist, so that nothing behind the parser has to learn of them.
 *
 *     unless (done) work();                    if (!done) work();
 *
 *     repeat {                                 for (var «again» = true; «again» || !(x > 9); «again» = false) {
 *         x = x * 2;                               x = x * 2;
 *     } until (x > 9);                         }
 *
 * The variable's name has a blank in it, so that no program can have it. Why not `while (true)` with a `break` at the
 * end? Because a `continue` in the body would jump over the test.
 */

import type { Assign, Expr, Logical, Name, Stmt, Unary, VarDecl } from "../core/ast.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";
import type { ParserFace } from "../core/syntax.ts";

function parseCondition(p: ParserFace, word: string): Expr {
  p.expect("(", `after '${word}'`);
  const condition = p.parseExpression();
  p.expect(")", "after condition");
  return condition;
}

function negate(operand: Expr): Unary {
  return { kind: "Unary", start: operand.start, end: operand.end, op: "!", operand };
}

function parseUnless(p: ParserFace, start: number): Stmt {
  const test = negate(parseCondition(p, "unless"));
  const then = p.parseBody();
  const otherwise = p.match("else") ? p.parseBody() : null;
  return { kind: "If", start, end: p.previous.end, test, then, else: otherwise };
}

function parseRepeat(p: ParserFace, start: number): Stmt {
  const body = p.parseLoopBody();
  p.expect("until", "after the body of 'repeat'");
  const condition = parseCondition(p, "until");
  p.expect(";", "after 'until'");
  const at = { start, end: p.previous.end };
  const again: Name = { kind: "Name", ...at, name: "first round" };
  const bool = (value: boolean): Expr => ({ kind: "Bool", ...at, value });
  const name = { kind: "Ident", ...at, name: again.name } as const;
  const init: VarDecl = { kind: "VarDecl", ...at, name, init: bool(true) };
  const test: Logical = { kind: "Logical", ...at, op: "||", left: again, right: negate(condition) };
  const step: Assign = { kind: "Assign", ...at, op: "=", target: again, value: bool(false) };
  return { kind: "For", ...at, init, test, step, body };
}

const plugin: Plugin = definePlugin({
  name: "control",
  doc: "The statements unless (…) … else … and repeat … until (…);",
  requires: "^0.1",
  syntax: [
    { token: "unless", statement: parseUnless },
    { token: "repeat", statement: parseRepeat },
    // Means nothing of its own: it only has to be a word that no variable can have.
    { token: "until" },
  ],
});
export default plugin;
