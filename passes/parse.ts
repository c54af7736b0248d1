/**
 * Tokens into a tree.
 *
 * `GRAMMAR` is the language: a row for each token says how a value or a statement begins with it and how a value goes on
 * with it. Around the table stands a parser of a few functions that knows no token by name (precedence climbing, after
 * Pratt). It decides what only it can: how errors are survived and how deep a program may nest.
 *
 * *Errors.* Whoever cannot go on reports and throws; the nearest list of statements catches, skips to where a statement
 * is likely to begin, and goes on. So a file with five mistakes gets five messages. A place is reported once, and what is
 * complete but wrong (`break` outside a loop) is reported without throwing.
 *
 * *Depth.* A level is an expression or statement being read inside another. The limit keeps this parser and every later
 * pass that recurses far from the end of the JavaScript stack. Chains are loops here and do not count, be they of
 * left-associative operators, of calls, indices and properties, or of else-ifs; see :deep-trees: in `ast.ts`.
 *
 * @module
 */
import type {
  AssignOp,
  BinaryOp,
  Block,
  Expr,
  ExprStmt,
  FunctionExpr,
  Ident,
  LogicalOp,
  MapEntry,
  Program,
  Stmt,
  UnaryOp,
  VarDecl,
} from "../core/ast.ts";
import { leftPart, OPERATOR_PRECEDENCE, PRECEDENCE } from "../core/ast.ts";
import type { DetailsOf, Diagnostic, DiagnosticCode, DIAGNOSTICS, Diagnostics } from "../core/diagnostics.ts";
import { suggest } from "../core/diagnostics.ts";
import { decodeText, type SourceFile } from "../core/source.ts";
import type { ParserFace, SyntaxRow, SyntaxRule } from "../core/syntax.ts";
import type { BuiltinToken } from "./lexer.ts";
import { KEYWORDS, makeLexer, makeLexicon, makeToken, readNumber, readString } from "./lexer.ts";

/** How many levels of expressions and statements may be inside one another. */
export const MAX_NESTING = 1000;

// ---- The grammar ----------------------------------------------------------------------------------------------------

const { assignment, unary, postfix } = PRECEDENCE;

/** What each token means: where a value begins, after a value, where a statement begins. */
const GRAMMAR: Readonly<Record<BuiltinToken, SyntaxRow>> = {
  "(": { prefix: parseGroup, infix: parseCall, precedence: postfix },
  ")": {},
  "[": { prefix: parseArray, infix: parseIndex, precedence: postfix },
  "]": {},
  "{": { prefix: parseMap, statement: (p, start) => p.parseBlock(start) },
  "}": {},
  ".": { infix: parseMember, precedence: postfix },
  ",": {},
  ":": {},
  ";": { statement: parseEmpty },

  "=": { infix: parseAssign, precedence: assignment },
  "+=": { infix: parseAssign, precedence: assignment },
  "-=": { infix: parseAssign, precedence: assignment },
  "*=": { infix: parseAssign, precedence: assignment },
  "/=": { infix: parseAssign, precedence: assignment },
  "%=": { infix: parseAssign, precedence: assignment },
  "||": logical("||"),
  "&&": logical("&&"),
  "==": binary("=="),
  "!=": binary("!="),
  "<": binary("<"),
  "<=": binary("<="),
  ">": binary(">"),
  ">=": binary(">="),
  "+": { prefix: parseUnary, ...binary("+") },
  "-": { prefix: parseMinus, ...binary("-") },
  "*": binary("*"),
  "/": binary("/"),
  "%": binary("%"),
  "!": { prefix: parseUnary },
  "await": { prefix: parseAwait },

  "<name>": { prefix: parseVariable },
  "<number>": { prefix: parseNumber },
  "<string>": { prefix: parseString },
  "nil": { prefix: (_, start) => ({ kind: "Nil", start, end: start + 3 }) },
  "true": { prefix: (_, start) => ({ kind: "Bool", start, end: start + 4, value: true }) },
  "false": { prefix: (_, start) => ({ kind: "Bool", start, end: start + 5, value: false }) },
  "function": { prefix: parseFunctionValue, statement: parseFunctionStatement },
  "async": { prefix: parseFunctionValue, statement: parseFunctionStatement },

  "var": { statement: (p, start) => parseVar(p, start, p.parseName("variable name")) },
  "struct": { statement: parseStruct },
  "import": { statement: parseImport },
  "print": { statement: parsePrint },
  "if": { statement: parseIf },
  "else": {},
  "while": { statement: parseWhile },
  "for": { statement: parseFor },
  "return": { statement: parseReturn },
  "break": { statement: parseJump },
  "continue": { statement: parseJump },
  "as": {},
  "<end>": {},
  "<error>": {},
};

