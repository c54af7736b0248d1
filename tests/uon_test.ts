/** `ucoreUon`: texts that are UON and texts that are not, cursors, what is inserted and saved, and a large table. */

import { assert, assertEquals, assertMatch, assertStrictEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { createRuntime, type HostValue } from "../mod.ts";
import { newResource, resourceAt, resourceCount } from "../core/resources.ts";
import { defineHostNative } from "../core/convert.ts";
import type { NativeDef } from "../core/machine.ts";
import { Kind, setObject } from "../core/value.ts";
import { CONFIGS, errorOf, inFolder, outputOf, quoted, runUnna } from "./support.ts";

/** A program that prints all records of a table of `text`. */
const printTable = (text: string, table: string) => `
  print ucoreUon.parse(${quoted(text)});
  var cursor = ucoreUon.get("${table}");
  for (var record = ucoreUon.next(cursor); record != nil; record = ucoreUon.next(cursor)) print record;`;

Deno.test("values are texts, numbers, true, false, null and words", async () => {
  const fields = [
    ['"text, with } and [ and :"', "text, with } and [ and :"],
    ['""', ""],
    ['"two\nlines"', "two\nlines"],
    ['"ü 日本"', "ü 日本"],
    ["12", "12"],
    ["-7", "-7"],
    ["2.50", "2.5"],
    ["-1e3", "-1000"],
    ["9223372036854775807", "9223372036854775807"],
    ["9223372036854775808", "9.2233720368548e+18"],
    ["007", "7"],
    ["true", "true"],
    ["false", "false"],
    ["null", "nil"],
    ["alice@example.com", "alice@example.com"],
    ["Ada Lovelace", "Ada Lovelace"],
    ["2024-01-05", "2024-01-05"],
    ["12:30", "12:30"],
    ["1.", "1."],
    ["-", "-"],
    ["truex", "truex"],
  ];
  const record = fields.map(([value], i) => `k${i}: ${value}`).join(" , ");
  const text = `@schema { t: [] } @flow { t: [{ ${record} }] }`;
  const expected = `true\n{${fields.map(([, shown], i) => `k${i}: ${shown}`).join(", ")}}\n`;
  for (const { options } of CONFIGS) {
    assertStrictEquals(await outputOf(printTable(text, "t"), options), expected);
  }
});

Deno.test("white space, trailing commas, what stands before @schema, and empty tables do not matter", async () => {
  const text = 'anything { [ @schema{t:[a,b > u.id,],u:[]}\n@flow{t:[{a:1,},\n\n{ },{b:"x"},],u:[]}';
  assertStrictEquals(await outputOf(printTable(text, "t")), "true\n{a: 1}\n{}\n{b: x}\n");
  assertStrictEquals(await outputOf(printTable(text, "u")), "true\n");
  assertStrictEquals(await outputOf(printTable("@schema { t: [a] }", "t").split("var cursor")[0]), "true\n");
});

Deno.test("a text that is not UON is said to be none, and where", async () => {
  const rows: [string, string][] = [
    ["", "There is no @schema (at line 1, column 1)"],
    ["@schema", "Expected '{' (at line 1, column 8)"],
    ["@schema { t: [a, b }", "Expected ']' (at line 1, column 21)"],
    ["@schema { t [a] }", "Expected ':' (at line 1, column 13)"],
    ["@schema { : [a] }", "A name is missing (at line 1, column 11)"],
    ["@schema { t: [] u: [] }", "Expected ',' or '}' (at line 1, column 17)"],
    ['@schema {} @flow {\n  t: [{ a: "é }]\n}', "A text is not closed (at line 3, column 2)"],
    ["@schema {} @flow { t: [[] }", "Expected ']' (at line 1, column 28)"],
  ];
  for (const [text, message] of rows) {
    const { code, stdout, stderr } = await runUnna(`print ucoreUon.parse(${quoted(text)});`);
    assertEquals({ code, stdout, stderr }, {
      code: 0,
      stdout: "false\n",
      stderr: `UON Parse Error: ${message}\n`,
    });
  }
});

Deno.test("a malformed record is nil with a message, and the end of its table", async () => {
  const rows: [string, string][] = [
    ["a: 1", "Expected '{'"],
    ["{ a: 1 ", "Expected ':'"],
    ["{ a 1 }", "Expected ':'"],
    ["{ a: }", "Expected a text, a number or a word"],
    ["{ a: , b: 1 }", "Expected a text, a number or a word"],
    ["{ a: [1] }", "Expected a text, a number or a word"],
    ["{ a: x [1] }", "Expected ',' or '}'"],
    ['{ a: "x" "y" }', "Expected ',' or '}'"],
    ['{ a: x"y, b: 2" }', "Expected ',' or '}'"],
    ["{ a: 1\n b: 2 }", "Expected ',' or '}'"],
    ["{ : 1 }", "A name is missing"],
  ];
  for (const [record, message] of rows) {
    const source = printTable(`@schema { t: [] } @flow { t: [{ ok: 1 }, ${record}, { ok: 2 }] }`, "t") +
      "print ucoreUon.next(cursor);";
    for (const { options } of CONFIGS) {
      const { code, stdout, stderr } = await runUnna(source, options);
      assertEquals({ code, stdout }, { code: 0, stdout: "true\n{ok: 1}\nnil\n" }, record);
      assertMatch(stderr, /^UON Parse Error: .* \(at line \d+, column \d+\)\n$/);
      assertStringIncludes(stderr, message, record);
    }
  }
});

Deno.test("generate() writes tables in order, and says what it cannot write", async () => {
  const source = `struct P { x; y; }
    print ucoreUon.generate({"b": ["id", "ref > a.id"], "a": [], 1: ["é"]},
      {"b": [{"id": 1, "ok": true}, P(0.1 + 0.2, nil), {}, 7], "a": [], 1: [{"big": 9223372036854775807, "s": "é, }"}]});`;
  const expected = `@schema {
    b: [id, ref > a.id],
    a: [],
    1: [é]
}

@flow {
    b: [
        { id: 1, ok: true },
        { x: 0.3, y: null },
        {  },
        {  }
    ],
    a: [

    ],
    1: [
        { big: 9223372036854775807, s: "é, }" }
    ]
}

`;
  for (const { options } of CONFIGS) assertStrictEquals(await outputOf(source, options), expected);
  assertStrictEquals(
    await outputOf("print ucoreUon.generate({}, {});"),
    "@schema {\n\n}\n\n@flow {\n\n}\n\n",
  );
  const refused: [string, string][] = [
    ['{}, {"t": [{"a": 1}, {"b": "say \\"hi\\""}]}', "cannot write t[1].b: there is a quote in it."],
    ['{}, {"t": [{"a:b": 1}]}', 'cannot write the name "a:b".'],
    ['{}, {"t": [{"": 1}]}', 'cannot write the name "".'],
    ['{"a\\nb": []}, {}', 'cannot write the name "a\\nb".'.replace("\\n", "\n")],
    ['{"t": ["a,b"]}, {}', 'cannot write the column "a,b" of t.'],
    ['{"t": [1]}, {}', "expects names as columns of t, but got int."],
    ['{"t": 1}, {}', "expects an array for the table t, but got int."],
    ['{}, {"t": nil}', "expects an array for the table t, but got nil."],
  ];
  for (const [args, problem] of refused) {
    const { code, stderr } = await runUnna(`ucoreUon.generate(${args});`);
    assertStrictEquals(code, 1);
    assert(stderr.startsWith(`Runtime Error: ucoreUon.generate ${problem}`), stderr);
  }
});

Deno.test("what generate() writes is read back as it was", async () => {
  const name = fc.stringMatching(/^[a-zA-Z_ü][\w ü.-]{0,8}[a-z]$/);
  const value = fc.oneof(
    fc.constantFrom<HostValue>(null, true, false),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.string({ unit: "grapheme" }).map((text) => text.replaceAll('"', "'")),
  );
  const table = fc.array(fc.dictionary(name, value, { maxKeys: 6 }), { maxLength: 5 });
  const read = `function roundTrip(tables) {
      assert(ucoreUon.parse(ucoreUon.generate({}, tables)));
      var out = {};
      for (var name : tables) {
        out[name] = [];
        var cursor = ucoreUon.get(name);
        for (var record = ucoreUon.next(cursor); record != nil; record = ucoreUon.next(cursor)) push(out[name], record);
      }
      return out;
    }`;
  const runtime = createRuntime({ threshold: 1 });
  assertStrictEquals(await runtime.runSource("test.unna", read), 0);
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, table, { maxKeys: 3 }), async (tables) => {
      const given = new Map(
        Object.entries(tables).map(([name, rows]) => [name, rows.map((row) => new Map(Object.entries(row)))]),
      );
      assertEquals(normal(await runtime.call("roundTrip", given)), normal(given));
    }),
    { numRuns: 100 },
  );
  runtime.dispose();
});

