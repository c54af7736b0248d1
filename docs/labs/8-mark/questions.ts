import { defineLab, functionOf, type Lab, type Question, type Random } from "../../../core/lab.ts";

/** A heap: for each object the objects that it refers to, by their numbers from 1; 0 is none. */
type Heap = readonly (readonly number[])[];

interface Input {
  readonly memory: Int32Array;
  readonly roots: readonly number[];
}

const REACH = "what is reached", NONE = "no reference", SHARED = "objects that several refer to";
const CIRCLES = "circles", DEEP = "long chains";

/** Asks for the objects that can be reached from those of some numbers. */
function ask(topic: string, heap: Heap, from: readonly number[], title?: string): Question<Input> {
  const places = [0];
  let end = 1;
  for (const object of heap) {
    places.push(end);
    end += 1 + object.length;
  }
  const memory = new Int32Array(end), roots = from.map((number) => places[number]);
  heap.forEach((object, i) => memory.set([object.length, ...object.map((to) => places[to])], places[i + 1]));
  return {
    topic,
    ask: `mark(${title ?? `[${memory.join(", ")}]`}, [${roots.join(", ")}])`,
    expected: describe(reach(heap, from).map((number) => places[number])),
    input: { memory, roots },
  };
}

/** What can be reached, by going over all objects until nothing is new: slow, plain, and no collector. */
function reach(heap: Heap, from: readonly number[]): number[] {
  const isAlive = heap.map((_, i) => from.includes(i + 1));
  for (let isNew = true; isNew;) {
    isNew = false;
    heap.forEach((object, i) => {
      if (!isAlive[i]) return;
      for (const to of object) {
        if (to === 0 || isAlive[to - 1]) continue;
        isAlive[to - 1] = isNew = true;
      }
    });
  }
  return isAlive.flatMap((alive, i) => alive ? [i + 1] : []);
}

function describe(found: readonly number[]): string {
  if (found.length > 40) return `${found.length} objects`;
  return found.length === 0 ? "nothing" : found.toSorted((a, b) => a - b).join(", ");
}

function makeQuestion(random: Random): Question<Input> {
  const size = random.int(2, 9), kind = random.pick([REACH, NONE, SHARED, CIRCLES]);
  const heap = Array.from({ length: size }, (_, i) => {
    // References lead forward only, unless circles are what it is about; so the last object has none.
    const count = kind === CIRCLES || i + 1 < size ? random.int(0, 3) : 0;
    return Array.from({ length: count }, () => {
      if (kind === NONE && random.int(0, 1) === 0) return 0;
      return kind === CIRCLES ? random.int(1, size) : random.int(i + 2, size);
    });
  });
  const roots = Array.from({ length: random.int(1, 2) }, () => random.int(kind === NONE ? 0 : 1, size));
  return ask(kind, heap, roots);
}

const LENGTH = 100_000;

/** The mark phase of a collector. */
export const mark: Lab<Input> = defineLab<Input>({
  name: "mark",
  title: "what is alive",
  page: "collector.md",
  topics: {
    [REACH]: "The first word of an object is the number of its references; they stand right behind it.",
    [NONE]: "0 is no object: not as a reference, and not as a root.",
    [SHARED]: "Each object is in the result once, however many others refer to it.",
    [CIRCLES]: "An object that has been marked needs no second visit, or circles never end.",
    [DEEP]:
      "Keep a list of objects that are marked but have not been looked into, in place of calls within calls.",
  },
  shown: [
    ask(REACH, [[2], [3], [], [3]], [1]),
    ask(NONE, [[0, 2], []], [1]),
    ask(SHARED, [[2, 3], [4], [4], []], [1]),
    ask(CIRCLES, [[2], [1], [2]], [2]),
  ],
  hidden: (random) => [
    ...Array.from({ length: 80 }, () => makeQuestion(random)),
    ask(CIRCLES, [[1, 1]], [1]),
    ask(NONE, [[]], [0]),
    ask(
      DEEP,
      Array.from({ length: LENGTH }, (_, i) => i + 1 < LENGTH ? [i + 2] : []),
      [1],
      `a list of ${LENGTH}`,
    ),
  ],
  open(exports) {
    const find = functionOf(exports, "mark");
    return ({ memory, roots }) => {
      const found = find(limitReads(memory), roots);
      if (!Array.isArray(found) && !(found instanceof Set)) return `${found}, which is no array and no Set`;
      const list = [...found];
      const twice = list.find((each, i) => list.length < 1000 && list.indexOf(each) !== i);
      return twice === undefined ? describe(list) : `${twice} more than once`;
    };
  },
});

/** Memory that gives up when somebody walks in circles. */
function limitReads(memory: Int32Array): Int32Array {
  let left = 100 * memory.length + 1000;
  return new Proxy(memory, {
    get(target, name) {
      if (left-- === 0) throw new Error("Memory has been read over and over, as if it would never end");
      const found = Reflect.get(target, name, target);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
}
