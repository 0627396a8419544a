import type { Address } from '../process/worker-protocol.ts';
import { EchoConnection } from './echo-connection.ts';
import type { Framing } from './framing.ts';
import { LoadMeter } from './load.ts';
import type { LoadPlan, LoadResult } from './load.ts';

/** Opens the connections of a raw load. */
export async function openRaw(
  address: Address,
  newFraming: () => Framing,
  connections: number,
  inFlight: number,
): Promise<EchoConnection[]> {
  return Promise.all(Array.from({ length: connections }, () => EchoConnection.open(address, newFraming(), inFlight)));
}

/** Keeps `inFlight` requests open on every connection until the plan is met, then waits for the last reply. */
export async function rawLoad(
  connections: readonly EchoConnection[],
  inFlight: number,
  plan: LoadPlan,
): Promise<LoadResult> {
  const meter = new LoadMeter(plan);
  let open = connections.length * inFlight;
  await new Promise<void>((resolve, reject) => {
    for (const connection of connections) {
      connection.onFailure = reject;
      connection.onReplies = (replies) => {
        meter.add(replies);
        if (meter.running) {
          connection.send(replies);
        } else {
          open -= replies;
          if (open === 0) resolve();
        }
      };
    }
    for (const connection of connections) connection.send(inFlight);
  });
  return meter.result();
}

/** Round-trip times of `requests` requests, one after the other, milliseconds. */
export async function rawRoundTrips(connection: EchoConnection, requests: number): Promise<Float64Array> {
  const latencies = new Float64Array(requests);
  let done = 0;
  await new Promise<void>((resolve, reject) => {
    let sentAt = 0;
    const send = (): void => {
      sentAt = performance.now();
      connection.send(1);
    };
    connection.onFailure = reject;
    connection.onReplies = () => {
      latencies[done++] = performance.now() - sentAt;
      if (done === requests) resolve();
      else send();
    };
    send();
  });
  return latencies;
}

/** Sends `frames` requests in one write, waits for all replies, and does so `bursts` times; returns the replies. */
export async function rawBursts(connection: EchoConnection, frames: number, bursts: number): Promise<number> {
  let replies = 0;
  await new Promise<void>((resolve, reject) => {
    connection.onFailure = reject;
    connection.onReplies = (more) => {
      replies += more;
      if (replies === frames * bursts) resolve();
      else if (replies % frames === 0) connection.send(frames);
    };
    connection.send(frames);
  });
  return replies;
}
