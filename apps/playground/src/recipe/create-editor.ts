import { autocompletion, closeBrackets, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { indentOnInput } from '@codemirror/language';
import { lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import type { JsonSchema } from '@tamp/recipe';
import type { Problem } from '../engine/failure.js';
import { completeRecipe } from './complete.js';
import { diagnosticsOf, problemRange } from './diagnostics.js';
import { editorTheme } from './editor-theme.js';

/** The editor of a recipe. Tab moves on, as everywhere in the page: it does not indent. */
export interface RecipeEditor {
  setText(text: string): void;
  setProblems(problems: readonly Problem[]): void;
  /** Puts the cursor where a problem is. */
  goTo(problem: Problem): void;
  destroy(): void;
}

/** Options of {@link createRecipeEditor}. */
export interface RecipeEditorOptions {
  readonly parent: HTMLElement;
  readonly text: string;
  /** Id of the element that names it. */
  readonly labelledBy: string;
  /** Id of the element that describes it. */
  readonly describedBy: string;
  readonly schema: () => JsonSchema | null;
  readonly onChange: (text: string) => void;
}

/** Creates the editor in an element. */
export function createRecipeEditor(options: RecipeEditorOptions): RecipeEditor {
  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        lineNumbers(),
        lintGutter(),
        history(),
        drawSelection(),
        indentOnInput(),
        closeBrackets(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        yaml(),
        EditorView.lineWrapping,
        autocompletion({ override: [(context) => completeRecipe(options.schema(), context)], icons: false }),
        keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap]),
        editorTheme,
        EditorView.contentAttributes.of({
          'aria-labelledby': options.labelledBy,
          'aria-describedby': options.describedBy,
        }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    setText(text) {
      if (text === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    setProblems(problems) {
      view.dispatch(setDiagnostics(view.state, diagnosticsOf(view.state.doc, problems)));
    },
    goTo(problem) {
      const { from } = problemRange(view.state.doc, problem);
      view.dispatch({ selection: { anchor: from }, scrollIntoView: true });
      view.focus();
    },
    destroy: () => view.destroy(),
  };
}
