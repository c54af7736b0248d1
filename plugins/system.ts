/**
 * `ucoreSystem`: arguments and input, files and folders, the environment, other programs. What the world refuses, such
 * as a file that is not there, is a value that says so; what Deno was not allowed to do is an error, since no program
 * can do anything about it. Files are read and written at once; what may take for ever, input and other programs,
 * makes the task wait that asks for it, while others go on.
 *
 * Bytes stay what they are: strings of programs need not be UTF-8, so contents of files and outputs of programs go in
 * as bytes. Names of files and programs are text.
 */

import { type Machine, type NativeDef, type Param, ProgramExit } from "../core/machine.ts";
import type { Plugin } from "../core/plugin.ts";
import { defineHostNative, hostText, type HostValue } from "../core/convert.ts";
import { attempt, placeOf } from "../core/files.ts";
import { numberAt } from "../core/arithmetic.ts";

const PATH: Param = { name: "path", type: "string" };
const CONTENT: Param = { name: "content", type: "string" };
const COMMAND: Param = { name: "command", type: "string" };

/** What `exec` and `run` give a command to. */
const SHELL = "sh";

// ---- strings -----------------------------------------------------------------------------------------------------

function bytesOf(value: HostValue): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value as Uint8Array;
}

/** Where the path in an argument leads to. */
function pathOf(value: HostValue, { host: { world } }: Machine): string {
  return placeOf(hostText(value), world.directory);
}

// ---- the program's own call --------------------------------------------------------------------------------------

const INVOCATION: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreSystem.args",
    params: [],
    doc: "The command that runs the program: the runtime, the main file, and the arguments after it.",
    example: { code: "var args = ucoreSystem.args();\nprint slice(args, 2);", output: "[]\n" },
    run: (_, { host: { world } }) => [Deno.execPath(), world.script, ...world.args],
  }),
  defineHostNative({
    name: "ucoreSystem.exit",
    params: [{ name: "code", type: ["number", "bool"], mode: "optional" }],
    doc: "Ends the program at once, with 0 or with the exit code given; what was printed is not lost.",
    example: { code: 'print "before";\nucoreSystem.exit();\nprint "never";', output: "before\n" },
    run([code = 0]) {
      throw new ProgramExit(exitCode(code));
    },
  }),
];

/** The exit code that the system makes of a value: the lowest eight bits of what is before the point. */
function exitCode(value: HostValue): number {
  if (typeof value === "bigint") return Number(BigInt.asUintN(8, value));
  const number = Math.trunc(Number(value));
  return Number.isFinite(number) ? Number(BigInt.asUintN(8, BigInt(number))) : 0;
}

// ---- input and waiting -------------------------------------------------------------------------------------------

const INPUT: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreSystem.input",
    params: [{ name: "prompt", type: "string", mode: "optional" }],
    doc:
      'The next line of standard input, after showing a prompt if there is one; "" at the end of the input.',
    example: {
      code: 'var name = ucoreSystem.input("Your name? ");\nprint "Hello, " + name;',
      output: "Your name? Hello, \n",
    },
    async run([prompt], { host: { world } }) {
      if (prompt !== undefined) world.write(bytesOf(prompt));
      world.flush();
      return await world.readLine() ?? "";
    },
  }),
  defineHostNative({
    name: "ucoreSystem.readLine",
    params: [],
    doc: "The next line of standard input, or nil at the end of the input.",
    example: {
      code: 'var count = 0;\nwhile (ucoreSystem.readLine() != nil) count += 1;\nprint str(count) + " lines";',
      output: "0 lines\n",
    },
    async run(_, { host: { world } }) {
      world.flush();
      return await world.readLine();
    },
  }),
  {
    name: "ucoreSystem.sleep",
    params: [{ name: "ms", type: "int" }],
    doc:
      "Makes the running task wait for this many milliseconds, then gives nil; below zero is no time at all.",
    example: { code: "print ucoreSystem.sleep(1);", output: "nil\n" },
    call: (call) => call.sleep(Math.max(0, numberAt(call.word(0)))),
  },
];

// ---- files and folders -------------------------------------------------------------------------------------------

