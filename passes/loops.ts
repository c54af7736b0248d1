/**
 * The loop pass: finds the loops of a hot function whose values may live in machine registers, and plans a second
 * version of each. The first one, made of templates, keeps every value in its slot, boxed. In the second one a value
 * whose type is known stays unboxed in a register of the processor, its *home*, from round to round: numbers as the
 * processor has them, arrays and structs as addresses. Its slot is written when somebody else has to see it. A type that
 * holds at the head is checked once, before the first round.
 *
 * ```text
 *            templates                        second version
 *  ┌──► head ──────────────► check types, load homes ──► body ──┐
 *  │      │ ◄─── a check fails ──────────────┘  ▲  │    homes   │
 *  │     body ◄── a guard fails: store homes ───┼──┘            │
 *  └──────┘                                     └───────────────┘
 * ```
 *
 * Both versions work on the same slots, so a guard that fails stores what is only in homes, and goes on with the very same
 * instruction in the version of templates, which can do everything. At the head the loop changes over again.
 *
 * What is planned: the innermost loops (and functions without loops, whose calls are their rounds), the types that their registers have at the head (guessed from what the
 * instructions take, and kept if every way back to the head has them again), and which registers have homes. What
 * instructions take and give, the target says; here is the data flow only. Of each instruction's state follows how it is
 * written, in loop_code.ts.
 */

import { views } from "../core/memory.ts";
import type { OpcodeDef } from "../core/opcodes.ts";
import type {
  AnyTarget,
  Decoded,
  HomeType,
  HotFunction,
  LoopFacts,
  LoopPlan,
  LoopTarget,
  LoopTemplate,
  Place,
  RegisterClass,
} from "../core/backend.ts";

const { I32 } = views;

/** Takes the code of a function apart. */
export function decodeAll(code: Int32Array, opcodes: readonly OpcodeDef[]): Decoded[] {
  const all: Decoded[] = [];
  for (let pc = 0; pc < code.length;) {
    const word = code[pc], row = opcodes[word & 0xFF], { Bx, sBx, words } = row.operands;
    const next = pc + 1 + (words?.length ?? 0), jump = words?.indexOf("jump") ?? -1;
    const b = Bx !== undefined ? word >>> 16 : sBx !== undefined ? word >> 16 : word >>> 16 & 0xFF;
    const to = jump < 0 ? -1 : pc + 1 + jump + code[pc + 1 + jump];
    all.push({ pc, next, row, a: word >>> 8 & 0xFF, b, c: word >>> 24, to });
    pc = next;
  }
  return all;
}

// ---- states ------------------------------------------------------------------------------------------------------

/*
 * What is known of a register before an instruction:
 *
 *   bit 0       its home holds it
 *   bit 1       only its home does: the slot has an older value
 *   bit 2       nothing has written it since the head
 *   bits 3…     the code of its type: unknown, int, double, array, then the types of structs that the loop has met
 */
export const HOME = 1, DIRTY = 2, TYPE = ~7;
const ENTRY = 4, CODE = 3;

/** Types by their codes, of which each plan has its own list: the structs that it meets follow. */
const TYPES: readonly (HomeType | null)[] = [null, "int", "double", "array"];

/** The kind of machine register that a value of a type lives in. */
const classOf = (type: HomeType): RegisterClass => type === "double" ? "float" : "general";

/** States of all registers before an instruction; a plain array, since one of bytes takes far longer to make. */
type State = number[];

/** What is true whichever of two ways led here. */
function meet(x: number, y: number): number {
  if ((x ^ y) & TYPE) return x & y & ENTRY;
  return x & y & (TYPE | HOME | ENTRY) | (x & y & HOME ? (x | y) & DIRTY : 0);
}

/** The register that a place of an instruction names. */
export function registerAt(place: Place, { a, b, c }: Decoded): number {
  switch (place) {
    case "a":
      return a;
    case "a+1":
      return a + 1;
    case "a+2":
      return a + 2;
    case "b":
      return b;
    case "c":
      return c;
  }
}

// ---- liveness ----------------------------------------------------------------------------------------------------

/** A function with more is left to templates: the analysis would cost more than it gains. */
const INSTRUCTIONS_MAX = 2000, REGISTERS_MAX = 255;

/** Which registers have values that are still wanted. */
export interface Liveness {
  /** Whether the value that a register has before the instruction of this index may be read. */
  isLive(index: number, register: number): boolean;
}

