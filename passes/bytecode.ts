/**
 * The bytecode pass: a tree becomes a program for the register machine.
 *
 * Three ideas carry it. An expression is emitted *into* a register chosen by whoever wants its value, so results seldom
 * have to be moved. A condition is not computed but *branched on*: `a < b && !c` is a few fused compare-and-jump
 * instructions and makes no booleans. And operands are evaluated from left to right, each read at its turn; a variable
 * that lives in a register is read in place, and copied only where a later operand may assign to it.
 *
 * :spines: A sum of 100,000 terms leans to the left, and so does `f()()()`. Such a spine is walked down and emitted on the
 * way back up, without recursion; so are chains of `&&`, `||` and else-if. What else is nested, the parser bounds.
 *
 * Which variable a name means is `scope.ts`'s question, how instructions and registers are encoded that of
 * `registers.ts`. What the instructions do is not known here, beyond their rows.
 *
 * @module
 */

import type * as ast from "../core/ast.ts";
import { walk } from "../core/ast.ts";
import type { Diagnostics } from "../core/diagnostics.ts";
import { decodeText, encodeText, type SourceFile } from "../core/source.ts";
import type { Capture, Constant, FunctionProto, Program } from "../core/program.ts";
import { OP, type OpcodeDef, OPCODES, type OpName } from "../core/opcodes.ts";
import {
  advanceIterator,
  alignWindow,
  allocate,
  beginCode,
  beginsWindow,
  bind,
  bindLoop,
  call,
  type Code,
  constantNumber,
  emit,
  emitRow,
  isTemporary,
  jump,
  keepRegisters,
  type Label,
  leave,
  leaveScope,
  loadConstant,
  makeLabel,
  move,
  nearConstant,
  prepareIterator,
  REGISTERS_MAX,
  settleIterator,
  settleParameter,
  type Site,
} from "./registers.ts";
import { earlyFunctions, type FunctionScope, resolveScopes, type Scopes, type Variable } from "./scope.ts";

type Expr = ast.Expr;
type Stmt = ast.Stmt;

/** What the pass has to know besides the tree. */
export interface BytecodeOptions {
  /** Names of builtins; calls to those that the file leaves alone become opcodes. */
  readonly builtins: ReadonlySet<string>;
  /** All opcodes by number; the built-in ones, if it does not say. */
  readonly opcodes?: readonly OpcodeDef[];
}

/** What the functions of a file share. */
interface Unit {
  readonly scopes: Scopes;
  readonly source: SourceFile;
  readonly diagnostics: Diagnostics;
  readonly builtins: ReadonlySet<string>;
  readonly opcodes: readonly OpcodeDef[];
  readonly globals: Map<string, number>;
}

/** A function whose code is still to be emitted; others refer to its proto already. */
interface Pending {
  readonly node: ast.FunctionExpr | ast.Program;
  readonly proto: { -readonly [Field in keyof FunctionProto]: FunctionProto[Field] };
}

/** The loop around the statement at work. */
interface Loop {
  readonly end: Label;
  readonly next: Label;
}

/** The function whose code is being emitted. */
interface Emitter {
  readonly unit: Unit;
  readonly scope: FunctionScope;
  readonly code: Code;
  /** Functions met on the way. Their code comes later, so that nested functions do not nest this pass. */
  readonly inner: Pending[];
  /** Whether this is the body of the file, which has no value to return. */
  readonly isMain: boolean;
  loop: Loop | null;
}

/**
 * Makes the program of a file. The tree must come from an error-free parse. Reports what no machine can hold (U0208);
 * the program is then not fit to be run.
 */
export function emitProgram(
  tree: ast.Program,
  source: SourceFile,
  diagnostics: Diagnostics,
  options: BytecodeOptions,
): Program {
  const scopes = resolveScopes(tree);
  const { builtins, opcodes = OPCODES } = options;
  const unit: Unit = { scopes, source, diagnostics, builtins, opcodes, globals: new Map() };
  const main = declareFunction(tree, "main", 0, false);
  const protos: FunctionProto[] = [];
  const pending = [main];
  while (pending.length > 0) {
    const next = pending.pop()!;
    next.proto.id = protos.push(next.proto) - 1;
    for (const inner of emitFunction(unit, next).reverse()) pending.push(inner);
  }
  return { source, main: main.proto, protos, globals: [...unit.globals.keys()] };
}

// ---- Functions ------------------------------------------------------------------------------------------------------

function declareFunction(node: Pending["node"], name: string, arity: number, isAsync: boolean): Pending {
  const proto = {
    id: -1,
    name,
    arity,
    isAsync,
    registers: 0,
    code: new Int32Array(0),
    constants: [],
    captures: [],
    spans: new Int32Array(0),
    start: node.start,
  };
  return { node, proto };
}

