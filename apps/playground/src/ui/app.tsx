import type { JSX } from 'preact';
import { ComparisonCard } from './comparison-card.js';
import { ContinuationCard } from './continuation-card.js';
import { LayersCard } from './layers-card.js';
import { ModelCard } from './model-card.js';
import { RecipeCard } from './recipe-card.js';
import { ResultCard } from './result-card.js';
import { RunCard } from './run-card.js';
import { ThemeSwitch } from './theme-switch.js';

/** The page. */
export function App(): JSX.Element {
  return (
    <>
      <a class="skip" href="#model">
        Skip to the model
      </a>
      <header class="top">
        <div>
          <h1>
            tamp <span class="page-kind">playground</span>
          </h1>
          <p>Compress a language model in this tab, measure it, talk to it. Nothing leaves this machine.</p>
        </div>
        <ThemeSwitch />
      </header>
      <main>
        <div class="column">
          <ModelCard />
          <RecipeCard />
        </div>
        <div class="column">
          <RunCard />
          <ResultCard />
        </div>
        <div class="wide">
          <ContinuationCard />
          <LayersCard />
          <ComparisonCard />
        </div>
      </main>
      <footer>
        <p>
          The archive that you download opens in Node with <code>tamp eval</code> and{' '}
          <code>tamp generate</code>, and in pages with <code>@tamp/export-zip</code>.
        </p>
      </footer>
    </>
  );
}
