// What a plugin does wrong, one row each: the message names the plugin and which of its functions it was, and the
// program ends with exit code 1. Nothing of it may take the process along, or be passed over.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  createRuntime,
  definePass,
  type OpcodeDef,
  type Plugin,
  PluginFailure,
  type RuntimeOptions,
  type TokenRow,
  VERSION,
} from "../mod.ts";
import { OPCODES } from "../core/opcodes.ts";
import { rewriteProgram } from "../core/rewrite.ts";
import { interp } from "../backends/interp.ts";
import { x64 } from "../backends/x64/mod.ts";
import { runCaptured } from "../core/command_line.ts";
import { runUnna } from "./support.ts";

await x64.prepare?.();
const probe = x64.probe();
if (!probe.ok) console.log(`Failures in machine code are not tested: ${probe.because}`);

const EMPTY: Plugin = { name: "mine", doc: "A test." };
const DOC = { summary: "", why: "", example: "" };
const fail = (): never => {
  throw new TypeError("tired");
};

/** An opcode that copies a value, and the word `copy` for it. */
const COPY: OpcodeDef = {
  name: "COPY",
  operands: { A: "dst", B: "src" },
  effect: "pure",
  formula: "R[A] = R[B]",
  doc: "A test.",
  exec: (m, a, b) => OPCODES.find(({ name }) => name === "MOVE")!.exec(m, a, b, 0),
};
const copy: TokenRow = {
  token: "copy",
  prefix(p, start) {
    const operand = p.parseExpression();
    return { kind: "Operation", start, end: p.previous.end, opcode: "COPY", operands: [operand] };
  },
};
const COPIES: Partial<Plugin> = { syntax: [copy], opcodes: [COPY] };
const LOOP = "function f(n) { return copy n; }\nfor (var i = 0; i < 9; i += 1) f(i);\nprint f(7);";

// ---- while something runs ----------------------------------------------------------------------------------------

interface Case {
  readonly rows: Partial<Plugin>;
  readonly text?: string;
  readonly options?: RuntimeOptions;
  readonly message: string;
}

const badRule = (node: unknown): Partial<Plugin> => ({
  syntax: [{ token: "copy", prefix: (p) => (p.parseExpression(), node as never) }],
  opcodes: [COPY],
});
const at = { start: 0, end: 1 };
const hotPass = (from: "hot" | "draft", run: () => never) =>
  definePass({ name: "broken", stage: "hot", from, to: from, doc: DOC, run });

