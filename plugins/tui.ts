/**
 * `ucoreTui`: colours, boxes, tables and dialogues in a terminal. Three parts, of which only the last two know that
 * there is a terminal:
 *
 * ```text
 *  drawing      values ──► text, in which each line is as wide as it looks
 *  the screen   control sequences, and what has to be undone when the program is over
 *  dialogues    keys ──► a value; a dialogue holds up the task that asks, and no other
 * ```
 *
 * Without a terminal everything goes on working, only plainer: there are no colours and no control sequences, and
 * dialogues read lines. So a program can be used in a pipe, and tested.
 *
 * The terminal is in raw mode while a key is waited for and at no other time: meanwhile Ctrl-C is a key like others, and
 * a program that computes can be interrupted by it. Whatever way the program ends, the world lets this library put the
 * terminal back into its state before that.
 */

import type { Machine, NativeDef, Param } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { views } from "../core/memory.ts";
import { HI_ARRAY, HI_BOOL, HI_STRING, isDouble, kindName, setInt32 } from "../core/value.ts";
import { arrayLength, itemWord } from "../core/heap.ts";
import { isNumber } from "../core/arithmetic.ts";
import { stringText } from "../core/strings.ts";
import { valueToDisplay } from "../core/text.ts";
import { defineHostNative, hostText, type HostValue, storeHostValue } from "../core/convert.ts";
import { takeInput } from "../core/input.ts";
import { charactersOf, type Line, newLine, press, splitKeys, widthOf } from "../core/line_editor.ts";

const { I32, F64 } = views;

const encoder = new TextEncoder();

// ---- colours -----------------------------------------------------------------------------------------------------

/** A sequence that changes colour or weight, which takes no room. */
// deno-lint-ignore no-control-regex
const STYLES_IN_TEXT = /\x1b\[[\d;]*m/g;

const WEIGHTS: Readonly<Record<string, number>> = { bold: 1, dim: 2, italic: 3, underline: 4 };
/** ORDER colors: the number of a colour is its place, from 30 on for text and from 40 on behind it. */
const COLORS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const INVERSE = 7;

/** The code of a colour of text; white for one that does not exist. */
function textColor(name: string): number {
  const bright = /^bright([A-Z].*)$/.exec(name)?.[1].toLowerCase() ?? (name === "gray" ? "black" : null);
  const place = COLORS.indexOf(bright ?? name);
  return place < 0 ? 37 : (bright === null ? 30 : 90) + place;
}

/** The code of a colour behind text; black for one that does not exist. */
function backColor(name: string): number {
  return 40 + Math.max(0, COLORS.indexOf(name));
}

/** The code that a word of `style` stands for. */
function styleCode(word: string): number {
  return WEIGHTS[word] ?? (word.startsWith("bg:") ? backColor(word.slice(3)) : textColor(word));
}

/** Text with colours or weights, where they can be seen. */
function paint(machine: Machine, codes: readonly number[], text: string): string {
  return machine.host.world.terminal.hasColor ? `\x1b[${codes.join(";")}m${text}\x1b[0m` : text;
}

// ---- width -------------------------------------------------------------------------------------------------------

/** Columns that a line takes. */
function columnsOf(line: string): number {
  return widthOf(line.replaceAll(STYLES_IN_TEXT, ""));
}

/** A text as lines that can stand in a frame: without what would move the cursor. A line feed at the end adds none. */
function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) =>
    // deno-lint-ignore no-control-regex
    line.replaceAll("\t", "    ").replaceAll(/\x1b(?!\[[\d;]*m)|[\x00-\x1a\x1c-\x1f\x7f]/g, "")
  );
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function padded(line: string, width: number): string {
  return line + " ".repeat(Math.max(0, width - columnsOf(line)));
}

/** Lines of at most `width` columns, broken between words where that is possible. */
function wrap(line: string, width: number): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(" ")) {
    const longer = current === "" ? word : `${current} ${word}`;
    if (columnsOf(longer) <= width) {
      current = longer;
      continue;
    }
    if (current !== "") lines.push(current);
    current = "";
    for (const part of partsOf(word)) {
      if (columnsOf(current + part) > width && current !== "") {
        lines.push(current);
        current = "";
      }
      current += part;
    }
  }
  return [...lines, current];
}

/** The characters of a word; a sequence that takes no room is one. */
function partsOf(word: string): string[] {
  const parts: string[] = [];
  let at = 0;
  for (const { index, 0: sequence } of word.matchAll(STYLES_IN_TEXT)) {
    parts.push(...charactersOf(word.slice(at, index)), sequence);
    at = index + sequence.length;
  }
  return [...parts, ...charactersOf(word.slice(at))];
}

// ---- drawing -----------------------------------------------------------------------------------------------------

/** The strokes of a frame: its corners from the upper left clockwise, and its sides. */
interface Frame {
  readonly corners: readonly [string, string, string, string];
  readonly across: string;
  readonly down: string;
}

