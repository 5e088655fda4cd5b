import { Arg, Mutation, Query, Resolver } from 'type-graphql';
import type { Actor } from '../domain/access/actor.ts';
import {
  CryptoBulkPayload,
  CryptoPayload,
  CryptoResultType,
  DecryptBulkInput,
  DecryptInput,
  type DecryptItemInput,
  EncryptBulkInput,
  EncryptInput,
  type EncryptItemInput,
  RedactItemInput,
} from '../schema/privacy-values.type.ts';
import type { CryptoService, OpenItem, RedactItem, SealItem } from '../services/privacy/crypto.service.ts';
import { Acting } from './acting.ts';
import { mutationPayload } from './mutation-payload.ts';

@Resolver()
export class PrivacyValuesResolver {
  readonly #crypto: CryptoService;

  constructor(deps: { readonly crypto: CryptoService }) {
    this.#crypto = deps.crypto;
  }

  @Query(() => CryptoResultType, { description: 'One value redacted by the rules of its semantic type.' })
  async redact(
    @Acting() actor: Actor,
    @Arg('item', () => RedactItemInput, { description: 'The value.' }) item: RedactItemInput,
  ) {
    const [answer] = await this.#crypto.redact(actor, [redactItem(item)]);
    return answer;
  }

  @Query(() => [CryptoResultType], {
    description: 'At most 10,000 values redacted, one answer each in order. For more: `POST /api/v1/crypto:redact`.',
  })
  redactBulk(
    @Acting() actor: Actor,
    @Arg('items', () => [RedactItemInput], { description: 'The values.' }) items: RedactItemInput[],
  ) {
    return this.#crypto.redact(actor, items.map(redactItem));
  }

  @Mutation(() => CryptoPayload, { description: 'Encrypts one value into an envelope under its account’s key.' })
  encrypt(
    @Acting() actor: Actor,
    @Arg('input', () => EncryptInput, { description: 'The value.' }) input: EncryptInput,
  ) {
    return mutationPayload(input, async () => ({
      result: (await this.#crypto.seal(actor, [sealItem(input.item)]))[0] ?? null,
    }));
  }

  @Mutation(() => CryptoBulkPayload, {
    description: 'Encrypts many values, one answer each in order. For more than 10,000: `POST /api/v1/crypto:seal`.',
  })
  encryptBulk(
    @Acting() actor: Actor,
    @Arg('input', () => EncryptBulkInput, { description: 'The values.' }) input: EncryptBulkInput,
  ) {
    return mutationPayload(input, async () => ({ results: await this.#crypto.seal(actor, input.items.map(sealItem)) }));
  }

  @Mutation(() => CryptoPayload, {
    description:
      'Decrypts one envelope, for a purpose. Every call stands in the audit trail before the value goes out.',
  })
  decrypt(
    @Acting() actor: Actor,
    @Arg('input', () => DecryptInput, { description: 'The envelope.' }) input: DecryptInput,
  ) {
    return mutationPayload(input, async () => ({
      result: (await this.#crypto.open(actor, [openItem(input.item)], input.purpose))[0] ?? null,
    }));
  }

  @Mutation(() => CryptoBulkPayload, {
    description: 'Decrypts many envelopes, one answer each in order. For more than 10,000: `POST /api/v1/crypto:open`.',
  })
  decryptBulk(
    @Acting() actor: Actor,
    @Arg('input', () => DecryptBulkInput, { description: 'The envelopes.' }) input: DecryptBulkInput,
  ) {
    return mutationPayload(input, async () => ({
      results: await this.#crypto.open(actor, input.items.map(openItem), input.purpose),
    }));
  }
}

function redactItem({ ref, type, value, derived }: RedactItemInput): RedactItem {
  return { ref: ref ?? null, semanticType: type, value: value ?? null, derived: derived ?? false };
}

function sealItem({ ref, accountId, subject, value, type, suite, padding }: EncryptItemInput): SealItem {
  return {
    ref: ref ?? null,
    accountId,
    subject: subject ?? null,
    value: value ?? null,
    semanticType: type ?? '',
    suite: suite ?? 1,
    padding: padding ?? false,
  };
}

function openItem({ ref, accountId, envelope }: DecryptItemInput): OpenItem {
  return { ref: ref ?? null, accountId, value: envelope ?? null };
}
