export { type ChartOptions, errorChart, sizeChart } from './charts.js';
export { reportPage } from './report-page.js';
