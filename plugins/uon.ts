/**
 * `ucoreUon`: tables in text files, read one record at a time.
 *
 * ```text
 *  @schema {                                     which tables and columns there are; `>` names what a column refers to
 *      users: [id, name],
 *      orders: [id, user > users.id]
 *  }
 *  @flow {                                       the records; a value is "text", a number, true, false, null or a word
 *      users: [
 *          { id: 1, name: "Ada" },
 *          { id: 2, name: Grace }
 *      ],
 *      orders: []
 *  }
 * ```
 *
 * A text stays bytes. Where each table begins and ends is found in one walk when it is loaded; a record becomes a map
 * only when a cursor comes to it. So a program that looks for one row among a hundred thousand makes few objects, and
 * what is wrong within a record is found when somebody asks for that record. Texts have no escapes, hence no quotes.
 *
 * Bytes never change once they are here: what is inserted makes new bytes, and cursors go on in those that they began
 * with.
 */

import type { Machine, NativeCall, NativeDef, Param } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { views } from "../core/memory.ts";
import {
  HI_ARRAY,
  HI_BOOL,
  HI_MAP,
  HI_STRING,
  HI_STRUCT,
  Kind,
  kindName,
  setBool,
  setDouble,
  setInt32,
  setNil,
  setObject,
} from "../core/value.ts";
import { arrayLength, itemWord, safepoint } from "../core/heap.ts";
import { isNumber, storeBigInt, storeInt } from "../core/arithmetic.ts";
import {
  newStringBytes,
  newStringLatin1,
  stringBytes,
  stringText,
  stringUnits,
  stringView,
} from "../core/strings.ts";
import { forEachEntry, mapForUnits, mapPutString, newMapFor } from "../core/maps.ts";
import { textOf } from "../core/text.ts";
import { newResource, resourceAt } from "../core/resources.ts";
import { attemptAsync, placeOf } from "../core/files.ts";

const { I32 } = views;

const decoder = new TextDecoder();

const LINE_FEED = 0x0A, SPACE = 0x20, QUOTE = 0x22, COMMA = 0x2C, COLON = 0x3A;
const OPEN_BRACKET = 0x5B, CLOSE_BRACKET = 0x5D, OPEN_BRACE = 0x7B, CLOSE_BRACE = 0x7D;

// ---- the text ----------------------------------------------------------------------------------------------------

/** The bytes between the brackets of a table: [begin, end). */
interface Extent {
  readonly begin: number;
  readonly end: number;
}

/** A text whose tables have been found. */
interface Source {
  readonly bytes: Uint8Array;
  /** What messages call it, after "in"; empty for a text of the program. */
  readonly name: string;
  readonly tables: ReadonlyMap<string, Extent>;
}

/** Where a program reads: the resource that `get` gives. */
class Cursor {
  readonly source: Source;
  /** The next byte to read, and the end of the table. */
  at: number;
  readonly end: number;
  constructor(source: Source, { begin, end }: Extent) {
    this.source = source;
    this.at = begin;
    this.end = end;
  }
}

/** A text that is not UON: why, and the byte at which that shows. */
class Malformed extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] <= SPACE) at++;
  return at;
}

/** Passes over white space and `byte`. */
function expectByte(bytes: Uint8Array, from: number, byte: number): number {
  const at = skipSpace(bytes, from);
  if (bytes[at] !== byte) throw new Malformed(`Expected '${String.fromCharCode(byte)}'`, at);
  return at + 1;
}

/** Bytes as characters of the same number: names are compared as bytes, whatever their encoding. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Where the name at `from` ends, white space behind it left out; `end` has to follow it. */
function endOfName(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  for (; bytes[at] !== end; at++) {
    if (at >= bytes.length || endsName(bytes[at])) {
      throw new Malformed(`Expected '${String.fromCharCode(end)}'`, at);
    }
  }
  while (at > from && bytes[at - 1] <= SPACE) at--;
  if (at === from) throw new Malformed("A name is missing", at);
  return at;
}

/** Whether a byte can be no part of a name. */
function endsName(byte: number): boolean {
  return byte === QUOTE || byte === COMMA || byte === LINE_FEED || isBracket(byte);
}

