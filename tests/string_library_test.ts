/** `ucoreString`: its edges, and its results held to JavaScript's own functions on generated texts. */

import { assert, assertEquals, assertMatch, assertStrictEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { createRuntime, type HostValue } from "../mod.ts";
import { string } from "../plugins/string.ts";
import { runUnna } from "./support.ts";

const NATIVES = string.libraries[0].natives;

/** Runs a program that has to succeed, with and without a collection at every allocation; gives what it prints. */
async function outputOf(source: string): Promise<string> {
  const outcome = await runUnna(source), stressed = await runUnna(source, { gcStress: true });
  assertEquals(outcome, { code: 0, stdout: outcome.stdout, stderr: "" }, source);
  assertEquals(stressed, outcome, "with stress");
  return outcome.stdout;
}

/** Calls of functions of the library, by name, with values of TypeScript. */
type Call = (name: string, ...args: HostValue[]) => Promise<HostValue>;

/** Gives a way to call the library; what is said on standard error is for `errors`. */
async function withLibrary(work: (call: Call, errors: () => string) => Promise<void>): Promise<void> {
  let said = "";
  const decoder = new TextDecoder();
  const runtime = createRuntime({ stderr: (bytes) => void (said += decoder.decode(bytes)) });
  try {
    const names = NATIVES.map(({ name }) => name.slice(name.indexOf(".") + 1));
    const source = names.map((name) => `var f_${name} = ucoreString.${name};`).join("\n");
    assertStrictEquals(await runtime.runSource("test.unna", source), 0, said);
    await work((name, ...args) => runtime.call(`f_${name}`, ...args), () => {
      const text = said;
      said = "";
      return text;
    });
  } finally {
    runtime.dispose();
  }
}

/** Holds calls to their results: rows of name, arguments and result. */
function holdTo(rows: readonly (readonly [name: string, args: readonly HostValue[], result: HostValue])[]) {
  return withLibrary(async (call, errors) => {
    for (const [name, args, result] of rows) {
      assertEquals(await call(name, ...args), result, `${name}(${Deno.inspect(args)})`);
      assertStrictEquals(errors(), "");
    }
  });
}

// ---- edges -------------------------------------------------------------------------------------------------------

Deno.test("searching meets its edges", () =>
  holdTo([
    ["contains", ["", ""], true],
    ["contains", ["", "a"], false],
    ["contains", ["abc", ""], true],
    ["contains", ["abc", "abc"], true],
    ["contains", ["abc", "abcd"], false],
    ["contains", ["ab\0c", "\0"], true],
    ["indexOf", ["abcabc", "c"], 2],
    ["indexOf", ["abcabc", "c", 3], 5],
    ["indexOf", ["abcabc", "c", 6], -1],
    ["indexOf", ["abcabc", "c", 100], -1],
    ["indexOf", ["abcabc", "a", -5], 0],
    ["indexOf", ["abcabc", "", 2], 2],
    ["indexOf", ["abc", "", 7], 3],
    ["indexOf", ["é€x", "x"], 5],
    ["indexOf", ["aaab", "aab"], 1],
    ["startsWith", ["abc", ""], true],
    ["startsWith", ["abc", "abc"], true],
    ["startsWith", ["abc", "abcd"], false],
    ["startsWith", ["abc", "b"], false],
    ["endsWith", ["abc", ""], true],
    ["endsWith", ["abc", "abc"], true],
    ["endsWith", ["abc", "zabc"], false],
    ["endsWith", ["abc", "b"], false],
  ]));

Deno.test("cutting and joining meet their edges", () =>
  holdTo([
    ["split", ["", ","], [""]],
    ["split", ["", ""], []],
    ["split", [",", ","], ["", ""]],
    ["split", ["a,,b,", ","], ["a", "", "b", ""]],
    ["split", ["aaaa", "aa"], ["", "", ""]],
    ["split", ["aaaaa", "aa"], ["", "", "a"]],
    ["split", ["abc", "abcd"], ["abc"]],
    ["split", ["abc", "abc"], ["", ""]],
    ["split", ["one and two and three", " and "], ["one", "two", "three"]],
    ["split", ["a--separator--b", "--separator--"], ["a", "b"]],
    ["chars", [""], []],
    ["chars", ["aé€😀z"], ["a", "é", "€", "😀", "z"]],
    ["bytes", [""], []],
    ["bytes", ["a\0é"], [97, 0, 195, 169]],
    ["substring", ["hello", 1, 3], "el"],
    ["substring", ["hello", 3], "lo"],
    ["substring", ["hello", 3, 1], ""],
    ["substring", ["hello", -2, 2], "he"],
    ["substring", ["hello", 2, 99], "llo"],
    ["substring", ["hello", 9007199254740991], ""],
    ["substring", ["", 0, 1], ""],
    ["trim", [""], ""],
    ["trim", [" \t\n\v\f\r"], ""],
    ["trim", ["\u00a0a "], "\u00a0a"],
    ["trim", ["a b"], "a b"],
    ["join", [[], ","], ""],
    ["join", [["a"], ","], "a"],
    ["join", [["a", "", "b"], ""], "ab"],
    ["join", [[1, true, null, 0.5, ["x", new Map([["k", 1]])]], "|"], "1|true|nil|0.5|[x, {k: 1}]"],
  ]));

Deno.test("changing meets its edges", () =>
  holdTo([
    ["replace", ["abc", "", "x"], "abc"],
    ["replace", ["", "a", "x"], ""],
    ["replace", ["aaa", "a", ""], ""],
    ["replace", ["aaa", "aa", "b"], "ba"],
    ["replace", ["abc", "x", "y"], "abc"],
    ["replace", ["abc", "b", "$&$1"], "a$&$1c"],
    ["replace", ["one fish two fish", " fish two ", "-"], "one-fish"],
    ["toLower", ["ABC@[`{xyz ÄÖ"], "abc@[`{xyz ÄÖ"],
    ["toUpper", ["abc@[`{XYZ äö"], "ABC@[`{XYZ äö"],
    ["toUpper", [""], ""],
    ["reverse", [""], ""],
    ["reverse", ["aé€😀z"], "z😀€éa"],
    ["repeat", ["ab", 0], ""],
    ["repeat", ["", 1000000000000], ""],
    ["repeat", ["abc", 5], "abcabcabcabcabc"],
    ["padStart", ["abc", 2], "abc"],
    ["padStart", ["abc", -2], "abc"],
    ["padStart", ["abc", 6, ""], "abc"],
    ["padStart", ["é", 4, "€-"], "€-€é"],
    ["padEnd", ["é", 4, "€-"], "é€-€"],
    ["padEnd", ["", 3], "   "],
    ["padEnd", ["x", 8, "abc"], "xabcabca"],
  ]));

Deno.test("ucoreString.toNumber() takes the literals of the language", () =>
  holdTo([
    ["toNumber", ["0"], 0],
    ["toNumber", ["-12"], -12],
    ["toNumber", ["+12\n"], 12],
    ["toNumber", ["9223372036854775807"], 9223372036854775807n],
    ["toNumber", ["-9223372036854775808"], -9223372036854775808n],
    ["toNumber", ["9223372036854775808"], 9223372036854775808],
    ["toNumber", ["1_000"], 1000],
    ["toNumber", ["1.5e3"], 1500],
    ["toNumber", ["0xFF"], 255],
    ["toNumber", ["-0x10"], -16],
    ["toNumber", [""], null],
    ["toNumber", ["  "], null],
    ["toNumber", ["1."], null],
    ["toNumber", [".5"], null],
    ["toNumber", ["1e999"], null],
    ["toNumber", ["12 apples"], null],
    ["toNumber", ["0x"], null],
    ["toNumber", ["nan"], null],
  ]));

Deno.test("ucoreString.toNumber() tells ints from floats", async () => {
  const source = ["12", "12.0", "12e0", "0x0c", "1_2"].map((text) =>
    `print type(ucoreString.toNumber("${text}"));`
  );
  assertStrictEquals(await outputOf(source.join("\n")), "int\nfloat\nfloat\nint\nint\n");
});

Deno.test("bytes that are no UTF-8 stay what they are, each a character of its own", async () => {
  const source = `
    var s = "a\\xFFé\\xC3";
    print ucoreString.chars(s); print length(ucoreString.chars(s)); print ucoreString.bytes(s);
    print ucoreString.reverse(s); print ucoreString.padStart(s, 6, ".");
    print ucoreString.split(s, "\\xFF"); print ucoreString.indexOf(s, "\\xC3");
    print ucoreString.replace(s, "\\xFF", "\\xFE"); print ucoreString.toUpper(s);
    print ucoreString.format("{:>6}|{}", s, "\\x80");
    print ucoreString.chars("\\xE2\\x82\\xF0\\x9F\\x98\\xC0\\x80");`;
  assertStrictEquals(
    await outputOf(source),
    "[a, \\xff, é, \\xc3]\n4\n[97, 255, 195, 169, 195]\n\\xc3é\\xffa\n..a\\xffé\\xc3\n[a, é\\xc3]\n2\n" +
      "a\\xfeé\\xc3\nA\\xffé\\xc3\n  a\\xffé\\xc3|\\x80\n[\\xe2, \\x82, \\xf0, \\x9f, \\x98, \\xc0, \\x80]\n",
  );
});

Deno.test("ucoreString.format() fills in, aligns and rounds", () =>
  holdTo([
    ["format", [""], ""],
    ["format", ["plain"], "plain"],
    ["format", ["{} {} {}", 1, "two", null], "1 two nil"],
    ["format", ["{0}{0}{1}{}", "a", "b"], "aaba"],
    ["format", ["{{{}}}", 1], "{1}"],
    ["format", ["{}", [1, new Map([["k", "v"]])]], "[1, {k: v}]"],
    ["format", ["[{:5}] [{:5}]", "ab", 12], "[ab   ] [   12]"],
    ["format", ["[{:<5}] [{:>5}] [{:^5}]", 12, "ab", "ab"], "[12   ] [   ab] [ ab  ]"],
    ["format", ["[{:*^6}] [{:é>3}]", "ab", "x"], "[**ab**] [ééx]"],
    ["format", ["{:05} {:05} {:05}", 42, -42, "ab"], "00042 -0042 ab   "],
    ["format", ["{:.2} {:.0} {:.3}", 3.14159, 2.5, 7], "3.14 3 7.000"],
    ["format", ["{:8.2}|{:08.2}|{:<8.2}|", -3.14159, -3.14159, 3.14159], "   -3.14|-0003.14|3.14    |"],
    ["format", ["{:.3}|{:5.1}|", "abcdef", "éa"], "abc|é    |"],
    ["format", ["{:.2}", 9223372036854775807n], "9223372036854775807.00"],
    ["format", ["{:.1} {:.2}", 1e30, Infinity], "1e+30 inf"],
    ["format", ["{:3}", "long text"], "long text"],
    ["format", ["é{}é", "€"], "é€é"],
    ["format", ["unused", 1, 2], "unused"],
  ]));

Deno.test("ucoreString.format() refuses templates that it does not understand, and missing values", async () => {
  const rows = [
    ["{", "does not understand the '{' at offset 0"],
    ["ab}", "does not understand the '}' at offset 2"],
    ["{x}", "does not understand the '{' at offset 0"],
    ["{:q}", "does not understand the '{' at offset 0"],
    ["{} {}", "has no value for place 1: it got 1"],
    ["{7}", "has no value for place 7: it got 1"],
  ];
  for (const [template, message] of rows) {
    const { code, stderr } = await runUnna(`ucoreString.format("${template}", 1);`);
    assertStrictEquals(code, 1);
    assertStringIncludes(stderr, `Runtime Error: ucoreString.format ${message}`);
  }
});

// ---- held to JavaScript ------------------------------------------------------------------------------------------

/** Texts in which few different bytes come again and again, so that searches find something. */
const dense = fc.string({ unit: fc.constantFrom("a", "b", "ab", "é", ","), maxLength: 200 });
const part = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "b", "é", ","), minLength: 1, maxLength: 4 }),
  fc.string({ unit: fc.constantFrom("a", "b", "é"), minLength: 5, maxLength: 14 }),
);

