export function mark(memory: Int32Array, roots: readonly number[]): Set<number> {
  const marked = new Set<number>(), work: number[] = [];
  const visit = (ref: number) => {
    if (ref === 0 || marked.has(ref)) return;
    marked.add(ref);
    work.push(ref);
  };
  roots.forEach(visit);
  for (let ref = work.pop(); ref !== undefined; ref = work.pop()) {
    for (let i = 1; i <= memory[ref]; i++) visit(memory[ref + i]);
  }
  return marked;
}
