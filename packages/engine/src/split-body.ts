import { EngineError } from './engine.ts';

/**
 * The texts that stand one after another in an answer, by their lengths in bytes.
 * @throws EngineError `protocol` when they do not fill it.
 */
export function splitBody(body: Buffer, sizes: readonly number[]): string[] {
  let at = 0;
  const texts = sizes.map((size) => {
    const text = body.toString('utf8', at, at + size);
    at += size;
    return text;
  });
  if (at !== body.byteLength) throw new EngineError('protocol', 'the helper sent objects that do not fill its answer');
  return texts;
}
