import type { JSX } from 'preact';
import {
  type ContinuationState,
  type ContinuedModel,
  continuationBackend,
  continuations,
  continuing,
  maxTokens,
  seed,
  startContinuation,
  stopContinuation,
  temperature,
} from '../state/continuation.js';
import { prompt } from '../state/prompt.js';
import { compressedModel, runState } from '../state/run.js';
import { workspace } from '../state/workspace.js';
import { BackendChoice } from './backend-choice.js';
import { Card } from './card.js';
import { NumberField } from './number-field.js';
import { ProblemList } from './problem-list.js';

function speedText({ outcome }: ContinuationState): string {
  switch (outcome.kind) {
    case 'running':
      return 'writing …';
    case 'stopped':
      return 'stopped';
    case 'failed':
      return 'failed';
    case 'done': {
      const { tokens, seconds, end } = outcome.continuation;
      const why =
        end === 'context' ? ', its context is full' : end === 'end-token' ? ', it ended by itself' : '';
      return `${tokens} tokens, ${(tokens / Math.max(seconds, 1e-3)).toFixed(1)} a second${why}`;
    }
  }
}

function Pane({
  which,
  title,
  empty,
}: {
  readonly which: ContinuedModel;
  readonly title: string;
  readonly empty: string;
}): JSX.Element {
  const state = continuations[which].value;
  return (
    <div class="side" data-model={which}>
      <div class="card-head">
        <h3>{title}</h3>
        <span class="muted number">{state === null ? '' : speedText(state)}</span>
      </div>
      <p class="answer" aria-busy={state?.outcome.kind === 'running'}>
        {state === null ? (
          <span class="muted">{empty}</span>
        ) : (
          <>
            <span class="muted">{state.prompt}</span>
            <span class="written">{state.text}</span>
          </>
        )}
      </p>
      {state?.outcome.kind === 'failed' && <ProblemList problems={state.outcome.problems} />}
    </div>
  );
}

/** What a screen reader is told once both are done. */
function spokenOutcome(): string {
  if (continuing.value) return 'Writing';
  return (['float', 'compressed'] as const)
    .flatMap((which) => {
      const state = continuations[which].value;
      return state === null ? [] : [`${which} model: ${speedText(state)}`];
    })
    .join('. ');
}

/** A prompt, and what the float and the compressed model make of it. */
export function ContinuationCard(): JSX.Element {
  const open = workspace.value;
  const compressed = compressedModel.value;
  const busy = continuing.value;
  const ready = open !== null && prompt.value.trim() !== '' && runState.value.kind !== 'running';
  return (
    <Card id="continuation" title="Talk to it">
      <label class="field">
        <span class="field-name">Prompt</span>
        <textarea
          rows={2}
          value={prompt.value}
          onInput={({ currentTarget }) => {
            prompt.value = currentTarget.value;
          }}
        />
      </label>
      <div class="row fields">
        <NumberField label="Tokens" value={maxTokens} min={1} max={4096} disabled={busy} />
        <NumberField label="Temperature" value={temperature} min={0} max={10} step={0.1} disabled={busy} />
        <NumberField label="Seed" value={seed} min={0} max={2 ** 31 - 1} disabled={busy} />
      </div>
      <BackendChoice name="continuation-backend" chosen={continuationBackend} disabled={busy} />
      <div class="row">
        <button
          type="button"
          class="button primary"
          disabled={!busy && !ready}
          onClick={() => {
            if (busy) stopContinuation();
            else if (open !== null) {
              void startContinuation({
                float: open.model,
                ...(compressed === null ? {} : { compressed }),
              });
            }
          }}
        >
          {busy ? 'Stop' : 'Continue the prompt'}
        </button>
      </div>
      <div class="sides">
        <Pane which="float" title="Float" empty="What the model says as it is." />
        <Pane
          which="compressed"
          title="Compressed"
          empty={compressed === null ? 'Compress the model first.' : 'What the compressed model says.'}
        />
      </div>
      <div class="unseen" role="status" aria-live="polite">
        {spokenOutcome()}
      </div>
    </Card>
  );
}
