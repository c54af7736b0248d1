/**
 * Opcodes under examination: each is executed on every combination of values at the edges, in the interpreter and in
 * other ways, and has to give the same result or the same error everywhere. An opcode has a meaning in its row, and a
 * template says the meaning a second time, for a processor; what the two disagree about is mostly an edge.
 *
 * No syntax leads to every opcode, and none to every choice of registers. So a small program has functions with a place
 * for the instruction, and a pass puts it there:
 *
 * ```text
 *  function probe0(a, b) {       LOAD_NIL  r2
 *    var r = nil;           ──►  POW       r2, r0, r1     ◄── put there; in other probes the result goes to r0 or r1,
 *    return [r, a, b];           NEW_ARRAY …                  or both operands are one register
 *  }
 * ```
 *
 * That operands come back along with the result shows whoever changes them. That the result may lie where an operand does
 * shows whoever writes it before the last check: the interpreter then finds something else than was there.
 */

import type { OpcodeDef, OperandKind } from "./opcodes.ts";
import type { Constant, Program } from "./program.ts";
import { operandKinds, rewriteProgram } from "./rewrite.ts";
import { definePass } from "./pass.ts";
import type { Plugin } from "./plugin.ts";
import {
  isSame,
  type MakeWayRuntime,
  type Opened,
  openWay,
  type Outcome,
  outcomeText,
  type Way,
} from "./ways.ts";

/** Values at which something changes, the plain ones first: texts of the language. */
const EDGES: readonly string[] = [
  ...["0", "1", "-1", "2", "-2", "3", "5", "-7", "10", "31", "32", "63", "64", "65", "255", "-128"],
  ...["0.5", "-1.5", "1.0", "0.0", "-0.0", "2.0", "-3.0"],
  ...["nil", "true", "false", '""', '"a"', '"text of many bytes"', "[]", "[1, 2]", "{}", '{"a": 1}'],
  ...["32767", "32768", "-32769", "65536", "2147483647", "2147483648", "-2147483648", "-2147483649"],
  ...["4294967295", "4294967296", "-4294967296"],
  // Where integers cease to fit a value and become objects, and where they wrap.
  ...["140737488355327", "140737488355328", "-140737488355328", "-140737488355329"],
  ...["9007199254740993", "4611686018427387904", "9223372036854775807", "-9223372036854775807 - 1"],
  ...["2147483648.0", "140737488355328.0", "9223372036854775808.0", "1e308", "5e-324"],
  ...["1.0 / 0.0", "-1.0 / 0.0", "0.0 / 0.0", "Pair(1, 2)", "same"],
];
/** What operands that are no registers may be. */
const CONSTANTS: readonly Constant[] = [
  ...[0n, 1n, -1n, 3n, 140737488355328n].map((value): Constant => ({ kind: "int", value })),
  ...[0.5, -0].map((value): Constant => ({ kind: "float", value })),
  { kind: "string", bytes: new TextEncoder().encode("a") },
  { kind: "nil" },
];
const NUMBERS = [0, 1, 2, 127, 255], FLAGS = [0, 1];
/** Executions of an opcode in a way, about: more operands get fewer values each. */
const EXECUTIONS = 16000;
/** Executions while garbage is collected at each opportunity. */
const STRESSED = 600;
const MILLISECONDS = 5000;
/** Registers of a probe's parameters come first, so they have these names and numbers. */
const PARAMETERS = ["a", "b", "c"];

/** How an instruction of a probe is made. */
interface Probe {
  /** The operands; -1 for the register that is for the result alone. */
  readonly operands: readonly number[];
  /** Constants by their place among the operands. */
  readonly constants: ReadonlyMap<number, Constant>;
}

/** An execution that gave something else. */
export interface OperandFault {
  /** The way that did. */
  readonly way: string;
  /** The instruction, with the values of its registers. */
  readonly instruction: string;
  readonly expected: string;
  readonly got: string;
  /** How many executions gave something else. */
  readonly count: number;
  /** Its machine code, as dumps show it, if it has some. */
  readonly code: string | null;
}

