/**
 * The command line as a table: commands and options, each with what it is for and a command that shows it. Parsing,
 * `--help` and `explain` are derived from the rows, so what one of them knows the others know too. What an option
 * does is decided in command_line.ts.
 *
 * @module
 */

/** A command line that shows something, without the program's own name. */
export interface CommandExample {
  /** The arguments; `@/` begins a path in the project. */
  readonly args: readonly string[];
  /** What it reads from standard input. */
  readonly stdin?: string;
  /** Why nobody runs it to show what it prints: it would write a file, or wait for a person. */
  readonly unshown?: string;
  /** Whether it prints something else each time: times, addresses, what this machine is like. */
  readonly varies?: boolean;
}

/** Something that stands in the place of a file. */
export interface CommandRow {
  /** The word. */
  readonly name: string;
  /** What follows the word. */
  readonly operands: string;
  /** A few words for the usage. */
  readonly text: string;
  /** When one wants it. */
  readonly why: string;
  /** What it looks like. */
  readonly example: CommandExample;
}

/** The headings of `--help`. */
export type OptionGroup = "Running" | "Looking inside" | "Help";

/** An option. */
export interface OptionRow {
  /** Without its hyphens; of one letter, it is written with one hyphen and a blank. */
  readonly name: string;
  /** What its value is called; a flag has none. */
  readonly value?: string;
  /** A letter that stands for it. */
  readonly letter?: string;
  /** Whether it may be given several times. */
  readonly repeatable?: boolean;
  /** Where `--help` lists it; what the usage shows already is in no group. */
  readonly group: OptionGroup | null;
  /** What it does. */
  readonly text: string;
  /** When one wants it. */
  readonly why: string;
  /** What it looks like. */
  readonly example: CommandExample;
}

/** A program that gets hot, and prints a line. */
const HOT = "var sum = 0;\nfor (var i = 0; i < 1000; i += 1) sum += i;\nprint sum;";
/** One with a function and an operand that is no integer once. */
const CALLS =
  "function half(n) { return n / 2; }\nfor (var i = 0; i < 500; i += 1) half(i);\nprint half(0.5);";

/** What can stand in the place of a file, in the order of the usage. */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: "repl",
    operands: "[FILE [ARGS...]]",
    text: "talk to a program: run what is typed, line by line; with FILE, run that first",
    why: "Trying something out is quicker when everything that was defined before is still there.",
    example: { args: ["repl"], stdin: "var x = 20\nx * 2 + 2\n:ast x < 3\n" },
  },
  {
    name: "check",
    operands: "FILE...",
    text: "find mistakes without running",
    why: "A misspelt name fails only when the program gets there; reading the whole file finds it now.",
    example: { args: ["check", "-"], stdin: "var count = 1;\nprint cuont;\n" },
  },
  {
    name: "explain",
    operands: "[WORD]",
    text: "explain an opcode, a pass, a message, an option, …; without a word, list all",
    why:
      "Whatever a listing or a message mentions can be looked up by its name, with an example that is run.",
    example: { args: ["explain", "pop"] },
  },
  {
    name: "why",
    operands: "FILE:LINE [ARGS...]",
    text: "run a program and tell why a line is, or is not, machine code",
    why:
      "A program that is no faster than expected mostly has one line that leaves machine code in each round.",
    example: { args: ["why", "@/examples/jit_test_simple.unna:5"], varies: true },
  },
  {
    name: "new",
    operands: "KIND NAME [--dir=DIR]",
    text: "write a starting point for a plugin and its test; KIND: pass, opcode, native or backend",
    why: "A file that works is easier to change than an empty one is to fill.",
    example: { args: ["new", "opcode", "add"] },
  },
  {
    name: "plugin",
    operands: "verify FILE [--programs=N] [--seed=N]",
    text:
      "try whether a plugin keeps its promises: with the language suite, generated programs, and values at the edges",
    why:
      "What is wrong with a pass or a template shows in one program of a thousand, and that one is better found before.",
    example: { args: ["plugin", "verify", "plugins/power.ts"], unshown: "it takes half a minute" },
  },
  {
    name: "lab",
    operands: "[N [--start [DIR] | FILE]]",
    text: "exercises: list them, read number N, begin it with a file to be filled in, have FILE judged",
    why: "What one has built oneself, one has understood; and somebody should say whether it works.",
    example: { args: ["lab", "8"] },
  },
  {
    name: "doctor",
    operands: "",
    text: "tell what works on this machine",
    why: "Machine code needs a processor, a system and permissions; this tries each of them on its own.",
    example: { args: ["doctor"], varies: true },
  },
];

