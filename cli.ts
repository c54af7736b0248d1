/**
 * The command line: reads the arguments and hands them to `mod.ts`. Options end at the file; what follows belongs to
 * the program. A command without options, which is most of them, is not parsed at all, since loading a parser of
 * options would take longer than running a small program.
 *
 * @module
 */

import {
  createRuntime,
  doctor,
  OptionError,
  type Plugin,
  PluginFailure,
  type Report,
  type Runtime,
  type RuntimeOptions,
  suggest,
  VERSION,
  writeAll,
  WriteFailure,
} from "./mod.ts";

const FAILED = 1, WRONG_USAGE = 2;
/** What a process that was ended by SIGPIPE is reported with. */
const PIPE_CLOSED = 141;

/** What is to be run. */
interface Command {
  readonly kind: "file" | "stdin" | "code" | "check" | "doctor";
  /** The file or the code; for `check`, the files. */
  readonly operands: readonly string[];
  readonly options: RuntimeOptions;
  /** Printed after the run. */
  readonly reports: readonly Report[];
}

const BOOLEANS = [
  ...["help", "version", "gc-stress", "check", "json", "time", "stats", "jit-log", "perf-map"],
];
const STRINGS = [
  ...["e", "backend", "heap", "threshold", "timeout", "off", "dump", "function", "plugin"],
  ...["exec-memory", "gate", "code-cache"],
];

/** What can stand in the place of a file. */
const WORDS: readonly string[] = ["check", "doctor"];

const USAGE = `Usage: cli.ts [OPTIONS] FILE [ARGS...]     run a program (- reads it from standard input)
       cli.ts [OPTIONS] -e CODE [ARGS...]  run CODE
       cli.ts [OPTIONS] check FILE...      find mistakes without running
       cli.ts [OPTIONS] doctor             tell what works on this machine
`;

const HELP = `
Running
  --backend=NAME    interp: only interpret; x64: run what is hot as machine code (with --allow-ffi, on
                    x86-64). Without it: interpret, and go over to x64 if that pays and works
  --heap=SIZE       use at most this much memory: 64M, 1G (default 1G)
  --threshold=N     call loops and functions hot after N rounds or calls (default 100)
  --timeout=N       end the program after N seconds, exit code 124
  --exec-memory=M   how machine code is written: dual (two mappings) or mprotect (one, by turns)
  --gate=GATE       how machine code is entered: bsearch (fast) or fnptr
  --code-cache=SIZE keep at most this much machine code: 64K, 1M (default 32M)
  --gc-stress       collect garbage at every opportunity, to find what is not rooted
  --plugin=FILE     load a plugin: the default export of a module; repeatable

Looking inside
  --dump=WHAT       print tokens, ast or bytecode, or what comes out of a pass, and do not run;
                    profile: run, then print what ran how often;
                    hot, draft, code, patches: run, then print what hot functions became;
                    exits: run, then print why machine code was left. A list with commas, or repeatable
  --function=NAME   dump functions of this name only
  --jit-log         tell what happens to hot code, a line for each event, as it happens
  --perf-map        write /tmp/perf-PID.map, for the Linux profiler perf (needs --allow-write=/tmp)
  --time            print how long each pass took
  --stats           print how much ran as machine code, allocation, collections, pauses
  --check           verify what comes out of each pass
  --off=PASS        leave a pass out; a list with commas, or repeatable
  --json            dumps, check, doctor, jit-log, stats and time as JSON, one object a line

  --help, -h        this text
  --version, -v     the version

Dumps go to standard output, reports after a run to standard error.
Exit codes: 0 success, 1 the program failed or has errors, 2 wrong usage,
70 machine code faulted, which is a bug in the runtime.
`;

/** Runs a command line; gives the exit code. */
async function main(args: readonly string[]): Promise<number> {
  try {
    const first = args[0];
    if (first !== undefined && !first.startsWith("-") && !WORDS.includes(first)) {
      return await run({ kind: "file", operands: [first], options: { args: args.slice(1) }, reports: [] });
    }
    const command = await parseCommand(args);
    return typeof command === "number" ? command : await run(command);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return PIPE_CLOSED;
    if (error instanceof WriteFailure || error instanceof ReadFailure) {
      const what = error instanceof WriteFailure ? "Writing the output" : "Reading standard input";
      say(Deno.stderr, `${what} failed: ${error.message}\n`);
      return FAILED;
    }
    if (error instanceof OptionError) {
      say(Deno.stderr, `${error.message}\nTry --help.\n`);
      return WRONG_USAGE;
    }
    if (error instanceof PluginFailure) {
      say(Deno.stderr, await createRuntime({ color: hasColor() }).print(error.diagnostics));
      return FAILED;
    }
    const detail = error instanceof Error ? error.stack ?? error.message : String(error);
    say(Deno.stderr, `Internal error, which is a bug in the runtime and not in the program:\n${detail}\n`);
    return FAILED;
  }
}

