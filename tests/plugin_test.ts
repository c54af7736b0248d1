// Plugins: what they may bring, how they combine, and what is said when they do not.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createRuntime, definePass, type Plugin, PluginFailure, type RuntimeOptions } from "../mod.ts";
import { createRegistry } from "../core/admission.ts";
import { core } from "../passes/mod.ts";
import { interp } from "../backends/interp.ts";
import { x64 } from "../backends/x64/mod.ts";
import { math } from "../plugins/math.ts";
import { std } from "../plugins/std.ts";
import { timer } from "../plugins/timer.ts";
import { setInt32 } from "../core/value.ts";

const EXAMPLE = { code: "", output: "" };
const EMPTY: Plugin = { name: "mine", doc: "A test." };
const answer = {
  name: "answer",
  params: [],
  doc: "Gives 42.",
  example: EXAMPLE,
  call: (call: { result: number }) => setInt32(call.result, 42),
};

async function run(
  text: string,
  options: RuntimeOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  let stdout = "", stderr = "";
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const runtime = createRuntime({
    heap: 64 << 20,
    stdout: (bytes) => stdout += decode(bytes),
    stderr: (bytes) => stderr += decode(bytes),
    ...options,
  });
  const code = await runtime.runSource("x.unna", text);
  runtime.dispose();
  return { code, stdout, stderr };
}

Deno.test("natives and libraries of a plugin are globals of every program", async () => {
  const plugin: Plugin = {
    ...EMPTY,
    natives: [answer],
    libraries: [{
      name: "deep",
      doc: "A test.",
      natives: [{ ...answer, name: "deep.thought" }],
      constants: { half: 21 },
    }],
  };
  const { stdout } = await run("print answer(); print deep.thought(); print deep.half;", {
    plugins: [plugin],
  });
  assertEquals(stdout, "42\n42\n21\n");
});

Deno.test("a token of a plugin joins the grammar", async () => {
  const plugin: Plugin = {
    ...EMPTY,
    syntax: [{
      token: "unless",
      statement(p, start) {
        p.expect("(", "after 'unless'");
        const cond = p.parseExpression();
        p.expect(")", "after condition");
        const body = p.parseBody();
        const end = p.previous.end;
        const test = { kind: "Unary", start, end, op: "!", operand: cond } as const;
        return { kind: "If", start, end, test, then: body, else: null };
      },
    }],
  };
  const { stdout, stderr } = await run('unless (1 > 2) print "fine";', { plugins: [plugin] });
  assertEquals({ stdout, stderr }, { stdout: "fine\n", stderr: "" });
});

Deno.test("a backend of a plugin runs programs, and one that is not available gives way", async () => {
  let opened = 0;
  const backend = {
    ...interp,
    name: "other",
    open: (context: Parameters<typeof interp.open>[0]) => {
      opened++;
      return interp.open(context);
    },
  };
  const available = await run("print 1;", { plugins: [{ ...EMPTY, backends: [backend] }], backend: "other" });
  assertEquals({ ...available, opened }, { code: 0, stdout: "1\n", stderr: "", opened: 1 });
  const missing = { ...backend, probe: () => ({ ok: false as const, because: "it is Sunday" }) };
  const fallback = await run("print 1;", { plugins: [{ ...EMPTY, backends: [missing] }], backend: "other" });
  assertEquals({ code: fallback.code, stdout: fallback.stdout, opened }, {
    code: 0,
    stdout: "1\n",
    opened: 1,
  });
  assert(
    fallback.stderr.startsWith("warning[U0301]: Backend 'other' is not available: it is Sunday."),
    fallback.stderr,
  );
});

Deno.test("observers are told in order", async () => {
  const seen: string[] = [];
  const plugin: Plugin = {
    ...EMPTY,
    observe: {
      passStart: ({ pass }) => seen.push(`start ${pass}`),
      passEnd: ({ pass, kind }) => seen.push(`end ${pass} ${kind}`),
      runStart: ({ path }) => seen.push(`run ${path}`),
      runEnd: ({ outcome }) => seen.push(outcome),
    },
  };
  await run("print 1 / 0;", { plugins: [plugin], off: ["profile"] });
  assertEquals(seen, [
    "start parse",
    "end parse ast",
    "start bytecode",
    "end bytecode program",
    "run x.unna",
    "failed",
  ]);
});

Deno.test("what an observer throws is an error that names plugin and hook", async () => {
  const fail = () => {
    throw new Error("tired");
  };
  for (const hook of ["passStart", "passEnd", "runStart", "runEnd"] as const) {
    const { stderr, code } = await run("print 1;", { plugins: [{ ...EMPTY, observe: { [hook]: fail } }] });
    assert(stderr.includes(`error[U0501]: Plugin 'mine' failed in observer '${hook}': tired`), stderr);
    assertEquals(code, 1);
  }
});

