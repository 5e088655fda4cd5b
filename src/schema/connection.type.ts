import { ArgsType, type ClassType, Field, Int, ObjectType } from 'type-graphql';
import type { Page, PageRequest } from '../domain/page.ts';

@ArgsType()
export class ConnectionArgs implements PageRequest {
  @Field(() => Int, { nullable: true, description: 'Items from the start, 0 to 100. Default 50.' })
  first?: number;

  @Field(() => String, { nullable: true, description: 'Start after this cursor.' })
  after?: string;

  @Field(() => Int, { nullable: true, description: 'Items from the end, 0 to 100. Not together with `first`.' })
  last?: number;

  @Field(() => String, { nullable: true, description: 'End before this cursor.' })
  before?: string;
}

@ObjectType('PageInfo', { description: 'Where a page stands in its list.' })
export class PageInfoType {
  @Field(() => Boolean, { description: 'More items follow this page.' })
  hasNextPage!: boolean;

  @Field(() => Boolean, { description: 'More items precede this page.' })
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: 'Cursor of the first item; null on an empty page.' })
  startCursor!: string | null;

  @Field(() => String, { nullable: true, description: 'Cursor of the last item; null on an empty page.' })
  endCursor!: string | null;
}

/** Declares `<name>Connection` and `<name>Edge` over an object type. */
export function connectionOf<T extends object>(name: string, item: () => ClassType<T>, description: string) {
  @ObjectType(`${name}Edge`, { description: `An item of a ${name} list with its cursor.` })
  class Edge {
    @Field(item, { description: 'The item.' })
    node!: T;

    @Field(() => String, { description: 'Opaque position of the item, for `after` and `before`.' })
    cursor!: string;
  }

  @ObjectType(`${name}Connection`, { description })
  class Connection {
    readonly page: Page<T>;

    constructor(page: Page<T>) {
      this.page = page;
    }

    @Field(() => [Edge], { description: 'Items of this page with their cursors.' })
    get edges(): Edge[] {
      return this.page.items.map((node) => ({ node, cursor: this.page.cursorOf(node) }));
    }

    @Field(() => [item()], { description: 'Items of this page.' })
    get nodes(): readonly T[] {
      return this.page.items;
    }

    @Field(() => PageInfoType, { description: 'Where this page stands.' })
    get pageInfo(): PageInfoType {
      const { items } = this.page;
      const [first, last] = [items[0], items.at(-1)];
      return {
        hasNextPage: this.page.hasNextPage,
        hasPreviousPage: this.page.hasPreviousPage,
        startCursor: first === undefined ? null : this.page.cursorOf(first),
        endCursor: last === undefined ? null : this.page.cursorOf(last),
      };
    }

    @Field(() => Int, {
      description: 'Items of the whole list under the same filter. Costs a count; leave it out if not needed.',
    })
    totalCount(): Promise<number> {
      return this.page.totalCount();
    }
  }
  return Connection;
}
