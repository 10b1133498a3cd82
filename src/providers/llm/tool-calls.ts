import { ProviderError, type ToolRequest } from "../../conversation/providers.ts";

// No tool takes as much; a model that repeats itself for ever does.
const ARGUMENTS_MAX = 32_768;
const CALLS_MAX = 16;
const NAME_MAX = 128;

interface Call {
  id: string;
  name: string;
  input: string;
}

/** Tools that a model asks for, put together from the pieces that its server streams. */
export class ToolCalls {
  readonly #provider: string;
  readonly #calls = new Map<string, Call>();

  constructor(provider: string) {
    this.#provider = provider;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** `key`: what the server tells the calls of one reply apart by. Throws a ProviderError for more than any tool takes. */
  add(key: string, { id, name, input }: { id?: string | undefined; name?: string | undefined; input?: string }): void {
    const call = this.#calls.get(key) ?? { id: "", name: "", input: "" };
    this.#calls.set(key, call);
    if (id) call.id = id;
    if (name) call.name = name.slice(0, NAME_MAX);
    call.input += input ?? "";
    if (call.input.length > ARGUMENTS_MAX) throw this.#tooMuch(`more than ${ARGUMENTS_MAX} characters for one tool`);
    if (this.#calls.size > CALLS_MAX) throw this.#tooMuch(`more than ${CALLS_MAX} tools at once`);
  }

  /** Replaces what was streamed, where the server says the whole at the end. */
  complete(key: string, whole: { id?: string; name?: string; input: string }): void {
    const call = this.#calls.get(key);
    if (call) call.input = "";
    this.add(key, whole);
  }

  /**
   * What is to be run. An input that is no JSON object goes along with its fault, which is told to the model in place of a
   * result: it asks again, and the caller is not apologised to for a comma.
   */
  requests(): ToolRequest[] {
    return [...this.#calls.values()].map(({ id, name, input }, index) => ({
      id: id || `call_${index}`,
      name,
      ...inputOf(input),
    }));
  }

  #tooMuch(what: string): ProviderError {
    return new ProviderError(this.#provider, "protocol", `the model wrote ${what}`);
  }
}

function inputOf(text: string): Pick<ToolRequest, "input" | "fault"> {
  if (text.trim() === "") return { input: {} };
  try {
    const input: unknown = JSON.parse(text);
    if (typeof input === "object" && input !== null && !Array.isArray(input))
      return { input: input as ToolRequest["input"] };
    return { input: {}, fault: "its input must be a JSON object." };
  } catch {
    return { input: {}, fault: "its input was no valid JSON. Write it again." };
  }
}
