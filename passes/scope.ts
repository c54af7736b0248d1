/**
 * Which variable each name means.
 *
 * One walk over the tree before any code is made, because two things have to be known at a variable's declaration that
 * only later text tells: whether a closure captures it, so that it lives in a cell, and whether it is wanted before its
 * declaration has run. Names without an entry here are globals of the module; those are found by name at run time.
 *
 * This file decides what scope means; it knows nothing of registers or instructions.
 *
 *     function counter() {             scopes              captures of the inner function
 *         var n = 0;                   counter { n }
 *         return function () {         +- (anonymous)      n -- a cell in counter's register
 *             n += 1;
 *             return n;
 *         };
 *     }
 *
 * @module
 */

import type { Block, FunctionDecl, FunctionExpr, Name, Node, Program } from "../core/ast.ts";
import { walk } from "../core/ast.ts";

/** A function, or the body of the file, as an owner of variables. */
export interface FunctionScope {
  /** The function around it; null for the body of the file. */
  readonly outer: FunctionScope | null;
  /** Variables of functions around it that it uses, or that functions inside it use, numbered in order of first use. */
  readonly captures: Map<Variable, number>;
}

/** A local variable: everything that is declared inside of braces, headers of loops or parameter lists. */
export interface Variable {
  readonly name: string;
  readonly owner: FunctionScope;
  /** Whether a function inside the owner uses it: then its register holds a cell. */
  captured: boolean;
  /** Whether it is used in text that runs before its declaration is complete: functions of a block may call each
   * other, and a function may call itself. */
  early: boolean;
  /** Whether it is assigned in the middle of some expression, so that `x + (x = 1)` has to save the old value. */
  rewritten: boolean;
  /** Where it lives. Written by the code generator, which reaches a declaration before any use of it. */
  register: number;
}

/** A node that declares a variable: a statement, a parameter, or a function expression by its own name. */
export type Declaration = Node;

/** What the walk found out. */
export interface Scopes {
  /** Local variables by the node that declares them. A declaration without one declares a global. */
  readonly declarations: ReadonlyMap<Declaration, Variable>;
  /** Local variables by the names that mean them. A name without one means a global. */
  readonly uses: ReadonlyMap<Name, Variable>;
  /** Every function expression, and the file itself. */
  readonly functions: ReadonlyMap<FunctionExpr | Program, FunctionScope>;
  /** Names of globals that this file declares or assigns to; all others can only be builtins. */
  readonly ownGlobals: ReadonlySet<string>;
}

/** A stretch of text in which names are declared. */
interface Scope {
  readonly outer: Scope | null;
  readonly names: Map<string, Variable>;
  /** The node that ends it. */
  readonly node: Node;
}

/** Finds out which variable each name in a file means; trees of any depth. */
export function resolveScopes(ast: Program): Scopes {
  const declarations = new Map<Declaration, Variable>();
  const uses = new Map<Name, Variable>();
  const functions = new Map<FunctionExpr | Program, FunctionScope>();
  const ownGlobals = new Set<string>();
  const incomplete = new Set<Variable>();
  const finalAssigns = new Set<Node>();

  let fn: FunctionScope = { outer: null, captures: new Map() };
  functions.set(ast, fn);
  let scope: Scope | null = null; // none: the top level, where declarations make globals

  function open(node: Node): void {
    scope = { outer: scope, names: new Map(), node };
  }

  function makeVariable(node: Declaration, name: string): Variable {
    const variable = {
      name,
      owner: fn,
      captured: false,
      early: false,
      rewritten: false,
      register: -1,
    };
    declarations.set(node, variable);
    return variable;
  }

  function declare(node: Declaration, name: string): void {
    if (scope === null) ownGlobals.add(name);
    else scope.names.set(name, makeVariable(node, name));
  }

  /** Functions of a block are in scope from its beginning, unless an earlier one of the same name is. */
  function hoist(block: Block): void {
    for (const stmt of block.body) {
      if (stmt.kind !== "FunctionDecl") continue;
      const variable = makeVariable(stmt, stmt.name.name);
      incomplete.add(variable);
      if (!scope!.names.has(variable.name)) scope!.names.set(variable.name, variable);
    }
  }

  function openFunction(node: FunctionExpr): void {
    if (node.name !== null) { // it sees its own name, but nobody else does: a variable of the maker, around the function
      open(node);
      declare(node, node.name.name);
      incomplete.add(declarations.get(node)!);
    }
    fn = { outer: fn, captures: new Map() };
    functions.set(node, fn);
    open(node);
    for (const param of node.params) declare(param, param.name);
  }

  function lookup(name: string): Variable | null {
    for (let at = scope; at !== null; at = at.outer) {
      const variable = at.names.get(name);
      if (variable !== undefined) return variable;
    }
    return null;
  }

  function use(node: Name): Variable | null {
    const variable = lookup(node.name);
    if (variable === null) return null;
    uses.set(node, variable);
    if (incomplete.has(variable)) variable.early = true;
    for (let at = fn; at !== variable.owner; at = at.outer!) {
      variable.captured = true;
      if (!at.captures.has(variable)) at.captures.set(variable, at.captures.size);
    }
    return variable;
  }

  walk(ast, {
    enter(node, parent) {
      if (parent?.kind === "ForEach" && node === parent.body) { // its header does not see the variable
        open(parent);
        declare(parent, parent.name.name);
      }
      switch (node.kind) {
        case "Block":
          open(node);
          hoist(node);
          break;
        case "For":
          open(node);
          break;
        case "FunctionExpr":
          openFunction(node);
          break;
        case "VarDecl":
          // The initialiser sees what was there before, unless it is a function, which may want to call itself.
          if (node.init?.kind === "FunctionExpr") {
            declare(node, node.name.name);
            if (scope !== null) incomplete.add(declarations.get(node)!);
          }
          break;
        case "FunctionDecl":
          if (scope === null) ownGlobals.add(node.name.name);
          else scope.names.set(node.name.name, declarations.get(node)!);
          break;
        case "StructDecl":
          declare(node, node.name.name);
          break;
        case "ImportDecl":
          declare(node, node.alias.name);
          break;
        case "Name": {
          const variable = use(node);
          if (parent?.kind !== "Assign" || parent.target !== node) break;
          if (variable === null) ownGlobals.add(node.name);
          else if (!finalAssigns.has(parent)) variable.rewritten = true;
          break;
        }
        case "Assign":
          // Nothing else of the statement is left to be evaluated when its own assignment is carried out.
          if (parent?.kind === "ExprStmt" || (parent?.kind === "For" && parent.step === node)) {
            finalAssigns.add(node);
          }
          break;
        default:
          break;
      }
    },
    leave(node) {
      if (node.kind === "VarDecl" && node.init?.kind !== "FunctionExpr") declare(node, node.name.name);
      while (scope?.node === node) scope = scope.outer;
      if (node.kind === "FunctionExpr") fn = fn.outer!;
      const variable = declarations.get(node);
      if (variable !== undefined) incomplete.delete(variable);
    },
  });
  return { declarations, uses, functions, ownGlobals };
}

/** The functions that are to be in scope from the beginning of a block and are wanted before they are declared. */
export function earlyFunctions(block: Block, scopes: Scopes): FunctionDecl[] {
  return block.body.filter((stmt): stmt is FunctionDecl =>
    stmt.kind === "FunctionDecl" && scopes.declarations.get(stmt)?.early === true
  );
}
