/**
 * A conversation with a program: reads what somebody types, runs it, shows what it comes to, and asks for more. What
 * runs is `session.ts`'s matter, how it is compiled that of the passes; here is decided what is an input, what is a
 * command, and what the answers look like.
 *
 * ```text
 *            ┌──────────────── unfinished: one more line ───────────────┐
 *            ▼                                                          │
 *  line ──► text ──`:word`──► command ──► what it shows                 │
 *            └──otherwise──► compile ──────────────────────────────────►┤
 *                               └──► run ──► value, unless it is nil    │
 *                                     └──► error, told; all goes on ◄───┘
 * ```
 *
 * On a terminal there are prompts, colours, and a line editor; through a pipe there is nothing but the answers, and the
 * exit code tells whether the last input went well.
 */

import { views } from "./memory.ts";
import { HI_NIL } from "./value.ts";
import { valueToDisplay } from "./text.ts";
import { type Program as Tree, walk } from "./ast.ts";
import { printAst } from "./ast_text.ts";
import { suggest } from "./diagnostics.ts";
import { printProgram } from "./listing.ts";
import {
  closeAll,
  type FunctionProfile,
  type LazyLibrary,
  type LibraryDef,
  type LoadedFunction,
  ProgramExit,
  type RuntimeFault,
} from "./machine.ts";
import { printCode, printHot } from "./native_views.ts";
import type { AnyTarget, Code } from "./backend.ts";
import type { OpcodeDef } from "./opcodes.ts";
import { CompileFailure } from "./pass.ts";
import { type Program, Proto } from "./program.ts";
import { makeSource, type SourceFile } from "./source.ts";
import type { Engine } from "./engine.ts";
import { type Completion, createLineEditor } from "./line_editor.ts";
import { findFunction, globalNames, memberNames, runInput } from "./session.ts";

/** What a conversation needs of the runtime around it. */
export interface ReplHost {
  readonly engine: Engine;
  readonly opcodes: readonly OpcodeDef[];
  readonly libraries: readonly (LibraryDef | LazyLibrary)[];
  readonly keywords: readonly string[];
  /** Rounds and calls after which loops and functions count as hot. */
  readonly threshold: number;
  readonly color: boolean;
  /** Whether somebody sits there; otherwise inputs are the lines that the program could read. */
  readonly isTerminal: boolean;
  /** The file that keeps what was typed. */
  readonly history?: string;
  /** The tree of an input as it was written; throws {@linkcode CompileFailure}. */
  parse(source: SourceFile): Tree;
  /** Compiles an input and tells warnings; throws {@linkcode CompileFailure}. */
  compile(source: SourceFile): Promise<Program>;
  /** Whether more text could make an input right. */
  isUnfinished(failure: CompileFailure): boolean;
  /** Runs something that may be interrupted. */
  run(path: string, work: () => Promise<void>): Promise<void>;
  /** Tells what has ended an input; gives an exit code, or throws what is none of the program's business. */
  tellFailure(error: unknown): number;
  /** The machine code that there is, null where the interpreter runs everything; and for which processor. */
  native(): { readonly compiled: readonly { readonly code: Code }[] | null; readonly target?: AnyTarget };
  /** Writes to standard output. */
  write(text: string): void;
  /** Writes to standard error, behind all output so far. */
  say(text: string): void;
  /** Interrupts what runs; not there if somebody else hears of Ctrl-C. */
  readonly interrupt?: () => void;
}

const PROMPT = "> ", MORE = ". ";

/** Exit codes after which a session goes on: of a failure, of the time limit, and on a terminal of Ctrl-C. */
const FAILED = 1, OUT_OF_TIME = 124, INTERRUPTED = 130;
/** What a process that was ended by SIGTERM is reported with. */
const TERMINATED = 143;

/** A command that cannot be carried out, in words for the one who gave it. */
class CommandError extends Error {}

interface Command {
  readonly name: string;
  /** What follows the name, in words; empty if nothing does. */
  readonly operand: string;
  readonly doc: string;
  /** Carries it out; `end` ends the session. */
  run(host: ReplHost, operand: string, path: string): "end" | void | Promise<void>;
}

const COMMANDS: readonly Command[] = [
  { name: "ast", operand: "NAME or CODE", doc: "the tree of a function, or of some code", run: showTree },
  {
    name: "bytecode",
    operand: "NAME or CODE",
    doc: "the instructions of a function as they are now, or of some code",
    run: showBytecode,
  },
  {
    name: "asm",
    operand: "NAME",
    doc: "the machine code of a function, or why there is none",
    run: showMachineCode,
  },
  {
    name: "hot",
    operand: "",
    doc: "what is hot: calls, rounds of loops, and what became of it",
    run: showHot,
  },
  { name: "time", operand: "CODE", doc: "run some code and tell how long that takes", run: timeInput },
  { name: "help", operand: "", doc: "this list", run: showHelp },
  { name: "quit", operand: "", doc: "end the session, as Ctrl-D does", run: () => "end" },
];

