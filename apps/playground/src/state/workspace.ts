import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { Problem } from '../engine/failure.js';
import type { ModelSummary } from '../engine/jobs/describe-model.js';
import type { ModelFiles } from '../engine/model-files.js';
import type { Workspace } from '../engine/workspace.js';
import type { NamedFile } from '../files/named-file.js';
import { fetchShippedModel, fetchShippedTexts } from '../files/shipped-files.js';
import { sortFiles } from '../files/sort-files.js';
import { engineOf } from './engines.js';
import { problemsOf } from './problems-of.js';

/** Where the choice of a model stands. */
export type ModelState =
  | { readonly kind: 'none' }
  | { readonly kind: 'opening'; readonly name: string }
  | { readonly kind: 'open'; readonly summary: ModelSummary; readonly workspace: Workspace }
  | { readonly kind: 'refused'; readonly name: string; readonly problems: readonly Problem[] };

/** The model that is chosen. */
export const modelState: Signal<ModelState> = signal<ModelState>({ kind: 'none' });

/** Files that recipes can name, by their names. */
export const recipeFiles: Signal<ReadonlyMap<string, Blob>> = signal<ReadonlyMap<string, Blob>>(new Map());

/** What is open, or null. */
export const workspace: ReadonlySignal<Workspace | null> = computed(() =>
  modelState.value.kind === 'open' ? modelState.value.workspace : null,
);

let choice = 0;

async function open(name: string, find: () => Promise<ModelFiles>): Promise<void> {
  const mine = ++choice;
  modelState.value = { kind: 'opening', name };
  let next: ModelState;
  try {
    const model = await find();
    const engine = await engineOf('cpu');
    const summary = await engine.call('describe', model);
    next = { kind: 'open', summary, workspace: { model, files: recipeFiles.value } };
  } catch (error) {
    next = { kind: 'refused', name, problems: problemsOf(error) };
  }
  // Somebody may have chosen another one meanwhile.
  if (mine === choice) modelState.value = next;
}

/** Opens the model that comes with the page, and its texts. */
export function openShipped(): Promise<void> {
  return open('tiny-llama', async () => {
    const [model, texts] = await Promise.all([fetchShippedModel(), fetchShippedTexts()]);
    recipeFiles.value = new Map([...texts, ...recipeFiles.value]);
    return model;
  });
}

/** Takes files that were dropped or chosen: a model, files for recipes, or both. */
export async function takeFiles(list: readonly NamedFile[]): Promise<void> {
  if (list.length === 0) return;
  const { model, files } = sortFiles(list);
  recipeFiles.value = new Map([...recipeFiles.value, ...files]);
  if (model !== undefined) {
    await open(model.name, async () => model);
    return;
  }
  const state = modelState.value;
  if (state.kind !== 'open') return;
  const { model: kept } = state.workspace;
  await open(kept.name, async () => kept);
}

/** Takes what is being dropped; says so when the browser does not give it. */
export async function takeDrop(dropped: Promise<readonly NamedFile[]>): Promise<void> {
  let list: readonly NamedFile[];
  try {
    list = await dropped;
  } catch (error) {
    const problem = `the browser cannot read it: ${error instanceof Error ? error.message : String(error)}`;
    const remedy = 'Choose it with one of the buttons.';
    modelState.value = {
      kind: 'refused',
      name: 'What was dropped',
      problems: [{ problem, at: {}, remedy }],
    };
    return;
  }
  await takeFiles(list);
}
