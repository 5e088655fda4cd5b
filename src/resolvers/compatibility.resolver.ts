import { Args, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import type { Incompatibility } from '../domain/registry/schema-format.ts';
import { readMetadata } from '../domain/registry/schema-metadata.ts';
import {
  CheckCompatibilityArgs,
  CompatibilityReportType,
  IncompatibilityType,
  type SchemaInput,
} from '../schema/compatibility.type.ts';
import { RegisterEntityVersionPayload } from '../schema/registry.input.ts';
import type { CompatibilityCheck, CompatibilityReport } from '../services/registry/compatibility-check.ts';
import type { GivenSchema } from '../services/registry/registration.ts';

@Resolver()
export class CompatibilityResolver {
  readonly #check: CompatibilityCheck;

  constructor(deps: { readonly compatibilityCheck: CompatibilityCheck }) {
    this.#check = deps.compatibilityCheck;
  }

  @Query(() => CompatibilityReportType, {
    description:
      'Whether a schema goes together with the versions of its subject, which rules are broken and how to mend them. Nothing is registered.',
  })
  checkCompatibility(
    @Args(() => CheckCompatibilityArgs) { input, level, policy }: CheckCompatibilityArgs,
  ): Promise<CompatibilityReport> {
    const { document, subject, schema } = input;
    const given = { document, subject, schema: schema === undefined ? undefined : givenSchema(schema) };
    return this.#check.check(given, { level, policy });
  }
}

function givenSchema({ format, text, references, metadata }: SchemaInput): GivenSchema {
  return {
    format,
    text,
    references: references ?? [],
    metadata: readMetadata(metadata, 'input.schema.metadata'),
    ruleSet: null,
  };
}

interface Conflict {
  readonly version: number;
  readonly incompatibilities: readonly Incompatibility[];
}

@Resolver(() => RegisterEntityVersionPayload)
export class RegisterEntityVersionPayloadFields {
  @FieldResolver(() => [IncompatibilityType], {
    description:
      'Rules that are broken between the document and an earlier version; at most 100. They refuse it where a compatibility level was set for its subject, and are advice where none was.',
  })
  incompatibilities(
    @Root() payload: { readonly conflict?: Conflict | null; readonly refusal?: Partial<Conflict> },
  ): readonly IncompatibilityType[] {
    const { version = 0, incompatibilities = [] } = payload.conflict ?? payload.refusal ?? {};
    return incompatibilities.map((found) => ({ ...found, version }));
  }
}
