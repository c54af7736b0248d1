/**
 * Starting points for plugins: a file that does something small and real, says what to change where, and has a test
 * beside it that passes. Here are the texts, by what the plugin brings, and how names and addresses get into them; who
 * is asked for one, and which names are taken, `mod.ts` knows.
 *
 * The project is in no registry, so what a plugin imports has an address: that of the files here. A plugin must share
 * them with the runtime that loads it, or it would have a heap of its own.
 */

import { suggest } from "./diagnostics.ts";

/** What a starting point can bring. */
export type ScaffoldKind = "pass" | "opcode" | "native" | "backend";

/** Names that cannot be had any more: by kind, and for all. */
export interface TakenNames {
  /** Passes, opcodes, backends; for natives, whatever is a global. */
  readonly names: Readonly<Record<ScaffoldKind, ReadonlySet<string>>>;
  readonly plugins: ReadonlySet<string>;
  /** Words of the language. */
  readonly keywords: ReadonlySet<string>;
}

/** Thrown when there is nothing that could be written; the message says what to do. */
export class ScaffoldError extends Error {
  /** What stack traces call it. */
  override readonly name = "ScaffoldError";
}

/** How a text refers to itself and to the project. */
interface Names {
  /** `twice-as-much` */
  readonly name: string;
  /** `twice_as_much` */
  readonly file: string;
  /** `twiceAsMuch`, as programs have it. */
  readonly word: string;
  /** `TWICE_AS_MUCH` */
  readonly opcode: string;
  /** The specifier of a file of the project. */
  at(path: string): string;
  /** A command that runs a program with the plugin; the one in `program.unna`. */
  run(options?: string): string;
  /** The same for a program of a line. */
  runCode(code: string, options?: string): string;
  /** The command that runs the test. */
  readonly test: string;
}

interface Skeleton {
  /** A few words on what it does. */
  readonly does: string;
  /** A program that shows it. */
  code(names: Names): string;
  plugin(names: Names): string;
  /** Test steps, for `backend` and `run`. */
  checks(names: Names): string;
}

// ---- the skeletons -----------------------------------------------------------------------------------------------

const PASS: Skeleton = {
  does: "computes sums of literals before the program runs",
  code: () => "print 1 + 2 + 3;",
  plugin: ({ name, at, run, test }) =>
    `/**
 * A pass: it takes the tree of a file and gives another one, before bytecode is made of it.
 *
 *     ${run()}
 *     ${run("--dump=ast")}        the tree that comes out
 *     ${test}
 *
 * What is marked with TODO is yours.
 */

import { mapAst, type Node } from "${at("core/ast.ts")}";
import { definePass, definePlugin, type Plugin } from "${at("mod.ts")}";

/**
 * TODO: what becomes of a node; itself, if nothing does. Its parts have been there already, so one step at each node
 * is enough: here 1 + 2 + 3 becomes 3 + 3, and that becomes 6.
 */
function change(node: Node): Node {
  if (node.kind !== "Binary" || node.op !== "+") return node;
  const { start, end, left, right } = node;
  if (left.kind !== "Int" || right.kind !== "Int") return node;
  // Integers have 64 bits and wrap. A new node keeps its place in the text, for errors and listings.
  return { kind: "Int", start, end, value: BigInt.asIntN(64, left.value + right.value) };
}

const plugin: Plugin = definePlugin({
  name: "${name}",
  doc: "TODO: what it is good for, in a sentence.",
  requires: "^0.1",
  passes: [definePass({
    name: "${name}",
    stage: "load",
    from: "ast", // "program" would be bytecode; in the stage "hot" there are "draft" and "code"
    to: "ast",
    // after: [{ pass: "other-pass", because: "…" }], where the order matters
    doc: {
      summary: "TODO: Computes sums of literals.",
      why: "TODO: What is known before the program runs need not be computed each time.",
      example: "print 1 + 2 + 3;",
    },
    run: (tree) => mapAst(tree, change),
  })],
});
export default plugin;
`,
  checks: () =>
    `  equal(await run("print 1 + 2 + 3; print 1 + 2.5;", backend), "6\\n3.5\\n");
  // The tree that comes out, without places: no sum is left in it.
  const runtime = createRuntime({ plugins: [plugin], dump: ["ast"], compileOnly: true });
  await runtime.runSource("test.unna", "print 1 + 2 + 3;");
  const dump = await runtime.report("dumps");
  equal(dump.includes("value=6") && !dump.includes("Binary"), true, dump);
  runtime.dispose();
`,
};

