import { expect, it } from 'vitest';
import { fitText } from '../src/terminal/fit-text.js';

const pipeline = {
  kind: 'sequential',
  targetsPerSubgraph: 3,
  propagateError: true,
  intermediates: 'memory',
} as const;
const asked = { recipe: { pipeline } };

it('says what a limit of memory has changed, and nothing where it fits as it is', () => {
  expect(fitText(asked, asked, 8e8)).toBeUndefined();
  const smallest = { ...pipeline, batchSize: 1, intermediates: 'disk', targetsPerSubgraph: 1 } as const;
  expect(fitText(asked, { recipe: { pipeline: smallest }, evaluationBatch: 1 }, 8e8)).toBe(
    'To fit 800 MB of memory: calibrating 1 window at a time, values between two parts on disk, parts of 1 block, evaluating 1 window at a time.',
  );
  expect(fitText(asked, { recipe: { pipeline: { ...pipeline, batchSize: 2 } } }, 8e8)).toBe(
    'To fit 800 MB of memory: calibrating 2 windows at a time.',
  );
});
