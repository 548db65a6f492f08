import { fillSink, TampError } from '@tamp/core';
import { fileSink } from '@tamp/core/node';
import type { ReportData } from '@tamp/report';
import { reportPage } from '@tamp/report/page';
import { Window } from 'happy-dom';

async function pageOf(data: ReportData): Promise<string> {
  const window = new Window();
  try {
    // The report uses the standard DOM, which happy-dom implements under types of its own.
    return reportPage(data, window.document as unknown as Document);
  } finally {
    await window.happyDOM.close();
  }
}

/**
 * Writes a report: a page for a path that ends in `.html`, the same as JSON for `.json`. The file appears under its
 * name only when it is complete. Throws a `TampError` (`usage`) for another ending.
 */
export async function writeReport(data: ReportData, path: string): Promise<void> {
  let text: string;
  if (path.endsWith('.json')) text = `${JSON.stringify(data, null, 2)}\n`;
  else if (path.endsWith('.html')) text = await pageOf(data);
  else {
    throw new TampError('a report is written as .html or .json', {
      code: 'usage',
      at: { file: path },
      remedy: 'Give the report a name with one of these endings.',
    });
  }
  await fillSink(await fileSink(path), (sink) => sink.write(new TextEncoder().encode(text)));
}
