// Runs Unnarize programs inside the test process and holds them to the expectations written in them.
//
// A program says beside each statement what has to come out of it, so a language test is one readable file:
//
//     print 7 / 2;          // expect: 3
//     print nil + 1;        // expect runtime error: Cannot apply '+' to nil and int.
//
//   // expect: TEXT                        the next line of stdout
//   // expect stderr: TEXT                 stderr contains TEXT
//   // expect error: TEXT                  this line fails to compile, with TEXT in the report (it may be empty)
//   // expect runtime error: TEXT          this line raises an error that begins with TEXT (it may be empty)
//   // expect runtime error in FILE:LINE: TEXT      the same, raised in another file
//   // args: a b    // stdin: TEXT    // exit: N    // heap: MIB    // slow: CONFIGURATION-TAG
//
// `…` in the text of an error stands for anything. A line `// --- title` divides a file into programs of their own; what
// stands above the first one belongs to each of them. Line numbers stay those of the file, because every program is
// padded with empty lines.
//
// This file decides how a program is run and judged. It knows the public API alone, nothing of what is behind it.

import { assertEquals } from "@std/assert";
import { createRuntime, type RuntimeOptions } from "../mod.ts";

/** One way of running programs: every language test runs in each of them. */
export interface Config {
  readonly name: string;
  readonly options: RuntimeOptions;
  /** Programs marked `// slow: TAG` with this tag are left out. */
  readonly tag?: string;
}

export const CONFIGS: readonly Config[] = [
  { name: "interp", options: { backend: "interp" } },
  // In the loop, which most programs are too short for.
  {
    name: "interp in the loop, with gc stress",
    options: { backend: "interp", threshold: 1, gcStress: true },
    tag: "gc",
  },
  { name: "x64, everything hot", options: { backend: "x64", threshold: 1 } },
  // The other kind of memory and the other gate than everywhere else.
  { name: "x64, mprotect and fnptr", options: { backend: "x64", execMemory: "mprotect", gate: "fnptr" } },
  {
    name: "x64, everything hot, with gc stress",
    options: { backend: "x64", threshold: 1, gcStress: true },
    tag: "gc",
  },
];

/** A heap that is small enough for hundreds of runtimes one after the other, in bytes. */
export const SMALL_HEAP = 64 << 20;

/** What a program left behind. Bytes of stdout that are not UTF-8, and control characters, read `\xHH`. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions extends RuntimeOptions {
  /** The path a source text goes by: imports are relative to it. */
  readonly path?: string;
  /** Lines for the program to read. */
  readonly input?: readonly string[];
}

/** Runs a source text, or a file, in a fresh runtime. */
export async function runUnna(
  program: string | { file: string },
  options: RunOptions = {},
): Promise<Outcome> {
  const { path = "test.unna", input = [], ...runtimeOptions } = options;
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  const lines = input.values();
  const runtime = createRuntime({
    heap: SMALL_HEAP,
    color: false,
    stdout: (bytes) => void out.push(bytes.slice()),
    stderr: (bytes) => void err.push(bytes.slice()),
    stdin: () => lines.next().value ?? null,
    ...runtimeOptions,
  });
  try {
    const code = typeof program === "string"
      ? await runtime.runSource(path, program)
      : await runtime.runFile(program.file);
    return { code, stdout: readableText(joinBytes(out)), stderr: new TextDecoder().decode(joinBytes(err)) };
  } finally {
    runtime.dispose();
  }
}

/** Runs a program in every configuration; all have to do the same. */
export async function runEverywhere(source: string): Promise<Outcome> {
  const [first, ...others] = CONFIGS;
  const outcome = await runUnna(source, first.options);
  for (const { name, options } of others) {
    assertEquals(await runUnna(source, options), outcome, `on ${name}: ${source}`);
  }
  return outcome;
}

/** What a program prints that has to succeed, and to have nothing to complain about. */
export async function outputOf(source: string, options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await runUnna(source, options);
  assertEquals({ code, stderr }, { code: 0, stderr: "" }, source);
  return stdout;
}

