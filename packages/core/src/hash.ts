/** Tags keep values of different types apart: the text "1" is not the number 1. */
const TAG = { null: 1, true: 2, false: 3, number: 4, text: 5, list: 6, map: 7, other: 8 } as const;

/**
 * A streaming 64-bit hash over JSON values: two 32-bit multiply-rotate lanes over UTF-16 units, mixed at the end as
 * MurmurHash3 does. Quick and well spread, not cryptographic: it compares an object with its own earlier self, and never
 * stands for content between processes.
 */
export class Hasher {
  #a = 0x9e3779b9 | 0;
  #b = 0x85ebca6b | 0;

  /** Feeds one small integer. */
  mark(unit: number): void {
    const a = Math.imul(this.#a ^ unit, 0xcc9e2d51);
    const b = Math.imul(this.#b ^ unit, 0x1b873593);
    this.#a = (a << 13) | (a >>> 19);
    this.#b = (b << 17) | (b >>> 15);
  }

  /** Feeds a text with its length, so that neighbours cannot run into each other. */
  text(text: string): void {
    this.mark(text.length);
    let a = this.#a;
    let b = this.#b;
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      a = Math.imul(a ^ unit, 0xcc9e2d51);
      b = Math.imul(b ^ unit, 0x1b873593);
      a = (a << 13) | (a >>> 19);
      b = (b << 17) | (b >>> 15);
    }
    this.#a = a;
    this.#b = b;
  }

  /** Feeds a whole JSON value; the order of keys in maps does not matter, and 5 equals 5n. */
  value(value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.mark(TAG.text);
        this.text(value);
        return;
      case 'boolean':
        this.mark(value ? TAG.true : TAG.false);
        return;
      case 'number':
      case 'bigint':
        this.mark(TAG.number);
        this.text(String(value));
        return;
      case 'object':
        this.#container(value);
        return;
      default:
        this.mark(TAG.other);
    }
  }

  #container(value: object | null): void {
    if (value === null) {
      this.mark(TAG.null);
      return;
    }
    if (Array.isArray(value)) {
      this.mark(TAG.list);
      this.mark(value.length);
      for (const item of value) this.value(item);
      return;
    }
    const keys = sortedKeys(value);
    this.mark(TAG.map);
    this.mark(keys.length);
    for (const key of keys) {
      this.text(key);
      this.value((value as Record<string, unknown>)[key]);
    }
  }

  /** 16 hexadecimal digits. The hasher may be fed on afterwards. */
  digest(): string {
    const a = avalanche(this.#a ^ Math.imul(this.#b, 0x9e3779b1));
    const b = avalanche(this.#b ^ Math.imul(a, 0x85ebca77));
    return hex(a) + hex(b);
  }
}

/** The keys of a map in order. The API server sends most maps sorted, so the check usually saves the sort. */
export function sortedKeys(map: object): string[] {
  const keys = Object.keys(map);
  for (let index = 1; index < keys.length; index += 1) {
    if ((keys[index - 1] as string) > (keys[index] as string)) return keys.sort();
  }
  return keys;
}

/** One value's hash, for comparing it with its earlier self. */
export function hashOf(value: unknown): string {
  const hasher = new Hasher();
  hasher.value(value);
  return hasher.digest();
}

/** The finaliser of MurmurHash3: every input bit reaches every output bit. */
function avalanche(lane: number): number {
  let mixed = lane;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0');
}
