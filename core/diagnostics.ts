/**
 * What the implementation has to say to a programmer: every message, once.
 *
 * `DIAGNOSTICS` maps a code to its severity, its text and its explanation; reporting, rendering, `explain` and the
 * documentation all read that one table, and the type checker holds each report to the details its text needs. Texts
 * that the language has always had keep their old wording, full stop included; new ones have none. This file decides how
 * a message looks and how many are kept; it must not know who reports them or when.
 *
 *     error[U0107]: Expect ';' after variable declaration.      code and text from the table
 *      --> main.unna:3:10                                       where, for people and editors
 *       |
 *     3 | var x = 1                                             the line, cut to a window when it is long
 *       |          ^                                            the span, as far as it reaches on this line
 *       = note: …                                               advice; a note with a place gets its own frame
 *
 * Codes by stage: U01 parse (U015 loading a file), U02 what can be known before running, U03 profile and native code,
 * U05 plugins, U09 run time.
 *
 * @module
 */
import type { SourceFile, Span } from "./source.ts";

/** How bad it is: an error stops the program from running, a warning does not, an info is only worth knowing. */
export type Severity = "error" | "warning" | "info";

/** One row of a message table. `text` takes the details of the single case, or nothing. */
export interface DiagnosticDef {
  /** How bad it is. */
  readonly severity: Severity;
  /** A few words for lists of all codes. */
  readonly title: string;
  /** The message for the details of a case. */
  readonly text: (details: never) => string;
  /** For those who ask about the code. */
  readonly explain: {
    /** Why it happens. */
    readonly why: string;
    /** How to repair it. */
    readonly repair: string;
    /** A program that produces this very code. */
    readonly example: string;
  };
}

