import { join } from 'node:path';

const BUILD = join(import.meta.dirname, '../../build');

/** The programs that the set-up builds. */
export const ENGINE_PATH = join(BUILD, 'engine');
export const CLUSTER_PATH = join(BUILD, 'cluster');
/** Upstream's helm, which the set-up unpacks. */
export const HELM_PATH = join(BUILD, 'helm');
/** And that of version 3. */
export const HELM3_PATH = join(BUILD, 'helm3');
/** These binaries are for Linux on amd64. */
export const HELM_RUNS = process.platform === 'linux' && process.arch === 'x64';
