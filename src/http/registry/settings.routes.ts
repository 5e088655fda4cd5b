import { readConfigUpdate } from '../../domain/registry/registry-config.ts';
import { readMode } from '../../domain/registry/registry-mode.ts';
import type { RegistrySettingsService } from '../../services/registry/registry-settings.service.ts';
import { addPath, flagOf, objectBody, type PathHandlers, placeOf, type RegistryScope } from './registry-protocol.ts';

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
        const { compatibilityLevel, ...change } = readConfigUpdate(objectBody(request));
        await settings.changeConfig(
          request.actor,
          placeOf(request),
          compatibilityLevel === undefined ? change : { compatibilityLevel, ...change },
        );
        // The answer repeats the request, where the level goes by its older name.
        const given = Object.entries({ compatibility: compatibilityLevel, ...change });
        return Object.fromEntries(given.filter(([, value]) => value !== null && value !== undefined));
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
