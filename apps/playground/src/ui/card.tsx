import type { ComponentChildren, JSX } from 'preact';

/** A part of the page with a heading. */
export function Card({
  id,
  title,
  children,
  aside,
}: {
  readonly id: string;
  readonly title: string;
  readonly children: ComponentChildren;
  /** Stands beside the heading. */
  readonly aside?: ComponentChildren;
}): JSX.Element {
  return (
    <section class="card" id={id} aria-labelledby={`${id}-title`} tabIndex={-1}>
      <div class="card-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