/** The table of all messages. Plugins bring tables of the same shape. */
export const DIAGNOSTICS = {
  // ---- U01: parse -------------------------------------------------------------------------------------------------

  U0100: {
    severity: "error",
    title: "too many errors",
    text: () => "Too many errors, the rest is not shown",
    explain: {
      why:
        "After the first few dozen errors, more of them tell little: many are consequences of earlier ones, or the " +
        "file is not a program at all.",
      repair: "Repair the first errors and run again.",
      example: ";".repeat(51),
    },
  },
  U0101: {
    severity: "error",
    title: "unexpected character",
    text: (d: { text: string }) =>
      `Unexpected character ${quote(d.text)}${/^[&|]$/.test(d.text) ? `: write '${d.text}${d.text}'` : ""}`,
    explain: {
      why:
        "The character begins no token. Names are made of the letters a to z and A to Z, digits and '_'; other " +
        "letters may stand in strings and comments only. '&' and '|' exist only doubled, as '&&' and '||'.",
      repair: "Remove the character, or put it into a string.",
      example: "print 1 @ 2;",
    },
  },
  U0102: {
    severity: "error",
    title: "unterminated string",
    text: () => "Unterminated string",
    explain: {
      why:
        "A string runs to the next quote of the kind that opened it, and the file ended first. A backslash protects " +
        'the quote that follows it, so "\\" is not a complete string.',
      repair: "Add the closing quote; write a backslash at the end of a string as \\\\.",
      example: 'print "hello;',
    },
  },
  U0103: {
    severity: "error",
    title: "unterminated comment",
    text: () => "Unterminated block comment",
    explain: {
      why: "A comment that begins with /* runs to the next */, and the file ended first.",
      repair: "Add the closing */.",
      example: "print 1; /* and then",
    },
  },
  U0104: {
    severity: "error",
    title: "unknown escape",
    text: (d: { escape: string }) => `Unknown escape sequence ${quote(d.escape)}`,
    explain: {
      why:
        "In a string, a backslash begins an escape: \\n \\t \\r \\0 \\\" \\' \\\\ \\xHH \\u{H…}. Anything else after " +
        "it is most likely a slip, such as the path of a file.",
      repair: "Double the backslash to have one in the string.",
      example: 'print "C:\\docs";',
    },
  },
  U0105: {
    severity: "error",
    title: "malformed escape",
    text: (d: { why: string }) => `Malformed escape sequence: ${d.why}`,
    explain: {
      why:
        "\\x needs exactly two hexadecimal digits and gives one byte. \\u{…} takes as many as it needs and gives a " +
        "character; the highest is 10FFFF, and D800 to DFFF (halves of a UTF-16 pair) are not characters.",
      repair: "Complete the digits, or double the backslash.",
      example: 'print "\\u{110000}";',
    },
  },
  U0106: {
    severity: "error",
    title: "malformed number",
    text: (d: { text: string; why: string }) => `Malformed number ${quote(d.text)}: ${d.why}`,
    explain: {
      why:
        "A number is digits, or digits on both sides of a point, with an optional exponent; or 0x and hexadecimal " +
        "digits. '_' may stand singly between two digits.",
      repair: "Write 1.0 for 1. and 0.5 for .5, and put a space between a number and a word.",
      example: "print .5;",
    },
  },
  U0107: {
    severity: "error",
    title: "missing token",
    text: (d: { token: string; where: string }) => `Expect '${d.token}' ${d.where}.`,
    explain: {
      why:
        "The grammar requires this token here. Often it was forgotten, sometimes a word before it is misspelt.",
      repair: "Add the token where the caret points.",
      example: "var x = 1\nprint x;",
    },
  },
  U0108: {
    severity: "error",
    title: "integer too large",
    text: (d: { text: string }) => `Integer ${quote(d.text)} does not fit 64 bits`,
    explain: {
      why:
        "Integers reach from -9223372036854775808 to 9223372036854775807. Arithmetic wraps around, a literal does not.",
      repair: "Write a smaller number, or a float such as 1e20.",
      example: "print 9223372036854775808;",
    },
  },
  U0109: {
    severity: "error",
    title: "float too large",
    text: (d: { text: string }) => `Number ${quote(d.text)} is too large for a float`,
    explain: {
      why: "Floats end near 1.8e308; the literal would become infinity.",
      repair: "Write a smaller number; 1.0 / 0.0 is infinity where it is wanted.",
      example: "print 1e400;",
    },
  },
  U0110: {
    severity: "error",
    title: "NUL byte",
    text: () => "NUL byte in source text",
    explain: {
      why: "Source text contains no NUL bytes; a file with one is mostly not text at all.",
      repair: "Remove the byte. In a string, write \\0.",
      example: "print 1;\0",
    },
  },
  U0111: {
    severity: "error",
    title: "missing expression",
    text: () => "Expect expression.",
    explain: {
      why: "A value is required here, and what stands here cannot begin one.",
      repair: "Write the missing value, or remove what does not belong here.",
      example: "var x = ;",
    },
  },
  U0112: {
    severity: "error",
    title: "missing name",
    text: (d: { what: string }) => `Expect ${d.what}.`,
    explain: {
      why:
        "A name is required here. Keywords such as 'print' are names only after a dot and as fields of a struct.",
      repair: "Write a name: a letter or '_', then letters, digits and '_'.",
      example: "var 1 = 2;",
    },
  },
  U0113: {
    severity: "error",
    title: "invalid assignment target",
    text: () => "Invalid assignment target.",
    explain: {
      why: "Only a variable, an index and a property can be assigned to. Comparison is written '=='.",
      repair: "Assign to a variable, to x[i] or to x.name.",
      example: "1 + 2 = 3;",
    },
  },
  U0114: {
    severity: "error",
    title: "declaration without braces",
    text: (d: { keyword: string }) =>
      `Expect expression. A declaration with '${d.keyword}' needs braces here`,
    explain: {
      why:
        "The body of if, else, while and for is a statement. A declaration alone would be visible nowhere.",
      repair: "Put braces around it, or declare before the statement.",
      example: "if (true) var x = 1;",
    },
  },
  U0115: {
    severity: "error",
    title: "jump outside a loop",
    text: (d: { keyword: string }) => `Cannot use '${d.keyword}' outside a loop`,
    explain: {
      why: "break and continue belong to the innermost loop of the same function, and there is none.",
      repair: "Move it into a loop; to leave a function or the program, use return.",
      example: "break;",
    },
  },
  U0116: {
    severity: "error",
    title: "duplicate name",
    text: (d: { what: string; name: string }) => `Duplicate ${d.what} ${quote(d.name)}`,
    explain: {
      why:
        "Two fields of a struct, or two parameters of a function, have the same name, so one could never be reached.",
      repair: "Rename one of them.",
      example: "function f(a, a) { return a; }",
    },
  },
  U0117: {
    severity: "error",
    title: "async without function",
    text: () => "Expect 'function' after 'async'.",
    explain: {
      why: "Only a function can be async.",
      repair: "Write 'async function', or remove 'async'.",
      example: "async var x = 1;",
    },
  },
  U0118: {
    severity: "error",
    title: "empty statement",
    text: () => "Expect expression. A ';' alone is not a statement",
    explain: {
      why:
        "There is no empty statement; a stray ';', such as one after a '}', is mostly a slip. After if or while it " +
        "would silently cut the body off.",
      repair: "Remove the ';', or write {} for a body that does nothing.",
      example: "while (true);",
    },
  },
  U0119: {
    severity: "error",
    title: "nested too deeply",
    text: (d: { limit: number }) => `Nested more than ${d.limit} levels deep`,
    explain: {
      why:
        "Parentheses, literals, calls, blocks and functions inside one another are limited, so that no program can " +
        "exhaust the compiler. Long chains such as a + b + … and else if … do not count.",
      repair: "Give parts of it names: variables for expressions, functions for blocks.",
      example: `print ${"!".repeat(1001)}true;`,
    },
  },
  U0120: {
    severity: "error",
    title: "bare name as map key",
    text: (d: { name: string }) =>
      `Map key ${quote(d.name)} is ambiguous: write "${clip(d.name)}" for the text or (${
        clip(d.name)
      }) for the variable`,
    explain: {
      why:
        "Keys of a map literal are expressions, while other languages take a bare name as text. Rather than " +
        "guess, the language asks for one of two clear forms.",
      repair: 'Write {"x": 1} for the key "x", or {(x): 1} for the value of the variable x.',
      example: "var x = 1; print {x: 1};",
    },
  },
  U0151: {
    severity: "error",
    title: "file not readable",
    text: (d: { path: string; because: string }) => `Could not open file "${d.path}". ${d.because}`.trimEnd(),
    explain: {
      why: "The file does not exist, is a directory, or may not be read.",
      repair: "Check the path, which is relative to the working directory, and the permissions.",
      example: 'import "./missing.unna" as missing;',
    },
  },
  U0152: {
    severity: "error",
    title: "not UTF-8",
    text: (d: { byte: number }) => `Byte 0x${hex(d.byte)} is not valid UTF-8`,
    explain: {
      why: "Source files are UTF-8. The file was saved in another encoding, or is not text.",
      repair: "Save it as UTF-8; for an arbitrary byte in a string, write \\xHH.",
      example: 'print "caf\uFFFD";',
    },
  },

  // ---- U02: what can be known without running ---------------------------------------------------------------------

  U0201: {
    severity: "error",
    title: "undeclared name",
    text: (d: { name: string }) => `Undefined variable ${quote(d.name)}`,
    explain: {
      why:
        "The name is read, but nothing in this file declares it or assigns to it, and no builtin is called so. " +
        "Reading it will fail when the program gets here.",
      repair: "Declare it, or correct its spelling.",
      example: "var count = 1;\nprint cuont;",
    },
  },
  U0202: {
    severity: "warning",
    title: "assignment makes a global",
    text: (d: { name: string }) => `Assignment to undeclared ${quote(d.name)} makes a global variable`,
    explain: {
      why:
        "An assignment to a name that is not declared creates a global, wherever it stands. That is legal, and it " +
        "is also what a misspelt name does.",
      repair: "Declare the variable with 'var', or correct its spelling.",
      example: "total = 1;\nprint total;",
    },
  },
  U0203: {
    severity: "error",
    title: "wrong number of arguments",
    text: (d: { name: string; expected: number; got: number }) =>
      `${quote(d.name)} expects ${count(d.expected, "argument")} but gets ${d.got}`,
    explain: {
      why:
        "A function takes exactly its parameters, a struct exactly its fields. The call will fail when the program " +
        "gets here.",
      repair: "Pass the missing values, or remove the surplus ones.",
      example: "function add(a, b) { return a + b; }\nprint add(1);",
    },
  },
  U0204: {
    severity: "warning",
    title: "unreachable code",
    text: (d: { after: string }) => `Unreachable code after '${d.after}'`,
    explain: {
      why: "Nothing gets past return, break or continue, so what follows in the same block never runs.",
      repair: "Remove it, or put the jump into an if.",
      example: "function f() { return 1; print 2; }\nf();",
    },
  },
  U0205: {
    severity: "warning",
    title: "unused import",
    text: (d: { name: string }) => `Import ${quote(d.name)} is never used`,
    explain: {
      why: "The module is loaded and run, but its name is never mentioned again.",
      repair: "Remove the import. If the module is imported for its effect alone, start the name with '_'.",
      example: "import ucoreMath as m;",
    },
  },
  U0206: {
    severity: "warning",
    title: "unused variable",
    text: (d: { name: string }) => `Local ${quote(d.name)} is never used`,
    explain: {
      why: "The name is declared inside a function or block and never read. Often another name was meant.",
      repair: "Remove it. If it has to be there, start the name with '_'.",
      example: "function f() { var x = 1; }\nf();",
    },
  },
  U0207: {
    severity: "info",
    title: "builtin redefined",
    text: (d: { name: string }) => `${quote(d.name)} hides the builtin of that name`,
    explain: {
      why:
        "Builtins are ordinary globals, so a program may give their names to something else. From then on the " +
        "builtin is out of reach in this module.",
      repair: "Choose another name, unless that is what you want.",
      example: "function length(x) { return 0; }\nprint length(1);",
    },
  },
  U0208: {
    severity: "error",
    title: "function too large",
    text: (d: { name: string }) => `Function ${quote(d.name)} needs more than 65,535 registers`,
    explain: {
      why:
        "Each local variable in scope takes a register of its function, and so does each argument of the call that is " +
        "under way. A function, or the body of a file, has at most 65,535 of them.",
      repair: "Keep that many values in an array or a map.",
      example: `length(${"0, ".repeat(65535)}0);`,
    },
  },

  // ---- U03: profile and native code -------------------------------------------------------------------------------

  U0301: {
    severity: "warning",
    title: "no native code",
    text: (d: { backend: string; because: string }) =>
      `Backend ${quote(d.backend)} is not available: ${d.because}. Running in the interpreter`,
    explain: {
      why:
        "The machine, the system or the permissions do not allow native code. Programs run all the same, slower.",
      repair: "Allow FFI (--allow-ffi), or choose the interpreter (--backend=interp) to silence this.",
      example: "print 1;",
    },
  },

  // ---- U05: plugins -----------------------------------------------------------------------------------------------

  U0501: {
    severity: "error",
    title: "plugin failed",
    text: (d: { plugin: string; hook: string; message: string }) =>
      `Plugin ${quote(d.plugin)} failed in ${d.hook}: ${d.message}`,
    explain: {
      why:
        "A function that a plugin supplied has thrown an error. The fault is in the plugin, not in the program.",
      repair: "Run without the plugin, or tell its author.",
      example: "print 1;",
    },
  },
  U0502: {
    severity: "error",
    title: "plugins clash",
    text: (d: { what: string; name: string; first: string; second: string }) =>
      `Plugins ${quote(d.first)} and ${quote(d.second)} both define the ${d.what} ${quote(d.name)}`,
    explain: {
      why: "Opcodes, natives, tokens, backends and messages are unique by name.",
      repair: "Use one of the two plugins, or rename what clashes.",
      example: "print 1;",
    },
  },
  U0503: {
    severity: "error",
    title: "malformed plugin",
    text: (d: { plugin: string; problem: string }) => `Plugin ${quote(d.plugin)} is malformed: ${d.problem}`,
    explain: {
      why: "The plugin has a key that means nothing, or lacks one that is needed; mostly a misspelling.",
      repair: "Compare it with the Plugin type.",
      example: "print 1;",
    },
  },

  // ---- U09: run time ----------------------------------------------------------------------------------------------

  U0901: {
    severity: "error",
    title: "undefined variable",
    text: (d: { name: string }) => `Undefined variable '${clip(d.name)}'`,
    explain: {
      why:
        "The name had no value yet when it was read: it is declared nowhere, or its declaration had not run.",
      repair: "Declare it before this point, or correct its spelling.",
      example: "print missing;",
    },
  },
  U0902: {
    severity: "error",
    title: "division by zero",
    text: () => "Division by zero.",
    explain: {
      why: "'/' and '%' between integers have no answer for 0. (Between floats the result is inf or nan.)",
      repair: "Test the divisor first.",
      example: "var zero = 0;\nprint 1 / zero;",
    },
  },
  U0903: {
    severity: "error",
    title: "operator on wrong types",
    text: (d: { op: string; left: string; right?: string }) =>
      `Cannot apply '${d.op}' to ${d.left}${d.right === undefined ? "" : ` and ${d.right}`}.`,
    explain: {
      why:
        "Arithmetic needs numbers ('+' also takes a string on either side), '<' and its like need two numbers or two " +
        "strings. Nothing is converted silently.",
      repair: "Convert with int(x), float(x) or str(x).",
      example: 'print "6" - 1;',
    },
  },
  U0904: {
    severity: "error",
    title: "wrong number of arguments",
    text: (d: { expected: number; got: number }) => `Expected ${d.expected} args but got ${d.got}.`,
    explain: {
      why: "A function is called with exactly as many values as it has parameters.",
      repair: "Pass the missing values, or remove the surplus ones.",
      example: "function f(a) { return a; }\nvar g = f;\ng();",
    },
  },
  U0905: {
    severity: "error",
    title: "wrong number of fields",
    text: (d: { name: string; expected: number; got: number }) =>
      `Struct '${clip(d.name)}' expected ${d.expected} args but got ${d.got}.`,
    explain: {
      why: "A struct is made with one value for each field, in order.",
      repair: "Pass a value for every field; nil where there is none yet.",
      example: "struct Point { x; y; }\nvar make = Point;\nmake(1);",
    },
  },
  U0906: {
    severity: "error",
    title: "call of something else",
    text: (d: { object: boolean }) => `Attempt to call non-function ${d.object ? "object" : "value"}.`,
    explain: {
      why: "Only functions, struct types and builtins can be called.",
      repair: "Check what the name holds at this point; print it.",
      example: "var x = 1;\nx();",
    },
  },
  U0907: {
    severity: "error",
    title: "index of something else",
    text: (d: { kind: string }) => `Cannot index ${d.kind}.`,
    explain: {
      why: "Only arrays, maps and strings have elements.",
      repair: "Check where the value comes from: a missing element or key gives nil.",
      example: "var x = nil;\nprint x[0];",
    },
  },
  U0908: {
    severity: "error",
    title: "index is not an int",
    text: (d: { of: string; kind: string }) => `Cannot index ${d.of} with ${d.kind}.`,
    explain: {
      why: "Elements of arrays and strings are numbered with ints; floats are not rounded silently.",
      repair: "Convert with int(x), or use a map.",
      example: "var a = [1, 2];\nprint a[0.5];",
    },
  },
  U0909: {
    severity: "error",
    title: "write at a negative index",
    text: (d: { index: string }) => `Cannot write at negative index ${d.index}.`,
    explain: {
      why: "Arrays begin at 0.",
      repair: "Check the computation of the index; the last element is a[length(a) - 1].",
      example: "var a = [1];\na[-1] = 2;",
    },
  },
  U0910: {
    severity: "error",
    title: "write too far past the end",
    text: (d: { index: string; length: number }) =>
      `Cannot write at index ${d.index}, too far past the length ${d.length}.`,
    explain: {
      why: "Writing past the end of an array fills the gap with nil, up to 16 million elements at once.",
      repair: "Check the index; for sparse numbers use a map.",
      example: "var a = [];\na[1000000000] = 1;",
    },
  },
  U0911: {
    severity: "error",
    title: "write into a string",
    text: () => "Cannot write into a string.",
    explain: {
      why: "Strings never change.",
      repair: "Build a new one from pieces, with slice and '+'.",
      example: 'var s = "abc";\ns[0] = "x";',
    },
  },
  U0912: {
    severity: "error",
    title: "unusable map key",
    text: (d: { kind: string }) => `Cannot use ${d.kind} as a map key.`,
    explain: {
      why: "Keys are strings, ints, bools and floats other than nan.",
      repair: "Use a string that identifies the object.",
      example: "var m = map();\nm[nil] = 1;",
    },
  },
  U0913: {
    severity: "error",
    title: "property of something else",
    text: (d: { name: string }) => `Cannot read property '${clip(d.name)}' on this type.`,
    explain: {
      why:
        "Struct instances, modules and strings (length only) have properties. Elements of a map are read as m[key].",
      repair: 'Write m["name"] for maps and length(a) for arrays.',
      example: "var a = [1];\nprint a.length;",
    },
  },
  U0914: {
    severity: "error",
    title: "property not writable",
    text: () => "Only struct instances have settable properties.",
    explain: {
      why: "Modules are read-only from outside, and other values have no properties to set.",
      repair: 'Write m["name"] = v for maps; let a module offer a function that sets its variable.',
      example: "var m = map();\nm.x = 1;",
    },
  },
  U0915: {
    severity: "error",
    title: "unknown field",
    text: (d: { struct: string; name: string }) =>
      `Struct '${clip(d.struct)}' has no field '${clip(d.name)}'.`,
    explain: {
      why: "The fields of a struct are those of its declaration.",
      repair: "Add the field to the struct, or correct its spelling.",
      example: "struct Point { x; y; }\nprint Point(1, 2).z;",
    },
  },
  U0916: {
    severity: "error",
    title: "unknown member of a module",
    text: (d: { module: string; name: string }) =>
      `Undefined property '${clip(d.name)}' in module '${clip(d.module)}'.`,
    explain: {
      why: "The members of a module are its globals, as far as it has run.",
      repair:
        "Correct the spelling; in modules that import each other, use the member later, inside a function.",
      example: "print ucoreMath.missing;",
    },
  },
  U0917: {
    severity: "error",
    title: "loop over something else",
    text: (d: { kind: string }) => `Cannot iterate over ${d.kind}.`,
    explain: {
      why: "for (var x : …) walks through arrays, strings and maps.",
      repair: "For numbers, write for (var i = 0; i < n; i = i + 1).",
      example: "for (var x : 3) print x;",
    },
  },
  U0918: {
    severity: "error",
    title: "stack overflow",
    text: () => "Stack overflow.",
    explain: {
      why: "Too many calls were under way at the same time; mostly a recursion that never ends.",
      repair: "Check the condition that ends the recursion, or use a loop.",
      example: "function f() { return f() + 1; }\nf();",
    },
  },
  U0919: {
    severity: "error",
    title: "out of memory",
    text: () => "Out of memory.",
    explain: {
      why: "Everything the program still holds on to does not fit its heap.",
      repair: "Let go of what is no longer needed, or allow more with --heap=SIZE.",
      example: "var a = [];\nwhile (true) push(a, [a]);",
    },
  },
  U0920: {
    severity: "error",
    title: "await without end",
    text: () => "Awaiting a future that can never finish.",
    explain: {
      why: "Every task waits for another one, and nothing from outside can wake any of them.",
      repair: "Look for two async functions that await each other.",
      example: "var f = nil;\nasync function g() { ucoreTimer.sleep(1); await f; }\nf = g();\nawait f;",
    },
  },
  U0921: {
    severity: "error",
    title: "assertion failed",
    text: (d: { message: string | null }) => `Assertion failed${d.message === null ? "." : `: ${d.message}`}`,
    explain: {
      why: "assert was given a condition that does not hold.",
      repair: "Find out why it does not hold; the message should say what was meant.",
      example: 'assert(1 > 2, "order of numbers");',
    },
  },
  U0922: {
    severity: "error",
    title: "wrong argument",
    text: (d: { name: string; expects: string; got: string }) =>
      `${d.name} expects ${d.expects}, but got ${d.got}.`,
    explain: {
      why:
        "A builtin or library function was given a value of a type it cannot use, or too few or too many values.",
      repair: "Look the function up with 'explain', and check where the value comes from.",
      example: "print length(5);",
    },
  },
  U0923: {
    severity: "error",
    title: "import failed",
    text: (d: { path: string }) => `Could not import module '${d.path}'`,
    explain: {
      why:
        "No file is found under that path, or it cannot be compiled. Paths that begin with '.' are relative to the " +
        "importing file; others are tried from the working directory, then from the importing file's directory.",
      repair: "Check the path; no extension is added to it.",
      example: 'import "./missing.unna" as missing;',
    },
  },
  U0924: {
    severity: "error",
    title: "function failed",
    text: (d: { message: string }) => d.message,
    explain: {
      why:
        "A builtin, a library function or a function of the embedder could not do what it was asked for, and says " +
        "why in its own words.",
      repair: "Look the function up with 'explain', and check the values that it is given.",
      example: "print slice([1, 2, 3], -1);",
    },
  },
} satisfies Record<string, DiagnosticDef>;

