import { render } from 'preact';
import { loadRecipeSchema } from './state/recipe.js';
import { lookForWebGpu } from './state/webgpu.js';
import { openShipped } from './state/workspace.js';
import { App } from './ui/app.js';
import './ui/page.css';

const root = document.getElementById('app');
if (root !== null) {
  render(<App />, root);
  // What fails here shows in the page: the engine's state, the model's card, the choice of a backend.
  void openShipped();
  void loadRecipeSchema();
  void lookForWebGpu();
}
