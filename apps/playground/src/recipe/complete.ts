import type { CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import type { JsonSchema } from '@tamp/recipe';
import { suggestionsAt } from './suggestions.js';

/** Completion for the editor from the recipes' JSON schema. */
export function completeRecipe(
  schema: JsonSchema | null,
  { state, pos, explicit }: CompletionContext,
): CompletionResult | null {
  if (schema === null) return null;
  const line = state.doc.lineAt(pos);
  const comment = /(^|\s)#/.test(state.sliceDoc(line.from, pos));
  if (comment) return null;
  const { typed, list } = suggestionsAt(schema, state.sliceDoc(0, pos), state.doc.toString());
  // Unasked, it speaks up only once something is typed.
  if (list.length === 0 || (!explicit && typed === 0)) return null;
  return {
    from: pos - typed,
    validFor: /^["']?[\w@./-]*$/,
    options: list.map(({ label, kind, insert, description }) => ({
      label,
      type: kind === 'key' ? 'property' : 'enum',
      ...(description === undefined ? {} : { info: description }),
      apply(view, _completion, from, to) {
        const brace = insert.endsWith('{ }');
        view.dispatch({
          changes: { from, to, insert },
          selection: { anchor: from + insert.length - (brace ? 2 : 0) },
          userEvent: 'input.complete',
        });
      },
    })),
  };
}
