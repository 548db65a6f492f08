/** Formats that are not read, known by the ending of a file. */
const foreignFormats: readonly { readonly ending: RegExp; readonly format: string }[] = [
  { ending: /\.onnx$/i, format: 'ONNX' },
  { ending: /(^|[\\/])model\.json$/i, format: 'TensorFlow.js' },
  { ending: /\.gguf$/i, format: 'GGUF' },
  { ending: /\.(h5|keras)$/i, format: 'Keras' },
  { ending: /\.(pt|pth|bin)$/i, format: 'PyTorch' },
  { ending: /\.tflite$/i, format: 'TensorFlow Lite' },
];

/** The first format that is not read and that a file of one of these names has, or `undefined`. */
export function foreignFormat(names: readonly string[]): string | undefined {
  return foreignFormats.find(({ ending }) => names.some((name) => ending.test(name)))?.format;
}
