import { join } from 'node:path';
import type { UnitRef } from '@plumb/api';
import { userError } from '@plumb/api';

/** Where things lie below the folder of the sources. */
export class Layout {
  readonly root: string;
  /** What the artifact server shows. */
  readonly artifacts: string;
  /** Emptied at every start. */
  readonly scratch: string;

  constructor(root: string) {
    this.root = root;
    this.artifacts = artifactsDir(root);
    this.scratch = join(root, 'scratch');
  }

  /** `gitrepository/<namespace>/<name>`. @throws PlumbError `invalid-path` for what is no Kubernetes name */
  place(source: UnitRef): string {
    const parts = [source.kind.toLowerCase(), source.namespace, source.name];
    for (const part of parts) {
      if (part.length > 253 || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(part) || part.includes('..')) {
        throw userError('invalid-path', `'${part.slice(0, 80)}' is not a name that a source can have`);
      }
    }
    return parts.join('/');
  }

  mirrors(source: UnitRef): string {
    return join(this.root, 'mirrors', this.place(source));
  }

  downloads(source: UnitRef): string {
    return join(this.root, 'downloads', this.place(source));
  }

  records(source: UnitRef): string {
    return join(this.root, 'records', `${this.place(source)}.json`);
  }
}

export function artifactsDir(root: string): string {
  return join(root, 'artifacts');
}