/** Emits the code of a function and completes its proto; the result is the functions that it contains. */
function emitFunction(unit: Unit, { node, proto }: Pending): Pending[] {
  const scope = unit.scopes.functions.get(node)!;
  const code = beginCode(proto.arity);
  const f: Emitter = { unit, scope, code, inner: [], isMain: node.kind === "Program", loop: null };
  if (node.kind === "Program") {
    for (const stmt of node.body) emitStmt(f, stmt);
  } else {
    emitParameters(f, node.params);
    emitStmt(f, node.body);
  }
  leave(code, { start: Math.max(node.start, node.end - 1), end: node.end }, "RETURN_NIL");

  if (code.registers > REGISTERS_MAX || scope.captures.size > REGISTERS_MAX) {
    const { start, end } = node;
    unit.diagnostics.report("U0208", { source: unit.source, start, end }, { name: proto.name });
  }
  proto.registers = code.registers;
  proto.code = Int32Array.from(code.words);
  proto.spans = Int32Array.from(code.spans);
  proto.constants = code.constants;
  return f.inner;
}

function emitParameters(f: Emitter, params: readonly ast.Ident[]): void {
  const { code } = f;
  const variables = params.map((param) => f.unit.scopes.declarations.get(param)!);
  // All of them leave the scratch registers before the first cell may need those.
  variables.forEach((variable, i) => variable.register = settleParameter(code, params[i], i));
  variables.forEach((variable, i) => {
    if (variable.captured) emit(code, params[i], "NEW_CELL", variable.register, variable.register);
  });
}

function emitClosure(f: Emitter, node: ast.FunctionExpr, dst: number, name: string): void {
  const { code, unit, scope } = f;
  if (!code.reachable) return;
  const mark = code.top;
  const self = unit.scopes.declarations.get(node); // a named function expression sees itself, through a cell
  if (self?.captured) {
    self.register = allocate(code);
    emitEmptyCell(code, node, self.register);
  }
  const inner = declareFunction(node, node.name?.name ?? name, node.params.length, node.isAsync);
  const captured = [...unit.scopes.functions.get(node)!.captures.keys()];
  inner.proto.captures = captured.map((variable): Capture =>
    variable.owner === scope
      ? { from: "register", index: variable.register, name: variable.name }
      : { from: "capture", index: scope.captures.get(variable)!, name: variable.name }
  );
  f.inner.push(inner);
  emit(code, node, "CLOSURE", dst, constantNumber(code, { kind: "function", proto: inner.proto }));
  if (self?.captured) emit(code, node, "SET_CELL", self.register, dst);
  code.top = mark;
}

function emitEmptyCell(code: Code, at: Site, register: number): void {
  emit(code, at, "LOAD_NIL", register);
  emit(code, at, "NEW_CELL", register, register);
}

// ---- Declarations ---------------------------------------------------------------------------------------------------

/** Makes the variable of a declaration, with the value that `emitValue` puts into a register. */
function declare(f: Emitter, node: Stmt, name: ast.Ident, emitValue: (dst: number) => void): void {
  const { code } = f;
  const variable = f.unit.scopes.declarations.get(node);
  if (variable === undefined) {
    const value = allocate(code);
    emitValue(value);
    emit(code, name, "SET_GLOBAL", value, globalNumber(f, name.name));
    code.top = value;
  } else if (!variable.early) {
    variable.register = allocate(code);
    emitValue(variable.register);
    if (variable.captured) emit(code, name, "NEW_CELL", variable.register, variable.register);
    keepRegisters(code);
  } else {
    if (node.kind === "VarDecl") declareEarly(f, node, variable);
    if (!variable.captured) return emitValue(variable.register);
    const value = allocate(code);
    emitValue(value);
    emit(code, name, "SET_CELL", variable.register, value);
    code.top = value;
  }
}

/** Makes a variable that holds nil until its declaration is complete. */
function declareEarly(f: Emitter, node: ast.VarDecl | ast.FunctionDecl, variable: Variable): void {
  variable.register = allocate(f.code);
  if (variable.captured) emitEmptyCell(f.code, node.name, variable.register);
  else emit(f.code, node.name, "LOAD_NIL", variable.register);
  keepRegisters(f.code);
}

function globalNumber(f: Emitter, name: string): number {
  const { globals } = f.unit;
  const number = globals.get(name) ?? globals.size;
  globals.set(name, number);
  return number;
}

// ---- Statements -----------------------------------------------------------------------------------------------------

