/**
 * Command lines: what stands on one, and doing it. A command line that only names a program is dealt with in cli.ts,
 * since loading a parser of options would take longer than running a small program. Options end at the file; what
 * follows belongs to the program.
 */

import { suggest } from "./diagnostics.ts";
import { writeAll, WriteFailure } from "./output.ts";
import { definePart, PartFailure } from "./part.ts";
import { OptionError, type Plugin, PluginFailure, VERSION } from "./plugin.ts";
import { COMMANDS, OPTIONS, printHelp, printUsage } from "./options.ts";
import type { Report, Runtime, RuntimeOptions } from "./embedder.ts";
import { createRuntime, prepare } from "./runtime.ts";
import type { LabRequest, VerifyOptions } from "./commands.ts";

const commands = definePart<typeof import("./commands.ts")>(import.meta, "./commands.ts");
// Packages as well: finding out which files a name means takes Deno a while, at every start, even when none is loaded.
const parser = definePart<typeof import("@std/cli/parse-args")>(import.meta, "@std/cli/parse-args");
const colors = definePart<typeof import("@std/fmt/colors")>(import.meta, "@std/fmt/colors");

const FAILED = 1, WRONG_USAGE = 2;
/** What a process that was ended by SIGPIPE is reported with. */
const PIPE_CLOSED = 141;

/** What is to be run. */
interface Command {
  readonly kind:
    | "file"
    | "stdin"
    | "code"
    | "check"
    | "doctor"
    | "explain"
    | "why"
    | "repl"
    | "new"
    | "plugin"
    | "lab";
  /** The file or the code; for `check`, the files. */
  readonly operands: readonly string[];
  readonly options: RuntimeOptions;
  /** Printed after the run. */
  readonly reports: readonly Report[];
  /** The file of the page that shows the run. */
  readonly page?: string;
  /** Whether a lab is to be begun. */
  readonly start?: boolean;
  /** A plugin that is to be verified, and how. */
  readonly verify?: { readonly plugin: Plugin } & Pick<VerifyOptions, "programs" | "seed">;
}

/** Where a command reads and writes: the streams of the process, or memory when `explain` shows what one prints. */
export interface Streams {
  out(text: string): void;
  err(text: string): void;
  read(): Promise<Uint8Array>;
  /** What runtimes are told about them. */
  readonly runtime: RuntimeOptions;
  /** Ends everything that a program has left behind. */
  end?(code: number): never;
}

/** Runs a command line; gives the exit code. */
export async function runCommandLine(args: readonly string[], streams: Streams): Promise<number> {
  try {
    const command = await parseCommand(args, streams);
    if (typeof command === "number") return command;
    // Only what runs a program says all it wants by its options.
    await prepare(["file", "stdin", "code"].includes(command.kind) ? command.options : undefined);
    return await run(command, streams);
  } catch (error) {
    return await tellFailure(error, streams);
  }
}

/** Tells what went wrong beside the program that ran, and gives the exit code that says so. */
export async function tellFailure(error: unknown, streams: Streams): Promise<number> {
  if (error instanceof Deno.errors.BrokenPipe) return PIPE_CLOSED;
  if (error instanceof WriteFailure || error instanceof ReadFailure) {
    const what = error instanceof WriteFailure ? "Writing the output" : "Reading standard input";
    streams.err(`${what} failed: ${error.message}\n`);
    return FAILED;
  }
  if (error instanceof PartFailure) {
    streams.err(`${error.message}\n`);
    return FAILED;
  }
  if (error instanceof OptionError) {
    streams.err(`${error.message}\nTry --help.\n`);
    return WRONG_USAGE;
  }
  if (error instanceof PluginFailure) {
    streams.err(await createRuntime(streams.runtime).print(error.diagnostics));
    return FAILED;
  }
  const detail = error instanceof Error ? error.stack ?? error.message : String(error);
  streams.err(`Internal error, which is a bug in the runtime and not in the program:\n${detail}\n`);
  return FAILED;
}

