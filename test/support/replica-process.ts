import { parseArgs } from 'node:util';
import { launchAgent, Metrics } from '@plumb/agent';
import { connect } from '@plumb/kube';

/** A replica as a process of its own, so that a scenario can kill or stop it. Each line it prints is news of the replicas, as JSON. */
const { values } = parseArgs({
  options: {
    kubeconfig: { type: 'string', default: '' },
    namespace: { type: 'string', default: '' },
    name: { type: 'string', default: '' },
    selector: { type: 'string', default: '' },
    dir: { type: 'string', default: '' },
    engine: { type: 'string', default: '' },
    duration: { type: 'string', default: '15000' },
    artifacts: { type: 'string', default: '' },
  },
});

const print = (news: object): void => console.log(JSON.stringify({ at: Date.now(), ...news }));
const duration = Number(values.duration);
const cluster = await connect({ kubeconfig: values.kubeconfig, userAgent: values.name });
const agent = await launchAgent({
  cluster,
  metrics: new Metrics(),
  dataDir: values.dir,
  enginePath: values.engine,
  instance: values.name,
  host: '127.0.0.1',
  artifactPort: 0,
  metricsPort: 0,
  healthPort: 0,
  // Where artifacts of others are, whatever their URLs say.
  ...(values.artifacts === '' ? {} : { sourceHostOverride: values.artifacts }),
  namespace: values.namespace,
  labelSelector: values.selector,
  leaseNamespace: values.namespace,
  leaseTimes: { duration, renewDeadline: (duration * 2) / 3, renewEvery: duration / 3 },
  onMember: print,
  onFault: (what, error) => print({ event: 'fault', what, error: String(error) }),
});
process.on('SIGTERM', () => {
  void agent
    .close()
    .then(() => cluster.close())
    .then(() => process.exit(0));
});
process.stdin.on('end', () => process.exit(0)).resume();