function emitStmt(f: Emitter, stmt: Stmt): void {
  const { code, unit } = f;
  const mark = code.top;
  switch (stmt.kind) {
    case "VarDecl": {
      const { name, init } = stmt;
      return declare(f, stmt, name, (dst) => {
        if (init === null) emit(code, stmt, "LOAD_NIL", dst);
        else emitNamed(f, init, dst, name.name);
      });
    }
    case "FunctionDecl":
      return declare(f, stmt, stmt.name, (dst) => emitClosure(f, stmt.fn, dst, stmt.name.name));
    case "StructDecl": {
      const fields = stmt.fields.map((field) => field.name);
      return declare(
        f,
        stmt,
        stmt.name,
        (dst) => loadConstant(code, stmt, dst, { kind: "struct", name: stmt.name.name, fields }),
      );
    }
    case "ImportDecl": {
      const path = constantNumber(code, { kind: "string", bytes: encodeText(stmt.path) });
      return declare(f, stmt, stmt.alias, (dst) => emit(code, stmt, "IMPORT", dst, Number(stmt.named), path));
    }
    case "Print":
      emit(code, stmt, "PRINT", operand(f, stmt.value));
      break;
    case "If":
      emitIf(f, stmt);
      break;
    case "While":
      emitLoop(f, stmt, stmt.test, stmt.body, null);
      break;
    case "For":
      if (stmt.init !== null) emitStmt(f, stmt.init);
      emitLoop(f, stmt, stmt.test, stmt.body, stmt.step);
      return leaveScope(code, mark);
    case "ForEach":
      emitForEach(f, stmt);
      return leaveScope(code, mark);
    case "Return":
      if (stmt.value === null) leave(code, stmt, "RETURN_NIL");
      else if (!f.isMain) leave(code, stmt, "RETURN", operand(f, stmt.value));
      else {
        emitEffect(f, stmt.value);
        leave(code, stmt, "RETURN_NIL");
      }
      break;
    case "Break":
      jump(code, stmt, "JUMP", f.loop!.end);
      break;
    case "Continue":
      jump(code, stmt, "JUMP", f.loop!.next);
      break;
    case "Block":
      for (const early of earlyFunctions(stmt, unit.scopes)) {
        declareEarly(f, early, unit.scopes.declarations.get(early)!);
      }
      for (const inner of stmt.body) emitStmt(f, inner);
      return leaveScope(code, mark);
    case "ExprStmt":
      emitEffect(f, stmt.expr);
      break;
  }
  code.top = mark;
}

/** An if with all its else-ifs, in a loop. */
function emitIf(f: Emitter, first: ast.If): void {
  const { code } = f;
  const end = makeLabel();
  let stmt: Stmt | null = first;
  while (stmt?.kind === "If") {
    const { test, then, else: otherwise }: ast.If = stmt;
    const exit = otherwise === null ? exitLabel(f, then) : null;
    if (exit !== null) { // `if (test) break;` is a single jump
      emitBranch(f, test, true, exit);
      break;
    }
    const next = makeLabel();
    emitBranch(f, test, false, next);
    emitStmt(f, then);
    if (otherwise !== null) jump(code, stmt, "JUMP", end);
    bind(code, next);
    stmt = otherwise;
  }
  if (stmt !== null && stmt.kind !== "If") emitStmt(f, stmt);
  bind(code, end);
}

/** Where a statement that is nothing but a break or continue goes; null for all others. */
function exitLabel(f: Emitter, stmt: Stmt): Label | null {
  if (stmt.kind === "Block" && stmt.body.length === 1) stmt = stmt.body[0];
  if (stmt.kind === "Break") return f.loop!.end;
  if (stmt.kind === "Continue") return f.loop!.next;
  return null;
}

/**
 * A loop with its test at the bottom, so that a round costs one jump. The test stands once more in front, to keep out
 * loops of no round; a large one does not, and the loop is entered at its bottom.
 *
 *         unless test: goto end                JUMP check
 *     head: LOOP                           head: LOOP
 *         body                                 body
 *     next: step                           next: step
 *         if test: goto head               check: if test: goto head
 *     end:                                 end:
 */
function emitLoop(f: Emitter, at: Site, test: Expr | null, body: Stmt, step: Expr | null): void {
  const { code } = f;
  const head = makeLabel(), check = makeLabel();
  const loop: Loop = { end: makeLabel(), next: makeLabel() };
  const guarded = test === null || isSmall(test);
  if (test !== null && guarded) emitBranch(f, test, false, loop.end);
  const { reachable } = code;
  if (!guarded) jump(code, at, "JUMP", check);
  bindLoop(code, at, head, reachable);
  emitBody(f, loop, body);
  bind(code, loop.next);
  if (step !== null) emitEffect(f, step);
  bind(code, check);
  if (test !== null) emitBranch(f, test, true, head);
  else jump(code, at, "JUMP", head);
  bind(code, loop.end);
}

/**
 *         iterator, iterator + 1 = collection, state
 *         JUMP next
 *     head: LOOP                          iterator + 2 is the element, and the variable unless that needs a cell
 *         body
 *     next: FOR_NEXT head
 *     end:
 */
