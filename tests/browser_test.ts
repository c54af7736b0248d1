/// <reference lib="dom" />

// The page of a run in a real browser: pointing, keys, stepping, colours, paper. It needs a Chromium, which Debian has as
// `chromium` and CHROMIUM=PATH may name; where there is none, these tests are left out, and say so.

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Browser, Locator, Page } from "playwright-core";
import { createRuntime, type RuntimeOptions } from "../mod.ts";
import { x64 } from "../backends/x64/mod.ts";
import { SMALL_HEAP } from "./support.ts";

const CHROMIUM = [
  Deno.env.get("CHROMIUM") ?? "",
  ...["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"],
].find((path) => {
  try {
    return path !== "" && Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});
await x64.prepare!();
const probe = x64.probe();
const missing = CHROMIUM === undefined
  ? "there is no Chromium; apt-get install chromium, or set CHROMIUM"
  : probe.ok
  ? null
  : probe.because;
if (missing !== null) console.log(`TESTS IN A BROWSER ARE LEFT OUT: ${missing}`);

const PROGRAM = `function twice(n) { return n * 2; }
var sum = 0;
for (var i = 0; i < 500; i += 1) {
  sum = sum + twice(i);
  if (i > 497) print "</script><b>";
}
print sum;
`;

const folder = missing === null ? await Deno.makeTempDir() : "";
let browser: Browser | null = null;

/** Writes the page of a program. */
async function writePage(text: string, options: RuntimeOptions = {}): Promise<string> {
  const runtime = createRuntime({
    page: true,
    backend: "x64",
    heap: SMALL_HEAP,
    ...options,
    stdout: () => {},
    stderr: () => {},
  });
  await runtime.runSource("main.unna", text);
  const file = `${folder}/${crypto.randomUUID()}.html`;
  await Deno.writeTextFile(file, await runtime.report("page"));
  runtime.dispose();
  return file;
}

interface PageTest {
  readonly name: string;
  readonly program?: string;
  readonly options?: RuntimeOptions;
  readonly scheme?: "dark" | "light";
  run(page: Page): Promise<void>;
}

/** A test of a page, which must not fail on its own, nor ask for anything else. */
function pageTest({ name, program = PROGRAM, options = {}, scheme = "light", run }: PageTest): void {
  Deno.test({
    name: `page: ${name}`,
    ignore: missing !== null,
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      if (browser === null) {
        const { chromium } = await import("playwright-core");
        browser = await chromium.launch({ executablePath: CHROMIUM!, args: ["--no-sandbox"] });
      }
      const file = await writePage(program, options);
      const page = await browser.newPage({ viewport: { width: 1500, height: 900 }, colorScheme: scheme });
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("console", (message) => faults.push(message.text()));
      page.on(
        "request",
        (request) => void (request.url() === `file://${file}` || faults.push(request.url())),
      );
      try {
        await page.goto(`file://${file}`);
        await run(page);
        assertEquals(faults, []);
      } finally {
        await page.close();
      }
    },
  });
}

const rows = (page: Page, column: string, of = "") => page.locator(`[data-list="${column}"] .row${of}`);
const lit = async (page: Page, column: string) =>
  (await rows(page, column, ".lit").allTextContents()).map((text) => text.trim());
const row = (page: Page, column: string, text: string) =>
  rows(page, column).filter({ hasText: text }).first();

/** Points at the beginning of a row, where it can be seen. */
async function pointAt(target: Locator): Promise<void> {
  await target.hover({ position: { x: 20, y: 10 } });
}

pageTest({
  name: "pointing at bytecode lights up source, tree, draft and machine code",
  async run(page) {
    await pointAt(row(page, "bytecode", "ADD*"));
    assertEquals((await lit(page, "source")).length, 1);
    assertMatch((await lit(page, "source"))[0], /^4 {2}sum = sum \+ twice\(i\);$/);
    assertEquals(await page.locator('[data-list="source"] .hit').allTextContents(), ["+"]);
    assertEquals(await lit(page, "ast"), ["value: Binary op=+"]);
    for (const column of ["draft", "code"]) {
      const [title, ...lines] = await lit(page, column);
      assertEquals(title, "17 ADD_II r1, r1, r2");
      assert(lines.length > 3, `${column}: ${lines}`);
    }
    await page.mouse.move(5, 5);
    for (const column of ["source", "ast", "bytecode", "code"]) assertEquals(await lit(page, column), []);
  },
});

