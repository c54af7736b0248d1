/** `ucoreMath`: its results, held to exact arithmetic and to JavaScript's own functions. */

import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { formatDouble } from "../core/number_text.ts";
import { math } from "../plugins/math.ts";
import { runUnna } from "./support.ts";

/** Ints are BigInts and floats are numbers, as everywhere in this file. */
type Num = bigint | number;

const LIBRARY = math.libraries![0];
const MIN = -(1n << 63n), MAX = (1n << 63n) - 1n;

const int: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: -20n, max: 20n }),
  fc.bigInt({ min: MIN, max: MAX }),
  fc.constantFrom(MIN, MIN + 1n, MAX, 1n << 53n, (1n << 53n) + 1n, -(1n << 47n), 1n << 47n),
);
const float: fc.Arbitrary<number> = fc.oneof(
  fc.double({ noNaN: true }),
  fc.double({ noNaN: true, min: -(2 ** 65), max: 2 ** 65 }),
  fc.integer({ min: -100, max: 100 }).map((n) => n / 4),
  fc.constantFrom(
    0,
    -0,
    0.5,
    -0.5,
    0.49999999999999994,
    2 ** 52 - 0.5,
    2 ** 52 + 1,
    2 ** 63,
    -(2 ** 63),
    5e-324,
  ),
);
const num: fc.Arbitrary<Num> = fc.oneof(int, float);

/** A number as a program writes it. */
function literal(n: Num): string {
  if (typeof n === "bigint") return `${n}`;
  if (Math.abs(n) === Infinity) return n > 0 ? "1.0 / 0.0" : "-1.0 / 0.0";
  const size = String(Math.abs(n)), text = /[.e]/.test(size) ? size : `${size}.0`;
  return n < 0 || Object.is(n, -0) ? `-${text}` : text;
}

/** A number and its type, as programs here print them. */
function shown(n: Num): string {
  return typeof n === "bigint" ? `${n} int` : `${formatDouble(n)} float`;
}

/** Runs a program that has to succeed, and gives its lines. */
async function linesOf(source: string, gcStress = false): Promise<string[]> {
  const { code, stdout, stderr } = await runUnna(source, { gcStress });
  assertEquals({ code, stderr }, { code: 0, stderr: "" }, source);
  return stdout.split("\n").slice(0, -1);
}

/** Holds a function of the library to `reference`, on many arguments at a time. */
async function compare<Args extends Num[]>(
  name: string,
  args: fc.Arbitrary<Args>,
  reference: (...args: Args) => Num,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(args, { minLength: 100, maxLength: 200 }),
      fc.boolean(),
      async (rows, gcStress) => {
        const source = rows.map((row) => `show(ucoreMath.${name}(${row.map(literal).join(", ")}));\n`);
        const lines = await linesOf(
          `function show(x) { print str(x) + " " + type(x); }\n${source.join("")}`,
          gcStress,
        );
        rows.forEach((row, i) => assertEquals(lines[i], shown(reference(...row)), source[i]));
      },
    ),
    { numRuns: 5 },
  );
}

Deno.test("ucoreMath has what the language promises, under names of its own", () => {
  const promised = "sqrt floor ceil round abs min max pow exp log sin cos tan atan2 random seed".split(" ")
    .map((name) => `ucoreMath.${name}`);
  assertEquals(LIBRARY.natives.map(({ name }) => name).sort(), promised.sort());
  assertEquals(LIBRARY.constants, { pi: Math.PI });
});

const one = num.map((n): [Num] => [n]);
const two = fc.tuple(num, num);

for (const name of ["sqrt", "exp", "log", "sin", "cos", "tan"] as const) {
  Deno.test(`ucoreMath.${name}() gives the float that JavaScript gives`, async () => {
    await compare(name, one, (x) => Math[name](Number(x)));
  });
}

for (const name of ["pow", "atan2"] as const) {
  Deno.test(`ucoreMath.${name}() gives the float that JavaScript gives`, async () => {
    await compare(name, two, (x, y) => Math[name](Number(x), Number(y)));
  });
}

/** A float without a fraction, as an int where 64 bits hold it. */
function integral(x: number): Num {
  return Number.isFinite(x) && BigInt.asIntN(64, BigInt(x)) === BigInt(x) ? BigInt(x) : x;
}

/** The integer nearest to a finite double, ties away from zero, in exact arithmetic on its bits. */
function nearest(x: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(x));
  const bits = view.getBigUint64(0), biased = Number(bits >> 52n), fraction = bits & 0xFFFFFFFFFFFFFn;
  const mantissa = biased === 0 ? fraction : fraction | 1n << 52n, power = BigInt(Math.max(biased, 1) - 1075);
  // Rounded half up, which is away from zero for what has no sign.
  const size = power >= 0n ? mantissa << power : (mantissa + (1n << (-power - 1n))) >> -power;
  return x < 0 ? -size : size;
}

Deno.test("ucoreMath.floor() and ceil() give an int where it fits", async () => {
  await compare("floor", one, (x) => typeof x === "bigint" ? x : integral(Math.floor(x)));
  await compare("ceil", one, (x) => typeof x === "bigint" ? x : integral(Math.ceil(x)));
});

Deno.test("ucoreMath.round() takes ties away from zero, and nothing else", async () => {
  await compare("round", one, (x) => {
    if (typeof x === "bigint") return x;
    if (!Number.isFinite(x)) return x;
    const n = nearest(x);
    return BigInt.asIntN(64, n) === n ? n : Number(n);
  });
});

Deno.test("ucoreMath.abs() keeps the type, and the least int", async () => {
  await compare("abs", one, (x) => typeof x === "number" ? Math.abs(x) : BigInt.asIntN(64, x < 0n ? -x : x));
});

