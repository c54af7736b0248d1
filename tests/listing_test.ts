/**
 * The printed form of programs, and the verifier: it accepts what the compiler makes (bytecode_test.ts), and here it has
 * to find each fault that a broken compiler could make.
 */

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { createDiagnostics } from "../core/diagnostics.ts";
import { printProgram, programToJson } from "../core/listing.ts";
import { checkProgram, verifyProgram } from "../core/verify.ts";
import { OP } from "../core/opcodes.ts";
import { type Constant, type FunctionProto, type Program, wordABC, wordABx } from "../core/program.ts";
import { makeSource } from "../core/source.ts";
import { emitProgram } from "../passes/bytecode.ts";
import { parseProgram } from "../passes/parse.ts";

function compile(text: string): Program {
  const source = makeSource("test.unna", text);
  const diagnostics = createDiagnostics();
  return emitProgram(parseProgram(source, diagnostics), source, diagnostics, { builtins: new Set() });
}

// ---- Printing -------------------------------------------------------------------------------------------------------

Deno.test("printProgram() shows functions with their tables, and instructions below their lines", () => {
  const program = compile(`function counter(step) {
  var n = 0.5;
  return function () {
    n += step;
    if (n > 1) print n + " o'clock";
    return p.hour(n, 2, 3);
  };
}
async function later() { struct P { x; } import "m.unna" as m; return await P; }
`);
  assertEquals(
    printProgram(program),
    `globals
  g0  counter
  g1  later
  g2  p

function 0 main, 0 parameters, 1 register
  constants
    k0  counter #1
    k1  later #3

   1 | function counter(step) {
     0  CLOSURE           r0, k0              ; r0 = function(counter #1)
     2  SET_GLOBAL        r0, g0              ; counter = r0

   9 | async function later() { struct P { x; } import "m.unna" as m; return await P; }
     4  CLOSURE           r0, k1              ; r0 = function(later #3)
     6  SET_GLOBAL        r0, g1              ; later = r0
     8  RETURN_NIL                            ; return nil

function 1 counter, 1 parameter, 3 registers
  constants
    k0  0.5
    k1  anonymous #2

   1 | function counter(step) {
     0  NEW_CELL          r0, r0              ; r0 = cell(r0)

   2 | var n = 0.5;
     1  LOAD_CONST        r1, k0              ; r1 = 0.5
     2  NEW_CELL          r1, r1              ; r1 = cell(r1)

   3 | return function () {
     3  CLOSURE           r2, k1              ; r2 = function(anonymous #2)
     5  RETURN            r2                  ; return r2

function 2 anonymous, 0 parameters, 4 registers
  constants
    k0  1
    k1  " o'clock"
    k2  "hour"
  captures
    c0  n: register r1 of the maker
    c1  step: register r0 of the maker

   4 | n += step;
     0  GET_CAPTURE       r0, c0              ; r0 = *n
     1  GET_CAPTURE       r1, c1              ; r1 = *step
     2  ADD               r0, r0, r1          ; r0 = r0 + r1
     3  SET_CAPTURE       r0, c0              ; *n = r0

   5 | if (n > 1) print n + " o'clock";
     4  GET_CAPTURE       r0, c0              ; r0 = *n
     5  JUMP_NOT_GT_K     r0, k0, @10         ; if !(r0 > 1): goto 10
     7  GET_CAPTURE       r0, c0              ; r0 = *n
     8  ADD_K             r0, r0, k1          ; r0 = r0 + " o'clock"
     9  PRINT             r0                  ; print r0

   6 | return p.hour(n, 2, 3);
    10  GET_GLOBAL        r0, g2              ; r0 = p
    12  GET_FIELD         r0, r0, k2          ; r0 = r0.hour
    16  GET_CAPTURE       r1, c0              ; r1 = *n
    17  LOAD_INT          r2, 2               ; r2 = 2
    18  LOAD_INT          r3, 3               ; r3 = 3
    19  CALL              r0, 3               ; r0 = r0(r1 … r3)
    20  RETURN            r0                  ; return r0

async function 3 later, 0 parameters, 3 registers
  constants
    k0  struct P {x}
    k1  "m.unna"

   9 | async function later() { struct P { x; } import "m.unna" as m; return await P; }
     0  LOAD_CONST        r0, k0              ; r0 = struct P {x}
     1  IMPORT            r1, 0, k1           ; r1 = import "m.unna"
     3  AWAIT             r2, r0              ; r2 = await r0
     4  RETURN            r2                  ; return r2
`,
  );
});

