/**
 * The order of passes. Where a pass stands follows from what it takes and makes, and from the pairs in `after` and
 * `before`, which carry their reasons: a pair that cannot hold is refused with those very words. The built-in passes are
 * listed in an order that a test proves, so this is asked only when plugins join or passes are turned off.
 */

import { suggest } from "./diagnostics.ts";
import { CORE, type Kind, type OwnedPass, type Stage } from "./pass.ts";

/** Thrown when passes cannot be put in an order; `plugin` is the one to blame. */
export class OrderFault extends Error {
  /** What stack traces call it. */
  override readonly name = "OrderFault";
  /** The name of the plugin whose pass cannot keep its place. */
  readonly plugin: string;
  /** Blames `plugin`. */
  constructor(plugin: string, message: string) {
    super(message);
    this.plugin = plugin;
  }
}

/** `first` has to come before `second`. */
interface Edge {
  readonly first: OwnedPass;
  readonly second: OwnedPass;
  readonly because: string;
}

/**
 * Puts passes in an order that leads from source to program, and from hot function to code, and keeps all pairs; what
 * nothing decides stays in the order of registration.
 * @throws {OrderFault} if there is no such order, or a pair names a pass that does not exist
 */
export function orderPasses(passes: readonly OwnedPass[], off: ReadonlySet<string> = new Set()): OwnedPass[] {
  const byName = new Map(passes.map((owned) => [owned.pass.name, owned]));
  const pairs = pairEdges(passes, byName);
  const edges = [...pairs, ...flowEdges(passes).filter((edge) => !isWayBack(edge, pairs))]
    .filter(({ first, second }) => !off.has(first.pass.name) && !off.has(second.pass.name));
  const rest = passes.filter(({ pass }) => !off.has(pass.name));
  const order: OwnedPass[] = [];
  while (rest.length > 0) {
    const blocked = (owned: OwnedPass) => edges.some((e) => e.second === owned && rest.includes(e.first));
    const next = rest.findIndex((owned) => !blocked(owned));
    if (next < 0) throw cycleFault(rest, edges);
    order.push(...rest.splice(next, 1));
  }
  checkChain(order, "load", "source", "program");
  if (order.some(({ pass }) => pass.stage === "hot")) checkChain(order, "hot", "hot", "code");
  return order;
}

function pairEdges(passes: readonly OwnedPass[], byName: ReadonlyMap<string, OwnedPass>): Edge[] {
  const edges: Edge[] = [];
  for (const owned of passes) {
    const { pass, plugin } = owned;
    for (const key of ["after", "before"] as const) {
      for (const pair of pass[key] ?? []) {
        const other = byName.get(pair.pass);
        if (other === undefined) {
          const meant = suggest(pair.pass, byName.keys());
          const advice = meant === null ? "" : `; did you mean '${meant}'?`;
          throw new OrderFault(
            plugin,
            `pass '${pass.name}' has to come ${key} '${pair.pass}', which does not exist${advice}`,
          );
        }
        const because = `'${pass.name}' comes ${key} '${pair.pass}': ${pair.because}`;
        edges.push(
          key === "after"
            ? { first: other, second: owned, because }
            : { first: owned, second: other, because },
        );
      }
    }
  }
  return edges;
}

/** Of two passes, one to a kind of artifact and one back, each takes what the other makes: a pair says which is first. */
function isWayBack({ first, second }: Edge, pairs: readonly Edge[]): boolean {
  return first.pass.from === second.pass.to && first.pass.to === second.pass.from &&
    first.pass.from !== first.pass.to && pairs.some((pair) => pair.first === second && pair.second === first);
}

/** What makes a kind comes before what takes it; what keeps a kind comes before what turns it into another. */
function flowEdges(passes: readonly OwnedPass[]): Edge[] {
  const edges: Edge[] = [];
  for (const first of passes) {
    for (const second of passes) {
      const a = first.pass, b = second.pass;
      if (a.stage === "load" && b.stage === "hot") {
        edges.push({ first, second, because: `'${b.name}' runs when a function is hot, '${a.name}' before` });
      }
      if (first === second || a.to !== b.from) continue;
      if (a.from !== a.to) {
        edges.push({ first, second, because: `'${b.name}' takes the ${a.to} that '${a.name}' makes` });
      } else if (b.from !== b.to) {
        edges.push({
          first,
          second,
          because: `'${b.name}' turns the ${a.to} of '${a.name}' into something else`,
        });
      }
    }
  }
  return edges;
}

/** Every pass in `rest` waits for another one in it; going from one to what it waits for leads into a circle. */
function cycleFault(rest: readonly OwnedPass[], edges: readonly Edge[]): OrderFault {
  const path: Edge[] = [];
  for (let at = rest[0];;) {
    const edge = edges.find((e) => e.second === at && rest.includes(e.first))!;
    path.unshift(edge);
    at = edge.first;
    const end = path.findIndex((e) => e.second === at);
    if (end < 0) continue;
    const cycle = path.slice(0, end + 1);
    const owners = cycle.map((e) => e.second.plugin);
    const plugin = owners.find((name) => name !== CORE) ?? CORE;
    return new OrderFault(
      plugin,
      `its passes contradict each other: ${cycle.map((e) => e.because).join("; ")}`,
    );
  }
}

function checkChain(order: readonly OwnedPass[], stage: Stage, from: Kind, to: Kind): void {
  const passes = order.filter(({ pass }) => pass.stage === stage);
  let at = from, maker = "nothing";
  for (const { pass, plugin } of passes) {
    if (pass.from !== at) {
      throw new OrderFault(
        plugin,
        `pass '${pass.name}' takes the ${pass.from}, but at its place there is the ${at} of '${maker}'`,
      );
    }
    at = pass.to;
    maker = pass.name;
  }
  const last = passes.at(-1);
  if (at !== to) {
    throw new OrderFault(last?.plugin ?? CORE, `the last pass, '${maker}', makes the ${at}, not the ${to}`);
  }
}
