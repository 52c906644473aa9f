import { expect, test } from 'vitest';

import { failureOf, uniqueName } from './fixtures.ts';
import type { Subject } from './fixtures.ts';

/** Tokens of service accounts. */
export function tokenContract(subject: () => Subject): void {
  const claimsOf = (token: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

  test.each([
    { what: 'for somebody else', audiences: ['sts.example.com', 'other'] },
    { what: 'for the API server itself', audiences: [] },
  ])('a token $what names its account, whom it is for, and its end', async ({ audiences }) => {
    const { cluster, namespace } = subject();
    const name = uniqueName();
    await cluster.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } });
    const { token, expiresAt } = await cluster.createToken({ namespace, name }, { audiences });
    const { sub, aud, exp } = claimsOf(token);
    expect(sub).toBe(`system:serviceaccount:${namespace}:${name}`);
    expect(aud).toEqual(audiences.length === 0 ? ['https://kubernetes.default.svc'] : audiences);
    expect(Math.abs(Number(exp) * 1_000 - expiresAt)).toBeLessThan(1_000);
  });

  test('an account that does not exist has none', async () => {
    const { cluster, namespace } = subject();
    const name = uniqueName();
    expect(await failureOf(cluster.createToken({ namespace, name }, { audiences: [] }))).toMatchObject({
      code: 'api-not-found',
      message: `serviceaccounts "${name}" not found`,
    });
  });
}
