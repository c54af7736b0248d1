function rex(reg: number, rm: number): number {
  return 0x48 | (reg >> 3) << 2 | rm >> 3;
}

function modRm(mod: number, reg: number, rm: number): number {
  return mod << 6 | (reg & 7) << 3 | rm & 7;
}

export function mov(to: number, from: number): number[] {
  return [rex(from, to), 0x89, modRm(3, from, to)];
}

export function add(to: number, from: number): number[] {
  return [rex(from, to), 0x01, modRm(3, from, to)];
}

export function load(to: number, base: number, displacement: number): number[] {
  const isByte = displacement === displacement << 24 >> 24;
  const mod = displacement === 0 && (base & 7) !== 5 ? 0 : isByte ? 1 : 2;
  const bytes = [rex(to, base), 0x8B, modRm(mod, to, base)];
  if ((base & 7) === 4) bytes.push(0x24);
  for (let i = 0; i < [0, 1, 4][mod]; i++) bytes.push(displacement >> 8 * i & 0xFF);
  return bytes;
}
