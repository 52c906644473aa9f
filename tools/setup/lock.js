import { createHash } from 'node:crypto';
import { createServer, connect } from 'node:net';

/**
 * Runs `work` while no other set-up over the same cache runs. The lock is a listening abstract socket: the kernel drops it
 * with its process, so that no stale lock exists, and a waiter is told by its connection closing.
 * @template T
 * @param {string} name what is locked, a path
 * @param {() => void} onWait called once when somebody else holds it
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(name, onWait, work) {
  const address = `\0plumb-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
  let told = false;
  let held = await listen(address);
  while (held === null) {
    if (!told) onWait();
    told = true;
    await gone(address);
    held = await listen(address);
  }
  try {
    return await work();
  } finally {
    held();
  }
}

/** @param {string} address @returns {Promise<(() => void) | null>} how to let go; null when it is taken */
function listen(address) {
  return new Promise((resolve, reject) => {
    const waiters = /** @type {Set<import('node:net').Socket>} */ (new Set());
    const server = createServer((socket) => {
      waiters.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => waiters.delete(socket));
    });
    server.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === 'EADDRINUSE') resolve(null);
      else reject(error);
    });
    server.listen(address, () => {
      server.unref();
      resolve(() => {
        server.close();
        waiters.forEach((socket) => socket.destroy());
      });
    });
  });
}

/** @param {string} address @returns {Promise<void>} resolves when the holder has let go or was never there */
function gone(address) {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
}
