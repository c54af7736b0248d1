/**
 * The programs that `explain` shows and runs, where the rows of tables have none of their own: one whose code contains
 * an opcode once it has run, one that leaves machine code for a reason, one that a message is about and how it reads
 * mended. A test runs each of them and finds what it is there for; the types see to it that no row is left out.
 */

import type { DiagnosticCode } from "./diagnostics.ts";
import type { OpName } from "./opcodes.ts";
import type { ExitReason } from "./backend.ts";
import type { TrialOptions } from "./trial.ts";

/** A hundred and fifty rounds are hot at a threshold of a hundred, and are compiled with what was learnt before. */
const again = (statement: string) => `for (var i = 0; i < 150; i += 1) ${statement}\n`;

/** Statements of a file, each of which runs once, and a loop that makes the file hot. */
const once = (statements: string) => `${statements}\n${again("{}")}`;

/** A function `f` that is hot by its calls, which have these arguments; the calls `first` come before. */
const hot = (definition: string, args: string, first = "") =>
  `${definition}\n${first === "" ? "" : `${first}\n`}${again(`f(${args});`)}`;

// ---- opcodes -----------------------------------------------------------------------------------------------------

type Forms<N extends string> = N | `${N}_II` | `${N}_FF` | `${N}_ANY`;

/** Examples by the names of a family: `body` is the part of `f(a, b)` that contains the opcode. */
function family<N extends string>(name: N, body: string): Record<Forms<N>, string> {
  const f = `function f(a, b) { ${body} }`;
  return {
    // What has not run yet is general still.
    [name]: hot(`function f(a, b) {\n  if (a == nil) return nil;\n  ${body}\n}`, "nil, nil"),
    [`${name}_II`]: hot(f, "7, 2"),
    [`${name}_FF`]: hot(f, "7.5, 2.5"),
    [`${name}_ANY`]: hot(f, "7, 2", "f(7, 2);\nf(7.5, 2.5);"),
  } as Record<Forms<N>, string>;
}

function arithmetic<N extends string>(name: N, operator: string): Record<Forms<N> | Forms<`${N}_K`>, string> {
  return {
    ...family(name, `return a ${operator} b;`),
    ...family(`${name}_K`, `return a ${operator} 3;`),
    // A constant has one type, and the other operand has it too at first.
    [`${name}_K_FF`]: hot(`function f(a) { return a ${operator} 0.5; }`, "7.5"),
  } as Record<Forms<N> | Forms<`${N}_K`>, string>;
}

/** A jump that is taken where a condition does not hold, and the one that is taken where it does. */
function jumps<No extends string, Yes extends string>(
  no: No,
  yes: Yes,
  condition: string,
): Record<Forms<No> | Forms<Yes>, string> {
  const otherwise = `if (${condition}) return 1; return 2;`;
  const directly = `if (${condition} || a == true) return 1; return 2;`;
  const isConstant = /\d/.test(condition);
  const withDoubles = (body: string) => hot(`function f(a) { ${body.replace(/\d+/, "3.5")} }`, "7.5");
  return {
    ...family(no, otherwise),
    ...family(yes, directly),
    ...(isConstant ? { [`${no}_FF`]: withDoubles(otherwise), [`${yes}_FF`]: withDoubles(directly) } : {}),
  } as Record<Forms<No> | Forms<Yes>, string>;
}

type IndexForms<N extends string> = N | `${N}_ARRAY` | `${N}_MAP` | `${N}_ANY`;

/** The forms of an access to a container. */
function index<N extends string>(name: N, parameters: string, body: string, rest: string) {
  const f = `function f(${parameters}) { ${body} }`, array = `[1, 2]${rest}`, map = `{1: 2}${rest}`;
  return {
    [name]: hot(`function f(${parameters}) {\n  if (x == nil) return nil;\n  ${body}\n}`, `nil${rest}`),
    [`${name}_ARRAY`]: hot(f, array),
    [`${name}_MAP`]: hot(f, map),
    [`${name}_ANY`]: hot(f, array, `f(${array});\nf(${map});`),
  } as Record<IndexForms<N>, string>;
}

const COUNTER =
  "function counter() {\n  var n = 0;\n  function f() { n = n + 1; return n; }\n  return f;\n}\nvar f = counter();\n" +
  again("f();");