Deno.test("printProgram() shows every kind of constant, and clips what is long", () => {
  const constants: Constant[] = [
    { kind: "nil" },
    { kind: "bool", value: true },
    { kind: "int", value: -(2n ** 63n) },
    { kind: "float", value: -0 },
    { kind: "float", value: 1e300 },
    { kind: "float", value: 3 },
    { kind: "string", bytes: new TextEncoder().encode('a"\n\u{1F600}') },
    { kind: "string", bytes: Uint8Array.of(0xC3, 0x28) },
    { kind: "string", bytes: new TextEncoder().encode("x".repeat(1000)) },
    { kind: "struct", name: "Point", fields: ["x", "y"] },
  ];
  const listing = printProgram(makeProgram([OP.RETURN_NIL], { constants }));
  assertEquals(listing.match(/(?<= k\d {2}).*/g), [
    "nil",
    "true",
    "-9223372036854775808",
    "-0.0",
    "1e+300",
    "3.0",
    '"a\\"\\n\u{1F600}"',
    "bytes c3 28",
    `"${"x".repeat(60)}…"`,
    "struct Point {x, y}",
  ]);
});

Deno.test("printProgram() shows broken programs as far as it goes", () => {
  assertStringIncludes(printProgram(makeProgram([255])), "255: no instruction");
  assertStringIncludes(printProgram(makeProgram([wordABx(OP.LOAD_CONST, 0, 7)])), "r0 = ?");
});

Deno.test("programToJson() holds what the listing holds", () => {
  const { path, globals, functions } = JSON.parse(
    programToJson(compile('x = 9223372036854775807 + -0.0 + "\\xFF";')),
  );
  assertEquals([path, globals, functions.length], ["test.unna", ["x"], 1]);
  assertEquals(functions[0].constants, [
    { kind: "int", value: "9223372036854775807" },
    { kind: "float", value: "-0.0" },
    { kind: "string", value: "bytes ff", bytes: [255] },
  ]);
  assertEquals(functions[0].code[1], {
    pc: 1,
    opcode: "ADD_K",
    operands: [
      { field: "A", kind: "dst", value: 0 },
      { field: "B", kind: "src", value: 0 },
      { field: "C", kind: "constant", value: 1 },
    ],
    span: [24, 25],
  });
});

// ---- Verifying ------------------------------------------------------------------------------------------------------

/** A program of one function with this code. */
function makeProgram(code: readonly number[], changes: Partial<FunctionProto> = {}): Program {
  const main: FunctionProto = {
    id: 0,
    name: "main",
    arity: 0,
    isAsync: false,
    registers: 4,
    code: Int32Array.from(code),
    constants: [],
    captures: [],
    spans: new Int32Array(2 * code.length),
    start: 0,
    ...changes,
  };
  return { source: makeSource("test.unna", ""), main, protos: [main], globals: ["g"] };
}

function faultsOf(code: readonly number[], changes: Partial<FunctionProto> = {}): string[] {
  return verifyProgram(makeProgram(code, changes)).map(({ pc, message }) => `${pc}: ${message}`);
}

const END = OP.RETURN_NIL;
const int: Constant = { kind: "int", value: 1n };
const loadNil = (register: number) => wordABC(OP.LOAD_NIL, register, 0, 0);
const print = (register: number) => wordABC(OP.PRINT, register, 0, 0);

Deno.test("verifyProgram() accepts what is right", () => {
  assertEquals(faultsOf([END]), []);
  assertEquals(faultsOf([print(0), print(1), END], { arity: 2 }), []);
  assertEquals(faultsOf([OP.LOOP, OP.JUMP, -2]), []);
});

Deno.test("verifyProgram() finds words that are no instruction", () => {
  assertEquals(faultsOf([END, 255]), ["1: 255 is no instruction"]);
  assertEquals(faultsOf([OP.JUMP]), [`0: ${OP.JUMP} is no instruction`]);
  assertEquals(faultsOf([OP.FINISH, END]), ["0: FINISH in a program"]);
});

