import type { RunStage } from '@tamp/recipe';
import type { Stage } from './stage.js';

/** What people read about each stage of a run. */
export const runStages: Readonly<Record<RunStage, Stage>> = {
  'evaluate-before': { key: 'evaluate-before', title: 'Evaluating the model as it is', unit: 'window' },
  train: { key: 'train', title: 'Training', unit: 'step' },
  modify: { key: 'modify', title: 'Compressing', unit: 'layer' },
  'evaluate-after': { key: 'evaluate-after', title: 'Evaluating the compressed model', unit: 'window' },
  export: { key: 'export', title: 'Writing', unit: 'byte' },
};