const LEAVES: readonly string[] = ["JUMP", "RETURN", "RETURN_NIL"];

function findLiveness(instructions: readonly Decoded[], indexOf: Int32Array, registers: number): Liveness {
  const size = registers + 31 >> 5, count = instructions.length;
  const live = new Uint32Array((count + 1) * size), now = new Uint32Array(size);
  const add = (register: number) => now[register >> 5] |= 1 << (register & 31);
  const remove = (register: number) => now[register >> 5] &= ~(1 << (register & 31));
  for (let changed = true; changed;) {
    changed = false;
    for (let i = count - 1; i >= 0; i--) {
      const { row, to, a, b, c } = instructions[i], { A, B, C } = row.operands;
      const falls = !LEAVES.includes(row.name);
      for (let k = 0; k < size; k++) {
        now[k] = (falls ? live[(i + 1) * size + k] : 0) | (to >= 0 ? live[indexOf[to] * size + k] : 0);
      }
      if (A === "dst") remove(a);
      if (A === "src") add(a);
      if (B === "src") add(b);
      if (C === "src") add(c);
      if (A === "iterator") {
        add(a);
        if (to >= 0) add(a + 1);
      }
      if (A === "window") { for (let n = a; n <= a + b && n < registers; n++) add(n); }
      // A closure takes its captures from registers that its operands do not name.
      if (row.name === "CLOSURE") now.fill(-1);
      for (let k = 0; k < size; k++) {
        if (live[i * size + k] !== now[k]) {
          live[i * size + k] = now[k];
          changed = true;
        }
      }
    }
  }
  return {
    isLive: (index, register) => (live[index * size + (register >> 5)] >>> (register & 31) & 1) !== 0,
  };
}

// ---- planning ----------------------------------------------------------------------------------------------------

/** The plans for a function's loops. */
export function planLoops(
  hot: HotFunction,
  target: AnyTarget,
  opcodes: readonly OpcodeDef[],
): readonly LoopPlan[] {
  const { code, loaded } = hot, { registers } = loaded.proto, { loops } = target;
  if (loops === undefined || registers > REGISTERS_MAX) return [];
  const instructions = decodeAll(code, opcodes);
  if (instructions.length > INSTRUCTIONS_MAX) return [];
  const indexOf = new Int32Array(code.length + 1).fill(instructions.length);
  instructions.forEach(({ pc }, index) => indexOf[pc] = index);
  let liveness: Liveness | null = null;
  const plans: LoopPlan[] = [];
  const plan = (first: number, last: number) => {
    liveness ??= findLiveness(instructions, indexOf, registers);
    const made = planLoop(
      { instructions, first, last, indexOf, registers, liveness, code, word: loaded.word },
      loops,
    );
    if (made !== null) plans.push(made);
  };
  // Of a function without loops, the calls are the rounds. It has to call nobody: what it calls would use its homes.
  const isLeaf = !instructions.some(({ row }) =>
    row.name === "LOOP" || row.operands.A === "window" && loops.templates[row.name] === undefined
  );
  if (isLeaf) plan(0, instructions.length - 1);
  for (const [index, { row, pc }] of instructions.entries()) {
    if (row.name !== "LOOP") continue;
    const last = instructions.findLastIndex(({ to }) => to === pc);
    const isInnermost = last > index &&
      !instructions.slice(index + 1, last).some((each) => each.row.name === "LOOP");
    if (isInnermost) plan(index + 1, last);
  }
  return plans;
}

/** A loop, or the whole of a function without any, and what is known of its function. */
interface Loop {
  readonly instructions: readonly Decoded[];
  /** Indices of the first instruction, behind LOOP if it is a loop, and of the last jump back, or the last of all. */
  readonly first: number;
  readonly last: number;
  readonly indexOf: Int32Array;
  readonly registers: number;
  readonly liveness: Liveness;
  /** The function's code, and its proto word. */
  readonly code: Int32Array;
  readonly word: number;
}

// What templates take and give, as lists: they are gone through for each instruction, in each round of the analysis.
type Gift = NonNullable<NonNullable<LoopTemplate["gives"]>[Place]>;
const takes = new WeakMap<LoopTemplate, readonly (readonly [Place, HomeType])[]>();
const gives = new WeakMap<LoopTemplate, readonly (readonly [Place, Gift])[]>();

/** The registers that have to hold values of a type, and of which. */
export function takesOf(template: LoopTemplate): readonly (readonly [Place, HomeType])[] {
  let list = takes.get(template);
  if (list === undefined) {
    takes.set(template, list = Object.entries(template.takes ?? {}) as [Place, HomeType][]);
  }
  return list;
}

