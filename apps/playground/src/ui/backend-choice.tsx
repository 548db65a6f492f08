import type { Signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { BackendKind } from '../engine/backend-info.js';
import { engineStates } from '../state/engines.js';
import { webGpuAdapter } from '../state/webgpu.js';
import { backendText } from './backend-text.js';

function cpuText(): string {
  const state = engineStates.cpu.value;
  if (state.kind === 'on') return backendText(state.info);
  return state.kind === 'failed' ? state.failure.message : 'starting …';
}

function webGpuText(): string {
  const state = engineStates.webgpu.value;
  if (state.kind === 'on') return backendText(state.info);
  if (state.kind === 'failed')
    return `it stopped: ${state.failure.problems[0]?.problem ?? state.failure.message}`;
  const adapter = webGpuAdapter.value;
  if (adapter === null) return 'looking for an adapter …';
  if ('missing' in adapter) return `not here: ${adapter.missing}`;
  return `${adapter.adapter}${adapter.software ? ', a software adapter: slower than the CPU' : ''}`;
}

/** Which of the two to compute with, and what each of them is here. */
export function BackendChoice({
  name,
  chosen,
  disabled,
}: {
  readonly name: string;
  readonly chosen: Signal<BackendKind>;
  readonly disabled: boolean;
}): JSX.Element {
  const adapter = webGpuAdapter.value;
  const missing = adapter === null || 'missing' in adapter;
  const option = (kind: BackendKind, title: string, text: string, off: boolean): JSX.Element => (
    <label class={off ? 'disabled' : ''}>
      <input
        type="radio"
        name={name}
        value={kind}
        checked={chosen.value === kind}
        disabled={off}
        onChange={() => {
          chosen.value = kind;
        }}
      />
      <span>
        <strong>{title}</strong> <span class="muted">{text}</span>
      </span>
    </label>
  );
  return (
    <fieldset class="backends">
      <legend>Compute with</legend>
      {option('cpu', 'CPU', cpuText(), disabled)}
      {option('webgpu', 'WebGPU', webGpuText(), disabled || missing)}
    </fieldset>
  );
}