const CELLS = "function f() {\n  var n = 1;\n  function add() { n = n + 1; }\n  n = 2;\n  return n;\n}\n" +
  again("f();");
/** A file whose window goes beyond the registers that a byte can name. */
const WIDE = `{\n${
  Array.from({ length: 260 }, (_, n) => `  var v${n} = ${n};`).join("\n")
}\n  v259 = v258;\n  for (var i = 0; i < 150; i += 1) {}\n}\n`;
const POINT = "struct Point { x; y; }\nstruct Pixel { y; x; }\n";

/** For each opcode a program whose code contains it after it has run; null if none can. */
export const OPCODE_EXAMPLES: Readonly<Record<OpName, string | null>> = {
  FINISH: null,
  TASK_END: null,
  MOVE: hot("function f(a) { var b = a; return b + a; }", "1"),
  LOAD_NIL: once("var x = nil;"),
  LOAD_BOOL: once("var x = true;"),
  LOAD_INT: once("var x = 7;"),
  LOAD_CONST: once('var x = "text";'),
  // Not made hot: compiling that many instructions takes a second.
  LOAD_CONST_WIDE: `var x = [\n${Array.from({ length: 65537 }, (_, n) => `  ${n}.5,`).join("\n")}\n];`,
  FAR_GET: WIDE,
  FAR_SET: WIDE,
  GET_GLOBAL: once("var x = 7;\nprint x;"),
  SET_GLOBAL: once("var x = 7;"),
  NEW_CELL: CELLS,
  GET_CELL: CELLS,
  SET_CELL: CELLS,
  GET_CAPTURE: COUNTER,
  SET_CAPTURE: COUNTER,
  CLOSURE: once("function f() { return 1; }"),
  ...arithmetic("ADD", "+"),
  ...arithmetic("SUB", "-"),
  ...arithmetic("MUL", "*"),
  ...arithmetic("DIV", "/"),
  ...arithmetic("MOD", "%"),
  NEG: hot("function f(a) { return -a; }", "7"),
  PLUS: hot("function f(a) { return +a; }", "7"),
  NOT: hot("function f(a) { return !a; }", "true"),
  JUMP: hot("function f(a) {\n  if (a) a = 1;\n  else a = 2;\n  return a;\n}", "true"),
  JUMP_IF: hot("function f(a, b) {\n  if (a || b) return 1;\n  return 2;\n}", "true, false"),
  JUMP_UNLESS: hot("function f(a) {\n  if (a) return 1;\n  return 2;\n}", "true"),
  ...jumps("JUMP_NOT_LT", "JUMP_LT", "a < b"),
  ...jumps("JUMP_NOT_LE", "JUMP_LE", "a <= b"),
  ...jumps("JUMP_NOT_LT_K", "JUMP_LT_K", "a < 3"),
  ...jumps("JUMP_NOT_LE_K", "JUMP_LE_K", "a <= 3"),
  ...jumps("JUMP_NOT_GT_K", "JUMP_GT_K", "a > 3"),
  ...jumps("JUMP_NOT_GE_K", "JUMP_GE_K", "a >= 3"),
  ...jumps("JUMP_NE", "JUMP_EQ", "a == b"),
  ...jumps("JUMP_NE_K", "JUMP_EQ_K", "a == 3"),
  LOOP: again("{}"),
  CALL: hot("function f(g) {\n  if (g == nil) return nil;\n  return g(1);\n}", "nil"),
  CALL_FUNCTION: hot("function g(x) { return x; }\nfunction f() { return g(1); }", ""),
  CALL_STRUCT: hot(`${POINT}function f() { return Point(1, 2); }`, ""),
  CALL_ANY: hot("function f() { return str(1); }", ""),
  CALL_FAR: `function g() { return 0; }\n${WIDE.replace("v258;", "g();")}`,
  RETURN: hot("function f(a) { return a; }", "1"),
  RETURN_NIL: hot("function f(a) {}", "1"),
  AWAIT: once("async function g() { return 1; }\nvar x = await g();"),
  NEW_ARRAY: once("var x = [1, 2];"),
  NEW_MAP: once('var x = {"a": 1};'),
  PUSH: once("var x = [1];\npush(x, 2);"),
  POP: once("var x = [1];\nprint pop(x);"),
  LENGTH: once("var x = [1];\nprint length(x);"),
  HAS: once('var x = {"a": 1};\nprint has(x, "a");'),
  ...index("GET_INDEX", "x, i", "return x[i];", ", 1"),
  ...index("GET_INDEX_K", "x", "return x[1];", ""),
  ...index("SET_INDEX", "x, i", "x[i] = 3;", ", 1"),
  ...index("SET_INDEX_K", "x", "x[1] = 3;", ""),
  GET_FIELD: hot(`${POINT}function f(p) {\n  if (p == nil) return nil;\n  return p.x;\n}`, "nil"),
  GET_FIELD_STRUCT: hot(`${POINT}function f(p) { return p.x; }`, "Point(1, 2)"),
  GET_FIELD_MODULE: hot("function f() { return ucoreMath.pi; }", ""),
  GET_FIELD_ANY: hot(
    `${POINT}function f(p) { return p.x; }`,
    "Point(1, 2)",
    "f(Point(1, 2));\nf(Pixel(1, 2));",
  ),
  SET_FIELD: hot(`${POINT}function f(p) {\n  if (p == nil) return nil;\n  p.x = 3;\n}`, "nil"),
  SET_FIELD_STRUCT: hot(`${POINT}function f(p) { p.x = 3; }`, "Point(1, 2)"),
  SET_FIELD_MODULE: null,
  SET_FIELD_ANY: hot(`${POINT}function f(p) { p.x = 3; }`, "Point(1, 2)", "f(Point(1, 2));\nf(Pixel(1, 2));"),
  FOR_PREPARE: once("for (var x : [1, 2]) {}"),
  FOR_NEXT: once("for (var x : [1, 2]) {}"),
  PRINT: once("print 1;"),
  IMPORT: once("import ucoreMath as m;"),
};

