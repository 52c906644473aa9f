import { PlumbError } from '@plumb/api';
import { WireError, type Head } from './wire.ts';

export type Body = Pick<Head, 'stream' | 'complete'>;

/** The server sent more than the caller is ready to hold. */
export class TooLargeError extends Error {
  constructor(what: string, limit: number) {
    super(`${what} exceeds ${limit} bytes`);
    this.name = 'TooLargeError';
  }
}

/**
 * Reads a whole body as UTF-8.
 * @throws TooLargeError past `limit` bytes, WireError when it is cut short, and what the exchange was cancelled with.
 */
export function readText({ stream, complete }: Body, limit: number): Promise<string> {
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
  let ended = false;
  stream.once('end', () => {
    ended = complete();
    if (ended) resolve(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks, size).toString());
  });
  stream.on('error', (error) => reject(cutShort(error)));
  stream.once('close', () => {
    if (!ended) reject(cutShort(new Error('the connection was closed')));
  });
  return promise;
}

function cutShort(error: Error): Error {
  return error instanceof PlumbError ? error : new WireError(`response cut short: ${error.message}`, 'unknown', error);
}
