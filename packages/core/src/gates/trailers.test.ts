import { expect, test } from 'vitest';
import { trailersIn } from './trailers.ts';

test.each<[string, string, string[]]>([
  ['of the last paragraph', 'Merge\n\nWhy\n\nReviewed-by: a\nApproved-by: b\n', ['b']],
  ['in whatever case, with blanks', 'Merge\n\napproved-BY :  b  \n', ['b']],
  ['with the line ends of Windows', 'Merge\r\n\r\nApproved-by: b\r\n', ['b']],
  ['several', 'Merge\n\nApproved-by: a\nApproved-by: b', ['a', 'b']],
  ['not of a paragraph before', 'Merge\n\nApproved-by: b\n\nWhy', []],
  ['not of the subject', 'Approved-by: b', []],
  ['not of a line that is set in, as in a list of what is merged', 'Merge\n\n  Approved-by: b', []],
  ['not without a value', 'Merge\n\nApproved-by:\n', []],
  ['not of another name', 'Merge\n\nNot-Approved-by: b\nApproved-by-x: b', []],
  ['of an empty message', '', []],
])('trailers are those %s', (_what, end, values) => {
  expect(trailersIn(end, 'Approved-by')).toEqual(values);
});
