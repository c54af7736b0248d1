/**
 * The benchmark: programs written in several languages, run by every engine that this machine has. Each program is in
 * `examples/bench/` once per language, with the same algorithm, and prints one line, `checksum N`.
 *
 *     engines.ts      programs.ts      processes.ts          inside.ts          judge.ts        show.ts, plots.ts
 *     find engines ─► copy programs ─► check answers, time ─► look at ours ───► summarise ────► text, JSON,
 *     backends, peers   scaled, gcc     whole processes        warm-up, what     ratios, goals   Markdown, SVG
 *                                                              compiling costs
 *
 * This file is the command line, and the order of these steps. What measures and what judges are apart: judge.ts and
 * everything behind it are functions of the samples alone.
 */

import { parseArgs } from "@std/cli/parse-args";
import { setColorEnabled } from "@std/fmt/colors";
import { type Engine, findEngines, PEER_NAMES, UsageError } from "./bench/engines.ts";
import { type Inside, insideCommand } from "./bench/inside.ts";
import { chooseBase, type Measurements, type Report, summarise } from "./bench/judge.ts";
import { makeImages } from "./bench/plots.ts";
import {
  checkAnswers,
  checkInsides,
  type Course,
  createProgress,
  hasGnuTime,
  hasShell,
  type Job,
  lookInside,
  type Series,
  SHELL,
  timeJobs,
  type Work,
} from "./bench/processes.ts";
import { EMPTY, listPrograms, prepareProgram, readProgram, splitProgram } from "./bench/programs.ts";
import { renderMarkdown, renderText } from "./bench/show.ts";

/** The start-up is short, so it is measured more often than the programs. */
const STARTUP_ROUNDS = 5;

/** What the command line asks for. */
export interface Options {
  readonly help: boolean;
  /** Times the core libraries instead of the programs. */
  readonly libraries: boolean;
  readonly engines: readonly string[] | null;
  readonly programs: readonly string[] | null;
  readonly base: string | null;
  readonly reps: number;
  readonly scale: number;
  /** Seconds for one run. */
  readonly timeout: number;
  /** Of the look inside; 0 for none. */
  readonly rounds: number;
  readonly json: boolean;
  readonly markdown: string | null;
}

const TEXT_OPTIONS = [
  "engines",
  "programs",
  "base",
  "reps",
  "scale",
  "timeout",
  "rounds",
  "markdown",
] as const;
type Parsed =
  & { readonly help: boolean; readonly json: boolean; readonly libraries: boolean }
  & { readonly [name in (typeof TEXT_OPTIONS)[number]]?: string };

const HELP = `Compares the backends of this project with each other and with other languages.

deno task bench [OPTIONS]

  --engines=A,B      run these: backends of this project, and ${PEER_NAMES.join(" ")}
                     (default: all that are installed)
  --programs=A,B     run these programs of examples/bench (default: all)
  --base=NAME        the engine whose time is 1 (default: the first peer)
  --reps=N           timed runs of each program by each engine (default: 3)
  --scale=X          multiply the work of each program (default: 1)
  --timeout=SECONDS  end a run that takes longer; it counts as failed (default: 60)
  --rounds=N         rounds of the warm-up in one process, of our backends (default: 30; 0: leave it out)
  --libraries        time the core libraries on large data instead, against plain TypeScript (--reps and --scale apply)
  --json             print the report as JSON
  --markdown=FILE    also write a report with plots, FILE and FILE-*.svg
  --help             show this text

Times are CPU times of whole processes, user plus system, without start-up. A scale below 1 is unfair to engines
that have to warm up. Exit code 1 if an engine fails or gives another answer than the others, 2 for wrong options.
`;

/**
 * Reads the command line.
 * @throws {UsageError} if it is wrong
 */
export function parseOptions(args: readonly string[]): Options {
  const parsed: Parsed = parseArgs([...args], {
    boolean: ["help", "json", "libraries"],
    string: [...TEXT_OPTIONS],
    alias: { help: "h" },
    unknown(argument: string) {
      throw new UsageError(`Unknown argument '${argument}'`);
    },
  });
  const list = (name: "engines" | "programs") => {
    const names = parsed[name]?.split(",").filter((part) => part !== "");
    if (names?.length === 0) throw new UsageError(`--${name} needs at least one name`);
    return names ?? null;
  };
  const number = (
    name: "reps" | "scale" | "timeout" | "rounds",
    otherwise: number,
    isFine: (value: number) => boolean,
  ) => {
    const text = parsed[name];
    if (text === undefined) return otherwise;
    const value = text === "" ? NaN : Number(text);
    if (!Number.isFinite(value) || !isFine(value)) {
      throw new UsageError(`--${name}=${text} is not a fitting number`);
    }
    return value;
  };
  const programs = list("programs"), known = listPrograms();
  const unknown = programs?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`There is no program '${unknown}'; there are ${known.join(", ")}`);
  }
  if (parsed.markdown === "") throw new UsageError("--markdown needs the name of a file");
  return {
    help: parsed.help,
    libraries: parsed.libraries,
    engines: list("engines"),
    programs,
    base: parsed.base ?? null,
    reps: number("reps", 3, (value) => Number.isInteger(value) && value >= 1),
    scale: number("scale", 1, (value) => value > 0),
    timeout: number("timeout", 60, (value) => value > 0),
    rounds: number("rounds", 30, (value) => Number.isInteger(value) && value >= 0),
    json: parsed.json,
    markdown: parsed.markdown ?? null,
  };
}

