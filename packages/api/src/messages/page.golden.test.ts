import { join } from 'node:path';
import { expect, test } from 'vitest';
import { messagesPage } from './page.ts';

test('docs/messages.md is the registry as it is (vitest --update writes it)', async () => {
  await expect(messagesPage()).toMatchFileSnapshot(join(import.meta.dirname, '../../../../docs/messages.md'));
});