/** The first line of the error with which a program has to end. */
export async function errorOf(source: string): Promise<string> {
  const { code, stderr } = await runUnna(source);
  assertEquals(code, 1, source);
  return stderr.slice(0, stderr.indexOf("\n"));
}

/** What a program prints, the same in every way of running it. */
export async function outputEverywhere(source: string): Promise<string> {
  const { code, stdout, stderr } = await runEverywhere(source);
  assertEquals({ code, stderr }, { code: 0, stderr: "" }, source);
  return stdout;
}

/** What a failing program says, the same in every way of running it. */
export async function errorEverywhere(source: string): Promise<string> {
  const { code, stderr } = await runEverywhere(source);
  assertEquals(code, 1, source);
  return stderr;
}

/** Runs `use` with the real path of a folder of its own, which is gone afterwards. */
export async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs `use` beside a server of the host's, on the loopback interface. */
export async function withHost(
  answer: (request: Request) => Response | Promise<Response>,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, answer);
  try {
    await use(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

/** A text as a literal of the language. */
export const quoted = (text: string) =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;

function joinBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

// Text in which every byte can be seen: what is neither UTF-8 nor printable is written as an escape.
function readableText(bytes: Uint8Array): string {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const hex = (byte: number) => `\\x${byte.toString(16).padStart(2, "0")}`;
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at];
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead < 0x20 && lead !== 0x0a || lead === 0x7f) {
      text += hex(bytes[at++]);
      continue;
    }
    try {
      text += strict.decode(bytes.subarray(at, at + size));
      at += size;
    } catch {
      text += hex(bytes[at++]);
    }
  }
  return text;
}

// ---------------------------------------------------------------------------------------------- expectations

interface Line {
  readonly text: string;
  readonly line: number;
}

/** An error that has to be reported, and where. */
export interface ExpectedError extends Line {
  readonly kind: "error" | "runtime error";
  readonly file: string;
}

/** A program with everything that is expected of it. */
export interface Program {
  readonly title: string;
  readonly file: string;
  readonly source: string;
  readonly whole: boolean;
  readonly stdout: readonly Line[];
  readonly stderr: readonly Line[];
  readonly errors: readonly ExpectedError[];
  readonly exit: number;
  readonly args: readonly string[];
  readonly input: readonly string[];
  readonly heap: number | undefined;
  readonly slow: readonly string[];
}

const EXPECT = /\/\/ expect(?: (error|runtime error|stderr))?(?: in ([^\s:]+):(\d+))?:(?: (.*))?$/;
const DIRECTIVE = /^\/\/ (args|stdin|exit|heap|slow): (.*)$/;
const DIVIDER = /^\/\/ ---(.*)$/;

/** The programs of one file: one, unless dividers make it more. */
export function readPrograms(file: string, text: string): Program[] {
  const lines = text.split("\n");
  const dividers = lines.flatMap((line, index) => DIVIDER.test(line) ? [index] : []);
  if (dividers.length === 0) return [readProgram(file, "", lines, true)];
  return dividers.map((start, nth) => {
    const end = dividers[nth + 1] ?? lines.length;
    const own = lines.slice(0, end).map((line, index) => index < dividers[0] || index > start ? line : "");
    return readProgram(file, DIVIDER.exec(lines[start])![1].trim(), own, false);
  });
}