/** A code of the built-in table. */
export type DiagnosticCode = keyof typeof DIAGNOSTICS;

/** What a message text takes: one record, or nothing. */
export type DetailsOf<Def extends DiagnosticDef> = Parameters<Def["text"]>;

/** Advice below a message, with a place of its own or without. */
export interface Note {
  /** The advice. */
  readonly message: string;
  /** The file that it points into. */
  readonly source?: SourceFile;
  /** Where it points: an offset into the text, */
  readonly start?: number;
  /** and the end of that stretch. */
  readonly end?: number;
}

/** One thing to tell the programmer. Notes may still be added to it after it has been reported. */
export interface Diagnostic {
  /** Its row in a table of messages, such as `U0201`. */
  readonly code: string;
  /** How bad it is. */
  readonly severity: Severity;
  /** The text, details filled in. */
  readonly message: string;
  /** Null when it is about no text at all, such as a missing file. */
  readonly source: SourceFile | null;
  /** Where it points: an offset into the text, */
  readonly start: number;
  /** and the end of that stretch. */
  readonly end: number;
  /** Advice, shown below the message. */
  readonly notes: Note[];
  /** The pass at work when it was raised. */
  readonly pass?: string;
  /** The plugin at work when it was raised. */
  readonly plugin?: string;
}

