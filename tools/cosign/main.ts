/**
 * Records what real cosign signs and attests, for tests: `node tools/run.js cosign`. It builds both versions of cosign from their Go modules, which
 * takes some six minutes of CPU each, unless they are in build/cosign already.
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  RECORDED_FOLDER,
  RECORDED_IDENTITY,
  RECORDED_NAMES,
  scanRecord,
  TestRegistry,
  testSigstore,
  type RecordedImage,
  type RecordedName,
} from '@plumb/testkit';
import { serveSigstore } from './sigstore-server.ts';

const VERSIONS = {
  v2: 'github.com/sigstore/cosign/v2/cmd/cosign@v2.6.3',
  v3: 'github.com/sigstore/cosign/v3/cmd/cosign@v3.0.6',
} as const;

/** When what was scanned was scanned, so that tests know how old it is. */
const SCANNED = new Date('2025-01-01T12:00:00Z');
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const INDEX = 'application/vnd.oci.image.index.v1+json';

const work = mkdtempSync(join(tmpdir(), 'cosign-'));
const file = (name: string): string => join(work, name);
const write = (name: string, content: object | string): string => {
  writeFileSync(file(name), typeof content === 'string' ? content : JSON.stringify(content));
  return file(name);
};

const sigstore = await testSigstore();
await using services = await serveSigstore(sigstore);
await using registry = await TestRegistry.start();
try {
  await record();
} finally {
  rmSync(work, { recursive: true });
}

async function record(): Promise<void> {
  const root = write('trusted_root.json', sigstore.root);
  write('scan.json', scanRecord(SCANNED, [{ id: 'CVE-2026-1', severity: 'HIGH' }]).predicate as object);
  await run(cosign('v3'), ['generate-key-pair', '--output-key-prefix', file('cosign')]);
  for (const name of RECORDED_NAMES) {
    const image = await recorded(name);
    writeFileSync(join(RECORDED_FOLDER, `${name}.json`), `${JSON.stringify(image, null, 2)}\n`);
  }
  writeFileSync(join(RECORDED_FOLDER, 'cosign.pub'), readFileSync(file('cosign.pub')));
  writeFileSync(
    join(RECORDED_FOLDER, 'trusted_root.json'),
    `${JSON.stringify(JSON.parse(readFileSync(root, 'utf8')), null, 2)}\n`,
  );
}

async function recorded(name: RecordedName): Promise<RecordedImage> {
  const path = `shop/${name}`;
  const layers = [{ mediaType: LAYER, content: Buffer.from(`what ${name} is made of`) }];
  const { digest } = await registry.manifest(path, { layers, config: CONFIG, tag: 'latest' });
  const image = `${registry.host}/${path}@${digest}`;
  const [version, form, signer] = name.split('-') as ['v2' | 'v3', 'tags' | 'bundles', 'key' | 'identity'];
  const how = [...(form === 'bundles' ? bundled(signer) : tagged(version, signer)), '--yes'];
  await run(cosign(version), ['sign', ...how, image]);
  await run(cosign(version), ['attest', ...how, '--type', 'vuln', '--predicate', file('scan.json'), image]);
  await verify(version, { form, signer, image });
  return heldOf(path, digest);
}

/** Services are named by a file. */
function bundled(signer: 'key' | 'identity'): string[] {
  const validFor = { start: '2020-01-01T00:00:00Z' };
  const service = { url: services.url, majorApiVersion: 1, validFor, operator: 'sigstore.example' };
  const used = signer === 'key' ? [] : [service];
  const config = write(`signing_config-${signer}.json`, {
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: used,
    oidcUrls: [],
    rekorTlogUrls: used,
    rekorTlogConfig: { selector: 'ANY' },
    tsaUrls: [],
    tsaConfig: { selector: 'ANY' },
  });
  return [...by(signer), '--signing-config', config, '--trusted-root', file('trusted_root.json')];
}

/** Services are named one by one. */
function tagged(version: 'v2' | 'v3', signer: 'key' | 'identity'): string[] {
  const form = version === 'v2' ? [] : ['--new-bundle-format=false', '--use-signing-config=false'];
  if (signer === 'key') return [...form, ...by(signer), '--tlog-upload=false'];
  return [...form, ...by(signer), '--fulcio-url', services.url, '--rekor-url', services.url];
}

function by(signer: 'key' | 'identity'): string[] {
  if (signer === 'key') return ['--key', file('cosign.key')];
  const { issuer: iss, subject: sub } = RECORDED_IDENTITY;
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const token = [part({ alg: 'RS256', typ: 'JWT' }), part({ iss, sub, aud: 'sigstore', exp }), part({})].join('.');
  return ['--identity-token', token];
}

