import { describe, expect, it } from 'vitest';
import { acceptances, emptyTexts, objectOf, refusals, withEmptyTexts } from './check.cases.ts';
import { asRead, checkGitRepository, checkHelmRelease, checkKustomization } from './check.ts';
import type { JsonObject, KubeObject } from './object.ts';

const check = {
  GitRepository: checkGitRepository,
  Kustomization: checkKustomization,
  HelmRelease: checkHelmRelease,
};

describe('the check at the border', () => {
  it.each(refusals)('refuses $kind: $name', (entry) => {
    const result = check[entry.kind](objectOf(entry, 'a'));
    expect(result.ok ? [] : result.problems.map((problem) => problem.path)).toEqual([entry.path]);
  });

  it.each(acceptances)('accepts and fills $kind: $name', (entry) => {
    const result = check[entry.kind](objectOf(entry, 'a'));
    expect(result.ok ? result.value.spec : result.problems).toStrictEqual(entry.filled);
  });

  it.each(emptyTexts)('reads $kind with empty texts as Flux does: $name', (entry) => {
    const result = check[entry.kind](withEmptyTexts(entry));
    const spec: Record<string, unknown> = result.ok ? { ...result.value.spec } : {};
    expect(
      Object.fromEntries(Object.keys(entry.given).flatMap((name) => (name in spec ? [[name, spec[name]]] : []))),
    ).toStrictEqual(entry.read);
  });

  it.each(emptyTexts)('reads $kind from the API server so too: $name', (entry) => {
    const { spec } = asRead(withEmptyTexts(entry) as unknown as KubeObject) as unknown as { spec: JsonObject };
    const given = Object.keys(entry.given).filter((name) => name in spec);
    expect(Object.fromEntries(given.map((name) => [name, spec[name]]))).toStrictEqual(entry.read);
  });

  it('leaves the given value as it is', () => {
    const given = objectOf({ kind: 'GitRepository', spec: { url: 'https://a', interval: '1m' } }, 'a');
    const before = structuredClone(given);
    checkGitRepository(given);
    expect(given).toStrictEqual(before);
  });

  it('keeps fields it does not know', () => {
    const entry = { kind: 'GitRepository' as const, spec: { url: 'https://a', interval: '1m', next: { a: [1] } } };
    expect(checkGitRepository(objectOf(entry, 'a'))).toMatchObject({ ok: true, value: { spec: { next: { a: [1] } } } });
  });

  it('fills the status of an object that was never reconciled', () => {
    const entry = { kind: 'GitRepository' as const, spec: { url: 'https://a', interval: '1m' } };
    expect(checkGitRepository(objectOf(entry, 'a'))).toMatchObject({ value: { status: { observedGeneration: -1 } } });
  });

  it('says of a rule what Flux says', () => {
    const entry = refusals.find(({ name }) => name === 'two kubeconfigs');
    const result = entry && checkKustomization(objectOf(entry, 'a'));
    expect(result).toEqual({ ok: false, problems: [{ path: 'spec.kubeConfig', message: entry?.message }] });
  });

  it.each([null, 1, 'text', []])('refuses %j', (value) => {
    expect(checkKustomization(value)).toEqual({ ok: false, problems: [{ path: '', message: 'must be object' }] });
  });

  it('refuses another kind and names every missing part', () => {
    expect(checkGitRepository({ kind: 'Bucket' })).toEqual({
      ok: false,
      problems: [
        { path: 'apiVersion', message: 'is required' },
        { path: 'metadata', message: 'is required' },
        { path: 'spec', message: 'is required' },
        { path: 'kind', message: 'must be GitRepository' },
      ],
    });
  });

  it('never shows a value, which may hold credentials', () => {
    const entry = { kind: 'GitRepository' as const, spec: { url: 'ftp://me:hunter2@a', interval: 'hunter2' } };
    expect(JSON.stringify(checkGitRepository(objectOf(entry, 'a')))).not.toContain('hunter2');
    const release = { kind: 'HelmRelease' as const, spec: { values: 'hunter2', interval: 'hunter2', test: 'hunter2' } };
    expect(JSON.stringify(checkHelmRelease(objectOf(release, 'a')))).not.toContain('hunter2');
  });
});
