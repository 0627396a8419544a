// The SDK as a client under test: makes the requests of OAPSPEC_REQUESTS and says of each what came of it.
import { fileURLToPath } from 'node:url';
import { connect } from '@omnigate/sdk';

const DEADLINE_MS = 12_000;

/**
 * Makes echo requests as the README of this package says.
 *
 * @param {string} url
 * @param {string} requests
 * @returns {Promise<string[]>} a line for each
 */
export async function tryRequests(url, requests) {
  const rounds = requests.split(',').map((round) => round.split('+').map(Number));
  const lines = [];
  try {
    const client = await connect({ url, compression: true, windowBytes: 65_536, deadlineMs: DEADLINE_MS });
    for (const round of rounds) lines.push(...(await Promise.all(round.map((bytes) => tryOne(client, bytes)))));
    await client.close();
  } catch (error) {
    while (lines.length < rounds.flat().length) lines.push(`error ${error.reason}`);
  }
  return lines;
}

async function tryOne(client, bytes) {
  const payload = Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => at % 251));
  try {
    const { payload: echo } = await client.request(1, 0, payload);
    return payload.equals(echo) ? 'ok' : 'error other_bytes';
  } catch (error) {
    return `error ${error.reason}`;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = await tryRequests(process.env.RON_NODE_URL, process.env.OAPSPEC_REQUESTS);
  process.stdout.write(`${lines.join('\n')}\n`);
}