/** What came of an opcode. */
export interface OperandResult {
  /** Executions in each way. */
  readonly executions: number;
  /** Choices of registers and constants. */
  readonly layouts: number;
  /** Values that registers had. */
  readonly values: number;
  /** Of the executions in machine code, those that did not leave it; null without machine code. */
  readonly inside: number | null;
  /** Whether it took too long on some values, and was not executed on those that follow. */
  readonly isLate: boolean;
  readonly faults: readonly OperandFault[];
}

/** Why an opcode cannot be put anywhere, or null: it jumps or calls, or its operands are not to be chosen freely. */
export function whyNotProbed({ effect, operands }: OpcodeDef): string | null {
  if (effect === "call" || effect === "control") return `it has the effect '${effect}'`;
  const odd = operandKinds(operands).find((kind) => choicesFor(kind as OperandKind) === null);
  if (odd !== undefined) return `it has an operand of kind '${odd}'`;
  return operandKinds(operands).filter((kind) => kind === "src").length > PARAMETERS.length
    ? "it has too many operands"
    : null;
}

/** What an operand may be, beside registers of the probe; null for what has to fit the program around it. */
function choicesFor(kind: OperandKind): readonly (number | Constant)[] | null {
  switch (kind) {
    case "dst":
    case "src":
      return [];
    case "constant":
      return CONSTANTS;
    case "int":
      return NUMBERS;
    case "flag":
      return FLAGS;
    default:
      return null;
  }
}

/** All probes of an opcode: choices of registers, times what else its operands may be. */
function probesOf({ operands }: OpcodeDef): Probe[] {
  const kinds = operandKinds(operands) as readonly OperandKind[];
  const sources = kinds.filter((kind) => kind === "src").length;
  const inOrder = Array.from({ length: sources }, (_, i) => i);
  const reading = sources > 1 ? [inOrder, inOrder.map(() => 0)] : [inOrder];
  const results = kinds.includes("dst") ? [-1, ...inOrder] : [-1];
  // A result in place of an operand of which there is only one register is the result in place of the first.
  const layouts = reading.flatMap((from) =>
    results.filter((to) => to < 0 || from.includes(to)).map((to) => ({ from, to }))
  );
  return layouts.flatMap(({ from, to }) => {
    let probes: Probe[] = [{ operands: [], constants: new Map() }];
    const sources = from.values();
    for (const kind of kinds) {
      const source = kind === "src" ? sources.next().value! : null;
      const choices = source !== null ? [source] : kind === "dst" ? [to] : choicesFor(kind)!;
      probes = probes.flatMap(({ operands, constants }) =>
        choices.map((choice) =>
          typeof choice === "number"
            ? { operands: [...operands, choice], constants }
            : { operands: [...operands, 0], constants: new Map([...constants, [operands.length, choice]]) }
        )
      );
    }
    return probes;
  });
}

/** As many of the values as are wanted, from all over the list. */
function someEdges(count: number): readonly string[] {
  if (count >= EDGES.length) return EDGES;
  return Array.from({ length: count }, (_, i) => EDGES[Math.floor(i * EDGES.length / count)]);
}

/** The program: a function for each probe, and one that calls it with values by their numbers and shows what it gives. */
function textOf(probes: readonly Probe[], parameters: readonly string[], edges: readonly string[]): string {
  const list = parameters.join(", "), numbers = parameters.map((name) => `${name}Number`);
  const values = numbers.map((number) => `all[${number}]`).join(", ");
  const registers = [parameters.length, ...parameters.keys()];
  const shown = registers.map((register, i) => `"${i > 0 ? ", " : ""}r${register} = " + show(got[${i}])`)
    .join(" + ");
  return [
    "struct Pair { x; y; }",
    "function same(x) { return x; }",
    `function edges() { return [${edges.join(", ")}]; }`,
    'function show(x) { return type(x) + " " + str(x); }',
    ...probes.map((_, i) => `function probe${i}(${list}) { var r = nil; return [${["r", ...parameters]}]; }`),
    ...probes.map((_, i) =>
      `function try${i}(${
        numbers.join(", ")
      }) { var all = edges(); var got = probe${i}(${values}); return ${shown}; }`
    ),
  ].join("\n") + "\n";
}

