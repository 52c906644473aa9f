import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  attachStatement,
  imageKey,
  signImage,
  TestRegistry,
  testSigstore,
  vexOf,
  type AttachedAs,
  type PushedImage,
  type TestSigstore,
} from '@plumb/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exchange } from './exchange.ts';
import { createImages, type ImageAnswer, type ImageQuestion, type SigningTrust } from './images.ts';

let modern: TestRegistry;
/** Without the API for referrers. */
let old: TestRegistry;
let sigstore: TestSigstore;
const key = imageKey();
const other = imageKey();
const read = createImages();
const ISSUER = 'https://issuer.example';
const SUBJECT = 'https://builds.example/shop';

beforeAll(async () => {
  [modern, old, sigstore] = await Promise.all([
    TestRegistry.start(),
    TestRegistry.start({ referrers: false }),
    testSigstore(),
  ]);
});
afterAll(() => Promise.all([modern.close(), old.close()]));

const byKey = (pem = key.pem): SigningTrust => ({ keys: [{ name: 'ours', pem }], root: null });
const byRoot = (root = sigstore.root): SigningTrust => ({ keys: [], root });

function question(image: PushedImage, registry: TestRegistry, more: Partial<ImageQuestion> = {}): ImageQuestion {
  const repository = `${registry.host}/${image.path}`;
  return {
    repository,
    reference: image.digest,
    logins: [],
    trusts: [byKey()],
    signal: new AbortController().signal,
    ...more,
  };
}

async function answerOf(image: PushedImage, trust: SigningTrust, registry = modern): Promise<ImageAnswer | undefined> {
  return (await read(question(image, registry, { trusts: [trust] }))).answers[0];
}

describe.each<AttachedAs>(['bundle', 'tag'])('attached as %s', (as) => {
  test('a signature by a key that is trusted is believed, by another one not', async () => {
    const image = await modern.image('shop/web');
    await signImage({ registry: modern, image, by: key, as });
    expect(await answerOf(image, byKey())).toEqual({
      signed: [{ by: { key: 'ours' }, at: null, statement: null }],
      doubts: [],
    });
    expect(await answerOf(image, byKey(other.pem))).toEqual({
      signed: [],
      doubts: [{ isSignature: true, why: 'it is signed by a key that is not trusted' }],
    });
  });

  test('a signature by an identity is believed under the root that vouches for it only', async () => {
    const image = await modern.image('shop/web');
    await signImage({ registry: modern, image, by: sigstore.identity({ issuer: ISSUER, subject: SUBJECT }), as });
    expect(await answerOf(image, byRoot())).toEqual({
      signed: [{ by: { issuer: ISSUER, subject: SUBJECT }, at: expect.any(Number) as number, statement: null }],
      doubts: [],
    });
    const foreign = await testSigstore();
    expect(await answerOf(image, byRoot(foreign.root))).toMatchObject({ signed: [], doubts: [{ isSignature: true }] });
    expect(await answerOf(image, byKey())).toMatchObject({
      signed: [],
      doubts: [{ why: 'it is signed by an identity, and none is trusted' }],
    });
  });

  test('statements are told with what they say', async () => {
    const image = await modern.image('shop/web');
    const stated = vexOf('CVE-2026-1', 'fixed');
    await attachStatement({ registry: modern, image, by: key, as }, stated);
    await attachStatement(
      { registry: modern, image, by: sigstore.identity({ issuer: ISSUER, subject: SUBJECT }), as },
      stated,
    );
    expect(await answerOf(image, byKey())).toEqual({
      signed: [{ by: { key: 'ours' }, at: null, statement: stated }],
      doubts: [{ isSignature: false, why: 'it is signed by an identity, and none is trusted' }],
    });
    expect((await answerOf(image, byRoot()))?.signed).toMatchObject([{ by: { subject: SUBJECT }, statement: stated }]);
  });

  test('what is about another image counts for nothing, though it is signed and attached here', async () => {
    const [about, to] = [await modern.image('shop/web'), await modern.image('shop/web')];
    await signImage({ registry: modern, image: about, by: key, as, to });
    expect(await answerOf(to, byKey())).toMatchObject({ signed: [], doubts: [{ why: 'it is about another image' }] });
    expect(await answerOf(about, byKey())).toEqual({ signed: [], doubts: [] });
  });
});

