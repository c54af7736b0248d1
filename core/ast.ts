/**
 * The tree that the parser makes and the later passes read.
 *
 * The interfaces say what each node is; `NODES` says the same once more as data, field by field, and `satisfies` holds
 * the two together. Everything that has to visit any node (walking, rebuilding, dumping, JSON) follows the table and has
 * no case per kind, so a new kind is an interface and a row.
 *
 * Nothing here recurses: a sum of 100,000 terms is a tree 100,000 deep on its left side, as are calls of what was called
 * (`f()()()`), and a long chain of else-ifs is as deep on its right. :deep-trees: All traversals keep their own stack,
 * and whoever compiles a tree has to do likewise for these two shapes ({@linkcode leftPart} follows the first); the
 * parser bounds the depth of everything else.
 *
 *     1 + 2 + 3         Binary           if (a) s; else if (b) t; else u;       If
 *                      /      \                                                / \ else
 *                  Binary      3                                              s   If
 *                 /      \                                                       / \ else
 *                1        2                                                     t   u
 *
 * This file decides what the nodes are; it must not know how they come about, what they mean or how they look in print.
 *
 * @module
 */

// ---- Nodes ----------------------------------------------------------------------------------------------------------

/** What every node has: its kind and its stretch of the source text, in half-open UTF-16 offsets. */
export interface At<Kind extends string> {
  /** Which node it is. */
  readonly kind: Kind;
  /** Offset of its first UTF-16 unit. */
  readonly start: number;
  /** Offset behind its last one. */
  readonly end: number;
}

/** A whole file. */
export interface Program extends At<"Program"> {
  /** Its statements in order. */
  readonly body: readonly Stmt[];
}
/** A name that is declared, or the name of a member. */
export interface Ident extends At<"Ident"> {
  /** The name itself. */
  readonly name: string;
}
/** `key: value` in a map literal. */
export interface MapEntry extends At<"MapEntry"> {
  /** Any expression; a bare name is refused by the parser. */
  readonly key: Expr;
  /** Evaluated after the key. */
  readonly value: Expr;
}

/** `var name = init;` */
export interface VarDecl extends At<"VarDecl"> {
  /** What is declared. */
  readonly name: Ident;
  /** Null means nil. */
  readonly init: Expr | null;
}
/** `function name(...) {...}`; the name is here, that of `fn` is null. */
export interface FunctionDecl extends At<"FunctionDecl"> {
  /** What is declared. */
  readonly name: Ident;
  /** The function. */
  readonly fn: FunctionExpr;
}
/** `struct Name { field; }` */
export interface StructDecl extends At<"StructDecl"> {
  /** What is declared. */
  readonly name: Ident;
  /** In the order in which the constructor takes them. */
  readonly fields: readonly Ident[];
}
/** `import path as alias;` with the path as decoded text; `named` when it was written as a name, not as a string. */
export interface ImportDecl extends At<"ImportDecl"> {
  /** As written, escapes decoded. */
  readonly path: string;
  /** Whether it is a bare name, which may mean a library. */
  readonly named: boolean;
  /** What is declared. */
  readonly alias: Ident;
}
/** `print value;` */
export interface Print extends At<"Print"> {
  /** What is printed. */
  readonly value: Expr;
}
/** `if (test) then else ...`; an else-if is an `If` in `else`. :deep-trees: */
export interface If extends At<"If"> {
  /** Decides by its truthiness. */
  readonly test: Expr;
  /** Runs if it holds. */
  readonly then: Stmt;
  /** Runs if not; null when there is none. */
  readonly else: Stmt | null;
}
/** `while (test) body` */
export interface While extends At<"While"> {
  /** Asked before each round. */
  readonly test: Expr;
  /** One round. */
  readonly body: Stmt;
}
/** `for (init; test; step) body` */
export interface For extends At<"For"> {
  /** Runs once; its variable is the same in all rounds. */
  readonly init: VarDecl | ExprStmt | null;
  /** Asked before each round; null holds for ever. */
  readonly test: Expr | null;
  /** Runs after each round. */
  readonly step: Expr | null;
  /** One round. */
  readonly body: Stmt;
}
/** `for (var name : iterable) body` */
export interface ForEach extends At<"ForEach"> {
  /** A fresh variable in each round. */
  readonly name: Ident;
  /** An array, a map (its keys) or a string (its bytes). */
  readonly iterable: Expr;
  /** One round. */
  readonly body: Stmt;
}
/** `return value;` */
export interface Return extends At<"Return"> {
  /** Null means nil. */
  readonly value: Expr | null;
}
/** `break;` */
export type Break = At<"Break">;
/** `continue;` */
export type Continue = At<"Continue">;
/** `{ ... }` */
export interface Block extends At<"Block"> {
  /** Its statements, in a scope of their own. */
  readonly body: readonly Stmt[];
}
/** `expr;` */
export interface ExprStmt extends At<"ExprStmt"> {
  /** Evaluated for what it does. */
  readonly expr: Expr;
}

