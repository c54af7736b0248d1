import { assertEquals, assertThrows } from "@std/assert";
import { createDiagnostics } from "../core/diagnostics.ts";
import { makeSource } from "../core/source.ts";
import { makeLexer, makeLexicon, makeToken, readNumber, readString } from "../passes/lexer.ts";
import { printTokens } from "../passes/views.ts";

/** The tokens of a text as "kind text", and the errors as "code start..end". */
function lex(text: string, extra: string[] = []): { tokens: string[]; errors: string[] } {
  const source = makeSource("t.unna", text);
  const diagnostics = createDiagnostics();
  const lexer = makeLexer(source, diagnostics, makeLexicon(extra));
  const token = makeToken();
  const tokens: string[] = [];
  for (lexer.scan(token); token.kind !== "<end>"; lexer.scan(token)) {
    const own = source.text.slice(token.start, token.end);
    tokens.push(token.kind === own ? own : `${token.kind} ${own}`);
  }
  return { tokens, errors: diagnostics.items.map((item) => `${item.code} ${item.start}..${item.end}`) };
}

function errors(text: string): string[] {
  return lex(text).errors;
}

function string(literal: string): number[] {
  return [...readString(literal, 0, literal.length, literal.includes("\\"))];
}

Deno.test("scan() takes the longest operator", () => {
  assertEquals(lex("a<=b==!c&&d||-e%=f").tokens.filter((token) => !token.startsWith("<name>")), [
    "<=",
    "==",
    "!",
    "&&",
    "||",
    "-",
    "%=",
  ]);
  assertEquals(lex("===").tokens, ["==", "="]);
});

Deno.test("scan() tells keywords from names", () => {
  assertEquals(lex("var variable for_ _for nil").tokens, [
    "var",
    "<name> variable",
    "<name> for_",
    "<name> _for",
    "nil",
  ]);
});

Deno.test("scan() skips blanks, comments and a first line for the shell", () => {
  assertEquals(lex("#!/usr/bin/env unnarize\n1 // 2\n/* 3 /* */ 4 \t\r\n// 5").tokens, [
    "<number> 1",
    "<number> 4",
  ]);
  assertEquals(lex("#! x").tokens, []);
  assertEquals(lex("\uFEFF#! x\n1").tokens, ["<number> 1"]);
  assertEquals(lex("1 /**/ / 2").tokens, ["<number> 1", "/", "<number> 2"]);
});

Deno.test("scan() accepts all forms of numbers", () => {
  for (
    const text of [
      "0",
      "007",
      "1_000_000",
      "1.5",
      "1e3",
      "1E3",
      "2.5e-4",
      "1e+3",
      "0xff",
      "0XFF_FF",
      "1_0.2_5",
    ]
  ) {
    assertEquals(lex(text), { tokens: [`<number> ${text}`], errors: [] });
  }
  assertEquals(lex("1.5.x").tokens, ["<number> 1.5", ".", "<name> x"]);
});

Deno.test("scan() reports a malformed number once, as a whole", () => {
  for (
    const text of [
      "1.",
      ".5",
      "0x",
      "0xg",
      "12abc",
      "1e",
      "1e+",
      "1__0",
      "1_",
      "1_.5",
      "1._5",
      "0x_1",
      "1.2.3",
      "1..2",
    ]
  ) {
    assertEquals(lex(text), { tokens: [`<number> ${text}`], errors: [`U0106 0..${text.length}`] });
  }
});

Deno.test("scan() reads strings with either quote, across lines", () => {
  assertEquals(lex(`"it's" 'say "x"' "a\\"b" 'a\nb' ""`).tokens, [
    `<string> "it's"`,
    `<string> 'say "x"'`,
    `<string> "a\\"b"`,
    `<string> 'a\nb'`,
    `<string> ""`,
  ]);
});

Deno.test("scan() reports an unterminated string or comment at its opening", () => {
  assertEquals(errors('print "abc'), ["U0102 6..7"]);
  assertEquals(errors('print "abc\\"'), ["U0102 6..7"]);
  assertEquals(errors('"\\'), ["U0102 0..1"]);
  assertEquals(errors("1; /* 2"), ["U0103 3..5"]);
  assertEquals(errors('"\\q'), ["U0104 1..3", "U0102 0..1"]);
});

