/** A part of a tool's answer; of those that are no text only the kind is told (https://modelcontextprotocol.io/specification/2025-06-18/server/tools). */
export interface ContentPart {
  readonly type: string;
  readonly text?: unknown;
}

/** What a model can read of an answer. */
export function textOfContent(content: readonly ContentPart[] | undefined, structured: unknown): string {
  const parts = (Array.isArray(content) ? content : []).map((part) =>
    part.type === "text" && typeof part.text === "string" ? part.text : `[${part.type}]`,
  );
  const text = parts
    .join("\n")
    .replace(/[^\P{Cc}\n\t]+/gu, " ")
    .trim();
  return text === "" && structured !== undefined ? JSON.stringify(structured) : text;
}
