import type { HelmRelease } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { chartSource, helmRelease } from '../../testing/builders.ts';
import { accessFlaw, helmChartOf, sourceFlaw, sourceOf } from './source.ts';

type Chart = NonNullable<HelmRelease['spec']['chart']>;

/** A release of the chart that a HelmChart is made for. */
function charted(chart: { metadata?: Chart['metadata']; spec?: Partial<Chart['spec']> } = {}): HelmRelease {
  const release = helmRelease({
    spec: {
      chart: {
        ...(chart.metadata === undefined ? {} : { metadata: chart.metadata }),
        spec: { chart: 'cart', sourceRef: { kind: 'HelmRepository', name: 'shop' }, ...chart.spec },
      },
    },
  });
  delete release.spec.chartRef;
  return release;
}

const referring = (chartRef: HelmRelease['spec']['chartRef']): HelmRelease =>
  helmRelease({ spec: chartRef === undefined ? {} : { chartRef } });

test.each<[string, HelmRelease, string]>([
  ['a reference', helmRelease(), 'HelmChart/shop/cart'],
  [
    'a reference elsewhere',
    referring({ kind: 'OCIRepository', name: 'charts', namespace: 'data' }),
    'OCIRepository/data/charts',
  ],
  ['a chart to make', charted(), 'HelmChart/shop/shop-cart'],
  [
    'a chart of a source elsewhere: the HelmChart stands beside it',
    charted({ spec: { sourceRef: { kind: 'GitRepository', name: 'shop', namespace: 'charts' } } }),
    'HelmChart/charts/shop-cart',
  ],
])('%s is offered by %#', (_name, release, expected) => {
  const { kind, namespace, name } = sourceOf(release);
  expect(`${kind}/${namespace}/${name}`).toBe(expected);
});

describe('the HelmChart that is made', () => {
  test('is none for a reference', () => {
    expect(helmChartOf(helmRelease())).toBeNull();
  });

  test('carries its owner, and asks as often as the release where nothing is said', () => {
    expect(helmChartOf(charted())).toEqual({
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'HelmChart',
      metadata: {
        name: 'shop-cart',
        namespace: 'shop',
        labels: { 'helm.toolkit.fluxcd.io/name': 'cart', 'helm.toolkit.fluxcd.io/namespace': 'shop' },
      },
      spec: { chart: 'cart', interval: '10m', sourceRef: { kind: 'HelmRepository', name: 'shop' } },
    });
  });

  test('has all that is said of it, but where its source is: it stands beside that', () => {
    const sourceRef = {
      kind: 'Bucket',
      name: 'shop',
      namespace: 'charts',
      apiVersion: 'source.toolkit.fluxcd.io/v1',
    } as const;
    const spec = {
      version: '1.x',
      interval: '5m',
      reconcileStrategy: 'Revision',
      valuesFiles: ['a.yaml'],
      ignoreMissingValuesFiles: true,
      verify: { provider: 'cosign' },
    } as const;
    const chart = helmChartOf(charted({ spec: { ...spec, valuesFiles: [...spec.valuesFiles], sourceRef } }));
    const { namespace: _namespace, ...rest } = sourceRef;
    expect(chart?.['spec']).toEqual({ chart: 'cart', ...spec, sourceRef: rest });
    expect(chart?.metadata.namespace).toBe('charts');
  });

  test('has the labels and annotations asked for; nobody takes the owner away', () => {
    const labels = { team: 'shop', 'helm.toolkit.fluxcd.io/name': 'other' };
    const chart = helmChartOf(charted({ metadata: { labels, annotations: { note: 'x' } } }));
    expect(chart?.metadata).toMatchObject({
      labels: { team: 'shop', 'helm.toolkit.fluxcd.io/name': 'cart' },
      annotations: { note: 'x' },
    });
  });
});

describe('access', () => {
  const OPEN = { crossNamespaceRefs: true, externalArtifacts: true };
  const SHUT = { crossNamespaceRefs: false, externalArtifacts: false };
  const external = referring({ kind: 'ExternalArtifact', name: 'cart' });
  const elsewhere = charted({ spec: { sourceRef: { kind: 'HelmRepository', name: 'shop', namespace: 'charts' } } });

  test.each([
    ['a source beside it', helmRelease(), undefined],
    ['a chart to make of a source beside it', charted(), undefined],
    [
      'a chart to make of a source elsewhere',
      elsewhere,
      "can't access 'HelmChart/charts/shop-cart', cross-namespace references have been blocked",
    ],
    [
      'an ExternalArtifact',
      external,
      "can't access 'ExternalArtifact/shop/cart', ExternalArtifact feature gate is disabled (--external-artifacts)",
    ],
  ])('to %s', (_name, release, text) => {
    expect(accessFlaw(release, OPEN)).toBeNull();
    expect(accessFlaw(release, SHUT)?.text).toBe(text);
  });
});

describe('a source', () => {
  const LISTED = { availability: 'listed', trouble: null } as const;

  test.each([
    ['that offers a chart', chartSource(), null],
    ['that offers none yet', chartSource(null), 'does not have an artifact'],
    [
      'that nobody has looked at since it changed',
      chartSource('1.4.0', { metadata: { generation: 2 }, status: { observedGeneration: 1 } }),
      'latest generation of object has not been reconciled',
    ],
    ['that somebody else keeps, who tells no generation', chartSource('1.4.0', { metadata: { generation: 7 } }), null],
    [
      'that is given up',
      chartSource('1.4.0', { status: { observedGeneration: 1, stalled: 'no chart matches 1.x' } }),
      'no chart matches 1.x',
    ],
  ])('%s', (_name, source, why) => {
    const said = sourceFlaw(helmRelease(), source, LISTED);
    expect(said?.text ?? null).toBe(why === null ? null : `HelmChart 'shop/cart' is not ready: ${why}`);
    expect(said?.reason ?? 'SourceNotReady').toBe('SourceNotReady');
  });

  test.each([
    [LISTED, 'not found'],
    [
      { availability: 'not-served', trouble: null },
      'not found: the cluster serves no kind HelmChart in source.toolkit.fluxcd.io/v1',
    ],
    [{ availability: 'pending', trouble: null }, 'cannot be looked up: no answer yet'],
    [{ availability: 'pending', trouble: 'forbidden' }, 'cannot be looked up: forbidden'],
  ] as const)('that is not in view: %o', (access, why) => {
    const said = sourceFlaw(helmRelease(), undefined, access);
    expect([said?.reason, said?.text]).toEqual([
      'ArtifactFailed',
      `could not get Source object: HelmChart/shop/cart ${why}`,
    ]);
  });
});
