// Verifying plugins: those of the project pass, and each kind of broken one is caught by the check that is there for
// it, blamed on the right part, and shown with a program of a few lines.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { createRuntime, definePass, definePlugin, type Plugin } from "../mod.ts";
import { setInt } from "../core/arithmetic.ts";
import { type Expr, mapAst, type Node as AstNode, type Stmt } from "../core/ast.ts";
import { views } from "../core/memory.ts";
import { fail } from "../core/machine.ts";
import type { OpcodeDef } from "../core/opcodes.ts";
import { type Instruction, rewriteProgram } from "../core/rewrite.ts";
import { findBackend, registryOf } from "../core/runtime.ts";
import { list, printTree, shrinkTree, statement, treeOf } from "../core/shrink.ts";
import { makeSource } from "../core/source.ts";
import { isInt, kindName } from "../core/value.ts";
import {
  printResult,
  printVerdict,
  splitSuite,
  type VerifyFailure,
  verifyPlugin,
  type VerifyResult,
} from "../core/verify_plugin.ts";
import { diffLines, type Subject } from "../core/ways.ts";
import { parseInput } from "../passes/session.ts";
import { loadInt, R, rax, storeInt, type X64Assembler, type X64Templates } from "../backends/x64/kit.ts";
import { x64 } from "../backends/x64/mod.ts";
import { runCaptured } from "../core/command_line.ts";
import constantFold from "../plugins/constant_fold.ts";
import control from "../plugins/control.ts";
import count from "../plugins/count.ts";
import deadCode from "../plugins/dead_code.ts";
import interpolate from "../plugins/interpolate.ts";
import jsBackend from "../plugins/js_backend.ts";
import peephole from "../plugins/peephole.ts";
import popcount from "../plugins/popcount.ts";
import power from "../plugins/power.ts";
import trace from "../plugins/trace.ts";
import xor from "../plugins/xor.ts";

const { I32 } = views;
const FOLDER = decodeURIComponent(new URL(".", import.meta.url).pathname);

await x64.prepare?.();
const here = x64.probe();

/** Two files of the language suite: the whole of it is for the command. */
const SUITE: readonly Subject[] = ["lang/closures/counter.unna", "lang/control/for.unna"].flatMap((name) =>
  splitSuite({ path: FOLDER + name, text: Deno.readTextFileSync(FOLDER + name) })
);

interface Tried {
  readonly suite?: readonly Subject[];
  readonly programs?: number;
}

/** All that is found out about a plugin, with little to find it with. */
async function resultsOf(
  plugin: Plugin,
  { suite = SUITE, programs = 2 }: Tried = {},
): Promise<VerifyResult[]> {
  const registry = registryOf([plugin]);
  return await Array.fromAsync(verifyPlugin({
    plugin,
    others: [],
    registry,
    make: createRuntime,
    interpreter: findBackend(registry, "interp"),
    native: findBackend(registry, "x64"),
    parse: (text) => parseInput(makeSource("test.unna", text), registry.rules),
    suite,
    programs,
    seed: 3,
    patience: 2000,
  }));
}

/** The failures of a plugin by check. */
async function failuresOf(plugin: Plugin, tried?: Tried): Promise<Map<string, readonly VerifyFailure[]>> {
  const results = await resultsOf(plugin, tried);
  return new Map(
    results.filter(({ failures }) => failures.length > 0).map((each) => [each.check, each.failures]),
  );
}

const lineCount = (text: string) => text.trimEnd().split("\n").length;

// ---- good ones ---------------------------------------------------------------------------------------------------

const GOOD = {
  constantFold,
  control,
  count,
  deadCode,
  interpolate,
  jsBackend,
  peephole,
  popcount,
  power,
  trace,
  xor,
};

for (const [name, plugin] of Object.entries(GOOD)) {
  Deno.test(`${name} keeps its promises`, async () => {
    const results = await resultsOf(plugin);
    assertEquals(results.flatMap(({ failures }) => failures), []);
    assertEquals(results.slice(0, 3).map(({ check }) => check), ["examples", "language suite", "programs"]);
    for (const { check, tried } of results.slice(1, 3)) {
      assertMatch(tried, /^[1-9]\d* programs on interp/, check);
    }
  });
}