test('a registry without the API for referrers is asked for the tag that stands in for it', async () => {
  const image = await old.image('shop/web');
  await signImage({ registry: old, image, by: key, as: 'bundle' });
  await signImage({ registry: old, image, by: key, as: 'tag' });
  expect((await answerOf(image, byKey(), old))?.signed).toMatchObject([
    { by: { key: 'ours' } },
    { by: { key: 'ours' } },
  ]);
});

test('a tag is resolved, and each trust is answered for itself', async () => {
  const image = await modern.image('shop/tagged', 'v1');
  await signImage({ registry: modern, image, by: key, as: 'tag' });
  const asked = question(image, modern, { reference: 'v1', trusts: [byKey(other.pem), byKey()] });
  const { digest, answers } = await read(asked);
  expect(digest).toBe(image.digest);
  expect(answers.map(({ signed }) => signed.length)).toEqual([0, 1]);
  await expect(read({ ...asked, reference: 'v2' })).rejects.toMatchObject({
    message: `there is no image ${modern.host}/shop/tagged:v2`,
  });
});

test.each([
  ['a key that is none', { keys: [{ name: 'ours', pem: 'nonsense' }], root: null }, 'ours is no public key in PEM'],
  [
    'a root that is none',
    { keys: [], root: '{}' },
    'what trustedRootRef names is no TrustedRoot of Sigstore: it names no certificate authority',
  ],
])('%s is told', async (_, trust, message) => {
  const image = { path: 'a/b', digest: `sha256:${'0'.repeat(64)}`, name: '', size: 0 };
  await expect(read(question(image, modern, { trusts: [trust] }))).rejects.toMatchObject({ message });
});

