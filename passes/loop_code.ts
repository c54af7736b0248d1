/**
 * Writes the second version of a loop that loops.ts has planned: a way in that checks and loads, the instructions in their
 * order, and for each guard a way out, which stores what is only in homes and goes on in the first version.
 *
 * What is known before each instruction decides how it is written. Where two ways meet, less is known than on either, so a
 * way may have to store something before it gets there; such stores stand on the way itself.
 */

import type {
  Assembler,
  Decoded,
  HomeType,
  LoopPlan,
  LoopSite,
  LoopTarget,
  LoopTemplate,
  Outside,
  Place,
  Site,
  Target,
} from "../core/backend.ts";
import { DIRTY, HOME, registerAt, takesOf, TYPE } from "./loops.ts";

/** What the first version of the function offers to the second version of a loop. */
export interface Surroundings<A extends Assembler<L>, L> {
  readonly asm: A;
  readonly target: Target<A, L>;
  /** Whether executed instructions are counted. */
  readonly count: boolean;
  /** The instruction at a place, in the first version. */
  labelAt(pc: number): L;
  /** Begins a piece of code here. */
  begin(kind: Outside["kind"], pc: number): void;
  /** Writes a piece of code later, behind everything. */
  stands(kind: Outside["kind"], pc: number, write: () => void): void;
  /** Writes an instruction as in the first version, but that it jumps to `to` and goes on at `next`. */
  writePlainly(each: Decoded, to: L | null, next: L): void;
  /** What templates may ask of an instruction. */
  factsOf(each: Decoded): Pick<Site<L>, "word" | "constant" | "nextPc">;
  /** Writes code that leaves at the place `pc` for a look at the outside. */
  poll(pc: number): void;
}

/** Writes the second version; `enter` is where it is entered, `first` the head of the first version. */
export function writeLoop<A extends Assembler<L>, L>(
  plan: LoopPlan,
  loops: LoopTarget<A, L>,
  { asm, target, count, labelAt, begin, stands, writePlainly, factsOf, poll }: Surroundings<A, L>,
  enter: L,
  first: L,
): void {
  const { instructions, isLive, typeOf, homeOf } = plan;
  const pcOf = (index: number) => instructions[index]?.pc ?? -1;
  const indexAt = new Map(instructions.map(({ pc }, index) => [pc, index]));
  const head = plan.first === 0 ? -1 : instructions[plan.first - 1].pc;
  const labels = new Map<number, L>();
  const work: Work<L> = { plan, way, leave, leaveAtHead, stands };
  for (let index = plan.first; index <= plan.last; index++) labels.set(index, asm.label());

  begin("loop", plan.head);
  asm.bind(enter);
  const start = plan.before(plan.first)!;
  const entered = each(start, (state) => (state & TYPE) !== 0);
  for (const { register, type } of entered) loops.check(asm, register, type, first);
  for (const { register, type, home, state } of entered) {
    if (state & HOME) loops.load(asm, register, type, home);
  }
  for (let index = plan.first; index <= plan.last; index++) {
    const state = plan.before(index);
    if (state !== null) writeInstruction(index, state);
  }

  /** The registers of which something is true, with the homes that their types have. */
  function each(state: readonly number[], wanted: (state: number, register: number) => boolean) {
    const found: { register: number; type: HomeType; home: number; state: number }[] = [];
    state.forEach((code, register) => {
      if (!wanted(code, register)) return;
      found.push({ register, type: typeOf(code)!, home: homeOf(register, code), state: code });
    });
    return found;
  }

  /** The stores and loads that the way from one state to an instruction takes. */
  function changes(from: readonly number[], index: number) {
    const isInside = index >= plan.first && index <= plan.last;
    const to = isInside ? plan.before(index) : null;
    const stores = each(
      from,
      (state, register) =>
        (state & DIRTY) !== 0 && isLive(index, register) && !(to !== null && to[register] & HOME),
    );
    const loads = to === null
      ? []
      : each(to, (state, register) => (state & HOME) !== 0 && (from[register] & HOME) === 0);
    return { stores, loads, isEmpty: stores.length === 0 && loads.length === 0 };
  }

  function write({ stores, loads }: ReturnType<typeof changes>): void {
    for (const { register, type, home } of stores) loops.store(asm, register, type, home);
    for (const { register, type, home } of loads) loops.load(asm, register, type, home);
  }

  /** Index of the instruction that a jump leads to: of one to LOOP, the head. */
  function destination(pc: number): number {
    return pc === head ? plan.first : indexAt.get(pc) ?? -1;
  }

  function labelOf(index: number): L {
    return labels.get(index) ?? labelAt(pcOf(index));
  }

  /** Where a jump with this state behind it leads to, so that all is right at the instruction. */
  function way(from: readonly number[], index: number, pc: number): L {
    const made = changes(from, index);
    if (made.isEmpty) return labelOf(index);
    const label = asm.label();
    stands("back", pc, () => {
      asm.bind(label);
      write(made);
      target.jump(asm, labelOf(index));
    });
    return label;
  }

  function writeInstruction(index: number, state: readonly number[]): void {
    const instruction = instructions[index], { pc, row, to } = instruction;
    begin("instruction", pc);
    asm.bind(labels.get(index)!);
    asm.comment(row.name);
    if (count) target.count(asm);
    const template = plan.templateAt(index, state);
    const goesOn = row.name !== "JUMP" && !row.name.startsWith("RETURN");
    const jumped = to < 0 ? null : plan.after(index, template, state, true);
    const passed = plan.after(index, template, state, false);
    const isLast = index === plan.last;
    // A call comes back to a label, so what follows has to be right there.
    const next = isLast ? goesOn ? way(passed, index + 1, pc) : labelOf(index + 1) : labels.get(index + 1)!;
    if (template === null) {
      write({
        stores: each(state, (code, register) => (code & DIRTY) !== 0 && isLive(index, register)),
        loads: [],
        isEmpty: false,
      });
      writePlainly(instruction, jumped === null ? null : way(jumped, destination(to), pc), next);
    } else {
      const dirty = (template.slots ?? []).map((place) => registerAt(place, instruction));
      write({
        stores: each(state, (code, register) => (code & DIRTY) !== 0 && dirty.includes(register)),
        loads: [],
        isEmpty: false,
      });
      const destined = to < 0 ? index : destination(to), facts = factsOf(instruction);
      const after = jumped ?? passed;
      const site = new InstructionSite(work, index, instruction, destined, facts, template, state, after);
      take(template, state, index, site);
      template.write(asm, site);
    }
    if (!goesOn) return;
    if (isLast) target.jump(asm, next);
    else if (plan.before(index + 1) !== null) write(changes(passed, index + 1));
  }

  /** Checks the types that are not known, and brings to their homes what has some. */
  function take(template: LoopTemplate, state: readonly number[], index: number, site: LoopSite<L>): void {
    for (const [place, type] of takesOf(template)) {
      const register = registerAt(place, instructions[index]), known = typeOf(state[register]);
      if (known !== null && known !== type) target.jump(asm, site.exit());
      else if (known === null) loops.check(asm, register, type, site.exit());
      const home = site.home(register);
      if (home >= 0 && !(state[register] & HOME)) loops.load(asm, register, type, home);
    }
  }

  /** Where a guard of an instruction leads to: back to the first version, where the instruction is done again. */
  function leave(index: number, before: readonly number[], undo?: () => void): L {
    const label = asm.label(), pc = pcOf(index);
    stands("back", pc, () => {
      asm.bind(label);
      undo?.();
      if (count) target.count(asm, -1);
      write({
        // As it was before: an operand known to be of another type is not in the home that it is taken from.
        stores: each(before, (state, register) => (state & DIRTY) !== 0 && isLive(index, register)),
        loads: [],
        isEmpty: false,
      });
      target.jump(asm, index === plan.first ? first : labelAt(pc));
    });
    return label;
  }

  /** Where a jump to the head leads to when it is time for a look at the outside. */
  function leaveAtHead(after: readonly number[], pc: number): L {
    const label = asm.label("poll");
    stands("poll", pc, () => {
      asm.bind(label);
      write({
        stores: each(after, (state, register) => (state & DIRTY) !== 0 && isLive(plan.first, register)),
        loads: [],
        isEmpty: false,
      });
      poll(head);
    });
    return label;
  }
}

