import { defineModifier, type ModifierDefinition } from '@tamp/core';
import { createEqualization } from './equalization.js';
import { modifierName } from './modifier-name.js';
import { observersOf } from './observers-config.js';
import { type EqualizationSettings, settingsSchema } from './settings.js';

/**
 * Moves scale between activations and weights without changing the model's function, so that int8 loses less. Put it
 * before the modifier that quantizes.
 */
export const equalizationModifier: ModifierDefinition<EqualizationSettings> = defineModifier({
  name: modifierName,
  description:
    'Balances channels between activations and weights before int8, without changing the function.',
  options: settingsSchema,
  create: (settings) => createEqualization(settings, observersOf({})).modifier,
});
