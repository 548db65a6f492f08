/**
 * A glob over dotted names as a regular expression for the whole name: `*` matches any run of characters, dots
 * included, `?` one character, `[abc]` and `[!abc]` one of a set (the rules of Unix file-name patterns).
 */
export function globToRegExp(glob: string): RegExp {
  let pattern = '';
  for (let i = 0; i < glob.length; i++) {
    const char = glob[i];
    if (char === '*') pattern += '.*';
    else if (char === '?') pattern += '.';
    else if (char === '[') {
      // A ']' right after the bracket, or after its '!', is a member of the set.
      const first = glob[i + 1] === '!' ? i + 2 : i + 1;
      const close = glob.indexOf(']', first + 1);
      if (close === -1) {
        pattern += '\\[';
      } else {
        const members = glob.slice(first, close).replace(/[\\\]^]/g, '\\$&');
        pattern += `[${first === i + 2 ? '^' : ''}${members}]`;
        i = close;
      }
    } else pattern += char.replace(/[.+^${}()|\\\]]/g, '\\$&');
  }
  return new RegExp(`^${pattern}$`, 's');
}

/** Whether a pattern of a recipe is a glob (as opposed to a plain name). */
export function isGlob(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}
