import { isRefusal } from '../errors/lineward-error.ts';
import type { UserErrorType } from '../schema/payload.type.ts';

interface PayloadBase {
  clientMutationId?: string | null;
  userErrors: readonly UserErrorType[];
  /** `details` of the refusal, for fields of a payload that tell them. */
  refusal?: Readonly<Record<string, unknown>>;
}

/**
 * Runs a mutation and shapes its payload: a refusal becomes a `userErrors` item, everything else a top-level error.
 */
export async function mutationPayload<Result extends object>(
  input: { readonly clientMutationId?: string },
  work: () => Promise<Result>,
): Promise<Partial<Result> & PayloadBase> {
  const clientMutationId = input.clientMutationId ?? null;
  try {
    return { ...(await work()), clientMutationId, userErrors: [] };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const field = error.field.length === 0 ? null : error.field;
    const refused: PayloadBase = {
      refusal: error.details,
      clientMutationId,
      userErrors: [{ code: error.code, message: error.message, field }],
    };
    return refused as Partial<Result> & PayloadBase;
  }
}
