/** The part of ssh2 that is used here. */
declare module 'ssh2' {
  import type { EventEmitter } from 'node:events';
  import type { Duplex, Readable } from 'node:stream';

  export interface ConnectSettings {
    sock?: Duplex;
    host?: string;
    port?: number;
    username: string;
    privateKey: string;
    passphrase?: string;
    hostVerifier: (key: Buffer) => boolean;
    algorithms: { serverHostKey: readonly string[] };
    authHandler: readonly { type: 'publickey'; username: string; key: unknown }[];
    readyTimeout: number;
    keepaliveInterval: number;
  }

  export interface Channel extends Duplex {
    stderr: Readable;
    exit(code: number): void;
  }

  export class Client extends EventEmitter {
    connect(settings: ConnectSettings): this;
    exec(
      command: string,
      options: { env?: Readonly<Record<string, string>> },
      done: (error: Error | undefined, channel: Channel) => void,
    ): boolean;
    end(): void;
  }

  export interface ParsedKey {
    type: string;
    getPublicSSH(): Buffer;
    getPrivatePEM(): string;
  }

  export interface AuthContext {
    method: string;
    username: string;
    key?: { algo: string; data: Buffer };
    signature?: Buffer;
    blob?: Buffer;
    hashAlgo?: string;
    accept(): void;
    reject(): void;
  }

  export class Server extends EventEmitter {
    constructor(settings: { hostKeys: readonly string[] }, onClient: (client: EventEmitter) => void);
    listen(port: number, host: string, done: () => void): this;
    address(): { port: number };
    close(done?: () => void): this;
  }

  export const utils: {
    parseKey(
      key: string | Buffer,
      passphrase?: string,
    ): (ParsedKey & { verify(data: Buffer, signature: Buffer, algo?: string): boolean }) | Error;
  };
}