/** `nil` */
export type Nil = At<"Nil">;
/** `true`, `false` */
export interface Bool extends At<"Bool"> {
  /** Which of the two. */
  readonly value: boolean;
}
/** An integer within int64; the lowest one arises from a minus sign directly before 9223372036854775808. */
export interface Int extends At<"Int"> {
  /** From -2^63 to 2^63 - 1. */
  readonly value: bigint;
}
/** A number with a point or an exponent. */
export interface Float extends At<"Float"> {
  /** Never NaN; infinite only in trees that passes make. */
  readonly value: number;
}
/** A string: its bytes, escapes decoded. */
export interface Str extends At<"Str"> {
  /** Any bytes at all. */
  readonly bytes: Uint8Array;
}
/** `[a, b]` */
export interface ArrayLit extends At<"ArrayLit"> {
  /** In order. */
  readonly items: readonly Expr[];
}
/** `{"a": 1}` */
export interface MapLit extends At<"MapLit"> {
  /** In order; a later one of the same key wins. */
  readonly entries: readonly MapEntry[];
}
/** `async function name(params) {...}` */
export interface FunctionExpr extends At<"FunctionExpr"> {
  /** The name that it gives itself; null if it has none, and for declarations. */
  readonly name: Ident | null;
  /** All different. */
  readonly params: readonly Ident[];
  /** Its statements. */
  readonly body: Block;
  /** Whether a call starts a task. */
  readonly isAsync: boolean;
}
/** A variable that is read. */
export interface Name extends At<"Name"> {
  /** The variable. */
  readonly name: string;
}
/** `target op value`, right associative. */
export interface Assign extends At<"Assign"> {
  /** `=`, or an operator that reads the target first. */
  readonly op: AssignOp;
  /** Evaluated once, before the value. */
  readonly target: Name | Index | Member;
  /** The right side. */
  readonly value: Expr;
}
/** `left op right`; run-time errors point at the operator, so its offset is kept. :deep-trees: */
export interface Binary extends At<"Binary"> {
  /** What to compute. */
  readonly op: BinaryOp;
  /** Evaluated first. */
  readonly left: Expr;
  /** Evaluated second. */
  readonly right: Expr;
  /** Offset of the operator. */
  readonly opStart: number;
}
/** `left && right`, `left || right` :deep-trees: */
export interface Logical extends At<"Logical"> {
  /** Which of the two. */
  readonly op: LogicalOp;
  /** Always evaluated. */
  readonly left: Expr;
  /** Evaluated only if it decides. */
  readonly right: Expr;
}
/** `-x`, `+x`, `!x` */
export interface Unary extends At<"Unary"> {
  /** What to compute. */
  readonly op: UnaryOp;
  /** From what. */
  readonly operand: Expr;
}
/** `await x` */
export interface Await extends At<"Await"> {
  /** A future, or any other value, which is its own result. */
  readonly operand: Expr;
}
/** `callee(args)` :deep-trees: */
export interface Call extends At<"Call"> {
  /** Evaluated first. */
  readonly callee: Expr;
  /** Evaluated in order. */
  readonly args: readonly Expr[];
}
/** `object[index]` :deep-trees: */
export interface Index extends At<"Index"> {
  /** What is indexed. */
  readonly object: Expr;
  /** Evaluated second. */
  readonly index: Expr;
}
/** `object.name` :deep-trees: */
export interface Member extends At<"Member"> {
  /** What has the member. */
  readonly object: Expr;
  /** A name; keywords are allowed. */
  readonly name: Ident;
}

/** An opcode of a plugin, applied to values: what its syntax turns into. */
export interface Operation extends At<"Operation"> {
  /** The opcode's name. */
  readonly opcode: string;
  /** The values of its `src` operands, evaluated in order. */
  readonly operands: readonly Expr[];
}

