/**
 * A program of the bench seen from inside: a program of its own that runs in one process
 *
 *     inside.ts BACKEND PROGRAM ROUNDS SCALE
 *
 * It calls the program's `run` again and again, each time for the same share of the work, and notes how long that
 * took and which functions were compiled meanwhile. Then it compiles these functions many times over, for what
 * compiling costs once the compiler itself is warm. What was seen is printed as JSON.
 *
 * A backend is watched from where it gets its hot stage: it is opened with a `compileHot` that takes notes. So nothing
 * here is about a particular backend, and the interpreter, which compiles nothing, is looked at in the same way.
 */

import { BACKENDS, createRuntime } from "../../mod.ts";
import type { Backend, BackendContext, Code, CompileHot, Exit, HotFunction, Plugin } from "../../mod.ts";
import { readProgram, splitProgram } from "./programs.ts";

/** One call of `run`. */
export interface Round {
  readonly milliseconds: number;
  /** Functions that were compiled during it. */
  readonly compiled: number;
}

/** A function that was compiled; if more than once, then what came out last. */
export interface CompiledFunction {
  readonly name: string;
  readonly instructions: number;
  /** Of 32 bits, operand words included. */
  readonly words: number;
  readonly bytes: number;
  readonly compilations: number;
  /** What the compilations of the run took, all of them. */
  readonly firstMicroseconds: number;
  /** What one by templates takes when the compiler is warm: a median. */
  readonly warmMicroseconds: number;
  /** The same with a second version of its loops; null if they have not run for so long that they got one. */
  readonly plannedMicroseconds: number | null;
}

/** How often native code was left in one place: at least, since not every time is told. */
export interface ExitCount {
  readonly name: string;
  readonly opcode: string;
  readonly reason: string;
  readonly count: number;
}

/** What was seen. */
export interface Inside {
  readonly program: string;
  readonly engine: string;
  /** What the last call gave. */
  readonly answer: string;
  readonly rounds: readonly Round[];
  readonly functions: readonly CompiledFunction[];
  /** Most frequent first. */
  readonly exits: readonly ExitCount[];
}

/** The command that runs this file. */
export function insideCommand(engine: string, program: string, rounds: number, scale: number): string[] {
  const file = new URL(import.meta.url).pathname;
  return [Deno.execPath(), "run", "-A", file, engine, program, String(rounds), String(scale)];
}

/** Compilations before compiling counts as warm, and those of each function that are timed then. */
const WARM_AFTER = 2000, WARM_RUNS = 201;

/** A function's compilations so far, and how to do the last one again. */
interface Compilation {
  readonly hot: HotFunction;
  readonly code: Code;
  readonly count: number;
  readonly microseconds: number;
  again(plansLoops: boolean): void;
}

/** What has been noted about a backend. */
interface Notes {
  opcodes: BackendContext["opcodes"];
  /** By the function's word. */
  readonly compilations: Map<number, Compilation>;
  compiled: number;
  readonly exits: Map<Exit, { readonly code: Code; readonly count: number }>;
}

/** The name that a backend has while it is watched, beside the one under which it is built in. */
const watchedName = (name: string) => `watched-${name}`;

function watch(backend: Backend, notes: Notes): Plugin {
  const open = (context: BackendContext) => {
    notes.opcodes = context.opcodes;
    const compileHot: CompileHot = (hot, target) => {
      const started = performance.now();
      const code = context.compileHot(hot, target);
      const taken = (performance.now() - started) * 1000;
      const before = notes.compilations.get(hot.loaded.word);
      notes.compiled++;
      notes.compilations.set(hot.loaded.word, {
        hot,
        code,
        count: (before?.count ?? 0) + 1,
        microseconds: (before?.microseconds ?? 0) + taken,
        again: (plansLoops) => void context.compileHot({ ...hot, plansLoops }, target),
      });
      return code;
    };
    return backend.open({
      ...context,
      compileHot,
      observe(event) {
        if (event.kind === "exit") notes.exits.set(event.exit, event);
        context.observe?.(event);
      },
    });
  };
  return {
    name: "bench",
    doc: "Watches a backend.",
    backends: [{ ...backend, name: watchedName(backend.name), open }],
  };
}

