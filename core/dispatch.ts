/**
 * The interpreter loop, written by this file from the opcode rows: one `switch` with a case per opcode, which decodes
 * the operands as the row says and then has the body of the row's `exec`. So each opcode's meaning is stated once,
 * as an ordinary function (:exec: in opcodes.ts), and yet runs without a call, and a variant that counts costs the
 * plain loop nothing. {@linkcode writeLoop} gives the text.
 *
 * Measured (sum, fib, sieve): calling row functions from a `switch` takes 1.4 times as long, calling them through a
 * table 1.5 to 2 times, a loop written by hand the same. Three facts about V8 shape the text:
 * - The machine's pc, base and proto have to be local variables; in memory, each instruction waits for the last.
 * - A function that is optimised while it loops (on-stack replacement) runs at half the speed of one that is entered
 *   optimised, since the views are not folded into it. So the loop is left and entered again whenever a counter runs
 *   out (`HOT_LOOP`, `HOT_CALL`), which hotness needs anyway.
 * - Beyond 60 KiB of V8's bytecode a function is not optimised at all; what is rare is called, not inlined.
 */

import { Control, views } from "./memory.ts";
import { type Machine, Stop } from "./machine.ts";
import { type Exec, type OpcodeDef, OPCODES, type OperandKind, SCOPE } from "./opcodes.ts";

const { I32 } = views;

/** Runs from the machine's state until an opcode leaves the loop; gives its {@linkcode Stop}. */
export type Dispatch = (machine: Machine) => number;

/** What a loop does besides running. */
export interface LoopOptions {
  /** Counts executed instructions, in the control word `EXECUTED`. */
  readonly count?: boolean;
}

// The loop's local variables; a body that declares one of these names would capture them.
const REGISTER = (shift: number) => `$base + (w >>> ${shift - 1} & 510) | 0`;
const CONSTANT = (shift: number) => `$proto - 2 - (w >>> ${shift - 1} & 510) | 0`;
const SAVE = "m.pc = $pc, m.base = $base, m.proto = $proto";
const LOAD = "$pc = m.pc, $base = m.base, $proto = m.proto";
// A jump backward counts down in the LOOP word that it leads to, and lands behind it.
const JUMP = `{
        const d = I32[$pc];
        $pc = $pc + d | 0;
        if (d >= 0) continue;
        const left = I32[$pc] - 256 | 0;
        I32[$pc] = left;
        $pc = $pc + 1 | 0;
        if (left >= 0) continue;
        ${SAVE};
        return ${Stop.HOT_LOOP};
      }`;
const SKIP = "{ $pc = $pc + 1 | 0; continue; }";

/** The expression that decodes an operand of the instruction word `w`; `shift` is where its byte begins. */
function decode(kind: OperandKind, shift: number): string {
  switch (kind) {
    case "dst":
    case "src":
    case "window":
    case "iterator":
      return REGISTER(shift);
    case "constant":
      return CONSTANT(shift);
    default:
      return `w >>> ${shift} & 255`;
  }
}

/** The same for an operand of 16 bits. */
function decodeWide(kind: OperandKind, signed: boolean): string {
  switch (kind) {
    case "constant":
      return "$proto - 2 - (w >>> 15 & 131070) | 0";
    case "far":
      return "$base + (w >>> 15 & 131070) | 0";
    default:
      return signed ? "w >> 16" : "w >>> 16";
  }
}

/** The expressions of a row's operands, in the order in which `exec` takes them. */
function decodeOperands(row: OpcodeDef): string[] {
  const { A, B, C, Bx, sBx } = row.operands;
  const first = A === undefined ? "0" : decode(A, 8);
  const second = Bx !== undefined
    ? decodeWide(Bx, false)
    : sBx !== undefined
    ? decodeWide(sBx, true)
    : B === undefined
    ? "0"
    : decode(B, 16);
  const third = C === undefined ? "0" : decode(C, 24);
  return row.swapped ? [second, first, third] : [first, second, third];
}

