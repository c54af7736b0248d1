/**
 * The x86-64 backend: hot functions run as machine code, everything else in the interpreter. The parts are loaded when
 * the backend is prepared, since most of a short program's time would go into loading what it never uses.
 */

import type { Backend } from "../../core/backend.ts";
import { definePart } from "../../core/part.ts";
import type { GateKind } from "./gate.ts";
import type { MemoryMode } from "./memory.ts";

const native = definePart<typeof import("./native.ts")>(import.meta, "./native.ts");

/** Runs hot functions as machine code. */
export const x64: Backend = {
  name: "x64",
  doc: "Compiles hot functions to x86-64 machine code; needs --allow-ffi and an x86-64 processor.",
  async prepare() {
    await native.load();
  },
  obstacle() {
    if (Deno.build.arch !== "x86_64") return "the processor is no x86-64";
    const { state } = Deno.permissions.querySync({ name: "ffi" });
    return state === "granted" ? null : "calling the C library is not permitted (--allow-ffi)";
  },
  // Said here as well as in the parts, for whoever checks options before anything is loaded.
  choices: {
    memory: ["dual", "mprotect"] satisfies MemoryMode[],
    gate: ["bsearch", "fnptr"] satisfies GateKind[],
  },
  examine: () => native.get().examine(),
  probe: (options) => native.get().probe(options),
  open: (context) => native.get().open(context),
};
