/** The other workers of this service, as an engine has to do with them. */
export interface Siblings {
  /** How many workers there are to be, this one among them. */
  readonly size: number;
  /** Another one takes new calls at this moment, as far as is known. */
  readonly othersTake: boolean;
  /**
   * A call is offered to all: how many others are to be asked before this worker is. 0: it is ours to take. The least loaded
   * comes first. Every worker finds much the same order, because all know the same; where they differ, `claim` lets one have it.
   */
  turnFor(call: string): number;
  /**
   * What this worker has, measured by the others: `full`, while one of them is not; `more`, by two calls at least than the one that
   * has least. For a PBX that offers a call to one of them alone, by chance.
   */
  readonly burden: "even" | "more" | "full";
  /**
   * Just before this worker takes what was offered. False: another one does. `toAll`: other hosts' workers hear of it as well, and may
   * connect to it; else the PBX calls this service by its address.
   */
  claim(offer: string, toAll: boolean): Promise<boolean>;
}