/** What stands for a piece of a body in the loop; other text stays as it is. */
function translate(piece: string): string {
  switch (piece) {
    case "return m.jump();":
      return JUMP;
    case "return m.skip();":
      return SKIP;
    case "return;":
      return "continue;";
    case "m.save()":
      return SAVE;
    case "m.load()":
      return LOAD;
    case "m.pc":
    case "m.base":
    case "m.proto":
      return `$${piece.slice(2)}`;
    default: {
      // A name in capitals: numbers of the scope become literals.
      const value: unknown = SCOPE[piece as keyof typeof SCOPE];
      return typeof value === "number" ? `(${value})` : piece;
    }
  }
}

const PIECES =
  /return m\.jump\(\);|return m\.skip\(\);|return;|m\.save\(\)|m\.load\(\)|m\.(?:pc|base|proto)\b|\b[A-Z][A-Z_0-9]+\b/g;

/** An `exec` taken apart: the names of its operands, and its body as the loop has it. */
interface Body {
  readonly operands: readonly string[];
  readonly text: string;
}

// Rows of a family share functions, so that each is translated once.
const bodies = new Map<Exec, Body>();

function bodyOf(row: OpcodeDef): Body {
  let body = bodies.get(row.exec);
  if (body === undefined) {
    const source = row.exec.toString();
    const open = source.indexOf("("), close = source.indexOf(")"), begin = source.indexOf("{");
    const params = source.slice(open + 1, close).split(",").map((name) => name.trim());
    if (begin < 0 || params.some((name, i) => name !== "" && name.replace(/^_/, "") !== "mabc"[i])) {
      throw new Error(`${row.name}: exec has to be a function (m, a, b, c) with a block as its body`);
    }
    const text = source.slice(begin + 1, source.lastIndexOf("}")).replace(PIECES, translate);
    body = { operands: params.slice(1), text };
    bodies.set(row.exec, body);
  }
  return body;
}

/**
 * The statements that do what a row means: they work on the local variables `$pc`, `$base` and `$proto`, end with
 * `continue` where another instruction than the next one follows, and with `return` where the loop is to be left.
 * `decoded` are the expressions of the operands; without them, the instruction word `w` is taken apart.
 */
export function writeBody(row: OpcodeDef, number: number, decoded = decodeOperands(row)): string {
  if (number >= OPCODES.length) {
    // A plugin's body may name anything in its own file, so it is called.
    return `
        ${SAVE};
        const stop = extra[${number - OPCODES.length}](m, ${decoded.join(", ")});
        ${LOAD};
        if (stop) return stop;`;
  }
  const { operands, text } = bodyOf(row);
  const declared = operands.map((name, i) => name.startsWith("_") ? "" : `const ${name} = ${decoded[i]};`);
  return `
        ${declared.join(" ")}${text}`;
}

/** All cases. Rows that do the same share one: the general form of a family and the one for changing types. */
function writeCases(rows: readonly OpcodeDef[]): string {
  const numbers = new Map<string, number[]>();
  rows.forEach((row, number) => {
    const body = writeBody(row, number), same = numbers.get(body);
    if (same === undefined) numbers.set(body, [number]);
    else same.push(number);
  });
  return [...numbers].map(([body, same]) => {
    const labels = same.map((number, i) =>
      `      case ${number}: ${i < same.length - 1 ? "" : "{ "}// ${rows[number].name}`
    );
    return `${labels.join("\n")}${body}\n        continue;\n      }`;
  }).join("\n");
}

/** The text of a loop over these rows: the body of the function that {@linkcode makeLoop} compiles. */
export function writeLoop(rows: readonly OpcodeDef[], options: LoopOptions = {}): string {
  const counter = `F64[${Control.EXECUTED / 2}]`;
  return `return function run(m) {
  let $pc = m.pc | 0, $base = m.base | 0, $proto = m.proto | 0;
  for (;;) {
    const w = I32[$pc];
    $pc = $pc + 1 | 0;${options.count ? `\n    ${counter} = ${counter} + 1;` : ""}
    switch (w & 255) {
${writeCases(rows)}
      default:
        ${SAVE};
        throw new Error("Word " + ($pc - 1) + " holds no opcode: this is a bug");
    }
  }
};
//# sourceURL=unnarize:dispatch${options.count ? "-counting" : ""}`;
}

