import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const IDENTITY = {
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
};

/** A clone to commit from, as a person has one. */
export class Repository {
  readonly url: string;
  readonly dir: string;

  private constructor(url: string, dir: string) {
    this.url = url;
    this.dir = dir;
  }

  static async clone(url: string, parent: string): Promise<Repository> {
    const dir = await mkdtemp(join(parent, 'clone-'));
    const repository = new Repository(url, dir);
    await repository.git('clone', '--quiet', url, '.');
    await repository.git('symbolic-ref', 'HEAD', 'refs/heads/main');
    return repository;
  }

  /** Writes files (null deletes one), commits and pushes, as somebody (`Name <address>`) where that is said. @returns the commit's id */
  async commit(
    files: Readonly<Record<string, string | Buffer | null>>,
    message = 'Change',
    by?: string,
  ): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.dir, path);
      if (content === null) await rm(file, { recursive: true });
      else {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
      }
    }
    await this.git('add', '--all');
    await this.#run(['commit', '--quiet', '--allow-empty', '-m', message], by === undefined ? {} : identityOf(by));
    await this.git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
    return this.git('rev-parse', 'HEAD');
  }

  git(...args: string[]): Promise<string> {
    return this.#run(args, {});
  }

  /** As somebody: `Name <address>`. */
  gitAs(by: string, ...args: string[]): Promise<string> {
    return this.#run(args, identityOf(by));
  }

  async #run(args: readonly string[], identity: Readonly<Record<string, string>>): Promise<string> {
    const env = { PATH: process.env['PATH'], ...IDENTITY, ...identity };
    const { stdout } = await run('git', args, { cwd: this.dir, env });
    return stdout.trim();
  }
}

function identityOf(by: string): Record<string, string> {
  const [, name = by, email = ''] = /^(.*?) <(.*)>$/.exec(by) ?? [];
  return { GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email };
}
