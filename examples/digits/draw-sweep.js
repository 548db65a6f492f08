import * as Plot from '@observablehq/plot';
import { Window } from 'happy-dom';

const floatSize = 0.3243;

/** Size against accuracy as an SVG document: one dot per run, a line through the means of each penalty. */
export async function drawSweep(rows) {
  const window = new Window();
  try {
    const { document } = window;
    const runs = rows.flatMap(({ penalty, runs: list }) => list.map((run) => ({ penalty, ...run })));
    const svg = Plot.plot({
      document,
      width: 720,
      height: 400,
      marginLeft: 60,
      style: { background: 'white', color: 'black' },
      x: { type: 'log', label: 'true size, MiB (float32: 0.3243)', domain: [0.02, floatSize], grid: true },
      y: { label: 'test accuracy', domain: [0.95, 1], grid: true },
      marks: [
        Plot.line(rows, { x: 'size', y: 'accuracy', stroke: '#3b7dd8' }),
        Plot.dot(runs, { x: 'size', y: 'accuracy', r: 3, stroke: '#9aa5b8' }),
        Plot.dot(rows, { x: 'size', y: 'accuracy', r: 5, fill: '#3b7dd8' }),
        Plot.text(rows, {
          x: 'size',
          y: 'accuracy',
          dy: -14,
          text: ({ penalty }) => (penalty === 0 ? 'no penalty' : `penalty ${penalty}`),
        }),
      ],
    });
    svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
    return `${svg.outerHTML}\n`;
  } finally {
    await window.happyDOM.close();
  }
}
