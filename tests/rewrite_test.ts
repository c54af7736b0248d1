// Programs as lists: read and written back they are the same, and jumps find their way whatever happens in between.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { createDiagnostics } from "../core/diagnostics.ts";
import { verifyProgram } from "../core/verify.ts";
import { OP, OPCODES } from "../core/opcodes.ts";
import type { FunctionProto, Program } from "../core/program.ts";
import {
  type Instruction,
  operandKinds,
  readInstructions,
  registersOf,
  rewriteProgram,
} from "../core/rewrite.ts";
import { makeSource } from "../core/source.ts";
import { definePass, type Plugin } from "../mod.ts";
import { emitProgram } from "../passes/bytecode.ts";
import { parseProgram } from "../passes/parse.ts";
import { runUnna } from "./support.ts";

function compile(text: string): Program {
  const source = makeSource("test.unna", text), diagnostics = createDiagnostics();
  const tree = parseProgram(source, diagnostics);
  const program = emitProgram(tree, source, diagnostics, { builtins: new Set(["push", "length"]) });
  assertEquals(diagnostics.items, []);
  return program;
}

const PROGRAMS: readonly string[] = [
  "print 1;",
  "var s = 0; for (var i = 0; i < 10; i += 1) { if (i % 2 == 0) continue; s += i; if (s > 20) break; } print s;",
  "function f(a, b) { var c = a; return function (d) { c += d; return b[c]; }; } print f(0, [1, 2])(1);",
  "var a = []; for (var x : [3, 1, 2]) { push(a, x); } while (length(a) > 1) a = [a[0]]; print a;",
  "struct P { x; y; } var p = P(1, 2); p.x = p.y + -1.5; print p.x >= 0 && !nil || p.y == 2;",
  "async function f() { return 1; } print await f(); print -7 / 2; print 100000 * 3.5;",
];

/** A program without what makes two of them differ that mean the same: protos point at each other. */
const plain = ({ protos, globals }: Program) => ({
  globals,
  protos: protos.map(({ code, spans, constants, registers, id }: FunctionProto) => ({
    id,
    code,
    spans,
    registers,
    constants: constants.map((constant) => constant.kind === "function" ? constant.proto.id : constant),
  })),
});

Deno.test("a program that is read and written back is the same", () => {
  for (const text of PROGRAMS) {
    const program = compile(text), again = rewriteProgram(program, OPCODES, ({ code }) => code);
    assertEquals(plain(again), plain(program), text);
    assertEquals(again.main, again.protos[0]);
    for (const proto of again.protos) {
      for (const constant of proto.constants) {
        if (constant.kind === "function") {
          assert(again.protos.includes(constant.proto), "constants are new as well");
        }
      }
    }
  }
});

/** A plugin with one pass over the bytecode. */
function pluginOf(change: (code: readonly Instruction[]) => readonly Instruction[]): Plugin {
  const doc = { summary: "", why: "", example: "" };
  const pass = definePass({
    name: "change",
    stage: "load",
    from: "program",
    to: "program",
    doc,
    run: (program, { opcodes }) => rewriteProgram(program, opcodes, ({ code }) => change(code)),
  });
  return { name: "change", doc: "A test.", passes: [pass] };
}

Deno.test("instructions can be added anywhere, met by jumps or not", async () => {
  for (const text of PROGRAMS) {
    const expected = (await runUnna(text)).stdout;
    assert(expected !== "");
    for (const isMet of [false, true]) {
      // LOOP does nothing when it is come to from above, or jumped to from there.
      const plugin = pluginOf((code) =>
        code.flatMap((instruction) => {
          const { at, start, end, name } = instruction;
          const nothing: Instruction = { name: "LOOP", operands: [], at: isMet ? at : null, start, end };
          return name === "LOOP" ? [instruction, { ...nothing, at: null }] : [nothing, instruction];
        })
      );
      for (const backend of ["interp", "x64"]) {
        const { stdout, stderr } = await runUnna(text, {
          backend,
          threshold: 1,
          plugins: [plugin],
          check: true,
        });
        assertEquals({ stdout, stderr }, { stdout: expected, stderr: "" }, `${text} on ${backend}`);
      }
    }
  }
});

