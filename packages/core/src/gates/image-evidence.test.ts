import type { ImageSigners, Json, VulnerabilityRule } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { Findings } from './facts.ts';
import {
  signatureEvidence,
  signatureFindings,
  vulnerabilityEvidence,
  vulnerabilityFindings,
  type Asked,
  type SignedFact,
  type VerifiedImage,
  type VulnerabilityEvidence,
} from './image-evidence.ts';
import { maySign, signersProblem, signersText } from './image-signers.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = `ghcr.io/shop/web@${DIGEST}`;
const ISSUER = 'https://issuer.example';
const signers: ImageSigners = {
  keys: [{ pem: 'x' }],
  keyless: [{ issuer: ISSUER, subjectPattern: 'https://builds\\.example/.*' }],
  trustedRootRef: { name: 'root' },
};
const WHO = 'a key of the policy or /https://builds\\.example/.*/ of https://issuer.example';
const ours = { issuer: ISSUER, subject: 'https://builds.example/shop' };

test.each<[string, ImageSigners, string, string, boolean]>([
  ['exactly', { keyless: [{ issuer: ISSUER, subject: 'a' }] }, ISSUER, 'a', true],
  ['exactly, another issuer', { keyless: [{ issuer: ISSUER, subject: 'a' }] }, 'https://evil.example', 'a', false],
  ['exactly, a longer subject', { keyless: [{ issuer: ISSUER, subject: 'a' }] }, ISSUER, 'aa', false],
  ['by patterns', { keyless: [{ issuerPattern: 'https://.*', subjectPattern: '[ab]' }] }, ISSUER, 'b', true],
  ['by patterns, which fit the whole', { keyless: [{ issuer: ISSUER, subjectPattern: '[ab]' }] }, ISSUER, 'bb', false],
  ['by nobody', {}, ISSUER, 'a', false],
])('an identity is named %s', (...[, rule, issuer, subject, expected]) => {
  expect(maySign(rule, { issuer, subject })).toBe(expected);
});

describe('signers that nobody could judge by', () => {
  const PEM = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n';
  test.each<[string, ImageSigners, string]>([
    ['none', {}, 'p names nobody: it needs keys or keyless'],
    ['empty lists', { keys: [], keyless: [] }, 'p names nobody: it needs keys or keyless'],
    ['no key', { keys: [{ pem: PEM }, { pem: 'hello' }] }, 'p.keys[1].pem is no public key in PEM'],
    [
      'a private key',
      { keys: [{ pem: PEM.replaceAll('PUBLIC', 'PRIVATE') }] },
      'p.keys[0].pem is no public key in PEM',
    ],
    [
      'an identity that nobody vouches for',
      { keyless: [ours] },
      'p.keyless needs p.trustedRootRef: without it nobody vouches for identities',
    ],
    [
      'a pattern',
      { keyless: [{ issuer: 'a', subjectPattern: '(' }], trustedRootRef: { name: 'r' } },
      '( is no pattern of RE2: ',
    ],
  ])('%s', (_, rule, problem) => {
    expect(signersProblem('p', rule)).toContain(problem);
  });

  test('are not those who have a key, or a Secret with some', () => {
    expect(signersProblem('p', { keys: [{ pem: PEM }, { secretRef: { name: 'a' } }] })).toBeNull();
  });
});

test('signers are told in words', () => {
  const keys = [{ secretRef: { name: 'ours' } }, { pem: 'x' }, { pem: 'y' }];
  expect(signersText({ keys, keyless: [{ issuerPattern: 'a.*', subject: 'b' }] })).toBe(
    'a key in Secret ours or a key of the policy or b of /a.*/',
  );
});

const signature = (by: SignedFact['by']): SignedFact => ({ by, at: null, statement: null });

