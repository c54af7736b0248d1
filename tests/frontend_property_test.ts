/** Properties of the front end that hold for any input, checked on generated ones. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Block, Expr, Ident, MapEntry, Program, Stmt, VarDecl } from "../core/ast.ts";
import { OPERATOR_PRECEDENCE, walk } from "../core/ast.ts";
import { astToJson, formatAst, printAst } from "../core/ast_text.ts";
import { createDiagnostics, renderDiagnostic } from "../core/diagnostics.ts";
import { decodeSource, makeSource, type SourceFile } from "../core/source.ts";
import { checkProgram } from "../passes/check.ts";
import { KEYWORDS, makeLexer, makeLexicon, makeToken, OPERATORS } from "../passes/lexer.ts";
import { parseProgram } from "../passes/parse.ts";
import { printTokens } from "../passes/views.ts";

// ---- Any text -------------------------------------------------------------------------------------------------------

/** Puts a file through the whole front end; nothing may throw, and every place must lie within the text. */
function survive(source: SourceFile): void {
  const diagnostics = createDiagnostics();
  const program = parseProgram(source, diagnostics);
  if (diagnostics.errorCount === 0) {
    checkProgram(program, source, { globals: new Set(["length"]) }, diagnostics);
  }
  for (const diagnostic of diagnostics.items) {
    const { start, end } = diagnostic;
    assert(0 <= start && start <= end && end <= source.text.length);
    const text = renderDiagnostic(diagnostic, { color: false });
    assert(text.length < 3000 && /\^+\n/.test(text), text);
  }
  walk(program, {
    enter(node, parent) {
      assert(node.start <= node.end);
      if (parent) {
        assert(parent.start <= node.start && node.end <= parent.end, `${node.kind} in ${parent.kind}`);
      }
    },
  });
  printAst(program, source);
  astToJson(program);
  formatAst(program);
  printTokens(source);
}

const pieces = fc.oneof(
  fc.constantFrom(...KEYWORDS, ...OPERATORS),
  fc.constantFrom("(", ")", "{", "}", ";", "(", ")", "{", "}", ";"), // structure is what recovery is about
  fc.constantFrom(
    "x",
    "y",
    "1",
    "2.5",
    "0x",
    "1.",
    '"s"',
    '"\\n"',
    '"\\q"',
    '"',
    "'",
    "\\",
    "@",
    "&",
    "|",
    "#",
    "é",
    "😀",
  ),
  fc.constantFrom(" ", "\n", "\t", "/*", "*/", "// c\n", "\0", "9223372036854775808", "1e999"),
);
const soup = fc.array(pieces, { maxLength: 60 }).chain((tokens) =>
  fc.constantFrom(" ", "", "\n").map((glue) => tokens.join(glue))
);

Deno.test("parseProgram() survives token soup", () => {
  fc.assert(fc.property(soup, (text) => survive(makeSource("t.unna", text))), { numRuns: 1500 });
});

Deno.test("decodeSource() and parseProgram() survive any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { source, invalid } = decodeSource("t.unna", bytes);
      if (invalid) assertEquals(source.text[invalid.offset], "\uFFFD");
      survive(source);
    }),
    { numRuns: 500 },
  );
});

Deno.test("parseProgram() survives any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 100 }), (text) => survive(makeSource("t.unna", text))),
    {
      numRuns: 500,
    },
  );
});

Deno.test("parseProgram() reports several errors in one text, but never two for one token", () => {
  fc.assert(
    fc.property(soup, (text) => {
      const diagnostics = createDiagnostics();
      parseProgram(makeSource("t.unna", text), diagnostics);
      const seen = diagnostics.items.map(({ code, start }) => `${code} ${start}`);
      assertEquals(new Set(seen).size, seen.length, seen.join());
    }),
    { numRuns: 500 },
  );
});

