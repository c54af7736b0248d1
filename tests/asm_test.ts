/**
 * The assembler: known bytes for each family of encodings, then every encoding over all registers, address forms and
 * boundary immediates, read back by two foreign disassemblers and by our own. All three must say what was asked for.
 */

import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { Decoder, Formatter, FormatterSyntax, Instruction, MemorySizeOptions } from "iced-x86";
import { AssemblerFault, createAssembler, type X64Assembler } from "../backends/x64/assembler.ts";
import { decode, listBytes } from "../backends/x64/disassembler.ts";
import { type Form, formsOf, MNEMONICS } from "../backends/x64/encodings.ts";
import {
  al,
  bpl,
  byte,
  cl,
  disp32,
  dword,
  eax,
  ecx,
  imm32,
  imm64,
  Kind,
  type Label,
  mem,
  type Operand,
  qword,
  r12,
  r13,
  r14,
  r15,
  type R64,
  r8,
  r8b,
  r8d,
  r9,
  rax,
  rbp,
  rbx,
  rcx,
  rdx,
  REGISTERS,
  rip,
  rsp,
  short,
  sil,
  type Unsized,
  word,
  xmm0,
  xmm1,
  xmm15,
  xmm9,
} from "../backends/x64/operands.ts";

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ");
}

// ---- Known bytes ----------------------------------------------------------------------------------------------------

