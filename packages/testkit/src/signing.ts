import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What git needs to sign with one key. */
export interface Signer {
  /** Arguments before git's command. */
  config: readonly string[];
  /** The public key, as it stands in the Secret. */
  publicKey: string;
}

/** Makes keys and signs with git itself, gpg and ssh-keygen, all of which must be there. */
export class Signing implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'gv-'));
  readonly #gnupg = join(this.dir, 'g');

  constructor() {
    mkdirSync(this.#gnupg, { mode: 0o700 });
  }

  [Symbol.dispose](): void {
    run('gpgconf', ['--homedir', this.#gnupg, '--kill', 'all']);
    rmSync(this.dir, { recursive: true, force: true });
  }

  ssh(name: string, type: readonly string[] = ['ed25519']): Signer {
    const path = join(this.dir, name);
    run('ssh-keygen', ['-q', '-N', '', '-C', name, '-f', path, '-t', ...type]);
    return {
      config: ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${path}`],
      publicKey: readFileSync(`${path}.pub`, 'utf8'),
    };
  }

  /** Signs a text with ssh-keygen. */
  sshSign(name: string, text: string | Buffer, namespace = 'git'): string {
    const args = ['-Y', 'sign', '-q', '-n', namespace, '-f', join(this.dir, name)];
    return run('ssh-keygen', args, text);
  }

  /** The fingerprint that ssh-keygen shows. */
  sshFingerprint(name: string): string {
    return run('ssh-keygen', ['-l', '-f', join(this.dir, `${name}.pub`)]).split(' ')[1] ?? '';
  }

  /** What ssh-keygen says of a signature for git by a key. @throws Error where it is none */
  sshVerify(publicKey: string, armour: string, payload: Buffer): string {
    const files = { signers: join(this.dir, 'signers'), signature: join(this.dir, 'signature') };
    writeFileSync(files.signers, `ada ${publicKey}\n`);
    writeFileSync(files.signature, armour);
    const args = ['-Y', 'verify', '-n', 'git', '-I', 'ada', '-f', files.signers, '-s', files.signature];
    return run('ssh-keygen', args, payload);
  }

  /** `algorithm` and `expire` as gpg's --quick-generate-key takes them; `at` is the time it believes it is. */
  gpg(name: string, { algorithm = 'ed25519', expire = 'never', at }: GpgKey = {}): Signer {
    const time = at === undefined ? [] : [`--faked-system-time=${at}`];
    const unprotected = ['--pinentry-mode=loopback', '--passphrase='];
    this.gpgRun([...time, ...unprotected, '--quick-generate-key', name, algorithm, 'sign', expire]);
    const program = join(this.dir, `gpg-${name}`);
    const command = ['gpg', '--homedir', this.#gnupg, ...time].map((word) => `'${word}'`).join(' ');
    writeFileSync(program, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
    const config = ['-c', 'gpg.format=openpgp', '-c', `gpg.program=${program}`, '-c', `user.signingKey=${name}`];
    return { config, publicKey: this.exported(name) };
  }

  exported(name: string): string {
    return this.gpgRun(['--armor', '--export', name]);
  }

  /** Revokes a key by the certificate that gpg made with it. @returns the public key as it is then */
  gpgRevoke(name: string): string {
    const listed = this.gpgRun(['--with-colons', '--fingerprint', name]);
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? '';
    const folder = join(this.#gnupg, 'openpgp-revocs.d');
    const file = readdirSync(folder).find((entry) => entry.startsWith(fingerprint)) ?? '';
    const certificate = readFileSync(join(folder, file), 'utf8').replace(':-----BEGIN', '-----BEGIN');
    this.gpgRun(['--import'], certificate);
    return this.exported(name);
  }

  gpgRun(args: readonly string[], input = ''): string {
    return run('gpg', ['--homedir', this.#gnupg, '--batch', '--yes', '--quiet', ...args], input);
  }
}

interface GpgKey {
  algorithm?: string;
  expire?: string;
  at?: string;
}

/** @throws Error that names the program when it is not there: what needs a signature cannot be shown without one */
function run(program: string, args: readonly string[], input: string | Buffer = ''): string {
  return execFileSync(program, args, { input, stdio: ['pipe', 'pipe', 'pipe'] }).toString('utf8');
}
