import type { AddressInfo } from 'node:net';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { LinewardError } from '../errors/lineward-error.ts';
import type { AccessGuard } from '../services/access/access-guard.ts';
import type { Allowances } from '../services/access/allowances.ts';
import type { Authentication } from '../services/access/authentication.ts';
import type { AuditExport } from '../services/audit/audit-export.ts';
import type { EvidenceService } from '../services/governance/evidence.service.ts';
import type { ReportService } from '../services/governance/report.service.ts';
import type { KafkaGateway } from '../services/kafka/ports.ts';
import type { ProduceService } from '../services/kafka/produce.service.ts';
import type { ProxiedTopics } from '../services/kafka/proxied-topics.read-model.ts';
import type { IntakeService } from '../services/lake/intake.service.ts';
import type { LakeReadService } from '../services/lake-reads/lake-read.service.ts';
import type { LakeRows } from '../services/lake-reads/lake-rows.ts';
import type { CatalogImportService } from '../services/lineage/catalog-import.service.ts';
import type { EventLogReadModel } from '../services/lineage/event-log.read-model.ts';
import type { LineageCatalogReadModel } from '../services/lineage/lineage-catalog.read-model.ts';
import type { LineageIngestService } from '../services/lineage/lineage-ingest.service.ts';
import type { NodeGraphReadModel } from '../services/lineage/node-graph.read-model.ts';
import type { ErasureIntakeService } from '../services/operations/erasure-intake.service.ts';
import type { CryptoService } from '../services/privacy/crypto.service.ts';
import type { AssociationService } from '../services/registry/association.service.ts';
import type { CompatibilityService } from '../services/registry/compatibility.service.ts';
import type { MappingService } from '../services/registry/mapping.service.ts';
import type { RegistryReadModel } from '../services/registry/registry.read-model.ts';
import type { RegistryService } from '../services/registry/registry.service.ts';
import type { RegistrySettingsService } from '../services/registry/registry-settings.service.ts';
import type { RegistryTransferService } from '../services/registry/registry-transfer.service.ts';
import type { SchemaStore } from '../services/registry/schema-store.ts';
import type { SubjectReadModel } from '../services/registry/subject.read-model.ts';
import type { SubjectService } from '../services/registry/subject.service.ts';
import type { SubjectDeletionService } from '../services/registry/subject-deletion.service.ts';
import { auditRoutes } from './audit/audit.routes.ts';
import { reportRoutes } from './governance/report.routes.ts';
import { graphqlRoutes } from './graphql/graphql.routes.ts';
import type { GraphqlOptions } from './graphql/graphql-options.ts';
import { type HealthPart, healthRoutes, type MetricsPage } from './health/health.routes.ts';
import { intakeRoutes } from './intake/intake.routes.ts';
import { lakeReadRoutes } from './lake-reads/lake-read.routes.ts';
import { bulkRoutes } from './lineage/bulk.routes.ts';
import { catalogRoutes } from './lineage/catalog.routes.ts';
import { graphRoutes } from './lineage/graph.routes.ts';
import { importRoutes } from './lineage/import.routes.ts';
import { lineageRoutes } from './lineage/lineage.routes.ts';
import { type CertificateSource, createListener, type ListenerOptions } from './listener.ts';
import { erasureRoutes } from './operations/erasure.routes.ts';
import { cryptoRoutes } from './privacy/crypto.routes.ts';
import { produceRoutes } from './produce/produce.routes.ts';
import type { Reading } from './reading.ts';
import { registryRoutes } from './registry/registry.routes.ts';
import { refuseAddress } from './registry/registry-protocol.ts';
import { transferRoutes } from './registry/transfer.routes.ts';

/** Where the duration of every request is counted. */
export interface RequestMetrics extends MetricsPage {
  request(facts: { listener: string; method: string; route: string; status: number; seconds: number }): void;
}

export interface ListenersDeps extends Reading {
  readonly logger: FastifyBaseLogger;
  readonly metrics: RequestMetrics;
  readonly host: string;
  readonly authentication: Pick<Authentication, 'actorOf'>;
  readonly access: AccessGuard;
  readonly allowances: Allowances;
  /** Null: the listeners speak HTTP. */
  readonly certificate: CertificateSource | null;
  readonly hstsSeconds: number;
  readonly healthParts: readonly HealthPart[];
}

export interface ApiDeps extends Pick<Reading, 'visibleThings'> {
  readonly graphql: Pick<GraphqlOptions, 'schema' | 'contextOf' | 'development' | 'trusted'>;
  readonly incompatibleCode: number;
  readonly access: AccessGuard;
  readonly registry: RegistryReadModel;
  readonly schemaStore: SchemaStore;
  readonly associations: AssociationService;
  readonly registryTransfer: RegistryTransferService;
  readonly registryService: RegistryService;
  readonly mappingService: MappingService;
  readonly compatibility: CompatibilityService;
  readonly subjects: SubjectReadModel;
  readonly subjectService: SubjectService;
  readonly subjectDeletionService: SubjectDeletionService;
  readonly registrySettingsService: RegistrySettingsService;
  readonly produce: ProduceService;
  readonly proxiedTopics: ProxiedTopics;
  readonly kafka: KafkaGateway;
  readonly intake: IntakeService;
  readonly erasureIntake: ErasureIntakeService;
  readonly crypto: CryptoService;
  readonly lineageIngest: LineageIngestService;
  readonly catalogImport: CatalogImportService;
  readonly lineageEvents: EventLogReadModel;
  readonly auditExport: AuditExport;
  readonly reportService: ReportService;
  readonly evidenceService: EvidenceService;
  readonly lakeReads: LakeReadService;
  readonly lakeRows: LakeRows;
  readonly lineageCatalog: LineageCatalogReadModel;
  readonly lineageGraph: NodeGraphReadModel;
}