// ---- Values ---------------------------------------------------------------------------------------------------------

function parseGroup(p: ParserFace): Expr {
  const inner = p.parseExpression();
  p.expect(")", "after expression");
  return inner;
}

function parseArray(p: ParserFace, start: number): Expr {
  const items = p.parseList("]", "after array literal", p.parseExpression);
  return { kind: "ArrayLit", start, end: p.previous.end, items };
}

function parseMap(p: ParserFace, start: number): Expr {
  const entries = p.parseList("}", "after map literal", () => parseMapEntry(p));
  return { kind: "MapLit", start, end: p.previous.end, entries };
}

function parseMapEntry(p: ParserFace): MapEntry {
  const { start, end, name, kind } = p.token;
  let key: Expr;
  const constant = kind === "nil" || kind === "true" || kind === "false";
  if (name !== "" && !constant && p.peekSecond(":")) {
    p.diagnostics.report("U0120", { source: p.source, start, end }, { name });
    key = { kind: "Name", start, end, name: p.parseMemberName("map key").name };
  } else {
    key = p.parseExpression();
  }
  p.expect(":", "after map key");
  const value = p.parseExpression();
  return { kind: "MapEntry", start, end: value.end, key, value };
}

function parseVariable(p: ParserFace, start: number): Expr {
  return { kind: "Name", start, end: p.previous.end, name: p.previous.name };
}

/** The greatest int64. */
const INT_MAX = (1n << 63n) - 1n;

function parseNumber(p: ParserFace, start: number): Expr {
  const { end, sound } = p.previous;
  if (!sound) return { kind: "Int", start, end, value: 0n };
  const text = p.source.text.slice(start, end);
  const value = readNumber(text);
  if ("int" in value && value.int <= INT_MAX) return { kind: "Int", start, end, value: value.int };
  if ("float" in value) return { kind: "Float", start, end, value: value.float };
  const isFloat = "tooLarge" in value && value.tooLarge === "float";
  p.diagnostics.report(isFloat ? "U0109" : "U0108", { source: p.source, start, end }, { text });
  return { kind: "Int", start, end, value: 0n };
}

function parseString(p: ParserFace, start: number): Expr {
  const { end, sound, escaped } = p.previous;
  const bytes = sound ? readString(p.source.text, start, end, escaped) : new Uint8Array();
  return { kind: "Str", start, end, bytes };
}

function parseFunctionValue(p: ParserFace, start: number): FunctionExpr {
  const isAsync = parseAsync(p);
  const name = p.peek("<name>") ? p.parseName("function name") : null;
  return p.parseFunction(start, name, isAsync, name ? "function name" : "'function'");
}

/** Completes `async function` or `function`, whose first word has been read. */
function parseAsync(p: ParserFace): boolean {
  if (p.previous.kind !== "async") return false;
  if (!p.match("function")) p.fail("U0117");
  return true;
}

// ---- Operators ------------------------------------------------------------------------------------------------------

function binary(op: BinaryOp): SyntaxRow {
  const precedence = OPERATOR_PRECEDENCE[op];
  const infix = (p: ParserFace, left: Expr, start: number, opStart: number): Expr => {
    const right = p.parseExpression(precedence + 1);
    return { kind: "Binary", start, end: p.previous.end, op, left, right, opStart };
  };
  return { infix, precedence };
}

