/**
 * The call graph of each file, printed as it is loaded, in the language of Graphviz (`dot -Tsvg`):
 *
 *     digraph "main.unna" {
 *       "main" -> "even";
 *       "even" -> "odd";
 *       "odd" -> "even";
 *     }
 *
 * The model of an observer: it looks at what a pass has made and changes nothing. Which function a value holds is not
 * known before a program runs, so what counts are calls by name; functions without a name belong to the one around them.
 */

import { type Node, type Program as Tree, walk } from "../core/ast.ts";
import { definePlugin, type Plugin } from "../core/plugin.ts";

/** Who calls whom, each pair once, in the order of the text. */
export function findCalls(tree: Tree): readonly (readonly [caller: string, callee: string])[] {
  const callers = ["main"], known = new Set<string>(), calls = new Map<string, readonly [string, string]>();
  walk(tree, {
    enter(node) {
      const name = nameOf(node);
      if (name !== null) callers.push(name), known.add(name);
      if (node.kind === "Call" && node.callee.kind === "Name") {
        const call = [callers.at(-1)!, node.callee.name] as const;
        calls.set(call.join(" "), call);
      }
    },
    leave(node) {
      if (nameOf(node) !== null) callers.pop();
    },
  });
  return [...calls.values()].filter(([, callee]) => known.has(callee));
}

/** The name of a function; null for all other nodes. */
function nameOf(node: Node): string | null {
  if (node.kind === "FunctionDecl") return node.name.name;
  return node.kind === "FunctionExpr" && node.name !== null ? node.name.name : null;
}

/** Makes a printer that writes graphs with `write`. */
export function createCallGraph(write: (text: string) => void): Plugin {
  return definePlugin({
    name: "call-graph",
    doc: "Prints which function calls which, as a graph for dot.",
    requires: "^0.1",
    observe: {
      passEnd({ pass, path, artifact }) {
        if (pass !== "parse") return;
        const edges = findCalls(artifact as Tree).map(([caller, callee]) =>
          `  "${caller}" -> "${callee}";\n`
        );
        write(`digraph ${JSON.stringify(path)} {\n${edges.join("")}}\n`);
      },
    },
  });
}

const plugin: Plugin = createCallGraph((text) => console.error(text.trimEnd()));
export default plugin;
