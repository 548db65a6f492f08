import { TampError } from '@tamp/core';
import { editorSchema } from '@tamp/recipe';
import type { CallContext } from './call-context.js';
import type { EngineCalls } from './calls.js';
import { type ArchiveStore, openArchiveStore } from './host/archive-store.js';
import { createPageHost, type PageHost } from './host/page-host.js';
import { checkRecipe } from './jobs/check-recipe.js';
import { continuePrompt } from './jobs/continue-prompt.js';
import { describeModel } from './jobs/describe-model.js';
import { probeModel } from './jobs/probe-model.js';
import { runRecipe } from './jobs/run-recipe.js';
import { allModifiers } from './modifiers.js';
import { startCpu, startWebGpu } from './start-backend.js';

/** Answers a page's calls. */
export type Engine = {
  readonly [K in keyof EngineCalls]: (
    input: EngineCalls[K]['input'],
    context: CallContext<EngineCalls[K]['event']>,
  ) => Promise<EngineCalls[K]['output']>;
};

/** An engine; `onLost` is told when the graphics device goes away. */
export function createEngine(onLost: (reason: string) => void): Engine {
  let store: Promise<ArchiveStore> | undefined;
  let host: PageHost | undefined;
  const openHost = (): PageHost => {
    if (host !== undefined) return host;
    throw new TampError('no model is open', { code: 'usage', remedy: 'Choose a model.' });
  };
  return {
    startCpu: (options) => startCpu(options),
    startWebGpu: () => startWebGpu(onLost),
    async open(workspace) {
      await host?.forgetArchives();
      store ??= openArchiveStore();
      host = createPageHost(workspace, await store);
      return null;
    },
    describe: (files) => describeModel(files),
    schema: async () => editorSchema(await allModifiers()),
    check: (text) => checkRecipe(text, openHost()),
    run: (text, context) => runRecipe(text, openHost(), context),
    probe: probeModel,
    continue: continuePrompt,
  };
}