/** What the call emits, as the processor manual has it, and how it is listed. */
const KNOWN: readonly [string, (asm: X64Assembler) => void, string][] = [
  ["88 c8", (asm) => asm.mov(al, cl), "mov al,cl"],
  ["40 88 f5", (asm) => asm.mov(bpl, sil), "mov bpl,sil"],
  ["89 c8", (asm) => asm.mov(eax, ecx), "mov eax,ecx"],
  ["4d 89 f8", (asm) => asm.mov(r8, r15), "mov r8,r15"],
  ["48 8b 43 08", (asm) => asm.mov(rax, mem(rbx, 8)), "mov rax,[rbx+8]"],
  ["48 8b 03", (asm) => asm.mov(rax, mem(rbx)), "mov rax,[rbx]"],
  ["48 8b 43 80", (asm) => asm.mov(rax, mem(rbx, -128)), "mov rax,[rbx-128]"],
  ["48 8b 83 80 00 00 00", (asm) => asm.mov(rax, mem(rbx, 128)), "mov rax,[rbx+128]"],
  ["48 8b 04 24", (asm) => asm.mov(rax, mem(rsp)), "mov rax,[rsp]"],
  ["49 8b 44 24 08", (asm) => asm.mov(rax, mem(r12, 8)), "mov rax,[r12+8]"],
  ["48 8b 45 00", (asm) => asm.mov(rax, mem(rbp)), "mov rax,[rbp]"],
  ["49 8b 45 00", (asm) => asm.mov(rax, mem(r13)), "mov rax,[r13]"],
  ["48 8b 44 cd 00", (asm) => asm.mov(rax, mem(rbp, rcx, 8)), "mov rax,[rbp+rcx*8]"],
  ["4a 8b 04 20", (asm) => asm.mov(rax, mem(rax, r12, 1)), "mov rax,[rax+r12]"],
  ["c6 03 ff", (asm) => asm.mov(byte(mem(rbx)), 255), "mov byte [rbx],255"],
  [
    "c7 43 0c 00 00 ff ff",
    (asm) => asm.mov(dword(mem(rbx, 12)), 0xffff0000),
    "mov dword [rbx+12],0xffff0000",
  ],
  ["48 c7 03 ff ff ff ff", (asm) => asm.mov(qword(mem(rbx)), -1), "mov qword [rbx],-1"],
  ["b8 ff ff ff ff", (asm) => asm.mov(rax, 0xffffffff), "mov eax,-1"],
  ["41 b8 05 00 00 00", (asm) => asm.mov(r8d, 5), "mov r8d,5"],
  ["48 c7 c0 ff ff ff ff", (asm) => asm.mov(rax, -1), "mov rax,-1"],
  ["48 b8 00 00 00 00 01 00 00 00", (asm) => asm.mov(rax, 2 ** 32), "mov rax,0x100000000"],
  [
    "48 b8 05 00 00 00 00 00 ff ff",
    (asm) => asm.mov(rax, imm64(5, 0xffff0000)),
    "mov rax,0xffff000000000005",
  ],
  ["48 b8 05 00 00 00 00 00 00 00", (asm) => asm.mov(rax, imm64(5, 0)), "mov rax,5"],
  ["0f b6 03", (asm) => asm.movzx(eax, byte(mem(rbx))), "movzx eax,byte [rbx]"],
  ["40 0f b6 c5", (asm) => asm.movzx(eax, bpl), "movzx eax,bpl"],
  ["0f b7 43 06", (asm) => asm.movzx(eax, word(mem(rbx, 6))), "movzx eax,word [rbx+6]"],
  ["48 0f be c1", (asm) => asm.movsx(rax, cl), "movsx rax,cl"],
  ["48 63 03", (asm) => asm.movsxd(rax, mem(rbx)), "movsxd rax,[rbx]"],
  ["49 8d 44 cc 10", (asm) => asm.lea(rax, mem(r12, rcx, 8, 16)), "lea rax,[r12+rcx*8+16]"],
  ["48 87 0b", (asm) => asm.xchg(mem(rbx), rcx), "xchg [rbx],rcx"],
  ["41 54", (asm) => asm.push(r12), "push r12"],
  ["6a ff", (asm) => asm.push(-1), "push -1"],
  ["68 80 00 00 00", (asm) => asm.push(128), "push 128"],
  ["ff 33", (asm) => asm.push(mem(rbx)), "push [rbx]"],
  ["58", (asm) => asm.pop(rax), "pop rax"],
  ["0f 4c c1", (asm) => asm.cmovl(eax, ecx), "cmovl eax,ecx"],
  ["40 0f 95 c5", (asm) => asm.setne(bpl), "setne bpl"],
  ["0f 92 03", (asm) => asm.setc(mem(rbx)), "setb [rbx]"],

  ["01 c8", (asm) => asm.add(eax, ecx), "add eax,ecx"],
  ["83 c0 7f", (asm) => asm.add(eax, 127), "add eax,127"],
  ["05 80 00 00 00", (asm) => asm.add(eax, 128), "add eax,128"],
  ["81 c1 80 00 00 00", (asm) => asm.add(ecx, 128), "add ecx,128"],
  ["83 c1 ff", (asm) => asm.add(ecx, 0xffffffff), "add ecx,-1"],
  ["81 c1 05 00 00 00", (asm) => asm.add(ecx, imm32(5)), "add ecx,5"],
  ["04 05", (asm) => asm.add(al, 5), "add al,5"],
  ["48 3b 03", (asm) => asm.cmp(rax, mem(rbx)), "cmp rax,[rbx]"],
  [
    "81 7b 0c 00 00 ff ff",
    (asm) => asm.cmp(dword(mem(rbx, 12)), 0xffff0000),
    "cmp dword [rbx+12],0xffff0000",
  ],
  ["48 2d 80 00 00 00", (asm) => asm.sub(rax, 128), "sub rax,128"],
  ["84 c0", (asm) => asm.test(al, al), "test al,al"],
  ["a9 01 00 00 00", (asm) => asm.test(eax, 1), "test eax,1"],
  ["49 ff c7", (asm) => asm.inc(r15), "inc r15"],
  ["f7 18", (asm) => asm.neg(dword(mem(rax))), "neg dword [rax]"],
  ["48 0f af 03", (asm) => asm.imul(rax, mem(rbx)), "imul rax,[rbx]"],
  ["48 6b c1 07", (asm) => asm.imul(rax, rcx, 7), "imul rax,rcx,7"],
  ["48 f7 e9", (asm) => asm.imul(rcx), "imul rcx"],
  ["48 f7 f9", (asm) => asm.idiv(rcx), "idiv rcx"],
  ["48 99", (asm) => asm.cqo(), "cqo"],
  ["48 d1 e0", (asm) => asm.shl(rax, 1), "shl rax,1"],
  ["48 c1 f8 10", (asm) => asm.sar(rax, 16), "sar rax,16"],
  ["d3 e8", (asm) => asm.shr(eax, cl), "shr eax,cl"],
  ["48 0f a4 c8 10", (asm) => asm.shld(rax, rcx, 16), "shld rax,rcx,16"],
  ["0f ba e0 1f", (asm) => asm.bt(eax, 31), "bt eax,31"],
  ["f3 48 0f bd c1", (asm) => asm.lzcnt(rax, rcx), "lzcnt rax,rcx"],

  ["41 ff 24 cc", (asm) => asm.jmp(mem(r12, rcx, 8)), "jmp [r12+rcx*8]"],
  ["ff d0", (asm) => asm.call(rax), "call rax"],
  ["c3", (asm) => asm.ret(), "ret"],
  ["0f 0b", (asm) => asm.ud2(), "ud2"],
  ["f3 48 ab", (asm) => asm.rep_stosq(), "rep stosq"],

  ["f2 41 0f 10 44 cc 10", (asm) => asm.movsd(xmm0, mem(r12, rcx, 8, 16)), "movsd xmm0,[r12+rcx*8+16]"],
  ["f2 44 0f 11 4b 08", (asm) => asm.movsd(mem(rbx, 8), xmm9), "movsd [rbx+8],xmm9"],
  ["66 41 0f 28 c7", (asm) => asm.movapd(xmm0, xmm15), "movapd xmm0,xmm15"],
  ["66 49 0f 6e c0", (asm) => asm.movq(xmm0, r8), "movq xmm0,r8"],
  ["66 48 0f 7e c8", (asm) => asm.movq(rax, xmm1), "movq rax,xmm1"],
  ["f3 0f 7e 03", (asm) => asm.movq(xmm0, mem(rbx)), "movq xmm0,[rbx]"],
  ["66 0f d6 03", (asm) => asm.movq(mem(rbx), xmm0), "movq [rbx],xmm0"],
  ["f2 0f 58 c1", (asm) => asm.addsd(xmm0, xmm1), "addsd xmm0,xmm1"],
  ["f2 48 0f 2a c1", (asm) => asm.cvtsi2sd(xmm0, rcx), "cvtsi2sd xmm0,rcx"],
  ["f2 0f 2a 03", (asm) => asm.cvtsi2sd(xmm0, dword(mem(rbx))), "cvtsi2sd xmm0,dword [rbx]"],
  ["f2 4c 0f 2c c8", (asm) => asm.cvttsd2si(r9, xmm0), "cvttsd2si r9,xmm0"],
  ["66 0f 2e c1", (asm) => asm.ucomisd(xmm0, xmm1), "ucomisd xmm0,xmm1"],
  ["66 0f 57 c0", (asm) => asm.xorpd(xmm0, xmm0), "xorpd xmm0,xmm0"],
  ["66 0f 3a 0b c1 09", (asm) => asm.roundsd(xmm0, xmm1, 9), "roundsd xmm0,xmm1,9"],
];

