/**
 * Text into tokens, one at a time.
 *
 * The parser asks for the next token when it wants it; no list of tokens is ever made, so a file of 50 MB costs no more
 * memory here than a small one. A token is its kind and two offsets; what a number or string means is worked out
 * later by whoever builds a node of it (`readNumber`, `readString`). The lexer reports what is wrong inside a token and goes
 * on, so that one slip in a file is one message. This file decides what the tokens are; it must not know the grammar.
 *
 * @module
 */
import type { DetailsOf, DiagnosticCode, DIAGNOSTICS, Diagnostics } from "../core/diagnostics.ts";
import { encodeText, type SourceFile } from "../core/source.ts";
import type { Token, TokenClass } from "../core/syntax.ts";

/** The reserved words. */
export const KEYWORDS = [
  "as",
  "async",
  "await",
  "break",
  "continue",
  "else",
  "false",
  "for",
  "function",
  "if",
  "import",
  "nil",
  "print",
  "return",
  "struct",
  "true",
  "var",
  "while",
] as const;

/** Operators and punctuation; where one begins like another, the longest that fits is meant. */
export const OPERATORS = [
  ..."(){}[]:;,.+-*/%!=<>" as Iterable<Punctuation>,
  "==",
  "!=",
  "<=",
  ">=",
  "&&",
  "||",
  "+=",
  "-=",
  "*=",
  "/=",
  "%=",
] as const;

type Punctuation =
  | ("(" | ")" | "{" | "}" | "[" | "]" | ":" | ";" | "," | ".")
  | ("+" | "-" | "*" | "/" | "%" | "!" | "=" | "<" | ">");

/** A token that the language itself has. */
export type BuiltinToken = (typeof KEYWORDS)[number] | (typeof OPERATORS)[number] | TokenClass;

/** All tokens in the form in which the lexer looks them up. */
export interface Lexicon {
  readonly keywords: readonly string[];
  /** For each character code, the operators that begin with it, longest first. */
  readonly operators: ReadonlyMap<number, readonly string[]>;
}

/** A token as the lexer fills it in. */
export type TokenBuffer = { -readonly [Field in keyof Token]: Token[Field] };

/** Reads a file, token by token. */
export interface Lexer {
  /** Reads the next token into `token`; at the end of the text that is `<end>`, again and again. */
  scan(token: TokenBuffer): void;
  /** Goes back (or ahead) to an offset at which a token begins. What was reported once is not reported again. */
  rewind(offset: number): void;
  /** Whether an unterminated string or comment has swallowed the rest of the file. */
  readonly truncated: boolean;
}