function isBracket(byte: number): boolean {
  return byte === OPEN_BRACKET || byte === CLOSE_BRACKET || byte === OPEN_BRACE || byte === CLOSE_BRACE;
}

/** The byte behind the bracket that closes the one before `from`. */
function skipBrackets(bytes: Uint8Array, from: number): number {
  let depth = 1;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = bytes.indexOf(QUOTE, at + 1);
      if (at < 0) throw new Malformed("A text is not closed", bytes.length);
    } else if (byte === OPEN_BRACKET) depth++;
    else if (byte === CLOSE_BRACKET && --depth === 0) return at + 1;
  }
  throw new Malformed("Expected ']'", bytes.length);
}

/** Finds the tables of a section such as `@flow`, from `from` on; null if there is no such section. */
function findTables(
  bytes: Uint8Array,
  section: string,
  from: number,
): { tables: Map<string, Extent>; end: number } | null {
  const start = indexOfText(bytes, section, from);
  if (start < 0) return null;
  const tables = new Map<string, Extent>();
  let at = expectByte(bytes, start + section.length, OPEN_BRACE);
  for (;;) {
    at = skipSpace(bytes, at);
    if (bytes[at] === CLOSE_BRACE) return { tables, end: at + 1 };
    const nameEnd = endOfName(bytes, at, COLON);
    const name = latin1(bytes.subarray(at, nameEnd));
    const begin = expectByte(bytes, expectByte(bytes, nameEnd, COLON), OPEN_BRACKET);
    at = skipBrackets(bytes, begin);
    tables.set(name, { begin, end: at - 1 });
    at = skipSpace(bytes, at);
    if (bytes[at] === COMMA) at++;
    else if (bytes[at] !== CLOSE_BRACE) throw new Malformed("Expected ',' or '}'", at);
  }
}

function indexOfText(bytes: Uint8Array, text: string, from: number): number {
  const first = text.charCodeAt(0);
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let i = 1;
    while (i < text.length && bytes[at + i] === text.charCodeAt(i)) i++;
    if (i === text.length) return at;
  }
  return -1;
}

/**
 * Finds the tables of a text. What stands before `@schema` does not count, and without `@flow` there is no record.
 * @throws {Malformed} if it is not UON
 */
function readSource(bytes: Uint8Array, name: string): Source {
  const schema = findTables(bytes, "@schema", 0);
  if (schema === null) throw new Malformed("There is no @schema", bytes.length);
  return { bytes, name, tables: findTables(bytes, "@flow", schema.end)?.tables ?? new Map() };
}

// ---- records -----------------------------------------------------------------------------------------------------

/** Reads the record at a cursor into a new map, stored at `out`, and moves on; nil at the end of the table. */
function readRecord(cursor: Cursor, out: number): void {
  const { source: { bytes }, end } = cursor;
  let at = cursor.at;
  while (at < end && (bytes[at] <= SPACE || bytes[at] === COMMA)) at++;
  cursor.at = at;
  if (at >= end) return setNil(out);
  if (bytes[at] !== OPEN_BRACE) throw new Malformed("Expected '{'", at);
  const { fields, behind } = measureRecord(bytes, at + 1, end);
  // A name and a value take at most three units beside their bytes; nothing is rooted until the map is whole.
  safepoint(mapForUnits(fields) + 6 * fields + (behind - at));
  const map = newMapFor(fields);
  at = skipSpace(bytes, at + 1);
  while (bytes[at] !== CLOSE_BRACE) {
    const nameEnd = endOfName(bytes, at, COLON);
    const to = mapPutString(map, newStringBytes(bytes.subarray(at, nameEnd)));
    setNil(to);
    at = skipSpace(bytes, expectByte(bytes, nameEnd, COLON));
    at = skipSpace(bytes, readFieldValue(bytes, at, end, to));
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
    else if (bytes[at] !== CLOSE_BRACE) throw new Malformed("Expected ',' or '}'", at);
  }
  cursor.at = at + 1;
  setObject(out, Kind.MAP, map);
}

