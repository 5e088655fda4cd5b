import Fastify from 'fastify';

/** A route that answers a constant of the given size, for comparison: `tsx bench/constant-server.ts <bytes>`. */
const body = Buffer.from(JSON.stringify({ schema: 'x'.repeat(Math.max(1, Number(process.argv[2] ?? 100) - 13)) }));
const server = Fastify();
server.get('/constant', (_request, reply) => reply.type('application/vnd.schemaregistry.v1+json').send(body));
process.stdout.write(`${await server.listen({ port: 0 })}\n`);
