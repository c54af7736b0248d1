/**
 * The compiler's table of contents: its passes in order, and how what they make is shown and verified. They enter as a
 * plugin like any other; the order in which they run is not the order of the list but follows from what they take.
 */

import { type FunctionDecl, type Node, NODES, printAst, type Program as Tree, walk } from "../core/ast.ts";
import { astToJson } from "../core/ast.ts";
import { createDiagnostics } from "../core/diagnostics.ts";
import { checkProgram, printProgram, programToJson } from "../core/listing.ts";
import { type ArtifactContext, CORE, defineArtifact, definePass, type Pass } from "../core/pass.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";
import type { Program } from "../core/program.ts";
import type { SourceFile } from "../core/source.ts";
import type { SyntaxRule } from "../core/syntax.ts";
import { emitProgram } from "./bytecode.ts";
import { makeLexer, makeLexicon, makeToken, printTokens } from "./lexer.ts";
import { parseProgram } from "./parse.ts";
import { profile } from "./profile.ts";

export { checkRule } from "./parse.ts";
export { THRESHOLD_MAX } from "./profile.ts";

const parse: Pass<"source", "ast"> = definePass({
  name: "parse",
  stage: "load",
  from: "source",
  to: "ast",
  required: true,
  doc: {
    summary: "Reads the text into a tree, by the rows of the grammar.",
    why: "Everything that follows asks what a piece of the program consists of, never how it was written.",
    example: "print 2 + 3 * 4;",
  },
  run: (source, { diagnostics, rules }) => parseProgram(source, diagnostics, { rules }),
});

const bytecode: Pass<"ast", "program"> = definePass({
  name: "bytecode",
  stage: "load",
  from: "ast",
  to: "program",
  required: true,
  doc: {
    summary: "Writes the tree as instructions for a register machine.",
    why:
      "Walking a tree costs a visit for each node and round; instructions say what is to be done and nothing else.",
    example: "function twice(x) { return x * 2; }\nprint twice(21);",
  },
  run: (tree, { source, diagnostics, builtins }) => emitProgram(tree, source, diagnostics, { builtins }),
});

// ---- the hot stage -----------------------------------------------------------------------------------------------

/** The hot stage's files. Most programs are short and need none, so they are loaded when a backend compiles. */
let hotStage: {
  readonly jit: typeof import("./template_jit.ts");
  readonly patch: typeof import("./jump_patch.ts");
  readonly views: typeof import("../core/native_views.ts");
} | undefined;

/** Loads the hot stage; to be awaited before anything is compiled to machine code. */
export async function prepareHotStage(): Promise<void> {
  if (hotStage !== undefined) return;
  const [jit, patch, views] = await Promise.all([
    import("./template_jit.ts"),
    import("./jump_patch.ts"),
    import("../core/native_views.ts"),
  ]);
  hotStage = { jit, patch, views };
}

function loaded(): NonNullable<typeof hotStage> {
  if (hotStage === undefined) throw new Error("The hot stage is used before it was prepared: this is a bug");
  return hotStage;
}

const templateJit: Pass<"hot", "draft"> = definePass({
  name: "template-jit",
  stage: "hot",
  from: "hot",
  to: "draft",
  required: true,
  doc: {
    summary: "Writes machine code for a hot function, an instruction after the other, each by its template.",
    why:
      "The dispatch loop looks at each instruction anew in each round; machine code has been told once and only works.",
    example: "var sum = 0;\nfor (var i = 0; i < 1000; i += 1) sum += i;\nprint sum;",
  },
  run(hot, { target, opcodes }) {
    if (target === undefined) throw new Error("Nobody says for which processor");
    return loaded().jit.compileTemplates(hot, target, opcodes);
  },
});

