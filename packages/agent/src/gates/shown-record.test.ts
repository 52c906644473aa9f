import { judgeRecorded, policyId, replay, type Findings, type GateRecord, type PolicyFacts } from '@plumb/core';
import { expect, test } from 'vitest';
import { shownRecord } from './shown-record.ts';

const NOW = Date.parse('2026-11-03T12:00:00Z');
const SECRET = 'hunter22';

const policy = (name: string, more: Partial<PolicyFacts>): PolicyFacts => {
  return { kind: 'ReleasePolicy', namespace: 'shop', name, generation: 1, spec: {}, flaw: null, ...more };
};
const webhook = { url: 'https://hooks.example/may?key=abc', expression: 'true' };
const POLICIES: PolicyFacts[] = [
  policy('content', {
    spec: {
      forbid: [{ name: 'words', pattern: 'x' }],
      images: {},
      approvals: [{ name: 'two', count: 2, signed: { signersRef: { name: 'signers' }, tags: '*' } }],
      external: [
        { name: 'hook', webhook },
        { name: 'ticket', jira: { url: 'https://jira.example/path', statuses: ['Done'] } },
      ],
      breakGlass: { users: ['olga'], expiry: '1h' },
    },
  }),
  policy('flawed', { spec: { select: { names: ['apps'] }, external: [{ name: 'hook', webhook }] }, flaw: SECRET }),
];

const FOUND: Readonly<Record<string, Findings>> = {
  'forbid/words': { broken: [`has ${SECRET}`, 'has more'], evidence: [SECRET] },
  images: { waits: `a report of ${SECRET}` },
  'external/hook': { trouble: `it says ${SECRET}` },
  'external/ticket': { broken: [], during: { from: NOW + 1, to: NOW + 2, of: `ticket ${SECRET}` } },
};

function judged(override: string | null) {
  const said = { groups: [], decision: 'Approve', digest: 'sha256:1', at: NOW, vouched: true } as const;
  return judgeRecorded({
    change: CHANGE,
    policies: POLICIES,
    lockdowns: [
      {
        name: 'freeze',
        at: NOW - 1,
        generation: 1,
        spec: { reason: `leak of ${SECRET}`, by: 'olga', until: '2026-11-03T13:00:00Z' },
        flaw: null,
      },
    ],
    approvals: [{ name: 'a', by: 'olga', ...said, override }],
    distrust: null,
    identities: () => null,
    findings: (_policy, rule) => FOUND[rule],
    endorsements: () => ({
      reviews: { parts: [{ wanted: `review of ${SECRET}`, by: [], notes: [SECRET] }] },
      signed: {
        commit: '1'.repeat(40),
        tags: [{ name: 'v1', signed: { problem: `no key ${SECRET}` } }],
        left: 0,
        head: { end: '', signed: { problem: SECRET } },
        authors: [],
      },
    }),
    earlier: [],
    now: NOW,
    clockTrouble: null,
  });
}

const CHANGE = {
  unit: { kind: 'Kustomization', namespace: 'shop', name: 'apps', labels: {} },
  namespaceLabels: null,
  cluster: 'own',
  source: { kind: 'GitRepository', namespace: 'shop', name: 'shop', revision: 'main@sha1:1' },
  cause: 'routine',
  digest: 'sha256:1',
  authors: { unknown: 'nobody asked' },
  objects: [],
  owned: 1,
} as const;

const shown = (record: GateRecord): GateRecord =>
  JSON.parse(JSON.stringify(shownRecord(record, [SECRET]).judged)) as GateRecord;

test.each([null, `quick, for ${SECRET}`])(
  'I8: no secret value is in it, and it is judged by as before: override %s',
  (override) => {
    const { verdict, record } = judged(override);
    const told = shown(record);
    expect(JSON.stringify(record)).toContain(SECRET);
    expect(JSON.stringify(told)).not.toContain(SECRET);
    const requirements = verdict.requirements.map(({ message, evidence, ...one }) => {
      const hide = (text: string): string => text.replaceAll(SECRET, '***');
      return { ...one, message: hide(message), evidence: evidence.map(hide) };
    });
    expect(replay(CHANGE, told)).toEqual({ ...verdict, requirements });
  },
);

test('an address tells its host, and of a policy with a mistake it is only told what it selects', () => {
  const [content, flawed] = shown(judged(null).record).policies;
  const urls = (content?.spec.external ?? []).map(({ webhook: hook, jira }) => hook?.url ?? jira?.url);
  expect(urls).toEqual(['https://hooks.example', 'https://jira.example']);
  expect(flawed && { id: policyId(flawed), spec: flawed.spec, flaw: flawed.flaw }).toEqual({
    id: 'ReleasePolicy/shop/flawed',
    spec: { select: { names: ['apps'] } },
    flaw: '***',
  });
});
