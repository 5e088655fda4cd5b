import { z } from 'zod';
import { LinewardError } from '../../errors/lineward-error.ts';

/** What a resource can be: the kinds of datasets. Confluent's clients know `topic` alone, and mean it when they say nothing. */
const resourceTypes = ['topic', 'lake_table', 'warehouse_table', 'search_index'] as const;
/** Which part of a resource a subject describes. */
const associationTypes = ['key', 'value'] as const;
/** STRONG: the subject belongs to the resource alone, and goes with it. WEAK: it only describes it. */
export const lifecycles = ['STRONG', 'WEAK'] as const;
export type Lifecycle = (typeof lifecycles)[number];

/** A resource outside the registry. */
export interface Resource {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
}

/** An association that a client asks for; null where it says nothing. */
export interface WantedAssociation {
  readonly associationType: string;
  readonly subject: string;
  readonly lifecycle: Lifecycle | null;
  readonly frozen: boolean | null;
  /** The body of a registration that comes first; null when the subject has its schema. */
  readonly schema: Readonly<Record<string, unknown>> | null;
  readonly normalize: boolean;
}

const name = z.string().min(1).max(1_024);
const wanted = z.object({
  subject: name.nullish(),
  associationType: z.enum(associationTypes).nullish(),
  lifecycle: z.enum(lifecycles).nullish(),
  frozen: z.boolean().nullish(),
  schema: z.record(z.string(), z.unknown()).nullish(),
  normalize: z.boolean().nullish(),
});
const request = z.object({
  resourceId: name,
  resourceName: name,
  resourceNamespace: name,
  resourceType: z.enum(resourceTypes).nullish(),
  associations: z.array(wanted).min(1).max(100),
});

/**
 * Reads a request for associations of one resource. A subject that is not named is `<resource>-<type>`, as serializers call it.
 * @throws LinewardError ASSOCIATION_INVALID with the place in the body
 */
export function readAssociations(body: unknown): {
  readonly resource: Resource;
  readonly wanted: readonly WantedAssociation[];
} {
  const parsed = request.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = (issue?.path ?? []).map(String);
    throw new LinewardError('ASSOCIATION_INVALID', `${path.join('.') || 'body'}: ${issue?.message ?? 'is not valid'}`, {
      path,
    });
  }
  const { resourceId, resourceName, resourceNamespace, resourceType, associations } = parsed.data;
  const resource = { id: resourceId, namespace: resourceNamespace, name: resourceName, type: resourceType ?? 'topic' };
  return { resource, wanted: associations.map((one, index) => settled(one, index, resource)) };
}

function settled(one: z.infer<typeof wanted>, index: number, resource: Resource): WantedAssociation {
  const associationType = one.associationType ?? 'value';
  const lifecycle = one.lifecycle ?? null;
  if (one.frozen === true && lifecycle === 'WEAK') {
    const path = ['associations', String(index), 'frozen'];
    throw new LinewardError('ASSOCIATION_INVALID', `${path.join('.')}: only a STRONG association can be frozen`, {
      path,
    });
  }
  return {
    associationType,
    subject: one.subject ?? `${resource.name}-${associationType}`,
    lifecycle,
    frozen: one.frozen ?? null,
    schema: one.schema ?? null,
    normalize: one.normalize ?? false,
  };
}
