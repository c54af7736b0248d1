/**
 * How the inputs of a session are compiled. Somebody who talks to a program writes a little less than a file holds,
 * and wants to know a little more: the last `;` may be missing, an input may go on in the next line, and what the last
 * expression comes to is kept, in a global that no program can name. Everything behind the tree stays as it is.
 *
 *     1 + 2        is compiled like        <result> = 1 + 2;
 */

import type { Program as Tree } from "../core/ast.ts";
import { createDiagnostics } from "../core/diagnostics.ts";
import { CompileFailure, CORE, definePass, type OwnedPass, type Pass } from "../core/pass.ts";
import { RESULT } from "../core/session.ts";
import type { SourceFile } from "../core/source.ts";
import type { SyntaxRule } from "../core/syntax.ts";
import { KEYWORDS, makeLexer, makeLexicon, makeToken } from "./lexer.ts";
import { parseProgram } from "./parse.ts";

const EXAMPLE = "var x = 20;\nx + 1;";

const parse: Pass<"source", "ast"> = definePass({
  name: "parse",
  stage: "load",
  from: "source",
  to: "ast",
  required: true,
  doc: {
    summary: "Reads an input into a tree; its last ';' may be missing.",
    why: "Nobody likes to type it.",
    example: EXAMPLE,
  },
  run: (source, { diagnostics, rules }) => parseProgram(source, diagnostics, { rules, mayLackEnd: true }),
});

const keepResult: Pass<"ast", "ast"> = definePass({
  name: "keep-result",
  stage: "load",
  from: "ast",
  to: "ast",
  required: true,
  doc: {
    summary: "Assigns the last expression of an input to a global, where the session finds its value.",
    why: "The value of an expression that stands alone would be gone.",
    example: EXAMPLE,
  },
  run(tree) {
    const last = tree.body.at(-1);
    if (last?.kind !== "ExprStmt") return tree;
    const { start, end } = last.expr;
    const target = { kind: "Name", start, end, name: RESULT } as const;
    const expr = { kind: "Assign", start, end, op: "=", target, value: last.expr } as const;
    return { ...tree, body: [...tree.body.slice(0, -1), { ...last, expr }] };
  },
});

/** The passes of a runtime, made fit for inputs. */
export function forInputs(passes: readonly OwnedPass[]): OwnedPass[] {
  return passes.flatMap((owned) => {
    const { pass } = owned;
    if (pass.name === parse.name) return [{ ...owned, pass: parse }];
    return pass.from === "ast" && pass.to === "program"
      ? [{ pass: keepResult, plugin: CORE }, owned]
      : [owned];
  });
}

/**
 * The tree of an input as it was written.
 * @throws {CompileFailure} if it has errors
 */
export function parseInput(source: SourceFile, rules: readonly SyntaxRule[]): Tree {
  const diagnostics = createDiagnostics();
  const tree = parseProgram(source, diagnostics, { rules, mayLackEnd: true });
  if (diagnostics.errorCount > 0) throw new CompileFailure(diagnostics.items);
  return tree;
}

/** Whether more text could make an input right: its first error is that it ends. */
export function isUnfinished({ diagnostics }: CompileFailure, rules: readonly SyntaxRule[]): boolean {
  const first = diagnostics.find(({ severity }) => severity === "error");
  if (first === undefined || first.source === null) return false;
  if (first.code === "U0102" || first.code === "U0103") return true; // a string or comment that goes on
  const lexer = makeLexer(first.source, createDiagnostics(), makeLexicon(rules.map(({ token }) => token)));
  const token = makeToken();
  lexer.rewind(first.start);
  lexer.scan(token);
  return token.kind === "<end>";
}

/** All words that mean something by themselves. */
export function keywordsOf(rules: readonly SyntaxRule[]): string[] {
  return [...KEYWORDS, ...rules.map(({ token }) => token).filter((token) => /^\w/.test(token))];
}
