import { z } from "zod";

/** A model's files as they are to be: a name below the model's folder, its size and its SHA-256. */
export const modelFiles = z
  .record(
    z.string().regex(/^(?!.*\.\.)[\w.-]+(\/[\w.-]+)*$/, "a file below the model's folder"),
    z.strictObject({
      bytes: z.int().min(1),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, "64 digits, as `sha256sum` prints them"),
    }),
  )
  .refine((files) => Object.keys(files).length > 0, { message: "the model's files" })
  .describe("Each file's `bytes` and `sha256`: what differs is not loaded.");

export type ModelFiles = z.output<typeof modelFiles>;
