/**
 * The interpreter: the backend without machine code. It runs wherever the language runs, and what it does is what all
 * other backends are held to. All the work is in the loop that `dispatch.ts` writes from the opcode rows.
 *
 * It is also what programs begin with when nobody has asked for a backend: {@linkcode openLazily} goes over to the one that
 * compiles once a program has been hot for a while, if that works here.
 */

import type { Backend, BackendContext, Runner } from "../core/backend.ts";
import { makeInterpreter, makeStepper } from "../core/dispatch.ts";
import { type Machine, Stop } from "../core/machine.ts";

/** Runs programs in the dispatch loop. */
export const interp: Backend = {
  name: "interp",
  doc:
    "Interprets bytecode in a loop written from the opcode table; needs no permission and runs everywhere.",
  probe: () => ({ ok: true }),
  open({ opcodes, count, threshold, interim = false }): Runner {
    if (interim) return { run: makeStepper(opcodes) };
    // Whoever wants everything hot at once wants the loop at once.
    return { run: makeInterpreter(opcodes, threshold <= 1 ? { count, steps: 0 } : { count }) };
  },
};

// ---- going over ---------------------------------------------------------------------------------------------------

/** Milliseconds from the first hot loop or call to the decision. */
const PATIENCE = 25;

/**
 * Opens a runner that begins with `interpreter` and goes over to `native` when it pays; `prepare` loads what that needs,
 * and gives what was in the way, if it could not; `refuse` is told why the program stays in the interpreter.
 *
 * Getting ready for machine code takes some 30 ms: loading the backend, finding out what works, trying the gates,
 * compiling templates that V8 sees for the first time. A program that is over by then should not pay for it, and
 * nobody can know beforehand. So it is done when interpreting has cost about as much: whatever the program does then,
 * it has not taken more than twice the time of the better choice. Until then nothing is spent on getting the interpreter
 * up to its full speed, which would cost about the same again.
 *
 * ```text
 *   interpreter --hot loop or call--> for more than PATIENCE? --no--> interpreter
 *                                         +--yes--> load --> native code works? --> the backend that compiles
 * ```
 */
export function openLazily(
  native: Backend,
  interpreter: Backend,
  context: BackendContext,
  prepare: () => Promise<string | null>,
  refuse: (because: string) => void,
): Runner {
  let runner = interpreter.open({ ...context, interim: true });
  let isDecided = false, hotSince = Infinity;
  let loading: Promise<void> | null = null;
  return {
    run(machine: Machine): number {
      const stop = runner.run(machine);
      // Each of these comes after some thousand rounds or calls, so looking at the clock costs nothing.
      if (!isDecided && (stop === Stop.HOT_LOOP || stop === Stop.HOT_CALL)) {
        const now = performance.now();
        hotSince = Math.min(hotSince, now);
        if (now - hotSince >= PATIENCE) {
          isDecided = true;
          const obstacle = native.obstacle?.() ?? null;
          if (obstacle === null) loading = prepare().then(decide);
          else stay(obstacle);
        }
      }
      return stop;
    },
    wait() {
      const wait = loading;
      loading = null;
      return wait;
    },
    compiled: () => runner.compiled?.() ?? [],
    exits: () => runner.exits?.() ?? [],
    dispose: () => runner.dispose?.(),
  };

  function decide(obstacle: string | null): void {
    if (obstacle !== null) return stay(obstacle);
    const probe = native.probe(context.native);
    if (probe.ok) runner = native.open(context);
    else stay(probe.because);
  }

  function stay(because: string): void {
    runner = interpreter.open(context);
    refuse(because);
  }
}