/** Who is at work: set by the driver, stamped on every diagnostic. */
export interface Blame {
  /** The pass at work. */
  pass?: string;
  /** The plugin that it belongs to, if not to the core. */
  plugin?: string;
}

/** Collects diagnostics. */
export interface Diagnostics {
  /** Those kept, in the order of reporting; the last one of a flood is U0100. */
  readonly items: readonly Diagnostic[];
  /** How many errors were reported, dropped ones included. */
  readonly errorCount: number;
  /** Whether errors have been dropped, so that a pass may as well stop. */
  readonly full: boolean;
  /** Who is at work now. */
  readonly blame: Blame;
  /** Reports a message of the built-in table; the result is there for adding notes. */
  report<Code extends DiagnosticCode>(
    code: Code,
    span: Span | null,
    ...details: DetailsOf<(typeof DIAGNOSTICS)[Code]>
  ): Diagnostic;
  /** Keeps a diagnostic that was made elsewhere, for example from a plugin's table. */
  add(diagnostic: Diagnostic): void;
}

/** The text of a message of the built-in table; run-time errors need it without a place. */
export function messageOf<Code extends DiagnosticCode>(
  code: Code,
  ...details: DetailsOf<(typeof DIAGNOSTICS)[Code]>
): string {
  return textOf(DIAGNOSTICS[code], details);
}

