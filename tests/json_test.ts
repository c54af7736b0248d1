/**
 * `ucoreJson`: held to `JSON.parse` and `JSON.stringify` on a corpus and on generated values, and beyond them: ints of 64
 * bits, structures of any depth, files, messages.
 */

import { assert, assertEquals, assertMatch, assertStrictEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { createRuntime, type HostValue, type Runtime } from "../mod.ts";
import { formatDouble } from "../core/number_text.ts";
import { type RunOptions, runUnna } from "./support.ts";

/** Runs a program that has to succeed, with and without a collection at every allocation; gives what it prints. */
async function outputOf(source: string, options: RunOptions = {}): Promise<string> {
  const outcome = await runUnna(source, options),
    stressed = await runUnna(source, { ...options, gcStress: true });
  assertEquals(outcome, { code: 0, stdout: outcome.stdout, stderr: "" }, source);
  assertEquals(stressed, outcome, "with stress");
  return outcome.stdout;
}

/** A runtime whose functions are called with values of TypeScript, and what it has written to standard error. */
async function withLibrary(work: (runtime: Runtime, errors: () => string) => Promise<void>): Promise<void> {
  let errors = "";
  const decoder = new TextDecoder();
  const runtime = createRuntime({ stderr: (bytes) => void (errors += decoder.decode(bytes)) });
  try {
    const code = await runtime.runSource(
      "test.unna",
      `function parse(text) { return ucoreJson.parse(text); }
       function stringify(value) { return ucoreJson.stringify(value); }
       function again(text) { return ucoreJson.stringify(ucoreJson.parse(text)); }
       function indented(value, indent) { return ucoreJson.stringify(value, indent); }`,
    );
    assertStrictEquals(code, 0, errors);
    await work(runtime, () => {
      const text = errors;
      errors = "";
      return text;
    });
  } finally {
    runtime.dispose();
  }
}

/** What comes of a value of `JSON.parse` in a program: maps for objects, and no halves of surrogate pairs. */
function asHost(value: unknown): HostValue {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(asHost);
  if (typeof value !== "object" || value === null) return value as HostValue;
  return new Map(Object.entries(value).map(([key, item]) => [key.toWellFormed(), asHost(item)]));
}

/** The same with all ints as numbers, which is all that JSON.parse has. */
function withNumbers(value: HostValue): HostValue {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(withNumbers);
  if (!(value instanceof Map)) return value;
  return new Map([...value].map(([key, item]) => [key, withNumbers(item)]));
}

// ---- texts -------------------------------------------------------------------------------------------------------

const VALID: readonly string[] = [
  "null",
  "true",
  "false",
  "0",
  "-1",
  "12345678901234",
  "1.5",
  "-0.25",
  "1e3",
  "1E+3",
  "25e-1",
  "0e5",
  "0.1e1",
  "1e400",
  "-1e400",
  "1e-400",
  "5e-324",
  "2.2250738585072011e-308",
  "1.7976931348623157e308",
  "0.1000000000000000055511151231257827",
  "123456789.123456789",
  "9007199254740993.0",
  "1e22",
  "1e23",
  "8.5e-22",
  "100000000000000000000000000000",
  '""',
  '"a"',
  '"abcd"',
  '"abcde"',
  '"with \\"quotes\\" and \\\\ and \\/"',
  '"\\b\\f\\n\\r\\t"',
  '"\\u0041\\u00e9\\u20ac\\ud83d\\ude00"',
  '"\\uD83D\\uDE00 upper"',
  '"lone \\ud800, \\udc00, \\ud800\\u0041, \\ud800\\ud800\\udc00"',
  '"\\u0000 and \u007f"',
  '"é€😀 raw"',
  `"${"x".repeat(1000)}"`,
  `"${"x".repeat(1000)}\\n${"y".repeat(1000)}"`,
  "[]",
  "{}",
  "[ ]",
  "{ }",
  " \t\r\n[1 , 2\n,3\t]\r\n",
  "[[],[[]],{}]",
  '{"a":1}',
  '{"":0}',
  '{"a":1,"b":{"c":[{"d":null}]},"e":[]}',
  '{"a":1,"a":2,"b":3,"a":4}',
  '{"\\u0061":1,"b\\n":2}',
  '{"__proto__":1,"constructor":{"prototype":2}}',
  '[{"id":1,"name":"x"},{"id":2,"name":"y"},{"name":"z","id":3}]',
  `[${Array.from({ length: 300 }, (_, i) => `{"key${i % 40}":${i},"k${i}":"${i}"}`).join(",")}]`,
  `{${Array.from({ length: 300 }, (_, i) => `"${"k".repeat(i % 30)}${i}":${i}`).join(",")}}`,
];

Deno.test("ucoreJson.parse() reads what JSON.parse reads, as it does", () =>
  withLibrary(async (runtime, errors) => {
    for (const text of VALID) {
      assertEquals(await runtime.call("parse", text), asHost(JSON.parse(text)), text);
      assertEquals(errors(), "", text);
    }
  }));

/** Malformed texts, and the message up to the closing parenthesis. */
const INVALID: readonly (readonly [text: string, message: string])[] = [
  ["", "Unexpected end (at line 1, column 1)"],
  ["  \n ", "Unexpected end (at line 2, column 2)"],
  ["x", "Unexpected character (at line 1, column 1)"],
  ["nul", "Unexpected character (at line 1, column 1)"],
  ["nulL", "Unexpected character (at line 1, column 1)"],
  ["True", "Unexpected character (at line 1, column 1)"],
  ["truex", "Extra data at end of JSON (at line 1, column 5)"],
  ["1 2", "Extra data at end of JSON (at line 1, column 3)"],
  ["[] []", "Extra data at end of JSON (at line 1, column 4)"],
  ["{}}", "Extra data at end of JSON (at line 1, column 3)"],
  ["'a'", "Unexpected character (at line 1, column 1)"],
  ["+1", "Unexpected character (at line 1, column 1)"],
  [".5", "Unexpected character (at line 1, column 1)"],
  ["-", "Unexpected end (at line 1, column 2)"],
  ["-x", "Unexpected character (at line 1, column 2)"],
  ["01", "A number begins with a needless 0 (at line 1, column 1)"],
  ["-012", "A number begins with a needless 0 (at line 1, column 2)"],
  ["1.", "Expected a digit after the point (at line 1, column 3)"],
  ["1.e5", "Expected a digit after the point (at line 1, column 3)"],
  ["1e", "Expected a digit in the exponent (at line 1, column 3)"],
  ["1e+", "Expected a digit in the exponent (at line 1, column 4)"],
  ["0x10", "Extra data at end of JSON (at line 1, column 2)"],
  ["NaN", "Unexpected character (at line 1, column 1)"],
  ["Infinity", "Unexpected character (at line 1, column 1)"],
  ["[", "Unexpected end (at line 1, column 2)"],
  ["[1", "Expected ',' in array (at line 1, column 3)"],
  ["[1,", "Unexpected end (at line 1, column 4)"],
  ["[1,]", "Unexpected character (at line 1, column 4)"],
  ["[,1]", "Unexpected character (at line 1, column 2)"],
  ["[1 2]", "Expected ',' in array (at line 1, column 4)"],
  ["[1}", "Expected ',' in array (at line 1, column 3)"],
  ["[1,\n 2\n 3]", "Expected ',' in array (at line 3, column 2)"],
  ['["é",x]', "Unexpected character (at line 1, column 6)"],
  ["{", "Expected string key (at line 1, column 2)"],
  ["{1:2}", "Expected string key (at line 1, column 2)"],
  ["{a:1}", "Expected string key (at line 1, column 2)"],
  ['{"a"', "Expected ':' after key (at line 1, column 5)"],
  ['{"a" 1}', "Expected ':' after key (at line 1, column 6)"],
  ['{"a":', "Unexpected end (at line 1, column 6)"],
  ['{"a":1', "Expected ',' in object (at line 1, column 7)"],
  ['{"a":1]', "Expected ',' in object (at line 1, column 7)"],
  ['{"a":1,}', "Expected string key (at line 1, column 8)"],
  ['{"a":1,,"b":2}', "Expected string key (at line 1, column 8)"],
  ['"', "Unterminated string (at line 1, column 1)"],
  ['"abc', "Unterminated string (at line 1, column 1)"],
  ['["abcdefgh', "Unterminated string (at line 1, column 2)"],
  ['"abc\\', "Unterminated string (at line 1, column 1)"],
  ['"abc\\"', "Unterminated string (at line 1, column 1)"],
  ['"a\\qb"', "Unknown escape in string (at line 1, column 3)"],
  ['"a\\\u00e9b"', "Unknown escape in string (at line 1, column 3)"],
  ['"a\\u12"', "Expected four hexadecimal digits after \\u (at line 1, column 5)"],
  ['"a\\u12G4"', "Expected four hexadecimal digits after \\u (at line 1, column 5)"],
  ['"\\ud83d\\u12"', "Expected four hexadecimal digits after \\u (at line 1, column 10)"],
  ['"a\nb"', "Control character in string (at line 1, column 3)"],
  ['{"a\tb":1}', "Control character in string (at line 1, column 4)"],
  ["[1]\0", "Extra data at end of JSON (at line 1, column 4)"],
  ["// comment\n1", "Unexpected character (at line 1, column 1)"],
  ["\u00a01", "Unexpected character (at line 1, column 1)"],
];

Deno.test("ucoreJson.parse() gives nil for what JSON.parse refuses, and says where it is wrong", () =>
  withLibrary(async (runtime, errors) => {
    for (const [text, message] of INVALID) {
      let isRefused = false;
      try {
        JSON.parse(text);
      } catch {
        isRefused = true;
      }
      assert(isRefused, text);
      assertStrictEquals(await runtime.call("parse", text), null, text);
      assertStrictEquals(errors(), `JSON Parse Error: ${message}\n`, text);
    }
  }));

Deno.test("ucoreJson.parse() takes no part of a valid text for a whole one", () =>
  withLibrary(async (runtime, errors) => {
    const text = '{"key": [1.5e3, "a\\u00e9\\n", true, null, {"x": -2}], "other": "text"}';
    for (let length = 0; length < text.length; length++) {
      assertStrictEquals(await runtime.call("parse", text.slice(0, length)), null, text.slice(0, length));
      assertMatch(errors(), /^JSON Parse Error: .* \(at line 1, column \d+\)\n$/);
    }
  }));

Deno.test("ucoreJson.parse() skips a byte order mark, and takes bytes that are no UTF-8 as they are", async () => {
  const source = 'print ucoreJson.parse("\\xEF\\xBB\\xBF[1]");\nprint ucoreJson.parse("\\"a\\xFF\\xC3\\"");';
  assertStrictEquals(await outputOf(source), "[1]\na\\xff\\xc3\n");
});

Deno.test("ucoreJson.parse() gives ints up to 64 bits, and floats beyond", async () => {
  const rows = [
    ["9223372036854775807", "9223372036854775807 int"],
    ["-9223372036854775808", "-9223372036854775808 int"],
    ["9223372036854775808", "9.2233720368548e+18 float"],
    ["-9223372036854775809", "-9.2233720368548e+18 float"],
    ["140737488355327", "140737488355327 int"],
    ["140737488355328", "140737488355328 int"],
    ["-140737488355328", "-140737488355328 int"],
    ["-140737488355329", "-140737488355329 int"],
    ["999999999999999", "999999999999999 int"],
    ["1000000000000000", "1000000000000000 int"],
    ["2147483648", "2147483648 int"],
    ["-2147483649", "-2147483649 int"],
    ["-0", "0 int"],
    ["-0.0", "-0 float"],
    ["1.0", "1 float"],
    ["1e0", "1 float"],
  ];
  const source = rows.map(([text]) => `x = ucoreJson.parse("[${text}]")[0]; print x + " " + type(x);`).join(
    "\n",
  );
  assertEquals((await outputOf(source)).split("\n").slice(0, -1), rows.map(([, shown]) => shown));
});

Deno.test("a key that is there twice keeps its first place and its last value", async () => {
  const source = 'print ucoreJson.parse("{\\"a\\":1,\\"b\\":2,\\"a\\":3}");';
  assertStrictEquals(await outputOf(source), "{a: 3, b: 2}\n");
});

Deno.test("a map that was read is a map like any other: it grows, shrinks and is walked", async () => {
  const source = `
    var m = ucoreJson.parse("{\\"a\\":1,\\"b\\":2,\\"c\\":3}");
    for (var i = 0; i < 40; i += 1) m["k" + i] = i;
    for (var i = 0; i < 40; i += 1) remove(m, "k" + i);
    remove(m, "b"); m["d"] = [4]; m[5] = "five";
    print m; print has(m, "b"); for (var k : m) print k;
    var e = ucoreJson.parse("{}"); e["x"] = 1; print e;
    var a = ucoreJson.parse("[]"); push(a, 1); print a;
    var b = ucoreJson.parse("[1,2]"); push(b, 3); print b; print pop(b);`;
  assertStrictEquals(
    await outputOf(source),
    "{a: 1, c: 3, d: [4], 5: five}\nfalse\na\nc\nd\n5\n{x: 1}\n[1]\n[1, 2, 3]\n3\n",
  );
});

// ---- generated values --------------------------------------------------------------------------------------------

const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "binary-ascii" }), fc.string());
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    // JSON.stringify does not know of a negative zero.
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x === 0 ? 0 : x),
    text,
    fc.array(tie("value"), { maxLength: 6 }),
    fc.dictionary(text, tie("value"), { maxKeys: 6 }),
  ),
}));