async function look(
  backend: Backend,
  program: string,
  rounds: number,
  scale: number,
): Promise<Omit<Inside, "program" | "engine">> {
  const source = readProgram(program, "unna");
  const parts = source === null ? null : splitProgram(source);
  if (parts === null) throw new Error(`${program} has no function 'run' to call`);
  const share = Math.max(1, Math.round(parts.rounds * scale / rounds));
  const notes: Notes = { opcodes: [], compilations: new Map(), compiled: 0, exits: new Map() };
  const runtime = createRuntime({ plugins: [watch(backend, notes)], backend: watchedName(backend.name) });
  if (await runtime.runSource(`${program}.unna`, parts.definitions) !== 0) {
    throw new Error(`${program} failed`);
  }
  const seen: Round[] = [];
  let answer = "";
  for (let round = 0; round < rounds; round++) {
    const before = notes.compiled, started = performance.now();
    answer = String(await runtime.call("run", share));
    seen.push({ milliseconds: performance.now() - started, compiled: notes.compiled - before });
  }
  const functions = timeCompilations([...notes.compilations.values()], notes);
  const exits = countExits(notes);
  runtime.dispose();
  return { answer, rounds: seen, functions, exits };
}

/** Compiles all again, in turn, until that is warm, and then with an eye on the clock. */
function timeCompilations(compilations: readonly Compilation[], { opcodes }: Notes): CompiledFunction[] {
  const byTemplates = timeKind(compilations, false);
  const planned = timeKind(compilations.filter(({ hot }) => hot.plansLoops), true);
  return compilations.map((compilation) => {
    const { hot, code, count, microseconds } = compilation;
    return {
      name: hot.loaded.proto.name,
      instructions: countInstructions(hot.code, opcodes),
      words: hot.code.length,
      bytes: code.bytes.length,
      compilations: count,
      firstMicroseconds: microseconds,
      warmMicroseconds: byTemplates.get(compilation)!,
      plannedMicroseconds: planned.get(compilation) ?? null,
    };
  });
}

/** Warms up and times one kind of compilation; the median of each. */
function timeKind(compilations: readonly Compilation[], plansLoops: boolean): Map<Compilation, number> {
  for (let i = 0; compilations.length > 0 && i < WARM_AFTER; i++) {
    compilations[i % compilations.length].again(plansLoops);
  }
  // In turn, too: what disturbs the machine for some milliseconds then disturbs a few runs of each, which a median
  // does not mind, and not all runs of one.
  const times = compilations.map((): number[] => []);
  for (let run = 0; run < WARM_RUNS; run++) {
    compilations.forEach((compilation, i) => {
      const started = performance.now();
      compilation.again(plansLoops);
      times[i].push((performance.now() - started) * 1000);
    });
  }
  return new Map(compilations.map((compilation, i) => {
    const sorted = times[i].sort((a, b) => a - b);
    return [compilation, sorted[WARM_RUNS >> 1]];
  }));
}

function countInstructions(code: Int32Array, opcodes: BackendContext["opcodes"]): number {
  let count = 0;
  for (let pc = 0; pc < code.length; pc += 1 + (opcodes[code[pc] & 0xFF].operands.words?.length ?? 0)) {
    count++;
  }
  return count;
}

function countExits({ exits, opcodes }: Notes): ExitCount[] {
  const counts = new Map<string, ExitCount>();
  for (const [{ pc, reason }, { code: { hot }, count }] of exits) {
    const { name } = hot.loaded.proto, opcode = opcodes[hot.code[pc] & 0xFF].name;
    const key = `${hot.loaded.word} ${pc} ${reason}`;
    counts.set(key, { name, opcode, reason, count: count + (counts.get(key)?.count ?? 0) });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

if (import.meta.main) {
  const [name, program, rounds, scale] = Deno.args;
  const backend = BACKENDS.find((backend) => backend.name === name);
  if (backend === undefined) throw new Error(`There is no backend '${name}'`);
  console.log(JSON.stringify(await look(backend, program, Number(rounds), Number(scale))));
}
