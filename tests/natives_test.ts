/** Natives beyond a function on words: written in the language, on values of TypeScript, and in lazy libraries. */

import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import {
  callHandle,
  createRuntime,
  defineHostNative,
  type Handle,
  type HostValue,
  type LazyLibrary,
  type LibraryDef,
  type Plugin,
  PluginFailure,
} from "../mod.ts";

const NO_EXAMPLE = { doc: "A test.", example: { code: "", output: "" } };

const HIGHER: LibraryDef = {
  name: "higher",
  doc: "Functions that call functions.",
  natives: [
    {
      name: "higher.each",
      params: [{ name: "items", type: "array" }, { name: "f", type: "function" }],
      ...NO_EXAMPLE,
      code: "function (items, f) { var out = []; for (var x : items) push(out, f(x)); return out; }",
    },
    {
      name: "higher.pair",
      params: [{ name: "a", type: "any" }, { name: "b", type: "any", mode: "optional" }],
      ...NO_EXAMPLE,
      code: "function (a, b) { return [a, b]; }",
    },
    defineHostNative({
      name: "higher.later",
      params: [{ name: "f", type: "function" }, { name: "x", type: "any" }],
      ...NO_EXAMPLE,
      run: ([f, x], machine) => callHandle(machine, f as Handle, [x]),
    }),
    defineHostNative({
      name: "higher.refuse",
      params: [],
      ...NO_EXAMPLE,
      run() {
        throw new Error("No way.");
      },
    }),
  ],
};

let loads = 0;
const LAZY: LazyLibrary = {
  name: "higher",
  doc: HIGHER.doc,
  load() {
    loads++;
    return Promise.resolve(HIGHER);
  },
};

async function run(code: string, libraries: Plugin["libraries"], gcStress = false) {
  const outputs: string[] = [];
  for (const backend of ["interp", "x64"]) {
    let out = "";
    const take = (bytes: Uint8Array) => void (out += new TextDecoder().decode(bytes));
    const runtime = createRuntime({
      backend,
      threshold: 1,
      gcStress,
      plugins: [{ name: "test", doc: "A test.", ...(libraries === undefined ? {} : { libraries }) }],
      stdout: take,
      stderr: take,
    });
    const exit = await runtime.runSource("a.unna", code);
    runtime.dispose();
    outputs.push(`${out}${exit}`);
  }
  assertEquals(outputs[0], outputs[1]);
  return outputs[0];
}

for (const gcStress of [false, true]) {
  Deno.test(`a native of the language is a function like any other${gcStress ? ", under GC stress" : ""}`, async () => {
    const code = `
      function double(x) { return x * 2; }
      print higher.each([1, 2, 3], double);
      print higher.each([3, 4], function (x) { ucoreTimer.sleep(1); return "<" + x + ">"; });
      print higher.each([[1], [2, 3]], length);
      print higher.pair(1);
      print higher.pair(1, [2]);
      var each = higher.each;
      print each([1], function (x) { return each([x, x], str); });
      var sum = 0;
      for (var i = 0; i < 200; i += 1) sum += higher.each([i], double)[0];
      print sum;
      print each;`;
    assertEquals(
      await run(code, [HIGHER], gcStress),
      "[2, 4, 6]\n[<3>, <4>]\n[1, 2]\n[1, nil]\n[1, [2]]\n[[1, 1]]\n39800\n<fn each>\n0",
    );
  });
}