describe('an image', () => {
  const judged = (verified: VerifiedImage, image = IMAGE): Findings =>
    signatureFindings(signers, [{ image, digest: DIGEST, evidence: signatureEvidence(signers, verified) }]);

  test('that is signed by one who may is well', () => {
    const doubts = [{ isSignature: true, why: 'another' }];
    expect(judged({ signed: [signature({ key: 'ours' }), signature(ours)], doubts })).toEqual({
      broken: [],
      evidence: [`${IMAGE} is signed by ours, https://builds.example/shop (https://issuer.example)`],
    });
  });

  test('by tag tells of the digest that was looked at', () => {
    expect(judged({ signed: [signature(ours)], doubts: [] }, 'ghcr.io/shop/web:1')).toMatchObject({
      evidence: [expect.stringContaining(`ghcr.io/shop/web:1 (now ${DIGEST}) is signed by`) as string],
    });
  });

  test('that nobody signed waits for a signature', () => {
    const statement = { predicateType: 'x', predicate: {} };
    const signed = [{ ...signature(ours), statement }];
    expect(judged({ signed, doubts: [{ isSignature: false, why: 'of a statement' }] })).toEqual({
      waits: `a signature of image ${IMAGE} by ${WHO}`,
    });
  });

  test('that others signed is refused, with why theirs do not count', () => {
    const stranger = signature({ issuer: 'https://evil.example', subject: 'mallory' });
    expect(judged({ signed: [stranger], doubts: [{ isSignature: true, why: 'bad' }] })).toEqual({
      broken: [`image ${IMAGE} is not signed by ${WHO}: mallory (https://evil.example) may not sign, bad`],
      evidence: [],
    });
  });
});

test('what is broken is told before what is waited for', () => {
  const bad = { image: IMAGE, digest: DIGEST, evidence: { by: [], doubts: ['bad'] } };
  const waiting = { image: 'b', waits: 'word of b' };
  expect(signatureFindings(signers, [waiting, bad])).toMatchObject({ broken: [expect.any(String)] });
  expect(signatureFindings(signers, [waiting])).toEqual({ waits: 'word of b' });
  expect(signatureFindings(signers, Array(7).fill(waiting))).toEqual({
    waits: 'word of b, and for word of b, and for word of b, and for word of b, and for word of b, and for 2 more',
  });
  expect(signatureFindings(signers, [])).toEqual({ broken: [], evidence: [] });
});

