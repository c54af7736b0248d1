import { defineLab, type Lab, lookAfter, pluginOf, type Question, type Random } from "../../../core/lab.ts";
import type { Program } from "../../../core/program.ts";
import { readInstructions } from "../../../core/rewrite.ts";
import type { OpcodeDef } from "../../../core/opcodes.ts";

const NIL = "returns of nothing", VALUE = "returns of a value", NESTED = "branches in branches";
const LOOPS = "other jumps";

/** A program, and what it prints; no jump to a return may be left in it. */
function ask(topic: string, program: string, lines: readonly (number | string)[]): Question<string> {
  return { topic, ask: program, expected: [...lines, "jumps to a return: 0"].join("\n"), input: program };
}

/** Nested decisions about n: their text, and what they print for a number. */
interface Decision {
  readonly text: string;
  prints(n: number): number;
}

function makeDecision(random: Random, depth: number): Decision {
  if (depth === 0) {
    const number = random.int(10, 99);
    return { text: `r = ${number};`, prints: () => number };
  }
  const bound = random.int(0, 9), yes = makeDecision(random, depth - 1);
  const no = makeDecision(random, random.int(0, depth - 1));
  return {
    text: `if (n < ${bound}) { ${yes.text} } else { ${no.text} }`,
    prints: (n) => (n < bound ? yes : no).prints(n),
  };
}

function makeQuestion(random: Random): Question<string> {
  const depth = random.int(1, 3), { text, prints } = makeDecision(random, depth);
  const numbers = Array.from({ length: 4 }, () => random.int(0, 9));
  const isValue = random.int(0, 1) === 0;
  const program = isValue
    ? `function f(n) {\n    var r = 0;\n    ${text}\n    return r;\n}\n` +
      `for (var n : [${numbers.join(", ")}]) print f(n);`
    : `function f(n) {\n    ${text.replace(/r = (\d+)/g, "print $1")}\n}\n` +
      `for (var n : [${numbers.join(", ")}]) f(n);`;
  return ask(depth > 1 ? NESTED : isValue ? VALUE : NIL, program, numbers.map(prints));
}

const LOOP = "function f(n) {\n    while (n > 0) {\n        n -= 1;\n        if (n == 3) break;\n" +
  "        if (n == 7) continue;\n        if (n > 5) print n; else print -n;\n    }\n    return n;\n}\nprint f(9);";

/** A pass on bytecode. */
export const earlyReturn: Lab<string> = defineLab<string>({
  name: "early-return",
  title: "a pass on bytecode",
  page: "ast-to-bytecode.md",
  topics: {
    [NIL]:
      "The target of a JUMP is the instruction whose `at` is the jump's operand; RETURN_NIL has no operands.",
    [VALUE]: "A RETURN names the register with the value: the copy needs the operands of the return, too.",
    [NESTED]:
      "The copy takes the `at` of the JUMP, which others may lead to. And a JUMP that has become a return may be the " +
      "target of another JUMP: begin at the end, or go over the code until nothing changes.",
    [LOOPS]: "Only JUMP jumps always. One with a condition goes on behind itself when that does not hold.",
  },
  shown: [
    ask(NIL, "function sign(n) {\n    if (n < 0) print -1; else print 1;\n}\nsign(5);\nsign(-5);", [1, -1]),
    ask(
      VALUE,
      "function sign(n) {\n    var r;\n    if (n < 0) r = -1; else r = 1;\n    return r;\n}\nprint sign(-5);",
      [-1],
    ),
  ],
  hidden: (random) => [
    ask(LOOPS, LOOP, [8, 6, -5, -4, 3]),
    ...Array.from({ length: 60 }, () => makeQuestion(random)),
  ],
  open(exports, tools) {
    const reader = pluginOf(exports);
    return async (program) => {
      let left = 0;
      const look = lookAfter(reader, "program", (found, opcodes) => {
        left = countJumps(found, opcodes);
        return found;
      });
      const { stdout, stderr } = await tools.run(program, { plugins: [reader, look], mayHang: true });
      return stderr === "" ? `${stdout}jumps to a return: ${left}` : stderr.trimEnd();
    };
  },
});

/** How many jumps lead to a return. */
function countJumps({ protos }: Program, opcodes: readonly OpcodeDef[]): number {
  return protos.flatMap((proto) => {
    const code = readInstructions(proto, opcodes);
    const byPlace = new Map(code.map(({ at, name }) => [at, name]));
    return code.filter(({ name, operands }) =>
      name === "JUMP" && /^RETURN/.test(byPlace.get(operands[0]) ?? "")
    );
  }).length;
}
