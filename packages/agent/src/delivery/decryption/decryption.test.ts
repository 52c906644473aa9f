import type { KubeObject } from '@plumb/api';
import { systemError } from '@plumb/api';
import type { Identity } from '@plumb/cloud';
import { EngineError } from '@plumb/engine';
import type { Decrypted, Decryptor, DecryptRequest, FileToDecrypt, Needs } from '@plumb/engine';
import { describe, expect, test } from 'vitest';
import { kustomization } from '../../testing/builders.ts';
import { Referenced } from '../references.ts';
import type { Surroundings } from './decryption.ts';
import { Decryption, withoutDecryption } from './decryption.ts';
import type { CloudKeys, Identities } from './identities.ts';

const limits = { signal: new AbortController().signal, deadline: 1_000 };
const NOTHING: Needs = { aws: [], azure: [], gcp: false, vault: [] };

/** Opens a file when its content is one of the keys, as text. */
class FakeDecryptor implements Decryptor {
  readonly asked: DecryptRequest[] = [];
  readonly #needs: Needs;

  constructor(needs: Partial<Needs> = {}) {
    this.#needs = { ...NOTHING, ...needs };
  }

  async decrypt(request: DecryptRequest): Promise<Decrypted[]> {
    this.asked.push(request);
    const keys = JSON.stringify(request.keys);
    return request.files.map(({ content }): Decrypted => {
      const name = Buffer.from(content).toString();
      return keys.includes(`"${name}"`) ? { content: Buffer.from(`plain ${name}`) } : { error: `no key ${name}` };
    });
  }

  needs = async (): Promise<Needs> => this.#needs;
  usage = async () => ({ cpuSeconds: 0, peakRssBytes: 0, running: 0 });
  close = async (): Promise<void> => undefined;
}

const jwt = (subject: string): string => `x.${Buffer.from(JSON.stringify({ sub: subject })).toString('base64url')}.y`;

/** Tells whose identity was asked for what. */
function fakeIdentities(other: Partial<CloudKeys> = {}): Identities & { asked: string[] } {
  const asked: string[] = [];
  const note = (what: string, identity: Identity): string => {
    asked.push(`${what} ${identity === null ? 'own' : `${identity.namespace}/${identity.name}`}`);
    return what;
  };
  const expiresAt = 0;
  const keys: CloudKeys = {
    awsCredentials: async (identity, region) => ({
      accessKeyId: note(`aws-${region}`, identity),
      secretAccessKey: 'secret',
      expiresAt,
    }),
    gcpToken: async (identity) => ({ value: `${note('gcp', identity)}-token`, expiresAt }),
    azureToken: async (identity, scope) => ({ value: note(`azure-${scope}`, identity), expiresAt }),
    accountToken: async (identity, audiences) => {
      note(`account-${audiences.join()}`, identity);
      const { namespace, name } = identity ?? { namespace: 'flux-system', name: 'agent' };
      return { value: jwt(`system:serviceaccount:${namespace}:${name}`), expiresAt };
    },
    ...other,
  };
  return { asked, as: async () => keys };
}

function file(name: string): FileToDecrypt {
  return { content: Buffer.from(name), format: 'yaml', outputFormat: 'yaml' };
}

const object = (kind: string, name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, kind === 'Secret' ? btoa(text) : text])),
});

interface Setting {
  decryption?: { secretRef?: { name: string }; serviceAccountName?: string };
  secret?: KubeObject | null;
  decryptor?: FakeDecryptor;
  surroundings?: Partial<Surroundings> | null;
  objects?: KubeObject[];
}

function opening({
  decryption = {},
  secret,
  decryptor = new FakeDecryptor(),
  surroundings = {},
  objects = [],
}: Setting) {
  const unit = kustomization({ spec: { decryption: { provider: 'sops', ...decryption } } });
  const cluster: Surroundings['cluster'] = {
    get: async ({ kind, namespace, name }) =>
      (namespace === 'agents' ? objects : []).find((one) => one.kind === kind && one.metadata.name === name) ?? null,
  };
  const given =
    surroundings === null ? null : { identities: fakeIdentities(), namespace: 'agents', cluster, ...surroundings };
  const referenced = new Referenced(new Map(secret === undefined ? [] : [['Secret/keys', secret]]));
  return new Decryption({ decryptor, verifyMac: true, surroundings: given }).of(unit, referenced, limits);
}