const FILES: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreSystem.fileExists",
    params: [PATH],
    doc: "Whether there is a file or a folder at a path.",
    example: {
      code: 'print ucoreSystem.fileExists("/");\nprint ucoreSystem.fileExists("no such file");',
      output: "true\nfalse\n",
    },
    run: ([path], machine) => attempt(() => Deno.statSync(pathOf(path, machine)) !== null, false),
  }),
  defineHostNative({
    name: "ucoreSystem.readFile",
    params: [PATH],
    doc: 'The content of a file; "" if it cannot be read.',
    example: {
      code: 'ucoreSystem.writeFile("hello.txt", "Hello\\n");\n' +
        'print ucoreSystem.readFile("hello.txt");\nucoreSystem.removeFile("hello.txt");',
      output: "Hello\n\n",
    },
    run: ([path], machine) => attempt<HostValue>(() => Deno.readFileSync(pathOf(path, machine)), ""),
  }),
  defineHostNative({
    name: "ucoreSystem.writeFile",
    params: [PATH, CONTENT],
    doc: "Makes a string the content of a file, which is created if need be; false if it cannot be written.",
    example: {
      code: 'print ucoreSystem.writeFile("note.txt", "Buy milk\\n");\n' +
        'print ucoreSystem.removeFile("note.txt");',
      output: "true\ntrue\n",
    },
    run: ([path, content], machine) => write(pathOf(path, machine), content, machine, false),
  }),
  defineHostNative({
    name: "ucoreSystem.appendFile",
    params: [PATH, CONTENT],
    doc: "Adds a string to the end of a file, which is created if need be; false if it cannot be written.",
    example: {
      code: 'ucoreSystem.appendFile("log.txt", "one ");\nucoreSystem.appendFile("log.txt", "two");\n' +
        'print ucoreSystem.readFile("log.txt");\nucoreSystem.removeFile("log.txt");',
      output: "one two\n",
    },
    run: ([path, content], machine) => write(pathOf(path, machine), content, machine, true),
  }),
  defineHostNative({
    name: "ucoreSystem.removeFile",
    params: [PATH],
    doc: "Removes a file, or a folder that is empty; false if that is not possible.",
    example: { code: 'print ucoreSystem.removeFile("no such file");', output: "false\n" },
    run: ([path], machine) =>
      attempt(() => {
        Deno.removeSync(pathOf(path, machine));
        return true;
      }, false),
  }),
  defineHostNative({
    name: "ucoreSystem.stat",
    params: [PATH],
    doc:
      "What is known of a file: a map with its `type` (file, directory or other), `size` in bytes, and when it was `modified`, in milliseconds since 1970; nil if there is none.",
    example: {
      code: 'ucoreSystem.writeFile("five.txt", "12345");\nvar stat = ucoreSystem.stat("five.txt");\n' +
        'print stat["type"] + " of " + stat["size"] + " bytes";\nucoreSystem.removeFile("five.txt");',
      output: "file of 5 bytes\n",
    },
    run: ([path], machine) =>
      attempt<HostValue>(() => {
        const { isFile, isDirectory, size, mtime } = Deno.statSync(pathOf(path, machine));
        return new Map<string, HostValue>([
          ["type", isFile ? "file" : isDirectory ? "directory" : "other"],
          ["size", size],
          ["modified", mtime?.getTime() ?? null],
        ]);
      }, null),
  }),
  defineHostNative({
    name: "ucoreSystem.listDir",
    params: [PATH],
    doc: "The names of the files and folders in a folder, sorted; nil if it cannot be read.",
    example: {
      code: 'ucoreSystem.makeDir("box/inner");\nprint ucoreSystem.listDir("box");\n' +
        'ucoreSystem.removeFile("box/inner");\nucoreSystem.removeFile("box");\nprint ucoreSystem.listDir("box");',
      output: "[inner]\nnil\n",
    },
    run: ([path], machine) =>
      attempt<HostValue>(
        () => [...Deno.readDirSync(pathOf(path, machine))].map(({ name }) => name).sort(),
        null,
      ),
  }),
  defineHostNative({
    name: "ucoreSystem.makeDir",
    params: [PATH],
    doc: "Makes a folder, and those around it that are missing; true if there is one in the end.",
    example: {
      code:
        'print ucoreSystem.makeDir("new");\nprint ucoreSystem.makeDir("new");\nucoreSystem.removeFile("new");',
      output: "true\ntrue\n",
    },
    run: ([path], machine) =>
      attempt(() => {
        Deno.mkdirSync(pathOf(path, machine), { recursive: true });
        return true;
      }, false),
  }),
];

