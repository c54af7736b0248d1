/**
 * The bench of the core libraries, `deno task bench --libraries`: jobs on 10 MB of data, each done by a library and by
 * plain TypeScript in the same process. The two take turns, so that whatever else the machine is busy with meets both;
 * medians are compared, after a round that only warms up. The goal is to be at least half as fast.
 *
 * A job is a row of {@linkcode JOBS}. Both sides give a number, which has to be the same: a job done wrong is no job done.
 */

import { createRuntime } from "../mod.ts";

/** Bytes of the data of each job, roughly. */
const DATA_BYTES = 10_000_000;
/** How fast a library should at least be, as a part of the speed of plain TypeScript. */
const GOAL = 0.5;

/** Something to do on both sides. */
interface Job {
  /** What is shown. */
  readonly name: string;
  /** The text that both sides have from the start: `text` in the program. */
  text(bytes: number): string;
  /** Statements of the program that prepare the job. */
  readonly prepare?: string;
  /** The body of the function that is timed: gives an int. */
  readonly ours: string;
  /** Prepares the same in TypeScript, and gives what is timed. */
  theirs(text: string): () => number;
}

/** The jobs; whoever adds a library adds its own. */
const JOBS: readonly Job[] = [
  {
    name: "json parse",
    text: makeRecords,
    ours: "return length(ucoreJson.parse(text));",
    theirs: (text) => () => JSON.parse(text).length,
  },
  {
    name: "json stringify",
    text: makeRecords,
    prepare: "var value = ucoreJson.parse(text); text = nil;",
    ours: "return length(ucoreJson.stringify(value));",
    theirs(text) {
      const value = JSON.parse(text);
      return () => JSON.stringify(value).length;
    },
  },
  {
    name: "split fields",
    text: makeTable,
    ours: 'return length(ucoreString.split(text, ","));',
    theirs: (text) => () => text.split(",").length,
  },
  {
    name: "split lines",
    text: makeTable,
    ours: 'return length(ucoreString.split(text, "\\r\\n"));',
    theirs: (text) => () => text.split("\r\n").length,
  },
  {
    name: "replace, often",
    text: makeTable,
    ours: 'return length(ucoreString.replace(text, ",", "; "));',
    theirs: (text) => () => text.replaceAll(",", "; ").length,
  },
  {
    name: "replace, seldom",
    text: makeTable,
    ours: 'return length(ucoreString.replace(text, "Weber", "Webber"));',
    theirs: (text) => () => text.replaceAll("Weber", "Webber").length,
  },
  {
    name: "contains, missing",
    text: makeTable,
    ours: 'if (ucoreString.contains(text, "Nobody, 42")) return 1; return 0;',
    theirs: (text) => () => Number(text.includes("Nobody, 42")),
  },
  {
    name: "sort ints",
    text: (bytes) => makeLines(bytes, (n) => `${n}`),
    prepare: 'var items = ucoreArray.map(ucoreString.split(text, "\\n"), int); text = nil;',
    ours: "return ucoreArray.indexOf(ucoreArray.sort(slice(items, 0)), items[0]);",
    theirs: sortNumbers,
  },
  {
    name: "sort floats",
    text: (bytes) => makeLines(bytes, (n) => `${n / 1024}`),
    prepare: 'var items = ucoreArray.map(ucoreString.split(text, "\\n"), float); text = nil;',
    ours: "return ucoreArray.indexOf(ucoreArray.sort(slice(items, 0)), items[0]);",
    theirs: sortNumbers,
  },
  {
    name: "sort strings",
    text: (bytes) => makeLines(bytes, (n) => `${pick(FIRST_NAMES, n)}${pick(LAST_NAMES, n >> 3)}${n}`),
    prepare: 'var items = ucoreString.split(text, "\\n"); text = nil;',
    ours: "return ucoreArray.indexOf(ucoreArray.sort(slice(items, 0)), items[0]);",
    theirs(text) {
      const items = text.split("\n");
      return () => items.toSorted().indexOf(items[0]);
    },
  },
];

function sortNumbers(text: string): () => number {
  const items = text.split("\n").map(Number);
  return () => items.toSorted((a, b) => a - b).indexOf(items[0]);
}

