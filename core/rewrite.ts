/**
 * Programs as lists of instructions that a pass may change. In a program, an instruction is a word among others, a jump
 * counts words, and a span lies beside each of them: insert one word, and everything behind it is wrong. Here an
 * instruction is a record, a jump names the instruction that it leads to, and putting all of it back into words is done
 * in one place.
 *
 * ```text
 *   words   3  JUMP_UNLESS r0, +4          list   { at: 3, name: "JUMP_UNLESS", operands: [0, 8] }
 *           5  LOAD_INT    r1, 1                  { at: 5, name: "LOAD_INT",    operands: [1, 1] }
 *           6  JUMP        +3                     { at: 6, name: "JUMP",        operands: [10] }
 *           8  LOAD_INT    r1, 2                  { at: 8, name: "LOAD_INT",    operands: [1, 2] }
 * ```
 *
 * `at` is where an instruction was, and that is what jumps name, so they survive whatever happens around them:
 *
 * - an instruction that is left out hands its jumps on to the next one that is still there;
 * - one that replaces another takes its `at`, and its jumps with it: `{ ...old, name: "MOVE" }`;
 * - one that comes in addition has `at: null`, and only what falls through from above meets it. If jumps are to meet it
 *   as well, it takes the `at` of the instruction that it stands before: of several, jumps lead to the first.
 *
 * Whether the result makes sense is for the verifier to say, which looks at whatever a pass of a plugin has made.
 */

import type { Constant, FunctionProto, Program } from "./program.ts";
import { opOf } from "./program.ts";
import type { OpcodeDef, OperandKind, Operands, WordKind } from "./opcodes.ts";

/** An instruction as a record. */
export interface Instruction {
  /** Its opcode. */
  readonly name: string;
  /** Its operands in the order of the row: A, B, C or Bx, then whole words. Of a jump, the `at` that it leads to. */
  readonly operands: readonly number[];
  /** The index of the word that it was before, or took the place of; null if it is new. */
  readonly at: number | null;
  /** What stands above the opcode in the word of an instruction without operands there: the count of a LOOP. */
  readonly count?: number;
  /** The stretch of the source that it comes from. */
  readonly start: number;
  /** The end of that. */
  readonly end: number;
}

/** A function under change. */
export interface Rewriting {
  /** The function as it was. */
  readonly proto: FunctionProto;
  /** Its instructions. */
  readonly code: readonly Instruction[];
  /** The row of an instruction. */
  rowOf(instruction: Instruction): OpcodeDef;
  /** The number of a constant that the function has from now on. */
  addConstant(constant: Constant): number;
}

const FIELDS = ["A", "B", "C", "Bx", "sBx"] as const;
const SHIFTS = { A: 8, B: 16, C: 24, Bx: 16, sBx: 16 } as const;

/** What the operands of an opcode are, in the order in which an {@linkcode Instruction} has them. */
export function operandKinds(operands: Operands): readonly (OperandKind | WordKind)[] {
  const packed = FIELDS.map((field) => operands[field]).filter((kind) => kind !== undefined);
  return [...packed, ...operands.words ?? []];
}

/** Changes each function of a program: `change` gives the instructions that are to stand in place of the old ones. */
export function rewriteProgram(
  program: Program,
  opcodes: readonly OpcodeDef[],
  change: (f: Rewriting) => readonly Instruction[],
): Program {
  const numbers = new Map(opcodes.map(({ name }, number) => [name, number]));
  const rowNamed = (name: string): OpcodeDef => {
    const number = numbers.get(name);
    if (number === undefined) throw new Error(`There is no opcode '${name}'`);
    return opcodes[number];
  };
  const changed = new Map<
    FunctionProto,
    { -readonly [Field in keyof FunctionProto]: FunctionProto[Field] }
  >();
  for (const proto of program.protos) {
    const constants = [...proto.constants];
    const code = change({
      proto,
      code: readInstructions(proto, opcodes),
      rowOf: ({ name }) => rowNamed(name),
      addConstant: (constant) => constants.push(constant) - 1,
    });
    const words = writeInstructions(code, ({ name }) => ({ row: rowNamed(name), op: numbers.get(name)! }));
    changed.set(proto, { ...proto, ...words, constants });
  }
  const inner = (proto: FunctionProto) => changed.get(proto) ?? proto;
  for (const proto of changed.values()) {
    // The functions inside it are among its constants, and have been made anew as well.
    proto.constants = proto.constants.map((constant) =>
      constant.kind === "function" ? { kind: "function", proto: inner(constant.proto) } : constant
    );
  }
  return { ...program, main: inner(program.main), protos: [...changed.values()] };
}

