/**
 * Exercises: a statement, a file to be filled in, and a judge. The judge puts questions to the file, some that the
 * statement shows and many that are made up from a seed, and tells what differs by the shortest question.
 *
 * ```text
 *   lab          a table row: questions with their answers, and how a file is asked one
 *     question   what is asked, as the reader would write it; what has to come out; the topic that it belongs to
 *     topic      what questions have in common: where one of them fails, the others fail for the same reason
 * ```
 *
 * Wrong files are told apart by the topics that fail, so each topic has a hint; the easiest topics stand first. Which labs there are, and what they ask,
 * is written in `docs/labs/`; a program that a question consists of is run by whoever hands in the tools.
 */

import { suggest } from "./diagnostics.ts";
import type { OpcodeDef } from "./opcodes.ts";
import type { Probe } from "./backend.ts";
import type { Artifacts, Kind } from "./pass.ts";
import type { Plugin } from "./plugin.ts";

/** Something that is asked of a reader's file. */
export interface Question<Input> {
  /** A key of the lab's `topics`. */
  readonly topic: string;
  /** A call or a program. */
  readonly ask: string;
  /** What has to come out. */
  readonly expected: string;
  /** The same as `ask`, for the file. */
  readonly input: Input;
}

/** Numbers that are the same at each run. */
export interface Random {
  /** An integer from `low` to `high`, both included. */
  int(low: number, high: number): number;
  /** One of several. */
  pick<Item>(items: readonly Item[]): Item;
}

/** How a program is run for a lab. */
export interface LabRun {
  /** The reader's plugin, and what watches it. */
  readonly plugins: readonly Plugin[];
  /** The interpreter, unless it says otherwise. */
  readonly backend?: string;
  /** After how many rounds or calls something is hot. */
  readonly threshold?: number;
  /** Whether a mistake may make it go on for ever, so that it is to be ended after a while. */
  readonly mayHang?: boolean;
}

/** What labs need of the world. */
export interface LabTools {
  /** Runs a program to its end; gives what it writes. */
  run(text: string, options: LabRun): Promise<{ readonly stdout: string; readonly stderr: string }>;
  /** Machine code as text, with the offset at which each instruction begins. */
  list(bytes: Uint8Array): readonly { readonly offset: number; readonly text: string }[];
  /** Whether programs can run as machine code here. */
  readonly native: Probe;
}

/** What a reader's file exports. */
export type Exports = Readonly<Record<string, unknown>>;

/** An exercise. */
export interface Lab<Input> {
  /** Lower case with hyphens; `docs/labs/` has a folder of the lab's number and this name. */
  readonly name: string;
  /** A few words. */
  readonly title: string;
  /** The page of the documentation that goes before it. */
  readonly page: string;
  /** What questions are about, and what to look at where they fail. */
  readonly topics: Readonly<Record<string, string>>;
  /** The questions that the statement shows. */
  readonly shown: readonly Question<Input>[];
  /** Questions that it does not. */
  hidden(random: Random): readonly Question<Input>[];
  /**
   * Gives what answers a question by asking the file.
   * @throws {LabError} if the file does not export what it should
   */
  open(exports: Exports, tools: LabTools): (input: Input) => string | Promise<string>;
}

/** A lab of any kind of question. */
// deno-lint-ignore no-explicit-any
export type AnyLab = Lab<any>;

/** Gives a lab its type. */
export function defineLab<Input>(lab: Lab<Input>): Lab<Input> {
  return lab;
}

/** Thrown when there is nothing to judge, or no place to begin; the message says what to do. */
export class LabError extends Error {
  /** What stack traces call it. */
  override readonly name = "LabError";
}

// ---- finding and beginning ---------------------------------------------------------------------------------------

/** The lab of a number, counted from 1, or a name. */
export function findLab(labs: readonly AnyLab[], word: string): AnyLab {
  const found = labs.find(({ name }, i) => word === name || word === String(i + 1));
  if (found !== undefined) return found;
  if (/^\d+$/.test(word)) throw new LabError(`There is no lab ${word}; they go from 1 to ${labs.length}`);
  const meant = suggest(word, labs.map(({ name }) => name));
  throw new LabError(
    `There is no lab '${word}'${meant === null ? "; 'lab' alone lists them" : `; did you mean '${meant}'?`}`,
  );
}

