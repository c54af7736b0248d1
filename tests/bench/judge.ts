/**
 * What is made of measurements: medians, ratios, means, and whether the project's goals are reached. All of this is
 * functions of the samples alone; nothing here looks at a clock.
 *
 * A program of one line per language tells what an engine costs before it has done anything. This start-up is
 * subtracted from every figure that is compared. A ratio of two engines is that of their CPU times at a program; means
 * of ratios are geometric, over the programs at which both took long enough to be compared.
 */

import { type Engine, type Skipped, UsageError } from "./engines.ts";
import type { CompiledFunction, ExitCount, Inside } from "./inside.ts";
import type { Failure, Series } from "./processes.ts";
import { EMPTY } from "./programs.ts";

/** Net CPU milliseconds below which a time says more about the clock than about the engine: it gets no ratio. */
export const SHORTEST = 5;

/** What a bench has measured. */
export interface Measurements {
  readonly machine: string;
  readonly date: string;
  readonly rounds: number;
  readonly scale: number;
  readonly engines: readonly Engine[];
  readonly skipped: readonly Skipped[];
  readonly series: readonly Series[];
  readonly insides: readonly Inside[];
  readonly failures: readonly Failure[];
}

/** An engine's figures at one program; times are medians, in milliseconds. */
export interface Cell {
  readonly cpu: number;
  readonly wall: number;
  /** Without start-up, never below 0. */
  readonly netCpu: number;
  readonly netWall: number;
  /** Net CPU time in relation to the base; null where one of them is too short, or missing. */
  readonly ratio: number | null;
  readonly wallRatio: number | null;
  /** Largest minus smallest CPU time, relative to the median. */
  readonly spread: number;
  /** MB. */
  readonly peak: number | null;
}

/** An engine's figures over all programs. */
export interface EngineSummary {
  readonly name: string;
  readonly own: boolean;
  readonly about: string;
  /** Of the empty program, in milliseconds and MB; null if it was not run. */
  readonly startup: { readonly cpu: number; readonly wall: number; readonly peak: number | null } | null;
  /** Geometric means over the programs that have a ratio; null if there are none. */
  readonly ratio: number | null;
  readonly wallRatio: number | null;
  /** How many programs are in these means. */
  readonly counted: number;
  /** The median of the spreads; null if nothing was repeated. */
  readonly spread: number | null;
}

export interface ProgramSummary {
  readonly name: string;
  readonly cells: { readonly [engine: string]: Cell };
}

/** An engine of ours against another one. */
export interface Comparison {
  readonly engine: string;
  readonly rival: string;
  /** CPU time of the engine in relation to the rival's, by program; programs too short for it are left out. */
  readonly ratios: { readonly [program: string]: number };
  /** The geometric mean of the ratios; null if there are none. */
  readonly mean: number | null;
}

/** How a program's time for the same work develops in one process. */
export interface Warmup {
  readonly program: string;
  readonly engine: string;
  readonly rounds: Inside["rounds"];
  /** Milliseconds of the first round, and of those at the end: a median. */
  readonly first: number;
  readonly settled: number;
  /** The first round, from 1, that takes at most :SETTLED: times as long as those at the end. */
  readonly settledFrom: number;
}

/** What compiling has cost and made; sums over functions. */
export interface Compilation {
  readonly program: string;
  readonly engine: string;
  readonly functions: readonly CompiledFunction[];
  readonly exits: readonly ExitCount[];
}

/** Something that the project has set out to reach. */
export interface Goal {
  readonly what: string;
  readonly wanted: string;
  readonly reached: string;
  readonly met: boolean;
}