Deno.test("split, replace, contains, indexOf and join do what JavaScript's do", () =>
  withLibrary(async (call) => {
    await fc.assert(
      fc.asyncProperty(dense, part, fc.string({ maxLength: 3 }), async (text, part, by) => {
        assertEquals(await call("split", text, part), text.split(part));
        assertEquals(await call("join", text.split(part), part), text);
        assertEquals(
          await call("replace", text, part, by.toWellFormed()),
          text.replaceAll(part, () => by.toWellFormed()),
        );
        assertEquals(await call("contains", text, part), text.includes(part));
        assertEquals(await call("startsWith", text, part), text.startsWith(part));
        assertEquals(await call("endsWith", text, part), text.endsWith(part));
        const at = text.indexOf(part),
          bytes = new TextEncoder().encode(text.slice(0, Math.max(at, 0))).length;
        assertEquals(await call("indexOf", text, part), at < 0 ? -1 : bytes);
      }),
      { numRuns: 500 },
    );
  }));

Deno.test("chars, reverse, padding and cases do what JavaScript's do, by characters", () =>
  withLibrary(async (call) => {
    const wide = fc.string({ unit: "binary", maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        wide,
        fc.nat(60),
        fc.string({ unit: "binary", minLength: 1, maxLength: 4 }),
        async (s, n, by) => {
          const chars = [...s], fill = [...by.repeat(60)].slice(0, Math.max(0, n - chars.length)).join("");
          assertEquals(await call("chars", s), chars);
          assertEquals(await call("reverse", s), chars.toReversed().join(""));
          assertEquals(await call("padStart", s, n, by), fill + s);
          assertEquals(await call("padEnd", s, n, by), s + fill);
          assertEquals(await call("bytes", s), [...new TextEncoder().encode(s)]);
          assertEquals(await call("toUpper", s), s.replace(/[a-z]+/g, (letters) => letters.toUpperCase()));
          assertEquals(await call("toLower", s), s.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()));
          assertEquals(await call("repeat", s, n), s.repeat(n));
        },
      ),
      { numRuns: 200 },
    );
  }));

