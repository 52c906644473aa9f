import { expect, test } from 'vitest';
import { createDecryptor } from './create-decryptor.ts';
import { createEngine } from './create-engine.ts';
import { fakeHelper } from './testing/fake-helper.ts';

const MIB = 1024 * 1024;

/** A helper that fails every call with how it was started. */
const TELLING = `
  hello({ operations: ['kustomize.build', 'sops.needs'] });
  const { PATH, HTTPS_PROXY, HOME } = process.env;
  const message = JSON.stringify({ args: process.argv.slice(2), env: { PATH, HTTPS_PROXY, HOME } });
  onCall(({ id }) => answer(id, { result: undefined, error: { code: 'invalid', message } }));
`;

interface Started {
  memoryLimit?: number;
  environment?: Record<string, string>;
}

const CALL = { files: [], deadline: 10_000 };
/** One call of each helper. @returns what it fails with */
const HELPERS = {
  engine: async (path: string, { memoryLimit }: Started): Promise<unknown> => {
    const engine = createEngine({ path, slots: 1, ...(memoryLimit !== undefined && { memoryLimit }) });
    const failure = await engine.kustomizeBuild({ ...CALL, path: '.' }).catch((error: unknown) => error);
    await engine.close();
    return failure;
  },
  decryptor: async (path: string, options: Started): Promise<unknown> => {
    const decryptor = createDecryptor({ path, ...options });
    const failure = await decryptor.needs(CALL).catch((error: unknown) => error);
    await decryptor.close();
    return failure;
  },
} as const;

test.each<{ which: keyof typeof HELPERS; what: string; given: Started; bound: number; proxy?: string }>([
  { which: 'engine', what: 'no bound', given: {}, bound: 768 * MIB },
  { which: 'engine', what: 'a bound', given: { memoryLimit: 5 * MIB }, bound: 5 * MIB },
  { which: 'decryptor', what: 'no bound', given: {}, bound: 512 * MIB },
  { which: 'decryptor', what: 'a bound', given: { memoryLimit: 5 * MIB }, bound: 5 * MIB },
  {
    which: 'decryptor',
    what: 'an environment',
    given: { environment: { HTTPS_PROXY: 'http://p' } },
    bound: 512 * MIB,
    proxy: 'http://p',
  },
])('the process of the $which, given $what, is started with it and nothing of our environment', async (row) => {
  using helper = fakeHelper(TELLING);
  const error = await HELPERS[row.which](helper.path, row.given);
  const started: unknown = JSON.parse(error instanceof Error ? error.message : '{}');
  const env = { PATH: '', ...(row.proxy !== undefined && { HTTPS_PROXY: row.proxy }) };
  expect(started).toEqual({ args: [`--memory=${row.bound}`], env });
});
