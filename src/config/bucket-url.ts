/** Bucket and folder of an `s3:` URL; null for any other text. */
export function bucketOfUrl(text: string): { readonly bucket: string; readonly prefix: string } | null {
  const [, bucket, prefix = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w./=-]*?))?\/?$/u.exec(text) ?? [];
  const isClean = prefix === '' || prefix.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return bucket === undefined || !isClean ? null : { bucket, prefix };
}
