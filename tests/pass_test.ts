// The driver: order and its reasons, dumps, checks, timing, and blame.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type AnyPass,
  CompileFailure,
  createRuntime,
  definePass,
  type OwnedPass,
  type Plugin,
} from "../mod.ts";
import { OrderFault, orderPasses } from "../core/order.ts";
import { core } from "../passes/mod.ts";

const DOC = { summary: "", why: "", example: "" };

/** A pass that changes nothing. */
function pass(name: string, from: string, to: string, more: Partial<AnyPass> = {}): OwnedPass {
  return {
    pass: { name, stage: "load", from, to, doc: DOC, run: (x: unknown) => x, ...more } as AnyPass,
    plugin: name,
  };
}

const PARSE = pass("parse", "source", "ast"), EMIT = pass("emit", "ast", "program");
const orderOf = (passes: readonly OwnedPass[], off: string[] = []) =>
  orderPasses(passes, new Set(off)).map((owned) => owned.pass.name);

Deno.test("orderPasses() follows what passes take and make, whatever the order of registration", () => {
  const fold = pass("fold", "ast", "ast"), profile = pass("profile", "program", "program");
  assertEquals(orderOf([profile, EMIT, fold, PARSE]), ["parse", "fold", "emit", "profile"]);
  assertEquals(orderOf([PARSE, EMIT]), ["parse", "emit"]);
});

Deno.test("orderPasses() keeps pairs, and otherwise the order of registration", () => {
  const a = pass("a", "ast", "ast"), b = pass("b", "ast", "ast");
  const early = pass("early", "ast", "ast", { before: [{ pass: "a", because: "it is simpler" }] });
  assertEquals(orderOf([PARSE, a, b, EMIT]), ["parse", "a", "b", "emit"]);
  assertEquals(orderOf([PARSE, b, a, EMIT]), ["parse", "b", "a", "emit"]);
  assertEquals(orderOf([PARSE, a, b, EMIT, early]), ["parse", "b", "early", "a", "emit"]);
  assertEquals(orderOf([PARSE, a, b, EMIT, early], ["early", "b"]), ["parse", "a", "emit"]);
});

Deno.test("orderPasses() refuses contradictions with their reasons, unknown names, and gaps", () => {
  const a = pass("a", "ast", "ast", { after: [{ pass: "b", because: "b tidies up" }] });
  const b = pass("b", "ast", "ast", { after: [{ pass: "a", because: "a finds more" }] });
  const late = pass("late", "ast", "ast", { after: [{ pass: "emit", because: "it wants code" }] });
  const typo = pass("typo", "ast", "ast", { before: [{ pass: "emti", because: "" }] });
  const refused: [OwnedPass[], ...string[]][] = [
    [[PARSE, EMIT, a, b], "'a' comes after 'b': b tidies up", "'b' comes after 'a': a finds more"],
    [[PARSE, EMIT, late], "'late' comes after 'emit': it wants code", "'emit' turns the ast of 'late'"],
    [[PARSE, EMIT, typo], "'typo' has to come before 'emti'", "did you mean 'emit'?"],
    [[PARSE], "the last pass, 'parse', makes the ast, not the program"],
    [[EMIT], "'emit' takes the ast, but at its place there is the source"],
    [
      [PARSE, pass("second", "source", "ast"), EMIT],
      "'second' takes the source, but at its place there is the ast",
    ],
  ];
  for (const [passes, ...texts] of refused) {
    const fault: OrderFault = assertThrows(() => orderPasses(passes), OrderFault);
    for (const text of texts) assert(fault.message.includes(text), fault.message);
  }
});

Deno.test("the built-in passes run in the order in which they are listed", () => {
  const owned = (core.passes ?? []).map((pass) => ({ pass, plugin: "core" }));
  const names = ["parse", "bytecode", "profile", "loops", "template-jit", "jump-patch"];
  assertEquals(orderOf(owned), names);
  assertEquals(orderOf(owned.toReversed()), names);
});

