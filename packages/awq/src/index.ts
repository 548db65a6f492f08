export { awq as default } from './modifier.js';
export type { AwqOptions, AwqSettings } from './settings.js';
