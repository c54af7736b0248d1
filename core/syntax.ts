/**
 * The grammar as rows, and the narrow face of the parser that a row may use.
 *
 * Each token has one row, which says what the token means in the three places where it can stand:
 *
 *     print -x * 2;            statement   at the start of a statement      print
 *           ^^   ^             prefix      where a value has to begin       - x 2
 *           │└ prefix          infix       after a value                    *
 *           └ prefix
 *
 * `infix` is tried while its `precedence` is at least as tight as what the surrounding expression asks for; that
 * is all there is to operator precedence. The built-in grammar (`passes/parse.ts`) is a table of such rows, and plugins
 * bring more of the same. A rule turns what it reads into nodes of `ast.ts`, so that no later pass learns of it; for an
 * opcode of a plugin, that is an `Operation`.
 *
 * Rules are called with their token already consumed. Errors that leave the rule without a way on are raised with `fail`
 * or `expect`, which do not return; the parser then skips to the next statement.
 *
 * @module
 */
import type { Block, Expr, FunctionExpr, Ident, Operation, Stmt } from "./ast.ts";
import {
  type DetailsOf,
  type DiagnosticCode,
  type DIAGNOSTICS,
  type Diagnostics,
  suggest,
} from "./diagnostics.ts";
import type { OpcodeDef } from "./opcodes.ts";
import type { SourceFile } from "./source.ts";

/** What kinds of token there are beside keywords and operators, which are called by their own text. */
export type TokenClass = "<name>" | "<number>" | "<string>" | "<end>" | "<error>";

/** A token; the record is reused, so take from it what you need before reading on. */
export interface Token {
  /** A `TokenClass`, or the text of a keyword or operator. */
  readonly kind: string;
  /** Offset of its first UTF-16 unit. */
  readonly start: number;
  /** Offset behind its last one. */
  readonly end: number;
  /** The text of names and keywords, else empty. */
  readonly name: string;
  /** Whether a number or string is well formed; if not, that has been reported already. */
  readonly sound: boolean;
  /** Whether a string contains escapes. */
  readonly escaped: boolean;
}

/** Reads a value that begins with the token; `start` is the token's offset. */
export type PrefixRule = (p: ParserFace, start: number) => Expr;
/** Goes on from a value that begins at `start`; `opStart` is the offset of the token in between. */
export type InfixRule = (p: ParserFace, left: Expr, start: number, opStart: number) => Expr;
/** Reads a statement that begins with the token at `start`, its end included. */
export type StatementRule = (p: ParserFace, start: number) => Stmt;

/** What a token means. */
export interface SyntaxRow {
  /** What it means where a value begins. */
  readonly prefix?: PrefixRule;
  /** What it means behind a value. */
  readonly infix?: InfixRule;
  /** How tightly `infix` binds: see `PRECEDENCE` in `ast.ts`. */
  readonly precedence?: number;
  /** What it means where a statement begins. */
  readonly statement?: StatementRule;
}

/** A row that joins the grammar: a new keyword (letters) or operator (anything else but quotes, digits and blanks). */
export interface SyntaxRule extends SyntaxRow {
  /** The keyword or operator. */
  readonly token: string;
  /** Who brings the rule; for messages. */
  readonly by: string;
}

/**
 * Why an opcode cannot be applied like this, for rules that give an {@linkcode Operation}; null if it can. The opcode's
 * row has a register for each value, read in the order A, B, C, and perhaps one for the result.
 */
export function findOperationFlaw(
  { opcode, operands }: Operation,
  opcodes: readonly OpcodeDef[],
): string | null {
  const row = opcodes.find(({ name }) => name === opcode);
  if (row === undefined) {
    const meant = suggest(opcode, opcodes.map(({ name }) => name));
    return `there is no opcode '${opcode}'${meant === null ? "" : `; did you mean '${meant}'?`}`;
  }
  const { words = [], ...fields } = row.operands, kinds = Object.values(fields);
  const values = kinds.filter((kind) => kind === "src").length, isResult = (kind: string) => kind === "dst";
  if (words.length > 0 || values + kinds.filter(isResult).length < kinds.length) {
    return `opcode '${opcode}' has operands that are no values, so a pass has to write it into programs`;
  }
  if (kinds.filter(isResult).length > 1) return `opcode '${opcode}' has more than one result`;
  return values === operands.length
    ? null
    : `opcode '${opcode}' takes ${values} values, and is given ${operands.length}`;
}

/** What a rule may ask of the parser. */
export interface ParserFace {
  /** The file. */
  readonly source: SourceFile;
  /** Where errors are reported. */
  readonly diagnostics: Diagnostics;
  /** The token to be read next. */
  readonly token: Token;
  /** The token read last; its `end` is where a node that is complete now ends. */
  readonly previous: Token;
  /** Whether the statement being read stands in a loop of its own function. */
  readonly inLoop: boolean;

  /** Whether the next token is this one. */
  peek(kind: string): boolean;
  /** Whether the token after the next is this one. */
  peekSecond(kind: string): boolean;
  /** Reads the next token if it is this one. */
  match(kind: string): boolean;
  /** Reads the next token, which has to be this one: otherwise `Expect 'kind' where.` */
  expect(kind: string, where: string): void;
  /** Reports at the next token and gives the statement up. */
  fail<Code extends DiagnosticCode>(code: Code, ...details: DetailsOf<(typeof DIAGNOSTICS)[Code]>): never;

  /** Lets `read` read what lies between two offsets as if nothing came after it; then goes on where it was. */
  parseInside<Result>(start: number, end: number, read: () => Result): Result;
  /** The bytes that a stretch of text within quotes stands for, escapes resolved. */
  readText(start: number, end: number): Uint8Array;

  /** Reads a name that is being declared: otherwise `Expect what.` */
  parseName(what: string): Ident;
  /** Reads the name of a member, which may be a keyword: otherwise `Expect what.` */
  parseMemberName(what: string): Ident;
  /** Reads an expression whose operators bind at least as tightly as `precedence` (all of them, if omitted). */
  parseExpression(precedence?: number): Expr;
  /** Goes on with an expression whose first value has been read already. */
  continueExpression(left: Expr, start: number, precedence?: number): Expr;
  /** Reads items separated by commas, up to and including `close`; a comma may end the list. */
  parseList<Item>(close: string, where: string, item: () => Item): Item[];
  /** Reads one statement. */
  parseStatement(): Stmt;
  /** Reads the statement that an `if` or the like governs; declarations are refused. */
  parseBody(): Stmt;
  /** Likewise for a loop: `break` and `continue` are at home in it. */
  parseLoopBody(): Stmt;
  /** Reads `{ … }`, of which the brace at `start` has been read. */
  parseBlock(start: number): Block;
  /** Reads parameters and body of a function that begins at `start`; `after` is what precedes the parenthesis. */
  parseFunction(start: number, name: Ident | null, isAsync: boolean, after: string): FunctionExpr;
}
