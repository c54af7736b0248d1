/**
 * Ends programs from outside: Ctrl-C, SIGTERM, a time limit. A program that computes never comes to where the system
 * could tell it anything, so another thread listens, and leaves a note in shared memory; the engine looks there
 * whenever a counter runs out, natively compiled loops included.
 *
 * ```text
 *  system --signal--> watchdog thread --note--> shared word <--look-- engine, at each tick
 *                            +--message--> wakes the event loop, if that is what the program waits in
 * ```
 *
 * A thread costs 25 ms to start. So it begins when a program has run for a while; before that, signals do what they do
 * to any process, and nobody minds.
 */

import { PartFailure } from "./part.ts";
import type { Orders } from "./watchdog_thread.ts";

/** What made a program end, and the exit code that says so. */
export interface Interruption {
  readonly because: string;
  readonly code: number;
}

/** Reasons by the number that stands in the shared word. ORDER notes: watchdog_thread.ts */
const REASONS: readonly Interruption[] = [
  { because: "Interrupted by SIGINT.", code: 130 },
  { because: "Ended by SIGTERM.", code: 143 },
  { because: "The time limit is over.", code: 124 },
];

const TIME_IS_OVER = 3;

/** A watchdog over one program. */
export interface Watchdog {
  /** Starts the thread if it is time to; says why the program has to end, or null. To be called often. */
  look(): Interruption | null;
  /** Starts the thread at once, for those who have time to wait until it listens. False if there can be none. */
  listen(): Promise<boolean>;
  /** Forgets what was noted so far: what runs from now on did nothing to be ended for. */
  forget(): void;
  /** Ends the program as SIGINT would: for whoever hears of it on the program's own thread, as no other listens. */
  interrupt(): void;
  /**
   * Has `stop` called in place of ending the program, once, when a signal asks for that. Gives what takes it back.
   */
  onInterrupt(stop: () => void): () => void;
  /** Ends the thread. */
  dispose(): void;
}

function mayRead(file: URL): boolean {
  return file.protocol !== "file:" ||
    Deno.permissions.querySync({ name: "read", path: file }).state === "granted";
}

/** Milliseconds that a program runs before somebody might want to end it. */
const PATIENCE = 100;

/**
 * Makes a watchdog. `timeout` is the time limit in milliseconds, from now on; `wake` is called when the program has to
 * end, in case it waits.
 */
export function createWatchdog(timeout: number | null, wake: () => void): Watchdog {
  const begun = performance.now();
  const note = new SharedArrayBuffer(4), word = new Int32Array(note);
  let thread: Worker | null = null;
  /** Whether there can be no thread. */
  let denied = false;
  /** What would rather end in its own way. */
  const stops = new Set<() => void>();
  const listening = Promise.withResolvers<void>();
  // A limit has to hold from the beginning, also for a program that only waits.
  if (timeout !== null) start();

  function start(): void {
    const file = new URL("./watchdog_thread.ts", import.meta.url);
    // Without the permission to read its file there is no thread. Signals then do what they do to any process.
    if (!mayRead(file)) {
      if (timeout !== null) {
        throw new PartFailure("A time limit needs a thread: allow Deno to read its file (--allow-read)");
      }
      denied = true;
      return;
    }
    thread = new Worker(file.href, { type: "module" });
    thread.onmessage = () => {
      listening.resolve();
      wake();
    };
    const left = timeout === null ? null : Math.max(0, timeout - (performance.now() - begun));
    thread.postMessage({ note, timeout: left } satisfies Orders);
  }

  return {
    look() {
      const reason = Atomics.load(word, 0);
      if (reason === 0) {
        if (thread === null && !denied && performance.now() - begun >= PATIENCE) start();
        return null;
      }
      if (stops.size === 0 || reason === TIME_IS_OVER) return REASONS[reason - 1];
      Atomics.store(word, 0, 0);
      for (const stop of stops) stop();
      stops.clear();
      return null;
    },
    onInterrupt(stop) {
      // A program that waits may be asked before it has run for a while.
      if (thread === null && !denied) start();
      stops.add(stop);
      return () => stops.delete(stop);
    },
    async listen() {
      if (thread === null && !denied) start();
      if (thread !== null) await listening.promise;
      return thread !== null;
    },
    forget: () => void Atomics.store(word, 0, 0),
    interrupt() {
      Atomics.compareExchange(word, 0, 0, 1);
      wake();
    },
    dispose() {
      thread?.terminate();
      thread = null;
    },
  };
}
