import { imageKey, readRecorded, RECORDED_IDENTITY, RECORDED_NAMES, TestRegistry } from '@plumb/testkit';
import type { JsonObject } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installGates, policy } from './support/gates.ts';
import { deployment } from './support/manifests.ts';
import { condition, World } from './support/world.ts';

// What real cosign signed and attested, as it was recorded: packages/testkit/src/images/cosign/README.md.

const recorded = readRecorded();
const byKey: JsonObject = { keys: [{ pem: recorded.key }] };
const byIdentity: JsonObject = { keyless: [RECORDED_IDENTITY], trustedRootRef: { name: 'sigstore' } };
/** Of a hundred years. */
const ANY_AGE = '876000h';

type Name = (typeof RECORDED_NAMES)[number];

/** What is declared, each in a unit of its own with a policy of its own. */
interface Case {
  image: string;
  images: JsonObject;
}

let world: World;
let registry: TestRegistry;
/** Of all that is declared. */
let revision: string;

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  const { cluster, namespace, target } = world;
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: target } });
  const data = { 'trusted_root.json': recorded.root };
  await cluster.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'sigstore', namespace }, data });
  registry = await TestRegistry.start();
  for (const name of RECORDED_NAMES) await registry.pushRecorded(`shop/${name}`, recorded.images[name]);
  const cases = Object.entries({ ...signatures(), moved: await moved(), ...reports() });
  const files = cases.map(([unit, { image }]) => [`${unit}/web.yaml`, deployment(target, unit, { image })]);
  await world.gitRepository();
  revision = await world.push(Object.fromEntries(files) as Record<string, string>);
  for (const [unit, { images }] of cases) {
    await policy(world, unit, { select: { names: [unit] }, images });
    await world.kustomization(unit, { retryInterval: '1h' });
  }
});

afterAll(async () => {
  await world.close();
  await registry.close();
});

const isKey = (name: Name): boolean => name.endsWith('key');
const nameOf = (name: Name): string => `${registry.host}/shop/${name}@${recorded.images[name].digest}`;

/** Each image twice: under a policy of who signed it, and of somebody else. */
function signatures(): Record<string, Case> {
  const keyless = [{ ...RECORDED_IDENTITY, subject: 'https://builds.example/mallory' }];
  const cases = RECORDED_NAMES.flatMap((name) => {
    const [ours, others] = isKey(name)
      ? [byKey, { keys: [{ pem: imageKey().pem }] }]
      : [byIdentity, { ...byIdentity, keyless }];
    const image = nameOf(name);
    return [
      [name, { image, images: { digests: true, signatures: ours } }],
      [`${name}-not`, { image, images: { digests: true, signatures: others } }],
    ];
  });
  return Object.fromEntries(cases) as Record<string, Case>;
}

/** An image beside which stands what was signed of another one. */
async function moved(): Promise<Case> {
  const name = 'v2-tags-key';
  const { manifests, digest } = recorded.images[name];
  const other = await registry.image(`shop/${name}`);
  const tagOf = (one: string): string => `${one.replace(':', '-')}.sig`;
  const signature = manifests.filter(({ reference }) => reference === tagOf(digest));
  const put = signature.map((one) => ({ ...one, reference: tagOf(other.digest) }));
  await registry.pushRecorded(`shop/${name}`, { blobs: [], manifests: put });
  return { image: other.name, images: { signatures: byKey } };
}

const REPORTED = ['v2-tags-key', 'v3-bundles-identity'] as const;

function reports(): Record<string, Case> {
  const cases = REPORTED.flatMap((name) => {
    const signedBy = isKey(name) ? byKey : byIdentity;
    const wanted = { old: ['72h', 'High'], bad: [ANY_AGE, 'Medium'], good: [ANY_AGE, 'High'] };
    return Object.entries(wanted).map(([unit, [maxAge, maxSeverity]]) => {
      return [
        `${name}-${unit}`,
        { image: nameOf(name), images: { vulnerabilities: { maxAge, maxSeverity, signedBy } } },
      ];
    });
  });
  return Object.fromEntries(cases) as Record<string, Case>;
}

async function isHeld(unit: string, words: RegExp): Promise<void> {
  await world.until(world.unitKey(unit), `be held: ${String(words)}`, (object) => {
    const ready = condition(object, 'Ready');
    return ready?.reason === 'Gated' && words.test(ready.message);
  });
}

test.each(RECORDED_NAMES)('what cosign signed passes by who signed it, and by nobody else: %s', async (name) => {
  await world.applied(name, revision);
  const why = isKey(name) ? 'a key that is not trusted$' : `${RECORDED_IDENTITY.subject} \\(.*\\) may not sign$`;
  await isHeld(`${name}-not`, new RegExp(`^refused by images/signatures in \\S+: image \\S+ is not signed .*${why}`));
});

test('what cosign signed says nothing of another image that it is put beside', async () => {
  await isHeld('moved', /^refused by images\/signatures in \S+: image \S+ is not signed .*it is about another image$/);
  expect((await world.get(world.unitKey('moved')))?.['status']).not.toHaveProperty('lastAppliedRevision');
});

test.each(REPORTED)('a report that cosign attested is read for its age and for what was found: %s', async (name) => {
  await isHeld(
    `${name}-old`,
    /^waits for a vulnerability report .* that is newer than 72h: the newest is of 2025-01-01T12:00:00/,
  );
  await isHeld(
    `${name}-bad`,
    /^refused by images\/vulnerabilities in \S+: image \S+ has vulnerabilities above Medium, by the report of 2025-01-01\S+: CVE-2026-1 \(High\)$/,
  );
  await world.applied(`${name}-good`, revision);
});

test('nothing went wrong beside', async () => {
  expect(await world.problems()).toEqual([]);
});
