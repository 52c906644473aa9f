import type { KubeObject } from '@plumb/api';
import { parseJson, printJson, SUBSTITUTE_RULE, systemError } from '@plumb/api';
import { EngineError } from '@plumb/engine';
import type { Engine } from '@plumb/engine';
import type { Declared } from './declared.ts';
import { toObject } from './declared.ts';
import { buildError } from './errors.ts';
import { toldName } from './object-name.ts';
import type { BuildOptions, Substitution } from './renderer.ts';

/** What Flux takes for a variable's name. */
const VARIABLE_NAME = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

/**
 * Puts variables into the built objects, each by itself and after everything else was done to it (fluxcd/pkg kustomize, "post build"). An object
 * whose label or annotation says `kustomize.toolkit.fluxcd.io/substitute: disabled` stays as it is.
 * @throws PlumbError `build-failed` that names the object and the variable, never a value; of an object that was decrypted not the variable either:
 * what looks like one may be a part of a secret
 */
export async function substitute(
  engine: Engine,
  declared: readonly Declared[],
  substitution: Substitution,
  options: BuildOptions,
): Promise<Declared[]> {
  const { variables, secrets, strict, always } = substitution;
  if (!always && Object.keys(variables).length === 0) return [...declared];
  const texts = declared.map(({ body }) => (isExcepted(body) ? '' : printJson(body)));
  // Without a dollar sign there is nothing to put in. A bad name is refused wherever it is not used either.
  const isBad = Object.keys(variables).some((name) => !VARIABLE_NAME.test(name));
  const marked = declared.flatMap((item, index) => {
    const text = texts[index] ?? '';
    return (isBad ? text !== '' : text.includes('$')) ? [{ item, index }] : [];
  });
  if (marked.length === 0) return [...declared];
  const objects = marked.map(({ index }) => texts[index] ?? '');
  const { deadline, tenant = '', signal } = options;
  const request = { objects, variables, strict, deadline, tenant, ...(signal === undefined ? {} : { signal }) };
  const answers = await engine.substitute(request).catch((error: unknown) => {
    throw explained(error);
  });
  const result = [...declared];
  for (const [position, { item, index }] of marked.entries()) {
    const answer = answers[position];
    const name = toldName(item);
    if (answer === undefined || 'error' in answer)
      throw buildError(item.place, `post build failed for '${name}': ${whyNot(item, answer)}`);
    // What it is called was said before any value came in.
    const told = secrets.length === 0 ? item.told : name;
    const body = toObject(parseJson(answer.json), item.place, told);
    result[index] = { ...item, body, ...(told === undefined ? {} : { told }) };
  }
  return result;
}

function whyNot({ told }: Declared, answer: { error: string } | undefined): string {
  if (answer === undefined) return 'no answer';
  if (told === undefined) return answer.error;
  return 'a variable in it is not there, or an expression is wrong; it was encrypted, so nothing of it is shown';
}

function isExcepted({ metadata }: KubeObject): boolean {
  return [metadata.labels, metadata.annotations].some((map) => map?.[SUBSTITUTE_RULE]?.toLowerCase() === 'disabled');
}

function explained(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  const text = `the substitution of variables failed: ${error.message}`;
  if (error.code === 'timeout' || error.code === 'cancelled') return systemError(error.code, text, error);
  return systemError('engine-failed', text, error);
}
