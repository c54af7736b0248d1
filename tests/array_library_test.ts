/** `ucoreArray`: its sorts held to exact arithmetic and to bytes, and callbacks that do what they should not. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { createRuntime, float, type HostValue } from "../mod.ts";
import { errorEverywhere, outputEverywhere, runEverywhere, runUnna, SMALL_HEAP } from "./support.ts";

/** Ints are BigInts and floats are numbers, as everywhere in this file. */
type Num = bigint | number;

const MIN = -(1n << 63n), MAX = (1n << 63n) - 1n;

Deno.test("wrong arguments are errors that say what a function expects", async (t) => {
  const calls = {
    "sort()": "(array: array, compare?: function), but got ()",
    'sort("ba")': "(array: array, compare?: function), but got (string)",
    "sort([1], 2)": "(array: array, compare?: function), but got (array, int)",
    "sort([1], str, str)": "but got (array, function, function)",
    "map([1])": "(array: array, f: function), but got (array)",
    "map(nil, str)": "but got (nil, function)",
    "filter([1], true)": "(array: array, f: function), but got (array, bool)",
    "find({}, str)": "(array: array, f: function), but got (map, function)",
    "reduce([1], str)": "(array: array, f: function, initial: any), but got (array, function)",
    "indexOf([1])": "(array: array, value: any, from?: int), but got (array)",
    'indexOf([1], 1, "0")': "but got (array, int, string)",
    "contains([1])": "(array: array, value: any), but got (array)",
    "concat()": "(array: array, ...more: array), but got ()",
    "concat([1], 2)": "but got (array, int)",
    "reverse([1], 2)": "(array: array), but got (array, int)",
    "join([1], 2)": "(array: array, separator?: string), but got (array, int)",
    "range()": "(from: int, to?: int, step?: int), but got ()",
    "range(1.5)": "but got (float)",
    "fill([1])": "(array: array, value: any, from?: int, to?: int), but got (array)",
    'fill([1], 2, "0")': "but got (array, int, string)",
  };
  for (const [call, expected] of Object.entries(calls)) {
    await t.step(call, async () => {
      const name = call.slice(0, call.indexOf("(")), { code, stderr } = await runUnna(`ucoreArray.${call};`);
      assertEquals(code, 1);
      assertStringIncludes(stderr, `ucoreArray.${name}`);
      assertStringIncludes(stderr, expected);
    });
  }
});

// ---- sort by value -----------------------------------------------------------------------------------------------

/** What `sort` makes of values that go in as `input()`, as values that come out of a program do. */
async function sortAll(
  inputs: readonly (readonly HostValue[])[],
  gcStress: boolean,
): Promise<HostValue[][]> {
  const remaining = inputs.values();
  const runtime = createRuntime({
    heap: SMALL_HEAP,
    gcStress,
    functions: { input: () => remaining.next().value ?? null },
  });
  try {
    const source = `function work() {
      var result = [];
      for (var x : ucoreArray.sort(input())) { push(result, type(x)); push(result, x); }
      return result;
    }`;
    assertEquals(await runtime.runSource("sort.unna", source), 0);
    const results: HostValue[][] = [];
    for (let i = 0; i < inputs.length; i++) results.push(await runtime.call("work") as HostValue[]);
    return results;
  } finally {
    runtime.dispose();
  }
}

const narrow: fc.Arbitrary<Num> = fc.oneof(
  fc.bigInt({ min: -9n, max: 9n }),
  fc.bigInt({ min: -(1n << 47n), max: (1n << 47n) - 1n }),
);
const wide: fc.Arbitrary<Num> = fc.oneof(
  fc.bigInt({ min: MIN, max: MAX }),
  // Neighbours that share their nearest double.
  fc.bigInt({ min: MAX - 2000n, max: MAX }),
  fc.bigInt({ min: (1n << 60n) - 100n, max: (1n << 60n) + 100n }),
  fc.bigInt({ min: -(1n << 53n) - 5n, max: -(1n << 53n) + 5n }),
);
const floats: fc.Arbitrary<Num> = fc.oneof(
  fc.double(),
  fc.integer({ min: -20, max: 20 }).map((n) => n / 2),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 2 ** 60, 2 ** 63, -(2 ** 63), 2 ** 53, 5e-324),
);

/** The exact order, in which nan comes last. TypeScript compares BigInts and numbers by their values. */
function compareNums(a: Num, b: Num): number {
  if (a !== a || b !== b) return Number(a !== a) - Number(b !== b);
  return a < b ? -1 : a > b ? 1 : 0;
}

