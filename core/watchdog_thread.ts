/**
 * The thread of `watchdog.ts`: waits for what ends a program, and notes it. It runs beside the program, with nothing of
 * its own but a word of shared memory.
 */

/** What the thread is told to begin with. */
export interface Orders {
  readonly note: SharedArrayBuffer;
  /** Milliseconds until the time limit; null without one. */
  readonly timeout: number | null;
}

// A worker's global scope, as far as it matters here; Deno's types describe the main thread's.
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<Orders>) => void) | null;
  postMessage(message: unknown): void;
};

scope.onmessage = ({ data: { note, timeout } }) => {
  const word = new Int32Array(note);
  /** The first reason stays. ORDER notes */
  const leave = (reason: number) => {
    Atomics.compareExchange(word, 0, 0, reason);
    scope.postMessage(null);
  };
  Deno.addSignalListener("SIGINT", () => leave(1));
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", () => leave(2));
  if (timeout !== null) setTimeout(() => leave(3), timeout);
  scope.postMessage(null); // it listens
};
