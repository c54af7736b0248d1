/**
 * Random programs, each made from a seed, for whoever wants to know whether two ways of running programs are the same:
 * the fuzz tests, and `plugin verify`. They are built to meet a compiler where it assumes something: loops become hot
 * and then the types in them change, integers cross the widths at which they are stored, functions and globals are
 * redefined in the middle of their use, objects of several types come to the same place, calls are suspended, and
 * errors arise in the middle of it all.
 *
 * Two things hold for all of them. They end: loops count by themselves, calls and inner loops use up fuel, and strings
 * and arrays are clipped. And most of them do not fail: an expression is made for a type, and only what is meant to
 * fail does. To see effects that happen twice or not at all, values pass through `note`, which prints what it gets.
 *
 * A program depends on nothing but its seed.
 */

import { expression as e, list, type Node, rounds, type Sort, statement as s } from "./shrink.ts";

/** What an expression gives, or a variable holds all the time. */
type Type =
  | "int"
  | "float"
  /** An int or a float. */
  | "number"
  | "string"
  | "bool"
  /** Anything but a container, so that texts stay short. */
  | "any"
  /** Arrays; the first four items are never taken out. */
  | "ints"
  | "numbers"
  | "anys"
  /** A map that has at least the keys "a" and 1. */
  | "map"
  /** A struct with the fields x and y, of several types. */
  | "shape"
  /** A function of one number. */
  | "closure";

interface Variable {
  readonly name: string;
  readonly type: Type;
  /** Counters of loops are not assigned to. */
  readonly counter?: boolean;
}

/** Where a piece of the program stands. */
interface Place {
  readonly variables: readonly Variable[];
  /** Inside a function: calls pass on `n - 1`, loops use fuel. */
  readonly inFunction: boolean;
  /** Inside a function whose body must not call others. */
  readonly inClosure?: boolean;
  readonly loops: number;
  /** Rounds of all loops around, multiplied. */
  readonly weight: number;
  /** The counter of the innermost counting loop. */
  readonly counter: string | null;
}

const INTEGERS = [
  ...["0", "1", "2", "3", "7", "10", "-1", "-2", "-3", "255", "1000", "32767", "32768", "-32768", "-32769"],
  ...["2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296", "-4294967296"],
  ...["140737488355327", "140737488355328", "-140737488355328", "-140737488355329", "281474976710656"],
  ...["9007199254740992", "9007199254740993", "-9007199254740993", "4611686018427387904"],
  ...["9223372036854775807", "-9223372036854775808", "1000000007", "65536", "16777215"],
];
const DIVISORS = [
  "1",
  "2",
  "3",
  "7",
  "-1",
  "-2",
  "-7",
  "10",
  "65536",
  "4294967296",
  "-4294967296",
  "281474976710656",
];
const FLOATS = [
  ...["0.0", "-0.0", "0.5", "1.0", "-1.5", "2.25", "0.1", "1e308", "5e-324", "1e15", "-1e300", "3.0"],
  ...[
    "2147483648.0",
    "140737488355328.0",
    "9007199254740992.0",
    "9223372036854775808.0",
    "4503599627370496.5",
  ],
  ...["(1.0 / 0.0)", "(-1.0 / 0.0)", "(0.0 / 0.0)"],
];
const TEXTS = ['""', '"a"', '"b"', '"ab"', '"0"', '"hot"', '"ß"', '"a much longer text"'];
const COMPARISONS = ["<", "<=", ">", ">=", "==", "!="];

/** What a kernel works on: see `kernel` in the generator. */
interface Kernel {
  readonly name: "numbers" | "values" | "texts" | "keys" | "shapes" | "items" | "calls";
  /** What it begins with: pairs of kinds of values that go together. */
  readonly warm: readonly (readonly [readonly string[], readonly string[]])[];
  /** What it gets later. */
  readonly first: readonly (readonly string[])[];
  readonly second: readonly (readonly string[])[];
}

const SMALL = ["1", "2", "5", "-3", "100", "65536"];
const REAL = ["0.5", "1.5", "-2.25", "10.0"];
const PLAIN = [
  "nil",
  "true",
  "false",
  '"a"',
  '"b"',
  '"a" + "b"',
  '""',
  "[1]",
  "{}",
  "Pair(1, 2)",
  "note",
  "Pair",
];
const SHAPES = ["Pair(1, 2)", "Trio(3, 4, 5)", "Wide(1, 2, 3, 4, 5)", "Pair(nil, 0.5)"];
const ITEMS = ["[1, 2, 3]", "[]", "[nil, 0.5, true, 7]", '"text"', '""', '{0: 5, 1: "one"}', "{}"];
const PLACES = ["0", "1", "2", "3", "4", "17", "-1", "4294967296", "2147483647", "281474976710656"];
const CALLEES = ["nz", "poly", "function (v) { return v; }", "str", "type", "function (v) { return [v]; }"];

/** Integers that do not fit 48 bits. */
const LARGE = INTEGERS.filter((text) => Math.abs(Number(text)) >= 2 ** 47);
const WORDS = [
  '"a"',
  '"b"',
  '"ab"',
  '"aa"',
  '""',
  '"a longer text, so that it is no small one"',
  '"ab" + "c"',
  '"\\xff"',
];
const KEYS = [
  ...INTEGERS,
  "0.5",
  "1.0",
  "-0.0",
  "true",
  "false",
  '"a"',
  '"b"',
  '"k" + 1',
  '"k1"',
  '"1"',
  '""',
  "1e300",
];

