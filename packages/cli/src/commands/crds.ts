import { crds, printJson } from '@plumb/api';
import type { Context } from '../context.ts';

/** Prints the definitions of the kinds served, as a List that `kubectl apply --server-side -f -` takes. */
export function runCrds(_options: object, { stdout }: Context): Promise<number> {
  const list = { apiVersion: 'v1', kind: 'List', items: crds() };
  stdout.write(`${JSON.stringify(JSON.parse(printJson(list)), null, 2)}\n`);
  return Promise.resolve(0);
}
