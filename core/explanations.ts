/**
 * Why each message of the built-in table comes up, what to do then, and a program that provokes it: what `explain` and
 * the documentation tell. Nothing here is needed to run a program or to report an error, so only those load it who ask.
 * The type checker sees to it that no message is without an explanation; a test runs the programs.
 */

import type { DiagnosticCode, DiagnosticDef } from "./diagnostics.ts";

/** What a message's row in `DIAGNOSTICS` leaves out. */
export type Explanation = Pick<DiagnosticDef, "title" | "explain">;

/** The explanations by code, in the order of `DIAGNOSTICS`. */
export const EXPLANATIONS: Readonly<Record<DiagnosticCode, Explanation>> = {
  // ---- U01: parse -------------------------------------------------------------------------------------------------

  U0100: {
    title: "too many errors",
    explain: {
      why:
        "After the first few dozen errors, more of them tell little: many are consequences of earlier ones, or the " +
        "file is not a program at all.",
      repair: "Repair the first errors and run again.",
      example: ";".repeat(51),
    },
  },
  U0101: {
    title: "unexpected character",
    explain: {
      why:
        "The character begins no token. Names are made of the letters a to z and A to Z, digits and '_'; other " +
        "letters may stand in strings and comments only. '&' and '|' exist only doubled, as '&&' and '||'.",
      repair: "Remove the character, or put it into a string.",
      example: "print 1 @ 2;",
    },
  },
  U0102: {
    title: "unterminated string",
    explain: {
      why:
        "A string runs to the next quote of the kind that opened it, and the file ended first. A backslash protects " +
        'the quote that follows it, so "\\" is not a complete string.',
      repair: "Add the closing quote; write a backslash at the end of a string as \\\\.",
      example: 'print "hello;',
    },
  },
  U0103: {
    title: "unterminated comment",
    explain: {
      why: "A comment that begins with /* runs to the next */, and the file ended first.",
      repair: "Add the closing */.",
      example: "print 1; /* and then",
    },
  },
  U0104: {
    title: "unknown escape",
    explain: {
      why:
        "In a string, a backslash begins an escape: \\n \\t \\r \\0 \\\" \\' \\\\ \\xHH \\u{H…}. Anything else after " +
        "it is most likely a slip, such as the path of a file.",
      repair: "Double the backslash to have one in the string.",
      example: 'print "C:\\docs";',
    },
  },
  U0105: {
    title: "malformed escape",
    explain: {
      why:
        "\\x needs exactly two hexadecimal digits and gives one byte. \\u{…} takes as many as it needs and gives a " +
        "character; the highest is 10FFFF, and D800 to DFFF (halves of a UTF-16 pair) are not characters.",
      repair: "Complete the digits, or double the backslash.",
      example: 'print "\\u{110000}";',
    },
  },
  U0106: {
    title: "malformed number",
    explain: {
      why:
        "A number is digits, or digits on both sides of a point, with an optional exponent; or 0x and hexadecimal " +
        "digits. '_' may stand singly between two digits.",
      repair: "Write 1.0 for 1. and 0.5 for .5, and put a space between a number and a word.",
      example: "print .5;",
    },
  },
  U0107: {
    title: "missing token",
    explain: {
      why:
        "The grammar requires this token here. Often it was forgotten, sometimes a word before it is misspelt.",
      repair: "Add the token where the caret points.",
      example: "var x = 1\nprint x;",
    },
  },
  U0108: {
    title: "integer too large",
    explain: {
      why:
        "Integers reach from -9223372036854775808 to 9223372036854775807. Arithmetic wraps around, a literal does not.",
      repair: "Write a smaller number, or a float such as 1e20.",
      example: "print 9223372036854775808;",
    },
  },
  U0109: {
    title: "float too large",
    explain: {
      why: "Floats end near 1.8e308; the literal would become infinity.",
      repair: "Write a smaller number; 1.0 / 0.0 is infinity where it is wanted.",
      example: "print 1e400;",
    },
  },
  U0110: {
    title: "NUL byte",
    explain: {
      why: "Source text contains no NUL bytes; a file with one is mostly not text at all.",
      repair: "Remove the byte. In a string, write \\0.",
      example: "print 1;\0",
    },
  },
  U0111: {
    title: "missing expression",
    explain: {
      why: "A value is required here, and what stands here cannot begin one.",
      repair: "Write the missing value, or remove what does not belong here.",
      example: "var x = ;",
    },
  },
  U0112: {
    title: "missing name",
    explain: {
      why:
        "A name is required here. Keywords such as 'print' are names only after a dot and as fields of a struct.",
      repair: "Write a name: a letter or '_', then letters, digits and '_'.",
      example: "var 1 = 2;",
    },
  },
  U0113: {
    title: "invalid assignment target",
    explain: {
      why: "Only a variable, an index and a property can be assigned to. Comparison is written '=='.",
      repair: "Assign to a variable, to x[i] or to x.name.",
      example: "1 + 2 = 3;",
    },
  },
  U0114: {
    title: "declaration without braces",
    explain: {
      why:
        "The body of if, else, while and for is a statement. A declaration alone would be visible nowhere.",
      repair: "Put braces around it, or declare before the statement.",
      example: "if (true) var x = 1;",
    },
  },
  U0115: {
    title: "jump outside a loop",
    explain: {
      why: "break and continue belong to the innermost loop of the same function, and there is none.",
      repair: "Move it into a loop; to leave a function or the program, use return.",
      example: "break;",
    },
  },
  U0116: {
    title: "duplicate name",
    explain: {
      why:
        "Two fields of a struct, or two parameters of a function, have the same name, so one could never be reached.",
      repair: "Rename one of them.",
      example: "function f(a, a) { return a; }",
    },
  },
  U0117: {
    title: "async without function",
    explain: {
      why: "Only a function can be async.",
      repair: "Write 'async function', or remove 'async'.",
      example: "async var x = 1;",
    },
  },
  U0118: {
    title: "empty statement",
    explain: {
      why:
        "There is no empty statement; a stray ';', such as one after a '}', is mostly a slip. After if or while it " +
        "would silently cut the body off.",
      repair: "Remove the ';', or write {} for a body that does nothing.",
      example: "while (true);",
    },
  },
  U0119: {
    title: "nested too deeply",
    explain: {
      why:
        "Parentheses, literals, calls, blocks and functions inside one another are limited, so that no program can " +
        "exhaust the compiler. Long chains such as a + b + … and else if … do not count.",
      repair: "Give parts of it names: variables for expressions, functions for blocks.",
      example: `print ${"!".repeat(1001)}true;`,
    },
  },
  U0120: {
    title: "bare name as map key",
    explain: {
      why:
        "Keys of a map literal are expressions, while other languages take a bare name as text. Rather than " +
        "guess, the language asks for one of two clear forms.",
      repair: 'Write {"x": 1} for the key "x", or {(x): 1} for the value of the variable x.',
      example: "var x = 1; print {x: 1};",
    },
  },
  U0151: {
    title: "file not readable",
    explain: {
      why: "The file does not exist, is a directory, or may not be read.",
      repair: "Check the path, which is relative to the working directory, and the permissions.",
      example: 'import "./missing.unna" as missing;',
    },
  },
  U0152: {
    title: "not UTF-8",
    explain: {
      why: "Source files are UTF-8. The file was saved in another encoding, or is not text.",
      repair: "Save it as UTF-8; for an arbitrary byte in a string, write \\xHH.",
      example: 'print "caf\uFFFD";',
    },
  },

  // ---- U02: what can be known without running ---------------------------------------------------------------------

  U0201: {
    title: "undeclared name",
    explain: {
      why:
        "The name is read, but nothing in this file declares it or assigns to it, and no builtin is called so. " +
        "Reading it will fail when the program gets here.",
      repair: "Declare it, or correct its spelling.",
      example: "var count = 1;\nprint cuont;",
    },
  },
  U0202: {
    title: "assignment makes a global",
    explain: {
      why:
        "An assignment to a name that is not declared creates a global, wherever it stands. That is legal, and it " +
        "is also what a misspelt name does.",
      repair: "Declare the variable with 'var', or correct its spelling.",
      example: "total = 1;\nprint total;",
    },
  },
  U0203: {
    title: "wrong number of arguments",
    explain: {
      why:
        "A function takes exactly its parameters, a struct exactly its fields. The call will fail when the program " +
        "gets here.",
      repair: "Pass the missing values, or remove the surplus ones.",
      example: "function add(a, b) { return a + b; }\nprint add(1);",
    },
  },
  U0204: {
    title: "unreachable code",
    explain: {
      why: "Nothing gets past return, break or continue, so what follows in the same block never runs.",
      repair: "Remove it, or put the jump into an if.",
      example: "function f() { return 1; print 2; }\nf();",
    },
  },
  U0205: {
    title: "unused import",
    explain: {
      why: "The module is loaded and run, but its name is never mentioned again.",
      repair: "Remove the import. If the module is imported for its effect alone, start the name with '_'.",
      example: "import ucoreMath as m;",
    },
  },
  U0206: {
    title: "unused variable",
    explain: {
      why: "The name is declared inside a function or block and never read. Often another name was meant.",
      repair: "Remove it. If it has to be there, start the name with '_'.",
      example: "function f() { var x = 1; }\nf();",
    },
  },
  U0207: {
    title: "builtin redefined",
    explain: {
      why:
        "Builtins are ordinary globals, so a program may give their names to something else. From then on the " +
        "builtin is out of reach in this module.",
      repair: "Choose another name, unless that is what you want.",
      example: "function length(x) { return 0; }\nprint length(1);",
    },
  },
  U0208: {
    title: "function too large",
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
    title: "no native code",
    explain: {
      why:
        "The machine, the system or the permissions do not allow native code. Programs run all the same, slower.",
      repair: "Allow FFI (--allow-ffi), or choose the interpreter (--backend=interp) to silence this.",
      example: "print 1;",
    },
  },

  // ---- U05: plugins -----------------------------------------------------------------------------------------------

  U0501: {
    title: "plugin failed",
    explain: {
      why:
        "A function that a plugin supplied has thrown an error. The fault is in the plugin, not in the program.",
      repair: "Run without the plugin, or tell its author.",
      example: "print 1;",
    },
  },
  U0502: {
    title: "plugins clash",
    explain: {
      why: "Opcodes, natives, tokens, backends and messages are unique by name.",
      repair: "Use one of the two plugins, or rename what clashes.",
      example: "print 1;",
    },
  },
  U0503: {
    title: "malformed plugin",
    explain: {
      why: "The plugin has a key that means nothing, or lacks one that is needed; mostly a misspelling.",
      repair: "Compare it with the Plugin type.",
      example: "print 1;",
    },
  },
  U0504: {
    title: "plugin for another version",
    explain: {
      why:
        "The plugin's `requires` says which versions of the runtime it was made for, and this is none of them.",
      repair: "Get a version of the plugin for this runtime; if it is yours, try it, and change `requires`.",
      example: "print 1;",
    },
  },

  // ---- U09: run time ----------------------------------------------------------------------------------------------

  U0901: {
    title: "undefined variable",
    explain: {
      why:
        "The name had no value yet when it was read: it is declared nowhere, or its declaration had not run.",
      repair: "Declare it before this point, or correct its spelling.",
      example: "print missing;",
    },
  },
  U0902: {
    title: "division by zero",
    explain: {
      why: "'/' and '%' between integers have no answer for 0. (Between floats the result is inf or nan.)",
      repair: "Test the divisor first.",
      example: "var zero = 0;\nprint 1 / zero;",
    },
  },
  U0903: {
    title: "operator on wrong types",
    explain: {
      why:
        "Arithmetic needs numbers ('+' also takes a string on either side), '<' and its like need two numbers or two " +
        "strings. Nothing is converted silently.",
      repair: "Convert with int(x), float(x) or str(x).",
      example: 'print "6" - 1;',
    },
  },
  U0904: {
    title: "wrong number of arguments",
    explain: {
      why: "A function is called with exactly as many values as it has parameters.",
      repair: "Pass the missing values, or remove the surplus ones.",
      example: "function f(a) { return a; }\nvar g = f;\ng();",
    },
  },
  U0905: {
    title: "wrong number of fields",
    explain: {
      why: "A struct is made with one value for each field, in order.",
      repair: "Pass a value for every field; nil where there is none yet.",
      example: "struct Point { x; y; }\nvar make = Point;\nmake(1);",
    },
  },
  U0906: {
    title: "call of something else",
    explain: {
      why: "Only functions, struct types and builtins can be called.",
      repair: "Check what the name holds at this point; print it.",
      example: "var x = 1;\nx();",
    },
  },
  U0907: {
    title: "index of something else",
    explain: {
      why: "Only arrays, maps and strings have elements.",
      repair: "Check where the value comes from: a missing element or key gives nil.",
      example: "var x = nil;\nprint x[0];",
    },
  },
  U0908: {
    title: "index is not an int",
    explain: {
      why: "Elements of arrays and strings are numbered with ints; floats are not rounded silently.",
      repair: "Convert with int(x), or use a map.",
      example: "var a = [1, 2];\nprint a[0.5];",
    },
  },
  U0909: {
    title: "write at a negative index",
    explain: {
      why: "Arrays begin at 0.",
      repair: "Check the computation of the index; the last element is a[length(a) - 1].",
      example: "var a = [1];\na[-1] = 2;",
    },
  },
  U0910: {
    title: "write too far past the end",
    explain: {
      why: "Writing past the end of an array fills the gap with nil, up to 16 million elements at once.",
      repair: "Check the index; for sparse numbers use a map.",
      example: "var a = [];\na[1000000000] = 1;",
    },
  },
  U0911: {
    title: "write into a string",
    explain: {
      why: "Strings never change.",
      repair: "Build a new one from pieces, with slice and '+'.",
      example: 'var s = "abc";\ns[0] = "x";',
    },
  },
  U0912: {
    title: "unusable map key",
    explain: {
      why: "Keys are strings, ints, bools and floats other than nan.",
      repair: "Use a string that identifies the object.",
      example: "var m = map();\nm[nil] = 1;",
    },
  },
  U0913: {
    title: "property of something else",
    explain: {
      why:
        "Struct instances, modules and strings (length only) have properties. Elements of a map are read as m[key].",
      repair: 'Write m["name"] for maps and length(a) for arrays.',
      example: "var a = [1];\nprint a.length;",
    },
  },
  U0914: {
    title: "property not writable",
    explain: {
      why: "Modules are read-only from outside, and other values have no properties to set.",
      repair: 'Write m["name"] = v for maps; let a module offer a function that sets its variable.',
      example: "var m = map();\nm.x = 1;",
    },
  },
  U0915: {
    title: "unknown field",
    explain: {
      why: "The fields of a struct are those of its declaration.",
      repair: "Add the field to the struct, or correct its spelling.",
      example: "struct Point { x; y; }\nprint Point(1, 2).z;",
    },
  },
  U0916: {
    title: "unknown member of a module",
    explain: {
      why: "The members of a module are its globals, as far as it has run.",
      repair:
        "Correct the spelling; in modules that import each other, use the member later, inside a function.",
      example: "print ucoreMath.missing;",
    },
  },
  U0917: {
    title: "loop over something else",
    explain: {
      why: "for (var x : …) walks through arrays, strings and maps.",
      repair: "For numbers, write for (var i = 0; i < n; i = i + 1).",
      example: "for (var x : 3) print x;",
    },
  },
  U0918: {
    title: "stack overflow",
    explain: {
      why: "Too many calls were under way at the same time; mostly a recursion that never ends.",
      repair: "Check the condition that ends the recursion, or use a loop.",
      example: "function f() { return f() + 1; }\nf();",
    },
  },
  U0919: {
    title: "out of memory",
    explain: {
      why: "Everything the program still holds on to does not fit its heap.",
      repair: "Let go of what is no longer needed, or allow more with --heap=SIZE.",
      example: "var a = [];\nwhile (true) push(a, [a]);",
    },
  },
  U0920: {
    title: "await without end",
    explain: {
      why: "Every task waits for another one, and nothing from outside can wake any of them.",
      repair: "Look for two async functions that await each other.",
      example: "var f = nil;\nasync function g() { ucoreTimer.sleep(1); await f; }\nf = g();\nawait f;",
    },
  },
  U0921: {
    title: "assertion failed",
    explain: {
      why: "assert was given a condition that does not hold.",
      repair: "Find out why it does not hold; the message should say what was meant.",
      example: 'assert(1 > 2, "order of numbers");',
    },
  },
  U0922: {
    title: "wrong argument",
    explain: {
      why:
        "A builtin or library function was given a value of a type it cannot use, or too few or too many values.",
      repair: "Look the function up with 'explain', and check where the value comes from.",
      example: "print length(5);",
    },
  },
  U0923: {
    title: "import failed",
    explain: {
      why:
        "No file is found under that path, or it cannot be compiled. Paths that begin with '.' are relative to the " +
        "importing file; others are tried from the working directory, then from the importing file's directory.",
      repair: "Check the path; no extension is added to it.",
      example: 'import "./missing.unna" as missing;',
    },
  },
  U0924: {
    title: "function failed",
    explain: {
      why:
        "A builtin, a library function or a function of the embedder could not do what it was asked for, and says " +
        "why in its own words.",
      repair: "Look the function up with 'explain', and check the values that it is given.",
      example: "print slice([1, 2, 3], -1);",
    },
  },
};
