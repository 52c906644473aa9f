import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Content by path. null removes; `->` before a text makes a symlink; `!` before it an executable; `@<commit>` a submodule. */
export type Files = Readonly<Record<string, string | null>>;

const ENV = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.test',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.test',
};

/** A bare repository that tests commit to without a work tree. */
export class Repository {
  readonly path: string;
  #clock = 1_700_000_000;

  constructor(root: string, name: string, flags: readonly string[] = []) {
    this.path = join(root, name);
    this.recreate(flags);
  }

  /** Empties it, as somebody does who deletes a repository and makes another of its name. */
  recreate(flags: readonly string[]): void {
    rmSync(this.path, { recursive: true, force: true });
    mkdirSync(this.path, { recursive: true });
    this.git(['init', '--bare', '--quiet', '--initial-branch=main', ...flags]);
  }

  git(args: readonly string[], input?: string | Buffer): string {
    const date = `${this.#clock} +0000`;
    const env = { ...ENV, GIT_DIR: this.path, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
    return execFileSync('git', args, { env, cwd: this.path, input: input ?? '', stdio: ['pipe', 'pipe', 'pipe'] })
      .toString('utf8')
      .trim();
  }

  /** Adds a commit to a ref and returns its id. */
  commit(files: Files, options: { ref?: string; message?: string } = {}): string {
    const ref = options.ref ?? 'refs/heads/main';
    this.#clock += 1;
    const message = options.message ?? 'change';
    const parts = [
      `commit ${ref}\nauthor Ada <ada@example.test> ${this.#clock} +0000\ncommitter Ada <ada@example.test> ${this.#clock} +0000\n`,
    ];
    parts.push(data(message));
    if (this.has(ref)) parts.push(`from ${ref}^0\n`);
    for (const [path, content] of Object.entries(files)) parts.push(change(path, content));
    this.git(['fast-import', '--quiet', '--force'], parts.join(''));
    return this.git(['rev-parse', ref]);
  }

  has(ref: string): boolean {
    return this.git(['for-each-ref', '--format=%(refname)', ref]) === ref;
  }

  tag(name: string, commit: string, annotated = false): void {
    this.#clock += 1;
    this.git(annotated ? ['tag', '-a', '-m', name, name, commit] : ['tag', name, commit]);
  }
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}

function change(path: string, content: string | null): string {
  if (content === null) return `D ${path}\n`;
  if (/^@[0-9a-f]{40,64}$/.test(content)) return `M 160000 ${content.slice(1)} ${path}\n`;
  if (content.startsWith('->')) return `M 120000 inline ${path}\n${data(content.slice(2))}`;
  if (content.startsWith('!')) return `M 100755 inline ${path}\n${data(content.slice(1))}`;
  return `M 100644 inline ${path}\n${data(content)}`;
}
