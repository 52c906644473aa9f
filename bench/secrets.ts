import { SopsBench } from '@plumb/testkit';
import type { Measurement } from './cases.ts';
import { firstSync, idleRun } from './cases.ts';
import { unitFiles, unitList } from './content.ts';
import type { Files, Stage, Unit } from './stage.ts';
import { NAMESPACE } from './stage.ts';

/** What the units of one comparison have beside their four objects. */
export interface Guarded {
  files: Files;
  units: readonly Unit[];
  /** What their build refers to. */
  objects: readonly { kind: 'Secret' | 'ConfigMap'; name: string; stringData?: object; data?: object }[];
}

/** Each unit has a Secret as everybody may read it, and nothing to put in. */
export function plainSecrets(units: number, interval: string): Guarded {
  const files: Record<string, string> = { ...unitFiles(units) };
  for (let unit = 0; unit < units; unit++) files[secretPath(unit)] = secretOf(unit);
  return { files, units: unitList(units, interval), objects: [] };
}

/** The same Secrets encrypted with age, and a variable in each ConfigMap. */
export function guardedSecrets(units: number, interval: string): Guarded {
  using sops = new SopsBench();
  const { recipient, file: key } = sops.ageKey();
  const flags = ['--age', recipient, '--encrypted-regex', '^(data|stringData)$'];
  const files: Record<string, string> = { ...unitFiles(units) };
  for (let unit = 0; unit < units; unit++) {
    files[secretPath(unit)] = sops.encrypt(secretOf(unit), { format: 'yaml', flags }).toString('utf8');
    const config = `units/${unit}/config.yaml`;
    files[config] = `${files[config] ?? ''}  region: \${region}\n`;
  }
  const spec = {
    decryption: { provider: 'sops', secretRef: { name: 'age' } },
    postBuild: { substituteFrom: [{ kind: 'ConfigMap', name: 'vars' }] },
  };
  return {
    files,
    units: unitList(units, interval).map((unit) => ({ ...unit, spec })),
    objects: [
      { kind: 'Secret', name: 'age', stringData: { 'key.agekey': key } },
      { kind: 'ConfigMap', name: 'vars', data: { region: 'eu' } },
    ],
  };
}

/** First sync of such units, then a commit that concerns none of them: nothing may be decrypted for it. */
export async function secretsCases(stage: Stage, name: string, guarded: Guarded): Promise<Measurement[]> {
  for (const { kind, name: objectName, ...fields } of guarded.objects)
    await stage.cluster.create({
      apiVersion: 'v1',
      kind,
      metadata: { name: objectName, namespace: NAMESPACE },
      ...fields,
    });
  const first = await firstSync(stage, guarded.units);
  const idle = await idleRun(stage, guarded.units.length);
  return [
    { ...first, case: `first sync, ${name}` },
    { ...idle, case: `commit elsewhere, ${name}` },
  ];
}

/** Times the CPU, and the time, of plain units that encrypted ones may take. */
const LARGEST_RATIO = 1.5;
/** CPU seconds, as a share of a first sync's, that no commit elsewhere may cost the helpers: one decryption of all units takes more. */
const LARGEST_IDLE_SHARE = 0.1;

/** Says what encryption costs. @throws when it is more than it may be, or when something is decrypted that did not change */
export function judgeSecrets([plain, , encrypted, elsewhere]: readonly Measurement[]): void {
  if (plain === undefined || encrypted === undefined || elsewhere === undefined) throw new Error('a case is missing');
  const ratio = encrypted.cpuSeconds / plain.cpuSeconds;
  const timeRatio = (encrypted.times['all Ready s'] ?? NaN) / (plain.times['all Ready s'] ?? NaN);
  const idleShare = elsewhere.childrenCpuSeconds / encrypted.childrenCpuSeconds;
  process.stdout.write(
    `  encrypted to plain  ${ratio.toFixed(2)} times the CPU, ${timeRatio.toFixed(2)} times the time; ${idleShare.toFixed(2)} of the helpers' for a commit elsewhere\n`,
  );
  if (!(Math.max(ratio, timeRatio) <= LARGEST_RATIO))
    throw new Error(`encrypted units take more than ${LARGEST_RATIO} times the CPU or the time of plain ones`);
  if (idleShare > LARGEST_IDLE_SHARE) throw new Error('a commit that concerns no unit made the helpers work');
}

const secretPath = (unit: number): string => `units/${unit}/secret.yaml`;

function secretOf(unit: number): string {
  return `apiVersion: v1\nkind: Secret\nmetadata:\n  name: app-${unit}\n  namespace: ${NAMESPACE}\nstringData:\n  token: token-${unit}\n`;
}