/** What an operand means, given the instruction word. */
type Decode = (machine: Machine, w: number) => number;

const nothing: Decode = () => 0;

/** How an operand is decoded whose bits remain when the word is shifted `left`, and then `right`. */
function decodingOf(kind: OperandKind | undefined, left: number, right: number): Decode {
  switch (kind) {
    case "dst":
    case "src":
    case "window":
    case "iterator":
    case "far":
      return (machine, w) => machine.base + 2 * (w << left >>> right);
    case "constant":
      return (machine, w) => machine.proto - 2 - 2 * (w << left >>> right);
    case undefined:
      return nothing;
    default:
      return (_, w) => w << left >>> right;
  }
}

/** Does the instruction of the word `w`; the machine's pc is behind it. */
type Step = (machine: Machine, w: number) => number;

function stepOf({ exec, swapped, operands: { A, B, C, Bx, sBx } }: OpcodeDef): Step {
  const first = decodingOf(A, 16, 24), third = decodingOf(C, 0, 24);
  const second: Decode = sBx !== undefined
    ? (_, w) => w >> 16
    : Bx !== undefined
    ? decodingOf(Bx, 0, 16)
    : decodingOf(B, 8, 24);
  return swapped
    ? (machine, w) => exec(machine, second(machine, w), first(machine, w), 0) || 0
    : (machine, w) => exec(machine, first(machine, w), second(machine, w), third(machine, w)) || 0;
}

/** Does the instruction at the machine's pc, by calling its row's `exec`; gives its {@linkcode Stop}. */
export function makeStep(rows: readonly OpcodeDef[] = OPCODES): Dispatch {
  // A small program executes few of all opcodes.
  const unknown: Step = (machine, w) => (steps[w & 0xFF] = stepOf(rows[w & 0xFF]))(machine, w);
  const steps: Step[] = new Array(rows.length).fill(unknown);
  return (machine) => {
    const w = I32[machine.pc++];
    return steps[w & 0xFF](machine, w);
  };
}

/** Looks up each row and calls its `exec`: several times as slow as the loop, but there at once. */
export function makeStepper(rows: readonly OpcodeDef[] = OPCODES): Dispatch {
  const step = makeStep(rows);
  return (machine) => {
    for (;;) {
      const stop = step(machine);
      if (stop !== 0) return stop;
    }
  };
}

/**
 * Steps after which the loop pays, for a program that goes on. Writing and compiling it takes some 5 ms, its first rounds
 * in V8's own interpreter are no faster than steps, and V8 spends some 40 ms on another core on optimising it.
 */
const STEPS = 30_000;

/**
 * What interprets a program: {@linkcode makeStep} at first, and the loop after `steps` of them. Most programs are over by
 * then, or have gone on to machine code.
 */
export function makeInterpreter(
  rows: readonly OpcodeDef[],
  { count = false, steps = STEPS }: LoopOptions & { readonly steps?: number } = {},
): Dispatch {
  if (count) return makeLoop(rows, { count });
  const step = makeStep(rows);
  let left = steps;
  let run: Dispatch = (machine) => {
    while (left-- > 0) {
      const stop = step(machine);
      if (stop !== 0) return stop;
    }
    run = makeLoop(rows);
    return run(machine);
  };
  return (machine) => run(machine);
}

/** Compiles the loop for these rows; plugins' opcodes follow the built-in ones. */
export function makeLoop(rows: readonly OpcodeDef[] = OPCODES, options: LoopOptions = {}): Dispatch {
  return compileText(rows, writeLoop(rows, options));
}

/** Compiles text that contains bodies of rows ({@linkcode writeBody}), and so needs what those may name. */
export function compileText(rows: readonly OpcodeDef[], text: string): Dispatch {
  const names = ["extra"], values: unknown[] = [rows.slice(OPCODES.length).map((row) => row.exec)];
  for (const [name, value] of Object.entries(SCOPE)) {
    if (typeof value !== "number") {
      names.push(name);
      values.push(value);
    }
  }
  return new Function(...names, text)(...values) as Dispatch;
}
