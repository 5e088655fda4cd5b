/** A process that seals what waits; the test kills it in the middle. */
import { openDatabase } from '../../src/adapters/postgres/orm.ts';
import { AuditSealer } from '../../src/services/audit/audit-sealer.ts';

const { em } = await openDatabase(process.argv[2] ?? '');
await new AuditSealer({ em }).seal();
