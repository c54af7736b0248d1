/**
 * What the implementation has to say to a programmer: every message, once.
 *
 * `DIAGNOSTICS` maps a code to its severity and its text, and the type checker holds each report to the details its text
 * needs. Why a message comes up and what to do then is told by `explanations.ts`, which only those load who ask. Texts
 * that the language has always had keep their old wording, full stop included; new ones have none. This file decides how
 * a message looks and how many are kept; it must not know who reports them or when.
 *
 *     error[U0107]: Expect ';' after variable declaration.      code and text from the table
 *      --> main.unna:3:10                                       where, for people and editors
 *       |
 *     3 | var x = 1                                             the line, cut to a window when it is long
 *       |          ^                                            the span, as far as it reaches on this line
 *       = note: ...                                             advice; a note with a place gets its own frame
 *
 * Codes by stage: U01 parse (U015 loading a file), U02 what can be known before running, U03 profile and native code,
 * U05 plugins, U09 run time.
 *
 * @module
 */
import type { SourceFile, Span } from "./source.ts";

/** How bad it is: an error stops the program from running, a warning does not, an info is only worth knowing. */
export type Severity = "error" | "warning" | "info";

/** What it takes to report a message. `text` takes the details of the single case, or nothing. */
export interface MessageDef {
  /** How bad it is. */
  readonly severity: Severity;
  /** The message for the details of a case. */
  readonly text: (details: never) => string;
}

/** A message together with its explanation: a row of a plugin's table. */
export interface DiagnosticDef extends MessageDef {
  /** A few words for lists of all codes. */
  readonly title: string;
  /** For those who ask about the code. */
  readonly explain: {
    /** Why it happens. */
    readonly why: string;
    /** How to repair it. */
    readonly repair: string;
    /** A program that produces this very code. */
    readonly example: string;
  };
}

