/**
 * Arithmetic, held to BigInt and to JavaScript's doubles: first the functions that the interpreter falls back on, then
 * whole programs, in which one instruction meets operands of every kind, so that its specialised forms do as well.
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { views } from "../core/memory.ts";
import { copyValue, isDouble, isImmediate, isInt, setBool, setDouble, setNil } from "../core/value.ts";
import {
  arithmetic,
  bigIntAt,
  isNumber,
  negate,
  numberAt,
  OPERATORS,
  Outcome,
  setBigInt,
  setSafeInt,
} from "../core/arithmetic.ts";
import { newGlobal } from "../core/machine.ts";
import { formatDouble } from "../core/number_text.ts";
import { runUnna } from "./support.ts";

const { I32, F64 } = views;
// Globals are roots, wherever a collection may come.
const A = newGlobal(), B = newGlobal(), R = newGlobal();

const MIN = -(1n << 63n), MAX = (1n << 63n) - 1n;
const wrap = (n: bigint) => BigInt.asIntN(64, n);

type Operator = typeof OPERATORS[number];
/** Ints are BigInts and floats are numbers, as everywhere in this file. */
type Num = bigint | number;

/** Integers around every power of two, where one form of them ends and the next begins. */
const edgeInt = fc.tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: -2, max: 2 }), fc.boolean())
  .map(([bits, by, negative]) => wrap((negative ? -1n : 1n) * (1n << BigInt(bits)) + BigInt(by)));
const int: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: -20n, max: 20n }),
  edgeInt,
  fc.bigInt({ min: -(1n << 47n), max: 1n << 47n }),
  fc.bigInt({ min: MIN, max: MAX }),
);
const float: fc.Arbitrary<number> = fc.oneof(
  fc.double(),
  fc.integer({ min: -100, max: 100 }).map((n) => n / 4),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 63), 5e-324, Number.MAX_VALUE),
);
const num: fc.Arbitrary<Num> = fc.oneof(int, float);
const operator = fc.constantFrom(...OPERATORS);

function setNum(word: number, n: Num): void {
  if (typeof n === "bigint") setBigInt(word, n);
  else setDouble(word, n);
}

function numAt(word: number): Num {
  return isDouble(I32[word + 1]) ? F64[word >> 1] : bigIntAt(word);
}

/** What the language makes of two numbers; null for a division by zero. */
function reference(op: Operator, a: Num, b: Num): Num | null {
  if (typeof a === "bigint" && typeof b === "bigint") {
    switch (op) {
      case "+":
        return wrap(a + b);
      case "-":
        return wrap(a - b);
      case "*":
        return wrap(a * b);
      case "/":
        return b === 0n ? null : wrap(a / b);
      case "%":
        return b === 0n ? null : wrap(a % b);
    }
  }
  const x = Number(a), y = Number(b);
  switch (op) {
    case "+":
      return x + y;
    case "-":
      return x - y;
    case "*":
      return x * y;
    case "/":
      return x / y;
    case "%":
      return x % y;
  }
}

/** Each integer has one form: what fits 48 bits is immediate. */
function assertCanonical(word: number): void {
  const n = bigIntAt(word);
  assertStrictEquals(isImmediate(I32[word + 1]), BigInt.asIntN(48, n) === n, `${n}`);
}

// ---- the functions -----------------------------------------------------------------------------------------------