const ROUNDED: Frame = { corners: ["╭", "╮", "╯", "╰"], across: "─", down: "│" };
const FRAMES: Readonly<Record<string, Frame>> = {
  rounded: ROUNDED,
  double: { corners: ["╔", "╗", "╝", "╚"], across: "═", down: "║" },
  simple: { corners: ["┌", "┐", "┘", "└"], across: "─", down: "│" },
};

/** The upper edge of a frame of `width` columns, with a title in it if there is one. */
function upperEdge({ corners, across }: Frame, width: number, title: string): string {
  const named = title === "" ? "" : `${across} ${title} `;
  return corners[0] + named + across.repeat(Math.max(0, width - 2 - columnsOf(named))) + corners[1];
}

function lowerEdge({ corners, across }: Frame, width: number): string {
  return corners[3] + across.repeat(Math.max(0, width - 2)) + corners[2];
}

function drawBox(text: string, frame: Frame): string {
  const lines = linesOf(text), inner = Math.max(0, ...lines.map(columnsOf)), width = inner + 4;
  const rows = lines.map((line) => `${frame.down} ${padded(line, inner)} ${frame.down}`);
  return [upperEdge(frame, width, ""), ...rows, lowerEdge(frame, width), ""].join("\n");
}

/** A table of texts; each may have several lines. */
function drawTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(linesOf));
  const widths = Array.from(
    { length: Math.max(...rows.map((row) => row.length)) },
    (_, column) => Math.max(0, ...cells.flatMap((row) => (row[column] ?? []).map(columnsOf))),
  );
  const rule = (left: string, between: string, right: string) =>
    left + widths.map((width) => "─".repeat(width + 2)).join(between) + right;
  const lines = [rule("╭", "┬", "╮")];
  cells.forEach((row, nth) => {
    for (let i = 0; i < Math.max(1, ...row.map((cell) => cell.length)); i++) {
      lines.push(`│ ${widths.map((width, column) => padded(row[column]?.[i] ?? "", width)).join(" │ ")} │`);
    }
    if (nth === 0 && rows.length > 1) lines.push(rule("├", "┼", "┤"));
  });
  return [...lines, rule("╰", "┴", "╯"), ""].join("\n");
}

/** The text of a cell. */
function cellText(word: number): string {
  const high = I32[word + 1];
  if (high === HI_STRING) return stringText(I32[word]);
  if (isDouble(high)) return Number.isFinite(F64[word >> 1]) ? fixed(F64[word >> 1]) : valueToDisplay(word);
  return isNumber(word) || high === HI_BOOL ? valueToDisplay(word) : "";
}

/** A number with two decimals; from 1e21 on JavaScript would write an exponent. */
function fixed(x: number): string {
  return Math.abs(x) < 1e21 ? x.toFixed(2) : `${BigInt(x)}.00`;
}

/** The tree below a map of `name` and `children`. */
function drawTree(root: ReadonlyMap<HostValue, HostValue>): string {
  const lines: string[] = [nameOf(root, "root")];
  const above = new Set<HostValue>([root]);
  const open = childrenOf(root, "").reverse();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === "function") {
      next();
      continue;
    }
    const { node, indent, isLast } = next;
    if (above.has(node)) throw new Error("ucoreTui.tree cannot draw a tree that contains itself.");
    lines.push(indent + (isLast ? "└── " : "├── ") + nameOf(node, "?"));
    const children = childrenOf(node, indent + (isLast ? "    " : "│   "));
    if (children.length === 0) continue;
    above.add(node);
    open.push(() => above.delete(node), ...children.reverse());
  }
  return lines.map((line) => `${line}\n`).join("");
}

interface Branch {
  readonly node: HostValue;
  /** What stands before it. */
  readonly indent: string;
  readonly isLast: boolean;
}

function childrenOf(node: HostValue, indent: string): (Branch | (() => void))[] {
  const children = node instanceof Map ? node.get("children") : undefined;
  if (!Array.isArray(children)) return [];
  return children.map((child, i) => ({ node: child, indent, isLast: i === children.length - 1 }));
}

/** The name of a node, in one line; a text is its own name. */
function nameOf(node: HostValue, otherwise: string): string {
  const name = node instanceof Map ? node.get("name") : node;
  return typeof name === "string" ? linesOf(name).join(" ") : otherwise;
}

function drawProgress(current: number, total: number, width: number): string {
  const ratio = Math.min(1, Math.max(0, current / (total > 0 ? total : 1))) || 0;
  const columns = Math.max(0, Math.trunc(width) || 0), filled = Math.trunc(ratio * columns);
  const percent = String(Math.trunc(ratio * 100)).padStart(3);
  return `[${"█".repeat(filled)}${"░".repeat(columns - filled)}] ${percent}%`;
}

