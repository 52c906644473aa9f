import type { KindRef, KubeObject } from '@plumb/api';
import type { Cluster, Sink } from '@plumb/kube';

import { KeyedPool } from './keyed-pool.ts';

export const CLAIM: KindRef = { group: '', version: 'v1', kind: 'PersistentVolumeClaim' };
const VOLUME: KindRef = { group: '', version: 'v1', kind: 'PersistentVolume' };
const STORAGE_CLASS = 'sandbox';
const PROVISIONER = 'sandbox.plumb.dev/volumes';

/** The default StorageClass: claims are bound at once. */
export const storageClass: KubeObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: STORAGE_CLASS, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: PROVISIONER,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'Immediate',
};

interface Claim {
  metadata: KubeObject['metadata'];
  spec: {
    storageClassName?: string;
    volumeName?: string;
    accessModes?: string[];
    volumeMode?: string;
    resources?: { requests?: { storage?: string } };
  };
}

/** The volume made for a claim; the controller-manager's binder joins the two. */
function volumeFor(object: KubeObject): KubeObject | null {
  const claim = object as unknown as Claim;
  const { name, namespace, uid } = claim.metadata;
  if (claim.spec.storageClassName !== STORAGE_CLASS || (claim.spec.volumeName ?? '') !== '' || uid === undefined)
    return null;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volumeName(uid), annotations: { 'pv.kubernetes.io/provisioned-by': PROVISIONER } },
    spec: {
      storageClassName: STORAGE_CLASS,
      capacity: { storage: claim.spec.resources?.requests?.storage ?? '1Gi' },
      accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
      volumeMode: claim.spec.volumeMode ?? 'Filesystem',
      // The provisioner itself removes it with its claim: nothing in the controller-manager could.
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
      hostPath: { path: `/sandbox/volumes/${uid}` },
    },
  };
}

/** Gives every claim on the default class a volume, and takes the volume away with the claim. */
export class Volumes implements Sink {
  readonly #cluster: Cluster;
  readonly #claims = new Map<string, KubeObject>();
  readonly #pool: KeyedPool;

  constructor(cluster: Cluster, onError: (error: unknown, claim: string) => void) {
    this.#cluster = cluster;
    this.#pool = new KeyedPool({ width: 8, handle: (uid) => this.#handle(uid), onError });
  }

  upsert(claim: KubeObject): void {
    const uid = claim.metadata.uid ?? '';
    this.#claims.set(uid, claim);
    this.#pool.add(uid);
  }

  remove(last: KubeObject): void {
    const uid = last.metadata.uid ?? '';
    this.#claims.delete(uid);
    this.#pool.add(uid);
  }

  synced(): void {
    // Every claim is worked on as it comes.
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #handle(uid: string): Promise<void> {
    const claim = this.#claims.get(uid);
    if (claim === undefined) {
      await this.#cluster.delete({ ...VOLUME, namespace: '', name: volumeName(uid) });
      return;
    }
    const volume = volumeFor(claim);
    if (volume !== null) await this.#cluster.create(volume);
  }
}

function volumeName(uid: string): string {
  return `pvc-${uid}`;
}
