import { TooLargeError } from './body.ts';

const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines, whatever way it is split: also inside a UTF-8 sequence. A last line without its newline is
 * dropped, because it may be half a line.
 * @throws TooLargeError when a line is longer than `limit` bytes.
 */
export class LineSplitter {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  *push(chunk: Buffer): Generator<string> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#complete(chunk.subarray(start, end));
      start = end + 1;
      if (line !== '') yield line;
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
  }

  #complete(last: Buffer): string {
    this.#check(last.length);
    if (this.#held === 0) return last.toString();
    this.#parts.push(last);
    const line = Buffer.concat(this.#parts, this.#held + last.length).toString();
    this.#parts = [];
    this.#held = 0;
    return line;
  }

  #hold(part: Buffer): void {
    this.#check(part.length);
    this.#parts.push(part);
    this.#held += part.length;
  }

  #check(more: number): void {
    if (this.#held + more > this.#limit) throw new TooLargeError('a line of the watch', this.#limit);
  }
}
