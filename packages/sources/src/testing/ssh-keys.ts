import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SshKeyPair {
  /** In OpenSSH form. */
  private: string;
  /** Type and key, as known_hosts and authorized_keys have them. */
  public: string;
}

/** A pair as ssh-keygen makes it: one key in a hundred that ssh2 makes is none that OpenSSH can read. */
export function sshKeyPair(
  type: 'ed25519' | 'rsa' | 'ecdsa',
  { bits, passphrase = '' }: { bits?: number; passphrase?: string } = {},
): SshKeyPair {
  const dir = mkdtempSync(join(tmpdir(), 'plumb-ssh-key-'));
  try {
    const path = join(dir, 'key');
    const size = bits === undefined ? [] : ['-b', String(bits)];
    execFileSync('ssh-keygen', ['-q', '-C', '', '-N', passphrase, '-f', path, '-t', type, ...size]);
    return { private: readFileSync(path, 'utf8'), public: readFileSync(`${path}.pub`, 'utf8').trim() };
  } finally {
    rmSync(dir, { recursive: true });
  }
}
