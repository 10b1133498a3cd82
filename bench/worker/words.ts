/**
 * What every caller of the load test says, and what every answer is: long enough to be talked over. The question ends in a voiced sound, so
 * that voice activity has its end in the same frame every time. No answer is a greeting: what every call hears is kept as sound, and
 * the voice is not asked for it.
 */
export const QUESTION = "Could you tell me more about tomorrow?";
export const GREETING =
  "Good morning, this is the clinic at the market. I can tell you when we are open, who is here today, and how you reach us.";
export const ANSWER =
  "We are open from nine in the morning until six in the evening. On Saturday we close at noon, and on Sunday nobody is there.";

/** A question whose end is a voiced sound as well, and an answer that is soon heard to its end. */
export const NEAR_QUESTION = "When do you open tomorrow?";
export const NEAR_GREETING = "This is the clinic.";
export const NEAR_ANSWER = "We open at nine.";
