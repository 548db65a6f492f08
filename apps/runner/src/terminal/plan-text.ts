import type { RecipePlan, TextOutline } from '@tamp/recipe';
import { amountText, bytesText } from '@tamp/report';
import { shownPath } from '../host/open-model.js';
import { tableText } from './table.js';
import type { Terminal } from './terminal.js';

function outlineText(title: string, outline: TextOutline | null): readonly string[] {
  if (outline === null) return [];
  return [`${title}: ${amountText(outline.windows, 'window')} of ${outline.sequenceLength} tokens`];
}

function pipelineText(pipeline: RecipePlan['pipeline']): readonly string[] {
  if (pipeline === null || pipeline.kind === 'basic') return [];
  const { subgraphs, batchSize, intermediateBytes, intermediates } = pipeline;
  const between = `${bytesText(intermediateBytes)} of values between two of them, ${intermediates === 'disk' ? 'on disk' : 'in memory'}`;
  return [
    `Calibrates in ${amountText(subgraphs, 'part')}, one after the other, ${amountText(batchSize, 'window')} at a time; ${between}`,
  ];
}

const stageTitles: Readonly<Record<RecipePlan['phases'][number]['stage'], string>> = {
  'evaluate-before': 'evaluating before',
  train: 'training',
  modify: 'compressing',
  'evaluate-after': 'evaluating after',
  export: 'writing',
};

function secondsText(seconds: number | null): string {
  if (seconds === null) return 'not known';
  return seconds < 100 ? `${seconds.toPrecision(2)} s` : `${Math.round(seconds / 60)} min`;
}

function phasesText(terminal: Terminal, phases: RecipePlan['phases']): string {
  return tableText(
    terminal,
    [
      { title: 'stage' },
      { title: 'time', align: 'right' },
      { title: 'memory', align: 'right' },
      { title: 'disk', align: 'right' },
    ],
    phases.map(({ stage, seconds, memoryBytes, diskBytes }) => [
      stageTitles[stage],
      secondsText(seconds),
      bytesText(memoryBytes),
      bytesText(diskBytes),
    ]),
  );
}

/** A plan for a person: what each modifier does to which layer, then sizes and cost. */
export function planText(terminal: Terminal, plan: RecipePlan): string {
  const { bold } = terminal.colors;
  const parts = [
    `${bold(shownPath(plan.model))}: ${plan.architecture}, ${amountText(plan.parameters, 'parameter')}, ${bytesText(plan.sizes.before)}`,
  ];
  for (const { name, description, targets } of plan.modifiers) {
    parts.push(`${bold(name)} (${amountText(targets.length, 'layer')}): ${description}`);
    if (targets.length === 0) continue;
    parts.push(
      tableText(
        terminal,
        [
          { title: 'layer' },
          { title: 'scheme' },
          { title: 'before', align: 'right' },
          { title: 'after', align: 'right' },
        ],
        targets.map((target) => [
          target.layer,
          target.scheme,
          bytesText(target.bytesBefore),
          bytesText(target.bytesAfter),
        ]),
      ),
    );
  }
  parts.push(
    [
      `Parameters: ${bytesText(plan.sizes.before)} → ${bytesText(plan.sizes.after)}, before compression of the archive`,
      ...outlineText('Calibration', plan.calibration),
      ...pipelineText(plan.pipeline),
      ...outlineText('Evaluation, before and after', plan.evaluation),
      ...plan.export.map(({ to }) => `Writes: ${to}`),
      `Memory: about ${bytesText(plan.memoryBytes)} for weights and logits, beside Node itself`,
    ].join('\n'),
  );
  if (plan.phases.length > 0) parts.push(phasesText(terminal, plan.phases));
  for (const warning of plan.warnings) parts.push(`${terminal.colors.yellow('warning:')} ${warning}`);
  return parts.join('\n\n');
}
