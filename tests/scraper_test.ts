/** `ucoreScraper`: pages as people write them, selectors, a large page, and pages of a server on the loopback interface. */

import { assert, assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { CONFIGS, inFolder, outputOf, quoted, runUnna, withHost } from "./support.ts";

const PROJECT = new URL("../", import.meta.url).pathname;

/** What a selector finds in a page: the `id` of each element, or its name. */
async function find(html: string, selector: string): Promise<string> {
  const source = `for (var node : ucoreScraper.select(${quoted(html)}, ${quoted(selector)})) {
    var id = node["tagName"];
    if (has(node, "attributes") && has(node["attributes"], "id")) id = node["attributes"]["id"];
    print id;
  }`;
  return (await outputOf(source)).trim().replaceAll("\n", " ");
}

Deno.test("select() finds what selectors mean", async () => {
  const html =
    `<div id=a class="big box"><p id=b class=bigger>x</p><section id=c><p id=d title="A B">y</p></section></div>
    <p id=e lang=en-GB data-Kind=k>z</p>`;
  const rows: [string, string][] = [
    ["p", "b d e"],
    ["P", "b d e"],
    ["#d", "d"],
    [".big", "a"],
    [".bigger", "b"],
    [".big.box", "a"],
    ["p.bigger#b", "b"],
    ["*", "a b c d e"],
    ["div p", "b d"],
    ["div > p", "b"],
    ["div>p , #e,p", "b d e"],
    ["p + section", "c"],
    ["div ~ p", "e"],
    ["[title]", "d"],
    ['[title="A B"]', "d"],
    ["[title~=B]", "d"],
    ["[lang|=en]", "e"],
    ["[id^=a], [id$=e]", "a e"],
    ["[data-kind]", "e"],
    ["p:not([title])", "b e"],
    ["section:has(p)", "c"],
    ["p:first-child", "b d"],
    ["div :is(p, section)", "b c d"],
    ["span", ""],
    ["", ""],
    [" ", ""],
  ];
  for (const [selector, ids] of rows) assertStrictEquals(await find(html, selector), ids, selector);
});

Deno.test("nested ancestors find each element once, in the order of the page", async () => {
  assertStrictEquals(
    await find("<div><div><p id=x><i id=y></i></p></div><p id=z></p></div>", "div p, i, div"),
    "div div x y z",
  );
});

Deno.test("nodes have the text of all within them, and attributes as the page writes them", async () => {
  const html =
    `<P CLASS=x viewBox="0 0" hidden title='"&lt;"'>a <b>b&nbsp;&#x41;</b><!-- no --><br/>c</P><p></p>`;
  for (const { options } of CONFIGS) {
    assertStrictEquals(
      await outputOf(`for (var node : ucoreScraper.select(${quoted(html)}, "p")) print node;`, options),
      '{tagName: p, text: a b\u00a0Ac, attributes: {CLASS: x, viewBox: 0 0, hidden: , title: "<"}}\n{tagName: p}\n',
    );
  }
});

Deno.test("pages that are not well-formed are read as browsers do it", async () => {
  assertStrictEquals(
    await find("<ul><li id=a>1<li id=b>2</ul><p id=c>x<p id=d>y<div id=e>", "li, p, div"),
    "a b c d e",
  );
  assertStrictEquals(await find("<div><p id=a></b></i></p><p id=b></div></div><p id=c>", "p"), "a b c");
  assertStrictEquals(await find("<script id=s>if (a < b) '<p>'</script><p id=a>", "p"), "a");
  assertStrictEquals(await find("a < b <p id=a", "p"), "");
  assertStrictEquals(await find("", "p"), "");
  assertStrictEquals(await find("\uFEFF<p id=a>", "p"), "a");
});

Deno.test("a selector that is none gives nil, and says why", async () => {
  for (const selector of ["p[", "p:nothing", "> >", "p::before", ".", "p,,p"]) {
    const { code, stdout, stderr } = await runUnna(`print ucoreScraper.select("<p>", ${quoted(selector)});`);
    assertEquals({ code, stdout }, { code: 0, stdout: "nil\n" }, selector);
    assert(stderr.startsWith("Selector Error: ") && stderr.endsWith(` (in '${selector}')\n`), stderr);
  }
});

Deno.test("bytes are read as what the page says they are", async () => {
  await inFolder(async (folder) => {
    const latin = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
    await Deno.writeFile(`${folder}/old.html`, latin("<p>caf\xe9 \x80</p>"));
    await Deno.writeFile(`${folder}/said.html`, latin("<meta charset='iso-8859-2'><p>\xb1</p>"));
    await Deno.writeFile(`${folder}/nonsense.html`, latin('<META CHARSET="nonsense"><p>\xe9</p>'));
    await Deno.writeTextFile(`${folder}/new.html`, "<p>café €</p>");
    const source = ["old", "said", "nonsense", "new"]
      .map((name) => `print ucoreScraper.parseFile("${name}.html", "p")[0]["text"];`).join("\n");
    assertStrictEquals(
      await outputOf(source, { path: `${folder}/main.unna` }),
      "café €\ną\né\ncafé €\n",
    );
  });
});

Deno.test("parse() prints trees that are nested deeper than calls may be, and select() searches them", async () => {
  const source = `
    var html = "x";
    for (var i = 0; i < 14; i += 1) html = "<div>" + html;
    var deep = "";
    for (var i = 0; i < 20000; i += 1) deep += "<div>";
    deep += "<p>end</p>";
    print ucoreScraper.select(deep, "div p");
    print length(ucoreScraper.select("<b>" + deep, "b, p"));
    ucoreScraper.parse(html);
    ucoreScraper.parse("<i A=b>  <u>  x </u> </i>", true);`;
  assertStrictEquals(
    await outputOf(source),
    '[{tagName: p, text: end}]\n2\n#document\n  <i A="b">\n    <u>\n      #text: "x "\n',
  );
});

Deno.test("a page of five megabytes is searched", async () => {
  await inFolder(async (folder) => {
    const rows: string[] = [];
    for (let size = 0; size < 5 << 20; size += rows.at(-1)!.length) {
      const i = rows.length;
      rows.push(
        `<tr class="row r${
          i % 7
        }" data-id="${i}"><td><a href="/item/${i}">Item ${i} &amp; co</a></td><td class=price>${i}</td></tr>\n`,
      );
    }
    await Deno.writeTextFile(`${folder}/big.html`, `<html><body><table>${rows.join("")}</table>`);
    const source = `
      var rows = ucoreScraper.parseFile("big.html", "tr.row.r3");
      print length(rows);
      print rows[1];
      var links = ucoreScraper.parseFile("big.html", "td > a[href]");
      print length(links);
      print links[length(links) - 1]["attributes"]["href"];`;
    assertStrictEquals(
      await outputOf(source, { path: `${folder}/main.unna`, heap: 256 << 20 }),
      `${
        Math.ceil((rows.length - 3) / 7)
      }\n{tagName: tr, text: Item 10 & co10, attributes: {class: row r3, data-id: 10}}\n` +
        `${rows.length}\n/item/${rows.length - 1}\n`,
    );
  });
});

Deno.test("fetch() gives the bytes at an address, also after redirections and from pages of errors", async () => {
  const answers: Record<string, () => Response> = {
    "/page": () => new Response("<p>é</p>"),
    "/bytes": () => new Response(new Uint8Array([0, 255, 65])),
    "/moved": () => new Response(null, { status: 302, headers: { location: "/page" } }),
    "/missing": () => new Response("not here", { status: 404 }),
    "/loop": () => new Response(null, { status: 302, headers: { location: "/loop" } }),
  };
  await withHost((request) => answers[new URL(request.url).pathname](), async (url) => {
    const source = `
      print ucoreScraper.fetch("${url}/page");
      print length(ucoreScraper.fetch("${url}/bytes"));
      print ucoreScraper.fetch("${url}/moved");
      print ucoreScraper.fetch("${url.slice("http://".length)}/missing");
      print ucoreScraper.fetch("${url}/loop") == "";
      print ucoreScraper.fetch("nonsense://x") == "";
      print ucoreScraper.fetch("http://") == "";
      print await ucoreScraper.fetch("${url}/page");`;
    for (const { options } of CONFIGS) {
      assertStrictEquals(
        await outputOf(source, options),
        "<p>é</p>\n3\n<p>é</p>\nnot here\ntrue\ntrue\ntrue\n<p>é</p>\n",
      );
    }
  });
});

Deno.test("what waits for a page waits for its own task only", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const handler = async (request: Request) => {
    if (request.url.endsWith("/slow")) await promise;
    else resolve();
    return new Response(new URL(request.url).pathname);
  };
  await withHost(handler, async (url) => {
    const source = `
      async function get(path) { print ucoreScraper.fetch("${url}" + path); }
      var slow = get("/slow");
      print "going on";
      await get("/quick");
      await slow;`;
    assertStrictEquals(await outputOf(source), "going on\n/quick\n/slow\n");
  });
});

