/** A moment as Kubernetes writes it (metav1.Time): RFC 3339 in UTC, whole seconds. */
export function formatTime(moment: Date): string {
  return `${moment.toISOString().slice(0, 19)}Z`;
}
