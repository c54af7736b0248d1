/**
 * Source text and places in it.
 *
 * A place is an offset into the decoded text, counted in UTF-16 units because that is what JavaScript strings count in;
 * a stretch of text is a half-open pair of such offsets. Every later stage carries offsets only. Lines and columns exist
 * for people, so they are worked out when a person is about to read them: a program that has nothing to report never
 * pays for them. This file decides how bytes become text and what a line is; it must not know what the text means.
 *
 * @module
 */

/** A line and a column, both counted from 1; the column counts characters (code points), not bytes. */
export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
}

/** One source file, as text. */
export interface SourceFile {
  /** The path as users are to read it: as typed for the main program. */
  readonly path: string;
  /** The decoded text, without a byte order mark. */
  readonly text: string;
  /** The offset at which each line starts; computed on first use. Only LF ends a line. */
  readonly lineStarts: Int32Array;
  /** Line and column of an offset; offsets past the end give the end. */
  position(offset: number): Position;
  /** The text of a line (counted from 1) without its line break; empty for a line that does not exist. */
  lineText(line: number): string;
}

/** A stretch of a source file, half open: `text.slice(start, end)`. */
export interface Span {
  /** The file. */
  readonly source: SourceFile;
  /** Offset of its first UTF-16 unit. */
  readonly start: number;
  /** Offset behind its last one. */
  readonly end: number;
}

/** The result of decoding: always a source file to point into, and the first malformed byte if there is one. */
export interface DecodedSource {
  /** Malformed sequences stand in the text as U+FFFD. */
  readonly source: SourceFile;
  /** The first byte that is not UTF-8, and the offset in the text at which it would stand. */
  readonly invalid: { readonly offset: number; readonly byte: number } | null;
}

const CR = 13;
const BYTE_ORDER_MARK = 0xFEFF;

/** Makes a source file of text that is already decoded. */
export function makeSource(path: string, text: string): SourceFile {
  if (text.charCodeAt(0) === BYTE_ORDER_MARK) text = text.slice(1);
  let starts: Int32Array | null = null;

  // Where the last question was answered. Dumps ask for one place after the other, and without this note a file that
  // is a single long line would be counted from its beginning each time.
  let known = { offset: 0, line: 1, column: 1 };

  return {
    path,
    text,
    get lineStarts(): Int32Array {
      return starts ??= findLineStarts(text);
    },
    position(offset: number): Position {
      offset = Math.max(0, Math.min(offset, text.length));
      const line = findLine(this.lineStarts, offset);
      const resume = known.line === line && known.offset <= offset;
      let column = resume ? known.column : 1;
      for (let i = resume ? known.offset : this.lineStarts[line - 1]; i < offset; i++) {
        if (!isLowSurrogate(text.charCodeAt(i))) column++;
      }
      known = { offset, line, column };
      return { line, column };
    },
    lineText(line: number): string {
      const starts = this.lineStarts;
      if (line < 1 || line > starts.length) return "";
      let end = line < starts.length ? starts[line] - 1 : text.length;
      if (end > starts[line - 1] && text.charCodeAt(end - 1) === CR) end--;
      return text.slice(starts[line - 1], end);
    },
  };
}

/** Decodes a file. Malformed UTF-8 is not thrown but described, so that it can be reported with its surroundings. */
export function decodeSource(path: string, bytes: Uint8Array): DecodedSource {
  const text = decodeText(bytes);
  return { source: makeSource(path, text), invalid: findInvalid(text, bytes) };
}

/** The bytes of a text as UTF-8. */
export function encodeText(text: string): Uint8Array {
  // Most strings are short and ASCII, and calling the encoder costs more than they do.
  if (text.length > 40) return new TextEncoder().encode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 128) return new TextEncoder().encode(text);
    bytes[i] = code;
  }
  return bytes;
}

/** The text of bytes in UTF-8, without a byte order mark at its beginning; malformed sequences become U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  // A few bytes that are all ASCII, as most are, do without the decoder, which takes half a millisecond to begin with.
  return bytes.length <= SHORT && isAscii(bytes) ? byteText(bytes) : new TextDecoder().decode(bytes);
}

/** A text with a character for each byte, whatever the bytes mean. */
export function byteText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += SHORT) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + SHORT) as Iterable<number> as number[]);
  }
  return text;
}

/** Bytes that are handled one by one, and characters that are made by one call. */
const SHORT = 4096;

function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] >= 0x80) return false;
  return true;
}

/**
 * Finds the first malformed byte by looking at the replacement characters in the decoded text: one that does not stand
 * for the three bytes of a genuine U+FFFD stands for a malformed sequence. So well-formed files cost a single search.
 */
function findInvalid(text: string, bytes: Uint8Array): DecodedSource["invalid"] {
  let from = 0;
  let at = bytes[0] === 0xEF && bytes[1] === 0xBB && bytes[2] === 0xBF ? 3 : 0;
  for (;;) {
    const offset = text.indexOf("\uFFFD", from);
    if (offset < 0) return null;
    at += new TextEncoder().encode(text.slice(from, offset)).length;
    const genuine = bytes[at] === 0xEF && bytes[at + 1] === 0xBF && bytes[at + 2] === 0xBD;
    if (!genuine) return { offset, byte: bytes[at] };
    at += 3;
    from = offset + 1;
  }
}

function findLineStarts(text: string): Int32Array {
  let starts = new Int32Array(1024);
  let count = 1; // line 1 starts at 0
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    if (count === starts.length) {
      const wider = new Int32Array(count * 2);
      wider.set(starts);
      starts = wider;
    }
    starts[count++] = at + 1;
  }
  return starts.subarray(0, count);
}

/** The line (from 1) that contains an offset: the last one that starts at or before it. */
function findLine(starts: Int32Array, offset: number): number {
  let low = 0, high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle] <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xDC00 && unit < 0xE000;
}
