/**
 * Path or URL of a part of an archive: part 0 is the archive's own name, the others add their number to it,
 * `model.tamp.zip` → `model.part-0001.tamp.zip`.
 */
export function partName(archive: string, part: number): string {
  if (part === 0) return archive;
  const suffix = /(\.tamp)?\.zip$/i.exec(archive)?.[0] ?? '';
  const stem = archive.slice(0, archive.length - suffix.length);
  return `${stem}.part-${String(part).padStart(4, '0')}${suffix}`;
}