function emitForEach(f: Emitter, stmt: ast.ForEach): void {
  const { code } = f;
  const { iterable } = stmt;
  const head = makeLabel();
  const loop: Loop = { end: makeLabel(), next: makeLabel() };
  alignWindow(code, 3);
  const iterator = allocate(code);
  emitTo(f, iterable, iterator);
  allocate(code);
  const element = allocate(code);
  prepareIterator(code, iterable, iterator);

  const variable = f.unit.scopes.declarations.get(stmt)!;
  variable.register = variable.captured ? allocate(code) : element;
  keepRegisters(code);
  const { reachable } = code;
  jump(code, iterable, "JUMP", loop.next);
  bindLoop(code, stmt, head, reachable);
  settleIterator(code, stmt, iterator);
  if (variable.captured) emit(code, stmt.name, "NEW_CELL", variable.register, element);
  emitBody(f, loop, stmt.body);
  bind(code, loop.next);
  advanceIterator(code, iterable, iterator, head);
  bind(code, loop.end);
}

function emitBody(f: Emitter, loop: Loop, body: Stmt): void {
  const outer = f.loop;
  f.loop = loop;
  emitStmt(f, body);
  f.loop = outer;
}

/** Nodes of a test that is worth being emitted twice. */
const SMALL = 12;

function isSmall(test: Expr): boolean {
  let nodes = 0;
  walk(test, {
    enter(node) {
      nodes += node.kind === "FunctionExpr" ? SMALL + 1 : 1; // a function must not become two
      return nodes <= SMALL;
    },
  });
  return nodes <= SMALL;
}

// ---- Conditions -----------------------------------------------------------------------------------------------------

/** Instructions that jump if a comparison holds, and if it does not: NaN makes `!(a < b)` differ from `a >= b`. */
interface Comparison {
  readonly yes: OpName;
  readonly no: OpName;
  readonly yesK: OpName;
  readonly noK: OpName;
  /** `>` is `<` with its operands swapped; the flag keeps error texts in the source's order. */
  readonly swapped: boolean;
}

function comparison(yes: OpName, no: OpName, yesK: OpName, noK: OpName, swapped = false): Comparison {
  return { yes, no, yesK, noK, swapped };
}

const COMPARISONS: { readonly [Op in ast.BinaryOp]?: Comparison } = {
  "==": comparison("JUMP_EQ", "JUMP_NE", "JUMP_EQ_K", "JUMP_NE_K"),
  "!=": comparison("JUMP_NE", "JUMP_EQ", "JUMP_NE_K", "JUMP_EQ_K"),
  "<": comparison("JUMP_LT", "JUMP_NOT_LT", "JUMP_LT_K", "JUMP_NOT_LT_K"),
  "<=": comparison("JUMP_LE", "JUMP_NOT_LE", "JUMP_LE_K", "JUMP_NOT_LE_K"),
  ">": comparison("JUMP_LT", "JUMP_NOT_LT", "JUMP_GT_K", "JUMP_NOT_GT_K", true),
  ">=": comparison("JUMP_LE", "JUMP_NOT_LE", "JUMP_GE_K", "JUMP_NOT_GE_K", true),
};

/** Jumps to `target` if the truth of `expr` is `sense`, and falls through otherwise. :spines: */
function emitBranch(f: Emitter, expr: Expr, sense: boolean, target: Label): void {
  // What remains to be done when the left side has not decided; `after` is where a left side that has goes on.
  const rest: { expr: Expr; sense: boolean; target: Label; after: Label | null }[] = [];
  for (;;) {
    if (expr.kind === "Unary" && expr.op === "!") {
      expr = expr.operand;
      sense = !sense;
    } else if (expr.kind === "Logical") {
      const decides = expr.op === "||"; // the truth of the left side that makes the right one superfluous
      const after = decides === sense ? null : makeLabel();
      rest.push({ expr: expr.right, sense, target, after });
      expr = expr.left;
      sense = decides;
      target = after ?? target;
    } else break;
  }
  emitTest(f, expr, sense, target);
  for (let step = rest.pop(); step !== undefined; step = rest.pop()) {
    emitBranch(f, step.expr, step.sense, step.target);
    if (step.after !== null) bind(f.code, step.after);
  }
}

/** Like `emitBranch`, for what is neither `!` nor logical. */
function emitTest(f: Emitter, expr: Expr, sense: boolean, target: Label): void {
  const { code } = f;
  const mark = code.top;
  const literal = literalOf(expr);
  if (literal !== null) {
    if (isTruthy(literal) === sense) jump(code, expr, "JUMP", target);
  } else if (expr.kind === "Binary" && COMPARISONS[expr.op] !== undefined) {
    emitComparison(f, expr, operand(f, expr.left, expr.right), sense, target);
  } else {
    jump(code, expr, sense ? "JUMP_IF" : "JUMP_UNLESS", target, operand(f, expr));
  }
  code.top = mark;
}

