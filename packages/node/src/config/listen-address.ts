import { isIPv6 } from 'node:net';
import type { ListenAddress } from '@omnigate/kernel';

const PORT_MAX = 65_535;

/**
 * Reads HOST:PORT, where HOST is a name, an IPv4 address, or an IPv6 address in
 * brackets. Port 0 lets the operating system choose.
 *
 * @throws Error that says what is wrong and how to write it
 */
export function parseListenAddress(text: string): ListenAddress {
  const like = 'write HOST:PORT, such as 127.0.0.1:6270 or [::1]:6270';
  if (text.includes('://')) throw new Error(`"${text}" is a URL; ${like}`);
  if (isIPv6(text)) throw new Error(`"${text}" has no port; ${like}`);
  const colon = text.lastIndexOf(':');
  if (colon < 0) throw new Error(`"${text}" lacks ${/^\d+$/.test(text) ? 'a host' : 'a port'}; ${like}`);
  const host = text.slice(0, colon);
  const port = text.slice(colon + 1);
  if (!/^\d{1,5}$/.test(port) || Number(port) > PORT_MAX) {
    throw new Error(`"${port}" in "${text}" is no port; use a number from 0 to ${PORT_MAX}`);
  }
  return { host: parseHost(host, text, like), port: Number(port) };
}

/** The way back: HOST:PORT, with brackets around an IPv6 address. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function parseHost(host: string, text: string, like: string): string {
  if (host === '') throw new Error(`"${text}" lacks a host; ${like}`);
  const bracketed = /^\[(.*)\]$/.exec(host)?.[1];
  if (bracketed !== undefined) {
    if (!isIPv6(bracketed)) throw new Error(`"${bracketed}" in "${text}" is no IPv6 address; ${like}`);
    return bracketed;
  }
  if (host.includes(':')) throw new Error(`"${text}" needs brackets around its IPv6 address; ${like}`);
  if (!/^[A-Za-z0-9._-]+$/.test(host)) throw new Error(`"${host}" in "${text}" is no host name; ${like}`);
  return host;
}
