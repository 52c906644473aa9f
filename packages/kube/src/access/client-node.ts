/** The only place that touches @kubernetes/client-node. It costs 300 ms and 85 MB, so it is loaded when a kubeconfig runs a plugin, and not before. */
export function loadClientNode(): Promise<typeof import('@kubernetes/client-node')> {
  return import('@kubernetes/client-node');
}