function emitComparison(f: Emitter, node: ast.Binary, left: number, sense: boolean, target: Label): void {
  const { code } = f;
  const { yes, no, yesK, noK, swapped } = COMPARISONS[node.op]!;
  const at = operatorSite(node);
  const literal = literalOf(node.right);
  const orders = node.op !== "==" && node.op !== "!=";
  const comparable = literal !== null && !(orders && (literal.kind === "nil" || literal.kind === "bool"));
  const constant = comparable ? nearConstant(code, literal) : null;
  if (constant !== null) return jump(code, at, sense ? yesK : noK, target, left, constant);
  const right = operand(f, node.right);
  const operands = swapped ? [right, left] : [left, right];
  if (orders) operands.push(Number(swapped));
  jump(code, at, sense ? yes : no, target, ...operands);
}

/** Makes a bool of a jump that is taken for true. */
function emitBool(f: Emitter, at: Site, dst: number, emitJump: (yes: Label) => void): void {
  const { code } = f;
  const yes = makeLabel(), end = makeLabel();
  emitJump(yes);
  emit(code, at, "LOAD_BOOL", dst, 0);
  jump(code, at, "JUMP", end);
  bind(code, yes);
  emit(code, at, "LOAD_BOOL", dst, 1);
  bind(code, end);
}

function isTruthy(constant: Constant): boolean {
  switch (constant.kind) {
    case "nil":
      return false;
    case "bool":
    case "int":
    case "float":
      return Boolean(constant.value) || Number.isNaN(constant.value);
    default:
      return true;
  }
}

// ---- Expressions ----------------------------------------------------------------------------------------------------

/** Evaluates an expression for what it does, not for its value. */
function emitEffect(f: Emitter, expr: Expr): void {
  const { code } = f;
  const mark = code.top;
  const end = makeLabel();
  while (expr.kind === "Logical") {
    emitBranch(f, expr.left, expr.op === "||", end);
    expr = expr.right;
  }
  if (expr.kind === "Assign") emitAssign(f, expr, null);
  else if (builtinOf(f, expr) !== null) emitBuiltin(f, expr as ast.Call, null);
  else if (!isInert(f, expr)) operand(f, expr);
  bind(code, end);
  code.top = mark;
}

/** Whether evaluating the expression can neither do nor report anything. */
function isInert(f: Emitter, expr: Expr): boolean {
  return expr.kind === "Name" ? f.unit.scopes.uses.has(expr) : isStable(expr);
}

/**
 * Evaluates an expression into a register of its own, or finds the variable that holds its value. `later` is what will be
 * evaluated before the value is used.
 */
function operand(f: Emitter, expr: Expr, ...later: readonly Expr[]): number {
  const inPlace = operandInPlace(f, expr, later);
  if (inPlace !== null) return inPlace;
  const register = allocate(f.code);
  emitTo(f, expr, register);
  return register;
}

function operandInPlace(f: Emitter, expr: Expr, later: readonly Expr[]): number | null {
  if (expr.kind === "Assign") return later.every(isStable) ? emitAssign(f, expr, null) : null;
  const variable = expr.kind === "Name" ? f.unit.scopes.uses.get(expr) : undefined;
  if (variable === undefined || variable.captured) return null;
  if (variable.rewritten && !later.every(isStable)) return null; // x + (x = 1)
  return variable.register;
}

/** Whether evaluating the expression cannot assign to anything. */
function isStable(expr: Expr): boolean {
  return expr.kind === "Name" || expr.kind === "FunctionExpr" || literalOf(expr) !== null;
}

/** Like `emitTo`; a function without a name gets this one. */
function emitNamed(f: Emitter, expr: Expr, dst: number, name: string): void {
  if (expr.kind === "FunctionExpr") emitClosure(f, expr, dst, name);
  else emitTo(f, expr, dst);
}

/**
 * Evaluates an expression into `dst`. A variable's register is written last of all, so that the expression may still
 * read the old value; a temporary may serve for intermediate results. :spines:
 */
function emitTo(f: Emitter, expr: Expr, dst: number): void {
  const { code } = f;
  const mark = code.top;
  const spine: Spinal[] = [];
  let first = expr;
  while (isSpinal(f, first)) {
    spine.push(first);
    first = firstOperand(first);
  }
  if (spine.length === 0) {
    emitLeaf(f, expr, dst);
    code.top = mark;
    return;
  }
  let between = isTemporary(code, dst) ? dst : -1;
  let value = operandInPlace(f, first, laterOperands(spine[spine.length - 1])) ?? -1;
  if (value < 0) {
    if (between < 0) between = allocate(code);
    emitLeaf(f, first, between);
    value = between;
  }
  for (let node = spine.pop(); node !== undefined; node = spine.pop()) {
    const isLast = spine.length === 0;
    if (!isLast && between < 0) between = allocate(code);
    const top = code.top;
    emitStep(f, node, value, isLast ? dst : between);
    value = between;
    code.top = top;
  }
  code.top = mark;
}

/** Expressions that are one step beyond their first operand. */
type Spinal = ast.Binary | ast.Unary | ast.Await | ast.Call | ast.Index | ast.Member;

