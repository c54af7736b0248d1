// What the page does. It draws the function that is chosen as columns of rows, lights up what belongs to the row that
// is pointed at, and steps through the holes that were filled. All that it knows is in the element `data` (PageData in
// page.ts); whatever comes from a program goes into the page as text, never as HTML.
//
// A function may have a hundred thousand machine instructions, so a column holds only the rows that can be seen:
//
//     rows   │ … 812 813 │ 814 … 851 │ 852 … │        one element as high as all of them,
//            └───────────┴─ in view ─┴───────┘        in it those in view and a few around
//
// There is one light. It comes from the row under the pointer, or else from the row that is held by a click, a key or
// an event; `counterparts` says what it falls on.

const data = JSON.parse(document.getElementById("data").textContent);
const { strings, files, functions, events } = data;

const ROW = 20; // as in the style
const AROUND = 8; // rows beyond the view
const BYTES_A_ROW = 16;

const TITLES = {
  source: "Source",
  ast: "Tree",
  bytecode: "Bytecode",
  draft: "Draft",
  code: "Machine code",
};
const SUBTITLES = {
  source: "as it was written",
  ast: "nodes of this function",
  bytecode: "with what was counted",
  draft: "with holes, before patching",
  code: "after patching, and what for",
};

/** What marks an event, and its key: shapes, since not everybody tells colours apart. */
const MARKS = {
  "hot": "▲",
  "compiled": "■",
  "recompiled": "◼",
  "patched": "◆",
  "exit": "↗",
  "slow": "…",
  "gave up": "✕",
  "evicted": "▽",
};

// ---- small things --------------------------------------------------------------------------------------------------

/** An element; attributes that are null or false are left out. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const span = (className, text) => make("span", { class: className }, text);
const hex = (n) => n.toString(16);
/** Bytes in hexadecimal with a blank between two. */
const spaced = (digits) => digits.replace(/..(?=.)/g, "$& ");
const count = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
const clamp = (n, low, high) => Math.max(low, Math.min(n, high));

