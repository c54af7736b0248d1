/**
 * A program and everything that became of it as one HTML page: source, tree, bytecode with its counts, machine code
 * before and after its holes were filled, what happened when, and the holes themselves. The page needs no network: it
 * holds its style, its script and the data, and the script draws what is chosen.
 *
 * What is here decides what goes into the data, and it is one thing: rows of text that know their place. All links
 * follow from the places, so nothing is stored for them.
 *
 * ```text
 *   source ◄── stretch of the text ──► tree
 *      ▲                                ▲
 *      └── stretch ──► bytecode ◄───────┘
 *                         │ pc
 *                         ▼
 *        draft ◄──── offset ────► code ◄──── offset ────► holes
 * ```
 *
 * How the page looks is not known here (page_style.css), nor what it does when it is pointed at (page_script.js); and
 * nothing of how programs run: a recording is handed in, made while one ran.
 */

import type { SourceFile } from "./source.ts";
import { type Node, type Program as Tree, walk } from "./ast.ts";
import { printAst } from "./ast_text.ts";
import { type FunctionProto, opOf, type Program } from "./program.ts";
import type { FunctionProfile, LoadedFunction } from "./machine.ts";
import type { OpcodeDef } from "./opcodes.ts";
import { listInstructions } from "./listing.ts";
import { type AnyTarget, type Code, EXIT_REASONS, type ExitCount, type JitEvent } from "./backend.ts";
import { listLaterPatches, listPatches, sectionsOf } from "./native_views.ts";
import { tellEvent } from "./jit_log.ts";
import script from "./page_script.js" with { type: "text" };
import style from "./page_style.css" with { type: "text" };

/** What is noted while programs are compiled and run. */
export interface Recording {
  /** Each file in the order in which it was compiled; what was not made is null. */
  readonly modules: { readonly source: SourceFile; tree: Tree | null; program: Program | null }[];
  /** What happened to hot code. */
  readonly events: RecordedEvent[];
  /** Diagnostics and errors as they were told. */
  readonly messages: string[];
  /** When the program was started, in milliseconds of the clock that events are timed with. */
  started: number;
}

/** An event, and when it came. */
export interface RecordedEvent {
  /** Since the program was started. */
  readonly milliseconds: number;
  readonly event: JitEvent;
}

/** What the page needs beside the recording. */
export interface PageContext {
  readonly opcodes: readonly OpcodeDef[];
  /** Reads machine code back; null if none was made. */
  readonly target: AnyTarget | null;
  /** What is to be shown, by the names of dumps; the source always is. */
  readonly parts: ReadonlySet<string>;
  readonly profile: readonly FunctionProfile[];
  readonly exits: readonly ExitCount[];
  /** Functions of this name only. */
  readonly functionName?: string;
  /** The tokens of a file as its dump has them. */
  tokens(
    source: SourceFile,
  ): readonly { readonly kind: string; readonly start: number; readonly end: number }[];
  /** Version of the runtime. */
  readonly version: string;
}

// ---- the data ----------------------------------------------------------------------------------------------------

/**
 * All that the page shows. Texts that come again and again are numbers: places in `strings`. Offsets into a source
 * count UTF-16 units, as strings of the script do.
 */
export interface PageData {
  readonly version: string;
  /** The columns, from left to right. */
  readonly columns: readonly ("source" | "ast" | "bytecode" | "draft" | "code")[];
  /** Whether there is something to say about machine code: events, and holes that were filled. */
  readonly hasEvents: boolean;
  readonly hasPatches: boolean;
  readonly messages: readonly string[];
  readonly strings: readonly string[];
  readonly files: readonly PageFile[];
  readonly functions: readonly PageFunction[];
  readonly events: readonly PageEvent[];
}

/** A source file. */
export interface PageFile {
  readonly path: string;
  readonly text: string;
  /** Triples: begin, end, and 1 for a keyword, 2 for a number, 3 for a string, 4 for a comment. */
  readonly colors: readonly number[];
}