const KERNELS: readonly Kernel[] = [
  ...Array.from({ length: 3 }, (): Kernel => ({
    name: "numbers",
    warm: [
      ...[[SMALL, SMALL], [SMALL, SMALL], [REAL, REAL], [SMALL, REAL], [REAL, SMALL]] as const,
      ...[[LARGE, SMALL], [LARGE, LARGE], [SMALL, LARGE], [INTEGERS, DIVISORS]] as const,
    ],
    first: [INTEGERS, INTEGERS, FLOATS],
    second: [INTEGERS, DIVISORS, FLOATS],
  })),
  {
    name: "values",
    warm: [[SMALL, SMALL], [REAL, REAL], [["true", "false"], ["true"]], [['"a"'], ['"a"', '"b"']], [
      ["nil"],
      SMALL,
    ]],
    first: [INTEGERS, FLOATS, PLAIN],
    second: [INTEGERS, FLOATS, PLAIN],
  },
  {
    name: "texts",
    warm: [[['"a"', '"b"'], ['"a"', '"ab"']], [WORDS, WORDS], [SMALL, ['"x"']], [['"x"'], SMALL], [[
      "nil",
      "0.5",
    ], WORDS]],
    first: [WORDS, WORDS, INTEGERS, FLOATS, PLAIN],
    second: [WORDS, WORDS, SMALL, PLAIN],
  },
  {
    name: "keys",
    warm: [[SMALL, SMALL], [['"a"', '"b"', '"c"'], SMALL], [LARGE, SMALL], [REAL, WORDS]],
    first: [KEYS],
    second: [SMALL, KEYS],
  },
  {
    name: "shapes",
    warm: [[["Pair(1, 2)"], SMALL], [["Wide(1, 2, 3, 4, 5)"], REAL], [
      ["Pair(1, 2)", "Trio(3, 4, 5)"],
      SMALL,
    ]],
    first: [SHAPES],
    second: [SMALL, PLAIN],
  },
  {
    name: "items",
    warm: [[["[4, 5, 6]"], ["0", "1", "2"]], [['"abc"'], ["0", "1"]], [["{0: 1}"], ["0", "1"]], [[
      "[4, 5]",
      "{0: 1}",
    ], ["0", "1"]]],
    first: [ITEMS],
    second: [PLACES],
  },
  {
    name: "calls",
    warm: [[["nz"], SMALL], [["poly"], REAL], [["type"], SMALL]],
    first: [CALLEES],
    second: [SMALL, REAL],
  },
];

/** Values for which most operations fail. */
const BREAKING = ["nil", '"x"', "[]", "true", "Pair(1, 2)", "nz", "Pair"];

const PRELUDE = [
  "var fuel = 300;",
  'var trail = "";',
  'function note(x) { trail += x; trail += " "; if (length(trail) > 100) { print trail; trail = ""; } return x; }',
  "function nz(x) { if (x == 0) return 1; return x; }",
  "function clip(t) { if (length(t) > 60) return slice(t, 0, 9); return t; }",
  "struct Pair { x; y; }",
  "struct Trio { z; y; x; }",
  "struct Wide { a; b; c; x; y; }",
];

/** What fails at run time; `$` is a number. */
const FAILURES = [
  "print $ / (fuel - fuel);",
  "print $ % (fuel * 0);",
  "print $ - nil;",
  "print $ + [];",
  "print nil < $;",
  "print -nil;",
  "print ($).x;",
  "print ($)[0];",
  "var fail = [1, 2]; fail[-1] = $;",
  "var fail = [1, 2]; fail[100000000] = $;",
  "var fail = [1, 2]; print fail[0.5];",
  "var fail = {}; fail[nil] = $;",
  "print Pair(1, 2).z;",
  "Pair(1, 2).w = $;",
  "Pair($);",
  "nz();",
  "nz($, 2);",
  "print undefinedName;",
  "undefinedName();",
  "push($, 1);",
  "nil();",
  "for (var fail : $) print fail;",
  'assert($ == "never", "asserted");',
  "f0(3, nil, nil);",
];