function givesOf(template: LoopTemplate): readonly (readonly [Place, Gift])[] {
  let list = gives.get(template);
  if (list === undefined) gives.set(template, list = Object.entries(template.gives ?? {}) as [Place, Gift][]);
  return list;
}

function planLoop(
  loop: Loop,
  { homes: rooms, templates }: Pick<LoopTarget<unknown, unknown>, "homes" | "templates">,
): LoopPlan | null {
  const { instructions, first, last, indexOf, registers, liveness, code, word } = loop;
  /** Index of LOOP; nothing leads back to the beginning of a function. */
  const head = first - 1;
  const types = TYPES.slice();
  const homes: Record<RegisterClass, Int8Array> = {
    general: new Int8Array(registers).fill(-1),
    float: new Int8Array(registers).fill(-1),
  };
  /** What instructions take that has been there since the head. */
  const wanted = new Int32Array(registers);
  const uses: Record<RegisterClass, Int32Array> = {
    general: new Int32Array(registers),
    float: new Int32Array(registers),
  };
  let states: (State | undefined)[] = [], others = 0, quick = 0, calls = 0;
  const nothing: State = new Array(registers).fill(0);

  const plan: LoopPlan = {
    head: instructions[first].pc,
    first,
    last,
    instructions,
    homes,
    typeOf: (state) => types[state >> CODE],
    homeOf,
    before: (index) => states[index] ?? null,
    during,
    after,
    templateAt,
    isLive: liveness.isLive,
  };

  // Types first, for which no home is needed; then the homes of those that are used most; then where they hold.
  let start = nothing.slice();
  if (head >= 0) {
    start.fill(ENTRY);
    run(start);
    start = start.map((_, register) => liveness.isLive(first, register) ? wanted[register] | ENTRY : ENTRY);
  }
  start = settle(start);
  for (const kind of ["general", "float"] as const) {
    const ranked = [...uses[kind].keys()].filter((register) => uses[kind][register] > 0)
      .sort((x, y) => uses[kind][y] - uses[kind][x]);
    ranked.slice(0, rooms[kind].length).forEach((register, home) => homes[kind][register] = home);
  }
  settle(start.map((state, register) => state & TYPE && homeOf(register, state) >= 0 ? state | HOME : state));
  const isWorth = others <= quick && (head >= 0 || calls === 0) &&
    (homes.general.some(isHome) || homes.float.some(isHome));
  return isWorth ? plan : null;

  /** A type as part of a state. */
  function codeOf(type: HomeType | null): number {
    let code = types.indexOf(type);
    if (code < 0) code = types.push(type) - 1;
    return code << CODE;
  }

  function homeOf(register: number, state: number): number {
    const type = types[state >> CODE];
    return type === null ? -1 : homes[classOf(type)][register];
  }

  /** How an instruction is written in a given state; null if as outside of such loops. */
  function templateAt(index: number, state: readonly number[]): LoopTemplate | null {
    const each = instructions[index], row = templates[each.row.name];
    if (typeof row !== "function") return row ?? null;
    const facts: LoopFacts = {
      b: each.b,
      guess: (place) => guess(index, registerAt(place, each)),
      known: (place) => types[state[registerAt(place, each)] >> CODE],
      word: (n) => code[each.pc + 1 + n],
      constant: (place) => {
        const n = registerAt(place, each);
        return { low: I32[word - 2 - 2 * n], high: I32[word - 1 - 2 * n] };
      },
    };
    return row(facts);
  }

  /** What stands now where a register was read from, before the instruction of an index. */
  function guess(index: number, register: number): ReturnType<LoopFacts["guess"]> {
    for (let i = index - 1; i >= first; i--) {
      const { pc, a, row: { operands } } = instructions[i];
      if (operands.A === "window" && a <= register) return null;
      if (operands.A !== "dst" || a !== register) continue;
      const at = templateAt(i, nothing)?.reads;
      if (at === undefined) return null;
      const from = code[pc + 1 + at];
      return { low: I32[from], high: I32[from + 1] };
    }
    return null;
  }

  /** Runs until what holds at the head holds again after each round; gives that. */
  function settle(start: State): State {
    for (let state = start;;) {
      const back = run(state);
      const next = state.map((old, register) =>
        meet(old, back === null ? old : back[register]) | old & ENTRY
      );
      if (next.every((now, register) => now === state[register])) return state;
      state = next;
    }
  }

  /** One round from the head, in the order of the code; gives what holds at all ways back to the head. */
  function run(start: State): State | null {
    states = [];
    states[first] = start.slice();
    uses.general.fill(0);
    uses.float.fill(0);
    others = quick = calls = 0;
    let back: State | null = null;
    const flow = (to: number, state: State) => {
      if (to === head) back = joined(back, state, first);
      else if (to >= first && to <= last) states[to] = joined(states[to] ?? null, state, to);
    };
    for (let index = first; index <= last; index++) {
      const state = states[index];
      if (state === undefined) continue;
      const each = instructions[index];
      const template = plan.templateAt(index, state);
      count(each, template, state);
      if (each.to >= 0) flow(indexOf[each.to], after(index, template, state, true));
      if (!LEAVES.includes(each.row.name)) flow(index + 1, after(index, template, state, false));
    }
    return back;
  }

  /** What a way to an instruction has in common with those before; what nobody reads from there on is not known. */
  function joined(before: State | null, way: State, index: number): State {
    const both = before ?? way.slice();
    for (let register = 0; register < registers; register++) {
      if (!liveness.isLive(index, register)) both[register] = 0;
      else if (before !== null) both[register] = meet(before[register], way[register]);
    }
    return both;
  }

  function count(each: Decoded, template: LoopTemplate | null, state: State): void {
    if (template === null) {
      others++;
      if (each.row.operands.A === "window") calls++;
      return;
    }
    quick++;
    for (const [place, type] of takesOf(template)) {
      const register = registerAt(place, each);
      uses[classOf(type)][register]++;
      if ((state[register] & (TYPE | ENTRY)) === ENTRY) wanted[register] ||= codeOf(type);
    }
    for (const [place, type] of givesOf(template)) {
      if (type === "int" || type === "double") uses[classOf(type)][registerAt(place, each)]++;
    }
  }

  /** The state while an instruction is written: its operands are where `takes` has brought them. */
  function during(index: number, template: LoopTemplate, before: readonly number[]): State {
    const each = instructions[index], state = before.slice();
    for (const place of template.slots ?? []) state[registerAt(place, each)] &= ~DIRTY;
    for (const [place, type] of takesOf(template)) {
      const register = registerAt(place, each);
      if ((state[register] & TYPE) !== codeOf(type)) state[register] = codeOf(type) | state[register] & ENTRY;
      if (homes[classOf(type)][register] >= 0) state[register] |= HOME;
    }
    return state;
  }

  /** The state behind an instruction, on the way that jumps or on the way that does not. */
  function after(
    index: number,
    template: LoopTemplate | null,
    before: readonly number[],
    jumps: boolean,
  ): State {
    const each = instructions[index], { row, a } = each;
    if (template === null) {
      // All slots are up to date before, and no home holds after: what is called may use any register.
      const state = before.map((code) => code & ~(HOME | DIRTY)), { A } = row.operands;
      if (A === "dst" || A === "window") state[a] = 0;
      if (A === "window") state.fill(0, a);
      if (A === "iterator") state.fill(0, a + 1, a + 3);
      return state;
    }
    const state = during(index, template, before);
    if (template.givesOnJump && !jumps) return state;
    for (const [place, gift] of givesOf(template)) {
      const register = registerAt(place, each);
      const type = gift === "wanted"
        ? wantedOf(index, register)
        : gift === "copy"
        ? types[before[each.b] >> CODE]
        : gift === "other"
        ? null
        : gift;
      state[register] = codeOf(type);
      if (homeOf(register, state[register]) >= 0) state[register] |= HOME | DIRTY;
    }
    return state;
  }

  /** The type in which the code behind an instruction takes the register that it writes, if it says so soon. */
  function wantedOf(index: number, register: number): HomeType | null {
    for (let i = index + 1; i <= last && i < index + 16; i++) {
      const each = instructions[i], { row } = each;
      const template = templateAt(i, nothing);
      if (template !== null) {
        for (const [place, type] of takesOf(template)) {
          if (registerAt(place, each) === register) return type;
        }
      }
      const { A, B, C } = row.operands;
      const reads = A === "src" && each.a === register || B === "src" && each.b === register ||
        C === "src" && each.c === register || A === "window" || A === "iterator";
      if (reads || A === "dst" && each.a === register || LEAVES.includes(row.name)) return null;
    }
    return null;
  }
}

const isHome = (home: number) => home >= 0;
