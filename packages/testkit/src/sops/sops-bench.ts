import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The formats of sops. */
export type SopsFormat = 'yaml' | 'json' | 'dotenv' | 'ini' | 'binary';

export interface AgeKey {
  recipient: string;
  /** As age-keygen writes it. */
  file: string;
}

export interface PgpKey {
  fingerprint: string;
  armored: string;
  /** The home folder of gpg that holds it. */
  home: string;
  madeBy: 'gpg' | 'go-crypto';
}

export interface EncryptOptions {
  format: SopsFormat;
  /** Flags of `sops encrypt`: `--age`, `--encrypted-regex` and the like. */
  flags: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** The content of .sops.yaml. */
  config?: string;
}

/** Where set-up links what it built. */
const BUILD = join(import.meta.dirname, '../../../../build');

/** The real sops, age and gpg, in a folder of their own that goes with this. */
export class SopsBench {
  readonly #dir = mkdtempSync(join(tmpdir(), 'sops-'));
  readonly #gpgHomes: string[] = [];
  #count = 0;

  ageKey(): AgeKey {
    const file = this.#run('age-keygen', []);
    const recipient = /^# public key: (\S+)$/m.exec(file)?.[1];
    if (recipient === undefined) throw new Error(`age-keygen says no public key: ${file}`);
    return { recipient, file };
  }

  /** By gpg where this machine has it. */
  pgpKey(by: PgpKey['madeBy'] = this.hasGpg() ? 'gpg' : 'go-crypto'): PgpKey {
    const home = this.#newFolder();
    if (by === 'go-crypto') return { ...(JSON.parse(this.#run('pgpkey', [home])) as PgpKey), home, madeBy: by };
    this.#gpgHomes.push(home);
    const gpg = (args: readonly string[]): string =>
      execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    gpg(['--passphrase', '', '--quick-gen-key', 'test@example.invalid', 'default', 'default', 'never']);
    const fingerprint = /^fpr:+([0-9A-F]+):$/m.exec(gpg(['--with-colons', '--list-keys']))?.[1];
    if (fingerprint === undefined) throw new Error('gpg lists no key');
    return { fingerprint, armored: gpg(['--armor', '--export-secret-keys']), home, madeBy: by };
  }

  hasGpg(): boolean {
    try {
      execFileSync('gpg', ['--version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }

  /** What `sops encrypt` makes of a file. */
  encrypt(content: string | Uint8Array, { format, flags, env = {}, config }: EncryptOptions): Buffer {
    const types = ['--input-type', format, '--output-type', format];
    const rules = config === undefined ? [] : ['--config', this.#file('.sops.yaml', config)];
    return this.#sops([...rules, 'encrypt', ...types, ...flags], content, env);
  }

  /** The same, for keys that a server in this process keeps. */
  encryptAsync(content: string, { format, flags, env = {} }: EncryptOptions): Promise<Buffer> {
    const args = ['encrypt', '--input-type', format, '--output-type', format, ...flags, this.#file('file', content)];
    return new Promise((resolve, reject) => {
      execFile(join(BUILD, 'sops'), args, { env: this.#environment(env), encoding: 'buffer' }, (error, out) => {
        if (error === null) resolve(out);
        else reject(error);
      });
    });
  }

  /** What `sops decrypt` makes of a file. */
  decrypt(content: string | Uint8Array, { format, flags, env = {} }: EncryptOptions): Buffer {
    return this.#sops(['decrypt', '--input-type', format, '--output-type', format, ...flags], content, env);
  }

  [Symbol.dispose](): void {
    for (const home of this.#gpgHomes)
      execFileSync('gpgconf', ['--homedir', home, '--kill', 'gpg-agent'], { stdio: 'ignore' });
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #sops(args: readonly string[], content: string | Uint8Array, env: Readonly<Record<string, string>>): Buffer {
    const file = this.#file('file', content);
    return execFileSync(join(BUILD, 'sops'), [...args, file], {
      env: this.#environment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  #environment(env: Readonly<Record<string, string>>): Record<string, string> {
    return { HOME: this.#dir, PATH: '/usr/local/bin:/usr/bin:/bin', ...env };
  }

  #run(program: string, args: readonly string[]): string {
    return execFileSync(join(BUILD, program), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  #file(name: string, content: string | Uint8Array): string {
    const path = join(this.#newFolder(), name);
    writeFileSync(path, content);
    return path;
  }

  #newFolder(): string {
    const folder = join(this.#dir, String(this.#count++));
    mkdirSync(folder, { mode: 0o700 });
    return folder;
  }
}

/** The helper that decrypts, as set-up builds it. */
export const DECRYPT_PATH = join(BUILD, 'decrypt');
