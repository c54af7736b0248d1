/**
 * `plugin verify FILE`: holds a plugin to what plugins promise. It adds to the language, and leaves the rest of it as it
 * was; its passes make programs better and not different; its machine code does what the meaning of its opcodes says; and
 * its examples show what they say. None of this can be proved here, but each can be tried, many times, at the places where
 * such things go wrong.
 *
 * ```text
 *  examples            each native, opcode, pass and message shows what it says, on each backend
 *  language suite  ┐   the same output without the plugin, on the interpreter, and with it, on each backend
 *  programs        ┘
 *  operands            each opcode on every combination of values at the edges (verify_operands.ts)
 *  programs with       arithmetic replaced by an opcode of the plugin: the same on each backend
 *
 *  a difference ──► made small ──► blame: which part has to go, so that the difference goes? ──► before and after
 * ```
 *
 * How runtimes are made, which backends there are and where programs come from, whoever asks hands in.
 */

import type { Program as Ast } from "./ast.ts";
import type { LibraryDef, NativeDef } from "./machine.ts";
import type { OpcodeDef } from "./opcodes.ts";
import { operandKinds, rewriteProgram } from "./rewrite.ts";
import type { Backend } from "./backend.ts";
import { type AnyPass, definePass } from "./pass.ts";
import { type Observer, type Plugin, type Registry, textOf } from "./plugin.ts";
import { probeBackend } from "./trial.ts";
import { generateProgram } from "./generate.ts";
import { type Node, printTree, shrinkTree, treeOf } from "./shrink.ts";
import {
  diffLines,
  type Ending,
  isSame,
  type MakeWayRuntime,
  openWay,
  type Outcome,
  outcomeText,
  runWay,
  type Subject,
  type Way,
} from "./ways.ts";
import { codeOf, probeOpcode, whyNotProbed } from "./verify_operands.ts";

/** What verifying needs. */
export interface VerifyContext {
  readonly plugin: Plugin;
  /** Plugins that are loaded with it, and stay when it goes. */
  readonly others: readonly Plugin[];
  /** All of them merged. */
  readonly registry: Registry;
  readonly make: MakeWayRuntime;
  /** The backend whose word counts. */
  readonly interpreter: Backend;
  /** The one that makes machine code. */
  readonly native: Backend;
  /**
   * The tree of a text, in the language as the plugin extends it.
   * @throws {Error} if it has errors
   */
  parse(text: string): Ast;
  /** The programs of the language suite; null if it is not at hand. */
  readonly suite: readonly Subject[] | null;
  /** How many programs are generated. */
  readonly programs: number;
  /** The seed of the first one. */
  readonly seed: number;
  /** For how long a program may run, in milliseconds. */
  readonly patience: number;
}

/** A promise that does not hold. */
export interface VerifyFailure {
  /** Who does what. */
  readonly what: string;
  /** Where it was seen. */
  readonly where: string;
  /** A small program that shows it. */
  readonly program: string | null;
  /** What was expected (`-`) and what came (`+`). */
  readonly difference: string;
  /** What became of the program on the way. */
  readonly artifact: { readonly title: string; readonly text: string } | null;
  /** How many more there are of it. */
  readonly more: number;
}

/** What came of one of the checks. */
export interface VerifyResult {
  readonly check: string;
  /** What was tried, and how much. */
  readonly tried: string;
  readonly milliseconds: number;
  /** What was left out, and what else there is to know. */
  readonly notes: readonly string[];
  readonly failures: readonly VerifyFailure[];
}

/** While one is made small, those without an end abound: they get this long, or this many times as long as it took. */
const SHORT_PATIENCE = 150, SHORT_TIMES = 3;
/** Programs that making one small may try, and for how long. */
const ATTEMPTS = 1500, SHRINKING = 20_000;
/** Failing programs after which a check ends. */
const ENOUGH = 10;
/** Errors that come sooner or later depending on how much memory or stack a program takes, which nobody promises. */
const LIMITS: ReadonlySet<string> = new Set(["U0918", "U0919"]);
/** Thresholds for generated programs: compiled before they have run, or when something has been learnt. */
const THRESHOLDS = [1, 16];

