import type { ImageRule, KubeObject, UnitRef } from '@plumb/api';
import type { Findings, PolicyFacts } from '@plumb/core';
import type { ImageAnswers, ImageQuestion } from '@plumb/sources';
import { FakeClock, MemoryCluster } from '@plumb/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { findingKey, type Content } from './content.ts';
import { ImageFindings, type ImagesAsked } from './image-findings.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const BY_DIGEST = `r.example/web@${DIGEST}`;
const SIGNED = { signed: [{ by: { key: 'k' }, at: null, statement: null }], doubts: [] };
const UNSIGNED = { signed: [], doubts: [] };
const REF: UnitRef = { kind: 'Kustomization', namespace: 'shop', name: 'web' };

let clock: FakeClock;
let cluster: MemoryCluster;
let asked: ImageQuestion[];
let woken: UnitRef[];
let answer: () => Promise<ImageAnswers>;
let images: ImageFindings;

beforeEach(() => {
  clock = new FakeClock();
  cluster = new MemoryCluster();
  [asked, woken] = [[], []];
  answer = async () => ({ digest: DIGEST, answers: [SIGNED] });
  images = new ImageFindings({
    clock,
    signal: new AbortController().signal,
    onChange: (unit) => woken.push(unit),
    read: (question) => {
      asked.push(question);
      return answer();
    },
  });
});

const signatures: ImageRule = { signatures: { keys: [{ pem: 'P' }] } };

function request(
  rule: ImageRule,
  named: readonly string[] = [BY_DIGEST],
  more: Partial<ImagesAsked> = {},
): ImagesAsked {
  const policy: PolicyFacts = {
    kind: 'ReleasePolicy',
    namespace: 'shop',
    name: 'p',
    generation: 1,
    spec: { images: rule },
    flaw: null,
  };
  const contents = named.map((image): Content => {
    const body: KubeObject = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a' },
      spec: { containers: [{ image }] },
    };
    return { key: { group: '', version: 'v1', kind: 'Pod', namespace: 'shop', name: 'a' }, body, path: '' };
  });
  return {
    ref: REF,
    policies: [policy],
    occasion: { cause: 'routine', isEmergency: false },
    contents: async () => contents,
    at: { now: clock.now(), clockTrouble: null },
    cluster,
    signal: new AbortController().signal,
    ...more,
  };
}

async function found(
  rule: ImageRule,
  ...rest: [named?: readonly string[], more?: Partial<ImagesAsked>]
): Promise<Findings | undefined> {
  const { found: all } = await images.of(request(rule, ...rest));
  return all.get(findingKey('ReleasePolicy/shop/p', 'images/signatures'));
}

describe('nobody is asked', () => {
  test.each<[string, ImageRule, Partial<ImagesAsked>]>([
    ['by a policy of registries only', { registries: ['a'], digests: true }, {}],
    ['for a change of another cause', signatures, { occasion: { cause: 'drift', isEmergency: false } }],
  ])('%s', async (_, rule, more) => {
    expect(await images.of(request(rule, [BY_DIGEST], more))).toEqual({ found: new Map(), again: null });
    expect(asked).toEqual([]);
  });

  test('about objects without images', async () => {
    expect(await found(signatures, [])).toEqual({ broken: [], evidence: [] });
    expect(asked).toEqual([]);
  });
});

test('a yes about a digest is kept for a day, about a tag for a minute', async () => {
  for (const [image, counts] of [
    [BY_DIGEST, 24 * 60 * 60_000],
    ['r.example/web:1', 60_000],
  ] as const) {
    asked.length = 0;
    expect(await found(signatures, [image])).toMatchObject({ broken: [] });
    await clock.advance(counts - 1);
    await found(signatures, [image]);
    expect(asked.length).toBe(1);
    await clock.advance(1);
    await found(signatures, [image]);
    expect(asked.length).toBe(2);
  }
});

test('a no is asked again, but not at once, and the unit is looked at again soon', async () => {
  answer = async () => ({ digest: DIGEST, answers: [UNSIGNED] });
  const { again } = await images.of(request(signatures));
  expect(again).toBe(30_000);
  await clock.advance(4_999);
  await found(signatures);
  expect(asked.length).toBe(1);
  await clock.advance(1);
  answer = async () => ({ digest: DIGEST, answers: [SIGNED] });
  expect(await images.of(request(signatures))).toMatchObject({ again: null });
});

