import { describe, expect, it } from 'vitest';
import { acceptances, objectOf } from './check.cases.ts';
import { checkGitRepository, checkKustomization } from './check.ts';
import { gitRepositoryPending, kustomizationPending, notImplemented } from './not-implemented.ts';
import type { JsonObject } from './object.ts';

function gitFields(spec: JsonObject): string[] {
  const base = { url: 'https://git.example/shop', interval: '1m' };
  const checked = checkGitRepository(objectOf({ kind: 'GitRepository', spec: { ...base, ...spec } }, 'a'));
  return checked.ok ? notImplemented(checked.value) : [JSON.stringify(checked.problems)];
}

function unitFields(spec: JsonObject): string[] {
  const base = { interval: '1m', prune: true, sourceRef: { kind: 'GitRepository', name: 'shop' } };
  const checked = checkKustomization(objectOf({ kind: 'Kustomization', spec: { ...base, ...spec } }, 'a'));
  return checked.ok ? notImplemented(checked.value) : [JSON.stringify(checked.problems)];
}

describe('notImplemented', () => {
  it.each<[string, JsonObject]>([
    ['spec.provider (azure)', { provider: 'azure' }],
    ['spec.provider (aws)', { provider: 'aws' }],
  ])('names %s of a GitRepository', (field, spec) => {
    expect(gitFields(spec)).toEqual([field]);
  });

  it.each<[string, JsonObject]>([
    ['spec.sourceRef.kind (OCIRepository)', { sourceRef: { kind: 'OCIRepository', name: 'shop' } }],
    ['spec.decryption', { decryption: { provider: 'sops' } }],
    ['spec.ignore', { ignore: [{ paths: ['/spec/replicas'] }] }],
    ['spec.kubeConfig', { kubeConfig: { secretRef: { name: 'cluster' } } }],
  ])('names %s of a Kustomization', (field, spec) => {
    expect(unitFields(spec)).toEqual([field]);
  });

  it('names a service account together with the provider it needs', () => {
    expect(gitFields({ provider: 'aws', serviceAccountName: 'git' })).toEqual([
      'spec.provider (aws)',
      'spec.serviceAccountName',
    ]);
  });

  it('has nothing to say about values that ask for nothing', () => {
    expect(gitFields({ provider: 'generic' })).toEqual([]);
    const all = { include: [{ repository: { name: 'other' } }], recurseSubmodules: true, sparseCheckout: ['apps'] };
    const ssh = { url: 'ssh://git@git.example/shop', proxySecretRef: { name: 'proxy' } };
    expect(gitFields({ provider: 'github', ...all, ...ssh })).toEqual([]);
    expect(unitFields({ force: false, ignore: [], dependsOn: [{ name: 'a' }] })).toEqual([]);
  });

  it.each(['MirrorPrune', 'Delete', 'WaitForTermination', 'Orphan'])('has deletionPolicy %s', (deletionPolicy) => {
    expect(unitFields({ deletionPolicy, serviceAccountName: 'deployer', wait: true })).toEqual([]);
  });

  it('names every pending field of an object that sets all', () => {
    const fields = acceptances
      .filter(({ name }) => name.startsWith('every field'))
      .flatMap((entry) => (entry.kind === 'GitRepository' ? gitFields(entry.spec) : unitFields(entry.spec)))
      .map((field) => field.replace(/ \(.*\)$/, ''));
    const pending = [...Object.keys(gitRepositoryPending), ...Object.keys(kustomizationPending)];
    expect(fields).toEqual(pending.filter((path) => path !== 'spec.url'));
  });
});