/** A program to be tried, and how to take it apart. */
interface Candidate {
  readonly subject: Subject;
  /** What reports call it. */
  readonly name: string;
  tree(): Node;
}

/** Ways in which programs should do the same: as in the first one. */
interface Comparison {
  readonly reference: Way;
  readonly ways: readonly Way[];
  /** What both do to the program, in words. */
  readonly remark?: string;
}

/** Verifies a plugin, check by check. */
export async function* verifyPlugin(cx: VerifyContext): AsyncGenerator<VerifyResult> {
  const { make, others, registry, interpreter } = cx, thrown = new Map<string, string>();
  const plugin = withEars(cx.plugin, thrown);
  const { native, mine, notes } = await findBackends(cx);
  const passes = (plugin.passes ?? []).filter(({ required }) => !required).map(({ name }) => name);
  const opcodes = registry.opcodes.filter(({ name }) =>
    plugin.opcodes?.some((row) => row.name === name) ||
    Object.values(plugin.templates ?? {}).some((rows) => Object.hasOwn(rows, name))
  );
  const using = (backend: Backend, options: Partial<Way> = {}): Way => ({
    name: backend.name,
    backend,
    plugins: [...others, plugin],
    ...options,
  });
  const without: Way = { name: interpreter.name, backend: interpreter, plugins: others };
  const compiling = [...native, ...mine];

  yield* verifyExamples();
  if (cx.suite === null) {
    const left = "its programs cannot be read; the repository of the project has them, in tests/lang";
    yield { check: "language suite", tried: "nothing", milliseconds: 0, notes: [left], failures: [] };
  } else {
    // The shortest first: the first one that fails is what is shown.
    const sorted = cx.suite.toSorted((a, b) => a.text.length - b.text.length);
    const candidates = sorted.map((subject): Candidate => ({
      subject,
      name: subject.path.replace(/^.*(?=tests\/lang\/)/, ""),
      tree: () => treeOf(subject.text, cx.parse(subject.text)),
    }));
    yield await comparePrograms("language suite", candidates, () => ({
      reference: without,
      ways: [using(interpreter), ...compiling.map((backend) => using(backend, { threshold: 1 }))],
    }));
  }
  if (cx.programs > 0) {
    yield await comparePrograms("programs", generated(), (number) => ({
      reference: without,
      ways: [
        using(interpreter),
        ...compiling.map((backend) => using(backend, { threshold: thresholdOf(number) })),
      ],
    }));
  }
  for (const opcode of opcodes) {
    yield await verifyOperands(opcode);
    if (cx.programs > 0) yield* comparePlaces(opcode);
  }

  function thresholdOf(number: number): number {
    return THRESHOLDS[(cx.seed + number) % THRESHOLDS.length];
  }

  function* generated(): Generator<Candidate> {
    for (let seed = cx.seed; seed < cx.seed + cx.programs; seed++) {
      const tree = generateProgram(seed), name = `seed ${seed}`;
      yield { subject: { path: `${name}.unna`, text: printTree(tree) }, name, tree: () => tree };
    }
  }

  /** Generated programs in which an opcode of the plugin stands in the place of arithmetic. */
  async function* comparePlaces(opcode: OpcodeDef): AsyncGenerator<VerifyResult> {
    const places = isOwn(opcode) && compiling.length > 0 ? placesFor(opcode) : [];
    if (places.length === 0) return;
    yield await comparePrograms(`programs with ${opcode.name}`, generated(), (number) => {
      const place = places[(cx.seed + number) % places.length], extra = replacing(place, opcode.name);
      const options = { plugins: [...others, plugin, extra], off: passes };
      return {
        remark: `, each ${place} replaced by ${opcode.name}`,
        reference: using(interpreter, options),
        ways: compiling.map((backend) => using(backend, { ...options, threshold: thresholdOf(number) })),
      };
    });
  }

  function isOwn({ name }: OpcodeDef): boolean {
    return plugin.opcodes?.some((row) => row.name === name) ?? false;
  }

  // ---- examples ----

  async function* verifyExamples(): AsyncGenerator<VerifyResult> {
    const started = performance.now(), failures: VerifyFailure[] = [];
    const tried: string[] = [];
    const ways = [using(interpreter), ...compiling.map((backend) => using(backend, { threshold: 1 }))];
    const path = "example.unna",
      run = (way: Way, text: string) => runWay(make, way, { path, text }, cx.patience);
    const fail = (what: string, program: string, way: Way, difference: string) =>
      failures.push({ what, where: `on ${way.name}`, program, difference, artifact: null, more: 0 });
    const count = (number: number, what: string) => {
      if (number > 0) tried.push(plural(number, what));
    };

    const natives = await nativesOf(plugin);
    for (const { name, example: { code, output } } of natives) {
      for (const way of ways) {
        const outcome = await run(way, code);
        if (outcome.ending === "finished" && outcome.stdout === output) continue;
        const difference = diffLines(output, outcomeText(outcome));
        fail(`the example of native '${name}' does not print what it says`, code, way, difference);
        break;
      }
    }
    count(natives.length, "native");

    const shown = (plugin.opcodes ?? []).filter(({ example }) => example !== undefined);
    for (const { name, example = "" } of shown) {
      const expected = await run(ways[0], example);
      if (expected.ending !== "finished") {
        fail(
          `the example of opcode '${name}' does not run`,
          example,
          ways[0],
          diffLines("", outcomeText(expected)),
        );
        continue;
      }
      if (!listingOf(ways[0], example, "bytecode").includes(` ${name} `)) {
        fail(`the example of opcode '${name}' does not contain it`, example, ways[0], "");
      }
      for (const way of ways.slice(1)) {
        const outcome = await run(way, example);
        if (isSame(expected, outcome)) continue;
        const difference = diffLines(outcomeText(expected), outcomeText(outcome));
        fail(`the example of opcode '${name}' is not the same everywhere`, example, way, difference);
      }
    }
    count(shown.length, "opcode");

    for (const pass of plugin.passes ?? []) {
      const { name, doc: { example } } = pass;
      const all = [using(interpreter), ...native.map((backend) => using(backend, { threshold: 1 }))];
      for (const way of pass.required ? [] : all) {
        const off = [name], expected = await run({ ...way, off }, example), outcome = await run(way, example);
        if (isSame(expected, outcome)) continue;
        const difference = diffLines(outcomeText(expected), outcomeText(outcome));
        fail(`the example of pass '${name}' is another program with it`, example, way, difference);
        break;
      }
      if (pass.required || pass.from !== pass.to || pass.stage === "hot" && native.length === 0) continue;
      if (await changesOf(pass, { path, text: example }, all.at(-1)!) === "") {
        fail(`the example of pass '${name}' gives it nothing to do`, example, all[0], "");
      }
    }
    count(plugin.passes?.length ?? 0, "pass");

    const messages = Object.entries(plugin.diagnostics ?? {});
    for (const [code, { explain: { example } }] of messages) {
      const way = using(interpreter), found = await codesOf(way, { path, text: example });
      if (found.includes(code)) continue;
      const got = found.length === 0 ? "no message\n" : `${found.join("\n")}\n`;
      fail(
        `the example of message ${code} does not bring it about`,
        example,
        way,
        diffLines(`${code}\n`, got),
      );
    }
    count(messages.length, "message");
    if (thrown.size > 0) failures.push(observerFailure("in an example"));
    thrown.clear();

    yield {
      check: "examples",
      tried: tried.length === 0 ? "none" : `of ${tried.join(", ")}`,
      milliseconds: performance.now() - started,
      notes,
      failures,
    };
  }

  /** The codes of all that a program is told. */
  async function codesOf(way: Way, subject: Subject): Promise<string[]> {
    const opened = openWay(make, way);
    try {
      const told = await opened.check(subject), { code } = await opened.run(subject, cx.patience);
      return [...new Set([...told.map((each): string => each.code), ...(code === undefined ? [] : [code])])];
    } finally {
      opened.dispose();
    }
  }

  /** A listing of the load stage. */
  function listingOf(way: Way, text: string, dump: string): string {
    const opened = openWay(make, { ...way, dump: [dump] });
    try {
      opened.compile({ path: "example.unna", text });
      return opened.dumps().map((each) => each.text).join("\n");
    } finally {
      opened.dispose();
    }
  }

  /** What a pass changes about a program: its artifact without the pass (`-`) and with it (`+`). */
  async function changesOf(pass: AnyPass, subject: Subject, way: Way): Promise<string> {
    const kind = registry.artifacts.get(pass.to)?.dump;
    if (kind === undefined) return "";
    const listed = async (off: readonly string[]): Promise<string> => {
      const opened = openWay(make, { ...way, off: [...way.off ?? [], ...off], dump: [kind] });
      try {
        if (pass.stage === "load") opened.compile(subject);
        else await opened.run(subject, cx.patience);
        return opened.dumps().map(({ text }) => text).join("\n");
      } finally {
        opened.dispose();
      }
    };
    const before = await listed([pass.name]), after = await listed([]);
    return after === "" ? "" : diffLines(before, after);
  }

  // ---- programs ----

  async function comparePrograms(
    check: string,
    candidates: Iterable<Candidate>,
    comparisonFor: (number: number) => Comparison,
  ): Promise<VerifyResult> {
    const started = performance.now(), failures: VerifyFailure[] = [], names = new Set<string>();
    let number = 0, compared = 0, failing = 0, limited = 0, mentioning = 0;
    for (const candidate of candidates) {
      const { subject } = candidate, { reference, ways, remark = "" } = comparisonFor(number++);
      if (isMentioned(subject.text)) {
        mentioning++;
        continue;
      }
      const begun = performance.now();
      const expected = await runWay(make, reference, subject, cx.patience);
      const usual = { outcome: expected, milliseconds: performance.now() - begun };
      if (isUnfit(expected)) {
        limited++;
        continue;
      }
      compared++;
      for (const way of ways) {
        names.add(way.name);
        const outcome = await runWay(make, way, subject, cx.patience);
        if (thrown.size === 0 && isSame(expected, outcome)) continue;
        failing++;
        if (failing === 1) {
          failures.push(
            thrown.size > 0
              ? observerFailure(`${candidate.name}, on ${way.name}`)
              : await examine(candidate, reference, way, usual, outcome, remark),
          );
        }
        thrown.clear();
        break;
      }
      if (failing >= ENOUGH) break;
    }
    const left: string[] = [];
    if (mentioning > 0) left.push(`left out: ${plural(mentioning, "program")} that may use what it adds`);
    if (limited > 0) {
      left.push(`left out: ${plural(limited, "program")} about the limits of memory and stack`);
    }
    if (failing >= ENOUGH) left.push(`ended after ${ENOUGH} programs that failed`);
    return {
      check,
      tried: plural(compared, "program") + (names.size === 0 ? "" : ` on ${[...names].join(", ")}`),
      milliseconds: performance.now() - started,
      notes: left,
      failures: failures.map((failure) => ({ ...failure, more: failing - 1 })),
    };
  }

  /** Whether a program contains a token or a name of the plugin, and may well mean something else with it. */
  function isMentioned(text: string): boolean {
    const { syntax = [], natives = [], libraries = [] } = plugin;
    const words = [
      ...syntax.map(({ token }) => token),
      ...[...natives, ...libraries].map(({ name }) => name),
    ];
    return words.some((word) =>
      /^\w+$/.test(word) ? new RegExp(`\\b${word}\\b`).test(text) : text.includes(word)
    );
  }

  /** Makes a failing program small, finds out whose fault it is, and what happened to it on the way. */
  async function examine(
    candidate: Candidate,
    reference: Way,
    way: Way,
    usual: { readonly outcome: Outcome; readonly milliseconds: number },
    seen: Outcome,
    remark: string,
  ): Promise<VerifyFailure> {
    const { subject: { path } } = candidate, until = performance.now() + SHRINKING;
    const short = Math.max(SHORT_PATIENCE, SHORT_TIMES * usual.milliseconds);
    const patience = seen.ending === "late" ? 2 * short : cx.patience;
    // The same one turns up again and again, as long as something else is made smaller.
    const known = new Map<string, boolean>();
    const fails = async (text: string): Promise<boolean> => {
      if (!known.has(text)) known.set(text, performance.now() < until && await failsAlike(text));
      return known.get(text)!;
    };
    // A program that has lost half of its declarations may well fail for another reason.
    const failsAlike = async (text: string) => {
      const expected = await runWay(make, reference, { path, text }, short);
      if (isUnfit(expected) || expected.ending !== usual.outcome.ending) return false;
      const got = await runWay(make, way, { path, text }, patience);
      return got.ending === seen.ending && !isSame(expected, got);
    };
    let text = candidate.subject.text;
    const whole = treeFor(candidate);
    if (whole !== null && await fails(printTree(whole))) {
      text = printTree(await shrinkTree(whole, (tree) => fails(printTree(tree)), ATTEMPTS));
    }
    const small = { path, text };
    const expected = await runWay(make, reference, small, cx.patience);
    const got = await runWay(make, way, small, patience);
    const culprit = await findCulprit(way, async (plugins, off) => {
      const other = { ...way, plugins, off: [...way.off ?? [], ...off] };
      return isSame(expected, await runWay(make, other, small, patience));
    });
    return {
      what: `${culprit.name} ${DEEDS[got.ending]}`,
      where: `${candidate.name}, made small${remark}, on ${way.name}`,
      program: text,
      difference: diffLines(outcomeText(expected), outcomeText(got)),
      artifact: await artifactOf(culprit, small, way),
      more: 0,
    };
  }

  /** The part of the plugin without which a difference is gone. */
  async function findCulprit(
    way: Way,
    isCulprit: (plugins: readonly Plugin[], off: readonly string[]) => Promise<boolean>,
  ): Promise<Culprit> {
    const replaced = (instead: Plugin | null) =>
      way.plugins.flatMap((each) => each !== plugin ? [each] : instead === null ? [] : [instead]);
    const off = way.off ?? [];
    for (const pass of plugin.passes ?? []) {
      if (pass.required || off.includes(pass.name)) continue;
      if (await isCulprit(way.plugins, [pass.name])) return { name: `pass '${pass.name}'`, pass };
    }
    for (const [target, rows] of Object.entries(plugin.templates ?? {})) {
      for (const opcode of Object.keys(rows)) {
        const templates = { ...plugin.templates, [target]: { ...rows, [opcode]: "exit" as const } };
        if (await isCulprit(replaced({ ...plugin, templates }), [])) {
          return { name: `the ${target} template of '${opcode}'`, opcode };
        }
      }
    }
    const { observe: _, ...deaf } = plugin;
    if (plugin.observe !== undefined && await isCulprit(replaced(deaf), [])) return { name: "its observer" };
    const rest = passes.filter((name) => !off.includes(name));
    if (rest.length > 1 && await isCulprit(way.plugins, rest)) return { name: "its passes together" };
    if (mine.includes(way.backend)) return { name: `backend '${way.backend.name}'` };
    // Without the plugin there is nothing that an opcode of its own could be put into.
    if (way.plugins.at(-1) === plugin && !await isCulprit(replaced(null), [])) {
      return { name: "the runtime itself, without the plugin," };
    }
    return { name: `plugin '${plugin.name}'` };
  }

  async function artifactOf(
    culprit: Culprit,
    subject: Subject,
    way: Way,
  ): Promise<VerifyFailure["artifact"]> {
    if (culprit.pass !== undefined) {
      const { to } = culprit.pass, text = await changesOf(culprit.pass, subject, way);
      if (text === "") return null;
      const kind = registry.artifacts.get(to)?.dump ?? to;
      return { title: `${kind} before the pass (-) and after it (+)`, text };
    }
    if (culprit.opcode === undefined) return null;
    const opened = openWay(make, { ...way, dump: ["code"] });
    try {
      await opened.run(subject, cx.patience);
      const codes = opened.dumps().map(({ text }) => codeOf(text, culprit.opcode!));
      const text = codes.find((code) => code !== null);
      return text === undefined ? null : { title: "its machine code", text: text! };
    } finally {
      opened.dispose();
    }
  }

  function observerFailure(where: string): VerifyFailure {
    const [hook, message] = [...thrown][0];
    const what = `observer '${hook}' throws`;
    return { what, where, program: null, difference: `+ ${message}`, artifact: null, more: 0 };
  }

  // ---- operands ----

  async function verifyOperands(opcode: OpcodeDef): Promise<VerifyResult> {
    const check = `operands of ${opcode.name}`, started = performance.now();
    const because = whyNotProbed(opcode);
    if (because !== null) {
      const note = `${because}, so it runs where its passes and its syntax put it, and nowhere else`;
      return { check, tried: "not on its own", milliseconds: 0, notes: [note], failures: [] };
    }
    const off = passes;
    const { executions, layouts, values, inside, isLate, faults } = await probeOpcode(make, opcode, [
      using(interpreter, { off }),
      ...compiling.map((backend) => using(backend, { off, threshold: 1 })),
      using(interpreter, { off, name: "interp with garbage collected all the time", gcStress: true }),
    ]);
    const left: string[] = [];
    if (isLate) left.push("it takes long on some values, and was not tried on those that follow");
    for (const { name } of native) {
      if (
        plugin.templates?.[name]?.[opcode.name] === undefined &&
        plugin.opcodes?.some((row) => row.name === opcode.name)
      ) left.push(`it has no ${name} template: machine code leaves for each execution`);
      else if (inside !== null) {
        left.push(`${inside} of ${executions} stay in machine code, the others are left to the interpreter`);
      }
    }
    return {
      check,
      tried: (values === 0 ? "" : `${values} values, `) +
        `${plural(layouts, "layout")} of registers: ${plural(executions, "execution")} on ` +
        [interpreter, ...compiling].map(({ name }) => name).join(", "),
      milliseconds: performance.now() - started,
      notes: left,
      failures: faults.map(({ way, instruction, expected, got, count, code }) => ({
        what: `opcode '${opcode.name}' does something else on ${way}`,
        where: instruction,
        program: null,
        difference: diffLines(expected, got),
        artifact: code === null ? null : { title: "its machine code", text: code },
        more: count - 1,
      })),
    };
  }
}