/** A JSON array of records as an API might send them. */
function makeRecords(bytes: number): string {
  const records: string[] = [];
  for (let i = 0, size = 0; size < bytes; i++) {
    const record = JSON.stringify({
      id: i,
      name: `${pick(FIRST_NAMES, i)} ${pick(LAST_NAMES, i * 7)}`,
      email: `user${i}@example.com`,
      active: i % 3 === 0,
      score: i * 37 % 1000 / 10,
      tags: ["alpha", "beta", "gamma"].slice(0, i % 4),
      address: { street: `${i % 200} Main Street`, city: pick(CITIES, i), zip: 10000 + i % 90000 },
      note: i % 5 === 0 ? null : 'first line\nsecond "line"',
    });
    records.push(record);
    size += record.length + 1;
  }
  return `[${records.join(",")}]`;
}

/** A table of comma-separated values. */
function makeTable(bytes: number): string {
  const lines: string[] = [];
  for (let i = 0, size = 0; size < bytes; i++) {
    const line = [i, pick(FIRST_NAMES, i), pick(LAST_NAMES, i * 7), pick(CITIES, i * 3), i * 7919 % 100000]
      .join(",");
    lines.push(line);
    size += line.length + 2;
  }
  return lines.join("\r\n");
}

/** Lines of numbers that jump about. */
function makeLines(bytes: number, line: (n: number) => string): string {
  const lines: string[] = [];
  for (let n = 1, size = 0; size < bytes; n = (n * 1103515245 + 12345) % 2 ** 31) {
    lines.push(line(n));
    size += lines[lines.length - 1].length + 1;
  }
  return lines.join("\n");
}

const FIRST_NAMES = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Niklaus"];
const LAST_NAMES = ["Weber", "Okafor", "Lindqvist", "Tanaka", "Moreau", "Novak", "Silva"];
const CITIES = ["Paris", "Nairobi", "Kyoto", "Lima", "Oslo"];

function pick(words: readonly string[], n: number): string {
  return words[n % words.length];
}

/** What came of a job: medians in milliseconds, and the two answers. */
interface Result {
  readonly name: string;
  readonly ours: number;
  readonly theirs: number;
  readonly answers: readonly [ours: number, theirs: number];
}

async function runJob(
  { name, text, prepare = "", ours, theirs }: Job,
  bytes: number,
  rounds: number,
): Promise<Result> {
  const data = text(bytes), plain = theirs(data);
  const runtime = createRuntime({ functions: { input: () => data } });
  try {
    const code = await runtime.runSource(
      "job.unna",
      `var text = input(); ${prepare} function work() { ${ours} }`,
    );
    if (code !== 0) throw new Error(`The program of the job '${name}' failed`);
    const times: [number[], number[]] = [[], []];
    let answers: Result["answers"] = [0, 0];
    for (let round = 0; round <= rounds; round++) {
      const started = performance.now(), mine = Number(await runtime.call("work"));
      const between = performance.now(), yours = plain(), ended = performance.now();
      answers = [mine, yours];
      if (round === 0) continue;
      times[0].push(between - started);
      times[1].push(ended - between);
    }
    return { name, ours: median(times[0]), theirs: median(times[1]), answers };
  } finally {
    runtime.dispose();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/**
 * Runs all jobs, on `scale` times the usual data, and prints a line for each. Gives the exit code: 1 if answers differ.
 */
export async function benchLibraries(rounds: number, scale: number): Promise<number> {
  const bytes = DATA_BYTES * scale, width = Math.max(...JOBS.map(({ name }) => name.length));
  console.log(
    `${(bytes / 1e6).toFixed(1)} MB, medians of ${rounds} rounds; speed: that of plain TypeScript is 1.00\n`,
  );
  console.log(`${"".padEnd(width)}  library  TypeScript  speed`);
  let code = 0;
  for (const job of JOBS) {
    const { name, ours, theirs, answers } = await runJob(job, bytes, rounds), speed = theirs / ours;
    const times = `${ours.toFixed(1).padStart(6)}ms  ${theirs.toFixed(1).padStart(8)}ms`;
    const notes = speed < GOAL ? `  below the goal of ${GOAL}` : "";
    console.log(`${name.padEnd(width)} ${times} ${speed.toFixed(2).padStart(6)}${notes}`);
    if (answers[0] !== answers[1]) {
      console.log(`${"".padEnd(width)} answers differ: ${answers.join(" and ")}`);
      code = 1;
    }
  }
  return code;
}