Deno.test("long texts are searched across the borders of pieces", () =>
  withLibrary(async (call) => {
    // The pieces of a search end at 4 KiB, 68 KiB, 132 KiB, …; those of a search for all after each 64 KiB.
    for (const border of [4096, 69632, 135168, 1 << 16, 2 << 16]) {
      for (const offset of [-13, -12, -1, 0, 1]) {
        const before = "x".repeat(border + offset), text = before + "needle-in-hay" + "x".repeat(5000);
        assertStrictEquals(await call("indexOf", text, "needle-in-hay"), before.length);
        assertStrictEquals(await call("contains", text, "needle-in-hax"), false);
        assertEquals(await call("split", text, "needle-in-hay"), [before, "x".repeat(5000)]);
      }
    }
    const rows = Array.from({ length: 300_000 }, (_, i) => `row ${i}`);
    const text = rows.join("<separator>");
    assert((await call("split", text, "<separator>") as string[]).every((row, i) => row === rows[i]));
    assert(await call("replace", text, "<separator>", "\n") === rows.join("\n"));
    assert(await call("join", rows, "<separator>") === text);
  }));

Deno.test("a search for what nearly repeats does not take for ever", () =>
  withLibrary(async (call) => {
    const text = "a".repeat(2_000_000), part = "a".repeat(1_000_000) + "b";
    assertStrictEquals(await call("contains", text, part), false);
    assertStrictEquals(await call("replace", text, part, ""), text);
  }));

