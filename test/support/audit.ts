import { readFile } from 'node:fs/promises';

/** A request that the API server answered, by its audit log. Times in milliseconds since the epoch, with fractions. */
export interface AuditedRequest {
  user: string;
  /** Whom it acted as; empty: as itself. */
  as: string;
  verb: string;
  resource: string;
  namespace: string;
  name: string;
  status: number;
  dryRun: boolean;
  from: number;
  to: number;
}

interface AuditEvent {
  verb: string;
  requestURI: string;
  user: { username: string };
  impersonatedUser?: { username: string };
  objectRef?: { resource?: string; namespace?: string; name?: string; subresource?: string };
  responseStatus?: { code?: number };
  requestReceivedTimestamp: string;
  stageTimestamp: string;
}

const CHANGING = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** Every request by these users, in order of arrival. One that lasts is there once it has ended. */
export async function auditedRequests(path: string, users: readonly string[]): Promise<AuditedRequest[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ user }) => users.includes(user.username))
    .map(({ verb, user, impersonatedUser, requestURI, objectRef, responseStatus, ...times }) => ({
      user: user.username,
      as: impersonatedUser?.username ?? '',
      verb,
      resource: objectRef?.resource ?? '',
      namespace: objectRef?.namespace ?? '',
      name: objectRef?.name ?? '',
      status: responseStatus?.code ?? 500,
      dryRun: requestURI.includes('dryRun=All'),
      from: fine(times.requestReceivedTimestamp),
      to: fine(times.stageTimestamp),
    }))
    .sort((a, b) => a.from - b.from);
}

/** Whether it changed something. */
export function isWrite({ verb, status, dryRun }: AuditedRequest): boolean {
  return CHANGING.has(verb) && status < 300 && !dryRun;
}

/** Microseconds count here. */
function fine(time: string): number {
  const [whole = '', fraction = '0'] = time.replace('Z', '').split('.');
  return Date.parse(`${whole}Z`) + Number(`0.${fraction}`) * 1_000;
}
