/** What we use of WebAssembly: neither the language's own library nor Node's types declare it. */
declare namespace WebAssembly {
  type ImportValue = (...values: never[]) => unknown;

  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    private constructor();
    readonly buffer: ArrayBuffer;
    /** By pages of 64 KB. */
    grow(pages: number): number;
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, ImportValue>>>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
}
