import type { Authorship } from '@plumb/core';
import { FakeClock } from '@plumb/testkit';
import { describe, expect, test } from 'vitest';
import { askAuthors, authorsTogether, readsAuthors, type AuthorsQuestion } from './authors.ts';

const KNOWN: Authorship = { authors: [{ name: 'Alice', email: 'alice@example.test' }], message: 'm', verified: true };

describe('rules ask whose work a change is', () => {
  const check = { name: 'c', expression: 'true', action: 'Deny', over: 'Change' } as const;
  test.each([
    ['that no author approves', { approvals: [{ name: 'a', count: 1, notAuthor: true }] }, true],
    ['by a condition', { approvals: [{ name: 'a', count: 1, when: 'source.verified' }] }, true],
    ['by a check', { checks: [{ ...check, expression: 'source["message"] != ""' }] }, true],
    ['by the message of a check', { checks: [{ ...check, messageExpression: 'source.authors[0].name' }] }, true],
    [
      'by what another system is asked',
      { external: [{ name: 'a', serviceNow: { url: 'https://now.example' } }] },
      true,
    ],
    ['not at all', { checks: [check], approvals: [{ name: 'a', count: 1, when: 'change.counts.delete > 0' }] }, false],
    ['by no rule', {}, false],
  ])('%s', (_how, spec, asks) => {
    expect(readsAuthors(spec)).toBe(asks);
  });
});

describe('an answer', () => {
  const asked = (ask: () => Promise<Authorship>, over: Partial<AuthorsQuestion> = {}): Promise<Authorship> => {
    return askAuthors({ ask, hasRemoteBases: false, clock: new FakeClock(), onLate: () => undefined, ...over });
  };

  test('that is there in time is taken', async () => {
    let late = 0;
    expect(await asked(() => Promise.resolve(KNOWN), { onLate: () => (late += 1) })).toBe(KNOWN);
    expect(late).toBe(0);
  });

  test('that is out for long is not waited for, and tells when it is there', async () => {
    const clock = new FakeClock();
    const answer = Promise.withResolvers<Authorship>();
    const late = Promise.withResolvers<void>();
    const told = asked(() => answer.promise, { clock, onLate: () => late.resolve() });
    await clock.advance(5_000);
    expect(await told).toEqual({ unknown: 'they are still being looked for' });
    answer.resolve(KNOWN);
    await late.promise;
  });

  test('that is none is told as one line, and not at any length', async () => {
    const refused = asked(() => Promise.reject(new Error(`no\n${'x'.repeat(9_000)}`)));
    expect(await refused).toEqual({ unknown: `no ${'x'.repeat(497)}` });
  });

  test('says nothing of what remote bases bring in', async () => {
    expect(await asked(() => Promise.resolve(KNOWN), { hasRemoteBases: true })).toEqual({
      unknown: 'it is made of remote bases too, of which they are not looked up',
    });
  });
});

describe('what several ranges of commits tell together', () => {
  const apps = { kind: 'GitRepository', namespace: 'shop', name: 'apps' };
  const fleet = { ...apps, name: 'fleet' };
  const bob: Authorship = {
    ...KNOWN,
    authors: [{ name: 'Bob', email: 'bob@example.test' }],
    message: 'b',
    signer: 'k',
  };

  test('is each author once, and else what the own one tells', () => {
    const both = { ...bob, authors: [...KNOWN.authors, ...bob.authors] };
    const told = authorsTogether([
      { source: apps, told: KNOWN },
      { source: fleet, told: both },
    ]);
    expect(told).toEqual({ ...KNOWN, authors: both.authors });
  });

  test.each([
    ['of another source that is not', fleet, false],
    ['of what the same source had before', apps, true],
  ])('is verified beside a range %s: %j', (_what, source, verified) => {
    const told = authorsTogether([
      { source: apps, told: KNOWN },
      { source, told: { ...bob, verified: false } },
    ]);
    expect(told).toMatchObject({ verified });
  });

  test('is nothing where nobody knows of one', () => {
    const unknown = { unknown: 'it is not here' };
    const told = authorsTogether([
      { source: apps, told: KNOWN },
      { source: apps, told: unknown },
    ]);
    expect(told).toEqual(unknown);
  });
});