Deno.test("an instruction that is left out hands its jumps on to the next one", () => {
  const program = compile("var x = 1; if (x) { x = 2; } print x; print 3;");
  const rewritten = rewriteProgram(
    program,
    OPCODES,
    ({ code }) => code.filter(({ name }) => name !== "PRINT"),
  );
  assertEquals(verifyProgram(rewritten), []);
  const list = readInstructions(rewritten.main, OPCODES);
  const jump = list.find(({ name }) => name === "JUMP_UNLESS")!;
  // It led to the load of x, which is still there.
  assertEquals(list.find(({ at }) => at === jump.operands[1])!.name, "GET_GLOBAL");
  const shorter = rewriteProgram(program, OPCODES, ({ code }) => {
    const target = code.find(({ name }) => name === "JUMP_UNLESS")!.operands[1];
    return code.filter(({ at }) => at !== target);
  });
  const next = readInstructions(shorter.main, OPCODES);
  const to = next.find(({ name }) => name === "JUMP_UNLESS")!.operands[1];
  assertEquals(next.find(({ at }) => at === to)!.name, "PRINT");
});

Deno.test("the counters of loops stay", async () => {
  const text = "var s = 0; for (var i = 0; i < 10; i += 1) s += i; print s;";
  const plugin = pluginOf((code) => {
    assertEquals(code.find(({ name }) => name === "LOOP")?.count, 6);
    return code;
  });
  const pass = {
    ...plugin.passes![0],
    after: [{ pass: "profile", because: "it looks at what that plants" }],
  };
  const { stdout, stderr } = await runUnna(text, { threshold: 7, plugins: [{ ...plugin, passes: [pass] }] });
  assertEquals({ stdout, stderr }, { stdout: "45\n", stderr: "" });
});

Deno.test("spans follow their instructions", () => {
  const program = compile("print 1;\nprint 2;");
  const { main } = rewriteProgram(program, OPCODES, ({ code }) => [code[0], ...code]);
  assertEquals(main.spans.length, 2 * main.code.length);
  assertEquals([...main.spans.slice(0, 2)], [...main.spans.slice(2, 4)]);
});

Deno.test("what does not fit is refused with a reason", () => {
  const program = compile("print 1;");
  const first = (change: Partial<Instruction>) =>
    rewriteProgram(program, OPCODES, ({ code }) => [{ ...code[0], ...change }, ...code.slice(1)]);
  const cases: readonly (readonly [change: Partial<Instruction>, message: string])[] = [
    [{ name: "LOAD_INTT" }, "There is no opcode 'LOAD_INTT'"],
    [{ operands: [0] }, "LOAD_INT has 2 operands, and is given 1"],
    [{ operands: [256, 1] }, "LOAD_INT cannot have 256 as its operand A: it holds 0 to 255"],
    [{ operands: [0, 40000] }, "LOAD_INT cannot have 40000 as its operand sBx: it holds -32768 to 32767"],
    [{ operands: [0, 0.5] }, "cannot have 0.5"],
    [{ name: "JUMP", operands: [99] }, "Nothing is left of what the jump to 99 could lead to"],
  ];
  for (const [change, message] of cases) assertThrows(() => first(change), Error, message);
});

Deno.test("constants can be added", async () => {
  const bytes = new TextEncoder().encode("added");
  const doc = { summary: "", why: "", example: "" };
  const pass = definePass({
    name: "change",
    stage: "load",
    from: "program",
    to: "program",
    doc,
    run: (program, { opcodes }) =>
      rewriteProgram(program, opcodes, (f) =>
        f.code.map((instruction) =>
          instruction.name === "LOAD_INT"
            ? {
              ...instruction,
              name: "LOAD_CONST",
              operands: [instruction.operands[0], f.addConstant({ kind: "string", bytes })],
            }
            : instruction
        )),
  });
  const { stdout } = await runUnna("print 1;", { plugins: [{ name: "change", doc: "", passes: [pass] }] });
  assertEquals(stdout, "added\n");
});

Deno.test("what an instruction reads and writes follows from its row", () => {
  const program = compile(
    "function f(a) { var b = [a]; for (var x : b) { push(b, x); } return function () { return b; }; } f(1);",
  );
  const seen = new Map<string, { reads: readonly number[]; writes: readonly number[] }>();
  for (const proto of program.protos) {
    const f = { proto, rowOf: ({ name }: Instruction) => OPCODES[OP[name as keyof typeof OP]] };
    for (const instruction of readInstructions(proto, OPCODES)) {
      const { operands } = instruction, { reads, writes } = registersOf(f, instruction);
      seen.set(instruction.name, {
        reads: reads.map((r) => r - operands[0]),
        writes: writes.map((r) => r - operands[0]),
      });
      assertEquals(operandKinds(f.rowOf(instruction).operands).length, operands.length);
    }
  }
  assertEquals(seen.get("CALL"), { reads: [0, 1], writes: [0] });
  assertEquals(seen.get("FOR_PREPARE"), { reads: [0], writes: [1] });
  assertEquals(seen.get("FOR_NEXT"), { reads: [0, 1], writes: [] });
  assertEquals(seen.get("NEW_ARRAY"), { reads: [], writes: [0] });
});