const OPCODE: Skeleton = {
  does: "adds an operation that squares numbers, with machine code for integers",
  code: ({ word }) => `print ${word}(12);`,
  plugin: ({ name, word, opcode, at, run, test }) =>
    `/**
 * An opcode: an instruction of the machine, the syntax that asks for it, and how it is written for x64.
 *
 *     print ${word}(12);                 144
 *
 *     ${run()}
 *     ${run("--dump=bytecode")}   where it stands among the others
 *     ${run("--dump=code")}       what it is on x64, once it is hot
 *     ${test}
 *
 * What is marked with TODO is yours.
 */

import { bigIntAt, isNumber, numberAt, setBigInt } from "${at("core/arithmetic.ts")}";
import { fail } from "${at("core/machine.ts")}";
import { views } from "${at("core/memory.ts")}";
import { isInt, kindName, setDouble } from "${at("core/value.ts")}";
import { loadInt, rax, storeInt, type X64Templates } from "${at("backends/x64/kit.ts")}";
import { definePlugin, type OpcodeDef, type Plugin, type TokenRow } from "${at("mod.ts")}";

const { I32 } = views;

/**
 * TODO: how programs ask for it. This one reads like a call, ${word}(x); an operator between two operands has \`infix\`
 * and a \`precedence\` in place of \`prefix\`. An Operation evaluates its operands and does the opcode with them.
 */
const TOKEN: TokenRow = {
  token: "${word}",
  prefix(p, start) {
    p.expect("(", "after '${word}'");
    const operand = p.parseExpression();
    p.expect(")", "after argument");
    return { kind: "Operation", start, end: p.previous.end, opcode: "${opcode}", operands: [operand] };
  },
};

/**
 * TODO: what it means. The words a and b are where the result and the operand lie; a second operand would be C. This is
 * all that is needed: without a template, machine code leaves each of these to the interpreter.
 */
const ROW: OpcodeDef = {
  name: "${opcode}",
  operands: { A: "dst", B: "src" },
  effect: "pure",
  formula: "R[A] = R[B] * R[B]",
  doc: "TODO: Squares a number.",
  exec(m, a, b) {
    if (!isNumber(b)) fail(m, "U0924", { message: "${word} needs a number, not " + kindName(b) + "." });
    if (isInt(I32[b + 1])) setBigInt(a, BigInt.asIntN(64, bigIntAt(b) ** 2n)); // integers wrap at 64 bits
    else setDouble(a, numberAt(b) ** 2);
  },
};

/**
 * TODO: the same for x64, or only what is common. First the checks: an exit leaves the whole instruction to the
 * interpreter, so nothing may have been changed before. Then the work; the result last.
 */
const X64: X64Templates = {
  ${opcode}(asm, { a, b, exit }) {
    loadInt(asm, rax, b, exit("not-int"));
    asm.imul(rax, rax);
    asm.jo(exit("overflow"));
    storeInt(asm, a, rax, exit("overflow"));
  },
};

const plugin: Plugin = definePlugin({
  name: "${name}",
  doc: "TODO: what it is good for, in a sentence.",
  requires: "^0.1",
  syntax: [TOKEN],
  opcodes: [ROW],
  templates: { x64: X64 },
});
export default plugin;
`,
  checks: ({ word }) =>
    `  equal(await run("print ${word}(12); print ${word}(1 + 0.5);", backend), "144\\n2.25\\n");
  // What the template leaves to the interpreter has to come out the same.
  const program = "var sum = 0; for (var i = 0; i < 200; i += 1) sum += ${word}(i); print sum;" +
    "function f(x) { return ${word}(x); } f(1); f(2); print f(-3000000000); print f(0.5);";
  equal(await run(program, backend), "2646700\\n9000000000000000000\\n0.25\\n");
  match(await run("print ${word}(nil);", backend), /${word} needs a number, not nil\\./);
`,
};

