/** `ucoreTimer`: tasks that start later, and dates, held to the calendar of JavaScript. What sleeps is in `std_test.ts`. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { createRuntime, type HostValue } from "../mod.ts";
import { errorEverywhere, outputEverywhere, runUnna, SMALL_HEAP } from "./support.ts";

Deno.test("wrong arguments are errors that say what a function expects", async (t) => {
  const calls = {
    "after(1)": "(ms: int, f: function), but got (int)",
    "after(1.5, str)": "but got (float, function)",
    "after(1, nil)": "but got (int, nil)",
    "every(str, 1)": "(ms: int, f: function), but got (function, int)",
    "every(0, str)": " expects an interval of at least 1 ms, but got 0.",
    "every(-9223372036854775807, str)":
      " expects an interval of at least 1 ms, but got -9223372036854775807.",
    "date(1)": "(zone?: string, when?: number | map), but got (int)",
    'date("utc", "now")': "but got (string, string)",
    'date("UTC")': ` knows the zones "local" and "utc", but not "UTC".`,
    'date("utc", {"year": 1, "zone": 2})': ` knows the zones "local" and "utc", but not 2.`,
    'date("utc", {})': " expects an int as 'year' of a date, but the map lacks it.",
    'date("utc", {"year": "2000"})': ` expects an int as 'year' of a date, but the map has "2000".`,
    'date("utc", {"year": 2000, "day": 1.5})': " expects an int as 'day' of a date, but the map has 1.5.",
    'date("utc", {"year": 2000, "hour": []})':
      " expects an int as 'hour' of a date, but the map has something else.",
    'date("utc", 1e20)': " knows only moments within 100 million days of 1970.",
    'date("utc", 0.0 / 0.0)': " knows only moments within 100 million days of 1970.",
    'date("local", {"year": 300000})': " knows only moments within 100 million days of 1970.",
    "format(0)": "(when: number | map, pattern: string), but got (int)",
    'format("%Y", 0)': "but got (string, int)",
    'format(0, "%Y-%Q")': " knows no '%Q'; a percent sign is written %%.",
    'format(0, "100%")': " knows no '%'; a percent sign is written %%.",
    'format(0, "\\xFF")': " expects a pattern that is UTF-8.",
  };
  for (const [call, expected] of Object.entries(calls)) {
    await t.step(call, async () => {
      const name = call.slice(0, call.indexOf("(")), { code, stderr } = await runUnna(`ucoreTimer.${call};`);
      assertEquals(code, 1);
      assertStringIncludes(stderr, `Runtime Error: ucoreTimer.${name}`);
      assertStringIncludes(stderr, expected);
    });
  }
});

// ---- tasks that start later --------------------------------------------------------------------------------------

// The times are far from each other: on a busy machine, much may come between two calls of `after`.
Deno.test("after calls in the order of the times, never before it has given the future", async () => {
  assertEquals(
    await outputEverywhere(`
      var order = [];
      function note(name) { return function () { push(order, name); return name; }; }
      var futures = [];
      push(futures, ucoreTimer.after(600, note("last")));
      push(futures, ucoreTimer.after(0, note("first")));
      push(futures, ucoreTimer.after(300, note("middle")));
      push(futures, ucoreTimer.after(-5, note("second")));
      print order;
      for (var future : futures) print await future;
      print order;`),
    "[]\nlast\nfirst\nmiddle\nsecond\n[first, second, middle, last]\n",
  );
});

Deno.test("what after and every have started keeps the program running", async () => {
  assertEquals(
    await outputEverywhere(`
      var n = 0;
      ucoreTimer.after(10, function () { print "after"; });
      ucoreTimer.every(20, function () { n += 1; print n; return n < 3; });
      print "main";`),
    "main\nafter\n1\n2\n3\n",
  );
});

Deno.test("a function of after may be async, and fail", async () => {
  assertEquals(
    await outputEverywhere(`
      async function slow() { ucoreTimer.sleep(5); return "slow"; }
      print await ucoreTimer.after(1, slow);
      print await ucoreTimer.after(1, function () { return ucoreTimer.after(1, ucoreTimer.now); }) > 0;`),
    "slow\ntrue\n",
  );
  const stderr = await errorEverywhere("ucoreTimer.after(1, function () {\n  return missing;\n});\nprint 1;");
  assertStringIncludes(stderr, "Undefined variable 'missing'");
  assertStringIncludes(stderr, "test.unna:2:10");
  assertStringIncludes(stderr, "at later (<ucoreTimer.after>:");
});

Deno.test("every ends when its function gives false, and only then", async () => {
  assertEquals(
    await outputEverywhere(`
      var results = [nil, 0, "", true, 1, false, true];
      var at = 0;
      print await ucoreTimer.every(1, function () { at += 1; return results[at - 1]; });
      print at;`),
    "nil\n6\n",
  );
  assertStringIncludes(
    await errorEverywhere("ucoreTimer.every(1, function () { return 1 / 0; });"),
    "Division by zero.",
  );
});

Deno.test("every keeps to its beats, and leaves those out that pass during the function", async () => {
  // A machine that is busy makes calls later than this, but none earlier.
  assertEquals(
    await outputEverywhere(`
      var earliest = [10, 20, 50, 60, 70];
      var calls = 0;
      var start = ucoreTimer.now();
      await ucoreTimer.every(10, function () {
        assert(ucoreTimer.now() - start >= earliest[calls], "call " + calls);
        calls += 1;
        if (calls == 2) ucoreTimer.sleep(25);
        return calls < 5;
      });
      print calls;`),
    "5\n",
  );
});

Deno.test("whoever waits for a timer leaves the others alone", async () => {
  assertEquals(
    await outputEverywhere(`
      var beats = 0;
      var clock = ucoreTimer.every(1, function () { beats += 1; return beats < 5; });
      function wait() { ucoreTimer.sleep(60); return "waited"; }
      print wait();
      await clock;
      print beats;`),
    "waited\n5\n",
  );
});

// ---- dates -------------------------------------------------------------------------------------------------------

/** Calls a function of the program below with each of the arguments, and gives the results. */
async function callEach(
  name: "date" | "format",
  rows: readonly (readonly HostValue[])[],
): Promise<HostValue[]> {
  const runtime = createRuntime({ heap: SMALL_HEAP });
  try {
    await runtime.runSource(
      "dates.unna",
      "function date(z, w) { return ucoreTimer.date(z, w); } function format(w, p) { return ucoreTimer.format(w, p); }",
    );
    const results: HostValue[] = [];
    for (const row of rows) results.push(await runtime.call(name, ...row));
    return results;
  } finally {
    runtime.dispose();
  }
}

