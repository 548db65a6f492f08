import { TampError } from '@tamp/core';

/** A device, and the adapter it is of. */
export interface RequestedDevice {
  readonly device: GPUDevice;
  readonly info: GPUAdapterInfo;
}

/** What kernels can use where the adapter has it. `timestamp-query` lets tfjs time its programs. */
const usefulFeatures: readonly GPUFeatureName[] = ['subgroups', 'timestamp-query'];

/** Limits that are asked for as high as the adapter allows: large weights are one buffer each. */
const usefulLimits = [
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
] as const;

const cpuInstead = 'or run on the CPU with @tamp/backend-cpu';

async function requestAdapter(powerPreference: GPUPowerPreference): Promise<GPUAdapter> {
  // Typed as always there; pages without https and older browsers lack it.
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (gpu === undefined) {
    throw new TampError('there is no WebGPU here', {
      code: 'unsupported',
      remedy: `Use a current browser and a page on https or localhost; in Node set navigator.gpu with the package "webgpu"; ${cpuInstead}.`,
    });
  }
  const adapter = await gpu.requestAdapter({ powerPreference });
  if (adapter === null) {
    throw new TampError('WebGPU finds no adapter', {
      code: 'unsupported',
      remedy: `Update the graphics driver and allow hardware acceleration in the browser's settings, ${cpuInstead}.`,
    });
  }
  return adapter;
}

/**
 * Asks for a device with all that kernels can use.
 *
 * @throws TampError (`unsupported`) where there is no WebGPU, no adapter or no device
 */
export async function requestDevice(powerPreference: GPUPowerPreference): Promise<RequestedDevice> {
  const adapter = await requestAdapter(powerPreference);
  try {
    const device = await adapter.requestDevice({
      requiredFeatures: usefulFeatures.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(usefulLimits.map((limit) => [limit, adapter.limits[limit]])),
    });
    return { device, info: adapter.info };
  } catch (cause) {
    throw new TampError(`WebGPU gives no device of ${describeAdapter(adapter.info)}`, {
      code: 'unsupported',
      remedy: `Close other pages that use the GPU and reload, ${cpuInstead}.`,
      cause,
    });
  }
}

/** An adapter in a few words: vendor, architecture and what the driver calls it, as far as the browser tells. */
export function describeAdapter({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  const words = [vendor, architecture, device, description].filter((part) => (part ?? '') !== '');
  return words.length === 0 ? 'an adapter without a name' : words.join(' ');
}
