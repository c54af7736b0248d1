/**
 * The programs of the bench, `examples/bench/NAME.ENDING`, the same algorithm in each language. All of them print
 * `checksum N`. A constant `ROUNDS` says how much work there is; nearly all have a function `run(rounds)` that does it.
 */

import { COMPILER, type Engine } from "./engines.ts";

const PROGRAMS = new URL("../../examples/bench/", import.meta.url);
/** The program that does nothing. */
export const EMPTY = "empty";
const COMPILER_FLAGS = ["-O2"];

/** The names of all programs but the empty one. */
export function listPrograms(): string[] {
  const names: string[] = [];
  for (const { name } of Deno.readDirSync(PROGRAMS)) {
    if (name.endsWith(".unna")) names.push(name.slice(0, -".unna".length));
  }
  return names.filter((name) => name !== EMPTY).sort();
}

/** The source of a program in the language with that file ending, or null if there is none. */
export function readProgram(name: string, ending: string): string | null {
  try {
    return Deno.readTextFileSync(new URL(`${name}.${ending}`, PROGRAMS));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** A source whose constant `ROUNDS`, to which the work is in proportion, is multiplied; one round is the least. */
export function scaleProgram(source: string, scale: number): string {
  return source.replace(
    /\bROUNDS = (\d+)/,
    (_, rounds: string) => `ROUNDS = ${Math.max(1, Math.round(Number(rounds) * scale))}`,
  );
}

/**
 * A program of ours in parts: the source without the line that does the work, and how many rounds that line asks
 * `run` for. Null if it has no such line.
 */
export function splitProgram(source: string): { definitions: string; rounds: number } | null {
  const answer = 'print "checksum " + run(ROUNDS);';
  const rounds = /\bROUNDS = (\d+)/.exec(source)?.[1];
  if (rounds === undefined || !source.includes(answer)) return null;
  return { definitions: source.replace(answer, ""), rounds: Number(rounds) };
}

/** Puts a program into a folder, ready to run; gives the path, or null if there is none for this engine. */
export async function prepareProgram(
  name: string,
  engine: Engine,
  folder: string,
  scale: number,
): Promise<string | null> {
  const source = readProgram(name, engine.ending);
  if (source === null) return null;
  const file = `${folder}/${name}.${engine.ending}`;
  await Deno.writeTextFile(file, scaleProgram(source, scale));
  if (engine.name !== COMPILER) return file;
  const compiled = `${folder}/${name}.out`;
  const { success, stderr } = await new Deno.Command(COMPILER, {
    args: [...COMPILER_FLAGS, "-o", compiled, file],
  }).output();
  if (!success) throw new Error(`${COMPILER} cannot compile ${name}.c:\n${new TextDecoder().decode(stderr)}`);
  return compiled;
}
