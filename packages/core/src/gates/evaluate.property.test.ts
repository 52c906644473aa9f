import type { ApprovalRule, PolicySpec, PolicyWindow, SignedRule } from '@plumb/api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isGoverned } from './causes.ts';
import { governing, judgeChange, type GateVerdict } from './evaluate.ts';
import { contentRules } from './judge-rules.ts';
import type { GateInput } from './judging.ts';
import { externalName } from './external.ts';
import {
  policyId,
  type ApprovalFacts,
  type Endorsement,
  type Findings,
  type LockdownFacts,
  type PolicyFacts,
  type SignedAs,
  type SignedFacts,
} from './facts.ts';
import { parseIdentity } from './people.ts';
import { DIGEST, NOW, change, clusterPolicy, fate, input, knownAuthors, lockdown, policy } from './testing/facts.ts';

const RUNS = 300;
const HOUR = 3_600_000;
const CAUSES = ['routine', 'emergency', 'drift', 'rollback', 'prune', 'rebuild'] as const;
const USERS = ['alice', 'Alice', 'alice-admin', 'bob', 'carol'];
const SIGNERS = ['alice@example.com', 'ALICE@example.com', 'bob@example.com', 'mallory'];
const SIGNED: SignedRule = { signersRef: { name: 'signers' }, tags: '*', trailer: 'Approved-by' };
const LOGINS = ['github:alice', 'github:ALICE', 'github:bob', 'github:mallory'];
const IDENTITIES = [
  'user: alice\nuser: alice-admin\ngit: alice@example.com\ngithub: alice',
  'user: bob\ngit: bob@example.com\ngithub: bob',
].map(parseIdentity);

const some = <Item>(item: fc.Arbitrary<Item>, most = 2): fc.Arbitrary<Item[]> => fc.array(item, { maxLength: most });
const maybe = <Item>(key: string, item: fc.Arbitrary<Item>): fc.Arbitrary<object> =>
  fc.option(item, { nil: undefined }).map((value) => (value === undefined ? {} : { [key]: value }));
const all = (...parts: fc.Arbitrary<object>[]): fc.Arbitrary<object> =>
  fc.tuple(...parts).map((values) => Object.assign({}, ...values) as object);

const causes = maybe('causes', fc.subarray([...CAUSES]));
const people = all(maybe('users', fc.subarray(USERS, { maxLength: 3 })), maybe('groups', fc.subarray(['sre', 'dba'])));
const named = <Rule extends { name: string }>(rules: readonly object[]): Rule[] =>
  rules.map((rule, index) => ({ ...rule, name: `r${index}` })) as Rule[];

