/**
 * The x86-64 backend: hot functions run as machine code, everything else in the interpreter. The parts are loaded when
 * the backend is prepared, since most of a short program's time would go into loading what it never uses.
 */

import type { Backend } from "../../core/backend.ts";
import type { GateKind } from "./gate.ts";
import type { MemoryMode } from "./memory.ts";

let parts: typeof import("./native.ts") | undefined;

/** The parts; whoever asks has prepared them. */
function loaded(): typeof import("./native.ts") {
  if (parts === undefined) throw new Error("The x64 backend is used before it was prepared: this is a bug");
  return parts;
}

/** Runs hot functions as machine code. */
export const x64: Backend = {
  name: "x64",
  doc: "Compiles hot functions to x86-64 machine code; needs --allow-ffi and an x86-64 processor.",
  async prepare() {
    parts ??= await import("./native.ts");
  },
  isLikely: () =>
    Deno.build.arch === "x86_64" && Deno.permissions.querySync({ name: "ffi" }).state === "granted",
  // Said here as well as in the parts, for whoever checks options before anything is loaded.
  choices: {
    memory: ["dual", "mprotect"] satisfies MemoryMode[],
    gate: ["bsearch", "fnptr"] satisfies GateKind[],
  },
  examine: () => loaded().examine(),
  probe: (options) => loaded().probe(options),
  open: (context) => loaded().open(context),
};
