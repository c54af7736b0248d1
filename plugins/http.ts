/**
 * `ucoreHttp`: a client on `fetch`, and a server on `Deno.serve`. Connections and the protocol are Deno's business;
 * what is decided here is what a program sees of them: what the client makes of a response, what a handler is called
 * with, and what becomes of its result.
 *
 * ```text
 *  request ──► middleware ──► middleware ──► handler of the route, or file of a static folder, or 404
 *                  │ not nil      │ not nil      │
 *                  └──────────────┴──────────────┴──► reply
 * ```
 *
 * All functions that see a request are given the same map, so middleware can leave something in it. Each call is a
 * task of its own: while one waits, other requests are served. What a request takes in the heap is let go of when it
 * is answered.
 */

import { type Machine, type NativeCall, type NativeDef, type Param, RuntimeFault } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { converterOf, defineHostNative, type Handle, type HostValue } from "../core/convert.ts";
import { views } from "../core/memory.ts";
import {
  copyValue,
  HI_ARRAY,
  HI_FUNCTION,
  HI_MAP,
  HI_NATIVE,
  HI_NIL,
  HI_STRING,
  isInt,
  Kind,
  kindName,
  setNil,
  setObject,
} from "../core/value.ts";
import { arrayLength, HeapExhausted, heapLimit, itemWord, safepoint } from "../core/heap.ts";
import { newStringBytes, stringBytes, stringText, stringUnits } from "../core/strings.ts";
import { forEachEntry, mapSet, mapSetUnits } from "../core/maps.ts";
import { numberAt } from "../core/arithmetic.ts";
import { valueToDisplay } from "../core/text.ts";
import { placeOf } from "../core/files.ts";
import { json, Malformed, parseJson, stringifyJson } from "./json.ts";

const { I32 } = views;

const URL_PARAM: Param = { name: "url", type: "string" };
const BODY: Param = { name: "body", type: ["string", "map", "array"] };
const OPTIONS: Param = { name: "options", type: "map", mode: "optional" };
const HANDLER: Param = { name: "handler", type: ["string", "function"] };

/** The type of what is sent as JSON. */
const JSON_TYPE = "application/json";

/**
 * The bytes as which the value at a word goes over the wire: strings as they are, all else as JSON.
 * @throws {Cycle} if it contains itself
 */
function bytesAt(word: number): Uint8Array<ArrayBuffer> {
  return I32[word + 1] === HI_STRING
    ? new Uint8Array(stringBytes(I32[word]))
    : new Uint8Array(stringifyJson(word));
}

/**
 * The headers in the map at a word; one with an array is there several times.
 * @throws {TypeError} if they cannot be sent
 */
function headersAt(word: number): Headers {
  const headers = new Headers();
  if (I32[word + 1] !== HI_MAP) throw new TypeError(`headers have to be a map, not ${kindName(word)}`);
  forEachEntry(I32[word], (key, value) => {
    const name = valueToDisplay(key);
    if (I32[value + 1] !== HI_ARRAY) return headers.append(name, valueToDisplay(value));
    const items = I32[value];
    for (let i = 0; i < arrayLength(items); i++) headers.append(name, valueToDisplay(itemWord(items, i)));
  });
  return headers;
}

// ---- client ------------------------------------------------------------------------------------------------------

/** What upstream calls itself in requests. */
const USER_AGENT = "Unnarize/1.0";

/** What is sent, and how. */
interface Sending {
  /** The function that sends, as messages name it. */
  readonly by: string;
  readonly method: string;
  readonly headers: Headers;
  body: Uint8Array<ArrayBuffer> | null;
  /** Milliseconds until the whole response has to be there. */
  timeout: number | null;
  /** Whether redirects are followed. */
  redirects: boolean;
}

/** A program that answers itself on a port that the system chooses. */
function selfServed(route: string, client: string): string {
  return `${route}
async function serve() { ucoreHttp.listen(0); }
serve();
var url = "http://localhost:" + ucoreHttp.port();
${client}
ucoreHttp.stop();`;
}

