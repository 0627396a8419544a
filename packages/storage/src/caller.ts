/** Who asks. */
export interface Caller {
  /** 32 hexadecimal digits. */
  readonly tenant: string;
  /**
   * To be called with each blob that a request names, and with '' where it names none.
   *
   * @throws OapError cap_scope
   */
  readonly checkTopic: (topic: string) => void;
}
