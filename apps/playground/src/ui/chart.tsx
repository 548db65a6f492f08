import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** A chart that is drawn again when its room changes. */
export function Chart({
  draw,
}: {
  /** Gives the chart as an element, so many pixels wide. */
  readonly draw: (width: number) => Element;
}): JSX.Element {
  const parent = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = parent.current;
    if (element === null) return undefined;
    let width = 0;
    const observer = new ResizeObserver(() => {
      const next = Math.floor(element.clientWidth);
      if (next === width || next === 0) return;
      width = next;
      element.replaceChildren(draw(width));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [draw]);
  return <div class="chart" ref={parent} />;
}