Deno.test("verifyProgram() finds operands out of range", () => {
  assertEquals(faultsOf([loadNil(4), END]), ["0: LOAD_NIL names register 4 of 4"]);
  assertEquals(faultsOf([wordABC(OP.MOVE, 0, 9, 0), END]), ["0: MOVE names register 9 of 4"]);
  assertEquals(faultsOf([wordABx(OP.FAR_GET, 0, 600), END]), ["0: FAR_GET names register 600 of 4"]);
  assertEquals(faultsOf([wordABC(OP.CALL, 1, 3, 0), END]), ["0: CALL names register 4 of 4"]);
  assertEquals(faultsOf([wordABx(OP.CALL_FAR, 0, 2), 2, END]), ["0: CALL_FAR names register 4 of 4"]);
  assertEquals(faultsOf([wordABC(OP.FOR_PREPARE, 2, 0, 0), END]), ["0: FOR_PREPARE names register 4 of 4"]);
  assertEquals(faultsOf([wordABx(OP.LOAD_CONST, 0, 0), END]), ["0: LOAD_CONST names constant 0 of 0"]);
  assertEquals(faultsOf([wordABC(OP.LOAD_CONST_WIDE, 0, 0, 0), -1, END]), [
    "0: LOAD_CONST_WIDE names constant -1 of 0",
  ]);
  assertEquals(faultsOf([wordABC(OP.GET_GLOBAL, 0, 0, 0), 1, END]), ["0: GET_GLOBAL names global 1 of 1"]);
  assertEquals(faultsOf([wordABx(OP.GET_CAPTURE, 0, 0), END]), ["0: GET_CAPTURE names capture 0 of 0"]);
});

Deno.test("verifyProgram() finds constants of a kind that does not fit", () => {
  const inner = makeProgram([END]).main;
  const fn: Constant = { kind: "function", proto: inner };
  assertEquals(faultsOf([wordABC(OP.CLOSURE, 0, 0, 0), 0, END], { constants: [int] }), [
    "0: CLOSURE names a constant of kind int",
  ]);
  assertEquals(faultsOf([wordABC(OP.GET_FIELD, 0, 0, 0), 0, 0, 0, END], { constants: [int] }), [
    "0: GET_FIELD names a constant of kind int",
  ]);
  assertEquals(faultsOf([wordABC(OP.IMPORT, 0, 0, 0), 0, END], { constants: [int] }), [
    "0: IMPORT names a constant of kind int",
  ]);
  assertEquals(faultsOf([wordABx(OP.LOAD_CONST, 0, 0), END], { constants: [fn] }), [
    "0: LOAD_CONST names a constant of kind function",
  ]);
});

Deno.test("verifyProgram() finds captures that the maker does not have", () => {
  const closure = [wordABC(OP.CLOSURE, 0, 0, 0), 0, END];
  const capturing = (from: "register" | "capture", index: number): Constant => ({
    kind: "function",
    proto: { ...makeProgram([END]).main, captures: [{ from, index, name: "x" }] },
  });
  assertEquals(faultsOf(closure, { constants: [capturing("register", 4)] }), [
    "0: the capture x is register 4 of 4",
  ]);
  assertEquals(faultsOf(closure, { constants: [capturing("capture", 0)] }), [
    "0: the capture x is capture 0 of 0",
  ]);
  assertEquals(faultsOf(closure, { constants: [capturing("register", 1)] }), [
    "0: the capture x reads register 1, which may not be written yet",
  ]);
});

Deno.test("verifyProgram() finds jumps that lead nowhere, or back to no loop", () => {
  assertEquals(faultsOf([OP.JUMP, 1, OP.JUMP, 0, END]), ["2: JUMP leads to 3, no instruction"]);
  assertEquals(faultsOf([OP.JUMP, 9, END]), ["0: JUMP leads to 10, no instruction"]);
  assertEquals(faultsOf([loadNil(0), OP.JUMP, -2]), ["1: JUMP leads back to 0, which is no LOOP"]);
});

Deno.test("verifyProgram() finds code that goes on behind its end", () => {
  assertEquals(faultsOf([loadNil(0)]), ["1: the code goes on behind its end"]);
  assertEquals(faultsOf([wordABC(OP.LOAD_NIL, 0, 0, 0), wordABC(OP.JUMP_IF, 0, 0, 0), 2, END]), [
    "1: JUMP_IF leads to 4, no instruction",
  ]);
});

