import { defineLab, functionOf, type Lab, type Question, type Random } from "../../../core/lab.ts";

type Value = bigint | number | boolean | null;
/** A call of `encode` or of `decode`. */
type Call = { readonly encode: Value } | { readonly decode: readonly [high: number, low: number] };

const SMALL = "small integers", NEGATIVE = "negative integers", WIDE = "integers past 32 bits";
const TOO_WIDE = "integers past 48 bits", DOUBLES = "doubles", EDGES = "zeros, infinities and NaN";
const REST = "nil and bools", BACK = "the way back";

/** As TypeScript would write it. */
function show(value: unknown): string {
  return typeof value === "bigint" ? `${value}n` : Object.is(value, -0) ? "-0" : String(value);
}

/** Two words, as they stand in a dump. */
function showWords(words: unknown): string {
  if (!Array.isArray(words) || words.length !== 2) return `${words}, which is no [high, low]`;
  return words.map((word) =>
    typeof word === "number" ? (word >>> 0).toString(16).toUpperCase().padStart(8, "0") : `${word}`
  ).join(" ");
}

function asksEncode(topic: string, value: Value, expected: string): Question<Call> {
  return { topic, ask: `encode(${show(value)})`, expected, input: { encode: value } };
}

function asksDecode(topic: string, high: number, low: number, value: Value): Question<Call> {
  const hex = (word: number) => `0x${(word >>> 0).toString(16).toUpperCase().padStart(8, "0")}`;
  const ask = `decode(${hex(high)}, ${hex(low)})`;
  return { topic, ask, expected: show(value), input: { decode: [high, low] } };
}

/** Both ways for an integer of 48 bits, whose words follow from arithmetic alone. */
function asksInteger(topic: string, n: bigint): Question<Call>[] {
  const high = Number(BigInt.asUintN(16, n >> 32n)) + 0xFFFF0000, low = Number(BigInt.asUintN(32, n));
  return [
    asksEncode(topic, n, showWords([high, low])),
    asksDecode(BACK, high, low, n),
    asksDecode(BACK, high | 0, low | 0, n),
  ];
}

function asksDouble(topic: string, x: number): Question<Call>[] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const high = view.getUint32(0), low = view.getUint32(4);
  return [asksEncode(topic, x, showWords([high, low])), asksDecode(BACK, high, low, x)];
}

function asksTooWide(n: bigint): Question<Call> {
  return asksEncode(TOO_WIDE, n, "throws a RangeError");
}

function makeQuestions(random: Random): Question<Call>[] {
  const small = BigInt(random.int(0, 1e9)), wide = small * BigInt(random.int(5, 1e5));
  return [
    ...asksInteger(SMALL, small),
    ...asksInteger(NEGATIVE, -1n - small),
    ...asksInteger(wide < 2n ** 32n ? SMALL : WIDE, wide),
    ...asksInteger(wide < 2n ** 32n ? NEGATIVE : WIDE, -1n - wide),
    ...asksDouble(DOUBLES, (random.int(0, 1e9) - 5e8) / random.int(1, 1e6) + 0.1),
    asksTooWide(2n ** 47n + wide),
    asksTooWide(-(2n ** 47n) - 1n - wide),
  ];
}

/** The value layout, by hand. */
export const nanBox: Lab<Call> = defineLab<Call>({
  name: "nan-box",
  title: "values in 64 bits",
  page: "machine.md",
  topics: {
    [SMALL]: "The tag FFFF, and 16 bits of zeros below it: the high word is FFFF0000.",
    [NEGATIVE]: "A negative integer has ones in its upper bits: 16 of them lie in the high word.",
    [WIDE]:
      "Bits 32 to 47 of the integer are the lower half of the high word; bitwise operators see only 32 bits.",
    [TOO_WIDE]: "What needs more than 48 bits has no such form: from -2^47 to 2^47 - 1 is what fits.",
    [DOUBLES]: "A double is its own 64 bits, big end first in the two words.",
    [EDGES]: "Zero has a sign, and NaN is a double as well: there is nothing to be done about either.",
    [REST]: "Tags FFFE and FFFD; the low word of true is 1.",
    [BACK]:
      "Look at the upper 16 bits first (>>> 16, since words may be negative); an integer's sign is its bit 47.",
  },
  shown: [
    asksEncode(SMALL, 1n, "FFFF0000 00000001"),
    asksEncode(NEGATIVE, -1n, "FFFFFFFF FFFFFFFF"),
    asksEncode(WIDE, 4294967296n, "FFFF0001 00000000"),
    asksTooWide(2n ** 47n),
    asksEncode(DOUBLES, 1.5, "3FF80000 00000000"),
    asksEncode(REST, true, "FFFD0000 00000001"),
    asksDecode(BACK, 0xFFFFFFFF, 0xFFFFFFFE, -2n),
  ],
  hidden: (random) => [
    ...[0, -0, Infinity, -Infinity, NaN, 5e-324].flatMap((x) => asksDouble(EDGES, x)),
    // What the processor makes of 0 / 0 is another NaN than that of JavaScript, and no tag either.
    asksDecode(BACK, 0xFFF80000, 0, NaN),
    asksEncode(REST, null, "FFFE0000 00000000"),
    asksEncode(REST, false, "FFFD0000 00000000"),
    asksDecode(BACK, 0xFFFE0000, 0, null),
    asksDecode(BACK, 0xFFFD0000, 0, false),
    asksDecode(BACK, 0xFFFD0000, 1, true),
    ...asksInteger(SMALL, 0n),
    ...asksInteger(SMALL, 2n ** 32n - 1n),
    ...asksInteger(WIDE, 2n ** 47n - 1n),
    ...asksInteger(WIDE, -(2n ** 47n)),
    asksTooWide(2n ** 63n - 1n),
    ...Array.from({ length: 20 }, () => makeQuestions(random)).flat(),
  ],
  open(exports) {
    const encode = functionOf(exports, "encode"), decode = functionOf(exports, "decode");
    return (call) => {
      if ("decode" in call) return show(decode(...call.decode));
      try {
        return showWords(encode(call.encode));
      } catch (error) {
        if (error instanceof RangeError) return "throws a RangeError";
        throw error;
      }
    };
  },
});
