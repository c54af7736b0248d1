import type { Program } from "../../../core/ast.ts";
import { formatAst } from "../../../core/ast_text.ts";
import { defineLab, type Lab, lookAfter, pluginOf, type Question, type Random } from "../../../core/lab.ts";

const BOOLS = "true and false", NUMBERS = "numbers", OTHERS = "nil and texts";
const CHAINS = "! of !", REST = "what is no literal", INSIDE = "inside of other code", PLACE = "places";

/** A question: the program, and as what it is to come out. */
function ask(topic: string, program: string, expected: string): Question<string> {
  return { topic, ask: program, expected, input: program };
}

const LITERALS = [
  [BOOLS, "true", true],
  [BOOLS, "false", false],
  [NUMBERS, "0", false],
  [NUMBERS, "7", true],
  [NUMBERS, "0.0", false],
  [NUMBERS, "0.5", true],
  [OTHERS, "nil", false],
  [OTHERS, '""', true],
  [OTHERS, '"0"', true],
  [OTHERS, '"false"', true],
] as const;

const FRAMES = [
  ["print 1 + length([", "]);"],
  ["while (", ") {\n    work();\n}"],
  ["var f = function (a) {\n    return a == ", ";\n};"],
  ["for (var x : [1, ", "]) print x;"],
] as const;

function makeQuestion(random: Random): Question<string> {
  const [, text, truth] = random.pick(LITERALS), count = random.int(1, 5);
  const folded = (count % 2 === 0) === truth, chain = "!".repeat(count) + text;
  if (random.int(0, 1) === 0) return ask(CHAINS, `print ${chain};`, `print ${folded};`);
  const [before, after] = random.pick(FRAMES);
  return ask(INSIDE, before + chain + after, before + folded + after);
}

/** A pass on trees. */
export const foldNot: Lab<string> = defineLab<string>({
  name: "fold-not",
  title: "a pass on trees",
  page: "source-to-ast.md",
  topics: {
    [BOOLS]: "A Unary node whose op is ! and whose operand is a Bool becomes a Bool.",
    [NUMBERS]: "0 is an Int and 0.0 a Float, and both count as false. The value of an Int is a BigInt: 0n.",
    [OTHERS]: "nil counts as false; a text counts as true, whatever is in it. JavaScript would differ.",
    [CHAINS]: "mapAst brings the inner ! first, so the outer one finds a Bool and needs no care of its own.",
    [REST]: "Only ! is yours, and only where its operand is a literal; give back the node itself otherwise.",
    [INSIDE]: "mapAst brings all nodes, wherever they stand, so a step that knows Unary nodes is enough.",
    [PLACE]:
      "Errors and listings show where a node stands: the new one takes start and end from the old one.",
  },
  shown: [
    ask(BOOLS, "print !true;", "print false;"),
    ask(NUMBERS, "print !0;", "print true;"),
    ask(CHAINS, 'print !!"text";', "print true;"),
    ask(REST, "print !x;", "print !x;"),
    ask(PLACE, "print    !true;   // place", "print false;   // 9 to 14"),
  ],
  hidden: (random) => [
    ...LITERALS.map(([topic, text, truth]) => ask(topic, `print !${text};`, `print ${!truth};`)),
    ...["print !f();", "print !(1 < 2);", "print -5;", "print +0;", "print ![];", "print !{};"].map((text) =>
      ask(REST, text, text)
    ),
    ask(PLACE, "print !!0;   // place", "print false;   // 6 to 9"),
    ...Array.from({ length: 60 }, () => makeQuestion(random)),
  ],
  open(exports, tools) {
    const reader = pluginOf(exports);
    return async (program) => {
      const trees: Program[] = [];
      const look = lookAfter(reader, "ast", (found) => {
        trees.push(found);
        return { ...found, body: [] }; // what the questions call does not exist
      });
      const { stderr } = await tools.run(program, { plugins: [reader, look] });
      const [tree] = trees;
      if (tree === undefined) return stderr.trimEnd();
      const text = formatAst(tree).trimEnd();
      return program.endsWith("// place") ? `${text}   // ${placeOf(tree)}` : text;
    };
  },
});

/** Where the value of the first statement stands. */
function placeOf(tree: Program): string {
  const [first] = tree.body;
  return first?.kind === "Print" ? `${first.value.start} to ${first.value.end}` : "no print statement";
}
