/** One file of a model. What is not known of it is not checked, and said. */
export interface ModelFile {
  readonly name: string;
  readonly url: string;
  readonly sizeBytes: number | undefined;
  readonly sha256: string | undefined;
}

/** A model that Sidetone can use and does not bring along. */
export interface LocalModel {
  readonly name: string;
  readonly what: string;
  readonly licence: string;
  /** What else has to be there for it to be of use. */
  readonly needs: string;
  readonly files: readonly ModelFile[];
}

const HUB = "https://huggingface.co";
const ZIPFORMER = "csukuangfj/sherpa-onnx-streaming-zipformer-en-20M-2023-02-17";
// Revisions are named, so that what is fetched is what was meant; the checksums hold them to it.
const ZIPFORMER_AT = `${HUB}/${ZIPFORMER}/resolve/d42f2d9f7ca24806fb667456a18a9f1b60f70d16`;
const ALBA_AT = `${HUB}/rhasspy/piper-voices/resolve/main/en/en_GB/alba/medium`;

const SMART_TURN_AT = `${HUB}/pipecat-ai/smart-turn-v3/resolve/f766f81d3cfdf7737ac64aad813d91bbfd56bf93`;

const file = (at: string, name: string, sizeBytes?: number, sha256?: string): ModelFile => ({
  name,
  url: `${at}/${name}`,
  sizeBytes,
  sha256,
});

/**
 * The recommended ones. Sizes and checksums are those that several independent projects publish for these files (looked up in
 * November 2026); none of them was fetched while this was written.
 */
export const LOCAL_MODELS: readonly LocalModel[] = [
  {
    name: "zipformer-en-20m",
    what: "speech to text, English, streaming, 16 kHz",
    licence: "Apache-2.0",
    needs: "the package sherpa-onnx-node",
    files: [
      file(
        ZIPFORMER_AT,
        "encoder-epoch-99-avg-1.int8.onnx",
        42_845_182,
        "3810755ce7c3ab26b42a8bcf39d191308fa27fb0f53358823ba46141d03b7eb3",
      ),
      file(
        ZIPFORMER_AT,
        "decoder-epoch-99-avg-1.onnx",
        2_092_272,
        "45a7f940ecfb53d89fa270ad11b88b961e53a317203eb24b1c8e95ed208b0f30",
      ),
      file(
        ZIPFORMER_AT,
        "joiner-epoch-99-avg-1.int8.onnx",
        259_572,
        "e085d73b593cf9b0707f370dbd656d58327d3fe36d80d849202ef81df02cb01e",
      ),
      file(ZIPFORMER_AT, "tokens.txt", 5_048, "49e3c2646595fd907228b3c6787069658f67b17377c60aeb8619c4551b2316fb"),
    ],
  },
  {
    name: "piper-en-gb-alba",
    what: "text to speech, British English, 22 kHz",
    licence: "CC-BY-4.0",
    needs: "a piper server (Wyoming, or one that speaks OpenAI's protocol)",
    files: [
      file(
        ALBA_AT,
        "en_GB-alba-medium.onnx",
        63_201_294,
        "401369c4a81d09fdd86c32c5c864440811dbdcc66466cde2d64f7133a66ad03b",
      ),
      // Its size is told in two ways, for two revisions: the checksum decides.
      file(
        ALBA_AT,
        "en_GB-alba-medium.onnx.json",
        undefined,
        "aa965a2f02ecced632c2694e1fc72bbff6d65f265fab567ca945918c73dd89f4",
      ),
    ],
  },
  {
    name: "smart-turn-v3",
    what: "whether a caller has finished, by the sound, 23 languages, 16 kHz",
    licence: "BSD-2-Clause",
    needs: "the package onnxruntime-node, and turnModel in sidetone.yaml",
    files: [
      file(
        SMART_TURN_AT,
        "smart-turn-v3.2-cpu.onnx",
        8_679_182,
        "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
      ),
    ],
  },
];