/** An answer that is said to be compressed and is not, so that its body cannot be had. */
function unreadable(): Response {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(10));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-encoding": "gzip" } });
}

Deno.test("download() makes a file of what is at an address, or none", async () => {
  const size = 300_000;
  const handler = (request: Request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/file") return new Response("x".repeat(size));
    if (pathname === "/empty") return new Response("");
    if (pathname === "/broken") return unreadable();
    return new Response("no", { status: 404 });
  };
  await inFolder((folder) =>
    withHost(handler, async (url) => {
      await Deno.writeTextFile(`${folder}/kept`, "kept");
      const source = `
        print ucoreScraper.download("${url}/file", "new/folder/file");
        print ucoreScraper.download("${url}/empty", "empty");
        print ucoreScraper.download("${url}/missing", "kept");
        print ucoreScraper.download("${url}/broken", "kept");
        print ucoreScraper.download("http://127.0.0.1:1/", "refused");
        print ucoreScraper.download("${url}/file", "kept/below");`;
      assertStrictEquals(
        await outputOf(source, { path: `${folder}/main.unna` }),
        "true\nfalse\nfalse\nfalse\nfalse\nfalse\n".replace("false", "true"),
      );
      assertStrictEquals((await Deno.stat(`${folder}/new/folder/file`)).size, size);
      assertStrictEquals((await Deno.stat(`${folder}/empty`)).size, 0);
      assertStrictEquals(await Deno.readTextFile(`${folder}/kept`), "kept");
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["empty", "kept", "new"]);
    })
  );
});

