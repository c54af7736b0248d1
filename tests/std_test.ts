/** The builtins: their examples, and their behaviour beyond what single expectations show. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import type { NativeDef } from "../core/machine.ts";
import { isTruthy, setInt32 } from "../core/value.ts";
import { std } from "../plugins/std.ts";
import { errorOf, runUnna } from "./support.ts";

/** Runs a program that has to succeed, with and without a collection at every allocation; gives what it prints. */
async function outputOf(source: string): Promise<string> {
  const outcome = await runUnna(source), stressed = await runUnna(source, { gcStress: true });
  assertEquals(outcome, { code: 0, stdout: outcome.stdout, stderr: "" }, source);
  assertEquals(stressed, outcome, "with stress");
  return outcome.stdout;
}

for (const { name, example } of std.natives ?? []) {
  Deno.test(`${name}() does what its example shows`, async () => {
    assertStrictEquals(await outputOf(example.code), example.output);
  });
}

/** A native's call as a direct one, and as one through a variable, which no opcode stands for. */
function bothCalls(name: string, args: string): string[] {
  return [`print ${name}(${args});`, `var f = ${name};\nprint f(${args});`];
}

Deno.test("builtins called as values do what their opcodes do", async () => {
  const rows: [string, string, string][] = [
    ["push", "[1], 2", "nil"],
    ["pop", "[1, 2]", "2"],
    ["pop", "[]", "nil"],
    ["length", '"héllo"', "6"],
    ["length", "[1, [2, 3]]", "2"],
    ["length", '{"a": 1}', "1"],
    ["array", "", "[]"],
    ["map", "", "{}"],
    ["has", "{2: nil}, 2.0", "true"],
    ["has", "{2: nil}, true", "false"],
  ];
  for (const [name, args, result] of rows) {
    for (const program of bothCalls(name, args)) {
      assertStrictEquals(await outputOf(program), `${result}\n`, program);
    }
  }
});

Deno.test("builtins refuse what they cannot take, called either way", async () => {
  const rows: [string, string][] = [
    ["push", '"a", 1'],
    ["push", "[]"],
    ["push", "[], 1, 2"],
    ["pop", "nil"],
    ["length", "5"],
    ["length", ""],
    ["array", "1"],
    ["map", "1"],
    ["has", "[1], 0"],
    ["keys", '"abc"'],
    ["remove", "[1], 0"],
    ["slice", "{}, 0"],
    ["slice", "[], 0.0"],
    ["slice", "[]"],
    ["slice", "[], 0, 1, 2"],
    ["type", "1, 2"],
    ["str", ""],
    ["int", ""],
    ["float", "1, 2"],
    ["clock", "1"],
    ["assert", ""],
    ["assert", "true, 1, 2"],
  ];
  for (const [name, args] of rows) {
    for (const program of bothCalls(name, args)) {
      const error = await errorOf(program);
      assert(error.startsWith(`Runtime Error: ${name} expects (`), `${program}: ${error}`);
    }
  }
});

Deno.test("opcodes that stand for builtins fail with the words of those", async () => {
  for (
    const [name, args] of [["push", "1, 2"], ["pop", '"abc"'], ["length", "5"], ["has", "[1], 0"], [
      "has",
      "{}, nil",
    ]]
  ) {
    const [direct, indirect] = await Promise.all(bothCalls(name, args).map(errorOf));
    assertStrictEquals(direct, indirect);
  }
  assertStrictEquals(
    await errorOf("push(1, 2);"),
    "Runtime Error: push expects (array: array, value: any), but got (int, int).",
  );
});

Deno.test("has() and remove() refuse what cannot be a key", async () => {
  for (const key of ["nil", "[]", "{}", "length", "0.0 / 0.0"]) {
    const kind = { "nil": "nil", "[]": "array", "{}": "map", "length": "function" }[key] ?? "nan";
    for (const name of ["has", "remove"]) {
      for (const program of bothCalls(name, `{}, ${key}`)) {
        assertStrictEquals(await errorOf(program), `Runtime Error: Cannot use ${kind} as a map key.`);
      }
    }
  }
});

Deno.test("assert() tells what failed", async () => {
  assertStrictEquals(await errorOf("assert(nil);"), "Runtime Error: Assertion failed.");
  assertStrictEquals(await errorOf('assert(0, "zero");'), "Runtime Error: Assertion failed: zero");
  assertStrictEquals(await errorOf("assert(1 > 2, [1, 2]);"), "Runtime Error: Assertion failed: [1, 2]");
});