/** The part of a plugin that makes a difference. */
interface Culprit {
  readonly name: string;
  readonly pass?: AnyPass;
  readonly opcode?: string;
}

/** What is said of a culprit, by how programs end with it. */
const DEEDS: Readonly<Record<Ending, string>> = {
  finished: "changes what programs do",
  failed: "changes what programs do",
  exited: "changes what programs do",
  refused: "keeps programs from compiling",
  late: "keeps programs from ending",
  broken: "makes the runtime fail",
};

/** Whether nothing can be told from a program that ended so. */
function isUnfit({ ending, code }: Outcome): boolean {
  return ending === "late" || ending === "broken" || code !== undefined && LIMITS.has(code);
}

function treeFor(candidate: Candidate): Node | null {
  try {
    return candidate.tree();
  } catch {
    return null; // it does not parse, and is shown as it is
  }
}

/** The backends that make machine code or are the plugin's own, as far as they work here. */
async function findBackends({ plugin, native }: VerifyContext) {
  const working: Backend[] = [], notes: string[] = [];
  for (const backend of [native, ...plugin.backends ?? []]) {
    const probe = await probeBackend(backend);
    if (probe.ok) working.push(backend);
    else notes.push(`not on ${backend.name}, which does not work here: ${probe.because}`);
  }
  return {
    native: working.filter((backend) => backend === native),
    mine: working.filter((backend) => backend !== native),
    notes,
  };
}

