/**
 * The pages in `docs/reference/`: everything that has a row in a table, with what `explain` says of it. `deno task docs`
 * writes them, and a test fails when one of them is behind. They differ from `explain` in what they leave out: machine
 * code of single opcodes, and whatever is not the same in each run.
 */

import { runCaptured } from "../core/command_line.ts";
import { type CommandLine, explain } from "../mod.ts";
import type { Explanation, Word } from "../core/explain.ts";
import { printShapes } from "../core/schema_shapes.ts";
import { COMMANDS, OPTIONS } from "../core/options.ts";

/** Where the pages are. */
export const REFERENCE = new URL("../docs/reference/", import.meta.url);

const commandLine: CommandLine = { commands: COMMANDS, options: OPTIONS, run: runCaptured };

const parseLines = <Row>(text: string): Row[] => text.trim().split("\n").map((line) => JSON.parse(line));

type ListedWord = Pick<Word, "kind" | "text"> & { readonly word: string };

/** What is said of each word of a kind, in the order of the list. */
async function explainAll(...kinds: Word["kind"][]): Promise<Explanation[]> {
  const words = parseLines<ListedWord>(await explain("", { json: true, commandLine }));
  const explanations: Explanation[] = [];
  for (const { kind, word } of words) {
    if (!kinds.includes(kind)) continue;
    const told = parseLines<Explanation>(await explain(word, { json: true, commandLine }));
    explanations.push(told.find((each) => each.kind === kind && each.word === word)!);
  }
  return explanations;
}

// ---- markdown ----------------------------------------------------------------------------------------------------

