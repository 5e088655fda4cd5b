/** `server.properties` of a single KRaft node on loopback, set so that restarts, retention and compaction take seconds. */
export function serverProperties(port: number, controllerPort: number, logDir: string): string {
  const ones = [
    'offsets.topic.replication.factor',
    'offsets.topic.num.partitions',
    ...['transaction.state.log', 'share.coordinator.state.topic'].flatMap((log) => [
      `${log}.replication.factor`,
      `${log}.min.isr`,
      `${log}.num.partitions`,
    ]),
  ];
  return `${[
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    `log.dirs=${logDir.replaceAll('\\', '/')}`,
    'auto.create.topics.enable=false',
    ...ones.map((name) => `${name}=1`),
    'group.initial.rebalance.delay.ms=0',
    // A broker that died without goodbye may register again only after its old session.
    'broker.session.timeout.ms=2000',
    'broker.heartbeat.interval.ms=500',
    // Retention and compaction show within seconds instead of minutes.
    'log.retention.check.interval.ms=2000',
    'log.cleaner.backoff.ms=500',
    'log.cleaner.dedupe.buffer.size=8388608',
    'log.segment.delete.delay.ms=1000',
  ].join('\n')}\n`;
}

/** `log4j2.properties`: warnings and worse to `file`. */
export const loggingProperties = (file: string): string =>
  [
    'status=error',
    'appender.file.type=File',
    'appender.file.name=file',
    `appender.file.fileName=${file.replaceAll('\\', '/')}`,
    'appender.file.layout.type=PatternLayout',
    'appender.file.layout.pattern=%d %p %c %m%n',
    'rootLogger.level=warn',
    'rootLogger.appenderRef.file.ref=file',
    '',
  ].join('\n');
