// A small client that makes one deliberate mistake, named by its argument.
import { connect } from 'node:net';

const [, , bug] = process.argv;
const { hostname, port } = new URL(process.env.RON_NODE_URL);
const rounds = process.env.OAPSPEC_REQUESTS.split(',').map((round) => round.split('+').map(Number));
const socket = connect({ host: hostname, port: Number(port) });
let unread = Buffer.alloc(0);
let corr = 0n;
const waiting = new Map();

function frame(flags, app, code, number, payload) {
  const header = Buffer.alloc(38);
  header.writeUInt32BE(38 + payload.length);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(flags, 6);
  header.writeUInt16BE(code, 8);
  header.writeUInt16BE(app, 10);
  header.writeBigUInt64BE(number, 30);
  return Buffer.concat([header, payload]);
}

function ask(app, payload) {
  const number = bug === 'one-corr-id' ? BigInt(app) : corr++;
  const flags = app === 1 && bug === 'no-start' ? 17 : 25;
  socket.write(frame(flags, app, 0, number, payload));
  return new Promise((resolve) => waiting.set(number, { resolve }));
}

function onFrame(bytes) {
  const number = bug === 'trusts-order' ? [...waiting.keys()][0] : bytes.readBigUInt64BE(30);
  if (bug === 'answers-a-resp') socket.write(frame(26, 1, 400, number, Buffer.alloc(0)));
  waiting.get(number)?.resolve(bytes);
  waiting.delete(number);
}

socket.on('data', (chunk) => {
  unread = Buffer.concat([unread, chunk]);
  while (unread.length >= 38 && unread.length >= unread.readUInt32BE(0)) {
    const bytes = unread.subarray(0, unread.readUInt32BE(0));
    if (bytes.readUInt16BE(4) !== 1 && bug !== 'ignores-faults') return socket.destroy();
    unread = unread.subarray(bytes.length);
    onFrame(bytes);
  }
});
socket.on('close', () => {
  for (const { resolve } of waiting.values()) resolve(undefined);
});

async function tryOne(bytes) {
  const payload = Buffer.alloc(bytes).map((_, at) => at % 251);
  const reply = await ask(1, payload);
  return reply !== undefined && payload.equals(reply.subarray(38)) ? 'ok' : 'error connection_lost';
}

const hello = bug === 'small-window' ? '{"initial_window":10}' : '{}';
const welcome = await ask(bug === 'no-hello' ? 1 : 0, Buffer.from(hello));
const version = welcome && JSON.parse(welcome.subarray(38)).version;
for (const round of rounds) {
  const good = version === 1 || bug === 'ignores-version';
  for (const line of await Promise.all(round.map((bytes) => (good ? tryOne(bytes) : 'error bad_response')))) process.stdout.write(`${line}\n`);
}
socket.end();
