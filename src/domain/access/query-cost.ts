/** What one GraphQL document may cost; ADR 0011 says why so much. */
export const queryCostMax = 10_000;