/** The last index of a sorted list whose value is not above `wanted`. */
function lastAtMost(values, wanted, valueOf = (value) => value) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (valueOf(values[middle]) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// ---- the files -----------------------------------------------------------------------------------------------------

for (const [number, file] of files.entries()) {
  file.lines = file.text.replace(/\n$/, "").split("\n");
  file.starts = [0];
  for (const line of file.lines) file.starts.push(file.starts.at(-1) + line.length + 1);
  // The innermost function of each line: what is inside is painted over what is around it.
  file.owners = file.lines.map(() => -1);
  functions
    .map((fn, index) => ({ fn, index }))
    .filter(({ fn }) => fn.file === number)
    .sort((a, b) => b.fn.end - b.fn.start - (a.fn.end - a.fn.start) || a.index - b.index)
    .forEach(({ fn, index }) =>
      file.owners.fill(index, lineOf(file, fn.start), lineOf(file, fn.end - 1) + 1)
    );
}

/** The line, from 0, that an offset is in. */
function lineOf(file, offset) {
  return clamp(lastAtMost(file.starts, offset), 0, file.lines.length - 1);
}

// ---- lists ---------------------------------------------------------------------------------------------------------

/**
 * A list of rows, of which those in view exist. `fill` draws a row into its element, `classes` names what is special
 * about it, `choose` is told which row the user goes to.
 */
function createList({ name, label, role, fill, classes }) {
  const canvas = make("div", { class: "canvas", role: "presentation" });
  const element = make(
    "div",
    { class: "rows", tabindex: "0", role, "aria-label": label, "data-list": name },
    canvas,
  );
  let length = 0;
  // What can be seen, as it was when it changed last: to ask again for each list would lay out the page for each list.
  let top = 0, height = 0;
  /** The rows that exist. */
  let from = 0, to = 0;
  element.addEventListener("scroll", () => {
    top = element.scrollTop;
    draw();
  });
  new ResizeObserver(() => {
    height = element.clientHeight;
    draw();
  }).observe(element);

  const list = {
    name,
    element,
    active: 0,
    get length() {
      return length;
    },
    /** Shows other rows. */
    show(rows, characters) {
      length = rows;
      list.active = 0;
      canvas.style.height = `${rows * ROW}px`;
      canvas.style.minWidth = `max(100%, ${characters}ch)`;
      element.scrollTo(0, top = 0);
      list.refresh();
    },
    /** Draws the rows in view anew. */
    refresh() {
      from = to = 0;
      draw();
    },
    /** Scrolls so that a row is in view, and to a quiet place if it was far away; `refresh` shows it. */
    reveal(index) {
      const row = index * ROW;
      if (list.isInView(index)) return;
      let wanted = row - height / 3;
      if (row < top && row >= top - ROW) wanted = row;
      else if (row > top && row <= top + height) wanted = row + ROW - height;
      element.scrollTop = top = clamp(wanted, 0, Math.max(0, length * ROW - height));
    },
    isInView: (index) => index * ROW >= top && (index + 1) * ROW <= top + height,
    /** The row under a pointer, -1 if there is none. */
    rowAt({ clientY }) {
      const index = Math.floor((clientY - canvas.getBoundingClientRect().top) / ROW);
      return index >= 0 && index < length ? index : -1;
    },
    get page() {
      return Math.max(1, Math.floor(height / ROW) - 1);
    },
  };
  return list;

  function draw() {
    const first = clamp(Math.floor(top / ROW) - AROUND, 0, length);
    const end = clamp(Math.ceil((top + height) / ROW) + AROUND, first, length);
    if (first === from && end === to) return;
    [from, to] = [first, end];
    const isListbox = role === "listbox", rows = [];
    for (let index = from; index < to; index++) {
      const row = make("div", { class: `row ${classes(index)}`, style: `top:${index * ROW}px` });
      if (isListbox) {
        row.id = `${name}-${index}`;
        row.role = "option";
        row.ariaSelected = String(list.active === index);
        row.ariaSetSize = length;
        row.ariaPosInSet = index + 1;
      }
      fill(row, index);
      rows.push(row);
    }
    canvas.replaceChildren(...rows);
    if (isListbox && length > 0) element.setAttribute("aria-activedescendant", `${name}-${list.active}`);
  }
}

// ---- what is shown -------------------------------------------------------------------------------------------------

/** The function and the compilation that are chosen, and what follows from them. */
let view = null;
/** Row under the pointer, and the row that was gone to: `{ list, index }` or null. */
let pointed = null, held = null;
/** How many holes have been filled so far, in the byte grid. */
let step = 0;

const DARK = Object.freeze({
  source: new Set(),
  ast: new Set(),
  bytecode: new Set(),
  machine: new Set(),
  exact: -1,
  range: null,
});
let light = DARK;

function makeView(index, compilation) {
  const fn = functions[index], file = files[fn.file];
  const made = fn.compilations[compilation] ?? null;
  const machine = [];
  let at = 0; // an instruction without code of its own begins where the next one does
  for (const { pc, title, isOutside, lines } of made?.sections ?? []) {
    machine.push({ isHead: true, isOutside, pc, title: strings[title], offset: at });
    for (const [offset, length, text, purpose] of lines) {
      machine.push({ isHead: false, isOutside, pc, offset, length, text, purpose });
      at = offset + length;
    }
  }
  const digits = made?.bytes.toUpperCase() ?? "", size = digits.length / 2;
  const patches = made?.patches.map(([offset, before, after, reason]) => ({
    offset,
    size: before.length / 2,
    before: spaced(before),
    after: spaced(after),
    reason: strings[reason],
  })) ?? [];
  // For each byte whether jump-patch filled it in, and the numbers of all patches that changed it.
  const isHole = new Uint8Array(size), changes = Array.from({ length: size }, () => []);
  patches.forEach(({ offset, size }, n) => {
    if (n < made.holes) isHole.fill(1, offset, offset + size);
    for (let at = offset; at < offset + size; at++) changes[at].push(n);
  });
  return {
    index,
    compilation,
    fn,
    file,
    made,
    machine,
    size,
    byteAt: (at) => digits.slice(2 * at, 2 * at + 2),
    isHole,
    changes,
    patches,
    byPc: new Map(fn.instructions.map((instruction, i) => [instruction.pc, i])),
    machineByPc: Map.groupBy(machine.keys(), (row) => machine[row].pc),
    learnt: new Map(fn.learnt),
  };
}

/** What belongs to a row, in all lists. */
function counterparts({ list, index }) {
  const { fn, file, machine } = view;
  switch (list) {
    case "source": {
      if (file.owners[index] !== view.index) return { ...DARK, source: new Set([index]) };
      const start = file.starts[index], end = file.starts[index + 1];
      const begins = (item) => item >= start && item < end;
      const found = fn.instructions.filter((instruction) => begins(instruction.start));
      return spread(found, {
        source: new Set([index]),
        ast: indices(fn.nodes, (node) => begins(node[2])),
        range: null,
      });
    }
    case "ast": {
      const [, , start, end] = fn.nodes[index];
      return spread(instructionsOf(start, end), { ast: new Set([index]), range: [start, end] });
    }
    case "bytecode":
      return ofInstruction(fn.instructions[index], -1);
    case "bytes": {
      const row = lastAtMost(machine, index, ({ offset }) => offset);
      return row < 0 ? DARK : ofMachine(row);
    }
    default:
      return ofMachine(index);
  }

  function ofMachine(row) {
    const { pc, isHead } = machine[row], instruction = fn.instructions[view.byPc.get(pc)];
    const exact = isHead ? -1 : row;
    return instruction === undefined
      ? { ...DARK, machine: new Set([row]), exact }
      : ofInstruction(instruction, exact);
  }

  function ofInstruction(instruction, exact) {
    const { start, end } = instruction;
    let ast = indices(fn.nodes, (node) => node[2] === start && node[3] === end);
    if (ast.size === 0) {
      const around = smallest(
        fn.nodes.filter((node) => node[2] <= start && node[3] >= end),
        (n) => n[3] - n[2],
      );
      ast = indices(fn.nodes, (node) => around.includes(node));
    }
    return { ...spread([instruction], { ast, range: [start, end] }), exact };
  }
}

/** Instructions within a stretch of the text; if there are none, the narrowest ones around it. */
function instructionsOf(start, end) {
  const { instructions } = view.fn;
  const inside = instructions.filter((item) => item.start >= start && item.end <= end);
  if (inside.length > 0) return inside;
  return smallest(
    instructions.filter((item) => item.start <= start && item.end >= end),
    (i) => i.end - i.start,
  );
}

function smallest(items, sizeOf) {
  const least = items.reduce((least, item) => Math.min(least, sizeOf(item)), Infinity);
  return items.filter((item) => sizeOf(item) === least);
}

function indices(items, holds) {
  const found = new Set();
  items.forEach((item, index) => holds(item) && found.add(index));
  return found;
}

/** A light on instructions, and with them on their machine code and lines. */
function spread(instructions, { source, ast, range }) {
  const pcs = new Set(instructions.map(({ pc }) => pc));
  const lines = source ?? new Set();
  if (source === undefined && range !== null) {
    const first = lineOf(view.file, range[0]), last = lineOf(view.file, Math.max(range[0], range[1] - 1));
    for (let line = first; line <= last; line++) lines.add(line);
  }
  return {
    source: lines,
    ast,
    bytecode: new Set(instructions.map(({ pc }) => view.byPc.get(pc))),
    machine: new Set([...pcs].flatMap((pc) => view.machineByPc.get(pc) ?? [])),
    exact: -1,
    range,
  };
}

/** Lets the light fall where it belongs now; columns other than the one it comes from scroll to what is lit. */
function shine() {
  const from = pointed ?? held;
  light = from === null ? DARK : counterparts(from);
  const all = Object.entries(lists);
  for (const [name, list] of all) {
    if (from === null || from.list === name || list.element.hidden) continue;
    const isExact = light.exact >= 0 && kindOf(name) === "machine";
    const lit = isExact ? new Set([light.exact]) : name === "bytes" ? bytesRows() : light[kindOf(name)];
    if (lit.size > 0 && !lit.values().some(list.isInView)) list.reveal(lit.values().next().value);
  }
  for (const [, list] of all) list.refresh();
}

const kindOf = (name) => name === "draft" || name === "code" ? "machine" : name;

/** The rows of the byte grid that hold the instruction under the light. */
function bytesRows() {
  const row = view.machine[light.exact];
  return new Set(row === undefined ? [] : [Math.floor(row.offset / BYTES_A_ROW)]);
}

function hold(list, index) {
  held = { list, index };
  pointed = null;
  if (lists[list] !== undefined && list !== "bytes") {
    lists[list].active = index;
    lists[list].reveal(index);
  }
  shine();
}

// ---- rows ----------------------------------------------------------------------------------------------------------

const isLit = (name, index) => light[kindOf(name)].has(index);

function classesOf(name, index) {
  const classes = [];
  if (isLit(name, index)) classes.push("lit");
  if (kindOf(name) === "machine") {
    if (index === light.exact) classes.push("exact");
    if (view.machine[index].isHead) classes.push("head");
  }
  if (name === "source" && view.file.owners[index] !== view.index) classes.push("other");
  if (held?.list === name && held.index === index) classes.push("held");
  return classes.join(" ");
}

const FILL = {
  source(row, index) {
    row.append(span("gutter", String(index + 1)), sourceText(index));
  },
  ast(row, index) {
    const [depth, text] = view.fn.nodes[index];
    const [, field, kind, rest] = /^(\w+: )?(\w+)(.*)$/.exec(strings[text]) ?? ["", "", "", strings[text]];
    const indent = span("indent", "");
    indent.style.paddingLeft = `${1.5 * Math.min(depth, 40)}ch`;
    row.append(indent, span("field", field ?? ""), span("kind", kind), span("datum", rest));
  },
  bytecode(row, index) {
    const { pc, line, name, operands, formula, rounds, exits } = view.fn.instructions[index];
    const isFirst = index === 0 || view.fn.instructions[index - 1].line !== line;
    const learnt = view.learnt.get(pc);
    row.append(
      span("gutter", isFirst ? String(line) : ""),
      span("pc", String(pc)),
      span("name", strings[name]),
    );
    if (learnt !== undefined) {
      row.append(make("span", { class: "learnt", title: `specialised: ${strings[learnt]}` }, "*"));
    }
    row.append(span("operands", ` ${strings[operands]}`));
    if (rounds !== undefined) row.append(span("chip rounds", `${count(rounds, "round")}`));
    for (const [reason, meaning, times] of exits ?? []) {
      const title = `${strings[reason]}: ${strings[meaning]}`;
      row.append(make("span", { class: "chip exits", title }, `${count(times, "exit")}: ${strings[reason]}`));
    }
    row.append(span("formula", strings[formula]));
    if (learnt !== undefined) row.append(span("formula", `as ${strings[learnt]}`));
  },
  draft(row, index) {
    fillMachine(row, view.machine[index], "draft");
  },
  code(row, index) {
    fillMachine(row, view.machine[index], "code");
  },
};

function fillMachine(row, item, column) {
  if (item.isHead) {
    row.append(span("title", item.title));
    return;
  }
  const { offset, length, text, purpose } = item, bytes = span("bytes", ""), filled = [];
  for (let at = offset; at < offset + length; at++) {
    const isHole = view.isHole[at] === 1;
    if (isHole) filled.push(view.byteAt(at));
    bytes.append(isHole ? span("hole", "__") : view.byteAt(at), " ");
  }
  row.append(span("offset", hex(offset)));
  if (column === "draft") row.append(bytes, span("text", strings[text]));
  else {
    // All other bytes are those of the draft, beside it.
    row.append(span("text", strings[text]), span("formula", strings[purpose]));
    if (filled.length > 0) row.append(span("chip filled", filled.join(" ")));
  }
}

/** A line of the source in colours; what is lit of it is marked. */
function sourceText(index) {
  const { file } = view, start = file.starts[index], end = start + file.lines[index].length;
  const text = span("text", "");
  const cuts = new Set([start, end]);
  const within = (offset) => offset > start && offset < end;
  const { colors } = file, first = Math.max(0, firstColor(colors, start));
  for (let i = first; i < colors.length && colors[i] < end; i += 3) {
    for (const offset of [colors[i], colors[i + 1]]) if (within(offset)) cuts.add(offset);
  }
  for (const offset of light.range ?? []) if (within(offset)) cuts.add(offset);
  const places = [...cuts].sort((a, b) => a - b);
  let color = first;
  for (let i = 0; i + 1 < places.length; i++) {
    while (color < colors.length && colors[color + 1] <= places[i]) color += 3;
    const isColored = color < colors.length && colors[color] <= places[i];
    const isHit = light.range !== null && light.range[0] <= places[i] && places[i] < light.range[1];
    const className = `${isColored ? `color-${colors[color + 2]}` : ""}${isHit ? " hit" : ""}`;
    text.append(span(className, file.text.slice(places[i], places[i + 1])));
  }
  return text;
}

/** The first of the coloured stretches that ends behind an offset. */
function firstColor(colors, offset) {
  let low = 0, high = colors.length / 3;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (colors[3 * middle + 1] <= offset) low = middle + 1;
    else high = middle;
  }
  return 3 * low;
}

