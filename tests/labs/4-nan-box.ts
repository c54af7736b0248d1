export type Value = bigint | number | boolean | null;

const bytes = new DataView(new ArrayBuffer(8));

export function encode(value: Value): readonly [high: number, low: number] {
  if (value === null) return [0xFFFE0000, 0];
  if (typeof value === "boolean") return [0xFFFD0000, value ? 1 : 0];
  if (typeof value === "number") {
    bytes.setFloat64(0, value);
    return [bytes.getUint32(0), bytes.getUint32(4)];
  }
  if (BigInt.asIntN(48, value) !== value) throw new RangeError(`${value} needs more than 48 bits`);
  bytes.setBigInt64(0, BigInt.asUintN(48, value) | 0xFFFFn << 48n);
  return [bytes.getUint32(0), bytes.getUint32(4)];
}

export function decode(high: number, low: number): Value {
  bytes.setUint32(0, high);
  bytes.setUint32(4, low);
  switch (high >>> 16) {
    case 0xFFFF:
      return BigInt.asIntN(48, bytes.getBigInt64(0));
    case 0xFFFE:
      return null;
    case 0xFFFD:
      return low !== 0;
    default:
      return bytes.getFloat64(0);
  }
}
