/**
 * Keeps the machine code on the pages in `docs/` real: `deno task docs` rewrites every block below with what the
 * backend makes today of the program that stands above it, and a test fails when a page is behind.
 *
 * ````text
 * ```unna                     a program; it runs on x64; `output` and `error` blocks are what it prints there
 * ```text hot F               the bytecode of function F as it was when F became hot
 * ```text draft F PC          the draft of one instruction: bytes with holes
 * ```text code F PC           its finished code; also what stands behind the instructions, by name: `poll, pc 7`,
 *                             the second one of that name: `detour, pc 5 #2`
 * ```text map F               where each instruction begins
 * ```text holes F             what is to be filled in, and with what
 * ```text jump F forward      how one hole is filled, step by step: the first jump forward, or backward
 * ```text patches F           the log of all patches
 * ```text later F             the log of those that were made while it ran
 * ```text whole F code        all that `--dump=code` says of a function; also `patches`
 * ```text opening FILE        the picture in the opening comment of one of our own files
 * ```ts ignore FILE NAME      a function of it, also one inside of another, or a constant or type of several lines;
 *                             `imports`: all that it imports
 * ```ts ignore FILE at TEXT   the lines from the one that begins with TEXT to the next empty one
 * ```ts ignore FILE row NAME  what is in braces around `name: "NAME"`: an entry of a table
 * ```ts ignore FILE           all of it
 * ```text file FILE           a file as it is
 * ```text cli ARGS             what the command line writes
 * ```text session            what `repl` answers: lines that begin with `> ` or `. ` are typed, one after the other in all
 *                             blocks of the page, the rest are the answers
 * ```text why LINE             what `why` says of a line of the program above
 * ```text dump WHAT            what `--dump=WHAT` prints of the program above
 * ```text dump WHAT F          the same for its function F
 * ```text case NAME            the case of an opcode in the dispatch loop
 * ````
 *
 * The blocks are parts of what `--dump` prints, which has names in place of the addresses of a run. The pages of the
 * reference (`docs_reference.ts`) are written as a whole.
 */

import {
  type AnyTarget,
  type Backend,
  type Code,
  type CompileHot,
  createRuntime,
  type Plugin,
} from "../mod.ts";
import {
  printCode,
  printDraft,
  printHot,
  printLaterPatches,
  printPatches,
  type ViewContext,
} from "../core/native_views.ts";
import type { JitEventOf } from "../core/backend.ts";
import { writeLoop } from "../core/dispatch.ts";
import { OPCODES } from "../core/opcodes.ts";
import { x64 } from "../backends/x64/mod.ts";
import { runCaptured } from "../core/command_line.ts";
import { formatPage, REFERENCE, REFERENCE_PAGES } from "./docs_reference.ts";
import { SMALL_HEAP } from "./support.ts";

/** The pages with blocks that are written by machine. */
export const PAGES: readonly URL[] = [
  "index",
  "source-to-ast",
  "ast-to-bytecode",
  "machine",
  "profiling",
  "gate",
  "collector",
  "template-jit",
  "loops",
  "jump-patch",
  "why-it-hung",
  "seeing",
  "why",
  "repl",
  "plugins",
  "adding",
]
  .map((
    name,
  ) => new URL(`../docs/${name}.md`, import.meta.url));

/** What a program has done on x64. */
interface Shown {
  readonly output: string;
  readonly error: string;
  /** The last code of each function that was compiled, by its name. */
  readonly made: ReadonlyMap<string, { readonly code: Code; readonly target: AnyTarget }>;
  /** What was changed later, in all code. */
  readonly patched: readonly JitEventOf<"patched">[];
  /** Lets go of the program; while it is there, its functions and globals have names in listings. */
  dispose(): void;
}

/** Runs a program on x64, which is watched while it compiles. */
async function runShown(text: string): Promise<Shown> {
  let output = "", error = "";
  const made = new Map<string, { code: Code; target: AnyTarget }>(), patched: JitEventOf<"patched">[] = [];
  const watched: Backend = {
    ...x64,
    name: "watched",
    open(context) {
      const compileHot: CompileHot = (hot, target) => {
        const code = context.compileHot(hot, target);
        made.set(hot.loaded.proto.name, { code, target });
        return code;
      };
      const observe: typeof context.observe = (event) => {
        if (event.kind === "patched") patched.push(event);
      };
      return x64.open({ ...context, compileHot, observe });
    },
  };
  const plugin: Plugin = { name: "docs", doc: "Watches the compiler.", backends: [watched] };
  const runtime = createRuntime({
    backend: "watched",
    plugins: [plugin],
    heap: SMALL_HEAP,
    stdout: (bytes) => output += new TextDecoder().decode(bytes),
    stderr: (bytes) => error += new TextDecoder().decode(bytes),
  });
  await runtime.runSource("main.unna", text);
  return { output, error, made, patched, dispose: runtime.dispose };
}

