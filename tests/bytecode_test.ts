/**
 * The bytecode pass: what each construct becomes, instruction by instruction; that no program is too large for it; and
 * that whatever it makes satisfies the verifier. What the code does when run is the business of the language tests, save
 * for functions with hundreds of variables, which no one writes by hand.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { createDiagnostics, type Diagnostics } from "../core/diagnostics.ts";
import { makeSource } from "../core/source.ts";
import { printProgram, programToJson } from "../core/listing.ts";
import { checkProgram } from "../core/verify.ts";
import type { Program } from "../core/program.ts";
import { parseProgram } from "../passes/parse.ts";
import { emitProgram } from "../passes/bytecode.ts";
import { runUnna } from "./support.ts";

const BUILTINS = new Set(["push", "pop", "length", "has", "keys", "array", "map"]);

function compile(text: string, diagnostics: Diagnostics = createDiagnostics()): Program {
  const source = makeSource("test.unna", text);
  const tree = parseProgram(source, diagnostics);
  assertEquals(diagnostics.items.map((item) => item.message), []);
  return emitProgram(tree, source, diagnostics, { builtins: BUILTINS });
}

/** The instructions of a function (of the last one, which has no function inside) without places and comments. */
function codeOf(text: string, functionId = -1): string {
  const program = compile(text);
  checkProgram(program);
  const proto = program.protos.at(functionId)!;
  const listing = printProgram({ ...program, globals: [], protos: [proto] });
  const lines = listing.split("\n").flatMap((line) => {
    const found = line.match(/^ +(\d+ {2}[A-Z_]+.*?) *;/);
    return found ? [found[1].replace(/ +/g, " ")] : [];
  });
  return lines.join("\n");
}

/** Compares the code of the function `f(a, b, c)` with this body. */
function expectCode(body: string, expected: string): void {
  const actual = codeOf(`function f(a, b, c) { ${body} }`, 1);
  assertEquals(actual, expected.trim().replace(/^ +/gm, ""), body);
}

// ---- Expressions ----------------------------------------------------------------------------------------------------

Deno.test("emitProgram() computes into the variable and reads variables in place", () => {
  expectCode(
    "var x = a + b * c; x = x - a; return x;",
    `
    0 MUL r4, r1, r2
    1 ADD r3, r0, r4
    2 SUB r3, r3, r0
    3 RETURN r3
    `,
  );
});

Deno.test("emitProgram() takes literals on the right as operands, on the left through a register", () => {
  expectCode(
    'return 1 + a + 2 - -2.5 + "x" % 3;',
    `
    0 LOAD_INT r3, 1
    1 ADD r3, r3, r0
    2 ADD_K r3, r3, k0
    3 SUB_K r3, r3, k1
    4 LOAD_CONST r4, k2
    5 MOD_K r4, r4, k3
    6 ADD r3, r3, r4
    7 RETURN r3
    `,
  );
});