/** What comes out of a bench; also the shape of `--json`. */
export interface Report {
  readonly machine: string;
  readonly date: string;
  readonly rounds: number;
  readonly scale: number;
  /** The engine whose time is 1. */
  readonly base: string;
  /** The engine by which programs are sorted: our best, or else the base's first rival. */
  readonly subject: string;
  readonly engines: readonly EngineSummary[];
  /** Where the subject does worst first. */
  readonly programs: readonly ProgramSummary[];
  /** Each backend of ours against every other engine. */
  readonly comparisons: readonly Comparison[];
  readonly warmups: readonly Warmup[];
  /** For each program and each backend that compiles. */
  readonly compilations: readonly Compilation[];
  readonly goals: readonly Goal[];
  readonly skipped: readonly Skipped[];
  readonly failures: readonly Failure[];
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("There is no median of nothing");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The mean that belongs to ratios. Null if there are no values. */
export function geometricMean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Largest minus smallest value, relative to the median. */
export function spreadOf(values: readonly number[]): number {
  const middle = median(values);
  return middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle;
}

/** Which engine is 1: the wanted one, else the first peer, else the first engine. */
export function chooseBase(engines: readonly Pick<Engine, "name" | "own">[], wanted: string | null): string {
  if (wanted === null) return (engines.find(({ own }) => !own) ?? engines[0]).name;
  if (engines.some(({ name }) => name === wanted)) return wanted;
  const names = engines.map(({ name }) => name).join(", ");
  throw new UsageError(`The base '${wanted}' is not among the engines that run: ${names}`);
}

/** :summarise: Makes of the samples what is shown. */
export function summarise(measurements: Measurements, wantedBase: string | null): Report {
  const { engines, series, insides, machine, date, rounds, scale, skipped, failures } = measurements;
  const base = chooseBase(engines, wantedBase);
  const subject = (engines.findLast(({ own, name }) => own && name !== base) ??
    engines.find(({ name }) => name !== base) ?? engines[0]).name;
  const cpuOf = ({ samples }: Series) => median(samples.map(({ cpu }) => cpu));
  const wallOf = ({ samples }: Series) => median(samples.map(({ wall }) => wall));
  const startups = new Map(series.filter(({ program }) => program === EMPTY).map((one) => [one.engine, one]));

  const programs = [...new Set(series.map(({ program }) => program))].filter((name) => name !== EMPTY)
    .map((name): ProgramSummary => {
      const mine = series.filter(({ program }) => program === name);
      const net = (one: Series, of: (one: Series) => number) => {
        const startup = startups.get(one.engine);
        return Math.max(0, of(one) - (startup === undefined ? 0 : of(startup)));
      };
      const baseSeries = mine.find(({ engine }) => engine === base);
      const ratio = (one: Series, of: (one: Series) => number) => {
        if (baseSeries === undefined) return null;
        const time = net(one, of), against = net(baseSeries, of);
        return time < SHORTEST || against < SHORTEST ? null : time / against;
      };
      const cells = mine.map((one): [string, Cell] => [one.engine, {
        cpu: cpuOf(one),
        wall: wallOf(one),
        netCpu: net(one, cpuOf),
        netWall: net(one, wallOf),
        ratio: ratio(one, cpuOf),
        wallRatio: ratio(one, wallOf),
        spread: spreadOf(one.samples.map(({ cpu }) => cpu)),
        peak: one.peak,
      }]);
      return { name, cells: Object.fromEntries(cells) };
    });
  const order = ({ cells }: ProgramSummary) => cells[subject]?.ratio ?? -1;
  programs.sort((a, b) => order(b) - order(a) || (a.name < b.name ? -1 : 1));

  const summaries = engines.map(({ name, own, about }): EngineSummary => {
    const cells = programs.flatMap(({ cells }) => cells[name] ?? []);
    const startup = startups.get(name);
    const ratios = cells.flatMap(({ ratio }) => ratio ?? []);
    return {
      name,
      own,
      about,
      startup: startup === undefined
        ? null
        : { cpu: cpuOf(startup), wall: wallOf(startup), peak: startup.peak },
      ratio: geometricMean(ratios),
      wallRatio: geometricMean(cells.flatMap(({ wallRatio }) => wallRatio ?? [])),
      counted: ratios.length,
      spread: cells.length === 0 || rounds === 1 ? null : median(cells.map(({ spread }) => spread)),
    };
  });
  const compilations = insides.filter(({ functions }) => functions.length > 0);
  const comparisons = engines.filter(({ own }) => own).flatMap(({ name: engine }) =>
    engines.flatMap(({ name: rival }) => rival === engine ? [] : compare(engine, rival, programs))
  );
  return {
    machine,
    date,
    rounds,
    scale,
    base,
    subject,
    engines: summaries,
    programs,
    comparisons,
    warmups: insides.map(judgeWarmup),
    compilations: compilations.map(({ program, engine, functions, exits }) => ({
      program,
      engine,
      functions,
      exits,
    })),
    goals: judgeGoals(engines, comparisons, compilations),
    skipped,
    failures,
  };
}

function compare(engine: string, rival: string, programs: readonly ProgramSummary[]): Comparison {
  const ratios: Record<string, number> = {};
  for (const { name, cells } of programs) {
    const time = cells[engine]?.netCpu ?? 0, against = cells[rival]?.netCpu ?? 0;
    if (time >= SHORTEST && against >= SHORTEST) ratios[name] = time / against;
  }
  return { engine, rival, ratios, mean: geometricMean(Object.values(ratios)) };
}

/** The programs at which an engine is slower than its rival, worst first. */
export function slowerAt({ ratios }: Comparison): { name: string; factor: number }[] {
  return Object.entries(ratios).filter(([, factor]) => factor > 1)
    .map(([name, factor]) => ({ name, factor })).sort((a, b) => b.factor - a.factor);
}

/** A round that takes at most this many times the settled time is as good as settled. */
const SETTLED = 1.25;

function judgeWarmup({ program, engine, rounds }: Inside): Warmup {
  const times = rounds.map(({ milliseconds }) => milliseconds);
  const settled = median(times.slice(Math.floor(times.length * 2 / 3)));
  const settledFrom = 1 + times.findIndex((time) => time <= SETTLED * settled);
  return { program, engine, rounds, first: times[0], settled, settledFrom };
}

/** Sums of a field over functions. */
export function sumOf(
  functions: readonly CompiledFunction[],
  field: Exclude<keyof CompiledFunction, "name">,
): number {
  return functions.reduce((sum, one) => sum + (one[field] ?? 0), 0);
}

/** A backend that compiles runs programs this many times as fast as the interpreter, … */
const GOAL_SPEEDUP = 6;
/** … takes at most this many times as long as the best peer of its kind, … */
const GOAL_PEER = { name: "luajit", ratio: 2 };
/** … and compiles a function of so many opcodes in so many microseconds. */
const GOAL_COMPILE = { instructions: 50, microseconds: 100 };

/** :goals: Judges each backend but the first, which is the one that the others are there to beat. */
function judgeGoals(
  engines: readonly Engine[],
  comparisons: readonly Comparison[],
  compilations: readonly Inside[],
): Goal[] {
  const [first, ...others] = engines.filter(({ own }) => own);
  const goals: Goal[] = [];
  for (const { name } of others) {
    const against = (rival: string) =>
      comparisons.find((one) => one.engine === name && one.rival === rival && one.mean !== null);
    const interpreter = against(first.name);
    if (interpreter !== undefined) {
      const speedup = 1 / interpreter.mean!;
      const slower = slowerAt(interpreter).length;
      goals.push({
        what: `${name} is faster than ${first.name} on average`,
        wanted: `at least ${GOAL_SPEEDUP} times`,
        reached: `${speedup.toFixed(2)} times`,
        met: speedup >= GOAL_SPEEDUP,
      }, {
        what: `${name} is slower than ${first.name} nowhere`,
        wanted: "no program",
        reached: slower === 0 ? "no program" : slower === 1 ? "1 program" : `${slower} programs`,
        met: slower === 0,
      });
    }
    const peer = against(GOAL_PEER.name);
    if (peer !== undefined) {
      goals.push({
        what: `${name} against ${GOAL_PEER.name} on average`,
        wanted: `at most ${GOAL_PEER.ratio.toFixed(2)} times its CPU time`,
        reached: `${peer.mean!.toFixed(2)} times`,
        met: peer.mean! <= GOAL_PEER.ratio,
      });
    }
    const functions = compilations.filter(({ engine }) => engine === name).flatMap((one) => one.functions);
    if (functions.length > 0) {
      const { instructions, microseconds } = GOAL_COMPILE;
      const taken = instructions * sumOf(functions, "warmMicroseconds") / sumOf(functions, "instructions");
      goals.push({
        what: `${name} compiles ${instructions} opcodes when warm`,
        wanted: `under ${microseconds} µs`,
        reached: `${taken.toFixed(0)} µs`,
        met: taken < microseconds,
      });
    }
  }
  return goals;
}
