import type { ReleaseDiff } from '@plumb/preview';
import { expect, test } from 'vitest';
import { paintFor } from './paint.ts';
import { releaseDiffSummary, releaseDiffText, tellOf } from './release-text.ts';

const key = (kind: string, name: string) => ({ group: '', version: 'v1', kind, namespace: 'shop', name });
const plain = paintFor({ isTTY: false, write: () => true, columns: 80 } as never, {});

const upgrade: ReleaseDiff = {
  outlook: {
    text: 'would upgrade release shop/cart.v3 to v4 with chart cart@1.5.0: release chart changed',
    details: ['chart: cart@1.5.0, before cart@1.4.0', 'values that differ: image.tag'],
  },
  objects: [
    {
      key: key('ConfigMap', 'settings'),
      change: 'changed',
      fields: [{ path: 'data.a', before: 'x', after: 'z' }],
      message: '',
    },
    { key: key('Service', 'old'), change: 'deleted', fields: [], message: '' },
  ],
  left: [],
  hooks: [
    { event: 'pre-upgrade', key: key('Job', 'migrate'), weight: -5 },
    { event: 'post-upgrade', key: key('Job', 'warm'), weight: 0 },
  ],
  acts: true,
  notes: [],
};
const rest: ReleaseDiff = {
  ...upgrade,
  outlook: { text: 'release shop/cart.v3 is as declared (drift detection: disabled)', details: [] },
  objects: [],
  hooks: [],
  acts: false,
};

test('says what would be done and why, then the objects, then the hooks', () => {
  expect(releaseDiffText(upgrade, plain)).toBe(
    `would upgrade release shop/cart.v3 to v4 with chart cart@1.5.0: release chart changed
  chart: cart@1.5.0, before cart@1.4.0
  values that differ: image.tag
~ ConfigMap/shop/settings
    data.a
      - x
      + z
- Service/shop/old
hooks that would run
  pre-upgrade: Job/shop/migrate (weight -5)
  post-upgrade: Job/shop/warm
`,
  );
  expect(releaseDiffSummary(upgrade)).toBe('1 changed, 1 deleted, 2 hooks would run');
});

test('says nothing of a release that stays as it is, but in its end', () => {
  expect(releaseDiffText(rest, plain)).toBe('');
  expect(releaseDiffSummary(rest)).toBe(
    'nothing would change: release shop/cart.v3 is as declared (drift detection: disabled)',
  );
});

test('shows what others changed, and that it stays', () => {
  const drifted = { ...rest, left: upgrade.objects.slice(0, 1) };
  expect(releaseDiffText(drifted, plain)).toMatch(
    /^changed by others, and left as they are\n~ ConfigMap\/shop\/settings\n/,
  );
  expect(releaseDiffSummary(drifted)).toMatch(/; 1 object that others changed would stay as it is$/);
});

test('says that a release is upgraded though no object changes', () => {
  expect(releaseDiffSummary({ ...upgrade, objects: [], hooks: [] })).toBe('no object would change');
});

test('tells notes on lines of their own, without what a terminal would act on', () => {
  const text = tellOf({ warnings: ['odd \u001b[31m'], assumptions: ['there is a Namespace a'] });
  expect(text).toBe('note: odd \\u{1b}[31m\nnote: taken for granted: there is a Namespace a\n');
});