/** A native that gives the body of a response. */
function defineSender(method: string, hasBody: boolean): NativeDef {
  const name = `ucoreHttp.${method.toLowerCase()}`;
  const echo = `function (request) { return request["method"] + " " + request["body"]; }`;
  return {
    name,
    params: hasBody ? [URL_PARAM, BODY, OPTIONS] : [URL_PARAM, OPTIONS],
    doc: `Sends a ${method} request, ${
      hasBody ? "with a string or, as JSON, a map or an array as its body, " : ""
    }and gives the body of the response; nil if there is none.`,
    example: {
      code: selfServed(
        `ucoreHttp.route("${method}", "/", ${echo});`,
        `print ucoreHttp.${method.toLowerCase()}(url${hasBody ? ', "hello"' : ""});`,
      ),
      output: `${method} ${hasBody ? "hello" : ""}\n`,
    },
    call(call) {
      const sending = makeSending(name, method);
      if (hasBody) setBody(call, call.word(1), sending);
      readOptions(call, hasBody ? 2 : 1, sending);
      send(call, stringText(I32[call.word(0)]), sending, async (response) => {
        const body = await response.bytes();
        return (result) => {
          safepoint(stringUnits(body.length));
          setObject(result, Kind.STRING, newStringBytes(body));
        };
      });
    },
  };
}

const CLIENT: readonly NativeDef[] = [
  defineSender("GET", false),
  defineSender("POST", true),
  defineSender("PUT", true),
  defineSender("PATCH", true),
  defineSender("DELETE", false),
  {
    name: "ucoreHttp.request",
    params: [{ name: "method", type: "string" }, URL_PARAM, OPTIONS],
    doc:
      "Sends a request and gives the response as a map with `status`, `headers`, `body`, and the `url` that it came from in the end; nil if there is none. Options: `headers` (a map), `body`, `timeout` (milliseconds), and `redirects` (whether to follow them, true if left out).",
    example: {
      code: selfServed(
        `ucoreHttp.route("GET", "/old", function (r) { return {"status": 302, "headers": {"Location": "/new"}}; });`,
        `var response = ucoreHttp.request("GET", url + "/old", {"redirects": false, "timeout": 10000});
print response["status"];
print response["headers"]["location"];
print ucoreHttp.request("GET", url + "/old")["status"];`,
      ),
      output: "302\n/new\n404\n",
    },
    call(call) {
      const sending = makeSending("ucoreHttp.request", stringText(I32[call.word(0)]).toUpperCase());
      readOptions(call, 2, sending);
      const { machine } = call;
      send(call, stringText(I32[call.word(1)]), sending, async (response) => {
        const { status, headers, url } = response, body = await response.bytes();
        const map = new Map<string, HostValue>([
          ["status", status],
          ["headers", new Map(headers)],
          ["body", body],
          ["url", url],
        ]);
        return (result) => {
          const { hold, wordOf, release } = converterOf(machine), held = hold(map);
          copyValue(result, wordOf(held));
          release(held);
        };
      });
    },
  },
];

function makeSending(by: string, method: string): Sending {
  const headers = new Headers({ "user-agent": USER_AGENT });
  return { by, method, headers, body: null, timeout: null, redirects: true };
}

function setBody(call: NativeCall, word: number, sending: Sending): void {
  sending.body = attempt(call, sending, () => bytesAt(word));
  if (I32[word + 1] !== HI_STRING) sending.headers.set("content-type", JSON_TYPE);
}

/** Reads the options in argument `index`, if it is there. */
function readOptions(call: NativeCall, index: number, sending: Sending): void {
  if (index >= call.count) return;
  forEachEntry(I32[call.word(index)], (key, value) => {
    const name = valueToDisplay(key);
    switch (name) {
      case "headers":
        return attempt(call, sending, () => headersAt(value)).forEach((text, header) =>
          sending.headers.set(header, text)
        );
      case "body":
        return setBody(call, value, sending);
      case "timeout":
        if (!isInt(I32[value + 1])) {
          call.fail(`${sending.by} expects an int as timeout, but got ${kindName(value)}.`);
        }
        sending.timeout = Math.max(0, numberAt(value));
        return;
      case "redirects":
        if (kindName(value) !== "bool") {
          call.fail(`${sending.by} expects a bool as redirects, but got ${kindName(value)}.`);
        }
        sending.redirects = I32[value] !== 0;
        return;
      default:
        call.fail(`${sending.by} has no option '${name}'; it has headers, body, timeout and redirects.`);
    }
  });
}