Deno.test("scan() covers the text: between tokens there is only blank space and comments", () => {
  fc.assert(
    fc.property(soup, (text) => {
      const lexer = makeLexer(makeSource("t.unna", text), createDiagnostics(), makeLexicon());
      const token = makeToken();
      let end = 0;
      do {
        lexer.scan(token);
        assert(end <= token.start && token.start <= token.end);
        assert(token.kind === "<end>" || token.start < token.end);
        assert(/^(?:[ \t\r\n\0]|\/\/.*|\/\*[^]*?(?:\*\/|$)|#!.*)*$/.test(text.slice(end, token.start)));
        end = token.end;
      } while (token.kind !== "<end>");
      assertEquals(end, text.length);
    }),
    { numRuns: 1000 },
  );
});

// ---- Any tree -------------------------------------------------------------------------------------------------------

const at = { start: 0, end: 0 };
const words = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,5}$/);
const names = words.filter((word) => !(KEYWORDS as readonly string[]).includes(word));
const ident = (name: string): Ident => ({ kind: "Ident", ...at, name });
const idents = names.map(ident);
const members = fc.oneof(words, fc.constantFrom(...KEYWORDS)).map(ident);
const uniqueBy = (items: fc.Arbitrary<Ident>) =>
  fc.uniqueArray(items, { maxLength: 3, selector: ({ name }) => name });

const OPERATOR_NAMES = Object.keys(OPERATOR_PRECEDENCE) as (keyof typeof OPERATOR_PRECEDENCE)[];