/** The table of all messages. */
export const DIAGNOSTICS = {
  // ---- U01: parse -------------------------------------------------------------------------------------------------

  U0100: {
    severity: "error",
    text: () => "Too many errors, the rest is not shown",
  },
  U0101: {
    severity: "error",
    text: (d: { text: string }) =>
      `Unexpected character ${quote(d.text)}${/^[&|]$/.test(d.text) ? `: write '${d.text}${d.text}'` : ""}`,
  },
  U0102: {
    severity: "error",
    text: () => "Unterminated string",
  },
  U0103: {
    severity: "error",
    text: () => "Unterminated block comment",
  },
  U0104: {
    severity: "error",
    text: (d: { escape: string }) => `Unknown escape sequence ${quote(d.escape)}`,
  },
  U0105: {
    severity: "error",
    text: (d: { why: string }) => `Malformed escape sequence: ${d.why}`,
  },
  U0106: {
    severity: "error",
    text: (d: { text: string; why: string }) => `Malformed number ${quote(d.text)}: ${d.why}`,
  },
  U0107: {
    severity: "error",
    text: (d: { token: string; where: string }) => `Expect '${d.token}' ${d.where}.`,
  },
  U0108: {
    severity: "error",
    text: (d: { text: string }) => `Integer ${quote(d.text)} does not fit 64 bits`,
  },
  U0109: {
    severity: "error",
    text: (d: { text: string }) => `Number ${quote(d.text)} is too large for a float`,
  },
  U0110: {
    severity: "error",
    text: () => "NUL byte in source text",
  },
  U0111: {
    severity: "error",
    text: () => "Expect expression.",
  },
  U0112: {
    severity: "error",
    text: (d: { what: string }) => `Expect ${d.what}.`,
  },
  U0113: {
    severity: "error",
    text: () => "Invalid assignment target.",
  },
  U0114: {
    severity: "error",
    text: (d: { keyword: string }) =>
      `Expect expression. A declaration with '${d.keyword}' needs braces here`,
  },
  U0115: {
    severity: "error",
    text: (d: { keyword: string }) => `Cannot use '${d.keyword}' outside a loop`,
  },
  U0116: {
    severity: "error",
    text: (d: { what: string; name: string }) => `Duplicate ${d.what} ${quote(d.name)}`,
  },
  U0117: {
    severity: "error",
    text: () => "Expect 'function' after 'async'.",
  },
  U0118: {
    severity: "error",
    text: () => "Expect expression. A ';' alone is not a statement",
  },
  U0119: {
    severity: "error",
    text: (d: { limit: number }) => `Nested more than ${d.limit} levels deep`,
  },
  U0120: {
    severity: "error",
    text: (d: { name: string }) =>
      `Map key ${quote(d.name)} is ambiguous: write "${clip(d.name)}" for the text or (${
        clip(d.name)
      }) for the variable`,
  },
  U0151: {
    severity: "error",
    text: (d: { path: string; because: string }): string =>
      `Could not open file "${d.path}". ${d.because}`.trimEnd(),
  },
  U0152: {
    severity: "error",
    text: (d: { byte: number }) => `Byte 0x${hex(d.byte)} is not valid UTF-8`,
  },

  // ---- U02: what can be known without running ---------------------------------------------------------------------

  U0201: {
    severity: "error",
    text: (d: { name: string }) => `Undefined variable ${quote(d.name)}`,
  },
  U0202: {
    severity: "warning",
    text: (d: { name: string }) => `Assignment to undeclared ${quote(d.name)} makes a global variable`,
  },
  U0203: {
    severity: "error",
    text: (d: { name: string; expected: number; got: number }) =>
      `${quote(d.name)} expects ${count(d.expected, "argument")} but gets ${d.got}`,
  },
  U0204: {
    severity: "warning",
    text: (d: { after: string }) => `Unreachable code after '${d.after}'`,
  },
  U0205: {
    severity: "warning",
    text: (d: { name: string }) => `Import ${quote(d.name)} is never used`,
  },
  U0206: {
    severity: "warning",
    text: (d: { name: string }) => `Local ${quote(d.name)} is never used`,
  },
  U0207: {
    severity: "info",
    text: (d: { name: string }) => `${quote(d.name)} hides the builtin of that name`,
  },
  U0208: {
    severity: "error",
    text: (d: { name: string }) => `Function ${quote(d.name)} needs more than 65,535 registers`,
  },

  // ---- U03: profile and native code -------------------------------------------------------------------------------

  U0301: {
    severity: "warning",
    text: (d: { backend: string; because: string }) =>
      `Backend ${quote(d.backend)} is not available: ${d.because}. Running in the interpreter`,
  },

  // ---- U05: plugins -----------------------------------------------------------------------------------------------

  U0501: {
    severity: "error",
    text: (d: { plugin: string; hook: string; message: string }) =>
      `Plugin ${quote(d.plugin)} failed in ${d.hook}: ${d.message}`,
  },
  U0502: {
    severity: "error",
    text: (d: { what: string; name: string; first: string; second: string }) =>
      `Plugins ${quote(d.first)} and ${quote(d.second)} both define the ${d.what} ${quote(d.name)}`,
  },
  U0503: {
    severity: "error",
    text: (d: { plugin: string; problem: string }) => `Plugin ${quote(d.plugin)} is malformed: ${d.problem}`,
  },
  U0504: {
    severity: "error",
    text: (d: { plugin: string; requires: string; version: string }) =>
      `Plugin ${quote(d.plugin)} works with version ${clip(d.requires)}, and this is ${d.version}`,
  },

  // ---- U09: run time ----------------------------------------------------------------------------------------------

  U0901: {
    severity: "error",
    text: (d: { name: string }) => `Undefined variable '${clip(d.name)}'`,
  },
  U0902: {
    severity: "error",
    text: () => "Division by zero.",
  },
  U0903: {
    severity: "error",
    text: (d: { op: string; left: string; right?: string }) =>
      `Cannot apply '${d.op}' to ${d.left}${d.right === undefined ? "" : ` and ${d.right}`}.`,
  },
  U0904: {
    severity: "error",
    text: (d: { expected: number; got: number }) => `Expected ${d.expected} args but got ${d.got}.`,
  },
  U0905: {
    severity: "error",
    text: (d: { name: string; expected: number; got: number }) =>
      `Struct '${clip(d.name)}' expected ${d.expected} args but got ${d.got}.`,
  },
  U0906: {
    severity: "error",
    text: (d: { object: boolean }) => `Attempt to call non-function ${d.object ? "object" : "value"}.`,
  },
  U0907: {
    severity: "error",
    text: (d: { kind: string }) => `Cannot index ${d.kind}.`,
  },
  U0908: {
    severity: "error",
    text: (d: { of: string; kind: string }) => `Cannot index ${d.of} with ${d.kind}.`,
  },
  U0909: {
    severity: "error",
    text: (d: { index: string }) => `Cannot write at negative index ${d.index}.`,
  },
  U0910: {
    severity: "error",
    text: (d: { index: string; length: number }) =>
      `Cannot write at index ${d.index}, too far past the length ${d.length}.`,
  },
  U0911: {
    severity: "error",
    text: () => "Cannot write into a string.",
  },
  U0912: {
    severity: "error",
    text: (d: { kind: string }) => `Cannot use ${d.kind} as a map key.`,
  },
  U0913: {
    severity: "error",
    text: (d: { name: string }) => `Cannot read property '${clip(d.name)}' on this type.`,
  },
  U0914: {
    severity: "error",
    text: () => "Only struct instances have settable properties.",
  },
  U0915: {
    severity: "error",
    text: (d: { struct: string; name: string }) =>
      `Struct '${clip(d.struct)}' has no field '${clip(d.name)}'.`,
  },
  U0916: {
    severity: "error",
    text: (d: { module: string; name: string }) =>
      `Undefined property '${clip(d.name)}' in module '${clip(d.module)}'.`,
  },
  U0917: {
    severity: "error",
    text: (d: { kind: string }) => `Cannot iterate over ${d.kind}.`,
  },
  U0918: {
    severity: "error",
    text: () => "Stack overflow.",
  },
  U0919: {
    severity: "error",
    text: () => "Out of memory.",
  },
  U0920: {
    severity: "error",
    text: () => "Awaiting a future that can never finish.",
  },
  U0921: {
    severity: "error",
    text: (d: { message: string | null }) => `Assertion failed${d.message === null ? "." : `: ${d.message}`}`,
  },
  U0922: {
    severity: "error",
    text: (d: { name: string; expects: string; got: string }) =>
      `${d.name} expects ${d.expects}, but got ${d.got}.`,
  },
  U0923: {
    severity: "error",
    text: (d: { path: string }) => `Could not import module '${d.path}'`,
  },
  U0924: {
    severity: "error",
    text: (d: { message: string }) => d.message,
  },
} satisfies Record<string, MessageDef>;