/** Reads the arguments; gives an exit code when there is nothing left to do. */
async function parseCommand(args: readonly string[], streams: Streams): Promise<Command | number> {
  const { parseArgs } = await parser.load();
  const namesOf = (rows: typeof OPTIONS) => rows.map(({ name }) => name);
  const flags = namesOf(OPTIONS.filter(({ value }) => value === undefined));
  const valued = namesOf(OPTIONS.filter(({ value }) => value !== undefined));
  // The parser's types say which option is what, which they can only read off literals.
  const parsed: Parsed = parseArgs([...args], {
    boolean: flags,
    string: valued,
    collect: namesOf(OPTIONS.filter(({ repeatable }) => repeatable)),
    alias: Object.fromEntries(
      OPTIONS.flatMap(({ name, letter }) => letter === undefined ? [] : [[name, letter]]),
    ),
    stopEarly: true,
    unknown(option: string, key?: string) {
      if (key === undefined) return true;
      if (key.endsWith("=")) throw new OptionError(`${option.slice(0, -1)} needs a value`);
      const meant = suggest(key, [...flags, ...valued]);
      throw new OptionError(`Unknown option ${option}${meant === null ? "" : `; did you mean --${meant}?`}`);
    },
  });
  checkValues(args.slice(0, args.length - parsed._.length), parsed, flags, valued);
  if (parsed.help) {
    const { bold } = await colors.load();
    streams.out(printHelp(Deno.stdout.isTerminal() && !Deno.noColor ? bold : undefined));
    return 0;
  }
  if (parsed.version) {
    streams.out(`unnarize ${VERSION}\n`);
    return 0;
  }

  const operands = parsed._.map(String);
  const page: string | undefined = parsed.page;
  const dump = listOf(parsed.dump), wantsProfile = dump.includes("profile") || dump.includes("all");
  const printed = page === undefined ? dump.filter((name) => name !== "profile") : dump;
  const reports: Report[] = [];
  if (wantsProfile && page === undefined) reports.push("profile");
  if (parsed.time) reports.push("time");
  if (parsed.stats) reports.push("stats");
  const options: RuntimeOptions = {
    gcStress: parsed["gc-stress"],
    check: parsed.check,
    json: parsed.json,
    stats: parsed.stats,
    jitLog: parsed["jit-log"],
    perfMap: parsed["perf-map"],
    off: listOf(parsed.off),
    dump: printed,
    page: page !== undefined,
    compileOnly: printed.length > 0 && reports.length === 0 && !wantsProfile,
    plugins: await Promise.all(parsed.plugin.map(loadPlugin)),
    ...(parsed.backend !== undefined
      ? { backend: parsed.backend }
      // Machine code does not count how often it runs.
      : dump.includes("profile") && page === undefined
      ? { backend: "interp" }
      : {}),
    ...(parsed["exec-memory"] === undefined ? {} : { execMemory: parsed["exec-memory"] }),
    ...(parsed.gate === undefined ? {} : { gate: parsed.gate }),
    ...(parsed["code-cache"] === undefined
      ? {}
      : { codeCache: parseSize("--code-cache", parsed["code-cache"]) }),
    ...(parsed.heap === undefined ? {} : { heap: parseSize("--heap", parsed.heap) }),
    ...(parsed.threshold === undefined ? {} : { threshold: parseCount("--threshold", parsed.threshold) }),
    ...(parsed.timeout === undefined ? {} : { timeout: parseSeconds(parsed.timeout) }),
    ...(parsed.function === undefined ? {} : { functionName: parsed.function }),
  };
  if (parsed.e !== undefined) {
    const command = { kind: "code", operands: [parsed.e], options: { ...options, args: operands } } as const;
    return { ...command, reports, ...(page === undefined ? {} : { page }) };
  }
  const [file, ...rest] = operands;
  if (file === undefined) {
    streams.err(printUsage() + "Try --help.\n");
    return WRONG_USAGE;
  }
  if (page !== undefined && COMMANDS.some(({ name }) => name === file)) {
    throw new OptionError(`--page shows the run of a program, and '${file}' runs none`);
  }
  if (file === "doctor" || file === "explain") return { kind: file, operands: rest, options, reports };
  if (file === "why") {
    if (rest.length === 0) throw new OptionError("'why' needs a place, such as fib.unna:3");
    return { kind: "why", operands: rest, options: { ...options, args: rest.slice(1) }, reports };
  }
  if (file === "check") {
    if (rest.length === 0) throw new OptionError("'check' needs at least one file");
    return { kind: "check", operands: rest, options, reports };
  }
  if (file === "new") {
    const { dir = ".", _: words } = parseArgs(rest, {
      string: ["dir"],
      unknown(option: string, key?: string) {
        if (key !== undefined) throw new OptionError(`'new' has no option ${option}, only --dir=FOLDER`);
      },
    });
    if (words.length !== 2) {
      throw new OptionError("'new' needs a kind and a name, such as: new opcode square");
    }
    return { kind: "new", operands: [...words.map(String), dir], options, reports };
  }
  if (file === "plugin") {
    const { programs, seed, json, _: words } = parseArgs(rest, {
      boolean: ["json"],
      string: ["_", "programs", "seed"],
      unknown(option: string, key?: string) {
        if (key !== undefined) {
          throw new OptionError(
            `'plugin verify' has no option ${option}, only --programs, --seed and --json`,
          );
        }
      },
    });
    const [verb, path] = words;
    if (verb !== "verify" || path === undefined || words.length > 2) {
      throw new OptionError("'plugin' takes 'verify' and a file, such as: plugin verify plugins/power.ts");
    }
    const verify = {
      plugin: await loadPlugin(path),
      ...(programs === undefined ? {} : { programs: parseCount("--programs", programs) }),
      ...(seed === undefined ? {} : { seed: parseCount("--seed", seed) }),
    };
    return {
      kind: "plugin",
      operands: [],
      options: { ...options, json: json || parsed.json },
      reports,
      verify,
    };
  }
  if (file === "lab") {
    // The folder may stand alone, which no option with a value could.
    const { start, _: words } = parseArgs(rest.flatMap((word) => word.split(/(?<=^--start)=/)), {
      boolean: ["start"],
      string: ["_"],
      unknown(option: string, key?: string) {
        if (key !== undefined) throw new OptionError(`'lab' has no option ${option}, only --start`);
      },
    });
    if (words.length > 2 || start && words.length === 0) {
      throw new OptionError("'lab' takes a number, and a file to judge or --start, such as: lab 1 --start");
    }
    return { kind: "lab", operands: words, options, reports, start };
  }
  if (file === "repl") {
    const [script, ...args] = rest;
    const operands = script === undefined ? [] : [script];
    return { kind: "repl", operands, options: { ...options, args, compileOnly: false }, reports };
  }
  const kind = file === "-" ? "stdin" : "file";
  const command = { kind, operands: [file], options: { ...options, args: rest } } as const;
  return { ...command, reports, ...(page === undefined ? {} : { page }) };
}

