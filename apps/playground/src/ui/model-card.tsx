import { useSignal } from '@preact/signals';
import { bytesText, countText } from '@tamp/report';
import type { JSX } from 'preact';
import { chosenFiles } from '../files/chosen-files.js';
import { droppedFiles } from '../files/dropped-files.js';
import { runState } from '../state/run.js';
import { modelState, openShipped, recipeFiles, takeDrop, takeFiles } from '../state/workspace.js';
import { Card } from './card.js';
import { ProblemList } from './problem-list.js';

function ChosenModel(): JSX.Element {
  const state = modelState.value;
  switch (state.kind) {
    case 'none':
      return <p>No model is chosen.</p>;
    case 'opening':
      return <p>Opening {state.name} …</p>;
    case 'refused':
      return (
        <>
          <p>{state.name} cannot be used.</p>
          <ProblemList problems={state.problems} />
        </>
      );
    case 'open': {
      const { name, architecture, parameters, bytes, hasTokenizer } = state.summary;
      return (
        <>
          <p class="model-name">{name}</p>
          <p class="muted">
            {architecture}, {countText(parameters)} weights, {bytesText(bytes)}
            {hasTokenizer ? '' : ', no tokenizer: it cannot read text'}
          </p>
        </>
      );
    }
  }
}

/** A button that opens the browser's dialogue for files. */
function Picker({
  label,
  folder,
  disabled,
}: {
  readonly label: string;
  readonly folder: boolean;
  readonly disabled: boolean;
}): JSX.Element {
  return (
    <label class={`button picker${disabled ? ' disabled' : ''}`}>
      {label}
      <input
        type="file"
        multiple
        disabled={disabled}
        {...(folder ? { webkitdirectory: true } : {})}
        onChange={({ currentTarget }) => {
          const files = currentTarget.files === null ? [] : chosenFiles(currentTarget.files);
          // The same choice must count a second time too.
          currentTarget.value = '';
          void takeFiles(files);
        }}
      />
    </label>
  );
}

/** The choice of a model. */
export function ModelCard(): JSX.Element {
  const over = useSignal(false);
  const busy = runState.value.kind === 'running';
  return (
    <Card id="model" title="Model">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a shortcut; the buttons inside do the same */}
      <div
        class={`drop${over.value ? ' over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          over.value = !busy;
        }}
        onDragLeave={() => {
          over.value = false;
        }}
        onDrop={(event) => {
          event.preventDefault();
          over.value = false;
          if (event.dataTransfer === null || busy) return;
          void takeDrop(droppedFiles(event.dataTransfer));
        }}
      >
        <div role="status" aria-live="polite">
          <ChosenModel />
        </div>
        <p class="hint">
          Drop a folder here: <code>config.json</code>, <code>*.safetensors</code>,{' '}
          <code>tokenizer.json</code>; or a <code>.tamp.zip</code>, or texts to measure on.
        </p>
        <div class="row">
          <Picker label="Choose a folder…" folder disabled={busy} />
          <Picker label="Choose files…" folder={false} disabled={busy} />
          <button type="button" class="button" disabled={busy} onClick={() => void openShipped()}>
            Use tiny-llama
          </button>
        </div>
      </div>
      <p class="hint">
        Recipes call it <code>./model</code>. Texts here:{' '}
        {recipeFiles.value.size === 0 ? 'none' : [...recipeFiles.value.keys()].join(', ')}.
      </p>
    </Card>
  );
}
