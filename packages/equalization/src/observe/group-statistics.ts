import { checkFinite, TampError } from '@tamp/core';
import { type Group, groupName } from '../groups/group.js';
import type { InputEqualizationObserver } from './equalization-observer.js';
import { type RowSample, rowSample } from './row-sample.js';

/** What calibration finds out about a group's value. */
export interface GroupStatistics {
  readonly observer: InputEqualizationObserver;
  /** Rows (or images) of the value. */
  readonly sample: RowSample;
  /** Shape of one row of the sample: [columns], or [channels, height, width]. */
  rowShape(): readonly number[];
  observe(values: Float32Array, shape: readonly number[]): void;
}

/** Watches the value of a group. Throws a `TampError` (`data`), naming the layer, for NaN and infinities. */
export function groupStatistics(
  group: Group,
  observer: InputEqualizationObserver,
  sampleRows: number,
): GroupStatistics {
  const sample = rowSample(sampleRows);
  let rowShape: readonly number[] = [];
  return {
    observer,
    sample,
    rowShape: () => rowShape,
    observe(values, shape) {
      const layer = groupName(group);
      checkFinite(values, { layer, columns: shape.at(-1) ?? 1 });
      const columns = shape.at(group.axis);
      if (columns !== group.columns) {
        throw new TampError(`its input is ${columns} wide, its weight ${group.columns}`, {
          code: 'data',
          at: { layer },
        });
      }
      rowShape = group.axis === -1 ? shape.slice(-1) : shape.slice(1);
      observer.observe(values, shape, group.axis);
      sample.add(
        values,
        rowShape.reduce((product, size) => product * size, 1),
      );
    },
  };
}