// ---- exits -------------------------------------------------------------------------------------------------------

/** What to do about an exit, and a program that takes it; with native code it does, on some processor. */
export const EXIT_EXAMPLES: Readonly<Record<ExitReason, { readonly advice: string; readonly code: string }>> =
  {
    "no-template": {
      advice:
        "Nothing, if it is rare; in a loop, gather what is to be printed or awaited, and do it once behind the loop.",
      code: "for (var i = 0; i < 150; i += 1) {\n  if (i > 147) print i;\n}",
    },
    "not-int": {
      advice: "Keep operands of one type: all ints, or floats from the start (0.0 in place of 0).",
      code: hot("function f(a) { return a * 2; }", "i") + "print f(0.5);",
    },
    "not-double": {
      advice: "Keep operands of one type: begin with 1.0 where floats will follow, or convert with float(x).",
      code: hot("function f(a, b) { return a / b; }", "0.5, 2.5") + "print f(1, 2);",
    },
    "not-numbers": {
      advice:
        "The program is about to fail, or does what only the interpreter can; look at what reaches the operand.",
      code: hot("function f(a) { return -a; }", "i") + 'print f("text");',
    },
    "not-simple": {
      advice:
        "Compare values of one kind: a float with something that is no number is different, after a long way.",
      code: hot("function f(a, b) {\n  if (a == b) return 1;\n  return 2;\n}", "1.5, i", 'f("a", "b");') +
        'print f(1.5, "b");',
    },
    "overflow": {
      advice:
        "Integers of more than 48 bits are objects; use a smaller modulus, or floats, where speed matters more.",
      code: hot("function f(a) { return -a; }", "i") + "print f(-140737488355328);",
    },
    "division": {
      advice: "Test the divisor first: division by zero ends the program.",
      code: hot("function f(a, b) { return a / b; }", "i, 2") + "print f(1, 0);",
    },
    "unset": {
      advice: "Declare the variable before the function is called.",
      code: "function f(n) {\n  if (n < 140) return n;\n  return later;\n}\n" + again("f(i);") +
        "var later = 1;",
    },
    "allocation": {
      advice:
        "Nothing: memory is handed out in portions, and the interpreter fetches the next one. Fewer objects need fewer.",
      code: "var last = nil;\nfor (var i = 0; i < 20000; i += 1) last = [i];",
    },
    "growth": {
      advice: "Nothing: an array that has no room moves, ever more rarely as it grows.",
      code: "var all = [];\nfor (var i = 0; i < 5000; i += 1) push(all, i);",
    },
    "not-array-item": {
      advice:
        "Count from 0, and ask for length(a) before pop(a): what is not there gives nil, by way of the interpreter.",
      code: hot("function f(a, n) { return a[n]; }", "[1, 2], 1") + "print f([1, 2], -1);",
    },
    "not-container": {
      advice: "Pass the same kind of container each time, or write a function for each kind.",
      code: hot("function f(m) { return m[1]; }", "{1: 2}") + "print f([1, 2]);",
    },
    "not-key": {
      advice: "Nothing: a large map that has no room moves, ever more rarely as it grows.",
      code: "var all = map();\nfor (var i = 0; i < 5000; i += 1) all[i] = i;",
    },
    "not-cached": {
      advice: "Use one struct type at a place; the cache has room for one.",
      code: "struct Point { x; y; }\nstruct Pixel { y; x; }\n" +
        hot("function f(p) { return p.x; }", "Point(1, 2)") + "print f(Pixel(1, 2));",
    },
    "waiting": {
      advice: "Nothing: whoever waits has the time.",
      code: hot("async function f(future) { return await future; }", "i") +
        "async function nap() {\n  ucoreTimer.sleep(1);\n  return 1;\n}\nprint await f(nap());",
    },
    "not-function": {
      advice:
        "Call functions of the program with exactly their parameters; natives at the same place are slower.",
      code: hot("function g(x) { return x; }\nfunction f(h) { return h(1); }", "g") + "print f(str);",
    },
  };

