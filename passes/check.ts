/**
 * What can be known about a program without running it.
 *
 * `scope.ts` says which variable each name means; one walk over the tree notes who declares, reads, writes and calls what,
 * and when all is known, each name is judged: does anything define it, does anybody use it, do its calls pass what it takes.
 * Only what is certain to fail when it is reached is an error; the language permits everything else, so the rest are
 * warnings. Nothing here changes the program, and compiling does not need it. This file must not know how programs are
 * compiled, nor which builtins there are: it is told.
 *
 * @module
 */
import type { Call, Ident, Name, Node, Program, Stmt } from "../core/ast.ts";
import { walk } from "../core/ast.ts";
import type { Diagnostics, Note } from "../core/diagnostics.ts";
import { suggest } from "../core/diagnostics.ts";
import type { SourceFile, Span } from "../core/source.ts";
import { resolveScopes, type Variable } from "./scope.ts";

/** The names that exist before the program starts. */
export interface KnownNames {
  readonly globals: ReadonlySet<string>;
  /** How many arguments a builtin takes; null if that varies or it is no function. */
  readonly arity?: (name: string) => number | null;
}

/** A declaration by statement. Parameters and the variables of loops are not noted: it is normal not to use them. */
interface Declared {
  readonly ident: Ident;
  readonly kind: "VarDecl" | "FunctionDecl" | "StructDecl" | "ImportDecl";
  /** How many arguments a call takes, where the declaration tells. */
  readonly arity: number | null;
}

/** All that happens to one name. `x += 1` is both a read and an update. */
interface Usage {
  readonly name: string;
  readonly isGlobal: boolean;
  readonly declared: Declared[];
  readonly reads: Name[];
  readonly writes: Name[];
  readonly updates: Name[];
  readonly calls: Call[];
}

/** Words for values in other languages. */
const FOREIGN_VALUES: ReadonlyMap<string, string> = new Map([
  ["null", "nil"],
  ["undefined", "nil"],
  ["None", "nil"],
  ["True", "true"],
  ["False", "false"],
]);

/** Looking for what was meant compares with every name there is, so it is done for the first few unknown names only. */
const ADVISED = 50;

/** Checks a program that parsed without errors; findings are reported in the order of the text. */
export function checkProgram(
  program: Program,
  source: SourceFile,
  known: KnownNames,
  diagnostics: Diagnostics,
): void {
  const findings: { start: number; report: () => void }[] = [];
  const usages = collectUsages(program);
  const locals = new Map<string, Ident>(); // a declaration for each name that some local has
  for (const { isGlobal, declared } of usages) {
    if (!isGlobal && declared.length > 0) locals.set(declared[0].ident.name, declared[0].ident);
  }
  let advised = 0;

  function find({ start, end }: Node, report: (place: Span) => void): void {
    findings.push({ start, report: () => report({ source, start, end }) });
  }

  function noteAt({ start, end }: Node, message: string): Note {
    return { message, source, start, end };
  }

  /** The name that was meant, if `name` looks like a misspelling of one. */
  function guess(name: string): Note[] {
    if (++advised > ADVISED) return [];
    const globals = usages.filter(({ isGlobal, declared }) => isGlobal && declared.length > 0).map((
      { name },
    ) => name);
    const meant = FOREIGN_VALUES.get(name) ?? suggest(name, [...globals, ...locals.keys(), ...known.globals]);
    return meant === null ? [] : [{ message: `did you mean '${meant}'?` }];
  }

  function judgeGlobal({ name, declared, reads, writes }: Usage): void {
    const isBuiltin = known.globals.has(name);
    if (declared.length > 0) {
      if (isBuiltin) find(declared[0].ident, (place) => diagnostics.report("U0207", place, { name }));
    } else if (writes.length > 0) {
      find(writes[0], (place) => {
        if (isBuiltin) diagnostics.report("U0207", place, { name });
        else diagnostics.report("U0202", place, { name }).notes.push(...guess(name));
      });
    } else if (!isBuiltin) {
      for (const read of reads) {
        find(read, (place) => {
          const { notes } = diagnostics.report("U0201", place, { name });
          notes.push(...guess(name));
          const local = locals.get(name);
          if (local) notes.push(noteAt(local, "this declaration is not visible there"));
        });
      }
    }
  }

  function judgeCalls({ name, isGlobal, declared, writes, updates, calls }: Usage): void {
    const isFixed = writes.length === 0 && updates.length === 0;
    const isBuiltin = isGlobal && declared.length === 0 && known.globals.has(name);
    const expected = isBuiltin ? known.arity?.(name) : declared.length === 1 ? declared[0].arity : null;
    if (!isFixed || expected === null || expected === undefined) return;
    for (const call of calls) {
      const got = call.args.length;
      if (got === expected) continue;
      find(call, (place) => {
        const { notes } = diagnostics.report("U0203", place, { name, expected, got });
        if (!isBuiltin) notes.push(noteAt(declared[0].ident, "it is declared here"));
      });
    }
  }

  function judgeUnused({ name, isGlobal, declared, reads }: Usage): void {
    if (reads.length > 0 || name.startsWith("_")) return;
    for (const { ident, kind } of declared) {
      if (kind === "ImportDecl") find(ident, (place) => diagnostics.report("U0205", place, { name }));
      else if (!isGlobal) find(ident, (place) => diagnostics.report("U0206", place, { name }));
    }
  }

  for (const usage of usages) {
    if (usage.isGlobal) judgeGlobal(usage);
    judgeCalls(usage);
    judgeUnused(usage);
  }
  for (const { after, stmt } of findUnreachable(program)) {
    find(stmt, (place) => diagnostics.report("U0204", place, { after }));
  }
  for (const { report } of findings.sort((a, b) => a.start - b.start)) {
    if (diagnostics.full) break;
    report();
  }
}

