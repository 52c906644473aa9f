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

  /** Writes files (null deletes one), commits and pushes. @returns the commit's id */
  async commit(files: Readonly<Record<string, string | Buffer | null>>, message = 'Change'): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      const file = join(this.dir, path);
      if (content === null) await rm(file, { recursive: true });
      else {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content);
      }
    }
    await this.git('add', '--all');
    await this.git('commit', '--quiet', '--allow-empty', '-m', message);
    await this.git('push', '--quiet', 'origin', 'HEAD:refs/heads/main');
    return this.git('rev-parse', 'HEAD');
  }

  async git(...args: string[]): Promise<string> {
    const { stdout } = await run('git', args, { cwd: this.dir, env: { PATH: process.env['PATH'], ...IDENTITY } });
    return stdout.trim();
  }
}
