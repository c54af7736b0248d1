/**
 * `ucoreTimer`: the clock, waiting, and dates. How a task is taken off the stacks and comes back is the machine's business;
 * a native only says for how long. This file decides what a date is to a program, and how patterns write one.
 *
 * :dates: A moment is a number of milliseconds since 1970 began in UTC. A date is a map of what a calendar and a clock
 * show at a moment, `local`ly or in `utc`; years are those of the Gregorian calendar, also before there was one. What
 * is beyond its range carries over, so that programs compute with dates: day 0 is the last one of the month before.
 */

import type { NativeDef, Param } from "../core/machine.ts";
import { defineHostNative, type HostValue } from "../core/convert.ts";
import type { Plugin } from "../core/plugin.ts";
import { setDouble, setInt32 } from "../core/value.ts";
import { numberAt } from "../core/arithmetic.ts";
import { valueToDisplay } from "../core/text.ts";

const MILLISECONDS: Param = { name: "ms", type: "int" };
const FUNCTION: Param = { name: "f", type: "function" };

// ---- the clock and waiting ---------------------------------------------------------------------------------------

const NOW: NativeDef = {
  name: "ucoreTimer.now",
  params: [],
  doc: "Milliseconds of a clock that never goes backwards, as a float; only differences mean something.",
  example: { code: "var before = ucoreTimer.now();\nprint ucoreTimer.now() >= before;", output: "true\n" },
  call: (call) => setDouble(call.result, call.machine.host.now()),
};

const SLEEP: NativeDef = {
  name: "ucoreTimer.sleep",
  params: [MILLISECONDS],
  doc: "Makes the running task wait for this many milliseconds, then gives 0; below zero is no time at all.",
  example: {
    code: "var before = ucoreTimer.now();\nprint ucoreTimer.sleep(5);\nprint ucoreTimer.now() - before >= 4;",
    output: "0\ntrue\n",
  },
  call(call) {
    // The task is put aside together with its registers, so the result has to be among them by then.
    setInt32(call.result, 0);
    call.sleep(Math.max(0, numberAt(call.word(0))));
  },
};

const NO_EXAMPLE = { code: "", output: "" };

/** Waits for a moment of the clock and not for a time, which would be longer by what is done before it begins. */
const SLEEP_UNTIL: NativeDef = {
  name: "ucoreTimer.sleepUntil",
  params: [{ name: "moment", type: "float" }],
  doc: "Makes the running task wait until the clock shows this.",
  example: NO_EXAMPLE,
  call: (call) => call.sleep(Math.max(0, numberAt(call.word(0)) - call.machine.host.now())),
};

const CHECK_INTERVAL: NativeDef = {
  name: "ucoreTimer.checkInterval",
  params: [MILLISECONDS],
  doc: "Refuses intervals that are none.",
  example: NO_EXAMPLE,
  call(call) {
    const word = call.word(0);
    if (numberAt(word) >= 1) return;
    call.fail(`ucoreTimer.every expects an interval of at least 1 ms, but got ${valueToDisplay(word)}.`);
  },
};

const WAITING: readonly NativeDef[] = [
  NOW,
  SLEEP,
  {
    name: "ucoreTimer.after",
    params: [MILLISECONDS, FUNCTION],
    doc:
      "Starts a task that calls a function without arguments after this many milliseconds; gives the future of its result.",
    example: {
      code: 'var tea = ucoreTimer.after(5, function () { return "tea"; });\nprint "water";\nprint await tea;',
      output: "water\ntea\n",
    },
    uses: [SLEEP],
    code: `function (ms, f) {
      async function later() {
        sleep(ms);
        return f();
      }
      return later();
    }`,
  },
  {
    name: "ucoreTimer.every",
    params: [MILLISECONDS, FUNCTION],
    doc:
      "Starts a task that calls a function without arguments at the end of each interval, until that gives false; gives the task's future. The beats do not drift, and those that pass while the function is at work are left out.",
    example: {
      code: `var count = 3;
await ucoreTimer.every(2, function () {
  print count;
  count -= 1;
  return count > 0;
});
print "go";`,
      output: "3\n2\n1\ngo\n",
    },
    uses: [NOW, SLEEP_UNTIL, CHECK_INTERVAL],
    code: `function (ms, f) {
      checkInterval(ms);
      async function again() {
        var due = now() + ms;
        while (true) {
          sleepUntil(due);
          if (f() == false) return nil;
          due += ms;
          var late = now() - due;
          if (late > 0) due += ms * int(late / ms + 1);
        }
      }
      return again();
    }`,
  },
];