/** A code of the built-in table. */
export type DiagnosticCode = keyof typeof DIAGNOSTICS;

/** What a message text takes: one record, or nothing. */
export type DetailsOf<Def extends MessageDef> = Parameters<Def["text"]>;

/** Advice below a message, with a place of its own or without. */
export interface Note {
  /** The advice. */
  readonly message: string;
  /** The file that it points into. */
  readonly source?: SourceFile;
  /** Where it points: an offset into the text, */
  readonly start?: number;
  /** and the end of that stretch. */
  readonly end?: number;
}

/** One thing to tell the programmer. Notes may still be added to it after it has been reported. */
export interface Diagnostic {
  /** Its row in a table of messages, such as `U0201`. */
  readonly code: string;
  /** How bad it is. */
  readonly severity: Severity;
  /** The text, details filled in. */
  readonly message: string;
  /** Null when it is about no text at all, such as a missing file. */
  readonly source: SourceFile | null;
  /** Where it points: an offset into the text, */
  readonly start: number;
  /** and the end of that stretch. */
  readonly end: number;
  /** Advice, shown below the message. */
  readonly notes: Note[];
  /** The pass at work when it was raised. */
  readonly pass?: string;
  /** The plugin at work when it was raised. */
  readonly plugin?: string;
}

/** Who is at work: set by the driver, stamped on every diagnostic. */
export interface Blame {
  /** The pass at work. */
  readonly pass?: string;
  /** The plugin that it belongs to, if not to the core. */
  readonly plugin?: string;
}

/** Collects diagnostics. */
export interface Diagnostics {
  /** Those kept, in the order of reporting; the last one of a flood is U0100. */
  readonly items: readonly Diagnostic[];
  /** How many errors were reported, dropped ones included. */
  readonly errorCount: number;
  /** Whether errors have been dropped, so that a pass may as well stop. */
  readonly full: boolean;
  /** Who is at work now. */
  blame: Blame;
  /** Reports a message of the built-in table; the result is there for adding notes. */
  report<Code extends DiagnosticCode>(
    code: Code,
    span: Span | null,
    ...details: DetailsOf<(typeof DIAGNOSTICS)[Code]>
  ): Diagnostic;
  /** Keeps a diagnostic that was made elsewhere, for example from a plugin's table. */
  add(diagnostic: Diagnostic): void;
}

/** The text of a message of the built-in table; run-time errors need it without a place. */
export function messageOf<Code extends DiagnosticCode>(
  code: Code,
  ...details: DetailsOf<(typeof DIAGNOSTICS)[Code]>
): string {
  return textOf(DIAGNOSTICS[code], details);
}

/** Makes a diagnostic of any table's row. */
export function makeDiagnostic<Def extends MessageDef>(
  code: string,
  def: Def,
  span: Span | null,
  details: DetailsOf<Def>,
  blame: Blame = {},
): Diagnostic {
  return {
    code,
    severity: def.severity,
    message: textOf(def, details),
    source: span?.source ?? null,
    start: span?.start ?? 0,
    end: span?.end ?? 0,
    notes: [],
    ...blame,
  };
}

