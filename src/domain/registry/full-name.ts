/** Namespace and name of an entity in `Demo.Message`; without a dot the namespace is empty. */
export function readFullName(fullName: string): { readonly namespace: string; readonly name: string } {
  const cut = fullName.lastIndexOf('.');
  return { namespace: fullName.slice(0, Math.max(cut, 0)), name: fullName.slice(cut + 1) };
}