Deno.test("verifyProgram() finds registers that are read before they are written", () => {
  const unwritten = (register: number, name = "PRINT") =>
    `${name} reads register ${register}, which may not be written yet`;
  assertEquals(faultsOf([print(0), END]), [`0: ${unwritten(0)}`]);
  // Only one of two paths writes it.
  const diamond = [wordABC(OP.JUMP_IF, 0, 0, 0), 2, loadNil(1), print(1), END];
  assertEquals(faultsOf(diamond, { arity: 1 }), [`3: ${unwritten(1)}`]);
  // Written in a loop, but the loop may have no round.
  const loop = [loadNil(0), wordABC(OP.JUMP_IF, 0, 0, 0), 5, OP.LOOP, loadNil(1), OP.JUMP, -3, print(1), END];
  assertEquals(faultsOf(loop), [`7: ${unwritten(1)}`]);
  // The second round comes without it: a call has lost it.
  const round = [loadNil(0), loadNil(2), OP.LOOP, print(2), wordABC(OP.CALL, 0, 0, 0), OP.JUMP, -4];
  assertEquals(faultsOf(round), [`3: ${unwritten(2)}`]);
  // A call loses its arguments, and needs them all.
  assertEquals(faultsOf([loadNil(0), loadNil(1), wordABC(OP.CALL, 0, 1, 0), print(0), print(1), END]), [
    `4: ${unwritten(1)}`,
  ]);
  assertEquals(faultsOf([loadNil(0), loadNil(2), wordABC(OP.CALL, 0, 2, 0), END]), [
    `2: ${unwritten(1, "CALL")}`,
  ]);
  // The element of an iterator is there only where the loop goes on.
  const foreach = [
    loadNil(0),
    wordABC(OP.FOR_PREPARE, 0, 0, 0),
    OP.JUMP,
    3,
    OP.LOOP,
    print(2),
    wordABC(OP.FOR_NEXT, 0, 0, 0),
    -3,
  ];
  assertEquals(faultsOf([...foreach, END]), []);
  assertEquals(faultsOf([...foreach, print(2), END]), [`8: ${unwritten(2)}`]);
  // What cannot be reached reads nothing.
  assertEquals(faultsOf([END, print(3), END]), []);
});

Deno.test("verifyProgram() finds functions that are wrong as a whole", () => {
  assertEquals(faultsOf([END], { arity: 4 }), ["-1: 4 registers do not hold 4 parameters and a value"]);
  assertEquals(faultsOf([END], { spans: new Int32Array(3) }), [
    "-1: the number of spans is not that of words",
  ]);
  assertEquals(faultsOf([END], { id: 3 }), ["-1: stands at place 0"]);
  const program = makeProgram([END]);
  assertEquals(
    verifyProgram({ ...program, protos: [{ ...program.main }] }).map(({ message }) => message),
    ["the body of the file is not the first function"],
  );
});

Deno.test("checkProgram() throws for a program with faults, and says whose they are", () => {
  checkProgram(makeProgram([END]));
  assertThrows(
    () => checkProgram(makeProgram([print(0), END])),
    Error,
    "a bug in the compiler:\n  function 0 main, pc 0: PRINT reads register 0",
  );
});

Deno.test("every fault in an operand of a real program is found or harmless to the verifier", () => {
  const program = compile(`
    function f(a) {
      var list = [1, 2.5, "x"];
      for (var x : list) { if (x == a) continue; list[0] = function () { return x; }; }
      for (var i = 0; i < 3 && a; i += 1) a.b = f(a, i);
      return list;
    }`);
  // Each byte of each word in turn becomes 255: the verifier must neither throw nor go on for ever.
  const proto = program.protos[1];
  for (let at = 0; at < proto.code.length; at++) {
    for (const shift of [0, 8, 16, 24]) {
      const code = proto.code.slice();
      code[at] |= 255 << shift;
      const broken = { ...program, protos: [program.main, { ...proto, code }, ...program.protos.slice(2)] };
      verifyProgram(broken);
      printProgram(broken);
      programToJson(broken);
    }
  }
});
