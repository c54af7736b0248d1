/**
 * Lab 2: a pass that computes `!` of literals before the program runs.
 *
 * The pass is there, and leaves everything as it is.
 */

import { mapAst, type Node } from "../../../core/ast.ts";
import { definePass } from "../../../core/pass.ts";
import { definePlugin, type Plugin } from "../../../core/plugin.ts";

/** What becomes of a node, whose parts have been here already. */
function fold(node: Node): Node {
  // TODO: a node of the kind "Unary" has `op` ("!", "-", "+" or "await") and `operand`. Literals are the kinds "Nil",
  // "Bool" (value: boolean), "Int" (value: bigint), "Float" (value: number) and "Str" (bytes: Uint8Array).
  //
  // A node that takes the place of another one takes its place in the text as well: `start` and `end`.
  return node;
}

const plugin: Plugin = definePlugin({
  name: "fold-not",
  doc: "Computes ! of literals before the program runs.",
  passes: [definePass({
    name: "fold-not",
    stage: "load",
    from: "ast",
    to: "ast",
    doc: {
      summary: "Replaces ! of a literal by its value.",
      why: "What never changes need not be computed at each run.",
      example: "print !true;",
    },
    run: (tree) => mapAst(tree, fold),
  })],
});
export default plugin;