test('a no about a tag is asked again as soon as one about a digest', async () => {
  answer = async () => ({ digest: DIGEST, answers: [UNSIGNED] });
  await found(signatures, ['r.example/web:1']);
  await clock.advance(5_000);
  answer = async () => ({ digest: DIGEST, answers: [SIGNED] });
  expect(await found(signatures, ['r.example/web:1'])).toMatchObject({ broken: [] });
});

test('a registry that the policy does not allow is not asked', async () => {
  const rule = { ...signatures, registries: ['r.example/web'] };
  expect(await found(rule, ['127.0.0.1:1/web', BY_DIGEST])).toEqual({
    waits: 'image 127.0.0.1:1/web to be of a registry that may be asked',
  });
  expect(asked.map(({ repository }) => repository)).toEqual(['r.example/web']);
});

test('a registry that fails is told, and asked again', async () => {
  answer = () => Promise.reject(new Error(`away\n${'x'.repeat(999)}`));
  expect(await found(signatures)).toEqual({
    waits: `an answer of the registry of image ${BY_DIGEST}: away ${'x'.repeat(495)}`,
  });
  await clock.advance(5_000);
  answer = async () => ({ digest: DIGEST, answers: [SIGNED] });
  expect(await found(signatures)).toMatchObject({ broken: [] });
});

test('a registry that is late is not waited for, is asked once by all, and wakes who asked', async () => {
  const late = Promise.withResolvers<ImageAnswers>();
  answer = () => late.promise;
  const other = { ...REF, name: 'other' };
  const both = [found(signatures), found(signatures, [BY_DIGEST], { ref: other })];
  await clock.advance(1_000);
  for (const one of await Promise.all(both)) {
    expect(one).toEqual({ waits: `an answer of the registry of image ${BY_DIGEST}` });
  }
  expect([asked.length, woken]).toEqual([1, []]);
  late.resolve({ digest: DIGEST, answers: [SIGNED] });
  await expect.poll(() => woken).toEqual([REF, other]);
  expect(await found(signatures)).toMatchObject({ broken: [] });
  expect(asked.length).toBe(1);
});

test('an answer under one key is none under another', async () => {
  await found(signatures);
  await found({ signatures: { keys: [{ pem: 'Q' }] } });
  expect(asked.map(({ trusts }) => trusts[0]?.keys[0]?.pem)).toEqual(['P', 'Q']);
});

test('what the policy names is read in its own namespace, and a change of it counts at once', async () => {
  const rule: ImageRule = {
    signatures: { keys: [{ secretRef: { name: 'keys', namespace: 'other' } }], trustedRootRef: { name: 'root' } },
    pullSecretRefs: [{ name: 'login' }],
  };
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  expect(await found(rule)).toEqual({ trouble: 'Secret shop/login is not there' });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const object = (kind: string, name: string, data: Record<string, string>): KubeObject => {
    return { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop' }, data };
  };
  const auths = { 'r.example': { username: 'ada', password: 'x' } };
  await cluster.create(object('Secret', 'login', { '.dockerconfigjson': base64(JSON.stringify({ auths })) }));
  await cluster.create(object('Secret', 'keys', { 'cosign.key': base64('secret') }));
  expect(await found(rule)).toEqual({ trouble: 'Secret shop/keys has no entry that ends with .pub' });
  await cluster.delete({ group: '', version: 'v1', kind: 'Secret', namespace: 'shop', name: 'keys' });
  await cluster.create(object('Secret', 'keys', { 'cosign.pub': base64('P') }));
  await cluster.create(object('ConfigMap', 'root', { 'trusted_root.json': 'R' }));
  expect(await found(rule)).toMatchObject({ broken: [] });
  expect(asked).toMatchObject([
    {
      repository: 'r.example/web',
      reference: DIGEST,
      logins: [{ place: 'r.example', username: 'ada', password: 'x' }],
      trusts: [{ keys: [{ name: 'key cosign.pub of Secret shop/keys', pem: 'P' }], root: 'R' }],
    },
  ]);
});

test('a name that is none is told of', async () => {
  expect(await found(signatures, ['r.example/web@sha256:0'])).toEqual({
    waits: 'a name of image r.example/web@sha256:0 that can be read',
  });
});
