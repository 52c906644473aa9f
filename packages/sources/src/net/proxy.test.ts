import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GitProxy } from '../git-sources.ts';
import { selfSigned } from '@plumb/testkit';
import { startGitServer } from '../testing/git-server.ts';
import { failureOf, openLab, SHOP, type Lab } from '../testing/lab.ts';
import { startHttpProxy, startSocksProxy, type ProxyServer } from '../testing/proxy-server.ts';
import { sshKeyPair } from '../testing/ssh-keys.ts';
import { startSshServer } from '../testing/ssh-server.ts';

const PASSWORD = 'p@ss:w/rd';
const BASIC = `Basic ${Buffer.from(`ada:${PASSWORD}`).toString('base64')}`;

let lab: Lab;
let http: ProxyServer;
let socks: ProxyServer;
let commit: string;
beforeAll(async () => {
  lab = await openLab();
  commit = lab.repository.commit({ 'a.yaml': '1' });
  http = await startHttpProxy(BASIC);
  socks = await startSocksProxy('ada', PASSWORD);
});
afterAll(async () => {
  await http[Symbol.asyncDispose]();
  await socks[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

const user = { username: 'ada', password: PASSWORD };
const proxyOf = (kind: string): GitProxy => ({
  address: kind === 'socks5' ? `socks5://127.0.0.1:${socks.port}` : `http://127.0.0.1:${http.port}`,
  ...user,
});
const requestsOf = (kind: string): string[] => (kind === 'socks5' ? socks : http).requests;

test.each(['http', 'socks5'])('git over http goes through a proxy of kind %s', async (kind) => {
  requestsOf(kind).length = 0;
  expect((await lab.sources.resolve(SHOP, lab.request({ proxy: proxyOf(kind) }))).commit).toBe(commit);
  expect(requestsOf(kind).some((request) => request.includes(`127.0.0.1:${lab.server.port}`))).toBe(true);
});

test('git over https goes through a tunnel', async () => {
  const own = selfSigned('own');
  await using secure = await startGitServer({ root: lab.repositories, tls: own });
  const asked = lab.request({ url: `${secure.url}/shop.git`, auth: { ca: own.cert }, proxy: proxyOf('http') });
  expect((await lab.sources.resolve(SHOP, asked)).commit).toBe(commit);
  expect(http.requests).toContain(`CONNECT 127.0.0.1:${secure.port}`);
});

test.each(['http', 'socks5'])('git over ssh goes through a proxy of kind %s', async (kind) => {
  const [host, key] = [sshKeyPair('ed25519'), sshKeyPair('ed25519')];
  await using sshd = await startSshServer({
    root: lab.repositories,
    hostKeys: [host.private],
    authorized: [key.public],
  });
  const ssh = { identity: key.private, knownHosts: `[127.0.0.1]:${sshd.port} ${host.public}` };
  const asked = lab.request({ url: `${sshd.url}/shop.git`, auth: { ssh }, proxy: proxyOf(kind) });
  expect((await lab.sources.resolve(SHOP, asked)).commit).toBe(commit);
  expect(requestsOf(kind).at(-1)).toBe(`${kind === 'http' ? 'CONNECT' : 'SOCKS'} 127.0.0.1:${sshd.port}`);
  const wrong = { ...asked, proxy: { ...proxyOf(kind), password: 'wrong' } };
  const error = await failureOf(lab.sources.resolve(SHOP, wrong));
  expect(error.message).toMatch(/host unreachable: the proxy '127.0.0.1:\d+' fails: it wants other credentials$/);
});

test('a token of a GitHub App is asked for through the proxy', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const githubApp = {
    appId: '1',
    installation: { id: '2' },
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    baseUrl: `${lab.server.url}/api`,
  };
  const error = await failureOf(
    lab.sources.resolve(SHOP, lab.request({ auth: { githubApp }, proxy: proxyOf('http') })),
  );
  expect(error.message).toMatch(/answered with HTTP status/);
  expect(http.requests.at(-1)).toBe(`CONNECT 127.0.0.1:${lab.server.port}`);
});

test('wrong credentials of the proxy are told without their value', async () => {
  const proxy = { ...proxyOf('http'), password: 'wr@ng' };
  const error = await failureOf(lab.sources.resolve(SHOP, lab.request({ proxy })));
  expect(error.message).toMatch(/407/);
  expect(error.message).not.toMatch(/wr@ng|wr%40ng/);
});

test('variables of the environment do not count beside it', async () => {
  await lab.sources.close();
  const { createGitSources } = await import('../create-git-sources.ts');
  const env = { NO_PROXY: '*', no_proxy: '*', http_proxy: 'http://127.0.0.1:9' };
  lab.sources = createGitSources({ dir: lab.dir, env });
  http.requests.length = 0;
  await lab.sources.resolve(SHOP, lab.request({ proxy: proxyOf('http') }));
  expect(http.requests.length).toBeGreaterThan(0);
});