Deno.test("what Deno was not allowed to do is an error of the program", async () => {
  await inFolder(async (folder) => {
    const rows: [string, string][] = [
      ['ucoreScraper.fetch("http://127.0.0.1:54321/");', "--allow-net"],
      ['ucoreScraper.parseFile("/etc/hostname", "p");', "--allow-read"],
    ];
    for (const [source, permission] of rows) {
      await Deno.writeTextFile(`${folder}/main.unna`, source);
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--no-prompt",
          `--allow-read=${folder},${PROJECT}`,
          `${PROJECT}cli.ts`,
          `${folder}/main.unna`,
        ],
      }).output();
      assertStrictEquals(code, 1);
      assertStringIncludes(new TextDecoder().decode(stderr), permission);
    }
  });
});

Deno.test("functions of ucoreScraper refuse arguments of other types, and say what they expect", async () => {
  const rows: [string, string][] = [
    ["parse", ""],
    ["parse", "5"],
    ["select", '"<p>"'],
    ["select", '"<p>", nil'],
    ["parseFile", '"page.html"'],
    ["parseFile", '5, "p"'],
    ["fetch", "nil"],
    ["download", '"http://localhost"'],
    ["download", '"http://localhost", 5'],
  ];
  for (const [name, args] of rows) {
    const { code, stderr } = await runUnna(`ucoreScraper.${name}(${args});`);
    assertStrictEquals(code, 1);
    assertStringIncludes(stderr, `Runtime Error: ucoreScraper.${name} expects (`);
  }
});