export interface ListenerPorts {
  readonly main: number;
  readonly registry: number;
  readonly produce: number;
}

const megabyte = 1024 * 1024;
/** A client that never sends the rest of its request must not hold up the stop. */
const drainMs = 5_000;

/** The addresses a process serves. */
export class Listeners {
  readonly #deps: ListenersDeps;
  readonly #servers: FastifyInstance[] = [];

  constructor(deps: ListenersDeps) {
    this.#deps = deps;
  }

  /** Without `api` only health and metrics, on the main port. @throws LinewardError PORT_IN_USE */
  async start(
    ports: ListenerPorts,
    api: ApiDeps | null,
  ): Promise<{ main: string; registry: string | null; produce: string | null }> {
    const main = this.#create('main', 8 * megabyte);
    main.setNotFoundHandler((request, reply) =>
      reply
        .status(404)
        .send({ code: 'NOT_FOUND', message: 'There is nothing at this address.', requestId: request.id }),
    );
    healthRoutes(main, { parts: this.#deps.healthParts, metrics: this.#deps.metrics });
    if (api === null) return { main: await this.#listen(main, 'PORT', ports.main), registry: null, produce: null };
    intakeRoutes(main, api);
    await main.register(async (scope) => transferRoutes(scope, api));
    await main.register(async (scope) => cryptoRoutes(scope, api));
    await main.register(async (scope) => erasureRoutes(scope, api));
    await main.register(async (scope) => lineageRoutes(scope, api));
    await main.register(async (scope) => auditRoutes(scope, api));
    await main.register(async (scope) => reportRoutes(scope, api));
    await main.register(async (scope) => lakeReadRoutes(scope, api));
    await main.register(async (scope) => {
      bulkRoutes(scope, api);
      importRoutes(scope, api);
    });
    await main.register(async (scope) => catalogRoutes(scope, api));
    await main.register(async (scope) => graphRoutes(scope, api));
    const { authentication, readers, allowances } = this.#deps;
    await graphqlRoutes(main, { ...api.graphql, authentication, readers, allowances });
    const registry = this.#create('registry', 16 * megabyte, { refuseAddress, ignoreTrailingSlash: true });
    await registry.register(async (scope) => registryRoutes(scope, { ...api, readers }));
    const produce = this.#create('produce', 16 * megabyte);
    await produce.register(async (scope) => produceRoutes(scope, api));
    return {
      main: await this.#listen(main, 'PORT', ports.main),
      registry: await this.#listen(registry, 'REGISTRY_PORT', ports.registry),
      produce: await this.#listen(produce, 'PRODUCE_PORT', ports.produce),
    };
  }

  /** Stops accepting, and waits for the requests that run; those that take longer than 5 s are cut off. */
  async stop(): Promise<void> {
    const late = setTimeout(() => {
      for (const server of this.#servers) server.server.closeAllConnections();
    }, drainMs);
    await Promise.all(this.#servers.map((server) => server.close()));
    clearTimeout(late);
  }

  #create(
    listener: string,
    bodyLimitBytes: number,
    more: Pick<ListenerOptions, 'refuseAddress' | 'ignoreTrailingSlash'> = {},
  ): FastifyInstance {
    const { metrics, ...deps } = this.#deps;
    const server = createListener({ ...deps, bodyLimitBytes, ...more });
    server.addHook('onResponse', (request, reply, done) => {
      done();
      const route = request.routeOptions.url ?? 'unmatched';
      metrics.request({
        listener,
        method: request.method,
        route,
        status: reply.statusCode,
        seconds: reply.elapsedTime / 1_000,
      });
    });
    this.#servers.push(server);
    return server;
  }

  async #listen(server: FastifyInstance, variable: string, port: number): Promise<string> {
    const { host, certificate } = this.#deps;
    try {
      await server.listen({ host, port });
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE') {
        throw new LinewardError(
          'PORT_IN_USE',
          `Port ${port} on ${host} is taken. Stop what runs there, or set ${variable} to another port (0 takes a free one).`,
          {
            path: [variable],
            cause,
          },
        );
      }
      if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') {
        throw new LinewardError(
          'CONFIG_INVALID',
          `The listener of ${variable} cannot bind to port ${port} on ${host} (${cause.code}). Check HOST and ${variable}.`,
          { path: [variable], cause },
        );
      }
      throw cause;
    }
    const { port: bound } = server.server.address() as AddressInfo;
    return `${certificate === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  }
}
