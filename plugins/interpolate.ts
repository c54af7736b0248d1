/**
 * Strings with holes: `$"x is ${x + 1}."` The `$` in front begins no token of the language, so no program that is valid
 * without the plugin means anything else with it.
 *
 *     $"a ${b} c"     becomes     "a " + b + " c"
 *
 * The lexer has read all that is between the quotes as one string, which is why holes use the other kind of quotes:
 * `$"${m['key']}"`. So the rule looks at the token's text: `parseInside` reads the expression in a hole, and `readText`
 * gives what a stretch beside it stands for, escapes resolved.
 */

import type { Expr } from "../core/ast.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";
import type { ParserFace } from "../core/syntax.ts";

function parseInterpolation(p: ParserFace, start: number): Expr {
  const { kind, start: quote, end, sound } = p.token, last = end - 1;
  if (kind !== "<string>" || quote !== start + 1) p.fail("U0112", { what: "a string directly after '$'" });
  const { text } = p.source;
  const string = (from: number, to: number): Expr => ({
    kind: "Str",
    start: from,
    end: to,
    bytes: p.readText(from, to),
  });
  // An escape that is none has been reported, and leaves nothing to be read.
  let hole = sound ? findHole(text, quote + 1, last) : quote + 1;
  // The first part is a string, even an empty one, so that each + joins texts.
  let whole = string(quote + 1, hole);
  const join = (right: Expr) => {
    whole = { kind: "Binary", op: "+", start, end: right.end, left: whole, right, opStart: right.start };
  };
  while (sound && hole < last) {
    const behind = p.parseInside(hole + 2, last, () => {
      join(p.parseExpression());
      // Behind the brace there is text again, which is not to be read as tokens.
      return p.peek("}") ? p.token.end : p.fail("U0107", { token: "}", where: "at the end of a hole" });
    });
    hole = findHole(text, behind, last);
    if (hole > behind) join(string(behind, hole));
  }
  p.match("<string>");
  return whole;
}

/** Where the next `${` begins between two offsets, or the second of them. A backslash protects what follows it. */
function findHole(text: string, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "$" && text[at + 1] === "{") return at;
  }
  return to;
}

const plugin: Plugin = definePlugin({
  name: "interpolate",
  doc: 'Strings with holes: $"x is ${x}".',
  requires: "^0.1",
  syntax: [{ token: "$", prefix: parseInterpolation }],
});
export default plugin;