const texts = (answers: readonly Decrypted[] | undefined): string[] =>
  (answers ?? []).map((answer) => ('error' in answer ? answer.error : Buffer.from(answer.content).toString()));

const withSecret = { secretRef: { name: 'keys' } };

describe('a unit', () => {
  test('that asks for nothing gets nothing', () => {
    const decryption = new Decryption({ decryptor: new FakeDecryptor(), verifyMac: true, surroundings: null });
    expect(decryption.of(kustomization({}), new Referenced(new Map()), limits)).toBeUndefined();
    expect(withoutDecryption.of(kustomization({}), new Referenced(new Map()), limits)).toBeUndefined();
  });

  test('whose Secret is not there fails as in Flux', () => {
    expect(() => opening({ decryption: withSecret, secret: null })).toThrow('secrets "keys" not found');
  });

  test('uses the keys of its Secret, and asks no identity when they do', async () => {
    const identities = fakeIdentities();
    const decryptor = new FakeDecryptor({ aws: ['eu-west-1'] });
    const secret = object('Secret', 'keys', { 'a.agekey': 'a', 'b.agekey': 'b' });
    const decrypt = opening({ decryption: withSecret, secret, decryptor, surroundings: { identities } });
    expect(texts(await decrypt?.([file('b'), file('a')], []))).toEqual(['plain b', 'plain a']);
    expect(decryptor.asked).toHaveLength(1);
    expect(identities.asked).toEqual([]);
  });

  test('without a Secret uses the age keys for all, if there are any', async () => {
    const objects = [object('Secret', 'common', { 'a.agekey': 'a', 'sops.aws-kms': 'b' })];
    const decrypt = opening({ surroundings: { ageSecret: 'common' }, objects });
    expect(texts(await decrypt?.([file('a'), file('b')], []))).toEqual(['plain a', 'no key b']);
    const missing = opening({ surroundings: { ageSecret: 'nowhere' } });
    await expect(missing?.([file('a')], [])).rejects.toThrow(
      'secrets "nowhere" not found in the agent\'s namespace agents',
    );
  });

  test('with a Secret does not use the age keys for all', async () => {
    const objects = [object('Secret', 'common', { 'a.agekey': 'a' })];
    const secret = object('Secret', 'keys', {});
    const decrypt = opening({ decryption: withSecret, secret, surroundings: { ageSecret: 'common' }, objects });
    expect(texts(await decrypt?.([file('a')], []))).toEqual(['no key a']);
  });
});

