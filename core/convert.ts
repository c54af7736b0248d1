/**
 * Values between TypeScript and programs. What TypeScript can hold as well is copied, in either direction; functions,
 * types, modules and futures stay where they are, and TypeScript gets a handle.
 *
 * | in the program    | in TypeScript                                                                    |
 * |-------------------|----------------------------------------------------------------------------------|
 * | nil, bool         | `null`, `boolean`                                                                |
 * | int               | `number` where it is exact, else `bigint`                                        |
 * | float             | `number`; a whole one goes in as an int unless it is wrapped: `float(2)`         |
 * | string            | `string` if it is UTF-8, else `Uint8Array`                                       |
 * | array, map        | `Array`, `Map`                                                                   |
 * | struct instance   | {@linkcode StructValue}                                                          |
 * | anything else     | {@linkcode Handle}                                                               |
 *
 * Shared parts and cycles stay what they are, and no depth is too deep: both directions work on a list of things to
 * fill instead of recursing.
 *
 * :safepoints: All that is under way is reachable from an array in the heap, the *table*, which is pinned. An object
 * is stored in its place before the next one is made, so every allocation may collect.
 */

import { views } from "./memory.ts";
import * as value from "./value.ts";
import {
  copyValue,
  immediate,
  isDouble,
  isImmediate,
  KIND_NAMES,
  setBool,
  setDouble,
  setNil,
  setObject,
} from "./value.ts";
import { allocate, arrayLength, growthUnits, itemWord, newArray, resizeArray, safepoint } from "./heap.ts";
import { bigIntAt, setSafeInt, storeBigInt } from "./arithmetic.ts";
import { newStringBytes, newStringText, stringBytes, stringText, stringUnits } from "./strings.ts";
import { forEachEntry, isKey, mapSet, mapSetUnits, newMap } from "./maps.ts";
import { textOf } from "./text.ts";
import {
  isDisposed,
  type Machine,
  type NativeCall,
  type NativeDef,
  ProgramExit,
  RuntimeFault,
} from "./machine.ts";

const { I32, F64 } = views;
const { Kind } = value;

/** A value as TypeScript has it. */
export type HostValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly HostValue[]
  | ReadonlyMap<HostValue, HostValue>
  | FloatValue
  | StructValue
  | Handle;

/** A number that goes in as a float even though it is whole. */
export interface FloatValue {
  /** Tells it from other records. */
  readonly kind: "float";
  /** The number. */
  readonly value: number;
}

/** An instance of a struct, as a copy. Going in, the type is looked up among the program's globals. */
export interface StructValue {
  /** Tells it from other records. */
  readonly kind: "struct";
  /** The name of the struct type. */
  readonly type: string;
  /** The fields by name, in the order of their declaration. */
  readonly fields: Readonly<Record<string, HostValue>>;
}

/** Something of the program that cannot be copied. It stays alive until it is released. */
export interface Handle {
  /** What `type` answers in a program. */
  readonly kind: "function" | "type" | "module" | "future" | "resource";
  /** What `print` shows. */
  readonly text: string;
  /** Lets go of it; the handle cannot be used any more. */
  release(): void;
}

/** A string of a program as text; bytes that are not UTF-8 become replacement characters. */
export function hostText(value: HostValue): string {
  return typeof value === "string" ? value : new TextDecoder().decode(value as Uint8Array);
}

/** Makes a number go in as a float: `float(2)` is 2.0, `2` would be an int. */
export function float(value: number): FloatValue {
  return { kind: "float", value };
}

/** Makes an instance of the program's struct `type`; `fields` has to name all its fields. */
export function struct(type: string, fields: Readonly<Record<string, HostValue>>): StructValue {
  return { kind: "struct", type, fields };
}

/** Converts values for one machine. */
export interface Converter {
  /** The value at `word`, which must be a root. */
  toHost(word: number): HostValue;
  /**
   * Keeps a value alive, and gives the number to ask for its word with.
   * @throws {TypeError} for what no program can have
   */
  hold(value: HostValue): number;
  /** The word of a value that is held; valid until the next value is. */
  wordOf(held: number): number;
  /** Lets go of a value that was held. */
  release(held: number): void;
}

