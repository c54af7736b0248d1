/**
 * The hot stage as a whole: what its passes are made of, and what shows what they make. It is loaded when a program is
 * hot, and then all of it is wanted.
 *
 * Asking Deno for one module takes less time than asking for each; and all are named here, in the order of the ladder,
 * for the reason that cli.ts gives.
 *
 * @module
 */

import "../core/backend.ts";
import "../core/listing.ts";
import "./loop_code.ts";

export * as views from "../core/native_views.ts";
export { planLoops } from "./loops.ts";
export { compileTemplates } from "./template_jit.ts";
export { patchJumps } from "./jump_patch.ts";
