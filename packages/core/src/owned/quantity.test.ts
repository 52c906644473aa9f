import { expect, test } from 'vitest';
import { canonicalQuantity } from './quantity.ts';

test.each([
  [['1', '1000m', 1, 1n, '1.0', '1e0', '+1', '1000000u', '1000000000n', ' 1 ', '001'], '1e0'],
  [['0.5', '500m', '.5', 0.5, '5e-1'], '5e-1'],
  [['1Gi', '1024Mi', '1048576Ki', '1073741824'], '1073741824e0'],
  [['1G', '1000M', '1000000k', '1e9', '1E9', 1_000_000_000], '1e9'],
  [['1.5Gi', '1536Mi'], '1610612736e0'],
  [['0', '0m', '0Gi', '-0', '0.000'], '0'],
  [['-1', '-1000m'], '-1e0'],
  [['1E'], '1e18'],
  [['1Ei'], '1152921504606846976e0'],
])('%o are one quantity', (spellings, canonical) => {
  for (const spelling of spellings) expect([spelling, canonicalQuantity(spelling)]).toEqual([spelling, canonical]);
});

test.each([
  '',
  '.',
  'm',
  'Gi',
  'one',
  '1 Gi',
  '1gi',
  '1KB',
  '0x10',
  '1e',
  '1e1000',
  '1.2.3',
  '1'.repeat(41),
  null,
  undefined,
  true,
  {},
  ['1'],
  NaN,
])('%o is no quantity', (value) => {
  expect(canonicalQuantity(value)).toBeNull();
});

test('what the API server would round is left to it', () => {
  expect(canonicalQuantity('0.1n')).toBeNull();
  expect(canonicalQuantity('0.0000000001')).toBeNull();
});
