/** Pod addresses from 10.244.0.0/16, one a pod, taken up again when the pod is gone. Keys are pod uids. */
export class Addresses {
  readonly #byKey = new Map<string, string>();
  readonly #taken = new Set<string>();
  #next = 0;

  /** @returns always the same address for the same key */
  of(key: string): string {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    let address = this.#advance();
    while (this.#taken.has(address)) address = this.#advance();
    this.keep(key, address);
    return address;
  }

  /** Records an address that a pod has from an earlier run. */
  keep(key: string, address: string): void {
    this.#byKey.set(key, address);
    this.#taken.add(address);
  }

  release(key: string): void {
    const address = this.#byKey.get(key);
    if (address === undefined) return;
    this.#byKey.delete(key);
    this.#taken.delete(address);
  }

  /** 65,000 pods of one simulation are out of reach, so the walk always ends. */
  #advance(): string {
    this.#next = (this.#next % 65_000) + 1;
    return `10.244.${this.#next >> 8}.${this.#next & 255}`;
  }
}
