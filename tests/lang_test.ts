// The language, held to its law: every program below tests/lang runs in every configuration and must do what the
// expectations inside it say (support.ts explains how they are written). One test is one folder in one configuration,
// one step is one file. Programs that are too large to be read are generated here instead of being kept as files.

import { assert, assertEquals } from "@std/assert";
import { type Config, CONFIGS, judge, type Outcome, type Program, readPrograms, runUnna } from "./support.ts";

const ROOT = decodeURIComponent(new URL("lang", import.meta.url).pathname);

interface Topic {
  readonly name: string;
  readonly files: readonly { readonly name: string; readonly programs: readonly Program[] }[];
}

function readTopics(): Topic[] {
  return entriesOf(ROOT).filter((entry) => entry.isDirectory).map((folder) => ({
    name: folder.name,
    // Folders whose names begin with `_` hold modules for the programs to import.
    files: entriesOf(`${ROOT}/${folder.name}`)
      .filter((entry) => entry.isFile && entry.name.endsWith(".unna"))
      .map((entry) => {
        const path = `${ROOT}/${folder.name}/${entry.name}`;
        return { name: entry.name, programs: readPrograms(path, Deno.readTextFileSync(path)) };
      }),
  }));
}

function entriesOf(path: string): Deno.DirEntry[] {
  return [...Deno.readDirSync(path)].sort((a, b) => a.name < b.name ? -1 : 1);
}

function isSlow(program: Program, config: Config): boolean {
  return config.tag !== undefined && program.slow.includes(config.tag);
}

for (const topic of readTopics()) {
  const count = topic.files.reduce((sum, file) => sum + file.programs.length, 0);
  for (const config of CONFIGS) {
    Deno.test(`${topic.name} on ${config.name}: ${topic.files.length} files, ${count} programs`, async (t) => {
      for (const { name, programs } of topic.files) {
        const run = programs.filter((program) => !isSlow(program, config));
        const left = programs.length - run.length;
        await t.step({
          name: left === 0
            ? name
            : `${name} (${left} of ${programs.length} left out: slow on ${config.name})`,
          ignore: run.length === 0,
          fn: async () => {
            const faults: string[] = [];
            for (const program of run) {
              const fault = await judge(program, config);
              if (fault !== null) faults.push(fault);
            }
            // Thrown without a stack: the place is in the program, not in this file.
            if (faults.length > 0) throw Object.assign(new Error(`\n${faults.join("\n")}`), { stack: "" });
          },
        });
      }
    });
  }
}

// ------------------------------------------------------------------------------------------- generated programs

/** `each(3, (i) => `x${i}`)` is `["x0", "x1", "x2"]`. */
function each(count: number, text: (index: number) => string): string[] {
  return Array.from({ length: count }, (_, index) => text(index));
}

interface Generated {
  readonly name: string;
  readonly source: string;
  /** All of stdout; a function judges the outcome itself. */
  readonly expect: string | ((outcome: Outcome) => void);
  readonly slow?: readonly string[];
}

const sumTo = (count: number) => count * (count - 1) / 2;

// What is nested very deep has to come out right or be refused with an error, but never take the process along.
const finishesOrRefuses = (stdout: string) => (outcome: Outcome) => {
  if (outcome.code === 0) assertEquals(outcome.stdout, stdout);
  else {
    assertEquals(outcome.code, 1);
    assert(outcome.stderr.includes("Error"), outcome.stderr);
  }
};