/** What `work` gives; that it cannot be sent is an error of the program. */
function attempt<T>(call: NativeCall, { by }: Sending, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof HeapExhausted) throw error;
    return call.fail(`${by} cannot send that: ${reasonOf(error).replace(/\.$/, "")}.`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Makes the task wait for a response, of which `read` makes what stores the result. */
function send(
  call: NativeCall,
  address: string,
  sending: Sending,
  read: (response: Response) => Promise<(result: number) => void>,
): void {
  const { world } = call.machine.host;
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `http://${address}`);
  if (url === null || !/^https?:$/.test(url.protocol)) return world.warn(`Invalid URL: ${address}\n`);
  const { method, headers, body, timeout, redirects } = sending;
  const aborter = new AbortController();
  const redirect = redirects ? "follow" as const : "manual" as const;
  const request = attempt(
    call,
    sending,
    () => new Request(url, { method, headers, body, redirect, signal: aborter.signal }),
  );
  const timer = timeout === null ? undefined : setTimeout(
    () => aborter.abort(new Error(`no answer from ${url} within ${timeout} ms`)),
    timeout,
  );
  const result = fetch(request).then(read).catch((error: unknown) => {
    if (error instanceof Deno.errors.NotCapable) throw error;
    // What fetch says itself is only that it failed.
    world.warn(`Connection failed: ${reasonOf(error instanceof TypeError ? error.cause ?? error : error)}\n`);
    return setNil;
  }).finally(() => clearTimeout(timer));
  call.wait(result, (word, store) => store(word));
}

// ---- what a program sets up --------------------------------------------------------------------------------------

/** A function, or the name of one among the globals of the main file, which is looked up at each call. */
type Handler = string | Handle;

interface Route {
  /** In upper case; `*` for all. */
  readonly method: string;
  /** Parts of the path: `:name` stands for any one, `*` at the end for all that follow. */
  readonly parts: readonly string[];
  readonly handler: Handler;
}

interface Mount {
  /** Without a slash at its end. */
  readonly prefix: string;
  /** The folder, without links and dots. */
  readonly folder: string;
}

/** What a program has set up. */
interface Site {
  /** The latest first, as they are looked through. */
  readonly routes: Route[];
  /** The latest first. */
  readonly mounts: Mount[];
  readonly middleware: Handler[];
  /** The latest last. */
  readonly servers: Deno.HttpServer<Deno.NetAddr>[];
}

const sites = new WeakMap<Machine, Site>();

function siteOf(machine: Machine): Site {
  let site = sites.get(machine);
  if (site === undefined) {
    site = { routes: [], mounts: [], middleware: [], servers: [] };
    sites.set(machine, site);
  }
  return site;
}

const SETUP: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreHttp.route",
    params: [{ name: "method", type: "string" }, { name: "path", type: "string" }, HANDLER],
    doc:
      "Has requests of a method (`*` for all) and a path answered by a function, or by the global function of that name. In the path, `:name` stands for any one part, `*` at the end for all that follow. Later routes come first. Gives true.",
    example: {
      code: selfServed(
        `ucoreHttp.route("GET", "/hello/:name", function (request) {
    return "Hello, " + request["params"]["name"] + request["query"]["mark"];
});`,
        `print ucoreHttp.get(url + "/hello/world?mark=!");`,
      ),
      output: "Hello, world!\n",
    },
    run([method, path, handler], machine) {
      const { routes } = siteOf(machine), parts = partsOf(String(path)), verb = String(method).toUpperCase();
      const same = routes.findIndex((route) =>
        route.method === verb && route.parts.join("/") === parts.join("/")
      );
      if (same >= 0) releaseHandler(routes.splice(same, 1)[0].handler);
      routes.unshift({ method: verb, parts, handler: handler as Handler });
      return true;
    },
  }),
  defineHostNative({
    name: "ucoreHttp.use",
    params: [HANDLER],
    doc:
      "Has a function called with each request before its handler, after those that are in use already. What it gives is the answer, unless it is nil. Gives true.",
    example: {
      code: selfServed(
        `ucoreHttp.use(function (request) { if (request["path"] == "/secret") return {"status": 403, "body": "No"}; });
ucoreHttp.route("GET", "/secret", function (request) { return "never seen"; });`,
        `print ucoreHttp.get(url + "/secret");`,
      ),
      output: "No\n",
    },
    run([handler], machine) {
      siteOf(machine).middleware.push(handler as Handler);
      return true;
    },
  }),
  defineHostNative({
    name: "ucoreHttp.static",
    params: [{ name: "prefix", type: "string" }, { name: "folder", type: "string" }],
    doc:
      "Serves the files below a folder under paths that begin with a prefix, where no route matches; of a folder its index.html. Gives true, or false if there is no such folder.",
    example: {
      code: `ucoreSystem.makeDir("pages");
ucoreSystem.writeFile("pages/index.html", "<h1>Hello</h1>");
${
        selfServed(
          `ucoreHttp.static("/site", "pages");`,
          `var response = ucoreHttp.request("GET", url + "/site/");
print response["headers"]["content-type"] + ": " + response["body"];`,
        )
      }
ucoreSystem.removeFile("pages/index.html");
ucoreSystem.removeFile("pages");`,
      output: "text/html; charset=utf-8: <h1>Hello</h1>\n",
    },
    run([prefix, folder], machine) {
      const { world } = machine.host, place = placeOf(String(folder), world.directory);
      try {
        const real = Deno.realPathSync(place);
        if (!Deno.statSync(real).isDirectory) throw new Deno.errors.NotADirectory();
        siteOf(machine).mounts.unshift({ prefix: `/${partsOf(String(prefix)).join("/")}`, folder: real });
        return true;
      } catch (error) {
        if (error instanceof Deno.errors.NotCapable) throw error;
        world.warn(`Error: There is no folder ${place}\n`);
        return false;
      }
    },
  }),
];

