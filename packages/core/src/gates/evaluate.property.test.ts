import type { ApprovalRule, PolicySpec } from '@plumb/api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isGoverned } from './causes.ts';
import { governing, judgeChange, type GateVerdict } from './evaluate.ts';
import { contentRules } from './judge-rules.ts';
import type { GateInput } from './judging.ts';
import { externalName } from './external.ts';
import { policyId, type ApprovalFacts, type Endorsement, type Findings, type PolicyFacts } from './facts.ts';
import { DIGEST, NOW, change, knownAuthors, lockdown, policy } from './testing/facts.ts';
import {
  approvalRules,
  CAUSES,
  HOUR,
  inputs,
  lockdownOf,
  oneLockdown,
  onePolicy,
  SIGNED,
  signedBy,
  signedFacts,
  USERS,
  windows,
} from './testing/inputs.ts';

const RUNS = 300;
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
      change: { ...given.change, objects: given.change.objects.toReversed() },
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
