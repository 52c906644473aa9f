import { spawn } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import { existsSync } from 'node:fs';
import ssh2 from 'ssh2';
import type { AuthContext, Channel } from 'ssh2';

export interface SshServerOptions {
  /** Folder whose sub-folders are the repositories. */
  root: string;
  /** Private keys of the host. */
  hostKeys: readonly string[];
  /** Public keys that are let in, as in authorized_keys. */
  authorized: readonly string[];
  /** Lets a client in and then never answers. */
  hang?: boolean;
}

export interface SshServer extends AsyncDisposable {
  /** `ssh://git@127.0.0.1:<port>` */
  url: string;
  port: number;
  /** Commands that were asked for. */
  commands: string[];
  /** Variables that were sent along. */
  variables: Record<string, string>;
  /** Methods of login that were tried. */
  methods: string[];
}

/** A real sshd that serves git-upload-pack, and nothing else. */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const commands: string[] = [];
  const methods: string[] = [];
  const variables: Record<string, string> = {};
  const clients = new Set<EventEmitter & { end(): void }>();
  const server = new ssh2.Server({ hostKeys: options.hostKeys }, (connected) => {
    const client = connected as EventEmitter & { end(): void };
    clients.add(client);
    client.on('error', () => undefined).on('close', () => clients.delete(client));
    client.on('authentication', (context: AuthContext) => {
      methods.push(context.method);
      if (isAuthorized(context, options.authorized)) context.accept();
      else context.reject();
    });
    client.on('session', (accept: () => EventEmitter) => {
      const session = accept();
      session.on('env', (_accept: unknown, _reject: unknown, info: { key: string; val: string }) => {
        variables[info.key] = info.val;
      });
      session.on('exec', (grant: () => Channel, _reject: unknown, { command }: { command: string }) => {
        commands.push(command);
        if (!options.hang) serve(grant(), command, { root: options.root, protocol: variables['GIT_PROTOCOL'] });
      });
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const { port } = server.address();
  const close = async (): Promise<void> => {
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    for (const client of clients) client.end();
    await closed.promise;
  };
  return { url: `ssh://git@127.0.0.1:${port}`, port, commands, variables, methods, [Symbol.asyncDispose]: close };
}

function isAuthorized({ method, key, blob, signature, hashAlgo }: AuthContext, authorized: readonly string[]): boolean {
  if (method !== 'publickey' || key === undefined) return false;
  for (const line of authorized) {
    const known = ssh2.utils.parseKey(line);
    if (known instanceof Error || !known.getPublicSSH().equals(key.data)) continue;
    return blob === undefined || signature === undefined || known.verify(blob, signature, hashAlgo);
  }
  return false;
}

function serve(
  channel: Channel,
  command: string,
  { root, protocol }: { root: string; protocol: string | undefined },
): void {
  const path = /^git-upload-pack '(.+)'$/.exec(command)?.[1];
  const stderr = channel.stderr as unknown as NodeJS.WritableStream;
  if (path === undefined || !existsSync(`${root}${path}`)) {
    stderr.write('ERROR: Repository not found.\n');
    channel.exit(1);
    channel.end();
    return;
  }
  const child = spawn('git', ['upload-pack', '--strict', `${root}${path}`], {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      ...(protocol !== undefined && { GIT_PROTOCOL: protocol }),
    },
  });
  child.stdin.on('error', () => undefined);
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.on('data', (chunk: Buffer) => stderr.write(chunk));
  child.on('close', (code) => {
    channel.exit(code ?? 1);
    channel.end();
  });
}
