/** The lease of who tells a webhook. */
export const webhookLease = (webhookId: string): string => `webhook:${webhookId}`;
