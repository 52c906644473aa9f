import { readFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import ssh2 from 'ssh2';
import type { Channel } from 'ssh2';
import type { GitProxy, SshAuth } from '../git-sources.ts';
import { tunnel } from '../net/tunnel.ts';
import { fingerprint, knownKeys } from './known-hosts.ts';
import { SAYS, type Trouble } from './words.ts';

/** What the program is told beside what git tells it. In a file, for an argument could be read by every user of the machine. */
export interface SshSettings {
  auth: SshAuth;
  proxy?: GitProxy;
}

/** Signatures made with SHA-1 are left out, as in OpenSSH. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};
/** The one that called sets the time; this is only so that nothing stays for ever. */
const READY_TIMEOUT = 3_600_000;
const FAILED = 255;

interface Target {
  username: string;
  host: string;
  port: number;
  command: string;
}

/**
 * What git runs in place of `ssh` (git's GIT_SSH): one command on one host, its streams joined to ours. Ends the process.
 * @public the launcher's text calls it
 */
export async function runSsh(args: readonly string[], file: string, protocol: string | undefined): Promise<void> {
  try {
    const settings = JSON.parse(readFileSync(file, 'utf8')) as SshSettings;
    process.exit(await converse(targetOf(args), settings, protocol));
  } catch (error) {
    const trouble = error instanceof SshTrouble ? error.trouble : 'connect';
    process.stderr.write(`${SAYS} ${trouble}: ${error instanceof Error ? error.message : String(error)}\n`, () =>
      process.exit(FAILED),
    );
  }
}

class SshTrouble extends Error {
  readonly trouble: Trouble;

  constructor(trouble: Trouble, message: string) {
    super(message);
    this.trouble = trouble;
  }
}

/** As git calls OpenSSH: options, `user@host`, and the command. */
function targetOf(args: readonly string[]): Target {
  const rest = [...args];
  let port = 22;
  while (rest[0]?.startsWith('-')) {
    const option = rest.shift();
    if (option === '-p') port = Number(rest.shift());
    else if (option === '-o') rest.shift();
  }
  const [place = '', command = ''] = rest;
  const at = place.lastIndexOf('@');
  return { username: place.slice(0, at), host: place.slice(at + 1).replace(/^\[|\]$/g, ''), port, command };
}

async function converse(target: Target, settings: SshSettings, protocol: string | undefined): Promise<number> {
  const { host, port, username } = target;
  const { identity, password, knownHosts } = settings.auth;
  const key = ssh2.utils.parseKey(identity, password);
  if (key instanceof Error) throw new SshTrouble('identity', keyWords(key.message, password !== undefined));
  const known = knownKeys(knownHosts, host, port);
  if (known.types.length === 0) throw new SshTrouble('host-key', `host '${shown(target)}' is not in known_hosts`);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const client = new ssh2.Client();
  let refusal: SshTrouble | undefined;
  client.on('ready', () => {
    const env = protocol === undefined ? {} : { GIT_PROTOCOL: protocol };
    client.exec(target.command, { env }, (error, channel) => (error ? reject(error) : resolve(join(channel))));
  });
  client.on('error', (error: Error & { level?: string }) => reject(refusal ?? troubleOf(error, target)));
  client.on('close', () => reject(refusal ?? new Error('the connection was closed')));
  const place = settings.proxy
    ? { sock: await tunnel(settings.proxy, { host, port }, new AbortController().signal) }
    : { host, port };
  client.connect({
    ...place,
    username,
    privateKey: identity,
    ...(password !== undefined && { passphrase: password }),
    authHandler: [{ type: 'publickey', username, key }],
    algorithms: { serverHostKey: known.types.flatMap((type) => ALGORITHMS[type] ?? []) },
    hostVerifier: (shownKey) => {
      if (known.accepts(shownKey)) return true;
      refusal = new SshTrouble(
        'host-key',
        `host '${shown(target)}' shows a key that is not the one in known_hosts (${fingerprint(shownKey)}): it may be another server`,
      );
      return false;
    },
    readyTimeout: READY_TIMEOUT,
    keepaliveInterval: 0,
  });
  return promise;
}

function join(channel: Channel): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let code = FAILED;
  channel.on('exit', (status: number | null) => (code = status ?? FAILED));
  process.stdin.pipe(channel);
  channel.pipe(process.stdout);
  channel.stderr.pipe(process.stderr, { end: false });
  const ended = [channel, channel.stderr].map((stream) => finished(stream, { writable: false }).catch(() => undefined));
  channel.on('close', () => void Promise.all(ended).then(() => process.stdout.write('', () => resolve(code))));
  return promise;
}

function troubleOf(error: Error & { level?: string }, target: Target): SshTrouble {
  if (error.level === 'client-authentication')
    return new SshTrouble('denied', `user '${target.username}' with this identity is not let in by '${shown(target)}'`);
  if (/no matching host key/i.test(error.message))
    return new SshTrouble('host-key', `host '${shown(target)}' has no key of the kinds that known_hosts holds of it`);
  return new SshTrouble('connect', error.message);
}

/** The library's words may quote what it read. */
function keyWords(message: string, withPassword: boolean): string {
  if (/no passphrase|encrypted/i.test(message) && !withPassword)
    return "it is encrypted: the secret needs its 'password'";
  if (withPassword && /passphrase|decrypt|integrity|checksum/i.test(message)) return "its 'password' does not open it";
  return 'it is not a private key in PEM or OpenSSH form';
}

function shown({ host, port }: Target): string {
  return port === 22 ? host : `${host}:${port}`;
}
