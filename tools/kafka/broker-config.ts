/** A second listener with TLS and logins, for tests of both. Besides the user there is `guest`, who may do nothing. */
export interface SecureListener {
  readonly port: number;
  /** PEM texts: the certificate of the broker, and its private key in PKCS #8. */
  readonly certificate: string;
  readonly key: string;
  readonly username: string;
  readonly password: string;
}

/** A PEM text in one line of a properties file. */
const oneLine = (pem: string): string => pem.trim().replaceAll('\n', '\\n');

function secureProperties({ certificate, key, username, password }: SecureListener): readonly string[] {
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}" user_guest="${password}";`;
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  return [
    'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    `super.users=User:ANONYMOUS;User:${username}`,
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    `listener.name.secure.plain.sasl.jaas.config=${plain}`,
    `listener.name.secure.scram-sha-256.sasl.jaas.config=${scram}`,
    `listener.name.secure.scram-sha-512.sasl.jaas.config=${scram}`,
    'listener.name.secure.ssl.keystore.type=PEM',
    `listener.name.secure.ssl.keystore.certificate.chain=${oneLine(certificate)}`,
    `listener.name.secure.ssl.keystore.key=${oneLine(key)}`,
  ];
}

/** `server.properties` of a single KRaft node on loopback, set so that restarts, retention and compaction take seconds. */
export function serverProperties(
  {
    port,
    controllerPort,
    secure,
  }: { readonly port: number; readonly controllerPort: number; readonly secure?: SecureListener | undefined },
  logDir: string,
): string {
  const listeners = [
    `PLAINTEXT://127.0.0.1:${port}`,
    ...(secure === undefined ? [] : [`SECURE://127.0.0.1:${secure.port}`]),
  ].join(',');
  const map = ['PLAINTEXT:PLAINTEXT', 'CONTROLLER:PLAINTEXT', ...(secure === undefined ? [] : ['SECURE:SASL_SSL'])];
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
    `listeners=${listeners},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=${listeners}`,
    `listener.security.protocol.map=${map.join(',')}`,
    ...(secure === undefined ? [] : secureProperties(secure)),
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
