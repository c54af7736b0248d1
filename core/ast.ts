/**
 * The tree that the parser makes and the later passes read.
 *
 * The interfaces say what each node is; `NODES` says the same once more as data, field by field, and `satisfies` holds
 * the two together. Everything that has to visit any node (walking, rebuilding, dumping, JSON) follows the table and has
 * no case per kind, so a new kind is an interface and a row. Only writing a tree out as source text again knows each kind.
 *
 * Nothing here recurses: a sum of 100,000 terms is a tree 100,000 deep on its left side, as are calls of what was called
 * (`f()()()`), and a long chain of else-ifs is as deep on its right. :deep-trees: All traversals keep their own stack,
 * and whoever compiles a tree has to do likewise for these two shapes ({@linkcode leftPart} follows the first); the
 * parser bounds the depth of everything else.
 *
 *     1 + 2 + 3         Binary           if (a) … else if (b) … else …       If
 *                      ╱      ╲                                             ╱ ╲ else
 *                  Binary      3                                           …   If
 *                 ╱      ╲                                                    ╱ ╲ else
 *                1        2                                                  …   …
 *
 * This file decides what the nodes are and how trees look in print; it must not know how they come about or what they mean.
 *
 * @module
 */
import type { SourceFile } from "./source.ts";

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
/** `function name(…) {…}`; the name is here, that of `fn` is null. */
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
/** `if (test) then else …`; an else-if is an `If` in `else`. :deep-trees: */
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
/** `{ … }` */
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
/** `async function name(params) {…}` */
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
  | Member;
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

// The table once more, in the forms that traversals want.
const FIELDS = Object.fromEntries(
  Object.entries(NODES).map(([kind, fields]) => [kind, Object.entries(fields)]),
) as Record<NodeKind, [field: string, kind: FieldKind][]>;
const CHILD_FIELDS = Object.fromEntries(
  Object.entries(FIELDS).map(([kind, fields]) => [
    kind,
    fields.filter(([, kind]) => kind.startsWith("node")).map(([field]) => field),
  ]),
) as Record<NodeKind, string[]>;

