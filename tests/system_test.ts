/** `ucoreSystem`: files and folders in a folder of the test's own, real child processes, and a real standard input. */

import { assert, assertEquals, assertMatch, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { system } from "../plugins/system.ts";
import { errorOf, inFolder, type Outcome, type RunOptions, runUnna } from "./support.ts";

const NATIVES = system.libraries[0].natives;
const CLI = new URL("../cli.ts", import.meta.url).pathname;

/** Runs a program that has to succeed, as if it were a file in `folder`; gives what it prints. */
async function outputOf(source: string, folder: string, options: RunOptions = {}): Promise<string> {
  const outcome = await runUnna(source, { path: `${folder}/main.unna`, ...options });
  assertEquals(outcome, { code: 0, stdout: outcome.stdout, stderr: "" }, source);
  return outcome.stdout;
}

/** Runs a program in a process of its own, by the command line. */
async function runProcess(
  source: string,
  { flags = ["-A"], args = [], input = "" }: { flags?: string[]; args?: string[]; input?: string } = {},
): Promise<Outcome> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...flags, CLI, "-e", source, ...args],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("functions of ucoreSystem refuse arguments of other types, and say what they expect", async () => {
  const rows: [string, string][] = [
    ["args", "1"],
    ["exit", '"1"'],
    ["exit", "nil"],
    ["exit", "1, 2"],
    ["input", "5"],
    ["readLine", '"x"'],
    ["sleep", "1.5"],
    ["sleep", ""],
    ["fileExists", "5"],
    ["readFile", "nil"],
    ["writeFile", '"a"'],
    ["writeFile", '"a", 5'],
    ["appendFile", '"a", [1]'],
    ["removeFile", ""],
    ["stat", "1"],
    ["listDir", ""],
    ["makeDir", "true"],
    ["getenv", "1"],
    ["env", "1"],
    ["cwd", "1"],
    ["platform", "1"],
    ["exec", "5"],
    ["run", "[]"],
  ];
  assertEquals(
    new Set(rows.map(([name]) => `ucoreSystem.${name}`)),
    new Set(NATIVES.map(({ name }) => name)),
  );
  for (const [name, args] of rows) {
    const error = await errorOf(`ucoreSystem.${name}(${args});`);
    assert(error.startsWith(`Runtime Error: ucoreSystem.${name} expects (`), error);
  }
});

// ---- files and folders -------------------------------------------------------------------------------------------

