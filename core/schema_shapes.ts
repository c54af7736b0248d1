/**
 * What the data of each kind of dump looks like, as JSON Schema: `SHAPES` for whoever checks dumps, `printShapes` for
 * whoever reads about them. Where another table knows already (kinds of nodes, reasons for exits) the shape follows it.
 *
 * Only what JSON Schema has words for is said here; that a pc is one of the function's, for instance, is not.
 */

import { type FieldKind, NODES } from "./ast.ts";
import { EXIT_REASONS } from "./backend.ts";
import { SCHEMA_VERSIONS, type SchemaKind, schemaOf } from "./schema.ts";

/** As much of JSON Schema as the shapes need. */
export interface Shape {
  readonly description?: string;
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean" | "null";
  /** Of an object; there are no others. */
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  /** Of an array. */
  readonly items?: Shape;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly enum?: readonly (string | number | boolean)[];
  readonly minimum?: number;
  readonly pattern?: string;
  readonly anyOf?: readonly Shape[];
  /** A shape among `$defs` of the whole, by `#/$defs/NAME`. */
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Shape>>;
}

// ---- words for shapes --------------------------------------------------------------------------------------------

const text = (description: string): Shape => ({ type: "string", description });
const whole = (description: string, minimum = 0): Shape => ({ type: "integer", minimum, description });
const flag = (description: string): Shape => ({ type: "boolean", description });
const list = (description: string, items: Shape): Shape => ({ type: "array", description, items });
const orNull = (shape: Shape, description = shape.description ?? ""): Shape => ({
  description,
  anyOf: [shape, { type: "null" }],
});
const ref = (name: string): Shape => ({ $ref: `#/$defs/${name}` });

/** An object with these fields and no others; a name that ends in `?` may be missing. */
function object(description: string, fields: Readonly<Record<string, Shape>>): Shape {
  const names = Object.keys(fields), bare = (name: string) => name.replace(/\?$/, "");
  return {
    type: "object",
    description,
    properties: Object.fromEntries(names.map((name) => [bare(name), fields[name]])),
    required: names.filter((name) => !name.endsWith("?")),
    additionalProperties: false,
  };
}

const PC = whole("place of the instruction in the function's code, in words");
const LINE = whole("line of the source, from 1", 1);
const FUNCTION_LINE = whole("line on which the function begins, from 1", 1);
const START = whole("offset in the source at which it begins, in UTF-16 units");
const END = whole("offset behind it");
const OFFSET = whole("offset in the machine code at which it begins");
const HEX: Shape = {
  type: "string",
  pattern: "^([0-9A-F]{2}( [0-9A-F]{2})*)?$",
  description: "bytes in hexadecimal, with a blank between two",
};
const REASON: Shape = {
  type: "string",
  enum: Object.keys(EXIT_REASONS),
  description: "why machine code is left",
};

// ---- the tree ----------------------------------------------------------------------------------------------------

function fieldShape(kind: FieldKind): Shape {
  switch (kind) {
    case "node":
      return ref("Node");
    case "node?":
      return orNull(ref("Node"), "a node, or null");
    case "nodes":
      return list("nodes in the order of the text", ref("Node"));
    case "text":
      return text("as it is");
    case "bool":
      return flag("whether it is so");
    case "int":
      return { type: "string", pattern: "^-?[0-9]+$", description: "an integer, which JSON might round" };
    case "float":
      return {
        description: "a float; those that JSON has no number for are strings",
        anyOf: [{ type: "number" }, { type: "string", enum: ["NaN", "Infinity", "-Infinity"] }],
      };
    case "offset":
      return whole("one more offset in the source");
    case "bytes":
      return {
        description: "a string if they are UTF-8, otherwise the bytes",
        anyOf: [{ type: "string" }, { type: "array", items: whole("a byte") }],
      };
  }
}

const NODE_SHAPES = Object.fromEntries(
  Object.entries(NODES).map(([kind, fields]) => [
    kind,
    object("", {
      kind: { type: "string", enum: [kind], description: "which node it is" },
      start: START,
      end: END,
      ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldShape(field)])),
    }),
  ]),
);