/** A field as the table sees it; the one place where the static type of a node is given up. */
function fieldOf(node: Node, field: string): unknown {
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
    const fields = CHILD_FIELDS[node.kind];
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
      for (const field of CHILD_FIELDS[node.kind]) {
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

function isList(child: Node | readonly Node[]): child is readonly Node[] {
  return Array.isArray(child);
}

// ---- Dumps ----------------------------------------------------------------------------------------------------------

/** Deeper nodes are no longer indented but numbered, or the dump of a long chain would consist of blanks. */
const DEEPEST_INDENT = 40;

/**
 * The tree as text, a node a line: the field that holds it, kind, line:column, data. Without a source, no places.
 *
 *     Program 1:1
 *       body: Print 1:1
 *         value: Int 1:7 value=1
 */
export function printAst(root: Node, source?: SourceFile): string {
  const lines: string[] = [];
  const labels = [""]; // of the nodes still to come, the next one last
  let depth = 0;
  walk(root, {
    enter(node) {
      const indent = depth <= DEEPEST_INDENT
        ? "  ".repeat(depth)
        : `${"  ".repeat(DEEPEST_INDENT)}(${depth}) `;
      let line = indent + labels.pop() + node.kind;
      if (source) {
        const at = source.position(node.start);
        line += ` ${at.line}:${at.column}`;
      }
      for (const [field, kind] of FIELDS[node.kind]) {
        const isData = !kind.startsWith("node") && kind !== "offset";
        if (isData) line += ` ${field}=${datum(kind, fieldOf(node, field))}`;
      }
      lines.push(line);
      for (const field of CHILD_FIELDS[node.kind].toReversed()) {
        const child = fieldOf(node, field) as Node | readonly Node[] | null;
        const count = child === null ? 0 : isList(child) ? child.length : 1;
        for (let i = 0; i < count; i++) labels.push(`${field}: `);
      }
      depth++;
    },
    leave() {
      depth--;
    },
  });
  return lines.join("\n") + "\n";
}

function datum(kind: FieldKind, value: unknown): string {
  switch (kind) {
    case "bytes":
      return quoteBytes(value as Uint8Array);
    case "float":
      return formatFloat(value as number);
    case "text": // names and operators as they are, anything else so that it stays on its line
      return /^[^\s"]+$/.test(value as string) ? value as string : JSON.stringify(value);
    default:
      return String(value);
  }
}

/**
 * The tree as JSON text: the fields of each node as they are. Integers are strings, since JSON readers would round them;
 * so are floats that JSON has no number for. Bytes are a string where they are UTF-8, else an array of numbers.
 */
export function astToJson(root: Node): string {
  return unfold<Node>(root, (node) => {
    const pieces: (string | Node)[] = [`{"kind":"${node.kind}","start":${node.start},"end":${node.end}`];
    for (const [field, kind] of FIELDS[node.kind]) {
      const value = fieldOf(node, field);
      pieces.push(`,"${field}":`);
      if (kind === "nodes") {
        pieces.push("[");
        (value as Node[]).forEach((child, index) => pieces.push(index === 0 ? "" : ",", child));
        pieces.push("]");
      } else if (value !== null && (kind === "node" || kind === "node?")) {
        pieces.push(value as Node);
      } else {
        pieces.push(jsonDatum(value));
      }
    }
    pieces.push("}");
    return pieces;
  });
}

function jsonDatum(value: unknown): string {
  if (value instanceof Uint8Array) return JSON.stringify(decodeUtf8(value) ?? [...value]);
  const inexact = typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value));
  return JSON.stringify(inexact ? String(value) : value);
}

/**
 * Text of a tree of any depth: `open` gives what a node consists of, text and further nodes, and those are opened in turn.
 */
function unfold<Slot extends object>(root: Slot, open: (slot: Slot) => (string | Slot)[]): string {
  const todo: (string | Slot)[] = [root];
  const out: string[] = [];
  while (todo.length > 0) {
    const piece = todo.pop()!;
    if (typeof piece === "string") {
      out.push(piece);
    } else {
      const pieces = open(piece);
      for (let i = pieces.length - 1; i >= 0; i--) todo.push(pieces[i]);
    }
  }
  return out.join("");
}

// ---- Source text again ----------------------------------------------------------------------------------------------

/** A node to be written: in parentheses if it binds more loosely than `tight`, its lines indented by `depth`. */
interface Slot {
  readonly node: Node;
  readonly depth: number;
  readonly tight: number;
}

/**
 * The tree as source text, with no more parentheses than needed. Parsing the text gives the same tree again; comments
 * and the layout of the original are gone. (Infinite and negative numbers, which no literal denotes, become expressions.)
 */
export function formatAst(root: Node): string {
  return unfold<Slot>({ node: root, depth: 0, tight: 0 }, openSlot);
}

function openSlot({ node, depth, tight }: Slot): (string | Slot)[] {
  const pieces = openNode(node, depth);
  return precedenceOf(node) < tight ? ["(", ...pieces, ")"] : pieces;
}

function openNode(node: Node, depth: number): (string | Slot)[] {
  const line = "\n" + "    ".repeat(depth);
  const slot = (node: Node, tight = 0): Slot => ({ node, depth, tight });
  const list = (nodes: readonly Node[]) =>
    nodes.flatMap((item, i) => i === 0 ? [slot(item)] : [", ", slot(item)]);

  switch (node.kind) {
    case "Program":
      return node.body.flatMap((stmt) => [slot(stmt), "\n"]);
    case "Ident":
    case "Name":
      return [node.name];
    case "MapEntry": // a bare name is no key
      return [slot(node.key, node.key.kind === "Name" ? Infinity : 0), ": ", slot(node.value)];

    case "VarDecl":
      return ["var ", slot(node.name), ...node.init ? [" = ", slot(node.init)] : [], ";"];
    case "FunctionDecl":
      return openFunction(node.fn, node.name, slot, list);
    case "StructDecl":
      return [
        "struct ",
        slot(node.name),
        " {",
        ...node.fields.flatMap((field) => [" ", slot(field), ";"]),
        " }",
      ];
    case "ImportDecl": {
      const path = node.named ? node.path : quoteBytes(new TextEncoder().encode(node.path));
      return ["import ", path, " as ", slot(node.alias), ";"];
    }
    case "Print":
      return ["print ", slot(node.value), ";"];
    case "If": {
      // An else belongs to the nearest if, so an open one in between has to be closed off.
      const closed = node.else === null || !endsInOpenIf(node.then);
      const then = closed ? [slot(node.then)] : ["{ ", slot(node.then), " }"];
      const gap = node.then.kind === "Block" || !closed ? " " : line;
      return ["if (", slot(node.test), ") ", ...then, ...node.else ? [gap, "else ", slot(node.else)] : []];
    }
    case "While":
      return ["while (", slot(node.test), ") ", slot(node.body)];
    case "For":
      return [
        "for (",
        node.init ? slot(node.init) : ";",
        ...node.test ? [" ", slot(node.test)] : [],
        ";",
        ...node.step ? [" ", slot(node.step)] : [],
        ") ",
        slot(node.body),
      ];
    case "ForEach":
      return ["for (var ", slot(node.name), " : ", slot(node.iterable), ") ", slot(node.body)];
    case "Return":
      return node.value ? ["return ", slot(node.value), ";"] : ["return;"];
    case "Break":
      return ["break;"];
    case "Continue":
      return ["continue;"];
    case "Block": {
      const inner = (
        stmt: Stmt,
      ): (string | Slot)[] => [line + "    ", { node: stmt, depth: depth + 1, tight: 0 }];
      return node.body.length === 0 ? ["{}"] : ["{", ...node.body.flatMap(inner), line, "}"];
    }
    case "ExprStmt":
      return [slot(node.expr, startsLikeStatement(node.expr) ? Infinity : 0), ";"];

    case "Nil":
      return ["nil"];
    case "Bool":
    case "Int":
      return [String(node.value)];
    case "Float":
      return [formatFloat(node.value)];
    case "Str":
      return [quoteBytes(node.bytes)];
    case "ArrayLit":
      return ["[", ...list(node.items), "]"];
    case "MapLit":
      return ["{", ...list(node.entries), "}"];
    case "FunctionExpr":
      return openFunction(node, node.name, slot, list);
    case "Assign":
      return [slot(node.target, PRECEDENCE.postfix), ` ${node.op} `, slot(node.value, PRECEDENCE.assignment)];
    case "Binary":
    case "Logical": {
      const own = OPERATOR_PRECEDENCE[node.op];
      return [slot(node.left, own), ` ${node.op} `, slot(node.right, own + 1)];
    }
    case "Unary": {
      const again = node.operand.kind === "Unary" && node.operand.op === node.op && node.op !== "!";
      return [again ? `${node.op} ` : node.op, slot(node.operand, PRECEDENCE.unary)];
    }
    case "Await":
      return ["await ", slot(node.operand, PRECEDENCE.unary)];
    case "Call":
      return [slot(node.callee, PRECEDENCE.postfix), "(", ...list(node.args), ")"];
    case "Index":
      return [slot(node.object, PRECEDENCE.postfix), "[", slot(node.index), "]"];
    case "Member": { // 1.x would be a malformed number
      const number = node.object.kind === "Int" || node.object.kind === "Float";
      return [slot(node.object, number ? Infinity : PRECEDENCE.postfix), ".", slot(node.name)];
    }
  }
}

function openFunction(
  fn: FunctionExpr,
  name: Ident | null,
  slot: (node: Node) => Slot,
  list: (nodes: readonly Node[]) => (string | Slot)[],
): (string | Slot)[] {
  const head = (fn.isAsync ? "async function " : "function ") + (name?.name ?? "");
  return [head, "(", ...list(fn.params), ") ", slot(fn.body)];
}

function precedenceOf(node: Node): number {
  switch (node.kind) {
    case "Assign":
      return PRECEDENCE.assignment;
    case "Binary":
    case "Logical":
      return OPERATOR_PRECEDENCE[node.op];
    case "Unary":
    case "Await":
      return PRECEDENCE.unary;
    case "Int":
      return node.value < 0n ? PRECEDENCE.unary : PRECEDENCE.primary;
    case "Float": // written as a negation, or as a quotient
      if (!Number.isFinite(node.value)) return PRECEDENCE.factor;
      return node.value < 0 || Object.is(node.value, -0) ? PRECEDENCE.unary : PRECEDENCE.primary;
    case "Call":
    case "Index":
    case "Member":
      return PRECEDENCE.postfix;
    default:
      return PRECEDENCE.primary;
  }
}

function endsInOpenIf(stmt: Stmt): boolean {
  for (;;) {
    if (stmt.kind === "If") {
      if (stmt.else === null) return true;
      stmt = stmt.else;
    } else if (stmt.kind === "While" || stmt.kind === "For" || stmt.kind === "ForEach") stmt = stmt.body;
    else return false;
  }
}

/** Whether an expression's text begins with what begins a block or a function declaration. */
function startsLikeStatement(expr: Expr): boolean {
  for (let first: Expr | null = expr; first !== null;) {
    if (first.kind === "MapLit") return true;
    if (first.kind === "FunctionExpr") return first.name !== null;
    first = first.kind === "Assign" ? first.target : leftPart(first);
  }
  return false;
}

function formatFloat(value: number): string {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? "0.0 / 0.0" : value > 0 ? "1.0 / 0.0" : "-1.0 / 0.0";
  }
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value); // the shortest that reads back as the same number
  return /[.e]/.test(text) ? text : text + ".0";
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\t": "\\t",
  "\r": "\\r",
  "\0": "\\0",
  '"': '\\"',
  "\\": "\\\\",
};

/** Bytes as a string literal. */
function quoteBytes(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  const body = text !== null ? text.replace(/["\\\p{Cc}\p{Bidi_Control}]/gu, escapeChar) : Array.from(
    bytes,
    (byte) => byte < 0x7F ? escapeByte(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
  ).join("");
  return `"${body}"`;
}

function escapeChar(char: string): string {
  return SHORT_ESCAPES[char] ?? `\\u{${char.codePointAt(0)!.toString(16)}}`;
}

function escapeByte(byte: number): string {
  const char = String.fromCharCode(byte);
  return byte < 0x20 || SHORT_ESCAPES[char] ? escapeChar(char) : char;
}

/** The text of UTF-8 bytes, or null for other bytes. */
function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