/** Places of the table that are always there: a value on its way, and a key and a value on their way into a map. */
const ROOT = 0, KEY = 1, VALUE = 2, FIRST_FREE = 3;

type Fields = Record<string, HostValue>;
type Unfilled =
  | { readonly from: readonly HostValue[]; readonly kind: typeof Kind.ARRAY; readonly ref: number }
  | { readonly from: ReadonlyMap<HostValue, HostValue>; readonly kind: typeof Kind.MAP; readonly ref: number }
  | { readonly from: StructValue; readonly kind: typeof Kind.STRUCT; readonly ref: number };

const converters = new WeakMap<Machine, Converter>();

/** The converter of a machine. */
export function converterOf(machine: Machine): Converter {
  let converter = converters.get(machine);
  if (converter === undefined) {
    converter = createConverter(machine);
    converters.set(machine, converter);
  }
  return converter;
}

/**
 * Calls a function of the program as a task of its own, and gives its result.
 * @throws {RuntimeFault} if it fails
 * @throws {TypeError} if an argument is no value that a program can have
 */
export async function callHandle(
  machine: Machine,
  callee: Handle,
  args: readonly HostValue[],
): Promise<HostValue> {
  const { hold, wordOf, release, toHost } = converterOf(machine);
  const held: number[] = [];
  try {
    for (const each of [callee, ...args]) held.push(hold(each));
    const store = (slot: number) => held.forEach((each, i) => copyValue(slot + 2 * i, wordOf(each)));
    return await machine.host.callFunction(args.length, store, toHost);
  } finally {
    held.forEach(release);
  }
}

/** Stores a value of TypeScript at a word that is a root. */
export function storeHostValue(machine: Machine, to: number, value: HostValue): void {
  const { hold, wordOf, release } = converterOf(machine);
  const held = hold(value);
  copyValue(to, wordOf(held));
  release(held);
}

/** A native that takes and gives values of TypeScript. */
export interface HostNativeDef extends Omit<NativeDef, "call" | "code" | "intrinsic"> {
  /**
   * Does the work. A promise makes the task that calls wait for it. What is thrown is a run-time error of the program,
   * in the words of the error.
   */
  run(args: readonly HostValue[], machine: Machine): HostValue | void | Promise<HostValue | void>;
}

/** Makes a native of a function on values of TypeScript: easier to write than one on words, and slower by the copies. */
export function defineHostNative({ run, ...def }: HostNativeDef): NativeDef {
  return {
    ...def,
    call(call: NativeCall) {
      const { machine } = call, { toHost } = converterOf(machine);
      const args = Array.from({ length: call.count }, (_, i) => toHost(call.word(i)));
      const store = (to: number, value: HostValue | void) => storeHostValue(machine, to, value ?? null);
      let value: ReturnType<HostNativeDef["run"]>;
      try {
        value = run(args, machine);
      } catch (error) {
        if (error instanceof RuntimeFault || error instanceof ProgramExit) throw error;
        return call.fail(error instanceof Error ? error.message : String(error));
      }
      if (value instanceof Promise) call.wait(value, store);
      else store(call.result, value);
    },
  };
}

