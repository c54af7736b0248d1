// `explain`: every word is looked up and its example run, in this process; what it says has to be true of what it
// shows. The options of the command line, of which explain, parsing and help are derived, are held to their table.

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { runCaptured } from "../core/command_line.ts";
import { definePass, definePlugin, explain, OptionError, type Plugin } from "../mod.ts";
import { type Explanation, WORD_KINDS, type WordKindName } from "../core/explain.ts";
import { OPCODE_EXAMPLES } from "../core/explain_examples.ts";
import { EXIT_REASONS } from "../core/backend.ts";
import { DIAGNOSTICS } from "../core/diagnostics.ts";
import { OPCODES } from "../core/opcodes.ts";
import { COMMANDS, OPTIONS, printHelp, printUsage, spellOption } from "../core/options.ts";
import { x64 } from "../backends/x64/mod.ts";

await x64.prepare?.();
const native = x64.probe();

const commandLine = { commands: COMMANDS, options: OPTIONS, run: runCaptured };

const parseLines = <Row>(text: string): Row[] => text.trim().split("\n").map((line) => JSON.parse(line));

interface Listed {
  readonly schema: string;
  readonly kind: WordKindName;
  readonly word: string;
  readonly text: string;
  readonly plugin?: string;
}

const words = parseLines<Listed>(await explain("", { json: true, commandLine }));

/** Explains a word; of several of a kind, the one with that text. */
async function look(
  kind: WordKindName,
  word: string,
  text: string | null,
  plugins: readonly Plugin[] = [],
): Promise<Explanation> {
  const found = parseLines<Explanation>(await explain(word, { json: true, commandLine, plugins }));
  const own = found.find((each) =>
    each.kind === kind && each.word === word && each.text === (text ?? each.text)
  );
  if (own === undefined) throw new Error(`${word} is no ${kind} but ${found.map((each) => each.kind)}`);
  return own;
}

function part({ parts, word }: Explanation, title: string): string {
  const found = parts.find((each) => each.title === title);
  if (found === undefined) {
    throw new Error(`${word} has no part '${title}', but ${parts.map((each) => each.title)}`);
  }
  return found.text;
}

/** What has to be true of words of a kind, beyond that they are explained. */
const TRUTHS: { readonly [Kind in WordKindName]?: (explanation: Explanation) => void } = {
  command(told) {
    assertStringIncludes(told.facts.usage, told.word);
    part(told, "its output");
  },
  option(told) {
    assertStringIncludes(part(told, "a command"), told.word.replace(/^(--(help|version))$/, "$1"));
    assert(!part(told, "its output").includes("Try --help."), part(told, "its output"));
  },
  pass(told) {
    const [example, ...shown] = told.parts;
    const [before, after] = shown.slice(-2);
    assertEquals(example.title, "example");
    assertMatch(shown[0].title, /^before: /);
    assertMatch(shown[1].title, /^after/);
    assert(after.text !== before.text && !/^\((nothing|none)\)/.test(after.text), after.text);
  },
  artifact(told) {
    const { length } = told.parts.filter(({ title }) =>
      title.endsWith(told.facts["shown by"].replace("--dump=", ": "))
    );
    assertEquals(length, 1);
  },
  opcode(told) {
    assert(told.facts.formula !== "" && told.facts.effect !== "");
    assert(part(told, "meaning, as it is executed").includes("{"));
    const example = OPCODE_EXAMPLES[told.word as keyof typeof OPCODE_EXAMPLES];
    if (example === null) {
      assertStringIncludes(part(told, "in programs"), "It stands in no program");
      return;
    }
    const marked = part(told, "bytecode, after it has run").split("\n").filter((line) =>
      line.startsWith(">")
    );
    assertEquals(marked.map((line) => /^> *\d+ +(\w+)/.exec(line)?.[1]), [told.word]);
    if (!native.ok) return;
    const listing = part(told, "machine code of x64");
    // Too many instructions to compile them for a look.
    if (told.word === "LOAD_CONST_WIDE") assertStringIncludes(listing, "did not get hot");
    else if (told.word === "LOOP") assertStringIncludes(listing, "nothing to do");
    else assertMatch(listing, /^ +[0-9a-f]+ {2}[a-z]/);
  },
  exit(told) {
    if (native.ok) assertMatch(part(told, "--dump=exits"), new RegExp(`pc \\d+ +${told.word}:`));
  },
  message(told) {
    const said = part(told, "what is said");
    assertStringIncludes(said, told.word.startsWith("U09") ? "Runtime Error: " : `[${told.word}]`);
    const mended = part(told, "its output");
    assert(!/^(?:error|warning|info)\[|^Runtime Error/m.test(mended), mended);
  },
  native(told) {
    assertStringIncludes(told.facts.signature, `${told.word}(`);
    assert(told.parts.some(({ title }) => /^its output(, as a test finds it)?$/.test(title)), told.word);
  },
};

for (const [kind, heading] of Object.entries(WORD_KINDS)) {
  const own = words.filter((word) => word.kind === kind);
  Deno.test(`explain: ${heading}`, async (t) => {
    assert(own.length > 0);
    for (const { word, text } of own) {
      await t.step(word, async () => {
        const told = await look(kind as WordKindName, word, text);
        assertMatch(text, /^[\s\S]+[.)…]$/);
        for (const [name, fact] of Object.entries(told.facts)) assert(fact !== "", name);
        for (const { title, text } of told.parts) assert(text.endsWith("\n") && text.trim() !== "", title);
        TRUTHS[kind as WordKindName]?.(told);
      });
    }
  });
}