/** What came of an input: an exit code, and whether that ends the session; or that it wants more text. */
type Outcome = { readonly code: number; readonly isEnd: boolean } | "unfinished";

/** Holds a conversation to its end; gives the exit code. */
export async function converse(host: ReplHost): Promise<number> {
  const input = host.isTerminal ? openTerminal(host) : openPipe(host);
  const told = new Set<RuntimeFault>();
  let text = "", number = 1, code = 0;
  try {
    for (;;) {
      const line = await input.readLine(text === "" ? PROMPT : MORE);
      if (line !== null && line !== undefined) text = text === "" ? line : `${text}\n${line}`;
      if (line !== undefined && text.trim() !== "") {
        const outcome = await answer(host, text, `<input ${number}>`, line !== null);
        if (outcome === "unfinished") continue;
        number++;
        code = outcome.code;
        if (outcome.isEnd) return code;
        for (const fault of host.engine.unseen().filter((fault) => !told.has(fault))) {
          told.add(fault);
          code = host.tellFailure(fault);
        }
      }
      text = "";
      if (line === null) return host.isTerminal ? 0 : code;
    }
  } finally {
    closeAll(host.engine.machine);
    host.say(""); // all output before is where it belongs
    input.close();
  }
}

/** Does what an input asks for, and tells what went wrong; `hasMore` if it may go on in the next line. */
async function answer(host: ReplHost, text: string, path: string, hasMore: boolean): Promise<Outcome> {
  try {
    const isEnd = await carryOut(host, text, path) === "end";
    return { code: 0, isEnd };
  } catch (error) {
    if (error instanceof ProgramExit) return { code: error.code, isEnd: true };
    if (hasMore && error instanceof CompileFailure && host.isUnfinished(error)) return "unfinished";
    if (error instanceof CommandError) {
      host.say(`${error.message}\n`);
      return { code: FAILED, isEnd: false };
    }
    const code = host.tellFailure(error);
    const goesOn = code === FAILED || code === OUT_OF_TIME || (code === INTERRUPTED && host.isTerminal);
    return { code, isEnd: !goesOn };
  }
}

async function carryOut(host: ReplHost, text: string, path: string): Promise<"end" | void> {
  const command = /^\s*:\s*(\S*)\s*([^]*?)\s*$/.exec(text);
  if (command === null) return await evaluate(host, text, path);
  const [, word, operand] = command, named = findCommand(word);
  if (named === undefined) {
    const meant = suggest(word, COMMANDS.map(({ name }) => name));
    const advice = meant === null ? "try :help" : `did you mean :${meant}?`;
    throw new CommandError(`There is no command :${word}; ${advice}`);
  }
  const { name, operand: wanted } = named;
  if (operand !== "" && wanted === "") throw new CommandError(`:${name} stands alone`);
  if (operand === "" && wanted !== "") throw new CommandError(`:${name} needs something: :${name} ${wanted}`);
  return await named.run(host, operand, path);
}

/** The command of a name, or of the beginning of one if only one begins so. */
function findCommand(word: string): Command | undefined {
  const found = COMMANDS.filter(({ name }) => name.startsWith(word));
  return found.length === 1 ? found[0] : found.find(({ name }) => name === word);
}

async function evaluate(host: ReplHost, text: string, path: string): Promise<void> {
  const program = await host.compile(makeSource(path, text));
  showValue(host, await runInput(host.engine, program, (work) => host.run(path, work)));
}

function showValue({ write, color }: ReplHost, word: number | null): void {
  if (word === null || views.I32[word + 1] === HI_NIL) return;
  const text = valueToDisplay(word);
  write(color ? `\x1b[36m${text}\x1b[0m\n` : `${text}\n`);
}

// ---- commands ----------------------------------------------------------------------------------------------------

/** The function that is meant, or null if the text is code. */
function namedFunction({ engine }: ReplHost, text: string): LoadedFunction | null {
  return /^[A-Za-z_]\w*$/.test(text) ? findFunction(engine, text) : null;
}

