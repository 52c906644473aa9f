import { request } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { systemError } from '@plumb/api';

import type { KeyPair } from './certificate.ts';

const PAUSE = 50;

export interface ReadyProbe {
  port: number;
  authority: string;
  client: KeyPair;
}

/**
 * Resolves when the API server's /readyz says ok.
 * @throws PlumbError `timeout` with the last answer
 */
export async function awaitReady(probe: ReadyProbe, timeout: number, signal: AbortSignal): Promise<void> {
  let last = 'no answer';
  await poll(timeout, signal, async () => {
    const answer = await readyz(probe).catch((error: Error) => error.message);
    if (answer === 'ok') return true;
    last = answer;
    return false;
  }).catch((error: unknown) => {
    throw systemError('timeout', `the API server was not ready after ${timeout / 1000} s: ${last}`, error);
  });
}

/** Resolves when something accepts connections on a Unix socket. */
export async function awaitSocket(path: string, timeout: number, signal: AbortSignal): Promise<void> {
  await poll(timeout, signal, () => accepts(path)).catch((error: unknown) => {
    throw systemError('timeout', `nothing listened on ${path} after ${timeout / 1000} s`, error);
  });
}

async function poll(timeout: number, signal: AbortSignal, check: () => Promise<boolean>): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  while (!(await check())) await delay(PAUSE, undefined, { signal: limit });
}

function accepts(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once('connect', () => {
    socket.destroy();
    resolve(true);
  });
  socket.once('error', () => resolve(false));
  return promise;
}

function readyz({ port, authority, client }: ReadyProbe): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = {
    host: '127.0.0.1',
    port,
    path: '/readyz',
    ca: authority,
    cert: client.certificate,
    key: client.key,
    timeout: 5000,
    agent: false as const,
  };
  const ask = request(options, (answer) => {
    let text = '';
    answer.setEncoding('utf8');
    answer.on('data', (chunk: string) => (text += chunk));
    answer.once('end', () => resolve(text));
    answer.once('error', reject);
  });
  ask.once('timeout', () => ask.destroy(new Error('no answer within 5 s')));
  ask.once('error', reject);
  ask.end();
  return promise;
}