/** The parts of a path: slashes at its ends, and several in a row, mean nothing. */
function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function releaseHandler(handler: Handler): void {
  if (typeof handler !== "string") handler.release();
}

// ---- serving -----------------------------------------------------------------------------------------------------

const SERVER: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreHttp.listen",
    params: [{ name: "port", type: "int" }, { ...HANDLER, mode: "optional" }],
    doc:
      "Serves requests until the server is stopped, then gives true; false if the port cannot be had. With a handler, that answers all requests; else routes and static folders do. Port 0 is any that is free, as `port` tells, and is not announced.",
    example: {
      code: `function answer(request) { return "You asked for " + request["path"]; }
async function serve() { print ucoreHttp.listen(0, "answer"); }
serve();
print ucoreHttp.get("localhost:" + ucoreHttp.port() + "/this");
ucoreHttp.stop();`,
      output: "You asked for /this\ntrue\n",
    },
    async run([port, handler], machine) {
      return await serve(machine, Number(port), handler as Handler | undefined);
    },
  }),
  defineHostNative({
    name: "ucoreHttp.port",
    params: [],
    doc:
      "The port that the server listens on, nil if there is none; of several servers that of the last one.",
    example: { code: "print ucoreHttp.port();", output: "nil\n" },
    run: (_, machine) => siteOf(machine).servers.at(-1)?.addr.port ?? null,
  }),
  defineHostNative({
    name: "ucoreHttp.stop",
    params: [],
    doc:
      "Lets the server take no more requests; it ends when those that it has are answered. Gives whether there was one.",
    example: { code: "print ucoreHttp.stop();", output: "false\n" },
    run: (_, machine) => stopServers(machine),
  }),
];

function stopServers(machine: Machine): boolean {
  const { servers } = siteOf(machine);
  const stopped = servers.splice(0);
  // Those who wait for the end are the tasks in `listen`, not the one that says stop, which may be a handler.
  for (const server of stopped) server.shutdown();
  return stopped.length > 0;
}

/** Serves until somebody says stop; gives whether the port could be had. */
async function serve(machine: Machine, port: number, main: Handler | undefined): Promise<boolean> {
  const { world } = machine.host, site = siteOf(machine);
  if (port < 0 || port > 65535) {
    throw new Error(`ucoreHttp.listen expects a port from 0 to 65535, but got ${port}.`);
  }
  const handlers = main === undefined ? site.routes.map(({ handler }) => handler) : [main];
  for (const handler of [...site.middleware, ...handlers]) {
    if (typeof handler === "string") checkName(machine, handler);
  }
  const aborter = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { port, signal: aborter.signal, onListen() {} },
      (request) => answer(machine, site, main, request),
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    world.warn(`Error: Could not listen on port ${port}: ${reasonOf(error)}\n`);
    return false;
  }
  site.servers.push(server);
  if (port !== 0) {
    const answers = main === undefined
      ? "Using router."
      : `Using main handler: ${typeof main === "string" ? main : main.text}`;
    world.write(new TextEncoder().encode(`Server listening on port ${port}...\n${answers}\n`));
  }
  // A server that is told to stop ends when its requests are answered, which they are when the program is over.
  const close = () => {
    if (site.servers.includes(server)) aborter.abort();
  };
  machine.closers.add(close);
  const takeBack = world.onInterrupt(() => stopServers(machine));
  await server.finished;
  takeBack();
  machine.closers.delete(close);
  if (site.servers.includes(server)) site.servers.splice(site.servers.indexOf(server), 1);
  if (main !== undefined) releaseHandler(main);
  return true;
}

