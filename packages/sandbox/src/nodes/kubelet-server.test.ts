import { once } from 'node:events';
import { type IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { type KubeletServer, startKubeletServer } from './kubelet-server.ts';

let server: KubeletServer;

beforeAll(async () => {
  const known = 'shop/cart/main';
  server = await startKubeletServer(({ namespace, pod, container }) =>
    `${namespace}/${pod}/${container}` === known ? 'one\ntwo\nthree\n' : null,
  );
});

afterAll(() => server.close());

test.each([
  ['/containerLogs/shop/cart/main', 200, 'one\ntwo\nthree\n'],
  ['/containerLogs/shop/cart/main?tailLines=2&follow=true', 200, 'two\nthree\n'],
  ['/containerLogs/shop/cart/main?tailLines=9', 200, 'one\ntwo\nthree\n'],
  ['/containerLogs/shop/cart/main?tailLines=0', 200, ''],
  ['/containerLogs/shop/cart/side', 404, 'no container side in pod shop/cart\n'],
  ['/exec/shop/cart/main', 501, 'pods of the sandbox are simulated: they have logs only\n'],
])('answers %s with %d', async (path, status, body) => {
  const ask = request({ host: '127.0.0.1', port: server.port, path, rejectUnauthorized: false }).end();
  const [answer] = (await once(ask, 'response')) as [IncomingMessage];
  expect([answer.statusCode, await text(answer)]).toEqual([status, body]);
});