Deno.test("plugins that clash are refused with both names", () => {
  const other: Plugin = { name: "other", doc: "A test." };
  const pass = definePass({
    name: "same",
    stage: "load",
    from: "ast",
    to: "ast",
    doc: { summary: "", why: "", example: "" },
    run: (ast) => ast,
  });
  const clashes: [Partial<Plugin>, string][] = [
    [{ natives: [answer] }, "both define the global 'answer'"],
    [{ passes: [pass] }, "both define the pass 'same'"],
    [{ syntax: [{ token: "unless" }] }, "both define the token 'unless'"],
    [{
      diagnostics: {
        M1: {
          severity: "error",
          title: "",
          text: () => "",
          explain: { why: "", repair: "", example: "" },
        },
      },
    }, "both define the message 'M1'"],
  ];
  for (const [rows, message] of clashes) {
    assertThrows(
      () => createRuntime({ plugins: [{ ...EMPTY, ...rows }, { ...other, ...rows }] }),
      PluginFailure,
      `Plugins 'mine' and 'other' ${message}`,
    );
  }
  assertThrows(
    () => createRuntime({ plugins: [EMPTY, EMPTY] }),
    PluginFailure,
    "both define the plugin 'mine'",
  );
  assertThrows(
    () => createRuntime({ plugins: [{ ...EMPTY, natives: [{ ...answer, name: "length" }] }] }),
    PluginFailure,
    "'mine' both define the global 'length'",
  );
});

Deno.test("malformed plugins are refused with a suggestion", () => {
  const malformed: [unknown, string][] = [
    [{ ...EMPTY, pases: [] }, "it has an unknown key 'pases'; did you mean 'passes'?"],
    [{ name: "mine" }, "it has no 'doc'"],
    [null, "it is not an object"],
    [
      { ...EMPTY, natives: [{ ...answer, parms: [] }] },
      "native 'answer' has an unknown key 'parms'; did you mean 'params'?",
    ],
    [{ ...EMPTY, natives: answer }, "its 'natives' is not an array"],
    [{ ...EMPTY, passes: [{ name: "x" }] }, "pass 'x' has no 'stage'"],
    [
      { ...EMPTY, observe: { passStat: () => {} } },
      "'observe' has an unknown key 'passStat'; did you mean 'passStart'?",
    ],
    [{ ...EMPTY, backends: [7] }, "backend number 1 is not an object"],
    [{ ...EMPTY, natives: [{ ...answer, params: 5 }] }, "'params' of native 'answer' is not an array"],
    [
      { ...EMPTY, libraries: [{ name: "l", doc: "", natives: 3 }] },
      "'natives' of library 'l' is not an array",
    ],
    [{ ...EMPTY, observe: { passStart: 5 } }, "'passStart' of 'observe' is not a function"],
    [{ ...EMPTY, diagnostics: { M1: 5 } }, "message 'M1' is not an object"],
    [{ ...EMPTY, backends: [{ ...interp, probe: 1 }] }, "'probe' of backend 'interp' is not a function"],
    [{ ...EMPTY, syntax: [{ token: 5 }] }, "'token' of token number 1 is not a string"],
    [{ ...EMPTY, syntax: [{ token: "if" }] }, "token 'if' is defined twice: by the language and by mine"],
    [{ ...EMPTY, syntax: [{ token: "1" }] }, "'1' cannot be a token"],
  ];
  for (const [plugin, message] of malformed) {
    const failure: PluginFailure = assertThrows(
      () => createRuntime({ plugins: [plugin as Plugin] }),
      PluginFailure,
      message,
    );
    assertEquals(failure.diagnostics.map(({ code }) => code), ["U0503"]);
  }
});

Deno.test("the built-in plugins have the shape that is asked of others", () => {
  const native = { name: "native", doc: "", backends: [interp, x64] };
  createRegistry([], [core, native, std, math, timer]);
});

Deno.test("what functions of a plugin throw is told with the plugin's name", async () => {
  const fail = () => {
    throw new Error("tired");
  };
  const pass = (run: () => never) =>
    definePass({
      name: "broken",
      stage: "load",
      from: "ast",
      to: "ast",
      doc: { summary: "", why: "", example: "" },
      run,
    });
  const cases: [Partial<Plugin>, string, string][] = [
    [{ natives: [{ ...answer, call: fail }] }, "answer();", "Plugin 'mine' failed in native 'answer': tired"],
    [
      { syntax: [{ token: "unless", statement: fail }] },
      "unless",
      "Plugin 'mine' failed in rule of token 'unless': tired",
    ],
    [{ passes: [pass(fail)] }, "", "Plugin 'mine' failed in pass 'broken': tired"],
    [
      { passes: [pass(() => undefined as never)] },
      "",
      "Plugin 'mine' failed in pass 'broken': it gave no ast",
    ],
    [
      { passes: [pass(() => ({ kind: "Nonsense" }) as never)] },
      "",
      "Plugin 'mine' failed in pass 'broken': ",
    ],
  ];
  for (const [rows, text, message] of cases) {
    const { code, stderr } = await run(text, { plugins: [{ ...EMPTY, ...rows }] });
    assertEquals(code, 1);
    assert(stderr.includes(message), stderr);
  }
  for (const backend of [{ ...interp, probe: fail }, { ...interp, prepare: () => Promise.reject("tired") }]) {
    const plugins = [{ ...EMPTY, backends: [{ ...backend, name: "other" }] }];
    const failure = await assertRejects(() => run("", { plugins, backend: "other" }), PluginFailure);
    assertEquals(failure.message, "Plugin 'mine' failed in backend 'other': tired");
  }
});

Deno.test("there is room for as many opcodes as a byte has values", () => {
  const row = { operands: {}, effect: "pure", formula: "", doc: "", exec: () => {} } as const;
  const opcodes = Array.from({ length: 256 }, (_, i) => ({ ...row, name: `MINE_${i}` }));
  assertThrows(() => createRegistry([{ ...EMPTY, opcodes }]), PluginFailure, "is one too many");
});

Deno.test("a registry is frozen", () => {
  const registry = createRegistry([core]);
  assertThrows(() => (registry.natives as unknown[]).push(answer), TypeError);
});
