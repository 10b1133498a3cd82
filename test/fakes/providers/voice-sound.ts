/** How long the fakes speak a character: a normal pace. */
export const CHARACTER_MS = 60;
const HZ = 300;
const LOUD = 9_000;

/** What the fakes say: a tone for each character, silence for white space. Exact, so that a test knows what sounds when. */
export function spoken(text: string, rate: number): Int16Array {
  const samples = (CHARACTER_MS * rate) / 1000;
  const pcm = new Int16Array(Math.round(text.length * samples));
  for (let i = 0; i < pcm.length; i++) {
    const silent = /\s/.test(text[Math.floor(i / samples)] ?? " ");
    pcm[i] = silent ? 0 : Math.round(LOUD * Math.sin((2 * Math.PI * HZ * i) / rate));
  }
  return pcm;
}

export const bytesOf = (pcm: Int16Array): Buffer => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
