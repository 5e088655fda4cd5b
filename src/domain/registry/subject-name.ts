import { LinewardError } from '../../errors/lineward-error.ts';

/** A subject within its context. The context `.` is the default one. */
export interface SubjectName {
  readonly context: string;
  readonly name: string;
}

export const defaultContext = '.';

/** Subjects under which Confluent's registry keeps settings of whole contexts. */
const globalSubjects = new Set(['__GLOBAL', '__EMPTY']);
const qualified = /^:(\.[^:]*):(.*)$/su;
const contextCharsMax = 255;
const subjectCharsMax = 1_024;

/**
 * Reads `subject`, or `:.context:subject` as Confluent qualifies it. An unqualified name is of `context`.
 * @throws LinewardError SUBJECT_INVALID for an empty name, control characters and reserved names.
 */
export function readSubjectName(text: string, context = defaultContext): SubjectName {
  const match = qualified.exec(text);
  const found =
    match === null ? { context, name: text } : { context: readContext(match[1] ?? ''), name: match[2] ?? '' };
  if (
    found.name === '' ||
    found.name.length > subjectCharsMax ||
    /\p{Cc}/u.test(found.name) ||
    !found.name.isWellFormed() ||
    globalSubjects.has(found.name)
  ) {
    throw new LinewardError(
      'SUBJECT_INVALID',
      `The specified subject '${text.slice(0, 80)}' is not valid: a subject has 1 to ${subjectCharsMax} characters, none of them a control character or half of a pair, and is not reserved.`,
      { path: ['subject'] },
    );
  }
  return found;
}

/** As `readSubjectName`, and for settings also the bare context `:.context:`, whose `name` is empty. */
export function readSettingName(text: string, context = defaultContext): SubjectName {
  const match = qualified.exec(text);
  return match !== null && match[2] === ''
    ? { context: readContext(match[1] ?? ''), name: '' }
    : readSubjectName(text, context);
}

/**
 * A context with its leading dot: `staging`, `.staging` and `:.staging:` are one.
 * @throws LinewardError SUBJECT_INVALID
 */
export function readContext(text: string): string {
  const bare = text.replace(/^:(.*):$/su, '$1');
  const context = bare.startsWith('.') ? bare : `.${bare}`;
  if (context.length > contextCharsMax || /[\p{Cc}:]/u.test(context) || !context.isWellFormed()) {
    throw new LinewardError('SUBJECT_INVALID', `The context '${text.slice(0, 80)}' is not valid.`, {
      path: ['context'],
    });
  }
  return context;
}

/** The name as clients see it: plain in the default context, qualified in others. */
export function printSubjectName(subject: SubjectName): string {
  return subject.context === defaultContext ? subject.name : `:${subject.context}:${subject.name}`;
}