function logical(op: LogicalOp): SyntaxRow {
  const precedence = OPERATOR_PRECEDENCE[op];
  const infix = (p: ParserFace, left: Expr, start: number): Expr => {
    const right = p.parseExpression(precedence + 1);
    return { kind: "Logical", start, end: p.previous.end, op, left, right };
  };
  return { infix, precedence };
}

function parseUnary(p: ParserFace, start: number): Expr {
  const op = p.previous.kind as UnaryOp;
  const operand = p.parseExpression(unary);
  return { kind: "Unary", start, end: p.previous.end, op, operand };
}

/** A minus sign directly before 9223372036854775808 is part of the literal, or the lowest int64 could not be written. */
function parseMinus(p: ParserFace, start: number): Expr {
  const { kind, sound, start: from, end } = p.token;
  if (kind === "<number>" && sound && end - from >= 18) {
    const value = readNumber(p.source.text.slice(from, end));
    if ("int" in value && value.int > INT_MAX) {
      p.match("<number>");
      return { kind: "Int", start, end, value: -value.int };
    }
  }
  return parseUnary(p, start);
}

function parseAwait(p: ParserFace, start: number): Expr {
  const operand = p.parseExpression(unary);
  return { kind: "Await", start, end: p.previous.end, operand };
}

function parseAssign(p: ParserFace, target: Expr, start: number): Expr {
  const op = p.previous.kind as AssignOp;
  const end = p.previous.start;
  const value = p.parseExpression(assignment);
  if (target.kind === "Name" || target.kind === "Index" || target.kind === "Member") {
    return { kind: "Assign", start, end: p.previous.end, op, target, value };
  }
  p.diagnostics.report("U0113", {
    source: p.source,
    start,
    end: Math.min(end, Math.max(target.end, start + 1)),
  });
  return value;
}

function parseCall(p: ParserFace, callee: Expr, start: number): Expr {
  const args = p.parseList(")", "after arguments", p.parseExpression);
  return { kind: "Call", start, end: p.previous.end, callee, args };
}

function parseIndex(p: ParserFace, object: Expr, start: number): Expr {
  const index = p.parseExpression();
  p.expect("]", "after index expression");
  return { kind: "Index", start, end: p.previous.end, object, index };
}

function parseMember(p: ParserFace, object: Expr, start: number): Expr {
  const name = p.parseMemberName("property name after '.'");
  return { kind: "Member", start, end: name.end, object, name };
}

// ---- Declarations ---------------------------------------------------------------------------------------------------

function parseVar(p: ParserFace, start: number, name: Ident): VarDecl {
  const init = p.match("=") ? p.parseExpression() : null;
  p.expect(";", "after variable declaration");
  return { kind: "VarDecl", start, end: p.previous.end, name, init };
}

/** A declaration, or (without a name) an expression that begins with a function. */
function parseFunctionStatement(p: ParserFace, start: number): Stmt {
  const isAsync = parseAsync(p);
  if (p.peek("(")) {
    const fn = p.parseFunction(start, null, isAsync, "'function'");
    return finishExpression(p, p.continueExpression(fn, start), start);
  }
  const name = p.parseName("function name");
  const fn = p.parseFunction(start, null, isAsync, "function name");
  return { kind: "FunctionDecl", start, end: p.previous.end, name, fn };
}

function parseStruct(p: ParserFace, start: number): Stmt {
  const name = p.parseName("struct name");
  p.expect("{", "before struct body");
  const fields: Ident[] = [];
  while (!p.peek("}") && !p.peek("<end>")) {
    fields.push(p.parseMemberName("field name"));
    p.expect(";", "after field name");
  }
  p.expect("}", "after struct body");
  refuseDuplicates(p, "field", fields);
  return { kind: "StructDecl", start, end: p.previous.end, name, fields };
}