/** The plugin, with an ear at its observer: what that throws is told to programs, and has to be known here. */
function withEars(plugin: Plugin, thrown: Map<string, string>): Plugin {
  if (plugin.observe === undefined) return plugin;
  const hooks = Object.entries(plugin.observe).map(([hook, tell]) => [hook, (event: never) => {
    try {
      (tell as (event: never) => void).call(plugin.observe, event);
    } catch (error) {
      thrown.set(hook, textOf(error));
      throw error;
    }
  }]);
  return { ...plugin, observe: Object.fromEntries(hooks) as Observer };
}

async function nativesOf({ natives = [], libraries = [] }: Plugin): Promise<NativeDef[]> {
  const loaded = await Promise.all(libraries.map((each) => "load" in each ? each.load() : each));
  return [...natives, ...loaded.flatMap((library: LibraryDef) => library.natives)];
}

/** Opcodes of arithmetic whose operands are those of another one, so that it can stand in their place. */
function placesFor({ effect, operands }: OpcodeDef): readonly string[] {
  if (effect === "call" || effect === "control") return [];
  switch (operandKinds(operands).join(" ")) {
    case "dst src src":
      return ["SUB", "MUL", "DIV", "MOD"];
    case "dst src":
      return ["NEG", "NOT"];
    default:
      return [];
  }
}

