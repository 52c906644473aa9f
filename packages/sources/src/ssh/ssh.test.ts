import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SshAuth } from '../git-sources.ts';
import { failureOf, openLab, SHOP, text, type Lab } from '../testing/lab.ts';
import { Repository } from '../testing/repository.ts';
import { sshKeyPair } from '../testing/ssh-keys.ts';
import { startSshServer, type SshServer } from '../testing/ssh-server.ts';

const PASSWORD = 'correct-horse-battery';
const host = sshKeyPair('ed25519');
const otherHost = sshKeyPair('ed25519');
const user = sshKeyPair('ed25519');
const stranger = sshKeyPair('ed25519');
const sealed = sshKeyPair('ed25519', { passphrase: PASSWORD });
const rsa = sshKeyPair('rsa', { bits: 2048 });
const ecdsa = sshKeyPair('ecdsa', { bits: 256 });

let lab: Lab;
let server: SshServer;
let knownHosts: string;
let commit: string;
beforeAll(async () => {
  lab = await openLab();
  commit = lab.repository.commit({ 'a.yaml': '1' });
  const authorized = [user, sealed, rsa, ecdsa].map((pair) => pair.public);
  server = await startSshServer({ root: lab.repositories, hostKeys: [host.private], authorized });
  knownHosts = `[127.0.0.1]:${server.port} ${host.public}\n`;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

const request = (ssh: Partial<SshAuth> = {}, url = `${server.url}/shop.git`): ReturnType<Lab['request']> =>
  lab.request({ url, auth: { ssh: { identity: user.private, knownHosts, ...ssh } } });
const words = async (ssh: Partial<SshAuth>): Promise<string> =>
  (await failureOf(lab.sources.resolve(SHOP, request(ssh)))).message.replace(/^.*unable to clone '[^']*': /, '');

describe('over ssh', () => {
  test.each<[what: string, auth: Partial<SshAuth>]>([
    ['Ed25519', {}],
    ['Ed25519 with a password', { identity: sealed.private, password: PASSWORD }],
    ['RSA', { identity: rsa.private }],
    ['ECDSA', { identity: ecdsa.private }],
  ])('a repository is followed with a key of kind %s', async (_, auth) => {
    expect((await lab.sources.resolve(SHOP, request(auth))).revision).toBe(`main@sha1:${commit}`);
    expect(server.commands.at(-1)).toBe("git-upload-pack '/shop.git'");
    expect(server.variables['GIT_PROTOCOL']).toBe('version=2');
  });

  test('the tree is read as over http', async () => {
    const published = await lab.sources.publish(SHOP, await lab.sources.resolve(SHOP, request()));
    expect(text(await (await lab.artifact(published)).tree.read('a.yaml'))).toBe('1');
  });

  test('only the given key is tried', () => {
    expect(new Set(server.methods)).toEqual(new Set(['publickey']));
  });

  test('submodules of the same host are fetched with the same key', async () => {
    const library = new Repository(lab.repositories, 'library.git');
    const whole = new Repository(lab.repositories, 'whole.git');
    const pinned = library.commit({ 'lib.yaml': 'pinned' });
    const modules = '[submodule "lib"]\n\tpath = lib\n\turl = ../library.git\n';
    whole.commit({ '.gitmodules': modules, lib: `@${pinned}` });
    const other = { ...SHOP, name: 'whole' };
    const asked = { ...request({}, `${server.url}/whole.git`), submodules: true };
    const published = await lab.sources.publish(other, await lab.sources.resolve(other, asked));
    const artifact = await lab.sources.open(other, published.revision, published.digest);
    expect(text(await artifact?.tree.read('lib/lib.yaml'))).toBe('pinned');
    const elsewhere = `[submodule "lib"]\n\tpath = lib\n\turl = ssh://git@git.test/library.git\n`;
    whole.commit({ '.gitmodules': elsewhere, lib: `@${pinned}` });
    expect((await failureOf(lab.sources.resolve(other, asked))).message).toMatch(
      /no ssh key may be used for 'ssh:\/\/\*\*\*@git.test\/library.git': it needs one in the secret of spec.secretRef, for its host$/,
    );
  });

  test('nothing secret is left behind, and nothing stands where others could read it', async () => {
    const hanging = await startSshServer({
      root: lab.root,
      hostKeys: [host.private],
      authorized: [sealed.public],
      hang: true,
    });
    const abort = new AbortController();
    const known = `[127.0.0.1]:${hanging.port} ${host.public}`;
    const asked = request(
      { identity: sealed.private, password: PASSWORD, knownHosts: known },
      `${hanging.url}/shop.git`,
    );
    const failed = failureOf(lab.sources.resolve(SHOP, { ...asked, signal: abort.signal }));
    while (hanging.commands.length === 0) await delay(5);
    expect(commandLines()).toContain(`127.0.0.1:${hanging.port}`);
    for (const secret of [PASSWORD, sealed.private.split('\n')[2] ?? '']) expect(commandLines()).not.toContain(secret);
    const scratch = join(lab.dir, 'scratch');
    const modes = readdirSync(scratch, { recursive: true, withFileTypes: true }).map(
      (entry) => statSync(join(entry.parentPath, entry.name)).mode & 0o077,
    );
    expect(modes.length).toBeGreaterThan(1);
    expect(new Set(modes)).toEqual(new Set([0]));
    abort.abort();
    expect(await failed).toMatchObject({ code: 'cancelled' });
    await hanging[Symbol.asyncDispose]();
    expect(readdirSync(scratch)).toEqual([]);
    expect(commandLines()).not.toContain(`127.0.0.1:${hanging.port}`);
  });
});

describe('is refused', () => {
  test('a host that is not in known_hosts', async () => {
    expect(await words({ knownHosts: `other.test ${host.public}` })).toBe(
      `the host is not trusted: host '127.0.0.1:${server.port}' is not in known_hosts`,
    );
  });

  test('a host that shows another key', async () => {
    const asked = words({ knownHosts: `[127.0.0.1]:${server.port} ${otherHost.public}` });
    expect(await asked).toMatch(
      /^the host is not trusted: host '127.0.0.1:\d+' shows a key that is not the one in known_hosts \(SHA256:.{43}\): it may be another server$/,
    );
  });

  test('a host whose key was revoked', async () => {
    expect(await words({ knownHosts: `${knownHosts}@revoked * ${host.public}\n` })).toMatch(
      /not the one in known_hosts/,
    );
  });

  test('a host that has no key of the known kind', async () => {
    expect(await words({ knownHosts: `[127.0.0.1]:${server.port} ${rsa.public}` })).toMatch(
      /^the host is not trusted: host '127.0.0.1:\d+' has no key of the kinds that known_hosts holds of it$/,
    );
  });

  test.each<[what: string, auth: Partial<SshAuth>, expected: RegExp]>([
    [
      'a key that is not let in',
      { identity: stranger.private },
      /^authentication required: user 'git' with this identity is not let in by '127.0.0.1:\d+'$/,
    ],
    [
      'a key without its password',
      { identity: sealed.private },
      /^the ssh identity cannot be used: it is encrypted: the secret needs its 'password'$/,
    ],
    [
      'a key with a wrong password',
      { identity: sealed.private, password: 'wrong' },
      /^the ssh identity cannot be used: its 'password' does not open it$/,
    ],
    [
      'what is no key',
      { identity: 'hello' },
      /^the ssh identity cannot be used: it is not a private key in PEM or OpenSSH form$/,
    ],
  ])('%s', async (_, auth, expected) => {
    const error = await failureOf(lab.sources.resolve(SHOP, request(auth)));
    expect(error.message.replace(/^.*unable to clone '[^']*': /, '')).toMatch(expected);
    expect(error).toMatchObject({ code: 'authentication-failed', fault: 'user', policy: 'retry' });
  });

  test('a repository that is not there', async () => {
    const error = await failureOf(lab.sources.resolve(SHOP, request({}, `${server.url}/nope.git`)));
    expect(error.message).toMatch(/: repository not found$/);
  });

  test('a request without a key', async () => {
    const error = await failureOf(lab.sources.resolve(SHOP, { ...request(), auth: {} }));
    expect(error.message).toMatch(/^failed to configure authentication options: no ssh key may be used for/);
  });
});

describe('a host that is not well', () => {
  test('nobody listens', async () => {
    const error = await failureOf(
      lab.sources.resolve(
        SHOP,
        request({ knownHosts: `[127.0.0.1]:9 ${host.public}` }, 'ssh://git@127.0.0.1:9/shop.git'),
      ),
    );
    expect(error).toMatchObject({
      code: 'source-failed',
      fault: 'system',
      message: expect.stringMatching(/host unreachable: .*ECONNREFUSED/),
    });
  });

  test.each(['says nothing', 'says something else'])('%s', async (what) => {
    const sockets = new Set<Socket>();
    const odd = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      if (what === 'says something else') socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    }).listen(0, '127.0.0.1');
    await once(odd, 'listening');
    const { port } = odd.address() as AddressInfo;
    const asked = request({ knownHosts: `[127.0.0.1]:${port} ${host.public}` }, `ssh://git@127.0.0.1:${port}/x`);
    const error = await failureOf(
      lab.sources.resolve(SHOP, what === 'says nothing' ? { ...asked, timeout: 1500 } : asked),
    );
    expect(error.message).toMatch(
      what === 'says nothing' ? /context deadline exceeded after 1.5s$/ : /host unreachable: /,
    );
    for (const socket of sockets) socket.destroy();
    odd.close();
  });
});

/** The arguments of every process, as any user of the machine can read them. */
function commandLines(): string {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return processes
    .map((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .join('\n');
}