const NATIVE: Skeleton = {
  does: "adds a function that counts words",
  code: ({ word }) => `print ${word}("to be or not");`,
  plugin: ({ name, word, at, run, test }) =>
    `/**
 * A native: a function that programs can call, written in TypeScript.
 *
 *     print ${word}("to be or not");     4
 *
 *     ${run()}
 *     ${test}
 *
 * What is marked with TODO is yours.
 */

import { defineHostNative, definePlugin, type Plugin } from "${at("mod.ts")}";

const plugin: Plugin = definePlugin({
  name: "${name}",
  doc: "TODO: what it is good for, in a sentence.",
  requires: "^0.1",
  natives: [defineHostNative({
    name: "${word}",
    // TODO: names and types, which are checked before it runs: any number int float bool string array map function
    params: [{ name: "text", type: "string" }],
    doc: "TODO: How many words a text has.",
    example: { code: "print ${word}('to be or not');", output: "4\\n" },
    // TODO: what it does. Strings, numbers, arrays and maps come and go as those of TypeScript, nil as null. What is
    // thrown is a run-time error of the program; a promise makes the task that calls wait, and only that.
    run: ([text]) => String(text).split(/\\s+/).filter((word) => word !== "").length,
  })],
});
export default plugin;
`,
  checks: ({ word }) =>
    `  for (const { example } of plugin.natives ?? []) equal(await run(example.code, backend), example.output);
  equal(await run('print ${word}("") + ${word}(" a  b ");', backend), "2\\n");
  match(await run("${word}(1);", backend), /^Runtime Error: ${word} expects /);
`,
};

const BACKEND: Skeleton = {
  does: "interprets, and tells how many instructions a program took",
  code: () => "for (var i = 0; i < 10; i += 1) print i;",
  plugin: ({ name, at, run, test }) =>
    `/**
 * A backend: a way of running code. It is handed a machine and runs it until something has to be decided; modules,
 * tasks, errors and counters are not its business. This one interprets, and counts.
 *
 *     ${run(`--backend=${name}`)}
 *     ${test}
 *
 * What is marked with TODO is yours.
 */

import { makeStepper } from "${at("core/dispatch.ts")}";
import { type Backend, definePlugin, type OpcodeDef, type Plugin } from "${at("mod.ts")}";

let executed = 0;

/** The row of an opcode, which counts how often it is done. */
function counted(row: OpcodeDef): OpcodeDef {
  return {
    ...row,
    exec(m, a, b, c) {
      executed++;
      return row.exec(m, a, b, c);
    },
  };
}

const BACKEND: Backend = {
  name: "${name}",
  doc: "TODO: Interprets, and counts instructions.",
  // TODO: where it cannot work: { ok: false, because: "…" }. The interpreter then runs the program, and says why.
  probe: () => ({ ok: true }),
  // TODO: how it runs. A stepper calls the row of each instruction until one gives a reason to stop, and gives that:
  // a loop or a call is hot, a task waits, all is done. One that compiles would look at what is hot, and go on there.
  open: ({ opcodes }) => ({ run: makeStepper(opcodes.map(counted)) }),
};

const plugin: Plugin = definePlugin({
  name: "${name}",
  doc: "TODO: what it is good for, in a sentence.",
  requires: "^0.1",
  backends: [BACKEND],
  observe: {
    runStart() {
      executed = 0;
    },
    runEnd({ write }) {
      if (executed > 0) write(executed + " instructions\\n");
    },
  },
});
export default plugin;
`,
  checks: ({ name }) =>
    `  const program = "var sum = 0; for (var i = 0; i < 200; i += 1) sum += i; print sum;";
  equal(await run(program, backend), "19900\\n");
  match(await run(program, "${name}"), /^19900\\n\\d+ instructions\\n$/);
  match(await run("async function f() { return 1 / 0; } await f();", "${name}"), /Division by zero/);
`,
};