/** Makes a diagnostic of any table's row. */
export function makeDiagnostic<Def extends DiagnosticDef>(
  code: string,
  def: Def,
  span: Span | null,
  details: DetailsOf<Def>,
  blame: Blame = {},
): Diagnostic {
  return {
    code,
    severity: def.severity,
    message: textOf(def, details),
    source: span?.source ?? null,
    start: span?.start ?? 0,
    end: span?.end ?? 0,
    notes: [],
    ...blame,
  };
}

// A table's rows differ in what they take, and a row picked by a variable takes the intersection of all; that the
// details fit was checked at the caller, where the code was a literal.
function textOf(def: DiagnosticDef, details: readonly unknown[]): string {
  return def.text(...details as [never]);
}

/**
 * Makes a collector that keeps at most `limit` errors, and as many lesser messages: whoever reports in a loop cannot
 * fill the memory or the screen, and warnings cannot crowd out an error.
 */
export function createDiagnostics(limit = 50): Diagnostics {
  const items: Diagnostic[] = [];
  const blame: Blame = {};
  let errors = 0, others = 0;
  return {
    items,
    blame,
    get errorCount() {
      return errors;
    },
    get full() {
      return errors > limit;
    },
    report(code, span, ...details) {
      const diagnostic = makeDiagnostic(code, DIAGNOSTICS[code], span, details, blame);
      this.add(diagnostic);
      return diagnostic;
    },
    add(diagnostic) {
      const count = diagnostic.severity === "error" ? ++errors : ++others;
      if (count <= limit) items.push(diagnostic);
      else if (count === limit + 1 && diagnostic.severity === "error") {
        const { source, start, end } = diagnostic;
        items.push(makeDiagnostic("U0100", DIAGNOSTICS.U0100, source && { source, start, end }, [], blame));
      }
    },
  };
}

