import type { ApprovalRule, PolicySpec, PolicyWindow, SignedRule } from '@plumb/api';
import fc from 'fast-check';
import type { ApprovalFacts, Endorsement, Findings, LockdownFacts, SignedAs, SignedFacts } from '../facts.ts';
import type { GateInput } from '../judging.ts';
import { parseIdentity } from '../people.ts';
import { DIGEST, NOW, change, clusterPolicy, fate, input, knownAuthors, lockdown, policy } from './facts.ts';

// Inputs of verdicts, drawn so that they come to every state.

export const HOUR = 3_600_000;
export const CAUSES = ['routine', 'emergency', 'drift', 'rollback', 'prune', 'rebuild'] as const;
export const USERS = ['alice', 'Alice', 'alice-admin', 'bob', 'carol'];
const SIGNERS = ['alice@example.com', 'ALICE@example.com', 'bob@example.com', 'mallory'];
export const SIGNED: SignedRule = { signersRef: { name: 'signers' }, tags: '*', trailer: 'Approved-by' };
const LOGINS = ['github:alice', 'github:ALICE', 'github:bob', 'github:mallory'];
const IDENTITIES = [
  'user: alice\nuser: alice-admin\ngit: alice@example.com\ngithub: alice',
  'user: bob\ngit: bob@example.com\ngithub: bob',
].map(parseIdentity);

export const some = <Item>(item: fc.Arbitrary<Item>, most = 2): fc.Arbitrary<Item[]> =>
  fc.array(item, { maxLength: most });
const maybe = <Item>(key: string, item: fc.Arbitrary<Item>): fc.Arbitrary<object> =>
  fc.option(item, { nil: undefined }).map((value) => (value === undefined ? {} : { [key]: value }));
const all = (...parts: fc.Arbitrary<object>[]): fc.Arbitrary<object> =>
  fc.tuple(...parts).map((values) => Object.assign({}, ...values) as object);

const causes = maybe('causes', fc.subarray([...CAUSES]));
const people = all(maybe('users', fc.subarray(USERS, { maxLength: 3 })), maybe('groups', fc.subarray(['sre', 'dba'])));
const named = <Rule extends { name: string }>(rules: readonly object[]): Rule[] =>
  rules.map((rule, index) => ({ ...rule, name: `r${index}` })) as Rule[];

export const approvalRules = some(
  all(
    fc.record({ count: fc.integer({ min: 1, max: 3 }) }),
    people,
    causes,
    maybe('notAuthor', fc.boolean()),
    maybe('expiry', fc.constantFrom('30m', '2h')),
    maybe('when', fc.constant('true')),
    maybe('signed', fc.constant(SIGNED)),
  ),
).map((rules) => named<ApprovalRule>(rules));
export const windows = some(
  all(
    fc.constantFrom(
      { type: 'Allow', timeZone: 'UTC', cron: '0 12 * * 2', duration: '6h' },
      { type: 'Allow', timeZone: 'UTC', cron: '0 14 * * *', duration: '1h' },
      { type: 'Deny', timeZone: 'UTC', cron: '30 11 * * *', duration: '2h' },
      { type: 'Deny', timeZone: 'UTC', cron: '0 9 * * 1', duration: '1h' },
    ),
    maybe('who', people),
    causes,
  ),
) as fc.Arbitrary<PolicyWindow[]>;
const select = all(
  maybe('namespaceSelector', fc.constantFrom('env=prod', 'env=dev', '=')),
  maybe('names', fc.subarray(['apps', 'other*'])),
  maybe('touches', all(maybe('deletes', fc.boolean()), maybe('kinds', fc.subarray(['ConfigMap', 'Namespace.'])))),
);
const action = maybe('action', fc.constantFrom('Deny', 'Warn'));
const identitiesRef = maybe('identitiesRef', fc.constantFrom({ name: 'known' }, { name: 'unread' }));

const spec = all(
  maybe('select', select),
  maybe('approvals', approvalRules),
  maybe(
    'external',
    some(all(fc.constant({ jira: { url: 'https://jira.example', statuses: ['Done'] } }), causes)).map(named),
  ),
  maybe('windows', windows),
  maybe('forbid', some(all(fc.constant({ pattern: 'x' }), action, causes)).map(named)),
  maybe('images', all(action, causes)),
  maybe('limits', all(maybe('maxDeletes', fc.nat(2)), maybe('defaults', fc.constantFrom('On', 'Off')), causes)),
  maybe(
    'breakGlass',
    people.map((who) => ({ ...who, expiry: '1h' })),
  ),
  identitiesRef,
) as fc.Arbitrary<PolicySpec>;

export const onePolicy = fc.tuple(spec, fc.constantFrom(policy, clusterPolicy), fc.boolean()).map(
  ([own, make, flawed]) =>
    (name: string) =>
      make(name, own, flawed && own.images ? { flaw: 'bad' } : {}),
);
const policies = some(onePolicy, 3).map((makers) => makers.map((make, index) => make(`p${index}`)));
export const oneLockdown = all(
  maybe('select', select),
  maybe('approvals', approvalRules),
  maybe('causes', fc.subarray([...CAUSES])),
  identitiesRef,
  fc.constantFrom(...[-1, 0, 1, HOUR].map((left) => ({ until: new Date(NOW + left).toISOString() })), { until: 'x' }),
);
export function lockdownOf(name: string, own: object): LockdownFacts {
  const made = lockdown(name, own);
  return { ...made, flaw: made.spec.until === 'x' ? 'until: x is no time' : null };
}
const lockdowns = some(oneLockdown).map((specs) => specs.map((own, index) => lockdownOf(`l${index}`, own)));
const approvals = some(
  fc.record({
    by: fc.constantFrom(...USERS),
    groups: fc.subarray(['sre', 'dba']),
    decision: fc.constantFrom('Approve', 'Approve', 'Approve', 'Reject'),
    digest: fc.constantFrom(DIGEST, DIGEST, DIGEST, 'sha256:other'),
    override: fc.constantFrom(null, null, 'fire'),
    at: fc.constantFrom(0, 1, HOUR, 3 * HOUR).map((age) => NOW - age),
    vouched: fc.constantFrom(true, true, true, false),
  }),
  5,
).map((made) => made.map((one, index) => ({ ...one, name: `a${index}` }) as ApprovalFacts));

