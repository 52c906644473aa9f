// Bundles the command line into one folder of JavaScript: `node bundle-program.js <root> <folder>`.
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { rolldown } from 'rolldown';

const [root = '', folder = ''] = process.argv.slice(2);

/** A module goes on finding what lies beside its source. */
const keepPlaces = {
  name: 'keep-places',
  /** @param {string} code @param {string} id */
  transform(code, id) {
    if (!id.startsWith(join(root, 'packages')) || !code.includes('import.meta.')) return null;
    const url = JSON.stringify(pathToFileURL(id).href);
    return code
      .replaceAll('import.meta.dirname', JSON.stringify(dirname(id)))
      .replaceAll(/import\.meta\.resolve\(('[^']+')\)/g, `new URL($1, ${url}).href`)
      .replaceAll('import.meta.url', url);
  },
};

const bundle = await rolldown({
  input: join(root, 'packages/cli/src/main.ts'),
  platform: 'node',
  plugins: [keepPlaces],
  logLevel: 'warn',
});
await bundle.write({ dir: folder, format: 'esm', chunkFileNames: '[name]-[hash].js' });
await bundle.close();
