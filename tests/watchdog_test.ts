// Programs that are ended from outside: they say where they were, and what they printed is not lost.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const CLI = new URL("../cli.ts", import.meta.url).pathname;
// Something stands before the loop, so that a place before it is not taken for the loop.
const ENDLESS = "print 'begun';\nfunction spin(i) {\n  i = 7;\n  while (true) i += 1;\n}\nspin(0);\n";
const BACKENDS = ["interp", "x64"];

function start(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", CLI, ...args],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function finish(child: Deno.ChildProcess): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await child.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

for (const backend of BACKENDS) {
  Deno.test(`--timeout ends an endless loop on ${backend} and says where`, async () => {
    const child = start([`--backend=${backend}`, "--timeout=0.3", "-e", ENDLESS]);
    const { code, stdout, stderr } = await finish(child);
    assertEquals(code, 124);
    assertEquals(stdout, "begun\n");
    assertStringIncludes(stderr, "Runtime Error: The time limit is over.");
    assertStringIncludes(stderr, "at spin (<command line>:4:");
  });

  Deno.test(`SIGTERM ends an endless loop on ${backend} and says where`, async () => {
    // The watchdog begins when the program has run for a while; a signal before that is the system's own.
    const child = start([`--backend=${backend}`, "-e", ENDLESS]);
    const stop = setTimeout(() => child.kill("SIGTERM"), 4000);
    const { code, stdout, stderr } = await finish(child);
    clearTimeout(stop);
    assertEquals(code, 143);
    assertEquals(stdout, "begun\n");
    assertStringIncludes(stderr, "Runtime Error: Ended by SIGTERM.");
    assertStringIncludes(stderr, "at spin (<command line>:4:");
  });
}

// Each loop leaves machine code in every round, or so often that its own count of rounds would never run out.
for (
  const [what, body] of [
    ["calls a native", "clock();"],
    ["calls a native now and then", "for (var k = 0; k < 1000; k += 1) i += 1; clock();"],
    ["has a condition for the interpreter", "if (1.5 == [1]) i += 1;"],
  ]
) {
  Deno.test(`--timeout ends an endless loop in machine code that ${what}`, async () => {
    const code = `function spin(i) { while (true) { ${body} } }\nspin(0);`;
    const child = start(["--backend=x64", "--timeout=0.5", "-e", code]);
    const guard = setTimeout(() => child.kill("SIGKILL"), 60_000);
    const ended = await finish(child);
    clearTimeout(guard);
    assertEquals(ended.code, 124);
    assertStringIncludes(ended.stderr, "The time limit is over.");
  });
}

Deno.test("--timeout ends endless recursion in machine code, which has no loop", async () => {
  const code = "function fib(n) { if (n < 2) return n; return fib(n - 1) + fib(n - 2); }\nfib(80);";
  const child = start(["--backend=x64", "--timeout=0.5", "-e", code]);
  const guard = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const ended = await finish(child);
  clearTimeout(guard);
  assertEquals(ended.code, 124);
  assertStringIncludes(ended.stderr, "at fib");
});

Deno.test("--timeout ends a program that waits", async () => {
  const begun = performance.now();
  const { code, stdout, stderr } = await finish(
    start(["--timeout=0.2", "-e", "print 1; ucoreTimer.sleep(60000); print 2;"]),
  );
  assertEquals(code, 124);
  assertEquals(stdout, "1\n");
  assertStringIncludes(stderr, "The time limit is over.");
  assert(performance.now() - begun < 30_000);
});

Deno.test("--timeout leaves a program alone that ends in time", async () => {
  const { code, stdout, stderr } = await finish(start(["--timeout=60", "-e", "print 1;"]));
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "1\n", stderr: "" });
});

Deno.test("--timeout wants a positive number", async () => {
  for (const value of ["0", "-1", "soon"]) {
    const { code, stderr } = await finish(start([`--timeout=${value}`, "-e", "print 1;"]));
    assertEquals(code, 2);
    assertStringIncludes(stderr, "give a number of seconds above 0");
  }
});

Deno.test("a call from outside, when the program is over, begins no thread that would keep the process", async () => {
  const embedder = `
    import { createRuntime } from ${JSON.stringify(new URL("../mod.ts", import.meta.url).href)};
    const runtime = createRuntime({ interruptible: true, backend: "interp" });
    await runtime.runSource("main.unna", "function work(ms) { var end = clock() + ms; while (clock() < end) {} }");
    await runtime.call("work", 0.4);
    console.log("done");
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", embedder],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const guard = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const ended = await finish(child);
  clearTimeout(guard);
  assertEquals(ended, { code: 0, stdout: "done\n", stderr: "" });
});
