import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type Expr, mapAst, type Node, PRECEDENCE, type Program, walk } from "../core/ast.ts";
import { astToJson, formatAst, printAst } from "../core/ast_text.ts";
import { createDiagnostics } from "../core/diagnostics.ts";
import { makeSource } from "../core/source.ts";
import type { SyntaxRule } from "../core/syntax.ts";
import { MAX_NESTING, parseProgram } from "../passes/parse.ts";

/** Parses a program that has to be free of errors. */
function parse(text: string, rules: SyntaxRule[] = []): Program {
  const diagnostics = createDiagnostics();
  const program = parseProgram(makeSource("t.unna", text), diagnostics, { rules });
  assertEquals(diagnostics.items.map((item) => item.message), [], text);
  return program;
}

/** The errors of a program, as "code line:column". */
function errors(text: string, rules: SyntaxRule[] = []): string[] {
  const source = makeSource("t.unna", text);
  const diagnostics = createDiagnostics();
  parseProgram(source, diagnostics, { rules });
  return diagnostics.items.map(({ code, start }) => {
    const { line, column } = source.position(start);
    return `${code} ${line}:${column}`;
  });
}

/** Message and notes of the first error. */
function complaint(text: string): string {
  const diagnostics = createDiagnostics();
  parseProgram(makeSource("t.unna", text), diagnostics);
  const { message, notes } = diagnostics.items[0];
  return [message, ...notes.map((note) => note.message)].join(" | ");
}

/** An expression with all its parentheses. */
function grouped(text: string): string {
  const show = (node: Expr): string => {
    switch (node.kind) {
      case "Binary":
      case "Logical":
        return `(${show(node.left)} ${node.op} ${show(node.right)})`;
      case "Unary":
        return `(${node.op}${show(node.operand)})`;
      case "Await":
        return `(await ${show(node.operand)})`;
      case "Assign":
        return `(${show(node.target)} ${node.op} ${show(node.value)})`;
      case "Call":
        return `${show(node.callee)}(${node.args.map(show)})`;
      case "Index":
        return `${show(node.object)}[${show(node.index)}]`;
      case "Member":
        return `${show(node.object)}.${node.name.name}`;
      default:
        return formatAst(node);
    }
  };
  const [stmt] = parse(`print ${text};`).body;
  if (stmt.kind !== "Print") throw new Error("not a print");
  return show(stmt.value);
}

/** The text of a program as the formatter writes it. */
function format(text: string): string {
  return formatAst(parse(text));
}

Deno.test("parseProgram() follows precedence and associativity", () => {
  assertEquals(grouped("1 + 2 * 3 - 4"), "((1 + (2 * 3)) - 4)");
  assertEquals(grouped("a || b && c == d < e + f * -g"), "(a || (b && (c == (d < (e + (f * (-g)))))))");
  assertEquals(grouped("a - b - c"), "((a - b) - c)");
  assertEquals(grouped("(a - (b - c)) % d"), "((a - (b - c)) % d)");
  assertEquals(grouped("a = b += c"), "(a = (b += c))");
  assertEquals(grouped("!a == b"), "((!a) == b)");
  assertEquals(grouped("- - +a"), "(-(-(+a)))");
  assertEquals(grouped("await f(x).y[1] + 2"), "((await f(x).y[1]) + 2)");
  assertEquals(grouped("-a.b(c)[d]"), "(-a.b(c)[d])");
  assertEquals(grouped("(a) = 1"), "(a = 1)");
});

Deno.test("parseProgram() takes postfix on every primary, and trailing commas", () => {
  assertEquals(grouped('"abc"[0]'), '"abc"[0]');
  assertEquals(grouped('{"k": 1,}["k"]'), '{"k": 1}["k"]');
  assertEquals(grouped("[1, 2,][1]"), "[1, 2][1]");
  assertEquals(grouped("f(1, 2,)(3)"), "f(1,2)(3)");
  assertEquals(format("function () { print 1; }();"), "function () {\n    print 1;\n}();\n");
  assertEquals(format("async function (a,) {}(1) + 2;"), "async function (a) {}(1) + 2;\n");
});

Deno.test("parseProgram() reads every statement", () => {
  const text = `import "./a.unna" as a;
import name as b;
struct P { x; print; }
var x;
async function f(a, b) {
    for (var i = 0; i < a; i += 1) {
        if (i == 3) continue;
        else if (i == 4) break;
        else {
            print i;
        }
    }
    for (;;) break;
    for (x = 1; x;) {}
    for (var v : [1, 2]) print v;
    while (true) {
        return;
    }
    return await b;
}
{
    a.import.print = {"k": nil, (x): true, 1.5: false};
}
`;
  assertEquals(format(text), text);
});

