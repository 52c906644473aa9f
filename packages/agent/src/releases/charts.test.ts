import type { OfferedArtifact, UnitRef } from '@plumb/api';
import { PlumbError } from '@plumb/api';
import { EngineError } from '@plumb/engine';
import type { HelmChartMetadata } from '@plumb/engine';
import type { Downloads } from '@plumb/sources';
import { describe, expect, test } from 'vitest';
import { Charts, versionOf } from './charts.ts';

const SOURCE: UnitRef = { kind: 'HelmChart', namespace: 'shop', name: 'cart' };
const OFFER: OfferedArtifact = { revision: '1.4.0', digest: 'sha256:1', url: 'http://source/cart.tgz' };
const ASKER = { tenant: 'shop', signal: new AbortController().signal };
const BYTES = Buffer.from('a chart');

const METADATA: HelmChartMetadata = {
  name: 'cart',
  version: '1.4.0',
  appVersion: '7',
  type: '',
  deprecated: false,
  description: '',
  kubeVersion: '',
};

/** Charts over a server that gives `bytes` and a helper that reads `metadata`, and what was asked of both. */
function chartsOver(given: { bytes?: () => Promise<Uint8Array>; metadata?: () => Promise<HelmChartMetadata> } = {}) {
  const asked = { downloads: [] as string[], reads: [] as string[] };
  const downloads = {
    archive: (source: UnitRef, { digest }: OfferedArtifact) => {
      asked.downloads.push(`${source.kind}/${source.name} ${digest}`);
      return given.bytes?.() ?? Promise.resolve(BYTES);
    },
  } as unknown as Downloads;
  const engine = {
    helmChart: ({ chart }: { chart: Uint8Array }) => {
      asked.reads.push(Buffer.from(chart).toString());
      return given.metadata?.() ?? Promise.resolve(METADATA);
    },
  };
  return { charts: new Charts({ downloads, engine, retry: 30_000 }), asked };
}

describe('a chart', () => {
  test('is told by what it says of itself, and its bytes are brought when they are asked for', async () => {
    const { charts, asked } = chartsOver();
    const { archive, ...chart } = await charts.load(SOURCE, OFFER, ASKER);
    expect(chart).toEqual({ metadata: METADATA, version: '1.4.0', ociDigest: '' });
    expect(Buffer.from(await archive(ASKER.signal)).toString()).toBe('a chart');
    expect(asked).toEqual({ downloads: ['HelmChart/cart sha256:1', 'HelmChart/cart sha256:1'], reads: ['a chart'] });
  });

  test('is read once, whoever asks, and at once', async () => {
    const { charts, asked } = chartsOver();
    const other = { ...SOURCE, name: 'till' };
    await Promise.all([charts.load(SOURCE, OFFER, ASKER), charts.load(other, OFFER, ASKER)]);
    await charts.load(SOURCE, { ...OFFER, revision: '9.9.9' }, ASKER);
    expect(asked.reads).toHaveLength(1);
    await charts.load(SOURCE, { ...OFFER, digest: 'sha256:2' }, ASKER);
    expect(asked.reads).toHaveLength(2);
  });

  test('whose first reader ended is read for the others', async () => {
    const { promise, resolve } = Promise.withResolvers<HelmChartMetadata>();
    const { charts, asked } = chartsOver({ metadata: () => promise });
    const ended = new AbortController();
    const first = charts.load(SOURCE, OFFER, { tenant: 'shop', signal: ended.signal });
    const second = charts.load(SOURCE, OFFER, ASKER);
    ended.abort();
    resolve(METADATA);
    expect([(await first).version, (await second).version]).toEqual(['1.4.0', '1.4.0']);
    expect(asked.reads).toHaveLength(1);
  });

  test('that could not be read is read again', async () => {
    let tries = 0;
    const metadata = (): Promise<HelmChartMetadata> => {
      tries += 1;
      return tries === 1
        ? Promise.reject(new EngineError('failed', 'Chart.yaml is missing'))
        : Promise.resolve(METADATA);
    };
    const { charts } = chartsOver({ metadata });
    await expect(charts.load(SOURCE, OFFER, ASKER)).rejects.toMatchObject({
      code: 'build-failed',
      message: 'Chart.yaml is missing',
      fault: 'user',
    });
    expect((await charts.load(SOURCE, OFFER, ASKER)).version).toBe('1.4.0');
  });

  test("that took too long is nobody's mistake", async () => {
    const { charts } = chartsOver({ metadata: () => Promise.reject(new EngineError('timeout', 'too long')) });
    await expect(charts.load(SOURCE, OFFER, ASKER)).rejects.toMatchObject({ code: 'timeout', fault: 'system' });
  });
});

describe('a server', () => {
  const failing = (status?: number): (() => Promise<never>) => {
    const more = { fault: 'system', policy: 'retry', ...(status === undefined ? {} : { status }) } as const;
    return () => Promise.reject(new PlumbError('artifact-missing', 'no such file', more));
  };

  test('that has no such file is asked again when a dependency is', async () => {
    const { charts } = chartsOver({ bytes: failing(404) });
    await expect(charts.load(SOURCE, OFFER, ASKER)).rejects.toMatchObject({ status: 404, retryAfter: 30_000 });
  });

  test('that fails otherwise is told of as it is', async () => {
    const { charts } = chartsOver({ bytes: failing() });
    const error: unknown = await charts.load(SOURCE, OFFER, ASKER).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'artifact-missing', message: 'no such file' });
    expect((error as PlumbError).retryAfter).toBeUndefined();
  });
});

describe('the version of a chart', () => {
  const OCI = { kind: 'OCIRepository' };
  const DIGEST = 'sha256:9b2cf3a1f0b0a2dbd1c1f5a5f9c60f3a9a7e2f7a1d0c4b5e6f708192a3b4c5d6';

  test.each(['HelmChart', 'ExternalArtifact'])('of a %s is what the chart says', (kind) => {
    expect(versionOf('1.4.0+build.7', { kind }, `x@${DIGEST}`)).toEqual({ version: '1.4.0+build.7', ociDigest: '' });
  });

  test.each([
    ['1.4.0', `1.4.0@${DIGEST}`, '1.4.0+9b2cf3a1f0b0'],
    ['v1.4.0', `latest@${DIGEST}`, '1.4.0+9b2cf3a1f0b0'],
    ['1.4.0+build.7', DIGEST, '1.4.0+9b2cf3a1f0b0'],
    ['1.4.0-rc.1', `a@b@${DIGEST}`, '1.4.0-rc.1+9b2cf3a1f0b0'],
    ['1.4', `latest@${DIGEST}`, '1.4+9b2cf3a1f0b0'],
  ])('%s of an OCIRepository at %s is told apart by the digest: %s', (given, revision, version) => {
    expect(versionOf(given, OCI, revision)).toEqual({ version, ociDigest: DIGEST });
  });

  test.each([
    ['1.4.0', 'latest', 'source-failed', "revision 'latest' of the chart's source holds no digest"],
    [
      '1.4.0',
      'latest@sha256:9b2c',
      'source-failed',
      "revision 'latest@sha256:9b2c' of the chart's source holds no digest",
    ],
    ['newest', `latest@${DIGEST}`, 'build-failed', "version 'newest' of the chart is no semantic version"],
  ])('%s at %s is refused', (given, revision, code, message) => {
    expect(() => versionOf(given, OCI, revision)).toThrow(expect.objectContaining({ code, message, fault: 'user' }));
  });
});