// ---- bytecode and machine code -----------------------------------------------------------------------------------

const constantShape = (kind: string, fields: Readonly<Record<string, Shape>>) =>
  object("", { kind: { type: "string", enum: [kind], description: "which constant it is" }, ...fields });

const CONSTANT: Shape = {
  description: "a constant",
  anyOf: [
    constantShape("nil", {}),
    constantShape("bool", { value: flag("its value") }),
    constantShape("int", { value: text("its value in decimal, which JSON might round") }),
    constantShape("float", {
      value: {
        description: "its value; those that JSON has no number for are strings",
        anyOf: [{ type: "number" }, { type: "string", enum: ["NaN", "Infinity", "-Infinity", "-0.0"] }],
      },
    }),
    constantShape("string", { value: text("as it is shown"), bytes: list("its bytes", whole("a byte")) }),
    constantShape("function", { id: whole("number of the function") }),
    constantShape("struct", { name: text("its name"), fields: list("its fields", text("a name")) }),
  ],
};

const INSTRUCTION = {
  pc: PC,
  opcode: text("its name"),
  operands: text("as listings show them: `r1, r0, k0`"),
  line: LINE,
};
const MACHINE = list(
  "instructions of the processor",
  object("", {
    offset: OFFSET,
    length: whole("its bytes", 1),
    text: text("as an assembler would have it, with names for what has one"),
    purpose: text("what it is there for"),
  }),
);
const EXITS = list("places at which it may be left, by number", object("", { pc: PC, reason: REASON }));
const PATCHES = list(
  "in the order of the offsets",
  object("", {
    offset: OFFSET,
    before: HEX,
    after: HEX,
    reason: text("from where the way leads to where, or what has happened"),
  }),
);
const SECTIONS = {
  bytes: HEX,
  instructions: list(
    "instructions of bytecode and their machine code",
    object("", { ...INSTRUCTION, machine: MACHINE }),
  ),
  outside: list(
    "what stands behind the instructions: second versions of loops, exits, polls, detours",
    object("", { title: text("what it is and to which instruction it belongs"), machine: MACHINE }),
  ),
  exits: EXITS,
};

const event = (name: string, fields: Readonly<Record<string, Shape>>) =>
  object("", {
    event: { type: "string", enum: [name], description: "what happened" },
    line: LINE,
    pc: orNull(PC, "place of the instruction that it is about, or null"),
    ...fields,
  });