Deno.test({
  name: "opcodes are tried in machine code, on their own and in the middle of programs",
  ignore: !here.ok,
  async fn() {
    const results = await resultsOf(xor), [operands, places] = results.slice(3);
    assertEquals([operands.check, places.check], ["operands of XOR", "programs with XOR"]);
    assertMatch(operands.tried, /^56 values, 5 layouts of registers: 15680 executions on interp, x64$/);
    const [, inside, all] = /^(\d+) of (\d+) stay in machine code/.exec(operands.notes[0])!;
    assert(Number(inside) > 4000 && Number(inside) < Number(all), operands.notes[0]);
    const { templates: _, ...slow } = xor;
    const bare = (await resultsOf(slow))[3];
    assertEquals(bare.notes, ["it has no x64 template: machine code leaves for each execution"]);
    const planted = (await resultsOf(count)).at(-1)!;
    assertEquals(planted.tried, "not on its own");
    assertMatch(planted.notes[0], /an operand of kind 'cache'/);
  },
});

// ---- broken passes -----------------------------------------------------------------------------------------------

const NOTES = { summary: "Breaks programs.", why: "To be caught.", example: "print 1 < 2;" };

function onTrees(change: (node: AstNode) => AstNode, example = NOTES.example): Plugin {
  return definePlugin({
    name: "broken",
    doc: "Breaks trees.",
    passes: [definePass({
      name: "break",
      stage: "load",
      from: "ast",
      to: "ast",
      doc: { ...NOTES, example },
      run: (tree) => mapAst(tree, change),
    })],
  });
}

function onBytecode(
  change: (code: readonly Instruction[]) => readonly Instruction[],
  example = NOTES.example,
): Plugin {
  return definePlugin({
    name: "broken",
    doc: "Breaks bytecode.",
    passes: [definePass({
      name: "break",
      stage: "load",
      from: "program",
      to: "program",
      before: [{ pass: "profile", because: "counters belong to the final code" }],
      doc: { ...NOTES, example },
      run: (program, { opcodes }) => rewriteProgram(program, opcodes, ({ code }) => change(code)),
    })],
  });
}

Deno.test("a pass that drops a statement is caught", async () => {
  const isLost = (each: Stmt) =>
    each.kind === "ExprStmt" && each.expr.kind === "Assign" && each.expr.op === "+=";
  const plugin = onTrees((node) =>
    node.kind === "Block" ? { ...node, body: node.body.filter((each) => !isLost(each)) } : node
  );
  const text = "var a = [];\nfunction f(n) {\n  var x = 1;\n  var y = n * 2;\n  x += y;\n  return x;\n}\n" +
    "for (var i = 0; i < 3; i += 1) { print i; }\nprint f(2);\n";
  const failures = await failuresOf(plugin, { suite: [{ path: "test.unna", text }], programs: 0 });
  const [failure] = failures.get("language suite")!;
  assertEquals(failure.what, "pass 'break' changes what programs do");
  assert(lineCount(failure.program!) <= 6, failure.program!);
  assertMatch(failure.program!, /\+=/);
  assertMatch(failure.difference, /^- \d+\n\+ \d+$/);
  assertMatch(failure.artifact!.title, /^ast before the pass/);
  assertMatch(failure.artifact!.text, /^- .*Assign/m);
});

Deno.test("a pass that confuses < and <= is caught", async () => {
  const plugin = onBytecode(
    (code) => code.map((each) => ({ ...each, name: each.name.replace(/^(JUMP(_NOT)?)_LT/, "$1_LE") })),
    "if (1 < 2) print 1;",
  );
  const failures = await failuresOf(plugin);
  for (const check of ["language suite", "programs"]) {
    const [{ what, program, artifact }] = failures.get(check)!;
    assertEquals(what, "pass 'break' changes what programs do");
    assertMatch(program!, /</);
    assert(lineCount(program!) <= 12, program!);
    assertMatch(artifact!.text, /^- .*JUMP_(NOT_)?LT/m);
    assertMatch(artifact!.text, /^\+ .*JUMP_(NOT_)?LE/m);
  }
});

