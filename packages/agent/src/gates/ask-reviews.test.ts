import type { PolicyFacts } from '@plumb/core';
import { expect, test } from 'vitest';
import { askReviews, type ReviewRequest } from './ask-reviews.ts';
import type { ReviewQuestion } from './reviews.ts';

const reviews = { provider: 'GitHub', secretRef: { name: 'forge' } } as const;
const POLICY: PolicyFacts = {
  kind: 'ReleasePolicy',
  namespace: 'shop',
  name: 'reviewed',
  generation: 1,
  spec: { approvals: [{ name: 'peer', count: 1, reviews }] },
  flaw: null,
};

async function questionOf(more: Partial<ReviewRequest>): Promise<ReviewQuestion | undefined> {
  const asked: ReviewQuestion[] = [];
  const request: ReviewRequest = {
    policies: [POLICY],
    lockdowns: [],
    cause: 'routine',
    findings: new Map(),
    source: { kind: 'GitRepository', namespace: 'shop', name: 'apps' },
    range: { revision: 'main@sha1:2', since: 'main@sha1:1' },
    hasRemoteBases: false,
    commits: () => Promise.resolve({ commits: [], isNew: true, url: '' }),
    onLate: () => undefined,
    ...more,
  };
  await askReviews(request, {
    ask: (question) => {
      asked.push(question);
      return Promise.resolve({ parts: [] });
    },
  });
  return asked[0];
}

test('units of one source and range share no answer where one of them is made of remote bases too', async () => {
  const [plain, same, based] = [await questionOf({}), await questionOf({}), await questionOf({ hasRemoteBases: true })];
  expect(same?.id).toBe(plain?.id);
  expect(based?.id).not.toBe(plain?.id);
  expect(await based?.commits()).toEqual({ unknown: 'it is made of remote bases too' });
});