/** Makes the program of a seed. */
export function generateProgram(seed: number): Node {
  // Mulberry32: small, and good enough to choose with.
  let state = seed | 0;
  for (let i = 0; i < 4; i++) random();
  let names = 0;

  function random(): number {
    state = state + 0x6D2B79F5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296;
  }
  const below = (count: number) => Math.floor(random() * count);
  const chance = (probability: number) => random() < probability;
  const pick = <T>(items: readonly T[]): T => items[below(items.length)];
  const fresh = (letter: string) => `${letter}${names++}`;
  /** One of several makers, so that only what is chosen is made. */
  const oneOf = (...makers: (() => Node)[]): Node => pick(makers)();
  const text = (source: string, sort: Sort = "expression"): Node => ({ sort, parts: [source] });

  // ---- expressions ----

  function variableOf(place: Place, ...types: Type[]): Variable | null {
    const found = place.variables.filter(({ type }) => types.includes(type));
    return found.length === 0 ? null : pick(found);
  }

  function read(place: Place, type: Type, otherwise: () => Node): Node {
    const variable = variableOf(place, type);
    return variable === null ? otherwise() : text(variable.name);
  }

  function expressionOf(type: Type, place: Place, depth: number): Node {
    switch (type) {
      case "int":
        return int(place, depth);
      case "float":
        return float(place, depth);
      case "number":
        return number(place, depth);
      case "string":
        return string(place, depth);
      case "bool":
        return bool(place, depth);
      case "any":
        return any(place, depth);
      case "ints":
        return e`[${int(place, 0)}, ${int(place, 0)}, ${int(place, 1)}, ${int(place, 0)}]`;
      case "numbers":
        return e`[${number(place, 0)}, ${number(place, 0)}, ${number(place, 1)}, ${float(place, 0)}]`;
      case "anys":
        return e`[${any(place, 0)}, ${number(place, 0)}, nil, ${string(place, 0)}]`;
      case "map":
        return e`{"a": ${number(place, 0)}, 1: ${number(place, 0)}}`;
      case "shape":
        return shape(place, depth);
      case "closure":
        return closure(place);
    }
  }

  /** An index at which every array has an item. */
  function index(place: Place): Node {
    return place.counter !== null && chance(0.6) ? e`${text(place.counter)} % 4` : text(String(below(4)));
  }

  function int(place: Place, depth: number): Node {
    const leaf = () =>
      chance(0.6)
        ? read(place, "int", () => text(pick(INTEGERS)))
        : text(pick(chance(0.5) ? INTEGERS : DIVISORS));
    if (depth <= 0) return leaf();
    const inner = () => int(place, depth - 1 - below(2));
    return oneOf(
      leaf,
      () => e`(${inner()} ${pick(["+", "-", "*"])} ${inner()})`,
      () => e`(${inner()} ${pick(["+", "-", "*"])} ${pick(INTEGERS)})`,
      () => e`(${inner()} ${pick(["/", "%"])} ${pick(DIVISORS)})`,
      // Odd numbers stay odd when they wrap around.
      () => e`(${inner()} ${pick(["/", "%"])} (${inner()} * 2 + 1))`,
      () => e`(-${inner()})`,
      () => e`length(${read(place, pick(["ints", "anys", "string", "map"]), () => text('"four"'))})`,
      () => e`${read(place, "ints", () => text("[1, 2, 3, 4]"))}[${index(place)}]`,
      () => e`note(${inner()})`,
      () => {
        const target = place.variables.filter(({ type, counter }) => type === "int" && !counter);
        return target.length === 0
          ? leaf()
          : e`(${text(pick(target).name)} ${pick(["=", "+=", "-=", "*="])} ${inner()})`;
      },
    );
  }

  function float(place: Place, depth: number): Node {
    const leaf = () => read(place, chance(0.5) ? "float" : "any", () => text(pick(FLOATS)));
    if (depth <= 0) return chance(0.6) ? read(place, "float", () => text(pick(FLOATS))) : text(pick(FLOATS));
    const inner = () => float(place, depth - 1 - below(2));
    return oneOf(
      () => read(place, "float", () => text(pick(FLOATS))),
      () => e`(${inner()} ${pick(["+", "-", "*", "/", "%"])} ${inner()})`,
      () => e`(${inner()} ${pick(["+", "-", "*", "/"])} ${int(place, depth - 1)})`,
      () => e`(${int(place, depth - 1)} ${pick(["+", "-", "*", "/"])} ${inner()})`,
      () => e`(-${inner()})`,
      () => e`note(${inner()})`,
      () => variableOf(place, "any") === null ? leaf() : e`(1.5 * ${inner()})`,
    );
  }

  function number(place: Place, depth: number): Node {
    if (depth <= 0) {
      return oneOf(
        () => read(place, "number", () => int(place, 0)),
        () => int(place, 0),
        () => float(place, 0),
      );
    }
    const inner = () => number(place, depth - 1 - below(2));
    const operator = () => pick(["+", "-", "*"]);
    return oneOf(
      () => int(place, depth),
      () => float(place, depth),
      () => read(place, "number", inner),
      () => e`(${inner()} ${operator()} ${inner()})`,
      () => e`(${inner()} ${operator()} ${inner()})`,
      () => e`(${inner()} ${operator()} ${text(chance(0.5) ? pick(INTEGERS) : pick(FLOATS))})`,
      () => e`(${inner()} ${pick(["/", "%"])} nz(${inner()}))`,
      () => e`(-${inner()})`,
      () => e`${read(place, "numbers", () => text("[1, 0.5, 2, 3]"))}[${index(place)}]`,
      () => e`${read(place, "shape", () => text("Pair(1, 2.5)"))}.${pick(["x", "y"])}`,
      () => e`${read(place, "map", () => text('{"a": 1, 1: 0.5}'))}[${pick(['"a"', "1", "1.0"])}]`,
      () => call(place, depth),
      () => call(place, depth),
      () => closureCall(place, depth),
    );
  }

  function call(place: Place, depth: number): Node {
    if (place.inClosure) return number(place, depth - 1);
    const n = place.inFunction ? "n - 1" : String(1 + below(4));
    const argument = () => number(place, depth - 1);
    if (chance(0.15)) return e`(await t${String(below(2))}(${n}, ${argument()}))`;
    if (chance(0.15)) return e`poly(${any(place, depth - 1)})`;
    return e`f${String(below(3))}(${n}, ${argument()}, ${argument()})`;
  }

  function closureCall(place: Place, depth: number): Node {
    if (place.inClosure) return number(place, depth - 1);
    return e`${read(place, "closure", () => text("nz"))}(${number(place, depth - 1)})`;
  }

  function shape(place: Place, depth: number): Node {
    const field = () => number(place, Math.min(depth, 1));
    return oneOf(
      () => read(place, "shape", () => e`Pair(${field()}, ${field()})`),
      () => e`Pair(${field()}, ${field()})`,
      () => e`Trio(${any(place, 0)}, ${field()}, ${field()})`,
      () => e`Wide(${any(place, 0)}, nil, ${string(place, 0)}, ${field()}, ${field()})`,
    );
  }

  function closure(place: Place): Node {
    const inside: Place = {
      ...{
        variables: [...place.variables, { name: "p", type: "number" }],
        inFunction: true,
        inClosure: true,
      },
      ...{ loops: 0, weight: 1, counter: null },
    };
    return e`function (p) {${list(Array.from({ length: below(3) }, () => assignment(inside)))} return ${
      number(inside, 2)
    }; }`;
  }

  function string(place: Place, depth: number): Node {
    const leaf = () => chance(0.5) ? read(place, "string", () => text(pick(TEXTS))) : text(pick(TEXTS));
    if (depth <= 0) return leaf();
    return oneOf(
      leaf,
      () => e`(${string(place, depth - 1)} + ${string(place, 0)})`,
      () => e`(${string(place, depth - 1)} + ${any(place, depth - 1)})`,
      () => e`(${any(place, 0)} + ${string(place, depth - 1)})`,
      () => e`str(${any(place, depth - 1)})`,
      () => e`type(${any(place, depth - 1)})`,
      () => e`note(${string(place, depth - 1)})`,
    );
  }

  function bool(place: Place, depth: number): Node {
    if (depth <= 0) {
      return oneOf(() => read(place, "bool", () => text("true")), () => text(pick(["true", "false"])));
    }
    const inner = () => bool(place, depth - 1);
    const operand = () => number(place, depth - 1);
    return oneOf(
      () => e`(${operand()} ${pick(COMPARISONS)} ${operand()})`,
      () => e`(${operand()} ${pick(COMPARISONS)} ${text(pick(chance(0.6) ? INTEGERS : FLOATS))})`,
      () => e`(${int(place, depth - 1)} ${pick(COMPARISONS)} ${int(place, depth - 1)})`,
      () => e`(${float(place, depth - 1)} ${pick(COMPARISONS)} ${float(place, depth - 1)})`,
      () => e`(${string(place, depth - 1)} ${pick(COMPARISONS)} ${string(place, 0)})`,
      () => e`(${any(place, depth - 1)} ${pick(["==", "!="])} ${any(place, depth - 1)})`,
      () => e`(!${any(place, depth - 1)})`,
      () => e`(${inner()} ${pick(["&&", "||"])} ${any(place, depth - 1)})`,
      () => e`has(${read(place, "map", () => text("{1: 1}"))}, ${pick(['"a"', '"z"', "2", "1.0"])})`,
      inner,
    );
  }

  function any(place: Place, depth: number): Node {
    return oneOf(
      () => text("nil"),
      () => read(place, "any", () => text("nil")),
      () => read(place, "any", () => int(place, depth)),
      () => int(place, depth),
      () => number(place, depth),
      () => string(place, Math.min(depth, 1)),
      () => bool(place, depth),
      () => e`${read(place, "anys", () => text("[nil]"))}[${text(pick(["0", "2", "9", "-1"]))}]`,
      () => e`"text"[${int(place, 0)}]`,
    );
  }

  // ---- statements ----

  const ASSIGNED: readonly Type[] = [
    ...["int", "int", "float", "number", "number", "number", "string", "bool", "any", "any"] as const,
    ...["shape", "closure", "ints", "numbers"] as const,
  ];

  function assignment(place: Place): Node {
    const type = pick(ASSIGNED);
    const targets = place.variables.filter((variable) => variable.type === type && !variable.counter);
    // A closure in a closure would be made without end.
    if (targets.length === 0 || place.inClosure && type === "closure") return s`note(${number(place, 1)});`;
    const { name } = pick(targets);
    switch (type) {
      case "int":
        return s`${name} ${pick(["=", "+=", "-=", "*="])} ${int(place, 2)};`;
      case "float":
        return s`${name} ${pick(["=", "+=", "-=", "*=", "/="])} ${float(place, 2)};`;
      case "number":
        return s`${name} ${pick(["=", "+=", "-=", "*="])} ${number(place, 2)};`;
      case "string":
        return s`${name} = clip(${string(place, 2)});`;
      case "any":
        return chance(0.3)
          ? s`${name} = clip(${string(place, 1)});`
          : s`${name} = ${pick([number, bool])(place, 2)};`;
      default:
        return s`${name} = ${expressionOf(type, place, 1)};`;
    }
  }

  function declaration(place: Place): { node: Node; place: Place } {
    const type = pick<Type>([
      ...["int", "int", "float", "number", "number", "string", "any", "ints", "numbers"] as const,
      ...["anys", "map", "shape", "closure"] as const,
    ]);
    const name = fresh("v");
    const value = expressionOf(type, place, 2);
    const node = type === "string" || type === "any"
      ? s`var ${name} = ${value};`
      : s`var ${name} = ${value};`;
    return { node, place: { ...place, variables: [...place.variables, { name, type }] } };
  }

  function block(place: Place, size: number): Node {
    const nodes: Node[] = [];
    for (let i = 0; i < size; i++) {
      if (chance(0.2)) {
        const declared = declaration(place);
        nodes.push(declared.node);
        place = declared.place;
      } else nodes.push(statementAt(place));
    }
    return list(nodes);
  }

  /** A condition that holds in one round of a hot loop. */
  function once(place: Place): string {
    return `${place.counter} == ${pick([2, 3, 5, 11, 40, 70, 99, 101, 102, 103, 120, 150])}`;
  }

  function statementAt(place: Place): Node {
    const choice = below(100);
    if (choice < 30) return assignment(place);
    if (choice < 36) return s`note(${any(place, 2)});`;
    if (choice < 42) {
      return place.weight > 20 && place.counter !== null
        ? s`if (${place.counter} % ${String(pick([16, 37, 50]))} == 3) print ${any(place, 2)};`
        : s`print ${
          oneOf(() =>
            any(place, 2), () =>
            read(place, pick(["anys", "shape", "map", "numbers"]), () => text("0")))
        };`;
    }
    if (choice < 52) {
      const size = 1 + below(2);
      return chance(0.5)
        ? s`if (${bool(place, 2)}) {${block(place, size)}}`
        : s`if (${any(place, 2)}) {${block(place, size)}} else {${block(place, size)}}`;
    }
    if (choice < 66) return loop(place);
    if (choice < 76) return containerStatement(place);
    if (choice < 82 && place.loops > 0) {
      const test = chance(0.5) && place.counter !== null ? text(once(place)) : bool(place, 2);
      return s`if (${test}) ${pick(["break", "continue", "continue"])};`;
    }
    if (choice < 86 && place.inFunction && !place.inClosure) {
      return s`if (${bool(place, 2)}) return ${number(place, 1)};`;
    }
    if (choice < 95 && place.counter !== null && !place.inClosure) return change(place);
    if (choice < 97) return s`{${block(place, 2)}}`;
    return s`${number(place, 3)};`;
  }

  /** What has held in a loop until now holds no more. */
  function change(place: Place): Node {
    const test = once(place);
    const global = (type: Type) => pick(GLOBALS.filter((variable) => variable.type === type)).name;
    return oneOf(
      () => s`if (${test}) ${global("number")} = ${text(pick(chance(0.5) ? FLOATS : INTEGERS))};`,
      () => s`if (${test}) ${global("any")} = ${any(place, 1)};`,
      () => s`if (${test}) f${String(below(3))} = function (n, a, b) {${functionBody("number")}};`,
      () => s`if (${test}) poly = function (x) { return ${number({ ...closed(), counter: null }, 1)}; };`,
      () => s`if (${test}) nz = function (x) { if (x == 0) return ${pick(["2", "0.5", "-1"])}; return x; };`,
      () => s`if (${test}) ${global("shape")} = ${shape(place, 1)};`,
      () => s`if (${test}) ${global("closure")} = ${closure(place)};`,
      () => s`if (${test}) ${global("ints")} = ${expressionOf("ints", place, 1)};`,
      () =>
        chance(0.4)
          ? s`if (${test}) { ${pick(FAILURES).replace("$", pick([...INTEGERS, ...FLOATS]))} }`
          : s`if (${test}) note(1);`,
    );
  }

  function closed(): Place {
    return { variables: GLOBALS, inFunction: true, inClosure: true, loops: 0, weight: 1, counter: null };
  }

  function containerStatement(place: Place): Node {
    const array = variableOf(place, "ints", "numbers", "anys");
    const item = (type: Type) =>
      type === "ints" ? int(place, 2) : type === "numbers" ? number(place, 2) : any(place, 1);
    if (array === null) return assignment(place);
    const { name, type } = array;
    const clipped = (value: Node) => type === "anys" ? e`clip("" + ${value})` : value;
    return oneOf(
      () => s`if (length(${name}) < 40) push(${name}, ${clipped(item(type))});`,
      () => s`if (length(${name}) > 4) note(pop(${name}));`,
      () => s`${name}[${index(place)}] = ${clipped(item(type))};`,
      () =>
        type === "anys"
          ? s`note(${name}[${int(place, 1)}]);`
          : s`${name}[${index(place)}] ${pick(["+=", "-=", "*="])} ${item(type)};`,
      () => s`${name}[length(${name}) % 44] = ${clipped(item(type))};`,
      () => {
        const shape = variableOf(place, "shape");
        return s`${shape?.name ?? "shape0"}.${pick(["x", "y"])} ${pick(["=", "+=", "-="])} ${
          number(place, 2)
        };`;
      },
      () => {
        const map = variableOf(place, "map")?.name ?? "map0";
        return chance(0.5)
          ? s`${map}[${pick(['"a"', "1"])}] ${pick(["=", "+=", "*="])} ${number(place, 2)};`
          : s`if (length(${map}) < 30) ${map}[${oneOf(() => int(place, 0), () => string(place, 0))}] = ${
            number(place, 1)
          };`;
      },
      () =>
        place.inClosure
          ? assignment(place)
          : s`if (length(closures) < 12) push(closures, ${closure(place)});`,
      () =>
        place.inClosure ? assignment(place) : s`note(closures[length(closures) - 1](${number(place, 1)}));`,
      () =>
        place.inClosure
          ? assignment(place)
          : s`if (length(tasks) < 6) push(tasks, t${String(below(2))}(2, ${number(place, 1)}));`,
    );
  }

  function loop(place: Place): Node {
    if (place.loops >= 3 || place.inClosure) return assignment(place);
    const counts = place.inFunction
      ? [1, 2, 3, 5, 8, 12]
      : place.weight === 1
      ? [3, 20, 30, 50, 110, 160]
      : [1, 2, 3, 5, 8];
    const count = pick(counts);
    if (place.weight * count > 400) return assignment(place);
    const counter = fresh("i");
    const fuel = place.inFunction ? "if ((fuel -= 1) < 0) break; " : "";
    const inside = (variable: Variable, counts: boolean): Place => ({
      ...place,
      variables: [...place.variables, variable],
      loops: place.loops + 1,
      weight: place.weight * count,
      counter: counts ? variable.name : place.counter,
    });
    const counted = inside({ name: counter, type: "int", counter: true }, true);
    const size = 1 + below(place.loops === 0 ? 4 : 3);
    const body = () => block(counted, size);
    return oneOf(
      () => s`for (var ${counter} = 0; ${counter} < ${rounds(count)}; ${counter} += 1) { ${fuel}${body()}}`,
      () => s`for (var ${counter} = 0; ${counter} < ${rounds(count)}; ${counter} += 1) { ${fuel}${body()}}`,
      () => s`for (var ${counter} = ${rounds(count)}; ${counter} > 0; ${counter} -= 1) { ${fuel}${body()}}`,
      () =>
        s`{ var ${counter} = 0; while (${counter} < ${rounds(count)}) { ${counter} += 1; ${fuel}${body()}} }`,
      () =>
        s`{ var ${counter} = 0; while (true) { ${counter} += 1; if (${counter} > ${
          rounds(count)
        }) break; ${fuel}${body()}} }`,
      () => {
        const array = variableOf(place, "ints", "numbers", "anys");
        if (array === null) return assignment(place);
        const type: Type = array.type === "ints" ? "int" : array.type === "numbers" ? "number" : "any";
        const name = fresh("e");
        // Arrays have 44 items at most, and a loop over one sees what is pushed meanwhile.
        const item: Place = { ...inside({ name, type }, false), weight: place.weight * 20 };
        if (item.weight > 1000) return assignment(place);
        return s`for (var ${name} : ${array.name}) { ${fuel}${block(item, size)}}`;
      },
      () => {
        const name = fresh("k"), item = inside({ name, type: "any" }, false);
        const over = oneOf(() => text('"text"'), () => read(place, "map", () => text('{"a": 1}')));
        return s`for (var ${name} : ${over}) { ${fuel}${block(item, 1)}}`;
      },
    );
  }

  // ---- kernels ----

  /**
   * A piece of code that is fed with values: of one type until it is hot, then with whatever there is. It stands in the
   * loop that feeds it, or in a function.
   */
  function kernel(): Node {
    const kind = pick(KERNELS);
    const x = fresh("x"), y = fresh("y"), feedX = fresh("feed"), feedY = fresh("feed"), i = fresh("i");
    const body = list(Array.from({ length: 1 + below(4) }, () => kernelStatement(kind, x, y, 2)));
    const warm = pick(kind.warm);
    const feed = (name: string, kinds: readonly (readonly string[])[], warm: readonly string[]) => {
      const broken = chance(0.08) ? [pick(BREAKING)] : [];
      const values = [...Array.from({ length: 12 + below(8) }, () => pick(pick(kinds))), ...broken];
      return list([
        s`var ${name} = [];`,
        s`for (var ${i} = 0; ${i} < ${rounds(pick([12, 20, 30, 40, 120]))}; ${i} += 1) push(${name}, ${
          chance(0.6) ? pick(warm) : `[${pick(warm)}, ${pick(warm)}, ${pick(warm)}][${i} % 3]`
        });`,
        s`for (var v : [${values.join(", ")}]) push(${name}, v);`,
      ]);
    };
    const begin = "var r = 0; var s = 1;";
    const state = kind.name === "texts" ? 'var kept = "";' : kind.name === "keys" ? "var table = {};" : "";
    const fed = s`var ${x} = ${feedX}[${i}]; var ${y} = ${feedY}[${i} * 7 % length(${feedY})];`;
    const header = `for (var ${i} = 0; ${i} < length(${feedX}); ${i} += 1)`;
    const name = fresh("kernel");
    const failure = chance(0.1)
      ? s`if (${i} == ${String(pick([30, 60, 100, 140]))}) { ${failureText()} }`
      : s``;
    const run = chance(0.5)
      ? list([
        s`function ${name}(${x}, ${y}) { ${begin} ${body} note(s); return r; }`,
        s`${header} {${list([fed, failure, s`note(${name}(${x}, ${y}));`])}}`,
      ])
      : s`${header} {${list([fed, failure, text(begin, "statement"), body, s`note(r);`, s`note(s);`])}}`;
    const feeds = [
      text(state, "statement"),
      feed(feedX, kind.first, warm[0]),
      feed(feedY, kind.second, warm[1]),
    ];
    return chance(0.5)
      ? list([...feeds, run])
      : list([...feeds, s`function ${name}Main() {${list([run])}} ${name}Main();`]);
  }

  function failureText(): string {
    return pick(FAILURES).replace("$", pick([...INTEGERS, ...FLOATS]));
  }

  function kernelStatement(kind: Kernel, x: string, y: string, depth: number): Node {
    const name = () => pick([x, x, x, y, y, "r", "s"]);
    const operand = () =>
      chance(0.3) ? pick(chance(0.5) ? INTEGERS : chance(0.5) ? DIVISORS : FLOATS) : name();
    const compare = () => s`${name()} ${pick(COMPARISONS)} ${operand()}`;
    const target = () => pick(["r", "s"]);
    const inner = () => kernelStatement(kind, x, y, depth - 1);
    const branch = (test: string | Node) =>
      chance(0.5)
        ? s`if (${test}) {${list([depth > 0 ? inner() : s`r = 3;`])}}`
        : s`if (${test}) {${list([s`note("yes");`])}} else {${list([depth > 0 ? inner() : s`s = 4;`])}}`;
    switch (kind.name) {
      case "numbers":
        return oneOf(
          () => s`${target()} = ${name()} ${pick(["+", "-", "*"])} ${operand()};`,
          () => s`${target()} = ${operand()} ${pick(["+", "-", "*"])} ${name()};`,
          () => s`${target()} ${pick(["+=", "-=", "*="])} ${operand()};`,
          () => s`if (${y} != 0) ${target()} = ${name()} ${pick(["/", "%"])} ${y};`,
          () => s`${target()} = ${name()} ${pick(["/", "%"])} ${pick(DIVISORS)};`,
          () => s`${target()} = ${name()} / ${pick(["0.5", "-0.0", "3.0"])};`,
          () => s`${target()} = -${name()};`,
          () => branch(compare()),
          () => branch(compare()),
          () => branch(compare()),
          () => s`${target()} = ucoreMath.${pick(["floor", "ceil", "abs"])}(${name()});`,
          () => branch(s`!(${compare()})`),
          () => branch(s`${compare()} ${pick(["&&", "||"])} ${compare()}`),
          () => branch(name()),
          () => s`note(${name()} ${pick(COMPARISONS)} ${operand()});`,
          () =>
            s`for (var j = 0; j < 3; j += 1) ${target()} = ${name()} ${pick(["+", "-", "*"])} ${operand()};`,
        );
      case "values":
        return oneOf(
          () =>
            branch(
              s`${pick([x, y])} ${pick(["==", "!="])} ${
                pick([x, y, "nil", "0", "true", '"a"', "0.5", "2147483648"])
              }`,
            ),
          () => branch(pick([x, y])),
          () => branch(`!${pick([x, y])}`),
          () => branch(`${x} && ${y}`),
          () => s`${target()} = !${pick([x, y])};`,
          () => s`${target()} = ${x} == ${y};`,
          () => s`${target()} = type(${pick([x, y])});`,
          () => s`${target()} = "" + ${pick([x, y])};`,
          () => s`var keep = function () { return ${x}; }; ${target()} = keep();`,
        );
      case "texts": {
        const word = () => pick([x, y, "r", "s", '"."']);
        return oneOf(
          () => s`${target()} = "" + ${word()};`,
          () => s`${target()} = ${x} + "-" + ${y};`,
          () => s`r = "" + ${x}; s = r; r += ${y}; s += "other"; r += "end";`,
          () => s`kept = clip(kept + ${word()}); note(kept);`,
          () => s`kept += ${x}; ${target()} = kept; kept = clip(kept);`,
          () => branch(s`str(${word()}) ${pick(COMPARISONS)} str(${word()})`),
          () => branch(s`${word()} ${pick(["==", "!="])} ${word()}`),
          () => branch(s`kept ${pick(COMPARISONS)} ${pick(['"b"', '"ab"', '""'])}`),
          () => s`${target()} = length(kept + ${word()});`,
          () => s`${target()} = kept[${pick(["0", "1", "length(kept) - 1", "length(kept)", "-1"])}];`,
          () => s`for (var c : kept) { if (c == "b") break; s = c; }`,
        );
      }
      case "keys":
        return oneOf(
          () => s`table[${pick([x, x, y])}] = ${pick([y, "r", "1"])};`,
          () => s`table[${pick([x, x, y])}] = ${pick([y, "r", "1"])};`,
          () => s`${target()} = table[${pick([x, y])}];`,
          () => s`${target()} = table[${pick(['"a"', "1", "0.5", "5", '"none"'])}];`,
          () => s`${target()} = has(table, ${pick([x, y])});`,
          () => branch(s`has(table, ${pick([x, y])})`),
          () => s`if (has(table, ${x})) note(remove(table, ${x}));`,
          () => s`${target()} = length(table);`,
          () => s`if (length(table) > 25) table = {"a": 0, 1: ${y}};`,
          () =>
            s`if (${x} == ${
              pick(["1", '"a"'])
            }) for (var key : table) { note(key); if (length(table) > 9) remove(table, key); }`,
          () => s`table["k" + length(table)] = ${y};`,
        );
      case "shapes":
        return oneOf(
          () => s`${target()} = ${x}.${pick(["x", "y"])};`,
          () => s`${x}.${pick(["x", "y"])} = ${y};`,
          () => s`${x}.${pick(["x", "y"])} = Pair(${y}, ${y});`,
          () => s`note(${x}.x == ${x}.y);`,
          () => s`${target()} = ${pick(["Pair", "Pair", "Trio"])};`,
          () => s`${x}.y = length([${x}, ${y}]);`,
        );
      case "items":
        return oneOf(
          () => s`${target()} = ${x}[${y}];`,
          () => s`${target()} = ${x}[${pick(["0", "1", "3", "100", "-1"])}];`,
          () => s`${target()} = length(${x});`,
          () =>
            s`if (type(${x}) == "array" && ${y} >= 0 && ${y} < 50) ${x}[${y}] = ${pick(["r", "s", y, "7"])};`,
          () => s`if (type(${x}) == "map") ${x}[${y}] = ${pick(["s", y, "7"])};`,
          () => s`if (type(${x}) == "array") note(pop(${x}));`,
          () => s`if (type(${x}) == "array" && length(${x}) < 20) push(${x}, ${pick(["1", y])});`,
          () => s`for (var item : ${x}) note(item);`,
          () => s`for (var item : ${x}) { if (item == ${y}) break; s += 1; }`,
        );
      case "calls":
        return oneOf(
          () => s`${target()} = ${x}(${y});`,
          () =>
            s`var one = ${y}; var two = 0; var both = function (d) { two += d; one = two; return one; }; r = both(2); s = one;`,
          () => s`note(${x}(${y}));`,
          () => s`if (${y} != 1) ${target()} = ${x}(2);`,
        );
    }
  }

  // ---- the program ----

  const globalTypes: readonly Type[] = [
    ...[
      "int",
      "int",
      "float",
      "number",
      "number",
      "string",
      "bool",
      "any",
      "any",
      "ints",
      "numbers",
    ] as const,
    ...["anys", "map", "shape", "shape", "closure"] as const,
  ];
  const counts = new Map<Type, number>();
  const GLOBALS: readonly Variable[] = globalTypes.map((type) => {
    const number = counts.get(type) ?? 0;
    counts.set(type, number + 1);
    return { name: `${type}${number}`, type };
  });
  const outermost: Place = { variables: [], inFunction: false, loops: 0, weight: 1, counter: null };

  /** The body of a function with the parameters n and a, and b if it is none of the tasks. */
  function functionBody(b: "number" | null): Node {
    const parameters: Variable[] = [
      { name: "n", type: "int", counter: true },
      { name: "a", type: "number" },
      ...(b === null ? [] : [{ name: "b", type: b } as const]),
    ];
    const inside: Place = {
      ...{ variables: [...GLOBALS, ...parameters, ...parameters], inFunction: true, loops: 0, weight: 1 },
      counter: "n",
    };
    return e` fuel -= 1; if (n <= 0 || fuel < 0) return a;${block(inside, 1 + below(4))} return ${
      number(inside, 2)
    }; `;
  }

  const globals = GLOBALS.map(({ name, type }) =>
    s`var ${name} = ${expressionOf(type, { ...outermost, inClosure: true }, 1)};`
  );
  const inside = { ...outermost, variables: GLOBALS };
  const functions = [
    ...[0, 1, 2].map((i) => s`function f${String(i)}(n, a, b) {${functionBody("number")}}`),
    ...[0, 1].map((i) =>
      s`async function t${String(i)}(n, a) {${
        chance(0.5) ? " ucoreTimer.sleep(0);" : chance(0.5) ? " nap(a);" : ""
      }${functionBody(null)}}`
    ),
    s`function nap(x) { ucoreTimer.sleep(0); return x; }`,
    s`function poly(x) { if (type(x) == "int") return x + 1; if (x == nil || type(x) == "bool") return 0.5; if (type(x) == "float") return x * 2; return length(x); }`,
  ];
  const variables = [s`var closures = [nz];`, s`var tasks = [];`];
  const body = block(inside, 4 + below(5));
  const kernels = list(Array.from({ length: 1 + below(3) }, kernel));
  const wrapped = oneOf(
    () => body,
    () => body,
    () => s`function main() {${body}} main();`,
    () => s`async function main() {${body}} await main();`,
    () => s`{${body}}`,
  );
  const ends = [
    s`for (var t : tasks) print await t;`,
    s`for (var c : closures) print c(3);`,
    ...GLOBALS.map(({ name }) => s`print ${name};`),
    s`print trail; print fuel;`,
  ];
  return list([
    ...PRELUDE.map((line) => text(line, "statement")),
    ...globals,
    ...variables,
    ...functions,
    kernels,
    wrapped,
    ...ends,
  ]);
}
