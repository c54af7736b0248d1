/**
 * The compiler's table of contents: its passes in order, and how what they make is shown and verified. They enter as a
 * plugin like any other; the order in which they run is not the order of the list but follows from what they take.
 */

import { definePart } from "../core/part.ts";
import { CORE, defineArtifact, definePass, type Pass } from "../core/pass.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";
import { checkProgram } from "../core/verify.ts";
import { emitProgram } from "./bytecode.ts";
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
  run: (tree, { source, diagnostics, builtins, opcodes }) =>
    emitProgram(tree, source, diagnostics, { builtins, opcodes }),
});

// ---- the hot stage -----------------------------------------------------------------------------------------------

/** What the hot stage is made of, which short programs do without; to be loaded before anything becomes machine code. */
export const hotStage = definePart<typeof import("./hot.ts")>(import.meta, "./hot.ts");

const loops: Pass<"hot", "hot"> = definePass({
  name: "loops",
  stage: "hot",
  from: "hot",
  to: "hot",
  doc: {
    summary: "Plans a second version of the innermost loops, in which values live in machine registers.",
    why:
      "Templates load each operand from its slot, check its type, and store each result; a number that a loop changes in " +
      "every round would go through memory in every round, and what never changes would be checked in every round.",
    example:
      "function sum(n) {\n  var s = 0;\n  for (var i = 0; i < n; i += 1) s += i;\n  return s;\n}\nprint sum(1000);",
  },
  run(hot, { target, opcodes }) {
    if (target === undefined) throw new Error("Nobody says for which processor");
    return hot.plansLoops ? { ...hot, loops: hotStage.get().planLoops(hot, target, opcodes) } : hot;
  },
});

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
    example: "function count(n) {\n  var i = 0;\n  while (i < n) i += 1;\n  return i;\n}\nprint count(1000);",
  },
  run(hot, { target, opcodes }) {
    if (target === undefined) throw new Error("Nobody says for which processor");
    return hotStage.get().compileTemplates(hot, target, opcodes);
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
  run: (draft) => hotStage.get().patchJumps(draft),
});

// ---- artifacts ---------------------------------------------------------------------------------------------------

/** What prints artifacts, and verifies trees; whoever asks for that loads it. */
export const views = definePart<typeof import("./views.ts")>(import.meta, "./views.ts");

const source = defineArtifact({
  kind: "source",
  dump: "tokens",
  doc: "The text of a file, shown as its tokens.",
  print: (file, cx) => views.get().printSource(file, cx),
  json: (file, cx) => views.get().sourceToJson(file, cx),
  check: () => {},
});

const tree = defineArtifact({
  kind: "ast",
  dump: "ast",
  doc: "The tree of a file.",
  print: (root, cx) => views.get().printTree(root, cx),
  json: (root, cx) => views.get().treeToJson(root, cx),
  check: (root, cx) => views.get().checkTree(root, cx),
});

const program = defineArtifact({
  kind: "program",
  dump: "bytecode",
  doc: "The bytecode of a file.",
  print: (whole, cx) => views.get().printBytecode(whole, cx),
  json: (whole, cx) => views.get().bytecodeToJson(whole, cx),
  check: (whole, { opcodes }) => checkProgram(whole, opcodes),
});

const hot = defineArtifact({
  kind: "hot",
  dump: "hot",
  doc: "A function that is worth machine code, with its specialised forms.",
  print: (hot, cx) => hotStage.get().views.printHot(hot, cx),
  json: (hot, cx) => hotStage.get().views.hotToJson(hot, cx),
  check: () => {},
});

const draft = defineArtifact({
  kind: "draft",
  dump: "draft",
  doc: "Its machine code with holes, and what belongs in them.",
  print: (draft, cx) => hotStage.get().views.printDraft(draft, cx),
  json: (draft, cx) => hotStage.get().views.draftToJson(draft, cx),
  check: (draft) => hotStage.get().views.checkDraft(draft),
});

const code = defineArtifact({
  kind: "code",
  dump: "code",
  doc: "Its machine code, beside the bytecode and the source.",
  print: (code, cx) => hotStage.get().views.printCode(code, cx),
  json: (code, cx) => hotStage.get().views.codeToJson(code, cx),
  check: (code) => hotStage.get().views.checkCode(code),
});

/** The compiler as a plugin. */
export const core: Plugin = definePlugin({
  name: CORE,
  doc:
    "The built-in passes: from the text of a file to bytecode that counts what is hot, and on to machine code.",
  artifacts: [source, tree, program, hot, draft, code],
  passes: [parse, bytecode, profile, loops, templateJit, jumpPatch],
});