Deno.test("ucoreMath.min() and max() give the winner unchanged, the first one of equals", async () => {
  const several = fc.array(num, { minLength: 2, maxLength: 6 });
  // JavaScript compares BigInts and numbers exactly, too.
  await compare("min", several, (...all) => all.reduce((best, x) => x < best ? x : best));
  await compare("max", several, (...all) => all.reduce((best, x) => x > best ? x : best));
});

Deno.test("ucoreMath.min() and max() give nan when there is one, wherever it stands", async () => {
  const rows = ["0.0 / 0.0, 1", "1, 0.0 / 0.0", "2, 1.5, 0.0 / 0.0, 3"];
  const source = rows.map((row) => `print ucoreMath.min(${row});\nprint ucoreMath.max(${row});\n`).join("");
  assertEquals(await linesOf(source), rows.flatMap(() => ["nan", "nan"]));
});

Deno.test("ucoreMath refuses what is no number, and wrong counts", async () => {
  const rows: [string, string][] = [
    ["sqrt", '"4"'],
    ["sqrt", ""],
    ["sqrt", "1, 2"],
    ["floor", "nil"],
    ["round", "true"],
    ["abs", "[1]"],
    ["pow", "2"],
    ["pow", "2, {}"],
    ["min", "1"],
    ["max", '1, 2, 3, "4"'],
    ["random", "1"],
    ["seed", "1.5"],
  ];
  for (const [name, args] of rows) {
    const { code, stderr } = await runUnna(`ucoreMath.${name}(${args});`);
    assertStrictEquals(code, 1, `${name}(${args})`);
    assert(stderr.startsWith(`Runtime Error: ucoreMath.${name} expects (`), stderr);
  }
});

// ---- random numbers ----------------------------------------------------------------------------------------------

/** A program that prints random numbers in full, after a statement. */
function draws(first: string, count: number): string {
  return `${first}\nfor (var i = 0; i < ${count}; i += 1) print ucoreMath.floor(ucoreMath.random() * 9007199254740992.0);`;
}

Deno.test("ucoreMath.seed() makes the numbers repeat, in each runtime for itself", async () => {
  const first = await linesOf(draws("ucoreMath.seed(42);", 20));
  assertEquals(await linesOf(draws("ucoreMath.random(); ucoreMath.seed(42);", 20)), first);
  assertStrictEquals(new Set(first).size, 20);
  const again = await linesOf(`${draws("ucoreMath.seed(42);", 20)}\n${draws("ucoreMath.seed(42);", 20)}`);
  assertEquals(again, [...first, ...first]);
});

Deno.test("ucoreMath.random() is xoshiro128** from a mixed seed: these numbers stay", async () => {
  // A reference that shares nothing but the definition: unsigned arithmetic in BigInt.
  const mask = 0xFFFFFFFFn, multiply = (a: bigint, b: bigint) => a * b & mask;
  const rotate = (n: bigint, bits: bigint) => (n << bits | n >> 32n - bits) & mask;
  const mix = (n: bigint) => {
    n = multiply(n ^ n >> 16n, 0x85EBCA6Bn);
    n = multiply(n ^ n >> 13n, 0xC2B2AE35n);
    return n ^ n >> 16n;
  };
  for (const seed of [0n, 1n, -1n, 42n, MIN, MAX, 1n << 32n]) {
    const low = seed & mask, high = seed >> 32n & mask;
    const a = mix(low + 0x9E3779B9n & mask), b = mix(low + 0x3C6EF372n & mask);
    const state = [a, b, mix(high ^ a), mix(high ^ b)];
    const next = () => {
      const result = multiply(rotate(multiply(state[1], 5n), 7n), 9n), shifted = state[1] << 9n & mask;
      state[2] ^= state[0];
      state[3] ^= state[1];
      state[1] ^= state[2];
      state[0] ^= state[3];
      state[2] ^= shifted;
      state[3] = rotate(state[3], 11n);
      return result;
    };
    const expected = Array.from({ length: 10 }, () => `${(next() >> 5n) * 67108864n + (next() >> 6n)}`);
    assertEquals(await linesOf(draws(`ucoreMath.seed(${seed});`, 10)), expected, `seed ${seed}`);
  }
});

Deno.test("ucoreMath.seed() looks at all bits of the seed", async () => {
  const seeds = [0n, 1n, -1n, 1n << 31n, 1n << 32n, 1n << 33n, 1n << 62n, MIN, MAX];
  const source = seeds.map((seed) => draws(`ucoreMath.seed(${seed});`, 3)).join("\n");
  assertStrictEquals(new Set(await linesOf(source)).size, seeds.length * 3);
});

Deno.test("ucoreMath.random() differs from run to run until it is seeded", async () => {
  assertNotEquals(await linesOf(draws("", 4)), await linesOf(draws("", 4)));
});

Deno.test("ucoreMath.random() fills [0, 1) evenly", async () => {
  const source = `
    ucoreMath.seed(7);
    var counts = [];
    for (var i = 0; i < 64; i += 1) push(counts, 0);
    for (var i = 0; i < 64000; i += 1) {
      var r = ucoreMath.random();
      assert(r >= 0 && r < 1);
      counts[ucoreMath.floor(r * 64)] += 1;
    }
    for (var n : counts) print n;
  `;
  const counts = (await linesOf(source)).map(Number);
  // Chi squared with 63 degrees of freedom: beyond 115 once in 20,000 seeds.
  const chi = counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
  assert(counts.length === 64 && chi > 25 && chi < 115, `chi squared is ${chi}`);
});
