/**
 * The benchmark's judgement: options, statistics, what is made of samples, and how it is shown. Nothing here looks at
 * a clock. The programs are held to what they promise each other, not run.
 */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseOptions } from "./bench.ts";
import { type Engine, shortVersion, UsageError } from "./bench/engines.ts";
import type { Inside } from "./bench/inside.ts";
import { chooseBase, geometricMean, type Measurements, median, spreadOf, summarise } from "./bench/judge.ts";
import { makeImages, makePlots, renderPlot } from "./bench/plots.ts";
import { agreedOutput, checkInsides, type Failure, readRun, type Series } from "./bench/processes.ts";
import { listPrograms, readProgram, scaleProgram, splitProgram } from "./bench/programs.ts";
import { listRemarks, ratioText, renderMarkdown, renderText, sparkline } from "./bench/show.ts";

const engine = (name: string, own: boolean): Engine => ({
  name,
  own,
  ending: "x",
  about: "1.0",
  command: [name],
});
const series = (program: string, engine: string, ...cpu: number[]): Series => ({
  program,
  engine,
  peak: 12,
  samples: cpu.map((time) => ({ cpu: time, wall: 2 * time })),
});

const inside = (
  program: string,
  engine: string,
  milliseconds: number[],
  compiledIn: number | null,
): Inside => ({
  program,
  engine,
  answer: "1",
  rounds: milliseconds.map((milliseconds, i) => ({ milliseconds, compiled: i === compiledIn ? 2 : 0 })),
  functions: compiledIn === null ? [] : [{
    name: "f",
    instructions: 10,
    words: 20,
    bytes: 800,
    compilations: 2,
    firstMicroseconds: 900,
    warmMicroseconds: 40,
    plannedMicroseconds: null,
  }],
  exits: compiledIn === null ? [] : [{ name: "f", opcode: "ADD", reason: "overflow", count: 4096 }],
});

/** Two backends and two peers; `slow` and `fast` against a peer at 100 ms, a start-up of 10 ms for the backends. */
const MEASURED: Measurements = {
  machine: "a machine",
  date: "2026-01-01",
  rounds: 3,
  scale: 1,
  engines: [engine("interp", true), engine("native", true), engine("peer", false), engine("other", false)],
  skipped: [{ name: "absent", because: "not installed" }],
  series: [
    series("empty", "interp", 9, 10, 11),
    series("empty", "native", 10, 10, 10),
    series("empty", "peer", 0, 0, 0),
    series("even", "interp", 110, 110, 110),
    series("even", "native", 60, 60, 60),
    series("even", "peer", 100, 90, 150),
    series("even", "other", 50, 50, 50),
    series("steep", "interp", 410, 410, 410),
    series("steep", "native", 810, 810, 810),
    series("steep", "peer", 100, 100, 100),
    series("tiny", "interp", 12, 12, 12),
    series("tiny", "native", 9, 9, 9),
    series("tiny", "peer", 40, 40, 40),
  ],
  insides: [
    inside("even", "interp", [9, 3, 3, 3, 3, 3], null),
    inside("even", "native", [8, 6, 2.2, 2, 2, 2], 1),
  ],
  failures: [{ program: "steep", engine: "other", because: "exit code 1" }],
};

Deno.test("parseOptions() reads what is given and fills in the rest", () => {
  assertEquals(parseOptions([]), {
    help: false,
    libraries: false,
    engines: null,
    programs: null,
    base: null,
    reps: 3,
    scale: 1,
    timeout: 60,
    rounds: 30,
    json: false,
    markdown: null,
  });
  assertEquals(
    parseOptions([
      "--engines=interp,node",
      "--programs=gcd",
      "--base=node",
      "--reps=7",
      "--scale=0.5",
      "--timeout=9",
      "--rounds=0",
      "--json",
      "--libraries",
      "--markdown=out.md",
    ]),
    {
      help: false,
      libraries: true,
      engines: ["interp", "node"],
      programs: ["gcd"],
      base: "node",
      reps: 7,
      scale: 0.5,
      timeout: 9,
      rounds: 0,
      json: true,
      markdown: "out.md",
    },
  );
  assert(parseOptions(["-h"]).help);
});

