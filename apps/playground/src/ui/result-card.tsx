import { bytesText, missedGateText, percentText, qualityRows } from '@tamp/report';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { RunReport } from '../engine/jobs/run-recipe.js';
import { runState } from '../state/run.js';
import { Card } from './card.js';
import { Download } from './download.js';
import { loadReportPage } from './load-report-page.js';
import { NotLoaded } from './not-loaded.js';
import { useLoaded } from './use-loaded.js';

function Figure({
  name,
  before,
  after,
  change,
}: {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly change: string;
}): JSX.Element {
  return (
    <div class="figure" data-figure={name}>
      <dt>{name}</dt>
      <dd>
        <span class="before">{before}</span>
        <span class="arrow" aria-hidden="true">
          →
        </span>
        <span class="unseen">then</span>
        <span class="after">{after}</span>
      </dd>
      <dd class="change">{change}</dd>
    </div>
  );
}

function Downloads({ report }: { readonly report: RunReport }): JSX.Element {
  const { result, archives } = report;
  const code = useLoaded(loadReportPage);
  const page = useMemo(() => {
    if (code.kind !== 'loaded') return undefined;
    const text = code.module.reportPage(result, document.implementation.createHTMLDocument());
    return new Blob([text], { type: 'text/html' });
  }, [result, code]);
  const data = useMemo(
    () => new Blob([`${JSON.stringify(result, null, 2)}\n`], { type: 'application/json' }),
    [result],
  );
  const name = (archives[0]?.name ?? 'report').replace(/\.tamp\.zip$/, '');
  return (
    <>
      {code.kind === 'failed' && <NotLoaded what="the code that writes the report" />}
      <div class="row">
        {archives.flatMap(({ parts }) =>
          parts.map((part) => (
            <Download
              key={part.name}
              name={part.name}
              blob={part.blob}
              label={`Download ${part.name}, ${bytesText(part.blob.size)}`}
              primary
            />
          )),
        )}
        {page !== undefined && <Download name={`${name}.html`} blob={page} label="Report" />}
        <Download name={`${name}.json`} blob={data} label="Figures as JSON" />
      </div>
    </>
  );
}

/** What a run came to. */
export function ResultCard(): JSX.Element | null {
  const state = runState.value;
  if (state.kind !== 'done') return null;
  const { result, missedGates } = state.report;
  const { sizes, evaluation } = result;
  const rows = qualityRows(evaluation.before, evaluation.after, 4, (a, b) => percentText(b / a - 1));
  return (
    <Card id="result" title="Result">
      <dl class="figures">
        <Figure
          name="size"
          before={bytesText(sizes.before)}
          after={bytesText(sizes.after)}
          change={sizes.after === 0 ? '' : `${(sizes.before / sizes.after).toFixed(2)}× smaller`}
        />
        {rows.map((row) => (
          <Figure key={row.name} {...row} />
        ))}
      </dl>
      {missedGates.length > 0 && (
        <ul class="problems">
          {missedGates.map((gate) => (
            <li key={gate.gate}>
              <span>Missed: {missedGateText(gate)}.</span>
              <span class="remedy">
                No archive was written. Choose milder settings, or change gates in the recipe.
              </span>
            </li>
          ))}
        </ul>
      )}
      <Downloads report={state.report} />
    </Card>
  );
}
