import { shippedRecipes } from 'virtual:shipped-recipes';
import { effect, useSignal } from '@preact/signals';
import { amountText, bytesText } from '@tamp/report';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Problem } from '../engine/failure.js';
import type { RecipeEditor } from '../recipe/create-editor.js';
import { recipeCheck, recipeSchema, recipeText } from '../state/recipe.js';
import { Card } from './card.js';
import { ProblemList } from './problem-list.js';
import { useLoaded } from './use-loaded.js';

/** What the recipe would do, or that it is looked at. */
function Outlook(): JSX.Element {
  const check = recipeCheck.value;
  if (check.kind === 'waiting') return <p class="muted">Checking …</p>;
  if (check.kind === 'wrong') return <p class="bad">{amountText(check.problems.length, 'problem')}</p>;
  const { sizes, modifiers, warnings } = check.plan;
  const layers = new Set(modifiers.flatMap(({ targets }) => targets.map(({ layer }) => layer))).size;
  return (
    <>
      <p class="good">
        Ready: {amountText(layers, 'layer')}, {bytesText(sizes.before)} → {bytesText(sizes.after)}
      </p>
      {warnings.map((warning) => (
        <p class="hint" key={warning}>
          Warning: {warning}
        </p>
      ))}
    </>
  );
}

const loadEditor = (): Promise<typeof import('../recipe/create-editor.js')> =>
  import('../recipe/create-editor.js');

/** The text before its editor is there, and where the editor cannot be fetched. */
function PlainText({ editable }: { readonly editable: boolean }): JSX.Element {
  return (
    <textarea
      class="plain-recipe"
      aria-labelledby="recipe-title"
      spellcheck={false}
      readOnly={!editable}
      rows={recipeText.value.split('\n').length}
      value={recipeText.value}
      onInput={({ currentTarget }) => {
        recipeText.value = currentTarget.value;
      }}
    />
  );
}

/** The choice of a recipe, and its text. */
export function RecipeCard(): JSX.Element {
  const parent = useRef<HTMLDivElement>(null);
  const editor = useRef<RecipeEditor | null>(null);
  const chosen = useSignal(shippedRecipes[0]?.name ?? '');
  const loaded = useLoaded(loadEditor);
  useEffect(() => {
    if (parent.current === null || loaded.kind !== 'loaded') return undefined;
    const created = loaded.module.createRecipeEditor({
      parent: parent.current,
      text: recipeText.value,
      labelledBy: 'recipe-title',
      describedBy: 'recipe-hint',
      schema: () => recipeSchema.value,
      onChange: (text) => {
        recipeText.value = text;
      },
    });
    editor.current = created;
    const stopText = effect(() => created.setText(recipeText.value));
    const stopProblems = effect(() => {
      const check = recipeCheck.value;
      if (check.kind !== 'waiting') created.setProblems(check.kind === 'wrong' ? check.problems : []);
    });
    return () => {
      stopText();
      stopProblems();
      created.destroy();
      editor.current = null;
    };
  }, [loaded]);
  const check = recipeCheck.value;
  return (
    <Card
      id="recipe"
      title="Recipe"
      aside={
        <label class="choice">
          <span class="unseen">Start from a recipe</span>
          <select
            value={chosen.value}
            onChange={({ currentTarget }) => {
              chosen.value = currentTarget.value;
              const recipe = shippedRecipes.find(({ name }) => name === currentTarget.value);
              if (recipe !== undefined) recipeText.value = recipe.text;
            }}
          >
            {shippedRecipes.map(({ name, label }) => (
              <option key={name} value={name}>
                {name}: {label}
              </option>
            ))}
          </select>
        </label>
      }
    >
      <div class="editor" ref={parent}>
        {loaded.kind !== 'loaded' && <PlainText editable={loaded.kind === 'failed'} />}
      </div>
      <p class="hint" id="recipe-hint">
        {loaded.kind === 'failed'
          ? 'The editor cannot be fetched: this is plain text.'
          : 'Ctrl-Space completes. Tab leaves the editor.'}
      </p>
      <div role="status" aria-live="polite">
        <Outlook />
        {check.kind === 'wrong' && (
          <ProblemList
            problems={check.problems}
            {...(loaded.kind === 'loaded'
              ? { onPick: (problem: Problem) => editor.current?.goTo(problem) }
              : {})}
          />
        )}
      </div>
    </Card>
  );
}