Deno.test("parseOptions() refuses what makes no sense", () => {
  const wrong = [
    ["--reps=0"],
    ["--reps=1.5"],
    ["--reps=many"],
    ["--reps="],
    ["--scale=0"],
    ["--scale=-1"],
    ["--scale=Infinity"],
    ["--timeout=0"],
    ["--rounds=-1"],
    ["--programs=no_such_program"],
    ["--programs=,"],
    ["--engines="],
    ["--markdown="],
    ["--repetitions=3"],
    ["gcd"],
  ];
  for (const args of wrong) assertThrows(() => parseOptions(args), UsageError, "", args.join(" "));
});

Deno.test("median(), geometricMean() and spreadOf() are what they are called", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 2, 30]), 3);
  assertThrows(() => median([]), RangeError);
  assertEquals(geometricMean([2, 8])!.toFixed(9), "4.000000000");
  assertEquals(geometricMean([]), null);
  assertEquals(spreadOf([90, 100, 150]), 0.6);
  assertEquals(spreadOf([0, 0]), 0);
});

Deno.test("readRun() takes times and memory from the end of what the shell says", () => {
  const answer = "checksum 42\n";
  assertEquals(readRun(0, answer, "1.234 0.100 1.500\n"), {
    cpu: 1334,
    wall: 1500,
    output: answer,
    peak: null,
    failure: null,
  });
  assertEquals(readRun(0, answer, "a warning\n2048\n0.001 0.002 0.003\n"), {
    cpu: 3,
    wall: 3,
    output: answer,
    peak: 2,
    failure: null,
  });
});

Deno.test("readRun() tells why a run counts for nothing", () => {
  const failure = (code: number, stdout: string, stderr: string) => readRun(code, stdout, stderr).failure;
  assertEquals(failure(1, "", "it broke\nat line 3\n0.1 0.1 0.1\n"), "exit code 1: it broke");
  assertEquals(failure(3, "checksum 1\n", "0.1 0.1 0.1\n"), "exit code 3");
  assertEquals(failure(0, "hello\n", "0.1 0.1 0.1\n"), 'printed "hello\\n"');
  assertEquals(failure(0, "checksum 1\nmore\n", "0.1 0.1 0.1\n"), 'printed "checksum 1\\nmore\\n"');
  assertEquals(failure(137, "checksum 1\n", "Killed\n"), "no times, exit code 137");
});

Deno.test("agreedOutput() follows the majority, and the first where there is none", () => {
  assertEquals(agreedOutput(["b", "a", "a"]), "a");
  assertEquals(agreedOutput(["b", "a"]), "b");
  assertEquals(agreedOutput([]), null);
});

Deno.test("checkInsides() drops what got another answer than the others", () => {
  const failures: Failure[] = [];
  const [a, b, c] = ["a", "b", "c"].map((engine) => inside("p", engine, [1], null));
  assertEquals(checkInsides([a, b, { ...c, answer: "2" }], failures), [a, b]);
  assertEquals(failures, [{ program: "p", engine: "c", because: "inside: printed '2' instead of '1'" }]);
});

Deno.test("chooseBase() takes the wanted engine, else the first peer", () => {
  const engines = [engine("interp", true), engine("peer", false), engine("other", false)];
  assertEquals(chooseBase(engines, null), "peer");
  assertEquals(chooseBase(engines, "other"), "other");
  assertEquals(chooseBase(engines.slice(0, 1), null), "interp");
  assertThrows(() => chooseBase(engines, "absent"), UsageError, "absent");
});

Deno.test("shortVersion() drops what follows the version", () => {
  assertEquals(shortVersion("LuaJIT 2.1.0 -- Copyright (C) 2005 Someone"), "LuaJIT 2.1.0");
  assertEquals(shortVersion("Lua 5.4.4  Copyright (C) 1994"), "Lua 5.4.4");
  assertEquals(shortVersion("gcc (Debian 12.2.0-14) 12.2.0"), "gcc 12.2.0");
});

Deno.test("summarise() compares medians without start-up", () => {
  const report = summarise(MEASURED, null);
  assertEquals([report.base, report.subject], ["peer", "native"]);
  const { even } = Object.fromEntries(report.programs.map(({ name, cells }) => [name, cells]));
  assertEquals(even.interp, {
    cpu: 110,
    wall: 220,
    netCpu: 100,
    netWall: 200,
    ratio: 1,
    wallRatio: 1,
    spread: 0,
    peak: 12,
  });
  assertEquals(even.native.ratio, 0.5);
  assertEquals(even.peer.spread, 0.6);
  assertEquals(even.other.ratio, 0.5, "an engine without a start-up run keeps its whole time");
});

