/**
 * The template-JIT pass: hot function → draft. It walks the bytecode once and asks the target for each instruction's
 * template; what a template jumps to without knowing where it lies are labels, one for each instruction, one for each
 * exit. Nothing is decided here about machine code, and nothing about where it will lie: the draft has holes, which
 * the jump-patch pass fills.
 *
 * ```text
 *  instruction 0    instruction 2    …    instruction n      exits, out of the way
 *  ┌──────────────┬──────────────┬─────┬──────────────┬──────┬──────┬──────┐
 *  │ guards, work │ guards, work │  …  │              │ exit │ exit │ poll │
 *  └──────┼───────┴──────────────┴─────┴──────────────┴───▲──┴──────┴──────┘
 *         └──────────── a guard fails ─────────────────────┘
 * ```
 */

import { views } from "../core/memory.ts";
import { Proto } from "../core/program.ts";
import { type OpcodeDef, OPCODES } from "../core/opcodes.ts";
import type {
  Assembler,
  Draft,
  Exit,
  ExitReason,
  HotFunction,
  Outside,
  Site,
  Target,
} from "../core/backend.ts";

const { I32 } = views;

/** The operands of an instruction word as its row has them. */
function operandsOf(row: OpcodeDef, word: number): { a: number; b: number; c: number } {
  const { Bx, sBx } = row.operands;
  const b = Bx !== undefined ? word >>> 16 : sBx !== undefined ? word >> 16 : word >>> 16 & 0xFF;
  return { a: word >>> 8 & 0xFF, b, c: word >>> 24 };
}

/** Compiles a hot function into a draft. */
export function compileTemplates<A extends Assembler<L>, L>(
  hot: HotFunction,
  target: Target<A, L>,
  opcodes: readonly OpcodeDef[] = OPCODES,
): Draft {
  const { code, loaded } = hot, proto = loaded.word, start = proto + Proto.CODE;
  const asm = target.assembler();
  const starts: number[] = [];
  for (let pc = 0; pc < code.length; pc += 1 + (opcodes[code[pc] & 0xFF].operands.words?.length ?? 0)) {
    starts.push(pc);
  }
  const labels = new Map<number, L>(starts.map((pc) => [pc, asm.label()]));
  const end = asm.label();
  const labelAt = (pc: number) => labels.get(pc) ?? end;
  const entries = new Int32Array(code.length).fill(-1);
  const exits: Exit[] = [];
  /** Code that stands behind the instructions. */
  const pieces: { piece: Outside; write: () => void }[] = [];
  const stands = (kind: Outside["kind"], pc: number, exit: number, write: () => void) =>
    void pieces.push({ piece: { kind, offset: 0, pc, exit }, write });
  const interpret = asm.label("interpret the callee");
  let interprets = false;

  for (const [number, pc] of starts.entries()) {
    const word = code[pc], row = opcodes[word & 0xFF];
    const nextPc = starts[number + 1] ?? code.length;
    const { a, b, c } = operandsOf(row, word);
    const jump = row.operands.words?.indexOf("jump") ?? -1;
    const to = jump < 0 ? pc : pc + 1 + jump + code[pc + 1 + jump];
    let known: Map<ExitReason, L> | null = null;
    interprets ||= row.operands.A === "window";
    const site: Site<L> = {
      a,
      b,
      c,
      word: (index) => code[pc + 1 + index],
      constant: (n) => ({ low: I32[proto - 2 - 2 * n], high: I32[proto - 1 - 2 * n] }),
      proto,
      nextPc: start + nextPc,
      next: labelAt(nextPc),
      target: labelAt(to),
      backward: to <= pc,
      exit(reason) {
        let label = known?.get(reason);
        if (label === undefined) {
          const made = label = asm.label(reason), index = exits.length;
          known ??= new Map();
          known.set(reason, made);
          exits.push({ pc, reason });
          stands("exit", pc, index, () => {
            asm.bind(made);
            target.exit(asm, index, start + pc);
          });
        }
        return label;
      },
      poll() {
        const label = asm.label("poll");
        stands("poll", pc, -1, () => {
          asm.bind(label);
          target.poll(asm, start + to);
        });
        return label;
      },
      outside: (write) => stands("detour", pc, -1, write),
      interpret,
    };
    asm.bind(labelAt(pc));
    entries[pc] = asm.offset;
    asm.comment(row.name);
    // The interpreter comes to LOOP once; jumps backward lead behind it, having counted.
    if (hot.count && row.name !== "LOOP") target.count(asm);
    const template = target.templates[row.name] ?? "exit";
    if (template === "exit") target.jump(asm, site.exit("no-template"));
    else template(asm, site);
  }
  asm.bind(end); // nothing leads here, the verifier has seen to that; but a label that is wanted has to lie somewhere
  const outside: Outside[] = [];
  // A detour may ask for exits, which then stand behind it.
  for (const { piece, write } of pieces) {
    outside.push({ ...piece, offset: asm.offset });
    write();
  }
  if (interprets) {
    outside.push({ kind: "interpret", offset: asm.offset, pc: -1, exit: -1 });
    asm.bind(interpret);
    target.interpret(asm);
  }
  const made = asm.finish();
  const { bytes, labels: places, fixups, remarks, data } = made;
  return {
    hot,
    bytes,
    labels: places,
    get labelNames() {
      return made.labelNames;
    },
    fixups,
    remarks,
    data,
    exits,
    outside,
    entries,
  };
}
