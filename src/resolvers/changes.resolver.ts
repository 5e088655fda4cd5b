import { Arg, Args, Query, Resolver, Root, Subscription } from 'type-graphql';
import type { Change } from '../domain/changes/change.ts';
import type { ChangeType } from '../domain/changes/change-type.ts';
import { ChangeConnection, ChangeObject, ChangeTypeEnum } from '../schema/change.type.ts';
import { ConnectionArgs } from '../schema/connection.type.ts';
import type { ChangeFeed } from '../services/changes/change-feed.read-model.ts';
import type { RequestContext } from './context.ts';

const typesDescription = 'Only changes of these types; all when absent.';

@Resolver()
export class ChangesResolver {
  readonly #changes: ChangeFeed;

  constructor(deps: { readonly changes: ChangeFeed }) {
    this.#changes = deps.changes;
  }

  @Query(() => ChangeConnection, {
    description: 'What was changed, oldest first. `after` and `before` take a `seq` as text, too.',
  })
  async changes(
    @Args(() => ConnectionArgs) page: ConnectionArgs,
    @Arg('types', () => [ChangeTypeEnum], { nullable: true, description: typesDescription }) types?: ChangeType[],
  ) {
    return new ChangeConnection(await this.#changes.changes(page, types ?? null));
  }

  @Subscription(() => ChangeObject, {
    description:
      'What was changed after a place, and then each change moments after it was made, until the client leaves. Who breaks off goes on with the last `seq`: nothing is left out, nothing told twice.',
    subscribe: ({ args, context }) => {
      const { types, after } = args as { readonly types?: ChangeType[] | null; readonly after?: string | null };
      return (context as RequestContext).changeFollowers.follow(types ?? null, after ?? null);
    },
  })
  changed(
    @Root() change: Change,
    @Arg('after', () => String, {
      nullable: true,
      description: 'A `seq` as text: tell what came behind it. From now on when absent; `0` from the beginning.',
    })
    _after?: string,
    @Arg('types', () => [ChangeTypeEnum], { nullable: true, description: typesDescription }) _types?: ChangeType[],
  ): Change {
    return change;
  }
}
