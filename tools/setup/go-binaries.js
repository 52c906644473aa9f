import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';

export const COMMANDS = /** @type {const} */ (['engine', 'cluster']);
const KEEP_UNUSED_MS = 30 * 24 * 3600 * 1000;

const VERSION_PACKAGE = 'k8s.io/component-base/version';
const LINKER_FLAGS = [
  '-s -w',
  `-X ${VERSION_PACKAGE}.gitVersion=v1.37.2`,
  `-X ${VERSION_PACKAGE}.gitMajor=1`,
  `-X ${VERSION_PACKAGE}.gitMinor=37`,
].join(' ');

/** The same for every command, so that packages used by both compile once. No debug information: it doubles the time. */
export const BUILD_FLAGS = ['-trimpath', '-buildvcs=false', '-gcflags=all=-dwarf=false', `-ldflags=${LINKER_FLAGS}`];

/** Whatever the user has set for other projects must not change what is built here. An empty GOFLAGS would mean the stored one. */
export function goEnvironment() {
  const env = /** @type {NodeJS.ProcessEnv} */ ({
    ...process.env,
    CGO_ENABLED: '0',
    GOFLAGS: '-mod=readonly',
    GOTOOLCHAIN: 'local',
    GOWORK: 'off',
  });
  for (const name of ['GOOS', 'GOARCH', 'GOEXPERIMENT']) delete env[name];
  return env;
}

/** @returns {string} where built commands are kept for all clones of this user */
export function cacheDirectory() {
  const base = process.env['XDG_CACHE_HOME'] || join(process.env['HOME'] ?? '/tmp', '.cache');
  return join(base, 'plumb', 'bin');
}

/** @typedef {{ name: string, cached: string, link: string }} Binary `cached` is the executable's path in the cache */

/**
 * @param {string} root
 * @param {string} goVersion
 * @returns {Binary[]}
 */
export function describeBinaries(root, goVersion) {
  return COMMANDS.map((name) => {
    const directory = `${name}-${contentHash(join(root, 'go'), name, goVersion)}`;
    return { name, cached: join(cacheDirectory(), directory, name), link: join(root, 'build', name) };
  });
}

/**
 * One hash over all that decides what the compiler makes: module files, sources, Go's version and the flags.
 * @param {string} module the Go module's folder
 * @param {string} name the command; the folders of its siblings do not count
 * @param {string} goVersion
 */
function contentHash(module, name, goVersion) {
  const hash = createHash('sha256').update(`${goVersion}\n${BUILD_FLAGS.join('\n')}\n`);
  for (const path of sourceFiles(module, name)) {
    const content = readFileSync(join(module, path));
    hash.update(`${path}\n${content.length}\n`).update(content);
  }
  return hash.digest('hex').slice(0, 20);
}

/** @param {string} module @param {string} name @returns {string[]} */
function sourceFiles(module, name) {
  const siblings = COMMANDS.filter((command) => command !== name);
  return readdirSync(module, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('_test.go'))
    .map((entry) => join(entry.parentPath, entry.name).slice(module.length + 1))
    .filter((path) => !path.includes('testdata/') && !siblings.some((sibling) => path.startsWith(`${sibling}/`)))
    .sort();
}

/** Points `build/<name>` at the cached executable and marks it as used. @param {Binary} binary */
export function linkBinary(binary) {
  utimesSync(join(binary.cached, '..'), new Date(), new Date());
  if (isLinkTo(binary.link, binary.cached)) return;
  mkdirSync(join(binary.link, '..'), { recursive: true });
  const temporary = `${binary.link}.${process.pid}`;
  symlinkSync(binary.cached, temporary);
  renameSync(temporary, binary.link);
}

/** @param {string} link @param {string} target */
function isLinkTo(link, target) {
  const found = lstatSync(link, { throwIfNoEntry: false });
  return found?.isSymbolicLink() === true && readlinkSync(link) === target;
}

/** Removes what no clone has used for a month. */
export function pruneCache() {
  const directory = cacheDirectory();
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const age = Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > KEEP_UNUSED_MS) rmSync(path, { recursive: true, force: true });
  }
}