Deno.test("ucoreJson.parse() reads all that JSON.stringify writes, as JSON.parse does", () =>
  withLibrary(async (runtime, errors) => {
    await fc.assert(
      fc.asyncProperty(anyValue, fc.constantFrom("", " ", "\t", "    "), async (value, indent) => {
        const written = JSON.stringify(value, null, indent);
        const read = withNumbers(await runtime.call("parse", written));
        assertEquals(read, asHost(JSON.parse(written)), errors());
      }),
      { numRuns: 400 },
    );
  }));

/** Floats have 14 digits when they are written, as everywhere in programs. */
function rounded(value: unknown): unknown {
  if (typeof value === "number" && !Number.isInteger(value)) return Number(formatDouble(value));
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
}

const LONG_ESCAPES: Readonly<Record<string, string>> = { "\\b": "\\u0008", "\\f": "\\u000c" };

Deno.test("JSON.parse reads all that ucoreJson.stringify() writes, in every form", () =>
  withLibrary(async (runtime) => {
    const safe = anyValue.filter((value) => !/[^,:[{]\d{16}|e/.test(JSON.stringify(value)));
    await fc.assert(
      fc.asyncProperty(safe, fc.constantFrom(0, 1, 4, "\t"), async (value, indent) => {
        const written = await runtime.call("indented", asHost(value), indent), expected = rounded(value);
        assertEquals(asHost(JSON.parse(written as string)), asHost(expected));
        const ordered = Array.isArray(value) || typeof value !== "object";
        if (ordered && !/\{|e[-+]|\d{14}/.test(written as string)) {
          // Other than JSON.stringify, \b and \f are written like all control characters.
          const known = JSON.stringify(expected, null, indent).replace(
            /\\./g,
            (escape) => LONG_ESCAPES[escape] ?? escape,
          );
          assertStrictEquals(written, known);
        }
      }),
      { numRuns: 400 },
    );
  }));

// ---- writing -----------------------------------------------------------------------------------------------------

Deno.test("ucoreJson.stringify() writes every kind of value", async () => {
  const rows = [
    ["nil", "null"],
    ["true", "true"],
    ["-9223372036854775807 - 1", "-9223372036854775808"],
    ["123456789012345678", "123456789012345678"],
    ["1.5", "1.5"],
    ["-0.0", "-0"],
    ["2.0", "2"],
    ["-12.0625", "-12.0625"],
    ["0.0001", "0.0001"],
    ["0.00001", "1e-05"],
    ["1e100", "1e+100"],
    ["0.1 + 0.2", "0.3"],
    ["1.0 / 3", "0.33333333333333"],
    ["99999999999999.0", "99999999999999"],
    ["100000000000000.0", "1e+14"],
    ["1.0 / 0.0", "null"],
    ["-1.0 / 0.0", "null"],
    ["0.0 / 0.0", "null"],
    ["print_it", "null"],
    ["push", "null"],
    ["ucoreMath", "null"],
    ["Point", "null"],
    ["[]", "[]"],
    ["{}", "{}"],
    ["[[], [1, [2]], {}]", "[[],[1,[2]],{}]"],
    ["Point(1, [Point(2, nil)])", '{"x":1,"y":[{"x":2,"y":null}]}'],
    ["Empty()", "{}"],
    ['{"b": 1, "a": 2}', '{"b":1,"a":2}'],
    ["{1: 1, true: 2, 2.5: 3, 9223372036854775807: 4}", '{"1":1,"true":2,"2.5":3,"9223372036854775807":4}'],
    ['"quote \\" backslash \\\\ slash /"', '"quote \\" backslash \\\\ slash /"'],
    ['"\\n\\r\\t\\0\\x01\\x08\\x0c\\x1f\\x7f"', '"\\n\\r\\t\\u0000\\u0001\\u0008\\u000c\\u001f\\x7f"'],
    ['"é€\\u{1F600}"', '"é€😀"'],
    ['"abcd\\n"', '"abcd\\n"'],
    ['"abc\\nabc\\n"', '"abc\\nabc\\n"'],
    ['{"a\\"b": "c"}', '{"a\\"b":"c"}'],
  ];
  const before = "struct Point { x; y; } struct Empty { } function print_it() { }\n";
  const source = before + rows.map(([value]) => `print ucoreJson.stringify(${value});`).join("\n");
  assertEquals((await outputOf(source)).split("\n").slice(0, -1), rows.map(([, shown]) => shown));
});

Deno.test("ucoreJson.stringify() skips what was removed from a map", async () => {
  const source = `var m = {"a": 1, "b": 2, "c": 3, "d": 4}; remove(m, "a"); remove(m, "c");
    print ucoreJson.stringify(m); remove(m, "d"); print ucoreJson.stringify(m); remove(m, "b"); print ucoreJson.stringify(m);`;
  assertStrictEquals(await outputOf(source), '{"b":2,"d":4}\n{"b":2}\n{}\n');
});

Deno.test("ucoreJson.stringify() indents as JSON.stringify does", () =>
  withLibrary(async (runtime) => {
    const value = { a: [1, [], {}, { b: null }], c: { d: "x" } };
    for (const indent of [0, 1, 3, 10, "\t", " \t", ""]) {
      assertStrictEquals(
        await runtime.call("indented", asHost(value), indent),
        JSON.stringify(value, null, indent),
      );
    }
    assertStrictEquals(
      await runtime.call("indented", [[1]], 16),
      `[\n${" ".repeat(16)}[\n${" ".repeat(32)}1\n${" ".repeat(16)}]\n]`,
    );
  }));

Deno.test("ucoreJson.stringify() writes strings of all lengths whose only escape is anywhere", async () => {
  const source = `
    for (var n = 0; n < 12; n += 1) for (var i = 0; i < n; i += 1) {
      var s = ""; for (var k = 0; k < n; k += 1) { if (k == i) s += "\\n"; else s += "x"; }
      print ucoreJson.stringify(s);
    }`;
  const lines: string[] = [];
  for (let n = 0; n < 12; n++) {
    for (let i = 0; i < n; i++) lines.push(JSON.stringify("x".repeat(i) + "\n" + "x".repeat(n - i - 1)));
  }
  const { stdout } = await runUnna(source);
  assertEquals(stdout.split("\n").slice(0, -1), lines);
});

Deno.test("a cycle is an error, and leaves the values as they were; sharing is none", async () => {
  const source = `
    struct Node { next; }
    var a = [1], m = nil;`.replace(
    "var a = [1], m = nil;",
    "var a = [1]; var shared = [a, a]; print ucoreJson.stringify(shared);",
  ) + `
    var n = Node({"inner": [1, 2]}); n.next["back"] = n;
    async function bad() { return ucoreJson.stringify([a, n]); }
    var failing = bad();
    print ucoreJson.stringify([a, {"ok": a}]);
    print n;
    await failing;`;
  for (const gcStress of [false, true]) {
    const { code, stdout, stderr } = await runUnna(source, { gcStress });
    assertStrictEquals(stdout, '[[1],[1]]\n[[1],{"ok":[1]}]\nNode {next: {inner: [1, 2], back: ...}}\n');
    assertStrictEquals(code, 1);
    assertStringIncludes(
      stderr,
      "Runtime Error: ucoreJson.stringify cannot write a value that contains itself.",
    );
  }
});

Deno.test("structures nested 100,000 deep are read and written", () =>
  withLibrary(async (runtime, errors) => {
    const depth = 100_000;
    for (
      const deep of ["[".repeat(depth) + "]".repeat(depth), '{"a":'.repeat(depth) + "1" + "}".repeat(depth)]
    ) {
      assert(await runtime.call("again", deep) === deep, "what was written differs from what was read");
      assertStrictEquals(await runtime.call("parse", deep.slice(0, -1)), null);
      assertStringIncludes(errors(), "JSON Parse Error: Expected ','");
    }
  }));

// ---- arguments, files, size --------------------------------------------------------------------------------------

Deno.test("wrong arguments are errors that name the function", async () => {
  const rows: [string, string, string][] = [
    ["parse", "", "(text: string), but got ()"],
    ["parse", "nil", "(text: string), but got (nil)"],
    ["parse", "[1]", "(text: string), but got (array)"],
    ["parse", '"1", "2"', "(text: string), but got (string, string)"],
    ["stringify", "", "(value: any, indent?: int | string), but got ()"],
    ["stringify", "1, 2.5", "(value: any, indent?: int | string), but got (int, float)"],
    ["read", "1", "(path: string), but got (int)"],
    ["write", '"a.json"', "(path: string, value: any, indent?: int | string), but got (string)"],
    ["remove", "nil", "(path: string), but got (nil)"],
  ];
  for (const [name, args, rest] of rows) {
    const { code, stderr } = await runUnna(`ucoreJson.${name}(${args});`);
    assertStrictEquals(code, 1, `${name}(${args})`);
    assertStringIncludes(stderr, `Runtime Error: ucoreJson.${name} expects ${rest}.`);
  }
  for (const indent of ["-1", "17", "9223372036854775807"]) {
    const { stderr } = await runUnna(`ucoreJson.stringify([1], ${indent});`);
    assertStringIncludes(stderr, `ucoreJson.stringify expects an indent from 0 to 16, but got `);
  }
  const { stderr } = await runUnna('ucoreJson.write("never.json", [1], "--");');
  assertStringIncludes(stderr, "ucoreJson.write expects an indent of blanks and tabs.");
});

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("ucoreJson.write(), read() and remove() work on files beside the program", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/bad.json`, '{"a": 1,\n "b" 2}');
    await Deno.writeTextFile(`${folder}/extra.json`, "[1] x");
    await Deno.writeTextFile(`${folder}/mark.json`, '\uFEFF{"é": [1]}');
    await Deno.mkdir(`${folder}/sub`);
    await Deno.writeTextFile(
      `${folder}/main.unna`,
      `
      var value = {"list": [1, 2.5, "three"], "nothing": nil};
      print ucoreJson.write("data.json", value);
      print ucoreJson.read("data.json");
      print ucoreJson.write("sub/data.json", value, 2);
      print ucoreJson.read("${folder}/sub/data.json");
      print ucoreJson.read("mark.json");
      print ucoreJson.read("missing.json");
      print ucoreJson.read("sub");
      print ucoreJson.read("bad.json");
      print ucoreJson.read("extra.json");
      print ucoreJson.write("missing/data.json", 1);
      print ucoreJson.write("sub", 1);
      print ucoreJson.remove("data.json");
      print ucoreJson.remove("data.json");
      print ucoreJson.read("data.json");`,
    );
    for (const gcStress of [false, true]) {
      const { code, stdout, stderr } = await runUnna({ file: `${folder}/main.unna` }, { gcStress });
      assertStrictEquals(code, 0);
      assertStrictEquals(
        stdout,
        "true\n{list: [1, 2.5, three], nothing: nil}\ntrue\n{list: [1, 2.5, three], nothing: nil}\n" +
          "{é: [1]}\nnil\nnil\nnil\nnil\nfalse\nfalse\ntrue\nfalse\nnil\n",
      );
      assertStrictEquals(
        stderr,
        "JSON Read Error: Expected ':' after key (at line 2, column 6) in bad.json\n" +
          "JSON Read Error: Extra data at end of JSON (at line 1, column 5) in extra.json\n",
      );
      const written = await Deno.readTextFile(`${folder}/sub/data.json`);
      assertStrictEquals(written, JSON.stringify({ list: [1, 2.5, "three"], nothing: null }, null, 2));
    }
  }));

Deno.test("a file that Deno may not touch is an error of the program", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/main.unna`, 'print ucoreJson.write("data.json", [1]);');
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--allow-read",
        new URL("../cli.ts", import.meta.url).pathname,
        `${folder}/main.unna`,
      ],
      stdout: "piped",
      stderr: "piped",
    }).output();
    assertStrictEquals(code, 1);
    assertMatch(new TextDecoder().decode(stderr), /Runtime Error: .*Requires write access/);
  }));

