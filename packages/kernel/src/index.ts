export { openServicesOnly } from './admission.ts';
export type { Admission, ConnectionAdmission, MessageFacts, Peer, Permit, Refusal, TlsSession } from './admission.ts';
export { LocalBus } from './bus.ts';
export type { Bus, LocalRoute, Route, Subscription } from './bus.ts';
export { Call } from './call.ts';
export type { CallResult } from './call.ts';
export { monotonicClock } from './clock.ts';
export type { Clock } from './clock.ts';
export { defineService } from './define-service.ts';
export type { Operation, ServiceDefinition } from './define-service.ts';
export { DRAIN_ACCEPT_MS, DRAIN_TIMEOUT_MS, IDLE_TIMEOUT_MS, RETRY_AFTER_MS_MAX, RETRY_AFTER_MS_MIN } from './limits.ts';
export { createLogger, LOG_LEVELS } from './logger.ts';
export type { Logger, LoggerOptions, LogLevel } from './logger.ts';
export { Histogram, MetricName, Metrics } from './metrics.ts';
export { DEFAULT_CONNECTION_LIMITS } from './net/connection-limiter.ts';
export type { ConnectionLimits } from './net/connection-limiter.ts';
export { dial } from './net/dial.ts';
export type { DialTlsOptions } from './net/dial.ts';
export type { ListenAddress } from './net/listener.ts';
export type { TlsFiles } from './net/tls.ts';
export type { Transport, TransportEvents } from './net/transport.ts';
export type { PayloadCodec } from './payload-codec.ts';
export { retryAfterMs } from './retry-after.ts';
export { OapServer } from './server.ts';
export type { DrainOptions, OapServerOptions } from './server.ts';
export type {
  RequestBody,
  Service,
  ServiceAccess,
  ServiceContext,
  ServiceFacts,
  ServiceHistogram,
  ServiceMetric,
  ServiceReply,
  ServiceRequest,
} from './service.ts';
export type { Subscriber } from './subscriber-queue.ts';
export { SERVICE_CRASHED_TOPIC, Supervisor } from './supervisor.ts';
export type { CrashReason, SupervisorOptions } from './supervisor.ts';
export { APP_CONTROL, defineReject, Flag, OapError, Reject, Status, tenantToHex } from './wire/index.ts';
