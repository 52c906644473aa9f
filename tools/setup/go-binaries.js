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
import { join, relative } from 'node:path';

/**
 * @typedef {object} Command
 * @property {string} name
 * @property {string} module the Go module's folder
 * @property {string} package what is built: a folder of the module, or a package of one of its dependencies
 * @property {readonly string[]} sources what it is built from, beside the module files: folders from the module's
 */

const SOPS = { module: 'go/decrypt', sources: [] };

/** @satisfies {Record<string, Omit<Command, 'name'>>} */
const BUILDS = /** @type {const} */ ({
  engine: { module: 'go', package: './engine', sources: ['engine', 'helper'] },
  cluster: { module: 'go', package: './cluster', sources: ['cluster'] },
  // Flux's own road through the variables, which the tests hold the engine's against.
  fluxvars: { module: 'go', package: './fluxvars', sources: ['fluxvars', 'helper'] },
  decrypt: { module: 'go/decrypt', package: '.', sources: ['.', '../helper'] },
  // What the tests encrypt with, at the versions that decrypt is built with.
  pgpkey: { module: 'go/decrypt', package: './pgpkey', sources: ['pgpkey'] },
  // Where the tests keep images, signatures and reports.
  registry: { module: 'go/registry', package: '.', sources: ['.'] },
  sops: { ...SOPS, package: 'github.com/getsops/sops/v3/cmd/sops' },
  age: { ...SOPS, package: 'filippo.io/age/cmd/age' },
  'age-keygen': { ...SOPS, package: 'filippo.io/age/cmd/age-keygen' },
});

/** @typedef {keyof typeof BUILDS} CommandName */

/** The commands of which the source is here. @type {readonly Command[]} */
export const OWN_COMMANDS = Object.entries(BUILDS)
  .map(([name, build]) => ({ name, ...build }))
  .filter(({ sources }) => sources.length > 0);
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

/** @typedef {{ name: string, cached: string, link: string }} Kept `cached` is where something built lies in the cache */
/** @typedef {Kept & Pick<Command, 'module' | 'package'>} Binary an executable */

/**
 * @param {string} root
 * @param {string} goVersion
 * @param {readonly CommandName[]} names
 * @returns {Binary[]}
 */
export function describeBinaries(root, goVersion, names) {
  return names.map((name) => {
    const directory = `${name}-${contentHash(root, BUILDS[name], goVersion)}`;
    const place = { cached: join(cacheDirectory(), directory, name), link: join(root, 'build', name) };
    return { name, module: BUILDS[name].module, package: BUILDS[name].package, ...place };
  });
}

/**
 * One hash over all that decides what the compiler makes: module files, sources, Go's version and the flags.
 * @param {string} root
 * @param {Omit<Command, 'name'>} command
 * @param {string} goVersion
 */
function contentHash(root, command, goVersion) {
  const hash = createHash('sha256').update(`${goVersion}\n${BUILD_FLAGS.join('\n')}\n${command.package}\n`);
  const module = join(root, command.module);
  const moduleFiles = ['go.mod', 'go.sum'].map((name) => join(module, name)).filter(existsSync);
  const sources = command.sources.flatMap((folder) => sourceFiles(join(module, folder)));
  for (const path of new Set([...moduleFiles, ...sources.sort()])) {
    const content = readFileSync(path);
    hash.update(`${relative(root, path)}\n${content.length}\n`).update(content);
  }
  return hash.digest('hex').slice(0, 20);
}

/** @param {string} folder @returns {string[]} */
function sourceFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('_test.go'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('testdata/'));
}

/** Points `build/<name>` at the cached executable and marks it as used. @param {Kept} binary */
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