const SPINNERS: Readonly<Record<string, readonly string[]>> = {
  dots: ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
  line: ["-", "\\", "|", "/"],
  arc: ["◜", "◠", "◝", "◞", "◡", "◟"],
  bounce: ["⠁", "⠂", "⠄", "⠂"],
  dots2: ["⣾", "⣽", "⣻", "⢿", "⡿", "⣟", "⣯", "⣷"],
};

// ---- the screen --------------------------------------------------------------------------------------------------

const CLEAR = "\x1b[2J\x1b[H", CLEAR_LINE = "\x1b[2K\r", CLEAR_BELOW = "\x1b[J";
const HIDE_CURSOR = "\x1b[?25l", SHOW_CURSOR = "\x1b[?25h";
const OPEN_SCREEN = "\x1b[?1049h", CLOSE_SCREEN = "\x1b[?1049l";

/** What a program has done to the terminal. */
interface Screen {
  /** How many wait for keys. */
  waiting: number;
  isHidden: boolean;
  /** Whether the program draws on a screen of its own. */
  isOpen: boolean;
  /** Settles when the dialogues before are over. */
  turn: Promise<unknown>;
  /** The rest of the line that keys are taken from where there are only lines. */
  typed: string[];
  /** Columns of the box that is being drawn. */
  box: number;
  /** What was known last of the terminal's size. */
  size: Size | null;
  /** Whether everything will be put back. */
  isGuarded: boolean;
}

const screens = new WeakMap<Machine, Screen>();

function screenOf(machine: Machine): Screen {
  let screen = screens.get(machine);
  if (screen === undefined) {
    screen = {
      waiting: 0,
      isHidden: false,
      isOpen: false,
      turn: Promise.resolve(),
      typed: [],
      box: 0,
      size: null,
      isGuarded: false,
    };
    screens.set(machine, screen);
  }
  return screen;
}

function write(machine: Machine, text: string): void {
  machine.host.world.write(encoder.encode(text));
}

/** Writes what only a screen understands; at first has everything prepared for that. */
function control(machine: Machine, sequence: string): void | Promise<void> {
  if (!machine.host.world.terminal.hasScreen) return;
  if (screenOf(machine).isGuarded) return write(machine, sequence);
  return guard(machine).then(() => write(machine, sequence));
}

/** Has the terminal put back into its state when the program is over, and sees to it that nobody else draws on it. */
async function guard(machine: Machine): Promise<void> {
  const { world } = machine.host, screen = screenOf(machine);
  if (screen.isGuarded) return;
  screen.isGuarded = true;
  world.atEnd(() => {
    if (screen.waiting > 0) Deno.stdin.setRaw(false);
    const undo = (screen.isHidden ? SHOW_CURSOR : "") + (screen.isOpen ? CLOSE_SCREEN : "");
    screens.delete(machine);
    if (undo === "") return;
    write(machine, undo);
    world.flush();
  });
  await world.settle();
}

function setCursorHidden(machine: Machine, isHidden: boolean): void | Promise<void> {
  screenOf(machine).isHidden = isHidden && machine.host.world.terminal.hasScreen;
  return control(machine, isHidden ? HIDE_CURSOR : SHOW_CURSOR);
}

function setScreenOpen(machine: Machine, isOpen: boolean): void | Promise<void> {
  const screen = screenOf(machine);
  if (screen.isOpen === isOpen) return;
  screen.isOpen = isOpen && machine.host.world.terminal.hasScreen;
  return control(machine, isOpen ? OPEN_SCREEN + CLEAR : CLOSE_SCREEN);
}

interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** The size of the terminal; that of the terminals of old where there is none. */
function measure(): Size {
  try {
    const { rows, columns } = Deno.consoleSize();
    if (rows > 0 && columns > 0) return { rows, columns };
  } catch {
    // There is none.
  }
  return { rows: 24, columns: 80 };
}

/** The size of the terminal, which whoever asks knows from now on. */
function sizeOf(machine: Machine): Size {
  return screenOf(machine).size = measure();
}

/** Whether the terminal has another size than the one known last; at first it has not. */
function isResized(machine: Machine): boolean {
  const { rows, columns } = measure(), { size } = screenOf(machine);
  if (size === null) sizeOf(machine);
  return size !== null && (size.rows !== rows || size.columns !== columns);
}

// ---- keys --------------------------------------------------------------------------------------------------------

/** What a dialogue gets instead of a key when the input is at its end, and when the size of the terminal has changed. */
const END = "end of input", RESIZE = "resize";

/** Keys by what terminals send for them. */
const KEYS: Readonly<Record<string, string>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\b": "backspace",
  "\x7f": "backspace",
  "\x1b": "escape",
  "\x1b[Z": "shift+tab",
  "\x1b[2~": "insert",
  "\x1b[3~": "delete",
  "\x1b[5~": "pageup",
  "\x1b[6~": "pagedown",
  ...Object.fromEntries(
    [["A", "up"], ["B", "down"], ["C", "right"], ["D", "left"], ["H", "home"], ["F", "end"]]
      .flatMap(([letter, name]) => [[`\x1b[${letter}`, name], [`\x1bO${letter}`, name]]),
  ),
  "\x1b[1~": "home",
  "\x1b[7~": "home",
  "\x1b[4~": "end",
  "\x1b[8~": "end",
};