const WORD = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The language's tokens and those that plugins add. */
export function makeLexicon(extra: Iterable<string> = []): Lexicon {
  const keywords: string[] = [...KEYWORDS];
  const all: string[] = [...OPERATORS];
  for (const token of extra) {
    if (WORD.test(token)) keywords.push(token);
    else if (token === "" || /[\sA-Za-z0-9_"'\0]/.test(token) || /^\/[/*]/.test(token)) {
      throw new Error(`'${token}' cannot be a token: neither a word nor made of operator characters`);
    } else all.push(token);
  }
  const operators = Map.groupBy(all.sort((a, b) => b.length - a.length), (text) => text.charCodeAt(0));
  return { keywords, operators };
}

/** A token buffer to be filled. */
export function makeToken(): TokenBuffer {
  return { kind: "<end>", start: 0, end: 0, name: "", sound: true, escaped: false };
}

// ---- Characters -----------------------------------------------------------------------------------------------------

const BACKSLASH = 92, SLASH = 47, STAR = 42, DOT = 46, UNDERSCORE = 95, ZERO = 48;

// One byte for each ASCII character: what a token that begins with it may be.
const BLANK = 1, LETTER = 2, DIGIT = 4, QUOTE = 8, HEX = 16;
const CLASS = new Uint8Array(128);
for (
  const [first, last, bits] of [
    ["\0", "\0", BLANK], // reported once for the file, and skipped
    ["\t", "\n", BLANK],
    ["\r", "\r", BLANK],
    [" ", " ", BLANK],
    ['"', '"', QUOTE],
    ["'", "'", QUOTE],
    ["0", "9", DIGIT | HEX],
    ["A", "F", LETTER | HEX],
    ["G", "Z", LETTER],
    ["_", "_", LETTER],
    ["a", "f", LETTER | HEX],
    ["g", "z", LETTER],
  ] as const
) {
  CLASS.fill(bits, first.charCodeAt(0), last.charCodeAt(0) + 1);
}

function is(code: number, classes: number): boolean {
  return code < 128 && (CLASS[code] & classes) !== 0; // NaN, past the end, is in no class
}

// ---- The lexer ------------------------------------------------------------------------------------------------------

/** Makes a lexer that starts at the beginning of a file; `text` is how much of it there is to be read. */
export function makeLexer(
  source: SourceFile,
  diagnostics: Diagnostics,
  lexicon: Lexicon,
  text: string = source.text,
): Lexer {
  const { operators } = lexicon;
  let at = text.startsWith("#!") ? endOfLine(text, 0) : 0;
  let frontier = 0; // how far the text has been read so far, and its errors reported; see `rewind`
  let again = false; // whether the token at hand has been read before
  let truncated = false;

  // One copy of each name: a program mentions the same few names again and again, and its tree keeps all of them.
  const words = new Map<string, Word>();
  for (const keyword of lexicon.keywords) words.set(keyword, { kind: keyword, name: keyword });

  const nul = text.indexOf("\0");
  if (nul >= 0) diagnostics.report("U0110", { source, start: nul, end: nul + 1 });

  function report<Code extends DiagnosticCode>(
    code: Code,
    start: number,
    end: number,
    ...details: DetailsOf<(typeof DIAGNOSTICS)[Code]>
  ): void {
    if (!again) diagnostics.report(code, { source, start, end }, ...details);
  }

  /** Skips blanks and comments. */
  function skip(): void {
    for (;;) {
      while (is(text.charCodeAt(at), BLANK)) at++;
      if (text.charCodeAt(at) !== SLASH) return;
      const next = text.charCodeAt(at + 1);
      if (next === SLASH) {
        at = endOfLine(text, at);
      } else if (next === STAR) {
        const end = text.indexOf("*/", at + 2);
        if (end < 0) {
          again = at < frontier;
          report("U0103", at, at + 2);
          truncated = true;
        }
        at = end < 0 ? text.length : end + 2;
      } else return;
    }
  }

  function scan(token: TokenBuffer): void {
    skip();
    const start = at;
    const code = text.charCodeAt(start);
    again = start < frontier;
    token.start = start;
    token.name = "";
    token.sound = true;
    token.escaped = false;
    if (is(code, LETTER)) scanWord(token);
    else if (is(code, DIGIT) || (code === DOT && is(text.charCodeAt(start + 1), DIGIT))) scanNumber(token);
    else if (is(code, QUOTE)) scanString(token, code);
    else if (start >= text.length) token.kind = "<end>";
    else token.kind = matchOperator(code) ?? scanUnexpected();
    token.end = at;
    if (at > frontier) frontier = at;
  }

  function scanWord(token: TokenBuffer): void {
    const start = at++;
    while (is(text.charCodeAt(at), LETTER | DIGIT)) at++;
    if (text.charCodeAt(at) >= 128 && isLetter(text, at)) { // one message for the word, not one for each letter
      reportUnexpected(at);
      do at++; while (is(text.charCodeAt(at), LETTER | DIGIT) || isLetter(text, at));
    }
    const text_ = text.slice(start, at);
    let word = words.get(text_);
    if (word === undefined) words.set(text_, word = { kind: "<name>", name: text_ });
    token.kind = word.kind;
    token.name = word.name;
  }

  function matchOperator(code: number): string | null {
    const candidates = operators.get(code);
    if (candidates === undefined) return null;
    for (const operator of candidates) {
      if (operator.length === 1 || text.startsWith(operator, at)) {
        at += operator.length;
        return operator;
      }
    }
    return null;
  }

  /** Skips characters that begin no token, up to a blank; they are one error. */
  function scanUnexpected(): "<error>" {
    const start = at;
    do at++; while (
      at < text.length && !is(text.charCodeAt(at), BLANK | LETTER | DIGIT | QUOTE) &&
      !operators.has(text.charCodeAt(at))
    );
    reportUnexpected(start);
    return "<error>";
  }

  function reportUnexpected(start: number): void {
    const character = String.fromCodePoint(text.codePointAt(start)!);
    const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    const visible = /^[^\p{C}\p{Z}]$/u.test(character);
    report("U0101", start, start + character.length, { text: visible ? character : `U+${code}` });
  }

  function scanNumber(token: TokenBuffer): void {
    token.kind = "<number>";
    const start = at;
    const why = skipNumber();
    if (why === null) return;
    if (at === start) at++; // a leading point
    while (is(text.charCodeAt(at), LETTER | DIGIT) || text.charCodeAt(at) === DOT) at++;
    token.sound = false;
    report("U0106", start, at, { text: text.slice(start, at), why });
  }

  /** Moves past a number; the answer is what is wrong with it, if anything. */
  function skipNumber(): string | null {
    if (text.charCodeAt(at) === DOT) return "a digit has to come before the point";
    const second = text.charCodeAt(at + 1) | 32;
    if (text.charCodeAt(at) === ZERO && second === 120 /* x */) {
      at += 2;
      if (!skipDigits(HEX)) return "0x needs hexadecimal digits, with '_' only between two of them";
    } else {
      if (!skipDigits(DIGIT)) return "'_' may only stand between two digits";
      if (text.charCodeAt(at) === DOT) {
        at++;
        if (!skipDigits(DIGIT)) return "a digit has to follow the point";
      }
      if ((text.charCodeAt(at) | 32) === 101 /* e */) {
        at++;
        if (text[at] === "+" || text[at] === "-") at++;
        if (!skipDigits(DIGIT)) return "the exponent has no digits";
      }
    }
    const pointAgain = text.charCodeAt(at) === DOT && is(text.charCodeAt(at + 1), DIGIT);
    if (pointAgain) return "it has two points";
    return is(text.charCodeAt(at), LETTER | DIGIT) ? "a letter follows directly" : null;
  }

  /** Moves past at least one digit, single underscores between them allowed. */
  function skipDigits(digits: number): boolean {
    for (;;) {
      if (!is(text.charCodeAt(at), digits)) return false;
      do at++; while (is(text.charCodeAt(at), digits));
      if (text.charCodeAt(at) !== UNDERSCORE) return true;
      at++;
    }
  }

  function scanString(token: TokenBuffer, quote: number): void {
    token.kind = "<string>";
    const start = at++;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === quote) {
        at++;
        return;
      }
      if (code === BACKSLASH && at + 1 < text.length) {
        token.escaped = true;
        if (!scanEscape()) token.sound = false;
      } else if (at < text.length) at++;
      else break;
    }
    report("U0102", start, start + 1);
    truncated = true;
    at = text.length;
    token.kind = "<error>";
  }

  function scanEscape(): boolean {
    const start = at;
    const escape = readEscape(text, start);
    at = escape.end;
    if (escape.error === null) return true;
    if (escape.error === UNKNOWN) report("U0104", start, at, { escape: text.slice(start, at) });
    else report("U0105", start, at, { why: escape.error });
    return false;
  }

  return {
    scan,
    rewind(offset) {
      at = offset;
    },
    get truncated() {
      return truncated;
    },
  };
}

