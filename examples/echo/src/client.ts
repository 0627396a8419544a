import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { connect } from '@omnigate/sdk';

const APP = 40_000;
const WHOLE = 0;
const STREAMED = 1;

// The node is RON_NODE_URL; with oaps://, RON_CA_FILE names who vouches for it.
await using client = await connect();

const { payload } = await client.request(APP, WHOLE, Buffer.from('hello'));
console.log('whole:', Buffer.from(payload).toString());

const parts = [Buffer.from('one '), Buffer.from('by '), Buffer.from('one')];
const received: Uint8Array[] = [];
for await (const part of client.stream(APP, STREAMED, { body: parts })) received.push(part);
console.log('streamed:', Buffer.concat(received).toString());

// End to end: only those who share the key can read it; node and service carry it as it is.
const key = randomBytes(32);
const nonce = randomBytes(12);
const seal = createCipheriv('aes-256-gcm', key, nonce);
const sealed = Buffer.concat([seal.update('secret'), seal.final()]);
const reply = await client.request(APP, WHOLE, sealed, { appE2e: true });
const open = createDecipheriv('aes-256-gcm', key, nonce).setAuthTag(seal.getAuthTag());
console.log('end to end:', Buffer.concat([open.update(reply.payload), open.final()]).toString());
