// Who may import whom. The house stands on this table: data at the bottom, the machine on it, passes, backends and
// plugins side by side above, one file that wires them. A file that breaks it is named together with the rule.

import { assertEquals } from "@std/assert";

/** The files of core/, each of which may import only files above it. */
const LADDER = [
  "part",
  "schema",
  "source",
  "diagnostics",
  "explanations",
  "files",
  "output",
  "input",
  "ast",
  "ast_text",
  "memory",
  "value",
  "number_text",
  "heap",
  "gc",
  "strings",
  "maps",
  "arithmetic",
  "compare",
  "text",
  "program",
  "machine",
  "resources",
  "convert",
  "opcodes",
  "rewrite",
  "verify",
  "listing",
  "loader",
  "dispatch",
  "syntax",
  "backend",
  "schema_shapes",
  "native_views",
  "jit_log",
  "doctor",
  "pass",
  "order",
  "plugin",
  "admission",
  "engine",
  "trial",
  "shrink",
  "generate",
  "ways",
  "verify_operands",
  "verify_plugin",
  "explain_examples",
  "explain",
  "why",
  "session",
  "reports",
  "page",
  "watchdog_thread",
  "watchdog",
  "line_editor",
  "scaffold",
  "lab",
  "repl",
  "options",
  "embedder",
  "running",
  "dialogue",
  "findings",
  "runtime",
  "commands",
  "command_line",
];

/** What files of a place may import from the project, by the beginnings of paths. */
const ARROWS: readonly (readonly [from: string, ...to: string[]])[] = [
  ["passes/mod.ts", "core/", "passes/"],
  ["passes/views.ts", "core/", "passes/lexer.ts"],
  ["passes/parse.ts", "core/", "passes/lexer.ts"],
  ["passes/bytecode.ts", "core/", "passes/registers.ts", "passes/scope.ts"],
  ["passes/check.ts", "core/", "passes/scope.ts"],
  ["passes/session.ts", "core/", "passes/lexer.ts", "passes/parse.ts"],
  ["passes/template_jit.ts", "core/", "passes/loops.ts", "passes/loop_code.ts"],
  ["passes/hot.ts", "core/", "passes/"],
  ["passes/loop_code.ts", "core/", "passes/loops.ts"],
  ["passes/", "core/"],
  ["backends/x64/", "core/", "backends/x64/"],
  ["backends/", "core/"],
  ["plugins/http.ts", "core/", "plugins/json.ts"],
  ["plugins/", "core/", "backends/x64/kit.ts"],
  ["core/runtime.ts", "core/", "passes/", "backends/", "plugins/"],
  ["core/dialogue.ts", "core/", "passes/session.ts"],
  ["core/findings.ts", "core/", "passes/check.ts"],
  ["core/commands.ts", "core/", "passes/session.ts", "backends/x64/disassembler.ts", "docs/labs/mod.ts"],
  ["mod.ts", "core/", "passes/", "backends/", "plugins/", "docs/labs/mod.ts"],
  ["cli.ts", "core/", "passes/", "backends/", "plugins/"],
  ["examples/", "mod.ts"],
  ["docs/labs/", "core/", "backends/x64/kit.ts", "docs/labs/"],
  ["docs/", "mod.ts"],
  ["tests/", ""],
];

/** Where packages may be imported; everything else works without any. */
const PACKAGES: readonly (readonly [from: string, ...packages: string[]])[] = [
  ["core/command_line.ts", "@std/cli/parse-args", "@std/fmt/colors"],
  ["plugins/scraper.ts", "css-select", "htmlparser2"],
  ["tests/", ""],
];

const ROOT = new URL("../", import.meta.url);
const FOLDERS = ["core", "passes", "backends", "plugins", "examples", "docs", "tests"];

