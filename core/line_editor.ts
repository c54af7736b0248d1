/**
 * Typing a line on a terminal: what every key does, and how the line is drawn. The keyboard sends bytes, of which some
 * are text and some say which key was pressed; the state of the line is a value, and a key makes a new one of it, so
 * all of that can be looked at without any terminal. Only `createLineEditor` touches one, through the few functions it
 * is given. What the line means is not known here.
 *
 * ```text
 *  bytes ──splitKeys──► keys ──press──► state ──drawLine──► bytes        `\r prompt text ESC[K`, then back to the cursor
 * ```
 *
 * The terminal is in raw mode while a line is typed and at no other time: a program that runs meanwhile can be
 * interrupted by Ctrl-C, and reads its input, as everywhere else.
 */

/** A line while it is typed: characters as people count them, and how many stand before the cursor. */
export interface Line {
  readonly characters: readonly string[];
  readonly cursor: number;
  /** Place in the history; its length for the line that is new. */
  readonly place: number;
  /** What was typed before history was looked through. */
  readonly draft: readonly string[];
  /** What Ctrl-Y brings back. */
  readonly cut: readonly string[];
}

/** What a key does beside changing the line. */
export type Act = "edit" | "enter" | "cancel" | "end" | "complete" | "clear";

/** What may be put in place of the text from `start` to the cursor. */
export interface Completion {
  /** Where the unfinished word begins: an offset in the text. */
  readonly start: number;
  readonly words: readonly string[];
}

// ---- characters --------------------------------------------------------------------------------------------------

const segmenter = new Intl.Segmenter();

