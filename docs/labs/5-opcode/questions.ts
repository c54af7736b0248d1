import {
  defineLab,
  type Lab,
  LabError,
  type LabRun,
  pluginOf,
  type Question,
  type Random,
} from "../../../core/lab.ts";
import { OPCODES } from "../../../core/opcodes.ts";
import type { Plugin } from "../../../core/plugin.ts";
import { opOf } from "../../../core/program.ts";

/** A program, and whether it is to run as machine code. */
interface Input {
  readonly program: string;
  readonly native: boolean;
}

const INTS = "integers", WIDE = "integers past 48 bits", FLOATS = "doubles", ERRORS = "errors";
const NATIVE = "machine code", NATIVE_EDGES = "machine code at its edges";

function ask(topic: string, program: string, expected: string): Question<Input> {
  const native = topic === NATIVE || topic === NATIVE_EDGES;
  return { topic, ask: program, expected, input: { program, native } };
}

function asksInts(topic: string, a: bigint, b: bigint): Question<Input> {
  return ask(topic, `print ${spell(a)} <> ${spell(b)};`, String(distanceOf(a, b)));
}

function distanceOf(a: bigint, b: bigint): bigint {
  return BigInt.asIntN(64, a > b ? a - b : b - a);
}

function spell(n: bigint): string {
  return n < 0n ? `(${n})` : `${n}`;
}

/** Calls a function until it is machine code, and then with two numbers. */
function asksNative(
  topic: string,
  [a, b]: readonly [string, string],
  result: string,
  exits: number,
): Question<Input> {
  const program = `function d(a, b) {\n    return a <> b;\n}\n` +
    `for (var i = 0; i < 20; i += 1) d(i, 10);\nprint d(${a}, ${b});`;
  return ask(topic, program, `${result}\nleft machine code ${exits} times at <>`);
}

function makeQuestions(random: Random): Question<Input>[] {
  const a = BigInt(random.int(-1e6, 1e6)), b = BigInt(random.int(-1e6, 1e6));
  const wide = BigInt(random.int(1, 1e9)) * 2n ** BigInt(random.int(20, 33));
  const x = random.int(-1000, 1000) / 8;
  return [
    asksInts(INTS, a, b),
    asksInts(WIDE, a - wide, wide),
    ask(FLOATS, `print ${x + 0.0625} <> ${spell(a)};`, String(Math.abs(x + 0.0625 - Number(a)))),
    asksNative(NATIVE, [String(a), String(b)], String(distanceOf(a, b)), 0),
  ];
}

const MAX48 = 2n ** 47n - 1n, MAX = 2n ** 63n - 1n;

/** An opcode with its meaning and its template. */
export const opcode: Lab<Input> = defineLab<Input>({
  name: "opcode",
  title: "an opcode, and its machine code",
  page: "template-jit.md",
  topics: {
    [INTS]:
      "Of two integers, the result is the integer that lies between them, whichever is the greater one.",
    [WIDE]: "bigIntAt and setBigInt know integers of any size; numberAt would lose what is past 53 bits.",
    [FLOATS]: "With a double on either side the result is a double: isInt has to hold for both operands.",
    [ERRORS]: "failOperands(m, '<>', b, c) before anything else, where one of the two is no number.",
    [NATIVE]:
      "The template computes in rax: subtract, and negate if the sign says so. loadInt before any effect.",
    [NATIVE_EDGES]:
      "What is no integer of 48 bits exits before, and what does not fit 48 bits exits in storeInt.",
  },
  shown: [
    asksInts(INTS, 3n, 10n),
    asksInts(INTS, 10n, 3n),
    ask(FLOATS, "print 0.5 <> 2;", "1.5"),
    ask(ERRORS, 'print "a" <> 2;', "Runtime Error: Cannot apply '<>' to string and int."),
    asksNative(NATIVE, ["7", "9"], "2", 0),
  ],
  hidden: (random) => [
    asksInts(INTS, 0n, 0n),
    asksInts(WIDE, -MAX48 - 1n, MAX48),
    asksInts(WIDE, -MAX, MAX),
    asksInts(WIDE, MAX - 1n, MAX),
    ask(FLOATS, "print 2.0 <> 5;", "3"),
    ask(ERRORS, "print 1 <> nil;", "Runtime Error: Cannot apply '<>' to int and nil."),
    asksNative(NATIVE, ["5", "5"], "0", 0),
    asksNative(NATIVE_EDGES, ["0.5", "2"], "1.5", 1),
    asksNative(NATIVE_EDGES, [`0 - ${MAX48} - 1`, `${MAX48}`], String(2n * MAX48 + 1n), 1),
    asksNative(NATIVE_EDGES, [`${MAX}`, "1"], String(MAX - 1n), 1),
    ...Array.from({ length: 10 }, () => makeQuestions(random)).flat(),
  ],
  open(exports, tools) {
    if (!tools.native.ok) {
      throw new LabError(`This lab is about machine code, which does not work here: ${tools.native.because}`);
    }
    const reader = pluginOf(exports);
    return async ({ program, native }) => {
      let exits = 0;
      const run: LabRun = native
        ? {
          backend: "x64",
          threshold: 2,
          mayHang: true,
          plugins: [reader, countExits((count) => exits = count)],
        }
        : { plugins: [reader] };
      const { stdout, stderr } = await tools.run(program, run);
      if (stderr !== "") return stderr.split("\n")[0];
      return stdout.trimEnd() + (native ? `\nleft machine code ${exits} times at <>` : "");
    };
  },
});

/** A plugin that is told when code is left at an instruction that no built-in opcode has: the reader's. */
function countExits(tell: (count: number) => void): Plugin {
  return {
    name: "lab-exits",
    doc: "Counts exits.",
    observe: {
      exited({ code, exit, count }) {
        if (opOf(code.hot.code[exit.pc]) >= OPCODES.length) tell(count);
      },
    },
  };
}