// ---- Rendering ------------------------------------------------------------------------------------------------------

/** How to render. */
export interface RenderOptions {
  /** Whether to colour with ANSI codes. */
  readonly color: boolean;
}

/** A call that was under way when a run-time error happened, and how far it had got. */
export interface TraceFrame {
  readonly functionName: string;
  readonly source: SourceFile;
  readonly offset: number;
  readonly end: number;
}

/** A run-time error with its calls, innermost first. */
export interface RuntimeFailure {
  readonly message: string;
  readonly frames: readonly TraceFrame[];
  readonly notes?: readonly Note[];
}

const STYLES = {
  error: "1;31",
  warning: "1;33",
  info: "1;36",
  note: "1;36",
  frame: "1;34",
  strong: "1",
} as const;

type Paint = (style: keyof typeof STYLES, text: string) => string;

function paintWith({ color }: RenderOptions): Paint {
  return (style, text) => color ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
}

/** Renders a diagnostic with its code frame and its notes; lines end with "\n". */
export function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions): string {
  const paint = paintWith(options);
  const { severity, code, message, source, start, end, plugin } = diagnostic;
  const lines = [`${paint(severity, `${severity}[${code}]`)}${paint("strong", `: ${printable(message)}`)}`];
  const margin = pushFrame(lines, paint, source && { source, start, end });
  pushNotes(lines, paint, margin, diagnostic.notes);
  if (plugin !== undefined) pushNotes(lines, paint, margin, [{ message: `raised by plugin '${plugin}'` }]);
  return lines.join("\n") + "\n";
}

