import type { FastifyRequest } from 'fastify';
import { withConfigured } from '../../domain/registry/registry-config.ts';
import { LinewardError } from '../../errors/lineward-error.ts';
import {
  type CompatibilityService,
  conflictMessages,
  type SubjectConflict,
} from '../../services/registry/compatibility.service.ts';
import type { RegistrySettingsService } from '../../services/registry/registry-settings.service.ts';
import type { SubjectReadModel } from '../../services/registry/subject.read-model.ts';
import type { SubjectService } from '../../services/registry/subject.service.ts';
import type { SubjectVersion } from '../../services/registry/subject-rows.ts';
import { placeOf } from './access.ts';
import { addPath, type RegistryScope } from './registry-protocol.ts';
import { flagOf, versionNumberOf } from './request-values.ts';
import { givenSchema, objectBody, readSchemaRequest } from './schema-request.ts';

export interface CompatibilityRoutesDeps {
  readonly subjects: SubjectReadModel;
  readonly subjectService: SubjectService;
  readonly compatibility: CompatibilityService;
  readonly registrySettingsService: RegistrySettingsService;
}

/** Codes of schemas that cannot be read. */
const invalidSchema: ReadonlySet<string> = new Set(['SCHEMA_INVALID', 'FIELD_DUPLICATE', 'LIMIT_EXCEEDED']);

/** What a schema is compared with: all versions that the level asks for, or these. */
type Versions = 'all' | readonly SubjectVersion[];

/** `/compatibility…`: whether a schema may follow the versions of a subject, and if not, why. Nothing is registered. */
export function compatibilityRoutes(scope: RegistryScope, deps: CompatibilityRoutesDeps): void {
  const { subjects, subjectService, compatibility, registrySettingsService } = deps;
  addPath(scope, '/compatibility/subjects/:subject/versions', { POST: ['READ', (request) => check(request, 'all')] });
  addPath(scope, '/compatibility/subjects/:subject/versions/:version', {
    POST: ['READ', async (request) => check(request, await versionsOf(request))],
  });

  /** The version to compare with; none when the latest is asked for and there is none. */
  async function versionsOf(request: FastifyRequest): Promise<readonly SubjectVersion[]> {
    const version = versionNumberOf(request);
    try {
      return [await subjects.version(placeOf(request), version, 'none')];
    } catch (error) {
      if (!(error instanceof LinewardError) || error.code !== 'SUBJECT_NOT_FOUND') throw error;
      if (version === 'latest') return [];
      throw new LinewardError('VERSION_NOT_FOUND', `Version ${version} not found.`, { path: ['version'] });
    }
  }

  async function check(request: FastifyRequest, versions: Versions): Promise<unknown> {
    const body = objectBody(request);
    const isVerbose = flagOf(request, 'verbose');
    try {
      const conflict = await conflictOf(request, body, versions);
      const messages = conflict === null ? [] : conflictMessages(conflict);
      return { is_compatible: conflict === null, ...(isVerbose ? { messages } : {}) };
    } catch (error) {
      // Whoever asks for messages gets what is wrong with an invalid schema among them.
      if (!isVerbose || !(error instanceof LinewardError) || !invalidSchema.has(error.code)) throw error;
      return { is_compatible: false, messages: [error.message] };
    }
  }

  async function conflictOf(
    request: FastifyRequest,
    body: Readonly<Record<string, unknown>>,
    versions: Versions,
  ): Promise<SubjectConflict | null> {
    const subject = placeOf(request);
    const given = givenSchema(readSchemaRequest(body));
    const { config } = await registrySettingsService.inForce(subject);
    const parsed = await subjectService.read(subject, given, flagOf(request, 'normalize') || config.normalize === true);
    const candidate = { parsed, metadata: withConfigured(config, given).metadata };
    if (versions === 'all') return compatibility.conflictUnder(subject, candidate, config);
    return compatibility.conflictWith(versions, candidate, config);
  }
}