/** The data of each kind of dump. */
export const SHAPES: { readonly [Kind in SchemaKind]: Shape } = {
  tokens: list(
    "the tokens of a file; the last one is `<end>`",
    object("", {
      kind: text(
        "a keyword or an operator as it is, or `<name>`, `<number>`, `<string>`, `<error>`, `<end>`",
      ),
      start: START,
      end: END,
    }),
  ),
  ast: {
    description: "the tree of a file; with --function, the declarations of that name",
    anyOf: [ref("Node"), list("declarations", ref("Node"))],
    $defs: { Node: { anyOf: Object.values(NODE_SHAPES) } },
  },
  bytecode: object("the program of a file", {
    path: text("the file"),
    globals: list("names of the globals that it uses, by number", text("a name")),
    functions: list(
      "its functions; the first one is the body of the file, unless --function names another",
      object("", {
        id: whole("number of the function"),
        name: text("its name"),
        arity: whole("number of parameters"),
        isAsync: flag("whether a call starts a task"),
        registers: whole("registers of its window", 1),
        start: START,
        constants: list("what operands of kind `constant` mean, by number", CONSTANT),
        captures: list(
          "what closures of it capture, by number",
          object("", {
            from: { type: "string", enum: ["register", "capture"], description: "where its maker has it" },
            index: whole("number of the maker's register or capture"),
            name: text("name of the variable"),
          }),
        ),
        code: list(
          "its instructions",
          object("", {
            pc: PC,
            opcode: text("its name"),
            operands: list(
              "in the order of the fields",
              object("", {
                field: {
                  type: "string",
                  enum: ["A", "B", "C", "Bx", "sBx", "word"],
                  description: "where it is",
                },
                kind: text("what its number counts: `src`, `constant`, `jump`, …"),
                value: { type: "integer", description: "the number; of a jump, the pc that it leads to" },
              }),
            ),
            span: {
              type: "array",
              items: whole("offset in the source"),
              minItems: 2,
              maxItems: 2,
              description: "the construct that it comes from: begin and end",
            },
          }),
        ),
      }),
    ),
  }),
  profile: object("what ran how often, and the forms that the code has learnt", {
    line: FUNCTION_LINE,
    calls: whole("how often it was called, before it was machine code"),
    isNative: flag("whether it is machine code now, which counts nothing"),
    lines: list(
      "its lines in order",
      object("", {
        line: LINE,
        text: text("the line of the source"),
        rounds: orNull(
          whole("rounds of the loops that begin here"),
          "rounds of the loops that begin here, or null",
        ),
        instructions: list(
          "those that stand for it now",
          object("", { name: text("the opcode"), specialised: flag("whether it is a learnt form") }),
        ),
      }),
    ),
  }),
  hot: object("the bytecode that was compiled, with the forms that it had learnt", {
    line: FUNCTION_LINE,
    instructions: list("its instructions", object("", INSTRUCTION)),
  }),
  draft: object("machine code with holes, as template-jit leaves it", {
    line: FUNCTION_LINE,
    ...SECTIONS,
    fixups: list(
      "the holes in the order of their offsets",
      object("", {
        offset: OFFSET,
        size: { type: "integer", enum: [1, 4], description: "its bytes" },
        end: whole("offset from which the processor counts"),
        kind: text("what wants it: a jump, a call, …"),
        to: orNull(whole("offset that it leads to"), "offset that it leads to, or null"),
        place: orNull(text("what is there"), "what is there, or null"),
      }),
    ),
  }),
  code: object("machine code, as jump-patch leaves it", { line: FUNCTION_LINE, ...SECTIONS }),
  patches: object("what jump-patch has filled in, or what was changed later, while the code ran", {
    line: FUNCTION_LINE,
    "pc?": PC,
    "because?": text("of later patches, what has happened"),
    patches: PATCHES,
  }),
  exits: object("why machine code was left, and how often", {
    line: FUNCTION_LINE,
    exits: list(
      "in the order of the lines",
      object("", {
        pc: PC,
        line: LINE,
        reason: REASON,
        meaning: text("the reason in a sentence"),
        count: whole("how often it was taken", 1),
      }),
    ),
  }),
  event: {
    description: "something that happened to hot code, from --jit-log",
    anyOf: [
      event("hot", {
        because: { type: "string", enum: ["loop", "calls"], description: "whose counter ran out" },
      }),
      event("compiled", {
        bytes: whole("of machine code"),
        microseconds: whole("that it took"),
        compilation: whole("1 for the first time", 1),
        loops: whole("that have a second version, in registers; a function without loops counts as one"),
      }),
      event("patched", {
        holes: whole("that were filled"),
        "because?": text("of later patches, what has happened"),
        "patches?": PATCHES,
      }),
      event("exit", {
        reason: REASON,
        meaning: text("the reason in a sentence"),
        count: whole("how often so far: 1, 2, 4, 8 …", 1),
      }),
      event("slow", {
        opcode: text("the opcode without a template"),
        target: text("the backend that has none"),
        nanoseconds: whole("what each execution costs by leaving"),
      }),
      event("gave up", { because: text("why it stays with the interpreter") }),
      event("evicted", { bytes: whole("of machine code that had to go") }),
    ],
  },
};

/** The whole line of a dump of a kind. */
export function lineShape(kind: SchemaKind): Shape {
  const { $defs, ...data } = SHAPES[kind];
  return {
    ...object(`a line of ${schemaOf(kind)}`, {
      schema: { type: "string", enum: [schemaOf(kind)!], description: "what it is, and in which version" },
      kind: { type: "string", enum: [kind], description: "the kind of dump" },
      path: text("the file, as messages show it"),
      "function?": text("the function, if it is about one"),
      "after?": text("the pass after which it was made, if that was asked for by its name"),
      data,
    }),
    ...($defs === undefined ? {} : { $defs }),
  };
}

