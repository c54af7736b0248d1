/**
 * The interpreter: the backend without machine code. It runs wherever the language runs, and what it does is what all
 * other backends are held to. All the work is in the loop that `dispatch.ts` writes from the opcode rows.
 */

import type { Backend, Runner } from "../core/backend.ts";
import { makeLoop, makeStepper } from "../core/dispatch.ts";
import { Stop } from "../core/machine.ts";

/** Runs programs in the dispatch loop. */
export const interp: Backend = {
  name: "interp",
  doc:
    "Interprets bytecode in a loop written from the opcode table; needs no permission and runs everywhere.",
  probe: () => ({ ok: true }),
  open({ opcodes, count }): Runner {
    if (count) return { run: makeLoop(opcodes, { count }) };
    // The loop is made when something is hot for the first time: short programs are done before it would be.
    let run = (machine: Parameters<Runner["run"]>[0]): number => {
      const stop = stepper(machine);
      if (stop === Stop.HOT_LOOP || stop === Stop.HOT_CALL) run = makeLoop(opcodes);
      return stop;
    };
    const stepper = makeStepper(opcodes);
    return { run: (machine) => run(machine) };
  },
};
