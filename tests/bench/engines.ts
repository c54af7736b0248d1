/**
 * Who takes part in a bench: the backends of this project, which `mod.ts` lists, and the peers that are installed, rows
 * in :peers:. An engine is a name and a command; what it does inside is not known here.
 */

import { BACKENDS } from "../../mod.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;

/** Wrong use of the command line. */
export class UsageError extends Error {}

/** Something that runs programs of one language. */
export interface Engine {
  readonly name: string;
  /** The file ending of its programs. */
  readonly ending: string;
  /** Whether it is a backend of this project. */
  readonly own: boolean;
  /** Version, or what it is. */
  readonly about: string;
  /** The words of the command before the program's file. */
  readonly command: readonly string[];
}

/** An engine that was not run, and why. */
export interface Skipped {
  readonly name: string;
  readonly because: string;
}

interface Peer {
  readonly name: string;
  readonly ending: string;
  readonly tool: string;
  readonly version: readonly string[];
  /** Arguments between tool and file. */
  readonly args?: readonly string[];
  /** Arguments that print the program's real path: version managers put a slow script in front of it. */
  readonly real?: readonly string[];
}

// :peers: in the order in which they are shown. The first that is there is the base of ratios.
const PEERS: readonly Peer[] = [
  { name: "luajit", ending: "lua", tool: "luajit", version: ["-v"] },
  { name: "lua5.4", ending: "lua", tool: "lua5.4", version: ["-v"] },
  { name: "node", ending: "js", tool: "node", version: ["--version"], real: ["-p", "process.execPath"] },
  { name: "deno", ending: "js", tool: Deno.execPath(), version: ["--version"], args: ["run"] },
  {
    name: "python3",
    ending: "py",
    tool: "python3",
    version: ["--version"],
    real: ["-c", "import sys; print(sys.executable)"],
  },
  { name: "gcc", ending: "c", tool: "gcc", version: ["--version"] },
];
/** The names of all peers, installed or not. */
export const PEER_NAMES: readonly string[] = PEERS.map(({ name }) => name);

/** The peer whose programs are compiled before they run. */
export const COMPILER = "gcc";

/** Finds the engines that can run here, in the order in which they take turns. */
export async function findEngines(
  wanted: readonly string[] | null,
): Promise<{ engines: Engine[]; skipped: Skipped[] }> {
  const engines: Engine[] = [], skipped: Skipped[] = [], known: string[] = [];
  const asked = (name: string) => {
    known.push(name);
    return wanted === null || wanted.includes(name);
  };
  for (const backend of BACKENDS) {
    if (!asked(backend.name)) continue;
    await backend.prepare?.();
    const probe = backend.probe();
    if (!probe.ok) skipped.push({ name: backend.name, because: probe.because });
    else engines.push(backendEngine(backend.name));
  }
  for (const peer of PEERS) {
    if (!asked(peer.name)) continue;
    const engine = await peerEngine(peer);
    if (engine === null) skipped.push({ name: peer.name, because: "not installed" });
    else engines.push(engine);
  }
  const unknown = wanted?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`There is no engine '${unknown}'; there are ${known.join(", ")}`);
  }
  return { engines, skipped };
}

function backendEngine(name: string): Engine {
  return {
    name,
    ending: "unna",
    own: true,
    about: "this project",
    command: [Deno.execPath(), "run", "-A", CLI, `--backend=${name}`],
  };
}

async function peerEngine({ name, ending, tool, version, args = [], real }: Peer): Promise<Engine | null> {
  const about = firstLine(await ask([tool, ...version]));
  if (about === null) return null;
  const path = real === undefined ? tool : firstLine(await ask([tool, ...real])) ?? tool;
  return {
    name,
    ending,
    own: false,
    about: shortVersion(about),
    command: name === COMPILER ? [] : [path, ...args],
  };
}

/** A version line without what follows the version. */
export function shortVersion(line: string): string {
  return line.replace(/ \([^)]*\)/g, "").replace(/ (--|Copyright).*$/, "").trim();
}

/** What a command prints, or null if it cannot be run. */
export async function ask([tool, ...args]: readonly string[]): Promise<string | null> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(tool, { args, stdin: "null" }).output();
    const text = new TextDecoder();
    return success ? text.decode(stdout) + text.decode(stderr) : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) return null;
    throw error;
  }
}

function firstLine(text: string | null): string | null {
  return text?.split("\n").map((line) => line.trim()).find((line) => line !== "") ?? null;
}