// ---- blocks ------------------------------------------------------------------------------------------------------

/** The text of a block, by its kind. */
const KINDS: Readonly<Record<string, (code: Code, cx: ViewContext, detail: string) => string>> = {
  hot: ({ hot }, cx) => moveLeft(printHot(hot, cx).split("\n").slice(2)),
  draft: ({ draft }, cx, title) => partOf(printDraft(draft, cx), title),
  code: (code, cx, title) => partOf(printCode(code, cx), title),
  map: printMap,
  holes: ({ draft }, cx) => moveLeft(printDraft(draft, cx).split("| holes\n")[1].split("\n")),
  jump: explainJump,
  patches: (code) => moveLeft(printPatches(code).split("\n").slice(2)),
  whole: (code, cx, view) => view === "patches" ? printPatches(code) : printCode(code, cx),
};

/** The log of later patches. Addresses differ from run to run, so bytes that say where something lies are left out. */
function printLater(patched: readonly JitEventOf<"patched">[], name: string): string {
  const lines = patched.filter(({ code }) => code.hot.loaded.proto.name === name)
    .flatMap((event, i) => printLaterPatches(event).split("\n").slice(i === 0 ? 2 : 3));
  return moveLeft(
    lines.map((line) => line.replace(/[0-9A-F ]{13}(?=pc \d+, (callee|entry|type))/, "…            ")),
  );
}

/** Lines without the indentation that is common to all, as the formatter of pages has them, and without empty ones. */
function moveLeft(lines: readonly string[]): string {
  const full = lines.filter((line) => line !== "");
  const indentation = Math.min(...full.map((line) => line.search(/\S/)));
  return full.map((line) => `${line.slice(indentation)}\n`).join("");
}

function printMap({ draft, hot }: Code): string {
  const lines = ["pc   instruction       begins at"];
  draft.entries.forEach((begin, pc) => {
    if (begin < 0) return; // an operand word
    lines.push(`${String(pc).padEnd(5)}${OPCODES[hot.code[pc] & 0xFF].name.padEnd(18)}${hex(begin)}`);
  });
  return moveLeft(lines);
}

