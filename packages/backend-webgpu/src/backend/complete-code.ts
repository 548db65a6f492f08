/** A directive on a line of its own; WGSL wants all of them before any declaration. */
const directive = /^[ \t]*(?:enable|requires)[ \t][^;]*;[ \t]*$/gm;

/**
 * WGSL code with its directives first. tfjs writes its own declarations before a program's code, where a directive is
 * no longer allowed.
 */
function hoistDirectives(code: string): string {
  const found = new Set(Array.from(code.matchAll(directive), ([line]) => line.trim()));
  return found.size === 0 ? code : `${[...found].join('\n')}\n${code.replace(directive, '')}`;
}

/**
 * The entry point that tfjs writes around a program, with the number of the subgroup in `subgroupId` and how many there
 * are in `subgroupCount`, where the program declares these variables.
 */
function passSubgroups(code: string): string {
  if (!code.includes('var<private> subgroupId')) return code;
  return code
    .replace(
      'fn _start(',
      'fn _start(@builtin(subgroup_id) SubgroupId : u32, @builtin(num_subgroups) SubgroupCount : u32,\n                ',
    )
    .replace(
      'localId = LocalId;',
      'subgroupId = SubgroupId;\n        subgroupCount = SubgroupCount;\n        localId = LocalId;',
    );
}

/** The WGSL that tfjs has made of a program, as a device takes it. */
export function completeCode(code: string): string {
  return hoistDirectives(passSubgroups(code));
}
