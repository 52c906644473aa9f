import { join } from 'node:path';

const BUILD = join(import.meta.dirname, '../../build');

/** The programs that the set-up builds. */
export const ENGINE_PATH = join(BUILD, 'engine');
export const CLUSTER_PATH = join(BUILD, 'cluster');