function readProgram(file: string, title: string, lines: readonly string[], whole: boolean): Program {
  const stdout: Line[] = [];
  const stderr: Line[] = [];
  const errors: ExpectedError[] = [];
  const directives = new Map<string, string>();
  lines.forEach((source, index) => {
    const directive = DIRECTIVE.exec(source);
    if (directive) directives.set(directive[1], directive[2]);
    const found = EXPECT.exec(source);
    if (!found) {
      // A misspelt expectation would silently expect nothing.
      if (/\/\/\s*expect/.test(source)) {
        throw new Error(`${file}:${index + 1}: not an expectation: ${source}`);
      }
      return;
    }
    const [, kind, otherFile, otherLine, expected = ""] = found;
    const line = index + 1;
    if (kind === undefined) stdout.push({ text: expected, line });
    else if (kind === "stderr") stderr.push({ text: expected, line });
    else {
      errors.push({
        kind: kind as ExpectedError["kind"],
        file: otherFile ?? baseName(file),
        line: otherLine === undefined ? line : Number(otherLine),
        text: expected,
      });
    }
  });
  const words = (name: string) => directives.get(name)?.split(" ") ?? [];
  const heap = directives.get("heap");
  return {
    title,
    file,
    source: lines.join("\n"),
    whole,
    stdout,
    stderr,
    errors,
    exit: Number(directives.get("exit") ?? (errors.length > 0 ? 1 : 0)),
    args: words("args"),
    input: directives.has("stdin") ? directives.get("stdin")!.split("\\n") : [],
    heap: heap === undefined ? undefined : Number(heap) << 20,
    slow: words("slow"),
  };
}

/** Runs a program in a configuration; gives what is wrong with it, or null. */
export async function judge(program: Program, config: Config): Promise<string | null> {
  const options: RunOptions = {
    ...config.options,
    path: program.file,
    args: [...program.args],
    input: program.input,
    ...(program.heap === undefined ? {} : { heap: program.heap }),
  };
  // A whole file is read by the runtime itself; a program cut out of a file is not on disk.
  const outcome = await runUnna(program.whole ? { file: program.file } : program.source, options);
  const faults = [...compareOutput(program, outcome), ...compareErrors(program, outcome)];
  if (outcome.code !== program.exit) faults.push(`exit code ${program.exit} expected, got ${outcome.code}`);
  if (faults.length === 0) return null;
  if (outcome.stderr !== "") faults.push(`stderr was:\n${indent(outcome.stderr.trimEnd())}`);
  const name = program.title === "" ? program.file : `${program.file} (${program.title})`;
  return `${name} on ${config.name}\n${indent(faults.join("\n"))}`;
}

function compareOutput(program: Program, outcome: Outcome): string[] {
  const got = outcome.stdout === "" ? [] : outcome.stdout.replace(/\n$/, "").split("\n");
  const expected = program.stdout;
  let same = 0;
  while (same < expected.length && same < got.length && expected[same].text === got[same]) same++;
  if (same === expected.length && same === got.length) return [];
  const diff = [
    ...expected.slice(Math.max(0, same - 2), same).map((line) => `      ${line.text}`),
    ...expected.slice(same, same + 5).map((line) => `    - ${line.text}`),
    ...got.slice(same, same + 5).map((line) => `    + ${line}`),
  ];
  const where = same < expected.length ? `line ${expected[same].line} expects` : "nothing more is expected";
  return [`stdout (- expected, + got), ${where}:`, ...diff];
}

function compareErrors(program: Program, outcome: Outcome): string[] {
  const { stderr } = outcome;
  const silent = program.errors.length === 0 && program.stderr.length === 0 && program.exit === 0;
  if (silent) return stderr === "" ? [] : ["nothing is expected on stderr"];
  const faults = program.stderr
    .filter(({ text }) => !textPattern(text).test(stderr))
    .map(({ text, line }) => `line ${line} expects on stderr: ${text}`);
  const first = /([^\s"'(]+):(\d+):\d+/.exec(stderr);
  program.errors.forEach((error, index) => {
    const lead = error.kind === "runtime error" ? "Runtime Error: " : "";
    if (!textPattern(lead + error.text).test(stderr)) {
      faults.push(`line ${error.line} expects the ${error.kind}: ${error.text}`);
    }
    const place = `${error.file}:${error.line}`;
    const found = index === 0
      ? first !== null && `${first[1]}:${first[2]}`.endsWith(place)
      : stderr.includes(`${place}:`);
    if (!found) {
      faults.push(`${place} is where an error is expected${first ? `, the first is at ${first[0]}` : ""}`);
    }
  });
  return faults;
}

function textPattern(text: string): RegExp {
  return new RegExp(text.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*"));
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function indent(text: string): string {
  return text.split("\n").map((line) => `  ${line}`).join("\n");
}
