/** What a page can compute with. */
export type BackendKind = 'cpu' | 'webgpu';

/** How the CPU is used. */
export interface CpuInfo {
  readonly kind: 'cpu';
  readonly threads: number;
  readonly simd: string;
  /** Whether the page may have threads. */
  readonly isolated: boolean;
}

/** What WebGPU runs on. */
export interface WebGpuInfo {
  readonly kind: 'webgpu';
  readonly adapter: string;
  /** Whether the adapter computes on the CPU: its speed then says nothing about a GPU. */
  readonly software: boolean;
  readonly integerDot: string;
}

/** The backend that an engine computes with. */
export type BackendInfo = CpuInfo | WebGpuInfo;