const hex = (n: number) => `${n < 0 ? "-" : ""}${Math.abs(n).toString(16)}`;
const hexBytes = (bytes: Iterable<number>) =>
  Array.from(bytes, (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ");

/** A part of a listing, one column below the other: an instruction by its pc, other code by its name and number. */
function partOf(listing: string, wanted: string): string {
  const [title, number = "1"] = wanted.split(" #"), lines = listing.split("\n");
  const isTitle = (line: string) => /^ {1,5}\S/.test(line);
  const beginning = /^\d+$/.test(title) ? `${title} ` : title;
  const found = lines.flatMap((line, i) => isTitle(line) && line.trim().startsWith(beginning) ? [i] : []);
  const at = found[Number(number) - 1];
  if (at === undefined) throw new Error(`Nothing is called '${wanted}' in\n${listing}`);
  const end = lines.findIndex((line, i) => i > at && (line === "" || isTitle(line)));
  const part = lines.slice(at, end).map((line) =>
    /^(.*?) +([0-9a-f]+ {2}\S.*)$/.exec(line) ?? [line, line, ""]
  );
  return `${part[0][1].trim()}\n\n` +
    part.map(([, , text]) => `${" ".repeat(Math.max(0, 5 - text.indexOf(" ")))}${text}\n`).join("");
}

/** How the first hole of a direction is filled. */
function explainJump({ draft, bytes }: Code, cx: ViewContext, direction: string): string {
  const fixup = draft.fixups.find(({ label, end }) =>
    (draft.labels[label]! >= end) === (direction === "forward")
  );
  if (fixup === undefined) throw new Error(`There is no jump ${direction}`);
  const { offset, end, size, label } = fixup, to = draft.labels[label]!, distance = to - end;
  const { offset: begin, text } = cx.target!.list(bytes, {}).find((line) =>
    line.offset + line.length === end
  )!;
  const bits = BigInt.asUintN(8 * size, BigInt(distance)).toString(16).toUpperCase().padStart(2 * size, "0");
  const steps = [
    ["in the draft", hexBytes(draft.bytes.subarray(begin, end))],
    ["the instruction", `${hex(begin)} to ${hex(end - 1)}`],
    ["the hole in it", `${hex(offset)} to ${hex(offset + size - 1)}`],
    ["counts from", `${hex(end)}, where the next instruction begins`],
    ["the label", hex(to)],
    ["displacement", `${hex(to)} - ${hex(end)} = ${hex(distance)}, in decimal ${distance}`],
    [`in ${8 * size} bits`, bits],
    ["lowest byte first", hexBytes(bytes.subarray(offset, offset + size))],
    ["in the code", `${hexBytes(bytes.subarray(begin, end))}   ${text}`],
  ];
  return steps.map(([what, is]) => `${what.padEnd(20)}${is}\n`).join("");
}

// ---- pages -------------------------------------------------------------------------------------------------------

/** The page with every block of machine code, and every output, as it is today. */
export async function rewritePage(page: string): Promise<string> {
  let shown: Shown | null = null, program = "";
  let rewritten = "", at = 0;
  const answers = await replaySession(page);
  for (const { index, 0: whole, 1: info, 2: text } of page.matchAll(/^```(\S.*)\n([^]*?)^```$/gm)) {
    const words = info.split(" ");
    if (words[0] === "unna") {
      shown?.dispose();
      shown = words.includes("norun") ? null : await runShown(text);
      program = text;
    }
    const fresh = words[1] === "session"
      ? typedLines(text).map((line) => `${line}\n${answers.shift()}`).join("")
      : words[1] === "why"
      ? await renderProgram(program, (file) => ["why", `${file}:${words[2]}`])
      : words[1] === "dump"
      ? await renderProgram(program, (file) => dumpCommand(file, words[2], words[3]))
      : await renderBlock(shown, words) ?? text;
    rewritten += `${page.slice(at, index)}\`\`\`${info}\n${fresh}\`\`\``;
    at = index + whole.length;
  }
  shown?.dispose();
  return rewritten + page.slice(at);
}

/** The lines of a session that are typed, with their prompts. */
function typedLines(block: string): string[] {
  return block.split("\n").filter((line) => /^[>.] /.test(line));
}

/** What is answered to each line that is typed in the session blocks of a page. */
async function replaySession(page: string): Promise<string[]> {
  const typed = [...page.matchAll(/^```text session\n([^]*?)^```$/gm)].flatMap(([, block]) =>
    typedLines(block)
  );
  if (typed.length === 0) return [];
  const answers: string[] = [], lines = typed.values();
  const hear = (bytes: Uint8Array) => answers[answers.length - 1] += new TextDecoder().decode(bytes);
  const runtime = createRuntime({
    backend: "x64",
    heap: SMALL_HEAP,
    stdout: hear,
    stderr: hear,
    stdin() {
      answers.push("");
      return lines.next().value?.slice(2) ?? null;
    },
  });
  await runtime.converse();
  runtime.dispose();
  return answers;
}

/** What a block has to say about the program above it; null for a block that is not ours. */
async function renderBlock(
  shown: Shown | null,
  [format, kind, name, ...details]: string[],
): Promise<string | null> {
  if (format === "ts" && details[0] === "at") return await readParagraph(name, details.slice(1).join(" "));
  if (format === "ts" && details[0] === "row") return await readRow(name, details[1]);
  if (format === "ts" && details.length === 1) return await readDefinition(name, details[0]);
  if (format === "text" && kind === "file" || format === "ts" && name !== undefined) {
    return await readSource(name);
  }
  if (format === "text" && kind === "opening") return await readPicture(name);
  if (format === "text" && kind === "case") return readCase(name);
  if (format === "text" && kind === "cli") return await renderCommand([name, ...details]);
  if (shown === null) return null;
  if (format === "output") return shown.output;
  if (format === "error") return shown.error;
  if (format !== "text" || kind === undefined) return null;
  if (kind === "later") return printLater(shown.patched, name);
  const print = KINDS[kind], made = shown.made.get(name);
  if (print === undefined) throw new Error(`There is no block '${kind}'`);
  if (made === undefined) throw new Error(`Function '${name}' did not become hot`);
  return print(made.code, { opcodes: OPCODES, target: made.target }, details.join(" "));
}

/** What a command writes to both streams. */
async function renderCommand(args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await runCaptured(args, "");
  return stdout + stderr;
}

/** The same for a program, which gets a file for as long as that takes. */
async function renderProgram(program: string, command: (file: string) => string[]): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/main.unna`, program);
    return (await renderCommand(command(`${folder}/main.unna`))).replaceAll(`${folder}/`, "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The command that dumps a program, or one function of it. */
function dumpCommand(file: string, what: string, name: string | undefined): string[] {
  return [`--dump=${what}`, ...(name === undefined ? [] : [`--function=${name}`]), file];
}

async function readSource(file: string): Promise<string> {
  return await Deno.readTextFile(new URL(`../${file}`, import.meta.url));
}

/** The first picture in a file's opening comment. */
async function readPicture(file: string): Promise<string> {
  const [, picture] = /^ \* ```text\n([^]*?)^ \* ```$/m.exec(await readSource(file)) ?? [];
  if (picture === undefined) throw new Error(`${file} opens without a picture`);
  return moveLeft(picture.replace(/^ \*/gm, "").split("\n"));
}

/** The text of a definition of several lines, its comment included. */
async function readDefinition(file: string, name: string): Promise<string> {
  const text = await readSource(file);
  if (name === "imports") return text.match(/^import [^;]*;\n/gm)?.join("") ?? "";
  const found = new RegExp(
    `(?:^ *(?:/\\*\\*(?:(?!\\*/)[^])*\\*/|//.*)\\n)*` +
      `^( *)(?:export )?(?:async )?(?:function|const|interface|type) ${name}\\b` +
      "(?: = `[^`]*`;\\n|[^]*?^\\1[})\\]]+;?\\n)",
    "m",
  ).exec(text);
  if (found === null) throw new Error(`${file} has no '${name}' of several lines`);
  return unindent(found[0]);
}

/** The entry of a table that has a name, from the line that opens it to the one that closes it. */
async function readRow(file: string, name: string): Promise<string> {
  const lines = (await readSource(file)).split("\n");
  const at = lines.findIndex((line) => line.trim() === `name: "${name}",`);
  const isOuter = (line: string) => line.search(/\S/) < lines[at].search(/\S/);
  const begin = lines.findLastIndex((line, i) => i < at && isOuter(line));
  const end = lines.findIndex((line, i) => i > at && line.trim() !== "" && isOuter(line));
  if (at < 0 || begin < 0 || end < 0) throw new Error(`${file} has no row '${name}'`);
  return unindent(lines.slice(begin, end + 1).map((line) => `${line}\n`).join(""));
}

/** The lines from the one that begins with a text to the next empty one. */
async function readParagraph(file: string, text: string): Promise<string> {
  const lines = (await readSource(file)).split("\n");
  const begin = lines.findIndex((line) => line.trimStart().startsWith(text));
  if (begin < 0) throw new Error(`No line of ${file} begins with '${text}'`);
  return unindent(lines.slice(begin, lines.indexOf("", begin)).map((line) => `${line}\n`).join(""));
}

/** Text without the indentation of its first line. */
function unindent(text: string): string {
  return text.replaceAll(new RegExp(`^ {${text.search(/\S/)}}`, "gm"), "");
}

/** What the loop has for an opcode. */
function readCase(name: string): string {
  const found = new RegExp(`^ +case \\d+: (?:\\{ )?// ${name}\\n[^]*?(?=^ +(?:case \\d|default))`, "m")
    .exec(writeLoop(OPCODES));
  if (found === null) throw new Error(`The loop has no case for '${name}'`);
  // Bodies have the indentation of their rows; here it follows the braces.
  let depth = 0;
  return found[0].split("\n").filter((line) => line.trim() !== "").map((line) => {
    const text = line.trim(), closes = text.startsWith("}") ? 1 : 0;
    const indented = `${"  ".repeat(depth - closes)}${text}\n`;
    depth += text.split("{").length - text.split("}").length;
    return indented;
  }).join("");
}

if (import.meta.main) {
  await x64.prepare?.();
  const probe = x64.probe();
  if (!probe.ok) throw new Error(`Machine code cannot be shown: ${probe.because}`);
  for (const page of PAGES) {
    const text = await Deno.readTextFile(page), fresh = await rewritePage(text);
    if (fresh !== text) await Deno.writeTextFile(page, fresh);
    console.log(`${fresh === text ? "unchanged" : "rewritten"}  ${page.pathname.split("/").pop()}`);
  }
  await Deno.mkdir(REFERENCE, { recursive: true });
  for (const [name, render] of Object.entries(REFERENCE_PAGES)) {
    await Deno.writeTextFile(new URL(name, REFERENCE), await formatPage(await render()));
    console.log(`written    reference/${name}`);
  }
}