Deno.test("parseProgram() gives nodes their stretch of the text", () => {
  const text = "x = (a + b) * f(1)[2].c; if (1) { } else if (2) print 3;";
  const seen: string[] = [];
  walk(parse(text), {
    enter: ({ kind, start, end }) => {
      if (kind !== "Program") seen.push(`${kind} ${text.slice(start, end)}`);
    },
  });
  assertEquals(seen, [
    "ExprStmt x = (a + b) * f(1)[2].c;",
    "Assign x = (a + b) * f(1)[2].c",
    "Name x",
    "Binary (a + b) * f(1)[2].c",
    "Binary a + b",
    "Name a",
    "Name b",
    "Member f(1)[2].c",
    "Index f(1)[2]",
    "Call f(1)",
    "Name f",
    "Int 1",
    "Int 2",
    "Ident c",
    "If if (1) { } else if (2) print 3;",
    "Int 1",
    "Block { }",
    "If if (2) print 3;",
    "Int 2",
    "Print print 3;",
    "Int 3",
  ]);
});

Deno.test("parseProgram() folds a minus sign into the lowest integer only", () => {
  assertEquals(grouped("-9223372036854775808"), "-9223372036854775808");
  assertEquals(grouped("-0x8000000000000000"), "-9223372036854775808");
  assertEquals(grouped("-9223372036854775807"), "(-9223372036854775807)");
  assertEquals(errors("print -9223372036854775809;"), ["U0108 1:8"]);
  assertEquals(errors("print -(9223372036854775808);"), ["U0108 1:9"]);
});

Deno.test("parseProgram() has upstream's texts for missing tokens", () => {
  const texts: Record<string, string> = {
    "var x = 1": "Expect ';' after variable declaration.",
    "print 1": "Expect ';' after print value.",
    "return 1": "Expect ';' after return value.",
    "f()": "Expect ';' after expression.",
    "struct P { x }": "Expect ';' after field name.",
    "import a as b": "Expect ';' after import statement.",
    "for (x = 1) {}": "Expect ';' after loop start.",
    "for (;1) {}": "Expect ';' after loop condition.",
    "for (;;1 {}": "Expect ')' after for clauses.",
    "for (var x : y {}": "Expect ')' after foreach collection.",
    "print (1;": "Expect ')' after expression.",
    "f(1;": "Expect ')' after arguments.",
    "function f(a {}": "Expect ')' after parameters.",
    "if (1 {}": "Expect ')' after if condition.",
    "while (1 {}": "Expect ')' after condition.",
    "if 1 {}": "Expect '(' after 'if'.",
    "while 1 {}": "Expect '(' after 'while'.",
    "for 1 {}": "Expect '(' after 'for'.",
    "function f {}": "Expect '(' after function name.",
    "print [1;": "Expect ']' after array literal.",
    "print a[1;": "Expect ']' after index expression.",
    "struct P x;": "Expect '{' before struct body.",
    "struct P { x;": "Expect '}' after struct body.",
    "function f() 1;": "Expect '{' before function body.",
    "var 1;": "Expect variable name.",
    "function 1() {}": "Expect function name.",
    "function f(1) {}": "Expect parameter name.",
    "struct 1 {}": "Expect struct name.",
    "struct P { 1; }": "Expect field name.",
    "a.1;": "Malformed number '.1': a digit has to come before the point",
    "a.(1);": "Expect property name after '.'.",
    "import 1 as x;": "Expect module name (string or identifier) after 'import'.",
    "import a b;": "Expect 'as' in import statement.",
    "import a as 1;": "Expect alias after 'as'.",
    "async 1;": "Expect 'function' after 'async'.",
    "print ;": "Expect expression.",
    "1 = 2;": "Invalid assignment target.",
  };
  for (const [text, message] of Object.entries(texts)) {
    assertEquals(complaint(text).split(" | ")[0], message, text);
  }
  assertEquals(complaint("{ print 1;"), "Expect '}' after block. | the block begins here");
});

Deno.test("parseProgram() points behind what lacks a ';', and at what should not be there", () => {
  assertEquals(errors("var x = 1\nprint x;"), ["U0107 1:10"]);
  assertEquals(errors("if (x print 1;"), ["U0107 1:7"]);
  assertEquals(errors("print 1 +"), ["U0111 1:10"]);
  assertEquals(errors("print 1\n\n\n"), ["U0107 1:8"]);
});