pageTest({
  name: "pointing at any column lights up the others, and they scroll to what is lit",
  async run(page) {
    const cases: [column: string, text: string, opcode: RegExp][] = [
      ["source", "print sum", /GET_GLOBAL|PRINT|RETURN_NIL/],
      ["ast", "then: Print", /LOAD_CONST|PRINT/],
      ["bytecode", "RETURN_NIL", /RETURN_NIL/],
    ];
    for (const [column, text, opcode] of cases) {
      await rows(page, column).first().waitFor();
      const target = row(page, column, text);
      await target.scrollIntoViewIfNeeded();
      await pointAt(target);
      const found = await lit(page, "bytecode");
      assert(found.length > 0 && found.every((name) => opcode.test(name)), `${column}: ${found}`);
      for (const other of ["source", "ast", "bytecode", "draft", "code"]) {
        const light = rows(page, other, ".lit").first();
        assert(await light.count() === 1, `pointing at ${column} leaves ${other} dark`);
        if (other !== column) assert(await isInView(light), `${other} does not show what is lit`);
      }
    }
    // Machine code leads back: the same row in the draft, its instruction, and what that was written as.
    const call = row(page, "code", "jne detour");
    await pointAt(call);
    assertEquals(await rows(page, "code", ".exact").count(), 1);
    const offset = (await rows(page, "code", ".exact .offset").textContent())!;
    assertEquals(await rows(page, "draft", ".exact .offset").textContent(), offset);
    assertEquals((await lit(page, "bytecode")).length, 1);
    assertEquals((await lit(page, "source")).length, 1);
  },
});

async function isInView(target: Locator): Promise<boolean> {
  return await target.evaluate((element) => {
    const own = element.getBoundingClientRect(), list = element.closest(".rows")!.getBoundingClientRect();
    return own.top >= list.top - 1 && own.bottom <= list.bottom + 1;
  });
}

pageTest({
  name: "arrows move between lines, tab and arrows between columns, Escape lets go",
  async run(page) {
    const focused = () => page.evaluate(() => document.activeElement!.getAttribute("data-list"));
    await page.locator('[data-list="bytecode"]').focus();
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowDown");
    const held = rows(page, "bytecode", '[aria-selected="true"]');
    assertMatch((await held.textContent())!, /SET_GLOBAL r0, g1/);
    assertEquals((await lit(page, "bytecode")).length, 1);
    const id = await held.getAttribute("id");
    assertEquals(await page.locator('[data-list="bytecode"]').getAttribute("aria-activedescendant"), id);
    await page.keyboard.press("ArrowRight");
    assertEquals(await focused(), "draft");
    assertEquals((await lit(page, "bytecode")).length, 1);
    await page.keyboard.press("Tab");
    assertEquals(await focused(), "code");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    assertEquals(await focused(), "bytecode");
    await page.keyboard.press("End");
    assertMatch((await lit(page, "bytecode"))[0], /RETURN_NIL/);
    assert(await isInView(rows(page, "bytecode", ".held")));
    await page.keyboard.press("Home");
    assertMatch((await lit(page, "bytecode"))[0], /CLOSURE/);
    await page.keyboard.press("Escape");
    assertEquals(await lit(page, "bytecode"), []);
    // Whoever goes by keys sees where they are.
    const outline = await page.locator('[data-list="bytecode"]').evaluate((list) =>
      getComputedStyle(list).outlineStyle
    );
    assertEquals(outline, "solid");
  },
});

