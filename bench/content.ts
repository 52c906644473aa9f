import type { Files, Unit } from './stage.ts';
import { NAMESPACE } from './stage.ts';

/** N directories of four objects each: a ConfigMap, a ServiceAccount, a headless Service and a Deployment scaled to zero. */
export function unitFiles(units: number): Files {
  const files: Record<string, string> = {};
  for (let unit = 0; unit < units; unit++) {
    files[configPath(unit)] = configOf(unit, 'first');
    files[`units/${unit}/account.yaml`] = accountOf(unit);
    files[`units/${unit}/service.yaml`] = serviceOf(unit);
    files[`units/${unit}/deployment.yaml`] = deploymentOf(unit);
  }
  return files;
}

export function unitList(units: number, interval: string): Unit[] {
  return Array.from({ length: units }, (_, unit) => ({ name: `unit-${unit}`, path: `./units/${unit}`, interval }));
}

export const configPath = (unit: number): string => `units/${unit}/config.yaml`;
export const configName = (unit: number): string => `app-${unit}`;

export function configOf(unit: number, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app-${unit}\n  namespace: ${NAMESPACE}\ndata:\n  value: ${JSON.stringify(value)}\n`;
}

/** One directory of many ConfigMaps, a hundred in each file. */
export function largeFiles(dir: string, objects: number): Files {
  const files: Record<string, string> = {};
  for (let first = 0; first < objects; first += 100) {
    const documents = Array.from({ length: Math.min(100, objects - first) }, (_, index) =>
      largeConfig(dir, first + index),
    );
    files[`${dir}/part-${first / 100}.yaml`] = documents.join('---\n');
  }
  return files;
}

function largeConfig(dir: string, index: number): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${dir}-${index}\n  namespace: ${NAMESPACE}\ndata:\n  index: "${index}"\n  text: ${'x'.repeat(100)}\n`;
}

function accountOf(unit: number): string {
  return `apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: app-${unit}\n  namespace: ${NAMESPACE}\n`;
}

function serviceOf(unit: number): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: app-${unit}
  namespace: ${NAMESPACE}
spec:
  clusterIP: None
  selector: { app: app-${unit} }
  ports: [{ name: http, port: 80 }]
`;
}

function deploymentOf(unit: number): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-${unit}
  namespace: ${NAMESPACE}
spec:
  replicas: 0
  selector: { matchLabels: { app: app-${unit} } }
  template:
    metadata: { labels: { app: app-${unit} } }
    spec:
      serviceAccountName: app-${unit}
      containers:
        - name: app
          image: shop/app:1.0
          ports: [{ name: http, containerPort: 8080 }]
          resources: { requests: { cpu: 10m, memory: 32Mi } }
`;
}
