/** The verdicts of kstatus (cli-utils pkg/kstatus/status), in its own words. */
export type HealthStatus = 'Current' | 'InProgress' | 'Failed' | 'Terminating' | 'NotFound' | 'Unknown';

export interface Health {
  status: HealthStatus;
  /** What is awaited or what went wrong, as kstatus words it; empty for a plain Current. */
  message: string;
}
