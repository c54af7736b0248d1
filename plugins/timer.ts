/**
 * `ucoreTimer`: the clock and waiting. How a task is taken off the stacks and comes back is the machine's business; a
 * native only says for how long.
 */

import type { NativeDef } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { setDouble, setInt32 } from "../core/value.ts";
import { numberAt } from "../core/arithmetic.ts";

const NATIVES: readonly NativeDef[] = [
  {
    name: "ucoreTimer.now",
    params: [],
    doc: "Milliseconds of a clock that never goes backwards, as a float; only differences mean something.",
    example: { code: "var before = ucoreTimer.now();\nprint ucoreTimer.now() >= before;", output: "true\n" },
    call: (call) => setDouble(call.result, call.machine.host.now()),
  },
  {
    name: "ucoreTimer.sleep",
    params: [{ name: "ms", type: "int" }],
    doc:
      "Makes the running task wait for this many milliseconds, then gives 0; below zero is no time at all.",
    example: {
      code:
        "var before = ucoreTimer.now();\nprint ucoreTimer.sleep(5);\nprint ucoreTimer.now() - before >= 4;",
      output: "0\ntrue\n",
    },
    call(call) {
      // The task is put aside together with its registers, so the result has to be among them by then.
      setInt32(call.result, 0);
      call.sleep(Math.max(0, numberAt(call.word(0))));
    },
  },
];

/** The plugin of `ucoreTimer`. */
export const timer = {
  name: "timer",
  doc: "The clock and waiting.",
  libraries: [{ name: "ucoreTimer", doc: "Milliseconds, and waiting for them to pass.", natives: NATIVES }],
} satisfies Plugin;
