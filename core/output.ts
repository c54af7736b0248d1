/**
 * Output on its way to the system: a buffer, and sinks for the standard streams. Writing small pieces to the system
 * costs microseconds each, so they are gathered; and since nobody may notice, whoever owns the buffer flushes it
 * whenever somebody could: at the end, before errors and input, and before the program waits for anything; on a
 * terminal, where somebody watches, at once. (A timer
 * would do that by itself, but in Deno the first timer costs 5 ms, a tenth of a small program's time.)
 */

/** Takes bytes that are valid during the call only, all of them, before it returns. */
export type Sink = (bytes: Uint8Array) => void;

/** A buffer in front of a sink. */
export interface Output {
  /** Keeps or hands on the bytes; errors of the sink come out here or at `flush`. */
  write(bytes: Uint8Array): void;
  /** Hands on what has been kept. */
  flush(): void;
}

/** Thrown when the system takes no more output, for another reason than a closed pipe: a full disk, say. */
export class WriteFailure extends Error {
  /** What stack traces call it. */
  override readonly name = "WriteFailure";
}

const BUFFER_BYTES = 65536;

/**
 * Puts a buffer in front of `sink`. Where `isWatched`, which is asked once, somebody sees each piece as it comes, so
 * nothing is kept back.
 */
export function createOutput(sink: Sink, isWatched: () => boolean = () => false): Output {
  // Made at the first write: a program that prints nothing does not pay for it.
  let buffer: Uint8Array | null = null;
  let watched = false;
  let used = 0;
  let failure: unknown;
  let failed = false;

  function flush(): void {
    if (failed) throw failure;
    if (buffer === null || used === 0) return;
    const bytes = buffer.subarray(0, used);
    used = 0;
    try {
      sink(bytes);
    } catch (error) {
      failed = true;
      failure = error;
      throw error;
    }
  }

  return {
    flush,
    write(bytes) {
      if (used + bytes.length > BUFFER_BYTES) flush();
      if (bytes.length > BUFFER_BYTES) return sink(bytes);
      if (buffer === null) {
        buffer = new Uint8Array(BUFFER_BYTES);
        watched = isWatched();
      }
      buffer.set(bytes, used);
      used += bytes.length;
      if (watched) flush();
    },
  };
}

/**
 * Writes to a standard stream until all is written: pipes may take a part only, or nothing at the moment.
 * @throws {Deno.errors.BrokenPipe} if nobody reads the pipe any more
 * @throws {WriteFailure} if the system refuses for any other reason
 */
export function writeAll(stream: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += stream.writeSync(bytes.subarray(at));
    } catch (error) {
      if (error instanceof Deno.errors.WouldBlock) Atomics.wait(SLEEP, 0, 0, 1);
      else if (error instanceof Deno.errors.BrokenPipe) throw error;
      else throw new WriteFailure(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }
}

/** Nobody ever changes this word, so waiting for it is sleeping. */
const SLEEP = new Int32Array(new SharedArrayBuffer(4));
