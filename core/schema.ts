/**
 * The one form of everything that is dumped as JSON: an object a line, which says by `schema` what it is and in which
 * version, and holds the thing itself in `data`.
 *
 * ```text
 *  {"schema":"unnarize/code@1","kind":"code","path":"main.unna","function":"twice","data":{…}}
 *            └ a change of the shape of `data` that old readers trip over is a new number
 * ```
 *
 * What `data` looks like, kind by kind, says `schema_shapes.ts`; nothing that runs programs has to load it.
 */

/** The version of each kind's shape. What a pass is named after is of the kind that it makes. */
export const SCHEMA_VERSIONS = {
  tokens: 1,
  ast: 1,
  bytecode: 1,
  profile: 1,
  hot: 1,
  draft: 1,
  code: 1,
  patches: 1,
  exits: 1,
  event: 1,
} as const;

/** A kind of dump whose shape is known. */
export type SchemaKind = keyof typeof SCHEMA_VERSIONS;

/** What a dump is about, beside its data. */
export interface DumpLabel {
  /** A {@linkcode SchemaKind}, or what a plugin calls its artifact. */
  readonly kind: string;
  /** The file, as messages show it. */
  readonly path: string;
  /** The function, if it is about one. */
  readonly functionName?: string;
  /** The pass after which it was made, if it was asked for by the name of a pass. */
  readonly after?: string;
}

/** The name of a kind's shape; null for artifacts of plugins, whose shape is theirs. */
export function schemaOf(kind: string): string | null {
  return Object.hasOwn(SCHEMA_VERSIONS, kind)
    ? `unnarize/${kind}@${SCHEMA_VERSIONS[kind as SchemaKind]}`
    : null;
}

/** A dump as a line; `data` is JSON already, and is not parsed just to be written again. */
export function dumpLine({ kind, path, functionName, after }: DumpLabel, data: string): string {
  const label = JSON.stringify({
    schema: schemaOf(kind),
    kind,
    path,
    ...(functionName === undefined ? {} : { function: functionName }),
    ...(after === undefined ? {} : { after }),
  });
  return `${label.slice(0, -1)},"data":${data}}\n`;
}
