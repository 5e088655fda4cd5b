import { subjects } from './privacy-subjects.ts';

/** Measures one subject in this process and sends its cases to the process that asked. */
const cases = await subjects[process.argv[2] ?? '']?.();
if (cases === undefined) throw new Error('No such subject.');
process.send?.(cases, () => process.exit(0));
