import type { JsonObject } from '@plumb/api';
import { expect, test } from 'vitest';
import { withKeptValues } from './kept-values.ts';

test.each<{ case: string; given: JsonObject; kept: JsonObject; merged: JsonObject }>([
  { case: 'what is given wins', given: { a: 1 }, kept: { a: 2, b: 3 }, merged: { a: 1, b: 3 } },
  { case: 'tables are merged', given: { a: { x: 1 } }, kept: { a: { x: 2, y: 3 } }, merged: { a: { x: 1, y: 3 } } },
  { case: 'lists are not', given: { a: [1] }, kept: { a: [2, 3] }, merged: { a: [1] } },
  { case: 'null takes a value away', given: { a: null }, kept: { a: 1, b: 2 }, merged: { b: 2 } },
  { case: 'null takes a value of a table away', given: { a: { x: null } }, kept: { a: { x: 1 } }, merged: { a: {} } },
  { case: 'a null of a new table stays', given: { a: { x: null } }, kept: {}, merged: { a: { x: null } } },
  { case: 'a table takes the place of a value', given: { a: { x: 1 } }, kept: { a: 1 }, merged: { a: { x: 1 } } },
  { case: 'a value takes the place of a table', given: { a: 1 }, kept: { a: { x: 1 } }, merged: { a: 1 } },
  { case: 'a kept null stays', given: {}, kept: { a: null }, merged: { a: null } },
  {
    case: 'a name of every object is a key as any',
    given: { constructor: { x: 1 } },
    kept: {},
    merged: { constructor: { x: 1 } },
  },
])('$case', ({ given, kept, merged }) => {
  expect(withKeptValues(given, kept)).toEqual(merged);
});

test('what was merged is as it is when it is merged again', () => {
  const given = { a: { x: null, y: 1 }, b: null };
  const merged = withKeptValues(given, { a: { x: 1 }, b: 2, c: 3 });
  expect(withKeptValues(given, merged)).toEqual(merged);
});
