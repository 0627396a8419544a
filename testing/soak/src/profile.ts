/** What a load does; each kind is counted by itself. */
export const KINDS = ['echo', 'mailbox', 'storage'] as const;
export type Kind = (typeof KINDS)[number];

/** What a run is made of. */
export interface Profile {
  readonly name: string;
  readonly summary: string;
  /** Share of the requests of each kind; they add up to one. */
  readonly mix: Readonly<Record<Kind, number>>;
  /** Hostile messages for each request. */
  readonly attackShare: number;
  /** A second node beside the steady one, which is stopped and started again. */
  readonly restarts: boolean;
  /** Certificates are replaced and keys rotated. */
  readonly chores: boolean;
}
