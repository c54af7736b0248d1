/**
 * Unnarize: a runtime for the scripting language of that name. This is its public face: what programs in TypeScript,
 * and plugins, import.
 *
 * ```ts
 * import { createRuntime } from "./mod.ts";
 *
 * const runtime = createRuntime();
 * await runtime.runSource("greet.unna", 'function greet(name) { return "Hello, " + name; }');
 * console.log(await runtime.call("greet", "Deno"));
 * runtime.dispose();
 * ```
 *
 * A runtime runs one program at a time. All runtimes of a process share one linear memory, each with objects of its
 * own, so the heap limit is one for all of them: that of the runtime that was last set to work.
 *
 * @module
 */

import { prepare } from "./core/runtime.ts";

// ---- running programs --------------------------------------------------------------------------------------------

export { BACKENDS, createRuntime } from "./core/runtime.ts";
export type { HostFunction, Report, Runtime, RuntimeOptions } from "./core/embedder.ts";
export { CompileFailure } from "./core/pass.ts";
export { NativeFault, ProgramExit, RuntimeFault } from "./core/machine.ts";
export { WriteFailure } from "./core/output.ts";
export { callHandle, float, struct } from "./core/convert.ts";
export type { FloatValue, Handle, HostValue, StructValue } from "./core/convert.ts";
export type { NativeStats, RuntimeStats } from "./core/reports.ts";
export type { HeapStats } from "./core/heap.ts";
export type { JitSums } from "./core/jit_log.ts";

// ---- what the command line does beside that ----------------------------------------------------------------------

export { doctor, explain, lab, scaffold, verify, why } from "./core/commands.ts";
export type { ExplainOptions, LabRequest, VerifyOptions } from "./core/commands.ts";
export type { CommandLine, CommandLineRow } from "./core/explain.ts";
export { suggest } from "./core/diagnostics.ts";
export { writeAll } from "./core/output.ts";

// ---- plugins -----------------------------------------------------------------------------------------------------

export { definePlugin, OptionError, PluginFailure, VERSION } from "./core/plugin.ts";
export type { Observer, Plugin, RunEndEvent, RunEvent, TokenRow } from "./core/plugin.ts";
export { definePass } from "./core/pass.ts";
export type {
  AnyArtifactDef,
  AnyPass,
  ArtifactContext,
  ArtifactDef,
  Artifacts,
  Dump,
  Kind,
  OwnedPass,
  Pass,
  PassContext,
  PassEndEvent,
  PassEvent,
  PassPair,
  PassTiming,
  Stage,
} from "./core/pass.ts";
export { defineHostNative } from "./core/convert.ts";
export type { HostNativeDef } from "./core/convert.ts";
export type {
  FunctionProfile,
  FutureInfo,
  Host,
  LazyLibrary,
  LibraryDef,
  LoadedFunction,
  Machine,
  Module,
  NativeCall,
  NativeDef,
  Param,
  ParamType,
  Task,
  TerminalInfo,
  TraceFrame,
  Waiting,
  World,
} from "./core/machine.ts";
export { Intrinsic } from "./core/machine.ts";
export type { Effect, Exec, OpcodeDef, OperandKind, Operands, WordKind } from "./core/opcodes.ts";
export type {
  InfixRule,
  ParserFace,
  PrefixRule,
  StatementRule,
  SyntaxRow,
  SyntaxRule,
  Token,
  TokenClass,
} from "./core/syntax.ts";
export type {
  Blame,
  DetailsOf,
  Diagnostic,
  DiagnosticCode,
  DiagnosticDef,
  DIAGNOSTICS,
  Diagnostics,
  MessageDef,
  Note,
  Severity,
} from "./core/diagnostics.ts";

// ---- programs on their way: text, tree, bytecode -----------------------------------------------------------------

export type { DecodedSource, Position, SourceFile, Span } from "./core/source.ts";
export type {
  ArrayLit,
  Assign,
  AssignOp,
  At,
  Await,
  Binary,
  BinaryOp,
  Block,
  Bool,
  Break,
  Call,
  Continue,
  Expr,
  ExprStmt,
  Float,
  For,
  ForEach,
  FunctionDecl,
  FunctionExpr,
  Ident,
  If,
  ImportDecl,
  Index,
  Int,
  Logical,
  LogicalOp,
  MapEntry,
  MapLit,
  Member,
  Name,
  Nil,
  Node,
  NodeKind,
  NodeOf,
  Operation,
  Print,
  Program as Tree,
  Return,
  Stmt,
  Str,
  StructDecl,
  Unary,
  UnaryOp,
  VarDecl,
  While,
} from "./core/ast.ts";
export type { Capture, Constant, FunctionProto, Program } from "./core/program.ts";

// ---- backends ----------------------------------------------------------------------------------------------------

export type {
  AnyTarget,
  AnyTemplates,
  Assembled,
  Assembler,
  Backend,
  BackendContext,
  Code,
  CompileHot,
  Decoded,
  Draft,
  Exit,
  EXIT_REASONS,
  ExitCount,
  ExitReason,
  Finding,
  Fixup,
  HomeType,
  HotFunction,
  JitEvent,
  JitEventOf,
  ListingContext,
  LoopFacts,
  LoopPlan,
  LoopSite,
  LoopTarget,
  LoopTemplate,
  LoopTemplates,
  MachineLine,
  NativeOptions,
  Outside,
  Patch,
  PatchPoint,
  PatchPointWriter,
  Place,
  Probe,
  RegisterClass,
  Request,
  Runner,
  Site,
  Target,
  Template,
  Templates,
} from "./core/backend.ts";

// Runtimes are made without waiting, so everything that one may need is loaded before the first can be.
await prepare();

// Shows Deno what is loaded on demand, so that it needs no permission for it (part.ts); this is never called.
void (() => [
  import("./backends/x64/disassembler.ts"),
  import("./backends/x64/native.ts"),
  import("./core/admission.ts"),
  import("./core/dialogue.ts"),
  import("./core/doctor.ts"),
  import("./core/explain.ts"),
  import("./core/findings.ts"),
  import("./core/input.ts"),
  import("./core/jit_log.ts"),
  import("./core/lab.ts"),
  import("./core/native_views.ts"),
  import("./core/order.ts"),
  import("./core/page.ts"),
  import("./core/repl.ts"),
  import("./core/reports.ts"),
  import("./core/scaffold.ts"),
  import("./core/session.ts"),
  import("./core/trial.ts"),
  import("./core/verify_plugin.ts"),
  import("./core/why.ts"),
  import("./docs/labs/mod.ts"),
  import("./passes/check.ts"),
  import("./passes/hot.ts"),
  import("./passes/session.ts"),
  import("./passes/views.ts"),
  import("./plugins/array.ts"),
  import("./plugins/http.ts"),
  import("./plugins/json.ts"),
  import("./plugins/math.ts"),
  import("./plugins/scraper.ts"),
  import("./plugins/string.ts"),
  import("./plugins/system.ts"),
  import("./plugins/timer.ts"),
  import("./plugins/tui.ts"),
  import("./plugins/uon.ts"),
]);
