/**
 * Holds the documentation to the truth: every program in `docs/*.md` runs, and does what the page says.
 *
 * ````text
 * ```unna            a program of its own, run in a fresh runtime
 * ```output          directly after it: its exact standard output; without this block it prints nothing
 * ```error           directly after that: each line begins the same line of standard error, and the exit code is 1
 * ```unna norun      only shown
 * ````
 *
 * Programs of several files are consecutive `unna` blocks whose first lines are `// file: NAME`; the last one is run.
 * Error texts name files relative to the program's folder. A block that says neither what it prints nor which error it
 * gives fails, so nothing goes unchecked by an oversight.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { createRuntime } from "../mod.ts";

const FOLDER = new URL("../docs/", import.meta.url);
const HEAP_BYTES = 64 << 20;

interface Block {
  /** What stands after the opening fence. */
  readonly info: string;
  readonly text: string;
  /** Line of the opening fence, counted from 1. */
  readonly line: number;
  /** Whether nothing but blank lines lies between the block before and this one. */
  readonly follows: boolean;
}

interface Snippet {
  readonly line: number;
  /** Name and text; the last one is the main program. */
  readonly files: readonly (readonly [name: string, text: string])[];
  readonly output: string;
  /** Beginnings of the lines on standard error; empty when the program has to succeed. */
  readonly error: readonly string[];
}

function readBlocks(page: string): Block[] {
  const blocks: Block[] = [];
  let open: { info: string; fence: string; line: number; lines: string[] } | null = null;
  let follows = false;
  page.split("\n").forEach((text, index) => {
    if (open === null) {
      const start = /^(`{3,})(.*)$/.exec(text);
      if (start) open = { fence: start[1], info: start[2].trim(), line: index + 1, lines: [] };
      else if (text.trim() !== "") follows = false;
    } else if (text === open.fence) {
      const { info, line, lines } = open;
      blocks.push({ info, text: lines.map((each) => each + "\n").join(""), line, follows });
      open = null;
      follows = true;
    } else open.lines.push(text);
  });
  return blocks;
}

/** The runnable programs of a page; throws when one of them says nothing about what it does. */
function readSnippets(page: string): Snippet[] {
  const blocks = readBlocks(page);
  const snippets: Snippet[] = [];
  let files: [string, string][] = [];
  for (let i = 0; i < blocks.length; i++) {
    const { info, text, line, follows } = blocks[i];
    if (info !== "unna") continue;
    const name = /^\/\/ file: (\S+)\n/.exec(text)?.[1];
    if (name === undefined || !follows) files = [];
    files.push([name ?? "main.unna", text]);
    const take = (kind: string) => {
      const next = blocks[i + 1];
      return next?.info === kind && next.follows ? blocks[++i].text : null;
    };
    const output = take("output"), error = take("error");
    if (output !== null || error !== null) {
      snippets.push({ line, files, output: output ?? "", error: error?.trimEnd().split("\n") ?? [] });
      files = [];
    } else if (name === undefined || blocks[i + 1]?.info !== "unna" || !blocks[i + 1].follows) {
      throw new Error(`Line ${line}: a program without an output or error block`);
    }
  }
  return snippets;
}

async function runSnippet({ files }: Snippet): Promise<{ stdout: string; stderr: string; code: number }> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of files) await Deno.writeTextFile(`${folder}/${name}`, text);
    const out = new TextDecoder(), err = new TextDecoder();
    let stdout = "", stderr = "";
    const runtime = createRuntime({
      stdout: (bytes) => stdout += out.decode(bytes, { stream: true }),
      stderr: (bytes) => stderr += err.decode(bytes, { stream: true }),
      heap: HEAP_BYTES,
    });
    const code = await runtime.runFile(`${folder}/${files[files.length - 1][0]}`);
    runtime.dispose(); // or what it has would be alive in the memory that all programs share
    return { stdout, stderr: stderr.replaceAll(`${folder}/`, ""), code };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The beginning of the actual text, cut line by line to the length of the expected lines. */
function cutLike(actual: string, expected: readonly string[]): string[] {
  const lines = actual.split("\n");
  return expected.map((line, index) => (lines[index] ?? "").slice(0, line.length));
}

Deno.test("readSnippets() refuses a program without an expectation", () => {
  assertThrows(() => readSnippets("```unna\nprint 1;\n```\n"), Error, "Line 1");
  assertThrows(() => readSnippets("```unna\nprint 1;\n```\nwords\n```output\n1\n```\n"), Error, "Line 1");
  assertEquals(readSnippets("```unna norun\nprint 1;\n```\n"), []);
});

Deno.test("readSnippets() joins named files, the last one being the program", () => {
  const page = "```unna\n// file: a.unna\n```\n\n```unna\n// file: b.unna\n```\n\n```output\n1\n```\n";
  const files: [string, string][] = [["a.unna", "// file: a.unna\n"], ["b.unna", "// file: b.unna\n"]];
  assertEquals(readSnippets(page), [{ line: 5, files, output: "1\n", error: [] }]);
});

for (const { name } of [...Deno.readDirSync(FOLDER)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  if (!name.endsWith(".md")) continue;
  Deno.test(`docs/${name} tells the truth`, async (t) => {
    for (const snippet of readSnippets(await Deno.readTextFile(new URL(name, FOLDER)))) {
      await t.step(`line ${snippet.line}`, async () => {
        const { stdout, stderr, code } = await runSnippet(snippet);
        assertEquals(
          { stdout, stderr: cutLike(stderr, snippet.error), code },
          { stdout: snippet.output, stderr: [...snippet.error], code: snippet.error.length > 0 ? 1 : 0 },
          stderr,
        );
        if (snippet.error.length === 0) assert(stderr === "", `standard error is not empty:\n${stderr}`);
      });
    }
  });
}
