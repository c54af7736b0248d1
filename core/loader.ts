/**
 * Loads a compiled program into linear memory: constants become values, functions become PROTO objects, numbers of
 * globals become their addresses. It decides nothing about running; `engine.ts` does.
 */

import { views } from "./memory.ts";
import * as value from "./value.ts";
import { setBool, setDouble, setNil, setObject } from "./value.ts";
import { allocate, newFunction, newStructType, safepoint } from "./heap.ts";
import { storeBigInt } from "./arithmetic.ts";
import { newStringBytes, newStringText, stringUnits } from "./strings.ts";
import { type Constant, type FunctionProto, opOf, type Program, Proto } from "./program.ts";
import { globalOf, type LoadedFunction, type Machine, type Module, registerFunction } from "./machine.ts";
import { OP, type OpcodeDef } from "./opcodes.ts";

const { I32 } = views;
const { Kind } = value;

/** Words of a function's window when it has `registers`: at least one, for the value of a body that returns none. */
const windowWords = (registers: number) => Math.max(1, registers) * 2;

/**
 * Rounds after which the loop whose LOOP word is at `pc` is looked at for the first time: those that the profile pass
 * has planted, or `tick` if it has not run.
 */
export function grantedRounds(proto: FunctionProto, pc: number, tick: number): number {
  return proto.budget === undefined ? tick : (proto.code[pc] >>> 8) + 1;
}

function unitsOfConstant(constant: Constant): number {
  switch (constant.kind) {
    case "string":
      return stringUnits(constant.bytes.length);
    case "struct":
      return constant.fields.reduce(
        (sum, field) => sum + 1 + stringUnits(field.length * 3),
        4 + stringUnits(constant.name.length * 3),
      );
    default:
      return 2;
  }
}

/**
 * Loads a program as code of `module` and gives the ref of a function: that of its body, unless `wanted` is another one,
 * which must not capture anything. `tick` is after how many rounds or calls loops and functions without a count are looked
 * at.
 */
export function loadProgram(
  machine: Machine,
  program: Program,
  module: Module,
  opcodes: readonly OpcodeDef[],
  tick: number,
  wanted: FunctionProto = program.main,
): number {
  let units = 16;
  for (const proto of program.protos) {
    units += 16 + (proto.code.length + proto.captures.length >> 1) + 2 * proto.constants.length;
    for (const constant of proto.constants) units += unitsOfConstant(constant);
  }
  // One safepoint for everything: until the functions are registered, nothing roots the constants.
  safepoint(units);
  const globals = program.globals.map((name) => globalOf(machine, module, name));
  const refs = new Map<FunctionProto, number>();
  const strings = new Map<string, number>();

  // Functions refer to the functions inside them as constants, so the innermost come first.
  for (const proto of innermostFirst(program)) refs.set(proto, loadFunction(proto));
  return newFunction((refs.get(wanted)! + 1 + wanted.constants.length) << 1, 0);

  function loadFunction(proto: FunctionProto): number {
    const { code, constants, captures } = proto;
    const size = 1 + constants.length + (Proto.CODE + code.length + captures.length + 1 >> 1);
    const ref = allocate(Kind.PROTO, size), word = (ref + 1 + constants.length) << 1;
    I32[(ref << 1) + 1] = constants.length;
    constants.forEach((constant, i) => storeConstant(word - 2 - 2 * i, constant));
    I32[word + Proto.SELF] = ref;
    I32[word + Proto.ARITY] = proto.isAsync ? -1 - proto.arity : proto.arity;
    I32[word + Proto.FRAME] = windowWords(proto.registers);
    I32[word + Proto.GRANTED] = proto.budget ?? tick;
    I32[word + Proto.COUNTER] = I32[word + Proto.GRANTED] - 1;
    I32[word + Proto.LENGTH] = code.length;
    I32[word + Proto.CAPTURES] = captures.length;
    I32[word + Proto.NATIVE] = 0;
    const start = word + Proto.CODE;
    I32.set(code, start);
    captures.forEach((capture, i) => {
      I32[start + code.length + i] = capture.from === "register" ? capture.index : ~capture.index;
    });
    for (let pc = 0; pc < code.length;) {
      const op = opOf(code[pc]), { words = [] } = opcodes[op].operands;
      if (op === OP.LOOP) I32[start + pc] = OP.LOOP | grantedRounds(proto, pc, tick) - 1 << 8;
      pc++;
      for (const kind of words) {
        if (kind === "global") I32[start + pc] = globals[code[pc]];
        pc++;
      }
    }
    const loaded: LoadedFunction = { proto, source: program.source, module, word, machine, counted: 0 };
    registerFunction(loaded);
    return ref;
  }

  function storeConstant(word: number, constant: Constant): void {
    switch (constant.kind) {
      case "nil":
        return setNil(word);
      case "bool":
        return setBool(word, constant.value);
      case "int":
        return storeBigInt(word, constant.value);
      case "float":
        return setDouble(word, constant.value);
      case "string":
        return setObject(word, Kind.STRING, intern(constant.bytes));
      case "function":
        return setObject(word, Kind.PROTO, refs.get(constant.proto)!);
      case "struct": {
        const type = newStructType(
          newStringText(constant.name),
          constant.fields.map((f) => newStringText(f)),
        );
        machine.pinned.push(type); // inline caches compare refs of types, which therefore must never be reused
        return setObject(word, Kind.STRUCT_TYPE, type);
      }
    }
  }

  /** Equal string constants of a program are one object, which makes comparing them quick. */
  function intern(bytes: Uint8Array): number {
    if (bytes.length > 64) return newStringBytes(bytes);
    const key = String.fromCharCode(...bytes);
    let ref = strings.get(key);
    if (ref === undefined) {
      ref = newStringBytes(bytes);
      strings.set(key, ref);
    }
    return ref;
  }
}

/** The functions of a program such that each comes after those it has as constants. */
function innermostFirst(program: Program): FunctionProto[] {
  const order: FunctionProto[] = [], seen = new Set<FunctionProto>();
  const open: { proto: FunctionProto; done: boolean }[] = program.protos.map((proto) => ({
    proto,
    done: false,
  }));
  while (open.length > 0) {
    const top = open.pop()!;
    if (top.done) order.push(top.proto);
    else if (!seen.has(top.proto)) {
      seen.add(top.proto);
      open.push({ proto: top.proto, done: true });
      for (const constant of top.proto.constants) {
        if (constant.kind === "function") open.push({ proto: constant.proto, done: false });
      }
    }
  }
  return order;
}