/** How many fields there are at most, and the byte behind the record whose first field is at `from`. */
function measureRecord(bytes: Uint8Array, from: number, end: number): { fields: number; behind: number } {
  let fields = 1;
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (byte === CLOSE_BRACE) return { fields, behind: at + 1 };
    if (byte === COMMA) fields++;
    else if (byte === QUOTE) at = bytes.indexOf(QUOTE, at + 1); // there is one: `skipBrackets` came by
  }
  throw new Malformed("Expected '}'", end);
}

/** Stores the value at `from`, and gives the byte behind it. */
function readFieldValue(bytes: Uint8Array, from: number, end: number, to: number): number {
  if (bytes[from] === QUOTE) {
    const close = bytes.indexOf(QUOTE, from + 1);
    setObject(to, Kind.STRING, newStringBytes(bytes.subarray(from + 1, close)));
    return close + 1;
  }
  let at = from;
  while (at < end && !endsName(bytes[at])) at++;
  const behind = at;
  while (at > from && bytes[at - 1] <= SPACE) at--;
  if (at === from) throw new Malformed("Expected a text, a number or a word", at);
  setWord(to, bytes.subarray(from, at));
  return behind;
}

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
/** No number that a program may mean is longer; longer words are texts. */
const NUMBER_MAX = 400;

/** Stores what a value without quotes means. No safepoint. */
function setWord(to: number, bytes: Uint8Array): void {
  const text = bytes.length <= NUMBER_MAX ? latin1(bytes) : "";
  const match = NUMBER.exec(text);
  if (match !== null) {
    const n = Number(text);
    if (match[1] !== undefined || match[2] !== undefined) return setDouble(to, n);
    if (n === (n | 0)) return storeInt(to, n, n >> 31);
    const wide = BigInt(text);
    return BigInt.asIntN(64, wide) === wide ? storeBigInt(to, wide) : setDouble(to, n);
  }
  if (text === "true" || text === "false") return setBool(to, text === "true");
  if (text === "null") return setNil(to);
  setObject(to, Kind.STRING, newStringBytes(bytes));
}

// ---- writing -----------------------------------------------------------------------------------------------------

/** Where a text is written to, byte by byte, and what happens to what could not be read back. */
interface Writer {
  text: string;
  refuse(what: string): never;
}

function makeWriter(call: NativeCall, name: string): Writer {
  return { text: "", refuse: (what) => call.fail(`${name} ${what}.`) };
}