// ---- regular expressions -----------------------------------------------------------------------------------------

Deno.test("ucoreString.match() and extract() take POSIX classes, and all that the engine takes", () =>
  holdTo([
    ["match", ["", ""], true],
    ["match", ["abc", "b"], true],
    ["match", ["abc", "^b"], false],
    ["match", ["abc", "c$"], true],
    ["match", ["a\nb", "a.b"], true],
    ["match", ["a\nb", "^b"], false],
    ["match", ["user@example.com", "^[[:alnum:]._-]+@[[:alnum:].-]+\\.[a-z]{2,}$"], true],
    ["match", ["x", "[^[:space:][:digit:]]"], true],
    ["match", ["5", "[^[:space:][:digit:]]"], false],
    ["match", ["]", "[]]"], true],
    ["match", ["a", "[^]]"], true],
    ["match", ["[", "[[]"], true],
    ["match", ["-", "[[:alpha:]-]"], true],
    ["match", ["-", "[\\w-.]"], true],
    ["match", ["-", "[+-\\d]"], true],
    ["match", ["b", "[a-c-e]"], true],
    ["match", [".", "[[.period.].]"], true],
    ["match", ["\\", "[\\\\]"], true],
    ["match", ["a{b}", "a{b}"], true],
    ["match", ["aaa", "^a{,3}$"], true],
    ["match", ["aaaa", "^a{2,3}$"], false],
    ["match", ["a]", "a]"], true],
    ["match", ["a-b", "a\\-b"], true],
    ["match", ["a/b", "a\\/b"], true],
    ["match", ["one two", "\\<two\\>"], true],
    ["match", ["aa", "^(a)\\1$"], true],
    ["match", ["😀", "^.$"], true],
    ["match", ["é", "^[é€]$"], true],
    ["extract", ["", "a"], []],
    ["extract", ["a1b22c333", "[0-9]+"], ["1", "22", "333"]],
    ["extract", ["a1b22c333", "[[:alpha:]]\\d"], ["a1", "b2", "c3"]],
    ["extract", ["aaa", "^a"], ["a"]],
    ["extract", ["baa", "a*"], ["", "aa"]],
    ["extract", ["é€ x", "[^ ]+"], ["é€", "x"]],
    ["extract", ["key=1;other=2", "(?<name>[a-z]+)=(?:\\d)"], ["key=1", "other=2"]],
    ["extract", ["\t!\x01", "[[:cntrl:]]"], ["\t", "\x01"]],
    ["extract", ["a!_~ 1", "[[:punct:]]"], ["!", "_", "~"]],
    ["extract", ["aB 1", "[[:upper:]]|[[:lower:]]|[[:blank:]]|[[:xdigit:]]"], ["a", "B", " ", "1"]],
    ["extract", ["aB\x7f ", "[[:graph:]]"], ["a", "B"]],
    ["extract", ["aB\x7f ", "[[:print:]]"], ["a", "B", " "]],
  ]));