const moment = fc.oneof(
  fc.integer({ min: -(10 ** 13), max: 10 ** 13 }),
  fc.integer({ min: -8.6e15, max: 8.6e15 }),
  fc.constantFrom(0, -1, 951_782_399_999, 951_782_400_000, -62_135_596_800_000, -62_135_596_800_001),
);

Deno.test("dates are those of JavaScript's calendar, and lead back to their moments", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(moment, { minLength: 50, maxLength: 100 }), async (moments) => {
      const dates = await callEach("date", moments.map((time) => ["utc", time]));
      moments.forEach((time, i) => {
        const js = new Date(time);
        assertEquals([...dates[i] as ReadonlyMap<HostValue, HostValue>], [
          ["year", js.getUTCFullYear()],
          ["month", js.getUTCMonth() + 1],
          ["day", js.getUTCDate()],
          ["hour", js.getUTCHours()],
          ["minute", js.getUTCMinutes()],
          ["second", js.getUTCSeconds()],
          ["millisecond", js.getUTCMilliseconds()],
          ["weekday", js.getUTCDay()],
          ["zone", "utc"],
          ["offset", 0],
          ["time", time],
        ]);
      });
      assertEquals(await callEach("date", dates.map((date) => ["utc", date])), dates);
      const texts = await callEach("format", dates.map((date) => [date, "%F %T.%L %a, %d %b"]));
      moments.forEach((time, i) => {
        const js = new Date(time),
          year = js.getUTCFullYear(),
          [day, date, month] = js.toUTCString().split(" ");
        const years = (year < 0 ? "-" : "") + String(Math.abs(year)).padStart(4, "0");
        // The ISO form ends with `-01-02T03:04:05.006Z`, whatever its year looks like.
        const rest = js.toISOString().slice(-20, -1).replace("T", " ");
        assertEquals(texts[i], `${years}${rest} ${day} ${date} ${month}`);
      });
    }),
    { numRuns: 5 },
  );
});

