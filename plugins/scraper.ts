/**
 * `ucoreScraper`: what stands in HTML pages. Pages are parsed as browsers do it, by htmlparser2, and searched by
 * css-select; this file decides what a program gets to see of them: for each element that a selector matches, a map.
 *
 * ```text
 *  <a href="/x">to <b>x</b></a>       {tagName: a, text: to x, attributes: {href: /x}}
 * ```
 *
 * The text of an element is that of all within it. Elements lie within elements, so gathering each text for itself
 * would read the innermost ones over and over; instead one walk gathers the text of the whole page, and that of an
 * element is a part of it.
 *
 * Programs search the same page many times, so the last one that was parsed is kept.
 */

// Named in full: whoever uses the runtime from a project of their own brings that project's import map.
// deno-lint-ignore no-import-prefix
import { type Options, selectAll } from "npm:css-select@7.0.0";
// deno-lint-ignore no-import-prefix
import { parseDocument } from "npm:htmlparser2@12.0.0";
import type { Machine, NativeDef, Param } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { defineHostNative, hostText, type HostValue } from "../core/convert.ts";
import { attemptAsync, placeOf } from "../core/files.ts";

type Document = ReturnType<typeof parseDocument>;
type Node = Document["children"][number] | Document;
type Element = Extract<Node, { attribs: unknown }>;

// ---- pages -------------------------------------------------------------------------------------------------------

/** A page that has been parsed. */
interface Page {
  readonly document: Document;
  /** The text of the whole page. */
  readonly text: string;
  /** Which part of it is an element's. */
  readonly extents: ReadonlyMap<Element, readonly [begin: number, end: number]>;
}

function isElement(node: Node): node is Element {
  return "attribs" in node;
}

function childrenOf(node: Node): Document["children"] {
  return "children" in node ? node.children : [];
}

function parsePage(html: string): Page {
  const document = parseDocument(html.startsWith("\uFEFF") ? html.slice(1) : html, {
    lowerCaseAttributeNames: false,
  });
  const pieces: string[] = [], extents = new Map<Element, [number, number]>();
  let length = 0;
  walk(document, (node) => {
    if (node.type === "text") {
      pieces.push(node.data);
      length += node.data.length;
    } else if (isElement(node)) extents.set(node, [length, length]);
  }, (node) => {
    if (isElement(node)) extents.get(node)![1] = length;
  });
  return { document, text: pieces.join(""), extents };
}

/** Visits all below `root`, before and after what is within it. Pages may be nested deeper than calls may be. */
function walk(root: Node, enter: (node: Node, depth: number) => void, leave: (node: Node) => void): void {
  let node: Node | null = childrenOf(root)[0] ?? null, depth = 1;
  while (node !== null) {
    enter(node, depth);
    const child: Node | undefined = childrenOf(node)[0];
    if (child !== undefined) {
      node = child;
      depth++;
      continue;
    }
    while (node !== null && node !== root) {
      leave(node);
      if (node.next !== null) break;
      node = node.parent;
      depth--;
    }
    node = node === null || node === root ? null : node.next;
  }
}

/** The last page of each machine. */
const lastPages = new WeakMap<Machine, { html: string; page: Page }>();

function pageOf(machine: Machine, html: string): Page {
  const last = lastPages.get(machine);
  if (last?.html === html) return last.page;
  const page = parsePage(html);
  lastPages.set(machine, { html, page });
  return page;
}

/** A page as text. What is no UTF-8 says in its head what it is, or else is what most of the old pages are. */
function pageText(html: HostValue): string {
  if (typeof html === "string") return html;
  const bytes = html as Uint8Array;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const head = new TextDecoder("latin1").decode(bytes.subarray(0, 1024));
    const label = /<meta[^>]+charset\s*=\s*["']?([\w-]+)/i.exec(head)?.[1];
    return decoderFor(label).decode(bytes);
  }
}

function decoderFor(label: string | undefined): TextDecoder {
  try {
    return new TextDecoder(label ?? "windows-1252");
  } catch {
    return new TextDecoder("windows-1252");
  }
}

// ---- searching ---------------------------------------------------------------------------------------------------

/** An attribute by its name in lower case, however the page writes it. */
function attributeOf({ attribs }: Element, name: string): string | undefined {
  if (Object.hasOwn(attribs, name)) return attribs[name];
  for (const other in attribs) if (other.toLowerCase() === name) return attribs[other];
  return undefined;
}

/** How css-select finds its way about a page. */
const OPTIONS: Options<Node, Element> = {
  adapter: {
    isTag: isElement,
    getName: (element) => element.name,
    getAttributeValue: attributeOf,
    hasAttrib: (element, name) => attributeOf(element, name) !== undefined,
    getChildren: childrenOf,
    getParent: (element) => element.parent,
    getSiblings: (node) => node.parent === null ? [node] : node.parent.children,
    getText: (node) => node.type === "text" ? node.data : "",
    removeSubsets: (nodes) => nodes,
  },
};