pageTest({
  name: "holes can be stepped through by buttons, keys and the slider",
  async run(page) {
    await page.locator("#function").selectOption({ label: "twice, line 1 ■" });
    const step = page.locator(".step"), open = page.locator('[data-list="bytes"] .open');
    const total = Number(/^(\d+) holes, all still open$/.exec((await step.textContent())!)![1]);
    assert(total > 1);
    assertEquals(await open.count(), 4 * total);
    await page.getByLabel("Next hole").click();
    const [, offset, before, after] =
      /^Hole 1 of \d+, at ([0-9a-f]+): ((?:00 ?){4}) → ((?:[0-9A-F]{2} ?){4}) jump from pc 0 to /
        .exec((await step.textContent())!)!;
    assertEquals(before, "00 00 00 00");
    assertEquals((await page.locator('[data-list="bytes"] .now').allTextContents()).join(" "), after.trim());
    const first = page.locator('[data-list="bytes"] .now').first();
    assertEquals(Number(await first.getAttribute("data-at")), parseInt(offset, 16));
    assertEquals(await open.count(), 4 * (total - 1));
    // The light is on the instruction with the hole, in both columns and above.
    assertMatch((await rows(page, "draft", ".exact").textContent())!, /__ __ __ __/);
    assertEquals(await rows(page, "code", ".exact .filled").textContent(), after.trim());
    assertEquals((await lit(page, "bytecode")).length, 1);

    await page.locator('[data-list="bytes"]').focus();
    await page.keyboard.press("ArrowRight");
    assertMatch((await step.textContent())!, /^Hole 2 of/);
    await page.keyboard.press("ArrowLeft");
    assertMatch((await step.textContent())!, /^Hole 1 of/);
    await page.keyboard.press("End");
    assertMatch((await step.textContent())!, new RegExp(`^Hole ${total} of ${total},`));
    assertEquals(await open.count(), 0);
    assert(await page.getByLabel("Next hole").isDisabled());
    await page.getByLabel("Holes filled so far").fill("0");
    assertMatch((await step.textContent())!, /all still open$/);
    assert(await page.getByLabel("Previous hole").isDisabled());
    await rows(page, "holes").nth(1).click();
    assertMatch((await step.textContent())!, /^Hole 2 of/);

    // A byte belongs to the instruction around it.
    await page.locator('[data-list="bytes"] [data-at="5"]').hover();
    assertEquals(await rows(page, "code", ".exact .offset").textContent(), "4");
    assertEquals(await page.locator('[data-list="bytes"] .lit').count(), 6);
  },
});

pageTest({
  name: "events tell what happened and lead to where",
  async run(page) {
    const events = page.locator("button.event");
    const labels = await events.evaluateAll((all) => all.map((button) => button.getAttribute("aria-label")));
    assertMatch(labels[0]!, /^[\d.]+ ms: hot twice, main\.unna:1, by its calls$/);
    assert(
      labels.some((label) => / ms: exited main, main\.unna:5, pc 23, no-template, once$/.test(label!)),
      String(labels),
    );
    await events.first().click();
    assertEquals(await page.locator("#function option:checked").textContent(), "twice, line 1 ■");
    assertEquals(await page.locator(".event-text").textContent(), labels[0]);
    await page.keyboard.press("End");
    assertEquals(await page.locator(".event-text").textContent(), labels.at(-1));
    await page.keyboard.press("Enter");
    assertEquals(await page.locator("#function option:checked").textContent(), "main, line 1 ■");
    assertMatch((await lit(page, "bytecode")).join(), /^29PRINT/);
  },
});

pageTest({
  name: "a line of another function leads there",
  async run(page) {
    const line = rows(page, "source").first();
    assertMatch((await line.getAttribute("class"))!, /other/);
    await line.click({ position: { x: 60, y: 10 } });
    assertEquals(await page.locator("#function option:checked").textContent(), "twice, line 1 ■");
    assertMatch((await lit(page, "bytecode")).join(), /MUL_K.*RETURN/);
  },
});