function showTree(host: ReplHost, operand: string, path: string): void {
  const loaded = namedFunction(host, operand);
  if (loaded === null) {
    const source = makeSource(path, operand);
    return host.write(printAst(host.parse(source), source));
  }
  const { source, proto } = loaded;
  let shown = false;
  walk(host.parse(source), {
    enter(node) {
      if (shown || node.kind !== "FunctionExpr" || node.start !== proto.start) return;
      shown = true;
      host.write(printAst(node, source));
    },
  });
}

async function showBytecode(host: ReplHost, operand: string, path: string): Promise<void> {
  const { opcodes } = host, loaded = namedFunction(host, operand);
  if (loaded === null) {
    return host.write(printProgram(await host.compile(makeSource(path, operand)), opcodes));
  }
  const start = loaded.word + Proto.CODE, code = views.I32.slice(start, start + loaded.proto.code.length);
  host.write(withoutTitle(printHot({ loaded, count: false, code }, { opcodes })));
}

/** A view without its heading, which says what whoever asked knows. */
function withoutTitle(view: string): string {
  return view.slice(view.indexOf("\n\n") + 2);
}

function showMachineCode(host: ReplHost, operand: string): void {
  const { engine, opcodes, threshold } = host, loaded = namedFunction(host, operand);
  if (loaded === null) throw new CommandError(`There is no function '${operand}' in this session`);
  const { compiled, target } = host.native();
  const found = compiled?.find(({ code }) => code.hot.loaded === loaded);
  if (found !== undefined && target !== undefined) {
    return host.write(printCode(found.code, { opcodes, target }));
  }
  const profile = engine.profile().find((entry) => entry.loaded === loaded)!, { calls } = profile;
  const rounds = roundsOf(profile), name = `'${operand}'`;
  if (compiled === null) {
    return host.write(
      `${name} has no machine code: the interpreter runs this session (see 'cli.ts doctor')\n`,
    );
  }
  host.write(
    calls < threshold && rounds < threshold
      ? `${name} has no machine code, because it is not hot: ${count(calls, "call")} and ${
        count(rounds, "round")
      } ` +
        `of loops, where ${grouped(threshold)} of either would do\n`
      : `${name} has no machine code, though it is hot: it was given up or evicted, which --jit-log tells\n`,
  );
}

function roundsOf({ loops }: FunctionProfile): number {
  return loops.reduce((sum, { rounds }) => sum + rounds, 0);
}

function showHot(host: ReplHost): void {
  const { engine, threshold } = host;
  const code = new Map(host.native().compiled?.map(({ code }) => [code.hot.loaded, code]));
  const rows = engine.profile()
    .map((entry) => ({ ...entry, rounds: roundsOf(entry), code: code.get(entry.loaded) }))
    .filter(({ calls, rounds, code }) => code !== undefined || calls >= threshold || rounds >= threshold)
    .sort((a, b) => b.calls + b.rounds - a.calls - a.rounds)
    .map(({ loaded: { proto, source }, calls, rounds, code }) => {
      const more = code === undefined ? "" : "+";
      return [
        proto.name,
        `${source.path}:${source.position(proto.start).line}`,
        `${grouped(calls)}${calls > 0 ? more : ""}`,
        `${grouped(rounds)}${rounds > 0 ? more : ""}`,
        code === undefined ? "interpreted" : `native, ${count(code.bytes.length, "byte")}`,
      ];
    });
  if (rows.length === 0) {
    return host.write(
      `Nothing is hot: no function was called, and no loop went round, ${grouped(threshold)} times\n`,
    );
  }
  host.write(table([["function", "where", "calls", "rounds", "runs as"], ...rows]));
  if (code.size > 0) host.write("Machine code does not count: where there is a +, there were more\n");
}

async function timeInput(host: ReplHost, operand: string, path: string): Promise<void> {
  const begun = performance.now();
  const program = await host.compile(makeSource(path, operand));
  const compiled = performance.now();
  const word = await runInput(host.engine, program, (work) => host.run(path, work));
  const ended = performance.now();
  showValue(host, word);
  const took = (from: number, to: number) => `${(to - from).toFixed(3)} ms`;
  host.write(`compiled in ${took(begun, compiled)}, ran in ${took(compiled, ended)}\n`);
}

function showHelp({ write }: ReplHost): void {
  const rows = COMMANDS.map((
    { name, operand, doc },
  ) => [`:${name}${operand === "" ? "" : ` ${operand}`}`, doc]);
  write(
    "Type code to run it: a statement that is not complete goes on in the next line, and the last ';' may\n" +
      "be left out. What an expression comes to is shown, and is called _ from then on.\n\n" +
      table(rows) +
      "\nTab completes a word; Ctrl-C interrupts what runs or throws away what is typed, Ctrl-D ends the session.\n",
  );
}