Deno.test("scan() reports bad escapes where they stand", () => {
  assertEquals(errors('"a\\qb\\z"'), ["U0104 2..4", "U0104 5..7"]);
  assertEquals(errors('"\\x4"'), ["U0105 1..4"]);
  assertEquals(errors('"\\u{}"'), ["U0105 1..5"]);
  assertEquals(errors('"\\u{110000}" "\\u{d800}" "\\u{41" "\\u41"').length, 4);
  assertEquals(errors('"\\u{10ffff}\\u{d7ff}\\u{0000000041}"'), []);
  assertEquals(errors('"\\😀"'), ["U0104 1..4"]);
});

Deno.test("scan() reports characters that begin no token", () => {
  assertEquals(lex("1 @@ 2"), { tokens: ["<number> 1", "<error> @@", "<number> 2"], errors: ["U0101 2..3"] });
  assertEquals(errors("a & b | c"), ["U0101 2..3", "U0101 6..7"]);
  assertEquals(lex("größe = 1"), { tokens: ["<name> größe", "=", "<number> 1"], errors: ["U0101 2..3"] });
  assertEquals(errors("x\f=\u00a01"), ["U0101 1..2", "U0101 3..4"]);
  assertEquals(errors("😀"), ["U0101 0..2"]);
});

Deno.test("scan() reports NUL bytes once, wherever they are", () => {
  assertEquals(errors('1 \0 "\0" // \0'), ["U0110 2..3"]);
});

Deno.test("rewind() reads again without reporting again", () => {
  const diagnostics = createDiagnostics();
  const lexer = makeLexer(makeSource("t.unna", '1. @ "\\q" x'), diagnostics, makeLexicon());
  const token = makeToken();
  for (let round = 0; round < 3; round++) {
    lexer.rewind(0);
    for (let i = 0; i < 4; i++) lexer.scan(token);
    assertEquals(token.name, "x");
  }
  assertEquals(diagnostics.items.map((item) => item.code), ["U0106", "U0101", "U0104"]);
});

Deno.test("makeLexicon() adds words and operators, the longest operator still first", () => {
  assertEquals(lex("a**b unless ?", ["**", "unless", "?"]).tokens, [
    "<name> a",
    "**",
    "<name> b",
    "unless",
    "?",
  ]);
  for (const bad of ["", "a b", "//", "/*", "'", "1x", "<name>"]) {
    assertThrows(() => makeLexicon([bad]), Error, "cannot be a token");
  }
});

Deno.test("readNumber() gives exact values", () => {
  assertEquals(readNumber("1_000"), { int: 1000n });
  assertEquals(readNumber("9223372036854775807"), { int: 9223372036854775807n });
  assertEquals(readNumber("9223372036854775808"), { int: 9223372036854775808n });
  assertEquals(readNumber("9223372036854775809"), { tooLarge: "int" });
  assertEquals(readNumber("00000000000000000000000001"), { int: 1n });
  assertEquals(readNumber("0XfF"), { int: 255n });
  assertEquals(readNumber("0x7fffffffffffffff"), { int: 9223372036854775807n });
  assertEquals(readNumber("0x10000000000000000"), { tooLarge: "int" });
  assertEquals(readNumber("9".repeat(1_000_000)), { tooLarge: "int" });
  assertEquals(readNumber("2.5e-4"), { float: 0.00025 });
  assertEquals(readNumber("1e3"), { float: 1000 });
  assertEquals(readNumber("1e400"), { tooLarge: "float" });
  assertEquals(readNumber("1e-400"), { float: 0 });
});

Deno.test("readString() decodes escapes to bytes", () => {
  assertEquals(string('"abc"'), [97, 98, 99]);
  assertEquals(string('"é"'), [0xC3, 0xA9]);
  assertEquals(string(`"\\n\\t\\r\\0\\"\\'\\\\"`), [10, 9, 13, 0, 34, 39, 92]);
  assertEquals(string('"\\xff\\x00\\u{e9}\\u{1F600}"'), [0xFF, 0, 0xC3, 0xA9, 0xF0, 0x9F, 0x98, 0x80]);
  assertEquals(string('"a\\nb😀"'), [97, 10, 98, 0xF0, 0x9F, 0x98, 0x80]);
  assertEquals(string(`"${"é".repeat(1000)}"`).length, 2000);
});

Deno.test("printTokens() lists place, kind and text", () => {
  assertEquals(
    printTokens(makeSource("t.unna", 'var é = "a\nb";\n  x += 0x1F; // end')),
    `1:1 var
1:5 <error> é
1:7 =
1:9 <string> \\"a\\nb\\"
2:3 ;
3:3 <name> x
3:5 +=
3:8 <number> 0x1F
3:12 ;
3:20 <end>
`,
  );
});
