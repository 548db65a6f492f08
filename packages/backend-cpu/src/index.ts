export type { RuntimeOptions } from './backend/runtime.js';
export type { TampCpuBackend } from './backend/tamp-cpu-backend.js';
export { type CpuBackend, type CpuBackendOptions, registerCpuBackend } from './register.js';
export { type SimdVariant, supportedSimdVariants } from './wasm/simd-variant.js';
