/**
 * What holds for every function of every core library, read off its own row: the example does what it shows, arguments of
 * other types and numbers are refused in the function's own name, and the chapter of the library tells of it. What the
 * functions do beyond that is in a test of each library.
 */

import { assert, assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import type { LibraryDef, NativeDef, Param, ParamType } from "../core/machine.ts";
import { BUILT_IN } from "../core/runtime.ts";
import { CONFIGS, inFolder, runUnna } from "./support.ts";

const LIBRARIES: readonly LibraryDef[] = await Promise.all(
  BUILT_IN.flatMap(({ libraries = [] }) => libraries).map((library) =>
    "load" in library ? library.load() : library
  ),
);

/** The chapters of all libraries; that of `ucoreMath` stands beside the other numbers. */
const CHAPTERS = ["libraries", "language"].flatMap((name) =>
  Deno.readTextFileSync(new URL(`../docs/${name}.md`, import.meta.url)).split("\n## ")
);

/** The functions that programs were promised, by library; `ucoreMath` has a promise of its own in `math_test.ts`. */
const PROMISED: Readonly<Record<string, string>> = {
  ucoreString:
    `split join replace trim toLower toUpper contains match extract indexOf startsWith endsWith substring
    padStart padEnd repeat reverse chars bytes toNumber format`,
  ucoreArray: "sort map filter reduce find indexOf contains concat reverse join range fill",
  ucoreJson: "parse stringify read write remove",
  ucoreSystem:
    `args input getenv exec run exit fileExists writeFile readFile sleep listDir makeDir removeFile appendFile
    stat cwd platform env`,
  ucoreTimer: "now sleep after every date format",
  ucoreHttp: "get delete post put patch json route use static listen stop",
  ucoreScraper: "parse select parseFile fetch download",
  ucoreUon: "load get next parse generate save insert",
  ucoreTui:
    `clear clearLine hideCursor showCursor moveTo size fg bg bold dim italic underline style box table tree
    progressBar spinner boxBegin boxLine boxEnd input inputPassword confirm select inputBox inputPasswordBox keypress`,
};

Deno.test("the libraries have all the functions that programs were promised", () => {
  for (const [library, names] of Object.entries(PROMISED)) {
    const natives = LIBRARIES.find(({ name }) => name === library)?.natives.map(({ name }) => name) ?? [];
    const missing = names.split(/\s+/).map((name) => `${library}.${name}`).filter((name) =>
      !natives.includes(name)
    );
    assertEquals(missing, [], library);
  }
});

// ---- arguments ---------------------------------------------------------------------------------------------------

/** A value of each type, as it is written. */
const VALUES: Readonly<Record<ParamType, string>> = {
  any: "1",
  number: "1",
  int: "1",
  float: "1.5",
  bool: "true",
  string: '"1"',
  array: "[1]",
  map: '{"a": 1}',
  function: "str",
  future: "(async function () {})()",
};

const typesOf = ({ type }: Param) => typeof type === "string" ? [type] : type;

/** Arguments that a function has to refuse: too few, too many, and at each place one of a type that is not taken there. */
function wrongArguments({ params }: NativeDef): string[] {
  const right = params.map((param) => VALUES[typesOf(param)[0]]);
  const needed = params.findIndex(({ mode }) => mode !== undefined),
    least = needed < 0 ? params.length : needed;
  const wrong = params.flatMap((param, i) =>
    typesOf(param).includes("any") ? [] : [right.with(i, "nil"), right.with(i, "ucoreMath")]
  );
  if (least > 0) wrong.push(right.slice(0, least - 1));
  if (params.at(-1)?.mode !== "rest") wrong.push([...right, "1"]);
  return wrong.map((args) => args.join(", "));
}

// ---- the functions -----------------------------------------------------------------------------------------------

for (const { name: library, natives } of LIBRARIES) {
  const chapter = CHAPTERS.find((text) => text.startsWith(`${library}\n`)) ?? "";

  for (const native of natives) {
    const { name, params, doc, example } = native;

    Deno.test(`${name}() does what its example shows`, () =>
      inFolder(async (folder) => {
        assert(example.output !== "" || library === "ucoreTui", "only the screen shows nothing");
        for (const { name: way, options } of CONFIGS) {
          const outcome = await runUnna(example.code, { path: `${folder}/main.unna`, ...options });
          assertEquals(outcome, { code: 0, stdout: example.output, stderr: "" }, way);
        }
        assertEquals([...Deno.readDirSync(folder)], [], "examples leave nothing behind");
      }));

    Deno.test(`${name}() refuses wrong arguments, and says what it expects`, async () => {
      for (const args of wrongArguments(native)) {
        for (const options of [{ backend: "interp" }, { backend: "x64", threshold: 1 }]) {
          const source = `function call() { ${name}(${args}); }\ncall();`;
          const { code, stdout, stderr } = await runUnna(source, options);
          assertEquals([code, stdout], [1, ""], source);
          assert(stderr.startsWith(`Runtime Error: ${name} expects `), `${source}\n${stderr}`);
          assertStringIncludes(stderr, "test.unna:1:19");
        }
      }
    });

    Deno.test(`${name}() is told of in its chapter`, () => {
      const [owner, own] = name.split(".");
      assertStrictEquals(owner, library);
      assertStringIncludes(chapter, `\`${own}(`);
      assert(doc.endsWith("."), `a sentence: ${doc}`);
      assertEquals(new Set(params.map((param) => param.name)).size, params.length);
    });
  }
}