Deno.test("arithmetic() does what BigInt and doubles do", () => {
  fc.assert(
    fc.property(operator, num, num, (op, a, b) => {
      setNum(A, a);
      setNum(B, b);
      setNil(R);
      const expected = reference(op, a, b), outcome = arithmetic(OPERATORS.indexOf(op), R, A, B);
      if (expected === null) {
        assertStrictEquals(outcome, Outcome.DIVISION_BY_ZERO);
        assert(!isNumber(R), "nothing may be stored");
        return;
      }
      assertStrictEquals(outcome, Outcome.DONE);
      assert(Object.is(numAt(R), expected), `${a} ${op} ${b} is ${numAt(R)}, expected ${expected}`);
      if (isInt(I32[R + 1])) assertCanonical(R);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("arithmetic() may store where its operands are", () => {
  fc.assert(fc.property(operator, num, num, (op, a, b) => {
    const expected = reference(op, a, b);
    fc.pre(expected !== null);
    setNum(A, a);
    setNum(B, b);
    copyValue(R, A);
    arithmetic(OPERATORS.indexOf(op), R, R, B);
    assert(Object.is(numAt(R), expected));
    copyValue(R, B);
    arithmetic(OPERATORS.indexOf(op), R, A, R);
    assert(Object.is(numAt(R), expected));
  }));
});

Deno.test("arithmetic() refuses what is no number, whichever side it is on", () => {
  const others: ((word: number) => void)[] = [setNil, (word) => setBool(word, true)];
  for (const other of others) {
    for (let op = 0; op < OPERATORS.length; op++) {
      for (const n of [1n, MAX, 0.5]) {
        setNum(A, n);
        other(B);
        assertStrictEquals(arithmetic(op, R, A, B), Outcome.NOT_NUMBERS);
        assertStrictEquals(arithmetic(op, R, B, A), Outcome.NOT_NUMBERS);
      }
    }
  }
});

Deno.test("negate() wraps the least integer and turns the sign of zero", () => {
  fc.assert(fc.property(num, (a) => {
    setNum(A, a);
    assert(negate(R, A));
    assert(Object.is(numAt(R), typeof a === "bigint" ? wrap(-a) : -a));
    if (typeof a === "bigint") assertCanonical(R);
  }));
  setNil(A);
  assert(!negate(R, A));
});

Deno.test("setBigInt(), setSafeInt() and numberAt() agree on every integer", () => {
  fc.assert(fc.property(int, (n) => {
    setBigInt(A, n);
    assertStrictEquals(bigIntAt(A), n);
    assertCanonical(A);
    assertStrictEquals(numberAt(A), Number(n));
    // The nearest double of an integer is an integer as well, and mostly one of 64 bits.
    const x = Number(n);
    if (x >= 2 ** 63) return;
    setSafeInt(B, x);
    assertStrictEquals(bigIntAt(B), BigInt(x));
    assertCanonical(B);
  }));
});

// ---- programs ----------------------------------------------------------------------------------------------------

/** A number as a program writes it, to be used as an operand. */
function literal(n: Num): string {
  if (typeof n === "bigint") return n < 0n ? `(${n})` : `${n}`;
  if (Number.isNaN(n)) return "(0.0 / 0.0)";
  if (Math.abs(n) === Infinity) return n > 0 ? "(1.0 / 0.0)" : "(-1.0 / 0.0)";
  const size = String(Math.abs(n)), text = /[.e]/.test(size) ? size : `${size}.0`;
  return n < 0 || Object.is(n, -0) ? `(-${text})` : text;
}

/** A number as `print` shows it. */
function printed(n: Num): string {
  return typeof n === "bigint" ? `${n}` : formatDouble(n);
}

/** Runs a program that has to succeed, and gives its lines. */
async function linesOf(source: string, gcStress = false): Promise<string[]> {
  const { code, stdout, stderr } = await runUnna(source, { gcStress });
  assertEquals({ code, stderr }, { code: 0, stderr: "" }, source);
  return stdout.split("\n").slice(0, -1);
}

const FUNCTIONS = `
function plus(a, b) { return a + b; }
function minus(a, b) { return a - b; }
function times(a, b) { return a * b; }
function over(a, b) { return a / b; }
function modulo(a, b) { return a % b; }
// Equality tells floats apart that print alike; nan equals nothing, and 1/x tells the zeros apart.
function same(x, y) { return type(x) == type(y) && (x == y && 1.0 / x == 1.0 / y || x != x && y != y); }
`;
const NAMES: Readonly<Record<Operator, string>> = {
  "+": "plus",
  "-": "minus",
  "*": "times",
  "/": "over",
  "%": "modulo",
};

Deno.test("one instruction computes exactly with operands of every kind", async () => {
  const batch = fc.array(fc.tuple(operator, num, num), { minLength: 100, maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(batch, fc.boolean(), async (cases, gcStress) => {
      const sums = cases.flatMap(([op, a, b]) => {
        const expected = reference(op, a, b);
        return expected === null ? [] : [{ op, a, b, expected }];
      });
      const source = sums.map(({ op, a, b, expected }) =>
        `print same(${NAMES[op]}(${literal(a)}, ${literal(b)}), ${literal(expected)});\n`
      );
      const lines = await linesOf(FUNCTIONS + source.join(""), gcStress);
      lines.forEach((line, i) => assertEquals(line, "true", source[i]));
      assertStrictEquals(lines.length, sums.length);
    }),
    { numRuns: 8 },
  );
});

/** An expression, its source text, and its value; null where something is divided by zero. */
interface Term {
  readonly text: string;
  readonly value: Num | null;
}

function terms(leaf: fc.Arbitrary<Num>): fc.Arbitrary<Term> {
  return fc.letrec<{ term: Term }>((tie) => ({
    term: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      leaf.map((value) => ({ text: literal(value), value })),
      fc.tuple(operator, tie("term"), tie("term")).map(([op, a, b]) => ({
        text: `(${a.text} ${op} ${b.text})`,
        value: a.value === null || b.value === null ? null : reference(op, a.value, b.value),
      })),
      tie("term").map(({ text, value }) => ({
        text: `(- ${text})`,
        value: value === null ? null : typeof value === "bigint" ? wrap(-value) : -value,
      })),
    ),
  })).term;
}

for (const [what, leaf] of [["ints", int], ["floats", float], ["mixed numbers", num]] as const) {
  Deno.test(`expressions of ${what} have the value that the same expression has elsewhere`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(terms(leaf), { minLength: 40, maxLength: 80 }), async (all) => {
        const whole = all.filter((term) => term.value !== null);
        const lines = await linesOf(whole.map(({ text }) => `print ${text};\n`).join(""));
        whole.forEach(({ text, value }, i) => assertEquals(lines[i], printed(value!), text));
      }),
      { numRuns: 6 },
    );
  });
}

Deno.test("an expression that divides ints by zero is an error wherever it stands", async () => {
  for (const text of ["1 / 0", "1 % 0", "-9223372036854775808 / (2 - 2)", "1 + 2 * (3 % (1 - 1))"]) {
    const { code, stderr } = await runUnna(`print ${text};`);
    assertStrictEquals(code, 1, text);
    assert(stderr.startsWith("Runtime Error: Division by zero."), stderr);
  }
});
