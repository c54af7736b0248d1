// Exercises: a solution of each passes, what readers begin with does not and says why, and mistakes that are easily made
// are told apart by the topics that fail.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type AnyLab, fileOf, folderOf, judge, makeRandom, pluginOf } from "../core/lab.ts";
import { LABS } from "../docs/labs/mod.ts";
import { lab, OptionError } from "../mod.ts";
import { runCaptured } from "../core/command_line.ts";
import { x64 } from "../backends/x64/mod.ts";

const HERE = new URL("./labs/", import.meta.url);

await x64.prepare?.();
const native = x64.probe();

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function solutionOf(one: AnyLab): URL {
  return new URL(`${LABS.indexOf(one) + 1}-${one.name}.ts`, HERE);
}

/** The topics that are reported as wrong, in their order. */
function wrongTopics(one: AnyLab, text: string): string[] {
  return Object.keys(one.topics).filter((topic) => new RegExp(`^  WRONG  ${topic} +\\d`, "m").test(text));
}

for (const one of LABS) {
  const ignore = one.name === "opcode" && !native.ok;

  Deno.test({
    name: `lab ${one.name} is passed by a solution`,
    ignore,
    async fn() {
      const file = decodeURIComponent(solutionOf(one).pathname);
      const { text, code } = await lab({ what: "judge", lab: one.name, file });
      assertEquals(code, 0, text);
      assert(text.includes(`, ${one.title}: passed. `), text);
    },
  });

  Deno.test({
    name: `lab ${one.name} begins with a file that is clean and says what is missing`,
    ignore,
    async fn() {
      await withFolder(async (folder) => {
        await lab({ what: "start", lab: one.name, folder });
        const file = `${folder}/${fileOf(one)}`;
        const { text, code } = await lab({ what: "judge", lab: one.name, file });
        assertEquals(code, 1, text);
        const [first] = wrongTopics(one, text);
        assert(text.includes(`The shortest of those about ${first}:`), text);
        assert(text.endsWith(`${one.topics[first]}\n`), text);
        const skeleton = await Deno.readTextFile(
          new URL(`../${folderOf(LABS, one)}/skeleton.ts`, import.meta.url),
        );
        assert(skeleton.includes("TODO"), "what is to be done is marked");
        const lint = await new Deno.Command(Deno.execPath(), { args: ["lint", "--quiet", file] }).output();
        assertEquals(lint.code, 0, new TextDecoder().decode(lint.stderr));
      });
    },
  });

  Deno.test(`lab ${one.name} has questions on each of its topics, the same at each run`, async () => {
    const hidden = one.hidden(makeRandom(1)), questions = [...one.shown, ...hidden];
    const topics = new Set(questions.map(({ topic }) => topic));
    assertEquals([...topics].toSorted(), Object.keys(one.topics).toSorted());
    assertEquals(one.hidden(makeRandom(1)).map(({ ask }) => ask), hidden.map(({ ask }) => ask));
    assert(hidden.length > 40);
    const { text } = await lab({ what: "read", lab: one.name });
    for (const { ask } of one.shown) assert(text.includes(ask.split("\n")[0]), text);
    await Deno.stat(new URL(`../docs/${one.page}`, import.meta.url));
  });
}

/** A mistake: what stands in its place in the solution, and the topics that fail then. */
interface Mistake {
  readonly lab: string;
  readonly name: string;
  readonly replace: readonly [right: string | RegExp, wrong: string];
  readonly topics: readonly string[];
}

