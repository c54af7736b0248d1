/**
 * Constant folding: a tree in, a tree out, in which everything is computed that can be known before the program runs.
 * The model of a pass on trees: `mapAst` brings each node when its parts are done already, so one step at each node
 * folds expressions of any depth.
 *
 *     print 60 * 60 * 24 - 1;    becomes    print 86399;
 *
 * What would fail when it runs (`1 / 0`, `nil + 1`) stays as it is, so that it fails where and when it did before.
 */

import { type Expr, mapAst, type Node, type UnaryOp } from "../core/ast.ts";
import { definePass } from "../core/pass.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";

/** The value of a literal. Integers are BigInts, so the two kinds of number cannot be mistaken for each other. */
type Value = bigint | number | boolean | string;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The value of an expression that is a literal; null for all others. */
function valueOf(expr: Expr): Value | null {
  switch (expr.kind) {
    case "Int":
    case "Float":
    case "Bool":
      return expr.value;
    case "Str":
      try {
        return decoder.decode(expr.bytes);
      } catch {
        return null; // strings are bytes, and need not be text
      }
    default:
      return null;
  }
}

/** The literal of a value, in place of an expression. */
function literal(value: Value, { start, end }: Expr): Expr {
  switch (typeof value) {
    case "bigint":
      return { kind: "Int", start, end, value: BigInt.asIntN(64, value) };
    case "number":
      return { kind: "Float", start, end, value };
    case "boolean":
      return { kind: "Bool", start, end, value };
    default:
      return { kind: "Str", start, end, bytes: new TextEncoder().encode(value) };
  }
}

/** `a op b`; null for what fails, and for what is better left to the machine. */
function compute(op: string, a: Value, b: Value): Value | null {
  if (typeof a === "string" && typeof b === "string") return op === "+" ? a + b : null;
  if (!isNumber(a) || !isNumber(b)) return null;
  if (op in COMPARISONS) return COMPARISONS[op](a, b);
  if (typeof a === "bigint" && typeof b === "bigint") return computeInts(op, a, b);
  const result = FLOATS[op](Number(a), Number(b));
  return Number.isFinite(result) ? result : null;
}

function isNumber(value: Value): value is bigint | number {
  return typeof value === "bigint" || typeof value === "number";
}

/** JavaScript compares a BigInt and a number by their exact values, and so does the language. */
const COMPARISONS: Readonly<Record<string, (a: bigint | number, b: bigint | number) => boolean>> = {
  "==": (a, b) => a == b,
  "!=": (a, b) => a != b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/** With integers of 64 bits, which wrap; the remainder has the sign of the dividend, in BigInts as in the language. */
function computeInts(op: string, a: bigint, b: bigint): Value | null {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return b === 0n ? null : a / b;
    case "%":
      return b === 0n ? null : a % b;
    default:
      return null;
  }
}

const FLOATS: Readonly<Record<string, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
};

function computeUnary(op: UnaryOp, value: Value): Value | null {
  if (op === "!") return typeof value === "boolean" ? !value : null;
  if (!isNumber(value)) return null;
  return op === "-" ? -value : value;
}

function fold(node: Node): Node {
  if (node.kind === "Unary") {
    const value = valueOf(node.operand), result = value === null ? null : computeUnary(node.op, value);
    return result === null ? node : literal(result, node);
  }
  if (node.kind === "Binary") {
    const left = valueOf(node.left), right = valueOf(node.right);
    const result = left === null || right === null ? null : compute(node.op, left, right);
    return result === null ? node : literal(result, node);
  }
  return node;
}

const plugin: Plugin = definePlugin({
  name: "constant-fold",
  doc: "Computes what is known before the program runs.",
  requires: "^0.1",
  passes: [definePass({
    name: "constant-fold",
    stage: "load",
    from: "ast",
    to: "ast",
    doc: {
      summary: "Replaces arithmetic on literals by its result.",
      why:
        "What never changes need not be computed at each run; and a condition that is known decides a branch for good.",
      example: "print 60 * 60 * 24 - 1;",
    },
    run: (tree) => mapAst(tree, fold),
  })],
});
export default plugin;
