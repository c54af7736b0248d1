// Output: what is kept back and for how long, and what happens when the system takes less than it is given, or nothing.

import { assertEquals, assertThrows } from "@std/assert";
import { createOutput, writeAll, WriteFailure } from "../core/output.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function collector() {
  const pieces: string[] = [];
  return { pieces, sink: (bytes: Uint8Array) => void pieces.push(new TextDecoder().decode(bytes)) };
}

Deno.test("small pieces are kept until they are flushed, large ones are handed on in order", () => {
  const { pieces, sink } = collector();
  const output = createOutput(sink);
  output.write(bytes("a"));
  output.write(bytes("b"));
  assertEquals(pieces, []);
  output.flush();
  output.flush();
  assertEquals(pieces, ["ab"]);
  output.write(bytes("c"));
  output.write(bytes("x".repeat(70000)));
  assertEquals(pieces.map((piece) => piece.length), [2, 1, 70000]);
});

Deno.test("nothing is kept from somebody who watches", () => {
  const { pieces, sink } = collector();
  let asked = 0;
  const output = createOutput(sink, () => ++asked > 0);
  assertEquals(asked, 0);
  output.write(bytes("a"));
  output.write(bytes("b"));
  assertEquals({ pieces, asked }, { pieces: ["a", "b"], asked: 1 });
});

Deno.test("a sink that has failed is not tried again", () => {
  let tries = 0;
  const output = createOutput(() => {
    tries++;
    throw new Error("gone");
  });
  output.write(bytes("a"));
  for (let i = 0; i < 3; i++) assertThrows(() => output.flush(), Error, "gone");
  assertEquals(tries, 1);
});

Deno.test("writeAll() goes on after a part, and after a pipe was full", () => {
  let text = "", calls = 0;
  const stream = {
    writeSync(bytes: Uint8Array): number {
      if (++calls === 2) throw new Deno.errors.WouldBlock();
      text += new TextDecoder().decode(bytes.subarray(0, 2));
      return Math.min(2, bytes.length);
    },
  };
  writeAll(stream, bytes("hello"));
  assertEquals(text, "hello");
});

Deno.test("writeAll() tells a closed pipe from other failures", () => {
  const failing = (error: Error) => ({
    writeSync(): number {
      throw error;
    },
  });
  assertThrows(() => writeAll(failing(new Deno.errors.BrokenPipe()), bytes("a")), Deno.errors.BrokenPipe);
  assertThrows(() => writeAll(failing(new Error("disk full")), bytes("a")), WriteFailure, "disk full");
});
