import type { EngineFile, Substituted } from './engine.ts';
import { checkCount } from './check-count.ts';
import type { Reply } from './protocol.ts';
import { splitBody } from './split-body.ts';

const encoder = new TextEncoder();

/** Texts as the files of a call. Their names say nothing: the helper goes by their order. */
export function textFiles(texts: readonly string[]): EngineFile[] {
  return texts.map((text, index) => ({ path: String(index), content: encoder.encode(text) }));
}

/** @throws EngineError `protocol` when the answer is not one for each object. */
export function substituted(reply: Reply, count: number): Substituted[] {
  const { objects } = reply.result as { objects: { size?: number; error?: string }[] };
  checkCount(objects.length, count);
  const texts = splitBody(
    reply.body,
    objects.map(({ size }) => size ?? 0),
  );
  return objects.map(({ error }, index) => (error === undefined ? { json: texts[index] ?? '' } : { error }));
}