/** The width of the longest row in characters, so that what is lit is lit from edge to edge. */
const WIDTHS = {
  source: () => 7 + widest(view.file.lines, (line) => line.length),
  ast: () => 4 + widest(view.fn.nodes, ([depth, text]) => 1.5 * Math.min(depth, 40) + strings[text].length),
  bytecode: () =>
    20 + widest(view.fn.instructions, ({ pc, name, operands, formula, exits = [] }) => {
      const learnt = view.learnt.get(pc);
      return strings[name].length + strings[operands].length + strings[formula].length + 16 +
        (learnt === undefined ? 0 : strings[learnt].length + 6) + 28 * exits.length;
    }),
  draft: () =>
    widest(view.machine, (item) => item.isHead ? item.title.length : 40 + strings[item.text].length),
  code: () =>
    widest(view.machine, (item) => {
      if (item.isHead) return item.title.length;
      return 26 + Math.max(26, strings[item.text].length) + strings[item.purpose].length;
    }),
};

function widest(items, widthOf) {
  return items.reduce((most, item) => Math.max(most, widthOf(item)), 0);
}

// ---- columns -------------------------------------------------------------------------------------------------------

const lists = {};
const columns = {};
const note = {};

for (const name of data.columns) {
  const list = createList({
    name,
    label: `${TITLES[name]}, ${SUBTITLES[name]}`,
    role: "listbox",
    fill: FILL[name],
    classes: (index) => classesOf(name, index),
  });
  lists[name] = list;
  note[name] = make("p", { class: "note", hidden: true });
  columns[name] = make(
    "section",
    { class: "column", "data-column": name, "aria-label": TITLES[name] },
    make("h2", {}, TITLES[name], " ", make("small", {}, SUBTITLES[name])),
    note[name],
    list.element,
  );
  list.element.addEventListener("mousemove", (event) => {
    const index = list.rowAt(event);
    if (event.buttons !== 0 || pointed?.list === name && pointed.index === index) return;
    pointed = index < 0 ? null : { list: name, index };
    shine();
  });
  list.element.addEventListener("mouseleave", () => {
    pointed = null;
    shine();
  });
  // Not at the click: the row that was pressed may have been drawn anew by then, and there would be none.
  list.element.addEventListener("mousedown", (event) => {
    const index = list.rowAt(event);
    if (index >= 0 && event.button === 0) goTo(name, index);
  });
  list.element.addEventListener("focus", () => {
    if (held?.list === name || list.length === 0) return;
    const lit = light[kindOf(name)];
    hold(name, lit.size > 0 ? lit.values().next().value : list.active);
  });
  list.element.addEventListener("keydown", (event) => onListKey(event, list));
}