/** That cosign itself believes what was recorded, under the trust that tests have. */
async function verify(
  version: 'v2' | 'v3',
  { form, signer, image }: { form: 'tags' | 'bundles'; signer: 'key' | 'identity'; image: string },
): Promise<void> {
  const { issuer, subject } = RECORDED_IDENTITY;
  const identity = ['--certificate-identity', subject, '--certificate-oidc-issuer', issuer];
  // Of older forms it is told by its environment.
  const root = form === 'bundles' ? ['--trusted-root', file('trusted_root.json')] : [];
  const trust = signer === 'key' ? ['--key', file('cosign.pub'), '--insecure-ignore-tlog'] : [...identity, ...root];
  const how = [...trust, `--new-bundle-format=${form === 'bundles'}`, image];
  await run(cosign(version), ['verify', ...how]);
  await run(cosign(version), ['verify-attestation', '--type', 'vuln', ...how]);
}

async function heldOf(path: string, digest: string): Promise<RecordedImage> {
  const { tags } = (await fetched(`${path}/tags/list`)) as { tags: string[] };
  const { manifests: referrers } = (await fetched(`${path}/referrers/${digest}`)) as {
    manifests: { digest: string }[];
  };
  const references = [digest, ...tags.filter((tag) => tag !== 'latest'), ...referrers.map((one) => one.digest)];
  const manifests = await Promise.all(references.map((reference) => manifestAt(path, reference)));
  const named = manifests.flatMap(({ content }) => {
    const { config, layers } = JSON.parse(content) as { config: { digest: string }; layers: { digest: string }[] };
    return [config.digest, ...layers.map((one) => one.digest)];
  });
  const blobs = await Promise.all([...new Set(named)].map(async (one) => textOf(await asked(`${path}/blobs/${one}`))));
  return { digest, blobs, manifests };
}

async function manifestAt(path: string, reference: string): Promise<RecordedImage['manifests'][number]> {
  const answer = await asked(`${path}/manifests/${reference}`);
  return { reference, type: answer.headers.get('content-type') ?? '', content: await textOf(answer) };
}

async function fetched(path: string): Promise<unknown> {
  return JSON.parse(await textOf(await asked(path)));
}

async function asked(path: string): Promise<Response> {
  const answer = await fetch(`http://${registry.host}/v2/${path}`, { headers: { accept: `*/*, ${INDEX}` } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

async function textOf(answer: Response): Promise<string> {
  return new TextDecoder('utf-8', { fatal: true }).decode(await answer.arrayBuffer());
}

/** Where a version of cosign is; it is built when it is not there. */
function cosign(version: 'v2' | 'v3'): string {
  const folder = join(import.meta.dirname, '../../build/cosign', version);
  const program = join(folder, 'cosign');
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  console.log(`building ${VERSIONS[version]}`);
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
  execFileSync('go', ['install', VERSIONS[version]], { cwd: work, env, stdio: 'inherit' });
  return program;
}

/** As on a machine where nobody ever used cosign: nothing of Sigstore's own is asked. */
async function run(program: string, args: readonly string[]): Promise<void> {
  const env = {
    PATH: process.env['PATH'],
    HOME: work,
    COSIGN_PASSWORD: '',
    SIGSTORE_CT_LOG_PUBLIC_KEY_FILE: logKey('ctlogs'),
    SIGSTORE_REKOR_PUBLIC_KEY: logKey('tlogs'),
    SIGSTORE_ROOT_FILE: authority(),
  };
  await promisify(execFile)(program, args, { env });
}

interface Root {
  ctlogs: { publicKey: { rawBytes: string } }[];
  tlogs: { publicKey: { rawBytes: string } }[];
  certificateAuthorities: { certChain: { certificates: { rawBytes: string }[] } }[];
}

function logKey(list: 'ctlogs' | 'tlogs'): string {
  const [log] = (JSON.parse(sigstore.root) as Root)[list];
  return write(`${list}.pem`, pem('PUBLIC KEY', log?.publicKey.rawBytes));
}

function authority(): string {
  const [one] = (JSON.parse(sigstore.root) as Root).certificateAuthorities;
  return write('authority.pem', pem('CERTIFICATE', one?.certChain.certificates[0]?.rawBytes));
}

function pem(label: string, base64 = ''): string {
  return `-----BEGIN ${label}-----\n${base64.replace(/(.{64})(?=.)/g, '$1\n')}\n-----END ${label}-----\n`;
}