for (const pass of core.passes ?? []) {
  Deno.test(`the example of pass '${pass.name}' runs`, async () => {
    const runtime = createRuntime({ stdout: () => {}, heap: 64 << 20, check: true });
    assertEquals(await runtime.runSource("example.unna", pass.doc.example), 0);
    runtime.dispose();
  });
}

// ---- driving, through the door that users have

function withPass(pass: AnyPass): Plugin {
  return { name: "mine", doc: "A test.", passes: [pass] };
}

function compile(plugin: Plugin, options: { check?: boolean; dump?: string[]; off?: string[] } = {}) {
  const runtime = createRuntime({ plugins: [plugin], ...options });
  return { runtime, run: () => runtime.compile("x.unna", "print 1;") };
}

const same = definePass({ name: "same", stage: "load", from: "ast", to: "ast", doc: DOC, run: (ast) => ast });

Deno.test("passes are timed, and printed after when asked", () => {
  const { runtime, run } = compile(withPass(same), { dump: ["same", "ast", "tokens", "bytecode", "parse"] });
  run();
  assertEquals(runtime.timings().map(({ pass, plugin }) => `${plugin}:${pass}`), [
    "core:parse",
    "mine:same",
    "core:bytecode",
    "core:profile",
  ]);
  assertEquals(runtime.dumps().map(({ name }) => name), ["tokens", "parse", "same", "ast", "bytecode"]);
  assert(runtime.dumps()[1].text.startsWith("Program 1:1\n"));
});

Deno.test("a pass can be turned off", () => {
  const { runtime, run } = compile(withPass(same), { off: ["same", "profile"] });
  run();
  assertEquals(runtime.timings().map(({ pass }) => pass), ["parse", "bytecode"]);
});

Deno.test("what a pass throws is a diagnostic that names pass and plugin", () => {
  const { run } = compile(withPass({
    ...same,
    run() {
      throw new Error("out of ideas");
    },
  }));
  const failure: CompileFailure = assertThrows(
    run,
    CompileFailure,
    "Plugin 'mine' failed in pass 'same': out of ideas",
  );
  assertEquals(failure.diagnostics.map(({ code, pass, plugin }) => ({ code, pass, plugin })), [
    { code: "U0501", pass: "same", plugin: "mine" },
  ]);
});

Deno.test("check verifies what each pass makes, and blames the one that made it", () => {
  const broken = definePass({
    ...same,
    run: (ast) => ({ ...ast, body: [{ ...ast.body[0], start: 1000, end: 2000 }] }),
  });
  const { run } = compile(withPass(broken), { check: true });
  assertThrows(run, CompileFailure, "Plugin 'mine' failed in pass 'same': Print spans 1000 to 2000");
});

Deno.test("a program is always verified before it runs", () => {
  const broken = definePass({
    ...same,
    from: "program",
    to: "program",
    after: [{ pass: "profile", because: "it spoils everything" }],
    run: (program) => ({ ...program, protos: [{ ...program.main, code: new Int32Array([255]) }] }),
  });
  const { run } = compile(withPass(broken));
  assertThrows(run, CompileFailure, "Plugin 'mine' failed in pass 'same': Bytecode is not valid");
});

Deno.test("a pass reports messages of its plugin's own table, with the plugin's name", () => {
  const lint = definePass({
    ...same,
    run(ast, cx) {
      cx.report("M0001", { source: cx.source, start: 0, end: 5 }, { word: "print" });
      return ast;
    },
  });
  const { run } = compile({
    ...withPass(lint),
    diagnostics: {
      M0001: {
        severity: "error",
        title: "a word",
        text: (d: { word: string }) => `No '${d.word}' here`,
        explain: { why: "", repair: "", example: "" },
      },
    },
  });
  const failure: CompileFailure = assertThrows(run, CompileFailure, "No 'print' here");
  const [{ code, plugin, pass }] = failure.diagnostics;
  assertEquals({ code, plugin, pass }, { code: "M0001", plugin: "mine", pass: "same" });
});
