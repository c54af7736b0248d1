/**
 * Parts of the runtime that most runs do without: what prints, what examines plugins, what compiles hot code. A part is a
 * module that is loaded when it is about to be needed. Functions that cannot wait use what somebody who could has loaded.
 *
 * Before a program starts, Deno reads and examines all modules that it finds named in the text, even where they are only
 * imported on demand: some seventy microseconds for each. So a part's name is put together here, where Deno cannot see
 * it. The price is that Deno asks for `--allow-read`, unless it has seen the module elsewhere: `mod.ts`, which the
 * command line does not load, shows all of them to Deno for those who embed the runtime.
 */

/** A module that is loaded on demand. */
export interface Part<Module> {
  /** Loads it, unless that has been done. */
  load(): Promise<Module>;
  /**
   * The loaded module.
   * @throws {Error} if nobody has loaded it, which is a bug
   */
  get(): Module;
}

/** Thrown when a part cannot be loaded: as a rule, because Deno was not allowed to read it. */
export class PartFailure extends Error {
  /** What stack traces call it. */
  override readonly name = "PartFailure";
}

/**
 * The part in the file at `path`, seen from the module that is `meta`: `definePart(import.meta, "./x.ts")`; or in the package
 * of that name.
 */
export function definePart<Module>(meta: ImportMeta, path: string): Part<Module> {
  let module: Module | undefined;
  return {
    async load() {
      try {
        // Deno fetches a package, if it has to, only for an import by name.
        return module ??= await import(path.startsWith(".") ? meta.resolve(path) : path) as Module;
      } catch (error) {
        // What is wrong with a module's text is told as it is; only this has its cause elsewhere.
        if (!(error instanceof TypeError)) throw error;
        throw new PartFailure(`Loading a part of the runtime failed: ${error.message}`, { cause: error });
      }
    },
    get() {
      if (module === undefined) throw new Error(`${path} is used before it is loaded: this is a bug`);
      return module;
    },
  };
}
