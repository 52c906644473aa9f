import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveArtifacts } from './artifact-server.ts';
import type { ArtifactServer } from './git-sources.ts';

const FOLDER = 'gitrepository/flux-system/shop';
const FILE = `${'a'.repeat(40)}.tar.gz`;
let dir: string;
let server: ArtifactServer;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-artifacts-'));
  mkdirSync(join(dir, 'artifacts', FOLDER), { recursive: true });
  writeFileSync(join(dir, 'artifacts', FOLDER, FILE), 'tarball');
  server = await serveArtifacts({ dir });
});
afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Answer {
  status: number | undefined;
  length: string | undefined;
  body: string;
}

/** Without fetch: it would tidy the path before sending it. */
function ask(path: string, method = 'GET'): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const outgoing = request(`${server.url}/`, { path, method }, (response) => {
    let body = '';
    response.on('data', (chunk: Buffer) => (body += chunk.toString()));
    response.on('end', () =>
      resolve({ status: response.statusCode, length: response.headers['content-length'], body }),
    );
  });
  outgoing.on('error', reject);
  outgoing.end();
  return promise;
}

test('a tarball is served with its length, to GET and HEAD', async () => {
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await ask(`/${FOLDER}/${FILE}`)).toEqual({ status: 200, length: '7', body: 'tarball' });
  expect(await ask(`/${FOLDER}/${FILE}`, 'HEAD')).toEqual({ status: 200, length: '7', body: '' });
});

test.each(['POST', 'PUT', 'DELETE'])('%s is refused', async (method) => {
  expect((await ask(`/${FOLDER}/${FILE}`, method)).status).toBe(405);
});

test('everything else is not found', async () => {
  writeFileSync(join(dir, 'secret.tar.gz'), 'secret');
  writeFileSync(join(dir, 'artifacts', FOLDER, `${FILE}.tmp-1`), 'half');
  symlinkSync(join(dir, 'secret.tar.gz'), join(dir, 'artifacts', FOLDER, `${'b'.repeat(40)}.tar.gz`));
  symlinkSync(dir, join(dir, 'artifacts/gitrepository/out'));
  mkdirSync(join(dir, 'artifacts', FOLDER, `${'c'.repeat(40)}.tar.gz`));
  const paths = [
    '/',
    `/${FOLDER}/`,
    `/${FOLDER}/${FILE}.tmp-1`,
    `/${FOLDER}/${'b'.repeat(40)}.tar.gz`,
    `/${FOLDER}/${'c'.repeat(40)}.tar.gz`,
    `/${FOLDER}/${'d'.repeat(40)}.tar.gz`,
    `/${FOLDER}/../shop/${FILE}`,
    `/${FOLDER}/%2e%2e/${FILE}`,
    '/../secret.tar.gz',
    `//etc/${FILE}`,
    `/${FOLDER}/${FILE}?x=1`,
    `http://127.0.0.1/${FOLDER}/${FILE}`,
  ];
  for (const path of paths)
    expect({ path, ...(await ask(path)) }).toEqual({ path, status: 404, length: '0', body: '' });
});