Deno.test("each family of encodings has the bytes of the processor manual", () => {
  for (const [bytes, call, text] of KNOWN) {
    const asm = createAssembler();
    call(asm);
    const made = asm.finish();
    assertEquals([hexOf(made.bytes), made.list().map((line) => line.text)], [bytes, [text]]);
  }
});

// ---- Every encoding -------------------------------------------------------------------------------------------------

/** An operand of a call, with the text that a disassembler owes for it, the width of memory always said. */
interface Sample {
  readonly operand: Operand;
  readonly text: string;
  readonly isUnsized?: boolean;
}

interface Case {
  readonly row: Form;
  readonly offset: number;
  readonly length: number;
  /** Written as a disassembler would, widths always said; immediates in decimal, unsigned. */
  readonly text: string;
  /** As our listing writes it. */
  readonly ours: string;
}

const DISPLACEMENTS = [0, 1, -1, 127, -128, 128, -129, 2 ** 31 - 1, -(2 ** 31)];
const SCALES = [1, 2, 4, 8] as const;
const FILE64 = REGISTERS[Kind.R64] as readonly R64[];
const HALVES = Object.fromEntries(FILE64.map((r) => [r.name, REGISTERS[Kind.R32][r.code].name]));
const WIDTHS: Readonly<Record<number, string>> = {
  8: "byte",
  16: "word",
  32: "dword",
  64: "qword",
  128: "xmmword",
};

function addressText(base: string, index: string, displacement: number): string {
  const sign = displacement > 0 ? "+" : "";
  return `[${base}${index}${displacement === 0 ? "" : `${sign}${displacement}`}]`;
}

function plainAddresses(): [Unsized, string][] {
  return FILE64.flatMap((base) =>
    DISPLACEMENTS.map((d): [Unsized, string] => [mem(base, d), addressText(base.name, "", d)])
  );
}

