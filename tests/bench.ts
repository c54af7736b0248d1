/**
 * The benchmark: programs written in several languages, run by every engine that this machine has. Each program is
 * in `examples/bench/` once per language, with the same algorithm, and prints one line, `checksum N`. First every
 * engine has to print the same line; then whole processes are timed, the engines taking turns (A B C, A B C, …), so
 * that the slow and fast spells of a machine fall on all of them alike.
 *
 *     find engines ─► copy programs ─► check answers ──► time ─────────────► summarise ─► text, JSON,
 *     backends, peers   scaled, gcc     and peak memory   empty, then each    pure         Markdown, SVG
 *
 * What is measured: user plus system CPU time of a process and of those it waited for, and wall time, both from the
 * `time` of the shell that starts it (bash's: user, system and wall in whole milliseconds, cut). A program of one line
 * per language tells what an engine costs before it has done anything; this start-up is subtracted from every figure
 * that is compared. Peak memory is what GNU time says, in the run that checks the answer and is not timed.
 *
 * Backends of this project are found by looking into `backends/`; peers are rows in :peers:. The file knows nothing
 * of how any engine works. What measures and what judges are apart: :summarise: and everything behind it are
 * functions of the samples alone.
 */

import { parseArgs } from "@std/cli/parse-args";
import { bold, setColorEnabled, yellow } from "@std/fmt/colors";
import type { Backend } from "../core/backend.ts";

const PROJECT = new URL("../", import.meta.url);
const PROGRAMS = new URL("examples/bench/", PROJECT);
/** The program that does nothing. */
const EMPTY = "empty";
/** Net CPU milliseconds below which a time says more about the clock than about the engine: it gets no ratio. */
const SHORTEST = 5;
/** The spread of repeated runs, relative to the median, from which on a figure is marked as shaky. */
const SHAKY = 0.2;
/** Programs at which an engine does worst that are called out. */
const WORST = 3;
/** The start-up is short, so it is measured more often than the programs. */
const STARTUP_ROUNDS = 5;

// ── Engines ────────────────────────────────────────────────────────────────────────────────────────────────

/** Something that runs programs of one language. */
export interface Engine {
  readonly name: string;
  /** The file ending of its programs. */
  readonly ending: string;
  /** Whether it is a backend of this project. */
  readonly own: boolean;
  /** Version, or what it is. */
  readonly about: string;
  /** The words of the command before the program's file. */
  readonly command: readonly string[];
}

/** An engine that was not run, and why. */
export interface Skipped {
  readonly name: string;
  readonly because: string;
}

interface Peer {
  readonly name: string;
  readonly ending: string;
  readonly tool: string;
  readonly version: readonly string[];
  /** Arguments between tool and file. */
  readonly args?: readonly string[];
  /** Arguments that print the program's real path: version managers put a slow script in front of it. */
  readonly real?: readonly string[];
}

// :peers: in the order in which they are shown. The first that is there is the base of ratios.
const PEERS: readonly Peer[] = [
  { name: "luajit", ending: "lua", tool: "luajit", version: ["-v"] },
  { name: "lua5.4", ending: "lua", tool: "lua5.4", version: ["-v"] },
  { name: "node", ending: "js", tool: "node", version: ["--version"], real: ["-p", "process.execPath"] },
  { name: "deno", ending: "js", tool: Deno.execPath(), version: ["--version"], args: ["run"] },
  {
    name: "python3",
    ending: "py",
    tool: "python3",
    version: ["--version"],
    real: ["-c", "import sys; print(sys.executable)"],
  },
  { name: "gcc", ending: "c", tool: "gcc", version: ["--version"] },
];

/** The peer whose programs are compiled before they run. */
const COMPILER = "gcc";
const COMPILER_FLAGS = ["-O2"];

