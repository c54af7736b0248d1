/**
 * Output on its way to the system: a buffer, and sinks for the standard streams. Writing small pieces to the system
 * costs microseconds each, so they are gathered; and since nobody may notice, whoever owns the buffer flushes it
 * whenever somebody could: at the end, before errors and input, and before the program waits for anything. (A timer
 * would do that by itself, but in Deno the first timer costs 5 ms, a tenth of a small program's time.)
 */

/** Takes bytes that are valid during the call only, all of them, before it returns. */
export type Sink = (bytes: Uint8Array) => void;

/** A buffer in front of a sink. */
export interface Output {
  /** Keeps or hands on the bytes; errors of the sink come out here or at `flush`. */
  write(bytes: Uint8Array): void;
  flush(): void;
}

const BUFFER_BYTES = 65536;

/** Puts a buffer in front of `sink`. */
export function createOutput(sink: Sink): Output {
  // Made at the first write: a program that prints nothing does not pay for it.
  let buffer: Uint8Array | null = null;
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
      buffer ??= new Uint8Array(BUFFER_BYTES);
      buffer.set(bytes, used);
      used += bytes.length;
    },
  };
}

/**
 * Writes to a standard stream until all is written: pipes may take a part only, or nothing at the moment.
 * @throws {Deno.errors.BrokenPipe} if nobody reads the pipe any more
 */
export function writeAll(stream: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += stream.writeSync(bytes.subarray(at));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(SLEEP, 0, 0, 1);
    }
  }
}

/** Nobody ever changes this word, so waiting for it is sleeping. */
const SLEEP = new Int32Array(new SharedArrayBuffer(4));
