import { Client } from './client.ts';
import type { ConnectOptions } from './options.ts';

/**
 * Connects to a node and says HELLO. Fails at the first obstacle; once it
 * succeeded, the client connects again by itself whenever it has to.
 *
 * ```ts
 * await using client = await connect();
 * const reply = await client.request(1, 0, Buffer.from('hello'));
 * ```
 *
 * @throws OapError bad_url, connect_failed, cap_unavailable, tls_alpn, tls_client, cancelled, or what the node refused the HELLO with;
 *   `detail.kind` tells the causes of connect_failed apart
 * @throws TypeError when an option or `RON_CAP` is not what it must be
 */
export function connect(options: ConnectOptions = {}): Promise<Client> {
  return Client.connect(options);
}
