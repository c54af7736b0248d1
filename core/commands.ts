/**
 * What the command line does beside running programs: tells about words, lines and the machine, begins plugins and
 * verifies them, and sets exercises. Each command is a view that knows no runtime; here it gets what it asks for.
 */

import { suggest } from "./diagnostics.ts";
import type { CommandLine } from "./explain.ts";
import type { LabTools } from "./lab.ts";
import { definePart } from "./part.ts";
import { OptionError, type Plugin, VERSION } from "./plugin.ts";
import { makeSource } from "./source.ts";
import type { RuntimeOptions } from "./embedder.ts";
import { absolutePath } from "./running.ts";
import {
  BACKENDS,
  createRuntime,
  DEFAULT_THRESHOLD,
  FALLBACK,
  findBackend,
  PREFERRED,
  registryOf,
} from "./runtime.ts";

const PARTS = {
  doctor: definePart<typeof import("./doctor.ts")>(import.meta, "./doctor.ts"),
  explain: definePart<typeof import("./explain.ts")>(import.meta, "./explain.ts"),
  lab: definePart<typeof import("./lab.ts")>(import.meta, "./lab.ts"),
  labs: definePart<typeof import("../docs/labs/mod.ts")>(import.meta, "../docs/labs/mod.ts"),
  listing: definePart<typeof import("../backends/x64/disassembler.ts")>(
    import.meta,
    "../backends/x64/disassembler.ts",
  ),
  scaffold: definePart<typeof import("./scaffold.ts")>(import.meta, "./scaffold.ts"),
  sessionPasses: definePart<typeof import("../passes/session.ts")>(import.meta, "../passes/session.ts"),
  trial: definePart<typeof import("./trial.ts")>(import.meta, "./trial.ts"),
  verify: definePart<typeof import("./verify_plugin.ts")>(import.meta, "./verify_plugin.ts"),
  why: definePart<typeof import("./why.ts")>(import.meta, "./why.ts"),
};

/** What is to be explained, and how. */
export interface ExplainOptions {
  /** Plugins beside the built-in ones, whose words are explained as well. */
  readonly plugins?: readonly Plugin[];
  /** JSON, a line for each word, in place of text. */
  readonly json?: boolean;
  /** The command line whose options are words too. */
  readonly commandLine?: CommandLine;
}

/**
 * Explains a word: a pass, an opcode, a message, a native, a backend and so on, with an example that is run. Without a
 * word (empty), lists all that there are.
 * @throws {OptionError} if there is no such word
 * @throws {PluginFailure} if a plugin is malformed, or two do not go together
 */
export async function explain(word: string, options: ExplainOptions = {}): Promise<string> {
  const { plugins = [], json = false, commandLine } = options;
  const registry = registryOf(plugins);
  const [views, glossary] = await Promise.all([PARTS.explain.load(), readGlossary()]);
  const words = await views.listWords({
    registry,
    plugins,
    make: createRuntime,
    native: findBackend(registry, PREFERRED),
    glossary,
    ...(commandLine === undefined ? {} : { commandLine }),
  });
  if (word === "") return json ? views.wordsToJson(words) : views.printWords(words);
  const found = views.findWords(words, word);
  if (found.length === 0) {
    const meant = suggest(word, words.flatMap(({ name, also = [] }) => [name, ...also]));
    const advice = meant === null ? "; 'explain' alone lists all words" : `; did you mean '${meant}'?`;
    throw new OptionError(`Nothing is called '${word}'${advice}`);
  }
  const print = json ? views.explanationToJson : views.printExplanation;
  const texts: string[] = [];
  for (const each of found) texts.push(print(await views.explainWord(each)));
  return texts.join(json ? "" : "\n");
}

/**
 * Runs a program, and tells why a line of it is, or is not, machine code. What the program writes is not shown.
 * `place` is a file and a line, `fib.unna:3`. Gives the answer, or with the code 1 why the file does not compile.
 * @throws {OptionError} if there is no such line, or nothing to execute on it
 */