const MISTAKES: readonly Mistake[] = [
  {
    lab: "token",
    name: "an operand without precedence",
    replace: ["(PRECEDENCE.unary)", "()"],
    topics: ["what it binds to", "one in another", "places"],
  },
  {
    lab: "token",
    name: "a node that ends early",
    replace: ["start, end, callee", "start, end: start + 1, callee"],
    topics: ["places"],
  },
  {
    lab: "fold-not",
    name: "0 that counts as true",
    replace: ["expr.value !== 0n", "true"],
    topics: ["numbers", "! of !", "inside of other code", "places"],
  },
  {
    lab: "fold-not",
    name: "truth as JavaScript has it",
    replace: [/(?<="Str":\n +return )true/, "expr.bytes.length > 0"],
    topics: ["nil and texts", "! of !"],
  },
  {
    lab: "fold-not",
    name: "a node without its place",
    replace: ["start, end, value: !truth", "start: 0, end: 0, value: !truth"],
    topics: ["places"],
  },
  {
    lab: "fold-not",
    name: "other signs that are folded as well",
    replace: ['node.op !== "!"', 'node.op === "await"'],
    topics: ["what is no literal"],
  },
  {
    lab: "early-return",
    name: "a copy without operands",
    replace: ["{ ...target, at", "{ ...target, operands: [], at"],
    topics: ["returns of a value", "branches in branches"],
  },
  {
    lab: "early-return",
    name: "a copy that no jump finds",
    replace: ["at: instruction.at }", "at: null }"],
    topics: ["branches in branches"],
  },
  {
    lab: "early-return",
    name: "a single look from the front",
    replace: [/\.toReversed\(\)/g, ""],
    topics: ["branches in branches"],
  },
  {
    lab: "nan-box",
    name: "a payload of 32 bits",
    replace: ["BigInt.asUintN(48, value)", "BigInt.asUintN(32, value)"],
    topics: ["negative integers", "integers past 32 bits"],
  },
  {
    lab: "nan-box",
    name: "a sign that is lost on the way back",
    replace: ["BigInt.asIntN(48, bytes", "BigInt.asUintN(48, bytes"],
    topics: ["the way back"],
  },
  {
    lab: "nan-box",
    name: "integers that do not fit",
    replace: ["BigInt.asIntN(48, value) !== value", "BigInt.asIntN(64, value) !== value"],
    topics: ["integers past 48 bits"],
  },
  {
    lab: "nan-box",
    name: "a zero without its sign",
    replace: ["setFloat64(0, value)", "setFloat64(0, value + 0)"],
    topics: ["zeros, infinities and NaN"],
  },
  {
    lab: "opcode",
    name: "integers that become doubles on the way",
    replace: ["bigIntAt(b) - bigIntAt(c)", "BigInt(numberAt(b) - numberAt(c))"],
    topics: ["integers past 48 bits", "machine code at its edges"],
  },
  {
    lab: "opcode",
    name: "operands that nobody checks",
    replace: [/if \(!isNumber.*/, ""],
    topics: ["errors"],
  },
  { lab: "opcode", name: "no negation", replace: ["asm.neg(rax);", ""], topics: ["machine code"] },
  {
    lab: "opcode",
    name: "a template that is missing",
    replace: [/DISTANCE\(asm[^]*?\n {2}\},/, 'DISTANCE: "exit",'],
    topics: ["machine code", "machine code at its edges"],
  },
  {
    lab: "encode",
    name: "no fourth bits of registers",
    replace: ["(reg >> 3) << 2 | rm >> 3", "0 * (reg + rm)"],
    topics: ["r8 to r15", "displacements", "rsp and r12 as a base", "rbp and r13 as a base"],
  },
  {
    lab: "encode",
    name: "no SIB byte",
    replace: ["if ((base & 7) === 4) bytes.push(0x24);", ""],
    topics: ["rsp and r12 as a base"],
  },
  {
    lab: "encode",
    name: "rbp without a displacement",
    replace: [" && (base & 7) !== 5", ""],
    topics: ["rbp and r13 as a base"],
  },
  {
    lab: "encode",
    name: "always four bytes of displacement",
    replace: ["isByte ? 1 : 2", "2"],
    topics: ["r8 to r15", "loads", "rsp and r12 as a base", "rbp and r13 as a base"],
  },
  {
    lab: "patch",
    name: "counting from the end of the hole",
    replace: ["labels[label] - end >>", "labels[label] - offset - size >>"],
    topics: ["instructions that go on behind the hole"],
  },
  {
    lab: "patch",
    name: "holes that are always four bytes",
    replace: ["i < size; i++", "i < 4; i++"],
    topics: ["holes of a byte"],
  },
  {
    lab: "patch",
    name: "distances that do not fit",
    replace: ["throw new RangeError", "void new RangeError"],
    topics: ["what does not fit"],
  },
  {
    lab: "mark",
    name: "walking in circles",
    replace: ["marked.has(ref)", "marked.size > 1e9"],
    topics: ["circles"],
  },
  { lab: "mark", name: "0 as an object", replace: ["ref === 0 || ", ""], topics: ["no reference"] },
  {
    lab: "mark",
    name: "calls within calls",
    replace: ["work.push(ref);", "for (let i = 1; i <= memory[ref]; i++) visit(memory[ref + i]);"],
    topics: ["long chains"],
  },
];

for (const { lab: wanted, name, replace, topics } of MISTAKES) {
  Deno.test({
    name: `lab ${wanted} tells apart ${name}`,
    ignore: wanted === "opcode" && !native.ok,
    async fn() {
      const one = LABS.find((each) => each.name === wanted)!, address = solutionOf(one);
      const right = (await Deno.readTextFile(address))
        .replace(/(from ")(\.[^"]*)/g, (_, from, to) => from + new URL(to, address).href);
      const wrong = right.replace(...replace);
      assert(wrong !== right, "the mistake has been made");
      await withFolder(async (folder) => {
        const file = `${folder}/${fileOf(one)}`;
        await Deno.writeTextFile(file, wrong);
        const { text, code } = await lab({ what: "judge", lab: wanted, file });
        assertEquals({ code, topics: wrongTopics(one, text) }, { code: 1, topics: [...topics] }, text);
      });
    },
  });
}