// A table's rows differ in what they take, and a row picked by a variable takes the intersection of all; that the
// details fit was checked at the caller, where the code was a literal.
function textOf(def: MessageDef, details: readonly unknown[]): string {
  return def.text(...details as [never]);
}

/**
 * Makes a collector that keeps at most `limit` errors, and as many lesser messages: whoever reports in a loop cannot
 * fill the memory or the screen, and warnings cannot crowd out an error.
 */
export function createDiagnostics(limit = 50): Diagnostics {
  return new Collector(limit);
}

class Collector implements Diagnostics {
  readonly items: Diagnostic[] = [];
  blame: Blame = {};
  errorCount = 0;
  private others = 0;

  constructor(private readonly limit: number) {}

  get full(): boolean {
    return this.errorCount > this.limit;
  }

  report<Code extends DiagnosticCode>(
    code: Code,
    span: Span | null,
    ...details: DetailsOf<(typeof DIAGNOSTICS)[Code]>
  ): Diagnostic {
    const diagnostic = makeDiagnostic(code, DIAGNOSTICS[code], span, details, this.blame);
    this.add(diagnostic);
    return diagnostic;
  }

  add(diagnostic: Diagnostic): void {
    const { items, limit, blame } = this;
    const count = diagnostic.severity === "error" ? ++this.errorCount : ++this.others;
    if (count <= limit) items.push(diagnostic);
    else if (count === limit + 1 && diagnostic.severity === "error") {
      const { source, start, end } = diagnostic;
      items.push(makeDiagnostic("U0100", DIAGNOSTICS.U0100, source && { source, start, end }, [], blame));
    }
  }
}

// ---- Rendering ------------------------------------------------------------------------------------------------------

/** How to render. */
export interface RenderOptions {
  /** Whether to colour with ANSI codes. */
  readonly color: boolean;
}

/** A call that was under way when a run-time error happened, and how far it had got. */
export interface TraceFrame {
  readonly functionName: string;
  readonly source: SourceFile;
  readonly offset: number;
  readonly end: number;
}

/** A run-time error with its calls, innermost first. */
export interface RuntimeFailure {
  readonly message: string;
  readonly frames: readonly TraceFrame[];
  readonly notes?: readonly Note[];
}

const STYLES = {
  error: "1;31",
  warning: "1;33",
  info: "1;36",
  note: "1;36",
  frame: "1;34",
  strong: "1",
} as const;

type Paint = (style: keyof typeof STYLES, text: string) => string;

function paintWith({ color }: RenderOptions): Paint {
  return (style, text) => color ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
}

/** Renders a diagnostic with its code frame and its notes; lines end with "\n". */
export function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions): string {
  const paint = paintWith(options);
  const { severity, code, message, source, start, end, plugin } = diagnostic;
  const lines = [`${paint(severity, `${severity}[${code}]`)}${paint("strong", `: ${printable(message)}`)}`];
  const margin = pushFrame(lines, paint, source && { source, start, end });
  pushNotes(lines, paint, margin, diagnostic.notes);
  if (plugin !== undefined) pushNotes(lines, paint, margin, [{ message: `raised by plugin '${plugin}'` }]);
  return lines.join("\n") + "\n";
}

/** Renders a run-time error: its text, where it happened, and the calls that led there; lines end with "\n". */
export function renderRuntimeError(failure: RuntimeFailure, options: RenderOptions): string {
  const paint = paintWith(options);
  const { message, frames } = failure;
  const lines = [`${paint("error", "Runtime Error:")}${paint("strong", ` ${printable(message, "\n\t")}`)}`];
  const top = frames.length > 0 ? frames[0] : null;
  const margin = pushFrame(lines, paint, top && { source: top.source, start: top.offset, end: top.end });
  pushNotes(lines, paint, margin, failure.notes ?? []);
  // Of a file's body alone, which nobody calls, the place above says it all.
  if (frames.length > 1 || (top !== null && top.functionName !== BODY_NAME)) pushTrace(lines, paint, frames);
  return lines.join("\n") + "\n";
}

/** What the body of a file is called. */
const BODY_NAME = "main";

/** A trace longer than this shows its two ends only. */
const TRACE_LIMIT = 20;

