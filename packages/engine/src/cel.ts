import { checkCount } from './check-count.ts';
import type { CelExpression, CelInput, CelMode, CelResult, EngineFile } from './engine.ts';
import type { Reply } from './protocol.ts';
import { textFiles } from './substitute.ts';

export function celArguments(mode: CelMode, expressions: readonly CelExpression[]): Record<string, unknown> {
  const places = (kind: 'string' | 'json'): number[] =>
    expressions.flatMap((one, place) => (typeof one !== 'string' && kind in one ? [place] : []));
  const plain = expressions.map((one) => (typeof one === 'string' ? one : one.expression));
  return { ...mode, expressions: plain, texts: places('string'), documents: places('json') };
}

/** Expressions often share an input: each text is sent once. */
export function celRuns(inputs: readonly CelInput[]): {
  runs: { expression: number; file: number; budget: number }[];
  files: EngineFile[];
} {
  const places = new Map<string, number>();
  const runs = inputs.map(({ expression, json, budget = 0 }) => {
    const file = places.get(json) ?? places.size;
    places.set(json, file);
    return { expression, file, budget };
  });
  return { runs, files: textFiles([...places.keys()]) };
}

/** @throws EngineError `protocol` when the answer is not one for each expression. */
export function celErrors(reply: Reply, count: number): (string | null)[] {
  const { errors } = reply.result as { errors: (string | null)[] };
  checkCount(errors.length, count);
  return errors;
}

/** @throws EngineError `protocol` when the answer is not one for each run. */
export function celValues<E extends CelExpression>(reply: Reply, count: number): CelResult<E>[] {
  const { values } = reply.result as { values: { value: boolean; text?: string; error?: string }[] };
  checkCount(values.length, count);
  return values.map(({ value, text, error }) => {
    if (error !== undefined) return { error };
    return (text === undefined ? { value } : { text }) as CelResult<E>;
  });
}
