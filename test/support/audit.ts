import { readFile } from 'node:fs/promises';

/** A change that was carried out at the API server, by its audit log. Times in milliseconds since the epoch, with fractions. */
export interface AuditedWrite {
  user: string;
  verb: string;
  resource: string;
  namespace: string;
  name: string;
  from: number;
  to: number;
}

interface AuditEvent {
  verb: string;
  requestURI: string;
  user: { username: string };
  objectRef?: { resource?: string; namespace?: string; name?: string; subresource?: string };
  responseStatus?: { code?: number };
  requestReceivedTimestamp: string;
  stageTimestamp: string;
}

const CHANGING = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** Every change by these users that succeeded, in order of arrival; dry runs change nothing. */
export async function auditedWrites(path: string, users: readonly string[]): Promise<AuditedWrite[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ verb, user, requestURI }) => {
      return CHANGING.has(verb) && users.includes(user.username) && !requestURI.includes('dryRun=All');
    })
    .filter(({ responseStatus }) => (responseStatus?.code ?? 500) < 300)
    .map(({ verb, user, objectRef, requestReceivedTimestamp, stageTimestamp }) => ({
      user: user.username,
      verb,
      resource: objectRef?.resource ?? '',
      namespace: objectRef?.namespace ?? '',
      name: objectRef?.name ?? '',
      from: fine(requestReceivedTimestamp),
      to: fine(stageTimestamp),
    }))
    .sort((a, b) => a.from - b.from);
}

/** Microseconds count here. */
function fine(time: string): number {
  const [whole = '', fraction = '0'] = time.replace('Z', '').split('.');
  return Date.parse(`${whole}Z`) + Number(`0.${fraction}`) * 1_000;
}
