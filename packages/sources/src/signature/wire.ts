/** Reads the fields of an SSH message (RFC 4251, section 5). Every read throws a RangeError where the bytes end too soon. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** So many bytes as they are. */
  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError('it ends too soon');
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  uint32(): number {
    return this.take(4).readUInt32BE();
  }

  string(): Buffer {
    return this.take(this.uint32());
  }

  text(): string {
    return this.string().toString('latin1');
  }

  /** The digits of an integer that is not negative, without leading zeros. */
  magnitude(): Buffer {
    const digits = this.string();
    if (((digits[0] ?? 0) & 0x80) !== 0) throw new RangeError('it holds a negative number');
    const first = digits.findIndex((byte) => byte !== 0);
    return first < 0 ? Buffer.alloc(0) : digits.subarray(first);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new RangeError('it holds more than it should');
  }
}

export function wireString(value: Buffer | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
