import { z } from "zod";
import type { Usage } from "../../conversation/providers.ts";

/** What a provider takes for tokens, as its price list says it. */
export const tokenPrices = z
  .strictObject({
    input: z.number().min(0).describe("for a million tokens of what the model is told"),
    cachedInput: z.number().min(0).describe("for those that it had kept; where left out, as the others").optional(),
    output: z.number().min(0).describe("for a million tokens of what it writes"),
  })
  .describe("Prices for a million tokens, in a currency of your choice: calls then have a cost.")
  .optional();

export type TokenPrices = z.output<typeof tokenPrices>;

export interface Tokens {
  readonly input: number;
  readonly cached?: number;
  readonly output: number;
  readonly estimated?: boolean;
}

const MILLION = 1_000_000;

export function billOf(provider: string, prices: TokenPrices, tokens: Tokens): Usage {
  const { input, cached = 0, output, estimated } = tokens;
  const cost =
    prices && (input - cached) * prices.input + cached * (prices.cachedInput ?? prices.input) + output * prices.output;
  return {
    provider,
    inputTokens: input,
    cachedTokens: cached,
    outputTokens: output,
    ...(cost !== undefined && { cost: cost / MILLION }),
    ...(estimated && { estimated }),
  };
}

// European languages have three to five characters a token.
const CHARACTERS_A_TOKEN = 4;

/** Of a reply that was given up, whose server does not say any more what it took. */
export const estimateOf = ({ sent, written }: { sent: number; written: number }): Tokens => ({
  input: Math.ceil(sent / CHARACTERS_A_TOKEN),
  output: Math.ceil(written / CHARACTERS_A_TOKEN),
  estimated: true,
});

/** What a voice takes. */
export const characterPrice = z
  .number()
  .min(0)
  .describe("for a million characters, in a currency of your choice: calls then have a cost")
  .optional();

export const speechBill = (provider: string, price: number | undefined, characters: number): Usage => ({
  provider,
  characters,
  ...(price !== undefined && { cost: (characters * price) / MILLION }),
});
