// The command line as a process: arguments, exit codes, streams. What the runtime does is tested in this process, by
// the other suites; each command here costs a start of Deno.

import { assert, assertEquals } from "@std/assert";

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface CommandOptions {
  readonly stdin?: string;
  readonly env?: Record<string, string>;
  readonly permissions?: readonly string[];
}

async function cli(args: readonly string[], options: CommandOptions = {}): Promise<Result> {
  const { stdin = "", env = {}, permissions = ["--allow-read", "--no-prompt"] } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", ...permissions, `${ROOT}cli.ts`, ...args],
    cwd: ROOT,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const fed = writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await fed;
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

async function withFiles(
  files: Record<string, string | Uint8Array>,
  test: (folder: string) => Promise<void>,
) {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("cli runs a file, code, and standard input", async () => {
  const expected = await Deno.readTextFile(`${ROOT}examples/hello.out`);
  assertEquals(await cli(["examples/hello.unna"]), { code: 0, stdout: expected, stderr: "" });
  assertEquals(await cli(["-e", "print 1 + 2;"]), { code: 0, stdout: "3\n", stderr: "" });
  assertEquals(await cli(["-"], { stdin: "print 4;" }), { code: 0, stdout: "4\n", stderr: "" });
});

Deno.test("cli tells what went wrong after the output that led to it, and exits with 1", async () => {
  const { code, stdout, stderr } = await cli(["-e", 'print "before"; print 1 / 0;']);
  assertEquals({ code, stdout }, { code: 1, stdout: "before\n" });
  assert(stderr.startsWith("Runtime Error: Division by zero.\n"), stderr);
  assert(!stderr.includes("\x1b"), "no colour where nobody sees it");
});

Deno.test("cli explains files that cannot be run", async () => {
  await withFiles({
    "bytes.unna": new Uint8Array([0x70, 0xff]),
    "nul.unna": "print 1;\0",
    "imports.unna": 'print "before"; import "./missing.unna" as m;',
  }, async (folder) => {
    const cases: [string[], string][] = [
      [[`${folder}/missing.unna`], 'Could not open file "'],
      [[folder], "It is a directory"],
      [[`${folder}/bytes.unna`], "Byte 0xFF is not valid UTF-8"],
      [[`${folder}/nul.unna`], "NUL byte"],
      [[`${folder}/imports.unna`], "Could not import module './missing.unna'"],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await cli(args);
      assertEquals(code, 1);
      assert(stderr.includes(message), stderr);
    }
  });
  const { code, stderr } = await cli(["examples/hello.unna"], { permissions: ["--no-prompt"] });
  assertEquals(code, 1);
  assert(stderr.includes("--allow-read"), stderr);
});

Deno.test("cli says why a module cannot be read", async () => {
  const permissions = ["--no-prompt"];
  const { code, stderr } = await cli(["-e", 'import "./examples/hello.unna" as m;'], { permissions });
  assertEquals(code, 1);
  assert(stderr.includes("--allow-read") && stderr.includes("Could not import module"), stderr);
  const folder = await cli(["-e", 'import "./examples" as m;']);
  assert(folder.stderr.includes("It is a directory"), folder.stderr);
});

Deno.test("cli needs no permission for code that reads nothing", async () => {
  assertEquals(await cli(["-e", "print 1;"], { permissions: ["--no-prompt"] }), {
    code: 0,
    stdout: "1\n",
    stderr: "",
  });
});

Deno.test("cli fetches no package to run a program, which would take a network, and at each start time to look", async () => {
  await withFiles({}, async (cache) => {
    const expected = await Deno.readTextFile(`${ROOT}examples/hello.out`);
    const found = await cli(["examples/hello.unna"], { env: { DENO_DIR: cache } });
    assertEquals(found, { code: 0, stdout: expected, stderr: "" });
    assertEquals([...Deno.readDirSync(`${cache}/npm`)], []);
  });
});

/** Whether packages could be fetched at all. */
const isOnline = await fetch("https://registry.npmjs.org/deno-std", {
  method: "HEAD",
  signal: AbortSignal.timeout(5000),
}).then(() => true, () => false);

Deno.test({
  name: "cli fetches the packages that options need",
  ignore: !isOnline,
  fn: () =>
    withFiles({}, async (cache) => {
      const options = { env: { DENO_DIR: cache } };
      assertEquals((await cli(["-e", "print 1;"], options)).stdout, "1\n");
      const found = await cli(["--backend=interp", "examples/hello.unna"], options);
      assertEquals([found.code, found.stderr], [0, ""]);
    }),
});

Deno.test({
  name: "cli says when output cannot be written",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const run = `exec "$0" run --quiet --no-check --allow-read "$1" -e 'print 1;' > /dev/full`;
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", run, Deno.execPath(), `${ROOT}cli.ts`],
    })
      .output();
    assertEquals(code, 1);
    const text = new TextDecoder().decode(stderr);
    assert(text.startsWith("Writing the output failed: No space left on device"), text);
  },
});

Deno.test("cli refuses wrong usage with a suggestion and exit code 2", async () => {
  const cases: [string[], string][] = [
    [[], "Usage:"],
    [["check"], "at least one file"],
    [["--treshold=5", "x"], "did you mean --threshold?"],
    [["--backend=interpreter", "x"], "interp"],
    [["--dump=bytecodes", "x"], "did you mean 'bytecode'?"],
    [["--heap=much", "x"], "64M"],
    [["--plugin=nowhere.ts", "x"], "nowhere.ts"],
    [["-e"], "-e needs a value"],
    [["--heap=", "x"], "--heap needs a value"],
    [["--heap", "-e", "1;"], "--heap needs a value"],
    [["--json=3", "x"], "--json takes no value"],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await cli(args);
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assert(stderr.includes(message), stderr);
  }
});