/** A pass that puts an opcode in the place of another one, everywhere. */
function replacing(old: string, opcode: string): Plugin {
  const summary = `Puts ${opcode} in the place of ${old}.`;
  return {
    name: "replacing",
    doc: summary,
    passes: [definePass({
      name: "replacing",
      stage: "load",
      from: "program",
      to: "program",
      before: [{ pass: "profile", because: "counters belong to the final code" }],
      doc: { summary, why: "An opcode is to be met in the middle of something.", example: "print 1;" },
      run: (program, { opcodes }) =>
        rewriteProgram(
          program,
          opcodes,
          ({ code }) => code.map((each) => each.name === old ? { ...each, name: opcode } : each),
        ),
    })],
  };
}

/**
 * The programs of a file of the language suite: lines that begin with `// ---` divide it, and the first part is all
 * theirs. Those that are about limits are none: how much fits into memory and stack, a plugin may change.
 */
export function splitSuite({ path, text }: Subject): Subject[] {
  if (path.includes("/limits/") || /^\/\/ slow:/m.test(text)) return [];
  const [shared, ...own] = text.split(/^\/\/ ---/m);
  if (own.length === 0) return [{ path, text }];
  // What follows the dashes on their line is a title.
  return own.map((part) => ({ path, text: `${shared}//${part}` }));
}

