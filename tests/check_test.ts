import { assertEquals } from "@std/assert";
import { createDiagnostics } from "../core/diagnostics.ts";
import { makeSource } from "../core/source.ts";
import { checkProgram } from "../passes/check.ts";
import { parseProgram } from "../passes/parse.ts";

const KNOWN = {
  globals: new Set(["length", "push", "map"]),
  arity: (name: string) => name === "length" ? 1 : name === "push" ? 2 : null,
};

/** The findings in a program that parses: code, place, text and the texts of notes. */
function check(text: string): string[] {
  const source = makeSource("t.unna", text);
  const diagnostics = createDiagnostics();
  const program = parseProgram(source, diagnostics);
  assertEquals(diagnostics.items.map((item) => item.message), [], text);
  checkProgram(program, source, KNOWN, diagnostics);
  return diagnostics.items.map(({ code, start, message, notes }) => {
    const { line, column } = source.position(start);
    return [`${code} ${line}:${column} ${message}`, ...notes.map((note) => note.message)].join(" | ");
  });
}

/** The codes alone. */
function codes(text: string): string[] {
  return check(text).map((finding) => finding.slice(0, 5));
}

Deno.test("checkProgram() is silent about a sound program", () => {
  assertEquals(
    check(`
import "./shapes.unna" as shapes;
struct Point { x; y; }
var origin = Point(0, 0);
function distance(a, b) { return later(a.x - b.x) + shapes.unit; }
function later(x) { return x; }
for (var i = 0; i < length([1]); i += 1) print distance(origin, Point(i, 1));
for (var unused : [1, 2]) print 1;
function make() { var f = function (n) { return n == 0 || f(n - 1); }; return f; }
function even(n) { function odd(n) { return n != 0 && even(n - 1); } return n == 0 || odd(n - 1); }
print make()(3) && even(2);
`),
    [],
  );
});

Deno.test("checkProgram() reports names that nothing defines, with what was meant", () => {
  assertEquals(check("var count = 1;\nprint cuont;"), [
    "U0201 2:7 Undefined variable 'cuont' | did you mean 'count'?",
  ]);
  assertEquals(check("print lenght([1]);"), [
    "U0201 1:7 Undefined variable 'lenght' | did you mean 'length'?",
  ]);
  assertEquals(check("print null;"), ["U0201 1:7 Undefined variable 'null' | did you mean 'nil'?"]);
  assertEquals(check("{ var inner = 1; print inner; }\nprint inner;"), [
    "U0201 2:7 Undefined variable 'inner' | this declaration is not visible there",
  ]);
  assertEquals(check("print constructor;"), ["U0201 1:7 Undefined variable 'constructor'"]);
  assertEquals(codes("n += 1;"), ["U0201"]);
  assertEquals(codes("{ print x; var x = 1; x; }"), ["U0201"]);
});

Deno.test("checkProgram() knows names that are defined later or by assignment", () => {
  assertEquals(codes("function f() { return later; }\nvar later = 1;\nf();"), []);
  assertEquals(check("function set() { total = 1; }\nset();\nprint total;"), [
    "U0202 1:18 Assignment to undeclared 'total' makes a global variable",
  ]);
  assertEquals(check("var total = 0;\ntotla = total;"), [
    "U0202 2:1 Assignment to undeclared 'totla' makes a global variable | did you mean 'total'?",
  ]);
  assertEquals(codes("t = 1; t = 2; t += 3; print t;"), ["U0202"]);
});

Deno.test("checkProgram() reports calls with the wrong number of arguments", () => {
  assertEquals(check("function add(a, b) { return a + b; }\nprint add(1);"), [
    "U0203 2:7 'add' expects 2 arguments but gets 1 | it is declared here",
  ]);
  assertEquals(check("struct P { x; }\nP();"), [
    "U0203 2:1 'P' expects 1 argument but gets 0 | it is declared here",
  ]);
  assertEquals(check("length();"), ["U0203 1:1 'length' expects 1 argument but gets 0"]);
  assertEquals(codes("var f = function (a) { return a; };\nf(1, 2);"), ["U0203"]);
  assertEquals(codes("{ function f() {} f(1); }"), ["U0203"]);
});

Deno.test("checkProgram() does not judge calls of what may change", () => {
  assertEquals(codes("function f() {}\nfunction f(a) { return a; }\nf(1, 2);"), []);
  assertEquals(codes("function f() {}\nfunction g() { f = g; }\nf(1); g();"), []);
  assertEquals(codes("var f; f = function (a) { return a; }; f();"), []);
  assertEquals(codes("function f(g) { return g(1); }\nf(f);"), []);
  assertEquals(codes("map(1, 2, 3);"), []);
  assertEquals(codes("function length(a, b) { return a + b; }\nlength(1, 2);"), ["U0207"]);
  assertEquals(codes("function f() {}\n{ var f = function (a) { return a; }; f(1); }"), []);
});

Deno.test("checkProgram() reports code behind jumps, once", () => {
  assertEquals(check("function f() { return 1; print 2; print 3; }\nf();"), [
    "U0204 1:26 Unreachable code after 'return'",
  ]);
  assertEquals(codes("while (true) { break; continue; }"), ["U0204"]);
  assertEquals(codes("while (true) { { continue; } print 1; }"), ["U0204"]);
  assertEquals(codes("function f(a) { if (a) return 1; else { return 2; } print 3; }\nf(1);"), ["U0204"]);
  assertEquals(codes("return; print 1;"), ["U0204"]);
  assertEquals(codes("function f() { return g(); function g() { return 1; } }\nf();"), []);
  assertEquals(codes("function f(a) { if (a) return 1; print 3; }\nf(1);"), []);
  assertEquals(codes("function f() { while (true) { return 1; } print 2; }\nf();"), []);
});

Deno.test("checkProgram() reports what nobody uses, unless that is normal", () => {
  assertEquals(check('import "x" as x;'), ["U0205 1:15 Import 'x' is never used"]);
  assertEquals(codes('import "x" as _x;'), []);
  assertEquals(check("function f(p) { var a = 1; a = 2; var b; return b; }\nf(1);"), [
    "U0206 1:21 Local 'a' is never used",
  ]);
  assertEquals(codes("{ function f() {} struct S { x; } import a as b; var _c; }"), [
    "U0206",
    "U0206",
    "U0205",
  ]);
  assertEquals(codes("var a; function f() {} struct S { x; }"), []);
});

Deno.test("checkProgram() mentions builtins that are redefined", () => {
  assertEquals(check("var length = 1;\nprint length;"), [
    "U0207 1:5 'length' hides the builtin of that name",
  ]);
  assertEquals(codes("push = 1;"), ["U0207"]);
  assertEquals(codes("{ var push = 1; print push; }"), []);
});

Deno.test("checkProgram() finishes early where there is too much to say", () => {
  const text = Array.from({ length: 20_000 }, (_, i) => `name${i} = other${i};`).join("\n");
  assertEquals(codes(text).filter((code) => code === "U0100").length, 1);
});

Deno.test("checkProgram() takes deep trees", () => {
  assertEquals(codes("var a = 1; print a" + " + a".repeat(50_000) + ";"), []);
  assertEquals(codes("var a = 1; print a" + "()[a].a".repeat(10_000) + ";"), []);
  assertEquals(codes("var a = 1; if (a) {}" + " else if (a) {}".repeat(50_000)), []);
});
