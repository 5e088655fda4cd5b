import { Arg, Ctx, Int, Query, Resolver } from 'type-graphql';
import type { ReportPage } from '../domain/governance/report.ts';
import { ReportNameEnum, ReportType, reportNamed } from '../schema/report.type.ts';
import { Instant } from '../schema/scalars.ts';
import type { ReportService } from '../services/governance/report.service.ts';
import type { RequestContext } from './context.ts';

const instant = { nullable: true } as const;

@Resolver()
export class ReportResolver {
  readonly #service: Pick<ReportService, 'page'>;

  constructor(deps: { readonly reportService: ReportService }) {
    this.#service = deps.reportService;
  }

  @Query(() => ReportType, {
    description:
      'A report that auditors ask for, to look at; reading it is an audit event. The whole, as CSV with a signed statement, is at `GET /api/v1/reports/{name}` and by `lineward report`.',
  })
  report(
    @Arg('name', () => ReportNameEnum, { description: 'Which.' }) name: string,
    @Arg('limit', () => Int, { defaultValue: 100, description: 'Rows, at most 1,000.' }) limit: number,
    @Arg('offset', () => Int, { defaultValue: 0, description: 'Rows left out before them.' }) offset: number,
    @Ctx() { actor }: RequestContext,
    @Arg('from', () => Instant, {
      ...instant,
      description: 'Only what happened from then on. Reports of how things stand pass over it.',
    })
    from?: Date | null,
    @Arg('to', () => Instant, {
      ...instant,
      description: 'Only what happened before. Reports of how things stand pass over it.',
    })
    to?: Date | null,
  ): Promise<ReportPage> {
    const range = { from: from ?? null, to: to ?? null };
    return this.#service.page(actor, { name: reportNamed(name), range, limit, offset });
  }
}
