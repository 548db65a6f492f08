import { remainingText, runStages, stageText } from '@tamp/report';
import type { JSX } from 'preact';
import type { Failure } from '../engine/failure.js';
import { recipeCheck } from '../state/recipe.js';
import { cancelRun, runBackend, runState, type StageState, startRun } from '../state/run.js';
import { workspace } from '../state/workspace.js';
import { BackendChoice } from './backend-choice.js';
import { Card } from './card.js';
import { ProblemList } from './problem-list.js';

function Stage({ stage, state, done, total, seconds, detail }: StageState): JSX.Element {
  const words = runStages[stage];
  const id = `stage-${stage}`;
  return (
    <li class={state}>
      <div class="stage-line">
        <span id={id}>{words.title}</span>
        <span class="muted number">
          {state === 'done'
            ? `${seconds.toFixed(1)} s`
            : state === 'running' && total > 0
              ? `${Math.round((100 * done) / total)}%`
              : ''}
        </span>
      </div>
      <progress aria-labelledby={id} max={1} value={state === 'done' ? 1 : total === 0 ? 0 : done / total} />
      {state === 'running' && (
        <p class="muted stage-detail">
          {total === 0 ? 'starting' : stageText(words, done, total, seconds, detail)}
        </p>
      )}
    </li>
  );
}

/** What a screen reader is told: each stage and its remaining time now and then, not every step. */
function spokenProgress(stages: readonly StageState[]): string {
  const running = stages.find(({ state }) => state === 'running');
  if (running === undefined) return stages.length === 0 ? 'Preparing' : '';
  const { stage, done, total, seconds } = running;
  const quarters = total === 0 ? 0 : Math.floor((4 * done) / total);
  const left = quarters === 0 ? undefined : remainingText(done, total, seconds);
  return `${runStages[stage].title}${quarters === 0 ? '' : `, ${25 * quarters}% done`}${left === undefined ? '' : `, ${left}`}`;
}

function LostDevice({ failure }: { readonly failure: Failure }): JSX.Element {
  return (
    <>
      <ProblemList problems={failure.problems} />
      <div class="row">
        <button
          type="button"
          class="button"
          onClick={() => {
            runBackend.value = 'cpu';
            void startRun();
          }}
        >
          Run on the CPU
        </button>
        <button type="button" class="button" onClick={() => void startRun()}>
          Start WebGPU again
        </button>
      </div>
    </>
  );
}

function Outcome(): JSX.Element | null {
  const state = runState.value;
  switch (state.kind) {
    case 'idle':
    case 'running':
      return null;
    case 'done':
      return <p class="good">Done in {state.report.result.seconds.toFixed(1)} s.</p>;
    case 'cancelled':
      return <p>Cancelled. Nothing was written.</p>;
    case 'failed':
      return state.failure.kind === 'device-lost' ? (
        <LostDevice failure={state.failure} />
      ) : (
        <ProblemList problems={state.failure.problems} />
      );
  }
}

/** Starting, following and cancelling a run. */
export function RunCard(): JSX.Element {
  const state = runState.value;
  const running = state.kind === 'running';
  const ready = workspace.value !== null && recipeCheck.value.kind === 'right';
  return (
    <Card id="run" title="Run">
      <BackendChoice name="run-backend" chosen={runBackend} disabled={running} />
      <div class="row">
        <button
          type="button"
          class="button primary"
          disabled={!running && !ready}
          onClick={() => (running ? cancelRun() : void startRun())}
        >
          {running ? (state.cancelling ? 'Cancelling …' : 'Cancel') : 'Compress'}
        </button>
        {!running && !ready && (
          <span class="muted">
            {workspace.value === null
              ? 'Choose a model first.'
              : recipeCheck.value.kind === 'wrong'
                ? 'The recipe has problems.'
                : 'Checking the recipe …'}
          </span>
        )}
      </div>
      {running && (
        <ol class="stages">
          {state.stages.map((stage) => (
            <Stage key={stage.stage} {...stage} />
          ))}
        </ol>
      )}
      <div class="unseen" role="status" aria-live="polite">
        {running ? spokenProgress(state.stages) : ''}
      </div>
      <div role="status" aria-live="polite">
        <Outcome />
      </div>
    </Card>
  );
}