describe('a registry that', () => {
  const digest = `sha256:${'0'.repeat(64)}`;

  async function served(
    listener: RequestListener,
    run: (host: string, seen: IncomingMessage[]) => Promise<void>,
  ): Promise<void> {
    const seen: IncomingMessage[] = [];
    const server: Server = createServer((request, response) => {
      seen.push(request);
      listener(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await run(`127.0.0.1:${(server.address() as AddressInfo).port}`, seen);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  const ask = (host: string, more: Partial<ImageQuestion> = {}): Promise<unknown> =>
    read(question({ path: 'shop/web', digest, name: '', size: 0 }, { host } as TestRegistry, more));

  const EMPTY = JSON.stringify({ manifests: [], layers: [] });
  const listing = (digests: readonly string[]): string =>
    JSON.stringify({
      manifests: digests.map((one) => ({ artifactType: 'application/vnd.dev.sigstore.bundle', digest: one })),
    });
  const LOGIN = { username: 'ada', password: 'p:w' };
  const BASIC = `Basic ${Buffer.from('ada:p:w').toString('base64')}`;

  test('wants a token gives it to whoever logs in, and sees the login at no other place', async () => {
    const listener: RequestListener = ({ url = '', headers }, response) => {
      const { host = '', authorization } = headers;
      if (url.startsWith('/token')) {
        if (authorization === BASIC) response.end(JSON.stringify({ token: 'T' }));
        else response.writeHead(401).end();
      } else if (authorization === 'Bearer T') response.writeHead(url.includes('referrers') ? 200 : 404).end(EMPTY);
      else {
        const challenge = `Bearer realm="http://${host}/token",service="s",scope="repository:shop/web:pull"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      }
    };
    await served(listener, async (host, seen) => {
      const logins = [{ place: host, ...LOGIN }];
      await expect(ask(host, { logins })).resolves.toMatchObject({ digest });
      const tokens = seen.filter(({ url = '' }) => url.startsWith('/token'));
      expect(tokens.map(({ url }) => url)).toEqual(['/token?service=s&scope=repository%3Ashop%2Fweb%3Apull']);
      const elsewhere = [{ place: 'other.example', ...LOGIN }];
      await expect(ask(host, { logins: elsewhere })).rejects.toMatchObject({
        message: expect.stringContaining(
          'gives no token for it; name a Secret with a login in pullSecretRefs',
        ) as string,
      });
    });
  });

  test('wants a password gets it', async () => {
    const listener: RequestListener = ({ headers, url = '' }, response) => {
      if (headers.authorization !== BASIC) response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      else response.writeHead(url.includes('referrers') ? 200 : 404).end(EMPTY);
    };
    await served(listener, async (host) => {
      await expect(ask(host, { logins: [{ place: `${host}/shop`, ...LOGIN }] })).resolves.toMatchObject({ digest });
      await expect(ask(host)).rejects.toMatchObject({ message: expect.stringContaining('it wants a login') as string });
    });
  });

  test('gives something else than was asked for is not believed', async () => {
    await served(
      ({ url = '' }, response) => {
        if (url.includes('referrers'))
          response.writeHead(200).end(
            JSON.stringify({
              manifests: [{ artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json', digest }],
            }),
          );
        else if (url.endsWith(digest)) response.end(EMPTY);
        else response.writeHead(404).end();
      },
      async (host) => {
        await expect(ask(host)).rejects.toMatchObject({
          message: `registry '${host}', repository 'shop/web': it gave something that is not of digest ${digest}`,
        });
      },
    );
  });

  test.each<[string, RequestListener, string]>([
    [
      'fails',
      (_, response) => void response.writeHead(500).end('{"errors":[{"code":"UNKNOWN"}]}'),
      'it answered 500 UNKNOWN',
    ],
    ['talks nonsense', (_, response) => void response.end('<html>'), 'its answer is no JSON object'],
    [
      'sends more than there can be',
      (_, response) => void response.end(Buffer.alloc(5 * 1024 * 1024)),
      'more than 4194304 bytes',
    ],
    [
      'names what is no digest',
      ({ url = '' }, response) =>
        void response.end(url.includes('referrers') ? listing([`../../../token?x=${'y'.repeat(200)}`]) : EMPTY),
      "it names '../../../token?x=yyy",
    ],
    [
      'lists more than anybody attaches',
      (_, response) => void response.end(listing(Array.from({ length: 1_001 }, () => digest))),
      `more than 1000 manifests refer to ${digest}`,
    ],
    [
      'redirects for ever',
      ({ url }, response) => void response.writeHead(302, { location: url }).end(),
      'redirects more than 5 times',
    ],
    ['hangs up', ({ socket }) => void socket.destroy(), 'could not be asked'],
    [
      'leads to metadata of a cloud',
      (_, response) => void response.writeHead(307, { location: 'https://169.254.169.254/x' }).end(),
      "'169.254.169.254' is not asked",
    ],
    [
      'leads to plain http',
      (_, response) => void response.writeHead(307, { location: 'http://registry.example/x' }).end(),
      'by https only',
    ],
  ])('%s is told of', async (_, listener, words) => {
    await served(listener, async (host) => {
      await expect(ask(host)).rejects.toMatchObject({
        code: 'source-failed',
        message: expect.stringContaining(words) as string,
      });
    });
  });

  test('is elsewhere leads to this machine by no redirect and no place for tokens', async () => {
    const from = new URL('https://registry.example');
    const options = { from, headers: {}, limit: 1_000, signal: new AbortController().signal, env: {} };
    for (const to of ['http://127.0.0.1:9/token', 'https://localhost/token']) {
      await expect(exchange(new URL(to), options)).rejects.toMatchObject({
        message: expect.stringContaining("'registry.example' leads to this machine") as string,
      });
    }
  });

  test('redirects sees the login, and the place it leads to does not', async () => {
    const listener: RequestListener = ({ headers, url = '' }, response) => {
      if (url === '/elsewhere') response.end(EMPTY);
      else if (headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic' }).end();
      else if (url.includes('referrers')) response.writeHead(302, { location: '/elsewhere' }).end();
      else response.writeHead(404).end();
    };
    await served(listener, async (host, seen) => {
      await ask(host, { logins: [{ place: host, ...LOGIN }] });
      expect(seen.find(({ url }) => url === '/elsewhere')?.headers.authorization).toBeUndefined();
    });
  });

  test('redirects does not let the place it leads to say who may see the login', async () => {
    const asking: RequestListener = ({ headers }, response) => {
      const challenge = `Bearer realm="http://${headers.host ?? ''}/token"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    };
    await served(asking, async (elsewhere, seen) => {
      const leading: RequestListener = ({ url = '' }, response) =>
        void response.writeHead(302, { location: `http://${elsewhere}${url}` }).end();
      await served(leading, async (host) => {
        await expect(ask(host, { logins: [{ place: host, ...LOGIN }] })).rejects.toMatchObject({
          message: expect.stringContaining('it does not show what refers to') as string,
        });
      });
      expect(seen.map(({ url, headers }) => [url, headers.authorization])).toEqual([
        [`/v2/shop/web/referrers/${digest}`, undefined],
      ]);
    });
  });

  test('takes too long is given up', async () => {
    await served(
      () => undefined,
      async (host) => {
        await expect(ask(host, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
          message: expect.stringContaining('it took too long') as string,
        });
      },
    );
  });
});
