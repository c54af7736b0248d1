/**
 * Runs programs: loads modules, drives the dispatch loop, counts what is hot, and schedules tasks. It is the only
 * place that rewrites the counters of loops and functions, and the only one that waits for the outside.
 *
 * The event loop: a program is a set of tasks, of which one runs at a time, on otherwise empty stacks, until it ends
 * or waits. Then the next one that may go on is copied onto the stacks, first come first served; when there is none,
 * the loop waits for a timer or for the host. What is left when nothing can happen any more waits for ever, and is
 * told so by an error.
 */

import { views } from "./memory.ts";
import * as value from "./value.ts";
import { setObject } from "./value.ts";
import { allocate, FutureState, HeapExhausted, newFuture, safepoint } from "./heap.ts";
import { type Program, Proto } from "./program.ts";
import {
  beginBody,
  beginCall,
  callBody,
  closeAll,
  createMachine,
  defineLibrary,
  defineNative,
  disposeMachine,
  enterMachine,
  fail,
  failTask,
  failWaiting,
  functionAt,
  type FunctionProfile,
  functionsOf,
  type LazyLibrary,
  type LibraryDef,
  type Machine,
  makeFault,
  type Module,
  type NativeDef,
  newModule,
  restoreTask,
  RuntimeFault,
  Stop,
  stubs,
  type Task,
  unseenFailures,
  waitFor,
  wake,
  whenSettled,
  type World,
} from "./machine.ts";
import { OP, type OpcodeDef } from "./opcodes.ts";
import { grantedRounds, loadProgram } from "./loader.ts";
import type { Runner } from "./backend.ts";
import { CompileFailure } from "./pass.ts";

const { I32 } = views;
const { Kind } = value;

/** What an engine is made of, and what it needs from the embedder. */
export interface EngineOptions {
  /** All opcodes: the built-in ones, then those of plugins. */
  readonly opcodes: readonly OpcodeDef[];
  /** The backend's way of running code. */
  readonly runner: Runner;
  /** Natives that are globals of every module. */
  readonly natives: readonly NativeDef[];
  /** Libraries that are globals of every module; those that are lazy are loaded when a program names them. */
  readonly libraries: readonly (LibraryDef | LazyLibrary)[];
  /** What natives may ask for. */
  readonly world: World;
  /** Finds a module's file: its real path, and the path to show in messages; null if there is none. */
  resolve(path: string, importer: string): { readonly path: string; readonly display: string } | null;
  /**
   * Compiles a module's file.
   * @throws {CompileFailure} if it has errors
   */
  compile(path: string, display: string): Program;
  /** Compiles the text of a native that is written in the language. */
  compileText(path: string, text: string): Program;
  /** Shows why a module did not compile; the import then fails. */
  report(failure: CompileFailure): void;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Is called again and again while a program runs; may throw to end it. */
  tick?(machine: Machine): void;
}

/** A machine with everything around it that runs programs. */
export interface Engine {
  readonly machine: Machine;
  /** The module of the main program, once there is one. */
  main(): Module | null;
  /**
   * Runs a file's body and all that it starts.
   * @throws {RuntimeFault} if the body fails
   * @throws {ProgramExit} if the program ends itself
   */
  runMain(program: Program, path: string): Promise<void>;
  /**
   * Runs another program in the module of the first one, and all that it starts. An error ends all that, and what was
   * defined before stays.
   * @throws {RuntimeFault} if its body fails
   * @throws {ProgramExit} if it ends the program
   */
  runMore(program: Program): Promise<void>;
  /** Failures of tasks that nobody awaited. */
  unseen(): RuntimeFault[];
  /**
   * Calls a function as a task of its own: `store` writes the function at the word that it is given, and `count` arguments
   * after it. As soon as there is a result, `take` gets its word, which is valid during the call only.
   * @throws {RuntimeFault} if the function fails
   */
  callFunction<T>(count: number, store: (slot: number) => void, take: (result: number) => T): Promise<T>;
  /** Runs everything that has been started to its end. */
  finish(): Promise<void>;
  /** What has been counted so far. */
  profile(): FunctionProfile[];
  /** Lets go of everything; the engine cannot be used any more. */
  dispose(): void;
}

/**
 * Rounds and calls between two visits here, once the threshold of the profile pass has been passed. Frequent enough
 * that V8's better versions of the dispatch loop, which only an entry picks up, are picked up early.
 */