function pushTrace(lines: string[], paint: Paint, frames: readonly TraceFrame[]): void {
  const omitted = frames.length > TRACE_LIMIT ? frames.length - TRACE_LIMIT : 0;
  const edge = omitted ? TRACE_LIMIT / 2 : frames.length;
  frames.forEach(({ functionName, source, offset }, index) => {
    if (index < edge || index >= edge + omitted) {
      lines.push(`  at ${printable(clip(functionName))} ${paint("frame", `(${place(source, offset)})`)}`);
    } else if (index === edge) {
      lines.push(`  ... ${omitted} more calls ...`);
    }
  });
}

function pushNotes(lines: string[], paint: Paint, margin: string, notes: readonly Note[]): void {
  for (const { message, source, start, end } of notes) {
    if (source === undefined || start === undefined) {
      lines.push(`${margin} ${paint("frame", "=")} ${paint("note", "note")}: ${printable(message)}`);
    } else {
      lines.push(`${paint("note", "note")}: ${printable(message)}`);
      pushFrame(lines, paint, { source, start, end: end ?? start });
    }
  }
}

/** Pushes ` --> place` and the line with its carets; the result is the width of the line number as blanks. */
function pushFrame(lines: string[], paint: Paint, span: Span | null): string {
  if (span === null) return "";
  const { line } = span.source.position(span.start);
  const margin = " ".repeat(String(line).length);
  const { code, indent, carets } = excerpt(span, line);
  lines.push(
    `${margin}${paint("frame", "-->")} ${place(span.source, span.start)}`,
    paint("frame", `${margin} |`),
    `${paint("frame", `${line} |`)} ${code}`.trimEnd(),
    `${paint("frame", `${margin} |`)} ${" ".repeat(indent)}${paint("error", "^".repeat(carets))}`,
  );
  return margin;
}

function place(source: SourceFile, offset: number): string {
  const { line, column } = source.position(offset);
  return `${printable(source.path)}:${line}:${column}`;
}

/** Lines up to this many UTF-16 units are shown whole; of longer ones, about as much around the caret. */
const WINDOW = 120;

/** The line as shown, the blanks before the first caret, and how many carets the span needs on this line. */
function excerpt(
  { source, start, end }: Span,
  line: number,
): { code: string; indent: number; carets: number } {
  const text = source.lineText(line);
  const from = Math.min(start - source.lineStarts[line - 1], text.length);
  const to = Math.max(from, Math.min(end - source.lineStarts[line - 1], text.length));
  let first = 0, last = text.length;
  if (text.length > WINDOW) {
    first = Math.max(0, Math.min(from - WINDOW / 2, text.length - WINDOW));
    last = Math.min(text.length, first + WINDOW);
    if (isLowSurrogate(text, first)) first++;
    if (isLowSurrogate(text, last)) last--;
  }
  const head = first > 0 ? "..." : "", tail = last < text.length ? "..." : "";
  const before = printable(text.slice(first, from));
  const marked = printable(text.slice(from, Math.min(to, last)));
  const after = printable(text.slice(Math.min(to, last), last));
  return {
    code: head + before + marked + after + tail,
    indent: head.length + width(before),
    carets: Math.max(1, width(marked)),
  };
}

function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xDC00 && unit < 0xE000;
}

/** Characters, each taken to be one column wide. */
function width(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/**
 * Text as it may be shown: tabs as blanks, and whatever a terminal would obey instead of show as a picture of itself,
 * so that a source file can neither move the cursor nor reorder what is read.
 */
function printable(text: string, keep = ""): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (control) => {
    if (keep.includes(control)) return control;
    const code = control.charCodeAt(0);
    return control === "\t" ? "    " : code < 0x20 ? String.fromCharCode(0x2400 + code) : "\uFFFD";
  });
}

// ---- Pieces of messages ---------------------------------------------------------------------------------------------

/** Names in messages may come from anywhere, so a message never grows with them. */
function clip(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

function quote(text: string): string {
  return `'${clip(text)}'`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

/**
 * The candidate that `name` is most likely a misspelling of, or null. Counts inserted, missing, wrong and swapped
 * letters, and allows one for each three letters of the name.
 */
export function suggest(name: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bound = Math.max(1, Math.floor(name.length / 3)) + 1;
  if (name.length < 2 || name.length > 60) return null;
  for (const candidate of candidates) {
    if (candidate === name || Math.abs(candidate.length - name.length) >= bound) continue;
    const distance = editDistance(name, candidate);
    if (distance < bound) {
      bound = distance;
      best = candidate;
    }
  }
  return best;
}

/** Edits that turn `a` into `b`, a swap of neighbours counting as one; three rows of the usual table suffice. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length];
}
