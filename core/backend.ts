/**
 * What a backend is: a way of running code. The engine hands it a machine and is told why it came back; everything
 * else (modules, tasks, counters) is the engine's. One backend needs nothing of the system and is always there, the
 * interpreter; others may exist only on some machines, which their `probe` answers. This file knows none of them.
 */

import type { Machine } from "./machine.ts";
import type { OpcodeDef } from "./opcodes.ts";

/** Whether a backend can work here, and if not, why. */
export type Probe = { readonly ok: true } | { readonly ok: false; readonly because: string };

/** What a backend is told when it is opened. */
export interface BackendContext {
  /** All opcodes by number: the built-in ones, then those of plugins. */
  readonly opcodes: readonly OpcodeDef[];
  /** Whether executed instructions are to be counted, in the control word `EXECUTED`. */
  readonly count: boolean;
  /** Rounds and calls after which loops and functions count as hot. */
  readonly threshold: number;
}

/** An open backend. */
export interface Runner {
  /** Runs from the machine's state until it cannot go on by itself; gives the `Stop` that tells why. */
  run(machine: Machine): number;
}

/** A way of running code. */
export interface Backend {
  /** What `--backend` calls it. */
  readonly name: string;
  /** One sentence. */
  readonly doc: string;
  /** Whether it can work on this machine, with these permissions. */
  probe(): Probe;
  /** Makes it ready to run; called only after a `probe` that was ok. */
  open(context: BackendContext): Runner;
}