/** What a program calls a key. */
function keyName(key: string): string {
  const name = KEYS[key];
  if (name !== undefined) return name;
  const code = key.codePointAt(0)!;
  if (code >= 1 && code <= 26) return `ctrl+${String.fromCharCode(code + 96)}`;
  return code < 32 ? `unknown:${code}` : key;
}

/** No key is longer than this, in bytes. */
const KEY_BYTES = 64;

/** The first key in what a terminal has sent, and its bytes; null if there has to come more. */
function firstKey(bytes: Uint8Array): { key: string; used: number } | null {
  const lead = bytes[0], length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (bytes.length < length) return null;
  const text = new TextDecoder().decode(bytes.subarray(0, KEY_BYTES)), key = splitKeys(text)[0];
  return { key, used: key.startsWith("\uFFFD") ? 1 : encoder.encode(key).length };
}

/**
 * The next key, or {@linkcode END}; {@linkcode RESIZE} is one too if `seesResize`, also when the size has changed since it
 * was known last, while nobody waited.
 */
async function readKey(machine: Machine, seesResize: boolean): Promise<string> {
  let key: string | null = null;
  const pressed = takeInput((bytes) => {
    if (key !== null) return 0; // nobody waits for it any more
    const first = firstKey(bytes);
    key = first?.key ?? null;
    return first?.used ?? null;
  }).then((isThere) => isThere ? key! : END);
  if (!seesResize || Deno.build.os === "windows") return await pressed;
  const { promise: resized, resolve } = Promise.withResolvers<string>();
  const onResize = () => {
    resolve(key ??= RESIZE);
    sizeOf(machine);
  };
  Deno.addSignalListener("SIGWINCH", onResize);
  try {
    if (isResized(machine)) onResize();
    return await Promise.race([pressed, resized]);
  } finally {
    Deno.removeSignalListener("SIGWINCH", onResize);
  }
}

/** Holds a dialogue with whoever sits at the terminal, when those before it are over. */
function converse<T>(machine: Machine, dialogue: () => Promise<T>): Promise<T> {
  const screen = screenOf(machine);
  const result = screen.turn.then(async () => {
    await guard(machine);
    if (screen.waiting++ === 0) Deno.stdin.setRaw(true);
    try {
      machine.host.world.flush();
      return await dialogue();
    } finally {
      if (--screen.waiting === 0) Deno.stdin.setRaw(false);
      machine.host.world.flush();
    }
  });
  screen.turn = result.catch(() => {});
  return result;
}

const hasKeys = (machine: Machine) => machine.host.world.terminal.hasKeys;

/** A line of input where there are only lines, without the part that was taken as keys; null at the end. */
async function readPlainLine(machine: Machine, prompt: string): Promise<string | null> {
  const { world } = machine.host, screen = screenOf(machine);
  if (prompt !== "") write(machine, prompt);
  world.flush();
  if (screen.typed.length > 0) return screen.typed.splice(0).slice(0, -1).join("");
  const line = await world.readLine();
  return line instanceof Uint8Array ? new TextDecoder().decode(line) : line;
}

/** A key where there are only lines: their characters, and `enter` at their ends. */
async function readPlainKey(machine: Machine): Promise<string | null> {
  const { typed } = screenOf(machine);
  if (typed.length === 0) {
    const line = await readPlainLine(machine, "");
    if (line === null) return null;
    typed.push(...charactersOf(line), "\r");
  }
  return keyName(typed.shift()!);
}

// ---- dialogues ---------------------------------------------------------------------------------------------------

/** What can be seen of a line in `room` columns, and in which of them the cursor stands. */
function viewLine(
  { characters, cursor }: Line,
  room: number,
  mask: string,
): { text: string; column: number } {
  const shown = mask === "" ? characters : characters.map(() => mask);
  let first = cursor, column = 0;
  while (first > 0 && column + widthOf(shown[first - 1]) < room) column += widthOf(shown[--first]);
  let last = cursor, width = column;
  while (last < shown.length && width + widthOf(shown[last]) <= room) width += widthOf(shown[last++]);
  return { text: shown.slice(first, last).join(""), column };
}

/** A line of text to begin with, the cursor behind it. */
function lineOf(text: string): Line {
  const characters = charactersOf(text);
  return { ...newLine([]), characters, cursor: characters.length };
}

/** Has a line edited, redrawn by `draw` after each key; null when it is given up. */
async function edit(machine: Machine, initial: string, draw: (line: Line) => void): Promise<string | null> {
  for (let line = lineOf(initial);;) {
    draw(line);
    machine.host.world.flush();
    const key = await readKey(machine, true);
    if (key === END || key === "\x1b") return null;
    if (key === RESIZE) continue;
    const { line: next, act } = press(line, key, []);
    if (act === "cancel" || act === "end") return null;
    if (act === "enter") return line.characters.join("");
    line = next;
  }
}