/** Goes to a row; in the source, this may be a line of another function. */
function goTo(name, index) {
  const owner = name === "source" ? view.file.owners[index] : view.index;
  if (owner >= 0 && owner !== view.index) choose(owner);
  hold(name, index);
}

const MOVES = {
  ArrowDown: (index) => index + 1,
  ArrowUp: (index) => index - 1,
  PageDown: (index, { page }) => index + page,
  PageUp: (index, { page }) => index - page,
  Home: () => 0,
  End: (_, { length }) => length - 1,
};

function onListKey(event, list) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const move = MOVES[event.key];
  if (move !== undefined && list.length > 0) {
    hold(list.name, clamp(move(list.active, list), 0, list.length - 1));
  } else if (event.key === "Enter" && list.length > 0) {
    goTo(list.name, list.active);
  } else if (event.key === "Escape") {
    held = pointed = null;
    shine();
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const shown = data.columns.filter((name) => !columns[name].hidden);
    const next = shown[shown.indexOf(list.name) + (event.key === "ArrowRight" ? 1 : -1)];
    if (next === undefined) return;
    lists[next].element.focus({ preventScroll: true });
  } else return;
  event.preventDefault();
}

// ---- holes ---------------------------------------------------------------------------------------------------------

const grid = !data.hasPatches ? null : createList({
  name: "bytes",
  label: "Bytes of the machine code; the arrow keys fill one hole after the other",
  role: "group",
  classes: () => "",
  fill(row, index) {
    row.append(span("offset", hex(index * BYTES_A_ROW)));
    const now = step - 1, lit = view.machine[light.exact];
    const end = Math.min((index + 1) * BYTES_A_ROW, view.size);
    for (let at = index * BYTES_A_ROW; at < end; at++) {
      const changes = view.changes[at], last = changes.findLast((n) => n <= now);
      const classes = ["byte"];
      if (changes.length > 0) classes.push(last === undefined ? "open" : last === now ? "now" : "filled");
      if (lit !== undefined && at >= lit.offset && at < lit.offset + lit.length) classes.push("lit");
      const text = last !== undefined
        ? view.patches[last].after.split(" ")[at - view.patches[last].offset]
        : view.isHole[at]
        ? "__"
        : view.byteAt(at);
      row.append(make("span", { class: classes.join(" "), "data-at": at }, text));
    }
  },
});

