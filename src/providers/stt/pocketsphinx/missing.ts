export const MISSING_PROGRAM =
  "libpocketsphinx.so.3 is not installed; run: apt-get install -y pocketsphinx pocketsphinx-en-us";
export const MISSING_MODEL =
  "the English model is not installed; run: apt-get install -y pocketsphinx pocketsphinx-en-us";
export const MISSING_KOFFI = "the npm package koffi is not installed; run npm ci without --omit=optional";
