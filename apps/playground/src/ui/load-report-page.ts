/** Charts and the report as a page; with the plot library, which is only fetched once there is a result. */
export const loadReportPage = (): Promise<typeof import('@tamp/report/page')> => import('@tamp/report/page');
