import { defineLab, functionOf, type Lab, type Question, type Random } from "../../../core/lab.ts";

type Name = "mov" | "add" | "load";
/** A call of one of the three functions. */
interface Call {
  readonly name: Name;
  readonly operands: readonly number[];
}

const REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split(" ");
const BETWEEN = "registers", EXTENDED = "r8 to r15", LOADS = "loads", SIZES = "displacements";
const STACK = "rsp and r12 as a base", BASE = "rbp and r13 as a base";

/** How many bytes an instruction has at least. */
function sizeOf(base: number, displacement: number): number {
  const needsOne = displacement !== 0 || base % 8 === 5, isByte = displacement >= -128 && displacement < 128;
  return 3 + (base % 8 === 4 ? 1 : 0) + (needsOne ? isByte ? 1 : 4 : 0);
}

function asksMove(name: "mov" | "add", to: number, from: number): Question<Call> {
  const [a, b] = [REGISTERS[to], REGISTERS[from]];
  return {
    topic: to > 7 || from > 7 ? EXTENDED : BETWEEN,
    ask: `${name}(${to}, ${from})   // ${a}, ${b}`,
    expected: `${name} ${a},${b}   3 bytes`,
    input: { name, operands: [to, from] },
  };
}

function asksLoad(to: number, base: number, displacement: number): Question<Call> {
  const topic = base % 8 === 4
    ? STACK
    : base % 8 === 5
    ? BASE
    : displacement < -128 || displacement > 127
    ? SIZES
    : to > 7 || base > 7
    ? EXTENDED
    : LOADS;
  const sign = displacement > 0 ? "+" : "", text = displacement === 0 ? "" : `${sign}${displacement}`;
  return {
    topic,
    ask: `load(${to}, ${base}, ${displacement})   // ${REGISTERS[to]}, [${REGISTERS[base]}${text}]`,
    expected: `mov ${REGISTERS[to]},[${REGISTERS[base]}${text}]   ${sizeOf(base, displacement)} bytes`,
    input: { name: "load", operands: [to, base, displacement] },
  };
}

function makeQuestions(random: Random): Question<Call>[] {
  const register = () => random.int(0, 15);
  return [
    asksMove("mov", register(), register()),
    asksMove("add", register(), register()),
    asksLoad(register(), register(), random.pick([0, 8, -8, 127, -128, 128, -129, 4096, -65536, 2147483647])),
  ];
}

/** A tiny assembler. */
export const encode: Lab<Call> = defineLab<Call>({
  name: "encode",
  title: "bytes for the processor",
  page: "jump-patch.md",
  topics: {
    [BETWEEN]:
      "REX is 48 with its three bits clear; mod is 3. With opcode 89 and 01, reg is what is read, rm the result.",
    [EXTENDED]:
      "The fourth bit of a number goes to REX, R for reg and B for rm; ModRM has only the lower three.",
    [LOADS]:
      "Opcode 8B turns it around: reg is the result, rm the base. A displacement of a byte makes mod 1.",
    [SIZES]: "What does not fit a signed byte takes four of them (mod 2), the lowest first.",
    [STACK]:
      "rm 100 announces a SIB byte, whichever of the two registers is meant: 24 stands for that base alone.",
    [BASE]: "mod 0 with rm 101 means the place of the code itself: give them a displacement of 0, in a byte.",
  },
  shown: [
    asksMove("mov", 0, 1),
    asksMove("add", 9, 3),
    asksLoad(0, 3, 8),
    asksLoad(2, 12, 0),
    asksLoad(1, 5, 0),
    asksLoad(0, 3, 1024),
  ],
  hidden: (random) => [
    ...[0, 8, 4096].flatMap((displacement) =>
      REGISTERS.flatMap((_, base) => [asksLoad(0, base, displacement), asksLoad(15, base, -displacement)])
    ),
    ...Array.from({ length: 40 }, () => makeQuestions(random)).flat(),
  ],
  open(exports, tools) {
    const functions: Readonly<Record<Name, ReturnType<typeof functionOf>>> = {
      mov: functionOf(exports, "mov"),
      add: functionOf(exports, "add"),
      load: functionOf(exports, "load"),
    };
    return ({ name, operands }) => {
      const given = functions[name](...operands);
      if (!Array.isArray(given) && !(given instanceof Uint8Array)) return `${given}, which are no bytes`;
      const bytes = Uint8Array.from(given), wrong = [...given].find((byte, i) => byte !== bytes[i]);
      if (wrong !== undefined) return `${wrong}, which is no byte`;
      const lines = tools.list(bytes).map(({ text }) => text);
      return `${lines.join("; ")}   ${bytes.length} bytes`;
    };
  },
});