function isSpinal(f: Emitter, expr: Expr): expr is Spinal {
  switch (expr.kind) {
    case "Binary":
    case "Await":
    case "Index":
    case "Member":
      return true;
    case "Unary":
      return literalOf(expr) === null && !isNegatedCondition(expr);
    case "Call":
      return builtinOf(f, expr) === null;
    default:
      return false;
  }
}

function firstOperand(expr: Spinal): Expr {
  switch (expr.kind) {
    case "Binary":
      return expr.left;
    case "Unary":
    case "Await":
      return expr.operand;
    case "Call":
      return expr.callee;
    case "Index":
    case "Member":
      return expr.object;
  }
}

/** What is evaluated between the first operand and the step; a callee is copied into its window before the arguments. */
function laterOperands(expr: Spinal): readonly Expr[] {
  if (expr.kind === "Binary") return [expr.right];
  return expr.kind === "Index" ? [expr.index] : [];
}

/** Whether it is `!` of something that is better branched on. */
function isNegatedCondition(expr: ast.Unary): boolean {
  let inner: Expr = expr;
  while (inner.kind === "Unary" && inner.op === "!") inner = inner.operand;
  return inner !== expr &&
    (inner.kind === "Logical" || (inner.kind === "Binary" && COMPARISONS[inner.op] !== undefined));
}

/** Takes one step up the spine: from the first operand's value to that of the node. */
function emitStep(f: Emitter, node: Spinal, value: number, dst: number): void {
  const { code } = f;
  switch (node.kind) {
    case "Binary":
      if (COMPARISONS[node.op] === undefined) {
        return emitArithmetic(f, node.op, operatorSite(node), value, node.right, dst);
      }
      return emitBool(f, node, dst, (yes) => emitComparison(f, node, value, true, yes));
    case "Unary":
      return emit(code, node, UNARY[node.op], dst, value);
    case "Await":
      return emit(code, node, "AWAIT", dst, value);
    case "Call":
      return emitCall(f, node, value, dst);
    case "Index":
    case "Member":
      return emitLoad(code, placeIn(f, node, value), dst);
  }
}

/** Evaluates what is no step beyond a first operand. */
function emitLeaf(f: Emitter, expr: Expr, dst: number): void {
  const { code } = f;
  const literal = literalOf(expr);
  if (literal !== null) return loadConstant(code, expr, dst, literal);
  switch (expr.kind) {
    case "Name":
      return emitLoad(code, placeOf(f, expr), dst);
    case "Assign":
      return move(code, expr, dst, emitAssign(f, expr, dst));
    case "ArrayLit":
      return emitArray(f, expr, dst);
    case "MapLit":
      return emitMap(f, expr, dst);
    case "FunctionExpr":
      return emitClosure(f, expr, dst, "anonymous");
    case "Logical":
    case "Unary":
      return emitBool(f, expr, dst, (yes) => emitBranch(f, expr, true, yes));
    case "Call":
      return emitBuiltin(f, expr, dst);
    case "Operation":
      return emitOperation(f, expr, dst);
  }
}

/** An opcode of a plugin, applied to values; one without a result gives nil. */
function emitOperation(f: Emitter, node: ast.Operation, dst: number): void {
  const { code, unit: { opcodes } } = f, { opcode, operands } = node;
  const op = opcodes.findIndex(({ name }) => name === opcode), row = opcodes[op];
  const kinds = (["A", "B", "C"] as const).flatMap((field) => row?.operands[field] ?? []);
  if (row === undefined || kinds.filter((kind) => kind === "src").length !== operands.length) {
    throw new Error(`There is no opcode '${opcode}' of ${operands.length} values`);
  }
  const values = operands.map((value, i) => operand(f, value, ...operands.slice(i + 1))).values();
  emitRow(code, node, op, row, kinds.map((kind) => kind === "dst" ? dst : values.next().value!));
  if (!kinds.includes("dst")) emit(code, node, "LOAD_NIL", dst);
}

const ARITHMETIC: { readonly [op: string]: readonly [registers: OpName, constant: OpName] } = {
  "+": ["ADD", "ADD_K"],
  "-": ["SUB", "SUB_K"],
  "*": ["MUL", "MUL_K"],
  "/": ["DIV", "DIV_K"],
  "%": ["MOD", "MOD_K"],
};

const UNARY: { readonly [Op in ast.UnaryOp]: OpName } = { "-": "NEG", "+": "PLUS", "!": "NOT" };

/** The operator itself: what run-time errors of arithmetic point at. */
function operatorSite(node: ast.Binary): Site {
  return { start: node.opStart, end: node.opStart + node.op.length };
}

function assignSite(f: Emitter, node: ast.Assign): Site {
  const start = f.unit.source.text.indexOf(node.op, node.target.end);
  return start >= 0 && start < node.end ? { start, end: start + node.op.length } : node;
}