Deno.test("parseProgram() reports several errors, and no consequences of them", () => {
  assertEquals(errors("var = 1;\nprint 2;\nvar y = ;\nprint 1 2 3;\nx ="), [
    "U0112 1:5",
    "U0111 3:9",
    "U0107 4:8",
    "U0111 5:4",
  ]);
  assertEquals(errors("function f() { var x = ; print 1 }\nvar 2;"), [
    "U0111 1:24",
    "U0107 1:33",
    "U0112 2:5",
  ]);
  assertEquals(errors("fucntion f(a) { return a; }\nprint f(1);"), ["U0107 1:9"]);
  assertEquals(errors("if (a { print 1; } else { print 2; }\nprint ;"), ["U0107 1:7", "U0111 2:7"]);
  assertEquals(errors("for (var i = 0 i < 3; i += 1) { print i; }\nprint ;"), ["U0107 1:15", "U0111 2:7"]);
  assertEquals(errors("print f(1 2, function () { return 1; });\nprint ;"), ["U0107 1:11", "U0111 2:7"]);
  assertEquals(errors("{ { { print 1;"), ["U0107 1:15"]);
  assertEquals(errors("print 1; }\nprint ;"), ["U0111 1:10", "U0111 2:7"]);
  assertEquals(errors("print @;\nprint 1 @ 2;\nprint ;"), ["U0101 1:7", "U0101 2:9", "U0111 3:7"]);
  assertEquals(errors('function f() { print "abc; }\nprint 1;'), ["U0102 1:22"]);
  assertEquals(errors("{ print 1; /* }"), ["U0103 1:12"]);
});

Deno.test("parseProgram() stops after too many errors", () => {
  assertEquals(errors("print ;\n".repeat(1000)).length, 51);
});

Deno.test("parseProgram() reports what is complete but wrong, and reads on", () => {
  assertEquals(errors("break; while (1) { continue; function f() { break; } } continue;"), [
    "U0115 1:1",
    "U0115 1:45",
    "U0115 1:56",
  ]);
  assertEquals(errors("while (1) for (;;) if (1) { break; } else continue;"), []);
  assertEquals(errors("function f(a, b, a) {}\nstruct P { x; x; }"), ["U0116 1:18", "U0116 2:15"]);
  assertEquals(
    errors("if (1) var x = 1; else function f() {}\nwhile (1) struct P {}\nfor (;;) import a as b;"),
    [
      "U0114 1:8",
      "U0114 1:24",
      "U0114 2:11",
      "U0114 3:10",
    ],
  );
  assertEquals(errors("if (1); ;\nwhile (1);"), ["U0118 1:7", "U0118 1:9", "U0118 2:10"]);
  assertEquals(errors("print {x: 1, print: 2, (y): 3, z + 1: 4, true: 5};"), ["U0120 1:8", "U0120 1:14"]);
  assertEquals(errors("print 1e400 + 99999999999999999999 + 1.;"), ["U0109 1:7", "U0108 1:15", "U0106 1:38"]);
  assertEquals(errors("1 + 2 = 3; f() += 1; -x = 2;"), ["U0113 1:1", "U0113 1:12", "U0113 1:22"]);
  assertEquals(errors("return 1;"), []);
});

Deno.test("parseProgram() advises", () => {
  assertStringIncludes(complaint("fucntion f() {}"), "did you mean 'function' instead of 'fucntion'?");
  assertStringIncludes(complaint("retrun x;"), "did you mean 'return'");
  assertStringIncludes(complaint("whlie (x) { }"), "did you mean 'while'");
  assertStringIncludes(complaint("fro (var i = 0; i < 1; i += 1) { }"), "did you mean 'for'");
  assertStringIncludes(complaint("let x = 1;"), "did you mean 'var'");
  assertStringIncludes(complaint("if (1) {} elif (2) {}"), "did you mean 'else if'");
  assertStringIncludes(complaint("if (c) var x = 1;"), "put braces around it");
  assertStringIncludes(complaint("print {x: 1};"), 'write "x" for the text or (x) for the variable');
  assertStringIncludes(complaint("{x: 1};"), "write ({ … })");
  assertStringIncludes(complaint("var print = 1;"), "'print' is a keyword");
  assertStringIncludes(complaint("i++;"), "write x += 1");
  assertStringIncludes(complaint("a === b;"), "equality is written '=='");
  assertStringIncludes(complaint("else {}"), "there is no 'if'");
  assertEquals(complaint("constructor x;"), "Expect ';' after expression.");
});

