import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** A link that saves a Blob, which stays where it is until then. */
export function Download({
  name,
  blob,
  label,
  primary = false,
}: {
  readonly name: string;
  readonly blob: Blob;
  readonly label: string;
  readonly primary?: boolean;
}): JSX.Element {
  const [address, setAddress] = useState('');
  useEffect(() => {
    const url = URL.createObjectURL(blob);
    setAddress(url);
    return () => URL.revokeObjectURL(url);
  }, [blob]);
  return (
    <a class={`button${primary ? ' primary' : ''}`} href={address} download={name}>
      {label}
    </a>
  );
}
