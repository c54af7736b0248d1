/**
 * What a runtime can tell about programs: what is wrong with one without running it, and what was measured, dumped and
 * noted when one ran. How that looks in print, reports.ts and page.ts know.
 */

import { Control, views } from "./memory.ts";
import { heapStats } from "./heap.ts";
import { createDiagnostics, type Diagnostic } from "./diagnostics.ts";
import { makeSource } from "./source.ts";
import { decodeFile, isDiagnostic, readFile } from "./files.ts";
import { definePart } from "./part.ts";
import { type Artifacts, CompileFailure } from "./pass.ts";
import type { RuntimeStats } from "./reports.ts";
import type { Report } from "./embedder.ts";
import { VERSION } from "./plugin.ts";
import { compileSeen, profile, type RuntimeState } from "./running.ts";

const PARTS = {
  check: definePart<typeof import("../passes/check.ts")>(import.meta, "../passes/check.ts"),
  nativeViews: definePart<typeof import("./native_views.ts")>(import.meta, "./native_views.ts"),
  page: definePart<typeof import("./page.ts")>(import.meta, "./page.ts"),
  reports: definePart<typeof import("./reports.ts")>(import.meta, "./reports.ts"),
};

/** Finds what can be known without running; `Runtime.check`. */
export async function check(
  { driver, registry }: RuntimeState,
  path: string,
  text?: string | Uint8Array,
): Promise<readonly Diagnostic[]> {
  const source = text === undefined
    ? readFile(path, path)
    : typeof text === "string"
    ? makeSource(path, text)
    : decodeFile(path, text);
  if (isDiagnostic(source)) return [source];
  const { checkProgram } = await PARTS.check.load();
  const diagnostics = createDiagnostics();
  let tree: Artifacts["ast"] | null = null;
  try {
    const { diagnostics: reported } = compileSeen(driver, registry, source, (made) => tree = made);
    reported.forEach(diagnostics.add, diagnostics);
  } catch (error) {
    if (!(error instanceof CompileFailure)) throw error;
    return error.diagnostics;
  }
  const natives = new Map(registry.natives.map((native) => [native.name, native]));
  const arity = (name: string) => {
    const params = natives.get(name)?.params;
    return params === undefined || params.some(({ mode }) => mode !== undefined) ? null : params.length;
  };
  if (tree !== null) checkProgram(tree, source, { globals: driver.builtins, arity }, diagnostics);
  return diagnostics.items;
}

/** Diagnostics as text, or as JSON. */
export async function print({ options }: RuntimeState, diagnostics: readonly Diagnostic[]): Promise<string> {
  const { printDiagnostics } = await PARTS.reports.load();
  return printDiagnostics(diagnostics, options.json ?? false, options.color ?? false);
}

/** What has been measured or dumped; `Runtime.report`. */
export async function report(state: RuntimeState, what: Report): Promise<string> {
  const reports = await PARTS.reports.load();
  const { options: { json = false, functionName }, driver: { log }, registry } = state;
  switch (what) {
    case "dumps":
      return reports.printDumps(log.dumps.filter(({ stage }) => stage === "load"), json);
    case "native":
      return state.showsNative ? nativeReport(state, reports) : "";
    case "time":
      return reports.printTimings(log.timings, json);
    case "stats":
      return reports.printStats(stats(state), json);
    case "profile":
      return reports.printProfile(profile(state), registry.opcodes, json, functionName);
    case "page":
      return await pageReport(state);
  }
}

/** The page of the program that ran last. */
async function pageReport(state: RuntimeState): Promise<string> {
  const { recording, registry: { opcodes, rules, artifacts }, options: { functionName } } = state;
  if (recording === null) throw new Error("Nothing was noted for a page; the option 'page' was not set");
  const { collectPage, renderPage } = await PARTS.page.load();
  return renderPage(collectPage(recording, {
    opcodes,
    target: state.target,
    parts: new Set(state.shown),
    profile: profile(state),
    exits: state.runner?.exits?.() ?? [],
    ...(functionName === undefined ? {} : { functionName }),
    tokens: (source) => JSON.parse(artifacts.get("source")!.json(source, { source, opcodes, rules })),
    version: VERSION,
  }));
}

/** What the program that ran last has become. */
async function nativeReport(state: RuntimeState, reports: typeof import("./reports.ts")): Promise<string> {
  const { options: { json = false, functionName }, driver, session, runner } = state;
  if (session === null) return ""; // what did not compile did not run
  if (state.jitLog === null) return json ? "" : "The interpreter ran everything; there is no machine code\n";
  const dumps = driver.log.dumps.filter(({ stage }) => stage === "hot");
  if (driver.dump.includes("exits")) {
    const { exitsToJson, printExits } = await PARTS.nativeViews.load();
    const exits = (runner?.exits?.() ?? []).filter(({ loaded }) =>
      (functionName ?? loaded.proto.name) === loaded.proto.name
    );
    const about = { name: "exits", kind: "exits", stage: "hot" } as const;
    if (!json) dumps.push({ ...about, path: session.engine.main()?.name ?? "", text: printExits(exits) });
    else {
      for (const { loaded: { source, proto }, text } of exitsToJson(exits)) {
        dumps.push({ ...about, path: source.path, functionName: proto.name, text });
      }
    }
  }
  if (dumps.length === 0 && !json) {
    const what = functionName === undefined ? "Nothing" : `'${functionName}' never`;
    return `${what} became hot; there is no machine code\n`;
  }
  return reports.printDumps(dumps, json);
}

/** Figures of the program that ran last. */
export function stats({ options, runner, jitLog, session }: RuntimeState): RuntimeStats {
  const exits = (runner?.exits?.() ?? []).reduce((sum, { count }) => sum + count, 0);
  const native = jitLog === null ? null : { ...jitLog.sums(), exits };
  // An instruction that exits counts where it began, and again where it was done.
  const nativeInstructions = views.I32[Control.EXECUTED_NATIVE + 1] * 2 ** 32 +
    (views.I32[Control.EXECUTED_NATIVE] >>> 0) - exits;
  return {
    instructions: options.stats ? views.F64[Control.EXECUTED / 2] + nativeInstructions : null,
    nativeInstructions: options.stats ? nativeInstructions : null,
    native,
    milliseconds: session?.milliseconds ?? 0,
    heap: heapStats(),
  };
}
