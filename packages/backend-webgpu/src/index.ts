export type { TampWebGpuBackend } from './backend/tamp-webgpu-backend.js';
export { registerWebGpuKernels, type WebGpuKernelOptions, type WebGpuKernels } from './register.js';
export { registerWebGpuBackend, type WebGpuBackend, type WebGpuBackendOptions } from './register-backend.js';
export type { IntegerDot } from './wgsl/integer-dot.js';