Deno.test("a pass that makes what is no program is caught", async () => {
  const plugin = onBytecode((code) =>
    code.map((each) => each.name === "PRINT" ? { ...each, operands: [each.operands[0] + 1] } : each)
  );
  const failures = await failuresOf(plugin);
  const [{ what, difference, program }] = failures.get("language suite")!;
  assertEquals(what, "pass 'break' keeps programs from compiling");
  assertMatch(difference, /Bytecode is not valid/);
  assert(lineCount(program!) <= 3, program!);
});

Deno.test("a pass that keeps programs from ending is caught", async () => {
  const plugin = onTrees((node) => node.kind === "For" ? { ...node, step: null } : node);
  const text = "print 1;\nfor (var i = 0; i < 2; i += 1) {}\nprint 2;\n";
  const failures = await failuresOf(plugin, { suite: [{ path: "test.unna", text }], programs: 0 });
  const [{ what, program }] = failures.get("language suite")!;
  assertEquals(what, "pass 'break' keeps programs from ending");
  assertEquals(program!.match(/for/g)?.length, 1);
});

Deno.test("a pass whose example gives it nothing to do, or is another program with it, is told", async () => {
  const idle = await failuresOf(onTrees((node) => node), { suite: [], programs: 0 });
  assertEquals(idle.get("examples")!.map(({ what }) => what), [
    "the example of pass 'break' gives it nothing to do",
  ]);
  const negated = (node: AstNode): AstNode => node.kind === "Int" ? { ...node, value: -node.value } : node;
  const wrong = await failuresOf(onTrees(negated), { suite: [], programs: 0 });
  assertEquals(wrong.get("examples")!.map(({ what, difference }) => [what, difference]), [
    ["the example of pass 'break' is another program with it", "- true\n+ false"],
  ]);
});

// ---- broken opcodes ----------------------------------------------------------------------------------------------

/** An opcode that halves integers, towards zero. */
const HALVE: OpcodeDef = {
  name: "HALVE",
  operands: { A: "dst", B: "src" },
  effect: "pure",
  formula: "R[A] = R[B] / 2",
  doc: "Halves an integer.",
  exec(m, a, b) {
    if (!isInt(I32[b + 1])) fail(m, "U0924", { message: `Cannot halve ${kindName(b)}.` });
    const high = I32[b + 1] << 16 >> 16;
    if (I32[b + 1] >> 16 !== -1) fail(m, "U0924", { message: "Too large to be halved." });
    const half = Math.trunc((high * 2 ** 32 + (I32[b] >>> 0)) / 2);
    setInt(a, half | 0, Math.floor(half / 2 ** 32));
  },
};

function halving(template: X64Templates[string]): Plugin {
  return definePlugin({
    name: "halving",
    doc: "Halves integers.",
    syntax: [{
      token: "halve",
      prefix(p, start) {
        const operand: Expr = p.parseExpression(80);
        return { kind: "Operation", start, end: p.previous.end, opcode: "HALVE", operands: [operand] };
      },
    }],
    opcodes: [HALVE],
    templates: { x64: { HALVE: template } },
  });
}

Deno.test({
  name: "a template that computes something else for negative numbers is caught",
  ignore: !here.ok,
  async fn() {
    const plugin = halving((asm: X64Assembler, { a, b, exit }) => {
      loadInt(asm, rax, b, exit("not-int"));
      asm.sar(rax, 1); // rounds down
      storeInt(asm, a, rax, exit("overflow"));
    });
    const [{ what, where, difference, artifact }] = (await failuresOf(plugin)).get("operands of HALVE")!;
    assertEquals(what, "opcode 'HALVE' does something else on x64");
    assertEquals(where, "HALVE r1, r0 with r0 = -1");
    assertEquals(difference, "- r1 = int 0, r0 = int -1\n+ r1 = int -1, r0 = int -1");
    assertMatch(artifact!.text, /HALVE r1, r0 .*\n[^]*sar rax,1 /);
  },
});

Deno.test({
  name: "a template that changes a register before its last check is caught",
  ignore: !here.ok,
  async fn() {
    const plugin = halving((asm: X64Assembler, { a, b, exit }) => {
      loadInt(asm, rax, b, exit("not-int"));
      asm.sar(rax, 1);
      asm.mov(R(a), rax); // which stays there if what follows leaves
      asm.test(rax, rax);
      asm.js(exit("not-simple"));
      storeInt(asm, a, rax, exit("overflow"));
    });
    const failures = await failuresOf(plugin);
    const [{ where }] = failures.get("operands of HALVE")!;
    // Only where the result takes the place of the operand does the interpreter miss anything.
    assertEquals(where, "HALVE r0, r0 with r0 = -2");
  },
});