pageTest({
  name: "text of the program stays text",
  async run(page) {
    assertMatch((await rows(page, "source").nth(4).textContent())!, /print "<\/script><b>";/);
    assertEquals(await page.locator(".rows b, .rows script").count(), 0);
  },
});

pageTest({
  name: "columns can be left out",
  async run(page) {
    const draft = page.getByRole("button", { name: "Draft" });
    await draft.click();
    assertEquals(await draft.getAttribute("aria-pressed"), "false");
    assert(await page.locator('[data-column="draft"]').isHidden());
    await page.locator('[data-list="bytecode"]').focus();
    await page.keyboard.press("ArrowRight");
    assertEquals(await page.evaluate(() => document.activeElement!.getAttribute("data-list")), "code");
    await draft.click();
    assert(await page.locator('[data-column="draft"]').isVisible());
  },
});

// ---- colours and paper -------------------------------------------------------------------------------------------

const background = (page: Page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

/** Texts whose contrast with what is behind them is less than the 4.5 that readers need, with the contrast. */
async function paleTexts(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    // The browser turns any colour into four numbers.
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })!;
    const parse = (color: string) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = color;
      canvas.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
      return { channels: [red, green, blue], alpha: alpha / 255 };
    };
    const luminance = (channels: number[]) => {
      const [r, g, b] = channels.map((c) => c / 255).map((c) =>
        c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
      );
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const over = (top: number[], alpha: number, below: number[]) =>
      top.map((channel, i) => channel * alpha + below[i] * (1 - alpha));
    const pale = new Set<string>();
    for (const element of document.querySelectorAll("body *")) {
      const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) =>
        node.textContent
      ).join("");
      if (
        text.trim() === "" ||
        element.closest("noscript, script, [hidden], :disabled, option, .paper") !== null
      ) continue;
      const chain: Element[] = [];
      for (let at: Element | null = element; at !== null; at = at.parentElement) chain.unshift(at);
      let behind = [255, 255, 255], opacity = 1;
      for (const at of chain) {
        const style = getComputedStyle(at), { channels, alpha } = parse(style.backgroundColor);
        behind = over(channels, alpha, behind);
        opacity *= Number(style.opacity);
      }
      const { channels, alpha } = parse(getComputedStyle(element).color);
      const [high, low] = [luminance(over(channels, alpha * opacity, behind)), luminance(behind)].sort((
        a,
        b,
      ) => b - a);
      const contrast = (high + 0.05) / (low + 0.05);
      if (contrast < 4.5) pale.add(`${element.className || element.tagName} ${contrast.toFixed(2)}`);
    }
    return [...pale];
  });
}

for (const scheme of ["light", "dark"] as const) {
  pageTest({
    name: `${scheme} colours follow the system, can be changed, and are easy to read`,
    scheme,
    async run(page) {
      const other = scheme === "light" ? "dark" : "light", before = await background(page);
      await page.getByLabel("Next hole").click();
      assertEquals(await paleTexts(page), []);
      await pointAt(row(page, "bytecode", "LOOP"));
      assertEquals(await paleTexts(page), []);
      await page.getByLabel(`Change to ${other} colours`).click();
      const after = await background(page);
      assert(after !== before, `${before} stays`);
      assertEquals(await paleTexts(page), []);
      await page.reload();
      assertEquals(await background(page), after, "the choice is kept");
      await page.getByLabel(`Change to ${scheme} colours`).click();
      assertEquals(await background(page), before);
    },
  });
}