function write(path: string, content: HostValue, { host: { world } }: Machine, append: boolean): boolean {
  const isWritten = attempt(() => {
    Deno.writeFileSync(path, bytesOf(content), { append });
    return true;
  }, false);
  if (!isWritten) world.warn(`Error: Could not open file for writing: ${path}\n`);
  return isWritten;
}

// ---- surroundings ------------------------------------------------------------------------------------------------

const SURROUNDINGS: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreSystem.getenv",
    params: [{ name: "name", type: "string" }],
    doc: 'The value of an environment variable; "" if it is not set.',
    example: { code: 'print "[" + ucoreSystem.getenv("NO_SUCH_VARIABLE") + "]";', output: "[]\n" },
    run: ([name]) => attempt(() => Deno.env.get(hostText(name)) ?? "", ""),
  }),
  defineHostNative({
    name: "ucoreSystem.env",
    params: [],
    doc: "All environment variables: a map from names to values.",
    example: { code: "print type(ucoreSystem.env());", output: "map\n" },
    run: () => new Map(Object.entries(Deno.env.toObject())),
  }),
  defineHostNative({
    name: "ucoreSystem.cwd",
    params: [],
    doc:
      "The working directory, in which commands run; paths of files are relative to the folder of the main file instead.",
    example: { code: "print ucoreSystem.cwd()[0];", output: "/\n" },
    run: () => Deno.cwd(),
  }),
  defineHostNative({
    name: "ucoreSystem.platform",
    params: [],
    doc: "The operating system: linux, darwin, windows, or another one that Deno runs on.",
    example: { code: 'print ucoreSystem.platform() != "";', output: "true\n" },
    run: () => Deno.build.os,
  }),
];

// ---- other programs ----------------------------------------------------------------------------------------------

const PROGRAMS: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreSystem.exec",
    params: [COMMAND],
    doc:
      "Runs a command in the shell, which reads and writes where this program does; gives the wait status: 256 times the exit code, or the signal that ended it, or -1 if there is no shell.",
    example: { code: 'print ucoreSystem.exec("exit 3");', output: "768\n" },
    async run([command], machine) {
      const child = start(command, machine, "inherit");
      if (child === null) return -1;
      const { code, signal } = await child.status;
      return signal === null ? code * 256 : code - SIGNAL_BASE;
    },
  }),
  defineHostNative({
    name: "ucoreSystem.run",
    params: [COMMAND],
    doc:
      "Runs a command in the shell; gives a map with its exit `code` and what it wrote, `stdout` and `stderr`, or nil if there is no shell. A command that a signal ended has 128 plus the signal as its code.",
    example: {
      code: 'var result = ucoreSystem.run("echo hello; exit 2");\nprint result;',
      output: "{code: 2, stdout: hello\n, stderr: }\n",
    },
    async run([command], machine) {
      const child = start(command, machine, "piped");
      if (child === null) return null;
      const { code, stdout, stderr } = await child.output();
      return new Map<string, HostValue>([["code", code], ["stdout", stdout], ["stderr", stderr]]);
    },
  }),
];

/** What Deno adds to the number of the signal that ended a program, to make an exit code of it, as shells do. */
const SIGNAL_BASE = 128;

/** Starts a command in the shell; null if there is none. Its output comes after all that was printed before. */
function start(
  command: HostValue,
  { host: { world } }: Machine,
  output: "inherit" | "piped",
): Deno.ChildProcess | null {
  world.flush();
  return attempt(
    () =>
      new Deno.Command(SHELL, {
        args: ["-c", hostText(command)],
        stdin: "inherit",
        stdout: output,
        stderr: output,
      }).spawn(),
    null,
  );
}

/** The plugin of `ucoreSystem`. */
export const system = {
  name: "system",
  doc: "Arguments, input, files, the environment, and other programs.",
  libraries: [{
    name: "ucoreSystem",
    doc: "Arguments and input, files and folders, the environment, and other programs.",
    natives: [...INVOCATION, ...INPUT, ...FILES, ...SURROUNDINGS, ...PROGRAMS],
  }],
} satisfies Plugin;
