import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/** A way to a server that can be cut in silence: nothing is closed, nothing passes, and what was sent waits. */
export class TcpProxy {
  readonly port: number;
  /** How many were made so far. */
  connections = 0;
  readonly #close: () => Promise<void>;
  readonly #sockets: Set<Socket>;
  #isCut = false;

  private constructor(port: number, sockets: Set<Socket>, close: () => Promise<void>) {
    this.port = port;
    this.#sockets = sockets;
    this.#close = close;
  }

  static async to(port: number): Promise<TcpProxy> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      proxy.connections += 1;
      const far = connect(port, '127.0.0.1');
      for (const one of [socket, far]) {
        sockets.add(one);
        one.on('error', () => one.destroy());
        one.on('close', () => sockets.delete(one));
      }
      socket.pipe(far);
      far.pipe(socket);
      if (proxy.#isCut) for (const one of [socket, far]) one.pause();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const close = (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const one of sockets) one.destroy();
      });
    const proxy = new TcpProxy((server.address() as AddressInfo).port, sockets, close);
    return proxy;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  heal(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.resume();
  }

  close(): Promise<void> {
    return this.#close();
  }
}
