export { awq as default } from './modifier.js';
export type { AwqOptions, AwqSettings, WeightSettings } from './settings.js';
