import type { Environment } from '../token.ts';

/** Where Azure answers: URLs without a slash at the end. */
export interface AzureEndpoints {
  /** Microsoft Entra ID. */
  login: string;
  /** Azure Resource Manager. */
  management: string;
  /** The instance's metadata. */
  metadata: string;
}

/** Each cloud has its own resource manager; AZURE_AUTHORITY_HOST says which cloud it is. */
const MANAGEMENT: readonly (readonly [login: RegExp, management: string])[] = [
  [/chinacloudapi\.cn/, 'https://management.chinacloudapi.cn'],
  [/microsoftonline\.us/, 'https://management.usgovcloudapi.net'],
];

export function azureEndpoints({ AZURE_AUTHORITY_HOST: host }: Environment): AzureEndpoints {
  const login = (host ?? 'https://login.microsoftonline.com').replace(/\/$/, '');
  const management = MANAGEMENT.find(([pattern]) => pattern.test(login))?.[1] ?? 'https://management.azure.com';
  return { login, management, metadata: 'http://169.254.169.254' };
}