/** Options as they were given, by name. */
// deno-lint-ignore no-explicit-any
type Parsed = Readonly<Record<string, any>> & { readonly _: readonly (string | number)[] };

/** What the parser lets pass: options without their value, and values of options that take none. */
function checkValues(
  given: readonly string[],
  parsed: Parsed,
  flags: readonly string[],
  valued: readonly string[],
): void {
  for (const option of given) {
    const [, name, value] = /^--?([a-z-]+)(=.*)?$/s.exec(option) ?? [];
    if (value !== undefined && flags.includes(name)) throw new OptionError(`--${name} takes no value`);
  }
  const isEmpty = (value: unknown) => value === "" || (Array.isArray(value) && value.includes(""));
  const empty = valued.find((name) => isEmpty(parsed[name]));
  if (empty !== undefined) throw new OptionError(`${empty === "e" ? "-e" : `--${empty}`} needs a value`);
}

async function run(command: Command, streams: Streams): Promise<number> {
  const { kind, operands, options, reports, page } = command;
  switch (kind) {
    case "doctor":
      streams.out(await (await commands.load()).doctor(options.json));
      return 0;
    case "explain": {
      const { explain } = await commands.load();
      const table = { commands: COMMANDS, options: OPTIONS, run: runCaptured };
      streams.out(await explain(operands.join(" "), { ...options, commandLine: table }));
      return 0;
    }
    case "new": {
      const [made, name, folder] = operands;
      streams.out(await (await commands.load()).scaffold(made, name, folder));
      return 0;
    }
    case "plugin": {
      const { plugins = [], json = false } = options, { plugin, ...numbers } = command.verify!;
      const { verify } = await commands.load();
      return await verify(plugin, { plugins, json, ...numbers, write: streams.out }) ? 0 : FAILED;
    }
    case "lab": {
      const [name, second] = operands;
      const request: LabRequest = name === undefined
        ? { what: "list" }
        : command.start
        ? { what: "start", lab: name, folder: second ?? "." }
        : second === undefined
        ? { what: "read", lab: name }
        : { what: "judge", lab: name, file: second };
      const { text, code } = await (await commands.load()).lab(request);
      streams.out(text);
      return code;
    }
    case "why": {
      const { why } = await commands.load();
      const { text, code } = await why(operands[0], { ...streams.runtime, ...options });
      (code === 0 ? streams.out : streams.err)(text);
      return code;
    }
  }
  const runtime = createRuntime({ ...options, ...streams.runtime });
  const pageFile = page === undefined ? null : openPage(page);
  const code = await start(runtime, kind, operands, streams, options.json ?? false);
  if (pageFile !== null) {
    const bytes = new TextEncoder().encode(await runtime.report("page"));
    pageFile.truncateSync(0);
    writeAll(pageFile, bytes);
    pageFile.close();
  } else if (options.dump?.length) {
    streams.out(await runtime.report("dumps"));
    streams.err(await runtime.report("native"));
  }
  for (const report of reports) streams.err(await runtime.report(report));
  // A program that ends itself or fails may leave something behind that would go on. All others end by themselves:
  // Deno keeps what V8 has compiled for the next start, which it does not when the process is ended abruptly.
  if (runtime.outcome() !== "finished") streams.end?.(code);
  return code;
}

