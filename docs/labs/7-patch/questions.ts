import {
  defineLab,
  functionOf,
  type Lab,
  type LabTools,
  type Question,
  type Random,
} from "../../../core/lab.ts";

/** An instruction with a hole, or one without: a label is the index of the instruction that it stands before. */
type Item =
  | { readonly op: "nop"; readonly times: number }
  | { readonly op: "jmp" | "jmp short" | "je" | "je short" | "cmp"; readonly to: number };

/** How each is written: the bytes before the hole, the hole, and the bytes behind it. */
const FORMS = {
  "jmp": { before: [0xE9], size: 4, behind: [] },
  "jmp short": { before: [0xEB], size: 1, behind: [] },
  "je": { before: [0x0F, 0x84], size: 4, behind: [] },
  "je short": { before: [0x74], size: 1, behind: [] },
  "cmp": { before: [0x81, 0x3D], size: 4, behind: [7, 0, 0, 0] },
} as const;

const FORWARD = "jumps forward", BACKWARD = "jumps backward", SHORT = "holes of a byte";
const END = "instructions that go on behind the hole", RANGE = "what does not fit";

interface Draft {
  readonly bytes: Uint8Array;
  readonly fixups: readonly {
    readonly offset: number;
    readonly size: number;
    readonly end: number;
    readonly label: number;
  }[];
  readonly labels: readonly number[];
  /** The lines that a disassembler shows when all holes are filled; runs of nops are left out. */
  readonly lines: readonly string[];
  readonly fits: boolean;
}

function hex(n: number): string {
  return n.toString(16);
}

function assemble(items: readonly Item[]): Draft {
  const labels: number[] = [], bytes: number[] = [], fixups: Draft["fixups"][number][] = [];
  const holes: { readonly at: number; readonly item: Extract<Item, { to: number }> }[] = [];
  for (const item of items) {
    labels.push(bytes.length);
    if (item.op === "nop") {
      bytes.push(...Array.from({ length: item.times }, () => 0x90));
      continue;
    }
    const { before, size, behind } = FORMS[item.op], at = bytes.length, offset = at + before.length;
    holes.push({ at, item });
    fixups.push({ offset, size, end: offset + size + behind.length, label: item.to });
    bytes.push(...before, ...Array.from({ length: size }, () => 0), ...behind);
  }
  labels.push(bytes.length);
  const lines = holes.map(({ at, item: { op, to } }) => {
    const place = `0x${hex(labels[to])}`, [mnemonic] = op.split(" ");
    return `${hex(at).padStart(4, "0")}  ${op === "cmp" ? `cmp dword [${place}],7` : `${mnemonic} ${place}`}`;
  });
  const fits = fixups.every(({ size, end, label }) => {
    const distance = labels[label] - end;
    return size === 4 || distance >= -128 && distance < 128;
  });
  return { bytes: Uint8Array.from(bytes), fixups, labels, lines, fits };
}

/** The code, one instruction a line, as a reader would draw it. */
function draw(items: readonly Item[], { labels }: Draft): string {
  const wanted = new Set(items.flatMap((item) => item.op === "nop" ? [] : [item.to]));
  const lines = items.map((item, i) => {
    const name = wanted.has(i) ? `L${i}:` : "";
    const text = item.op === "nop"
      ? `${item.times} × nop`
      : item.op === "cmp"
      ? `cmp dword [L${item.to}],7`
      : `${item.op} L${item.to}`;
    return `${hex(labels[i]).padStart(4, "0")}  ${name.padEnd(5)}${text}`;
  });
  const last = items.length;
  if (wanted.has(last)) lines.push(`${hex(labels[last]).padStart(4, "0")}  L${last}:`);
  return lines.join("\n");
}

function ask(topic: string, items: readonly Item[]): Question<Draft> {
  const draft = assemble(items);
  const expected = draft.fits ? draft.lines.join("\n") : "throws a RangeError, and changes nothing";
  return { topic, ask: draw(items, draft), expected, input: draft };
}

const nops = (times: number): Item => ({ op: "nop", times });

function makeQuestion(random: Random): Question<Draft> {
  const kind = random.pick([FORWARD, BACKWARD, SHORT, END, RANGE]);
  const near = random.int(1, 60), far = random.int(200, 3000);
  const long = random.pick(["jmp", "je"] as const), short = random.pick(["jmp short", "je short"] as const);
  switch (kind) {
    case FORWARD:
      return ask(kind, [{ op: long, to: 3 }, nops(far), { op: long, to: 4 }, nops(near)]);
    case BACKWARD:
      return ask(kind, [nops(near), nops(far), { op: long, to: 1 }, { op: long, to: 3 }, {
        op: long,
        to: 0,
      }]);
    case SHORT:
      return ask(kind, [nops(near), { op: short, to: 0 }, { op: short, to: 4 }, nops(near), {
        op: short,
        to: 2,
      }]);
    case END:
      return ask(kind, [{ op: "cmp", to: 2 }, nops(far), { op: "cmp", to: 0 }, { op: long, to: 0 }]);
    default:
      return ask(kind, [{ op: long, to: 3 }, { op: short, to: 3 }, nops(far), { op: "cmp", to: 0 }]);
  }
}

/** Jump-patch. */
export const patch: Lab<Draft> = defineLab<Draft>({
  name: "patch",
  title: "filling holes",
  page: "jump-patch.md",
  topics: {
    [FORWARD]: "The distance is labels[label] - end, lowest byte first: distance >> 8 * i for byte i.",
    [BACKWARD]: "A distance may be negative; its bytes are those of the number in two's complement.",
    [SHORT]: "Only `size` bytes belong to the hole; what stands behind it belongs to somebody else.",
    [END]: "The processor counts from `end`, which is not always offset + size.",
    [RANGE]: "A byte holds -128 to 127. Look at all distances before the first byte is written.",
  },
  shown: [
    ask(FORWARD, [{ op: "jmp", to: 2 }, nops(3)]),
    ask(BACKWARD, [nops(3), { op: "jmp", to: 0 }]),
    ask(SHORT, [{ op: "je short", to: 2 }, nops(100)]),
    ask(END, [{ op: "cmp", to: 2 }, nops(3)]),
    ask(RANGE, [{ op: "jmp short", to: 2 }, nops(200)]),
  ],
  hidden: (random) => [
    ask(SHORT, [{ op: "jmp short", to: 2 }, nops(127)]),
    ask(RANGE, [{ op: "jmp short", to: 2 }, nops(128)]),
    ask(SHORT, [nops(126), { op: "jmp short", to: 0 }]),
    ask(RANGE, [nops(127), { op: "jmp short", to: 0 }]),
    ...Array.from({ length: 60 }, () => makeQuestion(random)),
  ],
  open(exports, tools) {
    const fill = functionOf(exports, "patch");
    return (draft) => {
      const bytes = draft.bytes.slice();
      try {
        fill(bytes, draft.fixups, draft.labels);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const isSame = bytes.every((byte, i) => byte === draft.bytes[i]);
        return `throws a RangeError, ${isSame ? "and changes nothing" : "but has filled some holes before"}`;
      }
      return list(bytes, tools);
    };
  },
});

function list(bytes: Uint8Array, tools: LabTools): string {
  return tools.list(bytes).filter(({ text }) => text !== "nop")
    .map(({ offset, text }) => `${hex(offset).padStart(4, "0")}  ${text}`).join("\n");
}
