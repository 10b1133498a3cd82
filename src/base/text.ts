/** What somebody outside has chosen, without line breaks and the like: they are good for nothing but mischief. */
export const printable = (text: string): string => text.replace(/\p{Cc}+/gu, " ").trim();

/** The same, with one blank between words. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, " ").trim();
