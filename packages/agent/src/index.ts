export { startAgent, type Agent, type AgentOptions } from './agent.ts';
export { Metrics } from './runtime/metrics.ts';
export type { MemberNews } from './runtime/members.ts';
export type { Telling } from './runtime/finisher.ts';
export { serveText, type TextServer } from './runtime/http-server.ts';
export { launchAgent, requestCounter, type LaunchedAgent, type LaunchOptions } from './launch.ts';