function createConverter(machine: Machine): Converter {
  safepoint(16);
  const table = newArray(8);
  machine.pinned.push(table);
  resizeArray(table, FIRST_FREE);
  const free: number[] = [];
  const slots = new WeakMap<Handle, { slot: number }>();
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const wordOf = (slot: number) => itemWord(table, slot);

  /** A place in the table that holds nil. */
  function takeSlot(): number {
    const slot = free.pop();
    if (slot !== undefined) return slot;
    safepoint(growthUnits(table, arrayLength(table) + 1));
    resizeArray(table, arrayLength(table) + 1);
    return arrayLength(table) - 1;
  }

  function release(slot: number): void {
    if (isDisposed(machine)) return; // the table is gone
    setNil(wordOf(slot));
    free.push(slot);
  }

  // ---- into the program

  function hold(value: HostValue): number {
    if (isDisposed(machine)) throw new Error("The program has been disposed");
    const slot = takeSlot();
    const made = new Map<object, { kind: number; ref: number }>();
    const unfilled: Unfilled[] = [];
    try {
      put(value, wordOf(slot), made, unfilled);
      for (let next = unfilled.pop(); next !== undefined; next = unfilled.pop()) fill(next, made, unfilled);
    } catch (error) {
      release(slot);
      throw error;
    } finally {
      setNil(wordOf(KEY));
      setNil(wordOf(VALUE));
    }
    return slot;
  }

  /** Stores a value at a rooted word; what has parts is left to be filled. */
  function put(
    from: HostValue,
    word: number,
    made: Map<object, { kind: number; ref: number }>,
    unfilled: Unfilled[],
  ): void {
    switch (typeof from) {
      case "boolean":
        return setBool(word, from);
      case "number":
        if (!Number.isSafeInteger(from) || Object.is(from, -0)) return setDouble(word, from);
        safepoint(2);
        return setSafeInt(word, from);
      case "bigint":
        if (from !== BigInt.asIntN(64, from)) throw new TypeError(`${from} does not fit an int of 64 bits`);
        safepoint(2);
        return storeBigInt(word, from);
      case "string":
        safepoint(stringUnits(from.length * 3));
        return setObject(word, Kind.STRING, newStringText(from));
      case "object":
        break;
      default:
        throw new TypeError(`A ${typeof from} is no value that a program can have`);
    }
    if (from === null) return setNil(word);
    const known = made.get(from);
    if (known !== undefined) return setObject(word, known.kind, known.ref);
    if (from instanceof Uint8Array) {
      safepoint(stringUnits(from.length));
      return setObject(word, Kind.STRING, newStringBytes(from));
    }
    if (Array.isArray(from)) {
      safepoint(8 + from.length);
      const ref = newArray(from.length);
      resizeArray(ref, from.length);
      setObject(word, Kind.ARRAY, ref);
      made.set(from, { kind: Kind.ARRAY, ref });
      unfilled.push({ from, kind: Kind.ARRAY, ref });
    } else if (from instanceof Map) {
      safepoint(8);
      const ref = newMap();
      setObject(word, Kind.MAP, ref);
      made.set(from, { kind: Kind.MAP, ref });
      unfilled.push({ from, kind: Kind.MAP, ref });
    } else putRecord(from as FloatValue | StructValue | Handle, word, made, unfilled);
  }

  function putRecord(
    from: FloatValue | StructValue | Handle,
    word: number,
    made: Map<object, { kind: number; ref: number }>,
    unfilled: Unfilled[],
  ): void {
    if (from.kind === "float") return setDouble(word, from.value);
    if (from.kind === "struct") {
      const global = machine.host.findGlobal(from.type);
      if (global === 0 || I32[global + 1] !== value.HI_STRUCT_TYPE) {
        throw new TypeError(`The program has no global struct '${from.type}'`);
      }
      const type = I32[global];
      checkFields(from, type);
      const count = I32[(type << 1) + 1];
      safepoint(1 + count);
      const ref = allocate(Kind.STRUCT, 1 + count);
      I32[(ref << 1) + 1] = type;
      for (let i = 0; i < count; i++) setNil((ref + 1 + i) << 1);
      setObject(word, Kind.STRUCT, ref);
      made.set(from, { kind: Kind.STRUCT, ref });
      unfilled.push({ from, kind: Kind.STRUCT, ref });
      return;
    }
    const held = slots.get(from);
    if (held === undefined) {
      throw new TypeError(
        "Neither a value that a program can have, nor a handle of this program that is not released",
      );
    }
    copyValue(word, wordOf(held.slot));
  }

  function fill(
    { from, kind, ref }: Unfilled,
    made: Map<object, { kind: number; ref: number }>,
    unfilled: Unfilled[],
  ): void {
    switch (kind) {
      case Kind.ARRAY:
        from.forEach((item, i) => put(item, itemWord(ref, i), made, unfilled));
        break;
      case Kind.MAP:
        for (const [key, item] of from) {
          put(key, wordOf(KEY), made, unfilled);
          if (!isKey(wordOf(KEY))) {
            throw new TypeError("Keys of maps are strings, numbers (not NaN) and booleans");
          }
          put(item, wordOf(VALUE), made, unfilled);
          safepoint(mapSetUnits(ref));
          mapSet(ref, wordOf(KEY), wordOf(VALUE));
        }
        break;
      case Kind.STRUCT:
        fieldNames(I32[(ref << 1) + 1]).forEach((name, i) =>
          put(from.fields[name], (ref + 1 + i) << 1, made, unfilled)
        );
    }
  }

  // ---- out of the program

  function toHost(word: number): HostValue {
    copyValue(wordOf(ROOT), word);
    const made = new Map<number, HostValue>();
    const unfilled: (() => void)[] = [];
    const result = take(wordOf(ROOT));
    for (let next = unfilled.pop(); next !== undefined; next = unfilled.pop()) next();
    setNil(wordOf(ROOT));
    return result;

    function take(word: number): HostValue {
      const hi = I32[word + 1], lo = I32[word];
      if (isDouble(hi)) return F64[word >> 1];
      if (isImmediate(hi)) return immediate(word);
      if (hi === value.HI_NIL) return null;
      if (hi === value.HI_BOOL) return lo !== 0;
      switch (hi - value.HI_OBJECT) {
        case Kind.INT64: {
          const int = bigIntAt(word);
          return Number.isSafeInteger(Number(int)) ? Number(int) : int;
        }
        case Kind.STRING: {
          const bytes = stringBytes(lo);
          try {
            return decoder.decode(bytes);
          } catch {
            return bytes;
          }
        }
      }
      let known = made.get(lo);
      if (known === undefined) {
        known = open(word, hi - value.HI_OBJECT, lo);
        made.set(lo, known);
      }
      return known;
    }

    /** What stands for an object; its parts are filled in later. */
    function open(word: number, kind: number, ref: number): HostValue {
      switch (kind) {
        case Kind.ARRAY: {
          const items: HostValue[] = [];
          unfilled.push(() => {
            for (let i = 0; i < arrayLength(ref); i++) items.push(take(itemWord(ref, i)));
          });
          return items;
        }
        case Kind.MAP: {
          const map = new Map<HostValue, HostValue>();
          unfilled.push(() => forEachEntry(ref, (key, item) => map.set(take(key), take(item))));
          return map;
        }
        case Kind.STRUCT: {
          const type = I32[(ref << 1) + 1], fields: Fields = {};
          unfilled.push(() => {
            fieldNames(type).forEach((name, i) => fields[name] = take((ref + 1 + i) << 1));
          });
          return struct(stringText(I32[(type << 1) + 2]), fields);
        }
        default:
          return makeHandle(word, KIND_NAMES[kind] as Handle["kind"]);
      }
    }
  }

  function makeHandle(word: number, kind: Handle["kind"]): Handle {
    const text = new TextDecoder().decode(textOf(word));
    const lo = I32[word], hi = I32[word + 1]; // the word may be in the table, which may be about to grow
    const slot = takeSlot();
    I32[wordOf(slot)] = lo;
    I32[wordOf(slot) + 1] = hi;
    const handle: Handle = {
      kind,
      text,
      release() {
        if (slots.delete(handle)) release(slot);
      },
    };
    slots.set(handle, { slot });
    return handle;
  }

  return { toHost, hold, wordOf, release };
}

/** Names of the fields of the struct type at `type`. */
function fieldNames(type: number): string[] {
  const word = type << 1;
  return Array.from({ length: I32[word + 1] }, (_, i) => stringText(I32[word + 4 + i]));
}

function checkFields({ type: name, fields }: StructValue, type: number): void {
  const names = fieldNames(type);
  const missing = names.find((field) => !Object.hasOwn(fields, field));
  if (missing !== undefined) throw new TypeError(`Struct '${name}' needs a field '${missing}'`);
  const unknown = Object.keys(fields).find((field) => !names.includes(field));
  if (unknown !== undefined) throw new TypeError(`Struct '${name}' has no field '${unknown}'`);
}
