/** Names of the metrics that admission feeds; docs/METRICS.md explains each. */
export const GatewayMetricName = {
  QUOTA_EXHAUSTIONS: 'quota_exhaustions_total',
  QUOTA_ACCOUNTS: 'quota_accounts',
  CAPABILITY_VERIFICATIONS: 'capability_verifications_total',
  REVOCATION_SEQUENCE: 'revocation_sequence',
  SHED: 'shed_total',
  SHEDDING_LEVEL: 'shedding_level',
  APP_INFLIGHT: 'app_inflight',
  APP_INFLIGHT_LIMIT: 'app_inflight_limit',
  CERTIFICATE_EXPIRY: 'tls_certificate_expiry_timestamp_seconds',
} as const;
