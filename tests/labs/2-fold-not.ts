import { type Expr, mapAst, type Node } from "../../core/ast.ts";
import { definePass } from "../../core/pass.ts";
import { definePlugin, type Plugin } from "../../core/plugin.ts";

function truthOf(expr: Expr): boolean | null {
  switch (expr.kind) {
    case "Nil":
      return false;
    case "Str":
      return true;
    case "Bool":
      return expr.value;
    case "Int":
      return expr.value !== 0n;
    case "Float":
      return expr.value !== 0;
    default:
      return null;
  }
}

function fold(node: Node): Node {
  if (node.kind !== "Unary" || node.op !== "!") return node;
  const truth = truthOf(node.operand), { start, end } = node;
  return truth === null ? node : { kind: "Bool", start, end, value: !truth };
}

const plugin: Plugin = definePlugin({
  name: "fold-not",
  doc: "Computes ! of literals before the program runs.",
  passes: [definePass({
    name: "fold-not",
    stage: "load",
    from: "ast",
    to: "ast",
    doc: { summary: "Replaces ! of a literal.", why: "It never changes.", example: "print !true;" },
    run: (tree) => mapAst(tree, fold),
  })],
});
export default plugin;