Deno.test("parseProgram() refuses what is nested too deeply with one error", () => {
  // before, repeated opening, middle, repeated closing, after
  const forms = [
    ["print ", "(", "1", ")", ";"],
    ["print ", "1 + (", "1", ")", ";"],
    ["print ", "a || b && c == d < e + f * (", "1", ")", ";"],
    ["print ", "[", "1", "]", ";"],
    ["print ", "{1: ", "1", "}", ";"],
    ["print ", "f(", "1", ")", ";"],
    ["print ", "a[", "1", "]", ";"],
    ["print ", "-", "1", "", ";"],
    ["print ", "await ", "1", "", ";"],
    ["", "a = ", "1", "", ";"],
    ["", "{", "", "}", ""],
    ["", "if (1) ", "print 1;", "", ""],
    ["", "if (1) {", "", "}", ""],
    ["", "if (1) {} else {", "", "}", ""],
    ["", "for (;;) while (1) ", "{}", "", ""],
    ["", "function f() {", "", "}", ""],
    ["", "var x = function () {", "", "};", ""],
    ["", "if (1) { var x = -[f({1: function () {", "", "}})]; }", ""],
  ];
  for (const [before, open, middle, close, after] of forms) {
    const nested = (count: number) => before + open.repeat(count) + middle + close.repeat(count) + after;
    assertEquals(errors(nested(100)), [], open);
    for (const count of [MAX_NESTING + 1, 20_000]) {
      assertEquals(errors(nested(count)).map((error) => error.slice(0, 5)), ["U0119"], open);
    }
  }
});

Deno.test("parseProgram() counts what later pushes a value down", () => {
  // Makes the value on its left an argument, which is where whoever compiles it recurses.
  const pipe: SyntaxRule = {
    token: "|>",
    by: "pipes",
    precedence: PRECEDENCE.assignment + 1,
    infix(p, left, start) {
      const callee = p.parseExpression(PRECEDENCE.postfix);
      return { kind: "Call", start, end: p.previous.end, callee, args: [left] };
    },
  };
  const codes = (text: string) => errors(text, [pipe]).map((error) => error.slice(0, 5));
  assertEquals(codes(`x${" |> f".repeat(900)};`), []);
  assertEquals(codes(`x${" |> f".repeat(2000)};`), ["U0119"]);
  assertEquals(codes(`${"(".repeat(50)}x${`${" |> f".repeat(30)})`.repeat(50)};`), ["U0119"]);
  assertEquals(codes(`x${" |> f".repeat(900)}; `.repeat(20)), []);
});

Deno.test("parseProgram() and the tree take chains of any length", () => {
  const chains = [
    "print 1" + " + 1".repeat(100_000) + ";",
    "print a" + " && a || a".repeat(50_000) + ";",
    "if (1) print 1;" + " else if (2) {}".repeat(100_000),
    "f(" + "1, ".repeat(100_000) + ");",
    "f" + "()".repeat(100_000) + ";",
    "x" + "[0](1).a".repeat(50_000) + " = 1;",
  ];
  for (const text of chains) {
    const program = parse(text);
    let nodes = 0;
    walk(program, {
      enter: () => void nodes++,
      leave: () => void nodes++,
    });
    assert(nodes >= 200_000);
    assertEquals(mapAst(program, (node) => node), program);
  }
  assertEquals(JSON.parse(`[${astToJson(parse("1 + 2;"))}]`).length, 1);
  for (
    const text of [
      "print 1" + " + 1".repeat(20_000) + ";\n",
      "f" + "()".repeat(10_000) + ";\n",
      "a" + "[0]".repeat(10_000) + " = 1;\n",
      "x" + ".a".repeat(10_000) + ";\n",
    ]
  ) {
    const deep = parse(text);
    assert(printAst(deep).length < 8e6);
    assertEquals(formatAst(deep), text);
    assert(astToJson(deep).length < 8e6);
  }
});

// ---- Trees ----------------------------------------------------------------------------------------------------------

Deno.test("printAst() shows field, kind, place and data", () => {
  const source = makeSource("t.unna", 'if (x) print "a\\n";\nelse f(1.0, -2);');
  assertEquals(
    printAst(parseProgram(source, createDiagnostics()), source),
    `Program 1:1
  body: If 1:1
    test: Name 1:5 name=x
    then: Print 1:8
      value: Str 1:14 bytes="a\\n"
    else: ExprStmt 2:6
      expr: Call 2:6
        callee: Name 2:6 name=f
        args: Float 2:8 value=1.0
        args: Unary 2:13 op=-
          operand: Int 2:14 value=2
`,
  );
});

