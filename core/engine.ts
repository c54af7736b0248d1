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
  createMachine,
  defineLibrary,
  defineNative,
  disposeMachine,
  enterMachine,
  fail,
  failTask,
  failWaiting,
  functionAt,
  functionsOf,
  type LibraryDef,
  type LoadedFunction,
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
  wake,
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
  /** Libraries that are globals of every module. */
  readonly libraries: readonly LibraryDef[];
  /** Takes output; the bytes are valid during the call only. */
  write(bytes: Uint8Array): void;
  /** Brings all output to where it belongs: the program is about to wait. */
  flush(): void;
  /** Finds a module's file: its real path, and the path to show in messages; null if there is none. */
  resolve(path: string, importer: string): { readonly path: string; readonly display: string } | null;
  /**
   * Compiles a module's file.
   * @throws {CompileFailure} if it has errors
   */
  compile(path: string, display: string): Program;
  /** Shows why a module did not compile; the import then fails. */
  report(failure: CompileFailure): void;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Is called again and again while a program runs; may throw to end it. */
  tick?(machine: Machine): void;
}

/** How often a function and its loops ran, and what its code has become. */
export interface FunctionProfile {
  /** The function. */
  readonly loaded: LoadedFunction;
  /** How often it was called. */
  readonly calls: number;
  /** By place of the LOOP word in the code. */
  readonly loops: readonly { readonly pc: number; readonly rounds: number }[];
  /** The code with specialised forms. */
  readonly code: Int32Array;
  /** Whether it is machine code now, which counts neither calls nor rounds. */
  readonly isNative: boolean;
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
  /** Failures of tasks that nobody awaited. */
  unseen(): RuntimeFault[];
  /**
   * Calls the function value at the word `callee` with `count` arguments that `store` writes, and runs all that it
   * starts. Gives the word of the result, valid until the next run.
   * @throws {RuntimeFault} if the function fails
   */
  callFunction(callee: number, count: number, store: (first: number) => void): Promise<number>;
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
  safepoint(
    16 + options.natives.length + options.libraries.reduce((sum, { natives }) => sum + 1 + natives.length, 0),
  );
  makeStubs();
  const { runner, opcodes } = options;
  const loaded = new Map<string, Module>();
  const libraries = new Map<string, Module>();
  const rounds = new Map<number, { counted: number; granted: number }>();
  const machine = createMachine({ write: options.write, now: options.now, importModule });
  for (const native of options.natives) defineNative(machine, native);
  for (const library of options.libraries) libraries.set(library.name, defineLibrary(machine, library));
  let mainModule: Module | null = null;
  let looping: Promise<void> | null = null;
  /** The run that waits for the backend, and what puts the machine back without it. */
  let waiting: { readonly run: Promise<void>; readonly leave: () => void } | null = null;
  let isDisposed = false;

  return {
    machine,
    main: () => mainModule,
    async runMain(program, path) {
      mainModule = newModule(machine, program.source.path, path);
      loaded.set(path, mainModule);
      const body = loadProgram(machine, program, mainModule, opcodes, TICK);
      machine.pinned.push(body);
      await perform(() => {
        beginBody(machine, body);
        return true;
      });
      await loop();
    },
    unseen: () => unseenFailures(machine),
    async callFunction(callee, count, store) {
      // Whoever called the run that waits is told how it ends.
      while (waiting !== null) await waiting.run.catch(() => {});
      safepoint(3);
      const future = newFuture(machine.nextFuture++);
      machine.pinned.push(future);
      await perform(() => beginCall(machine, callee, count, store, future) !== Stop.WAITING);
      while (I32[(future << 1) + 1] === FutureState.PENDING) await loop();
      machine.pinned.splice(machine.pinned.lastIndexOf(future), 1);
      const info = machine.futures.get(I32[(future << 1) + 4]);
      if (info?.failure) {
        info.seen = true;
        throw info.failure;
      }
      return (future << 1) + 2;
    },
    profile,
    dispose() {
      waiting?.leave();
      isDisposed = true;
      machine.ready.length = 0;
      machine.suspended.clear();
      machine.running.length = 0;
      runner.dispose?.();
      disposeMachine(machine);
    },
  };

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
            options.tick?.(machine);
            break;
          default:
            return null;
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
    const count = rounds.get(word);
    if (count === undefined) rounds.set(word, { counted: plantedRounds(word), granted: TICK });
    else count.counted += TICK;
    I32[word] = I32[word] & 0xFF | TICK - 1 << 8;
  }

  /** What a LOOP word was given at first: the compiled code has it still. */
  function plantedRounds(word: number): number {
    const { proto, word: start } = functionAt(machine.proto);
    return grantedRounds(proto, word - start - Proto.CODE, TICK);
  }

  function grantCalls(proto: number): void {
    functionAt(proto).counted += I32[proto + Proto.GRANTED];
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

  function importModule(_machine: Machine, path: string, named: boolean, result: number): number {
    const library = named ? libraries.get(path) : undefined;
    if (library !== undefined) {
      setObject(result, Kind.MODULE, library.ref);
      return Stop.NONE;
    }
    const found = options.resolve(path, functionAt(machine.proto).module.path);
    if (found === null) fail(machine, "U0923", { path });
    const known = loaded.get(found.path);
    if (known !== undefined) {
      setObject(result, Kind.MODULE, known.ref);
      return Stop.NONE;
    }
    let program: Program;
    try {
      program = options.compile(found.path, found.display);
    } catch (error) {
      if (!(error instanceof CompileFailure)) throw error;
      options.report(error);
      fail(machine, "U0923", { path });
    }
    safepoint(1);
    const module = newModule(machine, path, found.path);
    loaded.set(found.path, module);
    setObject(result, Kind.MODULE, module.ref);
    callBody(machine, loadProgram(machine, program, module, opcodes, TICK));
    return Stop.NONE;
  }

  /** The event loop; whoever finds it running waits for the same end. */
  function loop(): Promise<void> {
    looping ??= runTasks().finally(() => looping = null);
    return looping;
  }

  async function runTasks(): Promise<void> {
    for (;;) {
      options.tick?.(machine);
      const task = machine.ready.shift();
      if (task !== undefined) {
        const run = resumeTask(task);
        if (run !== null) await run;
        continue;
      }
      if (machine.suspended.size === 0) return;
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
        options.flush();
        await somethingHappens(earliest - now);
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

function dueOf(task: Task): number {
  return task.waitingFor.kind === "time" ? task.waitingFor.due : 0;
}