const stepText = make("output", { class: "step", "aria-live": "polite" });
const slider = make("input", {
  type: "range",
  min: 0,
  value: 0,
  "aria-label": "Holes filled so far",
  oninput: () => stepTo(Number(slider.value)),
});
const stepButtons = [
  ["First", "⇤", () => 0],
  ["Previous", "←", () => step - 1],
  ["Next", "→", () => step + 1],
  ["Last", "⇥", () => view.patches.length],
].map(([label, sign, to]) =>
  make(
    "button",
    { type: "button", "aria-label": `${label} hole`, title: label, onclick: () => stepTo(to()) },
    sign,
  )
);
const holeList = createList({
  name: "holes",
  label: "All holes",
  role: "listbox",
  classes: (index) => index === step - 1 ? "held lit" : "",
  fill(row, index) {
    const { offset, before, after, reason } = view.patches[index];
    row.append(span("gutter", String(index + 1)), span("offset", hex(offset)));
    row.append(
      span("hole", before),
      " → ",
      span("filled", after),
      span("formula", reason),
    );
  },
});
holeList.element.addEventListener("mousedown", (event) => {
  const index = holeList.rowAt(event);
  if (index >= 0 && event.button === 0) stepTo(index + 1);
});
const holesPanel = make(
  "section",
  { class: "panel holes", "aria-label": "Holes" },
  make(
    "div",
    { class: "head" },
    make(
      "h2",
      {},
      "Holes ",
      make("small", {}, "what jump-patch filled in, one by one, and what was patched while the code ran"),
    ),
    make(
      "div",
      { class: "buttons", role: "group", "aria-label": "Step through the holes" },
      ...stepButtons,
      slider,
    ),
    stepText,
  ),
  make("div", { class: "bench" }, ...grid === null ? [] : [grid.element, holeList.element]),
);
if (grid !== null) {
  lists.bytes = grid;
  grid.element.addEventListener("mousemove", (event) => {
    const at = event.target.closest?.("[data-at]")?.dataset.at;
    const index = at === undefined ? -1 : Number(at);
    if ((pointed?.index ?? -1) === index && (pointed === null || pointed.list === "bytes")) return;
    pointed = index < 0 ? null : { list: "bytes", index };
    shine();
  });
  grid.element.addEventListener("mouseleave", () => {
    pointed = null;
    shine();
  });
  for (const { element } of [grid, holeList]) element.addEventListener("keydown", onHoleKey);
}