const RUNNING: Readonly<Record<string, Case>> = {
  "an opcode throws": {
    rows: { ...COPIES, opcodes: [{ ...COPY, exec: fail }] },
    text: "print copy 1;",
    message: "Runtime Error: Plugin 'mine' failed in opcode 'COPY': tired\n --> test.unna:1:7",
  },
  "an opcode gives what is no Stop": {
    rows: { ...COPIES, opcodes: [{ ...COPY, effect: "call", exec: () => 77 }] },
    text: "print copy 1;",
    message: "failed in opcode 'COPY': it gives 77, which is no Stop",
  },
  "an opcode gives a Stop that its effect does not allow": {
    rows: { ...COPIES, opcodes: [{ ...COPY, exec: () => 1 }] },
    text: "print copy 1;",
    message: "failed in opcode 'COPY': it gives 1, and with the effect 'pure' nothing",
  },
  "an opcode leaves pc where no instruction is": {
    rows: { ...COPIES, opcodes: [{ ...COPY, exec: (m) => void m.pc++ }] },
    text: "print copy 1;",
    message: "failed in opcode 'COPY': it leaves pc 1 words from the next instruction",
  },
  "a rule gives nothing": {
    rows: badRule(undefined),
    text: "print copy 1;",
    message: "error[U0501]: Plugin 'mine' failed in rule of token 'copy': it gave no node",
  },
  "a rule gives a node that does not exist": {
    rows: badRule({ kind: "Copy", ...at }),
    text: "print copy 1;",
    message: "it gave a node of kind 'Copy', which does not exist",
  },
  "a rule names an opcode that does not exist": {
    rows: badRule({ kind: "Operation", ...at, opcode: "COPPY", operands: [] }),
    text: "print copy 1;",
    message: "rule of token 'copy': there is no opcode 'COPPY'; did you mean 'COPY'?\n --> test.unna:1:7",
  },
  "a rule gives an opcode too few values": {
    rows: badRule({ kind: "Operation", ...at, opcode: "COPY", operands: [] }),
    text: "print copy 1;",
    message: "opcode 'COPY' takes 1 values, and is given 0",
  },
  "a rule applies an opcode that takes more than values": {
    rows: badRule({ kind: "Operation", ...at, opcode: "JUMP", operands: [] }),
    text: "print copy 1;",
    message: "opcode 'JUMP' has operands that are no values, so a pass has to write it into programs",
  },
  "a pass on trees makes an operation that cannot be": {
    rows: {
      passes: [definePass({
        name: "broken",
        stage: "load",
        from: "ast",
        to: "ast",
        doc: DOC,
        run: (tree) => ({
          ...tree,
          body: [{
            kind: "ExprStmt",
            ...at,
            expr: { kind: "Operation", ...at, opcode: "PRNT", operands: [] },
          }],
        }),
      })],
    },
    message: "Plugin 'mine' failed in pass 'broken': there is no opcode 'PRNT'; did you mean 'PRINT'?",
  },
  "a pass on bytecode makes a program that is not valid": {
    rows: {
      passes: [definePass({
        name: "broken",
        stage: "load",
        from: "program",
        to: "program",
        doc: DOC,
        run: (program, { opcodes }) =>
          rewriteProgram(
            program,
            opcodes,
            ({ code }) => [{ ...code[0], name: "MOVE", operands: [0, 99] }, ...code],
          ),
      })],
    },
    message: "Plugin 'mine' failed in pass 'broken': Bytecode is not valid",
  },
  "a pass on bytecode throws": {
    rows: {
      passes: [
        definePass({ name: "broken", stage: "load", from: "program", to: "program", doc: DOC, run: fail }),
      ],
    },
    message: "Plugin 'mine' failed in pass 'broken': tired",
  },
  "printing an artifact throws": {
    rows: {
      artifacts: [{ kind: "mine" as never, dump: "mine", doc: "", print: fail, json: fail, check: () => {} }],
      passes: [
        definePass({
          name: "there",
          stage: "load",
          from: "ast",
          to: "mine" as never,
          before: [{ pass: "back", because: "there is nothing to come back from" }],
          doc: DOC,
          run: (p) => p as never,
        }),
        definePass({
          name: "back",
          stage: "load",
          from: "mine" as never,
          to: "ast",
          doc: DOC,
          run: (p) => p as never,
        }),
      ],
    },
    options: { dump: ["mine"] },
    message: "Plugin 'mine' failed in artifact 'mine': tired",
  },
  "an observer throws": {
    rows: { observe: { runEnd: fail } },
    message: "Plugin 'mine' failed in observer 'runEnd': tired",
  },
};

const HOT: RuntimeOptions = { backend: "x64", threshold: 1 };
const COMPILING: Readonly<Record<string, Case>> = {
  "a template throws": {
    rows: { ...COPIES, templates: { x64: { COPY: fail } } },
    message: "error[U0501]: Plugin 'mine' failed in x64 template of 'COPY': tired\n --> test.unna:1:1",
  },
  "a template asks for an instruction that does not exist": {
    rows: { ...COPIES, templates: { x64: { COPY: (asm) => asm.mov(1, 2) } } },
    message: "Plugin 'mine' failed in x64 template of 'COPY': No encoding takes these operands: mov 1,2",
  },
  "a pass on hot functions throws": {
    rows: { ...COPIES, passes: [hotPass("hot", fail)] },
    message: "Plugin 'mine' failed in pass 'broken': tired",
  },
  "a pass on drafts throws": {
    rows: { ...COPIES, passes: [hotPass("draft", fail)] },
    message: "Plugin 'mine' failed in pass 'broken': tired",
  },
  "a pass on drafts gives nothing": {
    rows: { ...COPIES, passes: [hotPass("draft", () => undefined as never)] },
    message: "Plugin 'mine' failed in pass 'broken': it gave no draft",
  },
  ...Object.fromEntries(
    (["hot", "compiled", "patched", "noTemplate", "exited"] as const).map((hook) => [
      `an observer of '${hook}' throws`,
      {
        rows: { ...COPIES, observe: { [hook]: fail } },
        message: `Plugin 'mine' failed in observer '${hook}': tired`,
      },
    ]),
  ),
};