// ---- dates -------------------------------------------------------------------------------------------------------

type Zone = "local" | "utc";

/** What a program gets as a map. */
interface DateFields {
  readonly year: number;
  /** From 1 on. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
  /** From 0, Sunday, to 6. */
  readonly weekday: number;
  readonly zone: Zone;
  /** Minutes by which the clocks are ahead of UTC. */
  readonly offset: number;
  /** The moment. */
  readonly time: number;
}

/** The date of a moment that `Date` allows. */
function dateAt(time: number, zone: Zone): DateFields {
  const offset = zone === "utc" ? 0 : 0 - new Date(time).getTimezoneOffset();
  const shown = new Date(time + offset * 60_000);
  return {
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth() + 1,
    day: shown.getUTCDate(),
    hour: shown.getUTCHours(),
    minute: shown.getUTCMinutes(),
    second: shown.getUTCSeconds(),
    millisecond: shown.getUTCMilliseconds(),
    weekday: shown.getUTCDay(),
    zone,
    offset,
    time,
  };
}

/** The moment that the fields of a map stand for. Of a time that clocks show twice, the first one. */
function momentOf(name: string, date: ReadonlyMap<HostValue, HostValue>, zone: Zone): number {
  const field = (key: string, otherwise?: number) => {
    const value = date.get(key) ?? otherwise;
    if (typeof value === "number" && Number.isInteger(value)) return value;
    const problem = value === undefined ? "lacks it" : `has ${display(value)}`;
    throw new Error(`${name} expects an int as '${key}' of a date, but the map ${problem}.`);
  };
  const day = [field("year"), field("month", 1) - 1, field("day", 1)] as const;
  const time = [field("hour", 0), field("minute", 0), field("second", 0), field("millisecond", 0)] as const;
  const moment = new Date(0);
  if (zone === "utc") {
    moment.setUTCFullYear(...day);
    moment.setUTCHours(...time);
  } else {
    moment.setFullYear(...day);
    moment.setHours(...time);
  }
  return moment.getTime();
}

function display(value: HostValue): string {
  return typeof value === "string" ? `"${value}"` : typeof value === "object" ? "something else" : `${value}`;
}

function zoneOf(name: string, value: HostValue | undefined): Zone {
  if (value === undefined) return "local";
  if (value === "local" || value === "utc") return value;
  throw new Error(`${name} knows the zones "local" and "utc", but not ${display(value)}.`);
}

/** The date that an argument is about: a moment, or a date, whose zone is its own if it says so. */
function readDate(name: string, value: HostValue, zone: Zone | null): DateFields {
  let time: number, own: Zone = "local";
  if (value instanceof Map) {
    own = value.has("zone") ? zoneOf(name, value.get("zone")) : zone ?? own;
    time = momentOf(name, value, own);
  } else time = Math.floor(Number(value));
  if (Math.abs(time) <= MOMENT_MAX) return dateAt(time, zone ?? own);
  throw new Error(`${name} knows only moments within 100 million days of 1970.`);
}

/** What `Date` allows, less a day: clocks somewhere are that much ahead. */
const MOMENT_MAX = 8.64e15 - 86_400_000;

const WHEN: Param = { name: "when", type: ["number", "map"], mode: "optional" };

