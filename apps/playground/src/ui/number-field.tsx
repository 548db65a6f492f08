import type { Signal } from '@preact/signals';
import type { JSX } from 'preact';

/** A labelled number; what is no number in the range is not taken. */
export function NumberField({
  label,
  value,
  min,
  max,
  step = 1,
  disabled = false,
}: {
  readonly label: string;
  readonly value: Signal<number>;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  readonly disabled?: boolean;
}): JSX.Element {
  return (
    <label class="number-field">
      <span class="field-name">{label}</span>
      <input
        type="number"
        min={min}
        max={max}
        step={step}
        value={value.value}
        disabled={disabled}
        onChange={({ currentTarget }) => {
          const next = currentTarget.valueAsNumber;
          if (next >= min && next <= max) value.value = next;
          else currentTarget.value = String(value.value);
        }}
      />
    </label>
  );
}