Deno.test("relative paths are relative to the folder of the main file, in modules too; absolute ones are absolute", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/lib`);
    await Deno.writeTextFile(
      `${folder}/lib/m.unna`,
      'function write(name) { return ucoreSystem.writeFile(name, "from a module"); }\n',
    );
    const source = `import "./lib/m.unna" as m;
      print m.write("here.txt");
      print m.write("${folder}/lib/there.txt");
      print ucoreSystem.fileExists("lib/../here.txt");
      print ucoreSystem.listDir(".");
      print ucoreSystem.listDir("${folder}/lib");`;
    assertStrictEquals(
      await outputOf(source, folder),
      "true\ntrue\ntrue\n[here.txt, lib]\n[m.unna, there.txt]\n",
    );
  });
});

Deno.test("bytes go into files and come back as they are, however many", async () => {
  await inFolder(async (folder) => {
    const source = `
      var bytes = "\\0\\xff\\xc3\\x28é\\r\\n";
      print ucoreSystem.writeFile("bytes", bytes);
      print ucoreSystem.readFile("bytes") == bytes;
      print ucoreSystem.appendFile("bytes", bytes);
      print ucoreSystem.readFile("bytes") == bytes + bytes;
      print ucoreSystem.writeFile("bytes", "");
      print ucoreSystem.stat("bytes")["size"];
      var s = "0123456789abcdef";
      while (length(s) < 8000000) s = s + s;
      ucoreSystem.writeFile("big", s);
      print ucoreSystem.stat("big")["size"] == length(s);
      print ucoreSystem.readFile("big") == s;`;
    assertStrictEquals(await outputOf(source, folder), "true\ntrue\ntrue\ntrue\ntrue\n0\ntrue\ntrue\n");
    assertEquals([...await Deno.readFile(`${folder}/bytes`)], []);
  });
});

Deno.test("what the world refuses is the value that says so", async () => {
  await inFolder(async (folder) => {
    const rows: [string, string, RegExp][] = [
      ['readFile("missing")', "", /^$/],
      ['readFile(".")', "", /^$/],
      ['readFile("a\\0b")', "", /^$/],
      [
        'writeFile("no/such/folder", "x")',
        "false",
        /^Error: Could not open file for writing: .*no\/such\/folder\n$/,
      ],
      ['appendFile(".", "x")', "false", /^Error: Could not open file for writing: /],
      ['removeFile("missing")', "false", /^$/],
      ['removeFile(".")', "false", /^$/],
      ['stat("missing")', "nil", /^$/],
      ['listDir("main.txt")', "nil", /^$/],
      ['listDir("missing")', "nil", /^$/],
      ['makeDir("main.txt")', "false", /^$/],
      ['makeDir("main.txt/inner")', "false", /^$/],
      ['fileExists("missing/inner")', "false", /^$/],
      ['fileExists("main.txt/inner")', "false", /^$/],
      ['fileExists("\\xff")', "false", /^$/],
      ['getenv("")', "", /^$/],
      ['getenv("a=b")', "", /^$/],
    ];
    await Deno.writeTextFile(`${folder}/main.txt`, "x");
    for (const [call, value, message] of rows) {
      const { code, stdout, stderr } = await runUnna(`print ucoreSystem.${call};`, {
        path: `${folder}/main.unna`,
      });
      assertEquals({ code, stdout }, { code: 0, stdout: `${value}\n` }, call);
      assertMatch(stderr, message, call);
    }
    assertStrictEquals(await Deno.readTextFile(`${folder}/main.txt`), "x");
  });
});

Deno.test("folders are made with those around them, listed sorted, and removed when they are empty", async () => {
  await inFolder(async (folder) => {
    const source = `
      print ucoreSystem.makeDir("a/b/c");
      for (var name : ["z", "é", "B", "10", "9"]) ucoreSystem.writeFile("a/" + name, name);
      print ucoreSystem.listDir("a");
      print ucoreSystem.listDir("a/b/c");
      print ucoreSystem.removeFile("a/b");
      print ucoreSystem.removeFile("a/b/c");
      print ucoreSystem.removeFile("a/b");
      print ucoreSystem.stat("a")["type"] + " " + ucoreSystem.stat("a/z")["type"];
      var age = ucoreSystem.stat("a/z")["modified"];
      print type(age) + " " + (age > 1600000000000);`;
    assertStrictEquals(
      await outputOf(source, folder),
      "true\n[10, 9, B, b, z, é]\n[]\nfalse\ntrue\ntrue\ndirectory file\nint true\n",
    );
  });
});

// ---- surroundings and other programs -----------------------------------------------------------------------------

Deno.test("getenv() and env() see the environment", async () => {
  Deno.env.set("UNNARIZE_TEST", "grüße");
  try {
    const source = `print ucoreSystem.getenv("UNNARIZE_TEST");
      print ucoreSystem.env()["UNNARIZE_TEST"];
      print has(ucoreSystem.env(), "UNNARIZE_NOT_SET");
      print ucoreSystem.cwd() == "${Deno.cwd()}";
      print ucoreSystem.platform() == "${Deno.build.os}";`;
    assertStrictEquals(await outputOf(source, "/tmp"), "grüße\ngrüße\nfalse\ntrue\ntrue\n");
  } finally {
    Deno.env.delete("UNNARIZE_TEST");
  }
});

Deno.test("exec() gives the wait status, run() the code and all output", async () => {
  const rows: [string, string][] = [
    ['exec("exit 0")', "0"],
    ['exec("exit 255")', "65280"],
    ['exec("no_such_command 2>/dev/null")', "32512"],
    ['exec("kill -9 $$")', "9"],
    ['exec("kill -15 $$")', "15"],
    ['run("exit 3")["code"]', "3"],
    ['run("kill -9 $$")["code"]', "137"],
    ["run(\"printf 'a\\\\nb'; printf c >&2\")", "{code: 0, stdout: a\nb, stderr: c}"],
    ['length(run("head -c 300000 /dev/zero")["stdout"])', "300000"],
    [`run("printf '\\\\377'")["stdout"] == "\\xff"`, "true"],
    [`run("cd /; pwd")["stdout"]`, "/\n"],
  ];
  for (const [call, value] of rows) {
    const source = `print ${call.replace(/\b(?:exec|run)\(/, "ucoreSystem.$&")};`;
    assertStrictEquals(await outputOf(source, "/tmp"), `${value}\n`, call);
  }
});

Deno.test("commands and sleep wait for their own task only", async () => {
  await inFolder(async (folder) => {
    // The command ends when the program has written the file that it waits for.
    const source = `
      async function wait() { return ucoreSystem.run("while [ ! -e ${folder}/go ]; do sleep 0.01; done; echo gone"); }
      async function nap(ms, name) { ucoreSystem.sleep(ms); print name; }
      var waiting = wait();
      var late = nap(20, "late");
      var soon = nap(-5, "soon");
      print "going on";
      await late;
      ucoreSystem.writeFile("go", "");
      print (await waiting)["stdout"];`;
    assertStrictEquals(await outputOf(source, folder), "going on\nsoon\nlate\ngone\n\n");
  });
});

Deno.test("what was printed comes before what a child prints", async () => {
  const source = 'print "first"; ucoreSystem.exec("echo second"); print "third"; ucoreSystem.exit(5);';
  assertEquals(await runProcess(source), { code: 5, stdout: "first\nsecond\nthird\n", stderr: "" });
});

// ---- the program's own call --------------------------------------------------------------------------------------

Deno.test("args() begins with the runtime and the main file", async () => {
  const { stdout } = await runProcess("print ucoreSystem.args();", {
    args: ["one", "--two", "drei vier", ""],
  });
  assertStrictEquals(stdout, `[${Deno.execPath()}, <command line>, one, --two, drei vier, ]\n`);
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.unna`, "print ucoreSystem.args();\n");
    const { stdout } = await runUnna({ file: `${folder}/a.unna` }, { args: ["x"] });
    assertStrictEquals(stdout, `[${Deno.execPath()}, ${folder}/a.unna, x]\n`);
  });
});

