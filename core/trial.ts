/**
 * Trials: runs of a program that somebody wants to know everything about. Its output is kept, each event of hot code is
 * listened to, and at its end, before anything is let go of, there are the functions as they are then, their machine
 * code, and the exits that were taken.
 *
 * A trial looks over the shoulder of a backend that compiles: it runs on a backend of its own, which hands everything
 * on to the real one. What runtimes are and how they are made is the business of whoever asks.
 */

import type { Diagnostic } from "./diagnostics.ts";
import type { FunctionProfile, LoadedFunction } from "./machine.ts";
import type { AnyTarget, Backend, Code, ExitCount, JitEvent, Probe, Runner } from "./backend.ts";
import type { Dump } from "./pass.ts";
import type { Plugin } from "./plugin.ts";

/** What a trial asks of a runtime. */
interface TrialRuntime {
  runFile(path: string): Promise<number>;
  runSource(path: string, text: string | Uint8Array): Promise<number>;
  check(path: string, text?: string | Uint8Array): Promise<readonly Diagnostic[]>;
  print(diagnostics: readonly Diagnostic[]): Promise<string>;
  profile(): readonly FunctionProfile[];
  dumps(): readonly Dump[];
  dispose(): void;
}

/** How a program is to be run, beside what a trial sees to itself. */
export interface TrialOptions {
  readonly backend?: string;
  readonly plugins?: readonly Plugin[];
  readonly threshold?: number;
  readonly heap?: number;
  readonly args?: readonly string[];
  readonly off?: readonly string[];
  readonly dump?: readonly string[];
  readonly compileOnly?: boolean;
  /** Gives lines to programs that read; without it, they read standard input. */
  readonly stdin?: () => string | null;
}

/** Makes a runtime. */
export type MakeRuntime = (
  options: TrialOptions & {
    readonly stdout: (bytes: Uint8Array) => void;
    readonly stderr: (bytes: Uint8Array) => void;
  },
) => TrialRuntime;

/** Machine code, and who can read it back. */
export interface Made {
  readonly code: Code;
  readonly target: AnyTarget;
}

/** What a program has left behind. */
export interface Trial {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Calls, rounds, and the code as it is now. */
  readonly functions: readonly FunctionProfile[];
  /** The last machine code of each function that has had some. */
  readonly made: ReadonlyMap<LoadedFunction, Made>;
  /** All exits that were taken, in all compilations. */
  readonly exits: readonly ExitCount[];
  readonly dumps: readonly Dump[];
}

/** A program: a file, or a text and what messages call it. */
export type Subject = { readonly file: string } | {
  readonly path: string;
  readonly text: string | Uint8Array;
};

/** Whether a backend works here; loads what it consists of. */
export async function probeBackend(backend: Backend): Promise<Probe> {
  await backend.prepare?.();
  return backend.probe();
}

/**
 * Runs a program and gives `look` what it has left behind, as long as functions and globals have their names. With
 * `watched`, a backend that works here, it runs there from its start, and `hear` is told what happens to hot code, in
 * the very moment.
 */
export async function runTrial<Result>(
  make: MakeRuntime,
  subject: Subject,
  { watched, hear, ...options }: TrialOptions & {
    readonly watched?: Backend;
    readonly hear?: (event: JitEvent) => void;
  },
  look: (trial: Trial) => Result | Promise<Result>,
): Promise<Result> {
  const out = new TextDecoder(), err = new TextDecoder();
  let stdout = "", stderr = "";
  const watch = watched === undefined ? null : watchBackend(watched, hear);
  const runtime = make({
    ...options,
    ...(watch === null
      ? {}
      : { backend: watch.backend.name, plugins: [...options.plugins ?? [], watch.plugin] }),
    stdout: (bytes) => void (stdout += out.decode(bytes, { stream: true })),
    stderr: (bytes) => void (stderr += err.decode(bytes, { stream: true })),
  });
  try {
    const code = "file" in subject
      ? await runtime.runFile(subject.file)
      : await runtime.runSource(subject.path, subject.text);
    return await look({
      code,
      stdout,
      stderr,
      functions: runtime.profile(),
      made: watch?.made ?? new Map(),
      exits: watch?.exits() ?? [],
      dumps: runtime.dumps(),
    });
  } finally {
    runtime.dispose();
  }
}

/** A backend that does what another one does, and remembers it. */
function watchBackend(backend: Backend, hear?: (event: JitEvent) => void): {
  readonly backend: Backend;
  readonly plugin: Plugin;
  readonly made: ReadonlyMap<LoadedFunction, Made>;
  exits(): readonly ExitCount[];
} {
  const made = new Map<LoadedFunction, Made>();
  let runner: Runner | null = null;
  const watched: Backend = {
    ...backend,
    name: `watched-${backend.name}`,
    open(context) {
      runner = backend.open({
        ...context,
        compileHot(hot, target) {
          const code = context.compileHot(hot, target);
          made.set(hot.loaded, { code, target });
          return code;
        },
        observe(event) {
          hear?.(event);
          context.observe?.(event);
        },
      });
      return runner;
    },
  };
  return {
    backend: watched,
    plugin: { name: "trial", doc: "Watches a backend.", backends: [watched] },
    made,
    exits: () => runner?.exits?.() ?? [],
  };
}
