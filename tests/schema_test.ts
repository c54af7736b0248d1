// Dumps as JSON: each line says what it is and in which version, and what it holds has the shape that the schema says.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { createRuntime, type RuntimeOptions } from "../mod.ts";
import { dumpLine, SCHEMA_VERSIONS, type SchemaKind, schemaOf } from "../core/schema.ts";
import { lineShape, type Shape } from "../core/schema_shapes.ts";
import { x64 } from "../backends/x64/mod.ts";
import { SMALL_HEAP } from "./support.ts";

await x64.prepare!();
const probe = x64.probe();

// ---- the checker -------------------------------------------------------------------------------------------------

/** Where and how a value differs from a shape; null if it does not. */
function mismatchOf(value: unknown, shape: Shape, whole: Shape = shape, at = "$"): string | null {
  const { $ref, anyOf, type, enum: values, pattern, minimum, items, minItems, maxItems, properties } = shape;
  if ($ref !== undefined) return mismatchOf(value, whole.$defs![$ref.slice("#/$defs/".length)], whole, at);
  if (anyOf !== undefined) {
    // Objects say by their first field which one they are; of other values, the shape that they come closest to counts.
    const own = anyOf.find((one) => isTagged(value, one));
    if (own !== undefined) return mismatchOf(value, own, whole, at);
    const faults = anyOf.map((one) => mismatchOf(value, one, whole, at));
    return faults.includes(null)
      ? null
      : faults.reduce((a, b) => placeOf(b!).length > placeOf(a!).length ? b : a);
  }
  const actual = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const isOfType = type === "integer" ? Number.isInteger(value) : type === actual;
  if (!isOfType) return `${at} is ${JSON.stringify(value)?.slice(0, 40)}, not of type ${type}`;
  if (values !== undefined && !values.includes(value as string)) {
    return `${at} is ${value}, not one of ${values}`;
  }
  if (pattern !== undefined && !new RegExp(pattern).test(value as string)) {
    return `${at} is not like ${pattern}`;
  }
  if (minimum !== undefined && value as number < minimum) return `${at} is ${value}, less than ${minimum}`;
  if (Array.isArray(value)) {
    if (value.length < (minItems ?? 0) || value.length > (maxItems ?? Infinity)) {
      return `${at} has ${value.length} items`;
    }
    return firstOf(value.entries(), ([i, item]) => mismatchOf(item, items!, whole, `${at}[${i}]`));
  }
  if (actual !== "object") return null;
  const fields = value as Record<string, unknown>;
  const missing = shape.required!.find((name) => !Object.hasOwn(fields, name));
  if (missing !== undefined) return `${at} has no '${missing}'`;
  const unknown = Object.keys(fields).find((name) => !Object.hasOwn(properties!, name));
  if (unknown !== undefined) return `${at} has '${unknown}', which the schema does not know`;
  return firstOf(
    Object.entries(properties!).filter(([name]) => Object.hasOwn(fields, name)),
    ([name, inner]) => mismatchOf(fields[name], inner, whole, `${at}.${name}`),
  );
}

function isTagged(value: unknown, { properties }: Shape): boolean {
  const [tag, shape] = Object.entries(properties ?? {})[0] ?? [];
  const actual = (value as Record<string, string> | null)?.[tag ?? ""];
  return actual !== undefined && (shape?.enum?.includes(actual) ?? false);
}

const placeOf = (fault: string) => fault.split(" ")[0];

function firstOf<T>(items: Iterable<T>, find: (item: T) => string | null): string | null {
  for (const item of items) {
    const found = find(item);
    if (found !== null) return found;
  }
  return null;
}

// ---- dumps -------------------------------------------------------------------------------------------------------

interface Line {
  readonly schema: string | null;
  readonly kind: string;
  readonly path: string;
  readonly function?: string;
  readonly after?: string;
  readonly data: unknown;
}

/** Everything that a program dumps, its profile and its events included. */
async function dumpAll(text: string, options: RuntimeOptions = {}): Promise<Line[]> {
  let events = "";
  const runtime = createRuntime({
    backend: "x64",
    heap: SMALL_HEAP,
    json: true,
    jitLog: true,
    dump: ["all"],
    ...options,
    stdout: () => {},
    stderr: (bytes) => events += new TextDecoder().decode(bytes),
  });
  try {
    await runtime.runSource("main.unna", text);
    const reports = [];
    for (const what of ["dumps", "native", "profile"] as const) reports.push(await runtime.report(what));
    const lines = [...reports, events].join("").split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line));
  } finally {
    runtime.dispose();
  }
}

const PROGRAMS: Readonly<Record<string, string>> = {
  "every literal":
    `print nil; print true; print 123456789012345678; print 1.5; print 1e300 * 1e300; print -0.0;
    print "a\\xff\\n</script>"; print [1, [2]]; print {"k": 1};`,
  "every statement": `struct Point { x; y; }
    async function later(n) { return n; }
    function make() { var n = 0; function next() { n += 1; return n; } return next; }
    var next = make();
    for (var i : [1, 2, 3]) { if (i == 2) continue; else next(); }
    while (true) { break; }
    for (;;) break;
    var p = Point(1, 2); p.x = p.y; p.x += 1;
    print await later(-p.x) || !next() && 3 % 2;`,
  "hot functions": `function twice(n) { return n * 2; }
    function half(n) { return n / 2; }
    var sum = 0;
    for (var i = 0; i < 500; i += 1) { sum = sum + twice(i); half(i); if (i > 490) print half(0.5); }
    print sum;`,
  "code that is compiled again": `function pick(a, i) { return a[i] + 1; }
    var a = [1, 2.5, 3];
    var s = 0;
    for (var r = 0; r < 3000; r += 1) s = s + pick(a, r % 3);
    print s;`,
};