Deno.test("summarise() makes no ratio of a time that is too short", () => {
  const tiny = summarise(MEASURED, null).programs.find(({ name }) => name === "tiny")!.cells;
  assertEquals([tiny.interp.netCpu, tiny.interp.ratio], [2, null]);
  assertEquals([tiny.native.netCpu, tiny.native.ratio], [0, null]);
  assertEquals(tiny.peer.ratio, 1);
});

Deno.test("summarise() sorts programs by the subject's ratio, worst first", () => {
  assertEquals(summarise(MEASURED, null).programs.map(({ name }) => name), ["steep", "even", "tiny"]);
  assertEquals(summarise(MEASURED, "native").subject, "interp");
});

Deno.test("summarise() takes geometric means over the programs that have a ratio", () => {
  const [interp, native, peer, other] = summarise(MEASURED, null).engines;
  assertEquals([interp.ratio?.toFixed(6), interp.counted], ["2.000000", 2]);
  assertEquals([native.ratio?.toFixed(6), native.counted], ["2.000000", 2]);
  assertEquals([peer.ratio, peer.counted], [1, 3]);
  assertEquals(other.startup, null);
  assertEquals(interp.startup, { cpu: 10, wall: 20, peak: 12 });
});

Deno.test("summarise() compares each backend with every other engine", () => {
  const { comparisons } = summarise(MEASURED, null);
  assertEquals(comparisons.map(({ engine, rival }) => `${engine} ${rival}`), [
    "interp native",
    "interp peer",
    "interp other",
    "native interp",
    "native peer",
    "native other",
  ]);
  assertEquals(comparisons[3], {
    engine: "native",
    rival: "interp",
    ratios: { steep: 2, even: 0.5 },
    mean: 1,
  });
});

Deno.test("summarise() finds where a warm-up settles", () => {
  const [interp, native] = summarise(MEASURED, null).warmups;
  assertEquals([interp.first, interp.settled, interp.settledFrom], [9, 3, 2]);
  assertEquals([native.first, native.settled, native.settledFrom], [8, 2, 3]);
});

Deno.test("summarise() judges the goals, and names what misses them", () => {
  const goals = (luajit: boolean) => {
    const engines = MEASURED.engines.map((one) => one.name === "peer" ? { ...one, name: "luajit" } : one);
    const series = MEASURED.series.map((one) => one.engine === "peer" ? { ...one, engine: "luajit" } : one);
    return summarise(luajit ? { ...MEASURED, engines, series } : MEASURED, null).goals;
  };
  assertEquals(goals(false), [
    {
      what: "native is faster than interp on average",
      wanted: "at least 6 times",
      reached: "1.00 times",
      met: false,
    },
    {
      what: "native is slower than interp nowhere",
      wanted: "no program",
      reached: "1 program",
      met: false,
    },
    { what: "native compiles 50 opcodes when warm", wanted: "under 100 µs", reached: "200 µs", met: false },
  ]);
  assertEquals(goals(true)[2], {
    what: "native against luajit on average",
    wanted: "at most 2.00 times its CPU time",
    reached: "2.00 times",
    met: true,
  });
});

Deno.test("listRemarks() calls out losses, failures and what is missing", () => {
  assertEquals(listRemarks(summarise(MEASURED, null)), [
    "interp against peer does worst at steep (4.00), even (1.00).",
    "native against peer does worst at steep (8.00), even (0.50).",
    "native is slower than interp at steep (2.00).",
    "Skipped: absent (not installed).",
    "Failed: steep with other: exit code 1.",
  ]);
});

Deno.test("ratioText() keeps three digits", () => {
  assertEquals([null, 0.123, 1, 12.34, 123.4].map(ratioText), ["–", "0.12", "1.00", "12.3", "123"]);
});

Deno.test("renderText() and renderMarkdown() show every program, engine and remark", () => {
  const report = summarise(MEASURED, null);
  const markdown = renderMarkdown(report, [{ title: "A plot", path: "plot.svg" }]);
  assertStringIncludes(markdown, "![A plot](plot.svg)");
  for (const text of [renderText(report), markdown]) {
    for (const { name } of [...report.programs, ...report.engines]) assertStringIncludes(text, name);
    for (const remark of listRemarks(report)) assertStringIncludes(text, remark);
  }
  assertStringIncludes(renderText(report), "~100");
  for (const text of ["MISSED", "2 (2)", "█▇▃▃▃▃", "40.0", "4096"]) assertStringIncludes(markdown, text);
  for (const line of markdown.split("\n").filter((line) => line.startsWith("|"))) {
    assert(line.endsWith("|") && line.length > 20, line);
  }
});

