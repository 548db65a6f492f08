export { bytesText } from './bytes-text.js';
export { missedGateText } from './missed-gate-text.js';
export { type QualityRow, qualityRows } from './quality-rows.js';
export { remainingText } from './remaining-time.js';
export type { EpochReport, ReportData } from './report-data.js';
export { runStages } from './run-stages.js';
export type { Stage } from './stage.js';
export { stageText } from './stage-text.js';
export { amountText, countText, durationText, percentText } from './texts.js';
