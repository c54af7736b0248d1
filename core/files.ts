/**
 * Files on disk: reading sources, finding the file that an import means, and what a failure is to a running program. What
 * is in files does not matter here.
 */

import { type Diagnostic, DIAGNOSTICS, makeDiagnostic } from "./diagnostics.ts";
import { decodeSource, type SourceFile } from "./source.ts";

/** A file that was found: its real path, which identifies it, and the path that messages show. */
export interface FoundFile {
  /** Without links and dots. */
  readonly path: string;
  /** As messages show it. */
  readonly display: string;
}

/** Decodes a file's bytes, or says where they are not UTF-8. */
export function decodeFile(display: string, bytes: Uint8Array): SourceFile | Diagnostic {
  const { source, invalid } = decodeSource(display, bytes);
  if (invalid === null) return source;
  const span = { source, start: invalid.offset, end: invalid.offset + 1 };
  return makeDiagnostic("U0152", DIAGNOSTICS.U0152, span, [{ byte: invalid.byte }]);
}

/** Reads a file, or says why it cannot be read. */
export function readFile(path: string, display: string): SourceFile | Diagnostic {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    return readFailure(display, error);
  }
  return decodeFile(display, bytes);
}

/** Says why reading failed with `error`. */
export function readFailure(display: string, error: unknown): Diagnostic {
  return makeDiagnostic("U0151", DIAGNOSTICS.U0151, null, [{ path: display, because: reasonOf(error) }]);
}

/** Whether one of the functions here gave a diagnostic. */
export function isDiagnostic(result: SourceFile | FoundFile | Diagnostic): result is Diagnostic {
  return "severity" in result;
}

function reasonOf(error: unknown): string {
  const { errors } = Deno;
  if (error instanceof errors.NotFound) return "There is no such file";
  if (error instanceof errors.IsADirectory) return "It is a directory";
  if (error instanceof errors.PermissionDenied) return "Reading it is not permitted";
  if (error instanceof errors.NotCapable) return "Deno was not allowed to read it (--allow-read)";
  return error instanceof Error ? error.message : String(error);
}

/** The folder of a path, with the separator at its end; empty for a bare name. */
function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/**
 * What `work` gives, or `failure` where the world refuses: a program can deal with that. What Deno was not allowed to do is
 * thrown, since no program can do anything about it.
 */
export function attempt<T>(work: () => T, failure: T): T {
  try {
    return work();
  } catch (error) {
    return unlessForbidden(error, failure);
  }
}

/** The same for work that takes its time. */
export function attemptAsync<T>(work: () => Promise<T>, failure: T): Promise<T> {
  return work().catch((error: unknown) => unlessForbidden(error, failure));
}

function unlessForbidden<T>(error: unknown, failure: T): T {
  if (error instanceof Deno.errors.NotCapable) throw error;
  return failure;
}

/** Where a path of a running program lies: relative ones are relative to `directory`, that of its main file. */
export function placeOf(path: string, directory: string): string {
  if (path.startsWith("/")) return path;
  return directory.endsWith("/") ? directory + path : `${directory}/${path}`;
}

/**
 * Finds the file that `path` means when the file at `importer` imports it: a path that begins with "." is relative to
 * the importer, any other is tried from the working directory, then from the importer. `main` is the program's own
 * file; what is shown is relative to how that was written.
 *
 * Null if there is no such file, and a diagnostic if there may be one that cannot be read.
 */
export function resolveImport(
  path: string,
  importer: string,
  main: FoundFile,
): FoundFile | Diagnostic | null {
  const beside = path.startsWith("/") ? path : folderOf(importer) + path;
  const places = path.startsWith(".") ? [beside] : [path, beside];
  for (const place of places) {
    try {
      const real = Deno.realPathSync(place);
      const { isFile, isDirectory } = Deno.statSync(real);
      if (isFile) return { path: real, display: displayPath(real, main) };
      if (isDirectory && place === places.at(-1)) throw new Deno.errors.IsADirectory();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) return readFailure(path, error);
    }
  }
  return null;
}

/** The path that identifies a file: without links and dots; null if it cannot be told. */
export function realPath(path: string): string | null {
  try {
    return Deno.realPathSync(path);
  } catch {
    return null;
  }
}

/** `lib/b.unna` beside a main program typed as `lib/a.unna`; the way through common folders where it lies elsewhere. */
function displayPath(real: string, main: FoundFile): string {
  const from = folderOf(main.path).split("/"), to = real.split("/");
  let common = 0;
  while (common < from.length - 1 && common < to.length - 1 && from[common] === to[common]) common++;
  const up = from.length - 1 - common;
  const way = "../".repeat(up) + to.slice(common).join("/");
  // Long detours tell less than the plain path.
  return up > 2 ? real : folderOf(main.display) + way;
}
