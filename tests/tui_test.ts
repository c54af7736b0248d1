/**
 * `ucoreTui`: what it draws; what its dialogues do where there are only lines; and the same on a terminal, for which
 * tmux stands in: it shows what a person would see, how wide its characters are, and in which state a program leaves it.
 */

import { assert, assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { CONFIGS, outputOf, runUnna } from "./support.ts";

const CLI = new URL("../cli.ts", import.meta.url).pathname;

/** What a program prints where there are colours, with ESC as `\x1b`. */
const colored = (source: string) => outputOf(source, { color: true });

// ---- styles ------------------------------------------------------------------------------------------------------

Deno.test("styles are codes around a text where there are colours, and nothing elsewhere", async () => {
  const rows: [string, string][] = [
    ['fg("black", "x")', "30"],
    ['fg("white", "x")', "37"],
    ['fg("brightBlack", "x")', "90"],
    ['fg("gray", "x")', "90"],
    ['fg("brightWhite", "x")', "97"],
    ['fg("nonsense", "x")', "37"],
    ['fg("brightNonsense", "x")', "37"],
    ['bg("cyan", "x")', "46"],
    ['bg("nonsense", "x")', "40"],
    ['bold("x")', "1"],
    ['dim("x")', "2"],
    ['italic("x")', "3"],
    ['underline("x")', "4"],
    ['style("x", "bold red bg:blue")', "1;31;44"],
    ['style("x", " underline  nonsense ")', "4;37"],
    ['style("x", "")', ""],
  ];
  for (const [call, codes] of rows) {
    assertStrictEquals(await colored(`print ucoreTui.${call};`), `\\x1b[${codes}mx\\x1b[0m\n`, call);
    assertStrictEquals(await outputOf(`print ucoreTui.${call};`), "x\n", call);
  }
  const long = "y".repeat(10_000);
  assertStrictEquals(await colored(`print ucoreTui.fg("red", "${long}");`), `\\x1b[31m${long}\\x1b[0m\n`);
});

// ---- drawing -----------------------------------------------------------------------------------------------------

/** A picture without the margin that it has in the text of a test. */
function picture(text: string): string {
  return text.replaceAll(/^ +/gm, "").replace(/^\n/, "").replaceAll("·", " ");
}

Deno.test("boxes are as wide as what stands in them looks", async () => {
  assertStrictEquals(
    await outputOf(`print ucoreTui.box("日本\\ne\\u{301}\\n👩‍👩‍👧 x\\n\\u{200b}\\n❤️\\n");`),
    picture(`
      ╭──────╮
      │ 日本 │
      │ e\u0301    │
      │ 👩‍👩‍👧 x │
      │ \u200b     │
      │ ❤️   │
      ╰──────╯

    `),
  );
  assertStrictEquals(
    await colored(`print ucoreTui.box(ucoreTui.fg("red", "ab") + "\\nabcd", "double");`),
    "╔══════╗\n║ \\x1b[31mab\\x1b[0m   ║\n║ abcd ║\n╚══════╝\n\n",
  );
  assertStrictEquals(await outputOf('print ucoreTui.box("", "simple");'), "┌──┐\n└──┘\n\n");
  assertStrictEquals(await outputOf('print ucoreTui.box("\\n\\n");'), "╭──╮\n│  │\n│  │\n╰──╯\n\n");
  assertStrictEquals(
    await outputOf('print ucoreTui.box("a\\tb\\r\\x07\\x1b[2Jc", "nonsense");'),
    "╭────────────╮\n│ a    b[2Jc │\n╰────────────╯\n\n",
  );
});

Deno.test("tables align their columns, whatever is in them", async () => {
  assertStrictEquals(
    await outputOf(
      `print ucoreTui.table([["name", "日本", ""], ["two\\nlines", 3, 2.0], [true, -0.125, nil, [1]], []]);`,
    ),
    picture(`
      ╭───────┬───────┬──────┬──╮
      │ name  │ 日本  │      │  │
      ├───────┼───────┼──────┼──┤
      │ two   │ 3     │ 2.00 │  │
      │ lines │       │      │  │
      │ true  │ -0.13 │      │  │
      │       │       │      │  │
      ╰───────┴───────┴──────┴──╯

    `),
  );
  assertStrictEquals(await outputOf('print ucoreTui.table([["x"]]);'), "╭───╮\n│ x │\n╰───╯\n\n");
  assertStrictEquals(
    await outputOf("print ucoreTui.table([]); print ucoreTui.table([[], []]);"),
    "nil\nnil\n",
  );
  assertStrictEquals(
    await outputOf("print ucoreTui.table([[1.0 / 0, 1e22, 9223372036854775807]]);"),
    picture(`
      ╭─────┬────────────────────────────┬─────────────────────╮
      │ inf │ 10000000000000000000000.00 │ 9223372036854775807 │
      ╰─────┴────────────────────────────┴─────────────────────╯

    `),
  );
});

Deno.test("trees show what hangs on what", async () => {
  const source = `print ucoreTui.tree({"name": "src", "children": [
    {"name": "core", "children": [{"name": "a"}, {"children": [{"name": "deep"}]}]}, "file", {"name": 5}, nil]});`;
  assertStrictEquals(
    await outputOf(source),
    "src\n├── core\n│   ├── a\n│   └── ?\n│       └── deep\n├── file\n├── ?\n└── ?\n\n",
  );
  assertStrictEquals(await outputOf("print ucoreTui.tree({});"), "root\n\n");
  const shared = `var leaf = {"name": "leaf", "children": ["x"]};
    print ucoreTui.tree({"children": [leaf, leaf]});`;
  assertStrictEquals(await outputOf(shared), "root\n├── leaf\n│   └── x\n└── leaf\n    └── x\n\n");
  const cycle = `var node = {"name": "a", "children": []};
    push(node["children"], {"name": "b", "children": [node]});
    ucoreTui.tree(node);`;
  const { code, stderr } = await runUnna(cycle);
  assertStrictEquals(code, 1);
  assert(stderr.startsWith("Runtime Error: ucoreTui.tree cannot draw a tree that contains itself."), stderr);
});

Deno.test("progress bars show any part of any total", async () => {
  const rows: [string, string][] = [
    ["0, 4, 4", "[░░░░]   0%"],
    ["1, 4, 4", "[█░░░]  25%"],
    ["3.99, 4, 4", "[███░]  99%"],
    ["4, 4, 4", "[████] 100%"],
    ["9, 4, 4", "[████] 100%"],
    ["-1, 4, 4", "[░░░░]   0%"],
    ["1, 0, 2", "[██] 100%"],
    ["1, 2, 0", "[]  50%"],
    ["1, 2, -5", "[]  50%"],
    ["0.0 / 0, 2, 2.9", "[░░]   0%"],
    ["1, 1", `[${"█".repeat(40)}] 100%`],
    ["1, 2, 200", `[${"█".repeat(100)}${"░".repeat(100)}]  50%`],
  ];
  for (const [args, bar] of rows) {
    assertStrictEquals(await outputOf(`print ucoreTui.progressBar(${args});`), `${bar}\n`, args);
  }
});

Deno.test("spinners have their pictures", async () => {
  const source =
    `for (var style : ["dots", "line", "arc", "bounce", "dots2", "nonsense"]) print length(ucoreTui.spinner(style));
    print ucoreTui.spinner()[0];`;
  assertStrictEquals(await outputOf(source), "10\n4\n6\n4\n8\n10\n⠋\n");
});

Deno.test("boxes in pieces wrap their lines", async () => {
  const source = `ucoreTui.boxBegin("日本 and a long title", 14);
    ucoreTui.boxLine("one two three");
    ucoreTui.boxLine();
    ucoreTui.boxLine("日本日本日本日本\\nx");
    ucoreTui.boxEnd();
    ucoreTui.boxLine("x");`;
  assertStrictEquals(
    await outputOf(source),
    `╭─ 日本 and ─╮
│ one two    │
│ three      │
│            │
│ 日本日本日 │
│ 本日本     │
│ x          │
╰────────────╯
│ x${" ".repeat(35)} │
`,
  );
  const styled = `ucoreTui.boxBegin("", 10);
    ucoreTui.boxLine(ucoreTui.fg("red", "longer than that"));`;
  assertStrictEquals(
    await colored(styled),
    "╭────────╮\n│ \\x1b[31mlonger │\n│ than   │\n│ that\\x1b[0m   │\n",
  );
});

Deno.test("control sequences are written where there is a screen, and only there", async () => {
  const source =
    `ucoreTui.clear(); ucoreTui.clearLine(); ucoreTui.moveTo(3, 4.9); ucoreTui.hideCursor(); ucoreTui.showCursor();
    ucoreTui.openScreen(); ucoreTui.openScreen(); ucoreTui.closeScreen(); ucoreTui.closeScreen();`;
  assertStrictEquals(await outputOf(source), "");
  assertStrictEquals(
    await colored(source),
    "\\x1b[2J\\x1b[H\\x1b[2K\\x0d\\x1b[3;4H\\x1b[?25l\\x1b[?25h\\x1b[?1049h\\x1b[2J\\x1b[H\\x1b[?1049l",
  );
});

Deno.test("whatever way a program ends, the screen is put back", async () => {
  const restored = "\\x1b[?25l\\x1b[?1049h\\x1b[2J\\x1b[H\\x1b[?25h\\x1b[?1049l";
  const ends: [string, number][] = [
    ["", 0],
    ["async function f() { ucoreTimer.sleep(1); ucoreSystem.exit(3); } f(); ucoreTimer.sleep(10000);", 3],
    ["nil + 1;", 1],
    ["while (true) {}", 124],
  ];
  for (const [end, code] of ends) {
    const outcome = await runUnna(`ucoreTui.hideCursor(); ucoreTui.openScreen(); ${end}`, {
      color: true,
      timeout: 1,
    });
    assertEquals([outcome.code, outcome.stdout], [code, restored], end);
  }
});

// ---- dialogues where there are only lines ------------------------------------------------------------------------

Deno.test("without a terminal, dialogues read lines, and give up at the end of the input", async () => {
  const rows: [source: string, input: string[], output: string][] = [
    ['print ucoreTui.input("Name: ");', ["Adé", "x"], "Name: Adé\n"],
    ["print ucoreTui.input();", [""], "\n"],
    ['print "<" + ucoreTui.input() + ">";', [], "<>\n"],
    ['print ucoreTui.inputPassword("? ");', ["secret"], "? secret\n"],
    ['print ucoreTui.inputBox("Name", 30, "Ada");', ["Eve"], "Name: Eve\n"],
    ['print ucoreTui.inputBox("Name", 30, "Ada");', [""], "Name: Ada\n"],
    ['print ucoreTui.inputBox("Name", 30, "Ada") == "";', [], "Name: true\n"],
    ["print ucoreTui.inputPasswordBox();", ["x"], "Password: x\n"],
    ["print ucoreTui.confirm();", ["Yes"], "Confirm? [y/n] true\n"],
    ["print ucoreTui.confirm();", ["n"], "Confirm? [y/n] false\n"],
    ["print ucoreTui.confirm();", [""], "Confirm? [y/n] false\n"],
    ["print ucoreTui.confirm();", [], "Confirm? [y/n] false\n"],
    ['print ucoreTui.select("Q", ["a", "b"]);', ["2"], "Q\n  1) a\n  2) b\n> 1\n"],
    ['print ucoreTui.select("Q", ["a", "2"]);', ["2"], "Q\n  1) a\n  2) 2\n> 1\n"],
    ['print ucoreTui.select("Q", ["a", [0.5, nil]]);', [" a "], "Q\n  1) a\n  2) [0.5, nil]\n> 0\n"],
    ['print ucoreTui.select("Q", ["a"]);', ["2"], "Q\n  1) a\n> -1\n"],
    ['print ucoreTui.select("Q", ["a"]);', ["0"], "Q\n  1) a\n> -1\n"],
    ['print ucoreTui.select("Q", ["a"]);', ["nonsense"], "Q\n  1) a\n> -1\n"],
    ['print ucoreTui.select("Q", ["a"]);', [], "Q\n  1) a\n> -1\n"],
    ['print ucoreTui.select("Q", []);', ["1"], "-1\n"],
    [
      "for (var key = ucoreTui.keypress(); key != nil; key = ucoreTui.keypress(true)) print key;",
      ["aé", "", "\t\x01\x1b[A"],
      "a\né\nenter\nenter\ntab\nctrl+a\nescape\n[\nA\nenter\n",
    ],
    [
      "print ucoreTui.keypress(); print ucoreTui.input(); print ucoreTui.input();",
      ["abc", "d"],
      "a\nbc\nd\n",
    ],
  ];
  for (const [source, input, output] of rows) {
    for (const { options } of CONFIGS) {
      assertStrictEquals(await outputOf(source, { ...options, input }), output, source);
    }
  }
});

Deno.test("functions of ucoreTui refuse arguments of other types, and say what they expect", async () => {
  const rows: [string, string][] = [
    ["fg", '"red"'],
    ["fg", '"red", 5'],
    ["bg", 'nil, "x"'],
    ["bold", "5"],
    ["style", '"x"'],
    ["box", "5"],
    ["box", '"x", 5'],
    ["table", '"x"'],
    ["tree", "[]"],
    ["progressBar", "1"],
    ["progressBar", '1, 2, "3"'],
    ["spinner", "1"],
    ["boxBegin", "1"],
    ["boxLine", "1"],
    ["boxEnd", "1"],
    ["moveTo", "1"],
    ["clear", "1"],
    ["size", "1"],
    ["keypress", "1"],
    ["input", "1"],
    ["inputBox", '"x", "y"'],
    ["confirm", "1"],
    ["select", '"x"'],
    ["select", '"x", "y"'],
  ];
  for (const [name, args] of rows) {
    const { code, stderr } = await runUnna(`ucoreTui.${name}(${args});`);
    assertStrictEquals(code, 1);
    assertStringIncludes(stderr, `Runtime Error: ucoreTui.${name} expects (`);
  }
  const { stderr } = await runUnna("ucoreTui.table([[1], 2]);");
  assertStringIncludes(stderr, "ucoreTui.table expects rows that are arrays, but got int.");
});

// ---- a terminal --------------------------------------------------------------------------------------------------

const hasTmux = await new Deno.Command("tmux", { args: ["-V"] }).output().then(
  ({ success }) => success,
  () => false,
);
if (!hasTmux) console.log("There is no tmux: ucoreTui is not tested on a terminal");

/** A terminal in which a program runs. */
interface Terminal {
  /** Presses keys, by the names that tmux has for them, as soon as the program waits for keys. */
  press(...keys: string[]): Promise<void>;
  /** Types a text, as soon as the program waits for keys. */
  type(text: string): Promise<void>;
  /** Presses Ctrl-C while the program waits for no key. */
  interrupt(): Promise<void>;
  /** Waits until the screen shows a text, and gives all that it shows. */
  see(text: string): Promise<string>;
  /** Makes a file beside the program. */
  write(name: string, text: string): Promise<void>;
  /** What tmux knows, such as `cursor_x`. */
  ask(what: string): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
}

let terminals = 0;

/** Milliseconds after which what is waited for is taken never to come: far more than the slowest machine needs. */
const PATIENCE = 180_000;

/** What a program in a terminal finds around it. */
interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  /** Files beside it, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Runs a program in a terminal; when it is over, the screen shows `exit CODE`, and whether the terminal echoes keys. */
async function inTerminal(
  source: string,
  use: (terminal: Terminal) => Promise<void>,
  { env = {}, files = {} }: Surroundings = {},
): Promise<void> {
  const folder = await Deno.makeTempDir(), socket = `unnarize-${Deno.pid}-${terminals++}`;
  const tmux = async (...args: string[]) => {
    const { stdout, stderr, success } = await new Deno.Command("tmux", {
      args: ["-u", "-f", "/dev/null", "-L", socket, ...args],
      env: { LC_ALL: "C.UTF-8", TERM: "xterm-256color", ...env },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  const show = () => tmux("capture-pane", "-p");
  for (const [name, text] of Object.entries({ ...files, "main.unna": source })) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const run = `'${Deno.execPath()}' run -A --no-check '${CLI}' '${folder}/main.unna'`;
  const settings = "stty -a | grep -q ' -echo ' && echo mute || echo echoes";
  await tmux(
    "new-session",
    "-d",
    "-x",
    "60",
    "-y",
    "16",
    `${run}; echo exit $?; ${settings}; exec cat >/dev/null`,
  );
  const ask = async (what: string) => (await tmux("display", "-p", `#{${what}}`)).trim();
  /** Waits until `look` finds what it is after, however slow the machine is; gives that. */
  const until = async <T>(what: string, look: () => Promise<T | null>) => {
    const end = performance.now() + PATIENCE;
    for (;;) {
      const found = await look();
      if (found !== null) return found;
      assert(performance.now() < end, `${what} has not come up on\n${await show()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  // Keys that come earlier would be those of the terminal itself, which echoes them, and makes a signal of Ctrl-C.
  const awaitRaw = async () => {
    const tty = await ask("pane_tty");
    await until("a program that waits for keys", async () => {
      const { stdout } = await new Deno.Command("stty", { args: ["-F", tty, "-a"] }).output();
      return new TextDecoder().decode(stdout).includes(" -icanon ") || null;
    });
  };
  try {
    await use({
      async press(...keys) {
        await awaitRaw();
        await tmux("send-keys", ...keys);
      },
      async type(text) {
        await awaitRaw();
        await tmux("send-keys", "-l", text);
      },
      interrupt: async () => void await tmux("send-keys", "C-c"),
      see: (text) =>
        until(`"${text}"`, async () => {
          const screen = await show();
          return screen.includes(text) ? screen : null;
        }),
      write: (name, text) => Deno.writeTextFile(`${folder}/${name}`, text),
      ask,
      resize: async (columns, rows) => void await tmux("resize-window", "-x", `${columns}`, "-y", `${rows}`),
    });
  } finally {
    await tmux("kill-server");
    await Deno.remove(folder, { recursive: true });
  }
}

function testTerminal(
  name: string,
  source: string,
  use: (terminal: Terminal) => Promise<void>,
  around: Surroundings = {},
): void {
  Deno.test({ name: `on a terminal, ${name}`, ignore: !hasTmux, fn: () => inTerminal(source, use, around) });
}

testTerminal(
  "lines are edited, and others go on meanwhile",
  `async function tick() {
     while (!ucoreSystem.fileExists("go")) ucoreTimer.sleep(10);
     print "[ticked]";
   }
   tick();
   print "<" + ucoreTui.input("first\\n" + ucoreTui.bold("Name") + ": ") + ">";
   print "<" + ucoreTui.input() + ">";
   print "<" + ucoreTui.inputPassword("Word: ") + ">";
   print "<" + ucoreTui.input("Last: ") + ">";`,
  async ({ press, type, see, ask, write }) => {
    await see("Name:");
    await write("go", "");
    await see("Name: [ticked]");
    await type("日本é");
    await see("Name: 日本é");
    assertStrictEquals(await ask("cursor_x"), "11");
    await press("Left", "BSpace", "Home", "x", "End", "y", "Left", "DC", "C-a", "Right");
    await see("Name: x日é");
    assertStrictEquals(await ask("cursor_x"), "7");
    await press("Enter");
    await see("<x日é>");
    await type("gone");
    await see("\ngone");
    await press("C-c");
    await see("<>");
    await type("geheim");
    assert(!(await see("Word: ******")).includes("geheim"));
    await press("Enter");
    await see("<geheim>");
    await press("C-d");
    await see("exit 0\nechoes");
  },
);

testTerminal(
  "a text is edited in a box that keeps to the screen",
  `print "<" + ucoreTui.inputBox("Name", 24, "日本") + ">";
   print "<" + ucoreTui.inputBox("Wide", 100) + ">";
   print "<" + ucoreTui.inputPasswordBox("Secret", 3) + ">";
   print "<" + ucoreTui.inputBox() + ">";`,
  async ({ press, type, see, ask, resize }) => {
    await see("╭─ Name ───────────────╮\n│ 日本                 │\n╰──────────────────────╯");
    assertEquals([await ask("cursor_x"), await ask("cursor_y")], ["6", "1"]);
    await type("x".repeat(30));
    await see(`│ ${"x".repeat(19)}`);
    await press("C-u");
    await type("short");
    await see("│ short                │");
    await press("Enter");
    await see("<short>");
    await see(`╭─ Wide ${"─".repeat(51)}╮`);
    await resize(30, 16);
    await see(`╭─ Wide ${"─".repeat(21)}╮`);
    await type("ok");
    await press("Enter");
    await see("<ok>");
    await type("ab");
    await see("╭─ Secret ─╮\n│ **       │");
    await press("Enter");
    await see("<ab>");
    await see("─ Input ─");
    await press("Escape");
    await see("<>");
    await see("exit 0");
  },
);

testTerminal(
  "one of many is chosen with the arrows",
  `var options = [];
   for (var i = 0; i < 40; i += 1) push(options, "option " + i + "!");
   print "chosen " + ucoreTui.select("Which?", options);
   print "chosen " + ucoreTui.select("And?", ["a", "b"]);
   print "chosen " + ucoreTui.select("Or?", ["a", "b"]);
   print ucoreTui.confirm("Sure?");
   print ucoreTui.confirm("Really?");
   print ucoreTui.confirm("Honestly?");`,
  async ({ press, see, ask }) => {
    await see("  > option 0!");
    assertStrictEquals(await ask("cursor_flag"), "0");
    await press("Up", "Down", "Down");
    assertStringIncludes(await see("  > option 2!"), "    option 1!");
    await press("End");
    assert(!(await see("  > option 39!")).includes("option 0!"));
    await press("PPage", "Home", "NPage", "Enter");
    await see("chosen 14");
    await press("x", "Down", "Down", "Enter");
    await see("chosen 1\n");
    await press("Down", "Escape");
    await see("chosen -1");
    assertStrictEquals(await ask("cursor_flag"), "1");
    await press("x", "y");
    await see("Sure? [y/n] y\ntrue");
    await press("Enter");
    await see("Really? [y/n] n\nfalse");
    await press("C-c");
    await see("Honestly? [y/n] n\nfalse");
    await see("exit 0");
  },
);

testTerminal(
  "keys have names, and a change of size is one for those who want it",
  `var size = ucoreTui.size();
   print "size " + size["cols"] + " " + size["rows"];
   var key = "";
   while (key != "q") { key = ucoreTui.keypress(true); print "key " + key + "."; }
   size = ucoreTui.size();
   print "size " + size["cols"] + " " + size["rows"];`,
  async ({ press, see, resize }) => {
    await see("size 60 16");
    const keys: [string, string][] = [
      ["Up", "up"],
      ["Down", "down"],
      ["Left", "left"],
      ["Right", "right"],
      ["Home", "home"],
      ["End", "end"],
      ["DC", "delete"],
      ["PPage", "pageup"],
      ["Escape", "escape"],
      ["Enter", "enter"],
      ["BSpace", "backspace"],
      ["Tab", "tab"],
      ["BTab", "shift+tab"],
      ["C-c", "ctrl+c"],
      ["C-z", "ctrl+z"],
      ["F5", "unknown:27"],
      ["a", "a"],
      ["é", "é"],
      ["日", "日"],
      ["Space", " "],
    ];
    for (const [key, name] of keys) {
      await press(key);
      await see(`key ${name}.`);
    }
    await resize(70, 16);
    await see("key resize.");
    await press("q");
    await see("size 70 16");
    await see("exit 0");
  },
);

for (
  const [how, source, code] of [
    ["fails", "nil + 1;", 1],
    ["exits", "ucoreSystem.exit(5);", 5],
    ["ends", "", 0],
    ["is interrupted while it computes", 'print "busy"; while (true) {}', 130],
    ["is interrupted while it sleeps", 'print "busy"; ucoreTimer.sleep(100000);', 130],
    [
      "exits while a task waits for a key",
      "async function wait() { ucoreTui.keypress(); } wait(); ucoreTimer.sleep(100); ucoreSystem.exit(6);",
      6,
    ],
  ] as const
) {
  testTerminal(
    `the screen is put back when a program ${how}`,
    `print "before"; ucoreTui.openScreen(); ucoreTui.hideCursor(); ${source}`,
    async ({ interrupt, see, ask }) => {
      if (code === 130) {
        await see("busy");
        assertEquals([await ask("alternate_on"), await ask("cursor_flag")], ["1", "0"]);
        await interrupt();
      }
      assertStringIncludes(await see(`exit ${code}`), "before");
      await see("echoes");
      assertEquals([await ask("alternate_on"), await ask("cursor_flag")], ["0", "1"]);
    },
  );
}

testTerminal(
  "a change of size is seen that came while nobody waited for a key",
  `ucoreTui.size();
   print "busy";
   while (!ucoreSystem.fileExists("go")) ucoreTimer.sleep(10);
   print "key " + ucoreTui.keypress(true) + ".";
   print "key " + ucoreTui.keypress(true) + ".";`,
  async ({ press, see, resize, write }) => {
    await see("busy");
    await resize(50, 12);
    await write("go", "");
    await see("key resize.");
    await press("x");
    await see("key x.");
  },
);

testTerminal(
  "NO_COLOR takes the colours away and leaves the rest",
  'ucoreTui.clear(); print "<" + ucoreTui.fg("red", "x") + ">"; print "<" + ucoreTui.input("Name: ") + ">";',
  async ({ press, see, type }) => {
    await see("Name:");
    await type("a");
    await press("Enter");
    await see("<x>");
    await see("<a>");
  },
  { env: { NO_COLOR: "1" } },
);

testTerminal(
  "dialogues of several tasks come one after the other",
  `async function ask(name) { print name + " got " + ucoreTui.input(name + "? "); }
   var a = ask("one");
   var b = ask("two");
   await a; await b;`,
  async ({ press, see, type }) => {
    await see("one?");
    await type("1");
    await press("Enter");
    await see("one got 1");
    await see("two?");
    await type("2");
    await press("Enter");
    await see("two got 2");
    await see("exit 0");
  },
);

const STOCKROOM = new URL("../examples/stockroom/", import.meta.url);

testTerminal(
  "the stockroom of the examples sells, receives, and keeps what is saved",
  Deno.readTextFileSync(new URL("main.unna", STOCKROOM)),
  async ({ press, type, see, resize }) => {
    await resize(70, 40);
    await see("Welcome.");
    await press("Enter");
    await see("Sell what?");
    await press("Down", "Enter");
    await see("─ How many? ─");
    await type("4");
    await press("Enter");
    assertStringIncludes(
      await see("Sold 4 of coffee for 29."),
      "│ coffee │ 8     │ 7.25  │ 58.00  │ order more │",
    );
    await press("Down", "Enter");
    await see("Receive what?");
    await press("Escape");
    await see("What next?");
    await press("Down", "Down", "Enter");
    await see("─ Name ─");
    await type("米");
    await press("Enter");
    await see("│ 1.00");
    await press("BSpace", "BSpace", "BSpace", "BSpace");
    await type("2.5");
    await press("Enter");
    assertStringIncludes(await see("Added 米."), "│ 米     │ 0     │ 2.50  │ 0.00   │ sold out   │");
    await press("Down", "Down", "Down", "Enter");
    await see("Press any key.");
    await press("x");
    await see("What next?");
    await press("End", "Enter");
    await see("Save the changes? [y/n]");
    await press("y");
    await see("Good-bye.");
    await see("exit 0");
  },
  { files: { "stock.uon": Deno.readTextFileSync(new URL("stock.uon", STOCKROOM)) } },
);