/** The characters of a text as people count them: an emoji of several code points is one. */
export function charactersOf(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** What takes two columns: Hangul, kana, ideographs, full width forms, and what is shown as an emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{16fe0}-\u{18d08}\u{1b000}-\u{1b2fb}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;

/** Columns that a text takes on a terminal. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of charactersOf(text)) {
    width += WIDE.test(character) ? 2 : /^[\p{Mn}\p{Me}\p{Cf}]+$/u.test(character) ? 0 : 1;
  }
  return width;
}

// ---- keys --------------------------------------------------------------------------------------------------------

const ESC = "\x1b";
const KEY = new RegExp(`${ESC}(?:\\[[\\d;]*[@-~]|O[A-Z]|[^${ESC}])?|\\p{Cc}|[^\\p{Cc}]+`, "gu");

/** The keys in what a terminal has sent: sequences that begin with ESC, control characters, and characters. */
export function splitKeys(text: string): string[] {
  return (text.match(KEY) ?? []).flatMap((part) => /^\p{Cc}/u.test(part) ? [part] : charactersOf(part));
}

const ctrl = (letter: string) => String.fromCharCode(letter.charCodeAt(0) & 31);

type Edit = (line: Line, history: readonly string[]) => Line;

/** What keys do to a line. */
const EDITS = new Map<string, Edit>();
const ACTS = new Map<string, Act>([
  ["\r", "enter"],
  ["\n", "enter"],
  ["\t", "complete"],
  [ctrl("c"), "cancel"],
  [ctrl("l"), "clear"],
]);

function bind(edit: Edit, ...keys: readonly string[]): void {
  for (const key of keys) EDITS.set(key, edit);
}

bind((line) => moveTo(line, line.cursor - 1), "\x1b[D", "\x1bOD", ctrl("b"));
bind((line) => moveTo(line, line.cursor + 1), "\x1b[C", "\x1bOC", ctrl("f"));
bind((line) => moveTo(line, 0), "\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~", ctrl("a"));
bind((line) => moveTo(line, line.characters.length), "\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~", ctrl("e"));
bind((line) => moveTo(line, wordBefore(line)), "\x1b[1;5D", "\x1b[1;3D", "\x1bb");
bind((line) => moveTo(line, wordBehind(line)), "\x1b[1;5C", "\x1b[1;3C", "\x1bf");
bind((line) => replace(line, line.cursor - 1, line.cursor), "\x7f", ctrl("h"));
bind((line) => replace(line, line.cursor, line.cursor + 1), "\x1b[3~", ctrl("d"));
bind((line) => cut(line, 0, line.cursor), ctrl("u"));
bind((line) => cut(line, line.cursor, line.characters.length), ctrl("k"));
bind((line) => cut(line, blankBefore(line), line.cursor), ctrl("w"));
bind((line) => cut(line, wordBefore(line), line.cursor), "\x1b\x7f");
bind((line) => cut(line, line.cursor, wordBehind(line)), "\x1bd");
bind((line) => replace(line, line.cursor, line.cursor, line.cut), ctrl("y"));
bind((line, history) => recall(line, history, line.place - 1), "\x1b[A", "\x1bOA", ctrl("p"));
bind((line, history) => recall(line, history, line.place + 1), "\x1b[B", "\x1bOB", ctrl("n"));

/** An empty line, behind all of `history`. */
export function newLine(history: readonly string[]): Line {
  return { characters: [], cursor: 0, place: history.length, draft: [], cut: [] };
}

/** What a key makes of a line, and what else is to be done. Keys that mean nothing change nothing. */
export function press(line: Line, key: string, history: readonly string[]): { line: Line; act: Act } {
  const act = ACTS.get(key);
  if (act !== undefined) return { line, act };
  if (key === ctrl("d") && line.characters.length === 0) return { line, act: "end" };
  const edit = EDITS.get(key);
  if (edit !== undefined) return { line: edit(line, history), act: "edit" };
  const isText = !/^\p{Cc}/u.test(key);
  return { line: isText ? replace(line, line.cursor, line.cursor, [key]) : line, act: "edit" };
}

function moveTo(line: Line, cursor: number): Line {
  return { ...line, cursor: Math.max(0, Math.min(cursor, line.characters.length)) };
}

/** The line with other characters from `from` to `to`, and the cursor behind them. */
function replace(line: Line, from: number, to: number, by: readonly string[] = []): Line {
  const start = Math.max(0, from);
  return {
    ...line,
    characters: [...line.characters.slice(0, start), ...by, ...line.characters.slice(to)],
    cursor: start + by.length,
  };
}

function cut(line: Line, from: number, to: number): Line {
  return from === to ? line : { ...replace(line, from, to), cut: line.characters.slice(from, to) };
}

const isWord = (character: string | undefined) => character !== undefined && /[\p{L}\p{N}_]/u.test(character);

function wordBefore({ characters, cursor }: Line): number {
  let at = cursor;
  while (at > 0 && !isWord(characters[at - 1])) at--;
  while (at > 0 && isWord(characters[at - 1])) at--;
  return at;
}

function wordBehind({ characters, cursor }: Line): number {
  let at = cursor;
  while (at < characters.length && !isWord(characters[at])) at++;
  while (at < characters.length && isWord(characters[at])) at++;
  return at;
}

function blankBefore({ characters, cursor }: Line): number {
  let at = cursor;
  while (at > 0 && characters[at - 1] === " ") at--;
  while (at > 0 && characters[at - 1] !== " ") at--;
  return at;
}

function recall(line: Line, history: readonly string[], place: number): Line {
  if (place < 0 || place > history.length) return line;
  const draft = line.place === history.length ? line.characters : line.draft;
  const characters = place === history.length ? draft : charactersOf(history[place]);
  return { ...line, characters, cursor: characters.length, place, draft };
}

/**
 * Puts in what all completions have in common; where that is nothing, gives them, to be shown. A single one that
 * begins a word is put in whole.
 */
export function complete(
  line: Line,
  { start, words }: Completion,
): { line: Line; choices: readonly string[] } {
  const before = line.characters.slice(0, line.cursor).join("");
  let common = words[0] ?? "";
  for (const word of words) while (!word.startsWith(common)) common = common.slice(0, -1);
  const typed = before.slice(start);
  if (common.length <= typed.length) return { line, choices: words.length > 1 ? words : [] };
  const from = charactersOf(before.slice(0, start)).length;
  return { line: replace(line, from, line.cursor, charactersOf(common)), choices: [] };
}

// ---- drawing -----------------------------------------------------------------------------------------------------

/**
 * What draws a prompt and a line in the row of the cursor. A line that is longer than the row is shown in part: as
 * much as fits around the cursor.
 */
export function drawLine(prompt: string, { characters, cursor }: Line, columns: number): string {
  const room = Math.max(8, columns - widthOf(prompt) - 1);
  let first = cursor, width = 0;
  while (first > 0 && width + widthOf(characters[first - 1]) <= room) width += widthOf(characters[--first]);
  const column = width;
  let last = cursor;
  while (last < characters.length && width + widthOf(characters[last]) <= room) {
    width += widthOf(characters[last++]);
  }
  const at = widthOf(prompt) + column;
  const toCursor = at === 0 ? "" : `\x1b[${at}C`;
  return `\r${prompt}${characters.slice(first, last).join("")}\x1b[K\r${toCursor}`;
}

/** Words in columns, each row with its end. */
export function drawChoices(words: readonly string[], columns: number): string {
  const width = Math.max(...words.map(widthOf)) + 2, inRow = Math.max(1, Math.floor(columns / width));
  let rows = "";
  for (let at = 0; at < words.length; at += inRow) {
    const row = words.slice(at, at + inRow).map((word) => word + " ".repeat(width - widthOf(word)));
    rows += `${row.join("").trimEnd()}\r\n`;
  }
  return rows;
}

// ---- at work -----------------------------------------------------------------------------------------------------

/** The terminal, as far as it matters. */
export interface Terminal {
  /** Reads what was typed; null at the end. */
  read(bytes: Uint8Array): Promise<number | null>;
  write(text: string): void;
  setRaw(isRaw: boolean): void;
  columns(): number;
}

/** Reads lines from a terminal. */
export interface LineEditor {
  /** The next line; null when nobody will type any more (Ctrl-D), undefined when the line was thrown away (Ctrl-C). */
  readLine(prompt: string): Promise<string | null | undefined>;
}

/** Makes an editor that offers what `completions` knows, and the lines of `history`, the latest last. */
export function createLineEditor(
  terminal: Terminal,
  history: readonly string[],
  completions: (text: string) => Promise<Completion>,
): LineEditor {
  const decoder = new TextDecoder(), bytes = new Uint8Array(4096);
  /** Keys that were pressed before anybody wanted a line. */
  let keys: string[] = [];

  async function nextKey(): Promise<string | null> {
    while (keys.length === 0) {
      const count = await terminal.read(bytes);
      if (count === null) return null;
      keys = splitKeys(decoder.decode(bytes.subarray(0, count), { stream: true }));
    }
    return keys.shift()!;
  }

  async function edit(prompt: string): Promise<string | null | undefined> {
    let line = newLine(history);
    for (;;) {
      if (keys.length === 0) terminal.write(drawLine(prompt, line, terminal.columns()));
      const key = await nextKey();
      if (key === null) return null;
      const { line: next, act } = press(line, key, history);
      line = next;
      if (act === "enter" || act === "cancel" || act === "end") {
        const end = moveTo(line, line.characters.length);
        terminal.write(`${drawLine(prompt, end, terminal.columns())}${act === "cancel" ? "^C" : ""}\r\n`);
        return act === "enter" ? line.characters.join("") : act === "end" ? null : undefined;
      }
      if (act === "clear") terminal.write("\x1b[H\x1b[2J");
      if (act === "complete") {
        const text = line.characters.slice(0, line.cursor).join("");
        if (text.trim() === "") line = replace(line, line.cursor, line.cursor, [" ", " "]);
        else {
          const { line: completed, choices } = complete(line, await completions(text));
          line = completed;
          if (choices.length > 0) terminal.write(`\r\n${drawChoices(choices, terminal.columns())}`);
        }
      }
    }
  }

  return {
    async readLine(prompt) {
      terminal.setRaw(true);
      try {
        return await edit(prompt);
      } finally {
        terminal.setRaw(false);
      }
    },
  };
}
