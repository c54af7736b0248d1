/**
 * Plots of a report, as SVG: bars for what is compared, and for each program the course of its warm-up.
 */

import type { Report, Warmup } from "./judge.ts";
import { ratioText } from "./show.ts";

/** Bars in groups. On a logarithmic scale they begin at 1: faster is to the left of it, slower to the right. */
export interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly scale: "linear" | "logarithmic";
  readonly series: readonly string[];
  readonly groups: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

const COLORS = ["#c2410c", "#1d4ed8", "#15803d", "#a16207", "#7e22ce", "#0f766e", "#475569", "#be185d"];
const BAR = 13;
const LABELS = 130;
const CHART = 520;
const MARGIN = 70;
const HEAD = 58;

/**
 * Draws a plot as SVG.
 *
 *     title
 *     ■ series ■ series
 *     label │▇▇▇▇▇▇▇▇ 12.3        ← HEAD px from the top, LABELS px from the left
 *           │▇▇▇ 4.56             ← a bar for each series, BAR px high
 *           └──────┬──────┬
 *                  10     100
 */
export function renderPlot({ title, unit, scale, series, groups }: Plot): string {
  const values = groups.flatMap(({ values }) => values.flatMap((value) => value ?? []));
  const isLog = scale === "logarithmic";
  const largest = Math.max(1, ...values), step = roundStep(largest / 4);
  const low = isLog ? Math.floor(Math.log10(Math.min(1, ...values))) : 0;
  const high = isLog ? Math.max(low + 1, Math.ceil(Math.log10(largest))) : Math.ceil(largest / step) * step;
  const place = (value: number) =>
    LABELS + ((isLog ? Math.log10(value) : value) - low) / (high - low) * CHART;
  const ticks = isLog
    ? Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
    : Array.from({ length: Math.round(high / step) + 1 }, (_, i) => step * i);
  const origin = place(isLog ? 1 : 0);
  const bottom = HEAD + groups.length * (series.length * BAR + 8);
  const parts: string[] = [];
  const write = (...args: Parameters<typeof text>) => parts.push(text(...args));
  const bar = (x: number, y: number, width: number, color: string) =>
    parts.push(rect(x, y, width, BAR - 3, color));

  write(10, 20, `${title} (${unit})`, ' font-weight="bold"');
  let legend = 10;
  series.forEach((name, i) => {
    bar(legend, 31, 10, COLORS[i % COLORS.length]);
    write(legend + 14, 40, name);
    legend += 32 + name.length * 7;
  });
  for (const tick of ticks) {
    const x = place(tick).toFixed(1);
    const color = tick === 1 && isLog ? "#333" : "#ddd";
    parts.push(`<line x1="${x}" y1="${HEAD - 6}" x2="${x}" y2="${bottom}" stroke="${color}"/>`);
    write(place(tick), bottom + 14, String(Number(tick.toPrecision(3))), ' text-anchor="middle"');
  }
  groups.forEach(({ label, values }, row) => {
    const top = HEAD + row * (series.length * BAR + 8);
    write(LABELS - 8, top + (series.length * BAR) / 2 + 3, label, END);
    values.forEach((value, i) => {
      if (value === null) return;
      const end = place(value);
      bar(
        Math.min(origin, end),
        top + i * BAR,
        Math.max(1, Math.abs(end - origin)),
        COLORS[i % COLORS.length],
      );
      write(Math.max(origin, end) + 4, top + i * BAR + 9, ratioText(value), ' font-size="10"');
    });
  });
  const width = Math.max(LABELS + CHART + MARGIN, legend), height = bottom + 24;
  return drawing(width, height, parts);
}

const END = ' text-anchor="end"';

function text(x: number, y: number, content: string, more = ""): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more}>${escapeXml(content)}</text>`;
}

function rect(x: number, y: number, width: number, height: number, color: string): string {
  const [left, top, wide, high] = [x, y, width, height].map((number) => number.toFixed(1));
  return `<rect x="${left}" y="${top}" width="${wide}" height="${high}" fill="${color}"/>`;
}

function drawing(width: number, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="#fff"/>\n${parts.join("\n")}\n</svg>\n`;
}