/** Trees as the parser makes them: what no program can say (a negative literal, an `else` after an open `if`) is left out. */
const { program } = fc.letrec<{ expr: Expr; stmt: Stmt; body: Stmt; block: Block; program: Program }>(
  (tie) => {
    const expr = tie("expr"), stmt = tie("stmt"), body = tie("body"), block = tie("block");
    const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
    const list = (items: fc.Arbitrary<Expr>) => fc.array(items, { maxLength: 3 });
    const variable = names.map((name): Expr => ({ kind: "Name", ...at, name }));

    const leaf = fc.oneof(
      variable,
      fc.constant<Expr>({ kind: "Nil", ...at }),
      fc.boolean().map((value): Expr => ({ kind: "Bool", ...at, value })),
      fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }).map((value): Expr => ({ kind: "Int", ...at, value })),
      fc.constant<Expr>({ kind: "Int", ...at, value: -(1n << 63n) }),
      fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0))
        .map((value): Expr => ({ kind: "Float", ...at, value })),
      fc.uint8Array({ maxLength: 6 }).map((bytes): Expr => ({ kind: "Str", ...at, bytes })),
      fc.string({ unit: "binary", maxLength: 4 }).map((text): Expr => (
        { kind: "Str", ...at, bytes: new TextEncoder().encode(text) }
      )),
    );
    const fn = fc.record({
      name: maybe(idents),
      params: uniqueBy(idents),
      body: block,
      isAsync: fc.boolean(),
    })
      .map((fields): Expr & { kind: "FunctionExpr" } => ({ kind: "FunctionExpr", ...at, ...fields }));
    const member = fc.record({ object: expr, name: members })
      .map((fields): Expr & { kind: "Member" } => ({ kind: "Member", ...at, ...fields }));
    const index = fc.record({ object: expr, index: expr })
      .map((fields): Expr & { kind: "Index" } => ({ kind: "Index", ...at, ...fields }));
    const target = fc.oneof(variable, member, index) as fc.Arbitrary<
      (Expr & { kind: "Name" | "Member" | "Index" })
    >;
    const entry = fc.record({ key: expr, value: expr })
      .map((fields): MapEntry => ({ kind: "MapEntry", ...at, ...fields }));
    const varDecl = fc.record({ name: idents, init: maybe(expr) })
      .map((fields): VarDecl => ({ kind: "VarDecl", ...at, ...fields }));
    const exprStmt = expr.map((expr) => ({ kind: "ExprStmt", ...at, expr }) as const);
    const print = expr.map((value): Stmt => ({ kind: "Print", ...at, value }));

    return {
      expr: fc.oneof(
        { maxDepth: 4, depthIdentifier: "tree", withCrossShrink: true },
        { weight: 3, arbitrary: leaf },
        fc.record({ op: fc.constantFrom(...OPERATOR_NAMES), left: expr, right: expr }).map((
          { op, left, right },
        ): Expr =>
          op === "&&" || op === "||"
            ? { kind: "Logical", ...at, op, left, right }
            : { kind: "Binary", ...at, op, left, right, opStart: 0 }
        ),
        fc.record({ op: fc.constantFrom("-" as const, "+" as const, "!" as const), operand: expr })
          .map((fields): Expr => ({ kind: "Unary", ...at, ...fields })),
        expr.map((operand): Expr => ({ kind: "Await", ...at, operand })),
        fc.record({
          op: fc.constantFrom(
            "=" as const,
            "+=" as const,
            "-=" as const,
            "*=" as const,
            "/=" as const,
            "%=" as const,
          ),
          target,
          value: expr,
        }).map((fields): Expr => ({ kind: "Assign", ...at, ...fields })),
        fc.record({ callee: expr, args: list(expr) }).map((fields): Expr => ({
          kind: "Call",
          ...at,
          ...fields,
        })),
        member,
        index,
        list(expr).map((items): Expr => ({ kind: "ArrayLit", ...at, items })),
        fc.array(entry, { maxLength: 2 }).map((entries): Expr => ({ kind: "MapLit", ...at, entries })),
        fn,
      ),
      body: fc.oneof(
        { maxDepth: 3, depthIdentifier: "tree" },
        exprStmt,
        print,
        maybe(expr).map((value): Stmt => ({ kind: "Return", ...at, value })),
        fc.constant<Stmt>({ kind: "Break", ...at }),
        fc.constant<Stmt>({ kind: "Continue", ...at }),
        block,
        fc.record({ test: expr, then: body }).map((fields): Stmt => ({
          kind: "If",
          ...at,
          ...fields,
          else: null,
        })),
        fc.record({ test: expr, then: block, else: body }).map((fields): Stmt => ({
          kind: "If",
          ...at,
          ...fields,
        })),
        fc.record({ test: expr, body }).map((fields): Stmt => ({ kind: "While", ...at, ...fields })),
        fc.record({ init: maybe(fc.oneof(varDecl, exprStmt)), test: maybe(expr), step: maybe(expr), body })
          .map((fields): Stmt => ({ kind: "For", ...at, ...fields })),
        fc.record({ name: idents, iterable: expr, body }).map((fields): Stmt => ({
          kind: "ForEach",
          ...at,
          ...fields,
        })),
      ),
      stmt: fc.oneof(
        { maxDepth: 3, depthIdentifier: "tree" },
        { weight: 3, arbitrary: body },
        varDecl,
        fc.record({ name: idents, fn }).map(({ name, fn }): Stmt => (
          { kind: "FunctionDecl", ...at, name, fn: { ...fn, name: null } }
        )),
        fc.record({ name: idents, fields: uniqueBy(members) }).map((fields): Stmt => (
          { kind: "StructDecl", ...at, ...fields }
        )),
        fc.record({ path: names, alias: idents }).map((fields): Stmt => (
          { kind: "ImportDecl", ...at, ...fields, named: true }
        )),
        fc.record({ path: fc.string({ maxLength: 5 }), alias: idents }).map((fields): Stmt => (
          { kind: "ImportDecl", ...at, ...fields, named: false }
        )),
      ),
      block: fc.array(stmt, { maxLength: 3, depthIdentifier: "tree" })
        .map((body): Block => ({ kind: "Block", ...at, body })),
      program: fc.array(stmt, { maxLength: 4 }).map((body): Program => ({ kind: "Program", ...at, body })),
    };
  },
);

Deno.test("parseProgram() reads back what formatAst() writes", () => {
  fc.assert(
    fc.property(program, (tree) => {
      const text = formatAst(tree);
      const diagnostics = createDiagnostics();
      const again = parseProgram(makeSource("t.unna", text), diagnostics);
      // Whether a jump stands in a loop is no matter of form.
      assertEquals(
        diagnostics.items.filter(({ code }) => code !== "U0115").map((item) => item.message),
        [],
        text,
      );
      assertEquals(printAst(again), printAst(tree), text);
      assertEquals(formatAst(again), text);
    }),
    { numRuns: 500 },
  );
});

Deno.test("astToJson() and checkProgram() take any tree", () => {
  fc.assert(
    fc.property(program, (tree) => {
      JSON.parse(astToJson(tree));
      checkProgram(tree, makeSource("t.unna", ""), { globals: new Set() }, createDiagnostics());
    }),
    { numRuns: 100 },
  );
});
