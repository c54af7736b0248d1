/**
 * Lab 6: three instructions of x86-64 as bytes.
 */

/** The number of a machine register: rax rcx rdx rbx rsp rbp rsi rdi, r8 to r15. */
export type Register = number;

/** `mov to, from`: copies 64 bits from a register to another. */
export function mov(to: Register, from: Register): readonly number[] {
  throw new Error(`TODO: mov ${to}, ${from}`);
}

/** `add to, from`: adds a register to another. */
export function add(to: Register, from: Register): readonly number[] {
  throw new Error(`TODO: add ${to}, ${from}`);
}

/** `mov to, [base + displacement]`: loads 64 bits; the displacement has up to 32, and a sign. */
export function load(to: Register, base: Register, displacement: number): readonly number[] {
  throw new Error(`TODO: mov ${to}, [${base} + ${displacement}]`);
}