/** The pass that puts the instructions into the probes. */
function planting(opcode: string, probes: readonly Probe[]): Plugin {
  const plant = (program: Program, opcodes: readonly OpcodeDef[]) =>
    rewriteProgram(program, opcodes, (f) => {
      const probe = probes[Number(/^probe(\d+)$/.exec(f.proto.name)?.[1] ?? -1)];
      if (probe === undefined) return f.code;
      const at = f.code.findIndex(({ name }) => name === "LOAD_NIL");
      const load = f.code[at], own = load.operands[0];
      const operands = probe.operands.map((operand, i) => {
        const constant = probe.constants.get(i);
        return constant !== undefined ? f.addConstant(constant) : operand < 0 ? own : operand;
      });
      return f.code.toSpliced(at + 1, 0, { ...load, name: opcode, operands, at: null });
    });
  return {
    name: "operands",
    doc: "Puts an opcode into functions that were made for it.",
    passes: [definePass({
      name: "operands",
      stage: "load",
      from: "program",
      to: "program",
      before: [{ pass: "profile", because: "counters belong to the final code" }],
      doc: {
        summary: "Puts an opcode into functions that were made for it.",
        why: "No syntax leads to every opcode and every choice of registers.",
        example: "print 1;",
      },
      run: (program, { opcodes }) => plant(program, opcodes),
    })],
  };
}

/** Executes an opcode on values at the edges in all ways; the first is what the others are held against. */
export async function probeOpcode(
  make: MakeWayRuntime,
  opcode: OpcodeDef,
  ways: readonly [reference: Way, ...others: Way[]],
): Promise<OperandResult> {
  const probes = probesOf(opcode);
  const sources = operandKinds(opcode.operands).filter((kind) => kind === "src").length;
  const parameters = PARAMETERS.slice(0, sources);
  const size = sources === 0 ? 1 : Math.floor((EXECUTIONS / probes.length) ** (1 / sources));
  const edges = someEdges(Math.max(2, size));
  const cases = combinations(edges.length, sources);
  const subject = { path: `operands of ${opcode.name}`, text: textOf(probes, parameters, edges) };
  const open = async (way: Way): Promise<Opened> => {
    const opened = openWay(make, { ...way, plugins: [...way.plugins, planting(opcode.name, probes)] });
    const outcome = await opened.run(subject, MILLISECONDS);
    if (outcome.ending !== "finished") throw new Error(`The probes do not run: ${outcomeText(outcome)}`);
    return opened;
  };

  /** Whether a case is one of the few that run while garbage is collected all the time. */
  const isRare = Math.ceil(probes.length * cases.length / STRESSED);
  const isDone = ({ gcStress = false }: Way, index: number) => !gcStress || index % isRare === 0;

  async function execute(
    way: Way,
    look: (index: number, outcome: Outcome) => boolean,
  ): Promise<number | null> {
    const opened = await open(way);
    try {
      for (let probe = 0, index = 0; probe < probes.length; probe++) {
        for (const numbers of cases) {
          if (isDone(way, index)) {
            const outcome = await opened.call(`try${probe}`, numbers, MILLISECONDS);
            if (!look(index, outcome)) return null;
          }
          index++;
        }
      }
      return insideOf(opened, probes.length * cases.length);
    } finally {
      opened.dispose();
    }
  }

  const [reference, ...others] = ways;
  const expected: Outcome[] = [];
  await execute(reference, (index, outcome) => {
    expected[index] = outcome;
    return outcome.ending !== "late";
  });
  const faults: OperandFault[] = [];
  let inside: number | null = null;
  for (const way of others) {
    const wrong: { readonly index: number; readonly outcome: Outcome }[] = [];
    const stayed = await execute(way, (index, outcome) => {
      if (expected[index] === undefined) return false;
      if (isSameCall(expected[index], outcome)) return true;
      wrong.push({ index, outcome });
      // Whatever comes after a fault of the processor would be found in what it has left behind.
      return outcome.ending !== "broken" && outcome.ending !== "late";
    });
    if (stayed !== null && !way.gcStress) inside = Math.max(inside ?? 0, stayed);
    if (wrong.length === 0) continue;
    const simplest = wrong.reduce((best, each) => weigh(each.index) < weigh(best.index) ? each : best);
    const { index, outcome } = simplest;
    const probe = Math.floor(index / cases.length), numbers = cases[index % cases.length];
    faults.push({
      way: way.name,
      instruction: describe(opcode, probes[probe], numbers.map((number) => edges[number])),
      expected: callText(expected[index]),
      got: callText(outcome),
      count: wrong.length,
      code: await machineCode(way, probe, numbers),
    });
  }
  return {
    executions: probes.length * cases.length,
    layouts: probes.length,
    values: sources === 0 ? 0 : edges.length,
    inside,
    isLate: expected.some(({ ending }) => ending === "late"),
    faults,
  };

  /** The plainer the values, the lower. */
  function weigh(index: number): number {
    const numbers = cases[index % cases.length];
    return numbers.reduce((sum, number) => sum + number, 0) * probes.length +
      Math.floor(index / cases.length);
  }

  /** The machine code of the instruction in a probe, once it has run on these values. */
  async function machineCode(way: Way, probe: number, numbers: readonly number[]): Promise<string | null> {
    const opened = await open({ ...way, dump: ["code"], functionName: `probe${probe}` });
    try {
      for (let i = 0; i < 3; i++) await opened.call(`try${probe}`, numbers, MILLISECONDS);
      const dump = opened.dumps().findLast(({ kind }) => kind === "code");
      return dump === undefined ? null : codeOf(dump.text, opcode.name);
    } finally {
      opened.dispose();
    }
  }
}

