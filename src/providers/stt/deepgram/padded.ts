/** Silence of our own making goes out between the caller's sound: the server's times count it, and ours do not. */
export class Padded {
  readonly #gaps: { readonly atMs: number; readonly ms: number }[] = [];
  #sentMs = 0;
  #pastMs = 0;

  sound(ms: number): void {
    this.#sentMs += ms;
  }

  silence(ms: number): void {
    this.#gaps.push({ atMs: this.#sentMs, ms });
    this.#sentMs += ms;
  }

  /** A time of the server's in the caller's sound. Asked for with times that do not go back. */
  ours(serverMs: number): number {
    for (let gap = this.#gaps[0]; gap && serverMs >= gap.atMs + gap.ms; gap = this.#gaps[0]) {
      this.#pastMs += gap.ms;
      this.#gaps.shift();
    }
    const within = Math.max(0, serverMs - (this.#gaps[0]?.atMs ?? serverMs));
    return serverMs - this.#pastMs - within;
  }
}