interface Word {
  readonly kind: string;
  readonly name: string;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function isLetter(text: string, at: number): boolean {
  return at < text.length && text.charCodeAt(at) >= 128 && /^[\p{L}\p{M}\p{N}\p{Cs}]/u.test(text[at]);
}

// ---- What numbers and strings mean ----------------------------------------------------------------------------------

/** What an integer literal may be at most: one more than the greatest int64, for a minus sign may stand before it. */
const INT_LIMIT = 1n << 63n;

/** A number's value, or which way it is too large. An `int` of 2^63 is left for the parser to judge. */
export type NumberValue =
  | { readonly int: bigint }
  | { readonly float: number }
  | { readonly tooLarge: "int" | "float" };

/** The value of a well-formed number. */
export function readNumber(literal: string): NumberValue {
  const digits = literal.includes("_") ? literal.replaceAll("_", "") : literal;
  const hexadecimal = digits.length > 2 && (digits.charCodeAt(1) | 32) === 120 /* x */;
  if (!hexadecimal && /[.eE]/.test(digits)) {
    const float = Number(digits);
    return Number.isFinite(float) ? { float } : { tooLarge: "float" };
  }
  if (digits.length <= 15) return { int: BigInt(Number(digits)) };
  // Counted first: turning a million digits into a BigInt takes far longer than reading them.
  const significant = digits.replace(hexadecimal ? /^0[xX]0*/ : /^0+/, "").length;
  if (significant > 19) return { tooLarge: "int" };
  const int = BigInt(digits);
  return int <= INT_LIMIT ? { int } : { tooLarge: "int" };
}

/** The bytes of a well-formed string literal that lies at `start` to `end`, quotes included. */
export function readString(text: string, start: number, end: number, escaped: boolean): Uint8Array {
  return escaped ? unescape(text, start + 1, end - 1) : encodeText(text.slice(start + 1, end - 1));
}

function unescape(text: string, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array((to - from) * 3); // no character takes more than three bytes a UTF-16 unit
  const encoder = new TextEncoder();
  let length = 0;
  while (from < to) {
    if (text.charCodeAt(from) !== BACKSLASH) {
      const next = text.indexOf("\\", from);
      const end = next < 0 || next > to ? to : next;
      length += encoder.encodeInto(text.slice(from, end), bytes.subarray(length)).written;
      from = end;
      continue;
    }
    const { value, isByte, end } = readEscape(text, from);
    if (isByte) bytes[length++] = value;
    else length += encoder.encodeInto(String.fromCodePoint(value), bytes.subarray(length)).written;
    from = end;
  }
  return bytes.slice(0, length);
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, 0: 0, '"': 34, "'": 39, "\\": 92 };

/** Marks an escape that exists in no form, as opposed to one that is not written properly. */
const UNKNOWN = "unknown";

/** An escape: a byte or a character, where it ends, and what is wrong with it. */
interface Escape {
  readonly value: number;
  readonly isByte: boolean;
  readonly end: number;
  readonly error: string | null;
}

/** The escape whose backslash is at `at`. Lexer and decoder both ask here, so they cannot disagree. */
function readEscape(text: string, at: number): Escape {
  const letter = text[at + 1];
  const simple = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : null;
  if (simple !== null) return { value: simple, isByte: true, end: at + 2, error: null };
  if (letter === "x") {
    const end = skipHex(text, at + 2, at + 4);
    const error = end === at + 4 ? null : "\\x needs two hexadecimal digits";
    return { value: parseInt(text.slice(at + 2, end), 16), isByte: true, end, error };
  }
  if (letter === "u") {
    if (text[at + 2] !== "{") {
      return { value: 0, isByte: false, end: at + 2, error: "\\u needs braces, as in \\u{e9}" };
    }
    const end = skipHex(text, at + 3, text.length);
    const value = parseInt(text.slice(at + 3, end), 16);
    const error = end === at + 3
      ? "\\u{\u2026} needs a hexadecimal number"
      : text[end] !== "}"
      ? "\\u{\u2026} lacks the closing brace"
      : value > 0x10FFFF
      ? "there is no character above 10FFFF"
      : value >= 0xD800 && value <= 0xDFFF
      ? "half of a UTF-16 pair is not a character"
      : null;
    return { value, isByte: false, end: text[end] === "}" ? end + 1 : end, error };
  }
  return {
    value: 0,
    isByte: false,
    end: at + 1 + String.fromCodePoint(text.codePointAt(at + 1)!).length,
    error: UNKNOWN,
  };
}

function skipHex(text: string, from: number, to: number): number {
  while (from < to && is(text.charCodeAt(from), HEX)) from++;
  return from;
}