const GENERATED: readonly Generated[] = [
  {
    name: "300 locals of a function",
    source: `function f() {
${each(300, (i) => `var v${i} = ${i};`).join("\n")}
v299 = v299 + v0 + v255 + v256;
var sum = 0;
${each(300, (i) => `sum += v${i};`).join("\n")}
return sum;
}
print f();`,
    expect: `${sumTo(300) + 255 + 256}\n`,
  },
  {
    name: "300 locals, all captured by one closure",
    source: `function f() {
${each(300, (i) => `var v${i} = ${i};`).join("\n")}
return function () { v299 += 1; return ${each(300, (i) => `v${i}`).join(" + ")}; };
}
var g = f();
print g();
print g();`,
    expect: `${sumTo(300) + 1}\n${sumTo(300) + 2}\n`,
  },
  {
    name: "300 parameters and arguments",
    source: `function f(${
      each(300, (i) => `p${i}`).join(", ")
    }) { return [p0, p127, p128, p254, p255, p256, p299]; }
print f(${each(300, (i) => String(i)).join(", ")});
function g(${each(300, (i) => `p${i}`).join(", ")}) { return ${each(300, (i) => `p${i}`).join(" + ")}; }
function h(n) { return g(${each(300, (i) => `n + ${i}`).join(", ")}); }
print h(1);`,
    expect: `[0, 127, 128, 254, 255, 256, 299]\n${sumTo(300) + 300}\n`,
  },
  {
    name: "a struct of 300 fields",
    source: `struct Wide { ${each(300, (i) => `f${i};`).join(" ")} }
var w = Wide(${each(300, (i) => String(i)).join(", ")});
w.f299 += w.f256;
print [w.f0, w.f255, w.f256, w.f299];`,
    expect: "[0, 255, 256, 555]\n",
  },
  {
    name: "an array literal of 10,000 elements, global and local",
    source: `var a = [${each(10_000, (i) => String(i * 3)).join(", ")}];
function f(x) { return [${each(10_000, (i) => i % 100 === 0 ? "x" : String(i)).join(", ")}]; }
var b = f("x");
print [length(a), a[0], a[255], a[256], a[9999]];
print [length(b), b[0], b[1], b[9900], b[9999]];`,
    expect: "[10000, 0, 765, 768, 29997]\n[10000, x, 1, x, 9999]\n",
  },
  {
    name: "a map literal of 10,000 entries",
    source: `var m = {${each(10_000, (i) => `"key${i}": ${i}`).join(", ")}};
print [length(m), m["key0"], m["key255"], m["key256"], m["key9999"], keys(m)[5000]];`,
    expect: "[10000, 0, 255, 256, 9999, key5000]\n",
    slow: ["gc"],
  },
  {
    name: "chains of 5,000 binary operators",
    source: `var one = 1;
function f(x) { return ${each(5_000, () => "x").join(" + ")}; }
print ${each(5_000, () => "one").join(" + ")};
print f(2);
print ${each(5_000, (i) => String(i)).join(" - ")};
print length("" + ${each(5_000, () => "one").join(" + ")});
print ${each(5_000, () => "one == 1").join(" && ")};
print ${each(5_000, () => "one == 2").join(" || ")};`,
    expect: `5000\n10000\n${-sumTo(5_000)}\n5000\ntrue\nfalse\n`,
    slow: ["gc"],
  },
  {
    name: "chains of 10,000 calls, indices and properties",
    source: `struct Link { a; }
function f() { return f; }
var list = [7];
push(list, list);
var link = Link(7);
link.a = link;
print f${"()".repeat(10_000)} == f;
print list${"[1]".repeat(10_000)}[0];
print link${".a".repeat(10_000)} == link;
list${"[1]".repeat(10_000)}[0] += 1;
print list[0];`,
    expect: "true\n7\ntrue\n8\n",
  },
  {
    name: "an else-if chain of 1,000 branches",
    source: `function f(x) {
${each(1_000, (i) => `if (x == ${i}) { return "branch ${i}"; } else`).join(" ")} { return "none"; }
}
print f(0);
print f(500);
print f(999);
print f(1000);`,
    expect: "branch 0\nbranch 500\nbranch 999\nnone\n",
  },
  {
    name: "a function of 20,000 statements, and a loop over them",
    source: `function f(n) {
var x = 0;
for (var i = 0; i < n; i += 1) {
  if (i == 2) continue;
  if (i == 4) break;
${each(20_000, (i) => `x = x + ${i % 7};`).join("\n")}
}
return x;
}
print f(1);
print f(10);`,
    expect: (() => {
      const once = each(20_000, (i) => String(i % 7)).reduce((sum, text) => sum + Number(text), 0);
      return `${once}\n${once * 3}\n`;
    })(),
  },
  {
    name: "10,000 globals and functions",
    source: `${each(5_000, (i) => `var g${i} = ${i};`).join("\n")}
${each(5_000, (i) => `function f${i}() { return g${i}; }`).join("\n")}
print [g0, g255, g256, g4999, f0(), f255(), f256(), f4999()];`,
    expect: "[0, 255, 256, 4999, 0, 255, 256, 4999]\n",
    slow: ["gc"],
  },
  {
    name: "70,000 different constants in one function",
    source: `function f() {
var sum = 0;
${each(700, (i) => `sum += ${each(100, (k) => `${i * 100 + k}.5`).join(" + ")};`).join("\n")}
return sum;
}
print f();`,
    expect: `${sumTo(70_000) + 35_000}\n`,
  },
  {
    name: "3,000 different property names in one function",
    source: `${each(300, (s) => `struct S${s} { ${each(10, (i) => `p${s}_${i};`).join(" ")} }`).join("\n")}
function f() {
var sum = 0;
${
      each(300, (s) =>
        `var s${s} = S${s}(${each(10, (i) => String(i)).join(", ")});
${each(10, (i) => `sum += s${s}.p${s}_${i};`).join(" ")}`).join("\n")
    }
return sum;
}
print f();`,
    expect: `${300 * 45}\n`,
  },
  {
    name: "200 functions inside each other, the innermost reading from all",
    source: `${nestFunctions(0, 200)}\nprint f0(0);`,
    expect: `${sumTo(200)}\n`,
  },
  {
    name: "expressions, blocks and loops nested 300 deep",
    source: `print ${"(".repeat(300)}7${")".repeat(300)};
print ${"[".repeat(300)}7${"]".repeat(300)}${"[0]".repeat(300)};
print ${"-".repeat(300)}7;
${"{".repeat(300)} var x = "deep"; print x; ${"}".repeat(300)}
var n = 0;
${each(300, () => "while (true) {").join(" ")} n += 1; ${each(300, () => "break; }").join(" ")}
print n;
function id(x) { return x; }
print ${"id(".repeat(300)}8${")".repeat(300)};`,
    expect: "7\n7\n7\ndeep\n1\n8\n",
  },
  {
    name: "a string literal of 100,000 bytes",
    source: `var s = "${"0123456789".repeat(10_000)}";
print length(s);
print s[99999];
print s == "${"0123456789".repeat(10_000)}";`,
    expect: "100000\n9\ntrue\n",
  },
  {
    name: "a name of 10,000 letters",
    source: `var ${"n".repeat(10_000)} = 5;
print ${"n".repeat(10_000)} + 1;`,
    expect: "6\n",
  },
  {
    name: "text of arrays nested 100,000 deep",
    source: `var a = [];
for (var i = 1; i < 100000; i += 1) a = [a];
print length(str(a));`,
    expect: finishesOrRefuses("200000\n"),
    slow: ["gc"],
  },
  {
    name: "text of maps and structs nested 100,000 deep",
    source: `struct Box { v; }
var b = nil;
for (var i = 0; i < 50000; i += 1) b = Box({"k": b});
print length("" + b);`,
    expect: finishesOrRefuses(`${50_000 * "Box {v: {k: }}".length + 3}\n`),
    slow: ["gc"],
  },
  {
    name: "long stack traces show their first and last ten calls",
    source: `function down(n) { if (n == 0) return 1 / 0; return 1 + down(n - 1); }
print down(5000);`,
    expect: ({ code, stderr }) => {
      assertEquals(code, 1);
      assert(stderr.includes("Runtime Error: Division by zero."), stderr);
      const calls = stderr.split("test.unna:").length - 1;
      assert(calls >= 20 && calls <= 24, `${calls} places in\n${stderr}`);
    },
  },
  {
    name: "a chain of 100,000 closures is built and taken apart",
    source: `function wrap(inner) { return function () { return inner; }; }
var f = nil;
for (var i = 0; i < 100000; i += 1) f = wrap(f);
var depth = 0;
while (f != nil) { f = f(); depth += 1; }
print depth;`,
    expect: "100000\n",
    slow: ["gc"],
  },
];