const SKELETONS: Readonly<Record<ScaffoldKind, Skeleton>> = {
  pass: PASS,
  opcode: OPCODE,
  native: NATIVE,
  backend: BACKEND,
};

/** The words for what can be made. */
export const SCAFFOLD_KINDS = Object.keys(SKELETONS) as readonly ScaffoldKind[];

function writeTest(kind: ScaffoldKind, names: Names): string {
  const checks = SKELETONS[kind].checks(names), needsMatch = checks.includes("match(");
  const tests = kind === "backend"
    ? `Deno.test("${names.name} gives what the interpreter gives", test("interp"));`
    : `const hasX64 = Deno.build.arch === "x86_64" && Deno.build.os === "linux";

Deno.test("${names.name} on interp", test("interp"));
Deno.test({ name: "${names.name} on x64", ignore: !hasX64, fn: test("x64") });`;
  return `// Tests of ${names.file}.ts${
    kind === "backend" ? "" : ", on the interpreter and, where it works, on x64"
  }.

import { equal${needsMatch ? ", match" : ""} } from "node:assert/strict";
import { createRuntime } from "${names.at("mod.ts")}";
import plugin from "./${names.file}.ts";

/** Runs a program with the plugin; gives what it prints, its errors included. */
async function run(program: string, backend: string): Promise<string> {
  let printed = "";
  const print = (bytes: Uint8Array) => {
    printed += new TextDecoder().decode(bytes);
  };
  const options = { backend, threshold: 1, stdout: print, stderr: print }; // at a threshold of 1, all is hot
  const runtime = createRuntime({ ...options, plugins: [plugin] });
  await runtime.runSource("test.unna", program);
  runtime.dispose();
  return printed;
}

const test = (backend: string) => async () => {
${checks}};

${tests}
`;
}

// ---- names and files ---------------------------------------------------------------------------------------------

/** A file that is to be written. */
export interface ScaffoldFile {
  readonly path: string;
  readonly text: string;
}

/** What is to be written, and what to tell about it. */
export interface Scaffold {
  /** Absolute, with a slash at the end. */
  readonly directory: string;
  readonly files: readonly ScaffoldFile[];
  readonly summary: string;
}

/** What to ask for a starting point. */
export interface ScaffoldRequest {
  readonly kind: string;
  readonly name: string;
  /** Where the files go; absolute. */
  readonly folder: string;
  /** Where the project is; absolute, with a slash at the end. */
  readonly root: string;
  readonly taken: TakenNames;
}

/**
 * The files of a starting point.
 * @throws {ScaffoldError} if there is no such kind, or the name is none, or taken
 */
export function makeScaffold({ kind, name, folder, root, taken }: ScaffoldRequest): Scaffold {
  if (!isKind(kind)) {
    const meant = suggest(kind, SCAFFOLD_KINDS);
    const advice = meant === null ? `there is ${SCAFFOLD_KINDS.join(", ")}` : `did you mean '${meant}'?`;
    throw new ScaffoldError(`There is no starting point for '${kind}'; ${advice}`);
  }
  // Without dots and doubled slashes.
  const directory = decodeURIComponent(new URL(`${toUrl(folder)}/`).pathname).replace(/\/+/g, "/");
  const isInside = directory.startsWith(root);
  const names = makeNames(
    name,
    (file) => {
      const path = isInside ? directory.slice(root.length) + file : file;
      return quote(path);
    },
    isInside ? "cli.ts" : quote(`${root}cli.ts`),
    (path) => {
      if (!isInside) return new URL(path, toUrl(root)).href;
      const up = "../".repeat(directory.slice(root.length).split("/").length - 1);
      return `${up === "" ? "./" : up}${path}`;
    },
  );
  refuseTaken(kind, names, taken);
  const { does, plugin, code } = SKELETONS[kind];
  const files = [
    { path: `${directory}${names.file}.ts`, text: plugin(names) },
    { path: `${directory}${names.file}_test.ts`, text: writeTest(kind, names) },
  ];
  const summary = `${files[0].path} ${does};\n${files[1].path} is its test. ` +
    `Look for TODO, and try it${isInside ? "" : ` in ${directory}`}:\n\n    ${names.test}\n    ${
      names.runCode(code(names), kind === "backend" ? `--backend=${name}` : "")
    }\n`;
  return { directory, files, summary };
}

