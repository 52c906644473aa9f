import { checkCount } from './check-count.ts';
import type { CelInput, CelMode, CelResult, EngineFile } from './engine.ts';
import type { Reply } from './protocol.ts';
import { textFiles } from './substitute.ts';

export function celArguments(mode: CelMode, expressions: readonly string[]): Record<string, unknown> {
  return mode.kind === 'parsed' ? { expressions } : { compiled: true, variables: mode.variables, expressions };
}

/** Expressions often share an input: each text is sent once. */
export function celRuns(inputs: readonly CelInput[]): {
  runs: { expression: number; file: number }[];
  files: EngineFile[];
} {
  const places = new Map<string, number>();
  const runs = inputs.map(({ expression, json }) => {
    const file = places.get(json) ?? places.size;
    places.set(json, file);
    return { expression, file };
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
export function celValues(reply: Reply, count: number): CelResult[] {
  const { values } = reply.result as { values: { value: boolean; error?: string }[] };
  checkCount(values.length, count);
  return values.map(({ value, error }) => (error === undefined ? { value } : { error }));
}