/** Integers as one type. */
function normal(value: HostValue): HostValue {
  if (typeof value === "number") return BigInt(value);
  if (Array.isArray(value)) return value.map(normal);
  return value instanceof Map ? new Map([...value].map(([key, item]) => [key, normal(item)])) : value;
}

Deno.test("files are loaded, added to and saved; relative ones lie beside the program", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/data.uon`,
      "@schema { a: [x], b: [], c: [] }\n@flow {\n    a: [\n        { x: 1 }\n    ],\n    b: [], c: [ { y: 1 }, ]\n}\n",
    );
    const source = `
      struct Row { x; }
      print ucoreUon.save();
      print ucoreUon.insert("a", {});
      print ucoreUon.get("a");
      print ucoreUon.load("missing.uon");
      print ucoreUon.load("data.uon");
      var old = ucoreUon.get("a");
      print ucoreUon.insert("a", {"x": 2});
      print ucoreUon.insert("a", Row(3));
      print ucoreUon.insert("b", {"z": "ü"});
      print ucoreUon.insert("c", {});
      print ucoreUon.insert("d", {});
      print ucoreUon.next(old); print ucoreUon.next(old);
      print ucoreUon.save("copy.uon");
      print ucoreUon.save("no/such/folder.uon");
      print ucoreUon.next(ucoreUon.get("copy.uon", "b"));
      print ucoreUon.get("copy.uon", "d"); print ucoreUon.get("missing.uon", "a");
      print ucoreUon.save();
      print ucoreUon.load("copy.uon");
      var cursor = ucoreUon.get("a"); var sum = 0;
      for (var row = ucoreUon.next(cursor); row != nil; row = ucoreUon.next(cursor)) sum += row["x"];
      print sum;`;
    for (const { options } of CONFIGS) {
      assertStrictEquals(
        await outputOf(source, { path: `${folder}/main.unna`, ...options }),
        "false\nfalse\n0\nfalse\ntrue\ntrue\ntrue\ntrue\ntrue\nfalse\n{x: 1}\nnil\ntrue\nfalse\n{z: ü}\n0\n0\ntrue\ntrue\n6\n",
      );
      const saved = await Deno.readTextFile(`${folder}/data.uon`);
      assertStrictEquals(saved, await Deno.readTextFile(`${folder}/copy.uon`));
      assertStrictEquals(
        saved,
        "@schema { a: [x], b: [], c: [] }\n@flow {\n    a: [\n        { x: 1 },\n        { x: 2 },\n        { x: 3 }\n    ],\n" +
          '    b: [\n        { z: "ü" }\n    ], c: [ { y: 1 },\n        {  } ]\n}\n',
      );
      await Deno.writeTextFile(
        `${folder}/data.uon`,
        "@schema { a: [x], b: [], c: [] }\n@flow {\n    a: [\n        { x: 1 }\n    ],\n    b: [], c: [ { y: 1 }, ]\n}\n",
      );
    }
    await Deno.writeTextFile(`${folder}/bad.uon`, "@schema {\n  t [] }");
    const { stdout, stderr } = await runUnna('print ucoreUon.load("bad.uon");', {
      path: `${folder}/main.unna`,
    });
    assertEquals({ stdout, stderr }, {
      stdout: "false\n",
      stderr: "UON Parse Error: Expected ':' (at line 2, column 5) in bad.uon\n",
    });
  });
});

Deno.test("functions of ucoreUon refuse arguments of other types, and say what they expect", async () => {
  const rows: [string, string][] = [
    ["load", "5"],
    ["load", ""],
    ["parse", "nil"],
    ["get", ""],
    ["get", '"a", 5'],
    ["get", '"a", "b", "c"'],
    ["next", ""],
    ["generate", "{}"],
    ["generate", "{}, []"],
    ["insert", '"t"'],
    ["insert", "1, {}"],
    ["save", "1"],
  ];
  for (const [name, args] of rows) {
    assertStringIncludes(
      await errorOf(`ucoreUon.${name}(${args});`),
      `Runtime Error: ucoreUon.${name} expects (`,
    );
  }
  assertStrictEquals(
    await errorOf("ucoreUon.next(0);"),
    "Runtime Error: ucoreUon.next expects (cursor: what get gave), but got (int).",
  );
  assertStrictEquals(
    await errorOf('ucoreUon.insert("t", 5);'),
    "Runtime Error: ucoreUon.insert expects a map or a struct as a record, but got int.",
  );
});

Deno.test("several cursors on one table go on by themselves, also when the text behind them is gone", async () => {
  const source = `
    ucoreUon.parse("@schema {} @flow { t: [{ x: 1 }, { x: 2 }, { x: 3 }] }");
    var a = ucoreUon.get("t");
    ucoreUon.next(a);
    var b = ucoreUon.get("t");
    ucoreUon.parse("@schema {} @flow { t: [] }");
    print ucoreUon.next(a); print ucoreUon.next(b); print ucoreUon.next(ucoreUon.get("t"));
    print type(a); print a;`;
  for (const { options } of CONFIGS) {
    assertStrictEquals(await outputOf(source, options), "{x: 2}\n{x: 1}\nnil\nresource\n<resource>\n");
  }
});

Deno.test("a hundred thousand records are read in a small heap", async () => {
  await inFolder(async (folder) => {
    const rows = Array.from(
      { length: 100_000 },
      (_, i) => `        { id: ${i}, name: "name ${i}", price: ${i / 4} }`,
    );
    await Deno.writeTextFile(
      `${folder}/big.uon`,
      `@schema {\n    items: [id, name, price]\n}\n\n@flow {\n    items: [\n${rows.join(",\n")}\n    ]\n}\n`,
    );
    const source = `
      assert(ucoreUon.load("big.uon"));
      var cursor = ucoreUon.get("items"); var count = 0; var sum = 0; var price = 0; var last = nil;
      for (var row = ucoreUon.next(cursor); row != nil; row = ucoreUon.next(cursor)) {
        count += 1; sum += row["id"]; price += row["price"]; last = row;
      }
      print count; print sum; print price; print last;`;
    for (const backend of ["interp", "x64"]) {
      assertStrictEquals(
        await outputOf(source, { path: `${folder}/main.unna`, backend, heap: 4 << 20 }),
        "100000\n4999950000\n1249987500\n{id: 99999, name: name 99999, price: 24999.75}\n",
      );
    }
  });
});

Deno.test("the table of resources forgets what a program has let go of, and nothing else", async () => {
  let most = 0;
  const natives: readonly NativeDef[] = [
    {
      name: "makeThing",
      params: [{ name: "x", type: "int" }],
      doc: "A test.",
      example: { code: "", output: "" },
      call: (call) => setObject(call.result, Kind.RESOURCE, newResource(call.machine, { x: 1 })),
    },
    {
      name: "isThing",
      params: [{ name: "thing", type: "any" }],
      doc: "A test.",
      example: { code: "", output: "" },
      call(call) {
        most = Math.max(most, resourceCount(call.machine));
        assert(resourceAt(call.machine, call.word(0)) !== null);
      },
    },
    defineHostNative({
      name: "garbage",
      params: [],
      doc: "A test.",
      example: { code: "", output: "" },
      run: () => "x".repeat(50_000),
    }),
  ];
  const source = `
    var kept = [];
    for (var i = 0; i < 3000; i += 1) {
      var thing = makeThing(i);
      if (i % 100 == 0) push(kept, thing);
      garbage();
      isThing(thing);
    }
    for (var thing : kept) isThing(thing);`;
  const plugins = [{ name: "things", doc: "Makes things.", natives }];
  await outputOf(source, { plugins, heap: 8 << 20 });
  assert(most < 2000, String(most));
});
