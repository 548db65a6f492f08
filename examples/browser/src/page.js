const form = document.querySelector('form');
const output = document.querySelector('output');
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });

/** The number of the largest value. */
function indexOfLargest(values) {
  return values.reduce((best, value, index) => (value > values[best] ? index : best), 0);
}

worker.onmessage = ({ data: { error, runsOn, logits, milliseconds } }) => {
  output.textContent =
    error ?? `${runsOn}; ${Math.round(milliseconds)} ms; next token ${indexOfLargest(logits)}`;
};

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const { file, url, backend, ids } = form.elements;
  output.textContent = 'runs …';
  worker.postMessage({
    from: file.files[0] ?? new URL(url.value, location.href).href,
    backend: backend.value,
    ids: ids.value.split(/[\s,]+/).map(Number),
  });
});
