/**
 * Programs as trees that can be made smaller. A program that fails is mostly long, and what is wrong with it is in a line or
 * two; so pieces are left out, or replaced by smaller ones, for as long as what is left still fails.
 *
 * ```text
 *  for (var i = 0; i < 9; i += 1) {         list ── statement ─┬─ "for (var i = 0; i < "
 *    print i;                                                  ├─ rounds 9
 *    x = y / 7;                       ◄──►                     ├─ "; i += 1) {"
 *  }                                                           ├─ list ─┬─ statement "print i;"
 *                                                              │        └─ statement "x = y / 7;"
 *                                                              └─ "}"
 * ```
 *
 * A tree knows just as much of the language as shrinking needs: which pieces may be left out, and which may stand for
 * others. All else is text, and text is never changed. The shrinker does not care whether a program makes sense: one that
 * does not fails alike everywhere, so it is not what is looked for.
 */

import {
  childFieldsOf,
  fieldOf,
  isList,
  type Node as AstNode,
  type NodeKind,
  type Program as Ast,
} from "./ast.ts";

/** What may be done with a piece. */
export type Sort =
  /** Statements one after the other; any of them may be left out. */
  | "list"
  /** Lists and statements inside it may stand for it. */
  | "statement"
  /** Expressions inside it, and literals, may stand for it. */
  | "expression"
  /** A number of rounds; smaller ones may stand for it. */
  | "rounds";

/** A piece of a program. */
export interface Node {
  /** What may be done with it. */
  readonly sort: Sort;
  /** Its text and the pieces inside it, in order. */
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

/** How many pieces there are: what shrinking makes smaller. */
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
        // A list in a list is more of the same; one in a statement stands between its braces.
        const deeper = node.sort === "list" ? 0 : 1;
        end();
        depth += deeper;
        print(part);
        end();
        depth -= deeper;
      }
      if (node.sort === "list") end();
    }
  };
  print(root);
  end();
  return lines.join("\n") + "\n";
}

// ---- of what somebody has written --------------------------------------------------------------------------------

/** Nodes of the syntax tree that are statements; blocks are lists. */
const STATEMENTS: ReadonlySet<NodeKind> = new Set<NodeKind>([
  ...[
    "VarDecl",
    "FunctionDecl",
    "StructDecl",
    "ImportDecl",
    "Print",
    "If",
    "While",
    "For",
    "ForEach",
  ] as const,
  ...["Return", "Break", "Continue", "ExprStmt"] as const,
]);
/** Nodes that are neither statements nor expressions: names that are declared, parts of literals. */
const NEITHER: ReadonlySet<NodeKind> = new Set<NodeKind>(["Program", "Block", "Ident", "MapEntry"]);
/** How deep a tree is taken apart; sums of thousands of terms need not be. */
const DEPTH_MAX = 60;

/** The tree of a text, given its syntax tree, whose places in the text say where the pieces are. */
export function treeOf(text: string, root: Ast): Node {
  return listOf(text, childrenOf(root), 0, text.length, DEPTH_MAX) ?? { sort: "statement", parts: [text] };
}

function isPiece(part: string | Node): part is Node {
  return typeof part !== "string";
}

/** Statements as pieces; null if they do not stand one after the other, as what the rule of a plugin has made up. */
function listOf(
  text: string,
  statements: readonly AstNode[],
  start: number,
  end: number,
  depth: number,
): Node | null {
  const parts: Node[] = [];
  let at = start;
  for (const each of statements) {
    if (each.start < at || each.end > end || each.end <= each.start) return null;
    at = each.end;
    const [first, ...others] = pieceOf(text, each, depth - 1);
    const isOne = others.length === 0 && isPiece(first);
    parts.push(isOne ? first : { sort: "statement", parts: [first, ...others] });
  }
  return { sort: "list", parts };
}

/**
 * The children of a node in the order of the text; what rules of plugins make need not stand in any. The heads of loops
 * are left alone: what is made small there hardly ever ends.
 */
function childrenOf(node: AstNode): AstNode[] {
  if (node.kind === "For" || node.kind === "While") return [node.body];
  const children = childFieldsOf(node.kind).flatMap((field) => {
    const child = fieldOf(node, field) as AstNode | readonly AstNode[] | null;
    return child === null ? [] : isList(child) ? child : [child];
  });
  return children.sort((a, b) => a.start - b.start);
}

/** The text from `start` to `end`, with the children in it as pieces. */
function piecesOf(
  text: string,
  children: readonly AstNode[],
  start: number,
  end: number,
  depth: number,
): (string | Node)[] {
  const parts: (string | Node)[] = [];
  let at = start;
  for (const child of children) {
    // A child that lies elsewhere is one that a rule has made up.
    if (child.start < at || child.end > end || child.end <= child.start) continue;
    if (child.start > at) parts.push(text.slice(at, child.start));
    // A declaration of a function is one piece, not a statement and an expression of the same text.
    const isAll = child.start === start && child.end === end;
    parts.push(
      ...isAll ? piecesOf(text, childrenOf(child), start, end, depth - 1) : pieceOf(text, child, depth - 1),
    );
    at = child.end;
  }
  if (end > at) parts.push(text.slice(at, end));
  return parts;
}

function pieceOf(text: string, node: AstNode, depth: number): (string | Node)[] {
  const { kind, start, end } = node;
  if (depth <= 0) return [text.slice(start, end)];
  if (kind === "Block" && text[start] === "{" && text[end - 1] === "}") {
    const inside = listOf(text, childrenOf(node), start + 1, end - 1, depth);
    return inside === null ? [text.slice(start, end)] : ["{", inside, "}"];
  }
  const parts = piecesOf(text, childrenOf(node), start, end, depth);
  if (NEITHER.has(kind)) return parts;
  return [{ sort: STATEMENTS.has(kind) ? "statement" : "expression", parts }];
}

// ---- shrinking ---------------------------------------------------------------------------------------------------

/** What expressions are replaced by when none of their operands will do. */
const LITERALS = ["0", "1", "0.5", '""', "nil"];

/** Nodes that may stand for a node, the smallest first. */
function* candidatesFor(node: Node): Generator<Node> {
  const inner = node.parts.filter(isPiece);
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
      yield* inner.filter(({ sort }) => sort === "list" || sort === "statement");
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