Deno.test("a file of 20 MB is read, and written again as it was", () =>
  withFolder(async (folder) => {
    const parts: string[] = [];
    for (let i = 0, size = 0; size < 20_000_000; i++) {
      const part = `{"id":${i},"name":"User ${i}","tags":["a","b\\n",${i / 4}],"next":{"id":${
        i * 1000003
      },"none":null}}`;
      parts.push(part);
      size += part.length + 1;
    }
    await Deno.writeTextFile(`${folder}/large.json`, `[${parts.join(",")}]`);
    await Deno.writeTextFile(
      `${folder}/main.unna`,
      `var value = ucoreJson.read("large.json");
       print length(value); print value[length(value) - 1]["id"];
       print ucoreJson.write("again.json", value);`,
    );
    const { code, stdout, stderr } = await runUnna({ file: `${folder}/main.unna` }, { heap: 1 << 30 });
    assertEquals({ code, stdout, stderr }, {
      code: 0,
      stdout: `${parts.length}\n${parts.length - 1}\ntrue\n`,
      stderr: "",
    });
    const [before, after] = await Promise.all(
      ["large", "again"].map((name) => Deno.readTextFile(`${folder}/${name}.json`)),
    );
    assert(before === after, "what was written differs from what was read");
  }));

Deno.test("a text whose values do not fit the heap ends the program, not the process", async () => {
  const source = `
    var text = "[";
    for (var i = 0; i < 400000; i += 1) text += "{\\"a\\":" + i + "},";
    text += "0]";
    async function all() { var kept = []; while (true) push(kept, ucoreJson.parse(text)); }
    await all();`;
  const { code, stderr } = await runUnna(source);
  assertStrictEquals(code, 1);
  assertMatch(stderr, /Out of memory\./);
});

Deno.test("a text that would not fit the heap ends the program, not the process", async () => {
  // Each level holds the one before twice; and each line of the other is as long as it is deep.
  const doubled = 'var a = ["x"]; for (var i = 0; i < 40; i += 1) a = [a, a]; ucoreJson.stringify(a);';
  const deep = "var a = []; for (var i = 0; i < 100000; i += 1) a = [a]; ucoreJson.stringify(a, 16);";
  for (const source of [doubled, deep]) {
    const { code, stderr } = await runUnna(source);
    assertStrictEquals(code, 1);
    assertStringIncludes(stderr, "Runtime Error: Out of memory.");
  }
});

Deno.test("numbers of any length are read", () =>
  withLibrary(async (runtime) => {
    for (const text of ["9".repeat(200_000), `0.${"3".repeat(200_000)}`, `1e${"9".repeat(1000)}`]) {
      assertStrictEquals(await runtime.call("parse", text), JSON.parse(text));
    }
  }));
