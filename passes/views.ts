/**
 * What the artifacts of the load stage look like in print and as JSON, whole or cut down to the functions of a name, and
 * what a well-formed tree is. Plain runs do not print and trust the parser's trees, so they do not load this file.
 */

import { type FunctionDecl, type Node, NODES, type Program as Tree, walk } from "../core/ast.ts";
import { astToJson, printAst } from "../core/ast_text.ts";
import { createDiagnostics } from "../core/diagnostics.ts";
import { printProgram, programToJson } from "../core/listing.ts";
import type { ArtifactContext } from "../core/pass.ts";
import type { Program } from "../core/program.ts";
import type { SourceFile } from "../core/source.ts";
import { findOperationFlaw, type SyntaxRule } from "../core/syntax.ts";
import { type Lexicon, makeLexer, makeLexicon, makeToken } from "./lexer.ts";

// ---- tokens ------------------------------------------------------------------------------------------------------

const lexiconOf = (rules: readonly SyntaxRule[]) => makeLexicon(rules.map((rule) => rule.token));

/** The tokens of a file as text, in the language that the rules make. */
export function printSource(file: SourceFile, { rules }: ArtifactContext): string {
  return printTokens(file, lexiconOf(rules));
}

/** The tokens of a file as text, one a line: line:column, kind, and the text where the kind does not tell. */
export function printTokens(source: SourceFile, lexicon: Lexicon = makeLexicon()): string {
  const lexer = makeLexer(source, createDiagnostics(0), lexicon);
  const token = makeToken();
  const lines: string[] = [];
  do {
    lexer.scan(token);
    const { line, column } = source.position(token.start);
    const text = source.text.slice(token.start, token.end);
    const shown = token.kind === text || text === "" ? "" : ` ${JSON.stringify(text).slice(1, -1)}`;
    lines.push(`${line}:${column} ${token.kind}${shown}`);
  } while (token.kind !== "<end>");
  return lines.join("\n") + "\n";
}

/** The tokens of a file as JSON: kinds and offsets. */
export function sourceToJson(file: SourceFile, { rules }: ArtifactContext): string {
  const lexer = makeLexer(file, createDiagnostics(0), lexiconOf(rules));
  const token = makeToken();
  const tokens: { kind: string; start: number; end: number }[] = [];
  do {
    lexer.scan(token);
    tokens.push({ kind: token.kind, start: token.start, end: token.end });
  } while (token.kind !== "<end>");
  return JSON.stringify(tokens);
}

// ---- trees -------------------------------------------------------------------------------------------------------

/** A tree as text. */
export function printTree(root: Tree, { source, functionName }: ArtifactContext): string {
  return partsOf(root, functionName).map((part) => printAst(part, source)).join("\n");
}

/** A tree as JSON; a list of trees if functions of a name are asked for. */
export function treeToJson(root: Tree, { functionName }: ArtifactContext): string {
  if (functionName === undefined) return astToJson(root);
  return `[${partsOf(root, functionName).map(astToJson).join(",")}]`;
}

/** The tree, or the declarations of the functions that are asked for. */
function partsOf(root: Tree, functionName: string | undefined): Node[] {
  if (functionName === undefined) return [root];
  const found: FunctionDecl[] = [];
  walk(root, {
    enter: (node) => {
      if (node.kind === "FunctionDecl" && node.name.name === functionName) found.push(node);
    },
  });
  return found;
}

/** A tree is well formed when each node is of a kind that exists, has all its fields, and lies in the text. */
export function checkTree(root: Tree, { source, opcodes }: ArtifactContext): void {
  walk(root, {
    enter(node) {
      const fields = Object.keys(NODES[node.kind]);
      const missing = fields.find((field) =>
        (node as unknown as Record<string, unknown>)[field] === undefined
      );
      if (missing !== undefined) throw new Error(`${node.kind} at ${node.start} has no '${missing}'`);
      if (!(0 <= node.start && node.start <= node.end && node.end <= source.text.length)) {
        throw new Error(`${node.kind} spans ${node.start} to ${node.end}, which is not a part of the text`);
      }
      const flaw = node.kind === "Operation" ? findOperationFlaw(node, opcodes) : null;
      if (flaw !== null) throw new Error(flaw);
    },
  });
}

// ---- programs ----------------------------------------------------------------------------------------------------

/** A program's listing. */
export function printBytecode(whole: Program, { opcodes, functionName }: ArtifactContext): string {
  return printProgram(cutProgram(whole, functionName), opcodes);
}

/** A program as JSON. */
export function bytecodeToJson(whole: Program, { opcodes, functionName }: ArtifactContext): string {
  return programToJson(cutProgram(whole, functionName), opcodes);
}

function cutProgram(whole: Program, functionName: string | undefined): Program {
  if (functionName === undefined) return whole;
  return { ...whole, protos: whole.protos.filter(({ name }) => name === functionName) };
}