const TICK = 2048;

/** Words of an IMPORT instruction. */
const IMPORT_WORDS = 2;

/** Milliseconds for which tasks run one after the other before the host has its turn. */
const TURN = 20;

/** The code that runs and tasks return to: one FINISH, one TASK_END, in a function without registers. */
function makeStubs(): void {
  if (stubs.proto !== 0) return;
  const ref = allocate(Kind.PROTO, 1 + (Proto.CODE + 2) / 2), proto = (ref + 1) << 1;
  I32.fill(0, (ref << 1) + 1, proto + Proto.CODE);
  I32[proto + Proto.SELF] = ref;
  I32[proto + Proto.ID] = -1;
  stubs.proto = proto;
  stubs.finish = proto + Proto.CODE;
  stubs.taskEnd = stubs.finish + 1;
  I32[stubs.finish] = OP.FINISH;
  I32[stubs.taskEnd] = OP.TASK_END;
}

/**
 * Whether a run waits for its backend in the middle of a program. All machines of the process share the stacks, and a
 * run can only go on when all that came on top of it is gone: so while one waits, no other one may.
 */
let isAnyWaiting = false;

/** Makes an engine with the given parts. */
export function createEngine(options: EngineOptions): Engine {
  // What the program before has left behind goes first: nothing below collects.
  safepoint(16 + options.natives.length);
  makeStubs();
  const { runner, opcodes } = options;
  const loaded = new Map<string, Module>();
  const libraries = new Map<string, LibraryDef | LazyLibrary>();
  const defined = new Map<string, Module>();
  /** Files whose import waits for a library. */
  const compiled = new Map<string, Program>();
  /** What an import waits for. */
  let loading: Promise<void> | null = null;
  const rounds = new Map<number, { counted: number; granted: number }>();
  const machine = createMachine({
    world: options.world,
    now: options.now,
    importModule,
    compileNative,
    callFunction,
    findGlobal,
  });
  for (const native of options.natives) defineNative(machine, native);
  for (const library of options.libraries) libraries.set(library.name, library);
  let mainModule: Module | null = null;
  let looping: Promise<void> | null = null;
  /** The run that waits for the backend, and what puts the machine back without it. */
  let waiting: { readonly run: Promise<void>; readonly leave: () => void } | null = null;
  let isDisposed = false;
  /** An error that ends the program, from a run that the event loop did not begin. */
  let fatal: { readonly error: unknown } | null = null;
  /** Whether the body of a file is being run, or what it has started. */
  let isRunning = false;
  /** Reject the calls from outside that are under way. */
  const callers = new Set<(error: unknown) => void>();

  return {
    machine,
    main: () => mainModule,
    async runMain(program, path) {
      await loadLibraries(libraryNames(program));
      mainModule = newModule(machine, program.source.path, path);
      loaded.set(path, mainModule);
      try {
        await runBody(program, mainModule);
      } finally {
        closeAll(machine);
      }
    },
    async runMore(program) {
      if (mainModule === null) throw new Error("There is no program yet that could go on");
      if (machine.running.length + machine.suspended.size > 0) {
        throw new Error("The program is still running");
      }
      await loadLibraries(libraryNames(program));
      await runBody(program, mainModule);
    },
    unseen: () => unseenFailures(machine),
    callFunction,
    finish: loop,
    profile,
    dispose() {
      waiting?.leave();
      isDisposed = true;
      dropTasks();
      rejectCalls(new Error("The program has been disposed"));
      runner.dispose?.();
      disposeMachine(machine);
    },
  };

  async function runBody(program: Program, module: Module): Promise<void> {
    const body = loadProgram(machine, program, module, opcodes, TICK);
    machine.pinned.push(body);
    isRunning = true;
    try {
      await perform(() => {
        beginBody(machine, body);
        return true;
      });
      // Most programs leave no task behind.
      if (looping !== null || machine.suspended.size > 0) await loop();
    } catch (error) {
      dropTasks();
      closeAll(machine);
      throw error;
    } finally {
      isRunning = false;
    }
  }

  function dropTasks(): void {
    machine.ready.length = 0;
    machine.suspended.clear();
    machine.running.length = 0;
  }

  /**
   * A run: `begin` sets the machine up, and tells whether there is something to run. Ends before it returns, unless the
   * backend has to load something on the way: then the machine stays as it is, in the middle of the program, and the
   * promise is that of the end. Other runs may come and go on top of it meanwhile.
   */
  function perform(begin: () => boolean): Promise<void> | null {
    const leave = enterMachine(machine);
    let wait: Promise<void> | null = null;
    try {
      if (begin()) wait = execute();
    } finally {
      if (wait === null) leave();
    }
    if (wait === null) return null;
    isAnyWaiting = true;
    const run = goOn(wait, leave);
    waiting = { run, leave };
    return run;
  }

  async function goOn(wait: Promise<void>, leave: () => void): Promise<void> {
    try {
      for (let next: Promise<void> | null = wait; next !== null; next = execute()) {
        await next;
        if (isDisposed) return;
      }
    } finally {
      waiting = null;
      isAnyWaiting = false;
      if (!isDisposed) leave();
    }
  }

  /**
   * Runs until the current run is finished or waits; failures of tasks stay with their futures. Gives what has to be
   * awaited before it is called again, or null at the end.
   */
  function execute(): Promise<void> | null {
    for (;;) {
      try {
        switch (runner.run(machine)) {
          case Stop.HOT_LOOP:
            grantLoop(machine.pc - 1);
            options.tick?.(machine);
            break;
          case Stop.HOT_CALL:
            grantCalls(machine.proto);
            options.tick?.(machine);
            break;
          case Stop.POLL:
            // What comes next has not begun, and a trace tells of what has: so it looks as if it had.
            machine.pc++;
            options.tick?.(machine);
            machine.pc--;
            break;
          default:
            return null;
        }
        if (loading !== null) {
          const wait = loading;
          loading = null;
          return wait;
        }
        if (!isAnyWaiting) {
          const wait = runner.wait?.() ?? null;
          if (wait !== null) return wait;
        }
      } catch (error) {
        settleFault(error);
      }
    }
  }

  /** Ends the task that `error` arose in, or hands it on when it is the program's end. */
  function settleFault(error: unknown): void {
    // Memory belongs to all tasks: a program that went on without this one would run out of it again at once.
    if (error instanceof HeapExhausted) throw makeFault(machine, "U0919");
    if (!(error instanceof RuntimeFault) || !failTask(machine, error)) throw error;
  }

  function grantLoop(word: number): void {
    const { counted, granted } = rounds.get(word) ?? { counted: 0, granted: plantedRounds(word) };
    rounds.set(word, { counted: counted + granted - 1 - (I32[word] >> 8), granted: TICK });
    I32[word] = I32[word] & 0xFF | TICK - 1 << 8;
  }

  /** What a LOOP word was given at first: the compiled code has it still. */
  function plantedRounds(word: number): number {
    const { proto, word: start } = functionAt(machine.proto);
    return grantedRounds(proto, word - start - Proto.CODE, TICK);
  }

  function grantCalls(proto: number): void {
    functionAt(proto).counted += I32[proto + Proto.GRANTED] - 1 - I32[proto + Proto.COUNTER];
    I32[proto + Proto.GRANTED] = TICK;
    I32[proto + Proto.COUNTER] = TICK - 1;
  }

  function profile(): FunctionProfile[] {
    return functionsOf(machine).map((loaded) => {
      const { word, proto } = loaded, start = word + Proto.CODE;
      const code = I32.slice(start, start + proto.code.length);
      const calls = loaded.counted + I32[word + Proto.GRANTED] - 1 - I32[word + Proto.COUNTER];
      const loops: { pc: number; rounds: number }[] = [];
      for (let pc = 0; pc < code.length; pc += 1 + (opcodes[code[pc] & 0xFF].operands.words?.length ?? 0)) {
        if ((code[pc] & 0xFF) !== OP.LOOP) continue;
        const later = rounds.get(start + pc);
        const granted = later?.granted ?? grantedRounds(proto, pc, TICK);
        loops.push({ pc, rounds: (later?.counted ?? 0) + granted - 1 - (code[pc] >> 8) });
      }
      return { loaded, calls, loops, code, isNative: I32[word + Proto.NATIVE] !== 0 };
    });
  }

  async function callFunction<T>(
    count: number,
    store: (slot: number) => void,
    take: (result: number) => T,
  ): Promise<T> {
    // Whoever called the run that waits is told how it ends.
    while (waiting !== null) await waiting.run.catch(() => {});
    if (isDisposed) throw new Error("The program has been disposed");
    safepoint(3);
    const future = newFuture(machine.nextFuture++), id = I32[(future << 1) + 4];
    machine.pinned.push(future);
    try {
      const run = perform(() => beginCall(machine, count, store, future) !== Stop.WAITING);
      if (run !== null) await run;
    } catch (error) {
      // It ends the program, of which the event loop may be waiting for something else.
      if (looping !== null) fatal = { error };
      throw error;
    } finally {
      // What the function has started may be due before what the event loop waits for.
      machine.onWake?.();
    }
    if (I32[(future << 1) + 1] === FutureState.PENDING) await settlement(future);
    if (isDisposed) throw new Error("The program has been disposed");
    machine.pinned.splice(machine.pinned.lastIndexOf(future), 1);
    const failure = machine.futures.get(id)?.failure;
    if (failure) {
      machine.futures.delete(id); // nobody else knows this future
      throw failure;
    }
    return take((future << 1) + 2);
  }

  function rejectCalls(error: unknown): void {
    for (const reject of callers) reject(error);
    callers.clear();
  }

  /** Waits for a pending future to be settled; rejected if the event loop fails before. */
  function settlement(future: number): Promise<void> {
    return new Promise((resolve, reject) => {
      callers.add(reject);
      whenSettled(machine, future).then(() => {
        callers.delete(reject);
        resolve();
      });
      // A reaction to the loop's own promise would be kept for as long as the loop runs, one for each call.
      if (looping === null) loop().catch(() => {});
    });
  }

  /** The libraries that a program names, as globals or in imports, and that are not defined yet. */
  function libraryNames(program: Program): string[] {
    const names = new Set(program.globals);
    let longest = 0;
    for (const name of libraries.keys()) longest = Math.max(longest, name.length);
    for (const { constants } of program.protos) {
      for (const constant of constants) {
        // What a program can name is ASCII. (The first text that Deno decodes takes half a millisecond.)
        if (constant.kind !== "string" || constant.bytes.length > longest) continue;
        names.add(String.fromCharCode(...constant.bytes));
      }
    }
    const named: string[] = [];
    for (const name of libraries.keys()) {
      if (names.has(name) && !defined.has(name)) named.push(name);
    }
    return named;
  }

  /** Defines libraries; gives a promise when some have to be loaded first. */
  function loadLibraries(names: readonly string[]): Promise<void> | null {
    const lazy: Promise<LibraryDef>[] = [];
    for (const name of names) {
      const library = libraries.get(name)!;
      if ("load" in library) lazy.push(library.load());
      else addLibrary(library);
    }
    return lazy.length === 0 ? null : Promise.all(lazy).then((loaded) => loaded.forEach(addLibrary));
  }

  function addLibrary(library: LibraryDef): void {
    if (defined.has(library.name)) return;
    safepoint(2 + library.natives.length);
    defined.set(library.name, defineLibrary(machine, library));
  }

  /** The ref of the function that a native of the language is. */
  function compileNative(_machine: Machine, { name, code, uses = [] }: NativeDef): number {
    const short = name.slice(name.lastIndexOf(".") + 1), path = `<${name}>`;
    const program = options.compileText(path, `var ${short} = ${code};\n`);
    const missing = loadLibraries(libraryNames(program));
    if (missing !== null) throw new Error(`The code of native '${name}' names a library that is not loaded`);
    safepoint(1 + uses.length);
    const module = newModule(machine, name, "");
    for (const native of uses) defineNative(machine, native, module);
    const body = program.main.constants.find((constant) => constant.kind === "function");
    if (body === undefined) throw new Error(`The code of native '${name}' is no function`);
    return loadProgram(machine, program, module, opcodes, TICK, body.proto);
  }

  /** The word of a global of the main file; 0 if it has none of this name. */
  function findGlobal(name: string): number {
    return mainModule?.globals.get(name) ?? 0;
  }

  function importModule(_machine: Machine, path: string, named: boolean, result: number): number {
    if (named && libraries.has(path)) return importLibrary(path, result);
    const found = options.resolve(path, functionAt(machine.proto).module.path);
    if (found === null) fail(machine, "U0923", { path });
    const known = loaded.get(found.path);
    if (known !== undefined) {
      setObject(result, Kind.MODULE, known.ref);
      return Stop.NONE;
    }
    let program = compiled.get(found.path);
    if (program === undefined) {
      try {
        program = options.compile(found.path, found.display);
      } catch (error) {
        if (!(error instanceof CompileFailure)) throw error;
        options.report(error);
        fail(machine, "U0923", { path });
      }
    }
    const missing = loadLibraries(libraryNames(program));
    if (missing !== null) {
      compiled.set(found.path, program);
      return importAgain(missing, result);
    }
    compiled.delete(found.path);
    safepoint(1);
    const module = newModule(machine, path, found.path);
    loaded.set(found.path, module);
    setObject(result, Kind.MODULE, module.ref);
    callBody(machine, loadProgram(machine, program, module, opcodes, TICK));
    return Stop.NONE;
  }

  function importLibrary(name: string, result: number): number {
    const missing = defined.has(name) ? null : loadLibraries([name]);
    if (missing !== null) return importAgain(missing, result);
    setObject(result, Kind.MODULE, defined.get(name)!.ref);
    return Stop.NONE;
  }

  /**
   * Has the import that is being executed executed once more when `missing` is there. Nothing of the program runs
   * meanwhile, so that it cannot tell whether a library was loaded before.
   */
  function importAgain(missing: Promise<void>, result: number): number {
    machine.pc -= IMPORT_WORDS;
    // Another run of this thread waits below this one and has to go on first: then it is this task that waits.
    if (isAnyWaiting) return waitFor(machine, result, missing, () => {});
    loading = missing;
    return Stop.POLL;
  }

  /** The event loop; whoever finds it running waits for the same end. */
  function loop(): Promise<void> {
    return looping ??= startLoop();
  }

  async function startLoop(): Promise<void> {
    // A native may start it in the middle of a task, which waits only after that, and is not to be forgotten.
    await null;
    try {
      await runTasks();
    } catch (error) {
      looping = null;
      // Whoever runs a file is told why it ends; calls that are under way only hear that it is over.
      rejectCalls(isRunning ? new Error("The program has ended", { cause: error }) : error);
      throw error;
    }
  }

  /** Runs tasks until there are none; whoever wants the event loop from then on begins a new one. */
  async function runTasks(): Promise<void> {
    let yielded = options.now();
    for (;;) {
      options.tick?.(machine);
      if (fatal !== null) {
        const { error } = fatal;
        fatal = null;
        throw error;
      }
      if (options.now() - yielded > TURN) {
        // Tasks that never run out of work must not keep the world from being heard.
        await nextTurn();
        yielded = options.now();
      }
      const task = machine.ready.shift();
      if (task !== undefined) {
        const run = resumeTask(task);
        if (run !== null) await run;
        continue;
      }
      if (machine.suspended.size === 0) {
        looping = null;
        return;
      }
      let earliest = Infinity, outside = false;
      const now = options.now(), due: Task[] = [];
      for (const task of machine.suspended) {
        const { waitingFor } = task;
        if (waitingFor.kind === "host") outside = true;
        if (waitingFor.kind !== "time") continue;
        if (waitingFor.due <= now) due.push(task);
        else earliest = Math.min(earliest, waitingFor.due);
      }
      if (due.length > 0) {
        due.sort((a, b) => dueOf(a) - dueOf(b)); // stable: equal times in the order of sleeping
        for (const task of due) wake(machine, task, () => {});
      } else if (outside || earliest < Infinity) {
        options.world.flush();
        await somethingHappens(earliest - now);
        yielded = options.now();
      } else failStuck();
    }
  }

  function resumeTask(task: Task): Promise<void> | null {
    return perform(() => {
      try {
        restoreTask(machine, task);
      } catch (error) {
        settleFault(error);
      }
      return true;
    });
  }

  function somethingHappens(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = milliseconds < Infinity
        ? setTimeout(done, Math.min(milliseconds, 2 ** 31 - 1))
        : undefined;
      function done() {
        clearTimeout(timer);
        machine.onWake = null;
        resolve();
      }
      machine.onWake = done;
    });
  }

  /** Nothing can happen any more: the oldest task that waits fails, and with it perhaps those who await it. */
  function failStuck(): void {
    const stuck = [...machine.suspended].sort((a, b) => a.id - b.id);
    const task = stuck.find((t) => t.future !== 0) ?? stuck[0];
    failWaiting(machine, task);
  }
}

/** Lets everything happen that waits for this thread. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function dueOf(task: Task): number {
  return task.waitingFor.kind === "time" ? task.waitingFor.due : 0;
}