for (
  const [what, number] of Object.entries({ narrow, wide, floats, mixed: fc.oneof(narrow, wide, floats) })
) {
  Deno.test(`sort orders ${what} numbers exactly, and leaves equal ones in their order`, async () => {
    const arrays = fc.array(fc.array(number, { maxLength: 60 }), { minLength: 30, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(arrays, fc.boolean(), async (rows, gcStress) => {
        const inputs = rows.map((row) => row.map((n) => typeof n === "bigint" ? n : float(n)));
        const results = await sortAll(inputs, gcStress);
        rows.forEach((row, i) => {
          const expected = row.toSorted(compareNums).flatMap((n) =>
            typeof n === "number" ? ["float", n] : ["int", Number.isSafeInteger(Number(n)) ? Number(n) : n]
          );
          assert(
            results[i].length === expected.length && results[i].every((x, k) => Object.is(x, expected[k])),
          );
        });
      }),
      { numRuns: 8 },
    );
  });
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

Deno.test("sort orders strings by their bytes, what begins another one before it", async () => {
  // Few different bytes, so that long beginnings are the same; some of them zero, or above 127.
  const bytes = fc.array(fc.constantFrom(0, 0x61, 0x62, 0xFF), { maxLength: 20 });
  const string = fc.oneof(bytes, bytes.map((rest) => [...new Array(12).fill(0x61), ...rest])).map((list) =>
    Uint8Array.from([...list, 0xFF]) // not UTF-8, so that it comes back as bytes
  );
  const rows = fc.array(fc.array(string, { maxLength: 80 }), { minLength: 10, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(rows, fc.boolean(), async (rows, gcStress) => {
      const results = await sortAll(rows, gcStress);
      rows.forEach((row, i) =>
        assertEquals(results[i].filter((_, k) => k % 2 === 1), row.toSorted(compareBytes))
      );
    }),
    { numRuns: 8 },
  );
});

Deno.test("sort orders strings with long common beginnings, and many that are the same", async () => {
  assertEquals(
    await outputEverywhere(`
      var a = [];
      var long = "a long beginning that is the same for all of them, ";
      for (var i = 0; i < 200; i += 1) push(a, long + i * 7919 % 100);
      ucoreArray.sort(a);
      var same = 0;
      for (var i = 1; i < 200; i += 1) { assert(a[i - 1] <= a[i]); if (a[i - 1] == a[i]) same += 1; }
      print same;
      print slice(a[199], length(long));`),
    "100\n99\n",
  );
});

Deno.test("sort by value refuses what has no order, as '<' does, and leaves the array as it was", async () => {
  for (
    const [items, kinds] of [
      ['[3, 1, "2"]', "int and string"],
      ['["b", "a", 1.5]', "string and float"],
      ["[nil, nil]", "nil and nil"],
      ["[true, false]", "bool and bool"],
      ["[[1], [0]]", "array and array"],
    ]
  ) {
    assertStringIncludes(
      await errorEverywhere(`ucoreArray.sort(${items});`),
      `Runtime Error: Cannot apply '<' to ${kinds}.`,
    );
  }
  const { code, stdout } = await runEverywhere(`
    var a = [3, 1, "2"];
    async function attempt() { ucoreArray.sort(a); }
    attempt();
    print a;
    for (var item : [[], [nil], [[2]]]) print ucoreArray.sort(item);`);
  assertEquals({ code, stdout }, { code: 1, stdout: "[3, 1, 2]\n[]\n[nil]\n[[2]]\n" });
});

// ---- sort with a comparator --------------------------------------------------------------------------------------

Deno.test("sort with a comparator is stable at every length", async () => {
  assertEquals(
    await outputEverywhere(`
      ucoreMath.seed(1);
      for (var n = 0; n < 70; n += 1) {
        var a = [];
        for (var i = 0; i < n; i += 1) push(a, [int(ucoreMath.random() * 8), i]);
        var given = ucoreArray.sort(a, function (x, y) { return x[0] - y[0]; });
        assert(given == a && length(a) == n);
        for (var i = 1; i < n; i += 1) {
          assert(a[i - 1][0] < a[i][0] || a[i - 1][0] == a[i][0] && a[i - 1][1] < a[i][1], "of " + n);
        }
      }
      print "sorted";`),
    "sorted\n",
  );
});

Deno.test("a comparator that gives no number is an error, the first time in words of its own", async () => {
  for (const [result, shown] of [["nil", "nil"], ["a < b", "true"], ['"1"', "1"], ["[1]", "[1]"]]) {
    assertStringIncludes(
      await errorEverywhere(`ucoreArray.sort([1, 2, 3], function (a, b) { return ${result}; });`),
      `Runtime Error: The comparator of ucoreArray.sort has to give a number, but it gave ${shown}.`,
    );
  }
  assertStringIncludes(
    await errorEverywhere(
      "ucoreArray.sort([1, 2, 3], function (a, b) { if (b == 3) return nil; return 0; });",
    ),
    "Runtime Error: Cannot apply '>' to nil and int.",
  );
});

Deno.test("comparators that contradict themselves lose no element", async () => {
  assertEquals(
    await outputEverywhere(`
      ucoreMath.seed(5);
      for (var mode = 0; mode < 4; mode += 1) {
        var a = ucoreArray.range(50);
        ucoreArray.sort(a, function (x, y) {
          if (mode == 0) return 1;
          if (mode == 1) return -1;
          if (mode == 2) return 0.0 / 0.0;
          return ucoreMath.random() - 0.5;
        });
        print ucoreArray.sort(a) == a && ucoreArray.join(a) == ucoreArray.join(ucoreArray.range(50));
      }`),
    "true\n".repeat(4),
  );
});

Deno.test("a comparator sees the array as it was, and what it changes there is overwritten", async () => {
  assertEquals(
    await outputEverywhere(`
      var a = [3, 1, 2];
      ucoreArray.sort(a, function (x, y) { assert(ucoreArray.join(a) == "3,1,2"); return x - y; });
      print a;
      a = [3, 1, 2];
      ucoreArray.sort(a, function (x, y) { while (length(a) > 0) pop(a); return x - y; });
      print a;
      a = [3, 1, 2];
      ucoreArray.sort(a, function (x, y) { push(a, "more"); a[0] = "lost"; return x - y; });
      print slice(a, 0, 4);`),
    "[1, 2, 3]\n[1, 2, 3]\n[1, 2, 3, more]\n",
  );
});

Deno.test("a comparator that fails leaves the array as it was", async () => {
  const stderr = await errorEverywhere(`
    var a = [3, 1, 2];
    async function attempt() {
      ucoreArray.sort(a, function (x, y) {
        if (y == 2) return missing;
        return x - y;
      });
    }
    var done = attempt();
    assert(ucoreArray.join(a) == "3,1,2");
    await done;`);
  assertStringIncludes(stderr, "Undefined variable 'missing'");
  assertStringIncludes(stderr, "at sort (<ucoreArray.sort>:");
  assertStringIncludes(stderr, "at attempt (test.unna:4:");
});

// ---- the others --------------------------------------------------------------------------------------------------

Deno.test("callbacks may change the array as the body of a loop may", async () => {
  assertEquals(
    await outputEverywhere(`
      var a = [1, 2, 3];
      print ucoreArray.map(a, function (n) { if (n < 3) push(a, n + 10); return n; });
      print ucoreArray.filter(a, function (n) { pop(a); return true; });
      print ucoreArray.reduce(a, function (sum, n) { a[1] = 100; return sum + n; }, 0);
      print ucoreArray.find(a, function (n) { while (length(a) > 0) pop(a); return false; });
      print a;`),
    "[1, 2, 3, 11, 12]\n[1, 2, 3]\n101\nnil\n[]\n",
  );
});

Deno.test("callbacks may be functions of any sort, and call such functions themselves", async () => {
  assertEquals(
    await outputEverywhere(`
      print ucoreArray.map([[1], [2, 3]], length);
      print ucoreArray.map([1, nil, "x"], type);
      var map = ucoreArray.map;
      print map([[1, 2], [3]], function (inner) { return map(inner, function (n) { return n * 10; }); });
      print ucoreArray.reduce([1, 2], ucoreMath.max, 0);
      print ucoreArray.find([0, nil, false, "", 1], function (x) { return x; }) == "";
      print ucoreArray.filter([0, 1, nil, [], false], function (x) { return x; });
      print ucoreArray.map([], str);
      print ucoreArray.reduce([], ucoreMath.max, "initial");`),
    "[1, 2]\n[int, nil, string]\n[[10, 20], [30]]\n2\ntrue\n[1, []]\n[]\ninitial\n",
  );
});

Deno.test("a callback with another number of parameters is an error with both places", async () => {
  const stderr = await errorEverywhere("ucoreArray.map([1],\n  function () { return 0; });");
  assertStringIncludes(stderr, "Runtime Error: Expected 0 args but got 1.");
  assertStringIncludes(stderr, "at map (<ucoreArray.map>:3:");
  assertStringIncludes(stderr, "at main (test.unna:1:1)");
});

Deno.test("indexOf and contains compare as '==' does", async () => {
  assertEquals(
    await outputEverywhere(`
      var own = [1];
      var a = [1, 2.0, "x", nil, own, true, 0.0 / 0.0, 9007199254740993, 0.0];
      for (var x : [1.0, 2, "x", nil, own, true, 9007199254740993, -0.0]) print ucoreArray.indexOf(a, x);
      for (var x : [[1], false, 0.0 / 0.0, "1", 9007199254740992.0]) assert(!ucoreArray.contains(a, x));
      print ucoreArray.indexOf([1, 1, 1], 1, 2);
      print ucoreArray.indexOf([1, 1, 1], 1, -5);
      print ucoreArray.indexOf([1, 1, 1], 1, 3);
      print ucoreArray.indexOf([], 1, 9223372036854775807);`),
    "0\n1\n2\n3\n4\n5\n7\n8\n2\n0\n-1\n-1\n",
  );
});

Deno.test("concat makes a new array, reverse and fill give theirs", async () => {
  assertEquals(
    await outputEverywhere(`
      var a = [1, [2]];
      var b = ucoreArray.concat(a);
      push(b, 3);
      print a;
      print b[1] == a[1];
      print ucoreArray.concat(a, a, [], [nil]);
      print ucoreArray.concat([], []);
      print ucoreArray.reverse(a) == a;
      print a;
      print ucoreArray.reverse([]);
      print ucoreArray.reverse([1, 2, 3, 4]);
      print ucoreArray.fill(a, 0) == a;
      print ucoreArray.fill(a, "x", 1);
      print ucoreArray.fill(a, "y", 3, 5);
      print ucoreArray.fill(a, "z", 4, 2);
      print ucoreArray.fill(a, "z", 9);
      print ucoreArray.fill([], a, 0, 1)[0] == a;`),
    "[1, [2]]\ntrue\n[1, [2], 1, [2], nil]\n[]\ntrue\n[[2], 1]\n[]\n[4, 3, 2, 1]\ntrue\n[0, x]\n" +
      "[0, x, nil, y, y]\n[0, x, nil, y, y]\n[0, x, nil, y, y]\ntrue\n",
  );
  assertStringIncludes(
    await errorEverywhere("ucoreArray.fill([1], 0, -1);"),
    "Cannot write at negative index -1.",
  );
  assertStringIncludes(
    await errorEverywhere("ucoreArray.fill([1], 0, 0, 9223372036854775807);"),
    "Cannot write at index 9223372036854775807, too far past the length 1.",
  );
});

Deno.test("range counts through all ints, boxed or not", async () => {
  assertEquals(
    await outputEverywhere(`
      print ucoreArray.range(0);
      print ucoreArray.range(-3);
      print ucoreArray.range(-2, 2);
      print ucoreArray.range(5, -5, -3);
      print ucoreArray.range(0, 10, 20);
      print ucoreArray.range(0, 10, -1);
      print ucoreArray.range(140737488355327, 140737488355330);
      print ucoreArray.range(-140737488355327, -140737488355330, -1);
      print ucoreArray.range(4294967295, 4294967298);
      print ucoreArray.range(-9223372036854775807 - 1, 9223372036854775807, 9223372036854775807);
      print ucoreArray.range(9223372036854775807, -9223372036854775807 - 1, -9223372036854775807 - 1);
      print length(ucoreArray.range(100000));`),
    `[]\n[]\n[-2, -1, 0, 1]\n[5, 2, -1, -4]\n[0]\n[]\n[140737488355327, 140737488355328, 140737488355329]\n` +
      `[-140737488355327, -140737488355328, -140737488355329]\n[4294967295, 4294967296, 4294967297]\n` +
      `[${MIN}, -1, ${MAX - 1n}]\n[${MAX}, -1]\n100000\n`,
  );
  assertStringIncludes(
    await errorEverywhere("ucoreArray.range(1, 2, 0);"),
    "ucoreArray.range cannot go on by steps of 0.",
  );
  for (const end of ["100000000", "9223372036854775807"]) {
    assertStringIncludes(await errorEverywhere(`ucoreArray.range(${end});`), "Runtime Error: Out of memory.");
  }
});

Deno.test("join writes each value as print does", async () => {
  assertEquals(
    await outputEverywhere(`
      struct Point { x; }
      print ucoreArray.join([1, 2.5, nil, true, "a,b", [1, "x"], {"k": 1}, Point(3), str], "|");
      print "<" + ucoreArray.join([]) + ucoreArray.join([""], "-") + ">";
      print ucoreArray.join(["a", "b"], "");
      print length(ucoreArray.join(ucoreArray.fill([], "xyz", 0, 1000), "--"));`),
    "1|2.5|nil|true|a,b|[1, x]|{k: 1}|Point {x: 3}|<fn str>\n<>\nab\n4998\n",
  );
});