function parseImport(p: ParserFace, start: number): Stmt {
  const { kind, start: from, end, name, sound, escaped } = p.token;
  const named = p.match("<name>");
  if (!named && !p.match("<string>")) {
    p.fail("U0112", { what: "module name (string or identifier) after 'import'" });
  }
  const literal = kind === "<string>" && sound
    ? readString(p.source.text, from, end, escaped)
    : new Uint8Array();
  const path = named ? name : decodeText(literal);
  p.expect("as", "in import statement");
  const alias = p.parseName("alias after 'as'");
  p.expect(";", "after import statement");
  return { kind: "ImportDecl", start, end: p.previous.end, path, named, alias };
}

function refuseDuplicates(p: ParserFace, what: string, names: readonly Ident[]): void {
  const seen = new Map<string, Ident>();
  for (const ident of names) {
    const { name, start, end } = ident;
    const first = seen.get(name);
    if (first === undefined) {
      seen.set(name, ident);
    } else {
      const error = p.diagnostics.report("U0116", { source: p.source, start, end }, { what, name });
      error.notes.push({
        message: "it is here already",
        source: p.source,
        start: first.start,
        end: first.end,
      });
    }
  }
}

// ---- Statements -----------------------------------------------------------------------------------------------------

function parsePrint(p: ParserFace, start: number): Stmt {
  const value = p.parseExpression();
  p.expect(";", "after print value");
  return { kind: "Print", start, end: p.previous.end, value };
}

function parseIf(p: ParserFace, start: number): Stmt {
  const arms: { start: number; test: Expr; then: Stmt }[] = [];
  let rest: Stmt | null = null;
  for (;;) {
    p.expect("(", "after 'if'");
    const test = p.parseExpression();
    p.expect(")", "after if condition");
    arms.push({ start, test, then: p.parseBody() });
    if (!p.match("else")) break;
    start = p.token.start;
    if (p.match("if")) continue; // in this loop, not by recursion :deep-trees:
    rest = p.parseBody();
    break;
  }
  const end = p.previous.end;
  for (const { start, test, then } of arms.reverse()) {
    rest = { kind: "If", start, end, test, then, else: rest };
  }
  return rest!;
}

function parseWhile(p: ParserFace, start: number): Stmt {
  p.expect("(", "after 'while'");
  const test = p.parseExpression();
  p.expect(")", "after condition");
  const body = p.parseLoopBody();
  return { kind: "While", start, end: p.previous.end, test, body };
}

function parseFor(p: ParserFace, start: number): Stmt {
  p.expect("(", "after 'for'");
  const initStart = p.token.start;
  let init: VarDecl | ExprStmt | null = null;
  if (p.match("var")) {
    const name = p.parseName("variable name");
    if (p.match(":")) return parseForEach(p, start, name);
    init = parseVar(p, initStart, name);
  } else if (!p.match(";")) {
    const expr = p.parseExpression();
    p.expect(";", "after loop start");
    init = { kind: "ExprStmt", start: initStart, end: p.previous.end, expr };
  }
  const test = p.peek(";") ? null : p.parseExpression();
  p.expect(";", "after loop condition");
  const step = p.peek(")") ? null : p.parseExpression();
  p.expect(")", "after for clauses");
  const body = p.parseLoopBody();
  return { kind: "For", start, end: p.previous.end, init, test, step, body };
}

function parseForEach(p: ParserFace, start: number, name: Ident): Stmt {
  const iterable = p.parseExpression();
  p.expect(")", "after foreach collection");
  const body = p.parseLoopBody();
  return { kind: "ForEach", start, end: p.previous.end, name, iterable, body };
}

function parseReturn(p: ParserFace, start: number): Stmt {
  const value = p.peek(";") ? null : p.parseExpression();
  p.expect(";", "after return value");
  return { kind: "Return", start, end: p.previous.end, value };
}

function parseJump(p: ParserFace, start: number): Stmt {
  const { kind: keyword, end } = p.previous;
  if (!p.inLoop) p.diagnostics.report("U0115", { source: p.source, start, end }, { keyword });
  p.expect(";", `after '${keyword}'`);
  return { kind: keyword === "break" ? "Break" : "Continue", start, end: p.previous.end };
}