/** Rows in columns; numbers are put to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const isNumber = (text: string) => /^\d[\d ]*\+?$/.test(text);
  return rows.map((row) => {
    const cells = row.map((text, i) => isNumber(text) ? text.padStart(widths[i]) : text.padEnd(widths[i]));
    return `${cells.join("  ").trimEnd()}\n`;
  }).join("");
}

/** `1 234 567` */
function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, " ");
}

function count(n: number, noun: string): string {
  return `${grouped(n)} ${noun}${n === 1 ? "" : "s"}`;
}

// ---- completion --------------------------------------------------------------------------------------------------

/** What the unfinished word at the end of `text` may become. */
async function completionsFor(host: ReplHost, text: string): Promise<Completion> {
  const command = /^\s*:(\w*)$/.exec(text);
  if (command !== null) {
    const names = COMMANDS.map(({ name, operand }) => operand === "" ? name : `${name} `);
    return { start: text.length - command[1].length, words: beginning(command[1], names) };
  }
  const [, path, word] = /((?:[A-Za-z_]\w*\.)*)([A-Za-z_]\w*)?$/.exec(text)!, typed = word ?? "";
  const start = text.length - typed.length;
  if (path !== "") {
    const names = await memberNames(host.engine, host.libraries, path.slice(0, -1).split("."));
    return { start, words: beginning(typed, names) };
  }
  const isMember = text[start - 1] === ".";
  const libraries = host.libraries.map(({ name }) => name);
  const names = [...host.keywords, ...libraries, ...globalNames(host.engine)];
  return { start, words: typed === "" || isMember ? [] : beginning(typed, names) };
}

function beginning(typed: string, names: Iterable<string>): string[] {
  return [...new Set(names)].filter((name) => name.startsWith(typed)).sort();
}

// ---- where inputs come from --------------------------------------------------------------------------------------

interface Input {
  /** The next line; null at the end, undefined when it was thrown away. */
  readLine(prompt: string): Promise<string | null | undefined>;
  close(): void;
}

/** Lines of a pipe, or of whoever embeds the runtime: the program takes its own input from the same lines. */
function openPipe({ engine }: ReplHost): Input {
  const { world } = engine.machine.host, decoder = new TextDecoder();
  return {
    async readLine() {
      world.flush();
      const line = await world.readLine();
      return line instanceof Uint8Array ? decoder.decode(line) : line;
    },
    close() {},
  };
}

function openTerminal(host: ReplHost): Input {
  const history = openHistory(host);
  const editor = createLineEditor(
    {
      read: (bytes) => Deno.stdin.read(bytes),
      write(text) {
        host.write(text);
        host.engine.machine.host.world.flush();
      },
      setRaw: (isRaw) => Deno.stdin.setRaw(isRaw),
      columns: () => Deno.consoleSize().columns,
    },
    history.lines,
    (text) => completionsFor(host, text),
  );
  // Whoever is asked for a line gets Ctrl-C as a key. While something runs, it is a signal, and ends that alone. And as
  // signals are listened to, somebody has to mind that one that is to end the process.
  const terminate = () => {
    Deno.stdin.setRaw(false);
    Deno.exit(TERMINATED);
  };
  if (host.interrupt) Deno.addSignalListener("SIGINT", host.interrupt);
  Deno.addSignalListener("SIGTERM", terminate);
  host.write("Type code to run it, :help for what else there is, Ctrl-D to leave.\n");
  return {
    async readLine(prompt) {
      const line = await editor.readLine(prompt);
      if (line) history.add(line);
      return line;
    },
    close() {
      if (host.interrupt) Deno.removeSignalListener("SIGINT", host.interrupt);
      Deno.removeSignalListener("SIGTERM", terminate);
    },
  };
}

/** The lines that were typed, those of earlier sessions included if there is a file for them. */
function openHistory(
  { history: path, say }: ReplHost,
): { readonly lines: readonly string[]; add(line: string): void } {
  const lines: string[] = [];
  let isKept = path !== undefined;
  const attempt = (what: string, work: () => void) => {
    try {
      work();
    } catch (error) {
      isKept = false;
      say(
        `History is not kept: ${what} ${path} failed: ${
          error instanceof Error ? error.message : String(error)
        }\n`,
      );
    }
  };
  if (path !== undefined) {
    attempt("reading", () => {
      try {
        lines.push(...Deno.readTextFileSync(path).split("\n").filter((line) => line !== ""));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    });
  }
  return {
    lines,
    add(line) {
      if (line === lines.at(-1)) return;
      lines.push(line);
      if (isKept) attempt("writing", () => Deno.writeTextFileSync(path!, `${line}\n`, { append: true }));
    },
  };
}