export async function why(
  place: string,
  options: RuntimeOptions = {},
): Promise<{ readonly text: string; readonly code: number }> {
  const [, file, line] = /^(.+):(\d+)$/.exec(place) ?? [];
  if (file === undefined) {
    throw new OptionError(`'${place}' is no place; give a file and a line, such as fib.unna:3`);
  }
  const { lineToJson, printLine, tellLine } = await PARTS.why.load();
  const registry = registryOf(options.plugins ?? []);
  const { backend = PREFERRED, threshold = DEFAULT_THRESHOLD, json = false } = options;
  const answer = await tellLine(
    {
      make: (own) =>
        createRuntime({ ...options, ...own, plugins: [...options.plugins ?? [], ...own.plugins ?? []] }),
      native: backend === FALLBACK ? null : findBackend(registry, backend),
      opcodes: registry.opcodes,
      threshold,
    },
    file,
    Number(line),
  );
  switch (answer.kind) {
    case "not compiled":
      return { text: answer.messages, code: 1 };
    case "no code":
      throw new OptionError(`There is nothing to tell about line ${line}: ${answer.because}`);
    case "told":
      return { text: json ? lineToJson(answer.told) : printLine(answer.told), code: 0 };
  }
}

/** The glossary, which is a page of the documentation; null where that is not at hand. */
async function readGlossary(): Promise<string | null> {
  try {
    return await Deno.readTextFile(new URL("../docs/glossary.md", import.meta.url));
  } catch {
    return null;
  }
}

/**
 * Writes a starting point for a plugin, with a test, into a folder; gives what there is to say about it. `kind` is what the
 * plugin brings: `pass`, `opcode`, `native` or `backend`.
 * @throws {OptionError} if that is not possible; then nothing has been written
 */
export async function scaffold(kind: string, name: string, folder = "."): Promise<string> {
  const [{ makeScaffold, ScaffoldError, writeScaffold }, { keywordsOf }] = await Promise.all([
    PARTS.scaffold.load(),
    PARTS.sessionPasses.load(),
  ]);
  const registry = registryOf([]);
  const namesOf = (rows: readonly { readonly name: string }[]) => new Set(rows.map((row) => row.name));
  const taken = {
    names: {
      pass: namesOf(registry.passes.map(({ pass }) => pass)),
      opcode: namesOf(registry.opcodes),
      native: namesOf([...registry.natives, ...registry.libraries]),
      backend: new Set(registry.backends.keys()),
    },
    plugins: namesOf(registry.plugins),
    keywords: new Set(keywordsOf([])),
  };
  const root = decodeURIComponent(new URL("..", import.meta.url).pathname);
  try {
    const made = makeScaffold({ kind, name, folder: absolutePath(folder), root, taken });
    await writeScaffold(made);
    return made.summary;
  } catch (error) {
    throw error instanceof ScaffoldError ? new OptionError(error.message) : error;
  }
}

/** What is wanted of a lab. */
export type LabRequest =
  | { readonly what: "list" }
  /** Its statement. */
  | { readonly what: "read"; readonly lab: string }
  /** A file to be filled in, in a folder. */
  | { readonly what: "start"; readonly lab: string; readonly folder: string }
  /** Whether a file does what it should. */
  | { readonly what: "judge"; readonly lab: string; readonly file: string };

/** After how many seconds a program that a lab asks for has gone on for too long. */
const LAB_SECONDS = 10;

/**
 * Sets an exercise and judges what has been made of it; `lab` is a number, from 1, or a name. The code is 1 if a file is
 * not what the lab wants.
 * @throws {OptionError} if there is no such lab, or no file that can be judged
 */
export async function lab(request: LabRequest): Promise<{ readonly text: string; readonly code: number }> {
  const [labs, { LABS }] = await Promise.all([PARTS.lab.load(), PARTS.labs.load()]);
  if (request.what === "list") return { text: labs.printLabs(LABS), code: 0 };
  try {
    const wanted = labs.findLab(LABS, request.lab), number = LABS.indexOf(wanted) + 1;
    const address = (file: string) => new URL(`../${labs.folderOf(LABS, wanted)}/${file}`, import.meta.url);
    switch (request.what) {
      case "read": {
        const statement = await Deno.readTextFile(address("statement.md"));
        return { text: labs.printStatement(LABS, wanted, statement), code: 0 };
      }
      case "start": {
        const skeleton = address("skeleton.ts"), text = await Deno.readTextFile(skeleton);
        const path = await labs.startLab(wanted, text, skeleton, request.folder);
        return { text: `${path} is yours. What is to be done: lab ${number}\n`, code: 0 };
      }
      case "judge": {
        const path = absolutePath(request.file);
        const [listing, trial] = await Promise.all([PARTS.listing.load(), PARTS.trial.load()]);
        const tools: LabTools = {
          run: (text, { mayHang = false, ...options }) =>
            trial.runTrial(
              (more) =>
                createRuntime({ color: false, ...(mayHang ? { timeout: LAB_SECONDS } : {}), ...more }),
              { path: "lab.unna", text },
              { backend: FALLBACK, ...options },
              ({ stdout, stderr }) => ({ stdout, stderr }),
            ),
          list: listing.listBytes,
          native: await trial.probeBackend(findBackend(registryOf([]), PREFERRED)!),
        };
        const exports = await labs.loadFile(path);
        const { passed, text } = await labs.judge(LABS, wanted, { exports, path }, tools);
        return { text, code: passed ? 0 : 1 };
      }
    }
  } catch (error) {
    throw error instanceof labs.LabError ? new OptionError(error.message) : error;
  }
}