Deno.test("cli --help and --version", async () => {
  const help = await cli(["--help"]);
  assert(help.code === 0 && help.stdout.startsWith("Usage: ") && help.stdout.includes("--gc-stress"));
  const { version } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  assertEquals((await cli(["-v"])).stdout, `unnarize ${version}\n`);
});

Deno.test("cli check finds mistakes and does not run", async () => {
  await withFiles({ "a.unna": "print 1;", "b.unna": "print missing;" }, async (folder) => {
    assertEquals(await cli(["check", `${folder}/a.unna`]), { code: 0, stdout: "", stderr: "" });
    const both = await cli(["check", `${folder}/a.unna`, `${folder}/b.unna`]);
    assertEquals({ code: both.code, stdout: both.stdout }, { code: 1, stdout: "" });
    assert(both.stderr.startsWith("error[U0201]"), both.stderr);
    const input = await cli(["check", "-"], { stdin: "print 1" });
    assert(input.code === 1 && input.stderr.includes("<standard input>:1:8"), input.stderr);
    const json = await cli(["--json", "check", `${folder}/b.unna`]);
    const { diagnostic } = JSON.parse(json.stdout);
    assertEquals({ code: diagnostic.code, start: diagnostic.start }, {
      code: "U0201",
      start: { line: 1, column: 7 },
    });
  });
});

Deno.test("cli --dump prints and does not run; reports come after the run, on standard error", async () => {
  const dump = await cli(["--dump=tokens,ast", "--dump=bytecode", "-e", "print 1;"]);
  assertEquals({ code: dump.code, stderr: dump.stderr }, { code: 0, stderr: "" });
  for (const text of ["1:1 print", "Print 1:1", "PRINT"]) assert(dump.stdout.includes(text), dump.stdout);
  const [line] = (await cli(["--json", "--dump=bytecode", "-e", "print 1;"])).stdout.split("\n");
  assertEquals(JSON.parse(line).schema, "unnarize/bytecode@1");
  const code = "function f(x) { return x + 1; } for (var i = 0; i < 500; i += 1) f(i); print f(1);";
  const run = await cli(["--dump=profile", "--function=f", "--time", "--stats", "--check", "-e", code]);
  assertEquals({ code: run.code, stdout: run.stdout }, { code: 0, stdout: "2\n" });
  for (const text of ["f, 501 calls", "all passes", "instructions"]) {
    assert(run.stderr.includes(text), run.stderr);
  }
});

Deno.test("cli --function wants a function that there is, be it in a file that is imported", async () => {
  await withFiles({ "m.unna": "function inner() { return 1; }" }, async (folder) => {
    const program = `import "${folder}/m.unna" as m;\nfunction outer() { return m.inner(); }\nprint outer();`;
    const dump = (kind: string, name: string) => cli([`--dump=${kind}`, `--function=${name}`, "-e", program]);
    const unknown = "Unknown function 'oter'; did you mean 'outer'?\nTry --help.\n";
    assertEquals(await dump("bytecode", "oter"), { code: 2, stdout: "", stderr: unknown });
    assertEquals(await dump("profile", "oter"), { code: 2, stdout: "1\n", stderr: unknown });
    const { code, stderr } = await dump("profile", "inner");
    assertEquals(code, 0);
    assert(stderr.includes("inner, 1 call"), stderr);
  });
});

Deno.test("cli loads plugins", async () => {
  const plugin =
    'export default { name: "mine", doc: "A test.", observe: { runStart() { console.error("seen"); } } };';
  await withFiles(
    { "plug#in?.ts": plugin, "plugin.ts": plugin, "broken.ts": 'export default { name: "mine", docs: "" };' },
    async (folder) => {
      assertEquals((await cli([`--plugin=${folder}/plug#in?.ts`, "-e", "print 1;"])).stderr, "seen\n");
      assertEquals(await cli([`--plugin=${folder}/plugin.ts`, "-e", "print 1;"]), {
        code: 0,
        stdout: "1\n",
        stderr: "seen\n",
      });
      const { code, stderr } = await cli([`--plugin=${folder}/broken.ts`, "-e", "print 1;"]);
      assertEquals(code, 1);
      assert(stderr.includes("U0503") && stderr.includes("did you mean 'doc'?"), stderr);
    },
  );
});

Deno.test("cli ends quietly when nobody reads its output", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--allow-read",
      `${ROOT}cli.ts`,
      "--backend=interp",
      "-e",
      "while (true) print 1;",
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const [status, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  assertEquals({ code: status.code, stderr }, { code: 141, stderr: "" });
});

Deno.test("cli says what it must be allowed to load what it needs", async () => {
  const { code, stderr } = await cli(["-e", "import ucoreMath as m; print m.pi;"], {
    permissions: ["--no-prompt"],
  });
  assertEquals(code, 1);
  assert(/^Loading a part of the runtime failed: .*--allow-read/.test(stderr), stderr);
});

Deno.test("cli hands on output while the program waits", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-check", "--allow-read", `${ROOT}cli.ts`],
      ...["-e", 'print "first"; ucoreTimer.sleep(60000);'],
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assertEquals(new TextDecoder().decode(value), "first\n");
  child.kill("SIGKILL");
  await reader.cancel();
  await child.status;
});