Deno.test("fields beyond their ranges carry over, and those that are left out begin", async () => {
  const day = (fields: Record<string, number>) => [
    new Map<HostValue, HostValue>(Object.entries({ ...fields, zone: "utc" })),
    "%F %T.%L",
  ];
  assertEquals(
    await callEach("format", [
      day({ year: 2024 }),
      day({ year: 2024, month: 3, day: 0 }),
      day({ year: 2023, month: 14, day: 30 }),
      day({ year: 2024, hour: -1 }),
      day({ year: 2024, second: 86_400, millisecond: -1 }),
      day({ year: 99, month: 12, day: 31 }),
      day({ year: -44, month: 3, day: 15 }),
    ]),
    [
      "2024-01-01 00:00:00.000",
      "2024-02-29 00:00:00.000",
      "2024-03-01 00:00:00.000",
      "2023-12-31 23:00:00.000",
      "2024-01-01 23:59:59.999",
      "0099-12-31 00:00:00.000",
      "-0044-03-15 00:00:00.000",
    ],
  );
});

Deno.test("every letter of a pattern has its text", async () => {
  const time = Date.UTC(2009, 1, 3, 16, 5, 6, 7);
  const codes = {
    Y: "2009",
    y: "09",
    m: "02",
    B: "February",
    b: "Feb",
    d: "03",
    e: " 3",
    j: "034",
    A: "Tuesday",
    a: "Tue",
    H: "16",
    I: "04",
    p: "PM",
    M: "05",
    S: "06",
    L: "007",
    s: "1233677106",
    z: "+0000",
    F: "2009-02-03",
    T: "16:05:06",
    "%": "%",
  };
  const [date] = await callEach("date", [["utc", time]]);
  const rows = Object.keys(codes).map((code) => [date, `%${code}`]);
  assertEquals(await callEach("format", rows), Object.values(codes));
  assertEquals(await callEach("format", [[date, "ä %d%m%% 🕐"], [date, ""]]), ["ä 0302% 🕐", ""]);
  const noon = [0, 11, 12, 13, 23].map((
    hour,
  ) => [new Map<HostValue, HostValue>([["year", 2000], ["hour", hour]]), "%I %p"]);
  assertEquals(await callEach("format", noon), ["12 AM", "11 AM", "12 PM", "01 PM", "11 PM"]);
});

/** Runs a program in a process whose clocks show the time of `zone`. */
async function runIn(zone: string, source: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".unna" });
  try {
    await Deno.writeTextFile(file, source);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "-A", new URL("../cli.ts", import.meta.url).pathname, file],
      env: { TZ: zone, NO_COLOR: "1" },
    }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("local dates follow the clocks of their place, in summer and in winter", async () => {
  const source = `
    for (var time : [1704067200000, 1719792000000]) {
      var d = ucoreTimer.date("local", time);
      print ucoreTimer.format(time, "%F %T %z ") + d["zone"] + " " + d["offset"];
      assert(ucoreTimer.date("utc", d)["time"] == time);
      assert(ucoreTimer.format(ucoreTimer.date("utc", d), "%H%z") == "00+0000");
    }`;
  assertEquals(
    await runIn("Europe/Berlin", source),
    "2024-01-01 01:00:00 +0100 local 60\n2024-07-01 02:00:00 +0200 local 120\n",
  );
  assertEquals(
    await runIn("America/St_Johns", source),
    "2023-12-31 20:30:00 -0330 local -210\n2024-06-30 21:30:00 -0230 local -150\n",
  );
});

Deno.test("date without arguments is this moment, and locally so", async () => {
  const before = Date.now();
  const runtime = createRuntime({ heap: SMALL_HEAP });
  await runtime.runSource("now.unna", "function here() { return ucoreTimer.date(); }");
  const here = await runtime.call("here") as ReadonlyMap<HostValue, HostValue>;
  runtime.dispose();
  const time = Number(here.get("time"));
  assertEquals([time >= before, time <= Date.now(), here.get("zone")], [true, true, "local"]);
  assertEquals(here.get("hour"), new Date(time).getHours());
});