Deno.test({
  name: "a template is blamed for what goes wrong in the middle of a program",
  ignore: !here.ok,
  async fn() {
    const plugin: Plugin = {
      name: "sums",
      doc: "Adds an integer to itself.",
      templates: {
        x64: {
          ADD_II(asm, { a, b, c, exit }) {
            loadInt(asm, rax, b, exit("not-int"));
            loadInt(asm, rax, c, exit("not-int")); // and where is the first one now?
            asm.add(rax, rax);
            storeInt(asm, a, rax, exit("overflow"));
          },
        } satisfies X64Templates,
      },
    };
    const text = "var a = 1;\nfunction f(x, y) { return x + y; }\n" +
      "for (var i = 0; i < 200; i += 1) a = f(i, 1);\nprint a;\n";
    const failures = await failuresOf(plugin, { suite: [{ path: "test.unna", text }], programs: 0 });
    const [{ what, artifact }] = failures.get("language suite")!;
    assertEquals(what, "the x64 template of 'ADD_II' changes what programs do");
    assertMatch(artifact!.text, /add rax,rax/);
    assert(failures.has("operands of ADD_II"));
  },
});

// ---- the rest ----------------------------------------------------------------------------------------------------

Deno.test("natives, opcodes and messages whose examples lie are told", async () => {
  const plugin = definePlugin({
    name: "liar",
    doc: "Says what is not so.",
    natives: [{
      name: "seven",
      params: [],
      doc: "Gives seven.",
      example: { code: "print seven();", output: "8\n" },
      code: "function () { return 7; }",
    }],
    opcodes: [{ ...HALVE, example: "print 1;" }],
    diagnostics: {
      U0999: {
        severity: "error",
        title: "Never",
        text: () => "Never",
        explain: { why: "Never.", repair: "None.", example: "print nil + 1;" },
      },
    },
  });
  const failures = (await failuresOf(plugin, { suite: [], programs: 0 })).get("examples")!;
  assertEquals(failures.map(({ what, difference }) => [what, difference]), [
    ["the example of native 'seven' does not print what it says", "- 8\n+ 7"],
    ["the example of opcode 'HALVE' does not contain it", ""],
    ["the example of message U0999 does not bring it about", "- U0999\n+ U0903"],
  ]);
});

Deno.test("observers that throw or disturb are told", async () => {
  const clumsy: Plugin = {
    name: "clumsy",
    doc: "Throws.",
    observe: {
      runEnd() {
        throw new Error("it slipped");
      },
    },
  };
  const [{ what, difference }] = (await failuresOf(clumsy, { programs: 0 })).get("language suite")!;
  assertEquals([what, difference], ["observer 'runEnd' throws", "+ it slipped"]);
  const meddler: Plugin = {
    name: "meddler",
    doc: "Changes what it is to look at.",
    observe: {
      passEnd({ kind, artifact }) {
        if (kind !== "ast") return;
        const { body } = artifact as unknown as { body: Stmt[] };
        if (body.length > 1) body.pop();
      },
    },
  };
  const [failure] = (await failuresOf(meddler, { programs: 0 })).get("language suite")!;
  assertEquals(failure.what, "its observer changes what programs do");
});

Deno.test("a program that may use what a plugin adds is left out", async () => {
  const suite = [{ path: "a.unna", text: "print 6 ^ 3;\n" }, { path: "b.unna", text: "print 6 + 3;\n" }];
  const results = await resultsOf(xor, { suite, programs: 0 });
  const { tried, notes } = results.find(({ check }) => check === "language suite")!;
  assertMatch(tried, /^1 program on /);
  assertEquals(notes, ["left out: 1 program that may use what it adds"]);
});

// ---- its parts ---------------------------------------------------------------------------------------------------

