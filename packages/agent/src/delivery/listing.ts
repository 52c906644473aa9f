import type { Observed } from '@plumb/core';
import { compareVersions } from '../runtime/versions.ts';

/**
 * What one watch is told by a list that is coming in. A list shows everything up to its version: what is known of an older version and
 * looks older in the list, or is not in it, shows that the server's history was set back, or that an event never came.
 */
export class Listing {
  #version: string | null = null;
  #rewound = false;

  begin(version: string, rewound: boolean): void {
    this.#version = version;
    this.#rewound = rewound;
  }

  end(): void {
    this.#version = null;
    this.#rewound = false;
  }

  /** That of the list that is coming in; null when none is. */
  get version(): string | null {
    return this.#version;
  }

  /** Whether the list knows better than what is known; events of the watch never do, being older by accident only. */
  overrules(known: Observed): boolean {
    if (this.#version === null) return false;
    return this.#rewound || compareVersions(known.resourceVersion, this.#version) <= 0;
  }
}
