import { defineReject } from '@omnigate/kernel/wire';

/** The reasons of the client library beside those that the wire already has (specs/oap-1.md §14). */
export const SdkReject = {
  cap_unavailable: defineReject(
    'cap_unavailable',
    401,
    false,
    'L',
    'Let the function given as cap answer with a good capability, such as one made with `ronctl cap mint`.',
  ),
  lease_lost: defineReject(
    'lease_lost',
    409,
    false,
    'L',
    'Let the message go, and ask for a longer lease when the work takes longer than expected.',
  ),
  blob_unverified: defineReject(
    'blob_unverified',
    500,
    false,
    'L',
    'Do not use the bytes; ask again, or another node, and find out what lies between.',
  ),
} as const;