/** An operator that writes. */
export type AssignOp = "=" | "+=" | "-=" | "*=" | "/=" | "%=";
/** An operator that computes from two values. */
export type BinaryOp = "+" | "-" | "*" | "/" | "%" | "==" | "!=" | "<" | "<=" | ">" | ">=";
/** An operator that may leave its right side alone. */
export type LogicalOp = "&&" | "||";
/** An operator before its operand. */
export type UnaryOp = "-" | "+" | "!";

/** What may stand in a list of statements. */
export type Stmt =
  | VarDecl
  | FunctionDecl
  | StructDecl
  | ImportDecl
  | Print
  | If
  | While
  | For
  | ForEach
  | Return
  | Break
  | Continue
  | Block
  | ExprStmt;
/** What has a value. */
export type Expr =
  | Nil
  | Bool
  | Int
  | Float
  | Str
  | ArrayLit
  | MapLit
  | FunctionExpr
  | Name
  | Assign
  | Binary
  | Logical
  | Unary
  | Await
  | Call
  | Index
  | Member
  | Operation;
/** Any node. */
export type Node = Program | Stmt | Expr | Ident | MapEntry;
/** The name of a kind of node. */
export type NodeKind = Node["kind"];
/** The node type of a kind. */
export type NodeOf<Kind extends NodeKind> = Extract<Node, { kind: Kind }>;

// ---- The table ------------------------------------------------------------------------------------------------------

/** What a field holds: nodes, or data that is part of what the program means, or (`offset`) one more place in the text. */
export type FieldKind = "node" | "node?" | "nodes" | "text" | "bytes" | "bool" | "int" | "float" | "offset";

type FieldKindOf<T> = null extends T ? "node?"
  : T extends readonly Node[] ? "nodes"
  : T extends Node ? "node"
  : T extends string ? "text"
  : T extends boolean ? "bool"
  : T extends bigint ? "int"
  : T extends number ? "float" | "offset"
  : T extends Uint8Array ? "bytes"
  : never;

type Rows = {
  readonly [K in NodeKind]: {
    readonly [F in Exclude<keyof NodeOf<K>, "kind" | "start" | "end">]-?: FieldKindOf<NodeOf<K>[F]>;
  };
};

/** Every kind of node with its fields; the ORDER of fields is the order of children, which is that of the source text. */
export const NODES = {
  Program: { body: "nodes" },
  Ident: { name: "text" },
  MapEntry: { key: "node", value: "node" },

  VarDecl: { name: "node", init: "node?" },
  FunctionDecl: { name: "node", fn: "node" },
  StructDecl: { name: "node", fields: "nodes" },
  ImportDecl: { path: "text", named: "bool", alias: "node" },
  Print: { value: "node" },
  If: { test: "node", then: "node", else: "node?" },
  While: { test: "node", body: "node" },
  For: { init: "node?", test: "node?", step: "node?", body: "node" },
  ForEach: { name: "node", iterable: "node", body: "node" },
  Return: { value: "node?" },
  Break: {},
  Continue: {},
  Block: { body: "nodes" },
  ExprStmt: { expr: "node" },

  Nil: {},
  Bool: { value: "bool" },
  Int: { value: "int" },
  Float: { value: "float" },
  Str: { bytes: "bytes" },
  ArrayLit: { items: "nodes" },
  MapLit: { entries: "nodes" },
  FunctionExpr: { name: "node?", params: "nodes", body: "node", isAsync: "bool" },
  Name: { name: "text" },
  Assign: { op: "text", target: "node", value: "node" },
  Binary: { op: "text", left: "node", right: "node", opStart: "offset" },
  Logical: { op: "text", left: "node", right: "node" },
  Unary: { op: "text", operand: "node" },
  Await: { operand: "node" },
  Call: { callee: "node", args: "nodes" },
  Index: { object: "node", index: "node" },
  Member: { object: "node", name: "node" },
  Operation: { opcode: "text", operands: "nodes" },
} as const satisfies Rows;

/**
 * How tightly things bind, from loose to tight. The gaps leave room for operators of plugins.
 * Binary operators are left associative, assignment is right associative.
 */
export const PRECEDENCE = {
  assignment: 10,
  or: 20,
  and: 30,
  equality: 40,
  comparison: 50,
  term: 60,
  factor: 70,
  unary: 80,
  postfix: 90,
  primary: 100,
} as const;

