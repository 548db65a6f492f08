/** Shows how work goes on. Stages come in the order they were announced. */
export interface Progress {
  start(key: string): void;
  update(key: string, done: number, total: number, detail?: string): void;
  end(key: string): void;
  /** Ends the display, whether or not all stages came to their end; resolves when it is drawn. */
  close(): Promise<void>;
}
