import type { HelmRelease, Kustomization } from '@plumb/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dependenciesOf, dependencyCycle, dependencyFlaw } from './dependencies.ts';

interface Fields {
  name?: string;
  namespace?: string;
  dependsOn?: NonNullable<Kustomization['spec']['dependsOn']>;
  source?: { kind?: 'GitRepository' | 'Bucket'; name?: string; namespace?: string };
  status?: Kustomization['status'];
}

function unit({ name = 'apps', namespace = 'flux-system', dependsOn, source, status }: Fields): Kustomization {
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name, namespace, generation: 2 },
    spec: {
      interval: '1m',
      prune: true,
      sourceRef: { kind: 'GitRepository', name: 'repo', ...source },
      ...(dependsOn === undefined ? {} : { dependsOn }),
    },
    ...(status === undefined ? {} : { status }),
  } as Kustomization;
}

function release(name: string, parts: Partial<HelmRelease> = {}): HelmRelease {
  const metadata = { name, namespace: 'flux-system', generation: 2 };
  const spec = { interval: '1m', chartRef: { kind: 'HelmChart' as const, name } };
  return { apiVersion: 'helm.toolkit.fluxcd.io/v2', kind: 'HelmRelease', metadata, spec, ...parts };
}

const condition = (type: string, status: 'True' | 'False' | 'Unknown') => ({
  type,
  status,
  reason: 'R',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const READY = { observedGeneration: 2, conditions: [condition('Ready', 'True')], lastAppliedRevision: 'main@sha1:a' };
const SOURCE = { status: { artifact: { revision: 'main@sha1:a' } } };

describe('a dependency is ready', () => {
  const verdict = (dependency: Fields | undefined, source: typeof SOURCE | undefined = SOURCE, own: Fields = {}) =>
    dependencyFlaw(unit(own), dependency === undefined ? undefined : unit({ name: 'base', ...dependency }), source);

  test('when it is Ready at its own generation and at the revision of the common source', () => {
    expect(verdict({ status: READY })).toBeNull();
  });

  test.each<[string, Fields | undefined, string]>([
    ['it does not exist', undefined, 'not-found'],
    ['it has no status yet', {}, 'not-ready'],
    ['its status is the default', { status: { observedGeneration: -1 } }, 'not-ready'],
    ['its spec is newer than its status', { status: { ...READY, observedGeneration: 1 } }, 'not-ready'],
    ['it is not Ready', { status: { ...READY, conditions: [condition('Ready', 'False')] } }, 'not-ready'],
    ['it only is Healthy', { status: { ...READY, conditions: [condition('Healthy', 'True')] } }, 'not-ready'],
    ['it applied another revision', { status: { ...READY, lastAppliedRevision: 'main@sha1:b' } }, 'outdated'],
  ])('but not when %s', (_name, dependency, flaw) => {
    expect(verdict(dependency)).toBe(flaw);
  });

  test.each<[string, Fields, Fields]>([
    ['name', { source: { name: 'other' } }, {}],
    ['kind', { source: { kind: 'Bucket' } }, {}],
    ['namespace', { namespace: 'team' }, {}],
    ['namespace of the reference', { source: { namespace: 'team' } }, {}],
  ])('whatever its revision when the sources differ by %s', (_name, dependency, own) => {
    expect(verdict({ status: { ...READY, lastAppliedRevision: 'old' }, ...dependency }, SOURCE, own)).toBeNull();
  });

  test('and one source named with and without its namespace is one', () => {
    const dependency = { status: { ...READY, lastAppliedRevision: 'old' }, source: { namespace: 'flux-system' } };
    expect(verdict(dependency)).toBe('outdated');
  });
});

describe('a HelmRelease', () => {
  const { observedGeneration, conditions } = READY;

  test.each<[string, HelmRelease['status'], string | null]>([
    ['Ready at its own generation is ready, whatever source it has', { observedGeneration, conditions }, null],
    ['nobody has looked at yet is not', undefined, 'not-ready'],
    ['whose spec is newer than its status is not', { observedGeneration: 1, conditions }, 'not-ready'],
    [
      'that failed is not',
      { observedGeneration, conditions: [condition('Ready', 'False'), condition('Released', 'True')] },
      'not-ready',
    ],
  ])('%s', (_name, status, flaw) => {
    const found = release('db', status === undefined ? {} : { status });
    expect(dependencyFlaw(unit({}), found, SOURCE)).toBe(flaw);
  });

  test('is named with its kind, and depends on its own kind unless it says otherwise', () => {
    const dependsOn = [{ name: 'db', kind: 'HelmRelease' as const, readyExpr: 'true' }, { name: 'base' }];
    expect(dependenciesOf(unit({ dependsOn }))).toEqual([
      { id: 'HelmRelease/flux-system/db', kind: 'HelmRelease', readyExpr: 'true' },
      { id: 'flux-system/base', kind: 'Kustomization', readyExpr: '' },
    ]);
    const others = [
      { name: 'crds', namespace: 'team' },
      { name: 'apps', kind: 'Kustomization' as const },
    ];
    expect(dependenciesOf(release('db', { spec: { interval: '1m', dependsOn: others } })).map(({ id }) => id)).toEqual([
      'HelmRelease/team/crds',
      'flux-system/apps',
    ]);
  });
});

describe('cycles', () => {
  const cycle = (start: string, edges: Record<string, readonly string[]>): string[] | null => {
    const units = new Map(
      Object.entries(edges).map(([name, on]) => [
        `flux-system/${name}`,
        unit({ name, dependsOn: on.map((one) => ({ name: one })) }),
      ]),
    );
    return dependencyCycle(units.get(`flux-system/${start}`) ?? unit({ name: start }), (id) => units.get(id));
  };

  test.each<[string, Record<string, readonly string[]>, string[] | null]>([
    ['a chain', { a: ['b'], b: ['c'], c: [] }, null],
    ['a diamond', { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, null],
    ['a unit that names itself', { a: ['a'] }, ['a', 'a']],
    ['two that name each other', { a: ['b'], b: ['a'] }, ['a', 'b', 'a']],
    ['a longer one', { a: ['x', 'b'], b: ['c'], c: ['a'], x: [] }, ['a', 'b', 'c', 'a']],
    ['one further on', { a: ['b'], b: ['c'], c: ['b'] }, ['b', 'c', 'b']],
    ['a name nobody has', { a: ['ghost'] }, null],
  ])('%s', (_name, edges, names) => {
    expect(cycle('a', edges)).toEqual(names === null ? null : names.map((name) => `flux-system/${name}`));
  });

  test('a unit alone, of no namespace', () => {
    const alone = unit({ dependsOn: [{ name: 'x' }] });
    delete alone.metadata.namespace;
    expect(dependenciesOf(alone).map(({ id }) => id)).toEqual(['/x']);
    expect(dependencyCycle(alone, () => undefined)).toBeNull();
  });

  test('namespaces count', () => {
    const a = unit({ name: 'a', dependsOn: [{ name: 'a', namespace: 'team' }] });
    expect(dependenciesOf(a).map(({ id }) => id)).toEqual(['team/a']);
    expect(
      dependencyCycle(a, (id) => (id === 'team/a' ? unit({ name: 'a', namespace: 'team' }) : undefined)),
    ).toBeNull();
  });

  test('are found through other kinds', () => {
    const a = unit({ name: 'a', dependsOn: [{ name: 'x', kind: 'HelmRelease' }] });
    const x = release('x', { spec: { interval: '1m', dependsOn: [{ name: 'y' }] } });
    const y = release('y', { spec: { interval: '1m', dependsOn: [{ name: 'a', kind: 'Kustomization' }] } });
    const found = new Map<string, HelmRelease>([
      ['HelmRelease/flux-system/x', x],
      ['HelmRelease/flux-system/y', y],
    ]);
    expect(dependencyCycle(a, (id) => found.get(id))).toEqual([
      'flux-system/a',
      'HelmRelease/flux-system/x',
      'HelmRelease/flux-system/y',
      'flux-system/a',
    ]);
  });

  test('are none where a readyExpr decides alone', () => {
    const a = unit({ name: 'a', dependsOn: [{ name: 'b' }] });
    const b = unit({ name: 'b', dependsOn: [{ name: 'a', readyExpr: 'dep.metadata.generation > 1' }] });
    const lookup = (id: string): Kustomization | undefined => (id === 'flux-system/b' ? b : undefined);
    expect(dependencyCycle(a, lookup)).toBeNull();
    expect(dependencyCycle(a, lookup, true)).toEqual(['flux-system/a', 'flux-system/b', 'flux-system/a']);
  });

  test('many paths through one graph are walked once', () => {
    const layers = 30;
    const edges = Object.fromEntries(
      Array.from({ length: layers }, (_, at) => [`l${at}`, [`l${at + 1}`, `m${at + 1}`]] as const).flatMap(
        ([name, on]) => [
          [name, on],
          [name.replace('l', 'm'), on],
        ],
      ),
    );
    expect(cycle('l0', edges)).toBeNull();
  });

  test('what is found is a cycle, and without one the graph can be ordered', () => {
    const names = ['a', 'b', 'c', 'd'];
    fc.assert(
      fc.property(
        fc.record(Object.fromEntries(names.map((name) => [name, fc.subarray(names)]))),
        (edges: Record<string, string[]>) => {
          const found = cycle('a', edges)?.map((id) => id.split('/')[1] ?? '') ?? [];
          const cyclic = ['a', ...reaches(edges, 'a')].some((name) => reaches(edges, name).includes(name));
          expect(found.length > 1).toBe(cyclic);
          expect(found[0]).toBe(found.at(-1));
          for (const [index, name] of found.slice(0, -1).entries()) expect(edges[name]).toContain(found[index + 1]);
        },
      ),
    );
  });
});

/** Everything one can get to, itself only by coming back to it. */
function reaches(edges: Record<string, string[]>, from: string): string[] {
  const seen = new Set<string>();
  const pending = [...(edges[from] ?? [])];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    pending.push(...(edges[next] ?? []));
  }
  return [...seen];
}