const STEPS = {
  ArrowRight: () => step + 1,
  ArrowDown: () => step + 1,
  ArrowLeft: () => step - 1,
  ArrowUp: () => step - 1,
  PageDown: () => step + holeList.page,
  PageUp: () => step - holeList.page,
  Home: () => 0,
  End: () => view.patches.length,
};

function onHoleKey(event) {
  const to = STEPS[event.key];
  if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  stepTo(to());
}

/** Fills as many holes as that; the light follows the one that was filled last. */
function stepTo(wanted) {
  if (grid === null) return;
  step = clamp(wanted, 0, view.patches.length);
  const patch = view.patches[step - 1];
  holeList.active = Math.max(0, step - 1);
  holeList.reveal(holeList.active);
  holeList.refresh();
  showStep();
  if (patch === undefined) {
    if (held?.list === "bytes") held = null;
    shine();
  } else {
    hold("bytes", patch.offset);
    grid.reveal(Math.floor(patch.offset / BYTES_A_ROW));
  }
}

function showStep() {
  const total = view.patches.length, patch = view.patches[step - 1];
  slider.max = total;
  slider.value = step;
  slider.disabled = total === 0;
  stepButtons.forEach((button, i) => button.disabled = i < 2 ? step === 0 : step === total);
  if (total === 0) {
    stepText.replaceChildren(view.made === null ? view.fn.state : "This code has no holes");
  } else if (patch === undefined) {
    stepText.replaceChildren(`${count(total, "hole")}, all still open`);
  } else {
    const { offset, before, after, reason } = patch;
    stepText.replaceChildren(
      `Hole ${step} of ${total}, at ${hex(offset)}: `,
      make("del", {}, before),
      " → ",
      make("ins", {}, after),
      ` ${reason}`,
    );
  }
}

// ---- events --------------------------------------------------------------------------------------------------------

const eventText = make("output", { class: "event-text", "aria-live": "polite" });
const eventButtons = events.map((event, index) => {
  const { what, details, line, milliseconds } = event, fn = functions[event.function];
  const name = fn === undefined ? "another function" : `${fn.name}, ${files[fn.file].path}:${line}`;
  const text = `${milliseconds.toFixed(2)} ms: ${what === "exit" ? "exited" : what} ${name}, ${details}`;
  return make("button", {
    type: "button",
    class: `event ${what.replace(" ", "-")}`,
    "aria-label": text,
    tabindex: index === 0 ? "0" : "-1",
    onmouseenter: () => eventText.replaceChildren(text),
    onfocus: () => eventText.replaceChildren(text),
    onclick: () => goToEvent(event),
    onkeydown: (key) => onEventKey(key, index),
  }, MARKS[what] ?? "•");
});

function onEventKey(key, index) {
  const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: events.length - 1 }[key.key];
  if (to === undefined || eventButtons[to] === undefined) return;
  key.preventDefault();
  eventButtons[index].tabIndex = -1;
  eventButtons[to].tabIndex = 0;
  eventButtons[to].focus();
}

function goToEvent({ function: index, compilation, pc }) {
  if (index < 0) return;
  choose(index, compilation >= 0 ? compilation : undefined);
  const row = pc === null ? undefined : view.byPc.get(pc);
  if (row !== undefined && lists.bytecode !== undefined) hold("bytecode", row);
}

function makeTimeline() {
  const lanes = [...new Set(events.map((event) => event.function))];
  const chart = make("div", { class: "chart", role: "presentation" });
  chart.style.gridTemplateColumns = `max-content repeat(${events.length}, 1.75rem)`;
  lanes.forEach((index, lane) => {
    const label = span("lane", functions[index]?.name ?? "others");
    label.style.gridRow = lane + 2;
    chart.append(label);
  });
  // Events come in heaps, so each has its own place, whatever the time; the time stands above the first of a heap.
  let before = -Infinity;
  events.forEach(({ milliseconds, function: index }, i) => {
    if (i === 0 || milliseconds - before >= 1 && i % 3 === 0) {
      const time = span("time", `${milliseconds.toFixed(1)} ms`);
      time.style.gridColumn = i + 2;
      chart.append(time);
      before = milliseconds;
    }
    eventButtons[i].style.gridColumn = i + 2;
    eventButtons[i].style.gridRow = lanes.indexOf(index) + 2;
  });
  chart.append(...eventButtons);
  const seen = Object.entries(MARKS).filter(([what]) => events.some((event) => event.what === what));
  return make(
    "section",
    { class: "panel timeline", "aria-label": "What happened to hot code" },
    make(
      "div",
      { class: "head" },
      make("h2", {}, "What happened ", make("small", {}, "to hot code, in this order")),
      make(
        "ul",
        { class: "legend" },
        ...seen.map(([what, mark]) =>
          make("li", {}, span(`event ${what.replace(" ", "-")}`, mark), ` ${what}`)
        ),
      ),
      eventText,
    ),
    events.length === 0
      ? make(
        "p",
        { class: "note" },
        "Nothing got hot enough for machine code, or there is none on this machine.",
      )
      : make("div", { class: "scroll" }, chart),
  );
}

