/**
 * Dealing with programs while they are there: functions and globals that TypeScript asks for, and those that it lends;
 * texts that go on in a program's module; and a conversation with a person.
 */

import { views } from "./memory.ts";
import { copyValue, HI_EMPTY } from "./value.ts";
import { makeSource, type SourceFile } from "./source.ts";
import type { Program } from "./program.ts";
import { definePart } from "./part.ts";
import { converterOf, defineHostNative, type Handle, type HostValue } from "./convert.ts";
import { type Compilation, runPasses } from "./pass.ts";
import type { Plugin } from "./plugin.ts";
import { redefinedBuiltins, runInput } from "./session.ts";
import type { RuntimeOptions } from "./embedder.ts";
import {
  activate,
  compileFile,
  isWatched,
  type RuntimeState,
  say,
  type Session,
  start,
  tellAll,
  tellFailure,
  watch,
  watchdogOf,
} from "./running.ts";

const PARTS = {
  passes: definePart<typeof import("../passes/session.ts")>(import.meta, "../passes/session.ts"),
  repl: definePart<typeof import("./repl.ts")>(import.meta, "./repl.ts"),
};

/** The program that ran last. */
function sessionOf({ session, disposed }: RuntimeState): Session {
  if (session === null) {
    throw new Error(disposed ? "The runtime has been disposed" : "No program has been run");
  }
  return session;
}

/** The word of a global of the main file that has a value; undefined if there is none of that name. */
function globalWord({ engine }: Session, name: string): number | undefined {
  const word = engine.main()?.globals.get(name);
  return word === undefined || views.I32[word + 1] === HI_EMPTY ? undefined : word;
}

// ---- values and functions ----------------------------------------------------------------------------------------

/** The value of a global; `Runtime.get`. */
export function getGlobal(state: RuntimeState, name: string): HostValue | undefined {
  const session = sessionOf(state), word = globalWord(session, name);
  return word === undefined ? undefined : converterOf(session.engine.machine).toHost(word);
}

/** Calls a function of the program; `Runtime.call`. */
export async function call(
  state: RuntimeState,
  target: string | Handle,
  args: readonly HostValue[],
): Promise<HostValue> {
  const session = sessionOf(state), { engine } = session;
  const held: number[] = [];
  activate(state);
  const converter = converterOf(engine.machine);
  try {
    let callee: number | undefined;
    if (typeof target === "string") {
      callee = globalWord(session, target);
      if (callee === undefined) throw new TypeError(`The program has no global '${target}'`);
    } else held.push(converter.hold(target));
    for (const arg of args) held.push(converter.hold(arg));
    const store = (slot: number) => {
      const words = held.map(converter.wordOf);
      if (callee !== undefined) words.unshift(callee);
      words.forEach((word, i) => copyValue(slot + 2 * i, word));
    };
    const result = await engine.callFunction(args.length, store, converter.toHost);
    await engine.finish();
    return result;
  } finally {
    held.forEach(converter.release);
    state.stdout.flush();
  }
}

/** The functions of the embedder as a plugin of its own. */
export function hostPlugin(functions: NonNullable<RuntimeOptions["functions"]>): Plugin {
  const natives = Object.entries(functions).map(([name, run]) =>
    defineHostNative({
      name,
      params: [{ name: "args", type: "any", mode: "rest" }],
      doc: "A function of the embedder.",
      example: { code: "", output: "" },
      run: (args) => run(...args),
    })
  );
  return { name: "embedder", doc: "Functions that the embedder gives to programs.", natives };
}

// ---- texts -------------------------------------------------------------------------------------------------------

/** Runs a text in the module of the program that ran last; `Runtime.evaluate`. */
export async function evaluate(
  state: RuntimeState,
  path: string,
  text: string,
): Promise<HostValue | undefined> {
  const { engine } = await begun(state);
  const { program } = await compileInput(state, makeSource(path, text));
  try {
    const word = await runInput(engine, program, (work) => watch(state, sessionOf(state), path, work));
    return word === null ? undefined : converterOf(engine.machine).toHost(word);
  } finally {
    state.stdout.flush();
  }
}

/** The session; begins one with an empty program if there is none. */
async function begun(state: RuntimeState): Promise<Session> {
  activate(state);
  return state.session ?? await start(state, compileFile(state, makeSource("session", "")).program, null);
}

async function compileInput(state: RuntimeState, source: SourceFile): Promise<Compilation> {
  const { forInputs } = await PARTS.passes.load(), { driver } = state;
  const builtins = driver.builtins.difference(redefinedBuiltins(sessionOf(state).engine));
  return runPasses({ ...driver, passes: forInputs(driver.passes), builtins }, source);
}

// ---- people ------------------------------------------------------------------------------------------------------

/** Talks to whoever is at standard input; `Runtime.converse`. */
export async function converse(state: RuntimeState, history: string | undefined): Promise<number> {
  state.isConversing = true;
  const { options, registry, driver, stdout } = state;
  const isTerminal = options.stdin === undefined && Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  const own = await begun(state), { engine } = own;
  const [{ converse }, { isUnfinished, keywordsOf, parseInput }] = await Promise.all([
    PARTS.repl.load(),
    PARTS.passes.load(),
  ]);
  // Whoever sits there may press Ctrl-C at any time, so somebody listens from the beginning.
  const watchdog = isTerminal && isWatched(state) ? own.watchdog = watchdogOf(own, undefined) : null;
  // Told by both, one Ctrl-C would also end what is typed next.
  const isHeard = await watchdog?.listen() ?? false;
  try {
    return await converse({
      engine,
      opcodes: registry.opcodes,
      libraries: registry.libraries,
      keywords: keywordsOf(driver.rules),
      threshold: driver.threshold,
      color: (options.color ?? false) && isTerminal,
      isTerminal,
      ...(history === undefined ? {} : { history }),
      parse: (source) => parseInput(source, driver.rules),
      async compile(source): Promise<Program> {
        const { program, diagnostics } = await compileInput(state, source);
        tellAll(state, diagnostics);
        return program;
      },
      isUnfinished: (failure) => isUnfinished(failure, driver.rules),
      run: (path, work) => watch(state, own, path, work),
      tellFailure: (error) => tellFailure(state, error),
      native: () => ({
        compiled: state.runner?.compiled?.() ?? null,
        ...(state.target === null ? {} : { target: state.target }),
      }),
      write: (text) => stdout.write(new TextEncoder().encode(text)),
      say: (text) => say(state, text),
      ...(isHeard ? {} : { interrupt: () => own.watchdog?.interrupt() }),
    });
  } finally {
    own.watchdog = null;
    watchdog?.dispose();
  }
}
