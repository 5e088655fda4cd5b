import { resolve } from 'node:path';
import { writeConfigTable } from './config-table.ts';

const problem = await writeConfigTable(resolve('.'));
if (problem !== null) {
  console.error(problem);
  process.exitCode = 1;
}
