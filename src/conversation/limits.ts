/** The bounds of one conversation. Whoever reaches one gets the menu, a prompt or a shorter answer, never silence. */
export interface ConversationLimits {
  /** The whole conversation, then the menu. */
  readonly callMs: number;
  /** Exchanges, then the menu. */
  readonly turns: number;
  /** How long a caller may say nothing before the agent asks. */
  readonly silenceMs: number;
  /** The same, where the caller's sound ended a reply and no word of it was understood. */
  readonly reaskMs: number;
  /** How long the final words are waited for after the pause. */
  readonly sttWaitMs: number;
  /** Sound without an edge and without words, then the ear is taken for stuck. */
  readonly earMs: number;
  /** Sound that goes on without new words: a noisy line. */
  readonly wordsQuietMs: number;
  /** How often the recogniser is opened again within a minute, then the menu. */
  readonly earRestarts: number;
  /** How long the agent stays silent for a sound that is quieter than the caller; and in all, for several in a row. */
  readonly yieldMs: number;
  /** A sound without words, as loud as the caller, that goes on for so long is the caller's. */
  readonly soundMs: number;
  readonly yieldTotalMs: number;
  /** How long late words are waited for when the sound is over. */
  readonly judgeMs: number;
  /** How often one reply goes on after a sound that meant nothing. */
  readonly resumes: number;
  /** From the question to the agent's first sound. */
  readonly replyMs: number;
  /** How long a model or a voice may yield nothing in the middle of a reply. */
  readonly stallMs: number;
  readonly toolMs: number;
  /** How long a caller waits in silence, for a tool or for a reply; then there is music. */
  readonly musicMs: number;
  /** The same, before a few words of the agent's are heard. 0: never. */
  readonly fillerMs: number;
  /** How often the model may ask for tools before it says something. */
  readonly toolRounds: number;
  /** Apologies in a row, then the menu. */
  readonly apologies: number;
  /** After the last key. */
  readonly digitMs: number;
  readonly digits: number;
  /** How long the far end may keep the call on hold. */
  readonly holdMs: number;
  readonly callerCharacters: number;
  readonly replyCharacters: number;
  /** Messages of the past that the model is told. */
  readonly historyMessages: number;
}

export const defaultLimits: ConversationLimits = Object.freeze({
  callMs: 30 * 60_000,
  turns: 200,
  silenceMs: 8_000,
  reaskMs: 1_500,
  sttWaitMs: 400,
  earMs: 10_000,
  wordsQuietMs: 5_000,
  earRestarts: 2,
  yieldMs: 700,
  soundMs: 1_200,
  yieldTotalMs: 3_000,
  judgeMs: 300,
  resumes: 2,
  replyMs: 10_000,
  stallMs: 5_000,
  toolMs: 10_000,
  musicMs: 2_500,
  fillerMs: 1_200,
  toolRounds: 3,
  apologies: 1,
  digitMs: 2_000,
  digits: 32,
  holdMs: 30 * 60_000,
  callerCharacters: 2_000,
  replyCharacters: 4_000,
  historyMessages: 80,
});
