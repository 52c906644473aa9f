import { EngineError } from './engine.ts';

/** Most bytes one frame may hold, in either direction. */
const maxFrame = 128 * 1024 * 1024;
const maxHeader = 32 * 1024 * 1024;

/** One message: a JSON header and the raw bytes behind it. */
export interface Frame {
  header: unknown;
  body: Buffer;
}

/**
 * The chunks of one frame: u32 length of the rest, u32 length of the JSON header, the header, raw bytes (big-endian).
 * @throws EngineError `failed` when it is larger than the helper accepts.
 */
export function encodeFrame(header: unknown, parts: readonly Uint8Array[] = []): Buffer[] {
  const head = Buffer.from(JSON.stringify(header));
  const total = parts.reduce((sum, part) => sum + part.byteLength, 4 + head.byteLength);
  if (total > maxFrame) throw new EngineError('failed', `the request of ${total} bytes is larger than ${maxFrame}`);
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(total, 0);
  prefix.writeUInt32BE(head.byteLength, 4);
  return [prefix, head, ...parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))];
}

/** Puts frames together from the chunks of a stream. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes needed before the next frame is whole. */
  #wanted = 8;

  /** @throws EngineError `protocol` when the bytes cannot be a frame; the stream is useless from then on. */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.byteLength;
    if (this.#length < this.#wanted) return [];
    let data = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#length);
    const frames: Frame[] = [];
    while (data.byteLength >= 8) {
      const end = 4 + checkedTotal(data);
      if (data.byteLength < end) break;
      frames.push(decode(data.subarray(0, end)));
      data = data.subarray(end);
    }
    this.#chunks = data.byteLength === 0 ? [] : [data];
    this.#length = data.byteLength;
    this.#wanted = data.byteLength < 8 ? 8 : 4 + checkedTotal(data);
    return frames;
  }
}

function checkedTotal(data: Buffer): number {
  const total = data.readUInt32BE(0);
  const head = data.readUInt32BE(4);
  if (total < 4 || total > maxFrame || head > total - 4 || head > maxHeader) {
    throw new EngineError(
      'protocol',
      `the helper sent a frame of ${total} bytes with a header of ${head}: not its protocol`,
    );
  }
  return total;
}

function decode(data: Buffer): Frame {
  const bodyStart = 8 + data.readUInt32BE(4);
  try {
    return { header: JSON.parse(data.toString('utf8', 8, bodyStart)) as unknown, body: data.subarray(bodyStart) };
  } catch (error) {
    throw new EngineError('protocol', 'the helper sent a frame whose header is not JSON', error);
  }
}