function indexedAddresses(
  bases: readonly R64[],
  indices: readonly R64[],
  displacements: readonly number[],
): [Unsized, string][] {
  const made: [Unsized, string][] = [];
  for (const base of bases) {
    for (const index of indices) {
      if (index === rsp) continue;
      for (const scale of SCALES) {
        for (const d of displacements) {
          const suffix = `+${index.name}${scale === 1 ? "" : `*${scale}`}`;
          made.push([mem(base, index, scale, d), addressText(base.name, suffix, d)]);
        }
      }
    }
  }
  return made;
}

// All address forms with one instruction; the corners and a sample of the rest with each other one.
const ALL_ADDRESSES = [...plainAddresses(), ...indexedAddresses(FILE64, FILE64, [0, -128, 128])];
const CORNER_ADDRESSES = [
  ...plainAddresses(),
  ...indexedAddresses([rax, rsp, rbp, r12, r13, r15], [rax, rbp, r12, r14], [0, 127, -129]),
];

const IMMEDIATES: Readonly<Record<string, readonly (number | bigint)[]>> = {
  "1": [1],
  imm8: [0, 1, 2, 31, 63, 127, 128, 255, -1, -128],
  simm8: [0, 1, 127, -1, -128],
  imm32: [
    0,
    1,
    -1,
    128,
    -129,
    9999,
    10000,
    -10000,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32 - 129,
    2 ** 32 - 1,
  ],
  uimm32: [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1],
  simm32: [128, -129, 2 ** 31 - 1, -(2 ** 31)],
  imm64: [
    2 ** 32,
    -(2 ** 31) - 1,
    2 ** 53 - 1,
    -(2 ** 53) + 1,
    2n ** 63n - 1n,
    -(2n ** 63n),
    0xFFFE_0000_0000_0001n,
  ],
};

/** The rule of our listings, stated once more: up to four digits in decimal, the rest as bits. */
function listedImmediate(unsigned: bigint, bits: number): string {
  const signed = bits === 8 ? unsigned : BigInt.asIntN(bits, unsigned);
  return `${signed < 0n ? -signed : signed}`.length <= 4 ? `${signed}` : `0x${unsigned.toString(16)}`;
}

/** What disassemblers call an instruction that has two names; spaces as they write them. */
function firstName(mnemonic: string): string {
  const [, verb, not, flag] = /^(j|set|cmov)(n?)([cz])$/.exec(mnemonic) ?? [];
  if (verb === undefined) return mnemonic.replace("_", " ");
  return verb + (flag === "z" ? `${not}e` : not === "n" ? "ae" : "b");
}

const FILES: Readonly<Record<string, number>> = { r8: Kind.R8, r32: Kind.R32, r64: Kind.R64, xmm: Kind.XMM };

/** What to try for an operand of a row. */
function samplesOf(
  name: string,
  addresses: readonly (readonly [Unsized, string])[],
  isOpen: boolean,
): Sample[] {
  const only = { al, cl, eax, rax }[name];
  if (only !== undefined) return [{ operand: only, text: name }];
  if (name in IMMEDIATES) return IMMEDIATES[name].map((operand) => ({ operand, text: "immediate" }));

  const bits = Number(/\d+$/.exec(name)?.[0] ?? 0);
  const file = FILES[name] ?? FILES[name.replace("r/m", "r").replace(/^xmm\/m\d+$/, "xmm")];
  const registers = file === undefined ? [] : REGISTERS[file].map((r) => ({ operand: r, text: r.name }));
  if (!/^m|\/m/.test(name)) return registers;
  const width = WIDTHS[bits] === undefined ? "" : `${WIDTHS[bits]} `;
  const sized = { 8: byte, 16: word, 32: dword, 64: qword }[bits];
  const memories = addresses.flatMap(([memory, text], i): Sample[] => {
    const unsized = { operand: memory, text: `${width}${text}`, isUnsized: true };
    const told = sized === undefined ? [] : [{ operand: sized(memory), text: `${width}${text}` }];
    return isOpen ? told : i % 2 === 0 || told.length === 0 ? [unsized] : told;
  });
  return [...registers, ...memories];
}

