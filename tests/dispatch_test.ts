/**
 * The dispatch loop against its two promises: that bodies pasted into it mean what they mean as functions, and that
 * counters run out exactly when they are to. Programs run through the public API, on backends made of its parts.
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Control, STACK, views } from "../core/memory.ts";
import { functionAt, functionsOf, type Machine, Stop } from "../core/machine.ts";
import { OP, OPCODES, type OpName, SCOPE } from "../core/opcodes.ts";
import { type Dispatch, makeInterpreter, makeLoop, makeStepper, writeLoop } from "../core/dispatch.ts";
import { createRuntime, type Plugin, type RuntimeOptions } from "../mod.ts";
import { readPrograms, runUnna, SMALL_HEAP } from "./support.ts";

const { I32 } = views;

const FACES: Readonly<Record<string, () => Dispatch>> = {
  loop: makeLoop,
  stepper: makeStepper,
  // Going over is possible before any instruction.
  "steps, then the loop": () => makeInterpreter(OPCODES, { steps: 101 }),
};

/** A plugin with a backend `test` that runs code by `dispatch` and shows each stop to `see`. */
function backendOf(dispatch: Dispatch, see: (stop: number, machine: Machine) => void = () => {}): Plugin {
  const run = (machine: Machine) => {
    const stop = dispatch(machine);
    see(stop, machine);
    return stop;
  };
  return {
    name: "test",
    doc: "Runs programs under observation.",
    backends: [{
      name: "test",
      doc: "Tells how it stops.",
      probe: () => ({ ok: true }),
      open: () => ({ run }),
    }],
  };
}

// ---- bodies ------------------------------------------------------------------------------------------------------

const WORDS_OF_JS = new Set(
  "const let if else return for of while break continue switch case typeof new".split(" "),
);
const GLOBALS_OF_JS = new Set(["Math"]);

