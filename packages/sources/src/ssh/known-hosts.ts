import { createHash, createHmac } from 'node:crypto';
import { matchName } from '../tree/glob.ts';

/** A line of known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). Certificate authorities are not served. */
interface Line {
  revoked: boolean;
  hosts: string;
  type: string;
  key: Buffer;
}

/** What is known of the keys of one host. */
export interface KnownKeys {
  /** The kinds of key it may show: `ssh-ed25519`, `ssh-rsa` and so on. */
  types: readonly string[];
  /** Whether a key, in the form it goes over the wire, is one of them. */
  accepts(key: Buffer): boolean;
}

export function knownKeys(text: string, host: string, port: number): KnownKeys {
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
  const lines = text
    .split('\n')
    .flatMap(parse)
    .filter(({ hosts }) => speaksOf(hosts, name));
  const good = lines.filter(({ revoked }) => !revoked);
  const bad = lines.filter(({ revoked }) => revoked);
  return {
    types: [...new Set(good.map(({ type }) => type))],
    accepts: (key) => good.some((line) => line.key.equals(key)) && !bad.some((line) => line.key.equals(key)),
  };
}

/** As `ssh-keygen -l` shows it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

function parse(line: string): Line[] {
  const fields = line.trim().split(/\s+/);
  const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined;
  const [hosts, type, key] = fields;
  if (hosts === undefined || hosts === '' || hosts.startsWith('#') || type === undefined || key === undefined)
    return [];
  if (marker !== undefined && marker !== '@revoked') return [];
  return [{ revoked: marker === '@revoked', hosts, type, key: Buffer.from(key, 'base64') }];
}

function speaksOf(hosts: string, name: string): boolean {
  const hashed = /^\|1\|([^|]+)\|(.+)$/.exec(hosts);
  if (hashed !== null) {
    const [, salt = '', sum = ''] = hashed;
    return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === sum;
  }
  const patterns = hosts.toLowerCase().split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1), name))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && matches(pattern, name));
}

/** Brackets stand for themselves here. */
function matches(pattern: string, name: string): boolean {
  return matchName(pattern.replaceAll(/[[\\]/g, '\\$&'), name);
}