// ---- diagnostics -------------------------------------------------------------------------------------------------

/** A program that a message is about, where the row's example alone does not bring it about, and how it reads mended. */
export interface DiagnosticCase {
  /** A file to be run in place of the example. */
  readonly file?: string;
  /** How the wrong program is run. */
  readonly options?: TrialOptions;
  /** Of the wrong program, characters that stand for single bytes. */
  readonly bytes?: readonly (readonly [character: string, byte: number])[];
  /** The program without the mistake. */
  readonly mended: string;
  /** How that is run, if not as the wrong one. */
  readonly mendedOptions?: TrialOptions;
}

const native = (
  name: string,
): NonNullable<NonNullable<TrialOptions["plugins"]>[number]["natives"]>[number] => ({
  name,
  params: [],
  doc: "Does nothing.",
  example: { code: `${name}();`, output: "" },
  call: () => {},
});

/** For each message how to provoke it, and how to mend what provoked it. */
export const DIAGNOSTIC_CASES: Readonly<Record<DiagnosticCode, DiagnosticCase>> = {
  U0100: { mended: "print 1;" },
  U0101: { mended: 'print "1 @ 2";' },
  U0102: { mended: 'print "hello";' },
  U0103: { mended: "print 1; /* and then */" },
  U0104: { mended: 'print "C:\\\\docs";' },
  U0105: { mended: 'print "\\u{10FFFF}" == "\\xF4\\x8F\\xBF\\xBF";' },
  U0106: { mended: "print 0.5;" },
  U0107: { mended: "var x = 1;\nprint x;" },
  U0108: { mended: "print 9223372036854775807;" },
  U0109: { mended: "print 1e300;" },
  U0110: { mended: 'print length("\\0");' },
  U0111: { mended: "var x = 1;\nprint x;" },
  U0112: { mended: "var one = 2;\nprint one;" },
  U0113: { mended: "print 1 + 2 == 3;" },
  U0114: { mended: "if (true) { var x = 1; print x; }" },
  U0115: { mended: "while (true) break;\nprint 1;" },
  U0116: { mended: "function f(a, b) { return a + b; }\nprint f(1, 2);" },
  U0117: { mended: "async function x() { return 1; }\nprint await x();" },
  U0118: { mended: "var n = 0;\nwhile (n < 3) { n += 1; }\nprint n;" },
  U0119: { mended: "var isOdd = 1001 % 2 == 1;\nprint isOdd != true;" },
  U0120: { mended: 'var x = 1; print {"x": 1}; print {(x): 1};' },
  U0151: { file: "missing.unna", mended: "import ucoreMath as present;\nprint present.sqrt(4);" },
  U0152: { bytes: [["\uFFFD", 0xE9]], mended: 'print "café";' },
  U0201: { mended: "var count = 1;\nprint count;" },
  U0202: { mended: "var total = 1;\nprint total;" },
  U0203: { mended: "function add(a, b) { return a + b; }\nprint add(1, 2);" },
  U0204: { mended: "function f() { print 2; return 1; }\nf();" },
  U0205: { mended: "import ucoreMath as m;\nprint m.sqrt(4);" },
  U0206: { mended: "function f() { var x = 1; print x; }\nf();" },
  U0207: { mended: "function count(x) { return 0; }\nprint count(1);" },
  U0208: { mended: "var many = [];\nfor (var i = 0; i < 65536; i += 1) push(many, 0);\nprint length(many);" },
  U0301: {
    options: {
      backend: "abacus",
      plugins: [{
        name: "beads",
        doc: "A backend that works nowhere.",
        backends: [{
          name: "abacus",
          doc: "Moves beads.",
          probe: () => ({ ok: false, because: "this machine has no beads" }),
          open() {
            throw new Error("It was opened though it does not work");
          },
        }],
      }],
    },
    mended: "print 1;",
    mendedOptions: { backend: "interp" },
  },
  U0501: {
    options: {
      plugins: [{
        name: "clumsy",
        doc: "Fails whenever a program begins.",
        observe: {
          runStart() {
            throw new Error("it slipped");
          },
        },
      }],
    },
    mended: "print 1;",
    mendedOptions: {},
  },
  U0502: {
    options: {
      plugins: [
        { name: "left", doc: "Brings a native.", natives: [native("both")] },
        { name: "right", doc: "Brings another one.", natives: [native("both")] },
      ],
    },
    mended: "print 1;",
    mendedOptions: { plugins: [{ name: "left", doc: "Brings a native.", natives: [native("both")] }] },
  },
  U0503: {
    options: { plugins: [{ name: "unfinished" } as NonNullable<TrialOptions["plugins"]>[number]] },
    mended: "print 1;",
    mendedOptions: { plugins: [{ name: "finished", doc: "Does nothing." }] },
  },
  U0504: {
    options: { plugins: [{ name: "early", doc: "Does nothing.", requires: ">=99.0" }] },
    mended: "print 1;",
    mendedOptions: { plugins: [{ name: "early", doc: "Does nothing.", requires: ">=0.1" }] },
  },
  U0901: { mended: "var missing = 1;\nprint missing;" },
  U0902: { mended: 'var zero = 0;\nif (zero == 0) print "none";\nelse print 1 / zero;' },
  U0903: { mended: 'print int("6") - 1;' },
  U0904: { mended: "function f(a) { return a; }\nvar g = f;\nprint g(1);" },
  U0905: { mended: "struct Point { x; y; }\nvar make = Point;\nprint make(1, nil);" },
  U0906: { mended: "function x() { return 1; }\nprint x();" },
  U0907: { mended: "var x = [1];\nprint x[0];" },
  U0908: { mended: "var a = [1, 2];\nprint a[int(0.5)];" },
  U0909: { mended: "var a = [1];\na[length(a) - 1] = 2;\nprint a;" },
  U0910: { mended: "var a = map();\na[1000000000] = 1;\nprint a;" },
  U0911: { mended: 'var s = "abc";\nprint "x" + slice(s, 1);' },
  U0912: { mended: 'var m = map();\nm["nothing"] = 1;\nprint m;' },
  U0913: { mended: "var a = [1];\nprint length(a);" },
  U0914: { mended: 'var m = map();\nm["x"] = 1;\nprint m;' },
  U0915: { mended: "struct Point { x; y; z; }\nprint Point(1, 2, 3).z;" },
  U0916: { mended: "print ucoreMath.pi;" },
  U0917: { mended: "for (var x = 0; x < 3; x += 1) print x;" },
  U0918: { mended: "function f(n) { if (n == 0) return 0; return f(n - 1) + 1; }\nprint f(1000);" },
  U0919: {
    options: { heap: 1 << 22 },
    mended: "var a = [];\nfor (var i = 0; i < 1000; i += 1) push(a, [a]);\nprint length(a);",
  },
  U0920: { mended: "async function g() { ucoreTimer.sleep(1); return 1; }\nvar f = g();\nprint await f;" },
  U0921: { mended: 'assert(1 < 2, "order of numbers");\nprint "in order";' },
  U0922: { mended: "print length([5]);" },
  U0923: { mended: "import ucoreMath as present;\nprint present.sqrt(4);" },
  U0924: { mended: "print slice([1, 2, 3], 1);" },
};