/**
 * Sees to it that a name means a function.
 * @throws {RuntimeFault} if it does not
 */
function checkName(machine: Machine, name: string): void {
  const word = machine.host.findGlobal(name);
  if (word !== 0 && (I32[word + 1] === HI_FUNCTION || I32[word + 1] === HI_NATIVE)) return;
  throw new RuntimeFault("U0924", `Handler function '${name}' not found.`, []);
}

/** What is sent back. */
interface Reply {
  status: number;
  /** The type of the content may be left to what it is. */
  headers: Headers;
  body: Uint8Array<ArrayBuffer> | string | null;
  /** What the content is unless the headers say something else. */
  type: string;
  /** A file that is sent in place of the body. */
  file: FilePlace | null;
}

/** A file to send, and the folder that it has to be in, if it has to. */
interface FilePlace {
  readonly path: string;
  readonly folder: string | null;
}

const TEXT_TYPE = "text/plain; charset=utf-8";

function makeReply(status: number, body: string | null = null): Reply {
  return { status, headers: new Headers(), body, type: TEXT_TYPE, file: null };
}

/** Answers a request whatever happens. */
async function answer(
  machine: Machine,
  site: Site,
  main: Handler | undefined,
  request: Request,
): Promise<Response> {
  try {
    return await makeResponse(await findReply(machine, site, main, request), request.method);
  } catch (error) {
    return await makeResponse(replyTo(error, machine), request.method);
  }
}

/** What is sent back when there was an error. */
function replyTo(error: unknown, { host: { world } }: Machine): Reply {
  if (error instanceof BadRequest) return makeReply(error.status, error.message);
  // Out of memory, the program ends as a whole.
  if (error instanceof RuntimeFault && error.code !== "U0919") {
    world.report(error);
    return makeReply(500, "Internal Server Error");
  }
  // The program is being ended, or the client is gone; there is nobody to tell.
  return makeReply(503, "Service Unavailable");
}

/** A request that no handler gets to see. */
class BadRequest extends Error {
  override readonly name = "BadRequest";
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

async function findReply(
  machine: Machine,
  site: Site,
  main: Handler | undefined,
  request: Request,
): Promise<Reply> {
  const url = URL.parse(request.url);
  if (url === null) throw new BadRequest(400, "Bad Request");
  const body = await readBody(request);
  const route = main === undefined
    ? findRoute(site, request.method, partsOf(url.pathname).map(decode))
    : { handler: main, params: [] };
  const handlers = route === null ? site.middleware : [...site.middleware, route.handler];
  if (handlers.length > 0) {
    const seen = holdRequest(machine, request, url, body, new Map(route?.params));
    try {
      const reply = await callHandlers(machine, handlers, seen);
      if (reply !== null) return reply;
    } finally {
      converterOf(machine).release(seen);
    }
    if (route !== null) return makeReply(204);
  }
  const isStatic = main === undefined && (request.method === "GET" || request.method === "HEAD");
  const file = isStatic ? findMounted(site, decode(url.pathname)) : null;
  return file === null ? makeReply(404, "Not Found") : { ...makeReply(200), file };
}

function findRoute(
  { routes }: Site,
  method: string,
  parts: readonly string[],
): { readonly handler: Handler; readonly params: [string, string][] } | null {
  for (const route of routes) {
    const isMeant = route.method === method || route.method === "*" ||
      (route.method === "GET" && method === "HEAD");
    const params = isMeant ? matchParts(route.parts, parts) : null;
    if (params !== null) return { handler: route.handler, params };
  }
  return null;
}

/** What the parts of a path stand for in a pattern; null if it does not match. */
function matchParts(pattern: readonly string[], parts: readonly string[]): [string, string][] | null {
  const params: [string, string][] = [];
  for (const [i, expected] of pattern.entries()) {
    if (expected === "*" && i === pattern.length - 1) {
      params.push(["*", parts.slice(i).join("/")]);
      return params;
    }
    if (i >= parts.length) return null;
    if (expected.startsWith(":")) params.push([expected.slice(1), parts[i]]);
    else if (expected !== parts[i]) return null;
  }
  return pattern.length === parts.length ? params : null;
}

/** Where the file would be that a path means; null if it is in no static folder. */
function findMounted({ mounts }: Site, path: string): FilePlace | null {
  for (const { prefix, folder } of mounts) {
    const rest = prefix === "/" ? path : path.slice(prefix.length);
    if (path.startsWith(prefix) && /^(?:\/|$)/.test(rest)) return { path: folder + rest, folder };
  }
  return null;
}

/** A path with its `%XX` read; as it is, if they are no UTF-8. */
function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/**
 * The whole body of a request.
 * @throws {BadRequest} if it would take more than a quarter of the memory that programs may use
 */
async function readBody(request: Request): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0);
  const limit = heapLimit() / 4, pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  if (Number(request.headers.get("content-length")) > limit) throw new BadRequest(413, "Content Too Large");
  for await (const piece of request.body) {
    pieces.push(piece);
    size += piece.length;
    if (size > limit) throw new BadRequest(413, "Content Too Large");
  }
  return pieces.length === 1 ? pieces[0] : await new Blob(pieces).bytes();
}

