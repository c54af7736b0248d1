/**
 * Holds the pages on machine code to what the backend makes today, and the list of pages to what there is. A page that
 * is behind is brought up to date by `deno task docs`; the difference is to be read like that of a golden.
 */
import { assert, assertEquals } from "@std/assert";
import { x64 } from "../backends/x64/mod.ts";
import { PAGES, rewritePage } from "./docs_build.ts";
import { formatPage, REFERENCE, REFERENCE_PAGES } from "./docs_reference.ts";

const DOCS = new URL("../docs/", import.meta.url);

await x64.prepare?.();
const native = x64.probe();

for (const page of PAGES) {
  const name = page.pathname.split("/").pop();
  Deno.test({
    name: `docs/${name} shows the machine code of today, and its programs print the same natively`,
    ignore: !native.ok,
    async fn() {
      const text = await Deno.readTextFile(page), fresh = await rewritePage(text);
      const now = fresh.split("\n"), line = text.split("\n").findIndex((each, i) => each !== now[i]);
      assert(text === fresh, `line ${line + 1} should be "${now[line]}"; run deno task docs`);
    },
  });
}

for (const [name, render] of Object.entries(REFERENCE_PAGES)) {
  Deno.test({
    name: `docs/reference/${name} says what the tables say`,
    ignore: !native.ok,
    async fn() {
      const text = await Deno.readTextFile(new URL(name, REFERENCE)),
        fresh = await formatPage(await render());
      const now = fresh.split("\n"), line = text.split("\n").findIndex((each, i) => each !== now[i]);
      assert(text === fresh, `line ${line + 1} should be "${now[line]}"; run deno task docs`);
    },
  });
}

Deno.test("docs/reference/ has no other pages", () => {
  const found = [...Deno.readDirSync(REFERENCE)].map(({ name }) => name);
  assertEquals(found.toSorted(), Object.keys(REFERENCE_PAGES).toSorted());
});

Deno.test("docs/why-it-hung.md names tests that exist", async () => {
  const text = await Deno.readTextFile(new URL("why-it-hung.md", DOCS));
  const quotes = [...text.matchAll(/^> Tests? in `(\S+)`: ([^]*?)(?=\n\n|$)/gm)];
  assertEquals(quotes.length, [...text.matchAll(/^## /gm)].length, "each cause has its tests");
  for (const [, file, names] of quotes) {
    const tests = await Deno.readTextFile(new URL(`../${file}`, import.meta.url));
    for (const [, name] of names.replaceAll("\n> ", " ").matchAll(/“([^”]+)”/g)) {
      assert(tests.includes(`"${name}"`), `${file} has no test “${name}”`);
    }
  }
});

Deno.test("docs/index.md lists every page", async () => {
  const text = await Deno.readTextFile(new URL("index.md", DOCS));
  for (const { name } of Deno.readDirSync(DOCS)) {
    if (name.endsWith(".md") && name !== "index.md") assert(text.includes(`](${name})`), name);
  }
});

Deno.test("links between pages lead to headings that exist", async () => {
  const pages = [...Deno.readDirSync(DOCS)].map(({ name }) => name).filter((name) => name.endsWith(".md"));
  const texts = new Map<string, string>();
  for (const name of pages) texts.set(name, await Deno.readTextFile(new URL(name, DOCS)));
  const anchors = new Map([...texts].map(([name, text]) => [name, new Set(headings(text))]));
  for (const [name, text] of texts) {
    for (
      const [, page, anchor] of text.matchAll(/(?:\]\(|^\[\d+\]: )(?=[\w-]+\.md|#)([\w-]+\.md)?#?([\w-]*)/gm)
    ) {
      const known = anchors.get(page ?? name);
      const leads = known !== undefined && (anchor === "" || known.has(anchor));
      assert(leads, `${name} links to ${page ?? ""}#${anchor}`);
    }
  }
});

/** The anchors of a page's headings. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title.toLowerCase().replace(/[^\w\s-]/g, "").replaceAll(" ", "-")
  );
}