/** All labs, a line each. */
export function printLabs(labs: readonly AnyLab[]): string {
  const width = Math.max(...labs.map(({ name }) => name.length));
  const rows = labs.map(({ name, title, page }, i) =>
    `  ${i + 1}  ${name.padEnd(width)}  ${title.padEnd(44)}  docs/${page}\n`
  );
  return `Exercises, each after the page that it belongs to:\n\n${rows.join("")}
  lab N                 what is to be done
  lab N --start [DIR]   begin: writes a file to be filled in
  lab N FILE            judge the file\n`;
}

/** What a lab's file is called. */
export function fileOf({ name }: AnyLab): string {
  return `${name.replaceAll("-", "_")}.ts`;
}

/** Where the texts of a lab lie. */
export function folderOf(labs: readonly AnyLab[], lab: AnyLab): string {
  return `docs/labs/${labs.indexOf(lab) + 1}-${lab.name}`;
}

/** What is to be done: the statement, the questions that are no secret, and how to go on. */
export function printStatement(labs: readonly AnyLab[], lab: AnyLab, statement: string): string {
  const shown = lab.shown.map(({ ask, expected }) => `${indent(ask, 4)}\n${indent(expected, 8)}\n`);
  const file = fileOf(lab), number = labs.indexOf(lab) + 1;
  return `${statement.trimEnd()}\n\nSome of the questions, with their answers:\n\n${shown.join("")}
  lab ${number} --start      write ${file}, to be filled in
  lab ${number} ${file.padEnd(12)} judge it\n`;
}

/**
 * Writes a lab's skeleton into a folder, with addresses in place of relative imports: the file has to share the
 * project's modules with the judge, or it would have a heap of its own. Gives the path.
 * @throws {LabError} if there is a file of that name, or it cannot be written
 */