pageTest({
  name: "on paper the function is a listing",
  scheme: "dark",
  async run(page) {
    await page.emulateMedia({ media: "print" });
    const paper = page.locator(".paper");
    await paper.waitFor({ state: "visible" });
    assert(await page.locator("main").isHidden() && await page.locator("header").isHidden());
    const text = (await paper.innerText()).replace(/\s+/g, " ");
    for (
      const part of [
        "main main.unna:1",
        "sum = sum + twice(i);",
        "17 ADD r1, r1, r2",
        "Behind the instructions",
        "value: Binary op=+",
        "hot twice, main.unna:1, by its calls",
      ]
    ) assert(text.includes(part), `no '${part}' in ${text.slice(0, 2000)}`);
    assertMatch(text, /[0-9a-f]+ 00 00 00 00 ([0-9A-F]{2} ){4}jump from pc 0 to/);
    // Black on white, whatever the screen is like.
    assertEquals(await paper.evaluate((element) => getComputedStyle(element).color), "rgb(29, 31, 35)");
    await page.emulateMedia({ media: null });
    const pdf = await page.pdf({ format: "A4" });
    assertEquals(new TextDecoder().decode(pdf.subarray(0, 5)), "%PDF-");
    const wide = await paper.evaluate((element) => element.scrollWidth - element.clientWidth);
    assert(wide <= 0, `${wide} pixels do not fit the paper`);
  },
});

pageTest({
  name: "each compilation of a function can be looked at",
  program: `function first(a) { return a[0] + 1; }
var ints = [1];
var floats = [1.5];
var s = 0;
for (var i = 0; i < 200; i += 1) s = s + first(ints);
for (var i = 0; i < 2000; i += 1) s = s + first(floats);
print s;
`,
  async run(page) {
    const choice = page.locator("#compilation");
    await page.locator("#function").selectOption({ label: "first, line 1 ■" });
    const labels = await choice.locator("option").allTextContents();
    assert(labels.length > 1 && labels[0] === `1 of ${labels.length}`, labels.join());
    assertEquals(await choice.inputValue(), String(labels.length - 1), "the last one is shown first");
    const titles = () => rows(page, "code", ".head").allTextContents();
    const last = await titles();
    await choice.selectOption("0");
    assert((await titles()).join() !== last.join(), "the first one is other code");
    // Its event leads to it as well.
    await page.getByLabel(/ms: recompiled first/).last().click();
    assertEquals(await choice.inputValue(), String(labels.length - 1));
    assertEquals(await titles(), last);
  },
});

// ---- other programs ----------------------------------------------------------------------------------------------

pageTest({
  name: "where only the interpreter ran, the columns say so",
  options: { backend: "interp" },
  async run(page) {
    for (const column of ["draft", "code"]) {
      const note = page.locator(`[data-column="${column}"] .note`);
      assertEquals(await note.textContent(), "The interpreter ran everything; there is no machine code.");
    }
    assertMatch((await page.locator(".timeline").innerText()).replace(/\s+/g, " "), /Nothing got hot enough/);
    await pointAt(row(page, "bytecode", "PRINT"));
    assertEquals((await lit(page, "source")).length, 1);
  },
});

pageTest({
  name: "a program that does not compile shows its source and what is wrong",
  program: "print 1 +;",
  async run(page) {
    assertMatch(await page.locator(".messages").innerText(), /U0111/);
  },
});

pageTest({
  name: "of a long program only the rows in view exist, and the last one can be reached",
  program: `var s = 0;\nfor (var i = 0; i < 300; i += 1) {\n${
    Array.from({ length: 2000 }, (_, i) => `  s = (s * ${i % 7 + 1} + i) % 1000003;`).join("\n")
  }\n}\nprint s;\n`,
  async run(page) {
    const bytecode = page.locator('[data-list="bytecode"]');
    await bytecode.focus();
    await page.keyboard.press("End");
    assertMatch((await lit(page, "bytecode"))[0], /RETURN_NIL/);
    assert(Number(await rows(page, "bytecode", ".held").getAttribute("aria-setsize")) > 8000);
    await row(page, "source", "print s;").waitFor();
    const elements = await page.locator("*").count();
    assert(elements < 5000, `${elements} elements`);
    for (const column of ["source", "ast", "draft", "code"]) {
      assert((await lit(page, column)).length > 0, column);
    }
  },
});

Deno.test({
  name: "page: the browser is closed",
  ignore: missing !== null,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await browser?.close();
    await Deno.remove(folder, { recursive: true });
  },
});
