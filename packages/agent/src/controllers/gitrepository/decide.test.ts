import { FINALIZER, REQUESTED_AT_ANNOTATION } from '@plumb/api';
import { expect, test } from 'vitest';
import { AT, gitRepository, REVISION } from '../../testing/builders.ts';
import type { Seen, SourceMemory, Step } from './decide.ts';
import { decide } from './decide.ts';

const MINUTE = 60_000;

function seen(parts: Partial<Omit<Seen, 'memory'>> & { memory?: Partial<SourceMemory> } = {}): Seen {
  const memory = {
    uid: 'g1',
    succeeded: { generation: 1, at: AT - 10_000 },
    failed: null,
    wakes: 0,
    spread: 0.5,
    ...parts.memory,
  };
  return { object: gitRepository(), now: AT, interval: MINUTE, ...parts, memory };
}

const asked = (handled: string) =>
  gitRepository(REVISION, {
    metadata: { annotations: { [REQUESTED_AT_ANNOTATION]: 'now' } },
    status: { lastHandledReconcileAt: handled },
  });
const going = (finalizers: string[]) =>
  gitRepository(REVISION, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers } });
const failed = (retryAt: number, generation = 1) => ({ generation, retryAt, count: 1 });

const cases: { name: string; seen: Parameters<typeof seen>[0]; step: Step['do']; more?: object }[] = [
  { name: 'an object that is gone is forgotten', seen: { object: undefined }, step: 'forget' },
  { name: 'one that goes is finalised', seen: { object: going([FINALIZER]) }, step: 'finalize' },
  { name: 'one that goes without our finalizer is forgotten', seen: { object: going([]) }, step: 'forget' },
  {
    name: 'a suspended one rests',
    seen: { object: gitRepository(REVISION, { spec: { suspend: true } }) },
    step: 'rest',
  },
  { name: 'fetched lately: idle', seen: {}, step: 'idle', more: { after: 50_000 } },
  { name: 'never fetched by this process: fetch', seen: { memory: { succeeded: null } }, step: 'fetch' },
  { name: 'the interval is over: fetch', seen: { now: AT + 50_000 }, step: 'fetch' },
  {
    name: 'a new spec: fetch',
    seen: { object: gitRepository(REVISION, { metadata: { generation: 2 } }) },
    step: 'fetch',
  },
  { name: 'asked for: fetch', seen: { object: asked('before') }, step: 'fetch' },
  { name: 'answered: idle', seen: { object: asked('now') }, step: 'idle' },
  { name: 'a failure waits', seen: { memory: { failed: failed(AT + 500) } }, step: 'idle', more: { after: 500 } },
  { name: 'and is tried again', seen: { memory: { failed: failed(AT) } }, step: 'fetch' },
  {
    name: 'a failure of an older spec holds nothing back',
    seen: { object: gitRepository(REVISION, { metadata: { generation: 2 } }), memory: { failed: failed(AT + 500) } },
    step: 'fetch',
  },
  {
    name: 'a request does not wait for a retry',
    seen: { object: asked('before'), memory: { failed: failed(AT + 500) } },
    step: 'fetch',
  },
  {
    name: 'a spec that is none is refused by name',
    seen: { object: gitRepository(REVISION, { spec: { interval: 'soon' } }) },
    step: 'refuse',
    more: { said: { reason: 'InvalidSpec', text: expect.stringContaining('spec.interval') as string } },
  },
];

test.each(cases)('$name', ({ seen: parts, step, more = {} }) => {
  expect(decide(seen(parts))).toMatchObject({ do: step, ...more });
});
