/**
 * Shows a report as text, or as Markdown. Both are made of the same tables and remarks; losing cases are in them like
 * all others.
 */

import { bold, red, yellow } from "@std/fmt/colors";
import { type Cell, type Comparison, type Report, SHORTEST, slowerAt, sumOf, type Warmup } from "./judge.ts";

/** The spread of repeated runs, relative to the median, from which on a figure is marked as shaky. */
const SHAKY = 0.2;
/** Programs at which an engine does worst that are called out. */
const WORST = 3;
/** Places where native code is left that are listed, and how often it has to be left there. */
const EXITS_SHOWN = 20, EXITS_LEAST = 1000;

interface Table {
  readonly title: string;
  readonly note: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const NOTHING = "–";

function milliseconds(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

/** A ratio with the digits that mean something. */
export function ratioText(value: number | null): string {
  if (value === null) return NOTHING;
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

const MEAN = "geometric mean";

function makeTables(report: Report): Table[] {
  const { base, subject, goals, comparisons, warmups, compilations } = report;
  const rivals = comparisons.filter(({ engine }) => engine === subject);
  const tables = [enginesTable(report), ratiosTable(report)];
  if (goals.length > 0) tables.unshift(goalsTable(report));
  if (rivals.some(({ rival }) => rival !== base)) tables.push(rivalsTable(report, rivals));
  tables.push(timesTable(report));
  if (warmups.length > 0) tables.push(warmupTable(report));
  if (compilations.length > 0) tables.push(compilationTable(report));
  const exits = exitsTable(report);
  if (exits.rows.length > 0) tables.push(exits);
  return tables;
}

function goalsTable({ goals }: Report): Table {
  return {
    title: "Goals",
    note: "What this project has set out to reach.",
    head: ["goal", "wanted", "reached", "verdict"],
    rows: goals.map(({ what, wanted, reached, met }) => [what, wanted, reached, met ? "met" : MISSED]),
  };
}
const MISSED = "MISSED";

function enginesTable({ engines, base }: Report): Table {
  return {
    title: "Engines",
    note:
      `Start-up: an empty program. Mean: geometric, of the ratios to ${base} below. Spread: of repeated runs.`,
    head: [
      "engine",
      "start-up CPU ms",
      "wall ms",
      "peak MB",
      "mean CPU",
      "mean wall",
      "programs",
      "spread",
      "about",
    ],
    rows: engines.map(({ name, startup, ratio, wallRatio, counted, spread, about }) => [
      name,
      startup === null ? NOTHING : milliseconds(startup.cpu),
      startup === null ? NOTHING : milliseconds(startup.wall),
      startup?.peak == null ? NOTHING : startup.peak.toFixed(0),
      ratioText(ratio),
      ratioText(wallRatio),
      String(counted),
      spread === null ? NOTHING : `${(spread * 100).toFixed(0)}%`,
      about,
    ]),
  };
}

/** A row for each program, a cell for each engine. */
function eachProgram({ engines, programs }: Report, show: (cell: Cell) => string): string[][] {
  return programs.map(({ name, cells }) => [
    name,
    ...engines.map((engine) => cells[engine.name] === undefined ? NOTHING : show(cells[engine.name])),
  ]);
}

function ratiosTable(report: Report): Table {
  const { engines, base, subject } = report;
  return {
    title: `CPU time in relation to ${base}`,
    note:
      `Where ${subject} does worst comes first. No ratio where one of both took less than ${SHORTEST} ms.`,
    head: ["program", ...engines.map(({ name }) => name)],
    rows: [
      ...eachProgram(report, ({ ratio }) => ratioText(ratio)),
      [MEAN, ...engines.map(({ ratio }) => ratioText(ratio))],
    ],
  };
}

function rivalsTable({ programs, subject }: Report, rivals: readonly Comparison[]): Table {
  return {
    title: `CPU time of ${subject} in relation to each other engine`,
    note: `Below 1 ${subject} is faster.`,
    head: ["program", ...rivals.map(({ rival }) => `/ ${rival}`)],
    rows: [
      ...programs.map(({ name }) => [name, ...rivals.map(({ ratios }) => ratioText(ratios[name] ?? null))]),
      [MEAN, ...rivals.map(({ mean }) => ratioText(mean))],
      ["programs", ...rivals.map(({ ratios }) => String(Object.keys(ratios).length))],
    ],
  };
}

function timesTable(report: Report): Table {
  return {
    title: "CPU milliseconds",
    note: `Medians without start-up; ~ marks a spread of more than ${SHAKY * 100}%.`,
    head: ["program", ...report.engines.map(({ name }) => name)],
    rows: eachProgram(
      report,
      ({ netCpu, spread }) => `${spread > SHAKY ? "~" : ""}${milliseconds(netCpu)}`,
    ),
  };
}

function warmupTable({ warmups }: Report): Table {
  return {
    title: "Warm-up",
    note:
      "The same work again and again in one process, in wall milliseconds. Compiled: in which rounds functions " +
      "were compiled, and how many.",
    head: ["program", "engine", "first", "settled", "from round", "compiled", "rounds"],
    rows: warmups.map(({ program, engine, rounds, first, settled, settledFrom }) => [
      program,
      engine,
      first.toFixed(2),
      settled.toFixed(2),
      String(settledFrom),
      compiledIn(rounds),
      sparkline(rounds.map(({ milliseconds }) => milliseconds)),
    ]),
  };
}

/** In which rounds how many functions were compiled: `1 (3), 4`. */
function compiledIn(rounds: Warmup["rounds"]): string {
  const parts = rounds.flatMap(({ compiled }, i) =>
    compiled === 0 ? [] : [compiled === 1 ? String(i + 1) : `${i + 1} (${compiled})`]
  );
  return parts.length === 0 ? NOTHING : parts.join(", ");
}

/** Bars of text, in proportion to the largest value. */
export function sparkline(values: readonly number[]): string {
  const bars = "▁▂▃▄▅▆▇█", largest = Math.max(...values);
  return values.map((value) => bars[Math.min(bars.length - 1, Math.floor(value / largest * bars.length))])
    .join("");
}

function compilationTable({ compilations }: Report): Table {
  const all = compilations.flatMap(({ functions }) => functions);
  const row = (functions: typeof all) => {
    const count = functions.length;
    const planned = functions.filter(({ plannedMicroseconds }) => plannedMicroseconds !== null);
    const [opcodes, words, bytes, first, warm, times] = (
      ["instructions", "words", "bytes", "firstMicroseconds", "warmMicroseconds", "compilations"] as const
    ).map((field) => sumOf(functions, field));
    return [
      String(count),
      String(times),
      String(opcodes),
      String(bytes),
      (bytes / words).toFixed(1),
      (first / times).toFixed(0),
      (warm / count).toFixed(0),
      (warm / opcodes).toFixed(2),
      planned.length === 0
        ? "–"
        : (sumOf(planned, "plannedMicroseconds") / sumOf(planned, "instructions")).toFixed(2),
    ];
  };
  return {
    title: "Compilation",
    note:
      "Of the functions that got hot. Microseconds: of one compilation as the program ran, and when the compiler " +
      "is warm; the latter also for an opcode, and with a second version of its loops where there is one. Word: of " +
      "bytecode, 32 bits.",
    head: [
      "program",
      "engine",
      "functions",
      "compiled",
      "opcodes",
      "bytes",
      "bytes / word",
      "cold µs",
      "warm µs",
      "µs / opcode",
      "with loops",
    ],
    rows: [
      ...compilations.map(({ program, engine, functions }) => [program, engine, ...row([...functions])]),
      ["all", "", ...row(all)],
    ],
  };
}

function exitsTable({ compilations }: Report): Table {
  const all = compilations.flatMap(({ program, engine, exits }) =>
    exits.map((exit) => ({ program, engine, ...exit }))
  );
  const shown = all.filter(({ count }) => count >= EXITS_LEAST).sort((a, b) => b.count - a.count)
    .slice(0, EXITS_SHOWN);
  return {
    title: "Where native code is left most",
    note: "During all rounds of the warm-up; at least that often, since not every exit is told.",
    head: ["program", "engine", "function", "opcode", "reason", "exits"],
    rows: shown.map(({ program, engine, name, opcode, reason, count }) => [
      program,
      engine,
      name,
      opcode,
      reason,
      String(count),
    ]),
  };
}

/** What has to be said beside the tables: losses, failures, what is missing. */
export function listRemarks(report: Report): string[] {
  const { programs, base, engines, comparisons, skipped, failures } = report;
  const remarks: string[] = [];
  const own = engines.filter(({ own, name }) => own && name !== base);
  const places = (list: readonly { name: string; factor: number }[]) =>
    list.map(({ name, factor }) => `${name} (${ratioText(factor)})`).join(", ");
  for (const { name } of own.length > 0 ? own : engines.filter(({ name }) => name === report.subject)) {
    const worst = programs.flatMap((program) => {
      const factor = program.cells[name]?.ratio;
      return factor == null ? [] : [{ name: program.name, factor }];
    }).sort((a, b) => b.factor - a.factor).slice(0, WORST);
    if (worst.length > 0 && name !== base) {
      remarks.push(`${name} against ${base} does worst at ${places(worst)}.`);
    }
  }
  const [first, ...others] = engines.filter(({ own }) => own);
  for (const { name } of others) {
    const comparison = comparisons.find(({ engine, rival }) => engine === name && rival === first.name);
    const slower = comparison === undefined ? [] : slowerAt(comparison);
    if (slower.length > 0) remarks.push(`${name} is slower than ${first.name} at ${places(slower)}.`);
  }
  for (const { name, because } of skipped) remarks.push(`Skipped: ${name} (${because}).`);
  for (const { program, engine, because } of failures) {
    remarks.push(`Failed: ${program} with ${engine}: ${because}.`);
  }
  return remarks;
}

function settings({ machine, date, rounds, scale }: Report): string[] {
  const runs = rounds === 1 ? "One run" : `Medians of ${rounds} runs, engines in turn`;
  return [
    `${date}, ${machine}.`,
    `${runs}; scale ${scale}. CPU time is user plus system of the whole process.`,
  ];
}

/** Rows in columns: the first to the left, numbers to the right. */
function alignRows(rows: readonly (readonly string[])[]): string[][] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const isText = rows[0].map((_, column) =>
    column === 0 || rows.slice(1).some((row) => row[column].includes(" "))
  );
  return rows.map((row) =>
    row.map((cell, column) => isText[column] ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))
  );
}

/** The report for people at a terminal. */
export function renderText(report: Report): string {
  const lines = settings(report);
  for (const { title, note, head, rows } of makeTables(report)) {
    const [first, ...others] = alignRows([head, ...rows]).map((row) => row.join("  ").trimEnd());
    lines.push(
      "",
      bold(title),
      note,
      "",
      bold(first),
      ...others.map((line) => line.endsWith(MISSED) ? red(line) : line),
    );
  }
  const remarks = listRemarks(report);
  if (remarks.length > 0) lines.push("", ...remarks.map((remark) => yellow(remark)));
  return lines.join("\n") + "\n";
}

/** The report as Markdown; `images` are paths relative to it, with what they show. */
export function renderMarkdown(report: Report, images: readonly { title: string; path: string }[]): string {
  const lines = ["# Benchmark", "", ...settings(report)];
  const remarks = listRemarks(report);
  if (remarks.length > 0) lines.push("", ...remarks.map((remark) => `- ${remark}`));
  for (const { title, path } of images) lines.push("", `![${title}](${path})`);
  for (const { title, note, head, rows } of makeTables(report)) {
    const escaped = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
    const [first, ...others] = alignRows(escaped).map((row) => `| ${row.join(" | ")} |`);
    const rule = first.replace(/[^|]/g, "-");
    lines.push("", `## ${title}`, "", note, "", first, rule, ...others);
  }
  return lines.join("\n") + "\n";
}
