/**
 * Standard input: its lines, and on a terminal the keys that are pressed. Reading does not block the process: while one task waits for a line, others go on, and
 * those that ask meanwhile are served in the order in which they came.
 */

const LINE_FEED = 10, RETURN = 13;

/** What has been read and not been handed out; there is one standard input in a process. */
let rest = new Uint8Array(0);
/** Settles when all who have asked before are served, or were told that reading failed. */
let served: Promise<unknown> = Promise.resolve();

/**
 * The next line without its end, or null at the end of the input. The last line need not have an end.
 * @throws {Error} if reading fails
 */
export function readLine(): Promise<Uint8Array | null> {
  const line = served.then(takeLine);
  served = line.catch(() => {});
  return line;
}

/**
 * Takes bytes from the front of the input as they come: `take` is given all that there are, and says how many of them
 * it has used, or null if it needs more. Gives false at the end of the input.
 * @throws {Error} if reading fails
 */
export function takeInput(take: (bytes: Uint8Array) => number | null): Promise<boolean> {
  const taken = served.then(() => takeBytes(take));
  served = taken.catch(() => {});
  return taken;
}

async function takeBytes(take: (bytes: Uint8Array) => number | null): Promise<boolean> {
  for (;;) {
    const used = rest.length === 0 ? null : take(rest);
    if (used !== null) {
      rest = rest.subarray(used);
      return true;
    }
    const more = new Uint8Array(65536), count = await Deno.stdin.read(more);
    if (count === null) return false;
    const joined = new Uint8Array(rest.length + count);
    joined.set(rest);
    joined.set(more.subarray(0, count), rest.length);
    rest = joined;
  }
}

async function takeLine(): Promise<Uint8Array | null> {
  /** The beginnings of a line that goes on in the next piece. */
  const parts: Uint8Array[] = [];
  for (;;) {
    const end = rest.indexOf(LINE_FEED);
    if (end >= 0) {
      parts.push(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      return joinLine(parts);
    }
    if (rest.length > 0) parts.push(rest);
    rest = new Uint8Array(65536);
    const count = await Deno.stdin.read(rest);
    rest = rest.subarray(0, count ?? 0);
    if (count === null) return parts.length === 0 ? null : joinLine(parts);
  }
}

function joinLine(parts: readonly Uint8Array[]): Uint8Array {
  const line = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    line.set(part, at);
    at += part.length;
  }
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
}
