import type { KeyPair } from './certificate.ts';

export interface KubeconfigInput {
  /** `https://127.0.0.1:6443` */
  url: string;
  /** PEM of the certificate authority. */
  authority: string;
  user: string;
  client: KeyPair;
}

/** A kubeconfig (kubectl's `v1 Config`) holding everything inline. Written as JSON, which every YAML reader takes. */
export function kubeconfig({ url, authority, user, client }: KubeconfigInput): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'plumb',
    contexts: [{ name: 'plumb', context: { cluster: 'plumb', user } }],
    clusters: [{ name: 'plumb', cluster: { server: url, 'certificate-authority-data': base64(authority) } }],
    users: [
      {
        name: user,
        user: { 'client-certificate-data': base64(client.certificate), 'client-key-data': base64(client.key) },
      },
    ],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
