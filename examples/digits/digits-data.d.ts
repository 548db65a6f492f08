import type { LabelledData } from '@tamp/training-pipeline';

/** The digits as labelled samples, pixels / 16: rows 0 to 1436 for training, the others for testing. */
export function readDigits(): Promise<{ readonly training: LabelledData; readonly testing: LabelledData }>;