function emitArithmetic(f: Emitter, op: string, at: Site, left: number, right: Expr, dst: number): void {
  const { code } = f;
  const [registers, withConstant] = ARITHMETIC[op];
  const literal = literalOf(right);
  const isNumber = literal?.kind === "int" || literal?.kind === "float";
  const usable = isNumber || (literal?.kind === "string" && op === "+");
  const constant = usable ? nearConstant(code, literal) : null;
  if (constant !== null) emit(code, at, withConstant, dst, left, constant);
  else emit(code, at, registers, dst, left, operand(f, right));
}

function emitArray(f: Emitter, node: ast.ArrayLit, dst: number): void {
  const { code } = f;
  const array = isTemporary(code, dst) ? dst : allocate(code);
  emit(code, node, "NEW_ARRAY", array, Math.min(node.items.length, 0xFFFF));
  for (const item of node.items) {
    const top = code.top;
    emit(code, item, "PUSH", array, operand(f, item));
    code.top = top;
  }
  move(code, node, dst, array);
}

function emitMap(f: Emitter, node: ast.MapLit, dst: number): void {
  const { code } = f;
  const map = isTemporary(code, dst) ? dst : allocate(code);
  emit(code, node, "NEW_MAP", map);
  for (const { key, value } of node.entries) {
    const top = code.top;
    const place = keyedPlace(f, map, key, key, value);
    emitStore(
      code,
      place,
      operandNamed(f, value, key.kind === "Str" ? decodeText(key.bytes) : "anonymous"),
    );
    code.top = top;
  }
  move(code, node, dst, map);
}

function operandNamed(f: Emitter, expr: Expr, name: string): number {
  if (expr.kind !== "FunctionExpr") return operand(f, expr);
  const register = allocate(f.code);
  emitClosure(f, expr, register, name);
  return register;
}

/** The value of an expression that is known from the text alone, else null. */
function literalOf(expr: Expr): Constant | null {
  switch (expr.kind) {
    case "Nil":
      return { kind: "nil" };
    case "Bool":
      return { kind: "bool", value: expr.value };
    case "Int":
      return { kind: "int", value: expr.value };
    case "Float":
      return { kind: "float", value: expr.value };
    case "Str":
      return { kind: "string", bytes: expr.bytes };
    case "Unary": { // -1 is as good as 1
      const { op, operand } = expr;
      if (op === "!") return null;
      if (operand.kind === "Int") {
        return { kind: "int", value: op === "-" ? BigInt.asIntN(64, -operand.value) : operand.value };
      }
      if (operand.kind === "Float") {
        return { kind: "float", value: op === "-" ? -operand.value : operand.value };
      }
      return null;
    }
    default:
      return null;
  }
}

// ---- Calls ----------------------------------------------------------------------------------------------------------

/** Calls the function in `callee`. The window is `dst` itself where that is on top, so that nothing has to be moved. */
function emitCall(f: Emitter, node: ast.Call, callee: number, dst: number): void {
  const { code } = f;
  const count = node.args.length;
  let window = [dst, callee].find((register) => beginsWindow(code, register, count)) ?? -1;
  if (window < 0) {
    alignWindow(code, count + 1);
    window = allocate(code);
  }
  move(code, node.callee, window, callee);
  for (const arg of node.args) emitTo(f, arg, allocate(code));
  call(code, node, window, count);
  move(code, node, dst, window);
}

/** Builtins that are a single instruction, by name. */
const BUILTIN_OPS: { readonly [name: string]: OpName } = {
  push: "PUSH",
  pop: "POP",
  length: "LENGTH",
  has: "HAS",
  array: "NEW_ARRAY",
  map: "NEW_MAP",
};

/** For each of them, whether it has a result, and how many arguments it takes: as many as its row has sources. */
const BUILTINS = new Map(
  Object.entries(BUILTIN_OPS).map(([name, op]) => {
    const kinds = Object.values(OPCODES[OP[op]].operands);
    return [name, {
      op,
      arity: kinds.filter((kind) => kind === "src").length,
      hasResult: kinds.includes("dst"),
    }];
  }),
);

type Builtin = typeof BUILTINS extends Map<string, infer Row> ? Row : never;

/** The builtin that an expression calls, provided that its name can mean nothing else and the count is right. */
function builtinOf({ unit }: Emitter, expr: Expr): Builtin | null {
  if (expr.kind !== "Call" || expr.callee.kind !== "Name") return null;
  const { name } = expr.callee;
  const builtin = BUILTINS.get(name);
  if (builtin?.arity !== expr.args.length || !unit.builtins.has(name)) return null;
  return unit.scopes.ownGlobals.has(name) || unit.scopes.uses.has(expr.callee) ? null : builtin;
}

