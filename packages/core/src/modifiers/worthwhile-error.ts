/**
 * Squared error relative to that of leaving a layer as it is, below which a modifier that prepares layers for
 * quantization does well to rewrite it: half a decibel less. A smaller gain on the calibration data is within what other
 * data would say, and what is rewritten, layers and modifiers after it may lose by.
 */
export const worthwhileError: number = 10 ** -0.05;
