/**
 * The jump-patch pass: draft → code. Template-JIT left a hole wherever an instruction depends on where another one
 * lies, with a fixup that names the label; now all labels have their places, and the holes are filled. Each
 * displacement counts from the end of its own instruction, is checked against the size of its hole, and is logged,
 * old bytes and new, with the reason.
 */

import type { Code, Draft, Fixup, Patch } from "../core/backend.ts";

/** Thrown when a displacement does not fit its hole, or a label was never bound: a bug in a template. */
export class PatchFault extends Error {
  override readonly name = "PatchFault";
}

/** Fills the holes of a draft. */
export function patchJumps(draft: Draft): Code {
  const bytes = draft.bytes.slice();
  const view = new DataView(bytes.buffer);
  for (const { offset, size, label, end, kind, reason } of draft.fixups) {
    const to = draft.labels[label];
    if (to === undefined) {
      throw new PatchFault(`The label that the ${kind} at ${offset} wants was never bound (${reason})`);
    }
    const displacement = to - end;
    if (size === 1) {
      if (displacement << 24 >> 24 !== displacement) {
        throw new PatchFault(`The ${kind} at ${offset} cannot reach ${to} with one byte (${reason})`);
      }
      view.setInt8(offset, displacement);
    } else {
      if (displacement !== (displacement | 0)) {
        throw new PatchFault(`The ${kind} at ${offset} cannot reach ${to} with four bytes (${reason})`);
      }
      view.setInt32(offset, displacement, true);
    }
  }
  return {
    hot: draft.hot,
    draft,
    bytes,
    entries: draft.entries,
    exits: draft.exits,
    // Both versions are there, so the log costs nothing unless somebody reads it.
    patches: () => draft.fixups.map((fixup) => patchOf(draft, bytes, fixup)),
  };
}

function patchOf(draft: Draft, bytes: Uint8Array, fixup: Fixup): Patch {
  const { offset, size, label, kind, reason } = fixup;
  return {
    offset,
    before: draft.bytes.slice(offset, offset + size),
    after: bytes.slice(offset, offset + size),
    reason: `${kind} to ${draft.labels[label]}: ${reason}`,
  };
}