Deno.test("any text is taken apart and put together again, and made small", async () => {
  const parse = (text: string) => parseInput(makeSource("test.unna", text), []);
  const placeless = (text: string) =>
    JSON.stringify(
      parse(text),
      (key, value) =>
        ["start", "end", "opStart"].includes(key)
          ? undefined
          : typeof value === "bigint"
          ? `${value}n`
          : value,
    );
  let taken = 0;
  for (const folder of Deno.readDirSync(`${FOLDER}lang`)) {
    for (const { name } of Deno.readDirSync(`${FOLDER}lang/${folder.name}`)) {
      if (!name.endsWith(".unna")) continue;
      const path = `${FOLDER}lang/${folder.name}/${name}`;
      for (const { text } of splitSuite({ path, text: Deno.readTextFileSync(path) })) {
        let tree;
        try {
          tree = parse(text);
        } catch {
          continue; // it is about what does not parse
        }
        assertEquals(placeless(printTree(treeOf(text, tree))), placeless(text), path);
        taken++;
      }
    }
  }
  assert(taken > 400, String(taken));
  const text =
    "var a = 1; // one\nfunction f(x) { if (x > 1) { print x; print 7 / (x - 3); } }\nf(2); f(a + 2);\n";
  const small = await shrinkTree(
    treeOf(text, parse(text)),
    (tree) => Promise.resolve(/7 \//.test(printTree(tree))),
    500,
  );
  assertEquals(printTree(small), "print 7 / (0);\n");
  assertEquals(printTree(list([statement`print ${"1"};`])), "print 1;\n");
});

Deno.test("differences are shown by lines, with a little around them", () => {
  assertEquals(diffLines("1\n2\n", "1\n2\n"), "");
  assertEquals(diffLines("1\n2\n3\n", "1\n4\n3\n"), "  1\n- 2\n+ 4\n  3");
  assertEquals(diffLines("", "1\n"), "+ 1");
  const lines = Array.from({ length: 20 }, (_, i) => `${i}\n`);
  assertEquals(
    diffLines(lines.join(""), lines.toSpliced(10, 1).toSpliced(2, 1).join("")),
    "  0\n  1\n- 2\n  3\n  4\n  …\n  8\n  9\n- 10\n  11\n  12\n  …",
  );
});

// ---- the command -------------------------------------------------------------------------------------------------

Deno.test("results are told as text", async () => {
  const lying: Plugin = { ...peephole, passes: peephole.passes!.map((pass) => ({ ...pass, doc: NOTES })) };
  const results = await resultsOf(lying, { suite: [], programs: 0 });
  const text = results.map(printResult).join("").replace(/\d+\.\d s/g, "0.0 s");
  assertEquals(
    text,
    `FAILED  examples: of 1 pass (0.0 s)

  the example of pass 'peephole' gives it nothing to do
  on interp

    print 1 < 2;

ok      language suite: 0 programs (0.0 s)
`,
  );
  assertMatch(
    printVerdict({ plugin: lying }, results),
    /^\nplugin 'peephole': 1 check of 2 failed, in \d+ s\n$/,
  );
});

Deno.test("the command runs the whole suite, takes its options behind the file, and answers with exit codes", async () => {
  const { code, stdout } = await runCaptured(
    ["plugin", "verify", "@/plugins/control.ts", "--programs=0", "--seed=9", "--json"],
    "",
  );
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.at(-1), { verify: { plugin: "control", programs: 0, seed: 9, ok: true } }, stdout);
  const { check, tried } = lines[1].check;
  assertEquals(check, "language suite");
  assertMatch(tried, /^[5-9]\d\d programs on interp/);
  assertEquals(code, 0);
  for (
    const args of [["plugin"], ["plugin", "verify"], ["plugin", "check", "x.ts"], [
      "plugin",
      "verify",
      "no.ts",
    ]]
  ) {
    assertEquals((await runCaptured(args, "")).code, 2, args.join(" "));
  }
  const wrong = await runCaptured(["plugin", "verify", "@/plugins/xor.ts", "--program=1"], "");
  assertEquals([wrong.code, /no option --program/.test(wrong.stderr)], [2, true]);
});

Deno.test("what is built in is not read with the words of plugins", async () => {
  // ucoreTimer.every is written in the language, with a function that is called 'repeat'.
  const text = "print await ucoreTimer.every(1, function () { return false; });\n";
  const results = await failuresOf(control, { suite: [{ path: "test.unna", text }], programs: 0 });
  assertEquals([...results], []);
});
