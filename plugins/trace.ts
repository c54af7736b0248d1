/**
 * A tracer: prints each call as it happens, with its arguments, and what it gives.
 *
 *     fib(2)
 *       fib(1)
 *       = 1
 *       fib(0)
 *       = 0
 *     = 1
 *
 * There is no hook for calls, and there need not be one, which every call would pay for: a pass plants opcodes of the
 * plugin where a function begins and wherever it ends, and only who loads the plugin has them. They have no template, so
 * machine code leaves for each of them, which `--jit-log` tells; what prints a line anyway may take that long.
 */

import { Control, FRAME_WORDS, FRAMES, views } from "../core/memory.ts";
import { functionAt, type Machine } from "../core/machine.ts";
import type { OpcodeDef } from "../core/opcodes.ts";
import { definePass } from "../core/pass.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";
import { type Instruction, rewriteProgram, type Rewriting } from "../core/rewrite.ts";
import { textOf } from "../core/text.ts";

const { I32 } = views;

/** A value in a line: strings are raw here as in `print`, and long ones are cut. */
function show(word: number): string {
  const text = new TextDecoder().decode(textOf(word));
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}

/** Writes a line to where errors go, behind all that the program has printed, with a blank for each call under way. */
function say(m: Machine, text: string): void {
  const depth = (I32[Control.FRAME_TOP] - FRAMES) / FRAME_WORDS;
  m.host.world.warn("  ".repeat(Math.max(0, depth - BODY_DEPTH)) + text + "\n");
}

/** Frames below the first call: where the run returns to, the file's body, and the call itself. */
const BODY_DEPTH = 3;

const OPCODES: readonly OpcodeDef[] = [
  {
    name: "TRACE_CALL",
    operands: {},
    effect: "memory",
    formula: "trace the call",
    doc: "Tells the tracer that a function begins; its arguments are in the first registers.",
    exec(m) {
      const { proto: { name, arity } } = functionAt(m.proto);
      const args = Array.from({ length: arity }, (_, i) => show(m.base + 2 * i));
      say(m, `${name}(${args.join(", ")})`);
    },
  },
  {
    name: "TRACE_RETURN",
    operands: { A: "src" },
    effect: "memory",
    formula: "trace the result R[A]",
    doc: "Tells the tracer that a function ends with a value.",
    exec: (m, a) => say(m, `= ${show(a)}`),
  },
  {
    name: "TRACE_RETURN_NIL",
    operands: {},
    effect: "memory",
    formula: "trace the result nil",
    doc: "Tells the tracer that a function ends without a value.",
    exec: (m) => say(m, "= nil"),
  },
];

/** A function that tells when it is called and when it returns. */
function plant({ code, proto }: Rewriting): readonly Instruction[] {
  if (proto.id === 0) return code; // the body of the file, which nobody calls
  const { start, end } = code[0];
  const traced = code.flatMap((instruction) => {
    const { name, operands } = instruction;
    if (name !== "RETURN" && name !== "RETURN_NIL") return [instruction];
    // It takes the place of the return, so that jumps to that one meet it.
    return [{ ...instruction, name: `TRACE_${name}`, operands }, instruction];
  });
  return [{ name: "TRACE_CALL", operands: [], at: null, start, end }, ...traced];
}

const plugin: Plugin = definePlugin({
  name: "trace",
  doc: "Prints each call, its arguments and its result.",
  requires: "^0.1",
  opcodes: OPCODES,
  passes: [definePass({
    name: "trace",
    stage: "load",
    from: "program",
    to: "program",
    before: [{ pass: "profile", because: "a function's counters belong to its final code" }],
    doc: {
      summary: "Plants what tells the tracer of calls and returns.",
      why: "To see what a program does, one wants to watch it.",
      example: "function twice(x) { return x * 2; }\nprint twice(21);",
    },
    run: (program, { opcodes }) => rewriteProgram(program, opcodes, plant),
  })],
});
export default plugin;