/** Reads the arguments; gives an exit code when there is nothing left to do. */
async function parseCommand(args: readonly string[]): Promise<Command | number> {
  const { parseArgs } = await import("@std/cli/parse-args");
  const parsed = parseArgs([...args], {
    boolean: BOOLEANS,
    string: STRINGS,
    collect: ["off", "dump", "plugin"],
    alias: { help: "h", version: "v" },
    stopEarly: true,
    unknown(option: string, key?: string) {
      if (key === undefined) return true;
      if (key.endsWith("=")) throw new OptionError(`${option.slice(0, -1)} needs a value`);
      const meant = suggest(key, [...BOOLEANS, ...STRINGS]);
      throw new OptionError(`Unknown option ${option}${meant === null ? "" : `; did you mean --${meant}?`}`);
    },
  });
  checkValues(args.slice(0, args.length - parsed._.length), parsed);
  if (parsed.help) {
    const { bold } = await import("@std/fmt/colors");
    const isColored = Deno.stdout.isTerminal() && !Deno.noColor;
    const headings = isColored ? HELP.replace(/^[A-Z][a-z]+( [a-z]+)?$/gm, (heading) => bold(heading)) : HELP;
    say(Deno.stdout, USAGE + headings);
    return 0;
  }
  if (parsed.version) {
    say(Deno.stdout, `unnarize ${VERSION}\n`);
    return 0;
  }

  const operands = parsed._.map(String);
  const dump = listOf(parsed.dump), wantsProfile = dump.includes("profile");
  const printed = dump.filter((name) => name !== "profile");
  const reports: Report[] = [];
  if (wantsProfile) reports.push("profile");
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
    compileOnly: printed.length > 0 && reports.length === 0,
    plugins: await Promise.all(parsed.plugin.map(loadPlugin)),
    ...(parsed.backend !== undefined
      ? { backend: parsed.backend }
      // Machine code does not count how often it runs.
      : wantsProfile
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
    return { kind: "code", operands: [parsed.e], options: { ...options, args: operands }, reports };
  }
  const [file, ...rest] = operands;
  if (file === undefined) {
    say(Deno.stderr, USAGE + "Try --help.\n");
    return WRONG_USAGE;
  }
  if (file === "doctor") return { kind: "doctor", operands: rest, options, reports };
  if (file === "check") {
    if (rest.length === 0) throw new OptionError("'check' needs at least one file");
    return { kind: "check", operands: rest, options, reports };
  }
  const kind = file === "-" ? "stdin" : "file";
  return { kind, operands: [file], options: { ...options, args: rest }, reports };
}

/** What the parser lets pass: options without their value, and values of options that take none. */
function checkValues(given: readonly string[], parsed: Readonly<Record<string, unknown>>): void {
  for (const option of given) {
    const [, name, value] = /^--?([a-z-]+)(=.*)?$/s.exec(option) ?? [];
    if (value !== undefined && BOOLEANS.includes(name)) throw new OptionError(`--${name} takes no value`);
  }
  const isEmpty = (value: unknown) => value === "" || (Array.isArray(value) && value.includes(""));
  const empty = STRINGS.find((name) => isEmpty(parsed[name]));
  if (empty !== undefined) throw new OptionError(`${empty === "e" ? "-e" : `--${empty}`} needs a value`);
}

async function run({ kind, operands, options, reports }: Command): Promise<number> {
  if (kind === "doctor") {
    say(Deno.stdout, await doctor(options.json));
    return 0;
  }
  const runtime = createRuntime({ ...options, interruptible: true, color: hasColor() });
  const code = await start(runtime, kind, operands, options.json ?? false);
  if (options.dump?.length) say(Deno.stdout, await runtime.report("dumps"));
  if (options.dump?.length) say(Deno.stderr, await runtime.report("native"));
  for (const report of reports) say(Deno.stderr, await runtime.report(report));
  // A program that ends itself or fails may leave something behind that would go on. All others end by themselves:
  // Deno keeps what V8 has compiled for the next start, which it does not when the process is ended abruptly.
  if (runtime.outcome() !== "finished") Deno.exit(code);
  return code;
}

async function start(
  runtime: Runtime,
  kind: Exclude<Command["kind"], "doctor">,
  operands: readonly string[],
  json: boolean,
): Promise<number> {
  switch (kind) {
    case "file":
      return runtime.runFile(operands[0]);
    case "code":
      return runtime.runSource("<command line>", operands[0]);
    case "stdin":
      return runtime.runSource(STDIN, await readStdin());
    case "check": {
      let code = 0;
      for (const file of operands) {
        const found = file === "-"
          ? await runtime.check(STDIN, await readStdin())
          : await runtime.check(file);
        say(json ? Deno.stdout : Deno.stderr, await runtime.print(found));
        if (found.some(({ severity }) => severity === "error")) code = FAILED;
      }
      return code;
    }
  }
}

/** What messages call the standard input. */
const STDIN = "<standard input>";

/** Thrown when standard input cannot be read. */
class ReadFailure extends Error {}

async function readStdin(): Promise<Uint8Array> {
  try {
    return await new Response(Deno.stdin.readable).bytes();
  } catch (error) {
    throw new ReadFailure(error instanceof Error ? error.message : String(error), { cause: error });
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

/** Errors are coloured where somebody sees them. */
function hasColor(): boolean {
  return Deno.stderr.isTerminal() && !Deno.noColor;
}

function say(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  writeAll(stream, new TextEncoder().encode(text));
}

if (import.meta.main) {
  Deno.exitCode = await main(Deno.args);
}
