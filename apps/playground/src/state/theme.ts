import { effect, type Signal, signal } from '@preact/signals';

/** How the page is coloured: as the system asks, or always one way. */
export type Theme = 'system' | 'light' | 'dark';

/** In the order in which they are offered. */
export const themes: readonly Theme[] = ['system', 'light', 'dark'];

const key = 'tamp-theme';

function savedTheme(): Theme {
  try {
    const saved = localStorage.getItem(key);
    return themes.find((theme) => theme === saved) ?? 'system';
  } catch {
    // Some browsers keep nothing for pages that they do not trust.
    return 'system';
  }
}

/** The chosen one; it is remembered. */
export const theme: Signal<Theme> = signal(savedTheme());

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  try {
    localStorage.setItem(key, theme.value);
  } catch {
    // See above.
  }
});
