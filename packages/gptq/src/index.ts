export type { ColumnOrder } from './factor/column-order.js';
export { gptq as default } from './modifier.js';
export type {
  GptqOptions,
  GptqSettings,
  RangeSettings,
} from './settings.js';
