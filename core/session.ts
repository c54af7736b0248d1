/**
 * What a session is made of: a module that inputs are run in, one after the other, and what can be asked about it.
 * What one input defines the next one sees, because both find globals by name in the same module. How inputs are
 * compiled is known to `passes/session.ts`, who talks to whom to `repl.ts`.
 */

import { views } from "./memory.ts";
import { copyValue, HI_EMPTY, HI_FUNCTION, HI_MODULE, HI_STRING, HI_STRUCT } from "./value.ts";
import { stringText } from "./strings.ts";
import type { Program } from "./program.ts";
import {
  functionAt,
  functionsOf,
  globalOf,
  type LazyLibrary,
  type LibraryDef,
  type LoadedFunction,
  type Module,
  moduleAt,
} from "./machine.ts";
import type { Engine } from "./engine.ts";

const { I32 } = views;

/** The global in which an input leaves its value; no program can name it. */
export const RESULT = "<result>";
/** The global that has the value of the input before. */
const LAST = "_";

function moduleOf(engine: Engine): Module {
  const module = engine.main();
  if (module === null) throw new Error("A session begins with a program, if only an empty one");
  return module;
}

const isEmpty = (word: number) => I32[word + 1] === HI_EMPTY;

/**
 * Runs a compiled input by means of `run`; gives the word of its value, valid until the next run, or null if it does
 * not end in an expression.
 */
export async function runInput(
  engine: Engine,
  program: Program,
  run: (work: () => Promise<void>) => Promise<void>,
): Promise<number | null> {
  const { machine } = engine, module = moduleOf(engine), result = globalOf(machine, module, RESULT);
  I32[result + 1] = HI_EMPTY;
  await run(() => engine.runMore(program));
  if (isEmpty(result)) return null;
  copyValue(globalOf(machine, module, LAST), result);
  return result;
}

/** Builtins that the session has given another meaning; calls to all others may become opcodes. */
export function redefinedBuiltins(engine: Engine): Set<string> {
  const { globals } = moduleOf(engine), { builtins } = engine.machine;
  const isOther = (word: number, builtin: number) =>
    I32[word] !== I32[builtin] || I32[word + 1] !== I32[builtin + 1];
  return new Set(
    [...builtins].filter(([name, builtin]) => globals.has(name) && isOther(globals.get(name)!, builtin))
      .map(([name]) => name),
  );
}

/** The function that a global holds, or else the last one that was made under that name; null if there is none. */
export function findFunction(engine: Engine, name: string): LoadedFunction | null {
  const word = moduleOf(engine).globals.get(name);
  if (word !== undefined && I32[word + 1] === HI_FUNCTION) return functionAt(I32[(I32[word] << 1) + 1]);
  return functionsOf(engine.machine).findLast(({ proto }) => proto.name === name) ?? null;
}

/** The names of all globals that have a value. */
export function globalNames(engine: Engine): string[] {
  return [...engine.machine.builtins.keys(), ...namesIn(moduleOf(engine))];
}

function namesIn({ globals }: Module): string[] {
  return [...globals].filter(([name, word]) => name !== RESULT && !isEmpty(word)).map(([name]) => name);
}

/** What may stand behind the dot of `a.b.`; nothing is run to find out, so only what is there already is known. */
export async function memberNames(
  engine: Engine,
  libraries: readonly (LibraryDef | LazyLibrary)[],
  [first, ...rest]: readonly string[],
): Promise<string[]> {
  const start = moduleOf(engine).globals.get(first) ?? engine.machine.builtins.get(first);
  if (start === undefined || isEmpty(start)) {
    const library = libraries.find(({ name }) => name === first);
    return library === undefined || rest.length > 0 ? [] : await libraryMembers(library);
  }
  let word: number | undefined = start;
  for (const name of rest) {
    word = membersAt(word).get(name);
    if (word === undefined) return [];
  }
  return I32[word + 1] === HI_STRING ? ["length"] : [...membersAt(word).keys()];
}

async function libraryMembers(library: LibraryDef | LazyLibrary): Promise<string[]> {
  const { natives, constants = {} } = "load" in library ? await library.load() : library;
  return [...natives.map(({ name }) => name.slice(name.lastIndexOf(".") + 1)), ...Object.keys(constants)];
}

/** The words of the members of a module or struct instance, by name. */
function membersAt(word: number): Map<string, number> {
  const ref = I32[word], object = ref << 1;
  switch (I32[word + 1]) {
    case HI_MODULE: {
      const module = moduleAt(ref);
      return new Map(namesIn(module).map((name) => [name, module.globals.get(name)!]));
    }
    case HI_STRUCT: {
      const type = I32[object + 1] << 1, names = Array.from(I32.subarray(type + 4, type + 4 + I32[type + 1]));
      return new Map(names.map((name, i) => [stringText(name), object + 2 + 2 * i]));
    }
    default:
      return new Map();
  }
}