/** Asks for a line of text behind a prompt. */
async function askLine(machine: Machine, prompt: string, mask: string): Promise<string> {
  if (!hasKeys(machine)) return await readPlainLine(machine, prompt) ?? "";
  return await converse(machine, async () => {
    const lines = prompt.split("\n"), last = lines.pop()!, width = columnsOf(last);
    for (const line of lines) write(machine, `${line}\n`);
    const text = await edit(machine, "", (line) => {
      const { text, column } = viewLine(line, Math.max(8, sizeOf(machine).columns - width - 1), mask);
      write(machine, `${CLEAR_LINE}${last}${text}\r${right(width + column)}`);
    });
    write(machine, "\n");
    return text ?? "";
  });
}

function right(columns: number): string {
  return columns === 0 ? "" : `\x1b[${columns}C`;
}

const BOX_LEAST = 10, BOX_MOST = 120, BOX_USUAL = 40;

/** Asks for a line of text in a box. */
async function askInBox(
  machine: Machine,
  title: string,
  width: number,
  initial: string,
  mask: string,
): Promise<string> {
  if (!hasKeys(machine)) {
    const line = await readPlainLine(machine, title === "" ? "" : `${title}: `);
    return line === "" ? initial : line ?? "";
  }
  return await converse(machine, async () => {
    const wanted = Math.max(Math.min(Math.max(Math.trunc(width), BOX_LEAST), BOX_MOST), columnsOf(title) + 6);
    let isDrawn = false;
    const text = await edit(machine, initial, (line) => {
      const columns = Math.min(wanted, sizeOf(machine).columns), room = columns - 4;
      const { text, column } = viewLine(line, room, mask);
      const name = paint(machine, [WEIGHTS.bold], title);
      const rows = [
        upperEdge(ROUNDED, columns, title === "" ? "" : name),
        `│ ${padded(text, room)} │`,
        lowerEdge(ROUNDED, columns),
      ];
      const toTop = isDrawn ? "\x1b[1A\r" : "\r";
      write(machine, `${toTop}${CLEAR_BELOW}${rows.join("\n")}\x1b[1A\r${right(2 + column)}`);
      isDrawn = true;
    });
    write(machine, "\x1b[1B\r\n");
    return text ?? "";
  });
}

/** Asks a question that is answered by yes or no. */
async function askWhether(machine: Machine, prompt: string): Promise<boolean> {
  const question = `${prompt} [y/n] `;
  if (!hasKeys(machine)) return /^\s*y/i.test(await readPlainLine(machine, question) ?? "");
  return await converse(machine, async () => {
    write(machine, question);
    machine.host.world.flush();
    for (;;) {
      const key = (await readKey(machine, false)).toLowerCase();
      const isYes = key === "y";
      if (!isYes && !["n", "\r", "\n", "\x1b", "\x03", "\x04", END].includes(key)) continue;
      write(machine, isYes ? "y\n" : "n\n");
      return isYes;
    }
  });
}

/** Asks for one of several options; gives its index, or -1. */
async function askWhich(machine: Machine, prompt: string, options: readonly string[]): Promise<number> {
  if (options.length === 0) return -1;
  if (!hasKeys(machine)) {
    const menu = options.map((option, i) => `  ${i + 1}) ${option}\n`).join("");
    const answer = (await readPlainLine(machine, `${prompt}\n${menu}> `))?.trim() ?? "";
    const byName = options.indexOf(answer), byNumber = /^\d+$/.test(answer) ? Number(answer) - 1 : -1;
    return byName >= 0 ? byName : byNumber < options.length ? byNumber : -1;
  }
  return await converse(machine, async () => {
    const wasHidden = screenOf(machine).isHidden;
    if (prompt !== "") write(machine, `${prompt}\n`);
    await setCursorHidden(machine, true);
    let chosen = 0, first = 0, drawn = 0;
    const moves: Readonly<Record<string, () => number>> = {
      up: () => chosen - 1,
      down: () => chosen + 1,
      home: () => 0,
      end: () => options.length - 1,
      pageup: () => chosen - drawn,
      pagedown: () => chosen + drawn,
    };
    try {
      for (;;) {
        const { rows, columns } = sizeOf(machine), shown = Math.min(options.length, Math.max(1, rows - 2));
        first = Math.max(chosen - shown + 1, Math.min(first, chosen, options.length - shown));
        const lines = options.slice(first, first + shown).map((option, i) => {
          const isChosen = first + i === chosen;
          const line = cut(`${isChosen ? "  > " : "    "}${option}`, columns - 1);
          return isChosen ? paint(machine, [INVERSE], line) : line;
        });
        const toTop = drawn === 0 ? "\r" : `\x1b[${drawn}A\r`;
        write(machine, `${toTop}${CLEAR_BELOW}${lines.map((line) => `${line}\n`).join("")}`);
        drawn = shown;
        machine.host.world.flush();
        const key = await readKey(machine, true);
        if (key === "\r" || key === "\n") return chosen;
        if (key === "\x1b" || key === "\x03" || key === END) return -1;
        const to = moves[keyName(key)]?.() ?? chosen;
        chosen = Math.min(options.length - 1, Math.max(0, to));
      }
    } finally {
      await setCursorHidden(machine, wasHidden);
    }
  });
}

