/**
 * The interpreter: the backend without machine code. It runs wherever the language runs, and what it does is what all
 * other backends are held to. All the work is in the loop that `dispatch.ts` writes from the opcode rows.
 */

import type { Backend, Runner } from "../core/backend.ts";
import { makeInterpreter, makeStepper } from "../core/dispatch.ts";

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
