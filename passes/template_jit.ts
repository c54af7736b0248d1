/**
 * The template-JIT pass: hot function → draft. It walks the bytecode once and asks the target for each instruction's
 * template; what a template jumps to without knowing where it lies are labels, one for each instruction, one for each
 * exit. Nothing is decided here about machine code, and nothing about where it will lie: the draft has holes, which
 * the jump-patch pass fills. Loops that have a plan (loops.ts) are written a second time, behind all instructions.
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
  Decoded,
  Draft,
  Exit,
  ExitReason,
  HotFunction,
  Outside,
  PatchPoint,
  PatchPointWriter,
  Site,
  Target,
} from "../core/backend.ts";
import { decodeAll } from "./loops.ts";
import { writeLoop } from "./loop_code.ts";

const { I32 } = views;

/** Code that stands behind the instructions: what `write` writes, an exit, a link, or a poll that goes on at `to`. */
interface Piece<L> {
  readonly kind: Outside["kind"];
  readonly pc: number;
  /** Number of the exit, or of the patch point. */
  readonly exit: number;
  readonly label: L | null;
  readonly to: number;
  readonly write: (() => void) | null;
}

/** What the sites of a function share. */
interface Work<A extends Assembler<L>, L> {
  readonly asm: A;
  readonly target: Target<A, L>;
  readonly code: Int32Array;
  /** Its proto word. */
  readonly proto: number;
  readonly exits: Exit[];
  readonly pieces: Piece<L>[];
  readonly points: PatchPoint[];
}

/** An exit that an instruction has asked for, and the one before it. */
interface Asked<L> {
  readonly reason: ExitReason;
  readonly label: L;
  readonly before: Asked<L> | null;
}

/** An instruction in the hands of its template. */
class InstructionSite<A extends Assembler<L>, L> implements Site<L> {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly proto: number;
  readonly nextPc: number;
  readonly backward: boolean;
  /** The exits that have been asked for, the last one first. */
  private asked: Asked<L> | null = null;

  constructor(
    private readonly work: Work<A, L>,
    private readonly instruction: Decoded,
    readonly target: L,
    readonly next: L,
  ) {
    const { a, b, c, pc, to } = instruction;
    this.a = a;
    this.b = b;
    this.c = c;
    this.proto = work.proto;
    this.nextPc = work.proto + Proto.CODE + instruction.next;
    this.backward = to >= 0 && to <= pc;
  }

  /**
   * For templates that take it out of the site. Made anew each time: were it kept in the site, to which it leads back,
   * V8's collector of young objects would take all sites for alive, with everything that they lead to.
   */
  get exit(): (reason: ExitReason) => L {
    return (reason) => this.exitFor(reason);
  }

  word(index: number): number {
    return this.work.code[this.instruction.pc + 1 + index];
  }

  constant(n: number): { low: number; high: number } {
    return { low: I32[this.proto - 2 - 2 * n], high: I32[this.proto - 1 - 2 * n] };
  }

  private exitFor(reason: ExitReason): L {
    for (let known = this.asked; known !== null; known = known.before) {
      if (known.reason === reason) return known.label;
    }
    const { asm, exits, pieces } = this.work, { pc } = this.instruction;
    const label = asm.label(reason), exit = exits.length;
    this.asked = { reason, label, before: this.asked };
    exits.push({ pc, reason });
    pieces.push({ kind: "exit", pc, exit, label, to: pc, write: null });
    return label;
  }

  poll(): L {
    const { asm, pieces } = this.work, { pc, to } = this.instruction, label = asm.label("poll");
    pieces.push({ kind: "poll", pc, exit: -1, label, to: to < 0 || pc === 0 ? pc : to, write: null });
    return label;
  }

  patchPoint(kind: PatchPoint["kind"], reason?: ExitReason): PatchPointWriter<L> {
    const { asm, exits, pieces, points } = this.work, { pc } = this.instruction;
    const holes: Record<string, number> = {}, places: Record<string, number> = {};
    let exit: L, number = -1;
    if (reason === undefined) {
      exit = asm.label("link");
      pieces.push({ kind: "link", pc, exit: points.length, label: exit, to: pc, write: null });
    } else {
      exit = this.exit(reason);
      number = exits.findLastIndex((each) => each.reason === reason);
    }
    points.push({ kind, pc, exit: number, holes, places });
    return {
      exit,
      hole: (name) => void (holes[name] = asm.offset - 4),
      place: (name) => void (places[name] = asm.offset),
    };
  }