const approvalRules = some(
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
const windows = some(
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

const onePolicy = fc.tuple(spec, fc.constantFrom(policy, clusterPolicy), fc.boolean()).map(
  ([own, make, flawed]) =>
    (name: string) =>
      make(name, own, flawed && own.images ? { flaw: 'bad' } : {}),
);
const policies = some(onePolicy, 3).map((makers) => makers.map((make, index) => make(`p${index}`)));
const oneLockdown = all(
  maybe('select', select),
  maybe('approvals', approvalRules),
  maybe('causes', fc.subarray([...CAUSES])),
  identitiesRef,
  fc.constantFrom(...[-1, 0, 1, HOUR].map((left) => ({ until: new Date(NOW + left).toISOString() })), { until: 'x' }),
);
function lockdownOf(name: string, own: object): LockdownFacts {
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
const signedBy = (name: string, at = NOW): SignedAs => ({ fingerprint: `key of ${name}`, holders: [[name]], at });
/** A tag by each, and a trailer of the first. */
function signedFacts(by: readonly SignedAs[], names: readonly string[] = SIGNERS): SignedFacts {
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

const inputs: fc.Arbitrary<GateInput> = fc
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

const RANK = { open: 0, held: 1, rejected: 2 };
const rank = (given: GateInput): number => RANK[judgeChange(given).state];

/** Of drawn inputs, and what more is drawn. */
function forAll<More>(more: fc.Arbitrary<More>, check: (given: GateInput, more: More) => void): void {
  fc.assert(
    fc.property(inputs, more, (given, also) => check(given, also)),
    { numRuns: RUNS },
  );
}

test('the inputs that are drawn come to every state', () => {
  const states = new Set(fc.sample(inputs, { numRuns: 400, seed: 1 }).map((given) => judgeChange(given).state));
  expect(states).toEqual(new Set(['open', 'held', 'rejected']));
});

test('one more policy opens nothing, save one that takes the default limits away', () => {
  forAll(onePolicy, (given, make) => {
    const made = make('more');
    const { defaults: _off, ...limits } = made.spec.limits ?? {};
    const more = { ...made, spec: { ...made.spec, limits } };
    expect(rank({ ...given, policies: [...given.policies, more] })).toBeGreaterThanOrEqual(rank(given));
  });
});

test('one more lockdown opens nothing', () => {
  forAll(oneLockdown, (given, own) => {
    const more = lockdownOf('more', own);
    expect(rank({ ...given, lockdowns: [...given.lockdowns, more] })).toBeGreaterThanOrEqual(rank(given));
  });
});

test('one more requirement in a policy opens nothing', () => {
  const extra = fc.oneof(
    fc.record({ approvals: approvalRules }),
    fc.record({ images: fc.constant({}) }),
    fc.record({ forbid: fc.constant([{ name: 'extra', pattern: 'x' }]) }),
    fc.record({ windows: windows.map((all) => all.filter(({ type, who }) => type === 'Deny' && who === undefined)) }),
  );
  forAll(extra, (given, more) => {
    const stricter = given.policies.map((one): PolicyFacts => {
      // Whoever may approve by one of the rules may approve deletions too: named here, they stay the same people.
      const limits = one.spec.limits && { ...one.spec.limits, approvers: { users: ['bob'] } };
      return { ...one, spec: { ...one.spec, ...(limits && { limits }) } };
    });
    const before = { ...given, policies: stricter };
    const policies = stricter.map((one): PolicyFacts => {
      const merged: Record<string, unknown> = { ...one.spec };
      for (const [name, value] of Object.entries(more)) {
        const old = merged[name];
        const taken = Array.isArray(value) ? value.map((rule: object, at) => ({ ...rule, name: `extra${at}` })) : value;
        merged[name] = Array.isArray(old) && Array.isArray(taken) ? [...(old as object[]), ...taken] : (old ?? taken);
      }
      return { ...one, spec: merged as PolicySpec };
    });
    expect(rank({ ...given, policies })).toBeGreaterThanOrEqual(rank(before));
  });
});

test('an approval less opens nothing, unless it was a rejection, or broke the glass', () => {
  forAll(fc.nat(4), (given, index) => {
    const gone = given.approvals[index];
    fc.pre(gone !== undefined && gone.decision === 'Approve');
    const less = { ...given, approvals: given.approvals.filter((one) => one !== gone) };
    // Rules that name emergencies are about nothing else.
    fc.pre(judgeChange(less).isEmergency === judgeChange(given).isEmergency);
    expect(rank(less)).toBeGreaterThanOrEqual(rank(given));
  });
});

test('somebody whom no policy that governs names makes no emergency, and what runs is never one', () => {
  forAll(fc.constant(null), (given) => {
    const { cause } = given.change;
    const policies = given.policies.map((one): PolicyFacts => {
      return { ...one, spec: { ...one.spec, breakGlass: { users: ['nobody'], expiry: '1h' } } };
    });
    expect(judgeChange({ ...given, policies }).isEmergency).toBe(false);
    expect((cause === 'drift' || cause === 'rebuild') && judgeChange(given).isEmergency).toBe(false);
  });
});

test('approvals of other digests, and their order, do not matter', () => {
  forAll(fc.constantFrom('sha256:other', '', DIGEST.toUpperCase(), `${DIGEST} `), (given, digest) => {
    const verdict = judgeChange(given);
    const others = USERS.map((by, index): ApprovalFacts => {
      return {
        name: `x${index}`,
        by,
        groups: ['sre', 'dba'],
        decision: 'Approve',
        digest,
        override: null,
        at: NOW,
        vouched: true,
      };
    });
    const rejected = others.map((one): ApprovalFacts => ({ ...one, name: `${one.name}r`, decision: 'Reject' }));
    const approvals = [...others, ...given.approvals.toReversed(), ...rejected];
    expect(judgeChange({ ...given, approvals })).toEqual(verdict);
  });
});

test('the same input gives the same verdict, whatever order its lists are in, and nothing of it is changed', () => {
  forAll(fc.integer(), (given) => {
    const before = structuredClone({ ...given, findings: null, identities: null, endorsements: null });
    const verdict = judgeChange(given);
    expect(judgeChange(given)).toEqual(verdict);
    const { policies: some, lockdowns: locks, approvals: said, earlier } = given;
    const turned = {
      policies: some.toReversed(),
      lockdowns: locks.toReversed(),
      approvals: said.toReversed(),
    };
    expect(judgeChange({ ...given, ...turned })).toEqual(verdict);
    expect(
      judgeChange({
        ...structuredClone({ ...before, earlier }),
        findings: given.findings,
        identities: given.identities,
        endorsements: given.endorsements,
      }),
    ).toEqual(verdict);
    expect({ ...given, findings: null, identities: null, endorsements: null }).toEqual(before);
  });
});

const told = ({ requirements }: GateVerdict): string[] => requirements.map(({ verdict }) => verdict);

test('the state is what the requirements say', () => {
  forAll(fc.constant(null), (given) => {
    const verdict = judgeChange(given);
    const has = (one: string): boolean => told(verdict).includes(one);
    expect(verdict.state).toBe(has('Denied') ? 'rejected' : has('Missing') ? 'held' : 'open');
    const opens = verdict.opensAt ?? Number.POSITIVE_INFINITY;
    expect(opens > given.now && (verdict.state !== 'open' || verdict.opensAt === null)).toBe(true);
  });
});

test('what could not be found out of a rule that governs holds', () => {
  forAll(fc.constantFrom(undefined, { trouble: 'no engine' }, { waits: 'x' }), (given, found) => {
    const asks = governing(given.policies, given.change).some((one) => {
      if (one.flaw !== null) return false;
      const conditions = (one.spec.approvals ?? []).some(
        ({ when, causes: of = ['routine', 'prune'] }) => when !== undefined && of.includes(given.change.cause),
      );
      const isAsking = (one.spec.external ?? []).some(({ causes: of }) => isGoverned(of, given.change.cause));
      const glass = one.spec.breakGlass !== undefined;
      const occasion = { cause: given.change.cause, isEmergency: false };
      return contentRules(one, occasion).length > 0 || ((conditions || isAsking) && !glass);
    });
    fc.pre(asks);
    expect(judgeChange({ ...given, findings: () => found }).state).not.toBe('open');
  });
});

test('one rule alone that could not be found out holds', () => {
  const lacking = fc.constantFrom<Findings | undefined>(undefined, { trouble: 'no answer' }, { waits: 'x' });
  forAll(fc.tuple(fc.nat(), lacking), (given, [pick, none]) => {
    const rules = governing(given.policies, given.change)
      .filter(({ flaw }) => flaw === null)
      .flatMap((one) => {
        const occasion = { cause: given.change.cause, isEmergency: false };
        const names = contentRules(one, occasion).map(({ rule }) => rule);
        const asked = one.spec.breakGlass === undefined ? (one.spec.external ?? []) : [];
        names.push(...asked.filter(({ causes: of }) => isGoverned(of, given.change.cause)).map(externalName));
        return names.map((rule) => [policyId(one), rule] as const);
      });
    const chosen = rules[pick % Math.max(1, rules.length)];
    fc.pre(chosen !== undefined);
    const lost: GateInput['findings'] = (id, rule) =>
      id === chosen?.[0] && rule === chosen[1] ? none : { broken: [] };
    expect(judgeChange({ ...given, findings: lost }).state).not.toBe('open');
  });
});

test('a freeze holds until its end, whatever people say', () => {
  forAll(fc.integer({ min: 1, max: HOUR }), (given, left) => {
    const frozen = lockdown('freeze', { until: new Date(given.now + left).toISOString(), causes: [...CAUSES] });
    const during = { ...given, lockdowns: [...given.lockdowns, frozen] };
    expect(judgeChange(during).state).not.toBe('open');
    const after = { ...during, now: given.now + left, clockTrouble: null };
    const without = { ...given, now: given.now + left, clockTrouble: null };
    expect(judgeChange(after)).toEqual(judgeChange(without));
  });
});

test('trouble with the clock opens nothing', () => {
  forAll(fc.constant(null), (given) => {
    const sure = { ...given, clockTrouble: null };
    // Then nobody has broken the glass, as far as can be told.
    const calm = { ...sure, approvals: given.approvals.filter(({ override }) => override === null) };
    const least = Math.min(rank(sure), rank(calm), 1);
    expect(rank({ ...given, clockTrouble: 'far apart' })).toBeGreaterThanOrEqual(least);
    expect(rank({ ...given, distrust: 'no admission' })).toBeGreaterThanOrEqual(least);
  });
});

test('an author never approves alone, under whichever name', () => {
  const names = fc.subarray(['alice', 'ALICE', 'ａｌｉｃｅ', 'al\u200bice', 'alice-admin', 'Alice-Admin\ufe0f'], {
    minLength: 1,
  });
  forAll(names, (given, by) => {
    const rule: ApprovalRule = { name: 'other', count: 1, notAuthor: true, causes: [...CAUSES], signed: SIGNED };
    const strict = policy('strict', { approvals: [rule], identitiesRef: { name: 'known' } });
    const people = [{ name: 'x', email: 'Alice@Example.com' }];
    const authors = knownAuthors(people);
    const said = by.map((name, index): ApprovalFacts => {
      return {
        name: `own${index}`,
        by: name,
        groups: ['sre'],
        decision: 'Approve',
        digest: DIGEST,
        override: null,
        at: NOW,
        vouched: true,
      };
    });
    const own = by.map((name): Endorsement => ({ by: `github:${name}`, at: NOW, evidence: 'a review' }));
    const signers = ['alice@example.com', 'ALICE@EXAMPLE.COM', ...by].map((name) => signedBy(name));
    const signed = { ...signedFacts(signers, ['alice@example.com', ...by]), authors: people };
    const reviews = { parts: [{ wanted: 'review', by: own }] };
    const endorsements: GateInput['endorsements'] = () => ({ reviews, signed });
    const facts = { ...given, change: change({ ...given.change, authors }), approvals: said, endorsements };
    expect(judgeChange({ ...facts, policies: [...given.policies, strict] }).state).not.toBe('open');
  });
});

test('a policy that held and is gone opens nothing by itself', () => {
  forAll(fc.nat(), (given, pick) => {
    const verdict = judgeChange(given);
    const holding = given.policies.filter((one) =>
      verdict.requirements.some(
        ({ policy: id, verdict: is, rule }) =>
          id === policyId(one) && (is === 'Missing' || is === 'Denied') && rule !== 'deleted',
      ),
    );
    const gone = holding[pick % Math.max(1, holding.length)];
    fc.pre(gone !== undefined);
    const earlier = [...verdict.requirements];
    const policies = given.policies.filter((one) => one !== gone);
    const first = judgeChange({ ...given, policies, earlier });
    expect(first.state).not.toBe('open');
    expect(judgeChange({ ...given, policies, earlier: first.requirements }).state).not.toBe('open');
  });
});

test('a policy that held and says less after an edit opens nothing by itself', () => {
  forAll(fc.tuple(fc.nat(), fc.boolean()), (given, [pick, isAway]) => {
    const verdict = judgeChange(given);
    const holding = given.policies.filter((one) =>
      verdict.requirements.some(
        ({ policy: id, verdict: is, rule }) =>
          id === policyId(one) && (is === 'Missing' || is === 'Denied') && !['spec', 'deleted'].includes(rule),
      ),
    );
    const old = holding[pick % Math.max(1, holding.length)];
    fc.pre(old !== undefined);
    const select = isAway ? { names: ['of-nobody'] } : {};
    const spec = isAway ? { ...old.spec, select } : {};
    const edited = { ...old, generation: old.generation + 1, spec, flaw: null };
    const policies = given.policies.map((one) => (one === old ? edited : one));
    const first = judgeChange({ ...given, policies, earlier: verdict.requirements });
    expect(first.state).not.toBe('open');
    expect(judgeChange({ ...given, policies, earlier: first.requirements }).state).not.toBe('open');
  });
});