const isKind = (kind: string): kind is ScaffoldKind => Object.hasOwn(SKELETONS, kind);

/** The URL of an absolute path; what ends a path in a URL is part of a name here. */
function toUrl(path: string): string {
  return `file://${encodeURI(path).replaceAll("?", "%3F").replaceAll("#", "%23")}`;
}

/** A word of a command line. */
function quote(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

function makeNames(
  name: string,
  place: (file: string) => string,
  cli: string,
  at: (path: string) => string,
): Names {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    const words = name.replace(/([a-z0-9])([A-Z])/g, "$1-$2").toLowerCase().split(/[^a-z0-9]+/);
    const meant = words.join("-").replace(/^[-0-9]+|-+$/g, "");
    const advice = meant === "" ? "" : `, such as '${meant}'`;
    throw new ScaffoldError(`'${name}' is no name: use small letters, digits and hyphens${advice}`);
  }
  const file = name.replaceAll("-", "_");
  const run = (options: string, program: string) =>
    ["deno run -A", cli, `--plugin=${place(`${file}.ts`)}`, options, program].filter((word) => word !== "")
      .join(" ");
  return {
    name,
    file,
    word: name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()),
    opcode: file.toUpperCase(),
    at,
    run: (options = "") => run(options, place("program.unna")),
    runCode: (code, options = "") => run(options, `-e '${code}'`),
    test: `deno test -A ${place(`${file}_test.ts`)}`,
  };
}

function refuseTaken(kind: ScaffoldKind, { name, word, opcode }: Names, taken: TakenNames): void {
  const refuse = (what: string) => {
    throw new ScaffoldError(`The name '${name}' is taken: ${what}; choose another one`);
  };
  if (taken.plugins.has(name)) refuse(`there is a plugin '${name}'`);
  const own = kind === "opcode" ? opcode : kind === "native" ? word : name;
  if (taken.names[kind].has(own)) refuse(`there is ${kind === "opcode" ? "an" : "a"} ${kind} '${own}'`);
  if (kind !== "opcode" && kind !== "native") return;
  if (taken.keywords.has(word)) refuse(`'${word}' is a word of the language`);
  // A token of the same name would take the place of the function.
  if (kind === "opcode" && taken.names.native.has(word)) refuse(`there is a function '${word}'`);
}

/**
 * Writes the files of a starting point, all or none; none is ever overwritten.
 * @throws {ScaffoldError} if one is there already, or cannot be written
 */
export async function writeScaffold({ directory, files }: Scaffold): Promise<void> {
  try {
    await Deno.mkdir(directory, { recursive: true });
    for (const { path } of files) {
      const isThere = await Deno.lstat(path).then(() => true, (error) => {
        if (error instanceof Deno.errors.NotFound) return false;
        throw error;
      });
      if (isThere) {
        throw new ScaffoldError(`${path} is there already, and stays as it is; nothing was written`);
      }
    }
    for (const { path, text } of files) await Deno.writeTextFile(path, text, { createNew: true });
  } catch (error) {
    if (error instanceof ScaffoldError) throw error;
    const because = error instanceof Error ? error.message : String(error);
    throw new ScaffoldError(`Writing to ${directory} failed: ${because}`);
  }
}
