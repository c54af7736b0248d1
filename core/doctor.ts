/**
 * What works on this machine, for whoever wonders why programs are slow or what a report of a fault should mention:
 * processor, system, permissions, and what each backend finds when it tries everything that it needs. It never asks for
 * a permission, and nothing that it finds is an error.
 */

import type { Backend, Finding, Probe } from "./backend.ts";

/** All that was found. */
export interface Examination {
  readonly version: string;
  readonly deno: string;
  readonly system: string;
  /** Its name if it may be read, otherwise its kind. */
  readonly processor: string;
  readonly permissions: Readonly<Record<string, Deno.PermissionState>>;
  readonly backends: readonly {
    readonly name: string;
    readonly doc: string;
    readonly probe: Probe;
    readonly findings: readonly Finding[];
  }[];
  /** The backend that runs programs once they are hot, unless another one is asked for. */
  readonly used: string;
}

/** What programs, plugins and backends may want. */
const PERMISSIONS: readonly Deno.PermissionDescriptor["name"][] = [
  "read",
  "write",
  "ffi",
  "env",
  "net",
  "run",
];

/** Tries what there is to try; the backend in front is what runs where no other one does. */
export async function examine(version: string, backends: readonly Backend[]): Promise<Examination> {
  const examined = [];
  for (const backend of backends) {
    await backend.prepare?.();
    const { name, doc } = backend;
    examined.push({ name, doc, probe: backend.probe(), findings: backend.examine?.() ?? [] });
  }
  const used = examined.findLast(({ probe }) => probe.ok) ?? examined[0];
  return {
    version,
    deno: Deno.version.deno,
    system: `${Deno.build.os} (${Deno.build.target})`,
    processor: processorName(),
    permissions: Object.fromEntries(
      PERMISSIONS.map((name) => [name, Deno.permissions.querySync({ name }).state]),
    ),
    backends: examined,
    used: used.name,
  };
}

/** Linux tells the processor's name in a file, which not everybody may read. */
function processorName(): string {
  const cores = `${navigator.hardwareConcurrency} cores`;
  try {
    if (Deno.permissions.querySync({ name: "read", path: "/proc/cpuinfo" }).state === "granted") {
      const name = /^model name\s*: (.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1];
      if (name !== undefined) return `${name} (${Deno.build.arch}), ${cores}`;
    }
  } catch {
    // Not Linux, or not to be read: the kind has to do.
  }
  return `${Deno.build.arch}, ${cores}`;
}

/** An examination as text, or as a line of JSON. */
export function printExamination(examination: Examination, json: boolean): string {
  if (json) return JSON.stringify({ doctor: examination }) + "\n";
  const { version, deno, system, processor, permissions, backends, used } = examination;
  const states = Map.groupBy(Object.entries(permissions), ([, state]) => state);
  const granted = (states.get("granted") ?? []).map(([name]) => name);
  const lines = [
    row("unnarize", `${version} on Deno ${deno}`),
    row("system", system),
    row("processor", processor),
    row("permissions", granted.length === 0 ? "none" : granted.join(", ")),
  ];
  for (const { name, doc, probe, findings } of backends) {
    lines.push(
      "",
      `backend '${name}': ${probe.ok ? "works" : `does not work, because ${probe.because}`}`,
      `  ${doc}`,
    );
    for (const { what, ok, details } of findings) {
      lines.push(`  ${ok ? "yes" : "no "}  ${what.padEnd(32)}${details}`);
    }
  }
  lines.push("", `Programs that get hot run on '${used}', unless --backend says otherwise.`);
  return lines.join("\n") + "\n";
}

function row(name: string, text: string): string {
  return `${name.padEnd(16)}${text}`;
}