/** Names that a function's text takes from outside: neither properties, nor parameters, nor declared in it. */
function freeNames(source: string): Set<string> {
  const text = source.replace(/\/\/.*|\/\*[\s\S]*?\*\/|"[^"]*"|'[^']*'/g, "");
  const known = new Set(
    text.slice(text.indexOf("(") + 1, text.indexOf(")")).split(",").map((name) => name.trim()),
  );
  const declarations = /\b(?:const|let)\s+([^;]+?);/g;
  for (const [, list] of text.matchAll(declarations)) {
    for (const [, name] of list.matchAll(/(?:^|,)\s*([A-Za-z_$][\w$]*)\s*=(?!=)/g)) known.add(name);
  }
  const body = text.slice(text.indexOf("{") + 1);
  const found = new Set<string>();
  // A name after a dot is a property, and so is one between a brace or comma and a colon.
  for (const [, before, name, after] of body.matchAll(/([.{,]?)\s*(?<![\w$])([A-Za-z_$][\w$]*)\s*(:?)/g)) {
    if (before === "." || (after === ":" && before !== "")) continue;
    if (!known.has(name) && !WORDS_OF_JS.has(name) && !GLOBALS_OF_JS.has(name)) found.add(name);
  }
  return found;
}

Deno.test("freeNames() finds what a function takes from outside", () => {
  const sample = (m: { pc: number }, a: number) => {
    const b = I32[a], c = STACK + b;
    let d = c ? a : b;
    for (let e = 0; e < d; e += Stop.NONE) d = Math.min(d, m.pc, SCOPE.P_CODE);
    return { kind: assert, OP, d };
  };
  assertEquals([...freeNames(String(sample))].sort(), ["I32", "OP", "SCOPE", "STACK", "Stop", "assert"]);
});

Deno.test("opcode bodies name nothing that SCOPE does not hand to the loop", () => {
  const used = new Set<string>();
  for (const { name, exec } of OPCODES) {
    for (const free of freeNames(String(exec))) {
      assert(Object.hasOwn(SCOPE, free), `${name} uses ${free}`);
      used.add(free);
    }
  }
  assertEquals(Object.keys(SCOPE).filter((name) => !used.has(name)), [], "SCOPE has more than bodies use");
});

Deno.test("the loop stays small enough for V8 to optimise it", () => {
  // V8 leaves functions of more than 60 KiB of bytecode to its slow tiers, and tells nobody. The length of bytecode is
  // not to be had from inside, but it follows that of the text: 0.61 bytes for a character (--print-bytecode), so
  // 100,000 characters are the end. Whoever comes near moves what is rare out of bodies into functions.
  for (const options of [{}, { count: true }]) {
    const { length } = writeLoop(OPCODES, options);
    assert(length < 96_000, `${length} characters`);
  }
});

const AGREED = [
  "arrays/basics.unna",
  "async/basics.unna",
  "closures/counter.unna",
  "functions/arity.unna",
  "maps/basics.unna",
  "numbers/mixed.unna",
  "numbers/wrong_operands.unna",
  "numbers/wrap_loops.unna",
  "strings/index.unna",
  "structs/many_shapes.unna",
  "structs/properties_of_others.unna",
  "variables/compound.unna",
];

Deno.test("all ways of interpreting agree", async (t) => {
  for (const file of AGREED) {
    await t.step(file, async () => {
      const path = `tests/lang/${file}`;
      for (const { source } of readPrograms(path, await Deno.readTextFile(path))) {
        const [loop, ...others] = await Promise.all(
          Object.values(FACES).map((make) =>
            runUnna(source, { path, backend: "test", plugins: [backendOf(make())] })
          ),
        );
        for (const other of others) assertEquals(other, loop);
        assert(loop.stdout + loop.stderr !== "");
      }
    });
  }
});

// ---- counters ----------------------------------------------------------------------------------------------------

const COUNTED = `var i = 0;
var calls = 0;
function f() { calls = calls + 1; }
while (i < 5000) { i = i + 1; }
for (var k = 0; k < 5000; k = k + 1) f();`;

/** What a global of the main file holds, a small integer. */
function globalOf(machine: Machine, name: string): number {
  return I32[functionsOf(machine)[0].module.globals.get(name)!];
}

for (const [face, make] of Object.entries(FACES)) {
  const rows: readonly (readonly [what: string, options: RuntimeOptions, first: number])[] = [
    ["threshold 0 as 1", { threshold: 0 }, 1],
    ["threshold 1", { threshold: 1 }, 1],
    ["threshold 2", { threshold: 2 }, 2],
    ["threshold 100", { threshold: 100 }, 100],
    ["no counters planted", { threshold: 1, off: ["profile"] }, 2048],
  ];
  for (const [what, options, first] of rows) {
    Deno.test(`counters on the ${face}: ${what}`, async () => {
      let rounds = -1, calls = -1;
      const plugin = backendOf(make(), (stop, machine) => {
        if (stop === Stop.HOT_LOOP && rounds < 0) rounds = globalOf(machine, "i");
        const isOfF = stop === Stop.HOT_CALL && functionAt(machine.proto).proto.name === "f";
        if (isOfF && calls < 0) calls = globalOf(machine, "calls") + 1;
      });
      const runtime = createRuntime({ ...options, heap: SMALL_HEAP, backend: "test", plugins: [plugin] });
      try {
        assertStrictEquals(await runtime.runSource("test.unna", COUNTED), 0);
        assertEquals({ rounds, calls }, { rounds: first, calls: first });
        // What the engine makes of it is the truth, whatever it began with.
        const [f, main] = runtime.profile(); // inner functions are loaded first
        assertEquals(main.loops.map((loop) => loop.rounds), [4999, 4999]);
        assertStrictEquals(f.calls, 5000);
      } finally {
        runtime.dispose();
      }
    });
  }
}

// ---- inline caches -----------------------------------------------------------------------------------------------

/** The form that the only instruction of the family `general` has after the program has run; what it prints. */
async function formAfter(source: string, general: OpName): Promise<{ form: string; output: string }> {
  const chunks: string[] = [];
  const runtime = createRuntime({
    heap: SMALL_HEAP,
    stdout: (bytes) => void chunks.push(new TextDecoder().decode(bytes)),
  });
  try {
    assertStrictEquals(await runtime.runSource("test.unna", source), 0);
    const family = OPCODES.filter((row) => row.name === general || row.general === general);
    const codes = runtime.profile().filter(({ loaded }) => loaded.proto.name === "f").map(({ code }) => code);
    const forms = codes.flatMap((code) => {
      const found: string[] = [];
      for (let pc = 0; pc < code.length; pc += 1 + (OPCODES[code[pc] & 0xFF].operands.words?.length ?? 0)) {
        const row = OPCODES[code[pc] & 0xFF];
        if (family.includes(row)) found.push(row.name);
      }
      return found;
    });
    assertStrictEquals(forms.length, 1);
    return { form: forms[0], output: chunks.join("") };
  } finally {
    runtime.dispose();
  }
}

Deno.test("field instructions tell how many types they have seen", async () => {
  const types = "struct A { x; }\nstruct B { y; x; }\nstruct C { length; }\n";
  const rows: readonly (readonly [body: string, general: OpName, form: OpName, output: string])[] = [
    ["function f(o) { return o.x; } print f(A(1)) + f(A(2));", "GET_FIELD", "GET_FIELD_STRUCT", "3\n"],
    ["function f(o) { return o.x; } print f(A(1)) + f(B(0, 2));", "GET_FIELD", "GET_FIELD_ANY", "3\n"],
    ["function f(o) { return o.pi > 3; } print f(ucoreMath);", "GET_FIELD", "GET_FIELD_MODULE", "true\n"],
    [
      "function f(o) { return o.now; } f(ucoreTimer); print f(ucoreTimer) == ucoreTimer.now;",
      "GET_FIELD",
      "GET_FIELD_MODULE",
      "true\n",
    ],
    [
      'function f(o) { return o.length; } print f("four") + f(C(1)) + f("no") + f(C(2));',
      "GET_FIELD",
      "GET_FIELD_ANY",
      "9\n",
    ],
    ['function f(o) { return o.length; } print f("four");', "GET_FIELD", "GET_FIELD_ANY", "4\n"],
    [
      "function f(o) { o.x = 5; } var a = A(1); f(a); print a;",
      "SET_FIELD",
      "SET_FIELD_STRUCT",
      "A {x: 5}\n",
    ],
    [
      "function f(o) { o.x = 5; } var a = A(1); var b = B(1, 2); f(a); f(b); f(a); f(b); print [a, b];",
      "SET_FIELD",
      "SET_FIELD_ANY",
      "[A {x: 5}, B {y: 1, x: 5}]\n",
    ],
  ];
  for (const [body, general, form, output] of rows) {
    assertEquals(await formAfter(types + body, general), { form, output }, body);
  }
});

Deno.test("field instructions that have seen several types still cache the last one", async () => {
  const stops: number[] = [];
  const source = `struct A { x; } struct B { y; x; }
function f(o) { return o.x; }
var a = A(1); var b = B(0, 2);
f(a); f(b);
mark(0); f(a); mark(1); f(b); mark(2);`;
  const runtime = createRuntime({
    heap: SMALL_HEAP,
    functions: {
      mark: () => {
        const f = runtime.profile().find(({ loaded }) => loaded.proto.name === "f")!;
        const pc = f.code.findIndex((word) => (word & 0xFF) === OP.GET_FIELD_ANY);
        stops.push(f.code[pc + 2], f.code[pc + 3]); // the cached type, and where its field lies
      },
    },
  });
  try {
    assertStrictEquals(await runtime.runSource("test.unna", source), 0);
    assertEquals([stops[1], stops[3], stops[5]], [4, 2, 4]);
    assert(stops[0] !== stops[2] && stops[0] === stops[4]);
  } finally {
    runtime.dispose();
  }
});

// ---- the stack ---------------------------------------------------------------------------------------------------

Deno.test("a collection lowers the soft limit of the stack, and deep recursion still works", async () => {
  const heights: number[] = [];
  const output: string[] = [];
  const source = `function down(n) { if (n == 0) return 0; return 1 + down(n - 1); }
height();
print down(50000);
height();
for (var i = 0; i < 1000000; i += 1) [i, i];
height();
print down(100000);
height();`;
  const runtime = createRuntime({
    heap: SMALL_HEAP,
    stdout: (bytes) => void output.push(new TextDecoder().decode(bytes)),
    functions: { height: () => void heights.push(I32[Control.STACK_LIMIT] - STACK) },
  });
  try {
    assertStrictEquals(await runtime.runSource("test.unna", source), 0);
    assertStrictEquals(output.join(""), "50000\n100000\n");
    const [, deep, collected, deeper] = heights;
    assert(deep > 50_000 * 2 && deeper > 100_000 * 2, `${heights}`);
    assert(collected < 20_000, `${heights}`);
  } finally {
    runtime.dispose();
  }
});

Deno.test("a program that keeps everything runs out of memory after few collections", async () => {
  for (const body of ["push(a, [1]);", 'push(a, "" + length(a)); push(a, [1, 2, 3, 4]);']) {
    const runtime = createRuntime({ heap: 16 << 20, stderr: () => {} });
    try {
      const { collections } = runtime.stats().heap;
      assertStrictEquals(await runtime.runSource("test.unna", `var a = [];\nwhile (true) { ${body} }`), 1);
      const more = runtime.stats().heap.collections - collections;
      assert(more < 40, `${more} collections`);
    } finally {
      runtime.dispose();
    }
  }
});
