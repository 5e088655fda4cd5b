import { resolve } from 'node:path';
import { writeSchema } from './schema-file.ts';

await writeSchema(resolve('.'));
