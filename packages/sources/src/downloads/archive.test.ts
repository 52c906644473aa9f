import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Downloads, DownloadsOptions } from '../downloads.ts';
import { failureOf } from '../testing/lab.ts';
import { createDownloads } from './create-downloads.ts';

const SOURCE = { kind: 'HelmChart', namespace: 'shop', name: 'shop-web' };
const CHART = Buffer.from('a chart');

let dir: string;
let downloads: Downloads;
let server: Server;
let origin: string;
let requests: number;
let answer: (response: ServerResponse) => void;

const start = (options: Partial<DownloadsOptions> = {}): void => {
  downloads = createDownloads({ dir, keepFor: 0, ...options });
};

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-archives-'));
  start();
  requests = 0;
  answer = (response) => response.end(CHART);
  server = createServer((_request, response) => {
    requests += 1;
    answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await downloads.close();
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const digestOf = (content: Uint8Array): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

describe('a tarball that is used as it is', () => {
  const offer = (content: Uint8Array = CHART) => ({
    url: `${origin}/web-1.0.0.tgz`,
    revision: '1.0.0',
    digest: digestOf(content),
  });
  const archive = async (content: Uint8Array = CHART): Promise<string> => {
    const bytes = await downloads.archive(SOURCE, offer(content), { timeout: 5_000 });
    return Buffer.from(bytes).toString();
  };
  const files = (): string[] =>
    readdirSync(dir, { recursive: true })
      .map(String)
      .filter((path) => path.endsWith('.tgz'));

  test('is downloaded once, for all who ask meanwhile and after a restart', async () => {
    expect(await Promise.all([archive(), archive(), archive()])).toEqual(['a chart', 'a chart', 'a chart']);
    expect(await archive()).toBe('a chart');
    await downloads.close();
    start();
    expect(await archive()).toBe('a chart');
    expect(requests).toBe(1);
  });

  test.each<[string, (path: string) => void]>([
    ['is cut short', (path) => truncateSync(path, 2)],
    ['rotted', (path) => writeFileSync(path, 'a churt')],
    ['is gone', (path) => rmSync(path)],
  ])('is downloaded again where it %s', async (_name, damage) => {
    await archive();
    for (const path of files()) damage(join(dir, path));
    expect(await archive()).toBe('a chart');
    expect(requests).toBe(2);
  });

  test('that is not what the status says is none, and leaves nothing', async () => {
    const wanted = Buffer.from('another chart');
    const error = await failureOf(archive(wanted));
    expect(error).toMatchObject({ code: 'artifact-missing', fault: 'system' });
    expect(error.message).toBe(
      `failed to verify archive: computed digest doesn't match provided '${digestOf(wanted)}'`,
    );
    expect(files()).toEqual([]);
    answer = (response) => response.end(wanted);
    expect(await archive(wanted)).toBe('another chart');
  });

  test('larger than it may be is none', async () => {
    start({ limits: { totalBytes: 3 } });
    expect((await failureOf(archive())).message).toBe('the artifact has more than 3 bytes');
  });

  test('is not waited for by who gave up; others have it', async () => {
    const { promise: held, resolve: serve } = Promise.withResolvers<void>();
    answer = (response) => void held.then(() => response.end(CHART));
    const controller = new AbortController();
    const given = downloads.archive(SOURCE, offer(), { timeout: 5_000, signal: controller.signal });
    const kept = archive();
    controller.abort();
    expect(await failureOf(given)).toMatchObject({ code: 'cancelled' });
    serve();
    expect(await kept).toBe('a chart');
    expect(requests).toBe(1);
  });

  test('goes when it is not in use', async () => {
    await archive();
    const uses = new Map([['x', { source: SOURCE, digests: new Set([offer().digest]) }]]);
    await downloads.keepOnly(uses);
    expect(files()).toHaveLength(1);
    await downloads.keepOnly(new Map());
    expect(files()).toEqual([]);
  });
});