/** The precedence of each operator between two values; parser and formatter both follow it. */
export const OPERATOR_PRECEDENCE: Readonly<Record<BinaryOp | LogicalOp, number>> = {
  "||": PRECEDENCE.or,
  "&&": PRECEDENCE.and,
  "==": PRECEDENCE.equality,
  "!=": PRECEDENCE.equality,
  "<": PRECEDENCE.comparison,
  "<=": PRECEDENCE.comparison,
  ">": PRECEDENCE.comparison,
  ">=": PRECEDENCE.comparison,
  "+": PRECEDENCE.term,
  "-": PRECEDENCE.term,
  "*": PRECEDENCE.factor,
  "/": PRECEDENCE.factor,
  "%": PRECEDENCE.factor,
};

// Rows in the form that traversals want; made on first use, since most files have nodes of a few kinds only.
const childFields = new Map<NodeKind, readonly string[]>();

/** The fields of nodes of a kind that hold nodes. */
export function childFieldsOf(kind: NodeKind): readonly string[] {
  let found = childFields.get(kind);
  if (found === undefined) {
    const fields: Readonly<Record<string, FieldKind>> = NODES[kind];
    found = Object.keys(fields).filter((field) => fields[field].startsWith("node"));
    childFields.set(kind, found);
  }
  return found;
}

/** A field as the table sees it; the one place where the static type of a node is given up. */
export function fieldOf(node: Node, field: string): unknown {
  return (node as unknown as Record<string, unknown>)[field];
}

// ---- Traversal ------------------------------------------------------------------------------------------------------

/** What to do at each node. */
export interface Visitor {
  /** Before the children, which are skipped (and so is `leave`) when the answer is `false`. */
  enter?(node: Node, parent: Node | null): boolean | void;
  /** After the children. */
  leave?(node: Node, parent: Node | null): void;
}

/** Visits a tree in the order of the source text; trees of any depth. */
export function walk(root: Node, visitor: Visitor): void {
  const nodes: (Node | null)[] = [root];
  const parents: (Node | null)[] = [null];
  while (nodes.length > 0) {
    const node = nodes.pop()!;
    const parent = parents.pop()!;
    if (node === null) { // children are done
      visitor.leave!(parent!, parents.pop()!);
      nodes.pop();
      continue;
    }
    if (visitor.enter?.(node, parent) === false) continue;
    if (visitor.leave) {
      nodes.push(null, null); // [unused, marker] beside [grandparent, node]
      parents.push(parent, node);
    }
    const fields = childFieldsOf(node.kind);
    for (let i = fields.length - 1; i >= 0; i--) {
      const child = fieldOf(node, fields[i]) as Node | readonly Node[] | null;
      if (child === null) continue;
      if (!isList(child)) {
        nodes.push(child);
        parents.push(node);
        continue;
      }
      for (let j = child.length - 1; j >= 0; j--) {
        nodes.push(child[j]);
        parents.push(node);
      }
    }
  }
}

/**
 * Rebuilds a tree from its leaves up: `change` gets each node with its children already changed, and gives the node to
 * stand in its place (of a kind that may stand there). What does not change is shared with the old tree.
 */
export function mapAst<Root extends Node>(root: Root, change: (node: Node) => Node): Root {
  const changed = new Map<Node, Node>();
  const after = (node: Node) => changed.get(node) ?? node;
  walk(root, {
    leave(node) {
      let copy: Node | null = null;
      for (const field of childFieldsOf(node.kind)) {
        const child = fieldOf(node, field) as Node | readonly Node[] | null;
        if (child === null) continue;
        const differs = isList(child) ? child.some((one) => changed.has(one)) : changed.has(child);
        if (differs) copy = { ...copy ?? node, [field]: isList(child) ? child.map(after) : after(child) };
      }
      const result = change(copy ?? node);
      if (result !== node) changed.set(node, result);
    },
  });
  return after(root) as Root;
}

/** The part of an expression that may be as deep as the text is long; null if none is. :deep-trees: */
export function leftPart(expr: Expr): Expr | null {
  switch (expr.kind) {
    case "Binary":
    case "Logical":
      return expr.left;
    case "Call":
      return expr.callee;
    case "Index":
    case "Member":
      return expr.object;
    default:
      return null;
  }
}

/** Tells a list of children from a single one. */
export function isList(child: Node | readonly Node[]): child is readonly Node[] {
  return Array.isArray(child);
}
