import type { AgentOptions } from '@plumb/agent';

type Kinds = NonNullable<AgentOptions['customStageKinds']>;

/** The parts of a list with commas; blanks around them and empty ones do not count. */
export function partsOf(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  return parts.filter((part) => part !== '');
}

/**
 * Kinds as `group/Kind`, those of the core group as `Kind`, with commas between them.
 * @throws Error that names the first part that is neither
 */
export function kindsOf(text: string): Kinds {
  return partsOf(text).map((part) => {
    const [, group = '', kind = ''] = /^(?:([a-z0-9.-]+)\/)?([A-Z][A-Za-z0-9]*)$/.exec(part) ?? [];
    if (kind === '') throw new Error(`'${part}' is not a kind as in rbac.authorization.k8s.io/Role`);
    return { group, kind };
  });
}