// ---- in print ----------------------------------------------------------------------------------------------------

const INTRODUCTION = `# The form of dumps

<!-- Written by deno task docs from core/schema_shapes.ts. -->

With \`--json\`, everything that \`--dump\` names is an object a line, and so are the profile and the events of
\`--jit-log\`. Each says what it is:

| field      | what it holds                                                                           |
| ---------- | --------------------------------------------------------------------------------------- |
| \`schema\`   | kind and version of \`data\`: \`unnarize/code@1\`. Null for artifacts of plugins            |
| \`kind\`     | the kind alone: \`code\`                                                                  |
| \`path\`     | the file, as messages show it                                                           |
| \`function\` | the function, where the dump is about one                                               |
| \`after\`    | the pass after which it was made, where that was asked for by its name: \`--dump=parse\` |
| \`data\`     | the thing itself, as below                                                              |

The version is a new one when a reader of the old form might trip. A field that ends in \`?\` may be missing.
\`core/schema_shapes.ts\` has the same as JSON Schema, and the tests hold every kind of dump to it.
`;

/** All shapes as a page of documentation. */
export function printShapes(): string {
  const sections = (Object.keys(SCHEMA_VERSIONS) as SchemaKind[]).map((kind) => {
    const { $defs, ...shape } = SHAPES[kind];
    const nodes = $defs === undefined
      ? ""
      : `\nA node is one of these:\n\n\`\`\`text\n${printNodes()}\`\`\`\n`;
    return `## ${kind}\n\n\`${schemaOf(kind)}\`: ${shape.description}.\n\n\`\`\`text\n${
      printShape(shape, "data", 0)
    }\`\`\`\n${nodes}`;
  });
  return [INTRODUCTION, ...sections].join("\n");
}

/** A shape as lines, what is inside of it below and to the right. */
function printShape(shape: Shape, name: string, depth: number): string {
  const head = `${"  ".repeat(depth)}${name}`.padEnd(26), words = shape.description ?? "";
  const line = `${head}${typeName(shape).padEnd(17)} ${words}`.trimEnd() + "\n";
  const fields = fieldsOf(shape).map(([field, inner, isRequired]) =>
    printShape(inner, isRequired ? field : `${field}?`, depth + 1)
  );
  const cases = (shape.anyOf ?? shape.items?.anyOf ?? []).filter(({ type }) => type === "object").map(
    (one) => {
      const [[tag, { enum: [value] = [] }], ...rest] = fieldsOf(one);
      const own = rest.map(([field, inner]) => printShape(inner, field, depth + 2)).join("");
      return `${"  ".repeat(depth + 1)}${tag} ${JSON.stringify(value)}\n${own}`;
    },
  );
  return [line, ...fields, ...cases].join("");
}

/** The fields of an object, or of the objects in a list. */
function fieldsOf(
  { properties, required, items }: Shape,
): [name: string, shape: Shape, isRequired: boolean][] {
  if (items !== undefined) return fieldsOf(items);
  return Object.entries(properties ?? {}).map(([name, shape]) => [name, shape, required!.includes(name)]);
}

function typeName({ type, items, enum: values, anyOf, $ref }: Shape): string {
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf("/") + 1);
  if (type === "array") return items === undefined ? "list" : `list of ${typeName(items)}`;
  if (values !== undefined && values.length <= 2) {
    return values.map((value) => JSON.stringify(value)).join(" or ");
  }
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeName))].join(" or ");
  return type ?? "any";
}

function printNodes(): string {
  return Object.entries(NODES).map(([kind, fields]) => {
    const own = Object.entries(fields).map(([name, field]) => `${name}: ${field}`).join(", ");
    return `${kind.padEnd(16)}${own}`.trimEnd() + "\n";
  }).join("");
}