function collectUsages(program: Program): Usage[] {
  const { declarations, uses } = resolveScopes(program);
  const usages = new Map<Variable | string, Usage>(); // a local by its variable, a global by its name

  function usageOf(key: Variable | string): Usage {
    let usage = usages.get(key);
    if (usage === undefined) {
      const isGlobal = typeof key === "string";
      const name = isGlobal ? key : key.name;
      usage = { name, isGlobal, declared: [], reads: [], writes: [], updates: [], calls: [] };
      usages.set(key, usage);
    }
    return usage;
  }

  function declare(node: Stmt, ident: Ident, kind: Declared["kind"], arity: number | null): void {
    usageOf(declarations.get(node) ?? ident.name).declared.push({ ident, kind, arity });
  }

  // Of an assignment to a name: the node of that name, which the walk meets next.
  let target: Node | null = null;
  let isUpdate = false;

  walk(program, {
    enter(node) {
      switch (node.kind) {
        case "VarDecl":
          return declare(
            node,
            node.name,
            node.kind,
            node.init?.kind === "FunctionExpr" ? node.init.params.length : null,
          );
        case "FunctionDecl":
          return declare(node, node.name, node.kind, node.fn.params.length);
        case "StructDecl":
          return declare(node, node.name, node.kind, node.fields.length);
        case "ImportDecl":
          return declare(node, node.alias, node.kind, null);
        case "Assign":
          target = node.target;
          isUpdate = node.op !== "=";
          return;
        case "Call":
          if (node.callee.kind === "Name") {
            usageOf(uses.get(node.callee) ?? node.callee.name).calls.push(node);
          }
          return;
        case "Name": {
          const usage = usageOf(uses.get(node) ?? node.name);
          if (node === target) (isUpdate ? usage.updates : usage.writes).push(node);
          if (node !== target || isUpdate) usage.reads.push(node);
        }
      }
    },
  });
  return [...usages.values()];
}

// ---- Reachability ---------------------------------------------------------------------------------------------------

/** The first statement behind each jump that nothing gets past. Function declarations are fine there: they are hoisted. */
function findUnreachable(program: Program): { after: string; stmt: Stmt }[] {
  const found: { after: string; stmt: Stmt }[] = [];
  const jumps = new Map<Node, string>(); // statements that never end normally, and the jump that is to blame

  function scan(body: readonly Stmt[]): string | null {
    const at = body.findIndex((stmt) => jumps.has(stmt));
    if (at < 0) return null;
    const after = jumps.get(body[at])!;
    const stmt = body.slice(at + 1).find(({ kind }) => kind !== "FunctionDecl");
    if (stmt) found.push({ after, stmt });
    return after;
  }

  walk(program, {
    leave(node) {
      let jump: string | null | undefined = null;
      if (node.kind === "Return" || node.kind === "Break" || node.kind === "Continue") {
        jump = node.kind.toLowerCase();
      } else if (node.kind === "Block" || node.kind === "Program") jump = scan(node.body);
      else if (node.kind === "If" && node.else && jumps.has(node.then)) jump = jumps.get(node.else);
      if (jump) jumps.set(node, jump);
    },
  });
  return found;
}