/** Renders a run-time error: its text, where it happened, and the calls that led there; lines end with "\n". */
export function renderRuntimeError(failure: RuntimeFailure, options: RenderOptions): string {
  const paint = paintWith(options);
  const { message, frames } = failure;
  const lines = [`${paint("error", "Runtime Error:")}${paint("strong", ` ${printable(message, "\n\t")}`)}`];
  const top = frames.length > 0 ? frames[0] : null;
  const margin = pushFrame(lines, paint, top && { source: top.source, start: top.offset, end: top.end });
  pushNotes(lines, paint, margin, failure.notes ?? []);
  // Of a file's body alone, which nobody calls, the place above says it all.
  if (frames.length > 1 || (top !== null && top.functionName !== BODY_NAME)) pushTrace(lines, paint, frames);
  return lines.join("\n") + "\n";
}

/** What the body of a file is called. */
const BODY_NAME = "main";

/** A trace longer than this shows its two ends only. */
const TRACE_LIMIT = 20;

function pushTrace(lines: string[], paint: Paint, frames: readonly TraceFrame[]): void {
  const omitted = frames.length > TRACE_LIMIT ? frames.length - TRACE_LIMIT : 0;
  const edge = omitted ? TRACE_LIMIT / 2 : frames.length;
  frames.forEach(({ functionName, source, offset }, index) => {
    if (index < edge || index >= edge + omitted) {
      lines.push(`  at ${printable(clip(functionName))} ${paint("frame", `(${place(source, offset)})`)}`);
    } else if (index === edge) {
      lines.push(`  ... ${omitted} more calls ...`);
    }
  });
}

