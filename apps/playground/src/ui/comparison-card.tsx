import { amountText } from '@tamp/report';
import type { JSX } from 'preact';
import {
  type Answer,
  cancelComparison,
  comparedWindows,
  comparison,
  startComparison,
} from '../state/comparison.js';
import { prompt } from '../state/prompt.js';
import { compressedModel, runState } from '../state/run.js';
import { webGpuAdapter } from '../state/webgpu.js';
import { workspace } from '../state/workspace.js';
import { backendText } from './backend-text.js';
import { Card } from './card.js';
import { NumberField } from './number-field.js';
import { ProblemList } from './problem-list.js';

/** Perplexities that differ less than this, as a share, count as the same. */
const agreement = 1e-4;

function Side({ title, answer }: { readonly title: string; readonly answer: Answer }): JSX.Element {
  const { info, probe } = answer;
  return (
    <div class="side" data-backend={info.kind}>
      <h3>{title}</h3>
      <p class="muted">{backendText(info)}</p>
      <dl class="plain">
        <dt>perplexity</dt>
        <dd class="number" data-figure="perplexity">
          {probe.perplexity.toFixed(6)}
        </dd>
        <dt>time</dt>
        <dd class="number">{probe.seconds.toFixed(1)} s</dd>
      </dl>
      <ol class="tokens">
        {probe.next.map(({ text, probability }) => (
          <li key={text}>
            <code>{JSON.stringify(text).slice(1, -1).replaceAll(' ', '·')}</code>
            <meter value={probability} max={1} aria-label={`probability of ${text}`} />
            <span class="number">{(100 * probability).toFixed(3)}%</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function Outcome(): JSX.Element | null {
  const state = comparison.value;
  switch (state.kind) {
    case 'idle':
      return null;
    case 'running': {
      const { backend, progress } = state;
      const name = backend === 'cpu' ? 'the CPU' : 'WebGPU';
      return (
        <p class="muted">
          Asking {name}
          {progress === null ? ' …' : `: ${progress.done} of ${progress.total} windows`}
        </p>
      );
    }
    case 'failed':
      return <ProblemList problems={state.problems} />;
    case 'done': {
      const { cpu, webgpu, logitDifference, largestLogit, perplexityDifference } = state;
      const agree = perplexityDifference <= agreement;
      return (
        <>
          <p class={agree ? 'good' : 'bad'} data-agree={agree}>
            {agree ? 'Both say the same' : 'They differ'}: perplexity by{' '}
            {(100 * perplexityDifference).toFixed(5)}% over {amountText(cpu.probe.windows, 'window')} of{' '}
            {cpu.probe.sequenceLength} tokens, logits by at most {logitDifference.toExponential(1)} where the
            largest is {largestLogit.toFixed(1)}.
          </p>
          <div class="sides">
            <Side title="CPU" answer={cpu} />
            <Side title="WebGPU" answer={webgpu} />
          </div>
        </>
      );
    }
  }
}

/** The same questions to the CPU and to WebGPU. */
export function ComparisonCard(): JSX.Element {
  const open = workspace.value;
  const adapter = webGpuAdapter.value;
  const missing = adapter !== null && 'missing' in adapter ? adapter.missing : undefined;
  const model = compressedModel.value ?? open?.model ?? null;
  const running = comparison.value.kind === 'running';
  const off =
    model === null || adapter === null || missing !== undefined || runState.value.kind === 'running';
  return (
    <Card id="comparison" title="CPU and WebGPU">
      <p class="hint">
        Asks {compressedModel.value === null ? 'the float model' : 'the compressed model'} the same on both:
        perplexity over a few windows of eval.txt, and what follows the prompt. Both compute with the same
        arithmetic: the CPU without fused multiply-adds, on as many threads as it has.
      </p>
      {missing !== undefined && (
        <p class="bad">WebGPU is not here: {missing}. The CPU does everything else.</p>
      )}
      <div class="row">
        <button
          type="button"
          class="button"
          disabled={off && !running}
          onClick={() => {
            if (running) cancelComparison();
            else if (model !== null) void startComparison(model, prompt.value);
          }}
        >
          {running ? 'Stop' : 'Compare'}
        </button>
        <NumberField label="Windows" value={comparedWindows} min={1} max={64} disabled={running} />
      </div>
      <div role="status" aria-live="polite">
        <Outcome />
      </div>
    </Card>
  );
}
