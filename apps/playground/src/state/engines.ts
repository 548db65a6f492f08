import { type Signal, signal } from '@preact/signals';
import type { BackendInfo, BackendKind } from '../engine/backend-info.js';
import { EngineConnection } from '../engine/connection.js';
import type { Failure } from '../engine/failure.js';
import type { Workspace } from '../engine/workspace.js';
import { failureOf } from './problems-of.js';

/** Where an engine stands. */
export type EngineState =
  | { readonly kind: 'off' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'on'; readonly info: BackendInfo }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Both engines. Each has a worker of its own, so that losing one leaves the other as it is. */
export const engineStates: Readonly<Record<BackendKind, Signal<EngineState>>> = {
  cpu: signal<EngineState>({ kind: 'off' }),
  webgpu: signal<EngineState>({ kind: 'off' }),
};

const connections = new Map<BackendKind, Promise<EngineConnection>>();
/** The workspace that each connection has open. */
const opened = new WeakMap<EngineConnection, Workspace>();

async function start(kind: BackendKind): Promise<EngineConnection> {
  const state = engineStates[kind];
  state.value = { kind: 'starting' };
  const connection = new EngineConnection((failure) => {
    connections.delete(kind);
    state.value = { kind: 'failed', failure };
  });
  try {
    const info =
      kind === 'cpu' ? await connection.call('startCpu', {}) : await connection.call('startWebGpu', null);
    state.value = { kind: 'on', info };
    return connection;
  } catch (error) {
    connections.delete(kind);
    connection.terminate();
    state.value = { kind: 'failed', failure: failureOf(error) };
    throw error;
  }
}

/** The engine that computes with a backend; starts it if it does not run. Rejects with an `EngineError`. */
export function engineOf(kind: BackendKind): Promise<EngineConnection> {
  const known = connections.get(kind);
  if (known !== undefined) return known;
  const started = start(kind);
  connections.set(kind, started);
  return started;
}

/** The engine of a backend with a workspace open in it. */
export async function engineWith(kind: BackendKind, workspace: Workspace): Promise<EngineConnection> {
  const connection = await engineOf(kind);
  if (opened.get(connection) !== workspace) {
    await connection.call('open', workspace);
    opened.set(connection, workspace);
  }
  return connection;
}
