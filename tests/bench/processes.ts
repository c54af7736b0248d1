/**
 * Runs whole processes and times them. First each engine answers once, unobserved; those that fail or differ from the
 * others drop out. Then the rest are timed in turn (A B C, A B C, …), so that the slow and fast spells of a machine
 * fall on all of them alike.
 *
 * CPU time is user plus system time of a process and of those it waited for, wall time its duration; both come from
 * the `time` of the shell that starts it (bash's: user, system and wall in whole milliseconds, cut). Peak memory is
 * what GNU time says, in the run that checks the answer and is not timed.
 */

import { ask } from "./engines.ts";
import type { Inside } from "./inside.ts";

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
/** What times processes. */
export const SHELL = "bash";
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

interface ProcessOptions {
  /** Seconds. */
  readonly timeout: number;
  /** Ends the process when the bench is interrupted. */
  readonly signal: AbortSignal;
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** That it took too long and was ended, or null. */
  readonly late: string | null;
}

// The command gets a process group of its own, so that nothing of it is left after the timeout.
async function runProcess(
  [tool, ...args]: readonly string[],
  { timeout, signal }: ProcessOptions,
): Promise<Ended> {
  signal.throwIfAborted();
  const child = new Deno.Command(tool, {
    args,
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
  let late: string | null = null;
  const timer = setTimeout(() => {
    late = `took longer than ${timeout} s`;
    kill();
  }, timeout * 1000);
  signal.addEventListener("abort", kill);
  try {
    const { code, stdout, stderr } = await child.output();
    signal.throwIfAborted();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr), late };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", kill);
  }
}

async function measure(command: readonly string[], options: ProcessOptions): Promise<Run> {
  const { code, stdout, stderr, late } = await runProcess([SHELL, "-c", TIMED, SHELL, ...command], options);
  const run = readRun(code, stdout, stderr);
  return late === null ? run : { ...run, failure: late };
}

/** Whether what times processes is installed. */
export async function hasShell(): Promise<boolean> {
  return await ask([SHELL, "--version"]) !== null;
}

/** Whether what tells the peak of memory is installed. */
export async function hasGnuTime(): Promise<boolean> {
  return /^\d+$/.test((await ask([...GNU_TIME, "true"]))?.trim() ?? "");
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
export interface Work {
  readonly program: string;
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly rounds: number;
}

/** A command that has given the right answer once. */
export interface Job {
  readonly command: readonly string[];
  readonly output: string;
  readonly series: Series;
}

/** What goes with every step of a bench. */
export interface Course {
  readonly options: ProcessOptions;
  readonly hasGnuTime: boolean;
  readonly progress: Progress;
  /** Grows. */
  readonly failures: Failure[];
}

/** Runs each engine once, without looking at the clock. Those that fail, or differ from the others, drop out. */
export async function checkAnswers({ program, commands }: Work, course: Course): Promise<Job[]> {
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
export async function timeJobs(jobs: readonly Job[], rounds: number, course: Course): Promise<Series[]> {
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

/** Has a program looked at from inside, in a process of its own; gives null, and a failure, if that goes wrong. */
export async function lookInside(
  { program, engine, command }: { program: string; engine: string; command: readonly string[] },
  course: Course,
): Promise<Inside | null> {
  course.progress.step(`inside  ${program}  ${engine}`);
  const { code, stdout, stderr, late } = await runProcess(command, course.options);
  if (late === null && code === 0) return { program, engine, ...JSON.parse(stdout) };
  const because = late ?? `exit code ${code}: ${stderr.trim().split("\n", 1)[0]}`;
  course.failures.push({ program, engine, because: `inside: ${because}` });
  return null;
}

/** The insides without those whose answer differs from what most engines got at the same program; these failed. */
export function checkInsides(insides: readonly Inside[], failures: Failure[]): Inside[] {
  return insides.filter(({ program, engine, answer }) => {
    const expected = agreedOutput(insides.filter((one) => one.program === program).map((one) => one.answer));
    if (answer === expected) return true;
    failures.push({ program, engine, because: `inside: ${differs(answer, expected)}` });
    return false;
  });
}

/** Says how far the bench is. */
export interface Progress {
  step(label: string): void;
  end(): void;
}

/** Says on a terminal how far the bench is; elsewhere it is silent. */
export function createProgress(total: number): Progress {
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
