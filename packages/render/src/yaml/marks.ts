import { buildError } from '../errors.ts';
import { limits } from '../limits.ts';

/** Bytes without which no further value can start: line ends, commas, dashes, colons, question marks and brackets. */
const isMark = new Uint8Array(256);
for (const mark of '\n\r,-:?[{') isMark[mark.charCodeAt(0)] = 1;

/** Counts them: a bound on the values of a YAML text that costs no memory, unlike parsing it. */
function countMarks(content: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < content.length; at += 1) count += isMark[content[at] ?? 0] ?? 0;
  return count;
}

/**
 * @throws PlumbError `build-failed` for a file that may hold more values than any set of manifests has
 */
export function checkMarks(path: string, content: Uint8Array): void {
  if (content.byteLength <= limits.fileMarks || countMarks(content) <= limits.fileMarks) return;
  throw buildError(path, `holds more than ${limits.fileMarks} values, commas and lines: split the file`);
}

/** @throws PlumbError `build-failed` when all files together may hold more values than one build is given memory for */
export function checkTotal(contents: Iterable<Uint8Array>): void {
  let total = 0;
  for (const content of contents) total += countMarks(content);
  if (total > limits.totalMarks)
    throw buildError('the build', `holds more than ${limits.totalMarks} values, commas and lines: split it`);
}
