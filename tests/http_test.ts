/** `ucoreHttp`: real clients and real servers on the loopback interface, among them some that misbehave. */

import { assert, assertEquals, assertMatch, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { heapStats } from "../core/heap.ts";
import { createRuntime } from "../mod.ts";
import { errorOf, inFolder, type Outcome, type RunOptions, runUnna, withHost } from "./support.ts";

const CLI = new URL("../cli.ts", import.meta.url).pathname;

/** Runs `use` while a program serves; the program ends when that is over. */
async function withServer(
  program: string,
  use: (url: string, port: number) => Promise<void>,
  options: RunOptions = {},
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const source = `${program}
ucoreHttp.route("POST", "/stop", function (request) { ucoreHttp.stop(); return "bye"; });
async function serveTests() { return ucoreHttp.listen(0); }
var served = serveTests();
ready(ucoreHttp.port());
assert(await served);`;
  const run = runUnna(source, { functions: { ready: (port) => resolve(Number(port)) }, ...options });
  const port = await Promise.race([promise, run.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
  const url = `http://localhost:${port}`;
  try {
    await use(url, port);
  } finally {
    assertStrictEquals(await text(`${url}/stop?user=test`, { method: "POST" }), "bye");
  }
  return await run;
}

/** The same, of a program that has nothing to complain about. */
async function serveWell(...args: Parameters<typeof withServer>): Promise<void> {
  const { code, stderr } = await withServer(...args);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
}

async function text(url: string, init?: RequestInit): Promise<string> {
  return await (await fetch(url, init)).text();
}

/** Sends bytes as they are, and gives all that comes back until the server hangs up. */
async function sendRaw(port: number, message: string): Promise<string> {
  using connection = await Deno.connect({ port, hostname: "127.0.0.1" });
  await connection.write(new TextEncoder().encode(message));
  let answer = "";
  const buffer = new Uint8Array(4096);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return answer;
    answer += new TextDecoder().decode(buffer.subarray(0, count));
  }
}

Deno.test("functions of ucoreHttp refuse arguments of other types, and say what they expect", async () => {
  const rows: [string, string][] = [
    ["get", "5"],
    ["get", '"a", 5'],
    ["post", '"a"'],
    ["post", '"a", 5'],
    ["put", '"a", nil'],
    ["patch", '"a", "b", {}, 1'],
    ["delete", ""],
    ["request", '"GET"'],
    ["route", '"GET", "/"'],
    ["route", '"GET", "/", 5'],
    ["use", "5"],
    ["static", '"/"'],
    ["listen", '"80"'],
    ["port", "1"],
    ["stop", "1"],
    ["json", ""],
  ];
  for (const [name, args] of rows) {
    const error = await errorOf(`ucoreHttp.${name}(${args});`);
    assert(error.startsWith(`Runtime Error: ucoreHttp.${name} expects (`), error);
  }
});

// ---- client ------------------------------------------------------------------------------------------------------

/** A port that nobody listens on. */
function freePort(): Promise<number> {
  const listener = Deno.listen({ port: 0 }), { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return untilFree(port);
}

/** Waits until a port can be had: whoever listened on it may take a moment to let go of it. */
async function untilFree(port: number): Promise<number> {
  for (;;) {
    try {
      Deno.listen({ port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

Deno.test("the client sends method, body and headers, and gives the body", async () => {
  await withHost(async (request) => {
    const { method, headers } = request, path = new URL(request.url).pathname;
    return Response.json([
      method,
      path,
      headers.get("content-type"),
      headers.get("x-a"),
      await request.text(),
    ]);
  }, async (url) => {
    const { stdout, stderr } = await runUnna(`
      var url = "${url}";
      print ucoreHttp.get(url + "/a");
      print ucoreHttp.get(slice(url, 7) + "/no/scheme", {"headers": {"X-A": 7}});
      print ucoreHttp.post(url, "grüße");
      print ucoreHttp.put(url, {"a": [1, nil]});
      print ucoreHttp.patch(url, [true], {"headers": {"Content-Type": "x/y"}});
      print ucoreHttp.delete(url);
      print ucoreHttp.request("purge", url, {"body": "b"})["body"];
      print await ucoreHttp.get(url);`);
    assertEquals({ stdout, stderr }, {
      stdout: `["GET","/a",null,null,""]
["GET","/no/scheme",null,"7",""]
["POST","/",null,null,"grüße"]
["PUT","/","application/json",null,"{\\"a\\":[1,null]}"]
["PATCH","/","x/y",null,"[true]"]
["DELETE","/",null,null,""]
["PURGE","/",null,null,"b"]
["GET","/",null,null,""]
`,
      stderr: "",
    });
  });
});

Deno.test("a body that is not UTF-8 comes through as it is, in both directions", async () => {
  await withHost(async (request) => new Response(await request.bytes()), async (url) => {
    const { stdout } = await runUnna(`
      var bytes = "a\\xff\\0b";
      var back = ucoreHttp.post("${url}", bytes);
      print length(back);
      print back == bytes;
      print ucoreHttp.get("${url}") == "";`);
    assertStrictEquals(stdout, "4\ntrue\ntrue\n");
  });
});

Deno.test("the client follows redirects, or not", async () => {
  await withHost((request) => {
    const { pathname } = new URL(request.url);
    return pathname === "/end" ? new Response("end") : Response.redirect(new URL("/end", request.url), 307);
  }, async (url) => {
    const { stdout } = await runUnna(`
      var url = "${url}";
      print ucoreHttp.get(url);
      var followed = ucoreHttp.request("GET", url);
      print str(followed["status"]) + " " + slice(followed["url"], length(url));
      var told = ucoreHttp.request("GET", url, {"redirects": false});
      print str(told["status"]) + " " + slice(told["headers"]["location"], length(url));`);
    assertStrictEquals(stdout, "end\n200 /end\n307 /end\n");
  });
});

Deno.test("responses of any status have a body; several of the same header are joined", async () => {
  const headers: [string, string][] = [["x-many", "1"], ["X-Many", "2"]];
  await withHost(() => new Response("sorry", { status: 418, headers }), async (url) => {
    const { stdout } = await runUnna(`
      print ucoreHttp.get("${url}");
      var r = ucoreHttp.request("GET", "${url}");
      print str(r["status"]) + r["headers"]["x-many"] + r["body"];`);
    assertStrictEquals(stdout, "sorry\n4181, 2sorry\n");
  });
});

Deno.test("a client without a response gets nil, and a message", async () => {
  using silent = Deno.listen({ port: 0 });
  const { port } = silent.addr as Deno.NetAddr, closed = await freePort();
  const rows: [string, RegExp][] = [
    [`ucoreHttp.get("http://127.0.0.1:${closed}/")`, /^Connection failed: .*refused/],
    [`ucoreHttp.post("http://127.0.0.1:${closed}/", "x")`, /^Connection failed: .*refused/],
    [`ucoreHttp.get("http://no-such-host.invalid/")`, /^Connection failed: /],
    [`ucoreHttp.request("GET", "https://127.0.0.1:${closed}/")`, /^Connection failed: /],
    [
      `ucoreHttp.get("http://127.0.0.1:${port}/", {"timeout": 30})`,
      /^Connection failed: no answer from http:.* within 30 ms/,
    ],
    [`ucoreHttp.get("")`, /^Invalid URL: \n/],
    [`ucoreHttp.get("file:///etc/passwd")`, /^Invalid URL: file:/],
    [`ucoreHttp.get("http://a b/")`, /^Invalid URL: http:/],
  ];
  for (const [source, message] of rows) {
    const { code, stdout, stderr } = await runUnna(`print ${source};`);
    assertEquals({ code, stdout }, { code: 0, stdout: "nil\n" }, source);
    assertMatch(stderr, message);
  }
});

Deno.test("options that are none, or of another type, are errors", async () => {
  const rows: [string, string][] = [
    ['{"time": 5}', "has no option 'time'; it has headers, body, timeout and redirects."],
    ['{"timeout": "5"}', "expects an int as timeout, but got string."],
    ['{"redirects": 1}', "expects a bool as redirects, but got int."],
    ['{"headers": []}', "cannot send that: headers have to be a map, not array."],
    ['{"headers": {"a b": 1}}', "cannot send that: "],
    ['{"body": "x"}', "cannot send that: "], // not with GET
  ];
  for (const [options, message] of rows) {
    const error = await errorOf(`ucoreHttp.get("http://127.0.0.1:9999/", ${options});`);
    assert(error.startsWith(`Runtime Error: ucoreHttp.get ${message}`), error);
  }
  assertStrictEquals(
    await errorOf('var m = {}; m["m"] = m; ucoreHttp.post("localhost:1", m);'),
    "Runtime Error: ucoreHttp.post cannot send that: A value that contains itself has no JSON.",
  );
  assertStrictEquals(
    await errorOf('ucoreHttp.request("BAD METHOD", "localhost:1");'),
    "Runtime Error: ucoreHttp.request cannot send that: Method is not valid.",
  );
});

Deno.test("requests of the client wait for their own task only", async () => {
  const waiting: (() => void)[] = [];
  await withHost(async (request) => {
    // Nobody is answered before all have asked.
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 10) waiting.forEach((go) => go());
    });
    return new Response(new URL(request.url).pathname);
  }, async (url) => {
    const { stdout } = await runUnna(`
      async function fetchIt(i) { return ucoreHttp.get("${url}/" + i); }
      var all = [];
      for (var i = 0; i < 10; i += 1) push(all, fetchIt(i));
      var texts = [];
      for (var f : all) push(texts, await f);
      print texts;`);
    assertStrictEquals(stdout, "[/0, /1, /2, /3, /4, /5, /6, /7, /8, /9]\n");
  });
});

// ---- routes ------------------------------------------------------------------------------------------------------

const REPLY_ROUTES = `
struct Point { x; y; }
ucoreHttp.route("GET", "/text", function (r) { return "grüße"; });
ucoreHttp.route("GET", "/bytes", function (r) { return {"body": "\\xff\\0", "contentType": "a/b"}; });
ucoreHttp.route("GET", "/json", function (r) { return {"body": {"at": Point(1, 2.5), "n": [nil, true]}}; });
ucoreHttp.route("GET", "/map", function (r) { return {"plain": "map"}; });
ucoreHttp.route("GET", "/array", function (r) { return [1, 2]; });
ucoreHttp.route("GET", "/typed", function (r) { return {"contentType": "x/y", "body": [1], "status": 201}; });
ucoreHttp.route("GET", "/nothing", function (r) { });
ucoreHttp.route("GET", "/gone", function (r) { return {"status": 304, "body": "not sent"}; });
ucoreHttp.route("GET", "/headers", function (r) {
  return {"status": 302, "headers": {"Location": "/text", "Set-Cookie": ["a=1", "b=2"], "X-N": 5,
    "Access-Control-Allow-Origin": "me"}};
});`;

Deno.test("results of handlers become answers", async () => {
  await serveWell(REPLY_ROUTES, async (url) => {
    const rows: [string, number, string | null, string][] = [
      ["/text", 200, "text/plain; charset=utf-8", "grüße"],
      ["/json", 200, "application/json", '{"at":{"x":1,"y":2.5},"n":[null,true]}'],
      ["/map", 200, "application/json", '{"plain":"map"}'],
      ["/array", 200, "application/json", "[1,2]"],
      ["/typed", 201, "x/y", "[1]"],
      ["/nothing", 204, null, ""],
      ["/gone", 304, null, ""],
      ["/missing", 404, "text/plain; charset=utf-8", "Not Found"],
      ["/text/more", 404, "text/plain; charset=utf-8", "Not Found"],
    ];
    for (const [path, status, type, body] of rows) {
      const response = await fetch(url + path);
      assertEquals([path, response.status, response.headers.get("content-type"), await response.text()], [
        path,
        status,
        type,
        body,
      ]);
      assertStrictEquals(response.headers.get("access-control-allow-origin"), "*");
    }
    assertEquals([...await (await fetch(`${url}/bytes`)).bytes()], [255, 0]);
    const { status, headers, body } = await fetch(`${url}/headers`, { redirect: "manual" });
    await body?.cancel();
    assertEquals([status, headers.get("location"), headers.getSetCookie(), headers.get("x-n")], [
      302,
      "/text",
      ["a=1", "b=2"],
      "5",
    ]);
    assertStrictEquals(headers.get("access-control-allow-origin"), "me");
  });
});

Deno.test("a handler sees method, path, query, headers, parameters and body", async () => {
  const program = `
    function echo(request) {
      return {"body": [request["method"], request["path"], request["query"], request["params"],
        request["headers"]["x-a"], request["body"], request["json"]]};
    }
    ucoreHttp.route("*", "/any/:first/and/:second", "echo");
    ucoreHttp.route("POST", "/files/*", echo);`;
  await serveWell(program, async (url) => {
    const ask = async (path: string, init?: RequestInit) => await (await fetch(url + path, init)).json();
    assertEquals(await ask("/any/a%2Fb%20c/and/grüße?x=1&y=a+b%21&x=2", { headers: { "X-A": "v" } }), [
      "GET",
      "/any/a%2Fb%20c/and/gr%C3%BC%C3%9Fe",
      { x: "2", y: "a b!" },
      { first: "a/b c", second: "grüße" },
      "v",
      "",
      null,
    ]);
    assertEquals(await ask("/files/a/b/", { method: "POST", body: "x=1" }), [
      "POST",
      "/files/a/b/",
      {},
      { "*": "a/b" },
      null,
      "x=1",
      null,
    ]);
    const json = { method: "POST", headers: { "content-type": "application/json; charset=utf-8" } };
    const [, , , , , body, value] = await ask("/files", { ...json, body: '{"n": [1.5, "é"]}' });
    assertEquals([body, value], ['{"n": [1.5, "é"]}', { n: [1.5, "é"] }]);
    const bad = await fetch(`${url}/files`, { ...json, body: "{" });
    assertEquals(bad.status, 400);
    assertStringIncludes(await bad.text(), "Malformed JSON");
  });
});

Deno.test("ints of a JSON body keep their 64 bits on the way in and out", async () => {
  const program = `ucoreHttp.route("POST", "/", function (r) { return [r["json"], r["json"] + 1]; });`;
  await serveWell(program, async (url) => {
    const headers = { "content-type": "application/json" };
    const body = "9223372036854775806";
    assertStrictEquals(
      await text(url, { method: "POST", headers, body }),
      "[9223372036854775806,9223372036854775807]",
    );
  });
});

Deno.test("later routes come first, those of the same place replace each other", async () => {
  const program = `
    ucoreHttp.route("GET", "/a/:x", function (r) { return "param"; });
    ucoreHttp.route("get", "/a/b", function (r) { return "first"; });
    ucoreHttp.route("GET", "/a/b/", function (r) { return "second"; });
    ucoreHttp.route("POST", "/a/b", function (r) { return "posted"; });`;
  await serveWell(program, async (url) => {
    assertEquals(
      [await text(`${url}/a/b`), await text(`${url}/a/c`), await text(`${url}//a/b/`)],
      ["second", "param", "second"],
    );
    assertStrictEquals(await text(`${url}/a/b`, { method: "POST" }), "posted");
    for (const method of ["PUT", "DELETE", "OPTIONS", "FOO"]) {
      const response = await fetch(`${url}/a/b`, { method });
      assertEquals([response.status, await response.text()], [404, "Not Found"]);
    }
    const head = await fetch(`${url}/a/b`, { method: "HEAD" });
    assertEquals([head.status, head.headers.get("content-length"), await head.text()], [200, "6", ""]);
  });
});

Deno.test("middleware is called in order, sees the same map, and may answer itself", async () => {
  const program = `
    var log = [];
    ucoreHttp.use(function (r) { r["user"] = r["query"]["user"]; push(log, "a"); });
    async function check(r) {
      push(log, "b");
      ucoreTimer.sleep(1);
      if (r["user"] == nil) return {"status": 401, "body": "Who?"};
    }
    ucoreHttp.use("check");
    ucoreHttp.route("GET", "/me", function (r) { push(log, "c"); return r["user"]; });
    ucoreHttp.route("GET", "/log", function (r) { return log; });`;
  await serveWell(program, async (url) => {
    assertStrictEquals(await text(`${url}/me?user=ada`), "ada");
    const refused = await fetch(`${url}/me`);
    assertEquals([refused.status, await refused.text()], [401, "Who?"]);
    assertStrictEquals((await fetch(`${url}/missing`)).status, 401);
    assertStrictEquals(await text(`${url}/missing?user=1`), "Not Found");
    assertStrictEquals(await text(`${url}/log?user=1`), '["a","b","c","a","b","a","b","a","b","a","b"]');
  });
});

Deno.test("a main handler answers everything, by name or as a value", async () => {
  const program = (handler: string) => `
    function answer(r) { return r["method"] + r["path"]; }
    ucoreHttp.route("GET", "/a", function (r) { return "never"; });
    async function serve() { return ucoreHttp.listen(0, ${handler}); }
    var served = serve();
    var url = "localhost:" + ucoreHttp.port();
    print ucoreHttp.get(url + "/a") + " " + ucoreHttp.post(url + "/b", "");
    ucoreHttp.stop();
    print await served;
    print ucoreHttp.port();`;
  for (const handler of ["answer", '"answer"']) {
    assertEquals(await runUnna(program(handler)), {
      code: 0,
      stdout: "GET/a POST/b\ntrue\nnil\n",
      stderr: "",
    });
  }
});

Deno.test("handlers that are no functions are refused when serving begins, and fail later ones", async () => {
  for (
    const setup of [
      'ucoreHttp.route("GET", "/", "missing"); ucoreHttp.listen(0);',
      'ucoreHttp.use("missing"); ucoreHttp.listen(0);',
      'var missing = 5; ucoreHttp.listen(0, "missing");',
    ]
  ) {
    assertStrictEquals(await errorOf(setup), "Runtime Error: Handler function 'missing' not found.");
  }
  const program = `
    function later(r) { return "later"; }
    ucoreHttp.route("GET", "/add", function (r) {
      ucoreHttp.route("GET", "/later", "later");
      ucoreHttp.route("GET", "/missing", "missing");
    });`;
  const { code, stderr } = await withServer(program, async (url) => {
    assertStrictEquals((await fetch(`${url}/add`)).status, 204);
    assertStrictEquals(await text(`${url}/later`), "later");
    assertStrictEquals(await text(`${url}/missing`), "Internal Server Error");
  });
  assertStrictEquals(code, 0);
  assertStringIncludes(stderr, "Handler function 'missing' not found.");
});

// ---- failing -----------------------------------------------------------------------------------------------------

Deno.test("a handler that fails answers 500, its trace is reported, and the server goes on", async () => {
  const program = `
    function deep(r) { return r["body"] - 1; }
    ucoreHttp.route("GET", "/fail", function (r) { return deep(r); });
    ucoreHttp.route("GET", "/later", async function (r) { ucoreTimer.sleep(1); return deep(r); });
    ucoreHttp.route("GET", "/arity", function () { return 1; });
    ucoreHttp.route("GET", "/status", function (r) { return {"status": 99}; });
    ucoreHttp.route("GET", "/cycle", function (r) { r["r"] = r; return [r]; });
    ucoreHttp.route("GET", "/header", function (r) { return {"headers": {"a b": 1}}; });
    ucoreHttp.route("GET", "/fine", function (r) { return "fine"; });`;
  const { code, stderr } = await withServer(program, async (url) => {
    for (const path of ["fail", "later", "arity", "status", "cycle", "header", "fail"]) {
      const response = await fetch(`${url}/${path}`);
      assertEquals([response.status, await response.text()], [500, "Internal Server Error"], path);
      assertStrictEquals(await text(`${url}/fine`), "fine");
    }
  });
  assertStrictEquals(code, 0);
  assertStrictEquals(stderr.split("Cannot apply '-' to string and int.").length, 4, stderr);
  assertMatch(stderr, /at deep \(test\.unna:2:.*\n.*at anonymous \(test\.unna:3:/);
  assertStringIncludes(stderr, "status has to be an int from 200 to 599, not 99");
  assertStringIncludes(stderr, "A value that contains itself has no JSON");
});

Deno.test("exit in a handler ends the program, also when the handler has waited", async () => {
  for (const wait of ["", "ucoreTimer.sleep(1);"]) {
    const outcome = await runUnna(`
      ucoreHttp.route("GET", "/", function (r) { print "leaving"; ${wait} ucoreSystem.exit(7); });
      async function serve() { ucoreHttp.listen(0); print "never"; }
      serve();
      ucoreHttp.get("localhost:" + ucoreHttp.port());
      ucoreTimer.sleep(60000);
      print "never";`);
    assertEquals([outcome.code, outcome.stdout], [7, "leaving\n"]);
  }
});

Deno.test("a program that fails while it serves ends, and its port is free again", async () => {
  const ports: number[] = [];
  const { code, stderr } = await runUnna(
    `
    async function serve() { ucoreHttp.listen(0); }
    serve();
    tell(ucoreHttp.port());
    nil + 1;`,
    { functions: { tell: (port) => void ports.push(Number(port)) } },
  );
  assertStrictEquals(code, 1);
  assertStringIncludes(stderr, "Cannot apply '+' to nil and int.");
  await untilFree(ports[0]);
  const again = await runUnna(`
    async function serve() { print ucoreHttp.listen(${ports[0]}, function (r) { return "again"; }); }
    serve();
    print ucoreHttp.get("localhost:${ports[0]}");
    ucoreHttp.stop();`);
  assertStrictEquals(
    again.stdout,
    `Server listening on port ${ports[0]}...\nUsing main handler: <fn anonymous>\nagain\ntrue\n`,
  );
});

Deno.test("a port that is taken is false, one that is none is an error", async () => {
  using taken = Deno.listen({ port: 0 });
  const { stdout, stderr } = await runUnna(`print ucoreHttp.listen(${(taken.addr as Deno.NetAddr).port});`);
  assertStrictEquals(stdout, "false\n");
  assertMatch(stderr, /^Error: Could not listen on port \d+: .*in use/);
  for (const port of [-1, 65536]) {
    assertStrictEquals(
      await errorOf(`ucoreHttp.listen(${port});`),
      `Runtime Error: ucoreHttp.listen expects a port from 0 to 65535, but got ${port}.`,
    );
  }
});

Deno.test("a runtime that is disposed while its program serves gives the port back", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const runtime = createRuntime({ functions: { ready: (port) => resolve(Number(port)) } });
  runtime.runSource(
    "a.unna",
    'async function serve() { ucoreHttp.listen(0, "print_"); }\nfunction print_(r) {}\nserve();\nready(ucoreHttp.port());',
  );
  const port = await promise;
  assertStrictEquals((await fetch(`http://localhost:${port}/`)).status, 204);
  runtime.dispose();
  await untilFree(port);
});

Deno.test("a runtime that is disposed in the middle of requests leaves the memory of others alone", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const begun = Promise.withResolvers<void>();
  let count = 0;
  const runtime = createRuntime({
    functions: {
      ready: (port) => resolve(Number(port)),
      // The last handler's own call is not over when the runtime goes.
      begin: () => void (++count === 10 && begun.resolve()),
    },
  });
  runtime.runSource(
    "a.unna",
    `function nap(r) { begin(); ucoreTimer.sleep(100000); return r; }
     async function serve() { ucoreHttp.listen(0, nap); }
     serve();
     ready(ucoreHttp.port());`,
  );
  const url = `http://localhost:${await promise}`;
  const asked = Array.from({ length: 10 }, () => fetch(url).then((r) => r.text(), () => "no answer"));
  await begun.promise;
  runtime.dispose();
  const source = `var all = [];
    for (var i = 0; i < 300; i += 1) { push(all, [str(i)]); if (i % 50 == 0) ucoreTimer.sleep(1); }
    var sum = 0;
    for (var each : all) sum += int(each[0]);
    print sum;`;
  assertStrictEquals((await runUnna(source, { gcStress: true })).stdout, "44850\n");
  for (const answer of await Promise.all(asked)) assertMatch(answer, /^(?:no answer|Service Unavailable)$/);
});

Deno.test("a program that fails after stop() ends, with requests that are not answered yet", async () => {
  for (const end of ["nil + 1;", "ucoreSystem.exit(1);"]) {
    const answer = Promise.withResolvers<string>();
    const begun = Promise.withResolvers<null>();
    const { code } = await runUnna(
      `ucoreHttp.route("GET", "/", function (r) { begin(); ucoreTimer.sleep(100000); });
       async function serve() { ucoreHttp.listen(0); }
       serve();
       ask(ucoreHttp.port());
       ucoreHttp.stop();
       ${end}`,
      {
        functions: {
          begin: () => begun.resolve(null),
          ask(port) {
            fetch(`http://localhost:${port}`).then((r) => r.text()).then(answer.resolve, answer.reject);
            return begun.promise;
          },
        },
      },
    );
    assertStrictEquals(code, 1);
    assertStrictEquals(await answer.promise, "Service Unavailable");
  }
});

// ---- files -------------------------------------------------------------------------------------------------------

Deno.test("static folders serve files by their extensions, and nothing outside", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/site/inner`, { recursive: true });
    await Deno.mkdir(`${folder}/site-private`);
    const write = (name: string, content: string) => Deno.writeTextFile(`${folder}/${name}`, content);
    await write("secret.txt", "secret");
    await write("site-private/key.txt", "secret");
    await write("site/index.html", "index");
    await write("site/data.json", "{}");
    await write("site/a b.css", "a{}");
    await write("site/inner/page.txt", "page");
    await write("site/noext", "?");
    await Deno.symlink(`${folder}/secret.txt`, `${folder}/site/link.txt`);
    await Deno.symlink(folder, `${folder}/site/up`);
    await Deno.symlink(`${folder}/site/inner/page.txt`, `${folder}/site/fine.txt`);
    const program = `
      print ucoreHttp.static("/s", "site");
      print ucoreHttp.static("/s/inner/deep", "${folder}/site-private");
      ucoreHttp.route("GET", "/s/route", function (r) { return "route"; });`;
    const { stdout } = await withServer(program, async (url, port) => {
      const rows: [string, string | null, string][] = [
        ["/s", "text/html; charset=utf-8", "index"],
        ["/s/", "text/html; charset=utf-8", "index"],
        ["/s/index.html", "text/html; charset=utf-8", "index"],
        ["/s/data.json", "application/json", "{}"],
        ["/s/a%20b.css", "text/css; charset=utf-8", "a{}"],
        ["/s/inner/page.txt", "text/plain; charset=utf-8", "page"],
        ["/s/fine.txt", "text/plain; charset=utf-8", "page"],
        ["/s/noext", "application/octet-stream", "?"],
        ["/s/inner/deep/key.txt", "text/plain; charset=utf-8", "secret"],
        ["/s/route", "text/plain; charset=utf-8", "route"],
      ];
      for (const [path, type, body] of rows) {
        const response = await fetch(url + path);
        assertEquals([path, response.status, response.headers.get("content-type"), await response.text()], [
          path,
          200,
          type,
          body,
        ]);
      }
      const outside = [
        "/s/../secret.txt",
        "/s/%2e%2e/secret.txt",
        "/s/..%2fsecret.txt",
        "/s/%2e%2e%2fsecret.txt",
        "/s/inner/..%2f..%2fsecret.txt",
        "/s/..\\secret.txt",
        "/s/%252e%252e/secret.txt",
        "/s//etc/passwd",
        "/s/%2fetc%2fpasswd",
        "/s/link.txt",
        "/s/up/secret.txt",
        "/s/up/site-private/key.txt",
        "/s/index.html%00.txt",
        "/s/inner",
        "/s/missing",
        "/sindex.html",
        "/s-private/key.txt",
        "/s/%ff",
      ];
      for (const path of outside) {
        const answer = await sendRaw(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
        assertMatch(answer, /^HTTP\/1\.1 40[04] /, path);
        assert(!answer.includes("secret\n") && !answer.endsWith("secret"), path);
      }
      assertStrictEquals((await fetch(`${url}/s/index.html`, { method: "POST" })).status, 404);
      const head = await fetch(`${url}/s/index.html`, { method: "HEAD" });
      assertEquals([head.status, head.headers.get("content-length"), await head.text()], [200, "5", ""]);
    }, { path: `${folder}/main.unna` });
    assertStrictEquals(stdout, "true\ntrue\n");
  });
});

Deno.test("a folder that is missing cannot be served", async () => {
  const { stdout, stderr } = await runUnna('print ucoreHttp.static("/", "no such folder");');
  assertStrictEquals(stdout, "false\n");
  assertStringIncludes(stderr, "There is no folder");
});

Deno.test("large files are sent in pieces, whatever the client does, and never go through the heap", async () => {
  await inFolder(async (folder) => {
    const size = 200 << 20, large = await Deno.create(`${folder}/large.bin`);
    await large.truncate(size);
    large.close();
    const program = `
      ucoreHttp.static("/", ".");
      ucoreHttp.route("GET", "/mine", function (r) { return {"file": "large.bin", "contentType": "x/y"}; });
      ucoreHttp.route("GET", "/none", function (r) { return {"file": "missing.bin"}; });`;
    await serveWell(program, async (url) => {
      for (const [path, type] of [["/large.bin", "application/octet-stream"], ["/mine", "x/y"]]) {
        const { headers, body } = await fetch(url + path);
        assertEquals([headers.get("content-type"), headers.get("content-length")], [type, String(size)]);
        let received = 0;
        for await (const piece of body!) received += piece.length;
        assertStrictEquals(received, size);
      }
      // Clients that leave in the middle leave no file open: the test's own check for resources sees to that.
      for (let i = 0; i < 20; i++) {
        const reader = (await fetch(`${url}/large.bin`)).body!.getReader();
        await reader.read();
        await reader.cancel();
      }
      assertStrictEquals((await fetch(`${url}/none`)).status, 404);
    }, { path: `${folder}/main.unna`, heap: 16 << 20 });
  });
});

// ---- load --------------------------------------------------------------------------------------------------------

Deno.test("handlers that wait run at the same time: 200 requests wait for each other", async () => {
  const program = `
    var inside = 0;
    var most = 0;
    ucoreHttp.route("GET", "/nap", async function (r) {
      inside += 1;
      if (inside > most) most = inside;
      while (most < 200) await ucoreTimer.sleep(5);
      return r["query"]["n"];
    });`;
  await serveWell(program, async (url) => {
    const asked = Array.from({ length: 200 }, (_, i) => text(`${url}/nap?n=${i}`));
    assertEquals(await Promise.all(asked), asked.map((_, i) => String(i)));
  });
});

Deno.test("10,000 requests: each gets its own answer, and memory stays what it was", async () => {
  const program = `
    var count = 0;
    ucoreHttp.use(function (r) { count += 1; });
    ucoreHttp.route("POST", "/echo/:id", function (r) {
      if (count % 3 == 0) ucoreTimer.sleep(0);
      if (count % 100 == 0) return {"body": function () {}, "status": 201};
      return {"body": r["body"] + r["params"]["id"], "headers": {"X-Id": r["params"]["id"]}};
    });`;
  const { stderr } = await withServer(program, async (url) => {
    let functions = 0;
    const ask = async (id: number) => {
      const response = await fetch(`${url}/echo/${id}`, { method: "POST", body: "x".repeat(1000) });
      const body = await response.text();
      if (response.status === 201) functions++;
      else assertEquals([response.headers.get("x-id"), body], [String(id), "x".repeat(1000) + id]);
    };
    const round = async (from: number, to: number) => {
      const next = { id: from };
      await Promise.all(Array.from({ length: 50 }, async () => {
        while (next.id < to) await ask(next.id++);
      }));
    };
    await round(0, 2000);
    const before = heapStats();
    await round(2000, 10_000);
    assert(functions > 0);
    const { live, collections } = heapStats();
    assert(collections > before.collections, "the heap is small enough to be collected");
    // What is alive differs by the requests under way, of which there are 50 at most, with some 2 KB each.
    assert(live < before.live + (200 << 10), `${before.live} bytes alive before, ${live} after`);
  }, { heap: 4 << 20 });
  assertStrictEquals(stderr, "");
});

Deno.test("under GC stress requests are answered as without", async () => {
  const program = `${REPLY_ROUTES}
    ucoreHttp.use(function (r) { r["seen"] = [r["path"]]; });
    ucoreHttp.route("POST", "/echo", function (r) { ucoreTimer.sleep(1); return [r["json"], r["seen"], r["body"]]; });`;
  for (const backend of ["interp", "x64"]) {
    await serveWell(program, async (url) => {
      const headers = { "content-type": "application/json" };
      const asked = Array.from(
        { length: 30 },
        (_, i) => text(`${url}/echo`, { method: "POST", headers, body: `{"i": ${i}}` }),
      );
      const expected = asked.map((_, i) => `[{"i":${i}},["/echo"],"{\\"i\\": ${i}}"]`);
      assertEquals(await Promise.all(asked), expected);
      assertStrictEquals(await text(`${url}/json`), '{"at":{"x":1,"y":2.5},"n":[null,true]}');
    }, { gcStress: true, backend, threshold: 1 });
  }
});

Deno.test("big bodies arrive whole; what does not fit the heap is refused", async () => {
  const program = `ucoreHttp.route("POST", "/", function (r) { return str(length(r["body"])); });`;
  await serveWell(program, async (url) => {
    for (const size of [0, 4095, 4096, 65_537, 5_000_000]) {
      assertStrictEquals(await text(url, { method: "POST", body: new Uint8Array(size) }), String(size));
    }
    const pieces = ReadableStream.from([new Uint8Array(70_000), new Uint8Array(30_000)]);
    assertStrictEquals(await text(url, { method: "POST", body: pieces }), "100000");
    const large = await fetch(url, { method: "POST", body: new Uint8Array(40 << 20) });
    assertEquals([large.status, await large.text()], [413, "Content Too Large"]);
    assertStrictEquals(await text(url, { method: "POST", body: "still here" }), "10");
  }, { heap: 32 << 20 });
});

Deno.test("malformed requests are refused, broken connections are nobody's loss", async () => {
  const program = `
    ucoreHttp.route("GET", "/", function (r) { return "fine"; });
    ucoreHttp.route("POST", "/", function (r) { return "never for half a body"; });`;
  await serveWell(program, async (url, port) => {
    const malformed = [
      "garbage\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET\r\n\r\n",
      "GET / HTTP/1.1\r\nHost x\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
      "\0\0\0\0\r\n\r\n",
      `GET /${"a".repeat(1 << 20)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    ];
    for (const message of malformed) {
      const answer = await sendRaw(port, message).catch(() => "");
      assertMatch(answer, /^(?:HTTP\/1\.[01] 4\d\d |$)/, message.slice(0, 50));
    }
    const odd = await sendRaw(port, "GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n");
    assertMatch(odd, /^HTTP\/1\.1 400 /);
    for (const message of ["GET / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", ""]) {
      const connection = await Deno.connect({ port, hostname: "127.0.0.1" });
      await connection.write(new TextEncoder().encode(message));
      connection.close();
    }
    assertStrictEquals(await text(url), "fine");
  });
});

Deno.test("clients that hang up do not disturb the handler, nor the others", async () => {
  const program = `
    var done = 0;
    ucoreHttp.route("GET", "/slow", function (r) { ucoreTimer.sleep(30); done += 1; return "slow"; });
    ucoreHttp.route("GET", "/done", function (r) { while (done < 20) ucoreTimer.sleep(1); return str(done); });`;
  await serveWell(program, async (url, port) => {
    for (let i = 0; i < 20; i++) {
      const connection = await Deno.connect({ port, hostname: "127.0.0.1" });
      await connection.write(new TextEncoder().encode("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
      // Gone as soon as the server has begun.
      setTimeout(() => connection.close(), 10);
    }
    assertStrictEquals(await text(`${url}/done`), "20");
  });
});

Deno.test("a connection serves several requests, one after the other", async () => {
  const program = `ucoreHttp.route("GET", "/:n", function (r) { return r["params"]["n"]; });`;
  await serveWell(program, async (_, port) => {
    const answer = await sendRaw(
      port,
      "GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n" +
        "HEAD /six HTTP/1.1\r\nHost: x\r\n\r\nGET /three HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assertStrictEquals(answer.match(/HTTP\/1\.1 200 OK/g)?.length, 4);
    assertMatch(answer, /one.*two.*three$/s);
  });
});

Deno.test("stop() lets requests finish that have begun, and listen() ends after them", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { stdout } = await runUnna(
    `
    ucoreHttp.route("GET", "/slow", function (r) { begun(); ucoreTimer.sleep(50); print "done"; return "slow"; });
    async function serve() { print ucoreHttp.listen(0); }
    var served = serve();
    var url = "localhost:" + ucoreHttp.port();
    async function ask() { return ucoreHttp.get(url + "/slow"); }
    var asked = ask();
    wait();
    print ucoreHttp.stop();
    print ucoreHttp.stop();
    await served;
    print await asked;`,
    { functions: { begun: () => resolve(), wait: () => promise.then(() => null) } },
  );
  assertStrictEquals(stdout, "true\nfalse\ndone\ntrue\nslow\n");
});

Deno.test("what a handler prints is there when the client has its answer", async () => {
  let out = "";
  const program = `ucoreHttp.route("GET", "/", function (r) { print "asked"; return "x"; });`;
  await withServer(program, async (url) => {
    await text(url);
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertStrictEquals(out, "asked\n");
  }, { stdout: (bytes) => void (out += new TextDecoder().decode(bytes)) });
});

// ---- as a process ------------------------------------------------------------------------------------------------

function startProcess(flags: readonly string[], source: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...flags, CLI, "-e", source],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("without --allow-net there is a clear error", async () => {
  for (const source of ["ucoreHttp.listen(0);", 'ucoreHttp.get("localhost:8079");']) {
    const { code, stdout, stderr } = await startProcess(["--allow-read", "--allow-env"], source).output();
    assertStrictEquals(code, 1);
    assertStrictEquals(new TextDecoder().decode(stdout), "");
    assertMatch(new TextDecoder().decode(stderr), /^Runtime Error: Requires net access to .*--allow-net/);
  }
});

/** Waits until a process has said that it cares for a signal: the watchdog's thread takes a moment to start. */
async function untilCaught(pid: number, signal: "SIGINT" | "SIGTERM"): Promise<void> {
  const bit = signal === "SIGINT" ? 1n : 14n;
  for (let isCaught = false; !isCaught;) {
    const [, mask] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(await Deno.readTextFile(`/proc/${pid}/status`))!;
    isCaught = (BigInt(`0x${mask}`) >> bit & 1n) === 1n;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const SERVING = `
  ucoreHttp.route("GET", "/slow", function (r) { print "begun"; ucoreTimer.sleep(300); return "slow"; });
  async function serve() { ucoreHttp.listen(0); print "stopped"; }
  var served = serve();
  print ucoreHttp.port();
  await served;
  print "end";`;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    name: `${signal} stops a server gracefully, and the program goes on`,
    ignore: Deno.build.os !== "linux", // elsewhere nobody tells when a signal is cared for
    fn: () => stopBySignal(signal),
  });
}

async function stopBySignal(signal: "SIGINT" | "SIGTERM"): Promise<void> {
  const child = startProcess(["-A"], SERVING);
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let out = "";
  const until = async (wanted: RegExp) => {
    while (!wanted.test(out)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the output has ended: ${out}`);
      out += value;
    }
  };
  await until(/^\d+\n/);
  const slow = text(`http://localhost:${parseInt(out)}/slow`);
  await until(/begun\n/);
  await untilCaught(child.pid, signal);
  child.kill(signal);
  assertStrictEquals(await slow, "slow");
  await until(/stopped\nend\n$/);
  assertEquals([await reader.read(), (await child.status).code], [{ value: undefined, done: true }, 0]);
  assertStrictEquals(await new Response(child.stderr).text(), "");
}

Deno.test("curl gets what it asks for", async () => {
  const { success } = await new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output().catch(
    () => ({
      success: false,
    }),
  );
  if (!success) return console.log("curl is not installed: not tested with it");
  const program =
    `ucoreHttp.route("PUT", "/:name", function (r) { return [r["params"]["name"], r["json"]]; });`;
  await serveWell(program, async (url) => {
    const { stdout } = await new Deno.Command("curl", {
      args: [
        "-s",
        "-i",
        "-X",
        "PUT",
        "-H",
        "Content-Type: application/json",
        "-d",
        '{"a":[1]}',
        `${url}/key`,
      ],
    }).output();
    const answer = new TextDecoder().decode(stdout);
    assertMatch(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assertMatch(answer, /content-type: application\/json\r\n/i);
    assert(answer.endsWith('\r\n\r\n["key",{"a":[1]}]'), answer);
  });
});
