import type { Metrics } from './metrics.ts';

/**
 * Tells of the memory of this process, by the names that Prometheus' clients use. What is resident holds what a burst of work left in the C library too,
 * which nothing gives back before the next burst takes it; what is used does not.
 */
export function measureProcess(metrics: Metrics): void {
  metrics.gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  metrics.gauge(
    'nodejs_heap_size_used_bytes',
    'What the JavaScript heap holds, garbage that is not collected yet included.',
    () => process.memoryUsage().heapUsed,
  );
  metrics.gauge(
    'nodejs_external_memory_bytes',
    'What JavaScript objects hold outside the heap: the bodies of what is declared, above all.',
    () => process.memoryUsage().external,
  );
}
