import { expect, test } from 'vitest';
import { judgeRedirect, locationIn } from './redirect.ts';

const matching = (words: RegExp): unknown => expect.stringMatching(words);
const TAIL = '/info/refs?service=git-upload-pack';

test.each<[from: string, location: string, authenticated: boolean, result: string | RegExp]>([
  ['http://a.test/x.git', `http://a.test/y.git${TAIL}`, true, 'http://a.test/y.git'],
  ['http://a.test/x.git', `/y.git${TAIL}`, true, 'http://a.test/y.git'],
  ['http://a.test/x.git', `https://a.test/x.git${TAIL}`, true, 'https://a.test/x.git'],
  ['http://a.test:81/x.git', `http://a.test:82/x.git${TAIL}`, true, /another host \('a.test:82'\)/],
  ['https://a.test/x.git', `https://b.test/x.git${TAIL}`, true, /another host \('b.test'\)/],
  ['https://a.test/x.git', `https://a.test.b.test/x.git${TAIL}`, true, /another host/],
  ['https://a.test/x.git', `https://b.test/x.git${TAIL}`, false, 'https://b.test/x.git'],
  ['https://a.test/x.git', `http://a.test/x.git${TAIL}`, false, /from https to http/],
  ['https://a.test/x.git', 'https://a.test/login', false, /not a Git repository/],
  ['https://a.test/x.git', `file:///etc${TAIL}`, false, /other than http/],
  ['https://a.test/x.git', `https://u:p@a.test/x.git${TAIL}`, false, /holds credentials/],
])('%s to %s with credentials %s', (from, location, authenticated, result) => {
  const verdict = judgeRedirect(from, location, authenticated);
  expect(verdict).toEqual(typeof result === 'string' ? { address: result } : { refused: matching(result) });
});

test('the target is read from the trace in either spelling', () => {
  expect(
    locationIn('10:00:00.1 http.c:684 <= Recv header: Location: /a\n10:00 http.c:684 <= Recv header: location: /b\r\n'),
  ).toBe('/b');
  expect(locationIn('=> Send header: location: /a')).toBeUndefined();
});