function checkLines(lines: readonly Line[], about: string): void {
  for (const line of lines) {
    const fault = mismatchOf(line, lineShape(line.kind as SchemaKind));
    assertEquals(fault, null, `${about}: ${line.kind}: ${fault}`);
  }
}

Deno.test({
  name: "what is dumped as JSON has the shape that its schema says",
  ignore: !probe.ok,
  async fn() {
    const seen = new Set<string>();
    for (const [about, text] of Object.entries(PROGRAMS)) {
      const functionName = /function (\w+)/.exec(text)?.[1] ?? "main";
      for (const options of [{}, { threshold: 1 }, { backend: "interp" }, { functionName }]) {
        const lines = await dumpAll(text, options);
        assert(lines.length >= 3, `${about} dumps ${lines.length} lines`);
        checkLines(lines, about);
        for (const { kind } of lines) seen.add(kind);
      }
    }
    // Each kind was there to be checked.
    assertEquals([...seen].sort(), Object.keys(SCHEMA_VERSIONS).sort());
  },
});

Deno.test({
  name: "code that has to go, and functions that are given up, are events of the schema",
  ignore: !probe.ok,
  async fn() {
    const functions = Array.from(
      { length: 120 },
      (_, i) => `function f${i}(n) { var a = [n, n + ${i}]; return a[0] + a[1] + n * ${i} + n / 3 + n % 7; }`,
    );
    const calls = functions.map((_, i) => `for (var i = 0; i < 3; i += 1) s += f${i}(i);`);
    const text = [...functions, "var s = 0;", ...calls].join("\n");
    const lines = await dumpAll(text, { threshold: 1, codeCache: 64 << 10, dump: [] });
    const events = lines.filter(({ kind }) => kind === "event");
    checkLines(events, "a small code cache");
    const names = new Set(events.map(({ data }) => (data as { event: string }).event));
    for (const event of ["hot", "compiled", "patched", "evicted"]) {
      assert(names.has(event), `no event '${event}'`);
    }
  },
});

Deno.test("dumps name their kind, file, function, and the pass after which they were made", async () => {
  const lines = await dumpAll("function f(x) { return x; }\nprint f(1);", {
    backend: "interp",
    dump: ["parse", "bytecode"],
    functionName: "f",
  });
  assertEquals(lines.map(({ schema, kind, path, after }) => ({ schema, kind, path, after })), [
    { schema: "unnarize/ast@1", kind: "ast", path: "main.unna", after: "parse" },
    { schema: "unnarize/bytecode@1", kind: "bytecode", path: "main.unna", after: undefined },
    { schema: "unnarize/profile@1", kind: "profile", path: "main.unna", after: undefined },
  ]);
  assertEquals(lines[2].function, "f");
});

Deno.test("an artifact of a plugin, whose shape is its own, has no schema", () => {
  const line = dumpLine({ kind: "sketch", path: "a.unna", after: "draw" }, '{"half":true}');
  assertEquals(line.at(-1), "\n");
  const expected = { schema: null, kind: "sketch", path: "a.unna", after: "draw", data: { half: true } };
  assertEquals(JSON.parse(line), expected);
});

Deno.test("--dump=all is every artifact, and nothing that does not exist", async () => {
  const lines = await dumpAll("print 1;", { backend: "interp" });
  assertEquals(lines.map(({ kind }) => kind), ["tokens", "ast", "bytecode", "profile"]);
});

// ---- the schema itself -------------------------------------------------------------------------------------------

Deno.test("the schema refuses what has another shape", () => {
  const token = { kind: "print", start: 0, end: 5 };
  const line = (data: unknown) => ({ schema: schemaOf("tokens"), kind: "tokens", path: "a.unna", data });
  const cases: [unknown, string | null][] = [
    [line([token]), null],
    [line([{ ...token, start: "0" }]), '$.data[0].start is "0", not of type integer'],
    [line([{ ...token, start: -1 }]), "$.data[0].start is -1, less than 0"],
    [line([{ ...token, line: 1 }]), "$.data[0] has 'line', which the schema does not know"],
    [line([{ kind: "print", start: 0 }]), "$.data[0] has no 'end'"],
    [line(null), "$.data is null, not of type array"],
    [
      { ...line([]), schema: "unnarize/tokens@0" },
      "$.schema is unnarize/tokens@0, not one of unnarize/tokens@1",
    ],
  ];
  for (const [value, fault] of cases) assertEquals(mismatchOf(value, lineShape("tokens")), fault);
  const node = { kind: "Print", start: 0, end: 8, value: { kind: "Nil", start: 6, end: 7, extra: 1 } };
  const tree = { schema: schemaOf("ast"), kind: "ast", path: "a.unna", data: node };
  assertMatch(mismatchOf(tree, lineShape("ast"))!, /extra/);
});
