import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judgeChange } from './evaluate.ts';
import type { GateInput } from './judging.ts';
import { parseIdentity } from './people.ts';
import { judgeRecorded, replay, type GateRecord } from './recorded.ts';
import { approval, DIGEST, input, lockdown, policy } from './testing/facts.ts';
import { inputs, some } from './testing/inputs.ts';

/** People who are connected by nothing, by one spelling, or over others. */
const PEOPLE = [
  'user: alice\ngit: alice@example.com\ngithub: alice',
  'user: alice-admin\ngithub: alice',
  'user: ALICE\nuser: root',
  'user: root\ngit: Bob <bob@example.com>',
  'user: bob\ngit: bob@example.com',
  'git: mallory\ngithub: mallory',
  'user: carol\ngit: A',
  'user: git:mallory\nuser: carol',
  'user: zoe\ngit: zoe@example.com\ngithub: zoe',
  'somebody',
].map(parseIdentity);

const given = fc
  .record({ drawn: inputs, people: some(fc.constantFrom(...PEOPLE), 6) })
  .map(({ drawn, people }): GateInput => ({ ...drawn, identities: ({ name }) => (name === 'known' ? people : null) }));

const written = (record: GateRecord): GateRecord => JSON.parse(JSON.stringify(record)) as GateRecord;

test('G4: what a verdict was made from is all that it takes to come to the same one again', () => {
  fc.assert(
    fc.property(given, (input) => {
      const { verdict, record } = judgeRecorded(input);
      expect(verdict).toEqual(judgeChange(input));
      expect(replay(input.change, written(record))).toEqual(verdict);
    }),
    { numRuns: 1_000 },
  );
});

test('a lockdown of emergencies is recorded where the glass is broken', () => {
  const glass = policy('glass', { breakGlass: { users: ['bob'], expiry: '1h' } });
  const lockdowns = [lockdown('calm', { causes: ['emergency'] })];
  const approvals = [approval('a', 'bob', { override: 'fire' })];
  const given = input({ policies: [glass], lockdowns, approvals });
  const { verdict, record } = judgeRecorded(given);
  expect(verdict).toMatchObject({ state: 'held', requirements: [{ policy: 'Lockdown/calm', rule: 'freeze' }] });
  expect(replay(given.change, written(record))).toEqual(verdict);
});

test('nothing that has no part in the verdict is recorded', () => {
  fc.assert(
    fc.property(given, (input) => {
      const { record } = judgeRecorded(input);
      expect(record.approvals.every(({ digest }) => digest === DIGEST)).toBe(true);
      const people = record.identities.flatMap((one) => one.people ?? []);
      expect(people.filter(({ users }) => users.includes('zoe'))).toEqual([]);
      const rules = [...record.findings, ...record.endorsements].map(({ policy }) => policy);
      const there = [...record.policies, ...record.lockdowns].map(({ name }) => name);
      expect(rules.filter((rule) => !there.some((name) => rule.endsWith(`/${name}`)))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