const FINDINGS: readonly (Findings | undefined)[] = [
  { broken: [] },
  { broken: [] },
  { broken: ['x'] },
  { broken: [], during: { from: NOW, to: NOW + HOUR, of: 'a change request' } },
  { waits: 'x' },
  { trouble: 'no engine' },
  undefined,
];
/** The same answer to the same question. */
const findings = fc.array(fc.nat(FINDINGS.length - 1), { minLength: 7, maxLength: 7 }).map(
  (picks): GateInput['findings'] =>
    (id, rule) =>
      FINDINGS[picks[(id.length * 3 + rule.length + (id.codePointAt(id.length - 1) ?? 0)) % picks.length] ?? 0],
);

const review = fc
  .record({ by: fc.constantFrom(...LOGINS), at: fc.constantFrom(NOW, NOW - 2 * HOUR) })
  .map((one): Endorsement => {
    return { ...one, evidence: `review by ${one.by}` };
  });
const REVIEWED = fc.oneof(
  fc.constant(undefined),
  fc.constant({ trouble: 'the forge is away' }),
  fc.record({ parts: some(fc.record({ wanted: fc.constantFrom('review of 1', 'review of 2'), by: some(review) })) }),
);
export const signedBy = (name: string, at = NOW): SignedAs => ({
  fingerprint: `key of ${name}`,
  holders: [[name]],
  at,
});
/** A tag by each, and a trailer of the first. */
export function signedFacts(by: readonly SignedAs[], names: readonly string[] = SIGNERS): SignedFacts {
  const [first = { problem: 'it is not signed' }] = by;
  const tags = by.map((signed, index) => ({ name: `t${index}`, signed }));
  const end = `Merge\n\n${names.map((name) => `Approved-by: ${name}`).join('\n')}`;
  return { commit: '1'.repeat(40), tags, left: 0, head: { end, signed: first }, authors: [] };
}
const signature = fc.oneof(
  fc.constant({ problem: 'no matching key' }),
  fc
    .tuple(fc.constantFrom(...SIGNERS), fc.constantFrom(NOW, NOW - 2 * HOUR, NOW + 2 * HOUR))
    .map(([name, at]) => signedBy(name, at)),
);
const FOUND_SIGNED = fc.oneof(
  fc.constant({ trouble: 'the remote is away' }),
  some(signature).map((by) => signedFacts(by)),
);
const ENDORSED = fc.oneof(
  fc.constant(undefined),
  fc
    .tuple(REVIEWED, fc.option(FOUND_SIGNED, { nil: undefined }))
    .map(([reviews, signed]) => ({ ...(reviews && { reviews }), ...(signed && { signed }) })),
);
const endorsements = fc.array(ENDORSED, { minLength: 5, maxLength: 5 }).map(
  (picks): GateInput['endorsements'] =>
    (id, rule) =>
      picks[(id.length + rule.length) % picks.length],
);

const changes = fc
  .record({
    cause: fc.constantFrom(...CAUSES, 'routine', 'routine', 'prune'),
    namespaceLabels: fc.constantFrom(null, { env: 'prod' }, { env: 'dev' }),
    authors: fc.constantFrom(
      { unknown: 'the remote is away' },
      knownAuthors([]),
      knownAuthors([{ name: 'A', email: 'alice@example.com' }]),
      knownAuthors([{ name: 'B', email: 'bob@example.com' }]),
      knownAuthors([{ name: 'M', email: 'mallory@example.com' }]),
    ),
    objects: fc.subarray([
      fate('ConfigMap', 'a', 'delete'),
      fate('Secret', 'b', 'create'),
      fate('Namespace', 'c', 'delete', ''),
    ]),
    owned: fc.constantFrom(0, 3, 12),
  })
  .map(change);

export const inputs: fc.Arbitrary<GateInput> = fc
  .record({
    change: changes,
    policies,
    lockdowns,
    approvals,
    findings,
    endorsements,
    distrust: fc.constantFrom(null, null, null, 'no admission'),
    clockTrouble: fc.constantFrom(null, null, null, 'far apart'),
    now: fc.constantFrom(NOW, NOW + 1, NOW + 2 * HOUR),
    earlier: some(
      fc.record({
        policy: fc.constantFrom('ReleasePolicy/shop/p0', 'ClusterReleasePolicy/gone', 'Lockdown/l0'),
        rule: fc.constantFrom('windows', 'deleted', 'approvals/r0'),
        verdict: fc.constantFrom('Missing', 'Denied', 'Met'),
        evidence: some(fc.constant('Approval/a0 by alice at any time'), 1),
      }),
    ),
  })
  .map((parts) => input({ ...parts, identities: ({ name }) => (name === 'known' ? IDENTITIES : null) }));