/** A function's instructions as a list. */
export function readInstructions(
  proto: Pick<FunctionProto, "code" | "spans">,
  opcodes: readonly OpcodeDef[],
): Instruction[] {
  const { code, spans } = proto, list: Instruction[] = [];
  for (let at = 0; at < code.length;) {
    const word = code[at], { name, operands } = opcodes[opOf(word)], { words = [] } = operands;
    const packed = FIELDS.filter((field) => operands[field] !== undefined).map((field) =>
      extract(word, field)
    );
    const rest = words.map((kind, i) => code[at + 1 + i] + (kind === "jump" ? at + 1 + i : 0));
    const count = packed.length === 0 && word >> 8 !== 0 ? { count: word >> 8 } : {};
    list.push({
      name,
      operands: [...packed, ...rest],
      at,
      ...count,
      start: spans[2 * at],
      end: spans[2 * at + 1],
    });
    at += 1 + words.length;
  }
  return list;
}

function extract(word: number, field: (typeof FIELDS)[number]): number {
  if (field === "sBx") return word >> 16;
  return field === "Bx" ? word >>> 16 : word >>> SHIFTS[field] & 0xFF;
}

/** A list as words again, with jumps and spans. */
function writeInstructions(
  list: readonly Instruction[],
  lookUp: (instruction: Instruction) => { readonly row: OpcodeDef; readonly op: number },
): Pick<FunctionProto, "code" | "spans"> {
  // Where each instruction begins now; jumps lead to the first one of a place, or to the next place that is left.
  const begins: number[] = [], places = new Map<number, number>();
  let size = 0;
  for (const instruction of list) {
    begins.push(size);
    if (instruction.at !== null && !places.has(instruction.at)) places.set(instruction.at, size);
    size += 1 + (lookUp(instruction).row.operands.words?.length ?? 0);
  }
  const left = [...places.keys()].sort((a, b) => a - b);
  const placeOf = (at: number): number => {
    const next = places.has(at) ? at : left.find((place) => place > at);
    if (next === undefined) throw new Error(`Nothing is left of what the jump to ${at} could lead to`);
    return places.get(next)!;
  };

  const code = new Int32Array(size), spans = new Int32Array(2 * size);
  list.forEach((instruction, i) => {
    const { row: { name, operands }, op } = lookUp(instruction), kinds = operandKinds(operands);
    if (kinds.length !== instruction.operands.length) {
      throw new Error(`${name} has ${kinds.length} operands, and is given ${instruction.operands.length}`);
    }
    const values = instruction.operands.values(), at = begins[i];
    let word = op;
    for (const field of FIELDS) {
      if (operands[field] === undefined) continue;
      const value = values.next().value!, bits = field.endsWith("Bx") ? 16 : 8;
      const [low, high] = field === "sBx" ? [-32768, 32767] : [0, 2 ** bits - 1];
      if (!(Number.isInteger(value) && value >= low && value <= high)) {
        throw new Error(`${name} cannot have ${value} as its operand ${field}: it holds ${low} to ${high}`);
      }
      word |= value << SHIFTS[field];
    }
    const isBare = kinds.length === (operands.words?.length ?? 0);
    code[at] = isBare ? word | (instruction.count ?? 0) << 8 : word;
    operands.words?.forEach((kind, j) => {
      const value = values.next().value!, place = at + 1 + j;
      code[place] = kind === "jump" ? placeOf(value) - place : value;
    });
    for (let place = at; place < at + 1 + (operands.words?.length ?? 0); place++) {
      spans[2 * place] = instruction.start;
      spans[2 * place + 1] = instruction.end;
    }
  });
  return { code, spans };
}

// ---- what instructions do to registers ---------------------------------------------------------------------------

/** The registers that an instruction works on. */
export interface RegisterUse {
  /** Those that it needs. */
  readonly reads: readonly number[];
  /** Those that it gives a value, whatever way it goes on. */
  readonly writes: readonly number[];
}

/** The registers that an instruction of a function reads and writes, as the kinds of its operands tell. */
export function registersOf(f: Pick<Rewriting, "proto" | "rowOf">, instruction: Instruction): RegisterUse {
  const row = f.rowOf(instruction), kinds = operandKinds(row.operands);
  const reads: number[] = [], writes: number[] = [];
  kinds.forEach((kind, i) => {
    const value = instruction.operands[i];
    switch (kind) {
      case "src":
        reads.push(value);
        break;
      case "dst":
        writes.push(value);
        break;
      case "far": // is loaded from or stored to, whichever the near register is not
        (kinds[0] === "dst" ? reads : writes).push(value);
        break;
      case "window": {
        const count = instruction.operands[kinds.indexOf("count")];
        for (let register = value; register <= value + count; register++) reads.push(register);
        writes.push(value);
        break;
      }
      case "iterator": // FOR_PREPARE makes the state, FOR_NEXT has one, and an element only where the loop goes on
        reads.push(value);
        if (kinds.includes("jump")) reads.push(value + 1);
        else writes.push(value + 1);
        break;
      case "constant": {
        const constant = f.proto.constants[value];
        if (constant?.kind !== "function") break;
        for (const { from, index } of constant.proto.captures) if (from === "register") reads.push(index);
        break;
      }
    }
  });
  return { reads, writes };
}
