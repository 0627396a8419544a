import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { TemporaryFolder } from './temporary-folder.ts';

/** PEM files of one certificate and its key. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Without it openssl looks for a configuration of the machine. */
const OPENSSL_CONFIG = '[req]\ndistinguished_name=name\n[name]\n';
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const NAMES = 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1';

/**
 * A private authority in a temporary folder, and certificates for whatever a
 * test needs: made by openssl, good for two days, gone with the folder.
 */
export class CertificateAuthority implements Disposable {
  /** PEM file of the authority. */
  readonly ca: string;
  readonly #folder = new TemporaryFolder();
  readonly #key: string;
  readonly #config: string;

  constructor() {
    this.#config = this.#folder.file('openssl.cnf');
    writeFileSync(this.#config, OPENSSL_CONFIG);
    this.ca = this.#folder.file('ca.pem');
    this.#key = this.#folder.file('ca.key');
    this.#openssl(
      ['req', '-x509', ...NEW_KEY, '-keyout', this.#key, '-out', this.ca, '-days', '2', '-subj', '/CN=Omnigate test authority'],
      ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'],
    );
  }

  /** The authority's certificate, for the `ca` of a TLS client. */
  get caPem(): string {
    return readFileSync(this.ca, 'utf8');
  }

  /**
   * Issues a certificate for the loopback names, as `<name>.pem` and `<name>.key`;
   * one of that name is replaced.
   *
   * @param days validity from now; -1 makes one that expired yesterday
   */
  issue(name: string, days = 2): KeyPair {
    const cert = this.#folder.file(`${name}.pem`);
    const key = this.#folder.file(`${name}.key`);
    const request = this.#folder.file(`${name}.csr`);
    const names = this.#folder.file('names.cnf');
    writeFileSync(names, `${NAMES}\n`);
    this.#openssl(['req', '-new', ...NEW_KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`]);
    execFileSync(
      'openssl',
      ['x509', '-req', '-in', request, '-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial', '-days', String(days)].concat([
        '-extfile',
        names,
        '-out',
        cert,
      ]),
      { stdio: 'pipe' },
    );
    return { cert, key };
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  #openssl(...args: (readonly string[])[]): void {
    const [command = '', ...rest] = args.flat();
    execFileSync('openssl', [command, '-config', this.#config, ...rest], { stdio: 'pipe' });
  }
}

/** The content of a key pair, as TLS clients take it. */
export function readKeyPair({ cert, key }: KeyPair): KeyPair {
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}
