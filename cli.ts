/**
 * The command line. A program alone, which is what most command lines are, is run here; whatever else stands on one is
 * the business of core/command_line.ts, which is loaded then.
 *
 * Deno wants to know the place of every import that leads to a module it has not met before, and for that reads the
 * source map of the whole file around it. Here, where there is next to nothing around it, that costs nothing: so all
 * that a run loads is named first, in the order of the ladder, and Deno needs no source map of any other file. None of
 * these files has a character beyond ASCII, not even in a drawing: V8 would take two bytes for each of the others.
 *
 * @module
 */

import "./core/part.ts";
import "./core/source.ts";
import "./core/diagnostics.ts";
import "./core/files.ts";
import "./core/output.ts";
import "./core/ast.ts";
import "./core/memory.ts";
import "./core/value.ts";
import "./core/number_text.ts";
import "./core/heap.ts";
import "./core/gc.ts";
import "./core/strings.ts";
import "./core/maps.ts";
import "./core/arithmetic.ts";
import "./core/compare.ts";
import "./core/text.ts";
import "./core/program.ts";
import "./core/machine.ts";
import "./core/opcodes.ts";
import "./core/verify.ts";
import "./core/loader.ts";
import "./core/dispatch.ts";
import "./core/pass.ts";
import "./core/plugin.ts";
import "./core/engine.ts";
import "./core/watchdog.ts";
import "./core/running.ts";
import "./passes/lexer.ts";
import "./passes/parse.ts";
import "./passes/scope.ts";
import "./passes/registers.ts";
import "./passes/bytecode.ts";
import "./passes/profile.ts";
import "./passes/mod.ts";
import "./backends/interp.ts";
import "./backends/x64/mod.ts";
import "./plugins/std.ts";
import { createRuntime } from "./core/runtime.ts";

/** What can stand in the place of a file; options.ts says what each of them does. */
const WORDS: readonly string[] = ["repl", "check", "explain", "why", "new", "plugin", "lab", "doctor"];

/**
 * Milliseconds after which a start was slow. Deno keeps what V8 has compiled for the next start, but only if the process
 * ends by itself, which takes a twentieth of an empty program's time. So it does after a slow start; after a quick one
 * the code was there already, or is not missed.
 */
const SLOW_START = 30;

/** Runs a command line; gives the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const isQuick = performance.now() < SLOW_START;
  const [first, ...rest] = args;
  // Errors are coloured where somebody sees them.
  const options = { interruptible: true, color: Deno.stderr.isTerminal() && !Deno.noColor };
  const load = () => import("./core/command_line.ts");
  if (first === undefined || first.startsWith("-") || WORDS.includes(first)) {
    const { processStreams, runCommandLine } = await load();
    return await runCommandLine(args, processStreams(options));
  }
  try {
    const runtime = createRuntime({ args: rest, ...options });
    const code = await runtime.runFile(first);
    // A program that ends itself or fails may leave something behind that would go on.
    if (isQuick || runtime.outcome() !== "finished") Deno.exit(code);
    return code;
  } catch (error) {
    const { processStreams, tellFailure } = await load();
    return await tellFailure(error, processStreams(options));
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
