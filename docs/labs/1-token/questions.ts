import { defineLab, type Lab, pluginOf, type Question, type Random } from "../../../core/lab.ts";

const SIMPLE = "the value", BINDING = "what it binds to", NESTED = "one in another", PLACE = "places";

function ask(topic: string, program: string, expected: string): Question<string> {
  return { topic, ask: program, expected, input: program };
}

/** A list of numbers as it is written, of some length. */
function listOf(length: number, random: Random): string {
  return `[${Array.from({ length }, () => random.int(0, 9)).join(", ")}]`;
}

function makeQuestion(random: Random): Question<string> {
  const n = random.int(0, 6), m = random.int(1, 5), list = listOf(n, random);
  switch (random.int(0, 5)) {
    case 0:
      return ask(SIMPLE, `print #${list};`, `${n}`);
    case 1:
      return ask(BINDING, `var a = ${list};\nprint #a * ${m} + 1;`, `${n * m + 1}`);
    case 2:
      return ask(BINDING, `var a = ${list};\nprint #a < ${m};`, `${n < m}`);
    case 3:
      return ask(BINDING, `var rows = [1, ${list}];\nprint #rows[1];`, `${n}`);
    case 4:
      return ask(NESTED, `print -#${list} + #"${"x".repeat(m)}";`, `${m - n}`);
    default:
      return ask(NESTED, `print #[#"${"y".repeat(m)}", ${m}] + #${list};`, `${2 + n}`);
  }
}

/** A prefix rule. */
export const token: Lab<string> = defineLab<string>({
  name: "token",
  title: "a token",
  page: "source-to-ast.md",
  topics: {
    [SIMPLE]: "Does the row have a prefix rule, and does the rule give a Call of length with one argument?",
    [BINDING]: "An operand ends where something looser begins: give parseExpression the precedence of signs.",
    [NESTED]:
      "The operand of a sign may begin with a sign again, and a # may stand in another one's operand.",
    [PLACE]:
      "A node begins at the # and ends where its operand ends: p.previous.end, asked for after reading it.",
  },
  shown: [
    ask(SIMPLE, "print #[1, 2, 3];", "3"),
    ask(BINDING, "var list = [5, 6];\nprint #list + 1;", "3"),
    ask(NESTED, 'print #[#"ab"];', "1"),
    ask(
      PLACE,
      "print #5;",
      "length expects (x: string | array | map), but got (int).\n1 | print #5;\n  |       ^^",
    ),
  ],
  hidden: (random) => [
    ...Array.from({ length: 60 }, () => makeQuestion(random)),
    ask(
      PLACE,
      "print 1 + #nil + 2;",
      "length expects (x: string | array | map), but got (nil).\n1 | print 1 + #nil + 2;\n  |           ^^^^",
    ),
  ],
  open(exports, tools) {
    const plugins = [pluginOf(exports)];
    return async (program) => {
      const { stdout, stderr } = await tools.run(program, { plugins });
      if (stderr === "") return stdout.trimEnd();
      // Of an error, the message and the place in the text.
      const lines = stderr.trimEnd().split("\n");
      return [lines[0].replace("Runtime Error: ", ""), ...lines.slice(3, 5)].join("\n");
    };
  },
});