  outside(write: () => void): void {
    const { pc } = this.instruction;
    this.work.pieces.push({ kind: "detour", pc, exit: -1, label: null, to: pc, write });
  }
}

/** Compiles a hot function into a draft. */
export function compileTemplates<A extends Assembler<L>, L>(
  hot: HotFunction,
  target: Target<A, L>,
  opcodes: readonly OpcodeDef[] = OPCODES,
): Draft {
  const { code, loaded } = hot, proto = loaded.word, start = proto + Proto.CODE;
  const asm = target.assembler();
  const instructions = decodeAll(code, opcodes);
  const labels: L[] = new Array(code.length);
  for (const { pc } of instructions) labels[pc] = asm.label();
  const end = asm.label();
  const labelAt = (pc: number): L => labels[pc] ?? end;
  const entries = new Int32Array(code.length).fill(-1);
  const exits: Exit[] = [], bare = new Set<string>();
  const pieces: Piece<L>[] = [], points: PatchPoint[] = [];
  const outside: Outside[] = [];
  const work: Work<A, L> = { asm, target, code, proto, exits, pieces, points };

  function writeInstruction(each: Decoded, to: L, next: L): void {
    const { row } = each, template = target.templates[row.name];
    const site = new InstructionSite(work, each, to, next);
    if (template === undefined) bare.add(row.name);
    if (template === undefined || template === "exit") target.jump(asm, site.exit("no-template"));
    else template(asm, site);
  }

  // A loop with a second version goes over to it at its head.
  const versions = new Map(
    (hot.loops ?? []).map((plan) => {
      const enter = asm.label("the loop"), first = asm.label("the first version");
      return [plan.head, { plan, enter, first }] as const;
    }),
  );
  for (const each of instructions) {
    const { pc, row } = each, version = versions.get(pc);
    asm.bind(labels[pc]);
    entries[pc] = asm.offset;
    asm.comment(row.name);
    // Functions that call themselves have to look at the outside now and then, as loops do.
    if (pc === 0) target.round(asm, new InstructionSite(work, each, end, end).poll());
    if (version !== undefined) {
      target.jump(asm, version.enter);
      asm.bind(version.first);
    }
    // The interpreter comes to LOOP once; jumps backward lead behind it, having counted.
    if (hot.count && row.name !== "LOOP") target.count(asm);
    writeInstruction(each, labelAt(each.to < 0 ? pc : each.to), labelAt(each.next));
  }
  asm.bind(end); // nothing leads here, the verifier has seen to that; but a label that is wanted has to lie somewhere
  for (const { plan, enter, first } of versions.values()) {
    writeLoop(
      plan,
      target.loops!,
      {
        asm,
        target,
        count: hot.count,
        labelAt,
        begin: (kind, pc) => outside.push({ kind, offset: asm.offset, pc, exit: -1 }),
        stands: (kind, pc, write) => pieces.push({ kind, pc, exit: -1, label: null, to: pc, write }),
        writePlainly: (each, to, next) => writeInstruction(each, to ?? next, next),
        factsOf: (each) => new InstructionSite(work, each, end, end),
        poll: (pc) => target.poll(asm, start + pc),
      },
      enter,
      first,
    );
  }
  // A detour may ask for exits, which then stand behind it.
  for (const { kind, pc, exit, label, to, write } of pieces) {
    outside.push({ kind, offset: asm.offset, pc, exit: kind === "exit" ? exit : -1 });
    if (label !== null) asm.bind(label);
    if (write !== null) write();
    else if (kind === "exit") target.exit(asm, exit, start + pc);
    else if (kind === "link") target.link(asm, exit, start + pc);
    else target.poll(asm, start + to);
  }
  return { ...asm.finish(), hot, exits, bare, points, outside, entries };
}