async function start(
  runtime: Runtime,
  kind: Exclude<Command["kind"], "doctor" | "explain" | "why" | "new" | "plugin" | "lab">,
  operands: readonly string[],
  streams: Streams,
  json: boolean,
): Promise<number> {
  switch (kind) {
    case "file":
      return runtime.runFile(operands[0]);
    case "code":
      return runtime.runSource("<command line>", operands[0]);
    case "stdin":
      return runtime.runSource(STDIN, await streams.read());
    case "repl":
      if (operands.length > 0) await runtime.runFile(operands[0]);
      return runtime.converse(historyFile());
    case "check": {
      let code = 0;
      for (const file of operands) {
        const found = file === "-"
          ? await runtime.check(STDIN, await streams.read())
          : await runtime.check(file);
        (json ? streams.out : streams.err)(await runtime.print(found));
        if (found.some(({ severity }) => severity === "error")) code = FAILED;
      }
      return code;
    }
  }
}

/** The file in which sessions keep what was typed, if the environment names one and may be read. */
function historyFile(): string | undefined {
  const variable = "UNNARIZE_HISTORY";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) || undefined : undefined;
}

/** What messages call the standard input. */
const STDIN = "<standard input>";

/** Runs a command line on `stdin`, and gives what it writes; the process stays as it is. */
export async function runCaptured(
  args: readonly string[],
  stdin: string,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  let stdout = "", stderr = "";
  const out = new TextDecoder(), err = new TextDecoder();
  const lines = stdin.replace(/\n$/, "").split("\n").values();
  // In examples, this stands for where the project is.
  const project = decodeURIComponent(new URL("..", import.meta.url).pathname);
  const code = await runCommandLine(args.map((arg) => arg.replaceAll("@/", project)), {
    out: (text) => void (stdout += text),
    err: (text) => void (stderr += text),
    read: () => Promise.resolve(new TextEncoder().encode(stdin)),
    runtime: {
      stdin: () => lines.next().value ?? null,
      stdout: (bytes) => void (stdout += out.decode(bytes, { stream: true })),
      stderr: (bytes) => void (stderr += err.decode(bytes, { stream: true })),
    },
  });
  return { code, stdout, stderr };
}

/** Thrown when standard input cannot be read. */
class ReadFailure extends Error {}

async function readStdin(): Promise<Uint8Array> {
  try {
    return await new Response(Deno.stdin.readable).bytes();
  } catch (error) {
    throw new ReadFailure(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** Opens the file of a page. That it can be written is known before the run; what it holds stays until the end. */
function openPage(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { write: true, create: true });
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    throw new OptionError(`The page cannot be written to '${path}': ${because}`);
  }
}

async function loadPlugin(path: string): Promise<Plugin> {
  let module: { readonly default?: Plugin };
  try {
    const absolute = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
    // What ends a path in a URL is part of a name here.
    module = await import(`file://${encodeURI(absolute).replaceAll("?", "%3F").replaceAll("#", "%23")}`);
  } catch (error) {
    throw new OptionError(
      `Loading plugin '${path}' failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (module.default === undefined) throw new OptionError(`Plugin file '${path}' has no default export`);
  return module.default;
}

/** The words of an option that may be repeated and may have commas. */
function listOf(values: readonly string[]): string[] {
  return [...new Set(values.flatMap((value) => value.split(",")).map((word) => word.trim()))];
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !(seconds > 0)) {
    throw new OptionError(`--timeout=${text}: give a number of seconds above 0`);
  }
  return seconds;
}

function parseSize(option: string, text: string): number {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  if (match === null) throw new OptionError(`${option}=${text}: give a number and K, M or G, such as 64M`);
  return Number(match[1]) * 1024 ** " KMG".indexOf(match[2].toUpperCase() || " ");
}

function parseCount(option: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new OptionError(`${option}=${text}: give a whole number`);
  return Number(text);
}

function say(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  writeAll(stream, new TextEncoder().encode(text));
}

/** The streams of the process. */
export function processStreams(runtime: RuntimeOptions): Streams {
  return {
    out: (text) => say(Deno.stdout, text),
    err: (text) => say(Deno.stderr, text),
    read: readStdin,
    runtime,
    end: Deno.exit,
  };
}