async function check({ rows, text = LOOP, options = {}, message }: Case): Promise<void> {
  const program = rows.syntax === undefined ? text.replace("copy ", "") : text;
  const { code, stderr } = await runUnna(program, { ...options, plugins: [{ ...EMPTY, ...rows }] });
  assertStringIncludes(stderr, message);
  assertEquals(code, 1);
}

for (const [name, row] of Object.entries(RUNNING)) Deno.test(name, () => check(row));
for (const [name, row] of Object.entries(COMPILING)) {
  Deno.test({
    name,
    ignore: !probe.ok,
    fn: () => check({ ...row, options: HOT }),
  });
}

Deno.test("a backend that throws while it runs is told as its plugin's failure", async () => {
  const run = { ...interp, name: "other", open: () => ({ run: fail }) };
  const plugins = [{ ...EMPTY, backends: [run] }];
  const failure = await runUnna("print 1;", { plugins, backend: "other" }).catch((error) => error);
  assert(failure instanceof PluginFailure);
  assertEquals(failure.message, "Plugin 'mine' failed in backend 'other': tired");
});

Deno.test("what programs do wrong is not blamed on the backend of a plugin", async () => {
  const plugins = [{ ...EMPTY, backends: [{ ...interp, name: "other" }] }];
  const { code, stderr } = await runUnna("print 1 / 0;", { plugins, backend: "other" });
  assertEquals(code, 1);
  assert(stderr.startsWith("Runtime Error: Division by zero."), stderr);
});

// ---- before anything runs ----------------------------------------------------------------------------------------

const REFUSED: readonly (readonly [rows: Partial<Plugin>, message: string])[] = [
  [
    { opcodes: [{ ...COPY, name: "copy" }] },
    "opcode 'copy' is not written in capitals, digits and underscores",
  ],
  [
    { opcodes: [{ ...COPY, operands: { A: "dest" as never } }] },
    "operand A of opcode 'COPY' is 'dest'; did you mean 'dst'?",
  ],
  [
    { opcodes: [{ ...COPY, operands: { D: "dst" } as never }] },
    "'operands' of opcode 'COPY' has an unknown key 'D'",
  ],
  [
    { opcodes: [{ ...COPY, operands: { words: ["jmp" as never] } }] },
    "an operand word of opcode 'COPY' is 'jmp'; did you mean 'jump'?",
  ],
  [
    { opcodes: [{ ...COPY, operands: { B: "src", Bx: "int" } }] },
    "opcode 'COPY' uses bits 16 to 31 twice: for B and C, or Bx, or sBx",
  ],
  [
    { opcodes: [{ ...COPY, operands: { A: "window" } }] },
    "opcode 'COPY' has a window in A, and no count in B",
  ],
  [
    { opcodes: [{ ...COPY, effect: "pur" as never }] },
    "the effect of opcode 'COPY' is 'pur'; did you mean 'pure'?",
  ],
  [{ templates: { x64: { COPY: fail } } }, "it has a x64 template for 'COPY', which is no opcode"],
  [
    { opcodes: [COPY], templates: { x64: { COPPY: fail } } },
    "it has a x64 template for 'COPPY', which is no opcode; did you mean 'COPY'?",
  ],
  [
    { opcodes: [COPY], templates: { x46: { COPY: fail } } },
    "it has templates for 'x46', which is no backend; did you mean 'x64'?",
  ],
  [
    { templates: { x64: { ADD: 5 as never } } },
    "the x64 template of 'ADD' is neither a function nor \"exit\"",
  ],
  [{ templates: { x64: 5 as never } }, "'x64' of 'templates' is not an object"],
  [{ requires: "soon" }, "its 'requires' is 'soon': write 0.1.0, ^0.1 or >=0.1 <0.3"],
  [{ requires: 1 as never }, "its 'requires' is not a string"],
];