/** A function; the body of a file is one. */
export interface PageFunction {
  readonly file: number;
  readonly name: string;
  /** Where it begins, from 1. */
  readonly line: number;
  readonly start: number;
  readonly end: number;
  /** How often it was called before it was machine code; null if nobody counted. */
  readonly calls: number | null;
  /** What it is: machine code, or why not. */
  readonly state: string;
  /** Nodes of the tree: depth, text, begin, end. */
  readonly nodes: readonly (readonly [depth: number, text: number, start: number, end: number])[];
  readonly instructions: readonly PageInstruction[];
  /** The forms that instructions have learnt by the end: pc, name. */
  readonly learnt: readonly (readonly [pc: number, name: number])[];
  /** Its machine code, each time it was compiled. */
  readonly compilations: readonly PageCompilation[];
}

/** An instruction of bytecode. Rounds are those of a loop; each exit has a reason and how often it was taken. */
export interface PageInstruction {
  readonly pc: number;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly name: number;
  readonly operands: number;
  /** What it does, in names: `r1 = r0 * 2`. */
  readonly formula: number;
  readonly rounds?: number;
  readonly exits?: readonly (readonly [reason: number, meaning: number, count: number])[];
}

/** The machine code of a function. */
export interface PageCompilation {
  /** The bytes when it is done, in hexadecimal. */
  readonly bytes: string;
  /** In the order of the offsets: an instruction of bytecode, or a piece behind them all, before its machine code. */
  readonly sections: readonly {
    readonly pc: number;
    readonly title: number;
    readonly isOutside: boolean;
    /** The instructions of the processor. */
    readonly lines: readonly (readonly [offset: number, length: number, text: number, purpose: number])[];
  }[];
  /** How many holes jump-patch has filled. */
  readonly holes: number;
  /** First these, in the order of their offsets; then what was changed while the code ran. */
  readonly patches: readonly (readonly [offset: number, before: string, after: string, reason: number])[];
}

/** Something that happened to hot code. */
export interface PageEvent {
  readonly milliseconds: number;
  readonly what: string;
  readonly details: string;
  /** Number of the function, -1 if it is not shown. */
  readonly function: number;
  readonly pc: number | null;
  readonly line: number;
  /** Number of the compilation that it made or is about, -1 if it is about none. */
  readonly compilation: number;
}