/** As much of a line as fits. */
function cut(line: string, width: number): string {
  let text = "";
  for (const part of partsOf(linesOf(line).join(" "))) {
    if (columnsOf(text + part) > width) break;
    text += part;
  }
  return text;
}

/** The next key that is pressed, by its name; null at the end of the input. */
async function askKey(machine: Machine, seesResize: boolean): Promise<string | null> {
  if (!hasKeys(machine)) return await readPlainKey(machine);
  return await converse(machine, async () => {
    const key = await readKey(machine, seesResize);
    return key === END ? null : key === RESIZE ? RESIZE : keyName(key);
  });
}

// ---- the library -------------------------------------------------------------------------------------------------

const TEXT: Param = { name: "text", type: "string" };
const COLOR: Param = { name: "color", type: "string" };
const PROMPT: Param = { name: "prompt", type: "string", mode: "optional" };
const TITLE: Param = { name: "title", type: "string", mode: "optional" };
const WIDTH: Param = { name: "width", type: "number", mode: "optional" };

const WEIGHTED: readonly NativeDef[] = Object.entries(WEIGHTS).map(([name, code]) =>
  defineHostNative({
    name: `ucoreTui.${name}`,
    params: [TEXT],
    doc: `The text in ${name === "underline" ? "underlined" : name} letters, where output can have them.`,
    example: { code: `print ucoreTui.${name}("text");`, output: "text\n" },
    run: ([text], machine) => paint(machine, [code], hostText(text)),
  })
);

const STYLES: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreTui.fg",
    params: [COLOR, TEXT],
    doc:
      "The text in a colour: black, red, green, yellow, blue, magenta, cyan, white, gray, or a bright one such as brightRed.",
    example: { code: 'print ucoreTui.fg("red", "text");', output: "text\n" },
    run: ([color, text], machine) => paint(machine, [textColor(hostText(color))], hostText(text)),
  }),
  defineHostNative({
    name: "ucoreTui.bg",
    params: [COLOR, TEXT],
    doc: "The text on a colour.",
    example: { code: 'print ucoreTui.bg("blue", "text");', output: "text\n" },
    run: ([color, text], machine) => paint(machine, [backColor(hostText(color))], hostText(text)),
  }),
  ...WEIGHTED,
  defineHostNative({
    name: "ucoreTui.style",
    params: [TEXT, { name: "styles", type: "string" }],
    doc: "The text in several styles at once: bold, dim, italic, underline, colours, and bg:colours.",
    example: { code: 'print ucoreTui.style("text", "bold red bg:white");', output: "text\n" },
    run: ([text, styles], machine) =>
      paint(
        machine,
        hostText(styles).split(" ").filter((word) => word !== "").map(styleCode),
        hostText(text),
      ),
  }),
];