function emitBuiltin(f: Emitter, node: ast.Call, dst: number | null): void {
  const { code } = f;
  const { op, hasResult } = builtinOf(f, node)!;
  const sources = node.args.map((arg, i) => operand(f, arg, ...node.args.slice(i + 1)));
  if (hasResult) return emit(code, node, op, dst ?? allocate(code), ...sources);
  emit(code, node, op, ...sources);
  if (dst !== null) emit(code, node, "LOAD_NIL", dst);
}

// ---- Places: what can be read and assigned to -----------------------------------------------------------------------

/** A place, with its object and index evaluated: it may be read and then written. */
type Place =
  & { readonly at: Site }
  & (
    | { readonly kind: "register" | "cell"; readonly register: number }
    | { readonly kind: "capture" | "global"; readonly index: number }
    | { readonly kind: "index" | "constant index"; readonly object: number; readonly key: number }
    | { readonly kind: "field"; readonly object: number; readonly name: number }
  );

/** The place of a variable. */
function placeOf(f: Emitter, node: ast.Name): Place {
  const variable = f.unit.scopes.uses.get(node);
  if (variable === undefined) return { kind: "global", index: globalNumber(f, node.name), at: node };
  if (variable.owner !== f.scope) {
    return { kind: "capture", index: f.scope.captures.get(variable)!, at: node };
  }
  return { kind: variable.captured ? "cell" : "register", register: variable.register, at: node };
}

/** The place of an index or member in the object in `object`. */
function placeIn(f: Emitter, node: ast.Index | ast.Member, object: number, ...later: readonly Expr[]): Place {
  if (node.kind === "Index") return keyedPlace(f, object, node.index, node, ...later);
  const name = constantNumber(f.code, { kind: "string", bytes: encodeText(node.name.name) });
  return { kind: "field", object, name, at: node.name };
}

function keyedPlace(f: Emitter, object: number, key: Expr, at: Site, ...later: readonly Expr[]): Place {
  const literal = literalOf(key);
  const usable = literal?.kind === "int" || literal?.kind === "string";
  const constant = usable ? nearConstant(f.code, literal) : null;
  if (constant !== null) return { kind: "constant index", object, key: constant, at };
  return { kind: "index", object, key: operand(f, key, ...later), at };
}

function emitLoad(code: Code, place: Place, dst: number): void {
  switch (place.kind) {
    case "register":
      return move(code, place.at, dst, place.register);
    case "cell":
      return emit(code, place.at, "GET_CELL", dst, place.register);
    case "capture":
      return emit(code, place.at, "GET_CAPTURE", dst, place.index);
    case "global":
      return emit(code, place.at, "GET_GLOBAL", dst, place.index);
    case "index":
      return emit(code, place.at, "GET_INDEX", dst, place.object, place.key);
    case "constant index":
      return emit(code, place.at, "GET_INDEX_K", dst, place.object, place.key);
    case "field":
      return emit(code, place.at, "GET_FIELD", dst, place.object, place.name);
  }
}

function emitStore(code: Code, place: Place, src: number): void {
  switch (place.kind) {
    case "register":
      return move(code, place.at, place.register, src);
    case "cell":
      return emit(code, place.at, "SET_CELL", place.register, src);
    case "capture":
      return emit(code, place.at, "SET_CAPTURE", src, place.index);
    case "global":
      return emit(code, place.at, "SET_GLOBAL", src, place.index);
    case "index":
      return emit(code, place.at, "SET_INDEX", place.object, place.key, src);
    case "constant index":
      return emit(code, place.at, "SET_INDEX_K", place.object, place.key, src);
    case "field":
      return emit(code, place.at, "SET_FIELD", place.object, src, place.name);
  }
}

/** Emits an assignment; the result is a register that holds the assigned value, `dst` if that is of use. */
function emitAssign(f: Emitter, node: ast.Assign, dst: number | null): number {
  const { code } = f;
  const { target, value } = node;
  const place = target.kind === "Name"
    ? placeOf(f, target)
    : placeIn(f, target, operand(f, target.object, ...laterOperands(target), value), value);
  const spare = dst !== null && isTemporary(code, dst) ? dst : null;

  if (node.op === "=") {
    const name = target.kind === "Name"
      ? target.name
      : target.kind === "Member"
      ? target.name.name
      : "anonymous";
    if (place.kind === "register") {
      emitNamed(f, value, place.register, name);
      return place.register;
    }
    if (spare !== null) emitNamed(f, value, spare, name);
    const result = spare ?? operandNamed(f, value, name);
    emitStore(code, place, result);
    return result;
  }

  const op = node.op.slice(0, -1), at = assignSite(f, node);
  if (place.kind === "register") {
    const left = operand(f, target, value); // x += (x = 1) reads x first
    emitArithmetic(f, op, at, left, value, place.register);
    return place.register;
  }
  const result = spare ?? allocate(code);
  emitLoad(code, place, result);
  emitArithmetic(f, op, at, result, value, result);
  emitStore(code, place, result);
  return result;
}