// ---- the page ------------------------------------------------------------------------------------------------------

const functionChoice = make("select", {
  id: "function",
  onchange: () => choose(Number(functionChoice.value)),
});
files.forEach((file, number) => {
  const group = make("optgroup", { label: file.path });
  functions.forEach((fn, index) => {
    if (fn.file !== number) return;
    const isNative = fn.compilations.length > 0;
    group.append(make("option", { value: index }, `${fn.name}, line ${fn.line}${isNative ? " ■" : ""}`));
  });
  functionChoice.append(group);
});
const compilationChoice = make("select", {
  id: "compilation",
  onchange: () => choose(view.index, Number(compilationChoice.value)),
});
const compilationLabel = make("label", { for: "compilation" }, "Compilation ", compilationChoice);
const state = make("span", { class: "state" });

const columnButtons = data.columns.map((name) =>
  make("button", {
    type: "button",
    "aria-pressed": "true",
    onclick(event) {
      const isShown = event.target.getAttribute("aria-pressed") === "true";
      event.target.setAttribute("aria-pressed", String(!isShown));
      columns[name].hidden = isShown;
    },
  }, TITLES[name])
);

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const themeButton = make("button", {
  type: "button",
  class: "theme",
  onclick: () => setTheme(themeNow() === "dark" ? "light" : "dark"),
});
prefersDark.addEventListener("change", nameTheme);

function themeNow() {
  return document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light");
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("unnarize-theme", theme);
  } catch {
    // A page from a file may have no storage; then the choice is for today.
  }
  nameTheme();
}

function nameTheme() {
  const other = themeNow() === "dark" ? "light" : "dark";
  themeButton.replaceChildren(other === "light" ? "☀ Light" : "☾ Dark");
  themeButton.setAttribute("aria-label", `Change to ${other} colours`);
}

const KEYS = [
  ["↑ ↓", "line by line; also Page Up, Page Down, Home, End"],
  ["← →", "the same place in the column beside; hole by hole in the grid; event by event"],
  ["Tab", "on to the next column or control"],
  ["Enter", "on a line of another function: go there; on an event: show what it is about"],
  ["Esc", "let go of the line"],
];
const help = make(
  "details",
  { class: "help" },
  make("summary", {}, "Keys"),
  make("dl", {}, ...KEYS.flatMap(([keys, text]) => [make("dt", {}, keys), make("dd", {}, text)])),
);

/** Chooses a function, and which of its compilations is shown: the last one, unless somebody says. */
function choose(index, compilation = functions[index].compilations.length - 1) {
  if (view?.index === index && view.compilation === compilation) return;
  view = makeView(index, compilation);
  pointed = held = null;
  light = DARK;
  step = 0;
  const { fn, file, machine, made } = view;
  functionChoice.value = index;
  compilationChoice.replaceChildren(
    ...fn.compilations.map((_, n) => make("option", { value: n }, `${n + 1} of ${fn.compilations.length}`)),
  );
  compilationChoice.value = compilation;
  compilationLabel.hidden = fn.compilations.length < 2;
  const calls = fn.calls === null || fn.calls === 0 ? "" : `${count(fn.calls, "call")} counted. `;
  state.replaceChildren(`${calls}${fn.state}.`);
  const lengths = {
    source: file.lines.length,
    ast: fn.nodes.length,
    bytecode: fn.instructions.length,
    draft: machine.length,
    code: machine.length,
  };
  for (const name of data.columns) {
    const why = (name === "draft" || name === "code") && made === null || lengths[name] === 0;
    note[name].hidden = !why;
    note[name].replaceChildren(why ? `${fn.state}.` : "");
    lists[name].element.hidden = why;
    lists[name].show(lengths[name], lengths[name] === 0 ? 0 : WIDTHS[name]());
  }
  lists.source.active = fn.line - 1;
  lists.source.reveal(fn.line - 1);
  lists.source.refresh();
  if (grid !== null) {
    grid.show(Math.ceil(view.size / BYTES_A_ROW), 0);
    grid.element.hidden = holeList.element.hidden = view.patches.length === 0;
    holeList.show(view.patches.length, 40 + widest(view.patches, ({ reason }) => reason.length));
    showStep();
  }
}