Deno.test("explain knows every row of every table", () => {
  const named = (kind: WordKindName) => words.filter((each) => each.kind === kind).map(({ word }) => word);
  assertEquals(named("opcode"), OPCODES.map(({ name }) => name));
  assertEquals(named("message"), Object.keys(DIAGNOSTICS));
  assertEquals(named("exit"), Object.keys(EXIT_REASONS));
  assertEquals(named("command"), COMMANDS.map(({ name }) => name));
  assertEquals(named("option").map((name) => name.replace(/^-+/, "")), OPTIONS.map(({ name }) => name));
  for (const name of ["parse", "bytecode", "profile", "template-jit", "jump-patch"]) {
    assert(named("pass").includes(name));
  }
  for (const name of ["ucoreMath.sqrt", "push"]) assert(named("native").includes(name));
});

Deno.test("explain finds a word however it is typed, and all that it means", async () => {
  const kinds = async (word: string) =>
    parseLines<Explanation>(await explain(word, { json: true, commandLine })).map((each) =>
      `${each.kind} ${each.word}`
    );
  assertEquals(await kinds("add_ii"), ["opcode ADD_II"]);
  assertEquals(await kinds("u0902"), ["message U0902"]);
  assertEquals(await kinds("--heap=64M"), ["option --heap"]);
  assertEquals(await kinds("-h"), ["option --help"]);
  assertEquals(await kinds("sqrt"), ["native ucoreMath.sqrt"]);
  assertEquals(await kinds("parse"), ["pass parse"]);
  assertEquals((await kinds("check")).slice(0, 2), ["command check", "option --check"]);
});

Deno.test("explain lists all words by their kinds, a line each", async () => {
  const lines = (await explain("", { commandLine })).split("\n");
  assertEquals(lines.filter((line) => /^\S/.test(line)), Object.values(WORD_KINDS));
  assertEquals(lines.filter((line) => line.startsWith("  ")).length, words.length);
  for (const line of lines) assert([...line].length <= 110, line);
});

Deno.test("explain suggests what was meant", async () => {
  const suggestion = await assertRejects(() => explain("template-jitt"), OptionError);
  assertEquals(suggestion.message, "Nothing is called 'template-jitt'; did you mean 'template-jit'?");
  const none = await assertRejects(() => explain("xyzzy-plugh"), OptionError);
  assertStringIncludes(none.message, "'explain' alone lists all words");
  const { code, stdout, stderr } = await runCaptured(["explain", "opcod"], "");
  assertEquals({ code, stdout }, { code: 2, stdout: "" });
  assertStringIncludes(stderr, "Nothing is called 'opcod'");
});

Deno.test("explain without a command line knows no options", async () => {
  await assertRejects(() => explain("--heap"), OptionError);
});

