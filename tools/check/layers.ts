import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import extractDepcruiseConfig from 'dependency-cruiser/config-utl/extract-depcruise-config';
import type { Step } from './step.ts';

/** With fewer modules than this the parser did not read the tree, and silence would mean nothing. */
export const modulesMin = 200;

const folders = ['src', 'packages/lake-client/src', 'migrations', 'demo', 'bench', 'tools'] as const;

export interface LayerReport {
  /** Modules of our own that were read. */
  readonly modules: number;
  /** `rule: from → to`, one per forbidden import. */
  readonly violations: readonly string[];
}

/** Reads the tree below `root` and holds it against `.dependency-cruiser.cjs` of that tree. */
export async function layerReport(root: string): Promise<LayerReport> {
  const { forbidden, options } = await extractDepcruiseConfig(join(root, '.dependency-cruiser.cjs'));
  const { enhancedResolveOptions, ...cruiseOptions } = options ?? {};
  const { output } = await cruise(
    folders.filter((folder) => existsSync(join(root, folder))),
    { ...cruiseOptions, baseDir: root, validate: true, ruleSet: { forbidden: forbidden ?? [] } },
    enhancedResolveOptions,
  );
  const { modules, summary } = output as ICruiseResult;
  return {
    modules: modules.filter(({ source }) => folders.some((folder) => source.startsWith(`${folder}/`))).length,
    violations: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`),
  };
}

export const layersStep: Step = {
  name: 'layers',
  async run(root) {
    const { modules, violations } = await layerReport(root);
    const blind =
      modules < modulesMin ? [`only ${modules} modules were read; at least ${modulesMin} are expected`] : [];
    return { problems: [...blind, ...violations], note: `${modules} modules` };
  },
};