/** The elements that `selector` matches, in the order of the page; null, and a message, if it is no selector. */
function select(machine: Machine, html: string, selector: string): HostValue {
  const { document, text, extents } = pageOf(machine, html);
  if (selector.trim() === "") return [];
  let found: Element[];
  try {
    found = selectAll(selector, document as Node, OPTIONS);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    machine.host.world.warn(`Selector Error: ${problem} (in '${selector}')\n`);
    return null;
  }
  return found.map((element) => {
    const map = new Map<HostValue, HostValue>([["tagName", element.name]]);
    const own = text.slice(...extents.get(element)!), attributes = Object.entries(element.attribs);
    if (own !== "") map.set("text", own);
    if (attributes.length > 0) map.set("attributes", new Map(attributes));
    return map;
  });
}

/** What a page consists of, a line for each element and each text that is not white space. */
function printTree({ document }: Page): string {
  const lines = ["#document"];
  walk(document, (node, depth) => {
    const indent = "  ".repeat(depth);
    if (isElement(node)) {
      const attributes = Object.entries(node.attribs).map(([name, value]) => ` ${name}="${value}"`);
      lines.push(`${indent}<${node.name}${attributes.join("")}>`);
    } else if (node.type === "text" && node.data.trim() !== "") {
      lines.push(`${indent}#text: "${node.data.trimStart()}"`);
    }
  }, () => {});
  return lines.map((line) => `${line}\n`).join("");
}

// ---- the world ---------------------------------------------------------------------------------------------------

/** Asks for a page. An address without a scheme is one of the web. */
function request(url: string): Promise<Response> {
  return fetch(/^[a-z][\w+.-]*:\/\//i.test(url) ? url : `http://${url}`);
}

/** Stores what is at `url` in a file, which appears when it is complete. */
async function download(url: string, path: string): Promise<boolean> {
  const response = await request(url), unfinished = `${path}.part`;
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    return false;
  }
  try {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/") + 1) || "/", { recursive: true });
    await Deno.writeFile(unfinished, response.body);
    await Deno.rename(unfinished, path);
  } catch (error) {
    await response.body.cancel().catch(() => {});
    await Deno.remove(unfinished).catch(() => {});
    throw error;
  }
  return true;
}

// ---- the library -------------------------------------------------------------------------------------------------

const HTML: Param = { name: "html", type: "string" };
const SELECTOR: Param = { name: "selector", type: "string" };
const PATH: Param = { name: "path", type: "string" };
const URL_PARAM: Param = { name: "url", type: "string" };

const NATIVES: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreScraper.parse",
    params: [HTML, { name: "debug", type: "any", mode: "optional" }],
    doc: "Parses a page, and prints what it consists of if `debug` is true.",
    example: {
      code: "ucoreScraper.parse(\"<p class='x'>one<br>two\", true);",
      output: '#document\n  <p class="x">\n    #text: "one"\n    <br>\n    #text: "two"\n',
    },
    run([html, debug], machine) {
      const page = pageOf(machine, pageText(html));
      const isWanted = debug !== undefined && debug !== null && debug !== false && debug !== 0;
      if (isWanted) machine.host.world.write(new TextEncoder().encode(printTree(page)));
    },
  }),
  defineHostNative({
    name: "ucoreScraper.select",
    params: [HTML, SELECTOR],
    doc:
      "A map of `tagName`, `text` and `attributes` for each element of a page that a CSS selector matches.",
    example: {
      code: 'print ucoreScraper.select("<ul><li id=\'a\'>one</li><li>two &amp; three</li></ul>", "ul > li");',
      output: "[{tagName: li, text: one, attributes: {id: a}}, {tagName: li, text: two & three}]\n",
    },
    run: ([html, selector], machine) => select(machine, pageText(html), hostText(selector)),
  }),
  defineHostNative({
    name: "ucoreScraper.parseFile",
    params: [PATH, SELECTOR],
    doc: "Like `select`, for the page in a file; nil if there is no such file.",
    example: { code: 'print ucoreScraper.parseFile("no such page.html", "p");', output: "nil\n" },
    async run([path, selector], machine) {
      const place = placeOf(hostText(path), machine.host.world.directory);
      const bytes = await attemptAsync<Uint8Array | null>(() => Deno.readFile(place), null);
      return bytes === null ? null : select(machine, pageText(bytes), hostText(selector));
    },
  }),
  defineHostNative({
    name: "ucoreScraper.fetch",
    params: [URL_PARAM],
    doc: "What is at an address of the web, redirections followed; an empty string if it cannot be had.",
    example: { code: 'print length(ucoreScraper.fetch("http://127.0.0.1:1/"));', output: "0\n" },
    run: ([url]) => attemptAsync(async () => await (await request(hostText(url))).bytes(), new Uint8Array()),
  }),
  defineHostNative({
    name: "ucoreScraper.download",
    params: [URL_PARAM, PATH],
    doc:
      "Stores what is at an address of the web in a file, with the folders that it takes; false if it cannot.",
    example: { code: 'print ucoreScraper.download("http://127.0.0.1:1/", "page.html");', output: "false\n" },
    run: ([url, path], machine) =>
      attemptAsync(
        () => download(hostText(url), placeOf(hostText(path), machine.host.world.directory)),
        false,
      ),
  }),
];

/** The plugin of `ucoreScraper`. */
export const scraper = {
  name: "scraper",
  doc: "What stands in HTML pages.",
  libraries: [{ name: "ucoreScraper", doc: "HTML pages, searched by CSS selectors.", natives: NATIVES }],
} satisfies Plugin;
