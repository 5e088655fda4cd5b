import { readConfigUpdate } from '../../domain/registry/registry-config.ts';
import { readMode } from '../../domain/registry/registry-mode.ts';
import type { RegistrySettingsService } from '../../services/registry/registry-settings.service.ts';
import { placeOf } from './access.ts';
import { addPath, type PathHandlers, type RegistryScope } from './registry-protocol.ts';
import { flagOf } from './request-values.ts';
import { type Body, objectBody } from './schema-request.ts';

/** What a change of configuration may carry besides the level, by the names of the protocol. */
const configKeys = [
  ...['alias', 'normalize', 'validateFields', 'validateRules', 'compatibilityPolicy', 'compatibilityGroup'],
  ...['defaultMetadata', 'overrideMetadata', 'defaultRuleSet', 'overrideRuleSet'],
];

/** `/config…` and `/mode…`: of everything, of a context, of a subject. */
export function settingsRoutes(
  scope: RegistryScope,
  deps: { readonly registrySettingsService: RegistrySettingsService },
): void {
  const { registrySettingsService: settings } = deps;
  const config: PathHandlers = {
    GET: ['READ', (request) => settings.config(placeOf(request), flagOf(request, 'defaultToGlobal'))],
    PUT: [
      'CONFIG',
      async (request) => {
        const body = objectBody(request);
        await settings.changeConfig(request.actor, placeOf(request), readConfigUpdate(body));
        return repeated(body);
      },
    ],
    DELETE: ['CONFIG', (request) => settings.deleteConfig(request.actor, placeOf(request))],
  };
  const mode: PathHandlers = {
    GET: [
      'READ',
      async (request) => ({ mode: await settings.mode(placeOf(request), flagOf(request, 'defaultToGlobal')) }),
    ],
    PUT: [
      'CONFIG',
      async (request) => {
        const wanted = readMode(objectBody(request).mode);
        return { mode: await settings.changeMode(request.actor, placeOf(request), wanted, flagOf(request, 'force')) };
      },
    ],
    DELETE: [
      'CONFIG',
      async (request) => ({
        mode: await settings.deleteMode(request.actor, placeOf(request), flagOf(request, 'recursive')),
      }),
    ],
  };
  for (const path of ['/config', '/config/:subject']) addPath(scope, path, config);
  for (const path of ['/mode', '/mode/:subject']) addPath(scope, path, mode);
}

/** The answer repeats the request in the caller's spelling, without what is not known. */
function repeated(body: Body): Body {
  const given = configKeys.map((key): readonly [string, unknown] => [key, body[key]]);
  const level = ['compatibility', body.compatibility ?? body.compatibilityLevel] as const;
  return Object.fromEntries([level, ...given].filter(([, value]) => value !== undefined && value !== null));
}