function nestFunctions(level: number, levels: number): string {
  const body = level + 1 < levels
    ? `${nestFunctions(level + 1, levels)}\nreturn f${level + 1}(v${level} + 1);`
    : `return ${each(levels, (i) => `v${i}`).join(" + ")};`;
  return `function f${level}(v${level}) {\n${body}\n}`;
}

for (const config of CONFIGS) {
  Deno.test(`generated on ${config.name}: ${GENERATED.length} programs`, async (t) => {
    for (const { name, source, expect, slow = [] } of GENERATED) {
      const ignore = config.tag !== undefined && slow.includes(config.tag);
      await t.step({
        name: ignore ? `${name} (left out: slow on ${config.name})` : name,
        ignore,
        fn: async () => {
          const outcome = await runUnna(source, config.options);
          if (typeof expect === "function") return expect(outcome);
          assertEquals(outcome, { code: 0, stdout: expect, stderr: "" });
        },
      });
    }
  });
}

// ------------------------------------------------------------------------------------------- files as they lie on disk

/** Runs `main` among files written into a fresh folder: bytes that no editor keeps, links, odd names. */
async function runAmong(main: string, files: Record<string, string | { link: string }>): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      if (typeof content === "string") await Deno.writeTextFile(`${folder}/${name}`, content);
      else await Deno.symlink(`${folder}/${content.link}`, `${folder}/${name}`);
    }
    return await runUnna({ file: `${folder}/${main}` }, CONFIGS[0].options);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("files as they lie on disk", async (t) => {
  const runsTo =
    (stdout: string, main: string, files: Record<string, string | { link: string }>) => async () =>
      assertEquals(await runAmong(main, files), { code: 0, stdout, stderr: "" });
  const fails = (pattern: RegExp, source: string) => async () => {
    const { code, stdout, stderr } = await runAmong("main.unna", { "main.unna": source });
    assertEquals([code, stdout], [1, ""]);
    assert(pattern.test(stderr), stderr);
  };

  await t.step("an empty file", runsTo("", "main.unna", { "main.unna": "" }));
  await t.step("no line feed at the end", runsTo("1\n", "main.unna", { "main.unna": "print 1;" }));
  await t.step("a comment at the end", runsTo("1\n", "main.unna", { "main.unna": "print 1; // done" }));
  await t.step(
    "CR LF line ends",
    runsTo("1\n2\n", "main.unna", { "main.unna": "print 1;\r\n// a\r\nprint 2;\r\n" }),
  );
  await t.step("a byte order mark", runsTo("1\n", "main.unna", { "main.unna": "\uFEFFprint 1;" }));
  await t.step(
    "a first line for the shell",
    runsTo("1\n", "main.unna", { "main.unna": "#!/usr/bin/env unna\nprint 1;" }),
  );
  await t.step("a file without extension", runsTo("1\n", "program", { "program": "print 1;" }));
  await t.step("a NUL byte", fails(/main\.unna:2:9/, "print 1;\nprint 2;\0print 3;"));
  await t.step("a byte order mark elsewhere", fails(/main\.unna:1:9/, "print 1;\uFEFFprint 2;"));
  await t.step("# elsewhere", fails(/main\.unna:2:1/, "print 1;\n#!/usr/bin/env unna"));
  await t.step("columns count characters", fails(/main\.unna:1:7/, `"äöü";@`));
  await t.step("an open block comment", fails(/main\.unna:/, "print 1;\n/* never closed\n"));

  await t.step(
    "a module reached through a link is the same module",
    runsTo("loaded\ntrue\n", "main.unna", {
      "main.unna": `import "./real.unna" as a; import "./link.unna" as b; print a == b;`,
      "real.unna": `print "loaded";`,
      "link.unna": { link: "real.unna" },
    }),
  );
  await t.step(
    "the main program is in the cache",
    runsTo("main\nfrom main\n", "main.unna", {
      "main.unna": `print "main"; var x = "from main"; import "./other.unna" as o; o.tell();`,
      "other.unna": `import "./main.unna" as m; function tell() { print m.x; }`,
    }),
  );
  await t.step(
    "a module named by an identifier has no extension",
    runsTo("plain\n", "main.unna", {
      "main.unna": `import plain as p; print p.name;`,
      "plain": `var name = "plain";`,
    }),
  );
  await t.step(
    "blanks and other letters in a path",
    runsTo("ok\n", "main.unna", {
      "main.unna": `import "./a b \\u{e4}.unna" as p; print p.name;`,
      "a b ä.unna": `var name = "ok";`,
    }),
  );
});

Deno.test("a file that does not exist fails", async () => {
  const { code, stdout, stderr } = await runUnna({ file: "/nowhere/missing.unna" }, CONFIGS[0].options);
  assertEquals([code, stdout], [1, ""]);
  assert(stderr.includes("Could not open file"), stderr);
});