Deno.test("cli lab lists, reads, begins and judges", async () => {
  const all = await runCaptured(["lab"], "");
  assertEquals({ code: all.code, stderr: all.stderr }, { code: 0, stderr: "" });
  for (const { name, title } of LABS) assert(all.stdout.includes(`${name} `) && all.stdout.includes(title));
  const read = await runCaptured(["lab", "8"], "");
  assert(read.stdout.startsWith("# Lab 8: what is alive\n"), read.stdout);
  assert(read.stdout.includes("    mark([0, 1, 3, 1, 5, 0, 1, 5], [1])\n"), read.stdout);
  await withFolder(async (folder) => {
    for (const args of [["--start", `${folder}/a b`], [`--start=${folder}/c`]]) {
      const begun = await runCaptured(["lab", "mark", ...args], "");
      assert(begun.code === 0 && begun.stdout.includes("/mark.ts is yours."), begun.stdout + begun.stderr);
    }
    await Deno.writeTextFile(`${folder}/c/mark.ts`, "// precious");
    const again = await runCaptured(["lab", "8", "--start", `${folder}/c`], "");
    assert(again.code === 2 && again.stderr.includes("is there already"), again.stderr);
    assertEquals(await Deno.readTextFile(`${folder}/c/mark.ts`), "// precious");
    const judged = await runCaptured(["lab", "8", `${folder}/a b/mark.ts`], "");
    assertEquals({ code: judged.code, stderr: judged.stderr }, { code: 1, stderr: "" });
    assert(judged.stdout.startsWith("Lab 8, what is alive: not yet. "), judged.stdout);
  });
});

Deno.test("cli lab says what is wrong with a call", async () => {
  const calls: readonly (readonly [args: string[], message: string])[] = [
    [["99"], "There is no lab 99; they go from 1 to 8\n"],
    [["patsh"], "There is no lab 'patsh'; did you mean 'patch'?\n"],
    [["history"], "There is no lab 'history'; 'lab' alone lists them\n"],
    [["--start"], "'lab' takes a number, and a file to judge or --start, such as: lab 1 --start\n"],
    [["1", "a.ts", "b.ts"], "'lab' takes a number"],
    [["1", "--begin"], "'lab' has no option --begin, only --start\n"],
    [["1", "/nowhere/token.ts"], "Loading /nowhere/token.ts failed: Module not found"],
  ];
  for (const [args, message] of calls) {
    const { code, stdout, stderr } = await runCaptured(["lab", ...args], "");
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assert(stderr.startsWith(message), stderr);
  }
});

Deno.test("a file without the exports that a lab asks for is told which", async () => {
  const file = (name: string) => decodeURIComponent(new URL(name, HERE).pathname);
  await assertRejects(
    () => lab({ what: "judge", lab: "nan-box", file: file("8-mark.ts") }),
    OptionError,
    "The file exports no function 'encode'",
  );
  await assertRejects(
    () => lab({ what: "judge", lab: "token", file: file("8-mark.ts") }),
    OptionError,
    "no plugin as its default export",
  );
  assertThrows(() => pluginOf({ default: null }), Error, "no plugin");
});

Deno.test("what a file throws is an answer, with the line that threw it", async () => {
  const tools = { run: () => Promise.reject(new Error()), list: () => [], native } as const;
  const one = LABS.find(({ name }) => name === "mark")!;
  const mark = () => {
    throw new TypeError("not yet");
  };
  const { text } = await judge(LABS, one, { exports: { mark }, path: import.meta.url.slice(7) }, tools);
  assert(/throws TypeError: not yet \(lab_test\.ts:\d+\)/.test(text), text);
});

Deno.test("makeRandom() gives the same numbers for the same seed, within bounds", () => {
  const [a, b, c] = [makeRandom(7), makeRandom(7), makeRandom(8)];
  const numbers = (random: typeof a) => Array.from({ length: 200 }, () => random.int(-3, 3));
  const first = numbers(a);
  assertEquals(first, numbers(b));
  assert(first.some((n, i) => n !== numbers(c)[i]));
  assertEquals([...new Set(first)].toSorted((x, y) => x - y), [-3, -2, -1, 0, 1, 2, 3]);
});