const DATES: readonly NativeDef[] = [
  defineHostNative({
    name: "ucoreTimer.date",
    params: [{ name: "zone", type: "string", mode: "optional" }, WHEN],
    doc:
      'The date, in the zone "local" or "utc", of this moment, of one in milliseconds since 1970, or of another date, whose fields may be beyond their ranges.',
    example: {
      code: `var d = ucoreTimer.date("utc", 951782400000);
print d["year"] + "/" + d["month"] + "/" + d["day"] + ", weekday " + d["weekday"];
d["day"] += 1;
print ucoreTimer.date("utc", d)["month"];
print ucoreTimer.date()["year"] > 2000;`,
      output: "2000/2/29, weekday 2\n3\ntrue\n",
    },
    run([zone, when = Date.now()]) {
      const name = "ucoreTimer.date";
      return new Map(Object.entries(readDate(name, when, zoneOf(name, zone))));
    },
  }),
  defineHostNative({
    name: "ucoreTimer.format",
    params: [{ name: "when", type: ["number", "map"] }, { name: "pattern", type: "string" }],
    doc:
      "The text of a date, or of a local one by its milliseconds since 1970: a pattern in which %Y stands for the year, %m for the month, and so on.",
    example: {
      code: `var d = ucoreTimer.date("utc", 1000000000000);
print ucoreTimer.format(d, "%Y-%m-%d %H:%M:%S");
print ucoreTimer.format(d, "%A, %e %B, %I:%M %p");`,
      output: "2001-09-09 01:46:40\nSunday,  9 September, 01:46 AM\n",
    },
    run([when, pattern]) {
      const name = "ucoreTimer.format";
      if (typeof pattern !== "string") throw new Error(`${name} expects a pattern that is UTF-8.`);
      const date = readDate(name, when, null);
      return pattern.replace(/%(.?)/gsu, (written, code: string) => {
        if (Object.hasOwn(CODES, code)) return CODES[code](date);
        throw new Error(`${name} knows no '${written}'; a percent sign is written %%.`);
      });
    },
  }),
];

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
// deno-fmt-ignore
const MONTHS = [
  "January", "February", "March", "April", "May", "June",
  "July", "August", "September", "October", "November", "December",
];

const two = (n: number) => String(n).padStart(2, "0");
const year = (n: number) => (n < 0 ? "-" : "") + String(Math.abs(n)).padStart(4, "0");

/** What the letters behind a percent sign stand for: as in `strftime` of C, and `%L` the milliseconds. */
const CODES: Readonly<Record<string, (date: DateFields) => string>> = {
  "Y": (d) => year(d.year),
  "y": (d) => two((d.year % 100 + 100) % 100),
  "m": (d) => two(d.month),
  "B": (d) => MONTHS[d.month - 1],
  "b": (d) => MONTHS[d.month - 1].slice(0, 3),
  "d": (d) => two(d.day),
  "e": (d) => String(d.day).padStart(2),
  "j": (d) => String(dayOfYear(d)).padStart(3, "0"),
  "A": (d) => WEEKDAYS[d.weekday],
  "a": (d) => WEEKDAYS[d.weekday].slice(0, 3),
  "H": (d) => two(d.hour),
  "I": (d) => two((d.hour + 11) % 12 + 1),
  "p": (d) => d.hour < 12 ? "AM" : "PM",
  "M": (d) => two(d.minute),
  "S": (d) => two(d.second),
  "L": (d) => String(d.millisecond).padStart(3, "0"),
  "s": (d) => String(Math.floor(d.time / 1000)),
  "z": (d) => zoneText(Math.trunc(d.offset)),
  "F": (d) => `${year(d.year)}-${two(d.month)}-${two(d.day)}`,
  "T": (d) => `${two(d.hour)}:${two(d.minute)}:${two(d.second)}`,
  "%": () => "%",
};

function dayOfYear({ year, month, day }: DateFields): number {
  const [first, today] = [new Date(0), new Date(0)];
  first.setUTCFullYear(year, 0, 1);
  today.setUTCFullYear(year, month - 1, day);
  return (today.getTime() - first.getTime()) / 86_400_000 + 1;
}

/** `+0130` for clocks that are 90 minutes ahead of UTC. */
function zoneText(offset: number): string {
  const size = Math.abs(offset);
  return (offset < 0 ? "-" : "+") + two(Math.trunc(size / 60)) + two(size % 60);
}

/** The plugin of `ucoreTimer`. */
export const timer = {
  name: "timer",
  doc: "The clock, waiting, and dates.",
  libraries: [{
    name: "ucoreTimer",
    doc: "The clock, waiting for its time to pass, and dates.",
    natives: [...WAITING, ...DATES],
  }],
} satisfies Plugin;
