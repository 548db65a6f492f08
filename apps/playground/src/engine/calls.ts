import type { JsonSchema, RunEvent } from '@tamp/recipe';
import type { CpuInfo, WebGpuInfo } from './backend-info.js';
import type { CheckOutcome } from './jobs/check-recipe.js';
import type { Continuation, ContinueRequest } from './jobs/continue-prompt.js';
import type { ModelSummary } from './jobs/describe-model.js';
import type { Probe, ProbeProgress, ProbeRequest } from './jobs/probe-model.js';
import type { RunReport, RunStart } from './jobs/run-recipe.js';
import type { ModelFiles } from './model-files.js';
import type { CpuOptions } from './start-backend.js';
import type { Workspace } from './workspace.js';

/** What a page asks of an engine: for each call its input, what it tells while it works, and what it gives. */
export interface EngineCalls {
  /** Starts the WebAssembly backend. One of the two starts comes before all other calls. */
  startCpu: { input: CpuOptions; event: never; output: CpuInfo };
  startWebGpu: { input: null; event: never; output: WebGpuInfo };
  /** Opens a model and the files that recipes name. */
  open: { input: Workspace; event: never; output: null };
  /** Reads a model's description. */
  describe: { input: ModelFiles; event: never; output: ModelSummary };
  /** JSON schema of recipes with the page's modifiers. */
  schema: { input: null; event: never; output: JsonSchema };
  /** Checks a recipe against the open model; does no work. */
  check: { input: string; event: never; output: CheckOutcome };
  /** Runs a recipe on the open model. */
  run: { input: string; event: RunStart | RunEvent; output: RunReport };
  /** What a model answers, in numbers. */
  probe: { input: ProbeRequest; event: ProbeProgress; output: Probe };
  /** Continues a prompt; tells the text as it comes. */
  continue: { input: ContinueRequest; event: string; output: Continuation };
}