/**
 * Makes the map that handlers are called with, and gives the place where it is held.
 * @throws {BadRequest} if it does not fit the heap, or its body says that it is JSON and is not
 */
function holdRequest(
  machine: Machine,
  { method, headers }: Request,
  { pathname, searchParams }: URL,
  body: Uint8Array,
  params: ReadonlyMap<string, string>,
): number {
  const { hold, wordOf, release } = converterOf(machine), held: number[] = [];
  try {
    const map = hold(
      new Map<string, HostValue>([
        ["method", method],
        ["path", pathname],
        ["query", new Map(searchParams)],
        ["headers", new Map(headers)],
        ["params", params],
        ["body", body],
      ]),
    );
    held.push(map);
    if (/^application\/(?:[\w.-]+\+)?json\b/i.test(headers.get("content-type") ?? "")) {
      held.push(hold("json"), hold(body), hold(null));
      const [, key, text, value] = held.map(wordOf);
      parseJson(text, value);
      safepoint(mapSetUnits(I32[wordOf(map)]));
      mapSet(I32[wordOf(map)], key, value);
    }
    held.shift();
    return map;
  } catch (error) {
    if (error instanceof Malformed) throw new BadRequest(400, `Malformed JSON: ${error.message}`);
    if (error instanceof HeapExhausted) throw new BadRequest(413, "Content Too Large");
    throw error;
  } finally {
    held.forEach(release);
  }
}

/** Calls functions one after the other with the request that is held, until one gives an answer; null if none does. */
async function callHandlers(
  machine: Machine,
  handlers: readonly Handler[],
  request: number,
): Promise<Reply | null> {
  const { hold, wordOf, release } = converterOf(machine);
  // Held from the beginning: while one waits, the others may be replaced, and are let go of.
  const callees = handlers.map((handler) => typeof handler === "string" ? handler : hold(handler));
  try {
    for (const callee of callees) {
      if (typeof callee === "string") checkName(machine, callee);
      const reply = await machine.host.callFunction(1, (slot) => {
        copyValue(slot, typeof callee === "string" ? machine.host.findGlobal(callee) : wordOf(callee));
        copyValue(slot + 2, wordOf(request));
      }, (result) => takeReply(machine, result));
      if (reply !== null) return reply;
    }
    return null;
  } finally {
    for (const callee of callees) if (typeof callee !== "string") release(callee);
  }
}

// ---- replies -----------------------------------------------------------------------------------------------------

/**
 * What a handler's result means; null for nil.
 * @throws {RuntimeFault} if it cannot be sent
 */
function takeReply(machine: Machine, word: number): Reply | null {
  if (I32[word + 1] === HI_NIL) return null;
  const reply = makeReply(200);
  let isDescribed = false;
  try {
    if (I32[word + 1] === HI_MAP) {
      forEachEntry(I32[word], (key, value) => {
        if (takePart(machine, reply, valueToDisplay(key), value)) isDescribed = true;
      });
    }
    if (!isDescribed) takePart(machine, reply, "body", word);
  } catch (error) {
    throw new RuntimeFault("U0924", `The answer of a handler cannot be sent: ${reasonOf(error)}.`, []);
  }
  return reply;
}