const DRAWING: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreTui.box",
    params: [TEXT, { name: "style", type: "string", mode: "optional" }],
    doc: "The text in a frame, which is rounded, double or simple.",
    example: {
      code: 'print ucoreTui.box("one\\nthree");',
      output: "╭───────╮\n│ one   │\n│ three │\n╰───────╯\n\n",
    },
    run: ([text, style]) => drawBox(hostText(text), FRAMES[hostText(style ?? "rounded")] ?? ROUNDED),
  }),
  {
    name: "ucoreTui.table",
    params: [{ name: "rows", type: "array" }],
    doc: "A table of rows, which are arrays; the first one is its head. Nil if there are no rows.",
    example: {
      code: 'print ucoreTui.table([["item", "price"], ["tea", 3.5], ["milk", 1]]);',
      output:
        "╭──────┬───────╮\n│ item │ price │\n├──────┼───────┤\n│ tea  │ 3.50  │\n│ milk │ 1     │\n╰──────┴───────╯\n\n",
    },
    call(call) {
      const array = I32[call.word(0)], rows: string[][] = [];
      for (let i = 0; i < arrayLength(array); i++) {
        const row = itemWord(array, i), ref = I32[row];
        if (I32[row + 1] !== HI_ARRAY) {
          call.fail(`ucoreTui.table expects rows that are arrays, but got ${kindName(row)}.`);
        }
        rows.push(Array.from({ length: arrayLength(ref) }, (_, column) => cellText(itemWord(ref, column))));
      }
      if (rows.some((row) => row.length > 0)) storeHostValue(call.machine, call.result, drawTable(rows));
    },
  },
  defineHostNative({
    name: "ucoreTui.tree",
    params: [{ name: "tree", type: "map" }],
    doc: "A tree of maps that have a `name`, and an array of `children`.",
    example: {
      code: 'print ucoreTui.tree({"name": "a", "children": [{"name": "b", "children": ["c"]}, "d"]});',
      output: "a\n├── b\n│   └── c\n└── d\n\n",
    },
    run: ([tree]) => drawTree(tree as ReadonlyMap<HostValue, HostValue>),
  }),
  defineHostNative({
    name: "ucoreTui.progressBar",
    params: [{ name: "current", type: "number" }, { name: "total", type: "number" }, WIDTH],
    doc: "A bar that shows how much of a total has been done, 40 columns wide unless told otherwise.",
    example: { code: "print ucoreTui.progressBar(1, 2, 10);", output: "[█████░░░░░]  50%\n" },
    run: ([current, total, width]) => drawProgress(Number(current), Number(total), Number(width ?? 40)),
  }),
  defineHostNative({
    name: "ucoreTui.spinner",
    params: [{ name: "style", type: "string", mode: "optional" }],
    doc: "The pictures of something that turns: dots, line, arc, bounce or dots2.",
    example: { code: 'print ucoreTui.spinner("line");', output: "[-, \\, |, /]\n" },
    run: ([style]) => [...SPINNERS[hostText(style ?? "dots")] ?? SPINNERS.dots],
  }),
  defineHostNative({
    name: "ucoreTui.boxBegin",
    params: [TITLE, WIDTH],
    doc: "Prints the upper edge of a box, as wide as the terminal unless told otherwise.",
    example: { code: 'ucoreTui.boxBegin("Menu", 12);', output: "╭─ Menu ───╮\n" },
    run([title, width], machine) {
      const { columns } = sizeOf(machine), wanted = Math.trunc(Number(width ?? 0));
      const box = Math.max(4, wanted > 0 ? Math.min(wanted, columns) : columns);
      screenOf(machine).box = box;
      write(machine, `${upperEdge(ROUNDED, box, cut(hostText(title ?? ""), box - 6))}\n`);
    },
  }),
  defineHostNative({
    name: "ucoreTui.boxLine",
    params: [{ name: "text", type: "string", mode: "optional" }],
    doc: "Prints text in the box that was begun, in as many lines as it takes.",
    example: {
      code: 'ucoreTui.boxBegin("", 12);\nucoreTui.boxLine("tea and milk");\nucoreTui.boxEnd();',
      output: "╭──────────╮\n│ tea and  │\n│ milk     │\n╰──────────╯\n",
    },
    run([text], machine) {
      const room = Math.max(1, boxOf(machine) - 4), lines = linesOf(hostText(text ?? ""));
      for (const line of (lines.length === 0 ? [""] : lines).flatMap((line) => wrap(line, room))) {
        write(machine, `│ ${padded(line, room)} │\n`);
      }
    },
  }),
  defineHostNative({
    name: "ucoreTui.boxEnd",
    params: [],
    doc: "Prints the lower edge of the box that was begun.",
    example: { code: 'ucoreTui.boxBegin("", 6);\nucoreTui.boxEnd();', output: "╭────╮\n╰────╯\n" },
    run(_, machine) {
      write(machine, `${lowerEdge(ROUNDED, boxOf(machine))}\n`);
      screenOf(machine).box = 0;
    },
  }),
];

/** Columns of the box that was begun. */
function boxOf(machine: Machine): number {
  return screenOf(machine).box || BOX_USUAL;
}