document.body.append(
  make(
    "header",
    {},
    make("h1", {}, "Unnarize"),
    make("label", { for: "function" }, "Function ", functionChoice),
    compilationLabel,
    state,
    make("div", { class: "buttons columns-shown", role: "group", "aria-label": "Columns" }, ...columnButtons),
    help,
    themeButton,
  ),
  ...data.messages.length === 0 ? [] : [
    make(
      "details",
      { class: "messages", open: true },
      make("summary", {}, count(data.messages.length, "message")),
      make("pre", {}, data.messages.join("\n")),
    ),
  ],
  ...data.hasEvents ? [makeTimeline()] : [],
  make("main", {}, ...data.columns.map((name) => columns[name])),
  ...data.hasPatches ? [holesPanel] : [],
);
try {
  const theme = localStorage.getItem("unnarize-theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // As above: nothing was kept.
}
nameTheme();
if (functions.length > 0) {
  // What ran as machine code is what one wants to see.
  const native = functions.findIndex(({ compilations }) => compilations.length > 0);
  choose(Math.max(0, native));
} else {
  functionChoice.disabled = true;
  compilationLabel.hidden = true;
  state.replaceChildren("Nothing was compiled.");
  if (grid !== null) holesPanel.hidden = true;
}

// ---- paper ---------------------------------------------------------------------------------------------------------

// Columns that scroll are no good on paper: there, the function is a listing, line by line of its source.

const paper = make("article", { class: "paper" });
document.body.append(paper);
addEventListener("beforeprint", layOut);
matchMedia("print").addEventListener("change", (event) => event.matches && layOut());

function layOut() {
  if (view === null) return;
  const { fn, file, machine, patches } = view;
  paper.replaceChildren(
    make("h1", {}, fn.name, " ", make("small", {}, `${file.path}:${fn.line}`)),
    make("p", {}, state.textContent),
    ...data.columns.includes("bytecode") ? [listing(fn, file, machine)] : [],
    ...data.columns.includes("ast") && fn.nodes.length > 0
      ? [
        make("h2", {}, "Tree"),
        make("pre", {}, fn.nodes.map(([depth, text]) => "  ".repeat(depth) + strings[text]).join("\n")),
      ]
      : [],
    ...patches.length > 0 ? [make("h2", {}, "Holes"), holesTable(patches)] : [],
    ...events.length > 0
      ? [
        make("h2", {}, "What happened"),
        make("ol", {}, ...eventButtons.map((button) => make("li", {}, button.getAttribute("aria-label")))),
      ]
      : [],
  );
}

function listing(fn, file, machine) {
  const inside = machine.filter(({ isHead, isOutside }) => !isHead && !isOutside);
  const byPc = Map.groupBy(inside, ({ pc }) => pc), outside = machine.filter(({ isOutside }) => isOutside);
  const body = make("tbody");
  const heading = (text) =>
    body.append(make("tr", { class: "line" }, make("th", { colspan: 2, scope: "colgroup" }, text)));
  const row = (left, right) => body.append(make("tr", {}, make("td", {}, ...left), make("td", {}, ...right)));
  let line = 0;
  for (const { pc, line: own, name, operands, formula } of fn.instructions) {
    if (own !== line) heading(`${line = own}  ${file.lines[own - 1].trim()}`);
    const left = [
      `${String(pc).padStart(3)}  ${strings[name]} ${strings[operands]}`,
      make("em", {}, strings[formula]),
    ];
    row(left, (byPc.get(pc) ?? []).map(machineLine));
  }
  if (outside.length > 0) heading("Behind the instructions");
  for (const [i, { isHead, title }] of outside.entries()) {
    if (!isHead) continue;
    const next = outside.findIndex((item, at) => at > i && item.isHead);
    row([title], outside.slice(i + 1, next < 0 ? undefined : next).map(machineLine));
  }
  const head = ["Bytecode", "Machine code"].map((text) => make("th", { scope: "col" }, text));
  return make("table", { class: "listing" }, make("thead", {}, make("tr", {}, ...head)), body);
}

function machineLine({ offset, length, text, purpose }) {
  const bytes = Array.from({ length }, (_, i) => view.byteAt(offset + i)).join(" ");
  const texts = [hex(offset), bytes, strings[text], strings[purpose]];
  return make("div", { class: "machine" }, ...texts.map((text) => make("span", {}, text)));
}

function holesTable(patches) {
  const cells = (tag, texts) => make("tr", {}, ...texts.map((text) => make(tag, {}, text)));
  return make(
    "table",
    {},
    make("thead", {}, cells("th", ["Offset", "Before", "After", "Why"])),
    make(
      "tbody",
      {},
      ...patches.map(({ offset, before, after, reason }) =>
        cells("td", [hex(offset), before, after, reason])
      ),
    ),
  );
}
