/** Manifests as people write them. */
export function namespace(name: string): string {
  return `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${name}\n`;
}

export function configMap(namespaceName: string, name: string, data: Readonly<Record<string, string>>): string {
  const lines = Object.entries(data).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`);
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: ${namespaceName}\ndata:\n${lines.join('')}`;
}

export function deployment(
  namespaceName: string,
  name: string,
  options: { image?: string; replicas?: number } = {},
): string {
  const { image = 'shop/app:1.0', replicas = 1 } = options;
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  namespace: ${namespaceName}
spec:
  replicas: ${replicas}
  selector:
    matchLabels: { app: ${name} }
  template:
    metadata:
      labels: { app: ${name} }
    spec:
      containers:
        - name: app
          image: ${image}
`;
}

export function serviceAccount(namespaceName: string, name: string): string {
  return `apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: ${name}\n  namespace: ${namespaceName}\n`;
}

export function secret(namespaceName: string, name: string, data: Readonly<Record<string, string>>): string {
  return configMap(namespaceName, name, data)
    .replace('kind: ConfigMap', 'kind: Secret')
    .replace('\ndata:', '\nstringData:');
}