const SCREEN: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreTui.clear",
    params: [],
    doc: "Clears the screen.",
    example: { code: "ucoreTui.clear();", output: "" },
    run: (_, machine) => control(machine, CLEAR),
  }),
  defineHostNative({
    name: "ucoreTui.clearLine",
    params: [],
    doc: "Clears the line of the cursor, which goes to its beginning.",
    example: { code: "ucoreTui.clearLine();", output: "" },
    run: (_, machine) => control(machine, CLEAR_LINE),
  }),
  defineHostNative({
    name: "ucoreTui.moveTo",
    params: [{ name: "row", type: "number" }, { name: "column", type: "number" }],
    doc: "Moves the cursor to a row and a column, which are counted from 1.",
    example: { code: "ucoreTui.moveTo(1, 1);", output: "" },
    run: ([row, column], machine) =>
      control(machine, `\x1b[${Math.trunc(Number(row))};${Math.trunc(Number(column))}H`),
  }),
  defineHostNative({
    name: "ucoreTui.hideCursor",
    params: [],
    doc: "Hides the cursor until `showCursor`, or the end of the program.",
    example: { code: "ucoreTui.hideCursor();", output: "" },
    run: (_, machine) => setCursorHidden(machine, true),
  }),
  defineHostNative({
    name: "ucoreTui.showCursor",
    params: [],
    doc: "Shows the cursor.",
    example: { code: "ucoreTui.showCursor();", output: "" },
    run: (_, machine) => setCursorHidden(machine, false),
  }),
  defineHostNative({
    name: "ucoreTui.openScreen",
    params: [],
    doc:
      "Begins to draw on a screen of its own; what was shown before comes back at `closeScreen`, or the end.",
    example: { code: "ucoreTui.openScreen();", output: "" },
    run: (_, machine) => setScreenOpen(machine, true),
  }),
  defineHostNative({
    name: "ucoreTui.closeScreen",
    params: [],
    doc: "Goes back to what was shown before `openScreen`.",
    example: { code: "ucoreTui.closeScreen();", output: "" },
    run: (_, machine) => setScreenOpen(machine, false),
  }),
  defineHostNative({
    name: "ucoreTui.size",
    params: [],
    doc: "The `rows` and `cols` of the terminal; 24 and 80 where there is none.",
    example: { code: "print keys(ucoreTui.size());", output: "[rows, cols]\n" },
    run(_, machine) {
      const { rows, columns } = sizeOf(machine);
      return new Map([["rows", rows], ["cols", columns]]);
    },
  }),
];

const DIALOGUES: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreTui.keypress",
    params: [{ name: "resize", type: "bool", mode: "optional" }],
    doc:
      "Waits for a key and gives its name, such as up, enter, ctrl+c or the character; nil at the end of the input. With true, a change of the terminal's size is a key named resize.",
    example: { code: "print ucoreTui.keypress();", output: "nil\n" },
    run: ([resize], machine) => askKey(machine, resize === true),
  }),
  defineHostNative({
    name: "ucoreTui.input",
    params: [PROMPT],
    doc: "Has a line typed and edited; an empty string if that is given up by Ctrl-C.",
    example: { code: 'var name = ucoreTui.input("Name: ");', output: "Name: " },
    run: ([prompt], machine) => askLine(machine, hostText(prompt ?? ""), ""),
  }),
  defineHostNative({
    name: "ucoreTui.inputPassword",
    params: [PROMPT],
    doc: "Like `input`, but shows a star for each character.",
    example: { code: 'var secret = ucoreTui.inputPassword("Password: ");', output: "Password: " },
    run: ([prompt], machine) => askLine(machine, hostText(prompt ?? ""), "*"),
  }),
  defineHostNative({
    name: "ucoreTui.inputBox",
    params: [TITLE, WIDTH, { name: "initial", type: "string", mode: "optional" }],
    doc: "Like `input`, in a box of 10 to 120 columns, with a text to begin with.",
    example: { code: 'var name = ucoreTui.inputBox("Name", 30, "Ada");', output: "Name: " },
    run: ([title, width, initial], machine) =>
      askInBox(machine, hostText(title ?? "Input"), Number(width ?? BOX_USUAL), hostText(initial ?? ""), ""),
  }),
  defineHostNative({
    name: "ucoreTui.inputPasswordBox",
    params: [TITLE, WIDTH],
    doc: "Like `inputBox`, but shows a star for each character.",
    example: { code: 'var secret = ucoreTui.inputPasswordBox("Password");', output: "Password: " },
    run: ([title, width], machine) =>
      askInBox(machine, hostText(title ?? "Password"), Number(width ?? BOX_USUAL), "", "*"),
  }),
  defineHostNative({
    name: "ucoreTui.confirm",
    params: [PROMPT],
    doc: "Asks a question, and gives whether the answer was y.",
    example: { code: 'print ucoreTui.confirm("Sure?");', output: "Sure? [y/n] false\n" },
    run: ([prompt], machine) => askWhether(machine, hostText(prompt ?? "Confirm?")),
  }),
  {
    name: "ucoreTui.select",
    params: [{ name: "prompt", type: "string" }, { name: "options", type: "array" }],
    doc:
      "Has one of several options chosen with the arrow keys and gives its index, or -1; without a terminal, by its number or its text.",
    example: {
      code: 'print ucoreTui.select("Which?", ["tea", "milk"]);',
      output: "Which?\n  1) tea\n  2) milk\n> -1\n",
    },
    call(call) {
      const prompt = valueToDisplay(call.word(0)), array = I32[call.word(1)];
      const options = Array.from(
        { length: arrayLength(array) },
        (_, i) => valueToDisplay(itemWord(array, i)),
      );
      call.wait(askWhich(call.machine, prompt, options), setInt32);
    },
  },
];

/** The plugin of `ucoreTui`. */
export const tui = {
  name: "tui",
  doc: "Text in a terminal.",
  libraries: [{
    name: "ucoreTui",
    doc: "Colours, boxes, tables and dialogues in a terminal.",
    natives: [...STYLES, ...DRAWING, ...SCREEN, ...DIALOGUES],
  }],
} satisfies Plugin;