function parseEmpty(p: ParserFace, start: number): Stmt {
  const end = p.previous.end;
  const error = p.diagnostics.report("U0118", { source: p.source, start, end });
  error.notes.push({ message: "remove it, or write {} for a body that does nothing" });
  return { kind: "Block", start, end, body: [] };
}

function finishExpression(p: ParserFace, expr: Expr, start: number): Stmt {
  p.expect(";", "after expression");
  return { kind: "ExprStmt", start, end: p.previous.end, expr };
}

// ---- The parser -----------------------------------------------------------------------------------------------------

/** What may be asked of a parse. */
export interface ParseOptions {
  /** Rows that plugins add to the grammar. */
  readonly rules?: readonly SyntaxRule[];
  /** Whether the last ';' may be left out, as people do who talk to a program. */
  readonly mayLackEnd?: boolean;
}

/**
 * Parses a file. Errors go to `diagnostics`; if there are any, the tree holds what could be made sense of, and is not to
 * be compiled. Throws only for rules that clash.
 */
export function parseProgram(
  source: SourceFile,
  diagnostics: Diagnostics,
  options: ParseOptions = {},
): Program {
  const rules = options.rules ?? [];
  const tokens = rules.map((rule) => rule.token);
  const parser = makeParser(source, diagnostics, mergeGrammar(rules), tokens, options.mayLackEnd ?? false);
  return { kind: "Program", start: 0, end: source.text.length, body: parser.parseFile() };
}

/**
 * Checks that a row can join the grammar.
 * @throws {Error} if its token is none, or means something already
 */
export function checkRule(rule: SyntaxRule): void {
  mergeGrammar([rule]);
  makeLexicon([rule.token]);
}

/** A row with all its columns, so that the parser meets one shape of object only. */
interface Row {
  readonly prefix: SyntaxRow["prefix"] | null;
  readonly infix: SyntaxRow["infix"] | null;
  readonly precedence: number;
  readonly statement: SyntaxRow["statement"] | null;
}

/** The language's rows and those of plugins, by token. A row gets its columns when its token is first met. */
function mergeGrammar(rules: readonly SyntaxRule[]): (token: string) => Row {
  const extra = new Map<string, SyntaxRule>(), rows = new Map<string, Row>();
  for (const rule of rules) {
    const { token, by } = rule;
    const owner = Object.hasOwn(GRAMMAR, token) ? "the language" : extra.get(token)?.by;
    if (owner !== undefined) throw new Error(`token '${token}' is defined twice: by ${owner} and by ${by}`);
    extra.set(token, rule);
  }
  function makeRow(token: string): Row {
    const { prefix, infix, precedence, statement } = extra.get(token) ?? GRAMMAR[token as BuiltinToken];
    const row = {
      prefix: prefix ?? null,
      infix: infix ?? null,
      precedence: infix ? precedence ?? PRECEDENCE.postfix : -1,
      statement: statement ?? null,
    };
    rows.set(token, row);
    return row;
  }
  return (token) => rows.get(token) ?? makeRow(token);
}

// Thrown by whoever cannot go on: with this statement, or with the file. Neither leaves this module.
const PANIC = Symbol("panic"), STOP = Symbol("stop");

/** The parser's own side of the face: the same record, writable. */
type ParserState = { -readonly [Field in keyof ParserFace]: ParserFace[Field] };

