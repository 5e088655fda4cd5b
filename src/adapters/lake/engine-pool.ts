import type { IndexRequest, IndexResult, KeysRequest, KeysResult } from '../../domain/lake/key-reading.ts';
import type {
  FileFinding,
  FindRequest,
  LakeEngine,
  ProfileRequest,
  ProfileResult,
  RewriteRequest,
  RewriteResult,
  SurveyedFile,
  SurveyRequest,
  TransformRequest,
  VerifyRequest,
  VerifyResult,
  WriteRequest,
} from '../../services/lake/ports.ts';

interface Member {
  readonly engine: LakeEngine;
  /** Requests that it has not answered. */
  waiting: number;
}

/**
 * Several engines as one: a request goes to the engine that has least to do, so that what is long keeps nothing else waiting, and
 * files of one question are shared out among all. An engine that dies takes its own requests with it and no others.
 */
export class EnginePool implements LakeEngine {
  readonly #members: readonly [Member, ...Member[]];

  constructor([first, ...others]: readonly [LakeEngine, ...LakeEngine[]]) {
    const member = (engine: LakeEngine): Member => ({ engine, waiting: 0 });
    this.#members = [member(first), ...others.map(member)];
  }

  write(request: WriteRequest): Promise<{ readonly rows: number; readonly bytes: number }> {
    return this.#ask((engine) => engine.write(request));
  }

  find(request: FindRequest): Promise<readonly FileFinding[]> {
    return this.#share(request.files, (engine, files) => engine.find({ ...request, files }));
  }

  survey(request: SurveyRequest): Promise<readonly SurveyedFile[]> {
    return this.#share(request.files, (engine, files) => engine.survey({ ...request, files }));
  }

  rewrite(request: RewriteRequest): Promise<RewriteResult> {
    return this.#ask((engine) => engine.rewrite(request));
  }

  profile(request: ProfileRequest): Promise<ProfileResult> {
    return this.#ask((engine) => engine.profile(request));
  }

  transform(request: TransformRequest): Promise<RewriteResult> {
    return this.#ask((engine) => engine.transform(request));
  }

  keys(request: KeysRequest): Promise<KeysResult> {
    return this.#ask((engine) => engine.keys(request));
  }

  index(request: IndexRequest): Promise<IndexResult> {
    return this.#ask((engine) => engine.index(request));
  }

  verify(request: VerifyRequest): Promise<VerifyResult> {
    return this.#ask((engine) => engine.verify(request));
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ engine }) => engine.close()));
  }

  async #ask<T>(work: (engine: LakeEngine) => Promise<T>): Promise<T> {
    const member = this.#members.reduce((least, one) => (one.waiting < least.waiting ? one : least));
    member.waiting += 1;
    try {
      return await work(member.engine);
    } finally {
      member.waiting -= 1;
    }
  }

  /** Answers in the order of the files. Where one part fails the others are waited for, so that nothing goes on unseen. */
  async #share<T>(
    files: readonly string[],
    work: (engine: LakeEngine, part: readonly string[]) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    const length = Math.max(1, Math.ceil(files.length / this.#members.length));
    const parts = Array.from({ length: Math.ceil(files.length / length) }, (_, index) =>
      files.slice(index * length, (index + 1) * length),
    );
    const answers = await Promise.allSettled(parts.map((part) => this.#ask((engine) => work(engine, part))));
    return answers.flatMap((answer) => {
      if (answer.status === 'rejected') throw answer.reason;
      return answer.value;
    });
  }
}
