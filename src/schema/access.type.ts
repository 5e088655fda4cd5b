import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { type Action, actions, type Role } from '../domain/access/role.ts';
import type { ApiToken } from '../entities/api-token.entity.ts';
import { connectionOf } from './connection.type.ts';
import { describedEnum } from './described-enum.ts';
import { NodeType } from './node.type.ts';
import { MutationInput, MutationPayload } from './payload.type.ts';
import { Instant } from './scalars.ts';

export const RoleEnum = describedEnum<Role>('Role', 'What somebody is to the service; one actor may have several.', {
  viewer: 'Reads the catalog.',
  engineer: 'Registers schemas, tables and streams, runs them, and sends records.',
  steward: 'Describes and classifies what is registered.',
  privacy_officer: 'Requests and approves operations on personal data, and may read it.',
  security_admin: 'Grants tokens, manages keys, approves. Cannot decrypt.',
  auditor: 'Reads the audit log and whom operations were about. Cannot decrypt.',
  legal: 'Places legal holds, and alone releases them.',
  service: 'A program: sends records, registers what they are, encrypts. Cannot decrypt.',
});

export const ActionEnum = describedEnum<Action>('Permission', 'What a role may do.', actions);

@ObjectType('Actor', { description: 'Who asks.' })
export class ActorType {
  @Field(() => String, { description: 'As audit events name it.' })
  actorId!: string;

  @Field(() => [RoleEnum], { description: 'What the actor is.' })
  roles!: readonly Role[];

  @Field(() => [ActionEnum], { description: 'What it may do.' })
  permissions!: readonly Action[];
}

@ObjectType('ApiToken', {
  implements: NodeType,
  description: 'A token of a person or program: whoever has its text is this actor. The text itself is not kept.',
})
class ApiTokenType
  extends NodeType
  implements Pick<ApiToken, 'name' | 'roles' | 'createdBy' | 'createdAt' | 'expiresAt' | 'revokedBy' | 'revokedAt'>
{
  @Field(() => String, { description: 'The name under which it acts.' })
  name!: string;

  @Field(() => [RoleEnum], { description: 'What it is.' })
  roles!: Role[];

  @Field(() => String, { description: 'Actor who made it.' })
  createdBy!: string;

  @Field(() => Instant, { description: 'When it was made.' })
  createdAt!: Date;

  @Field(() => Instant, { nullable: true, description: 'When it ends by itself; null for never.' })
  expiresAt!: Date | null;

  @Field(() => String, { nullable: true, description: 'Actor who revoked it; null while it is good.' })
  revokedBy!: string | null;

  @Field(() => Instant, { nullable: true, description: 'When it was revoked; null while it is good.' })
  revokedAt!: Date | null;
}

@InputType({ description: 'A token to make.' })
export class CreateApiTokenInput extends MutationInput {
  @Field(() => String, { description: 'The name under which it acts, e.g. a person or a program.' })
  name!: string;

  @Field(() => [RoleEnum], { description: 'What it is.' })
  roles!: Role[];

  @Field(() => Instant, { nullable: true, description: 'When it ends by itself; null for never.' })
  expiresAt?: Date;
}

@InputType({ description: 'A token to end.' })
export class RevokeApiTokenInput extends MutationInput {
  @Field(() => ID, { description: 'The token.' })
  id!: string;
}

@ObjectType({ description: 'The token after the change.' })
export class ApiTokenPayload extends MutationPayload {
  @Field(() => ApiTokenType, { nullable: true, description: 'The token; null when refused.' })
  apiToken?: Omit<ApiToken, 'digest'> | null;

  @Field(() => String, {
    nullable: true,
    description: 'The text of a token that was just made, to be sent as `Authorization: Bearer`. It is told this once.',
  })
  secret?: string | null;
}

export const ApiTokenConnection = connectionOf('ApiToken', () => ApiTokenType, 'Tokens, newest first.');