const jumpPatch: Pass<"draft", "code"> = definePass({
  name: "jump-patch",
  stage: "hot",
  from: "draft",
  to: "code",
  required: true,
  doc: {
    summary: "Fills the holes of a draft: how far each jump goes.",
    why:
      "A jump forward is written before anybody knows where it leads; so it is left open until everything has its place.",
    example:
      "function f(n) { if (n < 0) return 0; return n; }\nfor (var i = 0; i < 1000; i += 1) f(i);\nprint f(7);",
  },
  run: (draft) => loaded().patch.patchJumps(draft),
});

// ---- artifacts ---------------------------------------------------------------------------------------------------

const lexiconOf = (rules: readonly SyntaxRule[]) => makeLexicon(rules.map((rule) => rule.token));

const source = defineArtifact({
  kind: "source",
  dump: "tokens",
  doc: "The text of a file, shown as its tokens.",
  print: (file, { rules }) => printTokens(file, lexiconOf(rules)),
  json: tokensToJson,
  check: () => {},
});

const tree = defineArtifact({
  kind: "ast",
  dump: "ast",
  doc: "The tree of a file.",
  print: (root, { source, functionName }) =>
    partsOf(root, functionName).map((part) => printAst(part, source)).join("\n"),
  json: (root, { functionName }) =>
    functionName === undefined
      ? astToJson(root)
      : `[${partsOf(root, functionName).map(astToJson).join(",")}]`,
  check: checkTree,
});

const program = defineArtifact({
  kind: "program",
  dump: "bytecode",
  doc: "The bytecode of a file.",
  print: (whole, { opcodes, functionName }) => printProgram(cutProgram(whole, functionName), opcodes),
  json: (whole, { opcodes, functionName }) => programToJson(cutProgram(whole, functionName), opcodes),
  check: (whole, { opcodes }) => checkProgram(whole, opcodes),
});

const hot = defineArtifact({
  kind: "hot",
  dump: "hot",
  doc: "A function that is worth machine code, with its specialised forms.",
  print: (hot, cx) => loaded().views.printHot(hot, cx),
  json: (hot, cx) => loaded().views.hotToJson(hot, cx),
  check: () => {},
});

const draft = defineArtifact({
  kind: "draft",
  dump: "draft",
  doc: "Its machine code with holes, and what belongs in them.",
  print: (draft, cx) => loaded().views.printDraft(draft, cx),
  json: (draft, cx) => loaded().views.draftToJson(draft, cx),
  check: (draft) => loaded().views.checkDraft(draft),
});

const code = defineArtifact({
  kind: "code",
  dump: "code",
  doc: "Its machine code, beside the bytecode and the source.",
  print: (code, cx) => loaded().views.printCode(code, cx),
  json: (code, cx) => loaded().views.codeToJson(code, cx),
  check: (code) => loaded().views.checkCode(code),
});

function tokensToJson(file: SourceFile, { rules }: ArtifactContext): string {
  const lexer = makeLexer(file, createDiagnostics(0), lexiconOf(rules));
  const token = makeToken();
  const tokens: { kind: string; start: number; end: number }[] = [];
  do {
    lexer.scan(token);
    tokens.push({ kind: token.kind, start: token.start, end: token.end });
  } while (token.kind !== "<end>");
  return JSON.stringify(tokens);
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

function cutProgram(whole: Program, functionName: string | undefined): Program {
  if (functionName === undefined) return whole;
  return { ...whole, protos: whole.protos.filter(({ name }) => name === functionName) };
}

/** A tree is well formed when each node is of a kind that exists, has all its fields, and lies in the text. */
function checkTree(root: Tree, { source }: ArtifactContext): void {
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
    },
  });
}

/** The compiler as a plugin. */
export const core: Plugin = definePlugin({
  name: CORE,
  doc:
    "The built-in passes: from the text of a file to bytecode that counts what is hot, and on to machine code.",
  artifacts: [source, tree, program, hot, draft, code],
  passes: [parse, bytecode, profile, templateJit, jumpPatch],
});
