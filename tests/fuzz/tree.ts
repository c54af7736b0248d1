/**
 * Programs as trees: what the generator of the fuzz tests makes, and what the shrinker takes apart. A tree knows just as
 * much of the language as shrinking needs: which pieces may be left out, and which may stand for others. All else is
 * text, and text is never changed; so what must stay for a program to end, such as the steps of its loops, is text.
 */

/** What may be done with a node: see `candidatesFor` in shrink.ts. */
export type Sort =
  /** Statements one after the other; any of them may be left out. */
  | "list"
  /** Lists inside it may stand for it. */
  | "statement"
  /** Expressions inside it, and literals, may stand for it. */
  | "expression"
  /** A number of rounds; smaller ones may stand for it. */
  | "rounds";

/** A piece of a program. */
export interface Node {
  readonly sort: Sort;
  readonly parts: readonly (string | Node)[];
}

/** The parts of a template, in order, without empty texts. */
function partsOf(texts: TemplateStringsArray, nodes: readonly (string | Node)[]): (string | Node)[] {
  return texts.flatMap((text, i) => [text, nodes[i] ?? ""]).filter((part) => part !== "");
}

/** An expression: `` expression`(${a} + ${b})` ``. */
export function expression(texts: TemplateStringsArray, ...nodes: (string | Node)[]): Node {
  return { sort: "expression", parts: partsOf(texts, nodes) };
}

/** A statement. */
export function statement(texts: TemplateStringsArray, ...nodes: (string | Node)[]): Node {
  return { sort: "statement", parts: partsOf(texts, nodes) };
}

/** Statements one after the other. */
export function list(parts: readonly Node[]): Node {
  return { sort: "list", parts };
}

/** A number of rounds. */
export function rounds(count: number): Node {
  return { sort: "rounds", parts: [String(count)] };
}

/** How many nodes there are: what shrinking makes smaller. */
export function countNodes(node: Node): number {
  return node.parts.reduce((sum, part) => sum + (typeof part === "string" ? 0 : countNodes(part)), 1);
}

/** The program, a line for each statement. */
export function printTree(root: Node): string {
  const lines: string[] = [];
  let line = "", depth = 0;
  const end = () => {
    if (line.trim() !== "") lines.push("  ".repeat(depth) + line.trim());
    line = "";
  };
  const print = (node: Node): void => {
    for (const part of node.parts) {
      if (typeof part === "string") line += part;
      else if (part.sort !== "list") print(part);
      else {
        end();
        depth++;
        print(part);
        end();
        depth--;
      }
      if (node.sort === "list") end();
    }
  };
  print(root);
  end();
  return lines.join("\n") + "\n";
}
