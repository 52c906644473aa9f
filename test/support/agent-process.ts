import { parseArgs } from 'node:util';
import { startAgent } from '@plumb/agent';
import { createEngine } from '@plumb/engine';
import { connect } from '@plumb/kube';
import { createDownloads, createGitSources } from '@plumb/sources';

/** An agent as a process of its own, so that a scenario can kill it. It prints a line when it has started, and ends with its standard input. */
const { values } = parseArgs({
  options: {
    kubeconfig: { type: 'string', default: '' },
    namespace: { type: 'string', default: '' },
    dir: { type: 'string', default: '' },
    engine: { type: 'string', default: '' },
    applies: { type: 'string', default: '16' },
    host: { type: 'string', default: '' },
  },
});

await startAgent({
  cluster: await connect({ kubeconfig: values.kubeconfig, userAgent: 'plumb-agent' }),
  sources: createGitSources({ dir: values.dir }),
  downloads: createDownloads({ dir: values.dir, ...(values.host === '' ? {} : { hostOverride: values.host }) }),
  engine: createEngine({ path: values.engine }),
  namespace: values.namespace,
  artifactHost: 'localhost',
  instance: 'test-process',
  concurrentApplies: Number(values.applies),
  onFault: (what, error) => console.error(`${what}: ${String(error)}`),
});
console.log('started');
process.stdin.on('end', () => process.exit(0)).resume();