Deno.test("emitProgram() loads each literal by its shortest instruction", () => {
  expectCode(
    "a = nil; a = true; a = -32768; a = 32768; a = 1.0; a = -0.0; a = 0.0; a = 1.0;",
    `
    0 LOAD_NIL r0
    1 LOAD_BOOL r0, 1
    2 LOAD_INT r0, -32768
    3 LOAD_CONST r0, k0
    4 LOAD_CONST r0, k1
    5 LOAD_CONST r0, k2
    6 LOAD_CONST r0, k3
    7 LOAD_CONST r0, k1
    8 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() saves a variable that a later operand assigns to, and only then", () => {
  expectCode(
    "return a + (a = 5);",
    `
    0 MOVE r3, r0
    1 LOAD_INT r0, 5
    2 ADD r3, r3, r0
    3 RETURN r3
    `,
  );
  expectCode(
    "b[a] = a = c;",
    `
    0 MOVE r3, r0
    1 MOVE r0, r2
    2 SET_INDEX r1, r3, r0
    3 RETURN_NIL
    `,
  );
  expectCode(
    "while ((a = b.next) != nil) c = a + 1;",
    `
    0 GET_FIELD r0, r1, k0
    4 JUMP_EQ_K r0, k1, @14
    6 LOOP
    7 ADD_K r2, r0, k2
    8 GET_FIELD r0, r1, k0
    12 JUMP_NE_K r0, k1, @6
    14 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() keeps the old value until a literal is complete", () => {
  expectCode(
    "a = [a, 1];",
    `
    0 NEW_ARRAY r3, 2
    1 PUSH r3, r0
    2 LOAD_INT r4, 1
    3 PUSH r3, r4
    4 MOVE r0, r3
    5 RETURN_NIL
    `,
  );
  expectCode(
    'var m = {"x": a, (b): 2};',
    `
    0 NEW_MAP r3
    1 SET_INDEX_K r3, k0, r0
    2 LOAD_INT r4, 2
    3 SET_INDEX r3, r1, r4
    4 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() reads and writes indices and fields, objects once", () => {
  expectCode(
    "a.x = b[0]; a[b] += c; g().n -= 1;",
    `
    0 GET_INDEX_K r3, r1, k1
    1 SET_FIELD r0, r3, k0
    5 GET_INDEX r3, r0, r1
    6 ADD r3, r3, r2
    7 SET_INDEX r0, r1, r3
    8 GET_GLOBAL r3, g1
    10 CALL r3, 0
    11 GET_FIELD r4, r3, k2
    15 SUB_K r4, r4, k3
    16 SET_FIELD r3, r4, k2
    20 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() gives an assignment its value", () => {
  expectCode(
    "var x = a[0] = b = c; return a.y = x;",
    `
    0 MOVE r1, r2
    1 MOVE r3, r1
    2 SET_INDEX_K r0, k0, r3
    3 SET_FIELD r0, r3, k1
    7 RETURN r3
    `,
  );
});

Deno.test("emitProgram() lets a call's window begin where its result is wanted", () => {
  expectCode(
    "var x = g(a, h(b)); a = x(1);",
    `
    0 GET_GLOBAL r3, g1
    2 MOVE r4, r0
    3 GET_GLOBAL r5, g2
    5 MOVE r6, r1
    6 CALL r5, 1
    7 CALL r3, 2
    8 MOVE r4, r3
    9 LOAD_INT r5, 1
    10 CALL r4, 1
    11 MOVE r0, r4
    12 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() makes opcodes of builtins that the file leaves alone", () => {
  expectCode(
    "push(a, b); a = push(a, pop(b)); a = length(b); a = has(a, b); a = array(); a = map();",
    `
    0 PUSH r0, r1
    1 POP r3, r1
    2 PUSH r0, r3
    3 LOAD_NIL r0
    4 LENGTH r0, r1
    5 HAS r0, r0, r1
    6 NEW_ARRAY r0, 0
    7 NEW_MAP r0
    8 RETURN_NIL
    `,
  );
  const ordinary = "0 GET_GLOBAL r0, g0";
  for (
    const text of [
      "length();",
      "length(1, 2);",
      "length(1); function f() { length = nil; }",
      "length(1); var length = 1;",
      "length(1); struct length {}",
    ]
  ) assertEquals(codeOf(text, 0).split("\n")[0], ordinary, text);
  assertEquals(codeOf("{ var pop = 1; pop(2); }").split("\n")[1], "1 MOVE r1, r0");
});

Deno.test("emitProgram() evaluates for the effect alone where nobody wants the value", () => {
  expectCode('a; 1; -2.5; "s";', "0 RETURN_NIL");
  expectCode(
    "a && g(); h;",
    `
    0 JUMP_UNLESS r0, @5
    2 GET_GLOBAL r3, g1
    4 CALL r3, 0
    5 GET_GLOBAL r3, g2
    7 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() awaits and applies unary operators in place", () => {
  expectCode(
    "return -await !a;",
    `
    0 NOT r3, r0
    1 AWAIT r3, r3
    2 NEG r3, r3
    3 RETURN r3
    `,
  );
});

// ---- Conditions and loops -------------------------------------------------------------------------------------------

Deno.test("emitProgram() fuses comparisons with jumps and makes no bools in conditions", () => {
  expectCode(
    "if (a < b && !(b >= c) || a == nil) g();",
    `
    0 JUMP_NOT_LT r0, r1, 0, @4
    2 JUMP_NOT_LE r2, r1, 1, @6
    4 JUMP_NE_K r0, k0, @9
    6 GET_GLOBAL r3, g1
    8 CALL r3, 0
    9 RETURN_NIL
    `,
  );
  expectCode(
    "if (a > 1) if (2 >= a) return; else if (!(a > 1)) return 1;",
    `
    0 JUMP_NOT_GT_K r0, k0, @10
    2 LOAD_INT r3, 2
    3 JUMP_NOT_LE r0, r3, 1, @6
    5 RETURN_NIL
    6 JUMP_GT_K r0, k0, @10
    8 LOAD_INT r3, 1
    9 RETURN r3
    10 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() makes bools of conditions where values are wanted", () => {
  expectCode(
    "a = a <= b || c;",
    `
    0 JUMP_LE r0, r1, 0, @7
    2 JUMP_IF r2, @7
    4 LOAD_BOOL r0, 0
    5 JUMP @8
    7 LOAD_BOOL r0, 1
    8 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() shares equal strings and keeps others apart, of any length and bytes", () => {
  for (const length of [1, 100, 4096, 4097, 10_000]) {
    const text = (end: string) => `"${"a".repeat(length - 1)}${end}"`;
    const all = [text("\\x80"), text("\\x81"), text("\\x80"), text("b"), text("\\xc8")];
    assertEquals(compile(`x = [${all.join(", ")}];`).main.constants.length, 4);
  }
});

Deno.test("emitProgram() leaves out what constant conditions and jumps exclude", () => {
  expectCode("if (false) g(); while (0) h(); return; g();", "0 RETURN_NIL");
  expectCode(
    "while (true) { if (a) break; if (b) { continue; } }",
    `
    0 LOOP
    1 JUMP_IF r0, @7
    3 JUMP_IF r1, @5
    5 JUMP @0
    7 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() puts a loop's test at its bottom, and in front if it is small", () => {
  expectCode(
    "for (var i = 0; i < a; i += 1) { if (i == 3) continue; b = i; }",
    `
    0 LOAD_INT r3, 0
    1 JUMP_NOT_LT r3, r0, 0, @10
    3 LOOP
    4 JUMP_EQ_K r3, k0, @7
    6 MOVE r1, r3
    7 ADD_K r3, r3, k1
    8 JUMP_LT r3, r0, 0, @3
    10 RETURN_NIL
    `,
  );
  expectCode(
    "while (g(function () {})) h();",
    `
    0 JUMP @6
    2 LOOP
    3 GET_GLOBAL r3, g1
    5 CALL r3, 0
    6 GET_GLOBAL r3, g2
    8 CLOSURE r4, k0
    10 CALL r3, 1
    11 JUMP_IF r3, @2
    13 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() iterates in three registers, the element being the variable", () => {
  expectCode(
    "for (var x : a) b = x;",
    `
    0 MOVE r3, r0
    1 FOR_PREPARE r3
    2 JUMP @6
    4 LOOP
    5 MOVE r1, r5
    6 FOR_NEXT r3, @4
    8 RETURN_NIL
    `,
  );
});

// ---- Variables ------------------------------------------------------------------------------------------------------

Deno.test("emitProgram() keeps captured variables in cells, fresh in each round", () => {
  const text = `function f(a) {
    for (var x : a) {
      var y = x;
      a(function () { y += x; return a; });
    }
  }`;
  assertEquals(
    codeOf(text, 1),
    `
    0 NEW_CELL r0, r0
    1 GET_CELL r1, r0
    2 FOR_PREPARE r1
    3 JUMP @13
    5 LOOP
    6 NEW_CELL r4, r3
    7 GET_CELL r5, r4
    8 NEW_CELL r5, r5
    9 GET_CELL r6, r0
    10 CLOSURE r7, k0
    12 CALL r6, 1
    13 FOR_NEXT r1, @5
    15 RETURN_NIL
    `.trim().replace(/^ +/gm, ""),
  );
  assertEquals(
    codeOf(text, 2),
    `
    0 GET_CAPTURE r0, c0
    1 GET_CAPTURE r1, c1
    2 ADD r0, r0, r1
    3 SET_CAPTURE r0, c0
    4 GET_CAPTURE r0, c2
    5 RETURN r0
    `.trim().replace(/^ +/gm, ""),
  );
});

Deno.test("emitProgram() captures through functions in between", () => {
  const { protos } = compile("function f(a) { return function () { return function () { return a; }; }; }");
  assertEquals(protos.map(({ captures }) => captures), [
    [],
    [],
    [{ from: "register", index: 0, name: "a" }],
    [{ from: "capture", index: 0, name: "a" }],
  ]);
});

Deno.test("emitProgram() makes functions of a block early only when they are wanted early", () => {
  expectCode(
    "function g() {} g();",
    `
    0 CLOSURE r3, k0
    2 MOVE r4, r3
    3 CALL r4, 0
    4 RETURN_NIL
    `,
  );
  expectCode(
    "function g() { h(); } function h() {}",
    `
    0 LOAD_NIL r3
    1 NEW_CELL r3, r3
    2 CLOSURE r4, k0
    4 CLOSURE r5, k1
    6 SET_CELL r3, r5
    7 RETURN_NIL
    `,
  );
});

Deno.test("emitProgram() resolves names like the language says", () => {
  // The initialiser sees the outer binding; a function sees itself; the latest declaration counts.
  const globals = (text: string) => compile(text).globals;
  assertEquals(globals("{ var x = x; x; }"), ["x"]);
  assertEquals(globals("{ var x = [function () { x; }]; }"), ["x"]);
  assertEquals(globals("{ var f = function () { return f; }; }"), []);
  assertEquals(globals("{ f(); function f() { return f; } }"), []);
  assertEquals(globals("f(function g() { return g; }); g;"), ["f", "g"]);
  assertEquals(globals("for (var i = 0; i < 1; i += 1) {} i;"), ["i"]);
  assertEquals(globals("for (var x : x) x;"), ["x"]);
  assertEquals(
    globals("function f(a) { a; b = a; } { struct S {} import m as n; S; n; }"),
    ["f", "b"],
  );
});

Deno.test("emitProgram() names functions after what they are first assigned to", () => {
  const text = `var a = function () {}; b = function () {}; o.c = function () {};
    o["d"] = function () {}; f({"e": function () {}}, function () {}); var g = function h() {}; function i() {}`;
  assertEquals(
    compile(text).protos.map(({ name }) => name),
    ["main", "a", "b", "c", "anonymous", "e", "anonymous", "h", "i"],
  );
});

Deno.test("emitProgram() ends the file's body without a value", () => {
  assertEquals(codeOf("return g(); print 1;"), "0 GET_GLOBAL r0, g0\n2 CALL r0, 0\n3 RETURN_NIL");
});

Deno.test("emitProgram() points at what an error is about", () => {
  const text = 'x += a [ b ] - g(1) .name; print -"y";';
  const program = compile(text);
  const { code, spans } = program.main;
  const listing = printProgram(program);
  const pcs = [...listing.matchAll(/^ +(\d+) {2}(\w+)/gm)].map(([, pc, name]) => [name, Number(pc)] as const);
  const places = Object.fromEntries(
    pcs.map(([name, pc]) => [name, text.slice(spans[2 * pc], spans[2 * pc + 1])]),
  );
  assertEquals(places.ADD, "+=");
  assertEquals(places.SUB, "-");
  assertEquals(places.GET_INDEX, "a [ b ]");
  assertEquals(places.CALL, "g(1)");
  assertEquals(places.GET_FIELD, "name");
  assertEquals(places.NEG, '-"y"');
  assertEquals(places.SET_GLOBAL, "x");
  assertEquals(spans.length, 2 * code.length);
});

// ---- Size -----------------------------------------------------------------------------------------------------------

const times = (count: number, piece: (i: number) => string, separator = "") =>
  Array.from({ length: count }, (_, i) => piece(i)).join(separator);

Deno.test("emitProgram() compiles programs of any size", () => {
  const programs: Record<string, string> = {
    "a long sum": `x = ${times(20_000, (i) => `x${i % 9}`, " + ")};`,
    "a long comparison": `x = ${times(5000, () => "x", " == ")};`,
    "a long condition": `while (${times(20_000, () => "x", " && ")}) f();`,
    "a long chain of else-ifs": times(5000, (i) => `if (x == ${i}) f();`, " else "),
    "a long chain of calls": `x = f${"(x)".repeat(10_000)};`,
    "a long chain of indices": `x${"[x]".repeat(10_000)} = x${"[0]".repeat(10_000)};`,
    "a long chain of properties": `x${".a".repeat(10_000)} += 1;`,
    "deep parentheses": `x = ${"(1 + ".repeat(400)}x${")".repeat(400)};`,
    "deep literals": `x = ${"[".repeat(900)}x${"]".repeat(900)};`,
    "deep calls": `${"f(".repeat(400)}x${")".repeat(400)};`,
    "deep conditions": `if (${"a && (b || (".repeat(200)}x${"))".repeat(200)}) f();`,
    "deep loops": `${"for (var a : b) {".repeat(400)}f();${"}".repeat(400)}`,
    "deep functions": `{ var x; ${"function f() {".repeat(900)}x;${"}".repeat(900)} }`,
    "many constants": `x = [${times(70_000, (i) => `"s${i}"`, ",")}];`,
    "a large map": `x = {${times(10_000, (i) => `${i}: "v${i}"`, ",")}};`,
    "a long body": `function f(x) { ${times(20_000, (i) => `x = x + 1; if (x < ${i}) f(x);`)} }`,
    "many arguments": `f(${times(60_000, () => "0", ",")});`,
    "many variables": `{ ${times(60_000, (i) => `var v${i};`)} f(v0, v59999); }`,
  };
  for (const [what, text] of Object.entries(programs)) {
    const program = compile(text);
    checkProgram(program);
    assert(program.main.code.length > 0, what);
  }
});

Deno.test("emitProgram() refuses what no window can hold", () => {
  const diagnostics = createDiagnostics();
  compile(`function f() { ${times(65_536, () => "var v;")} }`, diagnostics);
  assertEquals(diagnostics.items.map(({ code, message }) => `${code} ${message}`), [
    "U0208 Function 'f' needs more than 65,535 registers",
  ]);
});

// ---- Far registers --------------------------------------------------------------------------------------------------

Deno.test("a function with 300 parameters and arguments works", async () => {
  const params = times(300, (i) => `p${i}`, ", ");
  const { stdout } = await runUnna(`
    function sum(${params}) { return ${times(300, (i) => `p${i}`, " + ")}; }
    function last(${params}) { p250 += 1; p255 = p254 - p252; return [p0, p249, p250, p252, p253, p255, p256, p299]; }
    function later(${params}) { return function () { p252 += p299; return [p252, p0, p255]; }; }
    print sum(${times(300, (i) => `${i}`, ", ")});
    print last(${times(300, (i) => `${i}`, ", ")});
    var f = later(${times(300, (i) => `${i}`, ", ")});
    f();
    print f();
  `);
  assertEquals(stdout, "44850\n[0, 249, 251, 252, 253, 2, 256, 299]\n[850, 0, 255]\n");
});

Deno.test("300 local variables work in expressions, calls, loops and closures", async () => {
  const { stdout } = await runUnna(`
    function f() {
      ${times(300, (i) => `var v${i} = ${i};`)}
      var list = [v298, v299];
      for (var e : list) { v0 += e; list[0] = v1 + list[0] * v2; }
      for (var i = 0; i < v3; i += 1) push(list, function () { v299 += i; return v299; });
      if (v298 < v299 && !(v299 <= v298)) v297 = max(v299, v298);
      return [v0, v297, list[0], list[2](), list[4](), v299 == list[1] + 6, length(list), has({"a": v5}, "a")];
    }
    function max(a, b) { if (a > b) return a; return b; }
    print f();
  `);
  assertEquals(
    stdout,
    "[597, 299, 1195, 302, 305, true, 5, true]\n",
  );
});

// ---- Any program ----------------------------------------------------------------------------------------------------

/**
 * Statements over a few names, which are declared, hidden, captured and assigned in all ways. They compute with numbers, so
 * that most programs get to their end; and they get there, since loops are short and functions run on limited fuel.
 *
 * With small integers the language is so close to JavaScript that a second opinion is to be had for little: where the two
 * differ, the text has `⟦ours¦theirs⟧`.
 */
const { statement } = fc.letrec<{ number: string; condition: string; statement: string; block: string }>(
  (tie) => {
    const name = fc.constantFrom("a", "b", "c", "d"), fn = fc.constantFrom("f", "g");
    const literal = fc.constantFrom("0", "1", "2", "7", "(-1)", "1000");
    const n = tie("number"), test = tie("condition"), s = tie("statement"), block = tie("block");
    const join = (...parts: (string | fc.Arbitrary<string>)[]) =>
      fc.tuple(...parts.map((part) => typeof part === "string" ? fc.constant(part) : part)).map((all) =>
        all.join("")
      );
    const operator = fc.constantFrom("+", "-"), assign = fc.constantFrom("=", "=", "+=", "-=");
    const comparison = fc.constantFrom("<", "<=", ">", ">=", "⟦==¦===⟧", "⟦!=¦!==⟧");
    const body = join("{ if (isSpent()) return 1; ", s, " return ", n, "; }");
    const shrink = { depthSize: "small", withCrossShrink: true } as const;
    return {
      number: fc.oneof(
        shrink,
        literal,
        name,
        name,
        join("(", n, " ", operator, " ", n, ")"),
        join("(-", n, ")"),
        join("(", name, " ", assign, " ", n, ")"),
        join("[", n, ", ", n, "][1]"),
        join('⟦¦(⟧{"k": ', n, ", ⟦(¦[⟧", n, '⟦)¦]⟧: 1}⟦¦)⟧["k"]'),
        join("list[place(", n, ")]"),
        join("(list[place(", n, ")] ", assign, " ", n, ")"),
        join("(point.x ", assign, " ", n, ")"),
        join("show(", n, ", ", n, ")"),
        join("length([", test, ", push(list, ", n, ")])"),
        join(fn, "(", n, ")"),
        join("(function (", name, ") ", body, ")(", n, ")"),
      ),
      condition: fc.oneof(
        shrink,
        name,
        fc.constantFrom("true", "false", "nil"),
        join("(", n, " ", comparison, " ", n, ")"),
        join("⟦¦!!⟧(", test, " ", fc.constantFrom("&&", "||"), " ", test, ")"),
        join("(!", test, ")"),
      ),
      statement: fc.oneof(
        shrink,
        join("(", n, ");"),
        join("⟦print ¦print(⟧", test, "⟦;¦);⟧"),
        join(name, " ", assign, " ", n, ";"),
        // The initialiser sees the outer variable.
        fc.tuple(name, n, s, s).map(([name, n, first, second]) =>
          `{ ⟦var ${name}¦const $⟧ = ${n}; ⟦¦{ let ${name} = $;⟧ ${first} ${second} ⟦¦}⟧ }`
        ),
        fc.tuple(name, n, s, test, s).map(([name, n, first, test, second]) =>
          `⟦for (var ${name} : ¦{ const $ = ⟧[1, ${n}]⟦)¦; for (let ${name} of $)⟧ ` +
          `{ ${first} if (${test}) continue; ${second} } ⟦¦}⟧`
        ),
        // A function is in scope from the block's beginning, but nil until its declaration.
        fc.tuple(fn, s, name, body, s).map(([fn, first, name, body, second]) =>
          `{ ⟦¦let ${fn} = null;⟧ ${first} ⟦function ${fn}¦${fn} = function⟧ (${name}) ${body}⟦¦;⟧ ${second} }`
        ),
        join("{ ⟦var¦let⟧ ", fn, " = function (", name, ") ", body, "; ", s, " }"),
        join("if (", test, ") ", block, " else ", block),
        join("for (⟦var¦let⟧ i = 0; i < 3; i += 1) { ", s, " if (", test, ") break; ", s, " }"),
        join("{ ⟦var¦let⟧ i = 0; while (i < 2 && ", test, ") { i += 1; ", s, " } }"),
        join("if (", test, ") return ", n, ";"),
      ),
      block: join("{ ", s, " ", s, " }"),
    };
  },
);

const statements = fc.array(statement, { minLength: 1, maxLength: 6 });

/** A program that runs statements in a function, with so many variables in front of those that they use. */
function wrap(statements: readonly string[], before: number): string {
  return `
    ⟦var¦let⟧ fuel = 50;
    function isSpent() { fuel -= 1; return fuel < 0; }
    function show(x, y) { ⟦print x¦print(x)⟧; return y; }
    function place(x) { if (x > 0 && x < 3) return x; return 0; }
    ⟦struct Point { x; y; }¦function Point(x, y) { return { x, y }; }⟧
    function work(a, b, list) {
      ${times(before, (i) => `⟦var¦let⟧ far${i};`)}
      ⟦var¦let⟧ c = 3;
      ⟦var¦let⟧ d = 4;
      ⟦var¦let⟧ point = Point(5, 6);
      ⟦var¦let⟧ f = function (x) { return x; };
      ⟦var¦let⟧ g = f;
      ${statements.join("\n      ")}
      return [a, b, c, d, list, point.x];
    }
    ⟦print work(1, 2, [4, 5, 6])¦print(work(1, 2, [4, 5, 6]))⟧;`;
}

/** One of the two programs in a text. */
const ours = (text: string) => text.replace(/⟦(.*?)¦.*?⟧/gs, "$1");
const theirs = (text: string) => text.replace(/⟦.*?¦(.*?)⟧/gs, "$1");

function runJavaScript(text: string): string {
  let out = "";
  const show = (value: unknown): string =>
    Array.isArray(value) ? `[${value.map(show).join(", ")}]` : value === null ? "nil" : String(value);
  const names = {
    nil: null,
    print: (value: unknown) => out += show(value) + "\n",
    length: (list: unknown[]) => list.length,
    push: (list: unknown[], value: unknown) => (list.push(value), null),
  };
  try {
    new Function(...Object.keys(names), `"use strict"; ${text}`)(...Object.values(names));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // a function that is nil still
    out += "error\n";
  }
  return out;
}

async function runOurs(text: string): Promise<string> {
  const { stdout, code } = await runUnna(text);
  return stdout + (code === 0 ? "" : "error\n");
}

Deno.test("emitProgram() makes code that the verifier accepts, and that can be shown", () => {
  fc.assert(
    fc.property(statements, fc.constantFrom(0, 240, 260), (list, before) => {
      const program = compile(ours(wrap(list, before)));
      checkProgram(program);
      assert(printProgram(program).length > 0);
      JSON.parse(programToJson(program));
    }),
    { numRuns: 150 },
  );
});

Deno.test("programs mean the same with near registers, with far ones, and in JavaScript", async () => {
  await fc.assert(
    fc.asyncProperty(statements, fc.integer({ min: 235, max: 260 }), async (list, before) => {
      const expected = runJavaScript(theirs(wrap(list, 0)));
      fc.pre(!/\d{16}/.test(expected)); // beyond what JavaScript's numbers hold
      assertEquals(await runOurs(ours(wrap(list, 0))), expected);
      assertEquals(await runOurs(ours(wrap(list, before))), expected);
    }),
    { numRuns: 100, seed: 1 },
  );
});