/** Combinations in which each operand takes all its values, beside a few of the others; all pairs of registers. */
function combine(lists: readonly (readonly Sample[])[]): Sample[][] {
  if (lists.length === 0) return [[]];
  if (lists.length > 1 && lists[0].length === 16 && lists[1].length === 16) {
    return lists[0].flatMap((first) =>
      lists[1].map((second) => [first, second, ...lists.slice(2).map((l) => l[0])])
    );
  }
  const few = lists.map((list) =>
    [...new Set([list[1], list[9], list[list.length - 1]])].filter((x) => x !== undefined)
  );
  const made = new Set<Sample[]>();
  lists.forEach((list, i) => {
    for (const sample of list) {
      for (let k = 0; k < 2; k++) {
        made.add(lists.map((other, j) => i === j ? sample : few[j][k % few[j].length] ?? other[0]));
      }
    }
  });
  return [...made];
}

/** Emits every row over its samples. */
function emitAll(): { bytes: Uint8Array; cases: Case[] } {
  const asm = createAssembler();
  const methods = asm as unknown as Record<string, (...operands: Operand[]) => void>;
  const cases: Case[] = [];
  for (const row of MNEMONICS.flatMap(formsOf)) {
    const [mnemonic, ...rest] = row.signature.split(" ");
    const names = rest.join(" ").split(", ").filter((name) => name !== "");
    if (names.some((name) => name.startsWith("rel"))) continue;
    const addresses = row.signature === "mov r64, r/m64" ? ALL_ADDRESSES : CORNER_ADDRESSES;
    for (const samples of combine(names.map((name) => samplesOf(name, addresses, !row.unsized)))) {
      const offset = asm.offset;
      methods[mnemonic](...samples.map((sample) => sample.operand));
      const texts = samples.map((sample) => sample.text), listed = [...texts];
      const width = / \[|^\[/.test(texts[row.rm] ?? "") && row.unsized;
      if (width) listed[row.rm] = texts[row.rm].replace(/^\w+ /, "");
      const at = texts.indexOf("immediate");
      if (at >= 0) {
        const value = BigInt(samples[at].operand as number | bigint);
        const bits = names[at] === "imm64" ? 64 : row.immediateBits;
        // What clears the upper half of a register is a 32-bit instruction.
        if (row.signature.startsWith("mov r") && texts[0] in HALVES && value >= 0n && value < 2n ** 32n) {
          listed[0] = texts[0] = HALVES[texts[0]];
        }
        texts[at] = `${BigInt.asUintN(bits, value)}`;
        listed[at] = listedImmediate(BigInt.asUintN(bits, value), bits);
      }
      const name = firstName(mnemonic);
      const join = (operands: string[]) => `${name} ${operands.join(",")}`.trim();
      cases.push({ row, offset, length: asm.offset - offset, text: join(texts), ours: join(listed) });
    }
  }
  return { bytes: asm.finish().bytes, cases };
}

const everything = emitAll();

/** Fails with the first few cases that a disassembler reads otherwise. */
function assertRead(read: (c: Case, i: number) => string, wanted: (c: Case) => string): void {
  const wrong: string[] = [];
  everything.cases.forEach((c, i) => {
    const text = read(c, i);
    if (text === wanted(c) || wrong.length === 10) return;
    const bytes = everything.bytes.subarray(c.offset, c.offset + c.length);
    wrong.push(`${c.row.signature}: wanted '${wanted(c)}', got '${text}' (${hexOf(bytes)})`);
  });
  assertEquals(wrong, []);
}

Deno.test("our own listing says what was asked for, and each row is in use", () => {
  const seen = new Set<Form>();
  assertRead((c) => {
    const decoded = decode(everything.bytes, c.offset);
    if (decoded !== null) seen.add(decoded.form);
    return decoded?.length === c.length ? decoded.text : `${decoded?.text}, ${decoded?.length} bytes`;
  }, (c) => c.ours);
  const unseen = MNEMONICS.flatMap(formsOf).filter((form) => !seen.has(form)).map((form) => form.signature);
  const other = unseen.filter((signature) => !/ rel|^(set|cmov)n?[cz] /.test(signature));
  assertEquals(other, ["mov r64, uimm32"], "only second names of the same bytes never come out of a listing");
});

Deno.test("iced-x86 reads every encoding as what was asked for", () => {
  const decoder = new Decoder(64, everything.bytes, 0);
  const formatter = icedFormatter(), instruction = new Instruction();
  assertRead((c) => {
    decoder.decodeOut(instruction);
    const text = fromIced(formatter.format(instruction));
    return instruction.length === c.length ? text : `${text}, ${instruction.length} bytes`;
  }, (c) => c.text);
  for (const owner of [decoder, formatter, instruction]) owner.free();
});

/** An Intel formatter with as few habits of its own as possible. */
function icedFormatter(): Formatter {
  const formatter = new Formatter(FormatterSyntax.Intel);
  formatter.numberBase = 10;
  formatter.memorySizeOptions = MemorySizeOptions.Always;
  formatter.showBranchSize = false;
  formatter.ripRelativeAddresses = false;
  return formatter;
}

/**
 * iced-x86 says `qword ptr`, names the registers of string instructions and the top of the stack of floats, and has
 * `imul eax,5` for `imul eax,eax,5`.
 */
function fromIced(text: string): string {
  return text.replace(" ptr ", " ")
    .replace(/^(rep \w+) .*/, "$1")
    .replace(/^(fld) st,|^(fstp .*),st$/, (_, load, store) => load === undefined ? store : `${load} `)
    .replace(/^imul (\w+),(?=\d+$)/, "imul $1,$1,");
}

Deno.test("objdump reads every encoding as what was asked for", async () => {
  const file = await Deno.makeTempFile();
  let listing: string;
  try {
    await Deno.writeFile(file, everything.bytes);
    const options = [
      "-D",
      "-b",
      "binary",
      "-m",
      "i386:x86-64",
      "-M",
      "intel",
      "--no-show-raw-insn",
      "-w",
      file,
    ];
    listing = new TextDecoder().decode(
      (await new Deno.Command("objdump", { args: options }).output()).stdout,
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.log("skipped: objdump (of binutils) is not installed");
    return;
  } finally {
    await Deno.remove(file);
  }
  const read = new Map<number, string>();
  for (const line of listing.split("\n")) {
    const match = /^ *([0-9a-f]+):\t(.*)$/.exec(line);
    if (match !== null) read.set(parseInt(match[1], 16), fromObjdump(match[2]));
  }
  assertStrictEquals(read.size, everything.cases.length);
  assertRead((c) => read.get(c.offset) ?? "nothing here", (c) => c.text);
});

/** objdump writes numbers in hexadecimal, says `PTR`, `*1` and `+0x0`, and has names of its own for a few things. */
function fromObjdump(text: string): string {
  return text.trim()
    .replace(/ +/, " ")
    .replace(/^movabs/, "mov")
    .replace(/^rep (\w+) (\w)\w+ PTR.*/, (_, name, width) => `rep ${name}${width.toLowerCase()}`)
    .replace(/(\w+) PTR /, (_, width) => `${width.toLowerCase()} `)
    .replace(/\*1(?=[+\-\]])/, "")
    .replace(/[+]0x0(?=\])/, "")
    .replace(/0x[0-9a-f]+/g, (digits) => `${BigInt(digits)}`);
}

// ---- Labels, holes, data --------------------------------------------------------------------------------------------

/** Resolves holes as a patcher would. */
function patch(bytes: Uint8Array, offset: number, size: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (size === 1) view.setInt8(offset, value);
  else view.setInt32(offset, value, true);
}

Deno.test("fixups say where the hole is and from where the processor counts", () => {
  const asm = createAssembler(), target = asm.label("target");
  const methods = asm as unknown as Record<string, (target: unknown) => void>;
  const jumps = MNEMONICS.filter((mnemonic) => /^(j|call)/.test(mnemonic));
  const emitted: string[] = [];
  for (const mnemonic of jumps) {
    const targets = mnemonic === "call" ? [target] : [target, short(target)];
    for (const to of targets) {
      methods[mnemonic](to);
      emitted.push(firstName(mnemonic));
    }
  }
  asm.movsd(xmm9, rip(target));
  asm.cmp(dword(rip(target)), 5);
  asm.cmp(qword(rip(target)), 1000);
  asm.roundsd(xmm0, rip(target), 9);
  asm.lea(r15, rip(target));
  asm.jmp(rip(target));
  emitted.push("movsd", "cmp", "cmp", "roundsd", "lea", "jmp");
  const { bytes, fixups } = asm.finish();
  assertStrictEquals(fixups.length, emitted.length);

  const distances = fixups.map(({ size }, i) =>
    size === 1 ? (i % 4 === 1 ? 127 : -128) : (i + 1) * 0x0307_0b0d | 0
  );
  fixups.forEach(({ offset, size }, i) => {
    assertEquals(bytes.slice(offset, offset + size), new Uint8Array(size), "holes are zeros");
    patch(bytes, offset, size, distances[i]);
  });

  const decoder = new Decoder(64, bytes, 0), formatter = icedFormatter(), instruction = new Instruction();
  fixups.forEach(({ end, kind }, i) => {
    const start = decoder.position;
    decoder.decodeOut(instruction);
    assertStrictEquals(decoder.position, end);
    const text = fromIced(formatter.format(instruction));
    const target = `${BigInt.asUintN(64, BigInt(end + distances[i]))}`;
    assertStrictEquals(kind === "rip" ? /\[(\d+)\]/.exec(text)![1] : text.split(" ")[1], target);
    assertStrictEquals(kind, kind === "rip" ? "rip" : text.startsWith("call") ? "call" : "jump");
    const ours = decode(bytes, start, { placeName: (at) => `${BigInt.asUintN(64, BigInt(at))}` })!.text;
    assertStrictEquals(text.replace(/[a-z]*word \[/, "["), ours.replace(/[a-z]*word \[/, "["));
    assertStrictEquals(text.split(" ")[0], emitted[i]);
  });
});

Deno.test("labels are wanted before and after they are bound, and named in listings", () => {
  const asm = createAssembler(),
    top = asm.label("top"),
    out = asm.label(),
    pool = asm.label("one"),
    lost = asm.label();
  asm.bind(top);
  asm.comment("is it an int");
  asm.cmp(dword(mem(rbx, 12)), 0xffff0000);
  asm.comment("no: leave");
  asm.comment("not-int");
  asm.jne(out);
  asm.addsd(xmm0, rip(pool));
  asm.jmp(short(top));
  asm.bind(out);
  asm.call(lost);
  asm.align(8);
  asm.bind(pool);
  asm.dq(0, 0x3ff00000);
  const made = asm.finish();
  assertEquals(made.labels, [0, 23, 32, undefined]);
  assertEquals([0, 1, 2, 3].map(made.labelName), ["top", "L1", "one", "L3"]);
  assertEquals(made.fixups, [
    { offset: 9, size: 4, label: 1, end: 13, kind: "jump", reason: "no: leave; not-int" },
    { offset: 17, size: 4, label: 2, end: 21, kind: "rip", reason: "addsd" },
    { offset: 22, size: 1, label: 0, end: 23, kind: "jump", reason: "jmp" },
    { offset: 24, size: 4, label: 3, end: 28, kind: "call", reason: "call" },
  ]);
  assertEquals(made.list(), [
    { offset: 0, length: 7, text: "cmp dword [rbx+12],0xffff0000", comment: "is it an int" },
    { offset: 7, length: 6, text: "jne L1", comment: "no: leave; not-int" },
    { offset: 13, length: 8, text: "addsd xmm0,[one]" },
    { offset: 21, length: 2, text: "jmp top" },
    { offset: 23, length: 5, text: "call L3" },
    { offset: 28, length: 4, text: "nop dword [rax]" },
    { offset: 32, length: 8, text: "dq 0x3ff0000000000000" },
  ]);
});

Deno.test("align() fills with the fewest nops that all disassemblers know", () => {
  for (let offset = 0; offset < 16; offset++) {
    const asm = createAssembler();
    for (let i = 0; i < offset; i++) asm.int3();
    asm.align(16);
    const made = asm.finish(), { bytes } = made, nops = made.list().slice(offset);
    assertStrictEquals(bytes.length % 16, 0);
    assertStrictEquals(nops.reduce((sum, line) => sum + line.length, 0), bytes.length - offset);
    assert(nops.every((line) => line.text.startsWith("nop")), nops.map((line) => line.text).join());
    assert(nops.length <= 3);
    const decoder = new Decoder(64, bytes, 0);
    assert(decoder.decodeAll().every((instruction) => instruction.code !== 0));
  }
});

Deno.test("what will be patched keeps its full width", () => {
  const asm = createAssembler();
  asm.mov(rax, disp32(mem(rbx, 8)));
  asm.mov(rax, disp32(mem(r12)));
  asm.cmp(dword(mem(rbx)), imm32(1));
  asm.sub(rdx, imm32(-1));
  asm.mov(rdx, imm64(1, 0));
  assertStrictEquals(
    hexOf(asm.finish().bytes),
    "48 8b 83 08 00 00 00 49 8b 84 24 00 00 00 00 81 3b 01 00 00 00 48 81 ea ff ff ff ff " +
      "48 ba 01 00 00 00 00 00 00 00",
  );
});

Deno.test("the buffer grows, and 70,000 labels are no trouble", () => {
  const asm = createAssembler(), labels: Label[] = [];
  for (let i = 0; i < 70_000; i++) {
    const label = asm.label();
    asm.bind(label);
    asm.jmp(label);
    labels.push(label);
  }
  const { bytes, fixups, labels: places } = asm.finish();
  assertStrictEquals(bytes.length, 350_000);
  assertEquals([places[69_999], fixups[69_999].label, fixups[69_999].end], [349_995, 69_999, 350_000]);
});

Deno.test("listBytes() shows what it cannot read as bytes", () => {
  const texts = (...bytes: number[]) => listBytes(new Uint8Array(bytes)).map((line) => line.text);
  assertEquals(texts(0xF4, 0x90), ["db 0xf4", "nop"]);
  assertEquals(texts(0x88, 0xE0), ["db 0x88", "db 0xe0"], "no row has ah");
  assertEquals(texts(0x48, 0x8B), ["db 0x48", "db 0x8b"], "cut off");
  assertEquals(texts(0x75, 0x10), ["jne 0x12"]);
});

// ---- What cannot be -------------------------------------------------------------------------------------------------

Deno.test("an impossible instruction is a fault that names it", () => {
  const asm = createAssembler(), foreign = createAssembler().label("elsewhere"), twice = asm.label("twice");
  const faults = (call: () => void, message: RegExp) =>
    assertMatch(assertThrows(call, AssemblerFault).message, message);
  // @ts-expect-error widths differ
  faults(() => asm.add(eax, rcx), /add eax,rcx/);
  // @ts-expect-error shift counts are in cl
  faults(() => asm.shl(eax, al), /shl eax,al/);
  // @ts-expect-error the memory is narrower than the register
  faults(() => asm.mov(rax, dword(mem(rbx))), /mov rax,dword \[rbx\]/);
  // @ts-expect-error one operand too many
  faults(() => asm.ret(eax), /ret eax/);
  // @ts-expect-error memory to memory
  faults(() => asm.mov(mem(rax), mem(rbx)), /mov \[rax\],\[rbx\]/);
  // @ts-expect-error no such index scale
  faults(() => asm.mov(rax, mem(rbx, rcx, 16)), /address.*mov rax/);
  faults(() => asm.add(mem(rbx), 5), /add \[rbx\],5.*width/);
  faults(() => asm.shl(mem(rbx), cl), /shl \[rbx\],cl.*width/);
  faults(() => asm.movzx(eax, mem(rbx)), /movzx eax,\[rbx\].*width/);
  faults(() => asm.cvtsi2sd(xmm0, mem(rbx)), /cvtsi2sd xmm0,\[rbx\].*width/);
  faults(() => asm.add(rax, 2 ** 31), /range: add rax,2147483648/);
  faults(() => asm.add(eax, 2 ** 32), /range: add eax,4294967296/);
  faults(() => asm.add(eax, -(2 ** 31) - 1), /range: add eax,-2147483649/);
  faults(() => asm.mov(r8b, 256), /range: mov r8b,256/);
  faults(() => asm.mov(r8b, -129), /range: mov r8b,-129/);
  faults(() => asm.mov(rax, 0.5), /range: mov rax,0.5/);
  faults(() => asm.mov(rax, NaN), /range: mov rax,NaN/);
  faults(() => asm.mov(rax, 2n ** 64n), /range: mov rax,18446744073709551616/);
  faults(() => asm.add(rax, imm64(1, 0)), /range: add rax,imm64\(1, 0\)/);
  faults(() => asm.mov(rax, mem(rbx, 2 ** 31)), /address.*mov rax,\[rbx\+2147483648\]/);
  faults(() => asm.mov(rax, mem(rbx, 0.5)), /address.*mov rax,\[rbx\+0.5\]/);
  faults(() => asm.mov(rax, mem(rbx, rsp, 1)), /address.*mov rax,\[rbx\+rsp\]/);
  faults(() => asm.jmp(foreign), /'elsewhere'.*jmp/);
  faults(() => asm.mov(rax, rip(foreign)), /'elsewhere'.*mov/);
  faults(() => asm.bind(foreign), /'elsewhere'/);
  asm.bind(twice);
  faults(() => asm.bind(twice), /'twice'/);
  assertStrictEquals(asm.offset, 0, "a refused instruction leaves nothing behind");
});
