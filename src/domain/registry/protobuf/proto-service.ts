import type { ProtoMethod, ProtoOption, ProtoService } from './proto-file.ts';
import { optionStatement } from './proto-option.ts';
import type { ProtoTokens } from './proto-tokens.ts';

/** Reads a service, the word `service` having been taken. */
export function protoService(tokens: ProtoTokens): ProtoService {
  const name = tokens.name('the name of a service');
  const methods: ProtoMethod[] = [];
  const options: ProtoOption[] = [];
  tokens.expect('{');
  while (!tokens.takeIf('}')) {
    if (tokens.takeIf(';')) continue;
    if (tokens.takeIf('option')) options.push(optionStatement(tokens));
    else methods.push(method(tokens));
  }
  return { name, methods, options };
}

function method(tokens: ProtoTokens): ProtoMethod {
  tokens.expect('rpc');
  const name = tokens.name('the name of a method');
  const [request, streamsRequest] = streamed(tokens);
  tokens.expect('returns');
  const [response, streamsResponse] = streamed(tokens);
  const options: ProtoOption[] = [];
  if (!tokens.takeIf(';')) {
    tokens.expect('{');
    while (!tokens.takeIf('}')) {
      if (tokens.takeIf(';')) continue;
      tokens.expect('option');
      options.push(optionStatement(tokens));
    }
  }
  return { name, request, response, streamsRequest, streamsResponse, options };
}

function streamed(tokens: ProtoTokens): readonly [type: string, streams: boolean] {
  tokens.expect('(');
  const streams = tokens.takeIf('stream');
  const type = tokens.path('the type of a message');
  tokens.expect(')');
  return [type, streams];
}