Deno.test("exit() ends at once with eight bits of its argument", async () => {
  const rows: [string, number][] = [
    ["", 0],
    ["0", 0],
    ["7", 7],
    ["256 + 3", 3],
    ["-1", 255],
    ["9223372036854775807", 255],
    ["3.99", 3],
    ["-0.5", 0],
    ["0.0 / 0.0", 0],
    ["1e300 * 1e300", 0],
    ["true", 1],
    ["false", 0],
  ];
  for (const [argument, code] of rows) {
    const outcome = await runUnna(`print "x"; ucoreSystem.exit(${argument}); print "never";`);
    assertEquals(outcome, { code, stdout: "x\n", stderr: "" }, argument);
  }
});

// ---- standard input ----------------------------------------------------------------------------------------------

Deno.test("readLine() gives the lines of standard input, of any length and with any end", async () => {
  const source = `
    var line = ucoreSystem.readLine();
    while (line != nil) { print str(length(line)) + slice(line, 0, 3); line = ucoreSystem.readLine(); }
    print ucoreSystem.readLine();
    print "[" + ucoreSystem.input("> ") + "]";`;
  const long = "x".repeat(200_000), many = "line\n".repeat(20_000);
  const { code, stdout, stderr } = await runProcess(source, { input: `a\r\n\n${long}\n${many}é\rb` });
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  const lines = ["1a", "0", "200000xxx", ...Array(20_000).fill("4lin"), "4é\r", "nil", "> []", ""];
  assertStrictEquals(stdout, lines.join("\n"));
});

Deno.test("while one task waits for input others go on, and input goes to who asked first", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      CLI,
      "-e",
      `async function ask(who) { print who + " got " + ucoreSystem.input(); }
       var a = ask("a");
       var b = ask("b");
       print "ready";
       ucoreTimer.sleep(1);
       print "slept";
       await a;
       await b;`,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let out = "";
  // Nothing is sent before the program has shown that it goes on without.
  while (!out.includes("slept\n")) out += (await reader.read()).value ?? "";
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("one\ntwo\n"));
  await writer.close();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) out += piece.value;
  assertStrictEquals(out, "ready\nslept\na got one\nb got two\n");
  assertStrictEquals((await child.status).code, 0);
});

// ---- permissions -------------------------------------------------------------------------------------------------

Deno.test("what Deno was not allowed to do is an error that says which flag is missing", async () => {
  const rows: [string, string][] = [
    ['ucoreSystem.writeFile("/tmp/x", "");', "--allow-write"],
    ['ucoreSystem.makeDir("/tmp/x");', "--allow-write"],
    ['ucoreSystem.exec("ls");', "--allow-run"],
    ['async function f() { return ucoreSystem.run("ls"); } await f();', "--allow-run"],
    ['ucoreSystem.getenv("HOME");', "--allow-env"],
  ];
  for (const [source, flag] of rows) {
    const { code, stderr } = await runProcess(source, { flags: ["--allow-read"] });
    assertStrictEquals(code, 1, source);
    assertMatch(stderr, /^Runtime Error: Requires /);
    assertStringIncludes(stderr, flag);
  }
});