function listFiles(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder === "" ? "." : `${folder}/`, ROOT))].flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory) return folder === "" ? [] : listFiles(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

interface Arrow {
  readonly from: string;
  /** A path in the project, or a package. */
  readonly to: string;
  readonly isRelative: boolean;
}

/** Static and dynamic imports and re-exports. What is no TypeScript does not count: programs in the text of tests import
 * `.unna` files, and script and style of a page are texts. */
function importsOf(path: string): Arrow[] {
  const text = Deno.readTextFileSync(new URL(path, ROOT));
  const statements =
    /^(?:import|export)\b[^;'"]*?from\s+"([\w@./-]+)"|^import\s+"([\w@./-]+)"|\bimport\("([\w@./-]+)"\)/gm;
  const specifiers = [...text.matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3]);
  return specifiers.filter((specifier) => !/\.(unna|js|css)$/.test(specifier)).map((specifier) => {
    if (!specifier.startsWith(".")) return { from: path, to: specifier, isRelative: false };
    const { href } = new URL(specifier, new URL(path, ROOT));
    return { from: path, to: href.slice(ROOT.href.length), isRelative: true };
  });
}

function faultOf({ from, to, isRelative }: Arrow): string | null {
  if (!isRelative) {
    const allowed = PACKAGES.find(([place]) => from.startsWith(place))?.slice(1) ?? [];
    return allowed.some((name) => to.startsWith(name)) ? null : `${from} imports the package ${to}`;
  }
  if (from.startsWith("core/") && to.startsWith("core/")) {
    const rung = (path: string) => LADDER.indexOf(path.slice("core/".length, -".ts".length));
    return rung(to) < rung(from) ? null : `${from} imports ${to}, which is not above it in the ladder`;
  }
  const allowed = ARROWS.find(([place]) => from.startsWith(place))?.slice(1) ?? [];
  return allowed.some((place) => to.startsWith(place))
    ? null
    : `${from} imports ${to}, which no arrow allows`;
}

const files = ["", ...FOLDERS].flatMap(listFiles);

Deno.test("every file of core/ has its place in the ladder", () => {
  const names = files.filter((path) => path.startsWith("core/")).map((path) => path.slice(5, -3));
  assertEquals(names.toSorted(), LADDER.toSorted());
});

Deno.test("docs/architecture.md draws the ladder as it is", () => {
  const page = Deno.readTextFileSync(new URL("docs/architecture.md", ROOT));
  const drawing = /^```text\n(part .*?)\n\(first column/ms.exec(page)?.[1].split("\n") ?? [];
  // Two columns, the first one from top to bottom, then the second.
  const column = drawing[0].search(/(?<=\s{2,})\w+ {2,}\w/);
  const names = [0, column].flatMap((from) => drawing.map((row) => /^\w*/.exec(row.slice(from))![0]));
  assertEquals(names.filter((name) => name !== ""), LADDER);
});

Deno.test("imports follow the arrows, and the ladder within core/", () => {
  assertEquals(files.flatMap(importsOf).map(faultOf).filter((fault) => fault !== null), []);
});

Deno.test("every file is in reach of the command line, the library or the tests", () => {
  const seen = new Set<string>();
  const open = files.filter((path) => /^(?:cli|mod)\.ts$|^(?:examples|docs|tests)\//.test(path));
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    open.push(...importsOf(path).filter(({ isRelative }) => isRelative).map(({ to }) => to));
  }
  assertEquals(files.filter((path) => !seen.has(path)), []);
});

/** The paths of the modules that Deno loads with `entry` at once, itself left out. */
async function loadedBy(entry: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(entry, ROOT).pathname],
  }).output();
  const { modules }: Graph = JSON.parse(new TextDecoder().decode(stdout));
  const graph = new Map(modules.map(({ specifier, dependencies }) => [specifier, dependencies ?? []]));
  const seen = new Set<string>();
  const open = [new URL(entry, ROOT).href];
  for (let module = open.pop(); module !== undefined; module = open.pop()) {
    if (seen.has(module)) continue;
    seen.add(module);
    const named = graph.get(module)!.filter(({ isDynamic }) => !isDynamic);
    open.push(...named.flatMap(({ code }) => code === undefined ? [] : [code.specifier]));
  }
  return [...seen].map((href) => href.slice(ROOT.href.length)).filter((path) => path !== entry);
}

/** What `deno info --json` prints; an import of types only has no `code`. */
interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier: string };
      readonly isDynamic?: boolean;
    }[];
  }[];
}

Deno.test("cli.ts names everything that it loads, so that Deno reads no other source map", async () => {
  const named = importsOf("cli.ts").map(({ to }) => to).filter((path) => path !== "core/command_line.ts");
  assertEquals(named.toSorted(), (await loadedBy("cli.ts")).toSorted());
});

for (const entry of ["passes/hot.ts", "backends/x64/native.ts"]) {
  Deno.test(`${entry} names everything that it loads beyond that, for the same reason`, async () => {
    const known = new Set(["cli.ts", ...await loadedBy("cli.ts"), ...importsOf(entry).map(({ to }) => to)]);
    assertEquals((await loadedBy(entry)).filter((path) => !known.has(path)), []);
  });
}

Deno.test("what every run loads is ASCII, which V8 keeps in half the space", async () => {
  const beyond = (path: string) => /\P{ASCII}/u.exec(Deno.readTextFileSync(new URL(path, ROOT)))?.[0];
  const found = (await loadedBy("cli.ts")).map((path) => [path, beyond(path)] as const);
  assertEquals(found.filter(([, character]) => character !== undefined), []);
});

Deno.test("mod.ts shows Deno every part that is loaded on demand", () => {
  const named = new Set(importsOf("mod.ts").map(({ to }) => to));
  const parts = files.filter((path) => !/^(?:cli|docs|examples|tests)\b/.test(path)).flatMap((path) => {
    const text = Deno.readTextFileSync(new URL(path, ROOT));
    const paths = [...text.matchAll(/definePart<[^;]*?>\(import\.meta, "([\w./]+)"\)/g)].map(([, to]) => to);
    return paths.map((to) => new URL(to, new URL(path, ROOT)).href.slice(ROOT.href.length));
  });
  assertEquals(parts.length > 10, true);
  assertEquals(parts.filter((path) => !named.has(path)), []);
});