Deno.test("astToJson() gives every field, integers exactly", () => {
  const program = parse("x = 9007199254740993;");
  assertEquals(JSON.parse(astToJson(program.body[0])), {
    kind: "ExprStmt",
    start: 0,
    end: 21,
    expr: {
      kind: "Assign",
      start: 0,
      end: 20,
      op: "=",
      target: { kind: "Name", start: 0, end: 1, name: "x" },
      value: { kind: "Int", start: 4, end: 20, value: "9007199254740993" },
    },
  });
  const bytes = JSON.parse(astToJson(parse('"\\xff"; "é";')));
  assertEquals(bytes.body.map((stmt: { expr: { bytes: unknown } }) => stmt.expr.bytes), [[255], "é"]);
});

Deno.test("formatAst() writes no parenthesis too many", () => {
  for (
    const text of [
      "a - (b - c) - d;",
      "(a + b) * -c;",
      "-(a + b);",
      "- -a;",
      "(a = b) + c;",
      "(function f() {}());",
      "({});",
      '({"a": 1}["a"] = 2);',
      "(1).x + (1.5).y;",
      "(await f).x;",
      "await f.x;",
      "!(a && b) || c;",
      "(-9223372036854775808)[0];",
      '"\\"\\\\\\u{7}é\\0".x;',
      '"\\xff\\n\\x80\\0".x;',
      "print {(x): x, x(1): 2};",
    ]
  ) assertEquals(format(text), text + "\n");
});

Deno.test("formatAst() keeps an else with its if", () => {
  const [outer] = parse("if (a) { if (b) c; } else d;").body;
  if (outer.kind !== "If" || outer.then.kind !== "Block") throw new Error("not an if");
  const bare = { ...outer, then: outer.then.body[0] };
  assertEquals(formatAst(bare), "if (a) { if (b) c; } else d;");
});

Deno.test("formatAst() writes numbers that have no literal", () => {
  const float = (value: number): Node => ({ kind: "Float", start: 0, end: 0, value });
  assertEquals([Infinity, -Infinity, NaN, -0, -1.5, 1e21].map((value) => formatAst(float(value))), [
    "1.0 / 0.0",
    "-1.0 / 0.0",
    "0.0 / 0.0",
    "-0.0",
    "-1.5",
    "1e+21",
  ]);
});

Deno.test("mapAst() rebuilds what changes and shares the rest", () => {
  const program = parse("print 1 + 2; print 3;");
  const changed = mapAst(
    program,
    (node) => node.kind === "Int" && node.value === 2n ? { ...node, value: 5n } : node,
  );
  assertEquals(formatAst(changed), "print 1 + 5;\nprint 3;\n");
  assertEquals(formatAst(program), "print 1 + 2;\nprint 3;\n");
  assert(changed.body[1] === program.body[1]);
});

Deno.test("walk() skips what enter() refuses", () => {
  const seen: string[] = [];
  walk(parse("print 1 + 2; f(3);"), {
    enter(node) {
      seen.push(`+${node.kind}`);
      return node.kind !== "Binary";
    },
    leave: (node) => void seen.push(`-${node.kind}`),
  });
  assertEquals(
    seen.join(" "),
    "+Program +Print +Binary -Print +ExprStmt +Call +Name -Name +Int -Int -Call -ExprStmt -Program",
  );
});

// ---- Rules of plugins -----------------------------------------------------------------------------------------------

const power: SyntaxRule = {
  token: "**",
  by: "power",
  precedence: 75,
  infix(p, left, start) {
    const right = p.parseExpression(75);
    const end = p.previous.end;
    return {
      kind: "Call",
      start,
      end,
      callee: { kind: "Name", start, end, name: "pow" },
      args: [left, right],
    };
  },
};

const unless: SyntaxRule = {
  token: "unless",
  by: "unless",
  statement(p, start) {
    p.expect("(", "after 'unless'");
    const operand = p.parseExpression();
    p.expect(")", "after condition");
    const then = p.parseBody();
    const test: Expr = { kind: "Unary", start: operand.start, end: operand.end, op: "!", operand };
    return { kind: "If", start, end: p.previous.end, test, then, else: null };
  },
};

Deno.test("parseProgram() takes rules that plugins bring", () => {
  const program = parse("unless (x ** 2 ** 3 * 4 > 5) print -y;", [power, unless]);
  assertEquals(formatAst(program), "if (!(pow(x, pow(2, 3)) * 4 > 5)) print -y;\n");
  assertEquals(errors("a ** b;"), ["U0111 1:4"]);
});

Deno.test("parseProgram() names both sides of a clash", () => {
  assertThrows(
    () => parse("", [power, { ...power, by: "other" }]),
    Error,
    "'**' is defined twice: by power and by other",
  );
  assertThrows(() => parse("", [{ ...power, token: "+" }]), Error, "by the language and by power");
  assertThrows(() => parse("", [{ ...power, token: "2x" }]), Error, "cannot be a token");
});
