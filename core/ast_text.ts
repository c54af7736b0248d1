/**
 * Trees as text: as a dump, as JSON, and as source text again. The first two follow the table of node kinds and have no
 * case per kind; only writing a tree out as a program knows each one. Nothing here recurses (:deep-trees: in ast.ts).
 *
 * @module
 */
import {
  childFieldsOf,
  type Expr,
  type FieldKind,
  fieldOf,
  type FunctionExpr,
  type Ident,
  isList,
  leftPart,
  type Node,
  type NodeKind,
  NODES,
  OPERATOR_PRECEDENCE,
  PRECEDENCE,
  type Stmt,
  walk,
} from "./ast.ts";
import type { SourceFile } from "./source.ts";

/** The fields of each kind in their order, with what they hold. */
const FIELDS = Object.fromEntries(
  Object.entries(NODES).map(([kind, fields]) => [kind, Object.entries(fields)]),
) as Record<NodeKind, [field: string, kind: FieldKind][]>;

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
      for (const field of childFieldsOf(node.kind).toReversed()) {
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
    case "Operation": // how it was written, only its plugin knows
      return [node.opcode, "(", ...list(node.operands), ")"];
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