Deno.test("what a native of the language calls may fail, and the trace shows both", async () => {
  const out = await run('higher.each([1],\n  function (x) { return x - "a"; });', [HIGHER]);
  assertMatch(out, /Cannot apply '-' to int and string\..*a\.unna:2:27.*at each \(<higher\.each>:1:/s);
});

Deno.test("a native of the language checks its arguments like all natives", async () => {
  assertStringIncludes(await run("higher.each(1, str);", [HIGHER]), "higher.each");
  assertStringIncludes(await run("higher.pair();", [HIGHER]), "higher.pair");
});

Deno.test("natives on values of TypeScript call functions of the program as tasks of their own", async () => {
  const code = `
    print higher.later(function (x) { ucoreTimer.sleep(1); return [x, {"k": x}]; }, "a");
    async function task(x) { return higher.later(str, x); }
    var first = task(1);
    print "started";
    print await first;
    print higher.later(higher.pair, 7);
    higher.refuse();`;
  assertMatch(await run(code, [HIGHER]), /^\[a, \{k: a\}\]\nstarted\n1\n\[7, nil\]\nRuntime Error: No way\./);
});

Deno.test("a task that is called by a native and due at once does not end the event loop before its caller waits", async () => {
  const code = `
    print higher.later(function (x) { ucoreTimer.sleep(0); return x; }, "a");
    print "end";`;
  assertEquals(await run(code, [HIGHER]), "a\nend\n0");
});

Deno.test("a lazy library is loaded when a program names it, by import too, and only then", async () => {
  loads = 0;
  assertEquals(await run("print 1;", [LAZY]), "1\n0");
  assertEquals(loads, 0);
  assertEquals(await run("print higher.pair(1);", [LAZY]), "[1, nil]\n0");
  assertEquals(loads, 2);
  assertEquals(
    await run("import higher as h; print h.pair(2); print h;", [LAZY]),
    "[2, nil]\n<module higher>\n0",
  );
});

Deno.test("a library that only an imported module names is loaded while the import waits", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/m.unna`, "function pair(x) { return higher.pair(x); }\n");
    await Deno.writeTextFile(
      `${dir}/main.unna`,
      `
      async function load() { import "./m.unna" as m; return m.pair(3); }
      var a = load(), b = load();
      print await a; print await b;
      import "./m.unna" as n; print n.pair(4);`.replace("var a = load(), b", "var a = load(); var b"),
    );
    let out = "";
    const take = (bytes: Uint8Array) => void (out += new TextDecoder().decode(bytes));
    const plugins = [{ name: "test", doc: "A test.", libraries: [LAZY] }];
    const runtime = createRuntime({ plugins, stdout: take, stderr: take });
    assertEquals(await runtime.runFile(`${dir}/main.unna`), 0, out);
    assertEquals(out, "[3, nil]\n[3, nil]\n[4, nil]\n");
    runtime.dispose();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a lazy library that cannot be loaded is an error that names the plugin", async () => {
  const failing: LazyLibrary = { name: "higher", doc: "d", load: () => Promise.reject(new Error("gone")) };
  const wrong: LazyLibrary = {
    name: "higher",
    doc: "d",
    load: () => Promise.resolve({ ...HIGHER, name: "lower" }),
  };
  for (const [library, problem] of [[failing, "gone"], [wrong, "lower"]] as const) {
    const failure = await assertRejects(() => run("print higher.pair(1);", [library]), PluginFailure);
    assertMatch(failure.message, new RegExp(`test.*higher.*${problem}`));
  }
});

Deno.test("handlers that are called from outside are answered while the program waits", async () => {
  const waiting: ((value: HostValue) => void)[] = [];
  const handlers: Handle[] = [];
  const server: LibraryDef = {
    name: "server",
    doc: "d",
    natives: [
      defineHostNative({
        name: "server.on",
        params: [{ name: "f", type: "function" }],
        ...NO_EXAMPLE,
        run: ([f]) => void handlers.push(f as Handle),
      }),
      defineHostNative({
        name: "server.serve",
        params: [],
        ...NO_EXAMPLE,
        async run(_args, machine) {
          const answers = await Promise.all([1, 2, 3].map((n) => callHandle(machine, handlers.at(-1)!, [n])));
          waiting.forEach((done) => done(null));
          return answers;
        },
      }),
    ],
  };
  const code = `
    var order = [];
    server.on(function (n) { ucoreTimer.sleep(450 - 150 * n); push(order, n); return n * 2; });
    print server.serve();
    print order;`;
  assertEquals(await run(code, [server]), "[2, 4, 6]\n[3, 2, 1]\n0");
});