/** Text in which nothing is markup, code in backticks aside. */
function plain(text: string): string {
  return text.split(/(`[^`]*`)/).map((piece, i) =>
    i % 2 === 1 ? piece : piece.replace(/[\\*<>[\]|]|\b_\B|\B_\b|\B_\B/g, "\\$&")
  )
    .join("");
}

const code = (text: string) => text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;

function fence(language: string, text: string): string {
  const marks = text.includes("```") ? "````" : "```";
  return `${marks}${language}\n${text.replace(/\n*$/, "\n")}${marks}\n`;
}

/** Parts of an explanation, by their titles; programs are those in front of what they print. */
function partsOf({ parts }: Explanation, languages: Readonly<Record<string, string>>): string {
  return parts.filter(({ title }) => title in languages)
    .map(({ title, text }) =>
      `${title[0].toUpperCase()}${title.slice(1)}:\n\n${fence(languages[title], text)}`
    )
    .join("\n");
}

function list(
  facts: Readonly<Record<string, string>>,
  isCode: (name: string) => boolean = () => false,
): string {
  return Object.entries(facts).map(([name, fact]) =>
    `- **${plain(name)}**: ${isCode(name) ? code(fact) : plain(fact)}\n`
  ).join("");
}

/** A page: its title, what to know before, and its sections. */
function page(title: string, opening: string, sections: readonly string[]): string {
  return `# ${title}\n\n${opening}\n\nThis page is written by \`deno task docs\`.\n\n${sections.join("\n")}`;
}

// ---- pages -------------------------------------------------------------------------------------------------------

/** A section for each family: its general form, and the others with what sets them apart. */
async function renderOpcodes(): Promise<string> {
  const opcodes = await explainAll("opcode");
  const families = Map.groupBy(opcodes, ({ word, facts }) => facts.family?.split(", ")[0] ?? word);
  const sections = [...families].map(([name, [general, ...forms]]) => {
    const { number: _number, family: _family, ...facts } = general.facts;
    const rows = forms.map(({ word, text }) => `- ${code(word)}: ${plain(text.split(/(?<=\.) /).at(-1)!)}\n`);
    // A general form that has run is one no more, so a specialised one shows more.
    const shown = forms[0] ?? general;
    return `## ${plain(name)}\n\n${plain(general.text)}\n\n${list(facts, (fact) => fact === "formula")}\n` +
      (rows.length === 0 ? "" : `Forms:\n\n${rows.join("")}\n`) +
      partsOf(shown, { "a program with it": "unna", "bytecode, after it has run": "text" });
  });
  return page(
    "Opcodes",
    "What an instruction can be. Operands are bits of its first word, or whole words behind it; an opcode that can do " +
      "better when it knows the types has forms, which it becomes as it runs. `explain` also shows the function that " +
      "is the meaning of an opcode, its template, and the machine code that this becomes.",
    sections,
  );
}

async function renderDiagnostics(): Promise<string> {
  const sections = (await explainAll("message")).map((each) =>
    `## ${each.word}: ${plain(each.text.replace(/\.$/, ""))}\n\n${list(each.facts)}\n` +
    partsOf(each, {
      "a program with the mistake": "unna",
      "a command with the mistake": "sh",
      "what is said": "text",
      mended: "unna",
      "its output": "text",
    })
  );
  return page(
    "Messages",
    "Everything that the compiler and the machine have to say to a programmer, by code: U01 while reading, U02 before " +
      "running, U03 about machine code, U05 about plugins, U09 while running.",
    sections,
  );
}

async function renderNatives(): Promise<string> {
  const natives = await explainAll("native"), libraries = await explainAll("library");
  const section = (each: Explanation, mark: string) =>
    `${mark} ${plain(each.word)}\n\n${code(each.facts.signature)}\n\n${plain(each.text)}\n\n` +
    partsOf(each, { example: "unna", "its output": "text", "its output, as a test finds it": "text" });
  const builtins = natives.filter(({ facts }) => facts.library === undefined);
  const sections = [
    `## Builtins\n\nGlobals of every program, which it may redefine.\n`,
    ...builtins.map((each) => section(each, "###")),
    ...libraries.flatMap((library) => [
      `## ${library.word}\n\n${plain(library.text)}\n\n${partsOf(library, { constants: "text" })}`,
      ...natives.filter(({ facts }) => facts.library === library.word).map((each) => section(each, "###")),
    ]),
  ];
  return page(
    "Builtins and libraries",
    "The functions that are there from the start. A question mark says that an argument may be left out, dots that " +
      "there may be any number of them. Libraries are predefined modules; no import is needed.",
    sections,
  );
}

async function renderOptions(): Promise<string> {
  const explanations = await explainAll("command", "option");
  const varies = new Map<string, boolean | undefined>([
    ...COMMANDS.map(({ name, example }) => [`command ${name}`, example.varies] as const),
    ...OPTIONS.map(({ name, example }) =>
      [`option ${name.length === 1 ? "-" : "--"}${name}`, example.varies] as const
    ),
  ]);
  const section = (each: Explanation) =>
    `### ${each.word}\n\n${plain(each.text)}\n\n${list(each.facts, (name) => name === "usage")}\n` +
    partsOf(each, {
      "a command": "sh",
      ...(varies.get(`${each.kind} ${each.word}`) ? {} : { "its output": "text" }),
    });
  const of = (kind: Word["kind"]) => explanations.filter((each) => each.kind === kind).map(section);
  return page(
    "The command line",
    "Options stand before the file or command; what follows a file belongs to the program. Output that is not the same " +
      "each time is not shown here; `explain` shows it.",
    ["## Commands\n", ...of("command"), "## Options\n", ...of("option")],
  );
}

/** A draft without the bytes behind its instructions: they say where in memory the function lies. */
function withoutExits(draft: string): string {
  return draft.replace(/( *\| behind the instructions\n)[^]*?(?=\n *\| holes\n|$)/, "$1         …\n");
}

async function renderPasses(): Promise<string> {
  const sections = (await explainAll("pass")).map((each) =>
    `## ${each.word}\n\n${plain(each.text)}\n\n${list(each.facts)}\n` +
    partsOf(
      { ...each, parts: each.parts.map(({ title, text }) => ({ title, text: withoutExits(text) })) },
      Object.fromEntries(each.parts.map(({ title }) => [title, title === "example" ? "unna" : "text"])),
    )
  );
  return page(
    "Passes",
    "The steps from the text of a file to machine code, in their order, each with what it is given and what it makes " +
      "of its example.",
    sections,
  );
}

async function renderExits(): Promise<string> {
  const sections = (await explainAll("exit")).map((each) =>
    `## ${each.word}\n\n${plain(each.text)} ${plain(each.facts.advice)}\n\n` +
    partsOf(each, { "a program that leaves": "unna", "--dump=exits": "text" })
  );
  return page(
    "Reasons to leave machine code",
    "What machine code cannot do itself, or does not expect, it leaves to the interpreter, for one instruction. An " +
      "exit is harmless once, and expensive in each round of a loop. `why FILE:LINE` finds those of a line.",
    sections,
  );
}

/** How each page is made, by the name of its file. */
export const REFERENCE_PAGES: Readonly<Record<string, () => Promise<string>>> = {
  "opcodes.md": renderOpcodes,
  "diagnostics.md": renderDiagnostics,
  "natives.md": renderNatives,
  "options.md": renderOptions,
  "passes.md": renderPasses,
  "exits.md": renderExits,
  "dumps.md": () => Promise.resolve(printShapes()),
};

/** A page as the formatter of the project has it, so that formatting all files changes nothing. */
export async function formatPage(text: string): Promise<string> {
  const formatter = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext=md", "-"],
    cwd: new URL("../", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = formatter.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout, stderr } = await formatter.output();
  if (!success) throw new Error(`The formatter failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