/** All options, in the order of `--help`. */
export const OPTIONS: readonly OptionRow[] = [
  {
    name: "e",
    value: "CODE",
    group: null,
    text: "run CODE in place of a file",
    why: "A question about the language is answered faster than a file is made.",
    example: { args: ["-e", 'print "ab" + 1;'] },
  },
  {
    name: "backend",
    value: "NAME",
    group: "Running",
    text: "interp: only interpret; x64: run what is hot as machine code (with --allow-ffi, on x86-64). " +
      "Without it: interpret, and go over to x64 if that pays and works",
    why: "Asking for one tells it apart from the others: for speed, or to find out which of them is wrong.",
    example: { args: ["--backend=interp", "-e", HOT] },
  },
  {
    name: "heap",
    value: "SIZE",
    group: "Running",
    text: "use at most this much memory: 64M, 1G (default 1G)",
    why: "A program that holds on to everything should fail by itself before it takes the machine down.",
    example: { args: ["--heap=1M", "-e", "var all = [];\nwhile (true) push(all, [1]);"] },
  },
  {
    name: "threshold",
    value: "N",
    group: "Running",
    text: "call loops and functions hot after N rounds or calls (default 100)",
    why:
      "With 1, everything is compiled at once, and what is wrong with machine code shows in short programs.",
    example: { args: ["--threshold=1", "--dump=profile", "-e", HOT] },
  },
  {
    name: "timeout",
    value: "N",
    group: "Running",
    text: "end the program after N seconds, exit code 124",
    why: "A loop without an end would run until somebody notices.",
    example: { args: ["--timeout=0.2", "-e", "while (true) {}"] },
  },
  {
    name: "exec-memory",
    value: "M",
    group: "Running",
    text: "how machine code is written: dual (two mappings) or mprotect (one, by turns)",
    why: "Some systems forbid one of the two ways; and what each of them costs can be measured.",
    example: { args: ["--backend=x64", "--exec-memory=mprotect", "-e", HOT] },
  },
  {
    name: "gate",
    value: "GATE",
    group: "Running",
    text: "how machine code is entered: bsearch (fast) or fnptr",
    why: "The plain way in costs a hundred times as much; this shows when that matters.",
    example: { args: ["--backend=x64", "--gate=fnptr", "-e", HOT] },
  },
  {
    name: "code-cache",
    value: "SIZE",
    group: "Running",
    text: "keep at most this much machine code: 64K, 1M (default 32M)",
    why: "Code that has to make room is evicted; a small cache shows that programs survive it.",
    example: { args: ["--backend=x64", "--code-cache=64K", "-e", HOT] },
  },
  {
    name: "gc-stress",
    group: "Running",
    text: "collect garbage at every opportunity, to find what is not rooted",
    why: "What is collected too early is missed by chance only; collecting always takes chance out of it.",
    example: { args: ["--gc-stress", "-e", 'var a = [];\npush(a, "b" + 1);\nprint a;'] },
  },
  {
    name: "plugin",
    value: "FILE",
    repeatable: true,
    group: "Running",
    text: "load a plugin: the default export of a module; repeatable",
    why: "Syntax, opcodes, passes, natives and backends come from files, without a change to the runtime.",
    example: { args: ["--plugin=@/plugins/power.ts", "-e", "print 2 ** 10;"] },
  },
  {
    name: "dump",
    value: "WHAT",
    repeatable: true,
    group: "Looking inside",
    text: "print tokens, ast or bytecode, or what comes out of a pass, and do not run; " +
      "profile: run, then print what ran how often; " +
      "hot, draft, code, patches: run, then print what hot functions became; " +
      "exits: run, then print why machine code was left; " +
      "all: run, then print all of these. A list with commas, or repeatable",
    why:
      "Each stage of a program has one printed form; what a stage got wrong is seen in the first one that is wrong.",
    example: { args: ["--dump=bytecode", "-e", "print 2 + 3;"] },
  },
  {
    name: "page",
    value: "FILE",
    group: "Looking inside",
    text: "run, then write what --dump names, or all of it, as one HTML page (needs --allow-write=FILE)",
    why:
      "Source, tree, bytecode and machine code stand side by side, and pointing at one lights up the others.",
    example: { args: ["--page=run.html", "-e", CALLS], unshown: "it writes a file" },
  },
  {
    name: "function",
    value: "NAME",
    group: "Looking inside",
    text: "dump functions of this name only",
    why: "A listing of everything is long, and one function of it is asked about.",
    example: { args: ["--dump=bytecode", "--function=half", "-e", CALLS] },
  },
  {
    name: "jit-log",
    group: "Looking inside",
    text: "tell what happens to hot code, a line for each event, as it happens",
    why: "It shows the order of things: what got hot first, what was compiled again, and after which exits.",
    example: { args: ["--jit-log", "-e", CALLS], varies: true },
  },
  {
    name: "perf-map",
    group: "Looking inside",
    text: "write /tmp/perf-PID.map, for the Linux profiler perf (needs --allow-write=/tmp)",
    why: "perf knows addresses; this file gives machine code the names of the functions that it came from.",
    example: { args: ["--perf-map", "-e", HOT], unshown: "it writes a file" },
  },
  {
    name: "time",
    group: "Looking inside",
    text: "print how long each pass took",
    why: "A slow start has a pass that is to blame.",
    example: { args: ["--time", "-e", "print 1;"], varies: true },
  },
  {
    name: "stats",
    group: "Looking inside",
    text: "print how much ran as machine code, allocation, collections, pauses",
    why: "The share of machine code says at once whether there is anything to look for.",
    example: { args: ["--stats", "-e", HOT], varies: true },
  },
  {
    name: "check",
    group: "Looking inside",
    text: "verify what comes out of each pass",
    why: "A pass that makes something wrong is caught where it does so, not three passes later.",
    example: { args: ["--check", "-e", "print 1;"] },
  },
  {
    name: "off",
    value: "PASS",
    repeatable: true,
    group: "Looking inside",
    text: "leave a pass out; a list with commas, or repeatable",
    why: "If something goes wrong with a pass and right without it, the pass is to blame.",
    example: { args: ["--off=profile", "-e", "print 1;"] },
  },
  {
    name: "json",
    group: "Looking inside",
    text: "dumps, check, doctor, explain, why, jit-log, stats and time as JSON, one object a line",
    why: "Tools read JSON, and text is free to change.",
    example: { args: ["--json", "check", "-"], stdin: "print missing;\n" },
  },
  {
    name: "help",
    letter: "h",
    group: "Help",
    text: "print the options",
    why: "It lists what there is; explain tells more about each.",
    example: { args: ["--help"], unshown: "it prints this table" },
  },
  {
    name: "version",
    letter: "v",
    group: "Help",
    text: "print the version",
    why: "A report of a bug should name it.",
    example: { args: ["--version"] },
  },
];

