/** Name of the modifier in recipes and reports. */
export const modifierName = '@tamp/equalization';