function makeParser(
  source: SourceFile,
  diagnostics: Diagnostics,
  rowOf: (token: string) => Row,
  extraTokens: readonly string[],
  mayLackEnd: boolean,
): { parseFile(): Stmt[] } {
  const lexicon = makeLexicon(extraTokens);
  let lexer = makeLexer(source, diagnostics, lexicon);
  const { text } = source;
  let token = makeToken(), previous = makeToken();
  const spare = makeToken();
  let row = rowOf("<end>"); // that of `token`

  let depth = 0; // levels open now
  let deepest = 0; // the greatest level that the expression being read reaches; see continueExpression
  let nesting = 0; // parentheses and brackets open in this statement
  let firstWord = ""; // the name with which this statement begins, if it begins with one
  let lastError = -1; // the token at which a syntax error was reported last

  // ---- Tokens

  function advance(): void {
    const next = previous; // the two buffers take turns
    previous = token;
    token = next;
    p.token = token;
    p.previous = previous;
    lexer.scan(token);
    row = rowOf(token.kind);
    const { kind } = previous;
    if (kind === "(" || kind === "[") nesting++;
    else if (kind === ")" || kind === "]") nesting--;
  }

  function peek(kind: string): boolean {
    return token.kind === kind;
  }

  function peekSecond(kind: string): boolean {
    lexer.scan(spare);
    lexer.rewind(token.end);
    return spare.kind === kind;
  }

  function match(kind: string): boolean {
    if (token.kind !== kind) return false;
    advance();
    return true;
  }

  function expect(kind: string, where: string): void {
    if (token.kind === kind) return advance();
    if (mayLackEnd && kind === ";" && token.kind === "<end>") return;
    const error = reportSyntax("U0107", kind === ";", { token: kind, where });
    if (kind === ";") {
      if (token.kind === ":") {
        error?.notes.push({ message: "'{' begins a block here; for a map literal, write ({ \u2026 })" });
      } else advise(error, firstWord);
      // A line break or the end of a block is where the ';' was meant, so there is nothing to recover from.
      if (error !== null && (token.kind === "}" || token.kind === "<end>" || firstOnLine())) return;
    }
    throw PANIC;
  }

  function fail<Code extends DiagnosticCode>(
    code: Code,
    ...details: DetailsOf<(typeof DIAGNOSTICS)[Code]>
  ): never {
    reportSyntax(code, false, ...details);
    throw PANIC;
  }

  function parseInside<Result>(start: number, end: number, read: () => Result): Result {
    const outer = { lexer, token: { ...token }, previous: { ...previous }, row };
    lexer = makeLexer(source, diagnostics, lexicon, text.slice(0, end));
    lexer.rewind(start);
    lexer.scan(token);
    row = rowOf(token.kind);
    previous.start = previous.end = start;
    try {
      return read();
    } finally {
      lexer = outer.lexer;
      Object.assign(token, outer.token);
      Object.assign(previous, outer.previous);
      row = outer.row;
    }
  }

  // ---- Errors

  /** Reports at the next token (or directly after the previous one), unless something was reported here before. */
  function reportSyntax<Code extends DiagnosticCode>(
    code: Code,
    afterPrevious: boolean,
    ...details: DetailsOf<(typeof DIAGNOSTICS)[Code]>
  ): Diagnostic | null {
    const atEnd = token.kind === "<end>";
    const known = token.kind === "<error>" || token.start === lastError || (atEnd && lexer.truncated);
    if (known) return null;
    lastError = token.start;
    const behind = afterPrevious || atEnd;
    const start = behind ? previous.end : token.start;
    const error = diagnostics.report(code, { source, start, end: behind ? start : token.end }, ...details);
    if (diagnostics.full) throw STOP;
    return error;
  }

  function advise(error: Diagnostic | null, word: string): void {
    if (error === null || word === "") return;
    const meant = FOREIGN_WORDS.get(word) ?? suggest(word, KEYWORDS);
    if (meant !== null) error.notes.push({ message: `did you mean '${meant}' instead of '${word}'?` });
  }

  function firstOnLine(): boolean {
    return text.slice(previous.end, token.start).includes("\n");
  }

  /**
   * Skips what remains of a broken statement. A statement ends at ';' and begins with a keyword; inside parentheses that
   * only holds where it coincides with a line, because of for loops and functions. Braces are skipped in pairs.
   */
  function synchronize(): void {
    let fresh = false; // so that a statement that begins with the wrong keyword is not begun again
    while (token.kind !== "<end>") {
      if (token.kind === ";") {
        advance();
        if (nesting <= 0 || firstOnLine()) return;
      } else if (token.kind === "}") {
        return;
      } else if (token.kind === "{") {
        skipBraces();
        if (nesting <= 0 && !peek("else")) return void match(";");
      } else if (fresh && token.name !== "" && row.statement && (nesting <= 0 || firstOnLine())) {
        return;
      } else {
        advance();
      }
      fresh = true;
    }
  }

  function skipBraces(): void {
    const outer = nesting;
    let open = 0;
    do {
      if (token.kind === "{") open++;
      else if (token.kind === "}") open--;
      advance();
    } while (open > 0 && token.kind !== "<end>");
    nesting = outer;
  }

  function deepen(): void {
    if (++depth > MAX_NESTING) tooDeep();
  }

  function tooDeep(): never {
    const { start, end } = previous;
    diagnostics.report("U0119", { source, start, end }, { limit: MAX_NESTING });
    throw STOP; // whatever else is in there, it is not worth a second message
  }

  // ---- Names and lists

  function parseName(what: string): Ident {
    if (token.kind === "<name>") return parseMemberName(what);
    const error = reportSyntax("U0112", false, { what });
    if (token.name !== "") error?.notes.push({ message: `'${token.name}' is a keyword` });
    throw PANIC;
  }

  function parseMemberName(what: string): Ident {
    const { start, end, name } = token;
    if (name === "") fail("U0112", { what });
    advance();
    return { kind: "Ident", start, end, name };
  }

  function parseList<Item>(close: string, where: string, item: () => Item): Item[] {
    const items: Item[] = [];
    while (token.kind !== close) {
      items.push(item());
      if (!match(",")) break;
    }
    expect(close, where);
    return items;
  }

  // ---- Expressions

  function parseExpression(precedence: number = PRECEDENCE.assignment): Expr {
    const { prefix } = row;
    if (!prefix) return failWithoutExpression();
    const start = token.start;
    deepen();
    const outer = deepest;
    deepest = depth;
    advance();
    const value = continueExpression(prefix(p, start), start, precedence);
    if (deepest < outer) deepest = outer;
    depth--;
    return value;
  }

  /**
   * What has been read becomes the left part of something larger, again and again: a + b + c, f()()(), which later passes
   * follow without recursion. Where a rule makes it another part, `deepest` counts the level that `depth` cannot see.
   */
  function continueExpression(left: Expr, start: number, precedence: number = PRECEDENCE.assignment): Expr {
    while (row.precedence >= precedence) {
      const infix = row.infix!;
      const opStart = token.start;
      advance();
      const before = deepest;
      const whole = infix(p, left, start, opStart);
      if (leftPart(whole) !== left && deepest === before && ++deepest > MAX_NESTING) tooDeep();
      left = whole;
    }
    return left;
  }

  function failWithoutExpression(): never {
    const error = reportSyntax("U0111", false);
    if (error !== null) {
      const slip = SLIPS.find(([slip]) =>
        text.endsWith(slip, previous.end) || text.endsWith(slip, token.end)
      );
      const advice = slip?.[1] ?? ADVICE.get(token.kind);
      if (advice) error.notes.push({ message: advice });
      else if (previous.name === firstWord || token.kind === "var") advise(error, firstWord);
    }
    throw PANIC;
  }

  // ---- Statements

  function parseStatement(): Stmt {
    deepen();
    const { start, kind, name } = token;
    const outer = deepest;
    deepest = depth;
    firstWord = kind === "<name>" ? name : "";
    const { statement } = row;
    let result: Stmt;
    if (statement) {
      advance();
      result = statement(p, start);
    } else {
      result = finishExpression(p, parseExpression(), start);
    }
    if (deepest < outer) deepest = outer;
    depth--;
    return result;
  }

  function parseStatements(close: "}" | "<end>"): Stmt[] {
    const body: Stmt[] = [];
    const outer = { depth, deepest, nesting, firstWord, inLoop: p.inLoop };
    while (token.kind !== close && token.kind !== "<end>") {
      const { start } = token;
      nesting = 0;
      try {
        body.push(parseStatement());
      } catch (thrown) {
        if (thrown !== PANIC) throw thrown;
        depth = outer.depth;
        deepest = outer.deepest;
        p.inLoop = outer.inLoop;
        synchronize();
        if (token.start === start && token.kind !== "<end>") advance(); // a stray '}'
      }
    }
    nesting = outer.nesting;
    firstWord = outer.firstWord;
    return body;
  }

  function parseBlock(start: number): Block {
    const end = previous.end;
    const body = parseStatements("}");
    if (token.kind !== "}") {
      const error = reportSyntax("U0107", false, { token: "}", where: "after block" });
      error?.notes.push({ message: "the block begins here", source, start, end });
      throw PANIC;
    }
    advance();
    return { kind: "Block", start, end: previous.end, body };
  }

  function parseBody(): Stmt {
    const { start, end } = token;
    const body = parseStatement();
    const { kind } = body;
    if (kind === "VarDecl" || kind === "FunctionDecl" || kind === "StructDecl" || kind === "ImportDecl") {
      const error = diagnostics.report("U0114", { source, start, end }, { keyword: text.slice(start, end) });
      error.notes.push({ message: `put braces around it: { ${text.slice(start, end)} \u2026 }` });
    }
    return body;
  }

  function parseLoopBody(): Stmt {
    const outer = p.inLoop;
    p.inLoop = true;
    const body = parseBody();
    p.inLoop = outer;
    return body;
  }

  function parseFunction(start: number, name: Ident | null, isAsync: boolean, after: string): FunctionExpr {
    expect("(", `after ${after}`);
    const params = parseList(")", "after parameters", () => parseName("parameter name"));
    refuseDuplicates(p, "parameter", params);
    const brace = token.start;
    expect("{", "before function body");
    const outer = p.inLoop;
    p.inLoop = false;
    const body = parseBlock(brace);
    p.inLoop = outer;
    return { kind: "FunctionExpr", start, end: previous.end, name, params, body, isAsync };
  }

  function parseFile(): Stmt[] {
    lexer.scan(token);
    row = rowOf(token.kind);
    try {
      return parseStatements("<end>");
    } catch (thrown) {
      if (thrown !== STOP) throw thrown;
      return [];
    }
  }

  const p: ParserState = {
    source,
    diagnostics,
    token,
    previous,
    inLoop: false,
    peek,
    peekSecond,
    match,
    expect,
    fail,
    parseInside,
    readText: (start, end) => readString(text, start - 1, end + 1, true),
    parseName,
    parseMemberName,
    parseExpression,
    continueExpression,
    parseList,
    parseStatement,
    parseBody,
    parseLoopBody,
    parseBlock,
    parseFunction,
  };
  return { parseFile };
}

// ---- Advice ---------------------------------------------------------------------------------------------------------

/** Words that begin statements in other languages. */
const FOREIGN_WORDS: ReadonlyMap<string, string> = new Map([
  ["let", "var"],
  ["const", "var"],
  ["local", "var"],
  ["fn", "function"],
  ["func", "function"],
  ["def", "function"],
  ["fun", "function"],
  ["foreach", "for"],
  ["elif", "else if"],
  ["elsif", "else if"],
  ["elseif", "else if"],
  ["class", "struct"],
  ["echo", "print"],
]);

/** What one finds around the place where a value was missing. */
const SLIPS: readonly (readonly [slip: string, advice: string])[] = [
  ["++", "there is no '++': write x += 1"],
  ["--", "there is no '--': write x -= 1"],
  ["===", "equality is written '=='"],
  ["!==", "inequality is written '!='"],
];

/** For tokens with which no value begins. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  ["else", "there is no 'if' that this 'else' could belong to"],
  ["}", "there may be a '}' too many"],
  [")", "there may be a ')' too many"],
]);