/** Gathers what the page shows; machine code has names for what it uses as long as the program is there. */
export function collectPage(recording: Recording, cx: PageContext): PageData {
  const strings: string[] = [], numbers = new Map<string, number>();
  const intern = (text: string): number => {
    let number = numbers.get(text);
    if (number === undefined) numbers.set(text, number = strings.push(text) - 1);
    return number;
  };
  const has = (...parts: string[]) => parts.some((part) => cx.parts.has(part));
  const codes = recording.events.flatMap(({ event }) => event.kind === "compiled" ? [event.code] : []);
  const hasNative = has("draft", "code", "patches", "hot", "exits");
  const { modules } = recording;

  const protos: FunctionProto[] = [], functions: PageFunction[] = [];
  modules.forEach(({ source, tree, program }, file) => {
    const nodes = tree === null ? new Map() : nodesByFunction(tree, program, intern);
    for (const proto of program?.protos ?? []) {
      if ((cx.functionName ?? proto.name) !== proto.name) continue;
      protos.push(proto);
      functions.push(
        collectFunction(proto, { file, source, program: program!, nodes: nodes.get(proto) ?? [] }),
      );
    }
    if (program === null && tree !== null) functions.push(uncompiled(file, source, nodes.get(null) ?? []));
  });
  return {
    version: cx.version,
    columns: [
      "source",
      ...has("ast") ? ["ast"] as const : [],
      ...has("bytecode", "profile", "hot", "exits") ? ["bytecode"] as const : [],
      ...has("draft") ? ["draft"] as const : [],
      ...has("code") ? ["code"] as const : [],
    ],
    hasEvents: hasNative,
    hasPatches: has("patches"),
    messages: recording.messages,
    strings,
    files: modules.map(({ source }) => ({
      path: source.path,
      text: source.text,
      colors: has("tokens") ? colorsOf(source, cx) : [],
    })),
    functions,
    events: !hasNative ? [] : recording.events.flatMap(collectEvent),
  };

  function collectFunction(
    proto: FunctionProto,
    { file, source, program, nodes }: {
      file: number;
      source: SourceFile;
      program: Program;
      nodes: PageFunction["nodes"];
    },
  ): PageFunction {
    const counted = cx.profile.find(({ loaded }) => loaded.proto === proto) ?? null;
    const own = codes.filter(({ hot }) => hot.loaded.proto === proto);
    const rounds = new Map(counted?.loops.map((loop) => [loop.pc, loop.rounds]));
    const exits = Map.groupBy(cx.exits.filter(({ loaded }) => loaded.proto === proto), ({ pc }) => pc);
    const instructions = listInstructions(program, proto, cx.opcodes).map((listed): PageInstruction => {
      const { pc, line, name, operands, text } = listed, taken = exits.get(pc);
      const times = rounds.get(pc);
      return {
        pc,
        line,
        start: proto.spans[2 * pc],
        end: proto.spans[2 * pc + 1],
        name: intern(name),
        operands: intern(operands),
        formula: intern(text.slice(text.indexOf("; ") + 2)),
        ...(times === undefined ? {} : { rounds: times }),
        ...(taken === undefined || !has("exits") ? {} : {
          exits: taken.map(({ reason, count }) =>
            [intern(reason), intern(EXIT_REASONS[reason]), count] as const
          ),
        }),
      };
    });
    return {
      file,
      name: proto.name,
      line: source.position(proto.start).line,
      start: proto.start,
      end: proto === program.main ? source.text.length : nodes[0]?.[3] ?? proto.start,
      calls: counted?.calls ?? null,
      state: stateOf(proto, own, counted),
      nodes: has("ast") ? nodes : [],
      instructions,
      learnt: counted === null ? [] : learntForms(counted.code),
      compilations: !has("draft", "code", "patches") ? [] : own.map(collectCode),
    };
  }

  function learntForms(code: Int32Array): [number, number][] {
    const forms: [number, number][] = [];
    for (let pc = 0; pc < code.length;) {
      const row = cx.opcodes[opOf(code[pc])];
      if (row.general !== undefined) forms.push([pc, intern(row.name)]);
      pc += 1 + (row.operands.words?.length ?? 0);
    }
    return forms;
  }

  /** What became of a function, in a sentence. */
  function stateOf(proto: FunctionProto, own: readonly Code[], counted: FunctionProfile | null): string {
    if (own.length > 0) {
      const evicted = recording.events.findLast(({ event }) => functionOf(event).proto === proto)?.event.kind;
      const times = own.length === 1 ? "" : `, compiled ${own.length} times`;
      return evicted === "evicted"
        ? `Machine code that had to go again, because other code needed the room${times}`
        : `Machine code, ${own.at(-1)!.bytes.length} bytes${times}`;
    }
    const refused = recording.events.find(({ event }) =>
      event.kind === "refused" && event.loaded.proto === proto
    );
    if (refused?.event.kind === "refused") return `Given up: ${refused.event.because}`;
    if (counted === null) return "It was not run";
    if (cx.target === null) return "The interpreter ran everything; there is no machine code";
    return "Never hot, so the interpreter ran it; there is no machine code";
  }

  function collectCode(code: Code): PageCompilation {
    const holes = listPatches(code);
    const later = recording.events.flatMap(({ event }) =>
      event.kind === "patched" && event.code === code ? listLaterPatches(event) : []
    );
    const view = { opcodes: cx.opcodes, ...(cx.target === null ? {} : { target: cx.target }) };
    return {
      bytes: code.bytes.toHex(),
      sections: sectionsOf(code.bytes, code.draft, view).map(({ part, pc, title, lines }) => ({
        pc,
        title: intern(title),
        isOutside: part !== "instructions",
        // Holes are as long as what fills them and places have names, so the draft reads alike but for the bytes.
        lines: lines.map(({ offset, length, text, purpose }) =>
          [offset, length, intern(text), intern(purpose)] as const
        ),
      })),
      holes: holes.length,
      patches: [...holes, ...later].map(({ offset, before, after, reason }) =>
        [offset, before.replaceAll(" ", ""), after.replaceAll(" ", ""), intern(reason)] as const
      ),
    };
  }

  function collectEvent({ milliseconds, event }: RecordedEvent): PageEvent[] {
    const { proto, source } = functionOf(event);
    const own = codes.filter(({ hot }) => hot.loaded.proto === proto);
    return tellEvent(event).map(({ what, pc, details }) => ({
      milliseconds: Math.round(milliseconds * 1000) / 1000,
      what: what === "compiled" && event.kind === "compiled" && event.compilation > 1 ? "recompiled" : what,
      details,
      function: protos.indexOf(proto),
      pc,
      line: source.position(pc === null ? proto.start : proto.spans[2 * pc]).line,
      compilation: "code" in event ? own.indexOf(event.code) : -1,
    }));
  }
}

