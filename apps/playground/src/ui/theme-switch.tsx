import type { JSX } from 'preact';
import { type Theme, theme, themes } from '../state/theme.js';

const names: Readonly<Record<Theme, string>> = { system: 'System', light: 'Light', dark: 'Dark' };

/** Light, dark, or as the system asks. */
export function ThemeSwitch(): JSX.Element {
  return (
    <fieldset class="segments">
      <legend class="unseen">Colours</legend>
      {themes.map((one) => (
        <label key={one}>
          <input
            type="radio"
            name="theme"
            checked={theme.value === one}
            onChange={() => {
              theme.value = one;
            }}
          />
          <span>{names[one]}</span>
        </label>
      ))}
    </fieldset>
  );
}