export async function startLab(lab: AnyLab, skeleton: string, address: URL, folder: string): Promise<string> {
  const path = `${folder.replace(/\/$/, "")}/${fileOf(lab)}`;
  const text = skeleton.replace(
    /(\bfrom ")(\.\.?\/[^"]+)(")/g,
    (_, before, to, after) => `${before}${new URL(to, address).href}${after}`,
  );
  try {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(path, text, { createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new LabError(`${path} is there already, and is left as it is; give another folder`);
    }
    throw new LabError(`Writing ${path} failed: ${messageOf(error)}`);
  }
  return path;
}

/**
 * What the file at a path exports.
 * @throws {LabError} if it cannot be loaded
 */
export async function loadFile(path: string): Promise<Exports> {
  try {
    // What ends a path in a URL is part of a name here.
    return await import(`file://${encodeURI(path).replaceAll("?", "%3F").replaceAll("#", "%23")}`);
  } catch (error) {
    throw new LabError(`Loading ${path} failed: ${error instanceof Error ? error.message : error}`);
  }
}

// ---- judging -----------------------------------------------------------------------------------------------------

/** A question with the answer that a file gave. */
interface Answered {
  readonly question: Question<unknown>;
  readonly got: string;
  readonly isShown: boolean;
}

/** What a file is worth. */
export interface Verdict {
  readonly passed: boolean;
  readonly text: string;
}

/** Puts all questions to a file that lies at `path`. */
export async function judge(
  labs: readonly AnyLab[],
  lab: AnyLab,
  { exports, path }: { readonly exports: Exports; readonly path: string },
  tools: LabTools,
): Promise<Verdict> {
  const answer = lab.open(exports, tools), answered: Answered[] = [];
  const shown = new Set(lab.shown);
  for (const question of [...lab.shown, ...lab.hidden(makeRandom(1))]) {
    let got: string;
    try {
      got = await answer(question.input);
    } catch (error) {
      got = `throws ${messageOf(error)}${placeIn(path, error)}`;
    }
    answered.push({ question, got, isShown: shown.has(question) });
  }
  const wrong = answered.filter(({ question, got }) => got !== question.expected);
  const title = `Lab ${labs.indexOf(lab) + 1}, ${lab.title}`;
  if (wrong.length > 0) return { passed: false, text: printFailure(title, lab, answered, wrong) };
  const secret = answered.filter(({ isShown }) => !isShown).length;
  const next = labs[labs.indexOf(lab) + 1];
  return {
    passed: true,
    text: `${title}: passed. ${shown.size} questions that you knew, and ${secret} that you did not.\n` +
      (next === undefined
        ? "That was the last one.\n"
        : `Next: lab ${labs.indexOf(next) + 1}, ${next.title}.\n`),
  };
}

function printFailure(
  title: string,
  { topics }: AnyLab,
  answered: readonly Answered[],
  wrong: readonly Answered[],
): string {
  const names = Object.keys(topics), width = Math.max(...names.map((name) => name.length));
  const rows = names.map((name) => {
    const all = answered.filter(({ question }) => question.topic === name);
    const good = all.filter((each) => !wrong.includes(each)).length;
    const word = good === all.length ? "right" : "WRONG";
    return `  ${word}  ${name.padEnd(width)}  ${good} of ${all.length}\n`;
  });
  // Topics stand in the order in which one would go about them, so the first one that fails comes first here.
  const topic = names.find((name) => wrong.some(({ question }) => question.topic === name))!;
  const [{ question, got }] = wrong.filter((each) => each.question.topic === topic)
    .toSorted((a, b) => sizeOf(a) - sizeOf(b));
  return `${title}: not yet. ${wrong.length} of ${answered.length} questions have another answer.\n\n` +
    `${rows.join("")}\nThe shortest of those about ${topic}:\n\n${indent(question.ask, 4)}\n\n` +
    `  expected\n${indent(question.expected, 4)}\n  got\n${indent(got, 4)}\n\n${topics[topic]}\n`;
}

/** A question that is shown goes before one of the same length that is not. */
function sizeOf({ question, isShown }: Answered): number {
  return 2 * question.ask.length + (isShown ? 0 : 1);
}

/** A generator of Marsaglia's (xorshift), which is all the chance that questions need. */
export function makeRandom(seed: number): Random {
  let state = seed | 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const int = (low: number, high: number) => low + next() % (high - low + 1);
  return { int, pick: (items) => items[int(0, items.length - 1)] };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** The line of the reader's file in which something was thrown. */
function placeIn(path: string, error: unknown): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const stack = error instanceof Error ? error.stack ?? "" : "";
  const line = stack.split("\n").find((each) => each.includes(`/${encodeURI(name)}:`));
  const at = line === undefined ? null : /:(\d+):\d+\)?$/.exec(line);
  return at === null ? "" : ` (${name}:${at[1]})`;
}

function indent(text: string, by: number): string {
  return text.split("\n").map((line) => `${" ".repeat(by)}${line}`.trimEnd()).join("\n");
}

// ---- what labs ask for -------------------------------------------------------------------------------------------

/** The plugin that a file exports as its default. */
export function pluginOf(exports: Exports): Plugin {
  const { default: plugin } = exports;
  if (typeof plugin !== "object" || plugin === null) {
    throw new LabError("The file has no plugin as its default export: export default definePlugin({ … })");
  }
  return plugin as Plugin;
}

/** The function that a file exports under a name. */
export function functionOf(exports: Exports, name: string): (...args: readonly unknown[]) => unknown {
  const found = exports[name];
  if (typeof found !== "function") {
    throw new LabError(`The file exports no function '${name}': export function ${name}(…) { … }`);
  }
  return found as (...args: readonly unknown[]) => unknown;
}

/** A plugin that is shown what the passes of another one have made; `look` gives what is to go on. */
export function lookAfter<K extends Kind>(
  { passes = [] }: Plugin,
  kind: K,
  look: (artifact: Artifacts[K], opcodes: readonly OpcodeDef[]) => Artifacts[K],
): Plugin {
  const because = "it shows what that has made";
  const doc = { summary: "Shows artifacts.", why: "A lab judges them.", example: "print 1;" };
  const after = passes.map(({ name }) => ({ pass: name, because }));
  const run = (artifact: Artifacts[K], cx: { readonly opcodes: readonly OpcodeDef[] }) =>
    look(artifact, cx.opcodes);
  const pass = { name: "lab-look", stage: "load", from: kind, to: kind, after, doc, run } as const;
  return { name: "lab-look", doc: "Looks at what passes make.", passes: [pass] };
}