Deno.test("sparkline() draws in proportion to the largest value", () => {
  assertEquals(sparkline([0, 1, 4, 8]), "▁▂▅█");
});

Deno.test("makeImages() draws a bar for each round, coloured by tier", () => {
  const { svg } = makeImages(summarise(MEASURED, null)).find(({ name }) => name === "warm-up")!;
  const colors = [...svg.matchAll(/<rect .*fill="(#[0-9a-f]{6})"/g)].map(([, color]) => color);
  const [interpreted, compiling, compiled, ...bars] = colors;
  assertEquals(bars, [
    ...Array(6).fill(interpreted),
    interpreted,
    compiling,
    ...Array(4).fill(compiled),
  ]);
  assert(!/NaN|Infinity|undefined/.test(svg), svg);
});

Deno.test("renderPlot() draws one bar for each value, in balanced and escaped XML", () => {
  for (const { plot } of makePlots(summarise(MEASURED, null))) {
    const svg = renderPlot(plot);
    const values = plot.groups.flatMap(({ values }) => values).filter((value) => value !== null).length;
    assertEquals(svg.match(/<rect /g)!.length, values + plot.series.length + 1);
    assert(!/NaN|Infinity|undefined/.test(svg), svg);
  }
  const svg = renderPlot({
    title: "a < b & c",
    unit: "u",
    scale: "logarithmic",
    series: ["s"],
    groups: [{ label: "none", values: [null] }],
  });
  assertStringIncludes(svg, "a &#60; b &#38; c (u)");
  assert(!/NaN|Infinity/.test(svg), svg);
});

Deno.test("renderPlot() begins logarithmic bars at 1", () => {
  const plot = (value: number) =>
    renderPlot({
      title: "",
      unit: "",
      scale: "logarithmic",
      series: ["s"],
      groups: [{ label: "p", values: [value] }, { label: "q", values: [10] }, { label: "r", values: [0.1] }],
    });
  const bar = (svg: string) => {
    const [, x, width] = [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)][1];
    return [Number(x), Number(width)];
  };
  const [slowStart, slowWidth] = bar(plot(10)), [fastStart, fastWidth] = bar(plot(0.1));
  assertEquals(slowWidth, fastWidth);
  assertEquals(fastStart + fastWidth, slowStart);
});

Deno.test("scaleProgram() multiplies ROUNDS where it is declared, and leaves at least one round", () => {
  assertEquals(scaleProgram("var ROUNDS = 40;\nrun(ROUNDS);", 0.5), "var ROUNDS = 20;\nrun(ROUNDS);");
  assertEquals(scaleProgram("enum { ROUNDS = 40 };", 0.001), "enum { ROUNDS = 1 };");
  assertEquals(scaleProgram("print 1;", 3), "print 1;");
});

Deno.test("splitProgram() takes the answer off a program", () => {
  assertEquals(splitProgram('var ROUNDS = 7;\nprint "checksum " + run(ROUNDS);'), {
    definitions: "var ROUNDS = 7;\n",
    rounds: 7,
  });
  assertEquals(splitProgram('var ROUNDS = 7;\nprint "checksum 1";'), null);
  const whole = listPrograms().filter((program) => splitProgram(readProgram(program, "unna")!) === null);
  assertEquals(whole, ["top_level"]);
});

Deno.test("every program exists for the peers, with the same amount of work", () => {
  const roundsOf = (source: string) => /\bROUNDS = (\d+)/.exec(source)?.[1];
  const programs = listPrograms();
  assert(programs.length >= 20);
  for (const program of programs) {
    const rounds = roundsOf(readProgram(program, "unna")!);
    assert(rounds !== undefined, `${program}.unna has no ROUNDS`);
    for (const ending of ["lua", "js", "py", "c"]) {
      const source = readProgram(program, ending);
      if (source === null) assertEquals(ending, "c", `${program}.${ending} is missing`);
      else assertEquals(roundsOf(source), rounds, `${program}.${ending}`);
    }
  }
});
