export { ALICE, cancel, ECHO, Field, frame, hello, request, withField, withLength } from './frames.ts';
export { Peer } from './peer.ts';
export { bomb, rle } from './zstd-bombs.ts';
