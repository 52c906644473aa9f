import type { ApprovalRule } from '@plumb/api';
import type { PolicyFacts } from '@plumb/core';
import { expect, test } from 'vitest';
import { askElsewhere, type ElsewhereRequest } from './ask-elsewhere.ts';
import type { ReviewQuestion } from './reviews.ts';
import type { SignaturesQuestion } from './signatures.ts';

const reviews = { provider: 'GitHub', secretRef: { name: 'forge' } } as const;
const signed = { signersRef: { name: 'signers' }, tags: 'approved/*' };
const SIGNED = { commit: '2', tags: [], left: 0, head: null, authors: [] };

function policyWith(rule: Partial<ApprovalRule>): PolicyFacts {
  const spec = { approvals: [{ name: 'peer', count: 1, ...rule }] };
  return { kind: 'ReleasePolicy', namespace: 'shop', name: 'reviewed', generation: 1, spec, flaw: null };
}

async function askedOf(rule: Partial<ApprovalRule>, more: Partial<ElsewhereRequest> = {}) {
  const asked: { reviews: ReviewQuestion[]; signatures: SignaturesQuestion[] } = { reviews: [], signatures: [] };
  const request: ElsewhereRequest = {
    policies: [policyWith(rule)],
    lockdowns: [],
    cause: 'routine',
    findings: new Map(),
    source: { kind: 'GitRepository', namespace: 'shop', name: 'apps' },
    range: { revision: 'main@sha1:2', since: 'main@sha1:1' },
    hasRemoteBases: false,
    beside: () => Promise.resolve(null),
    asked: '',
    commits: () => Promise.resolve({ commits: [], isNew: true, url: '' }),
    signed: () => Promise.reject(new Error('not asked')),
    onLate: () => undefined,
    ...more,
  };
  const told = await askElsewhere(request, {
    reviews: { ask: async (question) => (asked.reviews.push(question), { parts: [] }) },
    signatures: { ask: async (question) => (asked.signatures.push(question), SIGNED) },
  });
  return { asked, told: [...told.values()] };
}

test('each rule is told what it asks for, and others are not asked', async () => {
  expect((await askedOf({})).told).toEqual([]);
  expect((await askedOf({ reviews })).told).toEqual([{ reviews: { parts: [] } }]);
  expect((await askedOf({ signed })).told).toEqual([{ signed: SIGNED }]);
  expect((await askedOf({ reviews, signed })).told).toEqual([{ reviews: { parts: [] }, signed: SIGNED }]);
  const { asked, told } = await askedOf({ reviews, signed, causes: ['rollback'] });
  expect([told, asked.reviews, asked.signatures]).toEqual([[], [], []]);
});

test('what was edited in the cluster too is of no answer on commits', async () => {
  const beside = () => Promise.resolve({ unknown: 'edited' });
  const [plain, edited] = [await askedOf({ reviews }), await askedOf({ reviews }, { beside })];
  const [first, second] = [plain.asked.reviews[0], edited.asked.reviews[0]];
  expect(second?.id).not.toBe(first?.id);
  expect(await second?.commits()).toEqual({ unknown: 'edited' });
});

test.each([
  [{}, 'its unit is made of commits of what brings it, of which reviews and signatures do not count'],
  [{ isAll: true as const }, 'it is made of commits of what brings it, of which reviews and signatures do not count'],
])('commits of what brings a unit are of no answer: %j', async (more, unknown) => {
  const { asked } = await askedOf({ reviews }, { beside: () => Promise.resolve({ ranges: [], ...more }) });
  expect(await asked.reviews[0]?.commits()).toEqual({ unknown });
});

test('units of one source and range share no answer where one of them is made of remote bases too', async () => {
  const both = { reviews, signed };
  const [plain, same, based] = [
    await askedOf(both),
    await askedOf(both),
    await askedOf(both, { hasRemoteBases: true }),
  ];
  for (const whom of ['reviews', 'signatures'] as const) {
    const [first, second, third] = [plain, same, based].map(({ asked }) => asked[whom][0]);
    expect(second?.id).toBe(first?.id);
    expect(third?.id).not.toBe(first?.id);
    expect(await third?.commits()).toEqual({ unknown: 'it is made of remote bases too' });
  }
});

test('tags are looked at anew when somebody asks for a unit to be reconciled, and forges are not', async () => {
  const both = { reviews, signed };
  const [before, after] = [await askedOf(both), await askedOf(both, { asked: 'now' })];
  expect(after.asked.signatures[0]?.id).not.toBe(before.asked.signatures[0]?.id);
  expect(after.asked.reviews[0]?.id).toBe(before.asked.reviews[0]?.id);
});
