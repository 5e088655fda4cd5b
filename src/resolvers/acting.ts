import { createParameterDecorator } from 'type-graphql';
import type { RequestContext } from './context.ts';

/** The actor of the request, as a resolver parameter. */
export function Acting(): ReturnType<typeof createParameterDecorator> {
  return createParameterDecorator<RequestContext>(({ context }) => context.actor);
}
