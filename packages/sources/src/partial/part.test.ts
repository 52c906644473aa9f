import { expect, test } from 'vitest';
import type { GitRequest } from '../git-sources.ts';
import { wantedOf } from '../git/reference.ts';
import { isPartial } from './part.ts';

const COMMIT = 'ab'.repeat(20);

test.each<[partial: boolean, request: Partial<Pick<GitRequest, 'only' | 'submodules' | 'ref'>>]>([
  [false, {}],
  [false, { only: {} }],
  [true, { only: { sparse: ['apps'] } }],
  [true, { only: { sparse: ['./apps/', 'infra'] } }],
  [false, { only: { sparse: ['apps', './'] } }],
  [false, { only: { sparse: [] } }],
  [true, { only: { ignore: '# all\n/*\n!/deploy\n' } }],
  [true, { only: { ignore: '**\n!deploy/' } }],
  [true, { only: { ignore: '  /**/* \n!/a' } }],
  [false, { only: { ignore: '*.md\n/docs/*\n!/docs/a' } }],
  [false, { only: { ignore: '' } }],
  [true, { only: {}, ref: { branch: 'main', commit: COMMIT } }],
  [false, { only: {}, ref: { commit: COMMIT } }],
  [false, { only: { sparse: ['apps'] }, submodules: true }],
])('partial: %s for %j', (partial, { ref = {}, ...request }) => {
  expect(isPartial(request, wantedOf(ref))).toBe(partial);
});
