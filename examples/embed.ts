// A TypeScript program that uses Unnarize for its rules: it runs a script, calls its functions, lends it functions of
// its own, and asks what came of it.
//
//     deno run -A examples/embed.ts

import { createRuntime, float, struct, type StructValue } from "../mod.ts";

const SCRIPT = `
struct Order { customer; items; total; }

function price(order) {
  var total = 0.0;
  for (var name : order.items) total += lookUp(name);
  if (length(order.items) > 2) total = total * 0.9;
  return Order(order.customer, order.items, total);
}

function makeGreeting(word) {
  return function (name) { return word + ", " + name + "!"; };
}

print "rules for " + length(keys(defaults())) + " products are ready";
`;

const PRICES = new Map([["tea", 3.5], ["cake", 4], ["jam", 2.25]]);

const runtime = createRuntime({
  // Functions that the script can call. One that gives a promise lets the script's other tasks go on meanwhile.
  functions: {
    lookUp: async (name) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return float(PRICES.get(String(name)) ?? 0);
    },
    defaults: () => PRICES,
  },
  stdout: (bytes) => Deno.stdout.writeSync(bytes),
});

try {
  const code = await runtime.runSource("rules.unna", SCRIPT);
  if (code !== 0) Deno.exit(code);

  // Structs go in and come out as records, arrays and maps as copies.
  const order = struct("Order", { customer: "Ada", items: ["tea", "cake", "jam"], total: null });
  const priced = await runtime.call("price", order) as StructValue;
  console.log(priced.fields.customer, "pays", priced.fields.total);

  // Functions come out as handles, which can be called, and live until they are released.
  const greet = await runtime.call("makeGreeting", "Hello");
  if (greet !== null && typeof greet === "object" && "release" in greet) {
    console.log(await runtime.call(greet, "Grace"));
    greet.release();
  }

  // What a script does wrong is an exception here.
  try {
    await runtime.call("price", 42);
  } catch (error) {
    console.log(String(error));
  }
} finally {
  runtime.dispose();
}
