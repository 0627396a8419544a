const ENTITY_TAG = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/** Whether `If-None-Match` has the tag, so that the client's copy is still good (RFC 9110 §13.1.2). */
export function noneMatchHas(field: string | undefined, etag: string): boolean {
  if (field === undefined) return false;
  return field.trim() === '*' || [...field.matchAll(ENTITY_TAG)].some(([, opaque]) => opaque === etag);
}

/** Whether a range may be served: without `If-Range`, or when that names exactly this tag. A date never does, for tiles have none (§13.1.5). */
export function ifRangeHolds(field: string | undefined, etag: string): boolean {
  return field === undefined || field.trim() === etag;
}
