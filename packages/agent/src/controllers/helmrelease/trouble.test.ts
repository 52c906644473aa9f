import { helmReleaseMessages, ownMessages, systemError } from '@plumb/api';
import { expect, test } from 'vitest';
import { stateTrouble } from './trouble.ts';

test('a release of which nobody knows whether a policy governs it waits as what gates hold, and is woken with them', () => {
  const held = stateTrouble(systemError('gated', 'waits until the policies can be read'));
  expect(held.said.id).toBe(ownMessages.gated.id);
  expect(stateTrouble(systemError('storage-failed', 'no answer')).said.id).toBe(helmReleaseMessages.stateFailed.id);
});