describe('vulnerabilities', () => {
  const NOW = Date.parse('2026-11-08T00:00:00Z');
  const rule: VulnerabilityRule = { maxAge: '72h', maxSeverity: 'Medium' };
  const REPORT = 'https://cosign.sigstore.dev/attestation/vuln/v1';

  function report(daysAgo: number, severities: Record<string, string>, by: SignedFact['by'] = ours): SignedFact {
    const scanFinishedOn = new Date(NOW - daysAgo * 86_400_000).toISOString();
    const Vulnerabilities = Object.entries(severities).map(([VulnerabilityID, Severity]) => ({
      VulnerabilityID,
      Severity,
    }));
    const predicate = {
      scanner: { result: { SchemaVersion: 2, Results: [{ Vulnerabilities }] } },
      metadata: { scanFinishedOn },
    };
    return { by, at: null, statement: { predicateType: REPORT, predicate } };
  }

  /** A statement that says something else in some fields. */
  function altered({ by, at, statement }: SignedFact, fields: Record<string, unknown>): SignedFact {
    const predicate = { ...(statement?.predicate as Record<string, unknown>), ...fields };
    return { by, at, statement: { predicateType: REPORT, predicate } };
  }

  function vex(name: string, status: string, by: SignedFact['by'] = ours): SignedFact {
    const predicate: Json = { statements: [{ vulnerability: { name }, status }] };
    return { by, at: null, statement: { predicateType: 'https://openvex.dev/ns', predicate } };
  }

  const asked = (
    signed: readonly SignedFact[],
    doubts: VerifiedImage['doubts'] = [],
  ): Asked<VulnerabilityEvidence> => ({
    image: IMAGE,
    digest: DIGEST,
    evidence: vulnerabilityEvidence(signers, { signed, doubts }, { repository: 'ghcr.io/shop/web', digest: DIGEST }),
  });
  const judged = (signed: readonly SignedFact[], more: Partial<VulnerabilityRule> = {}): Findings =>
    vulnerabilityFindings({ ...rule, ...more }, signers, [asked(signed)], { now: NOW, clockTrouble: null });
  const WANTED = `a vulnerability report of image ${IMAGE} by ${WHO}`;
  const BY = 'https://builds.example/shop (https://issuer.example)';

  test('up to the limit may remain', () => {
    expect(judged([report(1, { 'CVE-1': 'MEDIUM', 'CVE-2': 'LOW' })])).toEqual({
      broken: [],
      evidence: [`${IMAGE} has 2 vulnerabilities, by a report of 2026-11-07T00:00:00Z by ${BY}`],
    });
  });

  test.each([
    ['None', { a: 'LOW' }, 1],
    ['Low', { a: 'LOW', b: 'MEDIUM' }, 1],
    ['High', { a: 'HIGH', b: 'CRITICAL', c: 'CRITICAL' }, 2],
    ['High', { a: 'UNKNOWN' }, 1],
    ['Critical', { a: 'CRITICAL', b: 'UNKNOWN' }, 0],
  ] as const)('above %s are told, the worst first', (maxSeverity, severities, count) => {
    const found = judged([report(1, severities)], { maxSeverity });
    const [told = ''] = 'broken' in found ? found.broken : [];
    expect(told.match(/\(\w+( severity| \w+ severity)?\)/g)?.length ?? 0).toBe(count);
  });

  test('above the limit are named', () => {
    const many = Object.fromEntries(
      Array.from({ length: 7 }, (_, index) => [`CVE-${index}`, index === 6 ? 'CRITICAL' : 'HIGH']),
    );
    expect(judged([report(1, many)])).toEqual({
      broken: [
        `image ${IMAGE} has vulnerabilities above Medium, by the report of 2026-11-07T00:00:00Z: CVE-6 (Critical), CVE-0 (High), CVE-1 (High), CVE-2 (High), CVE-3 (High) and 2 more`,
      ],
      evidence: [],
    });
  });

  test('that VEX takes away do not count, as long as one who may signed it', () => {
    const bad = report(1, { 'CVE-1': 'CRITICAL' });
    expect(judged([bad, vex('CVE-1', 'not_affected')])).toEqual({
      broken: [],
      evidence: [
        `${IMAGE} has 0 vulnerabilities, 1 more taken away by VEX, by a report of 2026-11-07T00:00:00Z by ${BY}`,
      ],
    });
    expect(judged([bad, vex('CVE-1', 'under_investigation')])).toMatchObject({ broken: [expect.any(String)] });
    const mallory = { issuer: ISSUER, subject: 'mallory' };
    expect(judged([bad, vex('CVE-1', 'fixed', mallory)])).toMatchObject({ broken: [expect.any(String)] });
  });

  test('are those of the newest report', () => {
    expect(judged([report(2, { a: 'CRITICAL' }), report(1, {})])).toMatchObject({ broken: [] });
    expect(judged([report(1, { a: 'CRITICAL' }), report(2, {})])).toMatchObject({ broken: [expect.any(String)] });
  });

  test('of a report that is too old are not asked: a newer one is waited for', () => {
    const waits = `${WANTED} that is newer than 72h: the newest is of 2026-11-04T00:00:00Z`;
    expect(judged([report(4, { a: 'CRITICAL' })])).toEqual({ waits });
    expect(judged([report(3, {})])).toMatchObject({ broken: [] });
  });

  test('nobody reported of are not none', () => {
    expect(judged([])).toEqual({ waits: WANTED });
    const mallory = { issuer: ISSUER, subject: 'mallory' };
    expect(judged([report(1, {}, mallory)])).toEqual({
      waits: `${WANTED}: mallory (https://issuer.example) may not sign`,
    });
  });

  test('of a report from the future, or without a time, are not asked', () => {
    const waits = `${WANTED}: their time is missing or lies in the future`;
    expect(judged([report(-1, {})])).toEqual({ waits });
    expect(judged([altered(report(1, {}), { metadata: {} })])).toEqual({ waits });
  });

  test('of a newest report that cannot be read are not known', () => {
    const odd = altered(report(1, {}), { scanner: { result: 'odd' } });
    expect(judged([odd, report(2, {})])).toMatchObject({
      waits: expect.stringContaining('that can be read') as string,
    });
    expect(judged([report(0, {}), odd])).toMatchObject({ broken: [] });
  });

  test('are not judged by a clock that cannot be believed', () => {
    const found = vulnerabilityFindings(rule, signers, [asked([report(1, {})])], {
      now: NOW,
      clockTrouble: 'it jumps',
    });
    expect(found).toEqual({
      waits: 'a trusted clock, to tell how old vulnerability reports are: it jumps',
    });
  });
});