Deno.test("a text or a pattern that is no UTF-8 is matched byte by byte", async () => {
  const source = `
    print ucoreString.match("\\xFF\\xFE", "^..$");
    print ucoreString.extract("a\\xFFé\\xFF", "[^a]");
    print ucoreString.match("é", "\\xC3");
    print ucoreString.extract("a\\xFFb", "[a-z]+");`;
  assertStrictEquals(await outputOf(source), "true\n[\\xff, \\xc3, \\xa9, \\xff]\ntrue\n[a, b]\n");
});

Deno.test("a malformed regular expression gives nil, and says why", () =>
  withLibrary(async (call, errors) => {
    const rows = [
      ["(", "Unterminated group"],
      [")", "Unmatched ')'"],
      ["[a", "Unterminated brackets"],
      ["*", "Nothing to repeat"],
      ["a**", "Nothing to repeat"],
      ["a{2,1}", "numbers out of order in {} quantifier"],
      ["[z-a]", "Range out of order in character class"],
      ["[[:vowel:]]", "Unknown class [:vowel:]"],
      ["a\\", "\\ at end of pattern"],
    ];
    for (const [pattern, reason] of rows) {
      for (const name of ["match", "extract"]) {
        assertStrictEquals(await call(name, "abc", pattern), null, pattern);
        assertStrictEquals(errors(), `Regex Error: ${reason} in '${pattern}'\n`);
      }
    }
  }));

Deno.test("more patterns than are kept work as well", async () => {
  const source = `
    var count = 0;
    for (var round = 0; round < 2; round += 1) {
      for (var i = 0; i < 200; i += 1) if (ucoreString.match("<" + i + ">", "<" + i + ">")) count += 1;
    }
    print count;`;
  assertStrictEquals((await runUnna(source)).stdout, "400\n");
});

// ---- arguments and limits ----------------------------------------------------------------------------------------

Deno.test("wrong arguments are errors that name the function", async () => {
  for (const { name, params } of NATIVES) {
    const required = params.filter(({ mode }) => mode === undefined);
    const good = required.map(({ type }) => type === "int" ? "1" : type === "array" ? "[]" : '"a"');
    const calls = [good.slice(1), ...good.map((_, i) => good.map((arg, k) => k === i ? "nil" : arg))];
    if (params.at(-1)?.mode === undefined) calls.push([...good, "1"]);
    for (const args of calls) {
      const { code, stderr } = await runUnna(`${name}(${args.join(", ")});`);
      assertStrictEquals(code, 1, `${name}(${args})`);
      assertMatch(stderr, new RegExp(`^Runtime Error: ${name} expects \\(`), `${name}(${args})`);
    }
  }
});

Deno.test("texts beyond the limits of memory are errors of the program", async () => {
  const rows = [
    ['ucoreString.repeat("abc", -1)', "ucoreString.repeat expects a count from 0 on, but got -1."],
    ['ucoreString.repeat("abc", 9223372036854775807)', "Out of memory."],
    ['ucoreString.repeat("abc", 1000000000)', "Out of memory."],
    ['ucoreString.repeat("abc", 300000000)', "Out of memory."],
    ['ucoreString.padStart("abc", 4000000000)', "Out of memory."],
    ['ucoreString.padEnd("abc", 9223372036854775807, "xy")', "Out of memory."],
    [
      'ucoreString.replace(ucoreString.repeat("a", 100000), "a", ucoreString.repeat("b", 100000))',
      "Out of memory.",
    ],
  ];
  for (const [call, message] of rows) {
    const { code, stderr } = await runUnna(`${call};`);
    assertStrictEquals(code, 1, call);
    assertStringIncludes(stderr, `Runtime Error: ${message}`, call);
  }
});