/** Takes over an entry of the map that describes an answer; gives whether it means something there. */
function takePart(machine: Machine, reply: Reply, name: string, word: number): boolean {
  switch (name) {
    case "status": {
      const status = isInt(I32[word + 1]) ? numberAt(word) : NaN;
      if (!(status >= 200 && status <= 599)) {
        throw new TypeError(`status has to be an int from 200 to 599, not ${valueToDisplay(word)}`);
      }
      reply.status = status;
      return true;
    }
    case "contentType":
      reply.headers.set("content-type", valueToDisplay(word));
      return true;
    case "headers":
      // Only cookies are not joined to one header.
      for (const [header, text] of headersAt(word)) {
        if (header === "set-cookie") reply.headers.append(header, text);
        else reply.headers.set(header, text);
      }
      return true;
    case "body":
      reply.body = bytesAt(word);
      if (I32[word + 1] !== HI_STRING) reply.type = JSON_TYPE;
      return true;
    case "file":
      reply.file = { path: placeOf(valueToDisplay(word), machine.host.world.directory), folder: null };
      return true;
    default:
      return false;
  }
}

/** The statuses that come without a content. */
const WITHOUT_CONTENT: readonly number[] = [204, 205, 304];

async function makeResponse(reply: Reply, method: string): Promise<Response> {
  const { status, headers } = reply;
  // Pages of other servers may ask as well, as upstream has it.
  if (!headers.has("access-control-allow-origin")) headers.set("access-control-allow-origin", "*");
  if (WITHOUT_CONTENT.includes(status)) return new Response(null, { status, headers });
  if (reply.file === null) {
    if (!headers.has("content-type")) headers.set("content-type", reply.type);
    return new Response(reply.body ?? "", { status, headers });
  }
  const found = await openFile(reply.file);
  if (found === null) return makeResponse(makeReply(404, "Not Found"), method);
  if (!headers.has("content-type")) headers.set("content-type", typeOfFile(found.path));
  headers.set("content-length", String(found.size));
  // Sent piece by piece as the client takes it, and closed when it is sent or the client is gone.
  if (method !== "HEAD") return new Response(found.file.readable, { status, headers });
  found.file.close();
  return new Response(null, { status, headers });
}

/** Opens the file at a place, of a folder its index.html; null if that cannot be, or it is not in the folder. */
async function openFile(
  { path, folder }: FilePlace,
): Promise<{ readonly file: Deno.FsFile; readonly path: string; readonly size: number } | null> {
  try {
    const real = await Deno.realPath(path), { isDirectory, isFile, size } = await Deno.stat(real);
    if (folder !== null && !`${real}/`.startsWith(folder === "/" ? "/" : `${folder}/`)) return null;
    if (isDirectory) return folder === null ? null : await openFile({ path: `${real}/index.html`, folder });
    return isFile ? { file: await Deno.open(real), path: real, size } : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw new RuntimeFault("U0924", error.message, []);
    return null;
  }
}

/** Types by what names of files end with. */
const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  htm: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  json: JSON_TYPE,
  txt: TEXT_TYPE,
  md: "text/markdown; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  xml: "application/xml",
  pdf: "application/pdf",
  zip: "application/zip",
  wasm: "application/wasm",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  svg: "image/svg+xml",
  webp: "image/webp",
  ico: "image/x-icon",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  woff2: "font/woff2",
};

function typeOfFile(path: string): string {
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  return TYPES[extension] ?? "application/octet-stream";
}

// ---- the library -------------------------------------------------------------------------------------------------

/** The function of `ucoreJson` under another name. */
const JSON_TEXT: NativeDef = {
  ...json.libraries[0].natives.find(({ name }) => name === "ucoreJson.stringify")!,
  name: "ucoreHttp.json",
  doc: "The JSON text of a value: the same as ucoreJson.stringify.",
  example: {
    code: 'print ucoreHttp.json({"name": "Ada", "tags": [1, nil]});',
    output: '{"name":"Ada","tags":[1,null]}\n',
  },
};

/** The plugin of `ucoreHttp`. */
export const http = {
  name: "http",
  doc: "HTTP, as a client and as a server.",
  libraries: [{
    name: "ucoreHttp",
    doc: "A client, and a server with routes, middleware and static folders.",
    natives: [...CLIENT, ...SETUP, ...SERVER, JSON_TEXT],
  }],
} satisfies Plugin;