/** The next of 1, 2, 5, 10, 20, 50, … that is not less. */
function roundStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((digit) => digit * power >= value)!;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

const PANEL = { width: 210, height: 90, columns: 4, gap: 14, head: 18 };
/** Colours of rounds: before anything was compiled, while something was, and after. */
const TIERS = [
  { label: "interpreted", color: "#94a3b8" },
  { label: "something compiled", color: "#c2410c" },
  { label: "compiled", color: "#1d4ed8" },
] as const;

/**
 * Draws the course of each warm-up, the slowest round as high as its panel:
 *
 *     program: engine  12.3 ms
 *     █
 *     █▄▂▂▂▂▂▂▂▂▂▂▂▂▂▂        ← a bar for each round, coloured by what ran in it
 */
export function renderWarmups(warmups: readonly Warmup[]): string {
  const { width, height, columns, gap, head } = PANEL;
  const parts: string[] = [
    text(10, 20, "Warm-up: wall time of equal rounds in one process", ' font-weight="bold"'),
  ];
  TIERS.forEach(({ label, color }, i) => {
    parts.push(rect(10 + 150 * i, 31, 10, 10, color), text(24 + 150 * i, 40, label));
  });
  warmups.forEach(({ program, engine, rounds }, panel) => {
    const left = 10 + panel % columns * (width + gap);
    const top = HEAD + Math.floor(panel / columns) * (height + gap + head);
    const slowest = Math.max(...rounds.map(({ milliseconds }) => milliseconds));
    const bar = width / rounds.length;
    parts.push(
      text(left, top + 12, `${program}: ${engine}`),
      text(left + width, top + 12, `${ratioText(slowest)} ms`, END),
    );
    const firstCompiled = rounds.findIndex(({ compiled }) => compiled > 0);
    rounds.forEach(({ milliseconds, compiled }, i) => {
      const tier = TIERS[compiled > 0 ? 1 : firstCompiled < 0 || i < firstCompiled ? 0 : 2];
      const high = Math.max(1, milliseconds / slowest * height);
      parts.push(rect(left + i * bar, top + head + height - high, Math.max(0.5, bar - 1), high, tier.color));
    });
  });
  const rows = Math.ceil(warmups.length / columns);
  return drawing(columns * (width + gap) + 10, HEAD + rows * (height + gap + head), parts);
}

/** A plot as it is written: what it shows, and what its file's name ends with. */
export interface Image {
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

/** The plots that belong to a report. */
export function makeImages(report: Report): Image[] {
  const images = makePlots(report).map(({ name, plot }) => ({
    name,
    title: plot.title,
    svg: renderPlot(plot),
  }));
  const { warmups } = report;
  if (warmups.length > 0) images.push({ name: "warm-up", title: "Warm-up", svg: renderWarmups(warmups) });
  return images;
}

/** The bars among these plots. */
export function makePlots({ engines, programs, base, subject }: Report): { name: string; plot: Plot }[] {
  const own = engines.filter(({ own, name }) => own && name !== base).map(({ name }) => name);
  const shown = own.length > 0 ? own : [subject];
  return [
    {
      name: "means",
      plot: {
        title: `Geometric mean of CPU time, ${base} = 1`,
        unit: "less is faster",
        scale: "logarithmic",
        series: ["mean"],
        groups: engines.map(({ name, ratio }) => ({ label: name, values: [ratio] })),
      },
    },
    {
      name: "programs",
      plot: {
        title: `CPU time by program, ${base} = 1`,
        unit: "less is faster",
        scale: "logarithmic",
        series: shown,
        groups: programs.map(({ name, cells }) => ({
          label: name,
          values: shown.map((engine) => cells[engine]?.ratio ?? null),
        })),
      },
    },
    {
      name: "startup",
      plot: {
        title: "Start-up",
        unit: "CPU and wall milliseconds, peak MB",
        scale: "linear",
        series: ["CPU ms", "wall ms", "peak MB"],
        groups: engines.map(({ name, startup }) => ({
          label: name,
          values: [startup?.cpu ?? null, startup?.wall ?? null, startup?.peak ?? null],
        })),
      },
    },
  ];
}
