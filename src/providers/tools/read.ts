/** The whole answer as text, unless it is longer; `tooLong` makes what is thrown then, or where it is no UTF-8. */
export async function readText(response: Response, maxBytes: number, tooLong: () => Error): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let [bytes, text] = [0, ""];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      bytes += value.length;
      if (bytes > maxBytes) throw tooLong();
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    // What is still to come is nobody's.
    await reader.cancel().catch(() => {});
  }
}
