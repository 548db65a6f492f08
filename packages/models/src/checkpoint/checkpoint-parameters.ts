import type { ByteSource } from '@tamp/core';
import { type DenseDtype, type Parameter, TampError } from '@tamp/core';
import type { CheckpointTensor, SafetensorsDtype, SafetensorsInfo } from '@tamp/safetensors';

/** Number formats that a parameter's values may be stored in. */
const denseDtypes: ReadonlyMap<SafetensorsDtype, DenseDtype> = new Map([
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
]);

/** What {@link checkpointParameters} needs of a safetensors file or a checkpoint of several. */
export interface TensorSource {
  readonly tensors: ReadonlyMap<string, SafetensorsInfo | CheckpointTensor>;
  tensor(name: string): ByteSource;
}

/**
 * Tensors of an open safetensors file or checkpoint as parameters, by name; nothing is read yet. `names` chooses among
 * them (default: all). Throws a `TampError` (`unsupported`) for a tensor that is not float32, float16 or bfloat16.
 */
export function checkpointParameters(
  checkpoint: TensorSource,
  names: Iterable<string> = checkpoint.tensors.keys(),
): ReadonlyMap<string, Parameter> {
  const parameters = new Map<string, Parameter>();
  for (const name of names) {
    const info = checkpoint.tensors.get(name);
    const bytes = checkpoint.tensor(name);
    const dtype = info === undefined ? undefined : denseDtypes.get(info.dtype);
    if (info === undefined || dtype === undefined) {
      throw new TampError(`tensors of type ${info?.dtype ?? 'unknown'} are not supported`, {
        code: 'unsupported',
        at: { layer: name },
        remedy: 'Convert the checkpoint to float16, bfloat16 or float32.',
      });
    }
    parameters.set(name, { name, shape: info.shape, storage: { kind: 'dense', dtype, bytes } });
  }
  return parameters;
}
