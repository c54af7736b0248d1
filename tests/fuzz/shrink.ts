/**
 * Makes a failing program small: leaves statements out, puts a loop's body in the place of the loop and an operand in
 * the place of an expression, as long as the program still fails. It does not care whether a program makes sense; one
 * that does not fails alike everywhere, so it is not what is looked for.
 */

import { countNodes, type Node } from "./tree.ts";

/** What expressions are replaced by when none of their operands will do. */
const LITERALS = ["0", "1", "0.5", '""', "nil"];

/** Nodes that may stand for a node, the smallest first. */
function* candidatesFor(node: Node): Generator<Node> {
  const inner = node.parts.filter((part) => typeof part !== "string");
  switch (node.sort) {
    case "list":
      for (let size = node.parts.length; size >= 1; size = size >> 1) {
        // Later statements need earlier ones, so it is the last ones that go first.
        for (let end = node.parts.length; end > 0; end -= size) {
          yield { sort: "list", parts: node.parts.toSpliced(Math.max(0, end - size), Math.min(size, end)) };
        }
      }
      break;
    case "statement":
      yield* inner.filter(({ sort }) => sort === "list");
      break;
    case "expression":
      if (node.parts.length === 1 && LITERALS.includes(node.parts[0] as string)) return;
      for (const literal of LITERALS) yield { sort: "expression", parts: [literal] };
      yield* inner.filter(({ sort }) => sort === "expression");
      break;
    case "rounds": {
      const count = Number(node.parts[0]);
      for (const fewer of [1, 2, 4, count >> 1, count - 1]) {
        if (fewer > 0 && fewer < count) yield { sort: "rounds", parts: [String(fewer)] };
      }
    }
  }
}

/** The smallest program that was found to fail, starting from one that does; `attempts` bounds the work. */
export async function shrinkTree(
  root: Node,
  fails: (root: Node) => Promise<boolean>,
  attempts: number,
): Promise<Node> {
  let left = attempts;

  /** A smaller form of `node`, which stands where `place` puts it, or the node itself. */
  async function shrinkNode(node: Node, place: (node: Node) => Node): Promise<Node> {
    let best = node;
    for (let found = true; found;) {
      found = false;
      for (const candidate of candidatesFor(best)) {
        if (left-- <= 0) return best;
        if (await fails(place(candidate))) {
          best = candidate;
          found = true;
          break;
        }
      }
    }
    for (let i = 0; i < best.parts.length; i++) {
      const part = best.parts[i];
      if (typeof part === "string") continue;
      const whole: Node = best;
      best = {
        ...whole,
        parts: whole.parts.with(
          i,
          await shrinkNode(part, (node) => place({ ...whole, parts: whole.parts.with(i, node) })),
        ),
      };
    }
    return best;
  }

  for (let tree = root;;) {
    const smaller = await shrinkNode(tree, (node) => node);
    if (left <= 0 || countNodes(smaller) >= countNodes(tree)) return smaller;
    tree = smaller;
  }
}
