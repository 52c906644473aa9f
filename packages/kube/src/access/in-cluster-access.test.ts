import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect } from '../connect.ts';
import { CERTIFICATE_PEM, FakeApi, respond } from '../fake-api.ts';
import { InClusterAccess } from './in-cluster-access.ts';

let folder: string;
let fake: FakeApi;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plumb-pod-'));
  await writeFile(join(folder, 'ca.crt'), CERTIFICATE_PEM);
  await writeFile(join(folder, 'token'), 'one\n');
  fake = await FakeApi.start();
});
afterEach(async () => {
  await fake.close();
  await rm(folder, { recursive: true });
});

test("the pod's token is sent; when it is refused, the rotated one is tried before the caller hears of it", async () => {
  let good = 'one';
  fake.handler = (request, response) => {
    if (request.headers['authorization'] === `Bearer ${good}`) respond(response, 200, { gitVersion: 'v1.37.2' });
    else respond(response, 401, { kind: 'Status', message: 'Unauthorized' });
  };
  const cluster = await connect({ inCluster: { host: '127.0.0.1', port: String(fake.port), folder } });
  expect(await cluster.version()).toBe('v1.37.2');
  good = 'two';
  await writeFile(join(folder, 'token'), 'two\n');
  expect(await cluster.version()).toBe('v1.37.2');
  good = 'three';
  await expect(cluster.version()).rejects.toMatchObject({ code: 'api-forbidden', message: 'Unauthorized' });
  await cluster.close();
});

test('outside a pod it says so', async () => {
  const access = new InClusterAccess({ folder: join(folder, 'none') });
  expect(access.server.href).toBe('https://kubernetes.default.svc/');
  await expect(access.tls()).rejects.toMatchObject({ code: 'authentication-failed' });
  await expect(access.headers()).rejects.toMatchObject({ code: 'authentication-failed' });
});

test('an IPv6 service address is written as one', () => {
  expect(new InClusterAccess({ host: 'fd00::1', port: '6443' }).server.href).toBe('https://[fd00::1]:6443/');
});

test('a connection to nothing is refused', async () => {
  await expect(connect({})).rejects.toMatchObject({ code: 'invalid-spec' });
});