/** Text whose characters are bytes, as a person reads it. */
function shown(text: string): string {
  return decoder.decode(bytesOf(text));
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Writes the name of a table or field. */
function writeName(writer: Writer, name: string): void {
  if (!/^[^\0-\x20:,"{}[\]]([^\n:,"{}[\]]*[^\0-\x20:,"{}[\]])?$/.test(name)) {
    writer.refuse(`cannot write the name "${shown(name)}"`);
  }
  writer.text += name;
}

/** Writes a value of a record; `where` says which one in messages. */
function writeFieldValue(writer: Writer, word: number, where: () => string): void {
  const high = I32[word + 1];
  if (high === HI_STRING) {
    const text = latin1(stringView(I32[word]));
    if (text.includes('"')) writer.refuse(`cannot write ${where()}: there is a quote in it`);
    writer.text += `"${text}"`;
  } else writer.text += high === HI_BOOL || isNumber(word) ? latin1(textOf(word)) : "null";
}

/** Writes a map or struct instance as a record; anything else as one without fields. */
function writeRecord(writer: Writer, word: number, where: () => string): void {
  let separator = "";
  const writeField = (name: string, value: number) => {
    writer.text += separator;
    separator = ", ";
    writeName(writer, name);
    writer.text += ": ";
    writeFieldValue(writer, value, () => `${where()}.${shown(name)}`);
  };
  writer.text += "{ ";
  if (I32[word + 1] === HI_MAP) {
    forEachEntry(I32[word], (key, value) => writeField(latin1(textOf(key)), value));
  } else if (I32[word + 1] === HI_STRUCT) forEachField(I32[word], writeField);
  writer.text += " }";
}

/** Visits the fields of the struct instance at `ref`. */
function forEachField(ref: number, visit: (name: string, value: number) => void): void {
  const type = I32[(ref << 1) + 1] << 1, count = I32[type + 1];
  for (let i = 0; i < count; i++) visit(latin1(stringView(I32[type + 4 + i])), (ref + 1 + i) << 1);
}

/** Writes the tables of the map at `ref`: names, and what is in their arrays by `writeParts`. */
function writeTables(
  writer: Writer,
  ref: number,
  writeParts: (writer: Writer, array: number, table: string) => void,
): void {
  let separator = "";
  forEachEntry(ref, (key, value) => {
    const name = latin1(textOf(key));
    if (I32[value + 1] !== HI_ARRAY) {
      writer.refuse(`expects an array for the table ${shown(name)}, but got ${kindName(value)}`);
    }
    writer.text += `${separator}    `;
    separator = ",\n";
    writeName(writer, name);
    writer.text += ": [";
    writeParts(writer, I32[value], shown(name));
    writer.text += "]";
  });
}

function writeColumns(writer: Writer, array: number, table: string): void {
  for (let i = 0; i < arrayLength(array); i++) {
    const word = itemWord(array, i);
    if (I32[word + 1] !== HI_STRING) {
      writer.refuse(`expects names as columns of ${table}, but got ${kindName(word)}`);
    }
    const column = latin1(stringView(I32[word]));
    if (/[,"{}[\]\n]/.test(column)) writer.refuse(`cannot write the column "${shown(column)}" of ${table}`);
    writer.text += i > 0 ? `, ${column}` : column;
  }
}

function writeRecords(writer: Writer, array: number, table: string): void {
  writer.text += "\n";
  for (let i = 0; i < arrayLength(array); i++) {
    writer.text += i > 0 ? `,\n${INDENT}` : INDENT;
    writeRecord(writer, itemWord(array, i), () => `${table}[${i}]`);
  }
  writer.text += "\n    ";
}

/** What stands before a record. */
const INDENT = "        ";

/** A source with more records at the ends of its tables. */
function withRecords({ bytes, name, tables }: Source, added: ReadonlyMap<string, readonly string[]>): Source {
  const parts: Uint8Array[] = [];
  let copied = 0;
  for (const [table, { begin, end }] of tables) {
    const records = added.get(table);
    if (records === undefined) continue;
    let last = end;
    while (last > begin && bytes[last - 1] <= SPACE) last--;
    const separator = last === begin || bytes[last - 1] === COMMA ? "\n" : ",\n";
    const text = separator + records.map((record) => INDENT + record).join(",\n");
    parts.push(bytes.subarray(copied, last), bytesOf(last === begin ? `${text}\n    ` : text));
    copied = last;
  }
  parts.push(bytes.subarray(copied));
  return readSource(joinBytes(parts), name);
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

// ---- what a program has loaded -----------------------------------------------------------------------------------

/** What `get(table)` and `insert` work on. */
interface Loaded {
  source: Source;
  /** The file that `save()` writes; null for a text of the program. */
  readonly path: string | null;
  /** Records that were inserted and are not in the source yet, as text. */
  readonly added: Map<string, string[]>;
}

const loaded = new WeakMap<Machine, Loaded>();

/** What was loaded, with everything that was inserted. */
function settle(machine: Machine): Loaded | undefined {
  const own = loaded.get(machine);
  if (own !== undefined && own.added.size > 0) {
    own.source = withRecords(own.source, own.added);
    own.added.clear();
  }
  return own;
}

/** Finds the tables of a text; null, and a message, if it is not UON. */
function tryReadSource(machine: Machine, bytes: Uint8Array, name: string): Source | null {
  return readOrWarn(machine, bytes, name, () => readSource(bytes, name));
}

/** What `work` gives; null, and a message, if it comes upon what is not UON. */
function readOrWarn<T>(machine: Machine, bytes: Uint8Array, name: string, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const place = placeIn(bytes, error.at), where = name === "" ? "" : ` in ${name}`;
    machine.host.world.warn(`UON Parse Error: ${error.message} (at ${place})${where}\n`);
    return null;
  }
}

/** Where a byte stands, in words. */
function placeIn(bytes: Uint8Array, at: number): string {
  let line = 1, column = 1;
  for (let i = 0; i < at; i++) {
    if (bytes[i] === LINE_FEED) {
      line++;
      column = 1;
    } else if ((bytes[i] & 0xC0) !== 0x80) column++;
  }
  return `line ${line}, column ${column}`;
}

/** Reads a file that a program names; null if the world has no such file, or if it is not UON. */
async function readFile(machine: Machine, path: string): Promise<{ source: Source; path: string } | null> {
  const place = placeOf(path, machine.host.world.directory);
  const bytes = await attemptAsync<Uint8Array | null>(() => Deno.readFile(place), null);
  const source = bytes === null ? null : tryReadSource(machine, bytes, path);
  return source === null ? null : { source, path: place };
}

/** Stores a cursor on a table, or 0 if there is no such table. */
function storeCursor(machine: Machine, to: number, source: Source | undefined, table: string): void {
  const extent = source?.tables.get(table);
  if (source === undefined || extent === undefined) setInt32(to, 0);
  else setObject(to, Kind.RESOURCE, newResource(machine, new Cursor(source, extent)));
}

/** A string argument as bytes in characters, which is how tables are known. */
function nameAt(call: NativeCall, index: number): string {
  return latin1(stringView(I32[call.word(index)]));
}

// ---- the library -------------------------------------------------------------------------------------------------

const PATH: Param = { name: "path", type: "string" };
const TABLE: Param = { name: "table", type: "string" };

/** A text for examples. */
const SHOPPING =
  "@schema { items: [name, count] } @flow { items: [{ name: tea, count: 2 }, { name: milk, count: 1 }] }";

const NATIVES: readonly NativeDef[] = [
  {
    name: "ucoreUon.load",
    params: [PATH],
    doc:
      "Loads a file, whose tables are what `get`, `insert` and `save` are about from now on; false if it cannot.",
    example: { code: 'print ucoreUon.load("no such file.uon");', output: "false\n" },
    call(call) {
      const { machine } = call;
      call.wait(readFile(machine, stringText(I32[call.word(0)])), (result, file) => {
        if (file !== null) loaded.set(machine, { ...file, added: new Map() });
        setBool(result, file !== null);
      });
    },
  },
  {
    name: "ucoreUon.parse",
    params: [{ name: "text", type: "string" }],
    doc: "Like `load`, with a text in place of a file.",
    example: {
      code: `print ucoreUon.parse("${SHOPPING}");\nprint ucoreUon.next(ucoreUon.get("items"));`,
      output: "true\n{name: tea, count: 2}\n",
    },
    call(call) {
      const source = tryReadSource(call.machine, stringBytes(I32[call.word(0)]), "");
      if (source !== null) loaded.set(call.machine, { source, path: null, added: new Map() });
      setBool(call.result, source !== null);
    },
  },
  {
    name: "ucoreUon.get",
    params: [{ name: "table", type: "string" }, { name: "tableOfFile", type: "string", mode: "optional" }],
    doc:
      "A cursor at the first record of a table of what was loaded, or with two arguments, of the table of that name in the file at a path; 0 if there is none.",
    example: {
      code: `ucoreUon.parse("${SHOPPING}");\nvar items = ucoreUon.get("items");\n` +
        `for (var item = ucoreUon.next(items); item != nil; item = ucoreUon.next(items)) print item["name"];\n` +
        `print ucoreUon.get("people");`,
      output: "tea\nmilk\n0\n",
    },
    call(call) {
      const { machine } = call;
      if (call.count === 1) {
        return storeCursor(machine, call.result, settle(machine)?.source, nameAt(call, 0));
      }
      const table = nameAt(call, 1);
      call.wait(
        readFile(machine, stringText(I32[call.word(0)])),
        (result, file) => storeCursor(machine, result, file?.source, table),
      );
    },
  },
  {
    name: "ucoreUon.next",
    params: [{ name: "cursor", type: "any" }],
    doc:
      "The record at a cursor as a map, moving on to the next; nil at the end, and where a record is malformed.",
    example: {
      code: `ucoreUon.parse("${SHOPPING}");\nprint ucoreUon.next(ucoreUon.get("items"));`,
      output: "{name: tea, count: 2}\n",
    },
    call(call) {
      const cursor = resourceAt(call.machine, call.word(0));
      if (!(cursor instanceof Cursor)) {
        return call.fail(
          `ucoreUon.next expects (cursor: what get gave), but got (${kindName(call.word(0))}).`,
        );
      }
      const { source: { bytes, name } } = cursor;
      readOrWarn(call.machine, bytes, name, () => {
        try {
          readRecord(cursor, call.result);
        } catch (error) {
          // Where the next record begins, nobody can tell.
          cursor.at = cursor.end;
          throw error;
        }
      });
    },
  },
  {
    name: "ucoreUon.generate",
    params: [{ name: "schema", type: "map" }, { name: "data", type: "map" }],
    doc: "The text of tables: arrays of column names by table, and arrays of records by table.",
    example: {
      code: 'print ucoreUon.generate({"items": ["name"]}, {"items": [{"name": "tea"}, {"name": nil}]});',
      output:
        '@schema {\n    items: [name]\n}\n\n@flow {\n    items: [\n        { name: "tea" },\n        { name: null }\n    ]\n}\n\n',
    },
    call(call) {
      const writer = makeWriter(call, "ucoreUon.generate");
      writer.text += "@schema {\n";
      writeTables(writer, I32[call.word(0)], writeColumns);
      writer.text += "\n}\n\n@flow {\n";
      writeTables(writer, I32[call.word(1)], writeRecords);
      writer.text += "\n}\n";
      safepoint(stringUnits(writer.text.length));
      setObject(call.result, Kind.STRING, newStringLatin1(writer.text));
    },
  },
  {
    name: "ucoreUon.insert",
    params: [TABLE, { name: "record", type: "any" }],
    doc: "Appends a map or struct instance to a table of what was loaded; false if there is no such table.",
    example: {
      code: `ucoreUon.parse("@schema { items: [name] } @flow { items: [] }");\n` +
        `print ucoreUon.insert("items", {"name": "tea"});\nprint ucoreUon.next(ucoreUon.get("items"));`,
      output: "true\n{name: tea}\n",
    },
    call(call) {
      const own = loaded.get(call.machine), table = nameAt(call, 0), record = call.word(1);
      if (I32[record + 1] !== HI_MAP && I32[record + 1] !== HI_STRUCT) {
        call.fail(`ucoreUon.insert expects a map or a struct as a record, but got ${kindName(record)}.`);
      }
      const isThere = own?.source.tables.has(table) ?? false;
      if (isThere) {
        const writer = makeWriter(call, "ucoreUon.insert"), others = own!.added.get(table);
        writeRecord(writer, record, () => "the record");
        if (others === undefined) own!.added.set(table, [writer.text]);
        else others.push(writer.text);
      }
      setBool(call.result, isThere);
    },
  },
  {
    name: "ucoreUon.save",
    params: [{ name: "path", type: "string", mode: "optional" }],
    doc:
      "Writes what was loaded, with all that was inserted, to its file or to another one; false if it cannot.",
    example: { code: "print ucoreUon.save();", output: "false\n" },
    call(call) {
      const { machine } = call, own = settle(machine);
      const path = call.count === 0
        ? own?.path ?? null
        : placeOf(stringText(I32[call.word(0)]), machine.host.world.directory);
      if (own === undefined || path === null) return setBool(call.result, false);
      call.wait(writeFile(path, own.source.bytes), setBool);
    },
  },
];

/** Whether the world took the bytes. */
function writeFile(path: string, bytes: Uint8Array): Promise<boolean> {
  return attemptAsync(() => Deno.writeFile(path, bytes).then(() => true), false);
}

/** The plugin of `ucoreUon`. */
export const uon = {
  name: "uon",
  doc: "Tables in text files.",
  libraries: [{ name: "ucoreUon", doc: "Tables in text files, read record by record.", natives: NATIVES }],
} satisfies Plugin;