/** Finds the engines that can run here, in the order in which they take turns. */
async function findEngines(
  wanted: readonly string[] | null,
): Promise<{ engines: Engine[]; skipped: Skipped[] }> {
  const engines: Engine[] = [], skipped: Skipped[] = [], known: string[] = [];
  const asked = (name: string) => {
    known.push(name);
    return wanted === null || wanted.includes(name);
  };
  for (const backend of await findBackends()) {
    if (!asked(backend.name)) continue;
    const probe = backend.probe();
    if (!probe.ok) skipped.push({ name: backend.name, because: probe.because });
    else engines.push(backendEngine(backend));
  }
  for (const peer of PEERS) {
    if (!asked(peer.name)) continue;
    const engine = await peerEngine(peer);
    if (engine === null) skipped.push({ name: peer.name, because: "not installed" });
    else engines.push(engine);
  }
  const unknown = wanted?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`There is no engine '${unknown}'; there are ${known.join(", ")}`);
  }
  return { engines, skipped };
}

/** The backends of this project: what `backends/NAME.ts` and `backends/NAME/mod.ts` export. */
async function findBackends(): Promise<Backend[]> {
  const folder = new URL("backends/", PROJECT);
  const files: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (!isDirectory) files.push(name);
    else if ([...Deno.readDirSync(new URL(name, folder))].some((inner) => inner.name === "mod.ts")) {
      files.push(`${name}/mod.ts`);
    }
  }
  const found: Backend[] = [];
  for (const file of files.filter((name) => name.endsWith(".ts")).sort()) {
    const exports: Record<string, unknown> = await import(new URL(file, folder).href);
    found.push(...Object.values(exports).filter(isBackend));
  }
  return found;
}

function isBackend(value: unknown): value is Backend {
  return typeof value === "object" && value !== null && "probe" in value && "open" in value &&
    "name" in value;
}

function backendEngine({ name }: Backend): Engine {
  const cli = new URL("cli.ts", PROJECT).pathname;
  return {
    name,
    ending: "unna",
    own: true,
    about: "this project",
    command: [Deno.execPath(), "run", "-A", cli, `--backend=${name}`],
  };
}

async function peerEngine({ name, ending, tool, version, args = [], real }: Peer): Promise<Engine | null> {
  const about = firstLine(await ask([tool, ...version]));
  if (about === null) return null;
  const path = real === undefined ? tool : firstLine(await ask([tool, ...real])) ?? tool;
  return {
    name,
    ending,
    own: false,
    about: shortVersion(about),
    command: name === COMPILER ? [] : [path, ...args],
  };
}

/** A version line without what follows the version. */
export function shortVersion(line: string): string {
  return line.replace(/ \([^)]*\)/g, "").replace(/ (--|Copyright).*$/, "").trim();
}

/** What a command prints, or null if it cannot be run. */
async function ask([tool, ...args]: readonly string[]): Promise<string | null> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(tool, { args, stdin: "null" }).output();
    const text = new TextDecoder();
    return success ? text.decode(stdout) + text.decode(stderr) : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) return null;
    throw error;
  }
}

function firstLine(text: string | null): string | null {
  return text?.split("\n").map((line) => line.trim()).find((line) => line !== "") ?? null;
}

// ── Programs ───────────────────────────────────────────────────────────────────────────────────────────────

/** The names of all programs but the empty one. */
export function listPrograms(): string[] {
  const names: string[] = [];
  for (const { name } of Deno.readDirSync(PROGRAMS)) {
    if (name.endsWith(".unna")) names.push(name.slice(0, -".unna".length));
  }
  return names.filter((name) => name !== EMPTY).sort();
}

