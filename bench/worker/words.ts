/** What every caller of the load test says, and what every answer is: long enough to be talked over. */
export const QUESTION = "Could you tell me more about that?";
export const ANSWER =
  "We are open from nine in the morning until six in the evening. On Saturday we close at noon, and on Sunday nobody is there.";

/** A question whose end is a voiced sound, and an answer that is soon heard to its end. */
export const NEAR_QUESTION = "When do you open tomorrow?";
export const NEAR_ANSWER = "We open at nine.";
