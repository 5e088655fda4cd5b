/** Makes the S3 server that tests run against, where Go is there. */
import { gatewayProgram } from './gateway.ts';

const program = await gatewayProgram();
console.log(
  program === null ? 'the S3 server for tests could not be made; its tests will be skipped' : `S3 server: ${program}`,
);
