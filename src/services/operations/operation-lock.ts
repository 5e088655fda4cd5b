import type { EntityManager } from '@mikro-orm/postgresql';
import { type Operation, OperationSchema } from '../../entities/operation.entity.ts';
import { LinewardError } from '../../errors/lineward-error.ts';

/** The operation, locked for this transaction. @throws LinewardError NOT_FOUND */
export async function lockOperation(tx: EntityManager, id: string): Promise<Operation> {
  await tx.execute('select 1 from operation where id = ? for update', [id]);
  const operation = await tx.findOne(OperationSchema, { id }, { refresh: true });
  if (operation === null) throw new LinewardError('NOT_FOUND', 'id: there is no such operation', { path: ['id'] });
  return operation;
}