Deno.test("slice() cuts like JavaScript, but never from the end", async () => {
  const small = fc.integer({ min: 0, max: 12 }).map(BigInt);
  // What lies far beyond the end must not come back as the lower half of itself.
  const bound = fc.oneof(
    small,
    fc.tuple(fc.bigInt({ min: 1n, max: (1n << 31n) - 1n }), small).map(([high, low]) => high << 32n | low),
  );
  const cut = fc.record({
    items: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 10 }),
    from: bound,
    to: fc.option(bound),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(cut, { minLength: 50, maxLength: 100 }), async (cuts) => {
      const lines = cuts.map(({ items, from, to }) => {
        const bounds = to === null ? `${from}` : `${from}, ${to}`;
        return `print slice([${items.join(", ")}], ${bounds});\nprint slice("${
          items.join("")
        }", ${bounds});\n`;
      });
      const expected = cuts.map(({ items, from, to }) => {
        const part = items.slice(Number(from), to === null ? undefined : Number(to));
        return `[${part.join(", ")}]\n${part.join("")}\n`;
      });
      assertStrictEquals(await outputOf(lines.join("")), expected.join(""));
    }),
    { numRuns: 5 },
  );
});

Deno.test("slice() names a negative bound", async () => {
  assertStrictEquals(
    await errorOf('print slice("abc", -1);'),
    "Runtime Error: slice expects bounds from 0 on, but got -1.",
  );
  assertStrictEquals(
    await errorOf("print slice([1], 0, -9223372036854775808);"),
    "Runtime Error: slice expects bounds from 0 on, but got -9223372036854775808.",
  );
});

Deno.test("slice() makes strings that grow apart", async () => {
  const source = `
    var s = "";
    for (var i = 0; i < 200; i += 1) s += "x";
    var a = slice(s, 0, 100);
    a += "a";
    s += "s";
    print slice(a, 98) + slice(s, 198) + length(a) + length(s);
  `;
  assertStrictEquals(await outputOf(source), "xxaxxs101201\n");
});

Deno.test("push(), pop() and length() keep what JavaScript's arrays keep", async () => {
  const step = fc.option(fc.integer({ min: 0, max: 99 }), { freq: 2 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 200 }), async (steps) => {
      const model: number[] = [], expected: string[] = [];
      const lines = steps.map((value) => {
        expected.push(
          value === null ? `${model.pop() ?? "nil"}` : (model.push(value), "nil"),
          `${model.length}`,
        );
        return value === null
          ? "print popped(a);\nprint length(a);\n"
          : `print pushed(a, ${value});\nprint length(a);\n`;
      });
      const source = `var a = [];\nvar pushed = push;\nvar popped = pop;\n${lines.join("")}print a;`;
      assertStrictEquals(await outputOf(source), `${expected.join("\n")}\n[${model.join(", ")}]\n`);
    }),
    { numRuns: 5 },
  );
});

Deno.test("keys(), has() and remove() follow insertion", async () => {
  const step = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 12 }));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 200 }), async (steps) => {
      const model = new Map<number, number>(), expected: string[] = [];
      const lines = steps.map(([add, key], i) => {
        if (add) model.set(key, i);
        else {
          expected.push(`${model.has(key)} ${model.get(key) ?? "nil"}`);
          model.delete(key);
        }
        expected.push(`[${[...model.keys()].join(", ")}]`);
        const change = add ? `m[${key}] = ${i};` : `print has(m, ${key}) + " " + remove(m, ${key});`;
        return `${change}\nprint keys(m);\n`;
      });
      assertStrictEquals(await outputOf(`var m = map();\n${lines.join("")}`), `${expected.join("\n")}\n`);
    }),
    { numRuns: 5 },
  );
});

/** What `int(text)` gives, by the letter of the language. */
function intReference(text: string): string {
  if (!/^[+-]?[0-9]+$/.test(text)) return "nil";
  const n = BigInt(text.replace("+", ""));
  return BigInt.asIntN(64, n) === n ? `${n}` : "nil";
}