function functionOf(event: JitEvent): LoadedFunction {
  return "code" in event ? event.code.hot.loaded : event.loaded;
}

/** A file whose tree did not become bytecode. */
function uncompiled(file: number, source: SourceFile, nodes: PageFunction["nodes"]): PageFunction {
  return {
    file,
    name: "main",
    line: 1,
    start: 0,
    end: source.text.length,
    calls: null,
    state: "The file does not compile",
    nodes,
    instructions: [],
    learnt: [],
    compilations: [],
  };
}

/** The nodes of each function, its own declaration in front; those of a file that does not compile belong to null. */
function nodesByFunction(
  tree: Tree,
  program: Program | null,
  intern: (text: string) => number,
): Map<FunctionProto | null, [number, number, number, number][]> {
  const byStart = new Map(
    program?.protos.filter((proto) => proto !== program.main).map((proto) => [proto.start, proto]),
  );
  const texts = printAst(tree).split("\n");
  const nodes = new Map<FunctionProto | null, [number, number, number, number][]>();
  const open: { owner: FunctionProto | null; node: Node; depth: number }[] = [];
  let depth = 0, count = 0;
  const add = (owner: FunctionProto | null, depth: number, text: number, { start, end }: Node) => {
    if (!nodes.has(owner)) nodes.set(owner, []);
    nodes.get(owner)!.push([depth, text, start, end]);
  };
  walk(tree, {
    enter(node) {
      // Deep lines begin with their depth in place of blanks.
      const text = intern(texts[count++].replace(/^ *(\(\d+\) )?/, ""));
      const around = open.at(-1) ?? { owner: program?.main ?? null, depth: 0 };
      add(around.owner, depth - around.depth, text, node);
      const isFunction = node.kind === "FunctionDecl" || node.kind === "FunctionExpr";
      const owner = isFunction ? byStart.get(node.start) : undefined;
      if (owner !== undefined && owner !== around.owner) {
        open.push({ owner, node, depth });
        add(owner, 0, text, node);
      }
      depth++;
    },
    leave(node) {
      depth--;
      if (open.at(-1)?.node === node) open.pop();
    },
  });
  return nodes;
}

/** What is to be coloured in a text: its tokens, and what stands between them and is no blank, which are comments. */
function colorsOf(source: SourceFile, cx: PageContext): number[] {
  const colors: number[] = [];
  let at = 0;
  for (const { kind, start, end } of cx.tokens(source)) {
    const gap = source.text.slice(at, start), blank = gap.length - gap.trimStart().length;
    if (gap.trim() !== "") colors.push(at + blank, at + gap.trimEnd().length, 4);
    const color = /^[a-z]/.test(kind) ? 1 : kind === "<number>" ? 2 : kind === "<string>" ? 3 : 0;
    if (color !== 0) colors.push(start, end, color);
    at = end;
  }
  return colors;
}

// ---- the page ----------------------------------------------------------------------------------------------------

/** The page as HTML text. */
export function renderPage(data: PageData): string {
  const title = data.files[0]?.path ?? "nothing";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="unnarize ${escapeHtml(data.version)}">
<title>${escapeHtml(title)} · Unnarize</title>
<style>
${style}</style>
</head>
<body>
<noscript>This page is drawn by its script, which is turned off.</noscript>
<script type="application/json" id="data">${escapeJson(JSON.stringify(data))}</script>
<script>
${script}</script>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Nothing in a script element may look like its end, or like a comment: JSON has another way to write `<`. */
function escapeJson(json: string): string {
  return json.replaceAll("<", "\\u003c");
}
