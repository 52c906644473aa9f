import type { Json } from '@plumb/api';

// Documents of others, in which any field may be missing or of another kind than it should be.

export type Fields = Readonly<Record<string, Json | undefined>>;

export function asRecord(value: Json | undefined): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

export function asList(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

export function asText(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