/** An option as it is typed: `--heap=SIZE`, `-e CODE`. */
export function spellOption({ name, value }: Pick<OptionRow, "name" | "value">): string {
  if (name.length === 1) return value === undefined ? `-${name}` : `-${name} ${value}`;
  return value === undefined ? `--${name}` : `--${name}=${value}`;
}

const RUN_USAGES: readonly (readonly [usage: string, text: string])[] = [
  ["FILE [ARGS...]", "run a program (- reads it from standard input)"],
  ["-e CODE [ARGS...]", "run CODE"],
];

/** The ways to call the program, a line each. */
export function printUsage(): string {
  const rows = [
    ...RUN_USAGES,
    ...COMMANDS.map(({ name, operands, text }) => [`${name} ${operands}`.trimEnd(), text] as const),
  ];
  const lead = "Usage: cli.ts [OPTIONS] ";
  const column = lead.length + Math.max(...rows.map(([usage]) => usage.length)) + 2;
  return rows.map(([usage, text], index) =>
    layOut((index === 0 ? lead : lead.replace("Usage:", "      ")) + usage, text, column)
  ).join("");
}

const HELP_WIDTH = 108, HELP_COLUMN = 20;

const HELP_END = `
Dumps go to standard output, reports after a run to standard error.
Exit codes: 0 success, 1 the program failed or has errors, 2 wrong usage, 70 machine code faulted, which is
a bug in the runtime, 124 the time limit was over, 130 Ctrl-C, 143 SIGTERM, 141 nobody read the output.
`;

/** The usage and all options; `paint` is given the headings. */
export function printHelp(paint: (heading: string) => string = (heading) => heading): string {
  const groups = Map.groupBy(OPTIONS, ({ group }) => group);
  groups.delete(null);
  const sections = [...groups].map(([group, rows]) => `\n${paint(group!)}\n${rows.map(printRow).join("")}`);
  return printUsage() + sections.join("") + HELP_END;
}

/** `  --heap=SIZE       use at most this much memory` */
function printRow(row: OptionRow): string {
  const letter = row.letter === undefined ? "" : `, -${row.letter}`;
  return layOut(`  ${spellOption(row)}${letter}`, row.text, HELP_COLUMN);
}

/** A title, and a text that begins at a column; what does not fit a line goes on below. */
function layOut(title: string, text: string, column: number): string {
  const lines: string[] = [];
  let line = title.padEnd(column - 1);
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > HELP_WIDTH) {
      lines.push(line);
      line = " ".repeat(column - 1);
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n") + "\n";
}