function pushNotes(lines: string[], paint: Paint, margin: string, notes: readonly Note[]): void {
  for (const { message, source, start, end } of notes) {
    if (source === undefined || start === undefined) {
      lines.push(`${margin} ${paint("frame", "=")} ${paint("note", "note")}: ${printable(message)}`);
    } else {
      lines.push(`${paint("note", "note")}: ${printable(message)}`);
      pushFrame(lines, paint, { source, start, end: end ?? start });
    }
  }
}

/** Pushes ` --> place` and the line with its carets; the result is the width of the line number as blanks. */
function pushFrame(lines: string[], paint: Paint, span: Span | null): string {
  if (span === null) return "";
  const { line } = span.source.position(span.start);
  const margin = " ".repeat(String(line).length);
  const { code, indent, carets } = excerpt(span, line);
  lines.push(
    `${margin}${paint("frame", "-->")} ${place(span.source, span.start)}`,
    paint("frame", `${margin} |`),
    `${paint("frame", `${line} |`)} ${code}`.trimEnd(),
    `${paint("frame", `${margin} |`)} ${" ".repeat(indent)}${paint("error", "^".repeat(carets))}`,
  );
  return margin;
}

function place(source: SourceFile, offset: number): string {
  const { line, column } = source.position(offset);
  return `${printable(source.path)}:${line}:${column}`;
}

/** Lines up to this many UTF-16 units are shown whole; of longer ones, about as much around the caret. */
const WINDOW = 120;

/** The line as shown, the blanks before the first caret, and how many carets the span needs on this line. */
function excerpt(
  { source, start, end }: Span,
  line: number,
): { code: string; indent: number; carets: number } {
  const text = source.lineText(line);
  const from = Math.min(start - source.lineStarts[line - 1], text.length);
  const to = Math.max(from, Math.min(end - source.lineStarts[line - 1], text.length));
  let first = 0, last = text.length;
  if (text.length > WINDOW) {
    first = Math.max(0, Math.min(from - WINDOW / 2, text.length - WINDOW));
    last = Math.min(text.length, first + WINDOW);
    if (isLowSurrogate(text, first)) first++;
    if (isLowSurrogate(text, last)) last--;
  }
  const head = first > 0 ? "..." : "", tail = last < text.length ? "..." : "";
  const before = printable(text.slice(first, from));
  const marked = printable(text.slice(from, Math.min(to, last)));
  const after = printable(text.slice(Math.min(to, last), last));
  return {
    code: head + before + marked + after + tail,
    indent: head.length + width(before),
    carets: Math.max(1, width(marked)),
  };
}

function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xDC00 && unit < 0xE000;
}

/** Characters, each taken to be one column wide. */
function width(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/**
 * Text as it may be shown: tabs as blanks, and whatever a terminal would obey instead of show as a picture of itself,
 * so that a source file can neither move the cursor nor reorder what is read.
 */
function printable(text: string, keep = ""): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, (control) => {
    if (keep.includes(control)) return control;
    const code = control.charCodeAt(0);
    return control === "\t" ? "    " : code < 0x20 ? String.fromCharCode(0x2400 + code) : "\uFFFD";
  });
}

// ---- Pieces of messages ---------------------------------------------------------------------------------------------

/** Names in messages may come from anywhere, so a message never grows with them. */
function clip(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

function quote(text: string): string {
  return `'${clip(text)}'`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

/**
 * The candidate that `name` is most likely a misspelling of, or null. Counts inserted, missing, wrong and swapped
 * letters, and allows one for each three letters of the name.
 */
export function suggest(name: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bound = Math.max(1, Math.floor(name.length / 3)) + 1;
  if (name.length < 2 || name.length > 60) return null;
  for (const candidate of candidates) {
    if (candidate === name || Math.abs(candidate.length - name.length) >= bound) continue;
    const distance = editDistance(name, candidate);
    if (distance < bound) {
      bound = distance;
      best = candidate;
    }
  }
  return best;
}

/** Edits that turn `a` into `b`, a swap of neighbours counting as one; three rows of the usual table suffice. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length];
}
