/**
 * The exercises in the order of the pages that go before them. Each has a folder with its statement, a skeleton that
 * readers begin with, and its questions; `core/lab.ts` puts those to what readers have made of the skeleton.
 *
 * @module
 */

import type { AnyLab } from "../../core/lab.ts";
import { token } from "./1-token/questions.ts";
import { foldNot } from "./2-fold-not/questions.ts";
import { earlyReturn } from "./3-early-return/questions.ts";
import { nanBox } from "./4-nan-box/questions.ts";
import { opcode } from "./5-opcode/questions.ts";
import { encode } from "./6-encode/questions.ts";
import { patch } from "./7-patch/questions.ts";
import { mark } from "./8-mark/questions.ts";

/** All labs. ORDER: a lab's number is its place here, and begins the name of its folder. */
export const LABS: readonly AnyLab[] = [
  token,
  foldNot,
  earlyReturn,
  nanBox,
  opcode,
  encode,
  patch,
  mark,
];
