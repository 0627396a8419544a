/** What the admin port answered. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Asks `/livez` or `/readyz`. */
export async function askAdmin(adminUrl: string, path: string): Promise<AdminAnswer> {
  const response = await fetch(adminUrl + path, { headers: { connection: 'close' } });
  return { status: response.status, body: await response.json() };
}

/** Reads `/metrics`: samples by name with labels, such as `rejected_total{reason="flood"}`. */
export async function readMetrics(adminUrl: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${adminUrl}/metrics`, { headers: { connection: 'close' } });
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}