/** A plugin that brings one of each thing that has a word. */
const everything = definePlugin({
  name: "everything",
  doc: "One of each.",
  version: "1.2.3",
  opcodes: [{
    name: "DOUBLE_PRINT",
    operands: { A: "src" },
    effect: "pure",
    formula: "nothing, twice",
    doc: "Does nothing at all.",
    exec: () => {},
  }, {
    name: "NEVER_WRITTEN",
    operands: {},
    effect: "pure",
    formula: "nothing",
    doc: "Is in no program.",
    exec: () => {},
  }],
  passes: [definePass({
    name: "plant-nothing",
    stage: "load",
    from: "program",
    to: "program",
    after: [{ pass: "bytecode", because: "it looks for PRINT" }],
    doc: { summary: "Puts DOUBLE_PRINT in place of PRINT.", why: "It is a test.", example: "print 1;" },
    run(program, { opcodes }) {
      const print = opcodes.findIndex(({ name }) => name === "PRINT");
      const own = opcodes.findIndex(({ name }) => name === "DOUBLE_PRINT");
      for (const { code } of program.protos) {
        for (let pc = 0; pc < code.length; pc += 1 + (opcodes[code[pc] & 0xFF].operands.words?.length ?? 0)) {
          if ((code[pc] & 0xFF) === print) code[pc] = code[pc] & ~0xFF | own;
        }
      }
      return program;
    },
  })],
  natives: [{
    name: "seven",
    params: [],
    doc: "Gives nil.",
    example: { code: "var x = seven();\nx = x == nil;", output: "" },
    call: () => {},
  }],
  diagnostics: {
    E0001: {
      severity: "error",
      title: "everything wrong",
      text: () => "Everything is wrong",
      explain: { why: "It is a test.", repair: "Remove it.", example: "print 1;" },
    },
  },
});

Deno.test("explain explains what plugins bring, and says whose it is", async () => {
  const plugins = [everything];
  const opcode = await look("opcode", "DOUBLE_PRINT", null, plugins);
  assertEquals(opcode.plugin, "everything");
  assertMatch(part(opcode, "bytecode, after it has run"), /^> +\d+ +DOUBLE_PRINT/m);
  if (native.ok) assertStringIncludes(part(opcode, "template for x64"), "None");
  assertStringIncludes(
    part(await look("opcode", "NEVER_WRITTEN", null, plugins), "in programs"),
    "It stands in no program",
  );
  const pass = await look("pass", "plant-nothing", null, plugins);
  assertStringIncludes(pass.facts.comes, "it looks for PRINT");
  assertStringIncludes(pass.parts[1].text, "PRINT");
  assertStringIncludes(pass.parts[2].text, "DOUBLE_PRINT");
  assertEquals((await look("native", "seven", null, plugins)).plugin, "everything");
  assertEquals((await look("message", "E0001", null, plugins)).plugin, "everything");
  const plugin = await look("plugin", "everything", null, plugins);
  assertEquals(plugin.facts, {
    version: "1.2.3",
    opcodes: "DOUBLE_PRINT, NEVER_WRITTEN",
    natives: "seven",
    passes: "plant-nothing",
    messages: "E0001",
  });
  assertStringIncludes(
    await explain("DOUBLE_PRINT", { plugins }),
    "DOUBLE_PRINT (opcode, by plugin 'everything')",
  );
  await assertRejects(() => explain("DOUBLE_PRINT"), OptionError);
});

Deno.test("explain says where machine code cannot be shown", async () => {
  const cli = new URL("../cli.ts", import.meta.url).pathname;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--no-prompt",
      "--allow-read",
      decodeURIComponent(cli),
      "explain",
      "ADD_II",
    ],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0);
  assertStringIncludes(text, "Backend 'x64' does not work here: ");
  assertMatch(text, /^ +> +\d+ +ADD_II /m);
});

// ---- the table of options ----------------------------------------------------------------------------------------

Deno.test("options: the usage and the help name every row, within the width of a page", () => {
  const help = printHelp();
  assert(help.startsWith(printUsage()));
  for (const row of OPTIONS) if (row.group !== null) assertStringIncludes(help, `  ${spellOption(row)}`);
  for (const { name } of COMMANDS) assertStringIncludes(printUsage(), ` ${name}`);
  for (const line of help.split("\n")) assert([...line].length <= 110, line);
  assertStringIncludes(printHelp((heading) => `<${heading}>`), "\n<Running>\n");
});

Deno.test("options: names are unique, and whys are sentences", () => {
  for (const rows of [COMMANDS, OPTIONS]) {
    const names = rows.map(({ name }) => name);
    assertEquals(new Set(names).size, names.length);
    for (const { why } of rows) assertMatch(why, /^[A-Za-z].*\.$/);
  }
});

Deno.test("options: the command line takes exactly the words of the table for commands", async () => {
  const text = await Deno.readTextFile(new URL("../cli.ts", import.meta.url));
  const [, list] = /^const WORDS: readonly string\[\] = \[([^\]]*)\]/m.exec(text) ?? [];
  assertEquals(JSON.parse(`[${list}]`).toSorted(), COMMANDS.map(({ name }) => name).toSorted());
});