Deno.test("what is malformed is refused before anything runs", () => {
  for (const [rows, message] of REFUSED) {
    assertThrows(() => createRuntime({ plugins: [{ ...EMPTY, ...rows }] }), PluginFailure, message);
  }
});

Deno.test("a plugin says for which versions of the runtime it is", () => {
  const [major, minor, patch] = VERSION.split(".").map(Number);
  const good = [
    VERSION,
    `^${major}.${minor}`,
    `>=${VERSION}`,
    `>=0.0 <${major + 1}`,
    `<=${VERSION}`,
    `=${VERSION}`,
  ];
  for (const requires of good) createRuntime({ plugins: [{ ...EMPTY, requires }] }).dispose();
  const bad = [
    `^${major}.${minor + 1}`,
    `>${VERSION}`,
    `<${VERSION}`,
    `^${major + 1}.0`,
    `${major}.${minor}.${patch + 1}`,
  ];
  for (const requires of bad) {
    const failure: PluginFailure = assertThrows(
      () => createRuntime({ plugins: [{ ...EMPTY, requires }] }),
      PluginFailure,
    );
    assertEquals(failure.message, `Plugin 'mine' works with version ${requires}, and this is ${VERSION}`);
    assertEquals(failure.diagnostics.map(({ code }) => code), ["U0504"]);
  }
});

Deno.test("passes that contradict each other are told with their reasons", () => {
  const pass = (name: string, before: string) =>
    definePass({
      name,
      stage: "load",
      from: "ast",
      to: "ast",
      before: [{ pass: before, because: `${name} is shy` }],
      doc: DOC,
      run: (tree) => tree,
    });
  assertThrows(
    () => createRuntime({ plugins: [{ ...EMPTY, passes: [pass("one", "two"), pass("two", "one")] }] }),
    PluginFailure,
    "its passes contradict each other: 'one' comes before 'two': one is shy; 'two' comes before 'one': two is shy",
  );
  assertThrows(
    () => createRuntime({ plugins: [{ ...EMPTY, passes: [pass("one", "bytcode")] }] }),
    PluginFailure,
    "pass 'one' has to come before 'bytcode', which does not exist; did you mean 'bytecode'?",
  );
});

// ---- from the command line ---------------------------------------------------------------------------------------

Deno.test("cli ends with 1 and tells whose fault it was, before a run and in the middle of one", async () => {
  const folder = await Deno.makeTempDir();
  const tired = 'throw new TypeError("tired")';
  const head = 'name: "mine", doc: "A test."';
  const rows: readonly (readonly [rows: string, args: readonly string[], message: string])[] = [
    [
      "pases: []",
      [],
      "error[U0503]: Plugin 'mine' is malformed: it has an unknown key 'pases'; did you mean 'passes'?",
    ],
    ['requires: "^9"', [], "error[U0504]: Plugin 'mine' works with version ^9, and this is"],
    [
      `observe: { runEnd() { ${tired} } }`,
      [],
      "error[U0501]: Plugin 'mine' failed in observer 'runEnd': tired",
    ],
    [
      `backends: [{ name: "b", doc: "", probe: () => ({ ok: true }), open: () => ({ run() { ${tired} } }) }]`,
      ["--backend=b"],
      "error[U0501]: Plugin 'mine' failed in backend 'b': tired",
    ],
    [
      `natives: [{ name: "nap", params: [], doc: "", example: {}, call() { ${tired} } }]`,
      ["-e", "nap();"],
      "Runtime Error: Plugin 'mine' failed in native 'nap': tired",
    ],
  ];
  for (const [index, [row, args, message]] of rows.entries()) {
    const file = `${folder}/plugin${index}.ts`;
    await Deno.writeTextFile(file, `export default { ${head}, ${row} };\n`);
    const program = args[0] === "-e" ? args : [...args, "-e", "print 1;"];
    const { code, stderr } = await runCaptured([`--plugin=${file}`, ...program], "");
    assertStringIncludes(stderr, message);
    assertEquals(code, 1, message);
  }
  await Deno.remove(folder, { recursive: true });
});
