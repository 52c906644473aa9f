import { expect, test } from 'vitest';

import { AgentLog } from './agent-log.ts';

const manager = { namespace: 'flux-system', pod: 'plumb-agent-1', container: 'manager' };
const about = { kind: 'Kustomization', namespace: 'flux-system', name: 'apps' };

test('says what the agent says, with the keys flux logs reads', () => {
  const log = new AgentLog();
  log.add({ ...about, event: { type: 'Normal', reason: 'Progressing', message: 'a created\nb created' } }, 0);
  log.add({ ...about, event: { type: 'Warning', reason: 'BuildFailed', message: 'bad YAML' } }, 1_000);
  const lines = (log.of(manager) ?? '').trimEnd().split('\n');
  const base = { controller: 'kustomization', controllerKind: 'Kustomization', name: 'apps', namespace: 'flux-system' };
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { ...base, level: 'info', ts: '1970-01-01T00:00:00.000Z', msg: 'a created\nb created', reason: 'Progressing' },
    {
      ...base,
      level: 'error',
      ts: '1970-01-01T00:00:01.000Z',
      msg: 'BuildFailed',
      error: 'bad YAML',
      reason: 'BuildFailed',
    },
  ]);
});

test('keeps the last 2000 lines', () => {
  const log = new AgentLog();
  const say = (message: string, now: number): void =>
    log.add({ ...about, event: { type: 'Normal', reason: 'Progressing', message } }, now);
  for (let index = 0; index < 2_001; index += 1) say(`message ${index}`, index);
  const lines = (log.of(manager) ?? '').trimEnd().split('\n');
  expect(lines.length).toBe(2_000);
  expect(lines[0]).toContain('message 1"');
});

test('leaves every other container to the simulation', () => {
  const log = new AgentLog();
  expect(log.of({ ...manager, namespace: 'shop' })).toBeNull();
  expect(log.of({ ...manager, container: 'sidecar' })).toBeNull();
});