describe('an identity', () => {
  const needs = { aws: ['eu-west-1', 'us-east-1'], azure: ['scope'], gcp: true, vault: ['https://bao'] };
  const vaults = object('ConfigMap', 'vaults', {
    'config.yaml': 'instances: [{address: "https://bao", loginPath: auth/kubernetes/login}]',
  });
  const files = [
    file('a'),
    file('aws-us-east-1'),
    file('gcp-token'),
    file('azure-scope'),
    file('shop_kms'),
    file('none'),
  ];

  test.each<{ whose: string; account?: string; standard?: string; who: string; role: string }>([
    { whose: 'the one the unit names', account: 'kms', standard: 'other', who: 'shop/kms', role: 'shop_kms' },
    { whose: 'the one for units that name none', standard: 'other', who: 'shop/other', role: 'shop_other' },
    { whose: "the agent's own", who: 'own', role: 'flux-system_agent' },
  ])('opens what keys do not: $whose', async ({ account, standard, who, role }) => {
    const identities = fakeIdentities();
    const decryptor = new FakeDecryptor(needs);
    const secret = object('Secret', 'keys', { 'a.agekey': 'a' });
    const decrypt = opening({
      decryption: { ...withSecret, ...(account && { serviceAccountName: account }) },
      secret,
      decryptor,
      surroundings: { identities, vaultConfigMap: 'vaults', defaultServiceAccount: standard },
      objects: [vaults],
    });
    const answers = await decrypt?.(files.with(4, file(role)), []);
    expect(texts(answers)).toEqual([
      'plain a',
      'plain aws-us-east-1',
      'plain gcp-token',
      'plain azure-scope',
      `plain ${role}`,
      'no key none',
    ]);
    expect(decryptor.asked.map((request) => request.files.length)).toEqual([6, 5]);
    expect(identities.asked.toSorted()).toEqual(
      ['account-https://bao', 'aws-eu-west-1', 'aws-us-east-1', 'azure-scope', 'gcp'].map((what) => `${what} ${who}`),
    );
  });

  test('is not asked where the Secret has credentials, even if they do not do', async () => {
    const identities = fakeIdentities();
    const secret = object('Secret', 'keys', {
      'sops.vault-token': 't',
      'sops.aws-kms': 'x',
      'sops.azure-kv': 'x',
      'sops.gcp-kms': 'x',
    });
    const decrypt = opening({
      decryption: withSecret,
      secret,
      decryptor: new FakeDecryptor(needs),
      surroundings: { identities, vaultConfigMap: 'vaults' },
    });
    expect(texts(await decrypt?.([file('a')], []))).toEqual(['no key a']);
    expect(identities.asked).toEqual([]);
  });

  test.each([
    ['may be, as in Flux', {}, { file: 'x' }],
    [
      'is not, where units act by accounts of their own',
      { defaultServiceAccount: 'x' },
      { file: 'x', noInstance: true },
    ],
  ])("of the agent's machine %s for a Secret to name", async (_may, surroundings, azure) => {
    const decryptor = new FakeDecryptor();
    const secret = object('Secret', 'keys', { 'sops.azure-kv': 'x' });
    await opening({ decryption: withSecret, secret, decryptor, surroundings })?.([file('a')], []);
    expect(decryptor.asked[0]?.keys.azure).toEqual({ '': azure });
  });

  test('that cannot be had is a refusal, and another key may do', async () => {
    const decryptor = new FakeDecryptor({ ...needs, vault: ['https://bao', 'https://stranger'] });
    const identities = fakeIdentities({ gcpToken: () => Promise.reject(systemError('internal', 'no metadata')) });
    const decrypt = opening({ decryptor, surroundings: { identities, vaultConfigMap: 'vaults' }, objects: [vaults] });
    expect(texts(await decrypt?.([file('aws-eu-west-1'), file('gcp-token')], []))).toEqual([
      'plain aws-eu-west-1',
      'no key gcp-token',
    ]);
    expect(decryptor.asked[1]?.keys).toMatchObject({
      gcp: { refusal: 'no metadata' },
      vault: {
        'https://stranger': {
          refusal: "no Vault login path configured for address 'https://stranger' in ConfigMap 'agents/vaults'",
        },
      },
    });
  });

  test.each([
    { what: 'for the server it was given for', surroundings: {}, address: 'https://own', opens: true },
    { what: 'for no other', surroundings: {}, address: 'https://other', opens: false },
    {
      what: 'not beside another identity',
      surroundings: { defaultServiceAccount: 'x' },
      address: 'https://own',
      opens: false,
    },
  ])("the agent's own token of Vault is used $what", async ({ surroundings, address, opens }) => {
    const decryptor = new FakeDecryptor();
    const vault = { address: 'https://own/', token: 'own-token' };
    await opening({ decryptor, surroundings: { vault, ...surroundings } })?.([file('x')], []);
    expect(decryptor.asked[0]?.keys.vault?.[address] ?? null).toEqual(opens ? { token: 'own-token' } : null);
  });
});

test.each([
  ['timeout', 'timeout'],
  ['cancelled', 'cancelled'],
  ['crashed', 'engine-failed'],
] as const)('a helper that ends with %s is told as %s', async (code, told) => {
  const decryptor = new FakeDecryptor();
  decryptor.decrypt = () => Promise.reject(new EngineError(code, 'gone'));
  await expect(opening({ decryptor })?.([file('x')], [])).rejects.toMatchObject({
    code: told,
    message: 'the decryption failed: gone',
  });
});
