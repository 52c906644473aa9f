import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { repositoryFiles } from './files.ts';
import type { Check } from './tool.ts';

const MOST_LINES = 500;
const CODE = /\.(ts|js|go)$/;
/** Go's convention, taken for every language here: https://go.dev/s/generatedcode */
const GENERATED = /^\/\/ Code generated .* DO NOT EDIT\.$/m;

/** The number of lines when a source file is longer than a reader should have to bear, else null. */
export function tooLong(path: string, text: string): number | null {
  if (!CODE.test(path) || GENERATED.test(text.slice(0, 1000))) return null;
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  return lines > MOST_LINES ? lines : null;
}

export const fileSizes: Check = {
  name: 'file sizes',
  async run(root) {
    const found = repositoryFiles(root).flatMap((path) => {
      const lines = CODE.test(path) ? tooLong(path, readFileSync(join(root, path), 'utf8')) : null;
      return lines === null ? [] : [`${path}: ${lines} lines; split it, ${MOST_LINES} is the limit`];
    });
    return { ok: found.length === 0, output: found.join('\n') };
  },
};