/** Of a dump of machine code, the lines of an opcode. */
export function codeOf(dump: string, opcode: string): string | null {
  const lines = dump.split("\n"), begins = /^ *\d+ ([A-Z]\w*)/;
  const from = lines.findIndex((line) => begins.exec(line)?.[1] === opcode);
  if (from < 0) return null;
  const length = lines.slice(from + 1).findIndex((line) => begins.test(line) || line.trim() === "");
  return lines.slice(from, length < 0 ? undefined : from + 1 + length).join("\n") + "\n";
}

/** All ways to choose `count` numbers below `size`, the small ones first. */
function combinations(size: number, count: number): number[][] {
  let all: number[][] = [[]];
  for (let i = 0; i < count; i++) {
    all = all.flatMap((some) => Array.from({ length: size }, (_, number) => [...some, number]));
  }
  return all;
}

/** Of so many executions, those that stayed in machine code; null if there was none. */
function insideOf(opened: Opened, executions: number): number | null {
  const isProbe = (name: string) => /^probe\d+$/.test(name);
  if (!opened.made.some(({ hot }) => isProbe(hot.loaded.proto.name))) return null;
  // The probe's own instruction stands behind the LOAD_NIL, which is one word; no exit belongs to that.
  const left = opened.exits().filter(({ loaded, pc }) => isProbe(loaded.proto.name) && pc === 1);
  return Math.max(0, executions - left.reduce((sum, { count }) => sum + count, 0));
}

function isSameCall(one: Outcome, other: Outcome): boolean {
  return isSame(one, other) && one.result === other.result;
}

/** `r2 = int 1, r0 = int -1, r1 = int 2`, or the error. */
function callText(outcome: Outcome): string {
  return typeof outcome.result === "string" ? outcome.result : outcomeText(outcome).split("\n")[0];
}

/** `POW r2, r0, r1 with r0 = -1, r1 = 2` */
function describe({ name, operands }: OpcodeDef, probe: Probe, values: readonly string[]): string {
  const kinds = operandKinds(operands);
  const shown = probe.operands.map((operand, i) => {
    const constant = probe.constants.get(i);
    if (constant !== undefined) return constantText(constant);
    return kinds[i] === "src" || kinds[i] === "dst"
      ? `r${operand < 0 ? values.length : operand}`
      : String(operand);
  });
  const given = values.map((value, i) => `r${i} = ${value}`).join(", ");
  return `${name} ${shown.join(", ")}`.trimEnd() + (given === "" ? "" : ` with ${given}`);
}

function constantText(constant: Constant): string {
  switch (constant.kind) {
    case "string":
      return JSON.stringify(new TextDecoder().decode(constant.bytes));
    case "int":
    case "bool":
      return String(constant.value);
    case "float":
      return Object.is(constant.value, -0) ? "-0.0" : String(constant.value);
    default:
      return constant.kind;
  }
}