/** What the sites of a loop share. */
interface Work<L> {
  readonly plan: LoopPlan;
  way(from: readonly number[], index: number, pc: number): L;
  leave(index: number, before: readonly number[], undo?: () => void): L;
  leaveAtHead(after: readonly number[], pc: number): L;
  readonly stands: Surroundings<never, L>["stands"];
}

/** An instruction of the second version in the hands of its template. */
class InstructionSite<L> implements LoopSite<L> {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly nextPc: number;
  readonly backward: boolean;
  /** What is known while it is written. */
  private readonly during: readonly number[];
  private plain: L | null = null;

  constructor(
    private readonly work: Work<L>,
    private readonly index: number,
    private readonly instruction: Decoded,
    /** Index of the instruction that it jumps to; its own if it does not jump. */
    private readonly destination: number,
    private readonly facts: Pick<Site<L>, "word" | "constant" | "nextPc">,
    template: LoopTemplate,
    private readonly before: readonly number[],
    private readonly after: readonly number[],
  ) {
    const { a, b, c, pc, to } = instruction;
    this.a = a;
    this.b = b;
    this.c = c;
    this.nextPc = facts.nextPc;
    this.backward = to >= 0 && to <= pc;
    this.during = work.plan.during(index, template, before);
  }

  word(index: number): number {
    return this.facts.word(index);
  }

  constant(n: number): { readonly low: number; readonly high: number } {
    return this.facts.constant(n);
  }

  get target(): L {
    return this.work.way(this.after, this.destination, this.instruction.pc);
  }

  home(register: number): number {
    const state = this.during[register];
    return state & HOME ? this.work.plan.homeOf(register, state) : -1;
  }

  isInSlot(register: number): boolean {
    return !(this.during[register] & DIRTY);
  }

  known(register: number): HomeType | null {
    return this.work.plan.typeOf(this.during[register]);
  }

  gives(place: Place): { readonly type: HomeType | null; readonly home: number } {
    const register = registerAt(place, this.instruction), { plan } = this.work, state = this.after[register];
    return { type: plan.typeOf(state), home: plan.homeOf(register, state) };
  }

  exit(undo?: () => void): L {
    const { work, index, before } = this;
    return undo === undefined ? this.plain ??= work.leave(index, before) : work.leave(index, before, undo);
  }

  poll(): L {
    return this.work.leaveAtHead(this.after, this.instruction.pc);
  }

  outside(write: () => void): void {
    this.work.stands("detour", this.instruction.pc, write);
  }
}