async function runBench(
  { reps, scale, timeout, rounds, ...options }: Options,
  signal: AbortSignal,
): Promise<Measurements> {
  const { engines, skipped } = await findEngines(options.engines);
  if (engines.length === 0) throw new UsageError("None of these engines can run here");
  chooseBase(engines, options.base);
  const machine = describeMachine();
  const folder = await Deno.makeTempDir({ prefix: "unnarize-bench-" });
  const list: Work[] = [], checked: { jobs: Job[]; rounds: number }[] = [], series: Series[] = [];
  const insides: Inside[] = [];
  try {
    for (const program of [EMPTY, ...options.programs ?? listPrograms()]) {
      const commands = new Map<string, readonly string[]>();
      for (const engine of engines) {
        const file = await prepareProgram(program, engine, folder, scale);
        if (file !== null) commands.set(engine.name, [...engine.command, file]);
      }
      list.push({ program, commands, rounds: program === EMPTY ? Math.max(STARTUP_ROUNDS, reps) : reps });
    }
    const looks = rounds === 0 ? [] : planLooks(engines, list, rounds, scale);
    const steps = list.reduce(
      (sum, { commands, rounds }) => sum + (1 + rounds) * commands.size,
      looks.length,
    );
    const course: Course = {
      options: { timeout, signal },
      hasGnuTime: await hasGnuTime(),
      progress: createProgress(steps),
      failures: [],
    };
    try {
      for (const work of list) checked.push({ jobs: await checkAnswers(work, course), rounds: work.rounds });
      for (const { jobs, rounds } of checked) series.push(...await timeJobs(jobs, rounds, course));
      for (const look of looks) {
        const inside = await lookInside(look, course);
        if (inside !== null) insides.push(inside);
      }
    } finally {
      course.progress.end();
    }
    const date = new Date().toISOString().slice(0, 10);
    return {
      machine,
      date,
      rounds: reps,
      scale,
      engines,
      skipped,
      series,
      insides: checkInsides(insides, course.failures),
      failures: course.failures,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What is looked at from inside: our backends at each program whose work can be cut into rounds. */
function planLooks(engines: readonly Engine[], works: readonly Work[], rounds: number, scale: number) {
  const programs = works.map(({ program }) => program)
    .filter((program) => splitProgram(readProgram(program, "unna") ?? "") !== null);
  return programs.flatMap((program) =>
    engines.filter(({ own }) => own).map(({ name: engine }) => ({
      program,
      engine,
      command: insideCommand(engine, program, rounds, scale),
    }))
  );
}

function describeMachine(): string {
  let cpu = `${Deno.build.arch} CPU`;
  try {
    cpu = /^model name\s*: (.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? cpu;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const load = Deno.loadavg()[0].toFixed(1);
  const system = `${Deno.build.os} ${Deno.osRelease()}`;
  return `${cpu}, ${navigator.hardwareConcurrency} cores, ${system}, load ${load} at the start`;
}

/** Writes the Markdown report, and its plots beside it as `FILE-NAME.svg`. */
async function writeMarkdown(report: Report, file: string): Promise<void> {
  const stem = file.replace(/\.md$/, "");
  const images: { title: string; path: string }[] = [];
  for (const { name, title, svg } of makeImages(report)) {
    const path = `${stem}-${name}.svg`;
    await Deno.writeTextFile(path, svg);
    images.push({ title, path: path.slice(path.lastIndexOf("/") + 1) });
  }
  await Deno.writeTextFile(file, renderMarkdown(report, images));
}

async function main(args: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  Deno.addSignalListener("SIGINT", onInterrupt);
  try {
    const options = parseOptions(args);
    if (options.help) {
      console.log(HELP.trimEnd());
      return 0;
    }
    if (options.libraries) {
      const { benchLibraries } = await import("./bench_libraries.ts");
      return await benchLibraries(options.reps, options.scale);
    }
    if (!await hasShell()) {
      throw new UsageError(`The bench needs ${SHELL}, for its times`);
    }
    const report = summarise(await runBench(options, interrupt.signal), options.base);
    if (!Deno.stdout.isTerminal()) setColorEnabled(false);
    console.log(options.json ? JSON.stringify(report, null, 2) : renderText(report).trimEnd());
    if (options.markdown !== null) await writeMarkdown(report, options.markdown);
    return report.failures.length === 0 ? 0 : 1;
  } catch (error) {
    if (interrupt.signal.aborted) return 130;
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}.\nSee --help.`);
    return 2;
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