/** The source of a program in the language with that file ending, or null if there is none. */
export function readProgram(name: string, ending: string): string | null {
  try {
    return Deno.readTextFileSync(new URL(`${name}.${ending}`, PROGRAMS));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** A source whose constant `ROUNDS`, to which the work is in proportion, is multiplied; one round is the least. */
export function scaleProgram(source: string, scale: number): string {
  return source.replace(
    /\bROUNDS = (\d+)/,
    (_, rounds: string) => `ROUNDS = ${Math.max(1, Math.round(Number(rounds) * scale))}`,
  );
}

/** Puts a program into a folder, ready to run; gives the path, or null if there is none for this engine. */
async function prepareProgram(
  name: string,
  engine: Engine,
  folder: string,
  scale: number,
): Promise<string | null> {
  const source = readProgram(name, engine.ending);
  if (source === null) return null;
  const file = `${folder}/${name}.${engine.ending}`;
  await Deno.writeTextFile(file, scaleProgram(source, scale));
  if (engine.name !== COMPILER) return file;
  const compiled = `${folder}/${name}.out`;
  const { success, stderr } = await new Deno.Command(COMPILER, {
    args: [...COMPILER_FLAGS, "-o", compiled, file],
  }).output();
  if (!success) throw new Error(`${COMPILER} cannot compile ${name}.c:\n${new TextDecoder().decode(stderr)}`);
  return compiled;
}

// ── Measuring ──────────────────────────────────────────────────────────────────────────────────────────────

/** One timed run, in milliseconds. */
export interface Sample {
  /** User and system time. */
  readonly cpu: number;
  readonly wall: number;
}

/** What became of a process. */
export interface Run extends Sample {
  readonly output: string;
  /** The most memory it held, in MB; null where GNU time is not installed. */
  readonly peak: number | null;
  /** Why it counts for nothing, or null. */
  readonly failure: string | null;
}

// The times are the last line that the shell writes, behind whatever the program had to say.
const SHELL = "bash";
const TIMED = `TIMEFORMAT='%3U %3S %3R'; time "$@"`;
const GNU_TIME = ["time", "-f", "%M"];
const ENVIRONMENT = { LC_ALL: "C", NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };

/** Reads what a process left behind: `[kilobytes]` and `user system wall` are the last lines of `stderr`. */
export function readRun(code: number, stdout: string, stderr: string): Run {
  const lines = stderr.trimEnd().split("\n");
  const times = /^(\d+\.\d+) (\d+\.\d+) (\d+\.\d+)$/.exec(lines.pop() ?? "");
  if (times === null) {
    return { cpu: 0, wall: 0, output: stdout, peak: null, failure: `no times, exit code ${code}` };
  }
  const [user, system, wall] = times.slice(1).map((seconds) => Math.round(Number(seconds) * 1000));
  const kilobytes = /^\d+$/.test(lines.at(-1) ?? "") ? Number(lines.pop()) : null;
  return {
    cpu: user + system,
    wall,
    output: stdout,
    peak: kilobytes === null ? null : kilobytes / 1024,
    failure: code === 0 ? judgeOutput(stdout) : [`exit code ${code}`, ...lines.slice(0, 1)].join(": "),
  };
}

function judgeOutput(output: string): string | null {
  return /^checksum -?\d+\n$/.test(output) ? null : `printed ${JSON.stringify(output.slice(0, 60))}`;
}

interface MeasureOptions {
  /** Seconds. */
  readonly timeout: number;
  /** Ends the process when the bench is interrupted. */
  readonly signal: AbortSignal;
}

// The command gets a process group of its own, so that nothing of it is left after the timeout.
async function measure(command: readonly string[], { timeout, signal }: MeasureOptions): Promise<Run> {
  signal.throwIfAborted();
  const child = new Deno.Command(SHELL, {
    args: ["-c", TIMED, SHELL, ...command],
    env: ENVIRONMENT,
    detached: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const kill = () => {
    try {
      Deno.kill(-child.pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    kill();
  }, timeout * 1000);
  signal.addEventListener("abort", kill);
  try {
    const { code, stdout, stderr } = await child.output();
    signal.throwIfAborted();
    const text = new TextDecoder();
    const run = readRun(code, text.decode(stdout), text.decode(stderr));
    return late ? { ...run, failure: `took longer than ${timeout} s` } : run;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", kill);
  }
}

/** All runs of a program by an engine. */
export interface Series {
  readonly program: string;
  readonly engine: string;
  readonly peak: number | null;
  readonly samples: Sample[];
}

/** A program that an engine could not run, or ran with another result than the others. */
export interface Failure {
  readonly program: string;
  readonly engine: string;
  readonly because: string;
}

/** The line that most engines printed; the first engine's among lines that are equally frequent. */
export function agreedOutput(outputs: readonly string[]): string | null {
  const votes = new Map<string, number>();
  for (const output of outputs) votes.set(output, (votes.get(output) ?? 0) + 1);
  let best: string | null = null;
  for (const [output, count] of votes) {
    if (best === null || count > votes.get(best)!) best = output;
  }
  return best;
}

/** A program with what runs it: an engine's name and the command. */
interface Work {
  readonly program: string;
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly rounds: number;
}

/** A command that has given the right answer once. */
interface Job {
  readonly command: readonly string[];
  readonly output: string;
  readonly series: Series;
}

/** What goes with every step of a bench. */
interface Course {
  readonly options: MeasureOptions;
  readonly hasGnuTime: boolean;
  readonly progress: Progress;
  /** Grows. */
  readonly failures: Failure[];
}

/** Runs each engine once, without looking at the clock. Those that fail, or differ from the others, drop out. */
async function checkAnswers({ program, commands }: Work, course: Course): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const [engine, command] of commands) {
    course.progress.step(`check  ${program}  ${engine}`);
    const run = await measure(course.hasGnuTime ? [...GNU_TIME, ...command] : command, course.options);
    if (run.failure !== null) course.failures.push({ program, engine, because: run.failure });
    else jobs.push({ command, output: run.output, series: { program, engine, peak: run.peak, samples: [] } });
  }
  const expected = agreedOutput(jobs.map(({ output }) => output));
  return jobs.filter(({ output, series: { engine } }) => {
    if (output === expected) return true;
    course.failures.push({ program, engine, because: differs(output, expected) });
    return false;
  });
}

/** Times the jobs in turn, and checks again; one that fails now drops out. */
async function timeJobs(jobs: readonly Job[], rounds: number, course: Course): Promise<Series[]> {
  const good = new Set(jobs);
  for (let round = 1; round <= rounds; round++) {
    for (const job of jobs) {
      const { program, engine, samples } = job.series;
      course.progress.step(`${round}/${rounds}  ${program}  ${engine}`);
      if (!good.has(job)) continue;
      const { cpu, wall, output, failure } = await measure(job.command, course.options);
      const because = failure ?? (output === job.output ? null : differs(output, job.output));
      if (because === null) samples.push({ cpu, wall });
      else {
        good.delete(job);
        course.failures.push({ program, engine, because });
      }
    }
  }
  return [...good].map(({ series }) => series);
}

function differs(output: string, expected: string | null): string {
  return `printed '${output.trim()}' instead of '${expected?.trim()}'`;
}

/** What a bench has measured. */
export interface Measurements {
  readonly machine: string;
  readonly date: string;
  readonly rounds: number;
  readonly scale: number;
  readonly engines: readonly Engine[];
  readonly skipped: readonly Skipped[];
  readonly series: readonly Series[];
  readonly failures: readonly Failure[];
}

async function runBench(
  { reps, scale, timeout, ...options }: Options,
  signal: AbortSignal,
): Promise<Measurements> {
  const { engines, skipped } = await findEngines(options.engines);
  if (engines.length === 0) throw new UsageError("None of these engines can run here");
  chooseBase(engines, options.base);
  const machine = describeMachine();
  const folder = await Deno.makeTempDir({ prefix: "unnarize-bench-" });
  const list: Work[] = [], checked: { jobs: Job[]; rounds: number }[] = [], series: Series[] = [];
  try {
    for (const program of [EMPTY, ...options.programs ?? listPrograms()]) {
      const commands = new Map<string, readonly string[]>();
      for (const engine of engines) {
        const file = await prepareProgram(program, engine, folder, scale);
        if (file !== null) commands.set(engine.name, [...engine.command, file]);
      }
      list.push({ program, commands, rounds: program === EMPTY ? Math.max(STARTUP_ROUNDS, reps) : reps });
    }
    const steps = list.reduce((sum, { commands, rounds }) => sum + (1 + rounds) * commands.size, 0);
    const course: Course = {
      options: { timeout, signal },
      hasGnuTime: /^\d+$/.test((await ask([...GNU_TIME, "true"]))?.trim() ?? ""),
      progress: createProgress(steps),
      failures: [],
    };
    try {
      for (const work of list) checked.push({ jobs: await checkAnswers(work, course), rounds: work.rounds });
      for (const { jobs, rounds } of checked) series.push(...await timeJobs(jobs, rounds, course));
    } finally {
      course.progress.end();
    }
    const date = new Date().toISOString().slice(0, 10);
    return { machine, date, rounds: reps, scale, engines, skipped, series, failures: course.failures };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
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

interface Progress {
  step(label: string): void;
  end(): void;
}

/** Says on a terminal how far the bench is; elsewhere it is silent. */
function createProgress(total: number): Progress {
  if (!Deno.stderr.isTerminal()) return { step() {}, end() {} };
  const started = performance.now();
  let done = 0, width = 0;
  const show = (text: string) => {
    Deno.stderr.writeSync(new TextEncoder().encode(`\r${text.padEnd(width)}`));
    width = text.length;
  };
  return {
    step(label) {
      const left = (performance.now() - started) / 1000 * (total - done) / done;
      const estimate = done < total / 10 ? "" : `  about ${Math.ceil(left)} s left`;
      done++;
      show(`${done}/${total}  ${label}${estimate}`);
    },
    end() {
      show("");
      Deno.stderr.writeSync(new TextEncoder().encode("\r"));
    },
  };
}

// ── Judging ────────────────────────────────────────────────────────────────────────────────────────────────

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
  const { engines, series, machine, date, rounds, scale, skipped, failures } = measurements;
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
  return { machine, date, rounds, scale, base, subject, engines: summaries, programs, skipped, failures };
}

// ── Showing ────────────────────────────────────────────────────────────────────────────────────────────────

interface Table {
  readonly title: string;
  readonly note: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const NOTHING = "–";

function milliseconds(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

/** A ratio with the digits that mean something. */
export function ratioText(value: number | null): string {
  if (value === null) return NOTHING;
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function makeTables(report: Report): Table[] {
  const { engines, programs, base, subject } = report;
  const names = engines.map(({ name }) => name);
  const each = (show: (cell: Cell) => string) =>
    programs.map(({ name, cells }) => [
      name,
      ...names.map((engine) => cells[engine] === undefined ? NOTHING : show(cells[engine])),
    ]);
  return [
    {
      title: "Engines",
      note:
        `Start-up: an empty program. Mean: geometric, of the ratios to ${base} below. Spread: of repeated runs.`,
      head: [
        "engine",
        "start-up CPU ms",
        "wall ms",
        "peak MB",
        "mean CPU",
        "mean wall",
        "programs",
        "spread",
        "about",
      ],
      rows: engines.map(({ name, startup, ratio, wallRatio, counted, spread, about }) => [
        name,
        startup === null ? NOTHING : milliseconds(startup.cpu),
        startup === null ? NOTHING : milliseconds(startup.wall),
        startup?.peak == null ? NOTHING : startup.peak.toFixed(0),
        ratioText(ratio),
        ratioText(wallRatio),
        String(counted),
        spread === null ? NOTHING : `${(spread * 100).toFixed(0)}%`,
        about,
      ]),
    },
    {
      title: `CPU time in relation to ${base}`,
      note:
        `Where ${subject} does worst comes first. No ratio where one of both took less than ${SHORTEST} ms.`,
      head: ["program", ...names],
      rows: each(({ ratio }) => ratioText(ratio)),
    },
    {
      title: "CPU milliseconds",
      note: `Medians without start-up; ~ marks a spread of more than ${SHAKY * 100}%.`,
      head: ["program", ...names],
      rows: each(({ netCpu, spread }) => `${spread > SHAKY ? "~" : ""}${milliseconds(netCpu)}`),
    },
  ];
}

/** What has to be said beside the tables: losses, failures, what is missing. */
export function listRemarks(report: Report): string[] {
  const { programs, base, engines, skipped, failures } = report;
  const remarks: string[] = [];
  const own = engines.filter(({ own, name }) => own && name !== base);
  const places = (list: readonly { name: string; factor: number }[]) =>
    list.map(({ name, factor }) => `${name} (${ratioText(factor)})`).join(", ");
  for (const { name } of own.length > 0 ? own : engines.filter(({ name }) => name === report.subject)) {
    const worst = programs.flatMap((program) => {
      const factor = program.cells[name]?.ratio;
      return factor == null ? [] : [{ name: program.name, factor }];
    }).sort((a, b) => b.factor - a.factor).slice(0, WORST);
    if (worst.length > 0 && name !== base) {
      remarks.push(`${name} against ${base} does worst at ${places(worst)}.`);
    }
  }
  const [first, ...faster] = engines.filter(({ own }) => own);
  for (const { name } of faster) {
    const slower = programs.flatMap((program) => {
      const mine = program.cells[name]?.netCpu, theirs = program.cells[first.name]?.netCpu;
      const isSlower = mine !== undefined && theirs !== undefined && theirs >= SHORTEST && mine > theirs;
      return isSlower ? [{ name: program.name, factor: mine / theirs }] : [];
    });
    if (slower.length > 0) remarks.push(`${name} is slower than ${first.name} at ${places(slower)}.`);
  }
  for (const { name, because } of skipped) remarks.push(`Skipped: ${name} (${because}).`);
  for (const { program, engine, because } of failures) {
    remarks.push(`Failed: ${program} with ${engine}: ${because}.`);
  }
  return remarks;
}

function settings({ machine, date, rounds, scale }: Report): string[] {
  const runs = rounds === 1 ? "One run" : `Medians of ${rounds} runs, engines in turn`;
  return [
    `${date}, ${machine}.`,
    `${runs}; scale ${scale}. CPU time is user plus system of the whole process.`,
  ];
}

/** Rows in columns: the first to the left, numbers to the right. */
function alignRows(rows: readonly (readonly string[])[]): string[][] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const isText = rows[0].map((_, column) =>
    column === 0 || rows.slice(1).some((row) => row[column].includes(" "))
  );
  return rows.map((row) =>
    row.map((cell, column) => isText[column] ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))
  );
}

/** The report for people at a terminal. */
export function renderText(report: Report): string {
  const lines = settings(report);
  for (const { title, note, head, rows } of makeTables(report)) {
    const [first, ...others] = alignRows([head, ...rows]).map((row) => row.join("  ").trimEnd());
    lines.push("", bold(title), note, "", bold(first), ...others);
  }
  const remarks = listRemarks(report);
  if (remarks.length > 0) lines.push("", ...remarks.map((remark) => yellow(remark)));
  return lines.join("\n") + "\n";
}

/** The report as Markdown; `images` are paths relative to it, with what they show. */
export function renderMarkdown(report: Report, images: readonly { title: string; path: string }[]): string {
  const lines = ["# Benchmark", "", ...settings(report)];
  const remarks = listRemarks(report);
  if (remarks.length > 0) lines.push("", ...remarks.map((remark) => `- ${remark}`));
  for (const { title, path } of images) lines.push("", `![${title}](${path})`);
  for (const { title, note, head, rows } of makeTables(report)) {
    const escaped = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
    const [first, ...others] = alignRows(escaped).map((row) => `| ${row.join(" | ")} |`);
    const rule = first.replace(/[^|]/g, "-");
    lines.push("", `## ${title}`, "", note, "", first, rule, ...others);
  }
  return lines.join("\n") + "\n";
}

// ── Plots ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Bars in groups. On a logarithmic scale they begin at 1: faster is to the left of it, slower to the right. */
export interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly scale: "linear" | "logarithmic";
  readonly series: readonly string[];
  readonly groups: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

const COLORS = ["#c2410c", "#1d4ed8", "#15803d", "#a16207", "#7e22ce", "#0f766e", "#475569", "#be185d"];
const BAR = 13;
const LABELS = 130;
const CHART = 520;
const MARGIN = 70;
const HEAD = 58;

/**
 * Draws a plot as SVG.
 *
 *     title
 *     ■ series ■ series
 *     label │▇▇▇▇▇▇▇▇ 12.3        ← HEAD px from the top, LABELS px from the left
 *           │▇▇▇ 4.56             ← a bar for each series, BAR px high
 *           └──────┬──────┬
 *                  10     100
 */
export function renderPlot({ title, unit, scale, series, groups }: Plot): string {
  const values = groups.flatMap(({ values }) => values.flatMap((value) => value ?? []));
  const isLog = scale === "logarithmic";
  const largest = Math.max(1, ...values), step = roundStep(largest / 4);
  const low = isLog ? Math.floor(Math.log10(Math.min(1, ...values))) : 0;
  const high = isLog ? Math.max(low + 1, Math.ceil(Math.log10(largest))) : Math.ceil(largest / step) * step;
  const place = (value: number) =>
    LABELS + ((isLog ? Math.log10(value) : value) - low) / (high - low) * CHART;
  const ticks = isLog
    ? Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
    : Array.from({ length: Math.round(high / step) + 1 }, (_, i) => step * i);
  const origin = place(isLog ? 1 : 0);
  const bottom = HEAD + groups.length * (series.length * BAR + 8);
  const parts: string[] = [];
  const text = (x: number, y: number, content: string, more = "") =>
    parts.push(`<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more}>${escapeXml(content)}</text>`);
  const bar = (x: number, y: number, width: number, color: string) =>
    parts.push(
      `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${
        BAR - 3
      }" fill="${color}"/>`,
    );

  text(10, 20, `${title} (${unit})`, ' font-weight="bold"');
  let legend = 10;
  series.forEach((name, i) => {
    bar(legend, 31, 10, COLORS[i % COLORS.length]);
    text(legend + 14, 40, name);
    legend += 32 + name.length * 7;
  });
  for (const tick of ticks) {
    const x = place(tick).toFixed(1);
    const color = tick === 1 && isLog ? "#333" : "#ddd";
    parts.push(`<line x1="${x}" y1="${HEAD - 6}" x2="${x}" y2="${bottom}" stroke="${color}"/>`);
    text(place(tick), bottom + 14, String(Number(tick.toPrecision(3))), ' text-anchor="middle"');
  }
  groups.forEach(({ label, values }, row) => {
    const top = HEAD + row * (series.length * BAR + 8);
    text(LABELS - 8, top + (series.length * BAR) / 2 + 3, label, ' text-anchor="end"');
    values.forEach((value, i) => {
      if (value === null) return;
      const end = place(value);
      bar(
        Math.min(origin, end),
        top + i * BAR,
        Math.max(1, Math.abs(end - origin)),
        COLORS[i % COLORS.length],
      );
      text(Math.max(origin, end) + 4, top + i * BAR + 9, ratioText(value), ' font-size="10"');
    });
  });
  const width = Math.max(LABELS + CHART + MARGIN, legend), height = bottom + 24;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="#fff"/>\n${parts.join("\n")}\n</svg>\n`;
}

/** The next of 1, 2, 5, 10, 20, 50, … that is not less. */
function roundStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((digit) => digit * power >= value)!;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** The plots that belong to a report, by the name that their files end with. */
export function makePlots({ engines, programs, base, subject }: Report): { name: string; plot: Plot }[] {
  const own = engines.filter(({ own, name }) => own && name !== base).map(({ name }) => name);
  const shown = own.length > 0 ? own : [subject];
  return [
    {
      name: "means",
      plot: {
        title: `Geometric mean of CPU time, ${base} = 1`,
        unit: "less is faster",
        scale: "logarithmic",
        series: ["mean"],
        groups: engines.map(({ name, ratio }) => ({ label: name, values: [ratio] })),
      },
    },
    {
      name: "programs",
      plot: {
        title: `CPU time by program, ${base} = 1`,
        unit: "less is faster",
        scale: "logarithmic",
        series: shown,
        groups: programs.map(({ name, cells }) => ({
          label: name,
          values: shown.map((engine) => cells[engine]?.ratio ?? null),
        })),
      },
    },
    {
      name: "startup",
      plot: {
        title: "Start-up",
        unit: "CPU and wall milliseconds, peak MB",
        scale: "linear",
        series: ["CPU ms", "wall ms", "peak MB"],
        groups: engines.map(({ name, startup }) => ({
          label: name,
          values: [startup?.cpu ?? null, startup?.wall ?? null, startup?.peak ?? null],
        })),
      },
    },
  ];
}

/** Writes the Markdown report, and its plots beside it as `FILE-NAME.svg`. */
async function writeMarkdown(report: Report, file: string): Promise<void> {
  const stem = file.replace(/\.md$/, "");
  const images: { title: string; path: string }[] = [];
  for (const { name, plot } of makePlots(report)) {
    const path = `${stem}-${name}.svg`;
    await Deno.writeTextFile(path, renderPlot(plot));
    images.push({ title: plot.title, path: path.slice(path.lastIndexOf("/") + 1) });
  }
  await Deno.writeTextFile(file, renderMarkdown(report, images));
}

// ── Command line ───────────────────────────────────────────────────────────────────────────────────────────

/** What the command line asks for. */
export interface Options {
  readonly help: boolean;
  readonly engines: readonly string[] | null;
  readonly programs: readonly string[] | null;
  readonly base: string | null;
  readonly reps: number;
  readonly scale: number;
  /** Seconds for one run. */
  readonly timeout: number;
  readonly json: boolean;
  readonly markdown: string | null;
}

/** Wrong use of the command line. */
export class UsageError extends Error {}

const TEXT_OPTIONS = ["engines", "programs", "base", "reps", "scale", "timeout", "markdown"] as const;
type Parsed =
  & { readonly help: boolean; readonly json: boolean }
  & { readonly [name in (typeof TEXT_OPTIONS)[number]]?: string };

const HELP = `Compares the backends of this project with each other and with other languages.

deno task bench [OPTIONS]

  --engines=A,B      run these: backends of this project, and ${PEERS.map(({ name }) => name).join(" ")}
                     (default: all that are installed)
  --programs=A,B     run these programs of examples/bench (default: all)
  --base=NAME        the engine whose time is 1 (default: the first peer)
  --reps=N           timed runs of each program by each engine (default: 3)
  --scale=X          multiply the work of each program (default: 1)
  --timeout=SECONDS  end a run that takes longer; it counts as failed (default: 60)
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
    boolean: ["help", "json"],
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
    name: "reps" | "scale" | "timeout",
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
    engines: list("engines"),
    programs,
    base: parsed.base ?? null,
    reps: number("reps", 3, (value) => Number.isInteger(value) && value >= 1),
    scale: number("scale", 1, (value) => value > 0),
    timeout: number("timeout", 60, (value) => value > 0),
    json: parsed.json,
    markdown: parsed.markdown ?? null,
  };
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
    if (await ask([SHELL, "--version"]) === null) {
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
