import { APPROVAL, type ObjectKey } from '@plumb/api';
import { expect, test } from 'vitest';
import { refuseApprovals } from './made-by-people.ts';

const key = (changed: Partial<ObjectKey>): ObjectKey => ({
  ...APPROVAL,
  namespace: 'shop',
  name: 'mine',
  ...changed,
});

test.each(['create', 'change'] as const)('an approval that a unit would %s is refused', (action) => {
  expect(() => refuseApprovals([{ key: key({}), action }])).toThrow(
    /^refused: Approval\/shop\/mine is declared in the source/,
  );
});

test('so is one of another version', () => {
  expect(() => refuseApprovals([{ key: key({ version: 'v2' }), action: 'create' }])).toThrow(/declared in the source/);
});

test.each([
  ['one that goes', { key: key({}), action: 'delete' }],
  ['what has its name in another group', { key: key({ group: 'example.org' }), action: 'create' }],
  ['any other kind', { key: key({ kind: 'ReleasePolicy' }), action: 'create' }],
] as const)('%s is none of this', (_what, fate) => {
  expect(() => refuseApprovals([fate])).not.toThrow();
});
