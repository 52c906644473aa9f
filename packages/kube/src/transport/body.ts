import type { Readable } from 'node:stream';
import { WireError } from './wire.ts';

/** The server sent more than the caller is ready to hold. */
export class TooLargeError extends Error {
  constructor(what: string, limit: number) {
    super(`${what} exceeds ${limit} bytes`);
    this.name = 'TooLargeError';
  }
}

/** Reads a whole body as UTF-8. @throws TooLargeError past `limit` bytes, WireError when it is cut short. */
export function readText(stream: Readable, limit: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limit) {
      chunks.push(chunk);
      return;
    }
    const error = new TooLargeError('the response', limit);
    reject(error);
    stream.destroy(error);
  });
  stream.once('end', () => resolve(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks, size).toString()));
  stream.on('error', (error) => reject(new WireError(`response cut short: ${error.message}`, false, error)));
  stream.once('close', () => reject(new WireError('response cut short: the connection was closed', false)));
  return promise;
}
