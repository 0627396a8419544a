import { numbered } from '../case.ts';
import type { NumberedCase } from '../case.ts';
import type { Bench } from './bench.ts';
import { applicationCases } from './sections/applications.ts';
import { boundCases } from './sections/bounds.ts';
import { compressionCases } from './sections/compression.ts';
import { controlCases } from './sections/control.ts';
import { decodingCases } from './sections/decoding.ts';
import { headerCases } from './sections/header.ts';
import { helloEncodingCases } from './sections/hello-encoding.ts';
import { helloFieldCases } from './sections/hello-fields.ts';
import { messageCases } from './sections/messages.ts';
import { misbehaviourCases } from './sections/misbehaviour.ts';
import { streamCases } from './sections/streams.ts';
import { timeLimitCases } from './sections/time-limits.ts';
import { transportCases } from './sections/transport.ts';

/** Everything that is tried on a server, in the order of the specification. */
export const SERVER_CASES: readonly NumberedCase<Bench>[] = numbered([
  ...transportCases,
  ...headerCases,
  ...decodingCases,
  ...helloEncodingCases,
  ...helloFieldCases,
  ...controlCases,
  ...messageCases,
  ...streamCases,
  ...misbehaviourCases,
  ...timeLimitCases,
  ...boundCases,
  ...compressionCases,
  ...applicationCases,
]);
