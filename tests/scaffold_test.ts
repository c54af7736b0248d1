// Starting points: each kind is written into an empty folder, where it has to be clean, to pass its own test, and to
// work from the command line; and what cannot be written is told.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createRuntime, OptionError, type Plugin, scaffold } from "../mod.ts";
import { makeScaffold, SCAFFOLD_KINDS, ScaffoldError } from "../core/scaffold.ts";
import { SMALL_HEAP } from "./support.ts";

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);
/** A blank and a hash, since paths become addresses. */
const FOLDER = "my plug#ins";

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const parent = await Deno.makeTempDir();
  try {
    await test(`${parent}/${FOLDER}`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

async function deno(
  args: readonly string[],
  cwd: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** What a program shows, and what it prints with the plugin of that kind. */
const SHOWN = {
  pass: ["print 1 + 2 + 3;", "6\n"],
  opcode: ["print tryOpcode(12);", "144\n"],
  native: ['print tryNative("to be or not");', "4\n"],
  backend: ["var s = 0; for (var i = 0; i < 500; i += 1) s += i; print s;", "124750\n"],
} as const;

Deno.test("starting points are clean, pass their tests, and work on interp and x64", async () => {
  await withFolder(async (folder) => {
    for (const kind of SCAFFOLD_KINDS) {
      const told = await scaffold(kind, `try-${kind}`, folder);
      assert(told.includes(`${folder}/try_${kind}.ts `), told);
      assert(told.includes(`deno test -A try_${kind}_test.ts\n`), told);
      const { default: plugin } = await import(
        `file://${encodeURI(folder).replace("#", "%23")}/try_${kind}.ts`
      ) as {
        default: Plugin;
      };
      const [program, printed] = SHOWN[kind];
      for (const backend of kind === "backend" ? ["try-backend"] : ["interp", "x64"]) {
        let output = "";
        const runtime = createRuntime({
          heap: SMALL_HEAP,
          plugins: [plugin],
          backend,
          stdout: (bytes) => output += new TextDecoder().decode(bytes),
        });
        assertEquals({ code: await runtime.runSource("a.unna", program), output }, {
          code: 0,
          output: printed,
        });
        runtime.dispose();
      }
    }
    const test = await deno(["test", "--quiet", "-A"], folder);
    assertEquals(test.code, 0, test.stdout + test.stderr);
    assert(/ok \| 7 passed \| 0 failed/.test(test.stdout), test.stdout);
    const lint = await deno(["lint"], folder);
    assertEquals(lint.code, 0, lint.stdout + lint.stderr);
    const format = await deno(["fmt", "--check", "--line-width=110"], folder);
    assertEquals(format.code, 0, format.stdout + format.stderr);
  });
});

Deno.test("cli new writes a starting point, whose own words run it", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(folder);
    const cli = ["run", "--quiet", "--no-check", "-A", `${ROOT}cli.ts`];
    const made = await deno([...cli, "new", "opcode", "square"], folder);
    assertEquals({ code: made.code, stderr: made.stderr }, { code: 0, stderr: "" });
    const [command] = /deno run -A .*/.exec(made.stdout) ?? [""];
    const shell = new Deno.Command("sh", {
      args: ["-c", command.replace("deno run", `"${Deno.execPath()}" run --quiet --no-check`)],
      cwd: folder,
    });
    assertEquals(new TextDecoder().decode((await shell.output()).stdout), "144\n", command);
    const again = await deno([...cli, "new", "opcode", "square"], folder);
    assertEquals({ code: again.code, stdout: again.stdout }, { code: 2, stdout: "" });
    assert(again.stderr.includes("square.ts is there already"), again.stderr);
    const other = await deno([...cli, "new", "pass", "tidy", "--dir=a/b"], folder);
    assert(other.code === 0 && other.stdout.includes("/a/b/tidy.ts"), other.stdout + other.stderr);
    for (
      const args of [["new"], ["new", "pass"], ["new", "pass", "a", "b"], ["new", "pass", "a", "--dri=b"]]
    ) {
      const { code, stderr } = await deno([...cli, ...args], folder);
      assert(code === 2 && stderr.includes("'new' "), stderr);
    }
  });
});

Deno.test("nothing is overwritten, and nothing written halfway", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(folder);
    await Deno.writeTextFile(`${folder}/mine_test.ts`, "// precious");
    await assertRejects(
      () => scaffold("native", "mine", folder),
      OptionError,
      "mine_test.ts is there already",
    );
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["mine_test.ts"]);
    assertEquals(await Deno.readTextFile(`${folder}/mine_test.ts`), "// precious");
    await assertRejects(() => scaffold("native", "mine", `${folder}/mine_test.ts`), OptionError, "failed: ");
  });
});

Deno.test("names that cannot be had are told, with one that can", async () => {
  const rows: [kind: string, name: string, message: string][] = [
    ["opcodes", "a", "did you mean 'opcode'?"],
    ["widget", "a", "there is pass, opcode, native, backend"],
    ["pass", "MyPass", "such as 'my-pass'"],
    ["pass", "2nd_try!", "such as 'nd-try'"],
    ["pass", "", "'' is no name"],
    ["pass", "../up", "such as 'up'"],
    ["pass", "parse", "there is a pass 'parse'"],
    ["opcode", "add", "there is an opcode 'ADD'"],
    ["opcode", "while", "'while' is a word of the language"],
    ["opcode", "clock", "there is a function 'clock'"],
    ["native", "length", "there is a native 'length'"],
    ["native", "print", "'print' is a word of the language"],
    ["backend", "x64", "there is a backend 'x64'"],
    ["native", "core", "there is a plugin 'core'"],
  ];
  for (const [kind, name, message] of rows) {
    await assertRejects(() => scaffold(kind, name, "/nowhere"), OptionError, message);
  }
});

Deno.test("inside the project, a starting point refers to it by relative paths", () => {
  const nothing = new Set<string>();
  const taken = {
    names: { pass: nothing, opcode: nothing, native: nothing, backend: nothing },
    plugins: nothing,
    keywords: nothing,
  };
  const request = {
    kind: "pass",
    name: "tidy",
    folder: "/a/project/plugins/../plugins",
    root: "/a/project/",
    taken,
  };
  const { files: [plugin, test], summary } = makeScaffold(request);
  assertEquals(plugin.path, "/a/project/plugins/tidy.ts");
  assert(plugin.text.includes('from "../core/ast.ts"') && test.text.includes('from "../mod.ts"'));
  assert(!(plugin.text + test.text).includes("/a/project"));
  assert(summary.includes("deno run -A cli.ts --plugin=plugins/tidy.ts -e "), summary);
  assertThrows(() => makeScaffold({ ...request, name: "Tidy" }), ScaffoldError);
});
