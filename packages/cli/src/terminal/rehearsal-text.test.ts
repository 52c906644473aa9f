import { userError } from '@plumb/api';
import { expect, test } from 'vitest';
import { rehearsalText } from './rehearsal-text.ts';

test('what a unit waits for is named by its kind', () => {
  const dependencies = ['Kustomization/flux-system/infrastructure', 'HelmRelease/flux-system/db'];
  const rehearsal = { plan: null, changes: [], dependencies, assumptions: [], error: null };
  expect(rehearsalText(rehearsal, (_, text) => text)).toBe(
    `first waits for\n  ${dependencies.join('\n  ')}\nnothing stands in its way, where gates let it pass\n`,
  );
});

test('a terminal acts on nothing that it shows', () => {
  const rehearsal = {
    plan: null,
    changes: [],
    dependencies: ['Kustomization/a\u001b[2J/b'],
    assumptions: ['c\u0007'],
    error: userError('invalid-spec', 'd\u001b[1m'),
  };
  expect(rehearsalText(rehearsal, (_, text) => text)).not.toMatch(/[\p{Cc}--\n]/v);
});
