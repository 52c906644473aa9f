import { readFile } from 'node:fs/promises';
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import type { Measurement } from './cases.ts';
import { costBetween, round } from './agent-process.ts';
import { unitFiles } from './content.ts';
import type { Stage } from './stage.ts';
import { NAMESPACE } from './stage.ts';

const IN_FLIGHT = 64;
/** Where each kind of the units' files is served. */
const RESOURCES: Readonly<Record<string, string>> = {
  ConfigMap: `/api/v1/namespaces/${NAMESPACE}/configmaps`,
  ServiceAccount: `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`,
  Service: `/api/v1/namespaces/${NAMESPACE}/services`,
  Deployment: `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`,
};

interface Body {
  path: string;
  text: string;
}

/**
 * The yardstick of a machine's hour: the objects of a first sync under other names, dry run and applied by a bare script over one HTTP/2 connection,
 * which knows nothing of Git, order, health or status. A first sync is told in these, so that hours of different speed compare.
 */
export async function bareApplies(stage: Stage, firstSync: Measurement): Promise<Measurement> {
  const bodies = bodiesOf(firstSync.units);
  const before = await stage.agent.spent();
  const session = await sessionOf(stage.kubeconfig);
  const cpu = process.cpuUsage();
  const dryRuns = await timed(() => applyAll(session, bodies, '&dryRun=All'));
  const applies = await timed(() => applyAll(session, bodies, ''));
  const { user, system } = process.cpuUsage(cpu);
  session.close();
  const times = {
    'dry runs s': round(dryRuns),
    'applies s': round(applies),
    'own CPU s': round((user + system) / 1_000_000),
    'first sync in these': round((firstSync.times['all Ready s'] ?? 0) / (dryRuns + applies)),
  };
  return { case: 'bare applies', units: firstSync.units, times, ...costBetween(before, await stage.agent.spent()) };
}

function bodiesOf(units: number): Body[] {
  return Object.values(unitFiles(units)).map((file) => {
    const text = file.replaceAll('app-', 'bare-');
    const [, kind = '', name = ''] = /^kind: (\w+)$[^]*?^  name: (\S+)$/m.exec(text) ?? [];
    return { path: `${RESOURCES[kind]}/${name}`, text };
  });
}

async function sessionOf(kubeconfig: string): Promise<ClientHttp2Session> {
  const config = JSON.parse(await readFile(kubeconfig, 'utf8')) as {
    clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
    users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
  };
  const [cluster, user] = [config.clusters[0]?.cluster, config.users[0]?.user];
  if (cluster === undefined || user === undefined) throw new Error(`${kubeconfig} names no cluster or no user`);
  const decoded = (text: string): Buffer => Buffer.from(text, 'base64');
  return connect(cluster.server, {
    ca: decoded(cluster['certificate-authority-data']),
    cert: decoded(user['client-certificate-data']),
    key: decoded(user['client-key-data']),
  });
}

async function applyAll(session: ClientHttp2Session, bodies: readonly Body[], query: string): Promise<void> {
  const left = bodies.values();
  const worker = async (): Promise<void> => {
    for (const body of left) await apply(session, body, query);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

function apply(session: ClientHttp2Session, { path, text }: Body, query: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'PATCH',
      [constants.HTTP2_HEADER_PATH]: `${path}?fieldManager=bare&force=true${query}`,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/apply-patch+yaml',
    });
    let status = 0;
    stream.once('response', (headers) => (status = Number(headers[':status'])));
    stream.once('error', reject);
    stream.once('end', () => (status < 300 ? resolve() : reject(new Error(`${path} was answered ${status}`))));
    stream.resume();
    stream.end(text);
  });
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}
