export { registerWebGpuKernels, type WebGpuKernelOptions, type WebGpuKernels } from './register.js';
export type { IntegerDot } from './wgsl/integer-dot.js';