/** How a plugin is verified. */
export interface VerifyOptions {
  /** Plugins that are loaded as well, with and without it. */
  readonly plugins?: readonly Plugin[];
  /** How many programs are generated; 100 by default. */
  readonly programs?: number;
  /** The seed of the first of them; another one each time by default. */
  readonly seed?: number;
  /** JSON, a line for each check, in place of text. */
  readonly json?: boolean;
  /** Is told what was found, check by check. */
  readonly write: (text: string) => void;
}

/** Programs that a plugin is verified with beside the language suite, and the milliseconds that each may run. */
const VERIFY_PROGRAMS = 100, VERIFY_PATIENCE = 10_000;
/** Seeds are below this. */
const SEEDS = 1_000_000_000;

/**
 * Holds a plugin to what plugins promise, as `cli.ts plugin verify` does. Gives whether nothing wrong was found.
 * @throws {PluginFailure} if the plugin is malformed, or does not go together with the others
 */
export async function verify(plugin: Plugin, options: VerifyOptions): Promise<boolean> {
  const { plugins: others = [], programs = VERIFY_PROGRAMS, json = false, write } = options;
  const registry = registryOf([...others, plugin]);
  const [views, { parseInput }] = await Promise.all([PARTS.verify.load(), PARTS.sessionPasses.load()]);
  const cx = {
    plugin,
    others,
    registry,
    make: createRuntime,
    interpreter: findBackend(registry, FALLBACK),
    native: findBackend(registry, PREFERRED),
    parse: (text: string) => parseInput(makeSource("program", text), registry.rules),
    suite: await readSuite(views.splitSuite),
    programs,
    seed: options.seed ?? Math.floor(Math.random() * SEEDS),
    patience: VERIFY_PATIENCE,
  };
  if (!json) write(views.printHeader(cx));
  const results = [];
  for await (const result of views.verifyPlugin(cx)) {
    results.push(result);
    write(json ? views.resultToJson(result) : views.printResult(result));
  }
  write(json ? views.verdictToJson(cx, results) : views.printVerdict(cx, results));
  return results.every(({ failures }) => failures.length === 0);
}

/** The programs of the language suite, which is part of the project's repository; null where it is not at hand. */
async function readSuite<Program>(
  split: (file: { readonly path: string; readonly text: string }) => readonly Program[],
): Promise<readonly Program[] | null> {
  const root = decodeURIComponent(new URL("../tests/lang/", import.meta.url).pathname);
  try {
    const programs: Program[] = [];
    for (const folder of [...Deno.readDirSync(root)].filter(({ isDirectory }) => isDirectory).sort(byName)) {
      for (const { name, isFile } of [...Deno.readDirSync(root + folder.name)].sort(byName)) {
        if (!isFile || !name.endsWith(".unna")) continue;
        const path = `${root}${folder.name}/${name}`;
        programs.push(...split({ path, text: await Deno.readTextFile(path) }));
      }
    }
    return programs;
  } catch {
    return null;
  }
}

function byName(a: Deno.DirEntry, b: Deno.DirEntry): number {
  return a.name < b.name ? -1 : 1;
}

/** What works on this machine, as text or as JSON. */
export async function doctor(json = false): Promise<string> {
  const { examine, printExamination } = await PARTS.doctor.load();
  return printExamination(await examine(VERSION, BACKENDS), json);
}