function plural(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}${/s$/.test(what) ? "es" : "s"}`;
}

// ---- telling -----------------------------------------------------------------------------------------------------

/** A result as text: a line, and what there is to say about it below. */
export function printResult({ check, tried, milliseconds, notes, failures }: VerifyResult): string {
  const verdict = failures.length === 0 ? "ok    " : "FAILED";
  const seconds = milliseconds === 0 ? "" : ` (${(milliseconds / 1000).toFixed(1)} s)`;
  return [
    `${verdict}  ${check}: ${tried}${seconds}`,
    ...notes.map((note) => `        ${note}`),
    ...failures.flatMap(printFailure),
  ].join("\n") + "\n";
}

function printFailure({ what, where, program, difference, artifact, more }: VerifyFailure): string[] {
  const indented = (text: string) =>
    text.replace(/\n*$/, "").split("\n").map((line) => `    ${line}`.trimEnd());
  return [
    "",
    `  ${what}${more === 0 ? "" : ` (and ${more} more)`}`,
    `  ${where}`,
    ...(program === null ? [] : ["", ...indented(program)]),
    ...(difference === "" ? [] : ["", "  expected (-) and got (+)", ...indented(difference)]),
    ...(artifact === null ? [] : ["", `  ${artifact.title}`, ...indented(artifact.text)]),
    "",
  ];
}

/** What stands at the beginning. */
export function printHeader({ plugin, programs, seed }: VerifyContext): string {
  return `plugin '${plugin.name}', ${plural(programs, "generated program")} from seed ${seed}\n\n`;
}

/** What stands at the end. */
export function printVerdict(
  { plugin }: Pick<VerifyContext, "plugin">,
  results: readonly VerifyResult[],
): string {
  const failed = results.filter(({ failures }) => failures.length > 0);
  const seconds = (results.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000).toFixed(0);
  const verdict = failed.length === 0
    ? "nothing wrong was found"
    : `${plural(failed.length, "check")} of ${results.length} failed`;
  return `\nplugin '${plugin.name}': ${verdict}, in ${seconds} s\n`;
}

/** A result as a line of JSON. */
export function resultToJson(result: VerifyResult): string {
  return JSON.stringify({ check: result }) + "\n";
}

/** The line of JSON at the end. */
export function verdictToJson(
  { plugin, programs, seed }: VerifyContext,
  results: readonly VerifyResult[],
): string {
  const ok = results.every(({ failures }) => failures.length === 0);
  return JSON.stringify({ verify: { plugin: plugin.name, programs, seed, ok } }) + "\n";
}