Deno.test("int() reads an optional sign and decimal digits, and nothing else", async () => {
  const digits = fc.oneof(
    fc.bigInt({ min: -(1n << 65n), max: 1n << 65n }).map(String),
    fc.tuple(fc.constantFrom("", "+", "-"), fc.integer({ min: 0, max: 30 }), fc.nat()).map(
      ([sign, zeros, n]) => sign + "0".repeat(zeros) + n,
    ),
    fc.string({ unit: fc.constantFrom("0", "1", "9", "+", "-", ".", "e", "x", "_", " ", "é"), maxLength: 6 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(digits, { minLength: 100, maxLength: 200 }), async (texts) => {
      const lines = texts.map((text) => `print int("${text}");\n`);
      assertStrictEquals(
        await outputOf(lines.join("")),
        texts.map((text) => intReference(text) + "\n").join(""),
      );
    }),
    { numRuns: 5 },
  );
});

Deno.test("int() and float() decide on texts of any length", async () => {
  const source = `
    function repeat(s, times) { var r = ""; for (var i = 0; i < times; i += 1) r += s; return r; }
    var zeros = repeat("0000000000", 300000);
    print int(zeros + "42");
    print int("-" + zeros);
    print int(zeros + "x");
    print int(repeat("9999999999", 300000));
    print float(repeat("1", 300));
    print float("0." + repeat("3", 5000));
    print float(repeat("9999999999", 300000));
  `;
  const { code, stdout, stderr } = await runUnna(source);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  assertStrictEquals(stdout, "42\n0\nnil\nnil\n1.1111111111111e+299\n0.33333333333333\nnil\n");
});

Deno.test("int() drops the fraction of floats that fit", async () => {
  const float = fc.double({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 64), max: 2 ** 64 });
  await fc.assert(
    fc.asyncProperty(fc.array(float, { minLength: 100, maxLength: 200 }), async (floats) => {
      const lines = floats.map((x) => `print int(${x < 0 ? "-" : ""}${decimal(Math.abs(x))});\n`);
      const expected = floats.map((x) => {
        const whole = BigInt(Math.trunc(x));
        return `${BigInt.asIntN(64, whole) === whole ? whole : "nil"}\n`;
      });
      assertStrictEquals(await outputOf(lines.join("")), expected.join(""));
    }),
    { numRuns: 5 },
  );
});

/** A float as a literal of the language. */
function decimal(x: number): string {
  return /[.e]/.test(String(x)) ? String(x) : `${x}.0`;
}

Deno.test("builtins that allocate let the collector work: their garbage never fills a small heap", async () => {
  const calls = [
    "array()",
    "map()",
    "keys(m)",
    "slice(a, 1)",
    'slice("hello world", 1)',
    "type(a)",
    "str(a)",
    "int(1e18)",
    'int("1000000000000000000")',
    "push([1, 2, 3, 4, 5, 6, 7, 8], 9)",
  ];
  const loops = calls.map((call) => `for (var i = 0; i < 100000; i += 1) ${call.replace(/^\w+/, "$&_")};\n`);
  const aliases = ["array", "map", "keys", "slice", "type", "str", "int", "push"]
    .map((name) => `var ${name}_ = ${name};\n`);
  const source = `var a = [1, 2, 3, 4];\nvar m = {"a": 1, 2: 3};\n${aliases.join("")}${
    loops.join("")
  }print a;\nprint m;`;
  const outcome = await runUnna(source, { heap: 1 << 20 });
  assertEquals(outcome, { code: 0, stdout: "[1, 2, 3, 4]\n{a: 1, 2: 3}\n", stderr: "" });
});

Deno.test("ucoreTimer.sleep() waits for its own task only", async () => {
  const source = `
    async function nap(name, ms) { print name + ucoreTimer.sleep(ms); }
    var long = nap("long ", 30);
    var short = nap("short ", 1);
    print "going on";
    await long;
    await short;
    print ucoreTimer.sleep(-5);
  `;
  assertStrictEquals(await outputOf(source), "going on\nshort 0\nlong 0\n0\n");
  assert(
    (await errorOf("ucoreTimer.sleep(1.5);")).startsWith("Runtime Error: ucoreTimer.sleep expects (ms: int)"),
  );
});

Deno.test("a native that waits keeps its call while others use theirs", async () => {
  const later: NativeDef = {
    name: "later",
    params: [{ name: "x", type: "any" }, { name: "ok", type: "bool" }],
    doc: "Gives 7 in a while, or fails.",
    example: { code: "print later(1, true);", output: "7\n" },
    call(call) {
      const { count } = call, ok = isTruthy(call.word(1));
      call.wait(Promise.resolve(7), (result, seven) => {
        if (!ok) call.fail(`later() failed, called with ${call.count} of ${count} arguments.`);
        setInt32(result, seven);
      });
    },
  };
  const source = `
    async function first() { return later("a", true); }
    async function second() { return later("b", false); }
    var a = first();
    var b = second();
    print slice("hello", 1, 3) + type(1);
    print await a;
    await b;
  `;
  const plugins = [{ name: "later", doc: "Waits.", natives: [later] }];
  const { code, stdout, stderr } = await runUnna(source, { plugins });
  assertEquals({ code, stdout }, { code: 1, stdout: "elint\n7\n" });
  assert(stderr.startsWith("Runtime Error: later() failed, called with 2 of 2 arguments."), stderr);
});
