/**
 * A backend that turns hot functions into JavaScript, to show how little a backend has to be. There is no compiler in
 * it: it takes the interpreter apart. The body of each opcode's `exec` is pasted, in the order of the function's code,
 * with operands that are no longer decoded but known; what remains of the dispatch loop is a `switch` for jumps, and
 * between neighbours one simply falls through.
 *
 * ```text
 *   3  ADD_II  r1, r1, r2        case 1003: { $pc = 1004; const a = $base + 2 | 0; const b = $base + 2 | 0; … }
 *   4  RETURN  r1                case 1004: { $pc = 1005; const a = $base + 2 | 0; …; continue; }
 *   elsewhere                    default: m.pc = $pc, …; return 0;
 * ```
 *
 * That is partial evaluation: an interpreter whose program is known is a compiled program. Meaning is stated once, in
 * the rows, so this cannot differ from the interpreter; also opcodes of plugins work, which are called.
 *
 * `deno run cli.ts --plugin=plugins/js_backend.ts --backend=js FILE`
 */

import type { Backend, BackendContext, Runner } from "../core/backend.ts";
import { compileText, type Dispatch, makeLoop, writeBody } from "../core/dispatch.ts";
import { functionAt, type Machine, Stop } from "../core/machine.ts";
import { Control, views } from "../core/memory.ts";
import type { OpcodeDef, OperandKind } from "../core/opcodes.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";
import { opOf, Proto } from "../core/program.ts";

const { I32 } = views;

/** Words of code beyond which V8 would not optimise the function that they become. */
const WORDS_MAX = 1500;
/** How often a function is compiled, at most: the interpreter goes on specialising its code for a while. */
const COMPILATIONS_MAX = 4;

/** The expressions of an instruction's operands, as `exec` takes them; only the window is not known beforehand. */
function knownOperands({ operands, swapped }: OpcodeDef, word: number, proto: number): string[] {
  const known = (kind: OperandKind | undefined, bits: number): string => {
    switch (kind) {
      case "dst":
      case "src":
      case "window":
      case "iterator":
      case "far":
        return `$base + ${2 * bits} | 0`;
      case "constant":
        return String(proto - 2 - 2 * bits);
      case undefined:
        return "0";
      default:
        return String(bits);
    }
  };
  const { A, B, C, Bx, sBx } = operands;
  const a = known(A, word >>> 8 & 0xFF), c = known(C, word >>> 24);
  const b = sBx !== undefined
    ? known(sBx, word >> 16)
    : known(Bx ?? B, Bx === undefined ? word >>> 16 & 0xFF : word >>> 16);
  return swapped ? [b, a, c] : [a, b, c];
}

/** A function as the text of one in JavaScript, which can be entered at each instruction. */
export function writeFunction(proto: number, rows: readonly OpcodeDef[], counts: boolean): string {
  const start = proto + Proto.CODE, end = start + I32[proto + Proto.LENGTH];
  const cases: string[] = [];
  for (let pc = start; pc < end; pc += 1 + (rows[opOf(I32[pc])].operands.words?.length ?? 0)) {
    const word = I32[pc], op = opOf(word), row = rows[op];
    const body = writeBody(row, op, knownOperands(row, word, proto));
    const count = counts ? ` F64[${Control.EXECUTED / 2}]++;` : "";
    const leaves = row.effect === "call" || row.effect === "control" ? " continue;" : "";
    cases.push(`case ${pc}: { $pc = ${pc + 1};${count} // ${row.name}${body}\n${leaves} }`);
  }
  return `return function run(m) {
  let $pc = m.pc | 0, $base = m.base | 0, $proto = m.proto | 0;
  for (;;) switch ($pc) {
${cases.join("\n")}
  default: m.pc = $pc, m.base = $base, m.proto = $proto; return 0;
  }
};`;
}

/** A function in JavaScript, and the opcodes that it was made of. */
interface Compiled {
  readonly run: Dispatch;
  readonly opcodes: readonly number[];
  readonly compilation: number;
}

function open({ opcodes, count, observe }: BackendContext): Runner {
  const interpret = makeLoop(opcodes, { count });
  const compiled = new Map<number, Compiled>();

  /** Compiles the function at work, or does so again where its code has been specialised since. */
  function compile({ proto }: Machine, because: "loop" | "calls"): void {
    const start = proto + Proto.CODE, words = I32.slice(start, start + I32[proto + Proto.LENGTH]);
    const now = Array.from(words, opOf), before = compiled.get(proto), loaded = functionAt(proto);
    if (before === undefined) observe?.({ kind: "hot", loaded, because, pc: 0 });
    const compilation = (before?.compilation ?? 0) + 1;
    if (words.length > WORDS_MAX || compilation > COMPILATIONS_MAX) return;
    if (before !== undefined && now.every((op, i) => op === before.opcodes[i])) return;
    const run = compileText(opcodes, writeFunction(proto, opcodes, count));
    compiled.set(proto, { run, opcodes: now, compilation });
  }

  return {
    run(machine) {
      for (;;) {
        const run = compiled.get(machine.proto)?.run ?? interpret;
        const stop = run(machine);
        if (stop === Stop.HOT_LOOP) compile(machine, "loop");
        if (stop === Stop.HOT_CALL) compile(machine, "calls");
        // The engine looks after the counters, and comes back.
        if (stop !== Stop.NONE) return stop;
      }
    },
    dispose: () => compiled.clear(),
  };
}

/** The backend. */
export const js: Backend = {
  name: "js",
  doc: "Turns hot functions into JavaScript; works everywhere.",
  probe: () => ({ ok: true }),
  open,
};

const plugin: Plugin = definePlugin({
  name: "js-backend",
  doc: "A backend that turns hot functions into JavaScript.",
  requires: "^0.1",
  backends: [js],
});
export default plugin;
